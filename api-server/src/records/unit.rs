//! `unit`: columns, filters and rules (docs/DOMAIN.md, Units).

use crate::db::{Column, Id, Sql, Type, Value};
use crate::regulations::CELL_OFFICIAL_MEMBERS;
use crate::store::filter::{Filter, FilterInput, Own, Takes};
use crate::store::registry::Sort;
use crate::store::rules::{self, Action, Change, Default, Slice, Verdict};
use crate::store::search::Search;
use crate::store::tree::{DEEPEST_TREE, ROOT};
use crate::store::write_set::{Count, Lookup, WriteSet};
use cell_records_types::faults::{
    CODE_TAKEN, FEW_OFFICIAL_MEMBERS, KIND_NOT_ALLOWED_HERE, MEMBERS_NEED_A_CELL, NO_CELL_TYPE, NOT_A_CELL,
    PARENT_SINCE_OUT_OF_RANGE, REFERENCE_NOT_FOUND, REQUIRED, STATE_MOVE_NOT_ALLOWED, UNIT_CYCLE, UNIT_NOT_EMPTY,
    UNIT_TOO_DEEP,
};
use cell_records_types::phrases::Words;
use cell_records_types::text::{order_key, words_key};
use cell_records_types::{CellType, Label, Member, MemberStatus, RecordType, Unit, UnitKind, UnitState};
use uuid::Uuid;

/// `ancestors_of`: the chain from a unit up.
static ANCESTORS: Own = Own {
    takes: Takes::Reference("unit"),
    description: "The chain from this unit up to the root, itself included.",
    finds_few: true,
    asks_unit: false,
    condition: |asked: &FilterInput<'_>| {
        // The place of a unit that the caller does not see is nothing that it may learn.
        let from = match asked.value() {
            Value::Id(Some(unit)) if asked.scope.reads(asked.kind, unit.0).is_some() => Some(unit.0),
            _ => None,
        };
        let chain = from.into_iter().flat_map(|unit| asked.scope.tree.ancestors(unit)).map(Id);
        Sql::new("").any("t.id", chain.collect())
    },
};

/// What people call `ancestors_of`.
const ABOVE: Label = Label { vi: "Tổ chức cấp trên của", en: "Units above" };

impl Slice for Unit {
    const COLUMNS: &'static [Column] = &[
        Column::new("parent_id", Type::Id),
        Column::new("code", Type::Text),
        Column::new("kind", Type::Text),
        Column::new("cell_type", Type::Text),
        Column::new("state", Type::Text),
        Column::new("name_key", Type::Text),
        Column::new("other_names", Type::Text),
    ];
    const FILTERS: &'static [Filter] = &[
        Filter::code("kind", &UnitKind::LIST),
        Filter::code("cell_type", &CellType::LIST),
        Filter::code("state", &UnitState::LIST),
        Filter::reference("parent_id", "unit"),
        Filter::own("ancestors_of", &ANCESTORS).of("name").called(ABOVE),
        Filter::text("code"),
    ];
    const SORTS: &'static [Sort] = &[Sort::indexed("name", &["name_key"]), Sort::indexed("code", &["code"])];
    const SEARCH: Option<Search> = Some(Search::own("name", &["name_key", "other_names"], true));
    const DEFAULTS: &'static [Default] =
        &[("parent_id", None), ("parent_since", None), ("state", Some("\"active\"")), ("cell_type", None)];

    fn columns(&self) -> Vec<Value> {
        vec![
            parent(self).into(),
            // Sorted by, so never null: a unit without a code comes first.
            self.code.as_deref().unwrap_or_default().into(),
            self.kind.code().into(),
            self.cell_type.as_ref().map(|kind| kind.code().to_owned()).into(),
            state(self).code().into(),
            order_key(&self.name).into(),
            words_key(self.short_name.as_deref()).into(),
        ]
    }

    fn decide(change: &mut Change<'_, Self>, set: &WriteSet, verdict: &mut Verdict) {
        if change.action == Action::Delete {
            return;
        }
        complete(change, set);
        place(change, set, verdict);
        contents(change, set, verdict);
        life(change, set, verdict);
        let unit = &change.after;
        if let (Some(parent), Some(code)) = (parent(unit), &unit.code)
            && set.others::<Unit>(siblings(parent, code), unit.id).next().is_some()
        {
            verdict.fault("code", &CODE_TAKEN);
        }
        if unit.cell_type.is_some() && !unit.kind.is_cell() {
            verdict.fault("cell_type", &NO_CELL_TYPE);
        }
    }
}

/// Adds a fault where a record that only cells have would belong to another unit.
pub fn must_be_a_cell(id: Uuid, set: &WriteSet, verdict: &mut Verdict) {
    if !is_open_cell(id, set) {
        verdict.fault("unit_id", &NOT_A_CELL);
    }
}

/// Whether a unit is a cell that is not dissolved.
pub fn is_open_cell(id: Uuid, set: &WriteSet) -> bool {
    set.live::<Unit>(id).is_some_and(|unit| unit.kind.is_cell() && state(&unit) != UnitState::Dissolved)
}

fn parent(unit: &Unit) -> Option<Uuid> {
    unit.parent_id.as_ref().and_then(|parent| parent.id())
}

fn state(unit: &Unit) -> UnitState {
    unit.state.clone().unwrap_or(UnitState::Active)
}

fn siblings(parent: Uuid, code: &str) -> Lookup {
    Lookup::of::<Unit>([("parent_id", parent.into()), ("code", code.into())])
}

fn children(unit: Uuid) -> Lookup {
    Lookup::of::<Unit>([("parent_id", unit.into())])
}

/// How many members of a unit have each status.
fn members(unit: Uuid) -> Count {
    Count { kind: Member::NAME, matching: ("unit_id", unit.into()), by: Some("status") }
}

fn complete(change: &mut Change<'_, Unit>, set: &WriteSet) {
    let moved = change.changed(parent) && change.before.is_some();
    let since_sent = change.sent("parent_since");
    let unit = &mut change.after;
    unit.state.get_or_insert(UnitState::Active);
    if unit.kind.is_cell() {
        unit.cell_type.get_or_insert(CellType::Unclassified);
    }
    if parent(unit).is_some() && (unit.parent_since.is_none() || (moved && !since_sent)) {
        unit.parent_since = Some(set.today);
    }
}

/// Where the unit is in the tree.
fn place(change: &Change<'_, Unit>, set: &WriteSet, verdict: &mut Verdict) {
    let unit = &change.after;
    let Some(parent) = parent(unit) else {
        if unit.id != ROOT {
            verdict.fault("parent_id", &REQUIRED);
        }
        return;
    };
    let Some(above) = set.live::<Unit>(parent) else {
        return verdict.fault("parent_id", &REFERENCE_NOT_FOUND);
    };
    if unit.id == ROOT || set.tree.covers(unit.id, parent) {
        return verdict.fault("parent_id", &UNIT_CYCLE);
    }
    if change.changed(self::parent) && set.tree.depth(parent) + set.tree.height(unit.id) > DEEPEST_TREE {
        return verdict.fault_about("parent_id", &UNIT_TOO_DEEP, Words::plain(DEEPEST_TREE));
    }
    let placed = change.action == Action::Create || change.changed(|unit| (unit.kind.clone(), self::parent(unit)));
    if placed && !may_be_under(&unit.kind, &above.kind) {
        verdict.fault("kind", &KIND_NOT_ALLOWED_HERE);
    }
    if let Some(since) = unit.parent_since {
        let before = change.before.filter(|_| change.changed(self::parent)).and_then(|before| before.parent_since);
        if since > set.today || before.is_some_and(|before| since < before) {
            verdict.fault("parent_since", &PARENT_SINCE_OUT_OF_RANGE);
        }
    }
}

/// Whether a unit of a kind belongs under one of another.
const fn may_be_under(kind: &UnitKind, above: &UnitKind) -> bool {
    match kind {
        UnitKind::PartyGroup => above.is_cell(),
        kind if kind.is_cell() || kind.is_committee() => above.is_committee(),
        _ => true,
    }
}

/// What a unit has fits what it becomes: its members, and the units below it. Both are counted: a cell has many members.
fn contents(change: &Change<'_, Unit>, set: &WriteSet, verdict: &mut Verdict) {
    let unit = &change.after;
    if change.action != Action::Update || !change.changed(|unit| unit.kind.clone()) {
        return;
    }
    if !unit.kind.is_cell() && set.counts(&members(unit.id)).into_values().any(|count| count > 0) {
        verdict.fault("kind", &MEMBERS_NEED_A_CELL);
    }
    let below = Count { kind: Unit::NAME, matching: ("parent_id", unit.id.into()), by: Some("kind") };
    let misplaced = |(kind, count): (Option<String>, i64)| {
        let kind = kind.as_deref().and_then(UnitKind::from_code);
        count > 0 && kind.is_some_and(|kind| !may_be_under(&kind, &unit.kind))
    };
    if set.counts(&below).into_iter().any(misplaced) {
        verdict.fault("kind", &KIND_NOT_ALLOWED_HERE);
    }
}

/// The states that a unit goes through.
fn life(change: &Change<'_, Unit>, set: &WriteSet, verdict: &mut Verdict) {
    let unit = &change.after;
    let now = state(unit);
    if !change.importing {
        let allowed = match change.before.map(state) {
            None => !matches!(now, UnitState::Merged | UnitState::Split),
            Some(before) => before == now || may_become(&before, &now),
        };
        if !allowed {
            let from = change.before.map_or_else(|| Words::plain("–"), |before| state(before).words());
            verdict.fault_about("state", &STATE_MOVE_NOT_ALLOWED, rules::moved(from, now.words()));
        }
        if now == UnitState::Dissolved && change.changed(state) {
            let on_strength = set.counts(&members(unit.id)).into_iter().any(|(status, count)| {
                let status = status.as_deref().and_then(MemberStatus::from_code);
                count > 0 && status.is_some_and(|status| status.counts_on_strength())
            });
            let parents = set.others::<Unit>(children(unit.id), unit.id).next().is_some();
            if on_strength || parents {
                verdict.fault("state", &UNIT_NOT_EMPTY);
            }
        }
        // A new cell has none yet, which everybody knows.
        let may_learn = change.before.is_none() || change.may_learn(Member::NAME, unit.id, "status");
        if unit.kind.is_cell() && now == UnitState::Active && may_learn {
            let official = Some(MemberStatus::Official.code().to_owned());
            let least = CELL_OFFICIAL_MEMBERS.on(set.today);
            if set.counts(&members(unit.id)).get(&official).copied().unwrap_or(0) < least.into() {
                verdict.warn_about("state", &FEW_OFFICIAL_MEMBERS, Words::plain(least));
            }
        }
    }
    if now == UnitState::Dissolved && unit.dissolved_on.is_none() {
        verdict.fault("dissolved_on", &REQUIRED);
    }
    verdict.not_before::<Unit>(("dissolved_on", unit.dissolved_on), ("established_on", unit.established_on));
}

fn may_become(from: &UnitState, to: &UnitState) -> bool {
    use UnitState::{Active, Dissolved, Planned, Suspended};
    matches!((from, to), (Planned, Active) | (Active, Suspended | Dissolved) | (Suspended, Active | Dissolved))
}
