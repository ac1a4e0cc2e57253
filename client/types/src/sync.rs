//! The sync protocol on the wire: pages of the change feed, push batches and their results.

use crate::problem::ProblemFault;
use crate::{Ref, Reference, Text, Timestamp, codes, object};
use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::{Map, Value};
use uuid::Uuid;

/// The schema date that this crate speaks.
pub const SCHEMA: &str = "2026-11";
/// Most items of one push.
pub const MAX_PUSH_ITEMS: usize = 1_000;
/// Largest body of one push, in bytes.
pub const MAX_PUSH_BYTES: usize = 8 * 1024 * 1024;
/// Most changes of one page.
pub const MAX_PULL_LIMIT: u32 = 2_000;
/// `behind` counts so far.
pub const MAX_BEHIND: i64 = 10_000;

codes! {
    /// Whether a page belongs to the first load or to what came after.
    pub open enum Phase = "sync_phase" {
        Snapshot = "snapshot" "toàn bộ" "Snapshot";
        Changes = "changes" "thay đổi" "Changes";
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
    pub changes: Vec<Change>,
    /// Where the next page begins. Save it in the transaction that applies the changes.
    pub cursor: String,
    /// Whether more can be fetched now.
    pub has_more: bool,
    /// Rows of the log that this pull must still look at, up to 10,000; absent in a snapshot. It says how far there is
    /// to go, not how many changes will come: rows of other types than asked for count, and a record that changed
    /// three times comes once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
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
    /// Only on a call without a cursor: the units of the filter that do not exist or that the caller does not see, as they
    /// were sent. They are empty; the other units are held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown_units: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
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
        kind: String,
        /// The record.
        id: Uuid,
        /// Its version.
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
    /// The caller itself wrote this version and knows it (`own=brief`). Fetch the record when the local version is lower
    /// or absent; `404` or `410` then means that it is gone since, and a later page says so.
    Own {
        /// Name of the record type.
        #[serde(rename = "type")]
        kind: String,
        /// The record.
        id: Uuid,
        /// Its version.
        version: i64,
    },
    /// The record is deleted, or is no longer in the caller's scope.
    Remove {
        /// Name of the record type.
        #[serde(rename = "type")]
        kind: String,
        /// The record.
        id: Uuid,
        /// The version that took it away.
        version: i64,
        /// Why.
        reason: RemoveReason,
    },
    /// The snapshot is complete: delete what was not in it.
    SnapshotEnd {
        /// Records sent in this snapshot, by type. Empty when none was sent, or when they were not counted: the cursor
        /// has no room for the counts of more than 20 types beside 8 units.
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
        Deleted = "deleted" "đã xóa" "Deleted";
        OutOfScope = "out_of_scope" "ngoài phạm vi" "Out of scope";
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
            /// The system's own name of the event. It is not kept.
            event: Text<200>,
        }
    }
}

codes! {
    /// What happens to a batch when an item is refused.
    pub closed enum PushMode = "push_mode" {
        Record = "record" "từng bản ghi" "Refused items are left out";
        All = "all" "tất cả" "Any refused item refuses the batch";
    }
}

codes! {
    /// What an item does.
    pub closed enum PushOp = "push_op" {
        Upsert = "upsert" "tạo hoặc sửa" "Create or update";
        Create = "create" "tạo" "Create";
        Update = "update" "sửa" "Update";
        Delete = "delete" "xóa" "Delete";
        Restore = "restore" "khôi phục" "Restore";
    }
}

codes! {
    /// How much a push returns.
    pub closed enum PushReturn = "push_return" {
        Minimal = "minimal" "tối thiểu" "Ids and versions";
        Representation = "representation" "đầy đủ" "The whole records";
    }
}

/// A batch: `POST /v1/sync/push`, at most 1,000 items or 8 MiB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PushBatch {
    /// What happens when an item is refused; default `record`.
    #[serde(default = "push_mode")]
    pub mode: PushMode,
    /// Whether everything runs and nothing is kept.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dry_run: bool,
    /// The epoch that the caller knows: a different one is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub epoch: Option<String>,
    /// The schema date of the items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub schema: Option<String>,
    /// How much to return; default `minimal`.
    #[serde(default = "push_return", rename = "return")]
    pub answer: PushReturn,
    /// The items, 1 to 1,000.
    pub items: Vec<PushItem>,
}

fn push_mode() -> PushMode {
    PushMode::Record
}

fn push_return() -> PushReturn {
    PushReturn::Minimal
}

impl PushBatch {
    /// A batch in which refused items are left out.
    pub fn new(items: Vec<PushItem>) -> Self {
        PushBatch { mode: push_mode(), dry_run: false, epoch: None, schema: None, answer: push_return(), items }
    }
}

/// One item of a push: one write of one record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PushItem {
    /// A name by which other items of the batch refer to this record (`ref:<name>`).
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub name: Option<String>,
    /// What it does.
    pub op: PushOp,
    /// Name of the record type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub id: Option<Reference>,
    /// Ids that other systems give; with an `upsert` without `id` they name the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub external_ids: Option<Vec<crate::ExternalId>>,
    /// The version that the caller built on; a different one is a conflict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub if_version: Option<i64>,
    /// A merge patch: `unit_id` and the type's own fields.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub fields: Map<String, Value>,
    /// Whether absent fields are cleared too (those that the caller may write and that have no default).
    #[serde(default, skip_serializing_if = "is_false")]
    pub replace: bool,
    /// The sender's own time of the change. It is checked for its form, decides nothing and is not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub source_updated_at: Option<Timestamp>,
    /// Where a relayed change came from first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub origin: Option<Origin>,
    /// The systems that relayed it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<String>,
}

impl PushItem {
    /// An item with nothing but its operation and type.
    pub fn new(op: PushOp, kind: &str) -> Self {
        PushItem {
            name: None,
            op,
            kind: kind.to_owned(),
            id: None,
            external_ids: None,
            if_version: None,
            fields: Map::new(),
            replace: false,
            source_updated_at: None,
            origin: None,
            via: Vec::new(),
        }
    }

    /// A create of a typed record; the id is made here when the record has none, so a repeat doubles nothing.
    ///
    /// # Errors
    /// When the record does not serialise to an object; the crate's own types always do.
    pub fn create<T: crate::RecordType>(record: &T::New) -> Result<Self, serde_json::Error> {
        let mut item = PushItem::new(PushOp::Create, T::NAME);
        item.fields = serde_json::from_value(serde_json::to_value(record)?)?;
        let id = item.fields.remove("id").map(serde_json::from_value).transpose()?;
        item.id = Some(id.unwrap_or_else(|| Reference::Id(Uuid::now_v7())));
        item.external_ids = item.fields.remove("external_ids").map(serde_json::from_value).transpose()?;
        Ok(item)
    }

    /// An update of a typed record, built on `version`.
    ///
    /// # Errors
    /// When the patch does not serialise to an object; the crate's own types always do.
    pub fn update<T: crate::RecordType>(
        id: impl Into<Ref<T>>,
        version: i64,
        patch: &T::Patch,
    ) -> Result<Self, serde_json::Error> {
        let mut item = PushItem::new(PushOp::Update, T::NAME);
        item.fields = serde_json::from_value(serde_json::to_value(patch)?)?;
        item.external_ids = item.fields.remove("external_ids").map(serde_json::from_value).transpose()?;
        item.id = Some(id.into().to);
        item.if_version = Some(version);
        Ok(item)
    }
}

codes! {
    /// The outcome of an item.
    pub open enum ItemStatus = "item_status" {
        Created = "created" "đã tạo" "Created";
        Updated = "updated" "đã sửa" "Updated";
        Unchanged = "unchanged" "không đổi" "Unchanged";
        Deleted = "deleted" "đã xóa" "Deleted";
        Restored = "restored" "đã khôi phục" "Restored";
        Conflict = "conflict" "xung đột" "Conflict";
        Invalid = "invalid" "không hợp lệ" "Invalid";
        Forbidden = "forbidden" "không có quyền" "Forbidden";
        NotFound = "not_found" "không tìm thấy" "Not found";
        DuplicateMatch = "duplicate_match" "trùng nhiều bản ghi" "Several records match";
        Blocked = "blocked" "bị chặn" "Its reference failed";
        SkippedOwnOrigin = "skipped_own_origin" "bỏ qua vì từ chính hệ thống này" "Came from this server";
    }
}

impl ItemStatus {
    /// Whether the record is as the item asked.
    pub const fn is_success(&self) -> bool {
        matches!(
            self,
            ItemStatus::Created
                | ItemStatus::Updated
                | ItemStatus::Unchanged
                | ItemStatus::Deleted
                | ItemStatus::Restored
                | ItemStatus::SkippedOwnOrigin
        )
    }
}

/// What a push returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct PushAnswer {
    /// The write transaction that holds the effect; absent when nothing was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub batch: Option<Uuid>,
    /// Whether the effect is kept.
    pub applied: bool,
    /// Items by status.
    pub summary: std::collections::BTreeMap<String, i64>,
    /// One result an item, in the order of the batch.
    pub items: Vec<ItemResult>,
}

/// The outcome of one item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct ItemResult {
    /// Position in the batch, from 0.
    pub index: usize,
    /// The item's own name.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub name: Option<String>,
    /// The record, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub id: Option<Uuid>,
    /// The outcome.
    pub status: ItemStatus,
    /// The record's version after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub version: Option<i64>,
    /// Whether the caller now knows this version whole: what it sent is what is stored, or this response has the record.
    /// A feed with `own=brief` sends such a version without its body.
    #[serde(default, skip_serializing_if = "is_false")]
    pub known_to_writer: bool,
    /// The record, when it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Object, nullable = false))]
    pub record: Option<Map<String, Value>>,
    /// What is stored all the same, but should be looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<ProblemFault>,
    /// All faults of the item; pointers are relative to the item.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemFault>,
    /// Why it conflicts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub conflict: Option<Conflict>,
}

impl ItemResult {
    /// A result that says no more than this.
    pub fn new(index: usize, status: ItemStatus) -> Self {
        ItemResult {
            index,
            name: None,
            id: None,
            status,
            version: None,
            known_to_writer: false,
            record: None,
            warnings: Vec::new(),
            errors: Vec::new(),
            conflict: None,
        }
    }
}

codes! {
    /// Why an item conflicts.
    pub open enum ConflictReason = "conflict_reason" {
        Version = "version" "phiên bản" "The record has another version";
        Deleted = "deleted" "đã xóa" "The record is deleted";
        Unique = "unique" "trùng" "Another record holds it";
        Referenced = "referenced" "đang được dẫn chiếu" "Live records refer to it";
        State = "state" "trạng thái" "Its state does not allow it";
    }
}

/// Why an item conflicts with what is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct Conflict {
    /// Why.
    pub reason: ConflictReason,
    /// The current version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub current_version: Option<i64>,
    /// The fields of the item that differ from the current record, among those that the caller may read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldConflict>,
}

impl Conflict {
    /// A conflict of which no more is known.
    pub fn new(reason: ConflictReason) -> Self {
        Conflict { reason, current_version: None, fields: Vec::new() }
    }
}

/// One field on which an item and the stored record differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct FieldConflict {
    /// The field.
    pub field: String,
    /// The current value.
    #[cfg_attr(feature = "openapi", schema(value_type = Value))]
    pub current: Value,
    /// What was sent.
    #[cfg_attr(feature = "openapi", schema(value_type = Value))]
    pub incoming: Value,
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
    /// Schema dates that are spoken.
    pub schema: Vec<String>,
    /// Record types that the caller may read, in the order of a snapshot.
    pub types: Vec<String>,
    /// Limits of a call.
    pub limits: SyncLimits,
    /// Days that a cursor stays good, by age only.
    pub retention_days: i64,
    /// Days that the response under an `Idempotency-Key` is kept.
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
    /// Most changes of a page.
    pub pull_limit: u32,
    /// Largest page, in bytes.
    pub pull_max_bytes: usize,
    /// Longest wait of a long poll, in seconds.
    pub wait_seconds: u32,
    /// Most units of a pull's filter.
    pub pull_units: usize,
}
