//! Look-ups of many keys at once in a table that is known by name only.

use super::rows::{Cells, Column, unnest};
use super::sql::bind;
use super::types::{At, Guid, Id, Instant, Value};
use diesel::backend::Backend;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, HasSqlType, Text};
use std::marker::PhantomData;

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
