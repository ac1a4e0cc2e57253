//! What an administrator may do: below its own unit, never to itself, never more than it has.

use crate::support::http::{Caller, over};
use crate::support::on_both_engines;
use crate::support::server::PASSWORD;
use crate::support::ward::ROOT;
use cell_records_client::types::accounts::Role;
use serde_json::{Value, json};

fn user(name: &str, unit: &str) -> Value {
    json!({"username": name, "display_name": "Cán bộ", "password": PASSWORD, "unit_id": unit})
}

fn items(body: &Value) -> &Vec<Value> {
    body["items"].as_array().unwrap()
}

async fn made(admin: &Caller, name: &str, unit: &str) -> String {
    admin.post("/v1/users", user(name, unit)).await.is(201).id()
}

on_both_engines! {
    async fn an_administrator_of_a_ward_administers_that_ward_only(server: empty) {
        let ward = server.ward().await;
        let (root, mine) = (server.administrator().await, server.acting(Role::Administrator, &ward.ward).await);
        let (above, below) = (made(&root, "cap-tren", ROOT).await, made(&mine, "chi-bo", &ward.a).await);
        mine.post("/v1/users", user("ngoai", ROOT)).await.faults(&[("/unit_id", "outside_your_unit")]);
        mine.post("/v1/users", user("ngoai", &uuid::Uuid::now_v7().to_string())).await.faults(&[("/unit_id", "reference_not_found")]);
        mine.post("/v1/systems", json!({"name": "x", "contact": "y", "purpose": "z"})).await.faults(&[("/unit_id", "outside_your_unit")]);
        let listed = mine.all("/v1/users").await.0;
        assert_eq!(listed.iter().map(|user| user["username"].clone()).collect::<Vec<_>>(), ["chi-bo"]);
        for path in [format!("/v1/users/{above}"), format!("/v1/users/{above}/grants"), format!("/v1/users/{above}/sessions")] {
            mine.get(&path).await.refused(404, "not_found");
        }
        mine.patch(&format!("/v1/users/{above}"), "*", json!({"disabled": true})).await.refused(404, "not_found");
        let grants = format!("/v1/users/{below}/grants");
        let give = |unit: &str| mine.post(&grants, json!({"role": "committee_office", "unit_id": unit}));
        give(&ward.a).await.is(201);
        // Neither beside the account's unit nor above the administrator's.
        give(&ward.b).await.faults(&[("/unit_id", "outside_your_unit")]);
        give(ROOT).await.faults(&[("/unit_id", "outside_your_unit")]);
        mine.post(&grants, json!({"role": "king", "unit_id": "a", "until": "tomorrow", "fields": [1], "why": 2})).await.faults(&[
            ("/role", "unknown_code"), ("/unit_id", "reference_invalid"), ("/until", "wrong_format"), ("/fields/0", "wrong_type"), ("/why", "unknown_field"),
        ]);
        root.post(&grants, json!({"role": "cell_secretary", "unit_id": ward.ward})).await.faults(&[("/unit_id", "outside_your_unit")]);
        // An account whose grants reach further is not to be touched from below.
        let far = made(&root, "lien-cap", &ward.ward).await;
        root.post(&format!("/v1/users/{far}/grants"), json!({"role": "cell_secretary", "unit_id": ward.b})).await.is(201);
        let cell = server.acting(Role::Administrator, &ward.a).await;
        cell.get(&format!("/v1/users/{far}")).await.refused(404, "not_found");
    }

    async fn nobody_changes_the_own_grants(server: empty) {
        let admin = server.administrator().await;
        let own = format!("/v1/users/{}/grants", admin.id);
        admin.post(&own, json!({"role": "committee_office", "unit_id": ROOT})).await.refused(403, "forbidden");
        let grant = items(&admin.get(&own).await.is(200).body)[0]["id"].as_str().unwrap().to_owned();
        admin.delete(&format!("{own}/{grant}"), "*").await.refused(403, "forbidden");
        admin.patch(&format!("/v1/users/{}", admin.id), "*", json!({"disabled": true})).await.refused(403, "forbidden");
        let system = server.acting(Role::Administrator, ROOT).await;
        system.post(&format!("/v1/systems/{}/grants", system.id), json!({"role": "committee_office", "unit_id": ROOT})).await.refused(403, "forbidden");
        system.post(&format!("/v1/systems/{}/tokens", system.id), json!({"name": "t", "expires_at": "2027-01-01T00:00:00Z"})).await.refused(403, "forbidden");
    }

    async fn a_disabled_account_is_out_within_a_second_and_comes_back(server: empty) {
        let admin = server.administrator().await;
        let id = made(&admin, "thu-ky", ROOT).await;
        let (person, system) = (server.logged_in("thu-ky", PASSWORD).await, server.acting(Role::CommitteeOffice, ROOT).await);
        system.get("/v1/me").await.is(200);
        for (path, caller) in [(format!("/v1/users/{id}"), &person), (format!("/v1/systems/{}", system.id), &system)] {
            assert_eq!(admin.patch(&path, "*", json!({"disabled": true})).await.is(200).body["disabled"], true);
            caller.becomes("/v1/me", 401).await;
        }
        server.login("thu-ky", PASSWORD).await.refused(401, "login_failed");
        admin.patch(&format!("/v1/users/{id}"), "*", json!({"disabled": false})).await.is(200);
        server.logged_in("thu-ky", PASSWORD).await;
        admin.patch(&format!("/v1/users/{id}"), "*", json!({"password": "một mật khẩu khác"})).await.is(200);
        server.login("thu-ky", PASSWORD).await.refused(401, "login_failed");
    }

    async fn a_grant_that_is_taken_away_is_gone_within_a_second(server: empty) {
        let ward = server.ward().await;
        let path = format!("/v1/members/{}", ward.member(&ward.a).await);
        let caller = server.granted(vec![over(Role::CellSecretary, &ward.a), over(Role::FrontendReader, &ward.ward)]).await;
        caller.get(&path).await.is(200);
        let admin = server.administrator().await;
        let grants = format!("/v1/systems/{}/grants", caller.id);
        let listed = admin.get(&grants).await.is(200).body;
        let grant = items(&listed).iter().find(|grant| grant["role"] == "cell_secretary").unwrap()["id"].as_str().unwrap().to_owned();
        admin.delete(&format!("{grants}/{grant}"), "*").await.is(204);
        caller.becomes(&path, 403).await.refused(403, "type_not_readable");
        admin.delete(&format!("{grants}/{grant}"), "*").await.refused(404, "not_found");
        admin.post(&grants, json!({"role": "cell_secretary", "unit_id": ward.a})).await.is(201);
        caller.becomes(&path, 200).await;
    }

    async fn accounts_have_names_that_nobody_else_has(server: empty) {
        let admin = server.administrator().await;
        made(&admin, "van-phong", ROOT).await;
        admin.post("/v1/users", user("van-phong", ROOT)).await.faults(&[("/username", "name_taken")]);
        admin.post("/v1/users", json!({"username": "Văn phòng", "password": "ngắn"})).await.faults(&[("/username", "wrong_format"), ("/display_name", "required")]);
        admin.post("/v1/users", json!({"username": "ai-do", "display_name": "x", "password": "ngắn"})).await.faults(&[("/password", "invalid_password")]);
        let system = |code: Option<&str>| admin.post("/v1/systems", json!({"name": "Tỉnh Nghệ An", "contact": "a", "purpose": "b", "code": code}));
        assert_eq!(system(None).await.is(201).body["code"], "tinh-nghe-an");
        assert_eq!(system(None).await.is(201).body["code"], "tinh-nghe-an-2");
        system(Some("tinh-nghe-an")).await.faults(&[("/code", "name_taken")]);
        system(Some("Tỉnh")).await.faults(&[("/code", "wrong_format")]);
        for _ in 0..3 {
            system(None).await.is(201);
        }
        assert_eq!(admin.all("/v1/systems?limit=2").await.0.len(), 5);
        let text = admin.all("/v1/users").await.1;
        assert!(!text.contains("password") && !text.contains("argon2"), "{text}");
    }
}
