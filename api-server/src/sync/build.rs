//! One page of the feed, made in one read transaction; or why its cursor leads no further.

use super::cursor::{FeedCursor, Walk, short_batch, short_epoch};
use super::page::{Envelope, FeedPage};
use super::parameters::{Begin, FeedRequest};
use super::pull::{Pull, rev_text};
use super::{snapshot, tail};
use crate::auth::caller::Who;
use crate::db::{At, Db, DbError, Guid, Id, Instant as SqlInstant, Sql, Verbs};
use crate::error::{self, ApiError, ApiResult};
use crate::http::files::Pieces;
use crate::on;
use crate::state::App;
use crate::store::live::View;
use actix_web::HttpResponse;
use cell_records_types::Timestamp;

/// A page that is made.
pub struct Built {
    /// What the caller may see, as it was when the page was made.
    pub pull: Pull,
    /// Where the next page begins.
    pub cursor: FeedCursor,
    page: FeedPage,
    has_more: bool,
    behind: Option<(i64, bool)>,
}

impl Built {
    /// An empty page, for a cursor that is at the head of the log.
    pub fn nothing(pull: Pull, cursor: FeedCursor, asked: &FeedRequest) -> Self {
        let page = FeedPage::new(asked.limit, asked.max_bytes, None, false);
        Built { pull, cursor, page, has_more: false, behind: Some((0, false)) }
    }

    /// Whether it says nothing that a waiting caller waits for.
    pub fn is_idle(&self) -> bool {
        self.page.is_empty() && !self.has_more
    }

    /// The answer.
    ///
    /// # Errors
    /// When the machine has no random numbers for the cursor.
    pub fn answer(self, app: &App, asked: &FeedRequest) -> ApiResult<HttpResponse> {
        let cursor = self.cursor.seal(&app.keys).ok_or_else(|| ApiError::new(&error::INTERNAL))?;
        let body = self.page.finish(&Envelope {
            cursor: &cursor,
            has_more: self.has_more,
            behind: self.behind,
            epoch: &self.pull.view.clock.epoch,
            scope_rev: &rev_text(self.cursor.scope_rev),
            now: self.pull.view.now,
            unknown_units: &asked.unknown_units(&self.pull.scope),
        });
        Ok(HttpResponse::Ok()
            .insert_header(("etag", self.pull.tag()))
            .content_type("application/json")
            .body(Pieces(body.into())))
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
///
/// # Errors
/// `410` when the cursor leads no further, `503` when the database fails.
pub async fn build(app: &App, who: &Who, begin: &Begin, asked: &FeedRequest) -> ApiResult<Built> {
    let result = app
        .reads
        .snapshot(async |db| {
            let view = app.live.confirm(db).await?;
            let scope = app.live.scope(db, &who.scope.actor, &who.identity.narrowing, &view).await?;
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
                _ => FeedCursor::at_head(who.identity.account, &pull.view.clock, rev, pull.filter.clone()),
            };
            let begins = matches!(begin, Begin::Snapshot(_));
            if begins {
                cursor.walk = Some(Walk::begin());
            }
            let snapshot = cursor.walk.as_ref().map(|walk| walk.id);
            let mut page = FeedPage::new(asked.limit, asked.max_bytes, snapshot, begins);
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
            Ok::<_, DbError>(Ok(Built { has_more: !walked || cursor.seq < head, pull, cursor, page, behind }))
        })
        .await?;
    match result {
        Ok(built) => Ok(built),
        Err((why, epoch, floor)) => Err(refuse(app, &why, epoch, floor).await),
    }
}

/// Whether the clock is at a cursor and the cursor's scope still holds: then there is nothing to say, and what is
/// kept in memory is enough to know it. `fresh` asks the database for the clock; otherwise it may be a second old.
pub async fn unchanged(app: &App, who: &Who, cursor: &FeedCursor, fresh: bool) -> ApiResult<Option<Pull>> {
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
    let scope = app.live.kept_scope(&who.scope.actor, &who.identity.narrowing, &view);
    let Some(scope) = scope else { return Ok(None) };
    let pull = Pull::new(cursor.filter.clone(), scope, view);
    Ok((pull.rev() == cursor.scope_rev).then_some(pull))
}

/// Whether a cursor is still valid.
async fn gone(db: &mut Db<'_>, pull: &Pull, cursor: &FeedCursor, rev: [u8; 8]) -> Result<Option<Gone>, DbError> {
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
                tracing::warn!(?error, "the new epoch could not be stored");
            }
            "epoch_changed"
        }
    };
    let gone = ApiError::new(&error::CURSOR_GONE).with("reason", reason).with("resync", "snapshot");
    match floor {
        Some(at) => gone.with("floor_at", at.to_string()),
        None => gone,
    }
}
