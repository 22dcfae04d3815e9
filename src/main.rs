//! The `inzage` command.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser;
use inzage::admin::{self, Cli};
use tracing_subscriber::EnvFilter;

/// JSON is made of small allocations, which often end on another thread than they began on.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("inzage=info,warn"));
    // Lines for machines where a machine reads them, words where a person does.
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        log.compact().with_target(false).init();
    } else {
        log.json().init();
    }
    admin::panics::quiet();
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .expect("no other provider was installed before");
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(admin::run(cli)),
        Err(error) => {
            eprintln!("inzage: the runtime cannot start: {error}");
            ExitCode::from(2)
        }
    }
}
