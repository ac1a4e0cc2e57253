//! Loading what a set of writes touches and what its rules ask for: one statement a type and shape, until
//! nothing is missing.

use super::decide;
use super::items::{Command, Item};
use super::record::{EnvelopeRow, EnvelopeSql, Stored, envelope_columns};
use super::registry::{KINDS, Kind, Side, UNIT};
use super::world::{ExternalKey, NEED_LIMIT, Need, World};
use crate::db::sql::Find;
use crate::db::{Column, Db, DbError, Guid, Id, Sql, Type, Value, Verbs};
use crate::{find, on};
use cell_records_types::{Class, Reference};
use diesel::sql_types::Text;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use uuid::Uuid;

/// Rules may ask for what they only know of from what they asked before; so often, at most.
const ROUNDS: usize = 4;

/// Loads for all items of a set.
///
/// # Errors
/// When the database fails.
pub async fn load(db: &mut Db<'_>, world: &mut World, commands: &[&Command]) -> Result<(), DbError> {
    load_external(db, world, commands).await?;
    for _ in 0..ROUNDS {
        let mut missing = Missing::default();
        for command in commands {
            let names = command.names();
            for item in &command.items {
                ask(item, command, &names, world, &mut missing);
            }
        }
        if missing.is_empty() {
            break;
        }
        fetch(db, world, missing).await?;
    }
    Ok(())
}

/// What is not in the world yet.
#[derive(Default)]
struct Missing {
    records: BTreeMap<usize, BTreeSet<Uuid>>,
    needs: HashSet<Need>,
    links: BTreeSet<Uuid>,
}

impl Missing {
    fn is_empty(&self) -> bool {
        self.records.is_empty() && self.needs.is_empty() && self.links.is_empty()
    }

    fn record(&mut self, world: &World, kind: &Kind, id: Uuid) {
        if !world.knows(kind, id) {
            self.records.entry(kind.order).or_default().insert(id);
        }
    }

    fn need(&mut self, world: &World, need: Need) {
        // A look-up by id is a record.
        if let (None, [("id", Value::Id(Some(id)))], Some(kind)) =
            (need.side, need.matching.as_slice(), Kind::named(need.kind))
        {
            return self.record(world, kind, id.0);
        }
        if !world.knows_need(&need) {
            self.needs.insert(need);
        }
    }
}

fn ask(item: &Item, command: &Command, names: &HashMap<&str, usize>, world: &World, missing: &mut Missing) {
    if item.unreadable {
        return;
    }
    let target = decide::target(item, world, None);
    let holders = item.external_ids.iter().flatten().filter_map(|one| world.holder(&decide::key(item, one)));
    for id in target.into_iter().chain(holders) {
        missing.record(world, item.kind, id);
    }
    for found in &item.references {
        if let (Some(kind), Some(id)) =
            (Kind::named(found.target), decide::resolve(&found.reference, found.target, command, names, world))
        {
            missing.record(world, kind, id);
        }
    }
    let Some(draft) = decide::draft(item, command, names, world, None) else { return };
    missing.record(world, UNIT, draft.after.unit_id);
    if let Some(before) = &draft.before {
        missing.record(world, UNIT, before.unit_id);
        for (kind, id) in decide::pointed_again(item, before) {
            missing.record(world, kind, id);
        }
    }
    let mut needs = Vec::new();
    item.kind.needs(&draft.write(item, None), world, &mut needs);
    if item.op == cell_records_types::sync::PushOp::Delete {
        if !world.knows_links(draft.after.id) {
            missing.links.insert(draft.after.id);
        }
        if item.kind.name == UNIT.name {
            needs.extend(in_unit(draft.after.id));
        }
    }
    for need in needs {
        missing.need(world, need);
    }
}

/// The records of every type in a unit.
pub fn in_unit(unit: Uuid) -> impl Iterator<Item = Need> {
    KINDS.iter().map(move |kind| Need { kind: kind.name, side: None, matching: vec![("unit_id", unit.into())] })
}

async fn load_external(db: &mut Db<'_>, world: &mut World, commands: &[&Command]) -> Result<(), DbError> {
    let mut keys: BTreeSet<ExternalKey> = BTreeSet::new();
    for item in commands.iter().flat_map(|command| &command.items) {
        if let Some(Reference::External { system, value }) = &item.id {
            keys.insert((system.clone(), item.kind.name, value.clone()));
        }
        for one in item.external_ids.iter().flatten() {
            keys.insert((one.system.to_string(), item.kind.name, one.value.to_string()));
        }
        if let Some(Reference::External { system, value }) = &item.unit {
            keys.insert((system.clone(), UNIT.name, value.clone()));
        }
        for found in &item.references {
            if let Reference::External { system, value } = &found.reference {
                keys.insert((system.clone(), found.target, value.clone()));
            }
        }
    }
    let keys: Vec<ExternalKey> = keys.into_iter().filter(|key| !world.knows_external(key)).collect();
    for (key, id) in find_external(db, &keys).await? {
        world.loaded_external(key, Some(id));
    }
    for key in keys {
        world.loaded_external(key, None);
    }
    Ok(())
}

/// The records that hold external ids.
///
/// # Errors
/// When the database fails.
pub async fn find_external(db: &mut Db<'_>, keys: &[ExternalKey]) -> Result<Vec<(ExternalKey, Uuid)>, DbError> {
    const KEYS: [Column; 3] =
        [Column::new("system", Type::Text), Column::new("type", Type::Text), Column::new("value", Type::Text)];
    let find = Find { select: "SELECT system, type, value, record_id FROM external_ids", keys: &KEYS, tail: "" };
    let rows: Vec<Vec<Value>> = keys
        .iter()
        .map(|(system, kind, value)| vec![system.as_str().into(), (*kind).into(), value.as_str().into()])
        .collect();
    let found: Result<Vec<(String, String, String, Id)>, DbError> = find!(db, (Text, Text, Text, Guid), find, &rows);
    let named = |(system, kind, value, id): (String, String, String, Id)| {
        Kind::named(&kind).map(|kind| ((system, kind.name, value), id.0))
    };
    Ok(found?.into_iter().filter_map(named).collect())
}

/// Most records that are looked up where they stand in the way of a delete.
const POINTING: i64 = 20;

/// Some of the live records that point to a record, or belong to it as their unit.
///
/// # Errors
/// When the database fails.
pub async fn find_pointing(db: &mut Db<'_>, to: Uuid) -> Result<Vec<(&'static Kind, Uuid)>, DbError> {
    let links = Sql::<(Text, Guid)>::new("SELECT from_type, from_id FROM record_links WHERE to_id = ").bind(to);
    let links = links.text(" ORDER BY from_id LIMIT ").bind(POINTING);
    let rows: Vec<(String, Id)> = on!(db, c => links.all(c))?;
    let mut found: Vec<(&'static Kind, Uuid)> =
        rows.into_iter().filter_map(|(kind, id)| Some((Kind::named(&kind)?, id.0))).collect();
    for kind in &KINDS {
        let sql = Sql::<Guid>::new(format!("SELECT id FROM {} WHERE deleted_at IS NULL AND unit_id = ", kind.plural))
            .bind(to);
        let sql = sql.text(" AND id <> ").bind(to).text(" LIMIT ").bind(POINTING);
        let rows: Vec<Id> = on!(db, c => sql.all(c))?;
        found.extend(rows.into_iter().map(|id| (kind, id.0)));
    }
    Ok(found)
}

/// The records of a type under these ids, deleted ones too, cut to a class.
///
/// # Errors
/// When the database fails.
pub async fn find_records(
    db: &mut Db<'_>,
    kind: &'static Kind,
    ids: &[Uuid],
    class: Class,
) -> Result<Vec<Stored>, DbError> {
    const KEYS: [Column; 1] = [Column::new("id", Type::Id)];
    let select = format!("SELECT {} FROM {}", envelope_columns(class, ""), kind.plural);
    let rows: Vec<Vec<Value>> = ids.iter().map(|id| vec![(*id).into()]).collect();
    let find = Find { select: &select, keys: &KEYS, tail: "" };
    let found: Result<Vec<EnvelopeRow>, DbError> = find!(db, EnvelopeSql, find, &rows);
    Ok(found?.into_iter().map(|row| Stored::from_row(kind, row)).collect())
}

async fn fetch(db: &mut Db<'_>, world: &mut World, missing: Missing) -> Result<(), DbError> {
    for (order, ids) in missing.records {
        let Some(kind) = KINDS.get(order) else { continue };
        let ids: Vec<Uuid> = ids.into_iter().collect();
        for record in find_records(db, kind, &ids, Class::Sensitive).await? {
            world.loaded(kind, record.id, Some(record));
        }
        for id in ids {
            world.loaded(kind, id, None);
        }
    }
    fetch_needs(db, world, missing.needs).await?;
    if !missing.links.is_empty() {
        fetch_links(db, world, missing.links.into_iter().collect()).await?;
    }
    Ok(())
}

async fn fetch_links(db: &mut Db<'_>, world: &mut World, to: Vec<Uuid>) -> Result<(), DbError> {
    const KEYS: [Column; 1] = [Column::new("to_id", Type::Id)];
    let tail = format!(" LIMIT {NEED_LIMIT}");
    let find = Find { select: "SELECT to_id, from_type, from_id FROM record_links", keys: &KEYS, tail: &tail };
    let rows: Vec<Vec<Value>> = to.iter().map(|id| vec![(*id).into()]).collect();
    let found: Result<Vec<(Id, String, Id)>, DbError> = find!(db, (Guid, Text, Guid), find, &rows);
    let mut from: HashMap<Uuid, Vec<(usize, Uuid)>> = to.iter().map(|id| (*id, Vec::new())).collect();
    let mut records: BTreeMap<usize, BTreeSet<Uuid>> = BTreeMap::new();
    for (to, kind, id) in found? {
        let Some(kind) = Kind::named(&kind) else { continue };
        from.entry(to.0).or_default().push((kind.order, id.0));
        records.entry(kind.order).or_default().insert(id.0);
    }
    for (to, from) in from {
        world.loaded_links(to, from);
    }
    for (order, ids) in records {
        let Some(kind) = KINDS.get(order) else { continue };
        let ids: Vec<Uuid> = ids.into_iter().filter(|id| !world.knows(kind, *id)).collect();
        for record in find_records(db, kind, &ids, Class::Sensitive).await? {
            world.loaded(kind, record.id, Some(record));
        }
    }
    Ok(())
}

/// Loads needs. Those of one shape (type, table, columns) are one statement.
///
/// # Errors
/// When the database fails.
pub async fn fetch_needs(db: &mut Db<'_>, world: &mut World, needs: HashSet<Need>) -> Result<(), DbError> {
    type Shape = (usize, Option<&'static str>, Vec<&'static str>);
    let mut shapes: BTreeMap<Shape, Vec<Need>> = BTreeMap::new();
    for need in needs {
        let Some(kind) = Kind::named(need.kind) else { continue };
        let columns = need.matching.iter().map(|(column, _)| *column).collect();
        shapes.entry((kind.order, need.side, columns)).or_default().push(need);
    }
    for ((order, side, _), needs) in shapes {
        let Some(kind) = KINDS.get(order) else { continue };
        let columns = envelope_columns(Class::Sensitive, "");
        let (select, tail) = match side.and_then(|table| kind.sides.iter().find(|side| side.table == table)) {
            None => (
                format!("SELECT {columns} FROM {}", kind.plural),
                format!(" AND deleted_at IS NULL LIMIT {NEED_LIMIT}"),
            ),
            Some(Side { table, owner, .. }) => (
                format!(
                    "SELECT {columns} FROM {} WHERE deleted_at IS NULL AND id IN (SELECT {owner} FROM {table}",
                    kind.plural
                ),
                format!(") LIMIT {NEED_LIMIT}"),
            ),
        };
        let Some(first) = needs.first() else { continue };
        let keys: Vec<Column> =
            first.matching.iter().map(|(column, value)| Column::new(column, type_of(value))).collect();
        let rows: Vec<Vec<Value>> =
            needs.iter().map(|need| need.matching.iter().map(|(_, value)| value.clone()).collect()).collect();
        let find = Find { select: &select, keys: &keys, tail: &tail };
        let found: Result<Vec<EnvelopeRow>, DbError> = find!(db, EnvelopeSql, find, &rows);
        let mut ids = Vec::new();
        for row in found? {
            let record = Stored::from_row(kind, row);
            ids.push(record.id);
            world.loaded(kind, record.id, Some(record));
        }
        world.loaded_needs(kind, needs, &ids);
    }
    Ok(())
}

fn type_of(value: &Value) -> Type {
    match value {
        Value::Id(_) => Type::Id,
        Value::Text(_) => Type::Text,
        Value::Int(_) => Type::Int,
        Value::At(_) => Type::At,
    }
}
