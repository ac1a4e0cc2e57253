//! Pushing: once whatever is repeated, item by item, in any order, and what each refusal says.

use crate::support::actors::demo;
use crate::support::copies::Puller;
use crate::support::items::{delete, figure, item, known_as, member, named, unit, update, without_id};
use crate::support::on_both_engines;
use crate::support::peers::{Peer, Reply};
use cell_records_client::sync::{CopyStore, MemoryStore, Outbox};
use cell_records_client::types::accounts::Role;
use cell_records_client::types::pages::ListQuery;
use cell_records_client::types::sync::{
    ItemStatus, Origin, PushAnswer, PushBatch, PushItem, PushMode, PushOp, PushReturn,
};
use cell_records_client::types::{Member, Ref, Reference, Unit};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;

/// The unit that most items name.
pub const CELL: &str = "ext:demo:cell-01";

/// The grants of a system that exchanges the ward.
pub fn ward() -> [(Role, Ref<Unit>); 1] {
    [(Role::ExchangePeer, demo("ward"))]
}

fn body(items: &[PushItem]) -> String {
    serde_json::to_string(&PushBatch::new(items.to_vec())).unwrap()
}

/// What became of each item.
pub fn statuses(answer: &PushAnswer) -> Vec<ItemStatus> {
    answer.items.iter().map(|item| item.status.clone()).collect()
}

/// The faults of an item: pointer and code.
pub fn faults(answer: &PushAnswer, index: usize) -> Vec<(&str, &str)> {
    answer.items[index].errors.iter().map(|fault| (fault.pointer.as_str(), fault.code.as_str())).collect()
}

/// A record as the API returns it.
pub async fn get(peer: &Peer, kind: &str, id: Uuid) -> Reply {
    peer.get(&format!("/v1/{kind}/{id}"), &[]).await
}

async fn strength(peer: &Peer) -> i64 {
    let query = ListQuery { count: true, limit: Some(1), ..ListQuery::default() };
    peer.client.records::<Member>().list(&query).await.unwrap().total.unwrap()
}

on_both_engines! {
    async fn a_thousand_changes_are_applied_once_however_often_they_are_sent(server: demo) {
        let peer = server.peer("city", &ward()).await;
        let other = server.peer("province", &ward()).await;
        let mut puller = Puller::new(other.client.clone()).limit(300);
        puller.drain().await;
        let before = strength(&peer).await;
        let items: Vec<PushItem> = (0..1_000)
            .map(|n| {
                let one = member(Uuid::now_v7(), &format!("ext:demo:cell-{:02}", n % 24 + 1), &format!("Nguyễn Văn {n}"));
                known_as(one, "city", &format!("M-{n}"))
            })
            .collect();
        let body = body(&items);
        let first = peer.push_raw(Some("one"), body.clone()).await;
        assert_eq!((first.status, first.header("idempotent-replayed")), (207, None));
        assert_eq!(first.body["summary"], json!({"created": 1_000}));
        let second = peer.push_raw(Some("one"), body.clone()).await;
        assert_eq!((second.status, second.header("idempotent-replayed")), (207, Some("true")));
        assert_eq!(first.body, second.body);
        // Without the key, the ids alone make it harmless.
        let third = peer.push_raw(Some("two"), body).await;
        assert_eq!(third.body["summary"], json!({"unchanged": 1_000}));
        assert_eq!(third.body.get("batch"), None, "nothing was written");
        assert_eq!(strength(&peer).await, before + 1_000);

        let changes: Vec<PushItem> = items
            .iter()
            .map(|item| {
                let Some(Reference::Id(id)) = item.id else { panic!() };
                update("member", id, 1, json!({"phone": "+84912345678"}))
            })
            .collect();
        for (key, status) in [("three", "updated"), ("three", "updated"), ("four", "unchanged")] {
            let answer = peer.push_raw(Some(key), self::body(&changes)).await;
            assert_eq!(answer.body["summary"], json!({status: 1_000}), "{key}");
        }
        puller.assert_equal("the other system's copy").await;
        assert!(puller.gone.is_empty());
        assert!(puller.store.versions("member").unwrap().values().all(|version| *version <= 2));
    }

    async fn a_key_belongs_to_one_caller_and_one_body(server: demo) {
        let (peer, other) = (server.peer("city", &ward()).await, server.peer("province", &ward()).await);
        let (one, two) = (member(Uuid::now_v7(), CELL, "Trần Văn A"), member(Uuid::now_v7(), CELL, "Trần Văn B"));
        assert_eq!(peer.push_raw(Some("k"), body(std::slice::from_ref(&one))).await.status, 207);
        let reused = peer.push_raw(Some("k"), body(std::slice::from_ref(&two))).await;
        assert_eq!((reused.status, reused.code()), (422, "idempotency_key_reused"));
        assert_eq!(other.push_raw(Some("k"), body(std::slice::from_ref(&two))).await.body["summary"], json!({"created": 1}));
        // A repeat is answered under the rights of today: it says what became of the items, and shows no record.
        server.ungrant(&peer, peer.grants[0]).await;
        let changed = peer.push_raw(Some("k"), body(std::slice::from_ref(&one))).await;
        assert_eq!((changed.status, &changed.body["items"][0]["status"]), (207, &json!("created")));
        assert_eq!(changed.body["items"][0].get("record"), None);
        for key in [None, Some("")] {
            let missing = other.push_raw(key, body(std::slice::from_ref(&one))).await;
            assert_eq!(missing.status, 400, "{key:?}: {}", missing.body);
        }
        assert_eq!(other.push_raw(None, body(std::slice::from_ref(&one))).await.code(), "idempotency_key_required");
        let long = "k".repeat(256);
        assert_eq!(other.push_raw(Some(&long), body(std::slice::from_ref(&one))).await.status, 400);
        assert_eq!(other.push_raw(Some(&long[1..]), body(std::slice::from_ref(&one))).await.status, 207);
    }

    async fn the_same_push_twice_at_the_same_time_is_one(server: demo) {
        let peer = server.peer("city", &ward()).await;
        let items: Vec<PushItem> = (0..50).map(|n| without_id(known_as(member(Uuid::nil(), CELL, "Hồ Văn C"), "city", &format!("M-{n}")))).collect();
        let body = body(&items);
        let sent = (0..8).map(|_| peer.push_raw(Some("same"), body.clone()));
        let replies = futures_util::future::join_all(sent).await;
        assert!(replies.iter().all(|reply| reply.status == 207 && reply.body == replies[0].body));
        let replayed = replies.iter().filter(|reply| reply.header("idempotent-replayed") == Some("true")).count();
        assert_eq!(replayed, 7);
        assert_eq!(replies[0].body["summary"], json!({"created": 50}));
    }

    async fn a_refused_item_is_left_out_or_refuses_all_as_the_mode_says(server: demo) {
        let peer = server.peer("city", &ward()).await;
        let (good, bad) = (Uuid::now_v7(), Uuid::now_v7());
        let mut wrong = member(bad, CELL, "Lê Thị D");
        wrong.fields.insert("birth_date".into(), json!("2999"));
        let mut batch = PushBatch::new(vec![member(good, CELL, "Lê Văn D"), wrong]);

        batch.dry_run = true;
        let dry = peer.push_batch(&batch).await;
        assert!(!dry.applied && dry.batch.is_none());
        assert_eq!(statuses(&dry), [ItemStatus::Created, ItemStatus::Invalid]);
        batch.dry_run = false;

        batch.mode = PushMode::All;
        let error = peer.client.push(&batch, "all").await.unwrap_err();
        assert_eq!((error.status(), error.code()), (Some(422), Some("push_refused")));
        let refused = error.push_answer().unwrap();
        assert!(!refused.applied && refused.batch.is_none());
        assert_eq!(statuses(&refused), [ItemStatus::Created, ItemStatus::Invalid]);
        assert_eq!(faults(&refused, 1), [("/fields/birth_date", "in_the_future")]);
        for id in [good, bad] {
            assert_eq!(get(&peer, "members", id).await.status, 404);
        }

        batch.mode = PushMode::Record;
        // The refused call has not used its key up.
        let answer = peer.client.push(&batch, "all").await.unwrap();
        assert!(answer.applied && answer.batch.is_some());
        assert_eq!(statuses(&answer), [ItemStatus::Created, ItemStatus::Invalid]);
        assert_eq!((get(&peer, "members", good).await.status, get(&peer, "members", bad).await.status), (200, 404));
    }

    async fn items_refer_to_each_other_in_any_order(server: demo) {
        let peer = server.peer("city", &ward()).await;
        let (cell, one, two) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
        let answer = peer.push(vec![
            named(member(one, "ref:new", "Phan Văn E"), "e"),
            item(PushOp::Create, "position", two, json!({
                "unit_id": "ref:new", "member_id": "ref:e", "position_code": "cell_secretary", "from": "2014-01-01",
                "basis": "elected"})),
            named(unit(cell, "ext:demo:ward", "cell", "Chi bộ số 25"), "new"),
        ]).await;
        assert_eq!(statuses(&answer), [const { ItemStatus::Created }; 3], "{answer:?}");
        assert_eq!(answer.items.iter().map(|item| item.index).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!((answer.items[0].name.as_deref(), answer.items[2].name.as_deref()), (Some("e"), Some("new")));
        assert_eq!(get(&peer, "members", one).await.body["unit_id"], cell.to_string());
        let position = get(&peer, "positions", two).await.body;
        assert_eq!((&position["unit_id"], &position["member_id"]), (&json!(cell), &json!(one)));
        // A name that no item has is a reference to nothing.
        let answer = peer.push(vec![member(Uuid::now_v7(), "ref:nobody", "Phan Văn G")]).await;
        assert_eq!(answer.items[0].status, ItemStatus::Invalid);
        assert_eq!(faults(&answer, 0), [("/fields/unit_id", "reference_not_found")]);
    }

    async fn many_upserts_of_one_external_id_make_one_record(server: demo) {
        let peer = server.peer("city", &ward()).await;
        let before = strength(&peer).await;
        let one = |n: usize| {
            let item = member(Uuid::nil(), CELL, &format!("Mai Văn {n}"));
            vec![PushItem { op: PushOp::Upsert, ..without_id(known_as(item, "city", "the-one")) }]
        };
        let answers = futures_util::future::join_all((0..20).map(|n| peer.push(one(n)))).await;
        let ids: BTreeSet<_> = answers.iter().map(|answer| answer.items[0].id.unwrap()).collect();
        assert_eq!(ids.len(), 1);
        let created = answers.iter().filter(|answer| answer.items[0].status == ItemStatus::Created).count();
        assert_eq!((created, strength(&peer).await), (1, before + 1));
        let record = get(&peer, "members", *ids.first().unwrap()).await.body;
        assert_eq!(record["version"], 20);
        // The other form: the external id as the reference, twenty times in one batch.
        let named = |n: usize| {
            let mut item = PushItem { op: PushOp::Upsert, ..without_id(member(Uuid::nil(), CELL, &format!("Tô Văn {n}"))) };
            item.id = Some(Reference::External { system: "city".into(), value: "the-other".into() });
            item
        };
        let answer = peer.push((0..20).map(named).collect()).await;
        assert_eq!(answer.summary, [("created".to_owned(), 1), ("updated".to_owned(), 19)].into());
        assert_eq!(strength(&peer).await, before + 2);
    }

    async fn what_came_from_this_server_is_skipped(server: demo) {
        let peer = server.peer("city", &ward()).await;
        let code = peer.client.sync_info().await.unwrap().server_code;
        let relayed = |id, via: &[&str]| PushItem {
            via: via.iter().map(|&code| code.to_owned()).collect(),
            origin: Some(Origin { system: "province".into(), event: None }),
            ..member(id, CELL, "Chu Văn T")
        };
        let (kept, skipped) = (Uuid::now_v7(), Uuid::now_v7());
        let answer = peer.push(vec![
            relayed(kept, &["province", "city"]),
            relayed(skipped, &["province", &code]),
            relayed(Uuid::now_v7(), &["a", "b", "c", "d", "e"]),
        ]).await;
        use ItemStatus::{Created, SkippedOwnOrigin};
        assert_eq!(statuses(&answer), [Created, SkippedOwnOrigin, SkippedOwnOrigin]);
        assert_eq!((get(&peer, "members", kept).await.status, get(&peer, "members", skipped).await.status), (200, 404));
    }

    async fn a_batch_beyond_the_limits_is_413_and_names_them(server: demo) {
        let peer = server.peer("city", &ward()).await;
        let limits = peer.client.sync_info().await.unwrap().limits;
        let items: Vec<PushItem> = (0..1_001).map(|_| member(Uuid::now_v7(), CELL, "Tạ Văn V")).collect();
        let many = peer.push_raw(Some("many"), body(&items)).await;
        assert_eq!((many.status, many.code()), (413, "too_large"));
        assert_eq!(many.body["limits"]["items"], json!(limits.push_items));
        let mut large = body(&items[..1]);
        large.push_str(&" ".repeat(limits.push_bytes + 1 - large.len()));
        let large = peer.push_raw(Some("large"), large).await;
        assert_eq!((large.status, large.code()), (413, "too_large"));
        assert_eq!(large.body["limits"]["bytes"], json!(limits.push_bytes));
        let values = format!(r#"{{"items": [{{}}], "x": [{}0]}}"#, "0,".repeat(limits.push_values));
        let values = peer.push_raw(Some("values"), values).await;
        assert_eq!((values.status, &values.body["limits"]["values"]), (413, &json!(limits.push_values)));
        // A session halves what is too much by itself.
        let mut session = peer.session(MemoryStore::new());
        session.enqueue(&items).unwrap();
        let pushed = session.push().await.unwrap();
        assert_eq!((pushed.accepted, pushed.batches, pushed.waiting), (1_001, 2, 0));
    }

    async fn a_representation_answers_the_whole_records_and_warnings(server: demo) {
        let peer = server.peer("city", &ward()).await;
        let id = Uuid::now_v7();
        let mut young = member(id, CELL, "Vũ Văn X");
        young.fields.insert("birth_date".into(), json!("1990-03-02"));
        let mut batch = PushBatch::new(vec![young]);
        batch.answer = PushReturn::Representation;
        let answer = peer.push_batch(&batch).await;
        let one = &answer.items[0];
        assert_eq!((&one.status, one.known_to_writer), (&ItemStatus::Created, true));
        assert_eq!(one.warnings.iter().map(|fault| (fault.pointer.as_str(), fault.code.as_str())).collect::<Vec<_>>(), [("/fields/admission_date", "under_age")]);
        assert_eq!(Value::Object(one.record.clone().unwrap()), get(&peer, "members", id).await.body);
    }

    async fn the_outbox_of_a_session_reaches_the_server_and_the_other_copies(server: demo) {
        let (peer, other) = (server.peer("city", &ward()).await, server.peer("province", &ward()).await);
        let mut session = peer.session(MemoryStore::new());
        session.pull_until_current(|_| {}).await.unwrap();
        let id = Uuid::now_v7();
        let mut bad = member(Uuid::now_v7(), CELL, "Lý Văn Z");
        bad.fields.insert("sex".into(), json!("none"));
        session.enqueue(&[member(id, CELL, "Lý Văn Y"), figure(Uuid::now_v7(), CELL, "63"), bad]).unwrap();
        let pushed = session.push().await.unwrap();
        assert_eq!((pushed.accepted, pushed.invalid, pushed.waiting), (2, 1, 0));
        other.push(vec![update("member", id, 1, json!({"phone": "+84912345678"}))]).await;
        session.enqueue(&[update("member", id, 1, json!({"phone": "+84987654321"}))]).unwrap();
        assert_eq!(session.push().await.unwrap().conflicts, 1);
        session.pull_until_current(|_| {}).await.unwrap();
        let shown = crate::support::copies::visible(&peer.client).await;
        crate::support::copies::assert_same(&crate::support::copies::held(session.store()), &shown, "the session's copy");
        assert_eq!(session.store().refused().unwrap().len(), 2);
        Puller::new(other.client.clone()).assert_equal("the other's").await;
    }

    async fn what_earlier_items_of_a_batch_did_binds_the_later_ones(server: demo) {
        let peer = server.peer("city", &ward()).await;
        let id = Uuid::now_v7();
        // Made, changed, deleted, restored: each item sees what the ones before it did.
        let answer = peer.push(vec![
            known_as(member(id, CELL, "Âu Văn B"), "city", "B"),
            update("member", id, 1, json!({"phone": "+84912345678"})),
            delete("member", id, 2),
            item(PushOp::Restore, "member", id, json!({})),
            known_as(member(Uuid::now_v7(), CELL, "Âu Văn C"), "city", "B"),
        ]).await;
        use ItemStatus::{Conflict, Created, Deleted, Restored, Updated};
        assert_eq!(statuses(&answer), [Created, Updated, Deleted, Restored, Conflict]);
        let stored = get(&peer, "members", id).await;
        assert_eq!((&stored.body["version"], &stored.body["phone"]), (&json!(4), &json!("+84912345678")));
        let history = peer.get(&format!("/v1/members/{id}/history"), &[]).await;
        assert_eq!(history.body["items"].as_array().map(Vec::len), Some(4));
        Puller::new(peer.client.clone()).assert_equal("the copy").await;
    }
}
