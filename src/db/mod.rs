//! The only place that knows two SQL dialects exist: pools, transactions, migrations, named constraints.
//!
//! ```no_run
//! # async fn example() -> Result<(), inzage::db::Error> {
//! use inzage::db::{Db, Sql, params};
//! const NAME: Sql = Sql::both("SELECT name FROM example WHERE tenant = $1");
//! let db = Db::open("sqlite:inzage.db").await?;
//! let mut read = db.read().await?;
//! let name = read.row(NAME, params!["topaz"]).await?.map(|row| row.text(0));
//! # Ok(()) }
//! ```
//!
//! # Design
//! Both databases get the same static SQL text with `$1` placeholders; where they differ a [`Sql`] carries two texts. Every
//! value is one of four types that both keep alike: text, 64-bit integer, bytes, list of texts. Booleans are 0 and 1, times
//! are microseconds since the epoch, so no rule ever depends on the database's clock or time zone.
//!
//! SQLite has one writing connection and several readers (WAL). PostgreSQL has a pool that only reads (never inside `BEGIN`)
//! and one that writes; the latter runs `ROLLBACK` before a connection is handed out, because a future dropped during `BEGIN`
//! would otherwise leave an open transaction behind in which the next visitor's write is acknowledged and lost.
//! Only the outermost flow commits a [`Tx`]; dropping it rolls back.

mod connection;
mod error;
#[cfg(test)]
pub(crate) mod fresh;
pub mod lease;
pub(crate) mod migrate;
mod sql;
mod value;

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Executor as _;
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous};

pub use connection::{Conn, Read, Tx};
pub use error::{Error, Unique};
pub use sql::{Dialect, Sql, statements};
pub use value::{Param, Row, params};

/// How long a request may wait for a connection, and a statement for a lock.
const WAIT: Duration = Duration::from_secs(5);

/// A database: cheap to clone, closed when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Db(Arc<Pools>);

#[derive(Debug)]
enum Pools {
    Sqlite { write: SqlitePool, read: SqlitePool },
    Postgres { write: PgPool, read: PgPool },
}

impl Db {
    /// Opens `sqlite:PATH` or `postgres://…` and brings the schema up to date.
    pub async fn open(url: &str) -> Result<Self, Error> {
        let db = Self::connect(url).await?;
        migrate::run(&db).await?;
        Ok(db)
    }

    /// Opens the database and leaves the schema as it is.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let pools = if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            postgres(url).await?
        } else if url.starts_with("sqlite:") {
            sqlite(url).await?
        } else {
            return Err(Error::Url);
        };
        Ok(Self(Arc::new(pools)))
    }

    /// Opens the database as it is and only for reading: nothing is made, migrated or changed. `None`: there is no such file yet.
    pub async fn look(url: &str) -> Result<Option<Self>, Error> {
        let pools = if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            postgres_read(url).await?
        } else if url.starts_with("sqlite:") {
            match sqlite_read(url).await? {
                Some(pools) => pools,
                None => return Ok(None),
            }
        } else {
            return Err(Error::Url);
        };
        Ok(Some(Self(Arc::new(pools))))
    }

    /// How many migrations the schema is behind this binary; an error where it is newer or another one.
    pub async fn behind(&self) -> Result<usize, Error> {
        migrate::behind(self).await
    }

    /// Brings the schema up to date; refuses a schema that is newer than this binary.
    pub async fn migrate(&self) -> Result<(), Error> {
        migrate::run(self).await
    }

    pub fn dialect(&self) -> Dialect {
        match &*self.0 {
            Pools::Sqlite { .. } => Dialect::Sqlite,
            Pools::Postgres { .. } => Dialect::Postgres,
        }
    }

    /// A writing transaction. On SQLite there is one at a time; the others wait, at most five seconds.
    pub async fn begin(&self) -> Result<Tx, Error> {
        Ok(Tx::new(match &*self.0 {
            Pools::Sqlite { write, .. } => Conn::sqlite_tx(write.begin_with("BEGIN IMMEDIATE").await?),
            Pools::Postgres { write, .. } => Conn::postgres_tx(write.begin().await?),
        }))
    }

    /// Inserts rows by one statement of PostgreSQL that commits by itself, so without the five round trips of a transaction:
    /// `head SELECT * FROM unnest($1, …) tail`, with `columns` values a row and `more` after them. How many rows the statement
    /// changed; `None` on SQLite, where a transaction costs no round trip.
    pub async fn insert_alone(
        &self,
        statement: (&'static str, &'static str),
        columns: usize,
        rows: &[Param<'_>],
        more: &[Param<'_>],
    ) -> Result<Option<u64>, Error> {
        let Pools::Postgres { write, .. } = &*self.0 else {
            return Ok(None);
        };
        let mut connection = Conn::postgres(write.acquire().await?);
        let changed = connection.insert_within(statement, columns, rows, more).await?;
        Ok(Some(changed))
    }

    /// A connection for reading what is committed.
    pub async fn read(&self) -> Result<Read, Error> {
        Ok(Read::new(match &*self.0 {
            Pools::Sqlite { read, .. } => Conn::sqlite(read.acquire().await?),
            Pools::Postgres { read, .. } => Conn::postgres(read.acquire().await?),
        }))
    }

    /// Waits until every connection is back, then closes them.
    pub async fn close(&self) {
        match &*self.0 {
            Pools::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres { write, read } => {
                read.close().await;
                write.close().await;
            }
        }
    }
}

async fn sqlite(url: &str) -> Result<Pools, Error> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|_| Error::Url)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A power cut may not undo an acknowledged write or an audit line.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(WAIT)
        .foreign_keys(true)
        .pragma("cache_size", "-16384")
        // 16 MB: audit lines write the same few pages again and again, and most of those need to reach the file only once.
        .pragma("wal_autocheckpoint", "4000")
        // Not mapped into memory: a reader drops its map after every commit of another connection, and each audit line is one.
        .pragma("temp_store", "MEMORY");
    private(options.get_filename());
    let write = PoolOptions::new()
        .max_connections(1)
        .acquire_timeout(WAIT)
        .test_before_acquire(false)
        .connect_with(options.clone())
        .await?;
    let read = PoolOptions::new()
        .max_connections(4)
        .acquire_timeout(WAIT)
        .test_before_acquire(false)
        .connect_with(options.read_only(true).create_if_missing(false))
        .await?;
    Ok(Pools::Sqlite { write, read })
}

async fn sqlite_read(url: &str) -> Result<Option<Pools>, Error> {
    let options = SqliteConnectOptions::from_str(url).map_err(|_| Error::Url)?;
    let file = options.get_filename().to_owned();
    if !file.exists() {
        return Ok(None);
    }
    let mut log = file.into_os_string();
    log.push("-wal");
    // Without a log nobody has it open: then not even the files beside it are made, which reading a log takes.
    let is_still = !Path::new(&log).exists();
    let pool = PoolOptions::new()
        .max_connections(1)
        .acquire_timeout(WAIT)
        .connect_with(
            options
                .create_if_missing(false)
                .read_only(true)
                .immutable(is_still)
                .busy_timeout(WAIT),
        )
        .await?;
    Ok(Some(Pools::Sqlite {
        write: pool.clone(),
        read: pool,
    }))
}

/// Makes a database file that is not there yet, readable by its owner alone: it holds dossiers. What SQLite lays beside it gets
/// the same rights. A file that cannot be made is told by the connection that follows.
fn private(file: &Path) {
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let _ = options.open(file);
}

fn postgres_options(url: &str) -> Result<PgConnectOptions, Error> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| Error::Url)?
        .application_name("inzage")
        .options([
            ("statement_timeout", "60s"),
            ("lock_timeout", "5s"),
            ("idle_in_transaction_session_timeout", "5s"),
            // Not a line of log for each `ROLLBACK` that had nothing to do.
            ("client_min_messages", "error"),
        ]);
    Ok(options)
}

async fn postgres_read(url: &str) -> Result<Pools, Error> {
    let pool = PoolOptions::new()
        .max_connections(1)
        .acquire_timeout(WAIT)
        .connect_with(postgres_options(url)?.options([("default_transaction_read_only", "on")]))
        .await?;
    Ok(Pools::Postgres {
        write: pool.clone(),
        read: pool,
    })
}

async fn postgres(url: &str) -> Result<Pools, Error> {
    let options = postgres_options(url)?;
    // A first load fills tables that were empty when its statements were planned: plan them for what is there.
    let writing = options.clone().options([("plan_cache_mode", "force_custom_plan")]);
    let write = PoolOptions::new()
        .max_connections(8)
        .acquire_timeout(WAIT)
        // `ROLLBACK` shows as well as a ping whether the connection still stands.
        .test_before_acquire(false)
        .before_acquire(|connection: &mut PgConnection, _| {
            Box::pin(async move {
                connection.execute("ROLLBACK").await?;
                Ok(true)
            })
        })
        .connect_with(writing)
        .await?;
    let read = PoolOptions::new()
        .max_connections(8)
        .acquire_timeout(WAIT)
        .test_before_acquire(false)
        .connect_with(options.options([("default_transaction_read_only", "on"), ("statement_timeout", "2s")]))
        .await?;
    Ok(Pools::Postgres { write, read })
}

#[cfg(test)]
mod tests;
