//! Transfers: what each kind has, their deadlines, and that the member moves with the record or neither does.

use crate::support::http::{Caller, Reply, over};
use crate::support::on_both_engines;
use crate::support::ward::{Ward, member};
use cell_records_client::types::accounts::Role;
use cell_records_client::types::states::MAX_STEPS;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn extended(mut body: Value, more: Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// A member's transfer.
fn of_member(member: &str, kind: &str, more: Value) -> Value {
    let elsewhere = if kind == "internal" { Value::Null } else { json!("Đảng ủy phường Lê Lợi") };
    extended(json!({"member_id": member, "kind": kind, "reason_code": "job", "elsewhere": elsewhere}), more)
}

/// Somebody who comes in with a letter.
fn incoming(cell: &str, kind: &str, more: Value) -> Value {
    let body = json!({
        "unit_id": cell, "kind": kind, "reason_code": "residence", "full_name": "Trần Thị Bình", "birth_date": "1972-08",
        "elsewhere": "Đảng ủy phường Lê Lợi", "letter_date": "2014-07-01", "steps": [{"state": "letter_issued", "on": "2014-07-01"}],
    });
    extended(body, more)
}

/// Who comes in, as the step takes it.
fn newcomer() -> Value {
    let mut body = member("");
    body.as_object_mut().unwrap().remove("unit_id");
    body
}

async fn made(caller: &Caller, body: Value) -> Reply {
    caller.post("/v1/transfers", body).await.is(201)
}

async fn advance(caller: &Caller, transfer: &str, body: Value) -> Reply {
    caller.post(&format!("/v1/transfers/{transfer}/advance"), body).header("if-match", "*").await
}

/// A member's transfer whose letter is issued.
pub async fn issued(ward: &Ward, body: Value) -> String {
    let steps = json!({"steps": [{"state": "requested", "on": "2014-12-01"}]});
    let id = made(&ward.office, extended(body, steps)).await.id();
    let letter = json!({"to": "letter_issued", "on": "2015-01-05", "fields": {"letter_date": "2015-01-05"}});
    advance(&ward.office, &id, letter).await.is(200);
    id
}

async fn get(caller: &Caller, kind: &str, id: &str) -> Value {
    caller.get(&format!("/v1/{kind}/{id}")).await.is(200).body
}

on_both_engines! {
    async fn each_kind_has_its_own_fields_and_begins_in_its_own_state(server: empty) {
        let ward = server.ward().await;
        let person = ward.member(&ward.a).await;
        let post = |body: Value| ward.office.post("/v1/transfers", body);
        post(of_member(&person, "internal", json!({"full_name": "Bình", "birth_date": "1972"}))).await
            .faults(&[("/to_unit_id", "required"), ("/full_name", "only_where"), ("/birth_date", "only_where")]);
        post(of_member(&person, "out", json!({"elsewhere": null, "to_unit_id": ward.b}))).await
            .faults(&[("/elsewhere", "required"), ("/to_unit_id", "only_where")]);
        post(of_member(&person, "temporary_out", json!({"member_id": null, "unit_id": ward.a}))).await
            .faults(&[("/member_id", "required"), ("/expected_return_on", "required")]);
        post(incoming(&ward.a, "in", json!({"full_name": null, "birth_date": null, "letter_date": null, "member_id": person}))).await
            .faults(&[("/full_name", "required"), ("/birth_date", "required"), ("/letter_date", "required"), ("/member_id", "read_only")]);
        post(incoming(&ward.a, "temporary_in", json!({"member_id": person}))).await
            .faults(&[("/expected_return_on", "required"), ("/member_id", "only_where")]);
        let mut nowhere = incoming(&ward.a, "in", json!({}));
        nowhere.as_object_mut().unwrap().remove("unit_id");
        post(nowhere).await.faults(&[("/unit_id", "required")]);
        // Cells, and of the member its own.
        post(incoming(&ward.ward, "in", json!({"birth_date": "2199", "letter_date": "2199-01-01", "basis_date": "2199-01-01"}))).await.faults(&[
            ("/unit_id", "not_a_cell"), ("/birth_date", "in_the_future"), ("/letter_date", "in_the_future"), ("/basis_date", "in_the_future"),
        ]);
        for to in [&ward.ward, &ward.a] {
            post(of_member(&person, "internal", json!({"to_unit_id": to}))).await.faults(&[("/to_unit_id", "not_a_cell")]);
        }
        post(of_member(&person, "out", json!({"unit_id": ward.b}))).await.faults(&[("/unit_id", "subject_elsewhere")]);
        let gone = extended(member(&ward.a), json!({"status": "deceased", "left_on": "2014-01-01"}));
        let gone = ward.office.post("/v1/members", gone).await.is(201).id();
        post(of_member(&gone, "out", json!({}))).await.faults(&[("/member_id", "subject_elsewhere")]);

        let requested = made(&ward.office, of_member(&person, "out", json!({}))).await;
        assert_eq!((&requested.body["state"], &requested.body["unit_id"]), (&json!("requested"), &json!(ward.a)));
        let path = format!("/v1/transfers/{}", requested.id());
        ward.office.patch(&path, "*", json!({"kind": "internal", "member_id": gone})).await
            .faults(&[("/kind", "is_fixed"), ("/member_id", "is_fixed"), ("/to_unit_id", "required")]);
        ward.office.patch(&path, "*", json!({"elsewhere": null})).await.faults(&[("/elsewhere", "required")]);
        assert_eq!(made(&ward.office, incoming(&ward.a, "in", json!({}))).await.body["state"], "letter_issued");
        for query in ["q=binh", "kind=in&deadline_to=2014-08-12", "state=letter_issued&reason_code=residence"] {
            assert_eq!(ward.office.all(&format!("/v1/transfers?{query}")).await.0.len(), 1, "{query}");
        }
        assert_eq!(ward.office.all(&format!("/v1/transfers?member_id={person}")).await.0.len(), 1);
    }

    async fn a_deadline_is_counted_anew_in_working_days_at_each_step_that_sends_none(server: empty) {
        let ward = server.ward().await;
        let person = ward.member(&ward.a).await;
        let body = of_member(&person, "temporary_out", json!({"expected_return_on": "2199-03-01", "basis_date": "2014-07-01", "steps": [{"state": "requested", "on": "2014-07-02"}]}));
        let transfer = made(&ward.office, body).await;
        let (id, path) = (transfer.id(), format!("/v1/transfers/{}", transfer.id()));
        let patch = async |fields: Value| ward.office.patch(&path, "*", fields).await.is(200).body;
        let due = async |body: Value| advance(&ward.office, &id, body).await.is(200).body;
        assert_eq!(transfer.body["deadline_on"], "2014-09-23");
        // It follows the date that it was computed from, until another is written.
        assert_eq!(patch(json!({"basis_date": "2014-07-04"})).await["deadline_on"], "2014-09-26");
        assert_eq!(patch(json!({"deadline_on": "2014-09-01"})).await["deadline_on"], "2014-09-01");
        assert_eq!(patch(json!({"basis_date": "2014-07-01"})).await["deadline_on"], "2014-09-01");
        let letter = json!({"to": "letter_issued", "on": "2014-07-03", "fields": {"letter_date": "2014-07-01", "letter_number": "12-GGT"}});
        assert_eq!(due(letter.clone()).await["deadline_on"], "2014-08-12");
        let lapsed = due(json!({"to": "requested", "on": "2014-09-01", "reason": "Giấy quá hạn"})).await;
        assert_eq!((&lapsed["deadline_on"], lapsed.get("letter_date"), lapsed.get("letter_number")), (&json!("2014-09-23"), None, None));
        advance(&ward.office, &id, json!({"to": "letter_issued"})).await.faults(&[("/fields/letter_date", "required")]);
        let again = json!({"to": "letter_issued", "on": "2014-09-02", "fields": {"letter_date": "2014-09-02", "deadline_on": "2014-12-31"}});
        assert_eq!(due(again).await["deadline_on"], "2014-12-31");
        assert_eq!(due(json!({"to": "away", "on": "2014-09-10"})).await["deadline_on"], "2199-03-01");
        assert_eq!(due(json!({"to": "completed"})).await.get("deadline_on"), None);
        // No date to count from.
        let none = made(&ward.office, of_member(&ward.member(&ward.a).await, "out", json!({}))).await;
        assert_eq!(none.body.get("deadline_on"), None);
    }

    async fn an_internal_transfer_takes_the_member_to_the_other_cell_which_sees_it_on_arrival(server: empty) {
        let ward = server.ward().await;
        let (person, receiver) = (ward.member(&ward.a).await, server.acting(Role::CellSecretary, &ward.b).await);
        let office = &ward.office;
        office.post("/v1/positions", json!({"unit_id": ward.a, "member_id": person, "position_code": "other", "from": "2010-01-01", "basis": "elected"})).await.is(201);
        let exempt = office.post("/v1/exemptions", json!({"member_id": person, "reason_code": "mobile_work", "from": "2015-01-01"})).await.is(201).id();
        office.post(&format!("/v1/exemptions/{exempt}/advance"), json!({"to": "granted"})).header("if-match", "*").await.is(200);
        let id = issued(&ward, of_member(&person, "internal", json!({"to_unit_id": ward.b}))).await;
        receiver.get(&format!("/v1/transfers/{id}")).await.refused(404, "not_found");
        receiver.get(&format!("/v1/members/{person}")).await.refused(404, "not_found");
        let step = json!({"to": "completed", "on": "2015-01-20"});
        let dry = office.post(&format!("/v1/transfers/{id}/advance?dry_run=true"), step.clone()).header("if-match", "*").await.is(200);
        assert_eq!((&dry.body["state"], &get(office, "members", &person).await["unit_id"]), (&json!("completed"), &json!(ward.a)));
        let done = advance(office, &id, step).await.is(200);
        assert_eq!(done.warnings(), [("/to".into(), "exemption_open".into()), ("/to".into(), "open_positions".into())]);
        let arrived = get(&receiver, "members", &person).await;
        assert_eq!((&arrived["unit_id"], &arrived["unit_since"], &arrived["unit_via"]), (&json!(ward.b), &json!("2015-01-20"), &json!("transfer")));
        assert_eq!((&arrived["unit_history"][0]["unit_id"], &arrived["unit_history"][0]["to"]), (&json!(ward.a), &json!("2015-01-20")));
        receiver.get(&format!("/v1/transfers/{id}")).await.refused(404, "not_found");
        assert_eq!(get(office, "transfers", &id).await["unit_id"], ward.a.as_str());
        // Where it led is fixed now; the rest can be corrected.
        let path = format!("/v1/transfers/{id}");
        let c = office.post("/v1/units", crate::support::ward::unit("cell", &ward.ward)).await.is(201).id();
        office.patch(&path, "*", json!({"to_unit_id": c})).await.faults(&[("/to_unit_id", "is_fixed")]);
        office.patch(&path, "*", json!({"letter_number": "27-GGT"})).await.is(200);
    }

    async fn who_leaves_the_tree_is_transferred_out_and_who_is_away_comes_back(server: empty) {
        let ward = server.ward().await;
        let office = &ward.office;
        let person = ward.member(&ward.a).await;
        office.post("/v1/positions", json!({"unit_id": ward.a, "member_id": person, "position_code": "other", "from": "2010-01-01", "basis": "elected"})).await.is(201);
        let id = issued(&ward, of_member(&person, "out", json!({}))).await;
        let done = advance(office, &id, json!({"to": "completed", "on": "2015-01-20"})).await.is(200);
        assert_eq!(done.warnings(), [("/member/status".into(), "open_positions".into())]);
        let left = get(office, "members", &person).await;
        assert_eq!((&left["status"], &left["left_on"]), (&json!("transferred_out"), &json!("2015-01-20")));

        let away = |member: &str| of_member(member, "temporary_out", json!({"expected_return_on": "2199-01-01"}));
        for (admitted, back) in [(json!({}), "official"), (json!({"official_date": null, "status": "probationary"}), "probationary")] {
            let person = office.post("/v1/members", extended(member(&ward.a), admitted)).await.is(201).id();
            let id = issued(&ward, away(&person)).await;
            advance(office, &id, json!({"to": "away"})).await.is(200);
            assert_eq!(get(office, "members", &person).await["status"], "temporary_out");
            advance(office, &id, json!({"to": "completed"})).await.is(200);
            assert_eq!(get(office, "members", &person).await["status"], back);
        }
        // Who died meanwhile stays dead.
        let person = ward.member(&ward.a).await;
        let id = issued(&ward, away(&person)).await;
        advance(office, &id, json!({"to": "away"})).await.is(200);
        let died = office.patch(&format!("/v1/members/{person}"), "*", json!({"status": "deceased", "left_on": "2015-02-01"})).await.is(200);
        advance(office, &id, json!({"to": "completed"})).await.is(200);
        assert_eq!(office.get(&format!("/v1/members/{person}")).await.is(200).etag(), died.etag());
        // A guest never becomes a member.
        let guest = made(office, incoming(&ward.b, "temporary_in", json!({"expected_return_on": "2199-01-01"}))).await.id();
        for to in ["away", "completed"] {
            advance(office, &guest, json!({"to": to, "member": newcomer()})).await.faults(&[("/member", "unknown_field")]);
            assert_eq!(advance(office, &guest, json!({"to": to})).await.is(200).body.get("member_id"), None);
        }
        assert_eq!(office.get(&format!("/v1/members?unit={}&count=exact", ward.b)).await.is(200).body["total"], 0);
    }

    async fn who_comes_in_becomes_a_member_of_the_cell_or_nothing_changes(server: empty) {
        let ward = server.ward().await;
        let office = &ward.office;
        let peer = server.acting(Role::ExchangePeer, &ward.ward).await;
        let transfer = made(&peer, incoming(&ward.a, "in", json!({}))).await;
        let (id, path) = (transfer.id(), format!("/v1/transfers/{}", transfer.id()));
        let taken = json!({"personal_id": "040080123456"});
        office.post("/v1/members", extended(member(&ward.b), taken.clone())).await.is(201);
        let complete = |more: Value| advance(office, &id, extended(json!({"to": "completed"}), more));
        complete(json!({})).await.faults(&[
            ("/member/full_name", "required"), ("/member/sex", "required"), ("/member/birth_date", "required"), ("/member/admission_date", "required"),
        ]);
        complete(json!({"member": extended(newcomer(), json!({"sex": "x", "colour": 1, "official_date": null}))})).await
            .faults(&[("/member/sex", "unknown_code"), ("/member/colour", "unknown_field")]);
        complete(json!({"member": extended(newcomer(), taken)})).await.faults(&[("/member/personal_id", "number_taken")]);
        complete(json!({"member": extended(newcomer(), json!({"unit_id": ward.b, "unit_via": "admission"})), "fields": {"member_id": ward.member(&ward.b).await}})).await
            .faults(&[("/fields/member_id", "read_only"), ("/member/unit_id", "read_only"), ("/member/unit_via", "read_only")]);
        advance(&peer, &id, json!({"to": "completed", "member": newcomer()})).await.refused(403, "forbidden");
        // Nothing of this was stored.
        assert_eq!(office.get(&path).await.is(200).etag(), transfer.etag());
        assert_eq!(office.get(&format!("/v1/members?unit={}&count=exact", ward.a)).await.is(200).body["total"], 0);
        let twin = ward.office.post("/v1/members", member(&ward.b)).await.is(201);
        let body = extended(newcomer(), json!({"full_name": twin.body["full_name"], "health_note": "Khỏe"}));
        let done = complete(json!({"on": "2015-01-20", "member": body, "fields": {"letter_number": "9-GGT"}})).await.is(200);
        // The letter was another person's.
        let differs = "member_differs";
        let warnings = [("/fields/birth_date", differs), ("/fields/full_name", differs), ("/member/full_name", "possible_duplicate")];
        let warnings: Vec<_> = warnings.iter().map(|(at, code)| ((*at).to_owned(), (*code).to_owned())).collect();
        assert_eq!((done.warnings(), &done.body["candidates"][0]["id"]), (warnings, &twin.body["id"]));
        let own = made(&peer, incoming(&ward.a, "in", json!({}))).await.id();
        let own_body = extended(newcomer(), json!({"full_name": "Trần Thị Bình", "sex": "female", "birth_date": "1972-08-15"}));
        assert_eq!(advance(office, &own, json!({"to": "completed", "member": own_body})).await.is(200).warnings(), []);
        // The day of a step is corrected by who makes such steps.
        let day = json!({"steps": [{"state": "letter_issued", "on": "2014-07-02"}, {"state": "completed", "on": "2015-01-21"}]});
        peer.patch(&path, "*", day.clone()).await.refused(403, "forbidden");
        peer.patch(&path, "*", json!({"steps": done.body["steps"], "letter_number": "8-GGT"})).await.is(200);
        // A secretary may cancel a transfer, and so has no part in these days.
        server.acting(Role::CellSecretary, &ward.a).await.patch(&path, "*", day.clone()).await.refused(403, "forbidden");
        assert_eq!(office.patch(&path, "*", day).await.is(200).warnings(), [("/steps".to_owned(), "member_differs".to_owned())]);
        assert_eq!((&done.body["state"], &done.body["letter_number"]), (&json!("completed"), &json!("9-GGT")));
        let arrived = get(office, "members", done.body["member_id"].as_str().unwrap()).await;
        assert_eq!((&arrived["unit_id"], &arrived["unit_since"], &arrived["unit_via"]), (&json!(ward.a), &json!("2015-01-20"), &json!("transfer")));
        office.patch(&path, "*", json!({"member_id": twin.id()})).await.faults(&[("/member_id", "is_fixed")]);
    }

    async fn a_member_has_one_way_out_at_a_time_and_goes_from_where_it_is(server: empty) {
        let ward = server.ward().await;
        let office = &ward.office;
        let person = ward.member(&ward.a).await;
        let first = issued(&ward, of_member(&person, "internal", json!({"to_unit_id": ward.b}))).await;
        for (kind, more) in [("out", json!({})), ("internal", json!({"to_unit_id": ward.b}))] {
            let second = office.post("/v1/transfers", of_member(&person, kind, more)).await.refused(409, "not_unique");
            assert_eq!(second.body["errors"][0]["code"], "transfer_open");
        }
        // Who is away for a time may leave for good meanwhile, but is away once.
        let away = of_member(&person, "temporary_out", json!({"expected_return_on": "2199-01-01"}));
        made(office, away.clone()).await;
        let twice = office.post("/v1/transfers", away).await.refused(409, "not_unique");
        assert_eq!(twice.body["errors"][0]["code"], "transfer_open");
        // A transfer in a former cell is not in the way, and nobody learns of it who does not read it.
        let elsewhere = ward.member(&ward.a).await;
        issued(&ward, of_member(&elsewhere, "internal", json!({"to_unit_id": ward.b}))).await;
        office.patch(&format!("/v1/members/{elsewhere}"), "*", json!({"unit_id": ward.b})).await.is(200);
        let new_cell = server.acting(Role::CellSecretary, &ward.b).await;
        made(&new_cell, of_member(&elsewhere, "out", json!({}))).await;
        let cell = server.acting(Role::CellSecretary, &ward.a).await;
        advance(&cell, &first, json!({"to": "cancelled", "reason": "Không chuyển nữa"})).await.is(200);
        let next = issued(&ward, of_member(&person, "out", json!({}))).await;
        office.patch(&format!("/v1/members/{person}"), "*", json!({"unit_id": ward.b})).await.is(200);
        advance(office, &next, json!({"to": "completed"})).await.conflicts("member_moved");
        assert_eq!(get(office, "members", &person).await["status"], "official");
        advance(office, &next, json!({"to": "cancelled", "reason": "Đã chuyển chi bộ"})).await.is(200);
        made(office, of_member(&person, "out", json!({}))).await;
        // Who has left goes nowhere.
        let person = ward.member(&ward.a).await;
        let id = issued(&ward, of_member(&person, "internal", json!({"to_unit_id": ward.b}))).await;
        office.patch(&format!("/v1/members/{person}"), "*", json!({"status": "removed", "left_on": "2015-02-01"})).await.is(200);
        advance(office, &id, json!({"to": "completed"})).await.faults(&[("/to", "subject_elsewhere")]);
        // Nor is one in the way that comes back when the member has moved on.
        let person = ward.member(&ward.a).await;
        let id = made(office, of_member(&person, "internal", json!({"to_unit_id": ward.b}))).await.id();
        let path = format!("/v1/transfers/{id}");
        office.delete(&path, "*").await.is(204);
        office.patch(&format!("/v1/members/{person}"), "*", json!({"unit_id": ward.b})).await.is(200);
        office.verb(&format!("{path}/restore")).await.is(200);
        made(office, of_member(&person, "internal", json!({"to_unit_id": ward.a}))).await;
    }

    async fn the_last_of_its_steps_is_kept_for_one_that_ends_it(server: empty) {
        let ward = server.ward().await;
        let id = made(&ward.office, of_member(&ward.member(&ward.a).await, "out", json!({}))).await.id();
        let letter = json!({"to": "letter_issued", "fields": {"letter_date": "2015-01-05"}});
        let lapsed = json!({"to": "requested", "reason": "Giấy giới thiệu hết hạn"});
        for step in [&letter, &lapsed].into_iter().cycle().take(MAX_STEPS - 2) {
            advance(&ward.office, &id, step.clone()).await.is(200);
        }
        advance(&ward.office, &id, letter).await.faults(&[("/to", "out_of_range")]);
        let ended = advance(&ward.office, &id, json!({"to": "cancelled", "reason": "Không chuyển nữa"})).await.is(200);
        assert_eq!(ended.body["steps"].as_array().unwrap().len(), MAX_STEPS);
    }

    async fn the_member_moves_with_the_record_or_neither_does(server: empty) {
        let ward = server.ward().await;
        let office = &ward.office;
        let c = office.post("/v1/units", crate::support::ward::unit("cell", &ward.ward)).await.is(201).id();
        let person = ward.member(&ward.a).await;
        let id = issued(&ward, of_member(&person, "internal", json!({"to_unit_id": c}))).await;
        let (path, step) = (format!("/v1/transfers/{id}"), json!({"to": "completed"}));
        let before = office.get(&path).await.is(200);
        let stands = async || {
            assert_eq!(office.get(&path).await.is(200).etag(), before.etag());
            assert_eq!(get(office, "members", &person).await["version"], 1);
        };
        // The cell is dissolved, or the stays of the member do not fit.
        office.patch(&format!("/v1/units/{c}"), "*", json!({"state": "dissolved", "dissolved_on": "2015-01-10"})).await.is(200);
        advance(office, &id, step.clone()).await.faults(&[("/member/unit_id", "not_a_cell")]);
        stands().await;
        office.post(&format!("{path}/advance"), step.clone()).header("if-match", "\"1.x.personal\"").await.is(412);
        office.post(&format!("{path}/advance"), step.clone()).await.refused(428, "precondition_required");
        stands().await;
        // Two at once: one of them does it.
        let to_b = json!({"to": "completed", "fields": {"to_unit_id": ward.b}});
        let call = || async { office.post(&format!("{path}/advance"), to_b.clone()).header("if-match", before.etag()).await };
        let mut answers: Vec<u16> = join_all((0..4).map(|_| call())).await.iter().map(|answer| answer.status).collect();
        answers.sort_unstable();
        assert_eq!(answers, [200, 412, 412, 412]);
        assert_eq!((&get(office, "members", &person).await["version"], &get(office, "members", &person).await["unit_id"]), (&json!(2), &json!(ward.b)));
        // A repeat under its key has the first answer, whatever was written since.
        for (kind, any_version) in [("internal", false), ("internal", true), ("in", false), ("in", true)] {
            let (id, step) = match kind {
                "in" => (made(office, incoming(&ward.a, "in", json!({}))).await.id(), json!({"to": "completed", "member": newcomer()})),
                _ => (issued(&ward, of_member(&ward.member(&ward.a).await, "internal", json!({"to_unit_id": ward.b}))).await, json!({"to": "completed"})),
            };
            let path = format!("/v1/transfers/{id}");
            let etag = office.get(&path).await.is(200).etag().to_owned();
            let if_match = if any_version { "*" } else { &etag };
            let call = || office.post(&format!("{path}/advance"), step.clone()).header("if-match", if_match).header("idempotency-key", &id);
            let first = call().await.is(200);
            let count = office.get("/v1/members?count=exact").await.is(200).body["total"].clone();
            office.patch(&path, "*", json!({"letter_number": "1-GGT"})).await.is(200);
            let again = call().await.is(200);
            assert_eq!((&again.text, again.header("idempotent-replayed")), (&first.text, "true"));
            assert_eq!(office.get("/v1/members?count=exact").await.is(200).body["total"], count);
        }
    }

    async fn between_two_wards_it_is_completed_by_who_has_the_right_in_both(server: empty) {
        let (ward, far) = (server.ward().await, server.ward().await);
        let office = &ward.office;
        let person = ward.member(&ward.a).await;
        let id = issued(&ward, of_member(&person, "internal", json!({"to_unit_id": far.a}))).await;
        let here = server.acting(Role::CommitteeOffice, &ward.ward).await;
        advance(&here, &id, json!({"to": "completed"})).await.faults(&[("/member/unit_id", "reference_not_found")]);
        let reads = server.granted(vec![over(Role::CommitteeOffice, &ward.ward), over(Role::InspectionCommission, &far.ward)]).await;
        advance(&reads, &id, json!({"to": "completed"})).await.refused(403, "forbidden");
        assert_eq!(get(office, "members", &person).await["version"], 1);
        let both = server.granted(vec![over(Role::CommitteeOffice, &ward.ward), over(Role::CommitteeOffice, &far.ward)]).await;
        advance(&both, &id, json!({"to": "completed"})).await.is(200);
        assert_eq!(get(office, "members", &person).await["unit_id"], far.a.as_str());
        // A member that was taken to where the mover sees nothing.
        let person = ward.member(&ward.a).await;
        let id = issued(&ward, of_member(&person, "temporary_out", json!({"expected_return_on": "2199-01-01"}))).await;
        advance(&here, &id, json!({"to": "away"})).await.is(200);
        office.patch(&format!("/v1/members/{person}"), "*", json!({"unit_id": far.a})).await.is(200);
        advance(&here, &id, json!({"to": "completed"})).await.faults(&[("/member", "reference_not_found")]);
        advance(&both, &id, json!({"to": "completed"})).await.is(200);
        let ids: BTreeSet<String> = here.all("/v1/transfers?kind=internal,temporary_out").await.0.iter().map(|one| one["state"].to_string()).collect();
        assert_eq!(ids, ["\"completed\"".to_owned()].into());
    }
}
