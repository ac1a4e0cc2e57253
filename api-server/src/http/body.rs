//! Bodies of requests: read up to a limit, as JSON objects, checked against their declaration. What all requests
//! together hold of bodies is bounded too, in `share`.

use super::edge::CallerId;
use super::share::{BodyShare, SMALL};
use crate::error::{self, ApiError, ApiResult};
use crate::phrases;
use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use bytes::BytesMut;
use cell_records_types::faults::{FoundReference, Report};
use cell_records_types::fields::Field;
use cell_records_types::phrases::{OR, Words};
use futures_util::StreamExt;
use serde::Deserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};
use std::cell::Cell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Largest body of a request, except for a push, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;

/// Largest form, in bytes, and largest body of a login: they hold a few short texts.
pub const MAX_FORM: usize = 16 * 1024;

/// A body that takes longer is cut off: whoever sends a byte now and then must not hold connections and memory.
const SLOWEST_BODY: Duration = Duration::from_secs(300);
/// So is one that pauses longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// So is one above [`SMALL`] of which no further [`LEAST_PART`] arrives within this: it holds what others wait for.
const PART_WITHIN: Duration = Duration::from_secs(10);
/// See [`PART_WITHIN`], in bytes.
const LEAST_PART: usize = 64 * 1024;

/// Most JSON values of a body, except for a push: list elements and members of objects, at any depth. A value of two
/// bytes takes up to some hundred bytes of memory.
pub const MAX_VALUES: usize = 20_000;

/// The bytes of a body, with their share until nobody needs them any more.
struct Held {
    bytes: BytesMut,
    _share: Option<BodyShare>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// No body.
pub const NONE: Bytes = Bytes::new();

/// The raw body of a request: at most so many bytes of JSON.
///
/// As `Result<JsonBody, ApiError>` in a handler its form is judged only after the caller's rights.
#[derive(Debug, Clone)]
pub struct JsonBody<const LIMIT: usize = MAX_BODY>(pub Bytes);

/// The same of a push.
pub type LargeBody = JsonBody<{ cell_records_types::sync::MAX_PUSH_BYTES }>;

/// The same of a call that anybody may make: it waits for nobody and keeps nobody waiting.
pub type SmallBody = JsonBody<MAX_FORM>;

/// The raw body of a request that sends a form, at most [`MAX_FORM`] bytes.
#[derive(Debug, Clone)]
pub struct FormBody(pub Bytes);

impl<const LIMIT: usize> FromRequest for JsonBody<LIMIT> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let read = read(request, payload, &JSON, LIMIT);
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
    let request = request.clone();
    async move {
        let fits = media.as_deref().is_some_and(|media| allowed.contains(&media));
        let unsupported = |why: Words| ApiError::new(&error::UNSUPPORTED_MEDIA_TYPE).detail(why);
        let either = |all: Words, one: Words| OR.of(all).of(one);
        let kinds = || allowed.iter().map(Words::plain).reduce(either).unwrap_or_default();
        let expected = || unsupported(phrases::SEND_AS.of(kinds()));
        if encoded {
            return Err(unsupported((&phrases::SEND_PLAIN).into()));
        }
        if media.is_some() && !fits {
            return Err(expected());
        }
        let too_large = || ApiError::new(&error::TOO_LARGE).with("limits", json!({"bytes": limit}));
        if length.is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        // Handlers find out beside this, in the same task, who calls: this is polled again then. No call that anybody may
        // make takes a large body.
        let account = || {
            poll_fn(|_| match request.extensions().get::<CallerId>() {
                Some(caller) => Poll::Ready(caller.0),
                None => Poll::Pending,
            })
        };
        let (mut body, mut counted) = (BytesMut::new(), None::<BodyShare>);
        let end = Instant::now() + SLOWEST_BODY;
        let mut part = Part::begun_at(Instant::now());
        loop {
            let pause = end.min(Instant::now() + LONGEST_PAUSE);
            let until = if counted.is_some() { pause.min(part.until) } else { pause };
            let next = timeout_at(until, payload.next()).await.map_err(|_| ApiError::new(&error::TOO_SLOW))?;
            let Some(chunk) = next else { break };
            let chunk = chunk.map_err(|_| ApiError::new(&error::BAD_REQUEST).detail(&phrases::BODY_ENDED_EARLY))?;
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            if body.len() + chunk.len() > SMALL {
                let share = match &mut counted {
                    Some(share) => share,
                    None => {
                        let account = timeout_at(end, account()).await;
                        let account = account.map_err(|_| ApiError::new(&error::UNAVAILABLE))?;
                        counted.insert(BodyShare::none(account))
                    }
                };
                share.grow(body.len() + chunk.len()).await?;
            }
            part.arrived(chunk.len(), Instant::now());
            body.extend_from_slice(&chunk);
        }
        if !fits && !body.is_empty() {
            return Err(expected());
        }
        Ok(Bytes::from_owner(Held { bytes: body, _share: counted }))
    }
}

/// The part of a body that must arrive next.
struct Part {
    bytes: usize,
    until: Instant,
}

impl Part {
    fn begun_at(now: Instant) -> Self {
        Part { bytes: 0, until: now + PART_WITHIN }
    }

    fn arrived(&mut self, bytes: usize, now: Instant) {
        self.bytes += bytes;
        if self.bytes >= LEAST_PART {
            *self = Part::begun_at(now);
        }
    }
}

impl<const LIMIT: usize> JsonBody<LIMIT> {
    /// The body as a JSON object.
    ///
    /// # Errors
    /// `400` when it is not one, `413` when it has too many values.
    pub fn object(&self) -> ApiResult<Map<String, Value>> {
        object(&self.0, MAX_VALUES).map(|(object, _)| object)
    }

    /// The body in its declared form, with the references in it.
    ///
    /// # Errors
    /// `400` when it is no JSON object, `413` when it has too many values, `422` with its faults.
    pub fn form<T: Field + DeserializeOwned>(&self) -> ApiResult<(T, Vec<FoundReference>)> {
        form(self.object()?)
    }
}

/// An object in its declared form, with the references in it.
///
/// # Errors
/// `422` with its faults.
pub fn form<T: Field + DeserializeOwned>(object: Map<String, Value>) -> ApiResult<(T, Vec<FoundReference>)> {
    let mut value = Value::Object(object);
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

/// A JSON object in which no object, at any depth, names a key twice, and how many values it has.
///
/// # Errors
/// `400` when the text is not one, `413` when it has more than `most` values: no more of it is read.
pub fn object(body: &[u8], most: usize) -> ApiResult<(Map<String, Value>, usize)> {
    // The object itself counts too.
    let left = Cell::new(Some(most + 1));
    let mut from = serde_json::Deserializer::from_slice(body);
    let read = Unambiguous(&left).deserialize(&mut from).and_then(|value| from.end().map(|()| value));
    let Some(left) = left.get() else {
        return Err(ApiError::new(&error::TOO_LARGE)
            .detail(&phrases::TOO_MANY_VALUES)
            .with("limits", json!({"values": most})));
    };
    match read {
        Ok(Value::Object(map)) => Ok((map, most - left)),
        Ok(_) => Err(ApiError::new(&error::INVALID_JSON).detail(&phrases::NO_JSON_OBJECT)),
        // The parser's words name a position, never a value.
        Err(error) => {
            let what = if error.is_data() { &phrases::KEY_TWICE } else { &phrases::NO_JSON };
            Err(ApiError::new(&error::INVALID_JSON).detail(what.with(error.line()).with(error.column())))
        }
    }
}

/// Reads a JSON value of which each key says one thing: readers disagree whether the first or the last of two holds.
/// It counts down how many values it may still read; nothing when they were too many.
#[derive(Clone, Copy)]
struct Unambiguous<'c>(&'c Cell<Option<usize>>);

impl<'de> DeserializeSeed<'de> for Unambiguous<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.0.set(self.0.get().and_then(|left| left.checked_sub(1)));
        if self.0.get().is_none() {
            return Err(D::Error::custom("too many values"));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unambiguous<'_> {
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
        while let Some(value) = from.next_element_seed(self)? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = from.next_key::<String>()? {
            let value = from.next_value_seed(self)?;
            if map.insert(key, value).is_some() {
                return Err(A::Error::custom("a key occurs twice"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(body: &[u8]) -> ApiResult<Map<String, Value>> {
        super::object(body, MAX_VALUES).map(|(object, _)| object)
    }

    #[test]
    fn a_body_of_too_many_values_is_read_no_further_than_these() {
        // What follows them is not even JSON.
        let text = r#"{"a": [1, {"b": 2}], "c": 3 ?"#;
        let refused = super::object(text.as_bytes(), 4).unwrap_err();
        assert_eq!((refused.code, &refused.more["limits"]), (&error::TOO_LARGE, &json!({"values": 4})));
        assert_eq!(super::object(text.as_bytes(), 5).unwrap_err().code, &error::INVALID_JSON);
        assert_eq!(super::object(text.replace('?', "}").as_bytes(), 5).unwrap().1, 5);
    }

    #[test]
    fn a_large_body_must_go_on_arriving() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut part = Part::begun_at(begun);
        part.arrived(LEAST_PART - 1, at(3));
        assert_eq!(part.until, at(10));
        part.arrived(1, at(9));
        assert_eq!(part.until, at(19));
        // Many bytes at once are no leave to send few afterwards.
        part.arrived(100 * LEAST_PART, at(10));
        part.arrived(1, at(19));
        assert_eq!(part.until, at(20));
    }

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
            assert!(
                error.detail.unwrap().text(false).starts_with("A key occurs twice in its object, at line 1"),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["", "[]", "1", "{", "{\"a\":01}", "{}x"] {
            assert_eq!(object(text.as_bytes()).unwrap_err().code, &error::INVALID_JSON, "{text}");
        }
        let deep = format!("{}1{}", "{\"a\":".repeat(1_000), "}".repeat(1_000));
        assert!(object(deep.as_bytes()).unwrap_err().detail.unwrap().text(false).starts_with("This is not JSON"));
    }
}
