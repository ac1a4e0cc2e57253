//! The parts that the descriptions of calls are made of: parameters, headers, schemas, answers.

use crate::store::filter::{Filter, Takes};
use serde_json::{Value, json};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, KnownFormat, Ref, RefOr, Required, Response, ResponseBuilder, Schema, SchemaFormat,
};

/// A parameter; one of the path is required.
pub fn parameter(name: &str, place: ParameterIn, schema: Schema, description: &str) -> Parameter {
    let required = if place == ParameterIn::Path { Required::True } else { Required::False };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .schema(Some(schema))
        .description(Some(description))
        .build()
}

/// The schema of a text.
pub fn text() -> Schema {
    ObjectBuilder::new().schema_type(Type::String).build().into()
}

/// The schema of `true` or `false`.
pub fn flag() -> Schema {
    ObjectBuilder::new().schema_type(Type::Boolean).build().into()
}

/// The schema of a whole number between bounds.
pub fn number(low: i64, high: i64) -> Schema {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(low)).maximum(Some(high)).build().into()
}

/// The schema of a timestamp.
pub fn timestamp() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .build()
        .into()
}

/// The schema of one of some texts.
pub fn one_of(values: impl IntoIterator<Item = String>) -> Schema {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(values)).build().into()
}

/// The record in a path.
pub fn id() -> Parameter {
    ParameterBuilder::new()
        .name("id")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(text()))
        .description(Some("The record: a UUID or `ext:<system>:<value>`."))
        .example(Some(json!("01890a5d-ac96-774b-bcce-b302099a8057")))
        .build()
}

/// The header `If-Match`.
pub fn if_match(required: bool) -> Parameter {
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

/// The parameter `dry_run`.
pub fn dry_run() -> Parameter {
    parameter("dry_run", ParameterIn::Query, flag(), "Whether everything runs and nothing is stored.")
}

/// The header `Idempotency-Key`.
pub fn key() -> Parameter {
    parameter(
        "Idempotency-Key",
        ParameterIn::Header,
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(crate::http::idempotency::LONGEST))
            .build()
            .into(),
        "A repeat under the same key returns what the first call did. Stored 7 days.",
    )
}

/// An answer of JSON; a tagged one has an `ETag`.
pub fn json_response(description: &str, schema: RefOr<Schema>, example: Value, tagged: bool) -> Response {
    let content = ContentBuilder::new().schema(Some(schema)).example(Some(example)).build();
    let response = ResponseBuilder::new().description(description).content("application/json", content);
    if tagged {
        let mut tag = HeaderBuilder::new().schema(Some(text())).build();
        tag.description =
            Some("Version, epoch, and what of the record the caller reads: for `If-Match` and `If-None-Match`.".into());
        return response.header("ETag", tag).build();
    }
    response.build()
}

/// The schema of a page of these items.
pub fn page(items: RefOr<Schema>) -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("items", ArrayBuilder::new().items(items))
        .property("next_cursor", text())
        .property("total", number(0, i64::MAX))
        .required("items")
        .build()
        .into()
}

/// The parameter of a filter.
pub fn filtered(filter: &Filter) -> Parameter {
    let schema = match filter.test.takes() {
        Takes::Number => ObjectBuilder::new().schema_type(Type::Integer).build().into(),
        Takes::Flag => flag(),
        Takes::Word(word) => one_of([word.to_owned()]),
        Takes::Codes(_) | Takes::Text | Takes::Reference(_) | Takes::PartialDate | Takes::Day => text(),
    };
    parameter(filter.name, ParameterIn::Query, schema, &filter.test.description())
}

/// The body of a request.
pub fn body(schema: String, example: Value) -> RequestBody {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).example(Some(example)).build();
    RequestBodyBuilder::new().required(Some(Required::True)).content("application/json", content).build()
}
