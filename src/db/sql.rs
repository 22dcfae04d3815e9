//! A statement in both dialects, and the register of all of them.

/// Which database speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

/// One statement: the same text for both databases, or one for each.
#[derive(Clone, Copy, Debug)]
pub struct Sql {
    sqlite: &'static str,
    postgres: &'static str,
}

impl Sql {
    /// A statement that both databases read alike.
    pub const fn both(text: &'static str) -> Self {
        Self {
            sqlite: text,
            postgres: text,
        }
    }

    /// A statement where they differ.
    pub const fn each(sqlite: &'static str, postgres: &'static str) -> Self {
        Self { sqlite, postgres }
    }

    pub const fn text(&self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Sqlite => self.sqlite,
            Dialect::Postgres => self.postgres,
        }
    }
}

/// Declares the statements of a `store.rs` as constants, and in tests `STATEMENTS`, the list that is prepared on both databases.
///
/// ```
/// inzage::db::statements! {
///     /// One account by its name.
///     FIND = both("SELECT id FROM account WHERE tenant = $1 AND username = $2");
///     NAMES = each("SELECT value FROM json_each($1)", "SELECT unnest($1::text[])");
/// }
/// assert_eq!(NAMES.text(inzage::db::Dialect::Sqlite), "SELECT value FROM json_each($1)");
/// ```
#[macro_export]
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $form:ident($($text:expr),+ $(,)?);)*) => {
        $($(#[$doc])* const $name: $crate::db::Sql = $crate::db::Sql::$form($($text),+);)*
        /// Every statement of this file, for the test that prepares them on both databases.
        #[cfg(test)]
        pub(crate) const STATEMENTS: &[(&str, $crate::db::Sql)] = &[$((stringify!($name), $name)),*];
    };
}

pub use crate::statements;
