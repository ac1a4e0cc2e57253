//! Pulling: the first load, pages of every size, filters, what comes after, and how a pull is refused.

use crate::support::actors::demo;
use crate::support::copies::{Puller, assert_same, held, visible};
use crate::support::items::{figure, member, update};
use crate::support::on_both_engines;
use cell_records_client::RetryPolicy;
use cell_records_client::feed::ChangesQuery;
use cell_records_client::sync::{Filter, MemoryStore, SqliteStore, Store, SyncSession};
use cell_records_client::types::accounts::Role;
use cell_records_client::types::sync::{Change, Phase, PushBatch};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// A waiting pull that has not ended by then never ends.
const SOON: Duration = Duration::from_secs(10);

fn peer_role() -> [(Role, cell_records_client::types::Ref<cell_records_client::types::Unit>); 1] {
    [(Role::ExchangePeer, demo("ward"))]
}

on_both_engines! {
    async fn a_system_pulls_the_whole_ward_into_a_store_in_memory_and_into_one_in_a_file(server: demo) {
        let peer = server.peer("province", &peer_role()).await;
        let mut memory = peer.session(MemoryStore::new());
        let pulled = memory.pull_until_current(|_| {}).await.unwrap();
        assert!(pulled.current && !pulled.miscounted && pulled.swept == 0);
        let shown = visible(&peer.client).await;
        assert_same(&held(memory.store()), &shown, "the store in memory");

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("copy.sqlite");
        let mut session = peer.session(SqliteStore::open(&file).unwrap());
        session.pull_until_current(|_| {}).await.unwrap();
        drop(session);
        let mut session = peer.session(SqliteStore::open(&file).unwrap());
        assert_same(&held(session.store()), &shown, "the store in a file");
        assert_eq!(session.pull_until_current(|_| {}).await.unwrap().changes, 0);

        let counts = memory.store().counts().unwrap();
        assert_eq!(session.store().counts().unwrap(), counts);
        let mut by_type: BTreeMap<String, i64> = BTreeMap::new();
        for (kind, _) in shown.keys() {
            *by_type.entry((*kind).to_owned()).or_default() += 1;
        }
        assert_eq!(counts, by_type);
        // The ward, its 24 cells, and the names of city, province and centre above it.
        assert_eq!((counts["unit"], counts["member"]), (28, 1_168));
        assert_eq!(counts.len(), 9, "the demo has records of every type: {counts:?}");
    }

    async fn pages_of_any_size_lead_to_the_same_copy(server: demo) {
        let peer = server.peer("province", &peer_role()).await;
        for (limit, types) in [(1, "unit"), (7, "unit,reported_figure"), (97, ""), (2_000, "")] {
            let mut puller = Puller::new(peer.client.clone()).limit(limit);
            puller.query.types = types.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
            puller.drain().await;
            assert!(puller.most <= usize::try_from(limit).unwrap());
            let mut shown = visible(&peer.client).await;
            shown.retain(|(kind, _), _| types.is_empty() || types.split(',').any(|name| name == *kind));
            assert_same(&held(&puller.store), &shown, &format!("pages of {limit}"));
            assert!(puller.gone.is_empty());
        }
    }

    async fn no_page_is_larger_than_asked_for(server: demo) {
        let peer = server.peer("province", &peer_role()).await;
        let mut cursor = None;
        let mut pages = 0;
        loop {
            let path = match &cursor {
                None => "/v1/sync/changes?limit=2000&max_bytes=65536".to_owned(),
                Some(cursor) => format!("/v1/sync/changes?limit=2000&max_bytes=65536&cursor={cursor}"),
            };
            let reply = peer.get(&path, &[]).await;
            assert_eq!(reply.status, 200);
            let changes = serde_json::to_vec(&reply.body["changes"]).unwrap().len();
            assert!(changes <= 65_536 + 1_024, "{changes} bytes of changes");
            pages += 1;
            if reply.body["has_more"] == false {
                break;
            }
            cursor = reply.body["cursor"].as_str().map(str::to_owned);
        }
        assert!(pages > 5, "{pages} pages");
    }

    async fn types_and_units_narrow_a_pull(server: demo) {
        let peer = server.peer("province", &peer_role()).await;
        let shown = visible(&peer.client).await;
        let cell = shown
            .iter()
            .find(|(_, record)| record["external_ids"][0]["value"] == "cell-01")
            .map(|((_, id), _)| id.to_string())
            .unwrap();

        let filter = Filter { types: vec!["member".into()], units: vec!["ext:demo:cell-01".into()] };
        let mut session = peer.session(MemoryStore::new()).with_filter(filter);
        session.pull_until_current(|_| {}).await.unwrap();
        let mut some = shown.clone();
        some.retain(|(kind, _), record| *kind == "member" && record["unit_id"] == cell.as_str());
        assert_eq!(some.len(), 62);
        assert_same(&held(session.store()), &some, "the members of a cell");

        // Another filter sweeps what is no longer meant.
        let other = Filter { types: vec!["member".into()], units: vec!["ext:demo:cell-02".into()] };
        let mut session = peer.session(session.into_store()).with_filter(other);
        let pulled = session.pull_until_current(|_| {}).await.unwrap();
        assert_eq!((pulled.swept, session.store().counts().unwrap()["member"]), (62, 55));

        // Changes outside the filter do not come; those inside do.
        let elsewhere = peer.write(vec![
            member(Uuid::now_v7(), "ext:demo:cell-01", "Nguyễn Văn An"),
            figure(Uuid::now_v7(), "ext:demo:cell-02", "55"),
        ]).await;
        assert_eq!(elsewhere.summary["created"], 2);
        assert_eq!(session.pull_until_current(|_| {}).await.unwrap().changes, 0);
        peer.write(vec![member(Uuid::now_v7(), "ext:demo:cell-02", "Trần Thị Bình")]).await;
        assert_eq!(session.pull_until_current(|_| {}).await.unwrap().stored, 1);
    }

    async fn a_pull_from_now_begins_with_nothing_and_brings_what_comes(server: demo) {
        let peer = server.peer("province", &peer_role()).await;
        let mut puller = Puller::new(peer.client.clone());
        puller.query.from_now = true;
        assert!(!puller.page().await);
        assert!(held(&puller.store).is_empty());
        let id = Uuid::now_v7();
        peer.write(vec![member(id, "ext:demo:cell-03", "Lê Văn Cường")]).await;
        assert!(!puller.page().await);
        assert_eq!(held(&puller.store).into_keys().collect::<Vec<_>>(), [("member", id)]);
    }

    async fn own_changes_come_briefly_when_asked_for_and_known(server: demo) {
        let peer = server.peer("province", &peer_role()).await;
        let query = ChangesQuery { from_now: true, own_brief: true, ..ChangesQuery::default() };
        let first = peer.client.changes(&query).await.unwrap();
        let (known, loose) = (Uuid::now_v7(), Uuid::now_v7());
        // The second gets defaults that its sender has not named: it does not know the whole.
        let whole = json!({
            "unit_id": "ext:demo:cell-03", "full_name": "Phạm Văn Đức", "sex": "male", "birth_date": "1970-03-02",
            "admission_date": "2001-05-19", "status": "official", "official_date": "2002-05-19",
            "education_level": "unknown", "political_theory_level": "unknown", "party_age_start": "2001-05-19",
            "unit_since": "2001-05-19", "unit_via": "admission",
        });
        let mut items = vec![member(known, "", ""), member(loose, "ext:demo:cell-03", "Võ Thị Em")];
        items[0].fields = whole.as_object().unwrap().clone();
        let answer = peer.write(items).await;
        assert_eq!(answer.summary["created"], 2, "{answer:?}");
        assert_eq!(answer.items.iter().map(|item| item.told).collect::<Vec<_>>(), [true, false]);
        let after = ChangesQuery { cursor: Some(first.cursor), ..ChangesQuery::default() };
        let page = peer.client.changes(&after).await.unwrap();
        match &page.changes[..] {
            [Change::Own { id: own, version: 1, .. }, Change::Upsert { id: full, .. }] => {
                assert_eq!((*own, *full), (known, loose));
            }
            other => panic!("{other:?}"),
        }
        // Somebody else's version comes whole, also to the one who made the record.
        let other = server.peer("city", &peer_role()).await;
        other.write(vec![update("member", known, 1, json!({"phone": "+84912345678"}))]).await;
        let after = ChangesQuery { cursor: Some(page.cursor), ..ChangesQuery::default() };
        let page = peer.client.changes(&after).await.unwrap();
        assert!(matches!(&page.changes[..], [Change::Upsert { version: 2, .. }]), "{:?}", page.changes);
    }

    async fn an_unchanged_feed_is_not_sent_again(server: demo) {
        let peer = server.peer("province", &peer_role()).await;
        let first = peer.get("/v1/sync/changes?from=now", &[]).await;
        let path = format!("/v1/sync/changes?cursor={}", first.body["cursor"].as_str().unwrap());
        let tag = first.header("etag").unwrap().to_owned();
        let same = peer.get(&path, &[("if-none-match", &tag)]).await;
        assert_eq!((same.status, same.header("etag")), (304, Some(tag.as_str())));
        peer.write(vec![member(Uuid::now_v7(), "ext:demo:cell-04", "Hồ Văn Giang")]).await;
        let changed = peer.get(&path, &[("if-none-match", &tag)]).await;
        assert_eq!((changed.status, changed.body["changes"].as_array().unwrap().len()), (200, 1));
        assert_ne!(changed.header("etag").unwrap(), tag);
        // A page that still has more is never unchanged.
        let snapshot = peer.get("/v1/sync/changes?limit=5", &[]).await;
        let tag = snapshot.header("etag").unwrap();
        let path = format!("/v1/sync/changes?limit=5&cursor={}", snapshot.body["cursor"].as_str().unwrap());
        assert_eq!(peer.get(&path, &[("if-none-match", tag)]).await.status, 200);
    }

    async fn a_waiting_pull_answers_when_somebody_writes(server: demo) {
        let peer = server.peer("province", &peer_role()).await;
        let first = peer.client.changes(&ChangesQuery { from_now: true, ..ChangesQuery::default() }).await.unwrap();
        let query = ChangesQuery { cursor: Some(first.cursor.clone()), wait: 60, ..ChangesQuery::default() };
        let begun = Instant::now();
        let waiting = tokio::spawn({
            let (client, query) = (peer.client.clone(), query.clone());
            async move { client.changes(&query).await }
        });
        // Writes until the waiting pull has answered: one of them came after it began to wait.
        let mut pushed = 0;
        while !waiting.is_finished() {
            assert!(begun.elapsed() < SOON, "the pull waits on after {pushed} writes");
            peer.write(vec![member(Uuid::now_v7(), "ext:demo:cell-05", "Đinh Văn Hải")]).await;
            pushed += 1;
        }
        let page = waiting.await.unwrap().unwrap();
        assert!(!page.changes.is_empty() && page.phase == Phase::Changes);
        // A wait that meets nothing ends with an empty page and the same position.
        let current = ChangesQuery { cursor: Some(page.cursor), ..ChangesQuery::default() };
        let mut at = peer.client.changes(&current).await.unwrap();
        while at.has_more || !at.changes.is_empty() {
            let next = ChangesQuery { cursor: Some(at.cursor), ..ChangesQuery::default() };
            at = peer.client.changes(&next).await.unwrap();
        }
        let waits = ChangesQuery { cursor: Some(at.cursor), wait: 1, ..ChangesQuery::default() };
        let begun = Instant::now();
        let empty = peer.client.changes(&waits).await.unwrap();
        assert!(empty.changes.is_empty() && !empty.has_more && begun.elapsed() >= Duration::from_millis(900));
    }

    async fn a_waiting_pull_ends_when_its_token_is_revoked(server: demo) {
        let peer = server.peer("province", &peer_role()).await;
        let first = peer.client.changes(&ChangesQuery { from_now: true, ..ChangesQuery::default() }).await.unwrap();
        let query = ChangesQuery { cursor: Some(first.cursor), wait: 60, ..ChangesQuery::default() };
        let waiting = tokio::spawn({
            let client = peer.client.clone();
            async move { client.changes(&query).await }
        });
        server.admin().systems().revoke_token(peer.system.id, peer.token.id).await.unwrap();
        let ended = tokio::time::timeout(SOON, waiting).await.expect("the pull waits on").unwrap();
        assert_eq!(ended.unwrap_err().status(), Some(401));
    }

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
        let again = server.admin().systems().tokens(peer.system.id, &Default::default()).await.unwrap();
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
            "units=nowhere", "units=ext:demo:nowhere", "units=ref:a", nine.as_str(), "from=here", "own=none",
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
        server.database.sql(&["UPDATE sync_clock SET epoch = 'another life'".into()]);
        puller.assert_equal("after another epoch").await;
        assert_eq!(puller.gone, ["epoch_changed"]);
        let pulled = session.pull_until_current(|_| {}).await.unwrap();
        assert!(pulled.restarted && pulled.swept == 0);
        assert_eq!(session.store().state().unwrap().epoch.as_deref(), Some("another life"));
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

    async fn a_database_put_back_is_noticed_and_every_copy_recovers(server: demo) {
        let peer = server.peer("province", &peer_role()).await;
        let mut behind = Puller::new(peer.client.clone());
        behind.drain().await;
        let backup = server.backup();
        let lost: Vec<Uuid> = (0..20).map(|_| Uuid::now_v7()).collect();
        // PostgreSQL copies a database only while nobody is connected to it: the server must connect anew.
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
}
