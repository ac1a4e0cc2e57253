//! `disciplinary_action`: columns, filters and rules (docs/DOMAIN.md, Discipline).

use super::subject;
use crate::db::{Column, Type, Value};
use crate::store::filter::Filter;
use crate::store::registry::Sort;
use crate::store::rules::{Action, Change, Default, Slice, Verdict};
use crate::store::write_set::{Lookup, WriteSet};
use cell_records_types::DisciplineForm::{Dissolution, Expulsion, RemovalFromOffice, Reprimand, Warning};
use cell_records_types::faults::{DATES_OUT_OF_ORDER, FORM_NOT_ALLOWED, LEFT_OTHERWISE, NO_OPEN_POSITION};
use cell_records_types::phrases::{NOT_BEFORE, Words};
use cell_records_types::{Appeal, DisciplinaryAction, DisciplineForm, Member, MemberStatus, Position};

impl Slice for DisciplinaryAction {
    const COLUMNS: &'static [Column] =
        &[Column::new("member_id", Type::Id), Column::new("form", Type::Text), Column::new("decided_on", Type::Text)];
    const FILTERS: &'static [Filter] = &[
        Filter::reference("member_id", "member"),
        Filter::code("form", &DisciplineForm::LIST),
        Filter::date_from("decided_from", "decided_on"),
        Filter::date_to("decided_to", "decided_on"),
    ];
    const SORTS: &'static [Sort] = &[Sort::narrow("decided_on", &["decided_on"])];
    const UNIT_INDEX: &'static [&'static str] = &["decided_on"];
    const DEFAULTS: &'static [Default] = &[("effective_from", None)];
    const UNIT_OF: &'static [&'static str] = &["member_id"];
    /// All but what came of it.
    const FIXED: &'static [&'static str] =
        &["unit_id", "member_id", "form", "decided_by", "decision_number", "decided_on", "effective_from", "grounds"];

    fn columns(&self) -> Vec<Value> {
        vec![
            self.member_id.as_ref().and_then(|member| member.id()).into(),
            self.form.code().into(),
            self.decided_on.to_string().into(),
        ]
    }

    fn decide(change: &mut Change<'_, Self>, set: &WriteSet, verdict: &mut Verdict) {
        if change.action == Action::Delete {
            return;
        }
        let decision = &mut change.after;
        let begins = *decision.effective_from.get_or_insert(decision.decided_on);
        let decision = &change.after;
        verdict.not_after_today("decided_on", Some(decision.decided_on), set);
        verdict.not_after_today("ended_on", decision.ended_on, set);
        verdict.ends_after::<DisciplinaryAction>(("ended_on", decision.ended_on), ("effective_from", begins));
        appeals(decision, set, verdict);
        if change.before.is_some() {
            return;
        }
        let member = decision.member_id.as_ref().and_then(|member| set.target(member));
        change.made_at(member.as_ref().map(|member| member.unit_id), verdict);
        // A member that is not found is a fault already.
        if decision.member_id.is_some() == member.is_some() {
            allowed(decision, member.as_deref(), verdict);
        }
        if let Some(member) = member {
            warnings(change, &member, set, verdict);
        }
    }
}

/// Dates of appeals in order, and none in the future.
fn appeals(decision: &DisciplinaryAction, set: &WriteSet, verdict: &mut Verdict) {
    for (index, appeal) in decision.appeals.iter().flat_map(|appeals| appeals.iter()).enumerate() {
        verdict.not_after_today(&format!("appeals/{index}/filed_on"), Some(appeal.filed_on), set);
        let pointer = format!("appeals/{index}/decided_on");
        verdict.not_after_today(&pointer, appeal.decided_on, set);
        if appeal.decided_on.is_some_and(|decided| decided < appeal.filed_on) {
            let filed = Appeal::PARTS.iter().find(|part| part.name == "filed_on");
            verdict.fault_about(
                &pointer,
                &DATES_OUT_OF_ORDER,
                filed.map(|part| NOT_BEFORE.of(part.label)).unwrap_or_default(),
            );
        }
    }
}

/// The forms that there are against a unit, against a probationary member, against any other.
fn allowed(decision: &DisciplinaryAction, member: Option<&Member>, verdict: &mut Verdict) {
    let forms: &[DisciplineForm] = match member.map(subject::status) {
        None => &[Reprimand, Warning, Dissolution],
        Some(MemberStatus::Probationary) => &[Reprimand, Warning],
        Some(_) => &[Reprimand, Warning, RemovalFromOffice, Expulsion],
    };
    if !forms.contains(&decision.form) {
        verdict.fault_about("form", &FORM_NOT_ALLOWED, Words::list(forms.iter().map(DisciplineForm::words)));
    }
}

/// What is odd about a decision against a member, as far as the caller may learn of it.
fn warnings(change: &Change<'_, DisciplinaryAction>, member: &Member, set: &WriteSet, verdict: &mut Verdict) {
    let decision = &change.after;
    let positions = Lookup::of::<Position>([("member_id", member.id.into())]);
    let is_open = |position: &Position| {
        let held = position.from <= decision.decided_on && position.to.is_none_or(|to| decision.decided_on <= to);
        held && change.may_learn("position", position.unit_id, "to")
    };
    if decision.form == RemovalFromOffice && !set.all::<Position>(positions).any(|one| is_open(&one)) {
        verdict.warn("form", &NO_OPEN_POSITION);
    }
    let left = matches!(subject::status(member), MemberStatus::Removed | MemberStatus::Withdrawn);
    if decision.form == Expulsion && left && change.may_learn("member", member.unit_id, "status") {
        verdict.warn("form", &LEFT_OTHERWISE);
    }
}
