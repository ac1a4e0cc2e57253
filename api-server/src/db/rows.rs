//! Rows to be written, column by column: what `write` makes statements of.

use super::types::{At, Guid, Id, Instant, Type, Value};
use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use diesel::sqlite::Sqlite;
use std::borrow::Cow;

/// A column of a generic write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Type,
}

impl Column {
    /// A column.
    pub const fn new(name: &'static str, kind: Type) -> Self {
        Column { name, kind }
    }
}

/// What a generic write does with its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Write {
    /// Inserts every row.
    Insert,
    /// Inserts the rows that are not there.
    Fill,
    /// Updates the row whose first column equals the row's first value.
    Update,
    /// Deletes the rows whose columns equal the row's values.
    Delete,
}

/// Rows to be inserted, updated or deleted, column by column. Texts are borrowed where they can be.
pub struct Rows<'a> {
    /// What is done with them.
    pub write: Write,
    /// The table.
    pub table: &'static str,
    /// The columns of each row.
    pub columns: Cow<'a, [Column]>,
    pub(super) cells: Vec<Cells<'a>>,
    count: usize,
}

impl<'a> Rows<'a> {
    /// No rows yet.
    pub fn new(write: Write, table: &'static str, columns: impl Into<Cow<'a, [Column]>>) -> Self {
        let columns = columns.into();
        let cells = columns.iter().map(|column| Cells::new(column.kind)).collect();
        Rows { write, table, columns, cells, count: 0 }
    }

    /// The same from rows of values.
    pub fn of(write: Write, table: &'static str, columns: &'a [Column], rows: &'a [Vec<Value>]) -> Self {
        let mut all = Rows::new(write, table, columns);
        for row in rows {
            all.push(row.iter().map(Cell::from));
        }
        all
    }

    /// Adds a row: a cell for each column, in their order.
    pub fn push(&mut self, row: impl IntoIterator<Item = Cell<'a>>) {
        for (cells, cell) in self.cells.iter_mut().zip(row) {
            cells.push(cell);
        }
        self.count += 1;
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// One cell of a row to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell<'a> {
    /// An id or nothing.
    Id(Option<Id>),
    /// A text or nothing.
    Text(Option<Cow<'a, str>>),
    /// A number or nothing.
    Int(Option<i64>),
    /// An instant or nothing.
    At(Option<At>),
}

impl<'a> From<&'a Value> for Cell<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Id(id) => Cell::Id(*id),
            Value::Text(text) => Cell::Text(text.as_deref().map(Cow::Borrowed)),
            Value::Int(n) => Cell::Int(*n),
            Value::At(at) => Cell::At(*at),
        }
    }
}

impl From<uuid::Uuid> for Cell<'_> {
    fn from(id: uuid::Uuid) -> Self {
        Cell::Id(Some(Id(id)))
    }
}

impl From<Option<uuid::Uuid>> for Cell<'_> {
    fn from(id: Option<uuid::Uuid>) -> Self {
        Cell::Id(id.map(Id))
    }
}

impl From<i64> for Cell<'_> {
    fn from(n: i64) -> Self {
        Cell::Int(Some(n))
    }
}

impl From<At> for Cell<'_> {
    fn from(at: At) -> Self {
        Cell::At(Some(at))
    }
}

impl From<Option<At>> for Cell<'_> {
    fn from(at: Option<At>) -> Self {
        Cell::At(at)
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Cell::Text(Some(Cow::Borrowed(text)))
    }
}

impl<'a> From<Option<&'a str>> for Cell<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Cell::Text(text.map(Cow::Borrowed))
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Cell::Text(Some(Cow::Owned(text)))
    }
}

/// The cells of one column.
pub(super) enum Cells<'a> {
    Id(Vec<Option<Id>>),
    Text(Vec<Option<Cow<'a, str>>>),
    Int(Vec<Option<i64>>),
    At(Vec<Option<At>>),
}

impl<'a> Cells<'a> {
    fn new(kind: Type) -> Self {
        match kind {
            Type::Id => Cells::Id(Vec::new()),
            Type::Text => Cells::Text(Vec::new()),
            Type::Int => Cells::Int(Vec::new()),
            Type::At => Cells::At(Vec::new()),
        }
    }

    /// One column of many rows.
    pub(super) fn of(kind: Type, index: usize, rows: &'a [Vec<Value>]) -> Self {
        let mut cells = Cells::new(kind);
        for value in rows.iter().filter_map(|row| row.get(index)) {
            cells.push(Cell::from(value));
        }
        cells
    }

    /// A cell of another type than the column's counts as nothing.
    fn push(&mut self, cell: Cell<'a>) {
        match (self, cell) {
            (Cells::Id(cells), Cell::Id(id)) => cells.push(id),
            (Cells::Text(cells), Cell::Text(text)) => cells.push(text),
            (Cells::Int(cells), Cell::Int(n)) => cells.push(n),
            (Cells::At(cells), Cell::At(at)) => cells.push(at),
            (Cells::Id(cells), _) => cells.push(None),
            (Cells::Text(cells), _) => cells.push(None),
            (Cells::Int(cells), _) => cells.push(None),
            (Cells::At(cells), _) => cells.push(None),
        }
    }

    pub(super) fn bind<'b>(&'b self, row: usize, out: &mut AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let none = || diesel::result::Error::NotFound;
        match self {
            Cells::Id(cells) => out.push_bind_param::<Nullable<Guid>, _>(cells.get(row).ok_or_else(none)?),
            Cells::Text(cells) => out.push_bind_param::<Nullable<Text>, _>(cells.get(row).ok_or_else(none)?),
            Cells::Int(cells) => out.push_bind_param::<Nullable<BigInt>, _>(cells.get(row).ok_or_else(none)?),
            Cells::At(cells) => out.push_bind_param::<Nullable<Instant>, _>(cells.get(row).ok_or_else(none)?),
        }
    }
}

/// All columns as arrays, side by side.
pub(super) fn unnest<'b>(arrays: &'b [Cells<'_>], out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
    for (index, cells) in arrays.iter().enumerate() {
        out.push_sql(if index == 0 { "UNNEST(" } else { ", " });
        match cells {
            Cells::Id(cells) => out.push_bind_param::<Array<Nullable<Guid>>, _>(cells)?,
            Cells::Text(cells) => out.push_bind_param::<Array<Nullable<Text>>, _>(cells)?,
            Cells::Int(cells) => out.push_bind_param::<Array<Nullable<BigInt>>, _>(cells)?,
            Cells::At(cells) => out.push_bind_param::<Array<Nullable<Instant>>, _>(cells)?,
        }
    }
    out.push_sql(")");
    Ok(())
}
