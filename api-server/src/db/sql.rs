//! Statements over tables that are known by name only, put together from text and values, written once for both engines and
//! cached by their text. Typed queries over fixed tables use diesel's own builder.

use super::texts;
use super::types::{At, Guid, Id, Instant, Value};
use diesel::backend::Backend;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::{Array, BigInt, HasSqlType, Nullable, Text};
use diesel::sqlite::Sqlite;
use std::borrow::Cow;
use std::marker::PhantomData;

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
        column: Cow<'static, str>,
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
    pub fn push_word(&mut self, column: impl Into<Cow<'static, str>>, pattern: &str) {
        let column = column.into();
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

pub(super) fn bind<'b, D>(value: &'b Value, out: &mut AstPass<'_, 'b, D>) -> QueryResult<()>
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
