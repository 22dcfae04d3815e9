//! The command line: names, options and help.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::app::AppCommand;
use super::key::KeyCommand;
use super::mock::MockCommand;
use crate::conformance;
use crate::login::staff::Reason;

/// A FHIR gateway in front of the client dossiers of Dutch long-term care.
#[derive(Debug, Parser)]
#[command(name = "inzage", version, about)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole line on synthetic clients: mock ECD, first sync, gateway, patient app
    Demo(DemoOptions),
    /// Serve the FHIR API, the authorization server and the pages
    Serve(At),
    /// Check configuration, sources, profiles, mapping files and database; tell every problem at once and change nothing
    Check(At),
    /// Pull from the source once and publish
    Sync(SyncOptions),
    /// Bring the database's schema up to date
    Migrate(At),
    /// Work on mapping files
    #[command(subcommand)]
    Map(MapCommand),
    /// Compare versions of a source's contract
    #[command(subcommand)]
    Contract(ContractCommand),
    /// Manage accounts
    #[command(subcommand)]
    Account(AccountCommand),
    /// Manage apps
    #[command(subcommand)]
    App(AppCommand),
    /// Show tenants
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Make, rotate and retire keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Inspect the audit trail
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Test a gateway from outside against the numbered requirements
    #[command(subcommand)]
    Conformance(ConformanceCommand),
    /// Run a mock ECD
    #[command(subcommand)]
    Mock(MockCommand),
    /// Explain the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// Where the configuration is.
#[derive(Clone, Debug, Args)]
pub struct At {
    /// The configuration file
    #[arg(long, default_value = "inzage.toml")]
    pub config: PathBuf,
}

#[derive(Debug, Args)]
pub struct DemoOptions {
    /// Where apps and browsers connect
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where the demo keeps its database, keys, outbox and demo.json
    #[arg(long, default_value = "inzage-demo")]
    pub data: PathBuf,
    /// Synthetic clients per tenant; ten of them have a fixed part and are always there
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub clients: u32,
    /// Seed of the synthetic content
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// postgres://… instead of an SQLite file in the data folder
    #[arg(long)]
    pub database: Option<String>,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SyncOptions {
    #[command(subcommand)]
    pub command: Option<SyncCommand>,
    #[command(flatten)]
    pub at: At,
    /// The tenant to sync; every tenant with a source otherwise
    #[arg(long)]
    pub tenant: Option<String>,
    /// Pull everything and compare, instead of what changed
    #[arg(long, conflicts_with = "client")]
    pub full: bool,
    /// Pull everything of the client with this key in the ECD, and nothing else
    #[arg(long, requires = "tenant", allow_hyphen_values = true)]
    pub client: Option<String>,
    /// Tell what would change and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Seconds to wait for a sync of the same source that is under way
    #[arg(long, default_value_t = 0)]
    pub wait: u64,
}

/// Which tenant, and which kind of record.
#[derive(Debug, Args)]
pub struct Waiting {
    #[command(flatten)]
    pub at: At,
    #[arg(long)]
    pub tenant: String,
    /// Only records of this kind, for example report
    #[arg(long)]
    pub kind: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum SyncCommand {
    /// Show removals that wait because too many vanished at once: kind, key, cause, since when
    Held {
        #[command(flatten)]
        what: Waiting,
        /// Go on after this line: KIND/KEY, as the last line of a page says
        #[arg(long, allow_hyphen_values = true)]
        after: Option<String>,
    },
    /// Decide about removals that wait: they are withdrawn, or with --keep stay published
    Confirm {
        #[command(flatten)]
        what: Waiting,
        /// The source is wrong: let them wait no longer and keep them
        #[arg(long)]
        keep: bool,
    },
    /// Show records that cannot be read or mapped: reference in the logs, kind, key, since when, place, element and reason
    Quarantine {
        #[command(flatten)]
        what: Waiting,
        /// Go on after this line: KIND/KEY, as the last line of a page says
        #[arg(long, allow_hyphen_values = true)]
        after: Option<String>,
    },
    /// Pull and map again what is in quarantine, for example after a map was put right
    Replay {
        #[command(flatten)]
        at: At,
        #[arg(long)]
        tenant: String,
    },
    /// Show how old the data of each source is, what is the matter with it and who is syncing it
    Status(At),
}

#[derive(Debug, Subcommand)]
pub enum MapCommand {
    /// Check every mapping file against schemas, profiles, tables and its example pairs
    Check {
        /// A folder of mapping files instead of the built-in ones
        #[arg(long)]
        mappings: Option<PathBuf>,
    },
    /// Map one source record and show the resources, or why there are none
    Try {
        /// The map, for example ons/report
        map: String,
        /// The record as JSON
        record: PathBuf,
        #[arg(long)]
        mappings: Option<PathBuf>,
        #[command(flatten)]
        of: OfTenant,
    },
    /// Show a map as a table: source field, FHIR element, drop rules, fields never read
    Explain {
        map: String,
        #[arg(long)]
        mappings: Option<PathBuf>,
        #[command(flatten)]
        of: OfTenant,
    },
    /// Show what maps use of their source, and which expected elements of the profiles they fill
    Coverage {
        /// The map, for example ons/report; all of them otherwise
        map: Option<String>,
        #[arg(long)]
        mappings: Option<PathBuf>,
        #[command(flatten)]
        of: OfTenant,
    },
}

/// A tenant with its own patches of the maps.
#[derive(Debug, Args)]
pub struct OfTenant {
    /// With the patches of this tenant, and the profiles of its configuration
    #[arg(long)]
    pub tenant: Option<String>,
    /// The configuration file, for --tenant
    #[arg(long, default_value = "inzage.toml")]
    pub config: PathBuf,
}

#[derive(Debug, Subcommand)]
pub enum ContractCommand {
    /// Compare two descriptions of a source (JSON Schema or OpenAPI) and tell which lines of the maps are hit
    Diff {
        old: PathBuf,
        new: PathBuf,
        /// The map that reads the records, where the names do not tell
        #[arg(long)]
        map: Option<String>,
        #[arg(long)]
        mappings: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Link an account with somebody at the tenant's OpenID provider: {"username": …, "subject": …}
    Link {
        #[command(flatten)]
        at: At,
        #[arg(long)]
        tenant: String,
        #[arg(long)]
        file: PathBuf,
    },
    /// Create an account from a JSON file and print it
    Create {
        #[command(flatten)]
        at: At,
        #[arg(long)]
        tenant: String,
        #[arg(long)]
        file: PathBuf,
    },
    /// Create an account without a password and mail its owner a link to choose one
    Invite {
        #[command(flatten)]
        at: At,
        #[arg(long)]
        tenant: String,
        /// The same file as for `create`, with an e-mail address and without a password
        #[arg(long)]
        file: PathBuf,
    },
    /// Write down who may register themselves, out of a signed form
    Expect {
        #[command(flatten)]
        at: At,
        #[arg(long)]
        tenant: String,
        /// {"email": …, "name": …, "rights": […]}, the rights as for `create`
        #[arg(long)]
        file: PathBuf,
    },
    /// Mail the link again to somebody who has not chosen a password yet
    Resend {
        #[command(flatten)]
        at: At,
        #[arg(long)]
        tenant: String,
        #[arg(allow_hyphen_values = true)]
        username: String,
    },
    /// Keep somebody out at once, whatever they or their apps hold; their rights wait
    Lock(WhoseAndWhy),
    /// Let a locked account in again
    Unlock(Whose),
    /// Close an account for good: everything it opens ends at once, and its owner is told
    Close(WhoseAndWhy),
}

/// An account of a tenant.
#[derive(Debug, Args)]
pub struct Whose {
    #[command(flatten)]
    pub at: At,
    #[arg(long)]
    pub tenant: String,
    #[arg(allow_hyphen_values = true)]
    pub username: String,
}

/// The same, and the reason that the audit line will say.
#[derive(Debug, Args)]
pub struct WhoseAndWhy {
    #[command(flatten)]
    pub whose: Whose,
    /// at-request, terms-breach, unlawful-use or other
    #[arg(long, default_value = "other", value_parser = reason)]
    pub reason: Reason,
}

fn reason(text: &str) -> Result<Reason, String> {
    let known = Reason::ALL.map(Reason::as_str).join(", ");
    Reason::parse(text).ok_or_else(|| format!("expected one of {known}"))
}

#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// One line a tenant: id, name, FHIR base, source
    List(At),
    /// How many logins there were in each month, and nothing about whose: one line of JSON a month, the newest first
    Logins {
        #[command(flatten)]
        at: At,
        #[arg(long)]
        tenant: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Recompute the hash chain of a tenant's audit trail and name the first broken line
    Verify {
        #[command(flatten)]
        at: At,
        #[arg(long)]
        tenant: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum ConformanceCommand {
    /// Run the cases against a gateway and write the report
    Run(conformance::Arguments),
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every setting with its default and meaning
    Reference,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the gateway makes itself (the id of a key, of an app, the word to approve it by) is base64url, which may begin with
    /// a hyphen; what an ECD or a person calls something may as well.
    #[test]
    fn a_name_may_begin_with_a_hyphen() {
        for line in [
            "inzage key retire --tenant topaz --kid -x1",
            "inzage key retire --tenant topaz --kid --config",
            "inzage app disable --tenant topaz -x1",
            "inzage app approve --tenant topaz -x1 --seen -x2",
            "inzage app refuse --tenant topaz --config inzage.toml -x1",
            "inzage account lock --tenant topaz -x1",
            "inzage account resend --tenant topaz -x1",
            "inzage sync --tenant topaz --client -10101",
            "inzage sync held --tenant topaz --after -x1",
            "inzage sync quarantine --tenant topaz --after -x1",
        ] {
            let read = Cli::try_parse_from(line.split(' '));
            assert!(read.is_ok(), "{line}: {}", read.unwrap_err());
        }
        let Command::App(AppCommand::Refuse { at, client_id, .. }) =
            Cli::try_parse_from("inzage app refuse --tenant topaz -x1 --config other.toml".split(' '))
                .unwrap()
                .command
        else {
            panic!("refuse");
        };
        assert_eq!(client_id, "-x1");
        assert_eq!(
            at.config,
            std::path::Path::new("other.toml"),
            "an option after it is still one"
        );
    }
}
