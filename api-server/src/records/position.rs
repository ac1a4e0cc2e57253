//! `position`: columns, filters and rules (docs/DOMAIN.md, Positions).

use crate::db::{Column, Type, Value};
use crate::regulations::CELL_COMMITTEE_MEMBERS;
use crate::store::filter::Filter;
use crate::store::registry::Sort;
use crate::store::rules::{Action, Change, Slice, Verdict};
use crate::store::search::{self, Search};
use crate::store::write_set::{Lookup, WriteSet};
use cell_records_types::faults::{COMMITTEE_TOO_LARGE, NOT_A_MEMBER_HERE, OFFICE_TAKEN};
use cell_records_types::phrases::Words;
use cell_records_types::{CommitteeBody, Member, Position, PositionCode, RecordType, Unit};

impl Slice for Position {
    const COLUMNS: &'static [Column] = &[
        Column::new("member_id", Type::Id),
        Column::new("position_code", Type::Text),
        Column::new("body", Type::Text),
        Column::new("from_date", Type::Text),
        Column::new("to_date", Type::Text),
    ];
    const FILTERS: &'static [Filter] = &[
        Filter::reference("member_id", "member"),
        Filter::code("position_code", &PositionCode::LIST),
        Filter::at("from", "from_date", "to_date"),
    ];
    const SORTS: &'static [Sort] = &[Sort::narrow("from", &["from_date"])];
    const UNIT_INDEX: &'static [&'static str] = &["position_code"];
    /// By the name of who holds it.
    const SEARCH: Option<Search> = Some(Search {
        field: "member_id",
        names: search::Names::Of { column: "member_id", kind: Member::NAME, or: None },
    });

    fn columns(&self) -> Vec<Value> {
        vec![
            self.member_id.id().into(),
            self.position_code.code().into(),
            self.body.as_ref().map(|body| body.code().to_owned()).into(),
            self.from.to_string().into(),
            self.to.map(|to| to.to_string()).into(),
        ]
    }

    fn decide(change: &mut Change<'_, Self>, set: &WriteSet, verdict: &mut Verdict) {
        if change.action == Action::Delete {
            return;
        }
        let position = &change.after;
        verdict.not_before::<Position>(("to", position.to), ("from", Some(position.from)));
        if position.position_code.is_single() && position.to.is_none() {
            let mut others = set.others::<Position>(same_office(position), position.id);
            if others.any(|other| other.to.is_none()) {
                verdict.fault("position_code", &OFFICE_TAKEN);
            }
        }
        if position.body == Some(CommitteeBody::CellCommittee) {
            let elsewhere = set.target(&position.member_id).is_some_and(|member| member.unit_id != position.unit_id);
            let of_cell = set.live::<Unit>(position.unit_id).is_some_and(|unit| unit.kind.is_cell());
            if elsewhere && of_cell {
                verdict.warn("member_id", &NOT_A_MEMBER_HERE);
            }
            let others = set.others::<Position>(cell_committee(position), position.id);
            let open = others.filter(|other| other.to.is_none()).count();
            let most = CELL_COMMITTEE_MEMBERS.on(set.today);
            if i32::try_from(open).unwrap_or(i32::MAX) >= most {
                verdict.warn_about("body", &COMMITTEE_TOO_LARGE, Words::plain(most));
            }
        }
    }
}

fn same_office(position: &Position) -> Lookup {
    Lookup::of::<Position>([
        ("unit_id", position.unit_id.into()),
        ("position_code", position.position_code.code().into()),
    ])
}

fn cell_committee(position: &Position) -> Lookup {
    Lookup::of::<Position>([("unit_id", position.unit_id.into()), ("body", CommitteeBody::CellCommittee.code().into())])
}
