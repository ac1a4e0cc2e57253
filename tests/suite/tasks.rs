//! Tasks of members: whose they are and for how long, and how they are found.

use crate::support::http::Caller;
use crate::support::on_both_engines;
use cell_records_client::types::accounts::Role;
use serde_json::{Value, json};
use uuid::Uuid;

fn task(member: &str, fields: Value) -> Value {
    let mut body = json!({"member_id": member, "title": "Phụ trách khuyến học", "from": "2014-01-01"});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

async fn titles(caller: &Caller, query: &str) -> Vec<String> {
    let items = caller.all(&format!("/v1/assignments?{query}")).await.0;
    items.iter().map(|item| item["title"].as_str().unwrap().to_owned()).collect()
}

on_both_engines! {
    async fn a_task_belongs_to_the_cell_of_its_member_and_stays_there(server: empty) {
        let ward = server.ward().await;
        let member = ward.member(&ward.a).await;
        let post = |body: Value| ward.office.post("/v1/assignments", body);
        post(json!({"to": "2015-01-01"})).await.faults(&[("/member_id", "required"), ("/title", "required"), ("/from", "required")]);
        post(task(&member, json!({"unit_id": ward.b}))).await.faults(&[("/unit_id", "subject_elsewhere")]);
        post(task(&member, json!({"suited_to": ["health", "taste"]}))).await.faults(&[("/suited_to/1", "unknown_code")]);
        post(task(&member, json!({"suited_to": ["health", "ability", "health"], "to": "2014-01-01"}))).await
            .faults(&[("/suited_to/2", "duplicate_code"), ("/to", "dates_out_of_order")]);
        let secretary = server.acting(Role::CellSecretary, &ward.a).await;
        let sent = task(&member, json!({"id": Uuid::now_v7(), "to": "2014-01-02"}));
        let made = secretary.post("/v1/assignments", sent.clone()).await.is(201);
        assert_eq!((&made.body["unit_id"], &made.body["primary"]), (&json!(ward.a), &json!(true)));
        let path = format!("/v1/assignments/{}", made.id());
        ward.office.patch(&format!("/v1/members/{member}"), "*", json!({"unit_id": ward.b, "unit_since": "2014-07-01"})).await.is(200);
        // What is sent once more is there, also for who no longer sees the member.
        for caller in [&secretary, &ward.office] {
            assert_eq!(caller.post("/v1/assignments", sent.clone()).await.is(200).record(), made.record());
        }
        ward.office.patch(&path, "*", json!({"result": "partly", "result_note": "Vận động được nửa số hộ."})).await.is(200);
        ward.office.delete(&path, "*").await.is(204);
        assert_eq!(ward.office.verb(&format!("{path}/restore")).await.is(200).body["unit_id"], json!(ward.a));
    }

    async fn a_member_has_one_primary_task_at_a_time_in_all_cells(server: empty) {
        let ward = server.ward().await;
        let (member, other) = (ward.member(&ward.a).await, ward.member(&ward.a).await);
        let post = |member: &str, fields: Value| ward.office.post("/v1/assignments", task(member, fields));
        let first = format!("/v1/assignments/{}", post(&member, json!({})).await.is(201).id());
        post(&member, json!({"from": "2013-01-01", "to": "2014-01-02"})).await.faults(&[("/from", "overlaps")]);
        post(&member, json!({"from": "2013-01-01", "to": "2014-01-01"})).await.is(201);
        post(&other, json!({})).await.is(201);
        let second = post(&member, json!({"primary": false})).await.is(201);
        let path = format!("/v1/assignments/{}", second.id());
        ward.office.patch(&path, second.etag(), json!({"primary": true})).await.faults(&[("/from", "overlaps")]);
        // The former cell's task counts, and says no more of itself than that.
        ward.office.patch(&format!("/v1/members/{member}"), "*", json!({"unit_id": ward.b, "unit_since": "2014-07-01"})).await.is(200);
        let secretary = server.acting(Role::CellSecretary, &ward.b).await;
        secretary.get(&first).await.refused(404, "not_found");
        let new = || secretary.post("/v1/assignments", task(&member, json!({"from": "2014-07-01"})));
        new().await.faults(&[("/from", "overlaps")]);
        ward.office.patch(&first, "*", json!({"to": "2014-07-01"})).await.is(200);
        new().await.is(201);
        ward.office.delete(&first, "*").await.is(204);
        ward.office.patch(&path, "*", json!({"primary": true, "to": "2014-03-01"})).await.is(200);
        ward.office.verb(&format!("{first}/restore")).await.faults(&[("/from", "overlaps")]);
    }

    async fn tasks_are_found_by_member_day_rank_result_and_title(server: empty) {
        let ward = server.ward().await;
        let (one, two) = (ward.member(&ward.a).await, ward.member(&ward.a).await);
        for (member, title, from, fields) in [
            (&one, "Khuyến học", "2014-01-01", json!({"to": "2015-01-01", "result": "done"})),
            (&one, "Giữ quỹ", "2013-01-01", json!({"primary": false, "result": "not_done"})),
            (&two, "Tuyên truyền", "2015-01-01", json!({})),
        ] {
            let mut body = task(member, fields);
            (body["title"], body["from"]) = (json!(title), json!(from));
            ward.office.post("/v1/assignments", body).await.is(201);
        }
        let secretary = server.acting(Role::CellSecretary, &ward.a).await;
        let (school, money, news) = ("Khuyến học", "Giữ quỹ", "Tuyên truyền");
        for (query, found) in [
            (String::new(), vec![money, school, news]),
            (format!("&member_id={one}"), vec![money, school]),
            ("&at=2014-12-31".into(), vec![money, school]),
            ("&at=2015-01-01".into(), vec![money, news]),
            ("&primary=true".into(), vec![school, news]),
            ("&result=done,partly".into(), vec![school]),
            ("&result=null".into(), vec![news]),
            ("&q=khuyen%20ho".into(), vec![school]),
        ] {
            assert_eq!(titles(&secretary, &format!("unit={}&sort=from{query}", ward.a)).await, found, "{query}");
        }
    }
}
