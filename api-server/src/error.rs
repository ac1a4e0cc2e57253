//! Errors as callers see them: the table of codes with their statuses and both texts, and the one body.
//! The only place that knows statuses. What happened inside is logged at the edge and never leaves.

pub mod advice;

use crate::phrases;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use cell_records_types::TypeInfo;
use cell_records_types::accounts::Role;
use cell_records_types::faults::{self, Fault, FaultCode};
use cell_records_types::phrases::Words;
use cell_records_types::problem::{Problem, ProblemFault};
use serde_json::{Map, Value};
use std::fmt;

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct ErrorCode {
    /// Stable, `snake_case`.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// English title.
    pub en: &'static str,
    /// Vietnamese title.
    pub vi: &'static str,
}

macro_rules! error_codes {
    ($($name:ident $status:literal $code:literal $en:literal $vi:literal;)*) => {
        $(#[doc = concat!("`", $code, "` (", $status, "): `", $en, "`")]
          pub static $name: ErrorCode = ErrorCode { code: $code, status: $status, en: $en, vi: $vi };)*
        /// The whole table, for the documents made from it.
        pub static ERROR_CODES: &[&ErrorCode] = &[$(&$name),*];
    };
}

error_codes! {
    BAD_REQUEST 400 "bad_request" "The request was not understood." "Không hiểu được yêu cầu.";
    INVALID_JSON 400 "invalid_json" "The body is not JSON of the expected form." "Nội dung không phải JSON đúng dạng.";
    INVALID_PARAMETER 400 "invalid_parameter" "A parameter is unknown or has no valid value." "Tham số không tồn tại hoặc có giá trị không hợp lệ.";
    INVALID_HEADER 400 "invalid_header" "A header has no valid value." "Giá trị tiêu đề HTTP không hợp lệ.";
    CURSOR_INVALID 400 "cursor_invalid" "The cursor cannot be read." "Không đọc được con trỏ.";
    CURSOR_FILTER_MISMATCH 400 "cursor_filter_mismatch" "The parameters differ from those that the cursor began with." "Tham số khác với lúc bắt đầu con trỏ.";
    IDEMPOTENCY_KEY_REQUIRED 400 "idempotency_key_required" "The header Idempotency-Key is required here." "Cần có tiêu đề HTTP Idempotency-Key.";
    IDEMPOTENCY_KEY_REFUSED 400 "idempotency_key_refused" "The response contains a secret, so Idempotency-Key is not accepted here." "Câu trả lời chứa bí mật nên không nhận Idempotency-Key.";
    UNAUTHENTICATED 401 "unauthenticated" "Log in or send a valid access token." "Cần đăng nhập hoặc gửi mã truy cập hợp lệ.";
    LOGIN_FAILED 401 "login_failed" "The username or the password is wrong." "Sai tên đăng nhập hoặc mật khẩu.";
    REFRESH_FAILED 401 "refresh_failed" "The refresh token is not valid any more." "Mã làm mới không còn hiệu lực.";
    FORBIDDEN 403 "forbidden" "You do not have the right to do this." "Bạn không có quyền thực hiện thao tác này.";
    FIELD_NOT_READABLE 403 "field_not_readable" "You may not read this field, so it cannot filter or sort." "Bạn không có quyền đọc trường này nên không thể lọc hay sắp xếp theo nó.";
    TYPE_NOT_READABLE 403 "type_not_readable" "You may not read records of this type anywhere." "Bạn không có quyền đọc loại bản ghi này ở bất kỳ đâu.";
    CSRF_HEADER_MISSING 403 "csrf_header_missing" "Send the header X-Requested-With beside the cookie." "Hãy gửi tiêu đề HTTP X-Requested-With cùng với cookie.";
    CURSOR_FOREIGN 403 "cursor_foreign" "The cursor belongs to another caller." "Con trỏ thuộc về người gọi khác.";
    NOT_FOUND 404 "not_found" "Nothing was found here." "Không tìm thấy.";
    METHOD_NOT_ALLOWED 405 "method_not_allowed" "This method is not offered here." "Phương thức này không được hỗ trợ ở đây.";
    NOT_ACCEPTABLE 406 "not_acceptable" "The answer cannot be sent in a coding that Accept-Encoding allows." "Không thể gửi câu trả lời theo mã hóa mà Accept-Encoding cho phép.";
    TOO_SLOW 408 "too_slow" "The body arrived too slowly." "Nội dung được gửi đến quá chậm.";
    STILL_REFERENCED 409 "still_referenced" "Other records still refer to this one." "Còn bản ghi khác dẫn chiếu tới bản ghi này.";
    CONFLICT 409 "conflict" "The state of the record does not allow this." "Trạng thái của bản ghi không cho phép thao tác này.";
    NOT_UNIQUE 409 "not_unique" "Another record or account has this already." "Đã có ở bản ghi hoặc tài khoản khác.";
    LAST_ADMINISTRATOR 409 "last_administrator" "This would leave no user with permanent administration of the root." "Thao tác này sẽ khiến không còn người dùng nào quản trị toàn hệ thống.";
    EPOCH_CHANGED 409 "epoch_changed" "The database was restored: begin again with a snapshot." "Cơ sở dữ liệu đã được khôi phục: hãy tải lại toàn bộ.";
    GONE 410 "gone" "The record is deleted." "Bản ghi đã bị xóa.";
    CURSOR_GONE 410 "cursor_gone" "The cursor is not valid any more: begin again with a snapshot." "Con trỏ không còn dùng được: hãy tải lại toàn bộ.";
    STALE_VERSION 412 "stale_version" "There is another version by now." "Đã có phiên bản khác.";
    TOO_LARGE 413 "too_large" "The body is larger than the limit." "Nội dung vượt quá giới hạn.";
    UNSUPPORTED_MEDIA_TYPE 415 "unsupported_media_type" "Send the body as application/json." "Hãy gửi nội dung dạng application/json.";
    INVALID 422 "invalid" "The body violates rules." "Nội dung vi phạm quy tắc.";
    PUSH_REFUSED 422 "push_refused" "Some items were refused, so nothing is stored." "Có mục bị từ chối nên không lưu gì.";
    TOO_MANY_GROUPS 422 "too_many_groups" "There are more than 1,000 groups: group by other fields, or filter." "Có hơn 1.000 nhóm: hãy nhóm theo trường khác hoặc lọc bớt.";
    IDEMPOTENCY_KEY_REUSED 422 "idempotency_key_reused" "This Idempotency-Key was used for another request." "Idempotency-Key này đã dùng cho yêu cầu khác.";
    TOO_LARGE_FOR_ONE_WRITE 422 "too_large_for_one_write" "This is too much for one write." "Quá nhiều cho một lần ghi.";
    PRECONDITION_REQUIRED 428 "precondition_required" "Send If-Match with the ETag of the version that you built on." "Hãy gửi If-Match với ETag của phiên bản gốc.";
    TOO_MANY_ATTEMPTS 429 "too_many_attempts" "Too many failed logins; try again later." "Đăng nhập sai quá nhiều lần; hãy thử lại sau.";
    INTERNAL 500 "internal" "A fault of this server; it is logged under the request id." "Lỗi của máy chủ; đã ghi nhật ký theo mã yêu cầu.";
    UNAVAILABLE 503 "unavailable" "The service cannot answer now; try again shortly." "Dịch vụ tạm thời chưa trả lời được; hãy thử lại sau.";
    OUTCOME_UNKNOWN 503 "outcome_unknown" "It is not known whether the write was stored; repeat it under the same key, or read first." "Chưa biết thao tác ghi đã được lưu hay chưa; hãy gửi lại với cùng khóa hoặc đọc trước.";
}

impl ErrorCode {
    /// The title in Vietnamese or English.
    pub const fn text(&self, vietnamese: bool) -> &'static str {
        if vietnamese { self.vi } else { self.en }
    }
}

/// What is said of a missing right: what it is about and what it would do, parted by a colon.
pub fn missing(right: &str) -> Words {
    let (kind, verb) = right.split_once(':').unwrap_or((right, ""));
    let about = TypeInfo::named(kind).map_or_else(|| Words::plain(kind), |kind| kind.label.into());
    let phrase = match verb {
        "advance" => &phrases::MISSING_ADVANCE,
        "move" => &phrases::MISSING_MOVE,
        "place" => &phrases::MISSING_ABOVE,
        _ => &phrases::MISSING_WRITE,
    };
    phrase.of(about).with(right)
}

/// An error on its way to the caller.
#[derive(Debug)]
pub struct ApiError {
    /// Its row of the table.
    pub code: &'static ErrorCode,
    /// What happened here, without names or values of others.
    pub detail: Option<Box<Words>>,
    /// All faults of the body or query.
    pub faults: Vec<Fault>,
    /// Faults whose texts are not in the table of faults: of parameters and headers.
    pub named: Vec<(String, Words)>,
    /// What the code adds.
    pub more: Map<String, Value>,
    /// Seconds after which to try again.
    pub retry_after: Option<u64>,
}

/// The answer of a handler.
pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// An error of this code.
    pub fn new(code: &'static ErrorCode) -> Self {
        let retry_after = (code.status == 503).then_some(1);
        ApiError { code, detail: None, faults: Vec::new(), named: Vec::new(), more: Map::new(), retry_after }
    }

    /// With what happened here.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Words>) -> Self {
        self.detail = Some(Box::new(detail.into()));
        self
    }

    /// With something that the code adds.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.into(), value.into());
        self
    }

    /// A body with these faults, the first of them where they are many.
    pub fn invalid(faults: Vec<Fault>) -> Self {
        ApiError { faults: faults::bounded(faults), ..ApiError::new(&INVALID) }
    }

    /// Something that others have already, with the fault at the pointer that says what.
    pub fn not_unique(pointer: &str, code: &'static FaultCode) -> Self {
        ApiError { faults: vec![Fault::new(pointer, code)], ..ApiError::new(&NOT_UNIQUE) }
    }

    /// One fault at a pointer.
    pub fn fault(pointer: &str, code: &'static FaultCode) -> Self {
        ApiError::invalid(vec![Fault::new(pointer, code)])
    }

    /// A parameter that is unknown or has no valid value; `why` names the valid ones.
    pub fn parameter(name: &str, why: impl Into<Words>) -> Self {
        let mut error = ApiError::new(&INVALID_PARAMETER);
        error.named.push((name.into(), why.into()));
        error
    }

    /// Parameters that are unknown or have no valid value, by name; nothing when there are none.
    pub fn parameters(faults: Vec<(String, Words)>) -> Option<Self> {
        (!faults.is_empty()).then(|| ApiError { named: faults, ..ApiError::new(&INVALID_PARAMETER) })
    }

    /// A header with no valid value.
    pub fn header(name: &str, why: impl Into<Words>) -> Self {
        let mut error = ApiError::new(&INVALID_HEADER);
        error.named.push((name.into(), why.into()));
        error
    }

    /// A missing right, such as `unit:write`.
    pub fn forbidden(right: &str) -> Self {
        ApiError::new(&FORBIDDEN).detail(missing(right))
    }

    /// A missing role: one of these.
    pub fn needs_role(roles: &[Role]) -> Self {
        let phrase = if roles.len() == 1 { &phrases::MISSING_ROLE } else { &phrases::MISSING_ROLES };
        ApiError::new(&FORBIDDEN).detail(phrase.of(Words::list(roles.iter().map(Role::words))))
    }

    /// The body, in the language asked for.
    pub fn problem(&self, request_id: &str, vietnamese: bool) -> Problem {
        let faults = self.faults.iter().map(|fault| fault.shown(vietnamese));
        let named = self.named.iter().map(|(name, why)| ProblemFault::new(name, self.code.code, why.text(vietnamese)));
        Problem {
            kind: format!("/problems/{}", self.code.code),
            title: self.code.text(vietnamese).into(),
            status: self.code.status,
            detail: self.detail.as_ref().map(|detail| detail.text(vietnamese).into()),
            code: self.code.code.into(),
            request_id: request_id.into(),
            errors: faults.chain(named).collect(),
            more: self.more.clone(),
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.code)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        // The body is written at the edge, where the request's id and language are known.
        HttpResponse::new(self.status_code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cell_records_types::phrases::{assert_both, assert_sentence};

    #[test]
    fn every_error_is_in_both_languages() {
        for code in ERROR_CODES {
            assert_both(code.en, code.vi);
            assert_sentence(code.en);
            assert_sentence(code.vi);
        }
    }
}
