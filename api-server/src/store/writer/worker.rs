//! What happens to a set: decide until nothing is missing, write, commit, answer.

use super::gather::{Waiting, gather, linger};
use super::keys;
use super::refused::{self, Attempt, TRIES};
use super::set::{DecidedSet, Decider};
use super::transaction::{self, Failure};
use super::{AccountWork, Job, Outcome, RowLimits, State, WriteError, WriteTx};
use crate::db::connect::DedicatedConnection;
use crate::db::engine::Prepared;
use crate::db::{At, Database, DbError, engine};
use crate::store::decide::Draft;
use crate::store::items::{Command, Key};
use crate::store::live::{Clock, Live};
use crate::store::log_ranges::{Commit, Recent};
use crate::store::tree::Tree;
use crate::store::write_set::WriteSet;
use crate::store::{flush, load};
use cell_records_types::Timestamp;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tracing::Instrument;
use uuid::Uuid;

/// How often a set is decided, at most: each time rules may ask for what they only now know of.
const ROUNDS: usize = 32;

/// A set of at most so many items is decided within the default limit; a larger one says beforehand how long it may take.
const FEW_ITEMS: usize = 100;

/// After a write found no space, the server says so for this long, unless a write succeeds before. A write that changes
/// nothing fits into the space that is there: that it succeeds says nothing of the next one. Not for longer, because
/// nobody sends writes to a server that is not ready, and somebody may have made space.
const NO_SPACE_FOR: Duration = Duration::from_secs(10);

type Results = Vec<Result<Outcome, WriteError>>;

/// The writer's thread.
pub(super) struct Worker {
    pub(super) database: Database,
    pub(super) own: Option<DedicatedConnection>,
    /// The statements that the connection has prepared.
    pub(super) prepared: Prepared,
    live: Arc<Live>,
    decider: Decider,
    rows: RowLimits,
    recent: watch::Sender<Recent>,
    state: Arc<State>,
    /// When a write last found no space.
    no_space: Option<Instant>,
    /// Whether the transaction that is at work has come to its commit.
    committing: bool,
}

impl Worker {
    pub(super) fn new(
        database: Database,
        live: Arc<Live>,
        server_code: String,
        rows: RowLimits,
        recent: watch::Sender<Recent>,
        state: Arc<State>,
    ) -> Self {
        Worker {
            database,
            own: None,
            prepared: Prepared::new(),
            live,
            decider: Decider::new(server_code),
            rows,
            recent,
            state,
            no_space: None,
            committing: false,
        }
    }

    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut next: Option<Job> = None;
        // How many callers the last set answered.
        let mut answered = 0;
        loop {
            let Some(job) = (match next.take() {
                Some(job) => Some(job),
                None => jobs.recv().await,
            }) else {
                return;
            };
            match job {
                Job::Probe(reply) => {
                    // Whoever waited too long has gone.
                    if !reply.is_closed() {
                        self.probe().await;
                        let _ = reply.send(());
                    }
                }
                Job::Accounts(work, reply, span) => {
                    let result = AssertUnwindSafe(self.accounts(work)).catch_unwind().instrument(span.clone()).await;
                    let result = result.unwrap_or_else(|_| {
                        span.in_scope(|| tracing::error!("the writer panicked in a write of accounts; it is not kept"));
                        self.own = None;
                        Err(WriteError::Internal)
                    });
                    self.note(std::iter::once(&result));
                    let _ = reply.send(result);
                }
                Job::Records(command, reply) => {
                    linger(&jobs, answered);
                    let mut set: Vec<Waiting> = vec![(command, reply)];
                    next = gather(&mut set, &mut jobs, self.state.failing.load(Ordering::Acquire));
                    answered = set.len();
                    self.set(set).await;
                }
            }
        }
    }

    /// One set, answered whatever happens in it.
    async fn set(&mut self, set: Vec<Waiting>) {
        let (commands, replies): (Vec<_>, Vec<_>) = set.into_iter().unzip();
        let results = self.try_set(&commands).await;
        self.note(results.iter());
        let bytes: usize = commands.iter().map(|command| command.bytes).sum();
        self.state.bytes.fetch_sub(bytes, Ordering::AcqRel);
        for (result, reply) in results.into_iter().zip(replies) {
            // Who has disconnected does not read it; the write is kept all the same.
            let _ = reply.send(result);
        }
    }

    /// After a failure, tries a write that changes nothing: a server that says that it is not ready gets no other.
    async fn probe(&mut self) {
        if self.state.failing.load(Ordering::Acquire) {
            let nothing: AccountWork = Box::new(|_| Box::pin(async { Ok(()) }));
            let result = self.accounts(nothing).await;
            if result.is_err() || self.no_space.is_none_or(|at| at.elapsed() >= NO_SPACE_FOR) {
                self.note(std::iter::once(&result));
            }
        }
    }

    /// Notes whether the database takes writes: a server says so at `/readyz`.
    fn note<'a, T: 'a>(&mut self, results: impl Iterator<Item = &'a Result<T, WriteError>>) {
        for result in results {
            let failed = matches!(result, Err(WriteError::Unavailable | WriteError::OutcomeUnknown));
            self.state.failing.store(failed, Ordering::Release);
            if !failed {
                self.no_space = None;
            }
        }
    }

    /// What a failure is to who caused it.
    fn failed(&mut self, failure: Failure) -> WriteError {
        if matches!(failure, Failure::NoSpace) {
            self.no_space = Some(Instant::now());
        }
        failure.error()
    }

    /// A fault of the program in a set: the writer goes on with a new connection. What may have been committed is not
    /// tried again.
    fn panicked(&mut self, commands: usize) -> Failure {
        self.own = None;
        if self.committing {
            tracing::error!("the writer panicked at a commit");
            return Failure::Other(WriteError::OutcomeUnknown);
        }
        if commands > 1 {
            tracing::warn!("the writer panicked in a set; the set is not kept, and its halves are tried");
        } else {
            tracing::error!("the writer panicked in a set; the set is not kept");
        }
        Failure::Other(WriteError::Internal)
    }

    /// One set: as one transaction, or in halves where the database refuses it or it fails; a command that is left alone
    /// is searched for the items that the database refuses, and decided anew without them.
    async fn try_set(&mut self, commands: &[Box<Command>]) -> Results {
        let mut results: Vec<Option<Result<Outcome, WriteError>>> = commands.iter().map(|_| None).collect();
        let mut waiting: Vec<(Vec<usize>, Attempt)> = vec![((0..commands.len()).collect(), Attempt::default())];
        while let Some((part, attempt)) = waiting.pop() {
            let refs: Vec<&Command> = part.iter().filter_map(|index| commands.get(*index).map(|one| &**one)).collect();
            // Every line that is logged for these commands bears the ids of their requests.
            let request_ids: Vec<&str> = refs.iter().filter_map(|one| one.caller.request_id.as_deref()).collect();
            let span = tracing::error_span!("set", ?request_ids);
            let tried = AssertUnwindSafe(self.transaction(&refs, &attempt)).catch_unwind().instrument(span.clone());
            let tried = tried.await;
            match tried.unwrap_or_else(|_| Err(span.in_scope(|| self.panicked(refs.len())))) {
                Ok(outcomes) => {
                    for (index, outcome) in part.iter().zip(outcomes) {
                        if let Some(result) = results.get_mut(*index) {
                            *result = Some(outcome);
                        }
                    }
                }
                // Down to single commands: the others of a set never fare worse for one of them.
                Err(Failure::Refused | Failure::TooLarge | Failure::Other(WriteError::Internal)) if part.len() > 1 => {
                    // The later half waits below the earlier: the order stays.
                    let half = part.len() / 2;
                    let (first, second) = part.split_at(half);
                    waiting.push((second.to_vec(), Attempt::default()));
                    waiting.push((first.to_vec(), Attempt::default()));
                }
                Err(Failure::Refused) if refused::is_divisible(&refs) && attempt.tries < TRIES => {
                    waiting.push((part, Attempt { search: true, tries: attempt.tries + 1, ..attempt }));
                }
                Err(Failure::Items(found)) if attempt.tries < TRIES => {
                    let refused = attempt.refused.into_iter().chain(found).collect();
                    waiting.push((part, Attempt { refused, search: false, tries: attempt.tries + 1 }));
                }
                Err(failure) => {
                    let error = self.failed(failure);
                    for index in part {
                        if let Some(result) = results.get_mut(index) {
                            *result = Some(Err(error.clone()));
                        }
                    }
                }
            }
        }
        results.into_iter().map(|result| result.unwrap_or(Err(WriteError::Internal))).collect()
    }

    async fn transaction(&mut self, commands: &[&Command], attempt: &Attempt) -> Result<Results, Failure> {
        self.committing = false;
        let asked = Instant::now();
        let (mut own, mut clock, now) = self.begin().await?;
        let before = clock.clone();
        let worked = self.work(&mut own, &mut clock, now, commands, attempt).await;
        let (DecidedSet { outcomes, effects, kept }, mut set) = match worked {
            Ok(worked) => worked,
            Err(error) => {
                self.roll_back(own).await;
                return Err(error);
            }
        };
        if effects.is_empty() {
            self.roll_back(own).await;
            return Ok(outcomes);
        }
        let mut flush = flush::rows(&mut clock, &mut set, &effects);
        let outcome_of = |index: &usize| {
            let (Some(command), Some(Ok(Outcome::Done(done)))) = (commands.get(*index), outcomes.get(*index)) else {
                return None;
            };
            let kept = serde_json::to_string(&keys::kept(command, done)).ok()?;
            Some((keys::owner(&command.caller.actor), command.key.as_ref()?, kept))
        };
        let kept: Vec<(Uuid, &Key, String)> = kept.iter().filter_map(outcome_of).collect();
        flush.add(keys::rows(&kept, now));
        let most = if commands.len() > 1 { self.rows.set } else { self.rows.command };
        if flush.count() > most {
            self.roll_back(own).await;
            return Err(Failure::TooLarge);
        }
        if let Err(error) = transaction::forget_old(&mut own.db(), before.seq, clock.seq, now).await {
            self.roll_back(own).await;
            return Err(error.into());
        }
        let mut rows = flush.into_rows();
        rows.push(flush::clock(&clock));
        self.committing = true;
        self.commit(own, &rows, &clock, &before).await?;
        drop(rows);
        let commit = Commit::new(&before, &clock, &effects);
        let clock = Arc::new(clock);
        self.live.store(&clock, &set.tree, now, asked);
        self.recent.send_modify(|recent| recent.add(commit));
        Ok(outcomes)
    }

    /// Decides a set, loading what it lacks, until nothing is missing.
    async fn work(
        &mut self,
        own: &mut DedicatedConnection,
        clock: &mut Clock,
        now: Timestamp,
        commands: &[&Command],
        attempt: &Attempt,
    ) -> Result<(DecidedSet, WriteSet), Failure> {
        let mut db = own.db();
        let items: usize = commands.iter().map(|command| command.items.len()).sum();
        if items > FEW_ITEMS {
            engine::take_time(&mut db, items).await?;
        }
        let view = self.live.learn(&mut db, clock.clone(), At::from(now), Instant::now()).await?;
        self.decider.refresh(&mut db, view.rights, commands, now).await?;
        let mut set = WriteSet::new(now, view.tree.clone());
        drop(view);
        clock.batch = Uuid::new_v4();
        let keys: Vec<(Uuid, &Key)> = commands
            .iter()
            .filter_map(|command| Some((keys::owner(&command.caller.actor), command.key.as_ref()?)))
            .collect();
        let kept = keys::find(&mut db, &keys).await?;
        let mut drafts: Vec<Vec<Option<Draft>>> =
            commands.iter().map(|command| command.items.iter().map(|_| None).collect()).collect();
        for _ in 0..ROUNDS {
            let mark = set.mark();
            let decided = self.decider.decide_all(clock, commands, attempt, &mut set, &kept, &mut drafts);
            let missing = set.take_missing();
            if missing.is_empty() {
                if attempt.search {
                    let found = refused::one_by_one(&mut db, clock, &mut set, &decided.effects).await?;
                    let done = refused::decided(&decided.outcomes);
                    return Err(Failure::Items(refused::items_of(&done, &decided.effects, &found)));
                }
                return Ok((decided, set));
            }
            set.back_to(mark);
            load::load(&mut db, &mut set, missing).await?;
        }
        if commands.len() == 1 {
            tracing::error!("a command asked for more and more; its rules do not come to an end");
        }
        Err(Failure::TooLarge)
    }

    async fn accounts(&mut self, work: AccountWork) -> Result<(), WriteError> {
        let asked = Instant::now();
        let (mut own, mut clock, now) = self.begin().await.map_err(|failure| self.failed(failure))?;
        let before = clock.clone();
        let worked = async {
            // Nobody else writes: the clock is what it was read as.
            let view = self.live.learn(&mut own.db(), clock.clone(), At::from(now), Instant::now()).await?;
            let mut tx = WriteTx { db: own.db(), clock: &mut clock, now, tree: view.tree.clone() };
            work(&mut tx).await?;
            Ok::<Arc<Tree>, DbError>(view.tree)
        };
        match worked.await {
            Ok(tree) => {
                let rows = transaction::clock_only(&clock);
                self.commit(own, &rows, &clock, &before).await.map_err(|failure| self.failed(failure))?;
                self.live.store(&Arc::new(clock), &tree, now, asked);
                Ok(())
            }
            Err(error) => {
                self.roll_back(own).await;
                Err(self.failed(error.into()))
            }
        }
    }
}
