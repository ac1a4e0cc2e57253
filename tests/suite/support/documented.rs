//! The API document, as tests read it. Every answer of the suite is compared with it: its status is listed there, and so
//! is an error's code.

use serde_json::Value;
use std::collections::HashMap;
use std::sync::LazyLock;

/// The document.
pub static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(cell_records_server::document().text()).unwrap());

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Every operation: what it is called, such as `get /v1/me`, and what it says.
pub fn operations() -> Vec<(String, &'static Value)> {
    let mut found = Vec::new();
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for method in METHODS {
            found.extend(item.get(method).map(|operation| (format!("{method} {path}"), operation)));
        }
    }
    found
}

/// A part, wherever it is stated.
pub fn resolved(part: &Value) -> &Value {
    let to = part.get("$ref").and_then(Value::as_str).map(|to| to.trim_start_matches('#'));
    to.map_or(part, |to| DOCUMENT.pointer(to).unwrap_or_else(|| panic!("{to} leads nowhere")))
}

/// What an operation may answer.
struct Listed {
    name: String,
    takes_body: bool,
    /// The statuses, each with the codes of its errors.
    answers: HashMap<u16, Vec<String>>,
}

static LISTED: LazyLock<Vec<Listed>> = LazyLock::new(|| {
    let codes = |response: &Value| {
        let examples = &resolved(response)["content"]["application/problem+json"]["examples"];
        examples.as_object().into_iter().flat_map(|all| all.keys().cloned()).collect()
    };
    let listed = |(name, operation): (String, &Value)| Listed {
        name,
        takes_body: operation.get("requestBody").is_some(),
        answers: operation["responses"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(status, response)| (status.parse().unwrap(), codes(response)))
            .collect(),
    };
    let mut all: Vec<Listed> = operations().into_iter().map(listed).collect();
    // A name in a path goes before what may be any.
    all.sort_by_key(|one| one.name.matches('{').count());
    all
});

/// Asserts that the document has the code of every fault and warning of an answer, and of the items of a push.
#[track_caller]
pub fn check_faults(request: &str, body: &Value) {
    let listed = DOCUMENT["components"]["schemas"]["FaultCode"]["enum"].as_array().unwrap();
    let list = |of: &Value, name: &str| of[name].as_array().cloned().unwrap_or_default();
    for part in [body.clone()].into_iter().chain(list(body, "items")) {
        for fault in ["errors", "warnings"].iter().flat_map(|name| list(&part, name)) {
            assert!(listed.contains(&fault["code"]), "{request}: {fault} is not in the API document");
        }
    }
}

/// What only bodies are refused for; one may also be sent to where the document has none.
const OF_BODIES: [&str; 5] = ["bad_request", "invalid_json", "too_slow", "too_large", "unsupported_media_type"];

/// Asserts that the answer to a request (`GET /v1/me?x=1`) is one that the document lists.
#[track_caller]
pub fn check(request: &str, status: u16, code: &str) {
    let (method, path) = request.split_once(' ').unwrap();
    let called = format!("{} {}", method.to_lowercase(), path.split('?').next().unwrap());
    let parts = || called.split('/');
    let fits = |one: &&Listed| {
        one.name.split('/').count() == parts().count()
            && one.name.split('/').zip(parts()).all(|(listed, sent)| listed == sent || listed.starts_with('{'))
    };
    let Some(operation) = LISTED.iter().find(fits) else { return };
    if OF_BODIES.contains(&code) && !operation.takes_body {
        return;
    }
    let codes = operation.answers.get(&status);
    let listed = codes.is_some_and(|codes| codes.is_empty() || codes.iter().any(|one| one == code));
    assert!(listed, "{request}: {status} {code} is not in the API document, {}", operation.name);
}
