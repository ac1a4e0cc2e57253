//! The audit log: `GET /v1/audit_events`.

use super::pages;
use super::params::Params;
use crate::auth::caller::Who;
use crate::error::{ApiError, ApiResult};
use crate::phrases;
use crate::state::App;
use crate::store::audit::{self, EventFilter};
use crate::store::policy;
use crate::store::scope::Scope;
use actix_web::{HttpRequest, HttpResponse, get};
use cell_records_types::accounts::{AuditEvent, Role};
use cell_records_types::pages::Page;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// Registers the routes of this file.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list_audit_events);
}

/// What was done to accounts of the units that the caller audits, the latest first.
///
/// Logins and failed ones, grants, tokens and their exchange, sessions, passwords: who, when, from where, by which
/// request. What a `token_rotated` replaced is in its `detail`. Needs `auditor`.
#[utoipa::path(tag = "audit",
    params(
        ("limit" = i64, Query),
        ("cursor" = String, Query),
        ("before_seq" = Option<i64>, Query, description = "Only events before this position"),
        ("action" = Option<String>, Query, description = "Only of this action, such as `login_failed`"),
        ("actor" = Option<Uuid>, Query, description = "Only by this account"),
        ("subject" = Option<Uuid>, Query, description = "Only about this account, grant, token or session"),
    ),
    responses((status = 200, description = "A page", body = Page<AuditEvent>, example = json!({"items": [
        {"seq": 7, "at": "2014-01-01T00:00:00.000000Z", "action": "login", "actor": "019a3c5e-0000-7000-8000-000000000001", "subject": "019a3c5e-0000-7000-8000-000000000003", "unit_id": "00000000-0000-7000-8000-000000000001", "address": "127.0.0.1", "request_id": "4ebf9131-6cda-4431-84cd-ba5c2a17466d", "detail": {}}
    ]}))))]
#[get("/v1/audit_events")]
async fn list_audit_events(app: App, who: Who, request: HttpRequest) -> ApiResult<HttpResponse> {
    let roots = who.judged(&app, audited).await?;
    let mut params = Params::of(&request)?;
    let mut wanted = EventFilter {
        before: params.number("before_seq", 0, i64::MAX),
        action: params.take("action"),
        actor: params.parsed("actor", &phrases::UUID),
        subject: params.parsed("subject", &phrases::UUID),
    };
    let page = pages::PageRequest::<i64>::of(&mut params, &app, &who, format!("audit {wanted:?}"))?;
    params.end()?;
    wanted.before = page.after.or(wanted.before);
    let events = app.reads.single(async |db| audit::list(db, &roots, &wanted, page.limit + 1).await).await?;
    Ok(page.answer(&app, &who, events, |event| event.seq))
}

/// The units that the caller audits, with all below them.
fn audited(scope: &Scope) -> ApiResult<Vec<Uuid>> {
    let audits = scope.grants.iter().filter(|grant| policy::audits(&grant.role));
    let roots: Vec<Uuid> = audits.map(|grant| grant.unit).collect();
    if roots.is_empty() { Err(ApiError::needs_role(&[Role::Auditor])) } else { Ok(roots) }
}
