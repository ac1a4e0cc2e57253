//! The external ids of a record after a write.

use super::Context;
use super::matching::Matched;
use super::target::{Target, key};
use crate::store::items::Item;
use crate::store::registry::Kind;
use crate::store::scope::Actor;
use crate::store::write_set::WriteSet;
use cell_records_types::faults::{self, Fault};
use cell_records_types::phrases;
use cell_records_types::record::MAX_EXTERNAL_IDS;
use cell_records_types::sync::PushOp;
use cell_records_types::{ExternalId, Reference};
use uuid::Uuid;

/// The external ids after the write. It sets the entries of the systems that it names, and leaves those of others; an empty
/// list takes all away that the caller may write: of a system its own, of a person those of every system.
pub fn after(item: &Item, target: &Target, context: &Context<'_>, faults: &mut Vec<Fault>) -> Vec<ExternalId> {
    // Those of a create, too, that is repeated: others may have added theirs since.
    let held = target.before.as_ref().map(|before| before.external()).unwrap_or_default();
    let mut sent = item.external_ids.clone();
    let is_matched = matches!(target.matched, Matched::One(..));
    if let (None, Some(Reference::External { system, value })) = (&sent, &item.id)
        && (target.before.is_none() || is_matched)
    {
        // An upsert by an external id that nobody holds makes, or takes, a record that holds it.
        sent = Some(vec![ExternalId { system: system.as_str().into(), value: value.as_str().into() }]);
    }
    let Some(mut sent) = sent else { return held };
    if is_matched {
        // It did not know the record: the ids that others gave are not its own to remove.
        sent.extend(held.iter().cloned());
    }
    let own = match &context.scope.actor {
        Actor::Account(_, Some(code)) => Some(code.as_str()),
        _ => None,
    };
    let writable = |system: &str| own.is_none_or(|own| own == system);
    // At a create there is nothing to take away: one that is repeated leaves what others have added since.
    let takes_all = sent.is_empty() && item.op != PushOp::Create;
    let is_set = |system: &str| writable(system) && (takes_all || sent.iter().any(|one| *one.system == *system));
    let mut result: Vec<ExternalId> = held.iter().filter(|one| !is_set(&one.system)).cloned().collect();
    for (index, one) in sent.into_iter().enumerate() {
        let mut at_system = |code| faults.push(Fault::new(format!("/external_ids/{index}/system"), code));
        if !writable(&one.system) {
            if !held.contains(&one) {
                at_system(&faults::FIELD_NOT_WRITABLE);
            }
        } else if !held.contains(&one) && !context.systems.contains(&*one.system) {
            at_system(&faults::REFERENCE_NOT_FOUND);
        } else if !result.contains(&one) {
            result.push(one);
        }
    }
    // Those of others count too, though they are not shown to be at fault.
    if result.len() > MAX_EXTERNAL_IDS.max(held.len()) {
        let most = phrases::LIST_AT_MOST.with(MAX_EXTERNAL_IDS);
        faults.push(Fault::new("/external_ids", &faults::OUT_OF_RANGE).about(most));
    }
    result
}

/// The fault of an item that names a record which is not its own, by this external id or else by the id.
pub fn taken(item: &Item, is_taken: impl Fn(&ExternalId) -> bool) -> Fault {
    match item.external_ids.iter().flatten().position(is_taken) {
        Some(index) => Fault::new(format!("/external_ids/{index}/value"), &faults::EXTERNAL_ID_TAKEN),
        None => Fault::new("/id", &faults::ID_TAKEN),
    }
}

/// The same for an item that would make a record which is there already. Who sends an id learns of that one alone: not
/// which external ids go with it.
pub fn found_by(item: &Item, id: Uuid, set: &WriteSet) -> Fault {
    taken(item, |one| item.id.is_none() && set.holder(&key(item.kind, one)) == Some(id))
}

/// Whether another record of the type holds an external id.
pub fn is_held_by_another(kind: &Kind, one: &ExternalId, id: Uuid, set: &WriteSet) -> bool {
    set.holder(&key(kind, one)).is_some_and(|holder| holder != id)
}
