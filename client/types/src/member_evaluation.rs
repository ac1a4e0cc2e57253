//! `member_evaluation`: one member's result in a round (docs/DOMAIN.md, Evaluations).

use crate::evaluation_scheme::{LevelCode, SchemeCode};
use crate::{Date, Decimal, EvaluationRound, List, Member, Ref, Text, codes, filters, object, record};

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
            criterion: SchemeCode, "Tiêu chí" "Criterion",
            /// Points.
            points: Decimal, "Điểm" "Points",
        }
        optional {
            /// Evidence.
            note: Text<1000>, "Minh chứng" "Evidence",
        }
    }
}

record! {
    /// One member's result in a round. `unit_id` is the cell where the member counted: today's, unless an earlier one is named.
    MemberEvaluation, MemberEvaluationCreate, MemberEvaluationUpdate = "member_evaluation" in "member_evaluations", "Đánh giá, xếp loại đảng viên" "Member evaluation" "Member evaluations",
    Personal, downward: false, display: [member_id, round_id] {
        required {
            /// The round.
            round_id: Ref<EvaluationRound>, "Đợt đánh giá" "Round",
            /// The member.
            member_id: Ref<Member>, "Đảng viên" "Member",
        }
        optional {
            /// The member's own rating: a level of the scheme.
            self_level: LevelCode, "Mức tự xếp loại" "Own rating",
            /// The cell's.
            cell_level: LevelCode, "Mức chi bộ xếp loại" "The cell's rating",
            /// What was proposed.
            proposed_level: LevelCode, "Mức đề nghị" "Proposed level",
            /// What was decided.
            final_level: LevelCode, "Mức được quyết định" "Final level",
            /// Points in all.
            score: Decimal, "Tổng điểm" "Score",
            /// Points by criterion, at most 200; their sum is `score`.
            score_sheet: List<Score, 200> = Sensitive, "Bảng điểm" "Score sheet",
            /// Reasons.
            reasons: Text<4000> = Sensitive, "Lý do xếp loại" "Reasons",
            /// Whether the member was not evaluated: then without levels.
            excluded: bool, "Không đánh giá" "Not evaluated",
            /// Why not: who may write it gives it when saying that the member was not evaluated.
            excluded_reason: ExcludedReason = Sensitive, "Lý do không đánh giá" "Why not evaluated",
            /// Grade as a civil servant in the same year.
            civil_servant_grade: Text, "Xếp loại công chức, viên chức" "Grade as a civil servant",
            /// When it was decided.
            decided_on: Date, "Ngày quyết định" "Decided on",
        }
        managed {}
        groups {
            subject "Đối tượng" "Subject": round_id, member_id, excluded, excluded_reason;
            result "Kết quả" "Result": self_level, cell_level, proposed_level, final_level, score, score_sheet, reasons,
                civil_servant_grade, decided_on;
        }
        sample {
            create: {
                "unit_id": "ext:demo:cell-01", "round_id": "ext:demo:round-members-open", "member_id": "ext:demo:member-0001",
                "self_level": "good", "reasons": "Hoàn thành mọi việc được giao.",
            },
            change: { "self_level": "excellent" },
        }
    }
}

filters! {
    MemberEvaluationFilter of MemberEvaluation {
        /// In this round.
        round_id: Option<Ref<EvaluationRound>>,
        /// Of this member.
        member_id: Option<Ref<Member>>,
        /// With this final level.
        final_level: Option<String>,
        /// Whether the member was not evaluated.
        excluded: Option<bool>,
    }
}
