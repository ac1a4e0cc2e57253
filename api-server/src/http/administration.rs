//! What administrators share: which accounts they see, which they may change, where they may put one, and the write
//! in which all of that is judged again. The judges are pure: they are asked before a body is looked at, so that
//! checks come in the usual order (a refusal is confirmed by [`Who::judged`]), and again inside the write, where nothing
//! changes any more.

use super::idempotency;
use super::tagged::Tagged;
use crate::auth::caller::Who;
use crate::db::{Db, DbError};
use crate::error::{self, ApiError, ApiResult};
use crate::phrases;
use crate::state::App;
use crate::store::accounts::{self, Account};
use crate::store::registry::UNIT;
use crate::store::scope::{Actor, Grant, Scope};
use crate::store::writer::{WriteError, WriteTx};
use crate::store::{callers, grants};
use actix_web::{HttpRequest, HttpResponse};
use cell_records_types::accounts::{CallerKind, Role};
use cell_records_types::faults::{OUTSIDE_YOUR_UNIT, REFERENCE_NOT_FOUND};
use cell_records_types::{Ref, Reference, Unit};
use std::pin::Pin;
use uuid::Uuid;

/// Why work inside a write ends.
pub enum Refused {
    /// A rule refuses it. Nothing may be written before that.
    Api(ApiError),
    /// The database fails.
    Db(DbError),
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Refused::Api(error)
    }
}

impl From<DbError> for Refused {
    fn from(error: DbError) -> Self {
        Refused::Db(error)
    }
}

/// Work on accounts inside a write.
pub type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T, Refused>> + 'a>>;

/// Runs work on accounts inside a write, with the rights that the caller has there.
///
/// # Errors
/// `401` when the caller's account was disabled, or its token or session ended, since the request was let in; what
/// the work refuses; or when there is no outcome.
pub async fn write<T: Send + 'static>(
    app: &App,
    who: &Who,
    work: impl for<'a> FnOnce(&'a mut WriteTx<'_>, Scope) -> Work<'a, T> + Send + 'static,
) -> ApiResult<T> {
    let caller = who.caller();
    let done = app.writer.accounts(move |tx| {
        Box::pin(async move {
            let (now, tree) = (tx.now, tx.tree.clone());
            let Some(scope) = callers::scope(&mut tx.db(), &caller, now, &tree).await? else {
                return Ok(Err(ApiError::from(WriteError::Unauthorised)));
            };
            match work(tx, scope).await {
                Ok(done) => Ok(Ok(done)),
                Err(Refused::Api(error)) => Ok(Err(error)),
                Err(Refused::Db(error)) => Err(error),
            }
        })
    });
    done.await?
}

/// What the work of a `POST` on accounts comes to.
pub enum Made {
    /// A new thing.
    New(Tagged),
    /// There is one already: nothing was done.
    Known(Tagged),
}

/// Runs the work of a `POST` on accounts once under its key, where it has one. A repeat gets the thing as it was made,
/// though it may be gone by then. `body` is what the key belongs to, without secrets. A new thing is found below the
/// request's path.
///
/// # Errors
/// What the work refuses, or when there is no outcome.
pub async fn once(
    app: &App,
    request: &HttpRequest,
    who: &Who,
    body: &[u8],
    work: impl for<'a> FnOnce(&'a mut WriteTx<'_>, Scope) -> Work<'a, Made> + Send + 'static,
) -> ApiResult<HttpResponse> {
    let key = idempotency::key(request, body)?;
    let once = write(app, who, move |tx, scope| {
        Box::pin(async move {
            let kept = match &key {
                Some(key) => tx.kept(&scope, key).await?,
                None => None,
            };
            if let Some(kept) = kept {
                return Ok(Err(kept.map_err(ApiError::from)?));
            }
            let made = work(tx, scope.clone()).await?;
            // Only an effect needs its key kept: what did nothing is decided anew by a repeat.
            if let (Some(key), Made::New(thing)) = (&key, &made) {
                tx.keep(&scope, key, &thing.kept()).await?;
            }
            Ok(Ok(made))
        })
    });
    let (thing, replayed) = match once.await? {
        Ok(Made::Known(thing)) => return Ok(thing.answer(200).send(false)),
        Ok(Made::New(thing)) => (thing, false),
        Err(kept) => {
            let thing = Tagged::of_kept(&kept, &who.view.clock.epoch);
            (thing.ok_or_else(|| ApiError::new(&error::INTERNAL))?, true)
        }
    };
    let place = ("location", format!("{}/{}", request.path(), thing.id));
    let mut answer = thing.answer(201);
    answer.headers.push(place);
    Ok(answer.send(replayed))
}

/// The units that the caller administers, with all below them.
///
/// # Errors
/// `403` when there are none.
pub fn administered(scope: &Scope) -> ApiResult<Vec<Uuid>> {
    let grants = scope.grants.iter().filter(|grant| grant.role == Role::Administrator);
    let roots: Vec<Uuid> = grants.map(|grant| grant.unit).collect();
    if roots.is_empty() { Err(ApiError::needs_role(&[Role::Administrator])) } else { Ok(roots) }
}

/// The id in a path. A text that is no id names no account.
///
/// # Errors
/// `404`.
pub fn id(text: &str) -> ApiResult<Uuid> {
    let id = Uuid::try_parse(text).ok().filter(|_| text.len() == 36);
    id.ok_or_else(|| ApiError::new(&error::NOT_FOUND))
}

/// The response to a removal: `204`, or `404` where there was nothing to remove.
pub fn removed(found: bool) -> ApiResult<HttpResponse> {
    if found { Ok(HttpResponse::NoContent().finish()) } else { Err(ApiError::new(&error::NOT_FOUND)) }
}

/// An account with all its grants, also those that do not hold now.
pub type FoundAccount = Option<(Account, Vec<Grant>)>;

/// Reads an account, for a judge below.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &mut Db<'_>, kind: CallerKind, id: Uuid) -> Result<FoundAccount, DbError> {
    let Some(account) = accounts::by_id(db, kind, id).await? else { return Ok(None) };
    let grants = grants::list(db, account.id).await?;
    Ok(Some((account, grants)))
}

/// An account that the caller administers.
///
/// # Errors
/// `403` when the caller administers nothing, `404` when the account is not in its units.
pub fn visible(scope: &Scope, found: FoundAccount) -> ApiResult<Account> {
    administered(scope)?;
    let (account, _) = found.ok_or_else(|| ApiError::new(&error::NOT_FOUND))?;
    if administers(scope, account.unit) { Ok(account) } else { Err(ApiError::new(&error::NOT_FOUND)) }
}

/// The same, where the account's rights or secrets are to be changed: not the caller's own, and not those of an
/// account with wider rights than the caller (its unit may have been moved since it got its grants).
///
/// # Errors
/// `403`, `404`.
pub fn changeable(scope: &Scope, found: FoundAccount) -> ApiResult<Account> {
    let further = found.iter().flat_map(|(_, grants)| grants).any(|grant| !administers(scope, grant.unit));
    let account = visible(scope, found)?;
    if matches!(&scope.actor, Actor::Account(own, _) if *own == account.id) {
        return Err(ApiError::new(&error::FORBIDDEN).detail(&phrases::OWN_ACCOUNT));
    }
    if further {
        return Err(ApiError::new(&error::FORBIDDEN).detail(&phrases::GRANTS_OUTSIDE));
    }
    Ok(account)
}

fn administers(scope: &Scope, unit: Uuid) -> bool {
    scope.holds(unit, |role| *role == Role::Administrator)
}

/// A judge of accounts: [`visible`] or [`changeable`].
pub type Judge = fn(&Scope, FoundAccount) -> ApiResult<Account>;

/// The account of a path, as a judge finds it before the body is looked at.
///
/// # Errors
/// What the judge says.
pub async fn account(app: &App, who: &Who, kind: CallerKind, id_text: &str, judge: Judge) -> ApiResult<Account> {
    who.judged(app, administered).await?;
    let id = id(id_text)?;
    let found = app.reads.single(async |db| find(db, kind.clone(), id).await).await?;
    who.judged(app, |scope| judge(scope, found.clone())).await
}

/// The unit that a body names at `/unit_id`: one that the caller sees and administers.
///
/// # Errors
/// `422` when it is another.
pub fn unit(scope: &Scope, found: Option<Uuid>) -> ApiResult<Uuid> {
    let seen = found.filter(|unit| scope.reads(UNIT, *unit).is_some());
    let unit = seen.ok_or_else(|| ApiError::fault("/unit_id", &REFERENCE_NOT_FOUND))?;
    if administers(scope, unit) { Ok(unit) } else { Err(ApiError::fault("/unit_id", &OUTSIDE_YOUR_UNIT)) }
}

/// The same for a new grant of an account: a unit at or below the account's own.
///
/// # Errors
/// `422` when it is another.
pub fn unit_below(scope: &Scope, account: &Account, found: Option<Uuid>) -> ApiResult<Uuid> {
    let place = unit(scope, found)?;
    let fits = scope.tree.covers(account.unit, place);
    if fits { Ok(place) } else { Err(ApiError::fault("/unit_id", &OUTSIDE_YOUR_UNIT)) }
}

/// The unit of a new account: the one that is named, else the caller's own, which the caller must administer too.
///
/// # Errors
/// `422`.
pub async fn unit_or_own(app: &App, who: &Who, named: Option<&Ref<Unit>>) -> ApiResult<Uuid> {
    let reference = named.map_or(Reference::Id(who.identity.unit), |named| named.to.clone());
    let found = app.reads.single(async |db| accounts::unit_of(db, &reference).await).await?;
    who.judged(app, |scope| unit(scope, found)).await
}
