//! Systems, as administrators manage them: `/v1/systems`. Their tokens: `tokens.rs`; their grants: `grants.rs`.

use super::administration::{administered, change, changeable, unit_or_own, visible};
use super::body::Body;
use super::openapi::Problems;
use super::params::Params;
use super::{client, idempotency, pages};
use crate::auth::caller::Who;
use crate::error::{ApiError, ApiResult};
use crate::state::App;
use crate::store::accounts::{self, Account, Changes, NewAccount};
use crate::store::audit::By;
use crate::store::writer::WriteTx;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, get, patch, post};
use cell_records_types::accounts::{AccountPatch, CallerKind, NewSystem, System};
use cell_records_types::faults::{NAME_TAKEN, UNKNOWN_FIELD};
use cell_records_types::pages::Page;
use cell_records_types::text::fold;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the routes of this file.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list_systems).service(create_system).service(read_system).service(change_system);
}

/// The systems of the units that the caller administers, by code.
///
/// Needs `administrator`.
#[utoipa::path(tag = "systems",
    params(
        ("limit" = Option<i64>, Query, description = "Items a page, 1 to 500; default 50"),
        ("cursor" = Option<String>, Query, description = "Where the page before said that this one begins"),
    ),
    responses((status = 200, description = "A page", body = Page<System>, example = json!({"items": [
        {"id": "019a3c5e-0000-7000-8000-000000000004", "code": "tinh-nghe-an", "name": "Tỉnh Nghệ An", "contact": "cntt@nghean.vn", "purpose": "Đồng bộ hồ sơ", "unit_id": "00000000-0000-7000-8000-000000000001", "disabled": false, "created_at": "2014-01-01T00:00:00.000000Z"}
    ]})), Problems))]
#[get("/v1/systems")]
async fn list_systems(app: App, who: Who, request: HttpRequest) -> ApiResult<HttpResponse> {
    let roots = administered(&who)?;
    let mut params = Params::of(&request)?;
    let wanted = pages::Wanted::<String>::of(&mut params, &app, &who, "systems".into())?;
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
/// Its code is made from its name unless one is given, and never changes. Needs `administrator` over the unit. A
/// repeat under the same `Idempotency-Key` gets the same answer.
#[utoipa::path(tag = "systems",
    request_body(content = NewSystem, example = json!({"name": "Tỉnh Nghệ An", "contact": "cntt@nghean.vn", "purpose": "Đồng bộ hồ sơ"})),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat harmless")),
    responses((status = 201, description = "Made; `Location` tells where", body = System, example = json!(
        {"id": "019a3c5e-0000-7000-8000-000000000004", "code": "tinh-nghe-an", "name": "Tỉnh Nghệ An", "contact": "cntt@nghean.vn", "purpose": "Đồng bộ hồ sơ", "unit_id": "00000000-0000-7000-8000-000000000001", "disabled": false, "created_at": "2014-01-01T00:00:00.000000Z"}
    )), Problems))]
#[post("/v1/systems")]
async fn create_system(
    app: App,
    who: Who,
    request: HttpRequest,
    body: Result<Body, ApiError>,
) -> ApiResult<HttpResponse> {
    administered(&who)?;
    let body = body?;
    let (form, _) = body.form::<NewSystem>()?;
    let unit = unit_or_own(&app, &who, form.unit_id.as_ref()).await?;
    let code = form.code.map(|code| code.to_string());
    if code.as_ref() == Some(&app.server_code) {
        return Err(ApiError::fault("/code", &NAME_TAKEN));
    }
    let (by, server_code) = (client::by(&request, Some(&who)), app.server_code.clone());
    let new = NewAccount {
        kind: CallerKind::System,
        name: code.unwrap_or_default(),
        display_name: form.name.to_string(),
        unit,
        password_hash: None,
        contact: Some(form.contact.to_string()),
        purpose: Some(form.purpose.to_string()),
    };
    let made = idempotency::once(
        &app,
        &request,
        &who,
        &body.0,
        "/v1/systems",
        move |tx| {
            Box::pin(async move {
                Ok(match register(tx, &by, new, &server_code).await? {
                    Some(system) => Ok(idempotency::made(system.id, &system.into_system())),
                    None => Err(ApiError::fault("/code", &NAME_TAKEN)),
                })
            })
        },
        async |id| {
            let system = visible(&app, &who, CallerKind::System, &id.to_string()).await?.into_system();
            Ok(serde_json::to_string(&system).unwrap_or_default())
        },
    );
    made.await
}

/// Makes a system; without a code it gets the first free one that its name suggests. Nothing when its code is taken.
///
/// # Errors
/// When the database fails.
pub async fn register(
    tx: &mut WriteTx<'_>,
    by: &By,
    mut new: NewAccount,
    server_code: &str,
) -> Result<Option<Account>, crate::db::DbError> {
    if new.name.is_empty() {
        let stem = slug(&new.display_name);
        let mut number = 1u32;
        new.name = stem.clone();
        while new.name == server_code || accounts::by_name(&mut tx.db(), CallerKind::System, &new.name).await?.is_some()
        {
            number += 1;
            new.name = format!("{stem}-{number}");
        }
    }
    accounts::insert(tx, by, new).await
}

/// A code from a name: its words without diacritics, at most 30 characters, so that a number fits behind it.
fn slug(name: &str) -> String {
    let folded: String = fold(name).chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let words: Vec<&str> = folded.split('-').filter(|word| !word.is_empty()).collect();
    let code: String = words.join("-").chars().take(30).collect();
    let code = code.trim_end_matches('-');
    if code.len() < 2 { "system".into() } else { code.to_owned() }
}

/// A system.
///
/// Needs `administrator` over the system's unit.
#[utoipa::path(tag = "systems", responses((status = 200, description = "The system", body = System, example = json!(
    {"id": "019a3c5e-0000-7000-8000-000000000004", "code": "tinh-nghe-an", "name": "Tỉnh Nghệ An", "contact": "cntt@nghean.vn", "purpose": "Đồng bộ hồ sơ", "unit_id": "00000000-0000-7000-8000-000000000001", "disabled": false, "created_at": "2014-01-01T00:00:00.000000Z"}
)), Problems))]
#[get("/v1/systems/{id}")]
async fn read_system(app: App, who: Who, id: Path<String>) -> ApiResult<HttpResponse> {
    let system = visible(&app, &who, CallerKind::System, &id).await?;
    Ok(HttpResponse::Ok().json(system.into_system()))
}

/// Shuts a system out, or lets it in again; gives it another name.
///
/// Shutting it out revokes its tokens within a second, for good. Needs `administrator` over the system's unit and
/// all its grants.
#[utoipa::path(tag = "systems",
    request_body(content = AccountPatch, example = json!({"disabled": true})),
    responses((status = 200, description = "As it is now", body = System, example = json!(
        {"id": "019a3c5e-0000-7000-8000-000000000004", "code": "tinh-nghe-an", "name": "Tỉnh Nghệ An", "contact": "cntt@nghean.vn", "purpose": "Đồng bộ hồ sơ", "unit_id": "00000000-0000-7000-8000-000000000001", "disabled": true, "created_at": "2014-01-01T00:00:00.000000Z"}
    )), Problems))]
#[patch("/v1/systems/{id}")]
async fn change_system(
    app: App,
    who: Who,
    request: HttpRequest,
    id: Path<String>,
    body: Result<Body, ApiError>,
) -> ApiResult<HttpResponse> {
    let system = changeable(&app, &who, CallerKind::System, &id).await?;
    let (form, _) = body?.form::<AccountPatch>()?;
    if form.password.is_some() {
        return Err(ApiError::fault("/password", &UNKNOWN_FIELD));
    }
    let changes = Changes {
        display_name: form.display_name.map(|name| name.to_string()),
        disabled: form.disabled,
        ..Changes::default()
    };
    let changed = change(&app, client::by(&request, Some(&who)), system, changes).await?;
    Ok(HttpResponse::Ok().json(changed.into_system()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cell_records_types::accounts::SystemCode;
    use cell_records_types::faults::Report;
    use cell_records_types::fields::Field;

    #[test]
    fn a_code_made_from_a_name_is_a_code() {
        assert_eq!(slug("Tỉnh Nghệ An"), "tinh-nghe-an");
        assert_eq!(slug("Đảng bộ  TP. Vinh (2014)"), "dang-bo-tp-vinh-2014");
        for name in ["中文", "A", "…", &"rất dài ".repeat(20), "-a-"] {
            let mut report = Report::default();
            SystemCode::check(&mut format!("{}-999", slug(name)).into(), &mut report);
            assert!(report.faults.is_empty(), "{name}");
        }
    }
}
