//! How a client is set up.

use crate::client::{Client, Clock, Inner};
use crate::credentials::{Credentials, Live};
use crate::error::{Error, Result};
use crate::retry::RetryPolicy;
use cell_records_types::accounts::{Login, Tokens};
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Identity, Proxy, Url};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

/// What a [`Client`] needs to know.
#[must_use]
pub struct ClientBuilder {
    base_url: String,
    credentials: Credentials,
    language: Option<String>,
    headers: Vec<(String, String)>,
    timeout: Duration,
    retry: RetryPolicy,
    http: Http,
    pub(crate) clock: Clock,
}

/// Who makes the connections.
enum Http {
    Own(Connections),
    Given(reqwest::Client),
}

/// How this crate makes them.
struct Connections {
    connect_timeout: Duration,
    root_certificates: Vec<Vec<u8>>,
    identity: Option<Vec<u8>>,
    proxy: Option<String>,
}

/// Set by the client itself; another value would break what it promises.
const RESERVED: [HeaderName; 6] = [
    header::AUTHORIZATION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    HeaderName::from_static("idempotency-key"),
];

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("retry", &self.retry).finish_non_exhaustive()
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
            headers: Vec::new(),
            timeout: Duration::from_secs(30),
            retry: RetryPolicy::default(),
            http: Http::Own(Connections {
                connect_timeout: Duration::from_secs(10),
                root_certificates: Vec::new(),
                identity: None,
                proxy: None,
            }),
            clock: Clock::default(),
        }
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

    /// Sends a header with every request, such as one that a gateway asks for.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// How long one attempt may take, its answer included; default 30 seconds. A long poll gets its wait on top.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How failed attempts are repeated.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// How long making a connection may take; default 10 seconds.
    pub fn connect_timeout(self, timeout: Duration) -> Self {
        self.connections(|own| own.connect_timeout = timeout)
    }

    /// Trusts certificate authorities (one or more, PEM) besides those of the operating system.
    pub fn root_certificate(self, pem: impl Into<Vec<u8>>) -> Self {
        self.connections(|own| own.root_certificates.push(pem.into()))
    }

    /// Shows the server a certificate, where it or its gateway asks for one: private key and certificates in one PEM.
    pub fn client_identity(self, pem: impl Into<Vec<u8>>) -> Self {
        self.connections(|own| own.identity = Some(pem.into()))
    }

    /// Calls through this proxy, such as `http://proxy.example.vn:3128`, and not through those that the environment names
    /// (`HTTPS_PROXY`, `HTTP_PROXY`).
    pub fn proxy(self, url: impl Into<String>) -> Self {
        self.connections(|own| own.proxy = Some(url.into()))
    }

    /// Calls through this HTTP client, which knows proxies, certificates and the time for a connection: what this builder
    /// says of them does not count. It must not follow redirects: one would carry the token elsewhere, or turn a write
    /// into a read.
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http = Http::Given(client);
        self
    }

    fn connections(mut self, set: impl FnOnce(&mut Connections)) -> Self {
        if let Http::Own(own) = &mut self.http {
            set(own);
        }
        self
    }

    /// The client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Refused`] when the base URL is not `http` or `https`, a token, language or header cannot be sent, a
    /// certificate is not PEM, or the proxy has no URL.
    pub fn build(self) -> Result<Client> {
        let base = base_url(&self.base_url)?;
        if let Credentials::Token(token) = &self.credentials
            && HeaderValue::try_from(format!("Bearer {token}")).is_err()
        {
            return Err(Error::Refused("the access token has characters that no token has".to_owned()));
        }
        let headers = headers(self.language.as_deref(), &self.headers)?;
        let http = match self.http {
            Http::Given(client) => client,
            Http::Own(own) => own.client(&base)?,
        };
        let (credentials, retry, timeout, clock) = (self.credentials, self.retry, self.timeout, self.clock);
        Ok(Client {
            inner: Arc::new(Inner {
                http,
                base,
                headers,
                credentials,
                retry,
                timeout,
                clock,
                token_ends: AtomicI64::new(0),
            }),
        })
    }
}

impl Connections {
    fn client(self, base: &Url) -> Result<reqwest::Client> {
        let mut http = reqwest::Client::builder()
            .connect_timeout(self.connect_timeout)
            // For less time than the server keeps it: a write on a connection that is being closed would be in doubt.
            .pool_idle_timeout(Duration::from_secs(60))
            // A redirect would carry the token elsewhere, or turn a write into a read.
            .redirect(reqwest::redirect::Policy::none());
        if let Some(url) = &self.proxy {
            http = http.proxy(Proxy::all(url).map_err(|cause| refused("the proxy", cause))?);
        }
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
        if let Some(pem) = &self.identity {
            http = http.identity(Identity::from_pem(pem).map_err(|cause| refused("the client's certificate", cause))?);
        }
        http.build().map_err(|cause| refused("the HTTP client", cause))
    }
}

/// What every request carries.
fn headers(language: Option<&str>, more: &[(String, String)]) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let agent = HeaderValue::from_static(concat!("cell-records-client/", env!("CARGO_PKG_VERSION")));
    headers.insert(header::USER_AGENT, agent);
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(language) = language {
        let value = HeaderValue::try_from(language).map_err(|_| Error::Refused("no valid language".to_owned()))?;
        headers.insert(header::ACCEPT_LANGUAGE, value);
    }
    for (name, value) in more {
        let refused = |why: &str| Error::Refused(format!("the header {name:?} {why}"));
        let known = HeaderName::try_from(name).map_err(|_| refused("has no valid name"))?;
        if RESERVED.contains(&known) {
            return Err(refused("is set by the client itself"));
        }
        let mut value = HeaderValue::try_from(value).map_err(|_| refused("has no valid value"))?;
        // A gateway's key must not show in a log.
        value.set_sensitive(true);
        headers.insert(known, value);
    }
    Ok(headers)
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
