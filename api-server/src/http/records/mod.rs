//! The calls that every record type has. Generic over the registry: a type's routes say which type they mean.

pub mod advance;
pub mod calls;
pub mod collection;
pub mod document;
pub mod examples;
pub mod parts;
pub mod query;
pub mod read;
pub mod types;
pub mod view;
pub mod write;

use crate::auth::caller::Who;
use crate::error::{ApiError, ApiResult, NOT_FOUND};
use crate::state::App;
use crate::store::load;
use crate::store::record::Stored;
use crate::store::registry::Kind;
use cell_records_types::{Class, Reference};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// Registers the routes of every record type, and those about the types.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(types::record_types).service(types::code_lists).service(advance::advance_round);
    calls::routes(config);
}

/// The id that a path or a parameter means: a UUID as it is, an external id where the caller sees its record.
///
/// # Errors
/// When the database fails.
pub async fn resolve(app: &App, who: &Who, kind: &'static Kind, text: &str) -> ApiResult<Option<Uuid>> {
    match text.parse::<Reference>() {
        Ok(Reference::Id(id)) => Ok(Some(id)),
        Ok(Reference::External { system, value }) => {
            let key = [(system, kind.name, value)];
            let found = app.reads.recent(async |db| load::find_external(db, &key).await).await?;
            let Some((_, id)) = found.into_iter().next() else { return Ok(None) };
            Ok(find(app, who, kind, id).await?.map(|record| record.id))
        }
        Ok(Reference::Item(_)) | Err(()) => Ok(None),
    }
}

/// A record that the caller sees, deleted or not, with the columns that it may read.
///
/// # Errors
/// When the database fails.
pub async fn find(app: &App, who: &Who, kind: &'static Kind, id: Uuid) -> ApiResult<Option<Stored>> {
    let Some(class) = who.scope.most(kind) else { return Ok(None) };
    find_as(app, who, kind, id, class).await
}

/// The same with all its columns, for a comparison of versions.
pub(crate) async fn find_as(
    app: &App,
    who: &Who,
    kind: &'static Kind,
    id: Uuid,
    class: Class,
) -> ApiResult<Option<Stored>> {
    let found = app.reads.recent(async |db| load::find_records(db, kind, &[id], class).await).await?;
    Ok(found.into_iter().next().filter(|record| who.scope.reads(kind, record.unit_id).is_some()))
}

/// The record of a path that the caller sees.
///
/// # Errors
/// `404` when there is none.
pub async fn of_path(app: &App, who: &Who, kind: &'static Kind, text: &str) -> ApiResult<Stored> {
    let not_found = || ApiError::new(&NOT_FOUND);
    let id = resolve(app, who, kind, text).await?.ok_or_else(not_found)?;
    find(app, who, kind, id).await?.ok_or_else(not_found)
}
