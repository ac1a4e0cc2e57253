//! The calls that every record type has. Generic over the registry: a type's routes say which type they mean.

pub mod advance;
pub mod calls;
pub mod collection;
pub mod counts;
pub mod cursor;
pub mod document;
pub mod examples;
pub mod expand;
pub mod history;
pub mod metadata;
pub mod parts;
pub mod query;
pub mod read;
pub mod schemas;
pub mod selection;
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
    config.service(types::list_record_types).service(types::list_code_lists).service(types::list_rules);
    calls::routes(config);
}

/// The id that a path or a parameter means: a UUID as it is, an external id where the caller sees its record.
///
/// # Errors
/// When the database fails.
pub async fn resolve(app: &App, who: &mut Who, kind: &'static Kind, text: &str) -> ApiResult<Option<Uuid>> {
    match text.parse::<Reference>() {
        Ok(Reference::Id(id)) => Ok(Some(id)),
        Ok(Reference::External { system, value }) => {
            let key = [(system, kind.name, value)];
            let found = app.reads.recent(async |db| load::find_external(db, &key).await).await?;
            // Where nobody has it, what no record has is looked for: one that is not seen costs no more.
            let id = found.into_iter().next().map_or_else(Uuid::nil, |(_, id)| id);
            Ok(find(app, who, kind, id).await?.map(|record| record.id))
        }
        Ok(Reference::Item(_)) | Err(()) => Ok(None),
    }
}

/// What a read finds, and once more where the caller does not see all of it and sees something else in a view as new as its
/// request: another server may just have made the unit of a record, moved it, or given a grant. `read` returns what it
/// finds and whether the caller sees all of it; what does not exist counts as not seen, so that both cost the same.
///
/// # Errors
/// What `read` fails with; `503` when the database cannot be asked.
pub async fn seen<T>(app: &App, who: &mut Who, read: impl AsyncFn(&Who) -> ApiResult<(T, bool)>) -> ApiResult<T> {
    let (found, whole) = read(who).await?;
    if whole || !who.confirm(app).await? {
        return Ok(found);
    }
    Ok(Box::pin(read(who)).await?.0)
}

/// A record that the caller sees, deleted or not, with the columns that it may read.
///
/// # Errors
/// When the database fails.
pub async fn find(app: &App, who: &mut Who, kind: &'static Kind, id: Uuid) -> ApiResult<Option<Stored>> {
    find_as(app, who, kind, id, Class::Sensitive).await
}

/// The same with the columns up to a class.
pub(crate) async fn find_as(
    app: &App,
    who: &mut Who,
    kind: &'static Kind,
    id: Uuid,
    class: Class,
) -> ApiResult<Option<Stored>> {
    let read = async |who: &Who| {
        let Some(most) = who.scope.most(kind) else { return Ok((None, false)) };
        let found = app.reads.recent(async |db| load::find_records(db, kind, &[id], most.min(class)).await).await?;
        let found = found.into_iter().next().filter(|record| who.scope.reads(kind, record.unit_id).is_some());
        let is_seen = found.is_some();
        Ok((found, is_seen))
    };
    seen(app, who, read).await
}

/// The record of a path that the caller sees.
///
/// # Errors
/// `404` when there is none.
pub async fn of_path(app: &App, who: &mut Who, kind: &'static Kind, text: &str) -> ApiResult<Stored> {
    let not_found = || ApiError::new(&NOT_FOUND);
    let id = resolve(app, who, kind, text).await?.ok_or_else(not_found)?;
    find(app, who, kind, id).await?.ok_or_else(not_found)
}
