//! The state of a record in a write: the one that a new record begins with, the step to another, and that nothing else
//! changes it. What moves there are is the type's table (`store/moves.rs`). The local operator loads records as they are.

use super::Refusal;
use super::target::Target;
use crate::store::items::{Item, Step};
use crate::store::moves::{self, text};
use crate::store::record::Stored;
use crate::store::scope::Scope;
use cell_records_types::Date;
use cell_records_types::faults::{
    DATES_OUT_OF_ORDER, Fault, IN_THE_FUTURE, OUT_OF_RANGE, REASON_REQUIRED, REQUIRED, STATE_MOVE_NOT_ALLOWED,
    STATE_MOVED_ON, STEPS_FIXED,
};
use cell_records_types::phrases::{LAST_STEP, LIST_AT_MOST, TO_MOVE};
use cell_records_types::states::MAX_STEPS;
use cell_records_types::sync::{ConflictReason, PushOp};
use serde_json::{Map, Value, json};

const STATE: &str = "state";
const STEPS: &str = "steps";
const REASON: &str = "state_reason";

/// Puts the state and the steps into the fields of a record that is made or changed. Returns why this caller may not, or that it is
/// invalid: there is no such step.
pub fn apply(
    item: &Item,
    target: &Target,
    fields: &mut Map<String, Value>,
    scope: &Scope,
    today: Date,
    faults: &mut Vec<Fault>,
) -> Option<Refusal> {
    if item.kind.moves.is_empty() {
        return None;
    }
    match (target.base(item.op), &item.step) {
        (Some(base), Some(step)) => make(item, step, base, fields, scope, today, faults),
        (Some(base), None) => {
            if !scope.is_operator() && item.sent.iter().any(|name| name == STEPS) {
                correct(item, base, fields, today, faults);
            }
            None
        }
        (None, _) => {
            begin(item, target, fields, scope, today, faults);
            None
        }
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

/// The first step of a record.
fn begin(
    item: &Item,
    target: &Target,
    fields: &mut Map<String, Value>,
    scope: &Scope,
    today: Date,
    faults: &mut Vec<Fault>,
) {
    let first = moves::first(item.kind, fields);
    if !(scope.is_operator() && fields.contains_key(STATE)) {
        fields.insert(STATE.into(), first.into());
    }
    if !fields.contains_key(STEPS) {
        // A repeat of a create is the record that is there, with the day on which it was made.
        let there = target.before.as_ref().map(|before| before.fields().0);
        let there = there.filter(|fields| steps(fields).len() == 1).and_then(|mut fields| fields.remove(STEPS));
        let state = fields.get(STATE).cloned();
        fields.insert(STEPS.into(), there.unwrap_or_else(|| json!([{"state": state, "on": today.to_string()}])));
    } else if !scope.is_operator() {
        let sent = steps(fields);
        if states(sent) == [first] {
            days_in_order(item, sent, today, faults);
        } else {
            faults.push(Fault::new(format!("{}/{STEPS}", item.prefix), &STEPS_FIXED));
        }
    }
}

/// A patch of the steps: their days only.
fn correct(item: &Item, base: &Stored, fields: &Map<String, Value>, today: Date, faults: &mut Vec<Fault>) {
    let (before, after) = (base.fields().0, steps(fields));
    if states(steps(&before)) == states(after) {
        days_in_order(item, after, today, faults);
    } else {
        faults.push(Fault::new(format!("{}/{STEPS}", item.prefix), &STEPS_FIXED));
    }
}

/// The next step of a record.
fn make(
    item: &Item,
    step: &Step,
    base: &Stored,
    fields: &mut Map<String, Value>,
    scope: &Scope,
    today: Date,
    faults: &mut Vec<Fault>,
) -> Option<Refusal> {
    if item.sent.iter().any(|name| name == STEPS) {
        faults.push(Fault::new(format!("{}/{STEPS}", item.prefix), &STEPS_FIXED));
        return None;
    }
    let kind = item.kind;
    let from = text(fields, STATE).unwrap_or_default().to_owned();
    let called = |state: &str| moves::called(kind, state);
    let Some(found) = moves::find(kind, &from, &step.to, fields) else {
        let words = crate::store::rules::moved(called(&from), called(&step.to));
        faults.push(Fault::new("/to", &STATE_MOVE_NOT_ALLOWED).about(words));
        return Some(Refusal::Invalid);
    };
    if !scope.holds(base.unit_id, |role| found.by.contains(role)) {
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
    let on = step.on.unwrap_or(today);
    if on > today {
        faults.push(Fault::new("/on", &IN_THE_FUTURE));
    }
    if steps(fields).last().and_then(day).is_some_and(|last| on < last) {
        faults.push(Fault::new("/on", &DATES_OUT_OF_ORDER).about(&LAST_STEP));
    }
    if steps(fields).len() >= MAX_STEPS {
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

fn steps(fields: &Map<String, Value>) -> &[Value] {
    fields.get(STEPS).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn states(steps: &[Value]) -> Vec<&str> {
    steps.iter().map(|step| step.get(STATE).and_then(Value::as_str).unwrap_or_default()).collect()
}

fn day(step: &Value) -> Option<Date> {
    step.get("on").and_then(Value::as_str).and_then(|day| day.parse().ok())
}

/// The days of steps that were sent are in order, and over.
fn days_in_order(item: &Item, steps: &[Value], today: Date, faults: &mut Vec<Fault>) {
    let days: Vec<Option<Date>> = steps.iter().map(day).collect();
    for (index, on) in days.iter().enumerate() {
        let at = || format!("{}/{STEPS}/{index}/on", item.prefix);
        let before = index.checked_sub(1).and_then(|before| days.get(before)).copied().flatten();
        if on.is_some_and(|on| before.is_some_and(|before| on < before)) {
            faults.push(Fault::new(at(), &DATES_OUT_OF_ORDER).about(&LAST_STEP));
        }
        if on.is_some_and(|on| on > today) {
            faults.push(Fault::new(at(), &IN_THE_FUTURE));
        }
    }
}
