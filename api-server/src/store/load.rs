//! Loading what a set of writes asked for in vain: one statement a type and shape, sent together.

use super::record::{EnvelopeRow, EnvelopeSql, Stored, envelope_columns};
use super::registry::{ChildTable, KINDS, Kind, RecordKey};
use super::write_set::{Count, Counts, ExternalKey, LOOKUP_LIMIT, Lookup, Missing, WriteSet};
use crate::db::{Column, Db, DbError, Find, Guid, Id, Sql, Type, Value, Verbs, engine};
use crate::{find, on};
use cell_records_types::Class;
use diesel::sql_types::{BigInt, Nullable, Text};
use std::collections::BTreeMap;
use uuid::Uuid;

/// One statement's worth of what is missing.
enum Part {
    Records(&'static Kind, Vec<Uuid>),
    External(Vec<ExternalKey>),
    Lookups(&'static Kind, Vec<Lookup>),
    Referrers(Vec<RecordKey>),
    Count(Count),
}

/// What a part found.
enum Found {
    Records(Vec<Stored>),
    External(Vec<(ExternalKey, Uuid)>),
    Referrers(Vec<(RecordKey, RecordKey)>),
    Counts(Counts),
}

/// Loads what is missing and puts it into the set.
///
/// # Errors
/// When the database fails.
pub async fn load(db: &mut Db<'_>, set: &mut WriteSet, missing: Missing) -> Result<(), DbError> {
    let parts = parts(missing);
    let found = engine::all_at_once(db, &parts, async |db, part| fetch(db, part).await).await?;
    for (part, found) in parts.into_iter().zip(found) {
        match (part, found) {
            (Part::Records(kind, ids), Found::Records(records)) => set.put_loaded(kind, ids, records),
            (Part::External(keys), Found::External(holders)) => set.put_holders(keys, holders),
            (Part::Lookups(kind, lookups), Found::Records(records)) => set.put_lookups(kind, lookups, records),
            (Part::Referrers(to), Found::Referrers(referrers)) => set.put_referrers(to, referrers),
            (Part::Count(count), Found::Counts(counts)) => set.put_counts(count, counts),
            _ => return Err(DbError::NotFound),
        }
    }
    Ok(())
}

fn parts(missing: Missing) -> Vec<Part> {
    let mut parts = Vec::new();
    if !missing.external.is_empty() {
        parts.push(Part::External(missing.external.into_iter().collect()));
    }
    let records = missing.records.into_iter();
    parts.extend(records.filter_map(|(order, ids)| Some(Part::Records(Kind::at(order)?, ids.into_iter().collect()))));
    type Shape = (usize, Option<&'static str>, Vec<&'static str>, i64);
    let mut shapes: BTreeMap<Shape, (&'static Kind, Vec<Lookup>)> = BTreeMap::new();
    for lookup in missing.lookups {
        let Some(kind) = Kind::named(lookup.kind) else { continue };
        let columns = lookup.matching.iter().map(|(column, _)| *column).collect();
        shapes.entry((kind.order, lookup.child, columns, lookup.limit)).or_insert((kind, Vec::new())).1.push(lookup);
    }
    parts.extend(shapes.into_values().map(|(kind, lookups)| Part::Lookups(kind, lookups)));
    if !missing.referrers.is_empty() {
        parts.push(Part::Referrers(missing.referrers.into_iter().collect()));
    }
    parts.extend(missing.counts.into_iter().map(Part::Count));
    parts
}

async fn fetch(db: &mut Db<'_>, part: &Part) -> Result<Found, DbError> {
    Ok(match part {
        Part::Records(kind, ids) => Found::Records(find_records(db, kind, ids, Class::Sensitive).await?),
        Part::External(keys) => Found::External(find_external(db, keys).await?),
        Part::Lookups(kind, lookups) => Found::Records(find_matching(db, kind, lookups).await?),
        Part::Referrers(to) => Found::Referrers(find_referrers(db, to).await?),
        Part::Count(count) => Found::Counts(find_counts(db, count).await?),
    })
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
    let rows: Vec<Vec<Value>> = ids.iter().map(|id| vec![(*id).into()]).collect();
    let find = Find { select: kind.select(class), keys: &KEYS, tail: "" };
    let found: Result<Vec<EnvelopeRow>, DbError> = find!(db, EnvelopeSql, find, &rows);
    Ok(found?.into_iter().map(|row| Stored::from_row(kind, row)).collect())
}

/// The live records that look-ups of one shape find.
async fn find_matching(db: &mut Db<'_>, kind: &'static Kind, lookups: &[Lookup]) -> Result<Vec<Stored>, DbError> {
    let Some(first) = lookups.first() else { return Ok(Vec::new()) };
    let columns = envelope_columns(Class::Sensitive, "");
    let (table, limit) = (kind.plural, first.limit);
    let (select, tail) = match first.child.and_then(|table| kind.child_tables.iter().find(|child| child.table == table))
    {
        None => (format!("SELECT {columns} FROM {table}"), format!(" AND deleted_at IS NULL LIMIT {limit}")),
        Some(ChildTable { table: child, owner, .. }) => (
            format!("SELECT {columns} FROM {table} WHERE deleted_at IS NULL AND id IN (SELECT {owner} FROM {child}"),
            format!(") LIMIT {limit}"),
        ),
    };
    let keys: Vec<Column> = first.matching.iter().map(|(column, value)| Column::new(column, type_of(value))).collect();
    let rows: Vec<Vec<Value>> =
        lookups.iter().map(|lookup| lookup.matching.iter().map(|(_, value)| value.clone()).collect()).collect();
    let find = Find { select: &select, keys: &keys, tail: &tail };
    let found: Result<Vec<EnvelopeRow>, DbError> = find!(db, EnvelopeSql, find, &rows);
    Ok(found?.into_iter().map(|row| Stored::from_row(kind, row)).collect())
}

/// Pairs of a record and a live one that points to it.
async fn find_referrers(db: &mut Db<'_>, to: &[RecordKey]) -> Result<Vec<(RecordKey, RecordKey)>, DbError> {
    const KEYS: [Column; 2] = [Column::new("to_type", Type::Text), Column::new("to_id", Type::Id)];
    let tail = format!(" LIMIT {LOOKUP_LIMIT}");
    let select = "SELECT to_type, to_id, from_type, from_id FROM record_links";
    let find = Find { select, keys: &KEYS, tail: &tail };
    let key = |(order, id): &RecordKey| Kind::at(*order).map(|kind| vec![kind.name.into(), (*id).into()]);
    let rows: Vec<Vec<Value>> = to.iter().filter_map(key).collect();
    type Row = (String, Id, String, Id);
    let found: Result<Vec<Row>, DbError> = find!(db, (Text, Guid, Text, Guid), find, &rows);
    let pair = |(to_type, to, from_type, from): Row| {
        Some(((Kind::named(&to_type)?.order, to.0), (Kind::named(&from_type)?.order, from.0)))
    };
    Ok(found?.into_iter().filter_map(pair).collect())
}

async fn find_counts(db: &mut Db<'_>, count: &Count) -> Result<Counts, DbError> {
    let Some(kind) = Kind::named(count.kind) else { return Ok(Counts::new()) };
    let (column, value) = &count.matching;
    let (by, tail) = match count.by {
        Some(by) => (by, format!(" GROUP BY {by}")),
        None => ("NULL", String::new()),
    };
    let select =
        format!("SELECT CAST({by} AS text), count(*) FROM {} WHERE deleted_at IS NULL AND {column} = ", kind.plural);
    let sql = Sql::<(Nullable<Text>, BigInt)>::new(select).bind(value.clone()).text(tail);
    let rows: Vec<(Option<String>, i64)> = on!(db, c => sql.all(c))?;
    Ok(rows.into_iter().collect())
}

/// Most records that are looked up where they prevent a delete.
const IN_THE_WAY: i64 = 20;

/// Some of the live records that point to a record, or belong to it as their unit.
///
/// # Errors
/// When the database fails.
pub async fn find_pointing(
    db: &mut Db<'_>,
    kind: &'static Kind,
    id: Uuid,
) -> Result<Vec<(&'static Kind, Uuid)>, DbError> {
    let sql = Sql::<(Text, Guid)>::new("SELECT from_type, from_id FROM record_links WHERE to_type = ")
        .bind(kind.name)
        .text(" AND to_id = ")
        .bind(id)
        .text(" ORDER BY from_id LIMIT ")
        .bind(IN_THE_WAY);
    let rows: Vec<(String, Id)> = on!(db, c => sql.all(c))?;
    let mut found: Vec<(&'static Kind, Uuid)> =
        rows.into_iter().filter_map(|(kind, id)| Some((Kind::named(&kind)?, id.0))).collect();
    if kind.name == super::registry::UNIT.name {
        for kind in &KINDS {
            let select = format!("SELECT id FROM {} WHERE deleted_at IS NULL AND unit_id = ", kind.plural);
            let sql = Sql::<Guid>::new(select).bind(id).text(" AND id <> ").bind(id).text(" LIMIT ").bind(IN_THE_WAY);
            let rows: Vec<Id> = on!(db, c => sql.all(c))?;
            found.extend(rows.into_iter().map(|id| (kind, id.0)));
        }
    }
    Ok(found)
}

fn type_of(value: &Value) -> Type {
    match value {
        Value::Id(_) => Type::Id,
        Value::Text(_) => Type::Text,
        Value::Int(_) => Type::Int,
        Value::At(_) => Type::At,
    }
}
