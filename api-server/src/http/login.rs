//! People who log in and out: `/v1/auth/…`. None of it needs an access token.

use super::body::SmallBody;
use super::params::Params;
use super::{client, cookie, idempotency};
use crate::auth::caller::{Who, know_signing_keys};
use crate::auth::jwt;
use crate::auth::keys::LIFETIME;
use crate::auth::throttle::LoginAttempt;
use crate::error::{self, ApiError, ApiResult};
use crate::phrases;
use crate::state::App;
use crate::store::audit::{self, By};
use crate::store::live::View;
use crate::store::tree::ROOT;
use crate::store::{accounts, sessions};
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{FromRequest, HttpRequest, HttpResponse, HttpResponseBuilder, post};
use cell_records_types::accounts::{CallerKind, Login, RefreshToken, Tokens};
use serde_json::json;
use std::time::{Duration, Instant};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// Registers the routes of this file.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(login).service(refresh_session).service(logout);
}

/// Logs a user in.
///
/// The access token lives 15 minutes. The refresh token renews it, and is replaced by that; the session ends 30 days
/// after its last refresh. With `cookie=true`, for a page in a browser, the refresh token is not in the answer but in a cookie
/// that no script reads, and that `refresh` and `logout` take. After 5 failed logins at one account an address must wait before it
/// tries that account again; after 20 at any accounts, before it tries one that has not logged in from there: `429` with
/// `Retry-After`.
#[utoipa::path(
    tag = "login", security(()),
    params(("cookie" = Option<bool>, Query, description = "Whether the refresh token is set as a cookie")),
    request_body(content = Login, example = json!({"username": "van-phong", "password": "con mèo ngồi trên mái nhà"})),
    responses((status = 200, description = "Logged in", body = Tokens, headers(("Set-Cookie" = String)), example = json!({"access_token": "eyJ…", "token_type": "Bearer", "expires_in": 900, "refresh_token": "crr_…"})))
)]
#[post("/v1/auth/login")]
async fn login(app: App, request: HttpRequest, body: Result<SmallBody, ApiError>) -> ApiResult<HttpResponse> {
    idempotency::refuse(&request)?;
    let mut params = Params::of(&request)?;
    let carrier = if params.flag("cookie") { Carrier::Cookie } else { Carrier::Body };
    params.end()?;
    let (login, _) = body?.form::<Login>()?;
    let attempt = LoginAttempt::new(&login.username, client::address(&request));
    may_try(&app, &request, &attempt)?;
    let found = app.reads.single(async |db| accounts::by_name(db, CallerKind::User, &login.username).await).await?;
    let hash = found.as_ref().filter(|account| !account.disabled).and_then(|account| account.password_hash.clone());
    let fits = app.hasher.verify(login.password.to_string(), hash).await?;
    // Attempts that were made at the same time do not get around the count.
    may_try(&app, &request, &attempt)?;
    let by = client::by(&request, None);
    let Some(account) = found.filter(|_| fits) else {
        failed(&app, &request, &attempt, by, &login.username, "wrong username or password").await?;
        return Err(ApiError::new(&error::LOGIN_FAILED));
    };
    let hash = account.password_hash.clone();
    let opened = app.writer.accounts(move |tx| {
        Box::pin(async move {
            let now = accounts::by_id(&mut tx.db(), CallerKind::User, account.id).await?;
            // Between the check and this write the account may have been disabled or got another password.
            match now.filter(|now| !now.disabled && now.password_hash == hash) {
                Some(account) => Ok(Some(sessions::open(tx, &by, account.id, account.unit).await?)),
                None => Ok(None),
            }
        })
    });
    let opened = opened.await?.ok_or_else(|| ApiError::new(&error::LOGIN_FAILED))?;
    app.throttle.succeeded(attempt, Instant::now());
    answer(&app, opened, carrier).await
}

/// Where a refresh token is carried, to the client and back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Carrier {
    Body,
    Cookie,
}

/// The refresh token of a request: that of its body or, without a body, that of its cookie; nothing when it has neither.
///
/// # Errors
/// `403` when a cookie comes without the header that it needs; when the body cannot be read.
fn sent(request: &HttpRequest, body: SmallBody) -> ApiResult<Option<(String, Carrier)>> {
    if body.0.is_empty() {
        return Ok(cookie::read(request)?.map(|secret| (secret, Carrier::Cookie)));
    }
    Ok(Some((body.form::<RefreshToken>()?.0.refresh_token.to_string(), Carrier::Body)))
}

/// Whether a password may be tried: asked before it is looked at, and again after.
///
/// # Errors
/// `429` when there were too many failures.
pub fn may_try(app: &App, request: &HttpRequest, attempt: &LoginAttempt) -> ApiResult<()> {
    match app.throttle.wait(attempt, Instant::now()) {
        Some(wait) => {
            log_failure(request, "too many failures");
            Err(wait_for(wait))
        }
        None => Ok(()),
    }
}

/// The one line of a failed login. Its form is a promise: programs such as fail2ban read the address out of it
/// (`failed login from <address>`). The name is left out: it may be a password in the wrong field.
fn log_failure(request: &HttpRequest, why: &str) {
    let address = client::address(request).map(|address| address.to_string());
    tracing::warn!(address, "failed login from {}: {why}", address.as_deref().unwrap_or("unknown"));
}

/// `429` with the whole seconds to wait.
fn wait_for(wait: Duration) -> ApiError {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    ApiError { retry_after: Some(seconds), ..ApiError::new(&error::TOO_MANY_ATTEMPTS) }
}

/// A password did not fit: counts it, logs it and writes it down, with the same words and the same work whether the user
/// exists or not.
///
/// # Errors
/// When it cannot be written down.
pub async fn failed(
    app: &App,
    request: &HttpRequest,
    attempt: &LoginAttempt,
    by: By,
    username: &str,
    why: &str,
) -> ApiResult<()> {
    app.throttle.failed(attempt, Instant::now());
    log_failure(request, why);
    let username = username.to_owned();
    let written = app.writer.accounts(move |tx| {
        Box::pin(async move {
            let found = accounts::by_name(&mut tx.db(), CallerKind::User, &username).await?;
            // An unknown name is not written down: it may be a password in the wrong field.
            let (subject, unit) = found.map_or((None, ROOT), |account| (Some(account.id), account.unit));
            audit::record(tx, &by, "login_failed", subject, unit, json!({})).await
        })
    });
    Ok(written.await?)
}

async fn answer(app: &App, renewed: sessions::Renewed, carrier: Carrier) -> ApiResult<HttpResponse> {
    let view = app.view().await?;
    let access_token = sign(app, renewed.account, renewed.session, CallerKind::User, &view).await?;
    let mut tokens = Tokens { access_token, token_type: "Bearer".into(), expires_in: LIFETIME, refresh_token: None };
    let mut response = tokens_response();
    match carrier {
        Carrier::Body => tokens.refresh_token = Some(renewed.refresh_token),
        Carrier::Cookie => {
            response.insert_header(cookie::with(&renewed.refresh_token));
        }
    }
    Ok(response.json(tokens))
}

/// Signs an access token of an account.
///
/// # Errors
/// `503` when the signing keys cannot be read.
pub async fn sign(app: &App, account: Uuid, sid: Uuid, kind: CallerKind, view: &View) -> ApiResult<String> {
    know_signing_keys(app, view).await?;
    jwt::issue(&app.keys, account, sid, kind, view.now.micros() / 1_000_000).map_err(|error| {
        tracing::error!(%error, "an access token could not be signed");
        ApiError::new(&error::INTERNAL)
    })
}

/// An answer that holds tokens: nobody stores it.
pub fn tokens_response() -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "no-store"));
    response
}

/// Renews an access token.
///
/// The refresh token is replaced by the one in the answer. Up to three more uses within 30 seconds get tokens of the
/// same session too (two tabs); one of the 7 days after that ends the session, because then two clients hold it. Without a
/// body it is that of the cookie, which is replaced then; with the cookie the header `X-Requested-With` is required.
#[utoipa::path(
    tag = "login", security(()),
    params(
        ("cell_records_refresh" = Option<String>, Cookie, description = "The refresh token, as a login with `cookie=true` set it"),
        ("X-Requested-With" = Option<String>, Header, description = "Required with the cookie; any value"),
    ),
    request_body(content = Option<RefreshToken>, example = json!({"refresh_token": "crr_…"})),
    responses((status = 200, description = "Renewed", body = Tokens, headers(("Set-Cookie" = String)), example = json!({"access_token": "eyJ…", "token_type": "Bearer", "expires_in": 900, "refresh_token": "crr_…"})))
)]
#[post("/v1/auth/refresh")]
async fn refresh_session(app: App, request: HttpRequest, body: Result<SmallBody, ApiError>) -> ApiResult<HttpResponse> {
    idempotency::refuse(&request)?;
    Params::of(&request)?.end()?;
    let refused = || ApiError::new(&error::REFRESH_FAILED);
    let (secret, carrier) = sent(&request, body?)?.ok_or_else(refused)?;
    let now = app.view().await?.now;
    if !app.reads.single(async |db| sessions::does_something(db, &secret, now).await).await? {
        return Err(refused());
    }
    let by = client::by(&request, None);
    let renewed =
        app.writer.accounts(move |tx| Box::pin(async move { sessions::renew(tx, &by, &secret).await })).await?;
    answer(&app, renewed.ok_or_else(refused)?, carrier).await
}

/// Ends a session.
///
/// That of the refresh token in the body or, without a body, that of the cookie, which is taken away. Without either, or
/// where that one is over already, the session of the access token that the request is sent with. Its tokens stop working
/// within a second. A token that is not valid any more is no error. With the cookie the header `X-Requested-With` is
/// required.
#[utoipa::path(
    tag = "login", security((), ("bearer" = [])),
    params(
        ("cell_records_refresh" = Option<String>, Cookie, description = "The refresh token, as a login with `cookie=true` set it"),
        ("X-Requested-With" = Option<String>, Header, description = "Required with the cookie; any value"),
    ),
    request_body(content = Option<RefreshToken>, example = json!({"refresh_token": "crr_…"})),
    responses((status = 204, description = "Ended", headers(("Set-Cookie" = String))))
)]
#[post("/v1/auth/logout")]
async fn logout(app: App, request: HttpRequest, body: Result<SmallBody, ApiError>) -> ApiResult<HttpResponse> {
    Params::of(&request)?.end()?;
    let Some((secret, carrier)) = sent(&request, body?)? else {
        let who = Who::extract(&request).await?;
        if who.identity.kind != CallerKind::User {
            return Err(ApiError::new(&error::FORBIDDEN).detail(&phrases::SYSTEM_HAS_NO_SESSION));
        }
        end_session(&app, &request, who).await?;
        return Ok(HttpResponse::NoContent().finish());
    };
    let now = app.view().await?.now;
    if app.reads.single(async |db| sessions::is_live(db, &secret, now).await).await? {
        let by = client::by(&request, None);
        app.writer.accounts(move |tx| Box::pin(async move { sessions::log_out(tx, &by, &secret).await })).await?;
    } else {
        // A refresh token that is over says nothing of the session that the caller is in.
        match Who::extract(&request).await {
            Ok(who) => end_session(&app, &request, who).await?,
            Err(error) if error.code == &error::UNAUTHENTICATED => {}
            Err(error) => return Err(error),
        }
    }
    let mut response = HttpResponse::NoContent();
    if carrier == Carrier::Cookie {
        response.insert_header(cookie::without());
    }
    Ok(response.finish())
}

/// Ends the session of an access token; that of a system belongs to none.
async fn end_session(app: &App, request: &HttpRequest, who: Who) -> ApiResult<()> {
    let (by, identity) = (client::by(request, Some(&who)), who.identity);
    let ended = app.writer.accounts(move |tx| {
        Box::pin(async move {
            sessions::end_one(tx, &by, "logout", identity.account, identity.unit, identity.session).await
        })
    });
    ended.await?;
    Ok(())
}
