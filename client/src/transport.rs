//! One request from its parts to its answer: URL, headers, attempts, problems.

use crate::client::{Client, Inner};
use crate::error::{Error, Result};
use crate::retry::Repeat;
use bytes::Bytes;
use cell_records_types::Timestamp;
use cell_records_types::problem::Problem;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde::{Serialize, de::DeserializeOwned};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tracing::{Instrument, Span, field};
use uuid::Uuid;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const TOKEN_EXPIRES_SOON: HeaderName = HeaderName::from_static("token-expires-soon");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request that can be sent any number of times: the body is whole, so a repeat is the same to the byte.
#[derive(Clone)]
pub(crate) struct Call {
    method: Method,
    path: Vec<String>,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
    repeat: Repeat,
    more_time: Duration,
}

impl Call {
    fn new(method: Method, repeat: Repeat, path: &[&str]) -> Self {
        Call {
            method,
            path: path.iter().map(|part| (*part).to_owned()).collect(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            repeat,
            more_time: Duration::ZERO,
        }
    }

    pub(crate) fn get(path: &[&str]) -> Self {
        Call::new(Method::GET, Repeat::Always, path)
    }

    /// A POST under a key: repeated freely, for the server answers a repeat with the first answer.
    pub(crate) fn keyed_post(path: &[&str], key: Option<&str>) -> Result<Self> {
        let key = key.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
        Call::new(Method::POST, Repeat::Always, path).header(IDEMPOTENCY_KEY, &key)
    }

    /// A POST that the server takes without a key only.
    pub(crate) fn plain_post(path: &[&str]) -> Self {
        Call::new(Method::POST, Repeat::Unsent, path)
    }

    /// A POST that changes nothing, such as a dry run.
    pub(crate) fn trial_post(path: &[&str]) -> Self {
        Call::new(Method::POST, Repeat::Always, path)
    }

    pub(crate) fn put(path: &[&str]) -> Self {
        Call::new(Method::PUT, Repeat::Unsent, path)
    }

    pub(crate) fn patch(path: &[&str]) -> Self {
        Call::new(Method::PATCH, Repeat::BeforeEffect, path)
    }

    pub(crate) fn delete(path: &[&str]) -> Self {
        Call::new(Method::DELETE, Repeat::BeforeEffect, path)
    }

    pub(crate) fn query(mut self, pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        self.query.extend(pairs);
        self
    }

    /// Adds a parameter when it has a value.
    pub(crate) fn parameter(mut self, name: &str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name.to_owned(), value.to_string())));
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Result<Self> {
        let value = HeaderValue::try_from(value).map_err(|_| Error::Refused(format!("no valid value of {name}")))?;
        self.headers.insert(name, value);
        Ok(self)
    }

    pub(crate) fn json(self, body: &impl Serialize) -> Result<Self> {
        let body = serde_json::to_vec(body).map_err(|cause| Error::Refused(format!("the body: {cause}")))?;
        Ok(self.body(body.into(), "application/json"))
    }

    pub(crate) fn body(mut self, body: Bytes, content_type: &'static str) -> Self {
        self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.body = body;
        self
    }

    /// Says that the body is a JSON Merge Patch.
    pub(crate) fn merge_patch(mut self) -> Self {
        self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/merge-patch+json"));
        self
    }

    /// Lets the answer take this much longer than others: a long poll.
    pub(crate) fn more_time(mut self, more: Duration) -> Self {
        self.more_time = more;
        self
    }

    /// The span of all attempts of the call. It names no record and no query: those may name people.
    fn span(&self) -> Span {
        let named = |part: &str| part.starts_with("ext:") || Uuid::try_parse(part).is_ok();
        let parts: Vec<&str> = self.path.iter().map(|part| if named(part) { "{id}" } else { part.as_str() }).collect();
        tracing::debug_span!(
            "call",
            method = %self.method,
            path = parts.join("/"),
            attempts = field::Empty,
            status = field::Empty,
            request_id = field::Empty,
        )
    }

    fn url(&self, base: &Url) -> Result<Url> {
        let mut url = base.clone();
        url.path_segments_mut()
            .map_err(|()| Error::Refused("the base URL cannot have a path".to_owned()))?
            .pop_if_empty()
            .extend(&self.path);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        Ok(url)
    }
}

/// A successful answer (2xx, or 304 to a conditional read), whole in memory.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|cause| Error::decode(std::any::type_name::<T>(), cause))
    }

    pub(crate) fn etag(&self) -> Option<String> {
        self.headers.get(header::ETAG)?.to_str().ok().map(str::to_owned)
    }

    /// The id under which the server's log has the request.
    pub(crate) fn request_id(&self) -> Option<&str> {
        self.headers.get(X_REQUEST_ID)?.to_str().ok()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    /// Sends a call as the client's account; renews the account's access token once when it is refused.
    pub(crate) async fn send(&self, call: Call) -> Result<Answer> {
        let inner = &*self.inner;
        let token = inner.credentials.access(inner).await?;
        match inner.attempts(&call, token.as_deref()).await {
            Err(error) if error.status() == Some(401) && inner.credentials.renewable() => {
                inner.credentials.refused(token.as_deref()).await;
                let token = inner.credentials.access(inner).await?;
                inner.attempts(&call, token.as_deref()).await
            }
            outcome => outcome,
        }
    }

    /// Sends a call and reads its answer.
    pub(crate) async fn fetch<T: DeserializeOwned>(&self, call: Call) -> Result<T> {
        self.send(call).await?.json()
    }
}

impl Inner {
    /// Sends a call until it succeeds, may not be repeated, or the policy is exhausted.
    pub(crate) async fn attempts(&self, call: &Call, token: Option<&str>) -> Result<Answer> {
        self.repeated(call, token).instrument(call.span()).await
    }

    async fn repeated(&self, call: &Call, token: Option<&str>) -> Result<Answer> {
        let mut attempt = 1;
        loop {
            let outcome = self.once(call, token).await;
            note(attempt, &outcome);
            let Err(error) = outcome else { return outcome };
            let Some(wait) = self.retry.wait(attempt, &error).filter(|_| call.repeat.allows(&error)) else {
                return Err(error);
            };
            tracing::debug!(method = %call.method, attempt, wait_ms = wait.as_millis(), %error, "sending again");
            (self.clock.pause)(wait).await;
            attempt += 1;
        }
    }

    /// One attempt.
    pub(crate) async fn once(&self, call: &Call, token: Option<&str>) -> Result<Answer> {
        let mut request = self
            .http
            .request(call.method.clone(), call.url(&self.base)?)
            .headers(self.headers.clone())
            .headers(call.headers.clone())
            .timeout(self.timeout.saturating_add(call.more_time));
        if call.method != Method::GET {
            request = request.body(call.body.clone());
        }
        if let Some(token) = token {
            // Marks the header as sensitive, so that no log of the HTTP library shows it.
            request = request.bearer_auth(token);
        }
        let response = request.send().await.map_err(Error::unanswered)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let end = headers.get(TOKEN_EXPIRES_SOON).and_then(|end| end.to_str().ok()?.parse::<Timestamp>().ok());
        if let Some(end) = end {
            self.token_ends.store(end.micros(), Ordering::Relaxed);
        }
        let body = response.bytes().await.map_err(Error::unanswered)?;
        match status {
            200..=299 | 304 => Ok(Answer { status, headers, body }),
            _ => Err(problem(status, &headers, &body)),
        }
    }
}

/// Notes in the call's span how its last attempt ended.
fn note(attempt: u32, outcome: &Result<Answer>) {
    let span = Span::current();
    span.record("attempts", attempt);
    let (status, request_id) = match outcome {
        Ok(answer) => (Some(answer.status), answer.request_id()),
        Err(error) => (error.status(), error.problem().map(|problem| problem.request_id.as_str())),
    };
    if let Some(status) = status {
        span.record("status", status);
    }
    if let Some(request_id) = request_id {
        span.record("request_id", request_id);
    }
}

fn problem(status: u16, headers: &HeaderMap, body: &[u8]) -> Error {
    let problem = serde_json::from_slice(body).unwrap_or_else(|_| Problem::without_body(status));
    // Only the form in seconds: the service sends no other, and a proxy's date would need a trusted clock.
    let retry_after = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Error::Problem { problem: Box::new(problem), status, retry_after: retry_after.map(Duration::from_secs) }
}
