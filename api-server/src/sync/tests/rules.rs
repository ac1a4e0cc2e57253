//! Single rules of pull and push, over HTTP.

use super::*;
use std::time::{Duration, Instant};

on_each_engine! {
    a_cursor_is_bound_to_its_caller_its_filter_and_its_log
    pages_end_at_their_limits_and_nothing_is_lost
    what_is_known_is_not_sent_again
    who_has_no_grant_left_is_told_the_end_of_nothing
    a_wait_ends_with_a_change_and_with_the_callers_rights
    a_push_is_answered_item_by_item_and_its_repeat_alike
    all_or_nothing_and_dry_runs_keep_nothing
    conflicts_name_what_stands_so_far_as_it_is_seen
}

/// A server with a ward, two cells below it, and a peer that holds the first.
struct House {
    server: Server,
    ward: Uuid,
    cells: [Uuid; 2],
    peer: System,
}

async fn house(engine: &str) -> House {
    let server = Server::start(engine).await;
    let [ward, first, second] = [(); 3].map(|()| Uuid::now_v7());
    let fields = json!({"name": "Phường", "kind": "grassroots_committee", "parent_id": ROOT});
    server.write(PushOp::Create, "unit", ward, fields).await;
    for (cell, name) in [(first, "Chi bộ 1"), (second, "Chi bộ 2")] {
        server.write(PushOp::Create, "unit", cell, json!({"name": name, "kind": "cell", "parent_id": ward})).await;
    }
    let peer = server.system("city-hr").await;
    server.grant(&peer, Role::ExchangePeer, first, None).await;
    House { server, ward, cells: [first, second], peer }
}

fn member(unit: Uuid, name: &str) -> Value {
    json!({"unit_id": unit, "full_name": name, "sex": "female", "birth_date": "1950", "admission_date": "1975-05-19"})
}

/// Pulls until nothing more stands ready: the operations with their ids, and the last page.
async fn drain(
    service: &impl AsyncFn(TestRequest) -> Answered,
    caller: &System,
    query: &str,
) -> (Vec<(String, String)>, Value) {
    let mut path = format!("/v1/sync/changes?{query}");
    let mut all = Vec::new();
    loop {
        let (status, page) = get(service, caller, &path).await;
        assert_eq!(status, 200, "{page}");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        all.extend(page["changes"].as_array().unwrap().iter().map(|change| (text(&change["op"]), text(&change["id"]))));
        if page["has_more"] == false {
            return (all, page);
        }
        path = format!("/v1/sync/changes?cursor={}", page["cursor"].as_str().unwrap());
    }
}

async fn cursor(service: &impl AsyncFn(TestRequest) -> Answered, caller: &System, query: &str) -> String {
    drain(service, caller, query).await.1["cursor"].as_str().unwrap().to_owned()
}

fn changes(cursor: &str, more: &str) -> String {
    format!("/v1/sync/changes?cursor={cursor}{more}")
}

fn statuses(answer: &Value) -> Vec<&str> {
    answer["items"].as_array().unwrap().iter().map(|item| item["status"].as_str().unwrap()).collect()
}

async fn a_cursor_is_bound_to_its_caller_its_filter_and_its_log(engine: &str) {
    let House { server, ward, cells, peer } = house(engine).await;
    let service = service!(server);
    let other = server.system("other").await;
    let at = cursor(&service, &peer, &format!("types=unit,member&units={}", cells[0])).await;
    let code = async |caller: &System, path: String| {
        let (status, body) = get(&service, caller, &path).await;
        (status, body["code"].as_str().unwrap_or_default().to_owned(), body["reason"].as_str().map(str::to_owned))
    };
    let answer = |status: u16, code: &str, reason: Option<&str>| (status, code.to_owned(), reason.map(str::to_owned));
    assert_eq!(code(&other, changes(&at, "")).await, answer(403, "cursor_foreign", None));
    assert_eq!(code(&peer, changes("cs1.AAAA", "")).await, answer(400, "cursor_invalid", None));
    assert_eq!(code(&peer, changes(&at, "&types=unit")).await, answer(400, "cursor_filter_mismatch", None));
    assert_eq!(code(&peer, changes(&at, "&types=member,unit")).await.0, 200);
    assert_eq!(code(&peer, changes(&at, "&from=now")).await, answer(400, "invalid_parameter", None));
    assert_eq!(code(&peer, changes(&at, "&mode=fast")).await, answer(400, "invalid_parameter", None));
    // A unit that is there but not seen is answered as one that is not there.
    for unit in [cells[1], Uuid::now_v7()] {
        let path = format!("/v1/sync/changes?units={unit}");
        assert_eq!(code(&peer, path).await, answer(400, "invalid_parameter", None));
    }
    // The way up is seen, and only it.
    let (seen, _) = drain(&service, &peer, "types=unit").await;
    let ids: Vec<String> = seen.into_iter().filter(|(op, _)| op == "upsert").map(|(_, id)| id).collect();
    assert_eq!(ids, [ROOT, ward, cells[0]].map(|id| id.to_string()));

    let old = cursor(&service, &peer, "").await;
    server.write(PushOp::Create, "member", Uuid::now_v7(), member(cells[0], "A")).await;
    server.accounts("UPDATE changes SET batch = ? WHERE seq = 4", vec![Uuid::nil().into()]).await;
    assert_eq!(code(&peer, changes(&old, "")).await, answer(410, "cursor_gone", Some("epoch_changed")));
    let (_, info) = get(&service, &peer, "/v1/sync").await;
    assert_ne!(info["epoch"], "first-epoch");

    let old = cursor(&service, &peer, "").await;
    server.write(PushOp::Create, "member", Uuid::now_v7(), member(cells[0], "B")).await;
    server.accounts("UPDATE sync_clock SET floor_seq = ?", vec![6.into()]).await;
    assert_eq!(code(&peer, changes(&old, "")).await, answer(410, "cursor_gone", Some("expired")));
}

async fn pages_end_at_their_limits_and_nothing_is_lost(engine: &str) {
    let House { server, cells, peer, .. } = house(engine).await;
    let service = service!(server);
    let scheme = |name: &str| {
        let criterion = |n: usize| json!({"code": format!("c{n}"), "text": "x".repeat(900), "max_points": "1"});
        let level = json!({"code": "good", "label_vi": "Tốt", "label_en": "Good", "rank": 1});
        json!({"unit_id": cells[0], "name": name, "subject_kind": "member", "valid_from": "2010-01-01",
            "levels": [level], "criteria": (0..20).map(criterion).collect::<Vec<_>>()})
    };
    let start = cursor(&service, &peer, "").await;
    for n in 0..10 {
        server.write(PushOp::Create, "evaluation_scheme", Uuid::now_v7(), scheme(&format!("n{n}"))).await;
    }
    for first in [changes(&start, "&"), "/v1/sync/changes?types=evaluation_scheme&".to_owned()] {
        let (mut path, mut upserts, mut pages) = (format!("{first}max_bytes=65536"), 0, 0);
        loop {
            let (status, page) = get(&service, &peer, &path).await;
            assert_eq!(status, 200, "{page}");
            assert!(page["changes"].to_string().len() < 66_000);
            upserts += page["changes"].as_array().unwrap().iter().filter(|change| change["op"] == "upsert").count();
            pages += 1;
            if page["has_more"] == false {
                break;
            }
            if page["phase"] == "changes" {
                assert_eq!(page["behind"], 10 - upserts);
            }
            path = changes(page["cursor"].as_str().unwrap(), "&max_bytes=65536");
        }
        assert_eq!((upserts, pages), (10, 4));
    }
}

async fn what_is_known_is_not_sent_again(engine: &str) {
    let House { server, cells, peer, .. } = house(engine).await;
    let service = service!(server);
    let at = cursor(&service, &peer, "own=brief").await;
    let (status, tag, page) = call(&service, &peer, TestRequest::get().uri(&changes(&at, ""))).await;
    assert_eq!((status, &page["changes"], &page["behind"]), (200, &json!([]), &json!(0)));
    let tagged = || TestRequest::get().uri(&changes(&at, "")).insert_header(("if-none-match", tag.clone().unwrap()));
    assert_eq!(call(&service, &peer, tagged()).await.0, 304);

    let ids = [Uuid::now_v7(), Uuid::now_v7()];
    let item =
        |id: Uuid, name: &str| json!({"op": "create", "type": "member", "id": id, "fields": member(cells[0], name)});
    let items = json!({"return": "representation", "items": [item(ids[0], "A"), item(ids[1], "B")]});
    let (_, answer) = push(&service, &peer, "k1", &items).await;
    assert_eq!(answer["items"][0]["record"]["full_name"], "A", "{answer}");
    server.write(PushOp::Update, "member", ids[1], json!({"full_name": "C"})).await;
    let (status, page) = get(&service, &peer, &changes(&at, "")).await;
    assert_eq!(status, 200);
    assert_eq!(page["changes"][0], json!({"op": "own", "type": "member", "id": ids[0], "version": 1}));
    assert_eq!(
        (&page["changes"][1]["op"], &page["changes"][1]["record"]["full_name"]),
        (&json!("upsert"), &json!("C"))
    );
    assert_eq!(call(&service, &peer, tagged()).await.0, 200);
}

async fn who_has_no_grant_left_is_told_the_end_of_nothing(engine: &str) {
    let House { server, cells, peer, .. } = house(engine).await;
    let service = service!(server);
    let reader = server.system("reader").await;
    let grant = server.grant(&reader, Role::FrontendReader, cells[0], None).await;
    let at = cursor(&service, &reader, &format!("units={}", cells[0])).await;
    server.take_grant(grant).await;
    let (status, body) = get(&service, &reader, &changes(&at, "")).await;
    assert_eq!((status, &body["reason"]), (410, &json!("scope_changed")));
    let (status, page) = get(&service, &reader, &format!("/v1/sync/changes?units={}", cells[0])).await;
    assert_eq!((status, &page["reset"], &page["has_more"]), (200, &json!(true), &json!(false)));
    assert_eq!(page["changes"], json!([{"op": "snapshot_end", "counts": {}}]));
    let (status, page) = get(&service, &reader, &changes(page["cursor"].as_str().unwrap(), "")).await;
    assert_eq!((status, &page["changes"]), (200, &json!([])));
    let (status, page) = get(&service, &peer, "/v1/sync/changes?from=now").await;
    assert_eq!((status, &page["phase"], &page["changes"]), (200, &json!("changes"), &json!([])));
}

async fn a_wait_ends_with_a_change_and_with_the_callers_rights(engine: &str) {
    let House { server, cells, peer, .. } = house(engine).await;
    let service = service!(server);
    let at = cursor(&service, &peer, "").await;
    let begun = Instant::now();
    let path = changes(&at, "&wait=20");
    let ((status, page), _) = tokio::join!(get(&service, &peer, &path), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        // What concerns others does not end it.
        server.write(PushOp::Create, "member", Uuid::now_v7(), member(cells[1], "B")).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.write(PushOp::Create, "member", Uuid::now_v7(), member(cells[0], "A")).await
    });
    assert_eq!((status, page["changes"].as_array().unwrap().len()), (200, 1));
    assert!(begun.elapsed() < Duration::from_secs(2));

    let path = changes(page["cursor"].as_str().unwrap(), "&wait=20");
    let ((status, _), ()) = tokio::join!(get(&service, &peer, &path), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = At::from(Timestamp::now());
        server.accounts("UPDATE tokens SET revoked_at = ?", vec![now.into()]).await;
    });
    assert_eq!(status, 401);
    assert!(begun.elapsed() < Duration::from_secs(4));
}

async fn a_push_is_answered_item_by_item_and_its_repeat_alike(engine: &str) {
    let House { server, cells, peer, .. } = house(engine).await;
    let service = service!(server);
    let id = Uuid::now_v7();
    let hidden = Uuid::now_v7();
    server.write(PushOp::Create, "member", hidden, member(cells[1], "Hidden")).await;
    let items = json!({"items": [
        {"op": "update", "type": "member", "id": "ref:m"},
        {"op": "create", "type": "term", "id": Uuid::now_v7(), "fields": {"unit_id": cells[0], "label": "x", "from": "2010-13-01"}},
        {"ref": "m", "op": "create", "type": "member", "id": id, "fields": member(cells[0], "A")},
        {"op": "merge", "type": "member", "ref": "bad"},
        {"op": "create", "type": "position", "id": Uuid::now_v7(),
         "fields": {"unit_id": cells[0], "member_id": "ref:bad", "position": "other", "from": "2010-01-01"}},
        {"op": "update", "type": "member", "id": hidden, "if_version": 1, "fields": {"full_name": "X"}},
        {"op": "update", "type": "member", "id": Uuid::now_v7(), "if_version": 1, "fields": {"full_name": "X"}},
        {"op": "create", "type": "member", "id": hidden, "fields": member(cells[0], "A")},
        {"op": "update", "type": "member", "id": id, "fields": {"full_name": "X"}},
        {"op": "update", "type": "member", "id": id, "if_version": 1, "fields": {"full_name": "X"}},
        {"op": "upsert", "type": "member", "id": id, "via": ["city", "here"], "fields": {"full_name": "Y"}}]});
    let request = TestRequest::post().uri("/v1/sync/push").set_json(&items);
    assert_eq!(call(&service, &peer, request).await.2["code"], "idempotency_key_required");
    let (status, answer) = push(&service, &peer, "k1", &items).await;
    assert_eq!(status, 207, "{answer}");
    let expected = [
        "invalid",
        "invalid",
        "created",
        "invalid",
        "blocked",
        "not_found",
        "not_found",
        "conflict",
        "invalid",
        "updated",
        "skipped_own_origin",
    ];
    assert_eq!(statuses(&answer), expected, "{answer}");
    assert_eq!(answer["items"][1]["errors"][0]["pointer"], "/fields/from");
    assert_eq!(answer["items"][8]["errors"][0]["code"], "precondition_required");
    // Nothing tells a hidden record from none.
    let told = |index: usize| answer["items"][index]["errors"].to_string();
    assert_eq!(told(5), told(6));
    assert_eq!(answer["items"][7]["conflict"], json!({"reason": "unique"}));
    assert_eq!(answer["summary"]["invalid"], 4);
    assert_eq!(push(&service, &peer, "k1", &items).await, (207, answer));
    let other = json!({"items": [{"op": "delete", "type": "member", "id": id, "if_version": 2}]});
    assert_eq!(push(&service, &peer, "k1", &other).await.1["code"], "idempotency_key_reused");
}

async fn all_or_nothing_and_dry_runs_keep_nothing(engine: &str) {
    let House { server, cells, peer, .. } = house(engine).await;
    let service = service!(server);
    let id = Uuid::now_v7();
    let create = json!({"op": "create", "type": "member", "id": id, "fields": member(cells[0], "A")});
    let bad = json!({"op": "create", "type": "person", "id": id});
    let (status, answer) = push(&service, &peer, "k1", &json!({"mode": "all", "items": [create, bad]})).await;
    assert_eq!((status, &answer["code"], &answer["applied"]), (422, &json!("push_refused"), &json!(false)));
    assert_eq!(statuses(&answer), ["created", "invalid"]);
    let (status, answer) = push(&service, &peer, "k1", &json!({"dry_run": true, "items": [create]})).await;
    assert_eq!((status, &answer["applied"], &answer["batch"]), (207, &json!(false), &Value::Null));
    assert!(!server.records().await.iter().any(|record| record.id == id));
    let epoch = json!({"epoch": "another", "items": [create]});
    assert_eq!(push(&service, &peer, "k2", &epoch).await.1["code"], "epoch_changed");
    // The key is free: nothing was kept under it.
    let (_, answer) = push(&service, &peer, "k1", &json!({"epoch": "first-epoch", "items": [create]})).await;
    assert_eq!((statuses(&answer), &answer["applied"]), (vec!["created"], &json!(true)));
}

async fn conflicts_name_what_stands_so_far_as_it_is_seen(engine: &str) {
    let House { server, cells, peer, .. } = house(engine).await;
    let service = service!(server);
    let one = async |key: &str, item: Value| {
        let (status, answer) = push(&service, &peer, key, &json!({"items": [item]})).await;
        assert_eq!(status, 207, "{answer}");
        answer["items"][0].clone()
    };
    let with = |value: &str| json!([{"system": "city-hr", "value": value}]);
    let upsert = |value: &str, name: &str| json!({"op": "upsert", "type": "member", "external_ids": with(value), "fields": member(cells[0], name)});
    let made = one("a", upsert("M-1", "A")).await;
    // What is stored has defaults that were not sent: the caller does not know it whole.
    assert_eq!((&made["status"], &made["told"]), (&json!("created"), &Value::Null), "{made}");
    let id: Uuid = made["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(one("b", upsert("M-1", "A")).await["status"], "unchanged");
    server.write(PushOp::Update, "member", id, json!({"full_name": "B", "ethnicity": "kinh"})).await;

    // A stale version: the field that differs is named, a masked one is not.
    let patch = json!({"full_name": "C", "sex": "female", "ethnicity": "tay"});
    let stale = one("c", json!({"op": "update", "type": "member", "id": id, "if_version": 1, "fields": patch})).await;
    let fields = json!([{"field": "full_name", "current": "B", "incoming": "C"}]);
    assert_eq!(stale["conflict"], json!({"reason": "version", "current_version": 2, "fields": fields}), "{stale}");
    // A result that stands already is no conflict, whatever the version.
    let same = json!({"op": "update", "type": "member", "id": id, "if_version": 1, "fields": {"full_name": "B"}});
    assert_eq!(one("d", same).await["status"], "unchanged");
    // Of two items for one record the second may name the version from before the call.
    let twice = |name: &str| json!({"op": "update", "type": "member", "id": id, "if_version": 2, "fields": {"full_name": name}});
    let (_, answer) = push(&service, &peer, "e", &json!({"items": [twice("E"), twice("F")]})).await;
    assert_eq!(statuses(&answer), ["updated", "updated"], "{answer}");
    let create = |name: &str| json!({"op": "create", "type": "member", "id": id, "external_ids": with("M-1"), "fields": member(cells[0], name)});
    let clash = one("f", create("Z")).await;
    assert_eq!(clash["conflict"]["reason"], "unique", "{clash}");

    // Units are named as any record is; of one that is not found nothing else is said.
    server.write(PushOp::Update, "unit", cells[0], json!({"external_ids": with("C-1")})).await;
    let mut other = upsert("M-2", "Other");
    other["fields"]["unit_id"] = "ext:city-hr:C-2".into();
    let lost = one("g", other.clone()).await;
    assert_eq!(lost["errors"].as_array().unwrap().len(), 1, "{lost}");
    assert_eq!(lost["errors"][0]["pointer"], "/fields/unit_id");
    // Nothing was written, so the key is still free.
    other["fields"]["unit_id"] = "ext:city-hr:C-1".into();
    assert_eq!(one("g", other).await["status"], "created");
    let both = json!({"op": "upsert", "type": "member", "fields": member(cells[0], "A"),
        "external_ids": [{"system": "city-hr", "value": "M-1"}, {"system": "city-hr", "value": "M-2"}]});
    assert_eq!(one("h", both).await["status"], "duplicate_match");
    let hidden = json!({"op": "delete", "type": "member", "id": "ext:city-hr:M-1", "if_version": 4});
    assert_eq!(one("i", hidden).await["status"], "deleted");
    let dead = one("j", upsert("M-1", "A")).await;
    assert_eq!(dead["conflict"], json!({"reason": "deleted", "current_version": 5}), "{dead}");
    let restore = json!({"op": "restore", "type": "member", "id": id});
    assert_eq!(one("k", restore.clone()).await["status"], "restored");
    assert_eq!(one("l", restore).await["status"], "unchanged");
}
