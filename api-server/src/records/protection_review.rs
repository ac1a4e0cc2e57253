//! `protection_review`: columns, filters and rules (docs/DOMAIN.md, Reviews of political standards).

use super::subject;
use crate::db::{Column, Type, Value};
use crate::store::filter::Filter;
use crate::store::registry::Sort;
use crate::store::rules::{Action, Change, Slice, Verdict};
use crate::store::write_set::WriteSet;
use cell_records_types::faults::REQUIRED;
use cell_records_types::{ProtectionOccasion, ProtectionResult, ProtectionReview};

impl Slice for ProtectionReview {
    const COLUMNS: &'static [Column] = &[
        Column::new("member_id", Type::Id),
        Column::new("admission_id", Type::Id),
        Column::new("occasion", Type::Text),
        Column::new("requested_on", Type::Text),
        Column::new("result", Type::Text),
    ];
    const FILTERS: &'static [Filter] = &[
        Filter::reference("member_id", "member"),
        Filter::reference("admission_id", "admission"),
        Filter::code("occasion", &ProtectionOccasion::LIST),
        Filter::code("result", &ProtectionResult::LIST),
    ];
    const SORTS: &'static [Sort] = &[Sort::narrow("requested_on", &["requested_on"])];
    const UNIT_INDEX: &'static [&'static str] = &["requested_on"];
    const UNIT_OF: &'static [&'static str] = &["member_id", "admission_id"];

    fn columns(&self) -> Vec<Value> {
        vec![
            self.member_id.as_ref().and_then(|member| member.id()).into(),
            self.admission_id.as_ref().and_then(|admission| admission.id()).into(),
            self.occasion.code().into(),
            self.requested_on.to_string().into(),
            self.result.as_ref().map(|result| result.code().to_owned()).into(),
        ]
    }

    fn decide(change: &mut Change<'_, Self>, set: &WriteSet, verdict: &mut Verdict) {
        if change.action == Action::Delete {
            return;
        }
        let review = &change.after;
        subject::is_one(change, review.member_id.as_ref(), review.admission_id.as_ref(), set, verdict);
        match (&review.result, review.reviewed_on) {
            (Some(_), None) => verdict.fault("reviewed_on", &REQUIRED),
            (None, Some(_)) => verdict.fault("result", &REQUIRED),
            _ => {}
        }
        let requested = ("requested_on", Some(review.requested_on));
        verdict.not_after_today("requested_on", Some(review.requested_on), set);
        verdict.not_after_today("reviewed_on", review.reviewed_on, set);
        verdict.not_before::<ProtectionReview>(("reviewed_on", review.reviewed_on), requested);
    }
}
