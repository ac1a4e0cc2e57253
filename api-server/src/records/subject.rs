//! Whom a record is about: a member or, before there is one, the admission of a candidate.

use crate::store::registry::Kind;
use crate::store::rules::{Change, Slice, Verdict};
use crate::store::write_set::WriteSet;
use cell_records_types::faults::EXACTLY_ONE;
use cell_records_types::{Admission, Member, MemberStatus, Ref};

const MEMBER: &str = "member_id";
const ADMISSION: &str = "admission_id";

/// The status of a member.
pub fn status(member: &Member) -> MemberStatus {
    member.status.clone().unwrap_or(MemberStatus::Probationary)
}

/// Exactly one of them is there, and a new record is made in its unit.
pub fn is_one<T: Slice>(
    change: &Change<'_, T>,
    member: Option<&Ref<Member>>,
    admission: Option<&Ref<Admission>>,
    set: &WriteSet,
    verdict: &mut Verdict,
) {
    let unit = match (member, admission) {
        (Some(member), None) => set.target(member).map(|member| member.unit_id),
        (None, Some(admission)) => set.target(admission).map(|admission| admission.unit_id),
        (member, _) => {
            let field = if member.is_some() { ADMISSION } else { MEMBER };
            let names = Kind::named(T::NAME).map(Kind::subjects).unwrap_or_default();
            return verdict.fault_about(field, &EXACTLY_ONE, names);
        }
    };
    change.made_at(unit, verdict);
}
