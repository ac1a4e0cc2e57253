//! The suite: real servers, driven over HTTP through the client, each test on both engines.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod support;

mod concurrency;
mod crash;
mod model;
mod moves;
mod pull;
mod push;
mod records;
mod refused_by_the_database;
mod scope_changes;
mod servers;
