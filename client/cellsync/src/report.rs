//! What is shown: lines, numbers, and what was done in words.

use anyhow::Result;
use cell_records_client::sync::{Pulled, Refused, State};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};

/// Prints a line. Who reads only the beginning closes the pipe: that is no failure.
pub fn print(line: impl Display) -> Result<()> {
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// A refused item, readable alone: what it was, and everything that is wrong with it.
pub fn words(refused: &Refused) -> String {
    let Refused { item, result, .. } = refused;
    let name = match (&item.id, item.external_ids.as_deref()) {
        (Some(id), _) => id.to_string(),
        (None, Some([first, ..])) => format!("ext:{}:{}", first.system, first.value),
        _ => String::new(),
    };
    let mut text = format!("{} {} {name}: {}", item.op, item.kind, result.status);
    if let Some(conflict) = &result.conflict {
        text.push_str(&format!(" ({})", conflict.reason));
        if let Some(version) = conflict.current_version {
            text.push_str(&format!(", the server has version {version}"));
        }
        for field in &conflict.fields {
            text.push_str(&format!("; {}: the server has {}, {} was sent", field.field, field.current, field.incoming));
        }
    }
    for fault in &result.errors {
        text.push_str(&format!("; {} {}: {}", fault.pointer, fault.code, fault.message));
    }
    text
}

/// Names the units of the filter that the server did not find.
pub fn not_found(state: &State) -> Result<()> {
    if state.unknown_units.is_empty() {
        return Ok(());
    }
    print(format_args!("not found  {}: nothing is held of these units", state.unknown_units.join(", ")))
}

/// What a pull did, in words.
pub fn changes(pulled: &Pulled) -> String {
    let mut text = format!("{} changes", human(pulled.changes));
    if pulled.removed > 0 {
        text.push_str(&format!(", {} removed", human(pulled.removed)));
    }
    if pulled.swept > 0 {
        text.push_str(&format!(", {} swept", human(pulled.swept)));
    }
    if pulled.restarted {
        text.push_str(", the copy is loaded again");
    }
    if pulled.miscounted {
        text.push_str(", WARNING: the server counted other numbers in its snapshot");
    }
    text
}

/// A number for people.
pub fn human(count: impl TryInto<u64>) -> HumanCount {
    HumanCount(count.try_into().unwrap_or(u64::MAX))
}

/// A number for the progress bar.
pub fn whole(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// A counter on the terminal; nothing when the output goes to a file or a pipe.
pub fn progress(template: &str) -> Result<ProgressBar> {
    if !(std::io::stdout().is_terminal() && std::io::stderr().is_terminal()) {
        return Ok(ProgressBar::hidden());
    }
    Ok(ProgressBar::new_spinner().with_style(ProgressStyle::with_template(template)?))
}
