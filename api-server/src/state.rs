//! What every worker of a server shares, and what each has for itself.

use crate::auth::keys::KeySet;
use crate::auth::passwords::Hasher;
use crate::auth::proxies::TrustedProxies;
use crate::auth::throttle::Throttle;
use crate::auth::token_cache::TokenCache;
use crate::db::reads::{READ_LIMIT, Reads};
use crate::db::{Database, DbError};
use crate::error::{ApiError, ApiResult};
use crate::store::list::Sizes;
use crate::store::live::{Live, View};
use crate::store::writer::Writer;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use std::future::{Ready, ready};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use tokio::sync::Mutex;

/// What all workers of a server share.
pub struct Shared {
    /// The database.
    pub database: Database,
    /// What is kept of it in memory.
    pub live: Arc<Live>,
    /// Held by who asks the database for all that wait ([`App::view_since`]).
    pub asking: Mutex<()>,
    /// The one way to write.
    pub writer: Writer,
    /// Signing and sealing keys.
    pub keys: KeySet,
    /// Password hashing.
    pub hasher: Hasher,
    /// Login throttling.
    pub throttle: Throttle,
    /// Verified tokens.
    pub tokens: TokenCache,
    /// Sizes of units, as lists looked them up.
    pub sizes: Sizes,
    /// This server's own code, in `origin` and `via`.
    pub server_code: String,
    /// Origins that may call from a browser; empty: none.
    pub cors: Vec<String>,
    /// The proxies that say truly where a request comes from.
    pub trusted_proxies: TrustedProxies,
    /// Whether everything that must be loaded is: `/readyz`.
    pub ready: AtomicBool,
    /// Whether the server is ending: requests that wait answer at once.
    pub ending: AtomicBool,
}

/// What a worker has: the shared part, and read connections of its own.
#[derive(Clone)]
pub struct App {
    /// What all workers share.
    pub shared: Arc<Shared>,
    /// This worker's read connections.
    pub reads: Rc<Reads>,
}

impl App {
    /// One worker's part of a server.
    pub fn new(shared: Arc<Shared>) -> Self {
        let reads = Rc::new(Reads::of(&shared.database));
        App { shared, reads }
    }

    /// The counters, clock and tree, confirmed within the last second.
    ///
    /// # Errors
    /// `503` when the database cannot be asked.
    pub async fn view(&self) -> ApiResult<View> {
        match self.shared.live.view() {
            Some(view) => Ok(view),
            // What is rare is boxed, here and in `Who`: or every request would carry the room that it takes.
            None => Box::pin(self.confirm()).await,
        }
    }

    /// The same, asked for at a moment or later. Those who ask at once share an answer: however many they are, the
    /// database has one question of them at a time.
    ///
    /// # Errors
    /// `503` when the database cannot be asked.
    pub async fn view_since(&self, moment: Instant) -> ApiResult<View> {
        let shared = async {
            let _one = self.shared.asking.lock().await;
            match self.shared.live.view().filter(|view| view.asked >= moment) {
                Some(view) => Ok(view),
                None => self.confirm().await,
            }
        };
        let answer = tokio::time::timeout(READ_LIMIT, shared).await;
        answer.unwrap_or_else(|_| Err(ApiError::new(&crate::error::UNAVAILABLE)))
    }

    async fn confirm(&self) -> ApiResult<View> {
        let confirmed = self.reads.single(async |db| self.shared.live.confirm(db).await).await;
        confirmed.map_err(|error: DbError| {
            tracing::warn!(%error, "the database does not confirm the counters");
            ApiError::new(&crate::error::UNAVAILABLE)
        })
    }
}

impl std::ops::Deref for App {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl FromRequest for App {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.app_data::<App>().cloned().ok_or_else(|| ApiError::new(&crate::error::INTERNAL)))
    }
}
