//! Thin typed client of the cell-records API, and a sync engine that keeps a local copy.
//!
//! ```no_run
//! use cell_records_client::types::{Member, MemberUpdate, pages::ListQuery};
//! use cell_records_client::{Client, Error};
//! use futures_util::TryStreamExt;
//!
//! # async fn example() -> Result<(), Error> {
//! let client = Client::builder("https://records.example.vn").access_token("crt_…").build()?;
//! let members = client.records::<Member>();
//!
//! let mut hoang = std::pin::pin!(members.stream(ListQuery { q: Some("hoang".into()), ..ListQuery::default() }));
//! while let Some(member) = hoang.try_next().await? {
//!     println!("{} {}", member.id, member.full_name);
//! }
//!
//! let found = members.get(cell_records_client::types::Ref::external("demo", "member-0001")).await?;
//! let patch = MemberUpdate { full_name: Some("Hoàng Thị Lan".into()), ..MemberUpdate::default() };
//! members.update(found.record.id, &found.etag, &patch).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Reads, and writes that carry an `Idempotency-Key` (the crate makes one), are repeated after passing failures;
//! what could take effect twice is not ([`RetryPolicy`], [`Error`]).
//!
//! - [`Client`]: setting up, logging in, retrying; accounts, tokens, roles, health are its methods.
//! - [`Records`]: the calls of every record type.
//! - [`Accounts`]: users and systems, their grants, sessions and tokens.
//! - [`feed`]: the single calls of the sync protocol.
//! - [`sync`]: a local copy that follows the server, and an outbox of local changes.

pub mod feed;
pub mod sync;

mod accounts;
mod client;
mod credentials;
mod error;
mod records;
mod retry;
mod service;
mod transport;

#[cfg(test)]
mod tests;

pub use accounts::{Account, Accounts, Paging};
pub use cell_records_types as types;
pub use client::{Client, ClientBuilder};
pub use error::{Error, Result};
pub use records::{Records, Tagged};
pub use retry::RetryPolicy;
