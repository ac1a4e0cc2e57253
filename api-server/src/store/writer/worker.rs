//! What happens to a set: take what waits, decide until nothing is missing, write, commit, answer.

use super::keys::{self, ByKey, Kept};
use super::refused::{self, Attempt, TRIES};
use super::transaction::{self, Failure};
use super::{AccountWork, Done, Job, Outcome, Reply, RowLimits, State, WriteError, WriteTx};
use crate::db::connect::DedicatedConnection;
use crate::db::engine::Prepared;
use crate::db::{At, Database, Db, DbError, Sql, Verbs, engine};
use crate::on;
use crate::store::callers::{Credential, Holder};
use crate::store::decide::{self, Context, Decided, Draft, Effect};
use crate::store::items::{Command, Key};
use crate::store::live::{Clock, Live, RightsRev};
use crate::store::log_ranges::{Commit, Recent};
use crate::store::reindex::Fingerprint;
use crate::store::scope::{Actor, Scope};
use crate::store::tree::Tree;
use crate::store::write_set::WriteSet;
use crate::store::{flush, load};
use cell_records_types::Timestamp;
use cell_records_types::faults;
use cell_records_types::sync::{ItemStatus, PushMode, PushOp};
use diesel::sql_types::Text;
use futures_util::FutureExt;
use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tracing::Instrument;
use uuid::Uuid;

/// The rights of at most so many callers are kept in memory.
const HOLDERS_KEPT: usize = 10_000;
/// At most so many commands in one set.
const SET_COMMANDS: usize = 256;
/// At most so many items in one set, but for a single command.
const SET_ITEMS: usize = 1_000;
/// At most so many bytes of requests in one set.
const SET_BYTES: usize = 8 * 1024 * 1024;
/// How often a set is decided, at most: each time rules may ask for what they only now know of.
const ROUNDS: usize = 32;
/// How long the writer waits, at most, for callers that it has just answered.
const LINGER: Duration = Duration::from_millis(4);
/// The pause between two looks at who has come back.
const LINGER_PAUSE: Duration = Duration::from_micros(100);
/// So many looks without anybody new end the wait.
const LINGER_LOOKS: usize = 4;

type Waiting = (Box<Command>, Reply<Outcome>);
type Results = Vec<Result<Outcome, WriteError>>;

/// The writer's thread.
pub(super) struct Worker {
    pub(super) database: Database,
    pub(super) own: Option<DedicatedConnection>,
    /// The statements that the connection has prepared.
    pub(super) prepared: Prepared,
    live: Arc<Live>,
    server_code: String,
    rows: RowLimits,
    /// Who came with which credential, read since accounts last changed.
    holders: HashMap<Credential, Holder>,
    holders_rev: RightsRev,
    systems: Arc<HashSet<String>>,
    recent: watch::Sender<Recent>,
    state: Arc<State>,
    /// Whether the transaction that is at work has come to its commit.
    committing: bool,
}

/// What deciding a set came to.
struct DecidedSet {
    /// What became of each command, and whether it wrote.
    outcomes: Vec<(Result<Outcome, WriteError>, bool)>,
    effects: Vec<Effect>,
    /// The commands, by position, whose outcome is kept under their key.
    kept: Vec<usize>,
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
            server_code,
            rows,
            holders: HashMap::new(),
            holders_rev: RightsRev::NEVER,
            systems: Arc::default(),
            recent,
            state,
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
            self.note(std::iter::once(&result));
        }
    }

    /// Notes whether the database takes writes: a server says so at `/readyz`.
    fn note<'a, T: 'a>(&self, results: impl Iterator<Item = &'a Result<T, WriteError>>) {
        for result in results {
            let failed = matches!(result, Err(WriteError::Unavailable | WriteError::OutcomeUnknown));
            self.state.failing.store(failed, Ordering::Release);
        }
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
                    let error = failure.error();
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
        let (mut decided, set) = match worked {
            Ok(worked) => worked,
            Err(error) => {
                self.roll_back(own).await;
                return Err(error);
            }
        };
        let DecidedSet { outcomes, effects, kept } = &mut decided;
        let mut set = set;
        let mut flush = flush::rows(&mut clock, &mut set, effects);
        let outcome_of = |index: &usize| {
            let (Some(command), Some((Ok(Outcome::Done(done)), _))) = (commands.get(*index), outcomes.get(*index))
            else {
                return None;
            };
            let kept = serde_json::to_string(&keys::kept(command, done)).ok()?;
            Some((keys::owner(&command.caller.actor), command.key.as_ref()?, kept))
        };
        let kept: Vec<(Uuid, &Key, String)> = kept.iter().filter_map(outcome_of).collect();
        flush.add(keys::rows(&kept, now));
        if effects.is_empty() {
            self.roll_back(own).await;
            return Ok(decided.outcomes.into_iter().map(|(outcome, _)| outcome).collect());
        }
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
        let commit = Commit::new(&before, &clock, effects);
        let clock = Arc::new(clock);
        self.live.store(&clock, &set.tree, now, asked);
        self.recent.send_modify(|recent| recent.add(commit));
        Ok(decided.outcomes.into_iter().map(|(outcome, _)| outcome).collect())
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
        if commands.iter().map(|command| command.items.len()).sum::<usize>() > SET_ITEMS {
            engine::take_time(&mut db).await?;
        }
        let view = self.live.learn(&mut db, clock.clone(), At::from(now), Instant::now()).await?;
        self.refresh(&mut db, view.rights, commands, now).await?;
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
            let decided = self.decide_all(clock, commands, attempt, &mut set, &kept, &mut drafts);
            let missing = set.take_missing();
            if missing.is_empty() {
                if attempt.search {
                    let found = refused::one_by_one(&mut db, clock, &mut set, &decided.effects).await?;
                    let done = refused::decided(decided.outcomes.iter().map(|(outcome, _)| outcome));
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

    /// Decides commands one after another, each seeing what the ones before it did.
    fn decide_all(
        &self,
        clock: &Clock,
        commands: &[&Command],
        attempt: &Attempt,
        set: &mut WriteSet,
        kept: &ByKey,
        drafts: &mut [Vec<Option<Draft>>],
    ) -> DecidedSet {
        let mut all =
            DecidedSet { outcomes: Vec::with_capacity(commands.len()), effects: Vec::new(), kept: Vec::new() };
        // The keys of this set, by the position of the command that wrote under them.
        let mut fresh: HashMap<(Uuid, &str), usize> = HashMap::new();
        for (index, (command, drafts)) in commands.iter().zip(drafts).enumerate() {
            let Some(scope) = self.scope(command, set, clock) else {
                all.outcomes.push((Err(WriteError::Unauthorised), false));
                continue;
            };
            let owner = keys::owner(&command.caller.actor);
            let first = command.key.as_ref().and_then(|key| fresh.get(&(owner, key.key.as_str())));
            let first = first.and_then(|first| Some((*commands.get(*first)?, &all.outcomes.get(*first)?.0)));
            if let Some(outcome) = before_items(command, clock, kept, first) {
                all.outcomes.push((outcome, false));
                continue;
            }
            let mark = set.mark();
            let (mut done, mut effects) = self.decide(command, &attempt.refused, scope, set, clock, drafts);
            let refused = command.mode == PushMode::All && done.items.iter().any(|item| !item.status.is_success());
            if refused || command.dry_run {
                set.back_to(mark);
                effects.clear();
                done.applied = false;
            }
            let wrote = !effects.is_empty();
            done.batch = wrote.then_some(clock.batch);
            all.effects.append(&mut effects);
            // Only an effect needs its key kept: what wrote nothing is decided anew by a repeat.
            if let (Some(key), true) = (&command.key, wrote) {
                all.kept.push(index);
                fresh.insert((owner, key.key.as_str()), index);
            }
            all.outcomes.push((Ok(Outcome::Done(done)), wrote));
        }
        all
    }

    fn decide(
        &self,
        command: &Command,
        refused: &HashSet<usize>,
        mut scope: Scope,
        set: &mut WriteSet,
        clock: &Clock,
        drafts: &mut [Option<Draft>],
    ) -> (Done, Vec<Effect>) {
        let names = command.names();
        let mut items: Vec<Option<Decided>> = command.items.iter().map(|_| None).collect();
        let mut effects = Vec::new();
        let (mut failed, mut undecided) = (HashSet::new(), HashSet::new());
        let mut first_versions = HashMap::new();
        for index in command.order() {
            let (Some(item), Some(draft)) = (command.items.get(index), drafts.get_mut(index)) else { continue };
            let context = Context {
                command,
                names: &names,
                failed: &failed,
                undecided: &undecided,
                scope: &scope,
                systems: &self.systems,
                server_code: &self.server_code,
                first_versions: &first_versions,
            };
            let decided = match refused.contains(&index) {
                true => Some(decide::clash(&faults::ID_TAKEN)),
                false => decide::decide(item, &context, set, draft),
            };
            let Some(mut decided) = decided else {
                undecided.insert(index);
                continue;
            };
            if !decided.status.is_success() {
                failed.insert(index);
            }
            if let Some(effect) = &decided.effect {
                if let Some(before) = &effect.before {
                    first_versions.entry(before.key()).or_insert(before.version);
                }
                effects.push(effect.clone());
                // A unit that was made or moved is judged at its new place by the items after it.
                scope.tree = set.tree.clone();
            }
            if decided.status == ItemStatus::Conflict
                && decided.record.as_ref().is_some_and(|record| scope.reads(record.kind, record.unit_id).is_none())
            {
                decided.record = None;
            }
            if let Some(slot) = items.get_mut(index) {
                *slot = Some(decided);
            }
        }
        // With something undecided all of this is dropped, so that no place needs to be right.
        let items = items.into_iter().flatten().collect();
        (Done { batch: None, applied: true, items, scope, epoch: clock.epoch.clone() }, effects)
    }

    /// The caller's scope now. Nothing when it has lost its account or token since it was let in.
    fn scope(&self, command: &Command, set: &WriteSet, clock: &Clock) -> Option<Scope> {
        let scope = if command.caller.actor == Actor::Operator {
            Scope::operator(set.tree.clone())
        } else {
            let holder = self.holders.get(&command.caller.credential?)?;
            holder.scope(&command.caller.actor, set.now, &set.tree)?
        };
        Some(scope.of_registry(clock))
    }

    /// Forgets what it kept of accounts when they changed, and reads what it does not have.
    async fn refresh(
        &mut self,
        db: &mut Db<'_>,
        rights: RightsRev,
        commands: &[&Command],
        now: Timestamp,
    ) -> Result<(), DbError> {
        if self.holders_rev != rights {
            self.holders.clear();
            let sql = Sql::<Text>::new("SELECT name FROM accounts WHERE kind = 'system'");
            let codes: Vec<String> = on!(db, c => sql.all(c))?;
            self.systems = Arc::new(codes.into_iter().collect());
            self.holders_rev = rights;
        }
        if self.holders.len() >= HOLDERS_KEPT {
            self.holders.clear();
        }
        for credential in commands.iter().filter_map(|command| command.caller.credential) {
            if self.holders.get(&credential).is_some_and(|holder| holder.is_good(now)) {
                continue;
            }
            match Holder::read(db, credential, now).await? {
                Some(holder) => self.holders.insert(credential, holder),
                None => self.holders.remove(&credential),
            };
        }
        Ok(())
    }

    async fn accounts(&mut self, work: AccountWork) -> Result<(), WriteError> {
        let asked = Instant::now();
        let (mut own, mut clock, now) = self.begin().await.map_err(Failure::error)?;
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
                self.commit(own, &rows, &clock, &before).await.map_err(Failure::error)?;
                self.live.store(&Arc::new(clock), &tree, now, asked);
                Ok(())
            }
            Err(error) => {
                self.roll_back(own).await;
                Err(Failure::from(error).error())
            }
        }
    }
}

/// What refuses or answers a command before its items are looked at. `first` is the command of this set that wrote under
/// the same key, with its outcome.
fn before_items(
    command: &Command,
    clock: &Clock,
    kept: &ByKey,
    first: Option<(&Command, &Result<Outcome, WriteError>)>,
) -> Option<Result<Outcome, WriteError>> {
    if let Some(key) = &command.key {
        let mut stored: Option<(String, Kept)> = None;
        if let Some((print, outcome)) = kept.get(&(keys::owner(&command.caller.actor), key.key.clone())) {
            stored = Some((print.clone(), serde_json::from_str(outcome).unwrap_or_default()));
        } else if let Some((first, Ok(Outcome::Done(done)))) = first {
            let print = first.key.as_ref().map(|key| key.fingerprint.clone()).unwrap_or_default();
            stored = Some((print, keys::kept(first, done)));
        }
        if let Some((print, kept)) = stored {
            let same = print == key.fingerprint;
            return Some(if same { Ok(Outcome::Replayed(kept)) } else { Err(WriteError::KeyReused) });
        }
    }
    if command.epoch.as_ref().is_some_and(|epoch| *epoch != clock.epoch) {
        return Some(Err(WriteError::EpochChanged));
    }
    // Before all references are known, none can be said to be missing.
    let deletes = || command.items.iter().any(|item| item.op == PushOp::Delete);
    (!Fingerprint::current().is_of(clock) && deletes()).then_some(Err(WriteError::Unavailable))
}

/// Callers that the last set answered come back within moments: one set with all of them costs one commit. Waits while
/// more arrive, never for more than there were. It blocks the thread, which has nothing else to do: a timer of the
/// runtime would be ten times too coarse.
fn linger(jobs: &mpsc::Receiver<Job>, answered: usize) {
    let (begun, mut seen, mut idle) = (Instant::now(), jobs.len(), 0);
    while seen + 1 < answered && idle < LINGER_LOOKS && begun.elapsed() < LINGER {
        std::thread::sleep(LINGER_PAUSE);
        let now = jobs.len();
        idle = if now == seen { idle + 1 } else { 0 };
        seen = now;
    }
}

/// Takes what waits, up to the limits of a set, and answers who asks whether the writer is alive, unless that takes a
/// write (`failing`). Returns a job that did not fit.
fn gather(set: &mut Vec<Waiting>, jobs: &mut mpsc::Receiver<Job>, failing: bool) -> Option<Job> {
    let alone = |command: &Command| command.dry_run || command.items.len() >= SET_ITEMS;
    let mut items: usize = set.iter().map(|(command, _)| command.items.len()).sum();
    let mut bytes: usize = set.iter().map(|(command, _)| command.bytes).sum();
    if set.iter().any(|(command, _)| alone(command)) {
        return None;
    }
    while set.len() < SET_COMMANDS {
        let job = jobs.try_recv().ok()?;
        match job {
            Job::Records(command, reply)
                if !alone(&command)
                    && items + command.items.len() <= SET_ITEMS
                    && bytes + command.bytes <= SET_BYTES =>
            {
                items += command.items.len();
                bytes += command.bytes;
                set.push((command, reply));
            }
            Job::Probe(reply) if !failing => {
                let _ = reply.send(());
            }
            job => return Some(job),
        }
    }
    None
}
