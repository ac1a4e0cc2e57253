//! What is not understood, too large, of the wrong form or in the wrong place: answered, in both languages, and
//! nothing of it stored.

use crate::support::documented::operations;
use crate::support::on_both_engines;
use crate::support::ward::{ROOT, member};
use cell_records_client::types::accounts::Role;
use cell_records_server::store::registry::KINDS;
use reqwest::Method;
use serde_json::{Value, json};

on_both_engines! {
    async fn a_body_that_is_not_understood_is_refused_by_its_kind(server: empty) {
        let ward = server.ward().await;
        let post = |media: &str, body: Vec<u8>| ward.office.call(Method::POST, "/v1/members").body(media, body);
        let deep = "[".repeat(100_000);
        for body in [
            "", "{", "{\"full_name\": \"A\"", "nothing", "[]", "7", "null", "\"text\"", "{\"a\":1}{\"b\":2}", "{'full_name': 'A'}",
            "{\"full_name\": NaN}", "\u{feff}{}", &deep, &format!("{{\"card_numbers\":{deep}"), &"{\"a\":".repeat(10_000),
        ] {
            post("application/json", body.into()).await.refused(400, "invalid_json");
        }
        for body in [&b"{\"full_name\": \"\xff\xfe\"}"[..], b"\xc3\x28", b"{\"full_name\": \"\xed\xa0\x80\"}", b"{\"full_name\": \"\\ud800\"}"] {
            post("application/json", body.to_vec()).await.refused(400, "invalid_json");
        }
        let sound = member(&ward.a).to_string().into_bytes();
        for media in ["text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x"] {
            post(media, sound.clone()).await.refused(415, "unsupported_media_type");
        }
        ward.office.call(Method::POST, "/v1/members").body("application/json", sound.clone()).header("content-encoding", "gzip")
            .await.refused(415, "unsupported_media_type");
        post("application/json; charset=utf-8", sound).await.is(201);
        let large = post("application/json", vec![b' '; 1024 * 1024 + 1]).await.refused(413, "too_large");
        assert_eq!(large.body["limits"]["bytes"], 1024 * 1024);
        assert_eq!(ward.office.get("/v1/members?count=exact").await.body["total"], 1);
    }

    async fn a_field_of_any_wrong_type_is_a_fault_and_no_failure(server: empty) {
        let ward = server.ward().await;
        let nested = (0..100).fold(json!("x"), |inner, _| json!({"a": [inner]}));
        for kind in &cell_records_server::store::registry::KINDS {
            for value in [json!(null), json!(true), json!(-1), json!(1.5), json!(1e300), json!(18446744073709551615u64), json!(""), json!("x".repeat(5_000)), json!([]), json!({}), json!([null]), json!([[1]]), json!({"a": null}), nested.clone(), json!("\u{0}"), json!("9999-99-99"), json!("ext::")] {
                let mut body: serde_json::Map<_, _> = kind.fields.iter().map(|field| (field.name.to_owned(), value.clone())).collect();
                for name in ["unit_id", "external_ids", "id"] {
                    body.insert(name.into(), value.clone());
                    let answer = ward.writer.post(&format!("/v1/{}", kind.plural), json!(body)).await;
                    assert!(matches!(answer.status, 400 | 422), "{} {value}: {}", kind.name, answer.text);
                }
            }
        }
    }

    async fn bad_headers_parameters_and_paths_are_400_404_or_405(server: empty) {
        let ward = server.ward().await;
        let path = format!("/v1/members/{}", ward.member(&ward.a).await);
        for tag in ["7", "\"", "\"1", "W/\"1.x\"", "\"1.a\", \"2.b\"", ""] {
            ward.office.patch(&path, tag, json!({})).await.refused(400, "invalid_header");
        }
        for query in ["q=%FF", "q=%", "limit=99999999999999999999", "limit=-1", "updated_since=2014-13-01T00:00:00Z", "unit=%00", "unit=..%2F..", "cursor=%00", "q=%00", "q=a%07", "profile_number=%00", "unit=ext:a:%00"] {
            let answer = ward.office.get(&format!("/v1/members?{query}")).await;
            assert_eq!(answer.status, 400, "{query}: {}", answer.text);
        }
        for id in ["%00", "..%2F..%2Fetc%2Fpasswd", "ext:", "ext:a", "ext:a:%00", "ref:x", "%F0%28", "'%20OR%201=1", &"x".repeat(5_000)] {
            for path in [format!("/v1/members/{id}"), format!("/v1/members/{id}/history")] {
                let answer = ward.office.get(&path).await;
                assert!(matches!(answer.status, 400 | 404), "{id}: {} {}", answer.status, answer.text);
            }
        }
        ward.office.get("/v1/nothing").await.refused(404, "not_found");
        ward.office.get("/v1/members/a/b/c").await.refused(404, "not_found");
        for (method, path, allow) in [
            (Method::DELETE, "/v1/members", "GET, POST"), (Method::PUT, &*path, "GET, DELETE, PATCH"), (Method::POST, &format!("{path}/history"), "GET"),
            (Method::GET, "/v1/sync/push", "POST"), (Method::POST, "/healthz", "GET"),
        ] {
            let refused = ward.office.call(method, path).await.refused(405, "method_not_allowed");
            assert_eq!(refused.header("allow"), allow, "{path}");
        }
        // A head is a read without its body.
        ward.office.call(Method::HEAD, "/v1/members").await;
    }

    async fn every_operation_refuses_a_parameter_that_it_does_not_take(server: empty) {
        let ward = server.ward().await;
        let admin = server.administrator().await;
        let system = format!("/v1/systems/{}", ward.office.id);
        let token = admin.get(&format!("{system}/tokens")).await.is(200).body["items"][0]["id"].clone();
        let user = json!({"username": "ai-do", "display_name": "Ai đó", "password": "con mèo trên mái nhà"});
        let user = format!("/v1/users/{}", admin.post("/v1/users", user).await.is(201).id());
        let grants = |account: &str| format!("{account}/grants");
        let grant = admin.post(&grants(&user), json!({"role": "frontend_reader", "unit_id": ward.a})).await.is(201).id();
        let given = admin.get(&grants(&system)).await.is(200).body["items"][0]["id"].clone();
        server.login("ai-do", "con mèo trên mái nhà").await.is(200);
        let session = admin.get(&format!("{user}/sessions")).await.is(200).body["items"][0]["id"].clone();
        let auditor = server.acting(Role::Auditor, ROOT).await;
        for (name, _) in operations().into_iter().filter(|(name, _)| name.contains(" /v1/")) {
            let (method, path) = name.split_once(' ').unwrap();
            let kind = KINDS.iter().find(|kind| path.split('/').nth(2) == Some(kind.plural));
            let path = match kind {
                Some(kind) if path.contains("{id}") => path.replace("{id}", &ward.record(kind, &ward.a).await.id()),
                _ => path.replace("/v1/users/{id}", &user).replace("/v1/systems/{id}", &system),
            };
            let of_system = path.starts_with(&system);
            let path = path.replace("{grant}", if of_system { given.as_str().unwrap() } else { &grant });
            let path = path.replace("{token}", token.as_str().unwrap()).replace("{session}", session.as_str().unwrap());
            let caller = match path.as_str() {
                _ if kind.is_some() => &ward.writer,
                "/v1/audit_events" => &auditor,
                path if path.starts_with("/v1/users") || path.starts_with("/v1/systems") || path.starts_with("/v1/me") => &admin,
                _ => &ward.office,
            };
            let call = caller.call(method.to_uppercase().parse().unwrap(), &format!("{path}?shoe_size=42"));
            let call = match path.as_str() {
                "/v1/auth/token" => call.body("application/x-www-form-urlencoded", "grant_type=client_credentials"),
                path if path.ends_with("/advance") => call.json(json!({"to": kind.unwrap().moves.last().unwrap().to})),
                _ => call.json(json!({})),
            };
            let answer = call.header("if-match", "*").await.refused(400, "invalid_parameter");
            let named = answer.body["errors"].as_array().unwrap().iter().any(|one| one["pointer"] == "shoe_size");
            assert!(named, "{name}: {}", answer.text);
        }
        // Nothing of it was done.
        admin.get(&format!("{user}/grants/{grant}")).await.is(200);
        admin.get("/v1/me/sessions").await.is(200);
        ward.office.get("/v1/me").await.is(200);
    }

    async fn problems_are_in_vietnamese_where_that_is_preferred(server: empty) {
        let ward = server.ward().await;
        for (languages, vietnamese) in [("vi", true), ("vi-VN,vi;q=0.9,en;q=0.8", true), ("en", false), ("fr", false), ("en, vi;q=0.5", false)] {
            let answer = ward.office.post("/v1/members", json!({"unit_id": ward.a, "sex": "x", "full_name": "A", "birth_date": "1980"}))
                .header("accept-language", languages).await.faults(&[("/sex", "unknown_code"), ("/admission_date", "required")]);
            let (title, required) = match vietnamese {
                true => ("Nội dung vi phạm quy tắc.", "Trường này là bắt buộc."),
                false => ("The body violates rules.", "This field is required."),
            };
            assert_eq!(answer.body["title"], title, "{languages}");
            assert!(answer.text.contains(required), "{}", answer.text);
            let gone = ward.office.get("/v1/nothing").header("accept-language", languages).await.refused(404, "not_found");
            assert_eq!(gone.body["title"] == "Không tìm thấy.", vietnamese);
        }
        // What is put into a sentence is in its language too.
        let in_vietnamese = |call: crate::support::http::Call| async { call.header("accept-language", "vi").await.body };
        let of_field = in_vietnamese(ward.office.post("/v1/members", json!({"full_name": 7, "phone": "x"}))).await;
        let messages: Vec<_> = of_field["errors"].as_array().unwrap().iter().map(|one| one["message"].as_str().unwrap()).collect();
        assert!(messages.contains(&"Phải là một chuỗi.") && messages.contains(&"Phải là số điện thoại như +84912345678."), "{of_field}");
        let of_parameters = in_vietnamese(ward.office.get("/v1/units?limit=abc&x=1")).await;
        let of_date = in_vietnamese(ward.office.post("/v1/members", json!({"admission_date": "2020-02-30"}))).await;
        assert!(of_date.to_string().contains("Phải là năm-tháng-ngày có thật, như 1955-03-02."), "{of_date}");
        assert_eq!(of_parameters["errors"][0]["message"], "Phải là số nguyên từ 1 đến 500.");
        assert!(of_parameters["errors"][1]["message"].as_str().unwrap().starts_with("Tham số không tồn tại; các tham số có: "), "{of_parameters}");
        let long = "z".repeat(101);
        for (call, message) in [
            (ward.office.post("/v1/members", json!({"full_name": long})), "Không được dài quá 100 ký tự."),
            (
                ward.office.post("/v1/members", json!({"birth_date": "1955-13"})),
                "Phải là năm, năm-tháng hoặc năm-tháng-ngày có thật, như 1955, 1955-03, 1955-03-02.",
            ),
            (
                ward.office.post("/v1/members", json!({"ethnicity": "zz"})),
                "Phải là một mã của danh mục Dân tộc (ethnicity), xem GET /v1/code_lists.",
            ),
            (ward.office.post("/v1/evaluation_rounds", json!({"quarter": 5})), "Phải là số nguyên từ 1 đến 4."),
            (ward.office.get("/v1/members?count=all"), "Phải là exact."),
            (ward.office.get("/v1/members?fields=nope"), "Loại Đảng viên không có trường nope; xem GET /v1/record_types."),
            (ward.office.get(&format!("/v1/units?ids={}&limit=1", ward.a)), "Không dùng được cùng với ids."),
        ] {
            let refused = in_vietnamese(call).await;
            let is_said = |body: &Value| body["errors"].as_array().unwrap().iter().any(|one| one["message"] == message);
            assert!(is_said(&refused), "{message} {refused}");
        }
        let known = in_vietnamese(ward.office.get("/v1/units?x=1")).await.to_string();
        assert!(known.contains(" cursor, ") && known.contains(" ids, "), "{known}");
        let of_header = in_vietnamese(ward.office.patch(&format!("/v1/units/{}", ward.a), "7", json!({}))).await;
        assert!(of_header["errors"][0]["message"].as_str().unwrap().starts_with("Phải là một thẻ"), "{of_header}");
        let viewer = server.acting(cell_records_client::types::accounts::Role::FrontendReader, &ward.a).await;
        let forbidden = in_vietnamese(viewer.post("/v1/units", crate::support::ward::unit("cell", &ward.ward))).await;
        assert_eq!((&forbidden["title"], &forbidden["detail"]), (&json!("Bạn không có quyền thực hiện thao tác này."), &json!("Thiếu quyền ghi: Tổ chức (unit:write).")));
        // Where a unit is, or whether, is decided in the unit above.
        let in_the_cell = server.acting(cell_records_client::types::accounts::Role::CommitteeOffice, &ward.a).await;
        let above = in_vietnamese(in_the_cell.delete(&format!("/v1/units/{}", ward.a), "*")).await;
        assert!(above["detail"].as_str().unwrap().starts_with("Thiếu quyền ghi tại tổ chức cấp trên"), "{above}");
        let detail = in_vietnamese(ward.office.call(Method::POST, "/v1/members").body("application/json", "{")).await["detail"].clone();
        assert_eq!(detail, "Nội dung không phải JSON, ở dòng 1, cột 1.");
        let warned = ward.office.patch(&format!("/v1/units/{}", ward.a), "*", json!({"address": "1"})).header("accept-language", "vi").await.is(200);
        assert_eq!(warned.body["warnings"][0]["message"], "Chi bộ đang hoạt động có dưới 3 đảng viên chính thức.");
    }

    async fn no_answer_shows_what_is_inside(server: empty) {
        let ward = server.ward().await;
        let body = json!({"unit_id": "'; DROP TABLE members; --", "full_name": "\u{1b}[31m", "birth_date": {"$gt": ""}});
        let answers = [
            ward.office.post("/v1/members", body).await, ward.office.get("/v1/members?sort=id;").await, ward.office.get("/v1/members?cursor=x'").await,
            ward.office.call(Method::POST, "/v1/members").body("application/json", "{\"full_name\": secret}").await, server.nobody().get("/v1/members").await,
        ];
        for answer in answers {
            assert!((400..500).contains(&answer.status), "{}", answer.text);
            for inner in ["SELECT", "sqlite", "postgres", "diesel", ".rs", "panicked", "/src/", "secret", "serde"] {
                assert!(!answer.text.to_lowercase().contains(&inner.to_lowercase()), "{inner}: {}", answer.text);
            }
        }
    }

    async fn a_request_id_is_kept_when_it_is_sane(server: empty) {
        let nobody = server.nobody();
        assert_eq!(nobody.get("/healthz").header("x-request-id", "abc-1.2").await.header("x-request-id"), "abc-1.2");
        for insane in ["a b", "<script>", &"x".repeat(100)] {
            let answer = nobody.get("/v1/me").header("x-request-id", insane).await.refused(401, "unauthenticated");
            assert_eq!(answer.header("x-request-id").len(), 36);
        }
        let answer = nobody.get("/v1/me").await;
        assert!(answer.header("vary").contains("authorization") && answer.header("x-content-type-options") == "nosniff");
    }
}
