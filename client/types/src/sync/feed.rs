//! The change feed: its pages and changes.

use super::is_false;
use crate::{Text, Timestamp, codes, object};
use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::{Map, Value};
use uuid::Uuid;

codes! {
    /// Whether a page belongs to the first load or to what came after.
    pub open enum Phase = "sync_phase" {
        Snapshot = "snapshot" "Toàn bộ" "Snapshot";
        Changes = "changes" "Thay đổi" "Changes";
    }
}

/// One page of `GET /v1/sync/changes`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct ChangesPage {
    /// Whether this page belongs to the first load.
    pub phase: Phase,
    /// A snapshot begins: what the caller holds is replaced, not compared.
    #[serde(default, skip_serializing_if = "is_false")]
    pub reset: bool,
    /// The snapshot that this page belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub snapshot_id: Option<Uuid>,
    /// The changes, in order.
    #[cfg_attr(feature = "openapi", schema(max_items = 2_000))]
    pub changes: Vec<Change>,
    /// Where the next page begins. Save it in the transaction that applies the changes.
    pub cursor: String,
    /// Whether more can be fetched now.
    pub has_more: bool,
    /// Rows of the log that this pull must still look at, up to 10,000; absent in a snapshot. It says how far there is
    /// to go, not how many changes will come: rows of other types than asked for count, and a record that changed
    /// three times comes once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 10_000, nullable = false))]
    pub behind: Option<i64>,
    /// Whether `behind` was cut at 10,000.
    #[serde(default, skip_serializing_if = "is_false")]
    pub behind_capped: bool,
    /// The incarnation of the database: a different one means that it was restored from a backup.
    pub epoch: String,
    /// Schema date of the records.
    pub schema: String,
    /// Changes when the caller's scope does.
    pub scope_rev: String,
    /// The database's clock.
    pub server_time: Timestamp,
    /// Only on a call without a cursor: the units of the filter that do not exist or that the caller does not see, as
    /// they were sent. They are empty; the other units are held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown_units: Vec<String>,
}

/// One change of the feed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "op", rename_all = "snake_case")]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub enum Change {
    /// The record as it is now. Store it when `version` is not below the local one; in a snapshot, always.
    Upsert {
        /// Name of the record type.
        #[serde(rename = "type")]
        #[cfg_attr(feature = "openapi", schema(value_type = crate::record::RecordTypeName))]
        kind: String,
        /// The record.
        id: Uuid,
        /// Its version.
        #[cfg_attr(feature = "openapi", schema(minimum = 1))]
        version: i64,
        /// Its unit.
        unit_id: Uuid,
        /// When it was last changed.
        changed_at: Timestamp,
        /// Where the last change came from; absent for local work.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "openapi", schema(nullable = false))]
        origin: Option<Origin>,
        /// The flat record that `GET` returns.
        #[cfg_attr(feature = "openapi", schema(value_type = Object))]
        record: Map<String, Value>,
    },
    /// The caller itself wrote this version and knows it (`own=brief`). Fetch the record when the local version is
    /// lower or absent; `404` or `410` then means that it was deleted since, and a later page says so.
    Own {
        /// Name of the record type.
        #[serde(rename = "type")]
        #[cfg_attr(feature = "openapi", schema(value_type = crate::record::RecordTypeName))]
        kind: String,
        /// The record.
        id: Uuid,
        /// Its version.
        #[cfg_attr(feature = "openapi", schema(minimum = 1))]
        version: i64,
    },
    /// The record is deleted, or is no longer in the caller's scope.
    Remove {
        /// Name of the record type.
        #[serde(rename = "type")]
        #[cfg_attr(feature = "openapi", schema(value_type = crate::record::RecordTypeName))]
        kind: String,
        /// The record.
        id: Uuid,
        /// The version that took it away.
        #[cfg_attr(feature = "openapi", schema(minimum = 1))]
        version: i64,
        /// Why.
        reason: RemoveReason,
    },
    /// The snapshot is complete: delete what was not in it.
    SnapshotEnd {
        /// Records sent in this snapshot, by type. Empty when none was sent, or when they were not counted: the cursor
        /// cannot hold the counts of more than 20 types together with 8 units.
        counts: std::collections::BTreeMap<String, i64>,
    },
    /// An `op` of a newer server, whole. Leave it.
    #[serde(untagged, skip_deserializing)]
    Unknown(Map<String, Value>),
}

impl<'de> Deserialize<'de> for Change {
    // Serde's own way would read a known `op` with a fault in it as an unknown one, and the change would be lost.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Map::deserialize(deserializer)?;
        let op = fields.get("op").and_then(Value::as_str).ok_or_else(|| D::Error::missing_field("op"))?.to_owned();
        let mut parts = Parts(&mut fields);
        let change = match op.as_str() {
            "upsert" => Change::Upsert {
                kind: parts.take("type")?,
                id: parts.take("id")?,
                version: parts.take("version")?,
                unit_id: parts.take("unit_id")?,
                changed_at: parts.take("changed_at")?,
                origin: parts.take("origin")?,
                record: match parts.0.remove("record") {
                    // By far the largest part, and read already.
                    Some(Value::Object(record)) => record,
                    _ => return Err(D::Error::custom("`record` is no object")),
                },
            },
            "own" => Change::Own { kind: parts.take("type")?, id: parts.take("id")?, version: parts.take("version")? },
            "remove" => Change::Remove {
                kind: parts.take("type")?,
                id: parts.take("id")?,
                version: parts.take("version")?,
                reason: parts.take("reason")?,
            },
            "snapshot_end" => Change::SnapshotEnd { counts: parts.take("counts")? },
            _ => Change::Unknown(fields),
        };
        Ok(change)
    }
}

/// The parts of a change, taken out one by one.
struct Parts<'f>(&'f mut Map<String, Value>);

impl Parts<'_> {
    fn take<T: serde::de::DeserializeOwned, E: serde::de::Error>(&mut self, name: &'static str) -> Result<T, E> {
        T::deserialize(self.0.remove(name).unwrap_or(Value::Null))
            .map_err(|cause| E::custom(format!("`{name}`: {cause}")))
    }
}

codes! {
    /// Why a record leaves a copy.
    pub open enum RemoveReason = "remove_reason" {
        Deleted = "deleted" "Đã xóa" "Deleted";
        OutOfScope = "out_of_scope" "Ngoài phạm vi" "Out of scope";
    }
}

object! {
    /// Where a write came from.
    #[derive(Eq)]
    pub struct Origin {
        required {
            /// Code of the system.
            system: Text<40>,
        }
        optional {
            /// The system's own name of the event. It is not stored.
            event: Text<200>,
        }
    }
}
