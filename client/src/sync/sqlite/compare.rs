//! Whether the copy is what the server has, and how it becomes so again.

use super::{SqliteStore, Tried};
use crate::error::Result;
use crate::feed::ChangesQuery;
use crate::sync::session::{SyncSession, query};
use crate::sync::store::{CopyStore, broken};
use cell_records_types::sync::{Change, ChangesPage, Phase, RemoveReason};
use rusqlite::{Connection, params};
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use uuid::Uuid;

/// A copy beside what the server has for its account and filter.
#[non_exhaustive]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// By type.
    pub types: BTreeMap<String, Sides>,
    /// By unit, where something differs.
    pub units: BTreeMap<Uuid, Sides>,
    /// Record by record, in the order of types and ids.
    #[serde(skip)]
    pub differences: Vec<Difference>,
}

/// How many records there are.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sides {
    /// In the copy.
    pub held: i64,
    /// On the server.
    pub current: i64,
    /// Those that differ.
    pub differing: i64,
}

/// A record whose version is not the same on both sides.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Difference {
    /// Name of the record type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The record.
    pub id: Uuid,
    /// Its unit.
    pub unit_id: Uuid,
    /// The version of the copy; absent: it does not hold the record.
    pub held: Option<i64>,
    /// The version of the server; absent: it does not have the record for this account and filter.
    pub current: Option<i64>,
}

/// Changes of a page.
const PAGE: u32 = 2_000;

impl SyncSession<SqliteStore> {
    /// Compares the versions of all records with the server's, twice, and returns what differed both times: what is written
    /// meanwhile does not count. `each` gets the number of changes of every page.
    ///
    /// The server sends everything once more. Ids, versions and units of it go into a temporary table beside the copy, so
    /// that only what differs takes memory.
    ///
    /// # Errors
    /// Those of [`SyncSession::pull_until_current`].
    pub async fn compare(&mut self, mut each: impl FnMut(usize)) -> Result<Comparison> {
        self.pull_until_current(|_| ()).await?;
        let mut cursor = None;
        let mut found = self.compare_once(&mut cursor, &mut each, |_| true).await?;
        if !found.differences.is_empty() {
            let first: HashSet<Difference> = found.differences.into_iter().collect();
            found = self.compare_once(&mut cursor, &mut each, |one| first.contains(one)).await?;
        }
        Ok(found)
    }

    async fn compare_once(
        &mut self,
        cursor: &mut Option<String>,
        each: &mut impl FnMut(usize),
        counted: impl Fn(&Difference) -> bool,
    ) -> Result<Comparison> {
        self.list(cursor, each).await?;
        self.pull_until_current(|_| ()).await?;
        self.store.comparison(counted)
    }

    /// Puts the copy right where it differs: fetches each record that the server has, one by one, and removes the others. The
    /// copy's position stays, so that what has changed meanwhile comes with the next pull.
    ///
    /// # Errors
    /// The network's, and those of the store; then nothing has changed.
    pub async fn repair(&mut self, differences: &[Difference]) -> Result<()> {
        let state = self.aligned()?;
        // A load that goes on, or is to begin, puts everything right.
        let Some(cursor) = state.cursor.clone().filter(|_| !state.in_snapshot) else { return Ok(()) };
        let mut page = match self.client.changes(&query(&state, 0)).await {
            // The next pull loads everything again.
            Err(error) if error.code() == Some("cursor_gone") => return Ok(()),
            page => page?,
        };
        let change = |one: &Difference| {
            let (kind, id) = (one.kind.clone(), one.id);
            match one.current {
                Some(version) => Change::Own { kind, id, version },
                None => {
                    let version = one.held.unwrap_or_default();
                    Change::Remove { kind, id, version, reason: RemoveReason::OutOfScope }
                }
            }
        };
        page.changes = differences.iter().map(change).collect();
        // A piece of the copy's own snapshot: what it says holds, whatever the version of the copy is.
        (page.phase, page.reset, page.snapshot_id) = (Phase::Snapshot, false, state.snapshot);
        page.cursor = cursor;
        page.server_time = state.synced_at.unwrap_or(page.server_time);
        self.fetch_own(&mut page).await?;
        self.store.apply(&page, &state)?;
        Ok(())
    }

    /// Lists what the server has behind a cursor, at first all.
    async fn list(&mut self, cursor: &mut Option<String>, each: &mut impl FnMut(usize)) -> Result<()> {
        let filter = self.store.state()?.filter;
        loop {
            let (types, units) = (filter.types.clone(), filter.units.clone());
            let query =
                ChangesQuery { cursor: cursor.clone(), types, units, limit: Some(PAGE), ..ChangesQuery::default() };
            let page = match self.client.changes(&query).await {
                Err(error) if error.code() == Some("cursor_gone") => {
                    *cursor = None;
                    continue;
                }
                page => page?,
            };
            each(page.changes.len());
            self.store.list(&page)?;
            *cursor = Some(page.cursor);
            if !page.has_more {
                return Ok(());
            }
        }
    }
}

const LISTED: &str = "
    CREATE TEMP TABLE IF NOT EXISTS listed (
        type TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, unit_id TEXT NOT NULL,
        PRIMARY KEY (type, id)) WITHOUT ROWID";

impl SqliteStore {
    /// Notes what a page says of the server. It writes beside the copy, and does not lock it.
    fn list(&mut self, page: &ChangesPage) -> Result<()> {
        let mut note = || -> Tried<()> {
            let tx = self.db.transaction()?;
            tx.execute_batch(LISTED)?;
            if page.reset {
                tx.execute("DELETE FROM temp.listed", [])?;
            }
            {
                let mut put = tx.prepare_cached("INSERT OR REPLACE INTO temp.listed VALUES (?1, ?2, ?3, ?4)")?;
                let mut remove = tx.prepare_cached("DELETE FROM temp.listed WHERE type = ?1 AND id = ?2")?;
                for change in &page.changes {
                    match change {
                        Change::Upsert { kind, id, version, unit_id, .. } => {
                            put.execute(params![kind, id.to_string(), version, unit_id.to_string()])?
                        }
                        Change::Remove { kind, id, .. } => remove.execute(params![kind, id.to_string()])?,
                        _ => 0,
                    };
                }
            }
            Ok(tx.commit()?)
        };
        note().map_err(broken)
    }

    fn comparison(&self, counted: impl Fn(&Difference) -> bool) -> Result<Comparison> {
        self.read(|db| {
            let mut found = Comparison { differences: differences(db)?, ..Comparison::default() };
            found.differences.retain(counted);
            for one in &found.differences {
                found.types.entry(one.kind.clone()).or_default().differing += 1;
                found.units.entry(one.unit_id).or_default().differing += 1;
            }
            for (kind, count) in counts(db, "SELECT type, count(*) FROM main.records GROUP BY type")? {
                found.types.entry(kind).or_default().held = count;
            }
            for (kind, count) in counts(db, "SELECT type, count(*) FROM temp.listed GROUP BY type")? {
                found.types.entry(kind).or_default().current = count;
            }
            for (unit, count) in counts(db, "SELECT unit_id, count(*) FROM main.records GROUP BY unit_id")? {
                found.units.entry(Uuid::try_parse(&unit)?).and_modify(|sides| sides.held = count);
            }
            for (unit, count) in counts(db, "SELECT unit_id, count(*) FROM temp.listed GROUP BY unit_id")? {
                found.units.entry(Uuid::try_parse(&unit)?).and_modify(|sides| sides.current = count);
            }
            Ok(found)
        })
    }
}

fn differences(db: &Connection) -> Tried<Vec<Difference>> {
    let mut select = db.prepare_cached(
        "SELECT coalesce(held.type, listed.type), coalesce(held.id, listed.id), coalesce(listed.unit_id, held.unit_id),
         held.version, listed.version
         FROM main.records AS held FULL JOIN temp.listed USING (type, id)
         WHERE held.version IS NOT listed.version ORDER BY 1, 2",
    )?;
    let rows = select.query_map([], |row| {
        Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get(3)?, row.get(4)?))
    })?;
    rows.map(|row| {
        let (kind, id, unit, held, current) = row?;
        Ok(Difference { kind, id: Uuid::try_parse(&id)?, unit_id: Uuid::try_parse(&unit)?, held, current })
    })
    .collect()
}

fn counts(db: &Connection, select: &str) -> Tried<Vec<(String, i64)>> {
    let mut select = db.prepare_cached(select)?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
