//! Accounts over HTTP, on SQLite: who administers whom, and what ends when.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use cell_records_server::auth::passwords::Cost;
use cell_records_server::config::{Config, Settings};
use cell_records_server::server::{self, Running};
use cell_records_server::state::Shared;
use cell_records_server::store::accounts;
use cell_records_server::store::audit::By;
use cell_records_server::store::grants::{self, NewGrant};
use cell_records_server::store::items::{Caller, Command, Expected, Item};
use cell_records_server::store::registry::UNIT;
use cell_records_server::store::scope::ROOT;
use cell_records_types::accounts::{CallerKind, Role};
use cell_records_types::sync::PushOp;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

const PASSWORD: &str = "con mèo ngồi trên mái nhà";

/// A server with two wards under one province.
struct House {
    running: Running,
    ward: Uuid,
    other: Uuid,
    _folder: tempfile::TempDir,
}

async fn house() -> House {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.db");
    let settings = Settings {
        database_url: Some(format!("sqlite://{}", file.display())),
        listen: Some("127.0.0.1:0".into()),
        workers: Some(2),
        admin_password: Some(PASSWORD.into()),
        ..Settings::default()
    };
    let mut config = Config::judge(settings).unwrap();
    config.accounts.password_cost = Cost::Test;
    let running = server::start(&config).await.unwrap();
    assert!(running.admin_password.is_none());
    let province = unit(&running.shared, ROOT, "provincial_committee").await;
    let ward = unit(&running.shared, province, "grassroots_committee").await;
    let other = unit(&running.shared, province, "grassroots_committee").await;
    House { running, ward, other, _folder: folder }
}

impl House {
    fn client(&self) -> Client {
        Client { url: format!("http://{}", self.running.addr), http: reqwest::Client::new() }
    }
}

async fn unit(shared: &Shared, parent: Uuid, kind: &str) -> Uuid {
    let id = Uuid::now_v7();
    let body = json!({"kind": kind, "name": format!("Tổ chức {id}"), "parent_id": parent});
    let body = body.as_object().cloned().unwrap();
    let item = Item::new(UNIT, PushOp::Create, Some(id.into()), Expected::Any, body, "");
    shared.writer.submit(Command::one(Caller::operator(), item)).await.unwrap();
    id
}

struct Answer {
    status: u16,
    body: Value,
    replayed: bool,
}

impl Answer {
    fn code(&self) -> String {
        self.body["errors"][0]["code"].as_str().unwrap_or_default().to_owned()
    }

    fn id(&self) -> String {
        assert_eq!(self.status, 201, "{}", self.body);
        self.body["id"].as_str().unwrap().to_owned()
    }
}

struct Client {
    url: String,
    http: reqwest::Client,
}

impl Client {
    async fn send(&self, method: Method, path: &str, token: &str, body: Option<Value>, key: Option<&str>) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let (status, replayed) = (response.status().as_u16(), response.headers().contains_key("idempotent-replayed"));
        let text = response.bytes().await.unwrap();
        Answer { status, body: serde_json::from_slice(&text).unwrap_or_default(), replayed }
    }

    async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(Method::GET, path, token, None, None).await
    }

    async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.send(Method::POST, path, token, Some(body), None).await
    }

    async fn login(&self, username: &str) -> (String, String) {
        let answer = self.post("/v1/auth/login", "", json!({"username": username, "password": PASSWORD})).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let text = |name: &str| answer.body[name].as_str().unwrap().to_owned();
        (text("access_token"), text("refresh_token"))
    }

    /// A user of a unit with a role over it.
    async fn user(&self, admin: &str, username: &str, unit: Uuid, role: &str) -> String {
        let new = json!({"username": username, "display_name": username, "password": PASSWORD, "unit_id": unit});
        let id = self.post("/v1/users", admin, new).await.id();
        let grant = json!({"role": role, "unit_id": unit});
        self.post(&format!("/v1/users/{id}/grants"), admin, grant).await.id();
        id
    }
}

#[tokio::test]
async fn an_administrator_manages_its_own_subtree_only() {
    let house = house().await;
    let client = house.client();
    let (admin, _) = client.login("admin").await;
    let here = client.user(&admin, "ward-admin", house.ward, "administrator").await;
    let there = client.user(&admin, "other-admin", house.other, "administrator").await;
    let (ward, _) = client.login("ward-admin").await;

    let listed = client.get("/v1/users", &ward).await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(client.get(&format!("/v1/users/{here}"), &ward).await.status, 200);
    assert_eq!(client.get(&format!("/v1/users/{there}"), &ward).await.status, 404);
    let path = format!("/v1/users/{there}");
    assert_eq!(client.send(Method::PATCH, &path, &ward, Some(json!({"disabled": true})), None).await.status, 404);

    let new = |unit: Option<Uuid>, name: &str| {
        let mut body = json!({"username": name, "display_name": name, "password": PASSWORD});
        if let Some(unit) = unit {
            body["unit_id"] = json!(unit);
        }
        body
    };
    let made = client.post("/v1/users", &ward, new(None, "clerk")).await;
    assert_eq!(made.body["unit_id"], json!(house.ward), "the administrator's own unit by default");
    // A unit above is seen, for units are readable downwards; one beside it is not.
    assert_eq!(client.post("/v1/users", &ward, new(Some(ROOT), "a1")).await.code(), "outside_your_unit");
    assert_eq!(client.post("/v1/users", &ward, new(Some(house.other), "a2")).await.code(), "reference_not_found");
    let grants = format!("/v1/users/{}/grants", made.id());
    let grant = |unit: Uuid| json!({"role": "committee_office", "unit_id": unit});
    assert_eq!(client.post(&grants, &ward, grant(ROOT)).await.code(), "outside_your_unit");
    assert_eq!(client.post(&grants, &ward, grant(house.other)).await.code(), "reference_not_found");
    assert_eq!(client.post(&grants, &ward, grant(house.ward)).await.status, 201);
    // The account's own unit bounds it, however far the administrator reaches.
    assert_eq!(client.post(&grants, &admin, grant(ROOT)).await.code(), "outside_your_unit");
    assert_eq!(client.post(&format!("/v1/users/{here}/grants"), &ward, grant(house.ward)).await.status, 403);
}

#[tokio::test]
async fn an_account_that_reaches_further_is_not_taken_over() {
    let house = house().await;
    let client = house.client();
    let (admin, _) = client.login("admin").await;
    client.user(&admin, "ward-admin", house.ward, "administrator").await;
    let clerk = client.user(&admin, "clerk", house.ward, "committee_office").await;
    let (id, far) = (clerk.parse::<Uuid>().unwrap(), house.other);
    // As after a re-parent: the grant lies elsewhere now.
    let given = house.running.shared.writer.accounts(move |tx| {
        Box::pin(async move {
            let account = accounts::by_id(&mut tx.db(), CallerKind::User, id).await?;
            let grant = NewGrant::of(Role::CommitteeOffice, far);
            grants::add(tx, &By::operator(), &account.unwrap(), grant).await.map(|_| ())
        })
    });
    given.await.unwrap();
    let (ward, _) = client.login("ward-admin").await;
    let path = format!("/v1/users/{clerk}");
    let new = json!({"password": "con chó nằm dưới gốc cây"});
    assert_eq!(client.send(Method::PATCH, &path, &ward, Some(new.clone()), None).await.status, 403);
    assert_eq!(client.send(Method::PATCH, &path, &admin, Some(new), None).await.status, 200);
}

#[tokio::test]
async fn a_system_cannot_widen_its_own_token() {
    let house = house().await;
    let client = house.client();
    let (admin, _) = client.login("admin").await;
    let new = json!({"name": "Tỉnh", "contact": "a", "purpose": "b", "unit_id": house.ward});
    let system = client.post("/v1/systems", &admin, new).await.id();
    let grant = json!({"role": "administrator", "unit_id": house.ward});
    let narrow = client.post(&format!("/v1/systems/{system}/grants"), &admin, grant).await.id();
    let grant = json!({"role": "exchange_peer", "unit_id": house.ward});
    client.post(&format!("/v1/systems/{system}/grants"), &admin, grant).await.id();
    let tokens = format!("/v1/systems/{system}/tokens");
    let end =
        cell_records_types::Timestamp::from_micros(cell_records_types::Timestamp::now().micros() + 86_400 * 1_000_000);
    let issued = client.post(&tokens, &admin, json!({"name": "a", "expires_at": end, "grants": [narrow]})).await;
    let token = issued.body["token"].as_str().unwrap();
    assert_eq!(client.get("/v1/me", token).await.body["grants"].as_array().unwrap().len(), 1);
    assert_eq!(client.get(&tokens, token).await.status, 200);
    assert_eq!(client.post(&tokens, token, json!({"name": "b", "expires_at": end})).await.status, 403);
}

#[tokio::test]
async fn a_refresh_token_used_twice_ends_its_session_even_when_at_once() {
    let house = house().await;
    let client = house.client();
    let (access, refresh) = client.login("admin").await;
    let body = json!({"refresh_token": refresh});
    let (first, second) =
        tokio::join!(client.post("/v1/auth/refresh", "", body.clone()), client.post("/v1/auth/refresh", "", body));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    assert_eq!(client.get("/v1/me", &access).await.status, 401);
    let winner = if first.status == 200 { first } else { second };
    let rotated = json!({"refresh_token": winner.body["refresh_token"]});
    assert_eq!(client.post("/v1/auth/refresh", "", rotated).await.status, 401);
}

#[tokio::test]
async fn a_repeat_under_a_key_gets_the_first_answer() {
    let house = house().await;
    let client = house.client();
    let (admin, _) = client.login("admin").await;
    let new = |name: &str| json!({"name": name, "contact": "a", "purpose": "b"});
    let send = async |body: Value| client.send(Method::POST, "/v1/systems", &admin, Some(body), Some("k")).await;
    let first = send(new("Tỉnh")).await;
    let again = send(new("Tỉnh")).await;
    assert!(again.replayed && !first.replayed);
    assert_eq!(first.id(), again.id());
    assert_eq!(send(new("Thành phố")).await.body["code"], "idempotency_key_reused");
    let login = json!({"username": "admin", "password": PASSWORD});
    let refused = client.send(Method::POST, "/v1/auth/login", "", Some(login), Some("k")).await;
    assert_eq!(refused.body["code"], "idempotency_key_refused");
}

#[tokio::test]
async fn an_auditor_reads_the_events_of_its_subtree() {
    let house = house().await;
    let client = house.client();
    let (admin, _) = client.login("admin").await;
    client.user(&admin, "auditor", house.ward, "auditor").await;
    client.user(&admin, "stranger", house.other, "committee_office").await;
    let (auditor, _) = client.login("auditor").await;
    let events = client.get("/v1/audit_events", &auditor).await.body["items"].as_array().unwrap().clone();
    let actions: Vec<&str> = events.iter().map(|event| event["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["login", "grant_added", "user_created"]);
    assert!(events.iter().all(|event| event["unit_id"] == json!(house.ward)));
    let first = client.get("/v1/audit_events?limit=2", &auditor).await;
    let next = format!("/v1/audit_events?limit=2&cursor={}", first.body["next_cursor"].as_str().unwrap());
    assert_eq!(client.get(&next, &auditor).await.body["items"][0]["action"], "user_created");
    assert_eq!(client.get(&next, &admin).await.status, 403);
}

#[tokio::test]
async fn a_wrong_user_and_a_wrong_password_look_alike_and_slow_down() {
    let house = house().await;
    let client = house.client();
    let wrong = async |name: &str| {
        let body = json!({"username": name, "password": "not the password"});
        let mut answer = client.post("/v1/auth/login", "", body).await;
        answer.body["request_id"] = Value::Null;
        answer
    };
    let (known, unknown) = (wrong("admin").await, wrong("nobody").await);
    assert_eq!((known.status, known.body), (unknown.status, unknown.body));
    for _ in 0..4 {
        assert_eq!(wrong("admin").await.status, 401);
    }
    assert_eq!(wrong("admin").await.body["code"], "too_many_attempts");
}

#[tokio::test]
async fn of_several_first_starts_one_makes_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let mut config = Config::judge(Settings { database_url: Some(url), ..Settings::default() }).unwrap();
    config.accounts.password_cost = Cost::Test;
    let (a, b, c) = tokio::join!(server::open(&config), server::open(&config), server::open(&config));
    let opened = [a.unwrap(), b.unwrap(), c.unwrap()];
    assert_eq!(opened.iter().filter(|one| one.admin_password.is_some()).count(), 1);
    let keys: Vec<&str> = opened.iter().map(|one| one.shared.keys.kid.as_str()).collect();
    assert!(keys.iter().all(|kid| *kid == keys[0]), "all have the same signing key");
    assert!(server::open(&config).await.unwrap().admin_password.is_none());
}
