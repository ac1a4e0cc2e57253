//! A small seeded generator, so that the demo is the same on every server and in every run.

use cell_records_types::Date;

/// SplitMix64 (Steele, Lea, Flood 2014).
pub struct Random(u64);

impl Random {
    /// The generator of one thing: its own seed, so that a draw more for one moves no other.
    pub fn of(what: u64, number: u64) -> Self {
        Random(what.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number.wrapping_mul(0xD1B5_4A32_D192_ED03))
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// A number from `low` to `high`, both included; `low` when there is none.
    pub fn between(&mut self, low: i16, high: i16) -> i16 {
        let span = u64::try_from(i32::from(high) - i32::from(low) + 1).unwrap_or(1);
        low.saturating_add(i16::try_from(self.below(span)).unwrap_or(0))
    }

    /// Whether something is so that is so in `percent` of the cases.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of a list, each as often as its weight says.
    pub fn weighted<T: Copy + Default>(&mut self, list: &[(T, u64)]) -> T {
        let mut at = self.below(list.iter().map(|(_, weight)| weight).sum());
        for (value, weight) in list {
            if at < *weight {
                return *value;
            }
            at -= weight;
        }
        T::default()
    }

    /// One of a list.
    pub fn one(&mut self, list: &[&'static str]) -> &'static str {
        let at = usize::try_from(self.below(u64::try_from(list.len()).unwrap_or(1))).unwrap_or(0);
        list.get(at).copied().unwrap_or_default()
    }

    /// A day of a year.
    pub fn day_of(&mut self, year: i16) -> Date {
        later(day(year, 1, 1), i64::from(self.between(0, 364)))
    }
}

/// A day that is written down here, so there is such a day.
pub const fn day(year: i16, month: i8, day: i8) -> Date {
    Date::constant(year, month, day)
}

/// This number of days later (or, below 0, earlier).
pub fn later(date: Date, days: i64) -> Date {
    date.plus_days(days)
}
