//! What is said of a request besides the texts of the tables of codes: details of errors, and why a parameter or header
//! has no valid value.

use cell_records_types::phrases;

phrases! {
    // Details of errors.
    STARTING "the server is still starting" "máy chủ đang khởi động";
    TAKES_NO_WRITES "the database does not take writes" "cơ sở dữ liệu không nhận thao tác ghi";
    MISSING_RIGHT "missing right: {}" "thiếu quyền: {}";
    OF_TYPE "type: {}" "loại: {}";
    OF_FIELD "field: {}" "trường: {}";
    MANY_LARGE_BODIES "too many large bodies at once" "đang nhận quá nhiều nội dung lớn cùng lúc";
    MANY_LARGE_BODIES_OF_ACCOUNT "too many large bodies of this account at once" "đang nhận quá nhiều nội dung lớn cùng lúc từ tài khoản này";
    SEND_AS "send the body as {}" "hãy gửi nội dung dạng {}";
    SEND_PLAIN "send the body without Content-Encoding" "hãy gửi nội dung không có Content-Encoding";
    BODY_ENDED_EARLY "the body ended early" "nội dung bị ngắt giữa chừng";
    TOO_MANY_VALUES "too many values" "quá nhiều giá trị";
    TOO_MANY_ITEMS "too many items" "quá nhiều mục";
    NO_JSON_OBJECT "the body must be a JSON object" "nội dung phải là một đối tượng JSON";
    KEY_TWICE "a key occurs twice in its object at line {}, column {}" "một khóa lặp lại trong đối tượng, ở dòng {}, cột {}";
    NO_JSON "not JSON at line {}, column {}" "không phải JSON, ở dòng {}, cột {}";
    OWN_ACCOUNT "nobody administers their own account" "không ai tự quản trị tài khoản của mình";
    GRANTS_OUTSIDE "the account holds grants outside your units" "tài khoản có quyền ngoài phạm vi tổ chức của bạn";
    SYSTEM_DISABLED "the system is disabled" "hệ thống đã bị vô hiệu hóa";
    TOKEN_IS_OVER "the token is revoked, rotated or over already" "mã truy cập đã bị thu hồi, đã được thay hoặc đã hết hạn";
    PASSWORD_CHANGED "the password was changed at the same time" "mật khẩu vừa được đổi cùng lúc";
    USERS_ONLY "only users have a password and sessions" "chỉ người dùng mới có mật khẩu và phiên đăng nhập";
    SYSTEM_HAS_NO_SESSION "a system has no session; revoke its token" "hệ thống không có phiên đăng nhập; hãy thu hồi mã truy cập";
    GRANT_TYPE "grant_type must be client_credentials" "grant_type phải là client_credentials";

    // What parts of a body must be.
    READABLE_RECORD "a readable record" "một bản ghi đọc được";
    IN_400_DAYS "a time in the next 400 days" "một thời điểm trong 400 ngày tới";

    // What parameters and headers must be: sentences.
    QUERY_UNREADABLE "The query cannot be read." "Không đọc được chuỗi truy vấn.";
    QUERY_TOO_LONG "Must not be longer than {} bytes." "Không được dài quá {} byte.";
    HEADER_UNREADABLE "Cannot be read." "Không đọc được.";
    ENTITY_TAG "Must be an entity tag." "Phải là một entity tag.";
    ONE_ENTITY_TAG "Must be one entity tag in quotes, as ETag gave it, or *." "Phải là một entity tag trong dấu ngoặc kép, như ETag đã trả, hoặc *.";
    SENT_ONCE "Must be sent once." "Chỉ được gửi một lần.";
    PRINTABLE "Must be 1 to {} printable characters." "Phải có 1 đến {} ký tự in được.";
    UNKNOWN "Unknown here; known: {}." "Không có ở đây; các tham số có: {}.";
    UNKNOWN_OF_NONE "Unknown here; there are no parameters." "Không có ở đây; không có tham số nào.";
    GIVEN_TWICE "Given twice." "Được gửi hai lần.";
    CONTROL_CHARACTERS "Must not contain control characters." "Không được chứa ký tự điều khiển.";
    NUMBER_BETWEEN "Must be a whole number from {} to {}." "Phải là số nguyên từ {} đến {}.";
    ONE_OF "Must be one of: {}." "Phải là một trong: {}.";
    SOME_OF "Must be one or several of: {}." "Phải là một hoặc nhiều mã trong: {}.";
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
    NO_SUCH_FIELD "Known: {}; there is no {}." "Các trường có: {}; không có {}.";
    ONLY_WITHOUT_CURSOR "Only without a cursor." "Chỉ dùng khi không có con trỏ.";
    TOO_WIDE "{} orders a list of at most {} units with at most {} records: narrow it with unit, or sort by id." "{} chỉ sắp xếp danh sách có nhiều nhất {} tổ chức với nhiều nhất {} bản ghi: hãy thu hẹp bằng unit, hoặc sắp xếp theo id.";
}
