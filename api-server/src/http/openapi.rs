//! The OpenAPI document: put together from the handlers' own descriptions and, for the record types, from the
//! registry. What is routed is documented, for both come from one place.

use cell_records_types::problem::Problem;
use std::collections::BTreeMap;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::PathItem;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{IntoResponses, OpenApi};

/// The document as it is served at `/openapi.json`.
pub struct Document {
    /// The document.
    pub api: utoipa::openapi::OpenApi,
    /// The same as JSON text.
    pub text: String,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "cell-records",
        version = "1",
        description = "The records of a Party committee of a ward and of its cells.",
    ),
    modifiers(&Bearer),
    components(schemas(Problem)),
    security(("bearer" = []))
)]
struct Base;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT, or crt_…").build();
        api.components.get_or_insert_default().add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// What the document begins with.
pub fn base() -> utoipa::openapi::OpenApi {
    Base::openapi()
}

/// How an operation fails: named once, for the body is the same everywhere.
pub struct Problems;

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let problem = |description: &str| {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            let response = ResponseBuilder::new().description(description);
            RefOr::T(response.content("application/problem+json", content).build())
        };
        BTreeMap::from([
            ("4XX".to_owned(), problem("The request is refused; `code` tells why, `errors` where.")),
            ("5XX".to_owned(), problem("The service failed or cannot answer now (`Retry-After`).")),
        ])
    }
}

impl Document {
    /// The document of these paths.
    pub fn new(api: utoipa::openapi::OpenApi) -> Self {
        let text = api.to_pretty_json().unwrap_or_default();
        Document { api, text }
    }

    /// The methods of a path, as `Allow` names them.
    pub fn methods(&self, pattern: &str) -> Option<String> {
        let PathItem { get, put, post, delete, patch, .. } = self.api.paths.paths.get(pattern)?;
        let all = [("GET", get), ("PUT", put), ("POST", post), ("DELETE", delete), ("PATCH", patch)];
        let methods: Vec<&str> =
            all.iter().filter(|(_, operation)| operation.is_some()).map(|(name, _)| *name).collect();
        Some(methods.join(", "))
    }
}
