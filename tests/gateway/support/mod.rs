//! What integration tests share: a database of the kind under test, and a mock ECD with a sync into it.
//!
//! `INZAGE_TEST_DATABASE=postgres://…` runs every test on that server, each in a database of its own; otherwise SQLite files.

pub mod dossier;
pub mod shared;
pub mod tls;

use inzage::db::Db;
use inzage::secret::{Random, hex};

/// A fresh database that is migrated; the folder holds the file when it is SQLite.
pub struct Fresh {
    pub db: Db,
    pub url: String,
    pub folder: tempfile::TempDir,
}

pub async fn fresh() -> Fresh {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = match std::env::var("INZAGE_TEST_DATABASE") {
        Ok(server) => on_server(&server).await,
        Err(_) => format!("sqlite:{}", folder.path().join("inzage.db").display()),
    };
    let db = Db::open(&url).await.expect("a fresh database opens");
    Fresh { db, url, folder }
}

async fn on_server(server: &str) -> String {
    use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
    let name = format!("gateway_{}", hex(&Random::Os.bytes::<8>()));
    let mut connection = sqlx::PgConnection::connect(server)
        .await
        .expect("INZAGE_TEST_DATABASE names a server");
    connection
        .execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await
        .expect("the role may create databases");
    connection.close().await.expect("the connection closes");
    let mut url = url::Url::parse(server).expect("INZAGE_TEST_DATABASE is a URL");
    url.set_path(&name);
    url.into()
}
