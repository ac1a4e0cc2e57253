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

    // What parameters and headers must be.
    QUERY_UNREADABLE "the query cannot be read" "không đọc được chuỗi truy vấn";
    QUERY_TOO_LONG "must not be longer than {} bytes" "không được dài quá {} byte";
    HEADER_UNREADABLE "cannot be read" "không đọc được";
    ENTITY_TAG "must be an entity tag" "phải là một entity tag";
    ONE_ENTITY_TAG "must be one entity tag in quotes, as ETag gave it, or *" "phải là một entity tag trong dấu ngoặc kép, như ETag đã trả, hoặc *";
    SENT_ONCE "must be sent once" "chỉ được gửi một lần";
    PRINTABLE "must be 1 to {} printable characters" "phải có 1 đến {} ký tự in được";
    UNKNOWN "unknown here; known: {}" "không có ở đây; các tham số có: {}";
    UNKNOWN_OF_NONE "unknown here; there are no parameters" "không có ở đây; không có tham số nào";
    GIVEN_TWICE "given twice" "được gửi hai lần";
    CONTROL_CHARACTERS "must not contain control characters" "không được chứa ký tự điều khiển";
    NUMBER_BETWEEN "must be a whole number from {} to {}" "phải là số nguyên từ {} đến {}";
    ONE_OF "must be one of: {}" "phải là một trong: {}";
    SOME_OF "must be one or several of: {}" "phải là một hoặc nhiều mã trong: {}";
    BOOLEAN "must be true or false" "phải là true hoặc false";
    WHOLE_NUMBER "must be a whole number" "phải là số nguyên";
    UUID "must be a UUID" "phải là UUID";
    TIMESTAMP "must be a timestamp, such as 2026-01-31T00:00:00Z" "phải là một thời điểm, như 2026-01-31T00:00:00Z";
    PARTIAL_DATE "must be a date, a month or a year: 1955-03-02, 1955-03, 1955" "phải là ngày, tháng hoặc năm: 1955-03-02, 1955-03, 1955";
    DATE "must be a date: 2014-12-31" "phải là ngày: 2014-12-31";
    REFERENCES "must be 1 to {} UUIDs or ext:<system>:<value>" "phải có 1 đến {} UUID hoặc ext:<hệ thống>:<giá trị>";
    REFERS_TO_NOTHING "nothing is found under this reference; it must be a UUID or ext:<system>:<value>" "không tìm thấy gì theo dẫn chiếu này; phải là UUID hoặc ext:<hệ thống>:<giá trị>";
    NEEDS_UNIT "needs the parameter unit" "cần có tham số unit";
    SORTS "must be one of: {}; descending with - before it" "phải là một trong: {}; thêm - ở trước để xếp giảm dần";
    NEEDS_A_WORD "must hold a word" "phải có ít nhất một từ";
    AT_MOST_WORDS "must hold at most {} words" "chỉ được có nhiều nhất {} từ";
    NO_SUCH_FIELD "known: {}; there is no {}" "các trường có: {}; không có {}";
    ONLY_WITHOUT_CURSOR "only without a cursor" "chỉ dùng khi không có con trỏ";
    TOO_WIDE "{} orders a list of at most {} units with at most {} records: narrow it with unit, or sort by id" "{} chỉ sắp xếp danh sách có nhiều nhất {} tổ chức với nhiều nhất {} bản ghi: hãy thu hẹp bằng unit, hoặc sắp xếp theo id";
}
