//! The one body of every error: RFC 9457 `application/problem+json`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What went wrong, for a program (`code`) and for a person (`title`, `detail`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct Problem {
    /// A URI reference of the kind of problem: `/problems/<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words, in the language asked for.
    pub title: String,
    /// The HTTP status.
    #[cfg_attr(feature = "openapi", schema(minimum = 400, maximum = 599))]
    pub status: u16,
    /// What happened here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub detail: Option<String>,
    /// Stable, `snake_case`.
    pub code: String,
    /// The id of the request, as in `X-Request-Id` and the server's log.
    pub request_id: String,
    /// All faults of the body or query.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemFault>,
    /// What some codes add: the current record (`stale_version`), `reason` and `resync` (`cursor_gone`),
    /// `limits` (`too_large`), `deleted_at` (`gone`), `items` and `summary` (`push_refused`). The API document names them
    /// all.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub more: serde_json::Map<String, Value>,
}

/// One fault of a body or query.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct ProblemFault {
    /// JSON Pointer into the body; for a query parameter or header, its name.
    pub pointer: String,
    /// Stable, `snake_case`.
    pub code: String,
    /// In the language asked for.
    pub message: String,
}

impl Problem {
    /// The problem of a response that has no such body, such as a proxy's page: its code is `http_<status>`.
    pub fn without_body(status: u16) -> Self {
        Problem {
            kind: "about:blank".to_owned(),
            title: "A response that is not this service's own".to_owned(),
            status,
            code: format!("http_{status}"),
            ..Problem::default()
        }
    }
}

impl ProblemFault {
    /// A fault at a place.
    pub fn new(pointer: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        ProblemFault { pointer: pointer.into(), code: code.into(), message: message.into() }
    }
}
