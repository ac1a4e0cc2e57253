//! `transfer`: a member's way between cells, into or out of the tree (docs/DOMAIN.md, Transfers).

use crate::{Date, List, Member, PartialDate, Ref, Text, Unit, codes, filters, record, states};

codes! {
    /// What kind of transfer it is.
    pub open enum TransferKind = "transfer_kind" {
        Internal = "internal" "Chuyển trong nội bộ" "Internal";
        Out = "out" "Chuyển đi" "Transferred out";
        In = "in" "Chuyển đến" "Transferred in";
        TemporaryOut = "temporary_out" "Chuyển đi tạm thời" "Temporary out";
        TemporaryIn = "temporary_in" "Chuyển đến tạm thời" "Temporary in";
    }
}

impl TransferKind {
    /// Whether somebody comes from elsewhere.
    pub const fn comes_in(&self) -> bool {
        matches!(self, TransferKind::In | TransferKind::TemporaryIn)
    }

    /// Whether the person comes back.
    pub const fn is_temporary(&self) -> bool {
        matches!(self, TransferKind::TemporaryOut | TransferKind::TemporaryIn)
    }

    /// Whether the member leaves the cell for good: there is one such transfer at a time.
    pub const fn leaves(&self) -> bool {
        matches!(self, TransferKind::Internal | TransferKind::Out)
    }
}

codes! {
    /// Why somebody is transferred.
    pub open enum TransferReason = "transfer_reason" {
        Job = "job" "Thay đổi công tác" "Change of work";
        Retirement = "retirement" "Nghỉ hưu" "Retirement";
        Residence = "residence" "Thay đổi nơi cư trú" "Change of residence";
        Study = "study" "Đi học" "Study";
        Other = "other" "Khác" "Other";
    }
}

states! {
    /// The state of a transfer.
    pub enum TransferState = "transfer_state", step TransferStep of Transfer {
        Requested = "requested" "Đề nghị chuyển" "Requested";
        LetterIssued = "letter_issued" "Đã cấp giấy giới thiệu" "Letter issued";
        Away = "away" "Đang sinh hoạt tạm thời" "Away";
        Completed = "completed" "Đã hoàn thành" "Completed";
        Cancelled = "cancelled" "Đã hủy" "Cancelled";
    }
}

impl TransferState {
    /// Whether the letter of introduction has been issued.
    pub const fn has_letter(&self) -> bool {
        matches!(self, TransferState::LetterIssued | TransferState::Away | TransferState::Completed)
    }

    /// Whether it is still under way.
    pub const fn is_open(&self) -> bool {
        matches!(self, TransferState::Requested | TransferState::LetterIssued | TransferState::Away)
    }
}

record! {
    /// A member's way between cells, into or out of the tree. `unit_id` is the cell that is left; of those who come in, the cell
    /// that receives.
    Transfer, TransferCreate, TransferUpdate = "transfer" in "transfers", "Chuyển sinh hoạt đảng" "Transfer" "Transfers",
    Personal, downward: false, display: [kind, full_name, member_id] {
        required {
            /// What kind it is.
            kind: TransferKind, "Hình thức chuyển" "Kind",
            /// Why.
            reason_code: TransferReason, "Lý do chuyển" "Reason",
        }
        optional {
            /// The member. Required, but of who comes in: the step to `completed` sets it of `in`, and `temporary_in` never has it.
            member_id: Ref<Member>, "Đảng viên" "Member",
            /// Full name, family name first. Required of who comes in, and only there.
            full_name: Text<100>, "Họ và tên" "Full name",
            /// Birth date; the day, or month and day, may be unknown. Required of who comes in, and only there.
            birth_date: PartialDate, "Ngày sinh" "Birth date",
            /// The cell that receives. Required of `internal`, and only there; fixed once it is completed.
            to_unit_id: Ref<Unit>, "Chi bộ nơi đến" "To the cell",
            /// The organisation outside, to which or from which. Required, but of `internal`.
            elsewhere: Text<300>, "Tổ chức nơi đi, nơi đến" "Organisation outside",
            /// Date of the decision on work, retirement or residence.
            basis_date: Date, "Ngày quyết định về công tác, nghỉ hưu, cư trú" "Date of the decision",
            /// Number of the letter of introduction.
            letter_number: Text<40>, "Số giấy giới thiệu" "Letter number",
            /// Its date. Required once it is issued.
            letter_date: Date, "Ngày giấy giới thiệu" "Letter date",
            /// Until when the next step is due. By default 60 working days after the decision, then 30 after the letter, then the
            /// return. Each step sets it anew, unless it sends one.
            deadline_on: Date, "Thời hạn" "Deadline",
            /// When the person is expected back. Required of the temporary kinds.
            expected_return_on: Date, "Ngày dự kiến trở về" "Expected return",
            /// Its steps, the first one first. A patch corrects their days only.
            steps: List<TransferStep, 40>, "Các bước" "Steps",
        }
        optional_managed {
            /// Why it was cancelled, or moved back: the reason that this step gave. The next step clears it.
            state_reason: Text<1000>, "Lý do hủy, chuyển lại" "Why it was cancelled or moved back",
        }
        managed {
            /// Its state; moved by `POST /v1/transfers/{id}/advance`.
            state: TransferState, "Trạng thái" "State",
        }
        groups {
            transfer "Chuyển sinh hoạt" "Transfer": kind, member_id, full_name, birth_date, to_unit_id, elsewhere, reason_code, basis_date;
            letter "Giấy giới thiệu" "Letter": letter_number, letter_date, expected_return_on, deadline_on;
            state "Tiến trình" "Progress": state, state_reason, steps;
        }
        sample {
            create: {
                "member_id": "ext:demo:member-0001", "kind": "out", "reason_code": "residence",
                "elsewhere": "Đảng ủy phường Lê Lợi", "basis_date": "2015-01-12",
            },
            change: { "letter_number": "27-GGT" },
        }
    }
}

filters! {
    TransferFilter of Transfer {
        /// In one of these states.
        state: Vec<TransferState>,
        /// In its state since this date or later; a year or month will do.
        since_from: Option<PartialDate>,
        /// In its state since this date or earlier.
        since_to: Option<PartialDate>,
        /// Of one of these kinds.
        kind: Vec<TransferKind>,
        /// Of this member.
        member_id: Option<Ref<Member>>,
        /// To this cell.
        to_unit_id: Option<Ref<Unit>>,
        /// For one of these reasons.
        reason_code: Vec<TransferReason>,
        /// Due on this date or earlier.
        deadline_to: Option<PartialDate>,
    }
}
