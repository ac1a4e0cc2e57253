//! The parameters of a list: which records it is about, and how a page of them is asked for.

use super::cursor::ListCursor;
use super::resolve;
use super::selection::Selection;
use crate::auth::caller::Who;
use crate::db::Value;
use crate::error::{ApiError, ApiResult};
use crate::http::params::{Fault, Params};
use crate::phrases;
use crate::state::App;
use crate::store::filter::{Condition, Filter, NULL, Takes};
use crate::store::list::{List, ListPosition};
use crate::store::registry::{COMMON_SORTS, Kind, Sort, UNIT};
use cell_records_types::Timestamp;
use cell_records_types::phrases::Words;
use cell_records_types::text::{fold, word_pattern};
use std::borrow::Cow;
use uuid::Uuid;

/// Items of a page when the caller says nothing.
pub const DEFAULT_LIMIT: i64 = 50;
/// Most items of a page.
pub const MAX_LIMIT: i64 = 500;
/// Most words of a search.
pub const MAX_WORDS: usize = 8;

/// A list as it was asked for.
pub struct ListRequest {
    /// What it asks the store.
    pub list: List,
    /// What its items show.
    pub selection: Selection,
    /// Whether the whole list is counted.
    pub count: bool,
    /// The count, where a page before had it.
    pub total: Option<i64>,
    pairs: Vec<(String, String)>,
}

impl ListRequest {
    /// Reads the parameters that were sent.
    ///
    /// # Errors
    /// `400` naming the parameter and what is valid.
    pub async fn read(app: &App, who: &mut Who, kind: &'static Kind, sent: Vec<(String, String)>) -> ApiResult<Self> {
        let (cursor, pairs) = ListCursor::begin(app, who, kind.name, sent)?;
        let mut params = Params::new(pairs.clone());
        let limit = params.number("limit", 1, MAX_LIMIT).unwrap_or(DEFAULT_LIMIT);
        let sort = params.read("sort", |text| sort(kind, text));
        let count = params.word("count", &["exact"]).is_some();
        let selection = Selection::take(&mut params, kind);
        let mut list = asked(app, who, kind, &mut params).await?;
        params.know(["cursor", "ids"]);
        params.end()?;
        list.limit = limit;
        // The order of names is the one that a search finds its way in.
        let by_name = || kind.sorts.iter().find(|sort| sort.columns.first() == Some(&"name_key")).copied();
        list.sort = sort.map(|(sort, _)| sort).or_else(|| if list.words.is_empty() { None } else { by_name() });
        list.descending = sort.is_some_and(|(_, descending)| descending);
        list.after = cursor.as_ref().map(ListCursor::place);
        Ok(ListRequest { list, selection, count, total: cursor.and_then(|cursor| cursor.total(who)), pairs })
    }

    /// The cursor of the page that begins after this place.
    pub fn next(&self, app: &App, who: &Who, place: ListPosition, total: Option<i64>) -> Option<String> {
        ListCursor::seal(app, who, self.list.kind.name, &self.pairs, place, total)
    }
}

/// Takes the parameters that say which records are meant.
///
/// # Errors
/// When the database fails; what is not valid is among the faults of the parameters.
pub async fn asked(app: &App, who: &mut Who, kind: &'static Kind, params: &mut Params) -> ApiResult<List> {
    let unit = unit(app, who, params).await?;
    let words = if kind.search.is_some() { params.read("q", words) } else { None }.unwrap_or_default();
    let words = words.iter().map(|word| word_pattern(word)).collect();
    let updated_since = params.parsed::<Timestamp>("updated_since", &phrases::TIMESTAMP);
    let mut conditions = Vec::new();
    for (name, (filter, negated)) in params.find(|name| filter(kind, name)) {
        let text = match filter.test.takes() {
            Takes::Codes(_) => params.take_list(name.clone()),
            _ => params.take(name.clone()),
        };
        let Some(text) = text else { continue };
        let values = values(app, who, kind, filter, &text).await;
        if let Some(values) = params.checked(&name, values)? {
            conditions.push(Condition { filter: *filter, values, negated });
        }
    }
    params.know(kind.filters.iter().map(|filter| filter.name));
    params.know(kind.filters.iter().filter_map(Filter::negation));
    let (sort, descending, after, limit) = (None, false, None, DEFAULT_LIMIT);
    Ok(List { kind, unit, conditions, words, updated_since, sort, descending, after, limit })
}

/// Takes the parameters that say which unit is meant, and whether those below it are too.
///
/// # Errors
/// When the database fails.
pub async fn unit(app: &App, who: &mut Who, params: &mut Params) -> ApiResult<Option<(Uuid, bool)>> {
    let (unit, subtree) = (params.take("unit"), params.flag("subtree"));
    let Some(text) = unit else {
        if subtree {
            params.fault("subtree", &phrases::NEEDS_UNIT);
        }
        return Ok(None);
    };
    let unit = reference(app, who, UNIT, &text).await;
    Ok(params.checked("unit", unit)?.map(|unit| (unit, subtree)))
}

/// Whether a list of a type has this parameter, where its records are not named by `ids`.
pub fn is_of_list(kind: &'static Kind, name: &str) -> bool {
    ["cursor", "limit", "sort", "count", "unit", "subtree", "updated_since"].contains(&name)
        || (name == "q" && kind.search.is_some())
        || filter(kind, name).is_some()
}

/// The filter that a parameter means, and whether it is negated.
fn filter(kind: &'static Kind, name: &str) -> Option<(&'static Filter, bool)> {
    let named = |name: &str| kind.filters.iter().find(|filter| filter.name == name);
    // `status!=official` is read as `status!` and `official`.
    let negated = || named(name.strip_suffix(Filter::NOT).or_else(|| name.strip_suffix('!'))?);
    let plain = named(name).map(|filter| (filter, false));
    plain.or_else(|| negated().filter(|filter| filter.test.column().is_some()).map(|filter| (filter, true)))
}

fn sort(kind: &Kind, text: &str) -> Result<(Sort, bool), Words> {
    let name = text.strip_prefix('-').unwrap_or(text);
    let sort = kind.sort(name).ok_or_else(|| {
        let sorts = kind.sorts.iter().chain(&COMMON_SORTS);
        phrases::SORTS.of(Words::list(sorts.filter_map(|sort| Some(sort.label(kind)?.named(sort.name)))))
    })?;
    Ok((sort, text.starts_with('-')))
}

/// The words of a search, folded.
///
/// # Errors
/// What it must be.
pub fn words(text: &str) -> Result<Vec<String>, Words> {
    let words: Vec<String> = fold(text).split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    match words.len() {
        0 => Err((&phrases::NEEDS_A_WORD).into()),
        1..=MAX_WORDS => Ok(words),
        _ => Err(phrases::AT_MOST_WORDS.with(MAX_WORDS)),
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

async fn values(
    app: &App,
    who: &mut Who,
    kind: &'static Kind,
    filter: &Filter,
    text: &str,
) -> Result<Vec<Value>, Fault> {
    let takes = filter.test.takes();
    let (none, text) = match filter.takes_null(kind) {
        true => without_null(&takes, text),
        false => (None, text.into()),
    };
    let mut values = match takes {
        _ if none.is_some() && text.is_empty() => Vec::new(),
        Takes::Reference(target) => {
            let target = Kind::named(target).ok_or_else(|| Fault::Call(ApiError::new(&crate::error::INTERNAL)))?;
            vec![reference(app, who, target, &text).await?.into()]
        }
        takes => takes.read(&text).map_err(Fault::Value)?,
    };
    values.extend(none);
    Ok(values)
}

/// The value `null`, if it was sent, and what was sent besides: it may be one of several codes.
fn without_null<'a>(takes: &Takes, text: &'a str) -> (Option<Value>, Cow<'a, str>) {
    let is_null = |one: &&str| one.trim() == NULL;
    let none = || Some(Value::Text(None));
    match takes {
        Takes::Codes(_) if text.split(',').any(|one| is_null(&one)) => {
            let rest: Vec<&str> = text.split(',').filter(|one| !is_null(one)).collect();
            (none(), rest.join(",").into())
        }
        Takes::Codes(_) => (None, text.into()),
        _ if is_null(&text) => (none(), "".into()),
        _ => (None, text.into()),
    }
}
