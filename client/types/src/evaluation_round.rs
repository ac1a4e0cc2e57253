//! `evaluation_round`: a year's or quarter's evaluation in one unit (docs/DOMAIN.md, Evaluations).

use crate::{Date, EvaluationScheme, List, Ref, Text, filters, record, states, whole_number};

states! {
    /// The state of a round; it moves one step at a time.
    pub enum RoundState = "round_state", step RoundStep of EvaluationRound {
        Draft = "draft" "Dự thảo" "Draft";
        SelfRating = "self_rating" "Tự đánh giá" "Self-rating";
        Reviewing = "reviewing" "Đang xem xét" "Reviewing";
        Proposed = "proposed" "Đã đề nghị" "Proposed";
        Approved = "approved" "Đã phê duyệt" "Approved";
        Submitted = "submitted" "Đã báo cáo cấp trên" "Submitted";
        Locked = "locked" "Đã khóa" "Locked";
    }
}

impl RoundState {
    /// Whether nothing of the round changes any more.
    pub fn is_closed(&self) -> bool {
        matches!(self, RoundState::Approved | RoundState::Submitted | RoundState::Locked)
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
            /// Its steps, the first one first. A patch corrects their days only.
            steps: List<RoundStep, 40>, "Các bước" "Steps",
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
            round "Đợt đánh giá" "Round": scheme_id, year, quarter, opened_on, closed_on, state, state_reason, steps;
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
