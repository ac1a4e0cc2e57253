//! The cell-records service. [`build_app`] is the only place where routes are registered.

pub mod auth;
pub mod config;
pub mod db;
pub mod demo;
pub mod error;
pub mod http;
pub mod logging;
pub mod operator;
pub mod phrases;
mod records;
pub mod regulations;
pub mod server;
pub mod setup;
pub mod state;
pub mod store;
pub mod sync;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Compress, Condition, from_fn};
use actix_web::web::Data;
use http::openapi::Document;
use state::{App, Shared};
use std::sync::{Arc, LazyLock};
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;

/// Every route of the service.
fn routes(config: &mut ServiceConfig<'_>) {
    http::health::routes(config);
    http::openapi::routes(config);
    http::docs::routes(config);
    http::front::routes(config);
    http::grants::routes_below_units(config);
    http::records::routes(config);
    http::login::routes(config);
    http::exchange::routes(config);
    sync::routes(config);
    http::me::routes(config);
    http::users::routes(config);
    http::systems::routes(config);
    http::tokens::routes(config);
    http::grants::routes(config);
    http::work::routes(config);
    http::audit::routes(config);
}

/// The OpenAPI document of the routes, which is made once.
pub fn document() -> Data<Document> {
    static DOCUMENT: LazyLock<Data<Document>> = LazyLock::new(|| {
        let (_, api) =
            actix_web::App::new().into_utoipa_app().openapi(http::openapi::base()).configure(routes).split_for_parts();
        Data::new(Document::new(api))
    });
    DOCUMENT.clone()
}

/// One worker's application.
pub fn build_app(
    shared: Arc<Shared>,
    document: Data<Document>,
) -> actix_web::App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let (closed, cors) = (shared.cors.is_empty(), http::cors::of(&shared.cors));
    let app = App::new(shared);
    actix_web::App::new()
        .app_data(app)
        .app_data(document)
        .into_utoipa_app()
        .configure(routes)
        .into_app()
        // Inside the edge, so that what it refuses gets the body of every error too.
        .wrap(Compress::default())
        .wrap(from_fn(http::edge::edge))
        .wrap(Condition::new(!closed, cors))
}
