//! Entity tags of records: version and epoch, so that a version of a lost timeline never matches.

use crate::error::{ApiError, ApiResult};
use crate::store::items::Expected;
use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};

/// The tag of a version: `"3.5f2c91ab"`.
pub fn tag(version: i64, epoch: &str) -> String {
    format!("\"{version}.{}\"", short(epoch))
}

fn short(epoch: &str) -> &str {
    epoch.get(..8).unwrap_or(epoch)
}

fn header<'a>(request: &'a HttpRequest, name: &HeaderName) -> ApiResult<Option<&'a str>> {
    let Some(value) = request.headers().get(name) else { return Ok(None) };
    value.to_str().map(|text| Some(text.trim())).map_err(|_| ApiError::header(name.as_str(), "must be an entity tag"))
}

/// What `If-Match` says of the version: none, any, or exactly one.
///
/// # Errors
/// `400` when it is no entity tag.
pub fn if_match(request: &HttpRequest, epoch: &str) -> ApiResult<Expected> {
    let Some(text) = header(request, &IF_MATCH)? else { return Ok(Expected::Missing) };
    if text == "*" {
        return Ok(Expected::Any);
    }
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).filter(|inner| !inner.contains('"'));
    let Some(inner) = inner else {
        return Err(ApiError::header("if-match", "must be one entity tag in quotes, as ETag gave it, or *"));
    };
    let version =
        inner.split_once('.').filter(|(_, of)| *of == short(epoch)).and_then(|(version, _)| version.parse().ok());
    // A tag of another epoch, or of another server, matches no version.
    Ok(Expected::Exactly(version.unwrap_or(0)))
}

/// Whether `If-None-Match` names this tag: the caller has the record already.
pub fn is_known(request: &HttpRequest, tag: &str) -> bool {
    let Ok(Some(list)) = header(request, &IF_NONE_MATCH) else { return false };
    list == "*" || list.split(',').any(|one| one.trim().trim_start_matches("W/") == tag.trim_start_matches("W/"))
}
