//! What a call of the feed asks for: its parameters, read and checked, with those that its cursor holds.

use super::cursor::FeedCursor;
use super::pull::{FeedFilter, MAX_UNITS};
use crate::auth::caller::Who;
use crate::error::{self, ApiError, ApiResult};
use crate::http::openapi::parameters::{number as whole_number, one_of, reference, text};
use crate::http::params::Params;
use crate::http::records::parts::{parameter, several};
use crate::http::references;
use crate::phrases;
use crate::state::App;
use crate::store::registry::{KINDS, Kind, UNIT};
use crate::store::scope::Scope;
use crate::store::type_set::TypeSet;
use actix_web::HttpRequest;
use cell_records_types::Reference;
use cell_records_types::phrases::Words;
use cell_records_types::sync::MAX_PULL_LIMIT;
use serde_json::json;
use std::time::Duration;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::ObjectBuilder;
use uuid::Uuid;

/// Changes of a page when the caller does not say.
const LIMIT: usize = 500;
/// Changes that a caller may ask for.
const LIMIT_BETWEEN: (usize, usize) = (1, MAX_PULL_LIMIT as usize);
/// Bytes of a page when the caller does not say.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Bytes that a caller may ask for.
const MAX_BYTES_BETWEEN: (usize, usize) = (64 * 1024, 8 * 1024 * 1024);
/// Largest page, in bytes.
pub const PULL_MAX_BYTES: usize = MAX_BYTES_BETWEEN.1;
/// Longest wait, in seconds.
pub const WAIT_SECONDS: u32 = 60;
/// Seconds that a caller may ask to wait.
const WAIT_BETWEEN: (usize, usize) = (0, WAIT_SECONDS as usize);
/// Where a feed begins.
const FROM: [&str; 2] = ["snapshot", "now"];
/// How the caller's own writes are sent.
const OWN: [&str; 2] = ["full", "brief"];

/// What a call asks for.
pub struct FeedRequest {
    /// Where the page begins.
    pub begin: Begin,
    /// Most changes of the page.
    pub limit: usize,
    /// Largest page, in bytes.
    pub max_bytes: usize,
    /// How long to wait for a change.
    pub wait: Duration,
    /// On a first call: the units of the filter, as they were sent, with their ids.
    pub units: Vec<(Reference, Uuid)>,
}

/// Where a page begins.
pub enum Begin {
    /// With a new snapshot.
    Snapshot(FeedFilter),
    /// At the head of the log.
    Now(FeedFilter),
    /// After a cursor.
    After(FeedCursor),
}

/// As the API document has them.
impl IntoParams for FeedRequest {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let number = |(low, high): (usize, usize), default: usize| -> ObjectBuilder {
            let bound = |bound: usize| i64::try_from(bound).unwrap_or(i64::MAX);
            whole_number(bound(low), bound(high)).default(Some(json!(default)))
        };
        // A default would be sent by generated clients, also where a cursor says another thing.
        let words = |words: &[&str]| one_of(words.iter().map(|word| (*word).to_owned()));
        let types = one_of(KINDS.iter().map(|kind| kind.name.to_owned()));
        vec![
            parameter("cursor", text(), "Where the last page ended; absent on the first call.").build(),
            several("types", types.into(), None, "Record types; absent: all that the caller reads.").build(),
            several(
                "units",
                reference(),
                Some(MAX_UNITS),
                "Up to 8 units, each with all below it; absent: the whole scope.",
            )
            .build(),
            parameter("limit", number(LIMIT_BETWEEN, LIMIT).into(), "Most changes of the page.").build(),
            parameter("max_bytes", number(MAX_BYTES_BETWEEN, MAX_BYTES).into(), "Largest page, in bytes.").build(),
            parameter(
                "from",
                words(&FROM).into(),
                "Where to begin without a cursor; `now` only returns a cursor; absent: `snapshot`.",
            )
            .build(),
            parameter(
                "own",
                words(&OWN).into(),
                "`brief` sends what the caller itself wrote and knows without its body; absent: `full`.",
            )
            .build(),
            parameter(
                "wait",
                number(WAIT_BETWEEN, 0).into(),
                "Seconds to wait for a change when there is none. `server_time` is that of the answer.",
            )
            .build(),
            parameter("If-None-Match", text(), "The `ETag` of the last page.")
                .parameter_in(ParameterIn::Header)
                .build(),
        ]
    }
}

impl FeedRequest {
    /// Reads the parameters of a request.
    ///
    /// # Errors
    /// `400` for a parameter or cursor that cannot be read or that does not fit the cursor, `403` for another account's
    /// cursor.
    pub async fn of(app: &App, who: &Who, request: &HttpRequest) -> ApiResult<Self> {
        let mut params = Params::of(request)?;
        let cursor = params.take("cursor");
        let types = params.read_list("types", types);
        let units = params.read_list("units", |text| references::list(text, MAX_UNITS));
        let limit = number(&mut params, "limit", LIMIT_BETWEEN, LIMIT);
        let max_bytes = number(&mut params, "max_bytes", MAX_BYTES_BETWEEN, MAX_BYTES);
        let from = params.word("from", &FROM);
        let own = params.word("own", &OWN);
        let wait = number(&mut params, "wait", WAIT_BETWEEN, 0);
        params.end()?;
        let units = match units {
            None => None,
            Some(units) => Some(resolve(app, &units).await?),
        };
        let mut first_units = Vec::new();
        let begin = match cursor {
            Some(text) => {
                if from.is_some() {
                    return Err(ApiError::parameter("from", &phrases::ONLY_WITHOUT_CURSOR));
                }
                let cursor = FeedCursor::open(&app.keys, &text).ok_or_else(|| ApiError::new(&error::CURSOR_INVALID))?;
                if cursor.account != who.identity.account {
                    return Err(ApiError::new(&error::CURSOR_FOREIGN));
                }
                let FeedFilter { types: with_types, units: with_units, brief } = &cursor.filter;
                let same = types.is_none_or(|types| types == *with_types)
                    && units.is_none_or(|units| ids(&units) == *with_units)
                    && own.is_none_or(|own| (own == "brief") == *brief);
                if !same {
                    return Err(ApiError::new(&error::CURSOR_FILTER_MISMATCH));
                }
                Begin::After(cursor)
            }
            None => {
                first_units = units.unwrap_or_default();
                let units = ids(&first_units);
                let filter = FeedFilter { types: types.unwrap_or_default(), units, brief: own == Some("brief") };
                if from == Some("now") { Begin::Now(filter) } else { Begin::Snapshot(filter) }
            }
        };
        let wait = Duration::from_secs(u64::try_from(wait).unwrap_or(0));
        Ok(FeedRequest { begin, limit, max_bytes, wait, units: first_units })
    }

    /// Units of the filter that do not exist, or that the caller does not see, as they were sent.
    pub fn unknown_units(&self, scope: &Scope) -> Vec<String> {
        let unknown = self.units.iter().filter(|(_, id)| !FeedFilter::sees_unit(scope, *id));
        unknown.map(|(unit, _)| unit.to_string()).collect()
    }
}

fn number(params: &mut Params, name: &'static str, (low, high): (usize, usize), default: usize) -> usize {
    let bound = |bound: usize| i64::try_from(bound).unwrap_or(i64::MAX);
    let number = params.number(name, bound(low), bound(high));
    number.and_then(|number| usize::try_from(number).ok()).unwrap_or(default)
}

fn types(text: &str) -> Result<TypeSet, Words> {
    let unknown = || phrases::SOME_OF.of(Kind::all_words());
    text.split(',').map(|name| Kind::named(name.trim()).ok_or_else(unknown)).collect()
}

/// Units with their ids; an external id that nothing has gets the nil id, which no unit has. Whether the caller sees a
/// unit is judged for each page: it may change along the way, and then ends the cursor.
async fn resolve(app: &App, units: &[Reference]) -> ApiResult<Vec<(Reference, Uuid)>> {
    let ids = references::ids(app, UNIT, units).await?;
    Ok(units.iter().cloned().zip(ids.into_iter().map(Option::unwrap_or_default)).collect())
}

/// The ids of units as a cursor holds them.
fn ids(units: &[(Reference, Uuid)]) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = units.iter().map(|(_, id)| *id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
