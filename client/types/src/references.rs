//! References to records: a UUID, `ext:<system>:<value>`, or inside a push `ref:<name>`.

use crate::faults::{REFERENCE_INVALID, Report};
use crate::fields::{Field, Shape};
use crate::record::RecordType;
use crate::text::clean;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;
use std::{fmt, marker::PhantomData, str::FromStr};
use uuid::Uuid;

/// What a reference says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// A record's own id.
    Id(Uuid),
    /// The id that another system gave to the record.
    External {
        /// The registered system's code.
        system: String,
        /// The id there.
        value: String,
    },
    /// A record of the same push, by the item's `ref`.
    Item(String),
}

impl Reference {
    /// The record's own id, where it is one.
    pub const fn id(&self) -> Option<Uuid> {
        match self {
            Reference::Id(id) => Some(*id),
            Reference::External { .. } | Reference::Item(_) => None,
        }
    }
}

impl FromStr for Reference {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        // No stored name has control characters, and a database may refuse to look for one.
        if text.chars().any(char::is_control) {
            return Err(());
        }
        if let Some(rest) = text.strip_prefix("ext:") {
            let (system, value) = rest.split_once(':').ok_or(())?;
            // In the one form in which external ids are stored.
            let value = clean(value, false)?.into_owned();
            let valid = !system.is_empty() && !value.is_empty() && value.chars().count() <= 200;
            return valid.then(|| Reference::External { system: system.into(), value }).ok_or(());
        }
        if let Some(name) = text.strip_prefix("ref:") {
            return (!name.is_empty()).then(|| Reference::Item(name.into())).ok_or(());
        }
        // Only the hyphenated form: the uuid crate would also read URNs and braces.
        let id = Uuid::try_parse(text).ok().filter(|_| text.len() == 36);
        // The nil and the max UUID identify no record.
        id.filter(|id| !id.is_nil() && !id.is_max()).map(Reference::Id).ok_or(())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Id(id) => id.fmt(f),
            Reference::External { system, value } => write!(f, "ext:{system}:{value}"),
            Reference::Item(name) => write!(f, "ref:{name}"),
        }
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|()| D::Error::custom("must be a UUID or ext:<system>:<value>"))
    }
}

impl From<Uuid> for Reference {
    fn from(id: Uuid) -> Self {
        Reference::Id(id)
    }
}

/// A reference to a record of type `T`. In responses it is always a UUID.
pub struct Ref<T> {
    /// What it says.
    pub to: Reference,
    target: PhantomData<fn() -> T>,
}

impl<T> Ref<T> {
    /// The id, when the reference is one (it always is in responses).
    pub fn id(&self) -> Option<Uuid> {
        self.to.id()
    }

    /// A reference by the id that another system gave.
    pub fn external(system: &str, value: &str) -> Self {
        Reference::External { system: system.into(), value: value.into() }.into()
    }
}

impl<T, R: Into<Reference>> From<R> for Ref<T> {
    fn from(to: R) -> Self {
        Ref { to: to.into(), target: PhantomData }
    }
}

impl<T> Clone for Ref<T> {
    fn clone(&self) -> Self {
        self.to.clone().into()
    }
}

impl<T> PartialEq for Ref<T> {
    fn eq(&self, other: &Self) -> bool {
        self.to == other.to
    }
}

impl<T> Eq for Ref<T> {}

impl<T> fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to)
    }
}

impl<T> fmt::Display for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to.fmt(f)
    }
}

impl<T> Serialize for Ref<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to.serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Ref<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Reference::deserialize(deserializer).map(Ref::from)
    }
}

impl<T: RecordType> Field for Ref<T> {
    const SHAPE: Shape = Shape::Reference(T::NAME);

    fn check(value: &mut Value, report: &mut Report) {
        let Some(text) = report.text(value) else { return };
        match text.trim().parse::<Reference>() {
            Ok(reference) => {
                report.found(T::NAME, reference.clone());
                *value = Value::String(reference.to_string());
            }
            Err(()) => report.fault(&REFERENCE_INVALID),
        }
    }

    fn references(&self, found: &mut Vec<(&'static str, Uuid)>) {
        found.extend(self.id().map(|id| (T::NAME, id)));
    }
}

#[cfg(feature = "openapi")]
mod schema {
    use super::{Ref, Reference};
    use std::borrow::Cow;
    use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};

    impl utoipa::PartialSchema for Reference {
        fn schema() -> RefOr<Schema> {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .description(Some(
                    "A record: its UUID, or `ext:<system>:<value>`; inside a push also `ref:<name>`. Responses have UUIDs.",
                ))
                .pattern(Some(
                    "^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|ext:[^:]+:.+|ref:.+)$",
                ))
                .examples([serde_json::json!("01890a5d-ac96-774b-bcce-b302099a8057")])
                .into()
        }
    }
    impl utoipa::ToSchema for Reference {
        fn name() -> Cow<'static, str> {
            Cow::Borrowed("Reference")
        }
    }
    impl<T> utoipa::__dev::ComposeSchema for Ref<T> {
        fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
            <Reference as utoipa::PartialSchema>::schema()
        }
    }
    impl<T> utoipa::ToSchema for Ref<T> {
        fn name() -> Cow<'static, str> {
            Cow::Borrowed("Reference")
        }
    }
}
