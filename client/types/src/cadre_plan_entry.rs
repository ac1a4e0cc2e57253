//! `cadre_plan_entry`: one person who is planned for one office (docs/DOMAIN.md, Cadre plans).

use crate::evaluation_round::Year;
use crate::{
    CadrePlan, CourseKind, Date, EducationLevel, List, Member, PartialDate, PoliticalTheoryLevel, Position,
    PositionCode, Ref, Sex, Text, Unit, filters, object, record, whole_number,
};

whole_number! {
    /// A place among those who are planned for one office, 1 to 9; 1 is the first.
    pub struct PlanRank = 1..=9;
}

object! {
    /// A course that a person is to pass for an office.
    pub struct PlannedCourse {
        required {
            /// What the course teaches.
            course_kind: CourseKind, "Loại lớp" "Kind of course",
            /// The year in which it is planned.
            year: Year, "Năm" "Year",
        }
        optional {}
    }
}

record! {
    /// One person who is planned for one office (lượt). It is made in the plan's unit.
    CadrePlanEntry, CadrePlanEntryCreate, CadrePlanEntryUpdate = "cadre_plan_entry" in "cadre_plan_entries", "Lượt quy hoạch" "Entry of a cadre plan" "Entries of cadre plans",
    Personal, downward: false, display: [position_code, member_id] {
        required {
            /// The plan.
            plan_id: Ref<CadrePlan>, "Quy hoạch" "Plan",
            /// Who is planned.
            member_id: Ref<Member>, "Đảng viên" "Member",
            /// The office.
            position_code: PositionCode, "Chức danh quy hoạch" "Office",
        }
        optional {
            /// The unit that has the office; default: the plan's.
            target_unit_id: Ref<Unit>, "Tổ chức có chức danh" "Unit of the office",
            /// Sex, as it is counted; default: the member's when the entry is made.
            sex: Sex, "Giới tính" "Sex",
            /// Birth date, as it is counted; default: the member's when the entry is made.
            birth_date: PartialDate, "Ngày sinh" "Birth date",
            /// Level of education, as it is counted; default: the member's when the entry is made.
            education_level: EducationLevel, "Trình độ học vấn" "Level of education",
            /// Level of political theory, as it is counted; default: the member's when the entry is made.
            political_theory_level: PoliticalTheoryLevel, "Lý luận chính trị" "Level of political theory",
            /// Place among those who are planned for the office.
            rank: PlanRank, "Thứ tự" "Rank",
            /// Whether the person is to follow the present holder.
            is_successor: bool, "Cán bộ kế cận" "Successor",
            /// Courses that the person is to pass, at most 10.
            training: List<PlannedCourse, 10>, "Kế hoạch đào tạo, bồi dưỡng" "Planned training",
            /// When the person was taken out of the plan.
            removed_on: Date, "Đưa ra khỏi quy hoạch ngày" "Removed on",
            /// Why; only with that date.
            removal_reason: Text = Sensitive, "Lý do đưa ra khỏi quy hoạch" "Why removed",
            /// The position of this member that came of it.
            position_id: Ref<Position>, "Chức vụ được bố trí" "Position that came of it",
        }
        managed {}
        groups {
            planned "Quy hoạch" "Planned for": plan_id, member_id, position_code, target_unit_id, rank, is_successor;
            counted "Thông tin khi quy hoạch" "As counted": sex, birth_date, education_level, political_theory_level;
            since "Thực hiện quy hoạch" "Since then": training, position_id, removed_on, removal_reason;
        }
        sample {
            create: {
                "plan_id": "ext:demo:plan-open", "member_id": "ext:demo:member-0001",
                "position_code": "executive_committee_member", "rank": 1, "is_successor": true,
                "training": [{"course_kind": "political_intermediate", "year": 2016}],
            },
            change: { "rank": 2 },
        }
    }
}

filters! {
    CadrePlanEntryFilter of CadrePlanEntry {
        /// Of this plan.
        plan_id: Option<Ref<CadrePlan>>,
        /// Of this member.
        member_id: Option<Ref<Member>>,
        /// For one of these offices.
        position_code: Vec<PositionCode>,
        /// Whether the person is to follow the present holder.
        is_successor: Option<bool>,
        /// Whether the person was taken out of the plan.
        removed: Option<bool>,
        /// Of one of these.
        sex: Vec<Sex>,
        /// Born at or after this date, month or year.
        birth_date_from: Option<PartialDate>,
        /// Born at or before this date, month or year.
        birth_date_to: Option<PartialDate>,
        /// With one of these levels of education.
        education_level: Vec<EducationLevel>,
        /// With one of these levels of political theory.
        political_theory_level: Vec<PoliticalTheoryLevel>,
    }
}
