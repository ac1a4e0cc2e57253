//! The parts that the descriptions of calls are made of: schemas of parameters, bodies, answers.

use crate::http::openapi::headers;
use crate::store::filter::{Filter, Takes};
use cell_records_types::{Date, PartialDate, Reference, Timestamp};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::{Content, ContentBuilder, Ref, RefOr, Required, Response, ResponseBuilder, Schema};

/// A parameter of the query.
pub fn parameter(name: &str, schema: RefOr<Schema>, description: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .schema(Some(schema))
        .description(Some(description))
}

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

/// A parameter of several values, comma separated.
pub fn several(name: &str, of: RefOr<Schema>, description: &str) -> ParameterBuilder {
    let values = ArrayBuilder::new().items(of).min_items(Some(1));
    parameter(name, values.into(), description).style(Some(ParameterStyle::Form)).explode(Some(false))
}

/// The parameter of a filter.
pub fn filtered(filter: &Filter) -> Parameter {
    let schema = match filter.test.takes() {
        Takes::Codes(list) => {
            let codes = one_of(list.codes.iter().map(|code| code.code.to_owned()));
            return several(filter.name, codes.into(), &filter.test.description()).build();
        }
        Takes::Number => ObjectBuilder::new().schema_type(Type::Integer).into(),
        Takes::Flag => flag(),
        Takes::Word(word) => one_of([word.to_owned()]).into(),
        Takes::Reference(_) => reference(),
        Takes::PartialDate => Ref::from_schema_name(PartialDate::name()).into(),
        Takes::Day => Ref::from_schema_name(Date::name()).into(),
        Takes::Text => text(),
    };
    parameter(filter.name, schema, &filter.test.description()).build()
}

/// An answer of one record: its schema and the example of the same name. It has an `ETag`.
pub fn record_response(description: &str, schema: &str) -> Response {
    let example = Ref::new(format!("#/components/examples/{schema}"));
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(schema)))
        .examples_from_iter([("record", RefOr::Ref(example))]);
    ResponseBuilder::new()
        .description(description)
        .content("application/json", content.build())
        .header_ref("ETag", headers::named("ETag"))
        .build()
}

/// An answer of one page.
pub fn page_response(schema: &str, example: Value) -> Response {
    ResponseBuilder::new()
        .description("One page")
        .content("application/json", content(schema, example))
        .header_ref("Link", headers::named("Link"))
        .build()
}

/// The body of a request.
pub fn body(schema: &str, example: Value) -> RequestBody {
    RequestBodyBuilder::new()
        .required(Some(Required::True))
        .content("application/json", content(schema, example))
        .build()
}

fn content(schema: &str, example: Value) -> Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).example(Some(example)).build()
}
