//! Every difference between the engines, each a named function. No other file asks which engine it is,
//! except for [`on!`](crate::on!).

use super::rows::Rows;
use super::types::{At, Instant, Value};
use super::write::{LiteWrite, PgWrite};
use super::{Column, Db, DbError, Sql, Verbs, Write};
use diesel::connection::SimpleConnection;
use diesel::result::{DatabaseErrorKind, QueryResult};
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use std::collections::HashSet;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

/// Runs statements that answer nothing.
pub async fn batch(db: &mut Db<'_>, sql: &str) -> QueryResult<()> {
    match db {
        Db::Lite(c) => c.batch_execute(sql),
        Db::Pg(c) => super::limited((&mut &**c).batch_execute(sql)).await,
    }
}

/// Begins the one kind of write transaction there is. On SQLite it holds the write lock from the start.
pub async fn begin_write(db: &mut Db<'_>) -> QueryResult<()> {
    match db {
        Db::Lite(_) => batch(db, "BEGIN IMMEDIATE").await,
        Db::Pg(_) => batch(db, "BEGIN ISOLATION LEVEL READ COMMITTED").await,
    }
}

/// Lets a write that has begun take longer than others between two statements: a set is decided in memory, all of it at
/// once, and PostgreSQL cuts off who idles in a transaction. An item takes well under a millisecond; this is enough on a
/// machine that has much else to do.
pub async fn take_time(db: &mut Db<'_>, items: usize) -> QueryResult<()> {
    match db {
        Db::Lite(_) => Ok(()),
        Db::Pg(_) => {
            let limit = 5_000 + 25 * items;
            batch(db, &format!("SET LOCAL idle_in_transaction_session_timeout = {limit}")).await
        }
    }
}

/// What surrounds the statement that reads the clock row: it then returns the database's clock too, as it is once
/// the row is read. With `lock`, PostgreSQL locks the row first, so that the next writer waits. SQLite returns nothing:
/// it is in this process, its clock is ours.
pub fn with_now(db: &Db<'_>, lock: bool) -> (&'static str, &'static str) {
    match (db, lock) {
        (Db::Lite(_), _) => ("SELECT c.*, NULL FROM (", ") AS c"),
        (Db::Pg(_), false) => ("SELECT c.*, clock_timestamp() FROM (", ") AS c"),
        (Db::Pg(_), true) => ("SELECT c.*, clock_timestamp() FROM (", " FOR UPDATE) AS c"),
    }
}

/// The column that leads to a row of a record table soonest: every index of SQLite holds the row's number.
pub fn row_key(db: &Db<'_>) -> &'static str {
    match db {
        Db::Lite(_) => "rowid",
        Db::Pg(_) => "id",
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

/// Runs two pieces of work in their order. PostgreSQL gets both at once and returns both in one round trip.
pub async fn both<A, B>(
    db: &mut Db<'_>,
    first: impl AsyncFnOnce(&mut Db<'_>) -> QueryResult<A>,
    second: impl AsyncFnOnce(&mut Db<'_>) -> QueryResult<B>,
) -> QueryResult<(A, B)> {
    match db {
        Db::Lite(c) => Ok((first(&mut Db::Lite(c)).await?, second(&mut Db::Lite(c)).await?)),
        Db::Pg(c) => {
            let (mut one, mut two) = (Db::Pg(c), Db::Pg(c));
            futures_util::future::try_join(first(&mut one), second(&mut two)).await
        }
    }
}

/// Runs reads that do not depend on each other. PostgreSQL gets all at once and returns all in one round trip.
pub async fn all_at_once<P, T>(
    db: &mut Db<'_>,
    parts: &[P],
    read: impl AsyncFn(&mut Db<'_>, &P) -> QueryResult<T>,
) -> QueryResult<Vec<T>> {
    match db {
        Db::Lite(c) => {
            let mut all = Vec::with_capacity(parts.len());
            for part in parts {
                all.push(read(&mut Db::Lite(c), part).await?);
            }
            Ok(all)
        }
        Db::Pg(c) => {
            let connection: &AsyncPgConnection = c;
            let one = async |part| read(&mut Db::Pg(connection), part).await;
            futures_util::future::try_join_all(parts.iter().map(one)).await
        }
    }
}

/// Inserts, updates or deletes rows: one statement on PostgreSQL, prepared statements of few rows on SQLite.
pub async fn write_rows(
    db: &mut Db<'_>,
    write: Write,
    table: &'static str,
    columns: &[Column],
    rows: &[Vec<Value>],
) -> QueryResult<()> {
    write_one(db, &Rows::of(write, table, columns, rows)).await
}

async fn write_one(db: &mut Db<'_>, rows: &Rows<'_>) -> QueryResult<()> {
    match db {
        Db::Lite(c) => {
            for some in LiteWrite::all(rows) {
                some.run(*c).await?;
            }
            Ok(())
        }
        Db::Pg(_) if rows.is_empty() => Ok(()),
        Db::Pg(c) => PgWrite(rows).run(&mut &**c).await.map(|_| ()),
    }
}

/// Writes the rows of several tables, in their order.
pub async fn write_all(db: &mut Db<'_>, all: &[Rows<'_>]) -> QueryResult<()> {
    for rows in all {
        write_one(db, rows).await?;
    }
    Ok(())
}

/// The statements that a connection has prepared: what is written, where, and to which columns.
pub type Prepared = HashSet<(Write, &'static str, Vec<&'static str>)>;

/// How a write and its commit failed.
#[derive(Debug)]
pub enum CommitError {
    /// Nothing is stored. The transaction may still be open.
    Nothing(DbError),
    /// The commit was sent and nothing came back.
    Unknown(DbError),
}

/// Polls work once, and returns how far it got.
async fn poll_once<F: Future + ?Sized>(mut work: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await
}

/// Writes the rows of several tables in their order, and commits.
///
/// On PostgreSQL all of it is one round trip, once the connection has prepared every statement: before that, a
/// statement would wait for its preparation while the commit overtakes it. A statement that is refused makes the commit
/// a rollback; one that cannot even be sent is noticed before the commit is sent.
pub async fn write_and_commit(db: &mut Db<'_>, prepared: &mut Prepared, all: &[Rows<'_>]) -> Result<(), CommitError> {
    let key = |rows: &Rows<'_>| (rows.write, rows.table, rows.columns.iter().map(|column| column.name).collect());
    let all: Vec<&Rows<'_>> = all.iter().filter(|rows| !rows.is_empty()).collect();
    let is_prepared = !all.iter().any(|rows| !prepared.contains(&key(rows)));
    match db {
        Db::Pg(c) if is_prepared => {
            let connection: &AsyncPgConnection = c;
            let one = async |rows: &Rows<'_>| write_one(&mut Db::Pg(connection), rows).await;
            let mut statements: Vec<_> = all.iter().map(|rows| Box::pin(one(rows))).collect();
            // Each is sent by being polled for the first time, in this order. What cannot be sent fails at once, and
            // then the commit is not sent either.
            let mut waiting = Vec::with_capacity(statements.len());
            for statement in &mut statements {
                match poll_once(statement.as_mut()).await {
                    Poll::Pending => waiting.push(statement),
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => return Err(CommitError::Nothing(error)),
                }
            }
            let mut commit = Db::Pg(connection);
            let mut commit = pin!(batch(&mut commit, "COMMIT"));
            let committed = poll_once(commit.as_mut()).await;
            for statement in waiting {
                match statement.as_mut().await {
                    Ok(()) => {}
                    Err(error) if is_connection_lost(&error) => return Err(CommitError::Unknown(error)),
                    Err(error) => {
                        // PostgreSQL has refused a statement, and so the commit is a rollback. Its answer is waited
                        // for, so that nothing of this transaction is under way when the connection is used again.
                        if committed.is_pending() {
                            let _ = commit.await;
                        }
                        return Err(CommitError::Nothing(error));
                    }
                }
            }
            match committed {
                Poll::Ready(committed) => committed,
                Poll::Pending => commit.await,
            }
            .map_err(CommitError::Unknown)
        }
        db => {
            for rows in all {
                write_one(db, rows).await.map_err(CommitError::Nothing)?;
                prepared.insert(key(rows));
            }
            batch(db, "COMMIT").await.map_err(CommitError::Unknown)
        }
    }
}

/// The tables and views of the database that no extension brought.
pub async fn tables(db: &mut Db<'_>) -> QueryResult<Vec<String>> {
    let sql = match db {
        Db::Lite(_) => {
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        }
        Db::Pg(_) => {
            "SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace \
             AND relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT EXISTS (SELECT FROM pg_depend \
             WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')"
        }
    };
    let sql = Sql::<Text>::new(sql);
    crate::on!(db, c => sql.all(c))
}

/// The encoding that texts are stored in, where it does not hold every character.
pub async fn narrow_encoding(db: &mut Db<'_>) -> QueryResult<Option<String>> {
    Ok(setting(db, "server_encoding").await?.filter(|encoding| encoding != "UTF8"))
}

/// The language that PostgreSQL's errors have, where it is not English, as a locale. It is tried out: a server has few
/// translations, and uses English where it has none.
pub async fn foreign_texts(db: &mut Db<'_>) -> QueryResult<Option<String>> {
    let locale = setting(db, "lc_messages").await?.filter(|locale| !is_english(locale));
    let (Some(locale), Db::Pg(c)) = (locale, db) else { return Ok(None) };
    let fails = Sql::<BigInt>::new("SELECT 1::bigint / 0");
    let failed: QueryResult<Option<i64>> = fails.first_row(&mut &**c).await;
    Ok(failed.is_err_and(|error| !says(&error, &["division by zero"])).then_some(locale))
}

fn is_english(locale: &str) -> bool {
    let language = locale.split(['_', '.', '@']).next().unwrap_or_default();
    ["", "C", "POSIX", "en"].contains(&language)
}

/// A setting of PostgreSQL; nothing on SQLite.
async fn setting(db: &mut Db<'_>, name: &str) -> QueryResult<Option<String>> {
    let Db::Pg(c) = db else { return Ok(None) };
    let sql = Sql::<Text>::new("SELECT current_setting(").bind(name).text(")");
    sql.first_row(&mut &**c).await
}

/// The engine's name and version.
pub async fn version(db: &mut Db<'_>) -> QueryResult<String> {
    let (name, sql) = match db {
        Db::Lite(_) => ("SQLite", "SELECT sqlite_version()"),
        Db::Pg(_) => ("PostgreSQL", "SELECT current_setting('server_version')"),
    };
    let sql = Sql::<Text>::new(sql);
    let version: Option<String> = crate::on!(db, c => sql.first_row(c))?;
    Ok(format!("{name} {}", version.unwrap_or_default()))
}

/// Whether the database refused a write for its content (the backstop of a rule).
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

/// Whether an error has one of these texts. What is no constraint's is known by its text alone: diesel passes on neither
/// SQLSTATE nor SQLite's code. PostgreSQL's texts are in English: [`foreign_texts`].
fn says(error: &DbError, texts: &[&str]) -> bool {
    let DbError::DatabaseError(_, information) = error else { return false };
    texts.iter().any(|known| information.message().contains(known))
}

/// Whether the connection itself failed: what else comes over it fails too, and who opens another may succeed.
pub fn is_connection_lost(error: &DbError) -> bool {
    use DatabaseErrorKind::{ClosedConnection, UnableToSendCommand};
    matches!(
        error,
        DbError::BrokenTransactionManager | DbError::DatabaseError(ClosedConnection | UnableToSendCommand, _)
    )
        // Said by a session that was ended, as its last words.
        || says(error, &["terminating connection", "the database system is"])
}

/// Whether another write held a lock for too long. The connection is sound.
pub fn is_lock_timeout(error: &DbError) -> bool {
    says(error, &["database is locked", "lock timeout"])
}

/// Whether there is no space left for a write: one that needs none may succeed all the same.
pub fn is_full(error: &DbError) -> bool {
    says(error, &["database or disk is full", "No space left on device", "could not extend file"])
}

/// Whether the database could not be reached, is full, read-only, or too busy: the caller may try again.
pub fn is_unavailable(error: &DbError) -> bool {
    use DatabaseErrorKind::{ReadOnlyTransaction, SerializationFailure};
    const OF_SQLITE: [&str; 3] = ["disk I/O error", "unable to open database", "attempt to write a readonly database"];
    const OF_POSTGRESQL: [&str; 8] = [
        // By a limit, by the operator, or on a standby that has to go on.
        "canceling statement due to",
        "deadlock detected",
        "connection closed",
        "connection to server",
        "error communicating with the server",
        "too many clients",
        "remaining connection slots",
        "out of memory",
    ];
    is_connection_lost(error)
        || is_lock_timeout(error)
        || is_full(error)
        // A standby, or a database whose operator has closed it for writing; writes that are in each other's way.
        || matches!(error, DbError::DatabaseError(ReadOnlyTransaction | SerializationFailure, _))
        || says(error, &OF_SQLITE)
        || says(error, &OF_POSTGRESQL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_whether_to_try_again_and_on_which_connection() {
        // Text, and whether the database is unavailable, the connection lost, a lock not had, no space left.
        for (text, unavailable, lost, lock, full) in [
            ("canceling statement due to user request", true, false, false, false),
            ("canceling statement due to statement timeout", true, false, false, false),
            ("canceling statement due to conflict with recovery", true, false, false, false),
            ("canceling statement due to lock timeout", true, false, true, false),
            ("terminating connection due to administrator command", true, true, false, false),
            ("could not extend file \"base/5/1\": No space left on device", true, false, false, true),
            ("deadlock detected", true, false, false, false),
            ("database is locked", true, false, true, false),
            ("database or disk is full", true, false, false, true),
            ("relation \"members\" does not exist", false, false, false, false),
        ] {
            let error = DbError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(text.to_owned()));
            let known = (is_unavailable(&error), is_connection_lost(&error), is_lock_timeout(&error), is_full(&error));
            assert_eq!(known, (unavailable, lost, lock, full), "{text}");
        }
    }

    #[test]
    fn errors_are_in_english_in_few_locales() {
        for (locale, english) in [("C", true), ("C.UTF-8", true), ("en_US.UTF-8", true), ("", true), ("vi_VN", false)] {
            assert_eq!(is_english(locale), english, "{locale}");
        }
    }
}
