//! The refresh token of a person in a browser: in a cookie that no script reads. Browsers send a cookie by themselves, also
//! with a request that another page makes; so it counts only beside a header that such a page cannot add.

use crate::error::{ApiError, ApiResult, CSRF_HEADER_MISSING};
use crate::store::sessions;
use actix_web::HttpRequest;
use actix_web::http::header::{COOKIE, HeaderName, SET_COOKIE};

/// The header that must be sent with the cookie, with any value.
const CSRF_HEADER: HeaderName = HeaderName::from_static("x-requested-with");
const NAME: &str = "cell_records_refresh";
const ATTRIBUTES: &str = "Path=/v1/auth; HttpOnly; Secure; SameSite=Strict";

/// The header that gives the browser a refresh token, for as long as a session lives that is not refreshed.
pub fn with(refresh_token: &str) -> (HeaderName, String) {
    (SET_COOKIE, format!("{NAME}={refresh_token}; {ATTRIBUTES}; Max-Age={}", sessions::IDLE / 1_000_000))
}

/// The header that takes it away.
pub fn without() -> (HeaderName, String) {
    (SET_COOKIE, format!("{NAME}=; {ATTRIBUTES}; Max-Age=0"))
}

/// The refresh token that the browser sent; nothing when it has none.
///
/// # Errors
/// `403` when it comes without the header.
pub fn read(request: &HttpRequest) -> ApiResult<Option<String>> {
    let lines = request.headers().get_all(COOKIE).filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let Some((_, token)) = pairs.find(|(name, _)| *name == NAME) else { return Ok(None) };
    if request.headers().contains_key(&CSRF_HEADER) {
        Ok(Some(token.to_owned()))
    } else {
        Err(ApiError::new(&CSRF_HEADER_MISSING))
    }
}
