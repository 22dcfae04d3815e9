//! A fresh database for a test: a SQLite file, or a new PostgreSQL database where `INZAGE_TEST_DATABASE` names a server.
//!
//! # Design
//! A test in which fifty race for one row in writing transactions cannot fail on SQLite, where the one writing connection puts
//! them in a row: there it shows that all fifty are answered. What it proves about the statements it proves on PostgreSQL, where
//! `.ci/run` runs every test a second time.

use super::{Db, Error};

/// A migrated database that goes away with its last file handle (SQLite) or stays for the server to discard (PostgreSQL).
pub(crate) async fn fresh() -> (tempfile::TempDir, Db) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let url = match std::env::var("INZAGE_TEST_DATABASE") {
        Ok(server) => postgres(&server).await.expect("the test server makes a database"),
        Err(_) => format!("sqlite:{}", dir.path().join("test.db").display()),
    };
    let db = Db::open(&url).await.expect("a fresh database opens");
    (dir, db)
}

async fn postgres(server: &str) -> Result<String, Error> {
    use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
    let name = format!("unit_{}", crate::secret::hex(&crate::secret::Random::Os.bytes::<8>()));
    let mut connection = sqlx::PgConnection::connect(server).await?;
    connection
        .execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await?;
    connection.close().await?;
    let mut url = url::Url::parse(server).map_err(|_| Error::Url)?;
    url.set_path(&name);
    Ok(url.into())
}
