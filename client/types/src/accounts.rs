//! Accounts: users, systems, their grants, tokens and sessions.

mod tokens;

pub use tokens::*;

use crate::{List, Text, Timestamp, codes, object};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

codes! {
    /// What a grant lets its holder do. The table of rights is printed at `GET /v1/roles`.
    pub open enum Role = "role" {
        Administrator = "administrator" "Quản trị hệ thống" "Administrator";
        CommitteeOffice = "committee_office" "Văn phòng cấp ủy" "Committee office";
        CommitteeLead = "committee_lead" "Lãnh đạo cấp ủy" "Committee lead";
        CellSecretary = "cell_secretary" "Bí thư chi bộ" "Cell secretary";
        InspectionCommission = "inspection_commission" "Ủy ban Kiểm tra" "Inspection commission";
        ExchangePeer = "exchange_peer" "Hệ thống trao đổi dữ liệu" "Exchange peer";
        FrontendReader = "frontend_reader" "Ứng dụng chỉ đọc" "Front-end reader";
        Auditor = "auditor" "Giám sát nhật ký" "Auditor";
    }
}

object! {
    /// What an administrator gives: a role over a unit and all below it, for a time.
    pub struct GrantCreate {
        required {
            /// The role.
            role: Role,
            /// The unit whose subtree it covers: at or below the account's own unit. A UUID or `ext:<system>:<value>`.
            unit_id: crate::Ref<crate::Unit>,
        }
        optional {
            /// Holds from this instant; default: at once.
            from: Timestamp,
            /// Ends at this instant; default: never.
            until: Timestamp,
            /// Sensitive fields that it adds, such as `member.personal_id`: at most 50.
            fields: List<Text<100>, 50>,
        }
    }
}

/// A grant that an account holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct Grant {
    /// The grant's id.
    pub id: Uuid,
    /// The role.
    pub role: Role,
    /// The unit whose subtree it covers.
    pub unit_id: Uuid,
    /// Since when it holds.
    pub from: Timestamp,
    /// When it ends; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub until: Option<Timestamp>,
    /// Sensitive fields that it adds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Text<100>>, max_items = 50))]
    pub fields: Vec<String>,
}

/// Who sees a unit: an account, by which grant, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UnitGrant {
    /// The grant's id.
    pub id: Uuid,
    /// The account that holds it.
    pub account_id: Uuid,
    /// A person or a program.
    pub account_kind: CallerKind,
    /// Username, or the system's code.
    pub account_name: String,
    /// Name of the person or the system.
    #[cfg_attr(feature = "openapi", schema(value_type = Text<100>))]
    pub display_name: String,
    /// The role.
    pub role: Role,
    /// The unit that the grant was given for: this one or one above it.
    pub unit_id: Uuid,
    /// Since when it holds.
    pub from: Timestamp,
    /// When it ends; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub until: Option<Timestamp>,
    /// Sensitive fields that it adds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Text<100>>, max_items = 50))]
    pub fields: Vec<String>,
}

object! {
    /// What a new user needs.
    pub struct UserCreate {
        required {
            /// Login name, 2 to 40 of a–z, 0–9, `.`, `_`, `-`. Never changes.
            username: Username,
            /// Name shown to others.
            display_name: Text<100>,
            /// At least 12 characters, not easy to guess.
            password: Text<200>,
        }
        optional {
            /// The unit that the account belongs to; default: the administrator's own.
            unit_id: crate::Ref<crate::Unit>,
        }
    }
}

crate::form! {
    /// A login name.
    pub struct Username = &crate::phrases::USERNAME, "^[a-z0-9][a-z0-9._-]{1,39}$", "van-phong",
    |text| slug(text, b"._-");
}

crate::form! {
    /// A system's code: the `system` of its external ids.
    pub struct SystemCode = &crate::phrases::SYSTEM_CODE, "^[a-z0-9][a-z0-9-]{1,39}$", "tinh-nghe-an",
    |text| slug(text, b"-");
}

fn slug(text: &str, also: &[u8]) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (2..=40).contains(&text.len())
        && text.bytes().next().is_some_and(plain)
        && text.bytes().all(|b| plain(b) || also.contains(&b))
}

/// A person's account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct User {
    /// The account's id.
    pub id: Uuid,
    /// From 1, plus 1 with each change.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub version: i64,
    /// Login name.
    #[cfg_attr(feature = "openapi", schema(value_type = Username))]
    pub username: String,
    /// Name shown to others.
    #[cfg_attr(feature = "openapi", schema(value_type = Text<100>))]
    pub display_name: String,
    /// The unit that the account belongs to.
    pub unit_id: Uuid,
    /// Whether it may no longer log in.
    pub disabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

object! {
    /// What an administrator changes on a user. Absent is untouched.
    pub struct UserUpdate {
        required {}
        optional {
            /// Name shown to others.
            display_name: Text<100>,
            /// A new password; ends the user's sessions.
            password: Text<200>,
            /// `true` ends every session of the user within one second.
            disabled: bool,
        }
    }
}

object! {
    /// What a new system needs.
    pub struct SystemCreate {
        required {
            /// Name of the system.
            name: Text<100>,
            /// Contact for questions about it.
            contact: Text,
            /// What it exchanges data for.
            purpose: Text<500>,
        }
        optional {
            /// Unique, never changes; made from the name when absent.
            code: SystemCode,
            /// The unit that the account belongs to; default: the administrator's own.
            unit_id: crate::Ref<crate::Unit>,
        }
    }
}

object! {
    /// What an administrator changes on a system. Absent is untouched.
    pub struct SystemUpdate {
        required {}
        optional {
            /// Name of the system.
            name: Text<100>,
            /// Contact for questions about it.
            contact: Text,
            /// What it exchanges data for.
            purpose: Text<500>,
            /// `true` revokes every token of the system within one second.
            disabled: bool,
        }
    }
}

/// A city's or a province's program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RegisteredSystem))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct System {
    /// The account's id.
    pub id: Uuid,
    /// From 1, plus 1 with each change.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub version: i64,
    /// Unique code: the `system` of its external ids.
    #[cfg_attr(feature = "openapi", schema(value_type = SystemCode))]
    pub code: String,
    /// Name of the system.
    #[cfg_attr(feature = "openapi", schema(value_type = Text<100>))]
    pub name: String,
    /// Contact for questions about it.
    #[cfg_attr(feature = "openapi", schema(value_type = Text))]
    pub contact: String,
    /// What it exchanges data for.
    #[cfg_attr(feature = "openapi", schema(value_type = Text<500>))]
    pub purpose: String,
    /// The unit that the account belongs to.
    pub unit_id: Uuid,
    /// Whether its tokens are refused.
    pub disabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

codes! {
    /// The kinds of callers.
    pub open enum CallerKind = "caller_kind" {
        User = "user" "Người dùng" "User";
        System = "system" "Hệ thống" "System";
    }
}

/// Who the caller is, and what it may do now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct Me {
    /// The account's id.
    pub id: Uuid,
    /// A person or a program.
    pub kind: CallerKind,
    /// Username, or the system's code.
    pub name: String,
    /// Name shown to others.
    #[cfg_attr(feature = "openapi", schema(value_type = Text<100>))]
    pub display_name: String,
    /// The unit that the account belongs to.
    pub unit_id: Uuid,
    /// When the access token of a system ends; absent for people. From 30 days before, every answer has the header
    /// `Token-Expires-Soon`, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub token_expires_at: Option<Timestamp>,
    /// The grants that hold now.
    pub grants: Vec<Grant>,
}

/// What one role may do with one record type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct RoleRights {
    /// The role.
    pub role: Role,
    /// Vietnamese label of the role.
    pub label_vi: String,
    /// English label of the role.
    pub label_en: String,
    /// Its rights by record type; a type that is not named is not seen.
    pub types: Vec<TypeRights>,
}

/// Up to which class a type is read and written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct TypeRights {
    /// Name of the record type.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "openapi", schema(value_type = crate::record::RecordTypeName))]
    pub kind: String,
    /// Reads up to this class. A newer server may have more classes.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::Class))]
    pub reads: String,
    /// Writes up to this class; absent: writes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = crate::Class, nullable = false))]
    pub writes: Option<String>,
    /// Exceptions: fields that it may not write.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
    /// Fields that it may write though it may write no others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
}

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct AuditEvent {
    /// Position in the log.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// What: `login`, `login_failed`, `grant_added`, `token_issued` …
    pub action: String,
    /// Who did it: the account's id; absent for the local operator and where nobody is logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub actor: Option<Uuid>,
    /// Whether the local operator did it, by the command line or the start of the server.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub operator: bool,
    /// The account, grant, token or session that it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub subject: Option<Uuid>,
    /// The unit of the account that it concerns; of a grant, the unit that it was given for.
    pub unit_id: Uuid,
    /// The address that the request came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub address: Option<String>,
    /// The request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub request_id: Option<String>,
    /// Particulars, without secrets.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub detail: serde_json::Value,
}
