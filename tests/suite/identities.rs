//! What names a record: its type with its id, and the ids that other systems gave it.

use crate::support::http::{Caller, reference};
use crate::support::items::{delete, figure, item, member};
use crate::support::on_both_engines;
use crate::support::ward::{ROOT, unit};
use cell_records_client::types::Reference;
use cell_records_client::types::accounts::Role;
use cell_records_client::types::sync::{ItemStatus, PushItem, PushOp};
use serde_json::{Value, json};
use uuid::Uuid;

fn position(member: &str, cell: &str) -> Value {
    json!({"unit_id": cell, "member_id": member, "position_code": "cell_committee_member", "from": "2010-01-01", "basis": "elected"})
}

on_both_engines! {
    async fn references_to_one_record_do_not_hold_another_type_of_the_same_id(server: empty) {
        let ward = server.ward().await;
        let person = ward.member(&ward.a).await;
        let id = Uuid::try_parse(&person).unwrap();
        ward.office.post("/v1/positions", position(&person, &ward.a)).await.is(201);
        // A stranger who guesses the id learns nothing of the record that it does not see.
        let other = ward.office.post("/v1/units", unit("grassroots_committee", ROOT)).await.is(201).id();
        let stranger = server.peer("stranger", &[(Role::ExchangePeer, reference(&other))]).await;
        stranger.write(vec![figure(id, &other, "57")]).await;
        assert_eq!(stranger.push(vec![delete("reported_figure", id, 1)]).await.items[0].status, ItemStatus::Deleted);
        let path = format!("/v1/reported_figures/{id}");
        let restored = ward.office.verb(&format!("{path}/restore")).await.is(200);
        ward.office.delete(&path, restored.etag()).await.is(204);
        ward.office.delete(&format!("/v1/members/{person}"), "*").await.refused(409, "still_referenced");
    }

    async fn one_push_writes_two_types_of_one_id_and_deletes_the_one_that_nothing_refers_to(server: empty) {
        let ward = server.ward().await;
        let peer = server.peer("city", &[(Role::ExchangePeer, reference(&ward.ward))]).await;
        let (id, office) = (Uuid::now_v7(), Uuid::now_v7());
        let answer = peer.push(vec![
            member(id, &ward.a, "Nguyễn Văn Hai"),
            figure(id, &ward.b, "57"),
            item(PushOp::Create, "position", office, position(&id.to_string(), &ward.a)),
            delete("member", id, 1),
            delete("reported_figure", id, 1),
        ]).await;
        use ItemStatus::{Conflict, Created, Deleted};
        let statuses: Vec<ItemStatus> = answer.items.iter().map(|item| item.status.clone()).collect();
        assert_eq!(statuses, [Created, Created, Created, Conflict, Deleted]);
        ward.office.get(&format!("/v1/members/{id}")).await.is(200);
        ward.office.get(&format!("/v1/reported_figures/{id}")).await.refused(410, "gone");
    }

    async fn who_writes_single_fields_only_does_not_set_external_ids(server: empty) {
        let ward = server.ward().await;
        let (admin, path) = (server.administrator().await, format!("/v1/units/{}", ward.a));
        let ids = |system: &str| json!([{"system": system, "value": "A-1"}]);
        admin.patch(&path, "*", json!({"external_ids": ids(&ward.office.code)})).await.faults(&[("/external_ids", "field_not_writable")]);
        ward.office.patch(&path, "*", json!({"external_ids": ids(&ward.office.code)})).await.is(200);
        for cleared in [json!([]), Value::Null] {
            admin.patch(&path, "*", json!({"external_ids": cleared})).await.faults(&[("/external_ids", "field_not_writable")]);
        }
        let coded = admin.patch(&path, "*", json!({"code": "CB-1"})).await.is(200);
        assert_eq!((&coded.body["code"], &coded.body["external_ids"]), (&json!("CB-1"), &ids(&ward.office.code)));
    }

    async fn a_write_sets_the_ids_of_the_systems_that_it_names_and_leaves_others(server: empty) {
        let ward = server.ward().await;
        let (one, other) = (server.acting(Role::ExchangePeer, &ward.ward).await, server.acting(Role::ExchangePeer, &ward.ward).await);
        let path = format!("/v1/members/{}", ward.member(&ward.a).await);
        let id = |system: &str, value: &str| json!({"system": system, "value": value});
        for system in [&one, &other] {
            system.patch(&path, "*", json!({"external_ids": [id(&system.code, "1")]})).await.is(200);
        }
        let admin = server.administrator().await;
        let user = json!({"username": "van-phong", "display_name": "Văn phòng", "password": "con mèo trên mái nhà"});
        let user = admin.post("/v1/users", user).await.is(201).id();
        admin.post(&format!("/v1/users/{user}/grants"), json!({"role": "committee_office", "unit_id": ward.ward})).await.is(201);
        let person = server.logged_in("van-phong", "con mèo trên mái nhà").await;
        let set = async |caller: &Caller, ids: Value| {
            let mut after = caller.patch(&path, "*", json!({"external_ids": ids})).await.is(200).body["external_ids"].clone();
            after.as_array_mut().unwrap().sort_by_key(ToString::to_string);
            after
        };
        let sorted = |mut ids: Vec<Value>| {
            ids.sort_by_key(ToString::to_string);
            json!(ids)
        };
        // A person corrects the id of one system; that of the other stays, and so does one that a third gets.
        assert_eq!(set(&person, json!([id(&one.code, "2")])).await, sorted(vec![id(&one.code, "2"), id(&other.code, "1")]));
        let third = set(&person, json!([id(&ward.office.code, "9")])).await;
        assert_eq!(third, sorted(vec![id(&one.code, "2"), id(&other.code, "1"), id(&ward.office.code, "9")]));
        // A system sets its own; the entries of others that it sends with it change nothing.
        let own = set(&one, json!([id(&one.code, "3"), id(&one.code, "4"), id(&other.code, "1")])).await;
        assert_eq!(own, sorted(vec![id(&one.code, "3"), id(&one.code, "4"), id(&other.code, "1"), id(&ward.office.code, "9")]));
        assert_eq!(set(&one, json!([id(&other.code, "1")])).await, own);
        // An empty list takes away what its sender may write: a system's own entries, of a person all.
        assert_eq!(set(&one, json!([])).await, sorted(vec![id(&other.code, "1"), id(&ward.office.code, "9")]));
        assert_eq!(set(&person, Value::Null).await, json!([]));
        // All together are as many as a list may have.
        let many = |system: &Caller, count: usize| (0..count).map(|n| id(&system.code, &format!("n{n}"))).collect::<Vec<_>>();
        assert_eq!(set(&one, json!(many(&one, 20))).await.as_array().unwrap().len(), 20);
        other.patch(&path, "*", json!({"external_ids": many(&other, 1)})).await.faults(&[("/external_ids", "out_of_range")]);
        set(&one, json!(many(&one, 19))).await;
        assert_eq!(set(&other, json!(many(&other, 1))).await.as_array().unwrap().len(), 20);
        // A create that is repeated takes nothing away.
        let mut body = crate::support::ward::member(&ward.a);
        (body["id"], body["external_ids"]) = (json!(Uuid::now_v7()), json!([]));
        let made = person.post("/v1/members", body.clone()).await.is(201);
        other.patch(&format!("/v1/members/{}", made.id()), "*", json!({"external_ids": [id(&other.code, "5")]})).await.is(200);
        assert_eq!(person.post("/v1/members", body).await.is(200).body["external_ids"], json!([id(&other.code, "5")]));
    }

    async fn an_external_id_is_one_however_it_is_composed(server: empty) {
        let ward = server.ward().await;
        let peer = server.peer("city", &[(Role::ExchangePeer, reference(&ward.ward))]).await;
        let ways = ["Hồ-1", "Ho\u{302}\u{300}-1", " Hồ-1"];
        let mut found = Vec::new();
        for (number, way) in ways.into_iter().enumerate() {
            let id = Reference::External { system: "city".into(), value: way.into() };
            let mut fields = member(Uuid::now_v7(), &ward.a, &format!("Nguyễn Văn {number}")).fields;
            fields.insert("official_date".into(), json!("2002-05-19"));
            let answer = peer.write(vec![PushItem { id: Some(id), fields, ..PushItem::new(PushOp::Upsert, "member") }]).await;
            found.push(answer.items[0].id.unwrap());
        }
        assert_eq!(found, [found[0]; 3]);
        let record = ward.office.get(&format!("/v1/members/{}", found[0])).await.is(200);
        assert_eq!(record.body["external_ids"], json!([{"system": "city", "value": "Hồ-1"}]));
        assert_eq!(ward.office.get("/v1/members?count=exact").await.body["total"], 1);
        for (number, way) in ways.into_iter().enumerate() {
            let name = format!("ext:city:{way}");
            assert_eq!(ward.office.get(&format!("/v1/members/{name}")).await.is(200).id(), found[0].to_string());
            let mut body = position(&name, &ward.a);
            body["from"] = json!(format!("201{number}-01-01"));
            body["to"] = json!(format!("201{number}-06-01"));
            let made = ward.office.post("/v1/positions", body).await.is(201);
            assert_eq!(made.body["member_id"], found[0].to_string());
            let held = ward.office.get(&format!("/v1/positions?count=exact&member_id={name}")).await.is(200);
            assert_eq!(held.body["total"], number + 1);
        }
    }

    async fn a_repeated_create_is_unchanged_though_others_added_their_ids(server: empty) {
        let ward = server.ward().await;
        let (one, other) = (server.acting(Role::ExchangePeer, &ward.ward).await, server.acting(Role::ExchangePeer, &ward.ward).await);
        for own in [json!([{"system": one.code, "value": "1"}]), json!([])] {
            let mut body = crate::support::ward::member(&ward.a);
            body["id"] = json!(Uuid::now_v7());
            body["external_ids"] = own;
            let made = one.post("/v1/members", body.clone()).await.is(201);
            let path = format!("/v1/members/{}", made.id());
            other.patch(&path, "*", json!({"external_ids": [{"system": other.code, "value": made.id()}]})).await.is(200);
            assert_eq!(one.post("/v1/members", body.clone()).await.is(200).body["version"], 2);
            body["full_name"] = json!("Lê Văn Khác");
            one.post("/v1/members", body).await.refused(409, "not_unique");
            one.delete(&path, "*").await.is(204);
        }
    }

    async fn a_record_does_not_refer_to_itself(server: empty) {
        let ward = server.ward().await;
        let id = ward.member(&ward.a).await;
        let path = format!("/v1/members/{id}");
        for own in [json!(id), json!(id.to_uppercase())] {
            ward.office.patch(&path, "*", json!({"readmission_of": own})).await.faults(&[("/readmission_of", "reference_not_found")]);
        }
        ward.office.delete(&path, "*").await.is(204);
        ward.office.verb(&format!("{path}/restore")).await.is(200);
    }
}
