//! What holds of every outbox: items that refer to one another, and items that were refused.

use super::fixtures::*;
use crate::sync::{Outbox, Take};
use crate::testing::{Reply, TestServer};
use cell_records_types::sync::ItemStatus;
use serde_json::{Value, json};

pub(super) async fn what_refers_to_a_refused_item_goes_again_together_with_it<S: Outbox>(store: S) {
    let server = TestServer::start(|number, seen| match number {
        0 => answer(seen, |item| match item {
            1 => "invalid",
            2 => "blocked",
            _ => "updated",
        }),
        _ => answer(seen, |_| "updated"),
    });
    let mut session = session(&server, store);
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
    assert_eq!(numbers(&server.requests()[0].json()), [1, 2, 3, 4]);

    let number = session.store().refused().unwrap()[0].number;
    let mut corrected = create(1, "anything", &[]);
    corrected.fields.insert("full_name".into(), json!("corrected"));
    session.store_mut().retry(number, &corrected).unwrap();
    assert_eq!((session.store().refused().unwrap().len(), session.store().waiting().unwrap()), (0, 2));
    let again = session.push().await.unwrap();
    assert_eq!((again.accepted, again.waiting), (2, 0));
    let body = server.requests()[1].json();
    assert_eq!((numbers(&body), &body["items"][0]["ref"]), (vec![1, 2], &json!("parent")));
    assert_eq!(body["items"][1]["fields"]["list"][0]["to"], "ref:parent");
    assert!(matches!(session.store_mut().retry(number, &corrected), Err(crate::Error::Refused(_))));
}

pub(super) async fn a_name_becomes_a_reference_once_its_item_is_accepted<S: Outbox>(store: S) {
    // Large batches are refused, so that named and referring items part.
    let server = TestServer::start(|_, seen| {
        let items = numbers(&seen.json());
        let refused = items == [5];
        if items.len() > 1 {
            Reply::problem(413, "too_large")
        } else {
            answer(seen, |_| if refused { "invalid" } else { "updated" })
        }
    });
    let mut session = session(&server, store);
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
    let bodies: Vec<Value> = server.requests().iter().map(|seen| seen.json()).collect();
    let second = bodies.iter().find(|body| numbers(body) == [2]).unwrap();
    assert_eq!(second["items"][0]["fields"]["list"][0]["to"], json!(id(1)));
    // What refers to a refused item is not sent without it.
    assert!(!bodies.iter().any(|body| numbers(body) == [6] || numbers(body) == [7]));
    let statuses: Vec<_> = refused(session.store()).into_iter().map(|(_, status)| status).collect();
    assert_eq!(statuses, [ItemStatus::Invalid, ItemStatus::Blocked, ItemStatus::Blocked]);
}

pub(super) async fn names_of_two_calls_never_share_a_batch<S: Outbox>(mut store: S) {
    store.enqueue(&[update(8, 1)]).unwrap();
    store.enqueue(&[update(9, 1)]).unwrap();
    store.enqueue(&[create(1, "a", &[]), create(2, "b", &["a"])]).unwrap();
    store.enqueue(&[create(3, "a", &[]), create(4, "b", &["a"])]).unwrap();
    let server = TestServer::start(|_, seen| answer(seen, |_| "updated"));
    let pushed = session(&server, store).push().await.unwrap();
    assert_eq!((pushed.accepted, pushed.batches), (6, 3));
    let sent: Vec<_> = server.requests().iter().map(|seen| numbers(&seen.json())).collect();
    assert_eq!(sent, [vec![8, 9], vec![1, 2], vec![3, 4]]);
}

pub(super) async fn a_refused_item_is_dropped_or_sent_again_upon_the_servers_version<S: Outbox>(mut store: S) {
    apply(&mut store, page(None, false, &[upsert(1, 1, "a"), upsert(2, 1, "b")], "a", false));
    let conflict = |index: usize, reason: &str| {
        json!({"index": index, "id": id(index as u128 + 1), "status": "conflict",
               "conflict": {"reason": reason, "current_version": 7}})
    };
    let first = json!({"applied": true, "summary": {}, "items": [
        conflict(0, "version"), conflict(1, "version"), conflict(2, "deleted"), {"index": 3, "status": "blocked"},
    ]});
    let server = TestServer::start(move |number, seen| match number {
        0 => Reply::new(207, first.clone()),
        _ => answer(seen, |_| "updated"),
    });
    let mut session = session(&server, store);
    session.enqueue(&[update(1, 1), update(2, 1), update(3, 1), update(4, 1)]).unwrap();
    session.push().await.unwrap();
    let numbered: Vec<i64> = session.store().refused().unwrap().iter().map(|refused| refused.number).collect();
    let store = session.store_mut();
    // The server's record stays, and nothing is sent.
    store.resolve(numbered[0], Take::Current).unwrap();
    assert_eq!((store.waiting().unwrap(), name(store, 1).as_deref()), (0, Some("a")));
    store.resolve(numbered[1], Take::Mine).unwrap();
    // What cannot be sent again stays, and so does what is not there.
    for number in [numbered[0], numbered[2], numbered[3]] {
        assert!(matches!(store.resolve(number, Take::Mine), Err(crate::Error::Refused(_))));
    }
    assert_eq!((store.refused().unwrap().len(), store.waiting().unwrap()), (2, 1));
    assert_eq!(session.push().await.unwrap().accepted, 1);
    let sent = server.requests()[1].json();
    assert_eq!((numbers(&sent), &sent["items"][0]["if_version"]), (vec![2], &json!(7)));
    assert_eq!(name(session.store(), 2).as_deref(), Some("pushed"));
}

pub(super) async fn a_conflict_of_no_known_version_is_sent_again_upon_a_newer_one<S: Outbox>(mut store: S) {
    apply(&mut store, page(None, false, &[upsert(1, 1, "a")], "a", false));
    let first = json!({"applied": true, "summary": {}, "items": [
        {"index": 0, "id": id(1), "status": "conflict", "conflict": {"reason": "version"}},
    ]});
    let server = TestServer::start(move |number, seen| match number {
        0 => Reply::new(207, first.clone()),
        _ => answer(seen, |_| "updated"),
    });
    let mut session = session(&server, store);
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
    assert_eq!(server.requests()[1].json()["items"][0]["if_version"], 2);
}
