//! `member`: a Party member with the dated history of the cells where it counted (docs/DOMAIN.md, Members).

mod groups;

pub use groups::*;

use crate::{Date, List, PartialDate, Ref, Text, Unit, codes, filters, form, object, record};

codes! {
    /// Sex as recorded.
    pub open enum Sex = "sex" {
        Male = "male" "Nam" "Male";
        Female = "female" "Nữ" "Female";
        Unspecified = "unspecified" "Không xác định" "Unspecified";
    }
}

codes! {
    /// The status of a membership.
    pub open enum MemberStatus = "member_status" {
        Probationary = "probationary" "Dự bị" "Probationary";
        Official = "official" "Chính thức" "Official";
        TemporaryOut = "temporary_out" "Chuyển sinh hoạt đảng tạm thời" "Temporarily elsewhere";
        Suspended = "suspended" "Đình chỉ sinh hoạt đảng" "Suspended";
        TransferredOut = "transferred_out" "Đã chuyển sinh hoạt đảng" "Transferred out";
        Expelled = "expelled" "Đã khai trừ" "Expelled";
        Removed = "removed" "Đã xóa tên" "Removed from the list";
        Withdrawn = "withdrawn" "Đã ra khỏi Đảng" "Withdrawn";
        Deceased = "deceased" "Từ trần" "Deceased";
        Abroad = "abroad" "Ở nước ngoài" "Abroad";
    }
}

impl MemberStatus {
    /// Whether the member has left: `left_on` is then required.
    pub const fn has_left(&self) -> bool {
        matches!(
            self,
            MemberStatus::TransferredOut
                | MemberStatus::Expelled
                | MemberStatus::Removed
                | MemberStatus::Withdrawn
                | MemberStatus::Deceased
        )
    }

    /// Whether the member counts on the strength of its cell.
    pub const fn counts_on_strength(&self) -> bool {
        !self.has_left() && !matches!(self, MemberStatus::Abroad)
    }

    /// Whether the status may move to another.
    pub fn may_become(&self, next: &Self) -> bool {
        use MemberStatus::{Abroad, Official, Probationary, Suspended, TemporaryOut};
        match (self, next) {
            (Probationary, Official | TemporaryOut | Suspended)
            | (Official, TemporaryOut | Suspended)
            | (TemporaryOut | Suspended | Abroad, Probationary | Official) => true,
            (from, to) if from == to => true,
            (Probationary | Official | TemporaryOut | Suspended | Abroad, to) => to.has_left() || *to == Abroad,
            _ => false,
        }
    }
}

codes! {
    /// Highest level of education.
    pub open enum EducationLevel = "education_level" {
        Primary = "primary" "Tiểu học" "Primary";
        LowerSecondary = "lower_secondary" "Trung học cơ sở" "Lower secondary";
        UpperSecondary = "upper_secondary" "Trung học phổ thông" "Upper secondary";
        Vocational = "vocational" "Trung cấp" "Vocational";
        College = "college" "Cao đẳng" "College";
        University = "university" "Đại học" "University";
        Master = "master" "Thạc sĩ" "Master";
        Doctor = "doctor" "Tiến sĩ" "Doctor";
        NotKnown = "unknown" "Chưa rõ" "Unknown";
    }
}

codes! {
    /// Level of political theory.
    pub open enum PoliticalTheoryLevel = "political_theory_level" {
        None = "none" "Chưa qua đào tạo" "None";
        Elementary = "elementary" "Sơ cấp" "Elementary";
        Intermediate = "intermediate" "Trung cấp" "Intermediate";
        Advanced = "advanced" "Cao cấp" "Advanced";
        Bachelor = "bachelor" "Cử nhân" "Bachelor";
        NotKnown = "unknown" "Chưa rõ" "Unknown";
    }
}

codes! {
    /// What the member does.
    pub open enum EmploymentStatus = "employment_status" {
        Working = "working" "Đang công tác" "Working";
        Retired = "retired" "Hưu trí" "Retired";
        Student = "student" "Sinh viên, học sinh" "Student";
        ArmedForces = "armed_forces" "Quân đội" "Armed forces";
        Police = "police" "Công an" "Police";
        Other = "other" "Khác" "Other";
    }
}

codes! {
    /// How a stay in a cell began.
    pub open enum StayVia = "stay_via" {
        Admission = "admission" "Kết nạp" "Admission";
        Transfer = "transfer" "Chuyển sinh hoạt" "Transfer";
        Reorganisation = "reorganisation" "Sắp xếp tổ chức" "Reorganisation";
        Correction = "correction" "Đính chính" "Correction";
    }
}

codes! {
    /// Kinds of Party cards.
    pub open enum CardKind = "card_kind" {
        EightDigit = "eight_digit" "Thẻ 8 số" "Eight digits";
        TwelveDigit = "twelve_digit" "Thẻ 12 số" "Twelve digits";
        Electronic = "electronic" "Thẻ điện tử" "Electronic";
    }
}

codes! {
    /// The state of a Party card.
    pub open enum CardState = "card_state" {
        Valid = "valid" "Đang dùng" "Valid";
        Replaced = "replaced" "Đã đổi" "Replaced";
        Lost = "lost" "Đã mất" "Lost";
        Withdrawn = "withdrawn" "Đã thu hồi" "Withdrawn";
    }
}

fn digits(text: &str, lengths: &[usize]) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

form! {
    /// A citizen's personal id number.
    pub struct PersonalId = crate::phrases::DIGITS.with(12), "^[0-9]{12}$", "040155001234", |text| digits(text, &[12]);
}

form! {
    /// An identity number of the former kind.
    pub struct OldIdNumber = crate::phrases::DIGITS.with(9), "^[0-9]{9}$", "181234567", |text| digits(text, &[9]);
}

form! {
    /// A Party card's number.
    pub struct CardNumber = &crate::phrases::CARD_NUMBER, "^([0-9]{8}|[0-9]{12})$", "42531943", |text| digits(text, &[8, 12]);
}

form! {
    /// A phone number in E.164 form.
    pub struct Phone = &crate::phrases::PHONE, "^\\+[1-9][0-9]{6,14}$", "+84912345678",
    |text| text.strip_prefix('+').is_some_and(|rest| {
        (7..=15).contains(&rest.len()) && !rest.starts_with('0') && rest.bytes().all(|b| b.is_ascii_digit())
    });
}

form! {
    /// An e-mail address.
    pub struct Email = &crate::phrases::EMAIL, "^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", "van.a@example.vn",
    |text| text.len() <= 200 && !text.contains(|c: char| c.is_whitespace() || c.is_control())
        && text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.contains('@') && domain.split('.').count() > 1 && domain.split('.').all(|part| !part.is_empty())
        });
}

form! {
    /// A member's profile number: the number and the province's letters.
    pub struct ProfileNumber = &crate::phrases::PROFILE_NUMBER, "^[0-9]{6}[A-Za-z]{1,3}$", "012345NA",
    |text| text.is_ascii() && text.len() >= 7 && text.len() <= 9
        && text.bytes().take(6).all(|b| b.is_ascii_digit()) && text.bytes().skip(6).all(|b| b.is_ascii_alphabetic());
}

form! {
    /// General education: the last class finished, of 12 or (the former system) of 10.
    pub struct GeneralEducation = &crate::phrases::GENERAL_EDUCATION, "^([0-9]|1[0-2])/12$|^([0-9]|10)/10$", "12/12",
    |text| text.split_once('/').is_some_and(|(class, of)| {
        let last = match of { "12" => 12, "10" => 10, _ => 0 };
        class.len() <= 2 && !class.starts_with('+') && class.parse::<u8>().is_ok_and(|class| last > 0 && class <= last)
            && (class == "0" || !class.starts_with('0'))
    });
}

object! {
    /// A Party card.
    pub struct Card {
        required {
            /// 8 digits (2003–2025) or 12.
            number: CardNumber, "Số thẻ" "Number",
            /// What kind of card.
            kind: CardKind, "Loại thẻ" "Kind",
        }
        optional {
            /// When it was issued.
            issued_on: Date, "Ngày cấp" "Issued on",
            /// Where it was issued.
            issued_place: Text, "Nơi cấp" "Issued at",
            /// The state of the card.
            state: CardState, "Tình trạng thẻ" "State",
        }
    }
}

object! {
    /// Who introduced the member.
    pub struct Introducer {
        required {
            /// Full name.
            full_name: Text<100>, "Họ và tên" "Full name",
        }
        optional {
            /// The introducer's own record.
            member_id: Ref<Member>, "Hồ sơ đảng viên" "Member",
        }
    }
}

object! {
    /// An earlier stay in a cell, half-open: the day `to` is the first that no longer counts.
    pub struct Stay {
        required {
            /// The cell.
            unit_id: Ref<Unit>, "Chi bộ" "Cell",
            /// First day.
            from: Date, "Từ ngày" "From",
            /// First day that no longer counts.
            to: Date, "Đến trước ngày" "Until",
            /// How the stay began.
            via: StayVia, "Hình thức về chi bộ" "How it began",
        }
        optional {}
    }
}

record! {
    /// A Party member: the person, the membership, and the cells where it counted.
    /// `unit_id` is the cell where the member counts today.
    Member, MemberCreate, MemberUpdate = "member" in "members", "Đảng viên" "Member" "Members",
    Personal, downward: false, display: [full_name] {
        required {
            /// Full name, family name first.
            full_name: Text<100>, "Họ và tên" "Full name",
            /// Sex as recorded.
            sex: Sex, "Giới tính" "Sex",
            /// Birth date; the day, or month and day, may be unknown. After 1880, not in the future.
            birth_date: PartialDate, "Ngày sinh" "Birth date",
            /// When the member was admitted (the ceremony). Not in the future.
            admission_date: Date, "Ngày vào Đảng" "Admission date",
        }
        optional {
            /// Name at birth.
            birth_name: Text<100>, "Họ và tên khai sinh" "Name at birth",
            /// Other names, at most 5.
            other_names: List<Text<100>, 5>, "Tên gọi khác" "Other names",
            /// Place of birth.
            birth_place: Text<300>, "Nơi sinh" "Place of birth",
            /// Native place (quê quán).
            native_place: Text<300>, "Quê quán" "Native place",
            /// Permanent residence.
            permanent_residence: Text<300>, "Nơi thường trú" "Permanent residence",
            /// Current residence.
            current_residence: Text<300>, "Nơi ở hiện nay" "Current residence",
            /// Ethnic group.
            ethnicity: Ethnicity = Sensitive, "Dân tộc" "Ethnic group",
            /// Religion.
            religion: Religion = Sensitive, "Tôn giáo" "Religion",
            /// Personal id: 12 digits.
            personal_id: PersonalId = Sensitive, "Số định danh cá nhân" "Personal id",
            /// Identity number of the former kind: 9 digits.
            old_id_number: OldIdNumber = Sensitive, "Số chứng minh nhân dân cũ" "Former identity number",
            /// Phone, E.164.
            phone: Phone, "Số điện thoại" "Phone",
            /// E-mail address.
            email: Email, "Thư điện tử" "E-mail",
            /// Profile number: 6 digits and 1 to 3 letters.
            profile_number: ProfileNumber = Sensitive, "Số lý lịch đảng viên" "Profile number",
            /// Party cards, at most 10.
            card_numbers: List<Card, 10> = Sensitive, "Thẻ đảng viên" "Party cards",
            /// Status of the membership.
            status: MemberStatus, "Tình trạng đảng viên" "Status",
            /// When the member left; required with a status that means so.
            left_on: Date, "Ngày thôi tính vào đảng số" "Left on",
            /// When the admission was decided.
            admission_decision_date: Date, "Ngày quyết định kết nạp" "Admission decided on",
            /// When the member became official.
            official_date: Date, "Ngày chính thức" "Official date",
            /// From when the Party age counts; default: the decision's date, else the admission's.
            party_age_start: Date, "Ngày tính tuổi đảng" "Party age counts from",
            /// Why the Party age counts from another date.
            party_age_reason: Text, "Lý do tính tuổi đảng từ ngày khác" "Reason for another start of the Party age",
            /// Last class finished, `n/12` or `n/10`.
            education_general: GeneralEducation, "Giáo dục phổ thông" "General education",
            /// Highest level of education.
            education_level: EducationLevel, "Trình độ học vấn" "Level of education",
            /// Level of political theory.
            political_theory_level: PoliticalTheoryLevel, "Lý luận chính trị" "Level of political theory",
            /// Professional qualification.
            professional_qualification: Text, "Chuyên môn, nghiệp vụ" "Professional qualification",
            /// Level of state management.
            state_management_level: Text, "Quản lý nhà nước" "Level of state management",
            /// Foreign languages.
            foreign_languages: Text, "Ngoại ngữ" "Foreign languages",
            /// Present occupation.
            occupation_current: Text, "Nghề nghiệp hiện nay" "Present occupation",
            /// Occupation at the admission.
            occupation_at_admission: Text, "Nghề nghiệp khi vào Đảng" "Occupation at the admission",
            /// What the member does.
            employment_status: EmploymentStatus, "Tình trạng công tác" "Employment",
            /// Who introduced the member, at most 2.
            introducers: List<Introducer, 2>, "Người giới thiệu vào Đảng" "Introducers",
            /// Entitlement group.
            policy_category: PolicyCategory = Sensitive, "Diện chính sách" "Entitlement group",
            /// Health note.
            health_note: Text = Sensitive, "Tình trạng sức khỏe" "Health note",
            /// The earlier membership of someone who was admitted again.
            readmission_of: Ref<Member>, "Hồ sơ trước khi kết nạp lại" "Earlier membership",
            /// Since when the member counts in this unit; default: the admission's date, at a move today.
            unit_since: Date, "Sinh hoạt tại chi bộ từ ngày" "In this cell since",
            /// How this stay began; at a move it is `correction` unless another is sent.
            unit_via: StayVia, "Hình thức về chi bộ" "How this stay began",
            /// Earlier stays, in order, not overlapping, at most 100. A move adds the old stay by itself.
            unit_history: List<Stay, 100>, "Quá trình sinh hoạt đảng" "Earlier stays",
        }
        managed {}
        groups {
            person "Thông tin cá nhân" "Person": full_name, birth_name, other_names, sex, birth_date, birth_place, native_place,
                ethnicity, religion, personal_id, old_id_number;
            contact "Nơi ở, liên hệ" "Residence and contact": permanent_residence, current_residence, phone, email;
            membership "Tư cách đảng viên" "Membership": status, admission_date, admission_decision_date, official_date, introducers,
                party_age_start, party_age_reason, profile_number, card_numbers, readmission_of, left_on;
            stays "Sinh hoạt đảng" "Cells": unit_since, unit_via, unit_history;
            education "Trình độ" "Education": education_general, education_level, professional_qualification,
                political_theory_level, state_management_level, foreign_languages;
            life "Nghề nghiệp, chính sách" "Occupation and entitlement": occupation_at_admission, occupation_current,
                employment_status, policy_category, health_note;
        }
        sample {
            create: {
                "unit_id": "ext:demo:cell-01", "full_name": "Nguyễn Văn An", "sex": "male", "birth_date": "1980-05-19",
                "admission_date": "2005-02-03", "status": "official", "official_date": "2006-02-03", "ethnicity": "01",
                "health_note": "Khỏe",
            },
            change: { "current_residence": "Số 12 đường Lê Lợi" },
        }
    }
}

filters! {
    MemberFilter of Member {
        /// Of one of these statuses.
        status: Vec<MemberStatus>,
        /// Of one of these sexes.
        sex: Vec<Sex>,
        /// Of one of these levels of education.
        education_level: Vec<EducationLevel>,
        /// Of one of these levels of political theory.
        political_theory_level: Vec<PoliticalTheoryLevel>,
        /// In one of these kinds of work.
        employment_status: Vec<EmploymentStatus>,
        /// Born on this date or later; a year or month will do.
        birth_date_from: Option<PartialDate>,
        /// Born on this date or earlier.
        birth_date_to: Option<PartialDate>,
        /// Admitted on this date or later.
        admission_from: Option<PartialDate>,
        /// Admitted on this date or earlier.
        admission_to: Option<PartialDate>,
        /// With the query's unit: by the unit that they belonged to on this day.
        at: Option<Date>,
        /// Exempt from activity on this day.
        exempt_at: Option<Date>,
        /// With this profile number.
        profile_number: Option<String>,
        /// With this personal id.
        personal_id: Option<String>,
        /// `number`: those that share a number with another that the caller reads.
        duplicates: Option<String>,
    }
}
