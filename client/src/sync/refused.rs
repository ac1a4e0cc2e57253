//! What the server refused, and what a person may do about it.

use super::refs;
use crate::error::{Error, Result};
use cell_records_types::sync::{ConflictReason, ItemResult, ItemStatus, PushItem, PushOp};
use cell_records_types::{Reference, Timestamp};
use serde::Serialize;
use uuid::Uuid;

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
    /// The id of the record, where the item or the server names it.
    pub fn record(&self) -> Option<Uuid> {
        self.item.id.as_ref().and_then(Reference::id).or(self.result.id)
    }

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
            // A reason of a newer server may be about versions, too; if not, the version that it names does no harm.
            Some(conflict) if matches!(conflict.reason, ConflictReason::Version | ConflictReason::Unknown(_)) => {
                // The numbers of another log say nothing of which is newer.
                let other_log = self.result.errors.iter().any(|error| error.code == EPOCH_CHANGED);
                let newer = held.filter(|held| other_log || item.if_version.is_none_or(|sent| sent < *held));
                let known = conflict.current_version.or(newer);
                let must_know = conflict.reason == ConflictReason::Version && !other_log;
                if known.is_none() && item.if_version.is_some() && must_know {
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
    /// The server's, as it is now: the item is dropped.
    Current,
    /// This side's: the item is sent again, upon the server's version.
    Mine,
}

/// The code of a batch that names another log than the server's.
pub(crate) const EPOCH_CHANGED: &str = "epoch_changed";

pub(crate) fn is_conflict(status: &ItemStatus) -> bool {
    matches!(status, ItemStatus::Conflict | ItemStatus::DuplicateMatch | ItemStatus::Unknown(_))
}

/// A refused item that is tried again, with those that are blocked because of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Again {
    /// Numbers of the refused items that go: the item's own first.
    pub numbers: Vec<i64>,
    /// The items to put into the outbox, in one call: the corrected one first.
    pub items: Vec<PushItem>,
}

impl Again {
    /// Of all refused items, each with its call, oldest first.
    ///
    /// # Errors
    /// [`Error::Refused`] when no refused item has this number.
    pub fn of(number: i64, item: &PushItem, refused: &[(i64, Refused)]) -> Result<Self> {
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
