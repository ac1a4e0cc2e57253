//! `confidence_vote`: one session of a confidence vote (docs/DOMAIN.md, Confidence votes).

use crate::{CommitteeBody, Date, List, Member, PartialDate, PositionCode, Ref, filters, object, record};

object! {
    /// The votes on one person.
    pub struct ConfidenceSubject {
        required {
            /// The person.
            member_id: Ref<Member>, "Đảng viên" "Member",
            /// The office.
            position_code: PositionCode, "Chức vụ" "Office",
            /// Votes of high confidence.
            high: i32, "Tín nhiệm cao" "High confidence",
            /// Votes of confidence.
            confidence: i32, "Tín nhiệm" "Confidence",
            /// Votes of low confidence.
            low: i32, "Tín nhiệm thấp" "Low confidence",
            /// Invalid votes.
            invalid: i32, "Phiếu không hợp lệ" "Invalid votes",
        }
        optional {}
    }
}

record! {
    /// One session of a confidence vote on the members of a body. Nothing of it ever changes: a wrong record is deleted and made
    /// anew.
    ConfidenceVote, ConfidenceVoteCreate, ConfidenceVoteUpdate = "confidence_vote" in "confidence_votes", "Lấy phiếu tín nhiệm" "Confidence vote" "Confidence votes",
    Sensitive, downward: false, display: [body, held_on] {
        required {
            /// When it was held.
            held_on: Date, "Ngày lấy phiếu" "Held on",
            /// The body whose members are voted on.
            body: CommitteeBody, "Tập thể được lấy phiếu" "Body",
            /// How many were summoned.
            summoned: i32, "Số người được triệu tập" "Summoned",
            /// How many of them were present.
            present: i32, "Số người có mặt" "Present",
            /// The votes on each person, 1 to 50.
            subjects: List<ConfidenceSubject, 50>, "Kết quả từng người" "Votes on each person",
        }
        optional {}
        managed {}
        groups {
            session "Phiên lấy phiếu" "Session": held_on, body, summoned, present, subjects;
        }
        sample {
            create: {
                "unit_id": "ext:demo:ward", "held_on": "2014-07-10", "body": "standing_committee", "summoned": 15, "present": 14,
                "subjects": [{
                    "member_id": "ext:demo:member-0001", "position_code": "standing_committee_member",
                    "high": 9, "confidence": 4, "low": 1, "invalid": 0,
                }],
            },
            change: {},
        }
    }
}

filters! {
    ConfidenceVoteFilter of ConfidenceVote {
        /// On the members of one of these bodies.
        body: Vec<CommitteeBody>,
        /// Held on this date or later; a year or month will do.
        held_from: Option<PartialDate>,
        /// Held on this date or earlier.
        held_to: Option<PartialDate>,
    }
}
