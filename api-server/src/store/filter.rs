//! Parameters of a list that filter it: how a value is read, and what the API document says of it. [`Condition`] is one with
//! its values, in SQL.
//! What only one type asks is a [`Own`] test in that type's slice.

mod condition;

pub use condition::Condition;

use super::registry::Kind;
use super::scope::{Scope, Units};
use crate::db::{Id, Sql, Value};
use crate::phrases;
use cell_records_types::phrases::Words;
use cell_records_types::{CodeList, Date, FieldSpec, Label, PartialDate};
use std::collections::BTreeSet;
use uuid::Uuid;

/// A parameter of a list that filters it.
#[derive(Debug, Clone, Copy)]
pub struct Filter {
    /// The parameter's name.
    pub name: &'static str,
    /// The field that it asks about: it works only over the grants that may read it. One of another type is named with that
    /// type: `exemption.from`.
    pub field: &'static str,
    /// How its value is read and compared.
    pub test: Test,
    /// What people call what it asks about; absent: as its field.
    label: Option<Label>,
}

/// What people call a filter by a day on which something holds.
pub const ON_A_DAY: Label = Label { vi: "Tại ngày", en: "On the day" };

/// What people call the day of the last step.
pub const SINCE: Label = Label { vi: "Ngày vào trạng thái hiện tại", en: "In its state since" };

/// What a filter of an optional field takes for records without a value.
pub const NULL: &str = "null";

impl Filter {
    /// By the field of its name.
    const fn new(name: &'static str, test: Test) -> Self {
        Filter { name, field: name, test, label: None }
    }

    /// By another field.
    #[must_use]
    pub const fn of(self, field: &'static str) -> Self {
        Filter { field, ..self }
    }

    /// Called otherwise than its field.
    #[must_use]
    pub const fn called(self, label: Label) -> Self {
        Filter { label: Some(label), ..self }
    }

    /// By the day of the last step: at or after this date.
    pub const SINCE_FROM: Filter = Filter::date_from("since_from", "since").of("steps").called(SINCE);
    /// The same at or before a date.
    pub const SINCE_TO: Filter = Filter::date_to("since_to", "since").of("steps").called(SINCE);

    /// By a date: at or after this one. The column of the date has the name of its field.
    pub const fn date_from(name: &'static str, column: &'static str) -> Self {
        Filter::new(name, Test::DateFrom(column)).of(column)
    }

    /// By a date: at or before this one.
    pub const fn date_to(name: &'static str, column: &'static str) -> Self {
        Filter::new(name, Test::DateTo(column)).of(column)
    }

    /// `at`: by a day in the stretch of a field that begins in one column and ends in the other.
    pub const fn at(field: &'static str, from: &'static str, to: &'static str) -> Self {
        Filter::new("at", Test::DayIn(from, to)).of(field).called(ON_A_DAY)
    }

    /// By what only its type asks.
    pub const fn own(name: &'static str, own: &'static Own) -> Self {
        Filter::new(name, Test::Own(own))
    }

    /// By the codes of a field. It has the name of the parameter, here and below, and where no column is named, its column too.
    pub const fn code(name: &'static str, list: &'static CodeList) -> Self {
        Filter::new(name, Test::Code(name, list))
    }

    /// By a text.
    pub const fn text(name: &'static str) -> Self {
        Filter::new(name, Test::Text(name))
    }

    /// By a reference to a record of this type, to which few records point.
    pub const fn reference(name: &'static str, target: &'static str) -> Self {
        Filter::new(name, Test::Reference(name, target))
    }

    /// The same where very many records may point to one.
    pub const fn shared_reference(name: &'static str, target: &'static str) -> Self {
        Filter::new(name, Test::SharedReference(name, target))
    }

    /// By a whole number.
    pub const fn number(name: &'static str) -> Self {
        Filter::new(name, Test::Number(name))
    }

    /// By `true` or `false`, which a column keeps as 1 or 0.
    pub const fn flag(name: &'static str, column: &'static str) -> Self {
        Filter::new(name, Test::Flag(column))
    }

    /// What follows the name of a filter in that of its negation.
    pub const NOT: &str = "_not";

    /// The parameter that finds what this one does not, where there is one.
    pub fn negation(&self) -> Option<String> {
        self.test.column().map(|_| format!("{}{}", self.name, Filter::NOT))
    }

    /// Whether it takes [`NULL`]: its column is empty where its field is absent.
    pub fn takes_null(&self, kind: &Kind) -> bool {
        let is_optional = kind.field(self.field).is_some_and(|field| !field.required);
        is_optional && self.test.column().is_some() && !matches!(self.test, Test::Flag(_))
    }

    /// The field of another type that it asks about.
    pub fn other(&self) -> Option<(&'static Kind, &'static FieldSpec)> {
        let (kind, field) = self.field.split_once('.')?;
        let kind = Kind::named(kind)?;
        Some((kind, kind.field(field)?))
    }

    /// What people call it, in Vietnamese and English. `field` is the label of its field.
    pub fn label(&self, field: Label) -> (String, String) {
        let Label { vi, en } = self.label.unwrap_or(field);
        match self.test {
            Test::DateFrom(_) => (format!("{vi} (từ)"), format!("{en} (from)")),
            Test::DateTo(_) => (format!("{vi} (đến)"), format!("{en} (to)")),
            _ => (vi.to_owned(), en.to_owned()),
        }
    }
}

/// How a filter compares.
#[derive(Debug, Clone, Copy)]
pub enum Test {
    /// A code of an enum (or several, comma separated), equal to a text column.
    Code(&'static str, &'static CodeList),
    /// A text equal to a text column.
    Text(&'static str),
    /// A reference equal to an id column: column and type. Few records point to one; an index leads with the column.
    Reference(&'static str, &'static str),
    /// The same where very many records may point to one: the index holds the column and the id.
    SharedReference(&'static str, &'static str),
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
    /// What only this type asks.
    Own(&'static Own),
}

/// A test that a slice brings along.
pub struct Own {
    /// How its value is read.
    pub takes: Takes,
    /// What it asks, for the API document.
    pub description: &'static str,
    /// Whether its condition finds its few records by an index, whatever else the list asks.
    pub finds_few: bool,
    /// Whether it asks for the list's unit itself, in a way of its own.
    pub asks_unit: bool,
    /// Its condition on the row `t`.
    pub condition: fn(&FilterInput<'_>) -> Sql,
}

impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.description)
    }
}

/// What a condition is made from.
pub struct FilterInput<'a> {
    /// The values of the parameter.
    pub values: &'a [Value],
    /// The record type.
    pub kind: &'static Kind,
    /// The list's unit, and whether those below it are meant too.
    pub unit: Option<(Uuid, bool)>,
    /// What the caller sees.
    pub scope: &'a Scope,
}

impl FilterInput<'_> {
    /// The first value.
    pub fn value(&self) -> Value {
        self.values.first().cloned().unwrap_or(Value::Text(None))
    }
}

/// How the value of a parameter is read.
#[derive(Debug, Clone, Copy)]
pub enum Takes {
    /// Codes of a list, comma separated.
    Codes(&'static CodeList),
    /// A text.
    Text,
    /// A reference to a record of this type.
    Reference(&'static str),
    /// A whole number.
    Number,
    /// `true` or `false`.
    Flag,
    /// A date, a month or a year.
    PartialDate,
    /// A date.
    Day,
    /// This one word.
    Word(&'static str),
}

impl Takes {
    /// The values in a text; a reference is resolved elsewhere, and reads as text here.
    ///
    /// # Errors
    /// What the text must be.
    pub fn read(self, text: &str) -> Result<Vec<Value>, Words> {
        Ok(match self {
            Takes::Codes(list) => {
                let codes: BTreeSet<&str> = text.split(',').map(str::trim).collect();
                if !codes.iter().all(|code| list.codes.iter().any(|one| one.code == *code)) {
                    return Err(phrases::SOME_OF.of(list.words()));
                }
                codes.into_iter().map(Value::from).collect()
            }
            Takes::Text | Takes::Reference(_) => vec![text.trim().into()],
            Takes::Number => vec![text.parse::<i64>().map_err(|_| &phrases::WHOLE_NUMBER)?.into()],
            Takes::Flag => vec![i64::from(text.parse::<bool>().map_err(|_| &phrases::BOOLEAN)?).into()],
            Takes::PartialDate => {
                let date = text.parse::<PartialDate>();
                vec![date.map_err(|_| &phrases::PARTIAL_DATE)?.to_string().into()]
            }
            Takes::Day => vec![text.parse::<Date>().map_err(|_| &phrases::DATE)?.to_string().into()],
            Takes::Word(word) if word == text => Vec::new(),
            Takes::Word(word) => return Err(phrases::MUST_BE.with(word)),
        })
    }
}

impl Test {
    /// The column that it compares, where it asks no more than whether that equals a value. Such a test can be negated,
    /// asked for no value, and grouped by.
    pub fn column(&self) -> Option<&'static str> {
        match self {
            Test::Code(column, _)
            | Test::Text(column)
            | Test::Reference(column, _)
            | Test::SharedReference(column, _)
            | Test::Number(column)
            | Test::Flag(column) => Some(column),
            Test::DateFrom(_) | Test::DateTo(_) | Test::DayIn(..) | Test::Own(_) => None,
        }
    }

    /// How its value is read.
    pub fn takes(&self) -> Takes {
        match self {
            Test::Code(_, list) => Takes::Codes(list),
            Test::Text(_) => Takes::Text,
            Test::Reference(_, target) | Test::SharedReference(_, target) => Takes::Reference(target),
            Test::Number(_) => Takes::Number,
            Test::Flag(_) => Takes::Flag,
            Test::DateFrom(_) | Test::DateTo(_) => Takes::PartialDate,
            Test::DayIn(..) => Takes::Day,
            Test::Own(own) => own.takes,
        }
    }

    /// What it asks, for the API document.
    pub fn description(&self) -> String {
        match self {
            Test::Code(..) => "Equal to one of these.".into(),
            Test::Text(_) | Test::Number(_) | Test::Flag(_) => "Equal to this.".into(),
            Test::Reference(_, target) | Test::SharedReference(_, target) => {
                format!("A `{target}`: a UUID or `ext:<system>:<value>`.")
            }
            Test::DateFrom(_) => "At or after this date, month or year.".into(),
            Test::DateTo(_) => "At or before this date, month or year.".into(),
            Test::DayIn(..) => "Holding on this date.".into(),
            Test::Own(own) => own.description.into(),
        }
    }

    fn finds_few(&self) -> bool {
        matches!(self, Test::Reference(..)) || matches!(self, Test::Own(own) if own.finds_few)
    }

    /// Whether an index holds its records in the order of their ids: a column and the id.
    fn is_in_order(&self, kind: &Kind) -> bool {
        let column = match self {
            Test::SharedReference(..) => return true,
            Test::Text(column) | Test::Number(column) => *column,
            _ => return false,
        };
        kind.sorts.iter().any(|sort| sort.indexed && sort.columns == [column])
    }
}

/// Adds that a column names one of these units. Many are tested row by row, so that the sort's index leads.
pub fn in_units<Row>(sql: &mut Sql<Row>, column: &'static str, units: &Units) {
    let ids = |units: &[Uuid]| units.iter().copied().map(Id).collect::<Vec<_>>();
    match units {
        Units::All => {}
        // One unit is compared directly, so that an index that leads with it also gives the order.
        Units::Few(few) if few.len() == 1 => {
            sql.push(format!(" AND {column} = "));
            sql.push_bind(few.first().copied());
        }
        Units::Few(few) => {
            sql.push(" AND ");
            sql.push_any(column, ids(few));
        }
        Units::Under(roots, single) => {
            sql.push(format!(" AND (EXISTS (SELECT 1 FROM unit_ancestors AS u WHERE u.unit_id = {column} AND "));
            sql.push_any("u.ancestor_id", ids(roots));
            sql.push(") OR ");
            sql.push_any(column, ids(single));
            sql.push(")");
        }
    }
}
