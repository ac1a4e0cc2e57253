//! `unit_evaluation`: one unit's result in a round (docs/DOMAIN.md, Evaluations).

use crate::evaluation_scheme::LevelCode;
use crate::{Date, Decimal, EvaluationRound, Ref, Text, filters, record};

record! {
    /// One unit's result in a round. `unit_id` is the unit that is evaluated.
    UnitEvaluation, UnitEvaluationCreate, UnitEvaluationUpdate = "unit_evaluation" in "unit_evaluations", "Đánh giá, xếp loại tổ chức" "Unit evaluation" "Unit evaluations",
    Internal, downward: false, display: [unit_id, round_id] {
        required {
            /// The round.
            round_id: Ref<EvaluationRound>, "Đợt đánh giá" "Round",
        }
        optional {
            /// The unit's own rating: a level of the scheme.
            self_level: LevelCode, "Mức tự xếp loại" "Own rating",
            /// What was proposed.
            proposed_level: LevelCode, "Mức đề nghị" "Proposed level",
            /// What was decided.
            final_level: LevelCode, "Mức được quyết định" "Final level",
            /// Points in all.
            score: Decimal, "Tổng điểm" "Score",
            /// Reasons.
            reasons: Text<4000> = Sensitive, "Lý do xếp loại" "Reasons",
            /// When it was decided.
            decided_on: Date, "Ngày quyết định" "Decided on",
        }
        managed {}
        groups {
            result "Kết quả" "Result": round_id, self_level, proposed_level, final_level, score, reasons, decided_on;
        }
        sample {
            create: {
                "unit_id": "ext:demo:cell-01", "round_id": "ext:demo:round-cells-open", "self_level": "good",
                "reasons": "Hoàn thành mọi việc được giao.",
            },
            change: { "decided_on": "2015-01-10" },
        }
    }
}

filters! {
    UnitEvaluationFilter of UnitEvaluation {
        /// In this round.
        round_id: Option<Ref<EvaluationRound>>,
        /// With this final level.
        final_level: Option<String>,
    }
}
