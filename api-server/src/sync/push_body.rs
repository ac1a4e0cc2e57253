//! The body of a push, read item by item: a fault of one item is reported with its pointer and refuses that item only,
//! a fault of the envelope refuses the call.

use crate::error::{self, ApiError, ApiResult};
use crate::http::body::object;
use crate::store::items::{Expected, Item};
use crate::store::registry::Kind;
use cell_records_types::faults::{self, Fault, Report};
use cell_records_types::fields::{Field, Shape, integer};
use cell_records_types::phrases::{self, Words};
use cell_records_types::record::ExternalIds;
use cell_records_types::sync::{
    MAX_PUSH_BYTES, MAX_PUSH_ITEMS, MAX_PUSH_VALUES, MatchBy, OnPossibleDuplicate, Origin, PushItem, PushMode, PushOp,
    PushReturn, SCHEMA,
};
use cell_records_types::{List, Reference, Text, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::HashSet;
use uuid::Uuid;

/// A push as it was read.
pub struct PushRequest {
    /// What happens when an item is refused.
    pub mode: PushMode,
    /// Whether nothing is stored.
    pub dry_run: bool,
    /// The epoch that the caller knows.
    pub epoch: Option<String>,
    /// How much to answer.
    pub answer: PushReturn,
    /// What happens to an item that may double a record.
    pub on_possible_duplicate: OnPossibleDuplicate,
    /// The items, 1 to [`MAX_PUSH_ITEMS`].
    pub items: Vec<Item>,
    /// How many JSON values it has.
    pub values: usize,
}

/// Reads a push.
///
/// # Errors
/// `400` when it is no JSON object, `413` when it has too many items or values, `422` with the faults of the envelope.
pub fn read(body: &[u8]) -> ApiResult<PushRequest> {
    let (fields, values) = object(body, MAX_PUSH_VALUES)?;
    let mut envelope = Object { fields, report: Report::default() };
    let mode = envelope.take::<PushMode, PushMode>("mode").unwrap_or(PushMode::Record);
    let dry_run = envelope.take::<bool, bool>("dry_run").unwrap_or(false);
    let epoch = envelope.take::<Text<100>, String>("epoch");
    let schema = envelope.take::<Text<40>, String>("schema");
    let answer = envelope.take::<PushReturn, PushReturn>("return").unwrap_or(PushReturn::Minimal);
    let on_possible_duplicate = envelope
        .take::<OnPossibleDuplicate, OnPossibleDuplicate>("on_possible_duplicate")
        .unwrap_or(OnPossibleDuplicate::Store);
    if schema.is_some_and(|schema| schema != SCHEMA) {
        envelope.report.within("schema", |report| report.fault_about(&faults::UNKNOWN_CODE, Words::plain(SCHEMA)));
    }
    let items = match envelope.fields.remove("items") {
        Some(Value::Array(items)) => items,
        other => {
            let code = if other.is_some() { &faults::WRONG_TYPE } else { &faults::REQUIRED };
            envelope.report.within("items", |report| report.fault_about(code, &phrases::ARRAY));
            Vec::new()
        }
    };
    let faults = envelope.finish();
    if !faults.is_empty() {
        return Err(ApiError::invalid(faults));
    }
    if items.is_empty() {
        return Err(ApiError::fault("/items", &faults::EMPTY));
    }
    if items.len() > MAX_PUSH_ITEMS {
        let limits = serde_json::json!({"items": MAX_PUSH_ITEMS, "bytes": MAX_PUSH_BYTES});
        return Err(ApiError::new(&error::TOO_LARGE).detail(&crate::phrases::TOO_MANY_ITEMS).with("limits", limits));
    }
    let mut names = HashSet::new();
    let items = items.into_iter().map(|value| {
        let mut item = item(value);
        if let Some(name) = &item.name
            && !names.insert(name.clone())
        {
            // What refers to the name means the first.
            item.faults.push(Fault::new("/ref", &faults::DUPLICATE_CODE));
            item.name = None;
            item.unreadable = true;
        }
        item
    });
    Ok(PushRequest { mode, dry_run, epoch, answer, on_possible_duplicate, items: items.collect(), values })
}

/// Reads one item, with all its faults.
fn item(value: Value) -> Item {
    let Value::Object(fields) = value else {
        let fault = Fault::new("", &faults::WRONG_TYPE).about(&phrases::OBJECT);
        return Item::unreadable(None, vec![fault]);
    };
    let mut from = Object { fields, report: Report::default() };
    let name = from.take::<Text<100>, String>("ref");
    let op = from.required::<PushOp, PushOp>("op");
    let kind = from.required::<Text<100>, String>("type");
    let known = kind.as_deref().and_then(Kind::named);
    if kind.is_some() && known.is_none() {
        from.report
            .within("type", |report| report.fault_about(&faults::UNKNOWN_CODE, phrases::ONE_OF.of(Kind::all_words())));
    }
    let before = from.report.faults.len();
    let id = from.take::<Id, Reference>("id");
    let external_ids = from.take::<ExternalIds, Vec<cell_records_types::ExternalId>>("external_ids");
    let target_is_bad = from.report.faults.len() > before;
    let before = from.report.faults.len();
    let if_version = from.take::<IfVersion, i64>("if_version");
    let version_is_bad = from.report.faults.len() > before;
    let replace = from.take::<bool, bool>("replace").unwrap_or(false);
    let match_by = from.take::<List<MatchBy, 5>, Vec<MatchBy>>("match").unwrap_or_default();
    let source_updated_at = from.take::<Timestamp, Timestamp>("source_updated_at");
    let origin = from.take::<Origin, Origin>("origin");
    let via = from.take::<List<Text<40>, 100>, Vec<String>>("via").unwrap_or_default();
    let fields = match from.fields.remove("fields") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(fields)) => fields,
        Some(_) => {
            from.report.within("fields", |report| report.fault_about(&faults::WRONG_TYPE, &phrases::OBJECT));
            Map::new()
        }
    };
    if fields.contains_key("external_ids") {
        from.report.within("fields", |report| report.fault_at("external_ids", &faults::UNKNOWN_FIELD));
    }
    let found = from.finish();
    let (Some(op), Some(kind)) = (op, known) else { return Item::unreadable(name, found) };
    let push = PushItem {
        name,
        op,
        kind: kind.name.to_owned(),
        // Without a target that can be read there is nothing to ask the store for.
        id: if target_is_bad { Some(Reference::Id(Uuid::nil())) } else { id },
        external_ids,
        if_version,
        fields,
        replace,
        match_by,
        source_updated_at,
        origin,
        via,
    };
    let mut item = Item::from_push(kind, push);
    if version_is_bad {
        // It was sent: only its form is wrong.
        item.expected = Expected::Any;
    }
    item.unreadable |= target_is_bad;
    item.faults.extend(found);
    item
}

/// An object that is taken apart by name, its faults gathered.
struct Object {
    fields: Map<String, Value>,
    report: Report,
}

impl Object {
    /// A part in its checked form, unless it is absent, `null` or faulty.
    fn take<F: Field, T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let mut value = self.fields.remove(name).filter(|value| !value.is_null())?;
        let before = self.report.faults.len();
        self.report.within(name, |report| F::check(&mut value, report));
        if self.report.faults.len() > before {
            return None;
        }
        serde_json::from_value(value).ok()
    }

    /// The same of a part that must be there.
    fn required<F: Field, T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        if self.fields.get(name).is_none_or(Value::is_null) {
            self.report.fault_at(name, &faults::REQUIRED);
        }
        self.take::<F, T>(name)
    }

    /// The faults, as many as are reported; what nobody took is unknown.
    fn finish(mut self) -> Vec<Fault> {
        for name in self.fields.keys() {
            self.report.fault_at(name, &faults::UNKNOWN_FIELD);
        }
        faults::bounded(self.report.faults)
    }
}

/// The record that an item means: never another item of the batch.
struct Id;

impl Field for Id {
    const SHAPE: Shape = Shape::Uuid;

    fn check(value: &mut Value, report: &mut Report) {
        let Some(text) = report.text(value) else { return };
        if !matches!(text.parse(), Ok(Reference::Id(_) | Reference::External { .. })) {
            report.fault(&faults::REFERENCE_INVALID);
        }
    }
}

/// A version of a record.
struct IfVersion;

impl Field for IfVersion {
    const SHAPE: Shape = Shape::Integer(1, i64::MAX);

    fn check(value: &mut Value, report: &mut Report) {
        integer(value, 1, i64::MAX, report);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(faults: &[Fault]) -> Vec<(&str, &str)> {
        faults.iter().map(|fault| (fault.pointer.as_str(), fault.code.code)).collect()
    }

    fn read_text(text: &str) -> ApiResult<PushRequest> {
        read(text.as_bytes())
    }

    #[test]
    fn all_faults_of_an_item_are_reported_and_only_it_is_refused() {
        let body = read_text(
            r#"{"items": [
                {"ref": "a", "op": "upsert", "type": "unit", "id": "ref:b", "if_version": "1", "origin": {}, "more": 1,
                 "fields": {"external_ids": []}},
                {"ref": "a", "op": "erase", "type": "person"},
                7,
                {"op": "update", "type": "term", "id": "01937f1a-0000-7000-8000-000000000001"}]}"#,
        )
        .unwrap();
        let [first, second, third, fourth] = body.items.as_slice() else { panic!("four items") };
        let expected = [
            ("/id", "reference_invalid"),
            ("/if_version", "wrong_type"),
            ("/origin/system", "required"),
            ("/fields/external_ids", "unknown_field"),
            ("/more", "unknown_field"),
        ];
        assert_eq!(pointers(&first.faults), expected);
        assert!(first.unreadable && first.expected == Expected::Any);
        assert_eq!(
            pointers(&second.faults),
            [("/op", "unknown_code"), ("/type", "unknown_code"), ("/ref", "duplicate_code")]
        );
        assert!(second.unreadable && third.unreadable);
        assert!(fourth.faults.is_empty() && fourth.expected == Expected::Missing);
    }

    #[test]
    fn faults_of_the_envelope_refuse_the_call() {
        let faults = |text: &str| read_text(text).err().unwrap();
        assert_eq!(faults("{").code.status, 400);
        let wrong = faults(r#"{"schema": "2020-01", "mode": "group", "items": 1, "match": []}"#);
        let expected = [
            ("/mode", "unknown_code"),
            ("/schema", "unknown_code"),
            ("/items", "wrong_type"),
            ("/match", "unknown_field"),
        ];
        assert_eq!((wrong.code.status, pointers(&wrong.faults)), (422, expected.to_vec()));
        assert_eq!(pointers(&faults(r#"{"items": []}"#).faults), [("/items", "empty")]);
        let many = format!(r#"{{"items": [{}0]}}"#, "0,".repeat(MAX_PUSH_ITEMS));
        assert_eq!(faults(&many).code.status, 413);
        let zeros = format!(r#"{{"items": [{} and more"#, "0,".repeat(MAX_PUSH_BYTES / 2));
        assert_eq!(faults(&zeros).code.status, 413, "it was read to its end");
    }
}
