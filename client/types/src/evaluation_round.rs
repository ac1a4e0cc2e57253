//! `evaluation_round`: a year's or quarter's evaluation in one unit (docs/DOMAIN.md, Evaluations).

use crate::{Date, EvaluationScheme, Ref, Text, codes, filters, object, record, whole_number};

codes! {
    /// The state of a round; it moves one step at a time.
    pub open enum RoundState = "round_state" {
        Draft = "draft" "Dự thảo" "Draft";
        SelfRating = "self_rating" "Tự đánh giá" "Self-rating";
        Reviewing = "reviewing" "Đang xem xét" "Reviewing";
        Proposed = "proposed" "Đã đề nghị" "Proposed";
        Approved = "approved" "Đã phê duyệt" "Approved";
        Submitted = "submitted" "Đã báo cáo cấp trên" "Submitted";
        Locked = "locked" "Đã khóa" "Locked";
    }
}

/// A round begins as a draft.
impl Default for RoundState {
    fn default() -> Self {
        RoundState::Draft
    }
}

impl RoundState {
    /// Whether nothing of the round changes any more.
    pub fn is_closed(&self) -> bool {
        matches!(self, RoundState::Approved | RoundState::Submitted | RoundState::Locked)
    }

    /// The next step.
    pub fn next(&self) -> Option<Self> {
        let at = RoundState::ALL.iter().position(|state| state == self)?;
        RoundState::ALL.get(at + 1).cloned()
    }
}

whole_number! {
    /// A year, 1900 to 2200.
    pub struct Year = 1900..=2200;
}

whole_number! {
    /// A quarter, 1 to 4.
    pub struct Quarter = 1..=4;
}

object! {
    /// Moves a round one step on, or back to `reviewing`.
    pub struct Advance {
        required {
            /// The state to move to.
            to: RoundState, "Chuyển sang trạng thái" "State to move to",
        }
        optional {
            /// Why: required on the way back.
            reason: Text<1000>, "Lý do" "Reason",
        }
    }
}

record! {
    /// A year's or quarter's evaluation in one unit under one scheme.
    EvaluationRound, EvaluationRoundCreate, EvaluationRoundUpdate = "evaluation_round" in "evaluation_rounds", "Đợt đánh giá" "Evaluation round" "Evaluation rounds",
    Internal, downward: true, display: [year, quarter, scheme_id] {
        required {
            /// The scheme; it is fixed once the round is made.
            scheme_id: Ref<EvaluationScheme>, "Bộ tiêu chí" "Scheme",
            /// The year.
            year: Year, "Năm" "Year",
        }
        optional {
            /// The quarter, when the round is not for a year.
            quarter: Quarter, "Quý" "Quarter",
            /// When it was opened.
            opened_on: Date, "Ngày mở đợt" "Opened on",
            /// When it was closed.
            closed_on: Date, "Ngày đóng đợt" "Closed on",
        }
        optional_managed {
            /// Why it was moved back to `reviewing`: the reason that this step gave. The next step clears it.
            state_reason: Text<1000>, "Lý do chuyển lại" "Why it was moved back",
        }
        managed {
            /// Its state; moved by `POST /v1/evaluation_rounds/{id}/advance`.
            state: RoundState, "Trạng thái" "State",
        }
        groups {
            round "Đợt đánh giá" "Round": scheme_id, year, quarter, opened_on, closed_on, state, state_reason;
        }
        sample {
            create: { "unit_id": "ext:demo:ward", "scheme_id": "ext:demo:scheme-members", "year": 2014 },
            change: { "opened_on": "2014-11-01" },
            distinct: [year],
        }
    }
}

filters! {
    EvaluationRoundFilter of EvaluationRound {
        /// By this scheme.
        scheme_id: Option<Ref<EvaluationScheme>>,
        /// Of this year.
        year: Option<i32>,
        /// Of this quarter.
        quarter: Option<i32>,
        /// In one of these states.
        state: Vec<RoundState>,
    }
}
