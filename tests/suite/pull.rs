//! Pulling: the first load, pages of every size, filters, what comes after, and how a pull is refused.

use crate::support::actors::{demo, grant};
use crate::support::copies::{Puller, assert_same, held, visible};
use crate::support::items::{delete, figure, member, unit, update};
use crate::support::ward::ROOT;
use crate::support::{Engine, Server, on_both_engines};
use cell_records_client::feed::ChangesQuery;
use cell_records_client::sync::{CopyStore, Filter, MemoryStore, SqliteStore};
use cell_records_client::types::accounts::Role;
use cell_records_client::types::sync::Change;
use cell_records_server::store::policy;
use cell_records_server::store::registry::KINDS;
use serde_json::json;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The grants of a system that exchanges the ward.
pub fn peer_role() -> [(Role, cell_records_client::types::Ref<cell_records_client::types::Unit>); 1] {
    [(Role::ExchangePeer, demo("ward"))]
}

/// Repeats the last row of the log 12,000 times, as if as many versions of its record were written.
fn lengthen(server: &Server) {
    let copies = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)";
    server.database.sql(&[
        format!(
            "{copies} INSERT INTO changes SELECT c.seq + n.i, c.batch, c.type, c.record_id, c.op, c.version + n.i, \
             c.unit_before, c.unit_after, c.origin, c.known_to_writer, c.actor, c.request_id, c.at, c.external_ids, \
             c.public_body, c.internal_body, c.personal_body, c.sensitive_body \
             FROM changes c, n WHERE c.seq = (SELECT seq FROM sync_clock)"
        ),
        format!(
            "{copies} INSERT INTO change_scope SELECT s.unit_id, s.downward, s.seq + n.i FROM change_scope s, n \
             WHERE s.seq = (SELECT seq FROM sync_clock)"
        ),
        "UPDATE sync_clock SET seq = seq + 12000".into(),
    ]);
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
        // The demo has records of every type that a system reads.
        let read = KINDS.iter().filter(|kind| policy::rights(&Role::ExchangePeer, kind.name).is_some());
        assert!(read.clone().count() > 9 && read.map(|kind| kind.name).all(|name| counts[name] > 0), "{counts:?}");
    }

    async fn a_snapshot_of_very_many_units_goes_over_so_many_a_page_and_misses_none(server: empty) {
        let ward = server.ward().await;
        let mut expected = vec![ward.member(&ward.a).await, ward.member(&ward.b).await];
        expected.sort_unstable();
        let id = server.database.uuid(ward.ward.parse().unwrap());
        let new = match server.engine {
            Engine::Sqlite => "randomblob(16)",
            Engine::Postgres => "gen_random_uuid()",
        };
        server.database.sql(&[format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
             INSERT INTO unit_tree (unit_id, parent_id, boundary_seq) SELECT {new}, {id}, 0 FROM n"
        )]);
        let large = server.restarted_with(|_| {}).await;
        let peer = large.acting(Role::ExchangePeer, &ward.ward).await;
        let (mut found, mut pages, mut empty, mut ended) = (Vec::new(), 0, 0, 0);
        let mut next = Some("/v1/sync/changes?types=member,term,position".to_owned());
        while let Some(page) = next {
            let page = peer.get(&page).await.is(200);
            let changes = page.body["changes"].as_array().unwrap();
            found.extend(changes.iter().filter(|change| change["op"] == "upsert").map(|change| change["id"].as_str().unwrap().to_owned()));
            ended += changes.iter().filter(|change| change["op"] == "snapshot_end").count();
            (pages, empty) = (pages + 1, empty + usize::from(changes.is_empty()));
            let cursor = page.body["cursor"].as_str().unwrap();
            next = (page.body["has_more"] == json!(true)).then(|| format!("/v1/sync/changes?cursor={cursor}"));
        }
        found.sort_unstable();
        assert_eq!((found, ended), (expected, 1));
        assert!(empty >= 1 && (4..=8).contains(&pages), "{pages}, of which {empty} empty");
        large.running.handle.stop(false).await;
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

    async fn records_of_two_types_with_one_id_are_two_records(server: demo) {
        let peer = server.peer("province", &peer_role()).await;
        let mut puller = Puller::new(peer.client.clone());
        puller.drain().await;
        let id = Uuid::now_v7();
        // One page brings the rows of both, and the later row of the one does not hide the other.
        peer.write(vec![member(id, "ext:demo:cell-01", "Nguyễn Văn Một"), figure(id, "ext:demo:cell-02", "57")]).await;
        puller.assert_equal("two types, one id").await;
        assert_eq!(puller.store.version("member", id).unwrap(), Some(1));
        assert_eq!(puller.store.version("reported_figure", id).unwrap(), Some(1));
        peer.write(vec![
            update("reported_figure", id, 1, json!({"status": "confirmed"})),
            update("member", id, 1, json!({"phone": "+84912345678"})),
        ]).await;
        puller.assert_equal("two types, one id, changed").await;
        peer.write(vec![update("member", id, 2, json!({"phone": null})), delete("reported_figure", id, 2)]).await;
        puller.assert_equal("two types, one id, one deleted").await;
        assert_eq!(puller.store.version("member", id).unwrap(), Some(3));
    }

    async fn behind_counts_what_every_grant_has_to_look_at(server: demo) {
        let city = server.peer("city", &peer_role()).await;
        let cells: Vec<Uuid> = (0..105).map(|_| Uuid::now_v7()).collect();
        let new = |(number, id): (usize, &Uuid)| unit(*id, "ext:demo:ward", "cell", &format!("Chi bộ thử {number}"));
        city.write(cells.iter().enumerate().map(new).collect()).await;
        let peer = server.peer("many", &[]).await;
        for cell in &cells {
            server.grant(&peer, grant(Role::ExchangePeer, (*cell).into())).await;
        }
        let mut puller = Puller::new(peer.client.clone());
        puller.drain().await;
        let one = |cell: &Uuid| member(Uuid::now_v7(), &cell.to_string(), "Nguyễn Văn Hai");
        city.write(cells.iter().map(one).collect()).await;
        let cursor = puller.store.state().unwrap().cursor;
        let query = ChangesQuery { cursor, limit: Some(5), ..ChangesQuery::default() };
        let page = peer.client.changes(&query).await.unwrap();
        assert_eq!((page.changes.len(), page.behind, page.behind_capped), (5, Some(100), false));
        puller.assert_equal("105 grants").await;
    }

    async fn a_long_log_is_looked_at_in_bounded_steps(server: demo) {
        let peer = server.peer("city", &peer_role()).await;
        let whole = server.peer("whole", &[(Role::ExchangePeer, Uuid::try_parse(ROOT).unwrap().into())]).await;
        let query = ChangesQuery { types: vec!["unit".into()], from_now: true, ..ChangesQuery::default() };
        let starts = [peer.client.changes(&query).await.unwrap(), whole.client.changes(&query).await.unwrap()];
        peer.write(vec![member(Uuid::now_v7(), "ext:demo:cell-01", "Nguyễn Văn Ba")]).await;
        lengthen(server);
        let cell = Uuid::now_v7();
        peer.write(vec![unit(cell, "ext:demo:ward", "cell", "Chi bộ sau cùng")]).await;
        for (caller, start) in [&peer, &whole].into_iter().zip(starts) {
            let (mut cursor, mut pages, mut units) = (start.cursor, Vec::new(), Vec::new());
            loop {
                let query = ChangesQuery { cursor: Some(cursor), ..ChangesQuery::default() };
                let page = caller.client.changes(&query).await.unwrap();
                units.extend(page.changes.iter().map(|change| match change {
                    Change::Upsert { id, .. } => *id,
                    other => panic!("{other:?}"),
                }));
                pages.push((page.behind.unwrap(), page.behind_capped));
                cursor = page.cursor;
                if !page.has_more {
                    break;
                }
            }
            assert_eq!(units, [cell]);
            // More than one page, though none but the last has a change; each comes nearer to the end.
            assert!(pages.len() >= 2, "{pages:?}");
            assert!(pages.iter().is_sorted_by(|one, next| one.0 > next.0), "{pages:?}");
            assert_eq!(pages.last(), Some(&(0, false)));
        }
    }

    async fn behind_is_cut_at_its_limit(server: demo) {
        let peer = server.peer("city", &peer_role()).await;
        let whole = server.peer("whole", &[(Role::ExchangePeer, Uuid::try_parse(ROOT).unwrap().into())]).await;
        let start = ChangesQuery { from_now: true, ..ChangesQuery::default() };
        let starts = [peer.client.changes(&start).await.unwrap(), whole.client.changes(&start).await.unwrap()];
        peer.write(vec![
            member(Uuid::now_v7(), "ext:demo:cell-01", "Nguyễn Văn Tư"),
            member(Uuid::now_v7(), "ext:demo:cell-01", "Nguyễn Văn Năm"),
        ]).await;
        lengthen(server);
        for (caller, start) in [&peer, &whole].into_iter().zip(starts) {
            let query = ChangesQuery { cursor: Some(start.cursor), limit: Some(1), ..ChangesQuery::default() };
            let page = caller.client.changes(&query).await.unwrap();
            assert_eq!((page.changes.len(), page.behind, page.behind_capped), (1, Some(10_000), true));
        }
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
        assert_eq!(answer.items.iter().map(|item| item.known_to_writer).collect::<Vec<_>>(), [true, false]);
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
}
