//! The command line of the bench.

use std::time::Duration;

/// What this process is.
pub enum Part {
    Bench(Options),
    /// The ceiling, in a process of its own.
    Bare {
        database: String,
    },
    /// `cargo test` runs benches too, with `--test`: there is nothing to measure in such a build.
    Nothing,
}

/// What to measure.
#[derive(Clone, Debug)]
pub struct Options {
    /// A PostgreSQL server on which a database of our own is made; none is an SQLite file.
    pub database: Option<String>,
    /// Clients of the mock ECD: about 300 records each.
    pub clients: usize,
    /// Days of their reports before today.
    pub report_days: usize,
    /// How long each kind of request is sent.
    pub time: Duration,
    /// How often each kind of request is measured; the best is told.
    pub rounds: usize,
    /// Nothing but the refresh of tokens, which needs no data.
    pub only_refresh: bool,
}

const USAGE: &str = "cargo bench --bench gateway -- [--database postgres://…] [--clients N] [--report-days D] [--seconds S] [--rounds R] [--only-refresh]";

pub fn read(arguments: impl Iterator<Item = String>) -> Part {
    let mut options = Options {
        database: None,
        clients: 250,
        report_days: 180,
        time: Duration::from_secs(4),
        rounds: 2,
        only_refresh: false,
    };
    let mut bare = None;
    let mut arguments = arguments;
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(|| wrong(&name));
        match name.as_str() {
            // cargo adds it.
            "--bench" => {}
            "--test" => return Part::Nothing,
            "--bare" => bare = Some(value()),
            "--database" => options.database = Some(value()),
            "--clients" => options.clients = number(&name, &value()).max(10),
            "--report-days" => options.report_days = number(&name, &value()).max(1),
            "--seconds" => options.time = Duration::from_secs(number(&name, &value()).max(1) as u64),
            "--only-refresh" => options.only_refresh = true,
            "--rounds" => options.rounds = number(&name, &value()).max(1),
            _ => wrong(&name),
        }
    }
    match bare {
        Some(database) => Part::Bare { database },
        None => Part::Bench(options),
    }
}

fn number(name: &str, text: &str) -> usize {
    text.parse().unwrap_or_else(|_| wrong(name))
}

fn wrong(name: &str) -> ! {
    eprintln!("{name}: not understood\n{USAGE}");
    std::process::exit(2)
}
