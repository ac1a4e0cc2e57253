//! `course`: columns, filters and rules (docs/DOMAIN.md, Courses).

use crate::db::{Column, Type, Value};
use crate::store::filter::Filter;
use crate::store::registry::Sort;
use crate::store::rules::{Action, Change, Slice, Verdict};
use crate::store::search::Search;
use crate::store::write_set::WriteSet;
use cell_records_types::text::order_key;
use cell_records_types::{Course, CourseKind};

impl Slice for Course {
    const COLUMNS: &'static [Column] = &[
        Column::new("kind", Type::Text),
        Column::new("from_date", Type::Text),
        Column::new("to_date", Type::Text),
        Column::new("name_key", Type::Text),
    ];
    const FILTERS: &'static [Filter] = &[
        Filter::code("kind", &CourseKind::LIST),
        Filter::at("from", "from_date", "to_date"),
        Filter::date_from("starts_from", "from_date").of("from"),
        Filter::date_to("starts_to", "from_date").of("from"),
    ];
    const SORTS: &'static [Sort] = &[Sort::narrow("from", &["from_date"]), Sort::narrow("name", &["name_key"])];
    const UNIT_INDEX: &'static [&'static str] = &["from_date"];
    const SEARCH: Option<Search> = Some(Search::own("name", &["name_key"], false));
    const FIXED: &'static [&'static str] = &["kind"];

    fn columns(&self) -> Vec<Value> {
        vec![
            self.kind.code().into(),
            self.from.to_string().into(),
            self.to.map(|to| to.to_string()).into(),
            order_key(&self.name).into(),
        ]
    }

    fn decide(change: &mut Change<'_, Self>, _set: &WriteSet, verdict: &mut Verdict) {
        if change.action != Action::Delete {
            let course = &change.after;
            verdict.ends_after::<Course>(("to", course.to), ("from", course.from));
        }
    }
}
