//! What is derived from records is brought up to the program that serves them. A database of an older program is played by
//! moving fields, columns and rows by hand, and by naming another registry in the clock row.

use crate::support::ward::member;
use crate::support::{Server, on_both_engines};
use cell_records_client::types::accounts::Role;
use cell_records_server::store::reindex;
use serde_json::json;

/// The database as a program left it whose `ethnicity` was personal.
fn with_a_lower_class(server: &Server) {
    let moved = r#"personal_body = personal_body || ',"ethnicity":"01"', sensitive_body = ''"#;
    server.database.sql(&[
        format!("UPDATE members SET {moved}"),
        format!("UPDATE changes SET {moved} WHERE type = 'member'"),
        "UPDATE sync_clock SET registry = 'older:older'".to_owned(),
    ]);
}

/// The database as a program left it that knew no names to sort by, no numbers to find and no references.
fn without_what_came_later(server: &Server) {
    server.database.sql(&[
        "UPDATE members SET name_key = ''".to_owned(),
        "DELETE FROM member_numbers".to_owned(),
        "DELETE FROM record_links".to_owned(),
        "UPDATE sync_clock SET registry = 'older:older'".to_owned(),
    ]);
}

on_both_engines! {
    async fn a_field_whose_class_was_raised_is_hidden_at_once_and_moved_by_the_reindexing(server: empty) {
        let ward = server.ward().await;
        let mut body = member(&ward.a);
        body["ethnicity"] = json!("01");
        let made = ward.office.post("/v1/members", body).await.is(201);
        let path = format!("/v1/members/{}", made.id());
        let secretary = server.acting(Role::CellSecretary, &ward.a).await;
        with_a_lower_class(server);
        // The running server learns of it within a second.
        let start = std::time::Instant::now();
        while secretary.get(&path).await.is(200).body.get("ethnicity").is_some() {
            assert!(start.elapsed() < std::time::Duration::from_secs(5), "the field stays readable");
        }
        for place in ["/history", "?as_of=2100-01-01T00:00:00Z"] {
            let shown = secretary.get(&format!("{path}{place}")).await;
            assert!(!shown.text.contains("ethnicity"), "{place}: {}", shown.text);
        }
        for list in ["/v1/members", "/v1/sync/changes"] {
            assert!(!secretary.get(list).await.is(200).text.contains("ethnicity"), "{list}");
        }
        assert_eq!(ward.office.get(&path).await.is(200).body["ethnicity"], "01");
        reindex::run(&server.running.shared.writer, |_| {}).await.unwrap();
        let moved = r#"FROM members WHERE personal_body LIKE '%"ethnicity":"01"%' OR sensitive_body NOT LIKE '%"ethnicity":"01"%'"#;
        assert_eq!(server.database.count(moved), 0);
        let moved = r#"FROM changes WHERE type = 'member' AND (personal_body LIKE '%"ethnicity":"01"%' OR sensitive_body NOT LIKE '%"ethnicity":"01"%')"#;
        assert_eq!(server.database.count(moved), 0);
        assert!(!secretary.get(&path).await.is(200).text.contains("ethnicity"));
        assert_eq!(ward.office.get(&path).await.is(200).body["ethnicity"], "01");
        assert_eq!(server.database.count("FROM reindex"), 0);
    }

    async fn the_answers_of_writes_hide_such_a_field_too_and_what_changes_nothing_makes_no_version(server: empty) {
        let ward = server.ward().await;
        let mut body = member(&ward.a);
        body["ethnicity"] = json!("01");
        body["phone"] = json!("+84912345678");
        let id = ward.office.post("/v1/members", body).await.is(201).id();
        let path = format!("/v1/members/{id}");
        let peer = server.acting(Role::ExchangePeer, &ward.ward).await;
        let first = peer.get(&path).await.is(200).etag().to_owned();
        let phone = json!({"phone": "+84987654321"});
        peer.patch(&path, &first, phone.clone()).await.is(200);
        with_a_lower_class(server);
        // The writer reads the clock row at every write.
        let answer = peer.patch(&path, "*", phone.clone()).await.is(200);
        assert!(!answer.text.contains("ethnicity"), "{}", answer.text);
        assert_eq!(answer.body["version"], 2);
        let answer = peer.patch(&path, &first, json!({"phone": "+84911111111"})).await.is(412);
        assert!(!answer.text.contains("ethnicity"), "{}", answer.text);
        assert_eq!(answer.body["current"]["version"], 2);
        let update = |version: u32| json!({"op": "update", "type": "member", "id": id, "if_version": version, "fields": phone});
        let push = json!({"return": "representation", "items": [update(2), update(1)]});
        let answer = peer.post("/v1/sync/push", push).header("idempotency-key", "unchanged").await.is(207);
        assert!(!answer.text.contains("ethnicity"), "{}", answer.text);
        assert_eq!(answer.body["summary"], json!({"unchanged": 2}), "{}", answer.text);
        assert_eq!(answer.body["items"][0]["record"]["version"], 2);
        assert_eq!(server.database.count("FROM changes WHERE type = 'member'"), 2);
    }

    async fn columns_child_tables_and_references_that_came_later_are_filled(server: empty) {
        let ward = server.ward().await;
        let mut ids = Vec::new();
        for number in 0..3 {
            let mut body = member(&ward.a);
            body["profile_number"] = json!(format!("00000{number}AB"));
            ids.push(ward.office.post("/v1/members", body).await.is(201).id());
        }
        let position = json!({"unit_id": ward.a, "member_id": ids[0], "position_code": "cell_secretary", "from": "2014-01-01", "basis": "elected"});
        let position = ward.office.post("/v1/positions", position).await.is(201).id();
        without_what_came_later(server);
        // What points to a record is not known now, so nothing is deleted. The command of a second program does the work.
        let path = format!("/v1/members/{}", ids[0]);
        let start = std::time::Instant::now();
        loop {
            let deleted = ward.office.delete(&path, "\"0.0\"").await;
            if deleted.status == 503 {
                break;
            }
            assert!(start.elapsed() < std::time::Duration::from_secs(5), "{}", deleted.text);
        }
        assert_eq!(ward.office.get("/v1/members?profile_number=000001AB").await.is(200).body["items"], json!([]));
        reindex::run(&server.running.shared.writer, |_| {}).await.unwrap();
        let found = ward.office.get("/v1/members?profile_number=000001AB").await.is(200);
        assert_eq!(found.body["items"][0]["id"], json!(ids[1]));
        assert_eq!(ward.office.get("/v1/members?q=nguyen&count=exact").await.is(200).body["total"], 3);
        ward.office.delete(&path, "*").await.refused(409, "still_referenced");
        ward.office.delete(&format!("/v1/positions/{position}"), "*").await.is(204);
        ward.office.delete(&path, "*").await.is(204);
    }

    async fn reindexing_that_was_cut_off_goes_on_where_it_was_and_a_start_completes_it(server: demo) {
        let before = server.running.shared.clone();
        server.database.sql(&[
            "UPDATE members SET name_key = ''".to_owned(),
            "UPDATE sync_clock SET registry = 'older:older'".to_owned(),
        ]);
        let total = usize::try_from(server.database.count("FROM changes")).unwrap();
        // One that is dropped after its first step.
        let first = std::cell::Cell::new(0);
        let cut = std::pin::pin!(reindex::run(&before.writer, |rows| first.set(first.get() + rows)));
        let mut cut = cut;
        std::future::poll_fn(|context| {
            let ended = cut.as_mut().poll(context).is_ready();
            if ended || first.get() > 0 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        assert!((1..total).contains(&first.get()), "{} of {total}", first.get());
        let restarted = server.restarted_with(|_| {}).await;
        let start = std::time::Instant::now();
        while server.database.count("FROM sync_clock WHERE registry = 'older:older'") > 0 {
            assert!(start.elapsed() < std::time::Duration::from_secs(60), "the start does not complete it");
        }
        assert_eq!(server.database.count("FROM members WHERE name_key = ''"), 0);
        restarted.running.handle.stop(false).await;
    }
}
