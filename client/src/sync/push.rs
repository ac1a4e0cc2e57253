//! Pushing: the outbox in batches, each sent until its answer is stored.

use super::outbox::{Batch, BatchLimits, Effect, Outbox, Outcome};
use super::refused::{EPOCH_CHANGED, is_conflict};
use super::session::{SyncSession, envelope};
use super::store::Held;
use crate::error::{Error, Result};
use cell_records_types::Reference;
use cell_records_types::problem::ProblemFault;
use cell_records_types::sync::{Conflict, ConflictReason, ItemResult, ItemStatus, PushAnswer, PushItem, PushOp};

/// What a push did.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Batches that the server answered.
    pub batches: usize,
    /// Items that were done as asked.
    pub accepted: usize,
    /// Items that met something else on the server; they are in the store's refused items.
    pub conflicts: usize,
    /// Items that the server cannot take as they are; they are in the store's refused items.
    pub invalid: usize,
    /// Items that were not done because they refer to a refused one; they are in the store's refused items.
    pub blocked: usize,
    /// Items that are still in the outbox.
    pub waiting: usize,
}

/// What a batch that was refused whole asks for.
///
/// | answer | what is done |
/// | --- | --- |
/// | `400 invalid_json`, `422 invalid` of items, `422 too_large_for_one_write`, `422 idempotency_key_reused`, any `413` | halved under new keys; a single item is invalid |
/// | `409 not_unique`: the database refused what no rule foresaw | halved under new keys; a single item is a conflict |
/// | `409 epoch_changed` | items with a version are conflicts, the others are sent again |
/// | `400`, `415` or `422` of what every batch says (schema, key, headers); a `400` without a code of the service | the batch stays, and the error is returned |
/// | `401`, `403`, `404`, `405`: of the account, or another server | the same |
/// | `408`, `429`, `5xx`, no answer | sent again with pauses ([`crate::RetryPolicy`]), then the same |
enum Refusal {
    /// It is too large, or one item spoils it: then that item gets this status.
    Halve(ItemStatus),
    /// The server is not the one that the versions were read from.
    OtherLog,
}

impl<S: Outbox> SyncSession<S> {
    /// Sends the outbox, in order, in batches of at most 1,000 items and 8 MiB, and settles each item: an accepted
    /// one leaves the outbox and its record enters the copy; a refused one moves to the store's refused items, and
    /// what refers to it goes with it ([`Outbox::retry`] brings them back together).
    ///
    /// # Errors
    /// The network's, and those of the account (401, 403): the prepared batch then stays in the store, and the next
    /// push sends the same bytes under the same key.
    pub async fn push(&mut self) -> Result<Pushed> {
        self.push_each(|_, _| ()).await
    }

    /// Pushes, and calls `each` with what the server says of every item, before that is stored: what is accepted with a
    /// warning is kept nowhere else. After an interruption an item may come twice.
    ///
    /// # Errors
    /// Those of [`SyncSession::push`].
    pub async fn push_each(&mut self, mut each: impl FnMut(&PushItem, &ItemResult)) -> Result<Pushed> {
        let (most, mut limits, mut total) = (BatchLimits::default(), BatchLimits::default(), Pushed::default());
        while let Some(mut batch) = self.store.prepare(limits)? {
            if self.is_forgotten(&batch).await? {
                self.pull_until_current(|_| ()).await?;
                let outcomes: Vec<_> = batch.items.iter().map(forgotten).collect();
                total.add(&outcomes, self.store.settle(&batch.key, &outcomes)?);
                continue;
            }
            let outcomes: Vec<_> = match self.client.push_body(std::mem::take(&mut batch.body), &batch.key).await {
                Ok(answer) => {
                    limits.items = limits.items.saturating_mul(2).min(most.items);
                    let results = results(&batch, answer)?;
                    batch.items.iter().zip(&results).for_each(|(item, result)| each(item, result));
                    let judged = batch.items.iter().zip(results).map(|(item, result)| outcome(item, result));
                    judged.collect::<Result<_>>()?
                }
                Err(error) => match refusal(&error) {
                    Some(Refusal::Halve(_)) if batch.items.len() > 1 => {
                        limits.items = batch.items.len().div_ceil(2);
                        self.store.release(&batch.key)?;
                        continue;
                    }
                    Some(Refusal::Halve(status)) => {
                        let conflict = is_conflict(&status).then(|| Conflict::new(ConflictReason::Unique));
                        batch.items.iter().map(|_| refused(status.clone(), &error, conflict.clone())).collect()
                    }
                    Some(Refusal::OtherLog) => batch.items.iter().map(|item| other_log(item, &error)).collect(),
                    None => return Err(error),
                },
            };
            let settled = total.add(&outcomes, self.store.settle(&batch.key, &outcomes)?);
            tracing::debug!(items = outcomes.len(), settled, "settled a batch");
            if !settled {
                break;
            }
        }
        total.waiting = self.store.waiting()?;
        Ok(total)
    }

    /// Whether the server may not know the batch's key any more, and would take a second sending for a first one.
    async fn is_forgotten(&self, batch: &Batch) -> Result<bool> {
        let age = self.client.now().micros().saturating_sub(batch.prepared_at.micros());
        // A key lives for days: of a young batch the server need not be asked.
        if age < DAY {
            return Ok(false);
        }
        let days = self.client.sync_info().await?.idempotency_key_days;
        Ok(age >= days.saturating_mul(DAY).saturating_sub(MARGIN))
    }
}

/// In microseconds.
const DAY: i64 = 24 * HOUR;
/// Attempts may go on for so long after the check of a key's age.
const MARGIN: i64 = HOUR;
const HOUR: i64 = 3_600_000_000;

impl Pushed {
    /// Adds a batch and how many further items it blocked, unless another process has ended it. Returns whether the
    /// outbox has changed.
    fn add(&mut self, outcomes: &[Outcome], blocked: Option<usize>) -> bool {
        let Some(blocked) = blocked else { return true };
        self.batches += 1;
        self.blocked += blocked;
        for outcome in outcomes {
            match outcome {
                Outcome::Done(_) => self.accepted += 1,
                Outcome::Refused(result) if is_conflict(&result.status) => self.conflicts += 1,
                Outcome::Refused(result) if result.status == ItemStatus::Blocked => self.blocked += 1,
                Outcome::Refused(_) => self.invalid += 1,
                Outcome::Again => {}
            }
        }
        outcomes.iter().any(|outcome| *outcome != Outcome::Again)
    }
}

/// Only what the service itself says of the batch: a proxy's 400 must not empty the outbox.
fn refusal(error: &Error) -> Option<Refusal> {
    match (error.status()?, error.code()?) {
        (413, _) => Some(Refusal::Halve(ItemStatus::Invalid)),
        // A proxy took the header away: no item is to blame.
        (400, "idempotency_key_required") => None,
        (400 | 422, code) if !code.starts_with("http_") && !about_the_envelope(error) => {
            Some(Refusal::Halve(ItemStatus::Invalid))
        }
        (409, "not_unique") => Some(Refusal::Halve(ItemStatus::Conflict)),
        (409, EPOCH_CHANGED) => Some(Refusal::OtherLog),
        _ => None,
    }
}

/// Whether the faults are of what every batch says, such as the schema date: then no item is to blame.
fn about_the_envelope(error: &Error) -> bool {
    let faults = error.problem().map(|problem| problem.errors.as_slice()).unwrap_or_default();
    let of_items = |fault: &ProblemFault| fault.pointer.is_empty() || fault.pointer.starts_with("/items");
    !faults.is_empty() && !faults.iter().any(of_items)
}

/// What the server says of the items, in their order.
fn results(batch: &Batch, answer: PushAnswer) -> Result<Vec<ItemResult>> {
    let mut results = answer.items;
    results.sort_by_key(|result| result.index);
    let matching = results.iter().enumerate().all(|(at, result)| result.index == at);
    if !matching || results.len() != batch.items.len() {
        return Err(Error::Decode("the answer to a push does not match its items".to_owned()));
    }
    Ok(results)
}

fn outcome(item: &PushItem, result: ItemResult) -> Result<Outcome> {
    let kind = item.kind.clone();
    let named = item.id.as_ref().and_then(Reference::id);
    Ok(match (&result.status, result.id.or(named)) {
        (ItemStatus::Deleted, Some(id)) => Outcome::Done(Effect::Remove { kind, id }),
        (status, id) if status.is_success() => match (id, result.record) {
            (Some(id), Some(record)) => {
                let (version, unit_id) = envelope(&record)?;
                Outcome::Done(Effect::Put { kind, id, held: Held { version, unit_id, record } })
            }
            _ => Outcome::Done(Effect::Nothing),
        },
        // A status of a newer server too: nobody but a person can say whether the item was taken.
        _ => Outcome::Refused(Box::new(result)),
    })
}

/// An item whose version belongs to a log that was lost cannot be judged by the server. The others are sent again.
fn other_log(item: &PushItem, error: &Error) -> Outcome {
    match item.if_version {
        Some(_) => {
            let conflict = Conflict::new(ConflictReason::Version);
            refused(ItemStatus::Conflict, error, Some(conflict))
        }
        None => Outcome::Again,
    }
}

/// An item of a batch whose key the server has forgotten. Done once already or not, one that names its version, or
/// makes a new record, cannot do harm a second time; any other could write over what somebody has changed since.
fn forgotten(item: &PushItem) -> Outcome {
    if item.if_version.is_some() || item.op == PushOp::Create {
        return Outcome::Again;
    }
    let mut result = ItemResult::new(0, ItemStatus::Conflict);
    let message = "The answer to this item was lost for longer than the server remembers it. Compare, then send again.";
    result.errors = vec![ProblemFault::new("", "outcome_unknown", message)];
    result.conflict = Some(Conflict::new(ConflictReason::Version));
    Outcome::Refused(Box::new(result))
}

/// The result of an item whose batch was refused for it.
fn refused(status: ItemStatus, error: &Error, conflict: Option<Conflict>) -> Outcome {
    let mut result = ItemResult::new(0, status);
    result.errors = match error.problem() {
        Some(problem) if !problem.errors.is_empty() => problem.errors.clone(),
        _ => vec![ProblemFault::new("", error.code().unwrap_or_default(), error.to_string())],
    };
    result.conflict = conflict;
    Outcome::Refused(Box::new(result))
}
