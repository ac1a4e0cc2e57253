//! The one writer: a queue, a thread with its own connection, and the life of a set: take what waits, load,
//! decide, flush, commit, answer. Nothing else can write.

use super::decide::{self, Context, Decided, Effect};
use super::flush;
use super::items::{Command, Key};
use super::live::{Clock, Live, read_grants};
use super::load;
use super::scope::{Actor, Grant, Scope};
use super::world::World;
use crate::db::connect::Own;
use crate::db::{At, Database, Db, DbError, Sql, Verbs, engine};
use crate::on;
use cell_records_types::Timestamp;
use cell_records_types::sync::{ItemStatus, PushMode};
use diesel::sql_types::{BigInt, Text};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

/// At most so many commands in one set.
const SET_COMMANDS: usize = 256;
/// At most so many items in one set, but for a single command.
const SET_ITEMS: usize = 1_000;
/// At most so many bytes of requests in one set.
const SET_BYTES: usize = 8 * 1024 * 1024;
/// At most so many commands wait; more are answered `503`.
const QUEUE: usize = 4_096;
/// How often a set is decided anew with what rules asked for in vain, at most.
const ROUNDS: usize = 3;
/// Tries of a set that the database refuses.
const TRIES: usize = 20;
/// How long a batch's row is kept: longer than any commit whose answer is lost.
const BATCHES_KEPT: Duration = Duration::from_secs(86_400);
/// How long the answer under an `Idempotency-Key` is kept, in days.
pub const KEYS_KEPT_DAYS: i64 = 7;

/// Why a command has no outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteError {
    /// The database could not be reached or is too busy: nothing is stored.
    Unavailable,
    /// The commit's answer was lost and the database cannot say what became of it.
    OutcomeUnknown,
    /// The database refused what the rules let pass.
    Refused,
    /// A fault of the program; the log says which.
    Internal,
    /// Another epoch than the caller's.
    EpochChanged,
    /// The key was used for another request.
    KeyReused,
    /// The key's answer was made for other rights than the caller's now.
    RightsChanged,
    /// The account is disabled, or its token revoked, since the request was let in.
    Unauthorised,
}

/// An answer kept under an `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// HTTP status.
    pub status: u16,
    /// Headers, as JSON pairs.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: String,
}

/// What became of a command.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Decided and, unless refused or dry, committed.
    Done(Done),
    /// A repeat: the answer that its first run kept.
    Replayed(KeptAnswer),
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

/// Makes the answer that is kept under a key. It runs inside the write, so it must be quick.
pub type Answer = Box<dyn Fn(&Done) -> KeptAnswer + Send>;

/// Work on accounts, sessions, tokens and audit rows: a set of its own, in the same order as all writes.
pub type AccountWork = Box<dyn for<'a> FnOnce(&'a mut WriteTx<'_>) -> AccountFuture<'a> + Send>;
/// What account work answers.
pub type AccountFuture<'a> = std::pin::Pin<Box<dyn Future<Output = Result<(), DbError>> + 'a>>;

enum Job {
    Records(Box<Command>, Option<Answer>, oneshot::Sender<Result<Outcome, WriteError>>),
    Accounts(AccountWork, oneshot::Sender<Result<(), WriteError>>),
}

/// An open write transaction. Only the writer makes one; who holds it may change tables.
pub struct WriteTx<'a> {
    db: Db<'a>,
    clock: &'a mut Clock,
    /// The database's clock.
    pub now: Timestamp,
}

impl WriteTx<'_> {
    /// The connection.
    pub fn db(&mut self) -> Db<'_> {
        self.db.again()
    }

    /// The clock row, as this write will leave it.
    pub fn clock(&self) -> &Clock {
        self.clock
    }

    /// Says that accounts, grants or tokens changed: every server forgets what it cached.
    pub fn rights_changed(&mut self) {
        self.clock.auth_rev += 1;
    }

    /// Begins another life of the log, unless this one ended already.
    pub fn end_epoch(&mut self, epoch: &str) {
        if self.clock.epoch == epoch {
            self.clock.epoch = Clock::new_epoch();
        }
    }

    /// The answer that is kept under a caller's key, or why the key cannot be used.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn kept(&mut self, scope: &Scope, key: &Key) -> Result<Option<Result<KeptAnswer, WriteError>>, DbError> {
        let found = find_key(&mut self.db(), actor_id(&scope.actor), key).await?;
        Ok(found.map(|(fingerprint, kept_rights, answer)| {
            if fingerprint != key.fingerprint {
                Err(WriteError::KeyReused)
            } else if kept_rights != rights(scope) {
                Err(WriteError::RightsChanged)
            } else {
                Ok(answer)
            }
        }))
    }

    /// Keeps an answer under a caller's key.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep(&mut self, scope: &Scope, key: &Key, answer: &KeptAnswer) -> Result<(), DbError> {
        let now = self.now;
        keep_answer(&mut self.db(), actor_id(&scope.actor), key, &rights(scope), answer, now).await
    }
}

/// The way in: hands commands to the writer's thread.
#[derive(Clone)]
pub struct Writer {
    queue: mpsc::Sender<Job>,
    committed: watch::Receiver<i64>,
}

impl Writer {
    /// Starts the writer of a database, which must be migrated.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn start(database: &Database, live: Arc<Live>, server_code: String) -> Result<Writer, String> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (head, committed) = watch::channel(0);
        let database = database.clone();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        let run = move || {
            let worker = Worker {
                database,
                live,
                server_code,
                own: None,
                grants: HashMap::new(),
                grants_rev: -1,
                systems: Arc::default(),
                head,
            };
            runtime.block_on(worker.run(jobs));
        };
        std::thread::Builder::new().name("writer".into()).spawn(run).map_err(|error| error.to_string())?;
        Ok(Writer { queue, committed })
    }

    /// Hands in a command and waits for what becomes of it. `answer` makes what is kept under its key.
    ///
    /// # Errors
    /// When it has no outcome.
    pub async fn submit(&self, command: Command, answer: Option<Answer>) -> Result<Outcome, WriteError> {
        let (reply, wait) = oneshot::channel();
        self.queue.try_send(Job::Records(Box::new(command), answer, reply)).map_err(|_| WriteError::Unavailable)?;
        wait.await.unwrap_or(Err(WriteError::OutcomeUnknown))
    }

    /// Hands in work on accounts and waits until it is committed.
    ///
    /// # Errors
    /// When it has no outcome.
    pub async fn accounts<T: Send + 'static>(
        &self,
        work: impl for<'a> FnOnce(&'a mut WriteTx<'_>) -> std::pin::Pin<Box<dyn Future<Output = Result<T, DbError>> + 'a>>
        + Send
        + 'static,
    ) -> Result<T, WriteError> {
        let (reply, wait) = oneshot::channel();
        let (answer, result) = std::sync::mpsc::sync_channel(1);
        let work: AccountWork = Box::new(move |tx| {
            let work = work(tx);
            Box::pin(async move {
                // The receiver only goes when the caller hung up; the write stands all the same.
                let _ = answer.send(work.await?);
                Ok(())
            })
        });
        self.queue.try_send(Job::Accounts(work, reply)).map_err(|_| WriteError::Unavailable)?;
        wait.await.unwrap_or(Err(WriteError::OutcomeUnknown))?;
        result.try_recv().map_err(|_| WriteError::Internal)
    }

    /// Tells when this server commits: the head of the log. Another server's commits are not told.
    pub fn committed(&self) -> watch::Receiver<i64> {
        self.committed.clone()
    }
}

struct Worker {
    database: Database,
    live: Arc<Live>,
    server_code: String,
    own: Option<Own>,
    grants: HashMap<Uuid, Arc<Vec<Grant>>>,
    grants_rev: i64,
    systems: Arc<HashSet<String>>,
    head: watch::Sender<i64>,
}

/// Outcomes with whether each command wrote, effects, and the answers to keep by the place of their command.
type AllDecided<'a> = (Vec<(Result<Outcome, WriteError>, bool)>, Vec<Effect>, Vec<(usize, Actor, Key, &'a Answer)>);

type Waiting = (Box<Command>, Option<Answer>, oneshot::Sender<Result<Outcome, WriteError>>);

impl Worker {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut next: Option<Job> = None;
        loop {
            let Some(job) = (match next.take() {
                Some(job) => Some(job),
                None => jobs.recv().await,
            }) else {
                return;
            };
            match job {
                Job::Accounts(work, reply) => {
                    let result = self.accounts(work).await;
                    let _ = reply.send(result);
                }
                Job::Records(command, answer, reply) => {
                    let mut set: Vec<Waiting> = vec![(command, answer, reply)];
                    next = gather(&mut set, &mut jobs);
                    self.set(set).await;
                }
            }
        }
    }

    /// One set: as one transaction, or in halves where the database refuses it; a command that is left alone is
    /// searched for the items that it refuses, and decided anew without them.
    async fn set(&mut self, set: Vec<Waiting>) {
        let (commands, rest): (Vec<_>, Vec<_>) =
            set.into_iter().map(|(command, answer, reply)| ((command, answer), reply)).unzip();
        let mut results: Vec<Option<Result<Outcome, WriteError>>> = commands.iter().map(|_| None).collect();
        let mut tries = 0;
        let mut waiting: Vec<(Vec<usize>, Attempt)> = vec![((0..commands.len()).collect(), Attempt::default())];
        while let Some((part, attempt)) = waiting.pop() {
            tries += 1;
            let refs: Vec<(&Command, Option<&Answer>)> = part
                .iter()
                .filter_map(|index| commands.get(*index).map(|(command, answer)| (&**command, answer.as_ref())))
                .collect();
            match self.transaction(&refs, &attempt).await {
                Ok(outcomes) => {
                    for (index, outcome) in part.iter().zip(outcomes) {
                        if let Some(result) = results.get_mut(*index) {
                            *result = Some(outcome);
                        }
                    }
                }
                Err(Failure::Refused) if part.len() > 1 && tries < TRIES => {
                    // The later half waits below the earlier: the order stays.
                    let half = part.len() / 2;
                    let (first, second) = part.split_at(half);
                    waiting.push((second.to_vec(), Attempt::default()));
                    waiting.push((first.to_vec(), Attempt::default()));
                }
                Err(Failure::Refused) if is_divisible(&refs) && tries < TRIES => {
                    waiting.push((part, Attempt { search: true, ..attempt }));
                }
                Err(Failure::Items(found)) if tries < TRIES => {
                    let refused = attempt.refused.into_iter().chain(found).collect();
                    waiting.push((part, Attempt { refused, search: false }));
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
        for (result, reply) in results.into_iter().zip(rest) {
            // Who hung up does not read it; the write stands all the same.
            let _ = reply.send(result.unwrap_or(Err(WriteError::Internal)));
        }
    }

    /// Opens a transaction with the clock taken first; `work` fills it; it is committed when something was written.
    async fn begin(&mut self) -> Result<(Own, Clock, Timestamp), Failure> {
        let mut own = match self.own.take() {
            Some(own) => own,
            None => self.database.open().await.map_err(|error| failed(&error))?,
        };
        let begun = async {
            engine::begin_write(&mut own.db()).await?;
            let clock = Clock::read(&mut own.db(), true).await?;
            let now = engine::now(&mut own.db()).await?;
            Ok::<_, DbError>((clock, now))
        };
        match begun.await {
            Ok((clock, now)) => Ok((own, clock, now.into())),
            // The connection is dropped with what it had open.
            Err(error) => Err(failed(&error)),
        }
    }

    async fn transaction(
        &mut self,
        commands: &[(&Command, Option<&Answer>)],
        attempt: &Attempt,
    ) -> Result<Vec<Result<Outcome, WriteError>>, Failure> {
        let asked = Instant::now();
        let (mut own, mut clock, now) = self.begin().await?;
        if commands.iter().map(|(command, _)| command.items.len()).sum::<usize>() > SET_ITEMS {
            engine::take_time(&mut own.db()).await.map_err(|error| failed(&error))?;
        }
        let before = clock.clone();
        let worked = self.work(&mut own, &mut clock, now, commands, attempt).await;
        let (mut outcomes, tree) = match worked {
            Ok(worked) => worked,
            Err(error) => {
                // A connection that cannot even roll back is dropped.
                if engine::batch(&mut own.db(), "ROLLBACK").await.is_ok() {
                    self.own = Some(own);
                }
                return Err(error);
            }
        };
        if clock == before && !outcomes.iter().any(|outcome| outcome.1) {
            if engine::batch(&mut own.db(), "ROLLBACK").await.is_ok() {
                self.own = Some(own);
            }
        } else {
            self.commit(own, &clock, &before).await.map_err(Failure::Other)?;
            let clock = Arc::new(clock);
            self.live.store(&clock, &tree, now, asked);
            self.head.send_replace(clock.seq);
        }
        Ok(outcomes.drain(..).map(|(outcome, _)| outcome).collect())
    }

    /// Commits. When the answer is lost, a new connection looks the batch up under the clock.
    async fn commit(&mut self, mut own: Own, clock: &Clock, before: &Clock) -> Result<(), WriteError> {
        match engine::batch(&mut own.db(), "COMMIT").await {
            Ok(()) => {
                self.own = Some(own);
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, "a commit failed; looking up what became of it");
                drop(own);
                if clock.batch == before.batch {
                    // Only accounts changed: they leave no batch to look up.
                    return Err(WriteError::OutcomeUnknown);
                }
                for _ in 0..10 {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    let Ok((mut own, ..)) = self.begin().await else { continue };
                    let sql = Sql::<BigInt>::new("SELECT seq FROM batches WHERE batch = ").bind(clock.batch);
                    let found: Result<Option<i64>, DbError> = on!(&mut own.db(), c => sql.first_row(c));
                    let rolled_back = engine::batch(&mut own.db(), "ROLLBACK").await;
                    match (found, rolled_back) {
                        (Ok(Some(_)), Ok(())) => {
                            self.own = Some(own);
                            return Ok(());
                        }
                        (Ok(None), Ok(())) => {
                            self.own = Some(own);
                            return Err(WriteError::Unavailable);
                        }
                        _ => {}
                    }
                }
                Err(WriteError::OutcomeUnknown)
            }
        }
    }

    /// Load, decide, flush. Answers each command's outcome, whether it wrote, and the tree as it is now.
    async fn work(
        &mut self,
        own: &mut Own,
        clock: &mut Clock,
        now: Timestamp,
        commands: &[(&Command, Option<&Answer>)],
        attempt: &Attempt,
    ) -> Result<(Vec<(Result<Outcome, WriteError>, bool)>, Arc<super::scope::Tree>), Failure> {
        let mut db = own.db();
        let began = clock.seq;
        let view = self
            .live
            .learn(&mut db, clock.clone(), At::from(now), Instant::now())
            .await
            .map_err(|error| failed(&error))?;
        self.refresh(&mut db, clock).await.map_err(|error| failed(&error))?;
        let mut world = World::new(now, view.tree.clone());
        let all: Vec<&Command> = commands.iter().map(|(command, _)| *command).collect();
        load::load(&mut db, &mut world, &all).await.map_err(|error| failed(&error))?;
        let found = find_keys(&mut db, &all).await.map_err(|error| failed(&error))?;
        let mut rounds = 0;
        let (mut outcomes, effects, answers) = loop {
            let mark = world.mark();
            let decided = self.decide_all(&mut db, clock, now, commands, attempt, &mut world, found.clone()).await?;
            let missed = world.take_missed();
            if missed.is_empty() || rounds == ROUNDS {
                break decided;
            }
            // What an item made of a record that an earlier one of the set wrote could not be foreseen.
            world.back_to(mark);
            load::fetch_needs(&mut db, &mut world, missed).await.map_err(|error| failed(&error))?;
            rounds += 1;
        };
        if attempt.search {
            let found = one_by_one(&mut db, clock, &mut world, &effects).await?;
            return Err(Failure::Items(items_of(&outcomes, &effects, &found)));
        }
        flush::flush(&mut db, clock, &mut world, &effects).await.map_err(|error| failed(&error))?;
        let batch = (!effects.is_empty()).then_some(clock.batch);
        for (outcome, wrote) in &mut outcomes {
            if let Ok(Outcome::Done(done)) = outcome {
                done.batch = batch.filter(|_| *wrote);
            }
        }
        for (index, actor, key, answer) in answers {
            if let Some((Ok(Outcome::Done(done)), _)) = outcomes.get(index) {
                let kept = answer(done);
                keep_answer(&mut db, actor_id(&actor), &key, &rights(&done.scope), &kept, now)
                    .await
                    .map_err(|error| failed(&error))?;
            }
        }
        self.second_runs(&mut outcomes, commands);
        if !effects.is_empty() {
            flush::store_clock(&mut db, clock).await.map_err(|error| failed(&error))?;
            forget_old(&mut db, began, clock.seq, now).await.map_err(|error| failed(&error))?;
        }
        Ok((outcomes, world.tree))
    }

    /// Decides commands one after another, each seeing what the ones before it did.
    async fn decide_all<'a>(
        &mut self,
        db: &mut Db<'_>,
        clock: &Clock,
        now: Timestamp,
        commands: &[(&Command, Option<&'a Answer>)],
        attempt: &Attempt,
        world: &mut World,
        mut kept: Kept,
    ) -> Result<AllDecided<'a>, Failure> {
        let mut outcomes = Vec::with_capacity(commands.len());
        let mut effects: Vec<Effect> = Vec::new();
        let mut answers = Vec::new();
        for (command, answer) in commands {
            let scope = self.scope(db, command, now, world).await.map_err(|error| failed(&error))?;
            let Some(scope) = scope else {
                outcomes.push((Err(WriteError::Unauthorised), false));
                continue;
            };
            if let Some(refused) = self.before(command, &scope, clock, &kept) {
                outcomes.push((refused, false));
                continue;
            }
            let mark = world.mark();
            let tree = world.tree.clone();
            let (mut done, mut own_effects) = self.decide(command, &attempt.refused, scope, world, clock);
            let refused = command.mode == PushMode::All && done.items.iter().any(|item| !item.status.is_success());
            if refused || command.dry_run {
                world.back_to(mark);
                world.tree = tree;
                own_effects.clear();
                done.applied = false;
            }
            let wrote = !own_effects.is_empty();
            effects.append(&mut own_effects);
            // Only an effect needs its key kept: what wrote nothing is decided anew by a repeat.
            if let (Some(key), Some(answer), true) = (&command.key, answer, wrote) {
                answers.push((outcomes.len(), command.caller.actor.clone(), key.clone(), *answer));
                // A second command with this key in the same set finds it here.
                kept.insert(
                    (actor_id(&command.caller.actor), key.key.clone()),
                    (key.fingerprint.clone(), rights(&done.scope), None),
                );
            }
            outcomes.push((Ok(Outcome::Done(done)), wrote));
        }
        Ok((outcomes, effects, answers))
    }

    /// A command whose key stood earlier in the same set is answered as that one was.
    fn second_runs(
        &self,
        outcomes: &mut [(Result<Outcome, WriteError>, bool)],
        commands: &[(&Command, Option<&Answer>)],
    ) {
        for index in 0..outcomes.len() {
            let Some((Err(WriteError::KeyReused), _)) = outcomes.get(index) else { continue };
            let Some((command, Some(answer))) = commands.get(index) else { continue };
            let Some(key) = &command.key else { continue };
            let first = commands.iter().take(index).position(|(other, _)| {
                other.caller.actor == command.caller.actor
                    && other.key.as_ref().is_some_and(|one| one.key == key.key && one.fingerprint == key.fingerprint)
            });
            let replay = first.and_then(|first| match outcomes.get(first) {
                Some((Ok(Outcome::Done(done)), _)) if done.applied => Some(answer(done)),
                _ => None,
            });
            if let (Some(kept), Some(outcome)) = (replay, outcomes.get_mut(index)) {
                outcome.0 = Ok(Outcome::Replayed(kept));
            }
        }
    }

    /// What refuses or answers a command before its items are looked at.
    fn before(
        &self,
        command: &Command,
        scope: &Scope,
        clock: &Clock,
        kept: &Kept,
    ) -> Option<Result<Outcome, WriteError>> {
        if let Some(key) = &command.key
            && let Some((fingerprint, kept_rights, answer)) =
                kept.get(&(actor_id(&command.caller.actor), key.key.clone()))
        {
            return Some(if *fingerprint != key.fingerprint {
                Err(WriteError::KeyReused)
            } else if *kept_rights != rights(scope) {
                Err(WriteError::RightsChanged)
            } else {
                // Without an answer it is the second of one set: `second_runs` makes it.
                answer.clone().map(Outcome::Replayed).ok_or(WriteError::KeyReused)
            });
        }
        let other = command.epoch.as_ref().is_some_and(|epoch| *epoch != clock.epoch);
        other.then_some(Err(WriteError::EpochChanged))
    }

    fn decide(
        &self,
        command: &Command,
        refused: &HashSet<usize>,
        scope: Scope,
        world: &mut World,
        clock: &Clock,
    ) -> (Done, Vec<Effect>) {
        let names = command.names();
        let mut items: Vec<Option<Decided>> = command.items.iter().map(|_| None).collect();
        let mut effects = Vec::new();
        let mut failed = HashSet::new();
        let mut first_versions = HashMap::new();
        let mut scope = scope;
        for index in command.order() {
            let Some(item) = command.items.get(index) else { continue };
            let context = Context {
                command,
                names: &names,
                failed: &failed,
                scope: &scope,
                systems: &self.systems,
                server_code: &self.server_code,
                first_versions: &first_versions,
            };
            let mut decided = match refused.contains(&index) {
                true => decide::clash(&cell_records_types::faults::ID_TAKEN),
                false => decide::decide(item, &context, world),
            };
            if !decided.status.is_success() {
                failed.insert(index);
            }
            if let Some(effect) = &decided.effect {
                if let Some(before) = &effect.before {
                    first_versions.entry((before.kind.order, before.id)).or_insert(before.version);
                }
                effects.push(effect.clone());
                // A unit that was made or moved is judged at its new place by the items after it.
                scope.tree = world.tree.clone();
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
        let items = items.into_iter().flatten().collect();
        (Done { batch: None, applied: true, items, scope, epoch: clock.epoch.clone() }, effects)
    }

    async fn scope(
        &mut self,
        db: &mut Db<'_>,
        command: &Command,
        now: Timestamp,
        world: &World,
    ) -> Result<Option<Scope>, DbError> {
        let Actor::Account(account, _) = &command.caller.actor else {
            return Ok(Some(Scope::operator(world.tree.clone())));
        };
        let grants = match self.grants.get(account) {
            Some(grants) => grants.clone(),
            None => {
                let grants = Arc::new(read_grants(db, *account).await?);
                self.grants.insert(*account, grants.clone());
                grants
            }
        };
        let mut scope = Scope::new(command.caller.actor.clone(), &grants, now, world.tree.clone());
        if !command.caller.only.is_empty() {
            scope.grants.retain(|grant| command.caller.only.contains(&grant.id));
        }
        Ok(Some(scope))
    }

    /// Forgets what it kept of accounts when they changed.
    async fn refresh(&mut self, db: &mut Db<'_>, clock: &Clock) -> Result<(), DbError> {
        if self.grants_rev != clock.auth_rev {
            self.grants.clear();
            let sql = Sql::<Text>::new("SELECT name FROM accounts WHERE kind = 'system'");
            let codes: Vec<String> = on!(db, c => sql.all(c))?;
            self.systems = Arc::new(codes.into_iter().collect());
            self.grants_rev = clock.auth_rev;
        }
        Ok(())
    }

    async fn accounts(&mut self, work: AccountWork) -> Result<(), WriteError> {
        let asked = Instant::now();
        let (mut own, mut clock, now) = self.begin().await.map_err(Failure::error)?;
        let before = clock.clone();
        let worked = async {
            let view = self.live.learn(&mut own.db(), clock.clone(), At::from(now), asked).await?;
            let mut tx = WriteTx { db: own.db(), clock: &mut clock, now };
            work(&mut tx).await?;
            flush::store_clock(&mut own.db(), &clock).await?;
            Ok::<_, DbError>(view.tree)
        };
        match worked.await {
            Ok(tree) => {
                self.commit(own, &clock, &before).await?;
                self.live.store(&Arc::new(clock), &tree, now, asked);
                Ok(())
            }
            Err(error) => {
                if engine::batch(&mut own.db(), "ROLLBACK").await.is_ok() {
                    self.own = Some(own);
                }
                Err(failed(&error).error())
            }
        }
    }
}

/// How a set is tried.
#[derive(Default)]
struct Attempt {
    /// Items of the only command that the database has refused: the rules refuse them now.
    refused: HashSet<usize>,
    /// Whether nothing is kept, and only what the database refuses is looked for.
    search: bool,
}

enum Failure {
    /// The database refused what the rules let pass.
    Refused,
    /// It refused these items.
    Items(HashSet<usize>),
    Other(WriteError),
}

impl Failure {
    fn error(self) -> WriteError {
        match self {
            Failure::Refused | Failure::Items(_) => WriteError::Refused,
            Failure::Other(error) => error,
        }
    }
}

/// Whether it is one command whose items stand or fall one by one.
fn is_divisible(commands: &[(&Command, Option<&Answer>)]) -> bool {
    matches!(commands, [(command, _)] if command.mode == PushMode::Record)
}

/// The effects that the database refuses, by position: halves in savepoints. The transaction is rolled back after it.
async fn one_by_one(
    db: &mut Db<'_>,
    clock: &mut Clock,
    world: &mut World,
    effects: &[Effect],
) -> Result<Vec<usize>, Failure> {
    let mut found = Vec::new();
    let mut waiting: Vec<(usize, usize)> = vec![(0, effects.len())];
    let mut tries = 0;
    while let Some((from, to)) = waiting.pop() {
        tries += 1;
        if tries > 2 * TRIES {
            return Err(Failure::Other(WriteError::Refused));
        }
        let saved = clock.clone();
        engine::batch(db, "SAVEPOINT part").await.map_err(|error| failed(&error))?;
        match flush::flush(db, clock, world, effects.get(from..to).unwrap_or_default()).await {
            Ok(()) => engine::batch(db, "RELEASE SAVEPOINT part").await.map_err(|error| failed(&error))?,
            Err(error) if engine::is_constraint(&error) => {
                tracing::warn!(%error, "the database refused what the rules let pass");
                engine::batch(db, "ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part")
                    .await
                    .map_err(|error| failed(&error))?;
                *clock = saved;
                if to - from == 1 {
                    found.push(from);
                } else {
                    let half = from.midpoint(to);
                    waiting.push((half, to));
                    waiting.push((from, half));
                }
            }
            Err(error) => return Err(failed(&error)),
        }
    }
    Ok(found)
}

/// The items that made these effects.
fn items_of(outcomes: &[(Result<Outcome, WriteError>, bool)], effects: &[Effect], found: &[usize]) -> HashSet<usize> {
    let version = |effect: &Effect| (effect.after.kind.order, effect.after.id, effect.after.version);
    let found: HashSet<_> = found.iter().filter_map(|index| effects.get(*index)).map(version).collect();
    let done = outcomes.iter().filter_map(|(outcome, _)| match outcome {
        Ok(Outcome::Done(done)) => Some(done),
        _ => None,
    });
    let items = done.flat_map(|done| done.items.iter().enumerate());
    items
        .filter(|(_, item)| item.effect.as_ref().is_some_and(|effect| found.contains(&version(effect))))
        .map(|(index, _)| index)
        .collect()
}

fn failed(error: &DbError) -> Failure {
    if engine::is_constraint(error) {
        tracing::warn!(%error, "the database refused what the rules let pass");
        Failure::Refused
    } else if engine::is_unavailable(error) {
        tracing::warn!(%error, "the database is not available for writing");
        Failure::Other(WriteError::Unavailable)
    } else {
        tracing::error!(%error, "a write failed");
        Failure::Other(WriteError::Internal)
    }
}

/// Takes what waits, up to the limits of a set. Answers a job that did not fit.
fn gather(set: &mut Vec<Waiting>, jobs: &mut mpsc::Receiver<Job>) -> Option<Job> {
    let alone = |command: &Command| command.dry_run || command.items.len() >= SET_ITEMS;
    let size = |set: &[Waiting]| {
        let items: usize = set.iter().map(|(command, ..)| command.items.len()).sum();
        (items, set.iter().map(|(command, ..)| command.bytes).sum::<usize>())
    };
    let (mut items, mut bytes) = size(set);
    if set.iter().any(|(command, ..)| alone(command)) {
        return None;
    }
    while set.len() < SET_COMMANDS {
        let job = jobs.try_recv().ok()?;
        match job {
            Job::Records(command, answer, reply)
                if !alone(&command)
                    && items + command.items.len() <= SET_ITEMS
                    && bytes + command.bytes <= SET_BYTES =>
            {
                items += command.items.len();
                bytes += command.bytes;
                set.push((command, answer, reply));
            }
            job => return Some(job),
        }
    }
    None
}

/// Fingerprint, rights, and the answer unless it is made in this very set.
type Kept = HashMap<(Uuid, String), (String, String, Option<KeptAnswer>)>;

async fn find_keys(db: &mut Db<'_>, commands: &[&Command]) -> Result<Kept, DbError> {
    let mut kept = Kept::new();
    for command in commands {
        let Some(key) = &command.key else { continue };
        let caller = actor_id(&command.caller.actor);
        if let Some((fingerprint, rights, answer)) = find_key(db, caller, key).await? {
            kept.insert((caller, key.key.clone()), (fingerprint, rights, Some(answer)));
        }
    }
    Ok(kept)
}

async fn find_key(db: &mut Db<'_>, caller: Uuid, key: &Key) -> Result<Option<(String, String, KeptAnswer)>, DbError> {
    let sql = Sql::<(Text, Text, BigInt, Text, Text)>::new(
        "SELECT fingerprint, rights, status, headers, body FROM idempotency_keys WHERE caller_id = ",
    )
    .bind(caller)
    .text(" AND key = ")
    .bind(key.key.as_str());
    let row: Option<(String, String, i64, String, String)> = on!(db, c => sql.first_row(c))?;
    Ok(row.map(|(fingerprint, rights, status, headers, body)| {
        let headers = serde_json::from_str(&headers).unwrap_or_default();
        (fingerprint, rights, KeptAnswer { status: u16::try_from(status).unwrap_or(200), headers, body })
    }))
}

async fn keep_answer(
    db: &mut Db<'_>,
    caller: Uuid,
    key: &Key,
    rights: &str,
    kept: &KeptAnswer,
    now: Timestamp,
) -> Result<(), DbError> {
    use crate::db::{Column, Type, Write};
    const COLUMNS: [Column; 8] = [
        Column::new("caller_id", Type::Id),
        Column::new("key", Type::Text),
        Column::new("fingerprint", Type::Text),
        Column::new("rights", Type::Text),
        Column::new("status", Type::Int),
        Column::new("headers", Type::Text),
        Column::new("body", Type::Text),
        Column::new("at", Type::At),
    ];
    let row = vec![
        caller.into(),
        key.key.as_str().into(),
        key.fingerprint.as_str().into(),
        rights.into(),
        i64::from(kept.status).into(),
        serde_json::to_string(&kept.headers).unwrap_or_default().into(),
        kept.body.as_str().into(),
        At::from(now).into(),
    ];
    engine::write_rows(db, Write::Insert, "idempotency_keys", &COLUMNS, &[row]).await
}

/// Once in a thousand rows of the log, what only had to be kept a while goes.
async fn forget_old(db: &mut Db<'_>, began: i64, seq: i64, now: Timestamp) -> Result<(), DbError> {
    if began / 1_000 == seq / 1_000 {
        return Ok(());
    }
    let ago = |age: Duration| At(now.micros() - i64::try_from(age.as_micros()).unwrap_or(0));
    let days = Duration::from_secs(86_400 * KEYS_KEPT_DAYS.unsigned_abs());
    let batches = Sql::<()>::new("DELETE FROM batches WHERE at < ").bind(ago(BATCHES_KEPT));
    on!(db, c => batches.run(c))?;
    let keys = Sql::<()>::new("DELETE FROM idempotency_keys WHERE at < ").bind(ago(days));
    on!(db, c => keys.run(c))?;
    Ok(())
}

fn actor_id(actor: &Actor) -> Uuid {
    match actor {
        Actor::Account(id, _) => *id,
        Actor::Operator => Uuid::nil(),
    }
}

/// What of a scope an answer depends on.
fn rights(scope: &Scope) -> String {
    let mut ids: Vec<String> = scope.grants.iter().map(|grant| grant.id.to_string()).collect();
    ids.sort();
    ids.concat()
}
