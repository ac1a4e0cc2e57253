//! The command line: what it refuses, what it prints, and the keys.

use crate::support::database::TestDatabase;
use crate::support::http::Reply;
use crate::support::process::program;
use crate::support::server::{PASSWORD, config};
use crate::support::{Server, on_both_engines};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use cell_records_client::types::accounts::CallerKind;
use cell_records_server::auth::keys::MasterKey;
use cell_records_server::db::Url;
use cell_records_server::server;
use serde_json::Value;
use std::process::{Command, Output, Stdio};

/// Runs the program on the test's database, while the server runs.
fn command(server: &Server, arguments: &[&str]) -> Output {
    let own = std::env::current_exe().unwrap();
    let program = own.parent().and_then(std::path::Path::parent).unwrap().join("cell-records");
    assert!(program.exists(), "{} is missing: build it with `cargo build --workspace --bins`", program.display());
    let database = match &server.database.url {
        Url::Sqlite(file) => format!("sqlite://{}", file.display()),
        Url::Postgres(url) => url.clone(),
    };
    Command::new(program).args(arguments).env("CELL_RECORDS_DATABASE_URL", database).output().unwrap()
}

/// What it prints, when it goes well; else why not.
fn printed(output: &Output) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    assert_eq!(text(&output.stdout), "", "nothing is printed before it fails");
    Err(text(&output.stderr))
}

fn kid(login: &Reply) -> String {
    let header = login.body["access_token"].as_str().unwrap().split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

fn master(byte: u8) -> MasterKey {
    MasterKey::parse(&BASE64_STANDARD.encode([byte; 32])).unwrap()
}

on_both_engines! {
    async fn a_password_is_shown_once_it_is_the_users(server: empty) {
        let unknown = printed(&command(server, &["user", "password", "nobody"])).unwrap_err();
        assert!(unknown.contains("there is no user nobody"), "{unknown}");
        let taken = printed(&command(server, &["user", "add", "admin"])).unwrap_err();
        assert!(taken.contains("taken"), "{taken}");
        let made = printed(&command(server, &["user", "add", "thu-ky"])).unwrap();
        let set = printed(&command(server, &["user", "password", "thu-ky"])).unwrap();
        assert_ne!(made, set);
        server.logged_in("thu-ky", set.trim().strip_prefix("password: ").unwrap()).await;
    }

    async fn a_list_whose_reader_has_gone_ends_quietly(server: empty) {
        let mut child = program(&server.database)
            .args(["user", "list"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
        assert!(ended.status.success());
    }

    async fn a_system_is_registered_once(server: empty) {
        let add = |more: &[&str]| {
            let arguments = [&["system", "add", "Tỉnh Nghệ An", "--contact", "a", "--purpose", "b"], more].concat();
            printed(&command(server, &arguments))
        };
        assert_eq!(add(&[]).unwrap(), "tinh-nghe-an\n");
        let again = add(&[]).unwrap_err();
        assert!(again.contains("tinh-nghe-an is registered already") && again.contains("--code"), "{again}");
        assert_eq!(add(&["--code", "tinh-2"]).unwrap(), "tinh-2\n");
        assert_eq!(server.operator().list(CallerKind::System).await.unwrap().len(), 2);
    }

    async fn a_token_is_revoked_by_its_id_and_another_name_of_it_says_where_that_is(server: empty) {
        printed(&command(server, &["system", "add", "Phố", "--contact", "a", "--purpose", "b"])).unwrap();
        let issued = printed(&command(server, &["token", "issue", "pho", "--name", "a"])).unwrap();
        let (id, secret) = issued.trim().split_once("  ").unwrap();
        for wrong in [secret, &secret[..12]] {
            let why = printed(&command(server, &["token", "revoke", "pho", wrong])).unwrap_err();
            assert!(why.contains("TOKEN_ID") && why.contains("token list CODE"), "{why}");
        }
        printed(&command(server, &["token", "revoke", "pho", id])).unwrap();
        assert!(printed(&command(server, &["token", "list", "pho"])).unwrap().contains("revoked"));
    }

    async fn the_last_administrator_is_disabled_only_with_yes(server: empty) {
        let refused = printed(&command(server, &["user", "disable", "admin"])).unwrap_err();
        assert!(refused.contains("--yes"), "{refused}");
        server.login("admin", PASSWORD).await.is(200);
        printed(&command(server, &["user", "disable", "admin", "--yes"])).unwrap();
        server.login("admin", PASSWORD).await.refused(401, "login_failed");
        printed(&command(server, &["user", "disable", "admin", "--undo"])).unwrap();
        server.login("admin", PASSWORD).await.is(200);
    }

    async fn a_new_signing_key_takes_over_on_every_server_while_the_old_one_verifies(server: empty) {
        // A SQLite file has one server.
        let other = if server.engine == crate::support::Engine::Sqlite { None } else { Some(server.another().await) };
        let all: Vec<&crate::support::Server> = std::iter::once(server).chain(&other).collect();
        let before = server.login("admin", PASSWORD).await.is(200);
        let rotated = printed(&command(server, &["keys", "rotate"])).unwrap();
        let new = rotated.trim().strip_prefix("signing key ").unwrap().to_owned();
        assert_ne!(new, kid(&before));
        // Nobody is logged out by it.
        for of in &all {
            of.bearer(before.body["access_token"].as_str()).get("/v1/me").await.is(200);
        }
        let start = std::time::Instant::now();
        let after = loop {
            let login = server.login("admin", PASSWORD).await.is(200);
            if kid(&login) == new {
                break login;
            }
            assert!(start.elapsed() < std::time::Duration::from_secs(2), "the new key does not take over");
        };
        for of in &all {
            of.bearer(after.body["access_token"].as_str()).becomes("/v1/me", 200).await;
            let published = of.nobody().get("/.well-known/jwks.json").await.is(200).body;
            let published: Vec<&str> = published["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect();
            assert_eq!(published, [new.as_str(), &kid(&before)]);
        }
        if let Some(other) = &other {
            other.running.handle.stop(false).await;
        }
    }

    async fn a_master_key_that_is_set_later_wraps_the_keys(server: empty) {
        let before = server.login("admin", PASSWORD).await.is(200);
        let mut with = config(&server.database.url);
        with.accounts.master_key = Some(master(7));
        let opened = server::open(&with).await.unwrap();
        assert_eq!(opened.shared.keys.signing().current.kid, kid(&before));
        let why = server::open(&config(&server.database.url)).await.err().unwrap();
        assert!(why.contains("CELL_RECORDS_MASTER_KEY"), "{why}");
        // Another master key takes its place by a rotation.
        let operator = cell_records_server::operator::Operator::new(opened);
        let new = operator.rotate_keys(Some(master(8))).await.unwrap();
        assert!(server::open(&with).await.is_err());
        with.accounts.master_key = Some(master(8));
        assert_eq!(server::open(&with).await.unwrap().shared.keys.signing().current.kid, new);
    }

    async fn of_several_first_starts_one_makes_the_password(server: empty) {
        let engine = server.engine;
        // Its runtime cannot be started inside the test's.
        let database = std::thread::spawn(move || TestDatabase::template(engine, "first_starts")).join().unwrap();
        let mut config = config(&database.url);
        config.accounts.admin_password = Some("hunter2".into());
        let why = server::open(&config).await.err().unwrap();
        assert!(why.contains("12 characters") && !why.contains("hunter2"), "{why}");
        config.accounts.admin_password = None;
        let (a, b, c) = tokio::join!(server::open(&config), server::open(&config), server::open(&config));
        let opened = [a.unwrap(), b.unwrap(), c.unwrap()];
        assert_eq!(opened.iter().filter(|one| one.admin_password.is_some()).count(), 1);
        let keys = opened.each_ref().map(|one| one.shared.keys.signing().current.kid.clone());
        assert!(keys.iter().all(|kid| *kid == keys[0]), "all have the same signing key");
        assert!(server::open(&config).await.unwrap().admin_password.is_none());
    }
}
