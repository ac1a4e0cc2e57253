//! How servers and commands begin: which databases they make, take and refuse, and what they say.

use crate::support::database::TestDatabase;
use crate::support::process::{Process, program, ran};
use crate::support::{Engine, on_both_engines};
use cell_records_server::db::Url;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The file of a SQLite database with the files next to it.
fn files(file: &Path) -> Vec<PathBuf> {
    ["", "-wal", "-shm"].map(|suffix| PathBuf::from(format!("{}{suffix}", file.display()))).to_vec()
}

on_both_engines! {
    async fn commands_on_accounts_make_no_database(server: empty) {
        let nothing = TestDatabase::nothing(server.engine);
        for command in [&["user", "list"][..], &["system", "list"], &["token", "list", "demo"], &["user", "add", "an"]] {
            let ended = ran(&nothing, command);
            assert!(!ended.success && ended.out.is_empty(), "{command:?}: {}", ended.out);
            assert!(ended.err.contains("cell-records serve"), "{command:?}: {}", ended.err);
        }
        if let Url::Sqlite(file) = &nothing.url {
            assert!(!file.exists());
        }
        // What is migrated but was never started has nobody to administer it.
        let ended = ran(&nothing, &["migrate"]);
        assert!(ended.success && ended.out.contains("migrations run"), "{}", ended.err);
        let ended = ran(&nothing, &["user", "list"]);
        assert!(!ended.success && ended.err.contains("first start"), "{}", ended.err);
        // While a server runs they work.
        let ended = ran(&server.database, &["user", "list"]);
        assert!(ended.success && ended.out.contains("admin"), "{}", ended.err);
    }

    async fn a_database_of_something_else_is_left_as_it_is(server: empty) {
        let foreign = TestDatabase::nothing(server.engine);
        foreign.sql(&["CREATE TABLE invoices (id integer)".into()]);
        if let Url::Sqlite(file) = &foreign.url {
            std::fs::set_permissions(file, PermissionsExt::from_mode(0o600)).unwrap();
        }
        for command in [&["migrate"][..], &["serve"], &["demo"], &["user", "list"]] {
            let ended = ran(&foreign, command);
            assert!(!ended.success && ended.err.contains("something else"), "{command:?}: {}", ended.err);
        }
        // None of our tables is there.
        foreign.sql(&["CREATE TABLE units (id integer)".into(), "CREATE TABLE sync_clock (id integer)".into()]);
    }

    async fn a_database_that_is_not_in_utf_8_is_left_as_it_is(server: empty) {
        if server.engine == Engine::Sqlite {
            // Each of its encodings holds every character.
            return;
        }
        for encoding in ["LATIN1", "SQL_ASCII"] {
            let other = TestDatabase::encoded(encoding);
            for command in [&["migrate"][..], &["serve"], &["demo"], &["user", "list"]] {
                let ended = ran(&other, command);
                assert!(!ended.success && ended.err.contains("ENCODING 'UTF8'"), "{command:?}: {}", ended.err);
                assert!(ended.err.contains(encoding), "{command:?}: {}", ended.err);
            }
            assert_eq!(other.count("FROM pg_class WHERE relnamespace = 'public'::regnamespace"), 0);
        }
    }

    async fn a_schema_newer_than_the_program_is_refused(server: empty) {
        let newer = server.backup();
        let applied = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99999999999999')";
        newer.sql(&[applied.into()]);
        for command in [&["migrate"][..], &["serve"], &["user", "list"]] {
            let ended = ran(&newer, command);
            assert!(!ended.success && ended.err.contains("newer program"), "{command:?}: {}", ended.err);
        }
    }

    async fn a_database_file_has_one_server(server: empty) {
        let second = server.second().await;
        match server.engine {
            Engine::Sqlite => assert!(second.err().unwrap().contains("another server")),
            Engine::Postgres => second.unwrap().stop().await,
        }
        // The first continues, and when it has ended another may start.
        server.nobody().get("/readyz").await.is(200);
        server.running.handle.stop(true).await;
        server.second().await.unwrap().stop().await;
    }

    async fn the_demo_is_put_beside_other_units_only_when_that_is_asked_for(server: empty) {
        server.ward().await;
        for command in [&["demo"][..], &["serve", "--demo"]] {
            let copy = server.backup();
            let ended = ran(&copy, command);
            assert!(!ended.success && ended.err.contains("--yes"), "{command:?}: {}", ended.err);
        }
        let ended = ran(&server.database, &["demo", "--yes"]);
        assert!(ended.success && ended.out.contains("the demo is loaded"), "{}", ended.err);
        let ended = ran(&server.database, &["demo"]);
        assert!(ended.success && ended.out.contains("there already"), "{}", ended.err);
    }

    async fn the_demo_has_users_whose_passwords_are_shown_once(server: empty) {
        let ended = ran(&server.database, &["demo"]);
        let users: Vec<Vec<&str>> = ended.out.lines().filter(|line| line.starts_with("  ")).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(users.len(), 4, "{}{}", ended.out, ended.err);
        for user in users {
            let logged_in = server.logged_in(user[0], user[1]).await;
            let members = logged_in.get("/v1/members?count=exact").await;
            match user[2] {
                "frontend_reader" => drop(members.refused(403, "type_not_readable")),
                "cell_secretary" => assert_eq!(members.is(200).body["total"], 62),
                _ => assert_eq!(members.is(200).body["total"], 1168, "{user:?}"),
            };
        }
        let again = ran(&server.database, &["demo"]);
        assert!(again.success && !again.out.contains("password"), "{}", again.out);
    }

    async fn the_line_of_the_start_says_what_runs_on_what(server: empty) {
        server.running.handle.stop(true).await;
        let process = Process::start(&server.database);
        let said = process.said();
        let line = said.iter().find(|line| line.contains("listening on http://")).unwrap();
        let engine = if server.engine == Engine::Sqlite { "on SQLite 3." } else { "on PostgreSQL " };
        let database = server.database.url.to_string();
        for part in [env!("CARGO_PKG_VERSION"), engine, &database, "schema 0", "0 migrations run now", &process.address] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }

    async fn a_database_that_others_may_read_is_refused_unless_that_is_allowed(server: empty) {
        let Url::Sqlite(file) = &server.database.url else { return };
        server.ward().await;
        for file in files(file) {
            assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600, "{}", file.display());
        }
        let copy = server.backup();
        let Url::Sqlite(file) = &copy.url else { return };
        std::fs::set_permissions(file, PermissionsExt::from_mode(0o644)).unwrap();
        for command in [&["serve"][..], &["migrate"], &["user", "list"]] {
            let ended = ran(&copy, command);
            assert!(!ended.success && ended.err.contains("chmod 600"), "{command:?}: {}", ended.err);
        }
        let allowed = program(&copy)
            .args(["user", "list"])
            .env("CELL_RECORDS_DATABASE_READABLE_BY_OTHERS", "true")
            .output()
            .unwrap();
        assert!(allowed.status.success(), "{}", String::from_utf8_lossy(&allowed.stderr));
    }

    async fn errors_of_the_database_come_with_their_cause(server: empty) {
        let ran = match &server.database.url {
            Url::Sqlite(_) => {
                let output = program(&server.database)
                    .args(["migrate", "--database-url", "sqlite:///proc/cell-records/ward.db"])
                    .output();
                String::from_utf8(output.unwrap().stderr).unwrap()
            }
            Url::Postgres(url) => {
                let missing = format!("{url}_missing");
                let output = program(&server.database).args(["migrate", "--database-url", &missing]).output();
                String::from_utf8(output.unwrap().stderr).unwrap()
            }
        };
        let cause = if server.engine == Engine::Sqlite { "No such file" } else { "does not exist" };
        assert!(ran.contains(cause), "{ran}");
    }
}
