//! The cursor of the feed: a caller's position in it, sealed. Its payload is a few bytes of binary: it stays within 512
//! bytes with eight units in its filter and any number of record types. Types are named by their place in the registry;
//! when the registry changes, so does the revision of the scope, and old cursors end.

use super::pull::FeedFilter;
use crate::auth::keys::KeySet;
use crate::auth::seal::{self, LONGEST};
use crate::store::live::Clock;
use crate::store::registry::Kind;
use crate::store::type_set::TypeSet;
use aws_lc_rs::digest::{SHA256, digest};
use uuid::Uuid;

const PREFIX: &str = "cs1.";
/// Form of the payload.
const FORM: u8 = 2;
const SNAPSHOT: u8 = 1;
const BRIEF: u8 = 2;
const POSITION: u8 = 4;
const COUNTED: u8 = 8;

/// A caller's position in its feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedCursor {
    /// The account that it was made for.
    pub account: Uuid,
    /// The epoch of the log, shortened.
    pub epoch: [u8; 8],
    /// The scope in which it was made.
    pub scope_rev: [u8; 8],
    /// Last row of the log that was examined; in a snapshot, the head when the snapshot began.
    pub seq: i64,
    /// The batch of that row, shortened: another one there means that the database went back in time.
    pub batch: [u8; 8],
    /// What was asked for on the first call.
    pub filter: FeedFilter,
    /// The walk of a snapshot that is not complete; absent: the tail.
    pub walk: Option<Walk>,
}

/// How far a snapshot came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// Names the snapshot.
    pub id: Uuid,
    /// Up to where records were sent.
    pub after: Option<Position>,
    /// Records sent so far, by the types' order. Nothing: they did not fit into a cursor and are no longer counted.
    pub counts: Option<Vec<u32>>,
}

impl Walk {
    /// The beginning of a new snapshot.
    pub fn begin() -> Self {
        Walk { id: Uuid::new_v4(), after: None, counts: Some(Vec::new()) }
    }

    /// Counts a record that was sent.
    pub fn count(&mut self, kind: &Kind) {
        if let Some(counts) = &mut self.counts {
            counts.resize(counts.len().max(kind.order + 1), 0);
            if let Some(count) = counts.get_mut(kind.order) {
                *count = count.saturating_add(1);
            }
        }
    }
}

/// A place in the order of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The type's order.
    pub kind: u16,
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
fn first_eight(bytes: &[u8]) -> [u8; 8] {
    bytes.first_chunk().copied().unwrap_or_default()
}

impl FeedCursor {
    /// A cursor at the head of the log.
    pub fn at_head(account: Uuid, clock: &Clock, scope_rev: [u8; 8], filter: FeedFilter) -> Self {
        FeedCursor {
            account,
            epoch: short_epoch(&clock.epoch),
            scope_rev,
            seq: clock.seq,
            batch: short_batch(clock.seq, clock.batch),
            filter,
            walk: None,
        }
    }

    /// Whether the clock is exactly at the cursor.
    pub fn is_at(&self, clock: &Clock) -> bool {
        self.seq == clock.seq
            && self.batch == short_batch(clock.seq, clock.batch)
            && self.epoch == short_epoch(&clock.epoch)
    }

    /// The sealed text. Counts of a snapshot that would make it too long are left out: with eight units that takes
    /// more than thirty record types. Nothing only when the machine has no random numbers.
    pub fn seal(&self, keys: &KeySet) -> Option<String> {
        let text = seal::seal_bytes(keys, PREFIX, &self.to_bytes(true))?;
        if text.len() <= LONGEST { Some(text) } else { seal::seal_bytes(keys, PREFIX, &self.to_bytes(false)) }
    }

    /// Opens a sealed text.
    pub fn open(keys: &KeySet, text: &str) -> Option<Self> {
        FeedCursor::from_bytes(&seal::open_bytes(keys, PREFIX, text)?)
    }

    fn to_bytes(&self, counted: bool) -> Vec<u8> {
        let after = self.walk.as_ref().and_then(|walk| walk.after);
        let counts = self.walk.as_ref().and_then(|walk| walk.counts.as_ref()).filter(|_| counted);
        let mut flags = 0;
        flags |= if self.walk.is_some() { SNAPSHOT } else { 0 };
        flags |= if self.filter.brief { BRIEF } else { 0 };
        flags |= if after.is_some() { POSITION } else { 0 };
        flags |= if counts.is_some() { COUNTED } else { 0 };
        let mut out = vec![FORM, flags];
        out.extend_from_slice(self.account.as_bytes());
        out.extend_from_slice(&self.epoch);
        out.extend_from_slice(&self.scope_rev);
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.batch);
        write_number(&mut out, self.filter.types.as_bytes().len());
        out.extend_from_slice(self.filter.types.as_bytes());
        write_number(&mut out, self.filter.units.len());
        for unit in &self.filter.units {
            out.extend_from_slice(unit.as_bytes());
        }
        if let Some(walk) = &self.walk {
            out.extend_from_slice(walk.id.as_bytes());
        }
        if let Some(after) = after {
            out.extend_from_slice(&after.kind.to_be_bytes());
            out.extend_from_slice(after.unit.as_bytes());
            out.extend_from_slice(after.id.as_bytes());
        }
        if let Some(counts) = counts {
            write_number(&mut out, counts.len());
            for count in counts {
                write_number(&mut out, usize::try_from(*count).unwrap_or(usize::MAX));
            }
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
        let types = from.number()?;
        let types = TypeSet::from_bytes(from.some(types)?.to_vec());
        let units = from.number()?;
        let units = (0..units).map(|_| from.id()).collect::<Option<Vec<Uuid>>>()?;
        let filter = FeedFilter { types, units, brief: flags & BRIEF != 0 };
        let mut walk = None;
        if flags & SNAPSHOT != 0 {
            let id = from.id()?;
            let mut after = None;
            if flags & POSITION != 0 {
                let kind = u16::from_be_bytes(from.take()?);
                after = Some(Position { kind, unit: from.id()?, id: from.id()? });
            }
            let mut counts = None;
            if flags & COUNTED != 0 {
                let number = from.number()?;
                let read = (0..number).map(|_| u32::try_from(from.number()?).ok());
                counts = Some(read.collect::<Option<Vec<u32>>>()?);
            }
            walk = Some(Walk { id, after, counts });
        }
        from.0.is_empty().then_some(FeedCursor { account, epoch, scope_rev, seq, batch, filter, walk })
    }
}

/// Writes a number in groups of seven bits, the lowest first: small numbers are short.
fn write_number(out: &mut Vec<u8>, mut number: usize) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
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

    fn some(&mut self, length: usize) -> Option<&[u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn id(&mut self) -> Option<Uuid> {
        self.take().map(Uuid::from_bytes)
    }

    fn number(&mut self) -> Option<usize> {
        let mut number = 0usize;
        for group in 0..9 {
            let [byte] = self.take()?;
            number |= usize::from(byte & 0x7f) << (7 * group);
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
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

    fn counts(types: usize) -> impl Strategy<Value = Vec<u32>> {
        proptest::collection::vec(any::<u32>(), 0..=types)
    }

    fn walk(types: usize) -> impl Strategy<Value = Walk> {
        let position = (any::<u16>(), id(), id()).prop_map(|(kind, unit, id)| Position { kind, unit, id });
        (id(), proptest::option::of(position), proptest::option::of(counts(types)))
            .prop_map(|(id, after, counts)| Walk { id, after, counts })
    }

    fn cursor(types: usize) -> impl Strategy<Value = FeedCursor> {
        let short = any::<[u8; 8]>;
        let named = proptest::collection::vec(any::<u8>(), 0..=types / 8).prop_map(TypeSet::from_bytes);
        let filter = (named, proptest::collection::vec(id(), 0..=8), any::<bool>())
            .prop_map(|(types, units, brief)| FeedFilter { types, units, brief });
        (id(), short(), short(), any::<i64>(), short(), filter, proptest::option::of(walk(types))).prop_map(
            |(account, epoch, scope_rev, seq, batch, filter, walk)| FeedCursor {
                account,
                epoch,
                scope_rev,
                seq,
                batch,
                filter,
                walk,
            },
        )
    }

    fn round(cursor: &FeedCursor) -> FeedCursor {
        let text = cursor.seal(&KEYS).unwrap();
        assert!(text.len() <= 512 && text.starts_with(PREFIX) && text.is_ascii(), "{} bytes", text.len());
        FeedCursor::open(&KEYS, &text).unwrap()
    }

    proptest! {
        #[test]
        fn a_cursor_of_all_types_of_today_comes_back_whole(cursor in cursor(crate::store::registry::KINDS.len())) {
            prop_assert_eq!(round(&cursor), cursor);
        }

        #[test]
        fn a_cursor_with_64_types_and_8_units_is_short_and_loses_nothing_but_counts(
            mut cursor in cursor(64),
            units in proptest::collection::vec(id(), 8),
            walk in walk(64),
        ) {
            cursor.filter.types = TypeSet::from_bytes(vec![0xff; 8]);
            cursor.filter.units = units;
            cursor.walk = Some(walk);
            let mut back = round(&cursor);
            if let (Some(back), Some(walk)) = (&mut back.walk, &cursor.walk) {
                prop_assert!(back.counts.is_none() || back.counts == walk.counts);
                back.counts.clone_from(&walk.counts);
            }
            prop_assert_eq!(back, cursor);
        }

        #[test]
        fn the_counts_of_20_types_always_fit(mut cursor in cursor(64), units in proptest::collection::vec(id(), 8),
            counts in proptest::collection::vec(any::<u32>(), 20), walk in walk(64)) {
            cursor.filter.units = units;
            cursor.walk = Some(Walk { counts: Some(counts), ..walk });
            prop_assert_eq!(round(&cursor), cursor);
        }
    }
}
