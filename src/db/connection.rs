//! A connection of either database behind one set of calls.

use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, Postgres};
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments};
use sqlx::{AssertSqlSafe, Executor as _, SqlSafeStr, Transaction};

use super::{Dialect, Error, Param, Row, Sql};

/// The most values that one statement of [`Conn::insert_many`] binds on SQLite, which allows 32,766.
const BINDS: usize = 2_000;
/// The most rows of one on PostgreSQL, which binds a list for each column.
const ROWS: usize = 1_000;

/// A connection that takes statements. Made by [`super::Db::begin`] and [`super::Db::read`].
#[derive(Debug)]
pub struct Conn(Inner);

#[derive(Debug)]
enum Inner {
    Sqlite(PoolConnection<Sqlite>),
    SqliteTx(Transaction<'static, Sqlite>),
    Postgres(PoolConnection<Postgres>),
    PostgresTx(Transaction<'static, Postgres>),
}

/// Runs `$call` on the connection below, whichever database it is.
macro_rules! on {
    ($self:expr, $sqlite:ident => $one:expr, $postgres:ident => $other:expr) => {
        match &mut $self.0 {
            Inner::Sqlite(connection) => {
                let $sqlite = &mut **connection;
                $one
            }
            Inner::SqliteTx(connection) => {
                let $sqlite = &mut **connection;
                $one
            }
            Inner::Postgres(connection) => {
                let $postgres = &mut **connection;
                $other
            }
            Inner::PostgresTx(connection) => {
                let $postgres = &mut **connection;
                $other
            }
        }
    };
}

impl Conn {
    pub(super) fn sqlite(connection: PoolConnection<Sqlite>) -> Self {
        Self(Inner::Sqlite(connection))
    }

    pub(super) fn sqlite_tx(transaction: Transaction<'static, Sqlite>) -> Self {
        Self(Inner::SqliteTx(transaction))
    }

    pub(super) fn postgres(connection: PoolConnection<Postgres>) -> Self {
        Self(Inner::Postgres(connection))
    }

    pub(super) fn postgres_tx(transaction: Transaction<'static, Postgres>) -> Self {
        Self(Inner::PostgresTx(transaction))
    }

    pub fn dialect(&self) -> Dialect {
        match self.0 {
            Inner::Sqlite(_) | Inner::SqliteTx(_) => Dialect::Sqlite,
            Inner::Postgres(_) | Inner::PostgresTx(_) => Dialect::Postgres,
        }
    }

    /// Runs a statement; how many rows it changed.
    pub async fn execute(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<u64, Error> {
        let text = sql.text(self.dialect());
        Ok(on!(self,
            connection => bind_sqlite(sqlx::query(text), params).execute(connection).await?.rows_affected(),
            connection => bind_postgres(sqlx::query(text), params).execute(connection).await?.rows_affected()))
    }

    /// The first row, if there is one.
    pub async fn row(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<Option<Row>, Error> {
        let text = sql.text(self.dialect());
        Ok(on!(self,
            connection => bind_sqlite(sqlx::query(text), params).fetch_optional(connection).await?.map(Row::Sqlite),
            connection => bind_postgres(sqlx::query(text), params).fetch_optional(connection).await?.map(Row::Postgres)))
    }

    /// Every row. The statement has a `LIMIT` or is bounded by its key.
    pub async fn rows(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<Vec<Row>, Error> {
        self.fetch(sql.text(self.dialect()), params).await
    }

    /// Every row of a statement that was put together at run time; only `resource/search/sql.rs` builds such a text, and its
    /// values are always bound.
    pub async fn rows_built(&mut self, text: String, params: &[Param<'_>]) -> Result<Vec<Row>, Error> {
        self.fetch(AssertSqlSafe(text), params).await
    }

    async fn fetch(&mut self, text: impl SqlSafeStr, params: &[Param<'_>]) -> Result<Vec<Row>, Error> {
        Ok(on!(self,
        connection => {
            let rows = bind_sqlite(sqlx::query(text), params).fetch_all(connection).await?;
            rows.into_iter().map(Row::Sqlite).collect()
        },
        connection => {
            let rows = bind_postgres(sqlx::query(text), params).fetch_all(connection).await?;
            rows.into_iter().map(Row::Postgres).collect()
        }))
    }

    /// Inserts many rows with few statements: `head` up to `VALUES`, `tail` from `ON CONFLICT` on, `columns` values a row.
    pub async fn insert_many(
        &mut self,
        head: &'static str,
        tail: &'static str,
        columns: usize,
        params: &[Param<'_>],
    ) -> Result<u64, Error> {
        assert!(
            columns > 0 && params.len().is_multiple_of(columns),
            "every row has {columns} values"
        );
        let dialect = self.dialect();
        let (mut changed, mut rest) = (0, params);
        while !rest.is_empty() {
            let rows = rows_at_once(dialect, columns, rest.len() / columns);
            let (chunk, later) = rest.split_at(rows * columns);
            rest = later;
            let text = AssertSqlSafe(insert_text(dialect, head, tail, columns, chunk));
            changed += on!(self,
                connection => bind_sqlite(sqlx::query(text), chunk).execute(connection).await?.rows_affected(),
                connection => bind_columns(sqlx::query(text), columns, chunk).execute(connection).await?.rows_affected());
        }
        Ok(changed)
    }

    /// Inserts rows in the middle of one statement of PostgreSQL: `head SELECT * FROM unnest($1, …) tail`. The values of `more` are
    /// bound after the columns, from `$columns+1` on.
    pub(super) async fn insert_within(
        &mut self,
        (head, tail): (&'static str, &'static str),
        columns: usize,
        rows: &[Param<'_>],
        more: &[Param<'_>],
    ) -> Result<u64, Error> {
        let text = AssertSqlSafe(insert_text(Dialect::Postgres, head, tail, columns, rows));
        let Inner::Postgres(connection) = &mut self.0 else {
            unreachable!("only a connection of PostgreSQL that is in no transaction comes here");
        };
        let query = bind_columns(sqlx::query(text), columns, rows);
        let done = bind_postgres(query, more).execute(&mut **connection).await?;
        Ok(done.rows_affected())
    }

    /// Lets the database read a statement without running it.
    pub async fn prepare(&mut self, sql: Sql) -> Result<(), Error> {
        let text = sql.text(self.dialect());
        on!(self,
            connection => { connection.prepare(text.into_sql_str()).await?; },
            connection => { connection.prepare(text.into_sql_str()).await?; });
        Ok(())
    }

    /// Runs the statements of a migration file.
    pub(super) async fn script(&mut self, text: &'static str) -> Result<(), Error> {
        on!(self,
            connection => { connection.execute(sqlx::raw_sql(text)).await?; },
            connection => { connection.execute(sqlx::raw_sql(text)).await?; });
        Ok(())
    }
}

/// How many of the rows that are left go into the next statement. Each connection keeps what it has prepared by its text, so
/// there must be few texts: on PostgreSQL there is one whatever the number, on SQLite the numbers are powers of two.
fn rows_at_once(dialect: Dialect, columns: usize, left: usize) -> usize {
    match dialect {
        Dialect::Sqlite => 1 << left.min((BINDS / columns).max(1)).ilog2(),
        Dialect::Postgres => left.min(ROWS),
    }
}

fn insert_text(dialect: Dialect, head: &str, tail: &str, columns: usize, chunk: &[Param<'_>]) -> String {
    let mut text = String::with_capacity(head.len() + tail.len() + 32 + chunk.len().min(BINDS) * 3);
    text.push_str(head);
    match dialect {
        Dialect::Sqlite => {
            text.push_str(" VALUES ");
            for row in 0..chunk.len() / columns {
                text.push_str(if row == 0 { "(" } else { "),(" });
                // Without numbers: SQLite keeps those in a list, and sqlx asks it for each place from the beginning.
                for column in 0..columns {
                    text.push_str(if column == 0 { "?" } else { ",?" });
                }
            }
        }
        Dialect::Postgres => {
            text.push_str(" SELECT * FROM unnest(");
            for (column, param) in chunk.iter().take(columns).enumerate() {
                text.push_str(if column == 0 { "$" } else { ",$" });
                text.push_str(&(column + 1).to_string());
                text.push_str(match param {
                    Param::Text(_) => "::text[]",
                    Param::Int(_) => "::bigint[]",
                    Param::Bytes(_) => "::bytea[]",
                    Param::Texts(_) => unreachable!("no column of ours holds a list"),
                });
            }
        }
    }
    text.push_str(") ");
    text.push_str(tail);
    text
}

/// Binds the values of rows column by column.
fn bind_columns<'q>(
    mut query: Query<'q, Postgres, PgArguments>,
    columns: usize,
    chunk: &[Param<'_>],
) -> Query<'q, Postgres, PgArguments> {
    /// The values of one column, all of the kind of the first.
    macro_rules! column {
        ($values:expr, $kind:ident, $value:ident => $taken:expr) => {
            $values
                .map(|param| match param {
                    Param::$kind($value) => $taken,
                    _ => unreachable!("a column holds values of one kind"),
                })
                .collect::<Vec<_>>()
        };
    }
    for column in 0..columns {
        let values = chunk.iter().skip(column).step_by(columns);
        query = match &chunk[column] {
            Param::Text(_) => query.bind(column!(values, Text, value => value.as_deref())),
            Param::Int(_) => query.bind(column!(values, Int, value => *value)),
            Param::Bytes(_) => query.bind(column!(values, Bytes, value => value.as_deref())),
            Param::Texts(_) => unreachable!("no column of ours holds a list"),
        };
    }
    query
}

fn bind_sqlite<'q>(
    mut query: Query<'q, Sqlite, SqliteArguments>,
    params: &[Param<'_>],
) -> Query<'q, Sqlite, SqliteArguments> {
    for param in params {
        query = match param {
            Param::Text(value) => query.bind(value.as_deref().map(str::to_owned)),
            Param::Int(value) => query.bind(*value),
            Param::Bytes(value) => query.bind(value.as_deref().map(<[u8]>::to_vec)),
            Param::Texts(values) => query.bind(serde_json::to_string(values).expect("texts are JSON")),
        };
    }
    query
}

fn bind_postgres<'q>(
    mut query: Query<'q, Postgres, PgArguments>,
    params: &[Param<'_>],
) -> Query<'q, Postgres, PgArguments> {
    for param in params {
        query = match param {
            Param::Text(value) => query.bind(value.as_deref()),
            Param::Int(value) => query.bind(*value),
            Param::Bytes(value) => query.bind(value.as_deref()),
            Param::Texts(values) => query.bind(&values[..]),
        };
    }
    query
}

/// A writing transaction: dropped without [`Tx::commit`] it is rolled back.
#[derive(Debug)]
pub struct Tx(Conn);

impl Tx {
    pub(super) fn new(conn: Conn) -> Self {
        Self(conn)
    }

    /// Makes everything durable. Only the outermost flow calls this.
    pub async fn commit(self) -> Result<(), Error> {
        match self.0.0 {
            Inner::SqliteTx(transaction) => transaction.commit().await?,
            Inner::PostgresTx(transaction) => transaction.commit().await?,
            Inner::Sqlite(_) | Inner::Postgres(_) => unreachable!("a Tx holds a transaction"),
        }
        Ok(())
    }
}

impl Deref for Tx {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.0
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.0
    }
}

/// A connection for reading.
#[derive(Debug)]
pub struct Read(Conn);

impl Read {
    pub(super) fn new(conn: Conn) -> Self {
        Self(conn)
    }
}

impl Deref for Read {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.0
    }
}

impl DerefMut for Read {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.0
    }
}
