//! The steps of an evaluation round.

use super::collection::must_read;
use super::write;
use crate::auth::caller::Who;
use crate::error::{ApiError, ApiResult};
use crate::http::body::JsonBody;
use crate::state::App;
use crate::store::items::{Expected, Item};
use crate::store::registry::Kind;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, post};
use cell_records_types::sync::PushOp;
use cell_records_types::{Advance, EvaluationRound, RecordType};
use serde_json::{Map, Value, json};

/// Moves a round one step on, or back to `reviewing` with a reason.
///
/// The steps: `draft`, `self_rating`, `reviewing`, `proposed`, `approved`, `submitted`, `locked`. To `approved` and
/// later steps, and back, needs the role `committee_lead` over the round's unit. From `approved` on, nothing in the
/// round can change.
#[utoipa::path(
    tag = "evaluation_rounds",
    params(
        ("id" = String, Path, description = "The round: a UUID or `ext:<system>:<value>`"),
        ("If-Match" = String, Header, description = "The `ETag` that the step builds on", example = "\"3.5f2c91ab.internal\""),
        ("Idempotency-Key" = Option<String>, Header),
        ("dry_run" = Option<bool>, Query, description = "Whether everything runs and nothing is stored"),
    ),
    request_body(content = Advance, example = json!({"to": "self_rating"})),
    responses((status = 204, description = "Done; the round is now where the caller does not read"), (status = 200, description = "The round after the step", body = EvaluationRound, headers(("ETag" = String)), example = json!({
        "id": "019a3c5e-0000-7000-8000-000000000007", "type": "evaluation_round", "version": 2,
        "unit_id": "019a3c5e-0000-7000-8000-000000000008", "external_ids": [],
        "created_at": "2014-01-01T00:00:00.000000Z", "updated_at": "2014-11-20T08:00:00.000000Z",
        "scheme_id": "019a3c5e-0000-7000-8000-000000000009", "year": 2014, "state": "self_rating",
    })))
)]
#[post("/v1/evaluation_rounds/{id}/advance")]
pub async fn advance_evaluation_round(
    app: App,
    mut who: Who,
    path: Path<String>,
    request: HttpRequest,
    body: Result<JsonBody, ApiError>,
) -> ApiResult<HttpResponse> {
    let Some(kind) = Kind::named(EvaluationRound::NAME) else { return Err(ApiError::new(&crate::error::INTERNAL)) };
    must_read(&app, &mut who, kind).await?;
    let expected = write::expected(&app, &mut who, kind, &path, &request).await?;
    let form = match (body.and_then(|body| body.form::<Advance>().map(|(form, _)| (body, form))), expected) {
        (Ok(form), expected) if expected != Expected::Missing => form,
        (Ok(_), _) => {
            return Err(write::after_rights(
                &app,
                &mut who,
                kind,
                &path,
                ApiError::new(&crate::error::PRECONDITION_REQUIRED),
            )
            .await);
        }
        (Err(error), _) => return Err(write::after_rights(&app, &mut who, kind, &path, error).await),
    };
    let (body, Advance { to, reason }) = form;
    let mut fields = Map::new();
    fields.insert("state".into(), json!(to));
    fields.insert("state_reason".into(), reason.map_or(Value::Null, |reason| json!(reason)));
    let mut item = Item::new(kind, PushOp::Update, Some(write::target(&path)?), expected, fields, "");
    item.managed = true;
    write::submit(&app, &who, &request, item, &body).await
}
