//! What there is: the record types with the caller's rights, and the lists of codes. A front end can draw its tables and
//! forms from these alone.

use crate::auth::caller::Who;
use crate::error::ApiResult;
use crate::http::etag;
use crate::http::files::StaticFile;
use crate::http::openapi::Document;
use crate::store::policy::{self, Rights};
use crate::store::registry::{KINDS, Kind};
use crate::store::scope::{Grant, Scope};
use actix_web::http::header::ETAG;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use cell_records_types::codes;
use cell_records_types::metadata::{CodeInfo, CodeListInfo, GrantPlace, RecordTypeInfo, RightsInfo};
use cell_records_types::pages::Page;
use cell_records_types::record::ENVELOPE;
use serde_json::json;
use std::sync::LazyLock;

/// Every record type, with all that a front end needs to draw tables and forms.
///
/// Labels, fields, groups, filters, sorts, verbs and JSON Schemas, and what the caller reads and writes where.
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
                "group": "term", "class": "internal", "required": true, "managed": false, "computed": false,
                "value": {"type": "text", "max_length": 200},
            }],
            "filters": [{
                "name": "at", "label_vi": "Tại ngày", "label_en": "On the day", "description": "Holding on this date.", "field": "from",
                "value": {"type": "date"}, "many": false, "null": false,
            }],
            "sorts": [{"name": "from", "label_vi": "Bắt đầu từ ngày", "label_en": "From", "everywhere": false}],
            "verbs": [{
                "name": "create", "label_vi": "Thêm", "label_en": "Add", "method": "POST", "path": "/v1/terms", "if_match": false,
                "roles": ["committee_office", "committee_lead", "exchange_peer"],
            }],
            "schema": {"type": "object"}, "create_schema": {"type": "object"}, "update_schema": {"type": "object"},
            "rights": [{
                "role": "committee_office", "reads": ["label"], "writes": ["label"], "creates": true,
                "grants": [{"id": "01890a5d-ac96-774b-bcce-b302099a8057", "unit_id": "00000000-0000-7000-8000-000000000001"}],
            }],
        }]})),
        (status = 304, description = "The copy is current"),
    )
)]
#[get("/v1/record_types")]
pub async fn list_record_types(who: Who, document: Data<Document>, request: HttpRequest) -> ApiResult<HttpResponse> {
    let types = document.types();
    let rights = KINDS.iter().map(|kind| serde_json::to_string(&rights(kind, &who.scope)).unwrap_or_default());
    let rights: Vec<String> = rights.collect();
    let tag = etag::of_bytes((types.digest.clone() + &rights.concat()).as_bytes());
    if etag::is_known(&request, &tag) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, tag)).finish());
    }
    let items: Vec<String> =
        types.texts.iter().zip(&rights).map(|(text, rights)| format!("{text}{rights}}}")).collect();
    let body = format!(r#"{{"items":[{}]}}"#, items.join(","));
    Ok(HttpResponse::Ok().insert_header((ETAG, tag)).content_type("application/json").body(body))
}

/// What the caller's grants let it read and write of a type: grants of one role that add the same fields are one entry.
fn rights(kind: &Kind, scope: &Scope) -> Vec<RightsInfo> {
    let mut alike: Vec<(Vec<&Grant>, Rights)> = Vec::new();
    for grant in &scope.grants {
        let Some(rights) = policy::rights(&grant.role, kind.name) else { continue };
        let same = |(known, _): &&mut (Vec<&Grant>, Rights)| {
            known.first().is_some_and(|one| one.role == grant.role && one.fields == grant.fields)
        };
        match alike.iter_mut().find(same) {
            Some((grants, _)) => grants.push(grant),
            None => alike.push((vec![grant], rights)),
        }
    }
    alike.into_iter().filter_map(|(grants, rights)| entry(kind, &grants, &rights)).collect()
}

fn entry(kind: &Kind, grants: &[&Grant], rights: &Rights) -> Option<RightsInfo> {
    let first = grants.first()?;
    let envelope = || ENVELOPE.iter().map(|field| field.name);
    let reads = kind.fields.iter().filter(|field| field.class <= rights.reads || first.names(kind, field.name));
    let writes = kind.fields.iter().filter(|field| !field.managed && rights.writes_field(field.name, field.class));
    let moves = ENVELOPE.iter().filter(|field| !field.managed && rights.creates());
    Some(RightsInfo {
        role: first.role.code().into(),
        grants: grants.iter().map(|grant| GrantPlace { id: grant.id, unit_id: grant.unit }).collect(),
        reads: envelope().chain(reads.map(|field| field.name)).map(str::to_owned).collect(),
        writes: moves.chain(writes).map(|field| field.name.to_owned()).collect(),
        creates: rights.creates(),
    })
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
