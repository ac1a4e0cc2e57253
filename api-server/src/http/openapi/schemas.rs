//! Schemas as the document states them: what generators of clients understand, in few words.
//!
//! utoipa derives schemas type by type. Here they get the names that readers expect, and are made plain: a list or a bare
//! text stands where it is used, the variants of a tagged union have names, one possible value is a `const`, and an object
//! that may hold anything says so.

use std::collections::BTreeMap;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayItems, KnownFormat, Object, OneOf, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Components, Content, Discriminator, Ref, RefOr, Response, Schema};

type Visit<'v> = &'v mut dyn FnMut(&mut RefOr<Schema>);

/// What operations need to know of the components to be made plain like them.
pub struct Plain {
    /// What stands where it is used.
    schemas: BTreeMap<String, RefOr<Schema>>,
    /// The named enums, with their codes.
    enums: Vec<(Ref, Vec<serde_json::Value>)>,
}

/// Makes the components plain.
pub fn finish(components: &mut Components) -> Plain {
    components.schemas = std::mem::take(&mut components.schemas)
        .into_iter()
        .map(|(name, schema)| (renamed(&name).unwrap_or(name), schema))
        .collect();
    name_variants(components, "Change", "op");
    let (schemas, rest) = std::mem::take(&mut components.schemas).into_iter().partition(|(_, schema)| is_plain(schema));
    components.schemas = rest;
    let mut plain = Plain { schemas, enums: Vec::new() };
    in_components(components, &mut |schema| plain.inline(schema));
    in_components(components, &mut tidy);
    plain.enums = components.schemas.iter().filter_map(enumerated).collect();
    plain
}

impl Plain {
    /// Makes an operation plain.
    pub fn finish(&self, operation: &mut Operation) {
        in_operation(operation, &mut |schema| self.inline(schema));
        in_operation(operation, &mut tidy);
        in_parameters(operation, &mut |schema| {
            if let RefOr::T(Schema::Object(object)) = schema
                && let Some((reference, _)) =
                    self.enums.iter().find(|(_, codes)| object.enum_values.as_ref() == Some(codes))
            {
                *schema = reference.clone().into();
            }
        });
    }

    /// Puts what is plain in place of a reference to it, and gives the other references the names of what they refer to.
    fn inline(&self, schema: &mut RefOr<Schema>) {
        let RefOr::Ref(reference) = schema else { return };
        let Some(name) = reference.ref_location.strip_prefix(SCHEMAS) else { return };
        let name = renamed(name).unwrap_or_else(|| name.to_owned());
        match self.schemas.get(&name) {
            Some(found) => {
                let description = Some(reference.description.clone()).filter(|text| !text.is_empty());
                *schema = found.clone();
                describe(schema, description);
            }
            None => reference.ref_location = format!("{SCHEMAS}{name}"),
        }
    }
}

const SCHEMAS: &str = "#/components/schemas/";

/// The name of a schema whose derived name names its Rust type: `Page_User` is a `UserPage`, `Reference_Unit` a `Reference`.
fn renamed(name: &str) -> Option<String> {
    match name.split_once('_')? {
        ("Page", item) => Some(format!("{item}Page")),
        ("Reference", _) => Some("Reference".into()),
        _ => None,
    }
}

/// Whether nobody needs a name for it: a list, a map, or a text that only has a length.
fn is_plain(schema: &RefOr<Schema>) -> bool {
    match schema {
        RefOr::T(Schema::Array(list)) => list.description.is_none(),
        RefOr::T(Schema::Object(object)) => {
            object.description.is_none()
                && object.properties.is_empty()
                && object.enum_values.is_none()
                && object.pattern.is_none()
        }
        _ => false,
    }
}

fn describe(schema: &mut RefOr<Schema>, description: Option<String>) {
    match schema {
        RefOr::T(Schema::Array(list)) => list.description = description,
        RefOr::T(Schema::Object(object)) => object.description = description,
        _ => {}
    }
}

/// Gives the variants of a tagged union names of their own, and says how its tag leads to them.
fn name_variants(components: &mut Components, union: &str, tag: &str) {
    let Some(RefOr::T(Schema::OneOf(OneOf { items, discriminator, .. }))) = components.schemas.get_mut(union) else {
        return;
    };
    let (mut named, mut chosen) = (Vec::new(), Discriminator::new(tag));
    for item in items {
        let RefOr::T(Schema::Object(object)) = &*item else { continue };
        let Some(RefOr::T(Schema::Object(value))) = object.properties.get(tag) else { continue };
        let Some(value) = value.enum_values.as_ref().and_then(|values| values.first()?.as_str()) else { continue };
        let name = format!("{union}{}", pascal(value));
        chosen.mapping.insert(value.to_owned(), format!("{SCHEMAS}{name}"));
        named.push((name.clone(), std::mem::replace(item, Ref::from_schema_name(name).into())));
    }
    *discriminator = Some(chosen);
    components.schemas.extend(named);
}

/// `snapshot_end` as `SnapshotEnd`.
pub fn pascal(name: &str) -> String {
    let capital = |word: &str| word.get(..1).unwrap_or_default().to_uppercase() + word.get(1..).unwrap_or_default();
    name.split('_').map(capital).collect()
}

fn tidy(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => tidy_object(object),
        // A text or nothing is one type with two names.
        RefOr::T(Schema::OneOf(OneOf { items, .. })) => {
            if let [RefOr::T(Schema::Object(object)), RefOr::T(Schema::Object(null))] = items.as_slice()
                && null.schema_type == SchemaType::Type(Type::Null)
                && let SchemaType::Type(kind @ (Type::String | Type::Integer | Type::Boolean)) = &object.schema_type
                && object.enum_values.is_none()
            {
                let mut object = object.clone();
                object.schema_type = SchemaType::Array(vec![kind.clone(), Type::Null]);
                *schema = Schema::Object(object).into();
            }
        }
        _ => {}
    }
}

fn tidy_object(object: &mut Object) {
    if object.schema_type == SchemaType::Type(Type::Object)
        && object.properties.is_empty()
        && object.additional_properties.is_none()
    {
        object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(true)));
    }
    // The whole numbers of bodies, where a type of their own does not say otherwise (`impl Field for i32`).
    let small = Some(SchemaFormat::KnownFormat(KnownFormat::Int32));
    if object.format == small && object.minimum.is_none() && object.maximum.is_none() {
        (object.minimum, object.maximum) = (Some(0.into()), Some(1_000_000.into()));
    }
    if let Some([value]) = object.enum_values.as_deref() {
        // utoipa has no `const`; what it holds of a schema besides is written beside the rest.
        object.extensions.get_or_insert_default().merge(Extensions::from_iter([("const", value.clone())]));
        object.enum_values = None;
    }
}

/// The codes of a named enum.
fn enumerated((name, schema): (&String, &RefOr<Schema>)) -> Option<(Ref, Vec<serde_json::Value>)> {
    let RefOr::T(Schema::Object(object)) = schema else { return None };
    Some((Ref::from_schema_name(name), object.enum_values.clone()?))
}

/// Shows every schema of the components, each before those inside it.
fn in_components(components: &mut Components, visit: Visit<'_>) {
    components.schemas.values_mut().for_each(|schema| inside(schema, visit));
    components.responses.values_mut().for_each(|response| in_response(response, visit));
}

/// Shows every schema of an operation, each before those inside it.
fn in_operation(operation: &mut Operation, visit: Visit<'_>) {
    in_parameters(operation, visit);
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        body.content.values_mut().for_each(|content| in_content(content, visit));
    }
    operation.responses.responses.values_mut().for_each(|response| in_response(response, visit));
}

fn in_parameters(operation: &mut Operation, visit: Visit<'_>) {
    for one in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = one
            && let Some(schema) = &mut parameter.schema
        {
            inside(schema, visit);
        }
    }
}

fn in_response(response: &mut RefOr<Response>, visit: Visit<'_>) {
    if let RefOr::T(response) = response {
        response.content.values_mut().for_each(|content| in_content(content, visit));
    }
}

fn in_content(content: &mut RefOr<Content>, visit: Visit<'_>) {
    if let RefOr::T(Content { schema: Some(schema), .. }) = content {
        inside(schema, visit);
    }
}

fn inside(schema: &mut RefOr<Schema>, visit: Visit<'_>) {
    visit(schema);
    let RefOr::T(schema) = schema else { return };
    match schema {
        Schema::Object(object) => {
            object.properties.values_mut().for_each(|property| inside(property, visit));
            if let Some(AdditionalProperties::RefOr(values)) = object.additional_properties.as_deref_mut() {
                inside(values, visit);
            }
        }
        Schema::Array(list) => {
            if let ArrayItems::RefOrSchema(items) = &mut list.items {
                inside(items, visit);
            }
        }
        Schema::OneOf(some) => some.items.iter_mut().for_each(|item| inside(item, visit)),
        Schema::AnyOf(some) => some.items.iter_mut().for_each(|item| inside(item, visit)),
        Schema::AllOf(some) => some.items.iter_mut().for_each(|item| inside(item, visit)),
        _ => {}
    }
}
