//! Bodies of requests: read up to a limit, as JSON objects, checked against their declaration with all faults reported.

use crate::error::{self, ApiError, ApiResult};
use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use bytes::BytesMut;
use cell_records_types::faults::{FoundReference, Report};
use cell_records_types::fields::Field;
use futures_util::StreamExt;
use serde::de::{DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Largest body of a request, except for a push, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;

/// Largest form, in bytes: it holds a few short texts.
pub const MAX_FORM: usize = 16 * 1024;

/// A body that takes longer is cut off: whoever sends a byte now and then must not hold connections and memory.
const SLOWEST_BODY: Duration = Duration::from_secs(300);
/// So is one that pauses longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// No body.
pub const NONE: Bytes = Bytes::new();

/// The raw body of a request, at most [`MAX_BODY`] bytes of JSON.
///
/// As `Result<JsonBody, ApiError>` in a handler its form is judged only after the caller's rights.
#[derive(Debug, Clone)]
pub struct JsonBody(pub Bytes);

/// The raw body of a request that sends a form, at most [`MAX_FORM`] bytes.
#[derive(Debug, Clone)]
pub struct FormBody(pub Bytes);

/// The same with the limit of a push.
#[derive(Debug, Clone)]
pub struct LargeBody(pub Bytes);

impl FromRequest for JsonBody {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let read = read(request, payload, &JSON, MAX_BODY);
        Box::pin(async move { read.await.map(JsonBody) })
    }
}

impl FromRequest for FormBody {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let read = read(request, payload, &FORM, MAX_FORM);
        Box::pin(async move { read.await.map(FormBody) })
    }
}

impl FromRequest for LargeBody {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let read = read(request, payload, &JSON, cell_records_types::sync::MAX_PUSH_BYTES);
        Box::pin(async move { read.await.map(LargeBody) })
    }
}

/// The media types of JSON.
const JSON: [&str; 2] = ["application/json", "application/merge-patch+json"];
/// The media type of a form.
const FORM: [&str; 1] = ["application/x-www-form-urlencoded"];

/// Reads a body of one of these media types, up to a limit in bytes. An encoded one is refused: what it unpacks to is
/// not bounded.
fn read(
    request: &HttpRequest,
    payload: &mut Payload,
    allowed: &'static [&'static str],
    limit: usize,
) -> impl Future<Output = ApiResult<Bytes>> + use<> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let length = header(CONTENT_LENGTH).and_then(|text| text.parse::<usize>().ok());
    let media = header(CONTENT_TYPE).map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    let encoded = header(CONTENT_ENCODING).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity"));
    let mut payload = payload.take();
    async move {
        let fits = media.as_deref().is_some_and(|media| allowed.contains(&media));
        let unsupported = |why: String| ApiError::new(&error::UNSUPPORTED_MEDIA_TYPE).detail(why);
        let expected = || unsupported(format!("send the body as {}", allowed.join(" or ")));
        if encoded {
            return Err(unsupported("send the body without Content-Encoding".into()));
        }
        if media.is_some() && !fits {
            return Err(expected());
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
        if !fits && !body.is_empty() {
            return Err(expected());
        }
        Ok(body.freeze())
    }
}

impl JsonBody {
    /// The body as a JSON object.
    ///
    /// # Errors
    /// `400` when it is not one.
    pub fn object(&self) -> ApiResult<Map<String, Value>> {
        object(&self.0)
    }

    /// The body in its declared form, with the references in it.
    ///
    /// # Errors
    /// `400` when it is no JSON object, `422` with all faults.
    pub fn form<T: Field + DeserializeOwned>(&self) -> ApiResult<(T, Vec<FoundReference>)> {
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

/// A JSON object in which no object, at any depth, names a key twice.
///
/// # Errors
/// `400` when the text is not one.
pub fn object(body: &[u8]) -> ApiResult<Map<String, Value>> {
    match serde_json::from_slice(body) {
        Ok(Unambiguous(Value::Object(map))) => Ok(map),
        Ok(_) => Err(ApiError::new(&error::INVALID_JSON).detail("the body must be a JSON object")),
        // The parser's words name a position, never a value.
        Err(error) => {
            let what = if error.is_data() { "a key occurs twice in its object" } else { "not JSON" };
            let place = format!("{what} at line {}, column {}", error.line(), error.column());
            Err(ApiError::new(&error::INVALID_JSON).detail(place))
        }
    }
}

/// A JSON value of which each key says one thing: readers disagree whether the first or the last of two holds.
struct Unambiguous(Value);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UnambiguousVisitor).map(Unambiguous)
    }
}

struct UnambiguousVisitor;

impl<'de> Visitor<'de> for UnambiguousVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Unambiguous(value)) = from.next_element()? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = from.next_key::<String>()? {
            let Unambiguous(value) = from.next_value()?;
            if map.insert(key, value).is_some() {
                return Err(serde::de::Error::custom("a key occurs twice"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_reads_as_serde_reads_it() {
        let text = r#"{"a":[1,-2,1.5,"ă\u0111",null,true,{"b":{}}],"c":18446744073709551615,"d":""}"#;
        let expected: Map<String, Value> = serde_json::from_str(text).unwrap();
        assert_eq!(object(text.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn a_key_that_occurs_twice_is_refused_at_any_depth() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":[{"b":1,"c":2,"b":3}]}"#, r#"{"a":1,"\u0061":1}"#] {
            let error = object(text.as_bytes()).unwrap_err();
            assert_eq!(error.code, &error::INVALID_JSON, "{text}");
            assert!(error.detail.unwrap().starts_with("a key occurs twice in its object at line 1"), "{text}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["", "[]", "1", "{", "{\"a\":01}", "{}x"] {
            assert_eq!(object(text.as_bytes()).unwrap_err().code, &error::INVALID_JSON, "{text}");
        }
        let deep = format!("{}1{}", "{\"a\":".repeat(1_000), "}".repeat(1_000));
        assert!(object(deep.as_bytes()).unwrap_err().detail.unwrap().starts_with("not JSON"));
    }
}
