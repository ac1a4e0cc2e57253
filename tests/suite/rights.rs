//! Every operation × every role × inside, outside and moved away. The table is the settled one, written down here a
//! second time, so that a slip in the server's own shows.

use crate::support::http::Caller;
use crate::support::on_both_engines;
use crate::support::ward::{ROOT, Ward, change, in_cells, stays};
use cell_records_client::types::Class::{self, Internal, Personal, Public, Sensitive};
use cell_records_client::types::accounts::Role;
use cell_records_server::store::registry::{KINDS, Kind};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

#[derive(Clone, Copy, PartialEq)]
enum Access {
    Nothing,
    Reads(Class),
    Writes(Class),
    /// All but the field.
    WritesBut(Class, &'static str),
    /// No more than the field.
    WritesOnly(Class, &'static str),
}
use Access::{Nothing as N, Reads as R, Writes as W, WritesBut, WritesOnly};

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

#[rustfmt::skip]
fn table(kind: &str) -> [Access; 8] {
    let (i, p, s) = (Internal, Personal, Sensitive);
    match kind {
        "unit" => [W(i), WritesBut(i, "code"), R(i), R(i), WritesBut(i, "code"), R(i), WritesOnly(i, "code"), R(Public)],
        "member" => [W(s), R(s), R(p), R(p), W(p), N, N, N],
        "term" => [W(i), W(i), R(i), R(i), W(i), R(i), N, N],
        "position" => [W(s), W(s), R(p), R(p), W(p), N, N, N],
        "evaluation_scheme" | "evaluation_round" => [W(i), W(i), R(i), R(i), W(i), R(i), N, N],
        "member_evaluation" => [W(s), W(s), W(p), R(p), W(p), N, N, N],
        "unit_evaluation" => [W(s), W(s), R(i), R(i), W(i), R(i), N, N],
        "reported_figure" => [W(i), W(i), W(i), R(i), W(i), R(i), N, N],
        "transfer" => [W(p), W(p), W(p), R(p), W(p), N, N, N],
        "exemption" => [W(s), R(s), W(s), R(p), N, N, N, N],
        "course" => [W(i), W(i), R(i), N, W(i), R(i), N, N],
        "residence_link" => [W(s), R(s), W(s), N, W(p), N, N, N],
        "admission" => [W(s), W(s), W(s), R(p), N, N, N, N],
        "enrolment" => [W(p), W(p), R(p), N, W(p), N, N, N],
        "assignment" | "pledge" | "role_model" => [W(p), R(p), W(p), N, N, N, N, N],
        "cadre_plan" => [W(i), W(i), N, R(i), R(i), N, N, N],
        "cadre_plan_entry" => [W(s), W(s), N, R(p), R(p), N, N, N],
        "confidence_vote" => [W(s), R(s), N, R(s), N, N, N, N],
        "award" => [W(s), R(s), R(p), R(p), W(p), N, N, N],
        "disciplinary_action" => [N, W(s), R(s), W(s), N, N, N, N],
        "protection_review" => [W(s), R(s), N, R(s), N, N, N, N],
        other => panic!("settle who may do what with a {other}"),
    }
}

impl Access {
    fn reads(self) -> Option<Class> {
        match self {
            N => None,
            R(class) | W(class) | WritesBut(class, _) | WritesOnly(class, _) => Some(class),
        }
    }

    /// The status of a change to a record inside the scope: 200 where it is allowed.
    fn status(self) -> u16 {
        match self {
            N | R(_) | WritesOnly(..) => 403,
            W(_) | WritesBut(..) => 200,
        }
    }
}

/// Fields of a record above the class: none may be there.
fn assert_masked(kind: &Kind, role: &Role, class: Class, record: &Value) {
    for spec in kind.fields {
        let shown = record.get(spec.name).is_some();
        assert!(!shown || spec.class <= class, "{role} reads {}.{}: {record}", kind.name, spec.name);
        assert!(shown || !spec.required || spec.class > class, "{role} misses {}.{}: {record}", kind.name, spec.name);
    }
}

fn allowed(body: &Value, kind: &Kind, class: Class) -> Value {
    let mut body = body.clone();
    body.as_object_mut().unwrap().retain(|name, _| kind.field(name).is_none_or(|spec| spec.class <= class));
    body
}

async fn inside(ward: &Ward, caller: &Caller, role: &Role, kind: &'static Kind, access: Access) {
    let (collection, made) = (format!("/v1/{}", kind.plural), ward.record(kind, &ward.a).await);
    let path = format!("{collection}/{}", made.id());
    let (writer, missing) =
        (&ward.writer, format!("The right to write is missing: {} ({}:write).", kind.label.en, kind.name));
    // Reading.
    let listed = caller.all(&format!("{collection}?count=exact&limit=500")).await.0;
    let listed = listed.iter().find(|item| item["id"] == made.body["id"]);
    let at = made.body["updated_at"].as_str().unwrap();
    let (read, stood) = (caller.get(&path).await, caller.get(&format!("{path}?as_of={at}")).await);
    let history = caller.get(&format!("{path}/history")).await;
    let Some(class) = access.reads() else { panic!("{role} reads no {}", kind.name) };
    let read = read.is(200);
    assert_eq!(Some(&read.body), listed, "{role} {}", kind.name);
    assert_eq!(read.body, stood.is(200).body);
    assert_eq!(read.body, history.is(200).body["items"][0]["record"]);
    assert_masked(kind, role, class, &read.body);
    // What is no JSON says nothing to who may not write.
    let scribble = caller.call(Method::PATCH, &path).body("application/json", "{").await;
    let status = if matches!(access, WritesOnly(..)) { 200 } else { access.status() };
    assert_eq!(scribble.status, if status == 200 { 400 } else { status }, "{role} {}: {}", kind.name, scribble.text);
    // Changing.
    let (field, value) = change(kind);
    let patched = caller.patch(&path, made.etag(), json!({field: value})).await;
    match access {
        WritesOnly(_, only) => {
            patched.faults(&[(&format!("/{field}"), "field_not_writable")]);
            caller.patch(&path, made.etag(), json!({only: "K1"})).await.is(200);
        }
        _ => {
            let patched = patched.is(access.status());
            assert!(patched.status != 403 || patched.body["detail"] == missing, "{}", patched.text);
        }
    }
    if let WritesBut(_, but) = access {
        caller.patch(&path, "*", json!({but: "K1"})).await.faults(&[(&format!("/{but}"), "field_not_writable")]);
    }
    let above = kind.fields.iter().find(|spec| Some(spec.class) > access.reads());
    if let (W(_), Some(spec)) = (access, above) {
        caller
            .patch(&path, "*", json!({spec.name: null}))
            .await
            .faults(&[(&format!("/{}", spec.name), "field_not_writable")]);
    }
    // Deleting and bringing back.
    let deleted = caller.delete(&path, "*").await;
    assert_eq!(deleted.status, if access.status() == 200 { 204 } else { access.status() }, "{role} {}", kind.name);
    if deleted.status != 204 {
        writer.delete(&path, "*").await.is(204);
    }
    let gone = caller.get(&path).await;
    assert_eq!(gone.status, 410, "{role} {}", kind.name);
    caller.verb(&format!("{path}/restore")).await.is(access.status());
    // Making.
    let whole = ward.body(kind, &ward.a).await;
    let body = allowed(&whole, kind, access.reads().unwrap_or(Public));
    if access.status() == 200 && body != whole {
        let faults = caller.post(&collection, whole).await.is(422).body["errors"].clone();
        assert!(faults.as_array().unwrap().iter().all(|fault| fault["code"] == "field_not_writable"), "{faults}");
    }
    let made = caller.post(&collection, body).await;
    match access.status() {
        200 => {
            made.is(201);
        }
        _ => {
            assert_eq!(made.refused(403, "forbidden").body["detail"], missing);
        }
    }
}

/// Nothing is revealed of a record outside the scope, whatever is asked, in whatever wrong form.
async fn outside(caller: &Caller, kind: &Kind, id: &str) {
    let collection = format!("/v1/{}", kind.plural);
    let path = format!("{collection}/{id}");
    let (items, text) = caller.all(&format!("{collection}?limit=500&count=exact")).await;
    assert!(!text.contains(id), "{text}");
    assert_eq!(caller.get(&format!("{collection}?count=exact")).await.is(200).body["total"], items.len());
    let (field, value) = change(kind);
    for refused in [
        caller.get(&path),
        caller.get(&format!("{path}?as_of=2100-01-01T00:00:00Z")),
        caller.get(&format!("{path}?colour=1")),
        caller.get(&format!("{path}/history")),
        caller.patch(&path, "*", json!({field: value})),
        caller.patch(&path, "nonsense", json!({"colour": 1})),
        caller.call(Method::PATCH, &path).body("application/json", "{"),
        caller.call(Method::PATCH, &path).body("text/plain", "x"),
        caller.call(Method::PATCH, &path).json(json!({})),
        caller.delete(&path, "*"),
        caller.call(Method::DELETE, &path),
        caller.verb(&format!("{path}/restore")),
        caller.post(&format!("{path}/restore"), json!({"colour": 1})),
    ] {
        refused.await.refused(404, "not_found");
    }
}

/// Nothing of a type that the caller reads nowhere, whatever is asked: only that it does not read it. The feed has
/// nothing of it.
async fn closed(caller: &Caller, kind: &Kind, id: &str, body: Value) {
    let collection = format!("/v1/{}", kind.plural);
    let path = format!("{collection}/{id}");
    let unknown = format!("{collection}/{}", Uuid::now_v7());
    for refused in [
        caller.get(&collection),
        caller.get(&format!("{collection}?limit=x")),
        caller.post(&collection, body),
        caller.post(&collection, json!({"colour": 1})),
        caller.get(&path),
        caller.get(&unknown),
        caller.get(&format!("{path}?as_of=2100-01-01T00:00:00Z")),
        caller.get(&format!("{path}/history")),
        caller.patch(&path, "*", json!({})),
        caller.call(Method::PATCH, &path).body("text/plain", "x"),
        caller.delete(&path, "*"),
        caller.verb(&format!("{path}/restore")),
    ] {
        refused.await.refused(403, "type_not_readable");
    }
    if kind.name == "evaluation_round" {
        let advance = caller.post(&format!("{path}/advance"), json!({"to": "self_rating"}));
        advance.await.refused(403, "type_not_readable");
    }
    let feed = caller.get(&format!("/v1/sync/changes?types={}", kind.name)).await.is(200);
    assert_eq!(feed.body["changes"], json!([{"op": "snapshot_end", "counts": {}}]));
}

on_both_engines! {
    async fn the_printed_table_is_the_settled_one(server: empty) {
        let roles = server.administrator().await.get("/v1/roles").await.is(200).body;
        for (column, role) in ROLES.iter().enumerate() {
            let printed = roles["items"].as_array().unwrap().iter().find(|one| one["role"] == role.code()).unwrap();
            for kind in &KINDS {
                let printed = printed["types"].as_array().unwrap().iter().find(|one| one["type"] == kind.name);
                let settled = match table(kind.name)[column] {
                    N => None,
                    R(class) => Some(json!({"type": kind.name, "reads": class})),
                    W(class) => Some(json!({"type": kind.name, "reads": class, "writes": class})),
                    WritesBut(class, field) => Some(json!({"type": kind.name, "reads": class, "writes": class, "except": [field]})),
                    WritesOnly(class, field) => Some(json!({"type": kind.name, "reads": class, "writes": class, "only": [field]})),
                };
                assert_eq!(printed, settled.as_ref(), "{role} {}", kind.name);
            }
        }
    }

    async fn each_role_does_what_its_row_says_inside_and_nothing_outside(server: empty) {
        let ward = server.ward().await;
        let (mut theirs, mut moved) = (Vec::new(), Vec::new());
        for kind in &KINDS {
            theirs.push(ward.record(kind, &ward.b).await);
            if !stays(kind) {
                let record = ward.record(kind, &ward.a).await;
                let to = if kind.name == "unit" { "parent_id" } else { "unit_id" };
                let path = format!("/v1/{}/{}", kind.plural, record.id());
                moved.push((kind, ward.writer.patch(&path, record.etag(), json!({to: ward.b})).await.is(200)));
            }
        }
        for (column, role) in ROLES.into_iter().enumerate() {
            let caller = server.acting(role.clone(), &ward.a).await;
            for (kind, theirs) in KINDS.iter().zip(&theirs) {
                if table(kind.name)[column].reads().is_none() {
                    closed(&caller, kind, &theirs.id(), ward.body(kind, &ward.b).await).await;
                    continue;
                }
                inside(&ward, &caller, &role, kind, table(kind.name)[column]).await;
                outside(&caller, kind, &theirs.id()).await;
                // Nothing can be made there either.
                let made = caller.post(&format!("/v1/{}", kind.plural), ward.body(kind, &ward.b).await).await;
                assert!(matches!(made.status, 403 | 422), "{role} {}: {}", kind.name, made.text);
            }
            for (kind, record) in &moved {
                if table(kind.name)[column].reads().is_some() {
                    outside(&caller, kind, &record.id()).await;
                }
            }
        }
        for (kind, record) in KINDS.iter().zip(&theirs).chain(moved.iter().map(|(kind, record)| (*kind, record))) {
            let kept = ward.writer.get(&format!("/v1/{}/{}", kind.plural, record.id())).await.is(200);
            assert_eq!(kept.body, record.record());
        }
    }

    async fn a_grant_only_reads_above_its_subtree_and_there_downward_types_only(server: empty) {
        let ward = server.ward().await;
        let cell = server.acting(Role::CommitteeOffice, &ward.a).await;
        for kind in KINDS.iter().filter(|kind| !in_cells(kind)) {
            let id = if kind.name == "unit" { ward.ward.clone() } else { ward.record(kind, &ward.ward).await.id() };
            let path = format!("/v1/{}/{id}", kind.plural);
            if !kind.downward {
                outside(&cell, kind, &id).await;
                continue;
            }
            let read = cell.get(&path).await.is(200);
            assert_masked(kind, &Role::CommitteeOffice, kind.class, &read.body);
            let (field, value) = change(kind);
            cell.patch(&path, read.etag(), json!({field: value})).await.refused(403, "forbidden");
            cell.delete(&path, read.etag()).await.refused(403, "forbidden");
        }
    }

    async fn a_reference_to_an_invisible_record_looks_like_one_to_nothing(server: empty) {
        let ward = server.ward().await;
        let caller = server.acting(Role::CommitteeOffice, &ward.a).await;
        // Another ward's, the round closed, so that the most could be revealed.
        let far = server.ward().await;
        let (person, round) = (far.member(&far.a).await, far.round().await);
        let far_lead = server.acting(Role::CommitteeLead, &far.ward).await;
        for state in ["self_rating", "reviewing", "proposed", "approved"] {
            let step = far_lead.post(&format!("/v1/evaluation_rounds/{round}/advance"), json!({"to": state}));
            step.header("if-match", "*").await.is(200);
        }
        let term = far.record(Kind::named("term").unwrap(), &far.a).await.id();
        let (mine, open) = (ward.member(&ward.a).await, ward.round().await);
        let position = |member: &str, term: Option<&str>| json!({"unit_id": ward.a, "member_id": member, "term_id": term, "position_code": "other", "from": "2010-01-01", "basis": "elected"});
        let result = |round: &str, member: &str| json!({"round_id": round, "member_id": member, "self_level": "no_level"});
        type BodyOf<'a> = &'a dyn Fn(&str) -> Value;
        let cases: [(&str, &str, BodyOf<'_>); 12] = [
            ("units", &far.ward, &|id| json!({"name": "Tổ", "kind": "party_group", "parent_id": id})),
            ("units", &far.a, &|id| json!({"name": "Tổ", "kind": "party_group", "parent_id": id, "code": "K1"})),
            ("members", &far.a, &|id| json!({"unit_id": id, "full_name": "A", "sex": "male", "birth_date": "1980", "admission_date": "2005-01-01"})),
            ("members", &far.ward, &|id| json!({"unit_id": id, "full_name": "A"})),
            ("members", &person, &|id| json!({"unit_id": ward.a, "full_name": "A", "sex": "male", "birth_date": "1980", "admission_date": "2005-01-01", "readmission_of": id})),
            ("positions", &person, &|id| position(id, None)),
            ("positions", &term, &|id| position(&mine, Some(id))),
            ("evaluation_rounds", &far.scheme, &|id| json!({"unit_id": ward.a, "scheme_id": id, "year": 2014})),
            ("member_evaluations", &person, &|id| result(&open, id)),
            ("member_evaluations", &round, &|id| result(id, &mine)),
            ("unit_evaluations", &round, &|id| json!({"unit_id": ward.a, "round_id": id, "self_level": "no_level"})),
            ("reported_figures", &far.a, &|id| {
                let mut body = crate::support::ward::figure(&ward.a);
                body["reported_by_unit_id"] = json!(id);
                body
            }),
        ];
        for (collection, invisible, body) in cases {
            let ask = async |id: &str| {
                let mut answer = caller.post(&format!("/v1/{collection}"), body(id)).await;
                answer.body.as_object_mut().unwrap().remove("request_id");
                (answer.status, answer.body)
            };
            let nothing = uuid::Uuid::now_v7().to_string();
            let (actual, expected) = (ask(invisible).await, ask(&nothing).await);
            assert_eq!(actual, expected, "{collection}");
            assert_eq!(actual.0, 422);
        }
    }

    async fn without_a_login_every_operation_returns_401_and_so_does_an_unknown_one(server: empty) {
        let nobody = server.nobody();
        for (path, methods) in operations(server).await {
            for (method, open) in methods {
                let path = path.replace(['{', '}'], "");
                let answer = nobody.call(method.clone(), &path).body("application/json", "{").await;
                if !path.starts_with("/v1/") {
                    answer.is(200);
                } else if !open {
                    let refused = answer.refused(401, "unauthenticated");
                    assert_eq!(refused.header("www-authenticate"), "Bearer");
                } else {
                    assert!(matches!(answer.status, 400 | 415), "{method} {path}: {}", answer.text);
                }
            }
        }
        for path in ["/v1/nothing", "/v1/members/1/2/3/4", "/v1/users/x/nothing"] {
            nobody.get(path).await.refused(401, "unauthenticated");
        }
        nobody.call(Method::PUT, "/v1/members").await.refused(401, "unauthenticated");
        nobody.get("/nothing").await.refused(404, "not_found");
    }

    async fn only_an_administrator_administers_and_only_an_auditor_reads_the_audit(server: empty) {
        let ward = server.ward().await;
        let admin = server.administrator().await;
        let user = admin.post("/v1/users", json!({"username": "ai-do", "display_name": "Ai đó", "password": "con mèo trên mái nhà"}))
            .await.is(201).id();
        for role in ROLES.into_iter().filter(|role| *role != Role::Administrator) {
            let caller = server.acting(role.clone(), ROOT).await;
            for (path, methods) in operations(server).await {
                let administers = ["/v1/users", "/v1/systems", "/v1/audit_events"].iter().any(|begin| path.starts_with(begin));
                if !administers {
                    continue;
                }
                let id = if path.starts_with("/v1/users") { &user } else { &ward.office.id };
                let path = path.replace("{id}", id).replace("{grant}", &user).replace("{token}", &user).replace("{session}", &user);
                for (method, _) in methods {
                    let answer = caller.call(method.clone(), &path).await;
                    let audits = role == Role::Auditor && path == "/v1/audit_events";
                    let fits = if audits { answer.status == 200 } else { matches!(answer.status, 403 | 404) };
                    assert!(fits, "{role} {method} {path}: {} {}", answer.status, answer.text);
                }
            }
        }
    }
}

/// Every operation of the document: its path, its methods, and whether it is open to who has not logged in.
async fn operations(server: &crate::support::Server) -> Vec<(String, Vec<(Method, bool)>)> {
    let document = server.nobody().get("/openapi.json").await.is(200).body;
    let open = |operation: &Value| operation["security"].as_array().is_some_and(|list| list.contains(&json!({})));
    let methods = |item: &Value| {
        let item = item.as_object().unwrap().iter();
        item.filter(|(_, operation)| operation.get("responses").is_some())
            .map(|(method, operation)| (method.to_uppercase().parse().unwrap(), open(operation)))
            .collect()
    };
    document["paths"].as_object().unwrap().iter().map(|(path, item)| (path.clone(), methods(item))).collect()
}
