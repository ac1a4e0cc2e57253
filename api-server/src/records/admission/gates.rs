//! What other records must say of a candidate before a step: the classes passed, the review of political standards.

use crate::store::write_set::{Lookup, WriteSet};
use cell_records_types::{Admission, CourseKind, Date, Enrolment, EnrolmentResult, ProtectionResult, ProtectionReview};
use std::sync::Arc;
use uuid::Uuid;

/// Whether the candidate has passed a class on Party awareness, and its certificate, if one is recorded, is valid on a day.
pub fn has_certificate(admission: &Admission, on: Date, set: &WriteSet) -> bool {
    let mut passed = passed(CourseKind::Awareness, "admission_id", admission.id, set);
    passed.any(|enrolment| {
        enrolment.certificate_on.is_none_or(|issued| issued <= on)
            && enrolment.certificate_expires_on.is_none_or(|end| on < end)
    })
}

/// Whether the candidate, or by now the member, has passed a class for new members.
pub fn was_in_class(admission: &Admission, set: &WriteSet) -> bool {
    let has_passed = |column, person| passed(CourseKind::NewMember, column, person, set).next().is_some();
    let member = admission.member_id.as_ref().and_then(|member| member.id());
    has_passed("admission_id", admission.id) || member.is_some_and(|member| has_passed("member_id", member))
}

/// The enrolments of somebody in courses of a kind that were passed.
fn passed(
    kind: CourseKind,
    column: &'static str,
    person: Uuid,
    set: &WriteSet,
) -> impl Iterator<Item = Arc<Enrolment>> {
    let passed = EnrolmentResult::Passed.code().into();
    let enrolments = set.all::<Enrolment>(Lookup::of::<Enrolment>([(column, person.into()), ("result", passed)]));
    enrolments.filter(move |one| set.target(&one.course_id).is_some_and(|course| course.kind == kind))
}

/// Whether the candidate was found to meet the political standards.
pub fn is_cleared(admission: &Admission, set: &WriteSet) -> bool {
    let cleared = ProtectionResult::Cleared.code().into();
    let reviews = Lookup::of::<ProtectionReview>([("admission_id", admission.id.into()), ("result", cleared)]);
    set.found(reviews).next().is_some()
}
