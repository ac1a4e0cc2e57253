//! Items of pushes, with defaults.

use cell_records_client::types::sync::{PushItem, PushOp};
use cell_records_client::types::{ExternalId, Reference};
use serde_json::{Value, json};
use uuid::Uuid;

/// An item of a record, with fields.
pub fn item(op: PushOp, kind: &str, id: Uuid, fields: Value) -> PushItem {
    let Value::Object(fields) = fields else { panic!("fields are an object") };
    PushItem { id: Some(Reference::Id(id)), fields, ..PushItem::new(op, kind) }
}

/// A new member of a unit, which may be any reference.
pub fn member(id: Uuid, unit: &str, name: &str) -> PushItem {
    let fields = json!({
        "unit_id": unit, "full_name": name, "sex": "male", "birth_date": "1970-03-02", "admission_date": "2001-05-19",
    });
    item(PushOp::Create, "member", id, fields)
}

/// A new unit below another.
pub fn unit(id: Uuid, parent: &str, kind: &str, name: &str) -> PushItem {
    item(PushOp::Create, "unit", id, json!({"name": name, "kind": kind, "parent_id": parent}))
}

/// A new figure of a unit.
pub fn figure(id: Uuid, unit: &str, value: &str) -> PushItem {
    let fields = json!({
        "unit_id": unit, "indicator_code": "members.strength", "value": value, "measure": "person",
        "as_of_date": "2014-12-31", "as_of_precision": "day",
    });
    item(PushOp::Create, "reported_figure", id, fields)
}

/// A change of a record, built on a version.
pub fn update(kind: &str, id: Uuid, version: i64, fields: Value) -> PushItem {
    PushItem { if_version: Some(version), ..item(PushOp::Update, kind, id, fields) }
}

/// A deletion of a record, built on a version.
pub fn delete(kind: &str, id: Uuid, version: i64) -> PushItem {
    PushItem { if_version: Some(version), ..item(PushOp::Delete, kind, id, json!({})) }
}

/// The same item, named by an external id besides.
pub fn known_as(mut item: PushItem, system: &str, value: &str) -> PushItem {
    let one = ExternalId { system: system.into(), value: value.into() };
    item.external_ids.get_or_insert_default().push(one);
    item
}

/// The same item without an id of its own.
pub fn without_id(item: PushItem) -> PushItem {
    PushItem { id: None, ..item }
}

/// The same item with a name for others of its batch.
pub fn named(item: PushItem, name: &str) -> PushItem {
    PushItem { name: Some(name.into()), ..item }
}
