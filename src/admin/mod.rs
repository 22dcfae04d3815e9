//! The commands of the `inzage` binary.
//!
//! # Design
//! Each command is one flow: it reads the configuration, does its work, prints for people on standard error and the result on
//! standard output, and ends with 0, with 1 (it ran and the answer is no) or with 2 (it could not run).

mod account;
mod bars;
pub mod cli;
mod demo;
mod integrate;
mod operate;
mod serve;

use std::process::ExitCode;

use crate::config::Problem;

pub use cli::Cli;

/// Runs one command.
pub async fn run(cli: Cli) -> ExitCode {
    use cli::Command;
    let done = match cli.command {
        Command::Demo(options) => demo::run(options).await,
        Command::Serve(at) => serve::run(&at).await,
        Command::Check(at) => operate::check(&at).await,
        Command::Sync(options) => operate::sync(options).await,
        Command::Migrate(at) => operate::migrate(&at).await,
        Command::Map(command) => integrate::map(command),
        Command::Account(command) => operate::account(command).await,
        Command::App(command) => operate::app(command).await,
        Command::Tenant(command) => operate::tenant(command),
        Command::Key(command) => operate::key(command),
        Command::Audit(command) => operate::audit(command).await,
        Command::Conformance(command) => operate::conformance(command).await,
        Command::Mock(command) => integrate::mock(command).await,
        Command::Config(command) => integrate::config(command),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("inzage: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Every problem of a configuration in one error.
fn told(problems: &[Problem]) -> anyhow::Error {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    anyhow::anyhow!(
        "the configuration has {} problem(s):\n{}",
        lines.len(),
        lines.join("\n")
    )
}
