//! The examples of the client crate, run against a server.

use crate::cellsync::ran;
use crate::push::ward;
use crate::support::copies::visible;
use crate::support::items::{delete, member, update};
use crate::support::ward::ROOT;
use crate::support::{Data, Server, on_both_engines};
use cell_records_client::types::TypeInfo;
use cell_records_client::types::accounts::Role;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use uuid::Uuid;

fn example(server: &Server, token: &str, name: &str, folder: &Path) -> Command {
    let own = std::env::current_exe().unwrap();
    let program = own.parent().and_then(Path::parent).unwrap().join("examples").join(name);
    assert!(program.exists(), "{} is missing: build it with `cargo build --workspace --examples`", program.display());
    let mut command = Command::new(program);
    command.env("CELL_RECORDS_SERVER", &server.url).env("CELL_RECORDS_TOKEN", token).current_dir(folder);
    command
}

/// An example that goes on until it is killed, with this value.
struct Endless {
    child: Child,
    lines: Receiver<String>,
}

impl Endless {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let (say, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        Endless { child, lines }
    }

    /// The next line that it prints.
    #[track_caller]
    fn line(&self) -> String {
        self.lines.recv_timeout(Duration::from_secs(60)).expect("a line")
    }

    /// Waits for this line, among the next hundred.
    #[track_caller]
    fn says(&self, wanted: &str) {
        let mut said = Vec::new();
        while said.last().is_none_or(|line: &String| !line.contains(wanted)) {
            assert!(said.len() < 100, "not {wanted}: {said:?}");
            said.push(
                self.lines.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| panic!("not {wanted}: {said:?}")),
            );
        }
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

on_both_engines! {
    async fn the_examples_of_the_client_do_what_they_say(server: demo) {
        let city = server.peer("city", &ward()).await;
        let folder = tempfile::tempdir().unwrap();
        let run = |name| ran(example(server, &city.token.token, name, folder.path()), &[]);
        let (status, out, err) = run("list_and_patch").await;
        assert!(status == 0 && out.contains("version 1 became 2") && out.contains("refused: it is version 2 now"), "{out}{err}");
        let (status, out, err) = run("blocking").await;
        assert!(status == 0 && out.contains(" sees "), "{out}{err}");
        let (status, out, err) = run("own_store").await;
        assert!(status == 0 && out.contains(" stored, 0 removed, 0 swept"), "{out}{err}");
    }
    async fn the_example_that_follows_says_what_came_first_and_what_changed_then(server: demo) {
        let (city, province) = (server.peer("city", &ward()).await, server.peer("province", &ward()).await);
        let folder = tempfile::tempdir().unwrap();
        let start = || Endless::start(example(server, &city.token.token, "follow", folder.path()));
        let held = |types: &[&str]| types.iter().map(|kind| server.database.count(&format!("FROM {kind}"))).sum::<i64>();
        let first = start();
        first.says(" stored, 0 removed, 0 swept");
        let new = Uuid::now_v7();
        province.write(vec![member(new, "ext:demo:cell-01", "Trần Thị Theo")]).await;
        assert_eq!(first.line(), "1 changes");
        drop(first);
        // What changed while it was away comes first.
        province.write(vec![update("member", new, 1, json!({"occupation_current": "Giáo viên"}))]).await;
        let second = start();
        second.says("1 stored, 0 removed, 0 swept");
        province.write(vec![delete("member", new, 2)]).await;
        assert_eq!(second.line(), "1 changes");
        drop(second);
        let copy = rusqlite::Connection::open(folder.path().join("copy.sqlite")).unwrap();
        let count: i64 = copy.query_row("SELECT count(*) FROM records", [], |row| row.get(0)).unwrap();
        // All but the units above the ward are in the token's scope.
        assert!(count > held(&["members"]) && count <= held(&["members", "units"]), "{count}");
    }

    async fn the_example_that_relays_carries_records_and_their_changes_to_another_server(server: demo) {
        let target = server.elsewhere(Data::empty, "tinh").await;
        let (from, to) = (server.acting(Role::ExchangePeer, ROOT).await, target.acting(Role::CommitteeOffice, ROOT).await);
        let folder = tempfile::tempdir().unwrap();
        let command = || {
            let mut command = example(server, from.token.as_ref().unwrap(), "relay", folder.path());
            command.env("CELL_RECORDS_TARGET", &target.url).env("CELL_RECORDS_TARGET_TOKEN", to.token.as_ref().unwrap());
            command
        };
        const CARRIED: [&str; 9] = [
            "unit", "member", "term", "position", "evaluation_scheme", "evaluation_round", "member_evaluation", "unit_evaluation", "reported_figure",
        ];
        // What both servers tell apart, and what a relay does not carry, is left out.
        let records = async |server: &Server, token: &Option<String>| -> BTreeMap<_, _> {
            let client = server.client().access_token(token.as_ref().unwrap()).build().unwrap();
            let carried = |(key, mut record): ((&'static str, Uuid), Map<String, Value>)| {
                let fields = TypeInfo::named(key.0).unwrap().fields;
                record.retain(|name, _| name == "unit_id" || name != "steps" && fields.iter().any(|field| field.name == name && !field.managed));
                (key, record)
            };
            visible(&client).await.into_iter().filter(|((kind, _), _)| CARRIED.contains(kind)).map(carried).collect()
        };
        let relay = Endless::start(command());
        // The units that both servers begin with are carried, too, and change nothing.
        let all = records(server, &from.token).await;
        let mut carried = 0;
        while carried < all.len() {
            let line = relay.line();
            let [some, refused] = [" carried, ", " refused"].map(|word| line.split_once(word).unwrap().0.rsplit(' ').next().unwrap().parse::<usize>().unwrap());
            assert_eq!(refused, 0, "{line}");
            carried += some;
        }
        assert!(all == records(&target, &to.token).await);
        // It is killed, and goes on where it was.
        drop(relay);
        let province = server.peer("province", &ward()).await;
        let new = Uuid::now_v7();
        province.write(vec![member(new, "ext:demo:cell-01", "Trần Thị Chuyển")]).await;
        let relay = Endless::start(command());
        relay.says("1 carried, 0 refused");
        province.write(vec![update("member", new, 1, json!({"occupation_current": "Giáo viên"}))]).await;
        relay.says("1 carried, 0 refused");
        let there = records(&target, &to.token).await;
        assert_eq!(there[&("member", new)]["occupation_current"], "Giáo viên");
        province.write(vec![delete("member", new, 2)]).await;
        relay.says("1 carried, 0 refused");
        assert!(all == records(&target, &to.token).await);
        target.running.handle.stop(false).await;
    }
}
