//! What goes into a statement and what comes out of it.

use std::borrow::Cow;

use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

/// A bound value.
#[derive(Clone, Debug)]
pub enum Param<'a> {
    Text(Option<Cow<'a, str>>),
    Int(Option<i64>),
    Bytes(Option<Cow<'a, [u8]>>),
    /// A list of texts: `json_each($1)` on SQLite, `text[]` on PostgreSQL.
    Texts(Cow<'a, [String]>),
}

/// Values for a statement, in the order of `$1`, `$2`, …
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::db::Param::from($value)),*] };
}

pub use crate::params;

macro_rules! from {
    ($($kind:ty => |$value:ident| $made:expr;)*) => {
        $(impl<'a> From<$kind> for Param<'a> { fn from($value: $kind) -> Self { $made } })*
    };
}

from! {
    &'a str => |v| Param::Text(Some(Cow::Borrowed(v)));
    &'a String => |v| Param::Text(Some(Cow::Borrowed(v)));
    String => |v| Param::Text(Some(Cow::Owned(v)));
    Option<&'a str> => |v| Param::Text(v.map(Cow::Borrowed));
    Option<String> => |v| Param::Text(v.map(Cow::Owned));
    i64 => |v| Param::Int(Some(v));
    Option<i64> => |v| Param::Int(v);
    bool => |v| Param::Int(Some(i64::from(v)));
    Timestamp => |v| Param::Int(Some(v.as_microsecond()));
    Option<Timestamp> => |v| Param::Int(v.map(|at| at.as_microsecond()));
    &'a [u8] => |v| Param::Bytes(Some(Cow::Borrowed(v)));
    &'a [u8; 32] => |v| Param::Bytes(Some(Cow::Borrowed(v)));
    [u8; 32] => |v| Param::Bytes(Some(Cow::Owned(v.to_vec())));
    Vec<u8> => |v| Param::Bytes(Some(Cow::Owned(v)));
    Option<Vec<u8>> => |v| Param::Bytes(v.map(Cow::Owned));
    &'a [String] => |v| Param::Texts(Cow::Borrowed(v));
    Vec<String> => |v| Param::Texts(Cow::Owned(v));
}

/// One row of an answer. Columns are read by position; a wrong type is a fault of the statement and is caught by its test.
#[derive(Debug)]
pub enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

macro_rules! column {
    ($row:expr, $at:expr, $kind:ty) => {
        match $row {
            Row::Sqlite(row) => row.get::<$kind, _>($at),
            Row::Postgres(row) => row.get::<$kind, _>($at),
        }
    };
}

impl Row {
    pub fn text(&self, at: usize) -> String {
        column!(self, at, String)
    }

    /// The text without a copy.
    pub fn str(&self, at: usize) -> &str {
        column!(self, at, &str)
    }

    pub fn opt_text(&self, at: usize) -> Option<String> {
        column!(self, at, Option<String>)
    }

    pub fn int(&self, at: usize) -> i64 {
        column!(self, at, i64)
    }

    pub fn opt_int(&self, at: usize) -> Option<i64> {
        column!(self, at, Option<i64>)
    }

    pub fn bool(&self, at: usize) -> bool {
        self.int(at) != 0
    }

    pub fn bytes(&self, at: usize) -> Vec<u8> {
        column!(self, at, Vec<u8>)
    }

    pub fn opt_bytes(&self, at: usize) -> Option<Vec<u8>> {
        column!(self, at, Option<Vec<u8>>)
    }

    pub fn time(&self, at: usize) -> Timestamp {
        Timestamp::from_microsecond(self.int(at)).unwrap_or(Timestamp::MIN)
    }

    pub fn opt_time(&self, at: usize) -> Option<Timestamp> {
        self.opt_int(at)
            .map(|micros| Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MIN))
    }
}
