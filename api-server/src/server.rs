//! A running server: what is opened at the start, in order, and what is finished at the end.

use crate::auth::passwords::Hasher;
use crate::auth::throttle::{self, Throttle};
use crate::auth::token_cache::{TokenCache, USE_WRITTEN_EVERY};
use crate::config::Config;
use crate::db::file::{self, ServerLock};
use crate::db::{Database, DbError, Url, engine, migrate};
use crate::http::connection;
use crate::state::Shared;
use crate::store::list::Sizes;
use crate::store::live::Live;
use crate::store::writer::Writer;
use crate::store::{audit, reindex, tokens};
use crate::{build_app, demo, document, setup};
use actix_web::dev::ServerHandle;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpSocket;
use tokio::task::JoinHandle;

/// Seconds that requests under way get to finish at the end.
const LAST_REQUESTS: u64 = 30;
/// How long the start's reindexing waits for a database that does not take a step.
const REINDEX_PAUSE: Duration = Duration::from_secs(5);
/// Connections that may wait to be taken.
const WAITING: u32 = 2_048;

/// What a database is worked on with, by servers and by the command line alike.
pub struct Opened {
    /// What workers share.
    pub shared: Arc<Shared>,
    /// The password that was made for `admin` just now: shown once, by whoever started this.
    pub admin_password: Option<String>,
    /// How many migrations were run just now.
    pub migrations: usize,
}

/// Brings the database to this program's schema, and makes it where it is not there. Returns how many migrations it
/// ran.
///
/// # Errors
/// A sentence for the operator.
pub fn migrate(config: &Config) -> Result<usize, String> {
    check_private(config)?;
    migrate::migrate(&Database::new(config.database.clone()))
}

fn check_private(config: &Config) -> Result<(), String> {
    match &config.database {
        Url::Sqlite(path) if !config.database_readable_by_others => file::check_private(path),
        _ => Ok(()),
    }
}

/// Opens a database: makes it where it is not there, migrates it, completes its first start, and starts its writer.
///
/// # Errors
/// A sentence for the operator.
pub async fn open(config: &Config) -> Result<Opened, String> {
    let migrations = migrate(config)?;
    let mut opened = open_migrated(config).await?;
    let Shared { database, writer, hasher, .. } = &*opened.shared;
    opened.admin_password =
        setup::root_and_admin(database, writer, hasher, config.accounts.admin_password.as_deref()).await?;
    Ok(Opened { migrations, ..opened })
}

/// Opens a database that a server has made, for a command that runs next to the server: makes and migrates nothing.
///
/// # Errors
/// A sentence for the operator.
pub async fn open_made(config: &Config) -> Result<Opened, String> {
    check_private(config)?;
    let database = Database::new(config.database.clone());
    migrate::must_be_current(&database).await?;
    setup::must_be_complete(&database).await?;
    open_migrated(config).await
}

async fn open_migrated(config: &Config) -> Result<Opened, String> {
    let database = Database::new(config.database.clone()).for_workers(config.http.workers());
    let accounts = &config.accounts;
    let keys = setup::clock_and_keys(&database, accounts.master_key.as_ref()).await?;
    let live = Arc::new(Live::default());
    let writer = Writer::start(&database, live.clone(), accounts.system_code.clone(), config.row_limits)?;
    let hasher = Hasher::new(accounts.password_cost);
    let throttle = Throttle::default();
    let logins = known_logins(&database).await.map_err(|error| format!("the log of logins cannot be read: {error}"))?;
    throttle.knows(logins, Instant::now());
    let shared = Shared {
        database,
        live,
        asking: tokio::sync::Mutex::default(),
        writer,
        keys,
        hasher,
        throttle,
        tokens: TokenCache::default(),
        sizes: Sizes::default(),
        server_code: accounts.system_code.clone(),
        cors: config.http.cors_origins.clone(),
        trusted_proxies: config.http.trusted_proxies.clone(),
        ready: AtomicBool::new(!config.demo),
        ending: AtomicBool::new(false),
    };
    Ok(Opened { shared: Arc::new(shared), admin_password: None, migrations: 0 })
}

/// The accounts that logged in last, and from where.
async fn known_logins(database: &Database) -> Result<Vec<(String, String)>, DbError> {
    let mut own = database.open().await?;
    audit::latest_logins(&mut own.db(), i64::try_from(throttle::KEPT).unwrap_or(i64::MAX)).await
}

/// A server that listens.
pub struct Running {
    /// The address that it listens on; its port is the one that was picked.
    pub addr: SocketAddr,
    /// Stops or pauses it.
    pub handle: ServerHandle,
    /// What its workers share.
    pub shared: Arc<Shared>,
    /// The password that was made for `admin` just now; nothing when there was one, or when one is configured.
    pub admin_password: Option<String>,
    server: JoinHandle<std::io::Result<()>>,
    uses: JoinHandle<()>,
    reindexing: JoinHandle<()>,
}

/// Opens the database and listens. Needs a tokio runtime; the workers have their own. With `config.demo` the
/// server is not ready before [`Running::load_demo`].
///
/// # Errors
/// A sentence for the operator.
pub async fn start(config: &Config) -> Result<Running, String> {
    // First of all: a start that cannot listen must not make a password that nobody gets to see.
    let listen = config.http.listen;
    let listener = listener(listen).map_err(|error| format!("listen: cannot listen on {listen}: {error}"))?;
    let lock = match &config.database {
        Url::Sqlite(path) => {
            file::make(path)?;
            Some(ServerLock::take(path).await?)
        }
        Url::Postgres(_) => None,
    };
    let Opened { shared, admin_password, migrations } = open(config).await?;
    let about = about(&shared.database, migrations).await?;
    let document = document();
    let workers = shared.clone();
    let threads = config.http.workers();
    let server = actix_server::Server::build()
        // Who runs the server decides on signals.
        .disable_signals()
        .shutdown_timeout(LAST_REQUESTS)
        .workers(threads)
        .max_concurrent_connections(config.http.max_connections.div_ceil(threads));
    let (ending, answer_timeout) = (server.graceful_shutdown_signal(), config.http.answer_timeout);
    let addr = listener.local_addr().unwrap_or(listen);
    let worker =
        move || connection::service(build_app(workers.clone(), document.clone()), answer_timeout, ending.clone());
    let server = server.listen("http", listener, worker).map_err(|error| format!("listen: {error}"))?;
    let server = server.run();
    let handle = server.handle();
    let uses = tokio::spawn(write_uses(shared.clone()));
    let reindexing = tokio::spawn(reindex_where_needed(shared.clone()));
    let server = tokio::spawn(async move {
        let ended = server.await;
        drop(lock);
        ended
    });
    tracing::info!("{about}, listening on http://{addr}");
    Ok(Running { addr, handle, shared, admin_password, server, uses, reindexing })
}

/// What runs on what: the beginning of the line that says that the server listens.
async fn about(database: &Database, migrations: usize) -> Result<String, String> {
    let unreachable = |error| format!("the database does not answer: {error}");
    let mut connection = database.open().await.map_err(unreachable)?;
    let engine = engine::version(&mut connection.db()).await.map_err(unreachable)?;
    let (url, schema) = (database.url(), migrate::newest(database));
    let version = env!("CARGO_PKG_VERSION");
    Ok(format!("cell-records {version} on {engine}, {url}, schema {schema} ({migrations} migrations run now)"))
}

fn listener(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)?.into_std()
}

impl Running {
    /// Loads the demo where it is not there yet; then the server is ready. Returns whether it was loaded now.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub async fn load_demo(&self) -> Result<bool, String> {
        let loaded = demo::load(&self.shared).await?;
        self.shared.ready.store(true, Ordering::Release);
        Ok(loaded)
    }

    /// Writes down at once when tokens were last used, as the server does every minute.
    pub async fn write_uses(&self) {
        flush_uses(&self.shared).await;
    }

    /// Takes no more requests, finishes those under way, and writes down what was noted.
    pub async fn stop(self) {
        self.shared.ending.store(true, Ordering::Release);
        self.handle.stop(true).await;
        self.uses.abort();
        // What it did is kept; the next start continues.
        self.reindexing.abort();
        if let Ok(Err(error)) = self.server.await {
            tracing::error!(%error, "the server ended with an error");
        }
        flush_uses(&self.shared).await;
    }
}

/// Brings the records up to this program's registry, while the server answers. When the database does not take a step,
/// it is tried again.
async fn reindex_where_needed(shared: Arc<Shared>) {
    let mut rows = 0;
    while let Err(error) = reindex::run(&shared.writer, |done| rows += done).await {
        tracing::warn!(?error, rows, "bringing the records up to this program was interrupted; it goes on soon");
        tokio::time::sleep(REINDEX_PAUSE).await;
    }
    if rows > 0 {
        tracing::info!(rows, "all records are up to this program");
    }
}

/// Writes down now and then when tokens were last used.
async fn write_uses(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(USE_WRITTEN_EVERY).await;
        flush_uses(&shared).await;
    }
}

async fn flush_uses(shared: &Shared) {
    let used = shared.tokens.take_used();
    if used.is_empty() {
        return;
    }
    let written = shared.writer.accounts(move |tx| Box::pin(async move { tokens::write_uses(tx, &used).await }));
    if let Err(error) = written.await {
        tracing::warn!(?error, "the last use of tokens could not be written down");
    }
}
