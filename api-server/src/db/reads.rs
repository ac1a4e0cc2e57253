//! One worker's read connections: which connection a read gets, how long it may take, and what becomes of the connection
//! afterwards. On PostgreSQL single statements share a few pipelined connections and transactions have a small pool. On
//! SQLite a read runs inline on the worker's thread.

use super::connect::{
    CONNECT_LIMIT, Commits, Database, READ_SETTINGS, Url, cannot_connect, open_postgres, open_sqlite,
};
use super::{Db, DbError, Loads, Sql, engine};
use diesel::connection::SimpleConnection;
use diesel::sqlite::SqliteConnection;
use diesel_async::pooled_connection::bb8::{Pool, PooledConnection};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, PoolableConnection};
use diesel_async::{AsyncPgConnection, TransactionManager};
use futures_util::FutureExt;
use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long a read may take in all, waiting for a connection and trying again included; then it is answered `503`.
const READ_LIMIT: Duration = Duration::from_secs(5);
/// Statements that read much and run at once on SQLite, in the whole process.
const LONG_READS: usize = 2;
/// The most PostgreSQL connections that one worker reads on, for transactions; single statements share two more.
const TRANSACTIONS_A_WORKER: u32 = 6;
/// PostgreSQL connections for single statements, a worker: two, so that a slow one does not stop all.
const SHARED_A_WORKER: usize = 2;
/// The page caches of all SQLite connections that read, together, in KiB.
const READ_CACHES_KIB: usize = 16 * 1024;
/// The least that one of them gets, in KiB.
const LEAST_CACHE_KIB: usize = 1024;
/// SQLite connections that a worker usually reads on: one with a transaction kept open, one without.
const LITE_A_WORKER: usize = 2;
/// For so long a SQLite read transaction is kept open for the next read. Other processes' commits are seen that late.
const KEPT_FOR: Duration = Duration::from_millis(20);
/// While SQLite's log is longer, no read transaction is kept open: a checkpoint is due, and needs a moment without one.
const LONG_LOG: u64 = 64 * 1024 * 1024;

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
    /// The read connections of one of so many workers.
    pub(super) fn of(database: &Database, workers: usize) -> Self {
        match database.url() {
            Url::Sqlite(path) => Reads::Lite(LiteReads {
                path: path.clone(),
                cache_kib: (READ_CACHES_KIB / (workers.max(1) * LITE_A_WORKER)).max(LEAST_CACHE_KIB),
                idle: RefCell::default(),
                kept: Arc::default(),
                commits: database.commits().clone(),
            }),
            Url::Postgres(url) => Reads::Pg(PgReads::new(url)),
        }
    }

    /// Runs single statements, each of which sees all that was committed before it, by whomever. `work` may be run a
    /// second time, on a fresh connection, where the first was lost.
    ///
    /// # Errors
    /// What `work` fails with; the database's own error where no connection is to be had or the time is over.
    pub async fn single<T, E: Failure>(&self, work: impl AsyncFn(&mut Db<'_>) -> Result<T, E>) -> Result<T, E> {
        match self {
            Reads::Lite(reads) => {
                let mut connection = reads.take()?;
                let answer = work(&mut Db::Lite(&mut connection)).await;
                reads.give_back(connection);
                answer
            }
            Reads::Pg(reads) => reads.single(work).await,
        }
    }

    /// The same for what may miss the last 20 ms of other processes' commits, but none of this process's: on SQLite it
    /// goes on in a read transaction that is kept open. Not for clocks, tokens and rights.
    ///
    /// # Errors
    /// As [`Reads::single`].
    pub async fn recent<T, E: Failure>(&self, work: impl AsyncFn(&mut Db<'_>) -> Result<T, E>) -> Result<T, E> {
        let Reads::Lite(reads) = self else { return self.single(work).await };
        let Some((mut connection, open)) = reads.kept()? else { return self.single(work).await };
        let answer = work(&mut Db::Lite(&mut connection)).await;
        let mut kept = lock(&reads.kept);
        let is_sound = answer.as_ref().err().is_none_or(|error| error.database().is_none());
        // Dropping the connection ends its transaction.
        if is_sound && kept.open == Some(open) {
            kept.connection = Some(connection);
        }
        answer
    }

    /// Runs one statement that reads much. SQLite runs it on a thread of its own, with a connection of its own, so that the
    /// worker goes on; `LONG_READS` run at once, the next wait, and fail after `READ_LIMIT`.
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
            Reads::Lite(reads) => {
                static RUNNING: Semaphore = Semaphore::const_new(LONG_READS);
                let turn = tokio::time::timeout(READ_LIMIT, RUNNING.acquire()).await;
                let turn =
                    turn.ok().and_then(Result::ok).ok_or_else(|| cannot_connect("database is locked by reads"))?;
                let (path, cache_kib) = (reads.path.clone(), reads.cache_kib);
                let work = move || {
                    // The turn ends with the statement, also where nobody waits for its answer any more.
                    let _turn = turn;
                    let mut connection = open_sqlite(&path, cache_kib)?;
                    sql.loads(&mut connection).now_or_never().unwrap_or(Err(DbError::NotFound))
                };
                tokio::task::spawn_blocking(work).await.unwrap_or(Err(DbError::NotFound))
            }
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
    /// What `work` fails with; the database's own error where no connection is to be had or the time is over.
    pub async fn snapshot<T, E: From<DbError>>(
        &self,
        work: impl AsyncFnOnce(&mut Db<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        match self {
            Reads::Lite(reads) => {
                let mut connection = reads.take()?;
                connection.batch_execute("BEGIN")?;
                let answer = work(&mut Db::Lite(&mut connection)).await;
                connection.batch_execute("ROLLBACK")?;
                reads.give_back(connection);
                answer
            }
            Reads::Pg(reads) => reads.snapshot(work).await,
        }
    }
}

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
type Open = (Instant, u64);

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
    fn take(&self) -> Result<SqliteConnection, DbError> {
        let idle = self.idle.borrow_mut().pop();
        idle.map_or_else(|| open_sqlite(&self.path, self.cache_kib), Ok)
    }

    fn give_back(&self, connection: SqliteConnection) {
        self.idle.borrow_mut().push(connection);
    }

    /// The connection in a read transaction that is not too old. Nothing when a commit is under way, a checkpoint is
    /// due, or another read has the connection.
    fn kept(&self) -> Result<Option<(SqliteConnection, Open)>, DbError> {
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

/// PostgreSQL: shared, pipelined connections for single statements, a small pool for transactions.
pub struct PgReads {
    url: String,
    shared: RefCell<Vec<SharedConnection>>,
    /// Whose turn it is.
    turn: Cell<usize>,
    /// Held by who opens a shared connection: all others wait for that one.
    opening: tokio::sync::Mutex<()>,
    pool: Pool<AsyncPgConnection>,
}

#[derive(Clone)]
struct SharedConnection {
    connection: Rc<AsyncPgConnection>,
    opened: Instant,
}

impl PgReads {
    fn new(url: &str) -> Self {
        let mut config = ManagerConfig::default();
        config.custom_setup = Box::new(|url| {
            async move {
                let opened = open_postgres(url, READ_SETTINGS).await;
                opened.map_err(|error| diesel::ConnectionError::BadConnection(error.to_string()))
            }
            .boxed()
        });
        let manager = AsyncDieselConnectionManager::new_with_config(url, config);
        let pool = Pool::builder()
            .max_size(TRANSACTIONS_A_WORKER)
            .test_on_check_out(false)
            .connection_timeout(CONNECT_LIMIT)
            .build_unchecked(manager);
        PgReads {
            url: url.to_owned(),
            shared: RefCell::default(),
            turn: Cell::new(0),
            opening: tokio::sync::Mutex::default(),
            pool,
        }
    }

    async fn single<T, E: Failure>(&self, work: impl AsyncFn(&mut Db<'_>) -> Result<T, E>) -> Result<T, E> {
        let used: RefCell<Option<SharedConnection>> = RefCell::default();
        let tries = async {
            let begun = Instant::now();
            let first = self.shared(None).await?;
            used.replace(Some(first.clone()));
            let answer = work(&mut Db::Pg(&first.connection)).await;
            if !is_lost(&answer) {
                return answer;
            }
            // It was only read: once more, on a connection that was opened after this began.
            self.forget(&first);
            let second = self.shared(Some(begun)).await?;
            used.replace(Some(second.clone()));
            let answer = work(&mut Db::Pg(&second.connection)).await;
            if is_lost(&answer) {
                self.forget(&second);
            }
            answer
        };
        match tokio::time::timeout(READ_LIMIT, tries).await {
            Ok(answer) => answer,
            Err(_) => {
                // What comes next must not wait behind an answer that does not come.
                if let Some(used) = used.take() {
                    self.forget(&used);
                }
                Err(no_answer().into())
            }
        }
    }

    async fn snapshot<T, E: From<DbError>>(&self, work: impl AsyncFnOnce(&mut Db<'_>) -> Result<T, E>) -> Result<T, E> {
        let read = async {
            let mut connection = self.begin().await?;
            let answer = work(&mut Db::Pg(&connection)).await;
            // Nothing was written; when even this fails the pool throws the connection away.
            let end = Manager::rollback_transaction(&mut *connection).await;
            if answer.is_ok() {
                end?;
            }
            answer
        };
        // One that is cut off here goes back in the middle of its transaction: the pool throws it away.
        tokio::time::timeout(READ_LIMIT, read).await.unwrap_or_else(|_| Err(no_answer().into()))
    }

    /// A connection of the pool in a read-only transaction. Those that were lost while nobody used them are passed
    /// over: nothing was done on them.
    async fn begin(&self) -> Result<PooledConnection<'_, AsyncPgConnection>, DbError> {
        let mut lost = 0;
        loop {
            let mut connection = self.pool.get().await.map_err(|error| cannot_connect(error.to_string()))?;
            let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
            match Manager::begin_transaction_sql(&mut *connection, begin).await {
                Ok(()) => return Ok(connection),
                Err(error) if engine::is_connection_lost(&error) && lost < TRANSACTIONS_A_WORKER => lost += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// A shared connection, one after another; one that was opened after a moment, where that is asked for.
    async fn shared(&self, after: Option<Instant>) -> Result<SharedConnection, DbError> {
        if let Some(open) = self.opened(after) {
            return Ok(open);
        }
        let _one = self.opening.lock().await;
        if let Some(open) = self.opened(after) {
            return Ok(open);
        }
        let connection = Rc::new(open_postgres(&self.url, READ_SETTINGS).await?);
        let opened = SharedConnection { connection, opened: Instant::now() };
        let mut shared = self.shared.borrow_mut();
        if shared.len() >= SHARED_A_WORKER {
            // The oldest; who uses it keeps it as long.
            shared.remove(0);
        }
        shared.push(opened.clone());
        Ok(opened)
    }

    fn opened(&self, after: Option<Instant>) -> Option<SharedConnection> {
        let mut shared = self.shared.borrow_mut();
        // One that was closed is noticed here, unless it is used just now.
        shared.retain_mut(|one| Rc::get_mut(&mut one.connection).is_none_or(|connection| !connection.is_broken()));
        if let Some(after) = after {
            return shared.iter().find(|one| one.opened > after).cloned();
        }
        if shared.len() < SHARED_A_WORKER {
            return None;
        }
        self.turn.set(self.turn.get().wrapping_add(1));
        shared.get(self.turn.get() % shared.len()).cloned()
    }

    fn forget(&self, lost: &SharedConnection) {
        self.shared.borrow_mut().retain(|one| !Rc::ptr_eq(&one.connection, &lost.connection));
    }
}

type Manager = <AsyncPgConnection as diesel_async::AsyncConnection>::TransactionManager;

fn no_answer() -> DbError {
    cannot_connect("no answer within 5 s")
}
