//! Failed logins slow down whoever makes them: the pair of an account and a network at that account, and a network
//! that tries many accounts. A network from which an account's owner logged in before is known to the account: others
//! who fail from there do not keep the owner out. Kept in memory, bounded.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Failures at an account from one network that cost no waiting.
const FREE_OF_PAIR: u32 = 5;
/// Failures from a network that cost no waiting: a whole office may share one.
const FREE_OF_NETWORK: u32 = 20;
/// Failures are forgotten after this time without one; it is also the longest wait.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Most entries of each kind in memory: pairs and networks that failed, pairs that are known.
pub const KEPT: usize = 10_000;

/// An attempt to log in: at which account, from which network.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LoginAttempt {
    account: String,
    network: String,
}

impl LoginAttempt {
    /// An attempt at the account of a name, from an address.
    pub fn new(username: &str, address: Option<IpAddr>) -> Self {
        LoginAttempt { account: username.to_lowercase(), network: address.map_or_else(|| "unknown".into(), network) }
    }
}

/// The address or, of IPv6, its first 64 bits: whoever has one address there has all of them.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{:x}", u128::from(address) >> 64),
    }
}

/// Counts failures.
#[derive(Default)]
pub struct Throttle {
    counted: Mutex<Counted>,
}

#[derive(Default)]
struct Counted {
    pairs: HashMap<LoginAttempt, Failures>,
    networks: HashMap<String, Failures>,
    /// When a pair last logged in.
    known: HashMap<LoginAttempt, Instant>,
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    fn wait(self, free: u32, now: Instant) -> Option<Duration> {
        let over = self.count.checked_sub(free)?;
        let pause = Duration::from_secs(1 << over.min(10)).min(WINDOW);
        (self.last + pause).checked_duration_since(now).filter(|wait| !wait.is_zero())
    }
}

impl Throttle {
    /// How long one must wait before this attempt; nothing: go ahead.
    pub fn wait(&self, attempt: &LoginAttempt, now: Instant) -> Option<Duration> {
        let counted = self.counted();
        let pair = counted.pairs.get(attempt).and_then(|failures| failures.wait(FREE_OF_PAIR, now));
        if counted.known.contains_key(attempt) {
            return pair;
        }
        let network = counted.networks.get(&attempt.network);
        pair.max(network.and_then(|failures| failures.wait(FREE_OF_NETWORK, now)))
    }

    /// Counts a failure.
    pub fn failed(&self, attempt: &LoginAttempt, now: Instant) {
        let mut counted = self.counted();
        count(&mut counted.pairs, attempt.clone(), now);
        count(&mut counted.networks, attempt.network.clone(), now);
    }

    /// Forgets the failures of a pair and remembers that it is known: its owner is in. The network stays counted.
    pub fn succeeded(&self, attempt: LoginAttempt, now: Instant) {
        let mut counted = self.counted();
        counted.pairs.remove(&attempt);
        drop_older_half(&mut counted.known, |last| *last);
        counted.known.insert(attempt, now);
    }

    /// Remembers where accounts logged in from before this start, as `(username, address)`.
    pub fn knows(&self, logins: impl IntoIterator<Item = (String, String)>, now: Instant) {
        let mut counted = self.counted();
        let attempts = logins.into_iter().map(|(username, address)| LoginAttempt::new(&username, address.parse().ok()));
        counted.known.extend(attempts.take(KEPT).map(|attempt| (attempt, now)));
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count<K: Eq + Hash>(counts: &mut HashMap<K, Failures>, key: K, now: Instant) {
    drop_older_half(counts, |failures| failures.last);
    let failures = counts.entry(key).or_insert(Failures { count: 0, last: now });
    if now.duration_since(failures.last) >= WINDOW {
        failures.count = 0;
    }
    failures.count += 1;
    failures.last = now;
}

/// Takes the older half away where a map is full.
fn drop_older_half<K: Eq + Hash, V>(map: &mut HashMap<K, V>, last: impl Fn(&V) -> Instant) {
    if map.len() < KEPT {
        return;
    }
    let mut times: Vec<Instant> = map.values().map(&last).collect();
    times.sort_unstable();
    let middle = times.get(times.len() / 2).copied();
    map.retain(|_, value| middle.is_none_or(|middle| last(value) > middle));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(account: &str, address: &str) -> LoginAttempt {
        LoginAttempt::new(account, Some(address.parse().unwrap()))
    }

    #[test]
    fn the_sixth_failure_slows_down_and_a_success_frees_the_pair() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let one = attempt("A", "10.0.0.1");
        for _ in 0..5 {
            assert_eq!(throttle.wait(&one, start), None);
            throttle.failed(&one, start);
        }
        assert_eq!(throttle.wait(&one, start), Some(Duration::from_secs(1)));
        assert_eq!(throttle.wait(&attempt("a", "10.0.0.1"), start), Some(Duration::from_secs(1)));
        assert_eq!(throttle.wait(&attempt("a", "10.0.0.2"), start), None, "a stranger elsewhere keeps nobody out");
        for _ in 0..20 {
            throttle.failed(&one, start);
        }
        assert_eq!(throttle.wait(&one, start), Some(WINDOW));
        throttle.succeeded(one.clone(), start);
        assert_eq!(throttle.wait(&one, start), None);
    }

    #[test]
    fn a_network_that_tries_many_accounts_waits_but_not_at_an_account_that_knows_it() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let owner = attempt("owner", "10.0.0.1");
        throttle.succeeded(owner.clone(), start);
        for n in 0..25 {
            throttle.failed(&attempt(&format!("user-{n}"), "10.0.0.1"), start);
        }
        let other = attempt("other", "10.0.0.1");
        assert_eq!(throttle.wait(&other, start), Some(Duration::from_secs(32)), "25 of the network, 20 free");
        assert_eq!(throttle.wait(&owner, start), None);
        assert_eq!(throttle.wait(&other, start + WINDOW), None);
    }

    #[test]
    fn neighbours_in_ipv6_are_one_network() {
        assert_eq!(attempt("a", "2001:db8::1"), attempt("a", "2001:db8::ffff:1"));
        assert_ne!(attempt("a", "2001:db8::1"), attempt("a", "2001:db8:0:1::1"));
        assert_eq!(attempt("a", "::ffff:10.0.0.1"), attempt("a", "10.0.0.1"));
    }

    #[test]
    fn a_flood_of_names_stays_bounded() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        for n in 0..30_000u64 {
            let attempt = attempt(&format!("user-{n}"), "10.0.0.1");
            throttle.failed(&attempt, start + Duration::from_millis(n));
            throttle.succeeded(attempt.clone(), start + Duration::from_millis(n));
            throttle.failed(&attempt, start + Duration::from_millis(n));
        }
        let counted = throttle.counted();
        assert!(counted.pairs.len() <= KEPT && counted.known.len() <= KEPT && counted.networks.len() == 1);
    }
}
