//! `POST /v1/sync/push`: a batch of writes as one command of the one writer, with a result for each item.

use super::push_body;
use crate::auth::caller::Who;
use crate::error::{self, ApiError, ApiResult, ErrorCode};
use crate::http::body::LargeBody;
use crate::http::edge::wants_vietnamese;
use crate::http::idempotency::{self, Answer};
use crate::http::share::share;
use crate::state::App;
use crate::store::decide::{Decided, Refusal};
use crate::store::items::Command;
use crate::store::record::show;
use crate::store::scope::Scope;
use crate::store::writer::{Done, Outcome};
use actix_web::{HttpRequest, HttpResponse, post, web};
use cell_records_types::faults::{self, Fault, FaultCode};
use cell_records_types::problem::ProblemFault;
use cell_records_types::sync::{Conflict, ConflictReason, MAX_PUSH_VALUES, PushAnswer, PushBatch, PushReturn};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use tokio::sync::Semaphore;

/// A larger body, in bytes, is read on another thread, because the worker has other requests to answer.
const READ_HERE: usize = 128 * 1024;

/// Most JSON values of pushes in the memory of a process, from before they are parsed until they are answered.
static VALUES: Semaphore = Semaphore::const_new(2_000_000);

/// Writes a batch of records.
///
/// One call is one transaction. With `mode=record` refused items are left out and the rest is stored; with `mode=all`
/// one refused item refuses the call. `dry_run` runs everything, rights and uniqueness included, and keeps nothing.
/// Items may refer to each other by `ref:<name>`, in any order; results come in the order of the items. A repeat under
/// the same `Idempotency-Key` writes nothing and returns the result of the first, filtered by the caller's rights of
/// today; under another body the key is refused with `422 idempotency_key_reused`. A refused call with `mode=all` is
/// `422 push_refused` with `summary` and `items`. More than 1,000 items, 8 MiB or 200,000 JSON values are `413` with
/// `limits`. While others, or the caller itself, send too much at once, it is `503` with `Retry-After`; a body above
/// 64 KiB of which less than 64 KiB arrive in 10 seconds is `408 too_slow`.
/// Faults are reported with their item, 50 an item at most, with a pointer relative to the item; an answer says nothing
/// of records that the caller does not see.
#[utoipa::path(tag = "sync", params(
    ("Idempotency-Key" = String, Header, min_length = 1, max_length = 255, description = "Made anew for each batch and kept for its repeats"),
), request_body(content = PushBatch, example = json!({
    "mode": "record", "schema": "2026-11", "items": [
        {"ref": "a1", "op": "create", "type": "unit", "id": "01937f1a-0000-7000-8000-000000000001",
         "fields": {"name": "Tổ đảng số 2", "kind": "party_group", "parent_id": "ext:demo:cell-01"}},
        {"op": "update", "type": "member", "id": "ext:demo:member-0001", "if_version": 1,
         "fields": {"current_residence": "Số 12 đường Lê Lợi"}}]})),
responses(
    (status = 207, description = "What became of each item", body = PushAnswer,
        headers(("Idempotent-Replayed" = Option<String>, description = "`true`: the answer of the first run")),
        example = json!({"batch": "6f1d2c3b-0000-4000-8000-000000000001", "applied": true, "summary": {"created": 1, "conflict": 1},
            "items": [
                {"index": 0, "ref": "a1", "id": "01937f1a-0000-7000-8000-000000000001", "status": "created", "version": 1},
                {"index": 1, "id": "01937f1a-0000-7000-8000-000000000002", "status": "conflict", "version": 4,
                 "errors": [{"pointer": "/if_version", "code": "stale_version", "message": "There is another version by now."}],
                 "conflict": {"reason": "version", "current_version": 4}}]})),
))]
#[post("/v1/sync/push")]
pub(super) async fn push_changes(
    app: App,
    who: Who,
    request: HttpRequest,
    body: Result<LargeBody, ApiError>,
) -> ApiResult<HttpResponse> {
    let bytes = body?.0;
    let key = idempotency::key(&request, &bytes)?.ok_or_else(|| ApiError::new(&error::IDEMPOTENCY_KEY_REQUIRED))?;
    let length = bytes.len();
    // A value has two bytes at least. What it does not need it gives back once that is known.
    let mut values = share(&VALUES, (length / 2).clamp(1, MAX_PUSH_VALUES)).await?;
    let read = move || push_body::read(&bytes);
    let push = if length > READ_HERE {
        web::block(read).await.map_err(|_| ApiError::new(&error::UNAVAILABLE))??
    } else {
        read()?
    };
    drop(values.split(values.num_permits().saturating_sub(push.values)));
    let answer = AnswerForm {
        names: push.items.iter().map(|item| item.name.clone()).collect(),
        records: push.answer == PushReturn::Representation,
        vietnamese: wants_vietnamese(request.headers()),
    };
    let command = Command {
        caller: who.caller(),
        items: push.items,
        mode: push.mode,
        dry_run: push.dry_run,
        on_possible_duplicate: push.on_possible_duplicate,
        returns_records: answer.records,
        epoch: push.epoch,
        key: Some(key),
        bytes: length,
    };
    match app.writer.submit(command).await? {
        Outcome::Replayed(kept) => Ok(answer.of(&idempotency::replayed(&app, &who, &kept).await?).send(true)),
        Outcome::Done(done) if done.applied || push.dry_run => Ok(answer.of(&done).send(false)),
        Outcome::Done(done) => Err(answer.refused(&done)),
    }
}

/// What the answer to a batch is made with.
struct AnswerForm {
    names: Vec<Option<String>>,
    records: bool,
    vietnamese: bool,
}

impl AnswerForm {
    fn of(&self, done: &Done) -> Answer {
        Answer { status: 207, headers: Vec::new(), body: self.body(done) }
    }

    /// Some item was refused, and so all were.
    fn refused(&self, done: &Done) -> ApiError {
        let value = serde_json::from_str(&self.body(done)).unwrap_or_default();
        let mut error = ApiError::new(&error::PUSH_REFUSED);
        if let serde_json::Value::Object(answer) = value {
            error.more.extend(answer);
        }
        error
    }

    fn body(&self, done: &Done) -> String {
        let mut summary: BTreeMap<&str, u32> = BTreeMap::new();
        for item in &done.items {
            *summary.entry(item.status.code()).or_default() += 1;
        }
        let mut out = String::with_capacity(256 + 160 * done.items.len());
        out.push('{');
        // Writing to a String cannot fail.
        if let Some(batch) = done.batch {
            let _ = write!(out, r#""batch":"{batch}","#);
        }
        let _ = write!(out, r#""applied":{},"summary":{},"items":["#, done.applied, json(&summary));
        for (index, item) in done.items.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            self.item(index, item, done, &mut out);
        }
        out.push_str("]}");
        out
    }

    fn item(&self, index: usize, item: &Decided, done: &Done, out: &mut String) {
        let _ = write!(out, r#"{{"index":{index},"status":"{}""#, item.status);
        if let Some(name) = self.names.get(index).and_then(Option::as_ref) {
            let _ = write!(out, r#","ref":{}"#, json(name));
        }
        if let Some(id) = item.id {
            let _ = write!(out, r#","id":"{id}""#);
        }
        if let Some(record) = &item.record {
            let _ = write!(out, r#","version":{}"#, record.version);
        }
        let kept = item.status.is_success() && done.applied;
        if item.known_to_writer && kept {
            out.push_str(r#","known_to_writer":true"#);
        }
        if let Some(record) = item.record.as_ref().filter(|record| self.records && kept && record.is_live()) {
            let length = out.len();
            out.push_str(r#","record":"#);
            if !show(&done.scope, record, out) {
                out.truncate(length);
            }
        }
        if !item.warnings.is_empty() {
            let _ = write!(out, r#","warnings":{}"#, json(&self.messages(&item.warnings)));
        }
        if !item.candidates.is_empty() {
            let _ = write!(out, r#","candidates":{}"#, json(&item.candidates));
        }
        let errors = self.errors(item);
        if !errors.is_empty() {
            let _ = write!(out, r#","errors":{}"#, json(&errors));
        }
        if let Some(conflict) = conflict(item, &done.scope) {
            let _ = write!(out, r#","conflict":{}"#, json(&conflict));
        }
        out.push('}');
    }

    fn messages(&self, faults: &[Fault]) -> Vec<ProblemFault> {
        faults.iter().map(|fault| fault.shown(self.vietnamese)).collect()
    }

    fn errors(&self, item: &Decided) -> Vec<ProblemFault> {
        let of_error =
            |pointer: &str, code: &ErrorCode| vec![ProblemFault::new(pointer, code.code, code.text(self.vietnamese))];
        let of_fault = |pointer: &str, code: &'static FaultCode| self.messages(&[Fault::new(pointer, code)]);
        match &item.refusal {
            None => Vec::new(),
            Some(Refusal::NotFound) => of_error("", &error::NOT_FOUND),
            Some(Refusal::Forbidden(right)) => {
                let right = error::missing(right);
                vec![ProblemFault::new("", error::FORBIDDEN.code, right.text(self.vietnamese))]
            }
            Some(Refusal::Deleted) => of_error("", &error::GONE),
            Some(Refusal::Stale) => of_error("/if_version", &error::STALE_VERSION),
            Some(Refusal::Conflict(_, code)) if item.faults.is_empty() => of_fault("", code),
            Some(Refusal::Blocked) => of_fault("", &faults::BLOCKED),
            Some(Refusal::DuplicateMatch) if item.faults.is_empty() => {
                of_fault("/external_ids", &faults::DUPLICATE_MATCH)
            }
            Some(
                Refusal::Invalid | Refusal::PreconditionRequired | Refusal::Conflict(..) | Refusal::DuplicateMatch,
            ) => self.messages(&item.faults),
        }
    }
}

/// What the item clashes with, so far as the caller sees it.
fn conflict(item: &Decided, scope: &Scope) -> Option<Conflict> {
    let reason = match item.refusal.as_ref()? {
        Refusal::Stale => ConflictReason::Version,
        Refusal::Deleted => ConflictReason::Deleted,
        Refusal::Conflict(reason, _) => reason.clone(),
        _ => return None,
    };
    let seen = item.record.as_ref().filter(|record| scope.reads(record.kind, record.unit_id).is_some());
    let current_version = seen.map(|record| record.version);
    Some(Conflict { reason, current_version, fields: item.differing.clone() })
}

/// Values of this crate always serialise.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".into())
}
