//! Random histories against the real server: whatever happens, and whatever answers are lost, a copy ends equal to what
//! its caller may see by the rules as an oracle reads them, and to what the lists show it.

use crate::support::actors::grant;
use crate::support::copies::{Puller, assert_same, held, visible};
use crate::support::items::{delete, figure, item, member, unit, update};
use crate::support::oracle::Oracle;
use crate::support::peers::Peer;
use crate::support::{Server, on_both_engines};
use cell_records_client::Client;
use cell_records_client::feed::ChangesQuery;
use cell_records_client::sync::CopyStore;
use cell_records_client::types::Timestamp;
use cell_records_client::types::accounts::{GrantCreate, Role};
use cell_records_client::types::sync::{ItemStatus, PushItem, PushOp};
use serde_json::json;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The root of every tree.
const ROOT: &str = "00000000-0000-7000-8000-000000000001";
/// Systems that pull, each with grants of its own.
const PULLERS: usize = 3;
/// A grant that has not ended by then never ends.
const SOON: Duration = Duration::from_secs(15);

/// How many histories are played: `CELL_RECORDS_TEST_HISTORIES`.
fn histories() -> u64 {
    std::env::var("CELL_RECORDS_TEST_HISTORIES").ok().and_then(|text| text.parse().ok()).unwrap_or(24)
}

/// The first history: `CELL_RECORDS_TEST_SEED`, to play one again.
fn seed() -> u64 {
    let given = std::env::var("CELL_RECORDS_TEST_SEED").ok().and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| Uuid::new_v4().as_u64_pair().1 & 0xFFFF_FFFF)
}

/// SplitMix64: the same history for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() { None } else { from.get(self.below(from.len())) }
    }
}

/// A record as the history knows it.
#[derive(Clone)]
struct Known {
    kind: &'static str,
    id: Uuid,
    version: i64,
    live: bool,
    cell: bool,
}

struct History<'a> {
    server: &'a Server,
    random: Random,
    writer: &'a Peer,
    records: Vec<Known>,
    pullers: Vec<(Peer, Vec<Uuid>, Puller)>,
    said: Vec<String>,
}

fn scheme(id: Uuid, unit: &str) -> PushItem {
    item(
        PushOp::Create,
        "evaluation_scheme",
        id,
        json!({
            "unit_id": unit, "name": "Quy định", "subject_kind": "member", "valid_from": "2014-01-01",
            "levels": [
                {"code": "good", "label_vi": "Tốt", "label_en": "Good", "rank": 1},
                {"code": "poor", "label_vi": "Kém", "label_en": "Poor", "rank": 2},
            ],
        }),
    )
}

fn term(id: Uuid, unit: &str) -> PushItem {
    item(PushOp::Create, "term", id, json!({"unit_id": unit, "label": "2010–2015", "from": "2010-06-01"}))
}

impl<'a> History<'a> {
    async fn begin(server: &'a Server, writer: &'a Peer, seed: u64) -> Self {
        let mut history = History {
            server,
            random: Random(seed),
            writer,
            records: Vec::new(),
            pullers: Vec::new(),
            said: Vec::new(),
        };
        let top = Uuid::now_v7();
        history.make("unit", top, false, unit(top, ROOT, "grassroots_committee", "Đảng bộ")).await;
        for _ in 0..3 + history.random.below(12) {
            history.step().await;
        }
        for number in 0..PULLERS {
            let peer = server.peer(&format!("p{seed:x}-{number}"), &[]).await;
            let mut puller = Puller::new(peer.client.clone());
            if history.random.below(5) == 0 {
                puller.query.types = vec!["unit".into(), "member".into()];
            }
            if history.random.below(10) < 3 {
                // One of them may be outside of the grants, or go outside later.
                let units = history.of(|known| known.kind == "unit" && known.live);
                for _ in 0..2 {
                    puller.query.units.extend(history.random.pick(&units).map(|unit| unit.id.to_string()));
                }
            }
            history.pullers.push((peer, Vec::new(), puller));
            for _ in 0..1 + history.random.below(3) {
                history.add_grant(number).await;
            }
        }
        history
    }

    fn of(&self, wanted: impl Fn(&Known) -> bool) -> Vec<Known> {
        self.records.iter().filter(|known| wanted(known)).cloned().collect()
    }

    async fn make(&mut self, kind: &'static str, id: Uuid, cell: bool, item: PushItem) {
        self.records.push(Known { kind, id, version: 0, live: false, cell });
        self.write(vec![item]).await;
    }

    /// Writes, and takes what became of each record from the answer. Refusals are part of the game.
    async fn write(&mut self, items: Vec<PushItem>) {
        let answer = self.writer.push(items.clone()).await;
        for (item, result) in items.iter().zip(answer.items) {
            self.said.push(format!("{:?} {} {:?}: {:?}", item.op, item.kind, item.id, result.status));
            let refused = matches!(result.status, ItemStatus::Forbidden | ItemStatus::NotFound | ItemStatus::Blocked);
            assert!(!refused, "{item:?}: {result:?}");
            if let (true, Some(id), Some(version)) = (result.status.is_success(), result.id, result.version)
                && let Some(known) = self.records.iter_mut().find(|known| known.id == id)
            {
                known.version = version;
                known.live = result.status != ItemStatus::Deleted;
            }
        }
    }

    async fn step(&mut self) {
        let units = self.of(|known| known.kind == "unit" && known.live);
        let committees = self.of(|known| known.kind == "unit" && known.live && !known.cell);
        let cells = self.of(|known| known.live && known.cell);
        let loose = self.of(|known| known.kind != "unit" && known.live);
        let any = self.random.pick(&units).cloned();
        let id = Uuid::now_v7();
        match self.random.below(100) {
            0..12 => {
                let Some(above) = self.random.pick(&committees).cloned() else { return };
                let cell = self.random.below(2) == 0;
                let kind = if cell { "cell" } else { "sub_committee" };
                self.make("unit", id, cell, unit(id, &above.id.to_string(), kind, "Đơn vị")).await;
            }
            12..25 => {
                let Some(cell) = self.random.pick(&cells).cloned() else { return };
                self.make("member", id, false, member(id, &cell.id.to_string(), &format!("Người {id}"))).await;
            }
            25..40 => {
                let Some(unit) = any else { return };
                let unit = unit.id.to_string();
                match self.random.below(3) {
                    0 => self.make("reported_figure", id, false, figure(id, &unit, "7")).await,
                    1 => self.make("term", id, false, term(id, &unit)).await,
                    _ => self.make("evaluation_scheme", id, false, scheme(id, &unit)).await,
                }
            }
            40..55 => {
                let live = self.of(|known| known.live);
                let Some(known) = self.random.pick(&live).cloned() else { return };
                let number = self.random.below(1_000_000);
                let fields = match known.kind {
                    "unit" => json!({"short_name": format!("{number}")}),
                    "member" => json!({"phone": format!("+84912{number:06}")}),
                    "reported_figure" => json!({"status": (["confirmed", "disputed", "recorded"][number % 3])}),
                    "term" => json!({"label": format!("Khóa {number}")}),
                    _ => json!({"name": format!("Quy định {number}")}),
                };
                self.write(vec![update(known.kind, known.id, known.version, fields)]).await;
            }
            55..68 => {
                // Moves, often several of one record in one batch.
                let members = self.of(|known| known.kind == "member" && known.live);
                let Some(known) = self.random.pick(&members).cloned() else { return };
                let mut items = Vec::new();
                for _ in 0..1 + self.random.below(3) {
                    let Some(cell) = self.random.pick(&cells).cloned() else { return };
                    items.push(update("member", known.id, known.version, json!({"unit_id": cell.id})));
                }
                self.write(items).await;
            }
            68..76 => {
                let Some(known) = self.random.pick(&loose).cloned() else { return };
                self.write(vec![delete(known.kind, known.id, known.version)]).await;
            }
            76..80 => {
                // A unit goes only when it is empty: the server says so.
                let Some(known) = any else { return };
                self.write(vec![delete("unit", known.id, known.version)]).await;
            }
            80..86 => {
                let dead = self.of(|known| !known.live && known.version > 0);
                let Some(known) = self.random.pick(&dead).cloned() else { return };
                self.write(vec![item(PushOp::Restore, known.kind, known.id, json!({}))]).await;
            }
            86..94 => {
                let (Some(moved), Some(above)) = (any, self.random.pick(&committees).cloned()) else { return };
                self.write(vec![update("unit", moved.id, moved.version, json!({"parent_id": above.id}))]).await;
            }
            _ => {
                if self.pullers.is_empty() {
                    return;
                }
                let number = self.random.below(self.pullers.len());
                let held = self.pullers[number].1.clone();
                match self.random.pick(&held).copied() {
                    Some(gone) if self.random.below(2) == 0 => {
                        self.said.push(format!("puller {number} loses {gone}"));
                        self.server.ungrant(&self.pullers[number].0, gone).await;
                        self.pullers[number].1.retain(|held| *held != gone);
                    }
                    _ => self.add_grant(number).await,
                }
            }
        }
    }

    async fn add_grant(&mut self, number: usize) {
        let units = self.of(|known| known.kind == "unit" && known.live);
        let Some(unit) = self.random.pick(&units).cloned() else { return };
        let role = if self.random.below(2) == 0 { Role::ExchangePeer } else { Role::FrontendReader };
        let ends = self.random.below(4) == 0;
        let moment = i64::try_from(300_000 + self.random.below(1_200_000)).unwrap();
        let until = ends.then(|| Timestamp::from_micros(Timestamp::now().micros() + moment));
        self.said.push(format!("puller {number} gets {role:?} at {} until {until:?}", unit.id));
        let new = GrantCreate { until, ..grant(role, unit.id.into()) };
        let id = self.server.grant(&self.pullers[number].0, new).await;
        // One that is held already is not given again.
        if !ends && !self.pullers[number].1.contains(&id) {
            self.pullers[number].1.push(id);
        }
    }

    async fn pull_a_page(&mut self) {
        let number = self.random.below(self.pullers.len());
        let limit = [1, 2, 3, 7, 50][self.random.below(5)];
        let puller = &mut self.pullers[number].2;
        puller.query.limit = Some(limit);
        if self.random.below(10) == 0 {
            // An answer that is lost: the same cursor is used again.
            let cursor = puller.store.state().unwrap().cursor;
            if cursor.is_some() {
                let query = ChangesQuery { cursor, limit: Some(limit), ..ChangesQuery::default() };
                let _ = puller.client.changes(&query).await;
            }
            return;
        }
        puller.page().await;
    }

    async fn end(&mut self, seed: u64, all: &Client) {
        let gone = self.of(|known| known.kind == "unit" && !known.live && known.version > 0);
        let gone: Vec<Uuid> = gone.iter().map(|known| known.id).collect();
        let oracle = Oracle::ask(all, self.writer, &gone).await;
        for (number, (peer, lasting, puller)) in self.pullers.iter_mut().enumerate() {
            // Lists and feed are compared when no grant ends any more.
            let begun = Instant::now();
            while peer.client.get_me().await.unwrap().grants.len() > lasting.len() {
                assert!(begun.elapsed() < SOON, "seed {seed}: a grant does not end");
            }
            puller.drain().await;
            let (types, units) = (&puller.query.types, &puller.query.units);
            let ids: Vec<Uuid> = units.iter().map(|unit| Uuid::try_parse(unit).unwrap()).collect();
            let grants = peer.client.get_me().await.unwrap().grants;
            let expected = oracle.expected(&grants, &ids, types);
            let copy = held(&puller.store);
            if copy != expected {
                eprintln!("the history of seed {seed}:\n{}", self.said.join("\n"));
            }
            assert_same(&copy, &expected, &format!("seed {seed}, puller {number}"));
            // The lists show the same.
            let shown = visible(&peer.client).await;
            assert_same(&oracle.expected(&grants, &[], &[]), &shown, &format!("seed {seed}, lists of {number}"));
        }
    }
}

on_both_engines! {
    async fn random_histories_end_with_equal_copies(server: empty) {
        let writer = server.peer("writer", &[(Role::ExchangePeer, Uuid::try_parse(ROOT).unwrap().into())]).await;
        let all = server.user("office", &[(Role::CommitteeOffice, Uuid::try_parse(ROOT).unwrap().into())]).await.1;
        let first = seed();
        for seed in first..first + histories() {
            let mut history = History::begin(server, &writer, seed).await;
            for _ in 0..20 + history.random.below(60) {
                if history.random.below(10) < 6 {
                    history.step().await;
                } else {
                    history.pull_a_page().await;
                }
            }
            history.end(seed, &all).await;
        }
    }
}
