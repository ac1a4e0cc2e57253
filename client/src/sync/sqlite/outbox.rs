//! The rows of the outbox and of the refused items.

use super::{state, time};
use crate::error::Result;
use crate::sync::outbox::{QueuedItem, Refused};
use crate::sync::refs::{Follow, Names};
use crate::sync::store::broken;
use cell_records_types::Timestamp;
use cell_records_types::sync::{ItemResult, PushItem};
use rusqlite::{Connection, Row, Transaction, params};

/// Puts the items of one call at the end of the outbox.
pub(super) fn enqueue(tx: &Transaction, digest: Option<&str>, items: &[PushItem]) -> Result<()> {
    tx.execute("INSERT INTO calls (at, digest) VALUES (?1, ?2)", params![Timestamp::now().to_string(), digest])?;
    let state = state(tx)?;
    for waiting in QueuedItem::of_call(tx.last_insert_rowid(), items, &state)? {
        let item = serde_json::to_string(&waiting.item).map_err(broken)?;
        let id = waiting.record().map(|id| id.to_string());
        tx.prepare_cached("INSERT INTO outbox (call, type, id, epoch, item) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![waiting.call, waiting.item.kind, id, waiting.epoch, item])?;
    }
    Ok(())
}

/// A row of the outbox: number, call, epoch, item.
pub(super) fn waiting(row: &Row) -> Result<QueuedItem> {
    let item = serde_json::from_str(&row.get::<_, String>(3)?).map_err(broken)?;
    Ok(QueuedItem { item, epoch: row.get(2)?, call: row.get(1)? })
}

/// The items of a prepared batch, in its order.
pub(super) fn batched(tx: &Transaction, key: &str) -> Result<Vec<(i64, QueuedItem)>> {
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
pub(super) fn follow(tx: &Transaction, names: &mut Names) -> Result<usize> {
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
                    let item = serde_json::to_string(&waiting.item).map_err(broken)?;
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

pub(super) fn refuse(tx: &Transaction, waiting: &QueuedItem, result: &ItemResult) -> Result<()> {
    let item = serde_json::to_string(&waiting.item).map_err(broken)?;
    let result = serde_json::to_string(result).map_err(broken)?;
    tx.prepare_cached("INSERT INTO refused (at, call, item, result) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        Timestamp::now().to_string(),
        waiting.call,
        item,
        result
    ])?;
    Ok(())
}

/// The refused items with their calls, oldest first.
pub(super) fn refused(db: &Connection) -> Result<Vec<(i64, Refused)>> {
    let mut select = db.prepare_cached("SELECT number, at, call, item, result FROM refused ORDER BY number")?;
    let mut rows = select.query([])?;
    let mut refused = Vec::new();
    while let Some(row) = rows.next()? {
        let one = Refused {
            number: row.get(0)?,
            at: time(&row.get::<_, String>(1)?)?,
            item: serde_json::from_str(&row.get::<_, String>(3)?).map_err(broken)?,
            result: serde_json::from_str(&row.get::<_, String>(4)?).map_err(broken)?,
        };
        refused.push((row.get(2)?, one));
    }
    Ok(refused)
}
