//! Entity tags: of records version and epoch, so that a version of a lost timeline never matches, and what of the
//! record the caller reads, so that a copy is not taken for the whole after its holder got more rights. A write asks
//! for the version and epoch alone: whoever reads less of a record builds on the same version.

use crate::error::{ApiError, ApiResult};
use crate::phrases;
use crate::store::items::Expected;
use crate::store::secrets;
use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use cell_records_types::Class;

/// The tag of a version as a caller of this class reads it: `"3.5f2c91ab.personal"`; where fields above the class were
/// named to the caller, with a checksum of their sorted names: `"3.5f2c91ab.personal.9ae0daaf"`.
pub fn tag(version: i64, epoch: &str, class: Class, named: &[&str]) -> String {
    let (epoch, class) = (short(epoch), class.code());
    if named.is_empty() {
        return format!("\"{version}.{epoch}.{class}\"");
    }
    format!("\"{version}.{epoch}.{class}.{:08x}\"", crc32fast::hash(named.join(",").as_bytes()))
}

/// The tag of what is no record.
pub fn of_bytes(bytes: &[u8]) -> String {
    format!("\"{}\"", secrets::digest(bytes).get(..32).unwrap_or_default())
}

/// The tag of a version of which every caller reads the same: `"3.5f2c91ab"`.
pub fn of_version(version: i64, epoch: &str) -> String {
    format!("\"{version}.{}\"", short(epoch))
}

fn short(epoch: &str) -> &str {
    epoch.get(..8).unwrap_or(epoch)
}

fn header<'a>(request: &'a HttpRequest, name: &HeaderName) -> ApiResult<Option<&'a str>> {
    let Some(value) = request.headers().get(name) else { return Ok(None) };
    value.to_str().map(|text| Some(text.trim())).map_err(|_| ApiError::header(name.as_str(), &phrases::ENTITY_TAG))
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
        return Err(ApiError::header("if-match", &phrases::ONE_ENTITY_TAG));
    };
    let mut parts = inner.split('.');
    let (version, of) = (parts.next().and_then(|version| version.parse().ok()), parts.next());
    // A tag of another epoch, or of another server, matches no version.
    Ok(Expected::Exactly(version.filter(|_| of == Some(short(epoch))).unwrap_or(0)))
}

/// Whether `If-None-Match` names this tag: the caller has the record already.
pub fn is_known(request: &HttpRequest, tag: &str) -> bool {
    let Ok(Some(list)) = header(request, &IF_NONE_MATCH) else { return false };
    list == "*" || list.split(',').any(|one| one.trim().trim_start_matches("W/") == tag.trim_start_matches("W/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    const EPOCH: &str = "5f2c91ab-0000-4000-8000-000000000001";

    fn expected(sent: &str) -> ApiResult<Expected> {
        if_match(&TestRequest::get().insert_header((IF_MATCH, sent)).to_http_request(), EPOCH)
    }

    #[test]
    fn a_tag_names_the_view_and_a_write_asks_for_the_version_alone() {
        let tags = [
            tag(3, EPOCH, Class::Personal, &[]),
            tag(3, EPOCH, Class::Sensitive, &[]),
            tag(3, EPOCH, Class::Personal, &["ethnicity"]),
            tag(3, EPOCH, Class::Personal, &["ethnicity", "religion"]),
        ];
        for (index, tag) in tags.iter().enumerate() {
            assert!(!tags[..index].contains(tag), "{tag}");
            assert_eq!(expected(tag).unwrap(), Expected::Exactly(3), "{tag}");
        }
        assert_eq!(expected("\"3.5f2c91ab\"").unwrap(), Expected::Exactly(3));
        for other in ["\"3.5f2c91ac.personal\"", "\"x.5f2c91ab\"", "\"3\"", "\"\""] {
            assert_eq!(expected(other).unwrap(), Expected::Exactly(0), "{other}");
        }
        assert!(expected("3.5f2c91ab").is_err());
    }
}
