//! Systems' access tokens: shown once, narrowed, rotated, revoked.

use crate::support::actors::DAY;
use crate::support::http::{Caller, over};
use crate::support::on_both_engines;
use cell_records_client::types::Timestamp;
use cell_records_client::types::accounts::Role;
use serde_json::{Value, json};

fn ahead(days: i64) -> String {
    Timestamp::from_micros(Timestamp::now().micros() + days * DAY).to_string()
}

async fn issue(admin: &Caller, tokens: &str, more: Value) -> Value {
    let mut body = json!({"name": "máy chủ", "expires_at": ahead(10)});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    admin.post(tokens, body).await.is(201).body
}

on_both_engines! {
    async fn a_token_is_shown_once_works_and_is_revoked_within_a_second(server: empty) {
        let ward = server.ward().await;
        let (admin, system) = (server.administrator().await, server.acting(Role::CellSecretary, &ward.a).await);
        let tokens = format!("/v1/systems/{}/tokens", system.id);
        let issued = issue(&admin, &tokens, json!({})).await;
        let secret = issued["token"].as_str().unwrap();
        assert!(secret.starts_with("crt_") && secret.len() == 50, "{secret}");
        let caller = server.bearer(Some(secret));
        assert_eq!(caller.get("/v1/me").await.is(200).body["name"], system.code.as_str());
        let listed = admin.get(&tokens).await.is(200);
        assert!(!listed.text.contains(secret) && listed.text.contains(&secret[..8]));
        let path = format!("{tokens}/{}", issued["id"].as_str().unwrap());
        admin.delete(&path, "*").await.is(204);
        caller.becomes("/v1/me", 401).await;
        // The system's other token continues.
        system.get("/v1/me").await.is(200);
        assert!(admin.get(&tokens).await.body["items"][0]["revoked_at"].is_string());
        for (body, faults) in [
            (json!({}), vec![("/name", "required")]),
            (json!({"name": "t", "expires_at": "0000-01-01T00:00:00+00:01"}), vec![("/expires_at", "wrong_format")]),
            (json!({"name": "t", "expires_at": ahead(401)}), vec![("/expires_at", "out_of_range")]),
            (json!({"name": "t", "expires_at": ahead(-1), "grants": [uuid::Uuid::now_v7()]}), vec![("/expires_at", "out_of_range"), ("/grants/0", "reference_not_found")]),
        ] {
            admin.post(&tokens, body).await.faults(&faults);
        }
    }

    async fn a_mistyped_truncated_or_unknown_token_is_401(server: empty) {
        let system = server.acting(Role::Auditor, crate::support::ward::ROOT).await;
        let secret = system.token.clone().unwrap();
        let mut swapped: Vec<char> = secret.chars().collect();
        swapped.swap(10, 11);
        let swapped: String = swapped.into_iter().collect();
        let last = if secret.ends_with('0') { "1" } else { "0" };
        for bad in [
            &secret[..49], &format!("{secret}0"), &format!("{}{last}", &secret[..49]), &secret[4..], &secret.to_lowercase(), &swapped, "crt_", "", "x.y.z", "Bearer",
        ] {
            if bad != secret {
                server.bearer(Some(bad)).get("/v1/me").await.refused(401, "unauthenticated");
            }
        }
        for header in [format!("Basic {secret}"), secret.clone(), format!("Bearer  {secret} x"), "Bearer".into()] {
            server.nobody().get("/v1/me").header("authorization", &header).await.refused(401, "unauthenticated");
        }
        server.nobody().get("/v1/me").header("authorization", &format!("bearer {secret}")).await.is(200);
    }

    async fn a_narrowed_token_does_what_its_grants_do_and_no_more(server: empty) {
        let ward = server.ward().await;
        let (a, b) = (ward.member(&ward.a).await, ward.member(&ward.b).await);
        let system = server.granted(vec![over(Role::CommitteeOffice, &ward.a), over(Role::CellSecretary, &ward.b)]).await;
        let admin = server.administrator().await;
        let grants = admin.get(&format!("/v1/systems/{}/grants", system.id)).await.body["items"].clone();
        let secretary = grants.as_array().unwrap().iter().find(|grant| grant["role"] == "cell_secretary").unwrap()["id"].clone();
        let issued = issue(&admin, &format!("/v1/systems/{}/tokens", system.id), json!({"grants": [secretary]})).await;
        let narrow = server.bearer(issued["token"].as_str());
        system.get(&format!("/v1/members/{a}")).await.is(200);
        narrow.get(&format!("/v1/members/{a}")).await.refused(404, "not_found");
        narrow.get(&format!("/v1/members/{b}")).await.is(200);
        narrow.patch(&format!("/v1/members/{b}"), "*", json!({"phone": null})).await.refused(403, "forbidden");
        narrow.post("/v1/members", crate::support::ward::member(&ward.a)).await.refused(403, "forbidden");
        assert_eq!(narrow.get("/v1/me").await.is(200).body["grants"].as_array().unwrap().len(), 1);
    }

    async fn a_token_whose_narrowing_cannot_be_read_does_nothing(server: empty) {
        let ward = server.ward().await;
        let member = ward.member(&ward.a).await;
        let system = server.acting(Role::CommitteeOffice, &ward.ward).await;
        let grants = server.administrator().await.get(&format!("/v1/systems/{}/grants", system.id)).await.body["items"].clone();
        let tokens = format!("/v1/systems/{}/tokens", system.id);
        for unreadable in ["", "nonsense", "[]", "{}", r#"["x"]"#] {
            let issued = issue(&server.administrator().await, &tokens, json!({"grants": [grants[0]["id"]]})).await;
            let id = server.database.uuid(issued["id"].as_str().unwrap().parse().unwrap());
            server.database.sql(&[format!("UPDATE tokens SET grants = '{unreadable}' WHERE id = {id}")]);
            let narrow = server.bearer(issued["token"].as_str());
            assert_eq!(narrow.get("/v1/me").await.is(200).body["grants"], json!([]), "{unreadable}");
            narrow.get(&format!("/v1/members/{member}")).await.refused(403, "type_not_readable");
            let changes = narrow.get("/v1/sync/changes").await.is(200).body;
            assert_eq!(changes["changes"], json!([{"op": "snapshot_end", "counts": {}}]), "{unreadable}");
            let waits = format!("/v1/sync/changes?cursor={}", changes["cursor"].as_str().unwrap());
            assert_eq!(narrow.get(&waits).await.is(200).body["changes"], json!([]), "{unreadable}");
            let push = json!({"items": [{"type": "member", "op": "create", "id": uuid::Uuid::now_v7(), "fields": crate::support::ward::member(&ward.a)}]});
            let pushed = narrow.post("/v1/sync/push", push).header("idempotency-key", unreadable.get(..1).unwrap_or("k")).await;
            assert!(!pushed.text.contains("created"), "{unreadable}: {}", pushed.text);
        }
        system.get(&format!("/v1/members/{member}")).await.is(200);
    }

    async fn a_rotation_gives_a_second_secret_with_an_overlap(server: empty) {
        let system = server.acting(Role::FrontendReader, crate::support::ward::ROOT).await;
        let (admin, tokens) = (server.administrator().await, format!("/v1/systems/{}/tokens", system.id));
        let rotate = |id: &Value, body: Value| admin.post(&format!("{tokens}/{}/rotate", id.as_str().unwrap()), body);
        let first = issue(&admin, &tokens, json!({})).await;
        let second = rotate(&first["id"], json!({})).await.is(201).body;
        assert_ne!(first["token"], second["token"]);
        let callers = [&first, &second].map(|issued| server.bearer(issued["token"].as_str()));
        for caller in &callers {
            caller.get("/v1/me").await.is(200);
        }
        rotate(&first["id"], json!({})).await.refused(409, "conflict");
        rotate(&second["id"], json!({"overlap_seconds": 604_801})).await.faults(&[("/overlap_seconds", "out_of_range")]);
        let third = rotate(&second["id"], json!({"overlap_seconds": 0})).await.is(201).body;
        callers[1].becomes("/v1/me", 401).await;
        server.bearer(third["token"].as_str()).get("/v1/me").await.is(200);
        rotate(&json!(uuid::Uuid::now_v7()), json!({})).await.refused(404, "not_found");
    }

    async fn a_system_is_told_when_its_token_ends(server: empty) {
        let system = server.granted(Vec::new()).await;
        let (admin, tokens) = (server.administrator().await, format!("/v1/systems/{}/tokens", system.id));
        for (days, soon) in [(1, true), (29, true), (31, false)] {
            let issued = issue(&admin, &tokens, json!({"expires_at": ahead(days)})).await;
            let secret = server.bearer(issued["token"].as_str());
            let form = "grant_type=client_credentials";
            let exchanged = secret.verb("/v1/auth/token").body("application/x-www-form-urlencoded", form).await.is(200);
            let end = issued["expires_at"].as_str().unwrap();
            for caller in [secret, server.bearer(exchanged.body["access_token"].as_str())] {
                let (me, sync) = (caller.get("/v1/me").await.is(200), caller.get("/v1/sync").await.is(200));
                assert_eq!((&me.body["token_expires_at"], &sync.body["caller"]["token_expires_at"]), (&json!(end), &json!(end)));
                let refused = caller.get("/v1/nothing").await.refused(404, "not_found");
                let told = [me, sync, refused].map(|answer| answer.header("token-expires-soon").to_owned());
                assert_eq!(told, [if soon { end } else { "" }; 3], "{days} days");
            }
        }
        // After a rotation the old secret ends earlier than it was issued for.
        let issued = issue(&admin, &tokens, json!({"expires_at": ahead(31)})).await;
        let new = admin.verb(&format!("{tokens}/{}/rotate", issued["id"].as_str().unwrap())).await.is(201).body;
        let old = server.bearer(issued["token"].as_str()).becomes("/v1/me", 200).await;
        assert!(old.header("token-expires-soon") < new["expires_at"].as_str().unwrap() && !old.header("token-expires-soon").is_empty());
        // A person's session goes on while it is used.
        let person = admin.get("/v1/me").await.is(200);
        assert_eq!((person.header("token-expires-soon"), person.body.get("token_expires_at")), ("", None));
    }

    async fn the_last_use_of_a_token_is_listed(server: empty) {
        let system = server.acting(Role::FrontendReader, crate::support::ward::ROOT).await;
        let admin = server.administrator().await;
        system.get("/v1/me").await.is(200);
        let tokens = format!("/v1/systems/{}/tokens", system.id);
        let listed = async || admin.get(&tokens).await.is(200).body["items"][0]["last_used_at"].clone();
        assert_eq!(listed().await, json!(null), "the use is noted, and written within a minute");
        server.running.write_uses().await;
        let first = listed().await;
        assert!(first.is_string(), "{first}");
        system.get("/v1/me").await.is(200);
        server.running.write_uses().await;
        assert!(listed().await.as_str() > first.as_str());
    }
}
