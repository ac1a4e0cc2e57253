//! `GET /v1/sync/changes`: the feed. A cursor leads from the snapshot into the tail and on; what is read, with whose
//! rights, is decided anew for each page.

use super::cursor::{Cursor, Walk, short_batch, short_epoch};
use super::page::{Envelope, Page};
use super::pull::{Filter, MAX_UNITS, Pull, bit, rev_text};
use super::{snapshot, tail};
use crate::auth::caller::Who;
use crate::db::{At, Db, DbError, Guid, Id, Instant as SqlInstant, Sql, Verbs};
use crate::error::{self, ApiError, ApiResult};
use crate::http::etag;
use crate::http::openapi::Problems;
use crate::http::params::Params;
use crate::on;
use crate::state::App;
use crate::store::live::View;
use crate::store::load::find_external;
use crate::store::registry::{KINDS, Kind, UNIT};
use crate::store::scope::Scope;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse, get};
use cell_records_types::sync::{ChangesPage, MAX_PULL_LIMIT, Phase};
use cell_records_types::{Reference, Timestamp};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Changes of a page when the caller does not say.
const LIMIT: usize = 500;
/// Bytes of a page when the caller does not say.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Bytes that a caller may ask for.
const MAX_BYTES_BETWEEN: (usize, usize) = (64 * 1024, 8 * 1024 * 1024);
/// Largest page, in bytes.
pub const PULL_MAX_BYTES: usize = MAX_BYTES_BETWEEN.1;
/// Longest wait, in seconds.
pub const WAIT_SECONDS: u32 = 60;
/// How often a waiting request looks at its rights, and for commits of other servers. With the age that a server's view
/// may have, a revoked token's wait ends within a second.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// The change feed, and the first load of it.
///
/// Without a cursor it begins with a snapshot: all records of the caller's scope, units first, over as many pages as
/// they need, then `snapshot_end`; after that the same cursor leads on into the changes. Save the cursor in the
/// transaction that applies the page. `types`, `units` and `own` are fixed by the first call.
///
/// On `410 cursor_gone` begin again without a cursor; its `reason` is `expired` (the position is too old),
/// `epoch_changed` (the database was restored) or `scope_changed`. A cursor that cannot be read is `400 cursor_invalid`,
/// one with other parameters than it began with `400 cursor_filter_mismatch`, another caller's `403 cursor_foreign`. A
/// unit that the caller does not see is answered as one that does not exist. `If-None-Match` with the last `ETag` answers `304` when nothing at all was written.
#[utoipa::path(tag = "sync", params(
    ("cursor" = Option<String>, Query, description = "Where the last page ended; absent on the first call"),
    ("types" = Option<String>, Query, description = "Record types, comma separated; default all that the caller reads", example = "unit,member"),
    ("units" = Option<String>, Query, description = "Up to 8 units, comma separated, each with all below it; default the whole scope"),
    ("limit" = Option<u32>, Query, minimum = 1, maximum = 2000, description = "Most changes of the page; default 500"),
    ("max_bytes" = Option<u32>, Query, minimum = 65536, maximum = 8388608, description = "Largest page; default 4 MiB"),
    ("from" = Option<String>, Query, description = "Without a cursor: `snapshot` (default) or `now`, which only answers a cursor"),
    ("own" = Option<String>, Query, description = "`brief` sends what the caller itself wrote and knows without its body; default `full`"),
    ("wait" = Option<u32>, Query, maximum = 60, description = "Seconds to wait for a change when there is none; default 0"),
    ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the last page"),
), responses(
    (status = 200, description = "A page", body = ChangesPage, headers(("ETag" = String, description = "Epoch, head of the log and scope")),
        example = json!({"phase": "changes", "changes": [
            {"op": "remove", "type": "member", "id": "01937f1a-0000-7000-8000-000000000001", "version": 4, "reason": "out_of_scope"}
        ], "cursor": "cs1.…", "has_more": false, "behind": 0, "epoch": "5f2c91ab-0000-4000-8000-000000000001", "schema": "2026-11",
           "scope_rev": "9f86d081884c7d65", "server_time": "2026-11-20T08:00:00.000000Z"})),
    (status = 304, description = "Nothing was written since"),
    Problems,
))]
#[get("/v1/sync/changes")]
pub(super) async fn sync_changes(app: App, who: Who, request: HttpRequest) -> ApiResult<HttpResponse> {
    let asked = Asked::of(&app, &who, &request).await?;
    let known = request.headers().contains_key("if-none-match") && asked.wait.is_zero();
    let mut built = match &asked.begin {
        Begin::After(cursor) => match unchanged(&app, &who, cursor, true).await? {
            Some(pull) if known && etag::is_known(&request, &tag(&pull)) => {
                return Ok(HttpResponse::NotModified().insert_header(("etag", tag(&pull))).finish());
            }
            Some(pull) => Built::nothing(pull, cursor.clone(), &asked),
            None => build(&app, &who, &asked.begin, &asked).await?,
        },
        begin => build(&app, &who, begin, &asked).await?,
    };
    if matches!(asked.begin, Begin::After(_)) && !asked.wait.is_zero() {
        built = wait(&app, &request, built, &asked).await?;
    }
    built.answer(&app)
}

/// Waits until a page has something to say. Rights, scope and data are those of the moment when it has.
async fn wait(app: &App, request: &HttpRequest, mut built: Built, asked: &Asked) -> ApiResult<Built> {
    let end = Instant::now() + asked.wait;
    let mut committed = app.writer.committed();
    while built.is_idle() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || app.ending.load(Ordering::Acquire) {
            break;
        }
        let look = left.min(LOOK_EVERY);
        // This server's commits wake at once; those of others, and changed rights, are seen at the next look.
        if let Ok(Err(_)) = tokio::time::timeout(look, committed.changed()).await {
            tokio::time::sleep(look).await;
        }
        let who = Who::from_request(request, &mut Payload::None).await?;
        if unchanged(app, &who, &built.cursor, false).await?.is_none() {
            let begin = Begin::After(built.cursor.clone());
            built = build(app, &who, &begin, asked).await?;
        }
    }
    Ok(built)
}

/// What a request asks for.
struct Asked {
    begin: Begin,
    limit: usize,
    max_bytes: usize,
    wait: Duration,
}

enum Begin {
    Snapshot(Filter),
    Now(Filter),
    After(Cursor),
}

impl Asked {
    async fn of(app: &App, who: &Who, request: &HttpRequest) -> ApiResult<Self> {
        let mut params = Params::of(request)?;
        let cursor = params.take("cursor");
        let types = params.read("types", types);
        let units = params.read("units", references);
        let limit = number(&mut params, "limit", (1, usize::try_from(MAX_PULL_LIMIT).unwrap_or(LIMIT)), LIMIT);
        let max_bytes = number(&mut params, "max_bytes", MAX_BYTES_BETWEEN, MAX_BYTES);
        let from = params.word("from", &["snapshot", "now"]);
        let own = params.word("own", &["full", "brief"]);
        let wait = number(&mut params, "wait", (0, usize::try_from(WAIT_SECONDS).unwrap_or(0)), 0);
        params.end()?;
        let units = match units {
            None => None,
            Some(units) => Some(resolve(app, who, &units, cursor.is_some()).await?),
        };
        let begin = match cursor {
            Some(text) => {
                if from.is_some() {
                    return Err(ApiError::parameter("from", "only without a cursor"));
                }
                let cursor = Cursor::open(&app.keys, &text).ok_or_else(|| ApiError::new(&error::CURSOR_INVALID))?;
                if cursor.account != who.identity.account {
                    return Err(ApiError::new(&error::CURSOR_FOREIGN));
                }
                let Filter { types: with_types, units: with_units, brief } = &cursor.filter;
                let same = types.is_none_or(|types| types == *with_types)
                    && units.is_none_or(|units| units == *with_units)
                    && own.is_none_or(|own| (own == "brief") == *brief);
                if !same {
                    return Err(ApiError::new(&error::CURSOR_FILTER_MISMATCH));
                }
                Begin::After(cursor)
            }
            None => {
                let filter = Filter {
                    types: types.unwrap_or_default(),
                    units: units.unwrap_or_default(),
                    brief: own == Some("brief"),
                };
                if from == Some("now") { Begin::Now(filter) } else { Begin::Snapshot(filter) }
            }
        };
        Ok(Asked { begin, limit, max_bytes, wait: Duration::from_secs(u64::try_from(wait).unwrap_or(0)) })
    }
}

fn number(params: &mut Params, name: &str, (low, high): (usize, usize), default: usize) -> usize {
    let bound = |bound: usize| i64::try_from(bound).unwrap_or(i64::MAX);
    let number = params.number(name, bound(low), bound(high));
    number.and_then(|number| usize::try_from(number).ok()).unwrap_or(default)
}

fn types(text: &str) -> Result<u32, String> {
    let known = || KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
    let unknown = || format!("must be some of: {}", known());
    text.split(',').try_fold(0, |types, name| Kind::named(name).map(|kind| types | bit(kind)).ok_or_else(unknown))
}

fn references(text: &str) -> Result<Vec<Reference>, String> {
    let wrong = || format!("must be 1 to {MAX_UNITS} UUIDs or ext:<system>:<value>");
    let parsed = text.split(',').map(|one| match one.parse() {
        Ok(Reference::Item(_)) | Err(()) => Err(wrong()),
        Ok(reference) => Ok(reference),
    });
    let units = parsed.collect::<Result<Vec<Reference>, String>>()?;
    if units.len() > MAX_UNITS { Err(wrong()) } else { Ok(units) }
}

/// The ids of units. What the caller does not see is answered as what does not exist. Beside a cursor they are only
/// compared with its own.
async fn resolve(app: &App, who: &Who, units: &[Reference], compared: bool) -> ApiResult<Vec<Uuid>> {
    let keys: Vec<_> = units
        .iter()
        .filter_map(|unit| match unit {
            Reference::External { system, value } => Some((system.clone(), UNIT.name, value.clone())),
            _ => None,
        })
        .collect();
    let held = match keys.is_empty() {
        true => Vec::new(),
        false => app.reads.single(async |db| find_external(db, &keys).await).await?,
    };
    let id = |unit: &Reference| match unit {
        Reference::Id(id) => Some(*id),
        Reference::External { system, value } => {
            held.iter().find(|((of, _, with), _)| of == system && with == value).map(|(_, id)| *id)
        }
        Reference::Item(_) => None,
    };
    // Who has no grant left gets the end of nothing, so that its copy is emptied too.
    let any = compared || who.scope.grants.is_empty();
    let visible = |id: &Uuid| who.scope.tree.contains(*id) && who.scope.reads(UNIT, *id).is_some();
    let found = units.iter().map(|unit| {
        let id = id(unit).filter(|id| any || visible(id));
        match id {
            None if compared => Err(ApiError::new(&error::CURSOR_FILTER_MISMATCH)),
            None if any => Ok(Uuid::nil()),
            id => id.ok_or_else(|| ApiError::parameter("units", format!("no unit is found under {unit}"))),
        }
    });
    let mut found = found.collect::<ApiResult<Vec<Uuid>>>()?;
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Whether the clock stands at a cursor and the cursor's scope still holds: then there is nothing to say, and what is
/// kept in memory is enough to know it. `fresh` asks the database for the clock; otherwise it may be a second old.
async fn unchanged(app: &App, who: &Who, cursor: &Cursor, fresh: bool) -> ApiResult<Option<Pull>> {
    if cursor.walk.is_some() {
        return Ok(None);
    }
    let view = match fresh {
        true => app.reads.single(async |db| app.live.confirm(db).await).await?,
        false => app.view().await?,
    };
    if !cursor.is_at(&view.clock) {
        return Ok(None);
    }
    let Some(grants) = app.live.grants(who.identity.account, view.clock.auth_rev) else { return Ok(None) };
    let narrowing = &who.identity.narrowing;
    let scope = Scope::new(who.scope.actor.clone(), &grants, narrowing, view.now, view.tree.clone());
    let pull = Pull::new(cursor.filter.clone(), scope, view);
    Ok((pull.rev() == cursor.scope_rev).then_some(pull))
}

fn tag(pull: &Pull) -> String {
    format!("W/\"{}-{}-{}\"", pull.view.clock.epoch, pull.view.clock.seq, rev_text(pull.rev()))
}

/// A page that is made.
struct Built {
    view: View,
    tag: String,
    cursor: Cursor,
    page: Page,
    reset: bool,
    snapshot_id: Option<Uuid>,
    has_more: bool,
    behind: Option<(i64, bool)>,
}

impl Built {
    fn nothing(pull: Pull, cursor: Cursor, asked: &Asked) -> Self {
        let page = Page::new(asked.limit, asked.max_bytes);
        Built {
            tag: tag(&pull),
            view: pull.view,
            cursor,
            page,
            reset: false,
            snapshot_id: None,
            has_more: false,
            behind: Some((0, false)),
        }
    }

    /// Whether it says nothing that a waiting caller waits for.
    fn is_idle(&self) -> bool {
        self.page.is_empty() && !self.has_more && self.snapshot_id.is_none()
    }

    fn answer(self, app: &App) -> ApiResult<HttpResponse> {
        let cursor = self.cursor.seal(&app.keys).ok_or_else(|| ApiError::new(&error::INTERNAL))?;
        let body = self.page.finish(&Envelope {
            phase: if self.snapshot_id.is_some() { Phase::Snapshot } else { Phase::Changes },
            reset: self.reset,
            snapshot_id: self.snapshot_id,
            cursor: &cursor,
            has_more: self.has_more,
            behind: self.behind,
            epoch: &self.view.clock.epoch,
            scope_rev: &rev_text(self.cursor.scope_rev),
            now: self.view.now,
        });
        Ok(HttpResponse::Ok().insert_header(("etag", self.tag)).content_type("application/json").body(body))
    }
}

/// Why a cursor leads nowhere any more.
enum Gone {
    Expired,
    EpochChanged,
    BackInTime,
    ScopeChanged,
}

/// Makes a page in one read transaction: rights, clock and records are of one state.
async fn build(app: &App, who: &Who, begin: &Begin, asked: &Asked) -> ApiResult<Built> {
    let result = app
        .reads
        .snapshot(async |db| {
            let view = app.live.confirm(db).await?;
            let actor = who.scope.actor.clone();
            let scope = app.live.scope(db, actor, &who.identity.narrowing, &view).await?;
            let filter = match begin {
                Begin::Snapshot(filter) | Begin::Now(filter) => filter.clone(),
                Begin::After(cursor) => cursor.filter.clone(),
            };
            let pull = Pull::new(filter, scope, view);
            let rev = pull.rev();
            let mut cursor = match begin {
                Begin::After(cursor) => match gone(db, &pull, cursor, rev).await? {
                    Some(gone) => return Ok(Err((gone, pull.view.clock.epoch.clone(), floor(db, &pull.view).await?))),
                    None => cursor.clone(),
                },
                _ => Cursor::at_head(who.identity.account, &pull.view.clock, rev, pull.filter.clone()),
            };
            if matches!(begin, Begin::Snapshot(_)) {
                cursor.walk = Some(Walk { id: Uuid::new_v4(), after: None, counts: [0; KINDS.len()] });
            }
            let mut page = Page::new(asked.limit, asked.max_bytes);
            let snapshot_id = cursor.walk.as_ref().map(|walk| walk.id);
            let head = pull.view.clock.seq;
            let (mut walked, mut behind) = (true, None);
            if let Some(walk) = &mut cursor.walk {
                walked = snapshot::fill(db, &pull, walk, &mut page).await?;
                if walked {
                    cursor.walk = None;
                }
            } else {
                cursor.seq = tail::fill(db, &pull, cursor.seq, &mut page).await?;
                cursor.batch = batch_of(db, &pull.view, cursor.seq).await?.unwrap_or_default();
                behind = Some(tail::behind(db, &pull, cursor.seq).await?);
            }
            Ok::<_, DbError>(Ok(Built {
                tag: tag(&pull),
                has_more: !walked || cursor.seq < head,
                reset: matches!(begin, Begin::Snapshot(_)),
                view: pull.view,
                cursor,
                page,
                snapshot_id,
                behind,
            }))
        })
        .await?;
    match result {
        Ok(built) => Ok(built),
        Err((why, epoch, floor)) => Err(refuse(app, &why, epoch, floor).await),
    }
}

/// Whether a cursor leads on.
async fn gone(db: &mut Db<'_>, pull: &Pull, cursor: &Cursor, rev: [u8; 8]) -> Result<Option<Gone>, DbError> {
    let clock = &pull.view.clock;
    if cursor.epoch != short_epoch(&clock.epoch) {
        return Ok(Some(Gone::EpochChanged));
    }
    if cursor.seq < clock.floor_seq {
        return Ok(Some(Gone::Expired));
    }
    if batch_of(db, &pull.view, cursor.seq).await? != Some(cursor.batch) {
        return Ok(Some(Gone::BackInTime));
    }
    Ok((cursor.scope_rev != rev).then_some(Gone::ScopeChanged))
}

/// The batch of a row of the log; nothing when there is no such row.
async fn batch_of(db: &mut Db<'_>, view: &View, seq: i64) -> Result<Option<[u8; 8]>, DbError> {
    if seq == view.clock.seq || seq == 0 {
        return Ok(Some(short_batch(seq, view.clock.batch)));
    }
    let sql = Sql::<Guid>::new("SELECT batch FROM changes WHERE seq = ").bind(seq);
    let batch: Option<Id> = on!(db, c => sql.first_row(c))?;
    Ok(batch.map(|batch| short_batch(seq, batch.0)))
}

/// Since when the log is kept.
async fn floor(db: &mut Db<'_>, view: &View) -> Result<Option<Timestamp>, DbError> {
    let sql = Sql::<SqlInstant>::new("SELECT at FROM changes WHERE seq >= ")
        .bind(view.clock.floor_seq)
        .text(" ORDER BY seq LIMIT 1");
    let at: Option<At> = on!(db, c => sql.first_row(c))?;
    Ok(at.map(Into::into))
}

/// The `410`. A database that went back in time without a restore gets a new epoch: what was answered from the lost
/// stretch of its log must match nothing.
async fn refuse(app: &App, why: &Gone, epoch: String, floor: Option<Timestamp>) -> ApiError {
    let reason = match why {
        Gone::Expired => "expired",
        Gone::ScopeChanged => "scope_changed",
        Gone::EpochChanged => "epoch_changed",
        Gone::BackInTime => {
            tracing::error!(
                "the database went back in time without a restore: a cursor names a row of the log that is not there; \
                 beginning a new epoch"
            );
            let begun = app
                .writer
                .accounts(move |tx| {
                    tx.end_epoch(&epoch);
                    Box::pin(std::future::ready(Ok(())))
                })
                .await;
            if let Err(error) = begun {
                tracing::error!(?error, "the new epoch could not be stored");
            }
            "epoch_changed"
        }
    };
    ApiError::new(&error::CURSOR_GONE)
        .with("reason", reason)
        .with("resync", "snapshot")
        .with("floor_at", floor.map(|at| at.to_string()))
}
