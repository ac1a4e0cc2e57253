//! The grants of users and systems: `/v1/users/{id}/grants`, `/v1/systems/{id}/grants`. One code for both.

use super::administration::{self, Made, account, changeable, find, id, unit_below, visible};
use super::body::JsonBody;
use super::params::Params;
use super::tagged::{self, Tagged};
use super::{client, pages};
use crate::auth::caller::Who;
use crate::error::{self, ApiError, ApiResult};
use crate::state::App;
use crate::store::accounts;
use crate::store::grants::{self, Added};
use crate::store::registry::UNIT;
use crate::store::scope::{self, Scope};
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, delete, get, post};
use cell_records_types::Reference;
use cell_records_types::accounts::{CallerKind, Grant, GrantCreate, Role, UnitGrant};
use cell_records_types::faults::{DATES_OUT_OF_ORDER, Fault, ROLES_CONFLICT, UNKNOWN_CODE};
use cell_records_types::pages::Page;
use cell_records_types::phrases::{AFTER, GRANT_FROM, SENSITIVE_FIELD};
use serde_json::{Value, json};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// Registers the routes of this file.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list_user_grants).service(create_user_grant).service(get_user_grant).service(delete_user_grant);
    config.service(list_system_grants).service(create_system_grant);
    config.service(get_system_grant).service(delete_system_grant);
}

/// Registers what is below a unit: before the routes of the record types, which take all of `/v1/units/`.
pub fn routes_below_units(config: &mut ServiceConfig<'_>) {
    config.service(list_unit_grants);
}

/// A grant of a user, as the document shows it.
fn of_user() -> Value {
    json!({
        "id": "019a3c5e-0000-7000-8000-000000000002", "role": "committee_office",
        "unit_id": "00000000-0000-7000-8000-000000000001", "from": "2014-01-01T00:00:00.000000Z",
    })
}

/// A grant of a system, as the document shows it.
fn of_system() -> Value {
    json!({
        "id": "019a3c5e-0000-7000-8000-000000000002", "role": "exchange_peer",
        "unit_id": "00000000-0000-7000-8000-000000000001", "from": "2014-01-01T00:00:00.000000Z",
        "fields": ["member.personal_id"],
    })
}

/// The grants of a user, also those that are not in force now.
///
/// Needs `administrator` over the user's unit.
#[utoipa::path(tag = "users", responses((status = 200, description = "The grants", body = Page<Grant>, example = json!({"items": [of_user()]}))))]
#[get("/v1/users/{id}/grants")]
async fn list_user_grants(app: App, who: Who, id: Path<String>) -> ApiResult<HttpResponse> {
    list(&app, &who, CallerKind::User, &id).await
}

/// The grants of a system, also those that are not in force now.
///
/// Needs `administrator` over the system's unit.
#[utoipa::path(tag = "systems", responses((status = 200, description = "The grants", body = Page<Grant>, example = json!({"items": [of_system()]}))))]
#[get("/v1/systems/{id}/grants")]
async fn list_system_grants(app: App, who: Who, id: Path<String>) -> ApiResult<HttpResponse> {
    list(&app, &who, CallerKind::System, &id).await
}

async fn list(app: &App, who: &Who, kind: CallerKind, id: &str) -> ApiResult<HttpResponse> {
    let account = account(app, who, kind, id, visible).await?;
    let grants = app.reads.single(async |db| grants::list(db, account.id).await).await?;
    Ok(pages::whole(grants.into_iter().map(scope::Grant::into_wire).collect()))
}

/// Gives a user a role over a unit and all below it.
///
/// The unit is at or below the user's own, and under a grant of `administrator` that the caller holds. It takes
/// effect within a second. One that the user holds already, with the same times and fields, is returned with `200`.
/// Nobody may change their own grants. No account holds `administrator` together with a role that reads personal data,
/// or with named fields, at the same time: `422`, `roles_conflict`.
#[utoipa::path(tag = "users",
    request_body(content = GrantCreate, example = json!({"role": "committee_office", "unit_id": "ext:demo:ward"})),
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, description = "Added; `Location` says where", body = Grant, headers(("ETag" = String)), example = json!(of_user())), (status = 200, description = "It is held already", body = Grant, headers(("ETag" = String)), example = json!(of_user()))))]
#[post("/v1/users/{id}/grants")]
async fn create_user_grant(
    app: App,
    who: Who,
    request: HttpRequest,
    id: Path<String>,
    body: Result<JsonBody, ApiError>,
) -> ApiResult<HttpResponse> {
    add(&app, &who, &request, CallerKind::User, &id, body).await
}

/// Gives a system a role over a unit and all below it.
///
/// The unit is at or below the system's own, and under a grant of `administrator` that the caller holds. It takes
/// effect within a second. One that the system holds already, with the same times and fields, is returned with `200`.
/// No account holds `administrator` together with a role that reads personal data, or with named fields, at the same
/// time: `422`, `roles_conflict`.
#[utoipa::path(tag = "systems",
    request_body(content = GrantCreate, example = json!({"role": "exchange_peer", "unit_id": "ext:demo:ward", "fields": ["member.personal_id"]})),
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, description = "Added; `Location` says where", body = Grant, headers(("ETag" = String)), example = json!(of_system())), (status = 200, description = "It is held already", body = Grant, headers(("ETag" = String)), example = json!(of_system()))))]
#[post("/v1/systems/{id}/grants")]
async fn create_system_grant(
    app: App,
    who: Who,
    request: HttpRequest,
    id: Path<String>,
    body: Result<JsonBody, ApiError>,
) -> ApiResult<HttpResponse> {
    add(&app, &who, &request, CallerKind::System, &id, body).await
}

async fn add(
    app: &App,
    who: &Who,
    request: &HttpRequest,
    kind: CallerKind,
    id: &str,
    body: Result<JsonBody, ApiError>,
) -> ApiResult<HttpResponse> {
    let account = account(app, who, kind.clone(), id, changeable).await?;
    let body = body?;
    let (form, _) = body.form::<GrantCreate>()?;
    let mut faults = Vec::new();
    let named = app.reads.single(async |db| accounts::unit_of(db, &form.unit_id.to).await).await?;
    let place = match who.judged(app, |scope| unit_below(scope, &account, named)).await {
        Ok(place) => Some(place),
        // Together with the other faults of the body.
        Err(error) if !error.faults.is_empty() => {
            faults.extend(error.faults);
            None
        }
        Err(error) => return Err(error),
    };
    if form.until.is_some_and(|until| until <= form.from.unwrap_or(who.view.now)) {
        faults.push(Fault::new("/until", &DATES_OUT_OF_ORDER).about(AFTER.of(&GRANT_FROM)));
    }
    let fields: Vec<String> = form.fields.iter().flat_map(|fields| fields.iter()).map(|f| f.to_string()).collect();
    for (index, _) in fields.iter().enumerate().filter(|(_, field)| !grants::is_sensitive(field)) {
        faults.push(Fault::new(format!("/fields/{index}"), &UNKNOWN_CODE).about(&SENSITIVE_FIELD));
    }
    let Some(place) = place.filter(|_| faults.is_empty()) else { return Err(ApiError::invalid(faults)) };
    let new = grants::NewGrant { role: form.role, unit: place, from: form.from, until: form.until, fields };
    let (by, epoch, holder) = (client::by(request, Some(who)), who.view.clock.epoch.clone(), account.id);
    let given = administration::once(app, request, who, &body.0, move |tx, scope| {
        Box::pin(async move {
            let account = changeable(&scope, find(&mut tx.db(), kind, holder).await?)?;
            unit_below(&scope, &account, Some(place))?;
            match grants::add(tx, &by, &account, new).await? {
                Added::New(grant) => Ok(Made::New(Tagged::grant(grant, &epoch))),
                Added::Held(grant) => Ok(Made::Known(Tagged::grant(grant, &epoch))),
                Added::Conflict => Err(ApiError::fault("/role", &ROLES_CONFLICT).into()),
            }
        })
    });
    given.await
}

/// A grant that an account holds.
async fn held(app: &App, who: &Who, account: Uuid, id: Uuid) -> ApiResult<Tagged> {
    let held = app.reads.single(async |db| grants::list(db, account).await).await?;
    let grant = held.into_iter().find(|grant| grant.id == id).ok_or_else(|| ApiError::new(&error::NOT_FOUND))?;
    Ok(Tagged::grant(grant, &who.view.clock.epoch))
}

/// A grant of a user.
///
/// Needs `administrator` over the user's unit.
#[utoipa::path(tag = "users",
    params(("If-None-Match" = Option<String>, Header)),
    responses((status = 304, description = "The copy is current"), (status = 200, description = "The grant", body = Grant, headers(("ETag" = String)), example = json!(of_user()))))]
#[get("/v1/users/{id}/grants/{grant}")]
async fn get_user_grant(
    app: App,
    who: Who,
    request: HttpRequest,
    path: Path<(String, String)>,
) -> ApiResult<HttpResponse> {
    get_grant(&app, &who, &request, CallerKind::User, &path).await
}

/// A grant of a system.
///
/// Needs `administrator` over the system's unit.
#[utoipa::path(tag = "systems",
    params(("If-None-Match" = Option<String>, Header)),
    responses((status = 304, description = "The copy is current"), (status = 200, description = "The grant", body = Grant, headers(("ETag" = String)), example = json!(of_system()))))]
#[get("/v1/systems/{id}/grants/{grant}")]
async fn get_system_grant(
    app: App,
    who: Who,
    request: HttpRequest,
    path: Path<(String, String)>,
) -> ApiResult<HttpResponse> {
    get_grant(&app, &who, &request, CallerKind::System, &path).await
}

async fn get_grant(
    app: &App,
    who: &Who,
    request: &HttpRequest,
    kind: CallerKind,
    path: &(String, String),
) -> ApiResult<HttpResponse> {
    let account = account(app, who, kind, &path.0, visible).await?;
    Ok(held(app, who, account.id, id(&path.1)?).await?.read(request))
}

/// Removes a grant of a user. Takes effect within a second.
///
/// Needs `administrator` over the user's unit and all its grants. Nobody may change their own grants. `409` when it
/// would leave no user with permanent administration of the root.
#[utoipa::path(tag = "users",
    params(("If-Match" = String, Header)),
    responses((status = 204, description = "Removed")))]
#[delete("/v1/users/{id}/grants/{grant}")]
async fn delete_user_grant(
    app: App,
    who: Who,
    request: HttpRequest,
    path: Path<(String, String)>,
) -> ApiResult<HttpResponse> {
    remove(&app, &who, &request, CallerKind::User, &path).await
}

/// Removes a grant of a system. Takes effect within a second.
///
/// Needs `administrator` over the system's unit and all its grants.
#[utoipa::path(tag = "systems",
    params(("If-Match" = String, Header)),
    responses((status = 204, description = "Removed")))]
#[delete("/v1/systems/{id}/grants/{grant}")]
async fn delete_system_grant(
    app: App,
    who: Who,
    request: HttpRequest,
    path: Path<(String, String)>,
) -> ApiResult<HttpResponse> {
    remove(&app, &who, &request, CallerKind::System, &path).await
}

async fn remove(
    app: &App,
    who: &Who,
    request: &HttpRequest,
    kind: CallerKind,
    path: &(String, String),
) -> ApiResult<HttpResponse> {
    let account = account(app, who, kind.clone(), &path.0, changeable).await?;
    let (grant, by) = (id(&path.1)?, client::by(request, Some(who)));
    // A grant never changes: what is judged here holds in the write, too.
    held(app, who, account.id, grant).await?.must_be(tagged::expected(request, who)?)?;
    let removed = administration::write(app, who, move |tx, scope| {
        Box::pin(async move {
            let account = changeable(&scope, find(&mut tx.db(), kind, account.id).await?)?;
            let now = tx.now;
            if grants::is_last_administration(&mut tx.db(), grant, now).await? {
                return Err(ApiError::new(&error::LAST_ADMINISTRATOR).into());
            }
            Ok(grants::remove(tx, &by, &account, grant).await?)
        })
    });
    administration::removed(removed.await?)
}

/// Who sees a unit: the accounts whose grants cover it, by which grant, and since when.
///
/// Includes grants that were given for a unit above it, and grants that begin later. Leaves out grants that have ended,
/// and disabled accounts. Needs `committee_office` or `committee_lead` over the unit. Sorted by the grant's id, which
/// is the order in which they were given.
#[utoipa::path(tag = "units",
    params(
        ("id" = String, Path, description = "The unit: a UUID or `ext:<system>:<value>`"),
        ("limit" = i64, Query),
        ("cursor" = String, Query),
    ),
    responses((status = 200, description = "A page", body = Page<UnitGrant>, example = json!({"items": [
        {"id": "019a3c5e-0000-7000-8000-000000000002", "account_id": "019a3c5e-0000-7000-8000-000000000001", "account_kind": "user", "account_name": "van-phong", "display_name": "Văn phòng Đảng ủy", "role": "committee_office", "unit_id": "00000000-0000-7000-8000-000000000001", "from": "2014-01-01T00:00:00.000000Z"}
    ]}))))]
#[get("/v1/units/{id}/grants")]
async fn list_unit_grants(app: App, who: Who, request: HttpRequest, id: Path<String>) -> ApiResult<HttpResponse> {
    let not_found = || ApiError::new(&error::NOT_FOUND);
    let reference: Reference = id.parse().map_err(|()| not_found())?;
    let found = app.reads.single(async |db| accounts::unit_of(db, &reference).await).await?;
    let judge = |scope: &Scope| {
        let unit = found.filter(|unit| scope.reads(UNIT, *unit).is_some()).ok_or_else(not_found)?;
        let may = scope.holds(unit, |role| matches!(role, Role::CommitteeOffice | Role::CommitteeLead));
        if may { Ok(unit) } else { Err(ApiError::needs_role(&[Role::CommitteeOffice, Role::CommitteeLead])) }
    };
    let unit = who.judged(&app, judge).await?;
    let mut params = Params::of(&request)?;
    let wanted = pages::PageRequest::<Uuid>::of(&mut params, &app, &who, format!("grants {unit}"))?;
    params.end()?;
    let (now, after, limit) = (who.view.now, wanted.after.unwrap_or_default(), wanted.limit + 1);
    let grants = app.reads.single(async |db| grants::covering(db, unit, now, after, limit).await).await?;
    Ok(wanted.answer(&app, &who, grants, |grant| grant.id))
}
