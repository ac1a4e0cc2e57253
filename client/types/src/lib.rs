//! The wire contract of cell-records, shared by the server and its clients: record types, codes,
//! references, pages, problems, the sync protocol. No database, no HTTP.
//!
//! A record type is declared once, by [`record!`]: its fields, their types, their classes and their
//! documentation. From that one list come the typed structs, the checks of every incoming body, the
//! OpenAPI schemas and the cut of stored bodies by class.

// The macros name their helpers through this path, inside this crate and outside.
extern crate self as cell_records_types;

pub mod accounts;
pub mod codes;
pub mod dates;
pub mod decimal;
pub mod faults;
pub mod fields;
pub mod pages;
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

pub use codes::{Class, CodeList};
pub use dates::{Date, PartialDate, Timestamp};
pub use decimal::Decimal;
pub use record::{ExternalId, FieldSpec, FieldVisitor, RecordType};
pub use references::{Ref, Reference};
pub use text::{List, Text};
pub use uuid::Uuid;
