//! What the values of a type look like, without its Rust type: the metadata, the lists of codes and `expand` read it.

use super::Part;
use crate::CodeList;

/// What a value of a field looks like: what a form needs to draw an input for it.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// A text of at most so many characters.
    Text(usize),
    /// A text of a fixed form: a regular expression.
    Form(&'static str),
    /// A whole number between two bounds, both included.
    Integer(i64, i64),
    /// A decimal, as a string.
    Decimal,
    /// `true` or `false`.
    Flag,
    /// A date.
    Date,
    /// A date of which the day, or month and day, may be unknown.
    PartialDate,
    /// An instant.
    Timestamp,
    /// A UUID that refers to no record.
    Uuid,
    /// A code of a list.
    Code(&'static CodeList),
    /// A code of a list that a record has.
    Choice(&'static Choice),
    /// A reference to a record of this type.
    Reference(&'static str),
    /// An object of these parts.
    Object(&'static [Part]),
    /// A list of at most so many values.
    List {
        /// What each value looks like.
        of: &'static Shape,
        /// The most values.
        most: usize,
    },
    /// Names to lists of values.
    Names(&'static Shape),
}

/// A list of a record, from which a code is chosen: of the record that has the code, or of one that this leads to by its
/// references.
#[derive(Debug, Clone, Copy)]
pub struct Choice {
    /// The type of the record that has the list.
    pub of: &'static str,
    /// The field that is the list.
    pub list: &'static str,
    /// The field of its items that is the code.
    pub code: &'static str,
    /// The field of its items that is the Vietnamese label.
    pub label_vi: &'static str,
    /// The field of its items that is the English label.
    pub label_en: &'static str,
}

impl Shape {
    /// Calls `visit` with this shape and each one inside it.
    pub fn walk(&self, visit: &mut impl FnMut(&Shape)) {
        visit(self);
        match self {
            Shape::Object(parts) => parts.iter().for_each(|part| part.shape.walk(visit)),
            Shape::List { of, .. } | Shape::Names(of) => of.walk(visit),
            _ => {}
        }
    }
}
