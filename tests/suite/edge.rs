//! The edge of the service: what it reads, how it encodes responses, where requests come from, and what becomes of
//! clients that do not read.

use crate::support::http::{Caller, Reply, over};
use crate::support::on_both_engines;
use crate::support::server::{PASSWORD, Server};
use crate::support::ward::{ROOT, member};
use cell_records_client::types::accounts::Role;
use cell_records_server::auth::proxies::TrustedProxies;
use cell_records_server::store::registry::KINDS;
use reqwest::Method;
use serde_json::json;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Names of what an error is about, sorted.
fn named(reply: &Reply) -> Vec<&str> {
    let errors = reply.body["errors"].as_array().unwrap();
    let mut names: Vec<&str> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

/// The lines that servers of this process logged, from the first call on: of all tests that run meanwhile.
fn logged() -> &'static Mutex<Vec<String>> {
    struct Lines;
    impl std::io::Write for Lines {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            logged().lock().unwrap().push(String::from_utf8_lossy(line).into_owned());
            Ok(line.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    static LOGGED: OnceLock<Mutex<Vec<String>>> = OnceLock::new();
    static INSTALLED: OnceLock<()> = OnceLock::new();
    let logged = LOGGED.get_or_init(Mutex::default);
    INSTALLED.get_or_init(|| {
        let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(|| Lines);
        let filter = tracing_subscriber::filter::LevelFilter::WARN;
        tracing_subscriber::registry().with(filter).with(lines).init();
    });
    logged
}

/// A login by way of a proxy, which says that it comes from this address.
async fn login_from(server: &Server, address: &str, username: &str, password: &str) -> Reply {
    let body = json!({"username": username, "password": password});
    server.nobody().post("/v1/auth/login", body).header("x-forwarded-for", address).await
}

async fn behind_a_proxy(server: &Server) -> Server {
    server.restarted_with(|config| config.http.trusted_proxies = TrustedProxies::parse("127.0.0.0/8").unwrap()).await
}

on_both_engines! {
    async fn a_body_is_never_unpacked(server: empty) {
        let form = "grant_type=client_credentials&client_id=x&client_secret=y";
        let token = |body: &str| server.nobody().call(Method::POST, "/v1/auth/token").body("application/x-www-form-urlencoded", body.to_owned());
        for coding in ["zstd", "gzip", "br", "deflate"] {
            token(form).header("content-encoding", coding).await.refused(415, "unsupported_media_type");
            server.nobody().post("/v1/auth/login", json!({})).header("content-encoding", coding).await.refused(415, "unsupported_media_type");
        }
        let large = token(&format!("{form}&more={}", "x".repeat(20_000))).await.refused(413, "too_large");
        assert_eq!(large.body["limits"]["bytes"], 16 * 1024);
        token(form).await.refused(401, "unauthenticated");
        server.nobody().post("/v1/auth/token", json!({"grant_type": "client_credentials"})).await.refused(415, "unsupported_media_type");
    }

    async fn a_key_that_occurs_twice_in_an_object_is_refused(server: empty) {
        let ward = server.ward().await;
        let post = |path: &str, body: String| ward.office.call(Method::POST, path).body("application/json", body);
        let sound = member(&ward.a).to_string();
        let twice = format!("{},\"full_name\":\"Khác\"}}", sound.trim_end_matches('}'));
        post("/v1/members", twice).await.refused(400, "invalid_json");
        let push = |fields: &str| format!("{{\"items\":[{{\"op\":\"create\",\"type\":\"member\",\"ref\":\"a\",\"fields\":{fields}}}]}}");
        let nested = push("{\"unit_id\":\"x\",\"unit_id\":\"y\"}");
        post("/v1/sync/push", nested).header("idempotency-key", "twice").await.refused(400, "invalid_json");
        assert_eq!(ward.office.get("/v1/members?count=exact").await.is(200).body["total"], 0);
    }

    async fn all_faulty_parameters_are_named_at_once(server: empty) {
        let ward = server.ward().await;
        for (path, faulty) in [
            ("/v1/members?limit=abc&sort=zzz&sex=x&unit=x&count=y&none=1&fields=id,zz", vec!["count", "fields", "limit", "none", "sex", "sort", "unit"]),
            ("/v1/members?subtree=true&limit=0", vec!["limit", "subtree"]),
            ("/v1/members?limit=1&limit=2&q=%20&updated_since=x", vec!["limit", "q", "updated_since"]),
            ("/v1/sync/changes?limit=x&from=y&types=z&units=,&none=1", vec!["from", "limit", "none", "types", "units"]),
        ] {
            let refused = ward.office.get(path).await.refused(400, "invalid_parameter");
            assert_eq!(named(&refused), faulty, "{path}");
        }
    }

    async fn a_coding_that_is_not_offered_is_a_problem(server: empty) {
        let ward = server.ward().await;
        let with = |caller: &Caller, path: &str, codings: &str| caller.get(path).header("accept-encoding", codings);
        for path in ["/v1/members", "/openapi.json", "/docs/"] {
            with(&ward.office, path, "identity;q=0").await.refused(406, "not_acceptable");
            with(&ward.office, path, "*;q=0").await.refused(406, "not_acceptable");
            for codings in ["identity;q=0, gzip", "gzip", "identity", "br;q=0.1, gzip", "compress"] {
                with(&ward.office, path, codings).await.is(200);
            }
        }
        ward.office.post("/v1/members", member(&ward.a)).header("accept-encoding", "identity;q=0").await.refused(406, "not_acceptable");
        assert_eq!(ward.office.get("/v1/members?count=exact").await.is(200).body["total"], 0);
    }

    async fn the_page_of_the_document_is_sent_as_gzip_or_as_it_is(server: empty) {
        let raw = reqwest::Client::builder().no_gzip().build().unwrap();
        for file in ["/docs/swagger-ui-bundle.js", "/docs/", "/docs/swagger-initializer.js", "/openapi.json"] {
            let get = |codings: &'static str| raw.get(format!("{}{file}", server.url)).header("accept-encoding", codings).send();
            let (plain, packed) = (get("identity").await.unwrap(), get("gzip, br, zstd").await.unwrap());
            assert_eq!((plain.status(), packed.status()), (reqwest::StatusCode::OK, reqwest::StatusCode::OK), "{file}");
            assert_eq!(packed.headers()["content-encoding"], "gzip", "{file}");
            assert_eq!(plain.headers()["content-type"], packed.headers()["content-type"]);
            let (plain, packed) = (plain.bytes().await.unwrap(), packed.bytes().await.unwrap());
            let unpacked = server.nobody().get(file).await.is(200);
            assert_eq!(unpacked.text.as_bytes(), plain, "{file}");
            assert!(packed.len() < plain.len() && packed.starts_with(&[0x1f, 0x8b]), "{file}");
        }
        let head = server.nobody().call(Method::HEAD, "/docs/swagger-ui-bundle.js").await.is(200);
        assert!(head.text.is_empty());
        server.nobody().get("/docs/nothing.js").await.refused(404, "not_found");
    }

    async fn an_etag_says_which_fields_were_read(server: empty) {
        let ward = server.ward().await;
        let mut body = member(&ward.a);
        body["ethnicity"] = json!("01");
        let path = format!("/v1/members/{}", ward.office.post("/v1/members", body).await.is(201).id());
        let peer = server.acting(Role::ExchangePeer, &ward.ward).await;
        let first = peer.get(&path).await.is(200);
        let known = |etag: &str| peer.get(&path).header("if-none-match", etag);
        known(first.etag()).await.is(304);
        // A named field, then a whole class more: each time the copy at hand is not the record any more.
        let id = peer.id.parse().unwrap();
        let mut named = over(Role::ExchangePeer, &ward.ward);
        named.fields = Some(serde_json::from_value(json!(["member.ethnicity"])).unwrap());
        server.admin().systems().create_grant(id, &named).await.unwrap();
        let second = becomes_known(&peer, &path, first.etag()).await;
        assert_eq!((first.body.get("ethnicity"), &second.body["ethnicity"]), (None, &json!("01")));
        server.admin().systems().create_grant(id, &over(Role::CommitteeOffice, &ward.ward)).await.unwrap();
        let third = becomes_known(&peer, &path, second.etag()).await;
        assert_eq!(third.etag(), ward.office.get(&path).await.etag());
        // A write asks for the version alone.
        let changed = peer.patch(&path, first.etag(), json!({"current_residence": "Khối 1"})).await.is(200);
        let stale = peer.patch(&path, third.etag(), json!({"current_residence": "Khối 2"})).await.refused(412, "stale_version");
        assert_eq!(stale.body["etag"], changed.etag());
        known(changed.etag()).await.is(304);
    }

    async fn strangers_do_not_keep_an_owner_out(server: empty) {
        let proxied = behind_a_proxy(server).await;
        login_from(&proxied, "203.0.113.1", "admin", PASSWORD).await.is(200);
        // Elsewhere, at this account; in the same office, at others.
        for n in 0..30 {
            login_from(&proxied, "203.0.113.9", "admin", "sai mật khẩu rồi").await;
            login_from(&proxied, "203.0.113.1", &format!("ai-{n}"), "sai mật khẩu rồi").await;
        }
        login_from(&proxied, "203.0.113.9", "admin", PASSWORD).await.refused(429, "too_many_attempts");
        login_from(&proxied, "203.0.113.1", "ai-khac", PASSWORD).await.refused(429, "too_many_attempts");
        login_from(&proxied, "203.0.113.1", "admin", PASSWORD).await.is(200);
        // Known addresses survive a new start, which forgets failures.
        let anew = behind_a_proxy(&proxied).await;
        for n in 0..30 {
            login_from(&anew, "203.0.113.1", &format!("ai-{n}"), "sai mật khẩu rồi").await;
        }
        login_from(&anew, "203.0.113.1", "admin", PASSWORD).await.is(200);
        anew.running.handle.stop(false).await;
    }

    async fn the_address_behind_a_trusted_proxy_is_audited_and_logged(server: empty) {
        let lines = logged();
        let wrong = json!({"username": "admin", "password": "sai mật khẩu rồi"});
        // Where no proxy is trusted, the header is ignored.
        server.nobody().post("/v1/auth/login", wrong.clone()).header("x-forwarded-for", "203.0.113.1").await.refused(401, "login_failed");
        let auditor = server.acting(Role::Auditor, ROOT).await;
        let proxied = behind_a_proxy(server).await;
        let id = format!("failed-{}", uuid::Uuid::now_v7());
        proxied.nobody().post("/v1/auth/login", wrong).header("forwarded", "for=\"[2001:db8::7]:4711\"").header("x-request-id", &id)
            .await.refused(401, "login_failed");
        let said: Vec<String> = lines.lock().unwrap().iter().filter(|line| line.contains(&id)).cloned().collect();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("failed login from 2001:db8::7: ") && !said[0].contains("admin"), "{said:?}");
        let auditor = proxied.bearer(auditor.token.as_deref());
        let events = auditor.get("/v1/audit_events?action=login_failed").await.is(200).body;
        let addresses: Vec<&str> = events["items"].as_array().unwrap().iter().map(|event| event["address"].as_str().unwrap()).collect();
        assert_eq!(addresses, ["2001:db8::7", "127.0.0.1"]);
        proxied.running.handle.stop(false).await;
    }

    async fn bad_input_is_no_fault_of_the_program(server: empty) {
        let (lines, ward) = (logged(), server.ward().await);
        for kind in &KINDS {
            let record = ward.record(kind, &ward.a).await;
            let (path, sound) = (format!("/v1/{}", kind.plural), ward.body(kind, &ward.a).await);
            for field in kind.fields.iter().filter(|field| !field.managed) {
                for value in [json!(null), json!(7), json!("x"), json!([]), json!({})] {
                    let mut body = sound.clone();
                    body[field.name] = value.clone();
                    ward.writer.post(&path, body).await;
                    ward.writer.patch(&format!("{path}/{}", record.id()), "*", json!({field.name: value})).await;
                }
            }
        }
        let said = lines.lock().unwrap();
        let faults: Vec<&String> = said.iter().filter(|line| line.contains("does not read back")).collect();
        assert!(faults.is_empty(), "{} lines such as {}", faults.len(), faults[0]);
    }

    async fn a_client_that_does_not_read_is_cut_off(server: empty) {
        let small = server.restarted_with(|config| {
            config.http.answer_timeout = Duration::from_millis(500);
            config.http.max_connections = 1;
        }).await;
        let mut idle = TcpStream::connect(small.running.addr).await.unwrap();
        let requests = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n".repeat(64);
        idle.write_all(requests.as_bytes()).await.unwrap();
        // The one connection that there may be is taken, until it is cut.
        let waiting = tokio::time::timeout(Duration::from_secs(60), async { small.nobody().get("/healthz").await });
        waiting.await.expect("the first connection is cut").is(200);
        let mut taken = Vec::new();
        let _ = idle.read_to_end(&mut taken).await;
        let bundle = small.nobody().get("/docs/swagger-ui-bundle.js").await.is(200).text.len();
        assert!(taken.len() < 64 * bundle, "all of it was sent");
        small.running.handle.stop(false).await;
    }

    async fn a_body_that_is_refused_by_its_length_can_be_sent_to_its_end(server: empty) {
        let mut client = TcpStream::connect(server.running.addr).await.unwrap();
        let body = vec![b' '; 32 * 1024 * 1024];
        let head = format!("POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        client.write_all(head.as_bytes()).await.unwrap();
        // The answer is here before the body is: most clients read it only after they have sent everything.
        let mut answer = vec![0; 12];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, b"HTTP/1.1 413");
        client.write_all(&body).await.unwrap();
        client.shutdown().await.unwrap();
        client.read_to_end(&mut answer).await.unwrap();
        assert!(String::from_utf8_lossy(&answer).contains("too_large"));
    }

    async fn a_header_of_one_value_is_sent_once(server: empty) {
        let ward = server.ward().await;
        let path = format!("/v1/members/{}", ward.member(&ward.a).await);
        let token = format!("Bearer {}", ward.office.token.as_deref().unwrap());
        let (patch, post) = (|| ward.office.patch(&path, "*", json!({"phone": null})), || ward.office.post("/v1/members", member(&ward.a)));
        let read = || ward.office.get(&path).header("if-none-match", "\"1\"");
        for (call, name, value) in [
            (patch(), "if-match", "*"), (read(), "if-none-match", "\"1\""), (post(), "content-type", "application/json"),
            (post().header("idempotency-key", "a"), "idempotency-key", "b"), (read(), "authorization", token.as_str()),
        ] {
            let refused = call.header(name, value).await.refused(400, "invalid_header");
            assert_eq!(named(&refused), [name]);
        }
        assert_eq!(ward.office.get("/v1/members?count=exact").await.is(200).body["total"], 1);
    }

    async fn a_slow_client_gets_all_of_its_answer(server: empty) {
        let small = server.restarted_with(|config| config.http.answer_timeout = Duration::from_secs(5)).await;
        let mut slow = TcpStream::connect(small.running.addr).await.unwrap();
        let request = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        slow.write_all(request.as_bytes()).await.unwrap();
        let (mut taken, mut piece) = (Vec::new(), vec![0; 1_000]);
        loop {
            let count = slow.read(&mut piece).await.unwrap();
            if count == 0 {
                break;
            }
            taken.extend_from_slice(&piece[..count]);
            tokio::task::yield_now().await;
        }
        let bundle = small.nobody().get("/docs/swagger-ui-bundle.js").await.is(200).text;
        assert!(taken.ends_with(bundle.as_bytes()));
        small.running.handle.stop(false).await;
    }
}

/// Reads with a tag until it is not the record's any more: within the second in which a grant takes effect.
async fn becomes_known(caller: &Caller, path: &str, etag: &str) -> Reply {
    let begun = std::time::Instant::now();
    loop {
        let late = begun.elapsed() > Duration::from_secs(1);
        let answer = caller.get(path).header("if-none-match", etag).await;
        if answer.status == 200 {
            return answer;
        }
        assert!(!late, "{path} is still {etag}");
    }
}
