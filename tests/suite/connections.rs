//! What becomes of requests when connections to the database end, hang or are kept open.

use crate::support::actors::demo;
use crate::support::http::Caller;
use crate::support::items::{member, update};
use crate::support::process::Process;
use crate::support::proxy::Proxy;
use crate::support::{Engine, on_both_engines, ward};
use cell_records_client::types::accounts::Role;
use cell_records_server::db::{Url, engine};
use cell_records_server::store::live::Clock;
use serde_json::json;
use std::time::{Duration, Instant};
use uuid::Uuid;

const CELL: &str = "ext:demo:cell-01";
/// What has not happened by then never happens.
const SOON: Duration = Duration::from_secs(20);
/// The longest that a read takes when the database hangs: its limit, and a busy machine.
const A_READ: Duration = Duration::from_secs(8);
/// The same for a write, whose statements may take longer.
const A_WRITE: Duration = Duration::from_secs(30);

/// Reads of each kind: single statements, a list, a transaction.
const READS: [&str; 4] =
    ["/v1/members/ext:demo:member-0001", "/v1/members?limit=5", "/v1/sync/changes?types=member&limit=5", "/readyz"];

on_both_engines! {
    async fn reads_go_on_when_the_database_has_ended_idle_connections(server: demo) {
        let caller = server.acting(Role::ExchangePeer, "ext:demo:ward").await;
        for _ in 0..5 {
            // Two shared connections and the pool's first.
            for path in READS {
                caller.get(path).await.is(200);
                caller.get(path).await.is(200);
            }
            server.database.cut_connections();
            for path in READS {
                caller.get(path).await.is(200);
            }
        }
    }

    async fn a_write_goes_on_when_the_database_has_ended_the_writers_idle_connection(server: demo) {
        let caller = server.acting(Role::ExchangePeer, "ext:demo:ward").await;
        for number in 0..5 {
            let push = |part: u32| {
                let one = member(Uuid::now_v7(), CELL, &format!("Nguyễn Văn {number}-{part}"));
                caller.post("/v1/sync/push", json!({"items": [one]})).header("idempotency-key", &Uuid::new_v4().to_string())
            };
            assert_eq!(push(1).await.is(207).body["summary"]["created"], 1);
            let before = server.database.sessions();
            server.database.cut_connections();
            // They end in their own time.
            let begun = Instant::now();
            while server.database.sessions().iter().any(|pid| before.contains(pid)) {
                assert!(begun.elapsed() < SOON, "sessions do not end");
            }
            assert_eq!(push(2).await.is(207).body["summary"]["created"], 1);
        }
    }

    async fn a_write_that_waits_too_long_for_another_is_503_once_and_costs_no_session(server: demo) {
        let caller = server.acting(Role::ExchangePeer, "ext:demo:ward").await;
        let push = || {
            let one = member(Uuid::now_v7(), CELL, "Một Người");
            caller.post("/v1/sync/push", json!({"items": [one]})).header("idempotency-key", &Uuid::new_v4().to_string())
        };
        push().await.is(207);
        let mut other = server.running.shared.database.open().await.unwrap();
        let before = server.database.sessions();
        engine::begin_write(&mut other.db()).await.unwrap();
        engine::take_time(&mut other.db(), 1_000).await.unwrap();
        Clock::read(&mut other.db(), true).await.unwrap();
        let begun = Instant::now();
        push().await.refused(503, "unavailable");
        // The limit of a lock is five seconds.
        assert!(begun.elapsed() < Duration::from_secs(9), "{:?}: it waited twice", begun.elapsed());
        engine::batch(&mut other.db(), "ROLLBACK").await.unwrap();
        push().await.is(207);
        assert_eq!(server.database.sessions(), before);
    }

    async fn a_write_that_postgresql_cancels_or_keeps_waiting_is_503_and_no_fault_of_the_program(server: empty) {
        if server.engine == Engine::Sqlite {
            // It has no sessions that others can cancel.
            return;
        }
        let ward = server.ward().await;
        server.running.handle.stop(true).await;
        let process = Process::start(&server.database);
        let office = ward.office.at(&format!("http://{}", process.address));
        office.post("/v1/members", ward::member(&ward.a)).await.is(201);
        let mut other = server.running.shared.database.open().await.unwrap();
        for cancelled in [true, false] {
            engine::begin_write(&mut other.db()).await.unwrap();
            engine::take_time(&mut other.db(), 1_000).await.unwrap();
            engine::batch(&mut other.db(), "LOCK TABLE members IN ACCESS EXCLUSIVE MODE").await.unwrap();
            let cancel = async {
                let begun = Instant::now();
                let waits = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
                while cancelled && server.database.count(waits) == 0 {
                    assert!(begun.elapsed() < SOON, "the write does not wait");
                    tokio::task::yield_now().await;
                }
                if cancelled {
                    server.database.sql(&[format!("SELECT pg_cancel_backend(pid) {waits}")]);
                }
            };
            let (answer, ()) = tokio::join!(async { office.post("/v1/members", ward::member(&ward.a)).await }, cancel);
            assert_eq!(answer.refused(503, "unavailable").header("retry-after"), "1");
            engine::batch(&mut other.db(), "ROLLBACK").await.unwrap();
            office.post("/v1/members", ward::member(&ward.a)).await.is(201);
        }
        assert!(process.said().iter().all(|line| !line.contains("ERROR")), "{:#?}", process.said());
        assert_eq!(office.get("/v1/members?count=exact").await.is(200).body["total"], 3);
    }

    async fn a_refused_read_costs_no_session_of_the_database(server: demo) {
        let secretary = server.acting(Role::CellSecretary, "ext:demo:ward").await;
        let readable = async || {
            for _ in 0..4 {
                secretary.get("/v1/members?limit=1").await.is(200);
            }
        };
        readable().await;
        let before = server.database.sessions();
        for _ in 0..10 {
            secretary.get("/v1/members?personal_id=040080000001").await.refused(403, "field_not_readable");
        }
        readable().await;
        assert_eq!(server.database.sessions(), before);
    }

    async fn a_database_that_hangs_costs_503_within_the_limits_and_no_restart(server: demo) {
        if server.engine == Engine::Sqlite {
            // It is in this process.
            return;
        }
        let caller = server.acting(Role::ExchangePeer, "ext:demo:ward").await;
        let proxy = Proxy::to(server.database.address()).await;
        let hanging = server.through(proxy.port).await;
        let there = hanging.bearer(caller.token.as_deref());
        for path in READS {
            there.get(path).await.is(200);
        }
        create(&there).await.is(201);
        proxy.hang(true);
        let begun = Instant::now();
        let write = create(&there);
        let reads = futures_util::future::join_all(READS.map(|path| (path, there.get(path))).map(async |(path, read)| {
            let answer = read.await;
            assert!(begun.elapsed() < A_READ, "{path} took {:?}", begun.elapsed());
            answer.refused(503, "unavailable");
        }));
        let (write, _) = tokio::join!(write, reads);
        assert_eq!(write.status, 503, "{}", write.text);
        assert!(begun.elapsed() < A_WRITE, "a write took {:?}", begun.elapsed());
        // One that comes when the connections are given up already, and new ones do not open.
        let begun = Instant::now();
        there.get(READS[0]).await.refused(503, "unavailable");
        there.get("/readyz").await.refused(503, "unavailable");
        assert!(begun.elapsed() < 2 * A_READ);
        proxy.hang(false);
        let begun = Instant::now();
        while there.get("/readyz").await.status != 200 || create(&there).await.status != 201 {
            assert!(begun.elapsed() < SOON, "it does not recover");
        }
        for path in READS {
            there.get(path).await.is(200);
        }
        hanging.running.handle.stop(false).await;
    }

    async fn a_caller_reads_what_it_wrote(server: demo) {
        let peer = server.peer("city", &[(Role::ExchangePeer, demo("ward"))]).await;
        let id = Uuid::now_v7();
        peer.write(vec![member(id, CELL, "Một Người")]).await;
        for version in 1..60 {
            let phone = format!("+849123456{version:02}");
            peer.write(vec![update("member", id, version, json!({"phone": phone}))]).await;
            let read = peer.get(&format!("/v1/members/{id}"), &[]).await;
            assert_eq!(read.body["phone"], phone, "version {version}");
        }
    }

    async fn what_another_process_commits_is_read_within_a_moment(server: demo) {
        let caller = server.acting(Role::ExchangePeer, "ext:demo:ward").await;
        let path = "/v1/members/ext:demo:member-0001";
        let id = caller.get(path).await.is(200).id();
        let id = server.database.uuid(id.parse().unwrap());
        server.database.sql(&[format!("UPDATE members SET version = 77 WHERE id = {id}")]);
        let begun = Instant::now();
        // Each of these reads comes before the one before it is forgotten.
        while caller.get(path).await.is(200).body["version"] != 77 {
            assert!(begun.elapsed() < Duration::from_secs(1), "it still reads the old one");
        }
    }

    async fn an_idle_server_holds_up_no_checkpoint(server: demo) {
        let Url::Sqlite(file) = &server.database.url else { return };
        let caller = server.acting(Role::ExchangePeer, "ext:demo:ward").await;
        caller.get("/v1/members/ext:demo:member-0001").await.is(200);
        let connection = rusqlite::Connection::open(file).unwrap();
        // Something that the open read does not see.
        connection.execute_batch("UPDATE members SET version = version").unwrap();
        let begun = Instant::now();
        let ended = || connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)).unwrap() == 0;
        while !ended() {
            assert!(begun.elapsed() < Duration::from_secs(1), "a read transaction stays open");
        }
    }
}

fn create(caller: &Caller) -> crate::support::http::Call {
    let body = json!({"unit_id": CELL, "full_name": "Một Người", "sex": "male", "birth_date": "1970-03-02", "admission_date": "2001-05-19"});
    caller.post("/v1/members", body)
}
