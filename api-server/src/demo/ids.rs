//! Ids of the demo: the same on every server and in every run, so that what one server sends another knows.

use cell_records_types::record::ExternalIds;
use cell_records_types::{ExternalId, Uuid};

/// Code of the system whose ids the demo's records have.
pub const SYSTEM: &str = "demo";

/// What an id is of. The numbers are part of the ids: they never change.
#[derive(Debug, Clone, Copy)]
pub enum Of {
    /// A unit.
    Unit = 1,
    /// A member.
    Member = 2,
    /// A term.
    Term = 3,
    /// A position.
    Position = 4,
    /// A scheme.
    Scheme = 5,
    /// A round.
    Round = 6,
    /// A member's result.
    MemberEvaluation = 7,
    /// A cell's result.
    UnitEvaluation = 8,
    /// A reported figure.
    Figure = 9,
    /// The system itself.
    System = 10,
    /// A course.
    Course = 11,
    /// A transfer.
    Transfer = 12,
    /// An exemption.
    Exemption = 13,
    /// A residence link.
    ResidenceLink = 14,
    /// An admission.
    Admission = 15,
    /// One person in one course.
    Enrolment = 16,
    /// A cadre plan.
    CadrePlan = 17,
    /// An entry of a plan.
    CadrePlanEntry = 18,
    /// A vote.
    ConfidenceVote = 19,
    /// An assignment.
    Assignment = 20,
    /// A pledge.
    Pledge = 21,
    /// An award.
    Award = 22,
    /// A review of political standards.
    ProtectionReview = 23,
}

/// 1 January 2015, in milliseconds since 1970: the instant in every id.
const INSTANT: u128 = 1_420_070_400_000;

/// The id of one record, in the form of a UUIDv7: the instant, what it is of, its number.
pub fn id(of: Of, number: u64) -> Uuid {
    let variant = 0x8000_0000_0000_0000 | u128::from(number & 0x3FFF_FFFF_FFFF_FFFF);
    Uuid::from_u128(INSTANT << 80 | 0x7 << 76 | (of as u128) << 64 | variant)
}

/// The external id of one record.
pub fn external(value: &str) -> Option<ExternalIds> {
    Some(vec![ExternalId { system: SYSTEM.into(), value: value.into() }].into())
}
