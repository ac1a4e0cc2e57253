//! A connection to PostgreSQL that breaks at the very commit, before it or before its answer: the caller gets the truth or
//! a clear `503`, a repeat under the same key makes exactly one record, and the next write works at once.

use crate::support::http::Caller;
use crate::support::proxy::{Cut, Proxy};
use crate::support::server::PASSWORD;
use crate::support::ward::{Ward, member};
use crate::support::{Engine, Server, on_both_engines};
use serde_json::{Value, json};
use uuid::Uuid;

const CUTS: [Cut; 2] = [Cut::BeforeTheCommit, Cut::BeforeItsAnswer];
/// The first commit of a connection is sent alone, for its statements are not prepared yet; later ones go with their rows.
const EARLIER_WRITES: [usize; 2] = [0, 3];
/// Callers at the same time.
const CALLERS: usize = 12;

/// A server that reaches its database by way of a proxy, and the same callers there. Nothing on SQLite, which is in the
/// server's process.
async fn cuttable(server: &Server) -> Option<(Proxy, Server)> {
    if server.engine == Engine::Sqlite {
        return None;
    }
    let proxy = Proxy::to(server.database.address()).await;
    let there = server.through(proxy.port).await;
    Some((proxy, there))
}

async fn total(caller: &Caller, path: &str) -> Value {
    caller.get(&format!("/v1/{path}?count=exact")).await.is(200).body["total"].clone()
}

/// What only a member's own row holds.
fn stored(body: &Value) -> String {
    format!("\"full_name\":{}", body["full_name"])
}

/// One write whose commit is cut, and what comes after it.
async fn one(proxy: &Proxy, office: &Caller, ward: &Ward, cut: Cut, number: &mut u64) {
    let (key, body) = (Uuid::new_v4().to_string(), member(&ward.a));
    let create = || office.post("/v1/members", body.clone()).header("idempotency-key", &key);
    let what = format!("{cut:?}");
    proxy.cut_commit_of(&stored(&body), cut);
    let answer = create().await;
    assert!(proxy.has_cut(), "{what}");
    let made = match cut {
        // Nothing is stored, and the server found out.
        Cut::BeforeTheCommit => {
            answer.refused(503, "unavailable");
            assert_eq!(total(office, "members").await, *number, "{what}");
            None
        }
        Cut::BeforeItsAnswer => Some(answer.is(201).id()),
    };
    // The next write, by whoever, is not in the way of what went wrong.
    office.post("/v1/members", member(&ward.a)).await.is(201);
    for round in 0..2 {
        let again = create().await.is(201);
        let replayed = again.header("idempotent-replayed") == "true";
        assert_eq!(replayed, made.is_some() || round == 1, "{what}");
        assert!(made.as_ref().is_none_or(|made| *made == again.id()), "{what}");
    }
    *number += 2;
    assert_eq!(total(office, "members").await, *number, "{what}");
    office.get("/readyz").await.is(200);
}

on_both_engines! {
    async fn a_record_is_made_once_when_the_connection_breaks_at_its_commit(server: empty) {
        let Some((proxy, there)) = cuttable(server).await else { return };
        let ward = server.ward().await;
        let office = ward.office.at(&there.url);
        let mut number = 0;
        for cut in CUTS {
            for earlier in EARLIER_WRITES {
                // A connection of its own: who lost one opens another.
                server.database.cut_connections();
                for _ in 0..earlier {
                    office.post("/v1/members", member(&ward.a)).await.is(201);
                    number += 1;
                }
                one(&proxy, &office, &ward, cut, &mut number).await;
            }
        }
        there.running.handle.stop(false).await;
    }

    async fn writes_of_many_callers_are_made_once_when_the_connection_breaks_at_a_commit(server: empty) {
        let Some((proxy, there)) = cuttable(server).await else { return };
        let ward = server.ward().await;
        let office = ward.office.at(&there.url);
        for (round, cut) in CUTS.into_iter().chain(CUTS).enumerate() {
            let bodies: Vec<Value> = (0..CALLERS).map(|_| member(&ward.a)).collect();
            let create = async |index: usize| {
                let key = format!("{round}-{index}");
                office.post("/v1/members", bodies[index].clone()).header("idempotency-key", &key).await
            };
            proxy.cut_commit_of(&stored(&bodies[0]), cut);
            let answers = futures_util::future::join_all((0..CALLERS).map(create)).await;
            assert!(proxy.has_cut(), "{cut:?}");
            for answer in &answers {
                let may_be = match cut {
                    Cut::BeforeTheCommit => matches!(answer.status, 201 | 503),
                    Cut::BeforeItsAnswer => answer.status == 201,
                };
                assert!(may_be, "{cut:?}: {} {}", answer.status, answer.text);
            }
            for (index, answer) in answers.into_iter().enumerate() {
                let again = create(index).await.is(201);
                assert_eq!(again.header("idempotent-replayed") == "true", answer.status == 201, "{cut:?}");
            }
            assert_eq!(total(&office, "members").await, (round + 1) * CALLERS, "{cut:?}");
        }
        there.running.handle.stop(false).await;
    }

    async fn an_account_is_made_once_when_the_connection_breaks_at_its_commit(server: empty) {
        let Some((proxy, there)) = cuttable(server).await else { return };
        let admin = server.administrator().await.at(&there.url);
        for (index, cut) in CUTS.into_iter().chain(CUTS).enumerate() {
            let user = |name: &str| json!({"username": format!("{name}-{index}"), "display_name": "Thư ký", "password": PASSWORD});
            let create = || admin.post("/v1/users", user("thu-ky")).header("idempotency-key", &format!("key-{index}"));
            proxy.cut_commit_of(&format!("thu-ky-{index}"), cut);
            // Accounts leave no batch that could be looked up.
            create().await.refused(503, "outcome_unknown");
            assert!(proxy.has_cut(), "{cut:?}");
            admin.post("/v1/users", user("khac")).await.is(201);
            let made = create().await.is(201).id();
            assert_eq!(create().await.is(201).id(), made, "{cut:?}");
            let listed = server.database.count(&format!("FROM accounts WHERE name = 'thu-ky-{index}'"));
            assert_eq!(listed, 1, "{cut:?}");
        }
        there.running.handle.stop(false).await;
    }
}
