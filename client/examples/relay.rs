//! Carries what changes on one server to another, under the same ids, and stops where a change came from.
//!
//! It carries the types of [`TYPES`]: those whose records refer to nothing that a peer does not see.
//!
//! The source wins: an upsert without a version replaces what the target has.
//!
//! Where a page of changes ends is noted in a file after its items are in the outbox: a crash between the two repeats
//! the page, and what is repeated changes nothing.

use cell_records_client::feed::ChangesQuery;
use cell_records_client::sync::{CopyStore, SqliteStore, SyncSession};
use cell_records_client::types::sync::{Change, PushItem, PushOp, RemoveReason};
use cell_records_client::types::{Reference, TypeInfo};
use cell_records_client::{Client, Error};
use std::fs;

const CURSOR: &str = "relay.cursor";
const TYPES: [&str; 9] = [
    "unit",
    "member",
    "term",
    "position",
    "evaluation_scheme",
    "evaluation_round",
    "member_evaluation",
    "unit_evaluation",
    "reported_figure",
];

#[tokio::main]
async fn main() -> Result<(), Error> {
    let client = |server: &str, token: &str| {
        let variable = |name| std::env::var(name).unwrap_or_default();
        Client::builder(&variable(server)).access_token(variable(token).trim()).build()
    };
    let source = client("CELL_RECORDS_SERVER", "CELL_RECORDS_TOKEN")?;
    let target = client("CELL_RECORDS_TARGET", "CELL_RECORDS_TARGET_TOKEN")?;
    let mut target = SyncSession::new(target, SqliteStore::open("relay.sqlite".as_ref())?);
    let own_code = source.sync_info().await?.server_code;

    loop {
        // The versions of the target: a delete names the one that it builds on.
        target.pull_until_current(|_| ()).await?;
        let cursor = fs::read_to_string(CURSOR).ok();
        // What this relay wrote there itself comes as `own`, and goes no further.
        // The cursor remembers the types.
        let types = if cursor.is_none() { TYPES.map(str::to_owned).to_vec() } else { Vec::new() };
        let query = ChangesQuery { cursor, types, own_brief: true, wait: 50, ..ChangesQuery::default() };
        let page = match source.changes(&query).await {
            Err(error) if error.code() == Some("cursor_gone") => {
                let _ = fs::remove_file(CURSOR);
                continue;
            }
            page => page?,
        };
        let mut items = Vec::new();
        for change in &page.changes {
            items.extend(item(change, target.store(), &own_code)?);
        }
        target.enqueue(&items)?;
        fs::write(CURSOR, &page.cursor).map_err(|cause| Error::Store(cause.into()))?;
        let pushed = target.push().await?;
        println!("{} carried, {} refused", pushed.accepted, pushed.conflicts + pushed.invalid + pushed.blocked);
    }
}

/// What a change asks of the target.
fn item(change: &Change, target: &SqliteStore, own_code: &str) -> Result<Option<PushItem>, Error> {
    Ok(match change {
        Change::Upsert { kind, id, record, origin, .. } => {
            let Some(known) = TypeInfo::named(kind) else { return Ok(None) };
            let mut item = PushItem::new(PushOp::Upsert, kind);
            item.id = Some(Reference::Id(*id));
            let writable = known.fields.iter().filter(|field| !field.managed).map(|field| field.name);
            // The state of a record is each server's own, and with it the steps to it.
            let has_state = known.fields.iter().any(|field| field.name == "state" && field.managed);
            for name in writable.filter(|name| !(has_state && *name == "steps")).chain(["unit_id"]) {
                item.fields.extend(record.get(name).map(|value| (name.to_owned(), value.clone())));
            }
            // The system where the change was made first keeps its name; this server is one more on the way.
            item.origin = origin.clone();
            item.via = vec![own_code.to_owned()];
            Some(item)
        }
        // What only left this relay's sight still exists.
        Change::Remove { kind, id, reason: RemoveReason::Deleted, .. } => target.version(kind, *id)?.map(|version| {
            let item = PushItem::new(PushOp::Delete, kind);
            PushItem { id: Some(Reference::Id(*id)), if_version: Some(version), ..item }
        }),
        _ => None,
    })
}
