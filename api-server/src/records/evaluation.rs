//! What results of members and of units have in common: their round, and the scheme that it applies (docs/DOMAIN.md,
//! Evaluations).

use crate::store::rules::{Change, Verdict};
use crate::store::write_set::WriteSet;
use cell_records_types::faults::{IN_THE_FUTURE, LEVEL_NOT_IN_SCHEME, NOT_ABOVE, WRONG_SUBJECT};
use cell_records_types::{
    Date, EvaluationRound, EvaluationScheme, LevelCode, MemberEvaluation, RecordType, Ref, SubjectKind, UnitEvaluation,
};
use std::sync::Arc;
use uuid::Uuid;

/// Whether a result is, or would be, in a round that takes no more changes.
pub(super) fn is_closed<T>(change: &Change<'_, T>, round: impl Fn(&T) -> Option<Uuid>, set: &WriteSet) -> bool {
    let rounds = [change.before.and_then(&round), round(&change.after)];
    let rounds = rounds.into_iter().flatten().filter_map(|round| set.live::<EvaluationRound>(round));
    // Every round is asked for, closed or not, so that all are loaded at once.
    !change.importing && rounds.fold(false, |closed, round| closed | round.state.is_closed())
}

/// A result is made in the unit of its round or below it: whoever sees the result sees the round, and its scheme.
pub(super) fn check_round<T>(
    change: &Change<'_, T>,
    unit: Uuid,
    round: impl Fn(&T) -> Option<Uuid>,
    set: &WriteSet,
    verdict: &mut Verdict,
) {
    let made = round(&change.after).filter(|_| change.changed(&round));
    let above = made.and_then(|round| set.live::<EvaluationRound>(round));
    if above.is_some_and(|above| !set.tree.covers(above.unit_id, unit)) {
        verdict.fault("round_id", &NOT_ABOVE);
    }
}

/// The scheme of a round.
pub(super) fn scheme_of(round: &Ref<EvaluationRound>, set: &WriteSet) -> Option<Arc<EvaluationScheme>> {
    set.target(&set.target(round)?.scheme_id)
}

/// The record type of the results under a scheme.
pub(super) fn results_under(scheme: &EvaluationScheme) -> &'static str {
    match scheme.subject_kind {
        SubjectKind::Cell | SubjectKind::CommitteeCollective => UnitEvaluation::NAME,
        _ => MemberEvaluation::NAME,
    }
}

/// A result is of the type that its scheme is for, and its levels are the scheme's.
pub(super) fn check<T: RecordType>(
    levels: &[(&str, &Option<LevelCode>)],
    scheme: &EvaluationScheme,
    verdict: &mut Verdict,
) {
    if results_under(scheme) != T::NAME {
        verdict.fault_about("round_id", &WRONG_SUBJECT, scheme.subject_kind.words());
    }
    for (field, level) in levels {
        if let Some(level) = level
            && !scheme.levels.iter().any(|one| *one.code == **level)
        {
            verdict.fault(field, &LEVEL_NOT_IN_SCHEME);
        }
    }
}

/// A result was decided by today.
pub(super) fn decided(on: Option<Date>, set: &WriteSet, verdict: &mut Verdict) {
    if on.is_some_and(|date| date > set.today) {
        verdict.fault("decided_on", &IN_THE_FUTURE);
    }
}

/// Which end of a scheme's validity leaves out the whole period of a round; nothing when they meet.
pub(super) fn out_of_force(scheme: &EvaluationScheme, round: &EvaluationRound) -> Option<&'static str> {
    let (from, to) = period(round)?;
    if to <= scheme.valid_from {
        return Some("valid_from");
    }
    scheme.valid_to.is_some_and(|end| end <= from).then_some("valid_to")
}

/// The first day of a round's year or quarter, and the first after it.
fn period(round: &EvaluationRound) -> Option<(Date, Date)> {
    let (before, months) = round.quarter.map_or((0, 12), |quarter| ((quarter.0 - 1) * 3, 3));
    let from = Date::new(i16::try_from(round.year.0).ok()?, 1, 1)?.plus_months(before);
    Some((from, from.plus_months(months)))
}
