//! The descriptions of the calls that every record type has, made from the registry. The table of the calls
//! ([`super::calls`]) says which of them belongs to which route.

use super::counts::MAX_FIELDS;
use super::examples::Examples;
use super::parts::{body, content, expand, filtered, negated, page_response, parameter, record_response, several};
use super::query::MAX_WORDS;
use super::read::MAX_IDS;
use crate::http::openapi::parameters::{one_of, reference, shared, text};
use crate::store::list::{FEW_RECORDS, Group};
use crate::store::moves::{MemberChange, Move};
use crate::store::registry::{COMMON_SORTS, Kind};
use crate::store::scope::FEW_UNITS;
use cell_records_types::accounts::Role;
use serde_json::json;
use utoipa::openapi::path::{Operation, OperationBuilder};
use utoipa::openapi::{Required, Response, ResponseBuilder};

fn operation(kind: &Kind, name: &str, summary: String, description: &str, parameters: &[&str]) -> OperationBuilder {
    let id = match name {
        "list" | "count" => format!("{name}_{}", kind.plural),
        "history" => format!("list_{}_history", kind.name),
        verb => format!("{verb}_{}", kind.name),
    };
    let operation = OperationBuilder::new()
        .operation_id(Some(id))
        .tag(kind.plural)
        .summary(Some(summary))
        .description(Some(description));
    parameters.iter().fold(operation, |operation, name| operation.parameter_ref(shared(name)))
}

/// The type in words, with its article.
fn a(kind: &Kind) -> String {
    let article = if kind.name.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {}", kind.name.replace('_', " "))
}

/// The answer to a write of what its caller does not read, or no more.
fn unseen() -> Response {
    ResponseBuilder::new().description("Done; the record is now where the caller does not read").build()
}

/// `GET /v1/{types}`
pub fn list(kind: &'static Kind, examples: &Examples) -> Operation {
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
    let ids = format!(
        "These records, in this order, on one page: at most {MAX_IDS}. What does not exist, is deleted or is not seen is left \
         out. Goes with `fields` and `expand` only."
    );
    let operation = operation(
        kind,
        "list",
        format!("Lists {} that the caller sees.", kind.plural.replace('_', " ")),
        "Pages by key: a record whose sort key stays is neither skipped nor doubled while others write. The next page needs \
         `cursor` only; other parameters must then be as before, but for `limit`. A filter, sort, search or count on a field \
         works over the grants that may read it; with none such: `403 field_not_readable`. A call examines a bounded \
         number of records: a page may be short, even empty, and still have a `next_cursor`: only a page without one is the last.\n\n\
         A filter of an optional field takes `null`: the records without a value. `<filter>_not` finds exactly what `<filter>` \
         does not, records without a value included; `<filter>!=…` means the same.",
        &["Limit", "Cursor", "Unit", "Subtree", "UpdatedSince", "Count", "Fields"],
    )
    .parameter(parameter("sort", one_of(sorts).into(), &orders))
    .parameter(expand(kind))
    .parameter(several("ids", reference(), Some(MAX_IDS), &ids).build());
    let example = json!({"items": [examples.record.clone()]});
    asked(kind, operation).response("200", page_response(&kind.page_name(), example)).build()
}

/// Adds the parameters by which a list and its counts are filtered.
fn asked(kind: &Kind, mut operation: OperationBuilder) -> OperationBuilder {
    operation = match &kind.search {
        None => operation,
        Some(search) if kind.sorts.iter().any(|sort| sort.name == search.field) => {
            operation.parameter_ref(shared("Query"))
        }
        Some(search) => {
            let of = search.other().map_or_else(String::new, |(other, _)| format!(" of the `{}`", other.name));
            let or = search.besides().map_or_else(String::new, |what| format!(", or the {what}"));
            let what = format!(
                "Words that the name{of} has, by their beginnings{or}: at most {MAX_WORDS}, blind to case and diacritics."
            );
            operation.parameter(parameter("q", text(), &what))
        }
    };
    for filter in kind.filters {
        operation = operation.parameter(filtered(kind, filter));
        if let Some(negation) = negated(kind, filter) {
            operation = operation.parameter(negation);
        }
    }
    operation
}

/// `GET /v1/{types}/counts`
pub fn counts(kind: &'static Kind, _: &Examples) -> Operation {
    let names = one_of(Group::of(kind).map(|group| group.name.to_owned()));
    let by = several("group_by", names.into(), Some(MAX_FIELDS), "The fields to group by, one or two.")
        .required(Required::True);
    let operation = operation(
        kind,
        "count",
        format!("Counts the {} that the caller sees, by one or two fields.", kind.plural.replace('_', " ")),
        "Filters and rights are those of the list: a field works over the grants that may read it. A group has its values, or \
         `null` for records without one, and its `count`; groups without records are left out. Above 1,000 groups: \
         `422 too_many_groups`.",
        &["Unit", "Subtree", "UpdatedSince"],
    )
    .parameter(by);
    let example = json!({"groups": [{"unit_id": "01890a5d-ac96-774b-bcce-b302099a8057", "count": 45}], "total": 45});
    let answer = ResponseBuilder::new().description("The groups");
    let answer = answer.content("application/json", content(&kind.counts_name(), example));
    asked(kind, operation).response("200", answer.build()).build()
}

/// `POST /v1/{types}`
pub fn create(kind: &Kind, examples: &Examples) -> Operation {
    let [answer, create, _] = kind.schema_names();
    operation(
        kind,
        "create",
        format!("Creates {}.", a(kind)),
        "An `id` made by the caller makes a repeat harmless, as does `Idempotency-Key`.",
        &["IdempotencyKey", "DryRun"],
    )
    .request_body(Some(body(&create, examples.create.clone())))
    .response("201", record_response("Created", &answer))
    .response("200", record_response("It is so already, or a dry run", &answer))
    .response("204", unseen())
    .build()
}

/// `GET /v1/{types}/{id}`
pub fn get(kind: &'static Kind, _: &Examples) -> Operation {
    let [answer, ..] = kind.schema_names();
    operation(
        kind,
        "get",
        format!("Reads {}.", a(kind)),
        "A deleted record is `410` with the time of its deletion. With `expand` the answer is never `304`: what the record \
         refers to may have changed.",
        &["RecordId", "AsOf", "Fields", "IfNoneMatch"],
    )
    .parameter(expand(kind))
    .response("200", record_response("The record", &answer))
    .response("304", ResponseBuilder::new().description("The copy is current").build())
    .build()
}

/// `PATCH /v1/{types}/{id}`
pub fn update(kind: &Kind, examples: &Examples) -> Operation {
    let [answer, _, patch] = kind.schema_names();
    let mut change = body(&patch, examples.change.clone());
    if let Some(content) = change.content.get("application/json").cloned() {
        change.content.insert("application/merge-patch+json".into(), content);
    }
    operation(
        kind,
        "update",
        format!("Changes {}.", a(kind)),
        "A JSON Merge Patch (RFC 7396): absent is untouched, `null` clears. One that changes nothing returns the same version. \
         `412` carries the current record in `current`.",
        &["RecordId", "IfMatch", "DryRun"],
    )
    .request_body(Some(change))
    .response("200", record_response("The record after the change", &answer))
    .response("204", unseen())
    .build()
}

/// `DELETE /v1/{types}/{id}`
pub fn delete(kind: &Kind, _: &Examples) -> Operation {
    operation(
        kind,
        "delete",
        format!("Deletes {}.", a(kind)),
        "`409 still_referenced` while live records point to it.",
        &["RecordId", "IfMatch", "DryRun"],
    )
    .response("204", ResponseBuilder::new().description("Deleted").build())
    .build()
}

/// `POST /v1/{types}/{id}/restore`
pub fn restore(kind: &Kind, _: &Examples) -> Operation {
    let [answer, ..] = kind.schema_names();
    operation(
        kind,
        "restore",
        format!("Brings a deleted {} back.", kind.name.replace('_', " ")),
        "Under the rules of a create.",
        &["RecordId", "IfMatchOptional", "IdempotencyKey", "DryRun"],
    )
    .response("200", record_response("The record", &answer))
    .response("204", unseen())
    .build()
}

/// `POST /v1/{types}/{id}/advance`
pub fn advance(kind: &Kind, examples: &Examples) -> Operation {
    let [answer, ..] = kind.schema_names();
    let moves: Vec<String> = kind.moves.iter().filter(|one| !one.from.is_empty()).map(described).collect();
    let what = format!(
        "The steps of a record are kept in `steps`; `state_reason` has the reason of the last one. The body names the state to move \
         to, the day (today when absent, and never before the step before), a reason where the move needs one, and in `fields` \
         what else changes with it, as a merge patch. A record that has moved on from its first state is not deleted. These are \
         all moves:\n\n| from | to | roles | needs |\n| --- | --- | --- | --- |\n{}",
        moves.join("\n")
    );
    operation(
        kind,
        "advance",
        format!("Moves {} to another state.", a(kind)),
        &what,
        &["RecordId", "IfMatch", "IdempotencyKey", "DryRun"],
    )
    .request_body(Some(body(&kind.advance_name(), examples.step.clone())))
    .response("200", record_response("The record after the step", &answer))
    .response("204", unseen())
    .build()
}

/// A row of the table of moves.
fn described(one: &Move) -> String {
    let codes = |codes: &[&str]| codes.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ");
    let roles: Vec<&str> = one.by.iter().map(Role::code).collect();
    let mut needs: Vec<String> = one.needs.iter().map(|name| format!("`{name}`")).collect();
    needs.extend(one.reason.then(|| "a reason".to_owned()));
    needs.extend(one.when.map(|when| format!("`{}` is one of {}", when.field, codes(when.codes))));
    needs.extend(one.member.map(|member| match member.change {
        MemberChange::CreateFromBody => "`member`: makes this member".to_owned(),
        MemberChange::Create => "makes the member".to_owned(),
        MemberChange::Update => "changes the member".to_owned(),
    }));
    format!("| {} | `{}` | {} | {} |", codes(one.from), one.to, codes(&roles), needs.join("; "))
}

/// `GET /v1/{types}/{id}/history`
pub fn history(kind: &Kind, _: &Examples) -> Operation {
    let example =
        json!({"items": [{"version": 2, "op": "delete", "at": "2026-01-31T08:00:00.000000Z", "changed": []}]});
    operation(
        kind,
        "history",
        format!("Lists every version of {}, the newest first.", a(kind)),
        "Those whose unit the caller sees, each with the fields that the caller may read there. What a writer is and is called \
         is said where the caller sees the unit that the writer's account belongs to. A page ends early where its versions \
         are large: only one without `next_cursor` is the last.",
        &["RecordId", "Limit", "Cursor"],
    )
    .response("200", page_response("HistoryEntryPage", example))
    .build()
}
