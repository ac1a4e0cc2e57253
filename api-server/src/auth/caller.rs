//! From an `Authorization` header to a caller with its scope. Verified tokens are cached under the revocation
//! counter that was read before the verification.

use super::{jwt, tokens};
use crate::db::{At, Db, Id, Verbs};
use crate::error::{ApiError, ApiResult, UNAUTHENTICATED};
use crate::on;
use crate::state::App;
use crate::store::items::Caller;
use crate::store::live::View;
use crate::store::scope::{Actor, Scope};
use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use cell_records_types::Timestamp;
use cell_records_types::accounts::{CallerKind, Role};
use diesel::{ExpressionMethods, JoinOnDsl, QueryDsl};
use quick_cache::sync::Cache;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// What a token proves.
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
    /// The grants that the token is narrowed to; empty: all.
    pub only: Vec<Uuid>,
    /// When the token ends.
    pub expires: Timestamp,
}

/// At most so many verified tokens are kept.
const KEPT: usize = 10_000;
/// How long a token's use may wait to be written.
pub const USE_WRITTEN_EVERY: std::time::Duration = std::time::Duration::from_secs(60);

/// Verified tokens by their digest, and when systems' tokens were last used.
pub struct TokenCache {
    /// With the revocation counter at which each was verified. When it is full the least used go.
    kept: Cache<String, (i64, Arc<Identity>)>,
    used: Mutex<HashMap<Uuid, Timestamp>>,
}

impl Default for TokenCache {
    fn default() -> Self {
        TokenCache { kept: Cache::new(KEPT), used: Mutex::default() }
    }
}

impl TokenCache {
    fn get(&self, digest: &str, auth_rev: i64) -> Option<Arc<Identity>> {
        let (rev, identity) = self.kept.get(digest)?;
        (rev == auth_rev).then_some(identity)
    }

    fn put(&self, digest: String, auth_rev: i64, identity: &Arc<Identity>) {
        self.kept.insert(digest, (auth_rev, identity.clone()));
    }

    /// Notes that a token was used.
    pub fn used(&self, token: Uuid, now: Timestamp) {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(token, now);
    }

    /// Takes what was noted of the tokens' use since the last time.
    pub fn take_used(&self) -> Vec<(Uuid, Timestamp)> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).drain().collect()
    }
}

/// Who is calling: an argument of every handler that needs a login.
#[derive(Debug, Clone)]
pub struct Who {
    /// What the token proves.
    pub identity: Arc<Identity>,
    /// What it may do now.
    pub scope: Scope,
    /// When: counters and the database's clock.
    pub view: ViewOf,
    /// The request's id.
    pub request_id: String,
}

/// The view in which a caller was let in.
#[derive(Debug, Clone)]
pub struct ViewOf {
    /// The database's clock.
    pub now: Timestamp,
    /// The life of the log.
    pub epoch: String,
    /// The revocation counter.
    pub auth_rev: i64,
}

impl Who {
    /// As the writer takes it.
    pub fn caller(&self) -> Caller {
        Caller {
            actor: self.scope.actor.clone(),
            only: self.identity.only.clone(),
            request_id: Some(self.request_id.clone()),
        }
    }

    /// Refuses who holds no grant of this role over the unit.
    ///
    /// # Errors
    /// `403`.
    pub fn must_hold(&self, role: Role, unit: Uuid) -> ApiResult<()> {
        if self.scope.holds(unit, |held| *held == role) { Ok(()) } else { Err(ApiError::forbidden(role)) }
    }
}

impl FromRequest for Who {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let app = App::extract(&request).await?;
            let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
            let token = header.and_then(bearer).ok_or_else(|| ApiError::new(&UNAUTHENTICATED))?;
            let request_id =
                request.extensions().get::<crate::http::RequestId>().map(|id| id.0.clone()).unwrap_or_default();
            let who = authenticate(&app, token, request_id).await?;
            request.extensions_mut().insert(crate::http::edge::CallerId(who.identity.account));
            Ok(who)
        })
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Verifies a token and gathers what its bearer may do now.
///
/// # Errors
/// `401`, or `503` when the database cannot be asked.
pub async fn authenticate(app: &App, token: &str, request_id: String) -> ApiResult<Who> {
    let refused = || ApiError::new(&UNAUTHENTICATED);
    // The counter is read before the verification: what is revoked meanwhile is noticed by the next request.
    let view = app.view().await?;
    if token.len() > 2_000 {
        return Err(refused());
    }
    let digest = tokens::digest(token.as_bytes());
    let auth_rev = view.clock.auth_rev;
    let identity = match app.tokens.get(&digest, auth_rev) {
        Some(identity) => identity,
        None => {
            let identity = Arc::new(verify(app, token, &digest, &view).await?.ok_or_else(refused)?);
            app.tokens.put(digest, auth_rev, &identity);
            identity
        }
    };
    if identity.expires <= view.now {
        return Err(refused());
    }
    if identity.kind == CallerKind::System {
        app.tokens.used(identity.session, view.now);
    }
    let code = (identity.kind == CallerKind::System).then(|| identity.name.clone());
    let actor = Actor::Account(identity.account, code);
    let scope = match app.live.grants(identity.account, auth_rev) {
        Some(grants) => narrowed(Scope::new(actor, &grants, view.now, view.tree.clone()), &identity.only),
        None => app.reads.single(async |db| app.live.scope(db, actor.clone(), &identity.only, &view).await).await?,
    };
    let view = ViewOf { now: view.now, epoch: view.clock.epoch.clone(), auth_rev };
    Ok(Who { identity, scope, view, request_id })
}

fn narrowed(mut scope: Scope, only: &[Uuid]) -> Scope {
    if !only.is_empty() {
        scope.grants.retain(|grant| only.contains(&grant.id));
    }
    scope
}

async fn verify(app: &App, token: &str, digest: &str, view: &View) -> ApiResult<Option<Identity>> {
    if token.starts_with(tokens::ACCESS) {
        if !tokens::is_well_formed(token, tokens::ACCESS) {
            return Ok(None);
        }
        return Ok(app.reads.single(async |db| system_by_token(db, TokenKey::Digest(digest), view.now).await).await?);
    }
    let Some(claims) = jwt::verify(&app.keys, token, view.now.micros() / 1_000_000) else { return Ok(None) };
    let expires = Timestamp::from_micros(claims.exp * 1_000_000);
    let identity = app
        .reads
        .single(async |db| match claims.kind {
            CallerKind::User => user_by_session(db, claims.sid, view.now).await,
            CallerKind::System => system_by_token(db, TokenKey::Id(claims.sid), view.now).await,
            CallerKind::Unknown(_) => Ok(None),
        })
        .await?;
    Ok(identity
        .filter(|identity| identity.account == claims.sub)
        .map(|identity| Identity { expires: expires.min(identity.expires), ..identity }))
}

/// How a system's token is found.
pub enum TokenKey<'a> {
    /// By the digest of its secret.
    Digest(&'a str),
    /// By its id, from a JWT that was exchanged for it.
    Id(Uuid),
}

type AccountRow = (Id, String, String, Id, i64);

/// The system of a live token.
///
/// # Errors
/// When the database fails.
pub async fn system_by_token(
    db: &mut Db<'_>,
    key: TokenKey<'_>,
    now: Timestamp,
) -> Result<Option<Identity>, crate::db::DbError> {
    use crate::db::schema::{accounts as a, tokens as t};
    let columns =
        (t::id, t::expires_at, t::revoked_at, t::grants, (a::id, a::name, a::display_name, a::unit_id, a::disabled));
    let row: Option<(Id, At, Option<At>, String, AccountRow)> = match key {
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
    let expires: Timestamp = expires.into();
    let ended = revoked.is_some_and(|at| Timestamp::from(at) <= now) || expires <= now || disabled != 0;
    Ok((!ended).then(|| Identity {
        account: account.0,
        kind: CallerKind::System,
        name,
        display_name,
        unit: unit.0,
        session: id.0,
        only: serde_json::from_str(&only).unwrap_or_default(),
        // A rotation ends the old secret by a time to come.
        expires: revoked.map_or(expires, |at| expires.min(at.into())),
    }))
}

async fn user_by_session(
    db: &mut Db<'_>,
    session: Uuid,
    now: Timestamp,
) -> Result<Option<Identity>, crate::db::DbError> {
    use crate::db::schema::{accounts as a, sessions as s};
    let columns = (s::id, s::expires_at, s::ended_at, (a::id, a::name, a::display_name, a::unit_id, a::disabled));
    let row: Option<(Id, At, Option<At>, AccountRow)> = on!(db, c => s::table.inner_join(a::table.on(a::id.eq(s::account_id))).filter(s::id.eq(Id(session))).select(columns).first_row(c))?;
    let Some((id, expires, ended, (account, name, display_name, unit, disabled))) = row else { return Ok(None) };
    let expires: Timestamp = expires.into();
    let over = ended.is_some() || expires <= now || disabled != 0;
    Ok((!over).then(|| Identity {
        account: account.0,
        kind: CallerKind::User,
        name,
        display_name,
        unit: unit.0,
        session: id.0,
        only: Vec::new(),
        expires,
    }))
}
