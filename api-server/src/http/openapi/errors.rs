//! Which errors an operation can return. They follow from its shape: what it takes, who may call it, what it does.
//! The suite compares every error that it meets with what is listed here.

use super::headers;
use crate::error::*;
use crate::store::registry::{KINDS, Kind};
use cell_records_types::{EvaluationRound, RecordType};
use serde_json::json;
use std::collections::BTreeMap;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::{HttpMethod, Operation, Parameter, ParameterIn};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Components, ContentBuilder, Ref, RefOr, Required, Response, ResponseBuilder};

/// An operation, as the rules look at it.
pub struct Shape<'a> {
    /// Its method.
    pub method: HttpMethod,
    /// Its path under the root.
    pub path: &'a str,
    /// What it says of itself.
    pub operation: &'a Operation,
}

/// Which operations a rule is about, and the codes that they can return.
type Rule = (fn(&Shape<'_>) -> bool, &'static [&'static ErrorCode]);

#[rustfmt::skip]
static RULES: [Rule; 33] = [
    (|_| true,                              &[&INVALID_HEADER, &NOT_ACCEPTABLE, &INTERNAL]),
    (|it| it.asks_the_database(),           &[&UNAVAILABLE]),
    (|it| it.is_write(),                    &[&OUTCOME_UNKNOWN]),
    // What it takes.
    (|it| it.has(ParameterIn::Path),        &[&NOT_FOUND]),
    (|it| it.has(ParameterIn::Query),       &[&INVALID_PARAMETER]),
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
    (|it| it.is_record_write(),             &[&INVALID, &TOO_LARGE_FOR_ONE_WRITE]),
    (|it| it.is_record_write() && it.method != HttpMethod::Delete, &[&NOT_UNIQUE]),
    (|it| it.is_record_write() && it.method == HttpMethod::Delete, &[&STILL_REFERENCED]),
    (|it| it.is_record_write() && it.is_of_a_round(), &[&ROUND_CLOSED]),
    (|it| it.is_record_write() && !it.path.ends_with("/restore"), &[&GONE]),
    (|it| it.kind().is_some() && it.takes("as_of"), &[&GONE]),
    // What only some do.
    (|it| it.is("/v1/auth/login"),          &[&LOGIN_FAILED, &TOO_MANY_ATTEMPTS]),
    (|it| it.is("/v1/auth/refresh"),        &[&REFRESH_FAILED]),
    (|it| it.is("/v1/me/password"),         &[&TOO_MANY_ATTEMPTS, &CONFLICT]),
    (|it| it.is("/v1/sync"),                &[&INVALID_PARAMETER]),
    (|it| it.is("/v1/sync/changes"),        &[&CURSOR_GONE]),
    (|it| it.is("/v1/sync/push"),           &[&INVALID_PARAMETER, &EPOCH_CHANGED, &PUSH_REFUSED, &TOO_LARGE_FOR_ONE_WRITE]),
    (|it| it.is("/v1/users/{id}") && it.is_write(), &[&LAST_ADMINISTRATOR]),
    (|it| it.is("/v1/users/{id}/grants/{grant}"), &[&LAST_ADMINISTRATOR]),
    (|it| it.is("/v1/systems/{id}/tokens") && it.is_write(), &[&CONFLICT]),
    (|it| it.is("/v1/systems/{id}/tokens/{token}/rotate"), &[&CONFLICT]),
];

/// What everyone may call who sent a token.
const FOR_EVERYONE: [&str; 8] = [
    "/v1/me",
    "/v1/roles",
    "/v1/record_types",
    "/v1/code_lists",
    "/v1/auth/token",
    "/v1/sync",
    "/v1/sync/changes",
    "/v1/sync/push",
];

/// Answers that show a secret.
const SECRETS: [&str; 2] = ["Tokens", "IssuedToken"];

impl Shape<'_> {
    /// The errors that it can return, in the order of their table, by status.
    pub fn errors(&self) -> BTreeMap<u16, Vec<&'static ErrorCode>> {
        let listed: Vec<&ErrorCode> =
            RULES.iter().filter(|(is_about, _)| is_about(self)).flat_map(|(_, codes)| *codes).copied().collect();
        let mut by_status: BTreeMap<u16, Vec<&ErrorCode>> = BTreeMap::new();
        for code in ERROR_CODES.iter().filter(|code| listed.contains(code)) {
            by_status.entry(code.status).or_default().push(code);
        }
        by_status
    }

    fn is(&self, path: &str) -> bool {
        self.path == path
    }

    fn asks_the_database(&self) -> bool {
        self.path.starts_with("/v1/") || self.is("/readyz")
    }

    fn is_write(&self) -> bool {
        self.method != HttpMethod::Get
    }

    fn parameters(&self) -> impl Iterator<Item = &Parameter> {
        let all = self.operation.parameters.iter().flatten();
        all.filter_map(|one| if let RefOr::T(parameter) = one { Some(parameter) } else { None })
    }

    fn has(&self, place: ParameterIn) -> bool {
        self.parameters().any(|one| one.parameter_in == place)
    }

    fn takes(&self, name: &str) -> bool {
        self.parameters().any(|one| one.name == name)
    }

    fn needs(&self, name: &str) -> bool {
        self.parameters().any(|one| one.name == name && one.required == Required::True)
    }

    fn has_body(&self) -> bool {
        self.operation.request_body.is_some()
    }

    fn has_json(&self) -> bool {
        let Some(RefOr::T(body)) = &self.operation.request_body else { return false };
        body.content.contains_key("application/json")
    }

    fn returns_a_secret(&self) -> bool {
        let content = self.operation.responses.responses.values().filter_map(|response| match response {
            RefOr::T(response) => response.content.get("application/json"),
            RefOr::Ref(_) => None,
        });
        let secrets = SECRETS.map(|name| RefOr::Ref(Ref::from_schema_name(name)));
        content.into_iter().any(|content| match content {
            RefOr::T(content) => content.schema.as_ref().is_some_and(|schema| secrets.contains(schema)),
            RefOr::Ref(_) => false,
        })
    }

    fn takes_a_token(&self) -> bool {
        let security = self.operation.security.as_ref();
        security.is_none_or(|all| all.iter().any(|one| *one != SecurityRequirement::default()))
    }

    fn is_for_everyone(&self) -> bool {
        FOR_EVERYONE.contains(&self.path) || (self.kind().is_some() && !self.is_write())
    }

    /// The record type that it is about. Who sees a unit is a question of its own.
    fn kind(&self) -> Option<&'static Kind> {
        let collection = self.path.strip_prefix("/v1/").filter(|rest| !rest.ends_with("/grants"))?.split('/').next()?;
        KINDS.iter().find(|kind| kind.plural == collection)
    }

    fn is_record_write(&self) -> bool {
        self.kind().is_some() && self.is_write()
    }

    fn is_record_list(&self) -> bool {
        self.kind().is_some() && !self.is_write() && !self.has(ParameterIn::Path)
    }

    fn is_of_a_round(&self) -> bool {
        self.kind().is_some_and(|kind| kind.name == EvaluationRound::NAME || kind.field("round_id").is_some())
    }
}

/// Lists its errors at an operation, each set of them stated once among the components.
pub fn list(method: HttpMethod, path: &str, operation: &mut Operation, components: &mut Components) {
    for (status, codes) in (Shape { method, path, operation }).errors() {
        let names: Vec<&str> = codes.iter().map(|code| code.code).collect();
        let name = format!("Problem{status}_{}", names.join("_"));
        operation.responses.responses.insert(status.to_string(), Ref::from_response_name(&name).into());
        components.responses.entry(name).or_insert_with(|| problem(status, &codes).into());
    }
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

/// Adds an example of each code to the components.
pub fn examples(components: &mut Components) {
    for code in ERROR_CODES {
        let value = json!({
            "type": format!("/problems/{}", code.code), "title": code.en, "status": code.status, "code": code.code,
            "request_id": "0f8fad5b-d9cb-469f-a165-70867728950e",
        });
        let example = ExampleBuilder::new().summary(code.en).value(Some(value)).build();
        components.examples.insert(code.code.into(), example.into());
    }
}
