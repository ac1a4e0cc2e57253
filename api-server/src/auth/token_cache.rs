//! Verified tokens, kept under the rights that were known before the verification, and when systems' tokens were last used.

use crate::store::callers::Identity;
use crate::store::live::RightsRev;
use cell_records_types::Timestamp;
use quick_cache::sync::Cache;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// Most verified tokens that are in memory.
const KEPT: usize = 10_000;
/// How long a token's use may wait to be written.
pub const USE_WRITTEN_EVERY: std::time::Duration = std::time::Duration::from_secs(60);

/// Verified tokens by their digest, and when systems' tokens were last used.
pub struct TokenCache {
    /// With when each was verified. When it is full the least used go.
    kept: Cache<String, (RightsRev, Arc<Identity>)>,
    used: Mutex<HashMap<Uuid, Timestamp>>,
}

impl Default for TokenCache {
    fn default() -> Self {
        TokenCache { kept: Cache::new(KEPT), used: Mutex::default() }
    }
}

impl TokenCache {
    /// The token that was verified at these rights.
    pub(super) fn get(&self, digest: &str, rights: RightsRev) -> Option<Arc<Identity>> {
        let (rev, identity) = self.kept.get(digest)?;
        (rev == rights).then_some(identity)
    }

    /// Keeps a token that was verified at these rights or later.
    pub(super) fn put(&self, digest: String, rights: RightsRev, identity: &Arc<Identity>) {
        self.kept.insert(digest, (rights, identity.clone()));
    }

    /// Notes that a token was used.
    pub fn used(&self, token: Uuid, now: Timestamp) {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(token, now);
    }

    /// Takes what was noted of the tokens' use since the last time.
    pub fn take_used(&self) -> Vec<(Uuid, Timestamp)> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).drain().collect()
    }
}
