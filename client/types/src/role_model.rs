//! `role_model`: who is held up as an example (docs/DOMAIN.md, Role models).

use crate::{Date, Member, Ref, Text, codes, filters, record};

codes! {
    /// How far a role model is recognised.
    pub open enum RoleModelLevel = "role_model_level" {
        Nurtured = "nurtured" "Đang bồi dưỡng" "Nurtured";
        Recognised = "recognised" "Đã công nhận" "Recognised";
        Commended = "commended" "Đã khen thưởng" "Commended";
    }
}

record! {
    /// A member, or a unit, that is held up as an example. `unit_id` is the cell where the member counts when it is made, or
    /// the unit itself.
    RoleModel, RoleModelCreate, RoleModelUpdate = "role_model" in "role_models", "Gương điển hình" "Role model" "Role models",
    Personal, downward: false, display: [title, member_id] {
        required {
            /// As what.
            title: Text<300>, "Tên điển hình" "Title",
            /// How far it is recognised.
            level: RoleModelLevel, "Mức độ" "Level",
            /// Since when.
            from: Date, "Từ ngày" "From",
        }
        optional {
            /// Who; absent: the unit.
            member_id: Ref<Member>, "Đảng viên" "Member",
            /// What makes it an example.
            content: Text<4000>, "Thành tích, việc làm" "Content",
            /// When the subject agreed that it is made public; nothing here makes it public.
            publish_consent_on: Date, "Ngày đồng ý công bố" "Consent to publication on",
        }
        managed {}
        groups {
            role_model "Gương điển hình" "Role model": member_id, title, level, from, content, publish_consent_on;
        }
        sample {
            create: {
                "member_id": "ext:demo:member-0001", "title": "Dân vận khéo", "level": "nurtured", "from": "2014-05-19",
                "content": "Vận động nhân dân hiến đất mở đường của khối.",
            },
            change: { "level": "recognised" },
        }
    }
}

filters! {
    RoleModelFilter of RoleModel {
        /// Of one of these levels.
        level: Vec<RoleModelLevel>,
        /// Of this member.
        member_id: Option<Ref<Member>>,
    }
}
