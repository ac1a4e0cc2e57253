//! The document: committed as it is served, whole, and true of what is routed.

use crate::support::on_both_engines;
use cell_records_client::types::accounts::Role;
use cell_records_server::store::registry::KINDS;
use serde_json::Value;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn document() -> Value {
    serde_json::from_str(&cell_records_server::document().text).unwrap()
}

/// Every operation: what it is called, and what it says.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in METHODS {
            found.extend(item.get(method).map(|operation| (format!("{method} {path}"), operation)));
        }
    }
    found
}

/// Whether it has an example anywhere.
fn has_example(document: &Value, part: &Value) -> bool {
    let named = part
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|reference| document.pointer(reference.trim_start_matches('#')));
    let part = named.unwrap_or(part);
    ["example", "examples"].iter().any(|name| part.get(name).is_some_and(|value| !value.is_null()))
        || part
            .get("content")
            .and_then(Value::as_object)
            .is_some_and(|content| content.values().any(|one| has_example(document, one)))
        || part.get("schema").is_some_and(|schema| has_example(document, schema))
}

#[test]
fn the_committed_document_is_the_one_that_is_served() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi/cell-records-v1.json");
    let committed = std::fs::read_to_string(path).unwrap();
    let same = committed == cell_records_server::document().text;
    assert!(same, "openapi/cell-records-v1.json is old: cell-records openapi > openapi/cell-records-v1.json");
}

#[test]
fn every_operation_says_what_it_is_shows_an_example_and_names_its_errors() {
    let document = document();
    let (mut ids, mut faults) = (std::collections::HashSet::new(), Vec::new());
    for (name, operation) in operations(&document) {
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
        let text_only = ["/healthz", "/readyz", "/.well-known/jwks.json"].iter().any(|path| name.ends_with(path));
        if !plain && !text_only && !good.iter().any(|response| has_example(&document, response)) {
            fault("no example of an answer");
        }
        if operation.get("requestBody").is_some_and(|body| !has_example(&document, body)) {
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
            let response = response["$ref"]
                .as_str()
                .and_then(|to| document.pointer(to.trim_start_matches('#')))
                .unwrap_or(response);
            if response["content"].get("application/problem+json").is_none() && !text_only {
                fault(&format!("{status} is no problem"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn an_operation_id_is_a_verb_and_what_it_is_done_to() {
    let mut faults = Vec::new();
    let document = document();
    for (name, operation) in operations(&document) {
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
    fn walk(document: &Value, value: &Value) {
        match value {
            Value::Object(map) => {
                if let Some(to) = map.get("$ref").and_then(Value::as_str) {
                    assert!(document.pointer(to.trim_start_matches('#')).is_some(), "{to}");
                }
                // An example may show a reference of its own.
                map.iter().filter(|(name, _)| *name != "example").for_each(|(_, value)| walk(document, value));
            }
            Value::Array(list) => list.iter().for_each(|value| walk(document, value)),
            _ => {}
        }
    }
    let document = document();
    walk(&document, &document);
}

on_both_engines! {
    async fn every_plain_read_of_the_document_answers(server: empty) {
        let document = server.nobody().get("/openapi.json").await.is(200).body;
        assert_eq!(document, self::document());
        let admin = server.administrator().await;
        let mut answered = 0;
        for (name, _) in operations(&document) {
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
        for path in ["/", "/docs"] {
            assert_eq!(server.nobody().get(path).await.is(307).header("location"), "/docs/");
        }
    }

    async fn every_example_of_a_create_and_a_change_works_on_the_demo(server: demo) {
        let office = server.acting(Role::CommitteeOffice, "ext:demo:ward").await;
        let document = document();
        for kind in &KINDS {
            let collection = format!("/v1/{}", kind.plural);
            let example = |method: &str, path: &str| {
                document["paths"][path][method]["requestBody"]["content"]["application/json"]["example"].clone()
            };
            let made = office.post(&collection, example("post", &collection)).await;
            // The demo has locked rounds only.
            if kind.fields.iter().any(|field| field.name == "round_id") {
                made.refused(409, "round_closed");
                continue;
            }
            let path = format!("{collection}/{}", made.is(201).id());
            let change = example("patch", &format!("{collection}/{{id}}"));
            assert_eq!(office.patch(&path, "*", change).await.is(200).body["version"], 2, "{}", kind.name);
        }
    }
}
