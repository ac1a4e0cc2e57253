//! What one set of writes sees: what was loaded of the database, and over it what the set decided so far. Whoever asks
//! for what was not loaded yet gets nothing and leaves a note: it is loaded, and the asker decides again.

use super::record::Stored;
use super::registry::{Kind, RecordKey};
use super::rules::Slice;
use super::scope::Tree;
use crate::db::{Column, Value};
use cell_records_types::{Date, ExternalId, RecordType, Timestamp};
use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// At most so many records are loaded for one look-up: more than one call can change, so "there are others" is never
/// wrong. What must be exact is counted.
pub const LOOKUP_LIMIT: i64 = 1_001;

/// Identifies an external id: system, record type, value.
pub type ExternalKey = (String, &'static str, String);

/// Live records whose cells, or whose row in a child table, have these values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lookup {
    /// Name of the record type.
    pub kind: &'static str,
    /// A child table to look in; absent: the type's own table.
    pub child: Option<&'static str>,
    /// Columns and their values. `unit_id` may be among them.
    pub matching: Vec<(&'static str, Value)>,
}

/// The columns that look-ups of one kind compare.
type Shape = (Option<&'static str>, Vec<&'static str>);

impl Lookup {
    /// The records of `T` with these cells.
    pub fn of<T: RecordType>(matching: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        Lookup { kind: T::NAME, child: None, matching: matching.into_iter().collect() }
    }

    /// The records of `T` with such a row in a child table.
    pub fn child<T: RecordType>(
        table: &'static str,
        matching: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Self {
        Lookup { kind: T::NAME, child: Some(table), matching: matching.into_iter().collect() }
    }

    fn shape(&self) -> Shape {
        (self.child, self.matching.iter().map(|(column, _)| *column).collect())
    }

    /// Whether a record is one of them.
    fn finds(&self, record: &Stored) -> bool {
        match self.child {
            None => self.matching.iter().all(|(column, value)| has(record, column, value)),
            Some(_) => matches_of(record, &self.shape()).contains(self),
        }
    }
}

/// How many live records have these cells, by the values of a text column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Count {
    /// Name of the record type.
    pub kind: &'static str,
    /// A column and its value.
    pub matching: (&'static str, Value),
    /// The column by whose values is grouped.
    pub by: Option<&'static str>,
}

impl Count {
    /// The value of a record in the column that groups.
    fn group(&self, record: &Stored) -> Option<String> {
        match self.by.and_then(|by| cell(record, by)) {
            Some(Value::Text(text)) => text,
            _ => None,
        }
    }

    fn counts(&self, record: &Stored) -> bool {
        record.is_live() && has(record, self.matching.0, &self.matching.1)
    }
}

/// How many records there are of each value; nothing: of no value.
pub type Counts = BTreeMap<Option<String>, i64>;

/// What was asked for and not loaded yet.
#[derive(Debug, Default)]
pub struct Missing {
    /// Records, by the position of their type.
    pub records: BTreeMap<usize, BTreeSet<Uuid>>,
    /// External ids.
    pub external: BTreeSet<ExternalKey>,
    /// Look-ups.
    pub lookups: HashSet<Lookup>,
    /// Records whose referrers were asked for.
    pub referrers: BTreeSet<RecordKey>,
    /// Counts.
    pub counts: HashSet<Count>,
}

impl Missing {
    /// Whether nothing is missing.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
            && self.external.is_empty()
            && self.lookups.is_empty()
            && self.referrers.is_empty()
            && self.counts.is_empty()
    }
}

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
    asked_in_vain: Cell<usize>,
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
            asked_in_vain: Cell::new(0),
            undo: Vec::new(),
        }
    }

    // What is missing, and what was loaded.

    /// How often something was asked for in vain. Who finds it grown has decided on too little, and decides again.
    pub fn asked_in_vain(&self) -> usize {
        self.asked_in_vain.get()
    }

    /// Notes that an item waits for another item that waits.
    pub fn wait(&self) {
        self.asked_in_vain.set(self.asked_in_vain.get() + 1);
    }

    fn miss(&self, note: impl FnOnce(&mut Missing)) {
        note(&mut self.missing.borrow_mut());
        self.wait();
    }

    /// Takes what was asked for in vain.
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

    /// The live records that a look-up finds now, but one; at most about [`LOOKUP_LIMIT`].
    pub fn others<T: Slice>(&self, lookup: Lookup, but: Uuid) -> impl Iterator<Item = Arc<T>> {
        if !self.loaded.contains(&lookup) {
            self.miss(|missing| {
                missing.lookups.insert(lookup.clone());
            });
        }
        let kind = Kind::named(T::NAME);
        let ids = self.lookups.get(&lookup).into_iter().flatten().copied().filter(move |id| *id != but);
        let records = ids.filter_map(move |id| kind.and_then(|kind| self.get(kind, id)));
        // What was noted once may have changed since.
        records.filter(move |record| record.is_live() && lookup.finds(record)).filter_map(|record| record.typed::<T>())
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

/// The cell of a record in a column that look-ups and counts name.
fn cell(record: &Stored, column: &str) -> Option<Value> {
    match column {
        "unit_id" => Some(record.unit_id.into()),
        "id" => Some(record.id.into()),
        column => at(record.kind.columns, record.cells(), column).cloned(),
    }
}

fn has(record: &Stored, column: &str, value: &Value) -> bool {
    match column {
        "unit_id" => *value == Value::from(record.unit_id),
        "id" => *value == Value::from(record.id),
        column => at(record.kind.columns, record.cells(), column) == Some(value),
    }
}

fn at<'a>(columns: &[Column], row: &'a [Value], name: &str) -> Option<&'a Value> {
    columns.iter().position(|column| column.name == name).and_then(|index| row.get(index))
}

/// The look-ups of a shape that find a record: one, or one for each row of a child table.
fn matches_of(record: &Stored, (child, columns): &Shape) -> Vec<Lookup> {
    let kind = record.kind;
    let lookup = |cell: &dyn Fn(&str) -> Option<Value>| {
        let matching: Option<Vec<_>> =
            columns.iter().map(|column| cell(column).map(|value| (*column, value))).collect();
        matching.map(|matching| Lookup { kind: kind.name, child: *child, matching })
    };
    match child {
        None => lookup(&|name| cell(record, name)).into_iter().collect(),
        Some(table) => {
            let children = kind.child_tables.iter().zip(record.child_rows()).filter(|(child, _)| child.table == *table);
            let rows = children.flat_map(|(child, rows)| rows.iter().map(|row| (child.columns, row)));
            rows.filter_map(|(columns, row)| lookup(&|name| at(columns, row, name).cloned())).collect()
        }
    }
}
