//! The one writer: it survives a fault of the program, and the server says when it cannot write.

use crate::support::actors::demo;
use crate::support::copies::Puller;
use crate::support::http::Caller;
use crate::support::items::member;
use crate::support::{Engine, Server, on_both_engines};
use cell_records_client::types::accounts::Role;
use cell_records_server::db::engine;
use cell_records_server::store::writer::WriteError;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use uuid::Uuid;

const CELL: &str = "ext:demo:cell-01";

fn create(caller: &Caller) -> crate::support::http::Call {
    let body = json!({"unit_id": CELL, "full_name": "Một Người", "sex": "male", "birth_date": "1970-03-02", "admission_date": "2001-05-19"});
    caller.post("/v1/members", body)
}

/// Closes the database for writing, or opens it.
fn close(server: &Server, closed: bool) {
    match (server.engine, &server.database.url) {
        // Whoever runs the tests may be allowed to write whatever the file's mode is: SQLite's own words do.
        (Engine::Sqlite, _) if closed => server.database.sql(&["CREATE TRIGGER closed BEFORE UPDATE ON sync_clock \
            BEGIN SELECT RAISE(ABORT, 'attempt to write a readonly database'); END"
            .into()]),
        (Engine::Sqlite, _) => server.database.sql(&["DROP TRIGGER closed".into()]),
        (Engine::Postgres, cell_records_server::db::Url::Postgres(url)) => {
            let (_, name) = url.rsplit_once('/').unwrap();
            let state = if closed { "on" } else { "off" };
            let alter = format!("ALTER DATABASE {name} SET default_transaction_read_only = {state}");
            // Who is connected to a closed database may still open it by asking for that explicitly.
            server.database.sql(&["SET default_transaction_read_only = off".into(), alter]);
            server.database.cut_connections();
        }
        (Engine::Postgres, _) => panic!("another database"),
    }
}

/// Leaves no space for further members, or some again. A file system of the test's own that is full needs more than a test
/// may do: what the engines say then does.
fn fill(server: &Server, full: bool) {
    server.database.sql(&match (server.engine, full) {
        (Engine::Sqlite, true) => vec![
            "CREATE TRIGGER full BEFORE INSERT ON members BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
                .into(),
        ],
        (Engine::Postgres, true) => vec![
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             RAISE 'could not extend file' USING ERRCODE = '53100'; END $$"
                .into(),
            "CREATE TRIGGER full_disk BEFORE INSERT ON members FOR EACH ROW EXECUTE FUNCTION full_disk()".to_owned(),
        ],
        (Engine::Sqlite, false) => vec!["DROP TRIGGER full".into()],
        (Engine::Postgres, false) => vec!["DROP FUNCTION full_disk CASCADE".into()],
    });
}

on_both_engines! {
    async fn a_panic_in_a_write_keeps_nothing_of_it_and_the_writer_goes_on(server: demo) {
        let peer = server.peer("city", &[(Role::ExchangePeer, demo("ward"))]).await;
        for _ in 0..3 {
            let result = server.running.shared.writer.accounts::<()>(|tx| Box::pin(async move {
                engine::batch(&mut tx.db(), "DELETE FROM members").await?;
                panic!("a fault of the program")
            })).await;
            assert_eq!(result.unwrap_err(), WriteError::Internal);
            peer.write((0..3).map(|_| member(Uuid::now_v7(), CELL, "Một Người")).collect()).await;
        }
        server.nobody().get("/readyz").await.is(200);
        let mut puller = Puller::new(peer.client.clone());
        puller.assert_equal("the copy").await;
        assert_eq!(puller.count("member"), 1_168 + 9);
    }

    async fn a_writer_that_does_not_answer_is_not_ready_until_it_does(server: empty) {
        let nobody = server.nobody();
        let (release, held) = oneshot::channel::<()>();
        let (begun, holds) = oneshot::channel();
        let writer = server.running.shared.writer.clone();
        // Work that does not come to an end: the writer takes nothing else.
        let work = tokio::spawn(async move {
            writer.accounts(|_| Box::pin(async {
                begun.send(()).unwrap();
                held.await.unwrap();
                Ok(())
            })).await
        });
        holds.await.unwrap();
        nobody.get("/readyz").await.refused(503, "unavailable");
        nobody.get("/healthz").await.is(200);
        release.send(()).unwrap();
        assert_eq!(work.await.unwrap(), Ok(()));
        nobody.get("/readyz").await.is(200);
    }

    async fn a_database_that_takes_no_writes_is_not_ready_until_it_does(server: demo) {
        let caller = server.acting(Role::ExchangePeer, "ext:demo:ward").await;
        create(&caller).await.is(201);
        caller.get("/readyz").await.is(200);
        close(server, true);
        create(&caller).await.refused(503, "unavailable");
        for _ in 0..3 {
            caller.get("/readyz").await.refused(503, "unavailable");
            // It answers reads anyway.
            caller.get("/v1/members?limit=1").await.is(200);
        }
        close(server, false);
        // Nobody sends a write to a server that is not ready: it finds out by itself.
        caller.get("/readyz").await.is(200);
        create(&caller).await.is(201);
    }

    async fn a_full_database_is_not_ready_though_it_takes_a_write_that_needs_no_space(server: demo) {
        let caller = server.acting(Role::ExchangePeer, "ext:demo:ward").await;
        create(&caller).await.is(201);
        let refused = async || {
            create(&caller).await.refused(503, "unavailable");
            for _ in 0..3 {
                caller.get("/readyz").await.refused(503, "unavailable");
            }
        };
        fill(server, true);
        refused().await;
        fill(server, false);
        create(&caller).await.is(201);
        caller.get("/readyz").await.is(200);
        // Without a write it says so after a while, or it would never get one.
        fill(server, true);
        refused().await;
        let begun = Instant::now();
        while caller.get("/readyz").await.status != 200 {
            assert!(begun.elapsed() < Duration::from_secs(60), "it is never ready again");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
