//! What is printed: a line for a person, or with `--json` an object for a program.

use anyhow::Result;
use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};
use serde::Serialize;
use serde_json::Value;
use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};

/// Prints a line. Who reads only the beginning closes the pipe: that is no failure.
pub fn print(line: impl Display) -> Result<()> {
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints an object in one line.
pub fn print_json(object: &impl Serialize) -> Result<()> {
    print(serde_json::to_string(object)?)
}

/// Says on standard error what somebody should know: a line, or with `--json` an object.
pub fn warn(json: bool, text: &str, object: &Value) {
    if json {
        eprintln!("{object}");
    } else {
        eprintln!("WARNING: {text}");
    }
}

/// A number for people.
pub fn human(count: impl TryInto<u64>) -> HumanCount {
    HumanCount(count.try_into().unwrap_or(u64::MAX))
}

/// A number of things for people, in the regular plural.
pub fn counted(count: impl TryInto<u64>, one: &str) -> String {
    numbered(count, one, &format!("{one}s"))
}

/// A number of things for people, by what one is called and what many are.
pub fn numbered(count: impl TryInto<u64>, one: &str, many: &str) -> String {
    let count = whole(count);
    format!("{} {}", HumanCount(count), if count == 1 { one } else { many })
}

/// A number for the progress bar.
pub fn whole(count: impl TryInto<u64>) -> u64 {
    count.try_into().unwrap_or(u64::MAX)
}

/// Whether somebody watches: not when the output goes to a file or a pipe.
pub fn shown() -> bool {
    std::io::stdout().is_terminal() && std::io::stderr().is_terminal()
}

/// A bar on the terminal, with a length where it is known.
pub fn progress(template: &str, length: Option<u64>) -> Result<ProgressBar> {
    if !shown() {
        return Ok(ProgressBar::hidden());
    }
    let bar = length.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    // Its own `per_sec` has four decimals.
    let rate = |state: &ProgressState, text: &mut dyn std::fmt::Write| {
        let _ = write!(text, "{:.0}/s", state.per_sec());
    };
    Ok(bar.with_style(ProgressStyle::with_template(template)?.with_key("rate", rate)))
}
