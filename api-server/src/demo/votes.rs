//! One vote of confidence on the ward's four officers. The article says that votes were held.

use super::ids::{self, Of};
use super::offices::Office;
use super::random::day;
use super::units;
use cell_records_types::{CommitteeBody, ConfidenceSubject, ConfidenceVoteCreate};

/// The vote on the ward's four officers.
pub fn votes(offices: &[Office]) -> Vec<ConfidenceVoteCreate> {
    let of_ward = offices
        .iter()
        .filter(|office| office.record.unit_id == units::reference(units::ward()) && office.record.to.is_none());
    let subject = |(place, office): (i32, &Office)| {
        let low = place % 3;
        ConfidenceSubject::new(
            office.record.member_id.clone(),
            office.record.position_code.clone(),
            11 - low,
            3,
            low,
            1,
        )
    };
    let subjects: Vec<ConfidenceSubject> = (0..).zip(of_ward).map(subject).collect();
    vec![ConfidenceVoteCreate {
        id: Some(ids::id(Of::ConfidenceVote, 1)),
        unit_id: units::reference(units::ward()),
        external_ids: ids::external("confidence-vote-2014"),
        ..ConfidenceVoteCreate::new(day(2014, 12, 20), CommitteeBody::StandingCommittee, 15, 15, subjects)
    }]
}
