//! What holds of every copy.

use super::fixtures::*;
use crate::sync::{CopyStore, Event, Filter, Pulled};
use crate::testing::{Reply, TestServer};
use cell_records_types::Uuid;
use cell_records_types::sync::ChangesPage;
use serde_json::json;

pub(super) async fn an_older_version_changes_nothing_and_a_snapshot_replaces<S: CopyStore>(mut store: S) {
    apply(&mut store, page(None, false, &[upsert(1, 5, "five"), upsert(2, 5, "five")], "a", false));
    apply(&mut store, page(None, false, &[upsert(1, 4, "four"), remove(2, 4)], "b", false));
    assert_eq!((name(&store, 1), name(&store, 2)), (Some("five".into()), Some("five".into())));
    apply(&mut store, page(None, false, &[upsert(1, 5, "five again"), remove(2, 5)], "c", false));
    assert_eq!((name(&store, 1), name(&store, 2)), (Some("five again".into()), None));
    let applied = apply(&mut store, page(Some(100), true, &[upsert(1, 2, "another epoch")], "d", true));
    assert_eq!((name(&store, 1), applied.events.len()), (Some("another epoch".into()), 1));
    let state = store.state().unwrap();
    assert_eq!((state.cursor.as_deref(), state.in_snapshot, state.current), (Some("d"), true, false));
    assert_eq!(store.counts().unwrap()["member"], 1);
}

pub(super) async fn a_page_of_another_cursor_is_not_applied<S: CopyStore>(mut store: S) {
    let before = store.state().unwrap();
    apply(&mut store, page(None, false, &[upsert(1, 2, "other process")], "a", false));
    let late: ChangesPage = serde_json::from_value(page(None, false, &[remove(1, 9)], "b", false)).unwrap();
    assert!(matches!(store.apply(&late, &before), Err(crate::Error::Store(_))));
    assert_eq!((held(&store), store.state().unwrap().cursor.as_deref()), (vec![(1, 2)], Some("a")));
}

pub(super) async fn a_cursor_that_is_gone_leads_to_a_snapshot_and_a_sweep<S: CopyStore>(mut store: S) {
    apply(&mut store, page(None, false, &[upsert(1, 7, "old"), upsert(2, 1, "gone")], "old", false));
    let server = TestServer::start(|_, seen| match seen.line.split("cursor=").nth(1) {
        None => Reply::json(snapshot(100, &[upsert(1, 3, "new")], "new")),
        Some(cursor) if cursor.starts_with("old") => Reply::problem(410, "cursor_gone"),
        Some(_) => Reply::json(page(None, false, &[], "end", false)),
    });
    let mut session = session(&server, store);
    let mut pages = Vec::new();
    let total = session.pull_until_current(|page| pages.push(*page)).await.unwrap();
    assert_eq!((total.restarted, total.swept, total.current, pages.len()), (true, 1, true, 3));
    assert!(pages[0] == Pulled { restarted: true, ..Pulled::default() });
    assert_eq!((held(session.store()), name(session.store(), 1)), (vec![(1, 3)], Some("new".into())));
    assert_eq!(session.store().state().unwrap().cursor.as_deref(), Some("end"));
}

pub(super) async fn own_writes_that_the_copy_lacks_are_fetched<S: CopyStore>(mut store: S) {
    let before = [
        upsert(1, 2, "known"),
        upsert(2, 1, "behind"),
        upsert(3, 1, "deleted"),
        upsert(4, 1, "hidden"),
        upsert(6, 1, "hidden"),
    ];
    apply(&mut store, page(None, false, &before, "a", false));
    let server = TestServer::start(|_, seen| {
        let last = seen.line.rsplit('/').next().unwrap();
        match Uuid::try_parse(last) {
            Ok(asked) if asked == id(3) => Reply::problem(410, "gone"),
            Ok(asked) if asked == id(4) => Reply::problem(404, "not_found"),
            Ok(asked) if asked == id(6) => Reply::problem(403, "type_not_readable"),
            Ok(asked) => Reply::json(record(asked.as_u128() - id(0).as_u128(), 9, "fetched")),
            Err(_) => {
                let own = [own(1, 2), own(2, 2), own(3, 2), own(4, 2), own(5, 1), own(6, 2)];
                Reply::json(page(None, false, &own, "b", false))
            }
        }
    });
    let mut session = session(&server, store);
    session.pull_once().await.unwrap();
    assert_eq!(held(session.store()), [(1, 2), (2, 9), (5, 9)]);
    assert_eq!(name(session.store(), 2).as_deref(), Some("fetched"));
    let mut lines = server.lines();
    assert!(lines.remove(0).contains("own=brief"));
    lines.sort();
    assert_eq!(lines, [2, 3, 4, 5, 6].map(|number| format!("GET /v1/members/{}", id(number))));
}

pub(super) async fn another_filter_begins_anew<S: CopyStore>(mut store: S) {
    apply(&mut store, page(None, false, &[upsert(1, 1, "a")], "a", false));
    let server = TestServer::start(|_, _| Reply::json(snapshot(100, &[], "b")));
    let filter = Filter { types: vec!["unit".into(), "term".into()], units: vec!["ext:demo:ward".into()] };
    let mut session = session(&server, store).with_filter(filter);
    session.pull_once().await.unwrap();
    session.pull_once().await.unwrap();
    let lines = server.lines();
    assert!(lines[0].contains("types=unit%2Cterm&units=ext%3Ademo%3Award") && !lines[0].contains("cursor"));
    assert!(lines[1].contains("cursor=b") && !lines[1].contains("types"));
    assert_eq!(held(session.store()), []);
    assert_eq!(session.store().state().unwrap().server, server.url());
}

pub(super) async fn a_unit_that_is_no_longer_found_empties_the_copy<S: CopyStore>(mut store: S) {
    let filter = Filter { units: vec!["ext:demo:ward".into()], ..Filter::default() };
    store.restart(&filter).unwrap();
    apply(&mut store, snapshot(100, &[upsert(1, 1, "a"), upsert(2, 1, "b")], "old"));
    let server = TestServer::start(|_, seen| {
        if seen.line.contains("cursor=old") {
            return Reply::problem(410, "cursor_gone");
        }
        if seen.line.contains("cursor=") {
            return Reply::json(page(None, false, &[], "end", false));
        }
        assert!(seen.line.contains("units=ext%3Ademo%3Award"), "{}", seen.line);
        let mut empty = snapshot(101, &[], "new");
        empty["unknown_units"] = json!(["ext:demo:ward"]);
        Reply::json(empty)
    });
    let mut session = session(&server, store).with_filter(filter);
    let total = session.pull_until_current(|_| ()).await.unwrap();
    assert_eq!((held(session.store()), total.swept, total.current), (vec![], 2, true));
    let state = session.store().state().unwrap();
    assert_eq!((state.unknown_units, state.cursor.as_deref()), (vec!["ext:demo:ward".to_owned()], Some("end")));
}

pub(super) async fn what_a_page_did_is_told_record_by_record<S: CopyStore>(mut store: S) {
    let kind = || "member".to_owned();
    let first = [upsert(1, 1, "a"), upsert(2, 1, "b"), upsert(3, 1, "c")];
    let applied = apply(&mut store, page(None, false, &first, "a", false));
    let upserted = |number, version| Event::Upserted { kind: kind(), id: id(number), version };
    assert_eq!(applied.events, [upserted(1, 1), upserted(2, 1), upserted(3, 1)]);
    // An older version is no event, an own write that the copy holds is one, and so is what is let go.
    let then = [upsert(1, 0, "older"), own(2, 1), remove(3, 2), remove(4, 1)];
    let applied = apply(&mut store, page(None, false, &then, "b", false));
    assert_eq!(applied.events, [upserted(2, 1), Event::Removed { kind: kind(), id: id(3), version: 2 }]);
    let applied = apply(&mut store, snapshot(100, &[upsert(1, 5, "e")], "c"));
    assert_eq!(applied.events, [upserted(1, 5), Event::Swept { kind: kind(), id: id(2), version: 1 }]);
}
