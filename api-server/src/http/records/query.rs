//! The parameters of a list, and its cursor, which holds them: a next page needs the cursor only.

use super::resolve;
use crate::auth::caller::Who;
use crate::auth::seal;
use crate::db::{At, Value};
use crate::error::{ApiError, ApiResult, CURSOR_FILTER_MISMATCH, CURSOR_FOREIGN, CURSOR_INVALID};
use crate::http::params::{Fault, Params};
use crate::phrases;
use crate::state::App;
use crate::store::filter::{Filter, Takes};
use crate::store::list::{Condition, List, ListPosition};
use crate::store::registry::{COMMON_SORTS, Kind, UNIT};
use actix_web::HttpRequest;
use actix_web::web::Query;
use cell_records_types::Timestamp;
use cell_records_types::phrases::Words;
use cell_records_types::text::{fold, word_pattern};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Items of a page when the caller says nothing.
pub const DEFAULT_LIMIT: i64 = 50;
/// Most items of a page.
pub const MAX_LIMIT: i64 = 500;
/// Most words of a search.
const MAX_WORDS: usize = 8;
/// Longest query of a list, in bytes as its cursor holds it: a cursor must fit into the next request.
const LONGEST_QUERY: usize = 3_000;
const PREFIX: &str = "cl1.";

/// A list as it was asked for.
pub struct ListRequest {
    /// What it asks the store.
    pub list: List,
    /// Only these fields are returned; empty: all.
    pub fields: Vec<String>,
    /// Whether the whole list is counted, on its first page.
    pub count: bool,
    pairs: Vec<(String, String)>,
}

/// What a cursor holds: whose it is, what it asks, where it is.
#[derive(Serialize, Deserialize)]
struct ListCursor {
    caller: Uuid,
    kind: String,
    pairs: Vec<(String, String)>,
    key: Vec<CursorKey>,
    id: Uuid,
}

/// A key as the cursor holds it.
#[derive(Serialize, Deserialize)]
enum CursorKey {
    Id(Uuid),
    Text(String),
    Int(i64),
    At(i64),
}

impl ListRequest {
    /// Reads the parameters of a request.
    ///
    /// # Errors
    /// `400` naming the parameter and what is valid.
    pub async fn read(app: &App, who: &mut Who, kind: &'static Kind, request: &HttpRequest) -> ApiResult<Self> {
        let mut sent = Query::<Vec<(String, String)>>::from_query(request.query_string())
            .map_err(|_| ApiError::parameter("query", &phrases::QUERY_UNREADABLE))?
            .into_inner();
        let cursor = match sent.iter().position(|(name, _)| name == "cursor") {
            Some(index) => Some(open(app, who, kind, &sent.swap_remove(index).1)?),
            None => None,
        };
        let mut pairs = sent;
        if let Some(cursor) = &cursor {
            // A page may have another size; everything else stays as the cursor has it.
            let differs = |(name, value): &(String, String)| {
                name != "limit" && !cursor.pairs.iter().any(|(n, v)| n == name && v == value)
            };
            if pairs.iter().any(differs) {
                return Err(ApiError::new(&CURSOR_FILTER_MISMATCH));
            }
            let limit = pairs.iter().position(|(name, _)| name == "limit").map(|index| pairs.swap_remove(index));
            let sized = limit.is_some();
            pairs = cursor.pairs.iter().filter(|(name, _)| !sized || name != "limit").cloned().chain(limit).collect();
        }
        let mut asked = parse(app, who, kind, pairs).await?;
        if let Some(cursor) = cursor {
            asked.list.after = Some((cursor.key.iter().map(CursorKey::value).collect(), cursor.id));
            asked.count = false;
        }
        Ok(asked)
    }

    /// The cursor of the page that begins after this key and id.
    pub fn next(&self, app: &App, who: &Who, (key, id): ListPosition) -> Option<String> {
        let cursor = ListCursor {
            caller: who.identity.account,
            kind: self.list.kind.name.into(),
            pairs: self.pairs.clone(),
            key: key.into_iter().map(CursorKey::of).collect(),
            id,
        };
        seal::seal(&app.keys, PREFIX, &cursor)
    }
}

impl CursorKey {
    fn of(value: Value) -> Self {
        match value {
            Value::Id(id) => CursorKey::Id(id.map_or_else(Uuid::nil, |id| id.0)),
            Value::Text(text) => CursorKey::Text(text.unwrap_or_default()),
            Value::Int(number) => CursorKey::Int(number.unwrap_or_default()),
            Value::At(at) => CursorKey::At(at.map_or(0, |at| at.0)),
        }
    }

    fn value(&self) -> Value {
        match self {
            CursorKey::Id(id) => (*id).into(),
            CursorKey::Text(text) => text.as_str().into(),
            CursorKey::Int(number) => (*number).into(),
            CursorKey::At(at) => At(*at).into(),
        }
    }
}

fn open(app: &App, who: &Who, kind: &Kind, text: &str) -> ApiResult<ListCursor> {
    let cursor: ListCursor = seal::open(&app.keys, PREFIX, text).ok_or_else(|| ApiError::new(&CURSOR_INVALID))?;
    if cursor.caller != who.identity.account {
        return Err(ApiError::new(&CURSOR_FOREIGN));
    }
    if cursor.kind != kind.name {
        return Err(ApiError::new(&CURSOR_FILTER_MISMATCH));
    }
    Ok(cursor)
}

async fn parse(app: &App, who: &mut Who, kind: &'static Kind, pairs: Vec<(String, String)>) -> ApiResult<ListRequest> {
    if serde_json::to_string(&pairs).is_ok_and(|text| text.len() > LONGEST_QUERY) {
        return Err(ApiError::parameter("query", phrases::QUERY_TOO_LONG.with(LONGEST_QUERY)));
    }
    let mut params = Params::new(pairs.clone());
    let limit = params.number("limit", 1, MAX_LIMIT).unwrap_or(DEFAULT_LIMIT);
    let unit = params.take("unit");
    let subtree = params.flag("subtree");
    let unit = match unit {
        Some(text) => {
            let unit = reference(app, who, UNIT, &text).await;
            params.checked("unit", unit)?.map(|unit| (unit, subtree))
        }
        None => {
            if subtree {
                params.fault("subtree", &phrases::NEEDS_UNIT);
            }
            None
        }
    };
    let sort = params.read("sort", |text| {
        let name = text.strip_prefix('-').unwrap_or(text);
        let sort = kind.sort(name).ok_or_else(|| {
            let names: Vec<&str> = kind.sorts.iter().chain(&COMMON_SORTS).map(|sort| sort.name).collect();
            phrases::SORTS.with(names.join(", "))
        })?;
        Ok((sort, text.starts_with('-')))
    });
    let descending = sort.is_some_and(|(_, descending)| descending);
    let sort = sort.map(|(sort, _)| sort);
    let words = if kind.search.is_some() { params.read("q", words) } else { None }.unwrap_or_default();
    // The order of names is the one that a search finds its way in.
    let by_name = || kind.sorts.iter().find(|sort| sort.columns.first() == Some(&"name_key")).copied();
    let sort = if words.is_empty() { sort } else { sort.or_else(by_name) };
    let updated_since = params.parsed::<Timestamp>("updated_since", &phrases::TIMESTAMP);
    let count = params.word("count", &["exact"]).is_some();
    let fields = params.read("fields", |text| fields(kind, text)).unwrap_or_default();
    let mut conditions = Vec::new();
    for filter in kind.filters {
        if let Some(text) = params.take(filter.name) {
            let values = values(app, who, filter, &text).await;
            if let Some(values) = params.checked(filter.name, values)? {
                conditions.push(Condition { filter: *filter, values });
            }
        }
    }
    params.end()?;
    let list = List { kind, unit, conditions, words, updated_since, sort, descending, after: None, limit };
    Ok(ListRequest { list, fields, count, pairs })
}

/// Names of the envelope that `fields` may choose.
const ENVELOPE: [&str; 7] = ["id", "type", "version", "unit_id", "external_ids", "created_at", "updated_at"];

/// The words of a search.
fn words(text: &str) -> Result<Vec<String>, Words> {
    let words: Vec<String> = fold(text).split(' ').filter(|word| !word.is_empty()).map(word_pattern).collect();
    match words.len() {
        0 => Err((&phrases::NEEDS_A_WORD).into()),
        1..=MAX_WORDS => Ok(words),
        _ => Err(phrases::AT_MOST_WORDS.with(MAX_WORDS)),
    }
}

fn fields(kind: &Kind, text: &str) -> Result<Vec<String>, Words> {
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    let unknown = |name: &&String| !ENVELOPE.contains(&name.as_str()) && kind.field(name).is_none();
    match names.iter().find(unknown) {
        None => Ok(names),
        Some(name) => {
            let known: Vec<&str> = ENVELOPE.into_iter().chain(kind.fields.iter().map(|field| field.name)).collect();
            Err(phrases::NO_SUCH_FIELD.with(known.join(", ")).with(name))
        }
    }
}

async fn reference(app: &App, who: &mut Who, kind: &'static Kind, text: &str) -> Result<Uuid, Fault> {
    let found = resolve(app, who, kind, text).await?;
    // The list asks no more of a unit than whether its caller sees it.
    if kind.order == UNIT.order && found.is_some_and(|unit| who.scope.reads(UNIT, unit).is_none()) {
        who.confirm(app).await?;
    }
    found.ok_or_else(|| Fault::Value((&phrases::REFERS_TO_NOTHING).into()))
}

async fn values(app: &App, who: &mut Who, filter: &Filter, text: &str) -> Result<Vec<Value>, Fault> {
    if let Takes::Reference(target) = filter.test.takes() {
        let target = Kind::named(target).ok_or_else(|| Fault::Call(ApiError::new(&crate::error::INTERNAL)))?;
        return Ok(vec![reference(app, who, target, text).await?.into()]);
    }
    filter.test.takes().read(text).map_err(Fault::Value)
}
