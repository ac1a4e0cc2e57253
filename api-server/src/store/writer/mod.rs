//! The one writer: a queue and a thread with its own connection that treats what waits as one set. Nothing else can
//! write. Here is the way in; `gather` says which commands are one set, `set` decides them, `worker` writes what they come
//! to, `transaction` is its begin and its commit, `keys` what is kept under an `Idempotency-Key`, `refused` the search for
//! what the database does not take.

mod gather;
mod keys;
mod refused;
mod set;
mod transaction;
mod worker;

pub use keys::{KEYS_KEPT_DAYS, Kept, KeptItem};

use super::decide::Decided;
use super::items::{Command, Key};
use super::live::{Clock, Live};
use super::log_ranges::Recent;
use super::scope::Scope;
use super::tree::Tree;
use crate::db::{Database, Db, DbError};
use cell_records_types::Timestamp;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::Span;
use uuid::Uuid;

/// At most so many commands wait; more are answered `503`.
const QUEUE_COMMANDS: usize = 4_096;
/// The bodies of waiting commands take at most so many bytes; more are answered `503`.
const QUEUE_BYTES: usize = 64 * 1024 * 1024;
/// How long the writer may take to say that it is alive.
const PROBE_WAIT: Duration = Duration::from_secs(2);

/// How much a transaction may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowLimits {
    /// At most so many rows in one set, but for a single command.
    pub set: usize,
    /// At most so many rows in one command.
    pub command: usize,
}

impl Default for RowLimits {
    fn default() -> Self {
        RowLimits { set: 50_000, command: 1_000_000 }
    }
}

/// Why a command has no outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteError {
    /// The database could not be reached or is too busy: nothing is stored.
    Unavailable,
    /// The commit's answer was lost and the database cannot say what became of it.
    OutcomeUnknown,
    /// The database refused what the rules let pass.
    Refused,
    /// It would write more rows than one write may.
    TooLarge,
    /// A fault of the program; the log says which.
    Internal,
    /// Another epoch than the caller's.
    EpochChanged,
    /// The key was used for another request.
    KeyReused,
    /// The account is disabled, or its token revoked, since the request was let in.
    Unauthorised,
}

/// What became of a command.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Decided and, unless refused or dry, committed.
    Done(Done),
    /// A repeat: what its first run came to, item by item.
    Replayed(Kept),
}

/// What became of a command's items.
#[derive(Debug, Clone)]
pub struct Done {
    /// The write transaction; nothing when nothing was written.
    pub batch: Option<Uuid>,
    /// Whether the effect is kept.
    pub applied: bool,
    /// One result an item, in the order of the call.
    pub items: Vec<Decided>,
    /// The scope in which it was decided, for masks.
    pub scope: Scope,
    /// The epoch, for tags.
    pub epoch: String,
}

/// Work on accounts, sessions, tokens and audit rows: a set of its own, in the same order as all writes.
type AccountWork = Box<dyn for<'a> FnOnce(&'a mut WriteTx<'_>) -> AccountFuture<'a> + Send>;
type AccountFuture<'a> = Pin<Box<dyn Future<Output = Result<(), DbError>> + 'a>>;

enum Job {
    Records(Box<Command>, Reply<Outcome>),
    /// With the request that it is done for, for the log.
    Accounts(AccountWork, Reply<()>, Span),
    Probe(oneshot::Sender<()>),
}

type Reply<T> = oneshot::Sender<Result<T, WriteError>>;

/// An open write transaction. Only the writer makes one; who holds it may change tables.
pub struct WriteTx<'a> {
    db: Db<'a>,
    clock: &'a mut Clock,
    /// The database's clock.
    pub now: Timestamp,
    /// The tree of units.
    pub tree: Arc<Tree>,
}

impl WriteTx<'_> {
    /// The connection.
    pub fn db(&mut self) -> Db<'_> {
        self.db.again()
    }

    /// Says that accounts, grants or tokens changed: every server forgets what it cached.
    pub fn rights_changed(&mut self) {
        self.clock.auth_rev += 1;
    }

    /// The registry that all records were brought up to.
    pub fn registry(&self) -> &str {
        &self.clock.registry
    }

    /// Says that all records were brought up to a registry. When fields moved to other classes, every puller begins again.
    pub fn reindexed(&mut self, registry: String, classes_changed: bool) {
        self.clock.registry = registry;
        self.clock.policy_rev += i64::from(classes_changed);
    }

    /// Begins another incarnation of the log, unless this one ended already.
    pub fn end_epoch(&mut self, epoch: &str) {
        if self.clock.epoch == epoch {
            self.clock.epoch = Clock::new_epoch();
        }
    }

    /// What is kept of the thing that was made under a caller's key, or why the key cannot be used.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn kept(&mut self, scope: &Scope, key: &Key) -> Result<Option<Result<String, WriteError>>, DbError> {
        keys::find_made(&mut self.db(), &scope.actor, key).await
    }

    /// Keeps under a caller's key what a repeat is answered from.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep(&mut self, scope: &Scope, key: &Key, made: &str) -> Result<(), DbError> {
        let now = self.now;
        keys::keep_made(&mut self.db(), &scope.actor, key, made, now).await
    }
}

/// How long a caller waits for what becomes of its write of up to a thousand items: it is this long only when the database
/// does not answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

async fn answered<T>(wait: oneshot::Receiver<Result<T, WriteError>>, items: usize) -> Result<T, WriteError> {
    let limit = ANSWER_LIMIT * u32::try_from(items / 1_000 + 1).unwrap_or(u32::MAX);
    match tokio::time::timeout(limit, wait).await {
        Ok(Ok(result)) => result,
        // The writer is gone, or goes on without this caller.
        Ok(Err(_)) | Err(_) => Err(WriteError::OutcomeUnknown),
    }
}

/// The way in: hands commands to the writer's thread.
#[derive(Clone)]
pub struct Writer {
    queue: mpsc::Sender<Job>,
    state: Arc<State>,
    committed: watch::Receiver<Recent>,
}

/// What the writer's thread and those who hand in commands share.
#[derive(Default)]
struct State {
    /// Bytes of the requests that wait or are at work.
    bytes: AtomicUsize,
    /// Whether the last write failed for a reason that is the database's: gone, full, read-only.
    failing: AtomicBool,
}

impl Writer {
    /// Starts the writer of a database, which must be migrated.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn start(database: &Database, live: Arc<Live>, server_code: String, rows: RowLimits) -> Result<Writer, String> {
        let (queue, jobs) = mpsc::channel(QUEUE_COMMANDS);
        let (recent, committed) = watch::channel(Recent::default());
        let database = database.clone();
        let state = Arc::new(State::default());
        let shared = state.clone();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        let run =
            move || runtime.block_on(worker::Worker::new(database, live, server_code, rows, recent, shared).run(jobs));
        std::thread::Builder::new().name("writer".into()).spawn(run).map_err(|error| error.to_string())?;
        Ok(Writer { queue, state, committed })
    }

    /// Hands in a command and waits for what becomes of it.
    ///
    /// # Errors
    /// When it has no outcome.
    pub async fn submit(&self, command: Command) -> Result<Outcome, WriteError> {
        let (bytes, items) = (command.bytes, command.items.len());
        if self.state.bytes.fetch_add(bytes, Ordering::AcqRel) + bytes > QUEUE_BYTES.max(bytes) {
            self.state.bytes.fetch_sub(bytes, Ordering::AcqRel);
            return Err(WriteError::Unavailable);
        }
        let (reply, wait) = oneshot::channel();
        if self.queue.try_send(Job::Records(Box::new(command), reply)).is_err() {
            self.state.bytes.fetch_sub(bytes, Ordering::AcqRel);
            return Err(WriteError::Unavailable);
        }
        answered(wait, items).await
    }

    /// Hands in work on accounts and waits until it is committed.
    ///
    /// # Errors
    /// When it has no outcome.
    pub async fn accounts<T: Send + 'static>(
        &self,
        work: impl for<'a> FnOnce(&'a mut WriteTx<'_>) -> Pin<Box<dyn Future<Output = Result<T, DbError>> + 'a>>
        + Send
        + 'static,
    ) -> Result<T, WriteError> {
        let (reply, wait) = oneshot::channel();
        let (answer, result) = std::sync::mpsc::sync_channel(1);
        let work: AccountWork = Box::new(move |tx| {
            let work = work(tx);
            Box::pin(async move {
                // The receiver is gone only when the caller has disconnected; the write is kept all the same.
                let _ = answer.send(work.await?);
                Ok(())
            })
        });
        self.queue.try_send(Job::Accounts(work, reply, Span::current())).map_err(|_| WriteError::Unavailable)?;
        answered(wait, 1).await?;
        result.try_recv().map_err(|_| WriteError::Internal)
    }

    /// This server's last commits and what they concerned; it changes with each. Other servers' commits are not in it.
    pub fn committed(&self) -> watch::Receiver<Recent> {
        self.committed.clone()
    }

    /// Whether the writer takes commands, in reasonable time, and its last write did not fail for want of a database.
    /// Where it failed, the writer tries again, with a write that changes nothing.
    pub async fn is_healthy(&self) -> bool {
        let (reply, wait) = oneshot::channel();
        let probed = async { self.queue.send(Job::Probe(reply)).await.is_ok() && wait.await.is_ok() };
        let alive = tokio::time::timeout(PROBE_WAIT, probed).await.unwrap_or(false);
        alive && !self.state.failing.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::items::{Caller, Item};
    use futures_util::FutureExt;

    #[tokio::test]
    async fn the_queue_refuses_by_bytes_and_takes_what_fits() {
        // Nobody takes from this queue: a writer that is held up.
        let (queue, _jobs) = mpsc::channel(QUEUE_COMMANDS);
        let writer = Writer { queue, state: Arc::default(), committed: watch::channel(Recent::default()).1 };
        let submit = |bytes| {
            let command = Command { bytes, ..Command::one(Caller::operator(), Item::unreadable(None, Vec::new())) };
            Box::pin(writer.submit(command))
        };
        let (mut large, mut rest) = (submit(QUEUE_BYTES - 10), submit(10));
        assert!((&mut large).now_or_never().is_none(), "it waits");
        let refused = submit(11).now_or_never();
        assert!(matches!(refused, Some(Err(WriteError::Unavailable))), "{refused:?}");
        assert!((&mut rest).now_or_never().is_none(), "it waits");
        assert_eq!(writer.state.bytes.load(Ordering::Acquire), QUEUE_BYTES);
    }
}
