//! Lists of one record type: the scope, the filters and the sort as one statement, pages by key.
//!
//! A page never compares after loading: what the caller may not see is not in the statement's answer. A page is one
//! pass along an index that gives its order: the sort's own, or of few units their ordered heads, merged. Only then are
//! the bodies of the page fetched.

mod groups;
#[cfg(test)]
mod plans;
mod sizes;
mod statement;

pub use groups::{Counted, Group, MAX_GROUPS};
pub use sizes::{FEW_RECORDS, Sizes};

use super::filter::{Condition, Test, in_units};
use super::record::{EnvelopeRow, Stored};
use super::registry::{COMMON_SORTS, Kind, Sort};
use super::scope::{Scope, Units};
use super::search::Search;
use crate::db::reads::Reads;
use crate::db::{At, Column, Db, DbError, Guid, Id, Instant, Loads, Sql, Type, Value, Verbs};
use crate::on;
use cell_records_types::phrases::Words;
use cell_records_types::{FieldSpec, Timestamp};
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::SqliteConnection;
use diesel_async::AsyncPgConnection;
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
    /// Whether the order is reversed.
    pub descending: bool,
    /// Where the page begins: after the last key and id of the page before.
    pub after: Option<ListPosition>,
    /// Items of a page.
    pub limit: i64,
}

/// A place in the order of a list: the values of the sort's columns, and the id.
pub type ListPosition = (Vec<Value>, Uuid);

/// Why a list cannot be answered.
#[derive(Debug)]
pub enum ListError {
    /// No grant reads this field.
    NotReadable(Words),
    /// This sort needs a list of at most [`FEW_UNITS`](super::scope::FEW_UNITS) units and [`FEW_RECORDS`] records.
    TooWide(Words),
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

/// How many rows the statement of a page of `limit` items asks for: more than the page holds, which shows whether there are
/// more. The number is in the text, so that PostgreSQL plans for it once; few sizes keep the texts few.
pub fn rows(limit: i64) -> i64 {
    [51, 101, 201, 501].into_iter().find(|rows| *rows > limit).unwrap_or(limit + 1)
}

impl List {
    fn rows(&self) -> i64 {
        rows(self.limit)
    }

    fn sort(&self) -> Sort {
        self.sort.unwrap_or(BY_ID)
    }

    /// What is searched, where words are asked for.
    fn search(&self) -> Option<Search> {
        self.kind.search.filter(|_| !self.words.is_empty())
    }

    /// The fields that the list's answer depends on.
    fn fields(&self) -> Vec<&'static FieldSpec> {
        let filters = self.conditions.iter().map(|condition| condition.filter.field);
        let asked = filters.chain(self.sort.map(|sort| sort.field)).chain(self.search().map(|search| search.field));
        asked.filter_map(|name| self.kind.field(name)).collect()
    }

    /// Why the list cannot be sorted as it is asked for.
    fn too_wide(&self) -> ListError {
        let sort = self.sort();
        let sort = self.kind.any_field(sort.field).map_or_else(|| Words::plain(sort.name), FieldSpec::words);
        ListError::TooWide(sort)
    }

    /// The units where the caller may ask what depends on these fields.
    fn units(&self, scope: &Scope, fields: &[&'static FieldSpec]) -> Result<Units, ListError> {
        let readable = |kind: &'static Kind, field: &'static FieldSpec| {
            let nowhere = !scope.units(kind, &[]).is_empty() && scope.units(kind, &[field]).is_empty();
            if nowhere { Err(ListError::NotReadable(field.words())) } else { Ok(()) }
        };
        for field in fields {
            readable(self.kind, field)?;
        }
        for (kind, field) in self.conditions.iter().filter_map(|condition| condition.filter.other()) {
            if scope.units(kind, &[field]).is_empty() {
                return Err(ListError::NotReadable(field.label.named(&format!("{}.{}", kind.name, field.name))));
            }
        }
        if let Some((kind, search)) = self.search().and_then(|search| search.other())
            && let Some(name) = kind.field(search.field)
        {
            readable(kind, name)?;
        }
        let units = scope.units(self.kind, fields);
        let units = match self.unit {
            Some((unit, subtree)) if !self.asks_unit() => scope.within(units, unit, subtree),
            _ => units,
        };
        if self.sort().indexed {
            return Ok(units);
        }
        scope.few(units).map(Units::Few).ok_or_else(|| self.too_wide())
    }

    /// Whether no unit of the list is one where the caller may ask all this: it is empty for that reason.
    pub fn is_out_of_rights(&self, scope: &Scope) -> bool {
        self.units(scope, &self.fields()).is_ok_and(|units| units.is_empty())
    }

    /// One page: at most `limit` records, and the place that the next page begins after, if there is one. A page that
    /// has examined `EXAMINED_ROWS` or `EXAMINED_ENTRIES` may have fewer items, even none, and names the place where it
    /// ended.
    ///
    /// # Errors
    /// A field that no grant reads; a sort that needs fewer units; a failing database.
    pub async fn page(
        &self,
        db: &mut Db<'_>,
        scope: &Scope,
        sizes: &Sizes,
    ) -> Result<(Vec<Stored>, Option<ListPosition>), ListError> {
        let units = self.units(scope, &self.fields())?;
        let Some(class) = scope.most(self.kind).filter(|_| !units.is_empty()) else { return Ok((Vec::new(), None)) };
        let units = self.bounded(db, sizes, units).await?;
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

    /// The units as the page reads them: few with very many records like many, unless an index finds the page at once.
    async fn bounded(&self, db: &mut Db<'_>, sizes: &Sizes, units: Units) -> Result<Units, ListError> {
        let in_order = self.sort().columns == self.kind.unit_index && !self.is_filtered();
        let Units::Few(few) = units else { return Ok(units) };
        if in_order || self.finds_few() || !sizes.are_large(db, self.kind, &few).await? {
            return Ok(Units::Few(few));
        }
        match self.sort().indexed {
            true => Ok(Units::Under(Vec::new(), few)),
            false => Err(self.too_wide()),
        }
    }

    /// Whether a time is asked for that is not the order.
    fn asks_since(&self) -> bool {
        self.updated_since.is_some() && self.sort().columns != ["updated_at"]
    }

    /// Whether not every record of the units fits.
    fn is_filtered(&self) -> bool {
        !self.conditions.is_empty() || !self.words.is_empty() || self.asks_since()
    }

    /// How many rows a page of many units examines at most; nothing when an index finds no more than the page needs.
    fn examined(&self, units: &Units) -> Option<i64> {
        let filtered = self.is_filtered() || *units != Units::All;
        if matches!(units, Units::Few(_)) || self.finds_few() || !filtered {
            return None;
        }
        let by_name = self.sort().columns.first() == Some(&"name_key");
        let in_index = self.kind.search.is_some_and(|search| search.is_in_index());
        let in_index = in_index && by_name && self.conditions.is_empty() && !self.asks_since();
        Some(if in_index { EXAMINED_ENTRIES } else { EXAMINED_ROWS })
    }

    fn finds_few(&self) -> bool {
        self.conditions.iter().any(Condition::finds_few)
    }

    /// Whether an index gives what a condition asks, in the order of this list.
    fn is_in_order(&self, condition: &Condition) -> bool {
        self.sort().columns.is_empty() && condition.is_in_order(self.kind)
    }

    /// The place of the last of the next `rows` rows; nothing when there are fewer. It is found before the page is:
    /// whatever changes in between, no row before it goes unexamined.
    async fn boundary(&self, db: &mut Db<'_>, scope: &Scope, rows: i64) -> Result<Option<ListPosition>, ListError> {
        // Only of the sort by time: another index does not hold it.
        let at = if self.sort().columns == ["updated_at"] { "t.updated_at" } else { "NULL" };
        let mut sql = Sql::<(Nullable<Instant>, Guid, Text)>::new(format!(
            "SELECT {at}, t.id, {} FROM {} AS t WHERE deleted_at IS NULL",
            self.key("t."),
            self.kind.plural
        ));
        self.conditions(&mut sql, scope, |condition| self.is_in_order(condition));
        self.after(&mut sql);
        sql.push(format!(" ORDER BY {} LIMIT 1 OFFSET {}", self.order("t."), rows - 1));
        let row: Option<(Option<At>, Id, String)> = on!(db, c => sql.of_callers().first_row(c))?;
        Ok(row.map(|(at, id, key)| (self.place(&key, at.unwrap_or(At(0))), id.0)))
    }

    /// How many records the whole list has. A count over many records reads them all: SQLite does so off the worker.
    ///
    /// # Errors
    /// A field that no grant reads; a failing database.
    pub async fn count(&self, reads: &Reads, scope: &Scope, sizes: &Sizes) -> Result<i64, ListError> {
        let units = self.units(scope, &self.fields())?;
        if units.is_empty() {
            return Ok(0);
        }
        let count: Vec<i64> =
            self.counted(reads, scope, sizes, units, Sql::<BigInt>::new("SELECT count(*)"), String::new()).await?;
        Ok(count.first().copied().unwrap_or(0))
    }

    /// What is counted of the list's records in these units. Of many it reads much.
    async fn counted<Row, U>(
        &self,
        reads: &Reads,
        scope: &Scope,
        sizes: &Sizes,
        units: Units,
        mut sql: Sql<Row>,
        tail: String,
    ) -> Result<Vec<U>, ListError>
    where
        U: Send + 'static,
        Row: Clone + Send + 'static,
        for<'q, 'p> Sql<Row>: Loads<'q, SqliteConnection, U> + Loads<'q, &'p AsyncPgConnection, U>,
    {
        sql.push(format!(" FROM {} AS t WHERE deleted_at IS NULL", self.kind.plural));
        self.filter(&mut sql, scope, |_| false);
        in_units(&mut sql, "t.unit_id", &units);
        let sql = sql.text(tail).of_callers();
        let few = match &units {
            Units::Few(few) => !reads.single(async |db| sizes.are_large(db, self.kind, few).await).await?,
            Units::All | Units::Under(..) => false,
        };
        match few {
            true => Ok(reads.single(async |db| on!(db, c => sql.clone().all(c))).await?),
            false => Ok(reads.long(sql).await?),
        }
    }

    fn type_of(&self, column: &str) -> Type {
        match column {
            "updated_at" => Type::At,
            _ => self.kind.columns.iter().find(|one| one.name == column).map_or(Type::Text, |one: &Column| one.kind),
        }
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

    fn asks_unit(&self) -> bool {
        self.conditions.iter().any(|condition| matches!(condition.filter.test, Test::Own(own) if own.asks_unit))
    }
}
