//! Pages of lists, and the parameters that every list takes.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct Page<T> {
    /// The page's items, in the order of the list.
    pub items: Vec<T>,
    /// Where the next page begins; absent after the last. Opaque, for this caller and query only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// How many items the whole list has, when `count=exact` was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
    /// The records that `expand` leads to, by id, with their display texts. What the caller does not see is absent. Lists
    /// of records only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expanded: Option<BTreeMap<Uuid, Expanded>>,
    /// Why the list is empty, for people, when it is so because of the caller's rights. Lists of records and of work only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl<T> Page<T> {
    /// A page of these items.
    pub fn new(items: Vec<T>, next_cursor: Option<String>) -> Self {
        Page { items, next_cursor, total: None, expanded: None, note: None }
    }
}

/// A record by its display text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct Expanded {
    /// Its id.
    pub id: Uuid,
    /// Name of its type.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "openapi", schema(value_type = crate::record::RecordTypeName))]
    pub record_type: String,
    /// What people call it, in the language asked for: its name, say, or the display texts of what it refers to. Absent
    /// where the caller reads none of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub display: Option<String>,
}

/// The parameters of a list of records: the common ones, and the type's own filters by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Items a page, 1 to 500; the server's default is 50.
    pub limit: Option<u32>,
    /// A unit; with `subtree` all below it too.
    pub unit: Option<String>,
    /// Whether units below `unit` are included.
    pub subtree: bool,
    /// Words, blind to case and diacritics.
    pub q: Option<String>,
    /// A field of the type's sorts, `-` before it for descending.
    pub sort: Option<String>,
    /// Only records changed at or after this timestamp.
    pub updated_since: Option<String>,
    /// Whether the whole list is counted. Every page has the count of the first.
    pub count: bool,
    /// Only these fields, comma separated; `id`, `type` and `version` are always there.
    pub fields: Option<String>,
    /// References, or `id`, comma separated: the display texts of their records, or of the items, are beside the items.
    pub expand: Option<String>,
    /// These records, in this order: at most 200 UUIDs or `ext:<system>:<value>`, comma separated. Goes with `fields` and
    /// `expand` only.
    pub ids: Option<String>,
    /// The type's own filters: name and value. The value `null` finds records without one; `<name>_not` finds what the
    /// filter does not.
    pub filters: Vec<(String, String)>,
}

impl ListQuery {
    /// The query parameters.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = self.filters.clone();
        let mut add = |name: &str, value: Option<String>| pairs.extend(value.map(|value| (name.to_owned(), value)));
        add("limit", self.limit.map(|limit| limit.to_string()));
        add("unit", self.unit.clone());
        add("subtree", self.subtree.then(|| "true".to_owned()));
        add("q", self.q.clone());
        add("sort", self.sort.clone());
        add("updated_since", self.updated_since.clone());
        add("count", self.count.then(|| "exact".to_owned()));
        add("fields", self.fields.clone());
        add("expand", self.expand.clone());
        add("ids", self.ids.clone());
        pairs
    }

    /// Adds a filter.
    #[must_use]
    pub fn filter(mut self, name: &str, value: impl ToString) -> Self {
        self.filters.push((name.to_owned(), value.to_string()));
        self
    }
}

/// How many records of a list there are, by one or two of its fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct Counts {
    /// The groups that have records, in the order of their values.
    pub groups: Vec<CountedGroup>,
    /// The records of all groups.
    pub total: i64,
}

/// The records that have the same values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct CountedGroup {
    /// The value of each field that groups; `null`: records without one.
    #[serde(flatten)]
    pub values: BTreeMap<String, serde_json::Value>,
    /// How many.
    pub count: i64,
}

crate::codes! {
    /// What a write did to its record.
    pub open enum HistoryOp = "history_op" {
        Create = "create" "Thêm" "Created";
        Update = "update" "Sửa" "Changed";
        Move = "move" "Chuyển sang tổ chức khác" "Moved to another unit";
        Delete = "delete" "Xóa" "Deleted";
        Restore = "restore" "Khôi phục" "Restored";
    }
}

/// One version in a record's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct HistoryEntry {
    /// The version that this write made.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub version: i64,
    /// What it did.
    pub op: HistoryOp,
    /// When.
    pub at: crate::Timestamp,
    /// Who: the user's or system's id; absent for the local operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub actor: Option<Uuid>,
    /// What the writer is, where a grant of the caller covers the unit of its account, or the caller is office or lead over
    /// the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub actor_kind: Option<crate::accounts::CallerKind>,
    /// The writer's display name, where `actor_kind` is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = crate::Text<100>, nullable = false))]
    pub actor_name: Option<String>,
    /// The system that it came from, by code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = crate::Text<40>, nullable = false))]
    pub origin: Option<String>,
    /// The request that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub request_id: Option<String>,
    /// Names of the fields that differ from the version before, among those that the caller may read.
    pub changed: Vec<String>,
    /// The record as this version made it; absent when the version is its deletion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Object, nullable = false))]
    pub record: Option<serde_json::Value>,
}

/// OpenAPI schemas that cannot be derived.
#[cfg(feature = "openapi")]
pub mod openapi {
    use super::Page;
    use std::borrow::Cow;
    use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, ObjectBuilder, SchemaFormat, Type};
    use utoipa::openapi::{Ref, RefOr, Schema};
    use utoipa::{__dev::ComposeSchema, ToSchema};

    /// The schema of a page of these items.
    pub fn page(items: &str) -> ObjectBuilder {
        let (items, text) = (Ref::from_schema_name(items), ObjectBuilder::new().schema_type(Type::String));
        let number = ObjectBuilder::new().schema_type(Type::Integer);
        let next = text.description(Some(
            "Where the next page begins; absent after the last. Opaque, for this caller and query only.",
        ));
        let total = number
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(0))
            .description(Some("How many items the whole list has, when `count=exact` was asked."));
        let note = ObjectBuilder::new().schema_type(Type::String).description(Some(
            "Why the list is empty, for people, when it is so because of the caller's rights. Lists of records and of work only.",
        ));
        ObjectBuilder::new()
            .description(Some("One page of a list."))
            .property(
                "items",
                ArrayBuilder::new().items(items).description(Some("The items, in the order of the list.")),
            )
            .property("next_cursor", next)
            .property("total", total)
            .property("note", note)
            .required("items")
    }

    impl<T: ToSchema> ComposeSchema for Page<T> {
        fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
            page(&T::name()).into()
        }
    }
    impl<T: ToSchema> ToSchema for Page<T> {
        fn name() -> Cow<'static, str> {
            Cow::Borrowed("Page")
        }

        fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
            schemas.push((T::name().into_owned(), T::schema()));
            T::schemas(schemas);
        }
    }
}
