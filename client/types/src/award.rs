//! `award`: a title, a commendation, a Party badge (docs/DOMAIN.md, Awards).

use crate::evaluation_round::Year;
use crate::{Date, Member, PartialDate, Ref, Text, codes, filters, record};

codes! {
    /// What is awarded.
    pub open enum AwardKind = "award_kind" {
        CleanStrong = "clean_strong" "Trong sạch, vững mạnh" "Clean and strong";
        CleanStrongExemplary = "clean_strong_exemplary" "Trong sạch, vững mạnh tiêu biểu" "Clean and strong, exemplary";
        StrongExcellent = "strong_excellent" "Vững mạnh xuất sắc" "Strong, excellent";
        Certificate = "certificate" "Giấy khen, bằng khen" "Certificate";
        Medal = "medal" "Huân chương, huy chương" "Medal";
        PartyBadge = "party_badge" "Huy hiệu Đảng" "Party badge";
        Other = "other" "Khác" "Other";
    }
}

impl AwardKind {
    /// Whether it is a title, which units have and members do not.
    pub const fn is_title(&self) -> bool {
        matches!(self, AwardKind::CleanStrong | AwardKind::CleanStrongExemplary | AwardKind::StrongExcellent)
    }
}

record! {
    /// A title of a unit, a commendation, a Party badge. Without `member_id` it is awarded to the unit itself.
    Award, AwardCreate, AwardUpdate = "award" in "awards", "Danh hiệu, khen thưởng" "Award" "Awards",
    Personal, downward: false, display: [kind, year, member_id] {
        required {
            /// What is awarded.
            kind: AwardKind, "Loại danh hiệu, hình thức khen thưởng" "Kind",
            /// The year that it is awarded for.
            year: Year, "Năm" "Year",
        }
        optional {
            /// To whom; absent: to the unit itself. A title is only a unit's, a Party badge only a member's.
            member_id: Ref<Member>, "Đảng viên" "Member",
            /// What it is called.
            title: Text<300>, "Tên danh hiệu, hình thức" "Title",
            /// When it was proposed.
            proposed_on: Date, "Ngày đề nghị" "Proposed on",
            /// When it was decided.
            decided_on: Date, "Ngày quyết định" "Decided on",
            /// When it was presented.
            presented_on: Date, "Ngày trao tặng" "Presented on",
            /// Who decided.
            decided_by: Text, "Cấp quyết định" "Decided by",
            /// Number of the decision.
            decision_number: Text, "Số quyết định" "Number of the decision",
            /// Years of Party age that a badge is for.
            badge_years: i32, "Số năm tuổi Đảng" "Years of the badge",
            /// The day of the round in which a badge is given.
            award_round: Date, "Đợt trao tặng" "Round",
            /// Number of a badge.
            badge_number: Text<20>, "Số huy hiệu" "Number of the badge",
            /// Whether it is given early because of serious illness.
            early: bool = Sensitive, "Tặng sớm" "Early",
            /// Whether it is given after death.
            posthumous: bool, "Truy tặng" "Posthumous",
        }
        managed {}
        groups {
            award "Danh hiệu, khen thưởng" "Award": kind, year, member_id, title;
            badge "Huy hiệu Đảng" "Party badge": badge_years, award_round, badge_number, early, posthumous;
            decision "Quyết định" "Decision": proposed_on, decided_on, presented_on, decided_by, decision_number;
        }
        sample {
            create: {
                "unit_id": "ext:demo:cell-01", "kind": "certificate", "year": 2014, "member_id": "ext:demo:member-0001",
                "title": "Giấy khen của Ban Chấp hành Đảng bộ phường", "proposed_on": "2014-12-10", "decided_on": "2014-12-22",
            },
            change: { "presented_on": "2015-01-08" },
        }
    }
}

filters! {
    AwardFilter of Award {
        /// Of one of these kinds.
        kind: Vec<AwardKind>,
        /// For this year.
        year: Option<i32>,
        /// To this member.
        member_id: Option<Ref<Member>>,
        /// Badges for so many years.
        badge_years: Option<i32>,
        /// Decided on this date or later; a year or month will do.
        decided_from: Option<PartialDate>,
        /// Decided on this date or earlier.
        decided_to: Option<PartialDate>,
    }
}
