//! What a set of writes can be asked for: look-ups by cells and counts, and whether a record answers them.

use crate::db::{Column, Value};
use crate::store::record::Stored;
use crate::store::registry::RecordKey;
use cell_records_types::RecordType;
use foldhash::HashSet;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Most records that are loaded for one look-up: more than one call can change, so "there are others" is never
/// wrong. What must be exact is counted.
pub const LOOKUP_LIMIT: i64 = 1_001;
/// Most records that are loaded for a look-up that only wants to know of some ([`Lookup::few`]).
pub const FEW: i64 = 20;

/// Identifies an external id: system, record type, value.
pub type ExternalKey = (String, &'static str, String);

/// Live records whose cells, or whose row in a child table, have these values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lookup {
    /// Name of the record type.
    pub kind: &'static str,
    /// A child table to look in; absent: the type's own table.
    pub child: Option<&'static str>,
    /// Columns and their values. `unit_id` may be among them.
    pub matching: Vec<(&'static str, Value)>,
    /// At most so many are loaded.
    pub limit: i64,
}

/// The columns that look-ups of one kind compare, and their limit.
pub(super) type Shape = (Option<&'static str>, Vec<&'static str>, i64);

impl Lookup {
    /// The records of `T` with these cells.
    pub fn of<T: RecordType>(matching: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        Lookup { kind: T::NAME, child: None, matching: matching.into_iter().collect(), limit: LOOKUP_LIMIT }
    }

    /// The same, of which some are enough: where very many match, few of them are loaded.
    #[must_use]
    pub fn few(self) -> Self {
        Lookup { limit: FEW, ..self }
    }

    /// The records of `T` with such a row in a child table.
    pub fn child<T: RecordType>(
        table: &'static str,
        matching: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Self {
        Lookup { kind: T::NAME, child: Some(table), matching: matching.into_iter().collect(), limit: LOOKUP_LIMIT }
    }

    pub(super) fn shape(&self) -> Shape {
        (self.child, self.matching.iter().map(|(column, _)| *column).collect(), self.limit)
    }

    /// Whether a record is one of them.
    pub(in crate::store) fn finds(&self, record: &Stored) -> bool {
        match self.child {
            None => self.matching.iter().all(|(column, value)| has(record, column, value)),
            Some(_) => matches_of(record, &self.shape()).contains(self),
        }
    }
}

/// How many live records have these cells, by the values of a text column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Count {
    /// Name of the record type.
    pub kind: &'static str,
    /// A column and its value.
    pub matching: (&'static str, Value),
    /// The column by whose values is grouped.
    pub by: Option<&'static str>,
}

impl Count {
    /// The value of a record in the column that groups.
    pub(super) fn group(&self, record: &Stored) -> Option<String> {
        match self.by.and_then(|by| cell(record, by)) {
            Some(Value::Text(text)) => text,
            _ => None,
        }
    }

    pub(super) fn counts(&self, record: &Stored) -> bool {
        record.is_live() && has(record, self.matching.0, &self.matching.1)
    }
}

/// How many records there are of each value; nothing: of no value.
pub type Counts = BTreeMap<Option<String>, i64>;

/// What was asked for and not loaded yet.
#[derive(Debug, Default)]
pub struct Missing {
    /// Records, by the position of their type.
    pub records: BTreeMap<usize, BTreeSet<Uuid>>,
    /// External ids.
    pub external: BTreeSet<ExternalKey>,
    /// Look-ups.
    pub lookups: HashSet<Lookup>,
    /// Records whose referrers were asked for.
    pub referrers: BTreeSet<RecordKey>,
    /// Counts.
    pub counts: HashSet<Count>,
}

impl Missing {
    /// Whether nothing is missing.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
            && self.external.is_empty()
            && self.lookups.is_empty()
            && self.referrers.is_empty()
            && self.counts.is_empty()
    }
}

/// The cell of a record in a column that look-ups and counts name.
fn cell(record: &Stored, column: &str) -> Option<Value> {
    match column {
        "unit_id" => Some(record.unit_id.into()),
        "id" => Some(record.id.into()),
        column => at(record.kind.columns, record.cells(), column).cloned(),
    }
}

fn has(record: &Stored, column: &str, value: &Value) -> bool {
    match column {
        "unit_id" => *value == Value::from(record.unit_id),
        "id" => *value == Value::from(record.id),
        column => at(record.kind.columns, record.cells(), column) == Some(value),
    }
}

fn at<'a>(columns: &[Column], row: &'a [Value], name: &str) -> Option<&'a Value> {
    columns.iter().position(|column| column.name == name).and_then(|index| row.get(index))
}

/// The look-ups of a shape that find a record: one, or one for each row of a child table.
pub(super) fn matches_of(record: &Stored, (child, columns, limit): &Shape) -> Vec<Lookup> {
    let kind = record.kind;
    let lookup = |cell: &dyn Fn(&str) -> Option<Value>| {
        let matching: Option<Vec<_>> =
            columns.iter().map(|column| cell(column).map(|value| (*column, value))).collect();
        matching.map(|matching| Lookup { kind: kind.name, child: *child, matching, limit: *limit })
    };
    match child {
        None => lookup(&|name| cell(record, name)).into_iter().collect(),
        Some(table) => {
            let children = kind.child_tables.iter().zip(record.child_rows()).filter(|(child, _)| child.table == *table);
            let rows = children.flat_map(|(child, rows)| rows.iter().map(|row| (child.columns, row)));
            rows.filter_map(|(columns, row)| lookup(&|name| at(columns, row, name).cloned())).collect()
        }
    }
}
