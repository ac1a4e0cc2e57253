//! From an `Authorization` header to a caller with its scope.

use super::jwt;
use crate::error::{ApiError, ApiResult, UNAUTHENTICATED};
use crate::state::App;
use crate::store::callers::{Identity, TokenKey, by_session, by_token};
use crate::store::items::Caller;
use crate::store::keys;
use crate::store::live::View;
use crate::store::scope::{Actor, Scope};
use crate::store::secrets;
use cell_records_types::Timestamp;
use cell_records_types::accounts::CallerKind;
use std::sync::Arc;
use std::time::Instant;

/// Who is calling: an argument of every handler that needs a login.
#[derive(Debug, Clone)]
pub struct Who {
    /// What the token proves.
    pub identity: Arc<Identity>,
    /// What it may do now.
    pub scope: Scope,
    /// When: counters and the database's clock.
    pub view: View,
    /// The request's id.
    pub request_id: String,
    /// When the request came.
    came: Instant,
}

impl Who {
    /// As the writer takes it.
    pub fn caller(&self) -> Caller {
        Caller {
            actor: self.scope.actor.clone(),
            credential: Some(self.identity.credential()),
            request_id: Some(self.request_id.clone()),
        }
    }

    /// Judges the caller anew in a view that is as new as its request, so that it sees all that it may have heard of, from
    /// whichever server. Returns whether it may see something else than before.
    ///
    /// # Errors
    /// `503` when the database cannot be asked.
    pub async fn confirm(&mut self, app: &App) -> ApiResult<bool> {
        if self.view.asked >= self.came {
            return Ok(false);
        }
        let view = Box::pin(app.view_since(self.came)).await?;
        let differs = (view.rights, view.clock.tree_rev) != (self.view.rights, self.view.clock.tree_rev);
        if differs {
            self.scope = scope(app, &self.identity, &view).await?;
        }
        self.view = view;
        Ok(differs)
    }

    /// Whether the caller sees something: where it does not, also by a view as new as its request.
    ///
    /// # Errors
    /// `503` when the database cannot be asked.
    pub async fn sees(&mut self, app: &App, is_seen: impl Fn(&Scope) -> bool) -> ApiResult<bool> {
        Ok(is_seen(&self.scope) || self.confirm(app).await? && is_seen(&self.scope))
    }

    /// What a judge says of the caller: where it refuses, what it says in a view as new as the request.
    ///
    /// # Errors
    /// What the judge says, or `503` when the database cannot be asked.
    pub async fn judged<T>(&self, app: &App, judge: impl Fn(&Scope) -> ApiResult<T>) -> ApiResult<T> {
        let said = judge(&self.scope);
        if said.is_ok() {
            return said;
        }
        let mut by_now = self.clone();
        if by_now.confirm(app).await? { judge(&by_now.scope) } else { said }
    }
}

/// Verifies a token and gathers what its bearer may do now.
///
/// # Errors
/// `401`, or `503` when the database cannot be asked.
pub async fn authenticate(app: &App, token: &str, request_id: String) -> ApiResult<Who> {
    let refused = || ApiError::new(&UNAUTHENTICATED);
    let came = Instant::now();
    // The counter is read before the verification: what is revoked meanwhile is noticed by the next request.
    let view = app.view().await?;
    if token.len() > 2_000 {
        return Err(refused());
    }
    let digest = secrets::digest(token.as_bytes());
    let identity = match app.tokens.get(&digest, view.rights) {
        Some(identity) => identity,
        None => {
            let identity = Arc::new(Box::pin(verify(app, token, &digest, &view)).await?.ok_or_else(refused)?);
            app.tokens.put(digest, view.rights, &identity);
            identity
        }
    };
    if identity.expires <= view.now {
        return Err(refused());
    }
    let scope = scope(app, &identity, &view).await?;
    if identity.kind == CallerKind::System {
        app.tokens.used(identity.session, view.now);
    }
    Ok(Who { identity, scope, view, request_id, came })
}

async fn scope(app: &App, identity: &Identity, view: &View) -> ApiResult<Scope> {
    let code = (identity.kind == CallerKind::System).then(|| identity.name.clone());
    let actor = Actor::Account(identity.account, code);
    if let Some(scope) = app.live.kept_scope(&actor, &identity.narrowing, view) {
        return Ok(scope);
    }
    let read = app.reads.single(async |db| app.live.scope(db, &actor, &identity.narrowing, view).await);
    Ok(Box::pin(read).await?)
}

async fn verify(app: &App, token: &str, digest: &str, view: &View) -> ApiResult<Option<Identity>> {
    if token.starts_with(secrets::ACCESS) {
        if !secrets::is_well_formed(token, secrets::ACCESS) {
            return Ok(None);
        }
        return Ok(app.reads.single(async |db| by_token(db, TokenKey::Digest(digest), view.now).await).await?);
    }
    know_signing_keys(app, view).await?;
    let Some(claims) = jwt::verify(&app.keys, token, view.now.micros() / 1_000_000) else { return Ok(None) };
    let expires = Timestamp::from_micros(claims.exp * 1_000_000);
    let identity = app
        .reads
        .single(async |db| match claims.kind {
            CallerKind::User => by_session(db, claims.sid, view.now).await,
            CallerKind::System => by_token(db, TokenKey::Id(claims.sid), view.now).await,
            CallerKind::Unknown(_) => Ok(None),
        })
        .await?;
    Ok(identity
        .filter(|identity| identity.account == claims.sub)
        .map(|identity| Identity { expires: expires.min(identity.expires), ..identity }))
}

/// Reads the signing keys where accounts changed since they were read: another server or the operator may have
/// replaced the current one.
///
/// # Errors
/// `503` when the database cannot be asked.
pub async fn know_signing_keys(app: &App, view: &View) -> ApiResult<()> {
    if !app.keys.is_read_at(view.rights) {
        let stored = app.reads.single(async |db| keys::list(db).await).await?;
        app.keys.take_over(view.rights, &stored);
    }
    Ok(())
}
