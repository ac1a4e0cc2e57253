//! How records of a type go from state to state: the table of moves that a slice declares. What one step does to a record is
//! in `decide/step.rs`, the call in `http/records/advance.rs`; both, `GET /v1/record_types` and the API document read this table.

use super::registry::Kind;
use cell_records_types::Date;
use cell_records_types::accounts::Role;
use cell_records_types::codes::Code;
use cell_records_types::fields::Shape;
use cell_records_types::phrases::Words;
use serde_json::{Map, Value};
use uuid::Uuid;

/// A move of a record from one state to another.
#[derive(Debug, Clone, Copy)]
pub struct Move {
    /// The states that it leaves; none: a record is made in `to`.
    pub from: &'static [&'static str],
    /// The state that it leads to.
    pub to: &'static str,
    /// The roles that may make it, over the unit of the record.
    pub by: &'static [Role],
    /// The records that it is for; absent: all.
    pub when: Option<When>,
    /// Fields that must have a value after it.
    pub needs: &'static [&'static str],
    /// Whether it must give a reason.
    pub reason: bool,
    /// Fields of the record that it clears: what they say is in the member's record from then on.
    pub clears: &'static [&'static str],
    /// What happens to the member, in the same set: both are written or none.
    pub member: Option<OfMember>,
}

/// The records whose field has one of these codes.
#[derive(Debug, Clone, Copy)]
pub struct When {
    /// The field.
    pub field: &'static str,
    /// Its codes.
    pub codes: &'static [&'static str],
}

/// What a move does to the member that the record is about.
#[derive(Debug, Clone, Copy)]
pub struct OfMember {
    /// What is done.
    pub change: MemberChange,
    /// What is written; nothing where there is nothing to write, or where what it needs is missing, which then is a fault of
    /// the move.
    pub write: fn(&Moved<'_>) -> Option<MemberWrite>,
}

/// What is done to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberChange {
    /// It is changed.
    Update,
    /// It is made of what the record says.
    Create,
    /// It is made of what the body says, as a create takes it.
    CreateFromBody,
}

/// A record after a move.
pub struct Moved<'a> {
    /// Its unit.
    pub unit: Uuid,
    /// Its own fields.
    pub fields: &'a Map<String, Value>,
    /// The day of the step.
    pub on: Date,
    /// What the body says of the member.
    pub body: Map<String, Value>,
    /// The member of `member_id` as it is stored, so far as the caller reads it.
    pub member: Option<&'a Map<String, Value>>,
}

/// A write of a member.
pub enum MemberWrite {
    /// Makes a member of these fields; the move sets `member_id`.
    Create(Map<String, Value>),
    /// Changes these fields of the member of `member_id`.
    Update(Map<String, Value>),
}

/// The field that says which member a record is about.
pub const MEMBER_ID: &str = "member_id";

impl Move {
    /// A move that these roles make.
    pub const fn new(from: &'static [&'static str], to: &'static str, by: &'static [Role]) -> Self {
        Move { from, to, by, when: None, needs: &[], reason: false, clears: &[], member: None }
    }

    /// Of records whose field has one of these codes.
    #[must_use]
    pub const fn when(self, field: &'static str, codes: &'static [&'static str]) -> Self {
        Move { when: Some(When { field, codes }), ..self }
    }

    /// With a value in each of these fields.
    #[must_use]
    pub const fn needs(self, needs: &'static [&'static str]) -> Self {
        Move { needs, ..self }
    }

    /// With a reason.
    #[must_use]
    pub const fn with_reason(self) -> Self {
        Move { reason: true, ..self }
    }

    /// It clears these fields.
    #[must_use]
    pub const fn clears(self, clears: &'static [&'static str]) -> Self {
        Move { clears, ..self }
    }

    /// It changes the member.
    #[must_use]
    pub const fn changes_member(self, write: fn(&Moved<'_>) -> Option<MemberWrite>) -> Self {
        self.with_member(MemberChange::Update, write)
    }

    /// It makes a member of what the record says.
    #[must_use]
    pub const fn makes_member(self, write: fn(&Moved<'_>) -> Option<MemberWrite>) -> Self {
        self.with_member(MemberChange::Create, write)
    }

    /// It makes a member of what the body says.
    #[must_use]
    pub const fn takes_member(self, write: fn(&Moved<'_>) -> Option<MemberWrite>) -> Self {
        self.with_member(MemberChange::CreateFromBody, write)
    }

    const fn with_member(self, change: MemberChange, write: fn(&Moved<'_>) -> Option<MemberWrite>) -> Self {
        Move { member: Some(OfMember { change, write }), ..self }
    }

    /// Fields of the record that it sets itself: they are not sent.
    pub fn sets(&self) -> &'static [&'static str] {
        match self.member {
            Some(OfMember { change: MemberChange::Create | MemberChange::CreateFromBody, .. }) => &[MEMBER_ID],
            _ => &[],
        }
    }

    /// Whether the body must say what the member is.
    pub fn needs_body(&self) -> bool {
        self.member.is_some_and(|member| member.change == MemberChange::CreateFromBody)
    }

    /// Whether it is for a record of these fields.
    fn is_for(&self, fields: &Map<String, Value>) -> bool {
        self.when.is_none_or(|when| text(fields, when.field).is_some_and(|code| when.codes.contains(&code)))
    }
}

/// Text of a field.
pub fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Value::as_str)
}

/// The state that a record of these fields begins with.
pub fn first(kind: &Kind, fields: &Map<String, Value>) -> &'static str {
    let begins = kind.moves.iter().find(|one| one.from.is_empty() && one.is_for(fields));
    begins.map(|begins| begins.to).or_else(|| Some(states(kind).first()?.code)).unwrap_or_default()
}

/// The states of a type.
fn states(kind: &Kind) -> &'static [Code] {
    match kind.field("state").map(|spec| spec.shape) {
        Some(Shape::Code(list)) => list.codes,
        _ => &[],
    }
}

/// The moves that leave a state of a record of these fields.
pub fn from(kind: &Kind, from: &str, fields: &Map<String, Value>) -> impl Iterator<Item = &'static Move> {
    kind.moves.iter().filter(move |one| one.from.contains(&from) && one.is_for(fields))
}

/// The move between two states of a record of these fields.
pub fn find(kind: &Kind, left: &str, to: &str, fields: &Map<String, Value>) -> Option<&'static Move> {
    from(kind, left, fields).find(|one| one.to == to)
}

/// What people call a state.
pub fn called(kind: &Kind, state: &str) -> Words {
    let known = states(kind).iter().find(|one| one.code == state);
    known.map_or_else(|| Words::plain(state), |one| one.label.into())
}
