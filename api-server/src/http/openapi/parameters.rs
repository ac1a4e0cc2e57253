//! Parameters that many operations have, stated once among the components. An operation refers to one by having a
//! parameter of its name without a description of its own. And the schemas that parameters have.

use crate::http::records::query::{DEFAULT_LIMIT, MAX_LIMIT};
use cell_records_types::{Reference, Timestamp};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use utoipa::ToSchema;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{Components, Ref, RefOr, Required, Schema};

/// A shared parameter: its name among the components, its own name, where it is, its schema, what it says.
type Row = (&'static str, &'static str, ParameterIn, fn() -> RefOr<Schema>, &'static str);

#[rustfmt::skip]
static ROWS: [Row; 21] = [
    ("RecordId", "id", ParameterIn::Path, reference, "The record: a UUID or `ext:<system>:<value>`."),
    ("UserId", "id", ParameterIn::Path, uuid, "The user's id."),
    ("SystemId", "id", ParameterIn::Path, uuid, "The system's id."),
    ("GrantId", "grant", ParameterIn::Path, uuid, "The grant's id."),
    ("TokenId", "token", ParameterIn::Path, uuid, "The token's id."),
    ("SessionId", "session", ParameterIn::Path, uuid, "The session's id."),
    ("Limit", "limit", ParameterIn::Query, limit, "Items of a page."),
    ("Cursor", "cursor", ParameterIn::Query, text, "Where the page begins: `next_cursor` of the page before."),
    ("Unit", "unit", ParameterIn::Query, reference, "Only records of this unit: a UUID or `ext:<system>:<value>`."),
    ("Subtree", "subtree", ParameterIn::Query, flag, "Whether units below `unit` are meant too."),
    ("UpdatedSince", "updated_since", ParameterIn::Query, timestamp, "Only records changed at or after this timestamp."),
    ("Count", "count", ParameterIn::Query, exact, "Counts the whole list. Every page has the `total` that was counted for the first."),
    ("Fields", "fields", ParameterIn::Query, text, "Only these fields, comma separated; `id`, `type`, `version` and what `expand` follows are always there. What is left out of an answer is left out of its schema too, also of what it requires."),
    ("AsOf", "as_of", ParameterIn::Query, timestamp, "The record as it was at this timestamp."),
    ("DryRun", "dry_run", ParameterIn::Query, flag, "Whether everything runs and nothing is stored."),
    ("IfMatch", "If-Match", ParameterIn::Header, text, "The `ETag` that the write builds on, or `*`. Without it: `428`; another version: `412`."),
    ("IfMatchOptional", "If-Match", ParameterIn::Header, text, "The `ETag` that the write builds on, or `*`. Another version: `412`."),
    ("IfNoneMatch", "If-None-Match", ParameterIn::Header, text, "The `ETag` of the copy at hand: unchanged is `304`."),
    ("IdempotencyKey", "Idempotency-Key", ParameterIn::Header, key, "A repeat under the same key returns what the first call did. Stored 7 days."),
    ("AcceptLanguage", "Accept-Language", ParameterIn::Header, text, "`vi` for Vietnamese texts; else they are English."),
    ("Query", "q", ParameterIn::Query, text, "Words that names begin with, at most 8, blind to case and diacritics: `hoang thi` finds `Hoàng Thị`. The list is then sorted by name, unless `sort` says otherwise."),
];

/// Which row an `id` without a description is, by the beginning of the path; else it is a record's.
const IDS: [(&str, &str); 2] = [("/v1/users/", "UserId"), ("/v1/systems/", "SystemId")];

static SHARED: LazyLock<BTreeMap<&'static str, Parameter>> = LazyLock::new(|| {
    let parameter = |(component, name, place, schema, description): &Row| {
        let required = *place == ParameterIn::Path || *component == "IfMatch";
        let parameter = ParameterBuilder::new()
            .name(*name)
            .parameter_in(place.clone())
            .required(if required { Required::True } else { Required::False })
            .schema(Some(schema()))
            .description(Some(*description))
            .build();
        (*component, parameter)
    };
    ROWS.iter().map(parameter).collect()
});

/// The schema of a text.
pub fn text() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).into()
}

/// The schema of `true` or `false`.
pub fn flag() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::Boolean).into()
}

/// The schema of a whole number between bounds.
pub fn number(low: i64, high: i64) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(low)).maximum(Some(high))
}

/// The schema of a timestamp.
pub fn timestamp() -> RefOr<Schema> {
    Ref::from_schema_name(Timestamp::name()).into()
}

/// The schema of a reference to a record.
pub fn reference() -> RefOr<Schema> {
    Ref::from_schema_name(Reference::name()).into()
}

/// The schema of one of some texts.
pub fn one_of(values: impl IntoIterator<Item = String>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(values))
}

fn uuid() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))).into()
}

fn limit() -> RefOr<Schema> {
    number(1, MAX_LIMIT).default(Some(json!(DEFAULT_LIMIT))).into()
}

fn exact() -> RefOr<Schema> {
    one_of(["exact".to_owned()]).into()
}

fn key() -> RefOr<Schema> {
    let longest = crate::http::idempotency::LONGEST;
    ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(longest)).into()
}

/// A shared parameter.
pub fn shared(component: &str) -> Ref {
    Ref::new(format!("#/components/parameters/{component}"))
}

/// A parameter, wherever it is stated.
pub fn resolved(one: &RefOr<Parameter>) -> Option<&Parameter> {
    match one {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(to) => SHARED.get(to.ref_location.rsplit('/').next()?),
    }
}

/// Refers to the shared parameters where an operation means them.
pub fn share(path: &str, operation: &mut Operation) {
    let parameters = operation.parameters.get_or_insert_default();
    for one in parameters.iter_mut() {
        let RefOr::T(parameter) = one else { continue };
        parameter.schema = parameter.schema.take().map(never_null);
        if parameter.description.is_some() {
            continue;
        }
        let of_path = IDS.iter().find(|(prefix, _)| parameter.name == "id" && path.starts_with(prefix));
        let fits = |(_, name, place, ..): &&Row| *name == parameter.name && *place == parameter.parameter_in;
        let row = ROWS.iter().find(fits).map(|(component, ..)| *component);
        if let Some(component) = of_path.map(|(_, component)| *component).or(row) {
            *one = RefOr::Ref(shared(component));
        }
    }
    if path.starts_with("/v1/") {
        parameters.push(RefOr::Ref(shared("AcceptLanguage")));
    }
}

/// The schema of what may be left out, of a parameter or a body: what is sent is always a value.
pub fn never_null(schema: RefOr<Schema>) -> RefOr<Schema> {
    let is_null = |one: &RefOr<Schema>| matches!(one, RefOr::T(Schema::Object(null)) if null.schema_type == SchemaType::Type(Type::Null));
    match schema {
        RefOr::T(Schema::OneOf(mut some)) => {
            some.items.retain(|one| !is_null(one));
            if some.items.len() == 1 { some.items.remove(0) } else { Schema::OneOf(some).into() }
        }
        RefOr::T(Schema::Object(mut object)) => {
            if let SchemaType::Array(types) = &object.schema_type
                && let Some(kind) = types.iter().find(|kind| **kind != Type::Null)
            {
                object.schema_type = SchemaType::Type(kind.clone());
            }
            Schema::Object(object).into()
        }
        other => other,
    }
}

/// Adds them to the components.
pub fn add(components: &mut Components) {
    components.parameters = SHARED.iter().map(|(name, one)| ((*name).to_owned(), one.clone().into())).collect();
}
