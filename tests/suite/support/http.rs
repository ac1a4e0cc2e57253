//! Requests as they are: for what the typed client cannot say, and for tests over all record types.

use super::actors::DAY;
use super::documented;
use super::server::{PASSWORD, Server};
use cell_records_client::types::accounts::{GrantCreate, Role, SystemCreate, TokenCreate};
use cell_records_client::types::{Ref, Timestamp, Unit};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Sends requests in one name.
#[derive(Clone)]
pub struct Caller {
    http: reqwest::Client,
    base: String,
    /// The token after `Bearer`.
    pub token: Option<String>,
    /// The account's id.
    pub id: String,
    /// The code, of a system.
    pub code: String,
}

/// A number that no other call got.
pub fn number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A role over a unit.
pub fn over(role: Role, unit: &str) -> GrantCreate {
    GrantCreate { role, unit_id: reference(unit), from: None, until: None, fields: None }
}

/// A role over a unit that also reads these sensitive fields.
pub fn with_fields(role: Role, unit: &str, fields: &[&str]) -> GrantCreate {
    let fields: Vec<_> = fields.iter().map(|field| (*field).into()).collect();
    GrantCreate { fields: Some(fields.into()), ..over(role, unit) }
}

/// A reference to a unit from its text.
pub fn reference(unit: &str) -> Ref<Unit> {
    Ref::from(unit.parse::<cell_records_client::types::Reference>().unwrap())
}

impl Server {
    /// Who sends this token, or none.
    pub fn bearer(&self, token: Option<&str>) -> Caller {
        let http = reqwest::Client::builder().tls_certs_only([]).redirect(reqwest::redirect::Policy::none());
        Caller {
            http: http.build().unwrap(),
            base: self.url.clone(),
            token: token.map(str::to_owned),
            id: String::new(),
            code: String::new(),
        }
    }

    /// Who has not logged in.
    pub fn nobody(&self) -> Caller {
        self.bearer(None)
    }

    /// The first administrator, logged in again.
    pub async fn administrator(&self) -> Caller {
        self.logged_in("admin", PASSWORD).await
    }

    /// A person, logged in again.
    pub async fn logged_in(&self, username: &str, password: &str) -> Caller {
        let answer = self.login(username, password).await.is(200);
        let mut caller = self.bearer(answer.body["access_token"].as_str());
        caller.id = caller.get("/v1/me").await.is(200).id();
        caller
    }

    /// A login's answer.
    pub async fn login(&self, username: &str, password: &str) -> Reply {
        self.nobody().post("/v1/auth/login", json!({"username": username, "password": password})).await
    }

    /// A new system with one role over a unit.
    pub async fn acting(&self, role: Role, unit: &str) -> Caller {
        self.granted(vec![over(role, unit)]).await
    }

    /// A new system with these grants.
    pub async fn granted(&self, grants: Vec<GrantCreate>) -> Caller {
        let (admin, code) = (self.admin(), format!("system-{}", number()));
        let new = SystemCreate {
            name: code.as_str().into(),
            contact: "tests".into(),
            purpose: "tests".into(),
            code: Some(code.as_str().into()),
            unit_id: None,
        };
        let system = admin.systems().create(&new).await.unwrap().record;
        for grant in &grants {
            admin.systems().create_grant(system.id, grant).await.unwrap();
        }
        let expires_at = Timestamp::from_micros(Timestamp::now().micros() + 30 * DAY);
        let token = TokenCreate { expires_at: Some(expires_at), ..TokenCreate::new("test") };
        let issued = admin.systems().create_token(system.id, &token).await.unwrap();
        Caller { id: system.id.to_string(), code, ..self.bearer(Some(&issued.token)) }
    }
}

impl Caller {
    /// The same at another server.
    pub fn at(&self, base: &str) -> Caller {
        Caller { base: base.into(), ..self.clone() }
    }

    /// The same with another token, or none.
    pub fn with(&self, token: Option<&str>) -> Caller {
        Caller { token: token.map(str::to_owned), ..self.clone() }
    }

    /// Begins a request.
    pub fn call(&self, method: Method, path: &str) -> Call {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        Call { request, what: format!("{method} {path}"), may_fail: false }
    }

    /// A read.
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// A post of JSON.
    pub fn post(&self, path: &str, body: Value) -> Call {
        self.call(Method::POST, path).json(body)
    }

    /// A post without a body.
    pub fn verb(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    /// A merge patch of a version.
    pub fn patch(&self, path: &str, etag: &str, body: Value) -> Call {
        self.call(Method::PATCH, path).json(body).header("if-match", etag)
    }

    /// A delete of a version.
    pub fn delete(&self, path: &str, etag: &str) -> Call {
        self.call(Method::DELETE, path).header("if-match", etag)
    }

    /// Reads until the answer has this status: every read that begins a second from now has it.
    pub async fn becomes(&self, path: &str, status: u16) -> Reply {
        let start = Instant::now();
        loop {
            let late = start.elapsed() > Duration::from_secs(1);
            let answer = self.get(path).await;
            if answer.status == status {
                return answer;
            }
            assert!(!late, "GET {path} is still {}: {}", answer.status, answer.text);
        }
    }

    /// All items of a list, page by page, and the text of every page.
    pub async fn all(&self, path: &str) -> (Vec<Value>, String) {
        let (mut items, mut text, mut next) = (Vec::new(), String::new(), path.to_owned());
        loop {
            let page = self.get(&next).await.is(200);
            items.extend(page.body["items"].as_array().unwrap().iter().cloned());
            text.push_str(&page.text);
            let Some(cursor) = page.body["next_cursor"].as_str() else { return (items, text) };
            let (collection, _) = path.split_once('?').unwrap_or((path, ""));
            next = format!("{collection}?cursor={cursor}");
        }
    }

    /// Everything that the feed tells from the beginning, as text.
    pub async fn feed(&self) -> String {
        let (mut text, mut path) = (String::new(), "/v1/sync/changes".to_owned());
        loop {
            let page = self.get(&path).await.is(200);
            text.push_str(&page.text);
            path = format!("/v1/sync/changes?cursor={}", page.body["cursor"].as_str().unwrap());
            if page.body["has_more"] == json!(false) {
                return text;
            }
        }
    }
}

/// A request that is sent when it is awaited.
pub struct Call {
    request: RequestBuilder,
    what: String,
    may_fail: bool,
}

impl Call {
    /// Whose answer may be `500`: of a test that makes the program or its data faulty.
    pub fn may_fail(mut self) -> Self {
        self.may_fail = true;
        self
    }

    /// With a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// With a body of JSON.
    pub fn json(self, body: Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// With any body.
    pub fn body(mut self, media: &str, body: impl Into<reqwest::Body>) -> Self {
        self.request = self.request.header("content-type", media).body(body);
        self
    }

    async fn send(self) -> Reply {
        let response = self.request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = String::from_utf8(response.bytes().await.unwrap().to_vec()).unwrap();
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        assert!(status != 500 || self.may_fail, "{}: {text}", self.what);
        documented::check(&self.what, status, body["code"].as_str().unwrap_or_default());
        documented::check_faults(&self.what, &body);
        Reply { what: self.what, status, headers, text, body }
    }
}

impl IntoFuture for Call {
    type Output = Reply;
    type IntoFuture = Pin<Box<dyn Future<Output = Reply> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    what: String,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body as text.
    pub text: String,
    /// The same as JSON.
    pub body: Value,
}

impl Reply {
    /// Asserts the status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.what, self.text);
        self
    }

    /// Asserts a problem of this status and code.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status, self.code()), (status, code), "{}: {}", self.what, self.text);
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.what);
        assert_eq!(self.body["status"], status, "{}", self.what);
        assert_eq!(self.body["type"], format!("/problems/{code}"), "{}", self.what);
        assert_eq!(self.body["request_id"], self.header("x-request-id"), "{}", self.what);
        self
    }

    /// Asserts a refusal by the state of a record, with this fault.
    #[track_caller]
    pub fn conflicts(self, fault: &str) -> Self {
        let reply = self.refused(409, "conflict");
        assert_eq!(reply.body["errors"][0]["code"], fault, "{}: {}", reply.what, reply.text);
        reply
    }

    /// Asserts `422` with exactly these faults, by pointer and code.
    #[track_caller]
    pub fn faults(self, expected: &[(&str, &str)]) -> Self {
        let mut expected: Vec<(String, String)> =
            expected.iter().map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned())).collect();
        expected.sort();
        assert_eq!((self.status, faults_of(&self.body["errors"])), (422, expected), "{}: {}", self.what, self.text);
        self
    }

    /// The record, without what only the answer to a write says.
    pub fn record(&self) -> Value {
        let mut record = self.body.clone();
        record.as_object_mut().unwrap().remove("warnings");
        record
    }

    /// The warnings' codes, by pointer.
    pub fn warnings(&self) -> Vec<(String, String)> {
        faults_of(&self.body["warnings"])
    }

    /// A header's text; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The entity tag.
    pub fn etag(&self) -> &str {
        self.header("etag")
    }

    /// The problem's code.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The record's id.
    #[track_caller]
    pub fn id(&self) -> String {
        self.body["id"].as_str().unwrap_or_else(|| panic!("{}: {}", self.what, self.text)).to_owned()
    }
}

/// Faults or warnings by pointer and code, sorted.
fn faults_of(list: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = list.as_array().into_iter().flatten();
    let mut faults: Vec<_> = list.map(|fault| (text(&fault["pointer"]), text(&fault["code"]))).collect();
    faults.sort();
    faults
}
