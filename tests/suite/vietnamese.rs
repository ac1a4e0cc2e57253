//! What a caller is told is whole in the language that it asks for.

use crate::support::http::{Call, Caller, Reply};
use crate::support::items::item;
use crate::support::server::PASSWORD;
use crate::support::ward::{ROOT, Ward, figure, member, scheme, unit};
use crate::support::{Server, on_both_engines};
use cell_records_client::types::accounts::Role;
use cell_records_client::types::sync::{PushBatch, PushOp};
use cell_records_server::store::registry::KINDS;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashSet};

/// Words that belong to no language, and names that the contract has.
const TECHNICAL: &str = "json uuid rfc etag ext true false exact number cookie application unit from limit items \
                         grant_type client_credentials get code_lists record_types";

/// The words of a text in lower case, names among them, but for what stands in brackets behind the label that it belongs to:
/// `Nam (male)`.
fn words(text: &str) -> HashSet<String> {
    let is_word = |c: char| c.is_alphanumeric() || "_-.:".contains(c);
    let bare = text.split('(').enumerate().flat_map(|(part, text)| match text.split_once(')') {
        Some((code, rest)) if part > 0 && code.chars().all(is_word) => vec![rest],
        _ => vec![text],
    });
    let words = bare.flat_map(|text| text.split(|c: char| !is_word(c)).map(|word| word.trim_end_matches(['.', ':'])));
    words.filter(|word| word.len() > 2).map(str::to_lowercase).collect()
}

/// Every text of a problem, of warnings and of the items of a push, in order.
fn texts(body: &Value) -> Vec<&str> {
    let of = |list: &'static str| body[list].as_array().into_iter().flatten();
    let own = ["title", "detail"].into_iter().filter_map(|name| body[name].as_str());
    let faults = of("errors").chain(of("warnings")).filter_map(|fault| fault["message"].as_str());
    own.chain(faults).chain(of("items").flat_map(texts)).collect()
}

/// What is wrong with a text in Vietnamese, beside the same in English: words that are in both, names of fields and codes
/// without their labels, more than is worth reading.
fn fault(en: &str, vi: &str) -> Option<String> {
    // Parameters have no other names.
    let names_parameters = en.starts_with("There is no such parameter");
    let is_name = |word: &str| word.chars().all(|c| c.is_ascii_lowercase() || "_.".contains(c));
    let (en_words, vi_words) = (words(en), words(vi));
    let names = en_words.iter().filter(|word| word.contains('_') || vi_words.contains(*word));
    let left = names.filter(|word| is_name(word)).any(|word| !TECHNICAL.split_whitespace().any(|known| known == word));
    let is_sentence = vi.starts_with(char::is_uppercase) && vi.ends_with('.');
    let is_vietnamese = vi.chars().any(|c| c.is_alphabetic() && !c.is_ascii());
    let is_long = en.len().max(vi.len()) > 600;
    let is_wrong = !names_parameters && (left || is_long);
    (is_wrong || !is_sentence || !is_vietnamese).then(|| format!("{en}\n{vi}"))
}

/// Compares the answers to one request in both languages; returns what is wrong, and how many texts there are.
fn compare(english: &Reply, vietnamese: &Reply) -> (Vec<String>, usize) {
    assert_eq!((english.status, english.code()), (vietnamese.status, vietnamese.code()));
    assert_eq!((english.header("content-language"), vietnamese.header("content-language")), ("en", "vi"));
    let (en, vi) = (texts(&english.body), texts(&vietnamese.body));
    assert!(!en.is_empty() && en.len() == vi.len(), "{}\n{}", english.text, vietnamese.text);
    (en.iter().zip(&vi).filter_map(|(en, vi)| fault(en, vi)).collect(), vi.len())
}

/// Requests that are refused, or stored with a warning.
type Requests<'a> = Vec<Box<dyn Fn() -> Call + 'a>>;

/// What is wrong, and how many texts came.
type Seen = (BTreeSet<String>, usize);

/// Sends each in both languages.
async fn send(requests: Requests<'_>) -> Seen {
    let (mut faults, mut seen) = (BTreeSet::new(), 0);
    for request in requests {
        let (english, vietnamese) = (request().await, request().header("accept-language", "vi-VN").await);
        let (wrong, count) = compare(&english, &vietnamese);
        faults.extend(wrong);
        seen += count;
    }
    (faults, seen)
}

macro_rules! requests {
    ($($call:expr),+ $(,)?) => { vec![$(Box::new(move || $call) as Box<dyn Fn() -> Call>),+] };
}

/// What is wrong with the values of fields and parameters of every type.
fn of_values<'a>(writer: &'a Caller, ward: &'a Ward) -> Requests<'a> {
    let mut all: Requests<'a> = Vec::new();
    for kind in &KINDS {
        let path = format!("/v1/{}", kind.plural);
        let filters: Vec<String> = kind.filters.iter().map(|filter| format!("{}=zz.zz", filter.name)).collect();
        let query = format!(
            "{path}?{}&limit=x&sort=zz&fields=zz&expand=zz&count=zz&subtree=true&updated_since=zz&zz=1",
            filters.join("&")
        );
        let counts = format!("{path}/counts?group_by=zz");
        all.push(Box::new(move || writer.get(&query)));
        all.push(Box::new(move || writer.get(&counts)));
        for value in [
            json!(7),
            json!(-7),
            json!("zz"),
            json!(""),
            json!("z".repeat(5_000)),
            json!([7]),
            json!({"zz": 7}),
            json!([{"zz": 7}]),
            json!("\u{7}"),
        ] {
            let fields = kind.fields.iter().map(|field| (field.name.to_owned(), value.clone()));
            let mut body: serde_json::Map<_, _> = fields.collect();
            body.insert("zz".into(), value.clone());
            let path = path.clone();
            all.push(Box::new(move || writer.post(&path, json!(body))));
        }
        let path = path.clone();
        all.push(Box::new(move || writer.post(&path, json!({"unit_id": ward.a}))));
    }
    all
}

async fn of_accounts(server: &Server, ward: &Ward) -> Seen {
    let admin = &server.administrator().await;
    let system = server.acting(Role::ExchangePeer, &ward.ward).await.id;
    let (users, grants, tokens) =
        ("/v1/users", &format!("/v1/systems/{system}/grants"), &format!("/v1/systems/{system}/tokens"));
    let user = |name: &str, password: &str| json!({"username": name, "display_name": "A", "password": password});
    let own = &format!("/v1/users/{}", admin.id);
    send(requests![
        server.nobody().get("/v1/me"),
        server.nobody().post("/v1/auth/login", json!({"username": "nobody", "password": PASSWORD})),
        server.nobody().post("/v1/auth/refresh", json!({"refresh_token": "crr_0"})),
        server.nobody().verb("/v1/auth/refresh").header("cookie", "cell_records_refresh=crr_0"),
        server.nobody().post("/v1/auth/login", json!({})).header("idempotency-key", "k"),
        server.nobody().verb("/v1/auth/token").body("application/x-www-form-urlencoded", "grant_type=password"),
        admin.post(users, user("admin", PASSWORD)),
        admin.post(users, user("Văn phòng", "ngắn")),
        admin.post(users, user("ai-do", "ngắn")),
        admin.call(Method::PATCH, own).json(json!({})),
        admin.patch(own, "*", json!({})),
        admin.post(grants, json!({"role": "administrator", "unit_id": ROOT})),
        admin.post(grants, json!({"role": "zz", "unit_id": "zz", "until": "zz", "fields": ["zz", 7]})),
        admin.post(
            grants,
            json!({"role": "auditor", "unit_id": ROOT, "until": "2014-01-01T00:00:00Z", "fields": ["member.zz"]})
        ),
        admin.post(tokens, json!({"name": "", "expires_at": "2014-01-01T00:00:00Z", "grants": []})),
        admin.get("/v1/audit_events"),
        admin.get("/v1/members"),
        admin.get("/v1/users?limit=0&cursor=zz"),
        admin.call(Method::PUT, "/v1/me/password").json(json!({"current_password": "zz", "new_password": "zz"})),
    ])
    .await
}

async fn of_records(server: &Server, ward: &Ward) -> Seen {
    let office = &ward.office;
    let reader = &server.acting(Role::FrontendReader, &ward.ward).await;
    let secretary = &server.acting(Role::CellSecretary, &ward.a).await;
    let made = office.post("/v1/members", member(&ward.a)).await.is(201);
    let (path, stale) = (&format!("/v1/members/{}", made.id()), "\"7.00000000\"");
    let cell = &format!("/v1/units/{}", ward.a);
    let gone =
        &format!("/v1/reported_figures/{}", office.post("/v1/reported_figures", figure(&ward.a)).await.is(201).id());
    office.delete(gone, "*").await.is(204);
    let round = &format!("/v1/evaluation_rounds/{}", ward.round().await);
    // Begun: then its scheme cannot be changed.
    office.post(&format!("{round}/advance"), json!({"to": "self_rating"})).header("if-match", "*").await.is(200);
    let used_scheme = &format!("/v1/evaluation_schemes/{}", ward.scheme);
    let empty_stay = &json!({"unit_id": ward.b, "from": "2004-01-01", "to": "2003-01-01", "via": "admission"});
    let refused = |value: Value| {
        let mut body = member(&ward.a);
        body.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        body
    };
    let raw = |media: &'static str, body: &'static str| office.call(Method::POST, "/v1/members").body(media, body);
    send(requests![
        office.get("/v1/nothing"),
        office.call(Method::PUT, path),
        reader.get("/v1/members"),
        reader.post("/v1/units", unit("cell", &ward.ward)),
        secretary.get(&format!("/v1/units/{}/grants", ward.a)),
        secretary.post(&format!("{round}/advance"), json!({"to": "approved"})).header("if-match", "*"),
        raw("application/json", "{"),
        raw("application/json", "[]"),
        raw("application/json", "{\"a\": 1, \"a\": 2}"),
        raw("text/plain", "{}"),
        raw("application/json", "{}").header("content-encoding", "gzip"),
        raw("application/json", "{}").header("idempotency-key", &"k".repeat(256)),
        office.call(Method::PATCH, path).json(json!({})),
        office.patch(path, "7", json!({})),
        office.patch(path, stale, json!({})),
        office.get(gone),
        office.delete(cell, "*"),
        office.patch(cell, "*", json!({"address": "1"})),
        office.patch(cell, "*", json!({"kind": "grassroots_committee"})),
        office.patch(cell, "*", json!({"state": "merged", "parent_id": ward.a})),
        office.patch(cell, "*", json!({"established_on": "2010-01-01", "dissolved_on": "2009-01-01"})),
        office.patch(
            path,
            "*",
            json!({"status": "probationary", "left_on": "1990-01-01", "personal_id": "001280000001"})
        ),
        office.post("/v1/members", refused(json!({"birth_date": "1700", "party_age_start": "2001-01-01"}))),
        office.post("/v1/members", refused(json!({"unit_id": ward.ward, "official_date": "2004-01-01"}))),
        secretary.get("/v1/members?personal_id=001280000001"),
        office.post("/v1/members", refused(json!({"unit_history": [empty_stay]}))),
        office.patch(used_scheme, "*", json!({"name": "Khác"})),
        office.post("/v1/reported_figures", {
            let mut body = figure(&ward.a);
            body.as_object_mut().unwrap().retain(|name, _| !name.starts_with("period_") && !name.starts_with("as_of_"));
            body
        }),
        office.post("/v1/evaluation_schemes", {
            let mut body = scheme(&ward.ward);
            body["valid_to"] = json!("1899-01-01");
            body
        }),
        office.post(&format!("{round}/advance"), json!({"to": "locked"})).header("if-match", "*"),
        office.get("/v1/sync/changes?cursor=zz"),
        office.get("/v1/sync/changes?limit=zz&wait=zz&types=zz&units=zz&zz=1"),
        office.post("/v1/sync/push", json!({"items": []})),
    ])
    .await
}

on_both_engines! {
    async fn what_a_caller_is_told_is_in_vietnamese_where_it_prefers_that(server: empty) {
        let ward = server.ward().await;
        let all = [send(of_values(&ward.writer, &ward)).await, of_accounts(server, &ward).await, of_records(server, &ward).await];
        let seen: usize = all.iter().map(|(_, seen)| seen).sum();
        let faults: Vec<String> = all.into_iter().flat_map(|(faults, _)| faults).collect();
        assert!(faults.is_empty(), "{}", faults.join("\n\n"));
        assert!(seen > 500, "{seen} texts");
    }

    async fn the_items_of_a_push_say_in_vietnamese_why_they_are_refused(server: empty) {
        let ward = server.ward().await;
        let peer = server.acting(Role::ExchangePeer, &ward.ward).await;
        let id = ward.member(&ward.a).await.parse().unwrap();
        let unknown = uuid::Uuid::now_v7();
        let items = vec![
            item(PushOp::Update, "member", id, json!({"full_name": "Lê Văn Hai"})),
            item(PushOp::Create, "member", id, member(&ward.a)),
            item(PushOp::Update, "member", unknown, json!({"sex": "zz"})),
            item(PushOp::Create, "member", unknown, json!({"sex": "zz", "unit_id": "zz", "religion": "zz"})),
            item(PushOp::Create, "evaluation_scheme", unknown, scheme(&ward.ward)),
            item(PushOp::Create, "zz", unknown, json!({})),
        ];
        let body = serde_json::to_value(PushBatch::new(items)).unwrap();
        for mode in ["record", "all"] {
            let mut body = body.clone();
            body["mode"] = json!(mode);
            let push = |language: &str| {
                let key = format!("{mode} {language}");
                peer.post("/v1/sync/push", body.clone()).header("idempotency-key", &key).header("accept-language", language)
            };
            let (english, vietnamese) = (push("en").await, push("vi").await);
            let (wrong, count) = compare(&english, &vietnamese);
            assert!(wrong.is_empty() && count > 6, "{}", wrong.join("\n\n"));
        }
    }
}
