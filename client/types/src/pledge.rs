//! `pledge`: what a member or a unit takes on for a year (docs/DOMAIN.md, Pledges).

use crate::evaluation_round::Year;
use crate::{Date, Member, PositionCode, Ref, TaskResult, Text, codes, filters, record};

codes! {
    /// What is taken on.
    pub open enum PledgeKind = "pledge_kind" {
        FollowExample = "follow_example" "Học tập và làm theo Bác" "Following Hồ Chí Minh's example";
        EthicalStandards = "ethical_standards" "Chuẩn mực đạo đức" "Ethical standards";
        MemberDevelopment = "member_development" "Kế hoạch phát triển đảng viên" "Member development";
    }
}

record! {
    /// What a member, or a unit, takes on for a year. `unit_id` is the cell where the member counts when it is made, or the
    /// unit itself.
    Pledge, PledgeCreate, PledgeUpdate = "pledge" in "pledges", "Đăng ký thực hiện" "Pledge" "Pledges",
    Personal, downward: false, display: [kind, year, member_id] {
        required {
            /// The year.
            year: Year, "Năm" "Year",
            /// What is taken on.
            kind: PledgeKind, "Loại đăng ký" "Kind",
            /// What will be done, or what the unit agreed on.
            content: Text<4000>, "Nội dung" "Content",
        }
        optional {
            /// Who takes it on, only of `follow_example`; absent: the unit.
            member_id: Ref<Member>, "Đảng viên" "Member",
            /// The office that the content fits.
            position_code: PositionCode, "Gắn với chức vụ" "Office",
            /// Whether it is meant as an example to others.
            is_exemplar: bool, "Đăng ký điển hình" "Exemplar",
            /// Persons to admit in the year; required for `member_development`.
            target: i32, "Chỉ tiêu kết nạp" "Persons to admit",
            /// When it was adopted.
            adopted_on: Date, "Ngày thông qua" "Adopted on",
            /// How far it was done.
            result: TaskResult, "Kết quả thực hiện" "Result",
        }
        managed {}
        groups {
            pledge "Đăng ký" "Pledge": year, kind, member_id, position_code, is_exemplar, content, target, adopted_on;
            result "Kết quả" "Result": result;
        }
        sample {
            create: {
                "year": 2015, "kind": "follow_example", "member_id": "ext:demo:member-0001",
                "content": "Giải quyết hồ sơ của dân đúng hẹn; mỗi tháng gặp gỡ một hộ nghèo.", "is_exemplar": true,
            },
            change: { "result": "done" },
            distinct: [year],
        }
    }
}

filters! {
    PledgeFilter of Pledge {
        /// For this year.
        year: Option<i32>,
        /// Of one of these kinds.
        kind: Vec<PledgeKind>,
        /// Of this member.
        member_id: Option<Ref<Member>>,
        /// Whether it is meant as an example to others.
        is_exemplar: Option<bool>,
        /// With one of these results.
        result: Vec<TaskResult>,
    }
}
