//! The log on standard error: which lines, and in what form.

use crate::config::Log;
use std::io::IsTerminal;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// What the names of this project's own modules begin with.
const OWN: &str = "cell_records";

/// Where the HTTP library logs as an ERROR what is no fault of this program: a request that is not HTTP, or one whose head
/// has no end. Such a line names no request, and anybody can cause as many as they like.
const OF_CALLERS: [&str; 2] = ["actix_http::h1::decoder", "actix_http::h1::dispatcher"];

/// Begins to log. To be called once.
pub fn start(log: &Log) {
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // A line that cannot be written (a full disk) would be reported on standard error too, which panics.
        .log_internal_errors(false);
    let lines = if log.json { lines.json().with_span_list(false).boxed() } else { lines.boxed() };
    tracing_subscriber::registry().with(filter).with(filter_fn(may_be_logged)).with(lines).init();
}

/// Dependencies log nothing below `info`, whatever the setting says: at `debug` they print what passes through them, such
/// as the values bound to a statement, which are names, numbers, password hashes and keys.
fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    target.starts_with(OWN) || *metadata.level() <= Level::INFO && !OF_CALLERS.contains(&target)
}
