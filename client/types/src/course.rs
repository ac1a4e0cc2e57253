//! `course`: a class of training (docs/DOMAIN.md, Courses).

use crate::{Date, PartialDate, Text, codes, filters, record};

codes! {
    /// What a course teaches.
    pub open enum CourseKind = "course_kind" {
        PoliticalElementary = "political_elementary" "Sơ cấp lý luận chính trị" "Political elementary";
        PoliticalIntermediate = "political_intermediate" "Trung cấp lý luận chính trị – hành chính" "Political intermediate";
        PoliticalAdvanced = "political_advanced" "Cao cấp lý luận chính trị" "Political advanced";
        Awareness = "awareness" "Bồi dưỡng nhận thức về Đảng" "Party awareness";
        NewMember = "new_member" "Bồi dưỡng đảng viên mới" "New member";
        Professional = "professional" "Tập huấn nghiệp vụ" "Professional";
        ForeignLanguage = "foreign_language" "Ngoại ngữ" "Foreign language";
        Other = "other" "Khác" "Other";
    }
}

record! {
    /// A class of training, of the unit that holds it or sends people to it.
    Course, CourseCreate, CourseUpdate = "course" in "courses", "Lớp đào tạo, bồi dưỡng" "Course" "Courses",
    Internal, downward: true, display: [name] {
        required {
            /// Name.
            name: Text, "Tên lớp" "Name",
            /// What it teaches.
            kind: CourseKind, "Loại lớp" "Kind",
            /// First day.
            from: Date, "Khai giảng ngày" "From",
        }
        optional {
            /// First day after it: of a course of one day the next.
            to: Date, "Kết thúc trước ngày" "Until",
            /// Who holds it.
            organiser: Text, "Đơn vị tổ chức" "Organiser",
        }
        managed {}
        groups {
            course "Lớp học" "Course": name, kind, organiser, from, to;
        }
        sample {
            create: {
                "unit_id": "ext:demo:ward", "name": "Nhận thức về Đảng, khóa 1", "kind": "awareness",
                "from": "2015-04-06", "to": "2015-04-11",
            },
            change: { "organiser": "Trung tâm Bồi dưỡng chính trị thành phố" },
        }
    }
}

filters! {
    CourseFilter of Course {
        /// Of one of these kinds.
        kind: Vec<CourseKind>,
        /// Held on this day.
        at: Option<Date>,
        /// Beginning at or after this date, month or year.
        starts_from: Option<PartialDate>,
        /// Beginning at or before this date, month or year.
        starts_to: Option<PartialDate>,
    }
}
