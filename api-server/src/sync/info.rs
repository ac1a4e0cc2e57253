//! `GET /v1/sync`: what a caller must know before it syncs.

use super::parameters::{PULL_MAX_BYTES, WAIT_SECONDS};
use super::pull::MAX_UNITS;
use crate::auth::caller::Who;
use crate::error::ApiResult;
use crate::http::me;
use crate::state::App;
use crate::store::registry::KINDS;
use crate::store::writer::KEYS_KEPT_DAYS;
use actix_web::{HttpResponse, get};
use cell_records_types::sync::{
    MAX_PULL_LIMIT, MAX_PUSH_BYTES, MAX_PUSH_ITEMS, MAX_PUSH_VALUES, SCHEMA, SyncInfo, SyncLimits,
};

/// Days that a cursor stays good.
const RETENTION_DAYS: i64 = 400;

/// The protocol, its limits, and the caller's scope.
///
/// A program asks this before it pulls or pushes.
#[utoipa::path(tag = "sync", responses(
    (status = 200, description = "The protocol, its limits, and the caller", body = SyncInfo, example = json!({
        "protocol": ["1"], "epoch": "5f2c91ab70d3418e", "schema": ["2026-11"], "types": ["unit", "member"],
        "limits": {"push_items": 1000, "push_bytes": 8388608, "push_values": 200000, "pull_limit": 2000, "pull_max_bytes": 8388608, "wait_seconds": 60, "pull_units": 8},
        "retention_days": 400, "idempotency_key_days": 7,
        "caller": {"id": "01937f1a-0000-7000-8000-000000000002", "kind": "system", "name": "city-hr", "display_name": "City HR",
            "unit_id": "00000000-0000-7000-8000-000000000001", "grants": []},
        "server_code": "ward", "server_time": "2026-11-20T08:00:00.000000Z"})),
))]
#[get("/v1/sync")]
pub(super) async fn get_sync_info(app: App, who: Who) -> ApiResult<HttpResponse> {
    let types = KINDS.iter().filter(|kind| who.scope.most(kind).is_some()).map(|kind| kind.name.to_owned());
    Ok(HttpResponse::Ok().json(SyncInfo {
        protocol: vec!["1".into()],
        epoch: who.view.clock.epoch.clone(),
        schema: vec![SCHEMA.into()],
        types: types.collect(),
        limits: SyncLimits {
            push_items: MAX_PUSH_ITEMS,
            push_bytes: MAX_PUSH_BYTES,
            push_values: MAX_PUSH_VALUES,
            pull_limit: MAX_PULL_LIMIT,
            pull_max_bytes: PULL_MAX_BYTES,
            wait_seconds: WAIT_SECONDS,
            pull_units: MAX_UNITS,
        },
        retention_days: RETENTION_DAYS,
        idempotency_key_days: KEYS_KEPT_DAYS,
        server_code: app.server_code.clone(),
        server_time: who.view.now,
        caller: me::caller(who),
    }))
}
