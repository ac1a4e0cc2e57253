//! The registry of record types: what the engine knows of each, made from the wire type and its slice.
//! Which types there are is said by [`types::record_types!`].

use super::cut;
use super::filter::{Filter, SINCE};
use super::moves::Move;
use super::record::{CutBody, Fields, Stored, Typed, envelope_columns, references_of};
use super::rules::{self, AnyChange, Ruled, Slice, Verdict};
use super::search::Search;
use super::work::Work;
use super::write_set::{Lookup, WriteSet};
use crate::db::{Column, Value};
use cell_records_types as types;
use cell_records_types::fields::Shape;
use cell_records_types::phrases::{self, Words};
use cell_records_types::record::ENVELOPE;
use cell_records_types::sync::MatchBy;
use cell_records_types::{Class, FieldSpec, Label, Sample};
use serde_json::Map;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};
use uuid::Uuid;

/// Identifies a record: the position of its type in the registry, and its id. An id alone is unique within a type only.
pub type RecordKey = (usize, Uuid);

/// A field that a list may be sorted by.
#[derive(Debug, Clone, Copy)]
pub struct Sort {
    /// Its name: a field's, unless it says otherwise.
    pub name: &'static str,
    /// The field that it asks about.
    pub field: &'static str,
    label: Option<Label>,
    /// The columns that order it, before the id: text, number or instant, never null. Their fields are of one class.
    pub columns: &'static [&'static str],
    /// Whether an index gives this order over all units. Without one, the list must name few units: it sorts there.
    pub indexed: bool,
}

impl Sort {
    /// By the day of the last step.
    pub const SINCE: Sort = Sort { label: Some(SINCE), ..Sort::narrow("since", &["since"]).of("steps") };

    /// An order that an index gives over all units.
    pub const fn indexed(name: &'static str, columns: &'static [&'static str]) -> Self {
        Sort { name, field: name, label: None, columns, indexed: true }
    }

    /// An order in which only a list of few units comes.
    pub const fn narrow(name: &'static str, columns: &'static [&'static str]) -> Self {
        Sort { name, field: name, label: None, columns, indexed: false }
    }

    /// What people call it: as its field, unless it says otherwise.
    pub fn label(&self, kind: &Kind) -> Option<Label> {
        self.label.or_else(|| Some(kind.any_field(self.field)?.label))
    }

    /// The same by what is in another field than its name says.
    #[must_use]
    pub const fn of(self, field: &'static str) -> Self {
        Sort { field, ..self }
    }
}

/// Sorts that every type has. The id alone is the order of a list that names none.
pub const COMMON_SORTS: [Sort; 2] = [Sort::indexed("id", &[]), Sort::indexed("updated_at", &["updated_at"])];

/// A table that holds several rows a record, such as a member's numbers.
#[derive(Debug, Clone, Copy)]
pub struct ChildTable {
    /// Its name.
    pub table: &'static str,
    /// The column of the record's id, which comes first in a row.
    pub owner: &'static str,
    /// All its columns, the owner's first.
    pub columns: &'static [Column],
}

/// Schemas by name, as an OpenAPI document takes them.
pub type Schemas = Vec<(String, RefOr<Schema>)>;

/// A record type as the engine sees it.
pub struct Kind {
    /// Name on the wire.
    pub name: &'static str,
    /// Its table, and the last part of its collection's path.
    pub plural: &'static str,
    /// How people call one record.
    pub label: Label,
    /// How people call many.
    pub label_plural: Label,
    /// The fields whose values are the display text of a record: [`types::RecordType::DISPLAY`].
    pub display: &'static [&'static str],
    /// The class of the record's being there at all.
    pub class: Class,
    /// Whether it is readable from below its unit.
    pub downward: bool,
    /// Its fields.
    pub fields: &'static [FieldSpec],
    /// Columns of its own.
    pub columns: &'static [Column],
    /// Its filters.
    pub filters: &'static [Filter],
    /// Its sorts, besides the common ones.
    pub sorts: &'static [Sort],
    /// What follows `unit_id` in the index that leads with it.
    pub unit_index: &'static [&'static str],
    /// Its child tables.
    pub child_tables: &'static [ChildTable],
    /// What `q` searches.
    pub search: Option<Search>,
    /// Fields that have a default.
    pub defaults: &'static [rules::Default],
    /// The moves between the states of a record.
    pub moves: &'static [Move],
    /// What becomes due with a record.
    pub work: &'static [Work],
    /// Required fields that were added later, with what older records have.
    pub fills: &'static [(&'static str, &'static str)],
    /// Raised when what is derived from records of the type changed its meaning.
    pub revision: u32,
    /// Position in the registry: the order of a snapshot.
    pub order: usize,
    read: fn(&Stored) -> Option<Typed>,
    parse: fn(serde_json::Value) -> Option<Typed>,
    cut: fn(&Typed) -> CutBody,
    cells: fn(&Typed) -> Vec<Value>,
    child_rows: fn(&Typed) -> Vec<Vec<Vec<Value>>>,
    references: fn(&Typed) -> Vec<(&'static str, Uuid)>,
    same: fn(&Map<String, serde_json::Value>, &MatchBy) -> Vec<Lookup>,
    fits: fn(&Map<String, serde_json::Value>, &Stored) -> bool,
    decide: fn(&AnyChange<'_>, &WriteSet, &mut Verdict) -> Option<Ruled>,
    sample: fn() -> Sample,
    complete: fn(serde_json::Value) -> serde_json::Result<serde_json::Value>,
    /// Fields that never change once the record is made.
    pub fixed: &'static [&'static str],
    /// The references, of which the first that is sent says to whose unit a new record belongs.
    pub unit_of: &'static [&'static str],
    schema_names: fn() -> [String; 3],
    schemas: fn(&mut Schemas),
    selects: [OnceLock<String>; 4],
    by_name: OnceLock<HashMap<&'static str, &'static FieldSpec, foldhash::fast::RandomState>>,
}

impl Kind {
    const fn of<T: Slice>(order: usize) -> Self {
        Kind {
            name: T::NAME,
            plural: T::PLURAL,
            label: T::LABEL,
            label_plural: T::LABEL_PLURAL,
            display: T::DISPLAY,
            class: T::CLASS,
            downward: T::DOWNWARD,
            fields: T::FIELDS,
            columns: T::COLUMNS,
            filters: T::FILTERS,
            sorts: T::SORTS,
            unit_index: T::UNIT_INDEX,
            child_tables: T::CHILD_TABLES,
            search: T::SEARCH,
            defaults: T::DEFAULTS,
            moves: T::MOVES,
            work: T::WORK,
            fills: T::FILLS,
            revision: T::REVISION,
            order,
            read: Stored::read::<T>,
            parse: |value| serde_json::from_value::<T>(value).ok().map(|record| Arc::new(record) as Typed),
            cut: |typed| typed.downcast_ref::<T>().map(cut::typed).unwrap_or_default(),
            cells: |typed| typed.downcast_ref::<T>().map(T::columns).unwrap_or_default(),
            child_rows: |typed| typed.downcast_ref::<T>().map(T::child_rows).unwrap_or_default(),
            references: |typed| typed.downcast_ref::<T>().map(references_of).unwrap_or_default(),
            same: T::same,
            fits: |sent, record| record.typed::<T>().is_some_and(|record| T::fits(sent, &record)),
            decide: rules::decide::<T>,
            sample: T::sample,
            complete: |flat| serde_json::from_value::<T>(flat).and_then(serde_json::to_value),
            fixed: T::FIXED,
            unit_of: T::UNIT_OF,
            schema_names: || [T::name(), T::Create::name(), T::Update::name()].map(Cow::into_owned),
            schemas: |schemas| {
                add_schemas::<T>(schemas);
                add_schemas::<T::Create>(schemas);
                add_schemas::<T::Update>(schemas);
            },
            selects: [const { OnceLock::new() }; 4],
            by_name: OnceLock::new(),
        }
    }

    /// A type as it would be if these required fields had been added to it.
    #[cfg(test)]
    pub(super) fn with_fills<T: Slice>(fills: &'static [(&'static str, &'static str)]) -> &'static Self {
        let order = Kind::named(T::NAME).map_or(0, |kind| kind.order);
        Box::leak(Box::new(Kind { fills, ..Kind::of::<T>(order) }))
    }

    /// A stored record in its typed form.
    pub fn read(&self, record: &Stored) -> Option<Typed> {
        (self.read)(record)
    }

    /// A record from its flat JSON, if that has what a record of the type must have.
    pub fn parse(&self, flat: serde_json::Value) -> Option<Typed> {
        (self.parse)(flat)
    }

    /// The body of a typed record, cut by class.
    pub fn cut(&self, record: &Typed) -> CutBody {
        (self.cut)(record)
    }

    /// The cells of the type's own columns.
    pub fn cells(&self, record: &Typed) -> Vec<Value> {
        (self.cells)(record)
    }

    /// The rows of each child table.
    pub fn child_rows(&self, record: &Typed) -> Vec<Vec<Vec<Value>>> {
        (self.child_rows)(record)
    }

    /// The records that a typed record points to: type and id.
    pub fn references(&self, record: &Typed) -> Vec<(&'static str, Uuid)> {
        (self.references)(record)
    }

    /// What a create must name besides the required fields: where the record is put, unless that follows from another.
    pub fn needs(&self) -> Option<&'static str> {
        match self.unit_of {
            [_, ..] => None,
            [] if self.name == UNIT.name => Some("parent_id"),
            [] => Some("unit_id"),
        }
    }

    /// Whether a new record must name its unit, as nothing else that its body names says where it belongs. A required
    /// reference that is missing is missed itself.
    pub fn needs_unit(&self, names: impl Fn(&str) -> bool) -> bool {
        let is_said_by = |name: &&str| names(name) || self.field(name).is_some_and(|field| field.required);
        !self.unit_of.iter().any(is_said_by)
    }

    /// What people call the fields that say, without a unit, to which one a new record belongs.
    pub fn subjects(&self) -> Words {
        Words::list(self.unit_of.iter().filter_map(|name| Some(self.field(name)?.label.into())))
    }

    /// The unit of a new record that names none, where it follows from a record that it refers to.
    pub fn default_unit(&self, fields: &Fields, set: &WriteSet) -> Option<Uuid> {
        let is_sent = |name: &&&str| fields.0.contains_key(**name);
        let field = self.field(self.unit_of.iter().find(is_sent)?)?;
        let Shape::Reference(target) = field.shape else { return None };
        let id = fields.0.get(field.name)?.as_str()?.parse().ok()?;
        set.get(Kind::named(target)?, id).filter(|record| record.is_live()).map(|record| record.unit_id)
    }

    /// The look-ups that find the same record by a number among the fields that were sent.
    pub fn same(&self, sent: &Map<String, serde_json::Value>, by: &MatchBy) -> Vec<Lookup> {
        (self.same)(sent, by)
    }

    /// Whether fields that were sent fit a record that has their number.
    pub fn fits(&self, sent: &Map<String, serde_json::Value>, record: &Stored) -> bool {
        (self.fits)(sent, record)
    }

    /// Asks the type's defaults and rules. Nothing when a record does not read back.
    pub fn decide(&self, change: &AnyChange<'_>, set: &WriteSet, verdict: &mut Verdict) -> Option<Ruled> {
        (self.decide)(change, set, verdict)
    }

    /// An example of the type.
    pub fn sample(&self) -> Sample {
        (self.sample)()
    }

    /// A flat record as a call returns it: with the first values of managed fields that it does not have.
    ///
    /// # Errors
    /// When it does not have what a record of the type must have.
    pub fn complete(&self, flat: serde_json::Value) -> serde_json::Result<serde_json::Value> {
        (self.complete)(flat)
    }

    /// Names of the schemas of what it returns, what a create takes, what a patch takes.
    pub fn schema_names(&self) -> [String; 3] {
        (self.schema_names)()
    }

    /// Name of the schema of a step.
    pub fn advance_name(&self) -> String {
        let [answer, ..] = self.schema_names();
        format!("{answer}Advance")
    }

    /// Name of the schema of a page of them.
    pub fn page_name(&self) -> String {
        let [answer, ..] = self.schema_names();
        format!("{answer}Page")
    }

    /// Name of the schema of their counts.
    pub fn counts_name(&self) -> String {
        let [answer, ..] = self.schema_names();
        format!("{answer}Counts")
    }

    /// The type's schemas and those that they refer to, by name.
    pub fn schemas(&self) -> Schemas {
        let mut schemas = Schemas::new();
        (self.schemas)(&mut schemas);
        schemas
    }

    /// The declaration of a field.
    pub fn field(&self, name: &str) -> Option<&'static FieldSpec> {
        let all = || self.fields.iter().map(|field| (field.name, field)).collect();
        self.by_name.get_or_init(all).get(name).copied()
    }

    /// The same, among those that every record has, too.
    pub fn any_field(&self, name: &str) -> Option<&'static FieldSpec> {
        self.field(name).or_else(|| ENVELOPE.iter().find(|field| field.name == name))
    }

    /// The types for a message.
    pub fn all_words() -> Words {
        Words::list(KINDS.iter().map(|kind| kind.label.named(kind.name))).or_where_long(|| &phrases::TYPES)
    }

    /// Whether a field never changes once the record is made.
    pub fn is_fixed(&self, name: &str) -> bool {
        self.fixed.contains(&name) || name == "unit_id" && self.downward
    }

    /// Whether a `replace` leaves a field as it is when it is absent: one with a default, one that
    /// never changes, the steps.
    pub fn keeps(&self, name: &str) -> bool {
        let is_steps = name == "steps" && !self.moves.is_empty();
        is_steps || self.is_fixed(name) || self.defaults.iter().any(|(field, _)| *field == name)
    }

    /// The sort of a name, common ones included.
    pub fn sort(&self, name: &str) -> Option<Sort> {
        self.sorts.iter().chain(&COMMON_SORTS).find(|sort| sort.name == name).copied()
    }

    /// The type of a wire name.
    pub fn named(name: &str) -> Option<&'static Kind> {
        static NAMES: LazyLock<HashMap<&'static str, &'static Kind>> =
            LazyLock::new(|| KINDS.iter().map(|kind| (kind.name, kind)).collect());
        NAMES.get(name).copied()
    }

    /// The statement that selects its records for a reader of this class, without a condition.
    pub fn select(&self, class: Class) -> &str {
        let text = || format!("SELECT {} FROM {}", envelope_columns(class, ""), self.plural);
        self.selects.get(class.index()).map_or("", |select| select.get_or_init(text))
    }

    /// The type at a position of the registry.
    pub fn at(order: usize) -> Option<&'static Kind> {
        KINDS.get(order)
    }
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

fn add_schemas<T: ToSchema>(schemas: &mut Schemas) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

macro_rules! kinds {
    ($($name:ident,)+) => {
        /// All record types, in the order of [`types::record_types!`].
        pub static KINDS: [Kind; types::RECORD_TYPES.len()] = {
            let mut next = 0;
            [$({
                next += 1;
                Kind::of::<types::$name>(next - 1)
            }),+]
        };
    };
}
types::record_types!(kinds);

/// The type of units, which the tree is made of.
pub static UNIT: &Kind = &KINDS[0];

#[cfg(test)]
mod tables;
