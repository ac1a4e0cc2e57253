//! What one set of writes sees: the records, names and look-ups that were loaded, and over them what the
//! commands decided so far would change. Pure memory; `load.rs` fills it, `decide.rs` changes it.

use super::record::Stored;
use super::registry::{KINDS, Kind, Slice};
use super::scope::Tree;
use crate::db::{Column, Value};
use cell_records_types::{Date, ExternalId, RecordType, Timestamp};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use uuid::Uuid;

/// What a rule must see: records whose cells equal these values, live ones only.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Need {
    /// Name of the record type.
    pub kind: &'static str,
    /// A side table to look in, by name; absent: the type's own table.
    pub side: Option<&'static str>,
    /// Columns and the values that they must have. `unit_id` may be among them.
    pub matching: Vec<(&'static str, Value)>,
}

impl Need {
    /// The records of `T` with these cells.
    pub fn of<T: RecordType>(matching: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        Need { kind: T::NAME, side: None, matching: matching.into_iter().collect() }
    }

    /// The records of `T` with such a row in a side table.
    pub fn side<T: RecordType>(table: &'static str, matching: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        Need { kind: T::NAME, side: Some(table), matching: matching.into_iter().collect() }
    }
}

/// Where a need looks: a side table or none, and the columns.
type Shape = (Option<&'static str>, Vec<&'static str>);

impl Need {
    fn shape(&self) -> Shape {
        (self.side, self.matching.iter().map(|(column, _)| *column).collect())
    }
}

/// At most so many records are loaded for one need: more than one set can change, so an answer "some are
/// left" is never wrong.
pub const NEED_LIMIT: i64 = 1_001;

/// Identifies an external id.
pub type ExternalKey = (String, &'static str, String);

/// What one set of writes sees.
pub struct World {
    /// The database's clock at the beginning of the set; never before a record's last change.
    pub now: Timestamp,
    /// Today in Vietnam.
    pub today: Date,
    /// The tree, with what the set changed so far.
    pub tree: Arc<Tree>,
    records: HashMap<(usize, Uuid), Option<Arc<Stored>>>,
    external: HashMap<ExternalKey, Option<Uuid>>,
    needs: HashMap<Need, Vec<Uuid>>,
    /// The needs that were loaded. Others may stand above with only what this set made.
    asked: HashSet<Need>,
    /// The needs that a rule asked for and nobody had loaded.
    missed: RefCell<HashSet<Need>>,
    shapes: HashMap<&'static str, HashSet<Shape>>,
    links: HashMap<Uuid, Vec<(usize, Uuid)>>,
    undo: Vec<Undo>,
}

enum Undo {
    Record((usize, Uuid), Option<Option<Arc<Stored>>>),
    External(ExternalKey, Option<Option<Uuid>>),
    Tree(Arc<Tree>),
}

impl World {
    /// An empty world at an instant.
    pub fn new(now: Timestamp, tree: Arc<Tree>) -> Self {
        World {
            now,
            today: now.date_in_vietnam(),
            tree,
            records: HashMap::new(),
            external: HashMap::new(),
            needs: HashMap::new(),
            asked: HashSet::new(),
            missed: RefCell::default(),
            shapes: HashMap::new(),
            links: HashMap::new(),
            undo: Vec::new(),
        }
    }

    // What was loaded.

    /// Whether a record was asked for already.
    pub fn knows(&self, kind: &Kind, id: Uuid) -> bool {
        self.records.contains_key(&(kind.order, id))
    }

    /// Whether a need was loaded already.
    pub fn knows_need(&self, need: &Need) -> bool {
        self.asked.contains(need)
    }

    /// Whether an external id was asked for already.
    pub fn knows_external(&self, key: &ExternalKey) -> bool {
        self.external.contains_key(key)
    }

    /// Whether the links to a record were loaded already.
    pub fn knows_links(&self, to: Uuid) -> bool {
        self.links.contains_key(&to)
    }

    /// Puts in what the database has under an id.
    pub fn loaded(&mut self, kind: &Kind, id: Uuid, record: Option<Stored>) {
        self.records.entry((kind.order, id)).or_insert_with(|| record.map(Arc::new));
    }

    /// Puts in what the database has under an external id.
    pub fn loaded_external(&mut self, key: ExternalKey, id: Option<Uuid>) {
        self.external.entry(key).or_insert(id);
    }

    /// Puts in what the database has for needs of one shape; all the records stand here already.
    pub fn loaded_needs(&mut self, kind: &'static Kind, needs: Vec<Need>, ids: &[Uuid]) {
        for need in needs {
            self.shapes.entry(kind.name).or_default().insert(need.shape());
            self.needs.entry(need.clone()).or_default();
            self.asked.insert(need);
        }
        for id in ids {
            if let Some(record) = self.get(kind, *id).cloned() {
                self.index(&record);
            }
        }
    }

    /// Notes a record under every need of a known shape that it answers.
    fn index(&mut self, record: &Arc<Stored>) {
        for shape in self.shapes.get(record.kind.name).into_iter().flatten() {
            for need in answered(record, shape) {
                let ids = self.needs.entry(need).or_default();
                if !ids.contains(&record.id) {
                    ids.push(record.id);
                }
            }
        }
    }

    /// Puts in which records point to a record.
    pub fn loaded_links(&mut self, to: Uuid, from: Vec<(usize, Uuid)>) {
        self.links.insert(to, from);
    }

    // What rules ask.

    /// A record, as it stands now in this set; deleted ones too.
    pub fn get(&self, kind: &Kind, id: Uuid) -> Option<&Arc<Stored>> {
        self.records.get(&(kind.order, id)).and_then(Option::as_ref)
    }

    /// A live record in its typed form.
    pub fn live<T: Slice>(&self, id: Uuid) -> Option<Arc<T>> {
        let kind = Kind::named(T::NAME)?;
        self.get(kind, id).filter(|record| record.is_live()).and_then(|record| record.typed::<T>())
    }

    /// Who holds an external id now.
    pub fn holder(&self, key: &ExternalKey) -> Option<Uuid> {
        self.external.get(key).copied().flatten()
    }

    /// The live records that a need asks for, as they stand now in this set.
    pub fn matching(&self, need: &Need) -> Vec<&Arc<Stored>> {
        let Some(kind) = Kind::named(need.kind) else { return Vec::new() };
        if !self.asked.contains(need) {
            self.missed.borrow_mut().insert(need.clone());
        }
        let records = self.needs.get(need).into_iter().flatten().filter_map(|id| self.get(kind, *id));
        // What was noted once may have moved on since.
        records.filter(|record| record.is_live() && answered(record, &need.shape()).contains(need)).collect()
    }

    /// The same in their typed form, without the record itself.
    pub fn others<T: Slice>(&self, need: &Need, but: Uuid) -> Vec<Arc<T>> {
        self.matching(need)
            .into_iter()
            .filter(|record| record.id != but)
            .filter_map(|record| record.typed::<T>())
            .collect()
    }

    /// Takes the needs that rules asked for in vain: what was decided without them must be decided anew.
    pub fn take_missed(&mut self) -> HashSet<Need> {
        std::mem::take(self.missed.get_mut())
    }

    /// The live records that point to a record now, besides those that only belong to it as their unit.
    pub fn pointing_to(&self, to: Uuid) -> Vec<&Arc<Stored>> {
        let from = self.links.get(&to).into_iter().flatten();
        let records = from.filter_map(|(order, id)| KINDS.get(*order).and_then(|kind| self.get(kind, *id)));
        records.filter(|record| record.is_live() && record.id != to && record.links().contains(&to)).collect()
    }

    // What deciding changes.

    /// Puts in a record as an item made it.
    pub fn put(&mut self, record: Arc<Stored>) {
        let key = (record.kind.order, record.id);
        let before = self.records.insert(key, Some(record.clone()));
        self.index(&record);
        for to in record.links() {
            let from = self.links.entry(*to).or_default();
            if !from.contains(&key) {
                from.push(key);
            }
        }
        self.undo.push(Undo::Record(key, before));
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

    /// Where things stand now, to come back to.
    pub fn mark(&self) -> usize {
        self.undo.len()
    }

    /// Takes back all that was decided since a mark.
    pub fn back_to(&mut self, mark: usize) {
        while self.undo.len() > mark {
            match self.undo.pop() {
                Some(Undo::Record(key, Some(before))) => {
                    self.records.insert(key, before);
                }
                Some(Undo::Record(key, None)) => {
                    self.records.remove(&key);
                }
                Some(Undo::External(key, before)) => {
                    self.external.insert(key, before.flatten());
                }
                Some(Undo::Tree(before)) => self.tree = before,
                None => {}
            }
        }
    }
}

/// The needs of a shape that a record answers: one, or one for each row of a side table.
fn answered(record: &Stored, (side, columns): &Shape) -> Vec<Need> {
    let kind = record.kind;
    let need = |cell: &dyn Fn(&str) -> Option<Value>| {
        let matching: Option<Vec<_>> =
            columns.iter().map(|column| cell(column).map(|value| (*column, value))).collect();
        matching.map(|matching| Need { kind: kind.name, side: *side, matching })
    };
    let at = |names: &[Column], row: &[Value], name: &str| {
        names.iter().position(|column| column.name == name).and_then(|index| row.get(index).cloned())
    };
    match side {
        None => {
            let own = |name: &str| match name {
                "unit_id" => Some(record.unit_id.into()),
                "id" => Some(record.id.into()),
                name => at(kind.columns, record.cells(), name),
            };
            need(&own).into_iter().collect()
        }
        Some(table) => {
            let sides = kind.sides.iter().zip(kind.side_rows(record)).filter(|(side, _)| side.table == *table);
            sides
                .flat_map(|(side, rows)| {
                    rows.into_iter().filter_map(move |row| need(&|name| at(side.columns, &row, name)))
                })
                .collect()
        }
    }
}
