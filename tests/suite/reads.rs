//! What a front end reads in few calls: named records, names beside references, counts by groups, who wrote what.

use crate::support::http::{Caller, over, reference};
use crate::support::items;
use crate::support::on_both_engines;
use crate::support::ward::{ROOT, Ward, member, scheme, unit};
use cell_records_client::types::accounts::Role;
use cell_records_client::types::pages::ListQuery;
use cell_records_client::types::{Position, Uuid};
use cell_records_server::store::filter::Test;
use cell_records_server::store::registry::KINDS;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

fn position(member: &str, unit: &str) -> Value {
    json!({"unit_id": unit, "member_id": member, "position_code": "other", "from": "2012-01-01", "basis": "appointed"})
}

/// A member of this name.
async fn named(ward: &Ward, cell: &str, name: &str) -> String {
    let mut body = member(cell);
    body["full_name"] = json!(name);
    ward.office.post("/v1/members", body).await.is(201).id()
}

async fn found(caller: &Caller, path: &str) -> BTreeSet<String> {
    caller.all(path).await.0.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

on_both_engines! {
    async fn a_list_that_is_empty_for_want_of_rights_says_so(server: empty) {
        let ward = server.ward().await;
        let secretary = server.acting(Role::CellSecretary, &ward.a).await;
        // It sees the unit above its own, and no members there.
        let above = secretary.get(&format!("/v1/members?unit={}", ward.ward)).header("accept-language", "vi").await.is(200);
        assert_eq!(above.body["items"], json!([]));
        assert!(above.body["note"].as_str().unwrap().starts_with("Không quyền nào"), "{}", above.text);
        for own in [format!("/v1/members?unit={}", ward.a), format!("/v1/members?unit={}&subtree=true", ward.ward)] {
            let own = secretary.get(&own).await.is(200);
            assert_eq!((&own.body["items"], own.body.get("note")), (&json!([]), None));
        }
    }

    async fn named_records_come_in_the_order_of_their_names(server: empty) {
        let ward = server.ward().await;
        let mut external = member(&ward.a);
        external["external_ids"] = json!([{"system": ward.office.code, "value": "M 1"}]);
        let external = ward.office.post("/v1/members", external).await.is(201).id();
        let (ours, theirs, gone) = (ward.member(&ward.a).await, ward.member(&ward.b).await, ward.member(&ward.a).await);
        ward.office.delete(&format!("/v1/members/{gone}"), "*").await.is(204);
        let asked = format!(
            "/v1/members?ids={theirs},ext:{}:M%201,{gone},{},{ours},{theirs},ext:{}:none&fields=full_name",
            ward.office.code, Uuid::now_v7(), ward.office.code
        );
        let page = ward.office.get(&asked).await.is(200);
        assert_eq!(ids(&page.body), [&theirs, &external, &ours]);
        let [first, ..] = page.body["items"].as_array().unwrap().as_slice() else { panic!("three") };
        assert_eq!(first.as_object().unwrap().keys().collect::<Vec<_>>(), ["full_name", "id", "type", "version"]);
        assert_eq!(page.body.as_object().unwrap().len(), 1, "{}", page.text);
        let secretary = server.acting(Role::CellSecretary, &ward.a).await;
        assert_eq!(ids(&secretary.get(&asked).await.is(200).body), [&external, &ours]);

        let many = vec![ours.as_str(); 201].join(",");
        for (query, pointer) in [
            (format!("ids={many}"), "ids"), ("ids=x".to_owned(), "ids"), ("ids=".to_owned(), "ids"),
            (format!("ids={ours}&limit=1"), "limit"), (format!("ids={ours}&sex=male"), "sex"), (format!("ids={ours}&fields=x"), "fields"),
        ] {
            let refused = ward.office.get(&format!("/v1/members?{query}")).await.refused(400, "invalid_parameter");
            assert_eq!(refused.body["errors"][0]["pointer"], pointer, "{}", refused.text);
        }
        assert_eq!(ids(&ward.office.get(&format!("/v1/members?ids={}", vec![ours.as_str(); 200].join(","))).await.is(200).body), [&ours]);
    }

    async fn a_filter_finds_records_without_a_value_and_its_negation_the_rest_of_every_type(server: empty) {
        let ward = server.ward().await;
        for kind in &KINDS {
            for cell in [&ward.a, &ward.b] {
                ward.record(kind, cell).await;
            }
        }
        let mut retired = member(&ward.a);
        retired["employment_status"] = json!("retired");
        let retired = ward.writer.post("/v1/members", retired).await.is(201).id();
        let coded = ward.writer.post("/v1/units", json!({"name": "Chi bộ có mã", "kind": "cell", "parent_id": ward.ward, "code": "K1"})).await.is(201).id();
        for kind in &KINDS {
            let collection = format!("/v1/{}", kind.plural);
            let all = found(&ward.writer, &collection).await;
            for filter in kind.filters {
                let value = match filter.test {
                    Test::Code(_, list) => list.codes.first().unwrap().code.to_owned(),
                    Test::Text(_) => "K1".into(),
                    Test::Reference(_, "unit") => ward.ward.clone(),
                    Test::Reference(_, target) | Test::SharedReference(_, target) => {
                        let plural = KINDS.iter().find(|kind| kind.name == target).unwrap().plural;
                        found(&ward.writer, &format!("/v1/{plural}")).await.pop_first().unwrap()
                    }
                    Test::Number(_) => "3".into(),
                    Test::Flag(_) => "true".into(),
                    Test::DateFrom(_) | Test::DateTo(_) | Test::DayIn(..) | Test::Own(_) => {
                        let query = format!("{collection}?{}_not=2014-12-31", filter.name);
                        ward.writer.get(&query).await.refused(400, "invalid_parameter");
                        continue;
                    }
                };
                let mut values = vec![value];
                if filter.takes_null(kind) {
                    values.push("null".into());
                } else if matches!(filter.test, Test::Code(..)) {
                    ward.writer.get(&format!("{collection}?{}=null", filter.name)).await.refused(400, "invalid_parameter");
                }
                for value in values {
                    let [some, rest, same] = [format!("{}={value}", filter.name), format!("{}_not={value}", filter.name), format!("{}!={value}", filter.name)]
                        .map(|query| format!("{collection}?{query}"));
                    let (some, rest) = (found(&ward.writer, &some).await, found(&ward.writer, &rest).await);
                    assert!(some.is_disjoint(&rest), "{collection} {} {value}", filter.name);
                    assert_eq!(some.union(&rest).cloned().collect::<BTreeSet<_>>(), all, "{collection} {} {value}", filter.name);
                    assert_eq!(found(&ward.writer, &same).await, rest);
                }
            }
        }
        for (query, expected) in [
            ("members?employment_status_not=null", &retired), ("members?employment_status=null,retired&employment_status_not=null", &retired),
            ("units?code_not=null", &coded),
        ] {
            assert_eq!(found(&ward.writer, &format!("/v1/{query}")).await, [expected.clone()].into(), "{query}");
        }
        assert_eq!(found(&ward.writer, "/v1/units?parent_id=null").await, [ROOT.to_owned()].into());
    }

    async fn names_stand_beside_the_references_that_their_reader_sees(server: empty) {
        let ward = server.ward().await;
        let bulk = server.peer("bulk", &[(Role::CommitteeOffice, reference(ROOT))]).await;
        let people: Vec<Uuid> = (0..50).map(|_| Uuid::now_v7()).collect();
        bulk.write(people.iter().enumerate().map(|(n, id)| items::member(*id, &ward.a, &format!("Lê Văn {n}"))).collect()).await;
        for person in &people {
            ward.office.post("/v1/positions", position(&person.to_string(), &ward.a)).await.is(201);
        }
        // Fifty positions with names are one call.
        let query = ListQuery { expand: Some("member_id,unit_id".into()), limit: Some(50), ..ListQuery::default() };
        let page = bulk.client.records::<Position>().list(&query).await.unwrap();
        let expanded = page.expanded.unwrap();
        assert_eq!((page.items.len(), expanded.len()), (50, 51));
        for position in &page.items {
            let member = &expanded[&position.member_id.id().unwrap()];
            assert!(member.record_type == "member" && member.display.as_ref().unwrap().starts_with("Lê Văn "), "{member:?}");
        }
        let counts = bulk.client.records::<Position>().counts("unit_id,position_code", &ListQuery::default()).await.unwrap();
        assert_eq!((counts.total, counts.groups.len(), &counts.groups[0].values["unit_id"]), (50, 1, &json!(ward.a)));
        let cell = &expanded[&ward.a.parse::<Uuid>().unwrap()];
        assert!(cell.record_type == "unit" && cell.display.as_ref().unwrap().starts_with("Đơn vị "), "{cell:?}");

        // Who holds the office is of another cell, and there is nothing that the secretary may learn of that.
        let stranger = ward.member(&ward.b).await;
        let foreign = ward.office.post("/v1/positions", position(&stranger, &ward.a)).await.is(201);
        let secretary = server.acting(Role::CellSecretary, &ward.a).await;
        let path = format!("/v1/positions/{}", foreign.id());
        for (caller, names) in [(&ward.office, 2), (&secretary, 1)] {
            let read = caller.get(&format!("{path}?expand=member_id,unit_id")).await.is(200);
            assert_eq!(read.body["expanded"].as_object().unwrap().len(), names, "{}", read.text);
            let listed = caller.get(&format!("/v1/positions?ids={}&expand=member_id,unit_id", foreign.id())).await.is(200);
            assert_eq!(listed.body["expanded"], read.body["expanded"]);
            assert_eq!(listed.body["items"][0].get("expanded"), None);
            // A reference that is followed is shown, too.
            let chosen = caller.get(&format!("{path}?expand=member_id&fields=from")).await.is(200);
            assert_eq!(chosen.body["expanded"].as_object().unwrap().len(), names - 1, "{}", chosen.text);
            assert!(chosen.body["member_id"].is_string() && chosen.body.get("basis").is_none(), "{}", chosen.text);
        }
        let (read, names) = bulk.client.records::<Position>().get_expanded(foreign.id().parse::<Uuid>().unwrap(), "", "member_id").await.unwrap();
        assert!(read.etag == foreign.etag() && names[&stranger.parse::<Uuid>().unwrap()].display.is_some());
        // A name may change without the record.
        let same = ward.office.get(&path).header("if-none-match", foreign.etag()).await;
        let again = ward.office.get(&format!("{path}?expand=member_id")).header("if-none-match", foreign.etag()).await;
        assert_eq!((same.status, again.status), (304, 200));
        for call in ["/v1/positions?expand=basis", &format!("{path}?expand=")] {
            let refused = ward.office.get(call).await.refused(400, "invalid_parameter");
            assert!(refused.text.contains("Unit (unit_id), Member (member_id), Term (term_id)"), "{}", refused.text);
        }
    }

    async fn what_has_no_name_is_called_by_the_records_that_it_refers_to(server: empty) {
        let ward = server.ward().await;
        let mut rounds = Vec::new();
        for subject in ["member", "cell"] {
            let mut rules = scheme(&ward.ward);
            rules.as_object_mut().unwrap().extend([("name".into(), json!("Xếp loại 2014")), ("subject_kind".into(), json!(subject))]);
            let rules = ward.office.post("/v1/evaluation_schemes", rules).await.is(201).id();
            let round = json!({"unit_id": ward.ward, "scheme_id": rules, "year": 2014, "quarter": 3});
            rounds.push(ward.office.post("/v1/evaluation_rounds", round).await.is(201).id());
        }
        let [round, of_cells] = rounds.try_into().unwrap();
        let person = named(&ward, &ward.a, "Hoàng Thị Lan").await;
        let result = ward.office.post("/v1/member_evaluations", json!({"member_id": person, "round_id": round})).await.is(201).id();
        let of_cell = ward.office.post("/v1/unit_evaluations", json!({"unit_id": ward.a, "round_id": of_cells})).await.is(201).id();
        let office = ward.office.post("/v1/positions", position(&person, &ward.a)).await.is(201).id();
        let cell = ward.office.get(&format!("/v1/units/{}", ward.a)).await.is(200).body["name"].as_str().unwrap().to_owned();
        // Who is judged has left for a cell that the secretary does not see.
        ward.office.patch(&format!("/v1/members/{person}"), "*", json!({"unit_id": ward.b})).await.is(200);
        let secretary = server.acting(Role::CellSecretary, &ward.a).await;
        let (lan, when) = ("Hoàng Thị Lan, ".to_owned(), "Năm 2014, Quý 3, Xếp loại 2014");
        for (caller, lan) in [(&ward.office, &lan), (&secretary, &String::new())] {
            for (path, id, display) in [
                ("member_evaluations", &result, format!("{lan}{when}")), ("unit_evaluations", &of_cell, format!("{cell}, {when}")),
                ("evaluation_rounds", &round, when.to_owned()), ("positions", &office, format!("Khác, {lan}").trim_end_matches(", ").to_owned()),
            ] {
                for call in [format!("/v1/{path}?ids={id}&expand=id"), format!("/v1/{path}/{id}?expand=id&fields=id")] {
                    let read = caller.get(&call).header("accept-language", "vi").await.is(200);
                    let expanded = read.body["expanded"].as_object().unwrap();
                    assert_eq!((expanded.len(), &expanded[id]["display"]), (1, &json!(display)), "{call}: {}", read.text);
                }
            }
            let listed = caller.get(&format!("/v1/member_evaluations?ids={result}&expand=round_id,unit_id")).await.is(200);
            assert_eq!(listed.body["expanded"][&round]["display"], "Year 2014, Quarter 3, Xếp loại 2014", "{}", listed.text);
            assert_eq!(listed.body["expanded"].as_object().unwrap().len(), 2, "{}", listed.text);
        }
    }

    async fn positions_schemes_rounds_and_users_are_found_by_names(server: empty) {
        let ward = server.ward().await;
        let (ours, theirs) = (named(&ward, &ward.a, "Hoàng Thị Lan").await, named(&ward, &ward.b, "Hoàng Văn Đức").await);
        let mut positions = Vec::new();
        for person in [&ours, &theirs] {
            positions.push(ward.office.post("/v1/positions", position(person, &ward.a)).await.is(201).id());
        }
        let mut rules = scheme(&ward.ward);
        rules["name"] = json!("Xếp loại tổ chức");
        let rules = ward.office.post("/v1/evaluation_schemes", rules).await.is(201).id();
        let round = json!({"unit_id": ward.ward, "scheme_id": rules, "year": 2014});
        let round = ward.office.post("/v1/evaluation_rounds", round).await.is(201).id();
        let secretary = server.acting(Role::CellSecretary, &ward.a).await;
        let all: BTreeSet<String> = positions.iter().cloned().collect();
        let first: BTreeSet<String> = positions.iter().take(1).cloned().collect();
        for (query, office, cell) in [
            ("positions?q=hoang", &all, &first), ("positions?q=lan%20hoang", &first, &first), ("positions?q=duc", &[positions[1].clone()].into(), &BTreeSet::new()),
            ("evaluation_schemes?q=to%20chuc", &[rules.clone()].into(), &[rules.clone()].into()), ("evaluation_schemes?q=chuc%20xyz", &BTreeSet::new(), &BTreeSet::new()),
            ("evaluation_rounds?q=xep%202014", &[round.clone()].into(), &[round.clone()].into()), ("evaluation_rounds?q=xep%202015", &BTreeSet::new(), &BTreeSet::new()),
        ] {
            for (caller, expected) in [(&ward.office, office), (&secretary, cell)] {
                for scope in ["", &format!("&unit={}&subtree=true", ward.ward)] {
                    assert_eq!(found(caller, &format!("/v1/{query}{scope}")).await, *expected, "{query}{scope}");
                    let counted = caller.get(&format!("/v1/{query}{scope}&count=exact")).await.is(200);
                    assert_eq!(counted.body["total"], expected.len(), "{query}{scope}");
                }
            }
        }
        let admin = server.administrator().await;
        for (username, name) in [("van-phong", "Văn phòng Đảng ủy"), ("bi-thu", "Bí thư chi bộ")] {
            let user = json!({"username": username, "display_name": name, "password": "con mèo ngồi trên mái nhà"});
            admin.post("/v1/users", user).await.is(201);
        }
        for (words, users) in [("dang%20van", vec!["van-phong"]), ("thu", vec!["bi-thu"]), ("admin", vec!["admin"]), ("hong", vec![])] {
            let page = admin.get(&format!("/v1/users?q={words}")).await.is(200);
            let names: Vec<&str> = page.body["items"].as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap()).collect();
            assert_eq!(names, users, "{words}");
        }
        admin.get("/v1/users?q=%20").await.refused(400, "invalid_parameter");
    }

    async fn a_list_is_counted_by_one_or_two_of_its_fields(server: empty) {
        let ward = server.ward().await;
        for (cell, status) in [(&ward.a, "official"), (&ward.a, "official"), (&ward.a, "temporary_out"), (&ward.b, "official")] {
            let mut body = member(cell);
            body["status"] = json!(status);
            ward.office.post("/v1/members", body).await.is(201);
        }
        let counts = |caller: &Caller, query: &str| caller.get(&format!("/v1/members/counts?{query}"));
        let by_both = counts(&ward.office, &format!("group_by=unit_id,status&unit={}&subtree=true", ward.ward)).await.is(200).body;
        assert_eq!(by_both, json!({"total": 4, "groups": [
            {"unit_id": ward.a, "status": "official", "count": 2}, {"unit_id": ward.a, "status": "temporary_out", "count": 1},
            {"unit_id": ward.b, "status": "official", "count": 1},
        ]}));
        let by_one = counts(&ward.office, &format!("group_by=employment_status&unit={}", ward.a)).await.is(200).body;
        assert_eq!(by_one, json!({"total": 3, "groups": [{"employment_status": null, "count": 3}]}));
        // The same scope, filters and rights as of the list.
        let secretary = server.acting(Role::CellSecretary, &ward.b).await;
        let seen = counts(&secretary, "group_by=unit_id&status=official&q=nguyen").await.is(200).body;
        assert_eq!(seen, json!({"total": 1, "groups": [{"unit_id": ward.b, "count": 1}]}));
        counts(&secretary, "group_by=status&personal_id=040155000001").await.refused(403, "field_not_readable");
        for query in ["", "group_by=", "group_by=full_name", "group_by=status,status", "group_by=status,sex,unit_id", "group_by=status&limit=5"] {
            counts(&ward.office, query).await.refused(400, "invalid_parameter");
        }
        for kind in &KINDS {
            let record = ward.record(kind, &ward.a).await;
            let types: Vec<&str> = kind.filters.iter().filter(|filter| filter.test.column().is_some()).map(|filter| filter.name).collect();
            for by in types.iter().map(|name| format!("{name},unit_id")) {
                let counted = ward.writer.get(&format!("/v1/{}/counts?group_by={by}", kind.plural)).await.is(200).body;
                let listed = ward.writer.get(&format!("/v1/{}?count=exact", kind.plural)).await.is(200).body;
                assert_eq!(counted["total"], listed["total"], "{} by {by}", kind.name);
                let name = by.split(',').next().unwrap();
                let value = record.body.get(name).cloned().unwrap_or_default();
                let of = |group: &&Value| group["unit_id"] == record.body["unit_id"] && (group[name] == value || group[name] == json!(false));
                assert!(counted["groups"].as_array().unwrap().iter().any(|group| of(&group)), "{} by {by}: {counted}", kind.name);
            }
        }
    }

    async fn more_than_a_thousand_groups_are_refused(server: empty) {
        let ward = server.ward().await;
        let bulk = server.peer("bulk", &[(Role::CommitteeOffice, reference(ROOT))]).await;
        let figure = |n: usize| {
            let mut item = items::figure(Uuid::now_v7(), &ward.a, "1");
            item.fields.insert("indicator_code".into(), json!(format!("code.n{n}")));
            item
        };
        let figures = |from: usize, count: usize| (from..from + count).map(figure).collect();
        bulk.write(figures(0, 1_000)).await;
        let path = "/v1/reported_figures/counts?group_by=indicator_code";
        assert_eq!(ward.office.get(path).await.is(200).body["groups"].as_array().unwrap().len(), 1_000);
        bulk.write(figures(1_000, 1)).await;
        ward.office.get(path).await.refused(422, "too_many_groups");
    }

    async fn history_names_the_writer_to_who_shares_a_unit_with_it(server: empty) {
        let ward = server.ward().await;
        let province = ward.office.post("/v1/units", unit("provincial_committee", ROOT)).await.is(201).id();
        ward.office.patch(&format!("/v1/units/{}", ward.ward), "*", json!({"parent_id": province})).await.is(200);
        let admin = server.administrator().await;
        let user = json!({"username": "tinh", "display_name": "Văn phòng Tỉnh ủy", "password": "con mèo ngồi trên mái nhà", "unit_id": province});
        let id = admin.post("/v1/users", user).await.is(201).id();
        admin.post(&format!("/v1/users/{id}/grants"), json!({"role": "committee_office", "unit_id": province})).await.is(201);
        let writer = server.logged_in("tinh", "con mèo ngồi trên mái nhà").await;
        let person = format!("/v1/members/{}/history", writer.post("/v1/members", member(&ward.a)).await.is(201).id());
        let cell = format!("/v1/units/{}", ward.a);
        writer.patch(&cell, "*", json!({"address": "Khối 1"})).await.is(200);
        let cell = format!("{cell}/history");
        // Whoever holds a grant over the writer's unit; the office and the lead of the record, who are shown who sees it; itself.
        let mut given = vec![writer, ward.office.clone()];
        for (role, unit) in [(Role::CommitteeOffice, &ward.a), (Role::CommitteeLead, &ward.ward), (Role::CellSecretary, &province)] {
            given.push(server.acting(role, unit).await);
        }
        let mut kept = Vec::new();
        for (role, unit) in [(Role::CellSecretary, &ward.a), (Role::ExchangePeer, &ward.ward)] {
            kept.push(server.acting(role, unit).await);
        }
        let reader = server.acting(Role::FrontendReader, &ward.a).await;
        let named = |entry: &Value| (entry["actor"].clone(), entry["actor_kind"].clone(), entry["actor_name"].clone());
        for (callers, name) in [(given, Some("Văn phòng Tỉnh ủy")), (kept, None)] {
            for caller in &callers {
                for path in [&person, &cell] {
                    let written = caller.get(path).await.is(200).body["items"][0].clone();
                    assert_eq!(named(&written), (json!(id), json!(name.map(|_| "user")), json!(name)), "{written}");
                }
            }
        }
        let written = reader.get(&cell).await.is(200).body["items"][0].clone();
        assert_eq!(named(&written), (json!(id), Value::Null, Value::Null));

        // Where a record was moved, each version is judged by the unit that it was in.
        let next = server.granted(vec![over(Role::CommitteeLead, &ward.a), over(Role::ExchangePeer, &ward.b)]).await;
        let moved = ward.office.post("/v1/members", member(&ward.b)).await.is(201).id();
        ward.office.patch(&format!("/v1/members/{moved}"), "*", json!({"unit_id": ward.a})).await.is(200);
        let items = next.get(&format!("/v1/members/{moved}/history")).await.is(200).body["items"].clone();
        assert_eq!((&items[0]["op"], items[0]["actor_name"].is_string()), (&json!("move"), true), "{items}");
        assert_eq!((&items[1]["op"], &items[1]["actor_name"]), (&json!("create"), &Value::Null), "{items}");
    }
}
