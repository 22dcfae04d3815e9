//! The rights in the database: granted, ended, never changed.

use jiff::Timestamp;

use super::departure::is_closed;
use super::{Held, NewRight, Parts, Right, Role};
use crate::account;
use crate::config::{Tenant, TenantId};
use crate::db::{self, Conn, Row, Tx, params, statements};
use crate::ecd::stay::Gap;
use crate::fhir::types::Id;

/// Rows that are read for one account.
const MOST_ROWS: usize = 1000;

/// Gaps that are kept of one client, the latest; a stay of days every week for years makes no more.
const MOST_GAPS: usize = 50;

statements! {
    RIGHTS = both(
        "SELECT r.patient, r.role, r.related, r.parts, g.last_day, g.back_on \
         FROM consent_right r LEFT JOIN consent_gap g ON g.tenant = r.tenant AND g.patient = r.patient \
         WHERE r.tenant = $1 AND r.account = $2 AND r.ended_at IS NULL ORDER BY r.granted_at, r.patient LIMIT 1000"
    );
    GRANT = both(
        "INSERT INTO consent_right (tenant, account, patient, granted_at, source_client, role, related, parts) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (tenant, account, patient, granted_at) DO UPDATE SET ended_at = NULL, \
         source_client = excluded.source_client, role = excluded.role, related = excluded.related, parts = excluded.parts"
    );
    END = both(
        "UPDATE consent_right SET ended_at = $4 WHERE tenant = $1 AND account = $2 AND patient = $3 AND ended_at IS NULL"
    );
    END_ALL = both("UPDATE consent_right SET ended_at = $3 WHERE tenant = $1 AND account = $2 AND ended_at IS NULL");
    ACCOUNTS_OF = both(
        "SELECT COUNT(DISTINCT account) FROM consent_right WHERE tenant = $1 AND patient = $2 AND ended_at IS NULL"
    );
    HELD = both(
        "SELECT account, role, related, parts, source_client FROM consent_right \
         WHERE tenant = $1 AND patient = $2 AND ended_at IS NULL ORDER BY granted_at, account LIMIT 100"
    );
    CLEAR_GAPS = both("DELETE FROM consent_gap WHERE tenant = $1 AND patient = $2");
    ADD_GAP = both(
        "INSERT INTO consent_gap (tenant, patient, last_day, back_on, changed_at) VALUES ($1, $2, $3, $4, $5)"
    );
    SOURCE_CLIENTS = both(
        "SELECT DISTINCT source_client, patient FROM consent_right WHERE tenant = $1 AND ended_at IS NULL \
         ORDER BY source_client"
    );
}

/// Every right of the account that is in force at `now`: not ended, and not past the days of grace after departure or death.
pub async fn rights(conn: &mut Conn, tenant: &Tenant, account: &str, now: Timestamp) -> Result<Vec<Right>, db::Error> {
    let rows = conn.rows(RIGHTS, params![tenant.id.as_str(), account]).await?;
    // A row for each gap of each client. Of the last client some may be missing where the rows were cut off.
    let mut clients: Vec<&[Row]> = rows.chunk_by(|one, next| one.str(0) == next.str(0)).collect();
    if rows.len() >= MOST_ROWS {
        clients.pop();
    }
    let open = clients
        .into_iter()
        .filter(|rows| !rows.iter().any(|row| closes(row, tenant, now)));
    Ok(open.filter_map(|rows| right(rows.first()?)).collect())
}

/// Whether the client of this row is out of care for too long. A date that cannot be read opens nothing.
fn closes(row: &Row, tenant: &Tenant, now: Timestamp) -> bool {
    let Some(last_day) = row.opt_text(4) else {
        return false;
    };
    let read = last_day.parse().ok().and_then(|last_day| {
        let back_on = row.opt_text(5).map(|day| day.parse().ok());
        Some(Gap {
            last_day,
            back_on: match back_on {
                None => None,
                Some(day) => Some(day?),
            },
        })
    });
    read.is_none_or(|gap| is_closed(gap, tenant.policy.access_ends_after_days, &tenant.zone, now))
}

fn right(row: &Row) -> Option<Right> {
    Some(Right {
        patient: Id::parse(row.str(0))?,
        role: Role::parse(row.str(1))?,
        related: match row.opt_text(2) {
            Some(related) => Some(Id::parse(&related)?),
            None => None,
        },
        parts: Parts::from_bits(row.int(3)),
    })
}

/// Gives a right; one that is already in force for the same client is ended and replaced.
pub async fn grant(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &str,
    right: &NewRight,
    now: Timestamp,
) -> Result<(), db::Error> {
    end(tx, tenant, account, &right.patient, now).await?;
    let related = right.related.as_ref().map(Id::as_str);
    tx.execute(
        GRANT,
        params![
            tenant.as_str(),
            account,
            right.patient.as_str(),
            now,
            &right.source_client,
            right.role.as_str(),
            related,
            right.parts.bits(),
        ],
    )
    .await?;
    Ok(())
}

/// Until the end of the transaction nobody else gives a right to this client.
pub async fn hold(tx: &mut Tx, tenant: &TenantId, patient: &Id) -> Result<(), db::Error> {
    account::store::hold(tx, tenant, &format!("rights:{patient}")).await?;
    Ok(())
}

/// Whether no more accounts than the tenant allows may see this client; to be asked after [`hold`] and [`grant`].
pub async fn within_limit(tx: &mut Tx, tenant: &Tenant, patient: &Id) -> Result<bool, db::Error> {
    let Some(most) = tenant.policy.accounts.max_per_client else {
        return Ok(true);
    };
    let row = tx
        .row(ACCOUNTS_OF, params![tenant.id.as_str(), patient.as_str()])
        .await?;
    Ok(row.is_none_or(|row| row.int(0) <= most))
}

/// Who may see this client, the longest first; at most a hundred.
pub async fn held(conn: &mut Conn, tenant: &TenantId, patient: &Id) -> Result<Vec<Held>, db::Error> {
    let rows = conn.rows(HELD, params![tenant.as_str(), patient.as_str()]).await?;
    let held = rows.iter().filter_map(|row| {
        Some(Held {
            account: row.text(0),
            right: NewRight {
                patient: patient.clone(),
                source_client: row.text(4),
                role: Role::parse(row.str(1))?,
                related: row.opt_text(2).and_then(|related| Id::parse(&related)),
                parts: Parts::from_bits(row.int(3)),
            },
        })
    });
    Ok(held.collect())
}

/// Ends the account's right to this client; whether there was one.
pub async fn end(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &str,
    patient: &Id,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let ended = tx
        .execute(END, params![tenant.as_str(), account, patient.as_str(), now])
        .await?;
    Ok(ended > 0)
}

/// Ends every right of the account: when it is closed. How many there were.
pub async fn end_all(tx: &mut Tx, tenant: &TenantId, account: &str, now: Timestamp) -> Result<u64, db::Error> {
    tx.execute(END_ALL, params![tenant.as_str(), account, now]).await
}

/// Says when a client is out of care, in place of what was said before; with nothing, that care goes on.
pub async fn set_gaps(
    tx: &mut Tx,
    tenant: &TenantId,
    patient: &Id,
    gaps: &[Gap],
    now: Timestamp,
) -> Result<(), db::Error> {
    tx.execute(CLEAR_GAPS, params![tenant.as_str(), patient.as_str()])
        .await?;
    for gap in &gaps[gaps.len().saturating_sub(MOST_GAPS)..] {
        let (last_day, back_on) = (gap.last_day.to_string(), gap.back_on.map(|day| day.to_string()));
        tx.execute(
            ADD_GAP,
            params![tenant.as_str(), patient.as_str(), last_day, back_on.as_deref(), now],
        )
        .await?;
    }
    Ok(())
}

/// The clients that somebody may see, as (key in the ECD, Patient id): the sync pulls these and no others.
pub async fn source_clients(conn: &mut Conn, tenant: &TenantId) -> Result<Vec<(String, Id)>, db::Error> {
    let rows = conn.rows(SOURCE_CLIENTS, params![tenant.as_str()]).await?;
    Ok(rows
        .iter()
        .filter_map(|row| Some((row.text(0), Id::parse(row.str(1))?)))
        .collect())
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;

    use super::*;
    use crate::config::Policy;
    use crate::consent::Part;
    use crate::db::fresh::fresh;

    fn tenant() -> Tenant {
        Tenant {
            id: TenantId::parse("topaz").unwrap(),
            name: "Topaz".to_owned(),
            zone: jiff::tz::TimeZone::get("Europe/Amsterdam").unwrap(),
            policy: Policy::default(),
            source: None,
            map_patches: None,
        }
    }

    fn id(text: &str) -> Id {
        Id::parse(text).unwrap()
    }

    fn right(patient: &str, parts: Parts) -> NewRight {
        NewRight {
            patient: id(patient),
            source_client: format!("ecd-{patient}"),
            role: Role::Contact,
            related: Some(id("rp1")),
            parts,
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn every_statement_is_read_by_the_database() {
        let (_dir, db) = fresh().await;
        let mut read = db.read().await.unwrap();
        for (name, sql) in STATEMENTS {
            assert!(read.prepare(*sql).await.is_ok(), "{name}");
        }
    }

    #[tokio::test]
    async fn a_right_counts_until_it_is_ended_and_only_for_its_own_account_and_tenant() {
        let (_dir, db) = fresh().await;
        let (tenant, now) = (tenant(), at("2026-11-22T10:00:00Z"));
        let mut tx = db.begin().await.unwrap();
        grant(&mut tx, &tenant.id, "a", &right("p1", Parts::ALL), now)
            .await
            .unwrap();
        let found = rights(&mut tx, &tenant, "a", now).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].patient.as_str(), found[0].parts), ("p1", Parts::ALL));
        assert!(rights(&mut tx, &tenant, "b", now).await.unwrap().is_empty());
        let mut other = tenant.clone();
        other.id = TenantId::parse("amaris").unwrap();
        assert!(rights(&mut tx, &other, "a", now).await.unwrap().is_empty());
        assert!(end(&mut tx, &tenant.id, "a", &id("p1"), now).await.unwrap());
        assert!(!end(&mut tx, &tenant.id, "a", &id("p1"), now).await.unwrap());
        assert!(rights(&mut tx, &tenant, "a", now).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_new_right_replaces_the_one_in_force() {
        let (_dir, db) = fresh().await;
        let (tenant, now) = (tenant(), at("2026-11-22T10:00:00Z"));
        let mut tx = db.begin().await.unwrap();
        grant(&mut tx, &tenant.id, "a", &right("p1", Parts::ALL), now)
            .await
            .unwrap();
        let less = Parts::of(&[Part::Appointments]);
        let later = now + 1.second();
        grant(&mut tx, &tenant.id, "a", &right("p1", less), later)
            .await
            .unwrap();
        let found = rights(&mut tx, &tenant, "a", later).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].parts, less);
        let clients = source_clients(&mut tx, &tenant.id).await.unwrap();
        assert_eq!(clients, [("ecd-p1".to_owned(), id("p1"))]);
        assert_eq!(end_all(&mut tx, &tenant.id, "a", later).await.unwrap(), 1);
        assert!(source_clients(&mut tx, &tenant.id).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn access_ends_sixty_local_days_after_departure_and_comes_back_when_the_date_was_wrong() {
        let (_dir, db) = fresh().await;
        let (tenant, now) = (tenant(), at("2026-08-01T10:00:00Z"));
        let mut tx = db.begin().await.unwrap();
        grant(&mut tx, &tenant.id, "a", &right("p1", Parts::ALL), now)
            .await
            .unwrap();
        let gap = |last_day: &str, back_on: Option<&str>| Gap {
            last_day: last_day.parse().unwrap(),
            back_on: back_on.map(|day| day.parse().unwrap()),
        };
        let left = gap("2026-08-26", None);
        set_gaps(&mut tx, &tenant.id, &id("p1"), &[left], now).await.unwrap();
        // Day 60 is 25 October, which has 25 hours.
        let last = at("2026-10-25T22:59:59Z");
        assert_eq!(rights(&mut tx, &tenant, "a", last).await.unwrap().len(), 1);
        let over = at("2026-10-25T23:00:00Z");
        assert!(rights(&mut tx, &tenant, "a", over).await.unwrap().is_empty());
        // Back for a week, and gone again: the days count anew from there.
        let twice = [gap("2026-08-26", Some("2026-11-01")), gap("2026-11-08", None)];
        set_gaps(&mut tx, &tenant.id, &id("p1"), &twice, over).await.unwrap();
        assert!(rights(&mut tx, &tenant, "a", over).await.unwrap().is_empty());
        for (now, open) in [
            ("2026-10-31T23:00:00Z", 1),
            ("2027-01-07T22:59:59Z", 1),
            ("2027-01-07T23:00:00Z", 0),
        ] {
            assert_eq!(
                rights(&mut tx, &tenant, "a", at(now)).await.unwrap().len(),
                open,
                "{now}"
            );
        }
        set_gaps(&mut tx, &tenant.id, &id("p1"), &[], over).await.unwrap();
        assert_eq!(rights(&mut tx, &tenant, "a", over).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn of_fifty_people_at_once_two_get_a_right_where_two_accounts_are_allowed() {
        let (_dir, db) = fresh().await;
        let mut tenant = tenant();
        tenant.policy.accounts.max_per_client = Some(2);
        let tenant = std::sync::Arc::new(tenant);
        let now = at("2026-11-22T10:00:00Z");
        let tasks: Vec<_> = (0..50)
            .map(|number| {
                let (db, tenant) = (db.clone(), std::sync::Arc::clone(&tenant));
                tokio::spawn(async move {
                    let mut tx = db.begin().await.unwrap();
                    hold(&mut tx, &tenant.id, &id("p1")).await.unwrap();
                    let account = format!("a{number}");
                    grant(&mut tx, &tenant.id, &account, &right("p1", Parts::ALL), now)
                        .await
                        .unwrap();
                    let fits = within_limit(&mut tx, &tenant, &id("p1")).await.unwrap();
                    if fits {
                        tx.commit().await.unwrap();
                    }
                    fits
                })
            })
            .collect();
        let mut given = 0;
        for task in tasks {
            given += usize::from(task.await.unwrap());
        }
        assert_eq!(given, 2);
        // Another client has places of its own, and a right that ends makes room.
        let mut tx = db.begin().await.unwrap();
        grant(&mut tx, &tenant.id, "z", &right("p2", Parts::ALL), now)
            .await
            .unwrap();
        assert!(within_limit(&mut tx, &tenant, &id("p2")).await.unwrap());
    }
}
