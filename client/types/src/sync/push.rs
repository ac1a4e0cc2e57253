//! Push batches: items, results, conflicts.

use super::{Candidate, MatchBy, OnPossibleDuplicate, Origin, is_false};
use crate::problem::ProblemFault;
use crate::{Ref, Reference, Timestamp, codes};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

codes! {
    /// What happens to a batch when an item is refused.
    pub closed enum PushMode = "push_mode" {
        Record = "record" "Từng bản ghi" "Refused items are left out";
        All = "all" "Tất cả" "Any refused item refuses the batch";
    }
}

codes! {
    /// What an item does.
    pub closed enum PushOp = "push_op" {
        Upsert = "upsert" "Tạo hoặc sửa" "Create or update";
        Create = "create" "Tạo" "Create";
        Update = "update" "Sửa" "Update";
        Delete = "delete" "Xóa" "Delete";
        Restore = "restore" "Khôi phục" "Restore";
    }
}

codes! {
    /// How much a push returns.
    pub closed enum PushReturn = "push_return" {
        Minimal = "minimal" "Tối thiểu" "Ids and versions";
        Representation = "representation" "Đầy đủ" "The whole records";
    }
}

/// A batch: `POST /v1/sync/push`, at most 1,000 items or 8 MiB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PushBatch {
    /// What happens when an item is refused.
    #[serde(default = "push_mode")]
    #[cfg_attr(feature = "openapi", schema(default = push_mode))]
    pub mode: PushMode,
    /// Whether everything runs and nothing is stored.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "openapi", schema(default = bool::default))]
    pub dry_run: bool,
    /// The epoch that the caller knows: a different one is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = crate::Text<100>, nullable = false))]
    pub epoch: Option<String>,
    /// The schema date of the items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = crate::Text<40>, nullable = false))]
    pub schema: Option<String>,
    /// How much to return.
    #[serde(default = "push_return", rename = "return")]
    #[cfg_attr(feature = "openapi", schema(default = push_return))]
    pub answer: PushReturn,
    /// What happens to an item that may double a record.
    #[serde(default = "on_possible_duplicate")]
    #[cfg_attr(feature = "openapi", schema(default = on_possible_duplicate))]
    pub on_possible_duplicate: OnPossibleDuplicate,
    /// The items, 1 to 1,000.
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 1_000))]
    pub items: Vec<PushItem>,
}

fn push_mode() -> PushMode {
    PushMode::Record
}

fn push_return() -> PushReturn {
    PushReturn::Minimal
}

fn on_possible_duplicate() -> OnPossibleDuplicate {
    OnPossibleDuplicate::Store
}

impl PushBatch {
    /// A batch in which refused items are left out.
    pub fn new(items: Vec<PushItem>) -> Self {
        PushBatch {
            mode: push_mode(),
            dry_run: false,
            epoch: None,
            schema: None,
            answer: push_return(),
            on_possible_duplicate: on_possible_duplicate(),
            items,
        }
    }
}

/// One item of a push: one write of one record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PushItem {
    /// A name by which other items of the batch refer to this record (`ref:<name>`).
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = crate::Text<100>, nullable = false))]
    pub name: Option<String>,
    /// What it does.
    pub op: PushOp,
    /// Name of the record type.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "openapi", schema(value_type = crate::record::RecordTypeName))]
    pub kind: String,
    /// The record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub id: Option<Reference>,
    /// Ids that other systems give; with an `upsert` without `id` they name the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_items = 20, nullable = false))]
    pub external_ids: Option<Vec<crate::ExternalId>>,
    /// The version that the caller built on; a different one is a conflict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, nullable = false))]
    pub if_version: Option<i64>,
    /// A merge patch: `unit_id` and the type's own fields. A field that the caller reads and may not write is sent as it is
    /// stored, or not at all.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub fields: Map<String, Value>,
    /// Whether absent fields are cleared too (those that the caller may write and that have no default).
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "openapi", schema(default = bool::default))]
    pub replace: bool,
    /// Of an `upsert`: by what it finds the record that it means, where no record has its external ids. A number of its
    /// fields takes the one record that has it; `name_birth` only names candidates.
    #[serde(default, rename = "match", skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_items = 5))]
    pub match_by: Vec<MatchBy>,
    /// The sender's own time of the change. It is checked for its form, decides nothing and is not stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub source_updated_at: Option<Timestamp>,
    /// Where a relayed change came from first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub origin: Option<Origin>,
    /// The systems that relayed it. With this server's own code among them, or with more than 4 codes, the item is
    /// `skipped_own_origin`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::Text<40>>, max_items = 100))]
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
            match_by: Vec::new(),
            source_updated_at: None,
            origin: None,
            via: Vec::new(),
        }
    }

    /// A create of a typed record; the id is made here when the record has none, so a repeat doubles nothing.
    ///
    /// # Errors
    /// When the record does not serialise to an object; the crate's own types always do.
    pub fn create<T: crate::RecordType>(record: &T::Create) -> Result<Self, serde_json::Error> {
        let mut item = PushItem::with_fields(PushOp::Create, T::NAME, record)?;
        item.id.get_or_insert_with(|| Reference::Id(Uuid::now_v7()));
        Ok(item)
    }

    /// A create of a typed record, or an update where it exists: by its `id`, else by its external ids. Without an
    /// `if_version` it changes the record whatever its version is.
    ///
    /// # Errors
    /// When the record does not serialise to an object; the crate's own types always do.
    pub fn upsert<T: crate::RecordType>(record: &T::Create) -> Result<Self, serde_json::Error> {
        PushItem::with_fields(PushOp::Upsert, T::NAME, record)
    }

    /// An update of a typed record, built on `version`.
    ///
    /// # Errors
    /// When the patch does not serialise to an object; the crate's own types always do.
    pub fn update<T: crate::RecordType>(
        id: impl Into<Ref<T>>,
        version: i64,
        patch: &T::Update,
    ) -> Result<Self, serde_json::Error> {
        let item = PushItem::with_fields(PushOp::Update, T::NAME, patch)?;
        Ok(PushItem { id: Some(id.into().to), if_version: Some(version), ..item })
    }

    /// A delete of a record, built on `version`.
    pub fn delete<T: crate::RecordType>(id: impl Into<Ref<T>>, version: i64) -> Self {
        let item = PushItem::new(PushOp::Delete, T::NAME);
        PushItem { id: Some(id.into().to), if_version: Some(version), ..item }
    }

    /// Brings a deleted record back; with a `version`, only from that one.
    pub fn restore<T: crate::RecordType>(id: impl Into<Ref<T>>, version: Option<i64>) -> Self {
        let item = PushItem::new(PushOp::Restore, T::NAME);
        PushItem { id: Some(id.into().to), if_version: version, ..item }
    }

    /// An item with the fields of a create or a patch; what every record has moves to its own place.
    fn with_fields(op: PushOp, kind: &str, fields: &impl Serialize) -> Result<Self, serde_json::Error> {
        let mut fields: Map<String, Value> = serde_json::from_value(serde_json::to_value(fields)?)?;
        let id = fields.remove("id").map(serde_json::from_value).transpose()?;
        let external_ids = fields.remove("external_ids").map(serde_json::from_value).transpose()?;
        Ok(PushItem { id, external_ids, fields, ..PushItem::new(op, kind) })
    }
}

codes! {
    /// The outcome of an item.
    pub open enum ItemStatus = "item_status" {
        Created = "created" "Đã tạo" "Created";
        Updated = "updated" "Đã sửa" "Updated";
        Unchanged = "unchanged" "Không đổi" "Unchanged";
        Deleted = "deleted" "Đã xóa" "Deleted";
        Restored = "restored" "Đã khôi phục" "Restored";
        Conflict = "conflict" "Xung đột" "Conflict";
        Invalid = "invalid" "Không hợp lệ" "Invalid";
        Forbidden = "forbidden" "Không có quyền" "Forbidden";
        NotFound = "not_found" "Không tìm thấy" "Not found";
        DuplicateMatch = "duplicate_match" "Có thể trùng bản ghi khác" "It may be another record";
        Blocked = "blocked" "Bị chặn" "Blocked";
        SkippedOwnOrigin = "skipped_own_origin" "Bỏ qua vì đến từ chính hệ thống này hoặc qua quá nhiều hệ thống" "Came from this server, or by too many relays";
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
    /// Whether the effect is stored.
    pub applied: bool,
    /// Items by status.
    pub summary: std::collections::BTreeMap<String, i64>,
    /// One result an item, in the order of the batch.
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 1_000))]
    pub items: Vec<ItemResult>,
}

/// The outcome of one item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct ItemResult {
    /// Position in the batch, from 0.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 999))]
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
    #[cfg_attr(feature = "openapi", schema(minimum = 1, nullable = false))]
    pub version: Option<i64>,
    /// Whether the caller now knows this version whole: what it sent is what is stored, or this response has the
    /// record. A feed with `own=brief` sends such a version without its body.
    #[serde(default, skip_serializing_if = "is_false")]
    pub known_to_writer: bool,
    /// The record, when it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Object, nullable = false))]
    pub record: Option<Map<String, Value>>,
    /// Warnings: the item is stored, but somebody should check this.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<ProblemFault>,
    /// The records that it may double, among those that the caller sees: at most 20, the surest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_items = 20))]
    pub candidates: Vec<Candidate>,
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
            candidates: Vec::new(),
            errors: Vec::new(),
            conflict: None,
        }
    }
}

codes! {
    /// Why an item conflicts.
    pub open enum ConflictReason = "conflict_reason" {
        Version = "version" "Đã có phiên bản khác" "The record has another version";
        Deleted = "deleted" "Đã xóa" "The record is deleted";
        Unique = "unique" "Trùng với bản ghi khác" "Another record holds it";
        Referenced = "referenced" "Đang được dẫn chiếu" "Live records refer to it";
        State = "state" "Trạng thái không cho phép" "Its state does not allow it";
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
    #[cfg_attr(feature = "openapi", schema(minimum = 1, nullable = false))]
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
