//! Evaluation rounds: their steps and who takes them, their results, and that what is closed stays.

use crate::support::http::{Caller, Reply, reference};
use crate::support::items::{item, member};
use crate::support::on_both_engines;
use crate::support::ward::{scheme, unit};
use cell_records_client::types::accounts::Role;
use cell_records_client::types::sync::PushOp;
use serde_json::{Value, json};
use uuid::Uuid;

async fn advance(caller: &Caller, round: &str, body: Value) -> Reply {
    caller.post(&format!("/v1/evaluation_rounds/{round}/advance"), body).header("if-match", "*").await
}

fn to(state: &str) -> Value {
    json!({"to": state})
}

on_both_engines! {
    async fn a_round_goes_one_step_at_a_time_and_beyond_proposed_with_its_lead_only(server: empty) {
        let ward = server.ward().await;
        let (office, lead) = (&ward.office, server.acting(Role::CommitteeLead, &ward.ward).await);
        let peer = server.acting(Role::ExchangePeer, &ward.ward).await;
        let reader = server.acting(Role::CellSecretary, &ward.a).await;
        let stranger_ward = office.post("/v1/units", crate::support::ward::unit("grassroots_committee", crate::support::ward::ROOT)).await.is(201).id();
        let stranger = server.acting(Role::CommitteeLead, &stranger_ward).await;
        let round = ward.round().await;
        assert_eq!(office.get(&format!("/v1/evaluation_rounds/{round}")).await.body["state"], "draft");
        office.patch(&format!("/v1/evaluation_rounds/{round}"), "*", json!({"state": "locked"})).await.faults(&[("/state", "read_only")]);
        advance(&stranger, &round, to("self_rating")).await.refused(404, "not_found");
        advance(&reader, &round, to("self_rating")).await.refused(403, "forbidden");
        advance(office, &round, to("reviewing")).await.faults(&[("/to", "state_move_not_allowed")]);
        advance(office, &round, to("draft")).await;
        advance(office, &round, json!({"to": "finished", "why": 1})).await.faults(&[("/to", "unknown_code"), ("/why", "unknown_field")]);
        let path = format!("/v1/evaluation_rounds/{round}/advance");
        office.post(&path, to("self_rating")).await.refused(428, "precondition_required");
        office.post(&path, to("self_rating")).header("if-match", "\"7.00000000\"").await.refused(412, "stale_version");
        reader.post(&path, to("self_rating")).await.refused(403, "forbidden");

        advance(office, &round, to("self_rating")).await.is(200);
        advance(&lead, &round, to("reviewing")).await.is(200);
        advance(&peer, &round, to("proposed")).await.is(200);
        for caller in [office, &peer] {
            let refused = advance(caller, &round, to("approved")).await.refused(403, "forbidden");
            assert_eq!(refused.body["detail"], "The right to approve is missing: Evaluation round (evaluation_round:approve).");
            advance(caller, &round, json!({"to": "reviewing", "reason": "Sai"})).await.refused(403, "forbidden");
        }
        advance(&lead, &round, to("reviewing")).await.faults(&[("/reason", "reason_required")]);
        let back = advance(&lead, &round, json!({"to": "reviewing", "reason": "Thiếu chi bộ 3"})).await.is(200);
        assert_eq!(back.body["state_reason"], "Thiếu chi bộ 3");
        let again = advance(&lead, &round, to("proposed")).await.is(200);
        assert_eq!(again.body.get("state_reason"), None);
        for state in ["approved", "submitted", "locked"] {
            assert_eq!(advance(&lead, &round, to(state)).await.is(200).body["state"], state);
        }
        let history = office.all(&format!("/v1/evaluation_rounds/{round}/history")).await.0;
        assert_eq!(history.len(), 9);
        assert!(history.iter().take(8).all(|version| version["changed"].as_array().unwrap().contains(&json!("state"))));
    }

    async fn the_scheme_of_a_round_is_fixed_with_and_without_results(server: empty) {
        let ward = server.ward().await;
        let other = ward.office.post("/v1/evaluation_schemes", scheme(&ward.ward)).await.is(201).id();
        let round = ward.round().await;
        let path = format!("/v1/evaluation_rounds/{round}");
        let fixed = [("/scheme_id", "scheme_fixed")];
        ward.office.patch(&path, "*", json!({"scheme_id": other})).await.faults(&fixed);
        let result = json!({"round_id": round, "member_id": ward.member(&ward.a).await, "final_level": "excellent"});
        ward.office.post("/v1/member_evaluations", result).await.is(201);
        advance(&ward.office, &round, to("self_rating")).await.is(200);
        ward.office.patch(&path, "*", json!({"scheme_id": other, "opened_on": "2014-11-01"})).await.faults(&fixed);
        // Naming the same scheme changes nothing.
        let same = ward.office.patch(&path, "*", json!({"scheme_id": ward.scheme, "opened_on": "2014-11-01"})).await.is(200);
        assert_eq!((&same.body["scheme_id"], &same.body["opened_on"]), (&json!(ward.scheme), &json!("2014-11-01")));
    }

    async fn results_name_levels_of_the_scheme_and_one_subject_once(server: empty) {
        let ward = server.ward().await;
        let (round, person) = (ward.round().await, ward.member(&ward.a).await);
        let post = |fields: Value| {
            let mut body = json!({"round_id": round, "member_id": person});
            body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            ward.office.post("/v1/member_evaluations", body)
        };
        post(json!({"self_level": "best", "final_level": "worst"})).await.faults(&[("/self_level", "level_not_in_scheme"), ("/final_level", "level_not_in_scheme")]);
        post(json!({"excluded": true, "cell_level": "good"})).await.faults(&[("/excluded", "excluded_with_levels"), ("/excluded_reason", "required")]);
        post(json!({"score": "9", "score_sheet": [{"criterion": "c1", "points": "4.5"}, {"criterion": "c2", "points": "4"}]})).await.faults(&[("/score", "score_mismatch")]);
        post(json!({"score": 9, "score_sheet": [{"points": "x"}], "reasons": "r".repeat(4_001), "excluded": "no"})).await.faults(&[
            ("/score", "wrong_type"), ("/score_sheet/0/criterion", "required"), ("/score_sheet/0/points", "wrong_format"), ("/reasons", "too_long"), ("/excluded", "wrong_type"),
        ]);
        ward.office.post("/v1/member_evaluations", json!({"round_id": person, "member_id": round})).await.is(422);
        let made = post(json!({"final_level": "good", "score_sheet": [{"criterion": "c1", "points": "4.5"}, {"criterion": "c2", "points": "4"}]})).await.is(201);
        // It belongs to the member's cell of that day, and its score is the sheet's sum.
        assert_eq!((&made.body["unit_id"], &made.body["score"]), (&json!(ward.a), &json!("8.5")));
        post(json!({})).await.refused(409, "not_unique");
        ward.office.patch(&format!("/v1/members/{person}"), "*", json!({"unit_id": ward.b})).await.is(200);
        assert_eq!(ward.office.get(&format!("/v1/member_evaluations/{}", made.id())).await.body["unit_id"], ward.a.as_str());

        let unit = |body: Value| ward.office.post("/v1/unit_evaluations", body);
        unit(json!({"round_id": round, "unit_id": ward.a, "final_level": "best"})).await.faults(&[("/final_level", "level_not_in_scheme")]);
        unit(json!({"round_id": round, "final_level": "good"})).await.faults(&[("/unit_id", "required")]);
        unit(json!({"round_id": round, "unit_id": ward.a, "final_level": "good"})).await.is(201);
        unit(json!({"round_id": round, "unit_id": ward.a})).await.refused(409, "not_unique");
        let same = json!({"unit_id": ward.ward, "scheme_id": ward.scheme, "year": 2150});
        ward.office.post("/v1/evaluation_rounds", same.clone()).await.is(201);
        ward.office.post("/v1/evaluation_rounds", same).await.refused(409, "not_unique");
        ward.office.post("/v1/evaluation_rounds", json!({"unit_id": ward.ward, "scheme_id": ward.scheme, "year": 2151, "quarter": 5, "opened_on": "2014-02-01", "closed_on": "2014-01-01"}))
            .await.faults(&[("/quarter", "out_of_range"), ("/closed_on", "dates_out_of_order")]);
        ward.office.post("/v1/evaluation_rounds", json!({"unit_id": ward.ward, "year": 1800, "state": "locked"})).await.faults(&[
            ("/scheme_id", "required"), ("/year", "out_of_range"), ("/state", "read_only"),
        ]);
    }

    async fn a_round_cannot_be_changed_after_it_is_approved(server: empty) {
        let ward = server.ward().await;
        let lead = server.acting(Role::CommitteeLead, &ward.ward).await;
        let (round, person, other) = (ward.round().await, ward.member(&ward.a).await, ward.member(&ward.a).await);
        let result = |member: &str| json!({"round_id": round, "member_id": member, "self_level": "good"});
        let theirs = ward.office.post("/v1/member_evaluations", result(&person)).await.is(201).id();
        let dropped = ward.office.post("/v1/member_evaluations", result(&other)).await.is(201).id();
        ward.office.delete(&format!("/v1/member_evaluations/{dropped}"), "*").await.is(204);
        let of_cell = ward.office.post("/v1/unit_evaluations", json!({"round_id": round, "unit_id": ward.a})).await.is(201).id();
        for state in ["self_rating", "reviewing", "proposed", "approved"] {
            advance(&lead, &round, to(state)).await.is(200);
        }
        for (path, body) in [
            (format!("/v1/member_evaluations/{theirs}"), json!({"self_level": "poor"})), (format!("/v1/unit_evaluations/{of_cell}"), json!({"self_level": "poor"})),
            (format!("/v1/evaluation_rounds/{round}"), json!({"opened_on": "2014-01-01"})),
        ] {
            ward.office.patch(&path, "*", body).await.refused(409, "round_closed");
            let deleted = ward.office.delete(&path, "*").await.is(409);
            assert!(["round_closed", "still_referenced"].contains(&deleted.code()));
        }
        ward.office.post("/v1/member_evaluations", result(&other)).await.refused(409, "round_closed");
        ward.office.verb(&format!("/v1/member_evaluations/{dropped}/restore")).await.refused(409, "round_closed");
        ward.office.post("/v1/unit_evaluations", json!({"round_id": round, "unit_id": ward.b})).await.refused(409, "round_closed");
        // Nor does a result of another round move in.
        let elsewhere = json!({"round_id": ward.round().await, "member_id": other});
        let elsewhere = ward.office.post("/v1/member_evaluations", elsewhere).await.is(201).id();
        ward.office.patch(&format!("/v1/member_evaluations/{elsewhere}"), "*", json!({"round_id": round})).await.refused(409, "round_closed");
        // Back in review everything continues.
        advance(&lead, &round, json!({"to": "reviewing", "reason": "Sửa"})).await.is(200);
        ward.office.patch(&format!("/v1/member_evaluations/{theirs}"), "*", json!({"self_level": "poor"})).await.is(200);
    }

    async fn approving_above_the_cap_warns_with_the_numbers(server: empty) {
        let ward = server.ward().await;
        let lead = server.acting(Role::CommitteeLead, &ward.ward).await;
        let mut capped = scheme(&ward.ward);
        capped["levels"][0]["counts_toward_cap"] = json!(true);
        capped["cap"] = json!({"percent": 20, "base": "good_or_better", "rounding": "floor"});
        for subject in ["member", "cell"] {
            capped["subject_kind"] = json!(subject);
            let capped = ward.office.post("/v1/evaluation_schemes", capped.clone()).await.is(201).id();
            let round = json!({"unit_id": ward.ward, "scheme_id": capped, "year": 2014});
            let round = ward.office.post("/v1/evaluation_rounds", round).await.is(201).id();
            for level in ["excellent", "excellent", "good", "good", "good", "good", "poor"] {
                let mut result = json!({"round_id": round, "final_level": level});
                if subject == "member" {
                    result["member_id"] = json!(ward.member(&ward.a).await);
                    ward.office.post("/v1/member_evaluations", result).await.is(201);
                } else {
                    result["unit_id"] = json!(ward.office.post("/v1/units", unit("cell", &ward.ward)).await.is(201).id());
                    ward.office.post("/v1/unit_evaluations", result).await.is(201);
                }
            }
            for state in ["self_rating", "reviewing", "proposed"] {
                assert!(advance(&lead, &round, to(state)).await.is(200).warnings().is_empty());
            }
            let approved = advance(&lead, &round, to("approved")).await.is(200);
            assert_eq!(approved.warnings(), [("/to".to_owned(), "cap_exceeded".to_owned())]);
            assert!(approved.text.contains("2 > 1 (20 % / 6)"), "{}", approved.text);
        }
    }

    async fn the_cap_counts_every_result_of_a_large_round(server: empty) {
        let ward = server.ward().await;
        let lead = server.acting(Role::CommitteeLead, &ward.ward).await;
        let peer = server.peer("city", &[(Role::CommitteeOffice, reference(&ward.ward))]).await;
        let mut capped = scheme(&ward.ward);
        capped["levels"][0]["counts_toward_cap"] = json!(true);
        capped["cap"] = json!({"percent": 20, "base": "all_evaluated", "rounding": "floor"});
        let capped = ward.office.post("/v1/evaluation_schemes", capped).await.is(201).id();
        let round = json!({"unit_id": ward.ward, "scheme_id": capped, "year": 2014});
        let round = ward.office.post("/v1/evaluation_rounds", round).await.is(201).id();
        // Exactly a fifth of 1,050; more than one look-up loads.
        let people: Vec<Uuid> = (0..1_050).map(|_| Uuid::now_v7()).collect();
        let results: Vec<Uuid> = people.iter().map(|_| Uuid::now_v7()).collect();
        for (part, results) in people.chunks(525).zip(results.chunks(525)) {
            peer.write(part.iter().map(|id| member(*id, &ward.a, &format!("Nguyễn Văn {id}"))).collect()).await;
            let result = |(index, (id, person)): (usize, (&Uuid, &Uuid))| {
                let level = if index % 5 == 0 { "excellent" } else { "good" };
                item(PushOp::Create, "member_evaluation", *id, json!({"round_id": round, "member_id": person, "final_level": level}))
            };
            peer.write(results.iter().zip(part).enumerate().map(result).collect()).await;
        }
        for state in ["self_rating", "reviewing", "proposed", "approved"] {
            assert!(advance(&lead, &round, to(state)).await.is(200).warnings().is_empty());
        }
        advance(&lead, &round, json!({"to": "reviewing", "reason": "Sửa"})).await.is(200);
        ward.office.patch(&format!("/v1/member_evaluations/{}", results[1]), "*", json!({"final_level": "excellent"})).await.is(200);
        advance(&lead, &round, to("proposed")).await.is(200);
        let approved = advance(&lead, &round, to("approved")).await.is(200);
        assert!(approved.text.contains("211 > 210 (20 % / 1050)"), "{}", approved.text);
    }
}
