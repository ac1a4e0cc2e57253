//! Every difference between the engines, each a named function. No other file asks which engine it is,
//! but for [`on!`](crate::on!).

use super::sql::{Cells, LiteWrite, PgWrite};
use super::types::{At, Instant, Value};
use super::{Column, Db, DbError, Sql, Verbs, Write};
use diesel::connection::SimpleConnection;
use diesel::result::{DatabaseErrorKind, QueryResult};
use diesel_async::SimpleAsyncConnection;
use std::borrow::Cow;

/// Runs statements that answer nothing.
pub async fn batch(db: &mut Db<'_>, sql: &str) -> QueryResult<()> {
    match db {
        Db::Lite(c) => c.batch_execute(sql),
        Db::Pg(c) => (&mut &**c).batch_execute(sql).await,
    }
}

/// Begins the one kind of write transaction there is. On SQLite it holds the write lock from the start.
pub async fn begin_write(db: &mut Db<'_>) -> QueryResult<()> {
    match db {
        Db::Lite(_) => batch(db, "BEGIN IMMEDIATE").await,
        Db::Pg(_) => batch(db, "BEGIN ISOLATION LEVEL READ COMMITTED").await,
    }
}

/// Lets a write that has begun think for longer than others between two statements: a large set is decided in memory,
/// and PostgreSQL cuts off who idles in a transaction.
pub async fn take_time(db: &mut Db<'_>) -> QueryResult<()> {
    match db {
        Db::Lite(_) => Ok(()),
        Db::Pg(_) => batch(db, "SET LOCAL idle_in_transaction_session_timeout = '60s'").await,
    }
}

/// What stands around the statement that reads the clock row: it then answers the database's clock too, as it is once
/// the row is read. With `lock`, PostgreSQL locks the row first, so that the next writer waits. SQLite answers nothing:
/// it is in this process, its clock is ours.
pub fn with_now(db: &Db<'_>, lock: bool) -> (&'static str, &'static str) {
    match (db, lock) {
        (Db::Lite(_), _) => ("SELECT c.*, NULL FROM (", ") AS c"),
        (Db::Pg(_), false) => ("SELECT c.*, clock_timestamp() FROM (", ") AS c"),
        (Db::Pg(_), true) => ("SELECT c.*, clock_timestamp() FROM (", " FOR UPDATE) AS c"),
    }
}

/// The expression for the database's clock, now.
pub async fn now(db: &mut Db<'_>) -> QueryResult<At> {
    match db {
        // SQLite is in this process: its clock is ours.
        Db::Lite(_) => Ok(cell_records_types::Timestamp::now().into()),
        Db::Pg(c) => {
            let rows = Sql::<Instant>::new("SELECT clock_timestamp()").all::<At>(&mut &**c).await?;
            rows.into_iter().next().ok_or(DbError::NotFound)
        }
    }
}

/// Rows to be inserted, updated or deleted.
pub struct Rows<'a> {
    /// What is done with them.
    pub write: Write,
    /// The table.
    pub table: &'static str,
    /// The columns of each row.
    pub columns: Cow<'a, [Column]>,
    /// The rows.
    pub rows: Vec<Vec<Value>>,
}

/// Inserts, updates or deletes rows: one statement on PostgreSQL, one prepared statement run row by row on SQLite.
pub async fn write_rows(
    db: &mut Db<'_>,
    write: Write,
    table: &'static str,
    columns: &[Column],
    rows: &[Vec<Value>],
) -> QueryResult<()> {
    match db {
        Db::Lite(c) => {
            for row in rows {
                LiteWrite { write, table, columns, row }.run(*c).await?;
            }
            Ok(())
        }
        Db::Pg(_) if rows.is_empty() => Ok(()),
        Db::Pg(c) => {
            let arrays =
                columns.iter().enumerate().map(|(index, column)| Cells::of(column.kind, index, rows)).collect();
            PgWrite { write, table, columns, arrays }.run(&mut &**c).await.map(|_| ())
        }
    }
}

/// Writes the rows of several tables: all deletes, then all updates, then all inserts. What is of one kind must not
/// depend on each other's order: PostgreSQL gets it all at once and answers in one round trip.
pub async fn write_all(db: &mut Db<'_>, all: &[Rows<'_>]) -> QueryResult<()> {
    for write in [Write::Delete, Write::Update, Write::Insert] {
        let part = || all.iter().filter(|rows| rows.write == write);
        match db {
            Db::Lite(_) => {
                for Rows { table, columns, rows, .. } in part() {
                    write_rows(db, write, table, columns, rows).await?;
                }
            }
            Db::Pg(c) => {
                let one = async |Rows { table, columns, rows, .. }: &Rows<'_>| {
                    write_rows(&mut Db::Pg(c), write, table, columns, rows).await
                };
                let results = futures_util::future::join_all(part().map(one)).await;
                let errors: Vec<DbError> = results.into_iter().filter_map(Result::err).collect();
                // One that is refused fails all that come after it: the refusal is what there is to say.
                let (refused, failed): (Vec<_>, Vec<_>) = errors.into_iter().partition(is_constraint);
                refused.into_iter().chain(failed).next().map_or(Ok(()), Err)?;
            }
        }
    }
    Ok(())
}

/// Whether the database refused a write for what stands in it (the backstop of a rule).
pub fn is_constraint(error: &DbError) -> bool {
    matches!(
        error,
        DbError::DatabaseError(
            DatabaseErrorKind::UniqueViolation
                | DatabaseErrorKind::ForeignKeyViolation
                | DatabaseErrorKind::NotNullViolation
                | DatabaseErrorKind::CheckViolation
                | DatabaseErrorKind::RestrictViolation
                | DatabaseErrorKind::ExclusionViolation,
            _
        )
    )
}

/// Whether the database could not be reached, is full, or is too busy: the caller may try again.
pub fn is_unavailable(error: &DbError) -> bool {
    match error {
        DbError::BrokenTransactionManager => true,
        DbError::DatabaseError(kind, information) => {
            let text = information.message();
            matches!(kind, DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand)
                || [
                    "database is locked",
                    "database or disk is full",
                    "disk I/O error",
                    "unable to open database",
                    "attempt to write a readonly database",
                    "lock timeout",
                    "statement timeout",
                    "connection closed",
                    "connection to server",
                    "error communicating with the server",
                    "terminating connection",
                    "the database system is",
                    "too many clients",
                    "No space left on device",
                    "could not extend file",
                ]
                .iter()
                .any(|known| text.contains(known))
        }
        _ => false,
    }
}
