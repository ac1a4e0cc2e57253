//! The crate against a server that answers as a test prescribes.

mod calls;
mod next_year;
mod outbox;
mod stub;
mod sync;
