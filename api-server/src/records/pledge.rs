//! `pledge`: columns, filters and rules (docs/DOMAIN.md, Pledges).

use crate::db::{Column, Type, Value};
use crate::store::filter::Filter;
use crate::store::registry::Sort;
use crate::store::rules::{self, Action, Change, Slice, Verdict};
use crate::store::write_set::{Lookup, WriteSet};
use cell_records_types::faults::{ONLY_WHERE, PLEDGE_EXISTS, REQUIRED};
use cell_records_types::sync::ConflictReason;
use cell_records_types::{Pledge, PledgeKind, TaskResult};
use uuid::Uuid;

impl Slice for Pledge {
    const COLUMNS: &'static [Column] = &[
        Column::new("member_id", Type::Id),
        Column::new("year", Type::Int),
        Column::new("kind", Type::Text),
        Column::new("is_exemplar", Type::Int),
        Column::new("target", Type::Int),
        Column::new("result", Type::Text),
    ];
    const FILTERS: &'static [Filter] = &[
        Filter::number("year"),
        Filter::code("kind", &PledgeKind::LIST),
        Filter::reference("member_id", "member"),
        Filter::flag("is_exemplar", "is_exemplar"),
        Filter::code("result", &TaskResult::LIST),
    ];
    const SORTS: &'static [Sort] = &[Sort::narrow("year", &["year"])];
    const UNIT_INDEX: &'static [&'static str] = &["year"];
    const UNIT_OF: &'static [&'static str] = &["member_id"];
    const FIXED: &'static [&'static str] = &["kind", "member_id"];

    fn columns(&self) -> Vec<Value> {
        vec![
            member(self).into(),
            i64::from(self.year.0).into(),
            self.kind.code().into(),
            i64::from(self.is_exemplar == Some(true)).into(),
            self.target.map(i64::from).into(),
            self.result.as_ref().map(|result| result.code().to_owned()).into(),
        ]
    }

    fn decide(change: &mut Change<'_, Self>, set: &WriteSet, verdict: &mut Verdict) {
        if change.action == Action::Delete {
            return;
        }
        let pledge = &change.after;
        let of_member = pledge.member_id.as_ref().and_then(|member| set.target(member));
        change.made_at(of_member.map(|member| member.unit_id), verdict);
        if pledge.member_id.is_some() && pledge.kind != PledgeKind::FollowExample {
            let kind = PledgeKind::FollowExample.words();
            verdict.fault_about("member_id", &ONLY_WHERE, rules::has::<Pledge>("kind", kind));
        }
        if pledge.kind == PledgeKind::MemberDevelopment && pledge.target.is_none() {
            verdict.fault("target", &REQUIRED);
        }
        verdict.not_after_today("adopted_on", pledge.adopted_on, set);
        if set.others::<Pledge>(same_year(pledge), pledge.id).any(|other| member(&other) == member(pledge)) {
            verdict.conflict(ConflictReason::Unique, &PLEDGE_EXISTS);
        }
    }
}

fn member(pledge: &Pledge) -> Option<Uuid> {
    pledge.member_id.as_ref().and_then(|member| member.id())
}

/// Those of one kind and year: of the member, in whatever cell, or of the unit and its members.
fn same_year(pledge: &Pledge) -> Lookup {
    let of = match member(pledge) {
        Some(member) => ("member_id", member.into()),
        None => ("unit_id", pledge.unit_id.into()),
    };
    Lookup::of::<Pledge>([of, ("year", i64::from(pledge.year.0).into()), ("kind", pledge.kind.code().into())])
}
