//! The program `cellsync`: a conflict from its push to its end, and what it says when it is used wrongly.

use crate::push::ward;
use crate::support::items::{item, update};
use crate::support::{Server, on_both_engines};
use cell_records_client::sync::{BatchLimits, Outbox, SqliteStore};
use cell_records_client::types::sync::{PushItem, PushOp};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The program with the settings of a copy.
fn cellsync(server: &Server, token: &str, store: &Path) -> Command {
    let own = std::env::current_exe().unwrap();
    let program = own.parent().and_then(Path::parent).unwrap().join("cellsync");
    assert!(program.exists(), "{} is missing: build it with `cargo build --workspace --bins`", program.display());
    let mut command = Command::new(program);
    command.env("CELLSYNC_SERVER", &server.url).env("CELLSYNC_TOKEN", token).env("CELLSYNC_STORE", store);
    command.stdin(Stdio::null());
    command
}

/// Runs a command: its exit status, what it printed and what it complained of.
async fn ran(mut command: Command, arguments: &[&str]) -> (i32, String, String) {
    command.args(arguments);
    // The server runs on this runtime.
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let Output { status, stdout, stderr } = output;
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

on_both_engines! {
    async fn a_conflict_is_listed_and_ended_by_either_side(server: demo) {
        let (city, province) = (server.peer("city", &ward()).await, server.peer("province", &ward()).await);
        let folder = tempfile::tempdir().unwrap();
        let (store, file) = (folder.path().join("copy.sqlite"), folder.path().join("change.ndjson"));
        let cellsync = || cellsync(server, &city.token.token, &store);
        assert_eq!(ran(cellsync(), &["conflicts"]).await.0, 2, "there is no copy yet");
        assert_eq!(ran(cellsync(), &["pull"]).await.0, 0);
        let members = city.get("/v1/members?limit=2", &[]).await.body["items"].clone();
        let id = |index: usize| members[index]["id"].as_str().unwrap().parse().unwrap();
        let change = |index, text: &str| update("member", id(index), 1, json!({"occupation_current": text}));
        province.write(vec![change(0, "của tỉnh"), change(1, "của tỉnh")]).await;
        let lines: Vec<String> = [change(0, "của phố"), change(1, "của phố"), item(PushOp::Restore, "nothing", id(0), json!({}))]
            .iter().map(|item: &PushItem| serde_json::to_string(item).unwrap()).collect();
        std::fs::write(&file, lines.join("\n")).unwrap();
        let push = ["push", file.to_str().unwrap()];
        let (status, out, _) = ran(cellsync(), &push).await;
        assert!(status == 1 && out.contains("2 conflicts, 1 invalid") && out.contains("cellsync conflicts"), "{out}");
        // The same file is not taken again, and that all is well is not said either.
        let (status, out, _) = ran(cellsync(), &push).await;
        assert!(status == 1 && out.contains("not taken again") && out.contains("3 refused items wait"), "{out}");

        let (status, out, _) = ran(cellsync(), &["conflicts"]).await;
        let first = out.lines().next().unwrap();
        for part in ["1  since 2", "update member", "conflict (version)", "version 2", "occupation_current", "của tỉnh", "của phố"] {
            assert!(status == 0 && first.contains(part), "{part}: {out}");
        }
        let (_, out, _) = ran(cellsync(), &["conflicts", "--json"]).await;
        let listed: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let parts = |one: &Value| (one["number"].clone(), one["item"]["type"].clone(), one["result"]["status"].clone());
        assert_eq!(parts(&listed[1]), (json!(2), json!("member"), json!("conflict")));
        assert_eq!(listed[1]["result"]["conflict"]["current_version"], 2);

        assert_eq!(ran(cellsync(), &["resolve", "1", "--take", "server"]).await.0, 0);
        assert_eq!(ran(cellsync(), &["resolve", "2", "--take", "mine"]).await.0, 0);
        assert_eq!(ran(cellsync(), &["resolve", "3", "--take", "server"]).await.0, 0);
        let (status, _, err) = ran(cellsync(), &["resolve", "3", "--take", "server"]).await;
        assert!(status == 2 && err.contains("number 3"), "{err}");
        let (status, out, _) = ran(cellsync(), &["push"]).await;
        assert!(status == 0 && out.contains("1 accepted"), "{out}");
        for (index, text, version) in [(0, "của tỉnh", 2), (1, "của phố", 3)] {
            let member = city.get(&format!("/v1/members/{}", id(index)), &[]).await.body;
            assert_eq!((&member["occupation_current"], &member["version"]), (&json!(text), &json!(version)));
        }
        assert_eq!(ran(cellsync(), &["conflicts"]).await.1, "");
    }

    async fn a_conflict_whose_answer_was_lost_is_ended_upon_the_servers_version(server: demo) {
        let (city, province) = (server.peer("city", &ward()).await, server.peer("province", &ward()).await);
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("copy.sqlite");
        let cellsync = || cellsync(server, &city.token.token, &store);
        assert_eq!(ran(cellsync(), &["pull"]).await.0, 0);
        let members = city.get("/v1/members?limit=2", &[]).await.body["items"].clone();
        let id = |index: usize| members[index]["id"].as_str().unwrap().parse().unwrap();
        let change = |index, text: &str| update("member", id(index), 1, json!({"occupation_current": text}));
        province.write(vec![change(0, "của tỉnh")]).await;
        // The batch arrives as it is stored, and nobody reads the answer.
        let mut outbox = SqliteStore::open(&store).unwrap();
        outbox.enqueue(&[change(0, "của phố"), change(1, "của phố")]).unwrap();
        let batch = outbox.prepare(BatchLimits::default()).unwrap().unwrap();
        drop(outbox);
        let lost = city.push_raw(Some(&batch.key), String::from_utf8(batch.body.to_vec()).unwrap()).await;
        assert_eq!(lost.body["summary"], json!({"conflict": 1, "updated": 1}));

        let (status, out, _) = ran(cellsync(), &["push"]).await;
        assert!(status == 1 && out.contains("1 accepted, 1 conflicts"), "{out}");
        let (_, out, _) = ran(cellsync(), &["conflicts"]).await;
        assert!(out.contains("conflict (version), the server has version 2"), "{out}");
        assert_eq!(ran(cellsync(), &["resolve", "1", "--take", "mine"]).await.0, 0);
        let (status, out, _) = ran(cellsync(), &["push"]).await;
        assert!(status == 0 && out.contains("1 accepted"), "{out}");
        let member = city.get(&format!("/v1/members/{}", id(0)), &[]).await.body;
        assert_eq!((&member["occupation_current"], &member["version"]), (&json!("của phố"), &json!(3)));
    }

    async fn what_is_wrong_with_the_server_or_the_token_is_said(server: empty) {
        let folder = tempfile::tempdir().unwrap();
        let cellsync = |token| cellsync(server, token, &folder.path().join("copy.sqlite"));
        for address in [server.url.strip_prefix("http://").unwrap(), "localhost:1"] {
            let (status, _, err) = ran(cellsync("crt_x"), &["pull", "--server", address]).await;
            assert!(status == 2 && err.contains("must begin with http:// or https://"), "{err}");
        }
        let (status, _, err) = ran(cellsync("crt_x"), &["pull", "--server", &format!("{}/v1/", server.url)]).await;
        assert!(status == 2 && err.contains("does not take the access token"), "{err}");
        let (status, _, err) = ran(cellsync(" "), &["pull"]).await;
        assert!(status == 2 && err.contains("token is empty"), "{err}");
    }

    async fn a_state_whose_reader_has_gone_is_no_failure(server: empty) {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("copy.sqlite");
        drop(cell_records_client::sync::SqliteStore::open(&store).unwrap());
        let mut command = cellsync(server, "crt_x", &store);
        let mut child = command.arg("status").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success() && ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));
    }
}
