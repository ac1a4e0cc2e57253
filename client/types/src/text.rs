//! Text on the wire: how strings are cleaned for storage and folded for search. `keys` orders them by name.

mod keys;

pub use keys::{name_key, order_key, word_pattern, words_key};

use crate::faults::{CONTROL_CHARACTER, EMPTY, OUT_OF_RANGE, Report, TOO_LONG, WRONG_TYPE};
use crate::fields::{Field, Shape};
use crate::phrases::{self, Words};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{borrow::Cow, fmt, ops::Deref};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark, is_nfc};

/// A string of 1 to `MAX` characters, stored trimmed, in NFC, without control characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text<const MAX: usize = 200>(String);

impl<const MAX: usize> Deref for Text<MAX> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize, T: Into<String>> From<T> for Text<MAX> {
    fn from(text: T) -> Self {
        Text(text.into())
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> Field for Text<MAX> {
    const SHAPE: Shape = Shape::Text(MAX);

    fn check(value: &mut Value, report: &mut Report) {
        let Some(text) = report.text(value) else { return };
        let multiline = MAX > 500;
        match clean(text, multiline) {
            Err(()) => report.fault(&CONTROL_CHARACTER),
            Ok(clean) if clean.is_empty() => report.fault(&EMPTY),
            Ok(clean) if clean.chars().count() > MAX => report.fault_about(&TOO_LONG, Words::plain(MAX)),
            Ok(Cow::Borrowed(_)) => {}
            Ok(Cow::Owned(clean)) => *value = Value::String(clean),
        }
    }
}

/// A list of at most `MAX` values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct List<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> Deref for List<T, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T, const MAX: usize> From<Vec<T>> for List<T, MAX> {
    fn from(items: Vec<T>) -> Self {
        List(items)
    }
}

impl<T: Field, const MAX: usize> Field for List<T, MAX> {
    const SHAPE: Shape = Shape::List { of: &T::SHAPE, most: MAX };

    fn check(value: &mut Value, report: &mut Report) {
        let Value::Array(items) = value else { return report.fault_about(&WRONG_TYPE, &phrases::ARRAY) };
        if items.len() > MAX {
            return report.fault_about(&OUT_OF_RANGE, phrases::LIST_AT_MOST.with(MAX));
        }
        for (index, item) in items.iter_mut().enumerate() {
            report.within(&index.to_string(), |report| T::check(item, report));
        }
    }

    fn references(&self, found: &mut Vec<(&'static str, uuid::Uuid)>) {
        for item in &self.0 {
            item.references(found);
        }
    }
}

/// Trims, composes to NFC and makes non-breaking spaces plain; nothing is left of a text without a visible character.
/// Fails on control characters; a multi-line text may hold line feeds and tabs, and its line ends become `\n`.
#[expect(clippy::result_unit_err, reason = "there is one way to fail")]
pub fn clean(text: &str, multiline: bool) -> Result<Cow<'_, str>, ()> {
    let is_space = |c: char| matches!(c, '\u{a0}' | '\u{202f}' | '\u{2007}');
    let is_refused = |c: char| c.is_control() && !(multiline && matches!(c, '\n' | '\t'));
    if text.chars().all(|c| c.is_whitespace() || is_invisible(c)) && !text.contains(is_refused) {
        return Ok(Cow::Borrowed(""));
    }
    // Most texts are in their stored form already.
    if text.trim().len() == text.len() && !text.contains(|c: char| is_refused(c) || is_space(c)) && is_nfc(text) {
        return Ok(Cow::Borrowed(text));
    }
    let plain = |c: char| if is_space(c) { ' ' } else { c };
    let lines = if multiline { text.replace("\r\n", "\n") } else { text.to_owned() };
    let composed: String = lines.nfc().map(plain).collect();
    let trimmed = composed.trim();
    if trimmed.contains(is_refused) { Err(()) } else { Ok(Cow::Owned(trimmed.to_owned())) }
}

/// Characters that are drawn as nothing: `Default_Ignorable_Code_Point` of Unicode, and the empty Braille pattern.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// The form in which names are searched: lower case, without diacritics, `đ` as `d`, words parted by one space.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
        match c {
            'đ' => folded.push('d'),
            c if c.is_alphanumeric() => folded.push(c),
            _ => {
                if !folded.ends_with(' ') {
                    folded.push(' ');
                }
            }
        }
    }
    folded.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_found_without_diacritics() {
        assert_eq!(fold("  Hoàng   Thị-Đặng "), "hoang thi dang");
    }

    #[test]
    fn a_text_without_a_visible_character_is_empty() {
        for text in ["\u{200b}", "\u{feff} \u{2060}", "\u{200d}\u{200c}", "\u{3164}", "\u{ad}", "\u{e0041}", "\u{2800}"]
        {
            let (mut value, mut report) = (Value::String(text.into()), Report::default());
            <Text as Field>::check(&mut value, &mut report);
            assert_eq!(report.faults.iter().map(|fault| fault.code).collect::<Vec<_>>(), [&EMPTY], "{text:?}");
        }
        // Among visible characters they stay: some scripts need them.
        assert_eq!(clean("a\u{200d}b", false), Ok(Cow::Borrowed("a\u{200d}b")));
    }

    proptest! {
        #[test]
        fn cleaning_and_folding_are_idempotent(text in "\\PC{0,40}") {
            if let Ok(once) = clean(&text, false) {
                prop_assert_eq!(clean(&once, false), Ok(Cow::Borrowed(&*once)));
                prop_assert_eq!(fold(&fold(&once)), fold(&once));
            }
        }
    }
}
