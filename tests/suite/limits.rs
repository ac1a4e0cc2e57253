//! The bounds of what one write may read and write.

use crate::support::http::Caller;
use crate::support::ward::{figure, member};
use crate::support::{Server, on_both_engines};
use cell_records_client::types::Member;
use cell_records_client::types::sync::{MAX_PUSH_BYTES, PushOp};
use cell_records_server::store::items::{self, Command, Expected, Item};
use cell_records_server::store::live::Clock;
use cell_records_server::store::load;
use cell_records_server::store::record::ENVELOPE;
use cell_records_server::store::registry::Kind;
use cell_records_server::store::write_set::{FEW, LOOKUP_LIMIT, Lookup, WriteSet};
use cell_records_server::store::writer::{Outcome, RowLimits, WriteError};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use std::task::Poll;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use uuid::Uuid;

/// A new figure for each of these values, by the local operator.
fn figures(cell: &str, values: std::ops::Range<usize>) -> Command {
    let kind = Kind::named("reported_figure").unwrap();
    let items = values.map(|value| {
        let Value::Object(mut body) = figure(cell) else { panic!("an object") };
        body.insert("indicator_code".into(), json!(format!("figure.{value}")));
        Item::new(kind, PushOp::Create, None, Expected::Any, body, "")
    });
    let items: Vec<Item> = items.collect();
    Command { items, ..Command::one(items::Caller::operator(), Item::unreadable(None, Vec::new())) }
}

/// Hands in commands while the writer is held, so that they wait together, and after each asks whether the writer is well.
async fn handed_in_together(server: &Server, commands: Vec<Command>) -> Vec<Result<Outcome, WriteError>> {
    let writer = server.running.shared.writer.clone();
    let (release, held) = oneshot::channel::<()>();
    let (begun, holds) = oneshot::channel();
    let holder = writer.clone();
    let work = tokio::spawn(async move {
        let work = holder.accounts(|_| {
            Box::pin(async {
                begun.send(()).unwrap();
                held.await.unwrap();
                Ok(())
            })
        });
        work.await
    });
    holds.await.unwrap();
    let mut submitted: Vec<_> = commands.into_iter().map(|command| Box::pin(writer.submit(command))).collect();
    let mut probes: Vec<_> = submitted.iter().map(|_| Box::pin(writer.is_healthy())).collect();
    std::future::poll_fn(|context| {
        for (one, probe) in submitted.iter_mut().zip(&mut probes) {
            assert!(one.as_mut().poll(context).is_pending() && probe.as_mut().poll(context).is_pending());
        }
        Poll::Ready(())
    })
    .await;
    release.send(()).unwrap();
    work.await.unwrap().unwrap();
    let (outcomes, well) =
        futures_util::future::join(futures_util::future::join_all(submitted), futures_util::future::join_all(probes))
            .await;
    assert!(well.iter().all(|well| *well));
    outcomes
}

/// The same with commands that are done. Returns the transaction that each was written in.
async fn together(server: &Server, commands: Vec<Command>) -> Vec<Uuid> {
    let batch = |outcome| match outcome {
        Ok(Outcome::Done(done)) if done.items.iter().all(|item| item.status.is_success()) => done.batch.unwrap(),
        other => panic!("{other:?}"),
    };
    handed_in_together(server, commands).await.into_iter().map(batch).collect()
}

/// Makes the database fail, for no reason that a rule knows, where one of these figures is stored.
fn fail_at(server: &Server, figures: &[usize]) {
    let codes = figures.iter().map(|figure| format!("'figure.{figure}'")).collect::<Vec<_>>().join(", ");
    let when = format!("BEFORE INSERT ON reported_figures FOR EACH ROW WHEN (NEW.indicator_code IN ({codes}))");
    server.database.sql(&match server.engine {
        crate::support::Engine::Sqlite => {
            vec![format!("CREATE TRIGGER fails {when} BEGIN SELECT RAISE(ABORT, 'a fault'); END")]
        }
        crate::support::Engine::Postgres => vec![
            "CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'a fault'; END $$".to_owned(),
            format!("CREATE TRIGGER fails {when} EXECUTE FUNCTION fails()"),
        ],
    });
}

async fn total(caller: &Caller, plural: &str) -> Value {
    caller.get(&format!("/v1/{plural}?count=exact")).await.is(200).body["total"].clone()
}

/// More living members of the same name and birth date, by hand.
fn clone_member(server: &Server, id: &str, count: usize) {
    let id = server.database.uuid(id.parse().unwrap());
    let columns: Vec<&str> =
        ENVELOPE[1..].iter().copied().chain(Kind::named("member").unwrap().columns.iter().map(|c| c.name)).collect();
    let columns = columns.join(", ");
    let new = match server.engine {
        crate::support::Engine::Sqlite => "randomblob(16)",
        crate::support::Engine::Postgres => "gen_random_uuid()",
    };
    server.database.sql(&[format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
         INSERT INTO members (id, {columns}) SELECT {new}, {columns} FROM members CROSS JOIN n WHERE id = {id}"
    )]);
}

/// Sends a push as large as it may be but for a few bytes, and returns what comes back.
async fn almost_all_of_a_push(url: &str, caller: &Caller) -> String {
    let address = url.strip_prefix("http://").unwrap();
    let (mut from, mut to) = TcpStream::connect(address).await.unwrap().into_split();
    let token = caller.token.as_deref().unwrap();
    let head = format!(
        "POST /v1/sync/push HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: a-key\r\n\
         Content-Type: application/json\r\nContent-Length: {MAX_PUSH_BYTES}\r\n\r\n"
    );
    let body = vec![b' '; MAX_PUSH_BYTES - 8];
    let sent = async {
        to.write_all(head.as_bytes()).await?;
        to.write_all(&body).await
    };
    let mut answer = [0; 64];
    let (sent, read) = tokio::join!(sent, from.read(&mut answer));
    // It is not read to its end where it is refused.
    let _ = sent;
    String::from_utf8_lossy(&answer[..read.unwrap()]).into_owned()
}

on_both_engines! {
    async fn a_command_of_too_many_rows_is_refused_and_stores_nothing(server: empty) {
        let ward = server.ward().await;
        let limited = server.restarted_with(|config| config.row_limits = RowLimits { set: 60, command: 60 }).await;
        let office = ward.office.at(&limited.url);
        let push = |count: usize| {
            let items = (0..count).map(|_| json!({"op": "create", "type": "member", "id": Uuid::now_v7(), "fields": member(&ward.a)}));
            office.post("/v1/sync/push", json!({"items": items.collect::<Vec<_>>()})).header("idempotency-key", "a-key")
        };
        let cursor = office.get("/v1/sync/changes?types=member").await.is(200).body["cursor"].clone();
        push(100).await.refused(422, "too_large_for_one_write");
        assert_eq!(total(&office, "members").await, 0);
        assert_eq!(server.database.count("FROM changes WHERE type = 'member'"), 0);
        assert_eq!(server.database.count("FROM idempotency_keys WHERE key = 'a-key'"), 0);
        let since = office.get(&format!("/v1/sync/changes?cursor={}", cursor.as_str().unwrap())).await.is(200);
        assert_eq!(since.body["changes"], json!([]));
        // Its sender sends less under the same key, and others go on.
        push(2).await.is(207);
        office.post("/v1/members", member(&ward.a)).await.is(201);
        assert_eq!(total(&office, "members").await, 3);
        limited.running.handle.stop(false).await;
    }

    async fn commands_that_are_too_many_rows_together_are_all_written_in_their_order(server: empty) {
        let ward = server.ward().await;
        let commands = |from: usize| (0..100).map(|n| figures(&ward.a, from + n * 3..from + n * 3 + 3)).collect::<Vec<_>>();
        let together_batches = together(server, commands(0)).await;
        assert!(together_batches.iter().all(|batch| *batch == together_batches[0]), "one set is one transaction");
        // No two of them fit together.
        let limited = server.restarted_with(|config| config.row_limits.set = 4).await;
        let batches = together(&limited, commands(1_000)).await;
        let mut distinct = batches.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 100, "each is a transaction of its own");
        assert_eq!(total(&ward.office.at(&limited.url), "reported_figures").await, 600);
        let bodies = "SELECT public_body || internal_body || personal_body || sensitive_body FROM changes";
        let bodies = server.database.texts(&format!("{bodies} WHERE type = 'reported_figure' ORDER BY seq"));
        let numbers = (0..300).chain(1_000..1_300);
        for (body, number) in bodies.iter().zip(numbers) {
            assert!(body.contains(&format!("\"figure.{number}\"")), "{number}: {body}");
        }
        assert_eq!(bodies.len(), 600);
        limited.running.handle.stop(false).await;
    }

    async fn a_command_at_which_the_database_fails_fails_no_other_of_its_set(server: empty) {
        let ward = server.ward().await;
        fail_at(server, &[2, 7]);
        let commands = (0..9).map(|value| figures(&ward.a, value..value + 1)).collect();
        let outcomes = handed_in_together(server, commands).await;
        for (value, outcome) in outcomes.into_iter().enumerate() {
            match (value, outcome) {
                (2 | 7, outcome) => assert_eq!(outcome.unwrap_err(), WriteError::Internal, "{value}"),
                (_, Ok(Outcome::Done(done))) => assert!(done.batch.is_some() && done.items[0].status.is_success(), "{value}"),
                (_, outcome) => panic!("{value}: {outcome:?}"),
            }
        }
        assert_eq!(total(&ward.office, "reported_figures").await, 7);
    }

    async fn a_long_chain_of_items_that_refer_to_each_other_is_written_at_once(server: empty) {
        let ward = server.ward().await;
        let item = |number: usize, refers: Value| {
            let mut fields = member(&ward.a);
            if let (Value::Object(fields), Value::Object(more)) = (&mut fields, refers) {
                fields.extend(more);
            }
            json!({"ref": format!("m{number}"), "op": "create", "type": "member", "id": Uuid::now_v7(), "fields": fields})
        };
        let readmitted = |before: usize| json!({"readmission_of": format!("ref:m{before}")});
        let introduced =
            |before: usize| json!({"introducers": [{"member_id": format!("ref:m{before}"), "full_name": "Một Người"}]});
        for (key, refers) in [("readmitted", &readmitted as &dyn Fn(usize) -> Value), ("introduced", &introduced)] {
            let items = (0..200).map(|number| item(number, number.checked_sub(1).map_or(json!({}), refers)));
            let items: Vec<Value> = items.collect();
            let pushed = ward.office.post("/v1/sync/push", json!({"items": items})).header("idempotency-key", key);
            let pushed = pushed.may_fail().await.is(207);
            assert_eq!(pushed.body["summary"], json!({"created": 200}), "{}", pushed.text);
        }
    }

    async fn a_list_of_one_very_large_cell_examines_so_many_records_a_page_and_misses_none(server: empty) {
        let ward = server.ward().await;
        let first = ward.member(&ward.a).await;
        clone_member(server, &first, 10_100);
        let mut body = member(&ward.a);
        body["employment_status"] = json!("retired");
        let retired = ward.office.post("/v1/members", body).await.is(201).id();
        let path = format!("/v1/members?unit={}", ward.a);
        // What no index finds: short pages, and the one record once.
        for sort in ["id", "-id", "full_name"] {
            let (mut found, mut pages) = (Vec::new(), 0);
            let mut next = Some(format!("{path}&employment_status=retired&sort={sort}"));
            while let Some(page) = next {
                let page = ward.office.get(&page).await.is(200);
                found.extend(page.body["items"].as_array().unwrap().iter().map(|item| item["id"].clone()));
                next = page.body.get("next_cursor").map(|cursor| format!("/v1/members?cursor={}", cursor.as_str().unwrap()));
                pages += 1;
            }
            assert_eq!(found, [json!(retired)], "{sort}");
            assert!((4..=6).contains(&pages), "{sort}: {pages}");
        }
        // An order that no index gives is for fewer.
        let refused = ward.office.get(&format!("{path}&sort=birth_date")).await.refused(400, "invalid_parameter");
        assert!(refused.text.contains("10000 records"), "{}", refused.text);
        ward.office.get(&format!("/v1/members?unit={}&sort=birth_date", ward.b)).await.is(200);
        // What an index gives in order is a full page.
        for query in ["", "&sort=full_name", "&sex=male"] {
            let full = ward.office.get(&format!("{path}{query}")).await.is(200);
            assert_eq!(full.body["items"].as_array().unwrap().len(), 50, "{query}");
        }
    }

    async fn namesakes_are_looked_for_in_a_bounded_number_of_rows(server: empty) {
        let ward = server.ward().await;
        let body = member(&ward.a);
        let first = ward.office.post("/v1/members", body.clone()).await.is(201).id();
        clone_member(server, &first, 3_000);
        let mut own = server.running.shared.database.open().await.unwrap();
        let key = server.database.texts("SELECT name_key FROM members LIMIT 1").remove(0);
        let lookup = || Lookup::of::<Member>([("name_key", key.as_str().into()), ("birth_date", "1980-05-19".into())]);
        let (clock, now) = Clock::read(&mut own.db(), false).await.unwrap();
        let tree = server.running.shared.live.learn(&mut own.db(), clock, now, std::time::Instant::now()).await.unwrap().tree;
        let mut set = WriteSet::new(now.into(), tree.clone());
        // As the rules look for them, and as others look.
        assert_eq!(set.others::<Member>(lookup().few(), Uuid::nil()).count(), 0, "nothing is loaded yet");
        let missing = set.take_missing();
        load::load(&mut own.db(), &mut set, missing).await.unwrap();
        assert_eq!(set.others::<Member>(lookup().few(), Uuid::nil()).count(), usize::try_from(FEW).unwrap());
        let mut set = WriteSet::new(now.into(), tree);
        set.others::<Member>(lookup(), Uuid::nil()).for_each(drop);
        let missing = set.take_missing();
        load::load(&mut own.db(), &mut set, missing).await.unwrap();
        assert_eq!(set.others::<Member>(lookup(), Uuid::nil()).count(), usize::try_from(LOOKUP_LIMIT).unwrap());
        assert!(set.take_missing().is_empty());
        // Who comes with the same name is warned of all the same, alone and among others.
        let warned = ward.office.post("/v1/members", body.clone()).await.is(201);
        assert_eq!(warned.warnings(), [("/full_name".to_owned(), "possible_duplicate".to_owned())]);
        let items = (0..100).map(|_| json!({"op": "create", "type": "member", "id": Uuid::now_v7(), "fields": body}));
        let pushed = ward.office.post("/v1/sync/push", json!({"items": items.collect::<Vec<_>>()})).header("idempotency-key", "100").await.is(207);
        for item in pushed.body["items"].as_array().unwrap() {
            assert_eq!((&item["status"], &item["warnings"][0]["code"]), (&json!("created"), &json!("possible_duplicate")), "{item}");
        }
    }

    async fn an_account_alone_does_not_keep_others_from_sending_large_bodies(server: empty) {
        let ward = server.ward().await;
        let without_rights = server.granted(Vec::new()).await;
        let mut unfinished: FuturesUnordered<_> = (0..9).map(|_| almost_all_of_a_push(&server.url, &without_rights)).collect();
        // The others wait for the last bytes.
        let answer = unfinished.next().await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        let items: Vec<_> = (0..400)
            .map(|_| json!({"op": "create", "type": "member", "id": Uuid::now_v7(), "fields": member(&ward.a)}))
            .collect();
        let body = json!({"items": items});
        assert!(body.to_string().len() > 64 * 1024);
        ward.office.post("/v1/sync/push", body).header("idempotency-key", "a-key").await.is(207);
    }
}
