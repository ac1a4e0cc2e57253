//! The rows of the outbox and of the refused items.

use super::copy::{pushed, remove};
use super::{SqliteStore, Tried, state};
use crate::error::Result;
use crate::sync::helpers::{Again, Filling, Follow, Names, QueuedItem};
use crate::sync::outbox::{Batch, BatchLimits, Effect, Outbox, Outcome};
use crate::sync::refused::Refused;
use cell_records_types::Timestamp;
use cell_records_types::sync::{ItemResult, ItemStatus, PushItem};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

impl Outbox for SqliteStore {
    fn enqueue(&mut self, items: &[PushItem]) -> Result<()> {
        self.write(|tx| enqueue(tx, None, items))
    }

    fn enqueue_once(&mut self, digest: &str, items: &[PushItem]) -> Result<Option<Timestamp>> {
        self.write(|tx| {
            let before =
                tx.query_row("SELECT at FROM calls WHERE digest = ?1", [digest], |row| row.get::<_, String>(0));
            match before.optional()? {
                Some(at) => time(&at).map(Some),
                None => enqueue(tx, Some(digest), items).map(|()| None),
            }
        })
    }

    fn waiting(&self) -> Result<usize> {
        self.read(|db| {
            let count: i64 = db.query_row("SELECT count(*) FROM outbox", [], |row| row.get(0))?;
            Ok(usize::try_from(count)?)
        })
    }

    fn prepare(&mut self, limits: BatchLimits) -> Result<Option<Batch>> {
        self.write(|tx| match prepared(tx)? {
            Some(batch) => Ok(Some(batch)),
            None => fill(tx, limits),
        })
    }

    fn release(&mut self, key: &str) -> Result<()> {
        self.write(|tx| end(tx, key))
    }

    fn settle(&mut self, key: &str, outcomes: &[Outcome]) -> Result<Option<usize>> {
        self.write(|tx| {
            let revision =
                tx.query_row("SELECT revision FROM batches WHERE key = ?1", [key], |row| row.get::<_, i64>(0));
            let Some(revision) = revision.optional()? else { return Ok(None) };
            let items = batched(tx, key)?;
            if items.len() != outcomes.len() {
                return Err("a batch needs one outcome for each of its items".into());
            }
            let mut names = Names::default();
            let state = state(tx)?;
            let follows = revision == state.revision;
            for ((number, waiting), outcome) in items.into_iter().zip(outcomes) {
                names.settled(&waiting, outcome);
                match outcome {
                    Outcome::Done(Effect::Put { kind, id, held }) if follows => pushed(tx, kind, *id, held, &state)?,
                    Outcome::Done(Effect::Remove { kind, id }) if follows => remove(tx, kind, *id)?,
                    Outcome::Done(_) => {}
                    Outcome::Refused(result) => {
                        if let Some(id) = waiting.record().filter(|_| follows && result.status == ItemStatus::NotFound)
                        {
                            remove(tx, &waiting.item.kind, id)?;
                        }
                        refuse(tx, &waiting, result)?;
                    }
                    Outcome::Again => continue,
                }
                tx.prepare_cached("DELETE FROM outbox WHERE number = ?1")?.execute([number])?;
            }
            end(tx, key)?;
            follow(tx, &mut names).map(Some)
        })
    }

    fn refused(&self) -> Result<Vec<Refused>> {
        self.read(|db| Ok(refused(db)?.into_iter().map(|(_, refused)| refused).collect()))
    }

    fn forget_refused(&mut self, number: i64) -> Result<()> {
        self.write(|tx| {
            tx.execute("DELETE FROM refused WHERE number = ?1", [number])?;
            Ok(())
        })
    }

    fn retry(&mut self, number: i64, item: &PushItem) -> Result<()> {
        self.write(|tx| {
            let again = Again::of(number, item, &refused(tx)?)?;
            enqueue(tx, None, &again.items)?;
            for number in &again.numbers {
                tx.execute("DELETE FROM refused WHERE number = ?1", [number])?;
            }
            Ok(())
        })
    }
}

/// The batch that is prepared.
fn prepared(tx: &Transaction<'_>) -> Tried<Option<Batch>> {
    let row = tx.query_row("SELECT key, body, prepared_at, revision FROM batches", [], |row| {
        let at: String = row.get(2)?;
        Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?, at, row.get(3)?))
    });
    let Some((key, body, at, revision)) = row.optional()? else { return Ok(None) };
    let items = batched(tx, &key)?.into_iter().map(|(_, waiting)| waiting.item).collect();
    Ok(Some(Batch { key, body, items, prepared_at: time(&at)?, revision }))
}

/// A new batch of the oldest items.
fn fill(tx: &Transaction<'_>, limits: BatchLimits) -> Tried<Option<Batch>> {
    let (mut filling, mut last) = (Filling::default(), 0);
    let mut select = tx.prepare_cached("SELECT number, call, epoch, item FROM outbox ORDER BY number")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let waiting = waiting(row)?;
        let length = serde_json::to_vec(&waiting.item)?.len();
        if !filling.take(&waiting, length, limits) {
            break;
        }
        last = row.get(0)?;
    }
    let Some(batch) = filling.finish(&state(tx)?)? else { return Ok(None) };
    tx.execute(
        "INSERT INTO batches (key, body, prepared_at, revision) VALUES (?1, ?2, ?3, ?4)",
        params![batch.key, batch.body, batch.prepared_at.to_string(), batch.revision],
    )?;
    tx.execute("UPDATE outbox SET batch = ?1 WHERE number <= ?2", params![batch.key, last])?;
    Ok(Some(batch))
}

/// Forgets a prepared batch; what is left of its items waits.
fn end(tx: &Transaction<'_>, key: &str) -> Tried<()> {
    tx.execute("DELETE FROM batches WHERE key = ?1", [key])?;
    tx.execute("UPDATE outbox SET batch = NULL WHERE batch = ?1", [key])?;
    Ok(())
}

/// Puts the items of one call at the end of the outbox.
fn enqueue(tx: &Transaction<'_>, digest: Option<&str>, items: &[PushItem]) -> Tried<()> {
    tx.execute("INSERT INTO calls (at, digest) VALUES (?1, ?2)", params![Timestamp::now().to_string(), digest])?;
    let state = state(tx)?;
    for waiting in QueuedItem::of_call(tx.last_insert_rowid(), items, &state)? {
        let item = serde_json::to_string(&waiting.item)?;
        let id = waiting.record().map(|id| id.to_string());
        tx.prepare_cached("INSERT INTO outbox (call, type, id, epoch, item) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![waiting.call, waiting.item.kind, id, waiting.epoch, item])?;
    }
    Ok(())
}

/// A row of the outbox: number, call, epoch, item.
fn waiting(row: &Row<'_>) -> Tried<QueuedItem> {
    let item = serde_json::from_str(&row.get::<_, String>(3)?)?;
    Ok(QueuedItem { item, epoch: row.get(2)?, call: row.get(1)? })
}

/// The items of a prepared batch, in its order.
fn batched(tx: &Transaction<'_>, key: &str) -> Tried<Vec<(i64, QueuedItem)>> {
    let mut select =
        tx.prepare_cached("SELECT number, call, epoch, item FROM outbox WHERE batch = ?1 ORDER BY number")?;
    let mut rows = select.query([key])?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        items.push((row.get(0)?, waiting(row)?));
    }
    Ok(items)
}

/// Lets the waiting items follow what became of those that they refer to. Returns how many are blocked by it.
fn follow(tx: &Transaction<'_>, names: &mut Names) -> Tried<usize> {
    let mut blocked = 0;
    let calls: Vec<i64> = names.calls().collect();
    for call in calls {
        let mut select = tx.prepare_cached(
            "SELECT number, call, epoch, item FROM outbox WHERE call = ?1 AND instr(item, '\"ref:') ORDER BY number",
        )?;
        let mut rows = select.query([call])?;
        let mut followers = Vec::new();
        while let Some(row) = rows.next()? {
            followers.push((row.get::<_, i64>(0)?, waiting(row)?));
        }
        for (number, mut waiting) in followers {
            match names.follow(&mut waiting) {
                Follow::Stay => {}
                Follow::Rewritten => {
                    let item = serde_json::to_string(&waiting.item)?;
                    tx.prepare_cached("UPDATE outbox SET item = ?2 WHERE number = ?1")?
                        .execute(params![number, item])?;
                }
                Follow::Blocked(result) => {
                    refuse(tx, &waiting, &result)?;
                    tx.prepare_cached("DELETE FROM outbox WHERE number = ?1")?.execute([number])?;
                    blocked += 1;
                }
            }
        }
    }
    Ok(blocked)
}

fn refuse(tx: &Transaction<'_>, waiting: &QueuedItem, result: &ItemResult) -> Tried<()> {
    let item = serde_json::to_string(&waiting.item)?;
    let result = serde_json::to_string(result)?;
    tx.prepare_cached("INSERT INTO refused (at, call, item, result) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        Timestamp::now().to_string(),
        waiting.call,
        item,
        result
    ])?;
    Ok(())
}

/// The refused items with their calls, oldest first.
fn refused(db: &Connection) -> Tried<Vec<(i64, Refused)>> {
    let mut select = db.prepare_cached("SELECT number, at, call, item, result FROM refused ORDER BY number")?;
    let mut rows = select.query([])?;
    let mut refused = Vec::new();
    while let Some(row) = rows.next()? {
        let one = Refused {
            number: row.get(0)?,
            at: time(&row.get::<_, String>(1)?)?,
            item: serde_json::from_str(&row.get::<_, String>(3)?)?,
            result: serde_json::from_str(&row.get::<_, String>(4)?)?,
        };
        refused.push((row.get(2)?, one));
    }
    Ok(refused)
}

fn time(text: &str) -> Tried<Timestamp> {
    text.parse().map_err(|()| "not a timestamp".into())
}
