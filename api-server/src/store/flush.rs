//! The rows that a set writes, table by table: records, what is found of them by other names, the log rows that are also
//! the versions, the tree, the clock.

use super::decide::Effect;
use super::live::Clock;
use super::log_ranges;
use super::record::{CutBody, Stored};
use super::registry::{KINDS, Kind, RecordKey, UNIT};
use super::tree::Tree;
use super::write_set::WriteSet;
use crate::db::{At, Cell, Column, Rows, Type, Write};
use cell_records_types::{ExternalId, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use uuid::Uuid;

const fn id(name: &'static str) -> Column {
    Column::new(name, Type::Id)
}
const fn text(name: &'static str) -> Column {
    Column::new(name, Type::Text)
}
const fn int(name: &'static str) -> Column {
    Column::new(name, Type::Int)
}
const fn at(name: &'static str) -> Column {
    Column::new(name, Type::At)
}

const ENVELOPE: [Column; 12] = [
    id("id"),
    id("unit_id"),
    int("version"),
    at("created_at"),
    at("updated_at"),
    at("deleted_at"),
    text("origin"),
    text("external_ids"),
    text("public_body"),
    text("internal_body"),
    text("personal_body"),
    text("sensitive_body"),
];

const CHANGES: [Column; 18] = [
    int("seq"),
    id("batch"),
    text("type"),
    id("record_id"),
    text("op"),
    int("version"),
    id("unit_before"),
    id("unit_after"),
    text("origin"),
    int("known_to_writer"),
    id("actor"),
    text("request_id"),
    at("at"),
    text("external_ids"),
    text("public_body"),
    text("internal_body"),
    text("personal_body"),
    text("sensitive_body"),
];

/// The rows of a set: deletes first, then updates, then inserts, so that what one gives up another can take.
#[derive(Default)]
pub struct Flush<'a> {
    deletes: Vec<Rows<'a>>,
    updates: Vec<Rows<'a>>,
    inserts: Vec<Rows<'a>>,
}

impl<'a> Flush<'a> {
    /// Adds the rows of one table.
    pub fn add(&mut self, rows: Rows<'a>) {
        if !rows.is_empty() {
            match rows.write {
                Write::Delete => self.deletes.push(rows),
                Write::Update => self.updates.push(rows),
                Write::Insert | Write::Fill => self.inserts.push(rows),
            }
        }
    }

    /// How many rows it writes.
    pub fn count(&self) -> usize {
        [&self.deletes, &self.updates, &self.inserts].into_iter().flatten().map(Rows::len).sum()
    }

    /// All of it, in the order in which it is written.
    pub fn into_rows(self) -> Vec<Rows<'a>> {
        let Flush { mut deletes, updates, inserts } = self;
        deletes.extend(updates);
        deletes.extend(inserts);
        deletes
    }
}

/// The rows of effects, in their order, as one batch, which the clock names already. Moves the clock and the tree's
/// boundaries with them.
pub fn rows<'a>(clock: &mut Clock, set: &mut WriteSet, effects: &'a [Effect]) -> Flush<'a> {
    let mut out = Flush::default();
    if effects.is_empty() {
        return out;
    }
    // A record that one set writes twice is stored once, as it is at the end; the log has both.
    let mut last: BTreeMap<RecordKey, Pair<'a>> = BTreeMap::new();
    for effect in effects {
        let key = effect.after.key();
        let first = last.get(&key).map_or(effect.before.as_ref(), |(first, _)| *first);
        last.insert(key, (first, &effect.after));
    }
    for kind in &KINDS {
        let of_kind: Vec<Pair<'a>> =
            last.range((kind.order, Uuid::nil())..=(kind.order, Uuid::max())).map(|(_, pair)| *pair).collect();
        if !of_kind.is_empty() {
            write_kind(&mut out, kind, &of_kind);
        }
    }
    write_external(&mut out, last.values().copied());
    write_references(&mut out, last.values().copied());
    write_log(&mut out, clock, effects, set.now);
    write_tree(&mut out, clock, set, effects);
    out
}

/// A record before and after a set.
type Pair<'a> = (Option<&'a Arc<Stored>>, &'a Arc<Stored>);

fn bodies(body: &CutBody) -> [Cell<'_>; 4] {
    let [public, internal, personal, sensitive] = &body.0;
    [public, internal, personal, sensitive].map(|fragment| fragment.as_str().into())
}

fn envelope(record: &Stored) -> [Cell<'_>; 12] {
    let [public, internal, personal, sensitive] = bodies(&record.body);
    [
        record.id.into(),
        record.unit_id.into(),
        record.version.into(),
        At::from(record.created_at).into(),
        At::from(record.updated_at).into(),
        record.deleted_at.map(At::from).into(),
        record.origin.as_deref().into(),
        record.external_ids.as_str().into(),
        public,
        internal,
        personal,
        sensitive,
    ]
}

/// Of the envelope, `unit_id` and `deleted_at` are indexed or part of conditions of indexes, `created_at` never changes;
/// `updated_at` always does.
fn is_plain(column: &Column) -> bool {
    !matches!(column.name, "unit_id" | "created_at" | "deleted_at")
}

/// New records, changed ones, and changed ones whose indexed cells stayed: naming an indexed column in an
/// update rewrites its index even when the value is the same.
fn write_kind<'a>(out: &mut Flush<'a>, kind: &'static Kind, records: &[Pair<'a>]) {
    let all: Vec<Column> = ENVELOPE.iter().chain(kind.columns).copied().collect();
    let plain: Vec<Column> = ENVELOPE.iter().filter(|column| is_plain(column)).copied().collect();
    let mut inserts = Rows::new(Write::Insert, kind.plural, all.clone());
    let mut updates = Rows::new(Write::Update, kind.plural, all);
    let mut bodies = Rows::new(Write::Update, kind.plural, plain);
    for (before, after) in records {
        let whole = || envelope(after).into_iter().chain(after.cells().iter().map(Cell::from));
        match before {
            None => inserts.push(whole()),
            Some(before)
                if before.unit_id == after.unit_id
                    && before.deleted_at == after.deleted_at
                    && before.cells() == after.cells() =>
            {
                let cells = ENVELOPE.iter().zip(envelope(after)).filter(|(column, _)| is_plain(column));
                bodies.push(cells.map(|(_, cell)| cell));
            }
            Some(_) => updates.push(whole()),
        }
    }
    out.add(inserts);
    out.add(updates);
    out.add(bodies);
    write_children(out, kind, records);
}

fn write_children<'a>(out: &mut Flush<'a>, kind: &'static Kind, records: &[Pair<'a>]) {
    for (index, child) in kind.child_tables.iter().enumerate() {
        let rows = |record: &'a Stored| {
            let rows = record.child_rows().get(index).filter(|_| record.is_live());
            rows.map(Vec::as_slice).unwrap_or_default()
        };
        let mut new = Rows::new(Write::Insert, child.table, child.columns);
        // A row is found by its leading columns that are never null.
        let mut gone: BTreeMap<usize, Rows<'a>> = BTreeMap::new();
        for (before, after) in records {
            let had = before.map(|before| rows(before)).unwrap_or_default();
            let has = rows(after);
            for row in had.iter().filter(|row| !has.contains(row)) {
                let full = row.iter().take_while(|cell| !cell.is_null()).count();
                let columns = || child.columns.iter().take(full).copied().collect::<Vec<_>>();
                let gone = gone.entry(full).or_insert_with(|| Rows::new(Write::Delete, child.table, columns()));
                gone.push(row.iter().take(full).map(Cell::from));
            }
            for row in has.iter().filter(|row| !had.contains(row)) {
                new.push(row.iter().map(Cell::from));
            }
        }
        gone.into_values().for_each(|rows| out.add(rows));
        out.add(new);
    }
}

/// A deleted record keeps its rows: what is written under its external ids must not make another record.
fn write_external<'a>(out: &mut Flush<'a>, records: impl Iterator<Item = Pair<'a>>) {
    const COLUMNS: [Column; 4] = [text("system"), text("type"), text("value"), id("record_id")];
    let mut gone = Rows::new(Write::Delete, "external_ids", &COLUMNS[..]);
    let mut new = Rows::new(Write::Insert, "external_ids", &COLUMNS[..]);
    for (before, after) in records {
        if before.map_or("[]", |before| &before.external_ids) == after.external_ids {
            continue;
        }
        let had = before.map(|before| before.external()).unwrap_or_default();
        let has = after.external();
        let row = |one: &ExternalId| -> [Cell<'a>; 4] {
            [one.system.to_string().into(), after.kind.name.into(), one.value.to_string().into(), after.id.into()]
        };
        had.iter().filter(|one| !has.contains(one)).for_each(|one| gone.push(row(one)));
        has.iter().filter(|one| !had.contains(one)).for_each(|one| new.push(row(one)));
    }
    out.add(gone);
    out.add(new);
}

/// The references of live records, by what they point to.
fn write_references<'a>(out: &mut Flush<'a>, records: impl Iterator<Item = Pair<'a>>) {
    const COLUMNS: [Column; 4] = [text("to_type"), id("to_id"), text("from_type"), id("from_id")];
    let mut gone = Rows::new(Write::Delete, "record_links", &COLUMNS[..]);
    let mut new = Rows::new(Write::Insert, "record_links", &COLUMNS[..]);
    let references = |record: &'a Stored| if record.is_live() { record.references() } else { &[] };
    for (before, after) in records {
        let had = before.map(|before| references(before)).unwrap_or_default();
        let has = references(after);
        let row = |(order, to): &RecordKey| -> [Cell<'a>; 4] {
            let to_type = Kind::at(*order).map(|kind| kind.name);
            [to_type.into(), (*to).into(), after.kind.name.into(), after.id.into()]
        };
        had.iter().filter(|key| !has.contains(key)).for_each(|key| gone.push(row(key)));
        has.iter().filter(|key| !had.contains(key)).for_each(|key| new.push(row(key)));
    }
    out.add(gone);
    out.add(new);
}

fn write_log<'a>(out: &mut Flush<'a>, clock: &mut Clock, effects: &'a [Effect], now: Timestamp) {
    const SCOPE: [Column; 3] = [id("unit_id"), int("downward"), int("seq")];
    const BATCH: [Column; 3] = [id("batch"), int("seq"), at("at")];
    let mut changes = Rows::new(Write::Insert, "changes", &CHANGES[..]);
    let mut scopes = Rows::new(Write::Insert, "change_scope", &SCOPE[..]);
    for effect in effects {
        clock.seq += 1;
        let after = &effect.after;
        let head: [Cell<'a>; 14] = [
            clock.seq.into(),
            clock.batch.into(),
            after.kind.name.into(),
            after.id.into(),
            effect.op.into(),
            after.version.into(),
            effect.before.as_ref().map(|before| before.unit_id).into(),
            after.unit_id.into(),
            after.origin.as_deref().into(),
            i64::from(effect.known_to_writer).into(),
            effect.actor.into(),
            effect.request_id.as_deref().into(),
            At::from(after.updated_at).into(),
            after.external_ids.as_str().into(),
        ];
        // A delete's row has no body: the version before has it.
        let body = if after.is_live() { bodies(&after.body) } else { [const { Cell::Text(None) }; 4] };
        changes.push(head.into_iter().chain(body));
        for range in log_ranges::of(effect).filter(|range| !log_ranges::is_whole_log(*range)) {
            let cells: [Cell<'a>; 3] = [range.0.into(), range.1.into(), clock.seq.into()];
            scopes.push(cells);
        }
    }
    let mut batch = Rows::new(Write::Insert, "batches", &BATCH[..]);
    batch.push([clock.batch.into(), clock.seq.into(), At::from(now).into()]);
    out.add(changes);
    out.add(scopes);
    out.add(batch);
}

/// The tree's own tables: what is derived from the units' parents, so that queries need not walk.
fn write_tree(out: &mut Flush<'_>, clock: &mut Clock, set: &mut WriteSet, effects: &[Effect]) {
    const TREE: [Column; 3] = [id("unit_id"), id("parent_id"), int("boundary_seq")];
    const ANCESTORS: [Column; 2] = [id("ancestor_id"), id("unit_id")];
    let first = clock.seq - i64::try_from(effects.len()).unwrap_or(0);
    let (mut new, mut moved): (Vec<Uuid>, HashMap<Uuid, i64>) = (Vec::new(), HashMap::new());
    let mut reparented = Vec::new();
    for (seq, effect) in (first + 1..).zip(effects) {
        if effect.after.kind.name != UNIT.name {
            continue;
        }
        if effect.before.is_none() {
            new.push(effect.after.id);
        }
        if !effect.boundary.is_empty() {
            reparented.push(effect.after.id);
            moved.extend(effect.boundary.iter().map(|unit| (*unit, seq)));
        }
    }
    if new.is_empty() && reparented.is_empty() {
        return;
    }
    clock.tree_rev += 1;
    if !moved.is_empty() {
        let tree = Arc::make_mut(&mut set.tree);
        for (unit, seq) in &moved {
            tree.set_boundary(*unit, *seq);
        }
    }
    let tree: &Tree = &set.tree;
    let row =
        |unit: Uuid| -> [Cell<'static>; 3] { [unit.into(), tree.parent(unit).into(), tree.boundary(unit).into()] };
    let mut inserts = Rows::new(Write::Insert, "unit_tree", TREE.to_vec());
    let mut updates = Rows::new(Write::Update, "unit_tree", TREE.to_vec());
    let is_new: std::collections::HashSet<Uuid> = new.iter().copied().collect();
    new.iter().for_each(|unit| inserts.push(row(*unit)));
    moved.keys().filter(|unit| !is_new.contains(unit)).for_each(|unit| updates.push(row(*unit)));
    out.add(inserts);
    out.add(updates);
    let mut below: Vec<Uuid> =
        reparented.iter().flat_map(|unit| tree.subtree(*unit, usize::MAX).unwrap_or_default()).collect();
    below.extend(&new);
    below.sort_unstable();
    below.dedup();
    let mut gone = Rows::new(Write::Delete, "unit_ancestors", vec![id("unit_id")]);
    below.iter().filter(|unit| !is_new.contains(unit)).for_each(|unit| gone.push([(*unit).into()]));
    let mut pairs = Rows::new(Write::Insert, "unit_ancestors", ANCESTORS.to_vec());
    for unit in &below {
        tree.ancestors(*unit).for_each(|above| pairs.push([above.into(), (*unit).into()]));
    }
    out.add(gone);
    out.add(pairs);
}

/// The clock row, as a write leaves it.
pub fn clock(clock: &Clock) -> Rows<'_> {
    const COLUMNS: [Column; 8] = [
        int("id"),
        int("seq"),
        id("batch"),
        int("tree_rev"),
        int("auth_rev"),
        int("policy_rev"),
        text("epoch"),
        text("registry"),
    ];
    let mut rows = Rows::new(Write::Update, "sync_clock", &COLUMNS[..]);
    let cells: [Cell<'_>; 8] = [
        1.into(),
        clock.seq.into(),
        clock.batch.into(),
        clock.tree_rev.into(),
        clock.auth_rev.into(),
        clock.policy_rev.into(),
        clock.epoch.as_str().into(),
        clock.registry.as_str().into(),
    ];
    rows.push(cells);
    rows
}
