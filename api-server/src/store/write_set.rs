//! What one set of writes sees: what was loaded of the database, and over it what the set decided so far. Whoever asks
//! for what was not loaded yet gets nothing and leaves a note: it is loaded, and the asker decides again.

mod lookup;

pub use lookup::{Count, Counts, ExternalKey, FEW, LOOKUP_LIMIT, Lookup, Missing};

use super::record::Stored;
use super::registry::{Kind, RecordKey};
use super::rules::Slice;
use super::tree::Tree;
use cell_records_types::{Date, ExternalId, Ref, Timestamp};
use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use lookup::{Shape, matches_of};
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use uuid::Uuid;

/// What one set of writes sees.
pub struct WriteSet {
    /// The database's clock at the beginning of the set; never before a record's last change.
    pub now: Timestamp,
    /// Today in Vietnam.
    pub today: Date,
    /// The tree, with what the set changed so far.
    pub tree: Arc<Tree>,
    records: HashMap<RecordKey, Option<Arc<Stored>>>,
    /// The records that the set changed, as they were before it.
    originals: HashMap<RecordKey, Option<Arc<Stored>>>,
    external: HashMap<ExternalKey, Option<Uuid>>,
    /// Look-ups with the records that they find, or found once.
    lookups: HashMap<Lookup, Vec<Uuid>>,
    /// Those that were loaded. Others may be above with only what this set made.
    loaded: HashSet<Lookup>,
    shapes: HashMap<&'static str, HashSet<Shape>>,
    referrers: HashMap<RecordKey, Vec<RecordKey>>,
    counts: HashMap<Count, Counts>,
    missing: RefCell<Missing>,
    misses: Cell<usize>,
    undo: Vec<Undo>,
}

enum Undo {
    /// What was under the key, and whether the set changed the record for the first time.
    Record(RecordKey, Option<Option<Arc<Stored>>>, bool),
    External(ExternalKey, Option<Option<Uuid>>),
    Tree(Arc<Tree>),
}

impl WriteSet {
    /// An empty set at an instant.
    pub fn new(now: Timestamp, tree: Arc<Tree>) -> Self {
        WriteSet {
            now,
            today: now.date_in_vietnam(),
            tree,
            records: HashMap::new(),
            originals: HashMap::new(),
            external: HashMap::new(),
            lookups: HashMap::new(),
            loaded: HashSet::new(),
            shapes: HashMap::new(),
            referrers: HashMap::new(),
            counts: HashMap::new(),
            missing: RefCell::default(),
            misses: Cell::new(0),
            undo: Vec::new(),
        }
    }

    // What is missing, and what was loaded.

    /// How often something was asked for and not loaded. Who finds it grown has decided on too little, and decides
    /// again.
    pub fn misses(&self) -> usize {
        self.misses.get()
    }

    fn miss(&self, note: impl FnOnce(&mut Missing)) {
        note(&mut self.missing.borrow_mut());
        self.misses.set(self.misses.get() + 1);
    }

    /// Takes what was asked for and not loaded.
    pub fn take_missing(&mut self) -> Missing {
        self.missing.take()
    }

    /// Puts in what the database has under ids of one type.
    pub fn put_loaded(&mut self, kind: &Kind, ids: impl IntoIterator<Item = Uuid>, found: Vec<Stored>) {
        for record in found {
            self.put_found(record);
        }
        for id in ids {
            self.records.entry((kind.order, id)).or_insert(None);
        }
    }

    fn put_found(&mut self, record: Stored) -> Uuid {
        let id = record.id;
        self.records.entry(record.key()).or_insert_with(|| Some(Arc::new(record)));
        id
    }

    /// Puts in who holds external ids.
    pub fn put_holders(&mut self, keys: Vec<ExternalKey>, found: Vec<(ExternalKey, Uuid)>) {
        for (key, id) in found {
            self.external.entry(key).or_insert(Some(id));
        }
        for key in keys {
            self.external.entry(key).or_insert(None);
        }
    }

    /// Puts in what the database has for look-ups of one shape.
    pub fn put_lookups(&mut self, kind: &'static Kind, lookups: Vec<Lookup>, found: Vec<Stored>) {
        for lookup in lookups {
            self.shapes.entry(kind.name).or_default().insert(lookup.shape());
            self.lookups.entry(lookup.clone()).or_default();
            self.loaded.insert(lookup);
        }
        for record in found {
            let id = self.put_found(record);
            if let Some(Some(record)) = self.records.get(&(kind.order, id)).cloned() {
                self.index(&record);
            }
        }
    }

    /// Puts in which records point to these.
    pub fn put_referrers(&mut self, to: Vec<RecordKey>, found: Vec<(RecordKey, RecordKey)>) {
        for key in to {
            self.referrers.entry(key).or_default();
        }
        for (to, from) in found {
            self.referrers.entry(to).or_default().push(from);
        }
    }

    /// Puts in a count, of the database before this set.
    pub fn put_counts(&mut self, count: Count, found: Counts) {
        self.counts.insert(count, found);
    }

    /// Notes a record under every look-up of a known shape that finds it.
    fn index(&mut self, record: &Arc<Stored>) {
        for shape in self.shapes.get(record.kind.name).into_iter().flatten() {
            for lookup in matches_of(record, shape) {
                let ids = self.lookups.entry(lookup).or_default();
                if !ids.contains(&record.id) {
                    ids.push(record.id);
                }
            }
        }
    }

    // What deciding asks for.

    /// A record, as it is now in this set; deleted ones too.
    pub fn get(&self, kind: &Kind, id: Uuid) -> Option<&Arc<Stored>> {
        let found = self.records.get(&(kind.order, id));
        if found.is_none() {
            self.miss(|missing| {
                missing.records.entry(kind.order).or_default().insert(id);
            });
        }
        found.and_then(Option::as_ref)
    }

    /// Whether it is known what is under an id.
    pub fn knows(&self, kind: &Kind, id: Uuid) -> bool {
        self.records.contains_key(&(kind.order, id))
    }

    /// A live record in its typed form.
    pub fn live<T: Slice>(&self, id: Uuid) -> Option<Arc<T>> {
        let kind = Kind::named(T::NAME)?;
        self.get(kind, id).filter(|record| record.is_live()).and_then(|record| record.typed::<T>())
    }

    /// The live record that a reference means.
    pub fn target<T: Slice>(&self, reference: &Ref<T>) -> Option<Arc<T>> {
        self.live(reference.id()?)
    }

    /// Who holds an external id now.
    pub fn holder(&self, key: &ExternalKey) -> Option<Uuid> {
        let found = self.external.get(key);
        if found.is_none() {
            self.miss(|missing| {
                missing.external.insert(key.clone());
            });
        }
        found.copied().flatten()
    }

    /// The live records that a look-up finds now, typed; at most about as many as its limit says.
    pub fn all<T: Slice>(&self, lookup: Lookup) -> impl Iterator<Item = Arc<T>> {
        self.found(lookup).filter_map(|record| record.typed::<T>())
    }

    /// The live records that a look-up finds now, but one; at most about as many as its limit says.
    pub fn others<T: Slice>(&self, lookup: Lookup, but: Uuid) -> impl Iterator<Item = Arc<T>> {
        self.found(lookup).filter(move |record| record.id != but).filter_map(|record| record.typed::<T>())
    }

    /// The live records that a look-up finds now; at most about as many as its limit says.
    pub fn found(&self, lookup: Lookup) -> impl Iterator<Item = &Arc<Stored>> {
        if !self.loaded.contains(&lookup) {
            self.miss(|missing| {
                missing.lookups.insert(lookup.clone());
            });
        }
        let kind = Kind::named(lookup.kind);
        let ids = self.lookups.get(&lookup).into_iter().flatten().copied();
        let records = ids.filter_map(move |id| kind.and_then(|kind| self.get(kind, id)));
        // What was noted once may have changed since.
        records.filter(move |record| record.is_live() && lookup.finds(record))
    }

    /// How many live records there are now with these cells, by the values of a column.
    pub fn counts(&self, count: &Count) -> Counts {
        let Some(before) = self.counts.get(count) else {
            self.miss(|missing| {
                missing.counts.insert(count.clone());
            });
            return Counts::new();
        };
        let mut now = before.clone();
        let Some(kind) = Kind::named(count.kind) else { return now };
        for (key, original) in self.originals.iter().filter(|((order, _), _)| *order == kind.order) {
            if let Some(record) = original.as_ref().filter(|record| count.counts(record)) {
                *now.entry(count.group(record)).or_default() -= 1;
            }
            if let Some(Some(record)) = self.records.get(key)
                && count.counts(record)
            {
                *now.entry(count.group(record)).or_default() += 1;
            }
        }
        now
    }

    /// Whether live records point to a record now, besides those that only belong to it as their unit.
    pub fn is_referenced(&self, to: RecordKey) -> bool {
        let Some(from) = self.referrers.get(&to) else {
            self.miss(|missing| {
                missing.referrers.insert(to);
            });
            return false;
        };
        let points = |key: &RecordKey| match (self.originals.contains_key(key), self.records.get(key)) {
            // Changed by this set: as it is now.
            (true, Some(Some(record))) => record.is_live() && record.references().contains(&to),
            (true, _) => false,
            // As the database has it, which keeps the references of live records only.
            (false, _) => true,
        };
        from.iter().any(points)
            || self.originals.keys().filter(|key| **key != to).any(|key| {
                let record = self.records.get(key).and_then(Option::as_ref);
                record.is_some_and(|record| record.is_live() && record.references().contains(&to))
            })
    }

    // What deciding changes.

    /// Puts in a record as an item made it.
    pub fn put(&mut self, record: Arc<Stored>) {
        let key = record.key();
        self.index(&record);
        let before = self.records.insert(key, Some(record));
        let first = !self.originals.contains_key(&key);
        if first {
            self.originals.insert(key, before.clone().flatten());
        }
        self.undo.push(Undo::Record(key, before, first));
    }

    /// Moves external ids from what a record had to what it has.
    pub fn put_external(&mut self, kind: &'static Kind, id: Uuid, had: &[ExternalId], has: &[ExternalId]) {
        let key = |one: &ExternalId| (one.system.to_string(), kind.name, one.value.to_string());
        for gone in had.iter().filter(|one| !has.contains(one)) {
            let before = self.external.insert(key(gone), None);
            self.undo.push(Undo::External(key(gone), before));
        }
        for new in has.iter().filter(|one| !had.contains(one)) {
            let before = self.external.insert(key(new), Some(id));
            self.undo.push(Undo::External(key(new), before));
        }
    }

    /// Changes the tree.
    pub fn put_tree(&mut self, change: impl FnOnce(&mut Tree)) {
        self.undo.push(Undo::Tree(self.tree.clone()));
        change(Arc::make_mut(&mut self.tree));
    }

    /// Where things are now, to come back to.
    pub fn mark(&self) -> usize {
        self.undo.len()
    }

    /// Takes back all that was decided since a mark.
    pub fn back_to(&mut self, mark: usize) {
        while self.undo.len() > mark {
            match self.undo.pop() {
                Some(Undo::Record(key, before, first)) => {
                    if first {
                        self.originals.remove(&key);
                    }
                    match before {
                        Some(before) => self.records.insert(key, before),
                        None => self.records.remove(&key),
                    };
                }
                Some(Undo::External(key, Some(before))) => {
                    self.external.insert(key, before);
                }
                Some(Undo::External(key, None)) => {
                    self.external.remove(&key);
                }
                Some(Undo::Tree(before)) => self.tree = before,
                None => {}
            }
        }
    }
}
