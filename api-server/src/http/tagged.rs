//! Accounts and grants as answers show them: JSON under an entity tag. Their writes ask for the tag as those of records
//! do. The tag is the version and the epoch: whoever sees an account sees all of it.

use super::etag;
use super::idempotency::Answer;
use crate::auth::caller::Who;
use crate::error::{self, ApiError, ApiResult};
use crate::store::accounts::Account;
use crate::store::items::Expected;
use crate::store::scope::Grant;
use actix_web::http::header::ETAG;
use actix_web::{HttpRequest, HttpResponse};
use cell_records_types::accounts::CallerKind;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// The version of every grant: none ever changes.
const ONLY: i64 = 1;

/// An account or a grant as an answer shows it.
pub struct Tagged {
    /// Its id.
    pub id: Uuid,
    /// Its version.
    version: i64,
    /// Its entity tag.
    tag: String,
    /// Its JSON.
    body: String,
}

impl Tagged {
    /// An account.
    pub fn account(account: Account, epoch: &str) -> Self {
        let (id, version) = (account.id, account.version);
        match account.kind {
            CallerKind::System => Tagged::new(id, version, epoch, &account.into_system()),
            CallerKind::User | CallerKind::Unknown(_) => Tagged::new(id, version, epoch, &account.into_user()),
        }
    }

    /// A grant.
    pub fn grant(grant: Grant, epoch: &str) -> Self {
        Tagged::new(grant.id, ONLY, epoch, &grant.into_wire())
    }

    fn new(id: Uuid, version: i64, epoch: &str, shown: &impl Serialize) -> Self {
        let body = serde_json::to_string(shown).unwrap_or_default();
        Tagged { id, version, tag: etag::of_version(version, epoch), body }
    }

    /// As it is kept for a repeat of the request that made it.
    pub fn kept(&self) -> String {
        json!([self.id, self.version, self.body]).to_string()
    }

    /// What was kept; nothing when it does not read.
    pub fn of_kept(kept: &str, epoch: &str) -> Option<Self> {
        let (id, version, body) = serde_json::from_str(kept).ok()?;
        Some(Tagged { id, version, tag: etag::of_version(version, epoch), body })
    }

    /// Refuses a write that builds on another version.
    ///
    /// # Errors
    /// `412` with what there is now, and its tag.
    pub fn must_be(&self, expected: Expected) -> ApiResult<()> {
        match expected {
            Expected::Exactly(version) | Expected::Version(version) if version != self.version => {
                let current: Value = serde_json::from_str(&self.body).unwrap_or_default();
                let stale = ApiError::new(&error::STALE_VERSION);
                Err(stale.with("etag", self.tag.clone()).with("current", current))
            }
            _ => Ok(()),
        }
    }

    /// The answer to a write.
    pub fn answer(self, status: u16) -> Answer {
        Answer { status, headers: vec![("etag", self.tag)], body: self.body }
    }

    /// The answer to a read: `304` to who has it already.
    pub fn read(self, request: &HttpRequest) -> HttpResponse {
        if etag::is_known(request, &self.tag) {
            return HttpResponse::NotModified().insert_header((ETAG, self.tag)).finish();
        }
        self.answer(200).send(false)
    }
}

/// The version that a write builds on.
///
/// # Errors
/// `428` when `If-Match` is missing, `400` when it is no entity tag.
pub fn expected(request: &HttpRequest, who: &Who) -> ApiResult<Expected> {
    match etag::if_match(request, &who.view.clock.epoch)? {
        Expected::Missing => Err(ApiError::new(&error::PRECONDITION_REQUIRED)),
        expected => Ok(expected),
    }
}
