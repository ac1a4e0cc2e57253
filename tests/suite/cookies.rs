//! A person in a browser: the refresh token is in a cookie, which no script reads and no other page can use.

use crate::support::Server;
use crate::support::http::{Call, Reply};
use crate::support::on_both_engines;
use crate::support::server::PASSWORD;
use crate::support::ward::ROOT;
use cell_records_client::types::accounts::Role;
use reqwest::Method;
use serde_json::{Value, json};

/// A login whose refresh token comes as a cookie.
async fn login(server: &Server) -> Reply {
    let body = json!({"username": "admin", "password": PASSWORD});
    server.nobody().post("/v1/auth/login?cookie=true", body).await.is(200)
}

/// The cookie as the browser sends it back.
fn cookie(answer: &Reply) -> String {
    let (pair, attributes) = answer.header("set-cookie").split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/v1/auth; HttpOnly; Secure; SameSite=Strict; Max-Age=2592000");
    let token = pair.strip_prefix("cell_records_refresh=crr_").unwrap();
    assert!(!answer.text.contains(token) && answer.body.get("refresh_token").is_none(), "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "no-store");
    pair.to_owned()
}

/// A call with a cookie, as a script of the front end makes it.
fn with_cookie(server: &Server, path: &str, cookie: &str) -> Call {
    without_header(server, path, cookie).header("x-requested-with", "fetch")
}

/// The same as a form of another page would make it.
fn without_header(server: &Server, path: &str, cookie: &str) -> Call {
    server.nobody().verb(path).header("cookie", &format!("theme=dark; {cookie}"))
}

fn sessions(reply: &Reply) -> usize {
    reply.body["items"].as_array().unwrap().len()
}

on_both_engines! {
    async fn a_cookie_renews_its_session_and_is_replaced(server: empty) {
        let first = cookie(&login(server).await);
        let renewed = with_cookie(server, "/v1/auth/refresh", &first).await.is(200);
        let second = cookie(&renewed);
        assert_ne!(first, second);
        let caller = server.bearer(renewed.body["access_token"].as_str());
        assert_eq!(sessions(&caller.get("/v1/me/sessions").await.is(200)), 1);
        // A cookie that is used again later was copied.
        server.refreshed_earlier(31);
        with_cookie(server, "/v1/auth/refresh", &first).await.refused(401, "refresh_failed");
        with_cookie(server, "/v1/auth/refresh", &second).await.refused(401, "refresh_failed");
        caller.becomes("/v1/me", 401).await;
    }

    async fn a_cookie_without_the_header_does_nothing(server: empty) {
        let answer = login(server).await;
        let cookie = cookie(&answer);
        for path in ["/v1/auth/refresh", "/v1/auth/logout"] {
            let refused = without_header(server, path, &cookie).await.refused(403, "csrf_header_missing");
            assert_eq!(refused.header("set-cookie"), "");
        }
        server.bearer(answer.body["access_token"].as_str()).get("/v1/me").await.is(200);
        assert_eq!(server.database.count("FROM refresh_tokens WHERE used_at IS NOT NULL"), 0);
        with_cookie(server, "/v1/auth/refresh", &cookie).await.is(200);
        // Nor does a request that has neither a cookie nor a body.
        for header in ["x-requested-with", "x-nothing"] {
            server.nobody().verb("/v1/auth/refresh").header(header, "fetch").await.refused(401, "refresh_failed");
        }
        with_cookie(server, "/v1/auth/refresh", "cell_records_refresh=crr_0").await.refused(401, "refresh_failed");
    }

    async fn a_logout_ends_the_session_of_the_cookie_and_takes_it_away(server: empty) {
        let answer = login(server).await;
        let caller = server.bearer(answer.body["access_token"].as_str());
        caller.get("/v1/me").await.is(200);
        let cookie = cookie(&answer);
        let ended = with_cookie(server, "/v1/auth/logout", &cookie).await.is(204);
        assert_eq!(ended.header("set-cookie"), "cell_records_refresh=; Path=/v1/auth; HttpOnly; Secure; SameSite=Strict; Max-Age=0");
        caller.becomes("/v1/me", 401).await;
        with_cookie(server, "/v1/auth/refresh", &cookie).await.refused(401, "refresh_failed");
        // What is over already is no error, and goes, too.
        assert!(with_cookie(server, "/v1/auth/logout", &cookie).await.is(204).header("set-cookie").contains("Max-Age=0"));
    }

    async fn a_logout_with_a_token_that_is_over_ends_the_session_of_the_caller(server: empty) {
        let dead = login(server).await;
        let cookie = cookie(&dead);
        with_cookie(server, "/v1/auth/logout", &cookie).await.is(204);
        let live = login(server).await;
        let caller = server.bearer(live.body["access_token"].as_str());
        let logout = || caller.verb("/v1/auth/logout");
        let ended = logout().header("cookie", &cookie).header("x-requested-with", "fetch").await.is(204);
        assert!(ended.header("set-cookie").contains("Max-Age=0"));
        caller.becomes("/v1/me", 401).await;
        // Both are over: that is no error, and the cookie goes all the same.
        let again = logout().header("cookie", &cookie).header("x-requested-with", "fetch").await.is(204);
        assert!(again.header("set-cookie").contains("Max-Age=0"));
        // So it is with a refresh token in the body. A system has no session that could end.
        let other = login(server).await;
        let caller = server.bearer(other.body["access_token"].as_str());
        let spent = json!({"refresh_token": cookie.split_once('=').unwrap().1});
        let system = server.acting(Role::FrontendReader, ROOT).await;
        system.post("/v1/auth/logout", spent.clone()).await.is(204);
        system.get("/v1/me").await.is(200);
        caller.get("/v1/me").await.is(200);
        caller.post("/v1/auth/logout", spent).await.is(204);
        caller.becomes("/v1/me", 401).await;
    }

    async fn a_token_in_a_body_counts_as_before_beside_a_cookie(server: empty) {
        let body = json!({"username": "admin", "password": PASSWORD});
        let plain = server.nobody().post("/v1/auth/login?cookie=false", body.clone()).await.is(200);
        let cookie = cookie(&login(server).await);
        let sent = |path: &str, token: &Value| without_header(server, path, &cookie).json(json!({"refresh_token": token}));
        let renewed = sent("/v1/auth/refresh", &plain.body["refresh_token"]).await.is(200);
        assert!(renewed.body["refresh_token"].as_str().unwrap().starts_with("crr_"));
        let ended = sent("/v1/auth/logout", &renewed.body["refresh_token"]).await.is(204);
        assert_eq!((plain.header("set-cookie"), renewed.header("set-cookie"), ended.header("set-cookie")), ("", "", ""));
        // The session of the cookie goes on.
        with_cookie(server, "/v1/auth/refresh", &cookie).await.is(200);
        server.nobody().post("/v1/auth/login?cookie=perhaps", body.clone()).await.refused(400, "invalid_parameter");
        server.nobody().post("/v1/auth/login?biscuit=true", body).await.refused(400, "invalid_parameter");
    }

    async fn pages_of_configured_origins_send_the_cookie(server: empty) {
        let origin = "https://app.example.vn";
        let server = &server.restarted_with(|config| config.http.cors_origins = vec![origin.into()]).await;
        let asked = |from: &str| {
            server.nobody().call(Method::OPTIONS, "/v1/auth/refresh").header("origin", from)
                .header("access-control-request-method", "POST").header("access-control-request-headers", "x-requested-with,if-match")
        };
        let allowed = asked(origin).await.is(200);
        assert_eq!((allowed.header("access-control-allow-origin"), allowed.header("access-control-allow-credentials")), (origin, "true"));
        for header in ["x-requested-with", "if-match"] {
            assert!(allowed.header("access-control-allow-headers").to_lowercase().contains(header), "{header}");
        }
        assert_eq!(asked("https://evil.example.vn").await.header("access-control-allow-origin"), "");
        let cookie = cookie(&login(server).await);
        let renewed = with_cookie(server, "/v1/auth/refresh", &cookie).header("origin", origin).await.is(200);
        assert_eq!((renewed.header("access-control-allow-origin"), renewed.header("access-control-allow-credentials")), (origin, "true"));
        assert!(renewed.header("access-control-expose-headers").to_lowercase().contains("etag"));
        // What a cache between must tell apart: the origin, the caller and the language.
        let caller = server.bearer(renewed.body["access_token"].as_str());
        for codings in ["identity", "gzip"] {
            let answer = caller.get("/v1/units").header("origin", origin).header("accept-encoding", codings).await.is(200);
            let lines = answer.headers.get_all("vary").iter().map(|line| line.to_str().unwrap().to_lowercase());
            let vary: Vec<String> = lines.flat_map(|line| line.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>()).collect();
            for name in ["origin", "authorization", "accept-language"] {
                assert!(vary.iter().any(|one| one == name), "{codings}: {vary:?}");
            }
        }
        server.running.handle.stop(false).await;
    }
}
