//! The statement of a page of a list, and its parts: order, filters, where the page begins.

use super::{EXAMINED_ENTRIES, List, ListPosition, PARTED};
use crate::db::{At, Sql, Type};
use crate::store::filter::{Condition, in_units};
use crate::store::record::{EnvelopeSql, envelope_columns};
use crate::store::scope::{Scope, Units};
use cell_records_types::Class;
use diesel::sql_types::Text;
use uuid::Uuid;

/// More rows than a list sorts: a subquery with a limit is planned on its own, so that the index of the units leads and
/// not the one of the order.
const ON_ITS_OWN: &str = " LIMIT 1000000000";

impl List {
    /// The values of the sort's columns as one text, so that one form of row serves all sorts. Instants are in the
    /// envelope.
    pub(super) fn key(&self, prefix: &str) -> String {
        let value = |column: &&str| match self.type_of(column) {
            Type::At => "''".to_owned(),
            _ => format!("CAST({prefix}{column} AS text)"),
        };
        let values: Vec<String> = self.sort().columns.iter().map(value).collect();
        if values.is_empty() { "''".into() } else { values.join(&format!(" || '{PARTED}' || ")) }
    }

    pub(super) fn order(&self, prefix: &str) -> String {
        let direction = if self.descending { " DESC" } else { "" };
        let columns: Vec<String> =
            self.sort().columns.iter().chain(&["id"]).map(|column| format!("{prefix}{column}{direction}")).collect();
        columns.join(", ")
    }

    /// The statement of a page, up to a place where it must end.
    pub(super) fn page_sql(
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
                self.sorted(&mut sql, scope, units, Condition::finds_few, |sql| {
                    self.conditions(sql, scope, Condition::finds_few)
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
        asked: impl Fn(&Condition) -> bool,
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

    pub(super) fn after<Row>(&self, sql: &mut Sql<Row>) {
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

    /// Adds what rows must fulfil, except for the conditions that a subquery has asked already.
    pub(super) fn filter<Row>(&self, sql: &mut Sql<Row>, scope: &Scope, asked: impl Fn(&Condition) -> bool) {
        if let Some(search) = self.search() {
            search.condition(sql, &self.words, scope);
        }
        if let Some(since) = self.updated_since {
            sql.push(" AND t.updated_at >= ");
            sql.push_bind(At::from(since));
        }
        self.conditions(sql, scope, |condition| !asked(condition));
    }

    pub(super) fn conditions<Row>(&self, sql: &mut Sql<Row>, scope: &Scope, these: impl Fn(&Condition) -> bool) {
        for condition in self.conditions.iter().filter(|condition| these(condition)) {
            sql.push(" AND ");
            sql.append(condition.sql(self.kind, self.unit, scope));
        }
    }
}
