//! Cursors: which account may use them, when they end, and how a copy recovers.

use crate::pull::peer_role;
use crate::support::actors::demo;
use crate::support::copies::Puller;
use crate::support::items::member;
use crate::support::on_both_engines;
use cell_records_client::RetryPolicy;
use cell_records_client::feed::ChangesQuery;
use cell_records_client::sync::{CopyStore, MemoryStore, SyncSession};
use cell_records_client::types::accounts::Role;
use cell_records_client::types::sync::PushBatch;
use serde_json::json;
use std::time::{Duration, Instant};
use uuid::Uuid;

on_both_engines! {
    async fn a_cursor_serves_its_caller_and_its_filter_only(server: demo) {
        let peer = server.peer("province", &peer_role()).await;
        let other = server.peer("city", &peer_role()).await;
        let begun = peer.get("/v1/sync/changes?types=member,unit&units=ext:demo:cell-01&own=brief&limit=3", &[]).await;
        let cursor = begun.body["cursor"].as_str().unwrap();
        let mut broken = cursor.to_owned();
        broken.replace_range(20..21, if &cursor[20..21] == "A" { "B" } else { "A" });
        for text in ["x", "cs1.", "cs1.AAAA", broken.as_str(), &cursor[..cursor.len() - 2]] {
            let reply = peer.get(&format!("/v1/sync/changes?cursor={text}"), &[]).await;
            assert_eq!((reply.status, reply.code()), (400, "cursor_invalid"), "{text}");
        }
        let foreign = other.get(&format!("/v1/sync/changes?cursor={cursor}"), &[]).await;
        assert_eq!((foreign.status, foreign.code()), (403, "cursor_foreign"));
        for with in ["types=member", "units=ext:demo:cell-02", "units=ext:demo:nowhere", "own=full"] {
            let reply = peer.get(&format!("/v1/sync/changes?cursor={cursor}&{with}"), &[]).await;
            assert_eq!((reply.status, reply.code()), (400, "cursor_filter_mismatch"), "{with}");
        }
        // The same filter in other words is the same.
        let path = format!("/v1/sync/changes?cursor={cursor}&types=unit,member&units=ext:demo:cell-01&own=brief&limit=9");
        assert_eq!(peer.get(&path, &[]).await.status, 200);
        // The other system's tokens do as well as the first.
        let again = server.admin().systems().list_tokens(peer.system.id, &Default::default()).await.unwrap();
        assert_eq!(again.items.len(), 1);
    }

    async fn a_parameter_that_makes_no_sense_is_400(server: demo) {
        let peer = server.peer("province", &peer_role()).await;
        let cursor = peer.get("/v1/sync/changes?from=now", &[]).await.body["cursor"].as_str().unwrap().to_owned();
        let with_cursor = format!("from=now&cursor={cursor}");
        let nine = ["ext:demo:cell-01"; 9].join(",");
        let nine = format!("units={nine}");
        for query in [
            "limit=0", "limit=2001", "limit=x", "max_bytes=65535", "max_bytes=8388609", "types=person", "types=",
            "units=nowhere", "units=ref:a", nine.as_str(), "from=here", "own=none",
            "wait=61", "wait=-1", "unknown=1", with_cursor.as_str(),
        ] {
            let reply = peer.get(&format!("/v1/sync/changes?{query}"), &[]).await;
            assert_eq!((reply.status, reply.code()), (400, "invalid_parameter"), "{query}: {}", reply.body);
        }
    }

    async fn another_epoch_sends_every_copy_back_to_the_snapshot(server: demo) {
        let peer = server.peer("province", &peer_role()).await;
        let mut puller = Puller::new(peer.client.clone());
        let mut session = peer.session(MemoryStore::new());
        puller.drain().await;
        session.pull_until_current(|_| {}).await.unwrap();
        server.database.sql(&["UPDATE sync_clock SET epoch = 'another epoch'".into()]);
        puller.assert_equal("after another epoch").await;
        assert_eq!(puller.gone, ["epoch_changed"]);
        let pulled = session.pull_until_current(|_| {}).await.unwrap();
        assert!(pulled.restarted && pulled.swept == 0);
        assert_eq!(session.store().state().unwrap().epoch.as_deref(), Some("another epoch"));
    }

    async fn a_cursor_below_the_floor_is_expired(server: demo) {
        let peer = server.peer("province", &peer_role()).await;
        let mut puller = Puller::new(peer.client.clone());
        puller.drain().await;
        peer.write((0..5).map(|_| member(Uuid::now_v7(), "ext:demo:cell-06", "Bùi Văn Khoa")).collect()).await;
        server.database.sql(&["UPDATE sync_clock SET floor_seq = seq - 5".into()]);
        // Exactly at the floor it still leads on.
        puller.assert_equal("at the floor").await;
        assert!(puller.gone.is_empty());
        peer.write((0..5).map(|_| member(Uuid::now_v7(), "ext:demo:cell-06", "Bùi Văn Khoa")).collect()).await;
        server.database.sql(&["UPDATE sync_clock SET floor_seq = seq".into()]);
        puller.assert_equal("below the floor").await;
        assert_eq!(puller.gone, ["expired"]);
    }

    async fn a_restored_database_is_noticed_and_every_copy_recovers(server: demo) {
        let peer = server.peer("province", &peer_role()).await;
        let mut behind = Puller::new(peer.client.clone());
        behind.drain().await;
        let backup = server.backup();
        let lost: Vec<Uuid> = (0..20).map(|_| Uuid::now_v7()).collect();
        // PostgreSQL copies a database only while nobody is connected to it: the server must connect again.
        let patient = server.client().access_token(&peer.token.token).retry(RetryPolicy::default()).build().unwrap();
        let batch = PushBatch::new(lost.iter().map(|id| member(*id, "ext:demo:cell-07", "Cao Văn Lâm")).collect());
        assert_eq!(patient.push(&batch, "lost").await.unwrap().summary["created"], 20);
        let mut puller = Puller::new(patient.clone());
        let mut session = SyncSession::new(patient.clone(), MemoryStore::new());
        puller.drain().await;
        session.pull_until_current(|_| {}).await.unwrap();
        let epoch = session.store().state().unwrap().epoch;

        let back = server.put_back(backup).await;
        let client = peer.at(&back);
        // Others write on meanwhile: the lost stretch of the log is filled with other batches.
        let batch = PushBatch::new(
            (0..30).map(|_| member(Uuid::now_v7(), "ext:demo:cell-08", "Đỗ Văn Minh")).collect(),
        );
        client.push(&batch, "after").await.unwrap();
        puller.client = client.clone();
        puller.assert_equal("the copy from the lost time").await;
        assert_eq!(puller.gone, ["epoch_changed"]);
        let mut session = SyncSession::new(client.clone(), session.into_store());
        let pulled = session.pull_until_current(|_| {}).await.unwrap();
        assert!(pulled.restarted && pulled.swept == 20, "{pulled:?}");
        assert_ne!(session.store().state().unwrap().epoch, epoch);
        // A copy from before the loss cannot know that nothing was lost to it.
        behind.client = client;
        behind.assert_equal("the copy from before").await;
        assert_eq!(behind.gone, ["epoch_changed"]);
        back.running.handle.stop(false).await;
    }

    async fn nothing_is_valid_that_was_kept_of_a_time_which_the_database_has_lost(server: demo) {
        let moved = server.acting(Role::CellSecretary, "ext:demo:ward").await;
        let disabled = server.acting(Role::CellSecretary, "ext:demo:ward").await;
        let path = "/v1/members/ext:demo:member-0001";
        let unit = moved.get(path).await.is(200).body["unit_id"].clone();
        disabled.get(path).await.is(200);
        let elsewhere = moved.get("/v1/units/ext:demo:cell-05").await.is(200).id();
        assert_ne!(unit, json!(elsewhere));
        let before = server.running.shared.live.view().unwrap().clock.seq;
        let id = |text: &str| server.database.uuid(text.parse().unwrap());
        // As PostgreSQL is put back under a running server.
        server.database.sql(&[
            format!("UPDATE grants SET unit_id = {} WHERE account_id = {}", id(&elsewhere), id(&moved.id)),
            format!("UPDATE accounts SET disabled = 1 WHERE id = {}", id(&disabled.id)),
            "UPDATE sync_clock SET seq = seq - 1, auth_rev = auth_rev - 1".to_owned(),
        ]);
        let start = Instant::now();
        while server.running.shared.live.view().is_none_or(|view| view.clock.seq == before) {
            moved.get("/readyz").await.is(200);
            assert!(start.elapsed() < Duration::from_secs(5), "what the database says is not taken over");
        }
        // The counters climb to where they were.
        server.database.sql(&["UPDATE sync_clock SET seq = seq + 1, auth_rev = auth_rev + 1".to_owned()]);
        while server.running.shared.live.view().is_none_or(|view| view.clock.seq != before) {
            moved.get("/readyz").await.is(200);
            assert!(start.elapsed() < Duration::from_secs(10), "what the database says is not taken over");
        }
        assert_eq!(disabled.get(path).await.status, 401);
        assert_eq!(moved.get(path).await.status, 404);
    }

    async fn who_may_not_sync_does_not(server: demo) {
        let item = member(Uuid::now_v7(), "ext:demo:cell-01", "Ông Văn An");
        let nobody = server.anonymous();
        let pulled = nobody.changes(&ChangesQuery::default()).await.unwrap_err();
        assert_eq!(pulled.status(), Some(401));
        let pushed = nobody.push(&PushBatch::new(vec![item.clone()]), "k").await.unwrap_err();
        assert_eq!(pushed.status(), Some(401));
        // One that only reads pulls what it reads, and writes nothing.
        let reader = server.system("screen", &[(Role::FrontendReader, demo("ward"))]).await;
        let mut puller = Puller::new(reader.clone());
        puller.assert_equal("a reader's copy").await;
        assert_eq!((puller.count("unit"), puller.count("member")), (28, 0));
        let answer = reader.push(&PushBatch::new(vec![item]), "k").await.unwrap();
        assert_eq!(answer.summary.get("created"), None);
    }
}
