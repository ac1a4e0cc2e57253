//! Whether the server is alive and ready, and the keys that verify its tokens. None of it needs a login.

use crate::auth::caller::know_signing_keys;
use crate::auth::keys::JwkSet;
use crate::error::{ApiError, ApiResult, UNAVAILABLE};
use crate::phrases;
use crate::state::App;
use actix_web::{HttpResponse, get};
use cell_records_types::Timestamp;
use serde::Serialize;
use std::sync::atomic::Ordering;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the routes of this file.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(get_health).service(get_readiness).service(get_jwks);
}

/// What a check of the service says.
#[derive(Serialize, ToSchema)]
struct Health {
    /// `ok`: the process is alive; `ready`: it serves requests.
    status: &'static str,
}

/// The process is alive.
///
/// Says nothing of the database: `/readyz` does.
#[utoipa::path(tag = "service", security(()), responses((status = 200, description = "Alive", body = Health, example = json!({"status": "ok"}))))]
#[get("/healthz")]
async fn get_health() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "ok" })
}

/// Ready: the database answers, is migrated and takes writes, and everything that must be loaded is loaded.
///
/// Not ready: while the demo is loading, while the database does not answer, while the writer does not answer within
/// two seconds, and while the last write failed because the database was gone, full or read-only. Then each
/// call tries to write, changing nothing, and says ready once that succeeds. For ten seconds after a write that found no
/// space, only the success of another write counts.
#[utoipa::path(tag = "service", security(()), responses(
    (status = 200, description = "Ready", body = Health, example = json!({"status": "ready"})),
))]
#[get("/readyz")]
async fn get_readiness(app: App) -> ApiResult<HttpResponse> {
    if !app.ready.load(Ordering::Acquire) {
        return Err(ApiError::new(&UNAVAILABLE).detail(&phrases::STARTING));
    }
    app.reads.single(async |db| app.live.confirm(db).await).await?;
    // A database that is full, or that may not be written to, answers reads anyway.
    if !app.writer.is_healthy().await {
        return Err(ApiError::new(&UNAVAILABLE).detail(&phrases::TAKES_NO_WRITES));
    }
    Ok(HttpResponse::Ok().json(Health { status: "ready" }))
}

/// The public keys that verify access tokens (RFC 7517).
///
/// For gateways. Keep them for 5 minutes; a token names its key in `kid`.
#[utoipa::path(tag = "service", security(()), responses((status = 200, description = "The keys", body = JwkSet, example = json!({"keys": [
    {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "5f2c91ab", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
]}))))]
#[get("/.well-known/jwks.json")]
async fn get_jwks(app: App) -> HttpResponse {
    // Without the database the keys that are known are as good as any.
    let now = match app.view().await {
        Ok(view) => know_signing_keys(&app, &view).await.map_or_else(|_| Timestamp::now(), |()| view.now),
        Err(_) => Timestamp::now(),
    };
    HttpResponse::Ok().insert_header(("cache-control", "public, max-age=300")).json(app.keys.signing().jwks(now))
}
