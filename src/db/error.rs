//! What can go wrong in the database, without a word of the data.

/// A named unique constraint. SQLite tells the columns and PostgreSQL the name, so both stand here.
#[derive(Clone, Copy, Debug)]
pub struct Unique {
    /// The constraint's or index's name in the migrations.
    pub name: &'static str,
    /// `table.column, table.column` in the order of the index.
    pub columns: &'static str,
}

/// A failed statement or connection. Its text never holds a value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the database URL must begin with sqlite: or postgres:")]
    Url,
    #[error("the database is not available: {0}")]
    Unavailable(&'static str),
    /// A unique constraint said no; compare with [`Error::violates`].
    #[error("a unique constraint was violated")]
    Unique(String),
    /// Another transaction was in the way; the whole flow may be tried again.
    #[error("the transaction has to be tried again")]
    Retry,
    #[error("the schema is at version {found}, newer than this binary's {known}: install the newer binary")]
    Newer { found: i64, known: i64 },
    #[error("migration {0} was changed after it had run")]
    Changed(i64),
    #[error("the statement failed ({code})")]
    Statement { code: String, source: Box<sqlx::Error> },
}

impl Error {
    /// Whether this very constraint said no.
    pub fn violates(&self, constraint: &Unique) -> bool {
        matches!(self, Self::Unique(which) if which == constraint.name || which == constraint.columns)
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut => Self::Unavailable("no connection became free in time"),
            sqlx::Error::PoolClosed => Self::Unavailable("the pool is closed"),
            sqlx::Error::Io(_) => Self::Unavailable("the connection broke"),
            sqlx::Error::Tls(_) => Self::Unavailable("TLS failed"),
            sqlx::Error::Database(inner) => {
                let code = inner.code().unwrap_or_default().into_owned();
                if inner.is_unique_violation() {
                    let which = inner.constraint().map(str::to_owned);
                    return Self::Unique(which.unwrap_or_else(|| {
                        let message = inner.message();
                        message
                            .rsplit_once("failed: ")
                            .map_or(message, |(_, columns)| columns)
                            .to_owned()
                    }));
                }
                match code.as_str() {
                    "40001" | "40P01" | "55P03" => Self::Retry,
                    // SQLITE_BUSY and its kin
                    "5" | "261" | "517" | "773" => Self::Unavailable("the database is locked"),
                    "57P01" | "57P02" | "57P03" | "53300" => Self::Unavailable("the server is not accepting work"),
                    _ => Self::Statement {
                        code,
                        source: Box::new(error),
                    },
                }
            }
            _ => Self::Statement {
                code: "client".to_owned(),
                source: Box::new(error),
            },
        }
    }
}
