//! Numbers of regulations (`GET /v1/rules`): what the service takes default dates and warnings from.

use crate::{Date, codes};
use serde::{Deserialize, Serialize};

codes! {
    /// What the number of a rule counts.
    pub open enum RuleUnit = "rule_unit" {
        WorkingDay = "working_day" "Ngày làm việc" "Working days";
        Month = "month" "Tháng" "Months";
        Year = "year" "Năm" "Years";
        Person = "person" "Người" "Persons";
        Office = "office" "Chức danh" "Offices";
        DayOfYear = "day_of_year" "Ngày trong năm" "Days of the year";
        Share = "share" "Tỷ lệ" "Share";
    }
}

/// A number that a regulation gives, with all its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct RuleInfo {
    /// Name on the wire: `probation`.
    pub name: String,
    /// Vietnamese label.
    pub label_vi: String,
    /// English label.
    pub label_en: String,
    /// What its values count: it says in which part of them the value is.
    pub unit: RuleUnit,
    /// Its values, the oldest first. Of a fact counts the last one whose `valid_from` is not after the fact's date; of a fact
    /// before all of them the first.
    pub values: Vec<RuleValue>,
}

/// What a rule is from a day on: one of `number`, `numbers`, `days`, `share`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct RuleValue {
    /// The day from which a source confirms it; absent where no source has a date. Older facts take the first value, too,
    /// unconfirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub valid_from: Option<Date>,
    /// One number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub number: Option<i32>,
    /// Several numbers, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<i32>,
    /// Days of each year, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<DayOfYear>,
    /// A share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub share: Option<Share>,
    /// Where it is from, in Vietnamese.
    pub source_vi: String,
    /// The same in English.
    pub source_en: String,
}

/// A day that every year has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DayOfYear {
    /// The month, 1 to 12.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 12))]
    pub month: i8,
    /// The day of the month, 1 to 31.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 31))]
    pub day: i8,
}

impl DayOfYear {
    /// The day in a year, 1 to 9999.
    pub fn of(self, year: i16) -> Option<Date> {
        Date::new(year, self.month, self.day)
    }
}

/// A share that a part of a whole reaches, or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Share {
    /// Its numerator.
    pub numerator: i32,
    /// Its denominator.
    pub denominator: i32,
    /// Whether the share itself reaches it, too; otherwise only more than it does.
    pub inclusive: bool,
}

impl Share {
    /// Whether a part of a whole reaches it. Of nothing no part does.
    pub fn is_reached(self, part: i32, whole: i32) -> bool {
        let [part, whole] =
            [(part, self.denominator), (whole, self.numerator)].map(|(n, by)| i64::from(n) * i64::from(by));
        whole > 0 && if self.inclusive { part >= whole } else { part > whole }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_exact_at_its_border() {
        let two_thirds = Share { numerator: 2, denominator: 3, inclusive: true };
        assert_eq!([19, 20, 21].map(|part| two_thirds.is_reached(part, 30)), [false, true, true]);
        let over_half = Share { numerator: 1, denominator: 2, inclusive: false };
        assert_eq!([14, 15, 16].map(|part| over_half.is_reached(part, 30)), [false, false, true]);
        assert!(!two_thirds.is_reached(0, 0) && two_thirds.is_reached(i32::MAX, i32::MAX));
    }
}
