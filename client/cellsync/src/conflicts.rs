//! What the server refused: shown, and ended as somebody decides.

use crate::report::{human, print, words};
use anyhow::Result;
use cell_records_client::sync::{Outbox, SqliteStore, Take};
use clap::ValueEnum;
use std::process::ExitCode;

/// Whose version holds.
#[derive(Clone, Copy, ValueEnum)]
pub enum Side {
    /// The server's: the item is dropped.
    Server,
    /// This side's: the item is sent again, upon the server's version.
    Mine,
}

/// Lists the refused items, oldest first.
pub fn list(store: &SqliteStore, json: bool) -> Result<ExitCode> {
    for refused in store.refused()? {
        if json {
            print(serde_json::to_string(&refused)?)?;
        } else {
            print(format_args!("{}  since {}  {}", refused.number, refused.at, words(&refused)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Ends one.
pub fn resolve(mut store: SqliteStore, number: i64, side: Side) -> Result<ExitCode> {
    let take = match side {
        Side::Server => Take::Server,
        Side::Mine => Take::Mine,
    };
    store.resolve(number, take)?;
    match take {
        Take::Server => print("dropped; a pull brings what the server has")?,
        Take::Mine => print(format_args!("{} items wait; `cellsync push` sends them", human(store.waiting()?)))?,
    }
    Ok(ExitCode::SUCCESS)
}
