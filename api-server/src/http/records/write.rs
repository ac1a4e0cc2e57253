//! Writing records: create, merge patch, delete, restore. Each is a command of one item; the writer decides.

use super::collection::Collection;
use super::view::RecordView;
use super::{find, of_path};
use crate::auth::caller::Who;
use crate::error::{self, ApiError, ApiResult, ErrorCode};
use crate::http::body::{self, JsonBody};
use crate::http::etag;
use crate::http::idempotency::{self, Answer};
use crate::http::params::Params;
use crate::state::App;
use crate::store::decide::{Decided, Refusal};
use crate::store::items::{Command, Expected, Item};
use crate::store::load;
use crate::store::record::Stored;
use crate::store::registry::Kind;
use crate::store::writer::{Done, Outcome};
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use cell_records_types::Reference;
use cell_records_types::faults::{self, Fault};
use cell_records_types::problem::ProblemFault;
use cell_records_types::sync::{Candidate, ConflictReason, ItemStatus, PushOp};
use serde_json::{Map, Value, json};

/// `POST /v1/{types}`
pub async fn create(
    Collection { kind, who }: Collection,
    app: App,
    request: HttpRequest,
    body: Result<JsonBody, ApiError>,
) -> ApiResult<HttpResponse> {
    let somewhere = who.scope.grants.iter().any(|grant| who.scope.writes(kind, grant.unit).whole());
    if !somewhere {
        return Err(ApiError::forbidden(&format!("{}:write", kind.name)));
    }
    let body = body?;
    let mut fields = body.object()?;
    let id = own_id(&mut fields, "")?;
    let item = Item::new(kind, PushOp::Create, id, Expected::Any, fields, "");
    submit(&app, &who, &request, vec![item], &body).await
}

/// Takes the id that the caller made for a new record out of its body.
///
/// # Errors
/// `422` when it is no UUID.
pub fn own_id(fields: &mut Map<String, Value>, prefix: &str) -> ApiResult<Option<Reference>> {
    match fields.remove("id") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if matches!(text.parse(), Ok(Reference::Id(_))) => Ok(text.parse().ok()),
        Some(_) => Err(ApiError::fault(&format!("{prefix}/id"), &faults::REFERENCE_INVALID)),
    }
}

/// `PATCH /v1/{types}/{id}`
pub async fn update(
    Collection { kind, mut who }: Collection,
    app: App,
    path: Path<String>,
    request: HttpRequest,
    body: Result<JsonBody, ApiError>,
) -> ApiResult<HttpResponse> {
    // A body that cannot be read reveals nothing about a record that the caller may not write.
    let read = body.and_then(|body| body.object().map(|fields| (body, fields)));
    let (body, fields) = match read {
        Ok(read) => read,
        Err(error) => return Err(after_rights(&app, &mut who, kind, &path, error).await),
    };
    let expected = expected(&app, &mut who, kind, &path, &request).await?;
    let item = Item::new(kind, PushOp::Update, Some(target(&path)?), expected, fields, "");
    submit(&app, &who, &request, vec![item], &body).await
}

/// `DELETE /v1/{types}/{id}`
pub async fn delete(
    Collection { kind, mut who }: Collection,
    app: App,
    path: Path<String>,
    request: HttpRequest,
) -> ApiResult<HttpResponse> {
    let expected = expected(&app, &mut who, kind, &path, &request).await?;
    let item = Item::new(kind, PushOp::Delete, Some(target(&path)?), expected, Map::new(), "");
    submit(&app, &who, &request, vec![item], &JsonBody(body::NONE)).await
}

/// `POST /v1/{types}/{id}/restore`
pub async fn restore(
    Collection { kind, mut who }: Collection,
    app: App,
    path: Path<String>,
    request: HttpRequest,
    body: Result<JsonBody, ApiError>,
) -> ApiResult<HttpResponse> {
    let empty = body.and_then(|body| {
        if body.0.is_empty() { Ok((body, Map::new())) } else { body.object().map(|fields| (body, fields)) }
    });
    // It comes back as it was: there is nothing to say in a body.
    let surplus = |(_, fields): &(JsonBody, Map<String, Value>)| {
        fields.keys().next().map(|name| ApiError::fault(&format!("/{name}"), &faults::UNKNOWN_FIELD))
    };
    let (body, fields) = match empty.and_then(|read| surplus(&read).map_or(Ok(read), Err)) {
        Ok(read) => read,
        Err(error) => return Err(after_rights(&app, &mut who, kind, &path, error).await),
    };
    let expected = match expected(&app, &mut who, kind, &path, &request).await? {
        Expected::Missing => Expected::Any,
        expected => expected,
    };
    let item = Item::new(kind, PushOp::Restore, Some(target(&path)?), expected, fields, "");
    submit(&app, &who, &request, vec![item], &body).await
}

/// The record that a path means. What is no reference is nothing that exists.
pub fn target(path: &str) -> ApiResult<Reference> {
    match path.parse() {
        Ok(reference @ (Reference::Id(_) | Reference::External { .. })) => Ok(reference),
        _ => Err(ApiError::new(&error::NOT_FOUND)),
    }
}

/// What `If-Match` says; one that cannot be read is answered after the caller's rights.
pub async fn expected(
    app: &App,
    who: &mut Who,
    kind: &'static Kind,
    path: &str,
    request: &HttpRequest,
) -> ApiResult<Expected> {
    match etag::if_match(request, &who.view.clock.epoch) {
        Ok(expected) => Ok(expected),
        Err(error) => Err(after_rights(app, who, kind, path, error).await),
    }
}

/// The error to answer when a request's form is wrong: `404` or `403` where they apply, else the form's own.
pub async fn after_rights(app: &App, who: &mut Who, kind: &'static Kind, path: &str, error: ApiError) -> ApiError {
    match of_path(app, who, kind, path).await {
        Err(first) => first,
        Ok(record) if !who.scope.writes(kind, record.unit_id).any() => {
            ApiError::forbidden(&format!("{}:write", kind.name))
        }
        Ok(_) => error,
    }
}

/// Hands the writes of one call to the writer, all or none, and returns what became of the record that the call is about: the
/// first item.
///
/// # Errors
/// What refused it, or another item.
pub async fn submit(
    app: &App,
    who: &Who,
    request: &HttpRequest,
    items: Vec<Item>,
    body: &JsonBody,
) -> ApiResult<HttpResponse> {
    let mut params = Params::of(request)?;
    let dry_run = params.flag("dry_run");
    params.end()?;
    let key =
        if request.method() == actix_web::http::Method::POST { idempotency::key(request, &body.0)? } else { None };
    let vietnamese = crate::http::edge::wants_vietnamese(request.headers());
    let kind = items.first().map(|item| item.kind);
    let prefixes: Vec<&'static str> = items.iter().map(|item| item.prefix).collect();
    let command = Command { dry_run, key, bytes: body.0.len(), ..Command::all(who.caller(), items) };
    let (done, replayed) = match app.writer.submit(command).await? {
        Outcome::Replayed(kept) => (idempotency::replayed(app, who, &kept).await?, true),
        Outcome::Done(done) => (done, false),
    };
    let (Some(about), Some(kind)) = (done.items.first(), kind) else { return Err(ApiError::new(&error::INTERNAL)) };
    match first_refused(&done) {
        None => Ok(answer(&done, about, kind, vietnamese).send(replayed)),
        Some((0, decided, refusal)) => {
            let mut error = refused(app, who, &done, decided, refusal).await;
            // What is wrong with the other records is reported together with it.
            if *refusal == Refusal::Invalid {
                error.faults.extend(done.items.iter().skip(1).flat_map(|other| other.faults.iter().cloned()));
            }
            Err(error)
        }
        Some((index, decided, refusal)) => {
            let at = prefixes.get(index).copied().unwrap_or_default();
            Err(beside(refused(app, who, &done, decided, refusal).await, at))
        }
    }
}

/// The first item that is refused for itself.
fn first_refused(done: &Done) -> Option<(usize, &Decided, &Refusal)> {
    done.items.iter().enumerate().find_map(|(index, decided)| {
        let refusal = decided.refusal.as_ref().filter(|refusal| **refusal != Refusal::Blocked)?;
        Some((index, decided, refusal))
    })
}

/// The refusal of a record beside the one that the call is about, whose pointers begin with `at`: that one does not fail, so
/// neither its path nor its version is at fault.
fn beside(error: ApiError, at: &str) -> ApiError {
    let is_missing = error.code == &error::NOT_FOUND || error.code == &error::GONE;
    if is_missing {
        return ApiError::fault(at, &faults::REFERENCE_NOT_FOUND);
    }
    let whole = |mut fault: Fault| {
        if !fault.pointer.starts_with(at) {
            fault.pointer = format!("{at}{}", fault.pointer);
        }
        fault
    };
    let faults = error.faults.into_iter().map(whole).collect();
    // The record of the call is as it was, whatever became of the other one.
    let more = if error.code == &error::STALE_VERSION { Map::new() } else { error.more };
    ApiError { faults, more, ..error }
}

/// The answer of a write that was done.
fn answer(done: &Done, decided: &Decided, kind: &Kind, vietnamese: bool) -> Answer {
    let nothing = Answer { status: 204, headers: Vec::new(), body: String::new() };
    let Some(record) = decided.record.as_ref().filter(|_| decided.status != ItemStatus::Deleted) else {
        return nothing;
    };
    let Some(view) = RecordView::of(&done.scope, record) else {
        // Moved to where the caller does not read: it is said that it is done, and no more.
        return nothing;
    };
    let mut headers = Vec::new();
    let mut status = 200;
    // A dry run leaves nothing behind: no record to be found, and no version to build on.
    if done.applied {
        headers.push(("etag", view.tag(record, &done.epoch)));
        if decided.status == ItemStatus::Created {
            headers.push(("location", format!("/v1/{}/{}", kind.plural, record.id)));
            status = 201;
        }
    }
    let mut body = view.text(record);
    // Those about the other records of the call have pointers of their own.
    let all = done.items.iter().flat_map(|item| &item.warnings);
    let warnings: Vec<ProblemFault> = all.map(|fault| fault.shown(vietnamese)).collect();
    if !warnings.is_empty() {
        body.pop();
        body.push_str(&format!(",\"warnings\":{}", json!(warnings)));
        let candidates: Vec<&Candidate> = done.items.iter().flat_map(|item| &item.candidates).collect();
        if !candidates.is_empty() {
            body.push_str(&format!(",\"candidates\":{}", json!(candidates)));
        }
        body.push('}');
    }
    Answer { status, headers, body }
}

/// Which code a refusal by state or uniqueness has. Its fault says which.
fn conflict_code(reason: &ConflictReason) -> &'static ErrorCode {
    match reason {
        ConflictReason::Referenced => &error::STILL_REFERENCED,
        ConflictReason::Unique => &error::NOT_UNIQUE,
        _ => &error::CONFLICT,
    }
}

/// Most records that are named where they prevent a delete.
const NAMED: usize = 5;

async fn refused(app: &App, who: &Who, done: &Done, decided: &Decided, refusal: &Refusal) -> ApiError {
    let current = |error: ApiError| match &decided.record {
        Some(record) => with_current(error, done, record),
        None => error,
    };
    match refusal {
        Refusal::NotFound => ApiError::new(&error::NOT_FOUND),
        Refusal::Forbidden(right) => ApiError::forbidden(right),
        Refusal::PreconditionRequired => ApiError::new(&error::PRECONDITION_REQUIRED),
        Refusal::Deleted => {
            let at = decided.record.as_ref().and_then(|record| record.deleted_at);
            let error = ApiError::new(&error::GONE);
            at.map_or(ApiError::new(&error::GONE), |at| error.with("deleted_at", at.to_string()))
        }
        Refusal::Stale => current(ApiError::new(&error::STALE_VERSION)),
        Refusal::Conflict(reason, code) => {
            let faults = match decided.faults.as_slice() {
                [] => vec![Fault::new("", code)],
                faults => faults.to_vec(),
            };
            let error = ApiError { faults, ..ApiError::new(conflict_code(reason)) };
            match (reason, &decided.record) {
                (ConflictReason::Referenced, Some(record)) => {
                    error.with("referenced_by", pointing(app, who, record).await)
                }
                _ => error,
            }
        }
        Refusal::Invalid | Refusal::Blocked | Refusal::DuplicateMatch => {
            let error = ApiError::invalid(decided.faults.clone());
            if decided.candidates.is_empty() { error } else { error.with("candidates", json!(decided.candidates)) }
        }
    }
}

fn with_current(error: ApiError, done: &Done, record: &Stored) -> ApiError {
    let Some(view) = RecordView::of(&done.scope, record) else { return error };
    error
        .with("etag", view.tag(record, &done.epoch))
        .with("current", serde_json::from_str::<Value>(&view.text(record)).unwrap_or_default())
}

/// A few of the records that point to a record, among those that the caller sees.
async fn pointing(app: &App, who: &Who, record: &Stored) -> Value {
    let found = app.reads.single(async |db| load::find_pointing(db, record.kind, record.id).await).await;
    let (mut who, mut named) = (who.clone(), Vec::new());
    for (kind, id) in found.unwrap_or_default() {
        if named.len() < NAMED && matches!(find(app, &mut who, kind, id).await, Ok(Some(_))) {
            named.push(json!({"type": kind.name, "id": id}));
        }
    }
    Value::Array(named)
}
