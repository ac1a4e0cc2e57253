//! `term`: columns and rules (docs/DOMAIN.md, Terms).

use crate::db::{Column, Type, Value};
use crate::store::filter::Filter;
use crate::store::registry::Sort;
use crate::store::rules::{self, Action, Change, Slice, Verdict};
use crate::store::write_set::{Lookup, WriteSet};
use cell_records_types::Term;
use cell_records_types::faults::TERMS_OVERLAP;

impl Slice for Term {
    const COLUMNS: &'static [Column] = &[Column::new("from_date", Type::Text), Column::new("to_date", Type::Text)];
    const FILTERS: &'static [Filter] = &[Filter::at("from", "from_date", "to_date")];
    const SORTS: &'static [Sort] = &[Sort::narrow("from", &["from_date"])];
    const UNIT_INDEX: &'static [&'static str] = &["from_date"];

    fn columns(&self) -> Vec<Value> {
        vec![self.from.to_string().into(), self.to.map(|to| to.to_string()).into()]
    }

    fn decide(change: &mut Change<'_, Self>, set: &WriteSet, verdict: &mut Verdict) {
        let term = &change.after;
        if change.action == Action::Delete {
            return;
        }
        verdict.ends_after::<Term>(("to", term.to), ("from", term.from));
        let overlaps = |other: &Term| rules::meet((term.from, term.to), (other.from, other.to));
        if set.others::<Term>(of_unit(term), term.id).any(|other| overlaps(&other)) {
            verdict.fault("from", &TERMS_OVERLAP);
        }
    }
}

fn of_unit(term: &Term) -> Lookup {
    Lookup::of::<Term>([("unit_id", term.unit_id.into())])
}
