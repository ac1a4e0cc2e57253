//! The server's own process, killed at any moment or asked to end: what was acknowledged is there, once.

use crate::concurrency::random;
use crate::support::actors::demo;
use crate::support::copies::Puller;
use crate::support::items::member;
use crate::support::on_both_engines;
use crate::support::process::Process;
use cell_records_client::types::accounts::Role;
use cell_records_client::types::sync::{PushBatch, PushItem};
use cell_records_client::types::{Member, Reference};
use cell_records_client::{Client, RetryPolicy};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// What has not happened by then never happens.
const SOON: Duration = Duration::from_secs(30);
/// Who pushes at the same time.
const PUSHERS: usize = 3;

/// How often the server is killed: `CELL_RECORDS_TEST_KILLS`.
fn kills() -> usize {
    std::env::var("CELL_RECORDS_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

fn id(item: &PushItem) -> Uuid {
    match item.id {
        Some(Reference::Id(id)) => id,
        _ => panic!("an id"),
    }
}

/// Pushes until the server is gone. Answers what was acknowledged and the batch whose answer was lost.
async fn push_until_gone(client: Client, number: usize) -> (Vec<PushBatch>, Option<(PushBatch, String)>) {
    let mut acknowledged = Vec::new();
    loop {
        let items = (0..1 + random(60))
            .map(|n| member(Uuid::now_v7(), &format!("ext:demo:cell-{:02}", n % 24 + 1), &format!("Người {number}")))
            .collect();
        let (batch, key) = (PushBatch::new(items), Uuid::new_v4().to_string());
        match client.push(&batch, &key).await {
            Ok(answer) => {
                assert!(answer.items.iter().all(|item| item.status.is_success()), "{answer:?}");
                acknowledged.push(batch);
            }
            Err(error) => {
                assert_eq!(error.status(), None, "{error}");
                return (acknowledged, Some((batch, key)));
            }
        }
    }
}

async fn present(client: &Client, id: Uuid) -> bool {
    match client.records::<Member>().get(id).await {
        Ok(found) => {
            assert_eq!(found.record.version, 1);
            true
        }
        Err(error) => {
            assert_eq!(error.status(), Some(404), "{error}");
            false
        }
    }
}

on_both_engines! {
    async fn what_was_acknowledged_survives_a_kill_and_a_repeat_doubles_nothing(server: demo) {
        let peer = server.peer("city", &[(Role::ExchangePeer, demo("ward"))]).await;
        server.running.handle.stop(true).await;
        let mut made = 0;
        let mut puller: Option<Puller> = None;
        let mut process = Process::start(&server.database);
        for round in 0..kills() {
            let client = process.client(&peer, RetryPolicy::never());
            let pushers: Vec<_> = (0..PUSHERS).map(|number| tokio::spawn(push_until_gone(client.clone(), number))).collect();
            // At a random moment of their work.
            tokio::time::sleep(Duration::from_millis(30 + random(400) as u64)).await;
            process.kill();
            let mut outcomes = Vec::new();
            for pusher in pushers {
                outcomes.push(pusher.await.unwrap());
            }
            process = Process::start(&server.database);
            let client = process.client(&peer, RetryPolicy::default());
            for (acknowledged, lost) in outcomes {
                for item in acknowledged.iter().flat_map(|batch| &batch.items) {
                    assert!(present(&client, id(item)).await, "round {round}: an acknowledged record is lost");
                    made += 1;
                }
                let Some((batch, key)) = lost else { continue };
                let mut there = 0;
                for item in &batch.items {
                    there += usize::from(present(&client, id(item)).await);
                }
                assert!(there == 0 || there == batch.items.len(), "round {round}: {there} of {} items", batch.items.len());
                let answer = client.push(&batch, &key).await.unwrap();
                assert_eq!(answer.summary, [("created".to_owned(), i64::try_from(batch.items.len()).unwrap())].into());
                assert!(answer.items.iter().all(|item| item.version == Some(1)));
                made += batch.items.len();
            }
            // A copy that was there before the kill continues.
            let puller = puller.get_or_insert_with(|| Puller::new(client.clone()));
            puller.client = client;
            puller.assert_equal(&format!("round {round}")).await;
            assert!(puller.gone.is_empty(), "a kill is no loss");
            assert_eq!(puller.count("member"), 1_168 + made, "round {round}");
        }
        process.kill();
    }

    async fn a_server_that_is_asked_to_end_finishes_what_runs(server: demo) {
        let peer = server.peer("city", &[(Role::ExchangePeer, demo("ward"))]).await;
        server.running.handle.stop(true).await;
        let mut process = Process::start(&server.database);
        let items: Vec<PushItem> = (0..50).map(|_| member(Uuid::now_v7(), "ext:demo:cell-01", "Người cuối")).collect();
        let body = serde_json::to_string(&PushBatch::new(items.clone())).unwrap();
        // Half of a request is on its way …
        let mut stream = TcpStream::connect(&process.address).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let head = format!(
            "POST /v1/sync/push HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nidempotency-key: last\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            peer.token.token,
            body.len()
        );
        let (first, second) = body.split_at(body.len() / 2);
        stream.write_all(format!("{head}{first}").as_bytes()).unwrap();
        // … and taken: a later one was answered.
        process.client(&peer, RetryPolicy::never()).healthz().await.unwrap();
        process.terminate();
        let begun = Instant::now();
        while TcpStream::connect(&process.address).is_ok() {
            assert!(begun.elapsed() < SOON, "the server takes new connections still");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        stream.write_all(second.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 207"), "{answer}");
        assert!(answer.contains("\"created\":50"), "{answer}");
        assert!(process.ended(), "it says that something went wrong");
        let process = Process::start(&server.database);
        let client = process.client(&peer, RetryPolicy::never());
        for item in &items {
            assert!(present(&client, id(item)).await);
        }
        process.kill();
    }
}
