//! `residence_link`: a member of another organisation in touch with the cell of the residence (docs/DOMAIN.md, Residence
//! links).

use crate::evaluation_round::Year;
use crate::{Date, List, Member, PartialDate, Ref, Text, codes, filters, object, record};

codes! {
    /// Whether somebody was introduced to the cell of the residence, and takes part there.
    pub open enum ResidenceCategory = "residence_category" {
        Normal = "normal" "Tham gia sinh hoạt nơi cư trú" "Introduced, takes part";
        IntroducedExempt = "introduced_exempt" "Giới thiệu, miễn tham gia" "Introduced, need not attend";
        NotIntroduced = "not_introduced" "Miễn giới thiệu" "Not introduced";
    }
}

object! {
    /// What the cell of the residence says of somebody for a year.
    pub struct ResidenceComment {
        required {
            /// The year.
            year: Year, "Năm" "Year",
        }
        optional {
            /// How often the person attended.
            attended: i32, "Số buổi tham gia" "Times attended",
            /// The comment.
            comment: Text<1000>, "Nhận xét" "Comment",
            /// When it was sent to the home organisation.
            sent_on: Date, "Ngày gửi nhận xét" "Sent on",
        }
    }
}

record! {
    /// A member of another organisation in touch with the cell of the residence. Such a person never counts on its strength.
    ResidenceLink, ResidenceLinkCreate, ResidenceLinkUpdate = "residence_link" in "residence_links", "Giữ mối liên hệ nơi cư trú" "Residence link" "Residence links",
    Personal, downward: false, display: [full_name] {
        required {
            /// Full name.
            full_name: Text<100>, "Họ và tên" "Full name",
            /// Name of the organisation where the person is a member.
            home_unit_name: Text<300>, "Tổ chức đảng nơi công tác" "Home organisation",
            /// First day.
            from: Date, "Giữ mối liên hệ từ ngày" "From",
        }
        optional {
            /// Birth date.
            birth_date: PartialDate, "Ngày sinh" "Birth date",
            /// The member's record, where the person is a member of an organisation of this tree.
            member_id: Ref<Member>, "Hồ sơ đảng viên" "Member",
            /// Whether the person was introduced, and takes part.
            category: ResidenceCategory, "Hình thức" "Category",
            /// Number of the letter of introduction.
            letter_number: Text<40>, "Số giấy giới thiệu" "Number of the letter",
            /// Date of the letter of introduction.
            letter_date: Date, "Ngày cấp giấy giới thiệu" "Date of the letter",
            /// First day that no longer counts; absent while it lasts.
            to: Date, "Thôi giữ mối liên hệ từ ngày" "Until",
            /// Comments of the cell, one a year, at most 60. They are due for who takes part.
            comments: List<ResidenceComment, 60> = Sensitive, "Nhận xét hằng năm" "Comments",
        }
        managed {}
        groups {
            person "Đảng viên" "Person": full_name, birth_date, home_unit_name, member_id;
            link "Giữ mối liên hệ" "Link": category, letter_number, letter_date, from, to, comments;
        }
        sample {
            create: {
                "unit_id": "ext:demo:cell-01", "full_name": "Trần Thị Bình", "birth_date": "1972-08",
                "home_unit_name": "Chi bộ Trường Trung học cơ sở Lê Mao", "from": "2014-03-01",
                "comments": [{"year": 2014, "attended": 4, "comment": "Tham gia sinh hoạt đầy đủ, gương mẫu."}],
            },
            change: { "letter_number": "27-GGT" },
        }
    }
}

filters! {
    ResidenceLinkFilter of ResidenceLink {
        /// Of one of these categories.
        category: Vec<ResidenceCategory>,
        /// Active on this day: introduced, and in touch then.
        at: Option<Date>,
        /// Of this member.
        member_id: Option<Ref<Member>>,
    }
}
