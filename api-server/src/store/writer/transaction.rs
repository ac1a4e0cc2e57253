//! The begin and the commit of a write, and what became of a commit whose answer was lost.

use super::worker::Worker;
use super::{WriteError, keys};
use crate::db::connect::DedicatedConnection;
use crate::db::engine::{self, CommitError};
use crate::db::{At, Db, DbError, Rows, Sql, Verbs};
use crate::on;
use crate::store::flush;
use crate::store::live::Clock;
use cell_records_types::Timestamp;
use diesel::sql_types::BigInt;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// How long a batch's row is kept: longer than any commit whose answer is lost.
const BATCHES_KEPT: Duration = Duration::from_secs(86_400);
/// How long a commit whose answer was lost is looked up: its callers wait for it, and all behind them.
const LOOKED_UP_FOR: Duration = Duration::from_secs(15);
/// The pause before each look.
const PAUSE: Duration = Duration::from_millis(200);

/// Why a set was not stored.
pub(super) enum Failure {
    /// The database refused what the rules let pass.
    Refused,
    /// It refused these items.
    Items(HashSet<usize>),
    /// It would write more rows than one set may.
    TooLarge,
    /// The database has no space left for it.
    NoSpace,
    /// Nothing can be done about it here.
    Other(WriteError),
}

impl Failure {
    pub(super) fn error(self) -> WriteError {
        match self {
            Failure::Refused | Failure::Items(_) => WriteError::Refused,
            Failure::TooLarge => WriteError::TooLarge,
            Failure::NoSpace => WriteError::Unavailable,
            Failure::Other(error) => error,
        }
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        if engine::is_constraint(&error) {
            tracing::warn!(%error, "the database refused what the rules let pass");
            Failure::Refused
        } else if engine::is_unavailable(&error) {
            tracing::warn!(%error, "the database is not available for writing");
            if engine::is_full(&error) { Failure::NoSpace } else { Failure::Other(WriteError::Unavailable) }
        } else {
            tracing::error!(%error, "a write failed");
            Failure::Other(WriteError::Internal)
        }
    }
}

impl Worker {
    /// Opens a transaction with the clock taken first. A kept connection that fails is replaced once: nothing was sent
    /// on it. Where another write only took too long, the connection is sound, and its callers waited long enough.
    pub(super) async fn begin(&mut self) -> Result<(DedicatedConnection, Clock, Timestamp), Failure> {
        if let Some(mut own) = self.own.take() {
            match begin_on(&mut own).await {
                Ok((clock, now)) => return Ok((own, clock, now)),
                Err(error) if engine::is_lock_timeout(&error) => {
                    self.roll_back(own).await;
                    return Err(error.into());
                }
                Err(error) if engine::is_unavailable(&error) => {
                    tracing::info!(%error, "the writer's connection is gone; opening another");
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.prepared.clear();
        let mut own = self.database.open().await?;
        let (clock, now) = begin_on(&mut own).await?;
        Ok((own, clock, now))
    }

    /// Ends a transaction without keeping anything. A connection that cannot even do that is dropped.
    pub(super) async fn roll_back(&mut self, mut own: DedicatedConnection) {
        if engine::batch(&mut own.db(), "ROLLBACK").await.is_ok() {
            self.own = Some(own);
        }
    }

    /// Writes rows and commits. When the answer is lost, a new connection looks the batch up under the clock.
    pub(super) async fn commit(
        &mut self,
        mut own: DedicatedConnection,
        rows: &[Rows<'_>],
        clock: &Clock,
        before: &Clock,
    ) -> Result<(), Failure> {
        let _committing = self.database.committing();
        let committed = engine::write_and_commit(&mut own.db(), &mut self.prepared, rows).await;
        match committed {
            Ok(()) => {
                self.own = Some(own);
                Ok(())
            }
            Err(CommitError::Nothing(error)) => {
                self.roll_back(own).await;
                Err(error.into())
            }
            Err(CommitError::Unknown(error)) => {
                tracing::warn!(%error, "a commit failed; looking up what became of it");
                drop(own);
                if clock.batch == before.batch {
                    // Only accounts changed: they leave no batch to look up.
                    return Err(Failure::Other(WriteError::OutcomeUnknown));
                }
                self.look_up(clock).await.map_err(|outcome| match outcome {
                    WriteError::Unavailable if engine::is_full(&error) => Failure::NoSpace,
                    outcome => Failure::Other(outcome),
                })
            }
        }
    }

    async fn look_up(&mut self, clock: &Clock) -> Result<(), WriteError> {
        let begun = Instant::now();
        while begun.elapsed() < LOOKED_UP_FOR {
            tokio::time::sleep(PAUSE).await;
            let Ok((mut own, ..)) = self.begin().await else { continue };
            let sql = Sql::<BigInt>::new("SELECT seq FROM batches WHERE batch = ").bind(clock.batch);
            let found: Result<Option<i64>, DbError> = on!(&mut own.db(), c => sql.first_row(c));
            self.roll_back(own).await;
            match found {
                Ok(Some(_)) => return Ok(()),
                Ok(None) => return Err(WriteError::Unavailable),
                Err(_) => {}
            }
        }
        Err(WriteError::OutcomeUnknown)
    }
}

async fn begin_on(own: &mut DedicatedConnection) -> Result<(Clock, Timestamp), DbError> {
    let ((), (clock, now)) =
        engine::both(&mut own.db(), async |db| engine::begin_write(db).await, async |db| Clock::read(db, true).await)
            .await?;
    Ok((clock, now.into()))
}

/// Once in a thousand rows of the log, what only had to be kept a while goes.
pub(super) async fn forget_old(db: &mut Db<'_>, began: i64, seq: i64, now: Timestamp) -> Result<(), DbError> {
    if began / 1_000 == seq / 1_000 {
        return Ok(());
    }
    let ago = |age: Duration| At(now.micros() - i64::try_from(age.as_micros()).unwrap_or(0));
    let days = Duration::from_secs(86_400 * keys::KEYS_KEPT_DAYS.unsigned_abs());
    let batches = Sql::<()>::new("DELETE FROM batches WHERE at < ").bind(ago(BATCHES_KEPT));
    on!(db, c => batches.run(c))?;
    let keys = Sql::<()>::new("DELETE FROM idempotency_keys WHERE at < ").bind(ago(days));
    on!(db, c => keys.run(c))?;
    Ok(())
}

/// The clock row of a write that wrote nothing else.
pub(super) fn clock_only(clock: &Clock) -> [Rows<'_>; 1] {
    [flush::clock(clock)]
}
