//! The sync engine: its stores, and what it does besides them.

use crate::sync::conformance::{self, fixtures::*};
use crate::sync::{BatchLimits, Effect, Event, MemoryStore, Outbox, Outcome, SqliteStore, SyncSession};
use crate::testing::{Fault, Reply, TestServer};
use futures_util::{StreamExt, TryStreamExt};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::sync::Mutex;

#[tokio::test]
async fn the_copy_in_memory_is_a_store() {
    conformance::copy_store(MemoryStore::new).await;
    conformance::outbox(MemoryStore::new).await;
}

#[tokio::test]
async fn the_copy_in_a_file_is_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let mut made = 0;
    let mut make = || {
        made += 1;
        SqliteStore::open(&folder.path().join(format!("{made}.sqlite"))).unwrap()
    };
    conformance::copy_store(&mut make).await;
    conformance::outbox(&mut make).await;
}

#[tokio::test]
async fn a_session_tells_what_changed_and_once_that_the_copy_is_current() {
    let pages = [
        snapshot(100, &[upsert(1, 1, "a"), upsert(2, 1, "b")], "a"),
        page(None, false, &[], "b", false),
        page(None, false, &[], "c", false),
        page(None, false, &[remove(2, 2)], "d", false),
    ];
    let server =
        TestServer::start(move |number, _| pages.get(number).cloned().map_or_else(Reply::nothing, Reply::json));
    let mut session = session(&server, MemoryStore::new());
    let kind = || "member".to_owned();
    let upserted = |number| Event::Upserted { kind: kind(), id: id(number), version: 1 };
    {
        let first: Vec<Event> = session.events().take(3).try_collect().await.unwrap();
        assert_eq!(first, [upserted(1), upserted(2), Event::Current]);
    }
    // Another stream says again where it stands, and goes on.
    let removed = Event::Removed { kind: kind(), id: id(2), version: 2 };
    let then: Vec<Event> = session.events().take(3).try_collect().await.unwrap();
    assert_eq!(then, [Event::Current, removed, Event::Current]);
    server.fault(Fault::Reply(Reply::problem(410, "cursor_gone")));
    let restarted: Vec<Event> = session.events().take(1).try_collect().await.unwrap();
    assert_eq!(restarted, [Event::Restarted]);
}

#[tokio::test]
async fn only_what_differs_before_and_after_a_change_of_the_server_counts() {
    let changed = |changes: &[serde_json::Value], cursor| page(None, false, changes, cursor, false);
    let [lists, pulls] = [
        // The server has 2 in a version that its feed does not bring to the copy.
        [
            snapshot(9, &[upsert(1, 1, "a"), upsert(2, 2, "b"), upsert(3, 1, "c"), upsert(4, 1, "d")], "l1"),
            changed(&[], "l2"),
            changed(&[upsert(3, 2, "c")], "l3"),
        ],
        // 3 changes after the first list, 4 after the second.
        [changed(&[], "p1"), changed(&[upsert(3, 2, "c")], "p2"), changed(&[upsert(4, 2, "d")], "p3")],
    ]
    .map(|pages| Mutex::new(pages.into_iter()));
    let server = TestServer::start(move |_, seen| {
        let is_pull = seen.line.contains("cursor=p");
        Reply::json(if is_pull { &pulls } else { &lists }.lock().unwrap().next().unwrap())
    });
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(&folder.path().join("copy.sqlite")).unwrap();
    let all = [upsert(1, 1, "a"), upsert(2, 1, "b"), upsert(3, 1, "c"), upsert(4, 1, "d")];
    apply(&mut store, page(None, false, &all, "p0", false));
    let mut session = session(&server, store);
    let found = session.compare(|_| ()).await.unwrap();
    let versions: Vec<_> = found.differences.iter().map(|one| (one.id, one.held, one.current)).collect();
    assert_eq!(versions, [(id(2), Some(1), Some(2))]);
    assert_eq!((found.types["member"].differing, found.units[&id(0)].differing), (1, 1));
    assert_eq!(held(session.store()), [(1, 1), (2, 1), (3, 2), (4, 2)]);
    assert_eq!(server.lines().len(), 6);
}

#[tokio::test]
async fn watching_waits_out_what_passes_and_asks_to_wait_only_when_current() {
    let answers = Mutex::new(vec![
        Reply::problem(403, "cursor_foreign"),
        Reply::json(page(None, false, &[upsert(2, 1, "b")], "d", false)),
        Reply::json(page(None, false, &[], "c", false)),
        Reply::nothing(),
        Reply::json(page(None, false, &[], "b", false)),
        Reply::json(snapshot(100, &[upsert(1, 1, "a")], "a")),
    ]);
    let server = TestServer::start(move |_, _| answers.lock().unwrap().pop().unwrap());
    let mut session = session(&server, MemoryStore::new());
    let mut seen = Vec::new();
    let error = session.watch(|page| seen.push(page.stored)).await.unwrap_err();
    assert_eq!((error.code(), seen), (Some("cursor_foreign"), vec![1, 1]));
    let waited: Vec<bool> = server.lines().iter().map(|line| line.contains("wait=")).collect();
    assert_eq!(waited, [false, false, true, true, true, true]);
    assert!(!server.pauses().is_empty());
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
    let server = TestServer::start(|_, seen| answer(seen, |_| "updated"));
    let mut first = session(&server, first);
    assert_eq!(first.push().await.unwrap().accepted, 2);
    assert_eq!(held(&second), []);
    // The second one had sent the same batch.
    let outcomes = [Outcome::Done(Effect::Nothing), Outcome::Done(Effect::Nothing)];
    assert_eq!(second.settle(&batch.key, &outcomes).unwrap(), None);
    assert_eq!(session(&server, second).push().await.unwrap().batches, 0);
    let keys: BTreeSet<String> =
        server.requests().iter().map(|seen| seen.header("idempotency-key").to_owned()).collect();
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
    builder.clock.pause = std::sync::Arc::new(|_| panic!("it tries again"));
    let mut session = crate::sync::SyncSession::new(builder.build().unwrap(), MemoryStore::new());
    let error = session.watch(|_| ()).await.unwrap_err();
    assert!(matches!(error, crate::Error::Network(_)) && !error.is_retryable(), "{error}");
}

#[test]
fn each_type_has_a_view_with_its_fields() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy.sqlite");
    let mut store = SqliteStore::open(&path).unwrap();
    let mut change = upsert(1, 3, "Lý Thị Lan");
    change["record"]["status"] = "official".into();
    apply(&mut store, page(None, false, &[change], "a", false));
    let db = rusqlite::Connection::open(&path).unwrap();
    let read = "SELECT full_name, version, religion FROM members WHERE status = 'official'";
    let row = |row: &rusqlite::Row| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let found: (String, i64, Option<String>) = db.query_row(read, [], row).unwrap();
    assert_eq!(found, ("Lý Thị Lan".to_owned(), 3, None));
    for one in crate::types::RECORD_TYPES {
        let count: i64 = db.query_row(&format!("SELECT count(*) FROM {}", one.plural), [], |row| row.get(0)).unwrap();
        assert_eq!(count, i64::from(one.name == "member"));
    }
    // What another version made is made anew.
    db.execute_batch("DROP VIEW members; CREATE VIEW members AS SELECT 1 AS one").unwrap();
    drop(SqliteStore::open(&path).unwrap());
    assert!(db.query_row(read, [], row).is_ok());
}
