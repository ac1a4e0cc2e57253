//! What the rules of a record type are written in: the slice that a type implements, the change that it judges, its
//! verdict. Rules are pure: they ask the set of writes for what they want and may be asked twice.

use super::filter::Filter;
use super::moves::Move;
use super::record::{Stored, Typed};
use super::registry::{ChildTable, Kind, Sort};
use super::scope::Scope;
use super::search::Search;
use super::work::Work;
use super::write_set::{Lookup, WriteSet};
use crate::db::{Column, Value};
use cell_records_types::faults::{
    DATES_OUT_OF_ORDER, DUPLICATE_CODE, Fault, FaultCode, IN_THE_FUTURE, SUBJECT_ELSEWHERE,
};
use cell_records_types::phrases::{AFTER, HAS, MOVE, NOT_BEFORE, Words};
use cell_records_types::sync::{Candidate, ConflictReason, MAX_CANDIDATES, MatchBy};
use cell_records_types::{Date, RecordType};
use serde_json::Map;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// What a record type adds to its wire declaration: its columns, filters, sorts and rules.
/// The file of a slice (`records/<type>.rs`) implements it and holds nothing else.
pub trait Slice: RecordType<Create: ToSchema, Update: ToSchema> + ToSchema {
    /// Columns of the type's own, after the envelope. Only what is filtered, sorted, looked up or counted.
    const COLUMNS: &'static [Column];
    /// Parameters that filter a list.
    const FILTERS: &'static [Filter];
    /// Fields that a list may be sorted by.
    const SORTS: &'static [Sort];
    /// What follows `unit_id`, before the id, in the index of the table that leads with `unit_id`: a list of few units
    /// that is sorted by these merges their heads.
    const UNIT_INDEX: &'static [&'static str] = &[];
    /// Tables that hold several rows a record.
    const CHILD_TABLES: &'static [ChildTable] = &[];
    /// What `q` searches; absent: no search.
    const SEARCH: Option<Search> = None;

    /// Fields that have a default, each with its JSON value; nothing: the rules compute it. A `replace` leaves them when
    /// they are absent.
    const DEFAULTS: &'static [Default] = &[];

    /// The moves between the states of a record, and, without a state to leave, those that a record begins with: the first of
    /// all states where none is for it.
    const MOVES: &'static [Move] = &[];

    /// What becomes due with a record: items of `GET /v1/work_items`.
    const WORK: &'static [Work] = &[];

    /// The references, of which the first that is sent says to whose unit a new record belongs when it names none; empty:
    /// it must name one.
    const UNIT_OF: &'static [&'static str] = &[];

    /// Fields, `unit_id` perhaps, that never change once the record is made: a wrong record is deleted and made anew.
    const FIXED: &'static [&'static str] = &[];

    /// Required fields that were added when there were records already, each with the JSON value that those have.
    const FILLS: &'static [(&'static str, &'static str)] = &[];
    /// Raised when a column or a child table gets another meaning under the same name and type: records are
    /// brought up to it (`reindex`).
    const REVISION: u32 = 1;

    /// The cells of [`Slice::COLUMNS`], in order.
    fn columns(&self) -> Vec<Value>;

    /// The rows of each of [`Slice::CHILD_TABLES`], in order.
    fn child_rows(&self) -> Vec<Vec<Vec<Value>>> {
        Vec::new()
    }

    /// The look-ups that find records by a number among the fields that were sent: the same record, in all likelihood.
    fn same(_sent: &Map<String, serde_json::Value>, _by: &MatchBy) -> Vec<Lookup> {
        Vec::new()
    }

    /// Whether fields that were sent fit a record that has their number: a number alone may be mistyped.
    fn fits(_sent: &Map<String, serde_json::Value>, _record: &Self) -> bool {
        true
    }

    /// Its defaults and rules: completes `after`, reports faults, warnings and conflicts. What it asks the set for may
    /// not be there yet: then it is asked again, and what it said the first time is dropped.
    fn decide(change: &mut Change<'_, Self>, set: &WriteSet, verdict: &mut Verdict);
}

/// A field and the JSON value that it has by default; nothing: the rules compute it.
pub type Default = (&'static str, Option<&'static str>);

/// A write of one record as its rules see it.
pub struct Change<'a, T> {
    /// The record as it is stored; absent at a create.
    pub before: Option<&'a T>,
    /// The record as it would be: with the envelope, values checked, references resolved. At a delete, as it is stored.
    pub after: T,
    /// The unit that the record would belong to.
    pub unit_id: Uuid,
    /// What is done.
    pub action: Action,
    /// Names of the fields that the caller sent and may write.
    pub sent: &'a [String],
    /// Whether the rules of transition are off: the local operator imports what was decided elsewhere.
    pub importing: bool,
    /// What the caller sees.
    pub scope: &'a Scope,
}

/// What a write does to its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Makes it, or brings it back: under the rules of a create.
    Create,
    /// Changes it, its unit perhaps.
    Update,
    /// Deletes it.
    Delete,
}

impl<T> Change<'_, T> {
    /// Whether the caller sent this field, and may write it.
    pub fn sent(&self, field: &str) -> bool {
        self.sent.iter().any(|name| name == field)
    }

    /// Whether the caller reads a field of another record, and so may learn of it.
    pub fn may_learn(&self, kind: &'static str, unit: Uuid, field: &str) -> bool {
        Kind::named(kind).is_some_and(|kind| self.scope.reads_field(kind, unit, field))
    }

    /// Whether the caller may write a field where the record would be.
    pub fn may_write(&self, field: &str) -> bool
    where
        T: RecordType,
    {
        let writes = |kind: &Kind| Some(self.scope.writes(kind, self.unit_id).field(field, kind.field(field)?.class));
        Kind::named(T::NAME).and_then(writes).unwrap_or(false)
    }

    /// A new record about somebody is made where that one is. It stays there when its subject moves on.
    pub fn made_at(&self, unit: Option<Uuid>, verdict: &mut Verdict) {
        let is_new = self.action == Action::Create && self.before.is_none() && !self.importing;
        if is_new && unit.is_some_and(|unit| unit != self.unit_id) {
            verdict.fault("unit_id", &SUBJECT_ELSEWHERE);
        }
    }

    /// Whether a part of the record differs from what is stored (at a create: always).
    pub fn changed<V: PartialEq>(&self, part: impl Fn(&T) -> V) -> bool {
        self.before.is_none_or(|before| part(before) != part(&self.after))
    }
}

/// What people call a field, for a text.
pub fn called<T: RecordType>(field: &'static str) -> Words {
    let spec = T::FIELDS.iter().find(|spec| spec.name == field);
    spec.map_or_else(|| Words::plain(field), |spec| spec.label.into())
}

/// That a field has a value, for a text.
pub fn has<T: RecordType>(field: &'static str, value: Words) -> Words {
    HAS.of(called::<T>(field)).of(value)
}

/// Whether two stretches of days meet; each ends before its second day, or does not end.
pub fn meet(one: (Date, Option<Date>), other: (Date, Option<Date>)) -> bool {
    let begins_in_time = |from: Date, to: Option<Date>| to.is_none_or(|to| from < to);
    begins_in_time(one.0, other.1) && begins_in_time(other.0, one.1)
}

/// From one code to another, for a text.
pub fn moved(from: Words, to: Words) -> Words {
    MOVE.of(from).of(to)
}

/// What a type's rules say of a write.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Why the record is not stored.
    pub faults: Vec<Fault>,
    /// What is said of a record that is stored anyway.
    pub warnings: Vec<Fault>,
    /// A refusal by state or uniqueness.
    pub conflict: Option<(ConflictReason, &'static FaultCode)>,
    /// Records that this one may double, among those that the caller may learn of; each once, the surest first.
    pub candidates: Vec<Candidate>,
    prefix: &'static str,
}

impl Verdict {
    /// A verdict whose pointers begin with `prefix`.
    pub fn new(prefix: &'static str) -> Self {
        Verdict { prefix, ..Verdict::default() }
    }

    /// Adds a fault at a field.
    pub fn fault(&mut self, field: &str, code: &'static FaultCode) {
        self.fault_about(field, code, Words::default());
    }

    /// Adds a fault at a field, with what its text names. `field` may be a path: `levels/0/code`.
    pub fn fault_about(&mut self, field: &str, code: &'static FaultCode, argument: impl Into<Words>) {
        let pointer = format!("{}/{field}", self.prefix);
        self.faults.push(Fault::new(pointer, code).about(argument));
    }

    /// Adds a fault at a date of `T` that is before another of its dates.
    pub fn not_before<T: RecordType>(
        &mut self,
        (field, date): (&'static str, Option<Date>),
        (first, bound): (&'static str, Option<Date>),
    ) {
        if date.zip(bound).is_some_and(|(date, bound)| date < bound) {
            self.fault_about(field, &DATES_OUT_OF_ORDER, NOT_BEFORE.of(called::<T>(first)));
        }
    }

    /// Adds a fault at a date of what has happened that is after today.
    pub fn not_after_today(&mut self, field: &str, date: Option<Date>, set: &WriteSet) {
        if date.is_some_and(|date| date > set.today) {
            self.fault(field, &IN_THE_FUTURE);
        }
    }

    /// The same for the end of a stretch of days, the first day that no longer counts: it has at least one day.
    pub fn ends_after<T: RecordType>(
        &mut self,
        (field, end): (&'static str, Option<Date>),
        (first, begin): (&'static str, Date),
    ) {
        if end.is_some_and(|end| end <= begin) {
            self.fault_about(field, &DATES_OUT_OF_ORDER, AFTER.of(called::<T>(first)));
        }
    }

    /// Adds a fault at each entry of a list that has a key of an earlier one; `pointer` is where the key of an entry is.
    pub fn each_once<K: PartialEq>(&mut self, keys: impl IntoIterator<Item = K>, pointer: impl Fn(usize) -> String) {
        let mut seen = Vec::new();
        for (index, key) in keys.into_iter().enumerate() {
            if seen.contains(&key) {
                self.fault(&pointer(index), &DUPLICATE_CODE);
            } else {
                seen.push(key);
            }
        }
    }

    /// Adds a fault of the step itself, whatever the pointers of fields begin with.
    pub fn fault_of_step(&mut self, code: &'static FaultCode) {
        self.fault_of_step_about(code, Words::default());
    }

    /// Adds a fault of the step itself, with what its text names.
    pub fn fault_of_step_about(&mut self, code: &'static FaultCode, argument: impl Into<Words>) {
        self.faults.push(Fault::new("/to", code).about(argument));
    }

    /// Adds a warning about the step itself, with what its text names.
    pub fn warn_of_step(&mut self, code: &'static FaultCode, argument: impl Into<Words>) {
        self.warnings.push(Fault::new("/to", code).about(argument));
    }

    /// Adds a warning at a field.
    pub fn warn(&mut self, field: &str, code: &'static FaultCode) {
        self.warn_about(field, code, Words::default());
    }

    /// Adds a warning at a field, with what its text names.
    pub fn warn_about(&mut self, field: &str, code: &'static FaultCode, argument: impl Into<Words>) {
        let pointer = format!("{}/{field}", self.prefix);
        self.warnings.push(Fault::new(pointer, code).about(argument));
    }

    /// Names a record that this one may double.
    pub fn candidate(&mut self, id: Uuid, version: i64, matched_by: MatchBy) {
        if self.candidates.len() < MAX_CANDIDATES && !self.candidates.iter().any(|one| one.id == id) {
            self.candidates.push(Candidate { id, version, matched_by });
        }
    }

    /// Names records that this one may double, of many some. Returns whether there are any.
    pub fn name(&mut self, alike: impl Iterator<Item = (Uuid, i64)>, by: &MatchBy) -> bool {
        let mut alike = alike.take(MAX_CANDIDATES).peekable();
        let any = alike.peek().is_some();
        alike.for_each(|(id, version)| self.candidate(id, version, by.clone()));
        any
    }

    /// Refuses by state or uniqueness; the first reason counts.
    pub fn conflict(&mut self, reason: ConflictReason, code: &'static FaultCode) {
        self.conflict.get_or_insert((reason, code));
    }
}

/// A change whose type is not known statically.
pub struct AnyChange<'a> {
    /// The record as it is stored; absent at a create.
    pub before: Option<&'a Stored>,
    /// The record as it would be, before its rules.
    pub after: &'a Typed,
    /// The unit that it would belong to.
    pub unit_id: Uuid,
    /// What is done.
    pub action: Action,
    /// Names of the fields that the caller sent and may write.
    pub sent: &'a [String],
    /// Whether the rules of transition are off.
    pub importing: bool,
    /// What the caller sees.
    pub scope: &'a Scope,
}

/// A record after its rules.
pub struct Ruled {
    /// The record, completed.
    pub after: Typed,
    /// Whether the rules added nothing.
    pub is_as_sent: bool,
}

/// Asks the rules of `T`. Nothing when the change is of another type, or the stored record does not read back.
pub fn decide<T: Slice>(change: &AnyChange<'_>, set: &WriteSet, verdict: &mut Verdict) -> Option<Ruled> {
    let before = match change.before {
        Some(before) => Some(before.typed::<T>()?),
        None => None,
    };
    let sent = change.after.downcast_ref::<T>()?;
    let mut typed = Change {
        before: before.as_deref(),
        after: sent.clone(),
        unit_id: change.unit_id,
        action: change.action,
        sent: change.sent,
        importing: change.importing,
        scope: change.scope,
    };
    T::decide(&mut typed, set, verdict);
    let is_as_sent = typed.after == *sent;
    Some(Ruled { after: Arc::new(typed.after), is_as_sent })
}
