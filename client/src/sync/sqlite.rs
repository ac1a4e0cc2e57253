//! The store in one SQLite file, which other programs may read while it is kept: table `records`.

mod outbox;

use super::outbox::{Again, Batch, BatchLimits, Effect, Filling, Outcome, Refused};
use super::refs::Names;
use super::store::{Applied, Filter, Held, State, Store, broken};
use crate::error::{Error, Result};
use cell_records_types::Timestamp;
use cell_records_types::sync::{Change, ChangesPage, ItemStatus, Phase, PushItem};
use outbox::{batched, enqueue, follow, refuse, refused, waiting};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use uuid::Uuid;

/// A copy in a SQLite file.
///
/// ```sql
/// SELECT body ->> 'full_name' FROM records WHERE type = 'member' AND unit_id = '…';
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

impl SqliteStore {
    /// Opens the copy in a file, which is made when it is absent.
    ///
    /// # Errors
    /// [`Error::Store`] when the file cannot be opened, is not such a copy, or was made by a later version.
    pub fn open(path: &Path) -> Result<Self> {
        private(path).map_err(broken)?;
        let db = Connection::open(path)?;
        db.busy_timeout(Duration::from_secs(10))?;
        // FULL: what is acknowledged to the server must not be lost with the power.
        db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
        let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        match version {
            0 => db.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA} COMMIT;"))?,
            1 => {}
            _ => return Err(broken("the file was made by a later version of this program")),
        }
        db.set_prepared_statement_cache_capacity(32);
        Ok(SqliteStore { db })
    }

    fn write(&mut self) -> Result<Transaction<'_>> {
        Ok(self.db.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }
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

impl Store for SqliteStore {
    fn state(&self) -> Result<State> {
        state(&self.db)
    }

    fn restart(&mut self, filter: &Filter) -> Result<()> {
        let tx = self.write()?;
        save(&tx, &state(&tx)?.restarted(filter))?;
        Ok(tx.commit()?)
    }

    fn apply(&mut self, page: &ChangesPage, asked: &State) -> Result<Applied> {
        let tx = self.write()?;
        let before = state(&tx)?;
        if asked.cursor != before.cursor {
            return Err(broken("another process has moved the cursor"));
        }
        let next = before.after(page, asked);
        let (snapshot, mut applied) = (page.phase == Phase::Snapshot, Applied::default());
        {
            let mut put = tx.prepare_cached(
                "INSERT INTO records (type, id, version, unit_id, body, seen) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (type, id) DO UPDATE SET version = excluded.version, unit_id = excluded.unit_id,
                 body = excluded.body, seen = excluded.seen, pushed = 0 WHERE ?7 OR excluded.version >= version",
            )?;
            let mut see = tx.prepare_cached("UPDATE records SET seen = ?3 WHERE type = ?1 AND id = ?2")?;
            let mut remove =
                tx.prepare_cached("DELETE FROM records WHERE type = ?1 AND id = ?2 AND (?4 OR version <= ?3)")?;
            for change in &page.changes {
                match change {
                    Change::Upsert { kind, id, version, unit_id, record, .. } => {
                        let (id, unit_id) = (id.to_string(), unit_id.to_string());
                        let body = serde_json::to_string(record).map_err(broken)?;
                        let stored =
                            put.execute(params![kind, id, version, unit_id, body, next.generation, snapshot])?;
                        applied.stored += stored;
                        if stored == 0 {
                            see.execute(params![kind, id, next.generation])?;
                        }
                    }
                    Change::Own { kind, id, .. } => {
                        see.execute(params![kind, id.to_string(), next.generation])?;
                    }
                    Change::Remove { kind, id, version, .. } => {
                        applied.removed += remove.execute(params![kind, id.to_string(), version, snapshot])?;
                    }
                    Change::SnapshotEnd { counts } => {
                        applied.miscounted = next.miscounted(counts);
                        applied.swept += sweep(&tx, next.generation, true)?;
                    }
                    // An operation of a newer server.
                    _ => {}
                }
            }
        }
        if before.judges(page) {
            applied.swept += sweep(&tx, next.generation, false)?;
            tx.execute("UPDATE records SET pushed = 0 WHERE pushed", [])?;
        }
        save(&tx, &next)?;
        tx.commit()?;
        Ok(applied)
    }

    fn version(&self, kind: &str, id: Uuid) -> Result<Option<i64>> {
        let mut select = self.db.prepare_cached("SELECT version FROM records WHERE type = ?1 AND id = ?2")?;
        Ok(select.query_row(params![kind, id.to_string()], |row| row.get(0)).optional()?)
    }

    fn get(&self, kind: &str, id: Uuid) -> Result<Option<Held>> {
        let mut select =
            self.db.prepare_cached("SELECT version, unit_id, body FROM records WHERE type = ?1 AND id = ?2")?;
        let row = select.query_row(params![kind, id.to_string()], |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        });
        let Some((version, unit_id, body)) = row.optional()? else { return Ok(None) };
        let unit_id = Uuid::try_parse(&unit_id).map_err(broken)?;
        Ok(Some(Held { version, unit_id, record: serde_json::from_str(&body).map_err(broken)? }))
    }

    fn versions(&self, kind: &str) -> Result<BTreeMap<Uuid, i64>> {
        let mut select = self.db.prepare_cached("SELECT id, version FROM records WHERE type = ?1")?;
        let rows = select.query_map([kind], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
        rows.map(|row| row.map_err(Error::from).and_then(|(id, version)| Ok((uuid(&id)?, version)))).collect()
    }

    fn counts(&self) -> Result<BTreeMap<String, i64>> {
        let mut select = self.db.prepare_cached("SELECT type, count(*) FROM records GROUP BY type")?;
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn enqueue(&mut self, items: &[PushItem]) -> Result<()> {
        let tx = self.write()?;
        enqueue(&tx, None, items)?;
        Ok(tx.commit()?)
    }

    fn enqueue_once(&mut self, digest: &str, items: &[PushItem]) -> Result<Option<Timestamp>> {
        let tx = self.write()?;
        let before = tx.query_row("SELECT at FROM calls WHERE digest = ?1", [digest], |row| row.get::<_, String>(0));
        if let Some(at) = before.optional()? {
            return time(&at).map(Some);
        }
        enqueue(&tx, Some(digest), items)?;
        tx.commit()?;
        Ok(None)
    }

    fn waiting(&self) -> Result<usize> {
        let count: i64 = self.db.query_row("SELECT count(*) FROM outbox", [], |row| row.get(0))?;
        usize::try_from(count).map_err(broken)
    }

    fn prepare(&mut self, limits: BatchLimits) -> Result<Option<Batch>> {
        let tx = self.write()?;
        let prepared = tx.query_row("SELECT key, body, prepared_at, revision FROM batches", [], |row| {
            let at: String = row.get(2)?;
            Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?, at, row.get(3)?))
        });
        if let Some((key, body, at, revision)) = prepared.optional()? {
            let items = batched(&tx, &key)?.into_iter().map(|(_, waiting)| waiting.item).collect();
            return Ok(Some(Batch { key, body, items, prepared_at: time(&at)?, revision }));
        }
        let mut filling = Filling::default();
        let mut last = 0;
        {
            let mut select = tx.prepare_cached("SELECT number, call, epoch, item FROM outbox ORDER BY number")?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                let waiting = waiting(row)?;
                let length = serde_json::to_vec(&waiting.item).map_err(broken)?.len();
                if !filling.take(&waiting, length, limits) {
                    break;
                }
                last = row.get(0)?;
            }
        }
        let Some(batch) = filling.finish(&state(&tx)?)? else { return Ok(None) };
        tx.execute(
            "INSERT INTO batches (key, body, prepared_at, revision) VALUES (?1, ?2, ?3, ?4)",
            params![batch.key, &batch.body[..], batch.prepared_at.to_string(), batch.revision],
        )?;
        tx.execute("UPDATE outbox SET batch = ?1 WHERE number <= ?2", params![batch.key, last])?;
        tx.commit()?;
        Ok(Some(batch))
    }

    fn release(&mut self, key: &str) -> Result<()> {
        let tx = self.write()?;
        tx.execute("DELETE FROM batches WHERE key = ?1", [key])?;
        tx.execute("UPDATE outbox SET batch = NULL WHERE batch = ?1", [key])?;
        Ok(tx.commit()?)
    }

    fn settle(&mut self, key: &str, outcomes: &[Outcome]) -> Result<Option<usize>> {
        let tx = self.write()?;
        let state = state(&tx)?;
        let revision = tx.query_row("SELECT revision FROM batches WHERE key = ?1", [key], |row| row.get::<_, i64>(0));
        let Some(revision) = revision.optional()? else { return Ok(None) };
        let follows = revision == state.revision;
        let items = batched(&tx, key)?;
        if items.len() != outcomes.len() {
            return Err(broken("a batch needs one outcome for each of its items"));
        }
        let mut names = Names::default();
        for ((number, waiting), outcome) in items.into_iter().zip(outcomes) {
            names.settled(&waiting, outcome);
            match outcome {
                Outcome::Done(Effect::Put { kind, id, held }) if follows => pushed(&tx, kind, *id, held, &state)?,
                Outcome::Done(Effect::Remove { kind, id }) if follows => remove(&tx, kind, *id)?,
                Outcome::Done(_) => {}
                Outcome::Refused(result) => {
                    if let Some(id) = waiting.record().filter(|_| follows && result.status == ItemStatus::NotFound) {
                        remove(&tx, &waiting.item.kind, id)?;
                    }
                    refuse(&tx, &waiting, result)?;
                }
                Outcome::Again => continue,
            }
            tx.prepare_cached("DELETE FROM outbox WHERE number = ?1")?.execute([number])?;
        }
        tx.execute("DELETE FROM batches WHERE key = ?1", [key])?;
        tx.execute("UPDATE outbox SET batch = NULL WHERE batch = ?1", [key])?;
        let blocked = follow(&tx, &mut names)?;
        tx.commit()?;
        Ok(Some(blocked))
    }

    fn refused(&self) -> Result<Vec<Refused>> {
        Ok(refused(&self.db)?.into_iter().map(|(_, refused)| refused).collect())
    }

    fn forget_refused(&mut self, number: i64) -> Result<()> {
        self.db.execute("DELETE FROM refused WHERE number = ?1", [number])?;
        Ok(())
    }

    fn retry(&mut self, number: i64, item: &PushItem) -> Result<()> {
        let tx = self.write()?;
        let again = Again::of(number, item, &refused(&tx)?)?;
        enqueue(&tx, None, &again.items)?;
        for number in &again.numbers {
            tx.execute("DELETE FROM refused WHERE number = ?1", [number])?;
        }
        Ok(tx.commit()?)
    }

    #[cfg(test)]
    fn backdate(&mut self, micros: i64) -> Result<()> {
        let at = self.db.query_row("SELECT prepared_at FROM batches", [], |row| row.get::<_, String>(0))?;
        let at = Timestamp::from_micros(time(&at)?.micros() - micros);
        self.db.execute("UPDATE batches SET prepared_at = ?1", [at.to_string()])?;
        Ok(())
    }
}

fn state(db: &Connection) -> Result<State> {
    let body: Option<String> = db.query_row("SELECT body FROM state", [], |row| row.get(0)).optional()?;
    body.map_or_else(|| Ok(State::default()), |body| serde_json::from_str(&body).map_err(broken))
}

fn save(tx: &Transaction, state: &State) -> Result<()> {
    let body = serde_json::to_string(state).map_err(broken)?;
    tx.execute("INSERT OR REPLACE INTO state (one, body) VALUES (1, ?1)", [body])?;
    Ok(())
}

/// Deletes what the running snapshot did not name.
fn sweep(tx: &Transaction, generation: i64, spare_pushed: bool) -> Result<usize> {
    Ok(tx.execute(
        "DELETE FROM records WHERE seen <> ?1 AND NOT (?2 AND pushed)
         AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.type = records.type AND outbox.id = records.id)",
        params![generation, spare_pushed],
    )?)
}

/// Stores a record that a push answered. During a snapshot it does not count as seen there.
fn pushed(tx: &Transaction, kind: &str, id: Uuid, held: &Held, state: &State) -> Result<()> {
    let body = serde_json::to_string(&held.record).map_err(broken)?;
    let seen = if state.in_snapshot { 0 } else { state.generation };
    tx.prepare_cached(
        "INSERT INTO records (type, id, version, unit_id, body, seen, pushed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (type, id) DO UPDATE SET version = excluded.version, unit_id = excluded.unit_id,
         body = excluded.body, seen = max(seen, excluded.seen), pushed = excluded.pushed
         WHERE excluded.version >= version",
    )?
    .execute(params![
        kind,
        id.to_string(),
        held.version,
        held.unit_id.to_string(),
        body,
        seen,
        state.in_snapshot
    ])?;
    Ok(())
}

fn remove(tx: &Transaction, kind: &str, id: Uuid) -> Result<()> {
    tx.prepare_cached("DELETE FROM records WHERE type = ?1 AND id = ?2")?.execute(params![kind, id.to_string()])?;
    Ok(())
}

fn time(text: &str) -> Result<Timestamp> {
    text.parse().map_err(|()| broken("not a timestamp"))
}

fn uuid(text: &str) -> Result<Uuid> {
    Uuid::try_parse(text).map_err(broken)
}
