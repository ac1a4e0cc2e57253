//! `member_evaluation`: columns, filters and rules (docs/DOMAIN.md, Evaluations).

use super::evaluation;
use crate::db::{Column, Type, Value};
use crate::store::filter::Filter;
use crate::store::registry::Sort;
use crate::store::rules::{Action, Change, Default, Slice, Verdict};
use crate::store::write_set::{Lookup, WriteSet};
use cell_records_types::faults::{
    CRITERION_NOT_IN_SCHEME, EVALUATION_EXISTS, EXCLUDED_WITH_LEVELS, REQUIRED, ROUND_CLOSED, SCORE_MISMATCH,
    SUBJECT_ELSEWHERE,
};
use cell_records_types::sync::ConflictReason;
use cell_records_types::{Decimal, EvaluationScheme, Member, MemberEvaluation};
use uuid::Uuid;

impl Slice for MemberEvaluation {
    const COLUMNS: &'static [Column] = &[
        Column::new("round_id", Type::Id),
        Column::new("member_id", Type::Id),
        Column::new("final_level", Type::Text),
        Column::new("excluded", Type::Int),
    ];
    const FILTERS: &'static [Filter] = &[
        Filter::shared_reference("round_id", "evaluation_round"),
        Filter::reference("member_id", "member"),
        Filter::text("final_level"),
        Filter::flag("excluded", "excluded"),
    ];
    const SORTS: &'static [Sort] = &[];
    const DEFAULTS: &'static [Default] = &[("excluded", Some("false"))];
    const UNIT_OF: &'static [&'static str] = &["member_id"];

    fn columns(&self) -> Vec<Value> {
        vec![
            self.round_id.id().into(),
            self.member_id.id().into(),
            self.final_level.as_deref().map(str::to_owned).into(),
            i64::from(self.excluded == Some(true)).into(),
        ]
    }

    fn decide(change: &mut Change<'_, Self>, set: &WriteSet, verdict: &mut Verdict) {
        if evaluation::is_closed(change, round, set) {
            return verdict.conflict(ConflictReason::State, &ROUND_CLOSED);
        }
        if change.action == Action::Delete {
            return;
        }
        evaluation::check_round(change, change.after.unit_id, round, set, verdict);
        let scheme = evaluation::scheme_of(&change.after.round_id, set);
        score(change, scheme.as_deref(), verdict);
        let result = &change.after;
        let levels = [
            ("self_level", &result.self_level),
            ("cell_level", &result.cell_level),
            ("proposed_level", &result.proposed_level),
            ("final_level", &result.final_level),
        ];
        if result.excluded == Some(true) {
            // Who may not write the reason leaves it to who may.
            let is_new = change.changed(|result| (result.excluded, result.excluded_reason.clone()));
            if result.excluded_reason.is_none() && is_new && change.may_write("excluded_reason") {
                verdict.fault("excluded_reason", &REQUIRED);
            }
            if levels.iter().any(|(_, level)| level.is_some()) {
                verdict.fault("excluded", &EXCLUDED_WITH_LEVELS);
            }
        }
        evaluation::decided(result.decided_on, set, verdict);
        if let Some(scheme) = scheme {
            evaluation::check::<Self>(&levels, &scheme, verdict);
        }
        // The record stays where it is when the member moves on.
        if change.changed(|result| result.member_id.id())
            && set.target(&result.member_id).is_some_and(|member| !counted(&member, result.unit_id))
        {
            verdict.fault("unit_id", &SUBJECT_ELSEWHERE);
        }
        if set.others::<MemberEvaluation>(same_subject(result), result.id).next().is_some() {
            verdict.conflict(ConflictReason::Unique, &EVALUATION_EXISTS);
        }
    }
}

fn round(result: &MemberEvaluation) -> Option<Uuid> {
    result.round_id.id()
}

/// Whether a member counts in a unit, or did.
fn counted(member: &Member, unit: Uuid) -> bool {
    let mut stays = member.unit_history.iter().flat_map(|stays| stays.iter());
    member.unit_id == unit || stays.any(|stay| stay.unit_id.id() == Some(unit))
}

/// The score that follows from the sheet, whose criteria are the scheme's. A sheet that the caller does not read is
/// nothing that it may learn of: for such a caller the score is what was stored or sent.
fn score(change: &mut Change<'_, MemberEvaluation>, scheme: Option<&EvaluationScheme>, verdict: &mut Verdict) {
    let sent = change.importing || change.sent("score_sheet");
    if !sent && !change.may_learn("member_evaluation", change.after.unit_id, "score_sheet") {
        return;
    }
    check_criteria(&change.after, scheme, verdict);
    let compared = sent || change.sent("score");
    // A score that was computed from the sheet follows the sheet.
    let computed = change.before.filter(|_| !change.sent("score"));
    if computed.is_some_and(|before| before.score.is_some() && before.score == sum(before).flatten()) {
        change.after.score = None;
    }
    let result = &mut change.after;
    match (sum(result), result.score) {
        (Some(sum), Some(score)) if compared && sum != Some(score) => verdict.fault("score", &SCORE_MISMATCH),
        (Some(sum), None) => result.score = sum,
        _ => {}
    }
}

/// A score sheet names criteria of the scheme, where that lists any, and each of them once.
fn check_criteria(result: &MemberEvaluation, scheme: Option<&EvaluationScheme>, verdict: &mut Verdict) {
    let criteria = scheme.and_then(|scheme| scheme.criteria.as_ref()).filter(|criteria| !criteria.is_empty());
    let named = || result.score_sheet.iter().flat_map(|sheet| sheet.iter()).map(|score| &score.criterion);
    let pointer = |index| format!("score_sheet/{index}/criterion");
    for (index, criterion) in named().enumerate() {
        if criteria.is_some_and(|criteria| !criteria.iter().any(|one| one.code == *criterion)) {
            verdict.fault(&pointer(index), &CRITERION_NOT_IN_SCHEME);
        }
    }
    verdict.each_once(named(), pointer);
}

/// The sum of the score sheet: nothing without a sheet, or inside when it is too large.
fn sum(result: &MemberEvaluation) -> Option<Option<Decimal>> {
    let add = |sum: Decimal, points: Decimal| sum.checked_add(points);
    result
        .score_sheet
        .as_ref()
        .map(|sheet| sheet.iter().try_fold(Decimal::default(), |sum, score| add(sum, score.points)))
}

fn same_subject(result: &MemberEvaluation) -> Lookup {
    Lookup::of::<MemberEvaluation>([("round_id", round(result).into()), ("member_id", result.member_id.id().into())])
}
