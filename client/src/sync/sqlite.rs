//! The store in one SQLite file, which other programs may read while it is kept.

mod compare;
mod copy;
mod outbox;
mod views;

pub use compare::{Comparison, Difference, Sides};

use super::store::{State, broken};
use crate::error::Result;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use std::path::Path;
use std::time::Duration;

/// A copy in a SQLite file.
///
/// For each record type there is a view, named like its collection, with a column for each field. The views are for other
/// programs, and stay as they are; the tables are this crate's own.
///
/// ```sql
/// SELECT full_name FROM members WHERE unit_id = '…' AND status = 'official';
/// ```
///
/// The file holds personal data: a new one, and its folder, are for their owner only. Several processes may use it.
#[derive(Debug)]
pub struct SqliteStore {
    db: Connection,
}

/// `seen`: the snapshot's number when the server last named the record. `pushed`: written by a push during a
/// snapshot. `call`: the number of the call that put the item into the outbox; `digest`: of the file that the call
/// read. `batch`: the key of the prepared batch that the item is in.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS records (
        type TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, unit_id TEXT NOT NULL, body TEXT NOT NULL,
        seen INTEGER NOT NULL, pushed INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (type, id));
    CREATE TABLE IF NOT EXISTS state (one INTEGER PRIMARY KEY CHECK (one = 1), body TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS outbox (
        number INTEGER PRIMARY KEY AUTOINCREMENT, call INTEGER NOT NULL, type TEXT NOT NULL, id TEXT, epoch TEXT,
        item TEXT NOT NULL, batch TEXT);
    CREATE TABLE IF NOT EXISTS calls (number INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, digest TEXT UNIQUE);
    CREATE INDEX IF NOT EXISTS outbox_by_record ON outbox (type, id);
    CREATE INDEX IF NOT EXISTS outbox_by_batch ON outbox (batch);
    CREATE TABLE IF NOT EXISTS batches (
        key TEXT PRIMARY KEY, body BLOB NOT NULL, prepared_at TEXT NOT NULL, revision INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS refused (
        number INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, call INTEGER NOT NULL, item TEXT NOT NULL,
        result TEXT NOT NULL);
    PRAGMA user_version = 1;";

/// What a step inside the store returns. Its failure (of SQLite, of JSON, of this crate) becomes one of this crate's
/// errors where the store ends.
type Tried<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

impl SqliteStore {
    /// Opens the copy in a file, which is made when it is absent.
    ///
    /// # Errors
    /// [`Error::Store`](crate::Error::Store) when the file cannot be opened, is not such a copy, or was made by a later
    /// version.
    pub fn open(path: &Path) -> Result<Self> {
        connect(path).map(|db| SqliteStore { db }).map_err(broken)
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> Tried<T>) -> Result<T> {
        work(&self.db).map_err(broken)
    }

    /// Does a piece of work in one transaction, which is undone when it fails.
    fn write<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> Tried<T>) -> Result<T> {
        let done = || -> Tried<T> {
            let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&tx)?;
            tx.commit()?;
            Ok(done)
        };
        done().map_err(broken)
    }
}

fn connect(path: &Path) -> Tried<Connection> {
    private(path)?;
    let mut db = Connection::open(path)?;
    db.busy_timeout(Duration::from_secs(10))?;
    // FULL: what is acknowledged to the server must not be lost with the power.
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    match version {
        0 => db.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA} COMMIT;"))?,
        1 => {}
        _ => return Err("the file was made by a later version of this program".into()),
    }
    views::update(&mut db)?;
    db.set_prepared_statement_cache_capacity(32);
    Ok(db)
}

/// Makes the file, and its folder, that only their owner may read; SQLite gives its side files the same rights.
/// What is there already keeps its rights: its owner may have opened it to another program.
fn private(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn state(db: &Connection) -> Tried<State> {
    let body: Option<String> = db.query_row("SELECT body FROM state", [], |row| row.get(0)).optional()?;
    Ok(body.map_or_else(|| Ok(State::default()), |body| serde_json::from_str(&body))?)
}

fn save(tx: &Transaction<'_>, state: &State) -> Tried<()> {
    let body = serde_json::to_string(state)?;
    tx.execute("INSERT OR REPLACE INTO state (one, body) VALUES (1, ?1)", [body])?;
    Ok(())
}
