//! What went wrong inside, as the caller learns of it. Causes are logged here and never leave.

use crate::auth::passwords::Busy;
use crate::db::{DbError, engine};
use crate::error::{self, ApiError};
use crate::phrases;
use crate::store::list::FEW_RECORDS;
use crate::store::list::ListError;
use crate::store::scope::FEW_UNITS;
use crate::store::work::WorkError;
use crate::store::writer::WriteError;

impl From<DbError> for ApiError {
    fn from(error: DbError) -> Self {
        if engine::is_unavailable(&error) {
            tracing::warn!(%error, "the database is not available");
            ApiError::new(&error::UNAVAILABLE)
        } else {
            tracing::error!(%error, "a query failed");
            ApiError::new(&error::INTERNAL)
        }
    }
}

impl From<WriteError> for ApiError {
    fn from(error: WriteError) -> Self {
        ApiError::new(match error {
            WriteError::Unavailable => &error::UNAVAILABLE,
            WriteError::OutcomeUnknown => &error::OUTCOME_UNKNOWN,
            WriteError::Refused => &error::NOT_UNIQUE,
            WriteError::Internal => &error::INTERNAL,
            WriteError::EpochChanged => &error::EPOCH_CHANGED,
            WriteError::KeyReused => &error::IDEMPOTENCY_KEY_REUSED,
            WriteError::TooLarge => &error::TOO_LARGE_FOR_ONE_WRITE,
            WriteError::Unauthorised => &error::UNAUTHENTICATED,
        })
    }
}

impl From<ListError> for ApiError {
    fn from(error: ListError) -> Self {
        match error {
            ListError::NotReadable(field) => {
                ApiError::new(&error::FIELD_NOT_READABLE).detail(phrases::OF_FIELD.of(field))
            }
            ListError::TooWide(sort) => {
                ApiError::parameter("sort", phrases::TOO_WIDE.of(sort).with(FEW_UNITS).with(FEW_RECORDS))
            }
            ListError::Database(error) => error.into(),
        }
    }
}

impl From<WorkError> for ApiError {
    fn from(error: WorkError) -> Self {
        match error {
            WorkError::TooWide => ApiError::parameter("unit", phrases::WORK_TOO_WIDE.with(FEW_UNITS).with(FEW_RECORDS)),
            WorkError::Database(error) => error.into(),
        }
    }
}

impl From<Busy> for ApiError {
    fn from(_: Busy) -> Self {
        ApiError::new(&error::UNAVAILABLE)
    }
}
