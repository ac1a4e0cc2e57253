//! What there is: the record types with their schemas, filters and the caller's rights, and the lists of codes.
//! A front end can draw its forms from these alone.

use crate::auth::caller::Who;
use crate::error::ApiResult;
use crate::http::openapi::Document;
use crate::store::policy;
use crate::store::registry::{COMMON_SORTS, KINDS, Kind};
use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use cell_records_types::codes::code_lists as lists;
use serde_json::{Value, json};

/// Every record type: its JSON Schemas, fields with their classes, filters and sorts, and what the caller's grants
/// read and write of it.
#[utoipa::path(
    tag = "types",
    responses((status = 200, description = "The types, in the order of a snapshot", body = Value, example = json!({"items": [{
        "name": "term", "collection": "/v1/terms", "class": "internal", "downward": false,
        "fields": [{"name": "label", "class": "internal", "required": true, "managed": false}],
        "filters": ["at"], "sorts": ["from", "id", "updated_at"], "search": null,
        "schema": {"$ref": "/openapi.json#/components/schemas/Term"},
        "rights": [{"grant_id": "01890a5d-ac96-774b-bcce-b302099a8057", "reads": "internal", "writes": "internal"}],
    }]})))
)]
#[get("/v1/record_types")]
pub async fn list_record_types(who: Who, document: Data<Document>) -> ApiResult<HttpResponse> {
    let items: Vec<Value> = KINDS.iter().map(|kind| of(kind, &who, &document)).collect();
    Ok(HttpResponse::Ok().json(json!({ "items": items })))
}

fn of(kind: &'static Kind, who: &Who, document: &Document) -> Value {
    let fields: Vec<Value> = kind
        .fields
        .iter()
        .map(|field| json!({"name": field.name, "class": field.class, "required": field.required, "managed": field.managed}))
        .collect();
    let rights: Vec<Value> = who
        .scope
        .grants
        .iter()
        .filter_map(|grant| {
            let rights = policy::rights(&grant.role, kind.name)?;
            Some(json!({
                "grant_id": grant.id, "role": grant.role, "unit_id": grant.unit, "reads": rights.reads, "writes": rights.writes,
                "except": rights.except, "only": rights.only,
            }))
        })
        .collect();
    let sorts: Vec<&str> = kind.sorts.iter().chain(&COMMON_SORTS).map(|sort| sort.name).collect();
    let filters: Vec<&str> = kind.filters.iter().map(|filter| filter.name).collect();
    let schemas = document.schemas(kind);
    json!({
        "name": kind.name, "collection": format!("/v1/{}", kind.plural), "class": kind.class, "downward": kind.downward,
        "fields": fields, "filters": filters, "sorts": sorts, "search": kind.search,
        "schema": schemas.answer, "create_schema": schemas.create, "patch_schema": schemas.patch, "rights": rights,
    })
}

/// Every enum with its codes and their Vietnamese and English labels.
#[utoipa::path(
    tag = "types",
    responses((status = 200, description = "The lists", body = Value, example = json!({"items": [{
        "name": "sex", "codes": [{"code": "male", "label_vi": "Nam", "label_en": "Male"}],
    }]})))
)]
#[get("/v1/code_lists")]
pub async fn list_code_lists(_who: Who) -> ApiResult<HttpResponse> {
    Ok(HttpResponse::Ok().json(json!({ "items": lists() })))
}
