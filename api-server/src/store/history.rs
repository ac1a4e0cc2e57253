//! The log of one record: its versions, and the record as it was at a time. A version is filtered by
//! the rights in the unit that the record belonged to then, so a new cell does not read what the old one wrote.

use super::load::find_records;
use super::record::{CutBody, Envelope, Stored};
use super::registry::Kind;
use super::scope::Scope;
use crate::db::{At, Column, Db, DbError, Find, Guid, Id, Instant, Sql, Type, Value, Verbs};
use crate::{find, on};
use cell_records_types::{Class, Timestamp};
use diesel::sql_types::{BigInt, Nullable, Text};
use std::collections::HashMap;
use uuid::Uuid;

/// One version of a record.
#[derive(Debug, Clone)]
pub struct Version {
    /// Its row of the log.
    pub seq: i64,
    /// What was done.
    pub op: String,
    /// The account that did it; nothing: the local operator.
    pub actor: Option<Uuid>,
    /// The request that did it.
    pub request_id: Option<String>,
    /// The record as it made it. After a deletion: without a body.
    pub record: Stored,
}

type Half = (BigInt, Text, BigInt, Guid, Nullable<Text>, Nullable<Guid>, Nullable<Text>, Instant);
type Bodies = (Text, Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Text>);
type HalfRow = (i64, String, i64, Id, Option<String>, Option<Id>, Option<String>, At);
type BodiesRow = (String, Option<String>, Option<String>, Option<String>, Option<String>);

const COLUMNS: &str = "seq, op, version, unit_after, origin, actor, request_id, at, external_ids, public_body, \
     internal_body, personal_body, sensitive_body";

/// Versions of a record, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn versions(
    db: &mut Db<'_>,
    record: &Stored,
    below: Option<i64>,
    limit: i64,
) -> Result<Vec<Version>, DbError> {
    let mut sql = select(record);
    if let Some(below) = below {
        sql.push(" AND seq < ");
        sql.push_bind(below);
    }
    read(db, record, sql, limit).await
}

/// Single versions of records, each by type, id and version; those that are not in the log are left out. A record that
/// the scope sees no more is returned without its body, in the unit where it is now.
///
/// # Errors
/// When the database fails.
pub async fn single(
    db: &mut Db<'_>,
    scope: &Scope,
    wanted: &[(&'static Kind, Uuid, i64)],
) -> Result<Vec<Stored>, DbError> {
    const KEYS: [Column; 3] =
        [Column::new("record_id", Type::Id), Column::new("type", Type::Text), Column::new("version", Type::Int)];
    let mut kinds: Vec<&'static Kind> = wanted.iter().map(|(kind, ..)| *kind).collect();
    kinds.sort_unstable_by_key(|kind| kind.order);
    kinds.dedup_by_key(|kind| kind.order);
    let mut all = Vec::with_capacity(wanted.len());
    for kind in kinds {
        let of_kind = || wanted.iter().filter(|(one, ..)| one.order == kind.order);
        let ids: Vec<Uuid> = of_kind().map(|(_, id, _)| *id).collect();
        let current = find_records(db, kind, &ids, Class::Public).await?;
        let current: HashMap<Uuid, Stored> = current.into_iter().map(|record| (record.id, record)).collect();
        let rows: Vec<Vec<Value>> =
            of_kind().map(|(_, id, version)| vec![(*id).into(), kind.name.into(), (*version).into()]).collect();
        let select = format!("SELECT {COLUMNS}, record_id FROM changes");
        let find = Find { select: &select, keys: &KEYS, tail: "" };
        let found: Result<Vec<(HalfRow, BodiesRow, Id)>, DbError> = find!(db, (Half, Bodies, Guid), find, &rows);
        let versions = found?.into_iter().filter_map(|(half, bodies, id)| {
            let current = current.get(&id.0)?;
            let record = version(current, (half, bodies)).record;
            let seen = scope.reads(kind, current.unit_id).is_some();
            Some(if seen { record } else { withheld(&record, current.unit_id) })
        });
        all.extend(versions);
    }
    Ok(all)
}

/// The record without its body, in another unit.
fn withheld(record: &Stored, unit_id: Uuid) -> Stored {
    Stored::new(record.kind, Envelope { unit_id, ..Envelope::clone(record) }, CutBody::default())
}

/// The version that was current at a time; nothing before the first.
///
/// # Errors
/// When the database fails.
pub async fn at(db: &mut Db<'_>, record: &Stored, at: Timestamp) -> Result<Option<Version>, DbError> {
    let mut sql = select(record);
    sql.push(" AND at <= ");
    sql.push_bind(At::from(at));
    Ok(read(db, record, sql, 1).await?.pop())
}

fn select(record: &Stored) -> Sql<(Half, Bodies)> {
    Sql::new(format!("SELECT {COLUMNS} FROM changes WHERE record_id = "))
        .bind(record.id)
        .text(" AND type = ")
        .bind(record.kind.name)
}

async fn read(db: &mut Db<'_>, record: &Stored, sql: Sql<(Half, Bodies)>, limit: i64) -> Result<Vec<Version>, DbError> {
    let sql = sql.text(" ORDER BY seq DESC LIMIT ").bind(limit);
    let rows: Vec<(HalfRow, BodiesRow)> = on!(db, c => sql.all(c))?;
    Ok(rows.into_iter().map(|row| version(record, row)).collect())
}

fn version(current: &Stored, (half, bodies): (HalfRow, BodiesRow)) -> Version {
    let (seq, op, version, unit, origin, actor, request_id, at) = half;
    let (external_ids, public, internal, personal, sensitive) = bodies;
    let deleted_at = (op == "delete").then_some(at.into());
    let body = CutBody([public, internal, personal, sensitive].map(Option::unwrap_or_default));
    let envelope = Envelope {
        id: current.id,
        unit_id: unit.0,
        version,
        created_at: current.created_at,
        updated_at: at.into(),
        deleted_at,
        origin,
        external_ids,
    };
    let record = Stored::new(current.kind, envelope, body);
    Version { seq, op, actor: actor.map(|id| id.0), request_id, record }
}

/// Names of the fields that differ between two versions, among those that the scope reads in both.
pub fn changed(scope: &Scope, before: Option<&Stored>, after: &Stored) -> Vec<String> {
    let Some(before) = before.filter(|before| before.is_live() && after.is_live()) else { return Vec::new() };
    let kind: &Kind = after.kind;
    let Some(class) = scope.reads(kind, before.unit_id).min(scope.reads(kind, after.unit_id)) else {
        return Vec::new();
    };
    let (old, new) = (before.body.fields(Class::Sensitive), after.body.fields(Class::Sensitive));
    let named = |unit| scope.named_fields(kind, unit);
    let (named_before, named_after) = (named(before.unit_id), named(after.unit_id));
    let reads = |name: &str, of: Class| of <= class || named_before.contains(&name) && named_after.contains(&name);
    let fields =
        kind.fields.iter().filter(|spec| reads(spec.name, spec.class) && old.0.get(spec.name) != new.0.get(spec.name));
    let mut names: Vec<String> = fields.map(|spec| spec.name.to_owned()).collect();
    if before.unit_id != after.unit_id {
        names.push("unit_id".into());
    }
    if kind.class <= class && before.external_ids != after.external_ids {
        names.push("external_ids".into());
    }
    names
}
