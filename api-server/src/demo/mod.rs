//! The demo ward: synthetic people in the structure, and with the figures, of one published article about the Party
//! committee of Hưng Bình ward (Vinh, Nghệ An), as of 2014. Every record is the same on every server: no clock, no
//! randomness of the machine. It is loaded by the local operator in one transaction.

mod admissions;
mod awards;
mod courses;
mod evaluations;
mod figures;
mod ids;
mod names;
mod offices;
mod people;
mod plans;
mod random;
mod stays;
#[cfg(test)]
mod tests;
mod transfers;
mod units;
mod users;
mod votes;
mod works;

use crate::db::{At, Column, Database, DbError, Sql, Type, Verbs, Write, engine};
use crate::on;
use crate::state::Shared;
use crate::store::decide::{Decided, Refusal};
use crate::store::items::{Caller, Command, Expected, Item};
use crate::store::load::{find_external, find_records};
use crate::store::registry::{Kind, UNIT};
use crate::store::tree::ROOT;
use crate::store::writer::{Outcome, Writer};
use cell_records_types::record::RecordType;
use cell_records_types::sync::{OnPossibleDuplicate, PushMode, PushOp};
use cell_records_types::*;
use diesel::sql_types::Text;
use ids::{Of, SYSTEM};
use serde_json::Value;
use std::collections::BTreeSet;
pub use users::{DemoUser, make as make_users};

/// How many refused items are named.
const NAMED: usize = 5;

/// Loads the demo ward. Returns whether it did so now: `false` when it was there already.
///
/// # Errors
/// A sentence for the operator; nothing is stored then.
pub async fn load(shared: &Shared) -> Result<bool, String> {
    load_into(&shared.database, &shared.writer).await
}

/// Whether loading the demo now would put it next to units that somebody else made.
///
/// # Errors
/// A sentence for the operator.
pub async fn would_mix(shared: &Shared) -> Result<bool, String> {
    if is_loaded(&shared.database).await? {
        return Ok(false);
    }
    let asked = async {
        let mut connection = shared.database.open().await?;
        let mut db = connection.db();
        let sql = Sql::<Text>::new("SELECT 'own' FROM units WHERE deleted_at IS NULL AND id <> ").bind(ROOT);
        let sql = sql.text(" LIMIT 1");
        let found: Option<String> = on!(&mut db, c => sql.first_row(c))?;
        Ok::<_, DbError>(found.is_some())
    };
    asked.await.map_err(|error| format!("cannot load the demo: the database does not answer: {error}"))
}

/// Loads the demo ward through a writer.
async fn load_into(database: &Database, writer: &Writer) -> Result<bool, String> {
    if is_loaded(database).await? {
        return Ok(false);
    }
    register(writer).await?;
    let items = items()?;
    let names: Vec<String> = items.iter().map(name).collect();
    let command = Command { items, ..command() };
    let outcome = writer.submit(command).await.map_err(|error| format!("cannot load the demo: {error:?}"))?;
    let Outcome::Done(done) = outcome else { return Err("cannot load the demo: it was answered as a repeat".into()) };
    if done.applied {
        // Nothing is written when another server loaded it in between.
        return Ok(done.batch.is_some());
    }
    if is_loaded(database).await? {
        return Ok(false);
    }
    let refused = names.iter().zip(&done.items).filter(|(_, item)| !item.status.is_success());
    let named: Vec<String> = refused.take(NAMED).map(|(name, item)| format!("{name}: {}", why(item))).collect();
    Err(format!("the demo does not fit into this database: {}", named.join("; ")))
}

/// How an item is named to the operator: by its type and the id that the demo gave it.
fn name(item: &Item) -> String {
    let own = item.external_ids.iter().flatten().next().map(|one| one.value.to_string());
    let id = item.id.as_ref().map(Reference::to_string);
    format!("{} {}", item.kind.name, own.or(id).unwrap_or_default())
}

/// Why an item is refused.
fn why(item: &Decided) -> String {
    let conflict = match &item.refusal {
        Some(Refusal::Conflict(_, code)) => Some(code.code.to_owned()),
        _ => None,
    };
    let faults = item.faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.code.code));
    let reasons: Vec<String> = conflict.into_iter().chain(faults).collect();
    if reasons.is_empty() { item.status.to_string() } else { reasons.join(", ") }
}

fn command() -> Command {
    Command {
        caller: Caller::operator(),
        items: Vec::new(),
        mode: PushMode::All,
        dry_run: false,
        on_possible_duplicate: OnPossibleDuplicate::Store,
        returns_records: false,
        epoch: None,
        key: None,
        bytes: 0,
    }
}

/// Whether the demo's ward is there, even if it is deleted, or something else with its name.
async fn is_loaded(database: &Database) -> Result<bool, String> {
    let asked = async {
        let mut own = database.open().await?;
        let mut db = own.db();
        let key = (SYSTEM.to_owned(), Unit::NAME, "ward".to_owned());
        let named = find_external(&mut db, &[key]).await?;
        let known = find_records(&mut db, UNIT, &[units::ward()], Class::Public).await?;
        Ok::<_, DbError>(!named.is_empty() || !known.is_empty())
    };
    asked.await.map_err(|error| format!("cannot look for the demo: {error}"))
}

/// Registers the system whose ids the records have. It has no grant and no token: nobody can come as it.
async fn register(writer: &Writer) -> Result<(), String> {
    const COLUMNS: [Column; 8] = [
        Column::new("id", Type::Id),
        Column::new("kind", Type::Text),
        Column::new("name", Type::Text),
        Column::new("display_name", Type::Text),
        Column::new("unit_id", Type::Id),
        Column::new("disabled", Type::Int),
        Column::new("purpose", Type::Text),
        Column::new("created_at", Type::At),
    ];
    let work = writer.accounts(|tx| {
        Box::pin(async move {
            let sql = Sql::<Text>::new("SELECT name FROM accounts WHERE kind = 'system' AND name = ").bind(SYSTEM);
            let known: Option<String> = on!(&mut tx.db(), c => sql.first_row(c))?;
            if known.is_some() {
                return Ok(());
            }
            let row = vec![
                ids::id(Of::System, 1).into(),
                "system".into(),
                SYSTEM.into(),
                "Demo".into(),
                ROOT.into(),
                0.into(),
                "Ids of the demo's records".into(),
                At::from(tx.now).into(),
            ];
            engine::write_rows(&mut tx.db(), Write::Insert, "accounts", &COLUMNS, &[row]).await?;
            tx.rights_changed();
            Ok(())
        })
    });
    work.await.map_err(|error| format!("cannot register the demo's system: {error:?}"))
}

/// All records of the demo, each after those that it refers to.
fn items() -> Result<Vec<Item>, String> {
    let people = people::people();
    let offices = offices::offices(&people);
    let officers = offices::in_office(&offices);
    let mut items = Items::default();
    items.add::<Unit>(units::records())?;
    items.add::<Member>(people.iter().map(|person| person.record.clone()))?;
    items.add::<Term>(offices::terms())?;
    items.add::<Position>(offices.iter().map(|office| office.record.clone()))?;
    items.add::<EvaluationScheme>(evaluations::schemes())?;
    items.add_stated(evaluations::rounds())?;
    items.add::<EvaluationRound>(evaluations::open_rounds())?;
    let results = evaluations::of_members(&people, &officers);
    let exempt = stays::exempt(&people, &results);
    items.add::<MemberEvaluation>(results)?;
    items.add::<UnitEvaluation>(evaluations::of_cells())?;
    items.add::<ReportedFigure>(figures::figures())?;
    items.add::<Course>(courses::courses())?;
    let exempt_numbers: BTreeSet<u64> = exempt.iter().map(|(person, _)| person.number).collect();
    let busy = officers.union(&exempt_numbers).copied().collect();
    items.add_stated(transfers::transfers(&people, &busy))?;
    items.add_stated(stays::exemptions(&exempt))?;
    items.add::<ResidenceLink>(stays::residence_links())?;
    let candidates = admissions::candidates(&people);
    let enrolments = admissions::enrolments(&candidates, &people);
    let planned = plans::planned(&people, &offices);
    let reviews = admissions::reviews(&candidates, &plans::persons(&planned));
    items.add_stated(candidates.into_iter().map(|candidate| candidate.record))?;
    items.add::<Enrolment>(enrolments)?;
    items.add_stated(plans::plans())?;
    items.add::<CadrePlan>(plans::open())?;
    items.add::<CadrePlanEntry>(plans::entries(&planned, &offices))?;
    items.add::<ConfidenceVote>(votes::votes(&offices))?;
    items.add::<Assignment>(works::assignments(&people, &exempt_numbers))?;
    items.add::<Pledge>(works::pledges(&people, &offices))?;
    items.add::<Award>(awards::awards(&people))?;
    items.add::<ProtectionReview>(reviews)?;
    Ok(items.0)
}

/// A record with a state: what is no field of a create beside what is.
struct Stated<T: RecordType> {
    /// The fields of a create, with the steps.
    create: T::Create,
    /// The state after the last step.
    state: &'static str,
    /// The member that it is about, where a move set it.
    member: Option<Uuid>,
    /// The reason of the last step.
    reason: Option<&'static str>,
}

/// A code of a list of states.
fn state_of(list: CodeList, code: Option<&str>) -> &'static str {
    list.codes.iter().find(|one| Some(one.code) == code).map_or("", |one| one.code)
}

#[derive(Default)]
struct Items(Vec<Item>);

impl Items {
    /// Adds records of one type.
    fn add<T: RecordType>(&mut self, records: impl IntoIterator<Item = T::Create>) -> Result<(), String> {
        for record in records {
            let item = item::<T>(&record, &[])?;
            self.0.push(item);
        }
        Ok(())
    }

    /// Adds records of one type that has states.
    fn add_stated<T: RecordType>(&mut self, records: impl IntoIterator<Item = Stated<T>>) -> Result<(), String> {
        for Stated { create, state, member, reason } in records {
            let member = member.map(|id| id.to_string());
            let more = [("state", Some(state)), ("member_id", member.as_deref()), ("state_reason", reason)];
            let more: Vec<(&str, &str)> = more.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            self.0.push(item::<T>(&create, &more)?);
        }
        Ok(())
    }
}

/// A create of one record, with fields that its form does not have.
fn item<T: RecordType>(record: &T::Create, more: &[(&str, &str)]) -> Result<Item, String> {
    let broken = || format!("the demo has a broken {}", T::NAME);
    let kind = Kind::named(T::NAME).ok_or_else(broken)?;
    let Ok(Value::Object(mut body)) = serde_json::to_value(record) else { return Err(broken()) };
    let id = body.remove("id").and_then(|id| id.as_str().and_then(|id| id.parse::<Reference>().ok()));
    let id = id.ok_or_else(broken)?;
    body.extend(more.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))));
    Ok(Item::new(kind, PushOp::Create, Some(id), Expected::Any, body, ""))
}
