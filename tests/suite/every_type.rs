//! Every record type of the registry through push and back from the tail: made, changed, moved where it can move, deleted,
//! restored. A new type is in it by itself.

use crate::support::copies::{Puller, held};
use crate::support::items::{delete, item, update};
use crate::support::on_both_engines;
use crate::support::ward::{ROOT, WRITERS, change, changes, stays};
use cell_records_client::Client;
use cell_records_client::feed::ChangesQuery;
use cell_records_client::sync::CopyStore;
use cell_records_client::types::Reference;
use cell_records_client::types::sync::{Change, ItemResult, ItemStatus, PushBatch, PushItem, PushOp, RemoveReason};
use cell_records_server::store::registry::{KINDS, Kind};
use serde_json::json;
use uuid::Uuid;

async fn write(writer: &Client, item: PushItem) -> ItemResult {
    let mut answer = writer.push(&PushBatch::new(vec![item]), &Uuid::new_v4().to_string()).await.unwrap();
    answer.items.remove(0)
}

/// The change of a record that waits for a copy, if there is one; the copy then takes in what waits.
async fn next(puller: &mut Puller, kind: &Kind, record: Uuid) -> Option<Change> {
    let cursor = puller.store.state().unwrap().cursor;
    let page = puller.client.changes(&ChangesQuery { cursor, ..ChangesQuery::default() }).await.unwrap();
    puller.drain().await;
    page.changes.into_iter().find(|change| match change {
        Change::Upsert { kind: name, id, .. } | Change::Remove { kind: name, id, .. } => {
            name == kind.name && *id == record
        }
        _ => false,
    })
}

fn version(change: Option<Change>) -> Option<i64> {
    match change? {
        Change::Upsert { version, .. } => Some(version),
        other => panic!("{other:?}"),
    }
}

fn removal(change: Option<Change>) -> Option<(i64, RemoveReason)> {
    match change? {
        Change::Remove { version, reason, .. } => Some((version, reason)),
        other => panic!("{other:?}"),
    }
}

on_both_engines! {
    async fn every_type_is_pushed_and_comes_back_from_the_tail(server: empty) {
        let ward = server.ward().await;
        let id = |text: &str| Uuid::try_parse(text).unwrap();
        let writers = |unit: &str| WRITERS.map(|role| (role, id(unit).into()));
        let writer = server.user("writer", &writers(ROOT)).await.1;
        let mut pullers = Vec::new();
        for (name, unit) in [("of-ward", &ward.ward), ("of-a", &ward.a), ("of-b", &ward.b)] {
            pullers.push(Puller::new(server.user(name, &writers(unit)).await.1));
        }
        for kind in &KINDS {
            let what = kind.name;
            let body = ward.body(kind, &ward.a).await;
            for puller in &mut pullers {
                puller.drain().await;
            }
            let [whole, a, b] = &mut pullers[..] else { panic!() };
            let record = Uuid::now_v7();
            let made = write(&writer, item(PushOp::Create, what, record, body)).await;
            assert_eq!((&made.status, made.version), (&ItemStatus::Created, Some(1)), "{what}: {made:?}");
            assert_eq!(version(next(a, kind, record).await), Some(1), "{what}");
            assert_eq!(version(next(whole, kind, record).await), Some(1), "{what}");
            assert_eq!(next(b, kind, record).await, None, "{what}");

            let mut now = 1;
            if changes(kind) {
                let (field, value) = change(kind);
                let changed = write(&writer, update(what, record, 1, json!({field: value}))).await;
                assert_eq!((&changed.status, changed.version), (&ItemStatus::Updated, Some(2)), "{what}: {changed:?}");
                assert_eq!(version(next(a, kind, record).await), Some(2), "{what}");
                assert_eq!(held(&a.store)[&(what, record)][field], value, "{what}");
                now = 2;
            }

            // A unit moves by its parent, which ends the cursors on the border; what is readable from below never moves.
            let home = if what == "unit" { "parent_id" } else { "unit_id" };
            let moved = write(&writer, update(what, record, now, json!({home: ward.b}))).await;
            if stays(kind) {
                let code = moved.errors[0].code.as_str();
                assert_eq!((&moved.status, code), (&ItemStatus::Invalid, "unit_fixed"), "{what}");
                assert_eq!(next(a, kind, record).await, None, "{what}");
            } else {
                now += 1;
                assert_eq!((&moved.status, moved.version), (&ItemStatus::Updated, Some(now)), "{what}: {moved:?}");
                if what != "unit" {
                    assert_eq!(removal(next(a, kind, record).await), Some((now, RemoveReason::OutOfScope)), "{what}");
                    assert_eq!(version(next(b, kind, record).await), Some(now), "{what}");
                }
                a.drain().await;
                b.drain().await;
                assert_eq!(a.store.version(what, record).unwrap(), None, "{what}");
                assert_eq!(b.store.version(what, record).unwrap(), Some(now), "{what}");
                assert_eq!(version(next(whole, kind, record).await), Some(now), "{what}");
            }
            let home = if stays(kind) { a } else { b };

            let gone = write(&writer, delete(what, record, now)).await;
            assert_eq!((&gone.status, gone.version), (&ItemStatus::Deleted, Some(now + 1)), "{what}: {gone:?}");
            assert_eq!(removal(next(home, kind, record).await), Some((now + 1, RemoveReason::Deleted)), "{what}");
            let back = write(&writer, item(PushOp::Restore, what, record, json!({}))).await;
            assert_eq!((&back.status, back.version), (&ItemStatus::Restored, Some(now + 2)), "{what}: {back:?}");
            assert_eq!(back.id.map(Reference::Id), Some(Reference::Id(record)), "{what}");
            assert_eq!(version(next(home, kind, record).await), Some(now + 2), "{what}");
            for puller in &mut pullers {
                puller.assert_equal(what).await;
            }
        }
    }
}
