//! Work lists: `GET /v1/work_items`.

use super::edge::wants_vietnamese;
use super::params::{self, Params};
use super::records::cursor::ListCursor;
use super::records::expand::Expansion;
use super::records::query::{DEFAULT_LIMIT, MAX_LIMIT, unit};
use crate::auth::caller::Who;
use crate::error::ApiResult;
use crate::phrases;
use crate::state::App;
use crate::store::registry::{Kind, UNIT};
use crate::store::work::{DueItem, WorkList};
use actix_web::{HttpRequest, HttpResponse, get};
use cell_records_types::Date;
use cell_records_types::pages::Page;
use cell_records_types::phrases::Words;
use cell_records_types::work::{WorkCode, WorkItem};
use utoipa_actix_web::service_config::ServiceConfig;

/// So many days ahead a list goes when the caller says nothing.
const DEFAULT_DAYS: i64 = 30;
/// So many days ahead it may go.
const MAX_DAYS: i64 = 366;

/// Registers the routes of this file.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list_work_items);
}

/// What is due, or late, with the records that the caller reads: in the order of days, then of ids.
///
/// The code list `work` has what there is. What follows from fields that the caller does not read in a unit is left out there, so the
/// list says nothing of records that the caller does not see. It has at most 64 units with at most 10,000 records of a type:
/// who reads more names a `unit`.
#[utoipa::path(tag = "work",
    params(
        ("limit" = i64, Query),
        ("cursor" = String, Query),
        ("unit" = String, Query),
        ("subtree" = bool, Query),
        ("due_to" = Option<Date>, Query, description = "The last day that is meant, at most 366 days ahead; without it, in 30 days. What is late is always there."),
        ("what" = Option<String>, Query, description = "Only this work: codes of the list `work`, comma separated."),
    ),
    responses((status = 200, description = "A page", body = Page<WorkItem>, example = json!({"items": [{
        "type": "member", "id": "014aa2ca-b000-7002-8000-000000000001", "unit_id": "014aa2ca-b000-7001-8000-000000000065",
        "display": "Nguyễn Thị Minh Liễu", "unit_display": "Chi bộ khối 1", "what": "party_badge", "number": 40, "due": "2015-02-03",
    }]}))))]
#[get("/v1/work_items")]
async fn list_work_items(app: App, mut who: Who, request: HttpRequest) -> ApiResult<HttpResponse> {
    let (cursor, pairs) = ListCursor::begin(&app, &who, "work_items", params::sent(&request)?)?;
    let mut params = Params::new(pairs.clone());
    let today = who.view.now.date_in_vietnam();
    let unit = unit(&app, &mut who, &mut params).await?;
    let due_to = params.read("due_to", |text| day(text, today.plus_days(MAX_DAYS)));
    let what = params.read_list("what", codes).unwrap_or_default();
    let limit = params.number("limit", 1, MAX_LIMIT).unwrap_or(DEFAULT_LIMIT);
    params.know(["cursor"]);
    params.end()?;
    let due_to = due_to.unwrap_or_else(|| today.plus_days(DEFAULT_DAYS));
    let list = WorkList { unit, what, today, due_to, after: cursor.as_ref().map(ListCursor::place), limit };
    let (found, next) = app.reads.single(async |db| list.page(db, &who.scope, &app.sizes).await).await?;
    let why = (found.is_empty() && list.is_out_of_rights(&who.scope)).then_some(&phrases::NO_WORK_IN_SIGHT);
    let mut named = Expansion::default();
    for item in &found {
        named.add(item.kind, item.id);
        named.add(UNIT, item.unit);
    }
    let vietnamese = wants_vietnamese(request.headers());
    let texts = named.texts(&app, &who.scope, vietnamese).await?;
    let display = |kind: &Kind, id| texts.get(&(kind.order, id)).and_then(|one| one.display.clone());
    let item = |DueItem { kind, id, unit, due, what, number }| WorkItem {
        record_type: kind.name.into(),
        id,
        unit_id: unit,
        display: display(kind, id),
        unit_display: display(UNIT, unit),
        what,
        number,
        due,
    };
    let next = next.and_then(|next| ListCursor::seal(&app, &who, "work_items", &pairs, next, None));
    let note = why.map(|why| Words::from(why).text(vietnamese).to_owned());
    Ok(HttpResponse::Ok().json(Page { note, ..Page::new(found.into_iter().map(item).collect(), next) }))
}

/// A day, this one at the latest.
fn day(text: &str, latest: Date) -> Result<Date, Words> {
    let day = text.parse().ok().filter(|day| *day <= latest);
    day.ok_or_else(|| phrases::DATE_UP_TO.with(latest))
}

/// Codes of work.
fn codes(text: &str) -> Result<Vec<WorkCode>, Words> {
    let codes: Option<Vec<WorkCode>> = text.split(',').map(|code| WorkCode::from_code(code.trim())).collect();
    codes.ok_or_else(|| phrases::SOME_OF.of(WorkCode::LIST.words()))
}
