//! Who holds a session or an access token, as the database says: asked when a request is let in, and once more inside
//! every write, for either may have ended in between.

use super::grants;
use super::items::Caller;
use super::scope::{Actor, Grant, Narrowing, Scope};
use super::tree::Tree;
use crate::db::schema::{accounts as a, sessions as s, tokens as t};
use crate::db::{At, Db, DbError, Id, Verbs};
use crate::on;
use cell_records_types::Timestamp;
use cell_records_types::accounts::CallerKind;
use diesel::{ExpressionMethods, JoinOnDsl, QueryDsl};
use std::sync::Arc;
use uuid::Uuid;

/// Who holds a session or a token, both alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The account.
    pub account: Uuid,
    /// A person or a program.
    pub kind: CallerKind,
    /// Username, or the system's code.
    pub name: String,
    /// Name shown to others.
    pub display_name: String,
    /// The unit that the account belongs to.
    pub unit: Uuid,
    /// The session of a user, or the token of a system.
    pub session: Uuid,
    /// Which of the account's grants it may use.
    pub narrowing: Narrowing,
    /// When the session or token ends.
    pub expires: Timestamp,
    /// When the access token of a system ends, also where it was exchanged for one that ends sooner.
    pub token_expires: Option<Timestamp>,
}

impl Identity {
    /// What it is held by.
    pub fn credential(&self) -> Credential {
        match self.kind {
            CallerKind::User => Credential::Session(self.session),
            // An identity is of one of the two: both ways in name its kind.
            CallerKind::System | CallerKind::Unknown(_) => Credential::Token(self.session),
        }
    }
}

/// What a caller proves itself with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Credential {
    /// The session of a user.
    Session(Uuid),
    /// The token of a system.
    Token(Uuid),
}

/// How a system's token is found.
#[derive(Debug, Clone, Copy)]
pub enum TokenKey<'a> {
    /// By the digest of its secret.
    Digest(&'a str),
    /// By its id, from a JWT that was exchanged for it.
    Id(Uuid),
}

type AccountRow = (Id, String, String, Id, i64);
type TokenRow = (Id, At, Option<At>, Option<String>, AccountRow);

/// The holder of a live token: not revoked, not over, its system not disabled.
///
/// # Errors
/// When the database fails.
pub async fn by_token(db: &mut Db<'_>, key: TokenKey<'_>, now: Timestamp) -> Result<Option<Identity>, DbError> {
    let columns =
        (t::id, t::expires_at, t::revoked_at, t::grants, (a::id, a::name, a::display_name, a::unit_id, a::disabled));
    let row: Option<TokenRow> = match key {
        TokenKey::Digest(digest) => {
            on!(db, c => t::table.inner_join(a::table.on(a::id.eq(t::account_id))).filter(t::digest.eq(digest)).select(columns).first_row(c))?
        }
        TokenKey::Id(id) => {
            on!(db, c => t::table.inner_join(a::table.on(a::id.eq(t::account_id))).filter(t::id.eq(Id(id))).select(columns).first_row(c))?
        }
    };
    let Some((id, expires, revoked, only, (account, name, display_name, unit, disabled))) = row else {
        return Ok(None);
    };
    // A rotation ends the old secret by a time to come.
    let expires: Timestamp = expires.into();
    let expires = revoked.map_or(expires, |at| expires.min(at.into()));
    Ok((expires > now && disabled == 0).then(|| Identity {
        account: account.0,
        kind: CallerKind::System,
        name,
        display_name,
        unit: unit.0,
        session: id.0,
        narrowing: Narrowing::read(only.as_deref()),
        expires,
        token_expires: Some(expires),
    }))
}

/// The holder of a live session: not ended, not over, its user not disabled.
///
/// # Errors
/// When the database fails.
pub async fn by_session(db: &mut Db<'_>, session: Uuid, now: Timestamp) -> Result<Option<Identity>, DbError> {
    let columns = (s::id, s::expires_at, s::ended_at, (a::id, a::name, a::display_name, a::unit_id, a::disabled));
    let row: Option<(Id, At, Option<At>, AccountRow)> = on!(db, c => s::table.inner_join(a::table.on(a::id.eq(s::account_id))).filter(s::id.eq(Id(session))).select(columns).first_row(c))?;
    let Some((id, expires, ended, (account, name, display_name, unit, disabled))) = row else { return Ok(None) };
    let expires: Timestamp = expires.into();
    Ok((ended.is_none() && expires > now && disabled == 0).then_some(Identity {
        account: account.0,
        kind: CallerKind::User,
        name,
        display_name,
        unit: unit.0,
        session: id.0,
        narrowing: Narrowing::All,
        expires,
        token_expires: None,
    }))
}

/// What the holder of a credential may do, as it was read inside a write.
#[derive(Debug, Clone)]
pub struct Holder {
    account: Uuid,
    grants: Arc<Vec<Grant>>,
    narrowing: Narrowing,
    expires: Timestamp,
}

impl Holder {
    /// Reads it; nothing when the credential is no longer good.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(db: &mut Db<'_>, credential: Credential, now: Timestamp) -> Result<Option<Self>, DbError> {
        let identity = match credential {
            Credential::Session(id) => by_session(db, id, now).await?,
            Credential::Token(id) => by_token(db, TokenKey::Id(id), now).await?,
        };
        let Some(Identity { account, narrowing, expires, .. }) = identity else { return Ok(None) };
        let grants = Arc::new(grants::usable(db, account).await?);
        Ok(Some(Holder { account, grants, narrowing, expires }))
    }

    /// Whether the credential is still good at an instant.
    pub fn is_good(&self, now: Timestamp) -> bool {
        now < self.expires
    }

    /// The scope of a caller who came with the credential; nothing when it is not the caller's.
    pub fn scope(&self, actor: &Actor, now: Timestamp, tree: &Arc<Tree>) -> Option<Scope> {
        let own = matches!(actor, Actor::Account(id, _) if *id == self.account);
        own.then(|| Scope::new(actor.clone(), &self.grants, &self.narrowing, now, tree.clone()))
    }
}

/// A caller's scope inside a write; nothing when its account was disabled, or its token or session ended, since the
/// request was let in.
///
/// # Errors
/// When the database fails.
pub async fn scope(
    db: &mut Db<'_>,
    caller: &Caller,
    now: Timestamp,
    tree: &Arc<Tree>,
) -> Result<Option<Scope>, DbError> {
    if caller.actor == Actor::Operator {
        return Ok(Some(Scope::operator(tree.clone())));
    }
    let Some(credential) = caller.credential else { return Ok(None) };
    let holder = Holder::read(db, credential, now).await?;
    Ok(holder.and_then(|holder| holder.scope(&caller.actor, now, tree)))
}
