//! The descriptions of the calls that every record type has, made from the registry. The table of the calls
//! ([`super::calls`]) says which of them belongs to which route.

use super::examples::Examples;
use super::parts::{
    body, dry_run, filtered, flag, id, if_match, json_response, key, number, one_of, page, parameter, text, timestamp,
};
use crate::store::list::FEW_RECORDS;
use crate::store::registry::{COMMON_SORTS, Kind};
use crate::store::scope::FEW_UNITS;
use serde_json::json;
use utoipa::openapi::path::{Operation, OperationBuilder, ParameterIn};
use utoipa::openapi::schema::{AnyOf, ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr, ResponseBuilder, Schema};

fn operation(kind: &Kind, name: &str, summary: String, description: &str) -> OperationBuilder {
    let id = match name {
        "list" => format!("list_{}", kind.plural),
        "history" => format!("list_{}_history", kind.name),
        verb => format!("{verb}_{}", kind.name),
    };
    OperationBuilder::new()
        .operation_id(Some(id))
        .tag(kind.plural)
        .summary(Some(summary))
        .description(Some(description))
}

/// The type in words, with its article.
fn a(kind: &Kind) -> String {
    let article = if kind.name.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {}", kind.name.replace('_', " "))
}

fn one(kind: &Kind) -> RefOr<Schema> {
    let [answer, ..] = kind.schema_names();
    Ref::from_schema_name(answer).into()
}

/// `GET /v1/{types}`
pub fn list(kind: &Kind, examples: &Examples) -> Operation {
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
        orders += &format!(
            " By {}: only where the list is of at most {FEW_UNITS} units with at most {FEW_RECORDS} records.",
            narrow.join(" or ")
        );
    }
    let mut operation = operation(
        kind,
        "list",
        format!("Lists {} that the caller sees.", kind.plural.replace('_', " ")),
        "Pages by key: a record whose sort key stays is neither skipped nor doubled while others write. The next page needs \
         `cursor` only; other parameters must then be as before, but for `limit`. A filter, sort, search or count on a field \
         works over the grants that may read it; with none such: `403 field_not_readable`. A call examines a bounded \
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
            "Words that names begin with, at most 8, blind to case and diacritics: `hoang thi` finds `Hoàng Thị`. The list is \
             then sorted by name, unless `sort` says otherwise.",
        ));
    }
    for filter in kind.filters {
        operation = operation.parameter(filtered(filter));
    }
    // With `fields`, or for a caller who may not read them all, an item has some of the fields only.
    let some = ObjectBuilder::new().schema_type(Type::Object).description(Some("The chosen fields.")).build();
    let mut items = AnyOf::new();
    items.items = vec![one(kind), Schema::from(some).into()];
    let example = json!({"items": [examples.record.clone()]});
    operation
        .response("200", json_response("One page", page(Schema::AnyOf(items).into()).into(), example, false))
        .build()
}

/// `POST /v1/{types}`
pub fn create(kind: &Kind, examples: &Examples) -> Operation {
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
    .response("201", json_response("Created", one(kind), examples.record.clone(), true))
    .response("200", json_response("It is so already, or a dry run", one(kind), examples.record.clone(), true))
    .build()
}

/// `GET /v1/{types}/{id}`
pub fn get(kind: &Kind, examples: &Examples) -> Operation {
    operation(kind, "get", format!("Reads {}.", a(kind)), "A deleted record is `410` with the time of its deletion.")
        .parameter(id())
        .parameter(parameter("as_of", ParameterIn::Query, timestamp(), "The record as it was at this timestamp."))
        .parameter(parameter(
            "If-None-Match",
            ParameterIn::Header,
            text(),
            "The `ETag` of the copy at hand: unchanged is `304`.",
        ))
        .response("200", json_response("The record", one(kind), examples.record.clone(), true))
        .response("304", ResponseBuilder::new().description("The copy is current").build())
        .build()
}

/// `PATCH /v1/{types}/{id}`
pub fn update(kind: &Kind, examples: &Examples) -> Operation {
    let [_, _, patch] = kind.schema_names();
    let mut change = body(patch, examples.change.clone());
    if let Some(content) = change.content.get("application/json").cloned() {
        change.content.insert("application/merge-patch+json".into(), content);
    }
    operation(
        kind,
        "update",
        format!("Changes {}.", a(kind)),
        "A JSON Merge Patch (RFC 7396): absent is untouched, `null` clears. One that changes nothing returns the same version. \
         `412` carries the current record in `current`.",
    )
    .parameter(id())
    .parameter(if_match(true))
    .parameter(dry_run())
    .request_body(Some(change))
    .response("200", json_response("The record after the change", one(kind), examples.record.clone(), true))
    .response("204", ResponseBuilder::new().description("Done; it is now where the caller does not read").build())
    .build()
}

/// `DELETE /v1/{types}/{id}`
pub fn delete(kind: &Kind, _: &Examples) -> Operation {
    operation(kind, "delete", format!("Deletes {}.", a(kind)), "`409 still_referenced` while live records point to it.")
        .parameter(id())
        .parameter(if_match(true))
        .parameter(dry_run())
        .response("204", ResponseBuilder::new().description("Deleted").build())
        .build()
}

/// `POST /v1/{types}/{id}/restore`
pub fn restore(kind: &Kind, examples: &Examples) -> Operation {
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
    .response("200", json_response("The record", one(kind), examples.record.clone(), true))
    .build()
}

/// `GET /v1/{types}/{id}/history`
pub fn history(kind: &Kind, examples: &Examples) -> Operation {
    let entry = Ref::from_schema_name("HistoryEntry");
    let example = json!({"items": [{"version": 1, "op": "create", "at": "2026-01-31T08:00:00Z", "changed": [], "record": examples.record.clone()}]});
    operation(
        kind,
        "history",
        format!("Lists every version of {}, the newest first.", a(kind)),
        "Those whose unit the caller sees, each with the fields that the caller may read there. A page ends early where its \
         versions are large: only one without `next_cursor` is the last.",
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
