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

/// Starts this program anew on the second core, where `taskset` and two cores are there.
pub fn pin() -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let there = Command::new("taskset").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if is_pinned() || cores < 2 || !there {
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
    /// Starts the service on a database and waits until it is ready; answers how long that took.
    pub async fn start(database: &str) -> Result<(Self, Duration)> {
        // Free now; nobody else takes ports here in the moment between.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = on_first_core(&folder()?.join("cell-records"));
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("CELL_RECORDS_")) {
                command.env_remove(name);
            }
        }
        command
            .args(["serve", "--workers", "1", "--listen", &address.to_string(), "--database-url", database])
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

/// As Linux tells it, in hundredths of a second; nothing elsewhere.
fn used(process: &str) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split(' ').skip(12).map_while(|field| field.parse::<f64>().ok());
    Some((fields.next()? + fields.next()?) / 100.0)
}
