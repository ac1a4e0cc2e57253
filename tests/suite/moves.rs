//! Records that move between units: they leave one copy and enter another, whatever happens between two pulls.

use crate::support::actors::demo;
use crate::support::copies::{Puller, held};
use crate::support::items::{delete, item, member, update};
use crate::support::peers::Peer;
use crate::support::{Server, on_both_engines};
use cell_records_client::feed::ChangesQuery;
use cell_records_client::sync::CopyStore;
use cell_records_client::types::accounts::Role;
use cell_records_client::types::sync::{Change, PushOp, RemoveReason};
use serde_json::json;
use std::collections::BTreeSet;
use uuid::Uuid;

/// A system of one cell, with a copy that is current.
async fn of_cell(server: &Server, number: u32) -> Puller {
    let cell = format!("cell-{number:02}");
    let peer = server.peer(&cell, &[(Role::ExchangePeer, demo(&cell))]).await;
    let mut puller = Puller::new(peer.client);
    puller.drain().await;
    puller
}

/// The changes that wait for a copy. They are not applied.
async fn next(puller: &Puller) -> Vec<Change> {
    let cursor = puller.store.state().unwrap().cursor;
    puller.client.changes(&ChangesQuery { cursor, ..ChangesQuery::default() }).await.unwrap().changes
}

async fn mover(server: &Server) -> Peer {
    server.peer("city", &[(Role::ExchangePeer, demo("ward"))]).await
}

fn to(id: Uuid, version: i64, cell: u32) -> cell_records_client::types::sync::PushItem {
    update("member", id, version, json!({"unit_id": format!("ext:demo:cell-{cell:02}")}))
}

on_both_engines! {
    async fn a_system_of_one_cell_sees_that_cell_and_what_holds_for_it_from_above(server: demo) {
        let mut puller = of_cell(server, 1).await;
        puller.assert_equal("the cell's copy").await;
        let records = held(&puller.store);
        // The cell, ward, city, province and centre.
        assert_eq!((puller.count("unit"), puller.count("member")), (5, 62));
        let cell = records
            .iter()
            .find(|((kind, _), record)| *kind == "unit" && record["external_ids"][0]["value"] == "cell-01")
            .map(|((_, id), _)| id.to_string())
            .unwrap();
        let from_above: BTreeSet<&str> = records
            .iter()
            .filter(|(_, record)| record["unit_id"] != cell.as_str())
            .map(|((kind, _), _)| *kind)
            .collect();
        assert_eq!(from_above, ["course", "evaluation_round", "evaluation_scheme", "unit"].into());
    }

    async fn a_member_moved_away_is_removed_as_out_of_scope_with_the_version_that_took_it(server: demo) {
        let city = mover(server).await;
        let id = Uuid::now_v7();
        city.write(vec![member(id, "ext:demo:cell-01", "Đoàn Văn An")]).await;
        let (mut from, mut into) = (of_cell(server, 1).await, of_cell(server, 2).await);
        let mut other = of_cell(server, 3).await;
        city.write(vec![to(id, 1, 2)]).await;
        let gone = Change::Remove { kind: "member".into(), id, version: 2, reason: RemoveReason::OutOfScope };
        assert_eq!(next(&from).await, [gone]);
        assert!(matches!(&next(&into).await[..], [Change::Upsert { version: 2, .. }]));
        assert_eq!(next(&other).await, []);
        // What becomes of it elsewhere is not shown.
        city.write(vec![delete("member", id, 2)]).await;
        let gone = Change::Remove { kind: "member".into(), id, version: 2, reason: RemoveReason::OutOfScope };
        assert_eq!(next(&from).await, [gone]);
        let deleted = Change::Remove { kind: "member".into(), id, version: 3, reason: RemoveReason::Deleted };
        assert_eq!(next(&into).await, [deleted]);
        for puller in [&mut from, &mut into, &mut other] {
            puller.assert_equal("a cell's copy").await;
            assert!(puller.gone.is_empty());
        }
    }

    async fn a_member_moved_twice_between_two_pulls_leaves_the_first_cell(server: demo) {
        let city = mover(server).await;
        let id = Uuid::now_v7();
        city.write(vec![member(id, "ext:demo:cell-01", "Đoàn Văn Bình")]).await;
        let (mut a, mut b, mut c) = (of_cell(server, 1).await, of_cell(server, 2).await, of_cell(server, 3).await);
        city.write(vec![to(id, 1, 2)]).await;
        city.write(vec![to(id, 2, 3)]).await;
        assert!(matches!(&next(&a).await[..], [Change::Remove { version: 2, reason: RemoveReason::OutOfScope, .. }]));
        assert!(matches!(&next(&b).await[..], [Change::Remove { version: 3, reason: RemoveReason::OutOfScope, .. }]));
        assert!(matches!(&next(&c).await[..], [Change::Upsert { version: 3, .. }]));
        for puller in [&mut a, &mut b, &mut c] {
            puller.assert_equal("a cell's copy").await;
        }
        // In one batch too, and back again.
        city.write(vec![to(id, 3, 1), to(id, 4, 2), to(id, 5, 3), to(id, 6, 1)]).await;
        assert!(matches!(&next(&a).await[..], [Change::Upsert { version: 7, .. }]));
        assert!(matches!(&next(&b).await[..], [Change::Remove { version: 6, .. }]));
        for puller in [&mut a, &mut b, &mut c] {
            puller.assert_equal("a cell's copy after the way back").await;
            assert!(puller.gone.is_empty());
        }
    }

    async fn a_member_that_is_deleted_moved_and_restored_is_in_one_copy(server: demo) {
        let city = mover(server).await;
        let id = Uuid::now_v7();
        city.write(vec![member(id, "ext:demo:cell-01", "Đoàn Văn Cảnh")]).await;
        let (mut a, mut b) = (of_cell(server, 1).await, of_cell(server, 2).await);
        city.write(vec![delete("member", id, 1)]).await;
        a.assert_equal("after the deletion").await;
        city.write(vec![item(PushOp::Restore, "member", id, json!({}))]).await;
        a.assert_equal("after the restore").await;
        city.write(vec![to(id, 3, 2)]).await;
        for puller in [&mut a, &mut b] {
            puller.assert_equal("after the move").await;
            assert!(puller.gone.is_empty());
        }
        assert_eq!(b.store.version("member", id).unwrap(), Some(4));
        assert_eq!(a.store.version("member", id).unwrap(), None);
    }

    async fn an_old_page_that_comes_late_does_no_harm(server: demo) {
        let city = mover(server).await;
        let id = Uuid::now_v7();
        city.write(vec![member(id, "ext:demo:cell-01", "Đoàn Văn Dũng")]).await;
        let mut puller = of_cell(server, 1).await;
        let cursor = puller.store.state().unwrap().cursor;
        city.write(vec![update("member", id, 1, json!({"phone": "+84912345678"}))]).await;
        city.write(vec![to(id, 2, 2), to(id, 3, 1)]).await;
        puller.drain().await;
        // The answer to the same cursor once more: it tells what holds now.
        let page = puller.client.changes(&ChangesQuery { cursor, ..ChangesQuery::default() }).await.unwrap();
        let state = puller.store.state().unwrap();
        puller.store.apply(&page, &state).unwrap();
        puller.assert_equal("after a repeat").await;
    }
}
