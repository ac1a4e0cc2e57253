//! Failed logins slow down the account and the address that they come from. Kept in memory, bounded.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many failures of an account are free.
const FREE: u32 = 5;
/// So many failures from an address are free: a whole office may share one.
const FREE_OF_ADDRESS: u32 = 20;
/// What the names of addresses begin with.
const ADDRESS: &str = "address:";
/// Failures are forgotten after this time without one; it is also the longest wait.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// At most so many accounts and addresses are kept.
const KEPT: usize = 10_000;

/// Counts failures by account and by address.
#[derive(Default)]
pub struct Throttle {
    failures: Mutex<HashMap<String, (u32, Instant)>>,
}

/// The name under which an account's failures are counted.
pub fn account(username: &str) -> String {
    format!("user:{}", username.to_lowercase())
}

/// The name under which an address's failures are counted.
pub fn address(network: &str) -> String {
    format!("{ADDRESS}{network}")
}

fn free(name: &str) -> u32 {
    if name.starts_with(ADDRESS) { FREE_OF_ADDRESS } else { FREE }
}

impl Throttle {
    /// How long one must wait before the next attempt under any of these names; nothing: go ahead.
    pub fn wait(&self, names: &[String], now: Instant) -> Option<Duration> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = names.iter().filter_map(|name| {
            let (count, last) = failures.get(name)?;
            let over = count.checked_sub(free(name))?;
            let pause = Duration::from_secs(1 << over.min(10)).min(WINDOW);
            (*last + pause).checked_duration_since(now).filter(|wait| !wait.is_zero())
        });
        waits.max()
    }

    /// Counts a failure under each name.
    pub fn failed(&self, names: &[String], now: Instant) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() + names.len() > KEPT {
            failures.retain(|_, (_, last)| now.duration_since(*last) < WINDOW);
        }
        if failures.len() + names.len() > KEPT {
            // A flood of names: the oldest go.
            let mut times: Vec<Instant> = failures.values().map(|(_, last)| *last).collect();
            times.sort_unstable();
            let middle = times.get(times.len() / 2).copied();
            failures.retain(|_, (_, last)| middle.is_none_or(|middle| *last > middle));
        }
        for name in names {
            let (count, last) = failures.entry(name.clone()).or_insert((0, now));
            if now.duration_since(*last) >= WINDOW {
                *count = 0;
            }
            *count += 1;
            *last = now;
        }
    }

    /// Forgets an account's failures: its owner is in. The address stays counted.
    pub fn succeeded(&self, account: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(account);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_failure_slows_down_and_a_success_frees_the_account() {
        let throttle = Throttle::default();
        let (names, start) = (vec![account("A"), address("b")], Instant::now());
        for _ in 0..5 {
            assert_eq!(throttle.wait(&names, start), None);
            throttle.failed(&names, start);
        }
        assert_eq!(throttle.wait(&names, start), Some(Duration::from_secs(1)));
        for _ in 0..20 {
            throttle.failed(&names, start);
        }
        assert_eq!(throttle.wait(&names, start), Some(WINDOW));
        throttle.succeeded("user:a");
        assert_eq!(throttle.wait(&names[..1], start), None);
        assert_eq!(throttle.wait(&names, start), Some(Duration::from_secs(32)), "25 of the address, 20 free");
        assert_eq!(throttle.wait(&names, start + WINDOW), None);
    }

    #[test]
    fn a_flood_of_names_stays_bounded() {
        let throttle = Throttle::default();
        let start = Instant::now();
        for n in 0..30_000u64 {
            throttle.failed(&[format!("user:{n}")], start + Duration::from_millis(n));
        }
        assert!(throttle.failures.lock().unwrap().len() <= KEPT);
    }
}
