//! What is kept under an `Idempotency-Key`: for records the status, id and version of each item, for accounts where the
//! new thing is. Never a body, so nothing that is secret or sensitive; a repeat builds the rest from the log, under the
//! rights that its caller has then.

use crate::db::sql::{Cell, Find, Rows};
use crate::db::{At, Column, Db, DbError, Guid, Id, Type, Value, Write, engine};
use crate::find;
use crate::store::decide::{Decided, Refusal};
use crate::store::items::{Command, Item, Key};
use crate::store::scope::Actor;
use crate::store::writer::{Done, WriteError};
use cell_records_types::Timestamp;
use cell_records_types::faults::{Fault, FaultCode};
use cell_records_types::sync::{ConflictReason, ItemStatus};
use diesel::sql_types::Text;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use uuid::Uuid;

/// How long it is kept, in days.
pub const KEYS_KEPT_DAYS: i64 = 7;

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Kept {
    /// The write transaction.
    pub batch: Uuid,
    /// One result an item, in the order of the call.
    pub items: Vec<KeptItem>,
}

/// What one item of a call came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptItem {
    /// What became of it.
    pub status: ItemStatus,
    /// Name of the record type.
    pub kind: String,
    /// The record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// Whether the caller knew that version whole.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub known_to_writer: bool,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<KeptRefusal>,
    /// Its faults.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<KeptFault>,
    /// Its warnings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<KeptFault>,
}

/// Why an item was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptRefusal {
    /// Nothing is there.
    NotFound,
    /// A right is missing.
    Forbidden(String),
    /// The version must be named.
    PreconditionRequired,
    /// The record is deleted.
    Deleted,
    /// The record has another version.
    Stale,
    /// State or uniqueness, with the fault's code.
    Conflict(ConflictReason, String),
    /// A fault of the body.
    Invalid,
    /// What it refers to was refused.
    Blocked,
    /// Its external ids name several records.
    DuplicateMatch,
}

/// A fault: where, which, and what its text names. That is a field, a limit or a state, never a value of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFault(String, String, String);

impl KeptItem {
    fn of(item: &Item, decided: &Decided) -> Self {
        let refusal = decided.refusal.as_ref().map(|refusal| match refusal {
            Refusal::NotFound => KeptRefusal::NotFound,
            Refusal::Forbidden(right) => KeptRefusal::Forbidden(right.clone()),
            Refusal::PreconditionRequired => KeptRefusal::PreconditionRequired,
            Refusal::Deleted => KeptRefusal::Deleted,
            Refusal::Stale => KeptRefusal::Stale,
            Refusal::Conflict(reason, code) => KeptRefusal::Conflict(reason.clone(), code.code.into()),
            Refusal::Invalid => KeptRefusal::Invalid,
            Refusal::Blocked => KeptRefusal::Blocked,
            Refusal::DuplicateMatch => KeptRefusal::DuplicateMatch,
        });
        let kept = |faults: &[Fault]| {
            let one = |fault: &Fault| KeptFault(fault.pointer.clone(), fault.code.code.into(), fault.argument.clone());
            faults.iter().map(one).collect()
        };
        KeptItem {
            status: decided.status.clone(),
            kind: item.kind.name.into(),
            id: decided.id,
            version: decided.record.as_ref().map(|record| record.version),
            known_to_writer: decided.known_to_writer,
            refusal,
            faults: kept(&decided.faults),
            warnings: kept(&decided.warnings),
        }
    }

    /// As it was decided, but for the record.
    pub fn decided(&self) -> Decided {
        let refusal = self.refusal.as_ref().map(|refusal| match refusal {
            KeptRefusal::NotFound => Refusal::NotFound,
            KeptRefusal::Forbidden(right) => Refusal::Forbidden(right.clone()),
            KeptRefusal::PreconditionRequired => Refusal::PreconditionRequired,
            KeptRefusal::Deleted => Refusal::Deleted,
            KeptRefusal::Stale => Refusal::Stale,
            KeptRefusal::Conflict(reason, code) => match FaultCode::named(code) {
                Some(code) => Refusal::Conflict(reason.clone(), code),
                None => Refusal::Invalid,
            },
            KeptRefusal::Invalid => Refusal::Invalid,
            KeptRefusal::Blocked => Refusal::Blocked,
            KeptRefusal::DuplicateMatch => Refusal::DuplicateMatch,
        });
        let faults = |kept: &[KeptFault]| {
            let one = |KeptFault(pointer, code, argument): &KeptFault| {
                let code = FaultCode::named(code)?;
                Some(Fault { pointer: pointer.clone(), code, argument: argument.clone() })
            };
            kept.iter().filter_map(one).collect()
        };
        Decided {
            status: self.status.clone(),
            refusal,
            id: self.id,
            record: None,
            known_to_writer: self.known_to_writer,
            faults: faults(&self.faults),
            warnings: faults(&self.warnings),
            differing: Vec::new(),
            effect: None,
        }
    }
}

/// What a call came to.
pub(super) fn kept(command: &Command, done: &Done) -> Kept {
    let items = command.items.iter().zip(&done.items).map(|(item, decided)| KeptItem::of(item, decided));
    Kept { batch: done.batch.unwrap_or_default(), items: items.collect() }
}

/// What is kept under the keys of a set: the fingerprint of the request, and what it came to, as JSON.
pub(super) type ByKey = HashMap<(Uuid, String), (String, String)>;

const COLUMNS: [Column; 5] = [
    Column::new("caller_id", Type::Id),
    Column::new("key", Type::Text),
    Column::new("fingerprint", Type::Text),
    Column::new("outcome", Type::Text),
    Column::new("at", Type::At),
];

/// The account behind a key; the operator has none.
pub(super) fn owner(actor: &Actor) -> Uuid {
    match actor {
        Actor::Account(id, _) => *id,
        Actor::Operator => Uuid::nil(),
    }
}

/// All keys of a set in one look-up.
pub(super) async fn find(db: &mut Db<'_>, keys: &[(Uuid, &Key)]) -> Result<ByKey, DbError> {
    const KEYS: [Column; 2] = [Column::new("caller_id", Type::Id), Column::new("key", Type::Text)];
    let find =
        Find { select: "SELECT caller_id, key, fingerprint, outcome FROM idempotency_keys", keys: &KEYS, tail: "" };
    let rows: Vec<Vec<Value>> =
        keys.iter().map(|(caller, key)| vec![(*caller).into(), key.key.as_str().into()]).collect();
    let found: Result<Vec<(Id, String, String, String)>, DbError> = find!(db, (Guid, Text, Text, Text), find, &rows);
    Ok(found?.into_iter().map(|(caller, key, print, outcome)| ((caller.0, key), (print, outcome))).collect())
}

/// The rows of keys that are to be kept.
pub(super) fn rows(kept: &[(Uuid, &Key, String)], now: Timestamp) -> Rows<'static> {
    let mut rows = Rows::new(Write::Insert, "idempotency_keys", &COLUMNS[..]);
    for (owner, key, outcome) in kept {
        let cells: [Cell<'static>; 5] = [
            (*owner).into(),
            key.key.clone().into(),
            key.fingerprint.clone().into(),
            outcome.clone().into(),
            At::from(now).into(),
        ];
        rows.push(cells);
    }
    rows
}

/// The thing that was made under a key, or why the key cannot be used.
pub(super) async fn find_made(
    db: &mut Db<'_>,
    actor: &Actor,
    key: &Key,
) -> Result<Option<Result<Uuid, WriteError>>, DbError> {
    let found = find(db, &[(owner(actor), key)]).await?.into_values().next();
    Ok(found.map(|(print, made)| {
        let made = made.parse().ok().filter(|_| print == key.fingerprint);
        made.ok_or(WriteError::KeyReused)
    }))
}

/// Keeps the id of the thing that was made under a key.
pub(super) async fn keep_made(
    db: &mut Db<'_>,
    actor: &Actor,
    key: &Key,
    id: Uuid,
    now: Timestamp,
) -> Result<(), DbError> {
    engine::write_all(db, &[rows(&[(owner(actor), key, id.to_string())], now)]).await
}
