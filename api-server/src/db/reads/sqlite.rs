//! Reads on SQLite: inline on the worker's thread, some in a read transaction that is kept open, long ones on a thread.

use super::{Failure, READ_LIMIT};
use crate::db::connect::{Commits, cannot_connect, open_sqlite};
use crate::db::{Db, DbError, Loads, Sql};
use diesel::connection::SimpleConnection;
use diesel::sqlite::SqliteConnection;
use futures_util::FutureExt;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Statements that read much and run at once on SQLite, in the whole process.
const LONG_READS: usize = 2;
/// The page caches of all SQLite connections that read, together, in KiB.
const READ_CACHES_KIB: usize = 16 * 1024;
/// The least that one of them gets, in KiB.
const LEAST_CACHE_KIB: usize = 1024;
/// SQLite connections that a worker usually reads on: one with a transaction kept open, one without.
const LITE_A_WORKER: usize = 2;
/// How long a SQLite read transaction stays open for the next read. Commits of other processes are seen that late.
const KEPT_FOR: Duration = Duration::from_millis(20);
/// While SQLite's log is longer, no read transaction is kept open: a checkpoint is due, and needs a moment without one.
const LONG_LOG: u64 = 64 * 1024 * 1024;

/// SQLite: as many connections as reads are under way on this thread, which is one but inside a read, and one more
/// whose read transaction is kept open.
pub struct LiteReads {
    path: PathBuf,
    cache_kib: usize,
    idle: RefCell<Vec<SqliteConnection>>,
    kept: Arc<Mutex<OpenRead>>,
    commits: Arc<Commits>,
}

/// When a transaction began, and how many commits there had been.
pub(super) type Open = (Instant, u64);

/// A connection with a read transaction that is kept open.
#[derive(Default)]
struct OpenRead {
    /// Nothing before the first read, and during one.
    connection: Option<SqliteConnection>,
    /// The transaction, if one is open.
    open: Option<Open>,
    /// Whether somebody looks after the transaction's end.
    watched: bool,
}

fn lock(kept: &Mutex<OpenRead>) -> MutexGuard<'_, OpenRead> {
    // Nothing that holds the lock can panic half-way through a change.
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LiteReads {
    /// The read connections of one worker, where there are `workers`.
    pub(super) fn new(path: &Path, commits: &Arc<Commits>, workers: usize) -> Self {
        LiteReads {
            path: path.to_owned(),
            cache_kib: (READ_CACHES_KIB / (workers.max(1) * LITE_A_WORKER)).max(LEAST_CACHE_KIB),
            idle: RefCell::default(),
            kept: Arc::default(),
            commits: commits.clone(),
        }
    }

    pub(super) async fn single<T, E: Failure>(&self, work: impl AsyncFn(&mut Db<'_>) -> Result<T, E>) -> Result<T, E> {
        let mut connection = self.take()?;
        let answer = work(&mut Db::Lite(&mut connection)).await;
        self.give_back(connection);
        answer
    }

    /// Runs work in a read transaction that is kept open ([`LiteReads::kept`]).
    pub(super) async fn recent<T, E: Failure>(
        &self,
        (mut connection, open): (SqliteConnection, Open),
        work: impl AsyncFn(&mut Db<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let answer = work(&mut Db::Lite(&mut connection)).await;
        let mut kept = lock(&self.kept);
        let is_sound = answer.as_ref().err().is_none_or(|error| error.database().is_none());
        // Dropping the connection ends its transaction.
        if is_sound && kept.open == Some(open) {
            kept.connection = Some(connection);
        }
        answer
    }

    /// On a thread of its own, with a connection of its own.
    pub(super) async fn long<Row, U>(&self, sql: Sql<Row>) -> Result<Vec<U>, DbError>
    where
        U: Send + 'static,
        Row: Send + 'static,
        for<'q> Sql<Row>: Loads<'q, SqliteConnection, U>,
    {
        static RUNNING: Semaphore = Semaphore::const_new(LONG_READS);
        let turn = tokio::time::timeout(READ_LIMIT, RUNNING.acquire()).await;
        let turn = turn.ok().and_then(Result::ok).ok_or_else(|| cannot_connect("database is locked by reads"))?;
        let (path, cache_kib) = (self.path.clone(), self.cache_kib);
        let work = move || {
            // The turn ends with the statement, also where nobody waits for its answer any more.
            let _turn = turn;
            let mut connection = open_sqlite(&path, cache_kib)?;
            sql.loads(&mut connection).now_or_never().unwrap_or(Err(DbError::NotFound))
        };
        tokio::task::spawn_blocking(work).await.unwrap_or(Err(DbError::NotFound))
    }

    pub(super) async fn snapshot<T, E: From<DbError>>(
        &self,
        work: impl AsyncFnOnce(&mut Db<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = self.take()?;
        connection.batch_execute("BEGIN")?;
        let answer = work(&mut Db::Lite(&mut connection)).await;
        connection.batch_execute("ROLLBACK")?;
        self.give_back(connection);
        answer
    }

    fn take(&self) -> Result<SqliteConnection, DbError> {
        let idle = self.idle.borrow_mut().pop();
        idle.map_or_else(|| open_sqlite(&self.path, self.cache_kib), Ok)
    }

    fn give_back(&self, connection: SqliteConnection) {
        self.idle.borrow_mut().push(connection);
    }

    /// The connection in a read transaction that is not too old. Nothing when a commit is under way, a checkpoint is
    /// due, or another read has the connection.
    pub(super) fn kept(&self) -> Result<Option<(SqliteConnection, Open)>, DbError> {
        let Some(commits) = self.commits.settled() else { return Ok(None) };
        let mut kept = lock(&self.kept);
        if let Some((since, at)) = kept.open
            && at == commits
            && since.elapsed() < KEPT_FOR
        {
            return Ok(kept.connection.take().map(|connection| (connection, (since, at))));
        }
        if log_is_long(&self.path) {
            return Ok(None);
        }
        let mut connection = match kept.connection.take() {
            Some(connection) => connection,
            // Another read has it, or it was dropped with an error: then there is no transaction either.
            None if kept.open.take().is_some() => return Ok(None),
            None => open_sqlite(&self.path, self.cache_kib)?,
        };
        connection.batch_execute(if kept.open.take().is_some() { "ROLLBACK; BEGIN" } else { "BEGIN" })?;
        let open = (Instant::now(), commits);
        kept.open = Some(open);
        if !kept.watched {
            kept.watched = true;
            tokio::spawn(end_kept(self.kept.clone()));
        }
        Ok(Some((connection, open)))
    }
}

/// Ends a kept read transaction when its time is over: an idle worker must not hold up checkpoints.
async fn end_kept(kept: Arc<Mutex<OpenRead>>) {
    loop {
        tokio::time::sleep(KEPT_FOR).await;
        let mut kept = lock(&kept);
        let OpenRead { connection, open, watched } = &mut *kept;
        if open.is_some_and(|(since, _)| since.elapsed() < KEPT_FOR) {
            continue;
        }
        // One that a read has now ends at the next round, and one that cannot roll back ends with its connection.
        if let Some(mut ended) = connection.take()
            && ended.batch_execute("ROLLBACK").is_ok()
        {
            *connection = Some(ended);
        }
        *open = None;
        *watched = false;
        return;
    }
}

/// Whether SQLite's log is so long that a checkpoint is due.
fn log_is_long(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).is_ok_and(|log| log.len() > LONG_LOG)
}
