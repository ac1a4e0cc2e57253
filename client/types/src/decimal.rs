//! Exact decimals: JSON strings in plain notation, at most 6 places, kept as scaled integers.

use crate::faults::{Report, WRONG_FORMAT};
use crate::fields::{Field, Shape};
use crate::phrases;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;
use std::{fmt, str::FromStr};

const SCALE: i64 = 1_000_000;

/// An exact decimal number with at most 6 places, below 10¹² in size. Written without needless zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Decimal(i64);

impl Decimal {
    /// The exact sum, if it stays in range.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Decimal)
    }
}

impl From<i32> for Decimal {
    fn from(n: i32) -> Self {
        Decimal(i64::from(n) * SCALE)
    }
}

impl FromStr for Decimal {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let (negative, plain) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, places) = plain.split_once('.').unwrap_or((plain, "0"));
        if !digits(whole) || !digits(places) || whole.len() > 12 || places.len() > 6 {
            return Err(());
        }
        let whole: i64 = whole.parse().map_err(|_| ())?;
        let places: i64 = format!("{places:0<6}").parse().map_err(|_| ())?;
        let size = whole * SCALE + places;
        Ok(Decimal(if negative { -size } else { size }))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.unsigned_abs();
        let (whole, places) = (size / SCALE.unsigned_abs(), size % SCALE.unsigned_abs());
        let sign = if self.0 < 0 { "-" } else { "" };
        match places {
            0 => write!(f, "{sign}{whole}"),
            _ => write!(f, "{sign}{whole}.{}", format!("{places:06}").trim_end_matches('0')),
        }
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|()| D::Error::custom("must be a decimal"))
    }
}

impl Field for Decimal {
    const SHAPE: Shape = Shape::Decimal;

    fn check(value: &mut Value, report: &mut Report) {
        let Some(text) = report.text(value) else { return };
        match text.trim().parse::<Decimal>() {
            Ok(number) => *value = Value::String(number.to_string()),
            Err(()) => report.fault_about(&WRONG_FORMAT, &phrases::DECIMAL),
        }
    }
}

#[cfg(feature = "openapi")]
crate::fields::openapi::text_schema!(
    Decimal as "Decimal",
    "decimal",
    "^-?[0-9]{1,12}(\\.[0-9]{1,6})?$",
    "45.1",
    "An exact number, as a text: at most 12 digits and 6 places."
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_plain_notation_is_read() {
        for text in ["1e3", "+1", ".5", "5.", "1,5", "1.0000001", "", "-", "1 000"] {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
        assert_eq!("45.10".parse::<Decimal>().map(|d| d.to_string()), Ok("45.1".to_owned()));
    }

    proptest! {
        #[test]
        fn decimals_round_trip(n in -999_999_999_999_999_999i64..999_999_999_999_999_999) {
            prop_assert_eq!(Decimal(n).to_string().parse::<Decimal>(), Ok(Decimal(n)));
        }
    }
}
