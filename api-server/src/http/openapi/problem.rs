//! The schema of the one body of errors: the fields that every error has, and what single codes add.

use crate::error::{
    ERROR_CODES, ErrorCode, FORBIDDEN, GONE, INVALID_HEADER, INVALID_PARAMETER, NOT_FOUND, STALE_VERSION,
};
use cell_records_types::Timestamp;
use cell_records_types::faults::FAULT_CODES;
use cell_records_types::problem::{Problem, ProblemFault};
use cell_records_types::record::RecordTypeName;
use cell_records_types::sync::{Candidate, ItemResult, MAX_CANDIDATES, MAX_PUSH_ITEMS};
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, KnownFormat, ObjectBuilder, RefBuilder, Type};
use utoipa::openapi::{Components, Ref, RefOr, Schema, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

/// The codes of errors.
const CODE: &str = "ErrorCode";
/// The codes of faults.
const FAULT_CODE: &str = "FaultCode";
/// A record that prevents a deletion.
const RECORD_NAME: &str = "RecordName";

/// The errors that are the code of a fault, too: of a parameter or header, and of an item of a push.
const FAULTS_OF_ERRORS: [&ErrorCode; 6] =
    [&INVALID_PARAMETER, &INVALID_HEADER, &NOT_FOUND, &FORBIDDEN, &GONE, &STALE_VERSION];

/// Adds the schema and those that it refers to.
pub fn add(components: &mut Components) {
    let (RefOr::T(Schema::Object(mut problem)), RefOr::T(Schema::Object(mut fault))) =
        (Problem::schema(), ProblemFault::schema())
    else {
        return;
    };
    let code = |name: &str| {
        RefBuilder::new().ref_location_from_schema_name(name).description(Some("For a program. Stable.")).build()
    };
    problem.properties.insert("code".into(), code(CODE).into());
    fault.properties.insert("code".into(), code(FAULT_CODE).into());
    problem.properties.extend(additions().into_iter().map(|(name, schema)| (name.to_owned(), schema)));
    let codes =
        text().description(Some("What went wrong.")).enum_values(Some(ERROR_CODES.iter().map(|code| code.code)));
    let of_errors = FAULTS_OF_ERRORS.iter().map(|code| code.code);
    let fault_codes = text()
        .description(Some("What is wrong in one place."))
        .enum_values(Some(FAULT_CODES.iter().map(|code| code.code).chain(of_errors)));
    let record = ObjectBuilder::new()
        .description(Some("A record, by its type and id."))
        .property("type", Ref::from_schema_name(RecordTypeName::name()))
        .property("id", uuid())
        .required("type")
        .required("id");
    components.schemas.insert(Problem::name().into_owned(), problem.into());
    components.schemas.insert(ProblemFault::name().into_owned(), fault.into());
    components.schemas.insert(CODE.into(), codes.into());
    components.schemas.insert(FAULT_CODE.into(), fault_codes.into());
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
                .max_items(Some(MAX_PUSH_ITEMS))
                .description(Some("`push_refused`: the outcome of each item."))
                .into(),
        ),
        (
            "candidates",
            ArrayBuilder::new()
                .items(Ref::from_schema_name(Candidate::name()))
                .max_items(Some(MAX_CANDIDATES))
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
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
    number.format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
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
