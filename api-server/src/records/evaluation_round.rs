//! `evaluation_round`: columns, filters and rules, its steps included (docs/DOMAIN.md, Evaluations).

use super::evaluation;
use crate::db::{Column, Type, Value};
use crate::store::filter::Filter;
use crate::store::moves::Move;
use crate::store::policy::LEAD;
use crate::store::registry::Sort;
use crate::store::rules::{Action, Change, Slice, Verdict};
use crate::store::search::{self, Search};
use crate::store::write_set::{Count, Lookup, WriteSet};
use cell_records_types::accounts::Role;
use cell_records_types::faults::{CAP_EXCEEDED, NOT_ABOVE, OUT_OF_FORCE, ROUND_CLOSED, ROUND_EXISTS};
use cell_records_types::phrases::Words;
use cell_records_types::sync::ConflictReason;
use cell_records_types::{CapBase, EvaluationRound, EvaluationScheme, RecordType, RoundState};
use uuid::Uuid;

/// All who write rounds.
const ALL: &[Role] = &[Role::CommitteeOffice, Role::CommitteeLead, Role::ExchangePeer];

impl Slice for EvaluationRound {
    const COLUMNS: &'static [Column] = &[
        Column::new("scheme_id", Type::Id),
        Column::new("year", Type::Int),
        Column::new("quarter", Type::Int),
        Column::new("state", Type::Text),
    ];
    const FILTERS: &'static [Filter] = &[
        Filter::shared_reference("scheme_id", "evaluation_scheme"),
        Filter::number("year"),
        Filter::number("quarter"),
        Filter::code("state", &RoundState::LIST),
    ];
    const SORTS: &'static [Sort] = &[Sort::indexed("year", &["year"])];
    const UNIT_INDEX: &'static [&'static str] = &["scheme_id"];
    /// Results name levels of the scheme.
    const FIXED: &'static [&'static str] = &["scheme_id"];
    const MOVES: &'static [Move] = &[
        Move::new(&["draft"], "self_rating", ALL),
        Move::new(&["self_rating"], "reviewing", ALL),
        Move::new(&["reviewing"], "proposed", ALL),
        Move::new(&["proposed"], "approved", LEAD),
        Move::new(&["approved"], "submitted", LEAD),
        Move::new(&["submitted"], "locked", LEAD),
        Move::new(&["proposed", "approved", "submitted", "locked"], "reviewing", LEAD).with_reason(),
    ];
    /// By the name of its scheme and by its year, which has the form of a number in a key: the count of its digits first.
    const SEARCH: Option<Search> = Some(Search {
        field: "scheme_id",
        names: search::Names::Of {
            column: "scheme_id",
            kind: EvaluationScheme::NAME,
            or: Some(("year", "(' 4' || CAST(t.year AS text))")),
        },
    });

    fn columns(&self) -> Vec<Value> {
        vec![
            scheme(self).into(),
            i64::from(self.year.0).into(),
            self.quarter.map(|quarter| i64::from(quarter.0)).into(),
            self.state.code().into(),
        ]
    }

    fn decide(change: &mut Change<'_, Self>, set: &WriteSet, verdict: &mut Verdict) {
        let steps = change.changed(|round| round.state.clone()) && change.before.is_some();
        if !change.importing && !steps && change.before.is_some_and(|before| before.state.is_closed()) {
            return verdict.conflict(ConflictReason::State, &ROUND_CLOSED);
        }
        if change.action == Action::Delete {
            return;
        }
        let round = &change.after;
        verdict.not_before::<EvaluationRound>(("closed_on", round.closed_on), ("opened_on", round.opened_on));
        if change.action == Action::Create || change.changed(|round| (scheme(round), round.year, round.quarter)) {
            let scheme = set.target(&round.scheme_id);
            if scheme.as_ref().is_some_and(|scheme| evaluation::out_of_force(scheme, round).is_some()) {
                verdict.fault("year", &OUT_OF_FORCE);
            }
            // Then whoever sees the round sees its scheme.
            if change.action == Action::Create
                && scheme.is_some_and(|scheme| !set.tree.covers(scheme.unit_id, round.unit_id))
            {
                verdict.fault("scheme_id", &NOT_ABOVE);
            }
        }
        let same = |other: &EvaluationRound| (other.year, other.quarter) == (round.year, round.quarter);
        if set.others::<EvaluationRound>(of_scheme(round), round.id).any(|other| same(&other)) {
            verdict.conflict(ConflictReason::Unique, &ROUND_EXISTS);
        }
        if steps && round.state == RoundState::Approved {
            cap(round, set, verdict);
        }
    }
}

fn scheme(round: &EvaluationRound) -> Option<Uuid> {
    round.scheme_id.id()
}

fn of_scheme(round: &EvaluationRound) -> Lookup {
    Lookup::of::<EvaluationRound>([("unit_id", round.unit_id.into()), ("scheme_id", scheme(round).into())])
}

/// How many results of a round there are at each final level, of what its scheme is about.
fn results(scheme: &EvaluationScheme, round: Uuid) -> Count {
    Count { kind: evaluation::results_under(scheme), matching: ("round_id", round.into()), by: Some("final_level") }
}

/// How many may be in the capped levels, and how many are.
fn cap(round: &EvaluationRound, set: &WriteSet, verdict: &mut Verdict) {
    let Some(scheme) = set.target(&round.scheme_id) else { return };
    let Some(cap) = &scheme.cap else { return };
    let level = |code: &str| scheme.levels.iter().find(|level| *level.code == *code);
    let capped_rank =
        scheme.levels.iter().filter(|level| level.counts_toward_cap == Some(true)).map(|level| level.rank).max();
    let results = set.counts(&results(&scheme, round.id));
    let levels = || results.iter().filter_map(|(code, count)| Some((code.as_deref().and_then(level)?, *count)));
    let capped: i64 = levels().filter(|(level, _)| level.counts_toward_cap == Some(true)).map(|(_, count)| count).sum();
    let base: i64 = match cap.base {
        CapBase::AllEvaluated => levels().map(|(_, count)| count).sum(),
        // Good or better: the capped levels and the one below them.
        CapBase::GoodOrBetter => levels()
            .filter(|(level, _)| capped_rank.is_some_and(|rank| level.rank <= rank + 1))
            .map(|(_, count)| count)
            .sum(),
        CapBase::Unknown(_) => return,
    };
    let most = base * i64::from(cap.percent.0) / 100;
    if capped > most {
        let numbers = Words::plain(format_args!("{capped} > {most} ({} % / {base})", cap.percent.0));
        verdict.warn_of_step(&CAP_EXCEEDED, numbers);
    }
}
