//! The headers of responses, stated once among the components.

use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Components, HeaderBuilder, Ref};

/// The headers: names, whether a whole number, and what they say.
const HEADERS: [(&str, bool, &str); 3] = [
    ("X-Request-Id", false, "The id of the request, the caller's own where it sent one: the server's log has it too."),
    ("WWW-Authenticate", false, "How to authenticate: `Bearer`."),
    ("Retry-After", true, "Seconds after which to try again."),
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
    ["X-Request-Id"].into_iter().chain(own)
}

/// Adds the headers to the components.
pub fn add(components: &mut Components) {
    for (name, number, description) in HEADERS {
        let schema_type = if number { Type::Integer } else { Type::String };
        let schema = ObjectBuilder::new().schema_type(schema_type).build();
        let header = HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build();
        components.headers.insert(name.into(), header.into());
    }
}
