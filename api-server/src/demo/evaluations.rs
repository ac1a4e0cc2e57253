//! Schemes, locked rounds and results: as many of each level as the article prints. Its total of 2012 leaves out
//! a level: 920 results are here next to the reported 879. It states no round of members for 2014 but the number
//! of the excellent, so there is none.

use super::ids::{self, Of};
use super::people::Person;
use super::random::{Random, day};
use super::{Stated, units};
use cell_records_types::{
    EvaluationRound, EvaluationRoundCreate, EvaluationSchemeCreate, Level, MemberEvaluationCreate, Quarter, RoundState,
    RoundStep, SubjectKind, UnitEvaluationCreate, Uuid, Year,
};
use std::collections::BTreeSet;

/// What the results of a year must add up to: how many of each level, the best first.
pub const MEMBERS: [(i16, [(&str, usize); 4]); 2] = [
    (2012, [("excellent", 119), ("good", 760), ("completed", 41), ("violated_standing", 0)]),
    (2013, [("excellent", 137), ("good", 764), ("completed", 34), ("violated_standing", 2)]),
];

/// The one cell of 2014 that was not `clean_strong`. The article does not say which: any will do.
pub const COMPLETED_CELL: u64 = 17;

fn scheme_of(kind: &SubjectKind) -> Uuid {
    ids::id(Of::Scheme, if *kind == SubjectKind::Member { 1 } else { 2 })
}

/// The round of a year.
pub fn round_of(kind: &SubjectKind, year: i16) -> Uuid {
    let kind = if *kind == SubjectKind::Member { 10_000 } else { 20_000 };
    ids::id(Of::Round, kind + u64::try_from(year).unwrap_or(0))
}

fn scheme(kind: SubjectKind, external: &str, name: &str, levels: [(&str, &str, &str); 4]) -> EvaluationSchemeCreate {
    let levels: Vec<Level> = (1..)
        .zip(levels)
        .map(|(rank, (code, vi, en))| Level {
            code: code.into(),
            label_vi: vi.into(),
            label_en: en.into(),
            rank,
            counts_toward_cap: None,
        })
        .collect();
    EvaluationSchemeCreate {
        id: Some(scheme_of(&kind)),
        unit_id: units::reference(units::ward()),
        external_ids: ids::external(external),
        valid_to: Some(day(2015, 1, 1)),
        ..EvaluationSchemeCreate::new(name, kind, day(2012, 1, 1), levels)
    }
}

/// The two schemes.
pub fn schemes() -> Vec<EvaluationSchemeCreate> {
    vec![
        scheme(
            SubjectKind::Member,
            "scheme-members",
            "Xếp loại đảng viên 2012–2014",
            [
                ("excellent", "Hoàn thành xuất sắc nhiệm vụ (HTXSNV)", "Completed tasks excellently"),
                ("good", "Hoàn thành tốt nhiệm vụ (HTTNV)", "Completed tasks well"),
                ("completed", "Hoàn thành nhiệm vụ (HTNV)", "Completed tasks"),
                ("violated_standing", "Vi phạm tư cách", "Violated a member's standing"),
            ],
        ),
        scheme(
            SubjectKind::Cell,
            "scheme-cells",
            "Xếp loại chi bộ 2012–2014",
            [
                ("clean_strong", "Trong sạch, vững mạnh (TSVM)", "Clean and strong"),
                ("good", "Hoàn thành tốt nhiệm vụ", "Completed tasks well"),
                ("completed", "Hoàn thành nhiệm vụ", "Completed tasks"),
                ("weak", "Yếu kém", "Weak"),
            ],
        ),
    ]
}

fn round(kind: SubjectKind, external: &str, year: i16) -> EvaluationRoundCreate {
    EvaluationRoundCreate {
        id: Some(round_of(&kind, year)),
        unit_id: units::reference(units::ward()),
        external_ids: ids::external(external),
        steps: Some(vec![RoundStep::new(RoundState::Draft, day(year, 11, 15))].into()),
        ..EvaluationRoundCreate::new(scheme_of(&kind), Year(i32::from(year)))
    }
}

/// A round that is over, with its steps.
fn over(kind: SubjectKind, external: &str, year: i16) -> Stated<EvaluationRound> {
    let days = [(11, 15), (11, 20), (12, 1), (12, 15), (12, 25), (12, 28), (12, 31)];
    let step = |(state, (month, on)): (&RoundState, (i8, i8))| RoundStep::new(state.clone(), day(year, month, on));
    let steps: Vec<RoundStep> = RoundState::ALL.iter().zip(days).map(step).collect();
    let create = EvaluationRoundCreate { steps: Some(steps.into()), ..round(kind, external, year) };
    Stated { create, state: "locked", member: None, reason: None }
}

/// The three rounds that are over.
pub fn rounds() -> Vec<Stated<EvaluationRound>> {
    vec![
        over(SubjectKind::Member, "round-members-2012", 2012),
        over(SubjectKind::Member, "round-members-2013", 2013),
        over(SubjectKind::Cell, "round-cells-2014", 2014),
    ]
}

/// Two rounds without results, for who wants to try an evaluation. The article does not have them.
pub fn open_rounds() -> Vec<EvaluationRoundCreate> {
    let open = |kind: SubjectKind, external: &str| {
        let id = ids::id(Of::Round, if kind == SubjectKind::Member { 30_000 } else { 40_000 });
        EvaluationRoundCreate { id: Some(id), quarter: Some(Quarter(4)), ..round(kind, external, 2014) }
    };
    vec![open(SubjectKind::Member, "round-members-open"), open(SubjectKind::Cell, "round-cells-open")]
}

/// The members' results of 2012 and 2013. Who holds an office is not among the last.
pub fn of_members(people: &[Person], officers: &BTreeSet<u64>) -> Vec<MemberEvaluationCreate> {
    MEMBERS.iter().flat_map(|(year, levels)| of_year(people, officers, *year, levels)).collect()
}

fn of_year(
    people: &[Person],
    officers: &BTreeSet<u64>,
    year: i16,
    levels: &[(&'static str, usize); 4],
) -> Vec<MemberEvaluationCreate> {
    let seed = u64::try_from(year).unwrap_or(0);
    let draw = |person: &Person| Random::of(seed, person.number).next();
    let middle = day(year, 7, 1);
    // Who was admitted or came later in the year does not take part.
    let mut part: Vec<&Person> =
        people.iter().filter(|person| person.admission < middle && person.since < middle).collect();
    // Of the others the very old are exempt more often than not.
    part.sort_by_key(|person| {
        let age = u64::try_from(year - person.birth.year).unwrap_or(0);
        let officer = officers.contains(&person.number);
        (!officer, age * 4 + draw(person) % 200, person.number)
    });
    part.truncate(levels.iter().map(|(_, count)| count).sum());
    part.sort_by_key(|person| {
        let officer = officers.contains(&person.number);
        (if officer { draw(person) / 4 } else { draw(person) }, person.number)
    });
    let levels = levels.iter().flat_map(|(level, count)| std::iter::repeat_n(*level, *count));
    let mut results: Vec<(u64, MemberEvaluationCreate)> = part
        .into_iter()
        .zip(levels)
        .map(|(person, level)| {
            let result = MemberEvaluationCreate {
                id: Some(ids::id(Of::MemberEvaluation, seed * 10_000 + person.number)),
                unit_id: units::reference(units::cell(person.cell)),
                final_level: Some(level.into()),
                ..MemberEvaluationCreate::new(round_of(&SubjectKind::Member, year), person.id())
            };
            (person.number, result)
        })
        .collect();
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

/// The cells' results of 2014.
pub fn of_cells() -> Vec<UnitEvaluationCreate> {
    let result = |cell: u64| UnitEvaluationCreate {
        id: Some(ids::id(Of::UnitEvaluation, 20_140_000 + cell)),
        unit_id: units::reference(units::cell(cell)),
        final_level: Some(if cell == COMPLETED_CELL { "completed" } else { "clean_strong" }.into()),
        ..UnitEvaluationCreate::new(round_of(&SubjectKind::Cell, 2014))
    };
    units::cells().iter().map(|cell| result(cell.number)).collect()
}
