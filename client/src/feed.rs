//! The calls of the sync protocol, one by one. `sync` drives them (feature `sync`).

use crate::client::Client;
use crate::error::{Error, Result};
use crate::transport::Call;
use bytes::Bytes;
use cell_records_types::sync::{ChangesPage, PushAnswer, PushBatch, SyncInfo};
use std::time::Duration;

/// What a page of the change feed is asked for with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangesQuery {
    /// The former page's cursor; without one a snapshot begins.
    pub cursor: Option<String>,
    /// Names of record types; empty: all that the caller may read. Only the first call needs it.
    pub types: Vec<String>,
    /// Units by reference, each with all below it, at most 8; empty: the whole scope. Only the first call needs it.
    pub units: Vec<String>,
    /// Most changes of the page, 1 to 2,000; the server's default is 500.
    pub limit: Option<u32>,
    /// Largest page in bytes; the server's default is 4 MiB.
    pub max_bytes: Option<usize>,
    /// Without a cursor: begins at the present instead of with a snapshot.
    pub from_now: bool,
    /// Own writes come without their records ([`Change::Own`](cell_records_types::sync::Change::Own)).
    pub own_brief: bool,
    /// Seconds that the server may wait for a change, at most 60.
    pub wait: u32,
}

impl Client {
    /// The protocol, its limits, and the caller's scope.
    pub async fn sync_info(&self) -> Result<SyncInfo> {
        self.fetch(Call::get(&["v1", "sync"])).await
    }

    /// One page of the change feed.
    ///
    /// # Errors
    /// `410 cursor_gone`: begin again without a cursor. `400 cursor_filter_mismatch`: the filter belongs to another
    /// cursor. `403 cursor_foreign`: the cursor belongs to another caller.
    pub async fn changes(&self, query: &ChangesQuery) -> Result<ChangesPage> {
        let list = |names: &[String]| (!names.is_empty()).then(|| names.join(","));
        let call = Call::get(&["v1", "sync", "changes"])
            .parameter("cursor", query.cursor.as_deref())
            .parameter("types", list(&query.types))
            .parameter("units", list(&query.units))
            .parameter("limit", query.limit)
            .parameter("max_bytes", query.max_bytes)
            .parameter("from", query.from_now.then_some("now"))
            .parameter("own", query.own_brief.then_some("brief"))
            .parameter("wait", (query.wait > 0).then_some(query.wait))
            .more_time(Duration::from_secs(query.wait.into()));
        self.fetch(call).await
    }

    /// Sends a batch under a key of the caller's. A repeat under the same key has no second effect and gets the
    /// first answer, as long as the body is the same to the byte and the key is not older than 7 days.
    ///
    /// # Errors
    /// `422 push_refused` when a batch of mode `all` fails ([`Error::push_answer`]); `413 too_large`;
    /// `409 epoch_changed`; `422 idempotency_key_reused`.
    pub async fn push(&self, batch: &PushBatch, key: &str) -> Result<PushAnswer> {
        let body = serde_json::to_vec(batch).map_err(|cause| Error::Refused(format!("the batch: {cause}")))?;
        self.push_body(body, key).await
    }

    /// The same with a body that is written already.
    pub async fn push_body(&self, body: impl Into<Vec<u8>>, key: &str) -> Result<PushAnswer> {
        let call = Call::keyed_post(&["v1", "sync", "push"], Some(key))?;
        self.fetch(call.body(Bytes::from(body.into()), "application/json")).await
    }
}
