//! The way of 80 people into the Party: who went to the classes of Party awareness, 31 of them admitted, 23 of these recognised.
//! The article counts them: 74 sent to a class and more than 30 admitted in nearly three years, 23 and 8 of them in 2014.

use super::ids::{self, Of};
use super::people::Person;
use super::random::{Random, day, later};
use super::{Stated, names, state_of, units};
use cell_records_types::text::name_key;
use cell_records_types::{
    Admission, AdmissionCreate, AdmissionState, AdmissionStep, Date, EducationLevel, EnrolmentCreate, EnrolmentResult,
    Introducer, PartialDate, ProtectionOccasion, ProtectionResult, ProtectionReviewCreate, Sex, Uuid,
};
use std::collections::BTreeSet;

/// The classes of Party awareness: when, how many were sent, how many of these were admitted since.
const CLASSES: [(Date, usize, usize); 7] = [
    (day(2011, 10, 10), 6, 6),
    (day(2012, 5, 14), 17, 6),
    (day(2012, 10, 15), 12, 5),
    (day(2013, 4, 8), 12, 6),
    (day(2013, 10, 7), 10, 5),
    (day(2014, 4, 7), 12, 3),
    (day(2014, 9, 8), 11, 0),
];
/// The class after which three were closed, and the one whose others came further than the list.
const CLOSED_OF: u64 = 2;
const AHEAD_OF: u64 = 6;
/// The classes for new members: their number among the courses, how many went.
const NEW_MEMBERS: [(u64, usize); 3] = [(8, 9), (9, 8), (10, 6)];
/// The other courses of 2014: their number, how many went.
const INTERMEDIATE: (u64, usize) = (11, 3);
const ELEMENTARY: (u64, usize) = (12, 8);
const PROFESSIONAL: [u64; 4] = [13, 14, 15, 16];
/// Turns in the professional courses, of so many persons.
const TURNS: usize = 172;
const PERSONS: usize = 120;

/// A candidate, as other records need to know it.
pub struct Candidate {
    /// The number of the class, from 1.
    class: u64,
    /// The first day of the class.
    from: Date,
    /// The cell's number.
    cell: u64,
    /// The record.
    pub record: Stated<Admission>,
}

impl Candidate {
    fn id(&self) -> Uuid {
        self.record.create.id.unwrap_or_default()
    }

    fn steps(&self) -> impl Iterator<Item = &AdmissionStep> {
        self.record.create.steps.iter().flat_map(|steps| steps.iter())
    }
}

/// All candidates, class by class, those who were admitted first.
pub fn candidates(people: &[Person]) -> Vec<Candidate> {
    let mut known: BTreeSet<(String, String)> =
        people.iter().map(|one| (name_key(&one.record.full_name), one.birth.to_string())).collect();
    let mut admitted: Vec<&Person> = people.iter().filter(|person| person.was_admitted_lately()).collect();
    admitted.sort_by_key(|person| (person.admission, person.number));
    let mut admitted = admitted.into_iter();
    let mut all: Vec<Candidate> = Vec::new();
    for (class, (from, sent, of_them)) in (1..).zip(CLASSES) {
        for place in 0..sent {
            let number = u64::try_from(all.len()).unwrap_or(0) + 1;
            let member = if place < of_them { admitted.next() } else { None };
            all.push(match member {
                Some(person) => of_member(number, class, from, person, people),
                None => of_another(number, class, from, place - of_them, people, &mut known),
            });
        }
    }
    all
}

/// The way of one who was admitted: what was known of the person is in the member's record since.
fn of_member(number: u64, class: u64, from: Date, person: &Person, people: &[Person]) -> Candidate {
    use AdmissionState::{
        Admitted, Approved, CellProposed, CommitteeProposed, Listed, Recognised, RecognitionProposed,
    };
    let decided = person.record.admission_decision_date.unwrap_or(person.admission);
    let proposed = later(decided, -40).max(later(from, 6));
    let mut steps = vec![
        AdmissionStep::new(Listed, later(from, -30)),
        AdmissionStep::new(CellProposed, proposed),
        AdmissionStep::new(CommitteeProposed, later(proposed, 15).min(decided)),
        AdmissionStep::new(Approved, decided),
        AdmissionStep::new(Admitted, person.admission),
    ];
    if let Some(official) = person.official {
        steps.push(AdmissionStep::new(RecognitionProposed, later(official, -20)));
        steps.push(AdmissionStep::new(Recognised, official));
    }
    let base =
        base(number, person.cell, person.record.full_name.to_string(), person.record.sex.clone(), person.birth, people);
    let create = AdmissionCreate {
        application_on: Some(later(from, -20)),
        profile_verified_on: Some(later(proposed, -5)),
        decision_number: Some(format!("{}-QĐ/ThU", 100 + number).into()),
        decision_on: Some(decided),
        ceremony_on: Some(person.admission),
        probation_ends_on: Some(person.admission.plus_months(12)),
        official_on: person.official,
        ..base
    };
    let record = stated(create, steps, Some(person.id()), None);
    Candidate { class, from, cell: person.cell, record }
}

/// Somebody who was not admitted yet, the `place`-th of the class.
fn of_another(
    number: u64,
    class: u64,
    from: Date,
    place: usize,
    people: &[Person],
    known: &mut BTreeSet<(String, String)>,
) -> Candidate {
    use AdmissionState::{Approved, CellProposed, Closed, CommitteeProposed, Listed};
    let mut random = Random::of(20, number);
    let cell = 1 + (number * 7) % 24;
    let sex = if random.percent(55) { Sex::Female } else { Sex::Male };
    let born = later(from, -i64::from(random.between(19 * 366, 33 * 366)));
    let birth = PartialDate { year: born.year(), month: Some(born.month()), day: Some(born.day()) };
    let name = loop {
        let name = names::full_name(&mut random, &sex);
        if known.insert((name_key(&name), birth.to_string())) {
            break name;
        }
    };
    let listed = AdmissionStep::new(Listed, later(from, -30));
    let proposed = AdmissionStep::new(CellProposed, day(2014, 11, 5));
    let (steps, reason) = match (class, place) {
        (CLOSED_OF, 0..3) => {
            (vec![listed, AdmissionStep::new(Closed, day(2014, 3, 10))], Some("Đã chuyển nơi cư trú khỏi địa bàn"))
        }
        (AHEAD_OF, 0) => {
            let committee = AdmissionStep::new(CommitteeProposed, day(2014, 11, 20));
            (vec![listed, proposed, committee, AdmissionStep::new(Approved, day(2014, 12, 22))], None)
        }
        (AHEAD_OF, 1..3) => (vec![listed, proposed, AdmissionStep::new(CommitteeProposed, day(2014, 12, 8))], None),
        (AHEAD_OF, 3..6) => (vec![listed, AdmissionStep::new(CellProposed, day(2014, 12, 10))], None),
        _ => (vec![listed], None),
    };
    let is_proposed = steps.len() > 1 && reason.is_none();
    let is_approved = steps.len() == 4;
    let create = AdmissionCreate {
        education_level: Some(if random.percent(70) { EducationLevel::University } else { EducationLevel::College }),
        occupation_current: Some(
            random.one(&["Giáo viên", "Viên chức", "Công nhân", "Kế toán", "Nhân viên văn phòng"]).into(),
        ),
        application_on: is_proposed.then(|| later(from, 20)),
        profile_verified_on: is_proposed.then_some(day(2014, 10, 30)),
        decision_number: is_approved.then(|| "412-QĐ/ThU".into()),
        decision_on: is_approved.then_some(day(2014, 12, 22)),
        ..base(number, cell, name, sex, birth, people)
    };
    Candidate { class, from, cell, record: stated(create, steps, None, reason) }
}

fn base(number: u64, cell: u64, name: String, sex: Sex, birth: PartialDate, people: &[Person]) -> AdmissionCreate {
    // Somebody of the same cell who has long been a member.
    let introducer = people.iter().find(|person| person.cell == cell && person.admission < day(2000, 1, 1));
    let introducers = introducer.map(|person| {
        vec![Introducer { member_id: Some(person.id().into()), ..Introducer::new(person.record.full_name.to_string()) }]
            .into()
    });
    AdmissionCreate {
        id: Some(ids::id(Of::Admission, number)),
        unit_id: units::reference(units::cell(cell)),
        external_ids: ids::external(&format!("admission-{number:02}")),
        introducers,
        ..AdmissionCreate::new(name, sex, birth)
    }
}

fn stated(
    create: AdmissionCreate,
    steps: Vec<AdmissionStep>,
    member: Option<Uuid>,
    reason: Option<&'static str>,
) -> Stated<Admission> {
    let state = state_of(AdmissionState::LIST, steps.last().map(|last| last.state.code()));
    let create = AdmissionCreate { steps: Some(steps.into()), ..create };
    Stated { create, state, member, reason }
}

/// Who went to which course.
pub fn enrolments(candidates: &[Candidate], people: &[Person]) -> Vec<EnrolmentCreate> {
    let mut all: Vec<EnrolmentCreate> = Vec::new();
    for candidate in candidates {
        let serial = next(&all);
        all.push(EnrolmentCreate {
            admission_id: Some(candidate.id().into()),
            result: Some(EnrolmentResult::Passed),
            certificate_number: Some(format!("{serial:03}/GCN-{}", candidate.from.year()).into()),
            certificate_on: Some(later(candidate.from, 5)),
            ..enrolment(serial, candidate.class, candidate.cell)
        });
    }
    let passed = |all: &mut Vec<EnrolmentCreate>, course: u64, person: &Person| {
        let serial = next(all);
        all.push(EnrolmentCreate {
            member_id: Some(person.id().into()),
            result: Some(EnrolmentResult::Passed),
            ..enrolment(serial, course, person.cell)
        });
    };
    let mut new: Vec<&Person> =
        people.iter().filter(|person| person.was_admitted_lately() && person.official.is_some()).collect();
    new.sort_by_key(|person| (person.admission, person.number));
    let mut new = new.into_iter();
    for (course, count) in NEW_MEMBERS {
        for person in new.by_ref().take(count) {
            passed(&mut all, course, person);
        }
    }
    // The others of 2014: those at work, in an order drawn by lot.
    let mut others: Vec<&Person> = people
        .iter()
        .filter(|person| {
            person.birth.year >= 1960 && person.official.is_some_and(|official| official < day(2012, 1, 1))
        })
        .collect();
    others.sort_by_key(|person| Random::of(21, person.number).next());
    for (course, count, skipped) in [(INTERMEDIATE.0, INTERMEDIATE.1, 0), (ELEMENTARY.0, ELEMENTARY.1, INTERMEDIATE.1)]
    {
        for person in others.iter().skip(skipped).take(count) {
            passed(&mut all, course, person);
            // The course in theory is not over yet.
            if let Some(last) = all.last_mut().filter(|_| course == INTERMEDIATE.0) {
                last.result = Some(EnrolmentResult::Attending);
            }
        }
    }
    let in_turn = others.iter().take(PERSONS).cycle().take(TURNS);
    let turns_each = TURNS / PROFESSIONAL.len();
    for (turn, person) in in_turn.enumerate() {
        let course = PROFESSIONAL.get(turn / turns_each).copied().unwrap_or_default();
        passed(&mut all, course, person);
    }
    all
}

fn next(all: &[EnrolmentCreate]) -> u64 {
    u64::try_from(all.len()).unwrap_or(0) + 1
}

fn enrolment(serial: u64, course: u64, cell: u64) -> EnrolmentCreate {
    EnrolmentCreate {
        id: Some(ids::id(Of::Enrolment, serial)),
        unit_id: units::reference(units::cell(cell)),
        external_ids: ids::external(&format!("enrolment-{serial:03}")),
        ..EnrolmentCreate::new(ids::id(Of::Course, course))
    }
}

/// The reviews of political standards: of those who were proposed to the higher level, and of the persons of the cadre plans.
pub fn reviews(candidates: &[Candidate], planned: &[&Person]) -> Vec<ProtectionReviewCreate> {
    use AdmissionState::{CellProposed, CommitteeProposed};
    let went_up = |one: &&Candidate| one.steps().any(|step| step.state == CommitteeProposed);
    let of_candidates = candidates.iter().filter(went_up).map(|one| {
        let proposed = one.steps().find(|step| step.state == CellProposed).map_or(day(2014, 11, 5), |step| step.on);
        let review = ProtectionReviewCreate {
            admission_id: Some(one.id().into()),
            ..ProtectionReviewCreate::new(ProtectionOccasion::Admission, proposed)
        };
        (one.cell, later(proposed, 8), review)
    });
    let of_plans = planned.iter().map(|person| {
        let requested = day(2013, 5, 20);
        let review = ProtectionReviewCreate {
            member_id: Some(person.id().into()),
            ..ProtectionReviewCreate::new(ProtectionOccasion::CadrePlan, requested)
        };
        (person.cell, later(requested, 20), review)
    });
    let whole =
        |(serial, (cell, reviewed, review)): (u64, (u64, Date, ProtectionReviewCreate))| ProtectionReviewCreate {
            id: Some(ids::id(Of::ProtectionReview, serial)),
            unit_id: units::reference(units::cell(cell)),
            external_ids: ids::external(&format!("protection-review-{serial:02}")),
            reviewed_on: Some(reviewed),
            result: Some(ProtectionResult::Cleared),
            reviewed_by: Some("Ban Tổ chức Thành ủy".into()),
            ..review
        };
    (1..).zip(of_candidates.chain(of_plans)).map(whole).collect()
}
