//! Sessions of users: one login and its refreshes. A refresh token is replaced when it is used; one that is used
//! again later was stolen or copied, so its whole session ends. Two tabs that refresh at the same moment are no theft.
//! A used token is kept for a week: so the tokens of a session do not grow without end.

use super::audit::{self, By};
use super::secrets;
use super::writer::WriteTx;
use crate::db::schema::{accounts as a, refresh_tokens as r, sessions as s};
use crate::db::{At, Db, DbError, Id, Verbs};
use crate::on;
use cell_records_types::Timestamp;
use cell_records_types::accounts::Session;
use diesel::{BoolExpressionMethods, ExpressionMethods, JoinOnDsl, QueryDsl};
use serde_json::json;
use uuid::Uuid;

/// A session that is not refreshed for so long ends, in microseconds: 30 days.
pub const IDLE: i64 = 30 * 86_400 * 1_000_000;

/// For so long after its first use a refresh token still renews its session, in microseconds: 30 seconds.
pub const REPEAT: i64 = 30 * 1_000_000;

/// So often it does so in all: its first use and three repeats. Each makes a further token.
pub const MOST_USES: i64 = 4;

/// A used refresh token is kept for so long, in microseconds, so that its use ends the session: 7 days. Later it is unknown.
pub const USED_KEPT: i64 = 7 * 86_400 * 1_000_000;

/// A session with the refresh token that renews it next.
pub struct Renewed {
    /// The account.
    pub account: Uuid,
    /// The session.
    pub session: Uuid,
    /// `crr_…`, known to its holder only.
    pub refresh_token: String,
}

fn no_random(_: aws_lc_rs::error::Unspecified) -> DbError {
    DbError::RollbackTransaction
}

fn end_of(now: Timestamp) -> At {
    At(now.micros() + IDLE)
}

async fn add_token(tx: &mut WriteTx<'_>, session: Uuid) -> Result<String, DbError> {
    let secret = secrets::generate(secrets::REFRESH).map_err(no_random)?;
    let row = (r::digest.eq(secrets::digest(secret.as_bytes())), r::session_id.eq(Id(session)));
    on!(&mut tx.db(), c => diesel::insert_into(r::table).values(row).run(c))?;
    Ok(secret)
}

/// Opens a session for an account, and clears away the account's sessions that are over.
///
/// # Errors
/// When the database fails.
pub async fn open(tx: &mut WriteTx<'_>, by: &By, account: Uuid, unit: Uuid) -> Result<Renewed, DbError> {
    let now = At::from(tx.now);
    let over = s::table
        .filter(s::account_id.eq(Id(account)))
        .filter(s::ended_at.is_not_null().or(s::expires_at.le(now)))
        .select(s::id);
    on!(&mut tx.db(), c => diesel::delete(r::table).filter(r::session_id.eq_any(over)).run(c))?;
    let over = diesel::delete(s::table)
        .filter(s::account_id.eq(Id(account)))
        .filter(s::ended_at.is_not_null().or(s::expires_at.le(now)));
    on!(&mut tx.db(), c => over.run(c))?;
    let session = Uuid::now_v7();
    let row =
        (s::id.eq(Id(session)), s::account_id.eq(Id(account)), s::created_at.eq(now), s::expires_at.eq(end_of(tx.now)));
    on!(&mut tx.db(), c => diesel::insert_into(s::table).values(row).run(c))?;
    let refresh_token = add_token(tx, session).await?;
    let by = By { actor: Some(account), ..by.clone() };
    audit::record(tx, &by, "login", Some(session), unit, json!({})).await?;
    Ok(Renewed { account, session, refresh_token })
}

/// A refresh token as it is found.
struct FoundToken {
    used: Option<Timestamp>,
    uses: i64,
    live: bool,
    session: Uuid,
    account: Uuid,
    unit: Uuid,
}

type FoundTokenRow = ((Option<At>, i64), (Id, At, Option<At>), (Id, Id, i64));

async fn find(db: &mut Db<'_>, secret: &str, now: Timestamp) -> Result<Option<FoundToken>, DbError> {
    if !secrets::is_well_formed(secret, secrets::REFRESH) {
        return Ok(None);
    }
    let columns = ((r::used_at, r::uses), (s::id, s::expires_at, s::ended_at), (a::id, a::unit_id, a::disabled));
    let query = r::table
        .inner_join(s::table.on(s::id.eq(r::session_id)))
        .inner_join(a::table.on(a::id.eq(s::account_id)))
        .filter(r::digest.eq(secrets::digest(secret.as_bytes())))
        .select(columns);
    let row: Option<FoundTokenRow> = on!(db, c => query.first_row(c))?;
    Ok(row.map(|((used, uses), (session, expires, ended), (account, unit, disabled))| FoundToken {
        used: used.map(Into::into),
        uses,
        live: ended.is_none() && Timestamp::from(expires) > now && disabled == 0,
        session: session.0,
        account: account.0,
        unit: unit.0,
    }))
}

impl FoundToken {
    /// Whether its use says that two clients hold it.
    fn is_late(&self, now: Timestamp) -> bool {
        self.used.is_some_and(|first| now.micros() - first.micros() > REPEAT)
    }

    /// Whether its use does anything: it renews the session, or ends it.
    fn does_something(&self, now: Timestamp) -> bool {
        self.live && (self.uses < MOST_USES || self.is_late(now))
    }
}

/// Whether a refresh token does anything, so that a write is begun for it: it renews its session or ends it.
///
/// # Errors
/// When the database fails.
pub async fn does_something(db: &mut Db<'_>, secret: &str, now: Timestamp) -> Result<bool, DbError> {
    Ok(find(db, secret, now).await?.is_some_and(|found| found.does_something(now)))
}

/// Whether a refresh token was issued in a session that is live, so that a write is begun to end it.
///
/// # Errors
/// When the database fails.
pub async fn is_live(db: &mut Db<'_>, secret: &str, now: Timestamp) -> Result<bool, DbError> {
    Ok(find(db, secret, now).await?.is_some_and(|found| found.live))
}

/// Renews a session; nothing when the token is not valid any more. Three more uses within 30 seconds of the first renew
/// it too, a later one ends it.
///
/// # Errors
/// When the database fails.
pub async fn renew(tx: &mut WriteTx<'_>, by: &By, secret: &str) -> Result<Option<Renewed>, DbError> {
    let now = tx.now;
    let Some(found) = find(&mut tx.db(), secret, now).await? else { return Ok(None) };
    if !found.does_something(now) {
        return Ok(None);
    }
    if found.is_late(now) {
        end(tx, found.session).await?;
        audit::record(tx, by, "refresh_reused", Some(found.session), found.unit, json!({"account": found.account}))
            .await?;
        return Ok(None);
    }
    // The 30 seconds count from the first use, however often it is repeated.
    let first_use = At::from(found.used.unwrap_or(now));
    let used = diesel::update(r::table)
        .filter(r::digest.eq(secrets::digest(secret.as_bytes())))
        .set((r::used_at.eq(Some(first_use)), r::uses.eq(found.uses + 1)));
    on!(&mut tx.db(), c => used.run(c))?;
    let old = diesel::delete(r::table)
        .filter(r::session_id.eq(Id(found.session)))
        .filter(r::used_at.lt(At(now.micros() - USED_KEPT)));
    on!(&mut tx.db(), c => old.run(c))?;
    let longer = diesel::update(s::table).filter(s::id.eq(Id(found.session))).set(s::expires_at.eq(end_of(now)));
    on!(&mut tx.db(), c => longer.run(c))?;
    let refresh_token = add_token(tx, found.session).await?;
    Ok(Some(Renewed { account: found.account, session: found.session, refresh_token }))
}

/// Ends the session of a refresh token, used or not.
///
/// # Errors
/// When the database fails.
pub async fn log_out(tx: &mut WriteTx<'_>, by: &By, secret: &str) -> Result<(), DbError> {
    let now = tx.now;
    let Some(found) = find(&mut tx.db(), secret, now).await? else { return Ok(()) };
    if found.live {
        end(tx, found.session).await?;
        let by = By { actor: Some(found.account), ..by.clone() };
        audit::record(tx, &by, "logout", Some(found.session), found.unit, json!({})).await?;
    }
    Ok(())
}

/// Ends a session of an account; `false` when the account has no such live session.
///
/// # Errors
/// When the database fails.
pub async fn end_one(
    tx: &mut WriteTx<'_>,
    by: &By,
    action: &str,
    account: Uuid,
    unit: Uuid,
    session: Uuid,
) -> Result<bool, DbError> {
    let now = tx.now;
    if !list(&mut tx.db(), account, now).await?.iter().any(|one| one.id == session) {
        return Ok(false);
    }
    end(tx, session).await?;
    audit::record(tx, by, action, Some(session), unit, json!({"account": account})).await?;
    Ok(true)
}

/// Ends all sessions of an account, and writes it down.
///
/// # Errors
/// When the database fails.
pub async fn end_every(tx: &mut WriteTx<'_>, by: &By, account: Uuid, unit: Uuid) -> Result<(), DbError> {
    end_all(tx, account, None).await?;
    audit::record(tx, by, "sessions_ended", Some(account), unit, json!({})).await
}

/// Ends all sessions of an account but one.
///
/// # Errors
/// When the database fails.
pub async fn end_all(tx: &mut WriteTx<'_>, account: Uuid, but: Option<Uuid>) -> Result<(), DbError> {
    let now = tx.now;
    for session in list(&mut tx.db(), account, now).await? {
        if Some(session.id) != but {
            end(tx, session.id).await?;
        }
    }
    Ok(())
}

async fn end(tx: &mut WriteTx<'_>, session: Uuid) -> Result<(), DbError> {
    let ended = diesel::update(s::table).filter(s::id.eq(Id(session))).set(s::ended_at.eq(Some(At::from(tx.now))));
    on!(&mut tx.db(), c => ended.run(c))?;
    tx.rights_changed();
    Ok(())
}

/// The live sessions of an account, the latest first.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &mut Db<'_>, account: Uuid, now: Timestamp) -> Result<Vec<Session>, DbError> {
    let query = s::table
        .filter(s::account_id.eq(Id(account)))
        .filter(s::ended_at.is_null())
        .filter(s::expires_at.gt(At::from(now)))
        .order(s::id.desc())
        .select((s::id, s::created_at, s::expires_at));
    let rows: Vec<(Id, At, At)> = on!(db, c => query.all(c))?;
    let session = |(id, created, expires): (Id, At, At)| Session {
        id: id.0,
        created_at: created.into(),
        expires_at: expires.into(),
        current: false,
    };
    Ok(rows.into_iter().map(session).collect())
}
