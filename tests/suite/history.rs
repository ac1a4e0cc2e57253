//! History: the versions of a record, and the record as it was at a time.

use crate::support::on_both_engines;
use crate::support::ward::{change, changes, member};
use cell_records_client::types::accounts::Role;
use cell_records_server::store::registry::{KINDS, Kind};
use serde_json::{Value, json};

fn column(items: &[Value], name: &str) -> Vec<Value> {
    items.iter().map(|item| item[name].clone()).collect()
}

on_both_engines! {
    async fn history_shows_every_version_of_every_type_with_author_time_and_changes(server: empty) {
        let ward = server.ward().await;
        for kind in KINDS.iter().filter(|kind| changes(kind)) {
            let record = ward.record(kind, &ward.a).await;
            let path = format!("/v1/{}/{}", kind.plural, record.id());
            let (field, first) = change(kind);
            let changed = ward.writer.patch(&path, record.etag(), json!({field: first}))
                .header("x-request-id", "the-second-write").await.is(200);
            ward.writer.delete(&path, changed.etag()).await.is(204);
            ward.writer.verb(&format!("{path}/restore")).await.is(200);
            let items = ward.writer.all(&format!("{path}/history")).await.0;
            assert_eq!(column(&items, "version"), [4, 3, 2, 1].map(Value::from), "{}", kind.name);
            assert_eq!(column(&items, "op"), ["restore", "delete", "update", "create"].map(Value::from));
            for item in &items {
                assert_eq!((&item["actor"], &item["origin"]), (&json!(ward.writer.id), &json!(ward.writer.code)));
            }
            assert_eq!(items[2]["request_id"], "the-second-write");
            assert!(items[2]["changed"].as_array().unwrap().contains(&json!(field)), "{}", items[2]);
            assert_eq!(items[2]["record"], changed.record());
            assert_eq!(items[1].get("record"), None);

            let pages = ward.writer.all(&format!("{path}/history?limit=1")).await.0;
            assert_eq!(pages, items);

            for (index, at) in column(&items, "at").iter().enumerate() {
                let answer = ward.writer.get(&format!("{path}?as_of={}", at.as_str().unwrap())).await;
                match index {
                    1 => { answer.refused(410, "gone"); }
                    _ => assert_eq!(answer.is(200).body, items[index]["record"], "{}", kind.name),
                }
            }
            ward.writer.get(&format!("{path}?as_of=2014-12-31T00:00:00Z")).await.refused(404, "not_found");
        }
    }

    async fn a_page_of_history_ends_where_it_is_large_enough(server: empty) {
        let ward = server.ward().await;
        let criterion = |n: usize| json!({"code": format!("c{n}"), "text": "x".repeat(1_000), "max_points": "1"});
        let mut body = crate::support::ward::scheme(&ward.ward);
        body["criteria"] = (0..200).map(criterion).collect();
        let path = format!("/v1/evaluation_schemes/{}", ward.office.post("/v1/evaluation_schemes", body).await.is(201).id());
        for version in 2..=30 {
            ward.office.patch(&path, "*", json!({"legal_source": format!("{version}-QĐ/TW")})).await.is(200);
        }
        let first = ward.office.get(&format!("{path}/history?limit=500")).await.is(200);
        assert!(first.text.len() < 5 << 20 && first.body["next_cursor"].is_string(), "{}", first.text.len());
        let items = ward.office.all(&format!("{path}/history?limit=500")).await.0;
        assert_eq!(column(&items, "version"), (1..=30).rev().map(Value::from).collect::<Vec<_>>());
        assert!(items.iter().take(29).all(|item| item["changed"] == json!(["legal_source"])));
    }

    async fn a_new_cell_does_not_read_what_the_old_one_wrote(server: empty) {
        let ward = server.ward().await;
        let (old, new) = (server.acting(Role::CellSecretary, &ward.a).await, server.acting(Role::CellSecretary, &ward.b).await);
        let mut body = member(&ward.a);
        body["occupation_current"] = json!("Bí mật của chi bộ cũ");
        let record = ward.office.post("/v1/members", body).await.is(201);
        let path = format!("/v1/members/{}", record.id());
        let moved = ward.office.patch(&path, record.etag(), json!({"unit_id": ward.b, "occupation_current": null})).await.is(200);

        for read in [path.clone(), format!("{path}/history")] {
            old.get(&read).await.refused(404, "not_found");
        }
        let history = new.get(&format!("{path}/history")).await.is(200);
        assert_eq!(column(history.body["items"].as_array().unwrap(), "version"), [json!(2)]);
        assert!(!history.text.contains("Bí mật"), "{}", history.text);
        let before = record.body["updated_at"].as_str().unwrap();
        new.get(&format!("{path}?as_of={before}")).await.refused(404, "not_found");
        let now = moved.body["updated_at"].as_str().unwrap();
        assert_eq!(new.get(&format!("{path}?as_of={now}")).await.is(200).body["version"], 2);
        // Whoever sees both cells sees both versions.
        let all = ward.office.get(&format!("{path}/history")).await.is(200);
        assert_eq!(column(all.body["items"].as_array().unwrap(), "op"), ["move", "create"].map(Value::from));
    }

    async fn a_history_cursor_is_for_its_caller_and_record_only(server: empty) {
        let ward = server.ward().await;
        let person = Kind::named("member").unwrap();
        let (one, two) = (ward.record(person, &ward.a).await, ward.record(person, &ward.a).await);
        let path = format!("/v1/members/{}", one.id());
        ward.office.patch(&path, one.etag(), json!({"current_residence": "Khối 1"})).await.is(200);
        let page = ward.office.get(&format!("{path}/history?limit=1")).await.is(200);
        let cursor = page.body["next_cursor"].as_str().unwrap();
        assert!(page.header("link").contains("rel=\"next\""));
        ward.office.get(&format!("/v1/members/{}/history?cursor={cursor}", two.id())).await.refused(400, "cursor_filter_mismatch");
        ward.office.get(&format!("{path}/history?cursor=ch1.AAAA")).await.refused(400, "cursor_invalid");
        let other = server.acting(Role::CommitteeOffice, &ward.ward).await;
        other.get(&format!("{path}/history?cursor={cursor}")).await.refused(403, "cursor_foreign");
    }
}
