//! The access tokens of a system: `/v1/systems/{id}/tokens`. A secret is returned once and never stored.

use super::administration::{self, account, changeable, find, id, visible};
use super::body::JsonBody;
use super::{client, idempotency, pages};
use crate::auth::caller::Who;
use crate::error::{self, ApiError, ApiResult};
use crate::phrases;
use crate::state::App;
use crate::store::grants;
use crate::store::scope::{Grant, Narrowing};
use crate::store::tokens::{self, LONGEST, NewToken, Rotated};
use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, delete, get, post};
use cell_records_types::Timestamp;
use cell_records_types::accounts::{CallerKind, IssuedToken, Overlap, Rotation, Token, TokenCreate};
use cell_records_types::faults::{EMPTY, Fault, OUT_OF_RANGE, REFERENCE_NOT_FOUND};
use cell_records_types::pages::Page;
use cell_records_types::phrases::IN_400_DAYS;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// How long a token lives by default: 365 days, in microseconds.
const LIFETIME: i64 = 365 * 86_400 * 1_000_000;

/// Registers the routes of this file.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list_tokens).service(create_token).service(delete_token).service(rotate_token);
}

/// The tokens of a system, the latest first, without their secrets.
///
/// Needs `administrator` over the system's unit.
#[utoipa::path(tag = "systems", responses((status = 200, description = "The tokens", body = Page<Token>, example = json!({"items": [
    {"id": "019a3c5e-0000-7000-8000-000000000005", "name": "máy chủ chính", "prefix": "crt_3fGh7Kq1", "created_at": "2014-01-01T00:00:00.000000Z", "expires_at": "2014-12-31T00:00:00.000000Z", "last_used_at": "2014-06-01T08:15:00.000000Z"}
]}))))]
#[get("/v1/systems/{id}/tokens")]
async fn list_tokens(app: App, who: Who, id: Path<String>) -> ApiResult<HttpResponse> {
    let system = account(&app, &who, CallerKind::System, &id, visible).await?;
    Ok(pages::whole(app.reads.single(async |db| tokens::list(db, system.id).await).await?))
}

/// Issues an access token of a system. The answer shows its secret, this once.
///
/// It can never do more than its system's grants; `grants` narrows it further. Needs `administrator` over the
/// system's unit and all its grants.
#[utoipa::path(tag = "systems",
    request_body(content = TokenCreate, example = json!({"name": "máy chủ chính"})),
    responses((status = 201, description = "Issued", body = IssuedToken, example = json!(
        {"id": "019a3c5e-0000-7000-8000-000000000005", "token": "crt_…", "expires_at": "2014-12-31T00:00:00.000000Z"}
    ))))]
#[post("/v1/systems/{id}/tokens")]
async fn create_token(
    app: App,
    who: Who,
    request: HttpRequest,
    id: Path<String>,
    body: Result<JsonBody, ApiError>,
) -> ApiResult<HttpResponse> {
    let system = account(&app, &who, CallerKind::System, &id, changeable).await?;
    idempotency::refuse(&request)?;
    let (form, _) = body?.form::<TokenCreate>()?;
    let expires_at = form.expires_at.unwrap_or_else(|| Timestamp::from_micros(who.view.now.micros() + LIFETIME));
    let mut faults: Vec<Fault> = end_fault(expires_at, who.view.now).into_iter().collect();
    // A token that is narrowed to nothing must not turn out to be one that is not narrowed.
    faults.extend(form.grants.as_ref().filter(|grants| grants.is_empty()).map(|_| Fault::new("/grants", &EMPTY)));
    let wanted: Option<Vec<Uuid>> = form.grants.map(|grants| grants.to_vec());
    let held = app.reads.single(async |db| grants::list(db, system.id).await).await?;
    faults.extend(foreign(wanted.as_deref().unwrap_or_default(), &held));
    if !faults.is_empty() {
        return Err(ApiError::invalid(faults));
    }
    let by = client::by(&request, Some(&who));
    let name = form.name.to_string();
    let issued = administration::write(&app, &who, move |tx, scope| {
        Box::pin(async move {
            let found = find(&mut tx.db(), CallerKind::System, system.id).await?;
            let held = found.as_ref().map(|(_, grants)| grants.clone()).unwrap_or_default();
            let system = changeable(&scope, found)?;
            if system.disabled {
                return Err(ApiError::new(&error::CONFLICT).detail(&phrases::SYSTEM_DISABLED).into());
            }
            let faults = foreign(wanted.as_deref().unwrap_or_default(), &held);
            if !faults.is_empty() {
                return Err(ApiError::invalid(faults).into());
            }
            let narrowing = wanted.map_or(Narrowing::All, Narrowing::Only);
            Ok(tokens::issue(tx, &by, &system, NewToken { name, expires_at, narrowing, replaces: None }).await?)
        })
    });
    let issued = issued.await?;
    Ok(shown_once(&id, &issued))
}

/// Which of the wanted grants the system does not hold.
fn foreign(wanted: &[Uuid], held: &[Grant]) -> Vec<Fault> {
    let foreign = |grant: &Uuid| !held.iter().any(|one| one.id == *grant);
    let foreign = wanted.iter().enumerate().filter(|(_, grant)| foreign(grant));
    foreign.map(|(index, _)| Fault::new(format!("/grants/{index}"), &REFERENCE_NOT_FOUND)).collect()
}

fn shown_once(system: &str, issued: &IssuedToken) -> HttpResponse {
    let place = format!("/v1/systems/{system}/tokens/{}", issued.id);
    HttpResponse::Created().insert_header((LOCATION, place)).insert_header((CACHE_CONTROL, "no-store")).json(issued)
}

/// What is wrong with the end of a token.
fn end_fault(end: Timestamp, now: Timestamp) -> Option<Fault> {
    let fits = now < end && end.micros() - now.micros() <= LONGEST;
    (!fits).then(|| Fault::new("/expires_at", &OUT_OF_RANGE).about(&IN_400_DAYS))
}

/// Revokes a token, within a second.
///
/// Needs `administrator` over the system's unit.
#[utoipa::path(tag = "systems", responses((status = 204, description = "Revoked")))]
#[delete("/v1/systems/{id}/tokens/{token}")]
async fn delete_token(
    app: App,
    who: Who,
    request: HttpRequest,
    path: Path<(String, String)>,
) -> ApiResult<HttpResponse> {
    let system = account(&app, &who, CallerKind::System, &path.0, visible).await?;
    let (token, by) = (id(&path.1)?, client::by(&request, Some(&who)));
    let revoked = administration::write(&app, &who, move |tx, scope| {
        Box::pin(async move {
            let system = visible(&scope, find(&mut tx.db(), CallerKind::System, system.id).await?)?;
            Ok(tokens::revoke(tx, &by, &system, token).await?)
        })
    });
    administration::removed(revoked.await?)
}

/// Gives a token a second secret, which takes its place. The old one works for the overlap: one day unless asked.
///
/// The new one keeps the old one's name and grants. `409` when the old one is revoked, rotated or over. Needs
/// `administrator` over the system's unit and all its grants.
#[utoipa::path(tag = "systems",
    request_body(content = Option<Rotation>, example = json!({"overlap_seconds": 3600})),
    responses((status = 201, description = "The new secret, shown this once", body = IssuedToken, example = json!(
        {"id": "019a3c5e-0000-7000-8000-000000000006", "token": "crt_…", "expires_at": "2014-12-31T00:00:00.000000Z"}
    ))))]
#[post("/v1/systems/{id}/tokens/{token}/rotate")]
async fn rotate_token(
    app: App,
    who: Who,
    request: HttpRequest,
    path: Path<(String, String)>,
    body: Result<JsonBody, ApiError>,
) -> ApiResult<HttpResponse> {
    let system = account(&app, &who, CallerKind::System, &path.0, changeable).await?;
    let token = id(&path.1)?;
    idempotency::refuse(&request)?;
    let body = body?;
    let form = if body.0.is_empty() { None } else { Some(body.form::<Rotation>()?.0) };
    let Rotation { overlap_seconds, expires_at: end, .. } = form.unwrap_or_else(Rotation::new);
    let Overlap(overlap) = overlap_seconds.unwrap_or_default();
    if let Some(fault) = end.and_then(|end| end_fault(end, who.view.now)) {
        return Err(ApiError::invalid(vec![fault]));
    }
    let by = client::by(&request, Some(&who));
    let rotated = administration::write(&app, &who, move |tx, scope| {
        Box::pin(async move {
            let system = changeable(&scope, find(&mut tx.db(), CallerKind::System, system.id).await?)?;
            Ok(tokens::rotate(tx, &by, &system, token, i64::from(overlap) * 1_000_000, end).await?)
        })
    });
    match rotated.await? {
        Rotated::Issued(issued) => Ok(shown_once(&path.0, &issued)),
        Rotated::Unknown => Err(ApiError::new(&error::NOT_FOUND)),
        Rotated::Over => Err(ApiError::new(&error::CONFLICT).detail(&phrases::TOKEN_IS_OVER)),
    }
}
