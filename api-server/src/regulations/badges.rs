//! The rounds of Party badges: which there are between two days.

use super::BADGE_ROUNDS;
use cell_records_types::Date;

/// A round of badges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// The round before: who has reached the years since then is due in this one.
    pub last: Date,
    /// Its day.
    pub on: Date,
}

/// The rounds from one day to another, both included.
pub fn rounds(from: Date, to: Date) -> Vec<Round> {
    let first = from.year().saturating_sub(1).max(1);
    let days = (first..=to.year()).flat_map(|year| {
        let days = Date::new(year, 12, 31).map_or(&[][..], |end| BADGE_ROUNDS.on(end));
        days.iter().filter_map(move |day| day.of(year))
    });
    let days: Vec<Date> = days.collect();
    let pairs = days.iter().zip(days.iter().skip(1)).map(|(last, on)| Round { last: *last, on: *on });
    pairs.filter(|round| (from..=to).contains(&round.on)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(from: &str, to: &str) -> Vec<[String; 2]> {
        let rounds = rounds(from.parse().unwrap(), to.parse().unwrap());
        rounds.into_iter().map(|round| [round.last.to_string(), round.on.to_string()]).collect()
    }

    #[test]
    fn a_round_follows_the_one_before_also_over_the_end_of_a_year() {
        assert_eq!(found("2014-02-03", "2014-05-18"), [["2013-11-07", "2014-02-03"]]);
        assert_eq!(found("2014-02-04", "2014-05-18"), <[[String; 2]; 0]>::default());
        assert_eq!(
            found("2014-11-01", "2015-05-19"),
            [["2014-09-02", "2014-11-07"], ["2014-11-07", "2015-02-03"], ["2015-02-03", "2015-05-19"]]
        );
    }
}
