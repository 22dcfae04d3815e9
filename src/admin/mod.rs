//! The commands of the `inzage` binary.
//!
//! # Design
//! Each command is one flow: it reads the configuration, does its work, prints for people on standard error and the result on
//! standard output, and ends with 0, with 1 (it ran and the answer is no) or with 2 (it could not run).

/// Prints a line of the result. Whoever reads may stop reading (`| head`): that is no error.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

mod account;
mod app;
mod bars;
mod check;
pub mod cli;
mod connect;
mod definitions;
mod demo;
mod integrate;
mod key;
mod link;
mod mock;
mod ons;
mod operate;
pub mod panics;
mod serve;
mod sync;

use std::process::ExitCode;

use crate::config::Problem;

pub use cli::Cli;

/// Runs one command.
pub async fn run(cli: Cli) -> ExitCode {
    use cli::Command;
    let done = match cli.command {
        Command::Demo(options) => demo::run(options).await,
        Command::Serve(at) => serve::run(&at).await,
        Command::Check(at) => check::run(&at).await,
        Command::Sync(options) => Box::pin(sync::run(options)).await,
        Command::Migrate(at) => operate::migrate(&at).await,
        Command::Map(command) => integrate::map(command),
        Command::Contract(command) => integrate::contract(command),
        Command::Account(command) => account::run(command).await,
        Command::App(command) => app::run(command).await,
        Command::Tenant(command) => operate::tenant(command).await,
        Command::Key(command) => key::run(command).await,
        Command::Audit(command) => operate::audit(command).await,
        Command::Conformance(command) => operate::conformance(command).await,
        Command::Mock(command) => mock::run(command).await,
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

#[cfg(test)]
mod tests {
    use crate::db::fresh::fresh;
    use crate::db::{Conn, Dialect, Sql};

    type Files = [(&'static str, &'static [(&'static str, Sql)]); 30];

    /// Every file with SQL, and its statements.
    const FILES: Files = [
        ("db/migrate", crate::db::migrate::STATEMENTS),
        ("db/lease", crate::db::lease::STATEMENTS),
        ("audit", crate::audit::store::STATEMENTS),
        ("notify", crate::notify::store::STATEMENTS),
        ("account", crate::account::store::STATEMENTS),
        ("account/factor", crate::account::factor::store::STATEMENTS),
        ("account/link", crate::account::link::store::STATEMENTS),
        ("consent", crate::consent::store::STATEMENTS),
        ("oauth/key", crate::oauth::key::store::STATEMENTS),
        ("oauth/request", crate::oauth::request::store::STATEMENTS),
        ("oauth/grant", crate::oauth::grant::store::STATEMENTS),
        ("oauth/app", crate::oauth::app::store::STATEMENTS),
        ("oauth/device", crate::oauth::device::store::STATEMENTS),
        ("login", crate::login::store::STATEMENTS),
        ("login/challenge", crate::login::challenge::store::STATEMENTS),
        ("login/session", crate::login::session::store::STATEMENTS),
        ("login/device", crate::login::device::store::STATEMENTS),
        ("login/terms", crate::login::terms::store::STATEMENTS),
        ("login/upstream", crate::login::upstream::store::STATEMENTS),
        ("resource", crate::resource::store::STATEMENTS),
        ("resource/refer", crate::resource::refer::store::STATEMENTS),
        ("rest/export", crate::rest::export::store::STATEMENTS),
        ("rest/state", crate::rest::state::store::STATEMENTS),
        ("sync", crate::sync::store::STATEMENTS),
        ("sync/quarantine", crate::sync::quarantine::store::STATEMENTS),
        ("sync/removal", crate::sync::removal::store::STATEMENTS),
        ("sync/state", crate::sync::state::store::STATEMENTS),
        ("sync/subject", crate::sync::subject::store::STATEMENTS),
        ("sync/cost", crate::sync::cost::store::STATEMENTS),
        ("sync/hooks", crate::sync::hooks::store::STATEMENTS),
    ];

    /// The database under test reads every statement of the program; the other one does in its own run.
    #[tokio::test]
    async fn every_statement_is_understood() {
        let (_folder, db) = fresh().await;
        let mut read = db.read().await.unwrap();
        for (file, statements) in FILES {
            assert!(!statements.is_empty(), "{file} has no statement");
            for (name, sql) in statements {
                if let Err(error) = read.prepare(*sql).await {
                    panic!("{file} {name}: {error:?}");
                }
            }
        }
    }

    /// A statement that goes through all of a table, or of a tenant, is cheap in a test and costs minutes on a million records.
    #[tokio::test]
    async fn no_statement_goes_through_everything_of_a_tenant() {
        let (_folder, db) = fresh().await;
        let mut read = db.read().await.unwrap();
        if read.dialect() == Dialect::Postgres {
            // Its plans depend on how much there is; those that matter are measured in `tests/bench`.
            return;
        }
        let mut found = Vec::new();
        for (file, statements) in FILES {
            for (name, sql) in statements {
                let steps = walks(&mut read, sql.text(Dialect::Sqlite)).await;
                found.extend(steps.into_iter().map(|step| format!("{file} {name}: {step}")));
            }
        }
        assert!(found.is_empty(), "{found:#?}");
        // And it would be seen, under another name as well.
        for bad in [
            "SELECT id FROM resource WHERE tenant = $1 AND version = $2",
            "SELECT r.id FROM resource AS r WHERE r.tenant = $1 AND r.version = $2",
            "SELECT h.id FROM login_session s JOIN resource_history h ON h.version = s.second WHERE s.tenant = $1",
        ] {
            assert_ne!(walks(&mut read, bad).await, [""; 0], "{bad}");
        }
    }

    /// The steps of this statement that go through all of a large table, or all of a tenant in one.
    async fn walks(read: &mut Conn, sql: &str) -> Vec<String> {
        let mut plain = String::new();
        for (at, part) in sql.split('$').enumerate() {
            let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
            plain.push_str(if at == 0 { part } else { "NULL" });
            plain.push_str(if at == 0 { "" } else { rest });
        }
        // A plan names a table as the statement does: after the table, maybe with AS between.
        let words: Vec<&str> = sql
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|word| !word.is_empty())
            .collect();
        let mut large = LARGE.to_vec();
        for (at, _) in words.iter().enumerate().filter(|(_, word)| LARGE.contains(word)) {
            large.extend(words[at + 1..].iter().find(|word| **word != "AS").copied());
        }
        let rows = read
            .rows_built(format!("EXPLAIN QUERY PLAN {plain}"), &[])
            .await
            .unwrap();
        let steps = rows.iter().map(|row| row.text(3));
        let walks = |step: &String| {
            let table = step.split_whitespace().nth(1);
            table.is_some_and(|table| large.contains(&table))
                && (step.starts_with("SCAN ") || step.ends_with("(tenant=?)"))
        };
        steps.filter(walks).collect()
    }

    /// What has a row for each record, version or read.
    const LARGE: [&str; 6] = [
        "resource",
        "resource_link",
        "resource_history",
        "resource_gone",
        "source_record",
        "audit_line",
    ];
}
