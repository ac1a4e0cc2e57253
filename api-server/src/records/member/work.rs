//! What becomes due with a member: the end of the probation, and badges.

use crate::db::Sql;
use crate::regulations::{BADGE_YEARS, PROBATION_MONTHS, Round, rounds};
use crate::store::scope::Scope;
use crate::store::work::{Due, Stretch, Work, there_is_no};
use cell_records_types::work::WorkCode;
use cell_records_types::{Admission, Award, Date, Member, MemberStatus};

pub(super) const WORK: &[Work] = &[
    Work {
        what: WorkCode::ProbationEnds,
        fields: &["status", "admission_date"],
        // Who reads the admission learns of it there.
        when: Some(|scope| there_is_no::<Admission>(scope, &["member_id"], "o.member_id = t.id")),
        due: Due::On("probation_ends_on"),
    },
    Work {
        what: WorkCode::PartyBadge,
        fields: &["status", "party_age_start"],
        when: Some(has_no_badge),
        due: Due::From { column: "party_age_start", stretches: badges },
    },
];

/// Who counts on the strength, and has no such badge, as far as the caller reads awards.
fn has_no_badge(scope: &Scope) -> Sql {
    let mut sql = Sql::new("t.status IN ('official', 'temporary_out', 'suspended') AND ");
    let same = "o.member_id = t.id AND o.badge_years = s.number";
    sql.append(there_is_no::<Award>(scope, &["member_id", "badge_years"], same));
    sql
}

/// When the probation of a member ends that is in it.
pub(super) fn probation_ends_on(member: &Member) -> Option<Date> {
    let is_probationary = super::status(member) == MemberStatus::Probationary;
    is_probationary.then(|| member.admission_date.plus_months(PROBATION_MONTHS.on(member.admission_date)))
}

/// Whoever reaches the years of a badge after the round before is due in a round. No round is near the end of a February, so
/// that years may be counted back.
fn badges(from: Date, to: Date) -> Vec<Stretch> {
    let of_round = |Round { last, on }: Round| {
        let stretch = move |years: &i32| Stretch {
            after: last.plus_years(-years),
            to: on.plus_years(-years),
            due: on,
            number: *years,
        };
        BADGE_YEARS.on(on).iter().map(stretch)
    };
    rounds(from, to).into_iter().flat_map(of_round).collect()
}
