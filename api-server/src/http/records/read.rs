//! Reading records: list, one record, as it was at a time, its history.

use super::collection::Collection;
use super::query::{DEFAULT_LIMIT, ListRequest, MAX_LIMIT};
use super::view::RecordView;
use super::{find_as, of_path, resolve, seen};
use crate::auth::caller::Who;
use crate::auth::seal;
use crate::error::{self, ApiError, ApiResult};
use crate::http::etag;
use crate::http::params::Params;
use crate::phrases;
use crate::state::App;
use crate::store::history::{self, Version};
use crate::store::record::{Stored, show};
use crate::store::scope::Scope;
use actix_web::http::header::{ETAG, LINK};
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use cell_records_types::pages::HistoryEntry;
use cell_records_types::{Class, Timestamp, Uuid};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt::Write;

const JSON: &str = "application/json";

/// `GET /v1/{types}`
pub async fn list(Collection { kind, mut who }: Collection, app: App, request: HttpRequest) -> ApiResult<HttpResponse> {
    let asked = ListRequest::read(&app, &mut who, kind, &request).await?;
    let page = async |who: &Who| {
        let (records, next) = app.reads.single(async |db| asked.list.page(db, &who.scope, &app.sizes).await).await?;
        let mut body = String::with_capacity(64 + records.len() * 1_024);
        body.push_str(r#"{"items":["#);
        let (begin, mut whole) = (body.len(), true);
        for record in &records {
            let end = body.len();
            if end > begin {
                body.push(',');
            }
            if !item(&who.scope, record, &asked.fields, &mut body) {
                body.truncate(end);
                whole = false;
            }
        }
        Ok(((body, next), whole))
    };
    let (mut body, next) = seen(&app, &mut who, page).await?;
    let total = if asked.count { Some(asked.list.count(&app.reads, &who.scope, &app.sizes).await?) } else { None };
    body.push(']');
    let mut response = HttpResponse::Ok();
    if let Some(cursor) = next.and_then(|next| asked.next(&app, &who, next)) {
        // Sealed cursors are plain ASCII; writing to a String cannot fail.
        let _ = write!(body, r#","next_cursor":"{cursor}""#);
        response.insert_header((LINK, format!("</v1/{}?cursor={cursor}>; rel=\"next\"", kind.plural)));
    }
    if let Some(total) = total {
        let _ = write!(body, r#","total":{total}"#);
    }
    body.push('}');
    Ok(response.content_type(JSON).body(body))
}

/// Writes a record of a list with the fields that were chosen, or all. Returns whether the scope sees it at all.
fn item(scope: &Scope, record: &Stored, fields: &[String], out: &mut String) -> bool {
    if fields.is_empty() {
        return show(scope, record, out);
    }
    let text = RecordView::of(scope, record).map(|view| chosen(&view.text(record), fields));
    out.push_str(text.as_deref().unwrap_or_default());
    text.is_some()
}

/// Some fields of a record.
fn chosen(record: &str, fields: &[String]) -> String {
    let mut record: serde_json::Map<String, Value> = serde_json::from_str(record).unwrap_or_default();
    record.retain(|name, _| fields.contains(name));
    Value::Object(record).to_string()
}

/// `GET /v1/{types}/{id}`
pub async fn get(
    Collection { kind, mut who }: Collection,
    app: App,
    path: Path<String>,
    request: HttpRequest,
) -> ApiResult<HttpResponse> {
    let record = of_path(&app, &mut who, kind, &path).await?;
    let mut params = Params::of(&request)?;
    let as_of = params.parsed::<Timestamp>("as_of", &phrases::TIMESTAMP);
    params.end()?;
    let record = match as_of {
        None => live(record)?,
        Some(at) => live(as_it_was(&app, &who, &record, at).await?)?,
    };
    let view = view(&who, &record)?;
    let tag = view.tag(&record, &who.view.clock.epoch);
    if etag::is_known(&request, &tag) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, tag)).finish());
    }
    Ok(HttpResponse::Ok().insert_header((ETAG, tag)).content_type(JSON).body(view.text(&record)))
}

/// What the caller reads of a record.
fn view<'a>(who: &'a Who, record: &Stored) -> ApiResult<RecordView<'a>> {
    RecordView::of(&who.scope, record).ok_or_else(|| ApiError::new(&error::NOT_FOUND))
}

/// Refuses a deleted record.
pub fn live(record: Stored) -> ApiResult<Stored> {
    match record.deleted_at {
        None => Ok(record),
        Some(at) => Err(ApiError::new(&error::GONE).with("deleted_at", at.to_string())),
    }
}

/// A record as it was at a time, where the caller may see that version.
async fn as_it_was(app: &App, who: &Who, record: &Stored, at: Timestamp) -> ApiResult<Stored> {
    let found = app.reads.recent(async |db| history::at(db, record, at).await).await?;
    let seen = found.filter(|version| who.scope.reads(record.kind, version.record.unit_id).is_some());
    seen.map(|version| version.record).ok_or_else(|| ApiError::new(&error::NOT_FOUND))
}

/// Where a page of history begins.
#[derive(Serialize, Deserialize)]
struct HistoryCursor {
    caller: Uuid,
    record: Uuid,
    below: i64,
}

const PREFIX: &str = "ch1.";
/// Bytes of bodies after which a page of history ends.
const LARGE_PAGE: usize = 4 << 20;
/// Versions that are read at a time.
const VERSIONS_AT_ONCE: usize = 100;

/// `GET /v1/{types}/{id}/history`
pub async fn history(
    Collection { kind, mut who }: Collection,
    app: App,
    path: Path<String>,
    request: HttpRequest,
) -> ApiResult<HttpResponse> {
    let not_found = || ApiError::new(&error::NOT_FOUND);
    let id = resolve(&app, &mut who, kind, &path).await?.ok_or_else(not_found)?;
    let record = find_as(&app, &mut who, kind, id, Class::Public).await?.ok_or_else(not_found)?;
    let mut params = Params::of(&request)?;
    let limit = params.number("limit", 1, MAX_LIMIT).unwrap_or(DEFAULT_LIMIT);
    let below = match params.take("cursor") {
        None => None,
        Some(cursor) => {
            let cursor: HistoryCursor =
                seal::open(&app.keys, PREFIX, &cursor).ok_or_else(|| ApiError::new(&error::CURSOR_INVALID))?;
            if cursor.caller != who.identity.account {
                return Err(ApiError::new(&error::CURSOR_FOREIGN));
            }
            if cursor.record != record.id {
                return Err(ApiError::new(&error::CURSOR_FILTER_MISMATCH));
            }
            Some(cursor.below)
        }
    };
    params.end()?;
    let (items, next) = versions(&app, &who, &record, below, usize::try_from(limit).unwrap_or(usize::MAX)).await?;
    let next = next.and_then(|below| {
        seal::seal(&app.keys, PREFIX, &HistoryCursor { caller: who.identity.account, record: record.id, below })
    });
    let mut response = HttpResponse::Ok();
    if let Some(cursor) = &next {
        response.insert_header((
            LINK,
            format!("</v1/{}/{}/history?cursor={cursor}>; rel=\"next\"", kind.plural, record.id),
        ));
    }
    Ok(response.json(cell_records_types::pages::Page { items, next_cursor: next, total: None }))
}

/// A page of versions below a row of the log, and the row that the next page begins below, if there is one. It ends early
/// where its bodies are large.
async fn versions(
    app: &App,
    who: &Who,
    record: &Stored,
    mut below: Option<i64>,
    limit: usize,
) -> ApiResult<(Vec<HistoryEntry>, Option<i64>)> {
    let (mut items, mut left, mut bytes) = (Vec::new(), limit, 0);
    loop {
        let size = left.min(VERSIONS_AT_ONCE);
        // One more: the version before the last shows what that one changed, and that more follow.
        let rows = i64::try_from(size + 1).unwrap_or(i64::MAX);
        let versions = app.reads.single(async |db| history::versions(db, record, below, rows).await).await?;
        for (index, version) in versions.iter().take(size).enumerate() {
            let before = versions.get(index + 1).map(|before| &before.record);
            items.extend(entry(who, version, before));
            (below, left) = (Some(version.seq), left - 1);
            bytes += version.record.body.0.iter().map(String::len).sum::<usize>();
            if before.is_none() {
                return Ok((items, None));
            }
            if left == 0 || bytes >= LARGE_PAGE {
                return Ok((items, below));
            }
        }
        if versions.is_empty() {
            return Ok((items, None));
        }
    }
}

/// A version as the caller may see it: filtered by its rights in the unit that the record belonged to then.
fn entry(who: &Who, version: &Version, before: Option<&Stored>) -> Option<HistoryEntry> {
    let record = &version.record;
    let view = RecordView::of(&who.scope, record)?;
    Some(HistoryEntry {
        version: record.version,
        op: version.op.clone(),
        at: record.updated_at,
        actor: version.actor,
        origin: record.origin.clone(),
        request_id: version.request_id.clone(),
        changed: history::changed(&who.scope, before, record),
        record: record.is_live().then(|| serde_json::from_str(&view.text(record)).unwrap_or_default()),
    })
}
