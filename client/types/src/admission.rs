//! `admission`: one person's way from non-member to official member (docs/DOMAIN.md, Admissions).

use crate::member::{
    EducationLevel, Email, Ethnicity, GeneralEducation, Introducer, PersonalId, Phone, PoliticalTheoryLevel, Religion,
    Sex,
};
use crate::position::VoteResult;
use crate::{Date, List, Member, PartialDate, Ref, Text, filters, record, states};

states! {
    /// The state of an admission.
    pub enum AdmissionState = "admission_state", step AdmissionStep of Admission {
        Listed = "listed" "Quần chúng ưu tú" "Outstanding non-member";
        CellProposed = "cell_proposed" "Chi bộ đề nghị" "Proposed by the cell";
        CommitteeProposed = "committee_proposed" "Đảng ủy đề nghị cấp trên" "Proposed to the higher level";
        Approved = "approved" "Có quyết định kết nạp" "Admission decided";
        Admitted = "admitted" "Đã kết nạp, dự bị" "Admitted, on probation";
        RecognitionProposed = "recognition_proposed" "Đề nghị công nhận chính thức" "Recognition proposed";
        Recognised = "recognised" "Đã công nhận chính thức" "Recognised";
        NotRecognised = "not_recognised" "Không công nhận chính thức" "Not recognised";
        Closed = "closed" "Dừng xem xét" "Closed";
    }
}

record! {
    /// One person's way from non-member to official member. `unit_id` is the person's cell.
    Admission, AdmissionCreate, AdmissionUpdate = "admission" in "admissions", "Kết nạp đảng viên" "Admission" "Admissions",
    Personal, downward: false, display: [full_name] {
        required {
            /// Full name, family name first.
            full_name: Text<100>, "Họ và tên" "Full name",
            /// Sex as recorded.
            sex: Sex, "Giới tính" "Sex",
            /// Birth date; the day, or month and day, may be unknown. After 1880, not in the future.
            birth_date: PartialDate, "Ngày sinh" "Birth date",
        }
        optional {
            /// Native place (quê quán). This and the other particulars, down to the personal id, go to the member's record when
            /// the person is admitted, and are cleared here.
            native_place: Text<300>, "Quê quán" "Native place",
            /// Permanent residence.
            permanent_residence: Text<300>, "Nơi thường trú" "Permanent residence",
            /// Current residence.
            current_residence: Text<300>, "Nơi ở hiện nay" "Current residence",
            /// Phone, E.164.
            phone: Phone, "Số điện thoại" "Phone",
            /// E-mail address.
            email: Email, "Thư điện tử" "E-mail",
            /// Last class finished, `n/12` or `n/10`.
            education_general: GeneralEducation, "Giáo dục phổ thông" "General education",
            /// Highest level of education.
            education_level: EducationLevel, "Trình độ học vấn" "Level of education",
            /// Level of political theory.
            political_theory_level: PoliticalTheoryLevel, "Lý luận chính trị" "Level of political theory",
            /// Professional qualification.
            professional_qualification: Text, "Chuyên môn, nghiệp vụ" "Professional qualification",
            /// Present occupation.
            occupation_current: Text, "Nghề nghiệp hiện nay" "Present occupation",
            /// Ethnic group.
            ethnicity: Ethnicity = Sensitive, "Dân tộc" "Ethnic group",
            /// Religion.
            religion: Religion = Sensitive, "Tôn giáo" "Religion",
            /// Personal id: 12 digits.
            personal_id: PersonalId = Sensitive, "Số định danh cá nhân" "Personal id",
            /// Who introduced the person, at most 2.
            introducers: List<Introducer, 2>, "Người giới thiệu vào Đảng" "Introducers",
            /// The earlier membership of someone who is admitted again.
            readmission_of: Ref<Member>, "Hồ sơ trước khi kết nạp lại" "Earlier membership",
            /// When the person applied.
            application_on: Date, "Ngày làm đơn xin vào Đảng" "Applied on",
            /// When the background was verified.
            profile_verified_on: Date, "Ngày thẩm tra lý lịch" "Background verified on",
            /// When the mass organisation gave its opinion.
            mass_org_opinion_on: Date, "Ngày đoàn thể có ý kiến" "Opinion of the mass organisation on",
            /// When the place of residence gave its opinion.
            residence_opinion_on: Date, "Ngày nơi cư trú có ý kiến" "Opinion of the place of residence on",
            /// The cell's vote on the admission.
            cell_vote: VoteResult = Sensitive, "Biểu quyết của chi bộ" "Vote of the cell",
            /// The committee's vote on the admission.
            committee_vote: VoteResult = Sensitive, "Biểu quyết của đảng ủy" "Vote of the committee",
            /// Number of the higher level's decision.
            decision_number: Text<40>, "Số quyết định kết nạp" "Number of the decision",
            /// Date of the higher level's decision.
            decision_on: Date, "Ngày quyết định kết nạp" "Admission decided on",
            /// The ceremony: the member's admission date.
            ceremony_on: Date, "Ngày tổ chức lễ kết nạp" "Ceremony on",
            /// When the probation ends; default: 12 months after the ceremony.
            probation_ends_on: Date, "Ngày hết thời gian dự bị" "Probation ends on",
            /// The vote on the recognition.
            recognition_vote: VoteResult = Sensitive, "Biểu quyết công nhận chính thức" "Vote on the recognition",
            /// From when the member is official; default, once recognised: the official date that the member has,
            /// or else the end of the probation.
            official_on: Date, "Ngày chính thức" "Official date",
            /// Its steps, the first one first. A patch corrects their days only.
            steps: List<AdmissionStep, 40>, "Các bước" "Steps",
        }
        optional_managed {
            /// Why it was deferred, refused or closed: the reason of the last step. The next one clears it.
            state_reason: Text<1000> = Sensitive, "Lý do của bước cuối" "Reason of the last step",
            /// The member's record, made with the step to `admitted`.
            member_id: Ref<Member>, "Hồ sơ đảng viên" "Member",
        }
        managed {
            /// Its state; moved by `POST /v1/admissions/{id}/advance`.
            state: AdmissionState, "Trạng thái" "State",
        }
        groups {
            person "Thông tin cá nhân" "Person": full_name, sex, birth_date, native_place, ethnicity, religion, personal_id;
            contact "Nơi ở, liên hệ" "Residence and contact": permanent_residence, current_residence, phone, email;
            education "Trình độ, nghề nghiệp" "Education and work": education_general, education_level, professional_qualification,
                political_theory_level, occupation_current;
            application "Hồ sơ xin vào Đảng" "Application": application_on, introducers, readmission_of, profile_verified_on,
                mass_org_opinion_on, residence_opinion_on;
            decision "Xét kết nạp" "Decision": cell_vote, committee_vote, decision_number, decision_on, ceremony_on;
            probation "Thời gian dự bị" "Probation": member_id, probation_ends_on, recognition_vote, official_on;
            state "Trạng thái" "State": state, state_reason, steps;
        }
        sample {
            create: {
                "unit_id": "ext:demo:cell-01", "full_name": "Phạm Thị Hoa", "sex": "female", "birth_date": "1988-10-20",
                "ethnicity": "01", "education_level": "university", "application_on": "2014-03-01",
                "introducers": [{"full_name": "Nguyễn Văn An", "member_id": "ext:demo:member-0001"}],
            },
            change: { "profile_verified_on": "2014-06-15" },
        }
    }
}

filters! {
    AdmissionFilter of Admission {
        /// In one of these states.
        state: Vec<AdmissionState>,
        /// In its state since this date or later; a year or month will do.
        since_from: Option<PartialDate>,
        /// In its state since this date or earlier.
        since_to: Option<PartialDate>,
        /// Last proposed to the higher level on this date or later.
        proposed_from: Option<PartialDate>,
        /// Last proposed to the higher level on this date or earlier.
        proposed_to: Option<PartialDate>,
        /// With a ceremony on this date or later.
        ceremony_from: Option<PartialDate>,
        /// With a ceremony on this date or earlier.
        ceremony_to: Option<PartialDate>,
        /// Whose probation ends on this date or earlier.
        probation_ends_to: Option<PartialDate>,
        /// That made this member.
        member_id: Option<Ref<Member>>,
    }
}
