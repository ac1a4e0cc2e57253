//! The moves of transfers, and what they do to the member.

use crate::store::moves::{MemberWrite, Move, Moved, text};
use crate::store::policy::{OFFICE, OFFICE_LEAD, WRITERS};
use cell_records_types::MemberStatus;
use serde_json::{Value, json};

const KIND: &str = "kind";
/// Those who leave this cell begin with a request.
const OUTGOING: &[&str] = &["internal", "out", "temporary_out"];
const INTERNAL: &[&str] = &["internal"];
const OUT: &[&str] = &["out"];
const IN: &[&str] = &["in"];
const TEMPORARY_OUT: &[&str] = &["temporary_out"];
const TEMPORARY_IN: &[&str] = &["temporary_in"];

/// The moves.
pub const MOVES: &[Move] = &[
    // Who comes in brings a letter.
    Move::new(&[], "letter_issued", &[]).when(KIND, &["in", "temporary_in"]),
    Move::new(&["requested"], "letter_issued", OFFICE_LEAD).needs(&["letter_date"]),
    // It lapsed.
    Move::new(&["letter_issued"], "requested", OFFICE_LEAD).when(KIND, OUTGOING).with_reason(),
    Move::new(&["letter_issued"], "completed", OFFICE).when(KIND, INTERNAL).changes_member(arrives),
    Move::new(&["letter_issued"], "completed", OFFICE).when(KIND, OUT).changes_member(leaves),
    Move::new(&["letter_issued"], "completed", OFFICE).when(KIND, IN).takes_member(enters),
    Move::new(&["letter_issued"], "away", OFFICE).when(KIND, TEMPORARY_OUT).changes_member(goes),
    Move::new(&["letter_issued"], "away", OFFICE).when(KIND, TEMPORARY_IN),
    Move::new(&["away"], "completed", OFFICE).when(KIND, TEMPORARY_OUT).changes_member(returns),
    Move::new(&["away"], "completed", OFFICE).when(KIND, TEMPORARY_IN),
    Move::new(&["requested", "letter_issued"], "cancelled", WRITERS).with_reason(),
];

fn update<const N: usize>(fields: [(&str, Value); N]) -> MemberWrite {
    MemberWrite::Update(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn status(status: &MemberStatus) -> Value {
    status.code().into()
}

/// The member counts in the other cell. Without one there is nowhere to go, which the rules of transfers say.
fn arrives(moved: &Moved<'_>) -> Option<MemberWrite> {
    let to = text(moved.fields, "to_unit_id")?;
    Some(update([("unit_id", to.into()), ("unit_since", moved.on.to_string().into()), ("unit_via", "transfer".into())]))
}

fn leaves(moved: &Moved<'_>) -> Option<MemberWrite> {
    Some(update([("status", status(&MemberStatus::TransferredOut)), ("left_on", moved.on.to_string().into())]))
}

fn enters(moved: &Moved<'_>) -> Option<MemberWrite> {
    let mut member = moved.body.clone();
    member.insert("unit_id".into(), json!(moved.unit));
    member.insert("unit_since".into(), moved.on.to_string().into());
    member.insert("unit_via".into(), "transfer".into());
    Some(MemberWrite::Create(member))
}

fn goes(_: &Moved<'_>) -> Option<MemberWrite> {
    Some(update([("status", status(&MemberStatus::TemporaryOut))]))
}

/// Who is not away any more stays as it is: it has left meanwhile, perhaps.
fn returns(moved: &Moved<'_>) -> Option<MemberWrite> {
    let away = MemberStatus::TemporaryOut;
    if moved.member.is_some_and(|member| text(member, "status") != Some(away.code())) {
        return None;
    }
    let is_official = moved.member.is_some_and(|member| text(member, "official_date").is_some());
    Some(update([("status", status(if is_official { &MemberStatus::Official } else { &MemberStatus::Probationary }))]))
}
