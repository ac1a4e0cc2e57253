//! Writes as the writer takes them: commands of items, prepared so far as that needs no database.

use super::callers::Credential;
use super::registry::{Kind, UNIT};
use super::scope::Actor;
use cell_records_types::faults::{self, Fault, FoundReference, Report};
use cell_records_types::fields::Field;
use cell_records_types::record::ExternalIds;
use cell_records_types::sync::{MatchBy, OnPossibleDuplicate, PushItem, PushMode, PushOp};
use cell_records_types::{Date, ExternalId, Ref, Reference, Unit};
use serde_json::{Map, Value};
use std::collections::HashMap;
use uuid::Uuid;

/// What a caller says of the version that it built on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Nothing, and nothing is needed.
    Any,
    /// Nothing, though an update or delete needs it.
    Missing,
    /// This version; a result that equals the stored record is accepted anyway.
    Version(i64),
    /// This version exactly (`If-Match`).
    Exactly(i64),
}

/// A step of a record to another state. What else changes with it is in the fields of its item.
#[derive(Debug, Clone)]
pub struct Step {
    /// The state that it leads to.
    pub to: String,
    /// Its day; today when absent.
    pub on: Option<Date>,
    /// Why.
    pub reason: Option<String>,
    /// Fields that the move sets itself, among those of the item.
    pub sets: &'static [&'static str],
    /// Whether what the move does to the member is decided, and beside it in the same command where there is anything to do.
    pub with_member: bool,
}

/// One write of one record, checked so far as that needs no database.
#[derive(Debug, Clone)]
pub struct Item {
    /// The record type.
    pub kind: &'static Kind,
    /// What it does.
    pub op: PushOp,
    /// The name by which other items refer to it.
    pub name: Option<String>,
    /// The record.
    pub id: Option<Reference>,
    /// The id that it gets when it is made and names none.
    pub new_id: Uuid,
    /// External ids, when they were sent.
    pub external_ids: Option<Vec<ExternalId>>,
    /// The version that the caller built on.
    pub expected: Expected,
    /// The fields that were sent, normalised; `null` clears. Objects are checked when they are merged.
    pub fields: Map<String, Value>,
    /// The unit that was sent.
    pub unit: Option<Reference>,
    /// Names of what was sent.
    pub sent: Vec<String>,
    /// Whether absent fields are cleared.
    pub replace: bool,
    /// The step that it makes.
    pub step: Option<Step>,
    /// By what it finds its record, besides external ids.
    pub match_by: Vec<MatchBy>,
    /// Where a relayed change came from.
    pub origin: Option<String>,
    /// The systems that relayed it.
    pub via: Vec<String>,
    /// References in the fields.
    pub references: Vec<FoundReference>,
    /// Faults found so far.
    pub faults: Vec<Fault>,
    /// What pointers of faults of fields begin with: nothing, or `/fields` in a push.
    pub prefix: &'static str,
    /// Whether it could not be read: its faults are all that there is to say of it.
    pub unreadable: bool,
}

impl Item {
    /// A write of one record with a body of `unit_id`, `external_ids` and own fields.
    pub fn new(
        kind: &'static Kind,
        op: PushOp,
        id: Option<Reference>,
        expected: Expected,
        body: Map<String, Value>,
        prefix: &'static str,
    ) -> Self {
        let mut item = Item {
            kind,
            op,
            name: None,
            id,
            new_id: Uuid::now_v7(),
            external_ids: None,
            expected,
            fields: Map::new(),
            unit: None,
            sent: body.keys().cloned().collect(),
            replace: false,
            step: None,
            match_by: Vec::new(),
            origin: None,
            via: Vec::new(),
            references: Vec::new(),
            faults: Vec::new(),
            prefix,
            unreadable: false,
        };
        item.read(body);
        item
    }

    /// An item of a push. Faults of its own parts are among its faults.
    pub fn from_push(kind: &'static Kind, push: PushItem) -> Self {
        let expected = match (push.if_version, push.op) {
            (Some(version), _) => Expected::Version(version),
            (None, PushOp::Update | PushOp::Delete) => Expected::Missing,
            (None, _) => Expected::Any,
        };
        let mut item = Item::new(kind, push.op, push.id, expected, push.fields, "/fields");
        item.name = push.name;
        item.replace = push.replace;
        item.match_by = push.match_by;
        if item.op != PushOp::Upsert && !item.match_by.is_empty() {
            item.faults.push(Fault::new("/match", &faults::UNKNOWN_FIELD));
        }
        item.origin = push.origin.map(|origin| origin.system.to_string());
        item.via = push.via;
        if let Some(ids) = push.external_ids {
            let mut report = Report::default();
            item.read_external(serde_json::to_value(ids).unwrap_or_default(), &mut report);
            item.faults.append(&mut report.faults);
            item.sent.push("external_ids".into());
        }
        if matches!(item.op, PushOp::Delete | PushOp::Restore) {
            let pointer = |name: &String| match name.as_str() {
                "external_ids" => "/external_ids".to_owned(),
                name => format!("/fields/{name}"),
            };
            item.faults.extend(item.sent.iter().map(|name| Fault::new(pointer(name), &faults::UNKNOWN_FIELD)));
        }
        if item.id.is_none() && item.external_ids.as_ref().is_none_or(Vec::is_empty) {
            item.faults.push(Fault::new("/id", &faults::IDENTITY_REQUIRED));
            item.unreadable = !matches!(item.op, PushOp::Create | PushOp::Upsert);
        }
        item
    }

    /// An item of a push that does not say what it does to which type. It keeps its place and its name, so that what
    /// refers to it is blocked; its type and operation mean nothing.
    pub fn unreadable(name: Option<String>, faults: Vec<Fault>) -> Self {
        let item = Item::new(UNIT, PushOp::Update, None, Expected::Any, Map::new(), "/fields");
        Item { name, faults, unreadable: true, ..item }
    }

    fn read(&mut self, body: Map<String, Value>) {
        let mut report = Report::new(self.prefix);
        for (name, mut value) in body {
            match name.as_str() {
                "unit_id" => report.within("unit_id", |report| {
                    if value.is_null() {
                        return report.fault(&faults::REQUIRED);
                    }
                    Ref::<Unit>::check(&mut value, report);
                    self.unit = value.as_str().and_then(|text| text.parse().ok());
                }),
                "external_ids" => report.within("external_ids", |report| self.read_external(value, report)),
                name => match self.kind.field(name) {
                    None => report.fault_at(name, &faults::UNKNOWN_FIELD),
                    // Objects are merged with the stored record before they are checked.
                    Some(_) if value.is_null() || value.is_object() => {
                        self.fields.insert(name.to_owned(), value);
                    }
                    Some(spec) => report.within(name, |report| {
                        let faults = report.faults.len();
                        (spec.check)(&mut value, report);
                        if report.faults.len() == faults {
                            self.fields.insert(name.to_owned(), value);
                        }
                    }),
                },
            }
        }
        // The unit is judged as a unit, not as a reference among the fields.
        let unit = format!("{}/unit_id", self.prefix);
        report.references.retain(|found| found.pointer != unit);
        self.references = report.references;
        self.faults.append(&mut report.faults);
    }

    fn read_external(&mut self, mut value: Value, report: &mut Report) {
        if value.is_null() {
            self.external_ids = Some(Vec::new());
            return;
        }
        let faults = report.faults.len();
        ExternalIds::check(&mut value, report);
        if report.faults.len() == faults {
            self.external_ids = serde_json::from_value(value).ok();
        }
    }
}

/// Who asks for a write, and what is known of the request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
    /// What it proved itself with; nothing: it is the local operator.
    pub credential: Option<Credential>,
    /// The request's id.
    pub request_id: Option<String>,
}

impl Caller {
    /// The local operator.
    pub fn operator() -> Self {
        Caller { actor: Actor::Operator, credential: None, request_id: None }
    }
}

/// An `Idempotency-Key` with what it belongs to.
#[derive(Debug, Clone)]
pub struct Key {
    /// The key.
    pub key: String,
    /// SHA-256 of method, path and body, as hex.
    pub fingerprint: String,
}

/// One call: its items succeed or fail by its mode, in one transaction.
#[derive(Debug, Clone)]
pub struct Command {
    /// Who asks.
    pub caller: Caller,
    /// The items, in the order of the call.
    pub items: Vec<Item>,
    /// Whether one refused item refuses all.
    pub mode: PushMode,
    /// Whether nothing is stored.
    pub dry_run: bool,
    /// What happens to an item that may double a record.
    pub on_possible_duplicate: OnPossibleDuplicate,
    /// Whether answers carry whole records: then the caller knows what it wrote.
    pub returns_records: bool,
    /// The epoch that the caller knows.
    pub epoch: Option<String>,
    /// The key that makes a repeat harmless.
    pub key: Option<Key>,
    /// Bytes of the request, for the limit of a set.
    pub bytes: usize,
}

impl Command {
    /// A call of one item.
    pub fn one(caller: Caller, item: Item) -> Self {
        Command::all(caller, vec![item])
    }

    /// A call of items that are all stored or none.
    pub fn all(caller: Caller, items: Vec<Item>) -> Self {
        Command {
            caller,
            items,
            mode: PushMode::All,
            dry_run: false,
            on_possible_duplicate: OnPossibleDuplicate::Store,
            returns_records: true,
            epoch: None,
            key: None,
            bytes: 0,
        }
    }

    /// The items' names.
    pub fn names(&self) -> HashMap<&str, usize> {
        self.items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| item.name.as_deref().map(|name| (name, index)))
            .collect()
    }

    /// The order of work: an item after those that it refers to. A circle keeps the order of the call.
    pub fn order(&self) -> Vec<usize> {
        let names = self.names();
        let mut order = Vec::with_capacity(self.items.len());
        let mut state = vec![0u8; self.items.len()];
        for start in 0..self.items.len() {
            let mut path = vec![start];
            while let Some(&at) = path.last() {
                let Some(seen) = state.get_mut(at) else { break };
                if *seen == 2 {
                    path.pop();
                    continue;
                }
                *seen = 1;
                let next = self.items.get(at).into_iter().flat_map(Item::names_used).find_map(|name| {
                    let index = names.get(name).copied()?;
                    (state.get(index) == Some(&0)).then_some(index)
                });
                match next {
                    Some(next) => path.push(next),
                    None => {
                        if let Some(seen) = state.get_mut(at) {
                            *seen = 2;
                        }
                        order.push(at);
                        path.pop();
                    }
                }
            }
        }
        order
    }
}

impl Item {
    /// The systems whose ids it sends.
    pub fn systems(&self) -> impl Iterator<Item = &str> {
        let named = match &self.id {
            Some(Reference::External { system, .. }) => Some(system.as_str()),
            _ => None,
        };
        named.into_iter().chain(self.external_ids.iter().flatten().map(|one| &*one.system))
    }

    /// Whether its step sets this field, which callers do not write.
    pub fn sets(&self, field: &str) -> bool {
        self.step.as_ref().is_some_and(|step| step.sets.contains(&field))
    }

    /// The names of other items that it refers to.
    pub fn names_used(&self) -> impl Iterator<Item = &str> {
        let references = self.references.iter().map(|found| &found.reference).chain(&self.unit);
        references
            .filter_map(|reference| if let Reference::Item(name) = reference { Some(name.as_str()) } else { None })
    }
}
