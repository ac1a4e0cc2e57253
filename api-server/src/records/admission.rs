//! `admission`: columns, filters, moves and rules (docs/DOMAIN.md, Admissions).

mod gates;
mod member;

use super::{member as members, subject, unit};
use crate::db::{Column, Sql, Type, Value};
use crate::regulations::{ADMISSION_AGE_FROM, ADMISSION_AGE_TO, PROBATION_MONTHS};
use crate::store::filter::Filter;
use crate::store::moves::Move;
use crate::store::policy::{OFFICE, OFFICE_CELL, OFFICE_LEAD, WRITERS};
use crate::store::record::Fields;
use crate::store::registry::Sort;
use crate::store::rules::{Action, Change, Default, Slice, Verdict};
use crate::store::search::Search;
use crate::store::work::{Due, Work};
use crate::store::write_set::{Lookup, WriteSet};
use cell_records_types::faults::{
    CERTIFICATE_MISSING, MEMBER_DIFFERS, NEW_MEMBER_CLASS_MISSING, OUT_OF_RANGE, OVER_AGE, POSSIBLE_DUPLICATE,
    PROTECTION_REVIEW_MISSING, READ_ONLY, REQUIRED, SHORT_PROBATION, STATE_MOVE_NOT_ALLOWED, UNDER_AGE,
};
use cell_records_types::phrases::{ENDS_ON, MOVE_WITH_MEMBER, NUMBER_BETWEEN, Words};
use cell_records_types::states::Stated;
use cell_records_types::sync::MatchBy;
use cell_records_types::text::name_key;
use cell_records_types::work::WorkCode;
use cell_records_types::{Admission, AdmissionState, Date, Label, Member, RecordType};

/// What is known of the person, besides name, sex and birth date: it goes to the member's record.
const PARTICULARS: &[&str] = &[
    "native_place",
    "permanent_residence",
    "current_residence",
    "phone",
    "email",
    "education_general",
    "education_level",
    "political_theory_level",
    "professional_qualification",
    "occupation_current",
    "ethnicity",
    "religion",
    "personal_id",
];

/// What people call `proposed_from` and `proposed_to`.
const PROPOSED: Label = Label { vi: "Đề nghị cấp trên", en: "Proposed to the higher level" };

impl Slice for Admission {
    const COLUMNS: &'static [Column] = &[
        Column::new("name_key", Type::Text),
        Column::new("birth_date", Type::Text),
        Column::new("state", Type::Text),
        Column::new("since", Type::Text),
        Column::new("proposed_on", Type::Text),
        Column::new("ceremony_on", Type::Text),
        Column::new("probation_ends_on", Type::Text),
        Column::new("member_id", Type::Id),
    ];
    const FILTERS: &'static [Filter] = &[
        Filter::code("state", &AdmissionState::LIST),
        Filter::SINCE_FROM,
        Filter::SINCE_TO,
        Filter::date_from("proposed_from", "proposed_on").of("steps").called(PROPOSED),
        Filter::date_to("proposed_to", "proposed_on").of("steps").called(PROPOSED),
        Filter::date_from("ceremony_from", "ceremony_on"),
        Filter::date_to("ceremony_to", "ceremony_on"),
        Filter::date_to("probation_ends_to", "probation_ends_on"),
        Filter::reference("member_id", "member"),
    ];
    const SORTS: &'static [Sort] = &[Sort::indexed("full_name", &["name_key", "birth_date"]), Sort::SINCE];
    const UNIT_INDEX: &'static [&'static str] = &["name_key", "birth_date"];
    const SEARCH: Option<Search> = Some(Search::own("full_name", &["name_key"], false));
    const DEFAULTS: &'static [Default] = &[("probation_ends_on", None), ("official_on", None)];
    const WORK: &'static [Work] = &[Work {
        what: WorkCode::ProbationEnds,
        fields: &["state", "probation_ends_on"],
        when: Some(|_| Sql::new("t.state IN ('admitted', 'recognition_proposed')")),
        due: Due::On("probation_ends_on"),
    }];
    const MOVES: &'static [Move] = &[
        Move::new(&["listed"], "cell_proposed", OFFICE_CELL).needs(&[
            "application_on",
            "profile_verified_on",
            "introducers",
        ]),
        Move::new(&["cell_proposed"], "committee_proposed", OFFICE_LEAD),
        Move::new(&["cell_proposed", "committee_proposed"], "listed", OFFICE_LEAD).with_reason(),
        Move::new(&["committee_proposed"], "approved", OFFICE_LEAD).needs(&["decision_number", "decision_on"]),
        Move::new(&["approved"], "admitted", OFFICE)
            .needs(&["ceremony_on"])
            .makes_member(member::joins)
            .clears(PARTICULARS),
        Move::new(&["admitted"], "recognition_proposed", OFFICE_CELL),
        Move::new(&["recognition_proposed"], "recognised", OFFICE).changes_member(member::becomes_official),
        Move::new(&["recognition_proposed"], "not_recognised", OFFICE).with_reason().changes_member(member::is_removed),
        Move::new(&["listed", "cell_proposed", "committee_proposed", "approved"], "closed", WRITERS).with_reason(),
        Move::new(&["admitted", "recognition_proposed"], "closed", OFFICE).with_reason(),
    ];

    fn columns(&self) -> Vec<Value> {
        let text = |date: Option<Date>| date.map(|date| date.to_string());
        let mut steps = self.steps.iter().flat_map(|steps| steps.iter()).rev();
        let proposed = steps.find(|step| step.state == AdmissionState::CommitteeProposed);
        vec![
            name_key(&self.full_name).into(),
            self.birth_date.to_string().into(),
            self.state.code().into(),
            text(self.since()).unwrap_or_default().into(),
            text(proposed.map(|step| step.on)).into(),
            text(self.ceremony_on).into(),
            text(self.probation_ends_on).into(),
            self.member_id.as_ref().and_then(|member| member.id()).into(),
        ]
    }

    fn decide(change: &mut Change<'_, Self>, set: &WriteSet, verdict: &mut Verdict) {
        if change.action == Action::Delete {
            return;
        }
        complete(change, set);
        let admission = &change.after;
        if change.action == Action::Create || change.changed(|admission| admission.unit_id) {
            unit::must_be_a_cell(admission.unit_id, set, verdict);
        }
        members::is_born(admission.birth_date, set, verdict);
        members::number_fits(admission.personal_id.as_ref(), admission.birth_date, &admission.sex, verdict);
        dates(admission, set, verdict);
        age(admission, verdict);
        votes(admission, verdict);
        if change.importing {
            return;
        }
        particulars(change, verdict);
        of_member(change, set, verdict);
        duplicates(change, set, verdict);
        if let Some(before) = change.before.filter(|before| before.state != admission.state) {
            step(change, before, set, verdict);
        }
    }
}

/// The default dates. A probation that was computed follows the ceremony; once the member is official it does no more, for
/// the member's record has the date that followed.
fn complete(change: &mut Change<'_, Admission>, set: &WriteSet) {
    let member = change.after.member_id.as_ref().and_then(|member| set.target(member));
    let official = member.filter(|member| change.may_learn(Member::NAME, member.unit_id, "official_date"));
    let is_recognised = change.after.state == AdmissionState::Recognised;
    let was_computed = !change.sent("probation_ends_on")
        && change.before.is_some_and(|before| before.probation_ends_on == probation_ends(before.ceremony_on));
    let admission = &mut change.after;
    if was_computed && !is_recognised {
        admission.probation_ends_on = None;
    }
    admission.probation_ends_on = admission.probation_ends_on.or_else(|| probation_ends(admission.ceremony_on));
    if is_recognised {
        let official = official.and_then(|member| member.official_date);
        admission.official_on = admission.official_on.or(official).or(admission.probation_ends_on);
    }
}

fn probation_ends(ceremony: Option<Date>) -> Option<Date> {
    ceremony.map(|ceremony| ceremony.plus_months(PROBATION_MONTHS.on(ceremony)))
}

fn dates(admission: &Admission, set: &WriteSet, verdict: &mut Verdict) {
    for (field, date) in [
        ("application_on", admission.application_on),
        ("profile_verified_on", admission.profile_verified_on),
        ("mass_org_opinion_on", admission.mass_org_opinion_on),
        ("residence_opinion_on", admission.residence_opinion_on),
        ("decision_on", admission.decision_on),
        ("ceremony_on", admission.ceremony_on),
        ("official_on", admission.official_on),
    ] {
        verdict.not_after_today(field, date, set);
    }
    let (decision, ceremony) = (("decision_on", admission.decision_on), ("ceremony_on", admission.ceremony_on));
    let first = if admission.ceremony_on.is_some() { ceremony } else { decision };
    verdict.not_before::<Admission>(ceremony, decision);
    verdict.not_before::<Admission>(("probation_ends_on", admission.probation_ends_on), first);
    verdict.not_before::<Admission>(("official_on", admission.official_on), first);
    // The member's record has what follows from it.
    if admission.member_id.is_some() && admission.ceremony_on.is_none() {
        verdict.fault("ceremony_on", &REQUIRED);
    }
}

fn age(admission: &Admission, verdict: &mut Verdict) {
    let Some(ceremony) = admission.ceremony_on else { return };
    let (youngest, oldest) = (ADMISSION_AGE_FROM.on(ceremony), ADMISSION_AGE_TO.on(ceremony));
    if ceremony < admission.birth_date.earliest().plus_years(youngest) {
        verdict.warn_about("ceremony_on", &UNDER_AGE, Words::plain(youngest));
    }
    if ceremony > admission.birth_date.latest().plus_years(oldest) {
        verdict.warn_about("ceremony_on", &OVER_AGE, Words::plain(oldest));
    }
}

fn votes(admission: &Admission, verdict: &mut Verdict) {
    for (field, vote) in [
        ("cell_vote", &admission.cell_vote),
        ("committee_vote", &admission.committee_vote),
        ("recognition_vote", &admission.recognition_vote),
    ] {
        let Some(vote) = vote else { continue };
        if vote.r#for > vote.total {
            verdict.fault_about(&format!("{field}/for"), &OUT_OF_RANGE, NUMBER_BETWEEN.with(0).with(vote.total));
        }
    }
}

/// What is known of a member is in the member's record alone.
fn particulars(change: &Change<'_, Admission>, verdict: &mut Verdict) {
    if change.after.member_id.is_none() {
        return;
    }
    let has = Fields::of(&change.after, Admission::FIELDS);
    for name in PARTICULARS.iter().filter(|name| change.sent(name) && has.0.contains_key(**name)) {
        verdict.fault(name, &READ_ONLY);
    }
}

/// A correction does not reach the member's record: it is made there, too.
fn of_member(change: &Change<'_, Admission>, set: &WriteSet, verdict: &mut Verdict) {
    let admission = &change.after;
    let member = admission.member_id.as_ref().and_then(|member| set.target(member));
    let Some(member) = member.filter(|_| !change.changed(|admission| admission.state.clone())) else { return };
    for (field, date, names, of_member) in [
        ("ceremony_on", admission.ceremony_on, "admission_date", Some(member.admission_date)),
        ("official_on", admission.official_on, "official_date", member.official_date),
    ] {
        let is_new = change.sent(field) && change.may_learn(Member::NAME, member.unit_id, names);
        if is_new && date.zip(of_member).is_some_and(|(date, of_member)| date != of_member) {
            verdict.warn(field, &MEMBER_DIFFERS);
        }
    }
}

fn identity(admission: &Admission) -> (String, String) {
    (name_key(&admission.full_name), admission.birth_date.to_string())
}

/// Warns of admissions of the same name and birth date, as far as the caller sees them.
fn duplicates(change: &Change<'_, Admission>, set: &WriteSet, verdict: &mut Verdict) {
    if !change.changed(identity) {
        return;
    }
    let admission = &change.after;
    let (name, birth) = identity(admission);
    let namesakes = Lookup::of::<Admission>([("name_key", name.into()), ("birth_date", birth.into())]).few();
    let others = set.others::<Admission>(namesakes, admission.id);
    let seen = others.filter(|other| change.may_learn("admission", other.unit_id, "full_name"));
    if verdict.name(seen.map(|other| (other.id, other.version)), &MatchBy::NameBirth) {
        verdict.warn("full_name", &POSSIBLE_DUPLICATE);
    }
}

/// What a step needs that no row of the table says.
fn step(change: &Change<'_, Admission>, before: &Admission, set: &WriteSet, verdict: &mut Verdict) {
    let admission = &change.after;
    let Some(on) = admission.since() else { return };
    match admission.state {
        AdmissionState::CellProposed => {
            if admission.introducers.as_ref().is_some_and(|introducers| introducers.is_empty()) {
                verdict.fault("introducers", &REQUIRED);
            }
            if !gates::has_certificate(admission, on, set) {
                verdict.fault_of_step(&CERTIFICATE_MISSING);
            }
        }
        AdmissionState::CommitteeProposed if !gates::is_cleared(admission, set) => {
            verdict.fault_of_step(&PROTECTION_REVIEW_MISSING);
        }
        AdmissionState::RecognitionProposed => {
            if !gates::was_in_class(admission, set) {
                verdict.fault_of_step(&NEW_MEMBER_CLASS_MISSING);
            }
            if let Some(end) = admission.probation_ends_on.filter(|end| on < *end) {
                verdict.warn_of_step(&SHORT_PROBATION, ENDS_ON.with(end));
            }
        }
        AdmissionState::Closed => {
            // A member who is here goes on to be recognised, or not. Who does not see the member can do neither.
            let member = admission.member_id.as_ref().and_then(|member| set.target(member));
            let seen = member.filter(|member| change.may_learn(Member::NAME, member.unit_id, "status"));
            if seen.is_some_and(|member| !subject::status(&member).has_left()) {
                let words = MOVE_WITH_MEMBER.of(before.state.words()).of(admission.state.words());
                verdict.fault_of_step_about(&STATE_MOVE_NOT_ALLOWED, words);
            }
        }
        _ => {}
    }
}
