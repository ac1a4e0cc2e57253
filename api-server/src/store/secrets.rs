//! Opaque secrets: access tokens of systems (`crt_…`) and refresh tokens (`crr_…`), with a checksum that recognises a
//! mistyped one without a database read. Stored as SHA-256.

use aws_lc_rs::digest;

/// Prefix of systems' access tokens.
pub const ACCESS: &str = "crt_";
/// Prefix of refresh tokens.
pub const REFRESH: &str = "crr_";

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM: usize = 40;
const CHECK: usize = 6;

/// A new secret: the prefix, 40 random base62 characters (238 bits), 6 of CRC-32.
///
/// # Errors
/// When the machine has no random numbers.
pub fn generate(prefix: &str) -> Result<String, aws_lc_rs::error::Unspecified> {
    let mut secret = prefix.to_owned() + &random(RANDOM)?;
    let check = checksum(&secret);
    secret.push_str(&check);
    Ok(secret)
}

/// A new password: 20 random base62 characters (119 bits).
///
/// # Errors
/// When the machine has no random numbers.
pub fn password() -> Result<String, aws_lc_rs::error::Unspecified> {
    random(20)
}

fn random(length: usize) -> Result<String, aws_lc_rs::error::Unspecified> {
    let mut text = String::with_capacity(length + 64);
    let mut bytes = [0u8; 64];
    while text.len() < length {
        aws_lc_rs::rand::fill(&mut bytes)?;
        // Bytes above the last multiple of 62 are left out, so that all characters are equally likely.
        let fair = bytes.iter().filter(|byte| **byte < 248).filter_map(|byte| ALPHABET.get(usize::from(*byte) % 62));
        text.extend(fair.map(|c| char::from(*c)));
    }
    text.truncate(length);
    Ok(text)
}

fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut check: Vec<u8> = Vec::with_capacity(CHECK);
    for _ in 0..CHECK {
        check.extend(ALPHABET.get(usize::try_from(rest % 62).unwrap_or(0)));
        rest /= 62;
    }
    check.iter().rev().map(|c| char::from(*c)).collect()
}

/// Whether a secret has the form and the checksum of one that was issued.
pub fn is_well_formed(secret: &str, prefix: &str) -> bool {
    secret.is_ascii()
        && secret.starts_with(prefix)
        && secret.len() == prefix.len() + RANDOM + CHECK
        && secret.split_at_checked(prefix.len() + RANDOM).is_some_and(|(body, check)| checksum(body) == check)
}

/// SHA-256 as hex: what is stored of a secret, and the fingerprint of a request.
pub fn digest(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

/// The first characters, by which an administrator recognises a token.
pub fn prefix(secret: &str) -> String {
    secret.chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_token_is_recognised_by_its_checksum() {
        let secret = generate(ACCESS).unwrap();
        assert_eq!(secret.len(), 50);
        assert!(is_well_formed(&secret, ACCESS));
        for at in 4..50 {
            let mut wrong = secret.clone().into_bytes();
            wrong[at] = if wrong[at] == b'x' { b'y' } else { b'x' };
            assert!(!is_well_formed(&String::from_utf8(wrong).unwrap(), ACCESS), "{at}");
        }
        assert!(!is_well_formed(&secret[..49], ACCESS));
        assert!(!is_well_formed(&secret, REFRESH));
    }
}
