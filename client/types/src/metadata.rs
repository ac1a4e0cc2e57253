//! What a service says of its record types and codes (`GET /v1/record_types`, `GET /v1/code_lists`): enough to draw the
//! table and the form of a type that a program has never heard of.

use crate::{Uuid, codes};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A record type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct RecordTypeInfo {
    /// Name on the wire: `member`.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::record::RecordTypeName))]
    pub name: String,
    /// Path of its collection: `/v1/members`.
    pub collection: String,
    /// How people call one record, in Vietnamese.
    pub label_vi: String,
    /// The same in English.
    pub label_en: String,
    /// How people call many, in English. Vietnamese has no plural.
    pub label_plural_en: String,
    /// What a record is, in English.
    pub description: String,
    /// The class of a record's being there at all.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::Class))]
    pub class: String,
    /// Whether it is also readable, up to its class, from the units below its unit: so much of it is also read in the
    /// units above those of `readable_in`.
    pub downward: bool,
    /// The fields whose values, in this order, are the display text of a record: in a list, or where another refers to it. A
    /// reference among them is shown by the display text of its own record.
    pub display: Vec<String>,
    /// The groups of its form, in order.
    pub groups: Vec<GroupInfo>,
    /// The parameters that filter its list.
    pub filters: Vec<FilterInfo>,
    /// What its list may be sorted by.
    pub sorts: Vec<SortInfo>,
    /// The field that the parameter `q` of its list searches; absent: it takes no `q`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub search: Option<String>,
    /// JSON Schema of a record. It refers to nothing outside itself, as the next two.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub schema: Value,
    /// JSON Schema of what a create takes.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub create_schema: Value,
    /// JSON Schema of what a merge patch takes.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub update_schema: Value,
    /// Its fields, in the order of its form.
    pub fields: Vec<FieldInfo>,
    /// What can be done with a record besides reading it.
    pub verbs: Vec<VerbInfo>,
}

/// A group of fields of a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct GroupInfo {
    /// Its name, as fields have it in `group`.
    pub name: String,
    /// Vietnamese heading.
    pub label_vi: String,
    /// English heading.
    pub label_en: String,
}

/// A field of a record type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct FieldInfo {
    /// Name on the wire.
    pub name: String,
    /// Vietnamese label.
    pub label_vi: String,
    /// English label.
    pub label_en: String,
    /// What it says of the record, in English.
    pub description: String,
    /// Position in the form, from 1.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub order: u32,
    /// The group of the form that it is in.
    pub group: String,
    /// How closely it is held.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::Class))]
    pub class: String,
    /// Whether a create must have it.
    pub required: bool,
    /// Whether it never changes once the record is made: only a create takes it.
    pub fixed: bool,
    /// Whether creates and patches do not take it: the service, or a verb, sets it.
    pub managed: bool,
    /// What a create that does not have it gets; `false` may be left out of records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Value, nullable = false))]
    pub default: Option<Value>,
    /// Whether the service works it out where a create does not have it.
    pub computed: bool,
    /// What its values look like.
    pub value: ValueInfo,
    /// Where the caller reads it: in these units and in all below them. Nowhere: the caller does not see it.
    pub readable_in: Vec<Uuid>,
    /// Where the caller writes it: in these units and in all below them.
    pub writable_in: Vec<Uuid>,
}

/// A field of a nested object, or of the body of a verb.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct PartInfo {
    /// Name on the wire.
    pub name: String,
    /// Vietnamese label.
    pub label_vi: String,
    /// English label.
    pub label_en: String,
    /// What it says, in English.
    pub description: String,
    /// Whether an object cannot be without it.
    pub required: bool,
    /// What its values look like.
    #[cfg_attr(feature = "openapi", schema(no_recursion))]
    pub value: ValueInfo,
}

codes! {
    /// The types of values.
    pub open enum ValueType = "value_type" {
        Text = "text" "Văn bản" "Text";
        Integer = "integer" "Số nguyên" "Whole number";
        Decimal = "decimal" "Số thập phân, dạng chuỗi" "Decimal number, as a string";
        Boolean = "boolean" "Đúng hoặc sai" "True or false";
        Date = "date" "Ngày" "Date";
        PartialDate = "partial_date" "Ngày, tháng hoặc năm" "Date, month or year";
        Timestamp = "timestamp" "Thời điểm" "Instant";
        Uuid = "uuid" "UUID" "UUID";
        Code = "code" "Mã trong danh mục" "Code of a list";
        Reference = "reference" "Dẫn chiếu tới bản ghi" "Reference to a record";
        Object = "object" "Nhóm trường" "Object";
        List = "list" "Danh sách" "List";
        Names = "names" "Các tên kèm giá trị" "Names with values";
    }
}

/// What values look like: their type, and what bounds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct ValueInfo {
    /// Their type.
    #[serde(rename = "type")]
    pub kind: ValueType,
    /// Most characters of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub max_length: Option<u32>,
    /// Whether a text may have several lines.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub multiline: bool,
    /// Regular expression that a text fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub pattern: Option<String>,
    /// Least whole number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub minimum: Option<i64>,
    /// Greatest whole number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub maximum: Option<i64>,
    /// The list that a code is of; a code without one is of `options`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub code_list: Option<String>,
    /// Where the list of a code is that a record has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub options: Option<OptionsInfo>,
    /// The record type that a reference is to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = crate::record::RecordTypeName, nullable = false))]
    pub refers_to: Option<String>,
    /// The fields of an object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(no_recursion))]
    pub fields: Vec<PartInfo>,
    /// What each value of a list, or of a name, looks like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(no_recursion, nullable = false))]
    pub items: Option<Box<ValueInfo>>,
    /// Most values of a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub max_items: Option<u32>,
}

/// Where the codes are that a value can be: each item of a list of a record is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct OptionsInfo {
    /// The references that lead to the record that has the list: the first is a field of the record that has the value, each
    /// next one a field of the record before. Empty: it is the same record.
    pub from: Vec<String>,
    /// The field that is the list.
    pub list: String,
    /// The field of its items that is the code.
    pub code: String,
    /// The field of its items that is the Vietnamese label.
    pub label_vi: String,
    /// The field of its items that is the English label.
    pub label_en: String,
}

/// A parameter that filters a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct FilterInfo {
    /// The parameter's name.
    pub name: String,
    /// Vietnamese label.
    pub label_vi: String,
    /// English label.
    pub label_en: String,
    /// What it asks, in English.
    pub description: String,
    /// The field that it asks about: it works only over the grants that read it. A field of another type is named with that
    /// type: `exemption.from`.
    pub field: String,
    /// What its value looks like.
    pub value: ValueInfo,
    /// Whether it takes several values, comma separated.
    pub many: bool,
    /// Whether it takes `null`, which finds records without a value.
    pub null: bool,
    /// The parameter that finds what this one does not. Counts are grouped by such filters, and by `unit_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub negation: Option<String>,
}

/// What a list may be sorted by, descending with `-` before the name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct SortInfo {
    /// The field's name.
    pub name: String,
    /// Vietnamese label.
    pub label_vi: String,
    /// English label.
    pub label_en: String,
    /// Whether a list over any number of units may be sorted by it; otherwise only one of few units and records.
    pub everywhere: bool,
}

/// Something that can be done with a record besides reading it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct VerbInfo {
    /// `create`, `update`, `delete`, `restore`, or one that only this type has.
    pub name: String,
    /// Vietnamese label.
    pub label_vi: String,
    /// English label.
    pub label_en: String,
    /// Method of its call.
    pub method: String,
    /// Path of its call; `{id}` is the record's id.
    pub path: String,
    /// Whether it must name the version that it builds on, in `If-Match`.
    pub if_match: bool,
    /// The roles that may do it.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::accounts::Role>))]
    pub roles: Vec<String>,
    /// Where the caller may do it: in these units and in all below them.
    pub allowed_in: Vec<Uuid>,
    /// The moves that it makes: of `advance`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<MoveInfo>,
    /// The fields of its body. A create and an update take the type's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<PartInfo>,
}

/// A move of a record from one state to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct MoveInfo {
    /// The states that it leaves.
    pub from: Vec<String>,
    /// The state that it leads to.
    pub to: String,
    /// The roles that may make it.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::accounts::Role>))]
    pub roles: Vec<String>,
    /// Where the caller may make it: in these units and in all below them.
    pub allowed_in: Vec<Uuid>,
    /// The records that it is for; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub when: Option<WhenInfo>,
    /// Fields that must have a value after it: send those that are empty in `fields`.
    pub needs: Vec<String>,
    /// Whether it must give a reason.
    pub reason: bool,
    /// What it does to the member: nothing, or `update`, `create` (of what the record says), `create_from_body` (of `member` in
    /// the body).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub member: Option<String>,
}

/// The records whose field has one of these codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct WhenInfo {
    /// The field.
    pub field: String,
    /// The codes.
    pub codes: Vec<String>,
}

/// An enum of the contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct CodeListInfo {
    /// Name of the list.
    pub name: String,
    /// Its codes, in order.
    pub codes: Vec<CodeInfo>,
}

/// One code of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct CodeInfo {
    /// The value on the wire.
    pub code: String,
    /// Vietnamese label.
    pub label_vi: String,
    /// English label.
    pub label_en: String,
}
