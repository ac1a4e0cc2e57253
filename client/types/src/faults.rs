//! Faults of a request body: the table of their codes with both texts, and the report that gathers
//! all faults of a body, not the first.

use crate::phrases::{self, Words};
use crate::problem::ProblemFault;
use serde_json::Value;

/// One row of the table of fault codes. `{}` in a text is replaced by the fault's argument.
#[derive(Debug, PartialEq, Eq)]
pub struct FaultCode {
    /// Stable, `snake_case`.
    pub code: &'static str,
    /// English text.
    pub en: &'static str,
    /// Vietnamese text.
    pub vi: &'static str,
}

macro_rules! fault_codes {
    ($($name:ident $code:literal $en:literal $vi:literal;)*) => {
        $(#[doc = concat!("`", $code, "`: `", $en, "`")] pub static $name: FaultCode = FaultCode { code: $code, en: $en, vi: $vi };)*
        /// Every fault code, for the documents made from the table.
        pub static FAULT_CODES: &[&FaultCode] = &[$(&$name),*];
    };
}

impl FaultCode {
    /// The row of a code.
    pub fn named(code: &str) -> Option<&'static FaultCode> {
        FAULT_CODES.iter().copied().find(|row| row.code == code)
    }
}

fault_codes! {
    UNKNOWN_FIELD "unknown_field" "This field does not exist here." "Không có trường này.";
    REQUIRED "required" "This field is required." "Trường này là bắt buộc.";
    WRONG_TYPE "wrong_type" "Must be {}." "Phải là {}.";
    WRONG_FORMAT "wrong_format" "Must be {}." "Phải là {}.";
    TOO_LONG "too_long" "Must not be longer than {} characters." "Không được dài quá {} ký tự.";
    EMPTY "empty" "Must not be empty." "Không được để trống.";
    CONTROL_CHARACTER "control_character" "Must not contain control characters." "Không được chứa ký tự điều khiển.";
    OUT_OF_RANGE "out_of_range" "Must be {}." "Phải là {}.";
    UNKNOWN_CODE "unknown_code" "Must be {}." "Phải là {}.";
    REFERENCE_INVALID "reference_invalid" "Must be a UUID or ext:<system>:<value>." "Phải là UUID hoặc ext:<hệ thống>:<giá trị>.";
    REFERENCE_NOT_FOUND "reference_not_found" "No record was found for this reference." "Không tìm thấy bản ghi được dẫn chiếu.";
    FIELD_NOT_WRITABLE "field_not_writable" "You may not write this field." "Bạn không có quyền ghi trường này.";
    READ_ONLY "read_only" "This field cannot be written; use the operation that changes it." "Không ghi trực tiếp được trường này; hãy dùng thao tác tương ứng.";
    DUPLICATE_CODE "duplicate_code" "This is in the list twice." "Mục này lặp lại trong danh sách.";
    IDENTITY_REQUIRED "identity_required" "Name an id or an external id, so that a repeat cannot double the record." "Cần có mã bản ghi hoặc mã ngoài để gửi lại không tạo bản ghi trùng.";
    EXTERNAL_ID_TAKEN "external_id_taken" "Another record holds this external id." "Mã ngoài này đã thuộc bản ghi khác.";
    ID_TAKEN "id_taken" "This id cannot be used." "Không dùng được mã bản ghi này.";
    UNIT_CYCLE "unit_cycle" "A unit cannot be below itself." "Tổ chức không thể trực thuộc chính nó.";
    PARENT_SINCE_OUT_OF_RANGE "parent_since_out_of_range" "Must be between the previous date and today." "Phải nằm giữa ngày trước đó và hôm nay.";
    CODE_TAKEN "code_taken" "Another unit under the same parent has this code." "Tổ chức khác cùng cấp trên trực tiếp đã có mã này.";
    UNIT_TOO_DEEP "unit_too_deep" "The tree of units would be more than {} deep." "Cây tổ chức sẽ sâu quá {} cấp.";
    KIND_NOT_ALLOWED_HERE "kind_not_allowed_here" "A unit of this kind is not allowed here." "Loại tổ chức này không thể đặt ở đây.";
    MEMBERS_NEED_A_CELL "members_need_a_cell" "A unit that has members must be a cell." "Tổ chức còn đảng viên thì phải là chi bộ.";
    NO_CELL_TYPE "no_cell_type" "Only a cell has a cell type." "Chỉ chi bộ mới có loại hình chi bộ.";
    STATE_MOVE_NOT_ALLOWED "state_move_not_allowed" "The state cannot move this way: {}." "Không chuyển được trạng thái: {}.";
    UNIT_NOT_EMPTY "unit_not_empty" "The unit still has members on strength or live units below." "Tổ chức còn đảng viên hoặc tổ chức trực thuộc.";
    DATES_OUT_OF_ORDER "dates_out_of_order" "The dates are out of order: {}." "Các ngày sai thứ tự: {}.";
    NOT_A_CELL "not_a_cell" "Must be a cell that is not dissolved." "Phải là một chi bộ chưa giải thể.";
    STATUS_MOVE_NOT_ALLOWED "status_move_not_allowed" "The status cannot move this way: {}." "Không chuyển được tình trạng: {}.";
    IN_THE_FUTURE "in_the_future" "Must not be in the future." "Không được là ngày trong tương lai.";
    OFFICIAL_BEFORE_ADMISSION "official_before_admission" "The official date is before the admission date." "Ngày chính thức trước ngày vào Đảng.";
    UNIT_SINCE_OUT_OF_RANGE "unit_since_out_of_range" "Must not be in the future." "Không được là ngày trong tương lai.";
    STAYS_OVERLAP "stays_overlap" "The stays must be in order, not empty and not overlapping, the last ending by “{}”." "Các giai đoạn sinh hoạt phải theo thứ tự, không rỗng, không trùng thời gian và kết thúc trước “{}”.";
    NUMBER_TAKEN "number_taken" "Another member holds this number." "Số này đã thuộc đảng viên khác.";
    TERMS_OVERLAP "terms_overlap" "Terms of one unit must not overlap." "Các nhiệm kỳ của một tổ chức không được trùng thời gian.";
    OFFICE_TAKEN "office_taken" "The unit has this office filled already." "Chức vụ này của tổ chức đang có người giữ.";
    SCHEME_IN_USE "scheme_in_use" "A round beyond draft, or one with results, uses the scheme: only “{}” and labels can be changed." "Đã có đợt đánh giá đang tiến hành hoặc có kết quả dùng bộ tiêu chí: chỉ sửa được “{}” và nhãn.";
    ROUND_EXISTS "round_exists" "The unit has a round of this scheme and period already." "Tổ chức đã có đợt đánh giá của bộ tiêu chí và kỳ này.";
    OUT_OF_FORCE "out_of_force" "The scheme is not in force in the period of the round." "Bộ tiêu chí không có hiệu lực trong kỳ của đợt đánh giá.";
    NOT_ABOVE "not_above" "Must belong to the same unit or to one above it." "Phải thuộc cùng tổ chức hoặc tổ chức cấp trên.";
    WRONG_SUBJECT "wrong_subject" "The round evaluates others: {}." "Đợt đánh giá dành cho đối tượng khác: {}.";
    SUBJECT_ELSEWHERE "subject_elsewhere" "The subject is of another unit or of another person, or has left." "Đối tượng thuộc tổ chức khác, người khác hoặc không còn trong danh sách đảng viên.";
    LEVEL_NOT_IN_SCHEME "level_not_in_scheme" "Not a level of the round's scheme." "Không phải mức xếp loại của bộ tiêu chí.";
    CRITERION_NOT_IN_SCHEME "criterion_not_in_scheme" "Not a criterion of the round's scheme." "Không phải tiêu chí của bộ tiêu chí.";
    EVALUATION_EXISTS "evaluation_exists" "The round has a result for this subject already." "Đợt đánh giá đã có kết quả cho đối tượng này.";
    ROUND_CLOSED "round_closed" "The round is approved: nothing in it can be changed." "Đợt đánh giá đã được phê duyệt: không sửa được nữa.";
    SCORE_MISMATCH "score_mismatch" "The score must be the sum of the score sheet." "Điểm phải bằng tổng của bảng điểm.";
    EXCLUDED_WITH_LEVELS "excluded_with_levels" "An excluded subject has no levels." "Đối tượng không đánh giá thì không có mức xếp loại.";
    PERIOD_INVALID "period_invalid" "Give {}." "Cần có {}.";
    IS_FIXED "is_fixed" "This cannot be changed once the record is made: delete a wrong record (or cancel or close it, if it has moved on) and make another." "Không sửa được sau khi lập bản ghi: nếu sai, hãy xóa (hoặc hủy, dừng nếu đã chuyển trạng thái) rồi lập bản ghi khác.";
    UNIT_FIXED "unit_fixed" "The unit of this record cannot be changed." "Không đổi được tổ chức của bản ghi này.";
    REASON_REQUIRED "reason_required" "A reason is required {}." "Cần nêu lý do {}.";
    STILL_REFERENCED "still_referenced" "Other records still refer to this one." "Còn bản ghi khác dẫn chiếu tới bản ghi này.";
    PRECONDITION_REQUIRED "precondition_required" "Name the version that you built on (if_version)." "Cần nêu phiên bản gốc (if_version).";
    BLOCKED "blocked" "This item refers to an item of this call that was refused." "Mục này dẫn chiếu tới một mục bị từ chối trong cùng lần gửi.";
    DUPLICATE_MATCH "duplicate_match" "This may be a record that is there already, or it names several." "Có thể là bản ghi đã có, hoặc ứng với nhiều bản ghi.";
    MATCH_TAKEN "match_taken" "The record that has this number has another id of your system." "Bản ghi có số này đã mang một mã khác của hệ thống gửi.";
    STEPS_FIXED "steps_fixed" "A new record has one step, to “{}”; of later ones only the days can be corrected." "Bản ghi mới chỉ có một bước, “{}”; các bước sau chỉ sửa được ngày.";
    STATE_MOVED_ON "state_moved_on" "The record has moved on from its first state: it cannot be deleted." "Bản ghi đã chuyển khỏi trạng thái đầu: không xóa được.";
    OVERLAPS "overlaps" "Another record of the same person covers some of these days." "Trùng thời gian với bản ghi khác của cùng người.";
    ONLY_WHERE "only_where" "Only where {}." "Chỉ có khi {}.";
    EXACTLY_ONE "exactly_one" "Give exactly one of {}." "Cần có đúng một trong: {}.";
    TRANSFER_OPEN "transfer_open" "The member has an open transfer already." "Đảng viên đang có hồ sơ chuyển sinh hoạt chưa hoàn thành.";
    MEMBER_MOVED "member_moved" "The member counts in another cell by now: cancel this record and make another in that cell." "Đảng viên nay thuộc chi bộ khác: hãy hủy hồ sơ này và lập hồ sơ mới từ chi bộ đó.";
    MEMBER_DIFFERS "member_differs" "The member's record says otherwise; it does not follow by itself." "Hồ sơ đảng viên ghi khác và không tự thay đổi theo.";
    EXEMPTION_OPEN "exemption_open" "The member has an exemption that the former cell granted." "Đảng viên còn được miễn sinh hoạt theo quyết định của chi bộ cũ.";
    CERTIFICATE_WITHOUT_PASS "certificate_without_pass" "Only who passed has a certificate." "Chỉ người đạt kết quả mới có giấy chứng nhận.";
    ENROLMENT_EXISTS "enrolment_exists" "The person is enrolled in this course already." "Người này đã có trong lớp học.";
    CERTIFICATE_MISSING "certificate_missing" "The person has not passed a class on Party awareness, or its certificate is not valid on that day: record the enrolment first." "Người này chưa đạt lớp bồi dưỡng nhận thức về Đảng hoặc giấy chứng nhận không có giá trị vào ngày đó: trước hết hãy ghi lượt học viên.";
    NEW_MEMBER_CLASS_MISSING "new_member_class_missing" "The person has not passed a class for new members: record the enrolment first." "Người này chưa đạt lớp bồi dưỡng đảng viên mới: trước hết hãy ghi lượt học viên.";
    PROTECTION_REVIEW_MISSING "protection_review_missing" "A cleared review of political standards is missing{}." "Còn thiếu kết quả thẩm tra đủ tiêu chuẩn chính trị{}.";
    OVER_AGE "over_age" "Admitted after the age of {}." "Được kết nạp khi đã quá {} tuổi.";
    ENTRY_EXISTS "entry_exists" "The plan has this person for this office already." "Quy hoạch đã có người này cho chức danh này.";
    PLAN_OFFICE_FULL "plan_office_full" "The plan has more than {} persons for this office." "Quy hoạch có quá {} người cho chức danh này.";
    PLAN_PERSON_FULL "plan_person_full" "The plan has more than {} offices for this person." "Quy hoạch có quá {} chức danh cho người này.";
    PLAN_CLOSED "plan_closed" "The plan is approved: this cannot be changed." "Quy hoạch đã được phê duyệt: không sửa được nữa.";
    VOTES_EXCEED_PRESENT "votes_exceed_present" "There are more votes than persons present." "Số phiếu nhiều hơn số người có mặt.";
    QUORUM_MISSING "quorum_missing" "Fewer than {} of those who were summoned were present." "Số người có mặt chưa đủ {} số người được triệu tập.";
    LOW_CONFIDENCE "low_confidence" "Votes of low confidence: {}." "Số phiếu tín nhiệm thấp: {}.";
    PLEDGE_EXISTS "pledge_exists" "There is a pledge of this kind for the subject and year already." "Đối tượng đã có đăng ký loại này trong năm.";
    AWARD_EXISTS "award_exists" "The subject has this award already." "Đối tượng đã có danh hiệu, huy hiệu này.";
    PARTY_AGE_SHORT "party_age_short" "The Party age is too short for this badge on the day of the round." "Vào ngày của đợt trao tặng, tuổi Đảng chưa đủ để tặng huy hiệu này.";
    FORM_NOT_ALLOWED "form_not_allowed" "This form is not allowed here; allowed: {}." "Không áp dụng được hình thức này; được áp dụng: {}.";
    NO_OPEN_POSITION "no_open_position" "The member held no position on that day." "Vào ngày quyết định, đảng viên không giữ chức vụ nào.";
    LEFT_OTHERWISE "left_otherwise" "The member has left the Party in another way." "Đảng viên đã ra khỏi Đảng vì lý do khác.";
    POSSIBLE_DUPLICATE "possible_duplicate" "A record of the same name and birth date exists." "Đã có bản ghi trùng họ tên và ngày sinh.";
    FEW_OFFICIAL_MEMBERS "few_official_members" "An active cell has fewer than {} official members." "Chi bộ đang hoạt động có dưới {} đảng viên chính thức.";
    ID_MISMATCH "id_mismatch" "The number does not match “{}”." "Số định danh không khớp với “{}”.";
    UNDER_AGE "under_age" "Admitted before the age of {}." "Được kết nạp trước {} tuổi.";
    SHORT_PROBATION "short_probation" "The probation is too short: {}." "Thời gian dự bị chưa đủ: {}.";
    STILL_COUNTED "still_counted" "With this status the member is still counted." "Với tình trạng này, đảng viên vẫn được tính vào đảng số.";
    OPEN_POSITIONS "open_positions" "The member still holds open positions." "Đảng viên còn giữ chức vụ chưa kết thúc.";
    NOT_A_MEMBER_HERE "not_a_member_here" "The office holder is a member of another cell." "Người giữ chức vụ thuộc chi bộ khác.";
    COMMITTEE_TOO_LARGE "committee_too_large" "A cell committee has more than {} members." "Chi ủy có hơn {} ủy viên.";
    CAP_EXCEEDED "cap_exceeded" "Above the cap: {}." "Vượt tỷ lệ tối đa: {}.";
    INVALID_PASSWORD "invalid_password" "The password must have at least 12 characters and not be easy to guess." "Mật khẩu phải có ít nhất 12 ký tự và không được dễ đoán.";
    WRONG_PASSWORD "wrong_password" "This is not the password." "Mật khẩu không đúng.";
    OUTSIDE_YOUR_UNIT "outside_your_unit" "This is outside the unit of the account." "Nằm ngoài tổ chức của tài khoản.";
    ROLES_CONFLICT "roles_conflict" "An account must not hold administrator together with a role that reads personal data." "Một tài khoản không được vừa quản trị vừa có vai trò đọc dữ liệu cá nhân.";
    SYSTEM_EXISTS "system_exists" "The code that this name makes is taken: give the system a code of its own." "Mã tạo từ tên này đã được dùng: hãy cho hệ thống một mã riêng.";
    NAME_TAKEN "name_taken" "This is taken already." "Giá trị này đã được dùng.";
}

/// One fault of a body, at a JSON Pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// JSON Pointer into the body (RFC 6901).
    pub pointer: String,
    /// What is wrong.
    pub code: &'static FaultCode,
    /// What replaces `{}` in the texts.
    pub argument: Words,
}

impl FaultCode {
    /// The text in Vietnamese or English.
    pub const fn text(&self, vietnamese: bool) -> &'static str {
        if vietnamese { self.vi } else { self.en }
    }
}

impl Fault {
    /// A fault whose text names nothing.
    pub fn new(pointer: impl Into<String>, code: &'static FaultCode) -> Self {
        Fault { pointer: pointer.into(), code, argument: Words::default() }
    }

    /// With what its text names.
    #[must_use]
    pub fn about(self, argument: impl Into<Words>) -> Self {
        Fault { argument: argument.into(), ..self }
    }

    /// The text in Vietnamese or English.
    pub fn message(&self, vietnamese: bool) -> String {
        self.code.text(vietnamese).replace("{}", self.argument.text(vietnamese))
    }

    /// As an answer shows it, in Vietnamese or English.
    pub fn shown(&self, vietnamese: bool) -> ProblemFault {
        ProblemFault::new(&self.pointer, self.code.code, self.message(vietnamese))
    }
}

/// Most faults that are reported, and kept, of one body or item.
pub const MAX_FAULTS: usize = 50;
/// Longest pointer of a fault, in bytes: it holds names as they were sent.
const LONGEST_POINTER: usize = 200;

/// The first [`MAX_FAULTS`] of them, pointers cut at 200 and arguments at 400 bytes: as much as is worth reading, and
/// what an answer and a row of the database may grow to.
pub fn bounded(mut faults: Vec<Fault>) -> Vec<Fault> {
    faults.truncate(MAX_FAULTS);
    for fault in &mut faults {
        fault.pointer.truncate(fault.pointer.floor_char_boundary(LONGEST_POINTER));
        fault.argument.cut();
    }
    faults
}

/// Gathers what the checks of one body find: faults, and the references to resolve.
#[derive(Debug, Default)]
pub struct Report {
    at: String,
    /// All faults so far.
    pub faults: Vec<Fault>,
    /// Where references are, to which record type, and their values.
    pub references: Vec<FoundReference>,
}

/// A reference found in a body.
#[derive(Debug, Clone)]
pub struct FoundReference {
    /// JSON Pointer of the reference.
    pub pointer: String,
    /// Name of the record type that it must refer to.
    pub target: &'static str,
    /// What it says.
    pub reference: crate::Reference,
}

impl Report {
    /// A report whose pointers begin with `prefix`.
    pub fn new(prefix: &str) -> Self {
        Report { at: prefix.to_owned(), ..Report::default() }
    }

    /// Runs `check` one step further down: at a field's name or a list's index.
    pub fn within(&mut self, step: &str, check: impl FnOnce(&mut Self)) {
        let length = self.at.len();
        self.at.push('/');
        self.at.push_str(&step.replace('~', "~0").replace('/', "~1"));
        check(self);
        self.at.truncate(length);
    }

    /// Adds a fault at the present pointer.
    pub fn fault(&mut self, code: &'static FaultCode) {
        self.fault_about(code, Words::default());
    }

    /// Adds a fault at the present pointer, with what its text names.
    pub fn fault_about(&mut self, code: &'static FaultCode, argument: impl Into<Words>) {
        self.faults.push(Fault::new(self.at.clone(), code).about(argument));
    }

    /// Adds a fault at a field below the present pointer.
    pub fn fault_at(&mut self, field: &str, code: &'static FaultCode) {
        self.within(field, |report| report.fault(code));
    }

    /// Notes a reference at the present pointer.
    pub fn found(&mut self, target: &'static str, reference: crate::Reference) {
        self.references.push(FoundReference { pointer: self.at.clone(), target, reference });
    }

    /// The value as text, or a `wrong_type` fault.
    pub fn text<'v>(&mut self, value: &'v Value) -> Option<&'v str> {
        let text = value.as_str();
        if text.is_none() {
            self.fault_about(&WRONG_TYPE, &phrases::STRING);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_argument_is_cut_between_the_codes_that_it_lists() {
        let cut = |text: &str| {
            let argument = Words::plain(text);
            let fault = Fault { pointer: String::new(), code: &UNKNOWN_CODE, argument };
            bounded(vec![fault]).remove(0).argument.text(true).to_owned()
        };
        let list = |codes: usize| vec!["four"; codes].join(", ");
        assert_eq!(cut(&list(67)), list(67));
        assert_eq!(cut(&list(68)), format!("{}, …", list(66)));
        assert_eq!(cut(&"đ".repeat(201)), format!("{}…", "đ".repeat(198)));
    }

    #[test]
    fn a_code_is_named_by_its_label_and_a_long_list_by_where_it_is() {
        let sex = crate::Sex::LIST;
        assert_eq!(sex.words().text(true), "Nam (male), Nữ (female), Không xác định (unspecified)");
        assert_eq!(sex.one().text(false), "one of: Male (male), Female (female), Unspecified (unspecified)");
        let ethnicity = crate::Ethnicity::LIST;
        assert_eq!(ethnicity.words().text(true), "các mã của danh mục Dân tộc (ethnicity), xem GET /v1/code_lists");
        assert_eq!(ethnicity.one().text(true), "một mã của danh mục Dân tộc (ethnicity), xem GET /v1/code_lists");
        for list in crate::codes::code_lists() {
            for mut words in [list.words(), list.one()] {
                let whole = words.clone();
                words.cut();
                assert_eq!(words, whole, "{}", list.name);
            }
        }
    }

    #[test]
    fn every_fault_is_in_both_languages() {
        for code in FAULT_CODES {
            phrases::assert_both(code.en, code.vi);
            phrases::assert_sentence(code.en);
            phrases::assert_sentence(code.vi);
        }
    }
}
