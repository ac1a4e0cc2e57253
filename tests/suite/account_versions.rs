//! Users, systems and grants are written as records are: on the version that the writer saw.

use crate::support::http::{Caller, Reply};
use crate::support::on_both_engines;
use crate::support::server::PASSWORD;
use crate::support::ward::ROOT;
use cell_records_client::types::accounts::Role;
use reqwest::Method;
use serde_json::{Value, json};

/// A new user and a new system, each with its path and a patch that changes it.
async fn made(admin: &Caller) -> [(Reply, String, Value); 2] {
    let user = json!({"username": "van-phong", "display_name": "Văn phòng", "password": PASSWORD});
    let user = admin.post("/v1/users", user).await.is(201);
    let system = json!({"name": "Tỉnh Nghệ An", "contact": "a", "purpose": "b"});
    let system = admin.post("/v1/systems", system).await.is(201);
    let (of_user, of_system) = (
        json!({"display_name": "Văn phòng Đảng ủy"}),
        json!({"name": "Tỉnh ủy Nghệ An", "contact": "c", "purpose": "d"}),
    );
    let path = |reply: &Reply| reply.header("location").to_owned();
    let paths = (path(&user), path(&system));
    [(user, paths.0, of_user), (system, paths.1, of_system)]
}

on_both_engines! {
    async fn an_account_is_changed_on_the_version_that_was_read(server: empty) {
        let admin = server.administrator().await;
        for (made, path, change) in made(&admin).await {
            let read = admin.get(&path).await.is(200);
            assert_eq!((read.etag(), &read.body, &read.body["version"]), (made.etag(), &made.body, &json!(1)));
            admin.get(&path).header("if-none-match", read.etag()).await.is(304);
            admin.call(Method::PATCH, &path).json(change.clone()).await.refused(428, "precondition_required");
            admin.patch(&path, "1", change.clone()).await.refused(400, "invalid_header");
            // A stale tag is said before what is wrong with the body.
            admin.patch(&path, "\"1.ffffffff\"", json!({"colour": "red"})).await.refused(412, "stale_version");

            let changed = admin.patch(&path, read.etag(), change.clone()).await.is(200);
            assert!(change.as_object().unwrap().iter().all(|(name, value)| changed.body[name] == *value), "{}", changed.text);
            assert_eq!(changed.body["version"], 2);
            let stale = admin.patch(&path, read.etag(), json!({"disabled": true})).await.refused(412, "stale_version");
            assert_eq!((&stale.body["current"], stale.body["etag"].as_str().unwrap()), (&changed.body, changed.etag()));
            // What is so already is no new version.
            assert_eq!(admin.patch(&path, changed.etag(), change).await.is(200).etag(), changed.etag());
            admin.get(&path).header("if-none-match", changed.etag()).await.is(304);
            assert_eq!(admin.patch(&path, "*", json!({"disabled": true})).await.is(200).body["version"], 3);
            admin.get(&path).header("if-none-match", changed.etag()).await.is(200);
        }
        let nobody = server.acting(Role::Auditor, ROOT).await;
        nobody.call(Method::PATCH, &format!("/v1/users/{}", admin.id)).json(json!({})).await.refused(403, "forbidden");
        admin.call(Method::PATCH, &format!("/v1/users/{}", uuid::Uuid::now_v7())).json(json!({})).await.refused(404, "not_found");
    }

    async fn of_two_changes_on_one_version_one_is_made(server: empty) {
        let admin = server.administrator().await;
        for (made, path, change) in made(&admin).await {
            let (one, other) = tokio::join!(admin.patch(&path, made.etag(), change), admin.patch(&path, made.etag(), json!({"disabled": true})));
            let mut statuses = [one.status, other.status];
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 412]);
        }
    }

    async fn a_new_password_is_a_new_version(server: empty) {
        let admin = server.administrator().await;
        let [(user, path, _), _] = made(&admin).await;
        let changed = admin.patch(&path, user.etag(), json!({"password": "hoa sen trong đầm"})).await.is(200);
        assert_eq!(changed.body["version"], 2);
        admin.patch(&path, user.etag(), json!({"password": PASSWORD})).await.refused(412, "stale_version");
        server.logged_in("van-phong", "hoa sen trong đầm").await;
    }

    async fn a_grant_is_removed_under_its_tag(server: empty) {
        let admin = server.administrator().await;
        for (_, account, _) in made(&admin).await {
            let given = admin.post(&format!("{account}/grants"), json!({"role": "frontend_reader", "unit_id": ROOT})).await.is(201);
            let path = given.header("location");
            let read = admin.get(path).await.is(200);
            assert_eq!((read.etag(), &read.body), (given.etag(), &given.body));
            admin.get(path).header("if-none-match", read.etag()).await.is(304);
            admin.call(Method::DELETE, path).await.refused(428, "precondition_required");
            let stale = admin.delete(path, "\"1.ffffffff\"").await.refused(412, "stale_version");
            assert_eq!(stale.body["current"], read.body);
            admin.delete(path, read.etag()).await.is(204);
            admin.get(path).await.refused(404, "not_found");
            admin.call(Method::DELETE, path).await.refused(404, "not_found");
        }
    }

    async fn a_grant_that_is_held_already_is_not_given_again(server: empty) {
        let ward = server.ward().await;
        let admin = server.administrator().await;
        for (_, account, _) in made(&admin).await {
            let path = format!("{account}/grants");
            let named = |fields: &[&str]| json!({"role": "exchange_peer", "unit_id": ward.ward, "fields": fields});
            let first = admin.post(&path, named(&["member.religion", "member.ethnicity"])).await.is(201);
            // A key is of what was done, and nothing was.
            for key in ["key-1", "key-1", "key-2"] {
                let again = admin.post(&path, named(&["member.ethnicity", "member.religion"])).header("idempotency-key", key).await.is(200);
                assert_eq!((&again.body, again.etag(), again.header("idempotent-replayed")), (&first.body, first.etag(), ""));
            }
            // Other fields, another unit or another time are another grant.
            admin.post(&path, named(&["member.religion"])).await.is(201);
            for until in ["2100-01-01T00:00:00Z", "2100-01-02T00:00:00Z"] {
                admin.post(&path, json!({"role": "frontend_reader", "unit_id": ward.a, "until": until})).await.is(201);
            }
            for from in [json!("2099-01-01T00:00:00Z"), Value::Null] {
                let begins = || json!({"role": "frontend_reader", "unit_id": ward.b, "from": from});
                let given = admin.post(&path, begins()).await.is(201);
                assert_eq!(admin.post(&path, begins()).await.is(200).id(), given.id());
            }
            assert_eq!(admin.all(&path).await.0.len(), 6);
            let id = first.id();
            admin.delete(first.header("location"), first.etag()).await.is(204);
            assert_ne!(admin.post(&path, named(&["member.religion", "member.ethnicity"])).await.is(201).id(), id);
        }
    }
}
