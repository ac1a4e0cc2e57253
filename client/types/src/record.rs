//! The macro that declares a record type, and what the engine asks of a declared type.

use crate::codes::Class;
use crate::faults::Report;
use crate::fields::{Field, Shape};
use crate::phrases::Words;
use crate::{List, Text, Timestamp, Uuid};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A record type of the contract. Declared by [`record!`](crate::record!).
pub trait RecordType: Serialize + for<'de> Deserialize<'de> + Clone + PartialEq + Send + Sync + 'static {
    /// Name on the wire, singular: `member`.
    const NAME: &'static str;
    /// Last part of the collection's path, plural: `members`.
    const PLURAL: &'static str;
    /// How people call one record.
    const LABEL: Label;
    /// How people call many.
    const LABEL_PLURAL: Label;
    /// The class of a field that names none, and of the record's being there at all.
    const CLASS: Class;
    /// Whether it is also readable, at its class, from the scopes below its unit.
    const DOWNWARD: bool;
    /// The fields whose values, in this order, are the display text of a record: in a list, or where another refers to it. A
    /// reference among them is shown by the display text of its own record.
    const DISPLAY: &'static [&'static str];
    /// The groups of its form, in order. A field that none names is the last of the last one.
    const GROUPS: &'static [Group];
    /// The type's own fields, in the order of a response.
    const FIELDS: &'static [FieldSpec];
    /// What a create takes.
    type Create: Serialize + Clone + Send + Sync;
    /// What a merge patch takes.
    type Update: Serialize + Clone + Default + Send + Sync;

    /// Shows each own field that has a value, in the order of [`RecordType::FIELDS`].
    fn visit_fields(&self, visitor: &mut impl FieldVisitor);

    /// An example of the type.
    fn sample() -> Sample;
}

/// An example of a record type, for the API document and the tests. Its references are to records of the demo.
#[derive(Debug, Clone)]
pub struct Sample {
    /// A body that creates a record.
    pub create: Value,
    /// A merge patch of one field that changes this record; empty where nothing of a record ever changes.
    pub change: Value,
    /// Fields (dates, years) that cannot be the same in two records of one unit: other records have other years there.
    pub distinct: &'static [&'static str],
}

/// The name of a record type, as the API document lists them all. On the wire it is a text: a newer service has more types.
#[cfg(feature = "openapi")]
pub struct RecordTypeName;

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for RecordTypeName {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::Type::String)
            .description(Some("Name of a record type."))
            .enum_values(Some(crate::RECORD_TYPES.iter().map(|one| one.name)))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for RecordTypeName {}

/// What is known of a record type without its Rust type: an entry of [`RECORD_TYPES`](crate::RECORD_TYPES).
#[derive(Debug, Clone, Copy)]
pub struct TypeInfo {
    /// [`RecordType::NAME`].
    pub name: &'static str,
    /// [`RecordType::PLURAL`].
    pub plural: &'static str,
    /// [`RecordType::LABEL`].
    pub label: Label,
    /// [`RecordType::LABEL_PLURAL`].
    pub label_plural: Label,
    /// [`RecordType::DISPLAY`].
    pub display: &'static [&'static str],
    /// [`RecordType::GROUPS`].
    pub groups: &'static [Group],
    /// [`RecordType::FIELDS`].
    pub fields: &'static [FieldSpec],
    /// [`RecordType::sample`].
    pub sample: fn() -> Sample,
}

impl TypeInfo {
    /// The entry of a type.
    pub const fn of<T: RecordType>() -> Self {
        TypeInfo {
            name: T::NAME,
            plural: T::PLURAL,
            label: T::LABEL,
            label_plural: T::LABEL_PLURAL,
            display: T::DISPLAY,
            groups: T::GROUPS,
            fields: T::FIELDS,
            sample: T::sample,
        }
    }

    /// The type of a wire name.
    pub fn named(name: &str) -> Option<&'static TypeInfo> {
        crate::RECORD_TYPES.iter().find(|one| one.name == name)
    }
}

/// Looks at the own fields of a record, each in its own type.
pub trait FieldVisitor {
    /// One field and its value.
    fn field<V: crate::fields::Field + Serialize>(&mut self, spec: &'static FieldSpec, value: &V);
}

/// How people call something, in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// Vietnamese.
    pub vi: &'static str,
    /// English.
    pub en: &'static str,
}

/// A group of fields of a form.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// Its name.
    pub name: &'static str,
    /// Its heading.
    pub label: Label,
    /// Names of its fields, in order.
    pub fields: &'static [&'static str],
}

/// The fields that every record has, before the type's own.
pub const ENVELOPE: &[FieldSpec] = &[
    envelope::<Uuid>("id", Label { vi: "Mã bản ghi", en: "Id" }),
    envelope::<Text<40>>("type", Label { vi: "Loại bản ghi", en: "Type" }),
    envelope::<i32>("version", Label { vi: "Phiên bản", en: "Version" }),
    FieldSpec {
        managed: false, ..envelope::<crate::Ref<crate::Unit>>("unit_id", Label { vi: "Tổ chức", en: "Unit" })
    },
    FieldSpec {
        managed: false,
        ..envelope::<ExternalIds>("external_ids", Label { vi: "Mã ngoài", en: "External ids" })
    },
    envelope::<Timestamp>("created_at", Label { vi: "Thời điểm tạo", en: "Created at" }),
    envelope::<Timestamp>("updated_at", Label { vi: "Thời điểm sửa", en: "Updated at" }),
];

const fn envelope<T: Field>(name: &'static str, label: Label) -> FieldSpec {
    let (shape, check) = (T::SHAPE, T::check);
    FieldSpec { name, label, class: Class::Public, required: false, managed: true, shape, check }
}

/// One field of a record type.
#[derive(Debug, Clone, Copy)]
pub struct FieldSpec {
    /// Name on the wire.
    pub name: &'static str,
    /// How people call it.
    pub label: Label,
    /// How closely it is held.
    pub class: Class,
    /// Whether a record cannot be without it.
    pub required: bool,
    /// Whether only an operation of its own changes it.
    pub managed: bool,
    /// What its values look like.
    pub shape: Shape,
    /// Normalises a value in place and reports its faults.
    pub check: fn(&mut Value, &mut Report),
}

impl FieldSpec {
    /// The field for a message.
    pub fn words(&self) -> Words {
        self.label.named(self.name)
    }
}

crate::object! {
    /// The id that another system gave to a record.
    #[derive(Eq, PartialOrd, Ord, Hash)]
    pub struct ExternalId {
        required {
            /// Code of a registered system.
            system: Text<40>, "Hệ thống" "System",
            /// The id there.
            value: Text<200>, "Mã trong hệ thống đó" "Id there",
        }
        optional {}
    }
}

/// Most external ids of a record.
pub const MAX_EXTERNAL_IDS: usize = 20;

/// The external ids of a record: at most [`MAX_EXTERNAL_IDS`].
pub type ExternalIds = List<ExternalId, MAX_EXTERNAL_IDS>;

/// Tells a patch's "cleared" (`null`) from its "untouched" (absent).
pub fn cleared_or_set<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    d: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(d).map(Some)
}

/// Declares a record type: the record as it is returned (`Member`), the create (`MemberCreate`) and the merge patch
/// (`MemberUpdate`).
///
/// `required` fields are in every record; `optional` ones may be absent, or left out by the rights of the reader;
/// `managed` ones are changed by an operation of their own and are only in responses, `optional_managed` ones not in
/// each. A field is of the type's class unless it names another after `=`; then follow its Vietnamese and its English label. The type's own labels are
/// Vietnamese, English and the English plural. `groups` are those of its form, `display` is [`RecordType::DISPLAY`], `sample` the type's example
/// ([`Sample`]).
#[macro_export]
macro_rules! record {
    ($(#[$meta:meta])* $name:ident, $create:ident, $update:ident = $singular:literal in $plural:literal, $vi:literal $en:literal $many:literal,
     $class:ident, downward: $downward:literal, display: [$($display:ident),+] {
        required { $($(#[$rmeta:meta])* $required:ident: $rtype:ty $(= $rclass:ident)?, $rvi:literal $ren:literal,)* }
        optional { $($(#[$ometa:meta])* $optional:ident: $otype:ty $(= $oclass:ident)?, $ovi:literal $oen:literal,)* }
        $(optional_managed { $($(#[$nmeta:meta])* $noted:ident: $ntype:ty $(= $nclass:ident)?, $nvi:literal $nen:literal,)* })?
        managed { $($(#[$mmeta:meta])* $managed:ident: $mtype:ty $(= $mclass:ident)?, $mvi:literal $men:literal,)* }
        groups { $($group:ident $gvi:literal $gen:literal: $($gfield:ident),+;)+ }
        sample { create: $sample:tt, change: $change:tt, $(distinct: [$($distinct:ident),+],)? }
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
        pub struct $name {
            /// The record's id (UUIDv7 when made by the server). Never reused.
            pub id: $crate::Uuid,
            /// Name of the record type.
            #[serde(rename = "type")]
            pub record_type: String,
            /// From 1, plus 1 with each write that changes something.
            #[cfg_attr(feature = "openapi", schema(minimum = 1))]
            pub version: i64,
            /// The unit that the record belongs to.
            pub unit_id: $crate::Uuid,
            /// Ids that other systems gave to the record.
            pub external_ids: $crate::List<$crate::ExternalId, 20>,
            /// When the record was made.
            pub created_at: $crate::Timestamp,
            /// When it was last changed.
            pub updated_at: $crate::Timestamp,
            $($(#[$rmeta])* pub $required: $rtype,)*
            $($(#[$ometa])* #[serde(default, skip_serializing_if = "Option::is_none")]
              #[cfg_attr(feature = "openapi", schema(nullable = false))]
              pub $optional: Option<$otype>,)*
            $($($(#[$nmeta])* #[serde(default, skip_serializing_if = "Option::is_none")]
              #[cfg_attr(feature = "openapi", schema(nullable = false))]
              pub $noted: Option<$ntype>,)*)?
            $($(#[$mmeta])* #[serde(default)]
              #[cfg_attr(feature = "openapi", schema(required = true))]
              pub $managed: $mtype,)*
        }

        #[doc = concat!("What `POST /v1/", $plural, "` takes.")]
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(deny_unknown_fields)]
        pub struct $create {
            /// An id made by the caller; made by the server when absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[cfg_attr(feature = "openapi", schema(nullable = false))]
            pub id: Option<$crate::Uuid>,
            /// The unit that the record will belong to.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[cfg_attr(feature = "openapi", schema(nullable = false))]
            pub unit_id: Option<$crate::Ref<$crate::Unit>>,
            /// Ids that other systems give to the record.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[cfg_attr(feature = "openapi", schema(nullable = false))]
            pub external_ids: Option<$crate::List<$crate::ExternalId, 20>>,
            $($(#[$rmeta])* pub $required: $rtype,)*
            $($(#[$ometa])* #[serde(default, skip_serializing_if = "Option::is_none")] pub $optional: Option<$otype>,)*
        }

        impl $create {
            /// The required fields; the rest is absent.
            #[allow(clippy::too_many_arguments, reason = "one for each required field; most types have few")]
            pub fn new($($required: impl Into<$rtype>),*) -> Self {
                $create { id: None, unit_id: None, external_ids: None, $($required: $required.into(),)* $($optional: None,)* }
            }
        }

        #[doc = concat!("A JSON Merge Patch of a `", $singular, "`: absent is untouched, `null` is cleared.")]
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(deny_unknown_fields)]
        pub struct $update {
            /// Another unit: moves the record.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[cfg_attr(feature = "openapi", schema(nullable = false))]
            pub unit_id: Option<$crate::Ref<$crate::Unit>>,
            /// Sets the entries of the systems that it names, and leaves those of others. An empty list takes all away that
            /// the caller may write: of a system its own, of a person those of every system.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[cfg_attr(feature = "openapi", schema(nullable = false))]
            pub external_ids: Option<$crate::List<$crate::ExternalId, 20>>,
            $($(#[$rmeta])* #[serde(default, skip_serializing_if = "Option::is_none")]
              #[cfg_attr(feature = "openapi", schema(nullable = false))]
              pub $required: Option<$rtype>,)*
            $($(#[$ometa])* #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "cell_records_types::record::cleared_or_set")]
              #[cfg_attr(feature = "openapi", schema(value_type = Option<$otype>))]
              pub $optional: Option<Option<$otype>>,)*
        }

        impl $crate::RecordType for $name {
            const NAME: &'static str = $singular;
            const PLURAL: &'static str = $plural;
            const LABEL: $crate::Label = $crate::Label { vi: $vi, en: $en };
            const LABEL_PLURAL: $crate::Label = $crate::Label { vi: $vi, en: $many };
            const CLASS: $crate::Class = $crate::Class::$class;
            const DOWNWARD: bool = $downward;
            const DISPLAY: &'static [&'static str] = &[$(stringify!($display)),+];
            const GROUPS: &'static [$crate::record::Group] = &[
                $($crate::record::Group {
                    name: stringify!($group),
                    label: $crate::Label { vi: $gvi, en: $gen },
                    fields: &[$(stringify!($gfield)),+],
                },)+
            ];
            const FIELDS: &'static [$crate::FieldSpec] = &[
                $($crate::record!(@spec $required: $rtype, $class $(= $rclass)?, $rvi $ren, true, false),)*
                $($crate::record!(@spec $optional: $otype, $class $(= $oclass)?, $ovi $oen, false, false),)*
                $($($crate::record!(@spec $noted: $ntype, $class $(= $nclass)?, $nvi $nen, false, true),)*)?
                $($crate::record!(@spec $managed: $mtype, $class $(= $mclass)?, $mvi $men, true, true),)*
            ];
            type Create = $create;
            type Update = $update;

            fn visit_fields(&self, visitor: &mut impl $crate::FieldVisitor) {
                let mut specs = <Self as $crate::RecordType>::FIELDS.iter();
                $(if let Some(spec) = specs.next() { visitor.field(spec, &self.$required); })*
                $(if let (Some(spec), Some(value)) = (specs.next(), &self.$optional) { visitor.field(spec, value); })*
                $($(if let (Some(spec), Some(value)) = (specs.next(), &self.$noted) { visitor.field(spec, value); })*)?
                $(if let Some(spec) = specs.next() { visitor.field(spec, &self.$managed); })*
            }

            fn sample() -> $crate::record::Sample {
                $crate::record::Sample {
                    create: serde_json::json!($sample),
                    change: serde_json::json!($change),
                    distinct: &[$($(stringify!($distinct)),+)?],
                }
            }
        }
    };
    (@spec $field:ident: $type:ty, $default:ident = $class:ident, $vi:literal $en:literal, $required:literal, $managed:literal) => {
        $crate::FieldSpec {
            name: $crate::fields::plain(stringify!($field)),
            label: $crate::Label { vi: $vi, en: $en },
            class: $crate::Class::$class,
            required: $required,
            managed: $managed,
            shape: <$type as $crate::fields::Field>::SHAPE,
            check: <$type as $crate::fields::Field>::check,
        }
    };
    (@spec $field:ident: $type:ty, $default:ident, $vi:literal $en:literal, $required:literal, $managed:literal) => {
        $crate::record!(@spec $field: $type, $default = $default, $vi $en, $required, $managed)
    };
}
