//! `cadre_plan`: columns, filters, moves and rules (docs/DOMAIN.md, Cadre plans).

use crate::db::{Column, Type, Value};
use crate::store::filter::Filter;
use crate::store::moves::Move;
use crate::store::policy::{LEAD, OFFICE_LEAD};
use crate::store::registry::Sort;
use crate::store::rules::{Change, Slice, Verdict};
use crate::store::write_set::{Lookup, WriteSet};
use cell_records_types::faults::PROTECTION_REVIEW_MISSING;
use cell_records_types::phrases::OF_ENTRIES;
use cell_records_types::states::Stated;
use cell_records_types::{
    CadrePlan, CadrePlanEntry, CadrePlanKind, CadrePlanState, ProtectionResult, ProtectionReview, RecordType,
};
use std::sync::Arc;

impl Slice for CadrePlan {
    /// The last three wait for the figures of plans: which hold on a day, and of which day their ages are.
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
        Filter::SINCE_FROM,
        Filter::SINCE_TO,
    ];
    const SORTS: &'static [Sort] = &[Sort::SINCE];
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

    fn decide(change: &mut Change<'_, Self>, set: &WriteSet, verdict: &mut Verdict) {
        let steps = change.before.is_some() && change.changed(|plan| plan.state.clone());
        if steps && change.after.state == CadrePlanState::ExecutiveReviewed {
            warn_of_unreviewed(change, set, verdict);
        }
    }
}

/// Warns of entries whose member was never found to meet the political standards, as far as the caller reads entries and
/// reviews. Who was taken out of the plan needs no review.
fn warn_of_unreviewed(change: &Change<'_, CadrePlan>, set: &WriteSet, verdict: &mut Verdict) {
    let entries = Lookup::of::<CadrePlanEntry>([("plan_id", change.after.id.into()), ("removed", 0.into())]);
    let entries = set.all::<CadrePlanEntry>(entries);
    let seen = entries.filter(|entry| change.may_learn(CadrePlanEntry::NAME, entry.unit_id, "member_id"));
    let is_cleared = |entry: &Arc<CadrePlanEntry>| {
        let cleared = ProtectionResult::Cleared.code().into();
        let reviews = Lookup::of::<ProtectionReview>([("member_id", entry.member_id.id().into()), ("result", cleared)]);
        set.found(reviews).any(|review| change.may_learn(ProtectionReview::NAME, review.unit_id, "result"))
    };
    let (cleared, missing): (Vec<_>, Vec<_>) = seen.partition(is_cleared);
    if !missing.is_empty() {
        let counted = OF_ENTRIES.with(missing.len()).with(missing.len() + cleared.len());
        verdict.warn_of_step(&PROTECTION_REVIEW_MISSING, counted);
    }
}
