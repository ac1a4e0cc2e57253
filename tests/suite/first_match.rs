//! Two systems that hold the same people: possible duplicates are named, and become one record each.

use crate::support::http::{Caller, over};
use crate::support::on_both_engines;
use crate::support::ward::member;
use cell_records_client::types::accounts::{GrantCreate, Role};
use serde_json::{Value, json};
use uuid::Uuid;

/// What became of the items of a push that a caller sends under a new key.
async fn pushed(caller: &Caller, batch: &Value) -> Vec<Value> {
    let key = Uuid::now_v7().to_string();
    let answer = caller.post("/v1/sync/push", batch.clone()).header("idempotency-key", &key).await.is(207);
    answer.body["items"].as_array().unwrap().clone()
}

/// The same of any number of items, as many at a time as a push may have.
async fn all_pushed(caller: &Caller, items: &[Value], more: Value) -> Vec<Value> {
    let mut results = Vec::new();
    for some in items.chunks(1_000) {
        let mut batch = json!({"items": some});
        batch.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        results.extend(pushed(caller, &batch).await);
    }
    results
}

fn upsert(external: (&str, &str), fields: Value) -> Value {
    let (system, value) = external;
    json!({"op": "upsert", "type": "member", "external_ids": [{"system": system, "value": value}], "fields": fields})
}

fn matching(mut item: Value, by: &[&str]) -> Value {
    item["match"] = json!(by);
    item
}

fn with(mut body: Value, fields: Value) -> Value {
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

fn candidates(item: &Value) -> Vec<(&str, &str)> {
    let all = item["candidates"].as_array().into_iter().flatten();
    all.map(|one| (one["id"].as_str().unwrap(), one["matched_by"].as_str().unwrap())).collect()
}

on_both_engines! {
    async fn the_first_match_of_two_systems_with_the_same_people_ends_with_one_record_each(server: demo) {
        let province = server.acting(Role::CommitteeOffice, "ext:demo:ward").await;
        let people = province.all("/v1/members?limit=500&sort=id").await.0;
        assert_eq!(people.len(), 1_168);
        // The province knows a profile number of every second, and of the others no number.
        let known = ["unit_id", "full_name", "sex", "birth_date", "admission_date"];
        let item = |(n, person): (usize, &Value)| {
            let mut fields: Value = known.iter().map(|name| ((*name).to_owned(), person[*name].clone())).collect();
            if n % 2 == 0 {
                fields["profile_number"] = person["profile_number"].clone();
            }
            matching(upsert((&province.code, &format!("T-{n}")), fields), &["external_id", "personal_id", "profile_number", "name_birth"])
        };
        let items: Vec<Value> = people.iter().enumerate().map(item).collect();
        let trial = all_pushed(&province, &items, json!({"dry_run": true, "on_possible_duplicate": "reject"})).await;
        for (n, (result, person)) in trial.iter().zip(&people).enumerate() {
            if n % 2 == 0 {
                assert_eq!((&result["status"], &result["id"]), (&json!("updated"), &person["id"]), "{result}");
            } else {
                assert_eq!((&result["status"], &result["errors"][0]["code"]), (&json!("duplicate_match"), &json!("duplicate_match")), "{result}");
                assert!(candidates(result).contains(&(person["id"].as_str().unwrap(), "name_birth")), "{result}");
            }
        }
        // A person has looked at the pairs by name, and confirms those that are the same.
        let confirmed: Vec<Value> = items.iter().zip(&people).enumerate().map(|(n, (item, person))| {
            if n % 2 == 0 { return item.clone() }
            json!({"op": "upsert", "type": "member", "id": person["id"], "external_ids": item["external_ids"]})
        }).collect();
        let results = all_pushed(&province, &confirmed, json!({"on_possible_duplicate": "reject"})).await;
        assert!(results.iter().all(|result| result["status"] == "updated"), "{:?}", results.iter().find(|result| result["status"] != "updated"));

        let after = province.all("/v1/members?limit=500&sort=id&fields=external_ids,full_name").await.0;
        assert_eq!(after.len(), 1_168);
        for (n, (person, before)) in after.iter().zip(&people).enumerate() {
            let mut both = vec![before["external_ids"][0].clone(), json!({"system": province.code, "value": format!("T-{n}")})];
            both.sort_by_key(|one| one["system"].as_str().unwrap().to_owned());
            assert_eq!((&person["id"], &person["version"], &person["external_ids"]), (&before["id"], &json!(2), &json!(both)));
        }
        // From now on the ids find them: nothing is matched any more, and nothing changes.
        let again = all_pushed(&province, &items, json!({"on_possible_duplicate": "reject"})).await;
        assert!(again.iter().all(|result| result["status"] == "unchanged"), "{:?}", again.iter().find(|result| result["status"] != "unchanged"));
    }

    async fn a_possible_duplicate_names_its_candidates_and_is_stored_or_refused_as_asked(server: empty) {
        let ward = server.ward().await;
        let twin = with(member(&ward.a), json!({"full_name": "Hồ Thị Một"}));
        let first = ward.office.post("/v1/members", with(twin.clone(), json!({"profile_number": "123456NA"}))).await.is(201).id();
        let named = ward.office.post("/v1/members?dry_run=true", twin.clone()).await.is(200);
        assert_eq!(candidates(&named.body), [(first.as_str(), "name_birth")]);
        assert_eq!((&named.body["candidates"][0]["version"], named.warnings().len()), (&json!(1), 1));
        let numbered = with(member(&ward.b), json!({"profile_number": "123456NA"}));
        let taken = ward.office.post("/v1/members", numbered.clone()).await.faults(&[("/profile_number", "number_taken")]);
        assert_eq!(candidates(&taken.body), [(first.as_str(), "profile_number")]);

        let create = |fields: &Value| json!({"op": "create", "type": "member", "id": Uuid::now_v7(), "fields": fields});
        let batch = json!({"on_possible_duplicate": "reject", "items": [create(&twin), create(&numbered), create(&member(&ward.a))]});
        let results = pushed(&ward.office, &batch).await;
        let statuses: Vec<&Value> = results.iter().map(|result| &result["status"]).collect();
        assert_eq!(statuses, ["duplicate_match", "duplicate_match", "created"]);
        assert_eq!((candidates(&results[0]), candidates(&results[1])), (vec![(first.as_str(), "name_birth")], vec![(first.as_str(), "profile_number")]));
        let found = ward.office.get("/v1/members?q=ho%20thi%20mot&count=exact").await.is(200);
        assert_eq!(found.body["total"], 1);
        // Without that it is stored, with a warning. A repeat names those whom the caller still sees.
        let cell = server.acting(Role::CommitteeOffice, &ward.a).await;
        let stored = json!({"items": [create(&twin)]});
        for seen in [true, true, false] {
            if !seen {
                ward.office.patch(&format!("/v1/members/{first}"), "*", json!({"unit_id": ward.b})).await.is(200);
            }
            let answer = cell.post("/v1/sync/push", stored.clone()).header("idempotency-key", "twin").await.is(207);
            let item = &answer.body["items"][0];
            assert_eq!((&item["status"], &item["warnings"][0]["code"]), (&json!("created"), &json!("possible_duplicate")));
            assert_eq!(candidates(item), if seen { vec![(first.as_str(), "name_birth")] } else { vec![] }, "{item}");
        }
    }

    async fn nobody_is_hinted_at_strangers(server: empty) {
        let ward = server.ward().await;
        let body = with(member(&ward.a), json!({"full_name": "Hồ Thị Hai", "personal_id": "040180000001"}));
        let known = ward.office.post("/v1/members", body.clone()).await.is(201).id();
        let here = with(body.clone(), json!({"unit_id": ward.b}));
        let stranger = server.acting(Role::CommitteeOffice, &ward.b).await;
        let item = matching(upsert((&stranger.code, "1"), here.clone()), &["personal_id", "name_birth"]);
        let result = pushed(&stranger, &json!({"on_possible_duplicate": "reject", "items": [item]})).await.remove(0);
        assert_eq!((&result["status"], candidates(&result)), (&json!("created"), vec![]), "{result}");
        assert!(!result.to_string().contains(&known) && result.get("warnings").is_none_or(|warnings| !warnings.to_string().contains("duplicate")), "{result}");

        // Who reads names, and no numbers, is told of names only.
        let peer = server.acting(Role::ExchangePeer, &ward.a).await;
        let mut unnumbered = with(body.clone(), json!({"full_name": "Hồ Thị Khác"}));
        let by_number = matching(upsert((&peer.code, "1"), unnumbered.clone()), &["personal_id"]);
        let result = pushed(&peer, &json!({"dry_run": true, "items": [by_number]})).await.remove(0);
        assert_eq!((&result["status"], &result["errors"][0]["code"], candidates(&result)), (&json!("invalid"), &json!("field_not_writable"), vec![]), "{result}");
        unnumbered.as_object_mut().unwrap().remove("personal_id");
        unnumbered["full_name"] = json!("Hồ Thị Hai");
        let by_name = matching(upsert((&peer.code, "1"), unnumbered), &["personal_id", "name_birth"]);
        let result = pushed(&peer, &json!({"on_possible_duplicate": "reject", "items": [by_name]})).await.remove(0);
        assert_eq!((&result["status"], candidates(&result)), (&json!("duplicate_match"), vec![(known.as_str(), "name_birth")]), "{result}");
        // With the number named in its grant, the number finds the record, though the peer does not write it.
        let fields: Vec<_> = ["member.personal_id"].into_iter().map(Into::into).collect();
        let grant = GrantCreate { fields: Some(fields.into()), ..over(Role::ExchangePeer, &ward.a) };
        let reader = server.granted(vec![grant]).await;
        let by_number = matching(upsert((&reader.code, "1"), with(body, json!({"occupation_current": "Giáo viên"}))), &["personal_id"]);
        for status in ["updated", "unchanged"] {
            let result = pushed(&reader, &json!({"items": [by_number]})).await.remove(0);
            assert_eq!((&result["status"], &result["id"]), (&json!(status), &json!(known)), "{result}");
        }
        let read = ward.office.get(&format!("/v1/members/{known}")).await.is(200).body;
        assert_eq!((&read["personal_id"], &read["occupation_current"]), (&json!("040180000001"), &json!("Giáo viên")));
    }

    async fn a_number_that_its_sender_may_not_write_is_not_compared_with_those_it_reads(server: empty) {
        let ward = server.ward().await;
        let numbered = |unit: &str| with(member(unit), json!({"personal_id": "040180000002"}));
        // Two offices that do not see each other gave two people one number.
        for cell in [&ward.a, &ward.b] {
            server.acting(Role::CommitteeOffice, cell).await.post("/v1/members", numbered(cell)).await.is(201);
        }
        let fields: Vec<_> = ["member.personal_id"].into_iter().map(Into::into).collect();
        let reads_a = GrantCreate { fields: Some(fields.into()), ..over(Role::ExchangePeer, &ward.a) };
        let peer = server.granted(vec![reads_a, over(Role::ExchangePeer, &ward.b)]).await;
        let hidden = peer.all(&format!("/v1/members?unit={}", ward.b)).await.0.remove(0);
        let path = format!("/v1/members/{}", hidden["id"].as_str().unwrap());
        let refused = peer.patch(&path, "*", json!({"personal_id": "040180000003"})).await;
        let refused = refused.faults(&[("/personal_id", "field_not_writable")]);
        assert_eq!(candidates(&refused.body), []);
    }

    async fn a_number_takes_the_one_record_that_has_it_and_adds_to_its_ids(server: empty) {
        let ward = server.ward().await;
        let numbered = |number: &str| json!({"profile_number": number});
        let plain = member(&ward.a);
        let body = with(plain.clone(), json!({"external_ids": [{"system": ward.office.code, "value": "M1"}]}));
        let first = ward.office.post("/v1/members", with(body, numbered("111111NA"))).await.is(201);
        let office = server.acting(Role::CommitteeOffice, &ward.ward).await;
        let item = |value: &str, number: &str| {
            matching(upsert((&office.code, value), with(plain.clone(), numbered(number))), &["external_id", "profile_number"])
        };
        let named = json!({"op": "upsert", "type": "member", "id": format!("ext:{}:B", office.code), "match": ["profile_number"], "fields": with(member(&ward.a), numbered("111111NA"))});
        // The second of one system's people who have the same number is a question for a person.
        let results = pushed(&office, &json!({"items": [item("A", "111111NA"), item("A", "111111NA"), named]})).await;
        assert_eq!((&results[0]["status"], &results[0]["id"], &results[1]["status"]), (&json!("updated"), &json!(first.id()), &json!("unchanged")), "{results:?}");
        assert_eq!((&results[2]["status"], &results[2]["errors"][0]["code"], candidates(&results[2])), (&json!("duplicate_match"), &json!("match_taken"), vec![(first.id().as_str(), "profile_number")]));
        let ids = ward.office.get(&format!("/v1/members/{}", first.id())).await.is(200).body["external_ids"].clone();
        let systems: Vec<&str> = ids.as_array().unwrap().iter().map(|one| one["system"].as_str().unwrap()).collect();
        assert!(systems.len() == 2 && systems.contains(&office.code.as_str()) && systems.contains(&ward.office.code.as_str()), "{ids}");
        // A number that somebody else has, mistyped perhaps: it takes nobody of another name.
        let third = server.acting(Role::CommitteeOffice, &ward.ward).await;
        let other = with(with(plain.clone(), numbered("111111NA")), json!({"full_name": "Hồ Thị Lạ"}));
        let mistyped = matching(upsert((&third.code, "X"), other), &["profile_number"]);
        let result = pushed(&third, &json!({"items": [mistyped]})).await.remove(0);
        assert_eq!((&result["errors"][0]["code"], candidates(&result)), (&json!("duplicate_match"), vec![(first.id().as_str(), "profile_number")]), "{result}");
        // Two who do not see each other gave two people one number.
        for cell in [&ward.a, &ward.b] {
            let apart = server.acting(Role::CommitteeOffice, cell).await;
            apart.post("/v1/members", with(member(cell), numbered("222222NA"))).await.is(201);
        }
        let result = pushed(&office, &json!({"items": [item("C", "222222NA")]})).await.remove(0);
        assert_eq!((&result["status"], candidates(&result).len()), (&json!("duplicate_match"), 2), "{result}");
        for (op, by) in [("create", "personal_id"), ("upsert", "shoe_size")] {
            let refused = json!({"op": op, "type": "member", "id": Uuid::now_v7(), "match": [by], "fields": member(&ward.a)});
            let result = pushed(&office, &json!({"items": [refused]})).await.remove(0);
            assert!(result["status"] == "invalid" && result["errors"][0]["pointer"].as_str().unwrap().starts_with("/match"), "{result}");
        }
    }
}
