//! Who has no right to a record type learns nothing of its records in any way: what `rights.rs` does not ask. A new type is in
//! it by itself.

use crate::support::http::{Caller, Reply};
use crate::support::on_both_engines;
use crate::support::ward::Ward;
use cell_records_client::types::accounts::Role;
use cell_records_client::types::faults::{FoundReference, Report};
use cell_records_server::store::policy;
use cell_records_server::store::registry::{KINDS, Kind};
use serde_json::{Value, json};
use uuid::Uuid;

/// Whether a role reads a type.
fn reads(role: &Role, kind: &str) -> bool {
    policy::rights(role, kind).is_some()
}

/// Whether a role deletes records of a type. Those of units are left out: all that is in one refers to it.
fn deletes(role: &Role, kind: &str) -> bool {
    kind != "unit" && policy::rights(role, kind).is_some_and(|rights| rights.creates())
}

/// The references of a record, those in its lists too.
fn references(kind: &Kind, record: &Value) -> Vec<FoundReference> {
    let (mut record, mut report) = (record.clone(), Report::new(""));
    for field in kind.fields {
        if let Some(value) = record.get_mut(field.name) {
            report.within(field.name, |report| (field.check)(value, report));
        }
    }
    report.references
}

/// What names a record of a type: its id, its name if it has one, and its type where that is a key or the type of something.
fn assert_unnamed(text: &str, role: &Role, kind: &Kind, record: &Value) {
    let own = ["full_name", "name", "title"].map(|name| record[name].as_str().map(str::to_owned));
    let named =
        [format!("\"type\":\"{}\"", kind.name), format!("\"{}\":", kind.name), record["id"].as_str().unwrap().into()];
    for name in named.into_iter().chain(own.into_iter().flatten()) {
        assert!(!text.contains(&name), "{role} learns of a {}: {name} in {text}", kind.name);
    }
}

/// A push of one item: its answer without what is of this request.
async fn pushed(caller: &Caller, item: Value) -> (Reply, String) {
    let id = item["id"].as_str().unwrap().to_owned();
    let push = json!({"items": [item], "on_possible_duplicate": "reject"});
    let reply = caller.post("/v1/sync/push", push).header("idempotency-key", &Uuid::now_v7().to_string()).await;
    let mut body = reply.body.clone();
    body.as_object_mut().unwrap().remove("request_id");
    let text = body.to_string().replace(&id, "id");
    (reply, text)
}

/// Nothing of a record whose type the caller reads nowhere, by counts, search, expansion, a step or a push.
async fn hidden(caller: &Caller, role: &Role, kind: &Kind, record: &Value) {
    let collection = format!("/v1/{}", kind.plural);
    let id = record["id"].as_str().unwrap();
    for query in ["?q=nguyen", "?expand=unit_id&count=exact", "/counts?group_by=unit_id", "/counts?group_by=colour"] {
        caller.get(&format!("{collection}{query}")).await.refused(403, "type_not_readable");
    }
    caller.get(&format!("{collection}?ids={id}&expand=id")).await.refused(403, "type_not_readable");
    caller.get(&format!("{collection}/{id}?expand=id")).await.refused(403, "type_not_readable");
    if !kind.moves.is_empty() {
        for body in [json!({"to": kind.moves[0].to}), json!({"colour": 1})] {
            let step = caller.post(&format!("{collection}/{id}/advance"), body).header("if-match", "*");
            step.await.refused(403, "type_not_readable");
        }
    }
    // Its answer is that to one who means a record which is not there: no conflict, and no hint at a duplicate.
    let mut fields = record.clone();
    let own = |name: &String| kind.field(name).is_some_and(|field| !field.managed);
    fields.as_object_mut().unwrap().retain(|name, _| own(name));
    for (op, fields) in [
        ("create", &fields),
        ("upsert", &fields),
        ("update", &json!({})),
        ("delete", &Value::Null),
        ("restore", &Value::Null),
    ] {
        let item = |id: &str| {
            let mut item = json!({"op": op, "type": kind.name, "id": id});
            if !fields.is_null() {
                item["fields"] = fields.clone();
            }
            if ["update", "delete"].contains(&op) {
                item["if_version"] = json!(1);
            }
            item
        };
        let (known, answer) = pushed(caller, item(id)).await;
        let (_, expected) = pushed(caller, item(&Uuid::now_v7().to_string())).await;
        assert_eq!(answer, expected, "{role} {op} {}", kind.name);
        let status = known.body["items"][0]["status"].as_str().unwrap();
        assert!(["forbidden", "not_found"].contains(&status), "{role} {op} {}: {}", kind.name, known.text);
    }
}

on_both_engines! {
    async fn a_type_to_which_a_role_has_no_right_is_in_no_answer(server: empty) {
        let ward = server.ward().await;
        let mut records = Vec::new();
        for kind in &KINDS {
            records.push((kind, ward.record(kind, &ward.a).await.record()));
        }
        for role in Role::ALL {
            let caller = server.acting(role.clone(), &ward.ward).await;
            let feed = caller.feed().await;
            for (kind, record) in records.iter().filter(|(kind, _)| !reads(role, kind.name)) {
                assert_unnamed(&feed, role, kind, record);
                hidden(&caller, role, kind, record).await;
            }
            // A record that it reads shows of one that it does not read no more than the id.
            for (kind, record) in records.iter().filter(|(kind, _)| reads(role, kind.name)) {
                for found in references(kind, record).iter().filter(|found| !reads(role, found.target)) {
                    let id = record.pointer(&found.pointer).unwrap().as_str().unwrap();
                    let target = Kind::named(found.target).unwrap();
                    let referred = ward.writer.get(&format!("/v1/{}/{id}", target.plural)).await.is(200).record();
                    let field = found.pointer.split('/').nth(1).unwrap();
                    let expand = if found.pointer.matches('/').count() == 1 { format!("{field},id") } else { "id".into() };
                    let path = format!("/v1/{}", kind.plural);
                    let own = record["id"].as_str().unwrap();
                    for call in [format!("{path}/{own}?expand={expand}"), format!("{path}?ids={own}&expand={expand}")] {
                        let read = caller.get(&call).await.is(200);
                        assert_eq!(read.body["expanded"].get(id), None, "{role} {}: {}", kind.name, read.text);
                        assert_unnamed(&read.text.replace(id, ""), role, target, &referred);
                    }
                }
            }
        }
    }

    async fn a_delete_that_only_an_invisible_record_prevents_does_not_name_it(server: empty) {
        let (ward, mut prevented) = (server.ward().await, 0);
        for role in Role::ALL {
            let caller = server.acting(role.clone(), &ward.ward).await;
            for kind in KINDS.iter().filter(|kind| !reads(role, kind.name)) {
                let record = ward.record(kind, &ward.a).await;
                for found in references(kind, &record.body).iter().filter(|found| deletes(role, found.target)) {
                    prevents(&ward, &caller, role, (kind, &record), found).await;
                    prevented += 1;
                }
            }
        }
        assert!(prevented > 0);
    }
}

/// A record that the caller does not see keeps another from being deleted, unnamed, until it is deleted itself.
async fn prevents(ward: &Ward, caller: &Caller, role: &Role, (kind, record): (&Kind, &Reply), found: &FoundReference) {
    let target = Kind::named(found.target).unwrap();
    let id = record.body.pointer(&found.pointer).unwrap().as_str().unwrap();
    let path = format!("/v1/{}/{id}", target.plural);
    let refused = caller.delete(&path, "*").await.refused(409, "still_referenced");
    let item = json!({"op": "delete", "type": target.name, "id": id, "if_version": 1});
    let (pushed, _) = pushed(caller, item).await;
    assert_eq!(pushed.body["items"][0]["status"], "conflict", "{role} {}: {}", kind.name, pushed.text);
    for text in [refused.text, pushed.text] {
        assert_unnamed(&text, role, kind, &record.body);
    }
    let hidden = format!("/v1/{}/{}", kind.plural, record.id());
    ward.writer.delete(&hidden, "*").await.is(204);
    caller.delete(&path, "*").await.is(204);
    // For the next one that it refers to.
    caller.verb(&format!("{path}/restore")).await.is(200);
    ward.writer.verb(&format!("{hidden}/restore")).await.is(200);
}
