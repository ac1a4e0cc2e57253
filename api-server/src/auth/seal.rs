//! Sealed cursors: opaque to who carries them, bound to what they were made for.

use super::keys::KeySet;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest cursor of the feed, in bytes.
pub const LONGEST: usize = 512;
/// Longest cursor of a list, in bytes: it holds the list's parameters and the last key, a name perhaps.
const LONGEST_OF_LISTS: usize = 8_192;

/// Seals a payload under a prefix, such as `cl1.`.
pub fn seal(keys: &KeySet, prefix: &str, payload: &impl Serialize) -> Option<String> {
    seal_bytes(keys, prefix, &serde_json::to_vec(payload).ok()?)
}

/// Opens a cursor that was sealed under the same prefix.
pub fn open<T: DeserializeOwned>(keys: &KeySet, prefix: &str, cursor: &str) -> Option<T> {
    serde_json::from_slice(&open_up_to(keys, prefix, cursor, LONGEST_OF_LISTS)?).ok()
}

/// Seals bytes under a prefix.
pub fn seal_bytes(keys: &KeySet, prefix: &str, plain: &[u8]) -> Option<String> {
    let sealed = keys.seal(prefix, plain)?;
    Some(format!("{prefix}{}", BASE64_URL_SAFE_NO_PAD.encode(sealed)))
}

/// Opens bytes that were sealed under the same prefix.
pub fn open_bytes(keys: &KeySet, prefix: &str, cursor: &str) -> Option<Vec<u8>> {
    open_up_to(keys, prefix, cursor, LONGEST)
}

fn open_up_to(keys: &KeySet, prefix: &str, cursor: &str, longest: usize) -> Option<Vec<u8>> {
    let text = cursor.strip_prefix(prefix).filter(|_| cursor.len() <= longest)?;
    keys.open(prefix, &BASE64_URL_SAFE_NO_PAD.decode(text).ok()?)
}

#[cfg(test)]
mod tests {
    use super::super::keys;
    use super::*;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    static KEYS: LazyLock<KeySet> = LazyLock::new(|| KeySet::load(&keys::generate(None).unwrap(), None).unwrap());

    proptest! {
        #[test]
        fn a_cursor_opens_only_whole_and_for_its_purpose(text in "\\PC{0,40}", at in 4usize..40) {
            let cursor = seal(&KEYS, "cs1.", &text).unwrap();
            prop_assert_eq!(open::<String>(&KEYS, "cs1.", &cursor), Some(text));
            prop_assert_eq!(open::<String>(&KEYS, "cl1.", &cursor.replace("cs1.", "cl1.")), None);
            let mut wrong = cursor.into_bytes();
            wrong[at] = if wrong[at] == b'A' { b'B' } else { b'A' };
            prop_assert_eq!(open::<String>(&KEYS, "cs1.", &String::from_utf8(wrong).unwrap()), None);
        }
    }
}
