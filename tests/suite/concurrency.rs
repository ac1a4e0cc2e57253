//! Many who write and many who pull at the same time: nothing is missed, nothing is doubled.

use crate::support::actors::demo;
use crate::support::copies::{Puller, assert_same, held, visible};
use crate::support::items::{delete, figure, item, member, update};
use crate::support::on_both_engines;
use cell_records_client::Client;
use cell_records_client::sync::CopyStore;
use cell_records_client::types::accounts::Role;
use cell_records_client::types::sync::{PushBatch, PushItem, PushOp};
use cell_records_client::types::{Member, MemberUpdate};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// Writers at the same time.
const WRITERS: usize = 8;

/// How many changes are written: `CELL_RECORDS_TEST_CHANGES`.
pub fn changes() -> usize {
    std::env::var("CELL_RECORDS_TEST_CHANGES").ok().and_then(|text| text.parse().ok()).unwrap_or(4_000)
}

/// A number that looks random, below a bound: from the bits of a version 4 UUID.
pub fn random(below: usize) -> usize {
    usize::try_from(Uuid::new_v4().as_u64_pair().1 & 0xFFFF_FFFF).unwrap() % below
}

/// Writes as one of many: batches and single calls mixed, with pauses. Counts what the server says that it wrote.
pub async fn writer(client: Client, number: usize, enough: usize, written: Arc<AtomicUsize>) {
    let mut own: Vec<(Uuid, i64)> = Vec::new();
    while written.load(Ordering::Relaxed) < enough {
        if random(4) == 0 {
            tokio::time::sleep(Duration::from_millis(random(8) as u64)).await;
        }
        let cell = |n: usize| format!("ext:demo:cell-{:02}", n % 24 + 1);
        if random(3) == 0 && !own.is_empty() {
            // A single call: a change, with the tag of what is stored.
            let (id, _) = own[random(own.len())];
            let Ok(found) = client.records::<Member>().get(id).await else { continue };
            let patch = MemberUpdate {
                phone: Some(Some(format!("+849{:08}", random(100_000_000)).as_str().into())),
                ..MemberUpdate::default()
            };
            if let Ok(after) = client.records::<Member>().update(id, &found.etag, &patch).await {
                if after.record.version > found.record.version {
                    written.fetch_add(1, Ordering::Relaxed);
                }
                if let Some(known) = own.iter_mut().find(|(known, _)| *known == id) {
                    known.1 = after.record.version;
                }
            }
            continue;
        }
        let mut items: Vec<PushItem> = Vec::new();
        for _ in 0..1 + random(40) {
            let known = (!own.is_empty()).then(|| own[random(own.len())]);
            let taken = known.is_some_and(|(id, _)| {
                items.iter().any(|item| item.id == Some(cell_records_client::types::Reference::Id(id)))
            });
            items.push(match (known.filter(|_| !taken), random(10)) {
                (Some((id, version)), 0..3) => {
                    update("member", id, version, json!({"phone": format!("+849{:08}", random(100_000_000))}))
                }
                (Some((id, version)), 3..5) => update("member", id, version, json!({"unit_id": cell(random(24))})),
                (Some((id, version)), 5) => delete("member", id, version),
                (Some((id, _)), 6) => item(PushOp::Restore, "member", id, json!({})),
                (_, 7) => figure(Uuid::now_v7(), &cell(number), "7"),
                _ => member(Uuid::now_v7(), &cell(random(24)), &format!("Người viết {number}")),
            });
        }
        let answer = client.push(&PushBatch::new(items.clone()), &Uuid::new_v4().to_string()).await.unwrap();
        for (item, result) in items.iter().zip(&answer.items) {
            use cell_records_client::types::sync::ItemStatus::{Created, Deleted, Restored, Unchanged, Updated};
            assert!(
                matches!(
                    result.status,
                    Created
                        | Updated
                        | Deleted
                        | Restored
                        | Unchanged
                        | cell_records_client::types::sync::ItemStatus::Conflict
                ),
                "{item:?}: {result:?}"
            );
            if matches!(result.status, Created | Updated | Deleted | Restored) {
                written.fetch_add(1, Ordering::Relaxed);
            }
            let (Some(id), Some(version)) = (result.id, result.version) else { continue };
            match own.iter_mut().find(|(known, _)| *known == id) {
                Some(known) => known.1 = version,
                None if item.kind == "member" => own.push((id, version)),
                None => {}
            }
        }
    }
}

/// Pulls until nobody writes any more, and then to the end.
pub async fn pull_all_the_while(mut puller: Puller, over: Arc<AtomicBool>) -> Puller {
    loop {
        let last = over.load(Ordering::Acquire);
        puller.drain().await;
        if last {
            return puller;
        }
        tokio::time::sleep(Duration::from_millis(random(20) as u64)).await;
    }
}

on_both_engines! {
    async fn eight_writers_and_three_pullers_miss_nothing(server: demo) {
        let ward = [(Role::ExchangePeer, demo("ward"))];
        let over = Arc::new(AtomicBool::new(false));
        let written = Arc::new(AtomicUsize::new(0));
        let mut pullers = Vec::new();
        for (number, limit) in [7, 120, 2_000].into_iter().enumerate() {
            let peer = server.peer(&format!("puller-{number}"), &ward).await;
            let mut puller = Puller::new(peer.client).limit(limit);
            if limit < 100 {
                // It would walk the whole ward in steps of seven: it follows what comes, of one type.
                puller.query.types = vec!["member".into()];
                puller.query.units = vec!["ext:demo:cell-01".into(), "ext:demo:cell-02".into()];
            }
            pullers.push(tokio::spawn(pull_all_the_while(puller, over.clone())));
        }
        let enough = changes();
        let mut writers = Vec::new();
        for number in 0..WRITERS {
            let peer = server.peer(&format!("writer-{number}"), &ward).await;
            writers.push(tokio::spawn(writer(peer.client, number, enough, written.clone())));
        }
        for writer in writers {
            writer.await.unwrap();
        }
        over.store(true, Ordering::Release);
        assert!(written.load(Ordering::Relaxed) >= enough);
        for (number, puller) in pullers.into_iter().enumerate() {
            let puller = puller.await.unwrap();
            assert!(puller.gone.is_empty());
            let mut shown = visible(&puller.client).await;
            if number == 0 {
                let cells: Vec<String> = shown
                    .values()
                    .filter(|record| ["cell-01", "cell-02"].iter().any(|value| record["external_ids"][0]["value"] == *value))
                    .map(|record| record["id"].as_str().unwrap().to_owned())
                    .collect();
                shown.retain(|(kind, _), record| *kind == "member" && cells.iter().any(|cell| record["unit_id"] == cell.as_str()));
            }
            assert_same(&held(&puller.store), &shown, &format!("puller {number}"));
        }
    }

    async fn a_first_load_during_heavy_writing_with_own_pushes_in_the_middle_ends_equal(server: demo) {
        let ward = [(Role::ExchangePeer, demo("ward"))];
        let written = Arc::new(AtomicUsize::new(0));
        let mut writers = Vec::new();
        for number in 0..3 {
            let peer = server.peer(&format!("writer-{number}"), &ward).await;
            let written = written.clone();
            writers.push(tokio::spawn(writer(peer.client, number, changes() / 8, written)));
        }
        let peer = server.peer("loader", &ward).await;
        let mut session = peer.session(cell_records_client::sync::MemoryStore::new());
        let mut small = Puller::new(peer.client.clone()).limit(60);
        let mut more = true;
        let mut own = Vec::new();
        while more || !writers.iter().all(tokio::task::JoinHandle::is_finished) {
            let pulled = session.pull_once().await.unwrap();
            more = small.page().await || !pulled.current;
            if own.len() < 200 {
                // What it pushes in the middle of its snapshot is in the copy at once and stays there.
                let id = Uuid::now_v7();
                session.enqueue(&[member(id, "ext:demo:cell-01", "Của mình")]).unwrap();
                assert_eq!(session.push().await.unwrap().accepted, 1);
                own.push(id);
            }
            for id in &own {
                assert!(session.store().version("member", *id).unwrap().is_some(), "an own record was lost");
            }
        }
        for writer in writers {
            writer.await.unwrap();
        }
        session.pull_until_current(|_| {}).await.unwrap();
        let shown = visible(&peer.client).await;
        assert_same(&held(session.store()), &shown, "the session");
        small.assert_equal("the small pages").await;
    }

    async fn twenty_who_change_one_record_at_once_leave_one_version_each(server: demo) {
        let peer = server.peer("city", &[(Role::ExchangePeer, demo("ward"))]).await;
        let id = Uuid::now_v7();
        peer.write(vec![member(id, "ext:demo:cell-01", "Một Người")]).await;
        let tries = (0..20).map(|n| peer.push(vec![update("member", id, 1, json!({"phone": format!("+8491234560{n:01}")}))]));
        let answers = futures_util::future::join_all(tries).await;
        let stood = answers.iter().filter(|answer| answer.items[0].status.is_success()).count();
        assert_eq!(stood, 1, "each was built on the same version");
        // Each of two units is moved below the other: one of them may.
        let (a, b) = (Uuid::now_v7(), Uuid::now_v7());
        let committee = |id| crate::support::items::unit(id, "ext:demo:ward", "sub_committee", "Đảng bộ bộ phận");
        peer.write(vec![committee(a), committee(b)]).await;
        let below = |unit, parent: Uuid| peer.push(vec![update("unit", unit, 1, json!({"parent_id": parent}))]);
        let (first, second) = futures_util::future::join(below(a, b), below(b, a)).await;
        let stood = [&first, &second].iter().filter(|answer| answer.items[0].status.is_success()).count();
        assert_eq!(stood, 1, "{first:?} {second:?}");
    }
}
