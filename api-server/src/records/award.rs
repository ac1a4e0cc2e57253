//! `award`: columns, filters and rules (docs/DOMAIN.md, Awards).

use crate::db::{Column, Type, Value};
use crate::regulations::{BADGE_EARLY_FROM_70_MONTHS, BADGE_EARLY_MONTHS, BADGE_POSTHUMOUS_MONTHS, BADGE_YEARS};
use crate::store::filter::Filter;
use crate::store::registry::Sort;
use crate::store::rules::{self, Action, Change, Slice, Verdict};
use crate::store::write_set::{Lookup, WriteSet};
use cell_records_types::faults::{AWARD_EXISTS, ONLY_WHERE, OUT_OF_RANGE, PARTY_AGE_SHORT, REQUIRED};
use cell_records_types::phrases::Words;
use cell_records_types::sync::ConflictReason;
use cell_records_types::{Award, AwardKind, Date, Member, RecordType};

/// From this badge on an early one may be given earlier.
const EARLIER_FROM_YEARS: i32 = 70;

impl Slice for Award {
    const COLUMNS: &'static [Column] = &[
        Column::new("kind", Type::Text),
        Column::new("year", Type::Int),
        Column::new("member_id", Type::Id),
        Column::new("badge_years", Type::Int),
        Column::new("decided_on", Type::Text),
    ];
    const FILTERS: &'static [Filter] = &[
        Filter::code("kind", &AwardKind::LIST),
        Filter::number("year"),
        Filter::reference("member_id", "member"),
        Filter::number("badge_years"),
        Filter::date_from("decided_from", "decided_on"),
        Filter::date_to("decided_to", "decided_on"),
    ];
    const SORTS: &'static [Sort] = &[Sort::narrow("year", &["year"])];
    /// The titles of a unit are looked up, year after year.
    const UNIT_INDEX: &'static [&'static str] = &["kind", "year"];
    const UNIT_OF: &'static [&'static str] = &["member_id"];
    const FIXED: &'static [&'static str] = &["kind", "year"];

    fn columns(&self) -> Vec<Value> {
        vec![
            self.kind.code().into(),
            i64::from(self.year.0).into(),
            self.member_id.as_ref().and_then(|member| member.id()).into(),
            self.badge_years.map(i64::from).into(),
            self.decided_on.map(|date| date.to_string()).into(),
        ]
    }

    fn decide(change: &mut Change<'_, Self>, set: &WriteSet, verdict: &mut Verdict) {
        if change.action == Action::Delete {
            return;
        }
        let award = &change.after;
        let member = award.member_id.as_ref().and_then(|member| set.target(member));
        change.made_at(member.as_ref().map(|member| member.unit_id), verdict);
        dates(award, set, verdict);
        fields(award, verdict);
        badge(change, member.as_deref(), verdict);
        if let Some(same) = same(award)
            && set.others::<Award>(same, award.id).next().is_some()
        {
            verdict.conflict(ConflictReason::Unique, &AWARD_EXISTS);
        }
    }
}

/// Which fields a kind has, and which it needs.
fn fields(award: &Award, verdict: &mut Verdict) {
    let is_badge = award.kind == AwardKind::PartyBadge;
    if award.member_id.is_some() && award.kind.is_title() {
        verdict.fault_about("member_id", &ONLY_WHERE, is_a(|kind| !kind.is_title()));
    }
    let (years, round) = (("badge_years", award.badge_years.is_some()), ("award_round", award.award_round.is_some()));
    for (field, is_there) in [years, round, ("badge_number", award.badge_number.is_some())] {
        if is_there && !is_badge {
            verdict.fault_about(field, &ONLY_WHERE, is_a(|kind| *kind == AwardKind::PartyBadge));
        }
    }
    for (field, is_there) in [("member_id", award.member_id.is_some()), years, round] {
        if is_badge && !is_there {
            verdict.fault(field, &REQUIRED);
        }
    }
}

/// That it is of one of these kinds, for a text.
fn is_a(kind: impl Fn(&AwardKind) -> bool) -> Words {
    let kinds = AwardKind::ALL.iter().filter(|one| kind(one)).map(AwardKind::words);
    rules::has::<Award>("kind", Words::one_of(kinds))
}

/// It is proposed, decided, presented, and nothing of it tomorrow.
fn dates(award: &Award, set: &WriteSet, verdict: &mut Verdict) {
    let (proposed, decided, presented) =
        (("proposed_on", award.proposed_on), ("decided_on", award.decided_on), ("presented_on", award.presented_on));
    for (field, date) in [proposed, decided, presented] {
        verdict.not_after_today(field, date, set);
    }
    verdict.not_before::<Award>(decided, proposed);
    verdict.not_before::<Award>(presented, if award.decided_on.is_some() { decided } else { proposed });
}

/// A badge is one of those that there are, for a Party age that is long enough on the day of its round.
fn badge(change: &Change<'_, Award>, member: Option<&Member>, verdict: &mut Verdict) {
    let award = &change.after;
    let (Some(years), Some(round)) = (award.badge_years, award.award_round) else { return };
    let all = BADGE_YEARS.on(round);
    if !all.contains(&years) {
        return verdict.fault_about("badge_years", &OUT_OF_RANGE, Words::one_of(all.iter().map(Words::plain)));
    }
    let start = member.and_then(|member| counted_from(change, member));
    let earliest = start.map(|start| start.plus_years(years).plus_months(-margin(change, years, round)));
    if earliest.is_some_and(|earliest| round < earliest) {
        verdict.warn("award_round", &PARTY_AGE_SHORT);
    }
}

/// From when the Party age counts, if the caller may learn it.
fn counted_from(change: &Change<'_, Award>, member: &Member) -> Option<Date> {
    member.party_age_start.filter(|_| change.may_learn(Member::NAME, member.unit_id, "party_age_start"))
}

/// How many months before the full Party age a badge may be given. Who does not read whether it is early gets the warning
/// only where it follows either way.
fn margin(change: &Change<'_, Award>, years: i32, round: Date) -> i32 {
    let award = &change.after;
    let reads_early = change.may_learn(Award::NAME, award.unit_id, "early");
    let early = if years < EARLIER_FROM_YEARS { &BADGE_EARLY_MONTHS } else { &BADGE_EARLY_FROM_70_MONTHS };
    let early = (award.early == Some(true) || !reads_early).then(|| early.on(round));
    let posthumous = (award.posthumous == Some(true)).then(|| BADGE_POSTHUMOUS_MONTHS.on(round));
    early.max(posthumous).unwrap_or(0)
}

/// What there is only one of: a unit's title of a kind and year, a member's badge for so many years.
fn same(award: &Award) -> Option<Lookup> {
    let kind = ("kind", award.kind.code().into());
    if award.kind.is_title() {
        return Some(Lookup::of::<Award>([
            ("unit_id", award.unit_id.into()),
            kind,
            ("year", i64::from(award.year.0).into()),
        ]));
    }
    let member = award.member_id.as_ref().filter(|_| award.kind == AwardKind::PartyBadge)?.id()?;
    Some(Lookup::of::<Award>([
        ("member_id", member.into()),
        ("badge_years", i64::from(award.badge_years?).into()),
        kind,
    ]))
}
