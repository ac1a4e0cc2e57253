//! Lists of one record type: the scope, the filters and the sort as one statement, pages by key.
//!
//! A page never compares after loading: what the caller may not see is not in the statement's answer. The inner
//! statement finds the ids of a page along an index, the outer one fetches those records only.

use super::record::{EnvelopeRow, EnvelopeSql, Stored, envelope_columns};
use super::registry::{Filter, Kind, Sort, Test, UNIT};
use super::scope::{Scope, Units};
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
    /// Folded words that must all begin a word of the record's names.
    pub words: Vec<String>,
    /// Only records changed since.
    pub updated_since: Option<Timestamp>,
    /// What orders the list before the id; absent: the id alone.
    pub sort: Option<Sort>,
    /// Whether the order is turned round.
    pub descending: bool,
    /// The last key and id of the page before.
    pub after: Option<(Value, Uuid)>,
    /// Items of a page.
    pub limit: i64,
}

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
    /// The database failed.
    Database(DbError),
}

impl From<DbError> for ListError {
    fn from(error: DbError) -> Self {
        ListError::Database(error)
    }
}

/// The type's own id orders every list in the end, and alone where nothing else does.
const BY_ID: Sort = Sort { name: "id", column: "id", by_unit: true };

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
        Ok(match self.unit {
            Some((unit, subtree)) if !self.asks_another_day() => scope.within(units, unit, subtree),
            _ => units,
        })
    }

    fn asks_another_day(&self) -> bool {
        self.conditions.iter().any(|condition| matches!(condition.filter.test, Test::StayAt))
    }

    /// One page: at most `limit` records, and the key and id that the next page begins after, if there is one.
    ///
    /// # Errors
    /// A field that no grant reads; a failing database.
    pub async fn page(
        &self,
        db: &mut Db<'_>,
        scope: &Scope,
    ) -> Result<(Vec<Stored>, Option<(Value, Uuid)>), ListError> {
        let units = self.units(scope)?;
        let Some(class) = scope.most(self.kind).filter(|_| !units.is_empty()) else { return Ok((Vec::new(), None)) };
        let columns = envelope_columns(class, "");
        // Numbers travel as text, so that one form of row serves all sorts; ids and instants stand in the envelope.
        let key = match self.sort_type() {
            Type::Id | Type::At => "''".to_owned(),
            Type::Text | Type::Int => format!("CAST({} AS text)", self.sort().column),
        };
        let mut sql =
            Sql::<(EnvelopeSql, Text)>::new(format!("SELECT {columns}, {key} FROM {} WHERE id IN (", self.kind.plural));
        self.ids(&mut sql, &units, scope);
        sql.push(format!(") ORDER BY {}", self.order()));
        let mut rows: Vec<(EnvelopeRow, String)> = on!(db, c => sql.all(c))?;
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last_key = rows.last_mut().map(|(_, key)| std::mem::take(key));
        let records: Vec<Stored> = rows.into_iter().map(|(row, _)| Stored::from_row(self.kind, row)).collect();
        let next = records.last().zip(last_key).filter(|_| more).map(|(last, key)| {
            let key = match (self.sort_type(), self.sort().column) {
                (Type::Text, _) => key.into(),
                (Type::Int, _) => key.parse::<i64>().ok().into(),
                (Type::At, "created_at") => At::from(last.created_at).into(),
                (Type::At, _) => At::from(last.updated_at).into(),
                (Type::Id, _) => last.id.into(),
            };
            (key, last.id)
        });
        Ok((records, next))
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

    fn sort_type(&self) -> Type {
        let column = self.sort().column;
        match column {
            "id" => Type::Id,
            "created_at" | "updated_at" => Type::At,
            _ => self.kind.columns.iter().find(|one| one.name == column).map_or(Type::Text, |one: &Column| one.kind),
        }
    }

    fn order(&self) -> String {
        let direction = if self.descending { " DESC" } else { "" };
        match self.sort().column {
            "id" => format!("id{direction}"),
            column => format!("{column}{direction}, id{direction}"),
        }
    }

    /// The statement that finds the ids of a page: the heads of few units merged, or along the sort's own index.
    fn ids<Row>(&self, sql: &mut Sql<Row>, units: &Units, scope: &Scope) {
        let (table, column, order) = (self.kind.plural, self.sort().column, self.order());
        let keys = if column == "id" { "id".to_owned() } else { format!("{column}, id") };
        let head = |sql: &mut Sql<Row>| {
            sql.push(format!("SELECT {keys} FROM {table} AS t WHERE deleted_at IS NULL"));
            self.filter(sql, scope);
            self.after(sql);
        };
        let end = |sql: &mut Sql<Row>| {
            sql.push(format!(" ORDER BY {order} LIMIT {}", self.rows()));
        };
        match units {
            Units::Few(few) if few.len() > 1 && self.sort().by_unit => {
                // Filled up with units that do not exist, so that few statement texts do.
                let filled =
                    few.iter().copied().chain(std::iter::repeat(Uuid::nil())).take(few.len().next_power_of_two());
                sql.push("SELECT id FROM (");
                for (index, unit) in filled.enumerate() {
                    sql.push(if index == 0 { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" });
                    head(sql);
                    sql.push(" AND t.unit_id = ");
                    sql.push_bind(unit);
                    end(sql);
                    sql.push(format!(") AS h{index}"));
                }
                sql.push(") AS heads");
            }
            units => {
                sql.push("SELECT id FROM (");
                head(sql);
                in_units(sql, "t.unit_id", units);
                end(sql);
                sql.push(") AS page");
                return;
            }
        }
        end(sql);
    }

    fn after<Row>(&self, sql: &mut Sql<Row>) {
        let Some((key, id)) = &self.after else { return };
        let compare = if self.descending { "<" } else { ">" };
        match self.sort().column {
            "id" => {
                sql.push(format!(" AND t.id {compare} "));
                sql.push_bind(*id);
            }
            column => {
                sql.push(format!(" AND (t.{column}, t.id) {compare} ("));
                sql.push_bind(key.clone());
                sql.push(", ");
                sql.push_bind(*id);
                sql.push(")");
            }
        }
    }

    fn filter<Row>(&self, sql: &mut Sql<Row>, scope: &Scope) {
        for word in &self.words {
            sql.push(" AND t.search LIKE ");
            sql.push_bind(format!("% {word}%"));
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
