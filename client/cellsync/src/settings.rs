//! Which server, which token, which copy: from the command line, the environment, or a profile of the configuration file.

use crate::output::{counted, warn};
use anyhow::{Context, Result, anyhow, bail};
use cell_records_client::Client;
use cell_records_client::sync::{CopyStore, Filter, SqliteStore, State, SyncSession};
use cell_records_client::types::Timestamp;
use clap::Args;
use serde::Deserialize;
use serde_json::json;
use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct Settings {
    /// Base URL of the server, such as `https://records.example.vn`.
    #[arg(long, env = "CELLSYNC_SERVER", value_name = "URL", global = true)]
    server: Option<String>,
    /// The SQLite file that holds the copy; `pull`, `watch` and `push` make one that is absent, with its folder.
    #[arg(long, env = "CELLSYNC_STORE", value_name = "FILE", global = true)]
    store: Option<PathBuf>,
    /// File that holds the access token, instead of CELLSYNC_TOKEN.
    #[arg(long, env = "CELLSYNC_TOKEN_FILE", value_name = "FILE", global = true)]
    token_file: Option<PathBuf>,
    /// Certificate authority (PEM) to trust besides those of the operating system.
    #[arg(long, env = "CELLSYNC_CA", value_name = "FILE", global = true)]
    ca: Option<PathBuf>,
    /// Language of the server's texts: vi or en.
    #[arg(long, env = "CELLSYNC_LANGUAGE", value_name = "CODE", global = true)]
    language: Option<String>,
    /// Profile of the configuration file; what the command line and the environment say goes before it.
    #[arg(long, env = "CELLSYNC_PROFILE", value_name = "NAME", global = true)]
    profile: Option<String>,
    /// The configuration file; default: `cellsync/config.toml` in XDG_CONFIG_HOME, or in `~/.config`.
    #[arg(long, env = "CELLSYNC_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Print JSON, an object a line, for programs.
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Args)]
pub struct Choice {
    /// Record types to hold, comma separated; default: as the profile says or the copy was begun, else all that the token
    /// may read. Another choice loads the copy again, and needs --yes. The units stay as they are.
    #[arg(long, value_delimiter = ',', value_name = "TYPE,…")]
    types: Vec<String>,
    /// Units to hold, each with all below it, comma separated: UUIDs or `ext:SYSTEM:VALUE`, at most 8; default: as the
    /// profile says or the copy was begun, else the token's whole scope. The types stay as they are.
    #[arg(long, value_delimiter = ',', value_name = "UNIT,…")]
    units: Vec<String>,
    /// Load the copy again for another choice than it was begun with. What is not chosen is removed from it.
    #[arg(long)]
    yes: bool,
}

/// What the configuration file says of one copy. Paths are relative to the file.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Profile {
    server: Option<String>,
    store: Option<PathBuf>,
    token_file: Option<PathBuf>,
    ca: Option<PathBuf>,
    language: Option<String>,
    types: Vec<String>,
    units: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Configuration {
    profile: BTreeMap<String, Profile>,
}

/// The settings, each from the first place that has it.
pub struct Profiled {
    server: Option<String>,
    store: Option<PathBuf>,
    token_file: Option<PathBuf>,
    ca: Option<PathBuf>,
    language: Option<String>,
    filter: Filter,
    pub json: bool,
    client: OnceCell<Client>,
    warned: Cell<bool>,
}

impl Settings {
    /// Fills in what the profile has.
    pub fn profiled(self) -> Result<Profiled> {
        let profile = self.profile.as_deref().map(|name| profile(name, self.config.as_deref())).transpose()?;
        let profile = profile.unwrap_or_default();
        Ok(Profiled {
            server: self.server.or(profile.server),
            store: self.store.or(profile.store),
            // The token of the environment goes before the file of a profile, too.
            token_file: self.token_file.or(profile.token_file.filter(|_| token_variable().is_none())),
            ca: self.ca.or(profile.ca),
            language: self.language.or(profile.language),
            filter: Filter { types: profile.types, units: profile.units },
            json: self.json,
            client: OnceCell::new(),
            warned: Cell::new(false),
        })
    }
}

fn profile(name: &str, file: Option<&Path>) -> Result<Profile> {
    let file = file.map(Path::to_owned).or_else(default_file).context("name the configuration file with --config")?;
    let text = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    let configuration: Configuration = toml::from_str(&text).map_err(|error| anyhow!("{}: {error}", file.display()))?;
    let known = configuration.profile.keys().cloned().collect::<Vec<_>>().join(", ");
    let mut profiles = configuration.profile;
    let found =
        profiles.remove(name).ok_or_else(|| anyhow!("{} has the profiles {known}, not {name}", file.display()))?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let beside = |path: Option<PathBuf>| path.map(|path| folder.join(path));
    Ok(Profile { store: beside(found.store), token_file: beside(found.token_file), ca: beside(found.ca), ..found })
}

/// In microseconds.
const DAY: i64 = 24 * 3_600_000_000;

/// The bits of a file's mode that let the group or everybody read it.
#[cfg(unix)]
const READABLE_BY_OTHERS: u32 = 0o044;

/// A choice in words.
fn described(filter: &Filter) -> String {
    format!("types: {}; units: {}", or_all(&filter.types), or_all(&filter.units))
}

/// What is chosen, by name.
pub fn or_all(names: &[String]) -> String {
    if names.is_empty() { "all".to_owned() } else { names.join(", ") }
}

fn default_file() -> Option<PathBuf> {
    let folder = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let configurations = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")));
    Some(configurations?.join("cellsync/config.toml"))
}

fn token_variable() -> Option<String> {
    std::env::var("CELLSYNC_TOKEN").ok()
}

impl Profiled {
    /// The copy's file.
    pub fn store(&self) -> Result<&Path> {
        self.store.as_deref().context("name the copy's file: --store, CELLSYNC_STORE or a profile")
    }

    /// The client of the server.
    pub fn client(&self) -> Result<Client> {
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        let server = self.server.as_deref().context("name the server: --server, CELLSYNC_SERVER or a profile")?;
        let token = match &self.token_file {
            Some(file) => self.secret(file).with_context(|| format!("reading {}", file.display()))?,
            None => token_variable().context("set CELLSYNC_TOKEN, or name a --token-file")?,
        };
        let token = token.trim();
        if token.is_empty() {
            bail!("the access token is empty");
        }
        let mut client = Client::builder(server).access_token(token);
        if let Some(language) = &self.language {
            client = client.language(language);
        }
        if let Some(file) = &self.ca {
            let pem = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
            client = client.root_certificate(pem);
        }
        let client = client.build()?;
        Ok(self.client.get_or_init(|| client).clone())
    }

    /// Reads the token's file. The server refuses such a file that others may read; here a system may mount it so.
    fn secret(&self, file: &Path) -> std::io::Result<String> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(file)?.permissions().mode() & 0o777;
            if mode & READABLE_BY_OTHERS != 0 {
                let text = format!(
                    "others may read {} (mode {mode:04o}), which holds the token: chmod 600 it",
                    file.display()
                );
                warn(self.json, &text, &json!({"warning": text}));
            }
        }
        std::fs::read_to_string(file)
    }

    /// Says on standard error, once, that the token ends soon, if the server has said so.
    pub fn warn(&self) {
        let Some(end) = self.client.get().and_then(Client::token_expires_soon) else { return };
        if self.warned.replace(true) {
            return;
        }
        let days = end.micros().saturating_sub(Timestamp::now().micros()).max(0) / DAY;
        let days = counted(u64::try_from(days).unwrap_or_default(), "day");
        let text = format!("the token expires at {end}, in {days}: ask the administrator for its successor");
        warn(self.json, &text, &json!({"warning": text, "token_expires_at": end}));
    }

    /// A session on the copy, as it was begun.
    pub fn session(&self) -> Result<SyncSession<SqliteStore>> {
        Ok(SyncSession::new(self.client()?, self.open()?))
    }

    /// A session that holds what the command line chooses, else the profile, else the copy: types and units each for
    /// themselves.
    pub fn choosing(&self, choice: Choice) -> Result<(SyncSession<SqliteStore>, Filter)> {
        let session = self.session()?;
        let State { filter: held, synced_at, .. } = session.store().state()?;
        let first = |places: [&Vec<String>; 3]| places.into_iter().find(|names| !names.is_empty()).cloned();
        let filter = Filter {
            types: first([&choice.types, &self.filter.types, &held.types]).unwrap_or_default(),
            units: first([&choice.units, &self.filter.units, &held.units]).unwrap_or_default(),
        };
        if filter != held && synced_at.is_some() && !choice.yes {
            bail!(
                "{} holds another choice ({}) than this one ({}): --yes loads it again, and removes what is not chosen",
                self.store()?.display(),
                described(&held),
                described(&filter),
            );
        }
        Ok((session.with_filter(filter.clone()), filter))
    }

    fn open(&self) -> Result<SqliteStore> {
        let file = self.store()?;
        SqliteStore::open(file).with_context(|| format!("opening {}", file.display()))
    }

    /// Opens a copy that is there: opening makes the file.
    pub fn existing(&self) -> Result<SqliteStore> {
        let file = self.store()?;
        if !file.exists() {
            bail!("{} does not exist: nothing was pulled yet", file.display());
        }
        self.open()
    }
}
