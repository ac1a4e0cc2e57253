//! Transfers: who came from elsewhere since 2012, and four transfers that are open. The article does not count them.

use super::ids::{self, Of};
use super::people::Person;
use super::random::{Random, day, later};
use super::stays::ELSEWHERE;
use super::{Stated, state_of, units};
use cell_records_types::{
    Date, StayVia, Transfer, TransferCreate, TransferKind, TransferReason, TransferState, TransferStep,
};
use std::collections::BTreeSet;

/// The transfers into the ward since 2012, and four that are open.
pub fn transfers(people: &[Person], busy: &BTreeSet<u64>) -> Vec<Stated<Transfer>> {
    use TransferState::{Completed, LetterIssued, Requested};
    let came = people.iter().filter(|person| {
        person.record.unit_via == Some(StayVia::Transfer) && (2012..=2014).contains(&person.since.year())
    });
    let mut all: Vec<Stated<Transfer>> = Vec::new();
    for person in came {
        let letter = later(person.since, -10);
        let reason = if person.record.occupation_current.as_deref() == Some("Hưu trí") {
            TransferReason::Retirement
        } else {
            TransferReason::Job
        };
        let create = TransferCreate {
            full_name: Some(person.record.full_name.to_string().into()),
            birth_date: Some(person.birth),
            elsewhere: Some(Random::of(22, person.number).one(&ELSEWHERE).into()),
            letter_date: Some(letter),
            member_id: Some(person.id().into()),
            ..transfer(&all, TransferKind::In, reason, person.cell)
        };
        all.push(stated(create, &[(LetterIssued, letter), (Completed, person.since)]));
    }
    // Somebody without an office who came long ago.
    let mut rest = people
        .iter()
        .filter(|person| !busy.contains(&person.number) && person.since < day(2010, 1, 1) && person.birth.year > 1955)
        .step_by(97);
    for (kind, letter) in [
        (TransferKind::Internal, None),
        (TransferKind::Internal, Some(day(2014, 12, 15))),
        (TransferKind::Out, Some(day(2014, 9, 15))),
        (TransferKind::Out, Some(day(2014, 12, 19))),
    ] {
        let Some(person) = rest.next() else { continue };
        let is_internal = kind == TransferKind::Internal;
        let create = TransferCreate {
            member_id: Some(person.id().into()),
            to_unit_id: is_internal.then(|| units::cell(person.cell % 17 + 1).into()),
            elsewhere: (!is_internal).then(|| "Đảng bộ phường Trường Thi, thành phố Vinh".into()),
            basis_date: Some(day(2014, 9, 1)),
            letter_date: letter,
            ..transfer(&all, kind, TransferReason::Residence, person.cell)
        };
        let requested = (Requested, day(2014, 9, 8));
        all.push(match letter {
            Some(letter) => stated(create, &[requested, (LetterIssued, letter)]),
            None => stated(create, &[requested]),
        });
    }
    all
}

fn transfer(all: &[Stated<Transfer>], kind: TransferKind, reason: TransferReason, cell: u64) -> TransferCreate {
    let serial = u64::try_from(all.len()).unwrap_or(0) + 1;
    TransferCreate {
        id: Some(ids::id(Of::Transfer, serial)),
        unit_id: units::reference(units::cell(cell)),
        external_ids: ids::external(&format!("transfer-{serial:02}")),
        ..TransferCreate::new(kind, reason)
    }
}

fn stated(create: TransferCreate, steps: &[(TransferState, Date)]) -> Stated<Transfer> {
    let state = state_of(TransferState::LIST, steps.last().map(|(state, _)| state.code()));
    let steps: Vec<TransferStep> = steps.iter().map(|(state, on)| TransferStep::new(state.clone(), *on)).collect();
    Stated { create: TransferCreate { steps: Some(steps.into()), ..create }, state, member: None, reason: None }
}
