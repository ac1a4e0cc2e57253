//! Attempts, sessions, paths, pages.

use crate::testing::{Reply, TestServer};
use crate::types::accounts::Tokens;
use crate::types::pages::ListQuery;
use crate::types::{Ref, Term, TermCreate, TermUpdate, Unit, Uuid};
use crate::{Error, RetryPolicy};
use futures_util::{StreamExt, TryStreamExt, future};
use serde_json::{Value, json};
use std::time::Duration;

const TERM: Uuid = Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057);

fn term() -> Value {
    json!({"id": TERM, "type": "term", "version": 1, "unit_id": TERM, "external_ids": [],
           "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
           "label": "2025–2030", "from": "2025-05-01"})
}

fn new_term() -> TermCreate {
    serde_json::from_value(json!({"unit_id": TERM, "label": "2025–2030", "from": "2025-05-01"})).unwrap()
}

fn tagged(status: u16) -> Reply {
    Reply::new(status, term()).header("ETag", "\"1.5f2c91ab\"")
}

#[tokio::test]
async fn a_create_is_repeated_whole_under_its_key_and_after_the_time_asked_for() {
    let server = TestServer::start(|number, _| match number {
        0 => Reply::problem(503, "outcome_unknown").header("Retry-After", "7"),
        1 => Reply::nothing(),
        _ => tagged(201),
    });
    let client = server.client().access_token("crt_secret").build().unwrap();
    let made = client.records::<Term>().create(&new_term()).await.unwrap();
    assert_eq!((made.record.id, made.etag.as_str()), (TERM, "\"1.5f2c91ab\""));

    let seen = server.requests();
    assert_eq!(server.lines(), ["POST /v1/terms"; 3]);
    assert_eq!(seen[0].header("idempotency-key").len(), 36);
    assert_eq!(seen[0].header("authorization"), "Bearer crt_secret");
    for repeat in &seen[1..] {
        assert_eq!((&repeat.body, &repeat.headers), (&seen[0].body, &seen[0].headers));
    }
    let pauses = server.pauses();
    let policy = RetryPolicy::default();
    assert!((Duration::from_secs(7)..Duration::from_secs(7) + policy.base).contains(&pauses[0]), "{pauses:?}");
    assert!(pauses[1] < policy.base * 2, "{pauses:?}");
}

#[tokio::test]
async fn what_the_caller_did_wrong_is_not_sent_again() {
    for status in [400, 401, 403, 404, 409, 410, 412, 413, 415, 422, 428] {
        let server = TestServer::start(move |_, _| Reply::problem(status, "some_code"));
        let client = server.client().access_token("crt_x").build().unwrap();
        let error = client.records::<Term>().create(&new_term()).await.unwrap_err();
        assert_eq!((error.status(), error.code(), error.is_retryable()), (Some(status), Some("some_code"), false));
        assert_eq!(server.requests().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_guarded_write_is_repeated_only_where_it_had_no_effect() {
    let attempts = async |reply: fn() -> Reply| {
        let server = TestServer::start(move |number, _| if number == 0 { reply() } else { tagged(200) });
        let client = server.client().build().unwrap();
        let outcome = client.records::<Term>().update(TERM, "\"1.x\"", &TermUpdate::default()).await;
        assert_eq!(server.requests()[0].header("if-match"), "\"1.x\"");
        assert_eq!(server.requests()[0].header("content-type"), "application/merge-patch+json");
        (server.requests().len(), outcome.is_ok())
    };
    assert_eq!(attempts(|| Reply::problem(503, "unavailable")).await, (2, true));
    assert_eq!(attempts(|| Reply::problem(429, "too_many_attempts")).await, (2, true));
    assert_eq!(attempts(|| Reply::problem(503, "outcome_unknown")).await, (1, false));
    assert_eq!(attempts(|| Reply::problem(500, "internal")).await, (1, false));
    assert_eq!(attempts(Reply::nothing).await, (1, false));
}

#[tokio::test]
async fn a_secret_is_asked_for_once_and_without_a_key() {
    let server = TestServer::start(|_, _| Reply::nothing());
    let client = server.client().access_token("crt_x").build().unwrap();
    let rotation = crate::types::accounts::Rotation::new();
    let error = client.systems().rotate_token(TERM, TERM, &rotation).await.unwrap_err();
    assert!(matches!(error, Error::Network(_)));
    let seen = server.requests();
    assert_eq!((seen.len(), seen[0].header("idempotency-key")), (1, ""));
}

#[tokio::test]
async fn attempts_end_and_a_wait_that_is_too_long_is_the_callers() {
    let server = TestServer::start(|_, _| Reply::nothing());
    let client = server.client().build().unwrap();
    assert!(matches!(client.get_me().await, Err(Error::Network(_))));
    assert_eq!((server.requests().len(), server.pauses().len()), (5, 4));

    let server = TestServer::start(|_, _| Reply::new(429, json!("not a problem")).header("Retry-After", "3600"));
    let error = server.client().build().unwrap().get_me().await.unwrap_err();
    assert_eq!((error.code(), error.retry_after()), (Some("http_429"), Some(Duration::from_secs(3600))));
    assert_eq!(server.requests().len(), 1);
}

fn tokens(access: &str, refresh: &str) -> Tokens {
    let tokens = json!({"access_token": access, "token_type": "Bearer", "expires_in": 900, "refresh_token": refresh});
    serde_json::from_value(tokens).unwrap()
}

#[tokio::test]
async fn tasks_that_meet_an_ended_token_together_spend_one_refresh_token() {
    let server = TestServer::start(|_, seen| match (seen.line.as_str(), seen.header("authorization")) {
        ("POST /v1/auth/refresh", _) => {
            assert_eq!(seen.json(), json!({"refresh_token": "crr_1"}));
            Reply::json(serde_json::to_value(tokens("new", "crr_2")).unwrap())
        }
        (_, "Bearer new") => Reply::json(json!({"items": []})),
        _ => Reply::problem(401, "unauthenticated"),
    });
    let client = server.client().session(tokens("old", "crr_1")).build().unwrap();
    let answers = future::join_all((0..20).map(|_| client.roles())).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let refreshes = server.lines().iter().filter(|line| line.contains("refresh")).count();
    assert_eq!(refreshes, 1);
}

#[tokio::test]
async fn a_refresh_whose_answer_is_lost_is_followed_by_a_login_and_never_repeated() {
    let server = TestServer::start(|number, seen| match (number, seen.line.as_str(), seen.header("authorization")) {
        (0, "POST /v1/auth/login", _) => Reply::json(json!(tokens("first", "crr_1"))),
        (_, "POST /v1/auth/login", _) => Reply::json(json!(tokens("second", "crr_2"))),
        (_, "POST /v1/auth/refresh", _) => Reply::nothing(),
        (_, _, "Bearer second") => Reply::json(json!({"items": []})),
        _ => Reply::problem(401, "unauthenticated"),
    });
    let client = server.client().login("an", "a long password").build().unwrap();
    client.roles().await.unwrap();
    assert_eq!(
        server.lines(),
        ["POST /v1/auth/login", "GET /v1/roles", "POST /v1/auth/refresh", "POST /v1/auth/login", "GET /v1/roles"]
    );
}

#[tokio::test]
async fn a_session_without_its_password_ends_when_a_refresh_is_lost_or_given_up() {
    let server = TestServer::start(|_, seen| match seen.line.as_str() {
        "POST /v1/auth/refresh" => Reply::nothing(),
        _ => Reply::problem(401, "unauthenticated"),
    });
    let client = server.client().session(tokens("old", "crr_1")).build().unwrap();
    assert!(matches!(client.roles().await, Err(Error::Network(_))));
    assert!(matches!(client.roles().await, Err(Error::Refused(_))));
    assert_eq!(server.lines(), ["GET /v1/roles", "POST /v1/auth/refresh"]);

    // Given up while the answer is awaited: the token may be spent.
    let (asked, mut arrived) = tokio::sync::mpsc::unbounded_channel();
    let server = TestServer::start(move |_, seen| {
        if seen.line == "POST /v1/auth/refresh" {
            asked.send(()).unwrap();
            std::thread::park();
        }
        Reply::problem(401, "unauthenticated")
    });
    let client = server.client().session(tokens("old", "crr_1")).build().unwrap();
    tokio::select! {
        _ = client.roles() => unreachable!("the refresh is never answered"),
        _ = arrived.recv() => {}
    }
    assert!(matches!(client.roles().await, Err(Error::Refused(_))));
    assert_eq!(server.lines(), ["GET /v1/roles", "POST /v1/auth/refresh"]);
}

#[tokio::test]
async fn a_stream_fetches_a_page_when_the_one_before_is_used_up() {
    let server = TestServer::start(|_, seen| {
        let page = seen.line.split("cursor=").nth(1).map_or(0, |cursor| cursor.parse().unwrap());
        let next = if page < 2 { json!((page + 1).to_string()) } else { Value::Null };
        Reply::json(json!({"items": [{"n": page * 2}, {"n": page * 2 + 1}], "next_cursor": next}))
    });
    let units = server.client().build().unwrap().records::<Unit>().raw();
    let query = ListQuery { limit: Some(2), ..ListQuery::default() }.filter("kind", "cell group");
    let first: Vec<_> = units.stream(query.clone()).take(3).try_collect().await.unwrap();
    assert_eq!(first[2]["n"], 2);
    let start = "GET /v1/units?kind=cell+group&limit=2";
    assert_eq!(server.lines(), [start.to_owned(), format!("{start}&cursor=1")]);
    let all: Vec<_> = units.stream(query).try_collect().await.unwrap();
    assert_eq!(all.iter().map(|unit| unit["n"].clone()).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn references_and_tags_reach_the_server_as_they_are() {
    let server = TestServer::start(|_, seen| {
        if seen.header("if-none-match") == "\"1.a\"" { Reply::new(304, Value::Null) } else { tagged(200) }
    });
    let client = server.client().language("vi").build().unwrap();
    let terms = client.records::<Term>();
    let odd = Ref::external("city", "a/b ?#%ồ");
    assert_eq!(terms.get_if_none_match(odd.clone(), "\"1.a\"").await.unwrap(), None);
    assert!(terms.get_if_none_match(odd, "\"2.a\"").await.unwrap().is_some());
    assert_eq!(server.lines(), ["GET /v1/terms/ext:city:a%2Fb%20%3F%23%25%E1%BB%93"; 2]);
    assert_eq!(server.requests()[0].header("accept-language"), "vi");

    let error = terms.get_if_none_match(TERM, "two\nlines").await.unwrap_err();
    assert!(matches!(error, Error::Refused(_)));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_dry_run_sends_no_key_and_a_refused_push_tells_about_each_item() {
    let server = TestServer::start(|number, _| match number {
        0 => Reply::new(201, term()),
        _ => Reply::problem(422, "push_refused")
            .with("summary", json!({"invalid": 1}))
            .with("items", json!([{"index": 0, "status": "invalid"}])),
    });
    let client = server.client().build().unwrap();
    client.records::<Term>().dry_run().create(&new_term()).await.unwrap();
    assert_eq!(server.lines(), ["POST /v1/terms?dry_run=true"]);
    assert_eq!(server.requests()[0].header("idempotency-key"), "");

    let batch = crate::types::sync::PushBatch::new(Vec::new());
    let answer = client.push(&batch, "key").await.unwrap_err().push_answer().unwrap();
    assert_eq!((answer.applied, answer.items.len(), answer.summary["invalid"]), (false, 1, 1));
}

#[tokio::test]
async fn the_token_exchange_is_a_form_and_no_secret_is_printed() {
    let server = TestServer::start(|_, _| Reply::problem(401, "unauthenticated"));
    let builder = server.client().access_token("crt_hidden");
    assert!(!format!("{builder:?}").contains("hidden"));
    let client = builder.build().unwrap();
    assert!(!format!("{client:?}").contains("hidden"));
    let error = client.exchange_client_secret("city", "crt_hidden+1").await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hidden"));
    let seen = &server.requests()[0];
    assert_eq!(seen.body, "grant_type=client_credentials&client_id=city&client_secret=crt_hidden%2B1");
    assert_eq!(seen.header("authorization"), "");

    let nobody = crate::Client::builder("http://127.0.0.1:1").retry(RetryPolicy::never()).build().unwrap();
    let error = nobody.records::<Term>().list(&ListQuery { q: Some("hidden".into()), ..ListQuery::default() }).await;
    let error = error.unwrap_err();
    assert!(error.is_unsent() && !format!("{error} {error:?}").contains("hidden"), "{error:?}");
}

#[tokio::test]
async fn every_call_goes_where_the_contract_says() {
    use crate::Paging;
    use crate::feed::ChangesQuery;
    use crate::types::accounts::{GrantCreate, RefreshToken, Role, Rotation, TokenCreate, UserUpdate};
    use crate::types::states::Advance;
    use crate::types::{EvaluationRound, RoundState, Timestamp};

    let server = TestServer::start(|_, _| Reply::problem(404, "not_found"));
    let client = server.client().access_token("crt_x").build().unwrap();
    let terms = client.records::<Term>();
    let first = Paging { limit: Some(9), cursor: Some("c".into()) };
    let patch = UserUpdate::new();
    let step = Advance::to(RoundState::Reviewing);
    let token = TokenCreate::new("n");
    let grant = GrantCreate::new(Role::Auditor, TERM);
    let rotation = Rotation::new();
    let spent = RefreshToken::new("crr_x");
    let feed = ChangesQuery { from_now: true, wait: 9, max_bytes: Some(5), ..ChangesQuery::default() };
    macro_rules! refused { ($($call:expr),* $(,)?) => { $(assert_eq!($call.await.unwrap_err().status(), Some(404));)* } }
    refused![
        terms.as_of(TERM, Timestamp::from_micros(1)),
        terms.delete(TERM, "\"1\""),
        terms.restore(TERM, None),
        terms.history(TERM),
        client.records::<EvaluationRound>().advance(TERM, "\"1\"", &step),
        client.users().list(&first),
        client.users().update(TERM, "\"1\"", &patch),
        client.users().list_sessions(TERM, &Paging::default()),
        client.users().delete_session(TERM, TERM),
        client.systems().get(TERM),
        client.systems().create_grant(TERM, &grant),
        client.systems().get_grant(TERM, TERM),
        client.systems().delete_grant(TERM, TERM, "*"),
        client.systems().create_token(TERM, &token),
        client.systems().delete_token(TERM, TERM),
        client.systems().rotate_token(TERM, TERM, &rotation),
        client.logout(&spent),
        client.delete_my_session(TERM),
        client.audit_events(&first),
        client.readyz(),
        client.jwks(),
        client.openapi(),
        client.changes(&feed),
    ];
    let lines = server.lines().join("\n").replace(&TERM.to_string(), "ID");
    let expected = "GET /v1/terms/ID?as_of=1970-01-01T00%3A00%3A00.000001Z
DELETE /v1/terms/ID
POST /v1/terms/ID/restore
GET /v1/terms/ID/history
POST /v1/evaluation_rounds/ID/advance
GET /v1/users?limit=9&cursor=c
PATCH /v1/users/ID
GET /v1/users/ID/sessions
DELETE /v1/users/ID/sessions/ID
GET /v1/systems/ID
POST /v1/systems/ID/grants
GET /v1/systems/ID/grants/ID
DELETE /v1/systems/ID/grants/ID
POST /v1/systems/ID/tokens
DELETE /v1/systems/ID/tokens/ID
POST /v1/systems/ID/tokens/ID/rotate
POST /v1/auth/logout
DELETE /v1/me/sessions/ID
GET /v1/audit_events?limit=9&cursor=c
GET /readyz
GET /.well-known/jwks.json
GET /openapi.json
GET /v1/sync/changes?max_bytes=5&from=now&wait=9";
    assert_eq!(lines, expected);
    let unguarded = ["POST /v1/auth/logout", "GET /readyz", "GET /.well-known/jwks.json", "GET /openapi.json"];
    for seen in server.requests() {
        let anonymous = unguarded.contains(&seen.line.as_str());
        assert_eq!(seen.header("authorization").is_empty(), anonymous, "{}", seen.line);
    }
}

#[tokio::test]
async fn a_refused_change_brings_the_current_record_to_build_on() {
    let server = TestServer::start(|number, _| match number {
        0 => Reply::problem(412, "stale_version").with("current", term()).with("etag", json!("\"7.a\"")),
        _ => tagged(200).header("X-Request-Id", "r7"),
    });
    let terms = server.client().build().unwrap().records::<Term>();
    let error = terms.clone().update(TERM, "\"1.a\"", &TermUpdate::default()).await.unwrap_err();
    let current = error.current::<Term>().unwrap();
    assert_eq!((current.record.id, current.etag.as_str(), current.request_id.as_deref()), (TERM, "\"7.a\"", Some("r")));
    // Of another type it is none.
    assert!(error.current::<Unit>().is_none());
    let updated = terms.update(TERM, &current.etag, &TermUpdate::default()).await.unwrap();
    assert_eq!(updated.request_id.as_deref(), Some("r7"));
    assert_eq!(server.requests()[1].header("if-match"), "\"7.a\"");
}

#[tokio::test]
async fn headers_a_proxy_and_a_client_of_the_callers_are_used() {
    let server = TestServer::start(|_, _| Reply::json(json!({"items": []})));
    let through = crate::Client::builder("http://records.example").proxy(server.url()).header("X-Gateway-Key", "k");
    through.build().unwrap().roles().await.unwrap();
    assert_eq!(server.lines(), ["GET http://records.example/v1/roles"]);
    assert_eq!(server.requests()[0].header("x-gateway-key"), "k");

    let mut own = reqwest::header::HeaderMap::new();
    own.insert("x-own", "1".parse().unwrap());
    let http = reqwest::Client::builder().default_headers(own).build().unwrap();
    server.client().http_client(http).language("vi").build().unwrap().roles().await.unwrap();
    let seen = &server.requests()[1];
    assert_eq!((seen.header("x-own"), seen.header("accept-language")), ("1", "vi"));

    for (name, value) in [("Authorization", "x"), ("two words", "x"), ("x", "two\nlines")] {
        let refused = server.client().header(name, value).build().unwrap_err();
        assert!(matches!(refused, Error::Refused(_)), "{refused}");
    }
    assert!(matches!(server.client().client_identity("no PEM").build(), Err(Error::Refused(_))));
    assert!(matches!(server.client().proxy("no url").build(), Err(Error::Refused(_))));
}

#[tokio::test]
async fn the_span_of_a_call_says_how_it_ended_and_names_nobody() {
    let server = TestServer::start(|number, _| match number {
        1 => Reply::problem(503, "unavailable"),
        _ => tagged(200).header("X-Request-Id", "r7"),
    });
    let client = server.client().access_token("crt_hidden").build().unwrap();
    let terms = client.records::<Term>();
    let call = || terms.get(Ref::external("city", "hidden"));
    // A span that another test registers just when a subscriber begins would be off for good: now they are registered.
    call().await.unwrap();
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_ansi(false);
    let subscriber = subscriber.with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE);
    let written = log.clone();
    let subscriber = subscriber.with_writer(move || written.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    call().await.unwrap();
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let call = "method=GET path=\"v1/terms/{id}\" attempts=2 status=200 request_id=\"r7\"";
    let closed = text.lines().find(|line| line.contains("close") && line.contains("call{"));
    for part in call.split(' ') {
        assert!(closed.is_some_and(|line| line.contains(part)), "{part}: {text}");
    }
    assert!(!text.contains("hidden"), "{text}");
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
