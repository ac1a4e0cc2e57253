//! THE table of the calls that every record type has. Routes and their descriptions in the OpenAPI document are both
//! made from it, so what is routed is documented.

use super::collection::OfType;
use super::examples::Examples;
use super::{advance, counts, document, history, read, schemas, write};
use crate::store::registry::{KINDS, Kind};
use actix_web::http::Method;
use actix_web::{Route, Scope, web};
use utoipa::openapi::Components;
use utoipa::openapi::path::{HttpMethod, Operation, PathItem, Paths};
use utoipa_actix_web::service_config::ServiceConfig;

/// A call.
struct Call {
    method: HttpMethod,
    /// What follows `/v1/{types}`.
    path: &'static str,
    /// Leads a route to the handler.
    to: fn(Route) -> Route,
    describe: fn(&'static Kind, &Examples) -> Operation,
}

/// The calls; those of one path are together.
#[rustfmt::skip]
static CALLS: [Call; 9] = [
    Call { method: HttpMethod::Get,    path: "",              to: |route| route.to(read::list),     describe: document::list },
    Call { method: HttpMethod::Post,   path: "",              to: |route| route.to(write::create),  describe: document::create },
    // Before the ids, of which none is called so.
    Call { method: HttpMethod::Get,    path: "/counts",       to: |route| route.to(counts::counts), describe: document::counts },
    Call { method: HttpMethod::Get,    path: "/{id}",         to: |route| route.to(read::get),      describe: document::get },
    Call { method: HttpMethod::Patch,  path: "/{id}",         to: |route| route.to(write::update),  describe: document::update },
    Call { method: HttpMethod::Delete, path: "/{id}",         to: |route| route.to(write::delete),  describe: document::delete },
    Call { method: HttpMethod::Post,   path: "/{id}/restore", to: |route| route.to(write::restore), describe: document::restore },
    Call { method: HttpMethod::Post,   path: ADVANCE,         to: |route| route.to(advance::advance), describe: document::advance },
    Call { method: HttpMethod::Get,    path: "/{id}/history", to: |route| route.to(history::list),  describe: document::history },
];

/// The call that only types with states have.
const ADVANCE: &str = "/{id}/advance";

impl Call {
    fn is_of(&self, kind: &Kind) -> bool {
        self.path != ADVANCE || !kind.moves.is_empty()
    }
}

/// Registers the routes of every record type.
///
/// Each type has a scope of its own: a path of another type, or of none, is recognised by the scope's prefix alone, where
/// single resources would each try their pattern on it.
pub fn routes(config: &mut ServiceConfig<'_>) {
    for kind in &KINDS {
        config.map(|config| config.service(scope(kind)));
    }
}

fn scope(kind: &'static Kind) -> Scope {
    let scope = web::scope(&format!("/v1/{}", kind.plural)).app_data(OfType(kind));
    let calls: Vec<&Call> = CALLS.iter().filter(|call| call.is_of(kind)).collect();
    calls.chunk_by(|one, next| one.path == next.path).fold(scope, |scope, calls| {
        let path = calls.first().map_or("", |call| call.path);
        let route = |call: &&Call| (call.to)(Route::new().method(method(&call.method)));
        scope.service(calls.iter().map(route).fold(web::resource(path), |resource, route| resource.route(route)))
    })
}

/// The method of a route, of a method of the document.
pub const fn method(method: &HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Options => Method::OPTIONS,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Trace => Method::TRACE,
    }
}

/// Adds the schemas of all record types to the document.
pub fn add_schemas(components: &mut Components) {
    for kind in &KINDS {
        schemas::add(kind, &Examples::of(kind), components);
    }
}

/// The paths of all record types, those of a type at a time.
pub fn paths() -> impl Iterator<Item = (String, PathItem)> {
    KINDS.iter().flat_map(|kind| {
        let (examples, mut of_type) = (Examples::of(kind), Paths::new());
        for call in CALLS.iter().filter(|call| call.is_of(kind)) {
            let path = format!("/v1/{}{}", kind.plural, call.path);
            of_type.add_path_operation(path, vec![call.method.clone()], (call.describe)(kind, &examples));
        }
        of_type.paths
    })
}
