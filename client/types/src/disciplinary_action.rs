//! `disciplinary_action`: a decision on discipline (docs/DOMAIN.md, Discipline).

use crate::{Date, List, Member, PartialDate, Ref, Text, codes, filters, object, record};

codes! {
    /// Forms of discipline.
    pub open enum DisciplineForm = "discipline_form" {
        Reprimand = "reprimand" "Khiển trách" "Reprimand";
        Warning = "warning" "Cảnh cáo" "Warning";
        RemovalFromOffice = "removal_from_office" "Cách chức" "Removal from office";
        Expulsion = "expulsion" "Khai trừ" "Expulsion";
        Dissolution = "dissolution" "Giải tán" "Dissolution";
    }
}

codes! {
    /// What an appeal led to.
    pub open enum AppealOutcome = "appeal_outcome" {
        Upheld = "upheld" "Giữ nguyên" "Upheld";
        Changed = "changed" "Thay đổi hình thức" "Changed";
        Lifted = "lifted" "Xóa bỏ" "Lifted";
    }
}

object! {
    /// An appeal against a decision.
    pub struct Appeal {
        required {
            /// When it was filed.
            filed_on: Date, "Ngày khiếu nại" "Filed on",
        }
        optional {
            /// When it was decided.
            decided_on: Date, "Ngày giải quyết" "Decided on",
            /// What it led to.
            outcome: AppealOutcome, "Kết quả giải quyết" "Outcome",
        }
    }
}

record! {
    /// A decision on discipline, against a member or a unit. `unit_id` is the cell that the member belongs to, or last
    /// belonged to, when it is made, or the unit itself; it never changes.
    DisciplinaryAction, DisciplinaryActionCreate, DisciplinaryActionUpdate = "disciplinary_action" in "disciplinary_actions", "Quyết định kỷ luật" "Disciplinary action" "Disciplinary actions",
    Sensitive, downward: false, display: [form, member_id] {
        required {
            /// The form.
            form: DisciplineForm, "Hình thức kỷ luật" "Form",
            /// Who decided.
            decided_by: Text, "Cấp quyết định" "Decided by",
            /// When it was decided.
            decided_on: Date, "Ngày quyết định" "Decided on",
        }
        optional {
            /// Against whom; absent: the unit.
            member_id: Ref<Member>, "Đảng viên" "Member",
            /// Number of the decision.
            decision_number: Text<40>, "Số quyết định" "Number of the decision",
            /// First day on which it is in force.
            effective_from: Date, "Có hiệu lực từ ngày" "In force from",
            /// First day on which it is no longer in force.
            ended_on: Date, "Hết hiệu lực từ ngày" "In force until",
            /// Why.
            grounds: Text<1000>, "Lý do kỷ luật" "Grounds",
            /// Appeals against it, at most 5.
            appeals: List<Appeal, 5>, "Khiếu nại" "Appeals",
        }
        managed {}
        groups {
            decision "Quyết định" "Decision": member_id, form, decided_by, decision_number, decided_on, grounds;
            effect "Hiệu lực" "Effect": effective_from, ended_on, appeals;
        }
        sample {
            create: {
                "member_id": "ext:demo:member-0001", "form": "reprimand", "decided_by": "Chi bộ",
                "decision_number": "03-QĐ/CB", "decided_on": "2014-06-02",
            },
            change: { "ended_on": "2015-06-02" },
        }
    }
}

filters! {
    DisciplinaryActionFilter of DisciplinaryAction {
        /// Against this member.
        member_id: Option<Ref<Member>>,
        /// Of one of these forms.
        form: Vec<DisciplineForm>,
        /// Decided at or after this date, month or year.
        decided_from: Option<PartialDate>,
        /// Decided at or before this date, month or year.
        decided_to: Option<PartialDate>,
    }
}
