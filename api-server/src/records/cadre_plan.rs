//! `cadre_plan`: columns, filters and moves (docs/DOMAIN.md, Cadre plans).

use crate::db::{Column, Type, Value};
use crate::store::filter::{Filter, Test};
use crate::store::moves::Move;
use crate::store::policy::{LEAD, OFFICE_LEAD};
use crate::store::registry::Sort;
use crate::store::rules::{Change, Slice, Verdict};
use crate::store::write_set::WriteSet;
use cell_records_types::states::Stated;
use cell_records_types::{CadrePlan, CadrePlanKind, CadrePlanState};

impl Slice for CadrePlan {
    /// The last three say which plans hold on a day, and of which day their ages are: figures of plans count by them.
    const COLUMNS: &'static [Column] = &[
        Column::new("term_label", Type::Text),
        Column::new("kind", Type::Text),
        Column::new("state", Type::Text),
        Column::new("since", Type::Text),
        Column::new("reference_date", Type::Text),
        Column::new("approved_on", Type::Text),
        Column::new("closed_on", Type::Text),
    ];
    const FILTERS: &'static [Filter] = &[
        Filter::text("term_label"),
        Filter::code("kind", &CadrePlanKind::LIST),
        Filter::code("state", &CadrePlanState::LIST),
        Filter { name: "since_from", field: "steps", test: Test::DateFrom("since") },
        Filter { name: "since_to", field: "steps", test: Test::DateTo("since") },
    ];
    const SORTS: &'static [Sort] = &[Sort::narrow("since", &["since"]).of("steps")];
    const UNIT_INDEX: &'static [&'static str] = &["since"];
    const MOVES: &'static [Move] = &[
        Move::new(&["draft"], "standing_reviewed", OFFICE_LEAD),
        Move::new(&["standing_reviewed"], "executive_reviewed", OFFICE_LEAD),
        Move::new(&["executive_reviewed"], "approved", LEAD),
        Move::new(&["approved"], "closed", LEAD),
        Move::new(&["standing_reviewed", "executive_reviewed"], "draft", LEAD).with_reason(),
    ];

    fn columns(&self) -> Vec<Value> {
        let began = |state| self.began(&state).map(|on| on.to_string());
        vec![
            (*self.term_label).into(),
            self.kind.code().into(),
            self.state.code().into(),
            self.since().map(|since| since.to_string()).unwrap_or_default().into(),
            self.reference_date.to_string().into(),
            began(CadrePlanState::Approved).into(),
            began(CadrePlanState::Closed).into(),
        ]
    }

    fn decide(_change: &mut Change<'_, Self>, _set: &WriteSet, _verdict: &mut Verdict) {}
}
