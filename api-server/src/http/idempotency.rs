//! `Idempotency-Key`: what it belongs to, and what a repeat returns.

use crate::auth::caller::Who;
use crate::db::{Db, DbError};
use crate::error::{ApiError, ApiResult, IDEMPOTENCY_KEY_REFUSED};
use crate::phrases;
use crate::state::App;
use crate::store::decide::Decided;
use crate::store::items::Key;
use crate::store::record::Stored;
use crate::store::registry::{Kind, RecordKey};
use crate::store::secrets;
use crate::store::writer::{Done, Kept, KeptItem};
use crate::store::{history, load};
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderName;
use actix_web::{HttpRequest, HttpResponse};
use cell_records_types::Class;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use uuid::Uuid;

/// Its name.
pub const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// Longest key, in characters.
pub const LONGEST: usize = 255;

/// The key of a request, with the fingerprint of method, path and body.
///
/// # Errors
/// `400` when it is too long or not printable.
pub fn key(request: &HttpRequest, body: &[u8]) -> ApiResult<Option<Key>> {
    let Some(value) = request.headers().get(&HEADER) else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| (1..=LONGEST).contains(&text.len()));
    let Some(text) = text else {
        return Err(ApiError::header(HEADER.as_str(), phrases::PRINTABLE.with(LONGEST)));
    };
    let mut print = format!("{} {}\n", request.method(), request.uri()).into_bytes();
    print.extend_from_slice(body);
    Ok(Some(Key { key: text.to_owned(), fingerprint: secrets::digest(&print) }))
}

/// Refuses a key where the answer holds a secret: secrets are never stored.
///
/// # Errors
/// `400` when there is one.
pub fn refuse(request: &HttpRequest) -> ApiResult<()> {
    if request.headers().contains_key(&HEADER) { Err(ApiError::new(&IDEMPOTENCY_KEY_REFUSED)) } else { Ok(()) }
}

/// An answer to a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers: names and values.
    pub headers: Vec<(&'static str, String)>,
    /// Body; empty: none.
    pub body: String,
}

impl Answer {
    /// As it is sent; `replayed` when an earlier request under the same key had the effect.
    pub fn send(self, replayed: bool) -> HttpResponse {
        let mut response = HttpResponse::build(StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK));
        for header in self.headers {
            response.insert_header(header);
        }
        if replayed {
            response.insert_header(("idempotent-replayed", "true"));
        }
        if self.body.is_empty() { response.finish() } else { response.content_type("application/json").body(self.body) }
    }
}

/// What a repeat is answered from: what was stored of the first run, and its records from the log, as they were then;
/// of a conflict the record that it met, but not the fields that differed, for what was sent is not kept.
/// What of them the caller sees is decided by its rights now: nothing of a record that it sees no more.
///
/// # Errors
/// When the database fails.
pub async fn replayed(app: &App, who: &Who, kept: &Kept) -> ApiResult<Done> {
    let wanted: Vec<(&'static Kind, Uuid, i64)> =
        kept.items.iter().filter_map(|item| Some((Kind::named(&item.kind)?, item.id?, item.version?))).collect();
    let read = async |db: &mut Db<'_>| {
        // The caller was let in before its first run had ended, perhaps: the tree that it had then lacks what that one made.
        let view = app.live.confirm(db).await?;
        let scope = app.live.scope(db, &who.scope.actor, &who.identity.narrowing, &view).await?;
        let candidates = candidates(db, kept).await?;
        let found = history::single(db, &scope, &wanted).await?;
        Ok::<_, ApiError>((found, candidates, scope, view.clock.epoch.clone()))
    };
    let (found, candidates, scope, epoch) = app.reads.snapshot(read).await?;
    let found: HashMap<(RecordKey, i64), Arc<Stored>> =
        found.into_iter().map(|record| ((record.key(), record.version), Arc::new(record))).collect();
    let item = |kept: &KeptItem| {
        let key = Kind::named(&kept.kind).zip(kept.id).zip(kept.version);
        let record = key.and_then(|((kind, id), version)| found.get(&((kind.order, id), version)).cloned());
        let mut decided = kept.decided();
        decided.candidates.retain(|one| {
            let record = candidates.iter().find(|record| record.kind.name == kept.kind && record.id == one.id);
            let compared = record.zip(one.matched_by.field());
            compared.is_some_and(|(record, field)| scope.reads_field(record.kind, record.unit_id, field))
        });
        Decided { record, ..decided }
    };
    Ok(Done { batch: Some(kept.batch), applied: true, items: kept.items.iter().map(item).collect(), scope, epoch })
}

/// The records that were named as possible duplicates, as they are now.
async fn candidates(db: &mut Db<'_>, kept: &Kept) -> Result<Vec<Stored>, DbError> {
    let mut by_kind: BTreeMap<&str, BTreeSet<Uuid>> = BTreeMap::new();
    for item in &kept.items {
        for one in &item.candidates {
            by_kind.entry(&item.kind).or_default().insert(one.id);
        }
    }
    let mut found = Vec::new();
    for (kind, ids) in by_kind {
        let Some(kind) = Kind::named(kind) else { continue };
        let ids: Vec<Uuid> = ids.into_iter().collect();
        found.extend(load::find_records(db, kind, &ids, Class::Public).await?);
    }
    Ok(found)
}
