//! Deciding one item in memory: find its target, ask the scope, check the version, merge, ask the type's
//! rules, compare. Pure: no connection, no clock but the world's.

use super::items::{Command, Expected, Item};
use super::load::in_unit;
use super::record::{Fields, Made, Stored};
use super::registry::{Action, UNIT, Write};
use super::scope::{Actor, Scope};
use super::world::{ExternalKey, World};
use cell_records_types::faults::{self, Fault, FaultCode, Found, Report};
use cell_records_types::sync::{ConflictReason, FieldConflict, ItemStatus, PushOp};
use cell_records_types::{Class, ExternalId, Reference};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use uuid::Uuid;

/// Why an item is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing is there, or nothing that the caller may see.
    NotFound,
    /// Seen, but not allowed: the right that is missing.
    Forbidden(String),
    /// The version must be named.
    PreconditionRequired,
    /// The record is deleted.
    Deleted,
    /// Another version stands.
    Stale,
    /// State or uniqueness.
    Conflict(ConflictReason, &'static FaultCode),
    /// A fault of the body.
    Invalid,
    /// What it refers to was refused.
    Blocked,
    /// Its external ids name several records.
    DuplicateMatch,
}

/// What became of an item.
#[derive(Debug, Clone)]
pub struct Decided {
    /// What became of it.
    pub status: ItemStatus,
    /// Why it is refused, when it is.
    pub refusal: Option<Refusal>,
    /// The record's id, once it is known and may be told.
    pub id: Option<Uuid>,
    /// The record as it stands after it; on a conflict as it stands. Only what the caller may see.
    pub record: Option<Arc<Stored>>,
    /// Whether the caller knows this version whole.
    pub told: bool,
    /// All faults.
    pub faults: Vec<Fault>,
    /// What is stored all the same.
    pub warnings: Vec<Fault>,
    /// On a conflict with what stands: the fields that differ, of those that the caller may read.
    pub differing: Vec<FieldConflict>,
    /// What is to be written.
    pub effect: Option<Effect>,
}

/// One new version of one record: a row of the log.
#[derive(Debug, Clone)]
pub struct Effect {
    /// The record as it stood.
    pub before: Option<Arc<Stored>>,
    /// The record as it stands.
    pub after: Arc<Stored>,
    /// What the log calls it.
    pub op: &'static str,
    /// Whether the caller knows this version whole.
    pub told: bool,
    /// The units whose scopes it concerns.
    pub scopes: Vec<Uuid>,
    /// Units whose boundary it moves: a re-parent.
    pub boundary: Vec<Uuid>,
    /// Who wrote it.
    pub actor: Option<Uuid>,
    /// The request that wrote it.
    pub request_id: Option<String>,
}

/// What a type's rules say of a write.
#[derive(Debug, Default)]
pub struct Verdict {
    report: Report,
    /// What is stored all the same.
    pub warnings: Vec<Fault>,
    /// A refusal by state or uniqueness.
    pub conflict: Option<(ConflictReason, &'static FaultCode)>,
    /// The right that is missing.
    pub forbidden: Option<String>,
    prefix: &'static str,
}

impl Verdict {
    /// Adds a fault at a field.
    pub fn fault(&mut self, field: &str, code: &'static FaultCode) {
        self.fault_about(field, code, "");
    }

    /// Adds a fault at a field, with what its text names. `field` may be a path: `levels/0/code`.
    pub fn fault_about(&mut self, field: &str, code: &'static FaultCode, argument: impl Into<String>) {
        let pointer = format!("{}/{field}", self.prefix);
        self.report.faults.push(Fault { pointer, code, argument: argument.into() });
    }

    /// Adds a warning at a field.
    pub fn warn(&mut self, field: &str, code: &'static FaultCode, argument: impl Into<String>) {
        let pointer = format!("{}/{field}", self.prefix);
        self.warnings.push(Fault { pointer, code, argument: argument.into() });
    }

    /// Refuses by state or uniqueness; the first stands.
    pub fn conflict(&mut self, reason: ConflictReason, code: &'static FaultCode) {
        self.conflict.get_or_insert((reason, code));
    }
}

/// What an item sees of its command.
pub struct Context<'a> {
    /// The command.
    pub command: &'a Command,
    /// Items by name.
    pub names: &'a HashMap<&'a str, usize>,
    /// Positions of the items that were refused so far.
    pub failed: &'a HashSet<usize>,
    /// The caller's scope.
    pub scope: &'a Scope,
    /// Codes of the registered systems.
    pub systems: &'a HashSet<String>,
    /// This server's own code.
    pub server_code: &'a str,
    /// Versions that stood before this command, of records that it changed.
    pub first_versions: &'a HashMap<(usize, Uuid), i64>,
}

/// The record that an item means, or would make. Of several that hold its external ids, one that the scope sees goes
/// first.
pub fn target(item: &Item, world: &World, scope: Option<&Scope>) -> Option<Uuid> {
    let makes = matches!(item.op, PushOp::Create | PushOp::Upsert);
    match &item.id {
        Some(Reference::Id(id)) => Some(*id),
        Some(Reference::External { system, value }) => {
            world.holder(&(system.clone(), item.kind.name, value.clone())).or(makes.then_some(item.new_id))
        }
        Some(Reference::Item(_)) => None,
        None => {
            let holders = || item.external_ids.iter().flatten().filter_map(|one| world.holder(&key(item, one)));
            let seen = |id: &Uuid| {
                let record = world.get(item.kind, *id);
                scope.is_none_or(|scope| record.is_some_and(|one| scope.reads(item.kind, one.unit_id).is_some()))
            };
            holders().find(seen).or_else(|| holders().next()).or(makes.then_some(item.new_id))
        }
    }
}

/// What an external id of an item is known by.
pub fn key(item: &Item, one: &ExternalId) -> ExternalKey {
    (one.system.to_string(), item.kind.name, one.value.to_string())
}

/// The id that a reference stands for, whether it exists or not.
pub fn resolve(
    reference: &Reference,
    kind: &'static str,
    command: &Command,
    names: &HashMap<&str, usize>,
    world: &World,
) -> Option<Uuid> {
    match reference {
        Reference::Id(id) => Some(*id),
        Reference::External { system, value } => world.holder(&(system.clone(), kind, value.clone())),
        Reference::Item(name) => {
            let item = names.get(name.as_str()).and_then(|index| command.items.get(*index))?;
            (item.kind.name == kind).then(|| target(item, world, None)).flatten()
        }
    }
}

/// An item merged with what stands, before its rules.
pub struct Draft {
    /// The record as it stands.
    pub before: Option<Arc<Stored>>,
    /// As it would stand.
    pub after: Stored,
    /// What is done.
    pub action: Action,
    /// Faults of the merge: objects, references, required fields.
    pub faults: Vec<Fault>,
    loading: bool,
    /// Whether the unit that was sent is none that the caller sees.
    lost: bool,
}

impl Draft {
    /// As the type's rules see it.
    pub fn write<'a>(&'a self, item: &'a Item, scope: Option<&'a Scope>) -> Write<'a> {
        Write {
            before: self.before.as_deref(),
            after: &self.after,
            action: self.action,
            sent: &item.sent,
            loading: self.loading,
            scope,
        }
    }
}

/// Merges an item with what stands. Nothing when there is nothing to merge with.
///
/// Under a scope, what the caller does not see is not there: neither the record nor what the item refers to, so that
/// no rule and no comparison can tell of it.
pub fn draft(
    item: &Item,
    command: &Command,
    names: &HashMap<&str, usize>,
    world: &World,
    scope: Option<&Scope>,
) -> Option<Draft> {
    let id = target(item, world, scope)?;
    let seen = |record: &&Arc<Stored>| scope.is_none_or(|scope| scope.reads(item.kind, record.unit_id).is_some());
    let before = world.get(item.kind, id).filter(seen).cloned();
    let action = match (item.op, &before) {
        (PushOp::Create, _) | (PushOp::Upsert, None) => Action::Create,
        (PushOp::Upsert | PushOp::Update, Some(_)) => Action::Update,
        (PushOp::Restore, Some(_)) => Action::Create,
        (PushOp::Delete, Some(_)) => Action::Delete,
        (PushOp::Update | PushOp::Delete | PushOp::Restore, None) => return None,
    };
    let base = if item.op == PushOp::Create { None } else { before.as_deref() };
    let mut faults = Vec::new();
    let fields = merge(item, base, command, names, world, scope, &mut faults);
    let sent = item.unit.as_ref().and_then(|unit| resolve(unit, UNIT.name, command, names, world));
    let sees = |unit: &Uuid| {
        scope.is_none_or(|scope| {
            let alive = || world.get(UNIT, *unit).is_some_and(|record| record.is_live());
            base.is_some_and(|base| base.unit_id == *unit) || alive() && scope.reads(UNIT, *unit).is_some()
        })
    };
    let sent = sent.filter(sees);
    let lost = item.unit.is_some() && sent.is_none();
    let unit_id = if item.kind.name == UNIT.name {
        id
    } else {
        let derived = || if lost { None } else { item.kind.default_unit(&fields, world) };
        sent.or(base.map(|base| base.unit_id)).or_else(derived).unwrap_or_else(Uuid::nil)
    };
    let after = Stored {
        kind: item.kind,
        id,
        unit_id,
        version: before.as_ref().map_or(0, |before| before.version) + 1,
        created_at: before.as_ref().map_or(world.now, |before| before.created_at),
        updated_at: before.as_ref().map_or(world.now, |before| world.now.max(before.updated_at)),
        deleted_at: None,
        origin: None,
        external_ids: base.map_or_else(|| "[]".to_owned(), |base| base.external_ids.clone()),
        body: fields.cut(item.kind.fields),
        made: Made::default(),
    };
    Some(Draft { before, after, action, faults, loading: command.caller.actor == Actor::Operator, lost })
}

/// What stands in a draft for a reference to what the caller does not see: it points to nothing, whatever was sent.
const NOTHING: &str = "ext:-:-";

/// The own fields after the merge patch, references resolved.
fn merge(
    item: &Item,
    base: Option<&Stored>,
    command: &Command,
    names: &HashMap<&str, usize>,
    world: &World,
    scope: Option<&Scope>,
    faults: &mut Vec<Fault>,
) -> Fields {
    let mut fields = base.map(|base| base.body.fields(Class::Sensitive)).unwrap_or_default();
    if matches!(item.op, PushOp::Delete | PushOp::Restore) {
        return fields;
    }
    let mut sent = Value::Object(item.fields.clone());
    for found in &item.references {
        let id = resolve(&found.reference, found.target, command, names, world)
            .filter(|id| scope.is_none_or(|scope| is_seen(found, *id, base, scope, world)));
        let pointer = found.pointer.strip_prefix(item.prefix).unwrap_or(&found.pointer);
        if let Some(at) = sent.pointer_mut(pointer) {
            *at = Value::String(id.map_or_else(|| NOTHING.to_owned(), |id| id.to_string()));
        }
    }
    let Value::Object(sent) = sent else { return fields };
    let mut report = Report::new(item.prefix);
    for (name, value) in sent {
        let Some(spec) = item.kind.field(&name) else { continue };
        if spec.managed && !item.managed && command.caller.actor != Actor::Operator {
            // Refused below; no rule is to judge it.
            continue;
        }
        match value {
            Value::Null if spec.required => report.fault_at(&name, &faults::REQUIRED, ""),
            Value::Null => {
                fields.0.remove(&name);
            }
            Value::Object(patch) => {
                let mut value = merged(fields.0.get(&name), patch);
                report.within(&name, |report| {
                    let before = report.faults.len();
                    (spec.check)(&mut value, report);
                    if report.faults.len() == before {
                        fields.0.insert(name.clone(), value);
                    }
                });
            }
            value => {
                fields.0.insert(name, value);
            }
        }
    }
    if item.replace {
        let cleared = |spec: &&cell_records_types::FieldSpec| {
            !spec.required && !spec.managed && !item.kind.defaulted.contains(&spec.name)
        };
        for spec in item.kind.fields.iter().filter(cleared) {
            let kept = item.sent.iter().any(|name| name == spec.name)
                || item.unwritable.get().is_some_and(|names| names.contains(&spec.name));
            if !kept {
                fields.0.remove(spec.name);
            }
        }
    }
    for spec in item
        .kind
        .fields
        .iter()
        .filter(|spec| spec.required && !spec.managed && !item.sent.iter().any(|name| name == spec.name))
    {
        if !fields.0.contains_key(spec.name) {
            report.fault_at(spec.name, &faults::REQUIRED, "");
        }
    }
    faults.append(&mut report.faults);
    fields
}

/// Whether a reference points to a live record that the caller sees, or by its id to one that stands there already.
fn is_seen(found: &Found, id: Uuid, base: Option<&Stored>, scope: &Scope, world: &World) -> bool {
    let record = super::registry::Kind::named(found.target).and_then(|kind| world.get(kind, id));
    let kept = matches!(found.reference, Reference::Id(_)) && base.is_some_and(|base| base.links().contains(&id));
    record.is_some_and(|record| kept || record.is_live() && scope.reads(record.kind, record.unit_id).is_some())
}

/// RFC 7396 for the inside of a field.
fn merged(base: Option<&Value>, patch: Map<String, Value>) -> Value {
    let mut into = base.and_then(Value::as_object).cloned().unwrap_or_default();
    for (name, value) in patch {
        match value {
            Value::Null => {
                into.remove(&name);
            }
            Value::Object(patch) => {
                let value = merged(into.get(&name), patch);
                into.insert(name, value);
            }
            value => {
                into.insert(name, value);
            }
        }
    }
    Value::Object(into)
}

impl Decided {
    fn new(status: ItemStatus) -> Self {
        Decided {
            status,
            refusal: None,
            id: None,
            record: None,
            told: false,
            faults: Vec::new(),
            warnings: Vec::new(),
            differing: Vec::new(),
            effect: None,
        }
    }
}

fn refused(status: ItemStatus, refusal: Refusal, id: Option<Uuid>) -> Decided {
    Decided { refusal: Some(refusal), id, ..Decided::new(status) }
}

/// A conflict that tells nothing of what it clashes with.
pub fn clash(code: &'static FaultCode) -> Decided {
    refused(ItemStatus::Conflict, Refusal::Conflict(ConflictReason::Unique, code), None)
}

/// A conflict with the record as it stands.
fn conflict(refusal: Refusal, record: &Arc<Stored>) -> Decided {
    Decided { record: Some(record.clone()), ..refused(ItemStatus::Conflict, refusal, Some(record.id)) }
}

/// The same, naming what the item would have changed, so far as the caller may read it. What was sent is shown as it was
/// sent: an external id that is resolved here would tell about what its sender may not see.
fn conflict_about(
    refusal: Refusal,
    record: &Arc<Stored>,
    item: &Item,
    after: &Stored,
    lost: bool,
    scope: &Scope,
) -> Decided {
    let reads = scope.reads(record.kind, record.unit_id);
    let named = scope.named_fields(record.kind, record.unit_id);
    let (current, merged) = (record.body.fields(Class::Sensitive), after.body.fields(Class::Sensitive));
    let mut differing = Vec::new();
    if let Some(unit) = item.unit.as_ref().filter(|_| lost || after.unit_id != record.unit_id) {
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

fn invalid(faults: Vec<Fault>) -> Decided {
    Decided { faults, ..refused(ItemStatus::Invalid, Refusal::Invalid, None) }
}

/// Longest chain of relays.
const LONGEST_VIA: usize = 4;

/// Decides one item and puts what it makes into the world.
pub fn decide(item: &Item, context: &Context<'_>, world: &mut World) -> Decided {
    let scope = context.scope;
    if item.via.len() > LONGEST_VIA || item.via.iter().any(|code| code == context.server_code) {
        return Decided::new(ItemStatus::SkippedOwnOrigin);
    }
    if item.unreadable {
        return invalid(item.faults.clone());
    }
    let blocked =
        item.names_used().any(|name| context.names.get(name).is_some_and(|index| context.failed.contains(index)));
    if blocked {
        return refused(ItemStatus::Blocked, Refusal::Blocked, None);
    }
    // Who may see and do it comes first: no later answer tells about what is invisible.
    let stands_there = target(item, world, Some(scope)).and_then(|id| world.get(item.kind, id));
    let before = stands_there.filter(|before| scope.reads(item.kind, before.unit_id).is_some()).cloned();
    let hidden = stands_there.is_some() && before.is_none();
    let writable = Writable { item, scope };
    writable.mark(before.as_deref());
    // Without a record that the caller sees there is nothing to update, delete or bring back.
    let Some(mut draft) = draft(item, context.command, context.names, world, Some(scope)) else {
        return refused(ItemStatus::NotFound, Refusal::NotFound, None);
    };
    let mut all = item.faults.clone();
    all.append(&mut draft.faults);
    let placed = place(item, &draft, context, world, &mut all);
    if let Err(right) = writable.allowed(&draft) {
        return refused(ItemStatus::Forbidden, Refusal::Forbidden(right), before.map(|before| before.id));
    }
    if names_several(item, scope, world) {
        return refused(ItemStatus::DuplicateMatch, Refusal::DuplicateMatch, None);
    }
    if let (PushOp::Restore, Some(before)) = (item.op, before.as_ref().filter(|before| before.is_live())) {
        // It is as it was asked for.
        return stands(before, Vec::new());
    }
    if let Some(refusal) = version(item, &draft, context) {
        return refusal;
    }
    writable.fields(&draft, placed, &mut all);
    // No rule looks at what a reference means that the caller does not see.
    let placed = references(item, &draft, context, world, &mut all) && placed;
    let external = external(item, &draft, context, &mut all);
    // The rules run over what could be read, so that all faults are told together.
    let asked = draft.after.body.clone();
    let mut verdict = Verdict { prefix: item.prefix, ..Verdict::default() };
    let ruled = if placed { item.kind.decide(&draft.write(item, Some(scope)), world, &mut verdict) } else { None };
    if let Some(right) = verdict.forbidden {
        return refused(ItemStatus::Forbidden, Refusal::Forbidden(right), before.map(|before| before.id));
    }
    if let (Action::Delete, Some(before), true) = (draft.action, &before, is_pointed_to(&draft.after, world)) {
        return conflict(Refusal::Conflict(ConflictReason::Referenced, &faults::STILL_REFERENCED), before);
    }
    if let Some((reason, code)) = verdict.conflict {
        let refusal = Refusal::Conflict(reason, code);
        return match &before {
            Some(before) => conflict_about(refusal, before, item, &draft.after, draft.lost, scope),
            None => refused(ItemStatus::Conflict, refusal, None),
        };
    }
    let taken = |one: &ExternalId| world.holder(&key(item, one)).is_some_and(|holder| holder != draft.after.id);
    if external.iter().any(taken) {
        return clash(&faults::EXTERNAL_ID_TAKEN);
    }
    all.append(&mut verdict.report.faults);
    // That an id belongs to what the caller does not see is told only to who could have made the record.
    if hidden && all.is_empty() {
        return clash(&faults::ID_TAKEN);
    }
    let fields = match ruled {
        Some(fields) if all.is_empty() => fields,
        _ => {
            if all.is_empty() {
                // Only a stored record that does not read back comes here.
                all.push(Fault {
                    pointer: item.prefix.into(),
                    code: &faults::WRONG_TYPE,
                    argument: "a readable record".into(),
                });
            }
            return invalid(all);
        }
    };
    draft.after.body = fields.cut(item.kind.fields);
    draft.after.made = Made::default();
    draft.after.external_ids = Stored::external_text(&external);
    draft.after.origin = origin(item, &scope.actor);
    finish(item, draft, &asked, verdict.warnings, context, world)
}

/// Whether an item's external ids belong to several records that the caller sees. One that it does not see clashes at
/// the end, like any other external id that is taken.
fn names_several(item: &Item, scope: &Scope, world: &World) -> bool {
    if item.op != PushOp::Upsert || item.id.is_some() {
        return false;
    }
    let holders = item.external_ids.iter().flatten().filter_map(|one| world.holder(&key(item, one)));
    let seen =
        |id: &Uuid| world.get(item.kind, *id).is_some_and(|record| scope.reads(record.kind, record.unit_id).is_some());
    holders.filter(seen).collect::<HashSet<Uuid>>().len() > 1
}

/// Whether live records point to a record, or belong to it.
fn is_pointed_to(record: &Stored, world: &World) -> bool {
    !world.pointing_to(record.id).is_empty()
        || (record.kind.name == UNIT.name
            && in_unit(record.id).any(|need| world.matching(&need).iter().any(|other| other.id != record.id)))
}

/// Judges the unit that the record would belong to. Answers whether rules can run.
fn place(item: &Item, draft: &Draft, context: &Context<'_>, world: &World, faults: &mut Vec<Fault>) -> bool {
    let mut fault =
        |code| faults.push(Fault { pointer: format!("{}/unit_id", item.prefix), code, argument: String::new() });
    if item.kind.name == UNIT.name {
        let sent = item.unit.as_ref().and_then(|unit| resolve(unit, UNIT.name, context.command, context.names, world));
        if item.unit.is_some() && sent != Some(draft.after.id) {
            fault(&faults::UNIT_FIXED);
        }
        return true;
    }
    if draft.lost {
        fault(&faults::REFERENCE_NOT_FOUND);
        return draft.before.is_some();
    }
    let unit = draft.after.unit_id;
    if unit.is_nil() {
        // What is no reference at all was told when the body was read.
        if !item.sent.iter().any(|name| name == "unit_id") {
            fault(&faults::REQUIRED);
        }
        return false;
    }
    // A record comes back to its unit as it would be made there.
    let moved = draft.before.as_ref().is_none_or(|before| before.unit_id != unit || !before.is_live());
    let alive = world.get(UNIT, unit).is_some_and(|unit| unit.is_live());
    if moved && (!alive || context.scope.reads(UNIT, unit).is_none()) {
        // One that the type tells by itself is told of only where the caller sees it.
        let derived = item.unit.is_none() && draft.before.is_none();
        fault(if derived { &faults::REQUIRED } else { &faults::REFERENCE_NOT_FOUND });
        return false;
    }
    if moved && draft.action == Action::Update && item.kind.downward {
        fault(&faults::UNIT_FIXED);
    }
    true
}

/// The version that the caller built on.
fn version(item: &Item, draft: &Draft, context: &Context<'_>) -> Option<Decided> {
    let before = draft.before.as_ref()?;
    if item.op == PushOp::Create {
        return None;
    }
    if item.expected == Expected::Missing {
        let fault =
            Fault { pointer: "/if_version".into(), code: &faults::PRECONDITION_REQUIRED, argument: String::new() };
        return Some(Decided { refusal: Some(Refusal::PreconditionRequired), ..invalid(vec![fault]) });
    }
    if item.op != PushOp::Restore && !before.is_live() {
        return Some(conflict(Refusal::Deleted, before));
    }
    let stale = match item.expected {
        Expected::Exactly(version) => version != before.version,
        Expected::Version(version) => {
            // The second item of one call for a record may name the version from before the call.
            let first = context.first_versions.get(&(item.kind.order, before.id));
            version != before.version
                && first != Some(&version)
                && !(draft.action == Action::Update && is_same(item, draft, before))
        }
        Expected::Any | Expected::Missing => false,
    };
    stale.then(|| conflict_about(Refusal::Stale, before, item, &draft.after, draft.lost, context.scope))
}

/// Whether a merge changes nothing (before the rules, which add nothing to an unchanged record).
fn is_same(item: &Item, draft: &Draft, before: &Stored) -> bool {
    let external = item.external_ids.as_ref().is_none_or(|ids| Stored::external_text(ids) == before.external_ids);
    draft.after.body == before.body && draft.after.unit_id == before.unit_id && !draft.lost && external
}

/// What a record that comes back points to again. A unit's own rules look at its parent.
pub fn pointed_again(item: &Item, before: &Stored) -> Vec<(&'static super::registry::Kind, Uuid)> {
    let again = (item.op == PushOp::Restore && item.kind.name != UNIT.name).then(|| before.pointed());
    again.into_iter().flatten().filter_map(|found| target_of(&found)).collect()
}

fn target_of(found: &Found) -> Option<(&'static super::registry::Kind, Uuid)> {
    match found.reference {
        Reference::Id(id) => Some((super::registry::Kind::named(found.target)?, id)),
        _ => None,
    }
}

/// Every reference that was sent must point to a live record that the caller sees; those of a record that comes back
/// to live ones. Answers whether they do.
fn references(item: &Item, draft: &Draft, context: &Context<'_>, world: &World, faults: &mut Vec<Fault>) -> bool {
    let before = faults.len();
    if let (PushOp::Restore, Some(before)) = (item.op, draft.before.as_ref().filter(|_| item.kind.name != UNIT.name)) {
        let gone = |found: &Found| {
            target_of(found).is_some_and(|(kind, id)| !world.get(kind, id).is_some_and(|record| record.is_live()))
        };
        for found in before.pointed().into_iter().filter(gone) {
            let pointer = format!("{}{}", item.prefix, found.pointer);
            faults.push(Fault { pointer, code: &faults::REFERENCE_NOT_FOUND, argument: String::new() });
        }
    }
    let base = draft.before.as_deref().filter(|_| item.op != PushOp::Create);
    for found in &item.references {
        let id = resolve(&found.reference, found.target, context.command, context.names, world);
        if !id.is_some_and(|id| is_seen(found, id, base, context.scope, world)) {
            faults.push(Fault {
                pointer: found.pointer.clone(),
                code: &faults::REFERENCE_NOT_FOUND,
                argument: String::new(),
            });
        }
    }
    faults.len() == before
}

/// The external ids after the write: entries of systems that the caller may not write stay as they are.
fn external(item: &Item, draft: &Draft, context: &Context<'_>, faults: &mut Vec<Fault>) -> Vec<ExternalId> {
    let held =
        draft.before.as_ref().filter(|_| item.op != PushOp::Create).map(|before| before.external()).unwrap_or_default();
    let mut sent = item.external_ids.clone();
    if let (None, Some(Reference::External { system, value }), None) = (&sent, &item.id, &draft.before) {
        // An upsert by an external id that nobody holds makes a record that holds it.
        sent = Some(vec![ExternalId { system: system.as_str().into(), value: value.as_str().into() }]);
    }
    let Some(sent) = sent else { return held };
    let own = match &context.scope.actor {
        Actor::Account(_, Some(code)) => Some(code.as_str()),
        _ => None,
    };
    let writable = |system: &str| own.is_none_or(|own| own == system);
    let mut result: Vec<ExternalId> = held.iter().filter(|one| !writable(&one.system)).cloned().collect();
    for (index, one) in sent.into_iter().enumerate() {
        let mut fault = |code| {
            faults.push(Fault { pointer: format!("/external_ids/{index}/system"), code, argument: String::new() });
        };
        if !writable(&one.system) {
            if !held.contains(&one) {
                fault(&faults::FIELD_NOT_WRITABLE);
            }
        } else if !held.contains(&one) && !context.systems.contains(&*one.system) {
            fault(&faults::REFERENCE_NOT_FOUND);
        } else if !result.contains(&one) {
            result.push(one);
        }
    }
    result
}

/// The code of the system that a write comes from.
fn origin(item: &Item, actor: &Actor) -> Option<String> {
    item.origin.clone().or_else(|| match actor {
        Actor::Account(_, code) => code.clone(),
        Actor::Operator => None,
    })
}

/// What the caller may write of the record where it stands and where it would stand.
struct Writable<'a> {
    item: &'a Item,
    scope: &'a Scope,
}

impl Writable<'_> {
    /// The units whose rights are asked: before and after; of a unit, its parents.
    fn units(&self, draft: &Draft) -> Vec<Uuid> {
        let mut units = Vec::new();
        if self.item.kind.name == UNIT.name {
            let parent = |record: &Stored| {
                record
                    .typed::<cell_records_types::Unit>()
                    .and_then(|unit| unit.parent_id.as_ref().and_then(|parent| parent.id()))
            };
            let (old, new) = (draft.before.as_deref().and_then(parent), draft_parent(draft));
            if draft.action == Action::Create || draft.action == Action::Delete || old != new {
                units.extend(old.into_iter().chain(new));
            }
            if draft.before.is_some() || units.is_empty() {
                units.push(draft.after.id);
            }
        } else {
            units.extend(draft.before.as_ref().map(|before| before.unit_id));
            if !draft.after.unit_id.is_nil() {
                units.push(draft.after.unit_id);
            }
        }
        units.dedup();
        units
    }

    /// Whether the caller may do it at all; else the right that is missing.
    fn allowed(&self, draft: &Draft) -> Result<(), String> {
        let kind = self.item.kind;
        let units = self.units(draft);
        let whole = draft.action != Action::Update
            || draft.before.as_ref().is_some_and(|before| before.unit_id != draft.after.unit_id);
        let may = |unit: &Uuid| {
            let writes = self.scope.writes(kind, *unit);
            writes.any() && (!whole || writes.whole())
        };
        // A unit to go to that the caller does not see is answered as a reference to nothing, whatever it is.
        let here = draft.before.as_ref().map(|before| before.unit_id);
        let known =
            |unit: &&Uuid| self.scope.is_operator() || Some(**unit) == here || self.scope.reads(UNIT, **unit).is_some();
        let known: Vec<&Uuid> = units.iter().filter(known).collect();
        let allowed = if known.is_empty() {
            // Its unit is not known: the caller must be able to write the type somewhere.
            self.scope.grants.iter().any(|grant| may(&grant.unit)) || self.scope.is_operator()
        } else {
            known.into_iter().all(may)
        };
        if allowed { Ok(()) } else { Err(format!("{}:write", kind.name)) }
    }

    /// Fields that were sent and may not be written; without a place, there is no right to ask.
    fn fields(&self, draft: &Draft, placed: bool, faults: &mut Vec<Fault>) {
        let home = self.home(draft);
        let units: Vec<Uuid> = draft.before.as_ref().map(|before| before.unit_id).into_iter().chain([home]).collect();
        let placed =
            placed && (draft.before.is_some() || self.scope.is_operator() || self.scope.reads(UNIT, home).is_some());
        for name in &self.item.sent {
            let Some(spec) = self.item.kind.field(name) else { continue };
            let code = if spec.managed && !self.item.managed && !self.scope.is_operator() {
                &faults::READ_ONLY
            } else if placed
                && !units.iter().all(|unit| self.scope.writes(self.item.kind, *unit).field(name, spec.class))
            {
                &faults::FIELD_NOT_WRITABLE
            } else {
                continue;
            };
            faults.push(Fault { pointer: format!("{}/{name}", self.item.prefix), code, argument: String::new() });
        }
    }

    /// Where the rights for fields are asked: the unit after, or a new unit's parent.
    fn home(&self, draft: &Draft) -> Uuid {
        if self.item.kind.name == UNIT.name && draft.before.is_none() {
            return draft_parent(draft).unwrap_or(draft.after.id);
        }
        draft.after.unit_id
    }

    /// Notes which fields a `replace` must leave alone.
    fn mark(&self, before: Option<&Stored>) {
        if !self.item.replace {
            return;
        }
        let unit = before.map(|before| before.unit_id);
        let may =
            |name: &str, class| unit.is_none_or(|unit| self.scope.writes(self.item.kind, unit).field(name, class));
        let names = self.item.kind.fields.iter().filter(|spec| !may(spec.name, spec.class)).map(|spec| spec.name);
        let _ = self.item.unwritable.set(names.collect());
    }
}

fn draft_parent(draft: &Draft) -> Option<Uuid> {
    let fields = draft.after.body.fields(Class::Public);
    fields.0.get("parent_id").and_then(Value::as_str).and_then(|id| Uuid::try_parse(id).ok())
}

/// Compares, puts the new version into the world and describes the row of the log.
fn finish(
    item: &Item,
    draft: Draft,
    asked: &super::record::Body,
    warnings: Vec<Fault>,
    context: &Context<'_>,
    world: &mut World,
) -> Decided {
    let Draft { before, mut after, action, .. } = draft;
    if let Some(before) = before.as_ref().filter(|before| before.is_live() && action != Action::Delete) {
        let same =
            before.body == after.body && before.unit_id == after.unit_id && before.external_ids == after.external_ids;
        if same {
            return stands(before, warnings);
        }
    }
    if let (PushOp::Create, Some(before)) = (item.op, &before) {
        if !before.is_live() {
            return conflict(Refusal::Deleted, before);
        }
        let refusal = Refusal::Conflict(ConflictReason::Unique, &faults::ID_TAKEN);
        return conflict_about(refusal, before, item, &after, false, context.scope);
    }
    let (op, status) = match (action, &before) {
        (Action::Delete, _) => ("delete", ItemStatus::Deleted),
        (_, None) => ("create", ItemStatus::Created),
        (_, Some(before)) if !before.is_live() => ("restore", ItemStatus::Restored),
        (_, Some(before)) if before.unit_id != after.unit_id => ("move", ItemStatus::Updated),
        _ => ("update", ItemStatus::Updated),
    };
    if action == Action::Delete {
        after.deleted_at = Some(after.updated_at);
    }
    let built_on = matches!(item.expected, Expected::Version(_) | Expected::Exactly(_)) || before.is_none();
    let told = context.command.tells || (built_on && *asked == after.body && action != Action::Delete);
    // A deleted record keeps its external ids: what is written under them must not make another record.
    let had = before.as_ref().map(|before| before.external()).unwrap_or_default();
    let has = after.external();
    let after = Arc::new(after);
    let mut scopes: Vec<Uuid> = before.iter().flat_map(|before| world.tree.ancestors(before.unit_id)).collect();
    let boundary = if item.kind.name == UNIT.name { hang(&after, world) } else { Vec::new() };
    scopes.extend(world.tree.ancestors(after.unit_id));
    scopes.sort_unstable();
    scopes.dedup();
    world.put_external(item.kind, after.id, &had, &has);
    world.put(after.clone());
    let actor = match &context.scope.actor {
        Actor::Account(id, _) => Some(*id),
        Actor::Operator => None,
    };
    let request_id = context.command.caller.request_id.clone();
    let effect = Effect { before, after: after.clone(), op, told, scopes, boundary, actor, request_id };
    let (id, record) = (Some(after.id), Some(after));
    Decided { id, record, told, warnings, effect: Some(effect), ..Decided::new(status) }
}

/// The answer to an item that asks for what stands already.
fn stands(record: &Arc<Stored>, warnings: Vec<Fault>) -> Decided {
    let (id, record) = (Some(record.id), Some(record.clone()));
    Decided { id, record, told: true, warnings, ..Decided::new(ItemStatus::Unchanged) }
}

/// Hangs a unit where its record says. Answers the units whose boundary moves.
fn hang(unit: &Stored, world: &mut World) -> Vec<Uuid> {
    let fields = unit.body.fields(Class::Public);
    let parent = fields.0.get("parent_id").and_then(Value::as_str).and_then(|id| Uuid::try_parse(id).ok());
    let known = world.tree.contains(unit.id);
    if known && world.tree.parent(unit.id) == parent {
        return Vec::new();
    }
    let before: HashSet<Uuid> = world.tree.ancestors(unit.id).collect();
    let boundary = world.tree.boundary(unit.id);
    world.put_tree(|tree| tree.set(unit.id, parent, boundary));
    if !known {
        return Vec::new();
    }
    let after: HashSet<Uuid> = world.tree.ancestors(unit.id).collect();
    let mut moved: Vec<Uuid> = before.symmetric_difference(&after).copied().collect();
    moved.extend(world.tree.subtree(unit.id, usize::MAX).unwrap_or_default());
    moved.sort_unstable();
    moved.dedup();
    moved
}
