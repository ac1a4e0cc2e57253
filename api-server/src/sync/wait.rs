//! Long polls. A call that has nothing to say waits for a commit that concerns it. Commits of this server come with
//! what they concerned, so a caller that they do not concern asks the database nothing; those of other servers, and
//! changed rights, are seen at the next look.

use super::build::{Built, build, unchanged};
use super::cursor::{FeedCursor, short_batch};
use super::parameters::{Begin, FeedRequest};
use crate::auth::caller::Who;
use crate::error::ApiResult;
use crate::state::App;
use crate::store::log_ranges::{Range, Recent};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

/// How often a waiting request looks at its rights, and for commits of other servers. With the age that a server's view
/// may have, a revoked token's wait ends within a second.
const LOOK_EVERY: Duration = Duration::from_millis(150);
/// After a commit that does not concern it a request sleeps this long, so that a thousand of them cost little while the
/// writer is busy.
const REST: Duration = Duration::from_millis(5);

/// Waits until a page has something to say. Rights, scope and data are those of the moment when it has.
pub async fn wait(app: &App, request: &HttpRequest, mut built: Built, asked: &FeedRequest) -> ApiResult<Built> {
    let end = Instant::now() + asked.wait;
    let mut commits = app.writer.committed();
    while built.is_idle() {
        if Instant::now() >= end || app.ending.load(Ordering::Acquire) {
            break;
        }
        let ranges = built.pull.ranges();
        rest(&mut commits, &mut built.cursor, &ranges, end.min(Instant::now() + LOOK_EVERY)).await;
        let who = Who::from_request(request, &mut Payload::None).await?;
        match unchanged(app, &who, &built.cursor, false).await? {
            // The clock and the revision of the scope in the answer are those of the last look.
            Some(pull) => built.pull = pull,
            None => built = build(app, &who, &Begin::After(built.cursor), asked).await?,
        }
    }
    Ok(built)
}

/// Returns at the time of the next look, or at a commit that concerns the ranges. The cursor passes over the commits
/// that do not.
async fn rest(commits: &mut watch::Receiver<Recent>, cursor: &mut FeedCursor, ranges: &[Range], look: Instant) {
    loop {
        if !pass(&commits.borrow_and_update(), cursor, ranges) {
            return;
        }
        match timeout_at(look, commits.changed()).await {
            Ok(Ok(())) => sleep(REST).await,
            // The writer has ended.
            Ok(Err(_)) => sleep_until(look).await,
            Err(_) => {}
        }
        if Instant::now() >= look {
            pass(&commits.borrow_and_update(), cursor, ranges);
            return;
        }
    }
}

/// Moves a cursor over the commits after it that do not concern the ranges. Returns whether it passed all; not so when
/// one concerns them, or when commits are missing.
fn pass(recent: &Recent, cursor: &mut FeedCursor, ranges: &[Range]) -> bool {
    let Some(last) = recent.last() else { return true };
    if last.after.0 <= cursor.seq {
        return true;
    }
    let Some(commits) = recent.after(cursor.seq) else { return false };
    for commit in commits {
        let (before, batch) = commit.before;
        if short_batch(before, batch) != cursor.batch || commit.concerns(ranges) {
            return false;
        }
        cursor.seq = commit.after.0;
        cursor.batch = short_batch(commit.after.0, commit.after.1);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::log_ranges::Commit;
    use crate::store::registry::UNIT;
    use crate::store::type_set::TypeSet;
    use std::collections::HashMap;
    use uuid::Uuid;

    const HERE: Uuid = Uuid::from_u128(1);
    const THERE: Uuid = Uuid::from_u128(2);

    fn batch(seq: i64) -> Uuid {
        Uuid::from_u128(u128::from(seq.unsigned_abs()) << 64)
    }

    fn commit(before: i64, after: i64, unit: Uuid) -> Commit {
        let types: TypeSet = std::iter::once(UNIT).collect();
        let concerned = Some(HashMap::from([((unit, 0), types)]));
        Commit { before: (before, batch(before)), after: (after, batch(after)), concerned }
    }

    fn at(seq: i64) -> FeedCursor {
        FeedCursor {
            account: Uuid::nil(),
            epoch: [0; 8],
            scope_rev: [0; 8],
            seq,
            batch: short_batch(seq, batch(seq)),
            filter: Default::default(),
            walk: None,
        }
    }

    fn passed(commits: Vec<Commit>, mut cursor: FeedCursor) -> (bool, i64) {
        let mut recent = Recent::default();
        for commit in commits {
            recent.add(commit);
        }
        let ranges = [Range { unit: HERE, downward: 0, types: std::iter::once(UNIT).collect() }];
        let all = pass(&recent, &mut cursor, &ranges);
        assert_eq!(cursor, FeedCursor { batch: short_batch(cursor.seq, batch(cursor.seq)), ..cursor.clone() });
        (all, cursor.seq)
    }

    #[test]
    fn a_cursor_passes_over_what_does_not_concern_it_and_over_nothing_in_doubt() {
        assert_eq!(passed(vec![], at(3)), (true, 3));
        assert_eq!(passed(vec![commit(3, 5, THERE), commit(5, 6, THERE)], at(3)), (true, 6));
        assert_eq!(passed(vec![commit(3, 5, THERE), commit(5, 6, HERE)], at(3)), (false, 5));
        assert_eq!(passed(vec![commit(3, 5, HERE)], at(5)), (true, 5));
        // Not all commits since are known: another server wrote 4.
        assert_eq!(passed(vec![commit(4, 5, THERE)], at(3)), (false, 3));
        // The database was put back, and another batch is at the cursor.
        let other = Commit { before: (3, Uuid::from_u128(77 << 64)), ..commit(3, 5, THERE) };
        assert_eq!(passed(vec![other], at(3)), (false, 3));
    }
}
