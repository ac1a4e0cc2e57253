//! The records of the copy.

use super::{SqliteStore, Tried, save, state};
use crate::error::Result;
use crate::sync::events::Event;
use crate::sync::store::{Applied, CopyStore, Filter, Held, State};
use cell_records_types::sync::{Change, ChangesPage, Phase};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use std::collections::BTreeMap;
use uuid::Uuid;

impl CopyStore for SqliteStore {
    fn state(&self) -> Result<State> {
        self.read(state)
    }

    fn restart(&mut self, filter: &Filter) -> Result<()> {
        self.write(|tx| save(tx, &state(tx)?.restarted(filter)))
    }

    fn apply(&mut self, page: &ChangesPage, asked: &State) -> Result<Applied> {
        self.write(|tx| {
            let before = state(tx)?;
            if asked.cursor != before.cursor {
                return Err("another process has moved the cursor".into());
            }
            let next = before.after(page, asked);
            let mut applied = changes(tx, page, &next)?;
            if before.judges(page) {
                sweep(tx, next.generation, false, &mut applied.events)?;
                tx.execute("UPDATE records SET pushed = 0 WHERE pushed", [])?;
            }
            save(tx, &next)?;
            Ok(applied)
        })
    }

    fn get(&self, kind: &str, id: Uuid) -> Result<Option<Held>> {
        self.read(|db| {
            let mut select =
                db.prepare_cached("SELECT version, unit_id, body FROM records WHERE type = ?1 AND id = ?2")?;
            let row = select.query_row(params![kind, id.to_string()], |row| {
                Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
            });
            let Some((version, unit_id, body)) = row.optional()? else { return Ok(None) };
            let unit_id = Uuid::try_parse(&unit_id)?;
            Ok(Some(Held { version, unit_id, record: serde_json::from_str(&body)? }))
        })
    }

    fn version(&self, kind: &str, id: Uuid) -> Result<Option<i64>> {
        self.read(|db| {
            let mut select = db.prepare_cached("SELECT version FROM records WHERE type = ?1 AND id = ?2")?;
            Ok(select.query_row(params![kind, id.to_string()], |row| row.get(0)).optional()?)
        })
    }

    fn versions(&self, kind: &str) -> Result<BTreeMap<Uuid, i64>> {
        self.read(|db| {
            let mut select = db.prepare_cached("SELECT id, version FROM records WHERE type = ?1")?;
            let rows = select.query_map([kind], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
            rows.map(|row| row.map_err(Into::into).and_then(|(id, version)| Ok((Uuid::try_parse(&id)?, version))))
                .collect()
        })
    }

    fn counts(&self) -> Result<BTreeMap<String, i64>> {
        self.read(|db| {
            let mut select = db.prepare_cached("SELECT type, count(*) FROM records GROUP BY type")?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

impl SqliteStore {
    /// The record of the copy that has an external id.
    ///
    /// # Errors
    /// [`Error::Store`](crate::Error::Store) when the file cannot be read.
    pub fn find(&self, kind: &str, system: &str, value: &str) -> Result<Option<Uuid>> {
        self.read(|db| {
            let mut select = db.prepare_cached(
                "SELECT records.id FROM records, json_each(body, '$.external_ids') AS one
                 WHERE records.type = ?1 AND one.value ->> 'system' = ?2 AND one.value ->> 'value' = ?3",
            )?;
            let found = select.query_row(params![kind, system, value], |row| row.get::<_, String>(0)).optional()?;
            Ok(found.map(|id| Uuid::try_parse(&id)).transpose()?)
        })
    }
}

/// Applies the changes of a page.
fn changes(tx: &Transaction<'_>, page: &ChangesPage, next: &State) -> Tried<Applied> {
    let (snapshot, mut applied) = (page.phase == Phase::Snapshot, Applied::default());
    let mut put = tx.prepare_cached(
        "INSERT INTO records (type, id, version, unit_id, body, seen) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (type, id) DO UPDATE SET version = excluded.version, unit_id = excluded.unit_id,
         body = excluded.body, seen = excluded.seen, pushed = 0 WHERE ?7 OR excluded.version >= version",
    )?;
    let mut see =
        tx.prepare_cached("UPDATE records SET seen = ?3 WHERE type = ?1 AND id = ?2 RETURNING type, id, version")?;
    let mut remove = tx.prepare_cached("DELETE FROM records WHERE type = ?1 AND id = ?2 AND (?4 OR version <= ?3)")?;
    for change in &page.changes {
        match change {
            Change::Upsert { kind, id, version, unit_id, record, .. } => {
                let (name, unit_id, body) = (id.to_string(), unit_id.to_string(), serde_json::to_string(record)?);
                if put.execute(params![kind, name, version, unit_id, body, next.generation, snapshot])? > 0 {
                    applied.events.push(Event::Upserted { kind: kind.clone(), id: *id, version: *version });
                } else {
                    see.query_row(params![kind, name, next.generation], |_| Ok(()))?;
                }
            }
            Change::Own { kind, id, .. } => {
                let row = see.query_row(params![kind, id.to_string(), next.generation], named).optional()?;
                if let Some(row) = row {
                    let (kind, id, version) = parsed(row)?;
                    applied.events.push(Event::Upserted { kind, id, version });
                }
            }
            Change::Remove { kind, id, version, .. } => {
                let removed = remove.execute(params![kind, id.to_string(), version, snapshot])?;
                if removed > 0 {
                    applied.events.push(Event::Removed { kind: kind.clone(), id: *id, version: *version });
                }
            }
            Change::SnapshotEnd { counts } => {
                applied.miscounted = next.miscounted(counts);
                sweep(tx, next.generation, true, &mut applied.events)?;
            }
            // An operation of a newer server.
            _ => {}
        }
    }
    Ok(applied)
}

/// Deletes what the running snapshot did not name.
fn sweep(tx: &Transaction<'_>, generation: i64, spare_pushed: bool, events: &mut Vec<Event>) -> Tried<()> {
    let mut sweep = tx.prepare_cached(
        "DELETE FROM records WHERE seen <> ?1 AND NOT (?2 AND pushed)
         AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.type = records.type AND outbox.id = records.id)
         RETURNING type, id, version",
    )?;
    for row in sweep.query_map(params![generation, spare_pushed], named)? {
        let (kind, id, version) = parsed(row?)?;
        events.push(Event::Swept { kind, id, version });
    }
    Ok(())
}

/// Stores a record that a push answered. During a snapshot it does not count as seen there.
pub(super) fn pushed(tx: &Transaction<'_>, kind: &str, id: Uuid, held: &Held, state: &State) -> Tried<()> {
    let body = serde_json::to_string(&held.record)?;
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

pub(super) fn remove(tx: &Transaction<'_>, kind: &str, id: Uuid) -> Tried<()> {
    tx.prepare_cached("DELETE FROM records WHERE type = ?1 AND id = ?2")?.execute(params![kind, id.to_string()])?;
    Ok(())
}

/// Type, id and version of a row.
fn named(row: &Row<'_>) -> rusqlite::Result<(String, String, i64)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn parsed((kind, id, version): (String, String, i64)) -> Tried<(String, Uuid, i64)> {
    Ok((kind, Uuid::try_parse(&id)?, version))
}
