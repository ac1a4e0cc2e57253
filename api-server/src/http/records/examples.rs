//! Bodies that fit the schemas of a record type, for the examples of the OpenAPI document.

use crate::store::registry::Kind;
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::{KnownFormat, OpenApi, Ref, RefOr, Schema, SchemaFormat};

/// Bodies that fit the schemas.
pub struct Examples {
    /// A record as it is returned.
    pub answer: Value,
    /// A body that creates one.
    pub create: Value,
}

impl Examples {
    /// The examples of a type, from its schemas in the document.
    pub fn of(kind: &Kind, api: &OpenApi) -> Self {
        let [answer, create, _] = kind.schema_names();
        let mut answer = example(&Ref::from_schema_name(answer).into(), api, 0);
        if let Value::Object(answer) = &mut answer {
            answer.insert("type".into(), json!(kind.name));
            answer.insert("version".into(), json!(1));
            answer.insert("external_ids".into(), json!([{"system": "demo", "value": "0001"}]));
        }
        let mut create = example(&Ref::from_schema_name(create).into(), api, 0);
        if let Value::Object(create) = &mut create
            && kind.name != "unit"
        {
            create.insert("unit_id".into(), json!("ext:demo:cell-01"));
        }
        Examples { answer, create }
    }
}

/// A value that fits a schema: its own example, or its required parts.
fn example(schema: &RefOr<Schema>, api: &OpenApi, depth: usize) -> Value {
    let schema = match schema {
        RefOr::T(schema) => schema,
        RefOr::Ref(to) => {
            let name = to.ref_location.rsplit('/').next().unwrap_or_default();
            let found = api.components.as_ref().and_then(|components| components.schemas.get(name));
            return found.filter(|_| depth < 8).map_or(Value::Null, |found| example(found, api, depth + 1));
        }
    };
    match schema {
        Schema::Object(object) => {
            if let Some(one) =
                object.examples.first().or_else(|| object.enum_values.as_ref().and_then(|values| values.first()))
            {
                return one.clone();
            }
            let is = |kind: Type| object.schema_type == SchemaType::Type(kind);
            if is(Type::Object) {
                let parts = object.properties.iter().filter(|(name, _)| object.required.contains(name));
                return Value::Object(
                    parts.map(|(name, part)| (name.clone(), example(part, api, depth + 1))).collect::<Map<_, _>>(),
                );
            }
            if is(Type::Integer) || is(Type::Number) {
                return json!(1);
            }
            if is(Type::Boolean) {
                return json!(true);
            }
            match &object.format {
                Some(SchemaFormat::Custom(format)) if format == "uuid" => json!("01890a5d-ac96-774b-bcce-b302099a8057"),
                Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)) => {
                    json!("01890a5d-ac96-774b-bcce-b302099a8057")
                }
                _ => json!("Văn bản"),
            }
        }
        Schema::Array(_) => json!([]),
        Schema::OneOf(one) => one.items.first().map_or(Value::Null, |item| example(item, api, depth + 1)),
        Schema::AnyOf(any) => any.items.first().map_or(Value::Null, |item| example(item, api, depth + 1)),
        Schema::AllOf(all) => all.items.first().map_or(Value::Null, |item| example(item, api, depth + 1)),
        _ => Value::Null,
    }
}
