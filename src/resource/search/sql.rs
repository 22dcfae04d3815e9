//! The one place where SQL is put together: a [`Query`] within what is [`Visible`]. Values are always bound.
//!
//! # Design
//! Every statement begins with tenant, client and type, which is the order of the timeline index; the rest is looked at row by
//! row in that part of it. Where the index does not give the order (another sort, several clients, shared types) the keys of
//! the page are found first and the bodies are fetched for those only.

use super::{Cursor, Page, Which};
use crate::access::{Clients, Narrowing, Visible};
use crate::db::{Dialect, Param};
use crate::fhir::search::{DateSlot, DateTest, Filter, Mark, Prefix, Query, Sort, SortKey, narrowing};
use crate::fhir::types::{Id, ResourceType};
use crate::resource::index::NO_DATE;

/// The columns of a version, in the order of [`super::stored`].
const VERSION: &[&str] = &["id", "patient", "version", "updated", "body"];

/// A statement in the making.
pub(super) struct Built {
    pub(super) text: String,
    pub(super) params: Vec<Param<'static>>,
    dialect: Dialect,
}

/// A page, in one row and one text: see [`super::lines`].
pub(super) fn page(dialect: Dialect, visible: &Visible, query: &Query, page: &Page) -> Option<Built> {
    let mut built = Built::new(dialect);
    let sort = sort(query);
    let in_order = matches!(
        sort[..],
        [Sort {
            key: SortKey::Date(DateSlot::First),
            ..
        }]
    ) && visible.patients().len() == 1
        && !query.kind.is_shared();
    const LINE: &str = "id, patient, version, updated, key, date_from, date2_from, horizon, body";
    built.push(&match dialect {
        Dialect::Sqlite => format!("SELECT group_concat(concat_ws(char(31), {LINE}), char(30)) FROM (SELECT "),
        Dialect::Postgres => format!("SELECT string_agg(concat_ws(chr(31), {LINE}), chr(30)) FROM (SELECT "),
    });
    built.columns("r", VERSION);
    built.push(", r.key, r.date_from, r.date2_from, ");
    match &page.after {
        None => built.push("(SELECT coalesce(max(key), 0) FROM resource)"),
        Some(cursor) => built.cast_int(cursor.horizon),
    }
    built.push(" AS horizon FROM resource r WHERE ");
    if !in_order {
        built.push("r.key IN (SELECT r.key FROM resource r WHERE ");
    }
    built.matches(visible, query)?;
    if let Some(cursor) = &page.after {
        built.push(" AND r.key <= ");
        built.bind(cursor.horizon);
        built.push(" AND ");
        built.after(&sort, cursor);
    }
    built.order(&sort);
    built.limit(page.size);
    if !in_order {
        built.push(")");
        built.order(&sort);
    }
    built.push(") AS page");
    Some(built)
}

/// How many there are.
pub(super) fn total(dialect: Dialect, visible: &Visible, query: &Query, horizon: Option<i64>) -> Option<Built> {
    let mut built = Built::new(dialect);
    built.push("SELECT count(*) FROM resource r WHERE ");
    built.matches(visible, query)?;
    if let Some(horizon) = horizon {
        built.push(" AND r.key <= ");
        built.bind(horizon);
    }
    Some(built)
}

/// The current version.
pub(super) fn current(dialect: Dialect, visible: &Visible, kind: ResourceType, id: &Id) -> Option<Built> {
    let mut built = Built::new(dialect);
    built.current(visible, kind, id)?;
    Some(built)
}

/// Versions of a resource whose current version is visible, each of them visible itself.
pub(super) fn versions(
    dialect: Dialect,
    visible: &Visible,
    kind: ResourceType,
    id: &Id,
    which: Which,
) -> Option<Built> {
    let mut built = Built::new(dialect);
    built.current(visible, kind, id)?;
    built.which("r", which);
    built.push(" UNION ALL SELECT ");
    built.columns("h", VERSION);
    built.push(
        " FROM resource_history h JOIN resource r ON r.tenant = h.tenant AND r.patient = h.patient AND r.type = h.type \
         AND r.id = h.id WHERE ",
    );
    built.visible(visible, kind)?;
    built.push(" AND r.id = ");
    built.bind(id.as_str().to_owned());
    built.narrow("h", kind, visible.narrowing(kind)?);
    built.which("h", which);
    if let Which::Many { size, .. } = which {
        built.push(" ORDER BY 3 DESC");
        built.limit(size);
    }
    Some(built)
}

/// The keys that order the result, without the last one, `key`.
fn sort(query: &Query) -> Vec<Sort> {
    if query.sort.is_empty() {
        return vec![Sort {
            key: SortKey::Date(DateSlot::First),
            descending: true,
        }];
    }
    query.sort.clone()
}

impl Built {
    fn new(dialect: Dialect) -> Self {
        Self {
            text: String::with_capacity(640),
            params: Vec::with_capacity(12),
            dialect,
        }
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn bind(&mut self, value: impl Into<Param<'static>>) {
        self.params.push(value.into());
        let place = self.params.len().to_string();
        self.text.push('$');
        self.text.push_str(&place);
    }

    /// One more than asked for, to see another page. Not bound: SQLite would plan anew for each value, which costs more than a page.
    fn limit(&mut self, size: usize) {
        self.push(&format!(" LIMIT {}", size.saturating_add(1).min(1_000_000)));
    }

    /// A value that stands alone in a list of columns, where PostgreSQL cannot tell its type.
    fn cast_int(&mut self, value: i64) {
        self.push("CAST(");
        self.bind(value);
        self.push(" AS BIGINT)");
    }

    fn columns(&mut self, table: &str, names: &[&str]) {
        for (at, name) in names.iter().enumerate() {
            self.push(if at == 0 { "" } else { ", " });
            self.push(table);
            self.push(".");
            self.push(name);
        }
    }

    /// `column IN (…)`; with one value an equality, which keeps the order of the index.
    fn one_of(&mut self, column: &str, ids: &[Id]) {
        let [only] = ids else {
            let list: Vec<String> = ids.iter().map(|id| id.as_str().to_owned()).collect();
            let (before, after) = match self.dialect {
                Dialect::Sqlite => (" IN (SELECT value FROM json_each(", "))"),
                Dialect::Postgres => (" = ANY(", ")"),
            };
            self.push(column);
            self.push(before);
            self.bind(list);
            return self.push(after);
        };
        self.push(column);
        self.push(" = ");
        self.bind(only.as_str().to_owned());
    }

    fn current(&mut self, visible: &Visible, kind: ResourceType, id: &Id) -> Option<()> {
        self.push("SELECT ");
        self.columns("r", VERSION);
        self.push(" FROM resource r WHERE ");
        self.visible(visible, kind)?;
        self.push(" AND r.id = ");
        self.bind(id.as_str().to_owned());
        Some(())
    }

    fn which(&mut self, table: &str, which: Which) {
        let (compare, version) = match which {
            Which::One(version) => (".version = ", version),
            Which::Many {
                before: Some(before), ..
            } => (".version < ", before),
            Which::Many { before: None, .. } => return,
        };
        self.push(" AND ");
        self.push(table);
        self.push(compare);
        self.bind(version);
    }

    /// What the caller may see of this type: part of every statement. `None` if that is nothing.
    fn visible(&mut self, visible: &Visible, kind: ResourceType) -> Option<()> {
        let alternatives = visible.narrowing(kind)?;
        self.push("r.tenant = ");
        self.bind(visible.tenant().as_str().to_owned());
        match visible.clients() {
            Clients::These(patients) if patients.is_empty() => return None,
            Clients::These(_) if kind.is_shared() => self.push(" AND r.patient = ''"),
            Clients::These(patients) => {
                self.push(" AND ");
                self.one_of("r.patient", patients);
            }
            Clients::All => {}
        }
        self.push(" AND r.type = ");
        self.bind(kind.as_str());
        if kind.is_shared() && *visible.clients() != Clients::All {
            self.linked(visible, kind);
        }
        self.narrow("r", kind, alternatives);
        Some(())
    }

    /// A shared resource is visible where a visible resource of a visible client refers to it, be it through a role.
    fn linked(&mut self, visible: &Visible, kind: ResourceType) {
        self.referred(" AND (", visible, "r");
        let open = |one: &&ResourceType| one.is_between() && visible.narrowing(**one).is_some_and(<[_]>::is_empty);
        for between in ResourceType::ALL.iter().filter(open).filter(|one| **one != kind) {
            self.push(
                " OR EXISTS (SELECT 1 FROM resource_link w JOIN resource m ON m.key = w.source WHERE w.tenant = r.tenant \
                 AND w.patient = '' AND w.target_type = r.type AND w.target = r.id AND w.source_type = ",
            );
            self.bind(between.as_str());
            self.referred(" AND ", visible, "m");
            self.push(")");
        }
        self.push(")");
    }

    fn referred(&mut self, before: &str, visible: &Visible, table: &str) {
        self.push(&format!(
            "{before}EXISTS (SELECT 1 FROM resource_link l WHERE l.tenant = {table}.tenant AND l.target_type = {table}.type \
             AND l.target = {table}.id AND "
        ));
        self.one_of("l.patient", visible.patients());
        self.push(" AND (");
        let kinds = ResourceType::ALL.iter().filter(|kind| !kind.is_shared());
        let seen = kinds.filter_map(|kind| Some((*kind, visible.narrowing(*kind)?)));
        let mut any = false;
        for (kind, alternatives) in seen {
            self.push(if any { " OR " } else { "" });
            any = true;
            self.push("l.source_type = ");
            self.bind(kind.as_str());
            if !alternatives.is_empty() {
                self.push(" AND EXISTS (SELECT 1 FROM resource s WHERE s.key = l.source");
                self.narrow("s", kind, alternatives);
                self.push(")");
            }
        }
        self.push(if any { "))" } else { "1 = 0))" });
    }

    /// The granular scopes of a type. An alternative that is not understood opens nothing.
    fn narrow(&mut self, table: &str, kind: ResourceType, alternatives: &[Narrowing]) {
        if alternatives.is_empty() {
            return;
        }
        self.push(" AND (");
        for (at, pairs) in alternatives.iter().enumerate() {
            self.push(if at == 0 { "(" } else { " OR (" });
            match narrowing(kind, pairs) {
                Ok(filters) => {
                    self.push("1 = 1");
                    for filter in &filters {
                        self.push(" AND ");
                        self.filter(table, filter);
                    }
                }
                Err(_) => self.push("1 = 0"),
            }
            self.push(")");
        }
        self.push(")");
    }

    fn matches(&mut self, visible: &Visible, query: &Query) -> Option<()> {
        self.visible(visible, query.kind)?;
        for filter in &query.filters {
            self.push(" AND ");
            self.filter("r", filter);
        }
        Some(())
    }

    fn filter(&mut self, table: &str, filter: &Filter) {
        match filter {
            Filter::Id(ids) => self.one_of(&format!("{table}.id"), ids),
            Filter::Patient(ids) => self.one_of(&format!("{table}.patient"), ids),
            Filter::LastUpdated(any) => {
                let (from, until) = (format!("{table}.updated"), format!("({table}.updated + 1)"));
                self.any(any, |built, test| built.date(&from, &until, test));
            }
            Filter::Date { slot, any } => {
                let column = match slot {
                    DateSlot::First => "date",
                    DateSlot::Second => "date2",
                };
                let (from, until) = (format!("{table}.{column}_from"), format!("{table}.{column}_until"));
                self.push(&format!("({from} > "));
                self.bind(NO_DATE);
                self.push(" AND ");
                self.any(any, |built, test| built.date(&from, &until, test));
                self.push(")");
            }
            Filter::Mark { any, not } => {
                self.push(if *not { "NOT " } else { "" });
                self.any(any, |built, mark| built.mark(table, mark));
            }
            Filter::Missing { bit, missing } => {
                self.push(&format!("({table}.present & "));
                self.bind(1_i64 << bit);
                self.push(if *missing { ") = 0" } else { ") <> 0" });
            }
        }
    }

    /// `(one OR another)`; of nothing, nothing.
    fn any<T>(&mut self, items: &[T], mut one: impl FnMut(&mut Self, &T)) {
        self.push("(");
        for (at, item) in items.iter().enumerate() {
            self.push(if at == 0 { "" } else { " OR " });
            one(self, item);
        }
        self.push(if items.is_empty() { "1 = 0)" } else { ")" });
    }

    fn mark(&mut self, table: &str, mark: &Mark) {
        let (before, after) = match self.dialect {
            Dialect::Sqlite => (format!("instr({table}.marks, "), ") > 0".to_owned()),
            Dialect::Postgres => ("position(".to_owned(), format!(" in {table}.marks) > 0")),
        };
        self.push(&before);
        self.bind(mark.0.to_vec());
        self.push(&after);
    }

    /// The rule of [`DateTest::matches`].
    fn date(&mut self, has_from: &str, has_until: &str, test: &DateTest) {
        let (from, until) = (test.span.from, test.span.until);
        let (first, second) = match test.prefix {
            Prefix::Eq => ((has_from, " >= ", from), Some((" AND ", has_until, " <= ", until))),
            Prefix::Ne => ((has_from, " < ", from), Some((" OR ", has_until, " > ", until))),
            Prefix::Ap => ((has_from, " < ", until), Some((" AND ", has_until, " > ", from))),
            Prefix::Gt => ((has_until, " > ", until), None),
            Prefix::Lt => ((has_from, " < ", from), None),
            Prefix::Ge => ((has_until, " > ", from), None),
            Prefix::Le => ((has_from, " < ", until), None),
            Prefix::Sa => ((has_from, " >= ", until), None),
            Prefix::Eb => ((has_until, " <= ", from), None),
        };
        self.push("(");
        self.push(first.0);
        self.push(first.1);
        self.bind(first.2);
        if let Some((join, column, operator, value)) = second {
            self.push(join);
            self.push(column);
            self.push(operator);
            self.bind(value);
        }
        self.push(")");
    }

    fn order(&mut self, sort: &[Sort]) {
        self.push(" ORDER BY ");
        for one in sort {
            self.sort_column(one.key);
            self.push(if one.descending { " DESC, " } else { ", " });
        }
        self.push(if last_descending(sort) { "r.key DESC" } else { "r.key" });
    }

    fn sort_column(&mut self, key: SortKey) {
        self.push(match (key, self.dialect) {
            (SortKey::Date(DateSlot::First), _) => "r.date_from",
            (SortKey::Date(DateSlot::Second), _) => "r.date2_from",
            (SortKey::LastUpdated, _) => "r.updated",
            // As an expression, so that no database walks all ids of the tenant to get their order for nothing.
            (SortKey::Id, Dialect::Sqlite) => "+r.id",
            // By bytes, as SQLite does, whatever the language of the database.
            (SortKey::Id, Dialect::Postgres) => "(r.id || '') COLLATE \"C\"",
        });
    }

    fn sort_value(&mut self, key: SortKey, cursor: &Cursor) {
        match key {
            SortKey::Date(DateSlot::First) => self.bind(cursor.first),
            SortKey::Date(DateSlot::Second) => self.bind(cursor.second),
            SortKey::LastUpdated => self.bind(cursor.updated),
            SortKey::Id => self.bind(cursor.id.as_str().to_owned()),
        }
    }

    /// Everything that comes after the cursor. The first comparison says nothing new, but is what an index can use.
    fn after(&mut self, sort: &[Sort], cursor: &Cursor) {
        if let Some(first) = sort.first() {
            self.sort_column(first.key);
            self.push(if first.descending { " <= " } else { " >= " });
            self.sort_value(first.key, cursor);
            self.push(" AND ");
        }
        for one in sort {
            self.push("(");
            self.sort_column(one.key);
            self.push(if one.descending { " < " } else { " > " });
            self.sort_value(one.key, cursor);
            self.push(" OR (");
            self.sort_column(one.key);
            self.push(" = ");
            self.sort_value(one.key, cursor);
            self.push(" AND ");
        }
        self.push(if last_descending(sort) { "r.key < " } else { "r.key > " });
        self.bind(cursor.key);
        sort.iter().for_each(|_| self.push("))"));
    }
}

fn last_descending(sort: &[Sort]) -> bool {
    sort.last().is_some_and(|last| last.descending)
}
