//! `evaluation_scheme`: columns and rules (docs/DOMAIN.md, Evaluations).

use super::evaluation::out_of_force;
use crate::db::{Column, Type, Value};
use crate::store::filter::Filter;
use crate::store::record::Fields;
use crate::store::registry::{Kind, Sort};
use crate::store::rules::{self, Action, Change, Slice, Verdict};
use crate::store::search::Search;
use crate::store::write_set::{Lookup, WriteSet};
use cell_records_types::faults::{LEVEL_NOT_IN_SCHEME, OUT_OF_FORCE, SCHEME_IN_USE};
use cell_records_types::text::order_key;
use cell_records_types::{EvaluationRound, EvaluationScheme, RecordType, RoundState, SubjectKind};
use std::collections::BTreeSet;

impl Slice for EvaluationScheme {
    const COLUMNS: &'static [Column] = &[
        Column::new("subject_kind", Type::Text),
        Column::new("valid_from", Type::Text),
        Column::new("valid_to", Type::Text),
        Column::new("name_key", Type::Text),
    ];
    const FILTERS: &'static [Filter] =
        &[Filter::code("subject_kind", &SubjectKind::LIST), Filter::at("valid_from", "valid_from", "valid_to")];
    const SORTS: &'static [Sort] = &[Sort::indexed("name", &["name_key"]), Sort::narrow("valid_from", &["valid_from"])];
    const SEARCH: Option<Search> = Some(Search::own("name", &["name_key"], false));

    fn columns(&self) -> Vec<Value> {
        vec![
            self.subject_kind.code().into(),
            self.valid_from.to_string().into(),
            self.valid_to.map(|to| to.to_string()).into(),
            order_key(&self.name).into(),
        ]
    }

    fn decide(change: &mut Change<'_, Self>, set: &WriteSet, verdict: &mut Verdict) {
        if change.action == Action::Delete {
            return;
        }
        let scheme = &change.after;
        verdict.ends_after::<EvaluationScheme>(("valid_to", scheme.valid_to), ("valid_from", scheme.valid_from));
        let levels = || scheme.levels.iter().map(|level| &*level.code);
        verdict.each_once(levels(), |index| format!("levels/{index}/code"));
        let criteria = scheme.criteria.iter().flat_map(|criteria| criteria.iter());
        verdict.each_once(criteria.map(|criterion| &*criterion.code), |index| format!("criteria/{index}/code"));
        for (index, threshold) in scheme.thresholds.iter().flat_map(|thresholds| thresholds.iter()).enumerate() {
            if !levels().any(|level| *level == *threshold.level) {
                verdict.fault(&format!("thresholds/{index}/level"), &LEVEL_NOT_IN_SCHEME);
            }
        }
        let Some(before) = change.before.filter(|_| change.action == Action::Update) else { return };
        let changed: Vec<&str> = changed(before, scheme).collect();
        let validity_changed = change.changed(|scheme| (scheme.valid_from, scheme.valid_to));
        if changed.is_empty() && !validity_changed {
            return;
        }
        let rounds: Vec<_> = set.all::<EvaluationRound>(rounds(scheme)).collect();
        // What refers to a round are its results.
        let has_results =
            |round| Kind::named(EvaluationRound::NAME).is_some_and(|kind| set.is_referenced((kind.order, round)));
        let is_used = rounds.iter().any(|round| round.state > RoundState::Draft || has_results(round.id));
        if is_used {
            for name in changed {
                verdict.fault_about(name, &SCHEME_IN_USE, rules::called::<EvaluationScheme>("valid_to"));
            }
        }
        if validity_changed {
            let left_out: BTreeSet<_> = rounds.iter().filter_map(|round| out_of_force(scheme, round)).collect();
            for end in left_out {
                verdict.fault(end, &OUT_OF_FORCE);
            }
        }
    }
}

fn rounds(scheme: &EvaluationScheme) -> Lookup {
    Lookup::of::<EvaluationRound>([("scheme_id", scheme.id.into())])
}

/// The fields that differ and are fixed once the scheme is in use.
fn changed(before: &EvaluationScheme, after: &EvaluationScheme) -> impl Iterator<Item = &'static str> {
    let [before, after] = [before, after].map(|scheme| Fields::of(&fixed(scheme), EvaluationScheme::FIELDS));
    let specs = EvaluationScheme::FIELDS.iter();
    specs.map(|spec| spec.name).filter(move |name| before.0.get(*name) != after.0.get(*name))
}

/// The scheme without what may still change once it is in use: `valid_to` and labels.
fn fixed(scheme: &EvaluationScheme) -> EvaluationScheme {
    let mut fixed = scheme.clone();
    fixed.valid_to = None;
    let mut levels = fixed.levels.to_vec();
    for level in &mut levels {
        level.label_vi = "".into();
        level.label_en = "".into();
    }
    fixed.levels = levels.into();
    fixed
}
