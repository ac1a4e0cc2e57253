//! `GET /v1/{types}/counts`: how many records of a list there are, by one or two of its fields.

use super::collection::Collection;
use super::query::asked;
use crate::db::Value as Cell;
use crate::error::{self, ApiError, ApiResult};
use crate::http::params::Params;
use crate::phrases;
use crate::state::App;
use crate::store::filter::Test;
use crate::store::list::{Counted, Group};
use crate::store::registry::Kind;
use actix_web::{HttpRequest, HttpResponse};
use cell_records_types::pages::{CountedGroup, Counts};
use cell_records_types::phrases::Words;
use serde_json::Value;

/// Most fields that a count groups by.
pub const MAX_FIELDS: usize = 2;

/// `GET /v1/{types}/counts`
pub async fn counts(
    Collection { kind, mut who }: Collection,
    app: App,
    request: HttpRequest,
) -> ApiResult<HttpResponse> {
    let mut params = Params::of(&request)?;
    let by = params.take_list("group_by").unwrap_or_default();
    let by = groups(kind, &by).unwrap_or_else(|why| {
        params.fault("group_by", why);
        Vec::new()
    });
    let list = asked(&app, &mut who, kind, &mut params).await?;
    params.end()?;
    let counted = list.groups(&app.reads, &who.scope, &app.sizes, &by).await?;
    let counted = counted.ok_or_else(|| ApiError::new(&error::TOO_MANY_GROUPS))?;
    let total = counted.iter().map(|(_, count)| count).sum();
    let groups = counted.into_iter().map(|counted| group(&by, counted)).collect();
    Ok(HttpResponse::Ok().json(Counts { groups, total }))
}

fn groups(kind: &'static Kind, text: &str) -> Result<Vec<Group>, Words> {
    let wrong = || phrases::GROUPS.of(Words::list(Group::of(kind).map(|group| group.words(kind))));
    let named = |name: &str| Group::of(kind).find(|group| group.name == name.trim()).ok_or_else(wrong);
    let mut by = Vec::new();
    for name in text.split(',') {
        let group = named(name)?;
        if by.len() == MAX_FIELDS || by.iter().any(|one: &Group| one.name == group.name) {
            return Err(wrong());
        }
        by.push(group);
    }
    Ok(by)
}

fn group(by: &[Group], (cells, count): Counted) -> CountedGroup {
    let values = by.iter().zip(cells).map(|(group, cell)| {
        let is_flag = group.filter.is_some_and(|filter| matches!(filter.test, Test::Flag(_)));
        let value = match cell {
            Cell::Int(Some(number)) if is_flag => Value::from(number != 0),
            Cell::Int(number) => number.into(),
            Cell::Id(id) => id.map(|id| id.0.to_string()).into(),
            Cell::Text(text) => text.into(),
            Cell::At(_) => Value::Null,
        };
        (group.name.to_owned(), value)
    });
    CountedGroup { values: values.collect(), count }
}
