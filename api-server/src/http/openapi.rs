//! The OpenAPI document: put together from the handlers' own descriptions and, for the calls that every record type
//! has, from the registry ([`super::records::document`]). What is routed is documented, for both come from one place.

mod errors;
mod headers;
mod problem;

use super::files::StaticFile;
use crate::error::ApiResult;
use crate::store::registry::Kind;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use cell_records_types::pages::HistoryEntry;
use serde_json::Value;
use utoipa::OpenApi;
use utoipa::openapi::path::{HttpMethod, Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_actix_web::service_config::ServiceConfig;

/// The document as it is served at `/openapi.json`.
pub struct Document {
    /// The document.
    pub api: utoipa::openapi::OpenApi,
    /// The same as JSON text.
    pub text: String,
    /// The text, as it is sent.
    file: StaticFile,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "cell-records",
        version = "1",
        description = "The records of a Party committee of a ward and of its cells: read, written, pulled and pushed.\n\n\
            Everything under `/v1` except login, refresh and the exchange of tokens needs `Authorization: Bearer`: the access token \
            of a login, or the token of a registered system. What a caller may not see is treated as if it did not exist.\n\n\
            Every error is one `application/problem+json` body with a stable `code`, in Vietnamese where `Accept-Language` prefers it."
    ),
    components(schemas(HistoryEntry)),
    modifiers(&Common),
    security(("bearer" = []))
)]
struct Base;

struct Common;

impl utoipa::Modify for Common {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let components = api.components.get_or_insert_default();
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT, or crt_…").build();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
        headers::add(components);
        errors::examples(components);
        problem::add(components);
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

/// What the document begins with.
pub fn base() -> utoipa::openapi::OpenApi {
    Base::openapi()
}

/// The schemas of a record type: what it returns, what a create takes, what a patch takes.
pub struct Schemas {
    /// `Member`.
    pub answer: Value,
    /// `MemberCreate`.
    pub create: Value,
    /// `MemberUpdate`.
    pub patch: Value,
}

impl Document {
    /// The document of these paths.
    pub fn new(mut api: utoipa::openapi::OpenApi) -> Self {
        let components = api.components.get_or_insert_default();
        for (path, item) in &mut api.paths.paths {
            for (method, operation) in operations(item) {
                errors::list(method, path, operation, components);
            }
        }
        let mut text = api.to_pretty_json().unwrap_or_default();
        text.push('\n');
        let file = StaticFile::new("application/json", text.clone());
        Document { api, text, file }
    }

    /// The methods of a path, as `Allow` names them.
    pub fn methods(&self, pattern: &str) -> Option<String> {
        let PathItem { get, put, post, delete, patch, .. } = self.api.paths.paths.get(pattern)?;
        let all = [("GET", get), ("PUT", put), ("POST", post), ("DELETE", delete), ("PATCH", patch)];
        let methods: Vec<&str> =
            all.iter().filter(|(_, operation)| operation.is_some()).map(|(name, _)| *name).collect();
        Some(methods.join(", "))
    }

    /// The schemas of a record type.
    pub fn schemas(&self, kind: &Kind) -> Schemas {
        let schema = |name: &str| {
            let found = self.api.components.as_ref().and_then(|components| components.schemas.get(name));
            found.and_then(|schema| serde_json::to_value(schema).ok()).unwrap_or_default()
        };
        let [answer, create, patch] = kind.schema_names();
        Schemas { answer: schema(&answer), create: schema(&create), patch: schema(&patch) }
    }
}

/// Registers the route of the document.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(get_openapi);
}

/// This document.
#[utoipa::path(tag = "service", security(()), responses((status = 200, description = "OpenAPI 3.1", body = Value, example = json!({"openapi": "3.1.0"}))))]
#[get("/openapi.json")]
async fn get_openapi(document: Data<Document>, request: HttpRequest) -> ApiResult<HttpResponse> {
    document.file.answer(&request).await
}
