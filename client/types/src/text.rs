//! Text on the wire: how strings are cleaned for storage, folded for search and ordered by name.

use crate::faults::{CONTROL_CHARACTER, EMPTY, OUT_OF_RANGE, Report, TOO_LONG, WRONG_TYPE};
use crate::fields::Field;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{fmt, ops::Deref};
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
    fn check(value: &mut Value, report: &mut Report) {
        let Some(text) = report.text(value) else { return };
        let multiline = MAX > 500;
        match clean(text, multiline) {
            Err(()) => report.fault(&CONTROL_CHARACTER, ""),
            Ok(clean) if clean.is_empty() => report.fault(&EMPTY, ""),
            Ok(clean) if clean.chars().count() > MAX => report.fault(&TOO_LONG, MAX.to_string()),
            Ok(clean) => {
                if clean != text {
                    *value = Value::String(clean);
                }
            }
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
    fn check(value: &mut Value, report: &mut Report) {
        let Value::Array(items) = value else { return report.fault(&WRONG_TYPE, "an array") };
        if items.len() > MAX {
            return report.fault(&OUT_OF_RANGE, format!("a list of at most {MAX}"));
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

/// Trims, composes to NFC and makes non-breaking spaces plain. Fails on control characters;
/// a multi-line text may hold line feeds and tabs, and its line ends become `\n`.
#[expect(clippy::result_unit_err, reason = "there is one way to fail")]
pub fn clean(text: &str, multiline: bool) -> Result<String, ()> {
    let plain = |c: char| if matches!(c, '\u{a0}' | '\u{202f}' | '\u{2007}') { ' ' } else { c };
    let lines = if multiline { text.replace("\r\n", "\n") } else { text.to_owned() };
    let composed: String =
        if is_nfc(&lines) { lines.chars().map(plain).collect() } else { lines.nfc().map(plain).collect() };
    let trimmed = composed.trim();
    if trimmed.chars().any(|c| c.is_control() && !(multiline && matches!(c, '\n' | '\t'))) {
        return Err(());
    }
    Ok(trimmed.to_owned())
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

/// Vietnamese order of letters (a ă â b c d đ e ê … o ô ơ … u ư …), one ASCII pair a letter.
fn letter(c: char) -> Option<&'static str> {
    Some(match c {
        'a' => "a0",
        'ă' => "a1",
        'â' => "a2",
        'b' => "b0",
        'c' => "c0",
        'd' => "d0",
        'đ' => "d1",
        'e' => "e0",
        'ê' => "e1",
        'f' => "f0",
        'g' => "g0",
        'h' => "h0",
        'i' => "i0",
        'j' => "j0",
        'k' => "k0",
        'l' => "l0",
        'm' => "m0",
        'n' => "n0",
        'o' => "o0",
        'ô' => "o1",
        'ơ' => "o2",
        'p' => "p0",
        'q' => "q0",
        'r' => "r0",
        's' => "s0",
        't' => "t0",
        'u' => "u0",
        'ư' => "u1",
        'v' => "v0",
        'w' => "w0",
        'x' => "x0",
        'y' => "y0",
        'z' => "z0",
        _ => return None,
    })
}

/// Letters first, tones (ngang, huyền, hỏi, ngã, sắc, nặng) only between equal letters: two keys of one word.
fn word_keys(word: &str, letters: &mut String, tones: &mut String) {
    // A letter is its base with the marks that make it another letter; a tone stays apart.
    let mut base = String::new();
    let mut tone = '0';
    let mut flush = |base: &mut String, tone: &mut char| {
        if let Some(c) = base.nfc().next() {
            match letter(c) {
                Some(pair) => letters.push_str(pair),
                None => letters.push(c),
            }
            tones.push(*tone);
        }
        base.clear();
        *tone = '0';
    };
    for c in word.nfd().flat_map(char::to_lowercase) {
        match c {
            '\u{300}' => tone = '1',
            '\u{309}' => tone = '2',
            '\u{303}' => tone = '3',
            '\u{301}' => tone = '4',
            '\u{323}' => tone = '5',
            c if is_combining_mark(c) => base.push(c),
            c => {
                flush(&mut base, &mut tone);
                base.push(c);
            }
        }
    }
    flush(&mut base, &mut tone);
}

/// A key that orders text in Vietnamese order when compared by bytes.
pub fn order_key(text: &str) -> String {
    ordered(text.split_whitespace())
}

/// A key that orders people's names by given name, then family and middle names, in Vietnamese order,
/// when compared by bytes (docs/DOMAIN.md, Names).
pub fn name_key(full_name: &str) -> String {
    let mut words: Vec<&str> = full_name.split_whitespace().collect();
    let last = usize::from(words.len() > 1);
    words.rotate_right(last);
    ordered(words)
}

fn ordered<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let (mut letters, mut tones) = (String::new(), String::new());
    for word in words {
        // Numbers order by value: the tenth cell stands after the ninth.
        let number = word.len() < 10 && word.bytes().all(|b| b.is_ascii_digit());
        let word = if number { format!("{word:0>9}") } else { word.to_owned() };
        word_keys(&word, &mut letters, &mut tones);
        letters.push(' ');
        tones.push(' ');
    }
    format!("{}!{}", letters.trim_end(), tones.trim_end())
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
    fn names_sort_by_given_name_then_family_in_vietnamese_order() {
        let mut names =
            vec!["Trần Văn Ân", "Lê Thị An", "Hoàng Đức Ánh", "Lê Văn Dũng", "Lê Văn Đạt", "Đỗ An", "Bùi Ăn"];
        names.sort_by_key(|name| name_key(name));
        assert_eq!(
            names,
            ["Đỗ An", "Lê Thị An", "Hoàng Đức Ánh", "Bùi Ăn", "Trần Văn Ân", "Lê Văn Dũng", "Lê Văn Đạt"]
        );
    }

    proptest! {
        #[test]
        fn cleaning_and_folding_are_idempotent(text in "\\PC{0,40}") {
            if let Ok(once) = clean(&text, false) {
                prop_assert_eq!(clean(&once, false), Ok(once.clone()));
                prop_assert_eq!(fold(&fold(&once)), fold(&once));
            }
        }

        #[test]
        fn composed_and_decomposed_names_have_one_key(text in "[a-zăâđêôơưáàảãạ ]{1,20}") {
            let decomposed: String = text.nfd().collect();
            prop_assert_eq!(name_key(&text), name_key(&decomposed));
            prop_assert_eq!(fold(&text), fold(&decomposed));
        }
    }
}
