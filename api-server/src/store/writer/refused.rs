//! What to do when the database refuses what the rules let pass, which a constraint guards behind them: halve the set,
//! then look for the items that it refuses and decide without them.

use super::transaction::Failure;
use super::{Done, Outcome, WriteError};
use crate::db::{Db, engine};
use crate::store::decide::Effect;
use crate::store::flush;
use crate::store::items::Command;
use crate::store::live::Clock;
use crate::store::registry::RecordKey;
use crate::store::write_set::WriteSet;
use cell_records_types::sync::PushMode;
use std::collections::HashSet;

/// Tries of a command of which the database refuses items.
pub(super) const TRIES: usize = 20;

/// How a set is tried.
#[derive(Default)]
pub(super) struct Attempt {
    /// Items of the only command that the database has refused: the rules refuse them now.
    pub refused: HashSet<usize>,
    /// Whether nothing is kept, and only what the database refuses is looked for.
    pub search: bool,
    /// How often the command was tried before.
    pub tries: usize,
}

/// Whether it is one command whose items are judged one by one.
pub(super) fn is_divisible(commands: &[&Command]) -> bool {
    matches!(commands, [command] if command.mode == PushMode::Record)
}

/// The effects that the database refuses, by position: halves in savepoints. The transaction is rolled back after it.
pub(super) async fn one_by_one(
    db: &mut Db<'_>,
    clock: &mut Clock,
    set: &mut WriteSet,
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
        // Each part is a batch of its own, as only one of them may bear a name.
        clock.batch = uuid::Uuid::new_v4();
        engine::batch(db, "SAVEPOINT part").await?;
        let rows = flush::rows(clock, set, effects.get(from..to).unwrap_or_default()).into_rows();
        match engine::write_all(db, &rows).await {
            Ok(()) => engine::batch(db, "RELEASE SAVEPOINT part").await?,
            Err(error) if engine::is_constraint(&error) => {
                tracing::warn!(%error, "the database refused what the rules let pass");
                engine::batch(db, "ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part").await?;
                *clock = saved;
                if to - from == 1 {
                    found.push(from);
                } else {
                    let half = from.midpoint(to);
                    waiting.push((half, to));
                    waiting.push((from, half));
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

/// The items that made these effects.
pub(super) fn items_of(done: &[&Done], effects: &[Effect], found: &[usize]) -> HashSet<usize> {
    let version = |effect: &Effect| -> (RecordKey, i64) { (effect.after.key(), effect.after.version) };
    let found: HashSet<_> = found.iter().filter_map(|index| effects.get(*index)).map(version).collect();
    let items = done.iter().flat_map(|done| done.items.iter().enumerate());
    items
        .filter(|(_, item)| item.effect.as_ref().is_some_and(|effect| found.contains(&version(effect))))
        .map(|(index, _)| index)
        .collect()
}

/// The commands that were decided.
pub(super) fn decided(outcomes: &[Result<Outcome, WriteError>]) -> Vec<&Done> {
    outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            Ok(Outcome::Done(done)) => Some(done),
            _ => None,
        })
        .collect()
}
