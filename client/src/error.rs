//! The one error of this crate: what the server said, or why no answer came.

use crate::reason::Reason;
use crate::records::Tagged;
use cell_records_types::problem::Problem;
use cell_records_types::sync::PushAnswer;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::fmt;
use std::time::Duration;

/// What a call of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed. The text has the whole chain of causes (so there is no `source` that would repeat it),
/// and never a token, a password or a query string.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server answered, and the answer is an error.
    #[error("{}", describe(.problem))]
    Problem {
        /// The problem as the server put it. An answer without such a body (a proxy's page) has the code
        /// `http_<status>`, such as `http_502`.
        problem: Box<Problem>,
        /// The HTTP status.
        status: u16,
        /// How long the server asked to wait before the next attempt.
        retry_after: Option<Duration>,
    },
    /// The server was not reached, or the connection broke: whether it did the work is not known, unless
    /// [`Error::is_unsent`].
    #[error("the server was not reached: {0}")]
    Network(Cause),
    /// The answer did not come in time: whether the server did the work is not known, unless [`Error::is_unsent`].
    #[error("no answer in time: {0}")]
    Timeout(Cause),
    /// The answer is not of the expected form: another version of the contract, or not this service at all.
    #[error("the answer is not of the expected form: {0}")]
    Decode(String),
    /// What was asked for cannot be sent: an unusable URL, token, header or item. Nothing was sent.
    #[error("{0}")]
    Refused(String),
    /// The local copy cannot be read or written.
    #[error("the local copy failed: {0}")]
    Store(Box<dyn std::error::Error + Send + Sync>),
}

/// Why no answer came, with the whole chain of causes.
#[derive(Debug)]
pub struct Cause(reqwest::Error);

impl fmt::Display for Cause {
    // The outermost error says only that sending failed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)?;
        let mut next = std::error::Error::source(&self.0);
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

impl Error {
    /// The stable code of the server's problem, such as `stale_version`.
    pub fn code(&self) -> Option<&str> {
        self.problem().map(|problem| problem.code.as_str())
    }

    /// The HTTP status, when the server answered with an error.
    pub fn status(&self) -> Option<u16> {
        match self {
            Error::Problem { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The problem, when the server answered with one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Error::Problem { problem, .. } => Some(problem),
            _ => None,
        }
    }

    /// How long the server asked to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Problem { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the same request may succeed later: the network, a timeout, 408, 429 and 5xx. Not so where TLS fails
    /// (a certificate that is not trusted, no TLS at all) or the host's name does not exist: somebody must mend that.
    /// It does not say that repeating is harmless; see [`Error::is_unsent`].
    pub fn is_retryable(&self) -> bool {
        match self {
            Error::Problem { status, .. } => matches!(status, 408 | 429 | 500..=599),
            Error::Network(_) => !self.reason().is_some_and(Reason::is_lasting),
            Error::Timeout(_) => true,
            Error::Decode(_) | Error::Refused(_) | Error::Store(_) => false,
        }
    }

    /// Why the server was not reached, where that is known.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Error::Network(cause) => Reason::of(&cause.0),
            Error::Timeout(_) => Some(Reason::Late),
            _ => None,
        }
    }

    /// Whether it is certain that the request had no effect because no connection was made.
    pub fn is_unsent(&self) -> bool {
        match self {
            Error::Network(cause) | Error::Timeout(cause) => cause.0.is_connect(),
            Error::Refused(_) => true,
            _ => false,
        }
    }

    /// The record as it is now, with its tag, which `412 stale_version` brings along: to be shown, or to build on. Absent
    /// where the caller's grants do not cover all that the type `T` requires; a `Map` of `serde_json` takes any.
    pub fn current<T: DeserializeOwned>(&self) -> Option<Tagged<T>> {
        let problem = self.problem()?;
        let record = T::deserialize(problem.more.get("current")?).ok()?;
        let etag = problem.more.get("etag")?.as_str()?.to_owned();
        Some(Tagged { record, etag, request_id: Some(problem.request_id.clone()) })
    }

    /// What a refused push of mode `all` (`422 push_refused`) says about each item.
    pub fn push_answer(&self) -> Option<PushAnswer> {
        let problem = self.problem().filter(|problem| problem.code == "push_refused")?;
        let mut answer: Map<String, Value> = problem.more.clone();
        answer.entry("applied").or_insert(Value::Bool(false));
        serde_json::from_value(Value::Object(answer)).ok()
    }

    /// A call that got no answer.
    pub(crate) fn unanswered(cause: reqwest::Error) -> Self {
        // URLs hold filters and external ids, which may name people.
        let cause = cause.without_url();
        if cause.is_timeout() { Error::Timeout(Cause(cause)) } else { Error::Network(Cause(cause)) }
    }

    pub(crate) fn decode(what: &str, cause: impl fmt::Display) -> Self {
        Error::Decode(format!("{what}: {cause}"))
    }
}

fn describe(problem: &Problem) -> String {
    let mut text = format!("{} ({}, {})", problem.title, problem.status, problem.code);
    if let Some(detail) = &problem.detail {
        text.push_str(": ");
        text.push_str(detail);
    }
    for fault in &problem.errors {
        text.push_str(&format!("; {}: {}", fault.pointer, fault.message));
    }
    if !problem.request_id.is_empty() {
        text.push_str(&format!(" [request {}]", problem.request_id));
    }
    text
}
