//! What is kept under an `Idempotency-Key`. For records the status, id and version of each item, and no value of one: a
//! repeat builds the rest from the log, under the rights that its caller has then. For accounts and grants the answer,
//! which holds nothing that is secret, for they have no log.

use crate::db::{At, Cell, Column, Db, DbError, Find, Guid, Id, Rows, Type, Value, Write, engine};
use crate::find;
use crate::store::decide::{Decided, Refusal};
use crate::store::items::{Command, Item, Key};
use crate::store::scope::Actor;
use crate::store::writer::{Done, WriteError};
use cell_records_types::Timestamp;
use cell_records_types::faults::{Fault, FaultCode};
use cell_records_types::phrases::Words;
use cell_records_types::sync::{Candidate, ItemStatus};
use diesel::sql_types::Text;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::HashMap;
use uuid::Uuid;

/// How long it is kept, in days.
pub const KEYS_KEPT_DAYS: i64 = 7;

/// Most bytes of faults and candidates that are kept of one call. No sender that means well comes near it; those beyond it
/// are missing in a repeat.
const MOST_FAULT_BYTES: usize = 1024 * 1024;
/// Bytes of one candidate.
const CANDIDATE_BYTES: usize = 100;

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
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "refusal")]
    pub refusal: Option<Refusal>,
    /// Its faults.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<KeptFault>,
    /// Its warnings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<KeptFault>,
    /// The records that it may double.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
}

/// A refusal, `Invalid` where another version of the program kept one that this one does not know.
fn refusal<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Refusal>, D::Error> {
    let kept = serde_json::Value::deserialize(from)?;
    Ok(Some(serde_json::from_value(kept).unwrap_or(Refusal::Invalid)))
}

/// A fault: where, which, and what its text names. That is a field, a limit or a state, never a value of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFault(String, String, #[serde(deserialize_with = "words")] Words);

/// What the text of a fault names. The program once kept it in one language.
fn words<'de, D: Deserializer<'de>>(from: D) -> Result<Words, D::Error> {
    Ok(match serde_json::Value::deserialize(from)? {
        serde_json::Value::String(text) => Words::plain(text),
        words => serde_json::from_value(words).unwrap_or_default(),
    })
}

impl KeptItem {
    /// `room` is how many bytes of faults may still be kept.
    fn of(item: &Item, decided: &Decided, room: &mut usize) -> Self {
        let mut kept = |faults: &[Fault]| {
            let one = |fault: &Fault| {
                *room = room.checked_sub(fault.pointer.len() + fault.code.code.len() + fault.argument.size())?;
                Some(KeptFault(fault.pointer.clone(), fault.code.code.into(), fault.argument.clone()))
            };
            faults.iter().map_while(one).collect()
        };
        KeptItem {
            status: decided.status.clone(),
            kind: item.kind.name.into(),
            id: decided.id,
            version: decided.record.as_ref().map(|record| record.version),
            known_to_writer: decided.known_to_writer,
            refusal: decided.refusal.clone(),
            faults: kept(&decided.faults),
            warnings: kept(&decided.warnings),
            candidates: match room.checked_sub(decided.candidates.len() * CANDIDATE_BYTES) {
                Some(left) => {
                    *room = left;
                    decided.candidates.clone()
                }
                None => Vec::new(),
            },
        }
    }

    /// As it was decided, but for the record.
    pub fn decided(&self) -> Decided {
        let faults = |kept: &[KeptFault]| {
            let one = |KeptFault(pointer, code, argument): &KeptFault| {
                let code = FaultCode::named(code)?;
                Some(Fault::new(pointer, code).about(argument.clone()))
            };
            kept.iter().filter_map(one).collect()
        };
        Decided {
            status: self.status.clone(),
            refusal: self.refusal.clone(),
            id: self.id,
            record: None,
            known_to_writer: self.known_to_writer,
            faults: faults(&self.faults),
            warnings: faults(&self.warnings),
            candidates: self.candidates.clone(),
            differing: Vec::new(),
            effect: None,
        }
    }
}

/// What a call came to.
pub(super) fn kept(command: &Command, done: &Done) -> Kept {
    let mut room = MOST_FAULT_BYTES;
    let items = command.items.iter().zip(&done.items).map(|(item, decided)| KeptItem::of(item, decided, &mut room));
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

/// What a caller's key keeps of the thing that was made, or why the key cannot be used.
pub(super) async fn find_made(
    db: &mut Db<'_>,
    actor: &Actor,
    key: &Key,
) -> Result<Option<Result<String, WriteError>>, DbError> {
    let found = find(db, &[(owner(actor), key)]).await?.into_values().next();
    Ok(found.map(|(print, made)| if print == key.fingerprint { Ok(made) } else { Err(WriteError::KeyReused) }))
}

/// Keeps under a key what is to be known of the thing that was made.
pub(super) async fn keep_made(
    db: &mut Db<'_>,
    actor: &Actor,
    key: &Key,
    made: &str,
    now: Timestamp,
) -> Result<(), DbError> {
    engine::write_all(db, &[rows(&[(owner(actor), key, made.to_owned())], now)]).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use cell_records_types::faults;
    use cell_records_types::sync::ConflictReason;

    #[test]
    fn faults_are_kept_as_far_as_there_is_room() {
        let fault = Fault::new("/1234", &faults::EMPTY);
        let mut item: KeptItem = serde_json::from_str(r#"{"status":"invalid","kind":"unit"}"#).unwrap();
        item.faults = vec![KeptFault(fault.pointer.clone(), "empty".into(), Words::default()); 3];
        let (decided, unreadable) = (item.decided(), Item::unreadable(None, Vec::new()));
        assert_eq!(decided.faults, vec![fault; 3]);
        let mut room = 45;
        let kept = [(); 3].map(|()| KeptItem::of(&unreadable, &decided, &mut room).faults.len());
        assert_eq!(kept, [3, 1, 0]);
    }

    #[test]
    fn a_refusal_and_a_fault_read_as_they_were_kept_by_this_and_by_other_versions() {
        let item = |refusal: &str| {
            let text = format!(r#"{{"status":"conflict","kind":"unit","refusal":{refusal}}}"#);
            serde_json::from_str::<KeptItem>(&text).unwrap()
        };
        let conflict = Refusal::Conflict(ConflictReason::Unique, &faults::CODE_TAKEN);
        for (text, expected) in [
            (r#""not_found""#, Refusal::NotFound),
            (r#"{"forbidden":"member.write"}"#, Refusal::Forbidden("member.write".into())),
            (r#""precondition_required""#, Refusal::PreconditionRequired),
            (r#"{"conflict":["unique","code_taken"]}"#, conflict),
            (r#""duplicate_match""#, Refusal::DuplicateMatch),
        ] {
            let kept = item(text);
            assert_eq!(kept.refusal.as_ref(), Some(&expected), "{text}");
            assert!(serde_json::to_string(&kept).unwrap().contains(&format!(r#""refusal":{text}"#)), "{text}");
        }
        let earlier = r#"{"status":"invalid","kind":"unit","faults":[["/name","too_long","200"]]}"#;
        let fault = Fault::new("/name", &faults::TOO_LONG).about(Words::plain(200));
        assert_eq!(serde_json::from_str::<KeptItem>(earlier).unwrap().decided().faults, [fault]);
        for unknown in [r#"{"conflict":["unique","of_tomorrow"]}"#, r#""of_tomorrow""#] {
            assert_eq!(item(unknown).refusal, Some(Refusal::Invalid), "{unknown}");
        }
        assert_eq!(serde_json::from_str::<KeptItem>(r#"{"status":"created","kind":"unit"}"#).unwrap().refusal, None);
    }
}
