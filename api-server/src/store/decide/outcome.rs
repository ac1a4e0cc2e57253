//! The result of an item: versions and conflicts, and the new version that it puts into the set.

use super::external;
use super::merge::Draft;
use super::target::{Sent, Target};
use super::{Context, Decided, Effect, Judged, Refusal, invalid, refused};
use crate::store::history;
use crate::store::items::{Expected, Item};
use crate::store::record::{CutBody, Envelope, Stored, Typed, external_text, shown};
use crate::store::registry::UNIT;
use crate::store::rules::Action;
use crate::store::scope::{Actor, Scope};
use crate::store::write_set::WriteSet;
use cell_records_types::faults::{self, Fault};
use cell_records_types::sync::{ConflictReason, FieldConflict, ItemStatus, PushOp};
use cell_records_types::{Class, ExternalId, Unit};
use std::collections::HashSet;
use std::sync::Arc;
use uuid::Uuid;

/// A conflict with the record as it is stored.
pub fn conflict(refusal: Refusal, record: &Arc<Stored>) -> Decided {
    Decided { record: Some(record.clone()), ..refused(ItemStatus::Conflict, refusal, Some(record.id)) }
}

/// The same, naming what the item would have changed, so far as the caller may read it. What was sent is shown as it
/// was sent: an external id that is resolved here would reveal what its sender may not see.
pub fn conflict_about(refusal: Refusal, record: &Arc<Stored>, item: &Item, draft: &Draft, scope: &Scope) -> Decided {
    let reads = scope.reads(record.kind, record.unit_id);
    let named = scope.named_fields(record.kind, record.unit_id);
    let (current, merged) = (record.body.fields(Class::Sensitive), body(item, draft).fields(Class::Sensitive));
    let mut differing = Vec::new();
    if let Some(unit) = item.unit.as_ref().filter(|_| draft.is_lost() || draft.unit_id != record.unit_id) {
        let (current, incoming) = (record.unit_id.to_string().into(), unit.to_string().into());
        differing.push(FieldConflict { field: "unit_id".into(), current, incoming });
    }
    for (name, incoming) in &item.fields {
        let readable = item
            .kind
            .field(name)
            .is_some_and(|spec| reads.is_some_and(|reads| spec.class <= reads) || named.contains(&spec.name));
        if readable && current.0.get(name) != merged.0.get(name) {
            let current = current.0.get(name).cloned().unwrap_or_default();
            differing.push(FieldConflict { field: name.clone(), current, incoming: incoming.clone() });
        }
    }
    Decided { differing, ..conflict(refusal, record) }
}

/// The body of a draft.
fn body(item: &Item, draft: &Draft) -> CutBody {
    draft.after.as_ref().map(|after| item.kind.cut(after)).unwrap_or_default()
}

/// The version that the caller built on.
pub fn version(item: &Item, target: &Target, draft: &Draft, context: &Context<'_>) -> Option<Decided> {
    let before = target.base(item.op)?;
    if item.expected == Expected::Missing {
        let fault = Fault::new("/if_version", &faults::PRECONDITION_REQUIRED);
        return Some(Decided { refusal: Some(Refusal::PreconditionRequired), ..invalid(vec![fault]) });
    }
    if item.op != PushOp::Restore && !before.is_live() {
        return Some(conflict(Refusal::Deleted, before));
    }
    let stale = match item.expected {
        Expected::Exactly(version) => version != before.version,
        Expected::Version(version) => {
            // The second item of one call for a record may name the version from before the call.
            let first = context.first_versions.get(&before.key());
            version != before.version
                && first != Some(&version)
                && !(draft.action == Action::Update && is_same(item, draft, before, context.scope))
        }
        Expected::Any | Expected::Missing => false,
    };
    stale.then(|| conflict_about(Refusal::Stale, before, item, draft, context.scope))
}

/// Whether a merge changes nothing (before the rules, which add nothing to an unchanged record).
fn is_same(item: &Item, draft: &Draft, before: &Stored, scope: &Scope) -> bool {
    let external = item.external_ids.as_ref().is_none_or(|ids| external_text(ids) == before.external_ids);
    external && draft.unit_id == before.unit_id && !draft.is_lost() && has_body(before, &body(item, draft), scope)
}

/// Whether a record has this body, which is cut by today's classes.
fn has_body(record: &Stored, body: &CutBody, scope: &Scope) -> bool {
    record.body == *body || (scope.recut && shown(scope, record).body == *body)
}

/// The answer to an item that asks for what is stored already.
pub fn unchanged(record: &Arc<Stored>, warnings: Vec<Fault>) -> Decided {
    let (id, record) = (Some(record.id), Some(record.clone()));
    Decided { id, record, known_to_writer: true, warnings, ..Decided::new(ItemStatus::Unchanged) }
}

/// The record that a create which is repeated made: it has what was sent, as far as its caller reads it. Whether there is more
/// must not show.
pub fn repeated<'a>(
    item: &Item,
    target: &'a Target,
    draft: &Draft,
    after: &Typed,
    external_ids: &[ExternalId],
    scope: &Scope,
) -> Option<&'a Arc<Stored>> {
    let before = target.before.as_ref().filter(|before| item.op == PushOp::Create && before.is_live())?;
    if before.unit_id != draft.unit_id || before.external_ids != external_text(external_ids) {
        return None;
    }
    let after = Stored::of(item.kind, Envelope::clone(before), after.clone());
    history::changed(scope, Some(&shown(scope, before)), &after).is_empty().then_some(before)
}

/// Compares, puts the new version into the set and describes the row of the log.
pub fn finish(
    item: &Item,
    target: &Target,
    draft: &Draft,
    judged: Judged,
    context: &Context<'_>,
    set: &mut WriteSet,
) -> Decided {
    let Judged { after, is_as_sent, external_ids: has, warnings, candidates } = judged;
    let (before, action) = (target.before.as_ref(), draft.action);
    let updated_at = before.map_or(set.now, |before| set.now.max(before.updated_at));
    let envelope = Envelope {
        id: target.id,
        unit_id: draft.unit_id,
        version: before.map_or(0, |before| before.version) + 1,
        created_at: before.map_or(set.now, |before| before.created_at),
        updated_at,
        deleted_at: (action == Action::Delete).then_some(updated_at),
        origin: origin(item, &context.scope.actor),
        external_ids: external_text(&has),
    };
    let after = Stored::of(item.kind, envelope, after);
    if let Some(before) = before.filter(|before| before.is_live() && action != Action::Delete) {
        let same = before.unit_id == after.unit_id && before.external_ids == after.external_ids;
        if same && has_body(before, &after.body, context.scope) {
            return unchanged(before, warnings);
        }
    }
    if let (PushOp::Create, Some(before)) = (item.op, before) {
        if !before.is_live() {
            return conflict(Refusal::Deleted, before);
        }
        let fault = external::found_by(item, target.id, set);
        let refusal = Refusal::Conflict(ConflictReason::Unique, fault.code);
        return Decided { faults: vec![fault], ..conflict_about(refusal, before, item, draft, context.scope) };
    }
    let (op, status) = match (action, before) {
        (Action::Delete, _) => ("delete", ItemStatus::Deleted),
        (_, None) => ("create", ItemStatus::Created),
        (_, Some(before)) if !before.is_live() => ("restore", ItemStatus::Restored),
        (_, Some(before)) if before.unit_id != after.unit_id => ("move", ItemStatus::Updated),
        _ => ("update", ItemStatus::Updated),
    };
    let built_on = matches!(item.expected, Expected::Version(_) | Expected::Exactly(_)) || before.is_none();
    let known_to_writer = context.command.returns_records || (built_on && is_as_sent && action != Action::Delete);
    let after = Arc::new(after);
    let mut scopes: Vec<Uuid> = before.iter().flat_map(|before| set.tree.ancestors(before.unit_id)).collect();
    let boundary = if item.kind.name == UNIT.name { attach(&after, set) } else { Vec::new() };
    scopes.extend(set.tree.ancestors(after.unit_id));
    scopes.sort_unstable();
    scopes.dedup();
    // A deleted record keeps its external ids: what is written under them must not make another record.
    let had = before.map(|before| before.external()).unwrap_or_default();
    set.put_external(item.kind, after.id, &had, &has);
    set.put(after.clone());
    let actor = match &context.scope.actor {
        Actor::Account(id, _) => Some(*id),
        Actor::Operator => None,
    };
    let request_id = context.command.caller.request_id.clone();
    let effect = Effect {
        before: before.cloned(),
        after: after.clone(),
        op,
        known_to_writer,
        scopes,
        boundary,
        actor,
        request_id,
    };
    let (id, record) = (Some(after.id), Some(after));
    Decided { id, record, known_to_writer, warnings, candidates, effect: Some(effect), ..Decided::new(status) }
}

/// The code of the system that a write comes from.
fn origin(item: &Item, actor: &Actor) -> Option<String> {
    item.origin.clone().or_else(|| match actor {
        Actor::Account(_, code) => code.clone(),
        Actor::Operator => None,
    })
}

/// Puts a unit into the tree under the parent that its record names. Returns the units whose boundary moves.
fn attach(unit: &Stored, set: &mut WriteSet) -> Vec<Uuid> {
    let parent = unit.typed::<Unit>().and_then(|unit| unit.parent_id.as_ref().and_then(|parent| parent.id()));
    let known = set.tree.contains(unit.id);
    if known && set.tree.parent(unit.id) == parent {
        return Vec::new();
    }
    let before: HashSet<Uuid> = set.tree.ancestors(unit.id).collect();
    let boundary = set.tree.boundary(unit.id);
    set.put_tree(|tree| tree.set(unit.id, parent, boundary));
    if !known {
        return Vec::new();
    }
    let after: HashSet<Uuid> = set.tree.ancestors(unit.id).collect();
    let mut moved: Vec<Uuid> = before.symmetric_difference(&after).copied().collect();
    moved.extend(set.tree.subtree(unit.id, usize::MAX).unwrap_or_default());
    moved.sort_unstable();
    moved.dedup();
    moved
}

impl Draft {
    /// Whether a unit was sent that the caller does not see.
    pub fn is_lost(&self) -> bool {
        self.sent_unit() == Sent::Unknown
    }
}
