//! Evaluation rounds: their steps and who takes them, their results, and that what is closed stays.

use crate::support::http::{Caller, Reply, reference};
use crate::support::items::{delete, item, member, update};
use crate::support::on_both_engines;
use crate::support::ward::{scheme, unit};
use cell_records_client::types::accounts::Role;
use cell_records_client::types::sync::{ItemStatus, PushBatch, PushOp};
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
            assert_eq!(refused.body["detail"], "The right to make this step is missing: Evaluation round (evaluation_round:advance).");
            advance(caller, &round, json!({"to": "reviewing", "reason": "Sai"})).await.refused(403, "forbidden");
        }
        let why = advance(&lead, &round, to("reviewing")).await.faults(&[("/reason", "reason_required")]);
        assert_eq!(why.body["errors"][0]["message"], "A reason is required to move it from “Proposed” to “Reviewing”.");
        let back = advance(&lead, &round, json!({"to": "reviewing", "reason": "Thiếu chi bộ 3"})).await.is(200);
        assert_eq!(back.body["state_reason"], "Thiếu chi bộ 3");
        office.patch(&format!("/v1/evaluation_rounds/{round}"), "*", json!({"state_reason": "Khác"})).await.faults(&[("/state_reason", "read_only")]);
        let again = advance(&lead, &round, to("proposed")).await.is(200);
        assert_eq!(again.body.get("state_reason"), None);
        for state in ["approved", "submitted", "locked"] {
            assert_eq!(advance(&lead, &round, to(state)).await.is(200).body["state"], state);
        }
        let history = office.all(&format!("/v1/evaluation_rounds/{round}/history")).await.0;
        assert_eq!(history.len(), 9);
        assert!(history.iter().take(8).all(|version| version["changed"].as_array().unwrap().contains(&json!("state"))));
    }

    async fn a_step_has_a_day_that_can_be_corrected_and_no_record_that_moved_on_is_deleted(server: empty) {
        let ward = server.ward().await;
        let (office, round) = (&ward.office, ward.round().await);
        let path = format!("/v1/evaluation_rounds/{round}");
        let begun = office.get(&path).await.is(200).body["steps"].clone();
        assert_eq!((begun.as_array().unwrap().len(), &begun[0]["state"]), (1, &json!("draft")));
        let days = |all: &[(&str, &str)]| json!(all.iter().map(|(state, on)| json!({"state": state, "on": on})).collect::<Vec<_>>());
        office.patch(&path, "*", json!({"steps": days(&[("draft", "2014-11-15")])})).await.is(200);
        office.patch(&path, "*", json!({"steps": days(&[("locked", "2014-11-15")])})).await.faults(&[("/steps", "steps_fixed")]);
        office.patch(&path, "*", json!({"steps": null})).await.faults(&[("/steps", "steps_fixed")]);
        office.patch(&path, "*", json!({"steps": days(&[("draft", "2999-01-01")])})).await.faults(&[("/steps/0/on", "in_the_future")]);
        let on = |to: &str, on: &str| json!({"to": to, "on": on});
        advance(office, &round, on("self_rating", "2014-11-14")).await.faults(&[("/on", "dates_out_of_order")]);
        advance(office, &round, on("self_rating", "2999-01-01")).await.faults(&[("/on", "in_the_future")]);
        let dry = office.post(&format!("{path}/advance?dry_run=true"), on("self_rating", "2014-11-20")).header("if-match", "*").await.is(200);
        assert_eq!(dry.body["state"], "self_rating");
        assert_eq!(office.get(&path).await.body["state"], "draft");
        let body = json!({"to": "self_rating", "on": "2014-11-20", "fields": {"opened_on": "2014-11-20"}});
        let moved = advance(office, &round, body).await.is(200).body;
        assert_eq!(moved["steps"], days(&[("draft", "2014-11-15"), ("self_rating", "2014-11-20")]));
        assert_eq!(moved["opened_on"], "2014-11-20");
        let fields = json!({"to": "reviewing", "fields": {"state": "locked", "year": 1, "nothing": 1}});
        advance(office, &round, fields).await.faults(&[
            ("/fields/state", "read_only"), ("/fields/year", "out_of_range"), ("/fields/nothing", "unknown_field"),
        ]);
        let steps = json!({"to": "reviewing", "fields": {"steps": days(&[("locked", "2014-11-20")])}});
        advance(office, &round, steps).await.faults(&[("/fields/steps", "steps_fixed")]);
        advance(office, &round, json!({"to": "reviewing", "fields": {"scheme_id": ward.scheme}})).await.is(200);
        office.delete(&path, "*").await.conflicts("state_moved_on");
        let other = ward.office.post("/v1/evaluation_rounds", json!({
            "unit_id": ward.ward, "scheme_id": ward.scheme, "year": 2012, "steps": days(&[("draft", "2012-11-15")]),
        })).await.is(201);
        assert_eq!(other.body["steps"][0]["on"], "2012-11-15");
        office.delete(&format!("/v1/evaluation_rounds/{}", other.id()), "*").await.is(204);
    }

    async fn the_scheme_of_a_round_is_fixed_with_and_without_results(server: empty) {
        let ward = server.ward().await;
        let other = ward.office.post("/v1/evaluation_schemes", scheme(&ward.ward)).await.is(201).id();
        let round = ward.round().await;
        let path = format!("/v1/evaluation_rounds/{round}");
        let fixed = [("/scheme_id", "is_fixed")];
        ward.office.patch(&path, "*", json!({"scheme_id": other})).await.faults(&fixed);
        let result = json!({"round_id": round, "member_id": ward.member(&ward.a).await, "final_level": "excellent"});
        ward.office.post("/v1/member_evaluations", result).await.is(201);
        advance(&ward.office, &round, to("self_rating")).await.is(200);
        ward.office.patch(&path, "*", json!({"scheme_id": other, "opened_on": "2014-11-01"})).await.faults(&fixed);
        // Naming the same scheme changes nothing.
        let same = ward.office.patch(&path, "*", json!({"scheme_id": ward.scheme, "opened_on": "2014-11-01"})).await.is(200);
        assert_eq!((&same.body["scheme_id"], &same.body["opened_on"]), (&json!(ward.scheme), &json!("2014-11-01")));
    }

    async fn why_a_member_was_not_evaluated_is_given_and_read_by_who_reads_sensitive_fields(server: empty) {
        let ward = server.ward().await;
        let (round, person) = (ward.round().await, ward.member(&ward.a).await);
        let secretary = server.acting(Role::CellSecretary, &ward.a).await;
        let post = |caller: &Caller, fields: Value| {
            let mut body = json!({"round_id": round, "member_id": person, "excluded": true});
            body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            caller.post("/v1/member_evaluations", body)
        };
        post(&secretary, json!({"excluded_reason": "absent"})).await.faults(&[("/excluded_reason", "field_not_writable")]);
        let path = format!("/v1/member_evaluations/{}", post(&secretary, json!({})).await.is(201).id());
        // The reason is missing until the office gives it; what else the office writes does not wait for it.
        ward.office.patch(&path, "*", json!({"decided_on": "2014-12-31"})).await.is(200);
        ward.office.patch(&path, "*", json!({"excluded_reason": "under_discipline_delay"})).await.is(200);
        ward.office.patch(&path, "*", json!({"excluded_reason": null})).await.faults(&[("/excluded_reason", "required")]);
        for place in ["", "/history"] {
            let seen = secretary.get(&format!("{path}{place}")).await.is(200);
            assert!(!seen.text.contains("excluded_reason") && !seen.text.contains("discipline"), "{}", seen.text);
        }
        // The secretary takes it back, and says it anew, without learning of the reason.
        secretary.patch(&path, "*", json!({"excluded": false, "cell_level": "good"})).await.is(200);
        secretary.patch(&path, "*", json!({"excluded": true, "cell_level": null})).await.is(200);
        ward.office.delete(&path, "*").await.is(204);
        post(&ward.office, json!({})).await.faults(&[("/excluded_reason", "required")]);
        post(&ward.office, json!({"excluded_reason": "absent"})).await.is(201);
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
        // What was sent and is wrong is not also missing, nor is a unit that follows from a member who is.
        post(json!({"excluded": true, "excluded_reason": "tired"})).await.faults(&[("/excluded_reason", "unknown_code")]);
        post(json!({"member_id": Uuid::now_v7()})).await.faults(&[("/member_id", "reference_not_found")]);
        post(json!({"member_id": null})).await.faults(&[("/member_id", "required")]);
        post(json!({"decided_on": "2999-01-01"})).await.faults(&[("/decided_on", "in_the_future")]);
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
        let round = ward.round_of_units().await;
        unit(json!({"round_id": round, "unit_id": ward.a, "final_level": "best"})).await.faults(&[("/final_level", "level_not_in_scheme")]);
        unit(json!({"round_id": round, "unit_id": ward.a, "decided_on": "2999-01-01"})).await.faults(&[("/decided_on", "in_the_future")]);
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

    async fn a_round_takes_results_of_what_its_scheme_evaluates_only(server: empty) {
        let ward = server.ward().await;
        let person = ward.member(&ward.a).await;
        let of = async |subject: &str| {
            let mut scheme = scheme(&ward.ward);
            scheme["subject_kind"] = json!(subject);
            ward.round_under(&ward.office.post("/v1/evaluation_schemes", scheme).await.is(201).id()).await
        };
        for (subject, of_members, of_a_cell, of_the_ward) in [
            ("member", true, false, false), ("cadre", true, false, false), ("cell", false, true, false), ("committee_collective", false, true, true),
        ] {
            let round = of(subject).await;
            let results = [
                ("member_evaluations", json!({"round_id": round, "member_id": person}), of_members),
                ("unit_evaluations", json!({"round_id": round, "unit_id": ward.a}), of_a_cell),
                ("unit_evaluations", json!({"round_id": round, "unit_id": ward.ward}), of_the_ward),
            ];
            for (collection, body, fits) in results {
                let made = ward.office.post(&format!("/v1/{collection}"), body).await;
                if fits {
                    made.is(201);
                    continue;
                }
                let pointer = if collection == "unit_evaluations" && subject == "cell" { "/unit_id" } else { "/round_id" };
                made.faults(&[(pointer, "wrong_subject")]);
            }
        }
        let refused = ward.office.post("/v1/unit_evaluations", json!({"round_id": ward.round().await, "unit_id": ward.a}));
        let refused = refused.header("accept-language", "vi").await.is(422);
        assert_eq!(refused.body["errors"][0]["message"], "Đợt đánh giá dành cho đối tượng khác: Đảng viên.");
        // Nor does a result move to a round for others.
        let mine = ward.office.post("/v1/member_evaluations", json!({"round_id": ward.round().await, "member_id": person})).await.is(201).id();
        ward.office.patch(&format!("/v1/member_evaluations/{mine}"), "*", json!({"round_id": of("cell").await})).await.faults(&[("/round_id", "wrong_subject")]);
    }

    async fn a_score_sheet_names_criteria_of_the_scheme_each_once(server: empty) {
        let ward = server.ward().await;
        let mut listed = scheme(&ward.ward);
        listed["criteria"] = json!([{"code": "c1", "text": "Một", "max_points": "5"}, {"code": "c2", "text": "Hai", "max_points": "5"}]);
        let listed = ward.office.post("/v1/evaluation_schemes", listed).await.is(201).id();
        let (round, person) = (ward.round_under(&listed).await, ward.member(&ward.a).await);
        let sheet = |criteria: &[&str]| -> Value { criteria.iter().map(|code| json!({"criterion": code, "points": "1"})).collect() };
        let body = |sheet: Value| json!({"round_id": round, "member_id": person, "score_sheet": sheet});
        let post = |sheet: Value| ward.office.post("/v1/member_evaluations", body(sheet));
        post(sheet(&["c1", "c3", "c1"])).await
            .faults(&[("/score_sheet/1/criterion", "criterion_not_in_scheme"), ("/score_sheet/2/criterion", "duplicate_code")]);
        let made = post(sheet(&["c2"])).await.is(201).id();
        let path = format!("/v1/member_evaluations/{made}");
        ward.office.patch(&path, "*", json!({"score_sheet": sheet(&["c4"])})).await.faults(&[("/score_sheet/0/criterion", "criterion_not_in_scheme")]);
        // A round under another scheme has other criteria; who does not read the sheet does not learn of it.
        let mut other = scheme(&ward.ward);
        other["criteria"] = json!([{"code": "c9", "text": "Chín", "max_points": "5"}]);
        let other = ward.round_under(&ward.office.post("/v1/evaluation_schemes", other).await.is(201).id()).await;
        ward.office.patch(&path, "*", json!({"round_id": other})).await.faults(&[("/score_sheet/0/criterion", "criterion_not_in_scheme")]);
        let secretary = server.acting(Role::CellSecretary, &ward.a).await;
        secretary.patch(&path, "*", json!({"round_id": other})).await.is(200);
        // Under a scheme that lists no criteria a sheet has its own.
        let unlisted = json!({"round_id": ward.round().await, "member_id": person, "score_sheet": sheet(&["c7"])});
        ward.office.post("/v1/member_evaluations", unlisted).await.is(201);
    }

    async fn a_round_is_in_a_period_in_which_its_scheme_is_in_force(server: empty) {
        let ward = server.ward().await;
        let mut dated = scheme(&ward.ward);
        (dated["valid_from"], dated["valid_to"]) = (json!("2012-09-25"), json!("2015-01-01"));
        let dated = ward.office.post("/v1/evaluation_schemes", dated).await.is(201).id();
        let post = |year: u32, quarter: Option<u32>| {
            let mut round = json!({"unit_id": ward.ward, "scheme_id": dated, "year": year});
            if let Some(quarter) = quarter {
                round["quarter"] = json!(quarter);
            }
            ward.office.post("/v1/evaluation_rounds", round)
        };
        for (year, quarter) in [(2011, None), (2015, None), (2012, Some(2)), (2015, Some(1))] {
            post(year, quarter).await.faults(&[("/year", "out_of_force")]);
        }
        for (year, quarter) in [(2012, None), (2012, Some(3)), (2014, Some(4))] {
            post(year, quarter).await.is(201);
        }
        let last = format!("/v1/evaluation_rounds/{}", post(2014, None).await.is(201).id());
        ward.office.patch(&last, "*", json!({"year": 2015})).await.faults(&[("/year", "out_of_force")]);
        // Nor does the scheme leave out a round that it has.
        let path = format!("/v1/evaluation_schemes/{dated}");
        ward.office.patch(&path, "*", json!({"valid_to": "2014-01-01"})).await.faults(&[("/valid_to", "out_of_force")]);
        ward.office.patch(&path, "*", json!({"valid_from": "2012-10-01"})).await.faults(&[("/valid_from", "out_of_force")]);
        ward.office.patch(&path, "*", json!({"valid_to": "2014-12-01"})).await.is(200);
    }

    async fn a_scheme_with_results_keeps_what_it_evaluates_and_its_levels(server: empty) {
        let ward = server.ward().await;
        let path = format!("/v1/evaluation_schemes/{}", ward.scheme);
        let rounds = [ward.round().await, ward.round().await];
        let change = json!({"subject_kind": "cadre"});
        ward.office.patch(&path, "*", change).await.is(200);
        let result = json!({"round_id": rounds[1], "member_id": ward.member(&ward.a).await, "final_level": "good"});
        let result = format!("/v1/member_evaluations/{}", ward.office.post("/v1/member_evaluations", result).await.is(201).id());
        let change = json!({"subject_kind": "cell", "levels": [{"code": "best", "label_vi": "Nhất", "label_en": "Best", "rank": 1}]});
        ward.office.patch(&path, "*", change.clone()).await.faults(&[("/subject_kind", "scheme_in_use"), ("/levels", "scheme_in_use")]);
        ward.office.delete(&result, "*").await.is(204);
        ward.office.patch(&path, "*", change).await.is(200);
    }

    async fn a_round_and_its_results_are_at_or_below_what_they_refer_to(server: empty) {
        let ward = server.ward().await;
        let below = ward.office.post("/v1/evaluation_schemes", scheme(&ward.a)).await.is(201).id();
        let round = |unit: &str, scheme: &str| json!({"unit_id": unit, "scheme_id": scheme, "year": 2014});
        let post = async |body: Value| ward.office.post("/v1/evaluation_rounds", body).await;
        for unit in [&ward.ward, &ward.b] {
            post(round(unit, &below)).await.faults(&[("/scheme_id", "not_above")]);
        }
        let round = post(round(&ward.a, &below)).await.is(201).id();
        let (near, far) = (ward.member(&ward.a).await, ward.member(&ward.b).await);
        let result = |person: &str| json!({"round_id": round, "member_id": person});
        ward.office.post("/v1/member_evaluations", result(&near)).await.is(201);
        ward.office.post("/v1/member_evaluations", result(&far)).await.faults(&[("/round_id", "not_above")]);
    }

    async fn a_scheme_is_in_use_until_its_last_result_is_gone(server: empty) {
        let ward = server.ward().await;
        let peer = server.peer("city", &[(Role::ExchangePeer, reference(&ward.ward))]).await;
        let round = ward.round().await;
        let (people, results): (Vec<Uuid>, Vec<Uuid>) = (0..25).map(|_| (Uuid::now_v7(), Uuid::now_v7())).unzip();
        let person = |id: &Uuid| member(*id, &ward.a, &format!("Hoàng Thị {id}"));
        let result = |(id, person): (&Uuid, &Uuid)| {
            let fields = json!({"round_id": round, "member_id": person, "self_level": "good"});
            item(PushOp::Create, "member_evaluation", *id, fields)
        };
        peer.write(people.iter().map(person).chain(results.iter().zip(&people).map(result)).collect()).await;
        let change = update("evaluation_scheme", ward.scheme.parse().unwrap(), 1, json!({"subject_kind": "cadre"}));
        for (gone, status) in [(24, ItemStatus::Invalid), (25, ItemStatus::Updated)] {
            let deletes = results.iter().take(gone).map(|id| delete("member_evaluation", *id, 1));
            let answer = peer.push_batch(&PushBatch { dry_run: true, ..PushBatch::new(deletes.chain([change.clone()]).collect()) }).await;
            assert_eq!(answer.items[gone].status, status, "{:?}", answer.items[gone]);
        }
    }

    async fn a_result_is_made_in_a_cell_where_the_member_counts_or_did(server: empty) {
        let ward = server.ward().await;
        let person = ward.member(&ward.a).await;
        let post = async |unit: &str| {
            let result = json!({"round_id": ward.round().await, "member_id": person, "unit_id": unit});
            ward.office.post("/v1/member_evaluations", result).await
        };
        for unit in [&ward.b, &ward.ward] {
            post(unit).await.faults(&[("/unit_id", "subject_elsewhere")]);
        }
        let made = post(&ward.a).await.is(201).id();
        ward.office.patch(&format!("/v1/members/{person}"), "*", json!({"unit_id": ward.b})).await.is(200);
        // What happened in the cell that it left is recorded there, also later.
        post(&ward.a).await.is(201);
        post(&ward.b).await.is(201);
        let path = format!("/v1/member_evaluations/{made}");
        ward.office.patch(&path, "*", json!({"self_level": "good"})).await.is(200);
        let stranger = ward.member(&ward.b).await;
        ward.office.patch(&path, "*", json!({"member_id": stranger})).await.faults(&[("/unit_id", "subject_elsewhere")]);
        // A reorganisation takes the records of a cell to another.
        ward.office.patch(&path, "*", json!({"unit_id": ward.b})).await.is(200);
    }

    async fn a_round_cannot_be_changed_after_it_is_approved(server: empty) {
        let ward = server.ward().await;
        let lead = server.acting(Role::CommitteeLead, &ward.ward).await;
        let (round, person, other) = (ward.round().await, ward.member(&ward.a).await, ward.member(&ward.a).await);
        let result = |member: &str| json!({"round_id": round, "member_id": member, "self_level": "good"});
        let theirs = ward.office.post("/v1/member_evaluations", result(&person)).await.is(201).id();
        let dropped = ward.office.post("/v1/member_evaluations", result(&other)).await.is(201).id();
        ward.office.delete(&format!("/v1/member_evaluations/{dropped}"), "*").await.is(204);
        let of_units = ward.round_of_units().await;
        let of_cell = ward.office.post("/v1/unit_evaluations", json!({"round_id": of_units, "unit_id": ward.a})).await.is(201).id();
        for state in ["self_rating", "reviewing", "proposed", "approved"] {
            advance(&lead, &round, to(state)).await.is(200);
            advance(&lead, &of_units, to(state)).await.is(200);
        }
        for (path, body) in [
            (format!("/v1/member_evaluations/{theirs}"), json!({"self_level": "poor"})), (format!("/v1/unit_evaluations/{of_cell}"), json!({"self_level": "poor"})),
            (format!("/v1/evaluation_rounds/{round}"), json!({"opened_on": "2014-01-01"})),
        ] {
            ward.office.patch(&path, "*", body).await.conflicts("round_closed");
            let deleted = ward.office.delete(&path, "*").await.is(409);
            assert!(["conflict", "still_referenced"].contains(&deleted.code()));
        }
        ward.office.post("/v1/member_evaluations", result(&other)).await.conflicts("round_closed");
        ward.office.verb(&format!("/v1/member_evaluations/{dropped}/restore")).await.conflicts("round_closed");
        ward.office.post("/v1/unit_evaluations", json!({"round_id": of_units, "unit_id": ward.b})).await.conflicts("round_closed");
        // Nor does a result of another round move in.
        let elsewhere = json!({"round_id": ward.round().await, "member_id": other});
        let elsewhere = ward.office.post("/v1/member_evaluations", elsewhere).await.is(201).id();
        ward.office.patch(&format!("/v1/member_evaluations/{elsewhere}"), "*", json!({"round_id": round})).await.conflicts("round_closed");
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
