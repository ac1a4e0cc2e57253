//! Access tokens of systems in the database. What is changed is changed inside the writer, and audited there.

use super::accounts::Account;
use super::audit::{self, By};
use super::scope::Narrowing;
use super::secrets;
use super::writer::WriteTx;

use crate::db::schema::tokens as t;
use crate::db::{At, Db, DbError, Id, Verbs};
use crate::on;
use cell_records_types::Timestamp;
use cell_records_types::accounts::{IssuedToken, Token};
use diesel::{BoolExpressionMethods, ExpressionMethods, QueryDsl};
use serde_json::json;
use uuid::Uuid;

/// The farthest end of a new token, in microseconds from now: 400 days.
pub const LONGEST: i64 = 400 * 86_400 * 1_000_000;

/// What a new token is made of.
pub struct NewToken {
    /// What it is for.
    pub name: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The grants that it is narrowed to.
    pub narrowing: Narrowing,
    /// The token whose place it takes.
    pub replaces: Option<Uuid>,
}

/// Issues a token. Its secret is in the answer and nowhere else.
///
/// # Errors
/// When the database fails or the machine has no random numbers.
pub async fn issue(tx: &mut WriteTx<'_>, by: &By, system: &Account, new: NewToken) -> Result<IssuedToken, DbError> {
    let secret = secrets::generate(secrets::ACCESS).map_err(|_| DbError::RollbackTransaction)?;
    let id = Uuid::now_v7();
    let row = (
        t::id.eq(Id(id)),
        t::account_id.eq(Id(system.id)),
        t::name.eq(&new.name),
        t::prefix.eq(secrets::prefix(&secret)),
        t::digest.eq(secrets::digest(secret.as_bytes())),
        t::created_at.eq(At::from(tx.now)),
        t::expires_at.eq(At::from(new.expires_at)),
        t::grants.eq(new.narrowing.stored()),
    );
    on!(&mut tx.db(), c => diesel::insert_into(t::table).values(row).run(c))?;
    tx.rights_changed();
    let mut detail =
        json!({"account": system.id, "name": new.name, "expires_at": new.expires_at, "grants": only(&new.narrowing)});
    if let (Some(detail), Some(old)) = (detail.as_object_mut(), new.replaces) {
        detail.insert("replaces".into(), json!(old));
    }
    let action = if new.replaces.is_some() { "token_rotated" } else { "token_issued" };
    audit::record(tx, by, action, Some(id), system.unit, detail).await?;
    Ok(IssuedToken { id, token: secret, expires_at: new.expires_at })
}

/// As the API shows it: nothing for all.
fn only(narrowing: &Narrowing) -> Option<Vec<Uuid>> {
    match narrowing {
        Narrowing::All => None,
        Narrowing::Only(ids) => Some(ids.clone()),
    }
}

type TokenRow = (Id, String, String, At, At, Option<At>, Option<At>, Option<String>);

/// The tokens of a system, the latest first, revoked and ended ones too.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &mut Db<'_>, system: Uuid) -> Result<Vec<Token>, DbError> {
    let query = t::table.filter(t::account_id.eq(Id(system))).order(t::id.desc()).select((
        t::id,
        t::name,
        t::prefix,
        t::created_at,
        t::expires_at,
        t::last_used_at,
        t::revoked_at,
        t::grants,
    ));
    let rows: Vec<TokenRow> = on!(db, c => query.all(c))?;
    let tokens = rows.into_iter().map(|(id, name, prefix, created, expires, used, revoked, grants)| Token {
        id: id.0,
        name,
        prefix,
        created_at: created.into(),
        expires_at: expires.into(),
        last_used_at: used.map(Into::into),
        revoked_at: revoked.map(Into::into),
        grants: only(&Narrowing::read(grants.as_deref())),
    });
    Ok(tokens.collect())
}

/// Revokes a token at once; `false` when the system has none of this id.
///
/// # Errors
/// When the database fails.
pub async fn revoke(tx: &mut WriteTx<'_>, by: &By, system: &Account, id: Uuid) -> Result<bool, DbError> {
    if !end_at(tx, system.id, id, tx.now).await? {
        return Ok(list(&mut tx.db(), system.id).await?.iter().any(|token| token.id == id));
    }
    audit::record(tx, by, "token_revoked", Some(id), system.unit, json!({"account": system.id})).await?;
    Ok(true)
}

/// Ends a token at an instant, unless it ends earlier already.
async fn end_at(tx: &mut WriteTx<'_>, system: Uuid, id: Uuid, at: Timestamp) -> Result<bool, DbError> {
    let at = At::from(at);
    let ended = diesel::update(t::table)
        .filter(t::id.eq(Id(id)))
        .filter(t::account_id.eq(Id(system)))
        .filter(t::revoked_at.is_null().or(t::revoked_at.gt(at)))
        .set(t::revoked_at.eq(Some(at)));
    let ended = on!(&mut tx.db(), c => ended.run(c))? > 0;
    if ended {
        tx.rights_changed();
    }
    Ok(ended)
}

/// Revokes every token of a system at once.
///
/// # Errors
/// When the database fails.
pub async fn revoke_all(tx: &mut WriteTx<'_>, system: Uuid) -> Result<(), DbError> {
    let now = tx.now;
    for token in list(&mut tx.db(), system).await? {
        end_at(tx, system, token.id, now).await?;
    }
    Ok(())
}

/// What became of a rotation.
pub enum Rotated {
    /// The new secret.
    Issued(IssuedToken),
    /// The system has no such token.
    Unknown,
    /// The token is revoked, rotated or over already.
    Over,
}

/// Gives a token's place to a new secret; the old one works until `overlap` microseconds from now.
///
/// # Errors
/// When the database fails or the machine has no random numbers.
pub async fn rotate(
    tx: &mut WriteTx<'_>,
    by: &By,
    system: &Account,
    id: Uuid,
    overlap: i64,
    expires_at: Option<Timestamp>,
) -> Result<Rotated, DbError> {
    let old = list(&mut tx.db(), system.id).await?.into_iter().find(|token| token.id == id);
    let Some(old) = old else { return Ok(Rotated::Unknown) };
    if old.revoked_at.is_some() || old.expires_at <= tx.now {
        return Ok(Rotated::Over);
    }
    let narrowing = old.grants.map_or(Narrowing::All, Narrowing::Only);
    let expires_at = expires_at.unwrap_or(old.expires_at);
    let issued = issue(tx, by, system, NewToken { name: old.name, expires_at, narrowing, replaces: Some(id) }).await?;
    let until = Timestamp::from_micros(tx.now.micros() + overlap);
    end_at(tx, system.id, id, until).await?;
    Ok(Rotated::Issued(issued))
}

/// Writes down when tokens were last used.
///
/// # Errors
/// When the database fails.
pub async fn write_uses(tx: &mut WriteTx<'_>, used: &[(Uuid, Timestamp)]) -> Result<(), DbError> {
    for (token, at) in used {
        let at = At::from(*at);
        let later = t::last_used_at.is_null().or(t::last_used_at.lt(at));
        let row = diesel::update(t::table).filter(t::id.eq(Id(*token))).filter(later).set(t::last_used_at.eq(Some(at)));
        on!(&mut tx.db(), c => row.run(c))?;
    }
    Ok(())
}
