//! What an item means: the record that it is about, its unit, and what its fields refer to.

use super::Context;
use super::matching::{Matched, by_numbers};
use crate::store::items::Item;
use crate::store::record::Stored;
use crate::store::registry::{Kind, UNIT};
use crate::store::rules::Action;
use crate::store::scope::Scope;
use crate::store::write_set::{ExternalKey, WriteSet};
use cell_records_types::faults::{self, Fault, FoundReference};
use cell_records_types::sync::PushOp;
use cell_records_types::{ExternalId, Reference};
use std::sync::Arc;
use uuid::Uuid;

/// What an item means, so far as its caller sees it.
pub struct Target {
    /// The record's id; of a record that is to be made, the id that it gets.
    pub id: Uuid,
    /// The record as it is stored, when the caller sees it.
    pub before: Option<Arc<Stored>>,
    /// Whether the id belongs to a record that the caller does not see.
    pub is_hidden: bool,
    /// Whether its external ids belong to several records that the caller sees.
    pub is_ambiguous: bool,
    /// What its numbers find, where no record has its external ids.
    pub matched: Matched,
    /// The unit that was sent.
    pub unit: Sent,
    /// What each reference in the fields points to, in their order: a record that the caller sees, or nothing.
    pub references: Vec<Option<Uuid>>,
}

/// A unit that an item sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// None was sent.
    Nothing,
    /// One that the caller does not see, or that does not exist.
    Unknown,
    /// One that the caller sees.
    Unit(Uuid),
}

impl Target {
    /// Finds what an item means. Nothing when it names nothing that exists.
    pub fn find(item: &Item, context: &Context<'_>, set: &WriteSet) -> Option<Target> {
        let scope = context.scope;
        // What the item names is asked for at once, so that it is loaded at once.
        let id = own_id(item, scope, set);
        let is_new = item.op == PushOp::Upsert && id == Some(item.new_id);
        let matched = if is_new { by_numbers(item, scope, set) } else { Matched::Nothing };
        let id = if let Matched::One(record) = &matched { Some(record.id) } else { id };
        let stored = id.and_then(|id| set.get(item.kind, id));
        let before = stored.filter(|record| scope.reads(item.kind, record.unit_id).is_some()).cloned();
        // What it holds it keeps, also where a create is repeated.
        let held = before.as_deref().filter(|before| item.op != PushOp::Create || before.is_live());
        let unit = sent_unit(item, id, held, context, set);
        let references =
            item.references.iter().map(|found| points_to(found, held, context, set)).collect::<Vec<Option<Uuid>>>();
        if let Some(before) = &before {
            set.get(UNIT, before.unit_id);
        }
        Some(Target {
            id: id?,
            is_hidden: stored.is_some() && before.is_none(),
            is_ambiguous: is_ambiguous(item, scope, set),
            matched,
            before,
            unit,
            references,
        })
    }

    /// What is done to it. Nothing when there is nothing to do it to.
    pub fn action(&self, op: PushOp) -> Option<Action> {
        match (op, &self.before) {
            (PushOp::Create, _) | (PushOp::Upsert, None) | (PushOp::Restore, Some(_)) => Some(Action::Create),
            (PushOp::Upsert | PushOp::Update, Some(_)) => Some(Action::Update),
            (PushOp::Delete, Some(_)) => Some(Action::Delete),
            (PushOp::Update | PushOp::Delete | PushOp::Restore, None) => None,
        }
    }

    /// The record that the item builds on: none at a create.
    pub fn base(&self, op: PushOp) -> Option<&Arc<Stored>> {
        self.before.as_ref().filter(|_| op != PushOp::Create)
    }
}

/// What an external id of a record of this type is known by.
pub fn key(kind: &Kind, one: &ExternalId) -> ExternalKey {
    (one.system.to_string(), kind.name, one.value.to_string())
}

/// The id of the record that an item means, or would make. Of several that hold its external ids, one that the scope
/// sees goes first.
fn own_id(item: &Item, scope: &Scope, set: &WriteSet) -> Option<Uuid> {
    let makes = matches!(item.op, PushOp::Create | PushOp::Upsert);
    let made = || makes.then_some(item.new_id);
    match &item.id {
        Some(Reference::Id(id)) => {
            // Its external ids may be taken by another.
            holders(item, set).for_each(drop);
            Some(*id)
        }
        Some(Reference::External { system, value }) => {
            holders(item, set).for_each(drop);
            set.holder(&(system.clone(), item.kind.name, value.clone())).or_else(made)
        }
        Some(Reference::Item(_)) => None,
        None => {
            let all: Vec<Uuid> = holders(item, set).collect();
            all.iter().copied().find(|id| sees(item.kind, *id, scope, set)).or(all.first().copied()).or_else(made)
        }
    }
}

/// The records that hold an item's external ids.
fn holders(item: &Item, set: &WriteSet) -> impl Iterator<Item = Uuid> {
    item.external_ids.iter().flatten().filter_map(|one| set.holder(&key(item.kind, one)))
}

fn sees(kind: &Kind, id: Uuid, scope: &Scope, set: &WriteSet) -> bool {
    set.get(kind, id).is_some_and(|record| scope.reads(kind, record.unit_id).is_some())
}

/// Whether an item's external ids belong to several records that the caller sees. One that it does not see clashes at
/// the end, like any other external id that is taken.
fn is_ambiguous(item: &Item, scope: &Scope, set: &WriteSet) -> bool {
    if item.op != PushOp::Upsert || item.id.is_some() {
        return false;
    }
    let mut seen: Vec<Uuid> = holders(item, set).filter(|id| sees(item.kind, *id, scope, set)).collect();
    seen.sort_unstable();
    seen.dedup();
    seen.len() > 1
}

/// The id that a reference means, whether it exists or not.
fn resolve(reference: &Reference, kind: &'static str, context: &Context<'_>, set: &WriteSet) -> Option<Uuid> {
    match reference {
        Reference::Id(id) => Some(*id),
        Reference::External { system, value } => set.holder(&(system.clone(), kind, value.clone())),
        Reference::Item(name) => {
            let index = context.names.get(name.as_str()).copied()?;
            let item = context.command.items.get(index).filter(|item| item.kind.name == kind)?;
            // What is not decided yet is waited for; it is not in the database to be looked for.
            if context.undecided.contains(&index) { None } else { own_id(item, context.scope, set) }
        }
    }
}

fn sent_unit(item: &Item, own: Option<Uuid>, held: Option<&Stored>, context: &Context<'_>, set: &WriteSet) -> Sent {
    let Some(reference) = &item.unit else { return Sent::Nothing };
    let id = resolve(reference, UNIT.name, context, set);
    if item.kind.name == UNIT.name && id == own {
        // A unit belongs to itself.
        return id.map_or(Sent::Unknown, Sent::Unit);
    }
    let known = id.filter(|unit| {
        let stays = held.is_some_and(|held| held.unit_id == *unit);
        let is_live = set.get(UNIT, *unit).is_some_and(|record| record.is_live());
        stays || is_live && context.scope.reads(UNIT, *unit).is_some()
    });
    known.map_or(Sent::Unknown, Sent::Unit)
}

/// The live record that a reference points to, when the caller sees it, or by its id the one that is stored already.
fn points_to(found: &FoundReference, held: Option<&Stored>, context: &Context<'_>, set: &WriteSet) -> Option<Uuid> {
    let kind = Kind::named(found.target)?;
    let id = resolve(&found.reference, found.target, context, set)?;
    let record = set.get(kind, id)?;
    let kept = matches!(found.reference, Reference::Id(_))
        && held.is_some_and(|held| held.references().contains(&(kind.order, id)));
    let seen = record.is_live() && context.scope.reads(kind, record.unit_id).is_some();
    (kept || seen).then_some(id)
}

/// Every reference that was sent must point to a live record that the caller sees; those of a record that comes back
/// to live ones. Returns whether they do.
pub fn references(item: &Item, target: &Target, set: &WriteSet, faults: &mut Vec<Fault>) -> bool {
    let before = faults.len();
    let returning = target.before.as_ref().filter(|_| item.op == PushOp::Restore && item.kind.name != UNIT.name);
    for found in returning.into_iter().flat_map(|record| record.references_by_pointer()) {
        // A unit's own rules look at its parent.
        let Reference::Id(id) = found.reference else { continue };
        let live = Kind::named(found.target).and_then(|kind| set.get(kind, id)).is_some_and(|record| record.is_live());
        if !live {
            faults.push(Fault::new(format!("{}{}", item.prefix, found.pointer), &faults::REFERENCE_NOT_FOUND));
        }
    }
    for (found, id) in item.references.iter().zip(&target.references) {
        // A record that refers to itself refers to nothing. Of units their own rules say so.
        let to_itself = *id == Some(target.id) && found.target == item.kind.name && item.kind.name != UNIT.name;
        if id.is_none() || to_itself {
            faults.push(Fault::new(found.pointer.clone(), &faults::REFERENCE_NOT_FOUND));
        }
    }
    faults.len() == before
}
