//! Dates and instants on the wire: `YYYY-MM-DD`, birth dates that may be partial, RFC 3339 timestamps in UTC.

use crate::faults::{Report, WRONG_FORMAT};
use crate::fields::{Field, Shape};
use crate::phrases;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;
use std::{fmt, str::FromStr};

/// A calendar date, `YYYY-MM-DD`, year 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(jiff::civil::Date);

impl Date {
    /// The date, if there is such a day.
    pub fn new(year: i16, month: i8, day: i8) -> Option<Self> {
        (1..=9999).contains(&year).then(|| jiff::civil::Date::new(year, month, day).ok().map(Date)).flatten()
    }

    /// The date, for one that stands in a program.
    ///
    /// # Panics
    /// If there is no such day; in a constant, when it is compiled.
    pub const fn constant(year: i16, month: i8, day: i8) -> Self {
        Date(jiff::civil::date(year, month, day))
    }

    /// The year, 1 to 9999.
    pub fn year(self) -> i16 {
        self.0.year()
    }

    /// The month, 1 to 12.
    pub fn month(self) -> i8 {
        self.0.month()
    }

    /// The day of the month, 1 to 31.
    pub fn day(self) -> i8 {
        self.0.day()
    }

    /// The day `days` later, or earlier.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        Date(self.0.saturating_add(jiff::Span::new().days(days)))
    }

    /// The same day `years` later (29 February becomes 28 where it must).
    pub fn plus_years(self, years: i32) -> Self {
        Date(self.0.saturating_add(jiff::Span::new().years(years)))
    }

    /// The `days`th working day after it, Monday to Friday: it does not count itself, and no holiday is known. The day itself
    /// for 0 and less.
    #[must_use]
    pub fn plus_working_days(self, days: i32) -> Self {
        if days <= 0 {
            return self;
        }
        let weekday = i64::from(self.0.weekday().to_monday_one_offset());
        // What follows a weekend follows the Friday before it.
        let (friday, weekend) = (weekday.min(5), (weekday - 5).max(0));
        let (weeks, rest) = (i64::from(days) / 5, i64::from(days) % 5);
        let over_a_weekend = if friday + rest > 5 { 2 } else { 0 };
        self.plus_days(weeks * 7 + rest + over_a_weekend - weekend)
    }

    /// The same day `months` later, cut to the month's end where it must.
    pub fn plus_months(self, months: i32) -> Self {
        Date(self.0.saturating_add(jiff::Span::new().months(months)))
    }
}

impl FromStr for Date {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(3, '-');
        let (year, month, day) = (number(parts.next(), 4)?, number(parts.next(), 2)?, number(parts.next(), 2)?);
        let small = |n: i16| i8::try_from(n).map_err(|_| ());
        Date::new(year, small(month)?, small(day)?).ok_or(())
    }
}

fn number(part: Option<&str>, digits: usize) -> Result<i16, ()> {
    let part = part.filter(|part| part.len() == digits && part.bytes().all(|b| b.is_ascii_digit())).ok_or(())?;
    part.parse().map_err(|_| ())
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0.year(), self.0.month(), self.0.day())
    }
}

/// A date of which the day, or month and day, may be unknown: `1955`, `1955-03`, `1955-03-12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartialDate {
    /// 1 to 9999.
    pub year: i16,
    /// 1 to 12, when known.
    pub month: Option<i8>,
    /// 1 to 31, when known.
    pub day: Option<i8>,
}

impl PartialDate {
    /// The first day that it may mean.
    pub fn earliest(self) -> Date {
        Date(jiff::civil::Date::new(self.year, self.month.unwrap_or(1), self.day.unwrap_or(1)).unwrap_or_default())
    }

    /// The last day that it may mean.
    pub fn latest(self) -> Date {
        match (self.month, self.day) {
            (Some(_), Some(_)) => self.earliest(),
            (Some(_), None) => Date(self.earliest().0.last_of_month()),
            _ => Date(self.earliest().0.last_of_year()),
        }
    }

    /// Whether both may mean the same day.
    pub fn may_be(self, other: PartialDate) -> bool {
        self.earliest() <= other.latest() && other.earliest() <= self.latest()
    }
}

impl FromStr for PartialDate {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let small = |n: i16| i8::try_from(n).map_err(|_| ());
        let parts: Vec<&str> = text.split('-').collect();
        let date = match *parts.as_slice() {
            [year] => PartialDate { year: number(Some(year), 4)?, month: None, day: None },
            [year, month] => {
                PartialDate { year: number(Some(year), 4)?, month: Some(small(number(Some(month), 2)?)?), day: None }
            }
            _ => {
                let date: Date = text.parse()?;
                PartialDate { year: date.year(), month: Some(date.month()), day: Some(date.day()) }
            }
        };
        let valid = date.year >= 1 && date.month.is_none_or(|month| (1..=12).contains(&month));
        valid.then_some(date).ok_or(())
    }
}

impl fmt::Display for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.year)?;
        self.month.map_or(Ok(()), |month| write!(f, "-{month:02}"))?;
        self.day.map_or(Ok(()), |day| write!(f, "-{day:02}"))
    }
}

/// An instant: RFC 3339, UTC, microseconds. Years 1 to 9999 in UTC, so that its text reads back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The first one, 0001-01-01T00:00:00Z. Whatever jiff reads is before the year 10000.
    const FIRST: i64 = -62_135_596_800_000_000;

    /// From microseconds since 1970.
    pub const fn from_micros(micros: i64) -> Self {
        Timestamp(micros)
    }

    /// Microseconds since 1970.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// This machine's clock, now.
    pub fn now() -> Self {
        Timestamp(jiff::Timestamp::now().as_microsecond())
    }

    /// The date in Vietnam (`Asia/Ho_Chi_Minh`, UTC+7 without daylight saving).
    pub fn date_in_vietnam(self) -> Date {
        let shifted = jiff::Timestamp::from_microsecond(self.0.saturating_add(7 * 3_600_000_000)).unwrap_or_default();
        Date(jiff::tz::Offset::UTC.to_datetime(shifted).date())
    }
}

impl FromStr for Timestamp {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        // jiff accepts more than RFC 3339; the form is narrowed to one that every client can read back.
        let shaped = text.len() >= 20 && text.as_bytes().get(10).is_some_and(|b| matches!(b, b'T' | b't'));
        let parsed = shaped.then(|| text.parse::<jiff::Timestamp>().ok()).flatten();
        parsed.map(|at| Timestamp(at.as_microsecond())).filter(|at| at.0 >= Timestamp::FIRST).ok_or(())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", jiff::Timestamp::from_microsecond(self.0).unwrap_or_default())
    }
}

macro_rules! as_text {
    ($($type:ident, $format:ident, $name:literal, $openapi:literal, $pattern:literal, $example:literal, $description:literal);* $(;)?) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(|()| D::Error::custom(format_args!("must be {}", phrases::$format.en)))
            }
        }
        impl Field for $type {
            const SHAPE: Shape = Shape::$type;

            fn check(value: &mut Value, report: &mut Report) {
                let Some(text) = report.text(value) else { return };
                match text.trim().parse::<$type>() {
                    Ok(parsed) => *value = Value::String(parsed.to_string()),
                    Err(()) => report.fault_about(&WRONG_FORMAT, &phrases::$format),
                }
            }
        }
        #[cfg(feature = "openapi")]
        crate::fields::openapi::text_schema!($type as $name, $openapi, $pattern, $example, $description);
    )*};
}

as_text! {
    Date, DATE, "CalendarDate", "date", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "2012-03-13", "A date, `YYYY-MM-DD`.";
    PartialDate, PARTIAL_DATE, "PartialDate", "partial-date", "^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$", "1955-03",
        "A date of which the day, or month and day, may be unknown: `YYYY-MM-DD`, `YYYY-MM` or `YYYY`.";
    Timestamp, TIMESTAMP, "Timestamp", "date-time",
        "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$",
        "2014-12-31T07:00:00.000000Z", "An instant (RFC 3339); in responses in UTC, to the microsecond.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_that_do_not_exist_are_refused() {
        for text in ["2023-02-29", "2023-13-01", "2023-1-1", "23-01-01", "0000-01-01", "2023-01-01T00:00:00Z", ""] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
        assert!("1955-13".parse::<PartialDate>().is_err());
    }

    #[test]
    fn the_day_changes_at_midnight_in_vietnam() {
        let at: Timestamp = "2014-12-31T17:00:00Z".parse().unwrap();
        assert_eq!(at.date_in_vietnam().to_string(), "2015-01-01");
    }

    #[test]
    fn working_days_after_a_day_do_not_count_it_nor_weekends() {
        // 4 July 2025 is a Friday.
        for (from, days, to) in [
            ("2025-07-04", 0, "2025-07-04"),
            ("2025-07-04", 1, "2025-07-07"),
            ("2025-07-05", 1, "2025-07-07"),
            ("2025-07-06", 5, "2025-07-11"),
            ("2025-07-01", 3, "2025-07-04"),
            ("2025-07-01", 30, "2025-08-12"),
            ("2025-07-01", 60, "2025-09-23"),
        ] {
            assert_eq!(from.parse::<Date>().unwrap().plus_working_days(days).to_string(), to, "{from} {days}");
        }
    }

    #[test]
    fn an_instant_is_in_the_years_1_to_9999_of_utc() {
        for text in
            ["0000-01-01T00:00:00+00:01", "0000-12-31T23:59:59Z", "0001-01-01T00:00:00+00:01", "10000-01-01T00:00:00Z"]
        {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
        for text in
            ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00-23:59", "0000-12-31T23:59:00-00:01", "9999-12-30T22:00:00Z"]
        {
            let at: Timestamp = text.parse().unwrap();
            assert_eq!(at.to_string().parse::<Timestamp>(), Ok(at), "{text}");
        }
    }

    proptest! {
        #[test]
        fn timestamps_round_trip(micros in Timestamp::FIRST..253_000_000_000_000_000) {
            let at = Timestamp::from_micros(micros);
            prop_assert_eq!(at.to_string().parse::<Timestamp>(), Ok(at));
        }

        #[test]
        fn the_nth_working_day_has_n_working_days_behind_the_day_it_is_counted_from(
            year in 1i16..9990, month in 1i8..=12, day in 1i8..=28, days in 1i32..400,
        ) {
            let from = Date::constant(year, month, day);
            let to = from.plus_working_days(days);
            let is_working = |date: &Date| date.0.weekday().to_monday_one_offset() <= 5;
            let after: Vec<Date> = (1..).map(|n| from.plus_days(n)).take_while(|date| *date <= to).collect();
            prop_assert_eq!(after.iter().filter(|date| is_working(date)).count(), usize::try_from(days).unwrap());
            prop_assert!(is_working(&to));
        }

        #[test]
        fn partial_dates_round_trip(year in 1i16..9999, month in 1i8..=12) {
            let date = PartialDate { year, month: Some(month), day: None };
            prop_assert_eq!(date.to_string().parse::<PartialDate>(), Ok(date));
            prop_assert!(date.earliest() < date.latest());
        }
    }
}
