//! What was stored when a record type was new still reads. `first_bodies.json` has the least body of the first records of
//! each type; once the type is released, its body there is never changed.

use cell_records_client::types::Timestamp;
use cell_records_client::types::faults::Report;
use cell_records_server::store::record::{CutBody, Envelope, Stored};
use cell_records_server::store::registry::{KINDS, Kind};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

fn first_bodies() -> BTreeMap<String, Map<String, Value>> {
    serde_json::from_str(include_str!("first_bodies.json")).unwrap()
}

/// The least body of a new type: the required fields of its sample, references as ids.
fn least_body(kind: &Kind) -> Value {
    let mut body = kind.sample().create;
    let mut report = Report::new("");
    for field in kind.fields {
        if let Some(value) = body.get_mut(field.name) {
            report.within(field.name, |report| (field.check)(value, report));
        }
    }
    for found in report.references {
        *body.pointer_mut(&found.pointer).unwrap() = json!("01941f29-7c00-7000-8000-000000000001");
    }
    let required = |name: &String| kind.fields.iter().any(|field| field.required && field.name == name);
    body.as_object_mut().unwrap().retain(|name, _| required(name));
    body
}

/// A record as it stands in the database, with this body in one of its fragments.
fn stored(kind: &'static Kind, body: &Map<String, Value>) -> Stored {
    let now = Timestamp::now();
    let envelope = Envelope {
        id: Uuid::now_v7(),
        unit_id: Uuid::now_v7(),
        version: 1,
        created_at: now,
        updated_at: now,
        deleted_at: None,
        origin: None,
        external_ids: "[]".into(),
    };
    let text = Value::Object(body.clone()).to_string();
    let fragment = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap();
    Stored::new(kind, envelope, CutBody([String::new(), fragment.into(), String::new(), String::new()]))
}

#[test]
fn the_first_records_of_every_type_still_read() {
    let bodies = first_bodies();
    let new = KINDS.iter().filter(|kind| !bodies.contains_key(kind.name));
    let new: Vec<String> = new.map(|kind| format!("  \"{}\": {}", kind.name, least_body(kind))).collect();
    assert!(new.is_empty(), "a new type: add to tests/suite/first_bodies.json\n{}", new.join(",\n"));
    for (kind, body) in KINDS.iter().filter_map(|kind| Some((kind, bodies.get(kind.name)?))) {
        let name = kind.name;
        for field in kind.fields.iter().filter(|field| field.required && !field.managed) {
            let is_filled = kind.fills.iter().any(|(filled, _)| *filled == field.name);
            assert!(
                body.contains_key(field.name) || is_filled,
                "{name}.{} is required, and the first records of the type do not have it: say in FILLS of \
                 api-server/src/records/{name}.rs what they have, or make it optional",
                field.name
            );
        }
        let record = stored(kind, body);
        assert!(
            record.any().is_some(),
            "the first records of {name} no longer read: a field takes other values than it did, or a field inside an \
             object became required. Make today's type read them (tests/suite/first_bodies.json)"
        );
        let recut = record.recut().unwrap();
        assert!(recut.any().is_some(), "{name}: what reindexing makes of its first records does not read");
    }
    let gone: Vec<&String> = bodies.keys().filter(|name| Kind::named(name).is_none()).collect();
    assert!(gone.is_empty(), "{gone:?} are no record types any more, and their records are still there");
}

#[test]
fn what_older_records_are_filled_with_may_be_sent_too() {
    for kind in &KINDS {
        for (name, value) in kind.fills {
            let field = kind.field(name).unwrap_or_else(|| panic!("{}: no field {name}", kind.name));
            let mut report = Report::new("");
            (field.check)(&mut serde_json::from_str(value).unwrap(), &mut report);
            assert!(report.faults.is_empty(), "{}.{name}: {:?}", kind.name, report.faults);
        }
    }
}
