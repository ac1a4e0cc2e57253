//! Bodies of requests: read up to a limit, as JSON objects, checked against their declaration with all faults told.

use crate::error::{self, ApiError, ApiResult};
use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use bytes::BytesMut;
use cell_records_types::faults::{Found, Report};
use cell_records_types::fields::Field;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Largest body of a request, but for a push, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;

/// A body that takes longer is cut off: whoever sends a byte now and then must not hold connections and memory.
const SLOWEST_BODY: Duration = Duration::from_secs(300);
/// So is one that pauses for so long.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// No body.
pub const NONE: Bytes = Bytes::new();

/// The raw body of a request, at most [`MAX_BODY`] bytes of JSON.
///
/// As `Result<Body, ApiError>` in a handler its form is judged only after the caller's rights.
#[derive(Debug, Clone)]
pub struct Body(pub Bytes);

/// The same with the limit of a push.
#[derive(Debug, Clone)]
pub struct LargeBody(pub Bytes);

impl FromRequest for Body {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let read = read(request, payload, MAX_BODY);
        Box::pin(async move { read.await.map(Body) })
    }
}

impl FromRequest for LargeBody {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let read = read(request, payload, cell_records_types::sync::MAX_PUSH_BYTES);
        Box::pin(async move { read.await.map(LargeBody) })
    }
}

fn read(request: &HttpRequest, payload: &mut Payload, limit: usize) -> impl Future<Output = ApiResult<Bytes>> + use<> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let length = header(CONTENT_LENGTH).and_then(|text| text.parse::<usize>().ok());
    let media = header(CONTENT_TYPE).map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    let encoded = header(CONTENT_ENCODING).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity"));
    let mut payload = payload.take();
    async move {
        let json =
            media.as_deref().is_some_and(|media| matches!(media, "application/json" | "application/merge-patch+json"));
        if encoded || media.is_some() && !json {
            return Err(ApiError::new(&error::UNSUPPORTED_MEDIA_TYPE));
        }
        let too_large = || ApiError::new(&error::TOO_LARGE).with("limits", serde_json::json!({"bytes": limit}));
        if length.is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        let end = Instant::now() + SLOWEST_BODY;
        loop {
            let next = timeout_at(end.min(Instant::now() + LONGEST_PAUSE), payload.next()).await;
            let next = next.map_err(|_| ApiError::new(&error::BAD_REQUEST).detail("the body came too slowly"))?;
            let Some(chunk) = next else { break };
            let chunk = chunk.map_err(|_| ApiError::new(&error::BAD_REQUEST).detail("the body ended early"))?;
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        if !json && !body.is_empty() {
            return Err(ApiError::new(&error::UNSUPPORTED_MEDIA_TYPE));
        }
        Ok(body.freeze())
    }
}

impl Body {
    /// The body as a JSON object.
    ///
    /// # Errors
    /// `400` when it is not one.
    pub fn object(&self) -> ApiResult<Map<String, Value>> {
        object(&self.0)
    }

    /// The body in its declared form, with the references that stand in it.
    ///
    /// # Errors
    /// `400` when it is no JSON object, `422` with all faults.
    pub fn form<T: Field + DeserializeOwned>(&self) -> ApiResult<(T, Vec<Found>)> {
        let mut value = Value::Object(self.object()?);
        let mut report = Report::default();
        T::check(&mut value, &mut report);
        if !report.faults.is_empty() {
            return Err(ApiError::invalid(report.faults));
        }
        let form = serde_json::from_value(value).map_err(|error| {
            tracing::error!(%error, "a checked body does not read");
            ApiError::new(&error::INTERNAL)
        })?;
        Ok((form, report.references))
    }
}

/// A JSON object.
///
/// # Errors
/// `400` when the text is not one.
pub fn object(body: &[u8]) -> ApiResult<Map<String, Value>> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(ApiError::new(&error::INVALID_JSON).detail("the body must be a JSON object")),
        // The parser's words name a position, never a value.
        Err(error) => Err(ApiError::new(&error::INVALID_JSON).detail(format!(
            "not JSON at line {}, column {}",
            error.line(),
            error.column()
        ))),
    }
}
