//! Who calls which collection: what every call of a record type begins with.

use crate::auth::caller::Who;
use crate::error::{ApiError, ApiResult, INTERNAL, TYPE_NOT_READABLE};
use crate::phrases;
use crate::state::App;
use crate::store::registry::Kind;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use std::future::Future;
use std::pin::Pin;

/// The record type that a route belongs to.
#[derive(Clone, Copy)]
pub struct OfType(pub &'static Kind);

/// A record type and its caller, who reads records of it somewhere.
pub struct Collection {
    /// The type.
    pub kind: &'static Kind,
    /// The caller.
    pub who: Who,
}

impl FromRequest for Collection {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let kind = request.app_data::<OfType>().map(|OfType(kind)| *kind);
        let app = App::from_request(request, payload);
        let who = Who::from_request(request, payload);
        Box::pin(async move {
            let (app, mut who) = (app.await?, who.await?);
            let kind = kind.ok_or_else(|| ApiError::new(&INTERNAL))?;
            must_read(&app, &mut who, kind).await?;
            Ok(Collection { kind, who })
        })
    }
}

/// Refuses a caller that reads the type nowhere.
///
/// # Errors
/// `403`.
pub async fn must_read(app: &App, who: &mut Who, kind: &Kind) -> ApiResult<()> {
    // Another server may just have let it.
    if who.sees(app, |scope| scope.most(kind).is_some()).await? {
        return Ok(());
    }
    Err(ApiError::new(&TYPE_NOT_READABLE).detail(phrases::OF_TYPE.of(kind.label).with(kind.name)))
}
