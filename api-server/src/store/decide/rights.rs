//! What the caller may write of a record where it is and where it would be.

use super::Context;
use super::matching::Matched;
use super::merge::{self, Draft};
use super::target::{Sent, Target};
use crate::store::items::Item;
use crate::store::record::Stored;
use crate::store::registry::{KINDS, Kind, UNIT};
use crate::store::rules::Action;
use crate::store::scope::{Scope, Writes};
use crate::store::write_set::WriteSet;
use cell_records_types::Unit;
use cell_records_types::faults::{self, Fault};
use serde_json::Value;
use std::borrow::Cow;
use uuid::Uuid;

/// Judges the unit that the record would belong to. Returns whether rules can run.
pub fn place(
    item: &Item,
    target: &Target,
    draft: &Draft,
    context: &Context<'_>,
    set: &WriteSet,
    faults: &mut Vec<Fault>,
) -> bool {
    let at = |field: &str, code| Fault::new(format!("{}/{field}", item.prefix), code);
    let at_unit = |code| at("unit_id", code);
    if item.kind.name == UNIT.name {
        if target.unit != Sent::Nothing && target.unit != Sent::Unit(target.id) {
            faults.push(at_unit(&faults::UNIT_FIXED));
        }
        return true;
    }
    if target.unit == Sent::Unknown {
        faults.push(at_unit(&faults::REFERENCE_NOT_FOUND));
        return target.before.is_some();
    }
    let unit = draft.unit_id;
    if unit.is_nil() {
        // What is no reference at all was reported when the body was read. Where the unit follows from another record,
        // the reference to that one is at fault.
        let names = |name: &str| item.fields.get(name) != Some(&Value::Null) && item.sent.iter().any(|one| one == name);
        if !names("unit_id") && item.kind.needs_unit(names) {
            faults.push(match item.kind.unit_of {
                [first, _, ..] => at(first, &faults::EXACTLY_ONE).about(item.kind.subjects()),
                _ => at_unit(&faults::REQUIRED),
            });
        }
        return false;
    }
    // A record comes back to its unit as it would be made there.
    let moved = target.before.as_ref().is_none_or(|before| before.unit_id != unit || !before.is_live());
    let is_live = set.get(UNIT, unit).is_some_and(|unit| unit.is_live());
    if moved && (!is_live || context.scope.reads(UNIT, unit).is_none()) {
        // One that the type derives by itself is named only where the caller sees it.
        let derived = item.unit.is_none() && target.before.is_none();
        faults.push(at_unit(if derived { &faults::REQUIRED } else { &faults::REFERENCE_NOT_FOUND }));
        return false;
    }
    if moved && draft.action == Action::Update && item.kind.is_fixed("unit_id") {
        faults.push(at_unit(&faults::UNIT_FIXED));
    }
    true
}

/// The rights of one write.
pub struct Rights<'a> {
    /// The item.
    pub item: &'a Item,
    /// What it means.
    pub target: &'a Target,
    /// What it would make.
    pub draft: &'a Draft,
    /// The caller's scope.
    pub scope: &'a Scope,
}

impl<'a> Rights<'a> {
    /// The units whose rights are asked: before and after; of a unit, its parents.
    fn units(&self) -> Vec<Uuid> {
        let mut units = Vec::new();
        let before = self.target.before.as_deref();
        if self.item.kind.name == UNIT.name {
            let (old, new) = (before.and_then(parent), self.draft.parent);
            if matches!(self.draft.action, Action::Create | Action::Delete) || old != new {
                units.extend(old.into_iter().chain(new));
            }
            if before.is_some() || units.is_empty() {
                units.push(self.target.id);
            }
        } else {
            units.extend(before.map(|before| before.unit_id));
            if !self.draft.unit_id.is_nil() {
                units.push(self.draft.unit_id);
            }
        }
        units.dedup();
        units
    }

    /// Whether the caller may do it at all; else the right that is missing.
    pub fn allowed(&self) -> Result<(), String> {
        let kind = self.item.kind;
        let units = self.units();
        let before = self.target.before.as_ref();
        let whole =
            self.draft.action != Action::Update || before.is_some_and(|before| before.unit_id != self.draft.unit_id);
        let may = |unit: &Uuid| {
            let writes = self.scope.writes(kind, *unit);
            writes.any() && (!whole || writes.whole())
        };
        // A unit to go to that the caller does not see is treated as a reference to nothing, whatever it is.
        let here = before.map(|before| before.unit_id);
        let known =
            |unit: &&Uuid| self.scope.is_operator() || Some(**unit) == here || self.scope.reads(UNIT, **unit).is_some();
        let known: Vec<&Uuid> = units.iter().filter(known).collect();
        let allowed = if known.is_empty() {
            // Its unit is not known: the caller must be able to write the type somewhere.
            self.scope.grants.iter().any(|grant| may(&grant.unit)) || self.scope.is_operator()
        } else {
            known.into_iter().all(may)
        };
        if !allowed {
            // Who may write the unit itself, as its administrator, lacks the right over the one above.
            let lacks_above = kind.name == UNIT.name && before.is_some() && may(&self.target.id);
            return Err(format!("{}:{}", kind.name, if lacks_above { "place" } else { "write" }));
        }
        if self.would_show_more() { Err(format!("{}:move", kind.name)) } else { Ok(()) }
    }

    /// Whether it moves the record, or with a unit all that is in it, to where the caller's account reads more, also by
    /// another token: the move would show what it may not read where that is.
    fn would_show_more(&self) -> bool {
        let Some(before) = self.target.before.as_deref().filter(|_| self.draft.action == Action::Update) else {
            return false;
        };
        let is_unit = self.item.kind.name == UNIT.name;
        let to = match is_unit {
            true => self.draft.parent.filter(|under| Some(*under) != parent(before)),
            false => Some(self.draft.unit_id).filter(|to| *to != before.unit_id && !to.is_nil()),
        };
        let Some(to) = to else { return false };
        let scope = self.scope.of_account();
        let shows_more = |kind: &Kind| !scope.reads_no_more(kind, before.unit_id, to);
        if is_unit { KINDS.iter().any(shows_more) } else { shows_more(self.item.kind) }
    }

    /// Fields that were sent and may not be written: faults, but for those that change nothing. Without a place, there is
    /// no right to ask. Returns the names of the others, of which alone rules are told that they were sent: of these they
    /// would judge what is stored.
    pub fn fields(&self, placed: bool, faults: &mut Vec<Fault>) -> Cow<'a, [String]> {
        let Rights { item, target, draft, scope } = self;
        let home = self.home();
        let mut units: Vec<Uuid> = target.before.iter().map(|before| before.unit_id).chain([home]).collect();
        units.dedup();
        let placed = placed && (target.before.is_some() || scope.is_operator() || scope.reads(UNIT, home).is_some());
        let writes: Vec<_> = units.iter().map(|unit| scope.writes(item.kind, *unit)).collect();
        let mut unwritten = Vec::new();
        for name in &item.sent {
            let Some(spec) = item.kind.field(name) else { continue };
            let code = if spec.managed && !item.sets(name) && !scope.is_operator() {
                Some(&faults::READ_ONLY)
            } else if draft.action == Action::Update
                && item.kind.is_fixed(name)
                && !item.sets(name)
                && !scope.is_operator()
                && !merge::is_as_stored(item, target, name)
            {
                Some(&faults::IS_FIXED)
            } else if placed && !writes.iter().all(|writes| writes.field(name, spec.class)) {
                (!self.repeats(name)).then_some(&faults::FIELD_NOT_WRITABLE)
            } else {
                continue;
            };
            faults.extend(code.map(|code| Fault::new(format!("{}/{name}", item.prefix), code)));
            unwritten.push(name);
        }
        // External ids identify the whole record: who may write single fields only does not set them.
        let gives_its_id = item.external_ids.is_some() || matches!(target.matched, Matched::One(..));
        let identified = gives_its_id && draft.action == Action::Update;
        if identified && placed && !writes.iter().all(Writes::whole) {
            faults.push(Fault::new("/external_ids", &faults::FIELD_NOT_WRITABLE));
        }
        match unwritten.is_empty() {
            true => Cow::Borrowed(&item.sent),
            false => Cow::Owned(item.sent.iter().filter(|name| !unwritten.contains(name)).cloned().collect()),
        }
    }

    /// Whether a field was sent as the record has it, or only says by its numbers which record is meant. That writes
    /// nothing, and shows nothing where the caller reads it.
    fn repeats(&self, name: &str) -> bool {
        let Rights { item, target, scope, .. } = self;
        let Some(base) = target.base(item.op) else { return false };
        scope.reads_field(item.kind, base.unit_id, name)
            && (merge::is_as_stored(item, target, name) || self.is_matched_by(name, base))
    }

    fn is_matched_by(&self, name: &str, base: &Stored) -> bool {
        let item = self.item;
        let Some(by) = item.match_by.iter().find(|by| by.is_number() && by.field() == Some(name)) else { return false };
        let numbers = item.kind.same(&item.fields, by);
        !numbers.is_empty() && numbers.iter().all(|number| number.finds(base))
    }

    /// Where the rights for fields are asked: the unit after, or a new unit's parent.
    fn home(&self) -> Uuid {
        if self.item.kind.name == UNIT.name && self.target.before.is_none() {
            return self.draft.parent.unwrap_or(self.target.id);
        }
        self.draft.unit_id
    }
}

fn parent(unit: &Stored) -> Option<Uuid> {
    unit.typed::<Unit>().and_then(|unit| unit.parent_id.as_ref().and_then(|parent| parent.id()))
}
