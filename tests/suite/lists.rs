//! What a list returns: filters, sorts, search, counts, chosen fields.

use crate::support::http::{Caller, reference};
use crate::support::items;
use crate::support::on_both_engines;
use crate::support::ward::{ROOT, Ward, change, changes, figure, member, scheme, unit};
use cell_records_client::types::accounts::Role;
use cell_records_server::store::registry::KINDS;
use serde_json::{Value, json};
use uuid::Uuid;

async fn names(caller: &Caller, path: &str) -> Vec<String> {
    let name = |item: &Value| item["full_name"].as_str().or(item["name"].as_str()).unwrap_or_default().to_owned();
    caller.all(path).await.0.iter().map(name).collect()
}

async fn total(caller: &Caller, path: &str) -> usize {
    let listed = caller.get(path).await.is(200);
    assert_eq!(listed.body["total"], listed.body["items"].as_array().unwrap().len(), "{path}");
    listed.body["items"].as_array().unwrap().len()
}

async fn people(ward: &Ward, names: &[&str]) {
    for name in names {
        let mut body = member(&ward.a);
        body["full_name"] = json!(name);
        ward.office.post("/v1/members", body).await.is(201);
    }
}

fn with(mut body: Value, fields: Value) -> Value {
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

on_both_engines! {
    async fn people_are_sorted_by_given_name_in_vietnamese_order_both_ways(server: empty) {
        let ward = server.ward().await;
        let sorted = [
            "Trần Văn An", "Lê Thị Ánh", "Bùi Văn Ân", "Phạm Văn Cường", "Lê Văn Dũng", "Cao Thị Đào", "Nguyễn Văn Đức",
            "Đặng Thị Hoa", "Hồ Sỹ Ơn", "Nguyễn An Tú", "Trần An Tú", "Võ Thị Tư", "Phan Thị Yến",
        ];
        let mut mixed = sorted;
        mixed.reverse();
        mixed.swap(2, 9);
        people(&ward, &mixed).await;
        assert_eq!(names(&ward.office, "/v1/members?sort=full_name&limit=4").await, sorted);
        mixed = sorted;
        mixed.reverse();
        assert_eq!(names(&ward.office, "/v1/members?sort=-full_name&limit=4").await, mixed);
        // So over several cells too, whose lists are merged.
        let all = format!("/v1/members?sort=full_name&limit=5&unit={}&subtree=true", ward.ward);
        assert_eq!(names(&ward.office, &all).await, sorted);
    }

    async fn the_longest_names_of_any_script_are_stored_found_and_sorted(server: empty) {
        let ward = server.ward().await;
        // Scattered, for a database may compress what repeats.
        let text = |first: u32, of: u32, salt: u32, length: u32| -> String {
            (0..length).map(|n| char::from_u32(first + (salt * 4_099 + n * n * 7_919 + n * 131) % of).unwrap()).collect()
        };
        // A Hangul syllable decomposes into three letters of 3 bytes; the others are letters of 4 bytes.
        for (first, of) in [(0xAC00, 11_172), (0x20000, 42_000)] {
            let longest = |salt: u32, length: u32| text(first, of, salt, length);
            let person = with(member(&ward.a), json!({
                "full_name": longest(1, 100), "birth_name": longest(2, 100),
                "other_names": (3..8).map(|salt| longest(salt, 100)).collect::<Vec<_>>(),
                "external_ids": [{"system": ward.office.code, "value": longest(8, 200)}],
            }));
            let person = ward.office.post("/v1/members", person).await.is(201);
            let cell = with(unit("cell", &ward.ward), json!({
                "name": longest(1, 200), "short_name": longest(2, 200), "code": longest(3, 40),
            }));
            let cell = ward.office.post("/v1/units", cell).await.is(201);
            let rules = with(scheme(&ward.ward), json!({"name": longest(1, 200)}));
            let rules = ward.office.post("/v1/evaluation_schemes", rules).await.is(201);
            for (collection, made, query) in [
                ("members", &person, format!("q={}", longest(1, 20))),
                ("members", &person, format!("q={}", longest(2, 20))),
                ("units", &cell, format!("q={}", longest(1, 20))),
                ("units", &cell, format!("code={}", longest(3, 40))),
                ("evaluation_schemes", &rules, "sort=-name".to_owned()),
            ] {
                let found = ward.office.get(&format!("/v1/{collection}?{query}&limit=1")).await.is(200);
                assert_eq!(found.body["items"][0]["id"], made.body["id"], "{collection} {query}");
            }
            assert_eq!(ward.office.all("/v1/members?sort=full_name&limit=1").await.0.last().unwrap()["id"], person.body["id"]);
        }
    }

    async fn an_order_without_an_index_is_for_few_units_and_says_so_beyond(server: empty) {
        let ward = server.ward().await;
        people(&ward, &["Lê Văn An", "Lê Văn Bình", "Lê Văn Chi"]).await;
        for sort in ["birth_date", "-admission_date"] {
            assert_eq!(names(&ward.office, &format!("/v1/members?sort={sort}&limit=2")).await.len(), 3, "{sort}");
        }
        for _ in 0..64 {
            ward.office.post("/v1/units", unit("cell", &ward.ward)).await.is(201);
        }
        for (collection, sort) in [("members", "birth_date"), ("members", "-admission_date"), ("terms", "from"), ("positions", "from")] {
            for scope in ["", &format!("&unit={}&subtree=true", ward.ward)] {
                let refused = ward.office.get(&format!("/v1/{collection}?sort={sort}{scope}")).await.refused(400, "invalid_parameter");
                assert!(refused.body["errors"][0]["pointer"] == "sort" && refused.text.contains("narrow"), "{}", refused.text);
            }
            ward.office.get(&format!("/v1/{collection}?sort={sort}&unit={}", ward.a)).await.is(200);
        }
        assert_eq!(names(&ward.office, &format!("/v1/members?sort=birth_date&unit={}&limit=2", ward.a)).await.len(), 3);
        ward.office.get("/v1/members?sort=created_at").await.refused(400, "invalid_parameter");
    }

    async fn a_list_of_many_units_examines_so_many_records_a_page_and_misses_none(server: empty) {
        let ward = server.ward().await;
        let bulk = server.peer("bulk", &[(Role::CommitteeOffice, reference(ROOT))]).await;
        let ids: Vec<Uuid> = (0..2_600).map(|_| Uuid::now_v7()).collect();
        for (part, some) in ids.chunks(500).enumerate() {
            let name = |n: usize| format!("Lê {part} {n} {}", if part == 5 && n == 99 { "Yến" } else { ["An", "Bình", "Chi"][n % 3] });
            let mut items: Vec<_> = some.iter().enumerate().map(|(n, id)| items::member(*id, &ward.a, &name(n))).collect();
            if part == 5 {
                items.last_mut().unwrap().fields.insert("employment_status".into(), json!("retired"));
            }
            bulk.write(items).await;
        }
        let last = json!(ids.last().unwrap());
        let office = &ward.office;
        // What no index finds: a page that examined enough is empty and says where to go on; nothing is missed.
        let first = office.get("/v1/members?employment_status=retired&count=exact").await.is(200);
        assert_eq!((&first.body["items"], &first.body["total"]), (&json!([]), &json!(1)));
        assert!(first.body["next_cursor"].is_string() && first.header("link").contains("next"), "{}", first.text);
        let retired = "/v1/members?employment_status=retired";
        for path in [retired.to_owned(), format!("{retired}&sort=-id"), format!("{retired}&sort=full_name&limit=500"), format!("{retired}&sort=-updated_at")] {
            let found = office.all(&path).await.0;
            assert_eq!((found.len(), &found[0]["id"]), (1, &last), "{path}");
        }
        // What an index finds is one page, however many stand before it.
        for path in ["/v1/members?q=yen%20le".to_owned(), format!("{retired}&unit={}", ward.a), format!("/v1/members?q=yen&unit={}&subtree=true", ward.ward)] {
            let found = office.get(&path).await.is(200);
            assert_eq!((&found.body["items"][0]["id"], found.body.get("next_cursor")), (&last, None), "{path}");
        }
        let none = office.get("/v1/members?q=khong").await.is(200);
        assert_eq!((&none.body["items"], none.body.get("next_cursor")), (&json!([]), None));
        // A page is as full as another, whatever it examines.
        let (all, mut pages) = (office.all("/v1/members?sex=male&limit=500").await.0, 0);
        let mut path = "/v1/members?sex=male&limit=500&sort=full_name".to_owned();
        let mut seen = std::collections::BTreeSet::new();
        loop {
            let page = office.get(&path).await.is(200);
            pages += 1;
            seen.extend(page.body["items"].as_array().unwrap().iter().map(|item| item["id"].to_string()));
            let Some(cursor) = page.body["next_cursor"].as_str() else { break };
            path = format!("/v1/members?cursor={cursor}");
        }
        assert_eq!((all.len(), seen.len(), pages), (2_600, 2_600, 6));
    }

    async fn a_rename_while_a_snapshot_is_read_skips_nobody(server: empty) {
        let ward = server.ward().await;
        people(&ward, &["Lê Văn Bình", "Lê Văn Cường", "Lê Văn Dũng", "Lê Văn Em", "Lê Văn Giang", "Lê Văn Hà"]).await;
        let everyone = ward.office.all("/v1/members").await.0;
        let (mut seen, mut path) = (std::collections::BTreeSet::new(), "/v1/sync/changes?types=member&limit=2".to_owned());
        loop {
            let page = ward.office.get(&path).await.is(200);
            for change in page.body["changes"].as_array().unwrap() {
                if let Some(id) = change["record"]["id"].as_str() {
                    seen.insert(id.to_owned());
                }
            }
            if page.body["phase"] == "changes" {
                break;
            }
            // The last in the order of names becomes the first, and the other way round.
            for (item, name) in everyone.iter().zip(["Lê Văn Vinh", "Lê Văn Xuân", "Lê Văn Yên", "Lê Văn Anh", "Lê Văn Ánh", "Lê Văn Ân"]) {
                let item = format!("/v1/members/{}", item["id"].as_str().unwrap());
                let turned = if seen.len() % 4 == 2 { name } else { "Lê Văn Lâm" };
                ward.office.patch(&item, "*", json!({"full_name": turned})).await.is(200);
            }
            path = format!("/v1/sync/changes?limit=2&cursor={}", page.body["cursor"].as_str().unwrap());
        }
        assert_eq!(seen.len(), 6);
    }

    async fn search_is_blind_to_case_and_diacritics_and_finds_beginnings_of_words(server: empty) {
        let ward = server.ward().await;
        people(&ward, &["Hoàng Thị Lan", "Đặng Văn Hoàng", "Phan Đăng Lưu", "Thịnh Hoàng"]).await;
        let mut other = member(&ward.a);
        other["birth_name"] = json!("Lê Thúy");
        other["other_names"] = json!(["Năm Lửa"]);
        ward.office.post("/v1/members", other).await.is(201);
        for (words, found) in [
            ("hoang%20thi", vec!["Hoàng Thị Lan", "Thịnh Hoàng"]), ("dang", vec!["Đặng Văn Hoàng", "Phan Đăng Lưu"]),
            ("%C4%90%C4%82NG", vec!["Đặng Văn Hoàng", "Phan Đăng Lưu"]), ("ho%C3%A0ng%20lan", vec!["Hoàng Thị Lan"]),
            ("hoa%20th", vec!["Hoàng Thị Lan", "Thịnh Hoàng"]), ("oang", vec![]), ("hoang%20xyz", vec![]),
        ] {
            let mut listed = names(&ward.office, &format!("/v1/members?q={words}")).await;
            listed.sort();
            let mut found: Vec<String> = found.into_iter().map(str::to_owned).collect();
            found.sort();
            assert_eq!(listed, found, "{words}");
        }
        for words in ["thuy", "nam%20lua"] {
            assert_eq!(total(&ward.office, &format!("/v1/members?count=exact&q={words}")).await, 1, "{words}");
        }
        // Wildcards of the database are characters like any other.
        for words in ["%25", "_", "%27", "%25oang"] {
            let found = ward.office.get(&format!("/v1/members?q={words}")).await;
            assert!(found.status == 400 || found.body["items"] == json!([]), "{words}: {}", found.text);
        }
        ward.office.get("/v1/members?q=%20").await.refused(400, "invalid_parameter");
        // None of the words is left out: one that no name has finds nothing, and too many are refused.
        let few = "hoang%20".repeat(7);
        assert_eq!(names(&ward.office, &format!("/v1/members?q={few}khong")).await, Vec::<String>::new());
        let refused = ward.office.get(&format!("/v1/members?q={few}hoang%20khong")).await.refused(400, "invalid_parameter");
        assert_eq!(refused.body["errors"][0]["pointer"], "q");
        assert_eq!(refused.body["errors"][0]["message"], "Must hold at most 8 words.");
        ward.office.get("/v1/terms?q=a").await.refused(400, "invalid_parameter");
    }

    async fn members_are_filtered_by_every_parameter_that_the_type_has(server: empty) {
        let ward = server.ward().await;
        let ours = with(member(&ward.a), json!({
            "sex": "female", "birth_date": "1955-03", "admission_date": "1980-05-01", "education_level": "college",
            "political_theory_level": "advanced", "employment_status": "retired", "status": "temporary_out",
            "official_date": "1981-05-01", "personal_id": "040155000001", "profile_number": "123456AB",
        }));
        let ours = ward.office.post("/v1/members", ours).await.is(201).id();
        ward.member(&ward.a).await;
        ward.member(&ward.b).await;
        for query in [
            "sex=female", "sex=female,unspecified", "status=temporary_out", "education_level=college", "political_theory_level=advanced",
            "employment_status=retired", "birth_date_to=1955", "birth_date_from=1955-03&birth_date_to=1955-03", "admission_to=1980-05-01",
            "admission_from=1980&admission_to=1980", "personal_id=040155000001", "profile_number=123456AB", "at=1990-01-01",
        ] {
            let found = ward.office.get(&format!("/v1/members?count=exact&{query}")).await.is(200);
            assert_eq!((&found.body["total"], &found.body["items"][0]["id"]), (&json!(1), &json!(ours)), "{query}");
        }
        for (query, expected) in [
            ("sex=male", 2), ("sex=male,female", 3), ("birth_date_from=1955", 3), ("birth_date_from=1955-04", 2), ("status=official&sex=female", 0),
        ] {
            assert_eq!(total(&ward.office, &format!("/v1/members?count=exact&{query}")).await, expected, "{query}");
        }
        for query in ["sex=woman", "status=", "birth_date_from=abc", "at=2014", "duplicates=name", "education_level=college,none-such"] {
            let name = query.split('=').next().unwrap();
            let refused = ward.office.get(&format!("/v1/members?{query}")).await.refused(400, "invalid_parameter");
            assert_eq!(refused.body["errors"][0]["pointer"], name);
        }
        // What is valid is named.
        let refused = ward.office.get("/v1/members?sex=woman").await;
        assert!(refused.text.contains("Male (male), Female (female), Unspecified (unspecified)"), "{}", refused.text);
    }

    async fn the_other_types_are_filtered_too(server: empty) {
        let ward = server.ward().await;
        let office = &ward.office;
        let code = with(unit("cell", &ward.ward), json!({"code": "K17", "cell_type": "school", "state": "planned"}));
        office.post("/v1/units", code).await.is(201);
        let (member, round, of_units) = (ward.member(&ward.a).await, ward.round().await, ward.round_of_units().await);
        for (collection, body) in [
            ("terms", json!({"unit_id": ward.a, "label": "2010–2015", "from": "2010-06-01", "to": "2015-06-01"})),
            ("positions", json!({"unit_id": ward.a, "member_id": member, "position_code": "cell_secretary", "from": "2010-06-01", "to": "2015-06-01", "basis": "elected"})),
            ("evaluation_schemes", with(scheme(&ward.a), json!({"subject_kind": "cadre", "valid_from": "2001-01-01", "valid_to": "2002-01-01"}))),
            ("evaluation_rounds", json!({"unit_id": ward.a, "scheme_id": ward.scheme, "year": 2199, "quarter": 3})),
            ("member_evaluations", json!({"unit_id": ward.a, "member_id": member, "round_id": round, "final_level": "good"})),
            ("unit_evaluations", json!({"unit_id": ward.a, "round_id": of_units, "final_level": "poor"})),
            ("reported_figures", with(figure(&ward.a), json!({"indicator_code": "cells.total", "measure": "cell", "status": "disputed"}))),
        ] {
            office.post(&format!("/v1/{collection}"), body).await.is(201);
        }
        office.post("/v1/reported_figures", with(figure(&ward.a), json!({"period_from": "2012-01-01", "period_to": "2012-12-31"}))).await.is(201);
        for (query, expected) in [
            ("units?kind=cell", 3), ("units?cell_type=school", 1), ("units?state=planned", 1), ("units?code=K17", 1), ("units?code=k17", 0),
            (&format!("units?parent_id={}", ward.ward), 3), (&format!("units?ancestors_of={}", ward.a), 3),
            (&format!("units?unit={}", ward.ward), 1), (&format!("units?unit={}&subtree=true", ward.ward), 4), (&format!("units?unit={ROOT}&subtree=true&kind=cell"), 3),
            ("terms?at=2010-06-01", 1), ("terms?at=2015-06-01", 0), ("terms?at=2010-05-31", 0),
            (&format!("positions?member_id={member}"), 1), ("positions?position_code=cell_secretary&at=2015-05-31", 1), ("positions?at=2015-06-01", 0),
            ("evaluation_schemes?subject_kind=cadre", 1), ("evaluation_schemes?at=2001-12-31", 3), ("evaluation_schemes?at=2002-01-01", 2), ("evaluation_schemes?at=1899-12-31", 0),
            ("evaluation_rounds?year=2199", 1), ("evaluation_rounds?quarter=3&state=draft", 1), (&format!("evaluation_rounds?scheme_id={}", ward.scheme), 2),
            (&format!("member_evaluations?round_id={round}&final_level=good&excluded=false"), 1), ("member_evaluations?excluded=true", 0),
            (&format!("member_evaluations?member_id={member}"), 1), (&format!("unit_evaluations?round_id={of_units}&final_level=poor"), 1),
            ("reported_figures?indicator_code=cells.total&measure=cell&status=disputed", 1), ("reported_figures?period_from=2013", 1), ("reported_figures?period_to=2013", 1),
        ] {
            let join = if query.contains('?') { '&' } else { '?' };
            assert_eq!(total(office, &format!("/v1/{query}{join}count=exact")).await, expected, "{query}");
        }
        let chain = names(office, &format!("/v1/units?ancestors_of={}&sort=id", ward.a)).await;
        assert_eq!(chain[0], "Trung ương");
        office.get(&format!("/v1/positions?member_id={}", ward.a)).await.is(200);
        office.get("/v1/positions?member_id=ext:nobody:1").await.refused(400, "invalid_parameter");
        office.get("/v1/evaluation_rounds?year=last").await.refused(400, "invalid_parameter");
        office.get("/v1/member_evaluations?excluded=no").await.refused(400, "invalid_parameter");
    }

    async fn every_type_counts_chooses_fields_sorts_and_lists_changes_since(server: empty) {
        let ward = server.ward().await;
        for kind in KINDS.iter().filter(|kind| changes(kind)) {
            let collection = format!("/v1/{}", kind.plural);
            let mut made = Vec::new();
            for _ in 0..3 {
                made.push(ward.record(kind, &ward.a).await);
            }
            let ids: Vec<String> = made.iter().map(|record| record.id()).collect();
            let listed = |items: Vec<Value>| -> Vec<String> {
                let ids: Vec<String> = items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).filter(|id| ids.contains(id)).collect();
                ids
            };
            let reversed: Vec<String> = ids.iter().rev().cloned().collect();
            assert_eq!(listed(ward.writer.all(&format!("{collection}?sort=id&limit=2")).await.0), ids, "{}", kind.name);
            assert_eq!(listed(ward.writer.all(&format!("{collection}?sort=-id&limit=2")).await.0), reversed);
            for sort in kind.sorts {
                let up = listed(ward.writer.all(&format!("{collection}?sort={}&limit=2", sort.name)).await.0);
                let mut down = listed(ward.writer.all(&format!("{collection}?sort=-{}&limit=2", sort.name)).await.0);
                down.reverse();
                assert_eq!((up.len(), up), (3, down), "{} by {}", kind.name, sort.name);
            }
            let (field, value) = change(kind);
            let changed = ward.writer.patch(&format!("{collection}/{}", ids[0]), "*", json!({field: value})).await.is(200);
            let since = changed.body["updated_at"].as_str().unwrap();
            let found = ward.writer.all(&format!("{collection}?updated_since={since}")).await.0;
            assert_eq!(listed(found), ids[..1], "{}", kind.name);
            assert_eq!(listed(ward.writer.all(&format!("{collection}?sort=-updated_at")).await.0)[0], ids[0]);

            let chosen = ward.writer.get(&format!("{collection}?fields={field}&updated_since={since}")).await.is(200);
            assert_eq!(chosen.body["items"][0], json!({"id": ids[0], "type": kind.name, "version": 2, field: value}), "{}", kind.name);
            let all = total(&ward.writer, &format!("{collection}?count=exact&limit=500")).await;
            let one = ward.writer.get(&format!("{collection}?count=exact&limit=1")).await.is(200);
            assert_eq!((&one.body["total"], one.body["items"].as_array().unwrap().len()), (&json!(all), 1));
            // Every page has the total, and every record some of its fields.
            let next = one.body["next_cursor"].as_str().unwrap();
            assert_eq!(ward.writer.get(&format!("{collection}?cursor={next}")).await.is(200).body["total"], all);
            let read = ward.writer.get(&format!("{collection}/{}?fields={field}", ids[0])).await.is(200);
            assert_eq!(read.body, chosen.body["items"][0], "{}", kind.name);
        }
    }

    async fn members_are_listed_by_the_cell_of_another_day(server: empty) {
        let ward = server.ward().await;
        let moved = with(member(&ward.b), json!({
            "unit_since": "2012-07-01", "unit_via": "transfer",
            "unit_history": [{"unit_id": ward.a, "from": "2005-02-03", "to": "2012-07-01", "via": "admission"}],
        }));
        let moved = ward.office.post("/v1/members", moved).await.is(201).id();
        for (cell, day, there) in [
            (&ward.a, "2005-02-02", false), (&ward.a, "2005-02-03", true), (&ward.a, "2012-06-30", true), (&ward.a, "2012-07-01", false),
            (&ward.b, "2012-06-30", false), (&ward.b, "2012-07-01", true), (&ward.ward, "2010-01-01", true),
        ] {
            let found = ward.office.get(&format!("/v1/members?unit={cell}&subtree=true&at={day}")).await.is(200);
            let there = if there { json!([moved]) } else { json!([]) };
            let ids: Vec<Value> = found.body["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
            assert_eq!(Value::from(ids), there, "{cell} {day}");
        }
        // The earlier cell does not see who counts elsewhere today.
        let old = server.acting(cell_records_client::types::accounts::Role::CellSecretary, &ward.a).await;
        assert_eq!(old.get(&format!("/v1/members?unit={}&at=2010-01-01", ward.a)).await.is(200).body["items"], json!([]));
    }

    async fn the_demo_is_listed_as_the_article_counts_it(server: demo) {
        let office = server.acting(cell_records_client::types::accounts::Role::CommitteeOffice, "ext:demo:ward").await;
        for (query, expected) in [
            ("members?count=exact", 1168), ("units?kind=cell,grassroots_cell&count=exact&unit=ext:demo:ward&subtree=true", 24),
            ("units?cell_type=residential&count=exact", 17), ("member_evaluations?count=exact&final_level=excellent", 256),
        ] {
            assert_eq!(office.get(&format!("/v1/{query}")).await.is(200).body["total"], expected, "{query}");
        }
        assert_eq!(office.get("/v1/members/ext:demo:member-0001").await.is(200).body["version"], 1);
    }
}
