//! Access tokens: JWTs signed with Ed25519, 15 minutes. Only that algorithm is accepted.

use super::keys::{KeySet, LIFETIME};
use cell_records_types::Timestamp;
use cell_records_types::accounts::CallerKind;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Issuer and audience.
const ISSUER: &str = "cell-records";
/// `typ` of the header (RFC 9068).
const TYPE: &str = "at+jwt";

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Issuer.
    pub iss: String,
    /// The account.
    pub sub: Uuid,
    /// Audience.
    pub aud: String,
    /// End, seconds since 1970.
    pub exp: i64,
    /// Issued at, seconds since 1970.
    pub iat: i64,
    /// The token's own id.
    pub jti: Uuid,
    /// The session of a user, or the token of a system.
    pub sid: Uuid,
    /// A person or a program.
    pub kind: CallerKind,
}

/// Signs an access token for an account.
///
/// # Errors
/// When signing fails, which it does not with a key that loaded.
pub fn issue(
    keys: &KeySet,
    account: Uuid,
    sid: Uuid,
    kind: CallerKind,
    now: i64,
) -> Result<String, jsonwebtoken::errors::Error> {
    let claims = Claims {
        iss: ISSUER.into(),
        sub: account,
        aud: ISSUER.into(),
        exp: now + LIFETIME,
        iat: now,
        jti: Uuid::new_v4(),
        sid,
        kind,
    };
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(TYPE.into());
    let key = &keys.signing().current;
    header.kid = Some(key.kid.clone());
    jsonwebtoken::encode(&header, &claims, &key.encoding)
}

/// Verifies an access token at a time in seconds.
pub fn verify(keys: &KeySet, token: &str, now: i64) -> Option<Claims> {
    let header = jsonwebtoken::decode_header(token).ok()?;
    if header.typ.as_deref() != Some(TYPE) {
        return None;
    }
    let signing = keys.signing();
    let key = signing.named(header.kid.as_deref()?, Timestamp::from_micros(now * 1_000_000))?;
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&[ISSUER]);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    // The time is an argument: the end is compared below.
    validation.validate_exp = false;
    let claims = jsonwebtoken::decode::<Claims>(token, &key.decoding, &validation).ok()?.claims;
    (now < claims.exp && claims.iat <= now + 60).then_some(claims)
}

#[cfg(test)]
mod tests {
    use super::super::keys;
    use super::*;
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD as B64;

    fn set() -> KeySet {
        KeySet::load(&keys::generate(None).unwrap(), None).unwrap()
    }

    fn with_header(token: &str, header: &str) -> String {
        let rest = token.split_once('.').unwrap().1;
        format!("{}.{rest}", B64.encode(header))
    }

    #[test]
    fn a_token_is_accepted_until_it_ends_and_by_its_own_keys_only() {
        let keys = set();
        let token = issue(&keys, Uuid::now_v7(), Uuid::now_v7(), CallerKind::User, 1_000).unwrap();
        assert!(verify(&keys, &token, 1_000 + LIFETIME - 1).is_some());
        assert!(verify(&keys, &token, 1_000 + LIFETIME).is_none());
        assert!(verify(&set(), &token, 1_000).is_none());
    }

    #[test]
    fn swapped_algorithms_headers_and_truncated_tokens_are_refused() {
        let keys = set();
        let token = issue(&keys, Uuid::now_v7(), Uuid::now_v7(), CallerKind::User, 1_000).unwrap();
        let kid = &keys.signing().current.kid.clone();
        for header in [
            format!(r#"{{"alg":"none","typ":"at+jwt","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"HS256","typ":"at+jwt","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{kid}"}}"#),
            r#"{"alg":"EdDSA","typ":"at+jwt","kid":"other"}"#.to_owned(),
        ] {
            assert!(verify(&keys, &with_header(&token, &header), 1_000).is_none(), "{header}");
        }
        for end in [0, 10, token.len() / 2, token.len() - 1] {
            assert!(verify(&keys, &token[..end], 1_000).is_none());
        }
        let unsigned = token.rsplit_once('.').unwrap().0;
        assert!(verify(&keys, &format!("{unsigned}."), 1_000).is_none());
    }
}
