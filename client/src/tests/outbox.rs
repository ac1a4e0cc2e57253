//! The outbox when things go wrong: late answers, forgotten keys, items that refer to one another, other processes.

use super::stub::{Reply, Stub, ok, problem};
use super::sync::{answer, apply, held, id, name, on_both_stores, page, record, remove, session, update, upsert};
use crate::sync::{BatchLimits, Effect, Held, MemoryStore, Outcome, Refused, SqliteStore, Store, Take};
use crate::types::Reference;
use crate::types::sync::{ConflictReason, ItemResult, ItemStatus, PushItem, PushOp};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{Read, Write};

on_both_stores! {
    a_late_answer_does_not_undo_what_the_feed_has_brought,
    a_batch_whose_key_is_forgotten_is_not_sent_again,
    what_refers_to_a_refused_item_goes_again_together_with_it,
    a_name_becomes_a_reference_once_its_item_is_accepted,
    names_of_two_calls_never_share_a_batch,
    a_batch_refused_whole_is_halved_to_a_dead_letter,
    what_is_wrong_with_every_batch_keeps_the_outbox,
    items_are_taken_once_under_a_digest,
    a_refused_item_is_dropped_or_sent_again_upon_the_servers_version,
    a_conflict_of_no_known_version_is_sent_again_upon_a_newer_one,
}

/// A create by a UUID, with a name and with references by name.
fn create(number: u128, name: &str, uses: &[&str]) -> PushItem {
    let mut item = PushItem::new(PushOp::Create, "member");
    item.id = Some(Reference::Id(id(number)));
    item.name = Some(name.to_owned());
    item.fields
        .insert("list".into(), json!(uses.iter().map(|name| json!({"to": format!("ref:{name}")})).collect::<Vec<_>>()));
    item
}

fn numbers(body: &Value) -> Vec<u128> {
    let of = |item: &Value| item["id"].as_str().unwrap().parse::<uuid::Uuid>().unwrap().as_u128() - id(0).as_u128();
    body["items"].as_array().unwrap().iter().map(of).collect()
}

fn refused(store: &impl Store) -> Vec<(PushItem, ItemStatus)> {
    let parts = |refused: Refused| (refused.item, refused.result.status);
    store.refused().unwrap().into_iter().map(parts).collect()
}

mod properties {
    use super::*;

    pub(super) async fn a_late_answer_does_not_undo_what_the_feed_has_brought<S: Store>(mut store: S) {
        apply(&mut store, page(None, false, &[upsert(1, 1, "a"), upsert(2, 1, "b"), upsert(3, 1, "c")], "a", false));
        store.enqueue(&[update(1, 1), update(2, 1), update(3, 1)]).unwrap();
        let batch = store.prepare(BatchLimits::default()).unwrap().unwrap();
        // The answer was lost. Since then 1 was deleted, 2 deleted and restored, 3 changed.
        let since = [remove(1, 3), upsert(2, 4, "restored"), upsert(3, 3, "later")];
        apply(&mut store, page(None, false, &since, "b", false));
        let Value::Object(late) = record(1, 2, "late") else { unreachable!() };
        let put =
            Effect::Put { kind: "member".into(), id: id(1), held: Held { version: 2, unit_id: id(0), record: late } };
        let deleted = Effect::Remove { kind: "member".into(), id: id(2) };
        let unseen = Outcome::Refused(Box::new(ItemResult::new(2, ItemStatus::NotFound)));
        let outcomes = [Outcome::Done(put), Outcome::Done(deleted), unseen];
        assert_eq!(store.settle(&batch.key, &outcomes).unwrap(), Some(0));
        assert_eq!((held(&store), store.waiting().unwrap()), (vec![(2, 4), (3, 3)], 0));
        // Another process has the same answer.
        assert_eq!(store.settle(&batch.key, &outcomes).unwrap(), None);
        assert_eq!(store.refused().unwrap().len(), 1);
    }

    pub(super) async fn a_batch_whose_key_is_forgotten_is_not_sent_again<S: Store>(mut store: S) {
        apply(&mut store, page(None, false, &[upsert(1, 1, "a"), upsert(2, 1, "b")], "a", false));
        let mut blind = update(2, 1);
        (blind.op, blind.if_version) = (PushOp::Upsert, None);
        let mut child = create(3, "child", &[]);
        child.external_ids = None;
        store.enqueue(&[update(1, 1), blind.clone(), child]).unwrap();
        let old = store.prepare(BatchLimits::default()).unwrap().unwrap();
        store.backdate(8 * 24 * 3_600_000_000).unwrap();
        let stub = Stub::start(|_, seen| match seen.line.split('?').next().unwrap() {
            "GET /v1/sync" => ok(sync_info(7)),
            "GET /v1/sync/changes" => ok(page(None, false, &[upsert(2, 5, "newer")], "b", false)),
            _ => answer(seen, |_| "updated"),
        });
        let mut session = session(&stub, store);
        let pushed = session.push().await.unwrap();
        assert_eq!((pushed.accepted, pushed.conflicts, pushed.waiting), (2, 1, 0));
        let sent: Vec<_> = stub.seen().into_iter().filter(|seen| seen.line.starts_with("POST")).collect();
        assert_eq!((sent.len(), numbers(&sent[0].json())), (1, vec![1, 3]));
        assert_ne!(sent[0].header("idempotency-key"), old.key);
        assert_eq!(refused(session.store()), [(blind, ItemStatus::Conflict)]);
        assert_eq!(name(session.store(), 2).as_deref(), Some("newer"));
    }

    pub(super) async fn what_refers_to_a_refused_item_goes_again_together_with_it<S: Store>(store: S) {
        let stub = Stub::start(|number, seen| match number {
            0 => answer(seen, |item| match item {
                1 => "invalid",
                2 => "blocked",
                _ => "updated",
            }),
            _ => answer(seen, |_| "updated"),
        });
        let mut session = session(&stub, store);
        let items = [
            create(2, "child", &["parent"]),
            create(1, "parent", &[]),
            create(3, "other", &[]),
            create(4, "grandchild", &["child"]),
        ];
        session.enqueue(&items).unwrap();
        let pushed = session.push().await.unwrap();
        // The server blocked the child only; here the rest of the chain follows.
        assert_eq!((pushed.accepted, pushed.invalid, pushed.blocked, pushed.waiting), (2, 1, 1, 0));
        assert_eq!(numbers(&stub.seen()[0].json()), [1, 2, 3, 4]);

        let number = session.store().refused().unwrap()[0].number;
        let mut corrected = create(1, "anything", &[]);
        corrected.fields.insert("full_name".into(), json!("corrected"));
        session.store_mut().retry(number, &corrected).unwrap();
        assert_eq!((session.store().refused().unwrap().len(), session.store().waiting().unwrap()), (0, 2));
        let again = session.push().await.unwrap();
        assert_eq!((again.accepted, again.waiting), (2, 0));
        let body = stub.seen()[1].json();
        assert_eq!((numbers(&body), &body["items"][0]["ref"]), (vec![1, 2], &json!("parent")));
        assert_eq!(body["items"][1]["fields"]["list"][0]["to"], "ref:parent");
        assert!(matches!(session.store_mut().retry(number, &corrected), Err(crate::Error::Refused(_))));
    }

    pub(super) async fn a_name_becomes_a_reference_once_its_item_is_accepted<S: Store>(store: S) {
        // Large batches are refused, so that named and referring items part.
        let stub = Stub::start(|_, seen| {
            let items = numbers(&seen.json());
            let refused = items == [5];
            if items.len() > 1 {
                problem(413, "too_large")
            } else {
                answer(seen, |_| if refused { "invalid" } else { "updated" })
            }
        });
        let mut session = session(&stub, store);
        let items = [
            create(2, "b", &["a"]),
            create(1, "a", &[]),
            create(5, "c", &[]),
            create(6, "d", &["c"]),
            create(7, "e", &["d"]),
        ];
        session.enqueue(&items).unwrap();
        let pushed = session.push().await.unwrap();
        assert_eq!((pushed.accepted, pushed.invalid, pushed.blocked, pushed.waiting), (2, 1, 2, 0));
        let bodies: Vec<Value> = stub.seen().iter().map(|seen| seen.json()).collect();
        let second = bodies.iter().find(|body| numbers(body) == [2]).unwrap();
        assert_eq!(second["items"][0]["fields"]["list"][0]["to"], json!(id(1)));
        // What refers to a refused item is not sent without it.
        assert!(!bodies.iter().any(|body| numbers(body) == [6] || numbers(body) == [7]));
        let statuses: Vec<_> = refused(session.store()).into_iter().map(|(_, status)| status).collect();
        assert_eq!(statuses, [ItemStatus::Invalid, ItemStatus::Blocked, ItemStatus::Blocked]);
    }

    pub(super) async fn names_of_two_calls_never_share_a_batch<S: Store>(mut store: S) {
        store.enqueue(&[update(8, 1)]).unwrap();
        store.enqueue(&[update(9, 1)]).unwrap();
        store.enqueue(&[create(1, "a", &[]), create(2, "b", &["a"])]).unwrap();
        store.enqueue(&[create(3, "a", &[]), create(4, "b", &["a"])]).unwrap();
        let stub = Stub::start(|_, seen| answer(seen, |_| "updated"));
        let pushed = session(&stub, store).push().await.unwrap();
        assert_eq!((pushed.accepted, pushed.batches), (6, 3));
        let sent: Vec<_> = stub.seen().iter().map(|seen| numbers(&seen.json())).collect();
        assert_eq!(sent, [vec![8, 9], vec![1, 2], vec![3, 4]]);
    }

    pub(super) async fn a_batch_refused_whole_is_halved_to_a_dead_letter<S: Store>(mut store: S) {
        let refusals = [(400, "not_understood"), (422, "some_new_rule"), (409, "not_unique"), (413, "too_large")];
        for (call, (status, code)) in refusals.into_iter().enumerate() {
            let stub = Stub::start(move |_, seen| {
                if numbers(&seen.json()).contains(&5) { problem(status, code) } else { answer(seen, |_| "updated") }
            });
            store.enqueue(&(1..=6).map(|number| update(number, 1)).collect::<Vec<_>>()).unwrap();
            let mut session = session(&stub, store);
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

    pub(super) async fn what_is_wrong_with_every_batch_keeps_the_outbox<S: Store>(mut store: S) {
        store.enqueue(&[update(1, 1), update(2, 1)]).unwrap();
        let refusals: [fn() -> Reply; 6] = [
            // A proxy's page, a proxy that takes the key away, the account, another server, another conflict, and a
            // server that does not speak this schema any more.
            || Reply::Answer(400, Vec::new(), json!("not a problem")),
            || problem(400, "idempotency_key_required"),
            || problem(401, "unauthenticated"),
            || problem(404, "not_found"),
            || problem(409, "of_another_kind"),
            || match problem(422, "invalid") {
                Reply::Answer(status, headers, mut body) => {
                    body["errors"] =
                        json!([{"pointer": "/schema", "code": "unknown_code", "message": "Must be 2027-11."}]);
                    Reply::Answer(status, headers, body)
                }
                Reply::Nothing => unreachable!(),
            },
        ];
        for refusal in refusals {
            let stub = Stub::start(move |_, _| refusal());
            let mut session = session(&stub, store);
            assert!(session.push().await.is_err());
            assert_eq!(stub.seen().len(), 1);
            store = session.into_store();
            assert_eq!((store.waiting().unwrap(), store.refused().unwrap().len()), (2, 0));
        }
    }

    pub(super) async fn a_refused_item_is_dropped_or_sent_again_upon_the_servers_version<S: Store>(mut store: S) {
        apply(&mut store, page(None, false, &[upsert(1, 1, "a"), upsert(2, 1, "b")], "a", false));
        let conflict = |index: usize, reason: &str| {
            json!({"index": index, "id": id(index as u128 + 1), "status": "conflict",
                   "conflict": {"reason": reason, "current_version": 7}})
        };
        let first = json!({"applied": true, "summary": {}, "items": [
            conflict(0, "version"), conflict(1, "version"), conflict(2, "deleted"), {"index": 3, "status": "blocked"},
        ]});
        let stub = Stub::start(move |number, seen| match number {
            0 => Reply::Answer(207, Vec::new(), first.clone()),
            _ => answer(seen, |_| "updated"),
        });
        let mut session = session(&stub, store);
        session.enqueue(&[update(1, 1), update(2, 1), update(3, 1), update(4, 1)]).unwrap();
        session.push().await.unwrap();
        let numbered: Vec<i64> = session.store().refused().unwrap().iter().map(|refused| refused.number).collect();
        let store = session.store_mut();
        // The server's record stays, and nothing is sent.
        store.resolve(numbered[0], Take::Server).unwrap();
        assert_eq!((store.waiting().unwrap(), name(store, 1).as_deref()), (0, Some("a")));
        store.resolve(numbered[1], Take::Mine).unwrap();
        // What cannot be sent again stays, and so does what is not there.
        for number in [numbered[0], numbered[2], numbered[3]] {
            assert!(matches!(store.resolve(number, Take::Mine), Err(crate::Error::Refused(_))));
        }
        assert_eq!((store.refused().unwrap().len(), store.waiting().unwrap()), (2, 1));
        assert_eq!(session.push().await.unwrap().accepted, 1);
        let sent = stub.seen()[1].json();
        assert_eq!((numbers(&sent), &sent["items"][0]["if_version"]), (vec![2], &json!(7)));
        assert_eq!(name(session.store(), 2).as_deref(), Some("pushed"));
    }

    pub(super) async fn a_conflict_of_no_known_version_is_sent_again_upon_a_newer_one<S: Store>(mut store: S) {
        apply(&mut store, page(None, false, &[upsert(1, 1, "a")], "a", false));
        let first = json!({"applied": true, "summary": {}, "items": [
            {"index": 0, "id": id(1), "status": "conflict", "conflict": {"reason": "version"}},
        ]});
        let stub = Stub::start(move |number, seen| match number {
            0 => Reply::Answer(207, Vec::new(), first.clone()),
            _ => answer(seen, |_| "updated"),
        });
        let mut session = session(&stub, store);
        session.enqueue(&[update(1, 1)]).unwrap();
        session.push().await.unwrap();
        let store = session.store_mut();
        let number = store.refused().unwrap()[0].number;
        // Upon the version that was refused it would be the same conflict again.
        let error = store.resolve(number, Take::Mine).unwrap_err().to_string();
        assert!(error.contains("pull first"), "{error}");
        assert_eq!((store.refused().unwrap().len(), store.waiting().unwrap()), (1, 0));
        apply(store, page(None, false, &[upsert(1, 2, "b")], "b", false));
        store.resolve(number, Take::Mine).unwrap();
        assert_eq!(session.push().await.unwrap().accepted, 1);
        assert_eq!(stub.seen()[1].json()["items"][0]["if_version"], 2);
    }

    pub(super) async fn items_are_taken_once_under_a_digest<S: Store>(mut store: S) {
        assert_eq!(store.enqueue_once("d1", &[update(1, 1)]).unwrap(), None);
        let before = store.enqueue_once("d1", &[update(1, 1)]).unwrap();
        assert!(before.is_some());
        assert_eq!((store.enqueue_once("d2", &[update(1, 1)]).unwrap(), store.waiting().unwrap()), (None, 2));
    }
}

fn sync_info(days: i64) -> Value {
    json!({"protocol": ["1"], "epoch": "e1", "schema": ["2026-11"], "types": [], "retention_days": 400,
           "idempotency_key_days": days, "server_code": "s", "server_time": "2026-01-01T00:00:00Z",
           "limits": {"push_items": 1000, "push_bytes": 1, "push_values": 1, "pull_limit": 1, "pull_max_bytes": 1, "wait_seconds": 1, "pull_units": 8},
           "caller": {"id": id(0), "kind": "system", "name": "n", "display_name": "n", "unit_id": id(0), "grants": []}})
}

#[tokio::test]
async fn two_processes_on_one_store_push_and_pull_without_harm() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy.sqlite");
    let (mut first, mut second) = (SqliteStore::open(&path).unwrap(), SqliteStore::open(&path).unwrap());
    apply(&mut first, page(None, false, &[upsert(1, 1, "a")], "a", false));
    first.enqueue(&[update(1, 1), update(2, 1)]).unwrap();
    let batch = first.prepare(BatchLimits::default()).unwrap().unwrap();
    assert_eq!(second.prepare(BatchLimits::default()).unwrap(), Some(batch.clone()));
    // The second process pulls while the first one waits for its answer: the record was changed, then removed.
    apply(&mut second, page(None, false, &[remove(1, 3)], "b", false));
    let stub = Stub::start(|_, seen| answer(seen, |_| "updated"));
    let mut first = session(&stub, first);
    assert_eq!(first.push().await.unwrap().accepted, 2);
    assert_eq!(held(&second), []);
    // The second one had sent the same batch.
    let outcomes = [Outcome::Done(Effect::Nothing), Outcome::Done(Effect::Nothing)];
    assert_eq!(second.settle(&batch.key, &outcomes).unwrap(), None);
    assert_eq!(session(&stub, second).push().await.unwrap().batches, 0);
    let keys: BTreeSet<String> = stub.seen().iter().map(|seen| seen.header("idempotency-key").to_owned()).collect();
    assert_eq!(keys, BTreeSet::from([batch.key]));
}

#[tokio::test]
async fn a_server_without_tls_ends_a_watch_at_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // Unread bytes would reset the connection.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let mut builder = crate::Client::builder(&url).access_token("crt_x");
    builder.pause = std::sync::Arc::new(|_| panic!("it tries again"));
    let mut session = crate::sync::SyncSession::new(builder.build().unwrap(), MemoryStore::new());
    let error = session.watch(|_| ()).await.unwrap_err();
    assert!(matches!(error, crate::Error::Network(_)) && !error.is_retryable(), "{error}");
}
