//! All SQL that writes resources.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;

use super::draft::{Indexed, Prepared};
use super::index::NO_DATE;
use super::{Draft, Error, Put};
use crate::config::{Tenant, TenantId};
use crate::db::{self, Conn, Param, Tx, Unique, params, statements};
use crate::fhir::types::{Id, ResourceType};

statements! {
    /// What is stored of these ids now. One look into the index for each id: PostgreSQL keeps the plan that it made while the
    /// table was empty, and for `id = ANY($3)` that would be to read the whole table for every batch of a first load.
    FIND = each(
        "SELECT id, key, patient, version, hash FROM resource
         WHERE tenant = $1 AND type = $2 AND id IN (SELECT value FROM json_each($3))",
        "SELECT r.id, r.key, r.patient, r.version, r.hash FROM unnest($3::text[]) AS asked(id) CROSS JOIN LATERAL (
             SELECT id, key, patient, version, hash FROM resource
             WHERE tenant = $1 AND type = $2 AND id = asked.id LIMIT 1
         ) AS r",
    );
    /// The last version of what was withdrawn: versions go on from there.
    FIND_GONE = each(
        "SELECT id, version FROM resource_gone
         WHERE tenant = $1 AND type = $2 AND id IN (SELECT value FROM json_each($3))",
        "SELECT id, version FROM resource_gone WHERE tenant = $1 AND type = $2 AND id = ANY($3)",
    );
    BACK = each(
        "DELETE FROM resource_gone WHERE tenant = $1 AND type = $2 AND id IN (SELECT value FROM json_each($3))",
        "DELETE FROM resource_gone WHERE tenant = $1 AND type = $2 AND id = ANY($3)",
    );
    /// Both databases run their own form; see [`take_keys`].
    KEYS = each(
        "UPDATE resource_key SET last = last + $1 RETURNING last",
        "SELECT nextval('resource_key') FROM generate_series(1, $1)",
    );
    /// Holds the rows until the end of the transaction, and tells whether they are still what was found. SQLite goes by `key` in this
    /// and the next ones: without the plus it reads every resource of the tenant to find a few.
    HOLD = each(
        "SELECT key, version FROM resource
         WHERE +tenant = $1 AND key IN (SELECT CAST(value AS INTEGER) FROM json_each($2))",
        "SELECT key, version FROM resource WHERE tenant = $1 AND key = ANY($2::bigint[]) FOR UPDATE",
    );
    ARCHIVE = each(
        "INSERT INTO resource_history (tenant, patient, type, id, version, updated, present, marks, body)
         SELECT tenant, patient, type, id, version, updated, present, marks, body FROM resource
         WHERE +tenant = $1 AND key IN (SELECT CAST(value AS INTEGER) FROM json_each($2))",
        "INSERT INTO resource_history (tenant, patient, type, id, version, updated, present, marks, body)
         SELECT tenant, patient, type, id, version, updated, present, marks, body FROM resource
         WHERE tenant = $1 AND key = ANY($2::bigint[])",
    );
    REMOVE = each(
        "DELETE FROM resource WHERE +tenant = $1 AND key IN (SELECT CAST(value AS INTEGER) FROM json_each($2))",
        "DELETE FROM resource WHERE tenant = $1 AND key = ANY($2::bigint[])",
    );
    UNLINK = each(
        "DELETE FROM resource_link
         WHERE tenant = $1 AND patient = $2 AND source IN (SELECT CAST(value AS INTEGER) FROM json_each($3))",
        "DELETE FROM resource_link WHERE tenant = $1 AND patient = $2 AND source = ANY($3::bigint[])",
    );
    FORGET = each(
        "DELETE FROM resource_history
         WHERE tenant = $1 AND patient = $2 AND type = $3 AND id IN (SELECT value FROM json_each($4))",
        "DELETE FROM resource_history WHERE tenant = $1 AND patient = $2 AND type = $3 AND id = ANY($4)",
    );
    GONE = each(
        "INSERT INTO resource_gone (tenant, type, id, patient, version, gone_at)
         SELECT tenant, type, id, patient, version, $3 FROM resource
         WHERE +tenant = $1 AND key IN (SELECT CAST(value AS INTEGER) FROM json_each($2))",
        "INSERT INTO resource_gone (tenant, type, id, patient, version, gone_at)
         SELECT tenant, type, id, patient, version, $3 FROM resource WHERE tenant = $1 AND key = ANY($2::bigint[])",
    );
}

/// The head of a many-row insert; its columns are those of [`row`].
const INSERT: &str = "INSERT INTO resource (key, tenant, patient, type, id, version, updated, present, date_from, \
                      date_until, date2_from, date2_until, marks, hash, body)";
const COLUMNS: usize = 15;
/// Another transaction stored the same new resource first.
const TAKEN: Unique = Unique {
    name: "resource_id",
    columns: "resource.tenant, resource.type, resource.id",
};
const LINK: &str = "INSERT INTO resource_link (tenant, patient, target_type, target, source, source_type)";

/// The row that is there now.
struct Existing {
    key: i64,
    patient: String,
    version: i64,
    hash: Vec<u8>,
}

/// Stores the drafts: one answer for each, in their order. A new version only where the content differs. A resource that comes
/// with another client than before leaves the old dossier with its history and index.
///
/// Meant for one client's resources at a time, up to some thousands: it takes a handful of statements whatever their number.
pub async fn put(tx: &mut Tx, tenant: &Tenant, now: Timestamp, drafts: &[Draft]) -> Result<Vec<Put>, Error> {
    let hashed = drafts.iter().map(|draft| (draft, draft.hash())).collect();
    let prepare = |at: usize, hash| {
        let draft: &Draft = &drafts[at];
        draft.prepare(hash, &tenant.zone)
    };
    store(tx, &tenant.id, now, hashed, prepare).await
}

/// [`put`] of drafts whose index was read before: a load does that beside the mapping, and not while it holds the transaction.
pub async fn put_indexed(
    tx: &mut Tx,
    tenant: &TenantId,
    now: Timestamp,
    drafts: &[Indexed],
) -> Result<Vec<Put>, Error> {
    let hashed = drafts.iter().map(|indexed| (&indexed.draft, indexed.hash)).collect();
    store(tx, tenant, now, hashed, |at, _| Ok(drafts[at].prepared())).await
}

/// `prepare` is asked for those that get a new version, by their place and hash.
async fn store<'d>(
    tx: &mut Tx,
    tenant: &TenantId,
    now: Timestamp,
    drafts: Vec<(&'d Draft, [u8; 16])>,
    prepare: impl Fn(usize, [u8; 16]) -> Result<Prepared<'d>, Error> + Send,
) -> Result<Vec<Put>, Error> {
    let existing = existing(tx, tenant, drafts.iter().map(|(draft, _)| *draft)).await?;
    let mut answers = Vec::with_capacity(drafts.len());
    let (mut fresh, mut changed) = (Vec::new(), Changed::default());
    let mut seen = HashSet::with_capacity(drafts.len());
    for (at, (draft, hash)) in drafts.into_iter().enumerate() {
        if !seen.insert((draft.kind, &draft.id)) {
            return Err(draft.refused("the same id comes twice in one batch"));
        }
        let known = existing.get(&(draft.kind, draft.id.as_str()));
        let patient = draft.patient.as_ref().map_or("", Id::as_str);
        answers.push(match known {
            Some(known) if known.hash == hash && known.patient == patient => Put::Unchanged,
            Some(known) => {
                changed.add(draft.kind, &draft.id, known, patient);
                fresh.push((prepare(at, hash)?, Some((known.key, known.version))));
                Put::Updated
            }
            None => {
                fresh.push((prepare(at, hash)?, None));
                Put::Created
            }
        });
    }
    changed.leave(tx, tenant).await?;
    insert(tx, tenant, now, fresh).await?;
    Ok(answers)
}

async fn existing<'d>(
    conn: &mut Conn,
    tenant: &TenantId,
    drafts: impl Iterator<Item = &'d Draft>,
) -> Result<HashMap<(ResourceType, &'d str), Existing>, db::Error> {
    let mut by_type: BTreeMap<ResourceType, HashSet<&'d str>> = BTreeMap::new();
    for draft in drafts {
        by_type.entry(draft.kind).or_default().insert(draft.id.as_str());
    }
    let mut found = HashMap::new();
    for (kind, ids) in by_type {
        let list: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        for row in conn.rows(FIND, params![tenant.as_str(), kind.as_str(), list]).await? {
            let id = ids.get(row.str(0)).expect("only what was asked for is found");
            let existing = Existing {
                key: row.int(1),
                patient: row.text(2),
                version: row.int(3),
                hash: row.bytes(4),
            };
            found.insert((kind, *id), existing);
        }
    }
    Ok(found)
}

/// The rows that make room for a new version.
#[derive(Default)]
struct Changed {
    archive: Vec<String>,
    /// Key and version.
    remove: Vec<(i64, i64)>,
    unlink: BTreeMap<String, Vec<String>>,
    /// Old dossier and type of what moved: its history must not follow it, and must not stay.
    forget: BTreeMap<(String, ResourceType), Vec<String>>,
}

impl Changed {
    fn add(&mut self, kind: ResourceType, id: &Id, known: &Existing, patient: &str) {
        let key = known.key.to_string();
        if known.patient == patient {
            self.archive.push(key.clone());
        } else {
            let moved = self.forget.entry((known.patient.clone(), kind)).or_default();
            moved.push(id.as_str().to_owned());
        }
        self.unlink.entry(known.patient.clone()).or_default().push(key);
        self.remove.push((known.key, known.version));
    }

    async fn leave(self, tx: &mut Tx, tenant: &TenantId) -> Result<(), db::Error> {
        if self.remove.is_empty() {
            return Ok(());
        }
        let tenant = tenant.as_str();
        let remove = hold(tx, tenant, &self.remove).await?;
        if !self.archive.is_empty() {
            tx.execute(ARCHIVE, params![tenant, &self.archive[..]]).await?;
        }
        for ((patient, kind), ids) in &self.forget {
            tx.execute(FORGET, params![tenant, patient, kind.as_str(), &ids[..]])
                .await?;
        }
        for (patient, keys) in &self.unlink {
            tx.execute(UNLINK, params![tenant, patient, &keys[..]]).await?;
        }
        tx.execute(REMOVE, params![tenant, remove]).await?;
        Ok(())
    }
}

/// Makes sure that no other transaction changed these keys since their versions were read; if one did, the whole flow is to
/// be tried again. Gives the keys as a list to bind.
async fn hold(tx: &mut Tx, tenant: &str, found: &[(i64, i64)]) -> Result<Vec<String>, db::Error> {
    let keys: Vec<String> = found.iter().map(|(key, _)| key.to_string()).collect();
    let mut found = found.to_vec();
    let rows = tx.rows(HOLD, params![tenant, &keys[..]]).await?;
    let mut held: Vec<_> = rows.iter().map(|row| (row.int(0), row.int(1))).collect();
    found.sort_unstable();
    held.sort_unstable();
    if held == found { Ok(keys) } else { Err(db::Error::Retry) }
}

type Fresh<'d> = (Prepared<'d>, Option<(i64, i64)>);

/// Inserts new rows and new versions; `Some` is the key and version of the row that was there.
async fn insert(tx: &mut Tx, tenant: &TenantId, now: Timestamp, fresh: Vec<Fresh<'_>>) -> Result<(), db::Error> {
    let created = fresh.iter().filter(|(_, before)| before.is_none());
    let mut gone = come_back(tx, tenant, created.map(|(prepared, _)| prepared.draft)).await?;
    let count = fresh.iter().filter(|(_, before)| before.is_none()).count();
    let mut keys = take_keys(tx, count).await?.into_iter();

    let mut rows = Vec::with_capacity(fresh.len() * COLUMNS);
    let mut links = Vec::new();
    for (prepared, before) in &fresh {
        let Draft { kind, id, patient, .. } = prepared.draft;
        let patient = patient.as_ref().map_or("", Id::as_str);
        let (key, last) = before.unwrap_or_else(|| {
            let last = gone.remove(&(*kind, id.as_str())).unwrap_or(0);
            (keys.next().expect("a key was taken for each new resource"), last)
        });
        for (target_type, target) in &prepared.entry.links {
            links.extend([
                Param::from(tenant.as_str()),
                Param::from(patient),
                Param::from(target_type.as_str()),
                Param::from(target.as_str()),
                Param::from(key),
                Param::from(kind.as_str()),
            ]);
        }
        row(&mut rows, tenant, key, last + 1, now, prepared);
    }
    let inserted = tx.insert_many(INSERT, "", COLUMNS, &rows).await;
    inserted.map_err(|error| {
        if error.violates(&TAKEN) {
            db::Error::Retry
        } else {
            error
        }
    })?;
    tx.insert_many(LINK, "", 6, &links).await?;
    Ok(())
}

fn row<'p>(
    rows: &mut Vec<Param<'p>>,
    tenant: &'p TenantId,
    key: i64,
    version: i64,
    now: Timestamp,
    prepared: &'p Prepared<'_>,
) {
    let [first, second] = prepared
        .entry
        .dates
        .map(|date| date.map_or((NO_DATE, NO_DATE), |span| (span.from, span.until)));
    rows.extend([
        Param::from(key),
        Param::from(tenant.as_str()),
        Param::from(prepared.draft.patient.as_ref().map_or("", Id::as_str)),
        Param::from(prepared.draft.kind.as_str()),
        Param::from(prepared.draft.id.as_str()),
        Param::from(version),
        Param::from(now),
        Param::from(prepared.entry.present),
        Param::from(first.0),
        Param::from(first.1),
        Param::from(second.0),
        Param::from(second.1),
        Param::from(&prepared.entry.marks[..]),
        Param::from(&prepared.hash[..]),
        Param::from(prepared.body(version, now)),
    ]);
}

/// The last versions of those drafts that had been withdrawn, which are no longer.
async fn come_back<'d>(
    tx: &mut Tx,
    tenant: &TenantId,
    created: impl Iterator<Item = &'d Draft>,
) -> Result<HashMap<(ResourceType, &'d str), i64>, db::Error> {
    let mut by_type: BTreeMap<ResourceType, HashSet<&'d str>> = BTreeMap::new();
    for draft in created {
        by_type.entry(draft.kind).or_default().insert(draft.id.as_str());
    }
    let mut back = HashMap::new();
    for (kind, ids) in by_type {
        let list: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        let rows = tx
            .rows(FIND_GONE, params![tenant.as_str(), kind.as_str(), &list[..]])
            .await?;
        for row in &rows {
            let id = ids.get(row.str(0)).expect("only what was asked for is found");
            back.insert((kind, *id), row.int(1));
        }
        if !rows.is_empty() {
            tx.execute(BACK, params![tenant.as_str(), kind.as_str(), list]).await?;
        }
    }
    Ok(back)
}

/// As many keys as asked for, each higher than all that were given out before.
async fn take_keys(tx: &mut Tx, count: usize) -> Result<Vec<i64>, db::Error> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let count = i64::try_from(count).expect("a batch fits in memory");
    let rows = tx.rows(KEYS, params![count]).await?;
    Ok(match &rows[..] {
        // SQLite tells the last one; one writer at a time makes the range whole.
        [last] => (last.int(0) - count + 1..=last.int(0)).collect(),
        all => all.iter().map(|row| row.int(0)).collect(),
    })
}

/// Takes the resources out of reading, search, index and history; the ids are never given to anything else. Ids that are not in
/// this dossier are left alone. Says how many there were.
pub async fn withdraw(
    tx: &mut Tx,
    tenant: &TenantId,
    patient: Option<&Id>,
    items: &[(ResourceType, Id)],
    now: Timestamp,
) -> Result<u64, db::Error> {
    let patient = patient.map_or("", Id::as_str);
    let mut by_type: BTreeMap<ResourceType, Vec<String>> = BTreeMap::new();
    for (kind, id) in items {
        by_type.entry(*kind).or_default().push(id.as_str().to_owned());
    }
    let tenant = tenant.as_str();
    let mut withdrawn = 0;
    for (kind, list) in by_type {
        let rows = tx.rows(FIND, params![tenant, kind.as_str(), list]).await?;
        let here = rows.iter().filter(|row| row.str(2) == patient);
        let (ids, found): (Vec<_>, Vec<_>) = here.map(|row| (row.text(0), (row.int(1), row.int(3)))).unzip();
        if found.is_empty() {
            continue;
        }
        let keys = hold(tx, tenant, &found).await?;
        tx.execute(GONE, params![tenant, &keys[..], now]).await?;
        tx.execute(FORGET, params![tenant, patient, kind.as_str(), ids]).await?;
        tx.execute(UNLINK, params![tenant, patient, &keys[..]]).await?;
        withdrawn += tx.execute(REMOVE, params![tenant, keys]).await?;
    }
    Ok(withdrawn)
}

#[cfg(test)]
mod tests;
