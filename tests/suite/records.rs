//! The calls that every record type has, over the registry: what is returned for a create, a read, a patch, a delete.

use crate::support::http::Caller;
use crate::support::on_both_engines;
use crate::support::ward::{change, changes};
use cell_records_client::types::Unit;
use cell_records_client::types::pages::ListQuery;
use cell_records_server::store::registry::KINDS;
use serde_json::{Value, json};

async fn version(caller: &Caller, path: &str) -> (Value, String) {
    let read = caller.get(path).await.is(200);
    let etag = read.etag().to_owned();
    (read.body, etag)
}

on_both_engines! {
    async fn an_administrator_lists_the_units_of_the_demo(server: demo) {
        let admin = server.admin();
        let page = admin.records::<Unit>().list(&ListQuery { count: true, ..ListQuery::default() }).await.unwrap();
        assert_eq!((page.items.len(), page.total), (28, Some(28)));
    }

    async fn every_type_is_created_and_read_with_its_version_as_etag(server: empty) {
        let ward = server.ward().await;
        for kind in &KINDS {
            let collection = format!("/v1/{}", kind.plural);
            let body = ward.body(kind, &ward.a).await;
            let made = ward.writer.post(&collection, body.clone()).await.is(201);
            let path = format!("{collection}/{}", made.id());
            assert_eq!(made.header("location"), path);
            assert_eq!((&made.body["type"], &made.body["version"]), (&json!(kind.name), &json!(1)));
            assert_eq!(made.body["created_at"], made.body["updated_at"]);
            assert_eq!(made.body["external_ids"], json!([]));
            for (name, value) in body.as_object().unwrap().iter().filter(|(name, _)| kind.name != "unit" || *name != "unit_id") {
                assert_eq!(&made.body[name], value, "{}.{name}", kind.name);
            }
            let read = ward.writer.get(&path).await.is(200);
            assert_eq!((&read.body, read.etag()), (&made.record(), made.etag()), "{}", kind.name);
            assert!(read.etag().starts_with("\"1."), "{}", read.etag());
            assert_eq!(read.header("cache-control"), "private, no-cache");
            let again = ward.writer.get(&path).header("if-none-match", read.etag()).await.is(304);
            assert_eq!((again.text.as_str(), again.etag()), ("", read.etag()));
            ward.writer.get(&path).header("if-none-match", "\"9.00000000\"").await.is(200);
            ward.writer.get(&format!("{collection}/{}", uuid::Uuid::now_v7())).await.refused(404, "not_found");
            ward.writer.get(&format!("{collection}/nonsense")).await.refused(404, "not_found");
        }
    }

    async fn a_stale_version_is_412_with_the_current_record_and_a_missing_one_is_428(server: empty) {
        let ward = server.ward().await;
        for kind in KINDS.iter().filter(|kind| changes(kind)) {
            let record = ward.record(kind, &ward.a).await;
            let path = format!("/v1/{}/{}", kind.plural, record.id());
            let (field, first) = change(kind);
            let changed = ward.writer.patch(&path, record.etag(), json!({field: first})).await.is(200);
            assert_eq!((&changed.body["version"], &changed.body[field]), (&json!(2), &first), "{}", kind.name);
            assert!(changed.body["updated_at"].as_str() > record.body["updated_at"].as_str());
            assert_eq!(changed.body["created_at"], record.body["created_at"]);

            let stale = ward.writer.patch(&path, record.etag(), json!({field: first})).await.refused(412, "stale_version");
            assert_eq!(stale.body["current"], changed.record(), "{}", kind.name);
            assert_eq!(stale.body["etag"], changed.etag());
            ward.writer.delete(&path, record.etag()).await.refused(412, "stale_version");
            ward.writer.patch(&path, "\"2.ffffffff\"", json!({field: first})).await.refused(412, "stale_version");

            for method in [reqwest::Method::PATCH, reqwest::Method::DELETE] {
                ward.writer.call(method, &path).json(json!({field: first})).await.refused(428, "precondition_required");
            }
            ward.writer.patch(&path, "2", json!({field: first})).await.refused(400, "invalid_header");
            let kept = ward.writer.get(&path).await.is(200);
            assert_eq!((kept.etag(), kept.record()), (changed.etag(), changed.record()), "{}", kind.name);
        }
    }

    async fn a_patch_that_changes_nothing_returns_the_same_version(server: empty) {
        let ward = server.ward().await;
        for kind in KINDS.iter().filter(|kind| changes(kind)) {
            let path = format!("/v1/{}/{}", kind.plural, ward.record(kind, &ward.a).await.id());
            let (field, first) = change(kind);
            let (_, etag) = version(&ward.writer, &path).await;
            let changed = ward.writer.patch(&path, &etag, json!({field: first})).await.is(200);
            for body in [json!({}), json!({field: first}), json!({"unit_id": changed.body["unit_id"]})] {
                let same = ward.writer.patch(&path, changed.etag(), body).await.is(200);
                assert_eq!((same.etag(), same.record()), (changed.etag(), changed.record()));
            }
            let items = ward.writer.all(&format!("{path}/history")).await.0;
            assert_eq!(items.len(), 2, "{}", kind.name);
        }
    }

    async fn a_deleted_record_is_410_with_its_time_and_comes_back_as_it_was(server: empty) {
        let ward = server.ward().await;
        for kind in &KINDS {
            let record = ward.record(kind, &ward.a).await;
            let collection = format!("/v1/{}", kind.plural);
            let path = format!("{collection}/{}", record.id());
            let list = format!("{collection}?unit={}", record.body["unit_id"].as_str().unwrap());
            let here = |items: &[Value]| items.iter().any(|item| item["id"] == record.body["id"]);
            assert!(here(&ward.writer.all(&list).await.0));
            assert_eq!(ward.writer.delete(&path, record.etag()).await.is(204).text, "");
            assert!(!here(&ward.writer.all(&list).await.0));
            let gone = ward.writer.get(&path).await.refused(410, "gone");
            assert!(gone.body["deleted_at"].as_str().unwrap() > record.body["updated_at"].as_str().unwrap());
            let (field, first) = change(kind);
            ward.writer.patch(&path, "\"2.00000000\"", json!({field: first})).await.refused(410, "gone");
            ward.writer.delete(&path, "*").await.refused(410, "gone");

            let back = ward.writer.verb(&format!("{path}/restore")).await.is(200);
            assert_eq!(back.body["version"], 3, "{}", kind.name);
            let read = ward.writer.get(&path).await.is(200);
            for (name, value) in record.record().as_object().unwrap() {
                let moves = ["version", "updated_at"].contains(&name.as_str());
                assert!(moves || &read.body[name] == value, "{}.{name}: {} {value}", kind.name, read.body[name]);
            }
            let again = ward.writer.verb(&format!("{path}/restore")).await.is(200);
            assert_eq!((again.etag(), again.body["version"].clone()), (read.etag(), json!(3)));
        }
    }

    async fn an_unknown_field_parameter_or_value_is_refused_by_name(server: empty) {
        let ward = server.ward().await;
        for kind in &KINDS {
            let collection = format!("/v1/{}", kind.plural);
            let mut body = ward.body(kind, &ward.a).await;
            body["colour"] = json!("red");
            ward.writer.post(&collection, body).await.faults(&[("/colour", "unknown_field")]);
            let record = ward.record(kind, &ward.a).await;
            let path = format!("{collection}/{}", record.id());
            ward.writer.patch(&path, record.etag(), json!({"colour": 1, "version": 3}))
                .await.faults(&[("/colour", "unknown_field"), ("/version", "unknown_field")]);
            for (query, name) in [
                ("colour=red", "colour"), ("sort=colour", "sort"), ("sort=-nothing", "sort"), ("fields=id,colour", "fields"),
                ("limit=0", "limit"), ("limit=501", "limit"), ("limit=x", "limit"), ("count=yes", "count"), ("subtree=true", "subtree"),
                ("subtree=maybe", "subtree"), ("unit=nonsense", "unit"), ("updated_since=yesterday", "updated_since"),
                ("limit=1&limit=2", "limit"),
            ] {
                let refused = ward.writer.get(&format!("{collection}?{query}")).await.refused(400, "invalid_parameter");
                assert_eq!(refused.body["errors"][0]["pointer"], name, "{query}: {}", refused.text);
            }
            let refused = ward.writer.get(&format!("{collection}?fields=%7B%7D")).await.refused(400, "invalid_parameter");
            assert!(refused.body["errors"][0]["message"].as_str().unwrap().contains(" has no field {};"), "{}", refused.text);
            for query in ["colour=red", "limit=3", "as_of=yesterday"] {
                ward.writer.get(&format!("{path}?{query}")).await.refused(400, "invalid_parameter");
            }
            ward.writer.get(&format!("{path}/history?colour=red")).await.refused(400, "invalid_parameter");
            ward.writer.patch(&format!("{path}?dry_run=perhaps"), record.etag(), json!({})).await.refused(400, "invalid_parameter");
        }
    }

    async fn a_create_repeated_with_its_id_makes_no_second_record(server: empty) {
        let ward = server.ward().await;
        let stranger = server.writer(&ward.b).await;
        for kind in KINDS.iter().filter(|kind| changes(kind)) {
            let collection = format!("/v1/{}", kind.plural);
            let mut body = ward.body(kind, &ward.a).await;
            let id = uuid::Uuid::now_v7().to_string();
            body["id"] = json!(id);
            let made = ward.writer.post(&collection, body.clone()).await.is(201);
            assert_eq!(made.id(), id);
            let again = ward.writer.post(&collection, body.clone()).await.is(200);
            assert_eq!((again.etag(), again.record()), (made.etag(), made.record()), "{}", kind.name);
            let (field, value) = change(kind);
            body[field] = value;
            ward.writer.post(&collection, body).await.refused(409, "not_unique");
            // The id of a record that the caller does not see is refused, and nothing says what it is.
            let mut theirs = ward.body(kind, &ward.b).await;
            theirs["id"] = json!(id);
            let clash = stranger.post(&collection, theirs).await.refused(409, "not_unique");
            assert!(clash.body.get("current").is_none() && !clash.text.contains(&ward.a), "{}", clash.text);
            let nonsense = json!({"id": "17"});
            ward.writer.post(&collection, nonsense).await.is(422);
        }
    }

    async fn a_dry_run_answers_as_the_write_would_and_stores_nothing(server: empty) {
        let ward = server.ward().await;
        for kind in KINDS.iter().filter(|kind| changes(kind)) {
            let collection = format!("/v1/{}", kind.plural);
            let mut body = ward.body(kind, &ward.a).await;
            let id = uuid::Uuid::now_v7().to_string();
            body["id"] = json!(id);
            let tried = ward.writer.post(&format!("{collection}?dry_run=true"), body).await.is(200);
            assert_eq!((tried.id(), &tried.body["version"]), (id.clone(), &json!(1)));
            // There is nothing that a location or a tag could name.
            assert_eq!((tried.header("location"), tried.etag()), ("", ""));
            ward.writer.get(&format!("{collection}/{id}")).await.refused(404, "not_found");

            let record = ward.record(kind, &ward.a).await;
            let path = format!("{collection}/{}", record.id());
            let (field, first) = change(kind);
            let tried = ward.writer.patch(&format!("{path}?dry_run=true"), record.etag(), json!({field: first})).await.is(200);
            assert_eq!((&tried.body["version"], &tried.body[field], tried.etag()), (&json!(2), &first, ""));
            ward.writer.delete(&format!("{path}?dry_run=true"), record.etag()).await.is(204);
            let (kept, etag) = version(&ward.writer, &path).await;
            assert_eq!((kept, etag.as_str()), (record.record(), record.etag()));
            ward.writer.delete(&path, &etag).await.is(204);
            ward.writer.verb(&format!("{path}/restore?dry_run=true")).await.is(200);
            ward.writer.get(&path).await.refused(410, "gone");
        }
    }

    async fn an_external_id_names_its_record_wherever_a_reference_is_taken(server: empty) {
        let ward = server.ward().await;
        let own = |value: &str| json!([{"system": ward.writer.code, "value": value}]);
        let cell = ward.writer.get(&format!("/v1/units/{}", ward.a)).await.is(200);
        ward.writer.patch(&format!("/v1/units/{}", ward.a), cell.etag(), json!({"external_ids": own("cell-a")})).await.is(200);
        let reference = format!("ext:{}:cell-a", ward.writer.code);
        for kind in KINDS.iter().filter(|kind| kind.name != "unit" && changes(kind)) {
            let mut body = ward.body(kind, &reference).await;
            body["external_ids"] = own("one");
            let made = ward.writer.post(&format!("/v1/{}", kind.plural), body).await.is(201);
            assert_eq!(made.body["unit_id"], ward.a.as_str(), "{}", kind.name);
            let path = format!("/v1/{}/ext:{}:one", kind.plural, ward.writer.code);
            let read = ward.writer.get(&path).await.is(200);
            assert_eq!((read.id(), &read.body["external_ids"]), (made.id(), &own("one")), "{}", kind.name);
            let (field, first) = change(kind);
            assert_eq!(ward.writer.patch(&path, read.etag(), json!({field: first})).await.is(200).id(), made.id());
            assert_eq!(ward.writer.get(&format!("{path}/history")).await.is(200).body["items"][0]["version"], 2);
            let taken = json!({"external_ids": own("one")});
            let other = ward.record(kind, &ward.b).await;
            let patched = ward.writer.patch(&format!("/v1/{}/{}", kind.plural, other.id()), other.etag(), taken).await.refused(409, "not_unique");
            let mut another = ward.body(kind, &ward.b).await;
            another["external_ids"] = own("one");
            let posted = ward.writer.post(&format!("/v1/{}", kind.plural), another).await.refused(409, "not_unique");
            for refused in [patched, posted] {
                let error = &refused.body["errors"][0];
                assert_eq!((&error["pointer"], &error["code"]), (&json!("/external_ids/0/value"), &json!("external_id_taken")), "{}", kind.name);
            }
        }
        let [listed, expected] = [&reference, &ward.a].map(|unit| ward.writer.get(&format!("/v1/members?unit={unit}&count=exact")));
        let (listed, expected) = (listed.await.is(200).body["total"].as_i64(), expected.await.is(200).body["total"].as_i64());
        assert!(listed > Some(0) && listed == expected, "{listed:?} {expected:?}");
        // Only the own system's ids may be written, and only of systems that there are.
        let mut body = crate::support::ward::member(&ward.a);
        body["external_ids"] = json!([{"system": "nobody-knows", "value": "1"}]);
        ward.writer.post("/v1/members", body).await.faults(&[("/external_ids/0/system", "field_not_writable")]);
    }
}
