//! Calls from browsers: closed until origins are configured.

use actix_cors::Cors;
use actix_web::http::Method;
use actix_web::http::header::{ETAG, LINK, LOCATION, RETRY_AFTER};

/// Seconds that a browser may keep an answer to a preflight.
const KEPT: usize = 600;

/// Lets browsers of these origins call; none: no origin may.
pub fn of(origins: &[String]) -> Cors {
    let mut cors = Cors::default();
    if origins.is_empty() {
        return cors;
    }
    for origin in origins {
        cors = cors.allowed_origin(origin);
    }
    // The refresh token of a browser is in a cookie.
    cors.supports_credentials()
        .allowed_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_any_header()
        .expose_headers([ETAG, LINK, LOCATION, RETRY_AFTER])
        .expose_headers(["x-request-id", "idempotent-replayed", "token-expires-soon"])
        .max_age(KEPT)
}
