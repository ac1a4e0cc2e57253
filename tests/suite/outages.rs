//! PostgreSQL stopped, killed and paused under load: what was acknowledged is there, once, and the server continues by
//! itself.

use crate::concurrency::random;
use crate::support::actors::demo;
use crate::support::cluster::Cluster;
use crate::support::copies::{Records, assert_same, held, visible};
use crate::support::items::member;
use crate::support::{Engine, Server, on_both_engines};
use cell_records_client::sync::{MemoryStore, SyncSession};
use cell_records_client::types::Reference;
use cell_records_client::types::accounts::Role;
use cell_records_client::types::sync::{PushBatch, PushItem};
use cell_records_client::{Client, Error};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// What has not happened by then never happens.
const SOON: Duration = Duration::from_secs(60);
/// Who pushes at the same time.
const PUSHERS: usize = 4;
/// Who pulls at the same time.
const PULLERS: usize = 3;

/// How often PostgreSQL fails, stopped, killed and paused alternately: `CELL_RECORDS_TEST_OUTAGES`.
fn outages() -> usize {
    std::env::var("CELL_RECORDS_TEST_OUTAGES").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

fn id(item: &PushItem) -> Uuid {
    match item.id {
        Some(Reference::Id(id)) => id,
        _ => panic!("an id"),
    }
}

/// Nothing but `503` may come of a database that fails.
fn assert_unavailable(error: &Error) {
    assert_eq!(error.status(), Some(503), "{error}");
}

/// Batches that were acknowledged, and those that were not, with their keys.
#[derive(Default)]
struct Pushed {
    acknowledged: Vec<PushBatch>,
    unclear: Vec<(PushBatch, String)>,
}

/// Pushes all the while. Half of what failed is sent again at once under its key.
async fn push(client: Client, number: usize, over: Arc<AtomicBool>, count: Arc<AtomicUsize>) -> Pushed {
    let mut pushed = Pushed::default();
    let mut again = None;
    while !over.load(Ordering::Acquire) {
        let (batch, key) = again.take().unwrap_or_else(|| {
            let items = (0..1 + random(40)).map(|n| {
                member(Uuid::now_v7(), &format!("ext:demo:cell-{:02}", n % 24 + 1), &format!("Người {number}"))
            });
            (PushBatch::new(items.collect()), Uuid::new_v4().to_string())
        });
        match client.push(&batch, &key).await {
            Ok(answer) => {
                assert!(
                    answer.items.iter().all(|item| item.status.is_success() && item.version == Some(1)),
                    "{answer:?}"
                );
                pushed.acknowledged.push(batch);
                count.fetch_add(1, Ordering::Release);
            }
            Err(error) => {
                assert_unavailable(&error);
                if random(2) == 0 {
                    again = Some((batch, key));
                } else {
                    pushed.unclear.push((batch, key));
                }
                tokio::time::sleep(Duration::from_millis(random(100) as u64)).await;
            }
        }
    }
    pushed.unclear.extend(again);
    pushed
}

async fn pull(client: Client, over: Arc<AtomicBool>) -> SyncSession<MemoryStore> {
    let mut session = SyncSession::new(client, MemoryStore::new());
    while !over.load(Ordering::Acquire) {
        if let Err(error) = session.pull_once().await {
            assert_unavailable(&error);
        }
        tokio::time::sleep(Duration::from_millis(random(20) as u64)).await;
    }
    session
}

/// Waits until this many further batches were acknowledged.
async fn further(count: &AtomicUsize, more: usize, what: &str) {
    let (begun, before) = (Instant::now(), count.load(Ordering::Acquire));
    while count.load(Ordering::Acquire) < before + more {
        assert!(begun.elapsed() < SOON, "{what}: nothing is acknowledged any more");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// How many of a batch's records are there. Each is there as it was made.
fn present(records: &Records, batch: &PushBatch) -> usize {
    let found = batch.items.iter().filter_map(|item| records.get(&("member", id(item))));
    found.inspect(|record| assert_eq!(record["version"], 1)).count()
}

on_both_engines! {
    async fn a_database_that_is_stopped_killed_and_hung_loses_nothing_and_doubles_nothing(any: empty) {
        if any.engine == Engine::Sqlite {
            // It is in the server's process: `crash` kills that.
            return;
        }
        let cluster = tokio::task::spawn_blocking(Cluster::start).await.unwrap();
        let server = Server::with_demo_at(&cluster.url).await;
        let peer = server.peer("city", &[(Role::ExchangePeer, demo("ward"))]).await;
        let before = visible(&peer.client).await.len();
        let (over, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let pushers: Vec<_> = (0..PUSHERS)
            .map(|number| tokio::spawn(push(peer.client.clone(), number, over.clone(), count.clone())))
            .collect();
        let pullers: Vec<_> = (0..PULLERS).map(|_| tokio::spawn(pull(peer.client.clone(), over.clone()))).collect();
        for round in 0..outages() {
            further(&count, 20, "before an outage").await;
            let away = Duration::from_millis(200 + random(1_500) as u64);
            match round % 3 {
                0 => {
                    cluster.stop();
                    tokio::time::sleep(away).await;
                    cluster.start_again();
                }
                1 => {
                    cluster.kill();
                    tokio::time::sleep(away).await;
                    cluster.start_again();
                }
                _ => {
                    let hung = cluster.hang();
                    // Every second one for longer than a read may take.
                    tokio::time::sleep(away + Duration::from_secs(if round % 6 == 2 { 6 } else { 1 })).await;
                    cluster.go_on(&hung);
                }
            }
            further(&count, 1, "after an outage").await;
        }
        over.store(true, Ordering::Release);
        let (mut acknowledged, mut unclear) = (Vec::new(), Vec::new());
        for pusher in pushers {
            let pushed = pusher.await.unwrap();
            acknowledged.extend(pushed.acknowledged);
            unclear.extend(pushed.unclear);
        }
        let records = visible(&peer.client).await;
        for batch in &acknowledged {
            assert_eq!(present(&records, batch), batch.items.len(), "an acknowledged record is lost");
        }
        for (batch, key) in &unclear {
            let there = present(&records, batch);
            assert!(there == 0 || there == batch.items.len(), "{there} of {} items", batch.items.len());
            for _ in 0..2 {
                let answer = peer.client.push(batch, key).await.unwrap();
                assert!(answer.items.iter().all(|item| item.status.is_success() && item.version == Some(1)));
            }
        }
        let all = acknowledged.iter().chain(unclear.iter().map(|(batch, _)| batch));
        let made: usize = all.map(|batch| batch.items.len()).sum();
        let records = visible(&peer.client).await;
        assert_eq!(records.len(), before + made);
        for puller in pullers {
            let mut session = puller.await.unwrap();
            session.pull_until_current(|_| {}).await.unwrap();
            assert_same(&held(session.store()), &records, "a puller");
        }
        server.running.handle.stop(false).await;
        println!("{} batches acknowledged, {} not", acknowledged.len(), unclear.len());
    }
}
