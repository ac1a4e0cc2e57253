//! `confidence_vote`: columns, filters and rules (docs/DOMAIN.md, Confidence votes).

use crate::db::{Column, Type, Value};
use crate::regulations::{VOTE_LOW, VOTE_PRESENT, VOTE_VERY_LOW};
use crate::store::filter::Filter;
use crate::store::registry::Sort;
use crate::store::rules::{Action, Change, Slice, Verdict};
use crate::store::write_set::WriteSet;
use cell_records_types::faults::{EMPTY, LOW_CONFIDENCE, OUT_OF_RANGE, QUORUM_MISSING, VOTES_EXCEED_PRESENT};
use cell_records_types::phrases::{AT_LEAST, MORE_THAN, NUMBER_BETWEEN, Words};
use cell_records_types::rules::Share;
use cell_records_types::{CommitteeBody, ConfidenceSubject, ConfidenceVote};

impl Slice for ConfidenceVote {
    const COLUMNS: &'static [Column] = &[Column::new("body", Type::Text), Column::new("held_on", Type::Text)];
    const FILTERS: &'static [Filter] = &[
        Filter::code("body", &CommitteeBody::LIST),
        Filter::date_from("held_from", "held_on"),
        Filter::date_to("held_to", "held_on"),
    ];
    const SORTS: &'static [Sort] = &[Sort::narrow("held_on", &["held_on"])];
    const UNIT_INDEX: &'static [&'static str] = &["held_on"];
    /// All of it.
    const FIXED: &'static [&'static str] = &["unit_id", "held_on", "body", "summoned", "present", "subjects"];

    fn columns(&self) -> Vec<Value> {
        vec![self.body.code().into(), self.held_on.to_string().into()]
    }

    fn decide(change: &mut Change<'_, Self>, set: &WriteSet, verdict: &mut Verdict) {
        if change.action == Action::Delete {
            return;
        }
        let vote = &change.after;
        verdict.not_after_today("held_on", Some(vote.held_on), set);
        if vote.present > vote.summoned {
            verdict.fault_about("present", &OUT_OF_RANGE, NUMBER_BETWEEN.with(0).with(vote.summoned));
        }
        let quorum = VOTE_PRESENT.on(vote.held_on);
        if !quorum.is_reached(vote.present, vote.summoned) {
            verdict.warn_about("present", &QUORUM_MISSING, fraction(quorum));
        }
        if vote.subjects.is_empty() {
            verdict.fault("subjects", &EMPTY);
        }
        let office = |subject: &ConfidenceSubject| (subject.member_id.id(), subject.position_code.clone());
        verdict.each_once(vote.subjects.iter().map(office), |index| format!("subjects/{index}/member_id"));
        for (index, subject) in vote.subjects.iter().enumerate() {
            if votes(subject) > vote.present {
                verdict.fault(&format!("subjects/{index}"), &VOTES_EXCEED_PRESENT);
            }
            let passed = [&VOTE_VERY_LOW, &VOTE_LOW]
                .map(|rule| rule.on(vote.held_on))
                .into_iter()
                .find(|share| share.is_reached(subject.low, votes(subject)));
            if let Some(share) = passed {
                verdict.warn_about(&format!("subjects/{index}/low"), &LOW_CONFIDENCE, threshold(share));
            }
        }
    }
}

/// All votes on a person, also the invalid ones.
const fn votes(subject: &ConfidenceSubject) -> i32 {
    subject.high + subject.confidence + subject.low + subject.invalid
}

fn fraction(share: Share) -> Words {
    Words::plain(format_args!("{}/{}", share.numerator, share.denominator))
}

fn threshold(share: Share) -> Words {
    let phrase = if share.inclusive { &AT_LEAST } else { &MORE_THAN };
    phrase.of(fraction(share))
}
