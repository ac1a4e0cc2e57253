//! Exemptions from activity: requested and granted, reviewed each year, ended; and who is exempt on a day.

use crate::support::http::{Caller, Reply, over};
use crate::support::on_both_engines;
use crate::support::ward::{Ward, member};
use cell_records_client::types::accounts::Role;
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn request(caller: &Caller, member: &str, fields: Value) -> Reply {
    let mut body =
        json!({"member_id": member, "reason_code": "old_age", "steps": [{"state": "requested", "on": "2012-12-15"}]});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    caller.post("/v1/exemptions", body).await
}

pub async fn advance(caller: &Caller, exemption: &str, body: Value) -> Reply {
    caller.post(&format!("/v1/exemptions/{exemption}/advance"), body).header("if-match", "*").await
}

/// An exemption that was requested and granted.
pub async fn granted(ward: &Ward, member: &str, on: &str, fields: Value) -> Reply {
    let made = request(&ward.office, member, fields).await.is(201).id();
    advance(&ward.office, &made, json!({"to": "granted", "on": on})).await
}

async fn ids(caller: &Caller, query: &str) -> BTreeSet<String> {
    let items = caller.all(&format!("/v1/{query}")).await.0;
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

on_both_engines! {
    async fn the_cell_requests_an_exemption_grants_reviews_and_ends_it(server: empty) {
        let ward = server.ward().await;
        let (cell, person) = (server.acting(Role::CellSecretary, &ward.a).await, ward.member(&ward.a).await);
        let made = request(&cell, &person, json!({})).await.is(201);
        assert_eq!((&made.body["unit_id"], &made.body["state"], made.body.get("review_due_on")), (&json!(ward.a), &json!("requested"), None));
        let path = format!("/v1/exemptions/{}", made.id());
        let held = advance(&cell, &made.id(), json!({"to": "granted", "on": "2013-01-01"})).await.is(200).body;
        assert_eq!((&held["from"], &held["review_due_on"], &held["state"]), (&json!("2013-01-01"), &json!("2014-01-01"), &json!("granted")));
        // The date follows what it was computed from, until somebody writes another; the next review makes it due anew.
        let due = async |fields: Value| cell.patch(&path, "*", fields).await.is(200).body["review_due_on"].clone();
        assert_eq!(due(json!({"reviewed_on": ["2013-12-20", "2014-06-30"]})).await, "2015-06-30");
        assert_eq!(due(json!({"review_due_on": "2014-12-31"})).await, "2014-12-31");
        let reviewed = json!({"reviewed_on": ["2013-12-20", "2014-06-30", "2014-12-20"]});
        assert_eq!(due(reviewed).await, "2015-12-20");
        assert_eq!(due(json!({"review_due_on": "2015-06-30", "to": null})).await, "2015-06-30");
        assert_eq!(due(json!({"review_due_on": null})).await, "2015-12-20");
        // So does its first day, which is that of the step.
        let steps = |days: &[(&str, &str)]| json!({"steps": days.iter().map(|(state, on)| json!({"state": state, "on": on})).collect::<Vec<_>>()});
        let corrected = cell.patch(&path, "*", steps(&[("requested", "2012-12-15"), ("granted", "2013-01-02")])).await.is(200).body;
        assert_eq!(corrected["from"], "2013-01-02");
        let ended = advance(&cell, &made.id(), json!({"to": "ended", "on": "2015-03-01"})).await.is(200).body;
        assert_eq!((&ended["to"], ended.get("review_due_on")), (&json!("2015-03-01"), None));
        let days = [("requested", "2012-12-15"), ("granted", "2013-01-02"), ("ended", "2015-03-05")];
        assert_eq!(cell.patch(&path, "*", steps(&days)).await.is(200).body["to"], "2015-03-05");
        assert_eq!(cell.patch(&path, "*", json!({"to": null})).await.is(200).body["to"], "2015-03-05");
        cell.patch(&path, "*", json!({"to": "2015-03-06"})).await.faults(&[("/to", "out_of_range")]);
        let early = cell.patch(&path, "*", json!({"to": "2015-02-01"})).await.is(200);
        assert_eq!(early.body["to"], "2015-02-01");
        cell.patch(&path, "*", json!({"reason_code": null})).await.faults(&[("/reason_code", "required")]);
        cell.patch(&path, "*", json!({"review_due_on": "2016-01-01"})).await.faults(&[("/review_due_on", "only_where")]);
        cell.delete(&path, "*").await.conflicts("state_moved_on");
        cell.patch(&path, "*", json!({"member_id": ward.member(&ward.a).await})).await.faults(&[("/member_id", "is_fixed")]);
        // An end that was set earlier stays; one before the beginning leaves no day.
        for (fields, on, end) in [
            (json!({"from": "2016-01-01", "to": "2016-03-01"}), "2016-05-01", "2016-03-01"),
            (json!({"from": "2199-01-01"}), "2016-05-01", "2199-01-01"),
        ] {
            let one = granted(&ward, &person, "2016-01-01", fields).await.is(200).id();
            assert_eq!(advance(&cell, &one, json!({"to": "ended", "on": on})).await.is(200).body["to"], end);
        }
        let none = request(&cell, &person, json!({})).await.is(201).id();
        advance(&cell, &none, json!({"to": "rejected"})).await.faults(&[("/reason", "reason_required")]);
        let rejected = advance(&cell, &none, json!({"to": "rejected", "reason": "Vẫn khỏe"})).await.is(200).body;
        assert_eq!((&rejected["state_reason"], rejected.get("from")), (&json!("Vẫn khỏe"), None));
    }

    async fn an_exemption_is_of_a_member_on_strength_in_its_cell_for_a_reason_with_dates_in_order(server: empty) {
        let ward = server.ward().await;
        let person = ward.member(&ward.a).await;
        let post = |fields: Value| request(&ward.office, &person, fields);
        post(json!({"unit_id": ward.b, "reason_code": null, "from": "2013-01-01", "to": "2013-01-01"})).await
            .faults(&[("/unit_id", "subject_elsewhere"), ("/reason_code", "required"), ("/to", "dates_out_of_order")]);
        post(json!({"from": "2013-01-01", "reviewed_on": ["2012-12-31", "2014-01-01", "2013-12-31", "2199-01-01"]})).await.faults(&[
            ("/reviewed_on/0", "dates_out_of_order"), ("/reviewed_on/2", "dates_out_of_order"), ("/reviewed_on/3", "in_the_future"),
        ]);
        let mut gone = member(&ward.a);
        (gone["status"], gone["left_on"]) = (json!("deceased"), json!("2014-01-01"));
        let gone = ward.office.post("/v1/members", gone).await.is(201).id();
        request(&ward.office, &gone, json!({})).await.faults(&[("/member_id", "subject_elsewhere")]);
        // It stays with the cell that decides it when the member moves on. That cell grants none any more, nor to who has left.
        let (held, wanted) = (post(json!({})).await.is(201).id(), post(json!({})).await.is(201).id());
        advance(&ward.office, &held, json!({"to": "granted", "on": "2013-01-01", "fields": {"to": "2013-02-01"}})).await.is(200);
        ward.office.patch(&format!("/v1/members/{person}"), "*", json!({"unit_id": ward.b})).await.is(200);
        advance(&ward.office, &wanted, json!({"to": "granted"})).await.faults(&[("/to", "subject_elsewhere")]);
        assert_eq!(advance(&ward.office, &held, json!({"to": "ended"})).await.is(200).body["unit_id"], ward.a.as_str());
        advance(&ward.office, &wanted, json!({"to": "rejected", "reason": "Đã chuyển chi bộ"})).await.is(200);
        let other = ward.member(&ward.a).await;
        let wanted = request(&ward.office, &other, json!({})).await.is(201).id();
        ward.office.patch(&format!("/v1/members/{other}"), "*", json!({"status": "deceased", "left_on": "2014-01-01"})).await.is(200);
        advance(&ward.office, &wanted, json!({"to": "granted"})).await.faults(&[("/to", "subject_elsewhere")]);
    }

    async fn what_was_granted_to_a_member_does_not_overlap(server: empty) {
        let ward = server.ward().await;
        let person = ward.member(&ward.a).await;
        let first = granted(&ward, &person, "2013-01-01", json!({"to": "2014-01-01"})).await.is(200).id();
        granted(&ward, &person, "2013-12-31", json!({})).await.faults(&[("/fields/from", "overlaps")]);
        granted(&ward, &person, "2014-01-01", json!({"to": "2015-01-01"})).await.is(200);
        ward.office.patch(&format!("/v1/exemptions/{first}"), "*", json!({"to": "2014-01-02"})).await.faults(&[("/from", "overlaps")]);
        advance(&ward.office, &first, json!({"to": "ended", "on": "2013-06-01"})).await.is(200);
        granted(&ward, &person, "2013-06-01", json!({"to": "2013-07-01"})).await.is(200);
        granted(&ward, &ward.member(&ward.a).await, "2013-06-01", json!({})).await.is(200);
    }

    async fn exemptions_are_found_by_the_day_on_which_they_hold_and_members_by_them(server: empty) {
        let ward = server.ward().await;
        let [one, two, three, four] = [ward.member(&ward.a).await, ward.member(&ward.b).await, ward.member(&ward.a).await, ward.member(&ward.b).await];
        let ended = granted(&ward, &one, "2013-01-01", json!({})).await.is(200).id();
        advance(&ward.office, &ended, json!({"to": "ended", "on": "2014-01-01"})).await.is(200);
        let held = granted(&ward, &two, "2013-06-01", json!({"reason_code": "maternity"})).await.is(200).id();
        let wanted = request(&ward.office, &three, json!({"from": "2013-01-01"})).await.is(201).id();
        for (query, found) in [
            ("at=2012-12-31", vec![]), ("at=2013-01-01", vec![&ended]), ("at=2013-12-31", vec![&ended, &held]), ("at=2014-01-01", vec![&held]),
            ("state=requested", vec![&wanted]), ("since_from=2013-06&since_to=2014", vec![&ended, &held]), ("since_to=2012", vec![&wanted]),
            ("reason_code=maternity", vec![&held]), ("review_due_to=2014-06-01", vec![&held]), ("review_due_to=2014-05", vec![]),
        ] {
            assert_eq!(ids(&ward.office, &format!("exemptions?{query}")).await, found.into_iter().cloned().collect(), "{query}");
        }
        let sorted = ward.office.get(&format!("/v1/exemptions?sort=-since&unit={}&subtree=true", ward.ward)).await.is(200).body;
        let order: Vec<&str> = sorted["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
        assert_eq!(order, [&ended, &held, &wanted]);

        let members = async |caller: &Caller, query: &str| ids(caller, &format!("members?{query}")).await;
        for (query, found) in [
            ("exempt_at=2013-12-31".to_owned(), vec![&one, &two]), (format!("exempt_at=2013-12-31&unit={}", ward.a), vec![&one]),
            ("exempt_at=2014-01-01".to_owned(), vec![&two]), (format!("exempt_at=2014-01-01&unit={}&subtree=true&sort=birth_date", ward.ward), vec![&two]),
        ] {
            assert_eq!(members(&ward.office, &query).await, found.into_iter().cloned().collect(), "{query}");
        }
        // Who has left is exempt no more, and nothing of it is reviewed.
        let due = async || ids(&ward.office, "work_items?what=exemption_review").await.contains(&held);
        assert!(due().await);
        ward.office.patch(&format!("/v1/members/{two}"), "*", json!({"status": "deceased", "left_on": "2014-02-01"})).await.is(200);
        for (day, found) in [("2014-01-31", vec![&two]), ("2014-02-01", vec![])] {
            assert_eq!(members(&ward.office, &format!("exempt_at={day}")).await, found.into_iter().cloned().collect(), "{day}");
        }
        assert!(!due().await);
        // It finds by what the caller reads of exemptions, and is refused to who reads none.
        let cell = server.acting(Role::CellSecretary, &ward.b).await;
        assert_eq!(members(&cell, "exempt_at=2013-12-31").await, [two.clone()].into());
        let both = server.granted(vec![over(Role::InspectionCommission, &ward.b), over(Role::ExchangePeer, &ward.a)]).await;
        assert_eq!(members(&both, "exempt_at=2013-12-31").await, [two.clone()].into());
        ward.office.delete(&format!("/v1/members/{four}"), "*").await.is(204);
        let peer = server.acting(Role::ExchangePeer, &ward.ward).await;
        for path in ["members?exempt_at=2013-12-31", "members/counts?group_by=status&exempt_at=2013-12-31"] {
            peer.get(&format!("/v1/{path}")).await.refused(403, "field_not_readable");
        }
        ward.office.get("/v1/members?exempt_at=2013").await.refused(400, "invalid_parameter");
    }

    async fn the_reason_is_read_and_asked_for_by_the_cell_and_not_by_the_inspection(server: empty) {
        let ward = server.ward().await;
        let made = granted(&ward, &ward.member(&ward.a).await, "2013-01-01", json!({})).await.is(200);
        let [cell, inspection] = [server.acting(Role::CellSecretary, &ward.a).await, server.acting(Role::InspectionCommission, &ward.a).await];
        let path = format!("/v1/exemptions/{}", made.id());
        assert_eq!(cell.get(&path).await.is(200).body["reason_code"], "old_age");
        assert_eq!(inspection.get(&path).await.is(200).body.get("reason_code"), None);
        inspection.get("/v1/exemptions?reason_code=old_age").await.refused(403, "field_not_readable");
    }
}
