//! Work lists (`GET /v1/work_items`): what is due with records, or late.

use crate::{Date, Uuid, codes};
use serde::{Deserialize, Serialize};

codes! {
    /// What is due with a record.
    pub open enum WorkCode = "work" {
        ProbationEnds = "probation_ends" "Hết thời gian dự bị" "Probation ends";
        TransferDeadline = "transfer_deadline" "Thời hạn chuyển sinh hoạt đảng" "Deadline of a transfer";
        ExemptionReview = "exemption_review" "Đến hạn rà soát miễn sinh hoạt" "Review of an exemption due";
        CertificateExpires = "certificate_expires" "Hết hạn giấy chứng nhận bồi dưỡng nhận thức về Đảng" "Certificate of Party awareness expires";
        PartyBadge = "party_badge" "Đến đợt xét tặng Huy hiệu Đảng" "Party badge due";
    }
}

/// Something that is due with a record, or late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct WorkItem {
    /// The type of the record.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "openapi", schema(value_type = crate::record::RecordTypeName))]
    pub record_type: String,
    /// The record.
    pub id: Uuid,
    /// The unit that it belongs to.
    pub unit_id: Uuid,
    /// What people call the record, in the language asked for. Absent where the caller does not read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub display: Option<String>,
    /// The same of the unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub unit_display: Option<String>,
    /// What is due.
    pub what: WorkCode,
    /// The number that belongs to it: the years of a badge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub number: Option<i64>,
    /// When: before today it is late.
    pub due: Date,
}

/// The parameters of a work list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkQuery {
    /// Items a page, 1 to 500; the server's default is 50.
    pub limit: Option<u32>,
    /// A unit; with `subtree` all below it too.
    pub unit: Option<String>,
    /// Whether units below `unit` are included.
    pub subtree: bool,
    /// Only this work; empty: all.
    pub what: Vec<WorkCode>,
    /// The last day that is meant; the server's default is in 30 days.
    pub due_to: Option<Date>,
}

impl WorkQuery {
    /// The query parameters.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let what: Vec<&str> = self.what.iter().map(WorkCode::code).collect();
        let all = [
            ("limit", self.limit.map(|limit| limit.to_string())),
            ("unit", self.unit.clone()),
            ("subtree", self.subtree.then(|| "true".to_owned())),
            ("what", (!what.is_empty()).then(|| what.join(","))),
            ("due_to", self.due_to.map(|date| date.to_string())),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}
