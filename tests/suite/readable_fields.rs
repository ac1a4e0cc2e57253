//! Each grant for its own subtree, never a mixture; sensitive fields by name; a filter reveals nothing.

use crate::support::http::{Caller, over, with_fields};
use crate::support::on_both_engines;
use crate::support::ward::{ROOT, change, member};
use cell_records_client::types::Class;
use cell_records_client::types::accounts::{GrantCreate, Role};
use cell_records_server::store::filter::Test;
use cell_records_server::store::policy;
use cell_records_server::store::registry::{KINDS, Kind};
use serde_json::{Value, json};
use uuid::Uuid;

fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["id"].as_str().unwrap()).collect()
}

async fn total(caller: &Caller, path: &str) -> i64 {
    caller.get(path).await.is(200).body["total"].as_i64().unwrap()
}

on_both_engines! {
    async fn a_reader_of_the_ward_and_secretary_of_one_cell_sees_people_of_that_cell_only(server: empty) {
        let ward = server.ward().await;
        let grants = vec![over(Role::FrontendReader, &ward.ward), over(Role::CellSecretary, &ward.a)];
        let caller = server.granted(grants).await;
        let of_secretary = |kind: &Kind| policy::rights(&Role::CellSecretary, kind.name);
        for (kind, rights) in KINDS.iter().filter_map(|kind| Some((kind, of_secretary(kind)?))) {
            let collection = format!("/v1/{}", kind.plural);
            let (ours, theirs) = (ward.record(kind, &ward.a).await, ward.record(kind, &ward.b).await);
            let (field, value) = change(kind);
            let path = |id: String| format!("{collection}/{id}");
            for record in [&ours, &theirs] {
                ward.writer.patch(&path(record.id()), record.etag(), json!({field: value})).await.is(200);
            }
            let open = kind.class <= Class::Internal;
            let limit = if open { Class::Internal } else { rights.reads };

            let everything = ward.writer.all(&collection).await.0;
            let (listed, mut text) = caller.all(&collection).await;
            assert!(ids(&listed).contains(&ours.id().as_str()), "{}", kind.name);
            assert_eq!(ids(&listed).contains(&theirs.id().as_str()), open, "{}", kind.name);
            let cell = |item: &Value| open || item["unit_id"] == ward.a.as_str();
            let expected = everything.iter().filter(|item| cell(item)).count();
            // The office has its grant at the root, above the ward.
            assert_eq!(listed.len(), expected, "{}", kind.name);
            for item in &listed {
                for spec in kind.fields.iter().filter(|spec| item.get(spec.name).is_some()) {
                    assert!(spec.class <= limit, "{}.{} of {item}", kind.name, spec.name);
                }
            }
            let counted = i64::try_from(expected).unwrap();
            assert_eq!(total(&caller, &format!("{collection}?count=exact")).await, counted, "{}", kind.name);
            let of_b = format!("{collection}?count=exact&unit={}", ward.b);
            assert!(open || total(&caller, &of_b).await == 0, "{}", kind.name);
            for sort in kind.sorts {
                let (sorted, more) = caller.all(&format!("{collection}?sort=-{}&limit=3", sort.name)).await;
                assert_eq!(sorted.len(), expected, "{} by {}", kind.name, sort.name);
                text.push_str(&more);
            }
            let searched = kind.search.filter(|search| search.other().is_none());
            if let Some(name) = searched.and_then(|search| theirs.body[search.field].as_str()) {
                let name = name.replace(' ', "%20");
                let found = caller.get(&format!("{collection}?q={name}&count=exact")).await.is(200);
                assert_eq!(found.body["total"], i64::from(open), "{}", found.text);
                text.push_str(&found.text);
            }
            for id in [ours.id(), theirs.id()] {
                let seen = open || id == ours.id();
                let (read, history) = (caller.get(&path(id.clone())).await, caller.get(&format!("{}/history", path(id.clone()))).await);
                let at = theirs.body["updated_at"].as_str().unwrap();
                let stood = caller.get(&format!("{}?as_of={at}", path(id))).await;
                if seen {
                    let history = history.is(200);
                    assert_eq!(history.body["items"].as_array().unwrap().len(), 2);
                    text.push_str(&read.is(200).text);
                    text.push_str(&history.text);
                    text.push_str(&stood.is(200).text);
                } else {
                    for refused in [read, history, stood] {
                        refused.refused(404, "not_found");
                    }
                }
            }
            let feed = caller.feed().await;
            assert!(feed.contains(&ours.id()), "{}", kind.name);
            assert_eq!(feed.contains(&theirs.id()), open, "{}", kind.name);
            text.push_str(&feed);
            let filtered = kind.filters.iter().filter(|filter| matches!(filter.test, Test::Code(..) | Test::Flag(_)));
            for filter in filtered {
                let value = match filter.test {
                    Test::Code(_, list) => list.codes.iter().map(|code| code.code).collect::<Vec<_>>().join(","),
                    _ => "false".into(),
                };
                text.push_str(&caller.all(&format!("{collection}?{}={value}", filter.name)).await.1);
            }
            if !open {
                let member_id = theirs.body["member_id"].as_str();
                assert!(!text.contains(&theirs.id()) && member_id.is_none_or(|id| !text.contains(id)), "{}", kind.name);
            }
            // Of some types the secretary reads everything in the own cell.
            if rights.reads == Class::Sensitive {
                continue;
            }
            // The ethnic group of a candidate, whom an enrolment brings along, is read in the own cell.
            let ethnic_group = if kind.name == "member" { "\"01\"" } else { "Lý do riêng" };
            for secret in ["Lý do riêng", ethnic_group, "Khỏe", "\"total\":10"] {
                assert!(!text.contains(secret), "{}: {secret}", kind.name);
            }
        }
    }

    async fn a_named_sensitive_field_is_shown_under_its_own_grant_and_no_other(server: empty) {
        let ward = server.ward().await;
        let caller = server.granted(vec![
            with_fields(Role::CellSecretary, &ward.a, &["member.personal_id"]), over(Role::CellSecretary, &ward.b),
        ]).await;
        let mut made = Vec::new();
        for (cell, number) in [(&ward.a, "040080000001"), (&ward.b, "040080000002")] {
            let mut body = member(cell);
            body["personal_id"] = json!(number);
            body["religion"] = json!("none");
            made.push(ward.office.post("/v1/members", body).await.is(201).id());
        }
        let here = caller.get(&format!("/v1/members/{}", made[0])).await.is(200).body;
        assert_eq!((&here["personal_id"], here.get("religion")), (&json!("040080000001"), None));
        let there = caller.get(&format!("/v1/members/{}", made[1])).await.is(200).body;
        assert_eq!(there.get("personal_id"), None);
        let (listed, feed) = (caller.all("/v1/members").await.1, caller.feed().await);
        for text in [listed, feed, caller.get(&format!("/v1/members/{}/history", made[1])).await.text] {
            assert!(!text.contains("040080000002") && !text.contains("religion"), "{text}");
        }
        // The filter works over the one grant that reads the field.
        assert_eq!(total(&caller, "/v1/members?personal_id=040080000001&count=exact").await, 1);
        assert_eq!(total(&caller, "/v1/members?personal_id=040080000002&count=exact").await, 0);
        // Reading it is no right to write it.
        let path = format!("/v1/members/{}", made[0]);
        caller.patch(&path, "*", json!({"personal_id": null})).await.refused(403, "forbidden");
        // Only sensitive fields can be named.
        let admin = server.administrator().await;
        for field in ["member.full_name", "member.nothing", "personal_id"] {
            admin.post(&format!("/v1/systems/{}/grants", caller.id), json!({"role": "cell_secretary", "unit_id": ward.a, "fields": [field]}))
                .await.faults(&[("/fields/0", "unknown_code")]);
        }
    }

    async fn a_field_that_no_grant_reads_neither_filters_nor_sorts_nor_searches(server: empty) {
        let ward = server.ward().await;
        let mut body = member(&ward.a);
        body["personal_id"] = json!("040080000001");
        ward.office.post("/v1/members", body).await.is(201);
        let secretary = server.acting(Role::CellSecretary, &ward.a).await;
        for query in ["personal_id=040080000001", "profile_number=123456AB", "duplicates=number"] {
            for count in ["", "&count=exact"] {
                let refused = secretary.get(&format!("/v1/members?{query}{count}")).await.refused(403, "field_not_readable");
                assert!(refused.body["detail"].as_str().unwrap().contains(if query.starts_with("profile") { "profile_number" } else { "personal_id" }));
            }
        }
        // Who reads nothing of the type is refused, whatever is asked.
        let reader = server.acting(Role::FrontendReader, &ward.ward).await;
        reader.get("/v1/members?count=exact&q=nguyen&personal_id=040080000001").await.refused(403, "type_not_readable");
        let auditor = server.acting(Role::Auditor, ROOT).await;
        let unit = auditor.get(&format!("/v1/units/{}", ward.a)).await.is(200).body;
        assert!(unit.get("name").is_some() && unit.get("notes").is_none());
    }

    async fn a_repeated_create_says_nothing_of_fields_above_the_class(server: empty) {
        let ward = server.ward().await;
        let peer = server.acting(Role::ExchangePeer, &ward.ward).await;
        let named = server.granted(vec![with_fields(Role::ExchangePeer, &ward.ward, &["member.ethnicity"])]).await;
        let pushed = async |caller: &Caller, kind: &str, fields: &Value| {
            let mut fields = fields.clone();
            let id = fields.as_object_mut().unwrap().remove("id").unwrap();
            let push = json!({"items": [{"op": "create", "type": kind, "id": id, "fields": fields}]});
            let answer = caller.post("/v1/sync/push", push).header("idempotency-key", &Uuid::now_v7().to_string()).await.is(207);
            answer.body["items"][0]["status"].as_str().unwrap().to_owned()
        };
        let evaluation = json!({"unit_id": ward.a, "score": "45.5", "member_id": ward.member(&ward.a).await});
        let sheet = json!([{"criterion": "good", "points": "45.5"}]);
        for (kind, plural, open, hidden, change) in [
            ("member", "members", member(&ward.a), ("ethnicity", json!("01")), ("full_name", json!("Lê Văn Khác"))),
            ("member_evaluation", "member_evaluations", evaluation, ("score_sheet", sheet), ("score", json!("45"))),
        ] {
            for is_set in [false, true] {
                let mut open = open.clone();
                open["id"] = json!(Uuid::now_v7());
                if kind == "member_evaluation" {
                    open["round_id"] = json!(ward.round().await);
                }
                let mut stored = open.clone();
                if is_set {
                    stored[hidden.0] = hidden.1.clone();
                }
                let path = format!("/v1/{plural}");
                ward.office.post(&path, stored.clone()).await.is(201);
                // What it reads is what it sends: a create whose answer was lost, perhaps.
                assert_eq!(peer.post(&path, open.clone()).await.is(200).body["version"], 1, "{kind} {is_set}");
                assert_eq!(pushed(&peer, kind, &open).await, "unchanged", "{kind} {is_set}");
                let mut other = open.clone();
                other[change.0] = change.1.clone();
                peer.post(&path, other.clone()).await.refused(409, "not_unique");
                assert_eq!(pushed(&peer, kind, &other).await, "conflict", "{kind} {is_set}");
                // Who reads the field, its name or its class, is told of it.
                let expected = if is_set { "conflict" } else { "unchanged" };
                assert_eq!(pushed(&ward.office, kind, &open).await, expected, "{kind} {is_set}");
                if kind == "member" {
                    assert_eq!(pushed(&named, kind, &open).await, expected, "{kind} {is_set}");
                }
                assert_eq!(pushed(&ward.office, kind, &stored).await, "unchanged", "{kind} {is_set}");
            }
        }
    }

    async fn an_administrator_does_not_learn_how_many_members_a_cell_has(server: empty) {
        let ward = server.ward().await;
        let admin = server.administrator().await;
        let path = format!("/v1/units/{}", ward.a);
        let coded = admin.patch(&path, "*", json!({"code": "X-1"})).await.is(200);
        assert!(coded.warnings().is_empty(), "{}", coded.text);
        assert_eq!(ward.office.patch(&path, "*", json!({"code": "X-2"})).await.is(200).warnings().len(), 1);
        ward.member(&ward.a).await;
        for cell in [&ward.a, &ward.b] {
            let dissolved = json!({"state": "dissolved", "dissolved_on": "2015-01-01"});
            let refused = admin.patch(&format!("/v1/units/{cell}"), "*", dissolved).await;
            refused.faults(&[("/state", "field_not_writable"), ("/dissolved_on", "field_not_writable")]);
        }
    }

    async fn a_field_that_may_not_be_written_is_compared_with_nothing(server: empty) {
        let ward = server.ward().await;
        // A part of a hidden object does not show whether the rest of it is there.
        let peer = server.acting(Role::ExchangePeer, &ward.ward).await;
        for vote in [json!(null), json!({"for": 7, "total": 9})] {
            let mut body = ward.body(Kind::named("position").unwrap(), &ward.a).await;
            body["vote_result"] = vote;
            let id = ward.office.post("/v1/positions", body).await.is(201).id();
            peer.patch(&format!("/v1/positions/{id}"), "*", json!({"vote_result": {"total": 9}})).await
                .faults(&[("/vote_result", "field_not_writable")]);
        }
        // Nor does a guess at a hidden value show whether it is right, sent with an old version.
        let mut body = member(&ward.a);
        body["ethnicity"] = json!("01");
        let id = ward.office.post("/v1/members", body).await.is(201).id();
        ward.office.patch(&format!("/v1/members/{id}"), "*", json!({"phone": "+84912345678"})).await.is(200);
        for guess in ["01", "02"] {
            let item = json!({"op": "update", "type": "member", "id": id, "if_version": 1, "fields": {"ethnicity": guess}});
            let pushed = peer.post("/v1/sync/push", json!({"items": [item]})).header("idempotency-key", guess).await.is(207);
            assert_eq!(pushed.body["items"][0]["errors"][0]["code"], "field_not_writable", "{}", pushed.text);
        }
    }

    async fn a_field_that_may_only_be_read_is_sent_as_it_is_stored_or_refused(server: empty) {
        let ward = server.ward().await;
        let mut body = member(&ward.a);
        (body["personal_id"], body["ethnicity"]) = (json!("040180000005"), json!("01"));
        let id = ward.office.post("/v1/members", body.clone()).await.is(201).id();
        // Another person has the number, by a mistake of an office that does not see the first.
        let mut other = member(&ward.b);
        other["personal_id"] = body["personal_id"].clone();
        server.acting(Role::CommitteeOffice, &ward.b).await.post("/v1/members", other).await.is(201);
        let peer = server.granted(vec![with_fields(Role::ExchangePeer, &ward.ward, &["member.personal_id", "position.vote_result"])]).await;
        let path = format!("/v1/members/{id}");
        let patched = peer.patch(&path, "*", json!({"personal_id": "040180000005", "occupation_current": "Giáo viên"})).await.is(200);
        assert_eq!((&patched.body["version"], &patched.body["occupation_current"]), (&json!(2), &json!("Giáo viên")));
        // No version is made, and the number is compared with nobody else's.
        assert_eq!(peer.patch(&path, "*", json!({"personal_id": "040180000005"})).await.is(200).body["version"], 2);
        for value in [json!("040180000006"), json!(null)] {
            peer.patch(&path, "*", json!({"personal_id": value})).await.faults(&[("/personal_id", "field_not_writable")]);
        }
        peer.patch(&path, "*", json!({"ethnicity": "01"})).await.faults(&[("/ethnicity", "field_not_writable")]);
        peer.post("/v1/members", body).await.is(422);

        let mut body = ward.body(Kind::named("position").unwrap(), &ward.a).await;
        body["vote_result"] = json!({"for": 7, "total": 9});
        let path = format!("/v1/positions/{}", ward.office.post("/v1/positions", body).await.is(201).id());
        assert_eq!(peer.patch(&path, "*", json!({"vote_result": {"total": 9}})).await.is(200).body["version"], 1);
        for part in [json!({"total": 8}), json!({"for": null}), json!(null)] {
            peer.patch(&path, "*", json!({"vote_result": part})).await.faults(&[("/vote_result", "field_not_writable")]);
        }
    }

    async fn a_score_is_not_computed_for_who_does_not_read_the_sheet(server: empty) {
        let ward = server.ward().await;
        let peer = server.acting(Role::ExchangePeer, &ward.ward).await;
        let sheet = json!([{"criterion": "c1", "points": "4.5"}, {"criterion": "c2", "points": "4"}]);
        let body = json!({"round_id": ward.round().await, "member_id": ward.member(&ward.a).await, "score_sheet": sheet});
        let made = ward.office.post("/v1/member_evaluations", body).await.is(201);
        let path = format!("/v1/member_evaluations/{}", made.id());
        // A change of something else leaves the score, which it reads.
        assert_eq!(peer.patch(&path, "*", json!({"self_level": "good"})).await.is(200).body["score"], "8.5");
        peer.patch(&path, "*", json!({"score": "1"})).await.is(200);
        for change in [json!({"score": null}), json!({"self_level": "poor"})] {
            let changed = peer.patch(&path, "*", change).await.is(200);
            assert_eq!(changed.body.get("score"), None, "{}", changed.text);
        }
        assert_eq!(ward.office.patch(&path, "*", json!({"self_level": "good"})).await.is(200).body["score"], "8.5");
    }

    async fn numbers_of_strangers_are_neither_confirmed_nor_denied(server: empty) {
        let ward = server.ward().await;
        let mut body = member(&ward.b);
        body["profile_number"] = json!("123456AB");
        body["card_numbers"] = json!([{"number": "12345678", "kind": "eight_digit"}]);
        let held = ward.office.post("/v1/members", body).await.is(201).id();
        let mut same = member(&ward.a);
        same["profile_number"] = json!("123456AB");
        // The office sees both and gets the warning. The office of one cell sees its own only and gets none.
        ward.office.post("/v1/members", same.clone()).await.faults(&[("/profile_number", "number_taken")]);
        let cell = server.acting(Role::CommitteeOffice, &ward.a).await;
        let stored = cell.post("/v1/members", same).await.is(201);
        assert!(stored.warnings().is_empty(), "{}", stored.text);
        assert_eq!(total(&cell, "/v1/members?duplicates=number&count=exact").await, 0);
        let (both, _) = ward.office.all("/v1/members?duplicates=number&sort=id").await;
        assert_eq!(ids(&both), [held.as_str(), stored.id().as_str()]);
    }

    async fn a_grant_holds_from_its_beginning_to_its_end(server: empty) {
        use cell_records_client::types::Timestamp;
        let ward = server.ward().await;
        let id = ward.member(&ward.a).await;
        let hour = |hours: i64| Timestamp::from_micros(Timestamp::now().micros() + hours * 3_600_000_000);
        let grant = |from: i64, until: i64| GrantCreate { from: Some(hour(from)), until: Some(hour(until)), ..over(Role::CellSecretary, &ward.a) };
        for (from, until, sees) in [(-2, -1, false), (-1, 1, true), (1, 2, false)] {
            let caller = server.granted(vec![grant(from, until)]).await;
            caller.get(&format!("/v1/members/{id}")).await.is(if sees { 200 } else { 403 });
            assert_eq!(caller.get("/v1/me").await.is(200).body["grants"].as_array().unwrap().len(), usize::from(sees));
        }
    }
}
