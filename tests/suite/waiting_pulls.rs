//! Pulls that wait for a change: what ends the wait, and what does not.

use crate::pull::peer_role;
use crate::support::actors::demo;
use crate::support::items::{figure, member};
use crate::support::on_both_engines;
use cell_records_client::feed::ChangesQuery;
use cell_records_client::types::accounts::Role;
use cell_records_client::types::sync::{Change, Phase, PushBatch};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// A waiting pull that has not ended by then never ends.
const SOON: Duration = Duration::from_secs(10);

on_both_engines! {
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
        // Its time is that of the answer, not of the question.
        assert!(empty.server_time.micros() - at.server_time.micros() >= 800_000, "{empty:?}");
    }

    async fn a_waiting_pull_does_not_end_with_what_does_not_concern_it(server: demo) {
        let city = server.peer("city", &peer_role()).await;
        let peer = server.peer("cell", &[(Role::ExchangePeer, demo("cell-01"))]).await;
        let start = ChangesQuery { types: vec!["member".into()], from_now: true, ..ChangesQuery::default() };
        let first = peer.client.changes(&start).await.unwrap();
        let query = ChangesQuery { cursor: Some(first.cursor), wait: 60, ..ChangesQuery::default() };
        let waiting = tokio::spawn({
            let client = peer.client.clone();
            async move { client.changes(&query).await }
        });
        // More commits than are remembered: of another cell, and of other types in this one.
        for n in 0..100 {
            let other = if n % 2 == 0 { "ext:demo:cell-02" } else { "ext:demo:cell-03" };
            city.write(vec![member(Uuid::now_v7(), other, "Đinh Văn Hải")]).await;
            city.write(vec![figure(Uuid::now_v7(), "ext:demo:cell-01", "57")]).await;
        }
        assert!(!waiting.is_finished());
        let id = Uuid::now_v7();
        city.write(vec![member(id, "ext:demo:cell-01", "Đinh Văn Hòa")]).await;
        let page = tokio::time::timeout(SOON, waiting).await.expect("the pull waits on").unwrap().unwrap();
        assert!(matches!(&page.changes[..], [Change::Upsert { id: found, .. }] if *found == id), "{page:?}");
        assert_eq!((page.has_more, page.behind), (false, Some(0)));
    }

    async fn a_waiting_pull_hears_of_what_another_server_writes(server: demo) {
        if server.engine == crate::support::Engine::Sqlite {
            // A SQLite file has one server.
            return;
        }
        let other = server.another().await;
        let peer = server.peer("cell", &[(Role::ExchangePeer, demo("cell-01"))]).await;
        let city = server.peer("city", &peer_role()).await;
        let first = peer.client.changes(&ChangesQuery { from_now: true, ..ChangesQuery::default() }).await.unwrap();
        let query = ChangesQuery { cursor: Some(first.cursor), wait: 60, ..ChangesQuery::default() };
        let waiting = tokio::spawn({
            let client = peer.client.clone();
            async move { client.changes(&query).await }
        });
        // Its commit lies between two of this server that do not concern the caller.
        city.write(vec![member(Uuid::now_v7(), "ext:demo:cell-02", "Đinh Văn Hải")]).await;
        let id = Uuid::now_v7();
        let batch = PushBatch::new(vec![member(id, "ext:demo:cell-01", "Đinh Văn Huy")]);
        assert_eq!(city.at(&other).push(&batch, "k").await.unwrap().summary["created"], 1);
        city.write(vec![member(Uuid::now_v7(), "ext:demo:cell-02", "Đinh Văn Hòa")]).await;
        let page = tokio::time::timeout(SOON, waiting).await.expect("the pull waits on").unwrap().unwrap();
        assert!(matches!(&page.changes[..], [Change::Upsert { id: found, .. }] if *found == id), "{page:?}");
        other.running.handle.stop(false).await;
    }

    async fn a_waiting_pull_ends_when_its_token_is_revoked(server: demo) {
        let peer = server.peer("province", &peer_role()).await;
        let first = peer.client.changes(&ChangesQuery { from_now: true, ..ChangesQuery::default() }).await.unwrap();
        let query = ChangesQuery { cursor: Some(first.cursor), wait: 60, ..ChangesQuery::default() };
        let waiting = tokio::spawn({
            let client = peer.client.clone();
            async move { client.changes(&query).await }
        });
        server.admin().systems().delete_token(peer.system.id, peer.token.id).await.unwrap();
        let ended = tokio::time::timeout(SOON, waiting).await.expect("the pull waits on").unwrap();
        assert_eq!(ended.unwrap_err().status(), Some(401));
    }
}
