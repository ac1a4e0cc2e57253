//! Logins, sessions and tokens.

use crate::{List, Text, Timestamp, object};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

object! {
    /// A login.
    pub struct Login {
        required {
            /// Login name.
            username: Text<100>,
            /// Password.
            password: Text<200>,
        }
        optional {}
    }
}

object! {
    /// A refresh, or a logout.
    pub struct RefreshToken {
        required {
            /// The refresh token: `crr_…`. Its first use replaces it. Within 30 seconds of that it works three more times;
            /// a later use ends the session.
            refresh_token: Text<100>,
        }
        optional {}
    }
}

object! {
    /// A user's change of their own password. Ends the user's other sessions.
    pub struct PasswordChange {
        required {
            /// The password until now.
            current_password: Text<200>,
            /// The new one: at least 12 characters, not easy to guess.
            new_password: Text<200>,
        }
        optional {}
    }
}

/// What a system sends, as a form, to exchange its token (OAuth 2.0 client credentials).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenExchange {
    /// Always `client_credentials`.
    #[cfg_attr(feature = "openapi", schema(pattern = "^client_credentials$"))]
    pub grant_type: String,
    /// The system's code; it may come by HTTP Basic instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub client_id: Option<String>,
    /// The system's token: `crt_…`; it may come by HTTP Basic, or as Bearer, instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub client_secret: Option<String>,
}

impl std::fmt::Debug for TokenExchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenExchange").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// What a login, a refresh or a token exchange returns.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct Tokens {
    /// A JWT, to be sent as `Authorization: Bearer`.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// Seconds that the access token lives.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub expires_in: i64,
    /// Renews the access token, and is replaced by that. Absent for systems.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub refresh_token: Option<String>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

/// A user's session: one login and its refreshes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct Session {
    /// The session's id.
    pub id: Uuid,
    /// When the user logged in.
    pub created_at: Timestamp,
    /// When the session ends unless it is refreshed.
    pub expires_at: Timestamp,
    /// Whether this request belongs to it.
    pub current: bool,
}

object! {
    /// What a new access token of a system needs.
    pub struct TokenCreate {
        required {
            /// What the token is for, to distinguish it from others.
            name: Text<100>,
        }
        optional {
            /// When it ends: at most 400 days ahead; default: 365.
            expires_at: Timestamp,
            /// Narrows the token to some of its system's grants, by id; default: all.
            #[cfg_attr(feature = "openapi", schema(value_type = Vec<Uuid>, max_items = 20))]
            grants: List<Uuid, 20>,
        }
    }
}

/// A new token with its secret, shown this once.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct IssuedToken {
    /// The token's id.
    pub id: Uuid,
    /// The secret: `crt_…`. Stored hashed; never shown again.
    pub token: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedToken").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A system's token, without its secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct Token {
    /// The token's id.
    pub id: Uuid,
    /// What it is for.
    #[cfg_attr(feature = "openapi", schema(value_type = Text<100>))]
    pub name: String,
    /// The first characters of the secret, to recognise it.
    pub prefix: String,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub revoked_at: Option<Timestamp>,
    /// The grants that it is narrowed to; absent: all of its system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub grants: Option<Vec<Uuid>>,
}

crate::whole_number! {
    /// Seconds that the secret before a rotation still works: at most 7 days.
    pub struct Overlap = 0..=604_800;
}

impl Default for Overlap {
    /// One day.
    fn default() -> Self {
        Overlap(86_400)
    }
}

object! {
    /// How a token is rotated.
    pub struct Rotation {
        required {}
        optional {
            /// How long the old secret still works, in seconds: at most 7 days.
            #[cfg_attr(feature = "openapi", schema(default = Overlap::default))]
            overlap_seconds: Overlap,
            /// When the new secret ends; default: as the old one.
            expires_at: Timestamp,
        }
    }
}
