//! Passwords: argon2id with a bounded number of workers, and the one rule of what is accepted.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, Params, PasswordHasher, PasswordVerifier};
use cell_records_types::text::fold;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;
use zxcvbn::{Score, zxcvbn};

/// Fewest characters of a password.
pub const FEWEST_CHARACTERS: usize = 12;
/// Most characters of a password.
const LONGEST: usize = 200;
/// How many words of a name are looked for in a password.
const NAME_WORDS: usize = 12;
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
}

/// All workers stayed busy: answered `503`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

impl Hasher {
    /// A hasher of this cost.
    pub fn new(cost: Cost) -> Self {
        Hasher { workers: Arc::new(Semaphore::new(WORKERS)), cost }
    }

    /// Hashes a password with a new salt.
    ///
    /// # Errors
    /// When all workers stay busy for five seconds.
    pub async fn hash(&self, password: String) -> Result<String, Busy> {
        let cost = self.cost;
        self.work(move || hash(cost, &password)).await
    }

    /// Whether a password is accepted for a user of this name in a unit of this name: 12 to 200 characters after NFKC,
    /// and `zxcvbn` finds it hard to guess (score 3 of 4), also for somebody who knows both names.
    ///
    /// # Errors
    /// When all workers stay busy for five seconds.
    pub async fn accepts(&self, password: &str, username: &str, unit: &str) -> Result<bool, Busy> {
        let (password, username, unit) = (password.to_owned(), username.to_owned(), unit.to_owned());
        self.work(move || is_acceptable(&password, &username, &unit)).await
    }

    /// Verifies a password. Without a hash (no such account) it takes as long and returns `false`.
    ///
    /// # Errors
    /// When all workers stay busy for five seconds.
    pub async fn verify(&self, password: String, kept: Option<String>) -> Result<bool, Busy> {
        let cost = self.cost;
        self.work(move || {
            let known = kept.is_some();
            let kept = kept.unwrap_or_else(|| nobody(cost));
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

/// A hash of the same cost that no password has (its bytes are all zero): what the password of an unknown user is
/// compared with. It is written down here because making one at the start would take 19 MiB that an idle process keeps.
fn nobody(cost: Cost) -> String {
    let cost = argon2(cost);
    let (memory, passes, lanes) = (cost.params().m_cost(), cost.params().t_cost(), cost.params().p_cost());
    let zeros = "A".repeat(43);
    format!("$argon2id$v=19$m={memory},t={passes},p={lanes}$AAAAAAAAAAAAAAAAAAAAAA${zeros}")
}

/// What the dictionaries of `zxcvbn` do not know: words that passwords are made of here.
const COMMON_HERE: [&str; 14] = [
    "matkhau",
    "mat",
    "khau",
    "dangvien",
    "chibo",
    "danguy",
    "vanphong",
    "vietnam",
    "hanoi",
    "saigon",
    "hochiminh",
    "anhyeuem",
    "emyeuanh",
    "quantri",
];

/// Whether a password is long enough and hard to guess for somebody who knows the user and its unit. There is no rule
/// of composition.
fn is_acceptable(password: &str, username: &str, unit: &str) -> bool {
    // Full-width letters and the like count as what they look like.
    let password: String = password.nfkc().collect();
    if !(FEWEST_CHARACTERS..=LONGEST).contains(&password.chars().count()) {
        return false;
    }
    let known: Vec<String> = [runs(username), runs(unit)].concat();
    let known: Vec<&str> = known.iter().map(String::as_str).chain(COMMON_HERE).collect();
    // Without diacritics too, and without what is between the words: dictionaries hold them in either form.
    let plain = fold(&password);
    let forms = [&password, &plain, &plain.replace(' ', "")];
    forms.into_iter().all(|text| zxcvbn(text, &known).score() >= Score::Three)
}

/// The words of a name, and those that follow each other written as one: `hung`, `hungbinh`, `binh`.
fn runs(name: &str) -> Vec<String> {
    let words: Vec<String> = fold(name).split(' ').take(NAME_WORDS).map(str::to_owned).collect();
    let mut runs = Vec::new();
    for length in 1..=words.len() {
        runs.extend(words.windows(length).map(<[String]>::concat).filter(|run| run.len() > 2));
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_that_are_easy_to_guess_are_refused() {
        for password in [
            "123456789012",
            "aaaaaaaaaaaa",
            "Password1234!",
            "P@ssw0rd1234",
            "ｐａｓｓｗｏｒｄ１２３４",
            "matkhau123456",
            "mật khẩu 2014",
            "qwertyuiop123",
            "passw0rd-passw0rd",
            "administrator",
            "abcabcabcabc",
            "short",
            "van-phong-2014",
            "hungbinh2014",
            "Hưng Bình 2014",
        ] {
            assert!(!is_acceptable(password, "van-phong", "Đảng bộ phường Hưng Bình"), "{password}");
        }
        for password in [
            "con mèo ngồi trên mái nhà",
            "correct horse battery",
            "739204856120",
            "kx9#mTq2!vLp",
            "hoa sen trong đầm",
            "kim-đồng-xanh-2014",
        ] {
            assert!(is_acceptable(password, "van-phong", "Đảng bộ phường Hưng Bình"), "{password}");
        }
    }

    #[test]
    fn the_hash_that_nobody_has_costs_as_much_as_any_other() {
        for cost in [Cost::Full, Cost::Test] {
            let (nobody, real) = (nobody(cost), hash(cost, "con mèo ngồi"));
            let [nobody, real] = [&nobody, &real].map(|text| PasswordHash::new(text).unwrap());
            assert_eq!(
                (nobody.algorithm, nobody.version, &nobody.params),
                (real.algorithm, real.version, &real.params)
            );
            let sizes =
                |hash: &PasswordHash| (hash.salt.map(|salt| salt.as_ref().len()), hash.hash.map(|hash| hash.len()));
            assert_eq!(sizes(&nobody), sizes(&real));
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
