//! `inzage conformance run`: the arguments, and the files that it leaves behind.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use url::Url;

use super::{Error, Options, run};

/// Test a running gateway against the built-in cases and write a report.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// The gateway's public address, such as http://127.0.0.1:8080
    #[arg(long)]
    pub target: Url,
    /// The folder of `inzage demo` with demo.json (accounts, apps) and outbox/sms.jsonl
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// The file with sent SMS messages, when it is not in --data
    #[arg(long)]
    pub outbox: Option<PathBuf>,
    /// Test this tenant only; may be repeated. Without --data at least one is needed
    #[arg(long)]
    pub tenant: Vec<String>,
    /// A folder with cases of your own in place of the built-in ones
    #[arg(long)]
    pub cases: Option<PathBuf>,
    /// Run the cases whose id starts with this
    #[arg(long)]
    pub only: Option<String>,
    /// A list of known failures in place of the built-in one
    #[arg(long)]
    pub expected: Option<PathBuf>,
    /// Write report.html, report.json and junit.xml here
    #[arg(long)]
    pub out: Option<PathBuf>,
}

impl Arguments {
    fn options(self, seed: [u8; 32], now: Timestamp) -> Options {
        let mut options = Options::new(self.target, seed, now);
        if let Some(folder) = self.data {
            options = options.demo(folder);
        }
        options.outbox = self.outbox.or(options.outbox);
        options.tenants = self.tenant;
        options.cases = self.cases;
        options.only = self.only;
        options.expected = self.expected;
        options
    }
}

/// Runs, prints what did not pass and the counts, writes the report. `true` when the run passed.
pub async fn execute(arguments: Arguments, seed: [u8; 32], now: Timestamp) -> Result<bool, Error> {
    let out = arguments.out.clone();
    let report = run(arguments.options(seed, now)).await?;
    print!("{}", report.to_text());
    if let Some(folder) = out {
        write(&folder, "report.html", &report.to_html())?;
        write(&folder, "report.json", &report.to_json())?;
        write(&folder, "junit.xml", &report.to_junit())?;
        println!("report: {}", folder.join("report.html").display());
    }
    Ok(report.passed())
}

fn write(folder: &Path, name: &str, content: &str) -> Result<(), Error> {
    let path = folder.join(name);
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, content));
    written.map_err(|source| Error::Unreadable { path, source })
}
