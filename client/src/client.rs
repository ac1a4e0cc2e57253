//! The client and how it is set up.

use crate::credentials::{Credentials, Live};
use crate::error::{Error, Result};
use crate::retry::RetryPolicy;
use cell_records_types::Timestamp;
use cell_records_types::accounts::{Login, Tokens};
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Certificate, Url};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A wait that has begun.
pub(crate) type Pause = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Waits, and knows the time; another one in tests.
#[derive(Clone)]
pub(crate) struct Clock {
    pub(crate) pause: Arc<dyn Fn(Duration) -> Pause + Send + Sync>,
    #[cfg_attr(not(feature = "sync"), expect(dead_code, reason = "only the sync engine asks for the time"))]
    pub(crate) now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Default for Clock {
    fn default() -> Self {
        Clock { pause: Arc::new(|time| Box::pin(tokio::time::sleep(time))), now: Arc::new(Timestamp::now) }
    }
}

/// Calls one server in the name of one account. Cheap to clone; clones share connections and the session.
#[derive(Clone)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) http: reqwest::Client,
    pub(crate) base: Url,
    pub(crate) credentials: Credentials,
    pub(crate) retry: RetryPolicy,
    pub(crate) timeout: Duration,
    pub(crate) clock: Clock,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("server", &self.server()).finish_non_exhaustive()
    }
}

impl Client {
    /// Begins a client of the server at `base_url`, such as `https://records.example.vn`; paths are added to it, `/v1`
    /// with them.
    pub fn builder(base_url: &str) -> ClientBuilder {
        ClientBuilder {
            base_url: base_url.to_owned(),
            credentials: Credentials::Nobody,
            language: None,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            retry: RetryPolicy::default(),
            root_certificates: Vec::new(),
            clock: Clock::default(),
        }
    }

    /// The server's base URL, without a password that may be part of it.
    pub fn server(&self) -> String {
        let mut url = self.inner.base.clone();
        // It fails on URLs without a host, which the builder has refused.
        let _ = url.set_password(None);
        url.as_str().trim_end_matches('/').to_owned()
    }

    /// Waits as the retries do.
    #[cfg(feature = "sync")]
    pub(crate) async fn pause(&self, time: Duration) {
        (self.inner.clock.pause)(time).await;
    }

    /// The time, by the local clock.
    #[cfg(feature = "sync")]
    pub(crate) fn now(&self) -> Timestamp {
        (self.inner.clock.now)()
    }

    /// The longest wait between two attempts.
    #[cfg(feature = "sync")]
    pub(crate) fn retry_cap(&self) -> Duration {
        self.inner.retry.cap
    }
}

/// What a [`Client`] needs to know.
#[must_use]
pub struct ClientBuilder {
    base_url: String,
    credentials: Credentials,
    language: Option<String>,
    timeout: Duration,
    connect_timeout: Duration,
    retry: RetryPolicy,
    root_certificates: Vec<Vec<u8>>,
    pub(crate) clock: Clock,
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("retry", &self.retry).finish_non_exhaustive()
    }
}

impl ClientBuilder {
    /// Calls as a system, with its token `crt_…`; or with a JWT that the caller renews itself.
    pub fn access_token(mut self, token: impl Into<String>) -> Self {
        self.credentials = Credentials::Token(token.into());
        self
    }

    /// Calls as a person: logs in at the first call, renews the 15-minute access token before it ends, and logs in
    /// again when the session has ended.
    pub fn login(mut self, username: impl Into<String>, password: impl Into<String>) -> Self {
        let login = Login::new(username.into(), password.into());
        self.credentials = Credentials::Session { login: Some(login), live: Default::default() };
        self
    }

    /// Calls as a person who has logged in elsewhere, and renews those tokens. Nobody else may use their refresh
    /// token any more. Without the password, the client ends with the session.
    pub fn session(mut self, tokens: Tokens) -> Self {
        self.credentials = Credentials::Session { login: None, live: Live::new(tokens).into() };
        self
    }

    /// Language of problems' texts: `vi` or `en` (what the server takes without it).
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    /// How long one attempt may take, its answer included; default 30 seconds. A long poll gets its wait on top.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long making a connection may take; default 10 seconds.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How failed attempts are repeated.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Trusts certificate authorities (one or more, PEM) besides those of the operating system.
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates.push(pem.into());
        self
    }

    /// The client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Refused`] when the base URL is not `http` or `https`, a token or language cannot be put in a header,
    /// or a certificate is not PEM.
    pub fn build(self) -> Result<Client> {
        let base = base_url(&self.base_url)?;
        if let Credentials::Token(token) = &self.credentials
            && HeaderValue::try_from(format!("Bearer {token}")).is_err()
        {
            return Err(Error::Refused("the access token has characters that no token has".to_owned()));
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(language) = &self.language {
            let value = HeaderValue::try_from(language).map_err(|_| Error::Refused("no valid language".to_owned()))?;
            headers.insert(header::ACCEPT_LANGUAGE, value);
        }
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("cell-records-client/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(self.connect_timeout)
            // A redirect would carry the token elsewhere, or turn a write into a read.
            .redirect(reqwest::redirect::Policy::none());
        if base.scheme() == "http" {
            // Without TLS there is no reason to load the system's certificates, or to fail where there are none.
            http = http.tls_certs_only([]);
        } else {
            let mut trusted = Vec::new();
            for pem in &self.root_certificates {
                let found = Certificate::from_pem_bundle(pem).map_err(|cause| refused("a root certificate", cause))?;
                if found.is_empty() {
                    return Err(Error::Refused("a root certificate: no certificate in PEM form".to_owned()));
                }
                trusted.extend(found);
            }
            http = http.tls_certs_merge(trusted);
        }
        let http = http.build().map_err(|cause| refused("the HTTP client", cause))?;
        let inner = Inner {
            http,
            base,
            credentials: self.credentials,
            retry: self.retry,
            timeout: self.timeout,
            clock: self.clock,
        };
        Ok(Client { inner: Arc::new(inner) })
    }
}

/// The URL that paths are added to. A `/v1` at its end is theirs.
fn base_url(text: &str) -> Result<Url> {
    let text = text.trim_end_matches('/');
    let text = text.strip_suffix("/v1").unwrap_or(text);
    if !text.starts_with("http://") && !text.starts_with("https://") {
        let what = "the server's URL must begin with http:// or https://, such as https://records.example.vn";
        return Err(Error::Refused(what.to_owned()));
    }
    Url::parse(text).map_err(|cause| Error::Refused(format!("the server's URL: {cause}")))
}

fn refused(what: &str, cause: reqwest::Error) -> Error {
    Error::Refused(format!("{what}: {}", Error::unanswered(cause)))
}

#[cfg(test)]
mod tests {
    use super::base_url;

    #[test]
    fn the_servers_url_is_taken_with_or_without_the_version_of_the_api() {
        for text in ["http://ward.example:8080", "http://ward.example:8080/", "http://ward.example:8080/v1/"] {
            assert_eq!(base_url(text).unwrap().as_str(), "http://ward.example:8080/");
        }
        assert_eq!(base_url("https://example.vn/records/v1").unwrap().as_str(), "https://example.vn/records");
        for text in ["ward.example", "localhost:8080", "ftp://ward.example", "http://", ""] {
            let why = base_url(text).unwrap_err().to_string();
            assert!(why.contains("the server's URL"), "{text}: {why}");
        }
    }
}
