//! `cellsync status`: what the copy is, without a server.

use crate::end::End;
use crate::output::{human, print, print_json};
use crate::report::not_found;
use crate::settings::{Profiled, or_all};
use anyhow::Result;
use cell_records_client::sync::{CopyStore, Outbox, State};
use cell_records_client::types::Timestamp;
use indicatif::HumanDuration;
use serde_json::json;
use std::time::Duration;

pub fn run(settings: &Profiled) -> Result<End> {
    let store = settings.existing()?;
    let (state, refused) = (store.state()?, store.refused()?);
    let conflicts = refused.iter().filter(|refused| refused.is_conflict()).count();
    if settings.json {
        print_json(&json!({
            "server": state.server, "types": state.filter.types, "units": state.filter.units,
            "unknown_units": state.unknown_units, "synced_at": state.synced_at, "current": state.current,
            "in_snapshot": state.in_snapshot, "held": store.counts()?, "outbox": store.waiting()?,
            "conflicts": conflicts, "refused": refused.len() - conflicts,
        }))?;
        return Ok(End::Done);
    }
    print(format_args!("server     {}", if state.server.is_empty() { "none yet" } else { &state.server }))?;
    print(format_args!("types      {}", or_all(&state.filter.types)))?;
    print(format_args!("units      {}", or_all(&state.filter.units)))?;
    not_found(&state)?;
    print(format_args!("cursor     {}", cursor(&state)))?;
    for (kind, count) in store.counts()? {
        print(format_args!("held       {} {kind}", human(count)))?;
    }
    print(format_args!("outbox     {}", human(store.waiting()?)))?;
    print(format_args!("conflicts  {}", human(conflicts)))?;
    print(format_args!("refused    {}", human(refused.len() - conflicts)))?;
    Ok(End::Done)
}

fn cursor(state: &State) -> String {
    match state.synced_at {
        None => "none: nothing was pulled yet".to_owned(),
        Some(_) if state.cursor.is_none() => "none: the next pull loads everything again".to_owned(),
        Some(at) => {
            let age = u64::try_from(Timestamp::now().micros().saturating_sub(at.micros())).unwrap_or(0);
            let position = match (state.in_snapshot, state.current) {
                (true, _) => "first load unfinished",
                (false, true) => "at the present when last pulled",
                (false, false) => "behind",
            };
            format!("{} old ({at}), {position}", HumanDuration(Duration::from_micros(age)))
        }
    }
}
