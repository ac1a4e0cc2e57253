//! `cellsync`: keeps a local copy of a server's records in a SQLite file, from the command line.

mod apply;
mod check;
mod conflicts;
mod end;
mod export;
mod file;
mod first_match;
mod output;
mod pairs;
mod pull;
mod push;
mod report;
mod settings;
mod status;
mod table;
mod watch;
mod whoami;

use anyhow::{Context, Result};
use clap::{CommandFactory, Parser, Subcommand};
use end::End;
use settings::{Choice, Profiled, Settings};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

/// Keeps a local copy of a cell-records server in a SQLite file, and sends local changes to it.
///
/// The access token is read from CELLSYNC_TOKEN or from --token-file, never from the command line.
#[derive(Parser)]
#[command(name = "cellsync", version, after_long_help = end::HELP)]
struct Arguments {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fetch changes until the copy is current. The first time, and after rights changed, it loads everything.
    Pull {
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
    },
    /// Follow the server until SIGINT or SIGTERM, and print a line whenever the copy is current, or 1,000 changes came.
    Watch {
        /// Run this command with `sh -c` after each such line, if records changed, and wait for its end. On its standard
        /// input it gets a JSON object a line for each of them, and CELLSYNC_STORE names the copy. When it fails, that
        /// is reported, and the watch goes on.
        #[arg(long, value_name = "COMMAND")]
        exec: Option<String>,
        #[command(flatten)]
        choice: Choice,
    },
    /// Show the state of the copy. No server is asked.
    Status,
    /// Show who the token belongs to, what it may do, and when it expires.
    Whoami,
    /// Show what the server refused, and end it as somebody decides. No server is asked; the next push sends what is to be
    /// sent again.
    ///
    /// Without a number it lists the items: number, since when, what it was, why, and the fields that differ.
    Conflicts(conflicts::Arguments),
    /// Find the people of a file on the server before their first push, so that nobody is there twice. No copy is needed.
    ///
    /// With --out it sends them as a trial, which stores nothing, and writes a CSV file: whom the server has already. Somebody
    /// looks at it, and writes `yes` into `take` of each line whose two people are one. With --apply the server's records get
    /// the external ids of these lines. Then push the file: it changes the records that it finds, and makes the others.
    Match(first_match::Arguments),
    /// Compare the copy with the server, record by record, after a pull. Ends with 1 where they differ.
    ///
    /// It loads everything that the copy should hold once more, and keeps ids and versions of it only, in a temporary file.
    Check {
        /// Put right what differs: fetch the records that the server has, remove the others. Where more than 1,000 differ, or
        /// some still do afterwards, the copy is loaded again.
        #[arg(long)]
        repair: bool,
    },
    /// Write the records of the copy to a file or to standard output. No server is asked.
    Export(export::Arguments),
    /// Print the completions for a shell, to be put where the shell looks for them.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        // What the certificate check logs is in the error too, once.
        .unwrap_or_else(|_| "warn,rustls_platform_verifier=off".into());
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
    let Arguments { settings, command } = Arguments::parse();
    let json = settings.json;
    // Two: the next page is parsed while one is stored.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome = runtime.context("starting").and_then(|runtime| runtime.block_on(run(settings, command)));
    outcome.unwrap_or_else(|error| end::report(&error, json)).into()
}

async fn run(settings: Settings, command: Command) -> Result<End> {
    // A shell asks for it at its start, whatever the profile says.
    if let Command::Completions { shell } = command {
        return completions(shell);
    }
    let settings = settings.profiled()?;
    let ended = dispatch(&settings, command).await;
    settings.warn();
    ended
}

async fn dispatch(settings: &Profiled, command: Command) -> Result<End> {
    match command {
        Command::Pull { choice } => pull::run(settings, choice).await,
        Command::Push { file, again } => push::run(settings, file.as_deref(), again).await,
        Command::Watch { exec, choice } => watch::run(settings, choice, exec.as_deref()).await,
        Command::Status => status::run(settings),
        Command::Whoami => whoami::run(settings).await,
        Command::Conflicts(arguments) => conflicts::run(settings, &arguments),
        Command::Match(arguments) => first_match::run(settings, &arguments).await,
        Command::Check { repair } => check::run(settings, repair).await,
        Command::Export(arguments) => export::run(settings, &arguments),
        Command::Completions { shell } => completions(shell),
    }
}

fn completions(shell: clap_complete::Shell) -> Result<End> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "cellsync", &mut script);
    output::print(String::from_utf8_lossy(&script).trim_end())?;
    Ok(End::Done)
}
