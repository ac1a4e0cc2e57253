#![doc = include_str!("../README.md")]
//!
//! # Where to look
//!
//! - [`Client`]: setting up, logging in, retrying; accounts, tokens, roles, health are its methods.
//! - [`Records`]: the calls of every record type.
//! - [`Accounts`]: users and systems, their grants, sessions and tokens.
//! - [`feed`]: the single calls of the sync protocol.
#![cfg_attr(
    feature = "sync",
    doc = "- [`sync`]: a local copy that follows the server, and an outbox of local changes."
)]
#![cfg_attr(feature = "testing", doc = "- [`testing`]: a server for tests, with faults by script.")]
//! - [`types`]: the records, and all that is sent and returned.
//! - [`Error`], [`RetryPolicy`]: what can go wrong, and what is done about it.

pub mod feed;
#[cfg(feature = "sync")]
pub mod sync;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

mod accounts;
mod builder;
mod client;
mod credentials;
mod error;
mod reason;
mod records;
mod retry;
mod service;
mod transport;

#[cfg(test)]
mod tests;

pub use accounts::{Account, Accounts, Paging};
pub use builder::ClientBuilder;
#[doc(inline)]
pub use cell_records_types as types;
pub use client::Client;
pub use error::{Cause, Error, Result};
pub use reason::Reason;
pub use records::{Records, Tagged};
pub use retry::RetryPolicy;
