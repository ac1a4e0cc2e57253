//! Every difference between the engines, each a named function. No other file asks which engine it is,
//! but for [`on!`](crate::on!).

use super::sql::{Cells, LiteWrite, PgWrite};
use super::types::{At, Instant, Value};
use super::{Column, Db, DbError, Sql, Verbs, Write};
use diesel::connection::SimpleConnection;
use diesel::result::{DatabaseErrorKind, QueryResult};
use diesel_async::SimpleAsyncConnection;

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

/// What ends the reading of the clock row in a write: PostgreSQL locks the row, so that the next writer waits.
pub fn clock_lock(db: &Db<'_>) -> &'static str {
    match db {
        Db::Lite(_) => "",
        Db::Pg(_) => " FOR UPDATE",
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
