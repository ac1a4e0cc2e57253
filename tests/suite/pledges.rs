//! Pledges: whose they are, what each kind needs, and that there is one a year.

use crate::support::http::Caller;
use crate::support::on_both_engines;
use crate::support::ward::ROOT;
use cell_records_client::types::accounts::Role;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn pledge(kind: &str, fields: Value) -> Value {
    let mut body = json!({"kind": kind, "year": 2014, "content": "Gần dân, sát dân."});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

async fn found(caller: &Caller, query: &str) -> BTreeSet<String> {
    let items = caller.all(&format!("/v1/pledges?{query}")).await.0;
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

on_both_engines! {
    async fn a_pledge_is_of_a_member_or_of_the_unit_that_is_named(server: empty) {
        let ward = server.ward().await;
        let member = ward.member(&ward.a).await;
        let post = |body: Value| ward.office.post("/v1/pledges", body);
        // Nothing says whose it is.
        for body in [json!({}), json!({"member_id": null})] {
            post(pledge("ethical_standards", body)).await.faults(&[("/unit_id", "required")]);
        }
        post(json!({"member_id": 7})).await
            .faults(&[("/member_id", "wrong_type"), ("/year", "required"), ("/kind", "required"), ("/content", "required")]);
        let nobody = uuid::Uuid::now_v7();
        post(pledge("follow_example", json!({"member_id": nobody}))).await.faults(&[("/member_id", "reference_not_found")]);
        post(pledge("follow_example", json!({"member_id": member, "unit_id": ward.b}))).await.faults(&[("/unit_id", "subject_elsewhere")]);
        let own = post(pledge("follow_example", json!({"member_id": member, "position_code": "cell_secretary"}))).await.is(201);
        assert_eq!(own.body["unit_id"], json!(ward.a));
        let path = format!("/v1/pledges/{}", own.id());
        ward.office.patch(&path, own.etag(), json!({"member_id": null, "kind": "ethical_standards"})).await
            .faults(&[("/member_id", "is_fixed"), ("/kind", "is_fixed")]);
        let of_ward = post(pledge("follow_example", json!({"unit_id": ward.ward}))).await.is(201);
        let other = ward.member(&ward.a).await;
        ward.office.patch(&format!("/v1/pledges/{}", of_ward.id()), "*", json!({"member_id": other})).await.faults(&[("/member_id", "is_fixed")]);
    }

    async fn each_kind_of_pledge_needs_what_it_is_about(server: empty) {
        let ward = server.ward().await;
        let member = ward.member(&ward.a).await;
        let post = |kind: &str, fields: Value| ward.office.post("/v1/pledges", pledge(kind, fields));
        let refused = post("ethical_standards", json!({"member_id": member})).header("accept-language", "vi").await
            .faults(&[("/member_id", "only_where")]);
        assert_eq!(refused.body["errors"][0]["message"], "Chỉ có khi “Loại đăng ký” là Học tập và làm theo Bác.");
        post("member_development", json!({"unit_id": ward.a, "adopted_on": "2999-01-01"})).await
            .faults(&[("/target", "required"), ("/adopted_on", "in_the_future")]);
        let plan = post("member_development", json!({"unit_id": ward.a, "target": 1})).await.is(201);
        ward.office.patch(&format!("/v1/pledges/{}", plan.id()), "*", json!({"target": null})).await.faults(&[("/target", "required")]);
        ward.office.patch(&format!("/v1/pledges/{}", plan.id()), "*", json!({"target": 2, "result": "done"})).await.is(200);
        post("ethical_standards", json!({"unit_id": ward.a, "adopted_on": "2012-09-01"})).await.is(201);
    }

    async fn each_subject_has_one_pledge_of_a_kind_and_year_also_where_the_caller_does_not_see_it(server: empty) {
        let ward = server.ward().await;
        let (one, two) = (ward.member(&ward.a).await, ward.member(&ward.a).await);
        let post = |caller: &Caller, fields: Value| caller.post("/v1/pledges", pledge("follow_example", fields));
        let first = post(&ward.office, json!({"member_id": one})).await.is(201);
        // Not the same subject, kind or year.
        for fields in [json!({"member_id": two}), json!({"unit_id": ward.a}), json!({"unit_id": ward.b}), json!({"member_id": one, "year": 2015})] {
            post(&ward.office, fields).await.is(201);
        }
        ward.office.post("/v1/pledges", pledge("ethical_standards", json!({"unit_id": ward.a}))).await.is(201);
        post(&ward.office, json!({"unit_id": ward.a})).await.refused(409, "not_unique");
        ward.office.patch(&format!("/v1/pledges/{}", first.id()), "*", json!({"year": 2015})).await.refused(409, "not_unique");
        ward.office.patch(&format!("/v1/members/{one}"), "*", json!({"unit_id": ward.b, "unit_since": "2014-07-01"})).await.is(200);
        let secretary = server.acting(Role::CellSecretary, &ward.b).await;
        let again = post(&secretary, json!({"member_id": one})).await.refused(409, "not_unique");
        assert_eq!(again.body["errors"][0]["code"], "pledge_exists");
        assert!(!again.text.contains(&first.id()) && !again.text.contains(&ward.a), "{}", again.text);
        ward.office.delete(&format!("/v1/pledges/{}", first.id()), "*").await.is(204);
        post(&secretary, json!({"member_id": one})).await.is(201);
        ward.office.verb(&format!("/v1/pledges/{}/restore", first.id())).await.refused(409, "not_unique");
    }

    async fn pledges_are_found_by_year_kind_member_and_result(server: empty) {
        let ward = server.ward().await;
        let member = ward.member(&ward.a).await;
        let post = async |kind: &str, fields: Value| ward.office.post("/v1/pledges", pledge(kind, fields)).await.is(201).id();
        let own = post("follow_example", json!({"member_id": member, "is_exemplar": true, "result": "partly"})).await;
        let plan = post("member_development", json!({"unit_id": ward.a, "target": 1, "year": 2013})).await;
        let standards = post("ethical_standards", json!({"unit_id": ward.ward})).await;
        for (query, expected) in [
            ("year=2014", vec![&own, &standards]),
            ("year=2014&kind=ethical_standards,member_development", vec![&standards]),
            (&format!("member_id={member}"), vec![&own]),
            ("member_id=null", vec![&plan, &standards]),
            ("is_exemplar=false", vec![&plan, &standards]),
            ("result=partly", vec![&own]),
        ] {
            assert_eq!(found(&ward.office, query).await, expected.into_iter().cloned().collect(), "{query}");
        }
        let sorted = ward.office.all(&format!("/v1/pledges?sort=-year&unit={}&subtree=true", ward.ward)).await.0;
        assert_eq!(sorted.last().unwrap()["id"], json!(plan));
        let lead = server.acting(Role::CommitteeLead, ROOT).await;
        assert_eq!(found(&lead, "").await.len(), 3);
    }
}
