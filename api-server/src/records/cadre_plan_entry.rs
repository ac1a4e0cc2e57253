//! `cadre_plan_entry`: columns, filters and rules (docs/DOMAIN.md, Cadre plans).

use crate::db::{Column, Type, Value};
use crate::regulations::{PLAN_OFFICES, PLAN_PERSONS};
use crate::store::filter::Filter;
use crate::store::registry::Sort;
use crate::store::rules::{Action, Change, Default, Slice, Verdict};
use crate::store::write_set::{Lookup, WriteSet};
use cell_records_types::faults::{
    ENTRY_EXISTS, PLAN_CLOSED, PLAN_OFFICE_FULL, PLAN_PERSON_FULL, REQUIRED, SUBJECT_ELSEWHERE,
};
use cell_records_types::phrases::Words;
use cell_records_types::sync::ConflictReason;
use cell_records_types::{
    CadrePlan, CadrePlanEntry, EducationLevel, Label, Member, PartialDate, PoliticalTheoryLevel, PositionCode, Ref, Sex,
};
use uuid::Uuid;

/// What people call `removed`.
const REMOVED: Label = Label { vi: "Đã đưa ra khỏi quy hoạch", en: "Taken out of the plan" };

impl Slice for CadrePlanEntry {
    const COLUMNS: &'static [Column] = &[
        Column::new("plan_id", Type::Id),
        Column::new("member_id", Type::Id),
        Column::new("position_code", Type::Text),
        Column::new("target_unit_id", Type::Id),
        Column::new("sex", Type::Text),
        Column::new("birth_date", Type::Text),
        Column::new("education_level", Type::Text),
        Column::new("political_theory_level", Type::Text),
        Column::new("is_successor", Type::Int),
        Column::new("removed", Type::Int),
    ];
    /// Those of the snapshot give the shares of women, of the young and of levels: counts of a plan by one of them.
    const FILTERS: &'static [Filter] = &[
        Filter::reference("plan_id", "cadre_plan"),
        Filter::reference("member_id", "member"),
        Filter::code("position_code", &PositionCode::LIST),
        Filter::flag("is_successor", "is_successor"),
        Filter::flag("removed", "removed").of("removed_on").called(REMOVED),
        Filter::code("sex", &Sex::LIST),
        Filter::date_from("birth_date_from", "birth_date"),
        Filter::date_to("birth_date_to", "birth_date"),
        Filter::code("education_level", &EducationLevel::LIST),
        Filter::code("political_theory_level", &PoliticalTheoryLevel::LIST),
    ];
    const SORTS: &'static [Sort] = &[];
    const DEFAULTS: &'static [Default] = &[
        ("target_unit_id", None),
        ("sex", None),
        ("birth_date", None),
        ("education_level", None),
        ("political_theory_level", None),
    ];
    const UNIT_OF: &'static [&'static str] = &["plan_id"];
    const FIXED: &'static [&'static str] = &["plan_id", "member_id"];

    fn columns(&self) -> Vec<Value> {
        vec![
            self.plan_id.id().into(),
            self.member_id.id().into(),
            self.position_code.code().into(),
            self.target_unit_id.as_ref().and_then(Ref::id).into(),
            self.sex.as_ref().map(|sex| sex.code().to_owned()).into(),
            self.birth_date.map(|birth| birth.to_string()).into(),
            self.education_level.as_ref().map(|level| level.code().to_owned()).into(),
            self.political_theory_level.as_ref().map(|level| level.code().to_owned()).into(),
            i64::from(self.is_successor == Some(true)).into(),
            i64::from(self.removed_on.is_some()).into(),
        ]
    }

    fn decide(change: &mut Change<'_, Self>, set: &WriteSet, verdict: &mut Verdict) {
        let plan = set.target(&change.after.plan_id);
        if change.action != Action::Delete {
            complete(change, plan.as_deref(), set);
        }
        let is_approved = !change.importing && plan.as_ref().is_some_and(|plan| plan.state.is_approved());
        if is_approved && (change.action != Action::Update || change.changed(planned)) {
            return verdict.conflict(ConflictReason::State, &PLAN_CLOSED);
        }
        if change.action == Action::Delete {
            return;
        }
        change.made_at(plan.as_ref().map(|plan| plan.unit_id), verdict);
        let entry = &change.after;
        verdict.not_after_today("removed_on", entry.removed_on, set);
        if entry.removal_reason.is_some() && entry.removed_on.is_none() {
            verdict.fault("removed_on", &REQUIRED);
        }
        let position = entry.position_id.as_ref().filter(|_| change.changed(|entry| entry.position_id.clone()));
        let position = position.and_then(|position| set.target(position));
        if position.is_some_and(|position| position.member_id.id() != entry.member_id.id()) {
            verdict.fault("position_id", &SUBJECT_ELSEWHERE);
        }
        if set.others::<Self>(of_person(entry), entry.id).any(|other| office(&other) == office(entry)) {
            verdict.conflict(ConflictReason::Unique, &ENTRY_EXISTS);
        }
        if let Some(plan) = plan {
            warn_of_many(entry, &plan, set, verdict);
        }
    }
}

/// The defaults: the plan's unit, and of a new entry what the member is when it is made.
fn complete(change: &mut Change<'_, CadrePlanEntry>, plan: Option<&CadrePlan>, set: &WriteSet) {
    let entry = &mut change.after;
    if let Some(plan) = plan {
        entry.target_unit_id.get_or_insert(Ref::from(plan.unit_id));
    }
    if change.action != Action::Create {
        return;
    }
    // A create that is repeated is the entry that is there, whatever became of the member.
    let (sex, birth_date, education_level, political_theory_level) = match change.before {
        Some(before) => counted(before),
        None => set.target(&entry.member_id).map(|member| of_member(&member)).unwrap_or_default(),
    };
    entry.sex = entry.sex.take().or(sex);
    entry.birth_date = entry.birth_date.or(birth_date);
    entry.education_level = entry.education_level.take().or(education_level);
    entry.political_theory_level = entry.political_theory_level.take().or(political_theory_level);
}

/// What is counted of a person.
type Counted = (Option<Sex>, Option<PartialDate>, Option<EducationLevel>, Option<PoliticalTheoryLevel>);

fn of_member(member: &Member) -> Counted {
    let sex = Some(member.sex.clone());
    (sex, Some(member.birth_date), member.education_level.clone(), member.political_theory_level.clone())
}

fn counted(entry: &CadrePlanEntry) -> Counted {
    (entry.sex.clone(), entry.birth_date, entry.education_level.clone(), entry.political_theory_level.clone())
}

/// What of an entry does not change once its plan is approved.
fn planned(entry: &CadrePlanEntry) -> impl PartialEq + use<> {
    (entry.unit_id, office(entry), counted(entry), entry.rank, entry.is_successor == Some(true))
}

fn office(entry: &CadrePlanEntry) -> (PositionCode, Option<Uuid>) {
    (entry.position_code.clone(), entry.target_unit_id.as_ref().and_then(Ref::id))
}

fn of_person(entry: &CadrePlanEntry) -> Lookup {
    Lookup::of::<CadrePlanEntry>([("plan_id", entry.plan_id.id().into()), ("member_id", entry.member_id.id().into())])
}

fn of_office(entry: &CadrePlanEntry) -> Lookup {
    let (code, unit) = office(entry);
    Lookup::of::<CadrePlanEntry>([
        ("plan_id", entry.plan_id.id().into()),
        ("position_code", code.code().into()),
        ("target_unit_id", unit.into()),
    ])
}

/// Warns of too many who are planned for the office, and of too many offices that the person is planned for. Who was taken
/// out of the plan is planned for nothing.
fn warn_of_many(entry: &CadrePlanEntry, plan: &CadrePlan, set: &WriteSet, verdict: &mut Verdict) {
    let count = |lookup| {
        let others = set.others::<CadrePlanEntry>(lookup, entry.id).filter(|other| other.removed_on.is_none());
        i32::try_from(others.count()).unwrap_or(i32::MAX)
    };
    let (persons, offices) = (PLAN_PERSONS.on(plan.reference_date), PLAN_OFFICES.on(plan.reference_date));
    let (of_office, of_person) = (count(of_office(entry)), count(of_person(entry)));
    if entry.removed_on.is_some() {
        return;
    }
    if of_office >= persons {
        verdict.warn_about("position_code", &PLAN_OFFICE_FULL, Words::plain(persons));
    }
    if of_person >= offices {
        verdict.warn_about("member_id", &PLAN_PERSON_FULL, Words::plain(offices));
    }
}
