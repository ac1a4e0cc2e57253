//! The store that forgets everything with the process: for tests, and for copies that are cheap to load.

use super::events::Event;
use super::helpers::{Again, Filling, Follow, Names, QueuedItem, replaces};
use super::outbox::{Batch, BatchLimits, Effect, Outbox, Outcome};
use super::refused::Refused;
use super::store::{Applied, CopyStore, Filter, Held, State, broken};
use crate::error::Result;
use cell_records_types::Timestamp;
use cell_records_types::sync::{Change, ChangesPage, ItemResult, ItemStatus, Phase, PushItem};
use std::collections::{BTreeMap, VecDeque};
use uuid::Uuid;

/// A copy in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    state: State,
    records: BTreeMap<String, BTreeMap<Uuid, Row>>,
    outbox: VecDeque<QueuedItem>,
    /// The prepared batch, and how many of the first items of the outbox are in it.
    batch: Option<Batch>,
    /// With the call that each came from.
    refused: Vec<(i64, Refused)>,
    numbered: i64,
    calls: i64,
    digests: BTreeMap<String, Timestamp>,
}

#[derive(Debug, Clone)]
struct Row {
    held: Held,
    seen: i64,
    pushed: bool,
}

impl MemoryStore {
    /// An empty copy.
    pub fn new() -> Self {
        MemoryStore::default()
    }

    fn row(&self, kind: &str, id: Uuid) -> Option<&Row> {
        self.records.get(kind)?.get(&id)
    }

    fn remove(&mut self, kind: &str, id: Uuid) -> bool {
        self.records.get_mut(kind).is_some_and(|rows| rows.remove(&id).is_some())
    }

    /// Lets the copy follow an accepted item.
    fn follow(&mut self, effect: &Effect) {
        match effect {
            Effect::Put { kind, id, held } => {
                let row = self.row(kind, *id);
                if replaces(row.map(|row| row.held.version), held.version, false) {
                    let pushed = self.state.in_snapshot;
                    let seen = if pushed { row.map_or(0, |row| row.seen) } else { self.state.generation };
                    let row = Row { held: held.clone(), seen, pushed };
                    self.records.entry(kind.clone()).or_default().insert(*id, row);
                }
            }
            Effect::Remove { kind, id } => {
                self.remove(kind, *id);
            }
            Effect::Nothing => {}
        }
    }

    fn refuse(&mut self, waiting: QueuedItem, result: &ItemResult) {
        self.numbered += 1;
        let refused =
            Refused { number: self.numbered, at: Timestamp::now(), item: waiting.item, result: result.clone() };
        self.refused.push((waiting.call, refused));
    }

    /// Deletes what the running snapshot did not name.
    fn sweep(&mut self, generation: i64, spare_pushed: bool, events: &mut Vec<Event>) {
        let outbox = &self.outbox;
        for (kind, rows) in &mut self.records {
            rows.retain(|id, row| {
                let keep = row.seen == generation
                    || (spare_pushed && row.pushed)
                    || outbox.iter().any(|waiting| waiting.record() == Some(*id) && waiting.item.kind == *kind);
                row.pushed &= spare_pushed;
                if !keep {
                    events.push(Event::Swept { kind: kind.clone(), id: *id, version: row.held.version });
                }
                keep
            });
        }
    }
}

impl CopyStore for MemoryStore {
    fn state(&self) -> Result<State> {
        Ok(self.state.clone())
    }

    fn restart(&mut self, filter: &Filter) -> Result<()> {
        self.state = self.state.restarted(filter);
        Ok(())
    }

    fn apply(&mut self, page: &ChangesPage, asked: &State) -> Result<Applied> {
        if asked.cursor != self.state.cursor {
            return Err(broken("another session has moved the cursor"));
        }
        let next = self.state.after(page, asked);
        let (snapshot, mut applied) = (page.phase == Phase::Snapshot, Applied::default());
        for change in &page.changes {
            match change {
                Change::Upsert { kind, id, version, unit_id, record, .. } => {
                    let rows = self.records.entry(kind.clone()).or_default();
                    let held = Held { version: *version, unit_id: *unit_id, record: record.clone() };
                    match rows.get_mut(id) {
                        Some(row) if !replaces(Some(row.held.version), *version, snapshot) => {
                            row.seen = next.generation;
                        }
                        _ => {
                            rows.insert(*id, Row { held, seen: next.generation, pushed: false });
                            applied.events.push(Event::Upserted { kind: kind.clone(), id: *id, version: *version });
                        }
                    }
                }
                Change::Own { kind, id, .. } => {
                    if let Some(row) = self.records.get_mut(kind).and_then(|rows| rows.get_mut(id)) {
                        row.seen = next.generation;
                        let version = row.held.version;
                        applied.events.push(Event::Upserted { kind: kind.clone(), id: *id, version });
                    }
                }
                Change::Remove { kind, id, version, .. } => {
                    let held = self.row(kind, *id).map(|row| row.held.version);
                    if replaces(held, *version, snapshot) && self.remove(kind, *id) {
                        applied.events.push(Event::Removed { kind: kind.clone(), id: *id, version: *version });
                    }
                }
                Change::SnapshotEnd { counts } => {
                    applied.miscounted = next.miscounted(counts);
                    self.sweep(next.generation, true, &mut applied.events);
                }
                // An operation of a newer server.
                _ => {}
            }
        }
        if self.state.judges(page) {
            self.sweep(next.generation, false, &mut applied.events);
        }
        self.state = next;
        Ok(applied)
    }

    fn version(&self, kind: &str, id: Uuid) -> Result<Option<i64>> {
        Ok(self.row(kind, id).map(|row| row.held.version))
    }

    fn get(&self, kind: &str, id: Uuid) -> Result<Option<Held>> {
        Ok(self.row(kind, id).map(|row| row.held.clone()))
    }

    fn versions(&self, kind: &str) -> Result<BTreeMap<Uuid, i64>> {
        let rows = self.records.get(kind).into_iter().flatten();
        Ok(rows.map(|(id, row)| (*id, row.held.version)).collect())
    }

    fn counts(&self) -> Result<BTreeMap<String, i64>> {
        let filled = self.records.iter().filter(|(_, rows)| !rows.is_empty());
        filled.map(|(kind, rows)| Ok((kind.clone(), i64::try_from(rows.len()).map_err(broken)?))).collect()
    }
}

impl Outbox for MemoryStore {
    fn enqueue(&mut self, items: &[PushItem]) -> Result<()> {
        self.outbox.extend(QueuedItem::of_call(self.calls + 1, items, &self.state)?);
        self.calls += 1;
        Ok(())
    }

    fn enqueue_once(&mut self, digest: &str, items: &[PushItem]) -> Result<Option<Timestamp>> {
        if let Some(at) = self.digests.get(digest) {
            return Ok(Some(*at));
        }
        self.enqueue(items)?;
        self.digests.insert(digest.to_owned(), Timestamp::now());
        Ok(None)
    }

    fn waiting(&self) -> Result<usize> {
        Ok(self.outbox.len())
    }

    fn prepare(&mut self, limits: BatchLimits) -> Result<Option<Batch>> {
        if self.batch.is_none() {
            let mut filling = Filling::default();
            for waiting in &self.outbox {
                let length = serde_json::to_vec(&waiting.item).map_err(broken)?.len();
                if !filling.take(waiting, length, limits) {
                    break;
                }
            }
            self.batch = filling.finish(&self.state)?;
        }
        Ok(self.batch.clone())
    }

    fn release(&mut self, key: &str) -> Result<()> {
        self.batch.take_if(|batch| batch.key == key);
        Ok(())
    }

    fn settle(&mut self, key: &str, outcomes: &[Outcome]) -> Result<Option<usize>> {
        let Some(batch) = self.batch.as_ref().filter(|batch| batch.key == key) else { return Ok(None) };
        if batch.items.len() != outcomes.len() {
            return Err(broken("a batch needs one outcome for each of its items"));
        }
        let follows = batch.revision == self.state.revision;
        let (mut names, mut again, mut blocked) = (Names::default(), VecDeque::new(), 0);
        let settled: Vec<_> = self.outbox.drain(..batch.items.len()).collect();
        self.batch = None;
        for (waiting, outcome) in settled.into_iter().zip(outcomes) {
            names.settled(&waiting, outcome);
            match outcome {
                Outcome::Done(effect) if follows => self.follow(effect),
                Outcome::Done(_) => {}
                Outcome::Refused(result) => {
                    if let Some(id) = waiting.record().filter(|_| follows && result.status == ItemStatus::NotFound) {
                        self.remove(&waiting.item.kind, id);
                    }
                    self.refuse(waiting, result);
                }
                Outcome::Again => again.push_back(waiting),
            }
        }
        again.append(&mut self.outbox);
        for mut waiting in again {
            match names.follow(&mut waiting) {
                Follow::Stay | Follow::Rewritten => self.outbox.push_back(waiting),
                Follow::Blocked(result) => {
                    blocked += 1;
                    self.refuse(waiting, &result);
                }
            }
        }
        Ok(Some(blocked))
    }

    fn refused(&self) -> Result<Vec<Refused>> {
        Ok(self.refused.iter().map(|(_, refused)| refused.clone()).collect())
    }

    fn forget_refused(&mut self, number: i64) -> Result<()> {
        self.refused.retain(|(_, refused)| refused.number != number);
        Ok(())
    }

    fn retry(&mut self, number: i64, item: &PushItem) -> Result<()> {
        let again = Again::of(number, item, &self.refused)?;
        self.enqueue(&again.items)?;
        self.refused.retain(|(_, refused)| !again.numbers.contains(&refused.number));
        Ok(())
    }
}
