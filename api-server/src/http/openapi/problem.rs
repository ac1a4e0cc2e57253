//! The schema of the one body of errors: the fields that every error has, and what single codes add.

use crate::error::ERROR_CODES;
use cell_records_types::Timestamp;
use cell_records_types::problem::{Problem, ProblemFault};
use cell_records_types::sync::{Candidate, ItemResult};
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, KnownFormat, ObjectBuilder, RefBuilder, Type};
use utoipa::openapi::{Components, Ref, RefOr, Schema, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

/// The codes of errors.
const CODE: &str = "ErrorCode";
/// A record that prevents a deletion.
const RECORD_NAME: &str = "RecordName";

/// Adds the schema and those that it refers to.
pub fn add(components: &mut Components) {
    let RefOr::T(Schema::Object(mut problem)) = Problem::schema() else { return };
    let code =
        RefBuilder::new().ref_location_from_schema_name(CODE).description(Some("For a program. Stable.")).build();
    problem.properties.insert("code".into(), code.into());
    problem.properties.extend(additions().into_iter().map(|(name, schema)| (name.to_owned(), schema)));
    let codes =
        text().description(Some("What went wrong.")).enum_values(Some(ERROR_CODES.iter().map(|code| code.code)));
    let record = ObjectBuilder::new()
        .description(Some("A record, by its type and id."))
        .property("type", text())
        .property("id", uuid())
        .required("type")
        .required("id");
    components.schemas.insert(Problem::name().into_owned(), problem.into());
    components.schemas.insert(ProblemFault::name().into_owned(), ProblemFault::schema());
    components.schemas.insert(CODE.into(), codes.into());
    components.schemas.insert(RECORD_NAME.into(), record.into());
}

/// What single codes add.
fn additions() -> [(&'static str, RefOr<Schema>); 14] {
    [
        ("current", any().description(Some("`stale_version`: the current record, as the caller reads it.")).into()),
        ("etag", text().description(Some("`stale_version`: the `ETag` of `current`.")).into()),
        ("deleted_at", refers::<Timestamp>("`gone`: when the record was deleted.")),
        (
            "referenced_by",
            ArrayBuilder::new()
                .items(Ref::from_schema_name(RECORD_NAME))
                .description(Some(
                    "`still_referenced`: some of the records that refer to it, of those that the caller sees.",
                ))
                .into(),
        ),
        (
            "reason",
            text()
                .description(Some("`cursor_gone`: why."))
                .enum_values(Some(["expired", "epoch_changed", "scope_changed"]))
                .into(),
        ),
        (
            "resync",
            text().description(Some("`cursor_gone`: how to begin again.")).enum_values(Some(["snapshot"])).into(),
        ),
        ("floor_at", refers::<Timestamp>("`cursor_gone`: cursors from before this time are not valid any more.")),
        (
            "limits",
            ObjectBuilder::new()
                .description(Some("`too_large`: how much the body may have."))
                .property("bytes", number())
                .property("values", number())
                .property("items", number())
                .into(),
        ),
        ("batch", uuid().description(Some("`push_refused`: the id of the call.")).into()),
        (
            "applied",
            ObjectBuilder::new()
                .schema_type(Type::Boolean)
                .description(Some("`push_refused`: `false`, nothing is stored."))
                .into(),
        ),
        (
            "summary",
            ObjectBuilder::new()
                .description(Some("`push_refused`: how many items have each status."))
                .additional_properties(Some(number()))
                .into(),
        ),
        (
            "items",
            ArrayBuilder::new()
                .items(Ref::from_schema_name(ItemResult::name()))
                .description(Some("`push_refused`: the outcome of each item."))
                .into(),
        ),
        (
            "candidates",
            ArrayBuilder::new()
                .items(Ref::from_schema_name(Candidate::name()))
                .description(Some("`invalid`: the records that the body may double, of those that the caller sees."))
                .into(),
        ),
        (
            "error",
            text()
                .description(Some("The code of OAuth 2.0, where a token is exchanged."))
                .enum_values(Some(["invalid_client", "unsupported_grant_type"]))
                .into(),
        ),
    ]
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn number() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
}

fn uuid() -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
}

fn any() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(true)))
}

fn refers<T: ToSchema>(description: &str) -> RefOr<Schema> {
    RefBuilder::new().ref_location_from_schema_name(T::name()).description(Some(description)).build().into()
}
