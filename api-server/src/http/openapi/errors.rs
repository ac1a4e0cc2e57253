//! Which errors an operation can return. They follow from its shape: what it takes, who may call it, what it does.
//! The suite compares every error that it meets with what is listed here.

use super::facts::Facts;
use super::headers;
use crate::error::*;
use serde_json::json;
use std::collections::BTreeMap;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::path::{HttpMethod, ParameterIn};
use utoipa::openapi::{Components, ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

/// Which operations a rule is about, and the codes that they can return.
type Rule = (fn(&Facts<'_>) -> bool, &'static [&'static ErrorCode]);

#[rustfmt::skip]
static RULES: &[Rule] = &[
    (|_| true,                              &[&INVALID_HEADER, &NOT_ACCEPTABLE, &INTERNAL]),
    (|it| it.asks_the_database(),           &[&UNAVAILABLE]),
    (|it| it.is_write(),                    &[&OUTCOME_UNKNOWN]),
    // What it takes.
    (|it| it.has(ParameterIn::Path),        &[&NOT_FOUND]),
    // One that it does not take is refused.
    (|it| it.path.starts_with("/v1/"),      &[&INVALID_PARAMETER]),
    (|it| it.takes("cursor"),               &[&CURSOR_INVALID, &CURSOR_FILTER_MISMATCH, &CURSOR_FOREIGN]),
    (|it| it.has_body(),                    &[&BAD_REQUEST, &TOO_SLOW, &TOO_LARGE, &UNSUPPORTED_MEDIA_TYPE]),
    (|it| it.has_json(),                    &[&INVALID_JSON, &INVALID]),
    (|it| it.takes("If-Match"),             &[&STALE_VERSION]),
    (|it| it.needs("If-Match"),             &[&PRECONDITION_REQUIRED]),
    (|it| it.takes("Idempotency-Key"),      &[&IDEMPOTENCY_KEY_REUSED]),
    (|it| it.needs("Idempotency-Key"),      &[&IDEMPOTENCY_KEY_REQUIRED]),
    (|it| it.returns_a_secret(),            &[&IDEMPOTENCY_KEY_REFUSED]),
    // Who may call it.
    (|it| it.takes_a_token(),               &[&UNAUTHENTICATED]),
    (|it| it.takes_a_token() && !it.is_for_everyone(), &[&FORBIDDEN]),
    // What it does with records.
    (|it| it.kind().is_some(),              &[&TYPE_NOT_READABLE]),
    (|it| it.is_record_list(),              &[&FIELD_NOT_READABLE]),
    (|it| it.takes("group_by"),             &[&TOO_MANY_GROUPS]),
    (|it| it.is_record_write(),             &[&INVALID, &TOO_LARGE_FOR_ONE_WRITE, &CONFLICT]),
    (|it| it.is_record_write() && it.method != HttpMethod::Delete, &[&NOT_UNIQUE]),
    (|it| it.is_record_write() && it.method == HttpMethod::Delete, &[&STILL_REFERENCED]),
    (|it| it.is_record_write() && !it.path.ends_with("/restore"), &[&GONE]),
    (|it| it.kind().is_some() && it.takes("as_of"), &[&GONE]),
    // What only some do.
    (|it| it.is("/v1/auth/login"),          &[&LOGIN_FAILED, &TOO_MANY_ATTEMPTS]),
    (|it| it.is("/v1/auth/refresh"),        &[&REFRESH_FAILED]),
    (|it| it.takes("cell_records_refresh"), &[&CSRF_HEADER_MISSING]),
    (|it| it.is("/v1/me/password"),         &[&TOO_MANY_ATTEMPTS, &CONFLICT]),
    (|it| it.is("/v1/sync/changes"),        &[&CURSOR_GONE]),
    (|it| it.is("/v1/sync/push"),           &[&EPOCH_CHANGED, &PUSH_REFUSED, &TOO_LARGE_FOR_ONE_WRITE]),
    (|it| (it.is("/v1/users") || it.is("/v1/systems")) && it.is_write(), &[&NOT_UNIQUE]),
    (|it| it.is("/v1/users/{id}") && it.is_write(), &[&LAST_ADMINISTRATOR]),
    (|it| it.is("/v1/users/{id}/grants/{grant}") && it.is_write(), &[&LAST_ADMINISTRATOR]),
    (|it| it.is("/v1/systems/{id}/tokens") && it.is_write(), &[&CONFLICT]),
    (|it| it.is("/v1/systems/{id}/tokens/{token}/rotate"), &[&CONFLICT]),
];

/// The errors that an operation can return, by status, in the order of their table.
fn errors(it: &Facts<'_>) -> BTreeMap<u16, Vec<&'static ErrorCode>> {
    let listed: Vec<&ErrorCode> =
        RULES.iter().filter(|(is_about, _)| is_about(it)).flat_map(|(_, codes)| *codes).copied().collect();
    let mut by_status: BTreeMap<u16, Vec<&ErrorCode>> = BTreeMap::new();
    for code in ERROR_CODES.iter().filter(|code| listed.contains(code)) {
        by_status.entry(code.status).or_default().push(code);
    }
    by_status
}

/// The responses of an operation's errors by status: each set of codes is stated once among the components.
pub fn of(it: &Facts<'_>, components: &mut Components) -> Vec<(String, RefOr<Response>)> {
    let response = |(status, codes): (u16, Vec<&'static ErrorCode>)| {
        let names: Vec<&str> = codes.iter().map(|code| code.code).collect();
        let name = format!("Problem{status}_{}", names.join("_"));
        let reference = Ref::from_response_name(&name);
        components.responses.entry(name).or_insert_with(|| problem(status, &codes).into());
        components.examples.extend(codes.iter().map(|code| (code.code.to_owned(), example(code).into())));
        (status.to_string(), reference.into())
    };
    errors(it).into_iter().map(response).collect()
}

fn problem(status: u16, codes: &[&'static ErrorCode]) -> Response {
    let lines: Vec<String> = codes.iter().map(|code| format!("* `{}`: {}", code.code, code.en)).collect();
    let examples =
        codes.iter().map(|code| (code.code, RefOr::Ref(Ref::new(format!("#/components/examples/{}", code.code)))));
    let content =
        ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).examples_from_iter(examples).build();
    let response = ResponseBuilder::new().description(lines.join("\n")).content("application/problem+json", content);
    headers::of_problem(status).fold(response, |response, name| response.header_ref(name, headers::named(name))).build()
}

fn example(code: &ErrorCode) -> Example {
    let value = json!({
        "type": format!("/problems/{}", code.code), "title": code.en, "status": code.status, "code": code.code,
        "request_id": "0f8fad5b-d9cb-469f-a165-70867728950e",
    });
    ExampleBuilder::new().summary(code.en).value(Some(value)).build()
}
