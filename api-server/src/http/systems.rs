//! Systems, as administrators manage them: `/v1/systems`. Their tokens: `tokens.rs`; their grants: `grants.rs`.

use super::administration::{account, administered, unit_or_own, visible};
use super::body::{self, JsonBody};
use super::params::Params;
use super::tagged::Tagged;
use super::{client, pages, users};
use crate::auth::caller::Who;
use crate::error::{ApiError, ApiResult};
use crate::state::App;
use crate::store::accounts::{self, Account, Changes, NewAccount};
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, get, patch, post};
use cell_records_types::accounts::{CallerKind, System, SystemCreate, SystemUpdate};
use cell_records_types::faults::{NAME_TAKEN, SYSTEM_EXISTS};
use cell_records_types::pages::Page;
use serde_json::{Value, json};
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the routes of this file.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list_systems).service(create_system).service(get_system).service(update_system);
}

/// A system, as the document shows it.
fn example(version: i64, name: &str, disabled: bool) -> Value {
    json!({
        "id": "019a3c5e-0000-7000-8000-000000000004", "version": version, "code": "tinh-nghe-an", "name": name,
        "contact": "cntt@nghean.vn", "purpose": "Đồng bộ hồ sơ", "unit_id": "00000000-0000-7000-8000-000000000001",
        "disabled": disabled, "created_at": "2014-01-01T00:00:00.000000Z",
    })
}

/// The systems of the units that the caller administers, by code.
///
/// Needs `administrator`.
#[utoipa::path(tag = "systems",
    params(
        ("limit" = i64, Query),
        ("cursor" = String, Query),
    ),
    responses((status = 200, description = "A page", body = Page<System>, example = json!({"items": [example(1, "Tỉnh Nghệ An", false)]}))))]
#[get("/v1/systems")]
async fn list_systems(app: App, who: Who, request: HttpRequest) -> ApiResult<HttpResponse> {
    let roots = who.judged(&app, administered).await?;
    let mut params = Params::of(&request)?;
    let wanted = pages::PageRequest::<String>::of(&mut params, &app, &who, "systems".into())?;
    params.end()?;
    let after = wanted.after.as_deref().unwrap_or_default();
    let find = async |db: &mut crate::db::Db<'_>| {
        accounts::list(db, CallerKind::System, &roots, after, wanted.limit + 1).await
    };
    let systems: Vec<System> = app.reads.single(find).await?.into_iter().map(Account::into_system).collect();
    Ok(wanted.answer(&app, &who, systems, |system| system.code.clone()))
}

/// Registers a system, without rights and tokens yet.
///
/// Its code is made from its name unless one is given, and never changes; `409` with the fault `system_exists` or
/// `name_taken` when another system has it. Needs `administrator` over the unit. A repeat under the same
/// `Idempotency-Key` gets the same answer.
#[utoipa::path(tag = "systems",
    request_body(content = SystemCreate, example = json!({"name": "Tỉnh Nghệ An", "contact": "cntt@nghean.vn", "purpose": "Đồng bộ hồ sơ"})),
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, description = "Made; `Location` says where", body = System, headers(("ETag" = String)), example = json!(example(1, "Tỉnh Nghệ An", false)))))]
#[post("/v1/systems")]
async fn create_system(
    app: App,
    who: Who,
    request: HttpRequest,
    body: Result<JsonBody, ApiError>,
) -> ApiResult<HttpResponse> {
    who.judged(&app, administered).await?;
    let body = body?;
    let (form, _) = body.form::<SystemCreate>()?;
    let home = unit_or_own(&app, &who, form.unit_id.as_ref()).await?;
    // A second system of one name has to be meant: without a code of its own it would be the first, registered again.
    let (code, taken) = match form.code {
        Some(code) => (code.to_string(), ("/code", &NAME_TAKEN)),
        None => (accounts::code_of(&form.name), ("/name", &SYSTEM_EXISTS)),
    };
    if code == app.server_code {
        return Err(ApiError::not_unique(taken.0, taken.1));
    }
    let new = NewAccount {
        kind: CallerKind::System,
        name: code,
        display_name: form.name.to_string(),
        unit: home,
        password_hash: None,
        contact: Some(form.contact.to_string()),
        purpose: Some(form.purpose.to_string()),
    };
    users::make(&app, &who, &request, &body.0, new, taken).await
}

/// A system.
///
/// Needs `administrator` over the system's unit.
#[utoipa::path(tag = "systems",
    params(("If-None-Match" = Option<String>, Header)),
    responses((status = 304, description = "The copy is current"), (status = 200, description = "The system", body = System, headers(("ETag" = String)), example = json!(example(1, "Tỉnh Nghệ An", false)))))]
#[get("/v1/systems/{id}")]
async fn get_system(app: App, who: Who, request: HttpRequest, id: Path<String>) -> ApiResult<HttpResponse> {
    let system = account(&app, &who, CallerKind::System, &id, visible).await?;
    Ok(Tagged::account(system, &who.view.clock.epoch).read(&request))
}

/// Changes a system: its name, contact and purpose, whether its tokens work.
///
/// Disabling it permanently revokes its tokens, within a second. Needs `administrator` over the system's unit and
/// all its grants.
#[utoipa::path(tag = "systems",
    params(("If-Match" = String, Header)),
    request_body(content = SystemUpdate, example = json!({"name": "Tỉnh ủy Nghệ An", "disabled": true})),
    responses((status = 200, description = "As it is now", body = System, headers(("ETag" = String)), example = json!(example(2, "Tỉnh ủy Nghệ An", true)))))]
#[patch("/v1/systems/{id}")]
async fn update_system(
    app: App,
    who: Who,
    request: HttpRequest,
    id: Path<String>,
    body: Result<JsonBody, ApiError>,
) -> ApiResult<HttpResponse> {
    let (system, base, body) = users::to_change(&app, &who, &request, CallerKind::System, &id, body).await?;
    let (form, _) = body::form::<SystemUpdate>(body)?;
    let changes = Changes {
        display_name: form.name.map(|name| name.to_string()),
        contact: form.contact.map(|contact| contact.to_string()),
        purpose: form.purpose.map(|purpose| purpose.to_string()),
        disabled: form.disabled,
        ..Changes::default()
    };
    users::change(&app, &who, client::by(&request, Some(&who)), system, base, changes).await
}
