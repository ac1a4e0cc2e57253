//! The table for readers, as docs/DOMAIN.md has it: `cell-records rules`.

use super::all;
use cell_records_types::rules::{RuleInfo, RuleUnit, RuleValue};
use std::fmt::Write;

/// The table as Markdown.
pub fn table() -> String {
    let mut text = String::from(
        "| name | rule | Vietnamese | value | valid from | source |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for rule in all() {
        for one in &rule.values {
            let from = one.valid_from.map_or_else(|| "–".to_owned(), |from| from.to_string());
            let (RuleInfo { name, label_vi, label_en, unit, .. }, source) = (&rule, &one.source_en);
            // Writing to a text does not fail.
            let _ = writeln!(text, "| `{name}` | {label_en} | {label_vi} | {} | {from} | {source} |", shown(one, unit));
        }
    }
    text
}

/// A value for readers.
fn shown(value: &RuleValue, unit: &RuleUnit) -> String {
    let list = |all: Vec<String>| all.join(", ");
    let days = value.days.iter().map(|one| format!("{}/{}", one.day, one.month));
    let share = value.share.map(|share| {
        let at = if share.inclusive { "at least" } else { "more than" };
        format!("{at} {}/{}", share.numerator, share.denominator)
    });
    match unit {
        RuleUnit::DayOfYear => list(days.collect()),
        RuleUnit::Share => share.unwrap_or_default(),
        counted => {
            let numbers = value.number.iter().chain(&value.numbers).map(i32::to_string);
            format!("{} {}", list(numbers.collect()), counted.words().text(false).to_lowercase())
        }
    }
}
