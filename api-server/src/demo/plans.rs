//! The two cadre plans of the article. It gives 31 entries
//! and four shares: 14 women and 26 with a degree are what it prints; 18.2 % under 30 and 31 % with intermediate theory are of no
//! whole number of 31, so the nearest are here: 6 and 10.

use super::ids::{self, Of};
use super::offices::{self, Office};
use super::people::Person;
use super::random::{Random, day};
use super::{Stated, units};
use cell_records_types::{
    CadrePlan, CadrePlanCreate, CadrePlanEntryCreate, CadrePlanKind, CadrePlanState, CadrePlanStep, Date,
    EducationLevel, PoliticalTheoryLevel, PositionCode, Sex,
};
use std::collections::BTreeSet;

/// How many of the entries have what the article counts: women, under 30, college or higher, theory intermediate or higher.
type Shares = [usize; 4];

/// A plan: kind, term, reference date, entries, and how many of these have what is counted.
struct Plan {
    kind: CadrePlanKind,
    term: &'static str,
    reference: Date,
    entries: usize,
    shares: Shares,
}

/// The two plans.
fn all() -> [Plan; 2] {
    [
        Plan {
            kind: CadrePlanKind::Supplement,
            term: "2010–2015",
            reference: day(2013, 6, 30),
            entries: 12,
            shares: [5, 1, 11, 5],
        },
        Plan {
            kind: CadrePlanKind::Initial,
            term: "2015–2020",
            reference: day(2014, 6, 30),
            entries: 19,
            shares: [9, 5, 15, 5],
        },
    ]
}

/// So many of the second plan are in the first one, too: 28 persons in all.
const IN_BOTH: usize = 3;

/// The offices that are planned for, at most three persons each.
const OFFICES: [PositionCode; 7] = [
    PositionCode::ExecutiveCommitteeMember,
    PositionCode::CommitteeSecretary,
    PositionCode::DeputySecretary,
    PositionCode::CommissionDeputyChair,
    PositionCode::MassOrgHead,
    PositionCode::GovernmentLeader,
    PositionCode::OfficeHead,
];

/// The plans, both approved.
pub fn plans() -> Vec<Stated<CadrePlan>> {
    use CadrePlanState::{Approved, Draft, ExecutiveReviewed, StandingReviewed};
    let plan = |(serial, plan): (u64, Plan)| {
        let days = [(Draft, 0), (StandingReviewed, 14), (ExecutiveReviewed, 28), (Approved, 60)];
        let steps: Vec<CadrePlanStep> =
            days.map(|(state, days)| CadrePlanStep::new(state, plan.reference.plus_days(days))).into();
        let create = CadrePlanCreate {
            id: Some(ids::id(Of::CadrePlan, serial)),
            unit_id: units::reference(units::ward()),
            external_ids: ids::external(&format!("cadre-plan-{serial}")),
            term_id: (serial == 1).then(|| offices::term().into()),
            steps: Some(steps.into()),
            ..CadrePlanCreate::new(plan.term, plan.kind, plan.reference)
        };
        Stated { create, state: "approved", member: None, reason: None }
    };
    (1..).zip(all()).map(plan).collect()
}

/// What is counted of a person on a day, in the order of [`Shares`].
fn counted(person: &Person, on: Date) -> [bool; 4] {
    use EducationLevel::{College, Doctor, Master, University};
    use PoliticalTheoryLevel::{Advanced, Bachelor, Intermediate};
    let born = person.birth.earliest();
    [
        person.record.sex == Sex::Female,
        born.plus_years(30) > on,
        matches!(person.record.education_level, Some(College | University | Master | Doctor)),
        matches!(person.record.political_theory_level, Some(Intermediate | Advanced | Bachelor)),
    ]
}

/// Whether somebody can still be taken: nothing that is counted goes beyond its share or can no longer reach it.
fn fits(left: &Shares, places: usize, has: [bool; 4]) -> bool {
    left.iter().zip(has).all(|(left, has)| if has { *left > 0 } else { *left < places })
}

/// Who is planned for in each plan, in order: first who came to one of the three offices by by-election.
pub fn planned<'p>(people: &'p [Person], offices: &[Office]) -> [Vec<&'p Person>; 2] {
    let by_election = offices::of_by_elections(offices);
    let holds = |person: &&Person| by_election.iter().any(|office| office.member == person.number);
    let mut fit: Vec<&Person> =
        people.iter().filter(|person| person.official.is_some_and(|official| official < day(2013, 6, 1))).collect();
    fit.retain(|person| person.birth.day.is_some() && person.birth.year >= 1960);
    fit.sort_by_key(|person| Random::of(25, person.number).next());
    let elected: Vec<&Person> = people.iter().filter(holds).collect();
    let [first, second] = all();
    let in_order = elected.into_iter().chain(fit.iter().copied());
    let former = choose(&first, in_order);
    let taken: BTreeSet<u64> = former.iter().map(|person| person.number).collect();
    let again = former.iter().rev().take(IN_BOTH).copied();
    let others = fit.iter().copied().filter(|person| !taken.contains(&person.number));
    let later = choose(&second, again.chain(others));
    [former, later]
}

fn choose<'p>(plan: &Plan, candidates: impl Iterator<Item = &'p Person>) -> Vec<&'p Person> {
    let (mut left, mut chosen, mut known) = (plan.shares, Vec::new(), BTreeSet::new());
    for person in candidates {
        let places = plan.entries - chosen.len();
        let has = counted(person, plan.reference);
        if places == 0 || !fits(&left, places, has) || !known.insert(person.number) {
            continue;
        }
        for (left, has) in left.iter_mut().zip(has) {
            *left -= usize::from(has);
        }
        chosen.push(person);
    }
    chosen
}

/// Who is in a plan, each once.
pub fn persons<'p>(planned: &[Vec<&'p Person>; 2]) -> Vec<&'p Person> {
    let mut known = BTreeSet::new();
    planned.iter().flatten().copied().filter(|person| known.insert(person.number)).collect()
}

/// The entries of both plans.
pub fn entries(planned: &[Vec<&Person>; 2], offices: &[Office]) -> Vec<CadrePlanEntryCreate> {
    let by_election = offices::of_by_elections(offices);
    let mut all = Vec::new();
    for (plan, persons) in (1..).zip(planned) {
        let mut places = OFFICES.iter().flat_map(|office| std::iter::repeat_n(office, 3));
        for person in persons {
            let serial = u64::try_from(all.len()).unwrap_or(0) + 1;
            let elected = by_election.iter().find(|office| plan == 1 && office.member == person.number);
            let office = match elected {
                Some(office) => office.record.position_code.clone(),
                None => places.next().cloned().unwrap_or(PositionCode::Other),
            };
            all.push(CadrePlanEntryCreate {
                id: Some(ids::id(Of::CadrePlanEntry, serial)),
                unit_id: units::reference(units::ward()),
                external_ids: ids::external(&format!("cadre-plan-entry-{serial:02}")),
                is_successor: Some(true),
                position_id: elected.and_then(|office| office.record.id).map(Into::into),
                ..CadrePlanEntryCreate::new(ids::id(Of::CadrePlan, plan), person.id(), office)
            });
        }
    }
    all
}

/// A plan that is still a draft, without entries, for who wants to try planning. The article does not have it.
pub fn open() -> Vec<CadrePlanCreate> {
    let steps = vec![CadrePlanStep::new(CadrePlanState::Draft, day(2014, 12, 15))];
    vec![CadrePlanCreate {
        id: Some(ids::id(Of::CadrePlan, 10_000)),
        unit_id: units::reference(units::ward()),
        external_ids: ids::external("plan-open"),
        steps: Some(steps.into()),
        ..CadrePlanCreate::new("2015–2020", CadrePlanKind::Supplement, day(2014, 12, 31))
    }]
}
