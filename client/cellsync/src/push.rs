//! `cellsync push`: the outbox is filled and sent.

use crate::end::End;
use crate::file;
use crate::output::{human, print, print_json, progress, whole};
use crate::report::words;
use crate::settings::Profiled;
use anyhow::Result;
use cell_records_client::sync::{Outbox, Pushed, Refused};
use indicatif::HumanCount;
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
    bar.set_message(format!("{} items", HumanCount(whole(session.store().waiting()?))));
    bar.enable_steady_tick(Duration::from_millis(200));
    let pushed = session.push().await;
    bar.finish_and_clear();
    let all = session.store().refused()?;
    let fresh: Vec<&Refused> = all.iter().filter(|refused| refused.number > known).collect();
    if !settings.json {
        fresh.iter().try_for_each(|refused| print(format_args!("refused: {}", words(refused))))?;
    }
    let pushed = match pushed {
        Ok(pushed) => pushed,
        Err(error) => {
            let waiting = session.store().waiting()?;
            let more = format!("{waiting} items wait in the outbox; `cellsync push` without a file sends them");
            return Err(anyhow::Error::from(error).context(more));
        }
    };
    if settings.json {
        print_json(&json!({
            "accepted": pushed.accepted, "conflicts": pushed.conflicts, "invalid": pushed.invalid,
            "blocked": pushed.blocked, "waiting": pushed.waiting, "taken_before": taken_at,
            "refused": fresh, "undecided": all.len(),
        }))?;
    } else {
        say(&pushed, all.len())?;
    }
    Ok(if all.is_empty() && pushed.waiting == 0 { End::Done } else { End::Undecided })
}

fn say(pushed: &Pushed, undecided: usize) -> Result<()> {
    print(format_args!(
        "pushed {} items: {} accepted, {} conflicts, {} invalid, {} blocked, {} still waiting",
        human(pushed.accepted + pushed.conflicts + pushed.invalid + pushed.blocked),
        human(pushed.accepted),
        human(pushed.conflicts),
        human(pushed.invalid),
        human(pushed.blocked),
        human(pushed.waiting),
    ))?;
    if undecided > 0 {
        print(format_args!("{} refused items wait for a decision: see `cellsync conflicts`", human(undecided)))?;
    }
    Ok(())
}
