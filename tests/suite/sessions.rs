//! People: logging in and out, sessions, passwords.

use crate::support::Server;
use crate::support::http::Reply;
use crate::support::on_both_engines;
use crate::support::server::PASSWORD;
use serde_json::{Value, json};

/// The body without what differs by request.
fn body(reply: &Reply) -> Value {
    let mut body = reply.body.clone();
    body.as_object_mut().unwrap().remove("request_id");
    body
}

async fn refresh(server: &Server, token: &Value) -> Reply {
    server.nobody().post("/v1/auth/refresh", json!({"refresh_token": token})).await
}

fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

on_both_engines! {
    async fn a_wrong_user_and_a_wrong_password_look_alike(server: empty) {
        let (user, password) = (server.login("nobody", PASSWORD).await, server.login("admin", "sai mật khẩu rồi").await);
        assert_eq!(body(&user), body(&password));
        for answer in [user, password] {
            answer.refused(401, "login_failed");
        }
        server.nobody().post("/v1/auth/login", json!({"username": 1, "pass": "x"})).await
            .faults(&[("/username", "wrong_type"), ("/password", "required"), ("/pass", "unknown_field")]);
    }

    async fn failures_slow_the_account_down(server: empty) {
        let mut refused = None;
        for _ in 0..20 {
            let answer = server.login("admin", "sai mật khẩu rồi").await;
            if answer.status == 429 {
                refused = Some(answer);
                break;
            }
            answer.refused(401, "login_failed");
        }
        let refused = refused.expect("five failures are free, and no more").refused(429, "too_many_attempts");
        assert!(refused.header("retry-after").parse::<u32>().unwrap() >= 1);
    }

    async fn two_tabs_that_refresh_at_the_same_moment_stay_in_one_session(server: empty) {
        let login = server.login("admin", PASSWORD).await.is(200).body;
        let (one, two) = tokio::join!(refresh(server, &login["refresh_token"]), refresh(server, &login["refresh_token"]));
        let (one, two) = (one.is(200).body, two.is(200).body);
        assert_ne!(one["refresh_token"], two["refresh_token"]);
        let caller = server.bearer(text(&one["access_token"]));
        let sessions = caller.get("/v1/me/sessions").await.is(200).body["items"].as_array().unwrap().clone();
        assert_eq!((sessions.len(), &sessions[0]["current"]), (1, &json!(true)));
        server.refreshed_earlier(25);
        refresh(server, &login["refresh_token"]).await.is(200);
        // Both tabs go on by themselves, in the session of the login.
        for tab in [&one, &two] {
            let renewed = refresh(server, &tab["refresh_token"]).await.is(200).body;
            let tab = server.bearer(text(&renewed["access_token"]));
            let now = tab.get("/v1/me/sessions").await.is(200).body["items"].as_array().unwrap().clone();
            assert_eq!((now.len(), &now[0]["id"], &now[0]["current"]), (1, &sessions[0]["id"], &json!(true)));
        }
    }

    async fn a_refresh_token_is_replaced_and_a_later_use_ends_its_session(server: empty) {
        let login = server.login("admin", PASSWORD).await.is(200);
        assert_eq!((&login.body["token_type"], &login.body["expires_in"], login.header("cache-control")), (&json!("Bearer"), &json!(900), "no-store"));
        let renewed = refresh(server, &login.body["refresh_token"]).await.is(200);
        assert_ne!(renewed.body["refresh_token"], login.body["refresh_token"]);
        let caller = server.bearer(text(&renewed.body["access_token"]));
        caller.get("/v1/me").await.is(200);
        server.refreshed_earlier(31);
        refresh(server, &login.body["refresh_token"]).await.refused(401, "refresh_failed");
        refresh(server, &renewed.body["refresh_token"]).await.refused(401, "refresh_failed");
        caller.becomes("/v1/me", 401).await;
        for nonsense in ["", "crr_", "crt_0000", "x"] {
            let answer = refresh(server, &json!(nonsense)).await;
            assert!(matches!(answer.status, 401 | 422), "{nonsense}: {}", answer.text);
        }
    }

    async fn a_refresh_token_is_repeated_three_times_at_most(server: empty) {
        let login = server.login("admin", PASSWORD).await.is(200).body;
        let tokens = || server.database.count("FROM refresh_tokens");
        let mut last = Value::Null;
        for _ in 0..4 {
            last = refresh(server, &login["refresh_token"]).await.is(200).body;
        }
        let issued = tokens();
        for _ in 0..3 {
            refresh(server, &login["refresh_token"]).await.refused(401, "refresh_failed");
        }
        assert_eq!(tokens(), issued);
        // The session goes on, with what the repeats got.
        refresh(server, &last["refresh_token"]).await.is(200);
        // Later the same use ends it.
        server.refreshed_earlier(31);
        refresh(server, &login["refresh_token"]).await.refused(401, "refresh_failed");
        refresh(server, &last["refresh_token"]).await.refused(401, "refresh_failed");
        server.bearer(text(&last["access_token"])).becomes("/v1/me", 401).await;
    }

    async fn a_renewal_drops_the_tokens_that_were_used_a_week_ago(server: empty) {
        let login = server.login("admin", PASSWORD).await.is(200).body;
        let mut now = refresh(server, &login["refresh_token"]).await.is(200).body;
        server.refreshed_earlier(8 * 86_400);
        for _ in 0..3 {
            now = refresh(server, &now["refresh_token"]).await.is(200).body;
        }
        let kept = "FROM refresh_tokens WHERE session_id IN (SELECT session_id FROM refresh_tokens WHERE used_at IS NOT NULL)";
        assert_eq!(server.database.count(kept), 4, "three that were used now, and the new one");
        // What is forgotten is an unknown token, which ends nothing.
        refresh(server, &login["refresh_token"]).await.refused(401, "refresh_failed");
        refresh(server, &now["refresh_token"]).await.is(200);
    }

    async fn a_logout_ends_the_session_by_either_token(server: empty) {
        for by_refresh in [true, false] {
            let login = server.login("admin", PASSWORD).await.is(200).body;
            let caller = server.bearer(text(&login["access_token"]));
            caller.get("/v1/me").await.is(200);
            match by_refresh {
                true => server.nobody().post("/v1/auth/logout", json!({"refresh_token": login["refresh_token"]})).await.is(204),
                false => caller.verb("/v1/auth/logout").await.is(204),
            };
            caller.becomes("/v1/me", 401).await;
            refresh(server, &login["refresh_token"]).await.refused(401, "refresh_failed");
        }
        server.nobody().verb("/v1/auth/logout").await.refused(401, "unauthenticated");
    }

    async fn a_person_sees_and_ends_its_sessions(server: empty) {
        let (one, two) = (server.administrator().await, server.administrator().await);
        let listed = two.get("/v1/me/sessions").await.is(200).body["items"].as_array().unwrap().clone();
        let current: Vec<bool> = listed.iter().map(|session| session["current"] == true).collect();
        assert_eq!((listed.len(), current.iter().filter(|current| **current).count()), (2, 1));
        let other = listed.iter().find(|session| session["current"] == false).unwrap()["id"].as_str().unwrap();
        let end = |id: &str| two.delete(&format!("/v1/me/sessions/{id}"), "*");
        end(other).await.is(204);
        one.becomes("/v1/me", 401).await;
        end(other).await.refused(404, "not_found");
        end(&uuid::Uuid::now_v7().to_string()).await.refused(404, "not_found");
        two.delete("/v1/me/sessions", "*").await.is(204);
        two.becomes("/v1/me", 401).await;
    }

    async fn guesses_at_the_own_password_slow_down_and_are_audited_like_logins(server: empty) {
        let admin = server.administrator().await;
        let body = json!({"current_password": "sai mật khẩu rồi", "new_password": "hoa sen trong đầm"});
        let guess = || async { admin.call(reqwest::Method::PUT, "/v1/me/password").json(body.clone()).await };
        let guesses = futures_util::future::join_all((0..100).map(|_| guess())).await;
        let of = |status: u16| guesses.iter().filter(|answer| answer.status == status).count();
        let (wrong, refused) = (of(422), of(429));
        assert_eq!(wrong + refused, 100);
        // Five are free; a worker more may have looked at the count at the same instant.
        assert!((5..=8).contains(&wrong), "{wrong} guesses were answered");
        let audited = server.database.count("FROM audit_events WHERE action = 'login_failed'");
        assert_eq!(audited, i64::try_from(wrong).unwrap());
    }

    async fn a_new_password_ends_the_other_sessions(server: empty) {
        let (one, two) = (server.administrator().await, server.administrator().await);
        let change = |current: &str, new: &str| two.call(reqwest::Method::PUT, "/v1/me/password").json(json!({"current_password": current, "new_password": new}));
        change("sai mật khẩu rồi", "hoa sen trong đầm").await.faults(&[("/current_password", "wrong_password")]);
        for weak in ["ngắn quá", "password1234", "P@ssw0rd1234", "ｐａｓｓｗｏｒｄ１２３４", "admin-admin-admin", "aaaaaaaaaaaaaaaa", "Trung ương 1930"] {
            let answer = change(PASSWORD, weak).await;
            assert_eq!(answer.status, 422, "{weak}: {}", answer.text);
        }
        change(PASSWORD, "hoa sen trong đầm").await.is(204);
        one.becomes("/v1/me", 401).await;
        two.get("/v1/me").await.is(200);
        server.login("admin", PASSWORD).await.refused(401, "login_failed");
        server.logged_in("admin", "hoa sen trong đầm").await;
    }
}
