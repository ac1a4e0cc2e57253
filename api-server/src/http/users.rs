//! Users, as administrators manage them: `/v1/users`, and the sessions of a user.

use super::administration::{administered, change, changeable, id, unit_or_own, visible};
use super::body::Body;
use super::openapi::Problems;
use super::params::Params;
use super::{client, idempotency, pages};
use crate::auth::caller::Who;
use crate::auth::{passwords, sessions};
use crate::error::{self, ApiError, ApiResult};
use crate::state::App;
use crate::store::accounts::{self, Account, Changes, NewAccount};
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post};
use cell_records_types::accounts::{AccountPatch, CallerKind, NewUser, Session, User};
use cell_records_types::faults::{INVALID_PASSWORD, NAME_TAKEN};
use cell_records_types::pages::Page;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the routes of this file.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list_users).service(create_user).service(read_user).service(change_user);
    config.service(list_sessions_of_user).service(end_sessions_of_user).service(end_session_of_user);
}

/// The users of the units that the caller administers, by username.
///
/// Needs `administrator`.
#[utoipa::path(tag = "users",
    params(
        ("limit" = Option<i64>, Query, description = "Items a page, 1 to 500; default 50"),
        ("cursor" = Option<String>, Query, description = "Where the page before said that this one begins"),
    ),
    responses((status = 200, description = "A page", body = Page<User>, example = json!({"items": [
        {"id": "019a3c5e-0000-7000-8000-000000000001", "username": "van-phong", "display_name": "Văn phòng Đảng ủy", "unit_id": "00000000-0000-7000-8000-000000000001", "disabled": false, "created_at": "2014-01-01T00:00:00.000000Z"}
    ]})), Problems))]
#[get("/v1/users")]
async fn list_users(app: App, who: Who, request: HttpRequest) -> ApiResult<HttpResponse> {
    let roots = administered(&who)?;
    let mut params = Params::of(&request)?;
    let wanted = pages::Wanted::<String>::of(&mut params, &app, &who, "users".into())?;
    params.end()?;
    let after = wanted.after.as_deref().unwrap_or_default();
    let find =
        async |db: &mut crate::db::Db<'_>| accounts::list(db, CallerKind::User, &roots, after, wanted.limit + 1).await;
    let users: Vec<User> = app.reads.single(find).await?.into_iter().map(Account::into_user).collect();
    Ok(wanted.answer(&app, &who, users, |user| user.username.clone()))
}

/// Makes a user, without rights yet: grants are given one by one.
///
/// Needs `administrator` over the unit. A repeat under the same `Idempotency-Key` gets the same answer.
#[utoipa::path(tag = "users",
    request_body(content = NewUser, example = json!({"username": "van-phong", "display_name": "Văn phòng Đảng ủy", "password": "con mèo ngồi trên mái nhà"})),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat harmless")),
    responses((status = 201, description = "Made; `Location` tells where", body = User, example = json!(
        {"id": "019a3c5e-0000-7000-8000-000000000001", "username": "van-phong", "display_name": "Văn phòng Đảng ủy", "unit_id": "00000000-0000-7000-8000-000000000001", "disabled": false, "created_at": "2014-01-01T00:00:00.000000Z"}
    )), Problems))]
#[post("/v1/users")]
async fn create_user(
    app: App,
    who: Who,
    request: HttpRequest,
    body: Result<Body, ApiError>,
) -> ApiResult<HttpResponse> {
    administered(&who)?;
    let body = body?;
    let (form, _) = body.form::<NewUser>()?;
    let unit = unit_or_own(&app, &who, form.unit_id.as_ref()).await?;
    if !passwords::is_acceptable(&form.password, &form.username) {
        return Err(ApiError::fault("/password", &INVALID_PASSWORD));
    }
    let hash = app.hasher.hash(form.password.to_string()).await?;
    let new = NewAccount {
        kind: CallerKind::User,
        name: form.username.to_string(),
        display_name: form.display_name.to_string(),
        unit,
        password_hash: Some(hash),
        contact: None,
        purpose: None,
    };
    // A fast hash of the password must not be kept with the key.
    let mut print = body.object()?;
    print.remove("password");
    let print = serde_json::to_vec(&print).unwrap_or_default();
    let by = client::by(&request, Some(&who));
    let made = idempotency::once(
        &app,
        &request,
        &who,
        &print,
        "/v1/users",
        move |tx| {
            Box::pin(async move {
                Ok(match accounts::insert(tx, &by, new).await? {
                    Some(user) => Ok(idempotency::made(user.id, &user.into_user())),
                    None => Err(ApiError::fault("/username", &NAME_TAKEN)),
                })
            })
        },
        async |id| {
            let user = visible(&app, &who, CallerKind::User, &id.to_string()).await?.into_user();
            Ok(serde_json::to_string(&user).unwrap_or_default())
        },
    );
    made.await
}

/// A user.
///
/// Needs `administrator` over the user's unit.
#[utoipa::path(tag = "users", responses((status = 200, description = "The user", body = User, example = json!(
    {"id": "019a3c5e-0000-7000-8000-000000000001", "username": "van-phong", "display_name": "Văn phòng Đảng ủy", "unit_id": "00000000-0000-7000-8000-000000000001", "disabled": false, "created_at": "2014-01-01T00:00:00.000000Z"}
)), Problems))]
#[get("/v1/users/{id}")]
async fn read_user(app: App, who: Who, id: Path<String>) -> ApiResult<HttpResponse> {
    let user = visible(&app, &who, CallerKind::User, &id).await?;
    Ok(HttpResponse::Ok().json(user.into_user()))
}

/// Changes a user: its name, its password, whether it may log in.
///
/// Needs `administrator` over the user's unit and all its grants. A new password ends the user's sessions, shutting
/// the user out does so too, within a second. The own account is changed under `/v1/me`.
#[utoipa::path(tag = "users",
    request_body(content = AccountPatch, example = json!({"disabled": true})),
    responses((status = 200, description = "As it is now", body = User, example = json!(
        {"id": "019a3c5e-0000-7000-8000-000000000001", "username": "van-phong", "display_name": "Văn phòng Đảng ủy", "unit_id": "00000000-0000-7000-8000-000000000001", "disabled": true, "created_at": "2014-01-01T00:00:00.000000Z"}
    )), Problems))]
#[patch("/v1/users/{id}")]
async fn change_user(
    app: App,
    who: Who,
    request: HttpRequest,
    id: Path<String>,
    body: Result<Body, ApiError>,
) -> ApiResult<HttpResponse> {
    let user = changeable(&app, &who, CallerKind::User, &id).await?;
    let (form, _) = body?.form::<AccountPatch>()?;
    let password_hash = match form.password {
        Some(password) if !passwords::is_acceptable(&password, &user.name) => {
            return Err(ApiError::fault("/password", &INVALID_PASSWORD));
        }
        Some(password) => Some(app.hasher.hash(password.to_string()).await?),
        None => None,
    };
    let changes = Changes {
        display_name: form.display_name.map(|name| name.to_string()),
        password_hash,
        keep_session: None,
        disabled: form.disabled,
    };
    let changed = change(&app, client::by(&request, Some(&who)), user, changes).await?;
    Ok(HttpResponse::Ok().json(changed.into_user()))
}

/// The live sessions of a user, the latest first.
///
/// Needs `administrator` over the user's unit.
#[utoipa::path(tag = "users", responses((status = 200, description = "The sessions", body = Page<Session>, example = json!({"items": [
    {"id": "019a3c5e-0000-7000-8000-000000000003", "created_at": "2014-01-01T00:00:00.000000Z", "expires_at": "2014-01-31T00:00:00.000000Z", "current": false}
]})), Problems))]
#[get("/v1/users/{id}/sessions")]
async fn list_sessions_of_user(app: App, who: Who, id: Path<String>) -> ApiResult<HttpResponse> {
    let user = visible(&app, &who, CallerKind::User, &id).await?;
    let mut found = app.reads.single(async |db| sessions::list(db, user.id, who.view.now).await).await?;
    for session in &mut found {
        session.current = session.id == who.identity.session;
    }
    Ok(pages::whole(found))
}

/// Ends all sessions of a user, within a second.
///
/// Needs `administrator` over the user's unit.
#[utoipa::path(tag = "users", responses((status = 204, description = "Ended"), Problems))]
#[delete("/v1/users/{id}/sessions")]
async fn end_sessions_of_user(app: App, who: Who, request: HttpRequest, id: Path<String>) -> ApiResult<HttpResponse> {
    let user = visible(&app, &who, CallerKind::User, &id).await?;
    let by = client::by(&request, Some(&who));
    let ended =
        app.writer.accounts(move |tx| Box::pin(async move { sessions::end_every(tx, &by, user.id, user.unit).await }));
    ended.await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends one session of a user, within a second.
///
/// Needs `administrator` over the user's unit.
#[utoipa::path(tag = "users", responses((status = 204, description = "Ended"), Problems))]
#[delete("/v1/users/{id}/sessions/{session}")]
async fn end_session_of_user(
    app: App,
    who: Who,
    request: HttpRequest,
    path: Path<(String, String)>,
) -> ApiResult<HttpResponse> {
    let user = visible(&app, &who, CallerKind::User, &path.0).await?;
    let (session, by) = (id(&path.1)?, client::by(&request, Some(&who)));
    let ended = app.writer.accounts(move |tx| {
        Box::pin(async move { sessions::end_one(tx, &by, "session_ended", user.id, user.unit, session).await })
    });
    if ended.await? { Ok(HttpResponse::NoContent().finish()) } else { Err(ApiError::new(&error::NOT_FOUND)) }
}
