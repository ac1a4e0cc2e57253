//! `member`: columns, child tables, filters and rules (docs/DOMAIN.md, Members).

mod filters;
mod work;

use super::subject::status;
use super::{exemption, unit};
use crate::db::{Column, Type, Value};
use crate::regulations::{ADMISSION_AGE_FROM, PROBATION_MONTHS};
use crate::store::filter::Filter;
use crate::store::registry::{ChildTable, Sort};
use crate::store::rules::{self, Action, Change, Default, Slice, Verdict};
use crate::store::search::Search;
use crate::store::work::Work;
use crate::store::write_set::{Lookup, WriteSet};
use cell_records_types::faults::{
    DATES_OUT_OF_ORDER, ID_MISMATCH, IN_THE_FUTURE, NUMBER_TAKEN, OFFICIAL_BEFORE_ADMISSION, OPEN_POSITIONS,
    OUT_OF_RANGE, POSSIBLE_DUPLICATE, REASON_REQUIRED, REQUIRED, SHORT_PROBATION, STATUS_MOVE_NOT_ALLOWED,
    STAYS_OVERLAP, STILL_COUNTED, UNDER_AGE, UNIT_SINCE_OUT_OF_RANGE,
};
use cell_records_types::phrases::{AT_LEAST_MONTHS, COUNTED_FROM_ANOTHER_DAY, NOT_BEFORE, Words, YEAR_FROM};
use cell_records_types::sync::MatchBy;
use cell_records_types::text::{fold, name_key, words_key};
use cell_records_types::{
    Date, EducationLevel, EmploymentStatus, Label, Member, MemberStatus, PartialDate, PersonalId, PoliticalTheoryLevel,
    Position, Sex, Stay, StayVia,
};
use serde_json::Map;
use uuid::Uuid;

/// Nobody in these records was born before.
const FIRST_BIRTH_YEAR: i16 = 1880;

/// What people call `at`.
const ON_STRENGTH: Label = Label { vi: "Tính vào đảng số tại ngày", en: "On strength on the day" };
/// The same of `duplicates`.
const DUPLICATES: Label = Label { vi: "Trùng số với đảng viên khác", en: "Sharing a number" };

impl Slice for Member {
    const COLUMNS: &'static [Column] = &[
        Column::new("status", Type::Text),
        Column::new("sex", Type::Text),
        Column::new("education_level", Type::Text),
        Column::new("political_theory_level", Type::Text),
        Column::new("employment_status", Type::Text),
        Column::new("birth_date", Type::Text),
        Column::new("admission_date", Type::Text),
        Column::new("unit_since", Type::Text),
        Column::new("left_on", Type::Text),
        Column::new("name_key", Type::Text),
        Column::new("other_names", Type::Text),
        Column::new("probation_ends_on", Type::Text),
        Column::new("party_age_start", Type::Text),
    ];
    const CHILD_TABLES: &'static [ChildTable] = &[
        ChildTable {
            table: "member_numbers",
            owner: "member_id",
            columns: &[
                Column::new("member_id", Type::Id),
                Column::new("kind", Type::Text),
                Column::new("number", Type::Text),
            ],
        },
        ChildTable {
            table: "member_stays",
            owner: "member_id",
            columns: &[
                Column::new("member_id", Type::Id),
                Column::new("unit_id", Type::Id),
                Column::new("from_date", Type::Text),
                Column::new("to_date", Type::Text),
            ],
        },
    ];
    const FILTERS: &'static [Filter] = &[
        Filter::code("status", &MemberStatus::LIST),
        Filter::code("sex", &Sex::LIST),
        Filter::code("education_level", &EducationLevel::LIST),
        Filter::code("political_theory_level", &PoliticalTheoryLevel::LIST),
        Filter::code("employment_status", &EmploymentStatus::LIST),
        Filter::date_from("birth_date_from", "birth_date"),
        Filter::date_to("birth_date_to", "birth_date"),
        Filter::date_from("admission_from", "admission_date"),
        Filter::date_to("admission_to", "admission_date"),
        Filter::own("at", &filters::STAY_AT).of("unit_since").called(ON_STRENGTH),
        Filter::own("exempt_at", &exemption::EXEMPT_AT).of(exemption::FROM).called(exemption::EXEMPT),
        Filter::own("profile_number", &filters::PROFILE_NUMBER),
        Filter::own("personal_id", &filters::PERSONAL_ID),
        Filter::own("duplicates", &filters::DUPLICATES).of("personal_id").called(DUPLICATES),
    ];
    const SORTS: &'static [Sort] = &[
        // Namesakes by age: the index that finds them for the rules gives this order.
        Sort::indexed("full_name", &["name_key", "birth_date"]),
        Sort::narrow("birth_date", &["birth_date"]),
        Sort::narrow("admission_date", &["admission_date"]),
    ];
    const UNIT_INDEX: &'static [&'static str] = &["name_key", "birth_date"];
    const SEARCH: Option<Search> = Some(Search::own("full_name", &["name_key", "other_names"], true));
    const WORK: &'static [Work] = work::WORK;
    const DEFAULTS: &'static [Default] = &[
        ("status", Some("\"probationary\"")),
        ("education_level", Some("\"unknown\"")),
        ("political_theory_level", Some("\"unknown\"")),
        ("party_age_start", None),
        ("unit_since", None),
        ("unit_via", Some("\"admission\"")),
        ("unit_history", None),
    ];

    fn columns(&self) -> Vec<Value> {
        let other_names = self.other_names.iter().flat_map(|names| names.iter().map(|name| &**name));
        vec![
            status(self).code().into(),
            self.sex.code().into(),
            self.education_level.as_ref().unwrap_or(&EducationLevel::NotKnown).code().into(),
            self.political_theory_level.as_ref().unwrap_or(&PoliticalTheoryLevel::NotKnown).code().into(),
            self.employment_status.as_ref().map(|status| status.code().to_owned()).into(),
            self.birth_date.to_string().into(),
            self.admission_date.to_string().into(),
            self.unit_since.unwrap_or(self.admission_date).to_string().into(),
            self.left_on.map(|left| left.to_string()).into(),
            name_key(&self.full_name).into(),
            words_key(self.birth_name.as_deref().into_iter().chain(other_names)).into(),
            work::probation_ends_on(self).map(|date| date.to_string()).into(),
            self.party_age_start.map(|date| date.to_string()).into(),
        ]
    }

    fn child_rows(&self) -> Vec<Vec<Vec<Value>>> {
        let number =
            |(_, by, number): (_, MatchBy, String)| vec![self.id.into(), number_kind(&by).into(), number.into()];
        let numbers = numbers(self).into_iter().map(number);
        let stay = |past: &Stay| {
            let unit = past.unit_id.id()?;
            Some(vec![self.id.into(), unit.into(), past.from.to_string().into(), past.to.to_string().into()])
        };
        let stays = self.unit_history.iter().flat_map(|stays| stays.iter()).filter_map(stay);
        vec![numbers.collect(), stays.collect()]
    }

    fn same(sent: &Map<String, serde_json::Value>, by: &MatchBy) -> Vec<Lookup> {
        let number = |number: &serde_json::Value| Some(holders(by, number.as_str()?));
        let cards = || sent.get("card_numbers").and_then(serde_json::Value::as_array).into_iter().flatten();
        match by {
            MatchBy::PersonalId => sent.get("personal_id").and_then(number).into_iter().collect(),
            MatchBy::ProfileNumber => sent.get("profile_number").and_then(number).into_iter().collect(),
            MatchBy::CardNumber => cards().filter_map(|card| number(card.get("number")?)).collect(),
            MatchBy::ExternalId | MatchBy::NameBirth | MatchBy::Unknown(_) => Vec::new(),
        }
    }

    fn fits(sent: &Map<String, serde_json::Value>, member: &Self) -> bool {
        let text = |field: &str| sent.get(field).and_then(serde_json::Value::as_str);
        // Of a birth date one side may know the year only.
        let may_be = |date: &str| date.parse().is_ok_and(|date: PartialDate| date.may_be(member.birth_date));
        text("full_name").is_none_or(|name| fold(name) == fold(&member.full_name))
            && text("birth_date").is_none_or(may_be)
    }

    fn decide(change: &mut Change<'_, Self>, set: &WriteSet, verdict: &mut Verdict) {
        if change.action == Action::Delete {
            return;
        }
        complete(change, set);
        let moved = change.changed(|member| member.unit_id) || change.action == Action::Create;
        if moved {
            unit::must_be_a_cell(change.after.unit_id, set, verdict);
        }
        dates(&change.after, set, verdict);
        // A warning about a number reveals it: only to a caller who reads it where it is stored, or just sent it.
        let reads = |unit| change.may_learn("member", unit, "personal_id");
        if change.sent("personal_id")
            || (reads(change.after.unit_id) && change.before.is_none_or(|before| reads(before.unit_id)))
        {
            let member = &change.after;
            number_fits(member.personal_id.as_ref(), member.birth_date, &member.sex, verdict);
        }
        membership(change, verdict, set);
        stays(&change.after, set, verdict);
        if !change.importing {
            duplicates(change, set, verdict);
        }
    }
}

fn identity(member: &Member) -> (String, String) {
    (name_key(&member.full_name), member.birth_date.to_string())
}

/// A member's numbers: the field that holds each, what it is, the number.
fn numbers(member: &Member) -> Vec<(&'static str, MatchBy, String)> {
    let mut numbers = Vec::new();
    numbers.extend(member.personal_id.as_ref().map(|number| ("personal_id", MatchBy::PersonalId, number.to_string())));
    let profile = member.profile_number.as_ref();
    numbers.extend(profile.map(|number| ("profile_number", MatchBy::ProfileNumber, number.to_string())));
    let cards = member.card_numbers.iter().flat_map(|cards| cards.iter());
    for card in cards {
        let one = ("card_numbers", MatchBy::CardNumber, card.number.to_string());
        if !numbers.contains(&one) {
            numbers.push(one);
        }
    }
    numbers
}

/// What a number is called in the table of numbers.
const fn number_kind(by: &MatchBy) -> &'static str {
    match by {
        MatchBy::PersonalId => "personal",
        MatchBy::ProfileNumber => "profile",
        _ => "card",
    }
}

fn holders(by: &MatchBy, number: &str) -> Lookup {
    Lookup::child::<Member>("member_numbers", [("number", number.into()), ("kind", number_kind(by).into())])
}

/// Some of them: a call of a thousand names must not load all who bear them. Where all of these are out of the caller's
/// sight, it is not warned.
fn namesakes(member: &Member) -> Lookup {
    let (name, birth) = identity(member);
    Lookup::of::<Member>([("name_key", name.into()), ("birth_date", birth.into())]).few()
}

fn positions(member: Uuid) -> Lookup {
    Lookup::of::<Position>([("member_id", member.into())])
}

/// Defaults, and the stay that a move ends.
fn complete(change: &mut Change<'_, Member>, set: &WriteSet) {
    let history_sent = change.sent("unit_history");
    let (since_sent, via_sent) = (change.sent("unit_since"), change.sent("unit_via"));
    let moved = change.before.filter(|before| before.unit_id != change.after.unit_id);
    let computed_age = !change.sent("party_age_start")
        && change.before.is_some_and(|before| before.party_age_start == Some(age_counts_from(before)));
    let member = &mut change.after;
    member.status.get_or_insert(MemberStatus::Probationary);
    member.education_level.get_or_insert(EducationLevel::NotKnown);
    member.political_theory_level.get_or_insert(PoliticalTheoryLevel::NotKnown);
    // What was computed follows what it was computed from.
    if computed_age {
        member.party_age_start = None;
    }
    member.party_age_start.get_or_insert(age_counts_from(member));
    if let Some(before) = moved {
        if !since_sent {
            member.unit_since = Some(set.today);
        }
        if !via_sent {
            member.unit_via = Some(StayVia::Correction);
        }
        let (from, to) = (before.unit_since.unwrap_or(before.admission_date), member.unit_since.unwrap_or(set.today));
        // A stay that would not last a day leaves none.
        if !history_sent && from < to {
            let via = before.unit_via.clone().unwrap_or(StayVia::Admission);
            let mut stays: Vec<Stay> = before.unit_history.iter().flat_map(|stays| stays.iter().cloned()).collect();
            stays.push(Stay { unit_id: before.unit_id.into(), from, to, via });
            member.unit_history = Some(stays.into());
        }
    }
    member.unit_since.get_or_insert(member.admission_date);
    member.unit_via.get_or_insert(StayVia::Admission);
}

/// From when the Party age counts when nothing else is said.
fn age_counts_from(member: &Member) -> Date {
    member.admission_decision_date.unwrap_or(member.admission_date)
}

/// A birth date of somebody in these records.
pub fn is_born(birth: PartialDate, set: &WriteSet, verdict: &mut Verdict) {
    if birth.year < FIRST_BIRTH_YEAR {
        verdict.fault_about("birth_date", &OUT_OF_RANGE, YEAR_FROM.with(FIRST_BIRTH_YEAR));
    }
    if birth.earliest() > set.today {
        verdict.fault("birth_date", &IN_THE_FUTURE);
    }
}

fn dates(member: &Member, set: &WriteSet, verdict: &mut Verdict) {
    is_born(member.birth_date, set, verdict);
    if member.admission_date > set.today {
        verdict.fault("admission_date", &IN_THE_FUTURE);
    }
    let age = ADMISSION_AGE_FROM.on(member.admission_date);
    if member.admission_date < member.birth_date.earliest().plus_years(age) {
        verdict.warn_about("admission_date", &UNDER_AGE, Words::plain(age));
    }
    verdict.not_before::<Member>(("left_on", member.left_on), ("admission_date", Some(member.admission_date)));
    if let Some(official) = member.official_date {
        let months = PROBATION_MONTHS.on(member.admission_date);
        if official < member.admission_date {
            verdict.fault("official_date", &OFFICIAL_BEFORE_ADMISSION);
        } else if official < member.admission_date.plus_months(months) {
            verdict.warn_about("official_date", &SHORT_PROBATION, AT_LEAST_MONTHS.with(months));
        }
    }
    if member.party_age_start.is_some_and(|start| start != age_counts_from(member)) && member.party_age_reason.is_none()
    {
        verdict.fault_about(
            "party_age_reason",
            &REASON_REQUIRED,
            COUNTED_FROM_ANOTHER_DAY.of(rules::called::<Member>("party_age_start")),
        );
    }
}

/// Whether a personal number fits what it is made from.
pub fn number_fits(number: Option<&PersonalId>, birth: PartialDate, sex: &Sex, verdict: &mut Verdict) {
    let Some(number) = number else { return };
    // Century and sex are in the fourth digit, the year in the next two.
    let part = |from: usize, to: usize| number.get(from..to).and_then(|part| part.parse::<i16>().ok());
    if let (Some(code), Some(year)) = (part(3, 4), part(4, 6)) {
        if 1900 + 100 * (code / 2) + year != birth.year {
            verdict.warn_about("personal_id", &ID_MISMATCH, rules::called::<Member>("birth_date"));
        }
        let fits = match sex {
            Sex::Male => code % 2 == 0,
            Sex::Female => code % 2 == 1,
            Sex::Unspecified | Sex::Unknown(_) => true,
        };
        if !fits {
            verdict.warn_about("personal_id", &ID_MISMATCH, rules::called::<Member>("sex"));
        }
    }
}

fn membership(change: &Change<'_, Member>, verdict: &mut Verdict, set: &WriteSet) {
    let member = &change.after;
    let now = status(member);
    if let Some(before) = change.before.map(status).filter(|_| !change.importing && change.action == Action::Update)
        && !before.may_become(&now)
    {
        verdict.fault_about("status", &STATUS_MOVE_NOT_ALLOWED, rules::moved(before.words(), now.words()));
    }
    if now.has_left() {
        if member.left_on.is_none() {
            verdict.fault("left_on", &REQUIRED);
        }
        let open = |position: &Position| position.to.is_none_or(|to| member.left_on.is_some_and(|left| to > left));
        if !change.importing
            && change.changed(status)
            && set
                .all::<Position>(positions(member.id))
                .any(|position| open(&position) && change.may_learn("position", position.unit_id, "to"))
        {
            verdict.warn("status", &OPEN_POSITIONS);
        }
    } else if member.left_on.is_some() && now.counts_on_strength() {
        verdict.warn("left_on", &STILL_COUNTED);
    }
}

fn stays(member: &Member, set: &WriteSet, verdict: &mut Verdict) {
    let since = member.unit_since.unwrap_or(member.admission_date);
    if since > set.today {
        verdict.fault("unit_since", &UNIT_SINCE_OUT_OF_RANGE);
    } else if since < member.admission_date {
        verdict.warn_about("unit_since", &DATES_OUT_OF_ORDER, NOT_BEFORE.of(rules::called::<Member>("admission_date")));
    }
    let mut free_from: Option<Date> = None;
    for stay in member.unit_history.iter().flat_map(|stays| stays.iter()) {
        if stay.from >= stay.to || free_from.is_some_and(|free| stay.from < free) || stay.to > since {
            return verdict.fault_about("unit_history", &STAYS_OVERLAP, rules::called::<Member>("unit_since"));
        }
        free_from = Some(stay.to);
    }
}

/// Warns of records that this one may double, and refuses a number that another has. Of what is out of the caller's sight
/// nothing is said: it would reveal strangers.
fn duplicates(change: &Change<'_, Member>, set: &WriteSet, verdict: &mut Verdict) {
    let member = &change.after;
    let name = |lookup: Lookup, field: &str, by: &MatchBy, verdict: &mut Verdict| {
        let others = set.others::<Member>(lookup, member.id);
        let seen = others.filter(|other| change.may_learn("member", other.unit_id, field));
        verdict.name(seen.map(|other| (other.id, other.version)), by)
    };
    // What is brought back comes with all of them.
    let is_new = |field: &str| change.sent(field) || change.action == Action::Create;
    for (field, by, number) in numbers(member) {
        if is_new(field) && name(holders(&by, &number), field, &by, verdict) {
            verdict.fault(field, &NUMBER_TAKEN);
        }
    }
    if change.changed(identity) && name(namesakes(member), "full_name", &MatchBy::NameBirth, verdict) {
        verdict.warn("full_name", &POSSIBLE_DUPLICATE);
    }
}
