//! `position`: an office held by a member (docs/DOMAIN.md, Positions).

use crate::{Date, Member, Ref, Term, Text, codes, filters, object, record};

codes! {
    /// Bodies of a committee.
    pub open enum CommitteeBody = "body" {
        ExecutiveCommittee = "executive_committee" "Ban Chấp hành" "Executive committee";
        StandingCommittee = "standing_committee" "Ban Thường vụ" "Standing committee";
        InspectionCommission = "inspection_commission" "Ủy ban Kiểm tra" "Inspection commission";
        CellCommittee = "cell_committee" "Chi ủy" "Cell committee";
    }
}

codes! {
    /// Offices.
    pub open enum PositionCode = "position_code" {
        CommitteeSecretary = "committee_secretary" "Bí thư cấp ủy" "Committee secretary";
        StandingDeputySecretary = "standing_deputy_secretary" "Phó Bí thư Thường trực" "Standing deputy secretary";
        DeputySecretary = "deputy_secretary" "Phó Bí thư" "Deputy secretary";
        StandingCommitteeMember = "standing_committee_member" "Ủy viên Ban Thường vụ" "Standing committee member";
        ExecutiveCommitteeMember = "executive_committee_member" "Ủy viên Ban Chấp hành" "Executive committee member";
        CommissionChair = "commission_chair" "Chủ nhiệm Ủy ban Kiểm tra" "Commission chair";
        CommissionDeputyChair = "commission_deputy_chair" "Phó Chủ nhiệm Ủy ban Kiểm tra" "Commission deputy chair";
        CommissionMember = "commission_member" "Ủy viên Ủy ban Kiểm tra" "Commission member";
        CellSecretary = "cell_secretary" "Bí thư chi bộ" "Cell secretary";
        CellDeputySecretary = "cell_deputy_secretary" "Phó Bí thư chi bộ" "Cell deputy secretary";
        CellCommitteeMember = "cell_committee_member" "Chi ủy viên" "Cell committee member";
        PartyGroupLeader = "party_group_leader" "Tổ trưởng tổ đảng" "Party group leader";
        OfficeHead = "office_head" "Chánh Văn phòng" "Head of office";
        Rapporteur = "rapporteur" "Báo cáo viên" "Rapporteur";
        SupervisingCommitteeMember = "supervising_committee_member" "Cấp ủy viên phụ trách chi bộ" "Committee member in charge of a cell";
        MassOrgHead = "mass_org_head" "Trưởng đoàn thể" "Head of a mass organisation";
        GovernmentLeader = "government_leader" "Lãnh đạo chính quyền" "Government leader";
        Other = "other" "Khác" "Other";
    }
}

impl PositionCode {
    /// Whether a unit has only one of it at a time.
    pub const fn is_single(&self) -> bool {
        matches!(self, PositionCode::CommitteeSecretary | PositionCode::CellSecretary)
    }
}

codes! {
    /// How an office was obtained.
    pub open enum PositionBasis = "position_basis" {
        Elected = "elected" "Bầu" "Elected";
        Appointed = "appointed" "Bổ nhiệm" "Appointed";
        Designated = "designated" "Chỉ định" "Designated";
        ByElection = "by_election" "Bầu bổ sung" "By-election";
        Acting = "acting" "Quyền, phụ trách" "Acting";
    }
}

codes! {
    /// Why an office ended.
    pub open enum EndReason = "end_reason" {
        TermEnd = "term_end" "Hết nhiệm kỳ" "End of term";
        Resigned = "resigned" "Xin thôi" "Resigned";
        Transferred = "transferred" "Chuyển công tác" "Transferred";
        Disciplined = "disciplined" "Kỷ luật" "Disciplined";
        Retired = "retired" "Nghỉ hưu" "Retired";
        Deceased = "deceased" "Từ trần" "Deceased";
        PlanRemoved = "plan_removed" "Đưa ra khỏi quy hoạch" "Removed from the plan";
    }
}

object! {
    /// The vote of an election.
    pub struct VoteResult {
        required {
            /// Votes for.
            r#for: i32, "Số phiếu đồng ý" "Votes for",
            /// Votes in all.
            total: i32, "Tổng số phiếu" "Votes in all",
        }
        optional {}
    }
}

record! {
    /// An office that a member holds or held in a unit.
    Position, PositionCreate, PositionUpdate = "position" in "positions", "Chức vụ" "Position" "Positions",
    Personal, downward: false, display: [position_code, member_id] {
        required {
            /// Who holds it.
            member_id: Ref<Member>, "Đảng viên" "Member",
            /// The office.
            position_code: PositionCode, "Chức vụ" "Office",
            /// First day.
            from: Date, "Giữ chức vụ từ ngày" "From",
            /// How it was obtained.
            basis: PositionBasis, "Hình thức bầu, bổ nhiệm" "How it was obtained",
        }
        optional {
            /// The body that it belongs to.
            body: CommitteeBody, "Thuộc tập thể" "Body",
            /// The term.
            term_id: Ref<Term>, "Nhiệm kỳ" "Term",
            /// First day that no longer counts; absent while it is held.
            to: Date, "Thôi giữ chức vụ từ ngày" "Until",
            /// Why it ended.
            end_reason: EndReason, "Lý do thôi giữ chức vụ" "Why it ended",
            /// The vote.
            vote_result: VoteResult = Sensitive, "Kết quả bầu" "Vote",
            /// A government office held at the same time.
            concurrent_government_position: Text, "Chức vụ chính quyền kiêm nhiệm" "Government office held at the same time",
        }
        managed {}
        groups {
            office "Chức vụ" "Office": member_id, position_code, body, basis, term_id, concurrent_government_position;
            time "Thời gian giữ chức vụ" "Time in office": from, to, end_reason, vote_result;
        }
        sample {
            create: {
                "unit_id": "ext:demo:cell-01", "member_id": "ext:demo:member-0001", "position_code": "cell_committee_member",
                "from": "2010-01-01", "basis": "elected", "vote_result": {"for": 9, "total": 10},
            },
            change: { "to": "2015-01-01" },
        }
    }
}

filters! {
    PositionFilter of Position {
        /// Held by this member.
        member_id: Option<Ref<Member>>,
        /// One of these positions.
        position_code: Vec<PositionCode>,
        /// Held on this day.
        at: Option<Date>,
    }
}
