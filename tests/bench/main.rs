//! The benchmarks: what the service reaches, as ratios to floors that are measured in the same run.
//!
//! ```text
//! tests/postgres --durable cargo run --release -p cell-records-tests --bin bench -- [--only P1,P4] [--rounds N] [--quick]
//! ```
//!
//! It runs on SQLite, and on PostgreSQL where `CELL_RECORDS_TEST_POSTGRES` names one, as `tests/postgres` does. It
//! builds the server's program in the same profile first. `docs/BENCHMARKS.md` says what each measure means.

mod data;
mod databases;
mod floor_server;
mod floors;
mod load;
mod measures;
mod servers;

use anyhow::{Context, Result, bail, ensure};
use databases::Engine;
use measures::{Line, Plan};
use std::process::{Command, ExitCode};
use std::time::Duration;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    let done = if arguments.next_if(|first| first == floor_server::NAME).is_some() {
        floor_server::serve(arguments)
    } else {
        bench(arguments)
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn bench(arguments: impl Iterator<Item = String>) -> Result<()> {
    let mut plan = read(arguments)?;
    if !servers::is_pinned() {
        build()?;
        servers::pin()?;
    }
    sweep()?;
    let prefix = format!("bench-{}-", std::process::id());
    let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in(servers::folder()?)?;
    plan.folder = folder.path().to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut engines = vec![Engine::Sqlite];
    if std::env::var_os(databases::POSTGRES).is_some() {
        engines.push(Engine::Postgres);
    } else {
        eprintln!("bench: without PostgreSQL; tests/postgres brings one");
    }
    println!(
        "{} build, {} rounds; server {}; busy: server/generator, in % of a core",
        if cfg!(debug_assertions) { "DEBUG" } else { "release" },
        plan.rounds,
        if servers::is_pinned() { "on core 0, generator on core 1" } else { "and generator not pinned" },
    );
    println!(
        "{:<36} {:<10} {:>9} {:>9} {:<10} {:>6} {:>6}  {:<8} {:<8}",
        "", "", "ours", "floor", "", "ratio", "goal", "busy", "floor's"
    );
    runtime.block_on(async {
        for engine in engines {
            for line in measures::run(engine, &plan).await? {
                print(&line);
            }
        }
        Ok(())
    })
}

/// Removes the folders of runs that were killed.
fn sweep() -> Result<()> {
    for entry in std::fs::read_dir(servers::folder()?)?.flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix("bench-")?.split_once('-')).map(|(id, _)| id);
        if process.is_some_and(|id| id.parse::<u32>().is_ok() && !std::path::Path::new("/proc").join(id).exists()) {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn read(mut arguments: impl Iterator<Item = String>) -> Result<Plan> {
    let mut plan = Plan { rounds: 5, time: Duration::from_secs(2), only: Vec::new(), folder: "".into() };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--only" => plan.only = value()?.split(',').map(str::to_owned).collect(),
            "--rounds" => plan.rounds = value()?.parse().context("--rounds")?,
            "--quick" => (plan.rounds, plan.time) = (3, Duration::from_secs(1)),
            _ => bail!("unknown argument {argument}; known: --only P1,P4  --rounds N  --quick"),
        }
    }
    Ok(plan)
}

/// Brings the server's program to the state of the sources, where cargo runs this.
fn build() -> Result<()> {
    let Some(cargo) = std::env::var_os("CARGO") else { return Ok(()) };
    let mut command = Command::new(cargo);
    // Both packages together: so both are built with the same features, and nothing twice.
    command.args([
        "build",
        "--quiet",
        "-p",
        "cell-records-server",
        "-p",
        "cell-records-tests",
        "--bin",
        "cell-records",
    ]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    ensure!(command.status()?.success(), "the server does not build");
    Ok(())
}

fn print(line: &Line) {
    let engine = if line.engine == Engine::Sqlite { "SQLite" } else { "PostgreSQL" };
    let ours = line.ours.median();
    let figure = |value: f64| if value < 10.0 { format!("{value:.3}") } else { format!("{value:.0}") };
    let (floor, ratio, busy) = match &line.floor {
        Some(floor) => (figure(floor.median()), ours / floor.median(), floor.busy()),
        None => (String::new(), ours, String::new()),
    };
    let (met, ratio, sign) = match line.floor {
        Some(_) => (ratio >= line.goal, format!("{ratio:.2}"), "≥"),
        None => (ours <= line.goal, String::new(), "≤"),
    };
    println!(
        "{:<36} {engine:<10} {:>9} {floor:>9} {:<10} {ratio:>6} {:>6}  {:<8} {busy:<8}{}",
        line.name,
        figure(ours),
        line.unit,
        format!("{sign} {}", line.goal),
        if line.floor.is_some() { line.ours.busy() } else { String::new() },
        if met { "" } else { " falls short" },
    );
}
