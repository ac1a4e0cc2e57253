//! The client, and the clock that it waits by.

use crate::credentials::Credentials;
use crate::retry::RetryPolicy;
use cell_records_types::Timestamp;
use reqwest::Url;
use reqwest::header::HeaderMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
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
    /// Sent with every request.
    pub(crate) headers: HeaderMap,
    pub(crate) credentials: Credentials,
    pub(crate) retry: RetryPolicy,
    pub(crate) timeout: Duration,
    pub(crate) clock: Clock,
    /// When the token ends, in microseconds, if the server has said that this is soon; else 0.
    pub(crate) token_ends: AtomicI64,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("server", &self.server()).finish_non_exhaustive()
    }
}

impl Client {
    /// The server's base URL, without a password that may be part of it.
    pub fn server(&self) -> String {
        let mut url = self.inner.base.clone();
        // It fails on URLs without a host, which the builder has refused.
        let _ = url.set_password(None);
        url.as_str().trim_end_matches('/').to_owned()
    }

    /// When the system's token ends, if an answer so far has said that this is soon: in its last 30 days each one does. Then
    /// somebody must get its successor.
    pub fn token_expires_soon(&self) -> Option<Timestamp> {
        let end = self.inner.token_ends.load(Ordering::Relaxed);
        (end > 0).then(|| Timestamp::from_micros(end))
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
