//! Writing what a set decided: one statement a table, sent together; the log rows that are also the versions; the clock.

use super::decide::Effect;
use super::live::Clock;
use super::record::Stored;
use super::registry::{KINDS, Kind, UNIT};
use super::world::World;
use crate::db::engine::{Rows, write_all, write_rows};
use crate::db::{At, Column, Db, DbError, Type, Value, Write};
use std::borrow::Cow;
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
    int("told"),
    id("actor"),
    text("request_id"),
    at("at"),
    text("external_ids"),
    text("public_body"),
    text("internal_body"),
    text("personal_body"),
    text("sensitive_body"),
];

/// The rows that a set writes, gathered table by table.
#[derive(Default)]
struct Out<'a>(Vec<Rows<'a>>);

impl<'a> Out<'a> {
    fn add(&mut self, write: Write, table: &'static str, columns: impl Into<Cow<'a, [Column]>>, rows: Vec<Vec<Value>>) {
        if !rows.is_empty() {
            self.0.push(Rows { write, table, columns: columns.into(), rows });
        }
    }
}

/// Writes the effects in their order and moves the clock. The transaction is the caller's.
///
/// # Errors
/// When the database fails or refuses a row.
pub async fn flush(db: &mut Db<'_>, clock: &mut Clock, world: &mut World, effects: &[Effect]) -> Result<(), DbError> {
    if effects.is_empty() {
        return Ok(());
    }
    clock.batch = Uuid::new_v4();
    // A record that one set writes twice is stored once, as it stands at the end; the log has both.
    let mut last: BTreeMap<(usize, Uuid), Pair<'_>> = BTreeMap::new();
    for effect in effects {
        let key = (effect.after.kind.order, effect.after.id);
        let first = last.get(&key).map_or(effect.before.as_ref(), |(first, _)| *first);
        last.insert(key, (first, &effect.after));
    }
    let mut out = Out::default();
    for kind in &KINDS {
        let of_kind: Vec<_> =
            last.range((kind.order, Uuid::nil())..=(kind.order, Uuid::max())).map(|(_, pair)| *pair).collect();
        if !of_kind.is_empty() {
            write_kind(&mut out, kind, &of_kind);
        }
    }
    write_external(&mut out, &last.values().copied().collect::<Vec<_>>());
    write_links(&mut out, &last.values().copied().collect::<Vec<_>>());
    write_log(&mut out, clock, effects, world.now);
    write_tree(&mut out, clock, world, effects);
    write_all(db, &out.0).await
}

/// A record before and after a set.
type Pair<'a> = (Option<&'a Arc<Stored>>, &'a Arc<Stored>);

fn envelope(record: &Stored) -> Vec<Value> {
    let [public, internal, personal, sensitive] = &record.body.0;
    vec![
        record.id.into(),
        record.unit_id.into(),
        record.version.into(),
        At::from(record.created_at).into(),
        At::from(record.updated_at).into(),
        record.deleted_at.map(At::from).into(),
        record.origin.clone().into(),
        record.external_ids.as_str().into(),
        public.as_str().into(),
        internal.as_str().into(),
        personal.as_str().into(),
        sensitive.as_str().into(),
    ]
}

/// New records, changed ones, and changed ones whose indexed cells stayed: naming an indexed column in an
/// update rewrites its index even when the value is the same.
fn write_kind(out: &mut Out<'_>, kind: &'static Kind, records: &[Pair<'_>]) {
    let all: Vec<Column> = ENVELOPE.iter().chain(kind.columns).copied().collect();
    // Of the envelope, `unit_id` and `deleted_at` are indexed or stand in conditions of indexes; `updated_at`
    // always changes.
    let plain: Vec<Column> = ENVELOPE
        .iter()
        .filter(|column| !matches!(column.name, "unit_id" | "created_at" | "deleted_at"))
        .copied()
        .collect();
    let (mut inserts, mut updates, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
    for (before, after) in records {
        let mut row = envelope(after);
        match before {
            None => {
                row.extend_from_slice(after.cells());
                inserts.push(row);
            }
            Some(before)
                if before.unit_id == after.unit_id
                    && before.deleted_at == after.deleted_at
                    && before.cells() == after.cells() =>
            {
                let mut index = 0;
                row.retain(|_| {
                    index += 1;
                    !matches!(index, 2 | 4 | 6)
                });
                bodies.push(row);
            }
            Some(_) => {
                row.extend_from_slice(after.cells());
                updates.push(row);
            }
        }
    }
    out.add(Write::Insert, kind.plural, all.clone(), inserts);
    out.add(Write::Update, kind.plural, all, updates);
    out.add(Write::Update, kind.plural, plain, bodies);
    write_sides(out, kind, records);
}

fn write_sides(out: &mut Out<'_>, kind: &'static Kind, records: &[Pair<'_>]) {
    if kind.sides.is_empty() {
        return;
    }
    let rows = |record: &Stored| if record.is_live() { kind.side_rows(record) } else { Vec::new() };
    let mut gone: Vec<Vec<Vec<Value>>> = vec![Vec::new(); kind.sides.len()];
    let mut new = gone.clone();
    for (before, after) in records {
        let mut had = before.map(|before| rows(before)).unwrap_or_default();
        let mut has = rows(after);
        had.resize(kind.sides.len(), Vec::new());
        has.resize(kind.sides.len(), Vec::new());
        for (((had, has), gone), new) in had.into_iter().zip(has).zip(&mut gone).zip(&mut new) {
            gone.extend(had.iter().filter(|row| !has.contains(row)).cloned());
            new.extend(has.into_iter().filter(|row| !had.contains(row)));
        }
    }
    for ((side, gone), new) in kind.sides.iter().zip(gone).zip(new) {
        // A deleted row is found by its owner and the columns that are never null.
        let (columns, gone): (Vec<Column>, Vec<Vec<Value>>) = not_null(side.columns, gone);
        out.add(Write::Delete, side.table, columns, gone);
        out.add(Write::Insert, side.table, side.columns, new);
    }
}

/// The leading columns that hold a value in every row.
fn not_null(columns: &'static [Column], mut rows: Vec<Vec<Value>>) -> (Vec<Column>, Vec<Vec<Value>>) {
    let full = (0..columns.len())
        .take_while(|index| rows.iter().all(|row| row.get(*index).is_some_and(|cell| !cell.is_null())))
        .count();
    for row in &mut rows {
        row.truncate(full);
    }
    (columns.iter().take(full).copied().collect(), rows)
}

/// A deleted record keeps its rows: what is written under its external ids must not make another record.
fn write_external(out: &mut Out<'_>, records: &[Pair<'_>]) {
    const COLUMNS: [Column; 4] = [text("system"), text("type"), text("value"), id("record_id")];
    let rows = |record: &Stored| -> Vec<Vec<Value>> {
        if record.external_ids == "[]" {
            return Vec::new();
        }
        let row = |one: cell_records_types::ExternalId| {
            vec![one.system.to_string().into(), record.kind.name.into(), one.value.to_string().into(), record.id.into()]
        };
        record.external().into_iter().map(row).collect()
    };
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    for (before, after) in records {
        if before.is_some_and(|before| before.external_ids == after.external_ids) {
            continue;
        }
        let had = before.map(|before| rows(before)).unwrap_or_default();
        let has = rows(after);
        gone.extend(had.iter().filter(|row| !has.contains(row)).cloned());
        new.extend(has.into_iter().filter(|row| !had.contains(row)));
    }
    out.add(Write::Delete, "external_ids", &COLUMNS[..], gone);
    out.add(Write::Insert, "external_ids", &COLUMNS[..], new);
}

fn write_links(out: &mut Out<'_>, records: &[Pair<'_>]) {
    const COLUMNS: [Column; 3] = [id("to_id"), text("from_type"), id("from_id")];
    let links = |record: &Stored| if record.is_live() { record.links().to_vec() } else { Vec::new() };
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    for (before, after) in records {
        let had = before.map(|before| links(before)).unwrap_or_default();
        let has = links(after);
        let row = |to: &Uuid| vec![(*to).into(), after.kind.name.into(), after.id.into()];
        gone.extend(had.iter().filter(|to| !has.contains(to)).map(row));
        new.extend(has.iter().filter(|to| !had.contains(to)).map(row));
    }
    out.add(Write::Delete, "record_links", &COLUMNS[..], gone);
    out.add(Write::Insert, "record_links", &COLUMNS[..], new);
}

fn write_log(out: &mut Out<'_>, clock: &mut Clock, effects: &[Effect], now: cell_records_types::Timestamp) {
    const SCOPE: [Column; 4] = [id("unit_id"), int("downward"), int("seq"), text("type")];
    const BATCH: [Column; 3] = [id("batch"), int("seq"), at("at")];
    let (mut rows, mut scopes) = (Vec::with_capacity(effects.len()), Vec::new());
    for effect in effects {
        clock.seq += 1;
        let after = &effect.after;
        let row = envelope(after);
        let mut bodies = row.into_iter().skip(8);
        // A delete's row has no body: the version before has it.
        let mut body = || if after.is_live() { bodies.next().unwrap_or(Value::Text(None)) } else { Value::Text(None) };
        let head: Vec<Value> = vec![
            clock.seq.into(),
            clock.batch.into(),
            after.kind.name.into(),
            after.id.into(),
            effect.op.into(),
            after.version.into(),
            effect.before.as_ref().map(|before| before.unit_id).into(),
            after.unit_id.into(),
            after.origin.clone().into(),
            i64::from(effect.told).into(),
            effect.actor.into(),
            effect.request_id.clone().into(),
            At::from(after.updated_at).into(),
            after.external_ids.as_str().into(),
        ];
        rows.push(head.into_iter().chain([body(), body(), body(), body()]).collect());
        let scope =
            |unit: Uuid, downward: i64| vec![unit.into(), downward.into(), clock.seq.into(), after.kind.name.into()];
        scopes.extend(effect.scopes.iter().map(|unit| scope(*unit, 0)));
        if after.kind.downward {
            scopes.push(scope(after.unit_id, 1));
        }
    }
    out.add(Write::Insert, "changes", &CHANGES[..], rows);
    out.add(Write::Insert, "change_scope", &SCOPE[..], scopes);
    let batch = vec![clock.batch.into(), clock.seq.into(), At::from(now).into()];
    out.add(Write::Insert, "batches", &BATCH[..], vec![batch]);
}

/// The tree's own tables: what is derived from the units' parents, so that queries need not walk.
fn write_tree(out: &mut Out<'_>, clock: &mut Clock, world: &mut World, effects: &[Effect]) {
    const TREE: [Column; 3] = [id("unit_id"), id("parent_id"), int("boundary_seq")];
    const ANCESTORS: [Column; 2] = [id("ancestor_id"), id("unit_id")];
    let first = clock.seq - i64::try_from(effects.len()).unwrap_or(0);
    let (mut new, mut moved): (Vec<Uuid>, HashMap<Uuid, i64>) = (Vec::new(), HashMap::new());
    let mut rehung = Vec::new();
    for (seq, effect) in (first + 1..).zip(effects) {
        if effect.after.kind.name != UNIT.name {
            continue;
        }
        if effect.before.is_none() {
            new.push(effect.after.id);
        }
        if !effect.boundary.is_empty() {
            rehung.push(effect.after.id);
            moved.extend(effect.boundary.iter().map(|unit| (*unit, seq)));
        }
    }
    if new.is_empty() && rehung.is_empty() {
        return;
    }
    clock.tree_rev += 1;
    let tree = Arc::make_mut(&mut world.tree);
    for (unit, seq) in &moved {
        tree.set_boundary(*unit, *seq);
    }
    let row = |unit: &Uuid| vec![(*unit).into(), tree.parent(*unit).into(), tree.boundary(*unit).into()];
    let inserts: Vec<Vec<Value>> = new.iter().map(row).collect();
    let updates: Vec<Vec<Value>> = moved.keys().filter(|unit| !new.contains(unit)).map(row).collect();
    out.add(Write::Insert, "unit_tree", &TREE[..], inserts);
    out.add(Write::Update, "unit_tree", &TREE[..], updates);
    let mut below: Vec<Uuid> =
        rehung.iter().flat_map(|unit| tree.subtree(*unit, usize::MAX).unwrap_or_default()).collect();
    below.sort_unstable();
    below.dedup();
    let gone: Vec<Vec<Value>> = below.iter().map(|unit| vec![(*unit).into()]).collect();
    out.add(Write::Delete, "unit_ancestors", vec![id("unit_id")], gone);
    below.extend(new.iter().filter(|unit| !below.contains(unit)).copied().collect::<Vec<_>>());
    let pairs: Vec<Vec<Value>> =
        below.iter().flat_map(|unit| tree.ancestors(*unit).map(|above| vec![above.into(), (*unit).into()])).collect();
    out.add(Write::Insert, "unit_ancestors", &ANCESTORS[..], pairs);
}

/// Stores the clock: the last act before the commit.
///
/// # Errors
/// When the database fails.
pub async fn store_clock(db: &mut Db<'_>, clock: &Clock) -> Result<(), DbError> {
    const COLUMNS: [Column; 6] = [int("id"), int("seq"), id("batch"), int("tree_rev"), int("auth_rev"), text("epoch")];
    let row = vec![
        1.into(),
        clock.seq.into(),
        clock.batch.into(),
        clock.tree_rev.into(),
        clock.auth_rev.into(),
        clock.epoch.as_str().into(),
    ];
    write_rows(db, Write::Update, "sync_clock", &COLUMNS, &[row]).await
}
