//! Users, as administrators manage them: `/v1/users`, and the sessions of a user.

use super::administration::{self, Made, account, administered, changeable, find, id, unit, unit_or_own, visible};
use super::body::{self, JsonBody};
use super::params::Params;
use super::records::query::words;
use super::tagged::{self, Tagged};
use super::{client, pages};
use crate::auth::caller::Who;
use crate::error::{self, ApiError, ApiResult};
use crate::state::App;
use crate::store::accounts::{self, Account, Changes, NewAccount};
use crate::store::audit::By;
use crate::store::items::Expected;
use crate::store::{grants, sessions};
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post};
use cell_records_types::accounts::{CallerKind, Session, User, UserCreate, UserUpdate};
use cell_records_types::faults::{FaultCode, INVALID_PASSWORD, NAME_TAKEN};
use cell_records_types::pages::Page;
use serde_json::{Map, Value, json};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// Registers the routes of this file.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list_users).service(create_user).service(get_user).service(update_user);
    config.service(list_user_sessions).service(delete_user_sessions).service(delete_user_session);
}

/// A user, as the document shows it.
fn example(version: i64, display_name: &str) -> Value {
    json!({
        "id": "019a3c5e-0000-7000-8000-000000000001", "version": version, "username": "nguyen-van-an", "display_name": display_name,
        "unit_id": "00000000-0000-7000-8000-000000000001", "disabled": false, "created_at": "2014-01-01T00:00:00.000000Z",
    })
}

/// The users of the units that the caller administers, by username.
///
/// Needs `administrator`.
#[utoipa::path(tag = "users",
    params(
        ("limit" = i64, Query),
        ("cursor" = String, Query),
        ("q" = String, Query, description = "Words that username and display name have, by their beginnings: at most 8, blind to case and diacritics. A page may then be short, even empty, and have a `next_cursor`."),
    ),
    responses((status = 200, description = "A page", body = Page<User>, example = json!({"items": [example(1, "Nguyễn Văn An")]}))))]
#[get("/v1/users")]
async fn list_users(app: App, who: Who, request: HttpRequest) -> ApiResult<HttpResponse> {
    let roots = who.judged(&app, administered).await?;
    let mut params = Params::of(&request)?;
    let words = params.read("q", words).unwrap_or_default();
    let query = format!("users {}", words.join(" "));
    let wanted = pages::PageRequest::<String>::of(&mut params, &app, &who, query)?;
    params.end()?;
    let after = wanted.after.as_deref().unwrap_or_default();
    let find = async |db: &mut crate::db::Db<'_>| match words.is_empty() {
        true => Ok((accounts::list(db, CallerKind::User, &roots, after, wanted.limit + 1).await?, None)),
        false => accounts::search(db, CallerKind::User, &roots, after, &words).await,
    };
    let (found, examined) = app.reads.single::<_, crate::db::DbError>(find).await?;
    let users: Vec<User> = found.into_iter().map(Account::into_user).collect();
    Ok(wanted.answer_up_to(&app, &who, users, |user| user.username.clone(), examined))
}

/// Makes a user, without rights yet: grants are given one by one.
///
/// Needs `administrator` over the unit. A repeat under the same `Idempotency-Key` gets the same answer; its password is not
/// compared, and the first one stays.
#[utoipa::path(tag = "users",
    request_body(content = UserCreate, example = json!({"username": "nguyen-van-an", "display_name": "Nguyễn Văn An", "password": "con mèo ngồi trên mái nhà"})),
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, description = "Made; `Location` says where", body = User, headers(("ETag" = String)), example = json!(example(1, "Nguyễn Văn An")))))]
#[post("/v1/users")]
async fn create_user(
    app: App,
    who: Who,
    request: HttpRequest,
    body: Result<JsonBody, ApiError>,
) -> ApiResult<HttpResponse> {
    who.judged(&app, administered).await?;
    let body = body?;
    let (form, _) = body.form::<UserCreate>()?;
    let home = unit_or_own(&app, &who, form.unit_id.as_ref()).await?;
    let hash = hashed(&app, "/password", &form.password, &form.username, home).await?;
    let new = NewAccount {
        kind: CallerKind::User,
        name: form.username.to_string(),
        display_name: form.display_name.to_string(),
        unit: home,
        password_hash: Some(hash),
        contact: None,
        purpose: None,
    };
    // A fast hash of the password must not be kept with the key.
    let mut print = body.object()?;
    print.remove("password");
    let print = serde_json::to_vec(&print).unwrap_or_default();
    make(&app, &who, &request, &print, new, ("/username", &NAME_TAKEN)).await
}

/// A user.
///
/// Needs `administrator` over the user's unit.
#[utoipa::path(tag = "users",
    params(("If-None-Match" = Option<String>, Header)),
    responses((status = 304, description = "The copy is current"), (status = 200, description = "The user", body = User, headers(("ETag" = String)), example = json!(example(1, "Nguyễn Văn An")))))]
#[get("/v1/users/{id}")]
async fn get_user(app: App, who: Who, request: HttpRequest, id: Path<String>) -> ApiResult<HttpResponse> {
    let user = account(&app, &who, CallerKind::User, &id, visible).await?;
    Ok(Tagged::account(user, &who.view.clock.epoch).read(&request))
}

/// Changes a user: its name, its password, whether it may log in.
///
/// Needs `administrator` over the user's unit and all its grants. A new password ends the user's sessions, disabling
/// the user does so too, within a second. `409` when nobody would be left who administers the root permanently. Your
/// own account is changed under `/v1/me`.
#[utoipa::path(tag = "users",
    params(("If-Match" = String, Header)),
    request_body(content = UserUpdate, example = json!({"display_name": "Nguyễn Văn An (Văn phòng)"})),
    responses((status = 200, description = "As it is now", body = User, headers(("ETag" = String)), example = json!(example(2, "Nguyễn Văn An (Văn phòng)")))))]
#[patch("/v1/users/{id}")]
async fn update_user(
    app: App,
    who: Who,
    request: HttpRequest,
    id: Path<String>,
    body: Result<JsonBody, ApiError>,
) -> ApiResult<HttpResponse> {
    let (user, base, body) = to_change(&app, &who, &request, CallerKind::User, &id, body).await?;
    let (form, _) = body::form::<UserUpdate>(body)?;
    let password_hash = match form.password {
        Some(password) => Some(hashed(&app, "/password", &password, &user.name, user.unit).await?),
        None => None,
    };
    let changes = Changes {
        display_name: form.display_name.map(|name| name.to_string()),
        password_hash,
        disabled: form.disabled,
        ..Changes::default()
    };
    change(&app, &who, client::by(&request, Some(&who)), user, base, changes).await
}

/// The hash of a new password of a user in a unit.
///
/// # Errors
/// `422` at the pointer when it is too easy to guess; `503` when hashing takes too long.
pub async fn hashed(app: &App, pointer: &str, password: &str, username: &str, unit: Uuid) -> ApiResult<String> {
    let name = app.reads.single(async |db| accounts::unit_name(db, unit).await).await?;
    if !app.hasher.accepts(password, username, &name.unwrap_or_default()).await? {
        return Err(ApiError::fault(pointer, &INVALID_PASSWORD));
    }
    Ok(app.hasher.hash(password.to_owned()).await?)
}

/// Makes an account, once under the request's key, and answers with it. `print` is what the key belongs to; `taken` is
/// what is wrong with the body when another account has the name.
///
/// # Errors
/// `409` when the name is taken, `422` when the caller does not administer the unit.
pub async fn make(
    app: &App,
    who: &Who,
    request: &HttpRequest,
    print: &[u8],
    new: NewAccount,
    taken: (&'static str, &'static FaultCode),
) -> ApiResult<HttpResponse> {
    let (by, epoch) = (client::by(request, Some(who)), who.view.clock.epoch.clone());
    let made = administration::once(app, request, who, print, move |tx, scope| {
        Box::pin(async move {
            unit(&scope, Some(new.unit))?;
            let made = accounts::insert(tx, &by, new).await?;
            let account = made.ok_or_else(|| ApiError::not_unique(taken.0, taken.1))?;
            Ok(Made::New(Tagged::account(account, &epoch)))
        })
    });
    made.await
}

/// What a change of an account begins with: the account as it is, the version that the change builds on, and the body.
///
/// # Errors
/// `403`, `404`; `400` when the body is no JSON; `428`, `412`.
pub async fn to_change(
    app: &App,
    who: &Who,
    request: &HttpRequest,
    kind: CallerKind,
    id: &str,
    body: Result<JsonBody, ApiError>,
) -> ApiResult<(Account, Expected, Map<String, Value>)> {
    let account = account(app, who, kind, id, changeable).await?;
    let body = body?.object()?;
    let base = tagged::expected(request, who)?;
    Tagged::account(account.clone(), &who.view.clock.epoch).must_be(base)?;
    Ok((account, base, body))
}

/// Changes an account as it is when the write begins, and answers with it.
///
/// # Errors
/// `403`, `404`; `412` when it is another version than the one that the change builds on; `409` when it would leave no
/// administrator of the root who can log in.
pub async fn change(
    app: &App,
    who: &Who,
    by: By,
    account: Account,
    base: Expected,
    changes: Changes,
) -> ApiResult<HttpResponse> {
    let epoch = who.view.clock.epoch.clone();
    let changed = administration::write(app, who, move |tx, scope| {
        Box::pin(async move {
            let mut account = changeable(&scope, find(&mut tx.db(), account.kind, account.id).await?)?;
            Tagged::account(account.clone(), &epoch).must_be(base)?;
            let now = tx.now;
            if changes.disabled == Some(true) && grants::is_last_administrator(&mut tx.db(), account.id, now).await? {
                return Err(ApiError::new(&error::LAST_ADMINISTRATOR).into());
            }
            accounts::change(tx, &by, &mut account, changes).await?;
            Ok(Tagged::account(account, &epoch))
        })
    });
    Ok(changed.await?.answer(200).send(false))
}

/// The live sessions of a user, the latest first.
///
/// Needs `administrator` over the user's unit.
#[utoipa::path(tag = "users", responses((status = 200, description = "The sessions", body = Page<Session>, example = json!({"items": [
    {"id": "019a3c5e-0000-7000-8000-000000000003", "created_at": "2014-01-01T00:00:00.000000Z", "expires_at": "2014-01-31T00:00:00.000000Z", "current": false}
]}))))]
#[get("/v1/users/{id}/sessions")]
async fn list_user_sessions(app: App, who: Who, id: Path<String>) -> ApiResult<HttpResponse> {
    let user = account(&app, &who, CallerKind::User, &id, visible).await?;
    let mut found = app.reads.single(async |db| sessions::list(db, user.id, who.view.now).await).await?;
    for session in &mut found {
        session.current = session.id == who.identity.session;
    }
    Ok(pages::whole(found))
}

/// Ends all sessions of a user, within a second.
///
/// Needs `administrator` over the user's unit.
#[utoipa::path(tag = "users", responses((status = 204, description = "Ended")))]
#[delete("/v1/users/{id}/sessions")]
async fn delete_user_sessions(app: App, who: Who, request: HttpRequest, id: Path<String>) -> ApiResult<HttpResponse> {
    let user = account(&app, &who, CallerKind::User, &id, visible).await?;
    let by = client::by(&request, Some(&who));
    let ended = administration::write(&app, &who, move |tx, scope| {
        Box::pin(async move {
            let user = visible(&scope, find(&mut tx.db(), CallerKind::User, user.id).await?)?;
            Ok(sessions::end_every(tx, &by, user.id, user.unit).await?)
        })
    });
    ended.await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends one session of a user, within a second.
///
/// Needs `administrator` over the user's unit.
#[utoipa::path(tag = "users", responses((status = 204, description = "Ended")))]
#[delete("/v1/users/{id}/sessions/{session}")]
async fn delete_user_session(
    app: App,
    who: Who,
    request: HttpRequest,
    path: Path<(String, String)>,
) -> ApiResult<HttpResponse> {
    let user = account(&app, &who, CallerKind::User, &path.0, visible).await?;
    let (session, by) = (id(&path.1)?, client::by(&request, Some(&who)));
    let ended = administration::write(&app, &who, move |tx, scope| {
        Box::pin(async move {
            let user = visible(&scope, find(&mut tx.db(), CallerKind::User, user.id).await?)?;
            Ok(sessions::end_one(tx, &by, "session_ended", user.id, user.unit, session).await?)
        })
    });
    administration::removed(ended.await?)
}
