//! A stored record: the envelope, the body cut by class, and what is made of it when rules or the flush ask for it.

use super::registry::{Kind, RecordKey};
use crate::db::{At, Id, Value as Cell};
use cell_records_types::faults::{FoundReference, Report};
use cell_records_types::fields::Field;
use cell_records_types::{Class, ExternalId, FieldSpec, FieldVisitor, RecordType, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use std::any::Any;
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use uuid::Uuid;

/// A record in its typed form, whose type only its [`Kind`] knows.
pub type Typed = Arc<dyn Any + Send + Sync>;

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
}

/// A body cut by class, one JSON fragment a class, without braces. A class that has nothing is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CutBody(pub [String; 4]);

impl CutBody {
    /// The fields of all fragments up to a class.
    pub fn fields(&self, up_to: Class) -> Fields {
        let mut text = String::from("{");
        self.join(up_to, &mut text);
        text.push('}');
        Fields(serde_json::from_str(&text).unwrap_or_default())
    }

    /// Joins the fragments up to a class, comma separated, onto what is there (an object that is not closed).
    pub fn join(&self, up_to: Class, out: &mut String) {
        for fragment in self.0.iter().take(up_to.index() + 1).filter(|fragment| !fragment.is_empty()) {
            if !out.ends_with('{') {
                out.push(',');
            }
            out.push_str(fragment);
        }
    }
}

/// What every record has besides its body.
#[derive(Debug, Clone)]
pub struct Envelope {
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
}

/// A record as it is stored. It is never changed: another version is another value.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its type.
    pub kind: &'static Kind,
    /// Its envelope.
    envelope: Envelope,
    /// Its body.
    pub body: CutBody,
    memo: Memo,
}

impl std::ops::Deref for Stored {
    type Target = Envelope;
    fn deref(&self) -> &Envelope {
        &self.envelope
    }
}

/// What is made of a record once, when it is asked for.
#[derive(Debug, Clone, Default)]
struct Memo {
    typed: OnceLock<Option<Typed>>,
    cells: OnceLock<Vec<Cell>>,
    child_rows: OnceLock<Vec<Vec<Vec<Cell>>>>,
    references: OnceLock<Vec<RecordKey>>,
}

impl Stored {
    /// A record of its parts.
    pub fn new(kind: &'static Kind, envelope: Envelope, body: CutBody) -> Self {
        Stored { kind, envelope, body, memo: Memo::default() }
    }

    /// A record of its typed form, from which its body is cut.
    pub fn of(kind: &'static Kind, envelope: Envelope, typed: Typed) -> Self {
        let body = kind.cut(&typed);
        Stored { kind, envelope, body, memo: Memo { typed: OnceLock::from(Some(typed)), ..Memo::default() } }
    }

    /// Its own fields, with what a required field that was added later has in older records.
    pub fn fields(&self) -> Fields {
        let mut fields = self.body.fields(Class::Sensitive);
        for (name, value) in self.kind.fills {
            if !fields.0.contains_key(*name)
                && let Ok(value) = serde_json::from_str(value)
            {
                fields.0.insert((*name).to_owned(), value);
            }
        }
        fields
    }

    /// The same record, its body cut by today's classes. Nothing when the body does not read back.
    pub fn recut(&self) -> Option<Self> {
        let body = super::cut::recut(&self.body, self.kind).ok()?;
        Some(Stored::new(self.kind, self.envelope.clone(), body))
    }

    /// Its external ids.
    pub fn external(&self) -> Vec<ExternalId> {
        external_ids(&self.external_ids)
    }

    /// Whether it is not deleted.
    pub fn is_live(&self) -> bool {
        self.deleted_at.is_none()
    }

    /// Identifies it.
    pub fn key(&self) -> RecordKey {
        (self.kind.order, self.id)
    }

    /// The cells of its type's own columns.
    pub fn cells(&self) -> &[Cell] {
        self.memo.cells.get_or_init(|| self.any().map_or_else(Vec::new, |typed| self.kind.cells(typed)))
    }

    /// The rows of each of its type's child tables.
    pub fn child_rows(&self) -> &[Vec<Vec<Cell>>] {
        self.memo.child_rows.get_or_init(|| self.any().map_or_else(Vec::new, |typed| self.kind.child_rows(typed)))
    }

    /// The records that its fields point to, itself excepted: a delete of one of them is refused.
    pub fn references(&self) -> &[RecordKey] {
        self.memo.references.get_or_init(|| {
            let found = self.any().map_or_else(Vec::new, |typed| self.kind.references(typed));
            let keys = found.into_iter().filter_map(|(kind, id)| Some((Kind::named(kind)?.order, id)));
            let mut keys: Vec<RecordKey> = keys.filter(|key| *key != self.key()).collect();
            keys.sort_unstable();
            keys.dedup();
            keys
        })
    }

    /// The references in its fields, with where each is.
    pub fn references_by_pointer(&self) -> Vec<FoundReference> {
        let mut fields = self.body.fields(Class::Sensitive);
        let mut report = Report::default();
        for spec in self.kind.fields {
            if let Some(value) = fields.0.get_mut(spec.name) {
                report.within(spec.name, |report| (spec.check)(value, report));
            }
        }
        report.references
    }

    /// The whole record in its typed form. Nothing when what is stored does not read back, which is logged.
    pub fn any(&self) -> Option<&Typed> {
        self.memo.typed.get_or_init(|| self.kind.read(self)).as_ref()
    }

    /// The same, its type being known.
    pub fn typed<T: RecordType>(&self) -> Option<Arc<T>> {
        self.any()?.clone().downcast().ok()
    }

    /// Reads the record as `T`.
    pub fn read<T: RecordType>(&self) -> Option<Typed> {
        let mut text = String::with_capacity(1024);
        match self.recut().filter(|_| !self.kind.fills.is_empty()) {
            Some(filled) => filled.render(Class::Sensitive, &[], &mut text),
            None => self.render(Class::Sensitive, &[], &mut text),
        }
        match serde_json::from_str::<T>(&text) {
            Ok(typed) => Some(Arc::new(typed)),
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
        let (kind, Envelope { id, unit_id, version, .. }) = (self.kind, &self.envelope);
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

/// Writes the flat record with the fields that a scope may read: the same for REST, feed, push, history and conflicts.
/// Returns whether the scope sees it at all.
pub fn show(scope: &super::scope::Scope, record: &Stored, out: &mut String) -> bool {
    let Some(class) = scope.reads(record.kind, record.unit_id) else { return false };
    let named = if scope.has_named_fields() { scope.named_fields(record.kind, record.unit_id) } else { Vec::new() };
    shown(scope, record).render(class, &named, out);
    true
}

/// The record as it may be shown: while stored bodies are not all cut by today's classes, cut again.
pub fn shown<'a>(scope: &super::scope::Scope, record: &'a Stored) -> Cow<'a, Stored> {
    if !scope.recut {
        return Cow::Borrowed(record);
    }
    // What does not read back is not shown at all.
    let nothing = || Stored::new(record.kind, record.envelope.clone(), CutBody::default());
    Cow::Owned(record.recut().unwrap_or_else(nothing))
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

/// The columns of an envelope for a reader of this class: which fields it reads is a choice of columns.
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
        let envelope = Envelope {
            id: id.0,
            unit_id: unit.0,
            version,
            created_at: created.into(),
            updated_at: updated.into(),
            deleted_at: deleted.map(Into::into),
            origin,
            external_ids,
        };
        Stored::new(kind, envelope, CutBody([public, internal, personal, sensitive]))
    }
}

/// External ids as they are stored: sorted, as JSON.
pub fn external_text(ids: &[ExternalId]) -> String {
    if ids.is_empty() {
        return "[]".into();
    }
    let mut sorted = ids.to_vec();
    sorted.sort();
    sorted.dedup();
    serde_json::to_string(&sorted).unwrap_or_else(|_| "[]".into())
}

/// External ids from their stored form.
pub fn external_ids(text: &str) -> Vec<ExternalId> {
    if text == "[]" { Vec::new() } else { serde_json::from_str(text).unwrap_or_default() }
}

/// The records that a typed record points to: type and id.
pub fn references_of<T: RecordType>(record: &T) -> Vec<(&'static str, Uuid)> {
    let mut found = References::default();
    record.visit_fields(&mut found);
    found.0
}

#[derive(Default)]
struct References(Vec<(&'static str, Uuid)>);

impl FieldVisitor for References {
    fn field<V: Field + Serialize>(&mut self, _: &'static FieldSpec, value: &V) {
        value.references(&mut self.0);
    }
}
