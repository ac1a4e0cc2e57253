//! Signing and sealing keys: made at the first start, kept in the database for all its servers, wrapped with the
//! master key when there is one.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde_json::{Value, json};
use std::fmt;

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

/// A key as it is stored.
#[derive(Clone)]
pub struct Material {
    /// `signing` or `sealing`.
    pub kind: String,
    /// Name of the key: `kid` of a signing key.
    pub id: String,
    /// The key, in base64, perhaps wrapped.
    pub material: String,
}

/// The keys of a server.
pub struct KeySet {
    /// Name of the signing key.
    pub kid: String,
    /// Signs access tokens.
    pub encoding: EncodingKey,
    /// Verifies access tokens.
    pub decoding: DecodingKey,
    public: Vec<u8>,
    sealing: RandomizedNonceKey,
}

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

/// Makes the keys of a new database.
///
/// # Errors
/// A sentence for the operator.
pub fn generate(master: Option<&MasterKey>) -> Result<Vec<Material>, String> {
    let no_random = |_| "the machine has no random numbers".to_owned();
    let signing = Ed25519KeyPair::generate().map_err(no_random)?;
    let private = signing.to_pkcs8v1().map_err(no_random)?;
    let mut sealing = [0u8; 32];
    aws_lc_rs::rand::fill(&mut sealing).map_err(no_random)?;
    Ok(vec![
        Material {
            kind: "signing".into(),
            id: kid(signing.public_key().as_ref()),
            material: wrap(master, private.as_ref())?,
        },
        Material { kind: "sealing".into(), id: "seal-1".into(), material: wrap(master, &sealing)? },
    ])
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

impl KeySet {
    /// Opens stored keys.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn load(stored: &[Material], master: Option<&MasterKey>) -> Result<Self, String> {
        let find = |kind: &str| {
            stored.iter().rfind(|key| key.kind == kind).ok_or_else(|| format!("the database has no {kind} key"))
        };
        let signing = find("signing")?;
        let private = unwrap(master, &signing.material)?;
        let pair = Ed25519KeyPair::from_pkcs8(&private).map_err(|_| "the signing key cannot be read".to_owned())?;
        let public = pair.public_key().as_ref().to_vec();
        Ok(KeySet {
            kid: signing.id.clone(),
            encoding: EncodingKey::from_ed_der(&private),
            decoding: DecodingKey::from_ed_der(&public),
            public,
            sealing: aes(&unwrap(master, &find("sealing")?.material)?)?,
        })
    }

    /// The public keys, as `/.well-known/jwks.json` answers them.
    pub fn jwks(&self) -> Value {
        let x = BASE64_URL_SAFE_NO_PAD.encode(&self.public);
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.kid, "x": x}]})
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

    #[test]
    fn wrapped_keys_need_their_master_key() {
        let master = MasterKey([7; 32]);
        let stored = generate(Some(&master)).unwrap();
        assert!(KeySet::load(&stored, Some(&master)).is_ok());
        assert!(KeySet::load(&stored, None).is_err_and(|why| why.contains("CELL_RECORDS_MASTER_KEY")));
        assert!(KeySet::load(&stored, Some(&MasterKey([8; 32]))).is_err());
        assert!(KeySet::load(&generate(None).unwrap(), None).is_ok());
    }
}
