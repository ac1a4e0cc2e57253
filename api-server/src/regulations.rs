//! Numbers of regulations, each with the dates from which its values are valid: what default dates and warnings are made of.
//! `GET /v1/rules` and docs/DOMAIN.md print the table.
//!
//! The date of the fact chooses the value: `PROBATION_MONTHS.on(member.admission_date)`. A fact before the first value takes
//! that one: the regulations before it probably said the same, which is not confirmed.

mod badges;
mod print;

pub use badges::{Round, rounds};
pub use print::table;

use cell_records_types::rules::{DayOfYear, RuleInfo, RuleUnit, RuleValue, Share};
use cell_records_types::{Date, Label};

/// A number of a regulation.
pub struct Rule<T: 'static> {
    name: &'static str,
    label: Label,
    unit: RuleUnit,
    first: Valid<Option<Date>, T>,
    later: &'static [Valid<Date, T>],
}

/// A value with the day from which it is valid.
struct Valid<From, T> {
    from: From,
    value: T,
    source: Label,
}

impl<T: Copy> Rule<T> {
    /// Its value for a fact of this date.
    pub fn on(&self, date: Date) -> T {
        let later = self.later.iter().rev().find(|one| one.from <= date);
        later.map_or(self.first.value, |one| one.value)
    }
}

impl<T: Copy + Into<Value>> Rule<T> {
    fn info(&self) -> RuleInfo {
        let value = |from: Option<Date>, value: T, source: Label| {
            let mut info = RuleValue { valid_from: from, ..RuleValue::default() };
            (info.source_vi, info.source_en) = (source.vi.into(), source.en.into());
            match value.into() {
                Value::Number(number) => info.number = Some(number),
                Value::Numbers(numbers) => info.numbers = numbers.into(),
                Value::Days(days) => info.days = days.into(),
                Value::Share(share) => info.share = Some(share),
            }
            info
        };
        let first = value(self.first.from, self.first.value, self.first.source);
        let later = self.later.iter().map(|one| value(Some(one.from), one.value, one.source));
        RuleInfo {
            name: self.name.into(),
            label_vi: self.label.vi.into(),
            label_en: self.label.en.into(),
            unit: self.unit.clone(),
            values: std::iter::once(first).chain(later).collect(),
        }
    }
}

/// A value of any rule.
pub enum Value {
    /// One number.
    Number(i32),
    /// Several numbers, in order.
    Numbers(&'static [i32]),
    /// Days of each year, in order.
    Days(&'static [DayOfYear]),
    /// A share.
    Share(Share),
}

macro_rules! values {
    ($($kind:ident $type:ty;)+) => {
        $(impl From<$type> for Value { fn from(value: $type) -> Self { Value::$kind(value) } })+
    };
}

values! { Number i32; Numbers &'static [i32]; Days &'static [DayOfYear]; Share Share; }

/// Declares the table: of each rule its type and what it counts, its name and labels, and its values, each with the day from
/// which it is valid (`undated` where no source has one) and its source in both languages.
macro_rules! rules {
    (@date undated) => { None };
    (@date $date:tt) => { Some(rules!(@day $date)) };
    (@day ($year:literal $month:literal $day:literal)) => { Date::constant($year, $month, $day) };
    ($(
        $(#[$doc:meta])*
        $rule:ident: $type:ty = $unit:ident $name:literal $vi:literal $en:literal {
            $since:tt $first:expr, $svi:literal $sen:literal;
            $($later:tt $value:expr, $lvi:literal $len:literal;)*
        }
    )+) => {
        $(
            $(#[$doc])*
            pub static $rule: Rule<$type> = Rule {
                name: $name,
                label: Label { vi: $vi, en: $en },
                unit: RuleUnit::$unit,
                first: Valid { from: rules!(@date $since), value: $first, source: Label { vi: $svi, en: $sen } },
                later: &[$(Valid { from: rules!(@day $later), value: $value, source: Label { vi: $lvi, en: $len } }),*],
            };
        )+

        /// The whole table.
        pub fn all() -> Vec<RuleInfo> {
            vec![$($rule.info()),+]
        }
    };
}

const fn at_least(numerator: i32, denominator: i32) -> Share {
    Share { numerator, denominator, inclusive: true }
}

const fn more_than(numerator: i32, denominator: i32) -> Share {
    Share { numerator, denominator, inclusive: false }
}

const fn day(day: i8, month: i8) -> DayOfYear {
    DayOfYear { month, day }
}

rules! {
    /// Fewer official members than this in an active cell is a warning.
    CELL_OFFICIAL_MEMBERS: i32 = Person "cell_official_members" "Số đảng viên chính thức tối thiểu của chi bộ" "Official members of a cell, at least" {
        (2011 1 19) 3, "Điều lệ Đảng 2011; 24-QĐ/TW; 294-QĐ/TW" "Charter of 2011; 24-QĐ/TW; 294-QĐ/TW";
    }
    /// A cell committee of more is a warning.
    CELL_COMMITTEE_MEMBERS: i32 = Person "cell_committee_members" "Số chi ủy viên tối đa" "Members of a cell committee, at most" {
        (2025 7 1) 7, "294-QĐ/TW" "294-QĐ/TW";
    }
    /// Who is younger at the admission is a warning.
    ADMISSION_AGE_FROM: i32 = Year "admission_age_from" "Tuổi vào Đảng, từ đủ" "Age at admission, from" {
        (2011 1 19) 18, "Điều lệ Đảng 2011; 29-QĐ/TW, 24-QĐ/TW, 232-QĐ/TW, 294-QĐ/TW" "Charter of 2011; 29-QĐ/TW, 24-QĐ/TW, 232-QĐ/TW, 294-QĐ/TW";
    }
    /// Who is older at the admission is a warning.
    ADMISSION_AGE_TO: i32 = Year "admission_age_to" "Tuổi vào Đảng, đến đủ" "Age at admission, to" {
        (2016 7 25) 60, "29-QĐ/TW, 24-QĐ/TW, 232-QĐ/TW, 294-QĐ/TW" "29-QĐ/TW, 24-QĐ/TW, 232-QĐ/TW, 294-QĐ/TW";
    }
    /// How long a certificate of a class on Party awareness counts for an admission.
    CERTIFICATE_MONTHS: i32 = Month "awareness_certificate" "Thời hạn giấy chứng nhận bồi dưỡng nhận thức về Đảng" "Validity of a certificate of Party awareness" {
        undated 60, "Nguồn cũ, chưa xác nhận được" "Older sources, not confirmed";
    }
    /// From the admission to the earliest recognition.
    PROBATION_MONTHS: i32 = Month "probation" "Thời gian dự bị" "Probation" {
        (2011 1 19) 12, "Điều lệ Đảng 2011" "Charter of 2011";
    }
    /// From the decision on work, retirement or residence to the request for a transfer.
    TRANSFER_START_DAYS: i32 = WorkingDay "transfer_start" "Thời hạn làm thủ tục chuyển sinh hoạt đảng" "Time to begin a transfer" {
        (2025 7 1) 60, "294-QĐ/TW" "294-QĐ/TW";
    }
    /// From the letter of introduction to its presentation.
    TRANSFER_LETTER_DAYS: i32 = WorkingDay "transfer_letter" "Thời hạn nộp giấy giới thiệu sinh hoạt đảng" "Time to present the letter of introduction" {
        (2025 7 1) 30, "294-QĐ/TW" "294-QĐ/TW";
    }
    /// From a review of an exemption to the next one.
    EXEMPTION_REVIEW_MONTHS: i32 = Month "exemption_review" "Kỳ rà soát đảng viên được miễn sinh hoạt" "Time between two reviews of an exemption" {
        undated 12, "Do phần mềm chọn: không tìm thấy văn bản quy định" "Chosen for this program: no regulation was found";
    }
    /// Years of Party age that a badge is given for. There is none for 35.
    BADGE_YEARS: &'static [i32] = Year "badge_years" "Các mốc Huy hiệu Đảng" "Party badges, by years of Party age" {
        (2021 9 28) &[30, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90], "01-HD/TW, mục 18" "01-HD/TW, section 18";
    }
    /// How much earlier a badge below 70 years may be given in serious illness.
    BADGE_EARLY_MONTHS: i32 = Month "badge_early" "Tặng Huy hiệu dưới 70 năm sớm nhất trước" "Badge below 70 years, early by at most" {
        (2021 9 28) 12, "01-HD/TW, mục 18" "01-HD/TW, section 18";
    }
    /// The same of a badge of 70 years or more.
    BADGE_EARLY_FROM_70_MONTHS: i32 = Month "badge_early_from_70" "Tặng Huy hiệu từ 70 năm sớm nhất trước" "Badge of 70 years or more, early by at most" {
        (2021 9 28) 24, "01-HD/TW, mục 18" "01-HD/TW, section 18";
    }
    /// How much earlier a badge may be given after the member's death.
    BADGE_POSTHUMOUS_MONTHS: i32 = Month "badge_posthumous" "Truy tặng Huy hiệu sớm nhất trước" "Posthumous badge, early by at most" {
        (2021 9 28) 12, "01-HD/TW, mục 18" "01-HD/TW, section 18";
    }
    /// The days around which badges are given.
    BADGE_ROUNDS: &'static [DayOfYear] = DayOfYear "badge_rounds" "Các đợt trao Huy hiệu Đảng" "Rounds of Party badges" {
        (2021 9 28) &[day(3, 2), day(19, 5), day(2, 9), day(7, 11)], "01-HD/TW, mục 18" "01-HD/TW, section 18";
    }
    /// More persons in a plan for one office are a warning.
    PLAN_PERSONS: i32 = Person "plan_persons" "Số người tối đa quy hoạch một chức danh" "Persons planned for an office, at most" {
        (2025 10 8) 3, "377-QĐ/TW" "377-QĐ/TW";
    }
    /// More offices in a plan for one person are a warning.
    PLAN_OFFICES: i32 = Office "plan_offices" "Số chức danh tối đa quy hoạch một người" "Offices planned for a person, at most" {
        (2025 10 8) 3, "377-QĐ/TW" "377-QĐ/TW";
    }
    /// What part of the summoned makes a session of a confidence vote valid.
    VOTE_PRESENT: Share = Share "vote_present" "Tỷ lệ có mặt để lấy phiếu tín nhiệm" "Present at a confidence vote, of the summoned" {
        (2023 2 2) at_least(2, 3), "96-QĐ/TW" "96-QĐ/TW";
    }
    /// What part of low confidence takes a person out of the plan.
    VOTE_LOW: Share = Share "vote_low" "Tỷ lệ tín nhiệm thấp đưa ra khỏi quy hoạch" "Low confidence that takes a person out of the plan" {
        (2023 2 2) more_than(1, 2), "96-QĐ/TW" "96-QĐ/TW";
    }
    /// What part of low confidence takes a person out of office.
    VOTE_VERY_LOW: Share = Share "vote_very_low" "Tỷ lệ tín nhiệm thấp miễn nhiệm" "Low confidence that takes a person out of office" {
        (2023 2 2) at_least(2, 3), "96-QĐ/TW" "96-QĐ/TW";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn the_date_of_the_fact_chooses_the_value_and_what_is_older_than_all_takes_the_first() {
        const SOURCE: Label = Label { vi: "", en: "" };
        static CHANGED: Rule<i32> = Rule {
            name: "changed",
            label: SOURCE,
            unit: RuleUnit::Month,
            first: Valid { from: Some(Date::constant(2011, 1, 19)), value: 12, source: SOURCE },
            later: &[
                Valid { from: Date::constant(2021, 7, 30), value: 9, source: SOURCE },
                Valid { from: Date::constant(2025, 7, 1), value: 6, source: SOURCE },
            ],
        };
        for (on, value) in [
            ("1950-01-01", 12),
            ("2021-07-29", 12),
            ("2021-07-30", 9),
            ("2025-06-30", 9),
            ("2025-07-01", 6),
            ("2100-01-01", 6),
        ] {
            assert_eq!(CHANGED.on(date(on)), value, "{on}");
        }
        assert_eq!(
            CHANGED.info().values.iter().map(|one| one.number).collect::<Vec<_>>(),
            [Some(12), Some(9), Some(6)]
        );
    }

    #[test]
    fn every_rule_has_a_name_of_its_own_both_languages_and_its_values_in_order() {
        let all = all();
        for rule in &all {
            assert_eq!(all.iter().filter(|other| other.name == rule.name).count(), 1, "{}", rule.name);
            cell_records_types::phrases::assert_both(&rule.label_en, &rule.label_vi);
            assert!(rule.values.iter().skip(1).all(|later| later.valid_from.is_some()), "{}", rule.name);
            assert!(rule.values.is_sorted_by(|one, next| one.valid_from < next.valid_from), "{}", rule.name);
            for one in &rule.values {
                cell_records_types::phrases::assert_both(&one.source_en, &one.source_vi);
                let parts = [one.number.is_some(), !one.numbers.is_empty(), !one.days.is_empty(), one.share.is_some()];
                assert_eq!(parts.iter().filter(|is_there| **is_there).count(), 1, "{}", rule.name);
                assert_eq!(one.share.is_some(), rule.unit == RuleUnit::Share, "{}", rule.name);
                assert_eq!(!one.days.is_empty(), rule.unit == RuleUnit::DayOfYear, "{}", rule.name);
                assert!(one.numbers.is_sorted() && one.days.is_sorted(), "{}", rule.name);
                assert!(one.days.iter().all(|day| day.of(2023).is_some()), "{}", rule.name);
            }
        }
    }
}
