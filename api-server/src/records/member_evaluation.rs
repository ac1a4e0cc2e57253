//! `member_evaluation`: columns, filters and rules (docs/DOMAIN.md, Evaluations).

use crate::db::{Column, Type, Value};
use crate::store::decide::Verdict;
use crate::store::record::Fields;
use crate::store::registry::{Action, Change, Filter, Slice, Sort, Test};
use crate::store::world::{Need, World};
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
        Filter { name: "round_id", field: "round_id", test: Test::Reference("round_id", "evaluation_round") },
        Filter { name: "member_id", field: "member_id", test: Test::Reference("member_id", "member") },
        Filter { name: "final_level", field: "final_level", test: Test::Text("final_level") },
        Filter { name: "excluded", field: "excluded", test: Test::Flag("excluded") },
    ];
    const SORTS: &'static [Sort] = &[];
    const DEFAULTED: &'static [&'static str] = &["excluded"];

    fn default_unit(fields: &Fields, world: &World) -> Option<Uuid> {
        let member = fields.0.get("member_id")?.as_str()?.parse().ok()?;
        world.live::<Member>(member).map(|member| member.unit_id)
    }

    fn columns(&self) -> Vec<Value> {
        vec![
            self.round_id.id().into(),
            self.member_id.id().into(),
            self.final_level.as_deref().map(str::to_owned).into(),
            i64::from(self.excluded == Some(true)).into(),
        ]
    }

    fn needs(change: &Change<'_, Self>, world: &World, needs: &mut Vec<Need>) {
        let result = &change.after;
        needs.push(Need::of::<Member>([("id", result.member_id.id().into())]));
        needs.push(same_subject(result));
        needs.extend(round_needs(result.round_id.id(), world));
        needs.extend(change.before.into_iter().flat_map(|before| round_needs(before.round_id.id(), world)));
    }

    fn decide(change: &mut Change<'_, Self>, world: &World, verdict: &mut Verdict) {
        let rounds = [change.before.and_then(|before| before.round_id.id()), change.after.round_id.id()];
        if !change.loading && is_closed(&rounds, world) {
            return verdict.conflict(ConflictReason::State, &ROUND_CLOSED);
        }
        if change.action == Action::Delete {
            return;
        }
        // The sum of a sheet that the caller does not read is nothing that it may learn.
        let compared = change.loading
            || change.sent("score_sheet")
            || change.sent("score") && change.may_tell("member_evaluation", change.after.unit_id, "score_sheet");
        let result = &mut change.after;
        let sheet = result
            .score_sheet
            .as_ref()
            .map(|sheet| sheet.iter().try_fold(Decimal::default(), |sum, score| sum.checked_add(score.points)));
        match (sheet, result.score) {
            (Some(sum), Some(score)) if compared && sum != Some(score) => verdict.fault("score", &SCORE_MISMATCH),
            (Some(sum), None) => result.score = sum,
            _ => {}
        }
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
        check_levels(&levels, result.round_id.id(), world, verdict);
        if !world.others::<MemberEvaluation>(&same_subject(result), result.id).is_empty() {
            verdict.conflict(ConflictReason::Unique, &EVALUATION_EXISTS);
        }
    }
}

fn same_subject(result: &MemberEvaluation) -> Need {
    Need::of::<MemberEvaluation>([
        ("round_id", result.round_id.id().into()),
        ("member_id", result.member_id.id().into()),
    ])
}

/// What rules of results ask for: the round, and once it is known its scheme.
pub(super) fn round_needs(round: Option<Uuid>, world: &World) -> Vec<Need> {
    let mut needs = vec![Need::of::<EvaluationRound>([("id", round.into())])];
    if let Some(round) = round.and_then(|round| world.live::<EvaluationRound>(round)) {
        needs.push(Need::of::<EvaluationScheme>([("id", round.scheme_id.id().into())]));
    }
    needs
}

/// Whether one of the rounds takes no more changes.
pub(super) fn is_closed(rounds: &[Option<Uuid>], world: &World) -> bool {
    let rounds = rounds.iter().flatten().filter_map(|round| world.live::<EvaluationRound>(*round));
    rounds.into_iter().any(|round| round.state.is_closed())
}

/// Every level must be one of the round's scheme.
pub(super) fn check_levels(
    levels: &[(&str, &Option<SchemeCode>)],
    round: Option<Uuid>,
    world: &World,
    verdict: &mut Verdict,
) {
    let round = round.and_then(|round| world.live::<EvaluationRound>(round));
    let scheme = round.and_then(|round| round.scheme_id.id()).and_then(|scheme| world.live::<EvaluationScheme>(scheme));
    let Some(scheme) = scheme else { return };
    for (field, level) in levels {
        if let Some(level) = level
            && !scheme.levels.iter().any(|one| one.code == *level)
        {
            verdict.fault(field, &LEVEL_NOT_IN_SCHEME);
        }
    }
}
