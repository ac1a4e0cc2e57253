//! `cellsync conflicts`: what the server refused, shown, and ended as somebody decides.

use crate::end::End;
use crate::output::{counted, print, print_json};
use crate::report::words;
use crate::settings::Profiled;
use anyhow::{Result, anyhow};
use cell_records_client::sync::{CopyStore, Held, Outbox, Refused, SqliteStore, Take};
use cell_records_client::types::Reference;
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::{Map, Value, json};

#[derive(Args)]
pub struct Arguments {
    /// Number of an item: shows both sides of it.
    number: Option<i64>,
    /// Ends the item: `current` leaves the server's record as it is, `mine` sends the item again, upon the server's version.
    #[arg(long, value_name = "SIDE", requires = "number", conflicts_with = "drop")]
    take: Option<Side>,
    /// Ends an item that is no conflict, such as an invalid one, or one that a corrected one replaces.
    #[arg(long, requires = "number")]
    drop: bool,
}

/// Whose version holds.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Side {
    /// The server's: the item is dropped.
    Current,
    /// This side's: the item is sent again.
    Mine,
}

pub fn run(settings: &Profiled, arguments: &Arguments) -> Result<End> {
    let mut store = settings.existing()?;
    let Some(number) = arguments.number else { return list(&store, settings.json) };
    let refused = store.refused()?.into_iter().find(|refused| refused.number == number);
    let refused = refused.ok_or_else(|| anyhow!("no refused item has the number {number}"))?;
    let take = match arguments.take {
        None if !arguments.drop => return show(&store, &refused, settings.json),
        None => Take::Current,
        Some(Side::Current) if !refused.is_conflict() => {
            return Err(anyhow!("item {number} is no conflict, so there is no other side to take: --drop ends it"));
        }
        Some(Side::Current) => Take::Current,
        Some(Side::Mine) => Take::Mine,
    };
    store.resolve(number, take)?;
    let waiting = store.waiting()?;
    match take {
        _ if settings.json => print_json(&json!({"ended": number, "waiting": waiting}))?,
        Take::Current => print("dropped")?,
        Take::Mine => print(format_args!("waiting: {}; `cellsync push` sends what waits", counted(waiting, "item")))?,
    }
    Ok(End::Done)
}

/// Lists the refused items, oldest first.
fn list(store: &SqliteStore, json: bool) -> Result<End> {
    let all = store.refused()?;
    if all.is_empty() && !json {
        print("nothing waits")?;
    }
    for refused in all {
        if json {
            print_json(&refused)?;
        } else {
            print(format_args!("{}  since {}  {}", refused.number, refused.at, words(&refused)))?;
        }
    }
    Ok(End::Done)
}

/// A refused item beside the record that the copy holds.
#[derive(Serialize)]
struct Both<'a> {
    #[serde(flatten)]
    refused: &'a Refused,
    held: Option<Map<String, Value>>,
}

/// Shows what was sent beside what the server has, so far as it said so, and what the copy holds.
fn show(store: &SqliteStore, refused: &Refused, json: bool) -> Result<End> {
    let held = held(store, refused)?;
    if json {
        print_json(&Both { refused, held: held.map(|held| held.record) })?;
        return Ok(End::Done);
    }
    print(format_args!("{}  since {}  {}", refused.number, refused.at, words(refused)))?;
    let said = refused.result.conflict.as_ref().and_then(|conflict| conflict.current_version);
    let held_version = held.as_ref().map(|held| held.version);
    let versions = [("mine was built on", refused.item.if_version), ("current", said), ("the copy has", held_version)];
    let known: Vec<String> =
        versions.iter().filter_map(|(whose, version)| Some(format!("{whose} {}", (*version)?))).collect();
    if !known.is_empty() {
        print(format_args!("version: {}", known.join(", ")))?;
    }
    for (field, mine) in &refused.item.fields {
        print(format_args!("{field}"))?;
        print(format_args!("  mine     {mine}"))?;
        print(format_args!("  current  {}", current(refused, held.as_ref(), field)))?;
    }
    Ok(End::Done)
}

/// The record of the copy that an item means: by its id, else by an external id.
fn held(store: &SqliteStore, refused: &Refused) -> Result<Option<Held>> {
    let kind = &refused.item.kind;
    let mut id = refused.record();
    if let (None, Some(Reference::External { system, value })) = (id, &refused.item.id) {
        id = store.find(kind, system, value)?;
    }
    for one in refused.item.external_ids.iter().flatten() {
        if id.is_none() {
            id = store.find(kind, &one.system, &one.value)?;
        }
    }
    Ok(id.map(|id| store.get(kind, id)).transpose()?.flatten())
}

/// The other side's value of a field: as the server said, else as the copy holds it.
fn current(refused: &Refused, held: Option<&Held>, field: &str) -> String {
    let said =
        refused.result.conflict.as_ref().and_then(|conflict| conflict.fields.iter().find(|one| one.field == field));
    match (said, held) {
        (Some(said), _) => said.current.to_string(),
        (None, Some(held)) => {
            held.record.get(field).map_or("nothing, in the copy".to_owned(), |value| format!("{value} (the copy's)"))
        }
        (None, None) => "not in the copy".to_owned(),
    }
}
