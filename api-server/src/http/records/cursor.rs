//! The cursor of a list. It holds the list's parameters: a next page needs the cursor only.

use crate::auth::caller::Who;
use crate::auth::seal;
use crate::db::{At, Value};
use crate::error::{ApiError, ApiResult, CURSOR_FILTER_MISMATCH, CURSOR_FOREIGN, CURSOR_INVALID};
use crate::phrases;
use crate::state::App;
use crate::store::list::ListPosition;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const PREFIX: &str = "cl1.";
/// Longest query of a list, in bytes as its cursor holds it: a cursor must fit into the next request.
const LONGEST_QUERY: usize = 3_000;

/// Parameters: names and values.
type Pairs = Vec<(String, String)>;

/// What a cursor holds: whose it is, what it asks, where it is.
#[derive(Serialize, Deserialize)]
pub struct ListCursor {
    caller: Uuid,
    /// Which list it is of: a type's name.
    kind: String,
    pairs: Vec<(String, String)>,
    key: Vec<CursorKey>,
    id: Uuid,
    /// How many records the list had when its first page was read, where it was to be counted, and the rights that it was
    /// counted with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total: Option<(i64, u32)>,
}

/// A key as the cursor holds it.
#[derive(Serialize, Deserialize)]
enum CursorKey {
    Id(Uuid),
    Text(String),
    Int(i64),
    At(i64),
}

impl ListCursor {
    /// The parameters of a list, with the cursor among those that were sent: then it has the others, too.
    ///
    /// # Errors
    /// `400` when it is no cursor or another list's, when another parameter differs, or when there is too much of them;
    /// `403` when it is another caller's.
    pub fn begin(app: &App, who: &Who, list: &str, mut sent: Pairs) -> ApiResult<(Option<Self>, Pairs)> {
        let at = sent.iter().position(|(name, _)| name == "cursor");
        let cursor = at.map(|at| ListCursor::open(app, who, list, &sent.swap_remove(at).1)).transpose()?;
        let pairs = match &cursor {
            Some(cursor) => cursor.pairs(sent)?,
            None => sent,
        };
        if serde_json::to_string(&pairs).is_ok_and(|text| text.len() > LONGEST_QUERY) {
            return Err(ApiError::parameter("query", phrases::QUERY_TOO_LONG.with(LONGEST_QUERY)));
        }
        Ok((cursor, pairs))
    }

    fn open(app: &App, who: &Who, list: &str, text: &str) -> ApiResult<Self> {
        let cursor: ListCursor = seal::open(&app.keys, PREFIX, text).ok_or_else(|| ApiError::new(&CURSOR_INVALID))?;
        if cursor.caller != who.identity.account {
            return Err(ApiError::new(&CURSOR_FOREIGN));
        }
        if cursor.kind != list {
            return Err(ApiError::new(&CURSOR_FILTER_MISMATCH));
        }
        Ok(cursor)
    }

    /// The parameters of a page that a cursor was sent with. A page may have another size; everything else is as the
    /// cursor has it.
    fn pairs(&self, mut sent: Vec<(String, String)>) -> ApiResult<Vec<(String, String)>> {
        let differs = |(name, value): &(String, String)| {
            name != "limit" && !self.pairs.iter().any(|(n, v)| n == name && v == value)
        };
        if sent.iter().any(differs) {
            return Err(ApiError::new(&CURSOR_FILTER_MISMATCH));
        }
        let limit = sent.iter().position(|(name, _)| name == "limit").map(|index| sent.swap_remove(index));
        let sized = limit.is_some();
        Ok(self.pairs.iter().filter(|(name, _)| !sized || name != "limit").cloned().chain(limit).collect())
    }

    /// How many records the list had, if its caller has the same rights as then.
    pub fn total(&self, who: &Who) -> Option<i64> {
        self.total.filter(|(_, rights)| *rights == fingerprint(who)).map(|(total, _)| total)
    }

    /// Where the page begins.
    pub fn place(&self) -> ListPosition {
        (self.key.iter().map(CursorKey::value).collect(), self.id)
    }

    /// The cursor of the page that begins after this place.
    pub fn seal(
        app: &App,
        who: &Who,
        list: &str,
        pairs: &[(String, String)],
        (key, id): ListPosition,
        total: Option<i64>,
    ) -> Option<String> {
        let cursor = ListCursor {
            caller: who.identity.account,
            kind: list.into(),
            pairs: pairs.to_vec(),
            key: key.into_iter().map(CursorKey::of).collect(),
            id,
            total: total.map(|total| (total, fingerprint(who))),
        };
        seal::seal(&app.keys, PREFIX, &cursor)
    }
}

/// The rights that a caller has now: its grants, none of which ever changes, and the tree.
fn fingerprint(who: &Who) -> u32 {
    let mut grants: Vec<Uuid> = who.scope.grants.iter().map(|grant| grant.id).collect();
    grants.sort_unstable();
    let mut hash = crc32fast::Hasher::new();
    hash.update(&who.view.clock.tree_rev.to_be_bytes());
    grants.iter().for_each(|id| hash.update(id.as_bytes()));
    hash.finalize()
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
