//! A database for each test: a copy of a template that is made once.

use cell_records_server::db::Url;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The engine of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// The embedded one.
    Sqlite,
    /// The one of `CELL_RECORDS_TEST_POSTGRES`.
    Postgres,
}

/// A database that is dropped with this value.
pub struct TestDatabase {
    /// Where it is.
    pub url: Url,
    place: Place,
}

enum Place {
    File(PathBuf),
    Postgres(String),
    /// A template: it stays until the process ends.
    Kept,
}

fn number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A folder of this run of the suite. Those of runs that are over go.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
        for entry in std::fs::read_dir(base).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let pid = name.to_str().and_then(|name| name.strip_prefix("suite-"));
            if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        let folder = base.join(format!("suite-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    })
}

/// The URL of the PostgreSQL to test on.
pub fn postgres() -> String {
    std::env::var("CELL_RECORDS_TEST_POSTGRES").unwrap_or_else(|_| {
        panic!("no PostgreSQL to test on: run tests/run, or set CELL_RECORDS_TEST_POSTGRES to the URL of a user who may create databases")
    })
}

fn in_database(url: &str, name: &str) -> String {
    let (server, _) = url.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}

/// Runs statements on the test server's own database.
fn execute(statements: &[String]) {
    execute_in(&postgres(), statements);
}

fn execute_in(url: &str, statements: &[String]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        let driver = tokio::spawn(connection);
        for statement in statements {
            client.batch_execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        }
        drop(client);
        let _ = driver.await;
    });
}

impl TestDatabase {
    /// A new, empty database that is to be a template.
    pub fn template(engine: Engine, name: &str) -> Self {
        match engine {
            Engine::Sqlite => {
                let file = folder().join(format!("template-{name}.db"));
                TestDatabase { url: Url::Sqlite(file), place: Place::Kept }
            }
            Engine::Postgres => {
                let name = format!("cell_records_{}_template_{name}", std::process::id());
                let make = [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")];
                // Its runtime cannot be started inside a test's.
                std::thread::spawn(move || execute(&make)).join().unwrap();
                TestDatabase { url: Url::Postgres(in_database(&postgres(), &name)), place: Place::Kept }
            }
        }
    }

    /// A database without anything in it: on SQLite not even a file.
    pub fn nothing(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => {
                let file = folder().join(format!("{}.db", number()));
                TestDatabase { url: Url::Sqlite(file.clone()), place: Place::File(file) }
            }
            Engine::Postgres => TestDatabase::made(""),
        }
    }

    /// The same on PostgreSQL, in another encoding than UTF-8.
    pub fn encoded(encoding: &str) -> Self {
        TestDatabase::made(&format!("ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"))
    }

    fn made(options: &str) -> Self {
        let name = format!("cell_records_{}_{}", std::process::id(), number());
        let create = [format!("CREATE DATABASE {name} {options}")];
        // Its runtime cannot be started inside a test's.
        std::thread::spawn(move || execute(&create)).join().unwrap();
        TestDatabase { url: Url::Postgres(in_database(&postgres(), &name)), place: Place::Postgres(name) }
    }

    /// A database of a PostgreSQL that somebody else looks after.
    pub fn at(url: &str) -> Self {
        TestDatabase { url: Url::Postgres(url.into()), place: Place::Kept }
    }

    /// The same database by way of a port of this machine. PostgreSQL only.
    pub fn through(&self, port: u16) -> Self {
        let Url::Postgres(url) = &self.url else { panic!("a SQLite file has no port") };
        let (before, name) = url.rsplit_once('/').unwrap();
        let user = before.rsplit_once('@').map_or(before, |(user, _)| user);
        TestDatabase { url: Url::Postgres(format!("{user}@127.0.0.1:{port}/{name}")), place: Place::Kept }
    }

    /// Host and port of the PostgreSQL that it is on.
    pub fn address(&self) -> String {
        let Url::Postgres(url) = &self.url else { panic!("a SQLite file has no address") };
        let config: tokio_postgres::Config = url.parse().unwrap();
        let [tokio_postgres::config::Host::Tcp(host)] = config.get_hosts() else { panic!("not reached by TCP") };
        format!("{host}:{}", config.get_ports().first().unwrap_or(&5432))
    }

    /// The process ids of the sessions on it but the asking one, sorted. SQLite has none.
    pub fn sessions(&self) -> Vec<i32> {
        let Url::Postgres(url) = self.url.clone() else { return Vec::new() };
        let ask = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
                let driver = tokio::spawn(connection);
                let sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
                           AND pid <> pg_backend_pid() ORDER BY pid";
                let pids = client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
                drop(client);
                let _ = driver.await;
                pids
            })
        };
        // Its runtime cannot be started inside the test's.
        std::thread::spawn(ask).join().unwrap()
    }

    /// A copy of a template that nobody uses, or of the database of a server that runs: its sessions are ended.
    pub fn copy(from: &TestDatabase) -> Self {
        match &from.url {
            Url::Sqlite(file) => {
                let copy = folder().join(format!("{}.db", number()));
                for suffix in ["", "-wal"] {
                    let part = PathBuf::from(format!("{}{suffix}", file.display()));
                    if part.exists() {
                        std::fs::copy(&part, format!("{}{suffix}", copy.display())).unwrap();
                    }
                }
                TestDatabase { url: Url::Sqlite(copy.clone()), place: Place::File(copy) }
            }
            Url::Postgres(url) => {
                let (_, template) = url.rsplit_once('/').unwrap();
                let name = format!("cell_records_{}_{}", std::process::id(), number());
                let mut copy = vec![
                    format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{template}'"),
                    format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"),
                ];
                // A server that runs would connect again in between, and PostgreSQL copies no database that is in use.
                if matches!(from.place, Place::Postgres(_)) {
                    copy.insert(0, format!("ALTER DATABASE {template} ALLOW_CONNECTIONS false"));
                    copy.push(format!("ALTER DATABASE {template} ALLOW_CONNECTIONS true"));
                }
                // Its runtime cannot be started inside a test's.
                std::thread::spawn(move || execute(&copy)).join().unwrap();
                TestDatabase { url: Url::Postgres(in_database(&postgres(), &name)), place: Place::Postgres(name) }
            }
        }
    }
}

impl TestDatabase {
    /// Runs statements behind the servers' backs, on a connection of its own.
    pub fn sql(&self, statements: &[String]) {
        match &self.url {
            Url::Sqlite(file) => {
                let connection = rusqlite::Connection::open(file).unwrap();
                connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
                for statement in statements {
                    connection.execute_batch(statement).unwrap_or_else(|error| panic!("{statement}: {error:?}"));
                }
            }
            Url::Postgres(url) => {
                let statements: Vec<String> = statements.to_vec();
                let url = url.clone();
                // Its runtime cannot be started inside the test's.
                std::thread::spawn(move || execute_in(&url, &statements)).join().unwrap();
            }
        }
    }

    /// How many rows there are: `from` is what follows `SELECT count(*)`.
    pub fn count(&self, from: &str) -> i64 {
        let counts = self.texts(&format!("SELECT CAST(count(*) AS text) {from}"));
        counts[0].parse().unwrap()
    }

    /// The texts that a query of one column returns, read behind the servers' backs.
    pub fn texts(&self, query: &str) -> Vec<String> {
        match &self.url {
            Url::Sqlite(file) => {
                let connection = rusqlite::Connection::open(file).unwrap();
                let mut statement = connection.prepare(query).unwrap();
                statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
            }
            Url::Postgres(url) => {
                let (url, query) = (url.clone(), query.to_owned());
                let ask = move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    runtime.block_on(async {
                        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
                        let driver = tokio::spawn(connection);
                        let texts = client.query(&query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
                        drop(client);
                        let _ = driver.await;
                        texts
                    })
                };
                // Its runtime cannot be started inside the test's.
                std::thread::spawn(ask).join().unwrap()
            }
        }
    }

    /// A UUID as SQL of this database.
    pub fn uuid(&self, id: uuid::Uuid) -> String {
        match &self.url {
            Url::Sqlite(_) => format!("x'{}'", id.simple()),
            Url::Postgres(_) => format!("'{id}'"),
        }
    }

    /// Ends all connections to it but the asking one.
    pub fn cut_connections(&self) {
        if let Url::Postgres(_) = &self.url {
            let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                       WHERE datname = current_database() AND pid <> pg_backend_pid()";
            self.sql(&[cut.into()]);
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        match &self.place {
            Place::File(file) => {
                for suffix in ["", "-wal", "-shm", "-lock"] {
                    let _ = std::fs::remove_file(format!("{}{suffix}", file.display()));
                }
            }
            Place::Postgres(name) => {
                let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                let _ = std::thread::spawn(move || execute(&[drop])).join();
            }
            Place::Kept => {}
        }
    }
}
