//! The grants of accounts in the database. What is changed is changed inside the writer, and audited there.

use super::accounts::Account;
use super::audit::{self, By};
use super::scope::Grant;
use super::writer::WriteTx;
use crate::db::schema::grants as g;
use crate::db::{At, Db, DbError, Id, Verbs};
use crate::on;
use cell_records_types::Timestamp;
use cell_records_types::accounts::Role;
use diesel::{ExpressionMethods, QueryDsl};
use serde_json::json;
use uuid::Uuid;

/// What a new grant is made of.
pub struct NewGrant {
    /// The role.
    pub role: Role,
    /// The unit whose subtree it covers.
    pub unit: Uuid,
    /// Since when; nothing: at once.
    pub from: Option<Timestamp>,
    /// Until when; nothing: for ever.
    pub until: Option<Timestamp>,
    /// Sensitive fields that it adds: `type.field`.
    pub fields: Vec<String>,
}

impl NewGrant {
    /// A role over a unit, from now on for ever.
    pub fn of(role: Role, unit: Uuid) -> Self {
        NewGrant { role, unit, from: None, until: None, fields: Vec::new() }
    }
}

/// Gives an account a grant.
///
/// # Errors
/// When the database fails.
pub async fn add(tx: &mut WriteTx<'_>, by: &By, account: &Account, new: NewGrant) -> Result<Grant, DbError> {
    let grant = Grant {
        id: Uuid::now_v7(),
        role: new.role,
        unit: new.unit,
        from: new.from.unwrap_or(tx.now),
        until: new.until,
        fields: new.fields,
    };
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
    let detail = json!({
        "account": account.id, "role": grant.role, "unit_id": grant.unit, "until": grant.until, "fields": grant.fields,
    });
    audit::record(tx, by, "grant_added", Some(grant.id), account.unit, detail).await?;
    Ok(grant)
}

/// Takes a grant away; `false` when the account has none of this id.
///
/// # Errors
/// When the database fails.
pub async fn remove(tx: &mut WriteTx<'_>, by: &By, account: &Account, id: Uuid) -> Result<bool, DbError> {
    let gone = diesel::delete(g::table).filter(g::id.eq(Id(id))).filter(g::account_id.eq(Id(account.id)));
    if on!(&mut tx.db(), c => gone.run(c))? == 0 {
        return Ok(false);
    }
    tx.rights_changed();
    audit::record(tx, by, "grant_removed", Some(id), account.unit, json!({"account": account.id})).await?;
    Ok(true)
}

/// All grants of an account, also those that do not hold now, whether it is shut out or not.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &mut Db<'_>, account: Uuid) -> Result<Vec<Grant>, DbError> {
    let query = g::table.filter(g::account_id.eq(Id(account))).order(g::id).select((
        g::id,
        g::role,
        g::unit_id,
        g::from_at,
        g::until_at,
        g::fields,
    ));
    let rows: Vec<(Id, String, Id, At, Option<At>, String)> = on!(db, c => query.all(c))?;
    let grants = rows.into_iter().filter_map(|(id, role, unit, from, until, fields)| {
        Some(Grant {
            id: id.0,
            role: Role::from_code(&role)?,
            unit: unit.0,
            from: from.into(),
            until: until.map(Into::into),
            fields: serde_json::from_str(&fields).unwrap_or_default(),
        })
    });
    Ok(grants.collect())
}
