//! The hash chain of a tenant's audit lines, and the walk that checks it.
//!
//! # Design
//! The hash of a line is SHA-256 over the hash of the line before it and over every field, each with a mark for "present" and
//! its length, so that no two different lines give the same input. Who can write to the database could recompute the whole
//! rest of a chain; that is seen by comparing [`Head`] with one that was kept elsewhere.

use jiff::Timestamp;

use super::store;
use crate::config::TenantId;
use crate::db::{Conn, Error};
use crate::secret::sha256;

/// How many lines the check holds in memory at once.
const PAGE: i64 = 1_000;

/// One line as it stands in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub seq: i64,
    pub at: Timestamp,
    pub action: String,
    pub outcome: String,
    pub reason: Option<String>,
    pub account: Option<String>,
    pub client_id: Option<String>,
    pub grant: Option<String>,
    pub role: Option<String>,
    pub kind: Option<String>,
    pub resource: Option<String>,
    pub version: Option<i64>,
    pub query: Option<String>,
    pub patient: Option<String>,
    pub request: Option<String>,
    pub network: Option<String>,
}

/// The end of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub seq: i64,
    pub hash: [u8; 32],
}

impl Head {
    /// A chain without lines.
    pub const EMPTY: Self = Self { seq: 0, hash: [0; 32] };
}

/// What the walk over a chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every line is the one that was written, and the head is the last of them.
    Whole(Head),
    /// The first place that is not as it was written: a line was changed, is missing, or was added here.
    Broken { seq: i64 },
}

/// Walks the tenant's chain from its first line to its head.
pub async fn verify(conn: &mut Conn, tenant: &TenantId) -> Result<Verdict, Error> {
    let mut last = Head::EMPTY;
    // The head first: lines that come while the walk is under way stand after it and are left for the next walk.
    let head = store::head(conn, tenant).await?.unwrap_or(Head::EMPTY);
    while last.seq < head.seq {
        let page = store::after(conn, tenant, last.seq, PAGE.min(head.seq - last.seq)).await?;
        if page.is_empty() {
            return Ok(Verdict::Broken { seq: last.seq + 1 });
        }
        for (line, hash) in page {
            let expected = last.seq + 1;
            if line.seq != expected || line.hash(tenant, &last.hash)[..] != hash[..] {
                return Ok(Verdict::Broken { seq: expected });
            }
            last = Head {
                seq: line.seq,
                hash: line.hash(tenant, &last.hash),
            };
        }
    }
    Ok(if last == head {
        Verdict::Whole(head)
    } else {
        Verdict::Broken { seq: head.seq }
    })
}

impl Line {
    /// This line's hash, after a line with the hash `before`.
    pub(super) fn hash(&self, tenant: &TenantId, before: &[u8; 32]) -> [u8; 32] {
        let mut input = Vec::with_capacity(512);
        input.extend_from_slice(before);
        input.extend_from_slice(&self.seq.to_be_bytes());
        input.extend_from_slice(&self.at.as_microsecond().to_be_bytes());
        let version = self.version.map(|version| version.to_string());
        for field in [
            Some(tenant.as_str()),
            Some(&self.action),
            Some(&self.outcome),
            self.reason.as_deref(),
            self.account.as_deref(),
            self.client_id.as_deref(),
            self.grant.as_deref(),
            self.role.as_deref(),
            self.kind.as_deref(),
            self.resource.as_deref(),
            version.as_deref(),
            self.query.as_deref(),
            self.patient.as_deref(),
            self.request.as_deref(),
            self.network.as_deref(),
        ] {
            match field {
                None => input.push(0),
                Some(text) => {
                    input.push(1);
                    input.extend_from_slice(&(text.len() as u64).to_be_bytes());
                    input.extend_from_slice(text.as_bytes());
                }
            }
        }
        sha256(&input)
    }
}
