//! The sync engine: each property on both stores, through one function.

use super::stub::{Reply, Seen, Stub, ok, problem};
use crate::RetryPolicy;
use crate::sync::{BatchLimits, Effect, Filter, Held, MemoryStore, Outcome, Pulled, SqliteStore, Store, SyncSession};
use crate::types::sync::{ChangesPage, ItemResult, PushItem, PushOp};
use crate::types::{Reference, Uuid};
use serde_json::{Value, json};
use std::sync::Mutex;

/// Runs a test with an empty store of each kind.
macro_rules! on_both_stores {
    ($($test:ident),* $(,)?) => { $(
        #[tokio::test]
        async fn $test() {
            properties::$test(crate::sync::MemoryStore::new()).await;
            let folder = tempfile::tempdir().unwrap();
            properties::$test(crate::sync::SqliteStore::open(&folder.path().join("copy.sqlite")).unwrap()).await;
        }
    )* };
}
pub(super) use on_both_stores;

on_both_stores! {
    an_older_version_changes_nothing_and_a_snapshot_replaces,
    a_snapshot_sweeps_what_it_did_not_name_but_spares_the_unsent,
    what_is_pushed_during_a_snapshot_is_judged_when_the_feed_is_current,
    a_page_of_another_cursor_is_not_applied,
    a_batch_cut_off_after_it_was_stored_goes_out_again_to_the_byte,
    every_item_of_a_push_is_settled_by_its_result,
    a_batch_that_is_too_large_is_halved_until_the_culprit_stands_alone,
    versions_of_a_lost_log_become_conflicts,
    a_cursor_that_is_gone_leads_to_a_snapshot_and_a_sweep,
    own_writes_that_the_copy_lacks_are_fetched,
    another_filter_begins_anew,
    a_unit_that_is_no_longer_found_empties_the_copy,
}

pub(super) fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_0000_0000_0000 + number)
}

pub(super) fn record(number: u128, version: i64, name: &str) -> Value {
    json!({"id": id(number), "type": "member", "version": version, "unit_id": id(0), "full_name": name})
}

pub(super) fn upsert(number: u128, version: i64, name: &str) -> Value {
    json!({"op": "upsert", "type": "member", "id": id(number), "version": version, "unit_id": id(0),
           "changed_at": "2026-01-01T00:00:00Z", "record": record(number, version, name)})
}

pub(super) fn remove(number: u128, version: i64) -> Value {
    json!({"op": "remove", "type": "member", "id": id(number), "version": version, "reason": "out_of_scope"})
}

pub(super) fn own(number: u128, version: i64) -> Value {
    json!({"op": "own", "type": "member", "id": id(number), "version": version})
}

/// A page of the feed; `snapshot` is the number of the snapshot that it belongs to.
pub(super) fn page(snapshot: Option<u128>, reset: bool, changes: &[Value], cursor: &str, has_more: bool) -> Value {
    json!({"phase": if snapshot.is_some() { "snapshot" } else { "changes" }, "reset": reset,
           "snapshot_id": snapshot.map(id), "changes": changes, "cursor": cursor, "has_more": has_more,
           "epoch": "e1", "schema": "2026-11", "scope_rev": "s", "server_time": "2026-01-01T00:00:00Z"})
}

/// A whole snapshot in one page.
pub(super) fn snapshot(number: u128, changes: &[Value], cursor: &str) -> Value {
    let mut changes = changes.to_vec();
    changes.push(json!({"op": "snapshot_end", "counts": {"member": changes.len()}}));
    page(Some(number), true, &changes, cursor, true)
}

pub(super) fn apply<S: Store>(store: &mut S, page: Value) -> crate::sync::Applied {
    let page: ChangesPage = serde_json::from_value(page).unwrap();
    let state = store.state().unwrap();
    store.apply(&page, &state).unwrap()
}

pub(super) fn name<S: Store>(store: &S, number: u128) -> Option<String> {
    let held = store.get("member", id(number)).unwrap()?;
    Some(held.record["full_name"].as_str().unwrap().to_owned())
}

pub(super) fn held<S: Store>(store: &S) -> Vec<(u128, i64)> {
    let base = id(0).as_u128();
    store.versions("member").unwrap().into_iter().map(|(id, version)| (id.as_u128() - base, version)).collect()
}

pub(super) fn update(number: u128, version: i64) -> PushItem {
    let mut item = PushItem::new(PushOp::Update, "member");
    item.id = Some(Reference::Id(id(number)));
    item.if_version = Some(version);
    item
}

pub(super) fn session<S: Store>(stub: &Stub, store: S) -> SyncSession<S> {
    let client = stub.client().access_token("crt_x").retry(RetryPolicy::never()).build().unwrap();
    SyncSession::new(client, store)
}

/// A push's answer: for each item the status that `judge` gives, with a record where it is accepted.
pub(super) fn answer(seen: &Seen, judge: impl Fn(u128) -> &'static str) -> Reply {
    let batch = seen.json();
    let results = batch["items"].as_array().unwrap().iter().enumerate().map(|(index, item)| {
        let number = Uuid::try_parse(item["id"].as_str().unwrap()).unwrap().as_u128() - id(0).as_u128();
        let version = item["if_version"].as_i64().unwrap_or(0) + 1;
        match judge(number) {
            "updated" => json!({"index": index, "id": id(number), "status": "updated", "version": version,
                                "record": record(number, version, "pushed")}),
            status => json!({"index": index, "status": status}),
        }
    });
    let body = json!({"applied": true, "summary": {}, "items": results.collect::<Vec<_>>()});
    Reply::Answer(207, Vec::new(), body)
}

mod properties {
    use super::*;

    pub(super) async fn an_older_version_changes_nothing_and_a_snapshot_replaces<S: Store>(mut store: S) {
        apply(&mut store, page(None, false, &[upsert(1, 5, "five"), upsert(2, 5, "five")], "a", false));
        apply(&mut store, page(None, false, &[upsert(1, 4, "four"), remove(2, 4)], "b", false));
        assert_eq!((name(&store, 1), name(&store, 2)), (Some("five".into()), Some("five".into())));
        apply(&mut store, page(None, false, &[upsert(1, 5, "five again"), remove(2, 5)], "c", false));
        assert_eq!((name(&store, 1), name(&store, 2)), (Some("five again".into()), None));
        let applied = apply(&mut store, page(Some(100), true, &[upsert(1, 2, "another epoch")], "d", true));
        assert_eq!((name(&store, 1), applied.stored), (Some("another epoch".into()), 1));
        let state = store.state().unwrap();
        assert_eq!((state.cursor.as_deref(), state.in_snapshot, state.current), (Some("d"), true, false));
        assert_eq!(store.counts().unwrap()["member"], 1);
    }

    pub(super) async fn a_snapshot_sweeps_what_it_did_not_name_but_spares_the_unsent<S: Store>(mut store: S) {
        let all = [upsert(1, 1, "a"), upsert(2, 1, "b"), upsert(3, 1, "c")];
        assert!(!apply(&mut store, snapshot(100, &all, "a")).miscounted);
        apply(&mut store, page(None, false, &[], "b", false));
        store.enqueue(&[update(2, 1)]).unwrap();
        // In two pages, so that what the first one named is remembered.
        apply(&mut store, page(Some(101), true, &[upsert(1, 1, "a")], "c", true));
        assert_eq!(held(&store).len(), 3);
        let end = json!({"op": "snapshot_end", "counts": {"member": 2}});
        let applied = apply(&mut store, page(Some(101), false, &[end], "d", true));
        assert_eq!((held(&store), applied.swept, applied.miscounted), (vec![(1, 1), (2, 1)], 1, true));
        assert!(!store.state().unwrap().in_snapshot);
        // The feed's end judges again, and the item still waits.
        apply(&mut store, page(None, false, &[], "e", false));
        assert_eq!(held(&store), [(1, 1), (2, 1)]);
    }

    pub(super) async fn what_is_pushed_during_a_snapshot_is_judged_when_the_feed_is_current<S: Store>(mut store: S) {
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

    pub(super) async fn a_page_of_another_cursor_is_not_applied<S: Store>(mut store: S) {
        let before = store.state().unwrap();
        apply(&mut store, page(None, false, &[upsert(1, 2, "other process")], "a", false));
        let late: ChangesPage = serde_json::from_value(page(None, false, &[remove(1, 9)], "b", false)).unwrap();
        assert!(matches!(store.apply(&late, &before), Err(crate::Error::Store(_))));
        assert_eq!((held(&store), store.state().unwrap().cursor.as_deref()), (vec![(1, 2)], Some("a")));
    }

    pub(super) async fn a_batch_cut_off_after_it_was_stored_goes_out_again_to_the_byte<S: Store>(mut store: S) {
        store.enqueue(&[update(1, 1), update(2, 1)]).unwrap();
        // Killed between "stored" and "sent".
        let batch = store.prepare(BatchLimits::default()).unwrap().unwrap();
        // Sent, and the answer is lost; meanwhile the outbox grows.
        let stub = Stub::start(|number, seen| match number {
            0 => Reply::Nothing,
            _ => answer(seen, |_| "updated"),
        });
        let mut cut_off = session(&stub, store);
        cut_off.push().await.unwrap_err();
        let mut store = cut_off.into_store();
        store.enqueue(&[update(3, 1)]).unwrap();

        let mut next = session(&stub, store);
        let pushed = next.push().await.unwrap();
        assert_eq!((pushed.accepted, pushed.batches, pushed.waiting), (3, 2, 0));
        let seen = stub.seen();
        for sent in &seen[..2] {
            assert_eq!((sent.header("idempotency-key"), sent.body.as_bytes()), (batch.key.as_str(), &batch.body[..]));
        }
        assert_ne!(seen[2].header("idempotency-key"), batch.key);
        assert_eq!(seen[2].json()["items"].as_array().unwrap().len(), 1);
        assert_eq!(held(next.store()), [(1, 2), (2, 2), (3, 2)]);
    }

    pub(super) async fn every_item_of_a_push_is_settled_by_its_result<S: Store>(mut store: S) {
        apply(&mut store, snapshot(100, &[upsert(1, 1, "a"), upsert(4, 1, "d"), upsert(5, 1, "e")], "a"));
        apply(&mut store, page(None, false, &[], "b", false));
        let stub = Stub::start(|_, seen| {
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
        let mut session = session(&stub, store);
        let pushed = session.push().await.unwrap();
        assert_eq!((pushed.accepted, pushed.conflicts, pushed.invalid, pushed.waiting), (2, 2, 2, 0));
        assert_eq!((pushed.blocked, stub.seen().len()), (1, 1));
        assert_eq!(stub.seen()[0].json()["epoch"], "e1");
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

    pub(super) async fn a_batch_that_is_too_large_is_halved_until_the_culprit_stands_alone<S: Store>(mut store: S) {
        let stub = Stub::start(|_, seen| {
            if seen.body.contains(&id(5).to_string()) { problem(413, "too_large") } else { answer(seen, |_| "updated") }
        });
        let items: Vec<_> = (1..=8).map(|number| update(number, 1)).collect();
        store.enqueue(&items).unwrap();
        let mut session = session(&stub, store);
        let pushed = session.push().await.unwrap();
        assert_eq!((pushed.accepted, pushed.invalid, pushed.waiting), (7, 1, 0));
        let refused: Vec<ItemResult> =
            session.store().refused().unwrap().into_iter().map(|refused| refused.result).collect();
        assert_eq!(refused[0].errors[0].code, "too_large");
        let keys: std::collections::BTreeSet<String> =
            stub.seen().iter().map(|seen| seen.header("idempotency-key").to_owned()).collect();
        assert_eq!(keys.len(), stub.seen().len(), "another body needs another key");
    }

    pub(super) async fn versions_of_a_lost_log_become_conflicts<S: Store>(mut store: S) {
        apply(&mut store, page(None, false, &[upsert(1, 1, "a")], "a", false));
        let mut unversioned = update(2, 1);
        unversioned.if_version = None;
        store.enqueue(&[update(1, 1), unversioned]).unwrap();
        let stub = Stub::start(|_, seen| match seen.json()["epoch"].as_str() {
            Some(_) => problem(409, "epoch_changed"),
            None => answer(seen, |_| "updated"),
        });
        let pushed = session(&stub, store).push().await.unwrap();
        assert_eq!((pushed.conflicts, pushed.accepted, pushed.waiting), (1, 1, 0));
    }

    pub(super) async fn a_cursor_that_is_gone_leads_to_a_snapshot_and_a_sweep<S: Store>(mut store: S) {
        apply(&mut store, page(None, false, &[upsert(1, 7, "old"), upsert(2, 1, "gone")], "old", false));
        let stub = Stub::start(|_, seen| match seen.line.split("cursor=").nth(1) {
            None => ok(snapshot(100, &[upsert(1, 3, "new")], "new")),
            Some(cursor) if cursor.starts_with("old") => problem(410, "cursor_gone"),
            Some(_) => ok(page(None, false, &[], "end", false)),
        });
        let mut session = session(&stub, store);
        let mut pages = Vec::new();
        let total = session.pull_until_current(|page| pages.push(*page)).await.unwrap();
        assert_eq!((total.restarted, total.swept, total.current, pages.len()), (true, 1, true, 3));
        assert!(pages[0] == Pulled { restarted: true, ..Pulled::default() });
        assert_eq!((held(session.store()), name(session.store(), 1)), (vec![(1, 3)], Some("new".into())));
        assert_eq!(session.store().state().unwrap().cursor.as_deref(), Some("end"));
    }

    pub(super) async fn own_writes_that_the_copy_lacks_are_fetched<S: Store>(mut store: S) {
        let before = [upsert(1, 2, "known"), upsert(2, 1, "behind"), upsert(3, 1, "deleted"), upsert(4, 1, "hidden")];
        apply(&mut store, page(None, false, &before, "a", false));
        let stub = Stub::start(|_, seen| {
            let last = seen.line.rsplit('/').next().unwrap();
            match Uuid::try_parse(last) {
                Ok(asked) if asked == id(3) => problem(410, "gone"),
                Ok(asked) if asked == id(4) => problem(404, "not_found"),
                Ok(asked) => ok(record(asked.as_u128() - id(0).as_u128(), 9, "fetched")),
                Err(_) => ok(page(None, false, &[own(1, 2), own(2, 2), own(3, 2), own(4, 2), own(5, 1)], "b", false)),
            }
        });
        let mut session = session(&stub, store);
        session.pull_once().await.unwrap();
        assert_eq!(held(session.store()), [(1, 2), (2, 9), (5, 9)]);
        assert_eq!(name(session.store(), 2).as_deref(), Some("fetched"));
        let mut lines = stub.lines();
        assert!(lines.remove(0).contains("own=brief"));
        lines.sort();
        assert_eq!(lines, [2, 3, 4, 5].map(|number| format!("GET /v1/members/{}", id(number))));
    }

    pub(super) async fn a_unit_that_is_no_longer_found_empties_the_copy<S: Store>(mut store: S) {
        let filter = Filter { units: vec!["ext:demo:ward".into()], ..Filter::default() };
        store.restart(&filter).unwrap();
        apply(&mut store, snapshot(100, &[upsert(1, 1, "a"), upsert(2, 1, "b")], "old"));
        let stub = Stub::start(|_, seen| {
            if seen.line.contains("cursor=old") {
                return problem(410, "cursor_gone");
            }
            if seen.line.contains("cursor=") {
                return ok(page(None, false, &[], "end", false));
            }
            assert!(seen.line.contains("units=ext%3Ademo%3Award"), "{}", seen.line);
            let mut empty = snapshot(101, &[], "new");
            empty["unknown_units"] = json!(["ext:demo:ward"]);
            ok(empty)
        });
        let mut session = session(&stub, store).with_filter(filter);
        let total = session.pull_until_current(|_| ()).await.unwrap();
        assert_eq!((held(session.store()), total.swept, total.current), (vec![], 2, true));
        let state = session.store().state().unwrap();
        assert_eq!((state.unknown_units, state.cursor.as_deref()), (vec!["ext:demo:ward".to_owned()], Some("end")));
    }

    pub(super) async fn another_filter_begins_anew<S: Store>(mut store: S) {
        apply(&mut store, page(None, false, &[upsert(1, 1, "a")], "a", false));
        let stub = Stub::start(|_, _| ok(snapshot(100, &[], "b")));
        let filter = Filter { types: vec!["unit".into(), "term".into()], units: vec!["ext:demo:ward".into()] };
        let mut session = session(&stub, store).with_filter(filter);
        session.pull_once().await.unwrap();
        session.pull_once().await.unwrap();
        let lines = stub.lines();
        assert!(lines[0].contains("types=unit%2Cterm&units=ext%3Ademo%3Award") && !lines[0].contains("cursor"));
        assert!(lines[1].contains("cursor=b") && !lines[1].contains("types"));
        assert_eq!(held(session.store()), []);
        assert_eq!(session.store().state().unwrap().server, stub.url);
    }
}

#[tokio::test]
async fn watching_waits_out_what_passes_and_asks_to_wait_only_when_current() {
    let answers = Mutex::new(vec![
        problem(403, "cursor_foreign"),
        ok(page(None, false, &[upsert(2, 1, "b")], "d", false)),
        ok(page(None, false, &[], "c", false)),
        Reply::Nothing,
        ok(page(None, false, &[], "b", false)),
        ok(snapshot(100, &[upsert(1, 1, "a")], "a")),
    ]);
    let stub = Stub::start(move |_, _| answers.lock().unwrap().pop().unwrap());
    let mut session = session(&stub, MemoryStore::new());
    let mut seen = Vec::new();
    let error = session.watch(|page| seen.push(page.stored)).await.unwrap_err();
    assert_eq!((error.code(), seen), (Some("cursor_foreign"), vec![1, 1]));
    let waited: Vec<bool> = stub.lines().iter().map(|line| line.contains("wait=")).collect();
    assert_eq!(waited, [false, false, true, true, true, true]);
    assert!(!stub.pauses().is_empty());
}

#[test]
fn a_copy_in_a_file_survives_its_process_and_is_its_owners_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copies/of/the ward/copy.sqlite");
    let mut store = SqliteStore::open(&path).unwrap();
    apply(&mut store, page(None, false, &[upsert(1, 3, "a")], "a", false));
    store.enqueue(&[update(1, 3)]).unwrap();
    let batch = store.prepare(BatchLimits::default()).unwrap();
    drop(store);
    let mut store = SqliteStore::open(&path).unwrap();
    assert_eq!((held(&store), store.waiting().unwrap()), (vec![(1, 3)], 1));
    assert_eq!(store.prepare(BatchLimits { items: 1, bytes: 1 }).unwrap(), batch);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let rights = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((rights(&path), rights(&path.with_extension("sqlite-wal"))), (0o600, 0o600));
        for made in ["copies", "copies/of", "copies/of/the ward"] {
            assert_eq!(rights(&folder.path().join(made)), 0o700, "{made}");
        }
    }
}

#[test]
fn the_calls_of_a_session_can_be_spawned() {
    fn can_be_sent<T: Send>(_: T) {}
    let client = crate::Client::builder("http://127.0.0.1:1").build().unwrap();
    let mut session = SyncSession::new(client, MemoryStore::new());
    can_be_sent(session.push());
    can_be_sent(session.pull_until_current(|_| ()));
    can_be_sent(session.watch(|_| ()));
}
