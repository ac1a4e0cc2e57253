//! Cadre plans: their steps, who is planned for what, what an approved plan keeps, and the shares that are counted of one.

use crate::support::http::{Caller, Reply};
use crate::support::on_both_engines;
use crate::support::ward::{Ward, member};
use cell_records_client::types::accounts::Role;
use serde_json::{Value, json};
use uuid::Uuid;

fn plan(unit: &str, kind: &str) -> Value {
    json!({"unit_id": unit, "term_label": "2015–2020", "kind": kind, "reference_date": "2014-06-30"})
}

async fn advance(caller: &Caller, plan: &str, body: Value) -> Reply {
    caller.post(&format!("/v1/cadre_plans/{plan}/advance"), body).header("if-match", "*").await
}

fn to(state: &str, on: &str) -> Value {
    json!({"to": state, "on": on})
}

/// A new plan of the ward, in `draft`.
async fn drafted(ward: &Ward) -> String {
    ward.office.post("/v1/cadre_plans", plan(&ward.ward, "initial")).await.is(201).id()
}

async fn approve(ward: &Ward, plan: &str) {
    for state in ["standing_reviewed", "executive_reviewed", "approved"] {
        advance(&ward.writer, plan, json!({"to": state})).await.is(200);
    }
}

fn entry(plan: &str, member: &str, code: &str) -> Value {
    json!({"plan_id": plan, "member_id": member, "position_code": code})
}

on_both_engines! {
    async fn a_plan_is_reviewed_by_two_bodies_and_approved_and_closed_by_its_lead_only(server: empty) {
        let ward = server.ward().await;
        let (office, lead) = (&ward.office, server.acting(Role::CommitteeLead, &ward.ward).await);
        let peer = server.acting(Role::ExchangePeer, &ward.ward).await;
        let steps = json!([{"state": "draft", "on": "2014-01-10"}]);
        let mut body = plan(&ward.ward, "initial");
        body["steps"] = steps.clone();
        let made = office.post("/v1/cadre_plans", body).await.is(201);
        assert_eq!((&made.body["state"], &made.body["steps"]), (&json!("draft"), &steps));
        let (id, path) = (made.id(), format!("/v1/cadre_plans/{}", made.id()));
        advance(office, &id, to("executive_reviewed", "2014-03-01")).await.faults(&[("/to", "state_move_not_allowed")]);
        advance(&peer, &id, to("standing_reviewed", "2014-03-01")).await.refused(403, "forbidden");
        advance(office, &id, to("standing_reviewed", "2014-03-01")).await.is(200);
        advance(office, &id, to("draft", "2014-03-02")).await.refused(403, "forbidden");
        advance(&lead, &id, to("draft", "2014-03-02")).await.faults(&[("/reason", "reason_required")]);
        let back = json!({"to": "draft", "on": "2014-03-02", "reason": "Thiếu cán bộ nữ"});
        assert_eq!(advance(&lead, &id, back).await.is(200).body["state_reason"], "Thiếu cán bộ nữ");
        let again = advance(&lead, &id, to("standing_reviewed", "2014-03-03")).await.is(200);
        assert_eq!(again.body.get("state_reason"), None);
        advance(office, &id, to("executive_reviewed", "2014-04-01")).await.is(200);
        advance(office, &id, to("approved", "2014-05-01")).await.refused(403, "forbidden");
        advance(&lead, &id, to("approved", "2014-05-01")).await.is(200);
        // What is approved is corrected, but neither taken back nor deleted.
        let back = json!({"to": "draft", "reason": "Sai"});
        advance(&lead, &id, back).await.faults(&[("/to", "state_move_not_allowed")]);
        office.patch(&path, "*", json!({"reference_date": "2014-07-01"})).await.is(200);
        office.delete(&path, "*").await.conflicts("state_moved_on");
        // The day of a step is corrected by who makes such steps.
        let mut days = office.get(&path).await.is(200).body["steps"].clone();
        let last = days.as_array().unwrap().len() - 1;
        days[last]["on"] = json!("2014-05-02");
        office.patch(&path, "*", json!({"steps": days})).await.refused(403, "forbidden");
        lead.patch(&path, "*", json!({"steps": days})).await.is(200);
        days[last - 1]["on"] = json!("2014-04-02");
        office.patch(&path, "*", json!({"steps": days})).await.is(200);
        advance(office, &id, to("closed", "2014-06-01")).await.refused(403, "forbidden");
        assert_eq!(advance(&lead, &id, to("closed", "2014-06-01")).await.is(200).body["state"], "closed");
        office.patch(&path, "*", json!({"term_label": "2015–2021"})).await.is(200);
    }

    async fn plans_are_found_by_term_kind_state_and_the_day_of_the_last_step(server: empty) {
        let ward = server.ward().await;
        let inspection = server.acting(Role::InspectionCommission, &ward.ward).await;
        for (kind, on) in [("supplement", "2014-02-01"), ("initial", "2014-01-10"), ("annual_review", "2014-03-15")] {
            let mut body = plan(&ward.ward, kind);
            body["steps"] = json!([{"state": "draft", "on": on}]);
            let made = ward.office.post("/v1/cadre_plans", body).await.is(201).id();
            if kind == "initial" {
                advance(&ward.office, &made, to("standing_reviewed", "2014-04-01")).await.is(200);
            }
        }
        let (initial, supplement, review) = ("initial", "supplement", "annual_review");
        for (query, found) in [
            ("sort=since", vec![supplement, review, initial]),
            ("sort=-since", vec![initial, review, supplement]),
            ("state=standing_reviewed", vec![initial]),
            ("kind=initial,supplement&sort=since", vec![supplement, initial]),
            ("since_from=2014-03&since_to=2014-03", vec![review]),
            ("since_from=2014-03&sort=since", vec![review, initial]),
            ("term_label=2015%E2%80%932020&state_not=draft", vec![initial]),
            ("term_label=2010%E2%80%932015", vec![]),
        ] {
            let items = inspection.all(&format!("/v1/cadre_plans?{query}")).await.0;
            let kinds: Vec<&str> = items.iter().map(|item| item["kind"].as_str().unwrap()).collect();
            assert_eq!(kinds, found, "{query}");
        }
        // They are not seen from below: a cell's secretary reads no plan, nor does who keeps a cell's records see the ward's.
        server.acting(Role::CellSecretary, &ward.a).await.get("/v1/cadre_plans").await.refused(403, "type_not_readable");
        let cell = server.acting(Role::CommitteeOffice, &ward.a).await;
        assert_eq!(cell.get("/v1/cadre_plans?count=exact").await.is(200).body["total"], 0);
    }

    async fn an_entry_is_made_in_the_plans_unit_with_what_the_member_is_on_that_day(server: empty) {
        let ward = server.ward().await;
        let (office, id) = (&ward.office, drafted(&ward).await);
        let mut person = member(&ward.a);
        person["education_level"] = json!("college");
        let person = office.post("/v1/members", person).await.is(201).id();
        let (stranger, path) = (ward.member(&ward.b).await, "/v1/cadre_plan_entries");
        let mut body = entry(&id, &person, "committee_secretary");
        body["unit_id"] = json!(ward.a);
        office.post(path, body.clone()).await.faults(&[("/unit_id", "subject_elsewhere")]);
        body.as_object_mut().unwrap().remove("unit_id");
        body["id"] = json!(Uuid::now_v7());
        let made = office.post(path, body.clone()).await.is(201);
        let default = |name: &str| made.body[name].as_str().unwrap().to_owned();
        let counted = ["sex", "birth_date", "education_level", "political_theory_level"];
        assert_eq!(counted.map(default), ["male", "1980-05-19", "college", "unknown"]);
        assert_eq!((default("unit_id"), default("target_unit_id")), (ward.ward.clone(), ward.ward.clone()));
        // The entry stays as it was counted, also when its create is sent once more.
        office.patch(&format!("/v1/members/{person}"), "*", json!({"education_level": "university"})).await.is(200);
        assert_eq!(office.post(path, body).await.is(200).record(), made.record());
        let one = format!("{path}/{}", made.id());
        let mut sent = entry(&id, &person, "deputy_secretary");
        sent["education_level"] = json!("master");
        assert_eq!(office.post(path, sent).await.is(201).body["education_level"], "master");

        // One person once for one office, which is another one in another unit.
        office.post(path, entry(&id, &person, "committee_secretary")).await.refused(409, "not_unique");
        let mut elsewhere = entry(&id, &person, "committee_secretary");
        elsewhere["target_unit_id"] = json!(ward.a);
        let elsewhere = office.post(path, elsewhere).await.is(201);
        assert_eq!((&elsewhere.body["unit_id"], &elsewhere.body["target_unit_id"]), (&json!(ward.ward), &json!(ward.a)));
        let back = office.patch(&format!("{path}/{}", elsewhere.id()), "*", json!({"target_unit_id": null})).await;
        back.refused(409, "not_unique");
        let other = drafted(&ward).await;
        office.patch(&one, "*", json!({"plan_id": other, "member_id": stranger})).await
            .faults(&[("/plan_id", "is_fixed"), ("/member_id", "is_fixed")]);

        let position = async |member: &str| {
            let body = json!({"unit_id": ward.ward, "member_id": member, "position_code": "other", "from": "2014-09-01", "basis": "elected"});
            office.post("/v1/positions", body).await.is(201).id()
        };
        office.patch(&one, "*", json!({"position_id": position(&stranger).await})).await.faults(&[("/position_id", "subject_elsewhere")]);
        office.patch(&one, "*", json!({"position_id": position(&person).await})).await.is(200);
        office.patch(&one, "*", json!({"removal_reason": "Chuyển công tác"})).await.faults(&[("/removed_on", "required")]);
        office.patch(&one, "*", json!({"removed_on": "2999-01-01"})).await.faults(&[("/removed_on", "in_the_future")]);
        office.patch(&one, "*", json!({"removed_on": "2014-10-01", "removal_reason": "Chuyển công tác"})).await.is(200);
        let peer = server.acting(Role::ExchangePeer, &ward.ward).await;
        let read = peer.get(&one).await.is(200).body;
        assert_eq!((&read["removed_on"], read.get("removal_reason")), (&json!("2014-10-01"), None));
    }

    async fn of_an_approved_plan_only_what_came_of_it_changes(server: empty) {
        let ward = server.ward().await;
        let (office, id) = (&ward.office, drafted(&ward).await);
        let (person, path) = (ward.member(&ward.a).await, "/v1/cadre_plan_entries");
        let mut sent = entry(&id, &person, "office_head");
        sent["id"] = json!(Uuid::now_v7());
        let kept = office.post(path, sent.clone()).await.is(201).id();
        let gone = office.post(path, entry(&id, &person, "rapporteur")).await.is(201).id();
        let (kept, gone) = (format!("{path}/{kept}"), format!("{path}/{gone}"));
        sent["position_code"] = json!("mass_org_head");
        office.patch(&kept, "*", json!({"rank": 1, "sex": "female", "position_code": "mass_org_head"})).await.is(200);
        sent["rank"] = json!(1);
        office.delete(&gone, "*").await.is(204);
        approve(&ward, &id).await;
        for closed in [false, true] {
            if closed {
                advance(&ward.writer, &id, json!({"to": "closed"})).await.is(200);
            }
            office.post(path, entry(&id, &person, "other")).await.conflicts("plan_closed");
            // What is sent once more is there; with something else in it, it would be a change.
            assert_eq!(office.post(path, sent.clone()).await.is(200).body["version"], if closed { 4 } else { 2 });
            let other = json!({"rank": 2}).as_object().unwrap().clone();
            let other = Value::Object(sent.as_object().unwrap().clone().into_iter().chain(other).collect());
            office.post(path, other).await.conflicts("plan_closed");
            office.delete(&kept, "*").await.conflicts("plan_closed");
            office.verb(&format!("{gone}/restore")).await.conflicts("plan_closed");
            for change in [
                json!({"rank": 2}), json!({"is_successor": true}), json!({"sex": "male"}), json!({"birth_date": "1981"}),
                json!({"education_level": "doctor"}), json!({"political_theory_level": null}), json!({"position_code": "other"}),
                json!({"target_unit_id": ward.a}), json!({"unit_id": ward.a}), json!({"rank": null, "removed_on": "2014-11-01"}),
            ] {
                office.patch(&kept, "*", change).await.conflicts("plan_closed");
            }
            let training = json!([{"course_kind": "political_intermediate", "year": if closed { 2017 } else { 2016 }}]);
            let removed = json!({"removed_on": "2014-11-01", "removal_reason": "Không đủ tiêu chuẩn", "training": training});
            office.patch(&kept, "*", removed).await.is(200);
            let back = json!({"removed_on": null, "removal_reason": null, "rank": 1, "is_successor": false});
            let back = office.patch(&kept, "*", back).await.is(200);
            sent["training"] = back.body["training"].clone();
            sent["is_successor"] = json!(false);
        }
    }

    async fn more_than_three_for_one_office_or_offices_for_one_person_are_a_warning(server: empty) {
        let ward = server.ward().await;
        let (office, id) = (&ward.office, drafted(&ward).await);
        let post = async |member: &str, code: &str| office.post("/v1/cadre_plan_entries", entry(&id, member, code)).await.is(201);
        let mut persons = Vec::new();
        for _ in 0..4 {
            persons.push(ward.member(&ward.a).await);
        }
        for person in &persons[..3] {
            assert_eq!(post(person, "committee_secretary").await.warnings(), []);
        }
        let warning = |pointer: &str, code: &str| vec![(pointer.to_owned(), code.to_owned())];
        let full = warning("/position_code", "plan_office_full");
        let fourth = post(&persons[3], "committee_secretary").await;
        assert_eq!(fourth.warnings(), full);
        assert_eq!(fourth.body["warnings"][0]["message"], "The plan has more than 3 persons for this office.");
        // Who was taken out is planned for nothing.
        let fourth = format!("/v1/cadre_plan_entries/{}", fourth.id());
        assert_eq!(office.patch(&fourth, "*", json!({"removed_on": "2014-10-01"})).await.is(200).warnings(), []);
        for code in ["deputy_secretary", "commission_chair", "office_head"] {
            assert_eq!(post(&persons[3], code).await.warnings(), []);
        }
        let back = office.patch(&fourth, "*", json!({"removed_on": null})).await.is(200).warnings();
        assert_eq!(back, [warning("/member_id", "plan_person_full"), full].concat());
        assert_eq!(post(&persons[3], "rapporteur").await.warnings(), warning("/member_id", "plan_person_full"));
    }

    async fn the_shares_of_women_of_the_young_and_of_levels_are_counted_by_lists(server: empty) {
        let ward = server.ward().await;
        let (office, id, path) = (&ward.office, drafted(&ward).await, "/v1/cadre_plan_entries");
        let person = ward.member(&ward.a).await;
        for (code, sex, birth, education, theory) in [
            ("committee_secretary", "female", "1984-06-30", "university", "advanced"),
            // Thirty on the day after the reference date.
            ("deputy_secretary", "male", "1984-07-01", "college", "intermediate"),
            ("office_head", "female", "1990", "upper_secondary", "elementary"),
            ("rapporteur", "male", "1970", "master", "bachelor"),
        ] {
            let mut body = entry(&id, &person, code);
            body.as_object_mut().unwrap().extend(json!({
                "sex": sex, "birth_date": birth, "education_level": education, "political_theory_level": theory,
                "is_successor": sex == "female", "removed_on": if code == "rapporteur" { json!("2014-10-01") } else { json!(null) },
            }).as_object().unwrap().clone());
            office.post(path, body).await.is(201);
        }
        let reader = server.acting(Role::InspectionCommission, &ward.ward).await;
        let of_plan = format!("plan_id={id}&removed=false");
        for (query, expected) in [
            ("", 3), ("&sex=female", 2), ("&birth_date_from=1984-07-01", 2), ("&birth_date_to=1984-06-30", 1),
            ("&education_level=college,university,master,doctor", 2),
            ("&political_theory_level=intermediate,advanced,bachelor", 2), ("&is_successor=true", 2),
            ("&position_code=office_head,rapporteur", 1), (&format!("&member_id={person}&sex_not=female"), 1),
        ] {
            let found = reader.get(&format!("{path}?{of_plan}{query}&count=exact")).await.is(200);
            assert_eq!(found.body["total"], expected, "{query}: {}", found.text);
        }
        assert_eq!(reader.get(&format!("{path}?plan_id={id}&removed=true&count=exact")).await.is(200).body["total"], 1);
        let counts = reader.get(&format!("{path}/counts?group_by=sex&{of_plan}")).await.is(200).body;
        let groups = json!([{"sex": "female", "count": 2}, {"sex": "male", "count": 1}]);
        assert_eq!((&counts["groups"], &counts["total"]), (&groups, &json!(3)));
    }

    async fn entries_without_a_cleared_review_are_counted_when_the_executive_committee_has_reviewed(server: empty) {
        let ward = server.ward().await;
        let (office, id) = (&ward.office, drafted(&ward).await);
        let mut persons = Vec::new();
        for code in ["committee_secretary", "deputy_secretary", "office_head"] {
            let person = ward.member(&ward.a).await;
            let mut body = entry(&id, &person, code);
            body["removed_on"] = if code == "office_head" { json!("2014-10-01") } else { json!(null) };
            office.post("/v1/cadre_plan_entries", body).await.is(201);
            persons.push(person);
        }
        let review = async |person: &str, result: &str| {
            let body = json!({
                "member_id": person, "occasion": "cadre_plan", "requested_on": "2014-05-01", "reviewed_on": "2014-06-01", "result": result,
            });
            office.post("/v1/protection_reviews", body).await.is(201)
        };
        review(&persons[0], "cleared").await;
        review(&persons[1], "deferred").await;
        assert_eq!(advance(office, &id, json!({"to": "standing_reviewed"})).await.is(200).warnings(), []);
        let executive = json!({"to": "executive_reviewed"});
        let warned = advance(office, &id, executive.clone()).await.is(200);
        assert_eq!(warned.warnings(), [("/to".to_owned(), "protection_review_missing".to_owned())]);
        assert_eq!(warned.body["warnings"][0]["message"], "A cleared review of political standards is missing for 1 of 2 entries.");
        // Later changes of the plan do not ask again, the step does.
        let path = format!("/v1/cadre_plans/{id}");
        assert_eq!(office.patch(&path, "*", json!({"reference_date": "2014-07-01"})).await.is(200).warnings(), []);
        advance(&ward.writer, &id, json!({"to": "draft", "reason": "Chờ thẩm tra"})).await.is(200);
        review(&persons[1], "cleared").await;
        advance(office, &id, json!({"to": "standing_reviewed"})).await.is(200);
        assert_eq!(advance(office, &id, executive).await.is(200).warnings(), []);
    }
}
