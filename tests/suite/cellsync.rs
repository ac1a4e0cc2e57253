//! The program `cellsync`: a conflict from its push to its end, and what it says when it is used wrongly.

use crate::push::ward;
use crate::support::actors::DAY;
use crate::support::copies::{assert_same, held, visible};
use crate::support::http::over;
use crate::support::items::{item, update};
use crate::support::{Server, on_both_engines};
use cell_records_client::sync::{BatchLimits, CopyStore, Outbox, SqliteStore};
use cell_records_client::types::Timestamp;
use cell_records_client::types::accounts::{Role, TokenCreate};
use cell_records_client::types::sync::{PushItem, PushOp};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The program with the settings of a copy.
pub fn cellsync(server: &Server, token: &str, store: &Path) -> Command {
    at(&server.url, token, store)
}

/// The same at any address.
pub fn at(server: &str, token: &str, store: &Path) -> Command {
    let own = std::env::current_exe().unwrap();
    let program = own.parent().and_then(Path::parent).unwrap().join("cellsync");
    assert!(program.exists(), "{} is missing: build it with `cargo build --workspace --bins`", program.display());
    let mut command = Command::new(program);
    command.env("CELLSYNC_SERVER", server).env("CELLSYNC_TOKEN", token).env("CELLSYNC_STORE", store);
    command.stdin(Stdio::null());
    command
}

/// Runs a command: its exit status, what it printed and what it complained of.
pub async fn ran(mut command: Command, arguments: &[&str]) -> (i32, String, String) {
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
        assert!(status == 1 && out.contains("not taken again") && out.contains("3 refused items;"), "{out}");

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

        let (_, out, _) = ran(cellsync(), &["conflicts", "2"]).await;
        for part in ["mine was built on 1, current 2", "occupation_current", "mine     \"của phố\"", "current  \"của tỉnh\""] {
            assert!(out.contains(part), "{part}: {out}");
        }
        assert_eq!(ran(cellsync(), &["conflicts", "1", "--take", "current"]).await.0, 0);
        assert_eq!(ran(cellsync(), &["conflicts", "2", "--take", "mine"]).await.0, 0);
        // What is invalid has no other side, and a version that is not known is not named.
        let (_, out, _) = ran(cellsync(), &["conflicts", "3"]).await;
        assert!(out.starts_with("3  since 2") && !out.contains("version: "), "{out}");
        assert_eq!(ran(cellsync(), &["conflicts", "3", "--take", "current"]).await.0, 2);
        assert_eq!(ran(cellsync(), &["conflicts", "3", "--drop"]).await.0, 0);
        let (status, _, err) = ran(cellsync(), &["conflicts", "3", "--drop"]).await;
        assert!(status == 2 && err.contains("number 3"), "{err}");
        let (status, out, _) = ran(cellsync(), &["push"]).await;
        assert!(status == 0 && out.contains("1 accepted"), "{out}");
        for (index, text, version) in [(0, "của tỉnh", 2), (1, "của phố", 3)] {
            let member = city.get(&format!("/v1/members/{}", id(index)), &[]).await.body;
            assert_eq!((&member["occupation_current"], &member["version"]), (&json!(text), &json!(version)));
        }
        assert_eq!(ran(cellsync(), &["conflicts"]).await.1, "nothing waits\n");
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
        assert!(status == 1 && out.contains("1 accepted, 1 conflict,"), "{out}");
        let (_, out, _) = ran(cellsync(), &["conflicts"]).await;
        assert!(out.contains("conflict (version), the server has version 2"), "{out}");
        assert_eq!(ran(cellsync(), &["conflicts", "1", "--take", "mine"]).await.0, 0);
        let (status, out, _) = ran(cellsync(), &["push"]).await;
        assert!(status == 0 && out.contains("1 accepted"), "{out}");
        let member = city.get(&format!("/v1/members/{}", id(0)), &[]).await.body;
        assert_eq!((&member["occupation_current"], &member["version"]), (&json!("của phố"), &json!(3)));
    }

    async fn what_is_stored_with_a_warning_is_said_with_its_candidates(server: demo) {
        let city = server.peer("city", &ward()).await;
        let folder = tempfile::tempdir().unwrap();
        let (store, file) = (folder.path().join("copy.sqlite"), folder.path().join("people.ndjson"));
        let cellsync = || cellsync(server, &city.token.token, &store);
        let there = city.get("/v1/members?limit=1", &[]).await.body["items"][0].clone();
        let names = ["unit_id", "full_name", "sex", "birth_date", "admission_date"];
        let fields: serde_json::Map<_, _> = names.iter().map(|name| ((*name).to_owned(), there[*name].clone())).collect();
        let write = || {
            let item = json!({"op": "create", "type": "member", "id": uuid::Uuid::now_v7(), "fields": fields});
            std::fs::write(&file, item.to_string()).unwrap();
        };
        let candidate = format!("it may be {}", there["id"].as_str().unwrap());
        write();
        let (status, out, err) = ran(cellsync(), &["push", file.to_str().unwrap()]).await;
        for part in ["warning: create member", "possible_duplicate", &candidate, "1 accepted", "stored with a warning: 1 item"] {
            assert!(status == 0 && out.contains(part), "{part}: {out}{err}");
        }
        write();
        let (_, out, _) = ran(cellsync(), &["push", file.to_str().unwrap(), "--json"]).await;
        let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let result = &lines[0]["warned"]["result"];
        assert_eq!((&result["warnings"][0]["code"], &lines[1]["warned"]), (&json!("possible_duplicate"), &json!(1)), "{out}");
        assert!(result["candidates"].as_array().unwrap().iter().any(|one| one["id"] == there["id"]), "{out}");
    }

    async fn another_choice_empties_no_copy_unasked_and_a_unit_that_is_not_found_is_said(server: demo) {
        let city = server.peer("city", &ward()).await;
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("copy.sqlite");
        let cellsync = || cellsync(server, &city.token.token, &store);
        let held = || SqliteStore::open(&store).unwrap().counts().unwrap();
        assert_eq!(ran(cellsync(), &["pull", "--types", "unit,term"]).await.0, 0);
        let before = held();
        let mistaken = ["pull", "--types", "unit,term", "--units", "ext:demo:wadr"];
        let (status, _, err) = ran(cellsync(), &mistaken).await;
        assert!(status == 2 && err.contains("units: all") && err.contains("units: ext:demo:wadr") && err.contains("--yes"), "{err}");
        assert_eq!(held(), before);
        let (status, out, err) = ran(cellsync(), &[&mistaken[..], &["--yes"]].concat()).await;
        assert!(status == 1 && out.contains("not found  ext:demo:wadr") && err.is_empty(), "{out}{err}");
        // As the copy is now, no choice is another one.
        assert_eq!(ran(cellsync(), &["pull"]).await.0, 1);
    }

    async fn a_choice_of_types_keeps_the_units_and_a_choice_of_units_the_types(server: demo) {
        let city = server.peer("city", &ward()).await;
        let folder = tempfile::tempdir().unwrap();
        let (store, config) = (folder.path().join("copy.sqlite"), folder.path().join("config.toml"));
        std::fs::write(&config, "[profile.cell]\nunits = [\"ext:demo:cell-01\"]\n").unwrap();
        let cellsync = || {
            let mut command = cellsync(server, &city.token.token, &store);
            command.env("CELLSYNC_CONFIG", &config);
            command
        };
        let held = || {
            let store = SqliteStore::open(&store).unwrap();
            (store.state().unwrap().filter, store.counts().unwrap())
        };
        let counted = async |kind: &str| {
            let list = format!("/v1/{kind}?unit=ext:demo:cell-01&subtree=true&count=exact&limit=1");
            city.get(&list, &[]).await.body["total"].as_i64().unwrap()
        };
        assert_eq!(ran(cellsync(), &["pull", "--profile", "cell", "--types", "member"]).await.0, 0);
        let (filter, counts) = held();
        assert_eq!((filter.types, filter.units), (vec!["member".to_owned()], vec!["ext:demo:cell-01".to_owned()]));
        assert_eq!(counts, [("member".to_owned(), counted("members").await)].into());
        // What the copy was begun with stays too, without a profile.
        assert_eq!(ran(cellsync(), &["pull", "--types", "position", "--yes"]).await.0, 0);
        assert_eq!(held().1, [("position".to_owned(), counted("positions").await)].into());
        assert_eq!(ran(cellsync(), &["pull", "--units", "ext:demo:ward", "--yes"]).await.0, 0);
        assert_eq!(held().1.keys().collect::<Vec<_>>(), ["position"]);
    }

    async fn that_a_token_has_no_grant_is_said(server: demo) {
        let city = server.peer("city", &[]).await;
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("copy.sqlite");
        let cellsync = || cellsync(server, &city.token.token, &store);
        let (status, out, err) = ran(cellsync(), &["pull"]).await;
        assert!(status == 1 && out.contains("0 records held"), "{out}");
        assert_eq!(err, "WARNING: the token has no grant: ask the administrator\n");
        let (status, _, err) = ran(cellsync(), &["pull", "--json"]).await;
        let said: Value = serde_json::from_str(&err).unwrap();
        assert_eq!((status, said), (1, json!({"warning": "the token has no grant: ask the administrator"})));
        // With a grant a copy may be empty for another reason.
        server.grant(&city, over(Role::ExchangePeer, "ext:demo:ward")).await;
        let (status, out, err) = ran(cellsync(), &["pull", "--units", "ext:demo:wadr", "--yes"]).await;
        assert_eq!((status, err), (1, String::new()), "{out}");
        assert!(out.contains("0 records held") && out.contains("not found  ext:demo:wadr"), "{out}");
    }

    async fn a_refused_item_is_shown_beside_the_record_that_its_external_id_names(server: demo) {
        let city = server.peer("city", &ward()).await;
        let folder = tempfile::tempdir().unwrap();
        let (store, file) = (folder.path().join("copy.sqlite"), folder.path().join("change.ndjson"));
        let cellsync = || cellsync(server, &city.token.token, &store);
        assert_eq!(ran(cellsync(), &["pull", "--types", "member"]).await.0, 0);
        let item = json!({"op": "update", "type": "member", "id": "ext:demo:member-0011", "if_version": 1, "fields": {"birth_date": "2199-01-01"}});
        std::fs::write(&file, format!("{item}\nno item\n")).unwrap();
        let push = ["push", file.to_str().unwrap()];
        let (status, _, err) = ran(cellsync(), &push).await;
        assert!(status == 2 && err.contains("line 2: not JSON, from column 2 on") && err.contains("1 line wrong"), "{err}");
        std::fs::write(&file, item.to_string()).unwrap();
        assert_eq!(ran(cellsync(), &push).await.0, 1);
        let held = city.get("/v1/members/ext:demo:member-0011", &[]).await.body["birth_date"].clone();
        let (_, out, _) = ran(cellsync(), &["conflicts", "1"]).await;
        assert!(out.contains("\nversion: mine was built on 1, the copy has 1\n") && out.contains(&format!("current  {held} (the copy's)")), "{out}");
    }

    async fn what_is_wrong_with_the_server_or_the_token_is_said(server: empty) {
        let folder = tempfile::tempdir().unwrap();
        let cellsync = |token| cellsync(server, token, &folder.path().join("copy.sqlite"));
        for address in [server.url.strip_prefix("http://").unwrap(), "localhost:1"] {
            let (status, _, err) = ran(cellsync("crt_x"), &["pull", "--server", address]).await;
            assert!(status == 2 && err.contains("must begin with http:// or https://"), "{err}");
        }
        let (status, _, err) = ran(cellsync("crt_x"), &["pull", "--server", &format!("{}/v1/", server.url)]).await;
        assert!(status == 4 && err.contains("does not take the access token"), "{err}");
        let (status, _, err) = ran(cellsync(" "), &["pull"]).await;
        assert!(status == 2 && err.contains("token is empty"), "{err}");
        for (address, advice) in [
            ("http://127.0.0.1:1".to_owned(), "Nothing listens there"),
            ("http://no-such-host.invalid".to_owned(), "There is no host of this name"),
            (server.url.replace("http://", "https://"), "does not speak TLS"),
        ] {
            let (status, _, err) = ran(cellsync("crt_x"), &["pull", "--server", &address, "--json"]).await;
            let said: Value = serde_json::from_str(err.lines().last().unwrap()).unwrap();
            assert!(status == 3 && said["advice"].as_str().unwrap().contains(advice), "{err}");
        }
    }

    async fn a_copy_that_differs_is_found_and_repaired(server: demo) {
        let city = server.peer("city", &ward()).await;
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("copy.sqlite");
        let cellsync = || cellsync(server, &city.token.token, &store);
        assert_eq!(ran(cellsync(), &["pull"]).await.0, 0);
        let (status, out, _) = ran(cellsync(), &["check"]).await;
        assert!(status == 0 && out.contains("the copy is what the server has"), "{out}");

        let db = rusqlite::Connection::open(&store).unwrap();
        let last = |kind| db.query_row("SELECT max(id) FROM records WHERE type = ?1", [kind], |row| row.get::<_, String>(0)).unwrap();
        let (member, unit, term) = (last("member"), last("unit"), last("term"));
        let surplus = uuid::Uuid::now_v7().to_string();
        db.execute("DELETE FROM records WHERE id = ?1", [&member]).unwrap();
        db.execute("UPDATE records SET version = 9 WHERE id = ?1", [&unit]).unwrap();
        db.execute("INSERT INTO records SELECT type, ?2, version, unit_id, body, seen, pushed FROM records WHERE id = ?1", [&term, &surplus]).unwrap();
        drop(db);
        let (status, out, _) = ran(cellsync(), &["check"]).await;
        assert_eq!(status, 1, "{out}");
        for part in [
            format!("member {member} of unit"), "the copy absent, the server version 1".into(),
            format!("unit {unit} of unit"), "the copy version 9, the server version 1".into(),
            format!("term {surplus} of unit"), "the copy version 1, the server absent".into(),
            "member: the copy holds 1,167, the server 1,168, 1 differ".into(),
        ] {
            assert!(out.contains(&part), "{part}: {out}");
        }
        let (_, out, _) = ran(cellsync(), &["check", "--json"]).await;
        let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((lines.len(), &lines[0]["types"]["term"]["differing"]), (4, &json!(1)));
        // It is repaired in place: no snapshot is taken.
        let place = || SqliteStore::open(&store).unwrap().state().unwrap();
        let (snapshot, generation) = (place().snapshot, place().generation);
        let (status, out, err) = ran(cellsync(), &["check", "--repair"]).await;
        assert!(status == 0 && out.contains("the copy was repaired, and is what the server has"), "{out}{err}");
        assert_eq!((place().snapshot, place().generation), (snapshot, generation));
        assert_same(&held(&SqliteStore::open(&store).unwrap()), &visible(&city.client).await, "repaired");
        assert_eq!(ran(cellsync(), &["check"]).await.0, 0);

        // Where much is lost, everything is loaded again.
        rusqlite::Connection::open(&store).unwrap().execute("DELETE FROM records WHERE type IN ('unit', 'member')", []).unwrap();
        let (status, out, err) = ran(cellsync(), &["check", "--repair"]).await;
        assert!(status == 0 && out.contains("the copy was loaded again, and is what the server has"), "{out}{err}");
        assert_ne!(place().snapshot, snapshot);
    }

    async fn a_token_that_ends_soon_is_said_once_a_run(server: demo) {
        let city = server.peer("city", &ward()).await;
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("copy.sqlite");
        let pulled = ran(cellsync(server, &city.token.token, &store), &["pull"]).await;
        assert_eq!((pulled.0, pulled.2), (0, String::new()));
        let expires_at = Some(Timestamp::from_micros(Timestamp::now().micros() + 10 * DAY));
        let ending = TokenCreate { expires_at, ..TokenCreate::new("ending") };
        let token = server.admin().systems().create_token(city.system.id, &ending).await.unwrap();
        let cellsync = || cellsync(server, &token.token, &store);
        for (command, ends) in [(&["pull"][..], 0), (&["whoami"], 0), (&["check"], 0), (&["pull", "--types", "nothing", "--yes"], 5)] {
            let (status, _, err) = ran(cellsync(), command).await;
            let said = err.lines().filter(|line| line.starts_with("WARNING: the token expires at 2") && line.contains(", in 9 days: "));
            assert_eq!((status, said.count()), (ends, 1), "{command:?}: {err}");
        }
        let (_, _, err) = ran(cellsync(), &["whoami", "--json"]).await;
        let said: Value = serde_json::from_str(&err).unwrap();
        assert_eq!(said["token_expires_at"], json!(token.expires_at), "{err}");
        assert!(said["warning"].as_str().unwrap().contains("the token expires"), "{err}");
    }

    async fn a_profile_names_the_copy_which_is_exported_and_followed(server: demo) {
        let city = server.peer("city", &ward()).await;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(at("token"), &city.token.token).unwrap();
        let profile = format!("[profile.city]\nserver = \"{}\"\nstore = \"copy.sqlite\"\ntoken_file = \"token\"\ntypes = [\"unit\", \"member\"]\n", server.url);
        std::fs::write(at("config.toml"), profile).unwrap();
        let cellsync = || {
            let mut command = cellsync(server, "", Path::new(""));
            for name in ["CELLSYNC_SERVER", "CELLSYNC_TOKEN", "CELLSYNC_STORE"] {
                command.env_remove(name);
            }
            command.env("CELLSYNC_CONFIG", at("config.toml")).env("CELLSYNC_PROFILE", "city");
            command
        };
        #[cfg(unix)]
        for (mode, is_open) in [(0o644, true), (0o600, false)] {
            std::fs::set_permissions(at("token"), std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
            let (status, _, err) = ran(cellsync(), &["whoami"]).await;
            assert_eq!((status, err.contains("others may read") && err.contains("chmod 600")), (0, is_open), "{err}");
        }
        let (status, out, err) = ran(cellsync(), &["whoami"]).await;
        let unit = city.get("/v1/units/ext:demo:ward", &[]).await.body;
        let grant = format!("grant    exchange_peer of {} ({}) and all below", unit["name"].as_str().unwrap(), unit["id"].as_str().unwrap());
        assert!(status == 0 && out.contains("account  system city") && out.contains(&grant), "{out}{err}");
        let (_, out, _) = ran(cellsync(), &["pull", "--json"]).await;
        let pulled: Value = serde_json::from_str(&out).unwrap();
        assert!(pulled["held"] == pulled["stored"] && pulled["current"] == true, "{out}");
        let (_, out, _) = ran(cellsync(), &["status", "--json"]).await;
        let held = serde_json::from_str::<Value>(&out).unwrap()["held"].clone();
        assert_eq!(held.as_object().unwrap().keys().collect::<Vec<_>>(), ["member", "unit"]);

        let (_, out, _) = ran(cellsync(), &["export", "--types", "member"]).await;
        let records: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&json!(records.len()), &records[0]["type"]), (&held["member"], &json!("member")));
        // What is wrongly asked for empties no file.
        std::fs::write(at("kept.csv"), "kept").unwrap();
        assert_eq!(ran(cellsync(), &["export", "--format", "csv", "-o", &at("kept.csv")]).await.0, 2, "one type");
        assert_eq!(std::fs::read_to_string(at("kept.csv")).unwrap(), "kept");
        let (status, _, err) = ran(cellsync(), &["export", "--format", "csv", "--types", "member", "-o", &at("members.csv")]).await;
        let table = std::fs::read_to_string(at("members.csv")).unwrap();
        assert!(status == 0 && table.starts_with("id,type,version,unit_id,created_at,updated_at,full_name,"), "{err}{table:.200}");
        assert!(table.contains(records[0]["full_name"].as_str().unwrap()));
        // It holds personal data.
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(at("members.csv")).unwrap().permissions()) & 0o777, 0o600);

        // A write wakes the watch; the command gets the change, and ends the watch.
        let change = update("member", records[0]["id"].as_str().unwrap().parse().unwrap(), 1, json!({"occupation_current": "Nghỉ hưu"}));
        server.peer("province", &ward()).await.write(vec![change]).await;
        let follow = format!("cat >> {}; kill -TERM $PPID", at("changes"));
        let (status, out, err) = ran(cellsync(), &["watch", "--exec", &follow]).await;
        assert!(status == 0 && out.contains("1 change, cursor current"), "{out}{err}");
        let told: Value = serde_json::from_str(std::fs::read_to_string(at("changes")).unwrap().trim()).unwrap();
        assert_eq!(told, json!({"event": "upserted", "type": "member", "id": records[0]["id"], "version": 2}));
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
