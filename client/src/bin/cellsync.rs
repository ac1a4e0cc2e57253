//! `cellsync`: keeps a local copy of a server's records in a SQLite file, from the command line.

use anyhow::{Context, Result, bail};
use aws_lc_rs::digest;
use cell_records_client::Client;
use cell_records_client::sync::{Filter, Pulled, Refused, SqliteStore, State, Store, SyncSession};
use cell_records_client::types::Timestamp;
use cell_records_client::types::sync::{MAX_PUSH_BYTES, PushItem};
use clap::{Args, Parser, Subcommand};
use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressStyle};
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Keeps a local copy of a cell-records server in a SQLite file, and sends local changes to it.
///
/// The access token is read from CELLSYNC_TOKEN or from --token-file, never from the command line.
/// Exit status: 0, 1 when the server refused items, 2 on any failure.
#[derive(Parser)]
#[command(name = "cellsync", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fetches changes until the copy is current. The first time, and after rights changed, it loads everything.
    Pull {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        copy: Copy,
        #[command(flatten)]
        choice: Choice,
    },
    /// Puts the items of a file into the outbox, and sends the outbox.
    ///
    /// After an interruption, run it without a file: what is in the outbox continues where it stopped.
    Push {
        /// Push items, one JSON object a line, as `POST /v1/sync/push` takes them; `-` reads standard input.
        /// Nothing is sent when a line is wrong. A file of the same content is taken once.
        file: Option<PathBuf>,
        /// Takes the file although its content was taken before.
        #[arg(long, requires = "file")]
        again: bool,
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        copy: Copy,
    },
    /// Follows the server until it is stopped (SIGINT, SIGTERM), and prints a line for each page of changes.
    Watch {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        copy: Copy,
        #[command(flatten)]
        choice: Choice,
    },
    /// Shows the state of the copy. Asks no server.
    Status {
        #[command(flatten)]
        copy: Copy,
    },
}

#[derive(Args)]
struct Server {
    /// Base URL of the server.
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
    /// The SQLite file that holds the copy; made when it is absent.
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
        ExitCode::from(2)
    })
}

async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Pull { server, copy, choice } => pull(session(&server, &copy, choice)?).await,
        Command::Push { file, again, server, copy } => push(file.as_deref(), again, &server, &copy).await,
        Command::Watch { server, copy, choice } => watch(session(&server, &copy, choice)?).await,
        Command::Status { copy } => status(&copy),
    }
}

fn session(server: &Server, copy: &Copy, choice: Choice) -> Result<SyncSession<SqliteStore>> {
    let token = match &server.token_file {
        Some(file) => std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?,
        None => std::env::var("CELLSYNC_TOKEN").context("set CELLSYNC_TOKEN, or name a --token-file")?,
    };
    let mut client = Client::builder(&server.server).access_token(token.trim());
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
    println!("pulled {}, {} records held, cursor current", changes(&total), human(held));
    not_found(&session.store().state()?);
    Ok(ExitCode::SUCCESS)
}

async fn watch(mut session: SyncSession<SqliteStore>) -> Result<ExitCode> {
    let follow = session.watch(|page| {
        let current = if page.current { "cursor current" } else { "more to come" };
        // A reader that has gone away ends the watch by the signal that comes with it.
        let _ = writeln!(std::io::stdout(), "{} {}, {current}", Timestamp::now(), changes(page));
    });
    tokio::select! {
        ended = follow => match ended? {},
        stopped = stop() => stopped?,
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
        let (items, digest) = read(file)?;
        if again {
            session.enqueue(&items)?;
        } else if let Some(at) = session.store_mut().enqueue_once(&digest, &items)? {
            println!("{} was taken at {at} and is not taken again (--again does)", file.display());
        }
    }
    let known = session.store().refused()?.last().map_or(0, |refused| refused.number);
    let bar = progress("{spinner} sending {msg} [{elapsed}]")?;
    bar.set_message(format!("{} items", HumanCount(whole(session.store().waiting()?))));
    bar.enable_steady_tick(Duration::from_millis(200));
    let pushed = session.push().await;
    bar.finish_and_clear();
    let refused: Vec<_> = session.store().refused()?.into_iter().filter(|refused| refused.number > known).collect();
    for refused in &refused {
        println!("{}", line(refused)?);
    }
    let pushed = match pushed {
        Ok(pushed) => pushed,
        Err(error) => {
            let waiting = session.store().waiting()?;
            bail!("{error}\n{waiting} items wait in the outbox; `cellsync push` without a file sends them");
        }
    };
    println!(
        "pushed {} items: {} accepted, {} conflicts, {} invalid, {} blocked, {} still waiting",
        human(pushed.accepted + pushed.conflicts + pushed.invalid + pushed.blocked),
        human(pushed.accepted),
        human(pushed.conflicts),
        human(pushed.invalid),
        human(pushed.blocked),
        human(pushed.waiting),
    );
    let all_well = refused.is_empty() && pushed.waiting == 0;
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Reads and checks all lines before any is used; names every wrong one. Returns the digest of the whole, too.
fn read(file: &Path) -> Result<(Vec<PushItem>, String)> {
    let input: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(BufReader::new(std::fs::File::open(file).with_context(|| format!("opening {}", file.display()))?))
    };
    let (mut items, mut wrong, mut digest) = (Vec::new(), 0, digest::Context::new(&digest::SHA256));
    for (number, text) in input.lines().enumerate() {
        let text = text.with_context(|| format!("reading {}", file.display()))?;
        if text.trim().is_empty() {
            continue;
        }
        digest.update(text.as_bytes());
        digest.update(b"\n");
        match item(&text) {
            Ok(item) => items.push(item),
            Err(error) => {
                wrong += 1;
                eprintln!("line {}: {error:#}", number + 1);
            }
        }
    }
    if wrong > 0 {
        bail!("{wrong} lines are wrong; nothing is sent");
    }
    let digest = digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((items, digest))
}

fn item(line: &str) -> Result<PushItem> {
    if line.len() > MAX_PUSH_BYTES / 2 {
        bail!("longer than {} bytes", MAX_PUSH_BYTES / 2);
    }
    let item: PushItem = serde_json::from_str(line)?;
    // An id made here would differ the next time the same file is pushed, and double the record.
    if item.id.is_none() && item.external_ids.as_ref().is_none_or(Vec::is_empty) {
        bail!("names its record neither by `id` nor by `external_ids`");
    }
    Ok(item)
}

/// A refused item, readable alone: what it was, and everything that is wrong with it.
fn line(refused: &Refused) -> Result<String> {
    let Refused { item, result, .. } = refused;
    let name = match (&item.id, item.external_ids.as_deref()) {
        (Some(id), _) => id.to_string(),
        (None, Some([first, ..])) => format!("ext:{}:{}", first.system, first.value),
        _ => String::new(),
    };
    let mut text = format!("refused: {} {} {name}: {}", item.op, item.kind, result.status);
    if let Some(conflict) = &result.conflict {
        text.push_str(&format!(" ({})", conflict.reason));
        if let Some(version) = conflict.current_version {
            text.push_str(&format!(", the server has version {version}"));
        }
        for field in &conflict.fields {
            text.push_str(&format!("; {}: the server has {}, {} was sent", field.field, field.current, field.incoming));
        }
    }
    for fault in &result.errors {
        text.push_str(&format!("; {} {}: {}", fault.pointer, fault.code, fault.message));
    }
    Ok(text)
}

fn status(copy: &Copy) -> Result<ExitCode> {
    // Opening would make the file.
    if !copy.store.exists() {
        bail!("{} does not exist: nothing was pulled yet", copy.store.display());
    }
    let store = open(copy)?;
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
    println!("server     {}", if state.server.is_empty() { "none yet" } else { &state.server });
    println!("types      {}", or_all(&state.filter.types));
    println!("units      {}", or_all(&state.filter.units));
    not_found(&state);
    println!("cursor     {cursor}");
    for (kind, count) in store.counts()? {
        println!("held       {} {kind}", human(count));
    }
    println!("outbox     {}", human(store.waiting()?));
    println!("conflicts  {}", human(conflicts));
    println!("refused    {}", human(refused.len() - conflicts));
    Ok(ExitCode::SUCCESS)
}

/// Names the units of the filter that the server did not find.
fn not_found(state: &State) {
    if !state.unknown_units.is_empty() {
        println!("not found  {}: nothing is held of these units", state.unknown_units.join(", "));
    }
}

/// What a pull did, in words.
fn changes(pulled: &Pulled) -> String {
    let mut text = format!("{} changes", human(pulled.changes));
    if pulled.removed > 0 {
        text.push_str(&format!(", {} removed", human(pulled.removed)));
    }
    if pulled.swept > 0 {
        text.push_str(&format!(", {} swept", human(pulled.swept)));
    }
    if pulled.restarted {
        text.push_str(", the copy is loaded again");
    }
    if pulled.miscounted {
        text.push_str(", WARNING: the server counted other numbers in its snapshot");
    }
    text
}

fn human(count: impl TryInto<u64>) -> HumanCount {
    HumanCount(count.try_into().unwrap_or(u64::MAX))
}

fn whole(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// A counter on the terminal; nothing when the output goes to a file or a pipe.
fn progress(template: &str) -> Result<ProgressBar> {
    if !(std::io::stdout().is_terminal() && std::io::stderr().is_terminal()) {
        return Ok(ProgressBar::hidden());
    }
    Ok(ProgressBar::new_spinner().with_style(ProgressStyle::with_template(template)?))
}
