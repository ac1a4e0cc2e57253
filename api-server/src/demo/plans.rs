//! A plan that is still a draft, for who wants to try planning. The article does not have it.

use super::ids::{self, Of};
use super::random::day;
use super::units;
use cell_records_types::{CadrePlanCreate, CadrePlanKind, CadrePlanState, CadrePlanStep};

/// The plan, without entries.
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
