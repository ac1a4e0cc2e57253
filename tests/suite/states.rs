//! Every move of every type that has states: it is made by the roles that may, by nobody else, with its reason and its fields, and
//! no other move is. A new type is in it by itself; what its records need besides is in `Case::of`, `made`, `before` and `value`.

use crate::support::http::{Caller, Reply};
use crate::support::on_both_engines;
use crate::support::ward::{Ward, member};
use cell_records_client::types::accounts::Role;
use cell_records_client::types::fields::Shape;
use cell_records_server::store::moves::{self, Move};
use cell_records_server::store::registry::{KINDS, Kind};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

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

/// Records of one type that go through the same states.
struct Case<'a> {
    ward: &'a Ward,
    kind: &'static Kind,
    /// What they have besides the type's sample; `null`: what they do not have.
    fields: Value,
}

fn with(body: &Value, more: &Value) -> Value {
    let mut body = body.clone();
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

impl<'a> Case<'a> {
    /// The cases of a type: several where its moves are not those of all records.
    fn of(ward: &'a Ward, kind: &'static Kind) -> Vec<Self> {
        let all = match kind.name {
            "transfer" => {
                let guest = json!({"unit_id": ward.a, "member_id": null, "full_name": "Trần Thị Bình", "birth_date": "1972-08", "letter_date": "2015-02-02"});
                vec![
                    json!({}),
                    json!({"kind": "internal", "to_unit_id": ward.b, "elsewhere": null}),
                    json!({"kind": "temporary_out", "expected_return_on": "2199-01-01"}),
                    with(&guest, &json!({"kind": "in"})),
                    with(&guest, &json!({"kind": "temporary_in", "expected_return_on": "2199-01-01"})),
                ]
            }
            _ => vec![json!({})],
        };
        all.into_iter().map(|fields| Case { ward, kind, fields }).collect()
    }

    /// Makes the other records that the moves of a new record ask for.
    async fn made(&self, record: &Reply) {
        if self.kind.name != "admission" {
            return;
        }
        let (office, of) = (&self.ward.office, json!({"admission_id": record.id()}));
        for class in ["awareness", "new_member"] {
            let course = json!({"unit_id": self.ward.ward, "name": "Lớp", "kind": class, "from": "2014-04-07", "to": "2014-04-12"});
            let course = office.post("/v1/courses", course).await.is(201).id();
            office.post("/v1/enrolments", with(&of, &json!({"course_id": course, "result": "passed"}))).await.is(201);
        }
        let review = json!({"occasion": "admission", "requested_on": "2014-05-05", "reviewed_on": "2014-05-15", "result": "cleared"});
        office.post("/v1/protection_reviews", with(&of, &review)).await.is(201);
    }

    /// Does what must be done before a record moves to a state.
    async fn before(&self, record: &Reply, to: &str) {
        // An admission is closed after the ceremony only where the member has left.
        if let ("admission", "closed", Some(member)) = (self.kind.name, to, record.body["member_id"].as_str()) {
            let left = json!({"status": "removed", "left_on": "2015-06-01"});
            self.ward.office.patch(&format!("/v1/members/{member}"), "*", left).await.is(200);
        }
    }

    fn states(&self) -> Vec<&'static str> {
        match self.kind.field("state").unwrap().shape {
            Shape::Code(list) => list.codes.iter().map(|state| state.code).collect(),
            _ => panic!("{}.state is no code", self.kind.name),
        }
    }

    fn path(&self, record: &Reply) -> String {
        format!("/v1/{}/{}", self.kind.plural, record.id())
    }

    /// A new record in its first state.
    async fn record(&self) -> Reply {
        let mut body = with(&self.ward.body(self.kind, &self.ward.ward).await, &self.fields);
        body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let record = self.ward.writer.post(&format!("/v1/{}", self.kind.plural), body).await.is(201);
        self.made(&record).await;
        record
    }

    /// A new record that was moved along this path.
    async fn moved(&self, path: &[&'static Move]) -> Reply {
        let mut record = self.record().await;
        for step in path {
            self.before(&record, step.to).await;
            record = self.step(&self.ward.writer, &record, "", self.body(step)).await.is(200);
        }
        record
    }

    async fn step(&self, caller: &Caller, record: &Reply, query: &str, body: Value) -> Reply {
        caller.post(&format!("{}/advance{query}", self.path(record)), body).header("if-match", record.etag()).await
    }

    /// The whole body of a step.
    fn body(&self, step: &Move) -> Value {
        let mut body = json!({"to": step.to});
        if step.reason {
            body["reason"] = json!("Theo đề nghị của chi bộ");
        }
        for name in step.needs {
            body["fields"][name] = self.value(name);
        }
        if step.needs_body() {
            body["member"] = member(&self.ward.a);
            body["member"].as_object_mut().unwrap().remove("unit_id");
        }
        body
    }

    /// A value that a move needs.
    fn value(&self, field: &str) -> Value {
        match self.kind.field(field).unwrap().shape {
            Shape::Date => json!("2015-02-02"),
            Shape::Text(_) => json!("12-QĐ"),
            _ if field == "introducers" => json!([{"full_name": "Nguyễn Văn An"}]),
            shape => panic!("what {}.{field} is made of: {shape:?}", self.kind.name),
        }
    }

    /// The ways to every state from the first, the shortest ones.
    fn ways(&self, record: &Reply) -> BTreeMap<&'static str, Vec<&'static Move>> {
        let fields = record.body.as_object().unwrap();
        let first = moves::first(self.kind, fields);
        let mut ways = BTreeMap::from([(first, Vec::new())]);
        let mut open = VecDeque::from([first]);
        while let Some(from) = open.pop_front() {
            for step in self.moves(from, fields) {
                if !ways.contains_key(step.to) {
                    let way = ways[from].iter().copied().chain([step]).collect();
                    ways.insert(step.to, way);
                    open.push_back(step.to);
                }
            }
        }
        ways
    }

    fn moves(&self, from: &str, fields: &Map<String, Value>) -> Vec<&'static Move> {
        self.states().into_iter().filter_map(|to| moves::find(self.kind, from, to, fields)).collect()
    }

    /// No other move leads from a state.
    async fn leads_nowhere_else(&self, from: &str, record: &Reply) {
        for to in self.states() {
            if moves::find(self.kind, from, to, record.body.as_object().unwrap()).is_none() {
                let refused = self.step(&self.ward.writer, record, "", json!({"to": to, "reason": "Nhầm"})).await;
                refused.faults(&[("/to", "state_move_not_allowed")]);
            }
        }
    }

    /// A move is made by who may, and refused to who may not and where something is missing.
    async fn check(&self, way: &[&'static Move], step: &'static Move, callers: &[(Role, Caller)]) {
        let (record, whole) = (self.moved(way).await, self.body(step));
        self.before(&record, step.to).await;
        let what = format!("{} {}: {} → {}", self.kind.name, self.fields, record.body["state"], step.to);
        for (role, caller) in callers {
            let dry = self.step(caller, &record, "?dry_run=true", whole.clone()).await;
            let may = step.by.contains(role);
            assert_eq!(dry.status, if may { 200 } else { 403 }, "{role} {what}: {}", dry.text);
            assert!(!may || dry.body["state"] == step.to, "{role} {what}: {}", dry.text);
            if !may {
                let refused = self.step(caller, &record, "", whole.clone()).await;
                assert_eq!(refused.status, 403, "{role} {what}: {}", refused.text);
            }
        }
        let missed = async |body: Value, pointer: &str, code: &str| {
            let refused = self.step(&self.ward.writer, &record, "", body).await.is(422);
            let faults = refused.body["errors"].as_array().unwrap();
            assert!(
                faults.iter().any(|fault| fault["pointer"] == pointer && fault["code"] == code),
                "{what}: {}",
                refused.text
            );
        };
        if step.reason {
            let mut body = whole.clone();
            body.as_object_mut().unwrap().remove("reason");
            missed(body, "/reason", "reason_required").await;
        }
        for name in step.needs {
            let mut body = whole.clone();
            body["fields"][name] = Value::Null;
            missed(body, &format!("/fields/{name}"), "required").await;
        }
        // Nothing of all this was stored.
        assert_eq!(self.ward.writer.get(&self.path(&record)).await.is(200).etag(), record.etag(), "{what}");
        let by =
            callers.iter().find(|(role, _)| step.by.contains(role)).unwrap_or_else(|| panic!("nobody may: {what}"));
        let made = self.step(&by.1, &record, "", whole).await.is(200);
        let steps = made.body["steps"].as_array().unwrap();
        assert_eq!(
            (&made.body["state"], &steps[steps.len() - 1]["state"]),
            (&json!(step.to), &json!(step.to)),
            "{what}"
        );
        assert_eq!(made.body.get("state_reason").is_some(), step.reason, "{what}");
        self.ward.writer.delete(&self.path(&made), made.etag()).await.conflicts("state_moved_on");
    }
}

on_both_engines! {
    async fn each_declared_move_is_made_by_who_may_and_no_other_one_is_made(server: empty) {
        let ward = server.ward().await;
        let mut callers = Vec::new();
        for role in ROLES {
            callers.push((role.clone(), server.acting(role, &ward.ward).await));
        }
        for kind in KINDS.iter().filter(|kind| !kind.moves.is_empty()) {
            let mut made = BTreeSet::new();
            for case in Case::of(&ward, kind) {
                let record = case.record().await;
                let fields = record.body.as_object().unwrap();
                for (state, way) in case.ways(&record) {
                    case.leads_nowhere_else(state, &case.moved(&way).await).await;
                    for step in case.moves(state, fields) {
                        case.check(&way, step, &callers).await;
                        made.insert(std::ptr::from_ref(step));
                    }
                }
            }
            // Each row of the table is a move of one of these records.
            for step in kind.moves.iter().filter(|step| !step.from.is_empty()) {
                assert!(made.contains(&std::ptr::from_ref(step)), "{} has no case for {step:?}", kind.name);
            }
        }
    }
}
