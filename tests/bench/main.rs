//! The benchmarks: what the service reaches, as ratios to floors that are measured in the same run.
//!
//! ```text
//! tests/postgres --durable cargo run --release -p cell-records-tests --bin bench -- [--only P1,P4] [--rounds N]
//!     [--quick] [--engine sqlite] [--members N] [--growth SMALL,LARGE] [--pushed N]
//! ```
//!
//! It runs on SQLite, and on PostgreSQL where `CELL_RECORDS_TEST_POSTGRES` names one, as `tests/postgres` does. It
//! builds the server's program in the same profile first. `docs/BENCHMARKS.md` says what each measure means.

mod copies;
mod data;
mod databases;
mod floor_server;
mod floors;
mod growth;
mod load;
mod measures;
mod servers;
mod side;

use anyhow::{Context, Result, bail, ensure};
use databases::Engine;
use measures::Plan;
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
    engines.retain(|engine| plan.engine.is_none_or(|one| one == *engine));
    ensure!(!engines.is_empty(), "the engine that is asked for is not there");
    println!(
        "{} build, {} rounds; server {}",
        if cfg!(debug_assertions) { "DEBUG" } else { "release" },
        plan.rounds,
        if servers::is_pinned() { "on core 0, generator on core 1" } else { "and generator not pinned" },
    );
    println!("µs: processor time for one, of the server + of PostgreSQL; busy: server/generator, in % of a core");
    side::heading();
    runtime.block_on(async {
        for engine in engines {
            measures::run(engine, &plan).await?;
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
    let mut plan = Plan::default();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--only" => plan.only = value()?.split(',').map(str::to_owned).collect(),
            "--rounds" => plan.rounds = value()?.parse().context("--rounds")?,
            "--quick" => plan.time = Duration::from_millis(500),
            "--engine" => {
                plan.engine = match value()?.as_str() {
                    "sqlite" => Some(Engine::Sqlite),
                    "postgres" => Some(Engine::Postgres),
                    _ => bail!("--engine sqlite, or postgres"),
                }
            }
            "--members" => plan.members = value()?.parse().context("--members")?,
            "--growth" => {
                let sizes = value()?;
                let (small, large) = sizes.split_once(',').context("--growth SMALL,LARGE")?;
                plan.growth = (small.parse().context("--growth")?, large.parse().context("--growth")?);
            }
            "--pushed" => plan.pushed = value()?.parse().context("--pushed")?,
            _ => bail!(
                "unknown argument {argument}; known: --only P1,P4  --rounds N  --quick  --engine sqlite|postgres  \
                 --members N  --growth SMALL,LARGE  --pushed N"
            ),
        }
    }
    ensure!(
        plan.rounds > 0 && plan.growth.0 >= 500 && plan.pushed >= 500,
        "at least one round, 500 members, 500 pushed"
    );
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
