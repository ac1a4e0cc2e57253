//! HTTP: the edge, bodies, parameters and tags that all handlers share, and the handlers of what is no record.

pub mod administration;
pub mod audit;
pub mod body;
pub mod causes;
pub mod client;
pub mod connection;
pub mod cookie;
pub mod cors;
pub mod docs;
pub mod edge;
pub mod etag;
pub mod exchange;
pub mod files;
pub mod front;
pub mod grants;
pub mod health;
pub mod idempotency;
pub mod login;
pub mod me;
pub mod openapi;
pub mod pages;
pub mod params;
pub mod records;
pub mod references;
pub mod share;
pub mod systems;
pub mod tagged;
pub mod tokens;
pub mod users;
mod who;
pub mod work;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderValue;

/// The id of a request, as its answer and its log line have it.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// The methods of the route that a request's path belongs to, from the document; nothing: there is no such route.
fn allowed_methods(request: &HttpRequest) -> Option<HeaderValue> {
    let document = request.app_data::<actix_web::web::Data<openapi::Document>>()?;
    let pattern = request.match_pattern()?;
    document.methods(&pattern).and_then(|methods| HeaderValue::from_str(&methods).ok())
}
