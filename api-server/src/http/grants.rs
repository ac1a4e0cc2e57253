//! The grants of users and systems: `/v1/users/{id}/grants`, `/v1/systems/{id}/grants`. One code for both.

use super::administration::{changeable, id, unit, visible};
use super::body::Body;
use super::me::on_the_wire;
use super::openapi::Problems;
use super::{client, idempotency, pages};
use crate::auth::caller::Who;
use crate::error::{self, ApiError, ApiResult};
use crate::state::App;
use crate::store::grants;
use crate::store::registry::KINDS;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, delete, get, post};
use cell_records_types::Class;
use cell_records_types::accounts::{CallerKind, Grant, NewGrant};
use cell_records_types::faults::{DATES_OUT_OF_ORDER, Fault, FaultCode, OUTSIDE_YOUR_UNIT, UNKNOWN_CODE};
use cell_records_types::pages::Page;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the routes of this file.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list_grants_of_user).service(add_grant_to_user).service(remove_grant_of_user);
    config.service(list_grants_of_system).service(add_grant_to_system).service(remove_grant_of_system);
}

/// The grants of a user, those that do not hold now too.
///
/// Needs `administrator` over the user's unit.
#[utoipa::path(tag = "users", responses((status = 200, description = "The grants", body = Page<Grant>, example = json!({"items": [
    {"id": "019a3c5e-0000-7000-8000-000000000002", "role": "committee_office", "unit_id": "00000000-0000-7000-8000-000000000001", "from": "2014-01-01T00:00:00.000000Z"}
]})), Problems))]
#[get("/v1/users/{id}/grants")]
async fn list_grants_of_user(app: App, who: Who, id: Path<String>) -> ApiResult<HttpResponse> {
    list(&app, &who, CallerKind::User, &id).await
}

/// The grants of a system, those that do not hold now too.
///
/// Needs `administrator` over the system's unit.
#[utoipa::path(tag = "systems", responses((status = 200, description = "The grants", body = Page<Grant>, example = json!({"items": [
    {"id": "019a3c5e-0000-7000-8000-000000000002", "role": "exchange_peer", "unit_id": "00000000-0000-7000-8000-000000000001", "from": "2014-01-01T00:00:00.000000Z"}
]})), Problems))]
#[get("/v1/systems/{id}/grants")]
async fn list_grants_of_system(app: App, who: Who, id: Path<String>) -> ApiResult<HttpResponse> {
    list(&app, &who, CallerKind::System, &id).await
}

async fn list(app: &App, who: &Who, kind: CallerKind, id: &str) -> ApiResult<HttpResponse> {
    let account = visible(app, who, kind, id).await?;
    let grants = app.reads.single(async |db| grants::list(db, account.id).await).await?;
    Ok(pages::whole(grants.into_iter().map(on_the_wire).collect()))
}

/// Gives a user a role over a unit and all below it.
///
/// The unit stands at or below the user's own, and under a grant of `administrator` that the caller holds. It works
/// within a second. Nobody changes the own grants.
#[utoipa::path(tag = "users",
    request_body(content = NewGrant, example = json!({"role": "committee_office", "unit_id": "ext:demo:ward"})),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat harmless")),
    responses((status = 201, description = "Given; `Location` tells where", body = Grant, example = json!(
        {"id": "019a3c5e-0000-7000-8000-000000000002", "role": "committee_office", "unit_id": "00000000-0000-7000-8000-000000000001", "from": "2014-01-01T00:00:00.000000Z"}
    )), Problems))]
#[post("/v1/users/{id}/grants")]
async fn add_grant_to_user(
    app: App,
    who: Who,
    request: HttpRequest,
    id: Path<String>,
    body: Result<Body, ApiError>,
) -> ApiResult<HttpResponse> {
    add(&app, &who, &request, CallerKind::User, &id, body).await
}

/// Gives a system a role over a unit and all below it.
///
/// The unit stands at or below the system's own, and under a grant of `administrator` that the caller holds. It works
/// within a second.
#[utoipa::path(tag = "systems",
    request_body(content = NewGrant, example = json!({"role": "exchange_peer", "unit_id": "ext:demo:ward", "fields": ["member.personal_id"]})),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat harmless")),
    responses((status = 201, description = "Given; `Location` tells where", body = Grant, example = json!(
        {"id": "019a3c5e-0000-7000-8000-000000000002", "role": "exchange_peer", "unit_id": "00000000-0000-7000-8000-000000000001", "from": "2014-01-01T00:00:00.000000Z", "fields": ["member.personal_id"]}
    )), Problems))]
#[post("/v1/systems/{id}/grants")]
async fn add_grant_to_system(
    app: App,
    who: Who,
    request: HttpRequest,
    id: Path<String>,
    body: Result<Body, ApiError>,
) -> ApiResult<HttpResponse> {
    add(&app, &who, &request, CallerKind::System, &id, body).await
}

async fn add(
    app: &App,
    who: &Who,
    request: &HttpRequest,
    kind: CallerKind,
    id: &str,
    body: Result<Body, ApiError>,
) -> ApiResult<HttpResponse> {
    let account = changeable(app, who, kind, id).await?;
    let body = body?;
    let (form, _) = body.form::<NewGrant>()?;
    let mut faults = Vec::new();
    let mut fault = |pointer: String, code: &'static FaultCode, argument: String| {
        faults.push(Fault { pointer, code, argument });
    };
    let unit = match unit(app, who, &form.unit_id).await {
        Ok(unit) => Some(unit),
        // Together with the other faults of the body.
        Err(error) if !error.faults.is_empty() => {
            error.faults.into_iter().for_each(|one| fault(one.pointer, one.code, one.argument));
            None
        }
        Err(error) => return Err(error),
    };
    if unit.is_some_and(|unit| !who.scope.tree.covers(account.unit, unit)) {
        fault("/unit_id".into(), &OUTSIDE_YOUR_UNIT, String::new());
    }
    if form.until.is_some_and(|until| until <= form.from.unwrap_or(who.view.now)) {
        fault("/until".into(), &DATES_OUT_OF_ORDER, "from".into());
    }
    let fields: Vec<String> = form.fields.iter().flat_map(|fields| fields.iter()).map(|f| f.to_string()).collect();
    for (index, _) in fields.iter().enumerate().filter(|(_, field)| !is_sensitive(field)) {
        fault(format!("/fields/{index}"), &UNKNOWN_CODE, sensitive_fields().join(", "));
    }
    let Some(unit) = unit.filter(|_| faults.is_empty()) else { return Err(ApiError::invalid(faults)) };
    let new = grants::NewGrant { role: form.role, unit, from: form.from, until: form.until, fields };
    let (by, holder) = (client::by(request, Some(who)), account.id);
    let given = idempotency::once(
        app,
        request,
        who,
        &body.0,
        request.path(),
        move |tx| {
            Box::pin(async move {
                let grant = grants::add(tx, &by, &account, new).await?;
                Ok(Ok(idempotency::made(grant.id, &on_the_wire(grant))))
            })
        },
        async |id| {
            let held = app.reads.single(async |db| grants::list(db, holder).await).await?;
            let grant =
                held.into_iter().find(|grant| grant.id == id).ok_or_else(|| ApiError::new(&error::NOT_FOUND))?;
            Ok(serde_json::to_string(&on_the_wire(grant)).unwrap_or_default())
        },
    );
    given.await
}

/// The fields that a grant may add, as `type.field`.
pub fn sensitive_fields() -> Vec<String> {
    let of_kind = |kind: &'static crate::store::registry::Kind| {
        let sensitive = kind.fields.iter().filter(|field| field.class == Class::Sensitive);
        sensitive.map(|field| format!("{}.{}", kind.name, field.name))
    };
    KINDS.iter().flat_map(of_kind).collect()
}

/// Whether a grant may add this field.
pub fn is_sensitive(field: &str) -> bool {
    sensitive_fields().iter().any(|one| one == field)
}

/// Takes a grant away from a user, within a second.
///
/// Needs `administrator` over the user's unit and all its grants. Nobody changes the own grants.
#[utoipa::path(tag = "users", responses((status = 204, description = "Taken away"), Problems))]
#[delete("/v1/users/{id}/grants/{grant}")]
async fn remove_grant_of_user(
    app: App,
    who: Who,
    request: HttpRequest,
    path: Path<(String, String)>,
) -> ApiResult<HttpResponse> {
    remove(&app, &who, &request, CallerKind::User, &path).await
}

/// Takes a grant away from a system, within a second.
///
/// Needs `administrator` over the system's unit and all its grants.
#[utoipa::path(tag = "systems", responses((status = 204, description = "Taken away"), Problems))]
#[delete("/v1/systems/{id}/grants/{grant}")]
async fn remove_grant_of_system(
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
    let account = changeable(app, who, kind, &path.0).await?;
    let (grant, by) = (id(&path.1)?, client::by(request, Some(who)));
    let removed =
        app.writer.accounts(move |tx| Box::pin(async move { grants::remove(tx, &by, &account, grant).await }));
    if removed.await? { Ok(HttpResponse::NoContent().finish()) } else { Err(ApiError::new(&error::NOT_FOUND)) }
}
