//! An item merged with the stored record, before its rules: merge patch, references as ids, the typed form.

use super::step::{self, Stepping};
use super::target::{Sent, Target};
use super::{Context, Refusal};
use crate::store::items::Item;
use crate::store::record::{Fields, Stored, Typed};
use crate::store::registry::UNIT;
use crate::store::rules::Action;
use crate::store::scope::Writes;
use crate::store::write_set::WriteSet;
use cell_records_types::faults::{self, Fault, Report};
use cell_records_types::sync::PushOp;
use cell_records_types::{Class, ExternalId, FieldSpec};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::sync::Arc;
use uuid::Uuid;

/// An item merged with the stored record. It is made once, and again only when what it was made of changed.
pub struct Draft {
    /// What is done.
    pub action: Action,
    /// The unit that the record would belong to; nil when none is known.
    pub unit_id: Uuid,
    /// Of a unit: the unit that it would be under.
    pub parent: Option<Uuid>,
    /// The record as it would be; nothing when its fields do not make one.
    pub after: Option<Typed>,
    /// Faults of the merge: objects, required fields, the step.
    pub faults: Vec<Fault>,
    /// Why the state of the record does not allow it, or not to this caller.
    pub refused: Option<Refusal>,
    made_of: MadeOf,
}

/// What a draft depends on besides its item.
struct MadeOf {
    base: Option<Arc<Stored>>,
    unit: Sent,
    references: Vec<Option<Uuid>>,
    /// What the caller may write where the base is.
    writes: Option<Writes>,
}

impl Draft {
    /// The unit that its item sent.
    pub fn sent_unit(&self) -> Sent {
        self.made_of.unit
    }

    fn is_of(&self, item: &Item, target: &Target, writes: Option<&Writes>) -> bool {
        let same_base = match (&self.made_of.base, target.base(item.op)) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        };
        same_base
            && self.made_of.unit == target.unit
            && self.made_of.references == target.references
            && self.made_of.writes.as_ref() == writes
    }
}

/// The value of a draft's reference to what the caller does not see: it points to nothing, whatever was sent.
const NOTHING: &str = "ext:-:-";

/// Merges an item, unless that was done already.
pub fn merge(
    item: &Item,
    target: &Target,
    action: Action,
    context: &Context<'_>,
    set: &WriteSet,
    draft: &mut Option<Draft>,
) {
    // A unit that is derived depends on what the set has.
    let is_fixed = item.unit.is_some() || target.before.is_some() || item.kind.name == UNIT.name;
    let base = target.base(item.op);
    let writes = base.map(|base| context.scope.writes(item.kind, base.unit_id));
    if is_fixed && draft.as_ref().is_some_and(|draft| draft.is_of(item, target, writes.as_ref())) {
        return;
    }
    let mut faults = Vec::new();
    let made_of = MadeOf { base: base.cloned(), unit: target.unit, references: target.references.clone(), writes };
    if let (PushOp::Delete | PushOp::Restore, Some(base)) = (item.op, base) {
        let parent = parent_of(&base.body.fields(Class::Public), item);
        let after = base.any().cloned();
        let refused = step::kept(item, base, context.scope);
        *draft = Some(Draft { action, unit_id: base.unit_id, parent, after, faults, refused, made_of });
        return;
    }
    let mut fields = fields(item, target, made_of.writes.as_ref(), context, &mut faults);
    let unit_id = match target.unit {
        _ if item.kind.name == UNIT.name => target.id,
        Sent::Unit(unit) => unit,
        Sent::Nothing | Sent::Unknown => {
            // That of a record that is there, too, for a create that is repeated.
            let stored = target.before.as_ref().map(|before| before.unit_id);
            let derived = || match target.unit {
                Sent::Nothing => item.kind.default_unit(&fields, set),
                _ => None,
            };
            stored.or_else(derived).unwrap_or_else(Uuid::nil)
        }
    };
    if !unit_id.is_nil() {
        set.get(UNIT, unit_id);
    }
    let parent = parent_of(&fields, item);
    let stepping = Stepping { item, target, scope: context.scope, today: set.today };
    let refused = stepping.apply(&mut fields.0, &mut faults);
    complete(&mut fields.0, item, target, unit_id, set);
    // A step that does not exist is not judged by rules.
    let (refused, is_judged) = match refused {
        Some(Refusal::Invalid) => (None, false),
        refused => (refused, true),
    };
    let after = is_judged.then(|| item.kind.parse(Value::Object(fields.0))).flatten();
    *draft = Some(Draft { action, unit_id, parent, after, faults, refused, made_of });
}

fn parent_of(fields: &Fields, item: &Item) -> Option<Uuid> {
    let parent = (item.kind.name == UNIT.name).then(|| fields.0.get("parent_id")).flatten();
    parent.and_then(Value::as_str).and_then(|id| Uuid::try_parse(id).ok())
}

/// Adds the envelope, as rules see it.
fn complete(fields: &mut Map<String, Value>, item: &Item, target: &Target, unit_id: Uuid, set: &WriteSet) {
    let before = target.before.as_ref();
    let created_at = before.map_or(set.now, |before| before.created_at);
    let updated_at = before.map_or(set.now, |before| set.now.max(before.updated_at));
    let held: Vec<ExternalId> = target.base(item.op).map(|base| base.external()).unwrap_or_default();
    fields.insert("id".into(), target.id.to_string().into());
    fields.insert("type".into(), item.kind.name.into());
    fields.insert("version".into(), (before.map_or(0, |before| before.version) + 1).into());
    fields.insert("unit_id".into(), unit_id.to_string().into());
    fields.insert("external_ids".into(), json!(held));
    fields.insert("created_at".into(), created_at.to_string().into());
    fields.insert("updated_at".into(), updated_at.to_string().into());
}

/// The own fields after the merge patch, references as ids.
fn fields(
    item: &Item,
    target: &Target,
    writes: Option<&Writes>,
    context: &Context<'_>,
    faults: &mut Vec<Fault>,
) -> Fields {
    let may_write = |spec: &FieldSpec| writes.is_none_or(|writes| writes.field(spec.name, spec.class));
    let is_managed = |spec: &FieldSpec| spec.managed && !item.sets(spec.name) && !context.scope.is_operator();
    let base = target.base(item.op);
    let mut fields = base.map(|base| base.fields()).unwrap_or_default();
    let sent = resolved(item, target);
    let mut report = Report::new(item.prefix);
    for (name, value) in &*sent {
        let Some(spec) = item.kind.field(name) else { continue };
        if is_managed(spec) || !may_write(spec) {
            // Refused later, unless it is as stored and the caller reads it. No rule judges it, for that could tell what
            // the caller may not read.
            continue;
        }
        match value {
            Value::Null if spec.required => report.fault_at(name, &faults::REQUIRED),
            Value::Null => {
                fields.0.remove(name);
            }
            Value::Object(patch) => {
                let mut value = merged(fields.0.get(name), patch);
                report.within(name, |report| {
                    let before = report.faults.len();
                    (spec.check)(&mut value, report);
                    if report.faults.len() == before {
                        fields.0.insert(name.clone(), value);
                    }
                });
            }
            value => {
                fields.0.insert(name.clone(), value.clone());
            }
        }
    }
    if item.replace {
        clear_absent(&mut fields, item, may_write);
    }
    let is_sent = |spec: &FieldSpec| item.sent.iter().any(|name| name == spec.name);
    for spec in item.kind.fields.iter().filter(|spec| spec.required && !spec.managed && !is_sent(spec)) {
        if !fields.0.contains_key(spec.name) {
            report.fault_at(spec.name, &faults::REQUIRED);
        }
    }
    faults.append(&mut report.faults);
    fields
}

/// Whether a field was sent as the record has it.
pub fn is_as_stored(item: &Item, target: &Target, name: &str) -> bool {
    let Some(base) = target.base(item.op) else { return false };
    let (stored, sent) = (base.fields(), resolved(item, target));
    match (sent.get(name), stored.0.get(name)) {
        (None, _) => false,
        (Some(Value::Null), stored) => stored.is_none(),
        (Some(Value::Object(patch)), stored) => stored == Some(&merged(stored, patch)),
        (sent, stored) => sent == stored,
    }
}

/// The fields that were sent, references as ids.
fn resolved<'a>(item: &'a Item, target: &Target) -> Cow<'a, Map<String, Value>> {
    if item.references.is_empty() {
        return Cow::Borrowed(&item.fields);
    }
    let mut whole = Value::Object(item.fields.clone());
    for (found, id) in item.references.iter().zip(&target.references) {
        let pointer = found.pointer.strip_prefix(item.prefix).unwrap_or(&found.pointer);
        if let Some(at) = whole.pointer_mut(pointer) {
            *at = Value::String(id.map_or_else(|| NOTHING.to_owned(), |id| id.to_string()));
        }
    }
    match whole {
        Value::Object(sent) => Cow::Owned(sent),
        _ => Cow::default(),
    }
}

/// `replace` clears what is absent, except for what has a default or is fixed, and what the caller may not write.
fn clear_absent(fields: &mut Fields, item: &Item, may_write: impl Fn(&FieldSpec) -> bool) {
    for spec in item.kind.fields {
        let is_sent = item.sent.iter().any(|name| name == spec.name);
        let is_kept = spec.required || spec.managed || is_sent || item.kind.keeps(spec.name);
        if !is_kept && may_write(spec) {
            fields.0.remove(spec.name);
        }
    }
}

/// RFC 7396 for the inside of a field.
fn merged(base: Option<&Value>, patch: &Map<String, Value>) -> Value {
    let mut into = base.and_then(Value::as_object).cloned().unwrap_or_default();
    for (name, value) in patch {
        match value {
            Value::Null => {
                into.remove(name);
            }
            Value::Object(patch) => {
                let value = merged(into.get(name), patch);
                into.insert(name.clone(), value);
            }
            value => {
                into.insert(name.clone(), value.clone());
            }
        }
    }
    Value::Object(into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::items::{Caller, Command, Expected};
    use crate::store::record::{CutBody, Envelope};
    use crate::store::registry::Kind;
    use crate::store::scope::Scope;
    use crate::store::tree::{ROOT, Tree};
    use cell_records_types::{Reference, Term, Timestamp};
    use std::collections::{HashMap, HashSet};

    #[test]
    fn a_record_from_before_a_required_field_is_changed_before_it_is_reindexed() {
        let kind = Kind::with_fills::<Term>(&[("label", "\"unknown\"")]);
        let now = Timestamp::now();
        let envelope = Envelope {
            id: Uuid::now_v7(),
            unit_id: ROOT,
            version: 1,
            created_at: now,
            updated_at: now,
            deleted_at: None,
            origin: None,
            external_ids: "[]".into(),
        };
        let body = CutBody([String::new(), r#""from":"2010-01-01""#.into(), String::new(), String::new()]);
        let before = Arc::new(Stored::new(kind, envelope, body));
        let Value::Object(change) = json!({"to": "2015-01-01"}) else { panic!("an object") };
        let item = Item::new(kind, PushOp::Update, Some(Reference::Id(before.id)), Expected::Any, change, "");
        let command = Command::one(Caller::operator(), item.clone());
        let tree = Arc::new(Tree::default());
        let context = Context {
            command: &command,
            names: &HashMap::new(),
            failed: &HashSet::new(),
            undecided: &HashSet::new(),
            scope: &Scope::operator(tree.clone()),
            systems: &HashSet::new(),
            server_code: "test",
            first_versions: &HashMap::new(),
        };
        let target = Target {
            id: before.id,
            before: Some(before),
            is_hidden: false,
            is_ambiguous: false,
            matched: crate::store::decide::matching::Matched::Nothing,
            unit: Sent::Nothing,
            references: Vec::new(),
        };
        let mut draft = None;
        merge(&item, &target, Action::Update, &context, &WriteSet::new(now, tree), &mut draft);
        let draft = draft.unwrap_or_else(|| panic!("no draft"));
        assert!(draft.faults.is_empty(), "{:?}", draft.faults);
        let after = draft.after.as_ref().and_then(|after| after.downcast_ref::<Term>());
        assert_eq!(after.map(|term| &*term.label), Some("unknown"));
    }
}
