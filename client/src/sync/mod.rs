//! A local copy of the records that the caller may read, which follows the server, and an outbox of local changes.
//!
//! A [`SyncSession`] drives the protocol over a [`CopyStore`], and pushes where it is an [`Outbox`] too: `SqliteStore`
//! (feature `sqlite`), [`MemoryStore`], or the caller's own, which `sync::conformance` (feature `testing`) tests.
//! Whatever happens, a cut connection, a crash, a `kill -9`, the next session continues from the store:
//!
//! - A page of changes and the cursor behind it are stored in one local transaction.
//! - A batch of the outbox is written to the store with its `Idempotency-Key` and its exact bytes before it is sent.
//!   Until its answer is stored, the same bytes go out under the same key, and the server does the work once.
//! - When the server says that a cursor is no longer valid (a grant changed, the database was restored), the session
//!   takes a new snapshot by itself and sweeps what was not in it.
//!
//! Local changes wait in the outbox only: they do not show in the copy before the server has accepted them. A change
//! that arrives meanwhile replaces the copy; the waiting item keeps the version that it was built on, so the server
//! reports a conflict, and the item moves to the inbox of refused items, where nothing is decided without a person.
//!
//! One store holds one copy: one server, one account, one [`Filter`].
//!
//! ```no_run
//! use cell_records_client::{Client, Error, sync::{MemoryStore, SyncSession}};
//!
//! # async fn example() -> Result<(), Error> {
//! let client = Client::builder("https://records.example.vn").access_token("crt_…").build()?;
//! let mut session = SyncSession::new(client, MemoryStore::new());
//! session.push().await?;
//! session.pull_until_current(|page| println!("{} changes", page.changes)).await?;
//! # Ok(())
//! # }
//! ```

#[cfg(any(test, feature = "testing"))]
pub mod conformance;

mod events;
mod memory;
mod outbox;
mod push;
mod queue;
mod refs;
mod refused;
mod session;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;

/// What every store does in the same way, and what is hard about it: for stores of one's own.
///
/// A store calls [`QueuedItem::of_call`](helpers::QueuedItem::of_call) where items enter its outbox,
/// [`Filling`](helpers::Filling) where a batch is prepared, [`Names`](helpers::Names) where it is settled, and
/// [`Again`](helpers::Again) where a refused item is tried again. [`MemoryStore`] is the shortest example.
pub mod helpers {
    pub use super::queue::{Filling, QueuedItem};
    pub use super::refs::{Follow, Names};
    pub use super::refused::Again;
    pub use super::store::replaces;
}

pub use events::Event;
pub use memory::MemoryStore;
pub use outbox::{Batch, BatchLimits, Effect, Outbox, Outcome};
pub use push::Pushed;
pub use refused::{Refused, Take};
pub use session::{Pulled, SyncSession};
#[cfg(feature = "sqlite")]
pub use sqlite::{Comparison, Difference, Sides, SqliteStore};
pub use store::{Applied, CopyStore, Filter, Held, State};
