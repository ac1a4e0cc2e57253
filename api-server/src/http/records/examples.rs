//! Examples of a record type for the OpenAPI document, made from its sample.

use crate::store::moves::{self, Move};
use crate::store::registry::Kind;
use cell_records_types::Sample;
use serde_json::{Value, json};

/// The id of every record in an example.
const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// Bodies of a record type.
pub struct Examples {
    /// A record as it is returned.
    pub record: Value,
    /// A body that creates one.
    pub create: Value,
    /// A merge patch that changes one.
    pub change: Value,
    /// A step of one, where the type has states.
    pub step: Value,
}

impl Examples {
    /// The examples of a type.
    pub fn of(kind: &Kind) -> Self {
        let Sample { create, change, .. } = kind.sample();
        let mut record = json!({
            "id": ID, "type": kind.name, "version": 1, "unit_id": ID,
            "external_ids": [{"system": "demo", "value": format!("{}-0001", kind.name.replace('_', "-"))}],
            "created_at": "2026-01-31T08:00:00Z", "updated_at": "2026-01-31T08:00:00Z",
        });
        if let (Value::Object(record), Value::Object(fields)) = (&mut record, resolved(&create)) {
            record.extend(fields);
        }
        // A test reads every example; were one incomplete, it would say so there.
        let mut record = kind.complete(record.clone()).unwrap_or(record);
        let begun = record.get("state").map(|state| json!([{"state": state, "on": "2026-01-31"}]));
        if let (Value::Object(record), Some(steps)) = (&mut record, begun.filter(|_| !kind.moves.is_empty())) {
            record.insert("steps".into(), steps);
        }
        let from = record.get("state").and_then(Value::as_str).unwrap_or_default();
        let fields = record.as_object().cloned().unwrap_or_default();
        // One that asks for nothing else: a record of the demo takes it as it is.
        let is_plain = |one: &&Move| one.needs.is_empty() && one.member.is_none();
        let step = moves::from(kind, from, &fields).find(is_plain);
        let step = step.map_or(Value::Null, |step| match step.reason {
            true => json!({"to": step.to, "reason": "Theo nghị quyết của chi bộ"}),
            false => json!({"to": step.to}),
        });
        Examples { record, create, change, step }
    }
}

/// The value with UUIDs for external references, as it is returned.
fn resolved(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with("ext:") => json!(ID),
        Value::Array(list) => list.iter().map(resolved).collect(),
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), resolved(value))).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::registry::KINDS;

    #[test]
    fn every_example_of_a_record_reads_back_whole() {
        for kind in &KINDS {
            let record = Examples::of(kind).record;
            assert_eq!(kind.complete(record.clone()).unwrap(), record, "{}", kind.name);
            let mut always = kind.fields.iter().filter(|field| field.managed && field.required);
            assert!(always.all(|field| record.get(field.name).is_some()));
        }
    }
}
