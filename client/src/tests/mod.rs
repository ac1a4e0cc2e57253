//! The crate against a server that answers as a test prescribes.

mod calls;
#[cfg(feature = "sqlite")]
mod next_year;
#[cfg(feature = "sqlite")]
mod sync;
