//! Statements that insert, update or delete rows of a table that is known by name only.

use super::rows::{Cells, Column, Rows, Write, unnest};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sqlite::Sqlite;
use std::ops::Range;

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
            let left = rows.len() - done;
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
