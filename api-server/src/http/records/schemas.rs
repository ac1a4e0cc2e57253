//! The schemas of the record types: as they are derived, with what only the registry knows.

use super::examples::Examples;
use crate::store::filter::Test;
use crate::store::list::Group;
use crate::store::moves::Move;
use crate::store::registry::Kind;
use cell_records_types::pages::{self, Expanded};
use cell_records_types::problem::ProblemFault;
use cell_records_types::sync::{Candidate, MAX_CANDIDATES};
use cell_records_types::{Date, MemberCreate};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{Components, Ref, RefOr, Schema};

/// Adds the schemas of a type, of its page, and the example of its records.
pub fn add(kind: &'static Kind, examples: &Examples, components: &mut Components) {
    components.schemas.extend(kind.schemas());
    let [answer, create, update] = kind.schema_names();
    if let Some(record) = object(components, &answer) {
        let name = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([kind.name]));
        record.properties.insert("type".into(), name.description(Some("Name of the record type.")).into());
        let warnings = ArrayBuilder::new()
            .items(Ref::from_schema_name(ProblemFault::name()))
            .description(Some("Only in the answer to a write: it is stored, but somebody should check this."));
        record.properties.insert("warnings".into(), warnings.into());
        let candidates = ArrayBuilder::new()
            .items(Ref::from_schema_name(Candidate::name()))
            .max_items(Some(MAX_CANDIDATES))
            .description(Some(
                "Only in the answer to a write: the records that it may double, of those that the caller sees.",
            ));
        record.properties.insert("candidates".into(), candidates.into());
        record.properties.insert("expanded".into(), expanded("Only of a read with `expand`").into());
    }
    if let Some(body) = object(components, &create) {
        body.description = Some(format!("What `POST /v1/{}` takes.{}", kind.plural, default_unit(kind)));
        if let Some(name) = kind.needs() {
            require(body, name);
        }
        for (name, value) in kind.defaults.iter().filter_map(|(name, text)| Some((*name, (*text)?))) {
            set_default(body, name, serde_json::from_str(value).ok());
        }
    }
    if let Some(patch) = object(components, &update) {
        patch.description =
            Some(format!("A JSON Merge Patch of a `{}`: absent is untouched, `null` clears.", kind.name));
    }
    if !kind.moves.is_empty() {
        let step = step(kind, components);
        components.schemas.insert(kind.advance_name(), step.into());
    }
    let page = pages::openapi::page(&answer).property("expanded", expanded("With `expand`"));
    components.schemas.insert(kind.page_name(), page.into());
    components.schemas.insert(kind.counts_name(), counts(kind).into());
    components.examples.insert(answer, ExampleBuilder::new().value(Some(examples.record.clone())).build().into());
}

/// The body of a step.
fn step(kind: &'static Kind, components: &mut Components) -> ObjectBuilder {
    let [answer, _, update] = kind.schema_names();
    let state = object(components, &answer).and_then(|record| record.properties.get("state").cloned());
    let reason = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(1000));
    let takes_member = kind.moves.iter().any(Move::needs_body);
    let described =
        |name: &str, what: &str| Ref::builder().ref_location_from_schema_name(name).description(Some(what)).build();
    let mut step = ObjectBuilder::new()
        .description(Some(format!("What `POST /v1/{}/{{id}}/advance` takes.", kind.plural)))
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .required("to")
        .property("on", described(&Date::name(), "The day of the step; today when absent."))
        .property("reason", reason.description(Some("Why; `state_reason` keeps it until the next step.")))
        .property("fields", described(&update, "What else of the record changes with the step."));
    if let Some(state) = state {
        step = step.property("to", state);
    }
    if takes_member {
        step = step.property(
            "member",
            described(
                &MemberCreate::name(),
                "The member, where the move makes one of what is said here; `unit_id` is that of the record.",
            ),
        );
    }
    step
}

/// Where a record belongs whose body names no unit, if that follows from others.
fn default_unit(kind: &Kind) -> String {
    let named: Vec<String> = kind.unit_of.iter().map(|name| format!("`{name}`")).collect();
    match named.is_empty() {
        true => String::new(),
        false => format!(" Without `unit_id` the record belongs to the unit of {}.", named.join(" or of ")),
    }
}

/// The display texts of the records that others refer to.
fn expanded(when: &str) -> ObjectBuilder {
    let what = "by id, the records that it leads to, with their display texts. What the caller does not see is absent.";
    ObjectBuilder::new()
        .additional_properties(Some(Ref::from_schema_name(Expanded::name())))
        .description(Some(format!("{when}: {what}")))
}

/// Counts by groups.
fn counts(kind: &'static Kind) -> ObjectBuilder {
    let group = ObjectBuilder::new().property("count", total()).required("count");
    let group = Group::of(kind).fold(group, |group, by| {
        let of = match by.filter.map(|filter| filter.test) {
            Some(Test::Number(_)) => Type::Integer,
            Some(Test::Flag(_)) => Type::Boolean,
            _ => Type::String,
        };
        let value = ObjectBuilder::new().schema_type(SchemaType::Array(vec![of, Type::Null]));
        group.property(by.name, value)
    });
    let group = group.description(Some("Records with the same values: those of the fields that group are there."));
    ObjectBuilder::new()
        .description(Some("How many records of a list there are, by one or two of its fields."))
        .property(
            "groups",
            ArrayBuilder::new().items(group).description(Some("The groups, in the order of their values.")),
        )
        .required("groups")
        .property("total", total().description(Some("The records of all groups.")))
        .required("total")
}

/// A number of records.
fn total() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(0))
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

/// Says what a create gets that does not have a property.
fn set_default(body: &mut Object, name: &str, value: Option<Value>) {
    match body.properties.get_mut(name) {
        Some(RefOr::T(Schema::OneOf(value_or_null))) => value_or_null.default = value,
        Some(RefOr::T(Schema::Object(property))) => property.default = value,
        _ => {}
    }
}
