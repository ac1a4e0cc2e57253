//! The caller as an argument of handlers: from the `Authorization` header of a request. Once it is known, a query is
//! refused that the operation does not take.

use super::RequestId;
use super::edge::{CallerId, TokenExpires};
use super::openapi::Document;
use super::params::Params;
use crate::auth::caller::{Who, authenticate};
use crate::error::{ApiError, UNAUTHENTICATED};
use crate::state::App;
use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use std::pin::Pin;

/// For so long before its end an answer says when the access token of a system ends, in microseconds: 30 days.
const SOON: i64 = 30 * 86_400 * 1_000_000;

impl FromRequest for Who {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let app = App::extract(&request).await?;
            let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
            let token = header.and_then(bearer).ok_or_else(|| ApiError::new(&UNAUTHENTICATED))?;
            let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
            let who = authenticate(&app, token, request_id).await?;
            request.extensions_mut().insert(CallerId(who.identity.account));
            if let Some(end) = who.identity.token_expires
                && end.micros() - who.view.now.micros() <= SOON
            {
                request.extensions_mut().insert(TokenExpires(end));
            }
            if !takes_its_query(&request) {
                Params::of(&request)?.end()?;
            }
            Ok(who)
        })
    }
}

/// Whether a request has no query, or one that its operation reads: others have no handler that would refuse it.
fn takes_its_query(request: &HttpRequest) -> bool {
    if request.query_string().is_empty() {
        return true;
    }
    let known = request.app_data::<Data<Document>>().zip(request.match_pattern());
    known.is_none_or(|(document, pattern)| document.takes_a_query(request.method(), &pattern))
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
