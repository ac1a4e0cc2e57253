//! The audit log: a line for what is done to accounts, without secrets, for auditors of the unit only.

use crate::support::on_both_engines;
use crate::support::server::PASSWORD;
use crate::support::ward::ROOT;
use cell_records_client::types::accounts::{CallerKind, Role};
use serde_json::{Value, json};

on_both_engines! {
    async fn every_change_to_accounts_is_audited_with_its_author_and_request(server: empty) {
        let admin = server.administrator().await;
        let auditor = server.acting(Role::Auditor, ROOT).await;
        let user = admin.post("/v1/users", json!({"username": "thu-ky", "display_name": "Thư ký", "password": PASSWORD})).header("x-request-id", "made-here").await.is(201).id();
        let grants = format!("/v1/users/{user}/grants");
        let grant = admin.post(&grants, json!({"role": "auditor", "unit_id": ROOT})).await.is(201).id();
        admin.delete(&format!("{grants}/{grant}"), "*").await.is(204);
        let person = server.logged_in("thu-ky", PASSWORD).await;
        server.login("thu-ky", "một bí mật gõ nhầm").await.is(401);
        server.login("mot-bi-mat-go-nham", PASSWORD).await.is(401);
        person.call(reqwest::Method::PUT, "/v1/me/password").json(json!({"current_password": PASSWORD, "new_password": "hoa sen trong đầm"})).await.is(204);
        let login = server.login("thu-ky", "hoa sen trong đầm").await.is(200).body;
        let refresh = || server.nobody().post("/v1/auth/refresh", json!({"refresh_token": login["refresh_token"]}));
        refresh().await.is(200);
        server.refreshed_earlier(31);
        refresh().await.is(401);
        person.verb("/v1/auth/logout").await.is(204);
        admin.patch(&format!("/v1/users/{user}"), "*", json!({"disabled": true})).await.is(200);
        let tokens = format!("/v1/systems/{}/tokens", auditor.id);
        let token = admin.post(&tokens, json!({"name": "t", "expires_at": "2027-01-01T00:00:00Z"})).await.is(201).body;
        let form = "grant_type=client_credentials";
        let exchange = || server.bearer(token["token"].as_str()).verb("/v1/auth/token").body("application/x-www-form-urlencoded", form);
        let jwt = exchange().header("x-request-id", "exchanged").await.is(200).body;
        let rotated = admin.post(&format!("{tokens}/{}/rotate", token["id"].as_str().unwrap()), json!({"overlap_seconds": 0})).await.is(201).body;
        server.bearer(token["token"].as_str()).becomes("/v1/me", 401).await;
        exchange().await.is(401);
        admin.delete(&format!("{tokens}/{}", rotated["id"].as_str().unwrap()), "*").await.is(204);

        let (events, text) = auditor.all("/v1/audit_events?limit=7").await;
        let of = |action: &str| -> Vec<&Value> { events.iter().filter(|event| event["action"] == action).collect() };
        for action in [
            "login", "login_failed", "user_created", "system_created", "user_changed", "grant_added", "grant_removed", "token_issued", "token_rotated",
            "token_exchanged", "token_revoked", "refresh_reused", "password_changed", "logout",
        ] {
            assert!(!of(action).is_empty(), "{action}");
        }
        let made = of("user_created").into_iter().find(|event| event["subject"] == user.as_str()).unwrap();
        assert_eq!((&made["actor"], &made["request_id"], &made["address"], &made["unit_id"]), (&json!(admin.id), &json!("made-here"), &json!("127.0.0.1"), &json!(ROOT)));
        assert_eq!(of("token_issued")[0]["actor"], admin.id.as_str());
        assert_eq!(of("token_rotated")[0]["detail"]["replaces"], token["id"]);
        let exchanged = of("token_exchanged");
        assert_eq!(exchanged.len(), 1, "one that was refused is none");
        let event = exchanged[0];
        assert_eq!((&event["actor"], &event["subject"], &event["request_id"]), (&json!(auditor.id), &token["id"], &json!("exchanged")));
        assert_eq!(of("login_failed").iter().filter(|event| event["subject"] == user.as_str()).count(), 1);
        for secret in [PASSWORD, "hoa sen", "nhầm", "nham", token["token"].as_str().unwrap(), jwt["access_token"].as_str().unwrap(), login["refresh_token"].as_str().unwrap(), "argon2", "crt_", "crr_"] {
            assert!(!text.contains(secret), "{secret}");
        }
        // Latest first, none twice.
        let seqs: Vec<i64> = events.iter().map(|event| event["seq"].as_i64().unwrap()).collect();
        assert!(seqs.windows(2).all(|pair| pair[0] > pair[1]), "{seqs:?}");
        let one = auditor.get("/v1/audit_events?action=grant_removed").await.is(200).body;
        assert!(one["items"].as_array().unwrap().iter().all(|event| event["action"] == "grant_removed"));
        auditor.get("/v1/audit_events?colour=red").await.refused(400, "invalid_parameter");
        admin.get("/v1/audit_events").await.refused(403, "forbidden");
    }

    async fn what_the_operator_does_is_audited_as_the_operators(server: empty) {
        let (operator, auditor) = (server.operator(), server.acting(Role::Auditor, ROOT).await);
        operator.add_user("thu-ky", "Thư ký", PASSWORD, None).await.unwrap();
        operator.grant(CallerKind::User, "thu-ky", "frontend_reader", None, None, Vec::new()).await.unwrap();
        operator.set_password("thu-ky", "hoa sen trong đầm").await.unwrap();
        operator.set_disabled(CallerKind::User, "thu-ky", true, false).await.unwrap();
        let code = operator.add_system("Tỉnh", None, "a", "b", None).await.unwrap();
        let (token, _) = operator.issue_token(&code, "t", 1, Vec::new()).await.unwrap();
        operator.revoke_token(&code, token).await.unwrap();
        operator.rotate_keys(None).await.unwrap();
        let events = auditor.all("/v1/audit_events").await.0;
        let by_operator: Vec<_> = events.iter().filter(|event| event["operator"] == true).map(|event| event["action"].clone()).collect();
        assert_eq!(by_operator, [
            "keys_rotated", "token_revoked", "token_issued", "system_created", "user_changed", "password_changed", "grant_added", "user_created",
            // The first start.
            "grant_added", "user_created",
        ]);
        assert!(events.iter().all(|event| event["operator"] != true || event["actor"].is_null()));
        assert!(events.iter().any(|event| event["action"] == "login" && event["operator"].is_null()));
    }

    async fn an_auditor_reads_of_its_own_units_only(server: empty) {
        let ward = server.ward().await;
        let admin = server.administrator().await;
        for (name, unit) in [("trong", &ward.a), ("ngoai", &ward.b)] {
            admin.post("/v1/users", json!({"username": name, "display_name": name, "password": PASSWORD, "unit_id": unit})).await.is(201);
        }
        let auditor = server.acting(Role::Auditor, &ward.a).await;
        let events = auditor.all("/v1/audit_events").await.0;
        assert_eq!(events.iter().map(|event| event["action"].clone()).collect::<Vec<_>>(), ["grant_added", "user_created"]);
        assert_eq!((&events[0]["detail"]["account"], &events[0]["detail"]["role"]), (&json!(auditor.id), &json!("auditor")));
        assert!(events.iter().all(|event| event["unit_id"] == ward.a.as_str()));
    }
}
