//! The headers of responses, stated once among the components, and which response has which.

use super::facts::Facts;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Components, HeaderBuilder, Ref, RefOr, Response};

/// The headers: names, the types of their values, what they say.
const HEADERS: [(&str, Type, &str); 10] = [
    (
        "X-Request-Id",
        Type::String,
        "The id of the request, the caller's own where it sent one. The server's log has it too.",
    ),
    (
        "ETag",
        Type::String,
        "Version, epoch, and what of the thing the caller reads: for `If-Match` and `If-None-Match`.",
    ),
    ("Location", Type::String, "The path of the new thing. A dry run has none."),
    ("Link", Type::String, "The next page, as `<path>; rel=\"next\"`; absent after the last."),
    ("Idempotent-Replayed", Type::String, "`true`: the answer of an earlier request under the same key."),
    ("Content-Language", Type::String, "The language of the texts: `vi` or `en`."),
    ("Set-Cookie", Type::String, "The refresh token in its cookie, or the end of it."),
    (
        "Token-Expires-Soon",
        Type::String,
        "When the access token ends that a system sent (RFC 3339). Only in its last 30 days.",
    ),
    ("WWW-Authenticate", Type::String, "How to authenticate: `Bearer`."),
    ("Retry-After", Type::Integer, "Seconds after which to try again."),
];

/// A header by name.
pub fn named(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}

/// The headers of an error of this status.
pub fn of_problem(status: u16) -> impl Iterator<Item = &'static str> {
    let own = match status {
        401 => Some("WWW-Authenticate"),
        429 | 503 => Some("Retry-After"),
        _ => None,
    };
    ["X-Request-Id", "Content-Language"].into_iter().chain(own)
}

/// Adds the headers of a response that is no error; those that it names itself are stated among the components.
pub fn complete(it: &Facts<'_>, status: &str, response: &mut Response) {
    let own = response.headers.keys().map(String::as_str);
    let mut names: Vec<&str> =
        HEADERS.iter().map(|(name, ..)| *name).filter(|name| own.clone().any(|own| own == *name)).collect();
    names.push("X-Request-Id");
    if it.path.starts_with("/v1/") {
        names.push("Content-Language");
    }
    if status == "201" {
        names.push("Location");
    }
    if status == "304" {
        names.push("ETag");
    }
    if status.starts_with('2') && it.takes_a_token() {
        names.push("Token-Expires-Soon");
    }
    if status.starts_with('2') && it.takes("Idempotency-Key") {
        names.push("Idempotent-Replayed");
    }
    response
        .headers
        .extend(names.into_iter().map(|name| (name.to_owned(), RefOr::Ref(named(name)))).collect::<Vec<_>>());
}

/// Adds the headers to the components.
pub fn add(components: &mut Components) {
    for (name, schema_type, description) in HEADERS {
        let schema = ObjectBuilder::new().schema_type(schema_type).build();
        let header = HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build();
        components.headers.insert(name.into(), header.into());
    }
}
