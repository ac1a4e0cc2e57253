//! Grants that begin and end and units that move: one `410 scope_changed`, then an equal copy.

use crate::support::actors::{demo, grant};
use crate::support::copies::{Puller, held};
use crate::support::items::{figure, member, unit, update};
use crate::support::on_both_engines;
use cell_records_client::feed::ChangesQuery;
use cell_records_client::sync::{CopyStore, MemoryStore};
use cell_records_client::types::accounts::{GrantCreate, Role};
use cell_records_client::types::sync::{Change, PushBatch};
use cell_records_client::types::{Timestamp, Unit};
use serde_json::json;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Microseconds until a grant ends.
const A_MOMENT: i64 = 2_000_000;
/// What has not happened by then never happens.
const SOON: Duration = Duration::from_secs(15);

on_both_engines! {
    async fn another_grant_adds_its_records_after_one_410(server: demo) {
        let peer = server.peer("cell", &[(Role::ExchangePeer, demo("cell-01"))]).await;
        let mut puller = Puller::new(peer.client.clone()).limit(50);
        let mut session = peer.session(MemoryStore::new());
        puller.assert_equal("one cell").await;
        session.pull_until_current(|_| {}).await.unwrap();
        server.grant(&peer, grant(Role::ExchangePeer, demo("cell-02"))).await;
        puller.assert_equal("two cells").await;
        assert_eq!((puller.gone.len(), puller.count("member")), (1, 62 + 55));
        assert_eq!(puller.gone, ["scope_changed"]);
        let pulled = session.pull_until_current(|_| {}).await.unwrap();
        assert!(pulled.restarted && pulled.swept == 0 && !pulled.miscounted);
        assert_eq!(held(session.store()), held(&puller.store));
        puller.assert_equal("two cells, once more").await;
        assert_eq!(puller.gone.len(), 1);
    }

    async fn a_grant_that_covers_the_same_once_more_changes_no_record(server: demo) {
        let peer = server.peer("ward", &[(Role::ExchangePeer, demo("ward"))]).await;
        let mut session = peer.session(MemoryStore::new());
        session.pull_until_current(|_| {}).await.unwrap();
        let id = server.grant(&peer, grant(Role::ExchangePeer, demo("cell-01"))).await;
        let pulled = session.pull_until_current(|_| {}).await.unwrap();
        assert!(pulled.restarted && pulled.swept == 0);
        server.ungrant(&peer, id).await;
        let pulled = session.pull_until_current(|_| {}).await.unwrap();
        assert!(pulled.restarted && pulled.swept == 0);
    }

    async fn a_grant_that_ends_by_itself_takes_its_records_after_one_410(server: demo) {
        let peer = server.peer("cell", &[(Role::ExchangePeer, demo("cell-01"))]).await;
        let until = Timestamp::from_micros(Timestamp::now().micros() + A_MOMENT);
        let ends = GrantCreate { until: Some(until), ..grant(Role::ExchangePeer, demo("cell-02")) };
        server.grant(&peer, ends).await;
        let mut puller = Puller::new(peer.client.clone());
        puller.drain().await;
        assert_eq!(puller.count("member"), 62 + 55);
        // One that waits in a long poll gets it too.
        let begun = Instant::now();
        let (client, cursor) = (peer.client.clone(), puller.store.state().unwrap().cursor);
        let query = ChangesQuery { cursor, wait: 60, ..ChangesQuery::default() };
        let waiting = tokio::spawn(async move { client.changes(&query).await });
        while puller.gone.is_empty() {
            assert!(begun.elapsed() < SOON, "the grant does not end");
            puller.page().await;
        }
        puller.assert_equal("after the end").await;
        assert_eq!((puller.gone.as_slice(), puller.count("member")), (["scope_changed".to_owned()].as_slice(), 62));
        let error = tokio::time::timeout(SOON, waiting).await.expect("the pull waits on").unwrap().unwrap_err();
        assert_eq!((error.status(), error.code()), (Some(410), Some("cursor_gone")));
    }

    async fn a_grant_that_begins_later_adds_its_records_when_it_does(server: demo) {
        let peer = server.peer("cell", &[(Role::ExchangePeer, demo("cell-01"))]).await;
        let from = Timestamp::from_micros(Timestamp::now().micros() + A_MOMENT);
        let begins = GrantCreate { from: Some(from), ..grant(Role::ExchangePeer, demo("cell-02")) };
        server.grant(&peer, begins).await;
        let mut puller = Puller::new(peer.client.clone());
        puller.drain().await;
        assert_eq!(puller.count("member"), 62);
        let begun = Instant::now();
        while puller.gone.is_empty() {
            assert!(begun.elapsed() < SOON, "the grant does not begin");
            puller.page().await;
        }
        puller.assert_equal("after its beginning").await;
        assert_eq!((puller.gone.len(), puller.count("member")), (1, 62 + 55));
    }

    async fn the_last_grants_end_empties_the_copy(server: demo) {
        let peer = server.peer("cell", &[(Role::ExchangePeer, demo("cell-01"))]).await;
        let mut puller = Puller::new(peer.client.clone());
        let mut session = peer.session(MemoryStore::new());
        let mut narrow = Puller::new(peer.client.clone());
        narrow.query.units = vec!["ext:demo:cell-01".into()];
        for puller in [&mut puller, &mut narrow] {
            puller.drain().await;
            assert_eq!(puller.count("member"), 62);
        }
        session.pull_until_current(|_| {}).await.unwrap();
        server.ungrant(&peer, peer.grants[0]).await;
        for puller in [&mut puller, &mut narrow] {
            puller.assert_equal("after the end").await;
            assert!(held(&puller.store).is_empty());
            assert_eq!(puller.gone, ["scope_changed"]);
        }
        session.pull_until_current(|_| {}).await.unwrap();
        assert!(session.store().counts().unwrap().is_empty());
        // It begins again as well.
        server.grant(&peer, grant(Role::ExchangePeer, demo("cell-02"))).await;
        puller.assert_equal("after another beginning").await;
        assert_eq!((puller.gone.len(), puller.count("member")), (2, 55));
    }

    async fn a_cell_that_moves_changes_the_copies_on_its_boundary_only(server: demo) {
        let city = server.peer("city", &[(Role::ExchangePeer, demo("city"))]).await;
        let other = Uuid::now_v7();
        city.write(vec![unit(other, "ext:demo:city", "grassroots_committee", "Đảng bộ phường Hưng Phúc")]).await;
        let ward = server.peer("ward", &[(Role::ExchangePeer, demo("ward"))]).await;
        let ward_2 = server.peer("ward-2", &[(Role::ExchangePeer, other.into())]).await;
        let cell = server.peer("cell", &[(Role::ExchangePeer, demo("cell-01"))]).await;
        let other_cell = server.peer("other-cell", &[(Role::ExchangePeer, demo("cell-02"))]).await;
        let both = server.peer("both", &[(Role::ExchangePeer, demo("ward")), (Role::ExchangePeer, other.into())]).await;
        let mut pullers: Vec<Puller> =
            [&city, &ward, &ward_2, &cell, &other_cell, &both].iter().map(|peer| Puller::new(peer.client.clone())).collect();
        for puller in &mut pullers {
            puller.drain().await;
        }
        let found = city.client.records::<Unit>().get(demo("cell-01")).await.unwrap().record;
        let members = [pullers[1].count("member"), pullers[2].count("member")];
        let moved = city.write(vec![update("unit", found.id, found.version, json!({"parent_id": other}))]).await;
        assert_eq!(moved.summary["updated"], 1, "{moved:?}");

        // Who holds both sides by one grant sees one version of one unit.
        let cursor = pullers[0].store.state().unwrap().cursor;
        let page = city.client.changes(&ChangesQuery { cursor, ..ChangesQuery::default() }).await.unwrap();
        match &page.changes[..] {
            [Change::Upsert { kind, id, version, .. }] => {
                assert_eq!((kind.as_str(), *id, *version), ("unit", found.id, found.version + 1));
            }
            changes => panic!("{changes:?}"),
        }
        for (index, whose) in ["city", "ward", "ward-2", "cell", "other-cell", "both"].iter().enumerate() {
            pullers[index].assert_equal(whose).await;
        }
        let gone: Vec<usize> = pullers.iter().map(|puller| puller.gone.len()).collect();
        assert_eq!(gone[..5], [0, 1, 1, 1, 0]);
        // Two grants, one on either side: units left one of them and entered the other.
        assert!(gone[5] <= 1);
        assert!(pullers.iter().flat_map(|puller| &puller.gone).all(|reason| reason == "scope_changed"));
        let after = [pullers[1].count("member"), pullers[2].count("member")];
        assert_eq!(after, [members[0] - 62, members[1] + 62]);
        // From now on its members' changes reach the new side only.
        city.write(vec![member(Uuid::now_v7(), "ext:demo:cell-01", "Thái Văn An")]).await;
        for puller in &mut pullers {
            puller.assert_equal("after the move").await;
        }
        assert_eq!(pullers.iter().map(|puller| puller.gone.len()).collect::<Vec<_>>(), gone);
    }

    async fn two_grants_are_never_mixed(server: demo) {
        let city = server.peer("city", &[(Role::ExchangePeer, demo("ward"))]).await;
        let mixed = [(Role::FrontendReader, demo("ward")), (Role::ExchangePeer, demo("cell-01"))];
        let peer = server.peer("mixed", &mixed).await;
        let mut puller = Puller::new(peer.client.clone());
        puller.assert_equal("two roles").await;
        // Units of the whole ward; members of the cell only.
        assert_eq!((puller.count("unit"), puller.count("member")), (28, 62));
        let (hidden, seen) = (Uuid::now_v7(), Uuid::now_v7());
        city.write(vec![member(hidden, "ext:demo:cell-02", "Từ Văn An"), figure(seen, "ext:demo:cell-02", "56")]).await;
        puller.assert_equal("two roles, after changes").await;
        assert_eq!(puller.store.version("member", hidden).unwrap(), None);
        assert_eq!(puller.store.version("reported_figure", seen).unwrap(), Some(1));
        // Into the cell it comes, out of it it goes.
        let move_to = |version, cell: &str| update("member", hidden, version, json!({"unit_id": cell}));
        city.write(vec![move_to(1, "ext:demo:cell-01")]).await;
        puller.assert_equal("two roles, moved in").await;
        assert_eq!(puller.store.version("member", hidden).unwrap(), Some(2));
        city.write(vec![move_to(2, "ext:demo:cell-02")]).await;
        puller.assert_equal("two roles, moved out").await;
        assert_eq!(puller.store.version("member", hidden).unwrap(), None);
        assert!(puller.gone.is_empty());
    }

    async fn the_mask_of_each_record_is_that_of_the_grants_that_cover_it(server: demo) {
        let office = server.user("office", &[(Role::CommitteeOffice, demo("ward"))]).await.1;
        let mixed = [(Role::InspectionCommission, demo("ward")), (Role::CommitteeOffice, demo("cell-01"))];
        let reader = server.user("reader", &mixed).await.1;
        let mut puller = Puller::new(reader);
        puller.drain().await;
        let (inside, outside) = (Uuid::now_v7(), Uuid::now_v7());
        let with = |id, cell: &str| {
            let mut item = member(id, cell, "Sầm Văn An");
            item.fields.insert("ethnicity".into(), json!("03"));
            item
        };
        let items = vec![with(inside, "ext:demo:cell-01"), with(outside, "ext:demo:cell-02")];
        office.push(&PushBatch::new(items), "k").await.unwrap();
        puller.assert_equal("two classes").await;
        let ethnicity = |puller: &Puller, id| puller.store.get("member", id).unwrap().unwrap().record.get("ethnicity").cloned();
        assert_eq!(ethnicity(&puller, inside), Some(json!("03")));
        assert_eq!(ethnicity(&puller, outside), None);
        // A move between them changes what is shown of it.
        let items = vec![update("member", inside, 1, json!({"unit_id": "ext:demo:cell-02"}))];
        office.push(&PushBatch::new(items), "l").await.unwrap();
        puller.assert_equal("two classes, moved").await;
        assert_eq!(ethnicity(&puller, inside), None);
        assert!(puller.gone.is_empty());
    }

    async fn a_unit_that_the_caller_does_not_see_is_an_empty_one(server: demo) {
        let peer = server.peer("peer", &[(Role::ExchangePeer, demo("cell-01")), (Role::ExchangePeer, demo("cell-02"))]).await;
        let nobody = Uuid::now_v7().to_string();
        let sent = ["ext:demo:cell-01", "ext:demo:cell-03", nobody.as_str(), "ext:demo:nowhere", "ext:demo:member-0001"];
        let page = peer.get(&format!("/v1/sync/changes?types=member&limit=2000&units={}", sent.join(",")), &[]).await;
        assert_eq!((page.status, &page.body["unknown_units"]), (200, &json!(sent[1..])), "{}", page.body);
        assert_eq!(page.body["changes"].as_array().unwrap().last().unwrap()["counts"], json!({"member": 62}));
        // Later pages do not say it again; the filter may be sent again as it was.
        let path = format!(
            "/v1/sync/changes?units={}&cursor={}",
            sent.join(","),
            page.body["cursor"].as_str().unwrap()
        );
        let next = peer.get(&path, &[]).await;
        assert_eq!((next.status, next.body.get("unknown_units")), (200, None), "{}", next.body);
        // None that is seen: nothing, not everything.
        let page = peer.get("/v1/sync/changes?units=ext:demo:cell-03,ext:demo:nowhere", &[]).await;
        assert_eq!(page.body["unknown_units"], json!(["ext:demo:cell-03", "ext:demo:nowhere"]));
        assert_eq!(page.body["changes"], json!([{"op": "snapshot_end", "counts": {}}]));
        let now = peer.get("/v1/sync/changes?from=now&units=ext:demo:nowhere", &[]).await;
        assert_eq!(now.body["unknown_units"], json!(["ext:demo:nowhere"]));
        let seen = peer.get("/v1/sync/changes?units=ext:demo:cell-02", &[]).await;
        assert_eq!(seen.body.get("unknown_units"), None);
    }

    async fn a_unit_of_the_filter_that_leaves_the_scope_empties_its_part_of_the_copy(server: demo) {
        let peer = server.peer("peer", &[(Role::ExchangePeer, demo("cell-01")), (Role::ExchangePeer, demo("cell-02"))]).await;
        let mut puller = Puller::new(peer.client.clone());
        puller.query.units = vec!["ext:demo:cell-01".into(), "ext:demo:cell-02".into()];
        puller.drain().await;
        assert_eq!(puller.count("member"), 62 + 55);
        server.ungrant(&peer, peer.grants[0]).await;
        puller.drain().await;
        assert_eq!((puller.count("member"), &puller.gone[..]), (55, &["scope_changed".to_owned()][..]));
        server.ungrant(&peer, peer.grants[1]).await;
        puller.drain().await;
        assert!(held(&puller.store).is_empty());
        // It comes back with the grant.
        server.grant(&peer, grant(Role::ExchangePeer, demo("cell-01"))).await;
        puller.drain().await;
        assert_eq!((puller.count("member"), puller.gone.len()), (62, 3));
    }
}
