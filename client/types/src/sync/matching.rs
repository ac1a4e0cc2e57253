//! Matching: when two records may be one, and what happens then.

use crate::codes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

codes! {
    /// What happens to an item that may double a record which its caller sees.
    pub closed enum OnPossibleDuplicate = "on_possible_duplicate" {
        Store = "store" "Vẫn lưu, kèm cảnh báo" "Stored, with a warning";
        Reject = "reject" "Không lưu" "Refused";
    }
}

codes! {
    /// By what two records are taken for one.
    pub open enum MatchBy = "match_by" {
        ExternalId = "external_id" "Mã của hệ thống khác" "External id";
        PersonalId = "personal_id" "Số định danh cá nhân" "Personal id";
        ProfileNumber = "profile_number" "Số lý lịch đảng viên" "Profile number";
        CardNumber = "card_number" "Số thẻ đảng viên" "Party card number";
        NameBirth = "name_birth" "Họ tên và ngày sinh" "Name and birth date";
    }
}

impl MatchBy {
    /// Whether it is a number: no two people share one.
    pub const fn is_number(&self) -> bool {
        matches!(self, MatchBy::PersonalId | MatchBy::ProfileNumber | MatchBy::CardNumber)
    }

    /// The field that it compares: only who reads it may learn of a match.
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            MatchBy::PersonalId => Some("personal_id"),
            MatchBy::ProfileNumber => Some("profile_number"),
            MatchBy::CardNumber => Some("card_numbers"),
            MatchBy::NameBirth => Some("full_name"),
            MatchBy::ExternalId | MatchBy::Unknown(_) => None,
        }
    }
}

/// A record that may be the same as one that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct Candidate {
    /// Its id.
    pub id: Uuid,
    /// Its version.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub version: i64,
    /// What the two have in common.
    pub matched_by: MatchBy,
}

/// Most candidates that are named for one record.
pub const MAX_CANDIDATES: usize = 20;
