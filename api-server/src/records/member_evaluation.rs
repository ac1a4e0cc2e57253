//! `member_evaluation`: columns, filters and rules (docs/DOMAIN.md, Evaluations).

use crate::db::{Column, Type, Value};
use crate::store::filter::{Filter, Test};
use crate::store::record::Fields;
use crate::store::registry::Sort;
use crate::store::rules::{Action, Change, Default, Slice, Verdict};
use crate::store::write_set::{Lookup, WriteSet};
use cell_records_types::faults::{
    EVALUATION_EXISTS, EXCLUDED_WITH_LEVELS, LEVEL_NOT_IN_SCHEME, REQUIRED, ROUND_CLOSED, SCORE_MISMATCH,
};
use cell_records_types::sync::ConflictReason;
use cell_records_types::{Decimal, EvaluationRound, EvaluationScheme, Member, MemberEvaluation, SchemeCode};
use uuid::Uuid;

impl Slice for MemberEvaluation {
    const COLUMNS: &'static [Column] = &[
        Column::new("round_id", Type::Id),
        Column::new("member_id", Type::Id),
        Column::new("final_level", Type::Text),
        Column::new("excluded", Type::Int),
    ];
    const FILTERS: &'static [Filter] = &[
        Filter { name: "round_id", field: "round_id", test: Test::SharedReference("round_id", "evaluation_round") },
        Filter { name: "member_id", field: "member_id", test: Test::Reference("member_id", "member") },
        Filter { name: "final_level", field: "final_level", test: Test::Text("final_level") },
        Filter { name: "excluded", field: "excluded", test: Test::Flag("excluded") },
    ];
    const SORTS: &'static [Sort] = &[];
    const DEFAULTS: &'static [Default] = &[("excluded", Some("false"))];
    const NEEDS: &'static [&'static str] = &[];

    fn default_unit(fields: &Fields, set: &WriteSet) -> Option<Uuid> {
        let member = fields.0.get("member_id")?.as_str()?.parse().ok()?;
        set.live::<Member>(member).map(|member| member.unit_id)
    }

    fn columns(&self) -> Vec<Value> {
        vec![
            self.round_id.id().into(),
            self.member_id.id().into(),
            self.final_level.as_deref().map(str::to_owned).into(),
            i64::from(self.excluded == Some(true)).into(),
        ]
    }

    fn decide(change: &mut Change<'_, Self>, set: &WriteSet, verdict: &mut Verdict) {
        let rounds = [change.before.and_then(|before| before.round_id.id()), change.after.round_id.id()];
        if !change.importing && is_closed(&rounds, set) {
            return verdict.conflict(ConflictReason::State, &ROUND_CLOSED);
        }
        if change.action == Action::Delete {
            return;
        }
        score(change, verdict);
        let result = &change.after;
        if result.excluded == Some(true) {
            if result.excluded_reason.is_none() {
                verdict.fault("excluded_reason", &REQUIRED);
            }
            if [&result.self_level, &result.cell_level, &result.proposed_level, &result.final_level]
                .into_iter()
                .any(Option::is_some)
            {
                verdict.fault("excluded", &EXCLUDED_WITH_LEVELS);
            }
        }
        let levels = [
            ("self_level", &result.self_level),
            ("cell_level", &result.cell_level),
            ("proposed_level", &result.proposed_level),
            ("final_level", &result.final_level),
        ];
        check_levels(&levels, result.round_id.id(), set, verdict);
        if set.others::<MemberEvaluation>(same_subject(result), result.id).next().is_some() {
            verdict.conflict(ConflictReason::Unique, &EVALUATION_EXISTS);
        }
    }
}

/// The score that follows from the sheet. The sum of a sheet that the caller does not read is nothing that it may learn:
/// for such a caller the score is what was stored or sent.
fn score(change: &mut Change<'_, MemberEvaluation>, verdict: &mut Verdict) {
    let sent = change.importing || change.sent("score_sheet");
    if !sent && !change.may_learn("member_evaluation", change.after.unit_id, "score_sheet") {
        return;
    }
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

/// The sum of the score sheet: nothing without a sheet, or inside when it is too large.
fn sum(result: &MemberEvaluation) -> Option<Option<Decimal>> {
    let add = |sum: Decimal, points: Decimal| sum.checked_add(points);
    result
        .score_sheet
        .as_ref()
        .map(|sheet| sheet.iter().try_fold(Decimal::default(), |sum, score| add(sum, score.points)))
}

fn same_subject(result: &MemberEvaluation) -> Lookup {
    Lookup::of::<MemberEvaluation>([
        ("round_id", result.round_id.id().into()),
        ("member_id", result.member_id.id().into()),
    ])
}

/// Whether one of the rounds takes no more changes.
pub(super) fn is_closed(rounds: &[Option<Uuid>], set: &WriteSet) -> bool {
    let rounds = rounds.iter().flatten().filter_map(|round| set.live::<EvaluationRound>(*round));
    // Every round is asked for, closed or not, so that all are loaded at once.
    rounds.fold(false, |closed, round| closed | round.state.is_closed())
}

/// Every level must be one of the round's scheme.
pub(super) fn check_levels(
    levels: &[(&str, &Option<SchemeCode>)],
    round: Option<Uuid>,
    set: &WriteSet,
    verdict: &mut Verdict,
) {
    let round = round.and_then(|round| set.live::<EvaluationRound>(round));
    let scheme = round.and_then(|round| round.scheme_id.id()).and_then(|scheme| set.live::<EvaluationScheme>(scheme));
    let Some(scheme) = scheme else { return };
    for (field, level) in levels {
        if let Some(level) = level
            && !scheme.levels.iter().any(|one| one.code == *level)
        {
            verdict.fault(field, &LEVEL_NOT_IN_SCHEME);
        }
    }
}
