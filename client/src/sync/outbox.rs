//! The outbox: what waits, how it becomes batches, what became of its items.

use super::refused::{Refused, Take};
use super::store::{CopyStore, Held};
use crate::error::{Error, Result};
use cell_records_types::Timestamp;
use cell_records_types::sync::{ItemResult, MAX_PUSH_BYTES, MAX_PUSH_ITEMS, PushItem};
use uuid::Uuid;

/// A copy that also keeps local changes until the server has judged them. Every method that writes does so in one
/// local transaction, together with what it does to the copy. [`helpers`](super::helpers) has what is hard about it.
pub trait Outbox: CopyStore {
    /// Adds items to the outbox, in order, but each behind those that it refers to by `ref:<name>`. Each must name
    /// its record by `id` or external id. A name means an item of the same call only.
    fn enqueue(&mut self, items: &[PushItem]) -> Result<()>;

    /// Adds items to the outbox unless this was done under the same digest before; then nothing is added, and the
    /// answer is when it was done.
    fn enqueue_once(&mut self, digest: &str, items: &[PushItem]) -> Result<Option<Timestamp>>;

    /// How many items wait in the outbox, those in a prepared batch included.
    fn waiting(&self) -> Result<usize>;

    /// The batch to send: the one prepared before, unchanged; else a new one of the oldest items, stored with its
    /// key and bytes before this returns; `None` when the outbox is empty.
    fn prepare(&mut self, limits: BatchLimits) -> Result<Option<Batch>>;

    /// Gives a prepared batch up: its key is forgotten, its items wait again.
    fn release(&mut self, key: &str) -> Result<()>;

    /// Ends a prepared batch: one outcome for each of its items, in order. Returns how many items of the outbox
    /// moved to the refused ones because they refer to an item that was refused; nothing when the batch has been
    /// ended already, by another process.
    ///
    /// The copy follows the outcomes only while [`State::revision`](super::State::revision) is that of the batch. Later,
    /// the feed has brought what the batch did, or something newer, or will: a late answer must not undo that.
    fn settle(&mut self, key: &str, outcomes: &[Outcome]) -> Result<Option<usize>>;

    /// The items that the server refused, oldest first.
    fn refused(&self) -> Result<Vec<Refused>>;

    /// Forgets a refused item, once somebody has handled it.
    fn forget_refused(&mut self, number: i64) -> Result<()>;

    /// Puts a refused item back into the outbox, as somebody has corrected it, together with the items that are
    /// blocked because they refer to it.
    ///
    /// # Errors
    /// [`Error::Refused`] when no refused item has this number.
    fn retry(&mut self, number: i64, item: &PushItem) -> Result<()>;

    /// Ends a refused item as somebody has decided.
    ///
    /// # Errors
    /// [`Error::Refused`] when no refused item has this number, or when it cannot be sent again: then nothing changes.
    fn resolve(&mut self, number: i64, take: Take) -> Result<()> {
        let refused = self.refused()?.into_iter().find(|refused| refused.number == number);
        let refused = refused.ok_or_else(|| Error::Refused(format!("no refused item has the number {number}")))?;
        match take {
            Take::Current => self.forget_refused(number),
            Take::Mine => {
                let held = refused.record().map(|id| self.version(&refused.item.kind, id)).transpose()?.flatten();
                self.retry(number, &refused.again(held)?)
            }
        }
    }
}

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
    /// [`State::revision`](super::State::revision) when it was made.
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
