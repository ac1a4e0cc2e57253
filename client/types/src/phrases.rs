//! Phrases that are put into the texts of faults and problems. Each has both languages, so that no sentence is half
//! in one and half in the other: what has no language (a name, a code, a number) is put in by [`Phrase::with`].

use crate::Label;
use serde::{Deserialize, Serialize};
use std::fmt::Display;

/// A phrase in both languages. Each `{}` is replaced by what has no language.
#[derive(Debug, PartialEq, Eq)]
pub struct Phrase {
    /// English text.
    pub en: &'static str,
    /// Vietnamese text.
    pub vi: &'static str,
}

/// Longest text of words that are put into a message, in bytes: as much as is worth reading.
const LONGEST: usize = 400;

/// Words in both languages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    en: String,
    vi: String,
}

impl Phrase {
    /// The phrase with a value for its first `{}`.
    pub fn with(&'static self, value: impl Display) -> Words {
        Words::from(self).with(value)
    }

    /// The phrase with words in the language of each text for its first `{}`.
    pub fn of(&'static self, words: impl Into<Words>) -> Words {
        Words::from(self).of(words)
    }
}

impl Label {
    /// The label with what programs say for it: `Nam (male)`.
    pub fn named(self, name: &str) -> Words {
        NAMED.of(self).with(name)
    }
}

impl From<Label> for Words {
    fn from(label: Label) -> Self {
        Words { en: label.en.into(), vi: label.vi.into() }
    }
}

impl From<&'static Phrase> for Words {
    fn from(phrase: &'static Phrase) -> Self {
        Words { en: phrase.en.into(), vi: phrase.vi.into() }
    }
}

impl Words {
    /// What is the same in both languages: a name, a code, a number.
    pub fn plain(value: impl Display) -> Self {
        let value = value.to_string();
        Words { en: value.clone(), vi: value }
    }

    /// With a value for the first `{}` that is left. What a caller wrote comes last: a `{}` in it is a place, too.
    #[must_use]
    pub fn with(self, value: impl Display) -> Self {
        let value = value.to_string();
        let put = |text: String| text.replacen("{}", &value, 1);
        Words { en: put(self.en), vi: put(self.vi) }
    }

    /// With words in the language of each text for the first `{}` that is left.
    #[must_use]
    pub fn of(self, words: impl Into<Words>) -> Self {
        let words = words.into();
        Words { en: self.en.replacen("{}", &words.en, 1), vi: self.vi.replacen("{}", &words.vi, 1) }
    }

    /// A list of words.
    pub fn list(all: impl IntoIterator<Item = Words>) -> Self {
        let (en, vi): (Vec<String>, Vec<String>) = all.into_iter().map(|words| (words.en, words.vi)).unzip();
        Words { en: en.join(", "), vi: vi.join(", ") }
    }

    /// What is one of these: the only one there is, or that it is one of several.
    pub fn one_of(all: impl IntoIterator<Item = Words>) -> Self {
        let all: Vec<Words> = all.into_iter().collect();
        if all.len() == 1 { Words::list(all) } else { ONE_OF.of(Words::list(all)) }
    }

    /// These words, or where they are longer than a message should hold, others that say where to find them.
    #[must_use]
    pub fn or_where_long<W: Into<Words>>(self, elsewhere: impl FnOnce() -> W) -> Self {
        if self.en.len().max(self.vi.len()) > LONGEST { elsewhere().into() } else { self }
    }

    /// In Vietnamese or English.
    pub fn text(&self, vietnamese: bool) -> &str {
        if vietnamese { &self.vi } else { &self.en }
    }

    /// Cuts each text to [`LONGEST`]; one that is longer, such as a list, behind a comma if it has one.
    pub(crate) fn cut(&mut self) {
        for text in [&mut self.en, &mut self.vi] {
            if text.len() > LONGEST {
                text.truncate(text.floor_char_boundary(LONGEST - '…'.len_utf8()));
                text.truncate(text.rfind(", ").map_or(text.len(), |comma| comma + 2));
                text.push('…');
            }
        }
    }

    /// Bytes of both texts.
    pub fn size(&self) -> usize {
        self.en.len() + self.vi.len()
    }
}

/// Declares a table of phrases, in English and Vietnamese, with a test that none is left in English.
#[macro_export]
macro_rules! phrases {
    ($($name:ident $en:literal $vi:literal;)*) => {
        $(#[doc = concat!("`", $en, "`")]
          pub static $name: $crate::phrases::Phrase = $crate::phrases::Phrase { en: $en, vi: $vi };)*

        #[cfg(test)]
        static ALL: &[&$crate::phrases::Phrase] = &[$(&$name),*];

        #[cfg(test)]
        #[test]
        fn every_phrase_is_in_both_languages() {
            for phrase in ALL {
                $crate::phrases::assert_both(phrase.en, phrase.vi);
            }
        }
    };
}

/// Fails on a text that has another number of places for values than its translation, or that is not in Vietnamese:
/// a sentence of some length has letters that English lacks. Abbreviations, names and signs are the same in both.
#[doc(hidden)]
pub fn assert_both(en: &str, vi: &str) {
    assert_eq!(en.matches("{}").count(), vi.matches("{}").count(), "{en}");
    let has_words =
        en.split(|c: char| !c.is_ascii_alphabetic()).any(|word| word.len() > 1 && word != word.to_uppercase());
    let is_vietnamese = vi.chars().any(|c| c.is_alphabetic() && !c.is_ascii());
    assert!(!vi.is_empty() && (is_vietnamese || !has_words), "not translated: {en}");
}

/// Fails on a text that is no sentence: one begins with an upper case letter and ends with a stop.
#[doc(hidden)]
pub fn assert_sentence(text: &str) {
    let begins = text.starts_with(char::is_uppercase);
    assert!(begins && text.ends_with('.'), "no sentence: {text}");
}

phrases! {
    STRING "a string" "một chuỗi";
    ARRAY "an array" "một mảng";
    OBJECT "an object" "một đối tượng";
    BOOLEAN "true or false" "true hoặc false";
    WHOLE_NUMBER "a whole number" "một số nguyên";
    NUMBER_BETWEEN "a whole number from {} to {}" "số nguyên từ {} đến {}";
    YEAR_FROM "in {} or later" "năm {} trở đi";
    OR "{} or {}" "{} hoặc {}";
    HAS "“{}” is {}" "“{}” là {}";
    ONE_OF "one of: {}" "một trong: {}";
    LIST_AT_MOST "a list of at most {}" "một danh sách có nhiều nhất {} phần tử";
    NAMES_AT_MOST "an object of at most {} names" "một đối tượng có nhiều nhất {} tên";
    NAME "a name of a–z and _" "tên gồm a–z và _";
    UUID "a UUID" "UUID";
    DECIMAL "a number with a decimal point, such as 7.5, and at most 6 digits behind it" "số, dùng dấu chấm thập phân, như 7.5; nhiều nhất 6 chữ số sau dấu chấm";
    DATE "a year, month and day that exists, such as 1955-03-02" "năm-tháng-ngày có thật, như 1955-03-02";
    PARTIAL_DATE "a year, a year and month, or a year, month and day that exists, such as 1955, 1955-03, 1955-03-02" "năm, năm-tháng hoặc năm-tháng-ngày có thật, như 1955, 1955-03, 1955-03-02";
    TIMESTAMP "an RFC 3339 timestamp" "thời điểm theo RFC 3339";
    SCHEME_CODE "1 to 40 of a–z, 0–9, _" "1 đến 40 ký tự trong a–z, 0–9, _";
    USERNAME "2 to 40 of a–z, 0–9, '.', '_', '-'" "2 đến 40 ký tự trong a–z, 0–9, '.', '_', '-'";
    SYSTEM_CODE "2 to 40 of a–z, 0–9, '-'" "2 đến 40 ký tự trong a–z, 0–9, '-'";
    INDICATOR_CODE "words of a–z, 0–9, _ parted by dots" "các từ gồm a–z, 0–9, _ cách nhau bằng dấu chấm";
    DIGITS "{} digits" "{} chữ số";
    CARD_NUMBER "8 or 12 digits" "8 hoặc 12 chữ số";
    PHONE "a phone number such as +84912345678" "số điện thoại như +84912345678";
    EMAIL "an e-mail address" "địa chỉ thư điện tử";
    PROFILE_NUMBER "6 digits and 1 to 3 letters" "6 chữ số và 1 đến 3 chữ cái";
    READABLE_RECORD "a readable record" "một bản ghi đọc được";
    IN_400_DAYS "a time in the next 400 days" "một thời điểm trong 400 ngày tới";
    PERIOD_OR_DATE "“{}” and “{}”, or “{}” with the date that it allows" "“{}” và “{}”, hoặc “{}” cùng ngày phù hợp";
    GRANT_FROM "From" "Có hiệu lực từ";
    // A label, and what programs say for it.
    NAMED "{} ({})" "{} ({})";
    // What is too long to be listed.
    CODES_OF "the codes of the list {}, see GET /v1/code_lists" "các mã của danh mục {}, xem GET /v1/code_lists";
    CODE_OF "a code of the list {}, see GET /v1/code_lists" "một mã của danh mục {}, xem GET /v1/code_lists";
    SENSITIVE_FIELD "a sensitive field, see GET /v1/record_types" "một trường nhạy cảm, xem GET /v1/record_types";
    TYPES "the types of GET /v1/record_types" "các loại của GET /v1/record_types";
    // From one code to another.
    MOVE "{} → {}" "{} → {}";
    // Where it goes from there, when that move does not exist.
    MOVE_ELSEWHERE "{}; from here: {}" "{}; từ đây chỉ chuyển được sang: {}";
    // Why an admission is not closed.
    MOVE_WITH_MEMBER "{} → {}, for the member is still here: recognise, or do not" "{} → {}, vì đảng viên vẫn còn trong danh sách: hãy công nhận hoặc không công nhận chính thức";
    // How dates follow each other.
    NOT_BEFORE "this must not be before “{}”" "không được sớm hơn “{}”";
    AFTER "this must be after “{}”" "phải sau “{}”";
    NOT_BEFORE_LAST_STEP "this must not be before the step before it" "không được sớm hơn bước trước";
    NOT_BEFORE_LAST_REVIEW "this must not be before the review before it" "không được sớm hơn lần rà soát trước";
    OR_EARLIER "{} or earlier" "{} hoặc sớm hơn";
    // How many of how many entries.
    OF_ENTRIES " for {} of {} entries" " của {} trong {} lượt quy hoạch";
    // What a probation lacks.
    AT_LEAST_MONTHS "at least {} months" "ít nhất {} tháng";
    ENDS_ON "it ends on {}" "đến ngày {} mới hết";
    // Why a reason is required.
    TO_MOVE "to move it from “{}” to “{}”" "khi chuyển từ “{}” sang “{}”";
    COUNTED_FROM_ANOTHER_DAY "because “{}” is counted from another day" "vì “{}” được tính từ ngày khác";
    GENERAL_EDUCATION "a class of 12 or 10, such as 12/12" "lớp của hệ 12 hoặc 10 năm, như 12/12";
    // The share that a part of a whole reaches.
    AT_LEAST "at least {}" "từ {} trở lên";
    MORE_THAN "more than {}" "trên {}";
}
