//! Counts of a list by groups: one statement, under the same scope and filters.

use super::{List, ListError, Sizes};
use crate::db::reads::Reads;
use crate::db::{Guid, Id, Sql, Type, Value};
use crate::store::filter::Filter;
use crate::store::registry::Kind;
use crate::store::scope::Scope;
use cell_records_types::phrases::Words;
use diesel::sql_types::{BigInt, Nullable, Text};

/// Most groups of a count.
pub const MAX_GROUPS: usize = 1_000;

/// A column by whose values a list can be counted.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// The field, as the caller names it.
    pub name: &'static str,
    /// Its filter; nothing: the unit.
    pub filter: Option<&'static Filter>,
    column: &'static str,
}

impl Group {
    /// The groups of a type: every filter of a column, and the unit.
    pub fn of(kind: &'static Kind) -> impl Iterator<Item = Group> {
        let filters = kind.filters.iter().filter_map(|filter| {
            Some(Group { name: filter.name, filter: Some(filter), column: filter.test.column()? })
        });
        filters.chain([Group { name: "unit_id", filter: None, column: "unit_id" }])
    }

    /// The group for a message.
    pub fn words(&self, kind: &Kind) -> Words {
        let field = self.filter.map_or(self.name, |filter| filter.field);
        kind.any_field(field).map_or_else(|| Words::plain(self.name), |field| field.label.named(self.name))
    }

    /// The cells of the column, each in the place of its type.
    fn cells(&self, list: &List) -> String {
        let kind = if self.filter.is_some() { list.type_of(self.column) } else { Type::Id };
        let cell = |of: Type| if kind == of { format!("t.{}", self.column) } else { "NULL".to_owned() };
        [Type::Id, Type::Text, Type::Int].map(cell).join(", ")
    }
}

/// How many records have these values.
pub type Counted = (Vec<Value>, i64);

type CellsSql = (Nullable<Guid>, Nullable<Text>, Nullable<BigInt>);
type Cells = (Option<Id>, Option<String>, Option<i64>);

impl List {
    /// How many records the list has of each combination of values, in their order. Nothing when there are more than
    /// [`MAX_GROUPS`].
    ///
    /// # Errors
    /// A field that no grant reads; a failing database.
    pub async fn groups(
        &self,
        reads: &Reads,
        scope: &Scope,
        sizes: &Sizes,
        by: &[Group],
    ) -> Result<Option<Vec<Counted>>, ListError> {
        let mut fields = self.fields();
        fields.extend(by.iter().filter_map(|group| self.kind.field(group.filter?.field)));
        let units = self.units(scope, &fields)?;
        let columns: Vec<String> = by.iter().map(|group| format!("t.{}", group.column)).collect();
        // Two groups at most: the statement has places for both.
        let none = || "NULL, NULL, NULL".to_owned();
        let mut cells = by.iter().map(|group| group.cells(self));
        let (first, second) = (cells.next().unwrap_or_else(none), cells.next().unwrap_or_else(none));
        let tail = format!(" GROUP BY {} LIMIT {}", columns.join(", "), MAX_GROUPS + 1);
        let sql = Sql::<(CellsSql, CellsSql, BigInt)>::new(format!("SELECT {first}, {second}, count(*)"));
        let rows: Vec<(Cells, Cells, i64)> = self.counted(reads, scope, sizes, units, sql, tail).await?;
        if rows.len() > MAX_GROUPS {
            return Ok(None);
        }
        let mut groups: Vec<Counted> = rows
            .into_iter()
            .map(|(first, second, count)| ([first, second].into_iter().take(by.len()).map(value).collect(), count))
            .collect();
        groups.sort_unstable();
        Ok(Some(groups))
    }
}

fn value((id, text, number): Cells) -> Value {
    match (id, number) {
        (Some(id), _) => Value::Id(Some(id)),
        (None, Some(number)) => number.into(),
        // What is sorted by is never null: there a text without a letter stands for none.
        (None, None) => text.filter(|text| !text.is_empty()).into(),
    }
}
