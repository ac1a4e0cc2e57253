//! What a field's type must know to be checked: one trait, and the macros for nested objects and for
//! texts of a fixed form. A check normalises the value in place and reports every fault.

mod shape;

pub use shape::{Choice, Shape};

use crate::Label;
use crate::faults::{OUT_OF_RANGE, REQUIRED, Report, UNKNOWN_FIELD, WRONG_FORMAT, WRONG_TYPE};
use crate::phrases;
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A type of a value in a body.
pub trait Field {
    /// What a value looks like.
    const SHAPE: Shape;

    /// Normalises `value` to its canonical form, or reports what is wrong with it. `null` does not come here.
    fn check(value: &mut Value, report: &mut Report);

    /// Adds the records that the value refers to: type and id. Most types refer to none.
    fn references(&self, _found: &mut Vec<(&'static str, Uuid)>) {}
}

impl Field for bool {
    const SHAPE: Shape = Shape::Flag;

    fn check(value: &mut Value, report: &mut Report) {
        if !value.is_boolean() {
            report.fault_about(&WRONG_TYPE, &phrases::BOOLEAN);
        }
    }
}

impl Field for Uuid {
    const SHAPE: Shape = Shape::Uuid;

    fn check(value: &mut Value, report: &mut Report) {
        let Some(text) = report.text(value) else { return };
        match Uuid::try_parse(text).ok().filter(|_| text.len() == 36) {
            Some(id) => *value = Value::String(id.to_string()),
            None => report.fault_about(&WRONG_FORMAT, &phrases::UUID),
        }
    }
}

/// Whole numbers on the wire are small ones: counts, years, ordinals.
impl Field for i32 {
    const SHAPE: Shape = Shape::Integer(0, 1_000_000);

    fn check(value: &mut Value, report: &mut Report) {
        integer(value, 0, 1_000_000, report);
    }
}

/// Checks a whole number between two bounds.
pub fn integer(value: &Value, low: i64, high: i64, report: &mut Report) {
    match value.as_i64() {
        None => report.fault_about(&WRONG_TYPE, &phrases::WHOLE_NUMBER),
        Some(n) if n < low || n > high => {
            report.fault_about(&OUT_OF_RANGE, phrases::NUMBER_BETWEEN.with(low).with(high))
        }
        Some(_) => {}
    }
}

/// Names to lists of texts, such as the dimensions of a figure: at most 10 names of 20 texts.
impl<const MAX: usize> Field for BTreeMap<String, crate::List<crate::Text<MAX>, 20>> {
    const SHAPE: Shape = Shape::Names(&crate::List::<crate::Text<MAX>, 20>::SHAPE);

    fn check(value: &mut Value, report: &mut Report) {
        let Value::Object(map) = value else { return report.fault_about(&WRONG_TYPE, &phrases::OBJECT) };
        if map.len() > 10 {
            report.fault_about(&OUT_OF_RANGE, phrases::NAMES_AT_MOST.with(10));
        }
        for (name, list) in map {
            report.within(name, |report| {
                if name.is_empty() || name.len() > 40 || !name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
                    report.fault_about(&crate::faults::WRONG_FORMAT, &phrases::NAME);
                }
                crate::List::<crate::Text<MAX>, 20>::check(list, report);
            });
        }
    }
}

/// A field of a nested object.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// Name on the wire.
    pub name: &'static str,
    /// How people call it; empty in an object that no record holds.
    pub label: Label,
    /// Whether an object cannot be without it.
    pub required: bool,
    /// What its values look like.
    pub shape: Shape,
    /// Normalises a value in place and reports its faults.
    pub check: fn(&mut Value, &mut Report),
}

impl Part {
    /// A part of this type.
    pub const fn of<T: Field>(name: &'static str, label: Label, required: bool) -> Self {
        Part { name: plain(name), label, required, shape: T::SHAPE, check: T::check }
    }
}

/// Checks a nested object against its parts.
pub fn check_object(value: &mut Value, parts: &[Part], report: &mut Report) {
    let Value::Object(map) = value else { return report.fault_about(&WRONG_TYPE, &phrases::OBJECT) };
    map.retain(|_, value| !value.is_null());
    for part in parts {
        match map.get_mut(part.name) {
            Some(value) => report.within(part.name, |report| (part.check)(value, report)),
            None if part.required => report.fault_at(part.name, &REQUIRED),
            None => {}
        }
    }
    for name in map.keys().filter(|name| !parts.iter().any(|part| part.name == *name)) {
        report.fault_at(name, &UNKNOWN_FIELD);
    }
}

/// Declares an object that is the value of a field, or a body of a call. What records hold has a Vietnamese and an English
/// label behind each field's type.
///
/// ```text
/// object! {
///     /// An office's vote.
///     pub struct VoteResult { required { /// Votes for. r#for: i32, "Số phiếu đồng ý" "Votes for", } optional {} }
/// }
/// ```
#[macro_export]
macro_rules! object {
    ($(#[$meta:meta])* pub struct $name:ident {
        required { $($(#[$rmeta:meta])* $required:ident: $rtype:ty $(, $rvi:literal $ren:literal)?,)* }
        optional { $($(#[$ometa:meta])* $optional:ident: $otype:ty $(, $ovi:literal $oen:literal)?,)* }
    }) => {
        #[derive(Debug, Clone, PartialEq, serde::Serialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        $(#[$meta])*
        // For the OpenAPI document: in a body, the check refuses what is unknown.
        #[serde(deny_unknown_fields)]
        #[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
        pub struct $name {
            $($(#[$rmeta])* pub $required: $rtype,)*
            $($(#[$ometa])* #[serde(default, skip_serializing_if = "Option::is_none")]
              #[cfg_attr(feature = "openapi", schema(nullable = false))]
              pub $optional: Option<$otype>,)*
        }

        impl $name {
            /// The required fields; the rest is absent.
            #[allow(clippy::new_without_default, reason = "some objects have no required fields")]
            pub fn new($($required: impl Into<$rtype>),*) -> Self {
                $name { $($required: $required.into(),)* $($optional: None,)* }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            // In a response, what a newer server adds is left out.
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                #[derive(serde::Deserialize)]
                struct Known { $($required: $rtype,)* $(#[serde(default)] $optional: Option<$otype>,)* }
                let Known { $($required,)* $($optional,)* } = serde::Deserialize::deserialize(deserializer)?;
                Ok($name { $($required,)* $($optional,)* })
            }
        }

        impl $name {
            /// Its fields.
            pub const PARTS: &'static [$crate::fields::Part] = &[
                $($crate::fields::Part::of::<$rtype>(stringify!($required), $crate::Label { vi: concat!($($rvi)?), en: concat!($($ren)?) }, true),)*
                $($crate::fields::Part::of::<$otype>(stringify!($optional), $crate::Label { vi: concat!($($ovi)?), en: concat!($($oen)?) }, false),)*
            ];
        }

        impl $crate::fields::Field for $name {
            const SHAPE: $crate::fields::Shape = $crate::fields::Shape::Object(Self::PARTS);

            fn check(value: &mut serde_json::Value, report: &mut $crate::faults::Report) {
                $crate::fields::check_object(value, Self::PARTS, report);
            }

            #[allow(unused_variables, reason = "an object may have no field of a kind")]
            fn references(&self, found: &mut Vec<(&'static str, uuid::Uuid)>) {
                $($crate::fields::Field::references(&self.$required, found);)*
                $(if let Some(value) = &self.$optional { $crate::fields::Field::references(value, found); })*
            }
        }
    };
}

/// A field's name without Rust's `r#`.
pub const fn plain(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', ..] => name.split_at(2).1,
        _ => name,
    }
}

/// Declares a text of a fixed form: how the form is named in faults, its pattern, an example, for a code of a list that a
/// record has its [`Choice`](crate::fields::Choice), and its test.
#[macro_export]
macro_rules! form {
    (@shape $pattern:literal) => { $crate::fields::Shape::Form($pattern) };
    (@shape $pattern:literal $choice:expr) => { $crate::fields::Shape::Choice($choice) };
    ($(#[$meta:meta])* pub struct $name:ident = $format:expr, $pattern:literal, $example:literal, $(of $choice:expr,)? |$text:ident| $test:expr;) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl std::ops::Deref for $name {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl<T: Into<String>> From<T> for $name {
            fn from(text: T) -> Self {
                $name(text.into())
            }
        }

        impl $crate::fields::Field for $name {
            const SHAPE: $crate::fields::Shape = $crate::form!(@shape $pattern $($choice)?);

            fn check(value: &mut serde_json::Value, report: &mut $crate::faults::Report) {
                let Some($text) = report.text(value).map(str::trim) else { return };
                let fits: bool = $test;
                if fits {
                    *value = serde_json::Value::String($text.to_owned());
                } else {
                    report.fault_about(&$crate::faults::WRONG_FORMAT, $format);
                }
            }
        }

        $crate::schema!($name: String, [], pattern(Some($pattern)), examples([serde_json::Value::from($example)]));
    };
}

/// Declares a whole number between two bounds, both included.
#[macro_export]
macro_rules! whole_number {
    ($(#[doc = $doc:literal])* pub struct $name:ident = $low:literal..=$high:literal;) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i32);

        impl $crate::fields::Field for $name {
            const SHAPE: $crate::fields::Shape = $crate::fields::Shape::Integer($low, $high);

            fn check(value: &mut serde_json::Value, report: &mut $crate::faults::Report) {
                $crate::fields::integer(value, $low, $high, report);
            }
        }

        $crate::schema!($name: Integer, [$($doc),*], minimum(Some($low)), maximum(Some($high)));
    };
}

/// Says the OpenAPI schema of a type that is one value: its JSON type, its description by line, and what bounds it.
#[macro_export]
macro_rules! schema {
    ($name:ident: $kind:ident, [$($line:literal),*], $($bound:ident($value:expr)),+) => {
        #[cfg(feature = "openapi")]
        const _: () = {
            impl utoipa::PartialSchema for $name {
                fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                    let lines: &[&str] = &[$($line.trim_ascii()),*];
                    utoipa::openapi::ObjectBuilder::new()
                        .schema_type(utoipa::openapi::Type::$kind)
                        .description((!lines.is_empty()).then(|| lines.join("\n")))
                        $(.$bound($value))+
                        .into()
                }
            }
            impl utoipa::ToSchema for $name {}
        };
    };
}

/// OpenAPI schemas that cannot be derived.
#[cfg(feature = "openapi")]
pub mod openapi {
    use crate::{List, Text};
    use std::borrow::Cow;
    use utoipa::openapi::{ArrayBuilder, ObjectBuilder, Ref, RefOr, Schema, Type};
    use utoipa::{__dev::ComposeSchema, ToSchema};

    macro_rules! text_schema {
        ($type:ty as $name:literal, $format:literal, $pattern:literal, $example:literal, $description:literal) => {
            impl utoipa::PartialSchema for $type {
                fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                    utoipa::openapi::ObjectBuilder::new()
                        .schema_type(utoipa::openapi::Type::String)
                        .format(Some(utoipa::openapi::SchemaFormat::Custom($format.into())))
                        .pattern(Some($pattern))
                        .examples([serde_json::Value::from($example)])
                        .description(Some($description))
                        .into()
                }
            }
            impl utoipa::ToSchema for $type {
                fn name() -> std::borrow::Cow<'static, str> {
                    std::borrow::Cow::Borrowed($name)
                }
            }
        };
    }
    pub(crate) use text_schema;

    // utoipa asks generic types for this trait; there is no other way to say a schema by hand.
    impl<const MAX: usize> ComposeSchema for Text<MAX> {
        fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
            ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(MAX)).into()
        }
    }
    // One name for each limit: schemas of one name would take each other's place.
    impl<const MAX: usize> ToSchema for Text<MAX> {
        fn name() -> Cow<'static, str> {
            Cow::Owned(format!("Text{MAX}"))
        }
    }

    impl<T: ToSchema, const MAX: usize> ComposeSchema for List<T, MAX> {
        fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
            ArrayBuilder::new().items(Ref::from_schema_name(T::name())).max_items(Some(MAX)).into()
        }
    }
    impl<T: ToSchema, const MAX: usize> ToSchema for List<T, MAX> {
        fn name() -> Cow<'static, str> {
            // utoipa adds the item's name.
            Cow::Owned(format!("ListOf{MAX}"))
        }

        fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
            schemas.push((T::name().into_owned(), T::schema()));
            T::schemas(schemas);
        }
    }
}
