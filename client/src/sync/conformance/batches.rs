//! What holds of every outbox: batches, their answers, and what the copy follows.

use super::fixtures::*;
use crate::sync::{BatchLimits, Effect, Held, Outbox, Outcome, SyncSession};
use crate::testing::{Reply, TestServer};
use cell_records_types::Timestamp;
use cell_records_types::sync::{ConflictReason, ItemResult, ItemStatus, PushItem, PushOp};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

pub(super) async fn a_snapshot_sweeps_what_it_did_not_name_but_spares_the_unsent<S: Outbox>(mut store: S) {
    let all = [upsert(1, 1, "a"), upsert(2, 1, "b"), upsert(3, 1, "c")];
    assert!(!apply(&mut store, snapshot(100, &all, "a")).miscounted);
    apply(&mut store, page(None, false, &[], "b", false));
    store.enqueue(&[update(2, 1)]).unwrap();
    // In two pages, so that what the first one named is remembered.
    apply(&mut store, page(Some(101), true, &[upsert(1, 1, "a")], "c", true));
    assert_eq!(held(&store).len(), 3);
    let end = json!({"op": "snapshot_end", "counts": {"member": 2}});
    let applied = apply(&mut store, page(Some(101), false, &[end], "d", true));
    assert_eq!((held(&store), applied.events.len(), applied.miscounted), (vec![(1, 1), (2, 1)], 1, true));
    assert!(!store.state().unwrap().in_snapshot);
    // The feed's end judges again, and the item still waits.
    apply(&mut store, page(None, false, &[], "e", false));
    assert_eq!(held(&store), [(1, 1), (2, 1)]);
}

pub(super) async fn what_is_pushed_during_a_snapshot_is_judged_when_the_feed_is_current<S: Outbox>(mut store: S) {
    apply(&mut store, page(Some(100), true, &[], "a", true));
    store.enqueue(&[update(1, 1), update(2, 1), update(3, 1), update(4, 1)]).unwrap();
    let batch = store.prepare(BatchLimits::default()).unwrap().unwrap();
    let put = |number| {
        let Value::Object(record) = record(number, 2, "pushed") else { unreachable!() };
        let held = Held { version: 2, unit_id: id(0), record };
        Outcome::Done(Effect::Put { kind: "member".into(), id: id(number), held })
    };
    store.settle(&batch.key, &[put(1), put(2), put(3), put(4)]).unwrap();
    apply(&mut store, page(Some(100), false, &[json!({"op": "snapshot_end", "counts": {}})], "b", true));
    assert_eq!(held(&store), [(1, 2), (2, 2), (3, 2), (4, 2)]);
    apply(&mut store, page(None, false, &[own(1, 2)], "c", true));
    assert_eq!(held(&store).len(), 4);
    // The feed confirmed 1, 3 and, by an older version, 4; of 2 it never spoke.
    apply(&mut store, page(None, false, &[upsert(3, 3, "later"), upsert(4, 1, "older")], "d", false));
    assert_eq!(held(&store), [(1, 2), (3, 3), (4, 2)]);
}

pub(super) async fn a_batch_cut_off_after_it_was_stored_goes_out_again_to_the_byte<S: Outbox>(mut store: S) {
    store.enqueue(&[update(1, 1), update(2, 1)]).unwrap();
    // Killed between "stored" and "sent".
    let batch = store.prepare(BatchLimits::default()).unwrap().unwrap();
    // Sent, and the answer is lost; meanwhile the outbox grows.
    let server = TestServer::start(|number, seen| match number {
        0 => Reply::nothing(),
        _ => answer(seen, |_| "updated"),
    });
    let mut cut_off = session(&server, store);
    cut_off.push().await.unwrap_err();
    let mut store = cut_off.into_store();
    store.enqueue(&[update(3, 1)]).unwrap();

    let mut next = session(&server, store);
    let pushed = next.push().await.unwrap();
    assert_eq!((pushed.accepted, pushed.batches, pushed.waiting), (3, 2, 0));
    let seen = server.requests();
    for sent in &seen[..2] {
        assert_eq!((sent.header("idempotency-key"), sent.body.as_bytes()), (batch.key.as_str(), &batch.body[..]));
    }
    assert_ne!(seen[2].header("idempotency-key"), batch.key);
    assert_eq!(seen[2].json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(held(next.store()), [(1, 2), (2, 2), (3, 2)]);
}

pub(super) async fn every_item_of_a_push_is_settled_by_its_result<S: Outbox>(mut store: S) {
    apply(&mut store, snapshot(100, &[upsert(1, 1, "a"), upsert(4, 1, "d"), upsert(5, 1, "e")], "a"));
    apply(&mut store, page(None, false, &[], "b", false));
    let server = TestServer::start(|_, seen| {
        answer(seen, |item| match item {
            1 => "updated",
            2 => "conflict",
            3 => "invalid",
            4 => "not_found",
            5 => "deleted",
            7 => "blocked",
            _ => "duplicate_match",
        })
    });
    store.enqueue(&[7, 1, 2, 3, 4, 5, 6].map(|number| update(number, 1))).unwrap();
    let mut session = session(&server, store);
    let pushed = session.push().await.unwrap();
    assert_eq!((pushed.accepted, pushed.conflicts, pushed.invalid, pushed.waiting), (2, 2, 2, 0));
    assert_eq!((pushed.blocked, server.requests().len()), (1, 1));
    assert_eq!(server.requests()[0].json()["epoch"], "e1");
    assert_eq!(held(session.store()), [(1, 2)]);
    let refused = session.store().refused().unwrap();
    let conflicts: Vec<bool> = refused.iter().map(|refused| refused.is_conflict()).collect();
    assert_eq!(conflicts, [false, true, false, false, true]);
    assert_eq!(refused[4].item, update(6, 1));
    session.store_mut().forget_refused(refused[0].number).unwrap();
    assert_eq!(session.store().refused().unwrap().len(), 4);
    let nameless = PushItem::new(PushOp::Create, "member");
    assert!(matches!(session.enqueue(&[update(1, 1), nameless]), Err(crate::Error::Refused(_))));
    assert_eq!(session.store().waiting().unwrap(), 0);
}

pub(super) async fn a_batch_that_is_too_large_is_halved_until_the_culprit_stands_alone<S: Outbox>(mut store: S) {
    let server = TestServer::start(|_, seen| {
        if seen.body.contains(&id(5).to_string()) {
            Reply::problem(413, "too_large")
        } else {
            answer(seen, |_| "updated")
        }
    });
    let items: Vec<_> = (1..=8).map(|number| update(number, 1)).collect();
    store.enqueue(&items).unwrap();
    let mut session = session(&server, store);
    let pushed = session.push().await.unwrap();
    assert_eq!((pushed.accepted, pushed.invalid, pushed.waiting), (7, 1, 0));
    let refused: Vec<ItemResult> =
        session.store().refused().unwrap().into_iter().map(|refused| refused.result).collect();
    assert_eq!(refused[0].errors[0].code, "too_large");
    let keys: std::collections::BTreeSet<String> =
        server.requests().iter().map(|seen| seen.header("idempotency-key").to_owned()).collect();
    assert_eq!(keys.len(), server.requests().len(), "another body needs another key");
}

pub(super) async fn versions_of_a_lost_log_become_conflicts<S: Outbox>(mut store: S) {
    apply(&mut store, page(None, false, &[upsert(1, 1, "a")], "a", false));
    let mut unversioned = update(2, 1);
    unversioned.if_version = None;
    store.enqueue(&[update(1, 1), unversioned]).unwrap();
    let server = TestServer::start(|_, seen| match seen.json()["epoch"].as_str() {
        Some(_) => Reply::problem(409, "epoch_changed"),
        None => answer(seen, |_| "updated"),
    });
    let pushed = session(&server, store).push().await.unwrap();
    assert_eq!((pushed.conflicts, pushed.accepted, pushed.waiting), (1, 1, 0));
}

pub(super) async fn a_late_answer_does_not_undo_what_the_feed_has_brought<S: Outbox>(mut store: S) {
    apply(&mut store, page(None, false, &[upsert(1, 1, "a"), upsert(2, 1, "b"), upsert(3, 1, "c")], "a", false));
    store.enqueue(&[update(1, 1), update(2, 1), update(3, 1)]).unwrap();
    let batch = store.prepare(BatchLimits::default()).unwrap().unwrap();
    // The answer was lost. Since then 1 was deleted, 2 deleted and restored, 3 changed.
    let since = [remove(1, 3), upsert(2, 4, "restored"), upsert(3, 3, "later")];
    apply(&mut store, page(None, false, &since, "b", false));
    let Value::Object(late) = record(1, 2, "late") else { unreachable!() };
    let put = Effect::Put { kind: "member".into(), id: id(1), held: Held { version: 2, unit_id: id(0), record: late } };
    let deleted = Effect::Remove { kind: "member".into(), id: id(2) };
    let unseen = Outcome::Refused(Box::new(ItemResult::new(2, ItemStatus::NotFound)));
    let outcomes = [Outcome::Done(put), Outcome::Done(deleted), unseen];
    assert_eq!(store.settle(&batch.key, &outcomes).unwrap(), Some(0));
    assert_eq!((held(&store), store.waiting().unwrap()), (vec![(2, 4), (3, 3)], 0));
    // Another process has the same answer.
    assert_eq!(store.settle(&batch.key, &outcomes).unwrap(), None);
    assert_eq!(store.refused().unwrap().len(), 1);
}

pub(super) async fn a_batch_whose_key_is_forgotten_is_not_sent_again<S: Outbox>(mut store: S) {
    apply(&mut store, page(None, false, &[upsert(1, 1, "a"), upsert(2, 1, "b")], "a", false));
    let mut blind = update(2, 1);
    (blind.op, blind.if_version) = (PushOp::Upsert, None);
    let mut child = create(3, "child", &[]);
    child.external_ids = None;
    store.enqueue(&[update(1, 1), blind.clone(), child]).unwrap();
    let old = store.prepare(BatchLimits::default()).unwrap().unwrap();
    let server = TestServer::start(|_, seen| match seen.line.split('?').next().unwrap() {
        "GET /v1/sync" => Reply::json(sync_info(7)),
        "GET /v1/sync/changes" => Reply::json(page(None, false, &[upsert(2, 5, "newer")], "b", false)),
        _ => answer(seen, |_| "updated"),
    });
    let mut client = server.client().access_token("crt_x");
    // Eight days have passed when the first batch is looked at, and none since then.
    let ahead = Mutex::new(8 * 24 * 3_600_000_000);
    client.clock.now = Arc::new(move || {
        Timestamp::from_micros(Timestamp::now().micros() + std::mem::take(&mut *ahead.lock().unwrap()))
    });
    let mut session = SyncSession::new(client.build().unwrap(), store);
    let pushed = session.push().await.unwrap();
    assert_eq!((pushed.accepted, pushed.conflicts, pushed.waiting), (2, 1, 0));
    let sent: Vec<_> = server.requests().into_iter().filter(|seen| seen.line.starts_with("POST")).collect();
    assert_eq!((sent.len(), numbers(&sent[0].json())), (1, vec![1, 3]));
    assert_ne!(sent[0].header("idempotency-key"), old.key);
    assert_eq!(refused(session.store()), [(blind, ItemStatus::Conflict)]);
    assert_eq!(name(session.store(), 2).as_deref(), Some("newer"));
}

pub(super) async fn a_batch_refused_whole_is_halved_to_a_dead_letter<S: Outbox>(mut store: S) {
    let refusals = [(400, "not_understood"), (422, "some_new_rule"), (409, "not_unique"), (413, "too_large")];
    for (call, (status, code)) in refusals.into_iter().enumerate() {
        let server = TestServer::start(move |_, seen| {
            if numbers(&seen.json()).contains(&5) { Reply::problem(status, code) } else { answer(seen, |_| "updated") }
        });
        store.enqueue(&(1..=6).map(|number| update(number, 1)).collect::<Vec<_>>()).unwrap();
        let mut session = session(&server, store);
        let pushed = session.push().await.unwrap();
        assert_eq!((pushed.accepted, pushed.waiting), (5, 0), "{code}");
        let expected = if status == 409 { (0, 1) } else { (1, 0) };
        assert_eq!((pushed.invalid, pushed.conflicts), expected, "{code}");
        store = session.into_store();
        let result = store.refused().unwrap().remove(call).result;
        assert_eq!(result.errors[0].code, code);
        assert_eq!(result.conflict.map(|one| one.reason), (status == 409).then_some(ConflictReason::Unique));
    }
}

pub(super) async fn what_is_wrong_with_every_batch_keeps_the_outbox<S: Outbox>(mut store: S) {
    store.enqueue(&[update(1, 1), update(2, 1)]).unwrap();
    let refusals: [fn() -> Reply; 6] = [
        // A proxy's page, a proxy that takes the key away, the account, another server, another conflict, and a
        // server that does not speak this schema any more.
        || Reply::new(400, json!("not a problem")),
        || Reply::problem(400, "idempotency_key_required"),
        || Reply::problem(401, "unauthenticated"),
        || Reply::problem(404, "not_found"),
        || Reply::problem(409, "of_another_kind"),
        || {
            let fault = json!([{"pointer": "/schema", "code": "unknown_code", "message": "Must be 2027-11."}]);
            Reply::problem(422, "invalid").with("errors", fault)
        },
    ];
    for refusal in refusals {
        let server = TestServer::start(move |_, _| refusal());
        let mut session = session(&server, store);
        assert!(session.push().await.is_err());
        assert_eq!(server.requests().len(), 1);
        store = session.into_store();
        assert_eq!((store.waiting().unwrap(), store.refused().unwrap().len()), (2, 0));
    }
}

pub(super) async fn items_are_taken_once_under_a_digest<S: Outbox>(mut store: S) {
    assert_eq!(store.enqueue_once("d1", &[update(1, 1)]).unwrap(), None);
    let before = store.enqueue_once("d1", &[update(1, 1)]).unwrap();
    assert!(before.is_some());
    assert_eq!((store.enqueue_once("d2", &[update(1, 1)]).unwrap(), store.waiting().unwrap()), (None, 2));
}

/// What `GET /v1/sync` says.
fn sync_info(days: i64) -> Value {
    json!({"protocol": ["1"], "epoch": "e1", "schema": ["2026-11"], "types": [], "retention_days": 400,
           "idempotency_key_days": days, "server_code": "s", "server_time": "2026-01-01T00:00:00Z",
           "limits": {"push_items": 1000, "push_bytes": 1, "push_values": 1, "pull_limit": 1, "pull_max_bytes": 1, "wait_seconds": 1, "pull_units": 8},
           "caller": {"id": id(0), "kind": "system", "name": "n", "display_name": "n", "unit_id": id(0), "grants": []}})
}
