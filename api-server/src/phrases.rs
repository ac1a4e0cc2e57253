//! What is said of a request besides the texts of the tables of codes: details of errors, and why a parameter or header
//! has no valid value. All are sentences; what is put into them is in `client/types/src/phrases.rs`.

use cell_records_types::phrases;

phrases! {
    // Details of errors: sentences.
    STARTING "The server is still starting." "Máy chủ đang khởi động.";
    TAKES_NO_WRITES "The database takes no writes." "Cơ sở dữ liệu không nhận thao tác ghi.";
    MISSING_WRITE "The right to write is missing: {} ({})." "Thiếu quyền ghi: {} ({}).";
    MISSING_ADVANCE "The right to make this step is missing: {} ({})." "Thiếu quyền thực hiện bước này: {} ({}).";
    MISSING_MOVE "Only who reads as much where the record is as where it would go may move it: {} ({})." "Chỉ người đọc được tại nơi đi mọi nội dung đọc được tại nơi đến mới được chuyển bản ghi: {} ({}).";
    MISSING_ABOVE "The right to write is missing in the unit above, which decides on the place of this one: {} ({})." "Thiếu quyền ghi tại tổ chức cấp trên, nơi quyết định vị trí của tổ chức này: {} ({}).";
    MISSING_ROLE "This needs the role {}." "Thao tác này cần vai trò {}.";
    MISSING_ROLES "This needs one of the roles: {}." "Thao tác này cần một trong các vai trò: {}.";
    OF_TYPE "Type: {} ({})." "Loại: {} ({}).";
    OF_FIELD "Field: {}." "Trường: {}.";
    MANY_LARGE_BODIES "There are too many large bodies at once." "Đang nhận quá nhiều nội dung lớn cùng lúc.";
    MANY_LARGE_BODIES_OF_ACCOUNT "There are too many large bodies of this account at once." "Đang nhận quá nhiều nội dung lớn cùng lúc từ tài khoản này.";
    SEND_AS "Send the body as {}." "Hãy gửi nội dung dạng {}.";
    SEND_PLAIN "Send the body without Content-Encoding." "Hãy gửi nội dung không có Content-Encoding.";
    BODY_ENDED_EARLY "The body ended early." "Nội dung bị ngắt giữa chừng.";
    NO_WORK_IN_SIGHT "None of your grants lets you read what becomes due here." "Không quyền nào của bạn cho phép đọc việc đến hạn trong phạm vi được hỏi.";
    OUT_OF_RIGHTS "None of your grants lets you read records of this type here." "Không quyền nào của bạn cho phép đọc bản ghi loại này trong phạm vi được hỏi.";
    TOO_MANY_VALUES "There are too many values." "Có quá nhiều giá trị.";
    TOO_MANY_ITEMS "There are too many items." "Có quá nhiều mục.";
    NO_JSON_OBJECT "The body must be a JSON object." "Nội dung phải là một đối tượng JSON.";
    KEY_TWICE "A key occurs twice in its object, at line {}, column {}." "Một khóa lặp lại trong đối tượng, ở dòng {}, cột {}.";
    NO_JSON "This is not JSON, at line {}, column {}." "Nội dung không phải JSON, ở dòng {}, cột {}.";
    OWN_ACCOUNT "Nobody administers their own account." "Không được tự quản trị tài khoản của chính mình.";
    GRANTS_OUTSIDE "The account holds grants outside your units." "Tài khoản có quyền ngoài phạm vi tổ chức của bạn.";
    SYSTEM_DISABLED "The system is disabled." "Hệ thống đã bị vô hiệu hóa.";
    TOKEN_IS_OVER "The token is revoked, rotated or over already." "Mã truy cập đã bị thu hồi, đã được thay hoặc đã hết hạn.";
    PASSWORD_CHANGED "The password was changed at the same time." "Mật khẩu vừa được đổi cùng lúc.";
    USERS_ONLY "Only users have a password and sessions." "Chỉ người dùng mới có mật khẩu và phiên đăng nhập.";
    SYSTEM_HAS_NO_SESSION "A system has no session; revoke its token." "Hệ thống không có phiên đăng nhập; hãy thu hồi mã truy cập.";
    GRANT_TYPE "The grant_type must be client_credentials." "Tham số grant_type phải là client_credentials.";

    // What parameters and headers must be: sentences.
    QUERY_UNREADABLE "The query cannot be read." "Không đọc được chuỗi truy vấn.";
    QUERY_TOO_LONG "Must not be longer than {} bytes." "Không được dài quá {} byte.";
    HEADER_UNREADABLE "Cannot be read." "Không đọc được.";
    ENTITY_TAG "Must be an entity tag." "Phải là một thẻ ETag.";
    ONE_ENTITY_TAG "Must be one entity tag in quotes, as ETag gave it, or *." "Phải là một thẻ trong dấu ngoặc kép, như tiêu đề HTTP ETag đã trả, hoặc *.";
    SENT_ONCE "Must be sent once." "Chỉ được gửi một lần.";
    PRINTABLE "Must be 1 to {} printable characters." "Phải có 1 đến {} ký tự in được.";
    UNKNOWN "There is no such parameter; known: {}." "Tham số không tồn tại; các tham số có: {}.";
    UNKNOWN_OF_NONE "There is no such parameter; there are none here." "Tham số không tồn tại; ở đây không có tham số nào.";
    GIVEN_TWICE "Given twice." "Được gửi hai lần.";
    CONTROL_CHARACTERS "Must not contain control characters." "Không được chứa ký tự điều khiển.";
    NUMBER_BETWEEN "Must be a whole number from {} to {}." "Phải là số nguyên từ {} đến {}.";
    MUST_BE "Must be {}." "Phải là {}.";
    SOME_OF "Must be one or several of: {}." "Phải là một hoặc nhiều trong: {}.";
    GROUPS "Must be one or two of: {}." "Phải là một hoặc hai trong: {}.";
    BOOLEAN "Must be true or false." "Phải là true hoặc false.";
    WHOLE_NUMBER "Must be a whole number." "Phải là số nguyên.";
    UUID "Must be a UUID." "Phải là UUID.";
    TIMESTAMP "Must be a timestamp, such as 2026-01-31T00:00:00Z." "Phải là một thời điểm, như 2026-01-31T00:00:00Z.";
    PARTIAL_DATE "Must be a date, a month or a year: 1955-03-02, 1955-03, 1955." "Phải là ngày, tháng hoặc năm: 1955-03-02, 1955-03, 1955.";
    DATE "Must be a date: 2014-12-31." "Phải là ngày: 2014-12-31.";
    REFERENCES "Must be 1 to {} UUIDs or ext:<system>:<value>." "Phải có 1 đến {} UUID hoặc ext:<hệ thống>:<giá trị>.";
    REFERS_TO_NOTHING "Nothing is found under this reference; it must be a UUID or ext:<system>:<value>." "Không tìm thấy gì theo dẫn chiếu này; phải là UUID hoặc ext:<hệ thống>:<giá trị>.";
    NEEDS_UNIT "Needs the parameter unit." "Cần có tham số unit.";
    SORTS "Must be one of: {}; descending with - before it." "Phải là một trong: {}; thêm - ở trước để xếp giảm dần.";
    NEEDS_A_WORD "Must hold a word." "Phải có ít nhất một từ.";
    AT_MOST_WORDS "Must hold at most {} words." "Chỉ được có nhiều nhất {} từ.";
    NO_SUCH_FIELD "The type {} has no field {}; see GET /v1/record_types." "Loại {} không có trường {}; xem GET /v1/record_types.";
    ONLY_WITHOUT_CURSOR "Only without a cursor." "Chỉ dùng khi không có con trỏ.";
    ONLY_WITHOUT_IDS "Cannot be used together with ids." "Không dùng được cùng với ids.";
    WORK_TOO_WIDE "A work list has at most {} units with at most {} records of a type: narrow it with unit." "Danh sách việc có nhiều nhất {} tổ chức với nhiều nhất {} bản ghi mỗi loại: hãy thu hẹp bằng unit.";
    DATE_UP_TO "Must be a date, {} at the latest." "Phải là một ngày, muộn nhất là {}.";
    TOO_WIDE "A list by {} has at most {} units with at most {} records: narrow it with unit, or sort by id." "Chỉ sắp xếp được theo {} khi danh sách có nhiều nhất {} tổ chức với nhiều nhất {} bản ghi: hãy thu hẹp bằng unit, hoặc sắp xếp theo id.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use cell_records_types::phrases::assert_sentence;

    #[test]
    fn every_text_is_a_sentence() {
        for phrase in ALL {
            assert_sentence(phrase.en);
            assert_sentence(phrase.vi);
        }
    }
}
