//! `protection_review`: that political standards were reviewed, and the result (docs/DOMAIN.md, Reviews of political standards).

use crate::{Admission, Date, Member, Ref, Text, codes, filters, record};

codes! {
    /// What a review is for.
    pub open enum ProtectionOccasion = "protection_occasion" {
        Admission = "admission" "Kết nạp" "Admission";
        CadrePlan = "cadre_plan" "Quy hoạch" "Cadre plan";
        Appointment = "appointment" "Bổ nhiệm, giới thiệu ứng cử" "Appointment";
        Periodic = "periodic" "Rà soát định kỳ" "Periodic";
    }
}

codes! {
    /// The result of a review.
    pub open enum ProtectionResult = "protection_result" {
        Cleared = "cleared" "Đủ tiêu chuẩn chính trị" "Cleared";
        NotCleared = "not_cleared" "Không đủ tiêu chuẩn chính trị" "Not cleared";
        Deferred = "deferred" "Cần thẩm tra thêm" "Deferred";
    }
}

record! {
    /// A review of the political standards of a member or a candidate: that it was made, and its result. `unit_id` is the cell
    /// where the person is when it is recorded.
    ProtectionReview, ProtectionReviewCreate, ProtectionReviewUpdate = "protection_review" in "protection_reviews", "Thẩm tra tiêu chuẩn chính trị" "Review of political standards" "Reviews of political standards",
    Sensitive, downward: false, display: [member_id, admission_id, occasion] {
        required {
            /// What it is for.
            occasion: ProtectionOccasion, "Mục đích thẩm tra" "Occasion",
            /// When it was asked for.
            requested_on: Date, "Ngày đề nghị thẩm tra" "Requested on",
        }
        optional {
            /// The person, if a member. Either this or `admission_id` is there.
            member_id: Ref<Member>, "Đảng viên" "Member",
            /// The person, if a candidate.
            admission_id: Ref<Admission>, "Quần chúng được xét kết nạp" "Candidate",
            /// When the result was given; with `result`.
            reviewed_on: Date, "Ngày có kết quả" "Reviewed on",
            /// The result; with `reviewed_on`.
            result: ProtectionResult, "Kết quả thẩm tra" "Result",
            /// Who reviewed.
            reviewed_by: Text, "Cơ quan thẩm tra" "Reviewed by",
            /// Number of the document with the result.
            document_number: Text<40>, "Số văn bản" "Number of the document",
        }
        managed {}
        groups {
            request "Đề nghị thẩm tra" "Request": member_id, admission_id, occasion, requested_on;
            result "Kết quả" "Result": result, reviewed_on, reviewed_by, document_number;
        }
        sample {
            create: {
                "member_id": "ext:demo:member-0001", "occasion": "periodic", "requested_on": "2014-02-10",
            },
            change: { "reviewed_by": "Ban Tổ chức Thành ủy" },
        }
    }
}

filters! {
    ProtectionReviewFilter of ProtectionReview {
        /// Of this member.
        member_id: Option<Ref<Member>>,
        /// Of this candidate.
        admission_id: Option<Ref<Admission>>,
        /// For one of these occasions.
        occasion: Vec<ProtectionOccasion>,
        /// With one of these results.
        result: Vec<ProtectionResult>,
    }
}
