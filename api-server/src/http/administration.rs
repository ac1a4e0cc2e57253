//! What administrators share: which accounts they see, which they may change, and where they may put one.

use crate::auth::caller::Who;
use crate::error::{self, ApiError, ApiResult};
use crate::state::App;
use crate::store::accounts::{self, Account, Changes};
use crate::store::audit::By;
use crate::store::grants;
use crate::store::registry::UNIT;
use cell_records_types::accounts::{CallerKind, Role};
use cell_records_types::faults::{OUTSIDE_YOUR_UNIT, REFERENCE_NOT_FOUND};
use cell_records_types::{Ref, Unit};
use uuid::Uuid;

/// The units that the caller administers, with all below them.
///
/// # Errors
/// `403` when there are none.
pub fn administered(who: &Who) -> ApiResult<Vec<Uuid>> {
    let grants = who.scope.grants.iter().filter(|grant| grant.role == Role::Administrator);
    let roots: Vec<Uuid> = grants.map(|grant| grant.unit).collect();
    if roots.is_empty() { Err(ApiError::forbidden(Role::Administrator)) } else { Ok(roots) }
}

/// The id in a path; what is none belongs to nothing.
///
/// # Errors
/// `404`.
pub fn id(text: &str) -> ApiResult<Uuid> {
    let id = Uuid::try_parse(text).ok().filter(|_| text.len() == 36);
    id.ok_or_else(|| ApiError::new(&error::NOT_FOUND))
}

/// An account that the caller administers.
///
/// # Errors
/// `403` for who administers nothing, `404` for what lies elsewhere.
pub async fn visible(app: &App, who: &Who, kind: CallerKind, id_text: &str) -> ApiResult<Account> {
    administered(who)?;
    let id = id(id_text)?;
    let found = app.reads.single(async |db| accounts::by_id(db, kind.clone(), id).await).await?;
    let administers = |account: &Account| who.scope.holds(account.unit, |role| *role == Role::Administrator);
    found.filter(administers).ok_or_else(|| ApiError::new(&error::NOT_FOUND))
}

/// The same, where the account's rights or secrets are to be changed: not the caller's own, and not those of an
/// account that reaches further than the caller (its unit may have been moved since it got its grants).
///
/// # Errors
/// `403`, `404`.
pub async fn changeable(app: &App, who: &Who, kind: CallerKind, id_text: &str) -> ApiResult<Account> {
    let account = visible(app, who, kind, id_text).await?;
    if account.id == who.identity.account {
        return Err(ApiError::new(&error::FORBIDDEN).detail("nobody administers the own account"));
    }
    let grants = app.reads.single(async |db| grants::list(db, account.id).await).await?;
    if grants.iter().any(|grant| !who.scope.holds(grant.unit, |role| *role == Role::Administrator)) {
        return Err(ApiError::new(&error::FORBIDDEN).detail("the account holds grants outside your units"));
    }
    Ok(account)
}

/// The unit that a body names at `/unit_id`: one that the caller sees and administers.
///
/// # Errors
/// `422` when it is another.
pub async fn unit(app: &App, who: &Who, reference: &Ref<Unit>) -> ApiResult<Uuid> {
    let found = app.reads.single(async |db| accounts::unit_of(db, &reference.to).await).await?;
    let seen = found.filter(|unit| who.scope.reads(UNIT, *unit).is_some());
    let unit = seen.ok_or_else(|| ApiError::fault("/unit_id", &REFERENCE_NOT_FOUND))?;
    if !who.scope.holds(unit, |role| *role == Role::Administrator) {
        return Err(ApiError::fault("/unit_id", &OUTSIDE_YOUR_UNIT));
    }
    Ok(unit)
}

/// The unit of a new account: the one that is named, else the caller's own, which the caller must administer too.
///
/// # Errors
/// `422`.
pub async fn unit_or_own(app: &App, who: &Who, reference: Option<&Ref<Unit>>) -> ApiResult<Uuid> {
    let own = Ref::from(who.identity.unit);
    unit(app, who, reference.unwrap_or(&own)).await
}

/// Changes an account as it stands when the write begins.
///
/// # Errors
/// `404` when it is gone, or when there is no outcome.
pub async fn change(app: &App, by: By, account: Account, changes: Changes) -> ApiResult<Account> {
    let changed = app.writer.accounts(move |tx| {
        Box::pin(async move {
            let found = accounts::by_id(&mut tx.db(), account.kind, account.id).await?;
            let Some(mut account) = found else { return Ok(None) };
            accounts::change(tx, &by, &mut account, changes).await?;
            Ok(Some(account))
        })
    });
    changed.await?.ok_or_else(|| ApiError::new(&error::NOT_FOUND))
}
