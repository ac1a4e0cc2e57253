//! `Idempotency-Key`: what it belongs to, and the answer of a repeat.

use crate::auth::caller::Who;
use crate::auth::tokens;
use crate::db::DbError;
use crate::error::{ApiError, ApiResult, IDEMPOTENCY_KEY_REFUSED};
use crate::state::App;
use crate::store::items::Key;
use crate::store::writer::{KeptAnswer, WriteTx};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use std::pin::Pin;

const HEADER: &str = "idempotency-key";
/// Longest key, in characters.
pub const LONGEST: usize = 255;

/// The key of a request, with the fingerprint of method, path and body.
///
/// # Errors
/// `400` when it is too long or not printable.
pub fn key(request: &HttpRequest, body: &[u8]) -> ApiResult<Option<Key>> {
    let Some(value) = request.headers().get(HEADER) else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| (1..=LONGEST).contains(&text.len()));
    let Some(text) = text else {
        return Err(ApiError::header(HEADER, format!("must be 1 to {LONGEST} printable characters")));
    };
    let mut print = format!("{} {}\n", request.method(), request.uri()).into_bytes();
    print.extend_from_slice(body);
    Ok(Some(Key { key: text.to_owned(), fingerprint: tokens::digest(&print) }))
}

/// Refuses a key where the answer holds a secret: secrets are never stored.
///
/// # Errors
/// `400` when there is one.
pub fn refuse(request: &HttpRequest) -> ApiResult<()> {
    if request.headers().contains_key(HEADER) { Err(ApiError::new(&IDEMPOTENCY_KEY_REFUSED)) } else { Ok(()) }
}

/// A kept answer, as it is sent.
pub fn answer(kept: KeptAnswer, replayed: bool) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK));
    for (name, value) in kept.headers {
        response.insert_header((name, value));
    }
    if replayed {
        response.insert_header(("idempotent-replayed", "true"));
    }
    if kept.body.is_empty() { response.finish() } else { response.content_type("application/json").body(kept.body) }
}

/// What an account's work makes: the answer that is sent, and kept under the key.
pub type Made<'a> = Pin<Box<dyn Future<Output = Result<ApiResult<KeptAnswer>, DbError>> + 'a>>;

/// Runs the work of a `POST` on accounts once under its key, where it has one: a repeat gets the kept answer.
/// `body` is what the key belongs to, without secrets.
///
/// # Errors
/// What the work answers, or when there is no outcome.
pub async fn once(
    app: &App,
    request: &HttpRequest,
    who: &Who,
    body: &[u8],
    work: impl for<'a> FnOnce(&'a mut WriteTx<'_>) -> Made<'a> + Send + 'static,
) -> ApiResult<HttpResponse> {
    let (key, scope) = (key(request, body)?, who.scope.clone());
    let outcome = app.writer.accounts(move |tx| {
        Box::pin(async move {
            let kept = match &key {
                Some(key) => tx.kept(&scope, key).await?,
                None => None,
            };
            if let Some(kept) = kept {
                return Ok(kept.map(|kept| (kept, true)).map_err(ApiError::from));
            }
            let made = work(tx).await?;
            if let (Some(key), Ok(made)) = (&key, &made) {
                tx.keep(&scope, key, made).await?;
            }
            Ok(made.map(|made| (made, false)))
        })
    });
    let (kept, replayed) = outcome.await??;
    Ok(answer(kept, replayed))
}

/// `201` with where the new thing is.
pub fn created(location: String, body: &impl Serialize) -> KeptAnswer {
    let body = serde_json::to_string(body).unwrap_or_default();
    KeptAnswer { status: 201, headers: vec![("location".into(), location)], body }
}
