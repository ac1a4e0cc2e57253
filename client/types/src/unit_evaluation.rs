//! `unit_evaluation`: one unit's result in a round (docs/DOMAIN.md, Evaluations).

use crate::evaluation_scheme::SchemeCode;
use crate::{Date, Decimal, EvaluationRound, Ref, Text, record};

record! {
    /// One unit's result in a round. `unit_id` is the unit that is evaluated.
    UnitEvaluation, UnitEvaluationCreate, UnitEvaluationUpdate = "unit_evaluation" in "unit_evaluations", Internal, downward: false {
        required {
            /// The round.
            round_id: Ref<EvaluationRound>,
        }
        optional {
            /// The unit's own rating: a level of the scheme.
            self_level: SchemeCode,
            /// What was proposed.
            proposed_level: SchemeCode,
            /// What was decided.
            final_level: SchemeCode,
            /// Points in all.
            score: Decimal,
            /// Reasons.
            reasons: Text<4000> = Sensitive,
            /// When it was decided.
            decided_on: Date,
        }
        managed {}
        sample {
            create: {
                "unit_id": "ext:demo:cell-01", "round_id": "ext:demo:round-cells-2014", "self_level": "good",
                "reasons": "Hoàn thành mọi việc được giao.",
            },
            change: { "self_level": "excellent" },
        }
    }
}
