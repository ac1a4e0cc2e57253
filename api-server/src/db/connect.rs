//! Opening databases: the URL, the settings of a connection, one worker's read connections, the writer's own.

use super::{Db, DbError, Loads, Sql};
use diesel::connection::{Connection, SimpleConnection};
use diesel::sqlite::SqliteConnection;
use diesel_async::pooled_connection::bb8::Pool;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection, TransactionManager};
use futures_util::FutureExt;
use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Where a database is. The scheme chooses the engine; an unknown one is refused.
#[derive(Clone, PartialEq, Eq)]
pub enum Url {
    /// `sqlite:///absolute/file.db` or `sqlite://relative/file.db`.
    Sqlite(PathBuf),
    /// `postgres://…`; TLS by `sslmode=require`.
    Postgres(String),
}

impl Url {
    /// Reads a URL.
    ///
    /// # Errors
    /// A sentence for the operator, which never repeats the URL: it may hold a password.
    pub fn parse(url: &str) -> Result<Self, String> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            let plain = !path.is_empty() && !path.contains(['?', '#']);
            return plain
                .then(|| Url::Sqlite(path.into()))
                .ok_or_else(|| "sqlite:// must be followed by a file's path".into());
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let parsed = url.parse::<tokio_postgres::Config>();
            return parsed
                .map(|_| Url::Postgres(url.to_owned()))
                .map_err(|_| "the postgres:// URL cannot be read".into());
        }
        Err("the database URL must begin with sqlite:// or postgres://".into())
    }
}

/// A database that servers, commands and tests open.
#[derive(Clone)]
pub struct Database {
    url: Url,
}

/// The most connections that one worker reads on, for transactions; single statements share two more.
const TRANSACTIONS_A_WORKER: u32 = 6;
/// How long a read waits for a connection before it is answered `503`.
const CONNECTION_WAIT: Duration = Duration::from_secs(5);
/// Statements that read much and run at once on SQLite, in the whole process.
const LONG_READS: usize = 2;
/// Connections for single statements, a worker: two, so that a slow one does not stop all.
const SHARED_A_WORKER: usize = 2;

impl Database {
    /// A database at `url`. Nothing is opened yet.
    pub fn new(url: Url) -> Self {
        Database { url }
    }

    /// Where it is.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Opens a connection of its own: the writer's, or a command's.
    pub async fn open(&self) -> Result<DedicatedConnection, DbError> {
        match &self.url {
            Url::Sqlite(path) => open_sqlite(path).map(DedicatedConnection::Lite),
            Url::Postgres(url) => {
                open_postgres(url, "").await.map(|connection| DedicatedConnection::Pg(Box::new(connection)))
            }
        }
    }

    /// One worker's read connections. They belong to the thread and the runtime that uses them.
    pub fn reads(&self) -> Reads {
        match &self.url {
            Url::Sqlite(path) => Reads::Lite { path: path.clone(), idle: RefCell::default() },
            Url::Postgres(url) => {
                let mut config = ManagerConfig::default();
                config.custom_setup = Box::new(|url| {
                    async move { open_postgres(url, READ_SETTINGS).await.map_err(connection_error) }.boxed()
                });
                let manager = AsyncDieselConnectionManager::new_with_config(url.clone(), config);
                let pool = Pool::builder()
                    .max_size(TRANSACTIONS_A_WORKER)
                    .test_on_check_out(false)
                    .connection_timeout(CONNECTION_WAIT)
                    .build_unchecked(manager);
                Reads::Pg { url: url.clone(), shared: RefCell::default(), turn: Cell::new(0), pool }
            }
        }
    }
}

fn connection_error(error: DbError) -> diesel::ConnectionError {
    diesel::ConnectionError::BadConnection(error.to_string())
}

fn query_error(error: diesel::ConnectionError) -> DbError {
    let kind = diesel::result::DatabaseErrorKind::UnableToSendCommand;
    DbError::DatabaseError(kind, Box::new(error.to_string()))
}

/// Settings of a SQLite connection: readers beside one writer, nothing acknowledged before it is on disk.
const SQLITE_SETTINGS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 16384; PRAGMA cache_size = -65536;
    PRAGMA mmap_size = 268435456; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;";

fn open_sqlite(path: &Path) -> Result<SqliteConnection, DbError> {
    let mut connection = SqliteConnection::establish(&path.to_string_lossy()).map_err(query_error)?;
    connection.batch_execute(SQLITE_SETTINGS)?;
    Ok(connection)
}

/// Settings of a PostgreSQL session: a dead server cannot keep the clock, and no statement runs for ever.
const POSTGRES_SETTINGS: &str = "SET application_name = 'cell-records'; SET statement_timeout = '60s';
    SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '5s'; SET TIME ZONE 'UTC';
    SET client_min_messages = warning; SET jit = off;";

/// Further settings of a session that reads: its statements are few, short and alike, so planning one anew for each of
/// its calls would cost more than running it. The writer's tables may grow from nothing under one plan: it plans anew.
const READ_SETTINGS: &str = "SET plan_cache_mode = force_generic_plan;";

async fn open_postgres(url: &str, further: &str) -> Result<AsyncPgConnection, DbError> {
    let config: tokio_postgres::Config = url.parse().map_err(|error: tokio_postgres::Error| {
        query_error(diesel::ConnectionError::BadConnection(error.to_string()))
    })?;
    let bad = |error: tokio_postgres::Error| query_error(diesel::ConnectionError::BadConnection(error.to_string()));
    let mut connection = if config.get_ssl_mode() == tokio_postgres::config::SslMode::Require {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let (client, driver) = config.connect(tokio_postgres_rustls::MakeRustlsConnect::new(tls)).await.map_err(bad)?;
        AsyncPgConnection::try_from_client_and_connection(client, driver).await.map_err(query_error)?
    } else {
        let (client, driver) = config.connect(tokio_postgres::NoTls).await.map_err(bad)?;
        AsyncPgConnection::try_from_client_and_connection(client, driver).await.map_err(query_error)?
    };
    connection.batch_execute(&format!("{POSTGRES_SETTINGS}{further}")).await?;
    Ok(connection)
}

/// A connection that nobody else uses.
pub enum DedicatedConnection {
    /// Of the embedded engine.
    Lite(SqliteConnection),
    /// Of PostgreSQL.
    Pg(Box<AsyncPgConnection>),
}

impl DedicatedConnection {
    /// The connection, to run queries on.
    pub fn db(&mut self) -> Db<'_> {
        match self {
            DedicatedConnection::Lite(c) => Db::Lite(c),
            DedicatedConnection::Pg(c) => Db::Pg(c),
        }
    }
}

/// One worker's read connections.
pub enum Reads {
    /// SQLite: as many as reads are under way on this thread, which is one but inside a read.
    Lite {
        /// The database file.
        path: PathBuf,
        /// Connections that nobody uses now.
        idle: RefCell<Vec<SqliteConnection>>,
    },
    /// PostgreSQL: shared, pipelined connections for single statements, a small pool for transactions.
    Pg {
        /// The database's URL.
        url: String,
        /// The shared connections.
        shared: RefCell<Vec<Rc<AsyncPgConnection>>>,
        /// Whose turn it is.
        turn: Cell<usize>,
        /// For read transactions.
        pool: Pool<AsyncPgConnection>,
    },
}

impl Reads {
    /// Runs single statements, each on its own.
    pub async fn single<T, E: From<DbError>>(
        &self,
        work: impl AsyncFnOnce(&mut Db<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        match self {
            Reads::Lite { .. } => {
                let mut connection = self.lite()?;
                let answer = work(&mut Db::Lite(&mut connection)).await;
                self.give_back(connection);
                answer
            }
            Reads::Pg { url, shared, turn, .. } => {
                let connection = shared_connection(url, shared, turn).await?;
                let answer = work(&mut Db::Pg(&connection)).await;
                if answer.is_err() {
                    // It may be the connection's fault: the next read opens a new one.
                    shared.borrow_mut().retain(|one| !Rc::ptr_eq(one, &connection));
                }
                answer
            }
        }
    }

    /// Runs one statement that reads much. SQLite runs it on a thread of its own, with a connection of its own, so that the
    /// worker goes on; [`LONG_READS`] run at once, the next wait, and fail after [`CONNECTION_WAIT`].
    pub async fn long<Row, U>(&self, sql: Sql<Row>) -> Result<Vec<U>, DbError>
    where
        U: Send + 'static,
        Row: Send + 'static,
        for<'q, 'p> Sql<Row>: Loads<'q, SqliteConnection, U> + Loads<'q, &'p AsyncPgConnection, U>,
    {
        match self {
            Reads::Lite { path, .. } => {
                static RUNNING: Semaphore = Semaphore::const_new(LONG_READS);
                let busy = || query_error(diesel::ConnectionError::BadConnection("database is locked by reads".into()));
                let turn = tokio::time::timeout(CONNECTION_WAIT, RUNNING.acquire()).await;
                let turn = turn.ok().and_then(Result::ok).ok_or_else(busy)?;
                let path = path.clone();
                let work = move || {
                    // The turn ends with the statement, also where nobody waits for its answer any more.
                    let _turn = turn;
                    let mut connection = open_sqlite(&path)?;
                    sql.loads(&mut connection).now_or_never().unwrap_or(Err(DbError::NotFound))
                };
                tokio::task::spawn_blocking(work).await.unwrap_or(Err(DbError::NotFound))
            }
            Reads::Pg { .. } => {
                self.single(
                    async |db| if let Db::Pg(c) = db { sql.loads(&mut &**c).await } else { Err(DbError::NotFound) },
                )
                .await
            }
        }
    }

    /// Runs statements that must all see one state: a read-only transaction.
    pub async fn snapshot<T, E: From<DbError>>(
        &self,
        work: impl AsyncFnOnce(&mut Db<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        match self {
            Reads::Lite { .. } => {
                let mut connection = self.lite()?;
                connection.batch_execute("BEGIN")?;
                let answer = work(&mut Db::Lite(&mut connection)).await;
                connection.batch_execute("ROLLBACK")?;
                self.give_back(connection);
                answer
            }
            Reads::Pg { pool, .. } => {
                let mut connection = pool.get().await.map_err(|error| {
                    query_error(diesel::ConnectionError::BadConnection(format!("connection closed: {error}")))
                })?;
                type Manager = <AsyncPgConnection as diesel_async::AsyncConnection>::TransactionManager;
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                Manager::begin_transaction_sql(&mut *connection, begin).await?;
                let answer = work(&mut Db::Pg(&connection)).await;
                // Nothing was written; when even this fails the pool throws the connection away.
                let end = Manager::rollback_transaction(&mut *connection).await;
                if answer.is_ok() {
                    end?;
                }
                answer
            }
        }
    }

    fn lite(&self) -> Result<SqliteConnection, DbError> {
        let Reads::Lite { path, idle } = self else { return Err(DbError::NotFound) };
        let kept = idle.borrow_mut().pop();
        kept.map_or_else(|| open_sqlite(path), Ok)
    }

    fn give_back(&self, connection: SqliteConnection) {
        if let Reads::Lite { idle, .. } = self {
            idle.borrow_mut().push(connection);
        }
    }
}

async fn shared_connection(
    url: &str,
    shared: &RefCell<Vec<Rc<AsyncPgConnection>>>,
    turn: &Cell<usize>,
) -> Result<Rc<AsyncPgConnection>, DbError> {
    turn.set(turn.get().wrapping_add(1));
    {
        let mut open = shared.borrow_mut();
        open.retain_mut(|connection| match Rc::get_mut(connection) {
            // Nobody uses it now: a closed one is noticed here.
            Some(own) => !diesel_async::pooled_connection::PoolableConnection::is_broken(own),
            None => true,
        });
        if open.len() >= SHARED_A_WORKER
            && let Some(connection) = open.get(turn.get() % open.len())
        {
            return Ok(connection.clone());
        }
    }
    let opened = tokio::time::timeout(CONNECTION_WAIT, open_postgres(url, READ_SETTINGS)).await;
    let opened = opened.unwrap_or_else(|_| {
        Err(query_error(diesel::ConnectionError::BadConnection("connection closed: no answer".into())))
    })?;
    let connection = Rc::new(opened);
    shared.borrow_mut().push(connection.clone());
    Ok(connection)
}
