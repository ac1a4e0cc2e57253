//! Query nodes of the engine: statements over a table that is known by name only, written once for both
//! engines and cached by their text. Typed queries over fixed tables use diesel's own builder.

use super::texts;
use super::types::{At, Guid, Id, Instant, Type, Value};
use diesel::backend::Backend;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::{Array, BigInt, HasSqlType, Nullable, Text};
use diesel::sqlite::Sqlite;
use std::borrow::Cow;
use std::marker::PhantomData;
use std::ops::Range;

/// A statement put together from text and bound values. `Row` is the SQL type of what it answers.
#[derive(Debug, Clone)]
pub struct Sql<Row = ()> {
    parts: Vec<Part>,
    /// Whether its text is one of many: then it is prepared anew each time, unless it is often used.
    rare: bool,
    row: PhantomData<Row>,
}

#[derive(Debug, Clone)]
enum Part {
    Text(Cow<'static, str>),
    Bind(Value),
    /// `column = ANY(…)` on PostgreSQL, `column IN (…)` on SQLite.
    In(&'static str, Vec<Id>),
    /// `column GLOB …` on SQLite, `column ~ …` on PostgreSQL.
    Word {
        column: &'static str,
        glob: String,
        regex: String,
    },
}

impl<Row> Sql<Row> {
    /// A statement that begins with `text`.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Sql { parts: vec![Part::Text(text.into())], rare: false, row: PhantomData }
    }

    /// Adds text. Never pass what a caller sent: that is bound.
    #[must_use]
    pub fn text(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.push(text);
        self
    }

    /// Adds a bound value.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.parts.push(Part::Bind(value.into()));
        self
    }

    /// Adds text, in place.
    pub fn push(&mut self, text: impl Into<Cow<'static, str>>) {
        self.parts.push(Part::Text(text.into()));
    }

    /// Adds a bound value, in place.
    pub fn push_bind(&mut self, value: impl Into<Value>) {
        self.parts.push(Part::Bind(value.into()));
    }

    /// Adds a test of `column` against ids. SQLite's list is filled up to a power of two with its last
    /// id, so that few statement texts exist and the cache stays small.
    #[must_use]
    pub fn any(mut self, column: &'static str, ids: Vec<Id>) -> Self {
        self.parts.push(Part::In(column, ids));
        self
    }

    /// The same, in place.
    pub fn push_any(&mut self, column: &'static str, ids: Vec<Id>) {
        self.parts.push(Part::In(column, ids));
    }

    /// Adds another statement's text and values.
    pub fn append(&mut self, other: Sql) {
        self.parts.extend(other.parts);
    }

    /// Says that callers choose what the text is put together from. A connection keeps every text that it has prepared
    /// for ever: of such texts it keeps those that are used again and again, [`texts::KEPT`] at most.
    #[must_use]
    pub fn of_callers(mut self) -> Self {
        self.rare = !texts::is_kept(self.text_hash());
        self
    }

    fn text_hash(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => text.hash(&mut hasher),
                Part::Bind(_) => hasher.write_u8(1),
                Part::In(column, ids) => (2, column, ids.len().next_power_of_two()).hash(&mut hasher),
                Part::Word { column, .. } => (3, column).hash(&mut hasher),
            }
        }
        hasher.finish()
    }

    /// Adds a test whether a word of a key column begins with a pattern (`text::word_pattern`).
    pub fn push_word(&mut self, column: &'static str, pattern: &str) {
        self.parts.push(Part::Word { column, glob: format!("* {pattern}*"), regex: format!(" {pattern}") });
    }
}

impl<Row> QueryId for Sql<Row> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Row> Query for Sql<Row> {
    type SqlType = Row;
}

impl<Row, C> diesel::RunQueryDsl<C> for Sql<Row> {}

fn bind<'b, D>(value: &'b Value, out: &mut AstPass<'_, 'b, D>) -> QueryResult<()>
where
    D: Backend + HasSqlType<Guid> + HasSqlType<Instant>,
    Id: ToSql<Guid, D>,
    At: ToSql<Instant, D>,
    i64: ToSql<BigInt, D>,
    String: ToSql<Text, D>,
{
    match value {
        Value::Id(id) => out.push_bind_param::<Nullable<Guid>, _>(id),
        Value::Text(text) => out.push_bind_param::<Nullable<Text>, _>(text),
        Value::Int(n) => out.push_bind_param::<Nullable<BigInt>, _>(n),
        Value::At(at) => out.push_bind_param::<Nullable<Instant>, _>(at),
    }
}

impl<Row> QueryFragment<Sqlite> for Sql<Row> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        if self.rare {
            out.unsafe_to_cache_prepared();
        }
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_sql(text),
                Part::Bind(value) => bind(value, &mut out)?,
                Part::In(column, ids) => lite_list(column, ids, &mut out)?,
                Part::Word { column, glob, .. } => {
                    out.push_sql(column);
                    out.push_sql(" GLOB ");
                    out.push_bind_param::<Text, _>(glob)?;
                }
            }
        }
        Ok(())
    }
}

fn lite_list<'b>(column: &str, ids: &'b [Id], out: &mut AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
    let Some(last) = ids.last() else {
        out.push_sql("FALSE");
        return Ok(());
    };
    out.push_sql(column);
    let filled = ids.iter().chain(std::iter::repeat(last)).take(ids.len().next_power_of_two());
    for (index, id) in filled.enumerate() {
        out.push_sql(if index == 0 { " IN (" } else { ", " });
        out.push_bind_param::<Guid, _>(id)?;
    }
    out.push_sql(")");
    Ok(())
}

impl<Row> QueryFragment<Pg> for Sql<Row> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        if self.rare {
            out.unsafe_to_cache_prepared();
        }
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_sql(text),
                Part::Bind(value) => bind(value, &mut out)?,
                Part::In(column, ids) => {
                    out.push_sql(column);
                    out.push_sql(" = ANY(");
                    out.push_bind_param::<Array<Guid>, _>(ids)?;
                    out.push_sql(")");
                }
                Part::Word { column, regex, .. } => {
                    out.push_sql(column);
                    out.push_sql(" ~ ");
                    out.push_bind_param::<Text, _>(regex)?;
                }
            }
        }
        Ok(())
    }
}

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

/// Some of the rows on SQLite. A statement costs no round trip there, but its text is found anew among the prepared ones
/// at each run: an insert takes several rows at once, in few sizes. An update or a delete takes one.
pub(super) struct LiteWrite<'a> {
    rows: &'a Rows<'a>,
    these: Range<usize>,
}

/// Most rows of one insert on SQLite.
const LITE_ROWS: usize = 16;

impl<'a> LiteWrite<'a> {
    /// All rows, in their order.
    pub fn all(rows: &'a Rows<'a>) -> impl Iterator<Item = LiteWrite<'a>> {
        let most = if matches!(rows.write, Write::Insert | Write::Fill) { LITE_ROWS } else { 1 };
        let mut done = 0;
        std::iter::from_fn(move || {
            let left = rows.count - done;
            // A power of two: so few texts are prepared.
            let some = (left > 0).then(|| 1 << left.min(most).ilog2())?;
            let these = done..done + some;
            done = these.end;
            Some(LiteWrite { rows, these })
        })
    }
}

impl QueryId for LiteWrite<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C> diesel::RunQueryDsl<C> for LiteWrite<'_> {}

impl QueryFragment<Sqlite> for LiteWrite<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let Rows { write, table, columns, cells, .. } = self.rows;
        let row = || columns.iter().zip(cells);
        let equal = |out: &mut AstPass<'_, 'b, Sqlite>, column: &Column, cells: &'b Cells<'_>| {
            out.push_sql(column.name);
            out.push_sql(" = ");
            cells.bind(self.these.start, out)
        };
        match write {
            Write::Insert | Write::Fill => {
                out.push_sql("INSERT INTO ");
                out.push_sql(table);
                for (index, column) in columns.iter().enumerate() {
                    out.push_sql(if index == 0 { " (" } else { ", " });
                    out.push_sql(column.name);
                }
                out.push_sql(") VALUES ");
                for row in self.these.clone() {
                    out.push_sql(if row == self.these.start { "(" } else { ", (" });
                    for (index, cells) in cells.iter().enumerate() {
                        if index > 0 {
                            out.push_sql(",");
                        }
                        cells.bind(row, &mut out)?;
                    }
                    out.push_sql(")");
                }
                if *write == Write::Fill {
                    out.push_sql(" ON CONFLICT DO NOTHING");
                }
            }
            Write::Update => {
                out.push_sql("UPDATE ");
                out.push_sql(table);
                for (index, (column, cells)) in row().skip(1).enumerate() {
                    out.push_sql(if index == 0 { " SET " } else { ", " });
                    equal(&mut out, column, cells)?;
                }
                for (column, cells) in row().take(1) {
                    out.push_sql(" WHERE ");
                    equal(&mut out, column, cells)?;
                }
            }
            Write::Delete => {
                out.push_sql("DELETE FROM ");
                out.push_sql(table);
                for (index, (column, cells)) in row().enumerate() {
                    out.push_sql(if index == 0 { " WHERE " } else { " AND " });
                    equal(&mut out, column, cells)?;
                }
            }
        }
        Ok(())
    }
}

/// All rows on PostgreSQL, in one statement over one array a column: one text whatever their number.
pub(super) struct PgWrite<'a>(pub &'a Rows<'a>);

/// Rows to be inserted, updated or deleted, column by column. Texts are borrowed where they can be.
pub struct Rows<'a> {
    /// What is done with them.
    pub write: Write,
    /// The table.
    pub table: &'static str,
    /// The columns of each row.
    pub columns: Cow<'a, [Column]>,
    cells: Vec<Cells<'a>>,
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
    fn of(kind: Type, index: usize, rows: &'a [Vec<Value>]) -> Self {
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

    fn bind<'b>(&'b self, row: usize, out: &mut AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let none = || diesel::result::Error::NotFound;
        match self {
            Cells::Id(cells) => out.push_bind_param::<Nullable<Guid>, _>(cells.get(row).ok_or_else(none)?),
            Cells::Text(cells) => out.push_bind_param::<Nullable<Text>, _>(cells.get(row).ok_or_else(none)?),
            Cells::Int(cells) => out.push_bind_param::<Nullable<BigInt>, _>(cells.get(row).ok_or_else(none)?),
            Cells::At(cells) => out.push_bind_param::<Nullable<Instant>, _>(cells.get(row).ok_or_else(none)?),
        }
    }
}

fn unnest<'b>(arrays: &'b [Cells<'_>], out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
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

impl QueryId for PgWrite<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C> diesel::RunQueryDsl<C> for PgWrite<'_> {}

impl PgWrite<'_> {
    fn names(&self, out: &mut AstPass<'_, '_, Pg>) {
        for (index, column) in self.0.columns.iter().enumerate() {
            out.push_sql(if index == 0 { "(" } else { ", " });
            out.push_sql(column.name);
        }
        out.push_sql(")");
    }

    fn equal(&self, column: &Column, out: &mut AstPass<'_, '_, Pg>) {
        out.push_sql(self.0.table);
        out.push_sql(".");
        out.push_sql(column.name);
        out.push_sql(" = r.");
        out.push_sql(column.name);
    }
}

impl QueryFragment<Pg> for PgWrite<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let Rows { write, table, columns, cells, .. } = self.0;
        match write {
            Write::Insert | Write::Fill => {
                out.push_sql("INSERT INTO ");
                out.push_sql(table);
                out.push_sql(" ");
                self.names(&mut out);
                out.push_sql(" SELECT * FROM ");
                unnest(cells, &mut out)?;
                if *write == Write::Fill {
                    out.push_sql(" ON CONFLICT DO NOTHING");
                }
            }
            Write::Update => {
                out.push_sql("UPDATE ");
                out.push_sql(table);
                for (index, column) in columns.iter().skip(1).enumerate() {
                    out.push_sql(if index == 0 { " SET " } else { ", " });
                    out.push_sql(column.name);
                    out.push_sql(" = r.");
                    out.push_sql(column.name);
                }
                out.push_sql(" FROM ");
                unnest(cells, &mut out)?;
                out.push_sql(" AS r ");
                self.names(&mut out);
                for column in columns.iter().take(1) {
                    out.push_sql(" WHERE ");
                    self.equal(column, &mut out);
                }
            }
            Write::Delete => {
                out.push_sql("DELETE FROM ");
                out.push_sql(table);
                out.push_sql(" USING ");
                unnest(cells, &mut out)?;
                out.push_sql(" AS r ");
                self.names(&mut out);
                for (index, column) in columns.iter().enumerate() {
                    out.push_sql(if index == 0 { " WHERE " } else { " AND " });
                    self.equal(column, &mut out);
                }
            }
        }
        Ok(())
    }
}

/// A look-up of many keys at once: `SELECT … WHERE keys = row` for every row. Run by [`find!`](crate::find!).
#[derive(Debug, Clone, Copy)]
pub struct Find<'a> {
    /// `SELECT columns FROM table`, with joins perhaps.
    pub select: &'a str,
    /// The key columns, named as the `SELECT` can.
    pub keys: &'a [Column],
    /// What follows the comparison: further conditions, a limit.
    pub tail: &'a str,
}

/// One key. On PostgreSQL a statement of its own: the one over many keys is planned anew each time.
pub struct OneFind<'a, Row> {
    find: Find<'a>,
    row: &'a [Value],
    sql: PhantomData<Row>,
}

impl<'a, Row> OneFind<'a, Row> {
    /// The look-up of one key.
    pub fn new(find: Find<'a>, row: &'a [Value]) -> Self {
        OneFind { find, row, sql: PhantomData }
    }
}

impl<Row> QueryId for OneFind<'_, Row> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Row> Query for OneFind<'_, Row> {
    type SqlType = Row;
}

impl<Row, C> diesel::RunQueryDsl<C> for OneFind<'_, Row> {}

impl<Row, D> QueryFragment<D> for OneFind<'_, Row>
where
    D: Backend + HasSqlType<Guid> + HasSqlType<Instant>,
    Id: ToSql<Guid, D>,
    At: ToSql<Instant, D>,
    i64: ToSql<BigInt, D>,
    String: ToSql<Text, D>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, D>) -> QueryResult<()> {
        out.push_sql(self.find.select);
        for (index, (key, value)) in self.find.keys.iter().zip(self.row).enumerate() {
            out.push_sql(if index == 0 { " WHERE " } else { " AND " });
            out.push_sql(key.name);
            out.push_sql(" = ");
            bind(value, &mut out)?;
        }
        out.push_sql(self.find.tail);
        Ok(())
    }
}

/// All keys on PostgreSQL, in one statement.
pub struct PgFind<'a, Row> {
    find: Find<'a>,
    arrays: Vec<Cells<'a>>,
    sql: PhantomData<Row>,
}

impl<'a, Row> PgFind<'a, Row> {
    /// The look-up of all keys.
    pub fn new(find: Find<'a>, rows: &'a [Vec<Value>]) -> Self {
        let arrays = find.keys.iter().enumerate().map(|(index, key)| Cells::of(key.kind, index, rows)).collect();
        PgFind { find, arrays, sql: PhantomData }
    }
}

impl<Row> QueryId for PgFind<'_, Row> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Row> Query for PgFind<'_, Row> {
    type SqlType = Row;
}

impl<Row, C> diesel::RunQueryDsl<C> for PgFind<'_, Row> {}

impl<Row> QueryFragment<Pg> for PgFind<'_, Row> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT found.* FROM ");
        unnest(&self.arrays, &mut out)?;
        for index in 0..self.arrays.len() {
            out.push_sql(if index == 0 { " AS r (k" } else { ", k" });
            out.push_sql(&index.to_string());
        }
        out.push_sql(") CROSS JOIN LATERAL (");
        out.push_sql(self.find.select);
        for (index, key) in self.find.keys.iter().enumerate() {
            out.push_sql(if index == 0 { " WHERE " } else { " AND " });
            out.push_sql(key.name);
            out.push_sql(" = r.k");
            out.push_sql(&index.to_string());
        }
        out.push_sql(self.find.tail);
        out.push_sql(") AS found");
        Ok(())
    }
}
