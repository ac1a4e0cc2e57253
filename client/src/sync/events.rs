//! What changed in a copy, record by record.

use super::session::{Following, SyncSession};
use super::store::CopyStore;
use crate::error::{Error, Result};
use futures_util::{Stream, TryStreamExt, stream};
use uuid::Uuid;

/// Something that changed in a copy.
///
/// An event comes **after** the page that brought it is committed: the copy has what it says, or something newer. A
/// program that is killed between the two does not get the event again. What must not be missed belongs into the
/// transaction itself: into a [`CopyStore`] of one's own, or a trigger of the SQLite file.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The copy holds this version. In a snapshot every record comes, changed or not; a record that this account
    /// pushed comes when the feed confirms it.
    Upserted {
        /// Name of the record type.
        kind: String,
        /// The record.
        id: Uuid,
        /// Its version.
        version: i64,
    },
    /// The server said that the record is deleted or out of sight, and the copy has let it go.
    Removed {
        /// Name of the record type.
        kind: String,
        /// The record.
        id: Uuid,
        /// The version that took it away.
        version: i64,
    },
    /// The snapshot that has ended did not name the record, and the copy has let it go.
    Swept {
        /// Name of the record type.
        kind: String,
        /// The record.
        id: Uuid,
        /// The version that was held.
        version: i64,
    },
    /// The cursor was no longer valid: a snapshot follows, which brings every record again.
    Restarted,
    /// The server has nothing more for now. It comes once after the changes before it.
    Current,
}

/// How many records a page, or a pull, stored, removed and swept.
pub(super) fn counts(events: &[Event]) -> (usize, usize, usize) {
    events.iter().fold((0, 0, 0), |(stored, removed, swept), event| match event {
        Event::Upserted { .. } => (stored + 1, removed, swept),
        Event::Removed { .. } => (stored, removed + 1, swept),
        Event::Swept { .. } => (stored, removed, swept + 1),
        Event::Restarted | Event::Current => (stored, removed, swept),
    })
}

impl<S: CopyStore> SyncSession<S> {
    /// Follows the server like [`SyncSession::watch`], and gives what changed, in its order. Ends after an error that
    /// waiting does not cure. Drop it to stop, or to use the session in between: another one continues.
    ///
    /// ```no_run
    /// # async fn example(mut session: cell_records_client::sync::SyncSession<cell_records_client::sync::MemoryStore>)
    /// #     -> Result<(), cell_records_client::Error> {
    /// use cell_records_client::sync::Event;
    /// use futures_util::TryStreamExt;
    ///
    /// let mut events = std::pin::pin!(session.events());
    /// while let Some(event) = events.try_next().await? {
    ///     match event {
    ///         Event::Upserted { kind, id, version } => println!("{kind} {id} is version {version}"),
    ///         Event::Current => println!("the copy is current"),
    ///         other => println!("{other:?}"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn events(&mut self) -> impl Stream<Item = Result<Event>> + Send + '_ {
        let pages =
            stream::try_unfold((self, Following::default(), false), |(session, mut following, said)| async move {
                let (pulled, mut events) = following.next(session).await?;
                let current = pulled.current && (!said || !events.is_empty());
                events.extend(current.then_some(Event::Current));
                let next = (session, following, pulled.current);
                Ok::<_, Error>(Some((stream::iter(events.into_iter().map(Ok::<_, Error>)), next)))
            });
        pages.try_flatten()
    }
}
