//! Pulling: from the cursor to the present, and on as changes come.

use super::events::{Event, counts};
use super::outbox::Outbox;
use super::store::{CopyStore, Filter, State};
use crate::client::Client;
use crate::error::{Error, Result};
use crate::feed::ChangesQuery;
use crate::transport::Call;
use cell_records_types::pages::Page;
use cell_records_types::sync::{Change, ChangesPage, Phase, PushItem, RemoveReason};
use cell_records_types::{Timestamp, TypeInfo, Uuid};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Map, Value};
use std::convert::Infallible;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Most changes of a page.
const PAGE: u32 = 1_000;
/// Records fetched at the same time, where the feed names own writes that the copy has not.
const FETCHES: usize = 8;
/// Seconds that a long poll waits.
const WAIT: u32 = 50;
/// A long poll that returns nothing sooner than this is followed by as long a wait.
const SHORTEST: Duration = Duration::from_secs(1);

/// Keeps one local copy. Dropping it, or any call of it halfway, is safe at any moment.
///
/// The store works on the thread that polls the call, for milliseconds at a time.
#[derive(Debug)]
pub struct SyncSession<S> {
    pub(super) client: Client,
    pub(super) store: S,
    filter: Option<Filter>,
}

/// What a pull did.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pulled {
    /// Changes received.
    pub changes: usize,
    /// Records stored, or confirmed by the feed.
    pub stored: usize,
    /// Records removed because the server said so.
    pub removed: usize,
    /// Records deleted because the snapshot did not name them.
    pub swept: usize,
    /// Whether the server had nothing more.
    pub current: bool,
    /// Whether it belonged to a snapshot.
    pub snapshot: bool,
    /// Whether the cursor was no longer valid, so that a snapshot follows.
    pub restarted: bool,
    /// Whether a snapshot ended with other numbers of records than the server counted.
    pub miscounted: bool,
    /// Rows of the server's log that are still to be read, up to 10,000; absent in a snapshot.
    pub behind: Option<i64>,
}

impl Pulled {
    fn add(&mut self, page: Pulled) {
        self.changes += page.changes;
        self.stored += page.stored;
        self.removed += page.removed;
        self.swept += page.swept;
        self.snapshot |= page.snapshot;
        self.restarted |= page.restarted;
        self.miscounted |= page.miscounted;
        (self.current, self.behind) = (page.current, page.behind);
    }
}

impl<S: CopyStore> SyncSession<S> {
    /// A session that continues from the state of the store, with the filter that the store was filled with.
    pub fn new(client: Client, store: S) -> Self {
        SyncSession { client, store, filter: None }
    }

    /// Holds the records of this filter. Another one than the store was filled with begins a new snapshot, which
    /// sweeps what is no longer meant.
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// The local copy.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// The local copy, to add items to its outbox or forget refused ones.
    pub fn store_mut(&mut self) -> &mut S {
        &mut self.store
    }

    /// Gives the store back.
    pub fn into_store(self) -> S {
        self.store
    }

    /// Fetches and applies one page.
    ///
    /// # Errors
    /// What [`Client::changes`] says, except for a cursor that is no longer valid: that is [`Pulled::restarted`].
    pub async fn pull_once(&mut self) -> Result<Pulled> {
        self.pull(0, None).await.map(|(pulled, _)| pulled)
    }

    /// Fetches and applies pages until the server has no more, and calls `each` with every one. Returns the sum.
    /// While a page is stored, the next one is on its way; on a runtime of several threads it is parsed meanwhile.
    pub async fn pull_until_current(&mut self, mut each: impl FnMut(&Pulled)) -> Result<Pulled> {
        let (mut total, mut ahead) = (Pulled::default(), Ahead::default());
        loop {
            let (page, _) = self.pull(0, Some(&mut ahead)).await?;
            each(&page);
            total.add(page);
            if page.current {
                return Ok(total);
            }
        }
    }

    /// Follows the server by long polls, and calls `each` with every page that changed something. After temporary
    /// failures it waits and tries again; only a failure that waiting does not cure ends it. Drop the future to stop.
    pub async fn watch(&mut self, mut each: impl FnMut(&Pulled)) -> Result<Infallible> {
        let mut following = Following::default();
        loop {
            let (page, _) = following.next(self).await?;
            if page.changes > 0 || page.swept > 0 || page.restarted {
                each(&page);
            }
        }
    }

    async fn pull(&mut self, wait: u32, mut ahead: Option<&mut Ahead>) -> Result<(Pulled, Vec<Event>)> {
        let state = self.aligned()?;
        let begun = ahead.as_mut().and_then(|ahead| ahead.take(state.cursor.as_deref()));
        let answer = match begun {
            Some(request) => request.await.unwrap_or_else(|_| Err(Error::Refused("the runtime has stopped".into()))),
            None => self.client.changes(&query(&state, wait)).await,
        };
        let mut page = match answer {
            // An unreadable cursor too: the server has other keys than when it was made.
            Err(error) if state.cursor.is_some() && matches!(error.code(), Some("cursor_gone" | "cursor_invalid")) => {
                tracing::info!(code = error.code(), "the cursor is no longer valid; taking a snapshot");
                self.store.restart(&state.filter)?;
                return Ok((Pulled { restarted: true, ..Pulled::default() }, vec![Event::Restarted]));
            }
            answer => answer?,
        };
        if let Some(ahead) = ahead.filter(|_| page.has_more) {
            // The server's note of what this cursor acknowledges runs a page ahead of the store; after a crash the
            // store's own cursor is still good.
            ahead.begin(&self.client, query(&State { cursor: Some(page.cursor.clone()), ..State::default() }, 0));
            tokio::task::yield_now().await;
        }
        self.fetch_own(&mut page).await?;
        let applied = self.store.apply(&page, &state)?;
        if applied.miscounted {
            tracing::warn!("the snapshot brought other numbers of records than the server counted");
        }
        let (stored, removed, swept) = counts(&applied.events);
        let pulled = Pulled {
            changes: page.changes.iter().filter(|change| !matches!(change, Change::SnapshotEnd { .. })).count(),
            stored,
            removed,
            swept,
            current: !page.has_more,
            snapshot: page.phase == Phase::Snapshot,
            restarted: false,
            miscounted: applied.miscounted,
            behind: page.behind,
        };
        Ok((pulled, applied.events))
    }

    /// The store's state, once it agrees with this session's filter.
    pub(super) fn aligned(&mut self) -> Result<State> {
        let mut state = self.store.state()?;
        if let Some(filter) = self.filter.as_ref().filter(|filter| **filter != state.filter) {
            self.store.restart(filter)?;
            state = self.store.state()?;
        }
        state.server = self.client.server();
        Ok(state)
    }

    /// Puts records in the place of its own writes that the copy does not hold: those of another copy of the same
    /// account, or of before a loss.
    pub(super) async fn fetch_own(&mut self, page: &mut ChangesPage) -> Result<()> {
        let snapshot = page.phase == Phase::Snapshot;
        let mut missing = Vec::new();
        for (at, change) in page.changes.iter().enumerate() {
            if let Change::Own { kind, id, version } = change {
                let held = self.store.version(kind, *id)?;
                if held.is_none_or(|held| held < *version || (snapshot && held != *version)) {
                    missing.push((at, kind.clone(), *id, *version));
                }
            }
        }
        let client = &self.client;
        let fetches = missing.into_iter().map(|(at, kind, id, version)| async move {
            fetch(client, &kind, id, version).await.map(|change| (at, change))
        });
        let fetched: Vec<_> = stream::iter(fetches).buffer_unordered(FETCHES).try_collect().await?;
        for (at, change) in fetched {
            if let Some(place) = page.changes.get_mut(at) {
                *place = change;
            }
        }
        Ok(())
    }
}

impl<S: Outbox> SyncSession<S> {
    /// Adds items to the outbox; [`SyncSession::push`] sends them.
    ///
    /// # Errors
    /// [`Error::Refused`] when one names its record neither by id nor by external id; then none is added.
    pub fn enqueue(&mut self, items: &[PushItem]) -> Result<()> {
        self.store.enqueue(items)
    }
}

/// Pulls page after page, and waits for the next one when the copy is current.
#[derive(Default)]
pub(super) struct Following {
    wait: u32,
    ahead: Ahead,
}

impl Following {
    /// The next page. What passes is waited out.
    pub(super) async fn next<S: CopyStore>(&mut self, session: &mut SyncSession<S>) -> Result<(Pulled, Vec<Event>)> {
        loop {
            let begun = Instant::now();
            match session.pull(self.wait, Some(&mut self.ahead)).await {
                Ok((page, events)) => {
                    // A server or proxy that does not wait must not be asked in a tight loop.
                    if self.wait > 0 && page.changes == 0 && begun.elapsed() < SHORTEST {
                        session.client.pause(SHORTEST).await;
                    }
                    self.wait = if page.current { WAIT } else { 0 };
                    return Ok((page, events));
                }
                Err(error) if error.is_retryable() => {
                    let pause = error.retry_after().unwrap_or_default().max(session.client.retry_cap());
                    tracing::warn!(%error, wait_s = pause.as_secs(), "the server cannot be reached; waiting");
                    session.client.pause(pause).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// What the next page is asked for with.
pub(super) fn query(state: &State, wait: u32) -> ChangesQuery {
    // The cursor holds the filter; it is said at the beginning only.
    let filter = if state.cursor.is_none() { state.filter.clone() } else { Filter::default() };
    ChangesQuery {
        cursor: state.cursor.clone(),
        types: filter.types,
        units: filter.units,
        limit: Some(PAGE),
        own_brief: true,
        wait: if state.cursor.is_none() { 0 } else { wait },
        ..ChangesQuery::default()
    }
}

/// The page behind a cursor, asked for while the one before is stored.
#[derive(Default)]
struct Ahead(Option<(String, JoinHandle<Result<ChangesPage>>)>);

impl Ahead {
    fn begin(&mut self, client: &Client, query: ChangesQuery) {
        let client = client.clone();
        let cursor = query.cursor.clone().unwrap_or_default();
        self.0 = Some((cursor, tokio::spawn(async move { client.changes(&query).await })));
    }

    /// The request, if it is for this cursor.
    fn take(&mut self, cursor: Option<&str>) -> Option<JoinHandle<Result<ChangesPage>>> {
        self.0.take_if(|(asked, _)| Some(asked.as_str()) == cursor).map(|(_, request)| request)
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        if let Some((_, request)) = &self.0 {
            request.abort();
        }
    }
}

/// The record as it is now; a removal when it is deleted or out of sight.
async fn fetch(client: &Client, kind: &str, id: Uuid, version: i64) -> Result<Change> {
    let collection = collection(client, kind).await?;
    let found = client.fetch::<Map<String, Value>>(Call::get(&["v1", &collection, &id.to_string()])).await;
    let kind = kind.to_owned();
    match found {
        Ok(record) => {
            let (version, unit_id) = envelope(&record)?;
            Ok(Change::Upsert { kind, id, version, unit_id, changed_at: Timestamp::now(), origin: None, record })
        }
        Err(error) if error.status() == Some(410) => {
            Ok(Change::Remove { kind, id, version, reason: RemoveReason::Deleted })
        }
        Err(error) if error.status() == Some(404) || error.code() == Some("type_not_readable") => {
            Ok(Change::Remove { kind, id, version, reason: RemoveReason::OutOfScope })
        }
        Err(error) => Err(error),
    }
}

/// Version and unit of a flat record.
pub(super) fn envelope(record: &Map<String, Value>) -> Result<(i64, Uuid)> {
    let version = record.get("version").and_then(Value::as_i64);
    let unit_id = record.get("unit_id").and_then(|value| Uuid::try_parse(value.as_str()?).ok());
    version.zip(unit_id).ok_or_else(|| Error::Decode("a record without version and unit".to_owned()))
}

/// The path of a type's collection.
async fn collection(client: &Client, kind: &str) -> Result<String> {
    if let Some(one) = TypeInfo::named(kind) {
        return Ok(one.plural.to_owned());
    }
    /// As little as is needed: the type is of a newer server.
    #[derive(serde::Deserialize)]
    struct Described {
        name: String,
        collection: String,
    }
    // A guess would not do: a 404 of a path that does not exist would remove the record from the copy.
    let types: Page<Described> = client.fetch(Call::get(&["v1", "record_types"])).await?;
    let found = types.items.iter().find(|one| one.name == kind);
    let path = found.and_then(|one| one.collection.strip_prefix("/v1/"));
    path.map(str::to_owned).ok_or_else(|| Error::Decode(format!("the server does not describe the type {kind}")))
}
