//! One worker's read connections: which connection a read gets, how long it may take, and what becomes of the
//! connection afterwards. On PostgreSQL single statements share a few pipelined connections and transactions have a
//! small pool. On SQLite a read runs inline on the worker's thread.

mod postgres;
mod sqlite;

use super::connect::{Database, Url};
use super::{Db, DbError, Loads, Sql, engine};
use diesel::sqlite::SqliteConnection;
use diesel_async::AsyncPgConnection;
use postgres::PgReads;
use sqlite::LiteReads;
use std::time::Duration;

/// How long a read may take in all, waiting for a connection and trying again included; then it is answered `503`.
pub const READ_LIMIT: Duration = Duration::from_secs(5);

/// An error of work on a database: what of it is the database's own.
pub trait Failure: From<DbError> {
    /// The database's error, if it is one.
    fn database(&self) -> Option<&DbError>;
}

impl Failure for DbError {
    fn database(&self) -> Option<&DbError> {
        Some(self)
    }
}

/// Whether work failed because its connection is no good any more. Other errors say nothing against the connection.
fn is_lost<T, E: Failure>(answer: &Result<T, E>) -> bool {
    answer.as_ref().err().and_then(Failure::database).is_some_and(engine::is_connection_lost)
}

/// One worker's read connections.
pub enum Reads {
    /// Of SQLite.
    Lite(LiteReads),
    /// Of PostgreSQL.
    Pg(PgReads),
}

impl Reads {
    /// The read connections of one worker. They belong to the thread and the runtime that uses them.
    pub fn of(database: &Database) -> Self {
        match database.url() {
            Url::Sqlite(path) => Reads::Lite(LiteReads::new(path, database.commits(), database.workers())),
            Url::Postgres(url) => Reads::Pg(PgReads::new(url)),
        }
    }

    /// Runs single statements, each of which sees all that was committed before it, by whomever. `work` may be run a
    /// second time, on a fresh connection, where the first was lost.
    ///
    /// # Errors
    /// What `work` fails with; the database's own error where no connection is available or the time limit is reached.
    pub async fn single<T, E: Failure>(&self, work: impl AsyncFn(&mut Db<'_>) -> Result<T, E>) -> Result<T, E> {
        match self {
            Reads::Lite(reads) => reads.single(work).await,
            Reads::Pg(reads) => reads.single(work).await,
        }
    }

    /// The same for what may miss the last 20 ms of other processes' commits, but none of this process's: on SQLite it
    /// continues in a read transaction that is kept open. Not for clocks, tokens and rights.
    ///
    /// # Errors
    /// As [`Reads::single`].
    pub async fn recent<T, E: Failure>(&self, work: impl AsyncFn(&mut Db<'_>) -> Result<T, E>) -> Result<T, E> {
        let Reads::Lite(reads) = self else { return self.single(work).await };
        match reads.kept()? {
            Some(kept) => reads.recent(kept, work).await,
            None => self.single(work).await,
        }
    }

    /// Runs one statement that reads much. SQLite runs it on a thread of its own, with a connection of its own, so that
    /// the worker continues; `LONG_READS` run at once, the next wait, and fail after `READ_LIMIT`.
    ///
    /// # Errors
    /// The database's own.
    pub async fn long<Row, U>(&self, sql: Sql<Row>) -> Result<Vec<U>, DbError>
    where
        U: Send + 'static,
        Row: Clone + Send + 'static,
        for<'q, 'p> Sql<Row>: Loads<'q, SqliteConnection, U> + Loads<'q, &'p AsyncPgConnection, U>,
    {
        match self {
            Reads::Lite(reads) => reads.long(sql).await,
            Reads::Pg(reads) => {
                let read = async |db: &mut Db<'_>| match db {
                    Db::Pg(c) => sql.clone().loads(&mut &**c).await,
                    Db::Lite(_) => Err(DbError::NotFound),
                };
                reads.single(read).await
            }
        }
    }

    /// Runs statements that must all see one state: a read-only transaction.
    ///
    /// # Errors
    /// What `work` fails with; the database's own error where no connection is available or the time limit is reached.
    pub async fn snapshot<T, E: From<DbError>>(
        &self,
        work: impl AsyncFnOnce(&mut Db<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        match self {
            Reads::Lite(reads) => reads.snapshot(work).await,
            Reads::Pg(reads) => reads.snapshot(work).await,
        }
    }
}
