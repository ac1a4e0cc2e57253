//! Pages of lists other than those of records: limits, and cursors that are sealed and bound to their caller and query.

use super::params::Params;
use super::records::query::{DEFAULT_LIMIT, MAX_LIMIT};
use crate::auth::caller::Who;
use crate::auth::seal;
use crate::error::{self, ApiError, ApiResult};
use crate::state::App;
use crate::store::secrets;
use actix_web::HttpResponse;
use cell_records_types::pages::Page;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

const PREFIX: &str = "ca1.";

#[derive(Serialize, Deserialize)]
struct PageCursor<T> {
    caller: Uuid,
    query: String,
    after: T,
}

/// One page of a list, as it was asked for.
pub struct PageRequest<T> {
    /// Items a page.
    pub limit: i64,
    /// After which item it begins; nothing: the first page.
    pub after: Option<T>,
    query: String,
}

impl<T: Serialize + DeserializeOwned> PageRequest<T> {
    /// Takes `limit` and `cursor`. `query` says what else the cursor depends on: the list and its filters.
    ///
    /// # Errors
    /// `400` when it is no cursor or another query's, `403` when it is another caller's.
    pub fn of(params: &mut Params, app: &App, who: &Who, query: String) -> ApiResult<Self> {
        let limit = params.number("limit", 1, MAX_LIMIT).unwrap_or(DEFAULT_LIMIT);
        // Filters may be long; a cursor is not.
        let query = secrets::digest(query.as_bytes());
        let Some(text) = params.take("cursor") else { return Ok(PageRequest { limit, after: None, query }) };
        let cursor: Option<PageCursor<Value>> =
            Some(text).filter(|text| text.len() <= seal::LONGEST).and_then(|text| seal::open(&app.keys, PREFIX, &text));
        let cursor = cursor.ok_or_else(|| ApiError::new(&error::CURSOR_INVALID))?;
        if cursor.caller != who.identity.account {
            return Err(ApiError::new(&error::CURSOR_FOREIGN));
        }
        if cursor.query != query {
            return Err(ApiError::new(&error::CURSOR_FILTER_MISMATCH));
        }
        let after = serde_json::from_value(cursor.after).map_err(|_| ApiError::new(&error::CURSOR_INVALID))?;
        Ok(PageRequest { limit, after: Some(after), query })
    }

    /// The page of these items, of which one more than the limit was read, if there is one. `key` says where
    /// the next page begins after an item.
    pub fn answer<I: Serialize>(self, app: &App, who: &Who, items: Vec<I>, key: impl Fn(&I) -> T) -> HttpResponse {
        self.answer_up_to(app, who, items, key, None)
    }

    /// The same of items that were searched up to a place behind which there may be more.
    pub fn answer_up_to<I: Serialize>(
        self,
        app: &App,
        who: &Who,
        mut items: Vec<I>,
        key: impl Fn(&I) -> T,
        examined: Option<T>,
    ) -> HttpResponse {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let after = items.last().filter(|_| more).map(key).or(examined);
        let next_cursor = after.and_then(|after| self.next(app, who, after));
        HttpResponse::Ok().json(Page::new(items, next_cursor))
    }

    /// The cursor of the page that begins after an item.
    pub fn next(self, app: &App, who: &Who, after: T) -> Option<String> {
        let cursor = PageCursor { caller: who.identity.account, query: self.query, after };
        seal::seal(&app.keys, PREFIX, &cursor)
    }
}

/// A list in one page.
pub fn whole<I: Serialize>(items: Vec<I>) -> HttpResponse {
    HttpResponse::Ok().json(Page::new(items, None))
}
