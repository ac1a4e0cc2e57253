//! Cadre plans: their steps and how they are found.

use crate::support::http::{Caller, Reply};
use crate::support::on_both_engines;
use cell_records_client::types::accounts::Role;
use serde_json::{Value, json};

fn plan(unit: &str, kind: &str) -> Value {
    json!({"unit_id": unit, "term_label": "2015–2020", "kind": kind, "reference_date": "2014-06-30"})
}

async fn advance(caller: &Caller, plan: &str, body: Value) -> Reply {
    caller.post(&format!("/v1/cadre_plans/{plan}/advance"), body).header("if-match", "*").await
}

fn to(state: &str, on: &str) -> Value {
    json!({"to": state, "on": on})
}

on_both_engines! {
    async fn a_plan_is_reviewed_by_two_bodies_and_approved_and_closed_by_its_lead_only(server: empty) {
        let ward = server.ward().await;
        let (office, lead) = (&ward.office, server.acting(Role::CommitteeLead, &ward.ward).await);
        let peer = server.acting(Role::ExchangePeer, &ward.ward).await;
        let steps = json!([{"state": "draft", "on": "2014-01-10"}]);
        let mut body = plan(&ward.ward, "initial");
        body["steps"] = steps.clone();
        let made = office.post("/v1/cadre_plans", body).await.is(201);
        assert_eq!((&made.body["state"], &made.body["steps"]), (&json!("draft"), &steps));
        let (id, path) = (made.id(), format!("/v1/cadre_plans/{}", made.id()));
        advance(office, &id, to("executive_reviewed", "2014-03-01")).await.faults(&[("/to", "state_move_not_allowed")]);
        advance(&peer, &id, to("standing_reviewed", "2014-03-01")).await.refused(403, "forbidden");
        advance(office, &id, to("standing_reviewed", "2014-03-01")).await.is(200);
        advance(office, &id, to("draft", "2014-03-02")).await.refused(403, "forbidden");
        advance(&lead, &id, to("draft", "2014-03-02")).await.faults(&[("/reason", "reason_required")]);
        let back = json!({"to": "draft", "on": "2014-03-02", "reason": "Thiếu cán bộ nữ"});
        assert_eq!(advance(&lead, &id, back).await.is(200).body["state_reason"], "Thiếu cán bộ nữ");
        let again = advance(&lead, &id, to("standing_reviewed", "2014-03-03")).await.is(200);
        assert_eq!(again.body.get("state_reason"), None);
        advance(office, &id, to("executive_reviewed", "2014-04-01")).await.is(200);
        advance(office, &id, to("approved", "2014-05-01")).await.refused(403, "forbidden");
        advance(&lead, &id, to("approved", "2014-05-01")).await.is(200);
        // What is approved is corrected, but neither taken back nor deleted.
        let back = json!({"to": "draft", "reason": "Sai"});
        advance(&lead, &id, back).await.faults(&[("/to", "state_move_not_allowed")]);
        office.patch(&path, "*", json!({"reference_date": "2014-07-01"})).await.is(200);
        office.delete(&path, "*").await.conflicts("state_moved_on");
        advance(office, &id, to("closed", "2014-06-01")).await.refused(403, "forbidden");
        assert_eq!(advance(&lead, &id, to("closed", "2014-06-01")).await.is(200).body["state"], "closed");
        office.patch(&path, "*", json!({"term_label": "2015–2021"})).await.is(200);
    }

    async fn plans_are_found_by_term_kind_state_and_the_day_of_the_last_step(server: empty) {
        let ward = server.ward().await;
        let inspection = server.acting(Role::InspectionCommission, &ward.ward).await;
        for (kind, on) in [("supplement", "2014-02-01"), ("initial", "2014-01-10"), ("annual_review", "2014-03-15")] {
            let mut body = plan(&ward.ward, kind);
            body["steps"] = json!([{"state": "draft", "on": on}]);
            let made = ward.office.post("/v1/cadre_plans", body).await.is(201).id();
            if kind == "initial" {
                advance(&ward.office, &made, to("standing_reviewed", "2014-04-01")).await.is(200);
            }
        }
        let (initial, supplement, review) = ("initial", "supplement", "annual_review");
        for (query, found) in [
            ("sort=since", vec![supplement, review, initial]),
            ("sort=-since", vec![initial, review, supplement]),
            ("state=standing_reviewed", vec![initial]),
            ("kind=initial,supplement&sort=since", vec![supplement, initial]),
            ("since_from=2014-03&since_to=2014-03", vec![review]),
            ("since_from=2014-03&sort=since", vec![review, initial]),
            ("term_label=2015%E2%80%932020&state_not=draft", vec![initial]),
            ("term_label=2010%E2%80%932015", vec![]),
        ] {
            let items = inspection.all(&format!("/v1/cadre_plans?{query}")).await.0;
            let kinds: Vec<&str> = items.iter().map(|item| item["kind"].as_str().unwrap()).collect();
            assert_eq!(kinds, found, "{query}");
        }
        // They are not seen from below: a cell's secretary reads no plan, nor does who keeps a cell's records see the ward's.
        server.acting(Role::CellSecretary, &ward.a).await.get("/v1/cadre_plans").await.refused(403, "type_not_readable");
        let cell = server.acting(Role::CommitteeOffice, &ward.a).await;
        assert_eq!(cell.get("/v1/cadre_plans?count=exact").await.is(200).body["total"], 0);
    }
}
