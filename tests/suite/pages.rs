//! Pages by key: nothing skipped, nothing doubled; cursors that belong to their caller and query.

use crate::support::http::over;
use crate::support::on_both_engines;
use crate::support::ward::{ROOT, member};
use cell_records_client::types::accounts::Role;
use serde_json::{Value, json};

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

on_both_engines! {
    async fn nothing_is_skipped_or_doubled_while_others_write(server: empty) {
        let ward = server.ward().await;
        let mut standing = Vec::new();
        for n in 0..12 {
            let cell = if n % 2 == 0 { &ward.a } else { &ward.b };
            standing.push(ward.member(cell).await);
        }
        for sort in ["", "&sort=full_name", "&sort=-full_name", "&sort=-id", "&sort=birth_date"] {
            let (mut seen, mut next) = (Vec::new(), format!("/v1/members?limit=3{sort}"));
            let mut deleted = None;
            loop {
                let page = ward.office.get(&next).await.is(200);
                seen.extend(ids(&page.body));
                let Some(cursor) = page.body["next_cursor"].as_str() else { break };
                assert!(page.header("link").contains(&format!("cursor={cursor}")), "{}", page.header("link"));
                next = format!("/v1/members?cursor={cursor}");
                // Between two pages others come, change and go.
                for cell in [&ward.a, &ward.b] {
                    if seen.len() < 60 {
                        ward.office.post("/v1/members", member(cell)).await.is(201);
                    }
                }
                let first = format!("/v1/members/{}", standing[0]);
                let busy = ward.office.get(&first).await.is(200);
                let residence = if busy.body["current_residence"] == json!("Khối 1") { "Khối 2" } else { "Khối 1" };
                ward.office.patch(&first, busy.etag(), json!({"current_residence": residence})).await.is(200);
                // The item that the cursor names is deleted.
                if deleted.is_none() && !standing.contains(seen.last().unwrap()) {
                    deleted = seen.last().cloned();
                    ward.office.delete(&format!("/v1/members/{}", seen.last().unwrap()), "*").await.is(204);
                }
            }
            for id in &standing {
                assert_eq!(seen.iter().filter(|one| *one == id).count(), 1, "{sort}");
            }
            let mut once = seen.clone();
            once.sort();
            once.dedup();
            assert_eq!(once.len(), seen.len(), "{sort}");
        }
    }

    async fn a_cursor_belongs_to_its_caller_and_its_query(server: empty) {
        let ward = server.ward().await;
        for _ in 0..3 {
            ward.member(&ward.a).await;
        }
        let page = ward.office.get("/v1/members?limit=1&sex=male&sort=full_name").await.is(200);
        let cursor = page.body["next_cursor"].as_str().unwrap();
        let list = |rest: &str| ward.office.get(&format!("/v1/members?cursor={cursor}{rest}"));
        list("").await.is(200);
        assert_eq!(ids(&list("&limit=2").await.is(200).body).len(), 2);
        list("&sex=male&sort=full_name").await.is(200);
        for other in ["&sex=female", "&sort=-full_name", "&q=an", "&count=exact", "&fields=id"] {
            list(other).await.refused(400, "cursor_filter_mismatch");
        }
        ward.office.get(&format!("/v1/units?cursor={cursor}")).await.refused(400, "cursor_filter_mismatch");
        let other = server.acting(Role::CommitteeOffice, ROOT).await;
        other.get(&format!("/v1/members?cursor={cursor}")).await.refused(403, "cursor_foreign");
        let changed = format!("{}{}", &cursor[..cursor.len() - 2], if cursor.ends_with("AA") { "BB" } else { "AA" });
        for nonsense in ["", "x", "cl1.", "cl1.AAAA", &cursor[..cursor.len() / 2], &changed] {
            ward.office.get(&format!("/v1/members?cursor={nonsense}")).await.refused(400, "cursor_invalid");
        }
        // It reveals nothing of what is in it.
        assert!(!cursor.to_lowercase().contains("nguy") && cursor.is_ascii());
    }

    async fn the_total_of_a_list_is_that_of_the_rights_of_its_caller(server: empty) {
        let ward = server.ward().await;
        for cell in [&ward.a, &ward.a, &ward.b, &ward.b] {
            ward.member(cell).await;
        }
        let caller = server.granted(vec![over(Role::CellSecretary, &ward.a), over(Role::CellSecretary, &ward.b)]).await;
        let first = caller.get("/v1/members?limit=1&count=exact&sort=id").await.is(200);
        let next = format!("/v1/members?cursor={}", first.body["next_cursor"].as_str().unwrap());
        // What it was is kept while others write.
        ward.member(&ward.a).await;
        assert_eq!((&first.body["total"], &caller.get(&next).await.is(200).body["total"]), (&json!(4), &json!(4)));
        // With fewer rights it is counted anew: how many there are elsewhere is not said.
        let (admin, grants) = (server.administrator().await, format!("/v1/systems/{}/grants", caller.id));
        let held = admin.get(&grants).await.is(200).body["items"].clone();
        let lost = held.as_array().unwrap().iter().find(|grant| grant["unit_id"] == ward.b.as_str()).unwrap();
        admin.delete(&format!("{grants}/{}", lost["id"].as_str().unwrap()), "*").await.is(204);
        caller.becomes(&format!("/v1/members/{}", ward.member(&ward.b).await), 404).await;
        assert_eq!(caller.get(&next).await.is(200).body["total"], 3);
    }

    async fn the_last_page_has_no_cursor_and_a_list_of_nothing_is_empty(server: empty) {
        let ward = server.ward().await;
        for _ in 0..2 {
            ward.member(&ward.a).await;
        }
        let page = ward.office.get("/v1/members?limit=2").await.is(200);
        assert_eq!((page.body.get("next_cursor"), page.header("link")), (None, ""));
        let empty = ward.office.get(&format!("/v1/members?unit={}", ward.b)).await.is(200);
        assert_eq!(empty.body, json!({"items": []}));
        let unseen = server.acting(Role::CellSecretary, &ward.b).await;
        unseen.get(&format!("/v1/members?unit=ext:{}:x", ward.office.code)).await.refused(400, "invalid_parameter");
        assert_eq!(unseen.get(&format!("/v1/members?unit={}", ward.a)).await.is(200).body["items"], json!([]));
    }
}
