//! Opening databases: the URL, the settings of a connection, the writer's own. What workers read on is in `reads`.

use super::{Db, DbError};
use diesel::connection::{Connection, SimpleConnection};
use diesel::sqlite::SqliteConnection;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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

impl fmt::Display for Url {
    /// As a log may show it: without a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Url::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Url::Postgres(url) => {
                let config: tokio_postgres::Config = url.parse().unwrap_or_default();
                let hosts = config.get_hosts().iter().map(|host| match host {
                    tokio_postgres::config::Host::Tcp(name) => name.clone(),
                    tokio_postgres::config::Host::Unix(folder) => folder.display().to_string(),
                });
                let hosts: Vec<String> = hosts.collect();
                let ports: Vec<String> = config.get_ports().iter().map(u16::to_string).collect();
                write!(f, "postgres://")?;
                if let Some(user) = config.get_user() {
                    write!(f, "{user}@")?;
                }
                write!(f, "{}", hosts.join(","))?;
                if !ports.is_empty() {
                    write!(f, ":{}", ports.join(","))?;
                }
                write!(f, "/{}", config.get_dbname().unwrap_or_default())
            }
        }
    }
}

/// A database that servers, commands and tests open.
#[derive(Clone)]
pub struct Database {
    url: Url,
    commits: Arc<Commits>,
    workers: usize,
}

/// How long opening a connection to PostgreSQL may take, its settings included.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// The page cache of the writer's SQLite connection, in KiB: the index pages that a large set touches.
const WRITER_CACHE_KIB: usize = 24 * 1024;

impl Database {
    /// A database at `url`, to be read by as many workers as the machine has processors. Nothing is opened yet.
    pub fn new(url: Url) -> Self {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        Database { url, commits: Arc::default(), workers }
    }

    /// The same, for this number of workers that read: what memory caches may take together is shared out among them.
    #[must_use]
    pub fn for_workers(self, workers: usize) -> Self {
        Database { workers, ..self }
    }

    /// Where it is.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Opens a connection of its own: the writer's, or a command's.
    ///
    /// # Errors
    /// When the database cannot be opened, or PostgreSQL does not answer within five seconds.
    pub async fn open(&self) -> Result<DedicatedConnection, DbError> {
        match &self.url {
            Url::Sqlite(path) => open_sqlite(path, WRITER_CACHE_KIB).map(DedicatedConnection::Lite),
            Url::Postgres(url) => {
                open_postgres(url, "").await.map(|connection| DedicatedConnection::Pg(Box::new(connection)))
            }
        }
    }

    /// How many workers read it.
    pub(super) fn workers(&self) -> usize {
        self.workers
    }

    /// Says that a commit is under way until the value is dropped. The writer holds it around each commit, and answers
    /// its callers after that: reads that are kept open then begin again, so that a caller reads what it wrote.
    #[must_use]
    pub fn committing(&self) -> Committing {
        self.commits.0.fetch_add(1, Ordering::AcqRel);
        Committing(self.commits.clone())
    }

    pub(super) fn commits(&self) -> &Arc<Commits> {
        &self.commits
    }
}

/// Counts the commits of this process, by two each: an odd number says that one is under way.
#[derive(Default)]
pub(super) struct Commits(AtomicU64);

impl Commits {
    /// The count, unless a commit is under way.
    pub(super) fn settled(&self) -> Option<u64> {
        let count = self.0.load(Ordering::Acquire);
        count.is_multiple_of(2).then_some(count)
    }
}

/// A commit that is under way, until this is dropped.
pub struct Committing(Arc<Commits>);

impl Drop for Committing {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// A connection that could not be made, as an error of a query.
pub(super) fn cannot_connect(why: impl Into<String>) -> DbError {
    DbError::DatabaseError(diesel::result::DatabaseErrorKind::UnableToSendCommand, Box::new(why.into()))
}

/// Settings of a SQLite connection: many readers and one writer at the same time, nothing acknowledged before it is on
/// disk. Nothing is mapped: mapped pages count as this process's memory, once a connection. The log is cut back to 64
/// MB when it begins again, so that its size shows whether readers hold it up.
const SQLITE_SETTINGS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 16384; PRAGMA journal_size_limit = 67108864;
    PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;";

/// Opens a SQLite file with a page cache of this size in KiB.
pub(super) fn open_sqlite(path: &Path, cache_kib: usize) -> Result<SqliteConnection, DbError> {
    let opened = SqliteConnection::establish(&path.to_string_lossy());
    let mut connection = opened.map_err(|error| cannot_connect(error.to_string()))?;
    connection.batch_execute(&format!("{SQLITE_SETTINGS} PRAGMA cache_size = -{cache_kib};"))?;
    Ok(connection)
}

/// Settings of a PostgreSQL session: a dead server cannot keep the clock, and no statement runs forever.
const POSTGRES_SETTINGS: &str = "SET application_name = 'cell-records'; SET statement_timeout = '10s';
    SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '5s'; SET TIME ZONE 'UTC';
    SET client_min_messages = warning; SET jit = off;";

/// Further settings of a session that reads: its statements are few, short and alike, so planning one again for each of
/// its calls would cost more than running it, and starting further processes for one too. The writer's tables may grow
/// from nothing under one plan: it plans again. What a reader has given up is given up by PostgreSQL too.
pub(super) const READ_SETTINGS: &str = "SET plan_cache_mode = force_generic_plan;
    SET max_parallel_workers_per_gather = 0; SET statement_timeout = '5s';";

/// Opens a PostgreSQL session.
pub(super) async fn open_postgres(url: &str, further: &str) -> Result<AsyncPgConnection, DbError> {
    let opened = tokio::time::timeout(CONNECT_LIMIT, connect(url, further)).await;
    opened.unwrap_or_else(|_| Err(cannot_connect("connecting: no answer within 5 s")))
}

async fn connect(url: &str, further: &str) -> Result<AsyncPgConnection, DbError> {
    let bad = |error: tokio_postgres::Error| cannot_connect(with_causes(&error));
    let refused = |error: diesel::ConnectionError| cannot_connect(with_causes(&error));
    let config: tokio_postgres::Config = url.parse().map_err(bad)?;
    let mut connection = if config.get_ssl_mode() == tokio_postgres::config::SslMode::Require {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let (client, driver) = config.connect(tokio_postgres_rustls::MakeRustlsConnect::new(tls)).await.map_err(bad)?;
        AsyncPgConnection::try_from_client_and_connection(client, driver).await.map_err(refused)?
    } else {
        let (client, driver) = config.connect(tokio_postgres::NoTls).await.map_err(bad)?;
        AsyncPgConnection::try_from_client_and_connection(client, driver).await.map_err(refused)?
    };
    connection.batch_execute(&format!("{POSTGRES_SETTINGS}{further}")).await?;
    Ok(connection)
}

/// An error and what caused it, in one line: the outer text alone is often no more than "db error".
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        for (url, shown) in [
            ("sqlite://./data/ward.db", "sqlite://./data/ward.db"),
            ("postgres://ward:hunter2@db.example:5433/ward?sslmode=require", "postgres://ward@db.example:5433/ward"),
            ("postgresql://ward@localhost/ward?password=hunter2", "postgres://ward@localhost:5432/ward"),
        ] {
            assert_eq!(Url::parse(url).unwrap_or_else(|why| panic!("{why}")).to_string(), shown);
        }
    }
}
