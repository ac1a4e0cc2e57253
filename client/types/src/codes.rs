//! Enums of the contract with their Vietnamese and English labels, and the macro that declares one.

use crate::Label;
use crate::fields::Shape;
use crate::phrases::{self, Words};
use std::borrow::Cow;

/// An enum of the contract.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct CodeList {
    /// Name of the list.
    pub name: &'static str,
    /// Its codes, in order.
    pub codes: &'static [Code],
}

impl CodeList {
    /// Its codes for a message, each by its label; a long list by the label of the field that has it.
    pub fn words(&self) -> Words {
        Words::list(self.labelled()).or_where_long(|| phrases::CODES_OF.of(self.named()))
    }

    /// The same of what is one of them.
    pub fn one(&self) -> Words {
        Words::one_of(self.labelled()).or_where_long(|| phrases::CODE_OF.of(self.named()))
    }

    fn labelled(&self) -> impl Iterator<Item = Words> {
        self.codes.iter().map(|one| one.label.named(one.code))
    }

    fn named(&self) -> Words {
        let mut fields = crate::RECORD_TYPES.iter().flat_map(|one| one.fields);
        let field = fields.find(|field| matches!(field.shape, Shape::Code(list) if list.name == self.name));
        field.map_or_else(|| Words::plain(self.name), |field| field.label.named(self.name))
    }
}

/// One code of a list.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct Code {
    /// The value on the wire.
    pub code: &'static str,
    /// What people call it.
    pub label: Label,
}

/// Declares an enum of the contract: variants with their codes and labels.
///
/// An `open enum` may be in responses: a newer server may send a code that this version does not know, and then
/// reads as `Unknown`. A wrong code in a request body is refused by the check of its field, not by the parser. A `closed enum`
/// is only sent, or is a table that must be complete.
///
/// ```text
/// codes! {
///     /// Sex as recorded.
///     pub open enum Sex = "sex" { Male = "male" "Nam" "Male"; Female = "female" "Nữ" "Female"; }
/// }
/// ```
#[macro_export]
macro_rules! codes {
    // A code is taken as a token: wrapped as a literal, it would not be seen by utoipa's reading of `rename`.
    ($(#[$meta:meta])* pub closed enum $name:ident = $list:literal { $($variant:ident = $code:tt $vi:literal $en:literal;)+ }) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        $(#[$meta])*
        pub enum $name { $(#[doc = concat!($en, " (", $vi, ")")] #[serde(rename = $code)] $variant,)+ }

        impl $name {
            /// The code on the wire.
            pub const fn code(self) -> &'static str {
                match self { $($name::$variant => $code,)+ }
            }
        }

        $crate::codes!(@both $name = $list { $($variant = $code $vi $en;)+ });
    };
    ($(#[doc = $doc:literal])* pub open enum $name:ident = $list:literal { $($variant:ident = $code:tt $vi:literal $en:literal;)+ }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
        pub enum $name {
            $(#[doc = concat!($en, " (", $vi, ")")] $variant,)+
            /// A code of a newer server. It is greater than all others.
            Unknown(String),
        }

        impl $name {
            /// The code on the wire.
            pub fn code(&self) -> &str {
                match self {
                    $($name::$variant => $code,)+
                    $name::Unknown(code) => code,
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.code())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let code: std::borrow::Cow<'de, str> = $crate::codes::text(deserializer)?;
                Ok($name::from_code(&code).unwrap_or_else(|| $name::Unknown(code.into_owned())))
            }
        }

        $crate::schema!($name: String, [$($doc),*], enum_values(Some([$($code),+])));
        $crate::codes!(@both $name = $list { $($variant = $code $vi $en;)+ });
    };
    (@both $name:ident = $list:literal { $($variant:ident = $code:tt $vi:literal $en:literal;)+ }) => {
        impl $name {
            /// The list with its labels.
            pub const LIST: $crate::CodeList = $crate::CodeList {
                name: $list,
                codes: &[$($crate::codes::Code { code: $code, label: $crate::Label { vi: $vi, en: $en } }),+],
            };

            /// Every value that this version knows, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// Its label in both languages; a code of a newer server as it is.
            pub fn words(&self) -> $crate::phrases::Words {
                let known = Self::LIST.codes.iter().find(|one| one.code == self.code());
                known.map_or_else(|| $crate::phrases::Words::plain(self.code()), |one| one.label.into())
            }

            /// The value of a code that this version knows.
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some($name::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.code())
            }
        }

        impl $crate::fields::Field for $name {
            const SHAPE: $crate::fields::Shape = $crate::fields::Shape::Code(&Self::LIST);

            fn check(value: &mut serde_json::Value, report: &mut $crate::faults::Report) {
                let Some(text) = report.text(value) else { return };
                if $name::from_code(text).is_none() {
                    report.fault_about(&$crate::faults::UNKNOWN_CODE, Self::LIST.one());
                }
            }
        }
    };
}

/// Reads a text without a copy where the format allows it.
///
/// # Errors
/// The format's, when it is no text.
pub fn text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    /// Serde's own `Cow` always copies.
    #[derive(serde::Deserialize)]
    struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);
    <Borrowed<'de> as serde::Deserialize<'de>>::deserialize(deserializer).map(|text| text.0)
}

codes! {
    /// How closely a field is held. Each class includes those before it.
    #[cfg_attr(feature = "openapi", schema(as = FieldClass))]
    pub closed enum Class = "class" {
        Public = "public" "Công khai" "Public";
        Internal = "internal" "Nội bộ" "Internal";
        Personal = "personal" "Cá nhân" "Personal";
        Sensitive = "sensitive" "Nhạy cảm" "Sensitive";
    }
}

impl Class {
    /// Position among the classes, 0 to 3.
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Every enum of the contract, for `GET /v1/code_lists`: of the rights, of sync, of rules and of work, then of the fields of the record
/// types.
pub fn code_lists() -> Vec<CodeList> {
    use crate::accounts::{CallerKind, Role};
    use crate::pages::HistoryOp;
    use crate::rules::RuleUnit;
    use crate::sync::{ConflictReason, ItemStatus, Phase, PushMode, PushOp, PushReturn, RemoveReason};
    use crate::work::WorkCode;
    let mut lists = vec![Class::LIST, Role::LIST, CallerKind::LIST, HistoryOp::LIST];
    lists.extend([PushMode::LIST, PushOp::LIST, PushReturn::LIST, ItemStatus::LIST, ConflictReason::LIST]);
    lists.extend([Phase::LIST, RemoveReason::LIST, RuleUnit::LIST, WorkCode::LIST]);
    for field in crate::RECORD_TYPES.iter().flat_map(|one| one.fields) {
        field.shape.walk(&mut |shape| match shape {
            Shape::Code(list) if lists.iter().all(|known| known.name != list.name) => lists.push(**list),
            _ => {}
        });
    }
    lists
}

#[cfg(all(test, feature = "openapi"))]
mod tests {
    use super::*;
    use utoipa::PartialSchema;

    #[test]
    fn the_schema_of_an_enum_has_its_codes_as_they_stand_on_the_wire() {
        let schema = serde_json::to_value(Class::schema()).unwrap();
        assert_eq!(schema["enum"], serde_json::json!(["public", "internal", "personal", "sensitive"]));
    }
}

#[cfg(test)]
mod label_tests {
    #[test]
    fn every_label_begins_with_upper_case() {
        for list in super::code_lists() {
            for code in list.codes {
                let labels = [code.label.vi, code.label.en];
                assert!(
                    labels.iter().all(|label| label.starts_with(|c: char| c.is_uppercase() || c.is_numeric())),
                    "{}: {labels:?}",
                    list.name
                );
            }
        }
    }
}
