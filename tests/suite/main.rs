//! The suite: real servers, driven over HTTP through the client, each test on both engines.

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
