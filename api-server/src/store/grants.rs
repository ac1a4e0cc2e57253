//! The grants of accounts in the database. What is changed is changed inside the writer, and audited there.

use super::accounts::Account;
use super::audit::{self, By};
use super::policy;
use super::registry::{KINDS, Kind};
use super::scope::Grant;
use super::tree::ROOT;
use super::writer::WriteTx;
use crate::db::schema::grants as g;
use crate::db::{At, Db, DbError, Guid, Id, Instant, Sql, Verbs};
use crate::on;
use cell_records_types::accounts::{CallerKind, Role, UnitGrant};
use cell_records_types::{Class, Timestamp};
use diesel::sql_types::{Nullable, Text};
use diesel::{ExpressionMethods, JoinOnDsl, QueryDsl};
use serde_json::json;
use std::collections::BTreeSet;
use uuid::Uuid;

/// What a new grant is made of.
pub struct NewGrant {
    /// The role.
    pub role: Role,
    /// The unit whose subtree it covers.
    pub unit: Uuid,
    /// Since when; nothing: at once.
    pub from: Option<Timestamp>,
    /// Until when; nothing: forever.
    pub until: Option<Timestamp>,
    /// Sensitive fields that it adds: `type.field`.
    pub fields: Vec<String>,
}

impl NewGrant {
    /// A role over a unit, from now on forever.
    pub fn of(role: Role, unit: Uuid) -> Self {
        NewGrant { role, unit, from: None, until: None, fields: Vec::new() }
    }
}

/// The fields that a grant may add, as it names them: `type.field`.
pub fn sensitive_fields() -> Vec<String> {
    let of_kind = |kind: &'static Kind| {
        let sensitive = kind.fields.iter().filter(|field| field.class == Class::Sensitive);
        sensitive.map(|field| format!("{}.{}", kind.name, field.name))
    };
    KINDS.iter().flat_map(of_kind).collect()
}

/// Whether a grant may add this field.
pub fn is_sensitive(field: &str) -> bool {
    sensitive_fields().iter().any(|one| one == field)
}

/// Whether a grant shows personal data: its role reads some, or fields are named in it.
fn shows_people(role: &Role, fields: &[String]) -> bool {
    let reads = |kind: &Kind| policy::rights(role, kind.name).is_some_and(|rights| rights.reads >= Class::Personal);
    !fields.is_empty() || KINDS.iter().any(reads)
}

/// Whether two grants must not be held at the same time: one of them administers, the other shows personal data.
fn conflict(one: &Grant, other: &Grant) -> bool {
    let begins_before_the_end = |a: &Grant, b: &Grant| b.until.is_none_or(|until| a.from < until);
    let together = begins_before_the_end(one, other) && begins_before_the_end(other, one);
    let clash = |a: &Grant, b: &Grant| a.role == Role::Administrator && shows_people(&b.role, &b.fields);
    together && (clash(one, other) || clash(other, one))
}

/// What became of a grant that was to be given.
pub enum Added {
    /// It is given.
    New(Grant),
    /// The account holds it already.
    Held(Grant),
    /// The account would hold `administrator` together with what shows personal data.
    Conflict,
}

/// Whether a grant gives just what a new one would. One that holds already is not older for being given again.
fn is_same(held: &Grant, new: &NewGrant, now: Timestamp) -> bool {
    let set = |fields: &[String]| -> BTreeSet<String> { fields.iter().cloned().collect() };
    let begins = new.from.map_or(held.from <= now, |from| held.from == from);
    begins
        && (&held.role, held.unit, held.until) == (&new.role, new.unit, new.until)
        && set(&held.fields) == set(&new.fields)
}

/// Gives an account a grant, unless it holds it already.
///
/// # Errors
/// When the database fails.
pub async fn add(tx: &mut WriteTx<'_>, by: &By, account: &Account, new: NewGrant) -> Result<Added, DbError> {
    let held = list(&mut tx.db(), account.id).await?;
    if let Some(same) = held.iter().find(|one| is_same(one, &new, tx.now)) {
        return Ok(Added::Held(same.clone()));
    }
    let grant = Grant {
        id: Uuid::now_v7(),
        role: new.role,
        unit: new.unit,
        from: new.from.unwrap_or(tx.now),
        until: new.until,
        fields: new.fields,
    };
    if held.iter().chain([&grant]).any(|one| conflict(one, &grant)) {
        return Ok(Added::Conflict);
    }
    let row = (
        g::id.eq(Id(grant.id)),
        g::account_id.eq(Id(account.id)),
        g::role.eq(grant.role.code()),
        g::unit_id.eq(Id(grant.unit)),
        g::from_at.eq(At::from(grant.from)),
        g::until_at.eq(grant.until.map(At::from)),
        g::fields.eq(serde_json::to_string(&grant.fields).unwrap_or_default()),
    );
    on!(&mut tx.db(), c => diesel::insert_into(g::table).values(row).run(c))?;
    tx.rights_changed();
    audit_grant(tx, by, "grant_added", account, &grant).await?;
    Ok(Added::New(grant))
}

/// Removes a grant; `false` when the account has none of this id.
///
/// # Errors
/// When the database fails.
pub async fn remove(tx: &mut WriteTx<'_>, by: &By, account: &Account, id: Uuid) -> Result<bool, DbError> {
    let held = list(&mut tx.db(), account.id).await?;
    let Some(grant) = held.into_iter().find(|grant| grant.id == id) else { return Ok(false) };
    let gone = diesel::delete(g::table).filter(g::id.eq(Id(id)));
    on!(&mut tx.db(), c => gone.run(c))?;
    tx.rights_changed();
    audit_grant(tx, by, "grant_removed", account, &grant).await?;
    Ok(true)
}

/// An event of the grant's unit: its auditors read who may do what there.
async fn audit_grant(
    tx: &mut WriteTx<'_>,
    by: &By,
    action: &str,
    account: &Account,
    grant: &Grant,
) -> Result<(), DbError> {
    let detail = json!({
        "account": account.id, "name": account.name, "role": grant.role, "unit_id": grant.unit, "from": grant.from,
        "until": grant.until, "fields": grant.fields,
    });
    audit::record(tx, by, action, Some(grant.id), grant.unit, detail).await
}

/// The users who administer the root permanently and are not disabled, each with the grant that says so.
async fn root_administrators(db: &mut Db<'_>, now: Timestamp) -> Result<Vec<(Id, Id)>, DbError> {
    use crate::db::schema::accounts as a;
    let query = g::table
        .inner_join(a::table.on(a::id.eq(g::account_id)))
        .filter(a::kind.eq(CallerKind::User.code()))
        .filter(a::disabled.eq(0))
        .filter(g::role.eq(Role::Administrator.code()))
        .filter(g::unit_id.eq(Id(ROOT)))
        .filter(g::from_at.le(At::from(now)))
        .filter(g::until_at.is_null())
        .select((a::id, g::id));
    on!(db, c => query.all(c))
}

/// Whether an account is the last user who administers the root permanently.
///
/// # Errors
/// When the database fails.
pub async fn is_last_administrator(db: &mut Db<'_>, account: Uuid, now: Timestamp) -> Result<bool, DbError> {
    let held = root_administrators(db, now).await?;
    Ok(!held.is_empty() && !held.iter().any(|(holder, _)| holder.0 != account))
}

/// Whether a grant is the last by which a user administers the root permanently.
///
/// # Errors
/// When the database fails.
pub async fn is_last_administration(db: &mut Db<'_>, grant: Uuid, now: Timestamp) -> Result<bool, DbError> {
    let held = root_administrators(db, now).await?;
    Ok(!held.is_empty() && !held.iter().any(|(_, one)| one.0 != grant))
}

type GrantRow = (Id, String, Id, At, Option<At>, String);

/// A grant from its row; nothing for a role that this program does not know.
fn grant((id, role, unit, from, until, fields): GrantRow) -> Option<Grant> {
    Some(Grant {
        id: id.0,
        role: Role::from_code(&role)?,
        unit: unit.0,
        from: from.into(),
        until: until.map(Into::into),
        fields: serde_json::from_str(&fields).unwrap_or_default(),
    })
}

type CoveringSql = (Guid, Text, Guid, Instant, Nullable<Instant>, Text, Guid, Text, Text, Text);
type CoveringRow = (Id, String, Id, At, Option<At>, String, Id, String, String, String);

/// The grants that cover a unit, now or later, of accounts that are not disabled; by id, after an id.
///
/// # Errors
/// When the database fails.
pub async fn covering(
    db: &mut Db<'_>,
    unit: Uuid,
    now: Timestamp,
    after: Uuid,
    limit: i64,
) -> Result<Vec<UnitGrant>, DbError> {
    let sql = Sql::<CoveringSql>::new(
        "SELECT g.id, g.role, g.unit_id, g.from_at, g.until_at, g.fields, a.id, a.kind, a.name, a.display_name \
         FROM grants g JOIN accounts a ON a.id = g.account_id WHERE a.disabled = 0 AND (g.until_at IS NULL OR g.until_at > ",
    )
    .bind(At::from(now))
    .text(") AND g.unit_id IN (SELECT ancestor_id FROM unit_ancestors WHERE unit_id = ")
    .bind(unit)
    .text(") AND g.id > ")
    .bind(after)
    .text(" ORDER BY g.id LIMIT ")
    .bind(limit);
    let rows: Vec<CoveringRow> = on!(db, c => sql.all(c))?;
    let grants = rows.into_iter().filter_map(|(id, role, unit, from, until, fields, account, kind, name, shown)| {
        let Grant { id, role, unit, from, until, fields } = grant((id, role, unit, from, until, fields))?;
        Some(UnitGrant {
            id,
            account_id: account.0,
            account_kind: CallerKind::from_code(&kind)?,
            account_name: name,
            display_name: shown,
            role,
            unit_id: unit,
            from,
            until,
            fields,
        })
    });
    Ok(grants.collect())
}

/// All grants of an account, also those that do not hold now, whether it is disabled or not.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &mut Db<'_>, account: Uuid) -> Result<Vec<Grant>, DbError> {
    read(db, account, "").await
}

/// The grants of an account, none where it is disabled.
///
/// # Errors
/// When the database fails.
pub async fn usable(db: &mut Db<'_>, account: Uuid) -> Result<Vec<Grant>, DbError> {
    read(db, account, " AND a.disabled = 0").await
}

async fn read(db: &mut Db<'_>, account: Uuid, and: &'static str) -> Result<Vec<Grant>, DbError> {
    let sql = Sql::<(Guid, Text, Guid, Instant, Nullable<Instant>, Text)>::new(
        "SELECT g.id, g.role, g.unit_id, g.from_at, g.until_at, g.fields FROM grants g \
         JOIN accounts a ON a.id = g.account_id WHERE g.account_id = ",
    )
    .bind(account)
    .text(and)
    .text(" ORDER BY g.id");
    let rows: Vec<GrantRow> = on!(db, c => sql.all(c))?;
    Ok(rows.into_iter().filter_map(grant).collect())
}
