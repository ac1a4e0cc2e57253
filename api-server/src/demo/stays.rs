//! Who need not take part, and who takes part without being a member here: exemptions from activity, and the 1,493 members of
//! other organisations in touch with the cell of their residence, whom the article counts.

use super::evaluations;
use super::ids::{self, Of};
use super::people::Person;
use super::random::{Random, day, later};
use super::{Stated, names, units};
use cell_records_types::text::name_key;
use cell_records_types::{
    Date, Exemption, ExemptionCreate, ExemptionReason, ExemptionState, ExemptionStep, MemberEvaluationCreate,
    PartialDate, ResidenceCategory, ResidenceComment, ResidenceLinkCreate, Sex, SubjectKind, Uuid, Year,
};
use std::collections::BTreeSet;

/// Born later, nobody is exempt for old age.
const OLD: i16 = 1940;
/// The day of the last review of exemptions.
const REVIEWED: Date = day(2014, 6, 30);
/// So many of those that were due were not reviewed.
const OVERDUE: usize = 12;

/// Those who are exempt for old age: without a result in 2013, since then or since there is none.
pub fn exempt<'p>(people: &'p [Person], results: &[MemberEvaluationCreate]) -> Vec<(&'p Person, Date)> {
    let rated = |year: i16| -> BTreeSet<Uuid> {
        let round = evaluations::round_of(&SubjectKind::Member, year);
        results.iter().filter(|one| one.round_id.id() == Some(round)).filter_map(|one| one.member_id.id()).collect()
    };
    let (first, second) = (rated(2012), rated(2013));
    let old = people.iter().filter(|person| person.birth.year <= OLD && !second.contains(&person.id()));
    let from = |person: &Person| {
        let year = if first.contains(&person.id()) { 2013 } else { 2012 };
        person.since.max(day(year, 1, 1))
    };
    old.map(|person| (person, from(person))).collect()
}

/// Their exemptions.
pub fn exemptions(exempt: &[(&Person, Date)]) -> Vec<Stated<Exemption>> {
    // What is a year old is to be reviewed; of those the first were left out.
    let is_due = |from: Date| from < day(2014, 1, 1);
    let mut left_out = exempt.iter().filter(|(_, from)| is_due(*from)).map(|(person, _)| person.number).take(OVERDUE);
    let left_out: BTreeSet<u64> = left_out.by_ref().collect();
    let one = |(serial, (person, from)): (u64, &(&Person, Date))| {
        let reviewed = is_due(*from) && !left_out.contains(&person.number);
        let create = ExemptionCreate {
            id: Some(ids::id(Of::Exemption, serial)),
            unit_id: units::reference(units::cell(person.cell)),
            external_ids: ids::external(&format!("exemption-{serial:03}")),
            reason_code: Some(ExemptionReason::OldAge),
            from: Some(*from),
            reviewed_on: reviewed.then(|| vec![REVIEWED].into()),
            steps: Some(
                vec![
                    ExemptionStep::new(ExemptionState::Requested, later(*from, -20)),
                    ExemptionStep::new(ExemptionState::Granted, *from),
                ]
                .into(),
            ),
            ..ExemptionCreate::new(person.id())
        };
        Stated { create, state: "granted", member: None, reason: None }
    };
    (1..).zip(exempt).map(one).collect()
}

/// Organisations of others.
pub const ELSEWHERE: [&str; 6] = [
    "Đảng bộ phường Lê Mao, thành phố Vinh",
    "Đảng bộ phường Hà Huy Tập, thành phố Vinh",
    "Đảng bộ Sở Giáo dục và Đào tạo Nghệ An",
    "Đảng bộ huyện Nghi Lộc",
    "Đảng bộ huyện Hưng Nguyên",
    "Đảng bộ Công ty Xăng dầu Nghệ An",
];

/// The residential cells: the first 17.
const RESIDENTIAL: u64 = 17;
/// Active in each of the first 14; one less in the others.
const ACTIVE: u64 = 88;
/// The cells where one more came so late that there is no comment of 2014 yet.
const LATE: u64 = 14;
/// Cells with one who is not introduced, and with one whose link has ended.
const NOT_INTRODUCED: u64 = 7;
const ENDED: u64 = 9;

/// The residence links, cell by cell.
pub fn residence_links() -> Vec<ResidenceLinkCreate> {
    let (mut all, mut active) = (Vec::new(), 0_u64);
    for cell in 1..=RESIDENTIAL {
        let mut known = BTreeSet::new();
        for place in 0..ACTIVE - u64::from(cell > LATE) {
            // Every sixteenth need not attend.
            let exempt = active % 16 == 15;
            active += 1;
            let mut link = link(&all, cell, &mut known);
            if exempt {
                link.category = Some(ResidenceCategory::IntroducedExempt);
            } else if place == 0 && cell <= LATE {
                link.from = day(2014, 11, 17);
            } else {
                let attended = i32::from(Random::of(24, active).between(2, 6));
                let comment = ResidenceComment {
                    attended: Some(attended),
                    comment: Some("Tham gia sinh hoạt, thực hiện nghĩa vụ công dân nơi cư trú đầy đủ.".into()),
                    sent_on: Some(day(2014, 12, 10)),
                    ..ResidenceComment::new(Year(2014))
                };
                link.comments = Some(vec![comment].into());
            }
            all.push(link);
        }
        if cell <= NOT_INTRODUCED {
            let category = Some(ResidenceCategory::NotIntroduced);
            all.push(ResidenceLinkCreate { category, ..link(&all, cell, &mut known) });
        }
        if cell <= ENDED {
            let (from, to) = (day(2012, 9, 1), Some(day(2014, 7, 1)));
            all.push(ResidenceLinkCreate { from, to, ..link(&all, cell, &mut known) });
        }
    }
    all
}

fn link(all: &[ResidenceLinkCreate], cell: u64, known: &mut BTreeSet<(String, String)>) -> ResidenceLinkCreate {
    let serial = u64::try_from(all.len()).unwrap_or(0) + 1;
    let mut random = Random::of(23, serial);
    let sex = if random.percent(45) { Sex::Female } else { Sex::Male };
    let year = random.between(1955, 1988);
    let birth = PartialDate { year, month: None, day: None };
    let name = loop {
        let name = names::full_name(&mut random, &sex);
        if known.insert((name_key(&name), birth.to_string())) {
            break name;
        }
    };
    let from = random.day_of(2012);
    ResidenceLinkCreate {
        id: Some(ids::id(Of::ResidenceLink, serial)),
        unit_id: units::reference(units::cell(cell)),
        external_ids: ids::external(&format!("residence-link-{serial:04}")),
        birth_date: Some(birth),
        letter_date: Some(from),
        ..ResidenceLinkCreate::new(name, random.one(&ELSEWHERE), from)
    }
}
