//! `Idempotency-Key`: a repeat has the first answer and no second effect.

use crate::support::http::{Call, over};
use crate::support::on_both_engines;
use crate::support::ward::{ROOT, member, unit};
use cell_records_client::types::accounts::Role;
use serde_json::json;

fn under(call: Call, key: &str) -> Call {
    call.header("idempotency-key", key)
}

on_both_engines! {
    async fn a_repeat_answers_the_first_answer_and_makes_nothing(server: empty) {
        let ward = server.ward().await;
        let body = member(&ward.a);
        let post = |key: &str, body: serde_json::Value| under(ward.office.post("/v1/members", body), key);
        let first = post("key-1", body.clone()).await.is(201);
        assert_eq!(first.header("idempotent-replayed"), "");
        ward.office.patch(&format!("/v1/members/{}", first.id()), "*", json!({"phone": "+84912345678"})).await.is(200);
        let again = post("key-1", body.clone()).await.is(201);
        assert_eq!((&again.text, again.etag(), again.header("location")), (&first.text, first.etag(), first.header("location")));
        assert_eq!(again.header("idempotent-replayed"), "true");
        post("key-1", member(&ward.a)).await.refused(422, "idempotency_key_reused");
        under(ward.office.post("/v1/members?dry_run=true", body.clone()), "key-1").await.refused(422, "idempotency_key_reused");
        post("key-2", body.clone()).await.is(201);
        // Another caller's keys are its own.
        let other = server.acting(Role::CommitteeOffice, ROOT).await;
        under(other.post("/v1/members", body.clone()), "key-1").await.is(201);
        assert_eq!(ward.office.get("/v1/members?count=exact").await.body["total"], 3);
        for bad in ["", &"k".repeat(256)] {
            post(bad, body.clone()).await.refused(400, "invalid_header");
        }
        // What was refused is not kept: it may go well the next time.
        post("key-3", json!({"unit_id": ward.a})).await.is(422);
        let path = format!("/v1/members/{}", first.id());
        ward.office.delete(&path, "*").await.is(204);
        let restored = under(ward.office.verb(&format!("{path}/restore")), "key-4").await.is(200);
        ward.office.delete(&path, "*").await.is(204);
        let replayed = under(ward.office.verb(&format!("{path}/restore")), "key-4").await.is(200);
        assert_eq!((replayed.text, replayed.headers.get("idempotent-replayed").is_some()), (restored.text, true));
        ward.office.get(&path).await.refused(410, "gone");
    }

    async fn two_at_once_under_one_key_make_one_record(server: empty) {
        let ward = server.ward().await;
        let body = member(&ward.a);
        let post = || async { under(ward.office.post("/v1/members", body.clone()), "both").await };
        let answers = futures_util::future::join_all((0..8).map(|_| post())).await;
        for answer in &answers {
            assert_eq!((answer.status, &answer.text), (201, &answers[0].text));
        }
        assert_eq!(answers.iter().filter(|answer| answer.header("idempotent-replayed") == "true").count(), 7);
        assert_eq!(ward.office.get("/v1/members?count=exact").await.body["total"], 1);
    }

    async fn two_at_once_under_one_key_make_one_unit_and_both_show_it(server: empty) {
        let ward = server.ward().await;
        let body = unit("cell", &ward.ward);
        let post = || async { under(ward.office.post("/v1/units", body.clone()), "both").await };
        let answers = futures_util::future::join_all((0..8).map(|_| post())).await;
        for answer in &answers {
            assert_eq!((answer.status, &answer.text, answer.etag()), (201, &answers[0].text, answers[0].etag()));
        }
    }

    async fn a_repeat_shows_what_was_written_then_under_the_rights_of_today(server: empty) {
        let ward = server.ward().await;
        let admin = server.administrator().await;
        let caller = server.granted(vec![over(Role::CommitteeOffice, &ward.a), over(Role::CellSecretary, &ward.b)]).await;
        let mut body = member(&ward.a);
        body["ethnicity"] = json!("01");
        let first = under(caller.post("/v1/members", body.clone()), "key").await.is(201);
        assert_eq!(first.body["ethnicity"], "01");
        // What was written since does not show in the repeat.
        let changed = ward.office.patch(&format!("/v1/members/{}", first.id()), "*", json!({"phone": "+84912345678"}));
        changed.await.is(200);
        let grants = format!("/v1/systems/{}/grants", caller.id);
        let grant = admin.get(&grants).await.body["items"].as_array().unwrap().iter().find(|one| one["role"] == "committee_office").unwrap().clone();
        admin.delete(&format!("{grants}/{}", grant["id"].as_str().unwrap()), "*").await.is(204);
        admin.post(&grants, json!({"role": "exchange_peer", "unit_id": ward.a})).await.is(201);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        loop {
            let answer = under(caller.post("/v1/members", body.clone()), "key").await;
            assert_eq!((answer.status, &answer.body["version"]), (201, &json!(1)));
            assert_eq!(answer.body.get("phone"), None);
            if answer.body.get("ethnicity").is_none() {
                break;
            }
            assert!(std::time::Instant::now() < deadline, "{}", answer.text);
        }
    }

    async fn a_repeat_shows_no_record_that_its_caller_sees_no_more(server: empty) {
        let ward = server.ward().await;
        let caller = server.acting(Role::ExchangePeer, &ward.a).await;
        let body = member(&ward.a);
        let push = json!({"return": "representation", "items": [
            {"op": "create", "type": "member", "id": uuid::Uuid::now_v7(), "fields": member(&ward.a)},
            {"op": "create", "type": "member", "id": uuid::Uuid::now_v7(), "fields": member(&ward.a)},
        ]});
        let pushed = || under(caller.post("/v1/sync/push", push.clone()), "push");
        let made = || under(caller.post("/v1/members", body.clone()), "post");
        let first = pushed().await.is(207);
        let ids: Vec<&str> = first.body["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
        let alone = made().await.is(201).id();
        for id in [ids[0], &alone] {
            ward.office.patch(&format!("/v1/members/{id}"), "*", json!({"unit_id": ward.b})).await.is(200);
            caller.get(&format!("/v1/members/{id}")).await.refused(404, "not_found");
        }
        let mut expected = first.body.clone();
        expected["items"][0].as_object_mut().unwrap().remove("record");
        let again = pushed().await.is(207);
        assert_eq!((&again.body, again.header("idempotent-replayed")), (&expected, "true"));
        let again = made().await.is(204);
        assert_eq!((again.text.as_str(), again.etag(), again.header("location")), ("", "", ""));
    }

    async fn a_repeat_says_of_a_conflict_which_version_it_met(server: empty) {
        let ward = server.ward().await;
        let caller = server.acting(Role::ExchangePeer, &ward.a).await;
        let ids = [ward.member(&ward.a).await, ward.member(&ward.a).await, ward.member(&ward.a).await];
        let [changed, moved, deleted] = ids.each_ref().map(|id| format!("/v1/members/{id}"));
        for path in [&changed, &moved] {
            ward.office.patch(path, "*", json!({"phone": "+84912345678"})).await.is(200);
        }
        ward.office.delete(&deleted, "*").await.is(204);
        let update = |id: &String| json!({"op": "update", "type": "member", "id": id, "if_version": 1, "fields": {"phone": "+84922222222"}});
        let create = json!({"op": "create", "type": "member", "id": uuid::Uuid::now_v7(), "fields": member(&ward.a)});
        let push = json!({"items": [update(&ids[0]), update(&ids[1]), update(&ids[2]), create]});
        let pushed = || under(caller.post("/v1/sync/push", push.clone()), "push");
        let first = pushed().await.is(207);
        assert_eq!(first.body["summary"], json!({"conflict": 3, "created": 1}));
        // What has changed since does not show, and nothing of what the caller sees no more.
        ward.office.patch(&changed, "*", json!({"email": "a@example.vn"})).await.is(200);
        ward.office.patch(&moved, "*", json!({"unit_id": ward.b})).await.is(200);
        let mut expected = first.body.clone();
        for index in [0, 1] {
            let conflict = expected["items"][index]["conflict"].as_object_mut().unwrap();
            assert_eq!((conflict.remove("fields").is_some(), &conflict["current_version"]), (true, &json!(2)));
        }
        expected["items"][1]["conflict"].as_object_mut().unwrap().remove("current_version");
        let again = pushed().await.is(207);
        assert_eq!((&again.body, again.header("idempotent-replayed")), (&expected, "true"));
    }

    async fn accounts_are_made_once_and_secrets_are_never_kept(server: empty) {
        let admin = server.administrator().await;
        let user = json!({"username": "thu-ky", "display_name": "Thư ký", "password": "con mèo trên mái nhà"});
        let first = under(admin.post("/v1/users", user.clone()), "user").await.is(201);
        let again = under(admin.post("/v1/users", user), "user").await.is(201);
        assert_eq!(first.text, again.text);
        let system = json!({"name": "Tỉnh", "contact": "a", "purpose": "b"});
        let system = under(admin.post("/v1/systems", system), "system").await.is(201).id();
        let tokens = format!("/v1/systems/{system}/tokens");
        under(admin.post(&tokens, json!({"name": "t", "expires_at": "2100-01-01T00:00:00Z"})), "token").await.refused(400, "idempotency_key_refused");
        under(server.nobody().post("/v1/auth/login", json!({"username": "admin", "password": "x"})), "login").await.refused(400, "idempotency_key_refused");
        under(server.nobody().post("/v1/auth/refresh", json!({"refresh_token": "x"})), "refresh").await.refused(400, "idempotency_key_refused");
        assert_eq!(admin.get(&tokens).await.body["items"], json!([]));
        under(admin.post("/v1/units", unit("cell", ROOT)), "unit").await.refused(403, "forbidden");
    }

    async fn a_repeat_gets_the_grant_or_account_of_the_first_run_though_it_is_another_by_now(server: empty) {
        let admin = server.administrator().await;
        let user = json!({"username": "thu-ky", "display_name": "Thư ký", "password": "con mèo trên mái nhà"});
        let made = under(admin.post("/v1/users", user.clone()), "user").await.is(201);
        let system = json!({"name": "Tỉnh", "contact": "a", "purpose": "b"});
        let peer = under(admin.post("/v1/systems", system.clone()), "system").await.is(201);
        let peers = format!("/v1/systems/{}", peer.id());
        for account in [format!("/v1/users/{}", made.id()), peers.clone()] {
            let grants = format!("{account}/grants");
            let grant = || under(admin.post(&grants, json!({"role": "frontend_reader", "unit_id": ROOT})), &account);
            let first = grant().await.is(201);
            admin.delete(&format!("{grants}/{}", first.id()), "*").await.is(204);
            let again = grant().await.is(201);
            assert_eq!((&again.text, again.header("location"), again.etag()), (&first.text, first.header("location"), first.etag()));
            assert_eq!(again.header("idempotent-replayed"), "true");
            // It is not given again.
            assert_eq!(admin.get(&grants).await.is(200).body["items"], json!([]));
        }
        admin.patch(&format!("/v1/users/{}", made.id()), "*", json!({"display_name": "Người khác"})).await.is(200);
        admin.patch(&peers, "*", json!({"contact": "c"})).await.is(200);
        for (path, body, first) in [("/v1/users", user, made), ("/v1/systems", system, peer)] {
            let again = under(admin.post(path, body), path.strip_prefix("/v1/").unwrap().trim_end_matches('s')).await.is(201);
            assert_eq!((&again.text, again.etag()), (&first.text, first.etag()));
        }
    }

    async fn no_value_of_a_record_is_kept_under_a_key(server: empty) {
        let ward = server.ward().await;
        let mut body = member(&ward.a);
        body["full_name"] = json!("Trịnh Thị Kín");
        body["ethnicity"] = json!("02");
        body["health_note"] = json!("Đau lưng");
        body["personal_id"] = json!("040180123456");
        under(ward.office.post("/v1/members", body.clone()), "create").await.is(201);
        body["personal_id"] = json!("040180123457");
        let item = json!({"op": "create", "type": "member", "id": uuid::Uuid::now_v7(), "fields": body});
        let push = json!({"items": [item], "return": "representation"});
        let pushed = under(ward.office.post("/v1/sync/push", push), "push").await.is(207);
        assert!(pushed.text.contains("Đau lưng"), "{}", pushed.text);
        let kept = server.database.texts("SELECT outcome FROM idempotency_keys WHERE key IN ('create', 'push')");
        assert_eq!(kept.len(), 2);
        for value in ["Trịnh", "tay", "Đau", "04018012345"] {
            assert!(kept.iter().all(|outcome| !outcome.contains(value)), "{kept:?}");
        }
    }

    async fn what_is_kept_of_faults_is_small_whatever_was_sent(server: empty) {
        let ward = server.ward().await;
        let names = |item: usize| (0..60).map(move |n| format!("{item}-{n}-{}", "đ".repeat(300)));
        let bad = (0..50).map(|item| {
            let fields: serde_json::Map<_, _> = names(item).map(|name| (name, json!(1))).collect();
            json!({"op": "create", "type": "member", "id": uuid::Uuid::now_v7(), "fields": fields})
        });
        let good = json!({"op": "create", "type": "member", "id": uuid::Uuid::now_v7(), "fields": member(&ward.a)});
        let items: Vec<_> = bad.chain([good]).collect();
        let push = || under(ward.office.post("/v1/sync/push", json!({"items": items})), "large");
        let first = push().await.is(207);
        assert_eq!(first.body["summary"], json!({"created": 1, "invalid": 50}));
        for item in &first.body["items"].as_array().unwrap()[..50] {
            let errors = item["errors"].as_array().unwrap();
            assert_eq!(errors.len(), 50);
            assert!(errors.iter().all(|error| error["pointer"].as_str().unwrap().len() <= 200), "{item}");
        }
        let kept = server.database.texts("SELECT outcome FROM idempotency_keys WHERE key = 'large'").remove(0);
        assert!(kept.len() < 50 * 50 * 250, "{} bytes", kept.len());
        let again = push().await.is(207);
        assert_eq!((again.body["items"][0].clone(), again.header("idempotent-replayed")), (first.body["items"][0].clone(), "true"));
        // A call for one record is answered alike.
        let fields: serde_json::Map<_, _> = names(0).map(|name| (name, json!(1))).collect();
        let single = ward.office.post("/v1/members", fields.into()).await.is(422);
        assert_eq!(single.body["errors"].as_array().unwrap().len(), 50);
    }
}
