//! `cellsync push`: the outbox is filled and sent.

use crate::end::End;
use crate::file;
use crate::output::{counted, human, print, print_json, progress};
use crate::report::{judged, words};
use crate::settings::Profiled;
use anyhow::Result;
use cell_records_client::sync::{Outbox, Pushed, Refused};
use cell_records_client::types::sync::{ItemResult, PushItem};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

pub async fn run(settings: &Profiled, file: Option<&Path>, again: bool) -> Result<End> {
    let mut session = settings.session()?;
    let mut taken_at = None;
    if let Some(file) = file {
        let (items, digest) = file::read(file)?;
        if again {
            session.enqueue(&items)?;
        } else {
            taken_at = session.store_mut().enqueue_once(&digest, &items)?;
        }
        if let Some(at) = taken_at.filter(|_| !settings.json) {
            print(format_args!("{} was taken at {at} and is not taken again (--again does)", file.display()))?;
        }
    }
    let known = session.store().refused()?.last().map_or(0, |refused| refused.number);
    let bar = progress("{spinner} sending {msg} [{elapsed}]", None)?;
    bar.set_message(counted(session.store().waiting()?, "item"));
    bar.enable_steady_tick(Duration::from_millis(200));
    let (mut warned, mut printed) = (0_usize, Ok(()));
    let pushed = session
        .push_each(|item, result| {
            if !result.warnings.is_empty() && result.status.is_success() {
                warned += 1;
                // At once: of what is accepted no store keeps the warning.
                let said = bar.suspend(|| warn(item, result, settings.json));
                printed = std::mem::replace(&mut printed, Ok(())).and(said);
            }
        })
        .await;
    bar.finish_and_clear();
    printed?;
    let all = session.store().refused()?;
    let fresh: Vec<&Refused> = all.iter().filter(|refused| refused.number > known).collect();
    if !settings.json {
        fresh.iter().try_for_each(|refused| print(format_args!("refused: {}", words(refused))))?;
    }
    let pushed = match pushed {
        Ok(pushed) => pushed,
        Err(error) => {
            let waiting = session.store().waiting()?;
            let more = format!("waiting in the outbox: {waiting}; `cellsync push` without a file sends what is there");
            return Err(anyhow::Error::from(error).context(more));
        }
    };
    if settings.json {
        print_json(&json!({
            "accepted": pushed.accepted, "warned": warned, "conflicts": pushed.conflicts, "invalid": pushed.invalid,
            "blocked": pushed.blocked, "waiting": pushed.waiting, "taken_before": taken_at,
            "refused": fresh, "undecided": all.len(),
        }))?;
    } else {
        say(&pushed, warned, all.len())?;
    }
    Ok(if all.is_empty() && pushed.waiting == 0 { End::Done } else { End::Undecided })
}

/// Says what somebody should check of an item that is stored.
fn warn(item: &PushItem, result: &ItemResult, json: bool) -> Result<()> {
    if json {
        return print_json(&json!({"warned": {"item": item, "result": result}}));
    }
    print(format_args!("warning: {}", judged(item, result)))
}

fn say(pushed: &Pushed, warned: usize, undecided: usize) -> Result<()> {
    print(format_args!(
        "pushed {}: {} accepted, {}, {} invalid, {} blocked, {} still waiting",
        counted(pushed.accepted + pushed.conflicts + pushed.invalid + pushed.blocked, "item"),
        human(pushed.accepted),
        counted(pushed.conflicts, "conflict"),
        human(pushed.invalid),
        human(pushed.blocked),
        human(pushed.waiting),
    ))?;
    if warned > 0 {
        print(format_args!("stored with a warning: {}", counted(warned, "item")))?;
    }
    if undecided > 0 {
        print(format_args!(
            "waiting for a decision: {}; see `cellsync conflicts`",
            counted(undecided, "refused item")
        ))?;
    }
    Ok(())
}
