//! `enrolment`: one person in one course (docs/DOMAIN.md, Enrolments).

use crate::{Admission, Course, Date, Member, Ref, Text, codes, filters, record};

codes! {
    /// What came of an enrolment.
    pub open enum EnrolmentResult = "enrolment_result" {
        Attending = "attending" "Đang học" "Attending";
        Passed = "passed" "Đạt" "Passed";
        Failed = "failed" "Không đạt" "Failed";
        Absent = "absent" "Không tham gia" "Absent";
    }
}

record! {
    /// One person, a member or a candidate, in one course. `unit_id` is the cell where the person is when it is made.
    Enrolment, EnrolmentCreate, EnrolmentUpdate = "enrolment" in "enrolments", "Lượt học viên" "Enrolment" "Enrolments",
    Personal, downward: false, display: [member_id, admission_id, course_id] {
        required {
            /// The course.
            course_id: Ref<Course>, "Lớp học" "Course",
        }
        optional {
            /// The person, if a member. Either this or `admission_id` is there.
            member_id: Ref<Member>, "Đảng viên" "Member",
            /// The person, if a candidate.
            admission_id: Ref<Admission>, "Quần chúng được xét kết nạp" "Candidate",
            /// What came of it.
            result: EnrolmentResult, "Kết quả" "Result",
            /// Number of the certificate. Only who passed has one.
            certificate_number: Text<40>, "Số giấy chứng nhận" "Number of the certificate",
            /// Date of the certificate.
            certificate_on: Date, "Ngày cấp giấy chứng nhận" "Date of the certificate",
            /// First day on which the certificate is no longer valid; default in a course of Party awareness: 60 months after its
            /// date.
            certificate_expires_on: Date, "Giấy chứng nhận hết hạn từ ngày" "Certificate expires on",
        }
        managed {}
        groups {
            person "Học viên" "Participant": member_id, admission_id, course_id;
            result "Kết quả" "Result": result, certificate_number, certificate_on, certificate_expires_on;
        }
        sample {
            create: {
                "course_id": "ext:demo:course-professional-2014-03", "member_id": "ext:demo:member-0001", "result": "passed",
            },
            change: { "certificate_number": "115-GCN" },
        }
    }
}

filters! {
    EnrolmentFilter of Enrolment {
        /// In this course.
        course_id: Option<Ref<Course>>,
        /// Of this member.
        member_id: Option<Ref<Member>>,
        /// Of this candidate.
        admission_id: Option<Ref<Admission>>,
        /// With one of these results.
        result: Vec<EnrolmentResult>,
    }
}
