//! Whose name a client calls in: nobody's, a system's by its token, or a person's by a session that renews itself.

use crate::client::Inner;
use crate::error::{Error, Result};
use crate::transport::Call;
use cell_records_types::accounts::{Login, RefreshToken, Tokens};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

pub(crate) enum Credentials {
    Nobody,
    /// A system's token `crt_…`, or an access token that someone else renews.
    Token(String),
    /// The lock is held while the tokens are renewed: whoever comes meanwhile waits for the new ones, so no
    /// refresh token is ever used twice (which would end the session).
    Session {
        login: Option<Login>,
        live: Mutex<Live>,
    },
}

/// The tokens of a session; none before the first login, or after its end.
#[derive(Default)]
pub(crate) struct Live {
    access: Option<(String, Instant)>,
    refresh: Option<String>,
}

impl Live {
    /// Access tokens are renewed before they end: by a tenth of their lifetime, at most a minute.
    pub(crate) fn new(tokens: Tokens) -> Self {
        let lifetime = Duration::from_secs(u64::try_from(tokens.expires_in).unwrap_or(0));
        let good_until = Instant::now() + lifetime.saturating_sub((lifetime / 10).min(Duration::from_secs(60)));
        Live { access: Some((tokens.access_token, good_until)), refresh: tokens.refresh_token }
    }
}

impl Credentials {
    pub(crate) fn renewable(&self) -> bool {
        matches!(self, Credentials::Session { .. })
    }

    /// The access token to send now, renewed when it is about to end.
    pub(crate) async fn access(&self, inner: &Inner) -> Result<Option<String>> {
        let (login, live) = match self {
            Credentials::Nobody => return Ok(None),
            Credentials::Token(token) => return Ok(Some(token.clone())),
            Credentials::Session { login, live } => (login, live),
        };
        let mut live = live.lock().await;
        if let Some((token, good_until)) = &live.access
            && Instant::now() < *good_until
        {
            return Ok(Some(token.clone()));
        }
        // Taken out before it is sent: when this call is given up halfway, or the answer is lost, the token may
        // be spent, and spending it again would end the session. Then the password opens a new one.
        if let Some(refresh) = live.refresh.take() {
            let body = RefreshToken::new(refresh.clone());
            match tokens(inner, &["v1", "auth", "refresh"], &body).await {
                Ok(tokens) => *live = Live::new(tokens),
                Err(error) if error.is_unsent() => {
                    live.refresh = Some(refresh);
                    return Err(error);
                }
                Err(error) if login.is_none() => return Err(error),
                Err(error) => tracing::debug!(%error, "the session was not renewed; logging in again"),
            }
        }
        if !live.good() {
            let login = login.as_ref().ok_or_else(|| Error::Refused("the session has ended: log in again".into()))?;
            *live = Live::new(tokens(inner, &["v1", "auth", "login"], login).await?);
        }
        Ok(live.access.as_ref().map(|(token, _)| token.clone()))
    }

    /// Takes note that the server refused this access token. Another task may have renewed it already.
    pub(crate) async fn refused(&self, token: Option<&str>) {
        if let Credentials::Session { live, .. } = self {
            let mut live = live.lock().await;
            if live.access.as_ref().map(|(access, _)| access.as_str()) == token {
                live.access = None;
            }
        }
    }

    /// The refresh token, to be spent by a logout; the session is over for this client.
    pub(crate) async fn end(&self) -> Option<String> {
        match self {
            Credentials::Session { live, .. } => std::mem::take(&mut *live.lock().await).refresh,
            _ => None,
        }
    }
}

impl Live {
    fn good(&self) -> bool {
        self.access.as_ref().is_some_and(|(_, good_until)| Instant::now() < *good_until)
    }
}

async fn tokens(inner: &Inner, path: &[&str], body: &impl serde::Serialize) -> Result<Tokens> {
    inner.attempts(&Call::plain_post(path).json(body)?, None).await?.json()
}
