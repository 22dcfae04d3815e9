//! `inzage mock`: the mock ECDs, and the events that one sends.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Subcommand;
use jiff::civil::Date;

use super::operate::private;
use crate::clock::Clock;
use crate::ecd::mock::{Mishaps, Population, Shape, caress, ons};
use crate::secret::{Random, Secret};

/// Days of reports, unless others are asked for.
const REPORT_DAYS: u32 = 180;

#[derive(Debug, Subcommand)]
pub enum MockCommand {
    /// Serve the Ons API with synthetic clients over HTTPS with mutual TLS
    Ons {
        #[arg(long, default_value = "127.0.0.1:8443")]
        listen: SocketAddr,
        /// Where the test CA and certificates are kept
        #[arg(long, default_value = "inzage-mock-ons")]
        data: PathBuf,
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=20_000))]
        clients: u32,
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Days of reports before today: about 1.4 reports a client a day
        #[arg(long, default_value_t = REPORT_DAYS, value_parser = clap::value_parser!(u32).range(1..=3_650))]
        report_days: u32,
        /// Let a share of the answers go wrong, in percent: 10, or 10:timeout,500,429,garbage,half,duplicates,disorder,empty,slow,wrong-certificate
        #[arg(long)]
        faults: Option<Mishaps>,
    },
    /// Write drops of Caress with synthetic clients and serve its lists and its SOAP service over HTTPS with mutual TLS
    Caress {
        #[arg(long, default_value = "127.0.0.1:8444")]
        listen: SocketAddr,
        /// Where the test CA, certificates and passwords are kept, and drops are written
        #[arg(long, default_value = "inzage-mock-caress")]
        data: PathBuf,
        /// The organisation that the manifest of a drop names
        #[arg(long, default_value = "treant")]
        tenant: String,
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=20_000))]
        clients: u32,
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Seconds that a list takes; the product takes up to 50
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=600))]
        list_seconds: u64,
        /// Let a share of the answers go wrong, in percent: 10, or 10:timeout,500,429,garbage,half,duplicates,disorder,empty,slow,wrong-certificate
        #[arg(long)]
        faults: Option<Mishaps>,
    },
    /// Send the two test events of Ons to a gateway, signed and unsigned, and tell how they were answered
    Webhook {
        /// The address that Ons would be given, for example `https://gateway.example/topaz/hooks/ons`
        #[arg(long)]
        url: url::Url,
        /// The file with the shared secret
        #[arg(long)]
        secret_file: PathBuf,
        /// Tell of a change of the report with this id as well
        #[arg(long)]
        report: Option<u64>,
    },
}

fn people(clients: u32, seed: u64, report_days: u32, today: Date) -> Arc<Population> {
    let shape = Shape {
        report_days,
        ..Shape::new(clients as usize, seed, today)
    };
    Arc::new(Population::of_shape(&shape))
}

pub(super) async fn run(command: MockCommand) -> anyhow::Result<ExitCode> {
    let zone = jiff::tz::TimeZone::get("Europe/Amsterdam")?;
    let today = Clock::System.now().to_zoned(zone).date();
    match command {
        MockCommand::Ons {
            listen,
            data,
            clients,
            seed,
            report_days,
            faults,
        } => {
            let people = people(clients, seed, report_days, today);
            let mut options = ons::Options::new(listen, people, data.clone(), Clock::System);
            options.mishaps = faults.unwrap_or_default();
            let running = ons::start(options).await?;
            let dir = std::path::absolute(&data)?;
            say!(
                "# mock Ons with {clients} clients; put this under a tenant in inzage.toml\n[tenant.<id>.ons]\n{}",
                section(&running.url, &dir)
            );
            tokio::signal::ctrl_c().await?;
        }
        MockCommand::Webhook {
            url,
            secret_file,
            report,
        } => return webhook(url, &secret_file, report).await,
        MockCommand::Caress {
            listen,
            data,
            tenant,
            clients,
            seed,
            list_seconds,
            faults,
        } => {
            let dir = std::path::absolute(&data)?;
            let running = caress::start(caress::Options {
                listen,
                population: people(clients, seed, REPORT_DAYS, today),
                dir: dir.clone(),
                tenant,
                clock: Clock::System,
                random: Random::Os,
                list_time: Duration::from_secs(list_seconds),
                most: usize::MAX,
                mishaps: faults.unwrap_or_default(),
            })
            .await?;
            let password = dir.join("password");
            // Left over from an earlier start, whose password is gone.
            let _ = std::fs::remove_file(&password);
            write!(private(&password)?, "{}", running.password.expose())?;
            let file = toml::Value::String(password.display().to_string());
            let drop_dir = toml::Value::String(dir.join("drop").display().to_string());
            say!(
                "# mock Caress with {clients} clients; put one of these under a tenant in inzage.toml\n\
                 # out of drops; a new one: curl --user {user}:$(cat {file}) --cert {dir}/client.pem --key {dir}/client.key.pem \
                 --cacert {dir}/ca.pem -X POST {url}/mock/drop\n[tenant.<id>.caress]\ndrop_dir = {drop_dir}\n\
                 # or over the web\n[tenant.<id>.caress]\n{section}username = \"{user}\"\npassword_file = {file}\n\
                 soap_password_file = {file}",
                user = caress::USER,
                dir = dir.display(),
                url = running.url,
                section = section(&running.url, &dir),
            );
            tokio::signal::ctrl_c().await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The test events of the set-up; well when the gateway takes the signed one and refuses the other.
async fn webhook(url: url::Url, secret_file: &std::path::Path, report: Option<u64>) -> anyhow::Result<ExitCode> {
    let secret = std::fs::read_to_string(secret_file)
        .with_context(|| format!("--secret-file {}: cannot be read", secret_file.display()))?;
    let sender = ons::Sender::new(url, Secret::new(secret.trim().to_owned()), Clock::System)?;
    let told =
        |status: Option<u16>| status.map_or_else(|| "no answer in three seconds".to_owned(), |code| code.to_string());
    let (good, bad) = sender.test().await;
    say!("signed event   {}\nunsigned event {}", told(good), told(bad));
    let mut is_well = (good, bad) == (Some(200), Some(401));
    if let Some(id) = report {
        let answer = sender.event("report", "UPDATE", id).await;
        say!("report {id}: {}", told(answer));
        is_well &= answer == Some(200);
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Address and certificates, for a mock that keeps its certificates in `dir`.
pub(super) fn section(url: &str, dir: &std::path::Path) -> String {
    let file = |name: &str| toml::Value::String(dir.join(name).display().to_string());
    format!(
        "base_url = \"{url}/\"\nca_file = {}\ncertificate_file = {}\nkey_file = {}\n",
        file("ca.pem"),
        file("client.pem"),
        file("client.key.pem")
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use jiff::civil::date;

    use super::*;
    use crate::ecd::mock::Shelf;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: MockCommand,
    }

    #[test]
    fn more_days_of_reports_are_more_reports() {
        let days = |arguments: &[&str]| {
            let line = Line::try_parse_from(["mock", "ons"].iter().chain(arguments)).ok()?;
            match line.command {
                MockCommand::Ons { report_days, .. } => Some(report_days),
                _ => None,
            }
        };
        assert_eq!(days(&[]), Some(180));
        assert_eq!(days(&["--report-days", "320"]), Some(320));
        assert_eq!(days(&["--report-days", "0"]), None);
        let reports = |days| people(10, 1, days, date(2026, 11, 22)).count(Shelf::Reports);
        let (few, many) = (reports(20), reports(80));
        assert!(many > 2 * few, "{few} {many}");
    }
}
