//! The sync protocol on the wire: pages of the change feed, push batches and their results.

mod feed;
mod matching;
mod push;

pub use feed::*;
pub use matching::*;
pub use push::*;

use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// The schema date that this crate supports.
pub const SCHEMA: &str = "2026-11";
/// Most items of one push.
pub const MAX_PUSH_ITEMS: usize = 1_000;
/// Largest body of one push, in bytes.
pub const MAX_PUSH_BYTES: usize = 8 * 1024 * 1024;

/// Most JSON values of a push: 200 an item. Without it 8 MiB of zeros would be 4 million values.
pub const MAX_PUSH_VALUES: usize = 200_000;
/// Most changes of one page.
pub const MAX_PULL_LIMIT: u32 = 2_000;
/// `behind` counts so far.
pub const MAX_BEHIND: i64 = 10_000;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// What `GET /v1/sync` returns: the protocol, its limits, and the caller's scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct SyncInfo {
    /// Versions of the protocol: `["1"]`.
    pub protocol: Vec<String>,
    /// The incarnation of the database, as every page names it.
    pub epoch: String,
    /// Schema dates that the server supports.
    pub schema: Vec<String>,
    /// Record types that the caller may read, in the order of a snapshot.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::record::RecordTypeName>))]
    pub types: Vec<String>,
    /// Limits of a call.
    pub limits: SyncLimits,
    /// Days that a cursor stays good, by age only.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub retention_days: i64,
    /// Days that the response under an `Idempotency-Key` is stored.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub idempotency_key_days: i64,
    /// Who is calling, and the grants that hold now.
    pub caller: crate::accounts::Me,
    /// This server's own code, as in `origin` and `via`.
    pub server_code: String,
    /// The database's clock.
    pub server_time: Timestamp,
}

/// Limits of the sync calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct SyncLimits {
    /// Most items of a push.
    pub push_items: usize,
    /// Largest body of a push, in bytes.
    pub push_bytes: usize,
    /// Most JSON values of a push: members of objects and elements of lists, at any depth.
    pub push_values: usize,
    /// Most changes of a page.
    pub pull_limit: u32,
    /// Largest page, in bytes.
    pub pull_max_bytes: usize,
    /// Longest wait of a long poll, in seconds.
    pub wait_seconds: u32,
    /// Most units of a pull's filter.
    pub pull_units: usize,
}
