//! Servers under load, each a process of its own on the first core; this program stays on the second.

use crate::load::{Connection, request};
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Says, to a run that has started itself anew, that it stands on the second core.
const PINNED: &str = "CELL_RECORDS_BENCH_PINNED";
/// The password of the servers' administrator.
pub const PASSWORD: &str = "kim-đồng-xanh-2014";

/// Whether processes are pinned.
pub fn is_pinned() -> bool {
    std::env::var_os(PINNED).is_some()
}

/// Starts this program anew on the second core, where `taskset` is there and may use the first two.
pub fn pin() -> Result<()> {
    let may_use = |core: &str| {
        let mut taskset = Command::new("taskset");
        taskset.args(["-c", core, "true"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        taskset.status().is_ok_and(|status| status.success())
    };
    if is_pinned() || !may_use("0") || !may_use("1") {
        return Ok(());
    }
    let mut again = Command::new("taskset");
    again.args(["-c", "1"]).arg(std::env::current_exe()?).args(std::env::args_os().skip(1)).env(PINNED, "1");
    Err(again.exec()).context("taskset")
}

fn on_first_core(program: &Path) -> Command {
    if !is_pinned() {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(program);
    command
}

/// Where the programs of this build are.
pub fn folder() -> Result<PathBuf> {
    Ok(std::env::current_exe()?.parent().context("a program without a folder")?.to_owned())
}

/// A server's process, ended with this value.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    process: Child,
}

impl Server {
    /// Starts the service with so many workers on a database and waits until it is ready; returns how long that took.
    pub async fn start(database: &str, workers: usize) -> Result<(Self, Duration)> {
        // Free now; nobody else takes ports here in the moment between.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = on_first_core(&folder()?.join("cell-records"));
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("CELL_RECORDS_")) {
                command.env_remove(name);
            }
        }
        command
            .args(["serve", "--listen", &address.to_string(), "--database-url", database])
            .args(["--workers", &workers.to_string()])
            .env("CELL_RECORDS_ADMIN_PASSWORD", PASSWORD)
            .env("CELL_RECORDS_TEST_CHEAP_PASSWORDS", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // It logs as it does by default; where to costs nothing here.
            .stderr(Stdio::null());
        let begun = Instant::now();
        let process = command.spawn().context("the server does not start")?;
        let mut server = Server { address, process };
        let ready = request("GET", "/readyz", None, None);
        while begun.elapsed() < Duration::from_secs(30) {
            if let Ok(mut connection) = Connection::open(address).await
                && connection.call(&ready).await.is_ok()
            {
                return Ok((server, begun.elapsed()));
            }
            if let Some(status) = server.process.try_wait()? {
                bail!("the server ended: {status}");
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        bail!("the server is not ready after 30 seconds");
    }

    /// Starts the server of the floors, which is this program.
    pub fn floors(arguments: &[&str]) -> Result<Self> {
        let mut command = on_first_core(&std::env::current_exe()?);
        command.arg(crate::floor_server::NAME).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        let mut line = String::new();
        let output = process.stdout.take().context("no output")?;
        let mut server = Server { address: SocketAddr::from(([127, 0, 0, 1], 0)), process };
        BufReader::new(output).read_line(&mut line)?;
        server.address = line.trim().parse().context("the server of the floors does not start")?;
        Ok(server)
    }

    /// Processor seconds that it has used.
    pub fn used(&self) -> Option<f64> {
        used(&self.process.id().to_string())
    }

    /// Memory that it has now, and the most that it ever had, in MB. Nothing where there is no Linux.
    pub fn memory(&self) -> Option<(f64, f64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            Some(line.trim().strip_suffix(" kB")?.parse::<f64>().ok()? * 1_024.0 / 1e6)
        };
        Some((field("VmRSS")?, field("VmHWM")?))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What it has acknowledged is on the disk. One that ended by itself cannot be killed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Processor seconds that this program has used.
pub fn used_here() -> Option<f64> {
    used("self")
}

/// User and system time, which Linux counts in hundredths of a second; nothing elsewhere.
fn used(process: &str) -> Option<f64> {
    let stat = Stat::read(process)?;
    Some(stat.used)
}

/// What Linux says of a process.
pub struct Stat {
    /// The process that started it.
    pub parent: u32,
    /// Processor seconds that it has used.
    pub used: f64,
    /// Processor seconds of the processes that it started and that have ended.
    pub used_by_ended: f64,
}

impl Stat {
    /// Reads `/proc/<process>/stat`.
    pub fn read(process: &str) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name before may hold anything.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let seconds = |field: usize| Some(fields.get(field)?.parse::<f64>().ok()? / 100.0);
        Some(Stat {
            parent: fields.get(1)?.parse().ok()?,
            used: seconds(11)? + seconds(12)?,
            used_by_ended: seconds(13)? + seconds(14)?,
        })
    }
}
