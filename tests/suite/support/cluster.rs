//! A PostgreSQL of a test's own, which the test may stop, kill and hang. `tests/postgres` makes it and removes it.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// What has not happened by then never happens.
const SOON: Duration = Duration::from_secs(60);

/// A PostgreSQL, which goes with this value.
pub struct Cluster {
    /// Of its superuser, in an empty database.
    pub url: String,
    guard: Child,
    /// The guard removes the cluster when this is closed.
    open: Option<ChildStdin>,
    folder: PathBuf,
    program: PathBuf,
    arguments: Vec<String>,
}

fn sleep() {
    std::thread::sleep(Duration::from_millis(20));
}

fn signal(name: &str, processes: &[u32]) {
    let processes: Vec<String> = processes.iter().map(u32::to_string).collect();
    // One that has ended meanwhile is no fault.
    let _ = Command::new("kill").arg(format!("-{name}")).args(&processes).stderr(Stdio::null()).status().unwrap();
}

fn is_alive(process: u32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    state.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

impl Cluster {
    /// Starts one.
    pub fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("postgres");
        let mut guard = Command::new(script)
            .args(["sh", "-c", "echo \"$CELL_RECORDS_TEST_POSTGRES\"; cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(guard.stdout.take().unwrap()).read_line(&mut url).unwrap();
        let mut cluster = Cluster {
            url: url.trim().to_owned(),
            open: guard.stdin.take(),
            guard,
            folder: PathBuf::new(),
            program: PathBuf::new(),
            arguments: Vec::new(),
        };
        cluster.folder = cluster.asked("SHOW data_directory").into();
        let process = cluster.postmaster();
        cluster.program = std::fs::read_link(format!("/proc/{process}/exe")).unwrap();
        let line = std::fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap();
        cluster.arguments = line.split_terminator('\0').skip(1).map(str::to_owned).collect();
        cluster
    }

    fn asked(&self, question: &'static str) -> String {
        let url = self.url.clone();
        let ask = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                client.query_one(question, &[]).await.unwrap().get(0)
            })
        };
        // Its runtime cannot be started inside the test's.
        std::thread::spawn(ask).join().unwrap()
    }

    fn postmaster(&self) -> u32 {
        let file = std::fs::read_to_string(self.folder.join("postmaster.pid")).unwrap();
        file.lines().next().unwrap().trim().parse().unwrap()
    }

    /// Its processes, the parent of all first.
    fn processes(&self) -> Vec<u32> {
        let parent = self.postmaster();
        let mut all = vec![parent];
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let of = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse::<u32>().ok());
            if of == Some(parent) {
                all.push(process);
            }
        }
        all
    }

    fn ended(processes: &[u32]) {
        let begun = Instant::now();
        while processes.iter().any(|process| is_alive(*process)) {
            assert!(begun.elapsed() < SOON, "PostgreSQL does not end");
            sleep();
        }
    }

    /// Stops it in order; what runs is rolled back.
    pub fn stop(&self) {
        let processes = self.processes();
        signal("INT", &processes[..1]);
        Cluster::ended(&processes);
    }

    /// Kills all its processes at once.
    pub fn kill(&self) {
        let processes = self.processes();
        signal("KILL", &processes);
        Cluster::ended(&processes);
    }

    /// Stops all its processes where they are. Answers which, for [`go_on`](Cluster::go_on).
    pub fn hang(&self) -> Vec<u32> {
        let processes = self.processes();
        signal("STOP", &processes);
        processes
    }

    /// Lets processes go on.
    pub fn go_on(&self, processes: &[u32]) {
        signal("CONT", processes);
    }

    /// Starts it again after it was stopped or killed, as the user who owns its files. Does not wait until it answers.
    pub fn start_again(&self) {
        let owner = std::fs::metadata(&self.folder).unwrap();
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.folder).process_group(0);
        if owner.uid() != std::fs::metadata("/proc/self").unwrap().uid() {
            command.uid(owner.uid()).gid(owner.gid());
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Whoever started it reads its end.
        std::thread::spawn(move || child.wait());
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.open.take());
        let _ = self.guard.wait();
    }
}
