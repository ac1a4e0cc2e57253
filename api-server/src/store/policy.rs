//! THE table of rights: what each role reads and writes of each record type, up to which class.
//! Printed at `GET /v1/roles`; every access is decided from it (docs/DOMAIN.md, Rights).

use cell_records_types::Class::{Internal as I, Personal as P, Public as U, Sensitive as S};
use cell_records_types::accounts::Role;
use cell_records_types::*;

/// What a role may do with a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// Reads up to this class.
    pub reads: Class,
    /// Writes, creates, deletes and restores up to this class.
    pub writes: Option<Class>,
    /// Exceptions: fields that it may not write.
    pub except: &'static [&'static str],
    /// Fields that are all that it may write of an existing record; it neither creates nor deletes.
    pub only: &'static [&'static str],
}

impl Rights {
    /// Whether records may be made, deleted and brought back.
    pub const fn creates(&self) -> bool {
        self.writes.is_some() && self.only.is_empty()
    }

    /// Whether a field of this class may be written.
    pub fn writes_field(&self, name: &str, class: Class) -> bool {
        self.writes.is_some_and(|writes| class <= writes)
            && !self.except.contains(&name)
            && (self.only.is_empty() || self.only.contains(&name))
    }
}

const fn read(class: Class) -> Option<Rights> {
    Some(Rights { reads: class, writes: None, except: &[], only: &[] })
}

const fn write(class: Class) -> Option<Rights> {
    Some(Rights { reads: class, writes: Some(class), except: &[], only: &[] })
}

const fn write_but(class: Class, except: &'static [&'static str]) -> Option<Rights> {
    Some(Rights { reads: class, writes: Some(class), except, only: &[] })
}

const fn write_only(class: Class, only: &'static [&'static str]) -> Option<Rights> {
    Some(Rights { reads: class, writes: Some(class), except: &[], only })
}

const NONE: Option<Rights> = None;

/// The order of the columns below.
const ROLES: [Role; 8] = [
    Role::CommitteeOffice,
    Role::CommitteeLead,
    Role::CellSecretary,
    Role::InspectionCommission,
    Role::ExchangePeer,
    Role::FrontendReader,
    Role::Administrator,
    Role::Auditor,
];

type Row = (&'static str, [Option<Rights>; 8]);

const CODE: &[&str] = &["code"];

#[rustfmt::skip]
static TABLE: &[Row] = &[
    //                         office    lead                cell      inspect.  peer                reader  
    // administrator         auditor
    (Unit::NAME,             [write(I), write_but(I, CODE), read(I),  read(I),  write_but(I, CODE), read(I), write_only(I, CODE), read(U)]),
    (Member::NAME,           [write(S), read(S),            read(P),  read(P),  write(P),           NONE,    NONE,                NONE]),
    (Term::NAME,             [write(I), write(I),           read(I),  read(I),  write(I),           read(I), NONE,                NONE]),
    (Position::NAME,         [write(S), write(S),           read(P),  read(P),  write(P),           NONE,    NONE,                NONE]),
    (EvaluationScheme::NAME, [write(I), write(I),           read(I),  read(I),  write(I),           read(I), NONE,                NONE]),
    (EvaluationRound::NAME,  [write(I), write(I),           read(I),  read(I),  write(I),           read(I), NONE,                NONE]),
    (MemberEvaluation::NAME, [write(S), write(S),           write(P), read(P),  write(P),           NONE,    NONE,                NONE]),
    (UnitEvaluation::NAME,   [write(S), write(S),           read(I),  read(I),  write(I),           read(I), NONE,                NONE]),
    (ReportedFigure::NAME,   [write(I), write(I),           write(I), read(I),  write(I),           read(I), NONE,                NONE]),
    (Course::NAME,           [write(I), write(I),           read(I),  NONE,     write(I),           read(I), NONE,                NONE]),
    (Transfer::NAME,         [write(P), write(P),           write(P), read(P),  write(P),           NONE,    NONE,                NONE]),
    (Exemption::NAME,        [write(S), read(S),            write(S), read(P),  NONE,               NONE,    NONE,                NONE]),
    (ResidenceLink::NAME,    [write(S), read(S),            write(S), NONE,     write(P),           NONE,    NONE,                NONE]),
    (Admission::NAME,        [write(S), write(S),           write(S), read(P),  NONE,               NONE,    NONE,                NONE]),
    (Enrolment::NAME,        [write(P), write(P),           read(P),  NONE,     write(P),           NONE,    NONE,                NONE]),
    (Assignment::NAME,       [write(P), read(P),            write(P), NONE,     NONE,               NONE,    NONE,                NONE]),
    (Pledge::NAME,           [write(P), read(P),            write(P), NONE,     NONE,               NONE,    NONE,                NONE]),
    (RoleModel::NAME,        [write(P), read(P),            write(P), NONE,     NONE,               NONE,    NONE,                NONE]),
    (ProtectionReview::NAME, [write(S), read(S),            NONE,     read(S),  NONE,               NONE,    NONE,                NONE]),
    (CadrePlan::NAME,        [write(I), write(I),           NONE,     read(I),  read(I),            NONE,    NONE,                NONE]),
    (CadrePlanEntry::NAME,   [write(S), write(S),           NONE,     read(P),  read(P),            NONE,    NONE,                NONE]),
    (ConfidenceVote::NAME,   [write(S), read(S),            NONE,     read(S),  NONE,               NONE,    NONE,                NONE]),
    (Award::NAME,            [write(S), read(S),            read(P),  read(P),  write(P),           NONE,    NONE,                NONE]),
    (DisciplinaryAction::NAME, [NONE,   write(S),           read(S),  write(S), NONE,               NONE,    NONE,                NONE]),
];

/// What a role may do with a type; nothing when it does not see the type.
pub fn rights(role: &Role, kind: &str) -> Option<Rights> {
    let column = ROLES.iter().position(|one| one == role)?;
    TABLE.iter().find(|(name, _)| *name == kind).and_then(|(_, row)| row.get(column).copied().flatten())
}

/// Who makes a move: the office.
pub const OFFICE: &[Role] = &[Role::CommitteeOffice];
/// The lead.
pub const LEAD: &[Role] = &[Role::CommitteeLead];
/// The office or the lead.
pub const OFFICE_LEAD: &[Role] = &[Role::CommitteeOffice, Role::CommitteeLead];
/// The office or the cell.
pub const OFFICE_CELL: &[Role] = &[Role::CommitteeOffice, Role::CellSecretary];
/// The office, the lead or the cell: all who write what is in a cell, but no peer.
pub const WRITERS: &[Role] = &[Role::CommitteeOffice, Role::CommitteeLead, Role::CellSecretary];

/// Whether a role reads `audit_events`.
pub const fn audits(role: &Role) -> bool {
    matches!(role, Role::Auditor)
}
