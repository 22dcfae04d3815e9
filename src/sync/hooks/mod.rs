//! Webhooks: what a source says that changed is queued at once, and read again by a worker.
//!
//! ```no_run
//! # async fn example(inbox: inzage::sync::hooks::Inbox, sync: inzage::sync::Sync<'_>) -> Result<(), Box<dyn std::error::Error>> {
//! use inzage::ecd::{Kind, ons::hook::What};
//! inbox.receive(&sync.tenant.id, "ons", Kind::Report, What::Record("880001".to_owned())).await?; // in the request
//! sync.hooked().await?;                                                                          // in the worker
//! # Ok(()) }
//! ```
//!
//! # Design
//! - **The request only enqueues.** The sender waits three seconds and does not try again, so the answer may not depend on the
//!   source. The job is durable before the answer is 200; many requests share one commit ([`Inbox`]).
//! - **A job is a place to look, not an event.** Ten updates of one report are one row. Order, doubles and redelivery do not
//!   matter: what is read decides. An event that comes while its record is read counts up the row's generation, and the row is
//!   done again.
//! - **Bounded.** At most `MOST` rows wait for a source; above that a kind is one row ("whatever changed"), and the event of one
//!   record is refused besides, because it may tell of a deletion. What is read more
//!   than 20 times an hour gets its turn every five minutes, so a loop of events cannot grow.
//! - **A failure keeps the row** and waits longer each time. After a week it is dropped: the regular compare has been there.
//! - **What was missed is asked for** ([`Missed`]): at the start, after events were refused, and every hour, since nobody tells us
//!   of an hour in which our address could not be reached. The source keeps it for a day; what is older is for the regular compare.
//! - A run of the slots and a worker exclude each other: a slot that read a report before it was deleted must not publish it
//!   after the worker withdrew it. A worker under load takes turn after turn, so it stands back for a run that waits
//!   ([`crate::db::lease`]); no slot and no operator starves.

mod inbox;
mod missed;
pub(crate) mod store;
mod work;

use jiff::{SignedDuration, Timestamp};

use crate::db::{self, Db};
use crate::ecd::Kind;
use crate::ecd::ons::hook::What;

pub use inbox::{Inbox, Refused};
pub use missed::{Asked, Missed};
pub use store::waiting;
pub use work::Worked;

/// Jobs of one source that may wait.
const MOST: i64 = 10_000;

/// How long a job that was done is remembered.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);

/// How long a job may wait at most.
const TRIED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Something to read again.
#[derive(Clone, Debug)]
struct Job {
    kind: Kind,
    what: What,
    generation: i64,
    first_at: Timestamp,
    attempts: i64,
}

/// Forgets what was done; how many rows went.
pub async fn tidy(db: &Db, now: Timestamp) -> Result<u64, db::Error> {
    let mut tx = db.begin().await?;
    let gone = store::forget(&mut tx, now - REMEMBERED).await?;
    let lost = store::give_up(&mut tx, now - TRIED).await?;
    tx.commit().await?;
    if lost > 0 {
        tracing::error!(hook.jobs = lost, "webhooks could not be followed for a week: dropped");
    }
    Ok(gone + lost)
}
