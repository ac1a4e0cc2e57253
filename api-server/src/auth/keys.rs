//! Signing and sealing keys: made at the first start, kept in the database for all its servers, wrapped with the
//! master key when there is one. The signing key can be replaced while servers run: the new one signs, and what the
//! old one signed is verified until it expires.

use crate::store::keys::StoredKey;
use crate::store::live::RightsRev;
use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use cell_records_types::Timestamp;
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde::Serialize;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use utoipa::ToSchema;

/// The key that wraps the others: 32 bytes, given as base64 in `CELL_RECORDS_MASTER_KEY`.
#[derive(Clone)]
pub struct MasterKey([u8; 32]);

impl MasterKey {
    /// Reads the base64 form.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bytes = BASE64_STANDARD.decode(text.trim()).map_err(|_| "the master key must be base64".to_owned())?;
        bytes.try_into().map(MasterKey).map_err(|_| "the master key must be 32 bytes in base64".to_owned())
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

/// Seconds that an access token lives.
pub const LIFETIME: i64 = 15 * 60;
/// For how long a replaced signing key still verifies: twice the lifetime of what it signed, in microseconds.
const REPLACED_VERIFIES: i64 = 2 * LIFETIME * 1_000_000;

/// The keys of a server.
pub struct KeySet {
    sealing: RandomizedNonceKey,
    master: Option<MasterKey>,
    /// The signing keys, with what rights stood at when they were read: a rotation raises it.
    signing: RwLock<(RightsRev, Arc<SigningKeys>)>,
}

/// The keys that sign and verify access tokens.
pub struct SigningKeys {
    /// Signs, and verifies.
    pub current: SigningKey,
    /// Those that it replaced, which verify until an instant.
    replaced: Vec<(SigningKey, Timestamp)>,
}

/// A key that signs access tokens.
pub struct SigningKey {
    /// Its name.
    pub kid: String,
    /// Signs.
    pub encoding: EncodingKey,
    /// Verifies.
    pub decoding: DecodingKey,
    public: Vec<u8>,
}

const SIGNING: &str = "signing";
const SEALING: &str = "sealing";
const PLAIN: &str = "p1.";
const WRAPPED: &str = "w1.";

fn seal_with(key: &RandomizedNonceKey, about: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    let mut sealed = plain.to_vec();
    let nonce = key.seal_in_place_append_tag(Aad::from(about), &mut sealed).ok()?;
    let mut out = nonce.as_ref().to_vec();
    out.append(&mut sealed);
    Some(out)
}

fn open_with(key: &RandomizedNonceKey, about: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, body) = sealed.split_at_checked(12)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut body = body.to_vec();
    key.open_in_place(nonce, Aad::from(about), &mut body).ok().map(|plain| plain.to_vec())
}

fn aes(key: &[u8]) -> Result<RandomizedNonceKey, String> {
    RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| "a sealing key has the wrong length".to_owned())
}

fn no_random(_: Unspecified) -> String {
    "the machine has no random numbers".to_owned()
}

/// Makes the keys of a new database.
///
/// # Errors
/// A sentence for the operator.
pub fn generate(master: Option<&MasterKey>) -> Result<Vec<StoredKey>, String> {
    let now = Timestamp::now();
    let mut sealing = [0u8; 32];
    aws_lc_rs::rand::fill(&mut sealing).map_err(no_random)?;
    let material = wrap(master, &sealing)?;
    let sealing = StoredKey { kind: SEALING.into(), id: "seal-1".into(), material, created_at: now };
    Ok(vec![new_signing_key(master, now)?, sealing])
}

fn new_signing_key(master: Option<&MasterKey>, now: Timestamp) -> Result<StoredKey, String> {
    let pair = Ed25519KeyPair::generate().map_err(no_random)?;
    let private = pair.to_pkcs8v1().map_err(no_random)?;
    let (id, material) = (kid(pair.public_key().as_ref()), wrap(master, private.as_ref())?);
    Ok(StoredKey { kind: SIGNING.into(), id, material, created_at: now })
}

/// The keys that are stored plain although there is a master key, wrapped.
///
/// # Errors
/// A sentence for the operator.
pub fn wrap_plain(stored: &[StoredKey], master: Option<&MasterKey>) -> Result<Vec<StoredKey>, String> {
    let Some(master) = master else { return Ok(Vec::new()) };
    let plain = stored.iter().filter(|key| key.material.starts_with(PLAIN));
    plain.map(|key| rewrapped(key, Some(master), Some(master))).collect()
}

fn rewrapped(key: &StoredKey, old: Option<&MasterKey>, new: Option<&MasterKey>) -> Result<StoredKey, String> {
    Ok(StoredKey { material: wrap(new, &unwrap(old, &key.material)?)?, ..key.clone() })
}

/// What a rotation of the keys stores.
pub struct KeyRotation {
    /// The new signing key.
    pub new: StoredKey,
    /// The keys that stay, wrapped again.
    pub kept: Vec<StoredKey>,
    /// Names of signing keys that verify nothing any more.
    pub over: Vec<String>,
}

fn kid(public: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, public);
    BASE64_URL_SAFE_NO_PAD.encode(digest.as_ref()).chars().take(16).collect()
}

fn wrap(master: Option<&MasterKey>, plain: &[u8]) -> Result<String, String> {
    let Some(master) = master else { return Ok(format!("{PLAIN}{}", BASE64_STANDARD.encode(plain))) };
    let sealed = seal_with(&aes(&master.0)?, b"key", plain).ok_or("a key could not be wrapped")?;
    Ok(format!("{WRAPPED}{}", BASE64_STANDARD.encode(sealed)))
}

fn unwrap(master: Option<&MasterKey>, stored: &str) -> Result<Vec<u8>, String> {
    let decode = |text: &str| BASE64_STANDARD.decode(text).map_err(|_| "a stored key cannot be read".to_owned());
    if let Some(text) = stored.strip_prefix(PLAIN) {
        return decode(text);
    }
    let text = stored.strip_prefix(WRAPPED).ok_or("a stored key cannot be read")?;
    let master = master.ok_or("the database's keys are wrapped: set CELL_RECORDS_MASTER_KEY")?;
    open_with(&aes(&master.0)?, b"key", &decode(text)?)
        .ok_or_else(|| "CELL_RECORDS_MASTER_KEY is not the key that wrapped the database's keys".into())
}

fn signing_key(stored: &StoredKey, master: Option<&MasterKey>) -> Result<SigningKey, String> {
    let private = unwrap(master, &stored.material)?;
    let pair = Ed25519KeyPair::from_pkcs8(&private).map_err(|_| "a signing key cannot be read".to_owned())?;
    let public = pair.public_key().as_ref().to_vec();
    Ok(SigningKey {
        kid: stored.id.clone(),
        encoding: EncodingKey::from_ed_der(&private),
        decoding: DecodingKey::from_ed_der(&public),
        public,
    })
}

/// Signing keys with the instants until which they verify; the last has none, for it is the current one.
fn with_ends(stored: &[StoredKey]) -> Vec<(&StoredKey, Option<Timestamp>)> {
    let signing: Vec<&StoredKey> = stored.iter().filter(|key| key.kind == SIGNING).collect();
    let replaced_at = signing.iter().skip(1).map(|next| Some(next.created_at)).chain([None]);
    let end = |at: Timestamp| Timestamp::from_micros(at.micros() + REPLACED_VERIFIES);
    signing.iter().copied().zip(replaced_at.map(|at| at.map(end))).collect()
}

impl SigningKeys {
    /// From stored keys, the oldest first.
    fn load(stored: &[StoredKey], master: Option<&MasterKey>) -> Result<Self, String> {
        let (mut current, mut replaced) = (None, Vec::new());
        for (key, end) in with_ends(stored) {
            let key = signing_key(key, master)?;
            match end {
                Some(end) => replaced.push((key, end)),
                None => current = Some(key),
            }
        }
        let current = current.ok_or_else(|| "the database has no signing key".to_owned())?;
        Ok(SigningKeys { current, replaced })
    }

    fn verifying(&self, now: Timestamp) -> impl Iterator<Item = &SigningKey> {
        let replaced = self.replaced.iter().filter(move |(_, end)| now < *end).map(|(key, _)| key);
        std::iter::once(&self.current).chain(replaced)
    }

    /// The key of this name, while it verifies.
    pub fn named(&self, kid: &str, now: Timestamp) -> Option<&SigningKey> {
        self.verifying(now).find(|key| key.kid == kid)
    }

    /// The public keys that verify now, as `/.well-known/jwks.json` returns them.
    pub fn jwks(&self, now: Timestamp) -> JwkSet {
        let key = |key: &SigningKey| Jwk {
            kty: "OKP",
            crv: "Ed25519",
            r#use: "sig",
            alg: "EdDSA",
            kid: key.kid.clone(),
            x: BASE64_URL_SAFE_NO_PAD.encode(&key.public),
        };
        JwkSet { keys: self.verifying(now).map(key).collect() }
    }
}

/// Public keys (RFC 7517).
#[derive(Serialize, ToSchema)]
pub struct JwkSet {
    /// The keys.
    pub keys: Vec<Jwk>,
}

/// A public key: Ed25519 (RFC 8037).
#[derive(Serialize, ToSchema)]
pub struct Jwk {
    /// `OKP`.
    pub kty: &'static str,
    /// `Ed25519`.
    pub crv: &'static str,
    /// `sig`: it verifies signatures.
    pub r#use: &'static str,
    /// `EdDSA`.
    pub alg: &'static str,
    /// Its name, as the header of a token has it.
    pub kid: String,
    /// The key, in base64url.
    pub x: String,
}

impl KeySet {
    /// Opens stored keys.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn load(stored: &[StoredKey], master: Option<&MasterKey>) -> Result<Self, String> {
        let sealing = stored.iter().rfind(|key| key.kind == SEALING);
        let sealing = sealing.ok_or_else(|| "the database has no sealing key".to_owned())?;
        Ok(KeySet {
            sealing: aes(&unwrap(master, &sealing.material)?)?,
            master: master.cloned(),
            // The first use reads them once more.
            signing: RwLock::new((RightsRev::NEVER, Arc::new(SigningKeys::load(stored, master)?))),
        })
    }

    fn read(&self) -> RwLockReadGuard<'_, (RightsRev, Arc<SigningKeys>)> {
        // What is written under the lock is written in one step.
        self.signing.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The signing keys as they were read last.
    pub fn signing(&self) -> Arc<SigningKeys> {
        self.read().1.clone()
    }

    /// Whether the signing keys were read while rights stood at this.
    pub fn is_read_at(&self, rights: RightsRev) -> bool {
        self.read().0 == rights
    }

    /// Takes over signing keys that were read while rights stood at this, or later. Those that cannot be opened (the
    /// master key was changed) leave the former ones in place.
    pub fn take_over(&self, rights: RightsRev, stored: &[StoredKey]) {
        let loaded = SigningKeys::load(stored, self.master.as_ref()).map(Arc::new);
        let mut signing = self.signing.write().unwrap_or_else(PoisonError::into_inner);
        signing.0 = rights;
        match loaded {
            Ok(loaded) => signing.1 = loaded,
            Err(why) => tracing::error!(%why, "the signing keys cannot be opened; the former ones stay in use"),
        }
    }

    /// A new signing key, and the others wrapped again: with another master key where one is given.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn rotation(
        &self,
        stored: &[StoredKey],
        new_master: Option<&MasterKey>,
        now: Timestamp,
    ) -> Result<KeyRotation, String> {
        let (old, new) = (self.master.as_ref(), new_master.or(self.master.as_ref()));
        let over = with_ends(stored).into_iter().filter(|(_, end)| end.is_some_and(|end| end <= now));
        let over: Vec<String> = over.map(|(key, _)| key.id.clone()).collect();
        let kept = stored.iter().filter(|key| !over.contains(&key.id));
        let kept = kept.map(|key| rewrapped(key, old, new)).collect::<Result<_, _>>()?;
        Ok(KeyRotation { new: new_signing_key(new, now)?, kept, over })
    }

    /// Seals bytes for a purpose.
    pub(super) fn seal(&self, purpose: &str, plain: &[u8]) -> Option<Vec<u8>> {
        seal_with(&self.sealing, purpose.as_bytes(), plain)
    }

    /// Opens what was sealed for the same purpose.
    pub(super) fn open(&self, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        open_with(&self.sealing, purpose.as_bytes(), sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60 * 1_000_000;

    #[test]
    fn wrapped_keys_need_their_master_key() {
        let master = MasterKey([7; 32]);
        let stored = generate(Some(&master)).unwrap();
        assert!(KeySet::load(&stored, Some(&master)).is_ok());
        assert!(KeySet::load(&stored, None).is_err_and(|why| why.contains("CELL_RECORDS_MASTER_KEY")));
        assert!(KeySet::load(&stored, Some(&MasterKey([8; 32]))).is_err());
        assert!(KeySet::load(&generate(None).unwrap(), None).is_ok());
    }

    #[test]
    fn plain_keys_are_wrapped_when_there_is_a_master_key() {
        let master = MasterKey([7; 32]);
        let plain = generate(None).unwrap();
        assert_eq!(wrap_plain(&plain, None).unwrap().len(), 0);
        let wrapped = wrap_plain(&plain, Some(&master)).unwrap();
        assert_eq!(wrapped.len(), 2);
        assert!(wrapped.iter().all(|key| key.material.starts_with(WRAPPED)));
        assert!(KeySet::load(&wrapped, None).is_err());
        let keys = KeySet::load(&wrapped, Some(&master)).unwrap();
        assert_eq!(keys.signing().current.kid, plain[0].id);
        assert_eq!(wrap_plain(&wrapped, Some(&master)).unwrap().len(), 0);
    }

    #[test]
    fn a_replaced_key_verifies_for_half_an_hour_and_the_next_rotation_takes_it_out() {
        let (old, new) = (MasterKey([7; 32]), MasterKey([8; 32]));
        let stored = generate(Some(&old)).unwrap();
        let first = stored[0].id.clone();
        let at = |minutes: i64| Timestamp::from_micros(stored[0].created_at.micros() + minutes * MINUTE);
        let rotation = KeySet::load(&stored, Some(&old)).unwrap().rotation(&stored, Some(&new), at(10)).unwrap();
        assert!(rotation.over.is_empty());
        let stored: Vec<StoredKey> = rotation.kept.into_iter().chain([rotation.new.clone()]).collect();
        assert!(KeySet::load(&stored, Some(&old)).is_err());
        let keys = KeySet::load(&stored, Some(&new)).unwrap();
        let signing = keys.signing();
        assert_eq!(signing.current.kid, rotation.new.id);
        assert!(signing.named(&first, at(39)).is_some() && signing.named(&first, at(41)).is_none());
        assert_eq!(signing.jwks(at(39)).keys.len(), 2);
        assert_eq!(signing.jwks(at(41)).keys.len(), 1);
        assert!(keys.rotation(&stored, None, at(39)).unwrap().over.is_empty());
        let later = keys.rotation(&stored, None, at(41)).unwrap();
        assert_eq!(later.over, [first]);
        assert_eq!(later.kept.len(), 2);
    }

    #[test]
    fn keys_that_cannot_be_opened_leave_the_former_ones_in_use() {
        let keys = KeySet::load(&generate(None).unwrap(), None).unwrap();
        let kid = keys.signing().current.kid.clone();
        keys.take_over(RightsRev::at(5), &generate(Some(&MasterKey([7; 32]))).unwrap());
        assert!(keys.is_read_at(RightsRev::at(5)));
        assert_eq!(keys.signing().current.kid, kid);
        let other = generate(None).unwrap();
        keys.take_over(RightsRev::at(6), &other);
        assert_eq!(keys.signing().current.kid, other[0].id);
    }
}
