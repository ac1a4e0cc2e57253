//! Two servers on one database: one order of writes, whoever wrote, and one view of rights.

use crate::concurrency::{pull_all_the_while, random, writer};
use crate::support::actors::demo;
use crate::support::copies::{Puller, assert_same, held, visible};
use crate::support::http::over;
use crate::support::items::{member, unit, update};
use crate::support::{Engine, on_both_engines, ward};
use cell_records_client::RetryPolicy;
use cell_records_client::feed::ChangesQuery;
use cell_records_client::sync::CopyStore;
use cell_records_client::types::accounts::Role;
use cell_records_client::types::pages::ListQuery;
use cell_records_client::types::sync::PushBatch;
use cell_records_client::types::{Member, Timestamp};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// What one server does is known to the others within this time.
const A_SECOND: Duration = Duration::from_millis(1_500);
/// What has not happened by then never happens.
const SOON: Duration = Duration::from_secs(20);

on_both_engines! {
    async fn writers_and_pullers_on_both_servers_miss_nothing(server: demo) {
        if server.engine == Engine::Sqlite {
            // Its file has one server.
            return;
        }
        let second = server.another().await;
        let ward = [(Role::ExchangePeer, demo("ward"))];
        let over = Arc::new(AtomicBool::new(false));
        let written = Arc::new(AtomicUsize::new(0));
        let mut pullers = Vec::new();
        for number in 0..4 {
            let peer = server.peer(&format!("puller-{number}"), &ward).await;
            let client = if number % 2 == 0 { peer.client.clone() } else { peer.at(&second) };
            pullers.push(tokio::spawn(pull_all_the_while(Puller::new(client).limit(200), over.clone())));
        }
        let mut writers = Vec::new();
        for number in 0..6 {
            let peer = server.peer(&format!("writer-{number}"), &ward).await;
            let client = if number % 2 == 0 { peer.client.clone() } else { peer.at(&second) };
            writers.push(tokio::spawn(writer(client, number, crate::concurrency::changes() / 2, written.clone())));
        }
        for writer in writers {
            writer.await.unwrap();
        }
        over.store(true, Ordering::Release);
        for puller in pullers {
            let puller = puller.await.unwrap();
            assert!(puller.gone.is_empty());
            assert_same(&held(&puller.store), &visible(&puller.client).await, "a puller");
        }
        second.running.handle.stop(false).await;
    }

    async fn what_one_server_revokes_the_other_refuses_within_a_second(server: demo) {
        if server.engine == Engine::Sqlite {
            return;
        }
        let second = server.another().await;
        let peer = server.peer("city", &[(Role::ExchangePeer, demo("ward"))]).await;
        let elsewhere = peer.at(&second);
        let first = elsewhere.changes(&ChangesQuery { from_now: true, ..ChangesQuery::default() }).await.unwrap();
        let query = ChangesQuery { cursor: Some(first.cursor), wait: 60, ..ChangesQuery::default() };
        let waiting = tokio::spawn({
            let client = elsewhere.clone();
            async move { client.changes(&query).await }
        });
        server.admin().systems().delete_token(peer.system.id, peer.token.id).await.unwrap();
        let begun = Instant::now();
        let list = ListQuery { limit: Some(1), ..ListQuery::default() };
        while elsewhere.records::<Member>().list(&list).await.is_ok() {
            assert!(begun.elapsed() < A_SECOND, "the other server takes the token still");
        }
        let ended = tokio::time::timeout(A_SECOND, waiting).await.expect("the pull waits on").unwrap();
        assert_eq!(ended.unwrap_err().status(), Some(401));
        // A write is never let in, not even within that second.
        let pushed = elsewhere.push(&PushBatch::new(vec![member(Uuid::now_v7(), "ext:demo:cell-01", "A")]), "k").await;
        assert_eq!(pushed.unwrap_err().status(), Some(401));
        second.running.handle.stop(false).await;
    }

    async fn a_grant_that_one_server_takes_binds_the_writes_of_the_other_at_once(server: demo) {
        if server.engine == Engine::Sqlite {
            return;
        }
        let second = server.another().await;
        let peer = server.peer("city", &[(Role::ExchangePeer, demo("ward"))]).await;
        let elsewhere = peer.at(&second);
        let push = || async {
            let batch = PushBatch::new(vec![member(Uuid::now_v7(), "ext:demo:cell-01", "Một Người")]);
            elsewhere.push(&batch, &Uuid::new_v4().to_string()).await.unwrap().items[0].status.clone()
        };
        assert!(push().await.is_success());
        let mut puller = Puller::new(elsewhere.clone());
        puller.drain().await;
        server.ungrant(&peer, peer.grants[0]).await;
        // Each page and each write reads the rights in its own transaction: there is no second of grace.
        assert!(!push().await.is_success());
        puller.drain().await;
        assert!(held(&puller.store).is_empty());
        second.running.handle.stop(false).await;
    }

    async fn a_waiting_pull_learns_what_the_other_server_wrote(server: demo) {
        if server.engine == Engine::Sqlite {
            return;
        }
        let second = server.another().await;
        let peer = server.peer("city", &[(Role::ExchangePeer, demo("ward"))]).await;
        let elsewhere = peer.at(&second);
        let first = elsewhere.changes(&ChangesQuery { from_now: true, ..ChangesQuery::default() }).await.unwrap();
        let query = ChangesQuery { cursor: Some(first.cursor), wait: 60, ..ChangesQuery::default() };
        let waiting = tokio::spawn(async move { elsewhere.changes(&query).await });
        peer.write(vec![member(Uuid::now_v7(), "ext:demo:cell-01", "Một Người")]).await;
        let page = tokio::time::timeout(SOON, waiting).await.expect("the pull waits on").unwrap().unwrap();
        assert_eq!(page.changes.len(), 1);
        second.running.handle.stop(false).await;
    }

    async fn a_unit_made_on_one_server_is_known_to_the_other(server: demo) {
        if server.engine == Engine::Sqlite {
            return;
        }
        let second = server.another().await;
        let peer = server.peer("city", &[(Role::ExchangePeer, demo("ward"))]).await;
        let elsewhere = peer.at(&second);
        let mut puller = Puller::new(elsewhere.clone());
        puller.drain().await;
        let cell = Uuid::now_v7();
        peer.write(vec![unit(cell, "ext:demo:ward", "cell", "Chi bộ số 25")]).await;
        let batch = PushBatch::new(vec![member(Uuid::now_v7(), &cell.to_string(), "Một Người")]);
        let answer = elsewhere.push(&batch, "k").await.unwrap();
        assert!(answer.items[0].status.is_success(), "{answer:?}");
        puller.assert_equal("the other server's puller").await;
        assert!(puller.gone.is_empty());
        second.running.handle.stop(false).await;
    }

    async fn what_one_server_makes_the_other_finds_at_once(server: empty) {
        if server.engine == Engine::Sqlite {
            return;
        }
        let second = server.another().await;
        let ward = server.ward().await;
        for role in [(Role::CommitteeOffice, ward::ROOT), (Role::CommitteeOffice, &ward.ward)] {
            let caller = server.acting(role.0, role.1).await;
            let elsewhere = caller.at(&second.url);
            let made = async || {
                // What the other server keeps in memory is from before the unit and its member.
                elsewhere.get("/v1/units?limit=1").await.is(200);
                let (code, value) = (caller.code.as_str(), Uuid::new_v4().to_string());
                let mut cell = ward::unit("cell", &ward.ward);
                cell["external_ids"] = json!([{"system": code, "value": value}]);
                let cell = caller.post("/v1/units", cell).await.is(201).id();
                let member = caller.post("/v1/members", ward::member(&cell)).await.is(201).id();
                (cell, member, format!("ext:{code}:{value}"))
            };
            let (cell, ..) = made().await;
            elsewhere.get(&format!("/v1/units/{cell}")).await.is(200);
            let (_, member, _) = made().await;
            elsewhere.get(&format!("/v1/members/{member}")).await.is(200);
            let (_, member, _) = made().await;
            elsewhere.get(&format!("/v1/members/{member}/history")).await.is(200);
            let (.., external) = made().await;
            elsewhere.get(&format!("/v1/units/{external}")).await.is(200);
            let (cell, ..) = made().await;
            elsewhere.get(&format!("/v1/units/{cell}/grants")).await.is(200);
            let (_, member, _) = made().await;
            let path = format!("/v1/members/{member}");
            elsewhere.call(reqwest::Method::DELETE, &path).await.refused(428, "precondition_required");
            for by_id in [true, false] {
                let (cell, member, external) = made().await;
                let page = elsewhere.get(&format!("/v1/members?unit={}", if by_id { cell } else { external })).await.is(200);
                assert_eq!(page.body["items"][0]["id"], member.as_str(), "{}", page.text);
            }
            let (cell, member, external) = made().await;
            let page = elsewhere.get(&format!("/v1/sync/changes?units={cell},{external}&types=member")).await.is(200);
            assert_eq!((&page.body["changes"][0]["id"], page.body.get("unknown_units")), (&json!(member), None));
        }
        second.running.handle.stop(false).await;
    }

    async fn a_list_over_everything_is_whole_while_another_server_makes_units(server: empty) {
        if server.engine == Engine::Sqlite {
            return;
        }
        let second = server.another().await;
        let ward = server.ward().await;
        let elsewhere = ward.office.at(&second.url);
        for fields in ["", "?fields=id"] {
            elsewhere.get("/v1/units?limit=1").await.is(200);
            let cell = ward.office.post("/v1/units", ward::unit("cell", &ward.ward)).await.is(201).id();
            let member = ward.member(&cell).await;
            let page = elsewhere.get(&format!("/v1/members{fields}")).await.is(200);
            let items = page.body["items"].as_array().unwrap_or_else(|| panic!("no JSON: {}", page.text));
            assert!(items.iter().any(|item| item["id"] == member.as_str()), "{}", page.text);
        }
        second.running.handle.stop(false).await;
    }

    async fn what_one_server_lets_a_caller_see_the_other_shows_at_once(server: empty) {
        if server.engine == Engine::Sqlite {
            return;
        }
        let second = server.another().await;
        let ward = server.ward().await;
        let caller = server.acting(Role::CellSecretary, &ward.a).await;
        let elsewhere = caller.at(&second.url);
        let member = ward.member(&ward.b).await;
        let hidden = ["members", "units"].map(|kind| format!("/v1/{kind}/{}", Uuid::now_v7()));
        for path in hidden.iter().chain([&format!("/v1/members/{member}"), &format!("/v1/units/{}", ward.b)]) {
            elsewhere.get(path).await.refused(404, "not_found");
        }
        let admin = server.administrator().await;
        let grant = serde_json::to_value(over(Role::CellSecretary, &ward.b)).unwrap();
        admin.post(&format!("/v1/systems/{}/grants", caller.id), grant).await.is(201);
        let seen = elsewhere.get(&format!("/v1/members/{member}")).await.is(200);
        assert_eq!(seen.text, caller.get(&format!("/v1/members/{member}")).await.text);
        // A unit that was moved into sight, with what is in it.
        let other = ward.office.post("/v1/units", ward::unit("grassroots_committee", ward::ROOT)).await.is(201).id();
        let cell = ward.office.post("/v1/units", ward::unit("cell", &other)).await.is(201).id();
        let member = ward.member(&cell).await;
        let peer = server.acting(Role::ExchangePeer, &ward.ward).await.at(&second.url);
        peer.get(&format!("/v1/members/{member}")).await.refused(404, "not_found");
        ward.office.patch(&format!("/v1/units/{cell}"), "*", json!({"parent_id": ward.ward})).await.is(200);
        peer.get(&format!("/v1/members/{member}")).await.is(200);
        second.running.handle.stop(false).await;
    }

    async fn accounts_of_a_unit_that_one_server_made_are_administered_at_the_other_at_once(server: empty) {
        if server.engine == Engine::Sqlite {
            return;
        }
        let second = server.another().await;
        let ward = server.ward().await;
        let admin = server.administrator().await;
        let elsewhere = admin.at(&second.url);
        let cell = async || {
            // What the other server keeps in memory is from before the unit.
            elsewhere.get("/v1/me").await.is(200);
            ward.office.post("/v1/units", ward::unit("cell", &ward.ward)).await.is(201).id()
        };
        let new = |unit: &str| json!({"name": Uuid::new_v4(), "contact": "tests", "purpose": "tests", "unit_id": unit});
        let placed = async || format!("/v1/systems/{}", admin.post("/v1/systems", new(&cell().await)).await.is(201).id());
        elsewhere.get(&placed().await).await.is(200);
        elsewhere.get(&format!("{}/grants", placed().await)).await.is(200);
        elsewhere.patch(&placed().await, "*", json!({"disabled": true})).await.is(200);
        let token = json!({"name": "test", "expires_at": Timestamp::from_micros(Timestamp::now().micros() + 86_400_000_000)});
        elsewhere.post(&format!("{}/tokens", placed().await), token).await.is(201);
        elsewhere.post("/v1/systems", new(&cell().await)).await.is(201);
        // An account that got a grant over a new unit.
        let account = format!("/v1/systems/{}", admin.post("/v1/systems", new(&ward.ward)).await.is(201).id());
        let grant = |unit: &str| json!({"role": "cell_secretary", "unit_id": unit});
        let grants = format!("{account}/grants");
        let old = elsewhere.post(&grants, grant(&cell().await)).await.is(201);
        admin.post(&grants, grant(&cell().await)).await.is(201);
        elsewhere.delete(old.header("location"), "*").await.is(204);
        admin.post(&grants, grant(&cell().await)).await.is(201);
        elsewhere.patch(&account, "*", json!({"disabled": true})).await.is(200);
        // A caller that the other server has known without the right that it needs.
        let caller = server.granted(Vec::new()).await;
        let secretary = server.acting(Role::CellSecretary, &ward.ward).await;
        let over_unit = format!("/v1/units/{}/grants", ward.ward);
        for (caller, role, path) in [
            (&caller, "administrator", "/v1/systems"),
            (&caller, "auditor", "/v1/audit_events"),
            (&secretary, "committee_lead", &over_unit),
        ] {
            let there = caller.at(&second.url);
            there.get(path).await.refused(403, "forbidden");
            let role = json!({"role": role, "unit_id": ward.ward});
            admin.post(&format!("/v1/systems/{}/grants", caller.id), role).await.is(201);
            there.get(path).await.is(200);
        }
        for hidden in [caller.id.clone(), Uuid::now_v7().to_string()] {
            caller.at(&second.url).get(&format!("/v1/systems/{hidden}")).await.refused(404, "not_found");
        }
        second.running.handle.stop(false).await;
    }

    async fn a_repeat_at_the_other_server_has_the_first_answer_of_a_unit_too(server: empty) {
        if server.engine == Engine::Sqlite {
            return;
        }
        let second = server.another().await;
        let ward = server.ward().await;
        let elsewhere = ward.office.at(&second.url);
        elsewhere.get("/v1/units?limit=1").await.is(200);
        let body = ward::unit("cell", &ward.ward);
        let first = ward.office.post("/v1/units", body.clone()).header("idempotency-key", "unit").await.is(201);
        let again = elsewhere.post("/v1/units", body).header("idempotency-key", "unit").await.is(201);
        assert_eq!((&again.text, again.etag(), again.header("location")), (&first.text, first.etag(), first.header("location")));
        elsewhere.get("/v1/units?limit=1").await.is(200);
        let item = json!({"op": "create", "type": "unit", "id": Uuid::now_v7(), "fields": ward::unit("cell", &ward.ward)});
        let push = json!({"return": "representation", "items": [item]});
        let first = ward.office.post("/v1/sync/push", push.clone()).header("idempotency-key", "push").await.is(207);
        let again = elsewhere.post("/v1/sync/push", push).header("idempotency-key", "push").await.is(207);
        assert_eq!(again.text, first.text);
        assert!(first.body["items"][0]["record"].is_object(), "{}", first.text);
        second.running.handle.stop(false).await;
    }

    async fn connections_that_the_database_ends_cost_503_and_no_restart(server: demo) {
        let peer = server.peer("city", &[(Role::ExchangePeer, demo("ward"))]).await;
        let over = Arc::new(AtomicBool::new(false));
        let mut workers = Vec::new();
        for number in 0..4 {
            let (client, over) = (peer.client.clone(), over.clone());
            workers.push(tokio::spawn(async move {
                let mut stood: Vec<Uuid> = Vec::new();
                let mut unclear: Vec<(PushBatch, String)> = Vec::new();
                let mut failures = 0;
                while !over.load(Ordering::Acquire) {
                    let ids: Vec<Uuid> = (0..1 + random(20)).map(|_| Uuid::now_v7()).collect();
                    let items = ids.iter().map(|id| member(*id, "ext:demo:cell-01", &format!("Người {number}"))).collect();
                    let (batch, key) = (PushBatch::new(items), Uuid::new_v4().to_string());
                    match client.push(&batch, &key).await {
                        Ok(answer) => {
                            assert_eq!(answer.summary["created"], i64::try_from(ids.len()).unwrap());
                            stood.extend(ids);
                        }
                        Err(error) => {
                            assert_eq!(error.status(), Some(503), "{error}");
                            failures += 1;
                            unclear.push((batch, key));
                        }
                    }
                    let list = ListQuery { limit: Some(1), ..ListQuery::default() };
                    if let Err(error) = client.records::<Member>().list(&list).await {
                        assert_eq!(error.status(), Some(503), "{error}");
                    }
                }
                (stood, unclear, failures)
            }));
        }
        let mut cuts = 0;
        let begun = Instant::now();
        while cuts < 20 && begun.elapsed() < SOON {
            server.database.cut_connections();
            cuts += 1;
            tokio::time::sleep(Duration::from_millis(random(120) as u64)).await;
        }
        over.store(true, Ordering::Release);
        let patient = server.client().access_token(&peer.token.token).retry(RetryPolicy::default()).build().unwrap();
        let mut failed = 0;
        for worker in workers {
            let (stood, unclear, failures) = worker.await.unwrap();
            failed += failures;
            for id in stood {
                assert_eq!(patient.records::<Member>().get(id).await.unwrap().record.version, 1);
            }
            // What was unclear is done once by a repeat.
            for (batch, key) in unclear {
                let answer = patient.push(&batch, &key).await.unwrap();
                assert!(answer.items.iter().all(|item| item.status.is_success() && item.version == Some(1)));
            }
        }
        assert!(server.engine == Engine::Sqlite || failed > 0, "nothing was cut");
        let mut puller = Puller::new(patient);
        puller.assert_equal("the copy").await;
    }

    async fn a_puller_that_changes_servers_continues_where_it_was(server: demo) {
        if server.engine == Engine::Sqlite {
            return;
        }
        let second = server.another().await;
        let peer = server.peer("city", &[(Role::ExchangePeer, demo("ward"))]).await;
        let clients = [peer.client.clone(), peer.at(&second)];
        let mut puller = Puller::new(peer.client.clone()).limit(100);
        let id = Uuid::now_v7();
        peer.write(vec![member(id, "ext:demo:cell-01", "Một Người")]).await;
        let (mut turn, mut version) = (0, 1);
        while puller.page().await || version < 20 {
            turn += 1;
            puller.client = clients[turn % 2].clone();
            if version < 20 {
                let change = update("member", id, version, json!({"phone": format!("+849123456{version:02}")}));
                clients[random(2)].push(&PushBatch::new(vec![change]), &Uuid::new_v4().to_string()).await.unwrap();
                version += 1;
            }
        }
        puller.assert_equal("the copy").await;
        assert!(puller.gone.is_empty());
        assert_eq!(puller.store.version("member", id).unwrap(), Some(20));
        second.running.handle.stop(false).await;
    }
}
