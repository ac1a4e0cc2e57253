//! The cursor of a pull: where its caller stands in the feed, sealed. Its payload is a few bytes of binary, so that
//! it stays short with eight units in its filter.

use super::pull::Filter;
use crate::auth::keys::KeySet;
use crate::auth::seal;
use crate::store::live::Clock;
use crate::store::registry::KINDS;
use aws_lc_rs::digest::{SHA256, digest};
use uuid::Uuid;

const PREFIX: &str = "cs1.";
/// Form of the payload.
const FORM: u8 = 1;
const SNAPSHOT: u8 = 1;
const BRIEF: u8 = 2;
const POSITION: u8 = 4;

/// Where a caller stands in its feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The account that it was made for.
    pub account: Uuid,
    /// The life of the log, shortened.
    pub epoch: [u8; 8],
    /// The scope in which it was made.
    pub scope_rev: [u8; 8],
    /// Last row of the log that was examined; in a snapshot, the head when the snapshot began.
    pub seq: i64,
    /// The batch of that row, shortened: another one there means that the database went back in time.
    pub batch: [u8; 8],
    /// What was asked for on the first call.
    pub filter: Filter,
    /// The walk of a snapshot that is not complete; absent: the tail.
    pub walk: Option<Walk>,
}

/// How far a snapshot came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// Names the snapshot.
    pub id: Uuid,
    /// The last record that was sent.
    pub after: Option<Position>,
    /// Records sent so far, by the types' order.
    pub counts: [u32; KINDS.len()],
}

/// A place in the order of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The type's order.
    pub kind: u8,
    /// The unit.
    pub unit: Uuid,
    /// The record.
    pub id: Uuid,
}

/// An epoch, shortened.
pub fn short_epoch(epoch: &str) -> [u8; 8] {
    first_eight(digest(&SHA256, epoch.as_bytes()).as_ref())
}

/// A batch, shortened. Before the first row of the log there is none.
pub fn short_batch(seq: i64, batch: Uuid) -> [u8; 8] {
    if seq == 0 { [0; 8] } else { first_eight(batch.as_bytes()) }
}

/// The first eight bytes.
pub fn first_eight(bytes: &[u8]) -> [u8; 8] {
    bytes.first_chunk().copied().unwrap_or_default()
}

impl Cursor {
    /// A cursor at the head of the log.
    pub fn at_head(account: Uuid, clock: &Clock, scope_rev: [u8; 8], filter: Filter) -> Self {
        Cursor {
            account,
            epoch: short_epoch(&clock.epoch),
            scope_rev,
            seq: clock.seq,
            batch: short_batch(clock.seq, clock.batch),
            filter,
            walk: None,
        }
    }

    /// Whether the clock stands exactly at the cursor.
    pub fn is_at(&self, clock: &Clock) -> bool {
        self.seq == clock.seq
            && self.batch == short_batch(clock.seq, clock.batch)
            && self.epoch == short_epoch(&clock.epoch)
    }

    /// The sealed text. Nothing only when the machine has no random numbers.
    pub fn seal(&self, keys: &KeySet) -> Option<String> {
        seal::seal_bytes(keys, PREFIX, &self.to_bytes())
    }

    /// Opens a sealed text.
    pub fn open(keys: &KeySet, text: &str) -> Option<Self> {
        Cursor::from_bytes(&seal::open_bytes(keys, PREFIX, text)?)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let after = self.walk.as_ref().and_then(|walk| walk.after);
        let mut flags = 0;
        flags |= if self.walk.is_some() { SNAPSHOT } else { 0 };
        flags |= if self.filter.brief { BRIEF } else { 0 };
        flags |= if after.is_some() { POSITION } else { 0 };
        let mut out = vec![FORM, flags];
        out.extend_from_slice(self.account.as_bytes());
        out.extend_from_slice(&self.epoch);
        out.extend_from_slice(&self.scope_rev);
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.batch);
        out.extend_from_slice(&self.filter.types.to_be_bytes());
        out.push(u8::try_from(self.filter.units.len()).unwrap_or(u8::MAX));
        for unit in &self.filter.units {
            out.extend_from_slice(unit.as_bytes());
        }
        if let Some(walk) = &self.walk {
            out.extend_from_slice(walk.id.as_bytes());
            for count in walk.counts {
                out.extend_from_slice(&count.to_be_bytes());
            }
        }
        if let Some(after) = after {
            out.push(after.kind);
            out.extend_from_slice(after.unit.as_bytes());
            out.extend_from_slice(after.id.as_bytes());
        }
        out
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut from = Bytes(bytes);
        let [form, flags] = from.take()?;
        if form != FORM {
            return None;
        }
        let account = from.id()?;
        let (epoch, scope_rev, seq, batch) =
            (from.take()?, from.take()?, i64::from_be_bytes(from.take()?), from.take()?);
        let types = u32::from_be_bytes(from.take()?);
        let [units] = from.take()?;
        let units = (0..units).map(|_| from.id()).collect::<Option<Vec<Uuid>>>()?;
        let filter = Filter { types, units, brief: flags & BRIEF != 0 };
        let mut walk = None;
        if flags & SNAPSHOT != 0 {
            let id = from.id()?;
            let mut counts = [0; KINDS.len()];
            for count in &mut counts {
                *count = u32::from_be_bytes(from.take()?);
            }
            let mut after = None;
            if flags & POSITION != 0 {
                let [kind] = from.take()?;
                after = Some(Position { kind, unit: from.id()?, id: from.id()? });
            }
            walk = Some(Walk { id, after, counts });
        }
        from.0.is_empty().then_some(Cursor { account, epoch, scope_rev, seq, batch, filter, walk })
    }
}

/// Bytes that are read from the front.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn id(&mut self) -> Option<Uuid> {
        self.take().map(Uuid::from_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::keys;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    static KEYS: LazyLock<KeySet> = LazyLock::new(|| KeySet::load(&keys::generate(None).unwrap(), None).unwrap());

    fn id() -> impl Strategy<Value = Uuid> {
        any::<u128>().prop_map(Uuid::from_u128)
    }

    fn walk() -> impl Strategy<Value = Walk> {
        let position = (any::<u8>(), id(), id()).prop_map(|(kind, unit, id)| Position { kind, unit, id });
        (id(), proptest::option::of(position), any::<[u32; KINDS.len()]>()).prop_map(|(id, after, counts)| Walk {
            id,
            after,
            counts,
        })
    }

    proptest! {
        #[test]
        fn a_cursor_comes_back_whole_and_is_short(
            (account, epoch, scope_rev, seq, batch) in (id(), any::<[u8; 8]>(), any::<[u8; 8]>(), any::<i64>(), any::<[u8; 8]>()),
            (types, units, brief) in (any::<u32>(), proptest::collection::vec(id(), 0..=8), any::<bool>()),
            walk in proptest::option::of(walk()),
        ) {
            let filter = Filter { types, units, brief };
            let cursor = Cursor { account, epoch, scope_rev, seq, batch, filter, walk };
            let text = cursor.seal(&KEYS).unwrap();
            prop_assert!(text.len() <= seal::LONGEST && text.starts_with(PREFIX) && text.is_ascii());
            prop_assert_eq!(Cursor::open(&KEYS, &text), Some(cursor));
        }
    }
}
