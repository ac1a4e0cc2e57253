//! A server of a later year: a proxy before a real one that adds to every answer what a later version may add without a new
//! version of the protocol. Fields to every object, codes, record types, operations of the feed, headers.

use super::server::Server;
use cell_records_client::testing::{Reply, Request, TestServer};
use cell_records_client::types::fields::Shape;
use cell_records_client::types::{TypeInfo, Uuid};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Map, Value, json};

/// What a later code begins with. In requests it is taken away: what the later server said, it understands.
pub const LATER: &str = "next_year_";
/// A field of every object.
pub const FIELD: &str = "next_year";
/// How many records of the type `oath` there are, which no version of today knows.
pub const OATHS: u128 = 2;

/// Objects whose members are named by data.
const NAMED: [&str; 4] = ["counts", "summary", "dimensions", "expanded"];
/// Members that hold a code of a list which may grow, outside of records.
const CODES: [&str; 10] =
    ["reason", "matched_by", "role", "kind", "account_kind", "actor_kind", "class", "reads", "writes", "action"];
/// What answers carry besides their body.
const HEADERS: [&str; 6] = ["etag", "location", "link", "retry-after", "x-request-id", "idempotent-replayed"];

/// An oath.
pub fn oath(number: u128) -> Uuid {
    Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + number)
}

impl Server {
    /// The same server as it will be next year.
    pub fn next_year(&self) -> TestServer {
        let (target, runtime) = (self.url.clone(), tokio::runtime::Handle::current());
        let http = reqwest::Client::builder().tls_certs_only([]).redirect(reqwest::redirect::Policy::none());
        let http = http.build().unwrap();
        TestServer::start(move |_, request| {
            if let Some(id) = request.line.strip_prefix("GET /v1/oaths/") {
                let known = (1..=OATHS).map(oath).find(|known| known.to_string() == id);
                let missing = || Reply::problem(404, "not_found");
                return known.map_or_else(missing, |id| Reply::json(record(id)).header("ETag", "\"1.a\""));
            }
            runtime.block_on(passed_on(&http, &target, request))
        })
    }
}

async fn passed_on(http: &reqwest::Client, target: &str, request: &Request) -> Reply {
    let (method, path) = request.line.split_once(' ').unwrap();
    let url = format!("{target}{path}");
    let mut call = http.request(Method::from_bytes(method.as_bytes()).unwrap(), url);
    let own = ["host", "connection", "content-length", "accept-encoding"];
    for (name, value) in request.headers.iter().filter(|(name, _)| !own.contains(&name.as_str())) {
        call = call.header(name, value);
    }
    let answer = call.body(request.body.replace(&format!("\"{LATER}"), "\"")).send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let mut body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default();
    grow(&mut body, "");
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    match (method, path) {
        ("GET", "/v1/sync/changes") if status == 200 => feed(&mut body, !query.contains("types=")),
        ("POST", "/v1/sync/push") => results(&mut body),
        ("GET", "/v1/record_types") => {
            let mut described = body["items"][0].clone();
            described["name"] = json!("oath");
            described["collection"] = json!("/v1/oaths");
            body["items"].as_array_mut().unwrap().insert(0, described);
        }
        ("GET", "/v1/sync") => {
            for (name, later) in [("protocol", "2"), ("schema", "2027-11"), ("types", "oath")] {
                body[name].as_array_mut().unwrap().push(json!(later));
            }
        }
        _ if status >= 400 => refusal(&mut body),
        _ if method != "GET" => {
            let written = body.as_object_mut().filter(|body| body.contains_key("version"));
            written.into_iter().for_each(warn);
        }
        _ => {}
    }
    kept(&headers).into_iter().fold(Reply::new(status, body), |reply, (name, value)| reply.header(&name, &value))
}

/// The headers of an answer, with more.
fn kept(headers: &HeaderMap) -> Vec<(String, String)> {
    let kept =
        HEADERS.iter().filter_map(|name| Some(((*name).to_owned(), headers.get(*name)?.to_str().ok()?.to_owned())));
    let more = [("Next-Year", "1"), ("Deprecation", "@1830000000"), ("Link", "</v2>; rel=\"successor-version\"")];
    kept.chain(more.map(|(name, value)| (name.to_owned(), value.to_owned()))).collect()
}

/// Adds a field to every object, and makes later codes of the codes.
fn grow(value: &mut Value, name: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| grow(item, name)),
        Value::Object(map) => {
            let known = map.get("type").and_then(Value::as_str).and_then(TypeInfo::named);
            for field in known.into_iter().flat_map(|one| one.fields) {
                map.get_mut(field.name).into_iter().for_each(|value| recode(value, &field.shape));
            }
            let is_record = known.is_some() && !map.contains_key("op");
            for (part, value) in map.iter_mut() {
                // Of metadata, the type of a value is a code, too.
                if !is_record && (CODES.contains(&part.as_str()) || (name == "value" && part == "type")) {
                    later(value);
                }
                grow(value, part);
            }
            if !NAMED.contains(&name) {
                map.insert(FIELD.to_owned(), json!({"since": 2027, "by": [{"deep": u64::MAX}], "note": null}));
            }
        }
        _ => {}
    }
}

fn later(value: &mut Value) {
    if let Value::String(code) = value {
        code.insert_str(0, LATER);
    }
}

/// Makes later codes of the codes in a field of a record.
fn recode(value: &mut Value, shape: &Shape) {
    match (shape, value) {
        (Shape::Code(_), value) => later(value),
        (Shape::List { of, .. }, Value::Array(items)) => items.iter_mut().for_each(|item| recode(item, of)),
        (Shape::Object(parts), Value::Object(map)) => {
            for part in *parts {
                map.get_mut(part.name).into_iter().for_each(|value| recode(value, &part.shape));
            }
        }
        _ => {}
    }
}

fn record(id: Uuid) -> Value {
    let at = "2027-01-01T00:00:00Z";
    json!({"id": id, "type": "oath", "version": 1, "unit_id": id, "external_ids": [], "created_at": at, "updated_at": at, "words": "…"})
}

/// Adds records of a later type, and operations.
fn feed(page: &mut Value, oaths: bool) {
    page["schema"] = json!("2027-11");
    let begins = page["reset"] == true && oaths;
    let changes = page["changes"].as_array_mut().unwrap();
    if begins {
        changes.splice(0..0, (1..=OATHS).map(oath).map(|id| {
            json!({"op": "upsert", "type": "oath", "id": id, "version": 1, "unit_id": id, "changed_at": "2027-01-01T00:00:00Z", "record": record(id)})
        }));
    }
    if let Some(end) = changes.iter_mut().find(|change| change["op"] == "snapshot_end" && oaths) {
        end["counts"]["oath"] = json!(OATHS);
    }
    if !changes.is_empty() {
        changes.insert(0, json!({"op": "merge", "type": "member", "id": [oath(1), oath(2)], "version": "1.2"}));
        changes.push(json!({"op": "sealed", "at": {"seq": 7}}));
    }
}

/// Warns of every item, and has another word for an item that changes nothing.
fn results(body: &mut Value) {
    for result in body.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
        if result["status"] == "unchanged" {
            later(&mut result["status"]);
        }
        warn(result.as_object_mut().unwrap());
        refusal(result);
    }
}

fn warn(body: &mut Map<String, Value>) {
    let warnings = body.entry("warnings").or_insert_with(|| json!([]));
    let warning =
        json!({"pointer": "/words", "code": "next_year_doubt", "message": "Somebody doubts it.", "doubts": 1});
    warnings.as_array_mut().unwrap().push(warning);
}

/// Has later codes for what is refused, but for those that say what to do.
fn refusal(body: &mut Value) {
    let said = ["cursor_gone", "cursor_invalid", "epoch_changed", "outcome_unknown", "push_refused"];
    body.get_mut("code").filter(|code| !said.iter().any(|said| *code == said)).into_iter().for_each(later);
    let faults = body.get_mut("errors").and_then(Value::as_array_mut);
    faults.into_iter().flatten().for_each(|fault| later(&mut fault["code"]));
}
