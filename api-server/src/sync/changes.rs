//! `GET /v1/sync/changes`: the feed. A cursor leads from the snapshot into the tail and on; what is read, with whose
//! rights, is decided again for each page. The call is here; its parameters, the wait and the page have files of their
//! own.

use super::build::{Built, build, unchanged};
use super::parameters::{Begin, FeedRequest};
use super::wait::wait;
use crate::auth::caller::Who;
use crate::error::ApiResult;
use crate::http::etag;
use crate::state::App;
use actix_web::{HttpRequest, HttpResponse, get};
use cell_records_types::sync::ChangesPage;

/// The change feed, and the first load of it.
///
/// Without a cursor it begins with a snapshot: all records of the caller's scope, units first, over as many pages as
/// they need, then `snapshot_end`; after that the same cursor continues with the changes. Save the cursor in the
/// transaction that applies the page. `types`, `units` and `own` are fixed by the first call.
///
/// On `410 cursor_gone` begin again without a cursor; its `reason` is `expired` (the position is too old),
/// `epoch_changed` (the database was restored) or `scope_changed`. A cursor that cannot be read is `400
/// cursor_invalid`, one with other parameters than it began with `400 cursor_filter_mismatch`, another caller's `403
/// cursor_foreign`. A unit of `units` that does not exist, or that the caller does not see, is an empty one: the first
/// page names it in `unknown_units`. `If-None-Match` with the last `ETag` returns `304` when nothing at all was
/// written.
#[utoipa::path(tag = "sync", params(FeedRequest), responses(
    (status = 200, description = "A page", body = ChangesPage, headers(("ETag" = String, description = "Epoch, head of the log and scope")),
        example = json!({"phase": "changes", "changes": [
            {"op": "remove", "type": "member", "id": "01937f1a-0000-7000-8000-000000000001", "version": 4, "reason": "out_of_scope"}
        ], "cursor": "cs1.…", "has_more": false, "behind": 0, "epoch": "5f2c91ab70d3418e", "schema": "2026-11",
           "scope_rev": "9f86d081884c7d65", "server_time": "2026-11-20T08:00:00.000000Z"})),
    (status = 304, description = "Nothing was written since"),
))]
#[get("/v1/sync/changes")]
pub(super) async fn pull_changes(app: App, who: Who, request: HttpRequest) -> ApiResult<HttpResponse> {
    let asked = FeedRequest::of(&app, &who, &request).await?;
    let known = request.headers().contains_key("if-none-match") && asked.wait.is_zero();
    let mut built = match &asked.begin {
        Begin::After(cursor) => match unchanged(&app, &who, cursor, true).await? {
            Some(pull) if known && etag::is_known(&request, &pull.tag()) => {
                return Ok(HttpResponse::NotModified().insert_header(("etag", pull.tag())).finish());
            }
            Some(pull) => Built::nothing(pull, cursor.clone(), &asked),
            None => build(&app, &who, &asked.begin, &asked).await?,
        },
        begin => build(&app, &who, begin, &asked).await?,
    };
    if matches!(asked.begin, Begin::After(_)) && !asked.wait.is_zero() {
        built = wait(&app, &request, built, &asked).await?;
    }
    built.answer(&app, &asked)
}
