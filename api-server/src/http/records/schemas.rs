//! The schemas of the record types: as they are derived, with what only the registry knows.

use super::examples::Examples;
use crate::store::registry::Kind;
use cell_records_types::pages;
use cell_records_types::problem::ProblemFault;
use utoipa::ToSchema;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::schema::{ArrayBuilder, Object, ObjectBuilder, Type};
use utoipa::openapi::{Components, Ref, RefOr, Schema};

/// Adds the schemas of a type, of its page, and the example of its records.
pub fn add(kind: &Kind, examples: &Examples, components: &mut Components) {
    components.schemas.extend(kind.schemas());
    let [answer, create, update] = kind.schema_names();
    if let Some(record) = object(components, &answer) {
        let name = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([kind.name]));
        record.properties.insert("type".into(), name.description(Some("Name of the record type.")).into());
        let warnings = ArrayBuilder::new()
            .items(Ref::from_schema_name(ProblemFault::name()))
            .description(Some("Only in the answer to a write: it is stored, but somebody should check this."));
        record.properties.insert("warnings".into(), warnings.into());
    }
    if let Some(body) = object(components, &create) {
        body.description = Some(format!("What `POST /v1/{}` takes.", kind.plural));
        for name in kind.needs {
            require(body, name);
        }
    }
    if let Some(patch) = object(components, &update) {
        patch.description =
            Some(format!("A JSON Merge Patch of a `{}`: absent is untouched, `null` clears.", kind.name));
    }
    components.schemas.insert(kind.page_name(), pages::openapi::page(&answer).into());
    components.examples.insert(answer, ExampleBuilder::new().value(Some(examples.record.clone())).build().into());
}

fn object<'c>(components: &'c mut Components, name: &str) -> Option<&'c mut Object> {
    match components.schemas.get_mut(name)? {
        RefOr::T(Schema::Object(object)) => Some(object),
        _ => None,
    }
}

/// Requires a property, which then is not `null` either.
fn require(body: &mut Object, name: &str) {
    body.required.push(name.to_owned());
    if let Some(property) = body.properties.get_mut(name)
        && let RefOr::T(Schema::OneOf(value_or_null)) = property
        && !value_or_null.items.is_empty()
    {
        *property = value_or_null.items.remove(0);
    }
}
