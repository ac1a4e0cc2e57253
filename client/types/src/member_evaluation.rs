//! `member_evaluation`: one member's result in a round (docs/DOMAIN.md, Evaluations).

use crate::evaluation_scheme::SchemeCode;
use crate::{Date, Decimal, EvaluationRound, List, Member, Ref, Text, codes, object, record};

codes! {
    /// Why a member was not evaluated.
    pub open enum ExcludedReason = "excluded_reason" {
        Exempt = "exempt" "Được miễn sinh hoạt" "Exempt";
        ProbationaryNew = "probationary_new" "Đảng viên mới, dự bị" "New, probationary";
        Absent = "absent" "Vắng" "Absent";
        UnderDisciplineDelay = "under_discipline_delay" "Hoãn do đang xem xét kỷ luật" "Delayed for discipline";
    }
}

object! {
    /// Points for one criterion.
    pub struct Score {
        required {
            /// Code of the criterion.
            criterion: SchemeCode,
            /// Points.
            points: Decimal,
        }
        optional {
            /// Evidence.
            note: Text<1000>,
        }
    }
}

record! {
    /// One member's result in a round. `unit_id` is the member's cell on the day it was made.
    MemberEvaluation, MemberEvaluationCreate, MemberEvaluationUpdate = "member_evaluation" in "member_evaluations", Personal, downward: false {
        required {
            /// The round.
            round_id: Ref<EvaluationRound>,
            /// The member.
            member_id: Ref<Member>,
        }
        optional {
            /// The member's own rating: a level of the scheme.
            self_level: SchemeCode,
            /// The cell's.
            cell_level: SchemeCode,
            /// What was proposed.
            proposed_level: SchemeCode,
            /// What was decided.
            final_level: SchemeCode,
            /// Points in all.
            score: Decimal,
            /// Points by criterion, at most 200; their sum is `score`.
            score_sheet: List<Score, 200> = Sensitive,
            /// Reasons.
            reasons: Text<4000> = Sensitive,
            /// Whether the member was not evaluated: then without levels.
            excluded: bool,
            /// Why not.
            excluded_reason: ExcludedReason,
            /// Grade as a civil servant in the same year.
            civil_servant_grade: Text,
            /// When it was decided.
            decided_on: Date,
        }
        managed {}
        sample {
            create: {
                "unit_id": "ext:demo:cell-01", "round_id": "ext:demo:round-members-2013", "member_id": "ext:demo:member-0001",
                "self_level": "good", "reasons": "Hoàn thành mọi việc được giao.",
            },
            change: { "self_level": "excellent" },
        }
    }
}
