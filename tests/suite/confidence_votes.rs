//! Confidence votes: a session adds up, what its numbers mean is a warning, and nothing of it changes.

use crate::support::on_both_engines;
use crate::support::ward::Ward;
use cell_records_client::types::accounts::Role;
use serde_json::{Value, json};

/// A session of 30 that were summoned, with the votes (high, confidence, low, invalid) on each person.
async fn session(ward: &Ward, present: i32, votes: &[[i32; 4]]) -> Value {
    let mut subjects = Vec::new();
    for [high, confidence, low, invalid] in votes {
        subjects.push(json!({
            "member_id": ward.member(&ward.a).await, "position_code": "standing_committee_member",
            "high": high, "confidence": confidence, "low": low, "invalid": invalid,
        }));
    }
    json!({
        "unit_id": ward.ward, "held_on": "2014-07-10", "body": "standing_committee", "summoned": 30, "present": present, "subjects": subjects,
    })
}

fn with(mut body: Value, fields: &Value) -> Value {
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

on_both_engines! {
    async fn nobody_gets_more_votes_than_there_are_persons(server: empty) {
        let ward = server.ward().await;
        let post = |body: Value| ward.office.post("/v1/confidence_votes", body);
        post(session(&ward, 25, &[[10, 10, 3, 2], [10, 10, 4, 2], [26, 0, 0, 0]]).await).await
            .faults(&[("/subjects/1", "votes_exceed_present"), ("/subjects/2", "votes_exceed_present")]);
        post(with(session(&ward, 31, &[]).await, &json!({"held_on": "2199-01-01"}))).await
            .faults(&[("/present", "out_of_range"), ("/subjects", "empty"), ("/held_on", "in_the_future")]);
        post(with(session(&ward, 25, &[]).await, &json!({"body": "choir", "subjects": [{"position_code": "king", "high": -1, "low": "2"}]}))).await.faults(&[
            ("/body", "unknown_code"), ("/subjects/0/member_id", "required"), ("/subjects/0/position_code", "unknown_code"), ("/subjects/0/high", "out_of_range"),
            ("/subjects/0/confidence", "required"), ("/subjects/0/low", "wrong_type"), ("/subjects/0/invalid", "required"),
        ]);
        let mut twice = session(&ward, 25, &[[10, 10, 3, 2]]).await;
        let mut subjects = vec![twice["subjects"][0].clone(); 3];
        subjects[1]["position_code"] = json!("office_head");
        twice["subjects"] = json!(subjects);
        post(twice).await.faults(&[("/subjects/2/member_id", "duplicate_code")]);
        let many = vec![json!({}); 51];
        post(with(session(&ward, 25, &[]).await, &json!({"subjects": many}))).await.faults(&[("/subjects", "out_of_range")]);
    }

    async fn too_few_present_and_low_confidence_are_warnings_that_name_the_share(server: empty) {
        let ward = server.ward().await;
        let votes = [[15, 0, 0, 0], [8, 2, 10, 0], [8, 1, 10, 1], [9, 0, 11, 0], [5, 1, 12, 0], [0, 0, 20, 0], [0, 0, 0, 0]];
        let made = ward.office.post("/v1/confidence_votes", session(&ward, 20, &votes).await).await.is(201);
        let texts: Vec<(&str, &str)> = made.body["warnings"].as_array().unwrap().iter()
            .map(|warning| (warning["pointer"].as_str().unwrap(), warning["message"].as_str().unwrap())).collect();
        assert_eq!(texts, [
            ("/subjects/3/low", "Votes of low confidence: more than 1/2."),
            ("/subjects/4/low", "Votes of low confidence: at least 2/3."),
            ("/subjects/5/low", "Votes of low confidence: at least 2/3."),
        ]);
        let few = ward.office.post("/v1/confidence_votes", session(&ward, 19, &[[19, 0, 0, 0]]).await).header("accept-language", "vi").await.is(201);
        assert_eq!(few.body["warnings"][0]["message"], "Số người có mặt chưa đủ 2/3 số người được triệu tập.");
        assert_eq!(few.warnings(), [("/present".to_owned(), "quorum_missing".to_owned())]);
    }

    async fn nothing_of_a_vote_changes_and_a_wrong_one_is_deleted(server: empty) {
        let ward = server.ward().await;
        let body = session(&ward, 25, &[[10, 10, 3, 2]]).await;
        let made = ward.office.post("/v1/confidence_votes", body.clone()).await.is(201);
        let path = format!("/v1/confidence_votes/{}", made.id());
        let other = json!({
            "unit_id": ward.a, "held_on": "2014-07-11", "body": "executive_committee", "summoned": 31, "present": 26, "subjects": [],
        });
        let refused = ward.office.patch(&path, "*", other.clone()).await.is(422);
        let mut pointers: Vec<&str> = refused.body["errors"].as_array().unwrap().iter()
            .filter(|fault| ["is_fixed", "unit_fixed"].contains(&fault["code"].as_str().unwrap())).map(|fault| fault["pointer"].as_str().unwrap()).collect();
        pointers.sort_unstable();
        assert_eq!(pointers, ["/body", "/held_on", "/present", "/subjects", "/summoned", "/unit_id"]);
        assert_eq!(ward.office.patch(&path, "*", body).await.is(200).body["version"], 1);
        // Who is voted on is kept as long as the vote is.
        let person = format!("/v1/members/{}", made.body["subjects"][0]["member_id"].as_str().unwrap());
        ward.office.delete(&person, "*").await.refused(409, "still_referenced");
        ward.office.delete(&path, "*").await.is(204);
        ward.office.delete(&person, "*").await.is(204);
    }

    async fn votes_are_found_by_body_and_day_by_who_may_read_them(server: empty) {
        let ward = server.ward().await;
        for (body, held_on) in [("standing_committee", "2013-07-10"), ("executive_committee", "2014-07-10"), ("standing_committee", "2014-12-20")] {
            let fields = json!({"body": body, "held_on": held_on});
            ward.office.post("/v1/confidence_votes", with(session(&ward, 25, &[[25, 0, 0, 0]]).await, &fields)).await.is(201);
        }
        let reader = server.acting(Role::InspectionCommission, &ward.ward).await;
        for (query, days) in [
            ("sort=-held_on", vec!["2014-12-20", "2014-07-10", "2013-07-10"]),
            ("body=standing_committee&sort=held_on", vec!["2013-07-10", "2014-12-20"]),
            ("held_from=2014&held_to=2014-07", vec!["2014-07-10"]),
        ] {
            let found = reader.all(&format!("/v1/confidence_votes?{query}")).await.0;
            assert_eq!(found.iter().map(|item| item["held_on"].as_str().unwrap()).collect::<Vec<_>>(), days, "{query}");
        }
        server.acting(Role::CellSecretary, &ward.a).await.get("/v1/confidence_votes").await.refused(403, "type_not_readable");
    }
}
