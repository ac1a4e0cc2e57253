//! Databases of the benchmarks: made, copied, and dropped with their value.

use crate::servers::Stat;
use anyhow::{Context, Result};
use cell_records_server::db::{Database as Opened, Url, migrate};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use tokio_postgres::{Client, NoTls};

/// The engine that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The embedded one, in files beside the programs.
    Sqlite,
    /// The one of `CELL_RECORDS_TEST_POSTGRES`.
    Postgres,
}

/// The variable with the URL of a PostgreSQL on which databases may be made.
pub const POSTGRES: &str = "CELL_RECORDS_TEST_POSTGRES";

/// A database, dropped with this value.
pub struct Database {
    /// Its URL, as the server takes it.
    pub url: String,
    place: Place,
}

enum Place {
    File(PathBuf),
    Postgres(String),
}

fn number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Connects to PostgreSQL.
pub async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // It ends when the client is dropped.
    tokio::spawn(connection);
    Ok(client)
}

async fn on_postgres(statement: &str) -> Result<()> {
    let url = std::env::var(POSTGRES).context("no PostgreSQL: run this beside tests/postgres")?;
    connect(&url).await?.batch_execute(statement).await.with_context(|| statement.to_owned())
}

/// The processes of a PostgreSQL on this machine.
pub struct Cluster {
    postmaster: u32,
}

impl Cluster {
    /// The one that the benchmarks use; nothing when it runs elsewhere, or not on Linux.
    pub async fn find() -> Result<Option<Self>> {
        let url = std::env::var(POSTGRES).context("no PostgreSQL: run this beside tests/postgres")?;
        let backend: i32 = connect(&url).await?.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
        // Every backend is a child of the first process. A number from another machine is not that of a postgres here.
        let name = std::fs::read_to_string(format!("/proc/{backend}/comm")).unwrap_or_default();
        let stat = Stat::read(&backend.to_string()).filter(|_| name.trim().starts_with("postgres"));
        Ok(stat.map(|stat| Cluster { postmaster: stat.parent }))
    }

    /// Processor seconds of all its processes, those that have ended included.
    pub fn used(&self) -> Option<f64> {
        let first = Stat::read(&self.postmaster.to_string())?;
        let names = std::fs::read_dir("/proc").ok()?.flatten().map(|entry| entry.file_name());
        let processes = names.filter_map(|name| Stat::read(name.to_str().filter(|name| name.parse::<u32>().is_ok())?));
        let children: f64 = processes.filter(|one| one.parent == self.postmaster).map(|one| one.used).sum();
        Some(first.used + first.used_by_ended + children)
    }
}

impl Database {
    /// A migrated database without records.
    pub async fn migrated(engine: Engine, folder: &Path) -> Result<Self> {
        let made = Self::new(engine, folder, None).await?;
        let url = Url::parse(&made.url).map_err(anyhow::Error::msg)?;
        let migrated = std::thread::spawn(move || migrate::migrate(&Opened::new(url))).join();
        migrated.map_err(|_| anyhow::anyhow!("the migrations panicked"))?.map_err(anyhow::Error::msg)?;
        Ok(made)
    }

    /// A copy of a database that nobody uses now.
    pub async fn copied(&self, folder: &Path) -> Result<Self> {
        match &self.place {
            Place::File(file) => {
                let copy = Self::new(Engine::Sqlite, folder, None).await?;
                let Place::File(to) = &copy.place else { return Ok(copy) };
                for suffix in ["", "-wal"] {
                    let from = with(file, suffix);
                    if from.exists() {
                        std::fs::copy(from, with(to, suffix))?;
                    }
                }
                Ok(copy)
            }
            Place::Postgres(name) => Self::new(Engine::Postgres, folder, Some(name)).await,
        }
    }

    async fn new(engine: Engine, folder: &Path, template: Option<&str>) -> Result<Self> {
        match engine {
            Engine::Sqlite => {
                let file = folder.join(format!("{}.db", number()));
                Ok(Database { url: format!("sqlite://{}", file.display()), place: Place::File(file) })
            }
            Engine::Postgres => {
                let url = std::env::var(POSTGRES).context("no PostgreSQL: run this beside tests/postgres")?;
                let name = format!("cell_records_bench_{}_{}", std::process::id(), number());
                if let Some(template) = template {
                    let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname";
                    on_postgres(&format!("{end} = '{template}'")).await?;
                }
                let copy = template.map(|name| format!(" TEMPLATE {name} STRATEGY file_copy")).unwrap_or_default();
                on_postgres(&format!("CREATE DATABASE {name}{copy}")).await?;
                let server = url.rsplit_once('/').map_or(url.as_str(), |(server, _)| server);
                Ok(Database { url: format!("{server}/{name}"), place: Place::Postgres(name) })
            }
        }
    }

    /// Brings PostgreSQL's statistics up to date, as it does by itself within a minute; nothing on SQLite.
    pub async fn analyze(&self) -> Result<()> {
        match self.place {
            Place::File(_) => Ok(()),
            Place::Postgres(_) => Ok(connect(&self.url).await?.batch_execute("VACUUM ANALYZE").await?),
        }
    }

    /// How many write transactions of records were committed in it.
    pub async fn commits(&self) -> Result<i64> {
        const COUNT: &str = "SELECT count(*) FROM batches";
        match &self.place {
            Place::File(file) => Ok(rusqlite::Connection::open(file)?.query_row(COUNT, [], |row| row.get(0))?),
            Place::Postgres(_) => Ok(connect(&self.url).await?.query_one(COUNT, &[]).await?.get(0)),
        }
    }

    /// The file of a SQLite database.
    pub fn file(&self) -> Option<&Path> {
        match &self.place {
            Place::File(file) => Some(file),
            Place::Postgres(_) => None,
        }
    }
}

fn with(file: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", file.display()))
}

impl Drop for Database {
    fn drop(&mut self) {
        match &self.place {
            Place::File(file) => {
                for suffix in ["", "-wal", "-shm"] {
                    // One that was never made is gone as well.
                    let _ = std::fs::remove_file(with(file, suffix));
                }
            }
            Place::Postgres(name) => {
                let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                // This may run inside a runtime, which cannot be waited on: another thread has its own.
                let drop = move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                    runtime.block_on(on_postgres(&statement))
                };
                if !matches!(std::thread::spawn(drop).join(), Ok(Ok(()))) {
                    eprintln!("bench: the database {name} could not be dropped");
                }
            }
        }
    }
}
