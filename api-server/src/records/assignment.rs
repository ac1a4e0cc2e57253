//! `assignment`: columns, filters and rules (docs/DOMAIN.md, Assignments).

use crate::db::{Column, Type, Value};
use crate::store::filter::Filter;
use crate::store::registry::Sort;
use crate::store::rules::{self, Action, Change, Default, Slice, Verdict};
use crate::store::search::Search;
use crate::store::write_set::{Lookup, WriteSet};
use cell_records_types::faults::OVERLAPS;
use cell_records_types::text::order_key;
use cell_records_types::{Assignment, TaskResult};

impl Slice for Assignment {
    const COLUMNS: &'static [Column] = &[
        Column::new("member_id", Type::Id),
        Column::new("is_primary", Type::Int),
        Column::new("from_date", Type::Text),
        Column::new("to_date", Type::Text),
        Column::new("result", Type::Text),
        Column::new("title_key", Type::Text),
    ];
    const FILTERS: &'static [Filter] = &[
        Filter::reference("member_id", "member"),
        Filter::at("from", "from_date", "to_date"),
        Filter::flag("primary", "is_primary"),
        Filter::code("result", &TaskResult::LIST),
    ];
    const SORTS: &'static [Sort] = &[Sort::narrow("from", &["from_date"])];
    const UNIT_INDEX: &'static [&'static str] = &["from_date"];
    const SEARCH: Option<Search> = Some(Search::own("title", &["title_key"], false));
    const DEFAULTS: &'static [Default] = &[("primary", Some("true"))];
    const UNIT_OF: &'static [&'static str] = &["member_id"];

    fn columns(&self) -> Vec<Value> {
        vec![
            self.member_id.id().into(),
            is_primary(self).into(),
            self.from.to_string().into(),
            self.to.map(|to| to.to_string()).into(),
            self.result.as_ref().map(|result| result.code().to_owned()).into(),
            order_key(&self.title).into(),
        ]
    }

    fn decide(change: &mut Change<'_, Self>, set: &WriteSet, verdict: &mut Verdict) {
        if change.action == Action::Delete {
            return;
        }
        change.after.primary.get_or_insert(true);
        change.made_at(set.target(&change.after.member_id).map(|member| member.unit_id), verdict);
        let task = &change.after;
        verdict.ends_after::<Assignment>(("to", task.to), ("from", task.from));
        let suited_to = task.suited_to.as_deref().unwrap_or_default();
        verdict.each_once(suited_to, |index| format!("suited_to/{index}"));
        let overlaps = |other: &Assignment| rules::meet((task.from, task.to), (other.from, other.to));
        if is_primary(task) == 1 && set.others::<Assignment>(primary(task), task.id).any(|other| overlaps(&other)) {
            verdict.fault("from", &OVERLAPS);
        }
    }
}

/// Whether it is the primary task, as its column has it.
fn is_primary(task: &Assignment) -> i64 {
    i64::from(task.primary != Some(false))
}

/// The member's primary tasks, in whatever cell they were given.
fn primary(task: &Assignment) -> Lookup {
    Lookup::of::<Assignment>([("member_id", task.member_id.id().into()), ("is_primary", 1_i64.into())])
}
