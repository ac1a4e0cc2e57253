//! What a server keeps in memory of its database and how it knows that it still holds: the clock row's
//! counters. A server that has not confirmed them within a second asks the database.

use super::grants;
use super::scope::{Actor, Grant, Narrowing, Scope};
use super::tree::Tree;
use crate::db::{At, Db, DbError, Guid, Id, Sql, Verbs, engine};
use crate::on;
use cell_records_types::Timestamp;
use diesel::sql_types::{BigInt, Nullable, Text};
use quick_cache::sync::Cache;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The clock row: the order of all writes, and counters that show whether what was read still holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// Position of the last row of the log.
    pub seq: i64,
    /// The batch of that row.
    pub batch: Uuid,
    /// The incarnation of this log.
    pub epoch: String,
    /// Cursors below it are too old.
    pub floor_seq: i64,
    /// Counts changes of the tree.
    pub tree_rev: i64,
    /// Counts changes of accounts, grants and tokens.
    pub auth_rev: i64,
    /// Raised by the migration that ships a changed policy.
    pub policy_rev: i64,
    /// The registry that all records were brought up to (`reindex`).
    pub registry: String,
}

type ClockSql = (BigInt, Guid, Text, BigInt, BigInt, BigInt, BigInt, Text, Nullable<crate::db::Instant>);
type ClockRow = (i64, Id, String, i64, i64, i64, i64, String, Option<At>);

impl Clock {
    /// A name for a new incarnation of the log: 16 hex digits.
    pub fn new_epoch() -> String {
        Uuid::new_v4().simple().to_string().chars().take(16).collect()
    }

    /// Reads the clock row, and the database's clock right after; with `lock` as the first act of a write, so that no
    /// other write begins.
    ///
    /// # Errors
    /// When the database fails; [`DbError::NotFound`] before the first start has made the row.
    pub async fn read(db: &mut Db<'_>, lock: bool) -> Result<(Self, At), DbError> {
        let (before, after) = engine::with_now(db, lock);
        let sql = Sql::<ClockSql>::new(before)
            .text("SELECT seq, batch, epoch, floor_seq, tree_rev, auth_rev, policy_rev, registry FROM sync_clock")
            .text(after);
        let row: Option<ClockRow> = on!(db, c => sql.first_row(c))?;
        let (seq, batch, epoch, floor_seq, tree_rev, auth_rev, policy_rev, registry, now) =
            row.ok_or(DbError::NotFound)?;
        let now = now.unwrap_or_else(|| Timestamp::now().into());
        Ok((Clock { seq, batch: batch.0, epoch, floor_seq, tree_rev, auth_rev, policy_rev, registry }, now))
    }
}

/// Reads the tree.
///
/// # Errors
/// When the database fails.
pub async fn read_tree(db: &mut Db<'_>) -> Result<Tree, DbError> {
    let sql = Sql::<(Guid, Nullable<Guid>, BigInt)>::new("SELECT unit_id, parent_id, boundary_seq FROM unit_tree");
    let rows: Vec<(Id, Option<Id>, i64)> = on!(db, c => sql.all(c))?;
    let mut tree = Tree::default();
    for (unit, parent, boundary) in rows {
        tree.set(unit.0, parent.map(|parent| parent.0), boundary);
    }
    Ok(tree)
}

/// When rights were read: what was read of accounts, grants, tokens and keys holds as long as this stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RightsRev {
    /// Which history of the database this server saw, as it counts them: counters of another one say nothing.
    timeline: u64,
    auth_rev: i64,
}

impl RightsRev {
    /// At which nothing was read yet: no counter is negative.
    pub const NEVER: RightsRev = RightsRev { timeline: 0, auth_rev: -1 };

    /// At a counter.
    #[cfg(test)]
    pub const fn at(auth_rev: i64) -> Self {
        RightsRev { timeline: 0, auth_rev }
    }
}

/// For so long the counters are taken to hold without asking the database.
const CONFIRMED_FOR: Duration = Duration::from_millis(800);
/// At most so many accounts' grants are kept.
const ACCOUNTS_KEPT: usize = 10_000;

/// What is kept, behind a lock that is never held across an await.
pub struct Live {
    kept: Mutex<Kept>,
    /// Accounts' grants with when they were read. When it is full the least used go.
    grants: Cache<Uuid, (RightsRev, Arc<Vec<Grant>>)>,
}

impl Default for Live {
    fn default() -> Self {
        Live { kept: Mutex::default(), grants: Cache::new(ACCOUNTS_KEPT) }
    }
}

#[derive(Default)]
struct Kept {
    clock: Option<Arc<Clock>>,
    confirmed: Option<Instant>,
    /// When the clock was taken over.
    since: Option<Instant>,
    timeline: u64,
    /// The database's clock in the answer that came at `since`, in microseconds.
    now: i64,
    tree: Arc<Tree>,
    tree_rev: Option<i64>,
}

/// What a clock row is to the one that is kept.
#[derive(PartialEq, Eq)]
enum Next {
    /// The same history, as far or further.
    Further,
    /// The same history, read before the one that is kept.
    Earlier,
    /// Another history: a new epoch, or a database that was put back.
    Another,
}

impl Kept {
    fn next(&self, clock: &Clock, asked: Instant) -> Next {
        let Some(old) = &self.clock else { return Next::Further };
        if old.epoch != clock.epoch || (old.seq == clock.seq && old.batch != clock.batch) {
            return Next::Another;
        }
        if old.seq <= clock.seq && old.auth_rev <= clock.auth_rev && old.tree_rev <= clock.tree_rev {
            return Next::Further;
        }
        // A read that began before the last write must not bring the past back. One that began after it and sees less
        // sees a database that has lost something.
        if self.since.is_some_and(|since| asked > since) { Next::Another } else { Next::Earlier }
    }
}

/// One consistent view of what is kept.
#[derive(Debug, Clone)]
pub struct View {
    /// The clock row as it was confirmed.
    pub clock: Arc<Clock>,
    /// The database's clock, now.
    pub now: Timestamp,
    /// The tree at that clock.
    pub tree: Arc<Tree>,
    /// What rights that were read at that clock are kept under.
    pub rights: RightsRev,
    /// When the database was asked: what was committed before is in it.
    pub asked: Instant,
}

impl View {
    fn scope(&self, actor: &Actor, grants: &[Grant], narrowing: &Narrowing) -> Scope {
        Scope::new(actor.clone(), grants, narrowing, self.now, self.tree.clone()).of_registry(&self.clock)
    }
}

impl Live {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Nothing that holds the lock can panic half-way through a change.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The view, if it was confirmed within the last second.
    pub fn view(&self) -> Option<View> {
        let kept = self.kept();
        let asked = kept.confirmed.filter(|at| at.elapsed() < CONFIRMED_FOR)?;
        let clock = kept.clock.as_ref().filter(|clock| kept.tree_rev == Some(clock.tree_rev))?;
        // It was read before the answer came. Counted from the answer it is never ahead of the database, which pages of the
        // feed ask themselves: no grant ends here that still holds there.
        let since = kept.since.map_or(0, |since| i64::try_from(since.elapsed().as_micros()).unwrap_or(0));
        let now = Timestamp::from_micros(kept.now + since);
        let rights = RightsRev { timeline: kept.timeline, auth_rev: clock.auth_rev };
        Some(View { clock: clock.clone(), now, tree: kept.tree.clone(), rights, asked })
    }

    /// Asks the database for the counters, and for the tree where it changed.
    ///
    /// # Errors
    /// When the database fails: the caller answers `503`.
    pub async fn confirm(&self, db: &mut Db<'_>) -> Result<View, DbError> {
        // The age counts from before the question.
        let asked = Instant::now();
        let (clock, now) = Clock::read(db, false).await?;
        self.learn(db, clock, now, asked).await
    }

    /// Takes over a clock row that was read in a transaction, and reads the tree there where it changed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn learn(&self, db: &mut Db<'_>, clock: Clock, now: At, asked: Instant) -> Result<View, DbError> {
        let known = {
            let kept = self.kept();
            let is_known = kept.tree_rev == Some(clock.tree_rev) && kept.next(&clock, asked) != Next::Another;
            is_known.then(|| kept.tree.clone())
        };
        let tree = match known {
            Some(tree) => tree,
            None => Arc::new(read_tree(db).await?),
        };
        let now: Timestamp = now.into();
        let clock = Arc::new(clock);
        let timeline = self.store(&clock, &tree, now, asked);
        let rights = RightsRev { timeline, auth_rev: clock.auth_rev };
        Ok(View { clock, now, tree, rights, asked })
    }

    /// Keeps what the writer knows after its commit, so that a caller reads what it wrote. Returns the history of the
    /// database that it is of.
    pub fn store(&self, clock: &Arc<Clock>, tree: &Arc<Tree>, now: Timestamp, asked: Instant) -> u64 {
        let mut kept = self.kept();
        match kept.next(clock, asked) {
            Next::Further => {}
            Next::Earlier => return kept.timeline,
            Next::Another => kept.timeline += 1,
        }
        kept.now = now.micros();
        kept.clock = Some(clock.clone());
        kept.confirmed = Some(asked);
        kept.since = Some(Instant::now());
        kept.tree = tree.clone();
        kept.tree_rev = Some(clock.tree_rev);
        kept.timeline
    }

    /// The account's grants as they are in a view, if they are kept.
    fn grants(&self, account: Uuid, rights: RightsRev) -> Option<Arc<Vec<Grant>>> {
        let (rev, grants) = self.grants.get(&account)?;
        (rev == rights).then_some(grants)
    }

    /// Keeps an account's grants that were read in a view or later.
    fn keep_grants(&self, account: Uuid, rights: RightsRev, grants: &Arc<Vec<Grant>>) {
        self.grants.insert(account, (rights, grants.clone()));
    }

    /// A caller's scope in this view, where its grants are in memory.
    pub fn kept_scope(&self, actor: &Actor, narrowing: &Narrowing, view: &View) -> Option<Scope> {
        let Actor::Account(account, _) = actor else { return None };
        Some(view.scope(actor, &self.grants(*account, view.rights)?, narrowing))
    }

    /// A caller's scope in this view.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn scope(
        &self,
        db: &mut Db<'_>,
        actor: &Actor,
        narrowing: &Narrowing,
        view: &View,
    ) -> Result<Scope, DbError> {
        let Actor::Account(account, _) = actor else { return Ok(Scope::operator(view.tree.clone())) };
        let grants = match self.grants(*account, view.rights) {
            Some(grants) => grants,
            None => {
                let grants = Arc::new(grants::usable(db, *account).await?);
                self.keep_grants(*account, view.rights, &grants);
                grants
            }
        };
        Ok(view.scope(actor, &grants, narrowing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(seq: i64, batch: u128, auth_rev: i64, tree_rev: i64) -> Arc<Clock> {
        Arc::new(Clock {
            seq,
            batch: Uuid::from_u128(batch),
            epoch: "an epoch".into(),
            floor_seq: 0,
            tree_rev,
            auth_rev,
            policy_rev: 0,
            registry: String::new(),
        })
    }

    #[test]
    fn a_flood_of_accounts_costs_nobody_who_is_at_work_a_query() {
        let (live, grants) = (Live::default(), Arc::new(Vec::new()));
        let busy = Uuid::now_v7();
        live.keep_grants(busy, RightsRev::at(1), &grants);
        for number in 0..3 * ACCOUNTS_KEPT {
            live.keep_grants(Uuid::now_v7(), RightsRev::at(1), &grants);
            if number % 50 == 0 {
                assert!(live.grants(busy, RightsRev::at(1)).is_some(), "forgotten after {number} others");
            }
        }
        assert!(live.grants.len() <= ACCOUNTS_KEPT);
    }

    #[test]
    fn grants_hold_at_the_counter_and_in_the_history_in_which_they_were_read_only() {
        let (live, account) = (Live::default(), Uuid::now_v7());
        live.keep_grants(account, RightsRev::at(2), &Arc::new(Vec::new()));
        assert!(live.grants(account, RightsRev::at(2)).is_some());
        assert!(live.grants(account, RightsRev::at(1)).is_none() && live.grants(account, RightsRev::at(3)).is_none());
        assert!(live.grants(account, RightsRev { timeline: 1, auth_rev: 2 }).is_none());
    }

    #[test]
    fn the_clock_of_the_database_is_never_taken_to_be_ahead_of_it() {
        let (live, slow) = (Live::default(), Duration::from_millis(300));
        let read = Timestamp::from_micros(1_000_000);
        // The database read its clock just before its answer, which it was asked for long before.
        let asked = Instant::now().checked_sub(slow).unwrap();
        live.store(&clock(1, 1, 1, 1), &Arc::new(Tree::default()), read, asked);
        let now = live.view().unwrap().now.micros();
        assert!((1_000_000..1_300_000).contains(&now), "{now}");
    }

    #[test]
    fn less_than_is_known_is_a_late_answer_or_a_database_that_was_put_back() {
        let (live, tree, now) = (Live::default(), Arc::new(Tree::default()), Timestamp::now());
        let begun = Instant::now();
        let later = begun + Duration::from_secs(60);
        let seq = || live.kept().clock.as_ref().map(|clock| clock.seq);
        assert_eq!(live.store(&clock(5, 5, 3, 2), &tree, now, begun), 0);
        // Asked before, answered after.
        for late in [clock(4, 4, 3, 2), clock(5, 5, 2, 2), clock(5, 5, 3, 1)] {
            assert_eq!(live.store(&late, &tree, now, begun), 0);
            assert_eq!(seq(), Some(5));
        }
        assert_eq!(live.store(&clock(6, 6, 4, 3), &tree, now, later), 0);
        // Asked after: something is lost, or was replaced.
        assert_eq!(live.store(&clock(4, 4, 4, 3), &tree, now, later), 1);
        assert_eq!(live.store(&clock(4, 4, 3, 3), &tree, now, later), 2);
        assert_eq!(live.store(&clock(4, 4, 3, 2), &tree, now, later), 3);
        assert_eq!(live.store(&clock(4, 9, 3, 2), &tree, now, begun), 4);
        assert_eq!(live.store(&clock(5, 10, 3, 2), &tree, now, begun), 4);
    }
}
