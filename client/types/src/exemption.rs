//! `exemption`: a member's leave from Party activity (docs/DOMAIN.md, Exemptions).

use crate::{Date, List, Member, PartialDate, Ref, Text, codes, filters, record, states};

codes! {
    /// Why a member is exempt.
    pub open enum ExemptionReason = "exemption_reason" {
        OldAge = "old_age" "Tuổi cao" "Old age";
        WeakHealth = "weak_health" "Sức khỏe yếu" "Weak health";
        LongTreatment = "long_treatment" "Điều trị bệnh dài ngày" "Long treatment";
        AbroadIndividual = "abroad_individual" "Ra nước ngoài về việc riêng" "Abroad on private business";
        MobileWork = "mobile_work" "Làm việc lưu động" "Mobile work";
        WaitingRetirement = "waiting_retirement" "Nghỉ chờ hưu" "Waiting for retirement";
        Maternity = "maternity" "Nghỉ thai sản" "Maternity";
        Other = "other" "Khác" "Other";
    }
}

states! {
    /// The state of an exemption.
    pub enum ExemptionState = "exemption_state", step ExemptionStep of Exemption {
        Requested = "requested" "Đề nghị miễn" "Requested";
        Granted = "granted" "Được miễn" "Granted";
        Rejected = "rejected" "Không chấp nhận" "Rejected";
        Ended = "ended" "Đã thôi miễn" "Ended";
    }
}

impl ExemptionState {
    /// Whether the member is exempt, or was.
    pub const fn was_granted(&self) -> bool {
        matches!(self, ExemptionState::Granted | ExemptionState::Ended)
    }
}

record! {
    /// A member's leave from Party activity, which the cell decides. The member stays on strength.
    Exemption, ExemptionCreate, ExemptionUpdate = "exemption" in "exemptions", "Miễn công tác và sinh hoạt đảng" "Exemption" "Exemptions",
    Personal, downward: false, display: [member_id, from] {
        required {
            /// The member, on strength when the record is made.
            member_id: Ref<Member>, "Đảng viên" "Member",
        }
        optional {
            /// Why. Required.
            reason_code: ExemptionReason = Sensitive, "Lý do miễn" "Reason",
            /// First day; by default the day on which it is granted.
            from: Date, "Miễn từ ngày" "From",
            /// First day that no longer counts. The step to `ended` sets it to its own day, unless it is earlier.
            to: Date, "Miễn đến trước ngày" "Until",
            /// When the cell reviewed it, in order, at most 30.
            reviewed_on: List<Date, 30>, "Các ngày rà soát" "Reviewed on",
            /// When it is to be reviewed next. While it is granted by default 12 months after the last review, or after the first
            /// day; the step to `ended` clears it.
            review_due_on: Date, "Hạn rà soát" "Review due on",
            /// Its steps, the first one first. A patch corrects their days only.
            steps: List<ExemptionStep, 40>, "Các bước" "Steps",
        }
        optional_managed {
            /// Why it was rejected: the reason that this step gave. The next step clears it.
            state_reason: Text<1000> = Sensitive, "Lý do không chấp nhận" "Why it was rejected",
        }
        managed {
            /// Its state; moved by `POST /v1/exemptions/{id}/advance`.
            state: ExemptionState, "Trạng thái" "State",
        }
        groups {
            exemption "Miễn sinh hoạt" "Exemption": member_id, reason_code, from, to;
            review "Rà soát" "Review": reviewed_on, review_due_on;
            state "Tiến trình" "Progress": state, state_reason, steps;
        }
        sample {
            create: { "member_id": "ext:demo:member-0001", "reason_code": "weak_health", "from": "2015-01-01" },
            change: { "to": "2199-01-01" },
        }
    }
}

filters! {
    ExemptionFilter of Exemption {
        /// In one of these states.
        state: Vec<ExemptionState>,
        /// In its state since this date or later; a year or month will do.
        since_from: Option<PartialDate>,
        /// In its state since this date or earlier.
        since_to: Option<PartialDate>,
        /// Of this member.
        member_id: Option<Ref<Member>>,
        /// For one of these reasons.
        reason_code: Vec<ExemptionReason>,
        /// Holding on this day.
        at: Option<Date>,
        /// To be reviewed on this date or earlier.
        review_due_to: Option<PartialDate>,
    }
}
