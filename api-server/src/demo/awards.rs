//! The ward's titles, which the article names, and the Party badges of 2014.

use super::ids::{self, Of};
use super::people::Person;
use super::random::day;
use super::units;
use crate::regulations::{BADGE_YEARS, Round, rounds};
use cell_records_types::{AwardCreate, AwardKind, Uuid, Year};

/// The ward's titles and the badges of 2014.
pub fn awards(people: &[Person]) -> Vec<AwardCreate> {
    let mut all: Vec<AwardCreate> = Vec::new();
    for year in 2012..=2014 {
        all.push(AwardCreate {
            decided_on: Some(day(year + 1, 1, 20).min(day(2014, 12, 31))),
            decided_by: Some("Thành ủy Vinh".into()),
            ..award(&all, units::ward(), year.into(), AwardKind::CleanStrongExemplary)
        });
    }
    for Round { last, on: round } in rounds(day(2014, 1, 1), day(2014, 12, 31)) {
        for person in people {
            let start = person.record.admission_decision_date.unwrap_or(person.admission);
            let reached = |years: &&i32| {
                let on = start.plus_years(**years);
                on > last && on <= round
            };
            let Some(years) = BADGE_YEARS.on(round).iter().find(reached) else { continue };
            all.push(AwardCreate {
                member_id: Some(person.id().into()),
                badge_years: Some(*years),
                award_round: Some(round),
                decided_on: Some(round.plus_days(-20)),
                presented_on: Some(round),
                decided_by: Some("Tỉnh ủy Nghệ An".into()),
                ..award(&all, units::cell(person.cell), 2014, AwardKind::PartyBadge)
            });
        }
    }
    all
}

fn award(all: &[AwardCreate], unit: Uuid, year: i32, kind: AwardKind) -> AwardCreate {
    let serial = u64::try_from(all.len()).unwrap_or(0) + 1;
    AwardCreate {
        id: Some(ids::id(Of::Award, serial)),
        unit_id: units::reference(unit),
        external_ids: ids::external(&format!("award-{serial:03}")),
        ..AwardCreate::new(kind, Year(year))
    }
}
