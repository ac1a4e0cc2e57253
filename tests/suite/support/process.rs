//! The programs as processes of their own: a server on a test's database, and the command line.

use super::database::TestDatabase;
use super::peers::Peer;
use cell_records_client::{Client, RetryPolicy};
use cell_records_server::db::Url;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What has not happened by then never happens.
const SOON: Duration = Duration::from_secs(30);

/// A process of the server, which is killed with this value.
pub struct Process {
    child: Child,
    /// Where it listens.
    pub address: String,
    /// What it wrote to standard error.
    said: Arc<Mutex<Vec<String>>>,
}

/// The program on a database, with the settings of tests.
pub fn program(database: &TestDatabase) -> Command {
    let own = std::env::current_exe().unwrap();
    let program = own.parent().and_then(std::path::Path::parent).unwrap().join("cell-records");
    assert!(program.exists(), "{} is missing: build it with `cargo build --workspace --bins`", program.display());
    let url = match &database.url {
        Url::Sqlite(file) => format!("sqlite://{}", file.display()),
        Url::Postgres(url) => url.clone(),
    };
    let mut command = Command::new(program);
    command
        .env("CELL_RECORDS_DATABASE_URL", url)
        .env("CELL_RECORDS_LISTEN", "127.0.0.1:0")
        .env("CELL_RECORDS_WORKERS", "1")
        .env("CELL_RECORDS_LOG", "info")
        .stdin(Stdio::null());
    command
}

/// What a command that runs to its end did.
pub struct Ran {
    /// Whether it says that all went well.
    pub success: bool,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs a command on a database to its end.
pub fn ran(database: &TestDatabase, arguments: &[&str]) -> Ran {
    let Output { status, stdout, stderr } = program(database).args(arguments).output().unwrap();
    Ran { success: status.success(), out: String::from_utf8(stdout).unwrap(), err: String::from_utf8(stderr).unwrap() }
}

impl Process {
    /// Starts a server on a database, whose other server must have stopped.
    pub fn start(database: &TestDatabase) -> Self {
        Process::started(database, "info")
    }

    /// The same with a setting of the log.
    pub fn started(database: &TestDatabase, log: &str) -> Self {
        let mut child = program(database)
            .arg("serve")
            .env("CELL_RECORDS_LOG", log)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut begun = Vec::new();
        let address = loop {
            let Some(line) = lines.next() else { panic!("the server did not start: {begun:#?}") };
            let address = line.split_once("listening on http://").map(|(_, address)| address.trim().to_owned());
            begun.push(line);
            if let Some(address) = address {
                break address;
            }
        };
        let said = Arc::new(Mutex::new(begun));
        // Who does not read stops the writer of a full pipe.
        std::thread::spawn({
            let said = said.clone();
            move || lines.for_each(|line| said.lock().unwrap().push(line))
        });
        Process { child, address, said }
    }

    /// What it wrote to standard error so far.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// The lines that hold all of these, as soon as there is one.
    pub fn logged(&self, texts: &[&str]) -> Vec<String> {
        let begun = Instant::now();
        loop {
            let said = self.said();
            let found: Vec<String> =
                said.iter().filter(|line| texts.iter().all(|text| line.contains(text))).cloned().collect();
            if !found.is_empty() {
                return found;
            }
            assert!(begun.elapsed() < SOON, "no line has {texts:?}: {said:#?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Calls it in a system's name.
    pub fn client(&self, peer: &Peer, retry: RetryPolicy) -> Client {
        let client = Client::builder(&format!("http://{}", self.address)).access_token(&peer.token.token);
        client.retry(retry).build().unwrap()
    }

    /// Ends it at once.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Tells it to end.
    pub fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until it has ended by itself. Answers whether it says that all went well.
    pub fn ended(&mut self) -> bool {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            assert!(begun.elapsed() < SOON, "the server does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
