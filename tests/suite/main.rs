//! The suite: real servers, driven over HTTP through the client, each test on both engines.

mod support;

mod records;
