//! The OpenAPI document: put together from the handlers' own descriptions and, for the calls that every record type
//! has, from the registry ([`super::records::document`]). What is routed is documented, for both come from one place.

mod errors;
mod headers;
mod problem;

use super::files::StaticFile;
use super::records::types::TypeTexts;
use crate::error::ApiResult;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use cell_records_types::pages::HistoryEntry;
use std::collections::BTreeMap;
use std::sync::OnceLock;
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
    types: OnceLock<TypeTexts>,
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
        Document { api, text, file, types: OnceLock::new() }
    }

    /// The methods of a path, as `Allow` names them.
    pub fn methods(&self, pattern: &str) -> Option<String> {
        let PathItem { get, put, post, delete, patch, .. } = self.api.paths.paths.get(pattern)?;
        let all = [("GET", get), ("PUT", put), ("POST", post), ("DELETE", delete), ("PATCH", patch)];
        let methods: Vec<&str> =
            all.iter().filter(|(_, operation)| operation.is_some()).map(|(name, _)| *name).collect();
        Some(methods.join(", "))
    }

    /// What `GET /v1/record_types` says to every caller.
    pub fn types(&self) -> &TypeTexts {
        self.types.get_or_init(|| {
            let components = self.api.components.as_ref().map(|components| &components.schemas);
            components.map_or_else(|| TypeTexts::new(&BTreeMap::new()), TypeTexts::new)
        })
    }
}

/// Registers the route of the document.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(get_openapi);
}

/// This document.
#[utoipa::path(tag = "service", security(()), responses((status = 200, description = "OpenAPI 3.1", body = Object, example = json!({"openapi": "3.1.0"}))))]
#[get("/openapi.json")]
async fn get_openapi(document: Data<Document>, request: HttpRequest) -> ApiResult<HttpResponse> {
    document.file.answer(&request).await
}
