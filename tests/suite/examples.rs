//! The examples of bodies in the API document: each is sent to a fresh demo as it is printed, and does what it says.

use crate::support::documented::{operations, resolved};
use crate::support::http::{Call, Caller, Reply};
use crate::support::on_both_engines;
use crate::support::ward::changes;
use cell_records_server::store::registry::KINDS;
use reqwest::Method;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The operations with a body, and which of their examples were sent.
struct Examples {
    operations: BTreeMap<String, &'static Value>,
    sent: BTreeSet<String>,
    /// What works, by what the examples show in its place.
    secrets: BTreeMap<&'static str, String>,
}

impl Examples {
    fn new() -> Self {
        let operations = operations().into_iter().filter(|(_, operation)| operation.get("requestBody").is_some());
        Examples { operations: operations.collect(), sent: BTreeSet::new(), secrets: BTreeMap::new() }
    }

    /// Sends the example of an operation to a path, and asserts that it gets the first success that is documented.
    async fn send(&mut self, caller: &Caller, name: &str, path: &str) -> Reply {
        let operation = self.operations.get(name).unwrap_or_else(|| panic!("no operation with a body: {name}"));
        let content = operation["requestBody"]["content"].as_object().unwrap();
        let success = operation["responses"].as_object().unwrap().keys().find(|status| status.starts_with('2'));
        let created = operation["responses"].get("201").map(|_| "201");
        let success: u16 = created.or(success.map(String::as_str)).unwrap().parse().unwrap();
        let has_etag =
            operation["parameters"].as_array().unwrap().iter().any(|one| resolved(one)["name"] == "If-Match");
        let (media, content) = content.iter().next().unwrap();
        let example = self.filled(&content["example"]);
        let (method, _) = name.split_once(' ').unwrap();
        let call: Call = caller.call(Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(), path);
        let call = if has_etag { call.header("if-match", "*") } else { call };
        let call = if name == "post /v1/sync/push" { call.header("idempotency-key", "example") } else { call };
        let call = if media == "application/x-www-form-urlencoded" {
            let pairs =
                example.as_object().unwrap().iter().map(|(name, value)| format!("{name}={}", value.as_str().unwrap()));
            call.body(media, pairs.collect::<Vec<_>>().join("&"))
        } else {
            call.body(media, example.to_string())
        };
        let reply = call.await.is(success);
        self.sent.insert(name.to_owned());
        reply
    }

    /// The example with what works in place of what it shows.
    fn filled(&self, example: &Value) -> Value {
        let secret = |(name, value): (&String, &Value)| {
            let known = self.secrets.iter().find(|(shown, _)| value.as_str() == Some(*shown));
            (name.clone(), known.map_or(value.clone(), |(_, secret)| Value::from(secret.as_str())))
        };
        example.as_object().unwrap().iter().map(secret).collect()
    }

    fn learn(&mut self, shown: &'static str, secret: &Value) {
        self.secrets.insert(shown, secret.as_str().unwrap().to_owned());
    }
}

on_both_engines! {
    async fn every_example_of_a_body_does_on_a_fresh_demo_what_it_says(server: demo) {
        let (admin, nobody) = (server.administrator().await, server.nobody());
        let writer = server.writer("ext:demo:ward").await;
        let mut examples = Examples::new();

        let made = examples.send(&admin, "post /v1/users", "/v1/users").await;
        let user = made.id();
        // Only the program makes the demo's users, with passwords of their own: this one logs in for them.
        examples.learn("van-phong", &made.body["username"]);
        examples.send(&admin, "post /v1/users/{id}/grants", &format!("/v1/users/{user}/grants")).await;
        let login = examples.send(&nobody, "post /v1/auth/login", "/v1/auth/login").await.body;
        examples.learn("crr_…", &login["refresh_token"]);
        let login = examples.send(&nobody, "post /v1/auth/refresh", "/v1/auth/refresh").await.body;
        examples.learn("crr_…", &login["refresh_token"]);
        let own = nobody.with(login["access_token"].as_str());
        examples.send(&own, "put /v1/me/password", "/v1/me/password").await;
        examples.send(&nobody, "post /v1/auth/logout", "/v1/auth/logout").await;
        examples.send(&admin, "patch /v1/users/{id}", &format!("/v1/users/{user}")).await;

        let system = examples.send(&admin, "post /v1/systems", "/v1/systems").await.id();
        let of_system = format!("/v1/systems/{system}");
        examples.send(&admin, "post /v1/systems/{id}/grants", &format!("{of_system}/grants")).await;
        let token = examples.send(&admin, "post /v1/systems/{id}/tokens", &format!("{of_system}/tokens")).await;
        examples.learn("crt_…", &token.body["token"]);
        examples.send(&nobody, "post /v1/auth/token", "/v1/auth/token").await;
        let rotate = format!("{of_system}/tokens/{}/rotate", token.id());
        examples.send(&admin, "post /v1/systems/{id}/tokens/{token}/rotate", &rotate).await;
        examples.send(&admin, "patch /v1/systems/{id}", &of_system).await;

        let push = examples.send(&writer, "post /v1/sync/push", "/v1/sync/push").await.body;
        for item in push["items"].as_array().unwrap() {
            assert!(["created", "updated"].contains(&item["status"].as_str().unwrap()), "{item}");
        }
        for kind in &KINDS {
            let collection = format!("/v1/{}", kind.plural);
            let made = examples.send(&writer, &format!("post {collection}"), &collection).await;
            assert!(made.warnings().is_empty(), "{}: {}", kind.name, made.text);
            let path = format!("{collection}/{}", made.id());
            let changed = examples.send(&writer, &format!("patch {collection}/{{id}}"), &path).await;
            assert_eq!(changed.body["version"], if changes(kind) { 2 } else { 1 }, "{}", kind.name);
            if !kind.moves.is_empty() {
                let advance = format!("post {collection}/{{id}}/advance");
                examples.send(&writer, &advance, &format!("{path}/advance")).await;
            }
        }
        let all: BTreeSet<String> = examples.operations.keys().cloned().collect();
        assert_eq!(examples.sent, all);
    }

    async fn a_create_needs_what_the_document_requires(server: demo) {
        let writer = server.writer("ext:demo:ward").await;
        for kind in &KINDS {
            let collection = format!("/v1/{}", kind.plural);
            let [_, create, _] = kind.schema_names();
            let schema = &crate::support::documented::DOCUMENT["components"]["schemas"][&create];
            let required: BTreeSet<&str> = schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            let whole = kind.sample().create;
            for name in schema["properties"].as_object().unwrap().keys() {
                let mut body = whole.clone();
                if body.as_object_mut().unwrap().remove(name).is_none() {
                    continue;
                }
                let reply = writer.post(&format!("{collection}?dry_run=true"), body).await;
                let pointer = format!("/{name}");
                let is_missed = reply.body["errors"].as_array().into_iter().flatten().any(|fault| fault["pointer"] == pointer.as_str() && fault["code"] == "required");
                // What not every record needs, or not every reader has, is optional in the schema: its description says when it is required.
                let property = &schema["properties"][name];
                let description = [property, &property["oneOf"][0]].iter().find_map(|place| place["description"].as_str()).unwrap_or_default();
                let is_required = required.contains(name.as_str());
                assert!(!is_required || is_missed, "{} {name}: {}", kind.name, reply.text);
                assert!(!is_missed || is_required || description.contains("equired"), "{} {name}: {}", kind.name, reply.text);
            }
        }
    }
}
