//! `cellsync check`: is the copy what it should be?

use crate::end::End;
use crate::output::{counted, human, print, print_json, progress, whole};
use crate::settings::Profiled;
use anyhow::Result;
use cell_records_client::sync::{Comparison, CopyStore, Sides, SqliteStore, SyncSession};
use serde_json::json;
use std::fmt::Display;

/// Most differences that are printed for a person.
const SHOWN: usize = 50;
/// Most records that are fetched one by one; a load of everything is faster where more differ.
const SINGLE: usize = 1_000;

pub async fn run(settings: &Profiled, repair: bool) -> Result<End> {
    drop(settings.existing()?);
    let mut session = settings.session()?;
    let found = compared(&mut session).await?;
    if settings.json {
        print_json(&json!({"equal": found.differences.is_empty(), "types": found.types, "units": found.units}))?;
        found.differences.iter().try_for_each(print_json)?;
    } else {
        say(&found)?;
    }
    if found.differences.is_empty() {
        return Ok(End::Done);
    }
    if !repair {
        return Ok(End::Undecided);
    }
    let mut left = found.differences;
    if left.len() <= SINGLE {
        session.repair(&left).await?;
        left = compared(&mut session).await?.differences;
    }
    let again = !left.is_empty();
    if again {
        let filter = session.store().state()?.filter;
        session.store_mut().restart(&filter)?;
        left = compared(&mut session).await?.differences;
    }
    if settings.json {
        print_json(&json!({"loaded_again": again, "left": left.len()}))?;
    } else {
        let done = if again { "loaded again" } else { "repaired" };
        print(match left.len() {
            0 => format!("the copy was {done}, and is what the server has"),
            count => format!("the copy was {done}, and still differs in {}", counted(count, "record")),
        })?;
    }
    Ok(if left.is_empty() { End::Done } else { End::Undecided })
}

/// Compares, with a count on the terminal.
async fn compared(session: &mut SyncSession<SqliteStore>) -> Result<Comparison> {
    let bar = progress("{spinner} {human_pos} records compared {rate} [{elapsed}]", None)?;
    let found = session.compare(|changes| bar.inc(whole(changes))).await;
    bar.finish_and_clear();
    Ok(found?)
}

fn say(found: &Comparison) -> Result<()> {
    let sides = |name: &dyn Display, sides: &Sides| {
        let [held, current, differing] = [sides.held, sides.current, sides.differing].map(human);
        print(format_args!("{name}: the copy holds {held}, the server {current}, {differing} differ"))
    };
    found.types.iter().try_for_each(|(kind, count)| sides(kind, count))?;
    found.units.iter().try_for_each(|(unit, count)| sides(&format_args!("unit {unit}"), count))?;
    let version = |side: Option<i64>| side.map_or("absent".to_owned(), |version| format!("version {version}"));
    for one in found.differences.iter().take(SHOWN) {
        print(format_args!(
            "{} {} of unit {}: the copy {}, the server {}",
            one.kind,
            one.id,
            one.unit_id,
            version(one.held),
            version(one.current)
        ))?;
    }
    match found.differences.len() {
        0 => print("the copy is what the server has"),
        count if count > SHOWN => print(format_args!("… {} more (--json names all)", human(count - SHOWN))),
        _ => Ok(()),
    }
}
