//! Lists of one record type: the scope, the filters and the sort as one statement, pages by key.
//!
//! A page never compares after loading: what the caller may not see is not in the statement's answer. A page is one
//! pass along an index that gives its order: the sort's own, or of few units their ordered heads, merged. Only then are
//! the bodies of the page fetched.

use super::filter::{Filter, FilterInput, Test, in_units};
use super::record::{EnvelopeRow, EnvelopeSql, Stored, envelope_columns};
use super::registry::{COMMON_SORTS, Kind, Sort};
use super::scope::{FEW_UNITS, ROOT, Scope, Units};
use crate::db::reads::Reads;
use crate::db::{At, Column, Db, DbError, Guid, Id, Instant, Sql, Type, Value, Verbs};
use crate::on;
use cell_records_types::{Class, FieldSpec, Timestamp};
use diesel::sql_types::{BigInt, Nullable, Text};
use uuid::Uuid;

/// What a list asks for, checked and with its references resolved.
#[derive(Debug, Clone)]
pub struct List {
    /// The record type.
    pub kind: &'static Kind,
    /// A unit, and whether those below it are meant too.
    pub unit: Option<(Uuid, bool)>,
    /// Filters with their values.
    pub conditions: Vec<Condition>,
    /// Patterns ([`cell_records_types::text::word_pattern`]): each must begin a word of the record's names.
    pub words: Vec<String>,
    /// Only records changed since.
    pub updated_since: Option<Timestamp>,
    /// What orders the list before the id; absent: the id alone.
    pub sort: Option<Sort>,
    /// Whether the order is turned round.
    pub descending: bool,
    /// Where the page begins: after the last key and id of the page before.
    pub after: Option<ListPosition>,
    /// Items of a page.
    pub limit: i64,
}

/// A place in the order of a list: the values of the sort's columns, and the id.
pub type ListPosition = (Vec<Value>, Uuid);

/// A filter with what it compares to.
#[derive(Debug, Clone)]
pub struct Condition {
    /// The filter.
    pub filter: Filter,
    /// Its values: any of them.
    pub values: Vec<Value>,
}

/// Why a list cannot be answered.
#[derive(Debug)]
pub enum ListError {
    /// No grant reads this field.
    NotReadable(&'static str),
    /// This sort needs a list of at most [`FEW_UNITS`] units.
    TooWide(&'static str),
    /// The database failed.
    Database(DbError),
}

impl crate::db::reads::Failure for ListError {
    fn database(&self) -> Option<&DbError> {
        match self {
            ListError::Database(error) => Some(error),
            ListError::NotReadable(_) | ListError::TooWide(_) => None,
        }
    }
}

impl From<DbError> for ListError {
    fn from(error: DbError) -> Self {
        ListError::Database(error)
    }
}

/// The type's own id orders every list in the end, and alone where nothing else does.
const BY_ID: Sort = COMMON_SORTS[0];
/// Parts the values of a key in one text; no value holds it.
const PARTED: char = '\u{1f}';
/// Most rows of a table that a page of many units examines: about 10 ms of SQLite where each is a random page.
const EXAMINED_ROWS: i64 = 2_500;
/// The same where the index alone is read.
const EXAMINED_ENTRIES: i64 = 40_000;
/// More rows than a list sorts: a subquery with a limit is planned on its own, so that the index of the units leads and
/// not the one of the order.
const ON_ITS_OWN: &str = " LIMIT 1000000000";

impl List {
    fn sort(&self) -> Sort {
        self.sort.unwrap_or(BY_ID)
    }

    /// How many rows a page's statement asks for: more than the page holds, which shows whether there are more. The
    /// number is in the text, so that PostgreSQL plans for it once; few sizes keep the texts few.
    fn rows(&self) -> i64 {
        [51, 101, 201, 501].into_iter().find(|rows| *rows > self.limit).unwrap_or(self.limit + 1)
    }

    /// The fields that the list's answer depends on.
    fn fields(&self) -> Vec<&'static FieldSpec> {
        let filters = self.conditions.iter().map(|condition| condition.filter.field);
        let search = self.kind.search.filter(|_| !self.words.is_empty());
        filters.chain(self.sort.map(|sort| sort.name)).chain(search).filter_map(|name| self.kind.field(name)).collect()
    }

    /// The units where the caller may ask all this.
    fn units(&self, scope: &Scope) -> Result<Units, ListError> {
        let fields = self.fields();
        for field in &fields {
            if !scope.units(self.kind, &[]).is_empty() && scope.units(self.kind, &[field]).is_empty() {
                return Err(ListError::NotReadable(field.name));
            }
        }
        let units = scope.units(self.kind, &fields);
        let units = match self.unit {
            Some((unit, subtree)) if !self.asks_unit() => scope.within(units, unit, subtree),
            _ => units,
        };
        if self.sort().indexed {
            return Ok(units);
        }
        let everywhere = || scope.tree.subtree(ROOT, FEW_UNITS).map(Units::Few);
        match units {
            Units::All => everywhere().ok_or(ListError::TooWide(self.sort().name)),
            Units::Under(..) => Err(ListError::TooWide(self.sort().name)),
            few => Ok(few),
        }
    }

    /// One page: at most `limit` records, and the place that the next page begins after, if there is one. A page that
    /// has examined `EXAMINED_ROWS` or `EXAMINED_ENTRIES` comes short, perhaps empty, with the place where it ended.
    ///
    /// # Errors
    /// A field that no grant reads; a sort that needs fewer units; a failing database.
    pub async fn page(&self, db: &mut Db<'_>, scope: &Scope) -> Result<(Vec<Stored>, Option<ListPosition>), ListError> {
        let units = self.units(scope)?;
        let Some(class) = scope.most(self.kind).filter(|_| !units.is_empty()) else { return Ok((Vec::new(), None)) };
        let most = self.examined(&units);
        let first = most.map(|most| most.min(self.rows() * 10));
        for window in [first, most.filter(|_| most != first)] {
            let until = match window {
                Some(rows) => self.boundary(db, scope, rows).await?,
                None => None,
            };
            let sql = self.page_sql(class, &units, scope, until.as_ref(), matches!(db, Db::Lite(_)));
            let mut rows: Vec<(EnvelopeRow, String)> = on!(db, c => sql.of_callers().all(c))?;
            let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
            let more = rows.len() > limit;
            if until.is_some() && rows.len() < limit && window != most {
                // Few of the first rows fit: most pages are full by then, and this one looks further.
                continue;
            }
            rows.truncate(limit);
            let next = match rows.last().filter(|_| more) {
                Some((row, key)) => Some((self.place(key, row.4), row.0.0)),
                None => until,
            };
            return Ok((rows.into_iter().map(|(row, _)| Stored::from_row(self.kind, row)).collect(), next));
        }
        Ok((Vec::new(), None))
    }

    /// How many rows a page of many units examines at most; nothing where an index finds no more than the page needs.
    fn examined(&self, units: &Units) -> Option<i64> {
        let words = !self.words.is_empty();
        let since = self.updated_since.is_some() && self.sort().columns != ["updated_at"];
        let filtered = !self.conditions.is_empty() || words || since || *units != Units::All;
        if matches!(units, Units::Few(_)) || self.finds_few() || !filtered {
            return None;
        }
        // The index that gives the order of names holds the words and the unit too.
        let in_index = self.conditions.is_empty() && !since && self.sort().columns.first() == Some(&"name_key");
        Some(if in_index { EXAMINED_ENTRIES } else { EXAMINED_ROWS })
    }

    fn finds_few(&self) -> bool {
        self.conditions.iter().any(|condition| condition.filter.test.finds_few())
    }

    /// Whether an index gives what a condition asks, in the order of this list.
    fn is_in_order(&self, test: &Test) -> bool {
        self.sort().columns.is_empty() && test.is_in_order(self.kind)
    }

    /// The place of the last of so many rows that follow; nothing when there are fewer. It is found before the page is:
    /// whatever changes in between, no row before it goes unexamined.
    async fn boundary(&self, db: &mut Db<'_>, scope: &Scope, rows: i64) -> Result<Option<ListPosition>, ListError> {
        // Only of the sort by time: another index does not hold it.
        let at = if self.sort().columns == ["updated_at"] { "t.updated_at" } else { "NULL" };
        let mut sql = Sql::<(Nullable<Instant>, Guid, Text)>::new(format!(
            "SELECT {at}, t.id, {} FROM {} AS t WHERE deleted_at IS NULL",
            self.key("t."),
            self.kind.plural
        ));
        self.conditions(&mut sql, scope, |test| self.is_in_order(test));
        self.after(&mut sql);
        sql.push(format!(" ORDER BY {} LIMIT 1 OFFSET {}", self.order("t."), rows - 1));
        let row: Option<(Option<At>, Id, String)> = on!(db, c => sql.of_callers().first_row(c))?;
        Ok(row.map(|(at, id, key)| (self.place(&key, at.unwrap_or(At(0))), id.0)))
    }

    /// How many records the whole list has. A count over many units reads them all: SQLite does so off the worker.
    ///
    /// # Errors
    /// A field that no grant reads; a failing database.
    pub async fn count(&self, reads: &Reads, scope: &Scope) -> Result<i64, ListError> {
        let units = self.units(scope)?;
        if units.is_empty() {
            return Ok(0);
        }
        let mut sql =
            Sql::<BigInt>::new(format!("SELECT count(*) FROM {} AS t WHERE deleted_at IS NULL", self.kind.plural));
        self.filter(&mut sql, scope, |_| false);
        in_units(&mut sql, "t.unit_id", &units);
        let sql = sql.of_callers();
        let count: Vec<i64> = match units {
            Units::Few(_) => reads.single(async |db| on!(db, c => sql.clone().all(c))).await?,
            Units::All | Units::Under(..) => reads.long(sql).await?,
        };
        Ok(count.first().copied().unwrap_or(0))
    }

    fn type_of(&self, column: &str) -> Type {
        match column {
            "updated_at" => Type::At,
            _ => self.kind.columns.iter().find(|one| one.name == column).map_or(Type::Text, |one: &Column| one.kind),
        }
    }

    /// The values of the sort's columns as one text, so that one form of row serves all sorts. Instants are in the
    /// envelope.
    fn key(&self, prefix: &str) -> String {
        let value = |column: &&str| match self.type_of(column) {
            Type::At => "''".to_owned(),
            _ => format!("CAST({prefix}{column} AS text)"),
        };
        let values: Vec<String> = self.sort().columns.iter().map(value).collect();
        if values.is_empty() { "''".into() } else { values.join(&format!(" || '{PARTED}' || ")) }
    }

    fn place(&self, key: &str, updated_at: At) -> Vec<Value> {
        let columns = self.sort().columns.iter().zip(key.split(PARTED));
        let value = |(column, text): (&&str, &str)| match self.type_of(column) {
            Type::Int => text.parse::<i64>().ok().into(),
            Type::At => updated_at.into(),
            _ => text.into(),
        };
        columns.map(value).collect()
    }

    fn order(&self, prefix: &str) -> String {
        let direction = if self.descending { " DESC" } else { "" };
        let columns: Vec<String> =
            self.sort().columns.iter().chain(&["id"]).map(|column| format!("{prefix}{column}{direction}")).collect();
        columns.join(", ")
    }

    /// The statement of a page, up to a place where it must end.
    fn page_sql(
        &self,
        class: Class,
        units: &Units,
        scope: &Scope,
        until: Option<&ListPosition>,
        lite: bool,
    ) -> Sql<(EnvelopeSql, Text)> {
        let table = self.kind.plural;
        let by_unit = self.sort().columns == self.kind.unit_index;
        let one = matches!(units, Units::Few(few) if few.len() == 1);
        let mut sql = Sql::new(format!("SELECT {}, {} FROM (", envelope_columns(class, "m."), self.key("m.")));
        match units {
            _ if self.finds_few() => {
                self.sorted(&mut sql, scope, units, Test::finds_few, |sql| {
                    self.conditions(sql, scope, Test::finds_few)
                });
            }
            Units::Few(few) if by_unit && !one => self.heads(&mut sql, few, scope, lite),
            Units::Few(_) if !by_unit => {
                self.sorted(&mut sql, scope, &Units::All, |_| false, |sql| in_units(sql, "t.unit_id", units));
            }
            // The ids first where the index alone finds them: PostgreSQL would read every row that it examines.
            _ if self.examined(units) == Some(EXAMINED_ENTRIES) => {
                self.walk(&mut sql, format!("SELECT id FROM {table}"), units, scope, until);
            }
            _ => {
                let mut sql = Sql::new("");
                let columns = envelope_columns(class, "t.");
                self.walk(&mut sql, format!("SELECT {columns}, {} FROM {table}", self.key("t.")), units, scope, until);
                return sql;
            }
        }
        sql.push(format!(") AS p CROSS JOIN {table} AS m WHERE m.id = p.id ORDER BY {}", self.order("m.")));
        sql
    }

    /// A page in one walk along an index.
    fn walk<Row>(
        &self,
        sql: &mut Sql<Row>,
        select: String,
        units: &Units,
        scope: &Scope,
        until: Option<&ListPosition>,
    ) {
        sql.push(select);
        sql.push(" AS t WHERE deleted_at IS NULL");
        self.filter(sql, scope, |_| false);
        self.after(sql);
        if let Some(until) = until {
            self.compare(sql, until, if self.descending { ">=" } else { "<=" });
        }
        in_units(sql, "t.unit_id", units);
        sql.push(format!(" ORDER BY {} LIMIT {}", self.order("t."), self.rows()));
    }

    /// The ids of a page out of few rows, which are sorted. `found` adds the condition that finds them by an index.
    fn sorted<Row>(
        &self,
        sql: &mut Sql<Row>,
        scope: &Scope,
        units: &Units,
        asked: impl Fn(&Test) -> bool,
        found: impl FnOnce(&mut Sql<Row>),
    ) {
        sql.push(format!("SELECT id FROM (SELECT * FROM {} AS t WHERE deleted_at IS NULL", self.kind.plural));
        found(sql);
        sql.push(format!("{ON_ITS_OWN}) AS t WHERE TRUE"));
        self.filter(sql, scope, asked);
        self.after(sql);
        in_units(sql, "t.unit_id", units);
        sql.push(format!(" ORDER BY {} LIMIT {}", self.order("t."), self.rows()));
    }

    /// The ids of a page from the ordered heads of few units. SQLite merges plain arms and advances each only as far as
    /// the merge needs it; PostgreSQL does so where each has its own limit.
    fn heads<Row>(&self, sql: &mut Sql<Row>, units: &[Uuid], scope: &Scope, lite: bool) {
        let (table, order, rows) = (self.kind.plural, self.order(""), self.rows());
        let keys: Vec<&str> = self.sort().columns.iter().copied().chain(["id"]).collect();
        let keys = keys.join(", ");
        // Filled up with units that do not exist, so that few statement texts do.
        let filled = units.iter().copied().chain(std::iter::repeat(Uuid::nil())).take(units.len().next_power_of_two());
        sql.push("SELECT id FROM (");
        for (index, unit) in filled.enumerate() {
            if index > 0 {
                sql.push(" UNION ALL ");
            }
            if !lite {
                sql.push("SELECT * FROM (");
            }
            sql.push(format!("SELECT {keys} FROM {table} AS t WHERE deleted_at IS NULL"));
            self.filter(sql, scope, |_| false);
            self.after(sql);
            sql.push(" AND t.unit_id = ");
            sql.push_bind(unit);
            if !lite {
                sql.push(format!(" ORDER BY {order} LIMIT {rows}) AS h{index}"));
            }
        }
        sql.push(format!(" ORDER BY {order} LIMIT {rows}) AS heads"));
    }

    fn after<Row>(&self, sql: &mut Sql<Row>) {
        if let Some(place) = &self.after {
            self.compare(sql, place, if self.descending { "<" } else { ">" });
        }
    }

    fn compare<Row>(&self, sql: &mut Sql<Row>, (values, id): &ListPosition, operator: &str) {
        let columns: Vec<String> =
            self.sort().columns.iter().chain(&["id"]).map(|column| format!("t.{column}")).collect();
        sql.push(format!(" AND ({}) {operator} (", columns.join(", ")));
        for value in values {
            sql.push_bind(value.clone());
            sql.push(", ");
        }
        sql.push_bind(*id);
        sql.push(")");
    }

    /// Adds what rows must fulfil, but for the conditions that a subquery has asked already.
    fn filter<Row>(&self, sql: &mut Sql<Row>, scope: &Scope, asked: impl Fn(&Test) -> bool) {
        for word in &self.words {
            sql.push(" AND (");
            sql.push_word("t.name_key", word);
            sql.push(" OR ");
            sql.push_word("t.other_names", word);
            sql.push(")");
        }
        if let Some(since) = self.updated_since {
            sql.push(" AND t.updated_at >= ");
            sql.push_bind(At::from(since));
        }
        self.conditions(sql, scope, |test| !asked(test));
    }

    fn conditions<Row>(&self, sql: &mut Sql<Row>, scope: &Scope, these: impl Fn(&Test) -> bool) {
        for Condition { filter, values } in self.conditions.iter().filter(|condition| these(&condition.filter.test)) {
            sql.push(" AND ");
            sql.append(filter.test.condition(&FilterInput { values, kind: self.kind, unit: self.unit, scope }));
        }
    }

    fn asks_unit(&self) -> bool {
        self.conditions.iter().any(|condition| matches!(condition.filter.test, Test::Own(own) if own.asks_unit))
    }
}

#[cfg(test)]
mod plans;
