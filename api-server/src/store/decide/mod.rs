//! Deciding one item in memory: find its target, ask the scope, check the version, merge, ask the type's rules,
//! compare. Pure: no connection, no clock but the set's. What the set does not have yet makes the item undecided.

mod external;
mod matching;
mod merge;
mod outcome;
mod rights;
mod step;
mod target;

pub use merge::Draft;

use super::items::{Command, Item};
use super::record::Stored;
use super::registry::{KINDS, RecordKey, UNIT};
use super::rules::{Action, AnyChange, Verdict};
use super::scope::Scope;
use super::write_set::{Count, WriteSet};
use cell_records_types::faults::{self, Fault, FaultCode};
use cell_records_types::phrases::READABLE_RECORD;
use cell_records_types::sync::{Candidate, ConflictReason, FieldConflict, ItemStatus, OnPossibleDuplicate, PushOp};
use matching::Matched;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use target::Target;
use uuid::Uuid;

/// Why an item is refused. It is kept under an `Idempotency-Key`, so its names do not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Nothing is there, or nothing that the caller may see.
    NotFound,
    /// Seen, but not allowed: the right that is missing.
    Forbidden(String),
    /// The version must be named.
    PreconditionRequired,
    /// The record is deleted.
    Deleted,
    /// The record has another version.
    Stale,
    /// State or uniqueness.
    Conflict(ConflictReason, #[serde(with = "by_code")] &'static FaultCode),
    /// A fault of the body.
    Invalid,
    /// What it refers to was refused.
    Blocked,
    /// Its external ids name several records.
    DuplicateMatch,
}

/// A row of the table of faults, written as its code.
mod by_code {
    use cell_records_types::faults::FaultCode;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub fn serialize<S: Serializer>(code: &FaultCode, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(code.code)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<&'static FaultCode, D::Error> {
        let code = String::deserialize(from)?;
        FaultCode::named(&code).ok_or_else(|| D::Error::custom("no such fault"))
    }
}

/// What became of an item.
#[derive(Debug, Clone)]
pub struct Decided {
    /// What became of it.
    pub status: ItemStatus,
    /// Why it is refused, when it is.
    pub refusal: Option<Refusal>,
    /// The record's id, once it is known and the caller may learn it.
    pub id: Option<Uuid>,
    /// The record as it is after it; on a conflict as it is stored. Only what the caller may see.
    pub record: Option<Arc<Stored>>,
    /// Whether the caller knows this version whole.
    pub known_to_writer: bool,
    /// Its faults, as many as are reported.
    pub faults: Vec<Fault>,
    /// What is stored anyway.
    pub warnings: Vec<Fault>,
    /// The records that it may double, of those that the caller sees.
    pub candidates: Vec<Candidate>,
    /// On a conflict with the stored record: the fields that differ, of those that the caller may read.
    pub differing: Vec<FieldConflict>,
    /// What is to be written.
    pub effect: Option<Effect>,
}

/// One new version of one record: a row of the log.
#[derive(Debug, Clone)]
pub struct Effect {
    /// The record before it.
    pub before: Option<Arc<Stored>>,
    /// The record after it.
    pub after: Arc<Stored>,
    /// What the log calls it.
    pub op: &'static str,
    /// Whether the caller knows this version whole.
    pub known_to_writer: bool,
    /// The units whose scopes it concerns.
    pub scopes: Vec<Uuid>,
    /// Units whose boundary it moves: a re-parent.
    pub boundary: Vec<Uuid>,
    /// Who wrote it.
    pub actor: Option<Uuid>,
    /// The request that wrote it.
    pub request_id: Option<String>,
}

/// What an item sees of its command.
pub struct Context<'a> {
    /// The command.
    pub command: &'a Command,
    /// Items by name.
    pub names: &'a HashMap<&'a str, usize>,
    /// Positions of the items that were refused so far.
    pub failed: &'a HashSet<usize>,
    /// Positions of the items that are not decided yet.
    pub undecided: &'a HashSet<usize>,
    /// The caller's scope.
    pub scope: &'a Scope,
    /// Codes of the registered systems.
    pub systems: &'a HashSet<String>,
    /// This server's own code.
    pub server_code: &'a str,
    /// Versions before this command, of records that it changed.
    pub first_versions: &'a HashMap<RecordKey, i64>,
}

impl Decided {
    fn new(status: ItemStatus) -> Self {
        Decided {
            status,
            refusal: None,
            id: None,
            record: None,
            known_to_writer: false,
            faults: Vec::new(),
            warnings: Vec::new(),
            candidates: Vec::new(),
            differing: Vec::new(),
            effect: None,
        }
    }
}

fn refused(status: ItemStatus, refusal: Refusal, id: Option<Uuid>) -> Decided {
    Decided { refusal: Some(refusal), id, ..Decided::new(status) }
}

fn invalid(faults: Vec<Fault>) -> Decided {
    Decided { faults: faults::bounded(faults), ..refused(ItemStatus::Invalid, Refusal::Invalid, None) }
}

/// An item that may mean a record which is there already.
fn duplicate(faults: Vec<Fault>, warnings: Vec<Fault>, candidates: Vec<Candidate>) -> Decided {
    let faults = faults::bounded(faults);
    Decided { faults, warnings, candidates, ..refused(ItemStatus::DuplicateMatch, Refusal::DuplicateMatch, None) }
}

/// A conflict that says nothing of what it clashes with, only which part of the item clashes.
pub fn clash(fault: Fault) -> Decided {
    let refusal = Refusal::Conflict(ConflictReason::Unique, fault.code);
    Decided { faults: vec![fault], ..refused(ItemStatus::Conflict, refusal, None) }
}

/// Longest chain of relays.
const LONGEST_VIA: usize = 4;

/// Decides one item and puts what it makes into the set. Nothing when the set lacked something: it is decided again
/// once that is loaded. `draft` keeps what was merged the first time.
pub fn decide(item: &Item, context: &Context<'_>, set: &mut WriteSet, draft: &mut Option<Draft>) -> Option<Decided> {
    if item.via.len() > LONGEST_VIA || item.via.iter().any(|code| code == context.server_code) {
        return Some(Decided::new(ItemStatus::SkippedOwnOrigin));
    }
    if item.unreadable {
        return Some(invalid(item.faults.clone()));
    }
    let one_of = |positions: &HashSet<usize>| {
        item.names_used().any(|name| context.names.get(name).is_some_and(|index| positions.contains(index)))
    };
    if one_of(context.failed) {
        return Some(refused(ItemStatus::Blocked, Refusal::Blocked, None));
    }
    // An item that waits for another asks for all that it can meanwhile, so that a chain of items is loaded at once.
    let waits = one_of(context.undecided);
    let before = set.misses();
    let target = Target::find(item, context, set);
    if set.misses() > before {
        return None;
    }
    // Who may see and do it comes first: no later answer says anything about what is invisible.
    // Without a record that the caller sees there is nothing to update, delete or bring back.
    let Some((target, action)) = target.and_then(|target| target.action(item.op).map(|action| (target, action))) else {
        return (!waits).then(|| refused(ItemStatus::NotFound, Refusal::NotFound, None));
    };
    merge::merge(item, &target, action, context, set, draft);
    if set.misses() > before {
        return None;
    }
    let merged = draft.as_ref()?;
    let decided = judge(item, &target, merged, context, set, waits);
    if waits || set.misses() > before {
        return None;
    }
    let judged = match decided {
        Ok(judged) => judged,
        Err(refused) => return Some(*refused),
    };
    Some(outcome::finish(item, &target, merged, judged, context, set))
}

/// The result of an item that nothing refuses.
struct Judged {
    after: super::record::Typed,
    is_as_sent: bool,
    external_ids: Vec<cell_records_types::ExternalId>,
    warnings: Vec<Fault>,
    candidates: Vec<Candidate>,
}

fn judge(
    item: &Item,
    target: &Target,
    draft: &Draft,
    context: &Context<'_>,
    set: &WriteSet,
    waits: bool,
) -> Result<Judged, Box<Decided>> {
    let scope = context.scope;
    let before = target.before.as_ref();
    let rights = rights::Rights { item, target, draft, scope };
    let mut all = item.faults.clone();
    all.extend_from_slice(&draft.faults);
    let placed = rights::place(item, target, draft, context, set, &mut all);
    if let Err(right) = rights.allowed() {
        let refusal = Refusal::Forbidden(right);
        return Err(refused(ItemStatus::Forbidden, refusal, before.map(|before| before.id)).into());
    }
    if let Matched::Unclear(candidates, why) = &target.matched {
        return Err(duplicate(vec![Fault::new("/match", why)], Vec::new(), candidates.clone()).into());
    }
    if target.is_ambiguous {
        return Err(refused(ItemStatus::DuplicateMatch, Refusal::DuplicateMatch, None).into());
    }
    if let (PushOp::Restore, Some(before)) = (item.op, before.filter(|before| before.is_live())) {
        // It is as it was asked for.
        return Err(outcome::unchanged(before, Vec::new()).into());
    }
    if let Some(refusal) = outcome::version(item, target, draft, context) {
        return Err(refusal.into());
    }
    let sent = rights.fields(placed, &mut all);
    // No rule looks at what a reference means that the caller does not see.
    let placed = (target::references(item, target, set, &mut all) || waits) && placed;
    let external_ids = external::after(item, target, context, &mut all);
    // The rules run over what could be read, so that all faults are reported together.
    let mut verdict = Verdict::new(item.prefix);
    let ruled = draft.after.as_ref().filter(|_| placed).and_then(|after| {
        let change = AnyChange {
            before: before.map(|before| &**before),
            after,
            unit_id: draft.unit_id,
            action: draft.action,
            sent: &sent,
            importing: scope.is_operator(),
            scope,
        };
        item.kind.decide(&change, set, &mut verdict)
    });
    // What came of a record since it was made does not refuse a create that is repeated.
    if let Some(ruled) = ruled.as_ref().filter(|_| all.is_empty())
        && let Some(before) = outcome::repeated(item, target, draft, &ruled.after, &external_ids, scope)
    {
        return Err(outcome::unchanged(before, verdict.warnings).into());
    }
    match (&draft.refused, before) {
        (Some(refusal @ Refusal::Forbidden(_)), before) => {
            return Err(refused(ItemStatus::Forbidden, refusal.clone(), before.map(|before| before.id)).into());
        }
        (Some(refusal), Some(before)) => return Err(outcome::conflict(refusal.clone(), before).into()),
        _ => {}
    }
    if let (Action::Delete, Some(before)) = (draft.action, before)
        && is_needed(target, item, set)
    {
        let refusal = Refusal::Conflict(ConflictReason::Referenced, &faults::STILL_REFERENCED);
        return Err(outcome::conflict(refusal, before).into());
    }
    if let Some((reason, code)) = verdict.conflict {
        let refusal = Refusal::Conflict(reason, code);
        return Err(match before {
            Some(before) => outcome::conflict_about(refusal, before, item, draft, scope),
            None => refused(ItemStatus::Conflict, refusal, None),
        }
        .into());
    }
    let taken = external_ids.iter().find(|one| external::is_held_by_another(item.kind, one, target.id, set));
    if let Some(taken) = taken {
        return Err(clash(external::taken(item, |sent| sent == taken)).into());
    }
    let may_double = !verdict.candidates.is_empty();
    if may_double && all.is_empty() && context.command.on_possible_duplicate == OnPossibleDuplicate::Reject {
        let mut faults = vec![Fault::new("", &faults::DUPLICATE_MATCH)];
        faults.append(&mut verdict.faults);
        return Err(duplicate(faults, verdict.warnings, verdict.candidates).into());
    }
    // What is wrong as it was sent is not missing as well.
    let is_known = |fault: &Fault| all.iter().any(|known| known.pointer == fault.pointer);
    verdict.faults.retain(|fault| fault.code != &faults::REQUIRED || !is_known(fault));
    all.append(&mut verdict.faults);
    // That an id belongs to what the caller does not see is said only to who could have made the record.
    if target.is_hidden && all.is_empty() {
        return Err(clash(external::found_by(item, target.id, set)).into());
    }
    match ruled {
        Some(ruled) if all.is_empty() => {
            let (after, is_as_sent) = (ruled.after, ruled.is_as_sent);
            let Verdict { warnings, candidates, .. } = verdict;
            Ok(Judged { after, is_as_sent, external_ids, warnings, candidates })
        }
        _ => {
            // A stored record that does not read back is the fault, perhaps, and not what was sent: the log says so.
            let _ = before.map(|before| before.any());
            if all.is_empty() {
                // Only such a record comes here.
                all.push(Fault::new(item.prefix, &faults::WRONG_TYPE).about(&READABLE_RECORD));
            }
            Err(Decided { candidates: verdict.candidates, ..invalid(all) }.into())
        }
    }
}

/// Whether live records point to a record, or belong to it.
fn is_needed(target: &Target, item: &Item, set: &WriteSet) -> bool {
    let referenced = set.is_referenced((item.kind.order, target.id));
    if item.kind.name != UNIT.name {
        return referenced;
    }
    // Every count is asked for at once. The unit belongs to itself.
    let belonging = KINDS.iter().map(|kind| {
        let count = Count { kind: kind.name, matching: ("unit_id", target.id.into()), by: None };
        set.counts(&count).values().sum::<i64>() - i64::from(kind.name == UNIT.name)
    });
    belonging.fold(0, |all, one| all + one.max(0)) > 0 || referenced
}
