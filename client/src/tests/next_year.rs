//! A server of next year: everything that it may add without a new version of the protocol, it adds.

use crate::sync::conformance::fixtures::{held, id, record, session, update};
use crate::sync::{CopyStore, MemoryStore, Outbox, SqliteStore};
use crate::testing::{Reply, TestServer};
use crate::types::accounts::{CallerKind, Role};
use crate::types::pages::ListQuery;
use crate::types::sync::{ConflictReason, ItemStatus};
use crate::types::{Member, MemberStatus, Sex, StayVia};
use futures_util::TryStreamExt;
use serde_json::{Value, json};

async fn pull_and_push<S: Outbox>(store: S) {
    let server = TestServer::start(|number, seen| match (number, seen.line.starts_with("POST")) {
        (0, _) => Reply::json(page(
            "rehearsal",
            "a",
            json!([
                {"op": "upsert", "type": "member", "id": id(1), "version": 1, "unit_id": id(0), "seal": {"by": "x"},
                 "changed_at": "2027-01-01T00:00:00Z", "record": record(1, 1, "a"),
                 "origin": {"system": "city", "event": "e", "hops": 2}},
                {"op": "upsert", "type": "oath", "id": id(2), "version": 1, "unit_id": id(0), "record": {"id": id(2)},
                 "changed_at": "2027-01-01T00:00:00Z"},
                {"op": "merge", "type": "member", "id": [id(1), id(3)], "version": "1.2", "record": null},
            ]),
        )),
        (1, _) => Reply::json(page(
            "changes",
            "b",
            json!([
                {"op": "remove", "type": "oath", "id": id(2), "version": 2, "reason": "sealed"},
            ]),
        )),
        (_, true) => Reply::new(
            207,
            json!({
                "applied": true, "summary": {"queued": 1, "conflict": 1}, "ticket": 7, "items": [
                    {"index": 0, "status": "queued", "id": id(1), "ticket": {"number": 7}},
                    {"index": 1, "status": "conflict", "id": id(4), "errors": [{"pointer": "", "code": "x", "message": "y", "hint": 1}],
                     "conflict": {"reason": "quorum", "current_version": 3, "votes": 2,
                                  "fields": [{"field": "a", "current": 1, "incoming": 2, "base": 0}]}},
                ],
            }),
        ),
        _ => Reply::json(page("changes", "c", json!([]))),
    });
    let mut session = session(&server, store);
    let first = session.pull_once().await.unwrap();
    assert_eq!((first.changes, first.stored), (3, 2));
    assert_eq!(held(session.store()), [(1, 1)]);
    let removed = session.pull_once().await.unwrap();
    assert_eq!((removed.removed, session.store().state().unwrap().cursor.as_deref()), (1, Some("b")));

    session.enqueue(&[update(1, 1), update(4, 1)]).unwrap();
    let pushed = session.push().await.unwrap();
    // Nothing waits forever, nothing is dropped unseen.
    assert_eq!((pushed.accepted, pushed.conflicts, pushed.invalid, pushed.waiting), (0, 2, 0, 0));
    let refused = session.store().refused().unwrap();
    assert_eq!(refused[0].result.status, ItemStatus::Unknown("queued".into()));
    let reason = refused[1].result.conflict.as_ref().map(|conflict| conflict.reason.clone());
    assert_eq!(reason, Some(ConflictReason::Unknown("quorum".into())));
    assert!(refused.iter().all(|refused| refused.is_conflict()));
    assert!(session.pull_once().await.unwrap().current);
}

fn page(phase: &str, cursor: &str, changes: Value) -> Value {
    json!({"phase": phase, "changes": changes, "cursor": cursor, "has_more": false, "epoch": "e1", "schema": "2027-11",
           "scope_rev": "s", "server_time": "2027-01-01T00:00:00Z", "digest": {"sum": 1}})
}

#[tokio::test]
async fn pull_and_push_go_on_with_a_server_that_says_more() {
    pull_and_push(MemoryStore::new()).await;
    let folder = tempfile::tempdir().unwrap();
    pull_and_push(SqliteStore::open(&folder.path().join("copy.sqlite")).unwrap()).await;
}

#[tokio::test]
async fn a_known_change_with_a_fault_in_it_is_not_passed_over() {
    for fault in [
        json!({"op": "upsert", "type": "member", "id": id(1), "version": 1, "unit_id": id(0), "changed_at": "2027-01-01T00:00:00Z"}),
        json!({"op": "remove", "type": "member", "id": "no id", "version": 1, "reason": "deleted"}),
        json!({"type": "member"}),
    ] {
        let server = TestServer::start(move |_, _| Reply::json(page("changes", "a", json!([fault]))));
        let mut session = session(&server, MemoryStore::new());
        let error = session.pull_once().await.unwrap_err();
        assert!(matches!(error, crate::Error::Decode(_)), "{error}");
        assert_eq!(session.store().state().unwrap().cursor, None);
    }
}

#[tokio::test]
async fn typed_lists_and_accounts_read_what_a_newer_server_adds() {
    let server = TestServer::start(|_, seen| match seen.line.as_str() {
        line if line.starts_with("GET /v1/members") => Reply::json(json!({"pages": 1, "items": [{
            "id": id(1), "type": "member", "version": 1, "unit_id": id(0), "created_at": "2027-01-01T00:00:00Z",
            "updated_at": "2027-01-01T00:00:00Z", "full_name": "A", "sex": "withheld", "birth_date": "1970",
            "admission_date": "1990-01-01", "status": "on_leave", "blood_group": {"abo": "A"},
            "external_ids": [{"system": "city", "value": "1", "since": "2027-01-01"}],
            "card_numbers": [{"number": "12345678", "kind": "chip", "chip": {"serial": 1}}],
            "unit_history": [{"unit_id": id(0), "from": "1990-01-01", "to": "1991-01-01", "via": "merger", "note": "x"}],
        }]})),
        "GET /v1/me" => Reply::json(json!({
            "id": id(1), "kind": "device", "name": "n", "display_name": "n", "unit_id": id(0), "serial": 7,
            "grants": [{"id": id(2), "role": "archivist", "unit_id": id(0), "from": "2027-01-01T00:00:00Z", "why": 1}],
        })),
        _ => Reply::json(json!({"items": [{"role": "archivist", "label_vi": "", "label_en": "", "scope": 1,
                                  "types": [{"type": "oath", "reads": "secret", "writes": "secret", "signs": true}]}]})),
    });
    let client = server.client().build().unwrap();
    let members: Vec<Member> = client.records().stream(ListQuery::default()).try_collect().await.unwrap();
    let [member] = members.as_slice() else { panic!("one member") };
    assert_eq!(
        (&member.sex, &member.status),
        (&Sex::Unknown("withheld".into()), &Some(MemberStatus::Unknown("on_leave".into())))
    );
    assert_eq!(member.unit_history.as_ref().unwrap()[0].via, StayVia::Unknown("merger".into()));
    assert_eq!(&*member.card_numbers.as_ref().unwrap()[0].number, "12345678");
    // What is not known goes back as it came.
    assert_eq!(serde_json::to_value(&member.sex).unwrap(), "withheld");

    let me = client.get_me().await.unwrap();
    assert_eq!(
        (me.kind, &me.grants[0].role),
        (CallerKind::Unknown("device".into()), &Role::Unknown("archivist".into()))
    );
    assert_eq!(client.roles().await.unwrap().items[0].types[0].reads, "secret");
}

#[tokio::test]
async fn an_own_write_of_an_unknown_type_is_fetched_from_where_the_server_says() {
    let server = TestServer::start(|_, seen| match seen.line.split('?').next().unwrap() {
        "GET /v1/sync/changes" => {
            Reply::json(page("changes", "a", json!([{"op": "own", "type": "city", "id": id(1), "version": 1}])))
        }
        "GET /v1/record_types" => Reply::json(json!({"items": [{"name": "city", "collection": "/v1/cities"}]})),
        line if line == format!("GET /v1/cities/{}", id(1)) => Reply::json(record(1, 1, "a")),
        _ => Reply::problem(404, "not_found"),
    });
    let mut session = session(&server, MemoryStore::new());
    assert_eq!(session.pull_once().await.unwrap().stored, 1);
    assert_eq!(session.store().version("city", id(1)).unwrap(), Some(1));
}
