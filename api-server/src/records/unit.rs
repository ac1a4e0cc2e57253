//! `unit`: columns, filters and rules (docs/DOMAIN.md, Units).

use crate::db::{Column, Type, Value};
use crate::store::decide::Verdict;
use crate::store::registry::{Action, Change, Filter, Slice, Sort, Test};
use crate::store::scope::ROOT;
use crate::store::world::{Need, World};
use cell_records_types::faults::{
    CODE_TAKEN, DATES_OUT_OF_ORDER, FEW_OFFICIAL_MEMBERS, KIND_NOT_ALLOWED_HERE, PARENT_SINCE_OUT_OF_RANGE,
    REFERENCE_NOT_FOUND, REQUIRED, STATE_MOVE_NOT_ALLOWED, UNIT_CYCLE, UNIT_NOT_EMPTY, UNKNOWN_FIELD,
};
use cell_records_types::text::{fold, order_key};
use cell_records_types::{CellType, Member, MemberStatus, Unit, UnitKind, UnitState};
use uuid::Uuid;

/// Fewer official members than this in an active cell is a warning (docs/DOMAIN.md, Units).
const FEWEST_OFFICIAL_MEMBERS: usize = 3;

impl Slice for Unit {
    const COLUMNS: &'static [Column] = &[
        Column::new("parent_id", Type::Id),
        Column::new("code", Type::Text),
        Column::new("kind", Type::Text),
        Column::new("cell_type", Type::Text),
        Column::new("state", Type::Text),
        Column::new("name_key", Type::Text),
        Column::new("search", Type::Text),
    ];
    const FILTERS: &'static [Filter] = &[
        Filter { name: "kind", field: "kind", test: Test::Code("kind", &UnitKind::LIST) },
        Filter { name: "cell_type", field: "cell_type", test: Test::Code("cell_type", &CellType::LIST) },
        Filter { name: "state", field: "state", test: Test::Code("state", &UnitState::LIST) },
        Filter { name: "parent_id", field: "parent_id", test: Test::Reference("parent_id", "unit") },
        Filter { name: "ancestors_of", field: "name", test: Test::AncestorsOf },
        Filter { name: "code", field: "code", test: Test::Text("code") },
    ];
    const SORTS: &'static [Sort] = &[
        Sort { name: "name", column: "name_key", by_unit: false },
        Sort { name: "code", column: "code", by_unit: false },
    ];
    const SEARCH: Option<&'static str> = Some("name");
    const DEFAULTED: &'static [&'static str] = &["parent_id", "parent_since", "state", "cell_type"];

    fn columns(&self) -> Vec<Value> {
        let short = self.short_name.as_deref().unwrap_or_default();
        vec![
            parent(self).into(),
            // Sorted by, so never null: a unit without a code comes first.
            self.code.as_deref().unwrap_or_default().into(),
            self.kind.code().into(),
            self.cell_type.map(|kind| kind.code().to_owned()).into(),
            state(self).code().into(),
            order_key(&self.name).into(),
            format!(" {} {} ", fold(&self.name), fold(short)).into(),
        ]
    }

    fn needs(change: &Change<'_, Self>, _world: &World, needs: &mut Vec<Need>) {
        let unit = &change.after;
        if let Some(parent) = parent(unit) {
            needs.push(Need::of::<Unit>([("id", parent.into())]));
            if let Some(code) = &unit.code {
                needs.push(siblings(parent, code));
            }
        }
        if change.loading {
            return;
        }
        if unit.kind.is_cell() && state(unit) == UnitState::Active {
            needs.push(official_members(unit.id));
        }
        if state(unit) == UnitState::Dissolved {
            needs.push(children(unit.id));
            needs.push(members(unit.id));
        }
    }

    fn decide(change: &mut Change<'_, Self>, world: &World, verdict: &mut Verdict) {
        if change.action == Action::Delete {
            return;
        }
        complete(change, world);
        place(change, world, verdict);
        life(change, world, verdict);
        let unit = &change.after;
        if let (Some(parent), Some(code)) = (parent(unit), &unit.code)
            && !world.others::<Unit>(&siblings(parent, code), unit.id).is_empty()
        {
            verdict.fault("code", &CODE_TAKEN);
        }
        if unit.cell_type.is_some() && !unit.kind.is_cell() {
            verdict.fault("cell_type", &UNKNOWN_FIELD);
        }
    }
}

fn parent(unit: &Unit) -> Option<Uuid> {
    unit.parent_id.as_ref().and_then(|parent| parent.id())
}

fn state(unit: &Unit) -> UnitState {
    unit.state.unwrap_or(UnitState::Active)
}

fn siblings(parent: Uuid, code: &str) -> Need {
    Need::of::<Unit>([("parent_id", parent.into()), ("code", code.into())])
}

fn children(unit: Uuid) -> Need {
    Need::of::<Unit>([("parent_id", unit.into())])
}

fn members(unit: Uuid) -> Need {
    Need::of::<Member>([("unit_id", unit.into())])
}

fn official_members(unit: Uuid) -> Need {
    Need::of::<Member>([("unit_id", unit.into()), ("status", MemberStatus::Official.code().into())])
}

fn complete(change: &mut Change<'_, Unit>, world: &World) {
    let moved = change.changed(parent) && change.before.is_some();
    let since_sent = change.sent("parent_since");
    let unit = &mut change.after;
    unit.state.get_or_insert(UnitState::Active);
    if unit.kind.is_cell() {
        unit.cell_type.get_or_insert(CellType::Unclassified);
    }
    if parent(unit).is_some() && (unit.parent_since.is_none() || (moved && !since_sent)) {
        unit.parent_since = Some(world.today);
    }
}

/// Where the unit stands in the tree.
fn place(change: &Change<'_, Unit>, world: &World, verdict: &mut Verdict) {
    let unit = &change.after;
    let Some(parent) = parent(unit) else {
        if unit.id != ROOT {
            verdict.fault("parent_id", &REQUIRED);
        }
        return;
    };
    let Some(above) = world.live::<Unit>(parent) else {
        return verdict.fault("parent_id", &REFERENCE_NOT_FOUND);
    };
    if unit.id == ROOT || world.tree.covers(unit.id, parent) {
        return verdict.fault("parent_id", &UNIT_CYCLE);
    }
    let allowed = match unit.kind {
        UnitKind::PartyGroup => above.kind.is_cell(),
        kind if kind.is_cell() => above.kind.is_committee(),
        _ => true,
    };
    if !allowed {
        verdict.fault("kind", &KIND_NOT_ALLOWED_HERE);
    }
    if let Some(since) = unit.parent_since {
        let before = change.before.filter(|_| change.changed(self::parent)).and_then(|before| before.parent_since);
        if since > world.today || before.is_some_and(|before| since < before) {
            verdict.fault("parent_since", &PARENT_SINCE_OUT_OF_RANGE);
        }
    }
}

/// The states that a unit goes through.
fn life(change: &Change<'_, Unit>, world: &World, verdict: &mut Verdict) {
    let unit = &change.after;
    let now = state(unit);
    if !change.loading {
        let allowed = match change.before.map(state) {
            None => !matches!(now, UnitState::Merged | UnitState::Split),
            Some(before) => before == now || may_become(before, now),
        };
        if !allowed {
            let from = change.before.map_or("–", |before| state(before).code());
            verdict.fault_about("state", &STATE_MOVE_NOT_ALLOWED, format!("{from} → {now}"));
        }
        if now == UnitState::Dissolved && change.changed(state) {
            let strength = world
                .others::<Member>(&members(unit.id), unit.id)
                .iter()
                .any(|member| member.status.is_some_and(MemberStatus::counts_on_strength));
            if strength || !world.others::<Unit>(&children(unit.id), unit.id).is_empty() {
                verdict.fault("state", &UNIT_NOT_EMPTY);
            }
        }
        if unit.kind.is_cell()
            && now == UnitState::Active
            && world.matching(&official_members(unit.id)).len() < FEWEST_OFFICIAL_MEMBERS
        {
            verdict.warn("state", &FEW_OFFICIAL_MEMBERS, "");
        }
    }
    if now == UnitState::Dissolved && unit.dissolved_on.is_none() {
        verdict.fault("dissolved_on", &REQUIRED);
    }
    if let (Some(established), Some(dissolved)) = (unit.established_on, unit.dissolved_on)
        && dissolved < established
    {
        verdict.fault_about("dissolved_on", &DATES_OUT_OF_ORDER, "established_on");
    }
}

fn may_become(from: UnitState, to: UnitState) -> bool {
    use UnitState::{Active, Dissolved, Planned, Suspended};
    matches!((from, to), (Planned, Active) | (Active, Suspended | Dissolved) | (Suspended, Active | Dissolved))
}
