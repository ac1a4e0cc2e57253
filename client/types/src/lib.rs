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
pub mod filters;
pub mod metadata;
pub mod pages;
pub mod phrases;
pub mod problem;
pub mod record;
pub mod references;
pub mod rules;
pub mod states;
pub mod sync;
pub mod text;
pub mod work;

mod admission;
mod assignment;
mod award;
mod cadre_plan;
mod cadre_plan_entry;
mod confidence_vote;
mod course;
mod disciplinary_action;
mod enrolment;
mod evaluation_round;
mod evaluation_scheme;
mod exemption;
mod member;
mod member_evaluation;
mod pledge;
mod position;
mod protection_review;
mod reported_figure;
mod residence_link;
mod role_model;
mod term;
mod transfer;
mod unit;
mod unit_evaluation;

pub use admission::*;
pub use assignment::*;
pub use award::*;
pub use cadre_plan::*;
pub use cadre_plan_entry::*;
pub use confidence_vote::*;
pub use course::*;
pub use disciplinary_action::*;
pub use enrolment::*;
pub use evaluation_round::*;
pub use evaluation_scheme::*;
pub use exemption::*;
pub use member::*;
pub use member_evaluation::*;
pub use pledge::*;
pub use position::*;
pub use protection_review::*;
pub use reported_figure::*;
pub use residence_link::*;
pub use role_model::*;
pub use term::*;
pub use transfer::*;
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
            Course,
            Transfer,
            Exemption,
            ResidenceLink,
            Admission,
            Enrolment,
            Assignment,
            Pledge,
            RoleModel,
            CadrePlan,
            CadrePlanEntry,
            ConfidenceVote,
            Award,
            DisciplinaryAction,
            ProtectionReview,
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
pub use record::{ExternalId, FieldSpec, FieldVisitor, Label, RecordType, Sample, TypeInfo};
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
            assert!(change.as_object().unwrap().len() <= 1, "{}", one.name);
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
    fn every_type_and_field_has_a_label_of_its_own_in_each_language() {
        fn check(of: &str, labels: &[Label]) {
            for label in labels {
                let first = label.vi.chars().next();
                assert!(first.is_some_and(char::is_uppercase) && label.vi != label.en, "{of}: {label:?}");
                assert!(label.en.starts_with(char::is_uppercase), "{of}: {label:?}");
                for text in [|label: &Label| label.vi, |label: &Label| label.en] {
                    assert_eq!(labels.iter().filter(|other| text(other) == text(label)).count(), 1, "{of}: {label:?}");
                }
            }
        }
        check("types", &RECORD_TYPES.iter().map(|one| one.label).collect::<Vec<_>>());
        check("envelope", &record::ENVELOPE.iter().map(|field| field.label).collect::<Vec<_>>());
        for one in RECORD_TYPES {
            check(one.name, &one.fields.iter().map(|field| field.label).collect::<Vec<_>>());
            check(one.name, &one.groups.iter().map(|group| group.label).collect::<Vec<_>>());
            for field in one.fields {
                field.shape.walk(&mut |shape| {
                    if let fields::Shape::Object(parts) = shape {
                        check(field.name, &parts.iter().map(|part| part.label).collect::<Vec<_>>());
                    }
                });
            }
        }
    }

    #[test]
    fn whoever_sees_a_record_sees_what_stands_for_it() {
        for one in RECORD_TYPES {
            let least = one.fields.iter().map(|field| field.class).min();
            for name in one.display.iter().filter(|name| **name != "unit_id") {
                let class = one.fields.iter().find(|field| field.name == *name).map(|field| field.class);
                assert_eq!(class, least, "{}.{name}", one.name);
            }
        }
    }

    #[test]
    fn no_display_text_leads_back_to_its_own_type() {
        for (at, one) in RECORD_TYPES.iter().enumerate() {
            for field in one.fields.iter().filter(|field| one.display.contains(&field.name)) {
                if let fields::Shape::Reference(target) = field.shape {
                    assert!(
                        RECORD_TYPES.iter().take(at).any(|earlier| earlier.name == target),
                        "{}.{}",
                        one.name,
                        field.name
                    );
                }
            }
        }
    }

    #[test]
    fn what_a_group_names_is_a_field_and_in_no_other_group() {
        for one in RECORD_TYPES {
            let grouped: Vec<_> = one.groups.iter().flat_map(|group| group.fields).collect();
            for name in &grouped {
                assert!(one.fields.iter().any(|field| field.name == **name), "{}.{name}", one.name);
                assert_eq!(grouped.iter().filter(|other| other == &name).count(), 1, "{}.{name}", one.name);
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
