//! The settings as they are written: flags over `CELL_RECORDS_*` variables over a TOML file (`--config`). A setting is
//! named alike everywhere: `database_url` in the file, `CELL_RECORDS_DATABASE_URL` in the environment,
//! `--database-url` as a flag. One that is unknown or makes no sense stops the start, named as it was written.

use crate::auth::passwords::Cost;
use crate::db::file::check_owner_only;
use figment::Figment;
use figment::error::Kind;
use figment::providers::{Format, Serialized, Toml};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What the names of the variables begin with.
const PREFIX: &str = "CELL_RECORDS_";
/// Variables of the tests' own: not settings.
const OF_TESTS: &str = "CELL_RECORDS_TEST_";
/// Makes password hashing cheap when it is `1`. For tests only.
const CHEAP_PASSWORDS: &str = "CELL_RECORDS_TEST_CHEAP_PASSWORDS";
/// Names the configuration file, as `--config` does.
const CONFIG_FILE: &str = "CELL_RECORDS_CONFIG";

/// The settings as they are written, before they are judged. Absent ones take their default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, default)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// The database: `sqlite://FILE` or `postgres://…` [default: sqlite://./data/cell-records.db].
    #[arg(long, global = true, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_url: Option<String>,
    /// Let others than its owner read the SQLite file, and a settings file that holds secrets: `true` or `false`
    /// [default: false].
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_readable_by_others: Option<bool>,
    /// Address and port to listen on; port 0 picks one and logs it [default: 127.0.0.1:8080].
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// Threads that answer requests, 1 to 256 [default: one a processor].
    #[arg(long, global = true, value_name = "N", value_parser = |text: &str| parsed::<u16>("workers", text))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<u16>,
    /// Origins that may call from a browser, comma separated [default: none].
    #[arg(long, global = true, value_name = "ORIGINS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors_origins: Option<String>,
    /// Most connections at a time, 1 to 1000000; more wait to be taken [default: 10000].
    #[arg(long, global = true, value_name = "N", value_parser = |text: &str| parsed::<u32>("max_connections", text))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<u32>,
    /// Addresses and networks of the proxies in front of the server, comma separated, such as
    /// `10.0.0.5,fd00::/8`; from these alone `Forwarded` and `X-Forwarded-For` are believed [default: none].
    #[arg(long, global = true, value_name = "NETWORKS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted_proxies: Option<String>,
    /// This server's own code, in `origin` and `via` of what it exchanges [default: local].
    #[arg(long, global = true, value_name = "CODE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_code: Option<String>,
    /// What is logged: a level, or levels by module [default: info,actix_server=warn].
    #[arg(long, global = true, value_name = "FILTER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// How lines are logged: `text` or `json` [default: text].
    #[arg(long, global = true, value_name = "FORMAT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_format: Option<String>,
    /// The password of `admin` at the first start; no flag, for other users of the machine read those.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_password: Option<String>,
    /// The key that wraps the database's keys: 32 bytes in base64; no flag, as above.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_key: Option<String>,
}

impl Settings {
    /// Whether others must not read them.
    fn holds_secrets(&self) -> bool {
        let user = |url: &String| Some(url.split_once("://")?.1.split_once('@')?.0.contains(':'));
        let has_password =
            self.database_url.as_ref().is_some_and(|url| user(url) == Some(true) || url.contains("password="));
        has_password || self.admin_password.is_some() || self.master_key.is_some()
    }
}

/// A setting that makes no sense.
#[derive(Debug)]
pub struct Wrong {
    setting: &'static str,
    /// Without the value where that may be a secret.
    why: String,
}

impl Wrong {
    pub(super) fn new(setting: &'static str, why: String) -> Self {
        Wrong { setting, why }
    }

    pub(super) fn not_accepted(setting: &'static str) -> Self {
        Wrong::new(setting, format!("must be {}", accepted(setting)))
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.why)
    }
}

/// What a setting accepts.
fn accepted(setting: &str) -> &'static str {
    match setting {
        "database_url" => "sqlite://FILE or postgres://…",
        "database_readable_by_others" => "true or false",
        "listen" => "ADDRESS:PORT, such as 127.0.0.1:8080",
        "workers" => "a whole number, 1 to 256",
        "max_connections" => "a whole number, 1 to 1000000",
        "system_code" => "2 to 40 of a–z, 0–9, '-'",
        "log" => "a level (off, error, warn, info, debug, trace), or levels by module, such as info,actix_server=warn",
        "log_format" => "text or json",
        _ => "a string",
    }
}

fn parsed<T: FromStr>(setting: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("must be {}", accepted(setting)))
}

/// Names the variables that there are, besides one that is none of them.
fn unknown(variable: &str) -> String {
    // The same names that a file is refused with: some settings have no flag.
    let refused = Figment::from(Serialized::default(variable, "")).extract::<Settings>().map_err(|error| error.kind);
    let names = if let Err(Kind::UnknownField(_, names)) = refused { names } else { &[] };
    let mut known: Vec<String> = names.iter().map(|name| format!("{PREFIX}{}", name.to_uppercase())).collect();
    known.push(CONFIG_FILE.to_owned());
    format!("unknown setting {variable}; known: {}", known.join(", "))
}

/// Where settings are written.
pub(super) struct Sources {
    flags: Settings,
    variables: Settings,
    file: Option<PathBuf>,
    pub(super) password_cost: Cost,
}

impl Sources {
    /// Reads the variables; an empty one is as good as none. The flags are read already.
    pub(super) fn read(
        flags: &Settings,
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, String> {
        let mut sources = Sources {
            flags: flags.clone(),
            variables: Settings::default(),
            file: file.map(Path::to_owned),
            password_cost: Cost::Full,
        };
        for (variable, value) in variables {
            if variable == CHEAP_PASSWORDS && value == "1" {
                sources.password_cost = Cost::Test;
            }
            let Some(name) = variable.strip_prefix(PREFIX) else { continue };
            if variable.starts_with(OF_TESTS) || value.is_empty() {
                continue;
            }
            if variable == CONFIG_FILE {
                sources.file.get_or_insert_with(|| value.into());
                continue;
            }
            let wrong = |why| format!("{variable}: {why}");
            let settings = &mut sources.variables;
            match name {
                "DATABASE_URL" => settings.database_url = Some(value),
                "DATABASE_READABLE_BY_OTHERS" => {
                    let allowed = parsed("database_readable_by_others", &value).map_err(wrong)?;
                    settings.database_readable_by_others = Some(allowed);
                }
                "LISTEN" => settings.listen = Some(value),
                "WORKERS" => settings.workers = Some(parsed("workers", &value).map_err(wrong)?),
                "CORS_ORIGINS" => settings.cors_origins = Some(value),
                "MAX_CONNECTIONS" => settings.max_connections = Some(parsed("max_connections", &value).map_err(wrong)?),
                "TRUSTED_PROXIES" => settings.trusted_proxies = Some(value),
                "SYSTEM_CODE" => settings.system_code = Some(value),
                "LOG" => settings.log = Some(value),
                "LOG_FORMAT" => settings.log_format = Some(value),
                "ADMIN_PASSWORD" => settings.admin_password = Some(value),
                "MASTER_KEY" => settings.master_key = Some(value),
                _ => return Err(unknown(&variable)),
            }
        }
        match &sources.file {
            Some(file) if !file.is_file() => Err(format!("--config: there is no file {}", file.display())),
            _ => Ok(sources),
        }
    }

    /// Puts them together.
    pub(super) fn settings(&self) -> Result<Settings, String> {
        let mut figment = Figment::new();
        if let Some(file) = &self.file {
            figment = figment.merge(Toml::file_exact(file));
        }
        let read = |figment: Figment| {
            figment.extract().map_err(|error: figment::Error| {
                let reasons: Vec<String> = error.into_iter().map(|one| self.reason(&one)).collect();
                reasons.join("; ")
            })
        };
        let of_file: Settings = read(figment.clone())?;
        let settings: Settings =
            read(figment.merge(Serialized::defaults(&self.variables)).merge(Serialized::defaults(&self.flags)))?;
        match &self.file {
            Some(file) if of_file.holds_secrets() && settings.database_readable_by_others != Some(true) => {
                check_owner_only(file, "secrets")?;
            }
            _ => {}
        }
        Ok(settings)
    }

    /// What figment found wrong in the file, without the value: it may be a secret. Flags and variables have their
    /// types already.
    fn reason(&self, error: &figment::Error) -> String {
        let (setting, file) = (error.path.join("."), self.file());
        match &error.kind {
            Kind::UnknownField(name, known) => format!("unknown setting {name} in {file}; known: {}", known.join(", ")),
            // The file does not parse: the parser's first line names no more than the place.
            Kind::Message(why) => format!("{file} cannot be read: {}", why.lines().next().unwrap_or_default()),
            _ => format!("{setting} in {file}: must be {}", accepted(&setting)),
        }
    }

    /// Names a wrong setting as it was written.
    pub(super) fn explain(&self, Wrong { setting, why }: &Wrong) -> String {
        let has = |settings| serde_json::to_value::<&Settings>(settings).is_ok_and(|all| all.get(setting).is_some());
        if has(&self.flags) {
            format!("--{}: {why}", setting.replace('_', "-"))
        } else if has(&self.variables) {
            format!("{PREFIX}{}: {why}", setting.to_uppercase())
        } else {
            format!("{setting} in {}: {why}", self.file())
        }
    }

    fn file(&self) -> String {
        self.file.as_ref().map(|file| file.display().to_string()).unwrap_or_default()
    }
}
