//! What the properties are made of: records, pages, items, answers.

use crate::RetryPolicy;
use crate::sync::{Applied, CopyStore, Outbox, Refused, SyncSession};
use crate::testing::{Reply, Request, TestServer};
use cell_records_types::sync::{ChangesPage, ItemStatus, PushItem, PushOp};
use cell_records_types::{Reference, Uuid};
use serde_json::{Value, json};

pub(crate) fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_0000_0000_0000 + number)
}

pub(crate) fn record(number: u128, version: i64, name: &str) -> Value {
    json!({"id": id(number), "type": "member", "version": version, "unit_id": id(0), "full_name": name})
}

pub(crate) fn upsert(number: u128, version: i64, name: &str) -> Value {
    json!({"op": "upsert", "type": "member", "id": id(number), "version": version, "unit_id": id(0),
           "changed_at": "2026-01-01T00:00:00Z", "record": record(number, version, name)})
}

pub(crate) fn remove(number: u128, version: i64) -> Value {
    json!({"op": "remove", "type": "member", "id": id(number), "version": version, "reason": "out_of_scope"})
}

pub(crate) fn own(number: u128, version: i64) -> Value {
    json!({"op": "own", "type": "member", "id": id(number), "version": version})
}

/// A page of the feed; `snapshot` is the number of the snapshot that it belongs to.
pub(crate) fn page(snapshot: Option<u128>, reset: bool, changes: &[Value], cursor: &str, has_more: bool) -> Value {
    json!({"phase": if snapshot.is_some() { "snapshot" } else { "changes" }, "reset": reset,
           "snapshot_id": snapshot.map(id), "changes": changes, "cursor": cursor, "has_more": has_more,
           "epoch": "e1", "schema": "2026-11", "scope_rev": "s", "server_time": "2026-01-01T00:00:00Z"})
}

/// A whole snapshot in one page.
pub(crate) fn snapshot(number: u128, changes: &[Value], cursor: &str) -> Value {
    let mut changes = changes.to_vec();
    changes.push(json!({"op": "snapshot_end", "counts": {"member": changes.len()}}));
    page(Some(number), true, &changes, cursor, true)
}

pub(crate) fn apply<S: CopyStore>(store: &mut S, page: Value) -> Applied {
    let page: ChangesPage = serde_json::from_value(page).unwrap();
    let state = store.state().unwrap();
    store.apply(&page, &state).unwrap()
}

pub(crate) fn name<S: CopyStore>(store: &S, number: u128) -> Option<String> {
    let held = store.get("member", id(number)).unwrap()?;
    Some(held.record["full_name"].as_str().unwrap().to_owned())
}

pub(crate) fn held<S: CopyStore>(store: &S) -> Vec<(u128, i64)> {
    let base = id(0).as_u128();
    store.versions("member").unwrap().into_iter().map(|(id, version)| (id.as_u128() - base, version)).collect()
}

pub(crate) fn update(number: u128, version: i64) -> PushItem {
    let mut item = PushItem::new(PushOp::Update, "member");
    item.id = Some(Reference::Id(id(number)));
    item.if_version = Some(version);
    item
}

pub(crate) fn session<S: CopyStore>(server: &TestServer, store: S) -> SyncSession<S> {
    let client = server.client().access_token("crt_x").retry(RetryPolicy::never()).build().unwrap();
    SyncSession::new(client, store)
}

/// A push's answer: for each item the status that `judge` gives, with a record where it is accepted.
pub(crate) fn answer(seen: &Request, judge: impl Fn(u128) -> &'static str) -> Reply {
    let batch = seen.json();
    let results = batch["items"].as_array().unwrap().iter().enumerate().map(|(index, item)| {
        let number = Uuid::try_parse(item["id"].as_str().unwrap()).unwrap().as_u128() - id(0).as_u128();
        let version = item["if_version"].as_i64().unwrap_or(0) + 1;
        match judge(number) {
            "updated" => json!({"index": index, "id": id(number), "status": "updated", "version": version,
                                "record": record(number, version, "pushed")}),
            status => json!({"index": index, "status": status}),
        }
    });
    let body = json!({"applied": true, "summary": {}, "items": results.collect::<Vec<_>>()});
    Reply::new(207, body)
}

/// A create by a UUID, with a name and with references by name.
pub(crate) fn create(number: u128, name: &str, uses: &[&str]) -> PushItem {
    let mut item = PushItem::new(PushOp::Create, "member");
    item.id = Some(Reference::Id(id(number)));
    item.name = Some(name.to_owned());
    item.fields
        .insert("list".into(), json!(uses.iter().map(|name| json!({"to": format!("ref:{name}")})).collect::<Vec<_>>()));
    item
}

pub(crate) fn numbers(body: &Value) -> Vec<u128> {
    let of = |item: &Value| item["id"].as_str().unwrap().parse::<Uuid>().unwrap().as_u128() - id(0).as_u128();
    body["items"].as_array().unwrap().iter().map(of).collect()
}

pub(crate) fn refused(store: &impl Outbox) -> Vec<(PushItem, ItemStatus)> {
    let parts = |refused: Refused| (refused.item, refused.result.status);
    store.refused().unwrap().into_iter().map(parts).collect()
}
