//! The caller's own account: `/v1/me…`, and the table of rights.

use super::administration::{self, id};
use super::body::JsonBody;
use super::{client, login, pages, users};
use crate::auth::caller::Who;
use crate::auth::throttle::LoginAttempt;
use crate::error::{self, ApiError, ApiResult};
use crate::phrases;
use crate::state::App;
use crate::store::accounts::{self, Changes};
use crate::store::registry::KINDS;
use crate::store::scope::Grant;
use crate::store::{policy, sessions};
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, delete, get, put};
use cell_records_types::accounts::{CallerKind, Me, PasswordChange, Role, RoleRights, Session, TypeRights};
use cell_records_types::faults::WRONG_PASSWORD;
use cell_records_types::pages::Page;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the routes of this file.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(get_me).service(update_my_password).service(list_roles);
    config.service(list_my_sessions).service(delete_my_sessions).service(delete_my_session);
}

/// Who the caller is, and what it may do now.
///
/// Grants that have ended, or begin later, are not shown.
#[utoipa::path(tag = "me", responses((status = 200, description = "The caller", body = Me, example = json!({
    "id": "019a3c5e-0000-7000-8000-000000000001", "kind": "user", "name": "admin", "display_name": "Quản trị viên",
    "unit_id": "00000000-0000-7000-8000-000000000001",
    "grants": [{"id": "019a3c5e-0000-7000-8000-000000000002", "role": "administrator", "unit_id": "00000000-0000-7000-8000-000000000001", "from": "2014-01-01T00:00:00.000000Z"}],
}))))]
#[get("/v1/me")]
async fn get_me(who: Who) -> ApiResult<HttpResponse> {
    Ok(HttpResponse::Ok().json(caller(who)))
}

/// The caller as the API shows it.
pub fn caller(who: Who) -> Me {
    let Who { identity, scope, .. } = who;
    Me {
        id: identity.account,
        kind: identity.kind.clone(),
        name: identity.name.clone(),
        display_name: identity.display_name.clone(),
        unit_id: identity.unit,
        token_expires_at: identity.token_expires,
        grants: scope.grants.into_iter().map(Grant::into_wire).collect(),
    }
}

/// Changes the caller's own password.
///
/// Ends the caller's other sessions. Wrong passwords count as failed logins do: then `429`. For users only.
#[utoipa::path(tag = "me", request_body(content = PasswordChange, example = json!({"current_password": "con mèo ngồi trên mái nhà", "new_password": "con chó nằm dưới gốc cây"})),
    responses((status = 204, description = "Changed")))]
#[put("/v1/me/password")]
async fn update_my_password(
    app: App,
    who: Who,
    request: HttpRequest,
    body: Result<JsonBody, ApiError>,
) -> ApiResult<HttpResponse> {
    must_be_user(&who)?;
    let (form, _) = body?.form::<PasswordChange>()?;
    let account = who.identity.account;
    // Whoever found a session open must not find out the password by trying.
    let attempt = LoginAttempt::new(&who.identity.name, client::address(&request));
    login::may_try(&app, &request, &attempt)?;
    let found = app.reads.single(async |db| accounts::by_id(db, CallerKind::User, account).await).await?;
    let hash = found.and_then(|account| account.password_hash);
    let fits = app.hasher.verify(form.current_password.to_string(), hash.clone()).await?;
    // Attempts that were made at the same time do not get around the count.
    login::may_try(&app, &request, &attempt)?;
    let by = client::by(&request, Some(&who));
    if !fits {
        login::failed(&app, &request, &attempt, by, &who.identity.name, "wrong password in a change of it").await?;
        return Err(ApiError::fault("/current_password", &WRONG_PASSWORD));
    }
    let (name, unit) = (&who.identity.name, who.identity.unit);
    let new = users::hashed(&app, "/new_password", &form.new_password, name, unit).await?;
    let session = who.identity.session;
    let changed = administration::write(&app, &who, move |tx, _| {
        Box::pin(async move {
            let now = accounts::by_id(&mut tx.db(), CallerKind::User, account).await?;
            let Some(mut account) = now.filter(|now| now.password_hash == hash) else {
                return Err(ApiError::new(&error::CONFLICT).detail(&phrases::PASSWORD_CHANGED).into());
            };
            let changes = Changes { password_hash: Some(new), keep_session: Some(session), ..Changes::default() };
            Ok(accounts::change(tx, &by, &mut account, changes).await?)
        })
    });
    changed.await?;
    Ok(HttpResponse::NoContent().finish())
}

fn must_be_user(who: &Who) -> ApiResult<()> {
    if who.identity.kind == CallerKind::User {
        return Ok(());
    }
    Err(ApiError::new(&error::FORBIDDEN).detail(&phrases::USERS_ONLY))
}

/// The caller's live sessions, the latest first.
///
/// One login is one session, also when it was refreshed. For users only.
#[utoipa::path(tag = "me", responses((status = 200, description = "The sessions", body = Page<Session>, example = json!({"items": [
    {"id": "019a3c5e-0000-7000-8000-000000000003", "created_at": "2014-01-01T00:00:00.000000Z", "expires_at": "2014-01-31T00:00:00.000000Z", "current": true}
]}))))]
#[get("/v1/me/sessions")]
async fn list_my_sessions(app: App, who: Who) -> ApiResult<HttpResponse> {
    must_be_user(&who)?;
    let mut found = app.reads.single(async |db| sessions::list(db, who.identity.account, who.view.now).await).await?;
    for session in &mut found {
        session.current = session.id == who.identity.session;
    }
    Ok(pages::whole(found))
}

/// Ends all of the caller's sessions, this one too.
///
/// Their tokens stop working within a second. For users only.
#[utoipa::path(tag = "me", responses((status = 204, description = "Ended")))]
#[delete("/v1/me/sessions")]
async fn delete_my_sessions(app: App, who: Who, request: HttpRequest) -> ApiResult<HttpResponse> {
    must_be_user(&who)?;
    let (by, identity) = (client::by(&request, Some(&who)), who.identity.clone());
    let ended = administration::write(&app, &who, move |tx, _| {
        Box::pin(async move { Ok(sessions::end_every(tx, &by, identity.account, identity.unit).await?) })
    });
    ended.await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends one of the caller's sessions.
///
/// Its tokens stop working within a second. For users only.
#[utoipa::path(tag = "me", responses((status = 204, description = "Ended")))]
#[delete("/v1/me/sessions/{session}")]
async fn delete_my_session(app: App, who: Who, request: HttpRequest, session: Path<String>) -> ApiResult<HttpResponse> {
    must_be_user(&who)?;
    let (session, by, identity) = (id(&session)?, client::by(&request, Some(&who)), who.identity.clone());
    let ended = administration::write(&app, &who, move |tx, _| {
        Box::pin(async move {
            Ok(sessions::end_one(tx, &by, "session_ended", identity.account, identity.unit, session).await?)
        })
    });
    administration::removed(ended.await?)
}

/// The table of rights: what each role reads and writes of each record type.
///
/// The same for every caller; `GET /v1/me` says which roles the caller has.
#[utoipa::path(tag = "me", responses((status = 200, description = "The roles", body = Page<RoleRights>, example = json!({"items": [
    {"role": "auditor", "label_vi": "Giám sát nhật ký", "label_en": "Auditor", "types": [{"type": "unit", "reads": "public"}]}
]}))))]
#[get("/v1/roles")]
async fn list_roles(_who: Who) -> HttpResponse {
    let of_role = |role: &Role| {
        let label = Role::LIST.codes.iter().find(|code| code.code == role.code());
        let types = KINDS.iter().filter_map(|kind| {
            let rights = policy::rights(role, kind.name)?;
            let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            Some(TypeRights {
                kind: kind.name.into(),
                reads: rights.reads.code().into(),
                writes: rights.writes.map(|class| class.code().into()),
                except: texts(rights.except),
                only: texts(rights.only),
            })
        });
        RoleRights {
            role: role.clone(),
            label_vi: label.map(|code| code.label.vi.to_owned()).unwrap_or_default(),
            label_en: label.map(|code| code.label.en.to_owned()).unwrap_or_default(),
            types: types.collect(),
        }
    };
    pages::whole(Role::ALL.iter().map(of_role).collect())
}
