//! Leases: work that only one replica may do at a time, and the number that stops one who believes to hold it still.
//!
//! ```no_run
//! # async fn example(db: inzage::db::Db, clock: inzage::clock::Clock) -> Result<(), inzage::db::Error> {
//! use inzage::config::TenantId;
//! use inzage::db::lease::{self, Taken};
//! let topaz = TenantId::parse("topaz").unwrap();
//! let ttl = jiff::SignedDuration::from_secs(30);
//! match lease::take(&db, &topaz, "sync/ons", "a pid 17", clock.now(), ttl).await? {
//!     Taken::Ours(lease) => {
//!         let mut tx = db.begin().await?;
//!         if lease.fence(&mut tx).await? {
//!             // ... write ...
//!             tx.commit().await?;
//!         }
//!         lease.release(&db, clock.now()).await?;
//!     }
//!     Taken::Theirs(held) => println!("{held}"),
//! }
//! # Ok(()) }
//! ```
//!
//! # Design
//! **The end of a lease only says when another may try; the token decides.** Each holder gets a number that was never given
//! out before. [`Lease::fence`] compares it inside the transaction that writes, and holds the row until that transaction ends, so
//! nobody can take over between the look and the commit. A holder that slept past its end (a stopped process, a machine that
//! was suspended) and lost the lease is refused at its next transaction, whatever its clock says. One that slept and lost
//! nothing goes on: nobody else has written meanwhile.
//!
//! **Times are the caller's.** Clocks of replicas that differ make a take-over early or late, never wrong.
//!
//! **Who waits gets in.** Whoever is sent away and will come again leaves a note ([`want`]). Work that takes a lease again and again,
//! a turn at a time, looks for it first ([`is_wanted`]) and stands back for some seconds; otherwise the moments between two of its
//! turns would be all that others have. The note is a time as well: clocks that differ make the wait longer.
//!
//! An advisory lock would not do: it belongs to a connection, and a connection that breaks gives it away without its holder
//! knowing.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::{Conn, Db, Error, Row, Tx, params, statements};
use crate::config::TenantId;

statements! {
    /// A new lease, or one whose end has come.
    TAKE = both(
        "INSERT INTO lease (tenant, name, token, holder, taken_at, expires_at) VALUES ($1, $2, 1, $3, $4, $5)
         ON CONFLICT (tenant, name) DO UPDATE
         SET token = lease.token + 1, holder = excluded.holder, taken_at = excluded.taken_at, expires_at = excluded.expires_at,
             wanted_at = 0
         WHERE lease.expires_at <= excluded.taken_at
         RETURNING token",
    );
    HELD = both("SELECT holder, taken_at, expires_at FROM lease WHERE tenant = $1 AND name = $2 AND expires_at > $3");
    WANT = both("UPDATE lease SET wanted_at = $3 WHERE tenant = $1 AND name = $2");
    IS_WANTED = both("SELECT 1 FROM lease WHERE tenant = $1 AND name = $2 AND wanted_at > $3");
    RENEW = both("UPDATE lease SET expires_at = $4 WHERE tenant = $1 AND name = $2 AND token = $3");
    /// Holds the row until the end of the transaction; on SQLite there is one writer at a time.
    FENCE = each(
        "SELECT token FROM lease WHERE tenant = $1 AND name = $2",
        "SELECT token FROM lease WHERE tenant = $1 AND name = $2 FOR SHARE",
    );
}

/// A lease that was given to us.
#[derive(Clone, Debug)]
pub struct Lease {
    tenant: TenantId,
    name: String,
    token: i64,
}

/// A lease that somebody has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub holder: String,
    pub since: Timestamp,
    pub until: Timestamp,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { holder, since, until } = self;
        write!(
            f,
            "{holder} holds it since {since:.0} and, unless it renews it, until {until:.0}"
        )
    }
}

/// Who has it after an attempt to take it.
#[derive(Debug)]
pub enum Taken {
    Ours(Lease),
    Theirs(Held),
}

/// Takes the lease if nobody has it, or if its end has come. `holder` is for people.
pub async fn take(
    db: &Db,
    tenant: &TenantId,
    name: &str,
    holder: &str,
    now: Timestamp,
    ttl: SignedDuration,
) -> Result<Taken, Error> {
    loop {
        let mut tx = db.begin().await?;
        let rows = tx
            .rows(TAKE, params![tenant.as_str(), name, holder, now, now + ttl])
            .await?;
        if let [row] = &rows[..] {
            let token = row.int(0);
            tx.commit().await?;
            return Ok(Taken::Ours(Lease {
                tenant: tenant.clone(),
                name: name.to_owned(),
                token,
            }));
        }
        if let Some(held) = held(&mut tx, tenant, name, now).await? {
            return Ok(Taken::Theirs(held));
        }
        // It was let go between the two statements.
    }
}

/// Who has the lease at `now`.
pub async fn held(conn: &mut Conn, tenant: &TenantId, name: &str, now: Timestamp) -> Result<Option<Held>, Error> {
    let held = |row: Row| Held {
        holder: row.text(0),
        since: row.time(1),
        until: row.time(2),
    };
    Ok(conn.row(HELD, params![tenant.as_str(), name, now]).await?.map(held))
}

/// How long work that comes in turns stands back: longer than who waits takes to come again.
const STAND_BACK: SignedDuration = SignedDuration::from_secs(15);

/// Notes that somebody was sent away and will come again within seconds.
pub async fn want(db: &Db, tenant: &TenantId, name: &str, now: Timestamp) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    tx.execute(WANT, params![tenant.as_str(), name, now]).await?;
    tx.commit().await
}

/// Whether somebody waits for the lease, so that work that comes in turns stands back.
pub async fn is_wanted(conn: &mut Conn, tenant: &TenantId, name: &str, now: Timestamp) -> Result<bool, Error> {
    let values = params![tenant.as_str(), name, now - STAND_BACK];
    Ok(conn.row(IS_WANTED, values).await?.is_some())
}

impl Lease {
    /// The number that no other holder has.
    pub fn token(&self) -> i64 {
        self.token
    }

    /// Moves the end; false if another has it meanwhile.
    pub async fn renew(&self, db: &Db, now: Timestamp, ttl: SignedDuration) -> Result<bool, Error> {
        let mut tx = db.begin().await?;
        let is_ours = self.set_end(&mut tx, now + ttl).await?;
        tx.commit().await?;
        Ok(is_ours)
    }

    /// Lets the next one in at once. No error if another has it meanwhile.
    pub async fn release(&self, db: &Db, now: Timestamp) -> Result<(), Error> {
        let mut tx = db.begin().await?;
        self.set_end(&mut tx, now).await?;
        tx.commit().await
    }

    async fn set_end(&self, tx: &mut Tx, end: Timestamp) -> Result<bool, Error> {
        let changed = tx
            .execute(RENEW, params![self.tenant.as_str(), &self.name, self.token, end])
            .await?;
        Ok(changed > 0)
    }

    /// Whether the lease is still ours; if so, nobody takes it before this transaction ends.
    pub async fn fence(&self, tx: &mut Tx) -> Result<bool, Error> {
        let row = tx.row(FENCE, params![self.tenant.as_str(), &self.name]).await?;
        Ok(row.is_some_and(|row| row.int(0) == self.token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::fresh::fresh;

    const TTL: SignedDuration = SignedDuration::from_secs(30);

    fn topaz() -> TenantId {
        TenantId::parse("topaz").unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    async fn try_take(db: &Db, holder: &str, second: i64) -> Taken {
        take(db, &topaz(), "sync/ons", holder, at(second), TTL).await.unwrap()
    }

    async fn ours(db: &Db, holder: &str, second: i64) -> Lease {
        match try_take(db, holder, second).await {
            Taken::Ours(lease) => lease,
            Taken::Theirs(held) => panic!("{held}"),
        }
    }

    async fn is_fenced_in(db: &Db, lease: &Lease) -> bool {
        let mut tx = db.begin().await.unwrap();
        lease.fence(&mut tx).await.unwrap()
    }

    #[tokio::test]
    async fn one_has_it_until_its_end_and_who_comes_then_gets_a_higher_number() {
        let (_dir, db) = fresh().await;
        let first = ours(&db, "a", 0).await;
        let Taken::Theirs(held) = try_take(&db, "b", 29).await else {
            panic!("given out twice");
        };
        assert_eq!((held.holder.as_str(), held.since, held.until), ("a", at(0), at(30)));
        assert!(first.renew(&db, at(20), TTL).await.unwrap());
        assert!(matches!(try_take(&db, "b", 49).await, Taken::Theirs(_)));
        let second = ours(&db, "b", 50).await;
        assert!(second.token() > first.token());

        // The first one wakes up: it can neither write nor renew, nor let go of what is not its own.
        assert!(!is_fenced_in(&db, &first).await);
        assert!(!first.renew(&db, at(51), TTL).await.unwrap());
        first.release(&db, at(51)).await.unwrap();
        assert!(is_fenced_in(&db, &second).await);
        assert!(matches!(try_take(&db, "c", 52).await, Taken::Theirs(_)));
    }

    #[tokio::test]
    async fn what_is_let_go_is_free_at_once_and_numbers_never_come_back() {
        let (_dir, db) = fresh().await;
        let mut last = 0;
        for second in 0..5 {
            let lease = ours(&db, "a", second).await;
            assert!(lease.token() > last);
            last = lease.token();
            lease.release(&db, at(second)).await.unwrap();
            assert!(!matches!(
                held(&mut db.begin().await.unwrap(), &topaz(), "sync/ons", at(second)).await,
                Ok(Some(_))
            ));
        }
    }

    #[tokio::test]
    async fn who_was_sent_away_is_waited_for_until_he_has_it_or_stays_away() {
        let (_dir, db) = fresh().await;
        let wanted = async |second| {
            let mut read = db.read().await.unwrap();
            is_wanted(&mut read, &topaz(), "sync/ons", at(second)).await.unwrap()
        };
        let lease = ours(&db, "a", 0).await;
        assert!(!wanted(0).await);
        want(&db, &topaz(), "sync/ons", at(1)).await.unwrap();
        lease.release(&db, at(2)).await.unwrap();
        assert!(wanted(15).await && !wanted(16).await);
        ours(&db, "b", 3).await;
        assert!(!wanted(3).await, "it was given");
    }

    #[tokio::test]
    async fn other_tenants_and_other_work_have_leases_of_their_own() {
        let (_dir, db) = fresh().await;
        ours(&db, "a", 0).await;
        let amaris = TenantId::parse("amaris").unwrap();
        for (tenant, name) in [(&amaris, "sync/ons"), (&topaz(), "sync/caress")] {
            let taken = take(&db, tenant, name, "b", at(0), TTL).await.unwrap();
            assert!(matches!(taken, Taken::Ours(_)), "{tenant} {name}");
        }
    }

    #[tokio::test]
    async fn of_fifty_that_race_for_it_one_gets_it_each_time() {
        let (_dir, db) = fresh().await;
        let mut tokens = Vec::new();
        for round in 0..4 {
            let racers: Vec<_> = (0..50)
                .map(|racer| {
                    let db = db.clone();
                    tokio::spawn(async move { try_take(&db, &racer.to_string(), round * 30).await })
                })
                .collect();
            let mut winners = Vec::new();
            for racer in racers {
                if let Taken::Ours(lease) = racer.await.unwrap() {
                    winners.push(lease.token());
                }
            }
            assert_eq!(winners.len(), 1, "round {round}: {winners:?}");
            tokens.extend(winners);
        }
        assert!(tokens.is_sorted_by(|a, b| a < b), "{tokens:?}");
    }

    #[tokio::test]
    async fn nobody_takes_over_while_a_transaction_of_the_holder_is_open() {
        let (_dir, db) = fresh().await;
        let first = ours(&db, "a", 0).await;
        let mut tx = db.begin().await.unwrap();
        assert!(first.fence(&mut tx).await.unwrap());
        let other = db.clone();
        let taker = tokio::spawn(async move { try_take(&other, "b", 60).await });
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert!(!taker.is_finished(), "the take-over did not wait");
        tx.commit().await.unwrap();
        assert!(matches!(taker.await.unwrap(), Taken::Ours(_)));
        assert!(!is_fenced_in(&db, &first).await);
    }
}
