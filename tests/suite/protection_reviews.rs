//! Reviews of political standards: of whom, their dates, and who does not see them.

use crate::support::on_both_engines;
use cell_records_client::types::accounts::Role;
use serde_json::{Value, json};

on_both_engines! {
    async fn a_review_is_of_one_person_and_its_result_has_a_day(server: empty) {
        let ward = server.ward().await;
        let member = ward.member(&ward.a).await;
        let candidate = json!({"unit_id": ward.b, "full_name": "Phạm Thị Hoa", "sex": "female", "birth_date": "1988-10-20"});
        let candidate = ward.office.post("/v1/admissions", candidate).await.is(201).id();
        let post = |fields: Value| {
            let mut body = json!({"occasion": "admission", "requested_on": "2014-02-10"});
            body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            ward.office.post("/v1/protection_reviews", body)
        };
        post(json!({"unit_id": ward.a, "result": "cleared"})).await.faults(&[("/member_id", "exactly_one"), ("/reviewed_on", "required")]);
        post(json!({"member_id": member, "admission_id": candidate, "reviewed_on": "2014-02-09"})).await
            .faults(&[("/admission_id", "exactly_one"), ("/result", "required"), ("/reviewed_on", "dates_out_of_order")]);
        post(json!({"member_id": member, "unit_id": ward.b})).await.faults(&[("/unit_id", "subject_elsewhere")]);
        post(json!({"admission_id": candidate, "requested_on": "2199-01-01"})).await.faults(&[("/requested_on", "in_the_future")]);
        let of_candidate = post(json!({"admission_id": candidate})).await.is(201);
        let of_member = post(json!({"member_id": member, "requested_on": "2014-01-10", "reviewed_on": "2014-02-10", "result": "cleared"})).await.is(201);
        assert_eq!((&of_candidate.body["unit_id"], &of_member.body["unit_id"]), (&json!(ward.b), &json!(ward.a)));
        for (query, found) in [
            (format!("admission_id={candidate}"), vec![of_candidate.id()]), (format!("member_id={member}"), vec![of_member.id()]),
            (format!("unit={}&subtree=true&result=null", ward.ward), vec![of_candidate.id()]), (format!("unit={}&subtree=true&occasion=periodic", ward.ward), vec![]),
            (format!("unit={}&subtree=true&sort=requested_on", ward.ward), vec![of_member.id(), of_candidate.id()]),
        ] {
            let items = ward.office.all(&format!("/v1/protection_reviews?{query}")).await.0;
            assert_eq!(items.iter().map(|item| item["id"].as_str().unwrap()).collect::<Vec<_>>(), found, "{query}");
        }
        for role in [Role::CellSecretary, Role::ExchangePeer] {
            let caller = server.acting(role, &ward.ward).await;
            caller.get(&format!("/v1/protection_reviews/{}", of_member.id())).await.refused(403, "type_not_readable");
            assert!(!caller.get("/v1/sync/changes").await.is(200).text.contains("protection_review"));
        }
    }
}
