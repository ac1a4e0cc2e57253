//! The OpenAPI document: put together from the handlers' own descriptions and, for the calls that every record type
//! has, from the registry ([`super::records::document`]). What is routed is documented, for both come from one place.

mod base;
mod errors;
mod facts;
pub mod headers;
pub mod parameters;
mod problem;
mod schemas;
pub mod types;

pub use base::base;

use super::files::StaticFile;
use super::records::calls;
use crate::error::ApiResult;
use actix_web::http::Method;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use facts::Facts;
use serde::Serialize;
use serde_json::ser::PrettyFormatter;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap};
use types::TypeText;
use utoipa::openapi::path::{HttpMethod, Operation, ParameterIn, PathItem};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::tag::Tag;
use utoipa::openapi::{Components, Info, OpenApi, OpenApiVersion, RefOr, Server};
use utoipa_actix_web::service_config::ServiceConfig;

/// The document as it is served at `/openapi.json`, and what the server itself reads in it. The tree that it is made from
/// is many times as large, and is not kept.
pub struct Document {
    file: StaticFile,
    /// The methods of each path, and whether they take parameters in the query.
    methods: HashMap<String, Vec<(Method, bool)>>,
    types: Vec<TypeText>,
}

/// Adds to an operation what follows from its shape: shared parameters, headers, errors.
fn complete(method: HttpMethod, path: &str, operation: &mut Operation, components: &mut Components) {
    parameters::share(path, operation);
    for content in operation.request_body.iter_mut().filter_map(inline).flat_map(|body| body.content.values_mut()) {
        if let Some(content) = inline(content) {
            content.schema = content.schema.take().map(parameters::never_null);
        }
    }
    let facts = Facts { method, path, operation };
    let mut responses = operation.responses.responses.clone();
    for (status, response) in &mut responses {
        if let Some(response) = inline(response) {
            headers::complete(&facts, status, response);
        }
    }
    responses.extend(errors::of(&facts, components));
    operation.responses.responses = responses;
}

/// What is stated here, and not among the components.
fn inline<T>(one: &mut RefOr<T>) -> Option<&mut T> {
    match one {
        RefOr::T(stated) => Some(stated),
        RefOr::Ref(_) => None,
    }
}

/// The operations of a path.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (HttpMethod, &mut Operation)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    let all = [
        (HttpMethod::Get, get),
        (HttpMethod::Put, put),
        (HttpMethod::Post, post),
        (HttpMethod::Delete, delete),
        (HttpMethod::Patch, patch),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Whether an operation takes parameters in its query.
fn has_a_query(operation: &Operation) -> bool {
    let mut taken = operation.parameters.iter().flatten().filter_map(parameters::resolved);
    taken.any(|one| one.parameter_in == ParameterIn::Query)
}

/// A document whose paths are texts already.
#[derive(Serialize)]
struct Whole {
    openapi: OpenApiVersion,
    info: Info,
    servers: Option<Vec<Server>>,
    paths: BTreeMap<String, Box<RawValue>>,
    components: Components,
    security: Option<Vec<SecurityRequirement>>,
    tags: Option<Vec<Tag>>,
}

/// A path as its text in the document.
fn raw(item: &PathItem) -> Option<Box<RawValue>> {
    let text = text(item);
    // It is two levels deep.
    RawValue::from_string(text.trim_end().replace('\n', "\n  ")).ok()
}

/// A document as it is served and committed: a line a value, for reviews, and one space a level, for its size.
pub fn text(document: &impl Serialize) -> String {
    let mut text = Vec::new();
    let mut lines = serde_json::Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b" "));
    // What is made of texts, numbers and lists always serialises.
    let _ = document.serialize(&mut lines);
    text.push(b'\n');
    String::from_utf8(text).unwrap_or_default()
}

impl Document {
    /// The document of these paths, and of those of the record types. A path is many times as large as its text, so only
    /// that is kept of each.
    pub fn new(api: OpenApi) -> Self {
        let OpenApi { openapi, info, servers, paths, components, security, tags, .. } = api;
        let mut components = components.unwrap_or_default();
        problem::add(&mut components);
        calls::add_schemas(&mut components);
        let plain = schemas::finish(&mut components);
        let (mut methods, mut texts) = (HashMap::new(), BTreeMap::new());
        for (path, mut item) in paths.paths.into_iter().chain(calls::paths()) {
            let of_path: &mut Vec<_> = methods.entry(path.clone()).or_default();
            for (method, operation) in operations(&mut item) {
                of_path.push((calls::method(&method), has_a_query(operation)));
                complete(method, &path, operation, &mut components);
                plain.finish(operation);
            }
            texts.extend(raw(&item).map(|text| (path, text)));
        }
        let types = types::texts(&components.schemas);
        let whole = Whole { openapi, info, servers, paths: texts, components, security, tags };
        Document { file: StaticFile::new("application/json", text(&whole)), methods, types }
    }

    /// The document as JSON text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(self.file.bytes()).unwrap_or_default()
    }

    /// The methods of a path, as `Allow` names them.
    pub fn methods(&self, pattern: &str) -> Option<String> {
        let methods: Vec<&str> = self.methods.get(pattern)?.iter().map(|(method, _)| method.as_str()).collect();
        Some(methods.join(", "))
    }

    /// Whether an operation takes parameters in its query. One that is not in the document counts as taking some.
    pub fn takes_a_query(&self, method: &Method, pattern: &str) -> bool {
        let found = self.methods.get(pattern).and_then(|methods| methods.iter().find(|(one, _)| one == method));
        found.is_none_or(|(_, has_a_query)| *has_a_query)
    }

    /// What `GET /v1/record_types` says to every caller.
    pub fn types(&self) -> &[TypeText] {
        &self.types
    }
}

/// Registers the route of the document.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(get_openapi);
}

/// This document.
///
/// OpenAPI 3.1. The page `/docs` shows it.
#[utoipa::path(tag = "service", security(()),
    params(("If-None-Match" = Option<String>, Header)),
    responses((status = 200, description = "OpenAPI 3.1", body = Object, headers(("ETag" = String, description = "Of this answer, for `If-None-Match`")), example = json!({"openapi": "3.1.0"})), (status = 304, description = "The copy is current")))]
#[get("/openapi.json")]
async fn get_openapi(document: Data<Document>, request: HttpRequest) -> ApiResult<HttpResponse> {
    document.file.answer(&request).await
}
