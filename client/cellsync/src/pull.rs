//! `cellsync pull`: the copy is made current.

use crate::end::End;
use crate::output::{counted, print, print_json, progress, shown, warn, whole};
use crate::report::{changes, not_found};
use crate::settings::{Choice, Profiled};
use anyhow::Result;
use cell_records_client::sync::{CopyStore, Filter, Pulled, SqliteStore, SyncSession};
use cell_records_client::types::pages::ListQuery;
use cell_records_client::types::{self, RecordType};
use cell_records_client::{Client, Error};
use indicatif::HumanCount;
use serde_json::json;

/// Why a copy is empty, and what to do about it.
const NO_GRANT: &str = "the token has no grant: ask the administrator";

pub async fn run(settings: &Profiled, choice: Choice) -> Result<End> {
    let (mut session, filter) = settings.choosing(choice)?;
    let total = until_current(settings, &mut session, &filter).await?;
    let held: i64 = session.store().counts()?.values().sum();
    let state = session.store().state()?;
    if settings.json {
        print_json(&json!({
            "changes": total.changes, "stored": total.stored, "removed": total.removed, "swept": total.swept,
            "restarted": total.restarted, "miscounted": total.miscounted, "current": total.current, "held": held,
            "unknown_units": state.unknown_units,
        }))?;
    } else {
        print(format_args!("pulled {}, {} held, cursor current", changes(&total), counted(held, "record")))?;
        not_found(&state)?;
    }
    // Where nothing came, there may be nothing, or the token may see nothing.
    if held == 0 && settings.client()?.get_me().await?.grants.is_empty() {
        warn(settings.json, NO_GRANT, &json!({"warning": NO_GRANT}));
        return Ok(End::Undecided);
    }
    Ok(if state.unknown_units.is_empty() { End::Done } else { End::Undecided })
}

/// Pulls until the copy is current, with a bar.
async fn until_current(settings: &Profiled, session: &mut SyncSession<SqliteStore>, filter: &Filter) -> Result<Pulled> {
    let first = session.store().state()?.cursor.is_none();
    let all = if first && shown() { expected(&settings.client()?, filter).await } else { None };
    let template = match all {
        Some(_) => "{wide_bar} {human_pos} of {human_len} {rate} {eta} {msg}",
        None => "{spinner} {human_pos} changes {rate} {msg} [{elapsed}]",
    };
    let bar = progress(template, all)?;
    let total = session
        .pull_until_current(|page| {
            bar.inc(whole(page.changes));
            if let Some(behind) = page.behind.map(whole).filter(|behind| *behind > 0) {
                bar.set_message(format!("about {} to go", HumanCount(behind)));
            }
        })
        .await;
    bar.finish_and_clear();
    Ok(total?)
}

/// How many records a first load will bring, as the lists count them; unknown where one cannot be counted.
async fn expected(client: &Client, filter: &Filter) -> Option<u64> {
    let info = client.sync_info().await.ok()?;
    let mut sum = 0;
    macro_rules! count {
        ($($name:ident,)+) => { $(
            let name = types::$name::NAME;
            let chosen = filter.types.is_empty() || filter.types.iter().any(|one| one == name);
            if chosen && info.types.iter().any(|one| one == name) {
                sum += on_server::<types::$name>(client, &filter.units).await.ok()?;
            }
        )+ };
    }
    types::record_types!(count);
    u64::try_from(sum).ok()
}

async fn on_server<T: RecordType>(client: &Client, units: &[String]) -> Result<i64, Error> {
    let records = client.records::<T>().raw();
    let query = |unit: Option<String>| {
        let subtree = unit.is_some();
        ListQuery { limit: Some(1), count: true, fields: Some("id".into()), unit, subtree, ..ListQuery::default() }
    };
    let mut sum = 0;
    let places = if units.is_empty() { vec![None] } else { units.iter().cloned().map(Some).collect() };
    for unit in places {
        sum += records.list(&query(unit)).await?.total.unwrap_or_default();
    }
    Ok(sum)
}
