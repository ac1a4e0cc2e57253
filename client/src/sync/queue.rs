//! How items wait, and how the first of them become a batch.

use super::outbox::{Batch, BatchLimits};
use super::refs;
use super::store::{State, broken};
use crate::error::{Error, Result};
use cell_records_types::sync::{PushBatch, PushItem, PushReturn, SCHEMA};
use cell_records_types::{Reference, Timestamp};
use uuid::Uuid;

/// An item as the outbox keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct QueuedItem {
    /// The item.
    pub item: PushItem,
    /// The epoch in which its `if_version` was read.
    pub epoch: Option<String>,
    /// The call that put it into the outbox: names of items (`ref`) are of one call.
    pub call: i64,
}

impl QueuedItem {
    /// The items of one call, each behind those that it refers to: where a batch ends, the named are never behind.
    ///
    /// # Errors
    /// [`Error::Refused`] when one names its record neither by id nor by external id.
    pub fn of_call(call: i64, items: &[PushItem], state: &State) -> Result<Vec<Self>> {
        if items.iter().any(|item| item.id.is_none() && item.external_ids.as_ref().is_none_or(Vec::is_empty)) {
            return Err(Error::Refused("an item names its record by an id or an external id".to_owned()));
        }
        let waiting =
            |item: &PushItem| QueuedItem { item: item.clone(), epoch: item.if_version.and(state.epoch.clone()), call };
        Ok(refs::ordered(items).into_iter().map(waiting).collect())
    }

    /// The id of the record, where the item gives it.
    pub fn record(&self) -> Option<Uuid> {
        self.item.id.as_ref().and_then(Reference::id)
    }
}

/// Takes items into a batch as long as they fit and may be together, and writes its body.
#[derive(Debug, Default)]
pub struct Filling {
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
    pub fn take(&mut self, waiting: &QueuedItem, length: usize, limits: BatchLimits) -> bool {
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

    /// The batch, with a new key; `None` when nothing was taken.
    ///
    /// # Errors
    /// [`Error::Store`] when an item cannot be written as JSON.
    pub fn finish(self, state: &State) -> Result<Option<Batch>> {
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
