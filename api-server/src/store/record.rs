//! A stored record: the envelope, the body cut by class, and its typed form, made when rules ask for it.

use super::registry::Kind;
use crate::db::{At, Id, Value as Cell};
use cell_records_types::faults::{Found, Report};
use cell_records_types::{Class, ExternalId, FieldSpec, RecordType, Reference, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use std::any::Any;
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use uuid::Uuid;

/// The type's own fields of a record, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fields(pub Map<String, Value>);

impl Fields {
    /// The own fields of a typed record.
    pub fn of<T: Serialize>(record: &T, specs: &[FieldSpec]) -> Self {
        let Ok(Value::Object(mut map)) = serde_json::to_value(record) else { return Fields::default() };
        map.retain(|name, _| specs.iter().any(|spec| spec.name == name));
        Fields(map)
    }

    /// The body cut by class: four JSON fragments `"a":1,"b":2` without braces, in the order of the declaration.
    pub fn cut(&self, specs: &[FieldSpec]) -> Body {
        let mut body = Body::default();
        for spec in specs {
            let Some(value) = self.0.get(spec.name) else { continue };
            let [public, internal, personal, sensitive] = &mut body.0;
            let fragment = match spec.class {
                Class::Public => public,
                Class::Internal => internal,
                Class::Personal => personal,
                Class::Sensitive => sensitive,
            };
            if !fragment.is_empty() {
                fragment.push(',');
            }
            fragment.push('"');
            fragment.push_str(spec.name);
            fragment.push_str("\":");
            fragment.push_str(&value.to_string());
        }
        body
    }
}

/// A body cut by class, one JSON fragment a class, without braces. A class that has nothing is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body(pub [String; 4]);

impl Body {
    /// The fields of all fragments up to a class.
    pub fn fields(&self, up_to: Class) -> Fields {
        let mut text = String::from("{");
        self.join(up_to, &mut text);
        text.push('}');
        Fields(serde_json::from_str(&text).unwrap_or_default())
    }

    /// Joins the fragments up to a class, comma separated, onto what stands (an object that is not closed).
    pub fn join(&self, up_to: Class, out: &mut String) {
        for fragment in self.0.iter().take(up_to.index() + 1).filter(|fragment| !fragment.is_empty()) {
            if !out.ends_with('{') {
                out.push(',');
            }
            out.push_str(fragment);
        }
    }
}

/// A record as it is stored.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its type.
    pub kind: &'static Kind,
    /// Its id.
    pub id: Uuid,
    /// Its unit.
    pub unit_id: Uuid,
    /// Its version.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was deleted, if it is.
    pub deleted_at: Option<Timestamp>,
    /// The system that last wrote it.
    pub origin: Option<String>,
    /// Its external ids as JSON, sorted.
    pub external_ids: String,
    /// Its body.
    pub body: Body,
    /// What is made of it when it is asked for, and then kept.
    pub made: Made,
}

/// What is made of a record when rules or the flush ask for it.
#[derive(Debug, Clone, Default)]
pub struct Made {
    typed: OnceLock<Arc<dyn Any + Send + Sync>>,
    cells: OnceLock<Vec<Cell>>,
    links: OnceLock<Vec<Uuid>>,
}

impl Stored {
    /// Its external ids.
    pub fn external(&self) -> Vec<ExternalId> {
        serde_json::from_str(&self.external_ids).unwrap_or_default()
    }

    /// External ids as they are stored: sorted, as JSON.
    pub fn external_text(ids: &[ExternalId]) -> String {
        let mut sorted = ids.to_vec();
        sorted.sort();
        sorted.dedup();
        serde_json::to_string(&sorted).unwrap_or_else(|_| "[]".into())
    }

    /// Whether it is not deleted.
    pub fn is_live(&self) -> bool {
        self.deleted_at.is_none()
    }

    /// The cells of its type's own columns.
    pub fn cells(&self) -> &[Cell] {
        self.made.cells.get_or_init(|| self.kind.cells(self))
    }

    /// The ids that its fields point to: a delete of one of them is refused.
    pub fn links(&self) -> &[Uuid] {
        self.made.links.get_or_init(|| {
            let pointed = self.pointed().into_iter().filter_map(|found| match found.reference {
                Reference::Id(id) if id != self.id => Some(id),
                _ => None,
            });
            pointed.collect::<BTreeSet<Uuid>>().into_iter().collect()
        })
    }

    /// The references that stand in its fields.
    pub fn pointed(&self) -> Vec<Found> {
        let mut fields = self.body.fields(Class::Sensitive);
        let mut report = Report::default();
        for spec in self.kind.fields {
            if let Some(value) = fields.0.get_mut(spec.name) {
                report.within(spec.name, |report| (spec.check)(value, report));
            }
        }
        report.references
    }

    /// The whole record in its typed form, shared.
    pub fn typed<T: RecordType>(&self) -> Option<Arc<T>> {
        if let Some(kept) = self.made.typed.get() {
            return kept.clone().downcast().ok();
        }
        let typed = Arc::new(self.to_typed::<T>()?);
        let _ = self.made.typed.set(typed.clone());
        Some(typed)
    }

    /// The whole record in its typed form, anew.
    pub fn to_typed<T: RecordType>(&self) -> Option<T> {
        if self.kind.name != T::NAME {
            return None;
        }
        let mut text = String::with_capacity(1024);
        self.render(Class::Sensitive, &[], &mut text);
        match serde_json::from_str(&text) {
            Ok(typed) => Some(typed),
            Err(error) => {
                // What is stored was checked when it came in: this is a fault of the program or of hand-made SQL.
                tracing::error!(kind = T::NAME, id = %self.id, line = error.line(), "a stored record does not read back");
                None
            }
        }
    }

    /// Writes the flat record that a caller of this class may read, with fields that were named to it.
    pub fn render(&self, class: Class, named: &[&str], out: &mut String) {
        use std::fmt::Write;
        let Stored { kind, id, unit_id, version, .. } = self;
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            r#"{{"id":"{id}","type":"{}","version":{version},"unit_id":"{unit_id}","external_ids":"#,
            kind.name
        );
        out.push_str(if kind.class <= class { &self.external_ids } else { "[]" });
        let _ = write!(out, r#","created_at":"{}","updated_at":"{}""#, self.created_at, self.updated_at);
        self.body.join(class, out);
        if !named.is_empty() {
            let all = self.body.fields(Class::Sensitive);
            for spec in self.kind.fields.iter().filter(|spec| spec.class > class && named.contains(&spec.name)) {
                if let Some(value) = all.0.get(spec.name) {
                    let _ = write!(out, r#","{}":{value}"#, spec.name);
                }
            }
        }
        out.push('}');
    }
}

/// Writes the flat record as a scope reads it: one mask for REST, feed, push, history and conflicts.
/// Answers whether the scope sees it at all.
pub fn show(scope: &super::scope::Scope, record: &Stored, out: &mut String) -> bool {
    let Some(class) = scope.reads(record.kind, record.unit_id) else { return false };
    let named = if scope.has_named_fields() { scope.named_fields(record.kind, record.unit_id) } else { Vec::new() };
    record.render(class, &named, out);
    true
}

/// The SQL type of an envelope, as every record table has it.
pub type EnvelopeSql = (
    crate::db::Guid,
    crate::db::Guid,
    diesel::sql_types::BigInt,
    crate::db::Instant,
    crate::db::Instant,
    diesel::sql_types::Nullable<crate::db::Instant>,
    diesel::sql_types::Nullable<diesel::sql_types::Text>,
    diesel::sql_types::Text,
    diesel::sql_types::Text,
    diesel::sql_types::Text,
    diesel::sql_types::Text,
    diesel::sql_types::Text,
);

/// A row of an envelope.
pub type EnvelopeRow = (Id, Id, i64, At, At, Option<At>, Option<String>, String, String, String, String, String);

/// The columns of an envelope, in the order of [`EnvelopeRow`].
pub const ENVELOPE: [&str; 12] = [
    "id",
    "unit_id",
    "version",
    "created_at",
    "updated_at",
    "deleted_at",
    "origin",
    "external_ids",
    "public_body",
    "internal_body",
    "personal_body",
    "sensitive_body",
];

/// The columns of an envelope for a reader of this class: a mask is a choice of columns.
pub fn envelope_columns(class: Class, prefix: &str) -> String {
    let mut columns = String::new();
    for (index, name) in ENVELOPE.iter().enumerate() {
        if index > 0 {
            columns.push_str(", ");
        }
        if index > 8 + class.index() {
            columns.push_str("''");
        } else {
            columns.push_str(prefix);
            columns.push_str(name);
        }
    }
    columns
}

impl Stored {
    /// A record from its row.
    pub fn from_row(kind: &'static Kind, row: EnvelopeRow) -> Self {
        let (id, unit, version, created, updated, deleted, origin, external_ids, public, internal, personal, sensitive) =
            row;
        Stored {
            kind,
            id: id.0,
            unit_id: unit.0,
            version,
            created_at: created.into(),
            updated_at: updated.into(),
            deleted_at: deleted.map(Into::into),
            origin,
            external_ids,
            body: Body([public, internal, personal, sensitive]),
            made: Made::default(),
        }
    }
}
