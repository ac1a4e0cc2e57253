//! What a local copy must be able to do, and the rules that every copy keeps alike.

use super::events::Event;
use crate::error::{Error, Result};
use cell_records_types::Timestamp;
use cell_records_types::sync::{Change, ChangesPage, Phase};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A local copy of records. Every method that writes does so in one local transaction: wholly, durably, or not at all.
/// Methods block; they take milliseconds for a page.
///
/// [`State`] and [`replaces`](super::helpers::replaces) hold the rules that every copy keeps, and
#[cfg_attr(feature = "testing", doc = "[`conformance`](super::conformance) tests whether one keeps them.")]
#[cfg_attr(not(feature = "testing"), doc = "`sync::conformance` (feature `testing`) tests whether one keeps them.")]
pub trait CopyStore: Send {
    /// The state of the copy.
    fn state(&self) -> Result<State>;

    /// Forgets the cursor, so that the next pull begins a snapshot, with this filter ([`State::restarted`]).
    /// The records stay until the snapshot's end sweeps them.
    fn restart(&mut self, filter: &Filter) -> Result<()>;

    /// Applies a page that was asked for in the state `asked`, and stores the page's cursor with it.
    /// [`State::after`] says what the new state is; its server is that of `asked`. For a [`Change::Own`] that is still
    /// in the page, the record is only marked as seen. An operation that is not known is left out.
    ///
    /// - In a snapshot every upsert replaces; afterwards only one whose version is not below the held one, and a
    ///   removal likewise.
    /// - At the snapshot's end all records that it did not name are deleted, except for those that an item of the
    ///   store's [`Outbox`](super::Outbox) names by id, and those pushed since the snapshot began; the latter are judged
    ///   when the feed is current ([`State::judges`]).
    ///
    /// # Errors
    /// [`Error::Store`], also when the cursor is not that of `asked` any more: another process uses the store.
    fn apply(&mut self, page: &ChangesPage, asked: &State) -> Result<Applied>;

    /// A held record.
    fn get(&self, kind: &str, id: Uuid) -> Result<Option<Held>>;

    /// The version of a held record.
    fn version(&self, kind: &str, id: Uuid) -> Result<Option<i64>> {
        Ok(self.get(kind, id)?.map(|held| held.version))
    }

    /// The versions of all held records of a type.
    fn versions(&self, kind: &str) -> Result<BTreeMap<Uuid, i64>>;

    /// How many records are held, by type; a type of which none is held is absent.
    fn counts(&self) -> Result<BTreeMap<String, i64>>;
}

/// Which records a copy holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Names of record types; empty: all that the caller may read.
    #[serde(default)]
    pub types: Vec<String>,
    /// Units by reference, each with all below it, at most 8; empty: the caller's whole scope.
    #[serde(default)]
    pub units: Vec<String>,
}

/// The state of a copy.
#[non_exhaustive]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// The server that it was last pulled from.
    pub server: String,
    /// What it holds.
    pub filter: Filter,
    /// Where the next page begins; none before the first page, and after a restart.
    pub cursor: Option<String>,
    /// The incarnation of the server's database: another one means that it was restored from a backup.
    pub epoch: Option<String>,
    /// The snapshot that the copy began with.
    pub snapshot: Option<Uuid>,
    /// Counts the snapshots: a record that has a lower number was not seen since the last one began.
    pub generation: i64,
    /// Whether the snapshot is still going on.
    pub in_snapshot: bool,
    /// Counts the pages that brought changes, and the restarts.
    pub revision: i64,
    /// Units of the filter that the server did not find when the snapshot began: nothing is held of them.
    pub unknown_units: Vec<String>,
    /// Records received in this snapshot, by type.
    pub received: BTreeMap<String, i64>,
    /// Whether records that the snapshot's sweep spared must be judged when the feed is current.
    pub spared: bool,
    /// Whether the server had nothing more after the last page.
    pub current: bool,
    /// The server's clock at the last page.
    pub synced_at: Option<Timestamp>,
}

impl State {
    /// The state without a cursor, before a snapshot with this filter.
    pub fn restarted(&self, filter: &Filter) -> State {
        let (filter, cursor, snapshot) = (filter.clone(), None, None);
        let revision = self.revision + 1;
        State { filter, cursor, snapshot, revision, in_snapshot: false, current: false, ..self.clone() }
    }

    /// The state behind a page that was asked for in the state `asked`.
    pub fn after(&self, page: &ChangesPage, asked: &State) -> State {
        let mut next = State { server: asked.server.clone(), ..self.clone() };
        let begins = page.reset || (page.phase == Phase::Snapshot && page.snapshot_id != self.snapshot);
        if begins {
            next.generation += 1;
            next.snapshot = page.snapshot_id;
            next.received = BTreeMap::new();
            next.unknown_units = page.unknown_units.clone();
            next.in_snapshot = true;
        }
        if begins || !page.changes.is_empty() {
            next.revision += 1;
        }
        for change in &page.changes {
            match change {
                Change::Upsert { kind, .. } | Change::Own { kind, .. } if next.in_snapshot => {
                    *next.received.entry(kind.clone()).or_default() += 1;
                }
                Change::SnapshotEnd { .. } => (next.in_snapshot, next.spared) = (false, true),
                _ => {}
            }
        }
        next.cursor = Some(page.cursor.clone());
        next.epoch = Some(page.epoch.clone());
        next.current = !page.has_more;
        next.synced_at = Some(page.server_time);
        if self.judges(page) {
            next.spared = false;
        }
        next
    }

    /// Whether this page ends the grace of the records that the snapshot's sweep spared: the first page after the
    /// snapshot's that is the last one ready.
    pub fn judges(&self, page: &ChangesPage) -> bool {
        self.spared && page.phase == Phase::Changes && !page.has_more
    }

    /// Whether what the server counted in its snapshot differs from what arrived. It names no type when it did not
    /// count.
    pub fn miscounted(&self, counts: &BTreeMap<String, i64>) -> bool {
        let some = |counts: &BTreeMap<String, i64>| -> BTreeMap<String, i64> {
            counts.iter().filter(|(_, count)| **count != 0).map(|(kind, count)| (kind.clone(), *count)).collect()
        };
        !counts.is_empty() && some(counts) != some(&self.received)
    }
}

/// Whether what arrives replaces what is held.
pub fn replaces(held: Option<i64>, arriving: i64, snapshot: bool) -> bool {
    snapshot || held.is_none_or(|held| arriving >= held)
}

/// What a page did to the copy.
#[non_exhaustive]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// What changed, record by record, in the order of the page: [`Event::Upserted`], [`Event::Removed`] and
    /// [`Event::Swept`].
    pub events: Vec<Event>,
    /// The snapshot ended, and the server sent other numbers of records than it says: worth a report.
    pub miscounted: bool,
}

/// A held record.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// Its version.
    pub version: i64,
    /// Its unit.
    pub unit_id: Uuid,
    /// The flat record, with the fields that the caller may read.
    pub record: Map<String, Value>,
}

/// The failure of a store. An error of this crate stays what it is.
pub(crate) fn broken(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    cause.into().downcast::<Error>().map_or_else(Error::Store, |error| *error)
}
