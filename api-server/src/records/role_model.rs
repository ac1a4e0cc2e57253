//! `role_model`: columns, filters and rules (docs/DOMAIN.md, Role models).

use crate::db::{Column, Type, Value};
use crate::store::filter::Filter;
use crate::store::registry::Sort;
use crate::store::rules::{Action, Change, Slice, Verdict};
use crate::store::search::Search;
use crate::store::write_set::WriteSet;
use cell_records_types::text::order_key;
use cell_records_types::{RoleModel, RoleModelLevel};

impl Slice for RoleModel {
    const COLUMNS: &'static [Column] = &[
        Column::new("member_id", Type::Id),
        Column::new("level", Type::Text),
        Column::new("from_date", Type::Text),
        Column::new("title_key", Type::Text),
    ];
    const FILTERS: &'static [Filter] =
        &[Filter::code("level", &RoleModelLevel::LIST), Filter::reference("member_id", "member")];
    const SORTS: &'static [Sort] = &[Sort::narrow("from", &["from_date"])];
    const UNIT_INDEX: &'static [&'static str] = &["from_date"];
    const SEARCH: Option<Search> = Some(Search::own("title", &["title_key"], false));
    const UNIT_OF: &'static [&'static str] = &["member_id"];

    fn columns(&self) -> Vec<Value> {
        vec![
            self.member_id.as_ref().and_then(|member| member.id()).into(),
            self.level.code().into(),
            self.from.to_string().into(),
            order_key(&self.title).into(),
        ]
    }

    fn decide(change: &mut Change<'_, Self>, set: &WriteSet, verdict: &mut Verdict) {
        if change.action == Action::Delete {
            return;
        }
        let model = &change.after;
        let of_member = model.member_id.as_ref().and_then(|member| set.target(member));
        change.made_at(of_member.map(|member| member.unit_id), verdict);
        verdict.not_after_today("publish_consent_on", model.publish_consent_on, set);
    }
}
