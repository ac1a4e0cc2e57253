//! What only lists of members ask: by a number, by the stay on a day, duplicates.

use crate::db::Sql;
use crate::store::filter::{FilterInput, Own, Takes, in_units};
use crate::store::registry::UNIT;
use crate::store::scope::Units;
use cell_records_types::{Class, FieldSpec};

const fn by_number(condition: fn(&FilterInput<'_>) -> Sql) -> Own {
    Own { takes: Takes::Text, description: "Equal to this.", finds_few: true, asks_unit: false, condition }
}

fn numbered(asked: &FilterInput<'_>, kind: &'static str) -> Sql {
    Sql::new("t.id IN (SELECT member_id FROM member_numbers WHERE number = ")
        .bind(asked.value())
        .text(" AND kind = ")
        .bind(kind)
        .text(")")
}

/// `profile_number`: the one who holds it.
pub static PROFILE_NUMBER: Own = by_number(|asked| numbered(asked, "profile"));
/// `personal_id`: the one who holds it.
pub static PERSONAL_ID: Own = by_number(|asked| numbered(asked, "personal"));

/// `at`: those whose stay on a day was in the list's unit.
pub static STAY_AT: Own = Own {
    takes: Takes::Day,
    description: "On strength on this date: with `unit`, in the unit of that date. Of the members that the caller sees today.",
    finds_few: false,
    asks_unit: true,
    condition: |asked| {
        // Which units lie under one that the caller does not see is nothing that it may learn.
        let units = asked.unit.map(|(unit, subtree)| {
            asked.scope.within(Units::All, unit, subtree && asked.scope.reads(UNIT, unit).is_some())
        });
        let mut sql = Sql::new("(t.unit_since <= ")
            .bind(asked.value())
            .text(" AND (t.left_on IS NULL OR t.left_on > ")
            .bind(asked.value())
            .text(")");
        if let Some(units) = &units {
            in_units(&mut sql, "t.unit_id", units);
        }
        let mut sql = sql
            .text(" OR t.id IN (SELECT s.member_id FROM member_stays AS s WHERE s.from_date <= ")
            .bind(asked.value())
            .text(" AND s.to_date > ")
            .bind(asked.value());
        // Few units have few stays. Of many, the stays of each member that the list examines are asked: so many as a page
        // examines, and not all that there are.
        if !matches!(units, Some(Units::Few(_))) {
            sql.push(" AND s.member_id = t.id");
        }
        if let Some(units) = &units {
            in_units(&mut sql, "s.unit_id", units);
        }
        sql.text("))")
    },
};

/// `duplicates=number`: those that share a number with another that the caller reads.
pub static DUPLICATES: Own = Own {
    takes: Takes::Word("number"),
    description: "Those that share a number with another that the caller reads.",
    finds_few: false,
    asks_unit: false,
    condition: |asked| {
        let mut sql = Sql::new(
            "EXISTS (SELECT 1 FROM member_numbers AS a JOIN member_numbers AS b ON b.number = a.number AND b.kind = a.kind \
             JOIN members AS o ON o.id = b.member_id WHERE a.member_id = t.id AND b.member_id <> t.id",
        );
        let sensitive: Vec<&FieldSpec> =
            asked.kind.fields.iter().filter(|field| field.class == Class::Sensitive).collect();
        let units = asked.scope.units(asked.kind, &sensitive);
        in_units(&mut sql, "o.unit_id", &units);
        in_units(&mut sql, "t.unit_id", &units);
        sql.text(")")
    },
};
