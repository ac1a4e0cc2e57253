//! Reading records: lists, one record, as it was at a time.

use super::collection::Collection;
use super::expand::Expansion;
use super::query::{ListRequest, is_of_list};
use super::selection::Selection;
use super::view::RecordView;
use super::{of_path, seen};
use crate::auth::caller::Who;
use crate::error::{self, ApiError, ApiResult};
use crate::http::edge::wants_vietnamese;
use crate::http::params::{self, Params};
use crate::http::{etag, references};
use crate::phrases;
use crate::state::App;
use crate::store::history;
use crate::store::load::find_records;
use crate::store::record::Stored;
use crate::store::registry::Kind;
use actix_web::http::header::{ETAG, LINK};
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use cell_records_types::phrases::Words;
use cell_records_types::{Timestamp, Uuid};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt::Write;

const JSON: &str = "application/json";

/// `GET /v1/{types}`
pub async fn list(Collection { kind, mut who }: Collection, app: App, request: HttpRequest) -> ApiResult<HttpResponse> {
    let sent = params::sent(&request)?;
    if sent.iter().any(|(name, _)| name == "ids") {
        return named(&app, who, kind, &request, sent).await;
    }
    let asked = ListRequest::read(&app, &mut who, kind, sent).await?;
    let page = async |who: &Who| {
        let (records, next) = app.reads.single(async |db| asked.list.page(db, &who.scope, &app.sizes).await).await?;
        let (body, expansion, whole) = asked.selection.items(&who.scope, &records);
        Ok(((body, expansion, next, records.is_empty()), whole))
    };
    let (mut body, expansion, next, is_empty) = seen(&app, &mut who, page).await?;
    let total = match asked.total {
        None if asked.count => Some(asked.list.count(&app.reads, &who.scope, &app.sizes).await?),
        counted => counted,
    };
    body.push(']');
    let mut response = HttpResponse::Ok();
    if let Some(cursor) = next.and_then(|next| asked.next(&app, &who, next, total)) {
        // Sealed cursors are plain ASCII; writing to a String cannot fail.
        let _ = write!(body, r#","next_cursor":"{cursor}""#);
        response.insert_header((LINK, format!("</v1/{}?cursor={cursor}>; rel=\"next\"", kind.plural)));
    }
    if let Some(total) = total {
        let _ = write!(body, r#","total":{total}"#);
    }
    if is_empty && asked.list.is_out_of_rights(&who.scope) {
        let why = Words::from(&phrases::OUT_OF_RIGHTS);
        let _ = write!(body, r#","note":{}"#, Value::from(why.text(wants_vietnamese(request.headers()))));
    }
    close(&app, &who, &request, &asked.selection, expansion, &mut body).await?;
    Ok(response.content_type(JSON).body(body))
}

/// Most records of a list that names them.
pub const MAX_IDS: usize = 200;

/// A list of the records that `ids` names, in that order. Those that do not exist, are deleted or not seen are left out.
async fn named(
    app: &App,
    mut who: Who,
    kind: &'static Kind,
    request: &HttpRequest,
    sent: Vec<(String, String)>,
) -> ApiResult<HttpResponse> {
    let mut params = Params::new(sent);
    let ids = params.read_list("ids", |text| references::list(text, MAX_IDS)).unwrap_or_default();
    let selection = Selection::take(&mut params, kind);
    for (name, ()) in params.find(|name| is_of_list(kind, name).then_some(())) {
        params.take_list(name.clone());
        params.fault(&name, &phrases::ONLY_WITHOUT_IDS);
    }
    params.end()?;
    let ids = references::ids(app, kind, &ids).await?;
    let is_known = ids.iter().all(Option::is_some);
    let mut places = HashMap::with_capacity(ids.len());
    for id in ids.iter().flatten() {
        let next = places.len();
        places.entry(*id).or_insert(next);
    }
    let wanted: Vec<Uuid> = places.keys().copied().collect();
    let read = async |who: &Who| {
        let most = who.scope.most(kind).unwrap_or(kind.class);
        let mut found = app.reads.single(async |db| find_records(db, kind, &wanted, most).await).await?;
        let is_whole = is_known && found.len() == wanted.len();
        found.retain(Stored::is_live);
        found.sort_unstable_by_key(|record| places.get(&record.id).copied());
        let (body, expansion, whole) = selection.items(&who.scope, &found);
        Ok(((body, expansion), whole && is_whole))
    };
    let (mut body, expansion) = seen(app, &mut who, read).await?;
    body.push(']');
    close(app, &who, request, &selection, expansion, &mut body).await?;
    Ok(HttpResponse::Ok().content_type(JSON).body(body))
}

/// Ends the object of an answer, with what its records refer to where that was asked for.
async fn close(
    app: &App,
    who: &Who,
    request: &HttpRequest,
    selection: &Selection,
    expansion: Expansion,
    body: &mut String,
) -> ApiResult<()> {
    if selection.expands() {
        body.push(',');
        body.push_str(&expansion.member(app, &who.scope, wants_vietnamese(request.headers())).await?);
    }
    body.push('}');
    Ok(())
}

/// `GET /v1/{types}/{id}`
pub async fn get(
    Collection { kind, mut who }: Collection,
    app: App,
    path: Path<String>,
    request: HttpRequest,
) -> ApiResult<HttpResponse> {
    let record = of_path(&app, &mut who, kind, &path).await?;
    let mut params = Params::of(&request)?;
    let as_of = params.parsed::<Timestamp>("as_of", &phrases::TIMESTAMP);
    let selection = Selection::take(&mut params, kind);
    params.end()?;
    let record = match as_of {
        None => live(record)?,
        Some(at) => live(as_it_was(&app, &who, &record, at).await?)?,
    };
    let view = view(&who, &record)?;
    let tag = view.tag(&record, &who.view.clock.epoch);
    // What the record refers to may have changed, though the record has not.
    if !selection.expands() && etag::is_known(&request, &tag) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, tag)).finish());
    }
    let (mut body, expansion) = selection.one(view.text(&record));
    if selection.expands() {
        body.pop();
        close(&app, &who, &request, &selection, expansion, &mut body).await?;
    }
    Ok(HttpResponse::Ok().insert_header((ETAG, tag)).content_type(JSON).body(body))
}

/// What the caller reads of a record.
fn view<'a>(who: &'a Who, record: &Stored) -> ApiResult<RecordView<'a>> {
    RecordView::of(&who.scope, record).ok_or_else(|| ApiError::new(&error::NOT_FOUND))
}

/// Refuses a deleted record.
pub fn live(record: Stored) -> ApiResult<Stored> {
    match record.deleted_at {
        None => Ok(record),
        Some(at) => Err(ApiError::new(&error::GONE).with("deleted_at", at.to_string())),
    }
}

/// A record as it was at a time, where the caller may see that version.
async fn as_it_was(app: &App, who: &Who, record: &Stored, at: Timestamp) -> ApiResult<Stored> {
    let found = app.reads.recent(async |db| history::at(db, record, at).await).await?;
    let seen = found.filter(|version| who.scope.reads(record.kind, version.record.unit_id).is_some());
    seen.map(|version| version.record).ok_or_else(|| ApiError::new(&error::NOT_FOUND))
}
