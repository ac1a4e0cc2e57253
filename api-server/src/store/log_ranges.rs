//! Which readers a row of the log concerns. A row lies in ranges: one for each unit above its record, before and after
//! the write, and one more for what is readable from below. `change_scope` keeps them, except for the root's: who holds
//! the root reads the log itself. Here too: what the last commits concerned, so that callers who wait need not ask the
//! database.

use super::decide::Effect;
use super::live::Clock;
use super::tree::ROOT;
use super::type_set::TypeSet;
use std::collections::{HashMap, VecDeque};
use uuid::Uuid;

/// Commits that are remembered.
const COMMITS: usize = 64;
/// Ranges that are remembered of one commit. More concern everybody.
const RANGES: usize = 1_000;

/// One stretch of the log that a reader looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The unit at or below which records are, or were.
    pub unit: Uuid,
    /// 1: only what is readable from below the unit.
    pub downward: i64,
    /// The types whose rows count.
    pub types: TypeSet,
}

impl Range {
    /// Whether every row of the log is in it: it has no rows in `change_scope`.
    pub fn is_whole_log(&self) -> bool {
        is_whole_log((self.unit, self.downward))
    }
}

/// Whether the range of a unit and a direction is the whole log.
pub fn is_whole_log((unit, downward): (Uuid, i64)) -> bool {
    unit == ROOT && downward == 0
}

/// The units and directions whose ranges hold the row of an effect.
pub fn of(effect: &Effect) -> impl Iterator<Item = (Uuid, i64)> {
    let down = effect.after.kind.downward.then_some((effect.after.unit_id, 1));
    effect.scopes.iter().map(|unit| (*unit, 0)).chain(down)
}

/// What a commit concerned.
#[derive(Debug)]
pub struct Commit {
    /// Position of the log before it, and the batch there.
    pub before: (i64, Uuid),
    /// Position of the log after it, and the batch there.
    pub after: (i64, Uuid),
    /// The types that were written, by unit and direction. Nothing: not known, so it concerns everybody.
    pub concerned: Option<HashMap<(Uuid, i64), TypeSet>>,
}

impl Commit {
    /// A commit between two states of the clock.
    pub fn new(before: &Clock, after: &Clock, effects: &[Effect]) -> Self {
        let mut concerned: HashMap<(Uuid, i64), TypeSet> = HashMap::new();
        for effect in effects {
            for range in of(effect) {
                concerned.entry(range).or_default().insert(effect.after.kind);
            }
            if concerned.len() > RANGES {
                break;
            }
        }
        Commit {
            before: (before.seq, before.batch),
            after: (after.seq, after.batch),
            concerned: (concerned.len() <= RANGES).then_some(concerned),
        }
    }

    /// Whether it wrote what one of these ranges looks for.
    pub fn concerns(&self, ranges: &[Range]) -> bool {
        let Some(concerned) = &self.concerned else { return true };
        let meets =
            |range: &Range| concerned.get(&(range.unit, range.downward)).is_some_and(|types| types.meets(&range.types));
        ranges.iter().any(meets)
    }
}

/// This server's last commits, oldest first, without a gap.
#[derive(Debug, Default)]
pub struct Recent(VecDeque<Commit>);

impl Recent {
    /// Adds a commit. What came before a gap (another server's commit, a database that was put back) is forgotten.
    pub fn add(&mut self, commit: Commit) {
        if self.0.back().is_some_and(|last| last.after != commit.before) {
            self.0.clear();
        }
        if self.0.len() == COMMITS {
            self.0.pop_front();
        }
        self.0.push_back(commit);
    }

    /// The last of them.
    pub fn last(&self) -> Option<&Commit> {
        self.0.back()
    }

    /// The commits after a position of the log. Nothing when they are not all known.
    pub fn after(&self, seq: i64) -> Option<impl Iterator<Item = &Commit>> {
        let first = self.0.iter().position(|commit| commit.before.0 == seq)?;
        Some(self.0.iter().skip(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::registry::UNIT;

    fn commit(before: i64, after: i64, unit: Option<u128>) -> Commit {
        let types: TypeSet = std::iter::once(UNIT).collect();
        let batch = |seq: i64| Uuid::from_u128(seq.unsigned_abs().into());
        let concerned = unit.map(|unit| HashMap::from([((Uuid::from_u128(unit), 0), types)]));
        Commit { before: (before, batch(before)), after: (after, batch(after)), concerned }
    }

    fn after(recent: &Recent, seq: i64) -> Option<Vec<i64>> {
        Some(recent.after(seq)?.map(|commit| commit.after.0).collect())
    }

    #[test]
    fn only_commits_without_a_gap_are_known() {
        let mut recent = Recent::default();
        assert_eq!(after(&recent, 0), None);
        recent.add(commit(3, 5, None));
        recent.add(commit(5, 6, None));
        assert_eq!(after(&recent, 3), Some(vec![5, 6]));
        assert_eq!(after(&recent, 5), Some(vec![6]));
        assert_eq!((after(&recent, 6), after(&recent, 4)), (None, None));
        // Another server wrote 7.
        recent.add(commit(7, 8, None));
        assert_eq!((after(&recent, 5), after(&recent, 7)), (None, Some(vec![8])));
        // The database was put back to 7, and another batch is there.
        recent.add(Commit { before: (7, Uuid::nil()), ..commit(7, 9, None) });
        assert_eq!(after(&recent, 7), Some(vec![9]));
        for seq in 9..200 {
            recent.add(commit(seq, seq + 1, None));
        }
        assert_eq!(after(&recent, 200 - 64).map(|known| known.len()), Some(64));
        assert_eq!(after(&recent, 199 - 64), None);
    }

    #[test]
    fn a_commit_concerns_who_looks_for_its_types_in_its_units_and_everybody_when_in_doubt() {
        let looks = |unit: u128, downward, types: TypeSet| [Range { unit: Uuid::from_u128(unit), downward, types }];
        let units = || -> TypeSet { std::iter::once(UNIT).collect() };
        assert!(commit(1, 2, Some(7)).concerns(&looks(7, 0, units())));
        assert!(!commit(1, 2, Some(7)).concerns(&looks(8, 0, units())));
        assert!(!commit(1, 2, Some(7)).concerns(&looks(7, 1, units())));
        assert!(!commit(1, 2, Some(7)).concerns(&looks(7, 0, TypeSet::default())));
        assert!(commit(1, 2, None).concerns(&looks(8, 0, units())));
    }
}
