//! Admissions: the way of a candidate from the list to the recognition, each refused step, and what becomes of the member.

use crate::support::http::{Caller, Reply};
use crate::support::on_both_engines;
use crate::support::server::Server;
use crate::support::ward::{Ward, member};
use cell_records_client::types::accounts::Role;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const REASON: &str = "Hồ sơ còn thiếu";

pub fn candidate(cell: &str, fields: Value) -> Value {
    let mut body = json!({
        "unit_id": cell, "full_name": "Phạm Thị Hoa", "sex": "female", "birth_date": "1988-10-20",
        "steps": [{"state": "listed", "on": "2013-01-10"}],
    });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

/// What is known of the candidate, and goes to the member.
fn particulars() -> Value {
    json!({
        "native_place": "Nghi Lộc, Nghệ An", "permanent_residence": "Số 5 đường Hồng Bàng", "current_residence": "Khối 1",
        "phone": "+84912345678", "email": "hoa@example.vn", "education_general": "12/12", "education_level": "university",
        "political_theory_level": "elementary", "professional_qualification": "Sư phạm Ngữ văn", "occupation_current": "Giáo viên",
        "ethnicity": "01", "religion": "none", "personal_id": "040188001234",
    })
}

pub async fn step(caller: &Caller, admission: &str, body: Value) -> Reply {
    caller.post(&format!("/v1/admissions/{admission}/advance"), body).header("if-match", "*").await
}

/// What the cell needs to propose a candidate.
pub fn proposal() -> Value {
    json!({"to": "cell_proposed", "on": "2013-03-01", "fields": {
        "application_on": "2013-01-20", "profile_verified_on": "2013-02-20", "introducers": [{"full_name": "Nguyễn Văn An"}],
    }})
}

/// A decision of the higher level.
fn decision() -> Value {
    json!({"to": "approved", "on": "2013-05-02", "fields": {"decision_number": "12-QĐ/TU", "decision_on": "2013-05-02"}})
}

/// The ceremony.
fn ceremony() -> Value {
    json!({"to": "admitted", "on": "2013-05-19", "fields": {"ceremony_on": "2013-05-19"}})
}

/// Those who take part, over the ward's first cell or the ward.
pub struct Roles {
    pub office: Caller,
    pub lead: Caller,
    pub cell: Caller,
}

pub async fn roles(server: &Server, ward: &Ward) -> Roles {
    let office = server.acting(Role::CommitteeOffice, &ward.ward).await;
    let lead = server.acting(Role::CommitteeLead, &ward.ward).await;
    Roles { office, lead, cell: server.acting(Role::CellSecretary, &ward.a).await }
}

/// Puts somebody through a class.
pub async fn class(ward: &Ward, kind: &str, person: Value, result: Value) -> Reply {
    let course = json!({"unit_id": ward.ward, "name": "Lớp", "kind": kind, "from": "2012-05-14", "to": "2012-05-19"});
    let mut body = json!({"course_id": ward.office.post("/v1/courses", course).await.is(201).id()});
    for part in [person, result] {
        body.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
    }
    ward.office.post("/v1/enrolments", body).await.is(201)
}

/// Reviews the political standards of a candidate.
async fn review(ward: &Ward, admission: &str, result: &str) -> Reply {
    let body = json!({
        "admission_id": admission, "occasion": "admission", "requested_on": "2013-03-05", "reviewed_on": "2013-03-15", "result": result,
    });
    ward.office.post("/v1/protection_reviews", body).await.is(201)
}

/// All that other records must say of a candidate.
async fn passes(ward: &Ward, admission: &str) {
    class(
        ward,
        "awareness",
        json!({"admission_id": admission}),
        json!({"result": "passed", "certificate_on": "2012-05-18"}),
    )
    .await;
    class(ward, "new_member", json!({"admission_id": admission}), json!({"result": "passed"})).await;
    review(ward, admission, "cleared").await;
}

/// A candidate who was approved.
async fn approved(ward: &Ward, roles: &Roles, fields: Value) -> String {
    let id = roles.cell.post("/v1/admissions", candidate(&ward.a, fields)).await.is(201).id();
    passes(ward, &id).await;
    step(&roles.cell, &id, proposal()).await.is(200);
    step(&roles.lead, &id, json!({"to": "committee_proposed", "on": "2013-03-20"})).await.is(200);
    step(&roles.lead, &id, decision()).await.is(200);
    id
}

/// A candidate who was admitted, and the member.
pub async fn admitted(ward: &Ward, roles: &Roles, fields: Value) -> (String, String) {
    let id = approved(ward, roles, fields).await;
    let made = step(&roles.office, &id, ceremony()).await.is(200);
    (id, made.body["member_id"].as_str().unwrap().to_owned())
}

on_both_engines! {
    async fn a_candidate_goes_from_the_list_to_the_recognition_and_each_step_is_made_by_whose_it_is(server: empty) {
        let ward = server.ward().await;
        let roles = roles(server, &ward).await;
        let Roles { office, lead, cell } = &roles;
        let inspection = server.acting(Role::InspectionCommission, &ward.ward).await;
        let peer = server.acting(Role::ExchangePeer, &ward.ward).await;
        let made = cell.post("/v1/admissions", candidate(&ward.a, particulars())).await.is(201);
        let (id, path) = (made.id(), format!("/v1/admissions/{}", made.id()));
        assert_eq!((&made.body["state"], made.warnings()), (&json!("listed"), vec![]));
        cell.patch(&path, "*", json!({"state": "admitted", "member_id": ward.member(&ward.a).await})).await
            .faults(&[("/state", "read_only"), ("/member_id", "read_only")]);

        for caller in [lead, &inspection] {
            step(caller, &id, proposal()).await.refused(403, "forbidden");
        }
        step(&peer, &id, proposal()).await.refused(403, "type_not_readable");
        step(cell, &id, json!({"to": "cell_proposed"})).await
            .faults(&[
                ("/fields/application_on", "required"), ("/fields/profile_verified_on", "required"), ("/fields/introducers", "required"),
                ("/to", "certificate_missing"),
            ]);
        // Another class, one that was not passed, one whose certificate has expired by then.
        let of_candidate = || json!({"admission_id": id});
        class(&ward, "professional", of_candidate(), json!({"result": "passed"})).await;
        class(&ward, "awareness", of_candidate(), json!({"result": "failed"})).await;
        class(&ward, "awareness", of_candidate(), json!({"result": "passed", "certificate_on": "2008-03-01"})).await;
        step(cell, &id, proposal()).await.faults(&[("/to", "certificate_missing")]);
        class(&ward, "awareness", of_candidate(), json!({"result": "passed", "certificate_on": "2008-03-02"})).await;
        let mut nobody = proposal();
        nobody["fields"]["introducers"] = json!([]);
        step(cell, &id, nobody).await.faults(&[("/fields/introducers", "required")]);
        step(office, &id, json!({"to": "committee_proposed"})).await.faults(&[("/to", "state_move_not_allowed")]);
        step(cell, &id, proposal()).await.is(200);

        step(cell, &id, json!({"to": "committee_proposed"})).await.refused(403, "forbidden");
        step(lead, &id, json!({"to": "committee_proposed"})).await.faults(&[("/to", "protection_review_missing")]);
        review(&ward, &id, "deferred").await;
        step(lead, &id, json!({"to": "committee_proposed"})).await.faults(&[("/to", "protection_review_missing")]);
        review(&ward, &id, "cleared").await;
        step(lead, &id, json!({"to": "committee_proposed", "on": "2013-03-20"})).await.is(200);
        step(office, &id, json!({"to": "listed"})).await.faults(&[("/reason", "reason_required")]);
        let deferred = step(office, &id, json!({"to": "listed", "on": "2013-03-25", "reason": REASON})).await.is(200);
        assert_eq!((&deferred.body["state"], &deferred.body["state_reason"]), (&json!("listed"), &json!(REASON)));
        let read = inspection.get(&path).await.is(200).body;
        for sensitive in ["state_reason", "ethnicity", "religion", "personal_id"] {
            assert_eq!(read.get(sensitive), None, "{sensitive}");
        }
        step(cell, &id, json!({"to": "cell_proposed", "on": "2013-04-01"})).await.faults(&[("/to", "certificate_missing")]);
        class(&ward, "awareness", of_candidate(), json!({"result": "passed"})).await;
        step(cell, &id, json!({"to": "cell_proposed", "on": "2013-04-01"})).await.is(200);
        step(office, &id, json!({"to": "committee_proposed", "on": "2013-04-20"})).await.is(200);

        step(cell, &id, decision()).await.refused(403, "forbidden");
        step(lead, &id, json!({"to": "approved"})).await.faults(&[("/fields/decision_number", "required"), ("/fields/decision_on", "required")]);
        step(lead, &id, decision()).await.is(200);

        for caller in [cell, lead] {
            step(caller, &id, ceremony()).await.refused(403, "forbidden");
        }
        step(office, &id, json!({"to": "admitted"})).await.faults(&[("/fields/ceremony_on", "required")]);
        let member = json!({"full_name": "Phạm Thị Hoa"});
        step(office, &id, json!({"to": "admitted", "member": member})).await.faults(&[("/member", "unknown_field")]);
        step(office, &id, json!({"to": "admitted", "fields": {"ceremony_on": "2013-05-19", "member_id": made.id()}})).await
            .faults(&[("/fields/member_id", "read_only")]);
        let joined = step(office, &id, ceremony()).await.is(200);
        assert_eq!((&joined.body["state"], &joined.body["probation_ends_on"]), (&json!("admitted"), &json!("2014-05-19")));
        let person = format!("/v1/members/{}", joined.body["member_id"].as_str().unwrap());
        let person_is = office.get(&person).await.is(200).body;
        for (name, value) in particulars().as_object().unwrap() {
            assert_eq!((joined.body.get(name), &person_is[name]), (None, value), "{name}");
        }
        for (name, value) in [
            ("unit_id", json!(ward.a)), ("full_name", json!("Phạm Thị Hoa")), ("sex", json!("female")), ("birth_date", json!("1988-10-20")),
            ("introducers", joined.body["introducers"].clone()), ("status", json!("probationary")), ("admission_date", json!("2013-05-19")),
            ("admission_decision_date", json!("2013-05-02")), ("unit_since", json!("2013-05-19")), ("unit_via", json!("admission")),
            ("occupation_at_admission", json!("Giáo viên")), ("party_age_start", json!("2013-05-02")), ("version", json!(1)),
        ] {
            assert_eq!(person_is[name], value, "{name}");
        }

        // What is known of a member is written in the member's record.
        office.patch(&path, "*", json!({"phone": "+84912345678", "personal_id": "040188123456", "email": null})).await
            .faults(&[("/phone", "read_only"), ("/personal_id", "read_only")]);
        let later = office.patch(&path, "*", json!({"ceremony_on": "2013-05-20"})).await.is(200);
        assert_eq!(later.warnings(), [("/ceremony_on".to_owned(), "member_differs".to_owned())]);
        let official = json!({"ceremony_on": "2013-05-19", "official_on": "2014-05-19"});
        assert_eq!(office.patch(&path, "*", official).await.is(200).warnings(), []);
        office.patch(&path, "*", json!({"official_on": null})).await.is(200);

        step(lead, &id, json!({"to": "recognition_proposed"})).await.refused(403, "forbidden");
        step(cell, &id, json!({"to": "recognised"})).await.faults(&[("/to", "state_move_not_allowed")]);
        let to_recognition = || json!({"to": "recognition_proposed", "on": "2014-05-19"});
        class(&ward, "new_member", of_candidate(), json!({"result": "attending"})).await;
        step(cell, &id, to_recognition()).await.faults(&[("/to", "new_member_class_missing")]);
        // Who is a member by now may have gone as one.
        class(&ward, "new_member", json!({"member_id": joined.body["member_id"]}), json!({"result": "passed"})).await;
        step(cell, &id, to_recognition()).await.is(200);
        for caller in [cell, lead] {
            step(caller, &id, json!({"to": "recognised"})).await.refused(403, "forbidden");
        }
        let recognised = step(office, &id, json!({"to": "recognised", "on": "2014-06-10"})).await.is(200).body;
        assert_eq!(recognised["official_on"], "2014-05-19");
        let person_is = office.get(&person).await.is(200).body;
        assert_eq!((&person_is["status"], &person_is["official_date"]), (&json!("official"), &json!("2014-05-19")));

        for to in ["admitted", "recognition_proposed", "closed", "listed"] {
            step(office, &id, json!({"to": to, "reason": REASON})).await.faults(&[("/to", "state_move_not_allowed")]);
        }
        office.delete(&path, "*").await.conflicts("state_moved_on");
        office.patch(&path, "*", json!({"decision_number": "12a-QĐ/TU"})).await.is(200);
        let steps = office.get(&path).await.is(200).body["steps"].clone();
        let states: Vec<&str> = steps.as_array().unwrap().iter().map(|step| step["state"].as_str().unwrap()).collect();
        assert_eq!(states, [
            "listed", "cell_proposed", "committee_proposed", "listed", "cell_proposed", "committee_proposed", "approved", "admitted",
            "recognition_proposed", "recognised",
        ]);
    }

    async fn a_member_who_cannot_be_made_leaves_the_admission_where_it_was(server: empty) {
        let ward = server.ward().await;
        let roles = roles(server, &ward).await;
        let mut holder = member(&ward.b);
        holder["personal_id"] = json!("040188001234");
        ward.office.post("/v1/members", holder).await.is(201);
        let id = approved(&ward, &roles, particulars()).await;
        let (path, members) = (format!("/v1/admissions/{id}"), format!("/v1/members?unit={}&subtree=true&count=exact", ward.ward));
        let before = roles.office.get(&path).await.is(200);
        step(&roles.office, &id, ceremony()).await.faults(&[("/member/personal_id", "number_taken")]);
        let mut tomorrow = ceremony();
        tomorrow["fields"] = json!({"ceremony_on": "2199-05-19", "personal_id": "040188001235"});
        step(&roles.office, &id, tomorrow).await
            .faults(&[("/member/admission_date", "in_the_future"), ("/member/unit_since", "unit_since_out_of_range")]);
        // Nor is a member made whose admission is at fault.
        let early = json!({"to": "admitted", "fields": {"ceremony_on": "2013-05-01", "personal_id": "040188001235"}});
        step(&roles.office, &id, early).await.faults(&[("/fields/ceremony_on", "dates_out_of_order")]);
        let after = roles.office.get(&path).await.is(200);
        assert_eq!((after.body, after.headers["etag"].clone()), (before.body.clone(), before.headers["etag"].clone()));
        assert_eq!(roles.office.get(&members).await.is(200).body["total"], 1);
        let mut corrected = ceremony();
        corrected["fields"]["personal_id"] = json!("040188001235");
        let joined = step(&roles.office, &id, corrected).await.is(200).body;
        assert_eq!((joined.get("personal_id"), joined["version"].as_i64()), (None, before.body["version"].as_i64().map(|version| version + 1)));
        let person = roles.office.get(&format!("/v1/members/{}", joined["member_id"].as_str().unwrap())).await.is(200);
        assert_eq!(person.body["personal_id"], "040188001235");
    }

    async fn who_is_not_recognised_is_removed_and_an_admission_is_closed_when_nothing_comes_of_it(server: empty) {
        let ward = server.ward().await;
        let roles = roles(server, &ward).await;
        let Roles { office, lead, cell } = &roles;
        let closed = json!({"to": "closed", "reason": REASON});

        let (id, person) = admitted(&ward, &roles, json!({})).await;
        let early = step(cell, &id, json!({"to": "recognition_proposed", "on": "2014-05-18"})).await.is(200);
        assert_eq!(early.warnings(), [("/to".to_owned(), "short_probation".to_owned())]);
        let refused = step(office, &id, closed.clone()).await.faults(&[("/to", "state_move_not_allowed")]);
        assert_eq!(refused.body["errors"][0]["message"], "The state cannot move this way: Recognition proposed → Closed, for the member is still here: recognise, or do not.");
        step(office, &id, json!({"to": "not_recognised"})).await.faults(&[("/reason", "reason_required")]);
        step(office, &id, json!({"to": "not_recognised", "on": "2014-06-10", "reason": REASON})).await.is(200);
        let person_is = office.get(&format!("/v1/members/{person}")).await.is(200).body;
        assert_eq!((&person_is["status"], &person_is["left_on"]), (&json!("removed"), &json!("2014-06-10")));

        // Who was removed before was so on that day.
        let (id, person) = admitted(&ward, &roles, json!({"full_name": "Lê Thị Lan"})).await;
        office.patch(&format!("/v1/members/{person}"), "*", json!({"status": "removed", "left_on": "2014-01-02"})).await.is(200);
        step(cell, &id, json!({"to": "recognition_proposed"})).await.is(200);
        step(office, &id, json!({"to": "not_recognised", "reason": REASON})).await.is(200);
        assert_eq!(office.get(&format!("/v1/members/{person}")).await.is(200).body["left_on"], "2014-01-02");

        // An office that no longer sees the member closes the admission, and learns nothing of the member by it.
        let own = server.acting(Role::CommitteeOffice, &ward.a).await;
        let elsewhere = |name: &str| admitted(&ward, &roles, json!({"full_name": name}));
        let [(id, person), (of_left, left)] = [elsewhere("Lê Thị Cúc").await, elsewhere("Lê Thị Đào").await];
        for person in [&person, &left] {
            office.patch(&format!("/v1/members/{person}"), "*", json!({"unit_id": ward.b})).await.is(200);
        }
        office.patch(&format!("/v1/members/{left}"), "*", json!({"status": "deceased", "left_on": "2014-03-01"})).await.is(200);
        for id in [id, of_left] {
            step(&own, &id, closed.clone()).await.is(200);
        }

        // Who left otherwise cannot be removed, nor recognised; then the office closes the admission.
        let (id, person) = admitted(&ward, &roles, json!({"full_name": "Lê Thị Mai"})).await;
        step(office, &id, closed.clone()).await.faults(&[("/to", "state_move_not_allowed")]);
        office.patch(&format!("/v1/members/{person}"), "*", json!({"status": "withdrawn", "left_on": "2014-01-01"})).await.is(200);
        step(cell, &id, json!({"to": "recognition_proposed"})).await.is(200);
        for to in ["recognised", "not_recognised"] {
            step(office, &id, json!({"to": to, "reason": REASON})).await.faults(&[("/member/status", "status_move_not_allowed")]);
        }
        for caller in [cell, lead] {
            step(caller, &id, closed.clone()).await.refused(403, "forbidden");
        }
        step(office, &id, closed.clone()).await.is(200);

        // Before the ceremony, any writer does.
        for (caller, name) in [(office, "Một"), (lead, "Hai"), (cell, "Ba")] {
            let id = approved(&ward, &roles, json!({"full_name": name})).await;
            step(caller, &id, json!({"to": "closed"})).await.faults(&[("/reason", "reason_required")]);
            step(caller, &id, closed.clone()).await.is(200);
            step(office, &id, json!({"to": "listed", "reason": REASON})).await.faults(&[("/to", "state_move_not_allowed")]);
        }
    }

    async fn an_admission_has_dates_in_order_votes_that_add_up_and_a_person_of_the_age(server: empty) {
        let ward = server.ward().await;
        let post = |fields: Value| ward.office.post("/v1/admissions", candidate(&ward.a, fields));
        post(json!({
            "unit_id": ward.ward, "birth_date": "1879", "application_on": "2199-01-01", "decision_on": "2014-05-02",
            "ceremony_on": "2014-05-01", "probation_ends_on": "2014-04-30", "official_on": "2014-04-30",
            "cell_vote": {"for": 12, "total": 11}, "committee_vote": {"for": -1, "total": 11}, "recognition_vote": {"for": 0, "total": 0},
        })).await.faults(&[
            ("/unit_id", "not_a_cell"), ("/birth_date", "out_of_range"), ("/application_on", "in_the_future"),
            ("/ceremony_on", "dates_out_of_order"), ("/probation_ends_on", "dates_out_of_order"), ("/official_on", "dates_out_of_order"),
            ("/cell_vote/for", "out_of_range"), ("/committee_vote/for", "out_of_range"),
        ]);
        let codes = |reply: &Reply| reply.warnings().into_iter().map(|(_, code)| code).collect::<Vec<_>>();
        for (name, birth, warned) in [
            ("Một", "1996-05-20", vec!["under_age"]), ("Hai", "1996-05-19", vec![]), ("Ba", "1996", vec![]), ("Bốn", "1954-05-19", vec![]),
            ("Năm", "1954-05-18", vec!["over_age"]), ("Sáu", "1954", vec![]),
        ] {
            let made = post(json!({"full_name": name, "birth_date": birth, "ceremony_on": "2014-05-19"})).await.is(201);
            assert_eq!(codes(&made), warned, "{birth}");
        }
        let first = post(json!({"personal_id": "040088001234"})).await.is(201);
        assert_eq!(codes(&first), ["id_mismatch"]);
        let twin = post(json!({"unit_id": ward.b, "full_name": "PHẠM THỊ HOA"})).await.is(201);
        assert_eq!((codes(&twin), &twin.body["candidates"][0]["id"]), (vec!["possible_duplicate".to_owned()], &first.body["id"]));
        // Strangers are not hinted at.
        let cell = server.acting(Role::CellSecretary, &ward.b).await;
        cell.delete(&format!("/v1/admissions/{}", twin.id()), "*").await.is(204);
        assert!(codes(&cell.post("/v1/admissions", candidate(&ward.b, json!({}))).await.is(201)).is_empty());

        // The end of the probation follows the ceremony, unless somebody said otherwise.
        let path = format!("/v1/admissions/{}", first.id());
        for (change, end) in [
            (json!({"ceremony_on": "2014-02-03"}), json!("2015-02-03")), (json!({"ceremony_on": "2014-05-19"}), json!("2015-05-19")),
            (json!({"probation_ends_on": "2015-08-19"}), json!("2015-08-19")), (json!({"ceremony_on": "2014-02-03"}), json!("2015-08-19")),
            (json!({"probation_ends_on": null}), json!("2015-02-03")), (json!({"ceremony_on": null}), json!(null)),
        ] {
            assert_eq!(ward.office.patch(&path, "*", change.clone()).await.is(200).body["probation_ends_on"], end, "{change}");
        }
    }

    async fn a_member_is_official_from_the_day_that_the_admission_has(server: empty) {
        let ward = server.ward().await;
        let roles = roles(server, &ward).await;
        for (name, fields, official) in [
            ("Một", json!({}), "2014-05-19"), ("Hai", json!({"official_on": "2014-05-25"}), "2014-05-25"),
            ("Ba", json!({"probation_ends_on": "2014-05-26"}), "2014-05-26"), ("Bốn", json!({"probation_ends_on": null}), "2014-05-19"),
        ] {
            let (id, person) = admitted(&ward, &roles, json!({"full_name": name})).await;
            step(&roles.cell, &id, json!({"to": "recognition_proposed", "on": "2014-05-19"})).await.is(200);
            let recognised = step(&roles.office, &id, json!({"to": "recognised", "on": "2014-06-10", "fields": fields})).await.is(200).body;
            let person = roles.office.get(&format!("/v1/members/{person}")).await.is(200).body;
            assert_eq!((&recognised["official_on"], &person["official_date"]), (&json!(official), &json!(official)), "{name}");
        }
        // Whom another record made official is so from that day, unless the step names one; who is suspended stays so.
        let official = json!({"status": "official", "official_date": "2014-05-21"});
        let suspended = json!({"status": "suspended"});
        for (name, first, fields, now) in [
            ("Năm", &official, json!({}), ("official", "2014-05-21")), ("Sáu", &official, json!({"official_on": "2014-05-25"}), ("official", "2014-05-25")),
            ("Bảy", &suspended, json!({}), ("suspended", "2014-05-19")),
        ] {
            let (id, person) = admitted(&ward, &roles, json!({"full_name": name})).await;
            roles.office.patch(&format!("/v1/members/{person}"), "*", first.clone()).await.is(200);
            step(&roles.cell, &id, json!({"to": "recognition_proposed", "on": "2014-05-19"})).await.is(200);
            let recognised = step(&roles.office, &id, json!({"to": "recognised", "on": "2014-06-10", "fields": fields})).await.is(200).body;
            let person = roles.office.get(&format!("/v1/members/{person}")).await.is(200).body;
            assert_eq!((&recognised["official_on"], &person["official_date"], &person["status"]), (&json!(now.1), &json!(now.1), &json!(now.0)), "{name}");
        }
    }

    async fn admissions_are_found_by_state_month_of_the_proposal_ceremony_and_name(server: empty) {
        let ward = server.ward().await;
        let roles = roles(server, &ward).await;
        let (_, person) = admitted(&ward, &roles, json!({"full_name": "Lê Thị Mai"})).await;
        approved(&ward, &roles, json!({"full_name": "Trần Văn Đức"})).await;
        for (name, on) in [("Hồ Thị Lan", "2013-03-10"), ("Đỗ Văn An", "2013-02-10")] {
            roles.cell.post("/v1/admissions", candidate(&ward.a, json!({"full_name": name, "steps": [{"state": "listed", "on": on}]}))).await.is(201);
        }
        let named = async |query: &str| -> Vec<String> {
            let items = roles.cell.all(&format!("/v1/admissions?{query}")).await.0;
            items.iter().map(|item| item["full_name"].as_str().unwrap().to_owned()).collect()
        };
        let (mai, duc, lan, an) = ("Lê Thị Mai", "Trần Văn Đức", "Hồ Thị Lan", "Đỗ Văn An");
        assert_eq!(named("sort=full_name").await, [an, duc, lan, mai]);
        assert_eq!(named("sort=since").await, [an, lan, duc, mai]);
        for (query, found) in [
            ("state=listed", vec![lan, an]), ("since_from=2013-03&since_to=2013-05-02", vec![lan, duc]),
            ("proposed_from=2013-03&proposed_to=2013-03", vec![mai, duc]), ("proposed_from=2013-04", vec![]), ("proposed_to=2013-02", vec![]),
            ("ceremony_from=2013-05-19", vec![mai]), ("ceremony_to=2013-05-18", vec![]),
            ("probation_ends_to=2014-05", vec![mai]), ("probation_ends_to=2014-05-18", vec![]),
            (&format!("member_id={person}"), vec![mai]), ("member_id=null&q=thi", vec![lan]),
        ] {
            let found: BTreeSet<String> = found.into_iter().map(str::to_owned).collect();
            assert_eq!(named(query).await.into_iter().collect::<BTreeSet<_>>(), found, "{query}");
        }
    }
}
