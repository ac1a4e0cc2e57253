//! The calls that every record type has. Generic over the registry: a type's routes say which type they mean.

pub mod advance;
pub mod document;
pub mod query;
pub mod read;
pub mod types;
pub mod write;

use crate::auth::caller::Who;
use crate::error::{ApiError, ApiResult, INTERNAL, NOT_FOUND};
use crate::state::App;
use crate::store::load;
use crate::store::record::{Stored, show};
use crate::store::registry::{KINDS, Kind};
use actix_web::dev::Payload;
use actix_web::web;
use actix_web::{FromRequest, HttpRequest};
use cell_records_types::{Class, Reference};
use std::future::{Ready, ready};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// The record type of a route.
#[derive(Clone, Copy)]
pub struct Of(pub &'static Kind);

impl FromRequest for Of {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.app_data::<Of>().copied().ok_or_else(|| ApiError::new(&INTERNAL)))
    }
}

/// Registers the routes of every record type, and those about the types. [`document`] describes the same.
///
/// Each type has a scope of its own: a path of another type, or of none, is told by the scope's prefix alone, where
/// single resources would each try their pattern on it.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(types::record_types).service(types::code_lists).service(advance::advance_round);
    for kind in &KINDS {
        let scope = web::scope(&format!("/v1/{}", kind.plural))
            .app_data(Of(kind))
            .service(web::resource("").get(read::list).post(write::create))
            .service(web::resource("/{id}").get(read::get).patch(write::update).delete(write::delete))
            .service(web::resource("/{id}/history").get(read::history))
            .service(web::resource("/{id}/restore").post(write::restore));
        config.map(|config| config.service(scope));
    }
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
            let found =
                app.reads.single(async |db| load::find_external(db, &key).await.map_err(ApiError::from)).await?;
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
    let found =
        app.reads.single(async |db| load::find_records(db, kind, &[id], class).await.map_err(ApiError::from)).await?;
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

/// A record as JSON text under the caller's mask.
pub fn text(who: &Who, record: &Stored) -> String {
    let mut text = String::with_capacity(1024);
    show(&who.scope, record, &mut text);
    text
}
