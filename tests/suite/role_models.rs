//! Role models: whose they are, and how they are found.

use crate::support::on_both_engines;
use cell_records_client::types::accounts::Role;
use serde_json::{Value, json};

on_both_engines! {
    async fn a_role_model_is_a_member_or_the_unit_and_is_found_by_level_member_and_title(server: empty) {
        let ward = server.ward().await;
        let member = ward.member(&ward.a).await;
        let secretary = server.acting(Role::CellSecretary, &ward.a).await;
        let body = |title: &str, from: &str, fields: Value| {
            let mut body = json!({"title": title, "from": from, "level": "nurtured"});
            body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            body
        };
        let post = |title: &str, from: &str, fields: Value| secretary.post("/v1/role_models", body(title, from, fields));
        post("Dân vận khéo", "2014-05-19", json!({"level": "famous"})).await.faults(&[("/unit_id", "required"), ("/level", "unknown_code")]);
        post("Dân vận khéo", "2014-05-19", json!({"unit_id": ward.a, "publish_consent_on": "2999-01-01"})).await
            .faults(&[("/publish_consent_on", "in_the_future")]);
        let elsewhere = body("Dân vận khéo", "2014-05-19", json!({"member_id": member, "unit_id": ward.ward}));
        ward.office.post("/v1/role_models", elsewhere).await.faults(&[("/unit_id", "subject_elsewhere")]);
        let one = post("Dân vận khéo", "2014-05-19", json!({"member_id": member})).await.is(201);
        assert_eq!(one.body["unit_id"], json!(ward.a));
        let cell = post("Chi bộ điển hình", "2013-01-01", json!({"level": "recognised", "unit_id": ward.a})).await.is(201);
        for (query, found) in [
            ("sort=from".to_owned(), vec![cell.id(), one.id()]),
            (format!("member_id={member}"), vec![one.id()]),
            ("level=recognised,commended".into(), vec![cell.id()]),
            ("q=dan+van".into(), vec![one.id()]),
        ] {
            let items = secretary.all(&format!("/v1/role_models?{query}")).await.0;
            assert_eq!(items.iter().map(|item| item["id"].as_str().unwrap()).collect::<Vec<_>>(), found, "{query}");
        }
        let lead = server.acting(Role::CommitteeLead, &ward.ward).await;
        lead.patch(&format!("/v1/role_models/{}", one.id()), "*", json!({"level": "commended"})).await.refused(403, "forbidden");
    }
}
