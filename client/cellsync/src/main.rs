//! `cellsync`: keeps a local copy of a server's records in a SQLite file, from the command line.

mod conflicts;
mod file;
mod report;

use anyhow::{Context, Result, bail};
use cell_records_client::sync::{CopyStore, Filter, Outbox, SqliteStore, SyncSession};
use cell_records_client::types::Timestamp;
use cell_records_client::{Client, Error};
use clap::{Args, Parser, Subcommand};
use indicatif::{HumanCount, HumanDuration};
use report::{changes, human, not_found, print, progress, whole, words};
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::mpsc;

/// Keeps a local copy of a cell-records server in a SQLite file, and sends local changes to it.
///
/// The access token is read from CELLSYNC_TOKEN or from --token-file, never from the command line.
/// Exit status: 0, 1 when refused items wait for a decision, 2 on any failure.
#[derive(Parser)]
#[command(name = "cellsync", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fetch changes until the copy is current. The first time, and after rights changed, it loads everything.
    Pull {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        copy: Copy,
        #[command(flatten)]
        choice: Choice,
    },
    /// Put the items of a file into the outbox, and send the outbox.
    ///
    /// After an interruption, run it without a file: what is in the outbox continues where it stopped.
    Push {
        /// Push items, one JSON object a line, as `POST /v1/sync/push` takes them; `-` reads standard input.
        /// Nothing is sent when a line is wrong. A file of the same content is taken once.
        file: Option<PathBuf>,
        /// Take the file although its content was taken before.
        #[arg(long, requires = "file")]
        again: bool,
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        copy: Copy,
    },
    /// Follow the server until SIGINT or SIGTERM, and print a line for each page of changes.
    Watch {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        copy: Copy,
        #[command(flatten)]
        choice: Choice,
    },
    /// Show the state of the copy. No server is asked.
    Status {
        #[command(flatten)]
        copy: Copy,
    },
    /// List what the server refused, a line each: number, since when, what it was, why, and the fields that differ.
    /// No server is asked.
    Conflicts {
        /// One JSON object a line: `number`, `at`, `item`, and the server's `result`.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        copy: Copy,
    },
    /// End a refused item. No server is asked; the next push sends what is to be sent again.
    Resolve {
        /// Number of the item, as `cellsync conflicts` shows it.
        id: i64,
        /// Whose version holds.
        #[arg(long, value_name = "SIDE")]
        take: conflicts::Side,
        #[command(flatten)]
        copy: Copy,
    },
}

#[derive(Args)]
struct Server {
    /// Base URL of the server, such as `https://records.example.vn`.
    #[arg(long, env = "CELLSYNC_SERVER", value_name = "URL")]
    server: String,
    /// File that holds the access token, instead of CELLSYNC_TOKEN.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Certificate authority (PEM) to trust besides those of the operating system.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Language of the server's texts: vi or en.
    #[arg(long, env = "CELLSYNC_LANGUAGE", value_name = "CODE")]
    language: Option<String>,
}

#[derive(Args)]
struct Copy {
    /// The SQLite file that holds the copy; `pull`, `watch` and `push` make one that is absent.
    #[arg(long, env = "CELLSYNC_STORE", value_name = "FILE")]
    store: PathBuf,
}

#[derive(Args)]
struct Choice {
    /// Record types to hold, comma separated; default: as the copy was begun, else all that the token may read.
    /// Another choice loads the copy again.
    #[arg(long, value_delimiter = ',', value_name = "TYPE,…")]
    types: Vec<String>,
    /// Units to hold, each with all below it, comma separated: UUIDs or `ext:SYSTEM:VALUE`, at most 8; default: as
    /// the copy was begun, else the token's whole scope.
    #[arg(long, value_delimiter = ',', value_name = "UNIT,…")]
    units: Vec<String>,
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        // What the certificate check logs is in the error too, once.
        .unwrap_or_else(|_| "warn,rustls_platform_verifier=off".into());
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    // Two: the next page is parsed while one is stored.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome = runtime.context("starting").and_then(|runtime| runtime.block_on(run(arguments.command)));
    outcome.unwrap_or_else(|error| {
        eprintln!("cellsync: {error:#}");
        if error.downcast_ref::<Error>().and_then(Error::status) == Some(401) {
            eprintln!("The server does not take the access token: it is mistyped, has expired or is revoked.");
        }
        ExitCode::from(2)
    })
}

async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Pull { server, copy, choice } => pull(session(&server, &copy, choice)?).await,
        Command::Push { file, again, server, copy } => push(file.as_deref(), again, &server, &copy).await,
        Command::Watch { server, copy, choice } => watch(session(&server, &copy, choice)?).await,
        Command::Status { copy } => status(&existing(&copy)?),
        Command::Conflicts { json, copy } => conflicts::list(&existing(&copy)?, json),
        Command::Resolve { id, take, copy } => conflicts::resolve(existing(&copy)?, id, take),
    }
}

fn session(server: &Server, copy: &Copy, choice: Choice) -> Result<SyncSession<SqliteStore>> {
    let token = match &server.token_file {
        Some(file) => std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?,
        None => std::env::var("CELLSYNC_TOKEN").context("set CELLSYNC_TOKEN, or name a --token-file")?,
    };
    let token = token.trim();
    if token.is_empty() {
        bail!("the access token is empty");
    }
    let mut client = Client::builder(&server.server).access_token(token);
    if let Some(language) = &server.language {
        client = client.language(language);
    }
    if let Some(file) = &server.ca {
        let pem = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        client = client.root_certificate(pem);
    }
    let session = SyncSession::new(client.build()?, open(copy)?);
    if choice.types.is_empty() && choice.units.is_empty() {
        return Ok(session);
    }
    Ok(session.with_filter(Filter { types: choice.types, units: choice.units }))
}

fn open(copy: &Copy) -> Result<SqliteStore> {
    SqliteStore::open(&copy.store).with_context(|| format!("opening {}", copy.store.display()))
}

/// Opens a copy that is there: opening makes the file.
fn existing(copy: &Copy) -> Result<SqliteStore> {
    if !copy.store.exists() {
        bail!("{} does not exist: nothing was pulled yet", copy.store.display());
    }
    open(copy)
}

async fn pull(mut session: SyncSession<SqliteStore>) -> Result<ExitCode> {
    let bar = progress("{spinner} {human_pos} changes {msg} [{elapsed}]")?;
    let total = session
        .pull_until_current(|page| {
            bar.inc(whole(page.changes));
            if let Some(behind) = page.behind.and_then(|behind| u64::try_from(behind).ok()).filter(|behind| *behind > 0)
            {
                bar.set_message(format!("about {} to go", HumanCount(behind)));
            }
        })
        .await;
    bar.finish_and_clear();
    let total = total?;
    let held: i64 = session.store().counts()?.values().sum();
    print(format_args!("pulled {}, {} records held, cursor current", changes(&total), human(held)))?;
    not_found(&session.store().state()?)?;
    Ok(ExitCode::SUCCESS)
}

async fn watch(mut session: SyncSession<SqliteStore>) -> Result<ExitCode> {
    let (unwritten, mut failed) = mpsc::channel(1);
    let follow = session.watch(|page| {
        let current = if page.current { "cursor current" } else { "more to come" };
        if let Err(error) = writeln!(std::io::stdout(), "{} {}, {current}", Timestamp::now(), changes(page)) {
            let _ = unwritten.try_send(error);
        }
    });
    tokio::select! {
        ended = follow => match ended? {},
        stopped = stop() => stopped?,
        // Nobody reads any more.
        Some(error) = failed.recv() => if error.kind() != ErrorKind::BrokenPipe { return Err(error.into()) },
    }
    Ok(ExitCode::SUCCESS)
}

/// Waits for SIGINT or SIGTERM.
async fn stop() -> Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = terminate.recv() => {}
            interrupted = tokio::signal::ctrl_c() => interrupted?,
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}

async fn push(file: Option<&Path>, again: bool, server: &Server, copy: &Copy) -> Result<ExitCode> {
    let mut session = session(server, copy, Choice { types: Vec::new(), units: Vec::new() })?;
    if let Some(file) = file {
        let (items, digest) = file::read(file)?;
        if again {
            session.enqueue(&items)?;
        } else if let Some(at) = session.store_mut().enqueue_once(&digest, &items)? {
            print(format_args!("{} was taken at {at} and is not taken again (--again does)", file.display()))?;
        }
    }
    let known = session.store().refused()?.last().map_or(0, |refused| refused.number);
    let bar = progress("{spinner} sending {msg} [{elapsed}]")?;
    bar.set_message(format!("{} items", HumanCount(whole(session.store().waiting()?))));
    bar.enable_steady_tick(Duration::from_millis(200));
    let pushed = session.push().await;
    bar.finish_and_clear();
    let refused = session.store().refused()?;
    for refused in refused.iter().filter(|refused| refused.number > known) {
        print(format_args!("refused: {}", words(refused)))?;
    }
    let pushed = match pushed {
        Ok(pushed) => pushed,
        Err(error) => {
            let waiting = session.store().waiting()?;
            let more = format!("{waiting} items wait in the outbox; `cellsync push` without a file sends them");
            return Err(anyhow::Error::from(error).context(more));
        }
    };
    print(format_args!(
        "pushed {} items: {} accepted, {} conflicts, {} invalid, {} blocked, {} still waiting",
        human(pushed.accepted + pushed.conflicts + pushed.invalid + pushed.blocked),
        human(pushed.accepted),
        human(pushed.conflicts),
        human(pushed.invalid),
        human(pushed.blocked),
        human(pushed.waiting),
    ))?;
    if !refused.is_empty() {
        print(format_args!("{} refused items wait for a decision: see `cellsync conflicts`", human(refused.len())))?;
    }
    let all_well = refused.is_empty() && pushed.waiting == 0;
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn status(store: &SqliteStore) -> Result<ExitCode> {
    let state = store.state()?;
    let refused = store.refused()?;
    let conflicts = refused.iter().filter(|refused| refused.is_conflict()).count();
    let cursor = match state.synced_at {
        None => "none: nothing was pulled yet".to_owned(),
        Some(_) if state.cursor.is_none() => "none: the next pull loads everything again".to_owned(),
        Some(at) => {
            let age = u64::try_from(Timestamp::now().micros().saturating_sub(at.micros())).unwrap_or(0);
            let position = match (state.in_snapshot, state.current) {
                (true, _) => "first load unfinished",
                (false, true) => "current then",
                (false, false) => "behind",
            };
            format!("{} old ({at}), {position}", HumanDuration(Duration::from_micros(age)))
        }
    };
    let or_all = |names: &[String]| if names.is_empty() { "all".to_owned() } else { names.join(", ") };
    print(format_args!("server     {}", if state.server.is_empty() { "none yet" } else { &state.server }))?;
    print(format_args!("types      {}", or_all(&state.filter.types)))?;
    print(format_args!("units      {}", or_all(&state.filter.units)))?;
    not_found(&state)?;
    print(format_args!("cursor     {cursor}"))?;
    for (kind, count) in store.counts()? {
        print(format_args!("held       {} {kind}", human(count)))?;
    }
    print(format_args!("outbox     {}", human(store.waiting()?)))?;
    print(format_args!("conflicts  {}", human(conflicts)))?;
    print(format_args!("refused    {}", human(refused.len() - conflicts)))?;
    Ok(ExitCode::SUCCESS)
}
