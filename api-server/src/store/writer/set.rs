//! Deciding the commands of a set one after another, each seeing what the ones before it did, and the rights of their
//! callers as they are now.

use super::keys::{self, ByKey, Kept};
use super::refused::Attempt;
use super::{Done, Outcome, WriteError};
use crate::db::{Db, DbError, Sql, Verbs};
use crate::on;
use crate::store::callers::{Credential, Holder};
use crate::store::decide::{self, Context, Decided, Draft, Effect};
use crate::store::items::Command;
use crate::store::live::{Clock, RightsRev};
use crate::store::reindex::Fingerprint;
use crate::store::scope::{Actor, Scope};
use crate::store::write_set::WriteSet;
use cell_records_types::Timestamp;
use cell_records_types::faults::{self, Fault};
use cell_records_types::sync::{ItemStatus, PushMode, PushOp};
use diesel::sql_types::Text;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// What deciding a set came to.
pub(super) struct DecidedSet {
    /// What became of each command.
    pub outcomes: Vec<Result<Outcome, WriteError>>,
    pub effects: Vec<Effect>,
    /// The commands, by position, whose outcome is kept under their key.
    pub kept: Vec<usize>,
}

/// The rights of at most so many callers are kept in memory.
const HOLDERS_KEPT: usize = 10_000;

/// What commands are decided by, besides the set: who their callers are, and the codes of systems.
pub(super) struct Decider {
    server_code: String,
    /// Who came with which credential, read since accounts last changed.
    holders: HashMap<Credential, Holder>,
    holders_rev: RightsRev,
    systems: HashSet<String>,
}

impl Decider {
    pub(super) fn new(server_code: String) -> Self {
        Decider { server_code, holders: HashMap::new(), holders_rev: RightsRev::NEVER, systems: HashSet::new() }
    }

    /// Forgets what it kept of accounts when they changed, and reads what it does not have.
    pub(super) async fn refresh(
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
            self.systems = codes.into_iter().collect();
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

    /// Decides commands one after another, each seeing what the ones before it did.
    pub(super) fn decide_all(
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
                all.outcomes.push(Err(WriteError::Unauthorised));
                continue;
            };
            let owner = keys::owner(&command.caller.actor);
            let first = command.key.as_ref().and_then(|key| fresh.get(&(owner, key.key.as_str())));
            let first = first.and_then(|first| Some((*commands.get(*first)?, all.outcomes.get(*first)?)));
            if let Some(outcome) = before_items(command, clock, kept, first) {
                all.outcomes.push(outcome);
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
            all.outcomes.push(Ok(Outcome::Done(done)));
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
                true => Some(decide::clash(Fault::new("", &faults::ID_TAKEN))),
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
