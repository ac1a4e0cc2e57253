//! Lists of one record type: the scope, the filters and the sort as one statement, pages by key.
//!
//! A page never compares after loading: what the caller may not see is not in the statement's answer. A page is one
//! pass along an index that gives its order: the sort's own, or of few units their ordered heads, merged. Only then are
//! the bodies of the page fetched.

use super::record::{EnvelopeRow, EnvelopeSql, Stored, envelope_columns};
use super::registry::{COMMON_SORTS, Filter, Kind, Sort, Test, UNIT};
use super::scope::{FEW_UNITS, ROOT, Scope, Units};
use crate::db::{At, Column, Db, DbError, Id, Sql, Type, Value, Verbs};
use crate::on;
use cell_records_types::{Class, FieldSpec, Timestamp};
use diesel::sql_types::{BigInt, Text};
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
    pub after: Option<Place>,
    /// Items of a page.
    pub limit: i64,
}

/// A place in the order of a list: the values of the sort's columns, and the id.
pub type Place = (Vec<Value>, Uuid);

/// A filter with what it compares to.
#[derive(Debug, Clone)]
pub struct Condition {
    /// The filter.
    pub filter: Filter,
    /// Its values: any of them. Units for [`Test::AncestorsOf`], a day for [`Test::DayIn`] and [`Test::StayAt`].
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

impl From<DbError> for ListError {
    fn from(error: DbError) -> Self {
        ListError::Database(error)
    }
}

/// The type's own id orders every list in the end, and alone where nothing else does.
const BY_ID: Sort = COMMON_SORTS[0];
/// Parts the values of a key in one text; no value holds it.
const PARTED: char = '\u{1f}';
/// More rows than a list sorts: a subquery with a limit is planned on its own, so that the index of the units leads and
/// not the one of the order.
const ON_ITS_OWN: &str = " LIMIT 1000000000";

impl List {
    fn sort(&self) -> Sort {
        self.sort.unwrap_or(BY_ID)
    }

    /// How many rows a page's statement asks for: more than the page holds, which tells whether there are more. The
    /// number stands in the text, so that PostgreSQL plans for it once; few sizes keep the texts few.
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
        // `at` asks for the unit of another day: its own condition names it.
        let units = match self.unit {
            Some((unit, subtree)) if !self.asks_another_day() => scope.within(units, unit, subtree),
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

    fn asks_another_day(&self) -> bool {
        self.conditions.iter().any(|condition| matches!(condition.filter.test, Test::StayAt))
    }

    /// One page: at most `limit` records, and the place that the next page begins after, if there is one.
    ///
    /// # Errors
    /// A field that no grant reads; a sort that needs fewer units; a failing database.
    pub async fn page(&self, db: &mut Db<'_>, scope: &Scope) -> Result<(Vec<Stored>, Option<Place>), ListError> {
        let units = self.units(scope)?;
        let Some(class) = scope.most(self.kind).filter(|_| !units.is_empty()) else { return Ok((Vec::new(), None)) };
        let sql = self.page_sql(class, &units, scope, matches!(db, Db::Lite(_)));
        let mut rows: Vec<(EnvelopeRow, String)> = on!(db, c => sql.all(c))?;
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|(row, key)| (self.place(row, key), row.0.0));
        Ok((rows.into_iter().map(|(row, _)| Stored::from_row(self.kind, row)).collect(), next))
    }

    /// How many records the whole list has.
    ///
    /// # Errors
    /// A field that no grant reads; a failing database.
    pub async fn count(&self, db: &mut Db<'_>, scope: &Scope) -> Result<i64, ListError> {
        let units = self.units(scope)?;
        if units.is_empty() {
            return Ok(0);
        }
        let mut sql =
            Sql::<BigInt>::new(format!("SELECT count(*) FROM {} AS t WHERE deleted_at IS NULL", self.kind.plural));
        self.filter(&mut sql, scope);
        in_units(&mut sql, "t.unit_id", &units);
        let count: Option<i64> = on!(db, c => sql.first_row(c))?;
        Ok(count.unwrap_or(0))
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

    fn place(&self, row: &EnvelopeRow, key: &str) -> Vec<Value> {
        let columns = self.sort().columns.iter().zip(key.split(PARTED));
        let value = |(column, text): (&&str, &str)| match self.type_of(column) {
            Type::Int => text.parse::<i64>().ok().into(),
            Type::At => row.4.into(),
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

    /// The statement of a page.
    fn page_sql(&self, class: Class, units: &Units, scope: &Scope, lite: bool) -> Sql<(EnvelopeSql, Text)> {
        let (table, rows) = (self.kind.plural, self.rows());
        let by_unit = self.sort().columns == self.kind.unit_index;
        match units {
            Units::Few(few) if few.len() > 1 || !by_unit => {
                let mut sql = Sql::new(format!("SELECT {}, {} FROM (", envelope_columns(class, "m."), self.key("m.")));
                if by_unit {
                    self.heads(&mut sql, few, scope, lite);
                } else {
                    sql.push(format!("SELECT id FROM (SELECT * FROM {table} AS t WHERE deleted_at IS NULL"));
                    in_units(&mut sql, "t.unit_id", units);
                    sql.push(format!("{ON_ITS_OWN}) AS t WHERE TRUE"));
                    self.filter(&mut sql, scope);
                    self.after(&mut sql);
                    sql.push(format!(" ORDER BY {} LIMIT {rows}", self.order("t.")));
                }
                sql.push(format!(") AS p CROSS JOIN {table} AS m WHERE m.id = p.id ORDER BY {}", self.order("m.")));
                sql
            }
            units => {
                let columns = envelope_columns(class, "t.");
                let mut sql = Sql::new(format!(
                    "SELECT {columns}, {} FROM {table} AS t WHERE deleted_at IS NULL",
                    self.key("t.")
                ));
                self.filter(&mut sql, scope);
                self.after(&mut sql);
                in_units(&mut sql, "t.unit_id", units);
                sql.push(format!(" ORDER BY {} LIMIT {rows}", self.order("t.")));
                sql
            }
        }
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
            self.filter(sql, scope);
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
        let Some((values, id)) = &self.after else { return };
        let columns: Vec<String> =
            self.sort().columns.iter().chain(&["id"]).map(|column| format!("t.{column}")).collect();
        sql.push(format!(" AND ({}) {} (", columns.join(", "), if self.descending { "<" } else { ">" }));
        for value in values {
            sql.push_bind(value.clone());
            sql.push(", ");
        }
        sql.push_bind(*id);
        sql.push(")");
    }

    fn filter<Row>(&self, sql: &mut Sql<Row>, scope: &Scope) {
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
        for condition in &self.conditions {
            condition.push(sql, self, scope);
        }
    }
}

impl Condition {
    fn push<Row>(&self, sql: &mut Sql<Row>, list: &List, scope: &Scope) {
        let value = || self.values.first().cloned().unwrap_or(Value::Text(None));
        let mut compare = |text: String, value: Value| {
            sql.push(text);
            sql.push_bind(value);
        };
        match self.filter.test {
            Test::Code(column, _)
            | Test::Text(column)
            | Test::Reference(column, _)
            | Test::Number(column)
            | Test::Flag(column) => {
                for (index, value) in self.values.iter().enumerate() {
                    compare(format!("{}t.{column} = ", if index == 0 { " AND (" } else { " OR " }), value.clone());
                }
                sql.push(")");
            }
            Test::DateFrom(column) => compare(format!(" AND t.{column} >= "), value()),
            // A partial date stands before the days that it holds: what lies in it is meant too.
            Test::DateTo(column) => {
                let Value::Text(Some(date)) = value() else { return };
                compare(format!(" AND t.{column} <= "), format!("{date}~").into());
            }
            Test::DayIn(from, to) => {
                compare(format!(" AND t.{from} <= "), value());
                compare(format!(" AND (t.{to} IS NULL OR t.{to} > "), value());
                sql.push(")");
            }
            Test::Side(table, owner, kind) => {
                compare(format!(" AND t.id IN (SELECT {owner} FROM {table} WHERE number = "), value());
                compare(" AND kind = ".into(), kind.into());
                sql.push(")");
            }
            Test::AncestorsOf => {
                let ids = self.values.iter().filter_map(|value| if let Value::Id(id) = value { *id } else { None });
                sql.push(" AND ");
                sql.push_any("t.id", ids.collect());
            }
            Test::StayAt => {
                compare(
                    " AND EXISTS (SELECT 1 FROM member_stays AS s WHERE s.member_id = t.id AND s.from_date <= ".into(),
                    value(),
                );
                compare(" AND (s.to_date IS NULL OR s.to_date > ".into(), value());
                sql.push(")");
                if let Some((unit, subtree)) = list.unit {
                    // Which units lie under one that the caller does not see is nothing that it may learn.
                    let subtree = subtree && scope.reads(UNIT, unit).is_some();
                    let units = scope.within(Units::All, unit, subtree);
                    in_units(sql, "s.unit_id", &units);
                }
                sql.push(")");
            }
            Test::Duplicates => {
                sql.push(
                    " AND EXISTS (SELECT 1 FROM member_numbers AS a JOIN member_numbers AS b ON b.number = a.number AND b.kind = a.kind \
                     JOIN members AS o ON o.id = b.member_id WHERE a.member_id = t.id AND b.member_id <> t.id",
                );
                let fields: Vec<&FieldSpec> =
                    list.kind.fields.iter().filter(|field| field.class == Class::Sensitive).collect();
                in_units(sql, "o.unit_id", &scope.units(list.kind, &fields));
                in_units(sql, "t.unit_id", &scope.units(list.kind, &fields));
                sql.push(")");
            }
        }
    }
}

/// Adds that a column names one of these units. Many are tested row by row, so that the sort's index leads.
pub fn in_units<Row>(sql: &mut Sql<Row>, column: &'static str, units: &Units) {
    let ids = |units: &[Uuid]| units.iter().copied().map(Id).collect::<Vec<_>>();
    match units {
        Units::All => {}
        // One unit is compared directly, so that an index that leads with it also gives the order.
        Units::Few(few) if few.len() == 1 => {
            sql.push(format!(" AND {column} = "));
            sql.push_bind(few.first().copied());
        }
        Units::Few(few) => {
            sql.push(" AND ");
            sql.push_any(column, ids(few));
        }
        Units::Under(roots, single) => {
            sql.push(format!(" AND (EXISTS (SELECT 1 FROM unit_ancestors AS u WHERE u.unit_id = {column} AND "));
            sql.push_any("u.ancestor_id", ids(roots));
            sql.push(") OR ");
            sql.push_any(column, ids(single));
            sql.push(")");
        }
    }
}
