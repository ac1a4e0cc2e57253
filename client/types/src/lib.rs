//! The wire contract of cell-records, shared by the server and its clients: record types, codes,
//! references, pages, problems, the sync protocol. No database, no HTTP.
//!
//! A record type is declared once, by [`record!`]: its fields, their types, their classes and their
//! documentation. From that one list come the typed structs, the checks of every incoming body, the
//! OpenAPI schemas and the cut of stored bodies by class. [`record_types!`] lists the types.

// The macros name their helpers through this path, inside this crate and outside.
extern crate self as cell_records_types;

pub mod accounts;
pub mod codes;
pub mod dates;
pub mod decimal;
pub mod faults;
pub mod fields;
pub mod pages;
pub mod phrases;
pub mod problem;
pub mod record;
pub mod references;
pub mod sync;
pub mod text;

mod evaluation_round;
mod evaluation_scheme;
mod member;
mod member_evaluation;
mod position;
mod reported_figure;
mod term;
mod unit;
mod unit_evaluation;

pub use evaluation_round::*;
pub use evaluation_scheme::*;
pub use member::*;
pub use member_evaluation::*;
pub use position::*;
pub use reported_figure::*;
pub use term::*;
pub use unit::*;
pub use unit_evaluation::*;

/// THE list of record types, units first, each after those that it refers to: the order of a snapshot. Hands it to a
/// macro of the caller's, for what is made of Rust types; what is made of their descriptions reads [`RECORD_TYPES`].
#[macro_export]
macro_rules! record_types {
    ($make:ident) => {
        $make! {
            Unit,
            Member,
            Term,
            Position,
            EvaluationScheme,
            EvaluationRound,
            MemberEvaluation,
            UnitEvaluation,
            ReportedFigure,
        }
    };
}

macro_rules! describe {
    ($($name:ident,)+) => {
        /// The record types, in the order of [`record_types!`].
        pub const RECORD_TYPES: &[TypeInfo] = &[$(TypeInfo::of::<$name>()),+];
    };
}
record_types!(describe);

pub use codes::{Class, CodeList};
pub use dates::{Date, PartialDate, Timestamp};
pub use decimal::Decimal;
pub use record::{ExternalId, FieldSpec, FieldVisitor, RecordType, Sample, TypeInfo};
pub use references::{Ref, Reference};
pub use text::{List, Text};
pub use uuid::Uuid;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Report;

    #[test]
    fn every_sample_passes_the_checks_of_its_fields() {
        for one in RECORD_TYPES {
            let Sample { mut create, mut change, distinct } = (one.sample)();
            for field in one.fields.iter().filter(|field| field.required && !field.managed) {
                assert!(create.get(field.name).is_some(), "{}.{} is required", one.name, field.name);
            }
            assert!(distinct.iter().all(|name| create.get(name).is_some()), "{}: {distinct:?}", one.name);
            assert_eq!(change.as_object().unwrap().len(), 1, "{}", one.name);
            for body in [&mut create, &mut change] {
                for (name, value) in body.as_object_mut().unwrap().iter_mut().filter(|(name, _)| *name != "unit_id") {
                    let field = one.fields.iter().find(|field| field.name == name && !field.managed);
                    let mut report = Report::new("");
                    (field.unwrap_or_else(|| panic!("{} has no {name}", one.name)).check)(value, &mut report);
                    assert!(report.faults.is_empty(), "{}.{name}: {:?}", one.name, report.faults);
                }
            }
        }
    }

    #[test]
    fn every_code_list_of_the_types_is_listed_once() {
        let mut names: Vec<_> = codes::code_lists().iter().map(|list| list.name).collect();
        assert!(["role", "card_kind", "round_state", "cap_base"].iter().all(|name| names.contains(name)), "{names:?}");
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
