//! The examples of the client crate, run against a server.

use crate::cellsync::ran;
use crate::push::ward;
use crate::support::{Server, on_both_engines};
use std::path::Path;
use std::process::Command;

fn example(server: &Server, token: &str, name: &str, folder: &Path) -> Command {
    let own = std::env::current_exe().unwrap();
    let program = own.parent().and_then(Path::parent).unwrap().join("examples").join(name);
    assert!(program.exists(), "{} is missing: build it with `cargo build --workspace --examples`", program.display());
    let mut command = Command::new(program);
    command.env("CELL_RECORDS_SERVER", &server.url).env("CELL_RECORDS_TOKEN", token).current_dir(folder);
    command
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
}
