//! The ward's term and who holds which office as of 2014. The article names the term and three offices that were
//! filled by by-election in 2014; days it does not say, so years begin on 1 January.

use super::ids::{self, Of};
use super::people::Person;
use super::random::{Random, day};
use super::units;
use cell_records_types::{
    CommitteeBody, Date, EndReason, PositionBasis, PositionCode, PositionCreate, TermCreate, Uuid,
};
use std::collections::BTreeSet;

/// The term's first day.
const TERM_FROM: Date = day(2010, 1, 1);
/// The day of the by-elections.
const BY_ELECTION: Date = day(2014, 1, 1);

/// Who held the three offices before, each a member of another cell, and until when: so long the offices were vacant.
const FORMER: [(u64, Date); 3] = [(2, day(2013, 10, 1)), (6, day(2013, 11, 1)), (10, day(2013, 12, 1))];

/// The ward's term.
pub fn term() -> Uuid {
    ids::id(Of::Term, 1)
}

/// The ward's term, which still runs.
pub fn terms() -> Vec<TermCreate> {
    vec![TermCreate {
        id: Some(term()),
        unit_id: units::reference(units::ward()),
        external_ids: ids::external("term-ward"),
        ..TermCreate::new("2010–2015", TERM_FROM)
    }]
}

/// An office, with the member's number.
pub struct Office {
    /// Who holds it.
    pub member: u64,
    /// The record.
    pub record: PositionCreate,
}

/// Those of a cell who can hold an office, in the order of their election.
fn candidates(people: &[Person], cell: u64) -> Vec<&Person> {
    let seasoned = |person: &&Person| {
        person.cell == cell
            && person.since < TERM_FROM
            && person.official.is_some_and(|official| official < TERM_FROM)
            && (1940..=1982).contains(&person.birth.year)
    };
    let mut fit: Vec<&Person> = people.iter().filter(seasoned).collect();
    fit.sort_by_key(|person| Random::of(2, person.number).next());
    fit
}

fn office(serial: u64, external: &str, unit: Uuid, of: (PositionCode, CommitteeBody), person: &Person) -> Office {
    let record = PositionCreate {
        id: Some(ids::id(Of::Position, serial)),
        unit_id: units::reference(unit),
        external_ids: ids::external(external),
        body: Some(of.1),
        ..PositionCreate::new(person.id(), of.0, TERM_FROM, PositionBasis::Elected)
    };
    Office { member: person.number, record }
}

/// All offices: first the ward's, then cell by cell.
pub fn offices(people: &[Person]) -> Vec<Office> {
    use PositionCode::{
        CellCommitteeMember, CellDeputySecretary, CellSecretary, CommissionChair, CommitteeSecretary,
        StandingCommitteeMember, StandingDeputySecretary,
    };
    let of_ward = [
        ("secretary-ward", CommitteeSecretary, CommitteeBody::StandingCommittee, PositionBasis::Elected),
        ("standing-deputy-ward", StandingDeputySecretary, CommitteeBody::StandingCommittee, PositionBasis::ByElection),
        ("standing-member-ward", StandingCommitteeMember, CommitteeBody::StandingCommittee, PositionBasis::ByElection),
        ("commission-chair-ward", CommissionChair, CommitteeBody::InspectionCommission, PositionBasis::ByElection),
    ];
    let mut offices = Vec::new();
    let mut busy = BTreeSet::new();
    for (serial, (external, code, body, basis)) in (1..).zip(of_ward) {
        // The ward's officers are members of four residential cells.
        let Some(person) = candidates(people, serial * 4).into_iter().next() else { continue };
        busy.insert(person.number);
        let mut one = office(serial, external, units::ward(), (code, body), person);
        one.record.basis = basis.clone();
        one.record.term_id = Some(term().into());
        if basis == PositionBasis::ByElection {
            one.record.from = BY_ELECTION;
        }
        offices.push(one);
    }
    for cell in units::cells() {
        // Large cells elect a committee of five, small ones of three.
        let committee = if cell.members >= 30 { 5 } else { 3 };
        let fit = candidates(people, cell.number).into_iter().filter(|person| !busy.contains(&person.number));
        for (place, person) in (0..committee).zip(fit) {
            let (name, code) = match place {
                0 => ("secretary".to_owned(), CellSecretary),
                1 => ("deputy".to_owned(), CellDeputySecretary),
                place => (format!("committee-{}", place - 1), CellCommitteeMember),
            };
            let external = format!("{name}-cell-{:02}", cell.number);
            let unit = units::cell(cell.number);
            offices.push(office(
                cell.number * 10 + place,
                &external,
                unit,
                (code, CommitteeBody::CellCommittee),
                person,
            ));
        }
    }
    offices.extend(former(people, &offices));
    offices
}

/// The numbers of those who hold an office now.
pub fn in_office(offices: &[Office]) -> BTreeSet<u64> {
    offices.iter().filter(|office| office.record.to.is_none()).map(|office| office.member).collect()
}

/// The offices that were filled by by-election.
pub fn of_by_elections(offices: &[Office]) -> Vec<&Office> {
    offices.iter().filter(|office| office.record.basis == PositionBasis::ByElection).collect()
}

/// Those who held these offices before.
fn former(people: &[Person], offices: &[Office]) -> Vec<Office> {
    let of = |(index, (filled, (cell, left))): (u64, (&Office, (u64, Date)))| {
        // The last who could be elected: nobody who holds an office of the cell.
        let person = candidates(people, cell).into_iter().next_back()?;
        let body = filled.record.body.clone()?;
        let code = filled.record.position_code.clone();
        let mut one = office(5 + index, &format!("former-{code}-ward"), units::ward(), (code, body), person);
        one.record.term_id = Some(term().into());
        one.record.to = Some(left);
        one.record.end_reason = Some(EndReason::Retired);
        Some(one)
    };
    (0..).zip(of_by_elections(offices).into_iter().zip(FORMER)).filter_map(of).collect()
}
