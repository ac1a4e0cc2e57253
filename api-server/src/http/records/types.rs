//! What there is: the record types with the caller's rights, the lists of codes, and the numbers of regulations. A front end
//! can draw its tables and forms from these alone.

use super::metadata;
use crate::auth::caller::Who;
use crate::error::ApiResult;
use crate::http::etag;
use crate::http::files::StaticFile;
use crate::http::openapi::Document;
use crate::http::openapi::types::TypeText;
use crate::regulations;
use crate::store::policy::Rights;
use crate::store::registry::{KINDS, Kind};
use crate::store::scope::Scope;
use actix_web::http::header::ETAG;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use cell_records_types::codes;
use cell_records_types::metadata::{CodeInfo, CodeListInfo, RecordTypeInfo};
use cell_records_types::pages::Page;
use cell_records_types::rules::RuleInfo;
use serde_json::json;
use std::sync::LazyLock;

/// Every record type, with all that a front end needs to draw tables and forms.
///
/// Labels, fields, groups, filters, sorts, verbs and JSON Schemas. Each field says where the caller reads and writes it, each
/// verb where it may be done: in units of the caller's grants and all below them, of units one below another only the upper.
#[utoipa::path(
    tag = "types",
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` of the copy at hand: unchanged is `304`.")),
    responses(
        (status = 200, description = "The types, in the order of a snapshot", body = Page<RecordTypeInfo>, headers(("ETag" = String, description = "Of this answer, for `If-None-Match`")), example = json!({"items": [{
            "name": "term", "collection": "/v1/terms", "label_vi": "Nhiệm kỳ", "label_en": "Term", "label_plural_en": "Terms",
            "description": "A committee's term, from one congress to the next.", "class": "internal", "downward": false, "display": ["label"],
            "groups": [{"name": "term", "label_vi": "Nhiệm kỳ", "label_en": "Term"}],
            "fields": [{
                "name": "label", "label_vi": "Tên nhiệm kỳ", "label_en": "Label", "description": "Label, such as `2010–2015`.", "order": 2,
                "group": "term", "class": "internal", "required": true, "fixed": false, "managed": false, "computed": false,
                "value": {"type": "text", "max_length": 200},
                "readable_in": ["00000000-0000-7000-8000-000000000001"], "writable_in": ["00000000-0000-7000-8000-000000000001"],
            }],
            "filters": [{
                "name": "at", "label_vi": "Tại ngày", "label_en": "On the day", "description": "Holding on this date.", "field": "from",
                "value": {"type": "date"}, "many": false, "null": false,
            }],
            "sorts": [{"name": "from", "label_vi": "Bắt đầu từ ngày", "label_en": "From", "everywhere": false}],
            "verbs": [{
                "name": "create", "label_vi": "Thêm", "label_en": "Add", "method": "POST", "path": "/v1/terms", "if_match": false,
                "roles": ["committee_office", "committee_lead", "exchange_peer"], "allowed_in": ["00000000-0000-7000-8000-000000000001"],
            }],
            "schema": {"type": "object"}, "create_schema": {"type": "object"}, "update_schema": {"type": "object"},
        }]})),
        (status = 304, description = "The copy is current"),
    )
)]
#[get("/v1/record_types")]
pub async fn list_record_types(who: Who, document: Data<Document>, request: HttpRequest) -> ApiResult<HttpResponse> {
    let types = KINDS.iter().zip(document.types()).map(|(kind, one)| of_caller(kind, one, &who.scope));
    let body = format!(r#"{{"items":[{}]}}"#, types.collect::<Vec<String>>().join(","));
    let tag = etag::of_bytes(body.as_bytes());
    if etag::is_known(&request, &tag) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, tag)).finish());
    }
    Ok(HttpResponse::Ok().insert_header((ETAG, tag)).content_type("application/json").body(body))
}

/// A type with where the caller reads and writes its fields, and where it may do what.
fn of_caller(kind: &Kind, one: &TypeText, scope: &Scope) -> String {
    let (mut fields, mut verbs) = (one.fields.clone(), one.verbs.clone());
    for field in &mut fields {
        let Some(spec) = kind.any_field(&field.name) else { continue };
        field.readable_in = scope.reads_under(kind, &[spec]);
        let is_own = kind.field(spec.name).is_some();
        // The unit and the external ids are of the record as a whole.
        let writes =
            |rights: &Rights| if is_own { rights.writes_field(spec.name, spec.class) } else { rights.creates() };
        if !field.managed {
            field.writable_in = scope.writes_under(kind, writes);
        }
    }
    for verb in &mut verbs {
        verb.allowed_in = scope.writes_under(kind, |rights| metadata::allows(rights, &verb.name));
        for one in &mut verb.moves {
            one.allowed_in = scope.holds_under(kind, &one.roles);
        }
    }
    let json = |all: serde_json::Result<String>| all.unwrap_or_else(|_| "[]".into());
    let (fields, verbs) = (json(serde_json::to_string(&fields)), json(serde_json::to_string(&verbs)));
    format!(r#"{},"fields":{fields},"verbs":{verbs}}}"#, one.text)
}

/// Every enum with its codes and their Vietnamese and English labels.
///
/// A code that is not listed is one of a newer version: show it as it is.
#[utoipa::path(
    tag = "types",
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` of the copy at hand: unchanged is `304`.")),
    responses(
        (status = 200, description = "The lists", body = Page<CodeListInfo>, headers(("ETag" = String, description = "Of this answer, for `If-None-Match`")), example = json!({"items": [{
            "name": "sex", "codes": [{"code": "male", "label_vi": "Nam", "label_en": "Male"}],
        }]})),
        (status = 304, description = "The copy is current"),
    )
)]
#[get("/v1/code_lists")]
pub async fn list_code_lists(_who: Who, request: HttpRequest) -> ApiResult<HttpResponse> {
    static LISTS: LazyLock<StaticFile> = LazyLock::new(|| {
        let code = |one: &codes::Code| CodeInfo {
            code: one.code.into(),
            label_vi: one.label.vi.into(),
            label_en: one.label.en.into(),
        };
        let list = |list: &codes::CodeList| CodeListInfo {
            name: list.name.into(),
            codes: list.codes.iter().map(code).collect(),
        };
        let items: Vec<CodeListInfo> = codes::code_lists().iter().map(list).collect();
        StaticFile::new("application/json", json!({ "items": items }).to_string())
    });
    LISTS.answer(&request).await
}

/// The numbers of regulations that default dates and warnings are made of, with their sources.
///
/// Each has the dates from which its values are valid: the date of the fact chooses one. They refuse nothing.
#[utoipa::path(
    tag = "types",
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` of the copy at hand: unchanged is `304`.")),
    responses(
        (status = 200, description = "The rules", body = Page<RuleInfo>, headers(("ETag" = String, description = "Of this answer, for `If-None-Match`")), example = json!({"items": [{
            "name": "transfer_letter", "label_vi": "Thời hạn nộp giấy giới thiệu sinh hoạt đảng", "label_en": "Time to present the letter of introduction",
            "unit": "working_day", "values": [{"valid_from": "2025-07-01", "number": 30, "source_vi": "294-QĐ/TW", "source_en": "294-QĐ/TW"}],
        }]})),
        (status = 304, description = "The copy is current"),
    )
)]
#[get("/v1/rules")]
pub async fn list_rules(_who: Who, request: HttpRequest) -> ApiResult<HttpResponse> {
    static RULES: LazyLock<StaticFile> =
        LazyLock::new(|| StaticFile::new("application/json", json!({ "items": regulations::all() }).to_string()));
    RULES.answer(&request).await
}
