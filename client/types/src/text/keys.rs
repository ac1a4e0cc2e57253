//! Keys that order names and texts in Vietnamese order, and in which words are found.

use std::sync::LazyLock;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Most bytes of a key, and of the words of further names: together they fit into one entry of an index on PostgreSQL,
/// which holds about 2,700 bytes. A Vietnamese name of 200 characters is not cut. Others are ordered and found by what
/// is left: a Hangul syllable, for one, is 9 bytes.
const LONGEST_KEY: usize = 400;
const LONGEST_WORDS: usize = 900;

/// A key of at most so many bytes, cut between characters.
fn cut(mut key: String, most: usize) -> String {
    key.truncate(key.floor_char_boundary(most));
    key
}

/// The letters in Vietnamese order. A key holds one byte for each: `A` to `Z`, then `a` to `g`.
const LETTERS: [char; 33] = [
    'a', 'ă', 'â', 'b', 'c', 'd', 'đ', 'e', 'ê', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'ô', 'ơ', 'p', 'q',
    'r', 's', 't', 'u', 'ư', 'v', 'w', 'x', 'y', 'z',
];

/// The byte of a letter in a key.
fn letter(c: char) -> Option<char> {
    let place = u8::try_from(LETTERS.iter().position(|letter| *letter == c)?).ok()?;
    Some(char::from(if place < 26 { b'A' + place } else { b'a' + (place - 26) }))
}

/// Takes the digits that text begins with, without leading zeros, and what follows; nothing when none lead.
fn number(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end).filter(|(digits, _)| !digits.is_empty())?;
    let significant = digits.trim_start_matches('0');
    Some((if significant.is_empty() { "0" } else { significant }, rest))
}

/// A word of a key: a space, its letters; its tones (ngang, huyền, hỏi, ngã, sắc, nặng) apart.
fn word_keys(word: &str, letters: &mut String, tones: &mut String) {
    letters.push(' ');
    let before = tones.len();
    if word.chars().all(|c| known(c).is_some()) {
        for (letter, tone) in word.chars().filter_map(known) {
            letters.push(char::from(letter));
            tones.extend(tone.map(char::from));
        }
    } else {
        spell(word, letters, tones);
    }
    if tones.len() == before {
        tones.push('0');
    }
}

/// The byte of a letter in a key, and that of its tone, if it has one.
type LetterTone = (u8, Option<u8>);

/// What a single character adds to a key, of those that add one byte and at most one tone: nearly all words have no
/// others, and need not be decomposed.
fn known(c: char) -> Option<LetterTone> {
    static KNOWN: LazyLock<Vec<Option<LetterTone>>> = LazyLock::new(|| {
        let one = |c: char| {
            let (mut letters, mut tones) = (String::new(), String::new());
            spell(c.encode_utf8(&mut [0; 4]), &mut letters, &mut tones);
            match (letters.as_bytes(), tones.as_bytes()) {
                ([letter], []) => Some((*letter, None)),
                ([letter], [tone]) => Some((*letter, Some(*tone))),
                _ => None,
            }
        };
        // The last letter of Vietnamese is before.
        ('\0'..'\u{1f00}').map(|c| one(c).filter(|_| c.is_alphabetic())).collect()
    });
    *KNOWN.get(usize::try_from(u32::from(c)).ok()?)?
}

/// The letters and tones of any word.
fn spell(word: &str, letters: &mut String, tones: &mut String) {
    // A letter is its base with the mark that makes it another letter; what other languages add does not count.
    let mut base: Option<char> = None;
    let flush = |base: Option<char>, letters: &mut String| letters.extend(base.map(|c| letter(c).unwrap_or(c)));
    let spelt: String = word.nfd().flat_map(char::to_lowercase).collect();
    let mut rest = spelt.as_str();
    while let Some(c) = rest.chars().next() {
        if let Some((digits, after)) = number(rest) {
            flush(base.take(), letters);
            // A number by the count of its digits, then by them: so the tenth cell comes after the ninth.
            letters.extend([char::from(b'0' + u8::try_from(digits.len()).unwrap_or(9).min(9))]);
            letters.push_str(digits);
            rest = after;
            continue;
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        match c {
            '\u{300}' => tones.push('1'),
            '\u{309}' => tones.push('2'),
            '\u{303}' => tones.push('3'),
            '\u{301}' => tones.push('4'),
            '\u{323}' => tones.push('5'),
            mark if is_combining_mark(mark) => {
                let marked = base.and_then(|base| unicode_normalization::char::compose(base, mark));
                base = marked.filter(|c| letter(*c).is_some()).or(base);
            }
            c => flush(base.replace(c), letters),
        }
    }
    flush(base, letters);
}

/// A key that orders text in Vietnamese order when compared by bytes, and in which [`word_pattern`] finds words.
pub fn order_key(text: &str) -> String {
    ordered(text.split_whitespace())
}

/// A key that orders people's names by given name, then family and middle names, in Vietnamese order,
/// when compared by bytes (docs/DOMAIN.md, Names), and in which [`word_pattern`] finds words.
pub fn name_key(full_name: &str) -> String {
    let mut words: Vec<&str> = full_name.split_whitespace().collect();
    let last = usize::from(words.len() > 1);
    words.rotate_right(last);
    ordered(words)
}

/// The words of further names, as [`word_pattern`] finds them; nothing when there are none.
pub fn words_key<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let (mut letters, mut tones) = (String::new(), String::new());
    for name in names {
        words(name).for_each(|word| word_keys(word, &mut letters, &mut tones));
    }
    (!letters.is_empty()).then(|| cut(letters, LONGEST_WORDS))
}

/// What a key holds, behind a space, where one of its words begins with a folded word: letters, digits and sets of
/// letters (`[ABC]`), which mean the same to `GLOB` and to a regular expression.
pub fn word_pattern(folded: &str) -> String {
    let mut pattern = String::with_capacity(folded.len() * 4);
    let mut rest = folded;
    while let Some(c) = rest.chars().next() {
        if let Some((digits, after)) = number(rest) {
            pattern.push_str("[0-9]");
            pattern.push_str(digits);
            rest = after;
            continue;
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        let same: String = LETTERS.into_iter().filter(|letter| base(*letter) == c).filter_map(letter).collect();
        match same.len() {
            0 => pattern.push(c),
            1 => pattern.push_str(&same),
            _ => pattern.extend(["[", &same, "]"]),
        }
    }
    pattern
}

fn base(letter: char) -> char {
    if letter == 'đ' { 'd' } else { std::iter::once(letter).nfd().next().unwrap_or(letter) }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && !is_combining_mark(c)).filter(|word| !word.is_empty())
}

/// Letters first; tones only between equal letters.
fn ordered<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let (mut letters, mut tones) = (String::new(), String::new());
    for word in parts.into_iter().flat_map(words) {
        word_keys(word, &mut letters, &mut tones);
    }
    cut(format!("{letters}!{tones}"), LONGEST_KEY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::fold;
    use proptest::prelude::*;

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

    #[test]
    fn keys_have_a_longest_length_in_bytes_and_end_between_characters() {
        for character in ["각", "𠀀", "Ặ", "1 ", "a "] {
            let name = character.repeat(200);
            for key in [name_key(&name), order_key(&name)] {
                assert!(key.len() <= LONGEST_KEY && key.len() > LONGEST_KEY / 2, "{character}: {}", key.len());
            }
            let words = words_key([name.as_str(); 6]).unwrap();
            assert!(words.len() <= LONGEST_WORDS && words.len() > LONGEST_WORDS / 2, "{character}: {}", words.len());
        }
        assert!(order_key(&"Đ".repeat(200)).ends_with("!0"));
    }

    #[test]
    fn numbers_sort_by_value_and_a_key_has_one_byte_a_letter() {
        let mut names = vec!["Chi bộ 10", "Chi bộ 9", "Chi bộ 100", "Chi bộ 9A", "Chi bộ 02"];
        names.sort_by_key(|name| order_key(name));
        assert_eq!(names, ["Chi bộ 02", "Chi bộ 9", "Chi bộ 9A", "Chi bộ 10", "Chi bộ 100"]);
        assert_eq!(name_key("Nguyễn Văn Hoàng").len(), " Hoang Nguyen Van!130".len());
        // The tone mark may be on either letter: it is one name.
        assert_eq!(name_key("Hoà Văn"), name_key("Hòa Văn"));
        assert_ne!(name_key("Hoá Văn"), name_key("Hòa Văn"));
    }

    /// What both engines do with a pattern, in the plainest way.
    fn finds(key: &str, pattern: &str) -> bool {
        let mut sets: Vec<Vec<char>> = Vec::new();
        let mut rest = pattern.replace("[0-9]", "[0123456789]");
        while let Some(first) = rest.chars().next() {
            let end = if first == '[' { rest.find(']').unwrap() + 1 } else { first.len_utf8() };
            sets.push(rest.drain(..end).filter(|c| !matches!(c, '[' | ']')).collect());
        }
        key.split(' ').skip(1).any(|word| {
            let letters: Vec<char> = word.chars().collect();
            letters.len() >= sets.len() && sets.iter().zip(letters).all(|(set, c)| set.contains(&c))
        })
    }

    #[test]
    fn a_word_is_found_by_its_beginning_whatever_its_diacritics() {
        let key = name_key("Đặng Thị-Hoàng Müller 17");
        for word in ["dang", "d", "thi", "hoang", "ho", "muller", "mu", "17", "1", "017"] {
            assert!(finds(&key, &word_pattern(word)), "{word} in {key}");
        }
        for word in ["ang", "hoangs", "7", "uller", "thih"] {
            assert!(!finds(&key, &word_pattern(word)), "{word} in {key}");
        }
        assert_eq!(words_key([]), None);
        assert!(finds(&words_key(["Năm Lửa", "Lê Thúy"]).unwrap(), &word_pattern("thuy")));
    }

    proptest! {
        #[test]
        fn every_word_of_a_name_is_found_by_each_of_its_beginnings(name in "[A-Za-zĂăÂâĐđÊêÔôƠơƯưáàảãạ0-9 '.-]{1,30}", length in 1..9_usize) {
            let key = name_key(&name);
            prop_assert!(key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'!')), "{}", key);
            for word in fold(&name).split(' ').filter(|word| !word.is_empty()) {
                let beginning: String = word.chars().take(length).collect();
                // Leading zeros of a number do not count, alone neither.
                if !beginning.ends_with('0') || beginning == word {
                    prop_assert!(finds(&key, &word_pattern(&beginning)), "{} in {}", beginning, key);
                }
            }
        }

        #[test]
        fn known_letters_make_the_key_that_spelling_makes(word in "[\\p{L}0-9]{1,12}") {
            let (mut letters, mut tones) = (String::new(), String::new());
            word_keys(&word, &mut letters, &mut tones);
            let (mut spelt, mut toned) = (String::from(" "), String::new());
            spell(&word, &mut spelt, &mut toned);
            if toned.is_empty() {
                toned.push('0');
            }
            prop_assert_eq!((letters, tones), (spelt, toned));
        }

        #[test]
        fn composed_and_decomposed_names_have_one_key(text in "[a-zăâđêôơưáàảãạ ]{1,20}") {
            let decomposed: String = text.nfd().collect();
            prop_assert_eq!(name_key(&text), name_key(&decomposed));
            prop_assert_eq!(fold(&text), fold(&decomposed));
        }
    }
}
