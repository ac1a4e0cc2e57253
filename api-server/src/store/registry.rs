//! The registry of record types: what the engine knows of each, made from the wire type and its slice.
//! A record type is one line in [`KINDS`].

use super::decide::Verdict;
use super::record::{Fields, Stored};
use super::scope::Scope;
use super::world::{Need, World};
use crate::db::{Column, Value};
use crate::http::openapi::add_schema;
use cell_records_types as types;
use cell_records_types::{Class, FieldSpec, RecordType};
use std::borrow::Cow;
use utoipa::ToSchema;
use utoipa::openapi::Components;
use uuid::Uuid;

/// What a record type adds to its wire declaration: its columns, filters, sorts and rules.
/// The file of a slice (`records/<type>.rs`) implements it and holds nothing else.
pub trait Slice: RecordType<New: ToSchema, Patch: ToSchema> + ToSchema {
    /// Columns of the type's own, after the envelope. Only what is filtered, sorted, looked up or counted.
    const COLUMNS: &'static [Column];
    /// Columns without an index of their own come first in updates: the others are written only when they changed.
    const FILTERS: &'static [Filter];
    /// Fields that a list may be sorted by.
    const SORTS: &'static [Sort];
    /// Tables that hold several rows a record.
    const SIDES: &'static [Side] = &[];
    /// The field that `q` searches, as `q` works only over the grants that may read it; absent: no search.
    const SEARCH: Option<&'static str> = None;

    /// Fields that have a default: a `replace` leaves them when they are absent.
    const DEFAULTED: &'static [&'static str] = &[];

    /// The unit of a new record that names none, where the type tells it by itself.
    fn default_unit(_fields: &Fields, _world: &World) -> Option<Uuid> {
        None
    }

    /// The cells of [`Slice::COLUMNS`], in order.
    fn columns(&self) -> Vec<Value>;

    /// The rows of each of [`Slice::SIDES`], in order.
    fn sides(&self) -> Vec<Vec<Vec<Value>>> {
        Vec::new()
    }

    /// What its rules must see besides the record itself and what it refers to.
    fn needs(_change: &Change<'_, Self>, _world: &World, _needs: &mut Vec<Need>) {}

    /// Its defaults and rules: completes `after`, reports faults, warnings and conflicts. Pure.
    fn decide(change: &mut Change<'_, Self>, world: &World, verdict: &mut Verdict);
}

/// A write of one record as its rules see it.
pub struct Change<'a, T> {
    /// The record as it stands; absent at a create.
    pub before: Option<&'a T>,
    /// The record as it would stand: with the envelope, values checked, references resolved. At a delete, as it stands.
    pub after: T,
    /// What is done.
    pub action: Action,
    /// Names of the fields that the caller sent.
    pub sent: &'a [String],
    /// Whether the rules of transition are off: the local operator loads what was decided elsewhere.
    pub loading: bool,
    /// What the caller sees; absent while needs are gathered.
    pub scope: Option<&'a Scope>,
}

/// What a write does to its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Makes it, or brings it back: under the rules of a create.
    Create,
    /// Changes it, its unit perhaps.
    Update,
    /// Deletes it.
    Delete,
}

impl<T> Change<'_, T> {
    /// Whether the caller sent this field.
    pub fn sent(&self, field: &str) -> bool {
        self.sent.iter().any(|name| name == field)
    }

    /// Whether the caller reads a field of another record, and so may be told of it.
    pub fn may_tell(&self, kind: &'static str, unit: Uuid, field: &str) -> bool {
        let Some((scope, kind)) = self.scope.zip(Kind::named(kind)) else { return false };
        let class = kind.field(field).map_or(Class::Sensitive, |spec| spec.class);
        scope.reads(kind, unit).is_some_and(|reads| reads >= class) || scope.named_fields(kind, unit).contains(&field)
    }

    /// Whether a part of the record differs from what stands (at a create: always).
    pub fn changed<V: PartialEq>(&self, part: impl Fn(&T) -> V) -> bool {
        self.before.is_none_or(|before| part(before) != part(&self.after))
    }
}

/// A parameter of a list that filters it.
#[derive(Debug, Clone, Copy)]
pub struct Filter {
    /// The parameter's name.
    pub name: &'static str,
    /// The field that it asks about: it works only over the grants that may read it.
    pub field: &'static str,
    /// How its value is read and compared.
    pub test: Test,
}

/// How a filter compares.
#[derive(Debug, Clone, Copy)]
pub enum Test {
    /// A code of an enum (or several, comma separated), equal to a text column.
    Code(&'static str, &'static types::CodeList),
    /// A text equal to a text column.
    Text(&'static str),
    /// A reference equal to an id column.
    Reference(&'static str, &'static str),
    /// A whole number equal to a number column.
    Number(&'static str),
    /// `true` or `false`, kept as 1 or 0.
    Flag(&'static str),
    /// A date (or partial date) at or after which a text column of dates lies.
    DateFrom(&'static str),
    /// A date (or partial date) at or before which a text column of dates lies.
    DateTo(&'static str),
    /// A day on which a half-open stretch of dates holds: two text columns.
    DayIn(&'static str, &'static str),
    /// A text equal to a column of a side table, of rows of one kind: table, key column, kind, number column.
    Side(&'static str, &'static str, &'static str),
    /// The units above a unit, itself included.
    AncestorsOf,
    /// The members whose stay on a day was in the list's unit.
    StayAt,
    /// Records that share a number with another that the caller may read.
    Duplicates,
}

/// A field that a list may be sorted by.
#[derive(Debug, Clone, Copy)]
pub struct Sort {
    /// The field's name.
    pub name: &'static str,
    /// The column that orders it: text, number or instant, never null.
    pub column: &'static str,
    /// Whether an index leads with `unit_id` before it, so that few units merge their heads.
    pub by_unit: bool,
}

/// Sorts that every type has.
pub const COMMON_SORTS: [Sort; 2] = [
    Sort { name: "created_at", column: "created_at", by_unit: false },
    Sort { name: "updated_at", column: "updated_at", by_unit: false },
];

/// A table that holds several rows a record, such as a member's numbers.
#[derive(Debug, Clone, Copy)]
pub struct Side {
    /// Its name.
    pub table: &'static str,
    /// The column of the record's id, which comes first in a row.
    pub owner: &'static str,
    /// All its columns, the owner's first.
    pub columns: &'static [Column],
}

/// A record type as the engine sees it.
pub struct Kind {
    /// Name on the wire.
    pub name: &'static str,
    /// Its table, and the last part of its collection's path.
    pub plural: &'static str,
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
    /// Its side tables.
    pub sides: &'static [Side],
    /// The field that `q` searches.
    pub search: Option<&'static str>,
    /// Fields that have a default.
    pub defaulted: &'static [&'static str],
    /// Position in the registry: the order of a snapshot.
    pub order: usize,
    default_unit: fn(&Fields, &World) -> Option<Uuid>,
    cells: fn(&Stored) -> Vec<Value>,
    side_rows: fn(&Stored) -> Vec<Vec<Vec<Value>>>,
    needs: fn(&Write<'_>, &World, &mut Vec<Need>),
    decide: fn(&Write<'_>, &World, &mut Verdict) -> Option<Fields>,
    schema_names: fn() -> [String; 3],
    add_schemas: fn(&mut Components),
}

/// A write before it is typed.
pub struct Write<'a> {
    /// The record as it stands.
    pub before: Option<&'a Stored>,
    /// As it would stand.
    pub after: &'a Stored,
    /// What is done.
    pub action: Action,
    /// Names of the fields that the caller sent.
    pub sent: &'a [String],
    /// Whether the rules of transition are off.
    pub loading: bool,
    /// What the caller sees; absent while needs are gathered.
    pub scope: Option<&'a Scope>,
}

impl Kind {
    const fn of<T: Slice>(order: usize) -> Self {
        Kind {
            name: T::NAME,
            plural: T::PLURAL,
            class: T::CLASS,
            downward: T::DOWNWARD,
            fields: T::FIELDS,
            columns: T::COLUMNS,
            filters: T::FILTERS,
            sorts: T::SORTS,
            sides: T::SIDES,
            search: T::SEARCH,
            defaulted: T::DEFAULTED,
            order,
            default_unit: T::default_unit,
            cells: |stored| stored.typed::<T>().map_or_else(Vec::new, |record| record.columns()),
            side_rows: |stored| stored.typed::<T>().map_or_else(Vec::new, |record| record.sides()),
            needs: |write, world, needs| {
                with_change::<T, _>(write, |change| T::needs(change, world, needs));
            },
            decide: |write, world, verdict| {
                with_change::<T, _>(write, |change| {
                    T::decide(change, world, verdict);
                    Fields::of(&change.after, T::FIELDS)
                })
            },
            schema_names: || [T::name(), T::New::name(), T::Patch::name()].map(Cow::into_owned),
            add_schemas: |components| {
                add_schema::<T>(components);
                add_schema::<T::New>(components);
                add_schema::<T::Patch>(components);
            },
        }
    }

    /// The cells of the type's own columns.
    pub fn cells(&self, record: &Stored) -> Vec<Value> {
        (self.cells)(record)
    }

    /// The rows of each side table.
    pub fn side_rows(&self, record: &Stored) -> Vec<Vec<Vec<Value>>> {
        (self.side_rows)(record)
    }

    /// The unit of a new record that names none.
    pub fn default_unit(&self, fields: &Fields, world: &World) -> Option<Uuid> {
        (self.default_unit)(fields, world)
    }

    /// What the type's rules must see.
    pub fn needs(&self, write: &Write<'_>, world: &World, needs: &mut Vec<Need>) {
        (self.needs)(write, world, needs);
    }

    /// The type's defaults and rules. Answers the completed fields.
    pub fn decide(&self, write: &Write<'_>, world: &World, verdict: &mut Verdict) -> Option<Fields> {
        (self.decide)(write, world, verdict)
    }

    /// Names of the schemas of what it answers, what a create takes, what a patch takes.
    pub fn schema_names(&self) -> [String; 3] {
        (self.schema_names)()
    }

    /// Adds the type's schemas to the OpenAPI document.
    pub fn add_schemas(&self, components: &mut Components) {
        (self.add_schemas)(components);
    }

    /// The declaration of a field.
    pub fn field(&self, name: &str) -> Option<&'static FieldSpec> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The sort of a name, common ones included.
    pub fn sort(&self, name: &str) -> Option<Sort> {
        self.sorts.iter().chain(&COMMON_SORTS).find(|sort| sort.name == name).copied()
    }

    /// The type of a wire name.
    pub fn named(name: &str) -> Option<&'static Kind> {
        KINDS.iter().find(|kind| kind.name == name)
    }
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

fn with_change<T: Slice, A>(write: &Write<'_>, work: impl FnOnce(&mut Change<'_, T>) -> A) -> Option<A> {
    let before = write.before.and_then(|before| before.typed::<T>());
    let after = write.after.to_typed::<T>()?;
    let mut change = Change {
        before: before.as_deref(),
        after,
        action: write.action,
        sent: write.sent,
        loading: write.loading,
        scope: write.scope,
    };
    Some(work(&mut change))
}

/// All record types, units first, each after those that it refers to: the order of a snapshot.
pub static KINDS: [Kind; 9] = [
    Kind::of::<types::Unit>(0),
    Kind::of::<types::Member>(1),
    Kind::of::<types::Term>(2),
    Kind::of::<types::Position>(3),
    Kind::of::<types::EvaluationScheme>(4),
    Kind::of::<types::EvaluationRound>(5),
    Kind::of::<types::MemberEvaluation>(6),
    Kind::of::<types::UnitEvaluation>(7),
    Kind::of::<types::ReportedFigure>(8),
];

/// The type of units, which the tree is made of.
pub static UNIT: &Kind = &KINDS[0];
