//! Residence links: a cell's people of other organisations, who of them is active on a day, and the yearly comments.

use crate::support::http::Caller;
use crate::support::on_both_engines;
use crate::support::ward::member;
use cell_records_client::types::accounts::Role;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn link(cell: &str, name: &str, fields: Value) -> Value {
    let mut body =
        json!({"unit_id": cell, "full_name": name, "home_unit_name": "Chi bộ Sở Y tế", "from": "2014-03-01"});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

async fn named(caller: &Caller, query: &str) -> BTreeSet<String> {
    let items = caller.all(&format!("/v1/residence_links?{query}")).await.0;
    items.iter().map(|item| item["full_name"].as_str().unwrap().to_owned()).collect()
}

on_both_engines! {
    async fn a_link_is_of_a_cell_with_one_comment_a_year_and_nothing_has_happened_tomorrow(server: empty) {
        let ward = server.ward().await;
        let post = |fields: Value| ward.office.post("/v1/residence_links", link(&ward.a, "Trần Thị Bình", fields));
        post(json!({"unit_id": ward.ward, "birth_date": "2199", "letter_date": "2199-01-01", "to": "2014-03-01", "comments": [
            {"year": 2013, "sent_on": "2199-01-01"}, {"year": 2014}, {"year": 2013},
        ]})).await.faults(&[
            ("/unit_id", "not_a_cell"), ("/birth_date", "in_the_future"), ("/letter_date", "in_the_future"), ("/to", "dates_out_of_order"),
            ("/comments/0/sent_on", "in_the_future"), ("/comments/2/year", "duplicate_code"),
        ]);
        post(json!({"category": "guest", "comments": [{"attended": -1}]})).await.faults(&[
            ("/category", "unknown_code"), ("/comments/0/year", "required"), ("/comments/0/attended", "out_of_range"),
        ]);
        let made = post(json!({})).await.is(201);
        assert_eq!(made.body["category"], "normal");
        let path = format!("/v1/residence_links/{}", made.id());
        ward.office.patch(&path, "*", json!({"unit_id": ward.ward})).await.faults(&[("/unit_id", "not_a_cell")]);
        ward.office.patch(&path, "*", json!({"unit_id": ward.b})).await.is(200);
    }

    async fn the_same_person_with_an_open_link_in_the_cell_may_be_a_duplicate(server: empty) {
        let ward = server.ward().await;
        let post = async |fields: Value| {
            let made = ward.office.post("/v1/residence_links", link(&ward.a, "Lê Văn Đức", fields)).await.is(201);
            let codes: Vec<String> = made.warnings().into_iter().map(|(_, code)| code).collect();
            (made, codes)
        };
        let (first, warned) = post(json!({"birth_date": "1970"})).await;
        assert!(warned.is_empty());
        // Of another birth date, with none, or in another cell.
        for other in [json!({"birth_date": "1971"}), json!({}), json!({"birth_date": "1970", "unit_id": ward.b})] {
            assert!(post(other.clone()).await.1.is_empty(), "{other}");
        }
        let (twin, warned) = post(json!({"birth_date": "1970", "full_name": "LÊ VĂN  ĐỨC"})).await;
        assert_eq!((warned, &twin.body["candidates"][0]["id"]), (vec!["possible_duplicate".to_owned()], &first.body["id"]));
        assert_eq!(post(json!({})).await.1, ["possible_duplicate"]);
        for one in [first, twin] {
            ward.office.patch(&format!("/v1/residence_links/{}", one.id()), "*", json!({"to": "2015-01-01"})).await.is(200);
        }
        assert!(post(json!({"birth_date": "1970"})).await.1.is_empty());
    }

    async fn who_was_introduced_is_active_from_the_first_day_to_the_day_before_the_end_and_never_counts_on_strength(server: empty) {
        let ward = server.ward().await;
        let known = ward.office.post("/v1/members", member(&ward.b)).await.is(201).id();
        for (name, fields) in [
            ("Một", json!({"to": "2014-09-01", "member_id": known})), ("Hai", json!({"category": "introduced_exempt"})),
            ("Ba", json!({"category": "not_introduced"})), ("Bốn", json!({"from": "2015-01-01"})),
        ] {
            ward.office.post("/v1/residence_links", link(&ward.a, name, fields)).await.is(201);
        }
        let cell = server.acting(Role::CellSecretary, &ward.a).await;
        for (query, found) in [
            ("at=2014-03-01", vec!["Một", "Hai"]), ("at=2014-02-28", vec![]), ("at=2014-08-31&category=normal", vec!["Một"]),
            ("at=2014-09-01", vec!["Hai"]), ("at=2015-01-01", vec!["Hai", "Bốn"]),
            ("category=not_introduced", vec!["Ba"]), ("q=BON", vec!["Bốn"]), ("member_id=null", vec!["Hai", "Ba", "Bốn"]),
        ] {
            assert_eq!(named(&cell, query).await, found.iter().map(|name| (*name).to_owned()).collect(), "{query}");
        }
        assert_eq!(named(&ward.office, &format!("member_id={known}")).await, BTreeSet::from(["Một".to_owned()]));
        assert_eq!(ward.office.get(&format!("/v1/members?unit={}&count=exact", ward.a)).await.is(200).body["total"], 0);
    }

    async fn the_other_organisation_neither_reads_nor_writes_the_comments(server: empty) {
        let ward = server.ward().await;
        let (cell, peer) = (server.acting(Role::CellSecretary, &ward.a).await, server.acting(Role::ExchangePeer, &ward.a).await);
        let comments = json!([{"year": 2014, "attended": 4, "comment": "Gương mẫu.", "sent_on": "2014-12-20"}]);
        let made = peer.post("/v1/residence_links", link(&ward.a, "Trần Thị Bình", json!({}))).await.is(201);
        let path = format!("/v1/residence_links/{}", made.id());
        peer.patch(&path, "*", json!({"comments": comments})).await.faults(&[("/comments", "field_not_writable")]);
        let written = cell.patch(&path, "*", json!({"comments": comments})).await.is(200);
        assert_eq!(written.body["comments"], comments);
        let changed = peer.patch(&path, "*", json!({"letter_number": "27-GGT"})).await.is(200);
        assert_eq!(changed.body.get("comments"), None);
        assert_eq!(cell.get(&path).await.is(200).body["comments"], comments);
    }
}
