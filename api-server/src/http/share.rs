//! What the requests of a process together hold in its memory: nobody waits long for a share of it, and no account alone
//! has it all.

use crate::error::{self, ApiError, ApiResult};
use crate::phrases;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;
use uuid::Uuid;

/// Bodies are counted from this length on, in bytes: a small one never waits for the large ones.
pub const SMALL: usize = 64 * 1024;
/// Most bytes of larger bodies in the memory of a process, from their arrival until they are parsed.
static LARGE_BODIES: Semaphore = Semaphore::const_new(4 * LARGE_BODIES_OF_ONE);
/// Most of them of one account: one alone cannot keep all others waiting.
const LARGE_BODIES_OF_ONE: usize = 16 * 1024 * 1024;
/// For so long a request waits for its share of a process's memory; then it is `503`.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Takes a share of what a process holds at once, waiting a little for others to give back theirs.
///
/// # Errors
/// `503` when they do not.
pub async fn share(of: &'static Semaphore, amount: usize) -> ApiResult<SemaphorePermit<'static>> {
    share_within(LONGEST_WAIT, of, amount).await
}

async fn share_within(wait: Duration, of: &'static Semaphore, amount: usize) -> ApiResult<SemaphorePermit<'static>> {
    let amount = u32::try_from(amount).unwrap_or(u32::MAX);
    match timeout(wait, of.acquire_many(amount)).await {
        Ok(Ok(share)) => Ok(share),
        _ => Err(ApiError::new(&error::UNAVAILABLE).detail(&phrases::MANY_LARGE_BODIES)),
    }
}

/// The bytes of a large body's share of what all bodies may hold, and of what those of its account may.
pub struct BodyShare {
    left_to_account: Arc<Semaphore>,
    held: Option<(OwnedSemaphorePermit, SemaphorePermit<'static>)>,
}

impl BodyShare {
    /// Nothing yet, of this account's.
    pub fn none(account: Uuid) -> Self {
        /// Of the accounts that have a share.
        static LEFT: Mutex<BTreeMap<Uuid, Weak<Semaphore>>> = Mutex::new(BTreeMap::new());
        let mut all = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, left| left.strong_count() > 0);
        let left = all.get(&account).and_then(Weak::upgrade);
        let left_to_account = left.unwrap_or_else(|| Arc::new(Semaphore::new(LARGE_BODIES_OF_ONE)));
        all.insert(account, Arc::downgrade(&left_to_account));
        BodyShare { left_to_account, held: None }
    }

    /// Takes as much as a body of so many bytes needs.
    ///
    /// # Errors
    /// `503` when others, or other requests of the account, do not give back theirs in time.
    pub async fn grow(&mut self, bytes: usize) -> ApiResult<()> {
        self.grow_within(LONGEST_WAIT, bytes).await
    }

    async fn grow_within(&mut self, wait: Duration, bytes: usize) -> ApiResult<()> {
        let more = bytes - self.held.as_ref().map_or(0, |(held, _)| held.num_permits());
        let amount = u32::try_from(more).unwrap_or(u32::MAX);
        let Ok(Ok(mut own)) = timeout(wait, self.left_to_account.clone().acquire_many_owned(amount)).await else {
            return Err(ApiError::new(&error::UNAVAILABLE).detail(&phrases::MANY_LARGE_BODIES_OF_ACCOUNT));
        };
        let mut of_all = share_within(wait, &LARGE_BODIES, more).await?;
        if let Some((held, held_of_all)) = self.held.take() {
            own.merge(held);
            of_all.merge(held_of_all);
        }
        self.held = Some((own, of_all));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_gets_no_share_of_the_memory_is_told_to_come_back() {
        static TWO: Semaphore = Semaphore::const_new(2);
        let held = share_within(Duration::ZERO, &TWO, 2).await.unwrap();
        let refused = share_within(Duration::ZERO, &TWO, 1).await.unwrap_err();
        assert_eq!((refused.code, refused.retry_after), (&error::UNAVAILABLE, Some(1)));
        drop(held);
        assert!(share_within(Duration::ZERO, &TWO, 2).await.is_ok());
    }

    #[tokio::test]
    async fn one_account_leaves_large_bodies_to_the_others() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut shares = [one, one, other].map(BodyShare::none);
        for bytes in [SMALL + 1, LARGE_BODIES_OF_ONE - 1] {
            shares[0].grow_within(Duration::ZERO, bytes).await.unwrap();
        }
        shares[1].grow_within(Duration::ZERO, 1).await.unwrap();
        let refused = shares[1].grow_within(Duration::ZERO, 2).await.unwrap_err();
        assert_eq!((refused.code, refused.retry_after), (&error::UNAVAILABLE, Some(1)));
        shares[2].grow_within(Duration::ZERO, LARGE_BODIES_OF_ONE).await.unwrap();
        drop(shares);
        BodyShare::none(one).grow_within(Duration::ZERO, LARGE_BODIES_OF_ONE).await.unwrap();
    }
}
