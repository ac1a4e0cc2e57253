//! `reported_figure`: columns, filters and rules (docs/DOMAIN.md, Reported figures).

use crate::db::{Column, Type, Value};
use crate::store::filter::Filter;
use crate::store::registry::Sort;
use crate::store::rules::{self, Action, Change, Default, Slice, Verdict};
use crate::store::write_set::WriteSet;
use cell_records_types::faults::PERIOD_INVALID;
use cell_records_types::phrases::PERIOD_OR_DATE;
use cell_records_types::{DatePrecision, FigureStatus, Measure, Qualifier, ReportedFigure};

impl Slice for ReportedFigure {
    const COLUMNS: &'static [Column] = &[
        Column::new("indicator_code", Type::Text),
        Column::new("measure", Type::Text),
        Column::new("period_from", Type::Text),
        Column::new("status", Type::Text),
    ];
    const FILTERS: &'static [Filter] = &[
        Filter::text("indicator_code"),
        Filter::code("measure", &Measure::LIST),
        Filter::code("status", &FigureStatus::LIST),
        Filter::date_from("period_from", "period_from"),
        Filter::date_to("period_to", "period_from"),
    ];
    const SORTS: &'static [Sort] = &[Sort::indexed("indicator_code", &["indicator_code"])];
    /// All but what is thought of it since.
    const FIXED: &'static [&'static str] = &[
        "unit_id",
        "indicator_code",
        "value",
        "measure",
        "period_from",
        "period_to",
        "as_of_date",
        "as_of_precision",
        "dimensions",
        "qualifier",
        "decimals_printed",
        "base_indicator_code",
        "base_value",
        "verbatim_text",
        "source",
        "reported_by_unit_id",
        "reported_on",
    ];
    const DEFAULTS: &'static [Default] = &[("qualifier", Some("\"exact\"")), ("status", Some("\"recorded\""))];

    fn columns(&self) -> Vec<Value> {
        vec![
            (*self.indicator_code).into(),
            self.measure.code().into(),
            self.period_from.map(|from| from.to_string()).into(),
            self.status.as_ref().unwrap_or(&FigureStatus::Recorded).code().into(),
        ]
    }

    fn decide(change: &mut Change<'_, Self>, _set: &WriteSet, verdict: &mut Verdict) {
        if change.action == Action::Delete {
            return;
        }
        let figure = &mut change.after;
        figure.qualifier.get_or_insert(Qualifier::Exact);
        figure.status.get_or_insert(FigureStatus::Recorded);
        let figure = &change.after;
        verdict.not_before::<ReportedFigure>(("period_to", figure.period_to), ("period_from", figure.period_from));
        let period = match (figure.period_from, figure.period_to) {
            (None, None) => None,
            (from, to) => Some(from.is_some() && to.is_some()),
        };
        let as_of = figure
            .as_of_precision
            .as_ref()
            .map(|precision| (*precision == DatePrecision::NotKnown) == figure.as_of_date.is_none());
        // Either the one or the other, and that whole; a date without its precision is neither.
        let valid = match (period, as_of) {
            (Some(whole), None) => whole && figure.as_of_date.is_none(),
            (None, Some(whole)) => whole,
            _ => false,
        };
        if !valid {
            let called = rules::called::<ReportedFigure>;
            let either = PERIOD_OR_DATE.of(called("period_from")).of(called("period_to")).of(called("as_of_precision"));
            verdict.fault_about("as_of_precision", &PERIOD_INVALID, either);
        }
    }
}
