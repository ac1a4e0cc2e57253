//! A move shows nothing new to who makes it: who reads more in one unit than in another moves nothing into it.

use crate::support::http::over;
use crate::support::on_both_engines;
use crate::support::ward::{member, stays, unit};
use cell_records_client::types::accounts::{GrantCreate, Role};
use cell_records_server::store::policy;
use cell_records_server::store::registry::KINDS;
use serde_json::json;
use uuid::Uuid;

on_both_engines! {
    async fn who_reads_more_in_another_unit_moves_nothing_into_it(server: empty) {
        let ward = server.ward().await;
        let caller = server.granted(vec![over(Role::ExchangePeer, &ward.a), over(Role::CommitteeOffice, &ward.b)]).await;
        let reads = |role| move |kind: &str| policy::rights(role, kind).map(|rights| rights.reads);
        let (peer, office) = (reads(&Role::ExchangePeer), reads(&Role::CommitteeOffice));
        let writes = |kind: &str| policy::rights(&Role::ExchangePeer, kind).is_some_and(|rights| rights.writes.is_some());
        for kind in KINDS.iter().filter(|kind| kind.name != "unit" && !stays(kind) && writes(kind.name)) {
            let widens = office(kind.name) > peer(kind.name);
            let path = format!("/v1/{}/{}", kind.plural, ward.record(kind, &ward.a).await.id());
            let moved = caller.patch(&path, "*", json!({"unit_id": ward.b})).await;
            // A type with nothing to hide moves as before, if its own rules let it.
            assert!(matches!((moved.status, widens), (403, true) | (200 | 422, false)), "{}: {}", kind.name, moved.text);
            if widens {
                let moved = moved.refused(403, "forbidden");
                assert!(moved.body["detail"].as_str().unwrap().contains(&format!("{}:move", kind.name)), "{}", moved.text);
                assert_eq!(caller.get(&path).await.is(200).body["unit_id"], ward.a.as_str());
            }
        }
        // By a push too; the other way round nothing is shown, nor where the same is read on both sides.
        let id = ward.member(&ward.a).await;
        let item = json!({"op": "upsert", "type": "member", "id": id, "fields": {"unit_id": ward.b}});
        let pushed = caller.post("/v1/sync/push", json!({"items": [item]})).header("idempotency-key", "move").await.is(207);
        assert_eq!(pushed.body["items"][0]["status"], "forbidden", "{}", pushed.text);
        let back = ward.member(&ward.b).await;
        caller.patch(&format!("/v1/members/{back}"), "*", json!({"unit_id": ward.a})).await.is(200);
        let both = server.granted(vec![over(Role::ExchangePeer, &ward.a), over(Role::ExchangePeer, &ward.b)]).await;
        both.patch(&format!("/v1/members/{id}"), "*", json!({"unit_id": ward.b})).await.is(200);
    }

    async fn a_field_that_a_grant_names_in_one_unit_is_not_shown_by_a_move_into_it(server: empty) {
        let ward = server.ward().await;
        let fields: Vec<_> = ["member.personal_id"].into_iter().map(Into::into).collect();
        let named = GrantCreate { fields: Some(fields.into()), ..over(Role::ExchangePeer, &ward.b) };
        let caller = server.granted(vec![over(Role::ExchangePeer, &ward.a), named]).await;
        let mut body = member(&ward.a);
        body["personal_id"] = json!("040080000001");
        let path = format!("/v1/members/{}", ward.office.post("/v1/members", body).await.is(201).id());
        caller.patch(&path, "*", json!({"unit_id": ward.b})).await.refused(403, "forbidden");
        assert_eq!(caller.get(&path).await.is(200).body.get("personal_id"), None);
    }

    async fn a_token_moves_nothing_to_where_another_token_of_its_account_reads_more(server: empty) {
        let ward = server.ward().await;
        let (from, to) = (over(Role::ExchangePeer, &ward.a), over(Role::ExchangePeer, &ward.b));
        let fields: Vec<_> = ["member.ethnicity"].into_iter().map(Into::into).collect();
        let named = GrantCreate { fields: Some(fields.into()), ..to.clone() };
        let caller = server.granted(vec![from, to, named]).await;
        let me = caller.get("/v1/me").await.is(200).body;
        let plain: Vec<_> = me["grants"].as_array().unwrap().iter().filter(|grant| grant.get("fields").is_none()).map(|grant| &grant["id"]).collect();
        let admin = server.administrator().await;
        let path = format!("/v1/systems/{}/tokens", caller.id);
        let narrow = admin.post(&path, json!({"name": "narrow", "grants": plain})).await.is(201).body;
        let narrow = server.bearer(narrow["token"].as_str());
        let person = format!("/v1/members/{}", ward.member(&ward.a).await);
        narrow.patch(&person, "*", json!({"unit_id": ward.b})).await.refused(403, "forbidden");
        narrow.patch(&person, "*", json!({"occupation_current": "Giáo viên"})).await.is(200);
    }

    async fn a_unit_takes_nothing_to_where_its_mover_reads_more_of_it(server: empty) {
        let ward = server.ward().await;
        let place = |name: &str| json!({"kind": "grassroots_committee", "name": name, "parent_id": crate::support::ward::ROOT});
        let from = ward.office.post("/v1/units", place("Đảng ủy cũ")).await.is(201).id();
        let to = ward.office.post("/v1/units", place("Đảng ủy mới")).await.is(201).id();
        let cell = ward.office.post("/v1/units", unit("cell", &from)).await.is(201).id();
        let mut body = member(&cell);
        body["religion"] = json!("none");
        let person = format!("/v1/members/{}", ward.office.post("/v1/members", body).await.is(201).id());
        let under = json!({"parent_id": to});
        let caller = server.granted(vec![over(Role::ExchangePeer, &from), over(Role::CommitteeOffice, &to)]).await;
        caller.patch(&format!("/v1/units/{cell}"), "*", under.clone()).await.refused(403, "forbidden");
        assert_eq!(caller.get(&person).await.is(200).body.get("religion"), None);
        // Who reads all of the unit already may.
        let reader = server.granted(vec![over(Role::ExchangePeer, &from), over(Role::CommitteeOffice, &cell), over(Role::CommitteeOffice, &to)]).await;
        assert_eq!(reader.get(&person).await.is(200).body["religion"], "none");
        reader.patch(&format!("/v1/units/{cell}"), "*", under).await.is(200);
    }

    async fn a_number_that_does_not_fit_is_said_to_who_reads_it_only(server: empty) {
        let ward = server.ward().await;
        // A man of 1980 by his number.
        let mut body = member(&ward.a);
        body["personal_id"] = json!("040080000001");
        let id = ward.office.post("/v1/members", body).await.is(201).id();
        let path = format!("/v1/members/{id}");
        let peer = server.acting(Role::ExchangePeer, &ward.ward).await;
        let born = |year: u32| json!({"birth_date": format!("{year}-05-19")});
        let hint = ("/birth_date", "id_mismatch");
        for year in [1981, 1980] {
            let is_said = |answer: &crate::support::http::Reply| answer.warnings().iter().any(|(_, code)| code == hint.1);
            for caller in [&peer, &ward.office] {
                let trial = caller.patch(&format!("{path}?dry_run=true"), "*", born(year)).await.is(200);
                assert_eq!(is_said(&trial), caller.id == ward.office.id && year == 1981, "{}", trial.text);
                let key = Uuid::now_v7().to_string();
                let item = json!({"op": "update", "type": "member", "id": id, "if_version": 1, "fields": born(year)});
                let push = json!({"dry_run": true, "items": [item]});
                let pushed = caller.post("/v1/sync/push", push).header("idempotency-key", &key).await.is(207);
                assert_eq!(pushed.text.contains(hint.1), caller.id == ward.office.id && year == 1981, "{}", pushed.text);
            }
        }
    }
}
