//! What the rules let pass and the database refuses anyway: one item falls, the others stand.

use crate::support::actors::demo;
use crate::support::copies::Puller;
use crate::support::items::{known_as, member, unit};
use crate::support::peers::Peer;
use crate::support::{Server, on_both_engines};
use cell_records_client::types::Unit;
use cell_records_client::types::accounts::Role;
use cell_records_client::types::pages::ListQuery;
use cell_records_client::types::sync::{ConflictReason, ItemStatus, PushBatch, PushItem, PushMode};
use uuid::Uuid;

const CELL: &str = "ext:demo:cell-01";

async fn city(server: &Server) -> Peer {
    server.peer("city", &[(Role::ExchangePeer, demo("ward"))]).await
}

/// Makes the database refuse every new member and unit under one of these ids: the writer cannot know it.
fn refuse(server: &Server, ids: &[Uuid]) {
    let list = ids.iter().map(|id| server.database.uuid(*id)).collect::<Vec<_>>().join(", ");
    let statements = match server.engine {
        crate::support::Engine::Sqlite => ["members", "units"]
            .map(|table| {
                format!(
                    "CREATE TRIGGER refuse_{table} BEFORE INSERT ON {table} WHEN NEW.id IN ({list}) \
                     BEGIN INSERT INTO external_ids (system, type, value, record_id) VALUES ('demo', 'unit', 'ward', NEW.id); END"
                )
            })
            .to_vec(),
        crate::support::Engine::Postgres => ["members", "units"]
            .map(|table| format!("ALTER TABLE {table} ADD CONSTRAINT refuse_{table} CHECK (id NOT IN ({list}))"))
            .to_vec(),
    };
    server.database.sql(&statements);
}

fn members(count: usize) -> Vec<PushItem> {
    (0..count).map(|n| member(Uuid::now_v7(), CELL, &format!("Quách Văn {n}"))).collect()
}

fn id(item: &PushItem) -> Uuid {
    match item.id {
        Some(cell_records_client::types::Reference::Id(id)) => id,
        _ => panic!("an id"),
    }
}

on_both_engines! {
    async fn the_others_of_a_batch_are_stored_when_the_database_refuses_one(server: demo) {
        let peer = city(server).await;
        let other = server.peer("province", &[(Role::ExchangePeer, demo("ward"))]).await;
        let mut puller = Puller::new(other.client.clone());
        puller.drain().await;
        let items = members(100);
        refuse(server, &[id(&items[37])]);
        let answer = peer.push(items).await;
        assert!(answer.applied);
        for (index, item) in answer.items.iter().enumerate() {
            let expected = if index == 37 { ItemStatus::Conflict } else { ItemStatus::Created };
            assert_eq!(item.status, expected, "{index}: {item:?}");
        }
        assert_eq!(answer.items[37].conflict.as_ref().unwrap().reason, ConflictReason::Unique);
        assert_eq!((answer.summary["created"], answer.summary["conflict"]), (99, 1));
        puller.assert_equal("the other's copy").await;
        // The writer continues.
        assert_eq!(peer.write(members(3)).await.summary["created"], 3);
        puller.assert_equal("the other's copy afterwards").await;
    }

    async fn one_item_alone_is_refused_as_a_conflict(server: demo) {
        let peer = city(server).await;
        let items = members(2);
        refuse(server, &[id(&items[0]), id(&items[1])]);
        let answer = peer.push(items[..1].to_vec()).await;
        assert_eq!(answer.items[0].status, ItemStatus::Conflict);
        assert_eq!(answer.items[0].conflict.as_ref().unwrap().reason, ConflictReason::Unique);
        let mut all = PushBatch::new(items);
        all.mode = PushMode::All;
        let error = peer.client.push(&all, "all").await.unwrap_err();
        assert!(matches!(error.status(), Some(409 | 422)), "{error}");
        assert_eq!(peer.write(members(3)).await.summary["created"], 3);
    }

    async fn commands_of_others_in_the_same_set_are_stored(server: demo) {
        let peer = city(server).await;
        // More than one, so that the set is divided many times.
        let bad = members(6);
        refuse(server, &bad.iter().map(id).collect::<Vec<_>>());
        let mut sent: Vec<_> = (0..30).map(|_| peer.push(members(2))).collect();
        for (index, item) in bad.into_iter().enumerate() {
            sent.insert(index * 5, peer.push(vec![item]));
        }
        let answers = futures_util::future::join_all(sent).await;
        for (index, answer) in answers.iter().enumerate() {
            let expected = if index < 30 && index % 5 == 0 { ItemStatus::Conflict } else { ItemStatus::Created };
            assert!(answer.items.iter().all(|item| item.status == expected), "{index}: {answer:?}");
        }
        Puller::new(peer.client.clone()).assert_equal("the copy").await;
    }

    async fn a_refused_unit_leaves_no_trace(server: demo) {
        let peer = city(server).await;
        let mut puller = Puller::new(peer.client.clone());
        puller.drain().await;
        let (good, bad) = (Uuid::now_v7(), Uuid::now_v7());
        refuse(server, &[bad]);
        let answer = peer.push(vec![
            unit(good, "ext:demo:ward", "cell", "Chi bộ số 25"),
            unit(bad, "ext:demo:ward", "cell", "Chi bộ số 26"),
            member(Uuid::now_v7(), CELL, "Quách Văn An"),
        ]).await;
        use ItemStatus::{Conflict, Created};
        assert_eq!(answer.items.iter().map(|item| item.status.clone()).collect::<Vec<_>>(), [Created, Conflict, Created]);
        // Nobody can belong to it, neither in this server's mind nor in the database.
        let orphan = peer.push(vec![member(Uuid::now_v7(), &bad.to_string(), "Quách Văn Bình")]).await;
        assert_eq!(orphan.items[0].status, ItemStatus::Invalid);
        let filter = ListQuery { unit: Some(bad.to_string()), ..ListQuery::default() };
        assert!(peer.client.records::<Unit>().list(&filter).await.unwrap().items.is_empty());
        puller.assert_equal("the copy").await;
        // Made again once it may be, it is there.
        assert_eq!(peer.write(vec![unit(Uuid::now_v7(), &good.to_string(), "party_group", "Tổ 1")]).await.summary["created"], 1);
        puller.assert_equal("the copy afterwards").await;
    }

    async fn what_refers_to_a_record_that_the_database_refused_is_refused_too(server: demo) {
        let peer = city(server).await;
        let cell = Uuid::now_v7();
        refuse(server, &[cell]);
        let answer = peer.push(vec![
            unit(cell, "ext:demo:ward", "cell", "Chi bộ số 25"),
            member(Uuid::now_v7(), &cell.to_string(), "Quách Văn Cảnh"),
            member(Uuid::now_v7(), CELL, "Quách Văn Dũng"),
        ]).await;
        assert_eq!(answer.items[0].status, ItemStatus::Conflict);
        assert!(!answer.items[1].status.is_success(), "{answer:?}");
        assert_eq!(answer.items[2].status, ItemStatus::Created);
        Puller::new(peer.client.clone()).assert_equal("the copy").await;
    }

    async fn an_external_id_that_was_taken_by_hand_refuses_its_item_only(server: demo) {
        let peer = city(server).await;
        let taken = format!(
            "INSERT INTO external_ids (system, type, value, record_id) VALUES ('city', 'member', 'M-1', {})",
            server.database.uuid(Uuid::now_v7())
        );
        server.database.sql(&[taken]);
        let answer = peer.push(vec![
            known_as(member(Uuid::now_v7(), CELL, "Quách Văn Em"), "city", "M-1"),
            known_as(member(Uuid::now_v7(), CELL, "Quách Văn Giang"), "city", "M-2"),
        ]).await;
        use ItemStatus::{Conflict, Created};
        assert_eq!(answer.items.iter().map(|item| item.status.clone()).collect::<Vec<_>>(), [Conflict, Created]);
        assert_eq!(answer.items[0].conflict.as_ref().unwrap().reason, ConflictReason::Unique);
    }
}
