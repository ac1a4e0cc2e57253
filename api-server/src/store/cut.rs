//! Cutting a record's body by field class: each own field into the fragment of its class.

use super::record::CutBody;
use super::registry::Kind;
use cell_records_types::fields::Field;
use cell_records_types::{Class, FieldSpec, FieldVisitor, RecordType};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The body of a typed record: its fields in the order of their declaration.
pub fn typed<T: RecordType>(record: &T) -> CutBody {
    let mut cutter = Cutter::default();
    record.visit_fields(&mut cutter);
    CutBody(cutter.0.map(|fragment| String::from_utf8(fragment).unwrap_or_default()))
}

/// Cuts a body by today's declaration: a field that moved to another class moves to the fragment of that class, and a
/// required field that was added since gets what older records have. A field that is not declared any more is kept out
/// of sight, with the sensitive ones.
///
/// # Errors
/// When the body is no JSON, which only hand-made SQL can bring about.
pub fn recut(body: &CutBody, kind: &Kind) -> serde_json::Result<CutBody> {
    let mut text = String::from("{");
    body.join(Class::Sensitive, &mut text);
    text.push('}');
    let mut values: BTreeMap<&str, &RawValue> = serde_json::from_str(&text)?;
    let mut cutter = Cutter::default();
    for spec in kind.fields {
        if let Some(value) = values.remove(spec.name) {
            cutter.push(spec.class, spec.name, value);
        } else if let Some((_, value)) = kind.fills.iter().find(|(name, _)| *name == spec.name) {
            cutter.push(spec.class, spec.name, serde_json::from_str::<&RawValue>(value)?);
        }
    }
    for (name, value) in values {
        cutter.push(Class::Sensitive, name, value);
    }
    Ok(CutBody(cutter.0.map(|fragment| String::from_utf8(fragment).unwrap_or_default())))
}

/// Gathers the fragments.
#[derive(Default)]
struct Cutter([Vec<u8>; 4]);

impl Cutter {
    fn push(&mut self, class: Class, name: &str, value: &(impl Serialize + ?Sized)) {
        let Some(fragment) = self.0.get_mut(class.index()) else { return };
        if !fragment.is_empty() {
            fragment.push(b',');
        }
        fragment.push(b'"');
        fragment.extend_from_slice(name.as_bytes());
        fragment.extend_from_slice(b"\":");
        // The values of the contract's types always serialise, and writing to memory cannot fail.
        let _ = serde_json::to_writer(fragment, value);
    }
}

impl FieldVisitor for Cutter {
    fn field<V: Field + Serialize>(&mut self, spec: &'static FieldSpec, value: &V) {
        self.push(spec.class, spec.name, value);
    }
}
