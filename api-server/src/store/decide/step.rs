//! The state of a record in a write: the one that a new record begins with, the step to another, and that nothing else
//! changes it. What moves there are is the type's table (`store/moves.rs`). The local operator loads records as they are.

use super::Refusal;
use super::target::Target;
use crate::store::items::{Item, Step};
use crate::store::moves::{self, Move, text};
use crate::store::record::Stored;
use crate::store::rules::moved;
use crate::store::scope::Scope;
use cell_records_types::Date;
use cell_records_types::faults::{
    DATES_OUT_OF_ORDER, Fault, IN_THE_FUTURE, OUT_OF_RANGE, REASON_REQUIRED, REQUIRED, STATE_MOVE_NOT_ALLOWED,
    STATE_MOVED_ON, STEPS_FIXED,
};
use cell_records_types::phrases::{LIST_AT_MOST, MOVE_ELSEWHERE, NOT_BEFORE_LAST_STEP, TO_MOVE, Words};
use cell_records_types::states::MAX_STEPS;
use cell_records_types::sync::{ConflictReason, PushOp};
use serde_json::{Map, Value, json};

const STATE: &str = "state";
const STEPS: &str = "steps";
const REASON: &str = "state_reason";

/// A write of a record that has states.
pub struct Stepping<'a> {
    /// The write.
    pub item: &'a Item,
    /// What it means.
    pub target: &'a Target,
    /// The caller's scope.
    pub scope: &'a Scope,
    /// The day of the write.
    pub today: Date,
}

impl Stepping<'_> {
    /// Puts the state and the steps into the fields of a record that is made or changed. Returns why this caller may not, or
    /// that it is invalid: there is no such step.
    pub fn apply(&self, fields: &mut Map<String, Value>, faults: &mut Vec<Fault>) -> Option<Refusal> {
        let item = self.item;
        if item.kind.moves.is_empty() {
            return None;
        }
        match (self.target.base(item.op), &item.step) {
            (Some(base), Some(step)) => self.make(step, base, fields, faults),
            (Some(base), None) if !self.scope.is_operator() && item.sent.iter().any(|name| name == STEPS) => {
                self.correct(base, fields, faults)
            }
            (Some(_), None) => None,
            (None, _) => {
                self.begin(fields, faults);
                None
            }
        }
    }

    /// The first step of a record.
    fn begin(&self, fields: &mut Map<String, Value>, faults: &mut Vec<Fault>) {
        let first = moves::first(self.item.kind, fields);
        if !(self.scope.is_operator() && fields.contains_key(STATE)) {
            fields.insert(STATE.into(), first.into());
        }
        if !fields.contains_key(STEPS) {
            // A repeat of a create is the record that is there, with the day on which it was made.
            let there = self.target.before.as_ref().map(|before| before.fields().0);
            let there = there.filter(|fields| steps(fields).len() == 1).and_then(|mut fields| fields.remove(STEPS));
            let state = fields.get(STATE).cloned();
            let begun = || json!([{"state": state, "on": self.today.to_string()}]);
            fields.insert(STEPS.into(), there.unwrap_or_else(begun));
        } else if !self.scope.is_operator() {
            let sent = steps(fields);
            if states(sent) == [first] {
                self.days_in_order(sent, faults);
            } else {
                faults.push(self.steps_fixed(fields));
            }
        }
    }

    /// A patch of the steps: their days only, each by who makes such a step, and the first by who makes any.
    fn correct(&self, base: &Stored, fields: &Map<String, Value>, faults: &mut Vec<Fault>) -> Option<Refusal> {
        let (before, after) = (base.fields().0, steps(fields));
        let before = steps(&before);
        if before == after {
            return None;
        }
        if states(before) != states(after) {
            faults.push(self.steps_fixed(fields));
            return None;
        }
        let kind = self.item.kind;
        let may_correct = |(index, state): (usize, &str)| {
            let is_such = |one: &Move| index == 0 || one.to == state;
            self.scope.holds(base.unit_id, |role| kind.moves.iter().any(|one| is_such(one) && one.by.contains(role)))
        };
        let mut corrected =
            states(after).into_iter().enumerate().filter(|(index, _)| before.get(*index) != after.get(*index));
        if !corrected.all(may_correct) {
            return Some(Refusal::Forbidden(format!("{}:advance", kind.name)));
        }
        self.days_in_order(after, faults);
        None
    }

    /// The next step of a record.
    fn make(
        &self,
        step: &Step,
        base: &Stored,
        fields: &mut Map<String, Value>,
        faults: &mut Vec<Fault>,
    ) -> Option<Refusal> {
        let (item, kind) = (self.item, self.item.kind);
        if item.sent.iter().any(|name| name == STEPS) {
            faults.push(self.steps_fixed(fields));
            return None;
        }
        let from = text(fields, STATE).unwrap_or_default().to_owned();
        let called = |state: &str| moves::called(kind, state);
        let Some(found) = moves::find(kind, &from, &step.to, fields) else {
            let words = moved(called(&from), called(&step.to));
            let others = moves::from(kind, &from, fields).map(|one| called(one.to));
            let others = Words::list(others);
            let words = if others.size() > 0 { MOVE_ELSEWHERE.of(words).of(others) } else { words };
            faults.push(Fault::new("/to", &STATE_MOVE_NOT_ALLOWED).about(words));
            return Some(Refusal::Invalid);
        };
        if !self.scope.holds(base.unit_id, |role| found.by.contains(role)) {
            return Some(Refusal::Forbidden(format!("{}:advance", kind.name)));
        }
        if found.member.is_some() && !step.with_member {
            // The record was another one when this was decided: the member would stay behind.
            return Some(Refusal::Stale);
        }
        if found.reason && step.reason.is_none() {
            let words = TO_MOVE.of(called(&from)).of(called(&step.to));
            faults.push(Fault::new("/reason", &REASON_REQUIRED).about(words));
        }
        let on = step.on.unwrap_or(self.today);
        if on > self.today {
            faults.push(Fault::new("/on", &IN_THE_FUTURE));
        }
        if steps(fields).last().and_then(day).is_some_and(|last| on < last) {
            faults.push(Fault::new("/on", &DATES_OUT_OF_ORDER).about(&NOT_BEFORE_LAST_STEP));
        }
        // The last step is kept for one that ends the record.
        let ends = moves::from(kind, &step.to, fields).next().is_none();
        if steps(fields).len() >= if ends { MAX_STEPS } else { MAX_STEPS - 1 } {
            faults.push(Fault::new("/to", &OUT_OF_RANGE).about(LIST_AT_MOST.with(MAX_STEPS)));
        }
        for name in found.needs.iter().filter(|name| !fields.contains_key(**name)) {
            faults.push(Fault::new(format!("{}/{name}", item.prefix), &REQUIRED));
        }
        fields.insert(STATE.into(), step.to.clone().into());
        match &step.reason {
            Some(reason) => fields.insert(REASON.into(), reason.clone().into()),
            None => fields.remove(REASON),
        };
        let next = json!({"state": step.to, "on": on.to_string()});
        match fields.get_mut(STEPS) {
            Some(Value::Array(steps)) => steps.push(next),
            _ => {
                fields.insert(STEPS.into(), json!([next]));
            }
        }
        None
    }

    /// The days of steps that were sent are in order, and over.
    fn days_in_order(&self, steps: &[Value], faults: &mut Vec<Fault>) {
        let days: Vec<Option<Date>> = steps.iter().map(day).collect();
        for (index, on) in days.iter().enumerate() {
            let at = || format!("{}/{STEPS}/{index}/on", self.item.prefix);
            let before = index.checked_sub(1).and_then(|before| days.get(before)).copied().flatten();
            if on.is_some_and(|on| before.is_some_and(|before| on < before)) {
                faults.push(Fault::new(at(), &DATES_OUT_OF_ORDER).about(&NOT_BEFORE_LAST_STEP));
            }
            if on.is_some_and(|on| on > self.today) {
                faults.push(Fault::new(at(), &IN_THE_FUTURE));
            }
        }
    }

    fn steps_fixed(&self, fields: &Map<String, Value>) -> Fault {
        let first = moves::called(self.item.kind, moves::first(self.item.kind, fields));
        Fault::new(format!("{}/{STEPS}", self.item.prefix), &STEPS_FIXED).about(first)
    }
}

/// Why a record is not deleted: it has moved on.
pub fn kept(item: &Item, base: &Stored, scope: &Scope) -> Option<Refusal> {
    if item.op != PushOp::Delete || item.kind.moves.is_empty() || scope.is_operator() {
        return None;
    }
    let fields = base.fields().0;
    let moved_on = match steps(&fields) {
        [] => text(&fields, STATE) != Some(moves::first(item.kind, &fields)),
        steps => steps.len() > 1,
    };
    moved_on.then_some(Refusal::Conflict(ConflictReason::State, &STATE_MOVED_ON))
}

fn steps(fields: &Map<String, Value>) -> &[Value] {
    fields.get(STEPS).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn states(steps: &[Value]) -> Vec<&str> {
    steps.iter().map(|step| step.get(STATE).and_then(Value::as_str).unwrap_or_default()).collect()
}

fn day(step: &Value) -> Option<Date> {
    step.get("on").and_then(Value::as_str).and_then(|day| day.parse().ok())
}
