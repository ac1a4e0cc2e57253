//! Decisions on discipline: their forms, what never changes of them, and who learns nothing of them.

use crate::support::http::Caller;
use crate::support::items::delete;
use crate::support::on_both_engines;
use crate::support::ward::{ROOT, member};
use cell_records_client::types::accounts::Role;
use cell_records_client::types::sync::PushBatch;
use serde_json::{Value, json};

fn decision(form: &str, fields: Value) -> Value {
    let mut body = json!({"form": form, "decided_by": "Ban Thường vụ Đảng ủy", "decided_on": "2014-06-02"});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

fn codes(warnings: &[(String, String)]) -> Vec<&str> {
    warnings.iter().map(|(_, code)| code.as_str()).collect()
}

on_both_engines! {
    async fn the_forms_are_those_of_the_subject(server: empty) {
        let ward = server.ward().await;
        let lead = server.acting(Role::CommitteeLead, &ward.ward).await;
        let official = ward.member(&ward.a).await;
        let mut new = member(&ward.a);
        new.as_object_mut().unwrap().retain(|name, _| !["status", "official_date"].contains(&name.as_str()));
        let probationary = ward.office.post("/v1/members", new).await.is(201).id();
        for (subject, forms) in [
            (json!({"unit_id": ward.a}), ["reprimand", "warning", "dissolution"].as_slice()),
            (json!({"member_id": probationary}), &["reprimand", "warning"]),
            (json!({"member_id": official}), &["reprimand", "warning", "removal_from_office", "expulsion"]),
        ] {
            for form in ["reprimand", "warning", "removal_from_office", "expulsion", "dissolution"] {
                let made = lead.post("/v1/disciplinary_actions", decision(form, subject.clone())).await;
                if forms.contains(&form) {
                    assert_eq!(made.is(201).body["unit_id"], json!(ward.a));
                } else {
                    made.faults(&[("/form", "form_not_allowed")]);
                }
            }
        }
        let refused = lead.post("/v1/disciplinary_actions", decision("expulsion", json!({"member_id": probationary})));
        let refused = refused.header("accept-language", "vi").await.is(422);
        assert_eq!(refused.body["errors"][0]["message"], "Không áp dụng được hình thức này; được áp dụng: Khiển trách, Cảnh cáo.");
        lead.post("/v1/disciplinary_actions", decision("reprimand", json!({}))).await.faults(&[("/unit_id", "required")]);
        lead.post("/v1/disciplinary_actions", decision("reprimand", json!({"member_id": official, "unit_id": ward.b}))).await
            .faults(&[("/unit_id", "subject_elsewhere")]);
        // A form that was allowed is not judged again.
        let path = format!("/v1/members/{official}");
        ward.office.patch(&path, "*", json!({"status": "expelled", "left_on": "2014-07-01"})).await.is(200);
        let own = lead.all(&format!("/v1/disciplinary_actions?member_id={official}&form=expulsion")).await.0;
        lead.patch(&format!("/v1/disciplinary_actions/{}", own[0]["id"].as_str().unwrap()), "*", json!({"ended_on": "2015-01-01"})).await.is(200);
    }

    async fn the_subject_may_have_left_and_its_cell_be_dissolved(server: empty) {
        let ward = server.ward().await;
        let inspection = server.acting(Role::InspectionCommission, &ward.ward).await;
        let gone = ward.member(&ward.b).await;
        ward.office.patch(&format!("/v1/members/{gone}"), "*", json!({"status": "withdrawn", "left_on": "2013-01-01"})).await.is(200);
        let dissolved = json!({"state": "dissolved", "dissolved_on": "2013-06-01"});
        ward.office.patch(&format!("/v1/units/{}", ward.b), "*", dissolved).await.is(200);
        let post = |form: &str, fields: Value| inspection.post("/v1/disciplinary_actions", decision(form, fields));
        let made = post("expulsion", json!({"member_id": gone})).await.is(201);
        assert_eq!((&made.body["unit_id"], codes(&made.warnings())), (&json!(ward.b), vec!["left_otherwise"]));
        post("dissolution", json!({"unit_id": ward.b})).await.is(201);
        // A warning is about the decision, not about what is added later.
        let path = format!("/v1/disciplinary_actions/{}", made.id());
        assert!(inspection.patch(&path, made.etag(), json!({"ended_on": "2015-01-01"})).await.is(200).warnings().is_empty());
    }

    async fn a_removal_is_from_an_office_that_was_held_on_the_day(server: empty) {
        let ward = server.ward().await;
        let lead = server.acting(Role::CommitteeLead, &ward.ward).await;
        for (from, to, expected) in [
            (None, None, vec!["no_open_position"]),
            (Some("2014-06-03"), None, vec!["no_open_position"]),
            (Some("2010-01-01"), Some("2014-06-01"), vec!["no_open_position"]),
            (Some("2010-01-01"), Some("2014-06-02"), vec![]),
            (Some("2010-01-01"), None, vec![]),
        ] {
            let member = ward.member(&ward.a).await;
            if let Some(from) = from {
                let held = json!({"unit_id": ward.ward, "member_id": member, "position_code": "other", "from": from, "to": to, "basis": "elected"});
                ward.office.post("/v1/positions", held).await.is(201);
            }
            let made = lead.post("/v1/disciplinary_actions", decision("removal_from_office", json!({"member_id": member}))).await.is(201);
            assert_eq!(codes(&made.warnings()), expected, "{from:?} {to:?}");
        }
    }

    async fn a_decision_never_changes_but_its_end_and_appeals_are_added(server: empty) {
        let ward = server.ward().await;
        let lead = server.acting(Role::CommitteeLead, ROOT).await;
        let member = ward.member(&ward.a).await;
        let post = |fields: Value| lead.post("/v1/disciplinary_actions", decision("warning", fields));
        post(json!({"member_id": member, "decided_on": "2999-01-01", "ended_on": "2999-01-01"})).await
            .faults(&[("/decided_on", "in_the_future"), ("/ended_on", "in_the_future"), ("/ended_on", "dates_out_of_order")]);
        // One may be decided before it is in force.
        post(json!({"member_id": member, "effective_from": "2999-01-01"})).await.is(201);
        let made = post(json!({"member_id": member})).await.is(201);
        assert_eq!(made.body["effective_from"], "2014-06-02");
        let path = format!("/v1/disciplinary_actions/{}", made.id());
        for (field, value) in [
            ("member_id", json!(null)), ("form", json!("reprimand")), ("decided_by", json!("Chi bộ")), ("decision_number", json!("1-QĐ/CB")),
            ("decided_on", json!("2014-06-03")), ("effective_from", json!("2014-06-03")), ("grounds", json!("Khác")),
        ] {
            lead.patch(&path, "*", json!({field: value})).await.faults(&[(&format!("/{field}"), "is_fixed")]);
        }
        lead.patch(&path, "*", json!({"unit_id": ward.b})).await.faults(&[("/unit_id", "unit_fixed")]);
        let patch = |appeals: Value| lead.patch(&path, "*", json!({"appeals": appeals}));
        patch(json!([{"filed_on": "2014-07-01", "decided_on": "2014-06-30"}, {"filed_on": "2999-01-01", "outcome": "forgiven"}])).await
            .faults(&[("/appeals/1/outcome", "unknown_code")]);
        patch(json!([{"filed_on": "2014-07-01", "decided_on": "2014-06-30"}, {"filed_on": "2999-01-01"}])).await
            .faults(&[("/appeals/0/decided_on", "dates_out_of_order"), ("/appeals/1/filed_on", "in_the_future")]);
        patch(json!([{"filed_on": "2014-07-01", "decided_on": "2014-08-01", "outcome": "lifted"}])).await.is(200);
        lead.patch(&path, "*", json!({"ended_on": "2014-08-01"})).await.is(200);
    }

    async fn decisions_are_found_by_member_form_and_day(server: empty) {
        let ward = server.ward().await;
        let lead = server.acting(Role::CommitteeLead, &ward.ward).await;
        let member = ward.member(&ward.a).await;
        let post = async |form: &str, fields: Value| lead.post("/v1/disciplinary_actions", decision(form, fields)).await.is(201).id();
        let first = post("reprimand", json!({"member_id": member, "decided_on": "2013-12-31"})).await;
        let second = post("warning", json!({"member_id": member})).await;
        let unit = post("reprimand", json!({"unit_id": ward.a, "decided_on": "2015-01-01"})).await;
        let secretary = server.acting(Role::CellSecretary, &ward.a).await;
        for (query, found) in [
            (String::new(), vec![&first, &second, &unit]), (format!("&member_id={member}"), vec![&first, &second]),
            ("&member_id=null".into(), vec![&unit]), ("&form=reprimand,expulsion".into(), vec![&first, &unit]),
            ("&decided_from=2014".into(), vec![&second, &unit]), ("&decided_to=2014-06".into(), vec![&first, &second]),
        ] {
            let items = secretary.all(&format!("/v1/disciplinary_actions?sort=decided_on{query}")).await.0;
            assert_eq!(items.iter().map(|item| item["id"].as_str().unwrap()).collect::<Vec<_>>(), found, "{query}");
        }
    }

    async fn the_office_deletes_no_subject_of_a_decision_and_learns_nothing_of_it(server: empty) {
        let ward = server.ward().await;
        let lead = server.acting(Role::CommitteeLead, &ward.ward).await;
        let person = ward.member(&ward.a).await;
        let made = lead.post("/v1/disciplinary_actions", decision("reprimand", json!({"member_id": person}))).await.is(201);
        lead.post("/v1/disciplinary_actions", decision("warning", json!({"unit_id": ward.b}))).await.is(201);
        let path = format!("/v1/members/{person}");
        let told = |caller: &Caller, path: &str| caller.delete(path, "*");
        // As who has the role of the office, and as it would be refused for what it sees.
        let seen = ward.member(&ward.a).await;
        ward.office.post("/v1/assignments", json!({"member_id": seen, "title": "Giữ quỹ", "from": "2014-01-01"})).await.is(201);
        let expected = told(&ward.office, &format!("/v1/members/{seen}")).await.refused(409, "still_referenced");
        for path in [path.clone(), format!("/v1/units/{}", ward.b)] {
            let refused = told(&ward.office, &path).await.refused(409, "still_referenced");
            assert_eq!(refused.body["referenced_by"], json!([]));
            assert_eq!(refused.body["errors"], expected.body["errors"]);
            assert!(!refused.text.contains("disciplin") && !refused.text.contains(&made.id()), "{}", refused.text);
        }
        let items = vec![delete("member", person.parse().unwrap(), 1)];
        let pushed = ward.office.post("/v1/sync/push", serde_json::to_value(PushBatch::new(items)).unwrap());
        let pushed = pushed.header("idempotency-key", "delete").await.is(207);
        assert_eq!(pushed.body["items"][0]["status"], "conflict");
        assert!(!pushed.text.contains("disciplin") && !pushed.text.contains(&made.id()), "{}", pushed.text);
        // Who sees it is told.
        let named = told(&ward.writer, &path).await.refused(409, "still_referenced");
        assert_eq!(named.body["referenced_by"], json!([{"type": "disciplinary_action", "id": made.id()}]));
        lead.delete(&format!("/v1/disciplinary_actions/{}", made.id()), "*").await.is(204);
        told(&ward.office, &path).await.is(204);
    }
}
