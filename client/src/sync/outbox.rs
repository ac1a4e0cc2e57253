//! The outbox: what waits, how it becomes batches, what became of its items.

use super::refs;
use super::store::{Held, State, broken};
use crate::error::{Error, Result};
use cell_records_types::sync::{
    ConflictReason, ItemResult, ItemStatus, MAX_PUSH_BYTES, MAX_PUSH_ITEMS, PushBatch, PushItem, PushOp, PushReturn,
    SCHEMA,
};
use cell_records_types::{Reference, Timestamp};
use serde::Serialize;
use uuid::Uuid;

/// How large a new batch may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Most items.
    pub items: usize,
    /// Most bytes of the body.
    pub bytes: usize,
}

impl Default for BatchLimits {
    /// What the server takes at most.
    fn default() -> Self {
        BatchLimits { items: MAX_PUSH_ITEMS, bytes: MAX_PUSH_BYTES }
    }
}

/// A batch that is stored, ready to be sent any number of times.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Its `Idempotency-Key`.
    pub key: String,
    /// The bytes to send.
    pub body: Vec<u8>,
    /// Its items, in the order of the body.
    pub items: Vec<PushItem>,
    /// When it was made, by the local clock.
    pub prepared_at: Timestamp,
    /// [`State::revision`] when it was made.
    pub revision: i64,
}

/// What became of an item of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The server did it, and the copy follows.
    Done(Effect),
    /// The server refused it: it moves to the refused items. [`ItemStatus::NotFound`] also removes the copy.
    ///
    /// [`ItemStatus::NotFound`]: cell_records_types::sync::ItemStatus::NotFound
    Refused(Box<ItemResult>),
    /// It waits at its place, to be sent in another batch.
    Again,
}

/// What an accepted item does to the copy.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// The record as it is now.
    Put {
        /// Name of the record type.
        kind: String,
        /// The record.
        id: Uuid,
        /// What is held of it, unless a later version is held already.
        held: Held,
    },
    /// The record is deleted.
    Remove {
        /// Name of the record type.
        kind: String,
        /// The record.
        id: Uuid,
    },
    /// The feed will bring it.
    Nothing,
}

/// An item that the server refused: a conflict, or one that it can never take as it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Refused {
    /// Its number in this store.
    pub number: i64,
    /// When it was refused, by the local clock.
    pub at: Timestamp,
    /// The item.
    pub item: PushItem,
    /// What the server said.
    pub result: ItemResult,
}

impl Refused {
    /// Whether it meets something stored that may differ tomorrow (`conflict`, `duplicate_match`, or a status of a
    /// newer server): somebody should look at both sides. The others are dead letters: as they are, they will never
    /// be taken.
    pub fn is_conflict(&self) -> bool {
        is_conflict(&self.result.status)
    }

    /// The item to send again, upon the version that the server reported, or else the one that the copy holds, if that
    /// is newer than the one that was refused. A version that has come since then is another conflict.
    pub(crate) fn again(&self, held: Option<i64>) -> Result<PushItem> {
        let mut item = self.item.clone();
        if self.result.status == ItemStatus::Blocked {
            return Err(Error::Refused(
                "it was not judged, because it refers to a refused item: end that one, and this one follows it".into(),
            ));
        }
        match &self.result.conflict {
            Some(conflict) if conflict.reason == ConflictReason::Deleted && item.op != PushOp::Restore => {
                return Err(Error::Refused(
                    "the record is deleted on the server: push a `restore` of it first, or take the server's".into(),
                ));
            }
            Some(conflict) if conflict.reason == ConflictReason::Version => {
                // The numbers of another log say nothing of which is newer.
                let other_log = self.result.errors.iter().any(|error| error.code == EPOCH_CHANGED);
                let newer = held.filter(|held| other_log || item.if_version.is_none_or(|sent| sent < *held));
                let known = conflict.current_version.or(newer);
                if known.is_none() && item.if_version.is_some() && !other_log {
                    return Err(Error::Refused(
                        "the server did not say which version it has, and the copy holds none that is newer than the \
                         one that was refused: pull first"
                            .into(),
                    ));
                }
                item.if_version = known.or(item.if_version);
            }
            _ => {}
        }
        Ok(item)
    }
}

/// Whose version of a refused item holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// The server's: the item is dropped.
    Server,
    /// This side's: the item is sent again, upon the server's version.
    Mine,
}

/// The code of a batch that names another log than the server's.
pub(crate) const EPOCH_CHANGED: &str = "epoch_changed";

pub(crate) fn is_conflict(status: &ItemStatus) -> bool {
    matches!(status, ItemStatus::Conflict | ItemStatus::DuplicateMatch | ItemStatus::Unknown(_))
}

/// A refused item that is tried again, with those that are blocked because of it.
pub(crate) struct Again {
    pub(crate) numbers: Vec<i64>,
    pub(crate) items: Vec<PushItem>,
}

impl Again {
    /// Of all refused items, each with its call, oldest first.
    pub(crate) fn of(number: i64, item: &PushItem, refused: &[(i64, Refused)]) -> Result<Self> {
        let (call, first) = refused
            .iter()
            .find(|(_, refused)| refused.number == number)
            .ok_or_else(|| Error::Refused(format!("no refused item has the number {number}")))?;
        let blocked: Vec<&Refused> = refused
            .iter()
            .filter(|(of, refused)| of == call && refused.result.status == ItemStatus::Blocked)
            .map(|(_, refused)| refused)
            .collect();
        let mut again = Again { numbers: vec![number], items: vec![item.clone()] };
        if let Some(name) = &first.item.name {
            let items = blocked.iter().map(|refused| (refused.number, &refused.item));
            let together = refs::blocked_by(name, items);
            again.items.extend(blocked.iter().filter(|one| together.contains(&one.number)).map(|one| one.item.clone()));
            again.numbers.extend(together);
            // What is blocked refers to it by this name.
            if let Some(item) = again.items.first_mut() {
                item.name = Some(name.clone());
            }
        }
        Ok(again)
    }
}

/// An item as the outbox keeps it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct QueuedItem {
    pub(crate) item: PushItem,
    /// The epoch in which its `if_version` was read.
    pub(crate) epoch: Option<String>,
    /// The call that put it into the outbox: names of items (`ref`) are of one call.
    pub(crate) call: i64,
}

impl QueuedItem {
    /// The items of one call, each behind those that it refers to: where a batch ends, the named are never behind.
    pub(crate) fn of_call(call: i64, items: &[PushItem], state: &State) -> Result<Vec<Self>> {
        if items.iter().any(|item| item.id.is_none() && item.external_ids.as_ref().is_none_or(Vec::is_empty)) {
            return Err(Error::Refused("an item names its record by an id or an external id".to_owned()));
        }
        let waiting =
            |item: &PushItem| QueuedItem { item: item.clone(), epoch: item.if_version.and(state.epoch.clone()), call };
        Ok(refs::ordered(items).into_iter().map(waiting).collect())
    }

    /// The id of the record, where the item gives it.
    pub(crate) fn record(&self) -> Option<Uuid> {
        match self.item.id {
            Some(Reference::Id(id)) => Some(id),
            _ => None,
        }
    }
}

/// Takes items into a batch as long as they fit, and writes its body.
#[derive(Default)]
pub(crate) struct Filling {
    items: Vec<PushItem>,
    epoch: Option<String>,
    bytes: usize,
    /// The call of the last item.
    call: i64,
    /// Whether an item has a name or uses one.
    linked: bool,
}

impl Filling {
    /// Bytes for the body's other fields.
    const ENVELOPE: usize = 512;

    /// Takes an item, `length` bytes as JSON. The first always fits, so that one that is too large is refused by
    /// the server and not kept forever.
    pub(crate) fn take(&mut self, waiting: &QueuedItem, length: usize, limits: BatchLimits) -> bool {
        let fits = self.items.len() < limits.items && self.bytes + length + 1 + Self::ENVELOPE <= limits.bytes;
        // Versions of two epochs cannot be compared, so they cannot share a batch.
        let same_epoch = self.epoch.is_none() || waiting.epoch.is_none() || self.epoch == waiting.epoch;
        // Two calls may use one name for two records.
        let linked = self.linked || refs::is_linked(&waiting.item);
        let same_call = self.call == waiting.call || !linked;
        let taken = self.items.is_empty() || (fits && same_epoch && same_call);
        if taken {
            (self.call, self.linked) = (waiting.call, linked);
            self.epoch = self.epoch.take().or_else(|| waiting.epoch.clone());
            self.bytes += length + 1;
            self.items.push(waiting.item.clone());
        }
        taken
    }

    pub(crate) fn finish(self, state: &State) -> Result<Option<Batch>> {
        if self.items.is_empty() {
            return Ok(None);
        }
        let mut batch = PushBatch::new(self.items);
        batch.epoch = self.epoch;
        batch.schema = Some(SCHEMA.to_owned());
        // Whole records in the answer: the copy has them at once, and the feed sends them briefly.
        batch.answer = PushReturn::Representation;
        let body = serde_json::to_vec(&batch).map_err(broken)?;
        Ok(Some(Batch {
            key: Uuid::new_v4().to_string(),
            body,
            items: batch.items,
            prepared_at: Timestamp::now(),
            revision: state.revision,
        }))
    }
}
