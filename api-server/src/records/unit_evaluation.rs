//! `unit_evaluation`: columns, filters and rules (docs/DOMAIN.md, Evaluations).

use super::evaluation;
use crate::db::{Column, Type, Value};
use crate::store::filter::Filter;
use crate::store::registry::Sort;
use crate::store::rules::{Action, Change, Slice, Verdict};
use crate::store::write_set::{Lookup, WriteSet};
use cell_records_types::faults::{EVALUATION_EXISTS, ROUND_CLOSED, WRONG_SUBJECT};
use cell_records_types::sync::ConflictReason;
use cell_records_types::{SubjectKind, Unit, UnitEvaluation};
use uuid::Uuid;

impl Slice for UnitEvaluation {
    const COLUMNS: &'static [Column] = &[Column::new("round_id", Type::Id), Column::new("final_level", Type::Text)];
    const FILTERS: &'static [Filter] =
        &[Filter::shared_reference("round_id", "evaluation_round"), Filter::text("final_level")];
    const SORTS: &'static [Sort] = &[];
    const UNIT_INDEX: &'static [&'static str] = &["round_id"];

    fn columns(&self) -> Vec<Value> {
        vec![self.round_id.id().into(), self.final_level.as_deref().map(str::to_owned).into()]
    }

    fn decide(change: &mut Change<'_, Self>, set: &WriteSet, verdict: &mut Verdict) {
        if evaluation::is_closed(change, round, set) {
            return verdict.conflict(ConflictReason::State, &ROUND_CLOSED);
        }
        if change.action == Action::Delete {
            return;
        }
        evaluation::check_round(change, change.after.unit_id, round, set, verdict);
        let result = &change.after;
        let levels = [
            ("self_level", &result.self_level),
            ("proposed_level", &result.proposed_level),
            ("final_level", &result.final_level),
        ];
        evaluation::decided(result.decided_on, set, verdict);
        if let Some(scheme) = evaluation::scheme_of(&result.round_id, set) {
            evaluation::check::<Self>(&levels, &scheme, verdict);
            let for_cells = scheme.subject_kind == SubjectKind::Cell;
            if for_cells && set.live::<Unit>(result.unit_id).is_some_and(|unit| !unit.kind.is_cell()) {
                verdict.fault_about("unit_id", &WRONG_SUBJECT, scheme.subject_kind.words());
            }
        }
        if set.others::<UnitEvaluation>(same_subject(result), result.id).next().is_some() {
            verdict.conflict(ConflictReason::Unique, &EVALUATION_EXISTS);
        }
    }
}

fn round(result: &UnitEvaluation) -> Option<Uuid> {
    result.round_id.id()
}

fn same_subject(result: &UnitEvaluation) -> Lookup {
    Lookup::of::<UnitEvaluation>([("round_id", round(result).into()), ("unit_id", result.unit_id.into())])
}
