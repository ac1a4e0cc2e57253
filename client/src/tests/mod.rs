//! The crate against a server that says what a test tells it to.

mod calls;
mod next_year;
mod outbox;
mod stub;
mod sync;
