//! `inzage account link`: an account and somebody at the tenant's OpenID provider are one person.
//!
//! ```json
//! { "username": "j.jansen", "subject": "248289761001" }
//! ```

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

use super::cli::At;
use super::operate::{find, open, read_json};
use crate::account;
use crate::clock::Clock;
use crate::login::upstream;

/// What `account link` reads.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    username: String,
    /// `sub` at the provider.
    subject: String,
}

pub(super) async fn run(at: &At, tenant: &str, file: &Path) -> anyhow::Result<ExitCode> {
    let (config, db) = open(at).await?;
    let tenant = find(&config, tenant)?;
    anyhow::ensure!(
        tenant.policy.upstream.is_some(),
        "tenant {0} has no provider: add a [tenant.{0}.upstream] section",
        tenant.id
    );
    let link: Link = read_json(file)?;
    let mut tx = db.begin().await?;
    let (account, _) = account::by_name(&mut tx, &tenant.id, &link.username)
        .await?
        .context("username: there is no such account")?;
    upstream::link(&mut tx, tenant, &account.id, &link.subject, &Clock::System).await?;
    tx.commit().await?;
    db.close().await;
    say!(
        "{}",
        serde_json::json!({ "id": account.id, "tenant": tenant.id.as_str() })
    );
    Ok(ExitCode::SUCCESS)
}
