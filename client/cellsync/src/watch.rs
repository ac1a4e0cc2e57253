//! `cellsync watch`: the copy follows the server, and a command may follow the copy.

use crate::end::End;
use crate::output::{counted, human};
use crate::report::missing;
use crate::settings::{Choice, Profiled};
use anyhow::{Context, Result};
use cell_records_client::sync::{CopyStore, Event};
use cell_records_client::types::Timestamp;
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use std::io::{ErrorKind, Write};
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Most changes that are reported together; fewer where the copy is current.
const TOGETHER: usize = 1_000;

pub async fn run(settings: &Profiled, choice: Choice, exec: Option<&str>) -> Result<End> {
    let (mut session, _) = settings.choosing(choice)?;
    let mut events = std::pin::pin!(session.events());
    let mut stop = std::pin::pin!(stop());
    let (mut some, mut first) = (Vec::new(), true);
    loop {
        let event = tokio::select! {
            // In this order: the signals are listened for before the first event is handled.
            biased;
            stopped = &mut stop => return stopped.map(|()| End::Done),
            event = events.try_next() => event?,
        };
        let Some(event) = event else { return Ok(End::Done) };
        some.push(event);
        // No further: the next event may be a minute away, and its request must not wait for the command.
        if some.len() < TOGETHER && some.last() != Some(&Event::Current) {
            continue;
        }
        match print(&some, settings.json) {
            // Nobody reads any more.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(End::Done),
            printed => printed?,
        }
        settings.warn();
        if std::mem::take(&mut first)
            && let Some(text) = missing(&settings.existing()?.state()?)
        {
            eprintln!("cellsync: {text}");
        }
        if let Some(command) = exec {
            follow(command, &some, settings).await?;
        }
        some.clear();
    }
}

/// Prints a line for a person, or each event for a program.
fn print(some: &[Event], json: bool) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        return some.iter().try_for_each(|event| writeln!(out, "{}", object(event)));
    }
    let count = |is: fn(&Event) -> bool| some.iter().filter(|event| is(event)).count();
    let mut text = counted(count(|event| !matches!(event, Event::Current | Event::Restarted)), "change");
    for (counted, what) in [
        (count(|event| matches!(event, Event::Removed { .. })), "removed"),
        (count(|event| matches!(event, Event::Swept { .. })), "swept"),
    ] {
        if counted > 0 {
            text.push_str(&format!(", {} {what}", human(counted)));
        }
    }
    if some.contains(&Event::Restarted) {
        text.push_str(", the copy is loaded again");
    }
    let current = if some.last() == Some(&Event::Current) { "cursor current" } else { "more to come" };
    writeln!(out, "{} {text}, {current}", Timestamp::now())
}

/// Runs the command with the records that changed; nothing where none did.
async fn follow(command: &str, some: &[Event], settings: &Profiled) -> Result<()> {
    let changed = some.iter().filter(|event| !matches!(event, Event::Current | Event::Restarted));
    let lines: String = changed.map(|event| format!("{}\n", object(event))).collect();
    if lines.is_empty() {
        return Ok(());
    }
    let mut child = Command::new("sh")
        .args(["-c", command])
        .env("CELLSYNC_STORE", settings.store()?)
        // It reads the copy, and has no use for the token.
        .env_remove("CELLSYNC_TOKEN")
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("starting `sh`")?;
    if let Some(mut input) = child.stdin.take() {
        // A command that does not read its input closes it.
        let _ = input.write_all(lines.as_bytes()).await;
    }
    let status = child.wait().await.context("waiting for the command")?;
    if !status.success() {
        eprintln!("cellsync: the command ended with {status}: {command}");
    }
    Ok(())
}

fn object(event: &Event) -> Value {
    let changed =
        |what: &str, kind: &str, id, version| json!({"event": what, "type": kind, "id": id, "version": version});
    match event {
        Event::Upserted { kind, id, version } => changed("upserted", kind, id, version),
        Event::Removed { kind, id, version } => changed("removed", kind, id, version),
        Event::Swept { kind, id, version } => changed("swept", kind, id, version),
        Event::Restarted => json!({"event": "restarted"}),
        Event::Current => json!({"event": "current"}),
        _ => json!({"event": "unknown"}),
    }
}

/// Waits for SIGINT or SIGTERM.
async fn stop() -> Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = terminate.recv() => {}
            interrupted = tokio::signal::ctrl_c() => interrupted?,
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}
