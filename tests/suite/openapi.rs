//! The document: committed as it is served, whole, and true of what is routed.

use crate::support::documented::{DOCUMENT, operations, resolved};
use crate::support::on_both_engines;
use cell_records_server::store::registry::KINDS;
use serde_json::{Value, json};

/// Whether it has an example anywhere.
fn has_example(part: &Value) -> bool {
    let part = resolved(part);
    ["example", "examples"].iter().any(|name| part.get(name).is_some_and(|value| !value.is_null()))
        || part.get("content").and_then(Value::as_object).is_some_and(|content| content.values().any(has_example))
        || part.get("schema").is_some_and(has_example)
}

#[test]
fn the_committed_document_is_the_one_that_is_served() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi/cell-records-v1.json");
    let committed = std::fs::read_to_string(path).unwrap();
    let same = committed == cell_records_server::document().text();
    assert!(same, "openapi/cell-records-v1.json is old: cell-records openapi > openapi/cell-records-v1.json");
}

#[test]
fn every_operation_says_what_it_is_shows_an_example_and_names_its_errors() {
    let (mut ids, mut faults) = (std::collections::HashSet::new(), Vec::new());
    for (name, operation) in operations() {
        let mut fault = |what: &str| faults.push(format!("{name}: {what}"));
        if operation["summary"].as_str().is_none_or(str::is_empty) {
            fault("no summary");
        }
        if operation["tags"].as_array().is_none_or(Vec::is_empty) {
            fault("no tag");
        }
        if operation["operationId"].as_str().is_none_or(|id| !ids.insert(id)) {
            fault("no operation id of its own");
        }
        let responses = operation["responses"].as_object().unwrap();
        let good: Vec<&Value> =
            responses.iter().filter(|(status, _)| status.starts_with('2')).map(|(_, response)| response).collect();
        if good.is_empty() {
            fault("no success");
        }
        let plain = good.iter().all(|response| response.get("content").is_none());
        if !plain && !good.iter().any(|response| has_example(response)) {
            fault("no example of an answer");
        }
        if operation.get("requestBody").is_some_and(|body| !has_example(body)) {
            fault("no example of a body");
        }
        if name.contains(" /v1/") {
            for status in ["401", "503"] {
                if !responses.contains_key(status) {
                    fault(&format!("no {status}"));
                }
            }
        }
        for (status, response) in responses.iter().filter(|(status, _)| status.starts_with(['4', '5'])) {
            if resolved(response)["content"].get("application/problem+json").is_none() {
                fault(&format!("{status} is no problem"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn an_operation_id_is_a_verb_and_what_it_is_done_to() {
    let mut faults = Vec::new();
    for (name, operation) in operations() {
        let (method, path) = name.split_once(' ').unwrap();
        let id = operation["operationId"].as_str().unwrap();
        let verb = id.split('_').next().unwrap();
        let verbs: &[&str] = match method {
            "get" if path.ends_with('}') => &["get"],
            "get" if path.ends_with("/counts") => &["count"],
            "get" => &["list", "get", "pull"],
            "patch" | "put" => &["update"],
            "delete" => &["delete"],
            _ => &["create", "restore", "advance", "rotate", "push", "login", "logout", "refresh", "exchange"],
        };
        if !verbs.contains(&verb) {
            faults.push(format!("{name}: {id}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    fn walk(value: &Value) {
        resolved(value);
        match value {
            // An example may show a reference of its own.
            Value::Object(map) => map.iter().filter(|(name, _)| *name != "example").for_each(|(_, value)| walk(value)),
            Value::Array(list) => list.iter().for_each(walk),
            _ => {}
        }
    }
    walk(&DOCUMENT);
}

#[test]
fn everything_that_is_stated_among_the_components_is_used() {
    for (section, components) in DOCUMENT["components"].as_object().unwrap() {
        for name in components.as_object().unwrap().keys().filter(|_| section != "securitySchemes") {
            let reference = format!("\"#/components/{section}/{name}\"");
            assert!(DOCUMENT.to_string().contains(&reference), "{reference}");
        }
    }
}

#[test]
fn what_a_body_may_leave_out_has_its_default_in_the_schema() {
    let property = |schema: &str, name: &str| &DOCUMENT["components"]["schemas"][schema]["properties"][name];
    let mut checked = 0;
    for kind in &KINDS {
        let [answer, create, update] = kind.schema_names();
        for (name, text) in kind.defaults.iter().filter_map(|(name, text)| Some((*name, (*text)?))) {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(property(&create, name)["default"], value, "{create}.{name}");
            for other in [&answer, &update] {
                assert_eq!(property(other, name)["default"], Value::Null, "{other}.{name}");
            }
            checked += 1;
        }
    }
    assert!(checked > 5);
    for (schema, name, value) in [
        ("PushBatch", "mode", json!("record")),
        ("PushBatch", "return", json!("minimal")),
        ("PushBatch", "on_possible_duplicate", json!("store")),
        ("PushBatch", "dry_run", json!(false)),
        ("PushItem", "replace", json!(false)),
        ("Rotation", "overlap_seconds", json!(86_400)),
    ] {
        assert_eq!(property(schema, name)["default"], value, "{schema}.{name}");
    }
}

#[test]
fn the_names_of_the_record_types_are_listed_once() {
    fn count(value: &Value, of: &Value) -> usize {
        let inside: usize = match value {
            Value::Object(map) => map.values().map(|value| count(value, of)).sum(),
            Value::Array(list) => list.iter().map(|value| count(value, of)).sum(),
            _ => 0,
        };
        inside + usize::from(value == of)
    }
    let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
    assert_eq!(DOCUMENT["components"]["schemas"]["RecordTypeName"]["enum"], json!(names));
    assert_eq!(count(&DOCUMENT, &json!(names)), 1);
}

on_both_engines! {
    async fn every_plain_read_of_the_document_answers(server: empty) {
        let document = server.nobody().get("/openapi.json").await.is(200).body;
        assert_eq!(document, *DOCUMENT);
        let admin = server.administrator().await;
        let mut answered = 0;
        for (name, _) in operations() {
            let Some(path) = name.strip_prefix("get ").filter(|path| !path.contains('{')) else { continue };
            // A count says by what.
            let query = if path.ends_with("/counts") { "?group_by=unit_id" } else { "" };
            let answer = admin.get(&format!("{path}{query}")).await;
            // An administrator is no auditor, and of the records reads units only.
            let closed = KINDS.iter().any(|kind| kind.name != "unit" && path.trim_end_matches("/counts") == format!("/v1/{}", kind.plural));
            let expected = if path == "/v1/audit_events" || closed { 403 } else { 200 };
            assert_eq!(answer.status, expected, "{path}: {}", answer.text);
            answered += 1;
        }
        assert!(answered > 20);
        assert!(server.nobody().get("/docs/").await.is(200).text.contains("<title>cell-records API</title>"));
        assert_eq!(server.nobody().get("/docs").await.is(307).header("location"), "/docs/");
        let page = server.nobody().get("/docs/swagger-initializer.js").await.is(200).text;
        assert!(page.contains("\"persistAuthorization\": true"), "{page}");
    }
}
