//! The command line.

use cell_records_server::config::{Config, Settings};
use cell_records_server::operator::Operator;
use cell_records_server::state::Shared;
use cell_records_server::store::reindex;
use cell_records_server::{demo, document, logging, regulations, server};
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

mod commands;

use commands::print;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Records of the cells of a Party committee, over a REST API.
///
/// Each setting is a flag, else a variable `CELL_RECORDS_…`, else a line of the file given with --config.
#[derive(Parser)]
#[command(name = "cell-records", version, after_help = WITHOUT_FLAG)]
struct Cli {
    /// A TOML file of settings; also CELL_RECORDS_CONFIG.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Settings")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

/// Of the help: settings that other users of the machine could read as flags.
const WITHOUT_FLAG: &str = "Settings without a flag, as variables or in the file:
  CELL_RECORDS_ADMIN_PASSWORD
          The password of `admin` at the first start [default: a random one, printed once]
  CELL_RECORDS_MASTER_KEY
          Wraps the keys that are kept in the database: 32 bytes in base64 [default: none]";

#[derive(Subcommand)]
enum Command {
    /// Bring the database up to date, make what the first start needs, and serve.
    #[command(after_help = WITHOUT_FLAG)]
    Serve {
        /// Also load the demo ward, once; the server is ready after it.
        #[arg(long)]
        demo: bool,
        /// Load the demo also into a database that has units of its own.
        #[arg(long, requires = "demo")]
        yes: bool,
    },
    /// Bring the database up to date, and nothing else.
    Migrate,
    /// Load the demo ward, once.
    Demo {
        /// Also into a database that has units of its own.
        #[arg(long)]
        yes: bool,
    },
    /// People: their accounts, passwords and grants.
    #[command(subcommand)]
    User(commands::UserCommand),
    /// Programs that exchange data: their accounts and grants.
    #[command(subcommand)]
    System(commands::SystemCommand),
    /// Access tokens of systems.
    #[command(subcommand)]
    Token(commands::TokenCommand),
    /// The keys that sign and seal.
    #[command(subcommand)]
    Keys(commands::KeysCommand),
    /// Bring stored records up to this program: the classes of fields, filters, references. `serve` does so by itself.
    Reindex,
    /// Print the OpenAPI document.
    Openapi,
    /// Print the table of the numbers of regulations, as docs/DOMAIN.md has it.
    Rules,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("cell-records: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<(), String> {
    match cli.command {
        Command::Openapi => return print(document().text().trim_end()),
        Command::Rules => return print(regulations::table().trim_end()),
        _ => {}
    }
    // A variable that is no text is nobody's setting.
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut config = Config::load(&cli.settings, cli.config.as_deref(), variables)?;
    logging::start(&config.log);
    match cli.command {
        Command::Serve { demo, yes } => {
            config.demo = demo;
            serve(&config, yes).await
        }
        Command::Migrate => {
            let done = server::migrate(&config)?;
            print(format_args!("{done} migrations run"))
        }
        Command::Demo { yes } => {
            let opened = server::open(&config).await?;
            show_password(opened.admin_password.as_deref())?;
            may_load_demo(&opened.shared, yes).await?;
            let loaded = demo::load(&opened.shared).await?;
            make_demo_users(&opened.shared).await?;
            print(if loaded { "the demo is loaded" } else { "the demo was there already" })
        }
        Command::Reindex => reindex(&config).await,
        Command::User(command) => commands::user(&operator(&config).await?, command).await,
        Command::System(command) => commands::system(&operator(&config).await?, command).await,
        Command::Token(command) => commands::token(&operator(&config).await?, command).await,
        Command::Keys(command) => commands::keys(&operator(&config).await?, command).await,
        Command::Openapi | Command::Rules => Ok(()),
    }
}

async fn reindex(config: &Config) -> Result<(), String> {
    let opened = server::open_made(config).await?;
    let mut rows = 0;
    let done = reindex::run(&opened.shared.writer, |step| {
        rows += step;
        tracing::info!(rows, "reindexing");
    });
    done.await.map_err(|error| format!("reindexing was interrupted ({error:?}); run it again to go on"))?;
    print(format_args!("{rows} records and rows of the log were brought up to this program"))
}

async fn operator(config: &Config) -> Result<Operator, String> {
    Ok(Operator::new(server::open_made(config).await?))
}

/// Refuses to mix the demo with units of the operator's own, unless that is asked for.
async fn may_load_demo(shared: &Shared, yes: bool) -> Result<(), String> {
    if !yes && demo::would_mix(shared).await? {
        return Err("the database has units of its own, and the demo's cannot be taken out again: \
                    give --yes to add the demo to them"
            .into());
    }
    Ok(())
}

/// Makes the users of the demo, and shows their passwords on standard output, the only time.
async fn make_demo_users(shared: &Shared) -> Result<(), String> {
    let made = demo::make_users(shared).await?;
    if made.is_empty() {
        return Ok(());
    }
    let lines = made
        .iter()
        .map(|user| format!("\n  {:<14} {}  {} over {}", user.username, user.password, user.role.code(), user.unit));
    print(format_args!(
        "These users of the demo were made, with passwords that are shown only now:{}",
        lines.collect::<String>()
    ))
}

async fn serve(config: &Config, yes: bool) -> Result<(), String> {
    let running = server::start(config).await?;
    show_password(running.admin_password.as_deref())?;
    let work = async {
        if config.demo {
            may_load_demo(&running.shared, yes).await?;
            let loaded = running.load_demo().await?;
            make_demo_users(&running.shared).await?;
            tracing::info!("{}", if loaded { "the demo is loaded" } else { "the demo was there already" });
        }
        std::future::pending().await
    };
    let outcome = tokio::select! {
        failed = work => failed,
        () = asked_to_end() => Ok(()),
    };
    tracing::info!("ending: finishing what runs");
    running.stop().await;
    outcome
}

/// Waits for SIGTERM or SIGINT.
async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        },
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

/// Shows the password of `admin` on standard output, the only time.
fn show_password(password: Option<&str>) -> Result<(), String> {
    password.map_or(Ok(()), |password| {
        print(format_args!(
            "The user admin was made, with the password {password}\nIt is shown only now: log in and change it."
        ))
    })
}
