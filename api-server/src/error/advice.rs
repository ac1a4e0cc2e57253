//! What a caller does about an error, in both languages: the pages `/problems/{code}` show it.

use super::*;

/// What to do about the errors of a code.
#[derive(Debug)]
pub struct Advice {
    /// The code.
    pub code: &'static ErrorCode,
    /// English.
    pub en: &'static str,
    /// Vietnamese.
    pub vi: &'static str,
}

macro_rules! advice {
    ($($code:ident $en:literal $vi:literal;)*) => {
        /// The table: one row for each code.
        pub static ADVICE: &[Advice] = &[$(Advice { code: &$code, en: $en, vi: $vi }),*];
    };
}

advice! {
    BAD_REQUEST "Check the form of the request: `detail` says what was not understood." "Kiểm tra dạng của yêu cầu: `detail` cho biết phần nào không hiểu được.";
    INVALID_JSON "Send one JSON object in which no key occurs twice; `detail` names the line and column." "Gửi một đối tượng JSON không có khóa lặp lại; `detail` cho biết dòng và cột.";
    INVALID_PARAMETER "`errors` names each parameter and what is valid for it. Parameters that an operation does not have are refused, too." "`errors` nêu từng tham số và giá trị hợp lệ. Tham số mà thao tác không có cũng bị từ chối.";
    INVALID_HEADER "`errors` names the header and what is valid. A header of one value must not be sent twice." "`errors` nêu tiêu đề HTTP và giá trị hợp lệ. Tiêu đề chỉ có một giá trị không được gửi hai lần.";
    CURSOR_INVALID "Begin the list again without `cursor`. Keep cursors as they are: they are not to be read or changed." "Bắt đầu lại danh sách, không gửi `cursor`. Hãy giữ nguyên con trỏ: không đọc, không sửa.";
    CURSOR_FILTER_MISMATCH "Send the parameters that the cursor began with, or `cursor` alone; to ask for something else, begin without a cursor." "Gửi đúng các tham số lúc bắt đầu con trỏ hoặc chỉ gửi `cursor`; muốn hỏi khác đi thì bắt đầu lại, không gửi con trỏ.";
    IDEMPOTENCY_KEY_REQUIRED "Make a new key for each batch, keep it with the batch, and send it again with each repeat." "Tạo một khóa mới cho mỗi lần gửi, lưu cùng nội dung và gửi lại chính khóa đó khi lặp lại.";
    IDEMPOTENCY_KEY_REFUSED "Send the request without the key. If the answer is lost, make another token or log in again." "Gửi yêu cầu không kèm khóa. Nếu mất câu trả lời, hãy tạo mã khác hoặc đăng nhập lại.";
    UNAUTHENTICATED "Log in (`POST /v1/auth/login`), or renew the access token (`POST /v1/auth/refresh`), and send it as `Authorization: Bearer`. A system asks its administrator for a new token." "Đăng nhập (`POST /v1/auth/login`) hoặc làm mới mã truy cập (`POST /v1/auth/refresh`) rồi gửi trong `Authorization: Bearer`. Hệ thống thì đề nghị quản trị viên cấp mã mới.";
    LOGIN_FAILED "Check the name and the password. After several failures the service makes you wait." "Kiểm tra tên đăng nhập và mật khẩu. Sai nhiều lần thì phải chờ.";
    REFRESH_FAILED "Log in again. Each refresh replaces the refresh token; the one before it works three more times within 30 seconds of its first use, and ends the session when it is used later. A session ends 30 days after its last refresh, too." "Đăng nhập lại. Mỗi lần làm mới sẽ thay mã làm mới; mã cũ còn dùng lại được ba lần trong 30 giây kể từ lần dùng đầu, dùng lại muộn hơn sẽ kết thúc phiên đăng nhập. Phiên cũng kết thúc 30 ngày sau lần làm mới cuối.";
    FORBIDDEN "`detail` names the missing right, `GET /v1/me` shows the grants that you have. Ask an administrator for the right." "`detail` nêu quyền còn thiếu, `GET /v1/me` cho biết các quyền đã được cấp. Hãy đề nghị quản trị viên cấp quyền.";
    FIELD_NOT_READABLE "Leave the filter, sort or search out, or ask an administrator for a grant that reads the field." "Bỏ điều kiện lọc, sắp xếp hoặc tìm kiếm này, hoặc đề nghị quản trị viên cấp quyền đọc trường đó.";
    TYPE_NOT_READABLE "`GET /v1/me` shows your grants and `GET /v1/roles` what each role reads. Ask an administrator for a role that reads this type." "`GET /v1/me` cho biết quyền của bạn, `GET /v1/roles` cho biết mỗi vai trò đọc được gì. Hãy đề nghị quản trị viên cấp vai trò đọc được loại này.";
    CSRF_HEADER_MISSING "Send `X-Requested-With`, with any value: no page of another origin can add it to a request unless the server allows it." "Gửi tiêu đề HTTP `X-Requested-With` với giá trị bất kỳ: trang thuộc nguồn khác không tự thêm được tiêu đề này.";
    CURSOR_FOREIGN "Begin without a cursor: one works only for the account that it was made for." "Bắt đầu lại, không gửi con trỏ: con trỏ chỉ dùng được cho tài khoản đã tạo ra nó.";
    NOT_FOUND "Check the path and the id. What you have no right to see is not found either." "Kiểm tra đường dẫn và id. Những gì bạn không có quyền xem cũng được trả lời là không tìm thấy.";
    METHOD_NOT_ALLOWED "The header `Allow` names the methods of this path." "Tiêu đề HTTP `Allow` nêu các phương thức của đường dẫn này.";
    NOT_ACCEPTABLE "Let `Accept-Encoding` allow `gzip` or `identity`, or leave it out." "Hãy để `Accept-Encoding` cho phép `gzip` hoặc `identity`, hoặc không gửi tiêu đề này.";
    TOO_SLOW "Send the body again in one go. On a slow line send fewer items at a time." "Gửi lại nội dung liền một mạch. Nếu đường truyền chậm, mỗi lần gửi ít mục hơn.";
    STILL_REFERENCED "`referenced_by` names records that point to this one, so far as you see them: delete or change those first." "`referenced_by` nêu các bản ghi đang dẫn chiếu mà bạn xem được: hãy xóa hoặc sửa chúng trước.";
    CONFLICT "Read the record again: `errors` or `detail` say what of its state does not allow this. `moves` in `GET /v1/record_types` name the states that it can go to, and whose step that is: some go back, with a reason." "Đọc lại bản ghi: `errors` hoặc `detail` cho biết trạng thái nào không cho phép. `moves` trong `GET /v1/record_types` nêu các trạng thái có thể chuyển tới và vai trò được chuyển; một số bước được lùi lại, kèm lý do.";
    NOT_UNIQUE "`errors` says what is taken. Look for the other record, and change that one instead; or send another value." "`errors` cho biết giá trị nào đã có. Hãy tìm bản ghi kia và sửa bản ghi đó, hoặc gửi giá trị khác.";
    LAST_ADMINISTRATOR "First give another user the role `administrator` over the root, without an end." "Trước hết hãy cấp cho người dùng khác vai trò `administrator` trên toàn hệ thống, không thời hạn.";
    EPOCH_CHANGED "Take a snapshot of the feed first, then send your changes again with the new `epoch`." "Trước hết hãy tải lại toàn bộ dữ liệu từ luồng thay đổi, rồi gửi lại thay đổi với `epoch` mới.";
    GONE "The record was deleted at `deleted_at`. Who may create it brings it back with `POST …/restore`." "Bản ghi đã bị xóa lúc `deleted_at`. Người có quyền tạo có thể khôi phục bằng `POST …/restore`.";
    CURSOR_GONE "Begin a new snapshot, without a cursor; `reason` says why." "Bắt đầu tải lại toàn bộ, không gửi con trỏ; `reason` cho biết lý do.";
    STALE_VERSION "`current` is the record as it is now and `etag` its tag: compare, decide, and send the change again with that tag." "`current` là bản ghi hiện tại, `etag` là thẻ của nó: hãy so sánh, quyết định rồi gửi lại thay đổi với thẻ đó.";
    TOO_LARGE "`limits` says how much is allowed: send it in several requests." "`limits` cho biết giới hạn: hãy chia thành nhiều yêu cầu.";
    UNSUPPORTED_MEDIA_TYPE "Set `Content-Type` as `detail` says, and send the body uncompressed." "Đặt `Content-Type` như `detail` nêu và gửi nội dung không nén.";
    INVALID "`errors` has every fault: its place in the body (`pointer`), a `code` and a message. Mend them all and send it again." "`errors` nêu mọi lỗi: vị trí trong nội dung (`pointer`), mã `code` và lời giải thích. Sửa hết rồi gửi lại.";
    PUSH_REFUSED "`items` says what became of each item. Mend the refused ones, and send the batch under a new key." "`items` cho biết kết quả từng mục. Sửa các mục bị từ chối rồi gửi lại với khóa mới.";
    TOO_MANY_GROUPS "Ask for fewer groups: group by one field, or filter more." "Hỏi ít nhóm hơn: nhóm theo một trường hoặc lọc thêm.";
    IDEMPOTENCY_KEY_REUSED "Make a new key for a new request; a repeat must be the same, byte by byte." "Yêu cầu mới thì tạo khóa mới; khi lặp lại phải gửi đúng từng byte.";
    TOO_LARGE_FOR_ONE_WRITE "Do it in several steps: fewer items, or a smaller part of the tree of units." "Làm thành nhiều bước: ít mục hơn hoặc một phần nhỏ hơn của cây tổ chức.";
    PRECONDITION_REQUIRED "Read the thing, and send its `ETag` as `If-Match`; `*` overwrites whatever there is." "Đọc đối tượng rồi gửi `ETag` của nó trong `If-Match`; gửi `*` sẽ ghi đè mọi phiên bản.";
    TOO_MANY_ATTEMPTS "Wait as many seconds as `Retry-After` says. A forgotten password is set anew by an administrator." "Chờ số giây nêu trong `Retry-After`. Quên mật khẩu thì đề nghị quản trị viên đặt lại.";
    INTERNAL "Tell the operator the `request_id`: the log has the cause under it. Before repeating a write, read whether it was stored." "Báo `request_id` cho người vận hành: nhật ký ghi nguyên nhân theo mã này. Trước khi ghi lại, hãy đọc xem đã lưu chưa.";
    UNAVAILABLE "Repeat the request after the seconds of `Retry-After`, and wait longer each time." "Gửi lại sau số giây nêu trong `Retry-After`, mỗi lần chờ lâu hơn.";
    OUTCOME_UNKNOWN "Repeat the request under the same `Idempotency-Key`, or read first whether the write was stored." "Gửi lại với cùng `Idempotency-Key`, hoặc đọc trước xem thao tác ghi đã được lưu chưa.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_advice_in_both_languages() {
        let advised: Vec<&ErrorCode> = ADVICE.iter().map(|one| one.code).collect();
        assert_eq!(advised, ERROR_CODES);
        for one in ADVICE {
            cell_records_types::phrases::assert_both(one.en, one.vi);
        }
    }
}
