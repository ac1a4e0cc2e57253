//! `Idempotency-Key`: what it belongs to, and the answer of a repeat.

use crate::auth::tokens;
use crate::error::{ApiError, ApiResult, IDEMPOTENCY_KEY_REFUSED};
use crate::store::items::Key;
use crate::store::writer::KeptAnswer;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};

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
