//! The ward's titles, which the article names, and the Party badges of 2014.

use super::ids::{self, Of};
use super::people::Person;
use super::random::day;
use super::units;
use cell_records_types::{AwardCreate, AwardKind, Date, Uuid, Year};

/// The years of Party age that a badge is for, as regulations have them.
const BADGES: [i32; 12] = [30, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90];
/// The rounds of badges of 2014, with the one before.
const ROUNDS: [Date; 5] = [day(2013, 11, 7), day(2014, 2, 3), day(2014, 5, 19), day(2014, 9, 2), day(2014, 11, 7)];

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
    for (before, round) in ROUNDS.iter().zip(ROUNDS.iter().skip(1)) {
        for person in people {
            let start = person.record.admission_decision_date.unwrap_or(person.admission);
            let reached = |years: &&i32| {
                let on = start.plus_years(**years);
                on > *before && on <= *round
            };
            let Some(years) = BADGES.iter().find(reached) else { continue };
            all.push(AwardCreate {
                member_id: Some(person.id().into()),
                badge_years: Some(*years),
                award_round: Some(*round),
                decided_on: Some(round.plus_days(-20)),
                presented_on: Some(*round),
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
