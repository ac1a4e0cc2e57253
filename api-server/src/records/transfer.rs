//! `transfer`: columns, filters, moves and rules (docs/DOMAIN.md, Transfers). What a move does to the member is in
//! `transfer/moves.rs`.

mod moves;

use super::{subject, unit};
use crate::db::{Column, Sql, Type, Value};
use crate::regulations::{TRANSFER_LETTER_DAYS, TRANSFER_START_DAYS};
use crate::store::filter::Filter;
use crate::store::moves::Move;
use crate::store::registry::Sort;
use crate::store::rules::{self, Action, Change, Default, Slice, Verdict};
use crate::store::search::Search;
use crate::store::work::{Due, Work};
use crate::store::write_set::{Lookup, WriteSet};
use cell_records_types::faults::{
    EXEMPTION_OPEN, IN_THE_FUTURE, IS_FIXED, MEMBER_DIFFERS, MEMBER_MOVED, NOT_A_CELL, ONLY_WHERE, OPEN_POSITIONS,
    READ_ONLY, REQUIRED, SUBJECT_ELSEWHERE, TRANSFER_OPEN,
};
use cell_records_types::phrases::Words;
use cell_records_types::states::Stated;
use cell_records_types::sync::ConflictReason;
use cell_records_types::text::name_key;
use cell_records_types::work::WorkCode;
use cell_records_types::{
    Date, Exemption, ExemptionState, Member, Position, RecordType, Transfer, TransferKind, TransferReason,
    TransferState,
};
use uuid::Uuid;

impl Slice for Transfer {
    const COLUMNS: &'static [Column] = &[
        Column::new("kind", Type::Text),
        Column::new("state", Type::Text),
        Column::new("since", Type::Text),
        Column::new("member_id", Type::Id),
        Column::new("to_unit_id", Type::Id),
        Column::new("reason_code", Type::Text),
        Column::new("deadline_on", Type::Text),
        Column::new("name_key", Type::Text),
    ];
    const FILTERS: &'static [Filter] = &[
        Filter::code("state", &TransferState::LIST),
        Filter::SINCE_FROM,
        Filter::SINCE_TO,
        Filter::code("kind", &TransferKind::LIST),
        Filter::reference("member_id", "member"),
        Filter::reference("to_unit_id", "unit"),
        Filter::code("reason_code", &TransferReason::LIST),
        Filter::date_to("deadline_to", "deadline_on"),
    ];
    const SORTS: &'static [Sort] = &[Sort::SINCE];
    const UNIT_INDEX: &'static [&'static str] = &["since"];
    const SEARCH: Option<Search> = Some(Search::own("full_name", &["name_key"], false));
    const UNIT_OF: &'static [&'static str] = &["member_id"];
    const FIXED: &'static [&'static str] = &["kind", "member_id"];
    const DEFAULTS: &'static [Default] = &[("deadline_on", None)];
    const WORK: &'static [Work] = &[Work {
        what: WorkCode::TransferDeadline,
        fields: &["state", "deadline_on"],
        when: Some(|_| Sql::new("t.state IN ('requested', 'letter_issued', 'away')")),
        due: Due::On("deadline_on"),
    }];
    const MOVES: &'static [Move] = moves::MOVES;

    fn columns(&self) -> Vec<Value> {
        vec![
            self.kind.code().into(),
            self.state.code().into(),
            self.since().map_or_else(String::new, |since| since.to_string()).into(),
            member(self).into(),
            self.to_unit_id.as_ref().and_then(|unit| unit.id()).into(),
            self.reason_code.code().into(),
            self.deadline_on.map(|due| due.to_string()).into(),
            self.full_name.as_ref().map_or_else(String::new, |name| name_key(name)).into(),
        ]
    }

    fn decide(change: &mut Change<'_, Self>, set: &WriteSet, verdict: &mut Verdict) {
        if change.action == Action::Delete {
            return;
        }
        complete(change);
        let transfer = &change.after;
        fields_of_kind(change, verdict);
        places(change, set, verdict);
        if transfer.birth_date.is_some_and(|birth| birth.earliest() > set.today) {
            verdict.fault("birth_date", &IN_THE_FUTURE);
        }
        verdict.not_after_today("basis_date", transfer.basis_date, set);
        verdict.not_after_today("letter_date", transfer.letter_date, set);
        // Who is away for a time may leave for good meanwhile.
        let is_open = |one: &Transfer| !one.kind.comes_in() && one.state.is_open();
        // One that is open in a former cell is not in the way: it ends with `member_moved`.
        let is_alike = |one: &Transfer| {
            is_open(one) && one.kind.is_temporary() == transfer.kind.is_temporary() && one.unit_id == transfer.unit_id
        };
        if is_open(transfer)
            && set.others::<Transfer>(of_member::<Transfer>(transfer), transfer.id).any(|other| is_alike(&other))
        {
            verdict.conflict(ConflictReason::Unique, &TRANSFER_OPEN);
        }
        if let Some(before) = change.before.filter(|before| before.state != transfer.state && !change.importing) {
            step(change, before, set, verdict);
        } else if change.before.is_some_and(|before| before.since() != transfer.since()) && !change.importing {
            corrected(change, set, verdict);
        }
    }
}

fn member(transfer: &Transfer) -> Option<Uuid> {
    transfer.member_id.as_ref().and_then(|member| member.id())
}

fn of_member<T: Slice>(transfer: &Transfer) -> Lookup {
    Lookup::of::<T>([("member_id", member(transfer).into())])
}

/// Until when the next step is due if nothing else is said.
fn due(transfer: &Transfer) -> Option<Date> {
    match transfer.state {
        TransferState::Requested => {
            transfer.basis_date.map(|decided| decided.plus_working_days(TRANSFER_START_DAYS.on(decided)))
        }
        TransferState::LetterIssued => {
            transfer.letter_date.map(|issued| issued.plus_working_days(TRANSFER_LETTER_DAYS.on(issued)))
        }
        TransferState::Away => transfer.expected_return_on,
        TransferState::Completed | TransferState::Cancelled | TransferState::Unknown(_) => None,
    }
}

fn complete(change: &mut Change<'_, Transfer>) {
    let steps = change.changed(|transfer| transfer.state.clone());
    let [due_sent, number_sent, date_sent] =
        ["deadline_on", "letter_number", "letter_date"].map(|field| change.sent(field));
    let lapsed = steps && change.before.is_some_and(|before| before.state == TransferState::LetterIssued);
    // What was computed follows what it was computed from.
    let computed_due = change.before.is_some_and(|before| before.deadline_on == due(before));
    let transfer = &mut change.after;
    if lapsed && transfer.state == TransferState::Requested {
        // The next letter is another one.
        transfer.letter_number = transfer.letter_number.take().filter(|_| number_sent);
        transfer.letter_date = transfer.letter_date.filter(|_| date_sent);
    }
    if transfer.deadline_on.is_none() || (!due_sent && (steps || computed_due)) {
        transfer.deadline_on = due(transfer);
    }
}

/// What a transfer of its kind has, and what none of its kind has.
fn fields_of_kind(change: &Change<'_, Transfer>, verdict: &mut Verdict) {
    use TransferKind::{In, Internal, Out, TemporaryIn, TemporaryOut};
    let transfer = &change.after;
    let (kind, comes_in) = (&transfer.kind, transfer.kind.comes_in());
    let has_come = *kind == In && transfer.state == TransferState::Completed;
    for (field, has, needs) in [
        ("member_id", transfer.member_id.is_some(), !comes_in || has_come),
        ("full_name", transfer.full_name.is_some(), comes_in),
        ("birth_date", transfer.birth_date.is_some(), comes_in),
        ("to_unit_id", transfer.to_unit_id.is_some(), *kind == Internal),
        ("elsewhere", transfer.elsewhere.is_some(), *kind != Internal),
        ("letter_date", transfer.letter_date.is_some(), transfer.state.has_letter()),
        ("expected_return_on", transfer.expected_return_on.is_some(), kind.is_temporary()),
    ] {
        if needs && !has {
            verdict.fault(field, &REQUIRED);
        }
    }
    let mut only = |field: &str, has: bool, kinds: &[TransferKind]| {
        if has && !kinds.contains(kind) {
            let kinds = Words::list(kinds.iter().map(TransferKind::words));
            verdict.fault_about(field, &ONLY_WHERE, rules::has::<Transfer>("kind", kinds));
        }
    };
    only("member_id", transfer.member_id.is_some(), &[Internal, Out, In, TemporaryOut]);
    only("full_name", transfer.full_name.is_some(), &[In, TemporaryIn]);
    only("birth_date", transfer.birth_date.is_some(), &[In, TemporaryIn]);
    only("to_unit_id", transfer.to_unit_id.is_some(), &[Internal]);
    if *kind == In && !has_come && transfer.member_id.is_some() {
        verdict.fault("member_id", &READ_ONLY);
    }
}

/// The cells that are left and reached, and whether the member is in the one that is left.
fn places(change: &Change<'_, Transfer>, set: &WriteSet, verdict: &mut Verdict) {
    let transfer = &change.after;
    let to = |transfer: &Transfer| transfer.to_unit_id.as_ref().and_then(|unit| unit.id());
    let is_placed = change.action == Action::Create || change.changed(|transfer| transfer.unit_id);
    if is_placed {
        unit::must_be_a_cell(transfer.unit_id, set, verdict);
    }
    if change.before.is_some_and(|before| before.state == TransferState::Completed) && change.changed(to) {
        verdict.fault("to_unit_id", &IS_FIXED);
    } else if is_placed || change.changed(to) {
        let is_another = |unit: Uuid| unit != transfer.unit_id && unit::is_open_cell(unit, set);
        if to(transfer).is_some_and(|unit| !is_another(unit)) {
            verdict.fault("to_unit_id", &NOT_A_CELL);
        }
    }
    let subject =
        transfer.member_id.as_ref().filter(|_| !transfer.kind.comes_in()).and_then(|member| set.target(member));
    change.made_at(subject.as_ref().map(|member| member.unit_id), verdict);
    if change.before.is_none() && !change.importing && subject.is_some_and(|member| subject::status(&member).has_left())
    {
        verdict.fault("member_id", &SUBJECT_ELSEWHERE);
    }
}

/// Warns where the day of a completed transfer is corrected, and the member's record has another.
fn corrected(change: &Change<'_, Transfer>, set: &WriteSet, verdict: &mut Verdict) {
    let transfer = &change.after;
    let member = transfer.member_id.as_ref().filter(|_| transfer.state == TransferState::Completed);
    let Some(member) = member.and_then(|member| set.target(member)) else { return };
    let (field, day) = match transfer.kind {
        TransferKind::Internal | TransferKind::In => ("unit_since", member.unit_since),
        TransferKind::Out => ("left_on", member.left_on),
        _ => return,
    };
    if change.may_learn(Member::NAME, member.unit_id, field) && day != transfer.since() {
        verdict.warn("steps", &MEMBER_DIFFERS);
    }
}

/// Warns where the letter names another person than the member.
fn warn_of_another(transfer: &Transfer, member: &Member, verdict: &mut Verdict) {
    if transfer.full_name.as_ref().is_none_or(|name| name_key(name) != name_key(&member.full_name)) {
        verdict.warn("full_name", &MEMBER_DIFFERS);
    }
    if transfer.birth_date.is_none_or(|birth| !birth.may_be(member.birth_date)) {
        verdict.warn("birth_date", &MEMBER_DIFFERS);
    }
}

/// What a step asks of the member, and leaves behind in the former cell.
fn step(change: &Change<'_, Transfer>, before: &Transfer, set: &WriteSet, verdict: &mut Verdict) {
    let transfer = &change.after;
    let goes = transfer.state.has_letter() && before.state != TransferState::Away && !transfer.kind.comes_in();
    let member = transfer.member_id.as_ref().filter(|_| goes).and_then(|member| set.target(member));
    if let Some(member) = member {
        if member.unit_id != transfer.unit_id {
            verdict.conflict(ConflictReason::State, &MEMBER_MOVED);
        } else if subject::status(&member).has_left() {
            verdict.fault_of_step(&SUBJECT_ELSEWHERE);
        }
    }
    if transfer.state != TransferState::Completed {
        return;
    }
    if transfer.kind == TransferKind::In {
        let arrived = transfer.member_id.as_ref().and_then(|member| set.target(member));
        if let Some(member) = arrived {
            warn_of_another(transfer, &member, verdict);
        }
    }
    if !transfer.kind.leaves() {
        return;
    }
    let cell = transfer.unit_id;
    let is_after = |to: Option<Date>| to.is_none_or(|to| transfer.since().is_some_and(|on| to > on));
    let holds = |position: &Position| position.unit_id == cell && is_after(position.to);
    // Of who leaves the tree, the rules of members warn.
    if transfer.kind == TransferKind::Internal
        && change.may_learn("position", cell, "to")
        && set.all::<Position>(of_member::<Position>(transfer)).any(|position| holds(&position))
    {
        verdict.warn_of_step(&OPEN_POSITIONS, Words::default());
    }
    let is_exempt = |exemption: &Exemption| {
        exemption.unit_id == cell && exemption.state == ExemptionState::Granted && is_after(exemption.to)
    };
    if change.may_learn("exemption", cell, "to")
        && set.all::<Exemption>(of_member::<Exemption>(transfer)).any(|exemption| is_exempt(&exemption))
    {
        verdict.warn_of_step(&EXEMPTION_OPEN, Words::default());
    }
}
