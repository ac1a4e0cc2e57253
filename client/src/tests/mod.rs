//! The crate against a server that says what a test tells it to.

mod calls;
mod stub;
mod sync;
