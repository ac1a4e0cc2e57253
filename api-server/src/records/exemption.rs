//! `exemption`: columns, filters and rules (docs/DOMAIN.md, Exemptions).

use super::subject;
use crate::db::{Column, Sql, Type, Value};
use crate::regulations::EXEMPTION_REVIEW_MONTHS;
use crate::store::filter::{Filter, FilterInput, ON_A_DAY, Own, Takes, in_units};
use crate::store::moves::Move;
use crate::store::policy::OFFICE_CELL;
use crate::store::registry::{Kind, Sort};
use crate::store::rules::{self, Action, Change, Default, Slice, Verdict};
use crate::store::work::{Due, Work, there_is_no};
use crate::store::write_set::{Lookup, WriteSet};
use cell_records_types::faults::{DATES_OUT_OF_ORDER, ONLY_WHERE, OUT_OF_RANGE, OVERLAPS, REQUIRED, SUBJECT_ELSEWHERE};
use cell_records_types::phrases::{NOT_BEFORE, NOT_BEFORE_LAST_REVIEW, OR_EARLIER, Words};
use cell_records_types::states::Stated;
use cell_records_types::work::WorkCode;
use cell_records_types::{Date, Exemption, ExemptionReason, ExemptionState, Label, Member, RecordType};

/// What people call `exempt_at` of members.
pub const EXEMPT: Label = Label { vi: "Được miễn sinh hoạt tại ngày", en: "Exempt on the day" };

/// The field that says from when a member is exempt, as filters of other types name it.
pub const FROM: &str = "exemption.from";

/// `at`: those that hold.
static HOLDING: Own = Own {
    takes: Takes::Day,
    description: "Granted, ended since perhaps, and holding on this date.",
    finds_few: false,
    asks_unit: false,
    condition: |asked| holding("t", asked),
};

/// `exempt_at` of members: those whom an exemption that the caller sees covers.
pub static EXEMPT_AT: Own = Own {
    takes: Takes::Day,
    description: "On strength on this date and exempt from activity, by an `exemption` that the caller reads.",
    finds_few: false,
    asks_unit: false,
    condition: |asked| {
        let mut sql =
            Sql::new("EXISTS (SELECT 1 FROM exemptions AS e WHERE e.member_id = t.id AND e.deleted_at IS NULL AND ");
        sql.append(holding("e", asked));
        if let Some(kind) = Kind::named(Exemption::NAME) {
            let fields: Vec<_> = kind.field("from").into_iter().collect();
            in_units(&mut sql, "e.unit_id", &asked.scope.units(kind, &fields));
        }
        sql.push(" AND (t.left_on IS NULL OR t.left_on > ");
        sql.push_bind(asked.value());
        // So PostgreSQL asks for each member that it examines, and does not read all exemptions first.
        sql.text(") LIMIT 1 OFFSET 0)")
    },
};

/// That the exemption in a row holds on the day that is asked for.
fn holding(row: &str, asked: &FilterInput<'_>) -> Sql {
    Sql::new(format!("({row}.state IN ('granted', 'ended') AND {row}.from_date <= "))
        .bind(asked.value())
        .text(format!(" AND ({row}.to_date IS NULL OR {row}.to_date > "))
        .bind(asked.value())
        .text("))")
}

impl Slice for Exemption {
    const COLUMNS: &'static [Column] = &[
        Column::new("member_id", Type::Id),
        Column::new("reason_code", Type::Text),
        Column::new("state", Type::Text),
        Column::new("since", Type::Text),
        Column::new("from_date", Type::Text),
        Column::new("to_date", Type::Text),
        Column::new("review_due_on", Type::Text),
    ];
    const FILTERS: &'static [Filter] = &[
        Filter::code("state", &ExemptionState::LIST),
        Filter::SINCE_FROM,
        Filter::SINCE_TO,
        Filter::reference("member_id", "member"),
        Filter::code("reason_code", &ExemptionReason::LIST),
        Filter::own("at", &HOLDING).of("from").called(ON_A_DAY),
        Filter::date_to("review_due_to", "review_due_on"),
    ];
    const SORTS: &'static [Sort] = &[Sort::SINCE];
    const UNIT_INDEX: &'static [&'static str] = &["since"];
    const UNIT_OF: &'static [&'static str] = &["member_id"];
    const FIXED: &'static [&'static str] = &["member_id"];
    const DEFAULTS: &'static [Default] = &[("from", None), ("review_due_on", None)];
    const WORK: &'static [Work] = &[Work {
        what: WorkCode::ExemptionReview,
        fields: &["review_due_on"],
        when: Some(|scope| there_is_no::<Member>(scope, &["left_on"], "o.id = t.member_id AND o.left_on IS NOT NULL")),
        due: Due::On("review_due_on"),
    }];
    const MOVES: &'static [Move] = &[
        Move::new(&["requested"], "granted", OFFICE_CELL),
        Move::new(&["requested"], "rejected", OFFICE_CELL).with_reason(),
        Move::new(&["granted"], "ended", OFFICE_CELL),
    ];

    fn columns(&self) -> Vec<Value> {
        let text = |date: Option<Date>| date.map(|date| date.to_string()).into();
        vec![
            self.member_id.id().into(),
            self.reason_code.as_ref().map(|reason| reason.code().to_owned()).into(),
            self.state.code().into(),
            self.since().map_or_else(String::new, |since| since.to_string()).into(),
            text(self.from),
            text(self.to),
            text(self.review_due_on),
        ]
    }

    fn decide(change: &mut Change<'_, Self>, set: &WriteSet, verdict: &mut Verdict) {
        if change.action == Action::Delete {
            return;
        }
        complete(change);
        let exemption = &change.after;
        let changes_reason = change.changed(|exemption| exemption.reason_code.clone());
        if (change.action == Action::Create || changes_reason) && exemption.reason_code.is_none() {
            verdict.fault("reason_code", &REQUIRED);
        }
        let member = set.target(&exemption.member_id);
        change.made_at(member.as_ref().map(|member| member.unit_id), verdict);
        let counts = |member: &Member| subject::status(member).counts_on_strength();
        if change.before.is_none() && !change.importing && member.as_ref().is_some_and(|member| !counts(member)) {
            verdict.fault("member_id", &SUBJECT_ELSEWHERE);
        }
        // Nor is it granted to who is in another cell by then. (The cell is asked first: of a member elsewhere nothing is said.)
        let is_here = |member: &Member| member.unit_id == exemption.unit_id && counts(member);
        let is_granted = change.before.is_some_and(|before| before.state != exemption.state)
            && exemption.state == ExemptionState::Granted;
        if is_granted && !change.importing && member.is_some_and(|member| !is_here(&member)) {
            verdict.fault_of_step(&SUBJECT_ELSEWHERE);
        }
        dates(exemption, set, verdict);
        // What another cell granted says nothing to who does not read it.
        let others = |other: &Exemption| change.may_learn("exemption", other.unit_id, "from") && meet(exemption, other);
        if exemption.state.was_granted()
            && set.others::<Exemption>(of_member(exemption), exemption.id).any(|other| others(&other))
        {
            verdict.fault("from", &OVERLAPS);
        }
    }
}

fn of_member(exemption: &Exemption) -> Lookup {
    Lookup::of::<Exemption>([("member_id", exemption.member_id.id().into())])
}

/// Whether two exemptions that were granted hold on the same day.
fn meet(one: &Exemption, other: &Exemption) -> bool {
    let begins_in_time =
        |one: &Exemption, other: &Exemption| other.to.is_none_or(|to| one.from.is_some_and(|from| from < to));
    let is_empty = |one: &Exemption| one.from == one.to;
    other.state.was_granted()
        && !is_empty(one)
        && !is_empty(other)
        && begins_in_time(one, other)
        && begins_in_time(other, one)
}

/// When the cell decided it.
fn granted_on(exemption: &Exemption) -> Option<Date> {
    let steps = exemption.steps.iter().flat_map(|steps| steps.iter());
    steps.rev().find(|step| step.state == ExemptionState::Granted).map(|step| step.on)
}

/// When it is to be reviewed if nothing else is said.
fn next_review(exemption: &Exemption) -> Option<Date> {
    let last = exemption.reviewed_on.as_ref().and_then(|reviews| reviews.last()).copied().or(exemption.from)?;
    Some(last.plus_months(EXEMPTION_REVIEW_MONTHS.on(last)))
}

/// The latest `to` of one that has ended: the day of that step, or its first day where that is later, so that it held on no day.
fn latest_end(exemption: &Exemption) -> Option<Date> {
    exemption.since().max(exemption.from).filter(|_| exemption.state == ExemptionState::Ended)
}

fn complete(change: &mut Change<'_, Exemption>) {
    // What was computed follows what it was computed from. A review makes the next one due anew.
    let computed = |field: &str, is: &dyn Fn(&Exemption) -> bool| !change.sent(field) && change.before.is_some_and(is);
    let computed_from = computed("from", &|before| before.from.is_some() && before.from == granted_on(before));
    let computed_to = computed("to", &|before| before.to.is_some() && before.to == latest_end(before));
    let computed_due = computed("review_due_on", &|before| {
        before.review_due_on == next_review(before) || before.reviewed_on != change.after.reviewed_on
    });
    let (to_sent, due_sent) = (change.sent("to"), change.sent("review_due_on"));
    let exemption = &mut change.after;
    if computed_from {
        exemption.from = None;
    }
    if computed_to {
        exemption.to = None;
    }
    if exemption.state.was_granted() && exemption.from.is_none() {
        exemption.from = granted_on(exemption);
    }
    match exemption.state {
        ExemptionState::Granted if computed_due || exemption.review_due_on.is_none() => {
            exemption.review_due_on = next_review(exemption);
        }
        ExemptionState::Ended => {
            let end = latest_end(exemption);
            exemption.to = if to_sent { exemption.to.or(end) } else { exemption.to.or(end).min(end) };
        }
        _ => {}
    }
    if exemption.state != ExemptionState::Granted && !due_sent {
        exemption.review_due_on = None;
    }
}

fn dates(exemption: &Exemption, set: &WriteSet, verdict: &mut Verdict) {
    if exemption.review_due_on.is_some() && exemption.state != ExemptionState::Granted {
        let granted = rules::has::<Exemption>("state", ExemptionState::Granted.words());
        verdict.fault_about("review_due_on", &ONLY_WHERE, granted);
    }
    if let Some(end) = latest_end(exemption).filter(|end| exemption.to.is_some_and(|to| to > *end)) {
        verdict.fault_about("to", &OUT_OF_RANGE, OR_EARLIER.with(end));
    }
    let (from, to) = (("from", exemption.from), ("to", exemption.to));
    match exemption.from {
        Some(day) if exemption.state != ExemptionState::Ended => verdict.ends_after::<Exemption>(to, ("from", day)),
        _ => verdict.not_before::<Exemption>(to, from),
    }
    let mut last = from.1.map(|from| (from, NOT_BEFORE.of(rules::called::<Exemption>("from"))));
    for (index, review) in exemption.reviewed_on.iter().flat_map(|reviews| reviews.iter()).enumerate() {
        let at = format!("reviewed_on/{index}");
        if let Some((_, words)) = last.take_if(|(last, _)| *review < *last) {
            verdict.fault_about(&at, &DATES_OUT_OF_ORDER, words);
        }
        verdict.not_after_today(&at, Some(*review), set);
        last = Some((*review, Words::from(&NOT_BEFORE_LAST_REVIEW)));
    }
}
