//! `cadre_plan`: a round of planning for the offices of a term (docs/DOMAIN.md, Cadre plans).

use crate::{Date, List, PartialDate, Ref, Term, Text, codes, filters, record, states};

codes! {
    /// What a round of planning does.
    pub open enum CadrePlanKind = "cadre_plan_kind" {
        Initial = "initial" "Xây dựng" "Initial";
        Supplement = "supplement" "Rà soát, bổ sung" "Supplement";
        AnnualReview = "annual_review" "Rà soát hằng năm" "Annual review";
    }
}

states! {
    /// The state of a plan.
    pub enum CadrePlanState = "cadre_plan_state", step CadrePlanStep of CadrePlan {
        Draft = "draft" "Dự thảo" "Draft";
        StandingReviewed = "standing_reviewed" "Ban Thường vụ đã bàn" "Standing reviewed";
        ExecutiveReviewed = "executive_reviewed" "Ban Chấp hành đã bàn" "Executive reviewed";
        Approved = "approved" "Đã phê duyệt" "Approved";
        Closed = "closed" "Hết hiệu lực" "Closed";
    }
}

impl CadrePlanState {
    /// Whether the plan was approved: who is planned for what does not change any more.
    pub fn is_approved(&self) -> bool {
        matches!(self, CadrePlanState::Approved | CadrePlanState::Closed)
    }
}

impl CadrePlan {
    /// The day on which a state began, if it did.
    pub fn began(&self, state: &CadrePlanState) -> Option<Date> {
        let steps = self.steps.as_ref()?;
        steps.iter().find(|step| step.state == *state).map(|step| step.on)
    }
}

record! {
    /// A round of planning for the offices of a term, of the committee that plans. Several stand side by side: the first plan of
    /// a term, what supplements it, its review of each year.
    CadrePlan, CadrePlanCreate, CadrePlanUpdate = "cadre_plan" in "cadre_plans", "Quy hoạch cán bộ" "Cadre plan" "Cadre plans",
    Internal, downward: false, display: [kind, term_label] {
        required {
            /// The term that is planned for, such as `2015–2020`.
            term_label: Text<40>, "Nhiệm kỳ quy hoạch" "Term planned for",
            /// What the round does.
            kind: CadrePlanKind, "Loại quy hoạch" "Kind",
            /// The day of which ages and levels are.
            reference_date: Date, "Thời điểm tính độ tuổi, trình độ" "Reference date",
        }
        optional {
            /// The term, once it is recorded.
            term_id: Ref<Term>, "Nhiệm kỳ" "Term",
            /// Its steps, the first one first. A patch corrects their days only.
            steps: List<CadrePlanStep, 40>, "Các bước" "Steps",
        }
        optional_managed {
            /// Why it was moved back to `draft`: the reason that this step gave. The next step clears it.
            state_reason: Text<1000>, "Lý do chuyển lại" "Why it was moved back",
        }
        managed {
            /// Its state; moved by `POST /v1/cadre_plans/{id}/advance`.
            state: CadrePlanState, "Trạng thái" "State",
        }
        groups {
            plan "Quy hoạch" "Plan": term_label, term_id, kind, reference_date, state, state_reason, steps;
        }
        sample {
            create: {
                "unit_id": "ext:demo:ward", "term_label": "2015–2020", "kind": "annual_review", "reference_date": "2015-06-30",
            },
            change: { "reference_date": "2015-12-31" },
        }
    }
}

filters! {
    CadrePlanFilter of CadrePlan {
        /// For this term.
        term_label: Option<String>,
        /// Of one of these kinds.
        kind: Vec<CadrePlanKind>,
        /// In one of these states.
        state: Vec<CadrePlanState>,
        /// In its state since this date, month or year, or a later one.
        since_from: Option<PartialDate>,
        /// In its state since this date, month or year, or an earlier one.
        since_to: Option<PartialDate>,
    }
}
