//! Migrations: forward only, the same file names for both databases, embedded in the binary.
//!
//! # Design
//! Each file runs in its own transaction together with its line in `schema_migration`; a file that was changed after it had
//! run, and a schema newer than the binary, stop the start.

use include_dir::{Dir, include_dir};

use super::{Db, Dialect, Error, Row, Sql, params, statements};
use crate::secret::{hex, sha256};

static SQLITE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/migrations/sqlite");
static POSTGRES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/migrations/postgres");

const TABLE: Sql = Sql::both(
    "CREATE TABLE IF NOT EXISTS schema_migration (version BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL)",
);

/// Two replicas that start at once: one migrates, the other waits. SQLite's writing transaction does that by itself.
const LOCK: Sql = Sql::each(
    "SELECT 1",
    "SELECT 1 FROM (SELECT pg_advisory_xact_lock(4921337)) AS waited",
);

statements! {
    KNOWN = each(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'schema_migration'",
        "SELECT 'schema_migration' AS name WHERE to_regclass('schema_migration') IS NOT NULL",
    );
    APPLIED = both("SELECT version, checksum FROM schema_migration ORDER BY version");
    RECORD = both("INSERT INTO schema_migration (version, name, checksum) VALUES ($1, $2, $3)");
}

struct Migration {
    version: i64,
    name: &'static str,
    text: &'static str,
}

fn files(dialect: Dialect) -> Vec<Migration> {
    let dir = match dialect {
        Dialect::Sqlite => &SQLITE,
        Dialect::Postgres => &POSTGRES,
    };
    let mut found: Vec<Migration> = dir
        .files()
        .filter_map(|file| {
            let name = file.path().file_stem()?.to_str()?;
            let version = name.split_once('_')?.0.parse().ok()?;
            Some(Migration {
                version,
                name,
                text: file.contents_utf8()?,
            })
        })
        .collect();
    found.sort_by_key(|migration| migration.version);
    found
}

pub(super) async fn run(db: &Db) -> Result<(), Error> {
    let files = files(db.dialect());
    let mut tx = db.begin().await?;
    tx.row(LOCK, params![]).await?;
    tx.execute(TABLE, params![]).await?;
    let applied = tx.rows(APPLIED, params![]).await?;
    tx.commit().await?;

    let pending = pending(files, &applied)?;
    for (migration, checksum) in &pending {
        apply(db, migration, checksum).await?;
    }
    if let Some((last, _)) = pending.last() {
        tracing::info!(
            schema.version = last.version,
            schema.steps = pending.len(),
            "schema migrated"
        );
    }
    Ok(())
}

/// Those that have not run, each with its checksum; an error where the schema is newer than this binary or another one.
fn pending(files: Vec<Migration>, applied: &[Row]) -> Result<Vec<(Migration, String)>, Error> {
    let known = files.last().map_or(0, |last| last.version);
    if let Some(found) = applied.last().map(|row| row.int(0)).filter(|found| *found > known) {
        return Err(Error::Newer { found, known });
    }
    let mut pending = Vec::new();
    for migration in files {
        let checksum = hex(&sha256(migration.text.as_bytes()));
        match applied.iter().find(|row| row.int(0) == migration.version) {
            Some(row) if row.text(1) == checksum => {}
            Some(_) => return Err(Error::Changed(migration.version)),
            None => pending.push((migration, checksum)),
        }
    }
    Ok(pending)
}

/// How many have not run; changes nothing.
pub(super) async fn behind(db: &Db) -> Result<usize, Error> {
    let mut read = db.read().await?;
    let applied = match read.row(KNOWN, params![]).await? {
        Some(_) => read.rows(APPLIED, params![]).await?,
        None => Vec::new(),
    };
    Ok(pending(files(db.dialect()), &applied)?.len())
}

async fn apply(db: &Db, migration: &Migration, checksum: &str) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    tx.row(LOCK, params![]).await?;
    let already = tx
        .rows(APPLIED, params![])
        .await?
        .iter()
        .any(|row| row.int(0) == migration.version);
    if !already {
        tx.script(migration.text).await?;
        tx.execute(RECORD, params![migration.version, migration.name, checksum])
            .await?;
        tracing::debug!(migration.name, "schema migrated");
    }
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_databases_have_the_same_files() {
        let names = |dialect| files(dialect).iter().map(|file| file.name).collect::<Vec<_>>();
        assert_eq!(names(Dialect::Sqlite), names(Dialect::Postgres));
        assert!(!names(Dialect::Sqlite).is_empty());
    }
}
