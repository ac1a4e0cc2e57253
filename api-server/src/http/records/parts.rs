//! The parts that the descriptions of calls are made of: parameters, bodies, answers.

use super::expand::Expandable;
use crate::http::openapi::headers;
use crate::http::openapi::parameters::{flag, one_of, reference, text};
use crate::store::filter::{Filter, NULL, Takes};
use crate::store::registry::Kind;
use cell_records_types::{Date, PartialDate};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, ObjectBuilder, Type};
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

/// A parameter of several values, comma separated; `most` where there is a limit.
pub fn several(name: &str, of: RefOr<Schema>, most: Option<usize>, description: &str) -> ParameterBuilder {
    let values = ArrayBuilder::new().items(of).min_items(Some(1)).max_items(most);
    parameter(name, values.into(), description).style(Some(ParameterStyle::Form)).explode(Some(false))
}

/// The parameter of a filter.
pub fn filtered(kind: &Kind, filter: &Filter) -> Parameter {
    let null = if filter.takes_null(kind) { " `null`: without one." } else { "" };
    tested(kind, filter, filter.name, &format!("{}{null}", filter.test.description()))
}

/// The parameter that finds what a filter does not.
pub fn negated(kind: &Kind, filter: &Filter) -> Option<Parameter> {
    let null = if filter.takes_null(kind) { " `null`: with any." } else { "" };
    Some(tested(kind, filter, &filter.negation()?, &format!("All that `{}` does not find.{null}", filter.name)))
}

fn tested(kind: &Kind, filter: &Filter, name: &str, description: &str) -> Parameter {
    let or_null = |schema: RefOr<Schema>| match filter.takes_null(kind) {
        true => AnyOfBuilder::new().item(schema).item(one_of([NULL.to_owned()])).into(),
        false => schema,
    };
    let schema = match filter.test.takes() {
        Takes::Codes(list) => {
            let codes = one_of(list.codes.iter().map(|code| code.code.to_owned()));
            return several(name, or_null(codes.into()), None, description).build();
        }
        Takes::Number => ObjectBuilder::new().schema_type(Type::Integer).into(),
        Takes::Flag => flag(),
        Takes::Word(word) => one_of([word.to_owned()]).into(),
        Takes::Reference(_) => reference(),
        Takes::PartialDate => Ref::from_schema_name(PartialDate::name()).into(),
        Takes::Day => Ref::from_schema_name(Date::name()).into(),
        // A text may be `null` anyway.
        Takes::Text => return parameter(name, text(), description).build(),
    };
    parameter(name, or_null(schema), description).build()
}

/// The parameter `expand`.
pub fn expand(kind: &'static Kind) -> Parameter {
    let names = one_of(Expandable::of(kind).map(|one| one.name.to_owned()));
    let what = "References that are followed, one level: `expanded` then has the display text of each record that the caller sees. \
                `id` is the record itself.";
    several("expand", names.into(), None, what).build()
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

/// JSON of a schema.
pub fn content(schema: &str, example: Value) -> Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).example(Some(example)).build()
}
