//! A filter with the values that a list asks it for, negated perhaps, and its SQL.

use super::{Filter, FilterInput, Test};
use crate::db::{Sql, Value};
use crate::store::registry::Kind;
use crate::store::scope::Scope;
use uuid::Uuid;

/// A filter with what it compares to.
#[derive(Debug, Clone)]
pub struct Condition {
    /// The filter.
    pub filter: Filter,
    /// Its values: any of them. An empty one stands for no value.
    pub values: Vec<Value>,
    /// Whether all records are meant that it would not find.
    pub negated: bool,
}

impl Condition {
    /// Whether its values alone are looked for.
    fn is_plain(&self) -> bool {
        !self.negated && !self.values.iter().any(Value::is_null)
    }

    /// Whether an index finds its few records, whatever else the list asks.
    pub fn finds_few(&self) -> bool {
        self.is_plain() && self.filter.test.finds_few()
    }

    /// Whether an index holds its records in the order of their ids.
    pub fn is_in_order(&self, kind: &Kind) -> bool {
        self.is_plain() && self.filter.test.is_in_order(kind)
    }

    /// The condition on the row `t`.
    pub fn sql(&self, kind: &'static Kind, unit: Option<(Uuid, bool)>, scope: &Scope) -> Sql {
        let asked = FilterInput { values: &self.values, kind, unit, scope };
        let one = |text: String| Sql::new(text).bind(asked.value());
        match self.filter.test {
            Test::Code(column, _)
            | Test::Text(column)
            | Test::Reference(column, _)
            | Test::SharedReference(column, _)
            | Test::Number(column)
            | Test::Flag(column) => self.compared(column),
            Test::DateFrom(column) => one(format!("t.{column} >= ")),
            // A partial date comes before the days that it holds: what lies in it is meant too.
            Test::DateTo(column) => {
                let Value::Text(Some(date)) = asked.value() else { return Sql::new("FALSE") };
                Sql::new(format!("t.{column} <= ")).bind(format!("{date}~"))
            }
            Test::DayIn(from, to) => one(format!("t.{from} <= "))
                .text(format!(" AND (t.{to} IS NULL OR t.{to} > "))
                .bind(asked.value())
                .text(")"),
            Test::Own(own) => (own.condition)(&asked),
        }
    }

    /// That a column equals one of the values, or none of them.
    fn compared(&self, column: &str) -> Sql {
        if let ([value], true) = (self.values.as_slice(), self.is_plain()) {
            return Sql::new(format!("t.{column} = ")).bind(value.clone());
        }
        let finds_empty = self.values.iter().any(Value::is_null);
        // A comparison with an empty cell is neither true nor false, so it is asked for by itself.
        let (begin, end) = match (self.negated, finds_empty) {
            (false, _) => ("(FALSE".to_owned(), ")"),
            (true, true) => ("NOT (FALSE".to_owned(), ")"),
            (true, false) => (format!("(t.{column} IS NULL OR NOT (FALSE"), "))"),
        };
        let mut sql = Sql::new(begin);
        for value in &self.values {
            match value.is_null() {
                true => sql.push(format!(" OR t.{column} IS NULL")),
                false => {
                    sql.push(format!(" OR t.{column} = "));
                    sql.push_bind(value.clone());
                }
            }
        }
        // What is sorted by is never null: there a text without a letter stands for none.
        if finds_empty && matches!(self.filter.test, Test::Text(_)) {
            sql.push(format!(" OR t.{column} = ''"));
        }
        sql.text(end)
    }
}
