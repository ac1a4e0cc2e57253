//! The suite: real servers, driven over HTTP through the client, each test on both engines.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod support;

mod accounts;
mod audit;
mod bad_input;
mod evaluations;
mod history;
mod idempotency;
mod jwt;
mod lists;
mod masks;
mod members;
mod openapi;
mod pages;
mod records;
mod rights;
mod rules;
mod sessions;
mod tokens;
mod units;
