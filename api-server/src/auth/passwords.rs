//! Passwords: argon2id with a bounded number of workers, and the one rule of what is accepted.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, Params, PasswordHasher, PasswordVerifier};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Fewest characters of a password.
pub const FEWEST_CHARACTERS: usize = 12;
/// Most hashes under way at once: each takes 19 MiB.
const WORKERS: usize = 2;
/// Longest wait for a worker.
const WAIT: Duration = Duration::from_secs(5);

/// How much a hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// 19 MiB and two passes: what a person waits for and an attacker cannot afford.
    Full,
    /// Next to nothing: for tests only.
    Test,
}

/// Hashes and verifies, a few at a time, never on a worker thread of the server.
#[derive(Clone)]
pub struct Hasher {
    workers: Arc<Semaphore>,
    cost: Cost,
    unknown: Arc<OnceLock<String>>,
}

/// All workers stayed busy: answered `503`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

impl Hasher {
    /// A hasher of this cost.
    pub fn new(cost: Cost) -> Self {
        Hasher { workers: Arc::new(Semaphore::new(WORKERS)), cost, unknown: Arc::default() }
    }

    /// Hashes a password with a new salt.
    ///
    /// # Errors
    /// When all workers stay busy for five seconds.
    pub async fn hash(&self, password: String) -> Result<String, Busy> {
        let cost = self.cost;
        self.work(move || hash(cost, &password)).await
    }

    /// Verifies a password. Without a hash (no such account) it takes as long and answers `false`.
    ///
    /// # Errors
    /// When all workers stay busy for five seconds.
    pub async fn verify(&self, password: String, kept: Option<String>) -> Result<bool, Busy> {
        let (cost, unknown) = (self.cost, self.unknown.clone());
        self.work(move || {
            let known = kept.is_some();
            let kept = kept.unwrap_or_else(|| unknown.get_or_init(|| hash(cost, "nobody has this password")).clone());
            let parsed = PasswordHash::new(&kept);
            let fits = parsed.is_ok_and(|parsed| argon2(cost).verify_password(password.as_bytes(), &parsed).is_ok());
            fits && known
        })
        .await
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let permit = tokio::time::timeout(WAIT, self.workers.clone().acquire_owned()).await;
        let permit = permit.map_err(|_| Busy)?.map_err(|_| Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        done.await.map_err(|_| Busy)
    }
}

fn argon2(cost: Cost) -> Argon2<'static> {
    match cost {
        Cost::Full => Argon2::default(),
        Cost::Test => Params::new(64, 1, 1, None).map_or_else(|_| Argon2::default(), Argon2::from),
    }
}

fn hash(cost: Cost, password: &str) -> String {
    // It fails only where the machine has no random numbers or no memory: then nobody can log in with it.
    argon2(cost).hash_password(password.as_bytes()).map(|hash| hash.to_string()).unwrap_or_default()
}

/// Hashes a password on the spot: for the command line.
pub fn hash_now(password: &str) -> String {
    hash(Cost::Full, password)
}

/// Words that common passwords are made of; one that begins with another comes before it.
const COMMON: [&str; 24] = [
    "password",
    "passw0rd",
    "qwertyuiop",
    "qwerty",
    "asdfghjkl",
    "asdfgh",
    "zxcvbnm",
    "zxcvbn",
    "letmein",
    "welcome",
    "iloveyou",
    "administrator",
    "admin",
    "matkhau",
    "dangvien",
    "chibo",
    "vietnam",
    "hanoi",
    "hochiminh",
    "danguy",
    "anhyeuem",
    "emyeuanh",
    "abc",
    "secret",
];

/// Whether a password is accepted: long enough, and not a common one. There is no rule of composition.
pub fn is_acceptable(password: &str, username: &str) -> bool {
    let length = password.chars().count();
    if !(FEWEST_CHARACTERS..=200).contains(&length) {
        return false;
    }
    let lower = password.to_lowercase();
    if !username.is_empty() && lower.replace(username, "").chars().count() < 6 {
        return false;
    }
    // What stays when common words, digits and signs are taken out must still be something.
    let without_common = |text: String| COMMON.iter().fold(text, |rest, word| rest.replace(word, ""));
    let rest = without_common(lower.clone()).chars().filter(|c| c.is_alphabetic()).collect();
    // Once more, for words that were written with signs between their letters.
    let rest = without_common(rest);
    let mut different: Vec<char> = lower.chars().collect();
    different.sort_unstable();
    different.dedup();
    different.len() >= 5 && (rest.chars().count() >= 3 || is_unordered_digits(&lower))
}

/// Digits alone are accepted when they are many and do not run up, down or in circles.
fn is_unordered_digits(text: &str) -> bool {
    let digits: Vec<i32> = text.chars().filter_map(|c| c.to_digit(10)).filter_map(|d| i32::try_from(d).ok()).collect();
    let steps: Vec<i32> = digits.iter().zip(digits.iter().skip(1)).map(|(a, b)| (b - a).rem_euclid(10)).collect();
    let mut different = steps.clone();
    different.sort_unstable();
    different.dedup();
    digits.len() >= FEWEST_CHARACTERS && different.len() >= 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_passwords_are_refused() {
        for password in [
            "123456789012",
            "aaaaaaaaaaaa",
            "Password1234!",
            "matkhau123456",
            "qwertyuiop123",
            "passw0rd-passw0rd",
            "administrator",
            "abcabcabcabc",
            "short",
            "van-phong-2014",
        ] {
            assert!(!is_acceptable(password, "van-phong"), "{password}");
        }
        for password in ["con mèo ngồi trên mái nhà", "correct horse battery", "739204856120", "kx9#mTq2!vLp"] {
            assert!(is_acceptable(password, "van-phong"), "{password}");
        }
    }

    #[tokio::test]
    async fn a_password_verifies_only_against_its_own_hash() {
        let hasher = Hasher::new(Cost::Test);
        let kept = hasher.hash("con mèo ngồi".into()).await.unwrap();
        assert!(hasher.verify("con mèo ngồi".into(), Some(kept.clone())).await.unwrap());
        assert!(!hasher.verify("con chó ngồi".into(), Some(kept)).await.unwrap());
        assert!(!hasher.verify("nobody has this password".into(), None).await.unwrap());
    }
}
