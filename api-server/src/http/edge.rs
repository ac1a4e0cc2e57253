//! The edge of the service: what is alike for every request. Its id, its one log line, the body of every
//! error, the headers of every answer. Handlers say what happened; here it is put into words.

use super::RequestId;
use super::client::ClientAddress;
use super::idempotency;
use crate::auth::caller::Who;
use crate::error::{self, ApiError};
use crate::phrases;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{
    ACCEPT_LANGUAGE, ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, IF_MATCH, IF_NONE_MATCH, RETRY_AFTER, VARY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, HttpResponse};
use cell_records_types::Timestamp;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TOKEN_EXPIRES_SOON: HeaderName = HeaderName::from_static("token-expires-soon");
/// Headers of one value. Of two lines a proxy may look at the one and this server at the other.
static SINGLE: [HeaderName; 5] = [AUTHORIZATION, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH, idempotency::HEADER];
/// Longest request id that is taken over from a caller.
const LONGEST_ID: usize = 64;

/// Wraps every request.
///
/// # Errors
/// Only with a finished answer, where no request is left to answer to: after a panic.
pub async fn edge(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let begun = Instant::now();
    let id = request_id(request.headers());
    let vietnamese = wants_vietnamese(request.headers());
    let method = request.method().clone();
    if method == Method::HEAD {
        // Answered as a GET whose body the connection leaves out.
        request.head_mut().method = Method::GET;
    }
    request.extensions_mut().insert(RequestId(id.clone()));
    let client = ClientAddress::find(&request);
    if let Some(client) = client {
        request.extensions_mut().insert(client);
    }
    // Every line that is logged for this request bears its id.
    let span = tracing::error_span!("request", request_id = %id);
    let repeated = SINGLE.iter().find(|name| request.headers().get_all(*name).nth(1).is_some());
    let handled = async {
        match repeated {
            Some(name) => Ok(request.error_response(ApiError::header(name.as_str(), &phrases::SENT_ONCE))),
            None => next.call(request).await.map(ServiceResponse::map_into_boxed_body),
        }
    };
    let outcome = AssertUnwindSafe(handled).catch_unwind().instrument(span.clone()).await;
    let mut response = match outcome {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            tracing::error!(request_id = %id, %error, "a request failed before its handler");
            return Err(finished(&ApiError::new(&error::BAD_REQUEST), &id, vietnamese));
        }
        Err(_) => {
            tracing::error!(request_id = %id, "a handler panicked");
            return Err(finished(&ApiError::new(&error::INTERNAL), &id, vietnamese));
        }
    };
    if response.status().is_client_error() || response.status().is_server_error() {
        response = with_problem(response, &id, vietnamese).instrument(span).await;
    }
    let route = response.request().match_pattern().unwrap_or_else(|| "unknown".into());
    let under_v1 = response.request().path().starts_with("/v1");
    finish_headers(response.headers_mut(), &id, under_v1, vietnamese);
    let expires = response.request().extensions().get::<TokenExpires>().map(|TokenExpires(end)| end.to_string());
    if let Some(end) = expires.and_then(|end| HeaderValue::from_str(&end).ok()) {
        response.headers_mut().insert(TOKEN_EXPIRES_SOON, end);
    }
    let caller = response.request().extensions().get::<CallerId>().map(|caller| caller.0);
    let status = response.status().as_u16();
    // To the microsecond: more digits are noise.
    let milliseconds = (begun.elapsed().as_secs_f64() * 1e6).round() / 1e3;
    let address = client.map(|ClientAddress(address)| tracing::field::display(address));
    let caller = caller.map(tracing::field::display);
    // A field that is nothing is left out.
    tracing::info!(%method, route, status, milliseconds, request_id = %id, address, caller, "{method} {route} {status}");
    Ok(response)
}

/// The account that a request was made by, for its log line.
#[derive(Debug, Clone, Copy)]
pub struct CallerId(pub Uuid);

/// When the access token that a request was sent with ends, where that is soon.
#[derive(Debug, Clone, Copy)]
pub struct TokenExpires(pub Timestamp);

fn finished(error: &ApiError, id: &str, vietnamese: bool) -> Error {
    let mut response = problem_response(error, id, vietnamese);
    finish_headers(response.headers_mut(), id, true, vietnamese);
    InternalError::from_response("answered at the edge", response).into()
}

fn finish_headers(headers: &mut HeaderMap, id: &str, under_v1: bool, vietnamese: bool) {
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(X_REQUEST_ID, value);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if under_v1 {
        if !headers.contains_key(CACHE_CONTROL) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        }
        // In one line: what adds to it outside looks at the first line only.
        let compressed = headers.contains_key(VARY);
        let vary = if compressed {
            "accept-encoding, authorization, accept-language"
        } else {
            "authorization, accept-language"
        };
        headers.insert(VARY, HeaderValue::from_static(vary));
        headers.insert(CONTENT_LANGUAGE, language(vietnamese));
    }
}

/// The language of what the server says, as `Content-Language` names it.
fn language(vietnamese: bool) -> HeaderValue {
    HeaderValue::from_static(if vietnamese { "vi" } else { "en" })
}

/// The caller's own id when it is sane, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let sent = headers.get(X_REQUEST_ID).and_then(|value| value.to_str().ok());
    let sane = |id: &&str| {
        (1..=LONGEST_ID).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    sent.filter(sane).map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

/// Whether Vietnamese is preferred to English.
pub fn wants_vietnamese(headers: &HeaderMap) -> bool {
    let Some(list) = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()) else { return false };
    let weight = |language: &str| {
        let ranges = list.split(',').filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next()?.to_ascii_lowercase();
            let fits = tag == language || tag.strip_prefix(language).is_some_and(|rest| rest.starts_with('-'));
            let weight =
                parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse::<f32>().unwrap_or(0.0));
            fits.then_some(weight)
        });
        ranges.fold(0.0, f32::max)
    };
    weight("vi") > weight("en")
}

/// Puts the one body of errors in the place of what a handler or the framework answered.
async fn with_problem(response: ServiceResponse, id: &str, vietnamese: bool) -> ServiceResponse {
    if response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == PROBLEM) {
        return response;
    }
    let made = match response.response().error().and_then(|error| error.as_error::<ApiError>()) {
        Some(error) => {
            if error.code.status >= 500 {
                tracing::warn!(code = error.code.code, "answered with an error");
            }
            problem_response(error, id, vietnamese)
        }
        None => {
            let error = of_framework(response.request(), response.status()).await;
            let mut made = problem_response(&error, id, vietnamese);
            if error.code == &error::METHOD_NOT_ALLOWED
                && let Some(allow) = super::allowed_methods(response.request())
            {
                made.headers_mut().insert(ALLOW, allow);
            }
            made
        }
    };
    response.into_response(made)
}

/// What the framework answered by itself: no such route or method, or a request that it could not read.
/// Under `/v1` nobody learns which routes there are without a login.
async fn of_framework(request: &HttpRequest, status: StatusCode) -> ApiError {
    if !matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) {
        let code = match status {
            StatusCode::NOT_ACCEPTABLE => &error::NOT_ACCEPTABLE,
            StatusCode::PAYLOAD_TOO_LARGE => &error::TOO_LARGE,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => &error::UNSUPPORTED_MEDIA_TYPE,
            status if status.is_client_error() => &error::BAD_REQUEST,
            _ => &error::INTERNAL,
        };
        return ApiError::new(code);
    }
    if request.path().starts_with("/v1/")
        && !request.path().starts_with("/v1/auth/")
        && let Err(error) = Who::from_request(request, &mut Payload::None).await
    {
        return error;
    }
    ApiError::new(if super::allowed_methods(request).is_some() {
        &error::METHOD_NOT_ALLOWED
    } else {
        &error::NOT_FOUND
    })
}

const PROBLEM: &str = "application/problem+json";

/// An error as an answer.
pub fn problem_response(error: &ApiError, id: &str, vietnamese: bool) -> HttpResponse {
    let status = StatusCode::from_u16(error.code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    if let Some(seconds) = error.retry_after {
        response.insert_header((RETRY_AFTER, seconds.to_string()));
    }
    if status == StatusCode::UNAUTHORIZED {
        response.insert_header((WWW_AUTHENTICATE, "Bearer"));
    }
    response.insert_header((CONTENT_LANGUAGE, language(vietnamese)));
    response.content_type(PROBLEM).body(serde_json::to_string(&error.problem(id, vietnamese)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn a_sane_request_id_is_kept_and_another_is_replaced() {
        assert_eq!(request_id(&headers(X_REQUEST_ID, "abc-1.2_3")), "abc-1.2_3");
        for insane in ["", "a b", "x\"y", &"a".repeat(65)] {
            assert_eq!(request_id(&headers(X_REQUEST_ID, insane)).len(), 36, "{insane}");
        }
    }

    #[test]
    fn vietnamese_is_answered_where_it_is_preferred() {
        for (list, vietnamese) in [
            ("vi", true),
            ("vi-VN, en;q=0.8", true),
            ("en, vi;q=0.9", false),
            ("fr", false),
            ("vi;q=0", false),
            ("", false),
        ] {
            assert_eq!(wants_vietnamese(&headers(ACCEPT_LANGUAGE, list)), vietnamese, "{list}");
        }
    }
}
