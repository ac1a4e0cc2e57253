//! When a request is sent again, and after how long.

use crate::error::Error;
use std::time::Duration;
use uuid::Uuid;

/// How often and how patiently a request is repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Most attempts of one call, the first included. 1 never repeats.
    pub attempts: u32,
    /// Before attempt n + 1 the wait is a random time between nothing and `base` × 2ⁿ⁻¹ …
    pub base: Duration,
    /// … and never more than this.
    pub cap: Duration,
    /// The longest `Retry-After` that is waited out; a longer one is handed to the caller as the error.
    pub patience: Duration,
}

impl Default for RetryPolicy {
    /// 5 attempts, waits of at most 0.2, 0.4, 0.8 and 1.6 seconds, a `Retry-After` of up to a minute.
    fn default() -> Self {
        RetryPolicy {
            attempts: 5,
            base: Duration::from_millis(200),
            cap: Duration::from_secs(20),
            patience: Duration::from_secs(60),
        }
    }
}

impl RetryPolicy {
    /// One attempt only.
    pub fn never() -> Self {
        RetryPolicy { attempts: 1, ..RetryPolicy::default() }
    }

    /// How long to wait after attempt number `attempt` (from 1) failed; `None` when it was the last.
    pub(crate) fn wait(&self, attempt: u32, error: &Error) -> Option<Duration> {
        let asked = error.retry_after().unwrap_or_default();
        if attempt >= self.attempts || asked > self.patience {
            return None;
        }
        // Full jitter on top of what the server asked for, so that those it turned away do not come back together.
        let doubled = self.base.saturating_mul(1u32.checked_shl(attempt - 1).unwrap_or(u32::MAX));
        Some(asked + doubled.min(self.cap).mul_f64(random_fraction()))
    }
}

/// A number from 0 up to 1, from the random bits of a version 4 UUID.
fn random_fraction() -> f64 {
    let [a, b, c, d, ..] = *Uuid::new_v4().as_bytes();
    f64::from(u32::from_be_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0)
}

/// After which failures a request may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// After any passing one: it reads, or its key makes a second effect impossible.
    Always,
    /// Only where the server had not begun: no connection, 429, `503 unavailable`. For writes guarded by
    /// `If-Match`: a second try after an unknown outcome would meet its own first effect and report it as stale.
    BeforeEffect,
    /// Only where no connection was made: neither key nor version guards the request.
    Unsent,
}

impl Repeat {
    pub(crate) fn allows(self, error: &Error) -> bool {
        match self {
            Repeat::Always => error.is_retryable(),
            Repeat::BeforeEffect => {
                error.is_unsent() && error.is_retryable()
                    || error.status() == Some(429)
                    || (error.status() == Some(503) && error.code() == Some("unavailable"))
            }
            Repeat::Unsent => error.is_unsent() && error.is_retryable(),
        }
    }
}
