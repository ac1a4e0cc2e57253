//! The description of the calls that every record type has, made from the registry as the routes are.

use crate::http::openapi::Problems;
use crate::store::filter::{Filter, Takes};
use crate::store::registry::{COMMON_SORTS, KINDS, Kind};
use crate::store::scope::FEW_UNITS;
use serde_json::{Map, Value, json};
use utoipa::IntoResponses;
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AnyOf, ArrayBuilder, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{ContentBuilder, HeaderBuilder, OpenApi, Ref, RefOr, Required, ResponseBuilder, Schema};

/// Adds the paths and schemas of all record types.
pub fn describe(api: &mut OpenApi) {
    for kind in &KINDS {
        kind.add_schemas(api.components.get_or_insert_default());
    }
    let examples: Vec<Examples> = KINDS.iter().map(|kind| Examples::of(kind, api)).collect();
    for (kind, examples) in KINDS.iter().zip(&examples) {
        let collection = format!("/v1/{}", kind.plural);
        let mut add = |path: &str, method, operation: Operation| {
            api.paths.add_path_operation(format!("{collection}{path}"), vec![method], operation);
        };
        add("", HttpMethod::Get, list(kind, examples));
        add("", HttpMethod::Post, create(kind, examples));
        add("/{id}", HttpMethod::Get, get(kind, examples));
        add("/{id}", HttpMethod::Patch, update(kind, examples));
        add("/{id}", HttpMethod::Delete, delete(kind));
        add("/{id}/restore", HttpMethod::Post, restore(kind, examples));
        add("/{id}/history", HttpMethod::Get, history(kind, examples));
    }
}

/// Bodies that fit the schemas.
struct Examples {
    answer: Value,
    create: Value,
}

impl Examples {
    fn of(kind: &Kind, api: &OpenApi) -> Self {
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
                Some(SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::Uuid)) => {
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

fn operation(kind: &Kind, name: &str, summary: String, description: &str) -> OperationBuilder {
    let operation = OperationBuilder::new()
        .operation_id(Some(format!("{name}_{}", if name == "list" { kind.plural } else { kind.name })))
        .tag(kind.plural)
        .summary(Some(summary))
        .description(Some(description));
    Problems::responses()
        .into_iter()
        .fold(operation, |operation, (status, problem)| operation.response(status, problem))
}

fn parameter(name: &str, place: ParameterIn, schema: Schema, description: &str) -> Parameter {
    let required = if place == ParameterIn::Path { Required::True } else { Required::False };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .schema(Some(schema))
        .description(Some(description))
        .build()
}

fn text() -> Schema {
    ObjectBuilder::new().schema_type(Type::String).build().into()
}

fn flag() -> Schema {
    ObjectBuilder::new().schema_type(Type::Boolean).build().into()
}

fn number(low: i64, high: i64) -> Schema {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(low)).maximum(Some(high)).build().into()
}

fn timestamp() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime)))
        .build()
        .into()
}

fn one_of(values: impl IntoIterator<Item = String>) -> Schema {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(values)).build().into()
}

fn id() -> Parameter {
    ParameterBuilder::new()
        .name("id")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(text()))
        .description(Some("The record: a UUID or `ext:<system>:<value>`."))
        .example(Some(json!("01890a5d-ac96-774b-bcce-b302099a8057")))
        .build()
}

/// The type in words, with its article.
fn a(kind: &Kind) -> String {
    let article = if kind.name.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {}", kind.name.replace('_', " "))
}

fn if_match(required: bool) -> Parameter {
    let mut one = parameter(
        "If-Match",
        ParameterIn::Header,
        text(),
        "The `ETag` that the write builds on, or `*`. Without it: `428`; another version: `412`.",
    );
    // A missing one has an answer of its own, so the document does not let clients and tools leave it out by accident.
    one.required = if required { Required::True } else { Required::False };
    one
}

fn dry_run() -> Parameter {
    parameter("dry_run", ParameterIn::Query, flag(), "Whether everything runs and nothing is kept.")
}

fn key() -> Parameter {
    parameter(
        "Idempotency-Key",
        ParameterIn::Header,
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(crate::http::idempotency::LONGEST))
            .build()
            .into(),
        "A repeat under the same key answers what the first call did. Kept 7 days.",
    )
}

fn one(kind: &Kind) -> RefOr<Schema> {
    let [answer, ..] = kind.schema_names();
    Ref::from_schema_name(answer).into()
}

fn json_response(description: &str, schema: RefOr<Schema>, example: Value, tagged: bool) -> utoipa::openapi::Response {
    let content = ContentBuilder::new().schema(Some(schema)).example(Some(example)).build();
    let response = ResponseBuilder::new().description(description).content("application/json", content);
    if tagged {
        let mut tag = HeaderBuilder::new().schema(Some(text())).build();
        tag.description = Some("Version and epoch: for `If-Match` and `If-None-Match`.".into());
        return response.header("ETag", tag).build();
    }
    response.build()
}

fn page(items: RefOr<Schema>) -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("items", ArrayBuilder::new().items(items))
        .property("next_cursor", text())
        .property("total", number(0, i64::MAX))
        .required("items")
        .build()
        .into()
}

fn list(kind: &'static Kind, examples: &Examples) -> Operation {
    use ParameterIn::Query;
    let sorts =
        kind.sorts.iter().chain(&COMMON_SORTS).flat_map(|sort| [sort.name.to_owned(), format!("-{}", sort.name)]);
    let narrow: Vec<String> =
        kind.sorts.iter().filter(|sort| !sort.indexed).map(|sort| format!("`{}`", sort.name)).collect();
    let mut orders =
        "What orders the list; descending with `-` before it. Default: `id`, which is the order of creation where \
         the server made the ids."
            .to_owned();
    if !narrow.is_empty() {
        orders += &format!(" By {}: only where the list is of at most {FEW_UNITS} units.", narrow.join(" or "));
    }
    let mut operation = operation(
        kind,
        "list",
        format!("Lists {} that the caller sees.", kind.plural.replace('_', " ")),
        "Pages by key: a record whose sort key stays is neither skipped nor doubled while others write. The next page needs \
         `cursor` only; other parameters must then be as before, but for `limit`. A filter, sort, search or count on a field \
         works over the grants that may read it; with none such: `403 field_not_readable`. Over many units a call examines a bounded \
         number of records: a page may be short, even empty, and still have a `next_cursor`: only a page without one is the last.",
    )
    .parameter(parameter("limit", Query, number(1, super::query::MAX_LIMIT), "Items of a page; default 50."))
    .parameter(parameter("cursor", Query, text(), "Where the page begins: `next_cursor` of the page before."))
    .parameter(parameter("unit", Query, text(), "Only records of this unit: a UUID or `ext:<system>:<value>`."))
    .parameter(parameter("subtree", Query, flag(), "Whether units below `unit` are meant too."))
    .parameter(parameter("sort", Query, one_of(sorts), &orders))
    .parameter(parameter("updated_since", Query, timestamp(), "Only records changed at or after this timestamp."))
    .parameter(parameter("count", Query, one_of(["exact".to_owned()]), "Counts the whole list, on its first page: `total`."))
    .parameter(parameter("fields", Query, text(), "Only these fields, comma separated."));
    if kind.search.is_some() {
        operation = operation.parameter(parameter(
            "q",
            Query,
            text(),
            "Words that names begin with, blind to case and diacritics: `hoang thi` finds `Hoàng Thị`. The list is then sorted by \
             name, unless `sort` says otherwise.",
        ));
    }
    for filter in kind.filters {
        operation = operation.parameter(filtered(filter));
    }
    // With `fields`, or under a mask, an item has some of the fields only.
    let some = ObjectBuilder::new().schema_type(Type::Object).description(Some("The chosen fields.")).build();
    let mut items = AnyOf::new();
    items.items = vec![one(kind), Schema::from(some).into()];
    let example = json!({"items": [examples.answer.clone()]});
    operation
        .response("200", json_response("One page", page(Schema::AnyOf(items).into()).into(), example, false))
        .build()
}

fn filtered(filter: &Filter) -> Parameter {
    let schema = match filter.test.takes() {
        Takes::Number => ObjectBuilder::new().schema_type(Type::Integer).build().into(),
        Takes::Flag => flag(),
        Takes::Word(word) => one_of([word.to_owned()]),
        Takes::Codes(_) | Takes::Text | Takes::Reference(_) | Takes::PartialDate | Takes::Day => text(),
    };
    parameter(filter.name, ParameterIn::Query, schema, &filter.test.description())
}

fn body(schema: String, example: Value) -> utoipa::openapi::request_body::RequestBody {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).example(Some(example)).build();
    RequestBodyBuilder::new().required(Some(Required::True)).content("application/json", content).build()
}

fn create(kind: &Kind, examples: &Examples) -> Operation {
    let [_, create, _] = kind.schema_names();
    operation(
        kind,
        "create",
        format!("Creates {}.", a(kind)),
        "An `id` made by the caller makes a repeat harmless, as does `Idempotency-Key`.",
    )
    .parameter(key())
    .parameter(dry_run())
    .request_body(Some(body(create, examples.create.clone())))
    .response("201", json_response("Created", one(kind), examples.answer.clone(), true))
    .response("200", json_response("It stood so already", one(kind), examples.answer.clone(), true))
    .build()
}

fn get(kind: &Kind, examples: &Examples) -> Operation {
    operation(kind, "get", format!("Reads {}.", a(kind)), "A deleted record is `410` with the time of its deletion.")
        .parameter(id())
        .parameter(parameter("as_of", ParameterIn::Query, timestamp(), "The record as it stood at this timestamp."))
        .parameter(parameter(
            "If-None-Match",
            ParameterIn::Header,
            text(),
            "The `ETag` of the copy at hand: unchanged is `304`.",
        ))
        .response("200", json_response("The record", one(kind), examples.answer.clone(), true))
        .response("304", ResponseBuilder::new().description("The copy at hand is the record as it stands").build())
        .build()
}

fn update(kind: &Kind, examples: &Examples) -> Operation {
    let [_, _, patch] = kind.schema_names();
    let mut change = body(patch, json!({}));
    if let Some(content) = change.content.get("application/json").cloned() {
        change.content.insert("application/merge-patch+json".into(), content);
    }
    operation(
        kind,
        "update",
        format!("Changes {}.", a(kind)),
        "A JSON Merge Patch (RFC 7396): absent is untouched, `null` clears. One that changes nothing answers the same version. \
         `412` carries the record as it stands in `current`.",
    )
    .parameter(id())
    .parameter(if_match(true))
    .parameter(dry_run())
    .request_body(Some(change))
    .response("200", json_response("The record after the change", one(kind), examples.answer.clone(), true))
    .response("204", ResponseBuilder::new().description("Done; it stands where the caller does not read").build())
    .build()
}

fn delete(kind: &Kind) -> Operation {
    operation(kind, "delete", format!("Deletes {}.", a(kind)), "`409 still_referenced` while live records point to it.")
        .parameter(id())
        .parameter(if_match(true))
        .parameter(dry_run())
        .response("204", ResponseBuilder::new().description("Deleted").build())
        .build()
}

fn restore(kind: &Kind, examples: &Examples) -> Operation {
    operation(
        kind,
        "restore",
        format!("Brings a deleted {} back.", kind.name.replace('_', " ")),
        "Under the rules of a create.",
    )
    .parameter(id())
    .parameter(if_match(false))
    .parameter(key())
    .parameter(dry_run())
    .response("200", json_response("The record", one(kind), examples.answer.clone(), true))
    .build()
}

fn history(kind: &Kind, examples: &Examples) -> Operation {
    let entry = Ref::from_schema_name("HistoryEntry");
    let example = json!({"items": [{"version": 1, "op": "create", "at": "2026-01-31T08:00:00Z", "changed": [], "record": examples.answer.clone()}]});
    operation(
        kind,
        "history",
        format!("Lists every version of {}, the newest first.", a(kind)),
        "Those whose unit the caller sees, each under the mask of that unit.",
    )
    .parameter(id())
    .parameter(parameter(
        "limit",
        ParameterIn::Query,
        number(1, super::query::MAX_LIMIT),
        "Versions of a page; default 50.",
    ))
    .parameter(parameter("cursor", ParameterIn::Query, text(), "Where the page begins."))
    .response("200", json_response("One page", page(entry.into()).into(), example, false))
    .build()
}
