//! What the steps of an admission do to the member.

use super::{PARTICULARS, probation_ends};
use crate::store::moves::{MemberWrite, Moved, text};
use cell_records_types::{Date, MemberStatus};
use serde_json::{Map, Value};

/// What the member's record has too, and stays in that of the admission.
const KEPT: &[&str] = &["full_name", "sex", "birth_date", "introducers", "readmission_of"];

/// `admitted`: makes the member of what is known of the person.
pub fn joins(moved: &Moved<'_>) -> Option<MemberWrite> {
    let ceremony = moved.fields.get("ceremony_on")?;
    let known = KEPT.iter().chain(PARTICULARS);
    let mut member: Map<String, Value> =
        known.filter_map(|name| Some(((*name).to_owned(), moved.fields.get(*name)?.clone()))).collect();
    let mut set = |name: &str, value: Option<&Value>| {
        member.extend(value.map(|value| (name.to_owned(), value.clone())));
    };
    set("unit_id", Some(&moved.unit.to_string().into()));
    set("admission_date", Some(ceremony));
    set("unit_since", Some(ceremony));
    set("admission_decision_date", moved.fields.get("decision_on"));
    set("occupation_at_admission", moved.fields.get("occupation_current"));
    Some(MemberWrite::Create(member))
}

/// `recognised`: the member is official, from the day that the admission names or else from the end of the probation.
pub fn becomes_official(moved: &Moved<'_>) -> Option<MemberWrite> {
    let date = |name: &str| text(moved.fields, name).and_then(|date| date.parse::<Date>().ok());
    let known = |name: &str| moved.member.and_then(|member| text(member, name));
    // Whom another record made official is so from that day, unless the admission names one.
    let official_date = known("official_date").and_then(|date| date.parse::<Date>().ok());
    let computed = || date("probation_ends_on").or(probation_ends(date("ceremony_on")));
    let official = date("official_on").or(official_date).or_else(computed)?;
    let mut change = fields(&MemberStatus::Official, "official_date", official);
    // Who is suspended or away stays so.
    let status = known("status").and_then(MemberStatus::from_code);
    if status.is_some_and(|status| status != MemberStatus::Probationary && !status.has_left()) {
        change.remove("status");
    }
    Some(MemberWrite::Update(change))
}

/// `not_recognised`: the member is removed from the list, unless it was already.
pub fn is_removed(moved: &Moved<'_>) -> Option<MemberWrite> {
    let removed = moved.member.filter(|member| text(member, "status") == Some(MemberStatus::Removed.code()));
    let left = removed.and_then(|member| text(member, "left_on")?.parse::<Date>().ok());
    Some(MemberWrite::Update(fields(&MemberStatus::Removed, "left_on", left.unwrap_or(moved.on))))
}

fn fields(status: &MemberStatus, name: &str, date: Date) -> Map<String, Value> {
    [("status".to_owned(), status.code().into()), (name.to_owned(), date.to_string().into())].into_iter().collect()
}
