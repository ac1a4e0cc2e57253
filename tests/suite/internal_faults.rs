//! Faults of the program and of its data: the caller gets `500` with a request id, the log has one ERROR line that names it,
//! and the server goes on. The data is damaged by hand.

use crate::support::http::Caller;
use crate::support::process::Process;
use crate::support::server::PASSWORD;
use crate::support::ward::{ROOT, member, unit};
use crate::support::{Server, on_both_engines};
use serde_json::json;

/// Callers at the same time.
const CALLERS: usize = 8;

/// The server as a process of its own, whose log can be read.
async fn process(server: &Server) -> (Process, String) {
    server.running.handle.stop(true).await;
    let process = Process::start(&server.database);
    let base = format!("http://{}", process.address);
    (process, base)
}

async fn administrator(nobody: &Caller) -> Caller {
    let login = json!({"username": "admin", "password": PASSWORD});
    nobody.with(nobody.post("/v1/auth/login", login).await.is(200).body["access_token"].as_str())
}

on_both_engines! {
    async fn a_panic_in_a_set_is_500_to_who_caused_it_and_one_line_with_its_request_id(server: empty) {
        let ward = server.ward().await;
        let damaged = ward.member(&ward.a).await;
        // The next version of this record cannot be counted: here the program panics, as its debug build does.
        let id = server.database.uuid(damaged.parse().unwrap());
        server.database.sql(&[format!("UPDATE members SET version = {} WHERE id = {id}", i64::MAX)]);
        let (process, base) = process(server).await;
        let office = ward.office.at(&base);
        let path = format!("/v1/members/{damaged}");
        let patch = || office.patch(&path, "*", json!({"phone": "+84912345678"})).may_fail();
        let bodies: Vec<_> = (0..CALLERS).map(|_| member(&ward.b)).collect();
        let create = |index: usize| {
            office.post("/v1/members", bodies[index].clone()).header("idempotency-key", &format!("key-{index}")).may_fail()
        };
        let patches = futures_util::future::join_all((0..CALLERS).map(|_| async { patch().await }));
        let creates = futures_util::future::join_all((0..CALLERS).map(|index| async move { create(index).await }));
        let (patched, created) = futures_util::future::join(patches, creates).await;
        for answer in patched {
            let answer = answer.refused(500, "internal");
            let lines = process.logged(&["ERROR", "panicked", answer.header("x-request-id")]);
            assert_eq!(lines.len(), 1, "{lines:#?}");
        }
        // Who was in one set with them is written, once.
        for answer in created {
            answer.is(201);
        }
        for index in 0..CALLERS {
            create(index).await.is(201);
        }
        let made = format!("/v1/members?unit={}&count=exact", ward.b);
        assert_eq!(office.get(&made).await.is(200).body["total"], CALLERS);
        office.get("/readyz").await.is(200);
        patch().await.refused(500, "internal");
        office.post("/v1/members", member(&ward.a)).await.is(201);
    }

    async fn a_query_that_fails_is_500_and_an_error_with_the_request_id(server: empty) {
        let ward = server.ward().await;
        let (process, base) = process(server).await;
        let office = ward.office.at(&base);
        let admin = administrator(&office.with(None)).await;
        server.database.sql(&["ALTER TABLE terms RENAME TO terms_away".into(), "ALTER TABLE audit_events RENAME TO audit_away".into()]);
        // A read, a write of records, a write of accounts.
        let term = json!({"unit_id": ward.ward, "name": "2010–2015", "from": "2010-05-01"});
        let user = json!({"username": "thu-ky", "display_name": "Thư ký", "password": PASSWORD});
        let calls = [office.get("/v1/terms"), office.post("/v1/terms", term), admin.post("/v1/users", user)];
        for (call, text) in calls.into_iter().zip(["a query failed", "a write failed", "a write failed"]) {
            let failed = call.may_fail().await.refused(500, "internal");
            let lines = process.logged(&["ERROR", text, failed.header("x-request-id")]);
            assert_eq!(lines.len(), 1, "{lines:#?}");
        }
        office.post("/v1/units", unit("cell", &ward.ward)).await.is(201);
        assert_eq!(office.get(&format!("/v1/units/{ROOT}")).await.status, 200);
    }

    async fn a_record_that_does_not_read_back_is_an_error_with_the_request_id(server: empty) {
        let ward = server.ward().await;
        let damaged = ward.member(&ward.a).await;
        let id = server.database.uuid(damaged.parse().unwrap());
        // Its name is gone.
        server.database.sql(&[format!("UPDATE members SET internal_body = '', personal_body = '' WHERE id = {id}")]);
        let (process, base) = process(server).await;
        let office = ward.office.at(&base);
        let path = format!("/v1/members/{damaged}");
        let answer = office.patch(&path, "*", json!({"phone": "+84912345678"})).may_fail().await;
        assert!(answer.status >= 400, "{}", answer.text);
        let request = answer.header("x-request-id");
        let lines = process.logged(&["ERROR", "does not read back", &damaged]);
        assert!(lines.iter().all(|line| line.contains(request)), "{request}: {lines:#?}");
        // Others are written as ever.
        office.post("/v1/members", member(&ward.a)).await.is(201);
    }
}
