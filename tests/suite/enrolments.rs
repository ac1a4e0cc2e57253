//! Enrolments: one person in one course, the certificate, and what a peer sees of a candidate.

use crate::support::http::{Caller, Reply};
use crate::support::on_both_engines;
use crate::support::ward::Ward;
use cell_records_client::types::accounts::Role;
use serde_json::{Value, json};

async fn course(ward: &Ward, kind: &str) -> String {
    let body = json!({"unit_id": ward.ward, "name": format!("Lớp {kind}"), "kind": kind, "from": "2014-04-07", "to": "2014-04-12"});
    ward.office.post("/v1/courses", body).await.is(201).id()
}

async fn candidate(ward: &Ward, cell: &str) -> String {
    let body = json!({"unit_id": cell, "full_name": "Phạm Thị Hoa", "sex": "female", "birth_date": "1988-10-20"});
    ward.office.post("/v1/admissions", body).await.is(201).id()
}

async fn enrol(caller: &Caller, body: Value) -> Reply {
    caller.post("/v1/enrolments", body).await
}

on_both_engines! {
    async fn an_enrolment_is_of_one_person_once_in_a_course_and_made_in_the_persons_cell(server: empty) {
        let ward = server.ward().await;
        let (course, other) = (course(&ward, "awareness").await, course(&ward, "other").await);
        let (member, candidate) = (ward.member(&ward.a).await, candidate(&ward, &ward.b).await);
        let office = &ward.office;
        for unit in [json!({}), json!({"unit_id": ward.a})] {
            let mut nobody = json!({"course_id": course});
            nobody.as_object_mut().unwrap().extend(unit.as_object().unwrap().clone());
            enrol(office, nobody).await.faults(&[("/member_id", "exactly_one")]);
        }
        let both = enrol(office, json!({"course_id": course, "member_id": member, "admission_id": candidate})).await
            .faults(&[("/admission_id", "exactly_one")]);
        assert_eq!(both.body["errors"][0]["message"], "Give exactly one of Member, Candidate.");
        enrol(office, json!({"course_id": course, "unit_id": ward.b, "member_id": member})).await.faults(&[("/unit_id", "subject_elsewhere")]);
        enrol(office, json!({"course_id": course, "unit_id": ward.a, "admission_id": candidate})).await.faults(&[("/unit_id", "subject_elsewhere")]);

        let of_member = enrol(office, json!({"course_id": course, "member_id": member})).await.is(201);
        let of_candidate = enrol(office, json!({"course_id": course, "admission_id": candidate})).await.is(201);
        assert_eq!((&of_member.body["unit_id"], &of_candidate.body["unit_id"]), (&json!(ward.a), &json!(ward.b)));
        assert_eq!(of_member.body["result"], "attending");
        for person in [json!({"member_id": member}), json!({"admission_id": candidate})] {
            let mut again = person.clone();
            again["course_id"] = json!(course);
            enrol(office, again.clone()).await.refused(409, "not_unique");
            again["course_id"] = json!(other);
            enrol(office, again).await.is(201);
        }
        let path = format!("/v1/enrolments/{}", of_member.id());
        office.patch(&path, "*", json!({"course_id": other})).await.refused(409, "not_unique");
        office.patch(&path, "*", json!({"admission_id": candidate})).await.faults(&[("/admission_id", "exactly_one")]);
        // It stays when the member moves on.
        office.patch(&format!("/v1/members/{member}"), "*", json!({"unit_id": ward.b})).await.is(200);
        assert_eq!(office.patch(&path, "*", json!({"result": "passed"})).await.is(200).body["unit_id"], ward.a);

        for (query, found) in [
            (format!("course_id={course}"), 2), (format!("course_id={other}"), 2), (format!("member_id={member}"), 2),
            (format!("admission_id={candidate}&course_id={course}"), 1), (format!("unit={}&subtree=true&result=attending", ward.ward), 3),
        ] {
            assert_eq!(office.all(&format!("/v1/enrolments?{query}")).await.0.len(), found, "{query}");
        }
    }

    async fn only_who_passed_has_a_certificate_and_that_of_an_awareness_course_expires(server: empty) {
        let ward = server.ward().await;
        let member = ward.member(&ward.a).await;
        let (awareness, other) = (course(&ward, "awareness").await, course(&ward, "other").await);
        let certificate = json!({"certificate_number": "115-GCN", "certificate_on": "2014-04-11"});
        let body = |course: &str, fields: &Value| {
            let mut body = json!({"course_id": course, "member_id": member});
            body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            body
        };
        enrol(&ward.office, body(&awareness, &certificate)).await.faults(&[
            ("/certificate_number", "certificate_without_pass"), ("/certificate_on", "certificate_without_pass"),
            ("/certificate_expires_on", "certificate_without_pass"),
        ]);
        enrol(&ward.office, body(&other, &json!({"result": "passed", "certificate_on": "2199-01-01", "certificate_expires_on": "2198-01-01"})))
            .await.faults(&[("/certificate_on", "in_the_future"), ("/certificate_expires_on", "dates_out_of_order")]);
        let made = enrol(&ward.office, body(&awareness, &json!({"result": "passed", "certificate_on": "2014-04-11"}))).await.is(201);
        assert_eq!(made.body["certificate_expires_on"], "2019-04-11");
        let lasting = enrol(&ward.office, body(&other, &json!({"result": "passed", "certificate_on": "2014-04-11"}))).await.is(201);
        assert_eq!(lasting.body.get("certificate_expires_on"), None);

        let path = format!("/v1/enrolments/{}", made.id());
        for (change, end) in [
            (json!({"certificate_on": "2014-04-12"}), json!("2019-04-12")), (json!({"course_id": other, "member_id": ward.member(&ward.a).await}), json!(null)),
            (json!({"course_id": awareness}), json!("2019-04-12")), (json!({"certificate_expires_on": "2018-01-01"}), json!("2018-01-01")),
            (json!({"certificate_on": "2014-04-13"}), json!("2018-01-01")), (json!({"certificate_expires_on": null}), json!("2019-04-13")),
            (json!({"result": "failed", "certificate_on": null}), json!(null)),
        ] {
            assert_eq!(ward.office.patch(&path, "*", change.clone()).await.is(200).body["certificate_expires_on"], end, "{change}");
        }
    }

    async fn a_peer_gives_results_and_sees_of_a_candidate_a_bare_id(server: empty) {
        let ward = server.ward().await;
        let (course, candidate) = (course(&ward, "awareness").await, candidate(&ward, &ward.a).await);
        let made = enrol(&ward.office, json!({"course_id": course, "admission_id": candidate})).await.is(201);
        let path = format!("/v1/enrolments/{}", made.id());
        let peer = server.acting(Role::ExchangePeer, &ward.ward).await;
        let expand = "expand=id,admission_id,course_id,unit_id";
        let read = peer.get(&format!("{path}?{expand}")).await.is(200);
        assert_eq!(read.body["admission_id"], candidate);
        let mut expanded = read.body["expanded"].as_object().unwrap().values().map(|one| one["type"].as_str().unwrap()).collect::<Vec<_>>();
        expanded.sort_unstable();
        assert_eq!(expanded, ["course", "enrolment", "unit"]);
        let (_, listed) = peer.all(&format!("/v1/enrolments?{expand}")).await;
        let feed = peer.get("/v1/sync/changes").await.is(200);
        for text in [&read.text, &listed, &feed.text] {
            assert!(text.contains(&candidate) && !text.contains("Hoa"), "{text}");
        }
        assert!(!feed.text.contains("\"type\":\"admission\""), "{}", feed.text);
        let own = read.body["expanded"].as_object().unwrap().values().find(|one| one["type"] == "enrolment").unwrap();
        assert_eq!(own["display"], "Lớp awareness");

        peer.patch(&path, "*", json!({"result": "passed", "certificate_number": "115-GCN"})).await.is(200);
        enrol(&peer, json!({"course_id": course, "unit_id": ward.a, "admission_id": candidate})).await.faults(&[("/admission_id", "reference_not_found")]);
        peer.get(&format!("/v1/admissions/{candidate}")).await.refused(403, "type_not_readable");
        // Who sees candidates sees the name.
        let seen = ward.office.get(&format!("{path}?{expand}")).await.is(200);
        let own = seen.body["expanded"].as_object().unwrap().values().find(|one| one["type"] == "enrolment").unwrap();
        assert_eq!(own["display"], "Phạm Thị Hoa, Lớp awareness");
    }
}
