//! `enrolment`: columns, filters and rules (docs/DOMAIN.md, Enrolments).

use super::subject;
use crate::db::{Column, Sql, Type, Value};
use crate::regulations::CERTIFICATE_MONTHS;
use crate::store::filter::Filter;
use crate::store::registry::Sort;
use crate::store::rules::{Action, Change, Default, Slice, Verdict};
use crate::store::scope::Scope;
use crate::store::work::{Due, Work, there_is, there_is_no};
use crate::store::write_set::{Lookup, WriteSet};
use cell_records_types::faults::{CERTIFICATE_WITHOUT_PASS, ENROLMENT_EXISTS};
use cell_records_types::sync::ConflictReason;
use cell_records_types::work::WorkCode;
use cell_records_types::{Admission, CourseKind, Date, Enrolment, EnrolmentResult};
use uuid::Uuid;

impl Slice for Enrolment {
    const COLUMNS: &'static [Column] = &[
        Column::new("course_id", Type::Id),
        Column::new("member_id", Type::Id),
        Column::new("admission_id", Type::Id),
        Column::new("result", Type::Text),
        Column::new("certificate_expires_on", Type::Text),
    ];
    const FILTERS: &'static [Filter] = &[
        Filter::shared_reference("course_id", "course"),
        Filter::reference("member_id", "member"),
        Filter::reference("admission_id", "admission"),
        Filter::code("result", &EnrolmentResult::LIST),
    ];
    const SORTS: &'static [Sort] = &[];
    const WORK: &'static [Work] = &[Work {
        what: WorkCode::CertificateExpires,
        fields: &["admission_id", "certificate_expires_on"],
        when: Some(is_the_last_of_a_candidate),
        due: Due::On("certificate_expires_on"),
    }];
    const DEFAULTS: &'static [Default] = &[("result", Some("\"attending\"")), ("certificate_expires_on", None)];
    const UNIT_OF: &'static [&'static str] = &["member_id", "admission_id"];

    fn columns(&self) -> Vec<Value> {
        vec![
            self.course_id.id().into(),
            member(self).into(),
            admission(self).into(),
            self.result.as_ref().unwrap_or(&EnrolmentResult::Attending).code().into(),
            self.certificate_expires_on.map(|date| date.to_string()).into(),
        ]
    }

    fn decide(change: &mut Change<'_, Self>, set: &WriteSet, verdict: &mut Verdict) {
        if change.action == Action::Delete {
            return;
        }
        complete(change, set);
        let enrolment = &change.after;
        subject::is_one(change, enrolment.member_id.as_ref(), enrolment.admission_id.as_ref(), set, verdict);
        if enrolment.result != Some(EnrolmentResult::Passed) {
            for (field, is_there) in [
                ("certificate_number", enrolment.certificate_number.is_some()),
                ("certificate_on", enrolment.certificate_on.is_some()),
                ("certificate_expires_on", enrolment.certificate_expires_on.is_some()),
            ] {
                if is_there {
                    verdict.fault(field, &CERTIFICATE_WITHOUT_PASS);
                }
            }
        }
        let certificate = ("certificate_on", enrolment.certificate_on);
        verdict.not_after_today("certificate_on", enrolment.certificate_on, set);
        verdict.not_before::<Enrolment>(("certificate_expires_on", enrolment.certificate_expires_on), certificate);
        let is_of_one = member(enrolment).is_some() != admission(enrolment).is_some();
        if is_of_one && is_twice(change, set) {
            verdict.conflict(ConflictReason::Unique, &ENROLMENT_EXISTS);
        }
    }
}

/// That the certificate is the last one of somebody whom no cell has proposed yet: then it must still be valid.
fn is_the_last_of_a_candidate(scope: &Scope) -> Sql {
    let of_candidate = "o.id = t.admission_id AND o.state = 'listed'";
    let mut sql = there_is::<Admission>(scope, &["state"], of_candidate).text(" AND ");
    let later = "o.admission_id = t.admission_id AND o.certificate_expires_on > t.certificate_expires_on";
    sql.append(there_is_no::<Enrolment>(scope, &["admission_id", "certificate_expires_on"], later));
    sql
}

fn member(enrolment: &Enrolment) -> Option<Uuid> {
    enrolment.member_id.as_ref().and_then(|member| member.id())
}

fn admission(enrolment: &Enrolment) -> Option<Uuid> {
    enrolment.admission_id.as_ref().and_then(|admission| admission.id())
}

/// The defaults. An end of the certificate that was computed follows what it was computed from.
fn complete(change: &mut Change<'_, Enrolment>, set: &WriteSet) {
    let was_computed = !change.sent("certificate_expires_on")
        && change.before.is_some_and(|before| before.certificate_expires_on == expires(before, set));
    let enrolment = &mut change.after;
    enrolment.result.get_or_insert(EnrolmentResult::Attending);
    if was_computed {
        enrolment.certificate_expires_on = None;
    }
    enrolment.certificate_expires_on = enrolment.certificate_expires_on.or_else(|| expires(enrolment, set));
}

/// When the certificate of a course of Party awareness expires.
fn expires(enrolment: &Enrolment, set: &WriteSet) -> Option<Date> {
    let is_awareness = set.target(&enrolment.course_id).is_some_and(|course| course.kind == CourseKind::Awareness);
    let issued = enrolment.certificate_on.filter(|_| is_awareness)?;
    Some(issued.plus_months(CERTIFICATE_MONTHS.on(issued)))
}

/// Whether the person is in the course already, as the member or as the candidate that the member was.
fn is_twice(change: &Change<'_, Enrolment>, set: &WriteSet) -> bool {
    let enrolment = &change.after;
    let is_there = |column: &'static str, person: Uuid| {
        let course = enrolment.course_id.id();
        let same = Lookup::of::<Enrolment>([("course_id", course.into()), (column, person.into())]);
        set.others::<Enrolment>(same, enrolment.id).next().is_some()
    };
    let of_member = |member: Uuid| is_there("member_id", member);
    let of_candidate = |admission: Uuid| is_there("admission_id", admission);
    // Which admission a member came from is learnt by who reads that admission only.
    let may_learn = |unit: Uuid| change.may_learn("admission", unit, "member_id");
    let admissions = |member: Uuid| {
        set.found(Lookup::of::<Admission>([("member_id", member.into())])).filter(|one| may_learn(one.unit_id))
    };
    let admitted = |admission: Uuid| {
        set.live::<Admission>(admission).filter(|one| may_learn(one.unit_id))?.member_id.as_ref()?.id()
    };
    member(enrolment).is_some_and(|member| of_member(member) || admissions(member).any(|one| of_candidate(one.id)))
        || admission(enrolment)
            .is_some_and(|admission| of_candidate(admission) || admitted(admission).is_some_and(of_member))
}
