//! Configuration: flags over `CELL_RECORDS_*` variables over a TOML file (`--config`), one struct a topic.
//! A setting is named alike everywhere: `database_url` in the file, `CELL_RECORDS_DATABASE_URL` in the
//! environment, `--database-url` as a flag. One that is unknown or makes no sense stops the start, naming it.

use crate::auth::keys::MasterKey;
use crate::auth::passwords::{self, Cost};
use crate::auth::proxies::TrustedProxies;
use crate::db::Url;
use crate::http::connection::ANSWER_TIMEOUT;
use crate::store::writer::RowLimits;
use cell_records_types::accounts::SystemCode;
use cell_records_types::faults::Report;
use cell_records_types::fields::Field;
use cell_records_types::text::clean;
use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use serde::{Deserialize, Serialize};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// Most connections at a time where nothing is set.
const MAX_CONNECTIONS: u32 = 10_000;
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
pub struct Settings {
    /// The database: `sqlite://FILE` or `postgres://…` [default: sqlite://./data/cell-records.db].
    #[arg(long, global = true, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_url: Option<String>,
    /// Let a SQLite file be one that others than its owner may read: `true` or `false` [default: false].
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_readable_by_others: Option<bool>,
    /// Address and port to listen on; port 0 picks one and logs it [default: 127.0.0.1:8080].
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// Threads that answer requests, 1 to 256 [default: one a processor].
    #[arg(long, global = true, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<u16>,
    /// Origins that may call from a browser, comma separated [default: none].
    #[arg(long, global = true, value_name = "ORIGINS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors_origins: Option<String>,
    /// Most connections at a time, 1 to 1000000; more wait to be taken [default: 10000].
    #[arg(long, global = true, value_name = "N")]
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

/// The configuration of a program, judged.
#[derive(Clone)]
pub struct Config {
    /// `CELL_RECORDS_DATABASE_URL`; default `sqlite://./data/cell-records.db`.
    pub database: Url,
    /// `CELL_RECORDS_DATABASE_READABLE_BY_OTHERS`: whether a SQLite file may be one that others than its owner may
    /// read; default `false`: the start is refused.
    pub database_readable_by_others: bool,
    /// How it is reached.
    pub http: Http,
    /// Who it is, and its secrets.
    pub accounts: Accounts,
    /// What it says of its work.
    pub log: Log,
    /// Whether the demo is loaded before the server is ready: `serve --demo`.
    pub demo: bool,
    /// How much a transaction may write: [`RowLimits::default`], but in tests.
    pub row_limits: RowLimits,
}

/// How a server is reached.
#[derive(Debug, Clone)]
pub struct Http {
    /// `CELL_RECORDS_LISTEN`; default `127.0.0.1:8080`. Port 0 picks one.
    pub listen: SocketAddr,
    /// `CELL_RECORDS_WORKERS`: threads that answer requests; default one a processor.
    pub workers: Option<usize>,
    /// `CELL_RECORDS_MAX_CONNECTIONS`: most connections at a time, shared out evenly among the workers; more wait to
    /// be taken; default `MAX_CONNECTIONS`. Each takes a file descriptor of the process.
    pub max_connections: usize,
    /// How long a client may leave an answer untaken before its connection is cut: [`ANSWER_TIMEOUT`], but in tests.
    pub answer_timeout: Duration,
    /// `CELL_RECORDS_TRUSTED_PROXIES`: the proxies whose `Forwarded` and `X-Forwarded-For` are believed; default none.
    pub trusted_proxies: TrustedProxies,
    /// `CELL_RECORDS_CORS_ORIGINS`: origins that may call from a browser; default none.
    pub cors_origins: Vec<String>,
}

/// Who a server is, and its secrets.
#[derive(Clone)]
pub struct Accounts {
    /// `CELL_RECORDS_ADMIN_PASSWORD`: of `admin` at the first start; default a random one, printed once.
    pub admin_password: Option<String>,
    /// `CELL_RECORDS_SYSTEM_CODE`: this server's own code; default `local`.
    pub system_code: String,
    /// `CELL_RECORDS_MASTER_KEY`: wraps the database's keys; default none.
    pub master_key: Option<MasterKey>,
    /// What a password hash costs; [`Cost::Test`] in tests only.
    pub password_cost: Cost,
}

/// What a program says of its work, on standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// `CELL_RECORDS_LOG`: a level, or levels by module; default `info,actix_server=warn`.
    pub filter: String,
    /// `CELL_RECORDS_LOG_FORMAT` is `json`; default `text`.
    pub json: bool,
}

impl Http {
    /// Threads that answer requests.
    pub fn workers(&self) -> usize {
        self.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
    }
}

impl Config {
    /// Gathers and judges the settings.
    ///
    /// # Errors
    /// A sentence that names the setting, and no secret.
    pub fn load(
        flags: &Settings,
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Config, String> {
        let environment = Environment::read(variables)?;
        let mut figment = Figment::new();
        if let Some(file) = file.map(Path::to_owned).or(environment.file) {
            if !file.is_file() {
                return Err(format!("--config: there is no file {}", file.display()));
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        figment = figment.merge(Serialized::defaults(environment.settings)).merge(Serialized::defaults(flags));
        let settings: Settings = figment.extract().map_err(|error| {
            let reasons: Vec<String> = error.into_iter().map(|one| reason(&one)).collect();
            reasons.join("; ")
        })?;
        let mut config = Config::judge(settings)?;
        config.accounts.password_cost = environment.password_cost;
        Ok(config)
    }

    /// Judges settings and fills in the defaults.
    ///
    /// # Errors
    /// A sentence that names the setting, and no secret.
    pub fn judge(settings: Settings) -> Result<Config, String> {
        let named = |name: &str, why: String| format!("{name}: {why}");
        let url = settings.database_url.as_deref().unwrap_or("sqlite://./data/cell-records.db");
        let listen = settings.listen.as_deref().unwrap_or("127.0.0.1:8080");
        let listen = listen.to_socket_addrs().ok().and_then(|mut found| found.next());
        if settings.workers.is_some_and(|workers| !(1..=256).contains(&workers)) {
            return Err("workers: must be 1 to 256".into());
        }
        let max_connections = settings.max_connections.unwrap_or(MAX_CONNECTIONS);
        if !(1..=1_000_000).contains(&max_connections) {
            return Err("max_connections: must be 1 to 1000000".into());
        }
        let system_code = settings.system_code.unwrap_or_else(|| "local".into());
        let mut report = Report::default();
        SystemCode::check(&mut system_code.as_str().into(), &mut report);
        if !report.faults.is_empty() {
            return Err("system_code: must be 2 to 40 of a–z, 0–9, '-'".into());
        }
        // Cleaned as the text of a login is, or nobody could log in with it.
        let admin_password =
            settings.admin_password.map(|password| clean(&password, false).unwrap_or_default().into_owned());
        if admin_password.as_ref().is_some_and(|password| !passwords::is_acceptable(password, crate::setup::ADMIN, ""))
        {
            return Err("admin_password: must have at least 12 characters and not be easy to guess".into());
        }
        let log = Log {
            filter: settings.log.unwrap_or_else(|| "info,actix_server=warn".into()),
            json: match settings.log_format.as_deref() {
                None | Some("text") => false,
                Some("json") => true,
                Some(_) => return Err("log_format: must be text or json".into()),
            },
        };
        EnvFilter::try_new(&log.filter).map_err(|error| named("log", error.to_string()))?;
        Ok(Config {
            database: Url::parse(url).map_err(|why| named("database_url", why))?,
            database_readable_by_others: settings.database_readable_by_others.unwrap_or_default(),
            http: Http {
                listen: listen.ok_or("listen: must be ADDRESS:PORT, such as 127.0.0.1:8080")?,
                workers: settings.workers.map(usize::from),
                max_connections: usize::try_from(max_connections).unwrap_or(usize::MAX),
                answer_timeout: ANSWER_TIMEOUT,
                trusted_proxies: TrustedProxies::parse(settings.trusted_proxies.as_deref().unwrap_or_default())
                    .map_err(|why| named("trusted_proxies", why))?,
                cors_origins: origins(settings.cors_origins.as_deref().unwrap_or_default())?,
            },
            accounts: Accounts {
                admin_password,
                system_code,
                master_key: settings
                    .master_key
                    .as_deref()
                    .map(MasterKey::parse)
                    .transpose()
                    .map_err(|why| named("master_key", why))?,
                password_cost: Cost::Full,
            },
            log,
            demo: false,
            row_limits: RowLimits::default(),
        })
    }
}

/// What figment found wrong, without the value: it may be a secret.
fn reason(error: &figment::Error) -> String {
    use figment::error::Kind;
    match &error.kind {
        Kind::UnknownField(name, known) => format!("unknown setting {name}; known: {}", known.join(", ")),
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
            format!("{}: must be {expected}", error.path.join("."))
        }
        // The file does not parse: the parser's first line names no more than the place.
        Kind::Message(why) => format!("the configuration cannot be read: {}", why.lines().next().unwrap_or_default()),
        _ => format!("{}: makes no sense", error.path.join(".")),
    }
}

fn origins(list: &str) -> Result<Vec<String>, String> {
    let origins: Vec<String> = list.split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect();
    let is_origin = |origin: &String| {
        let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        rest.is_some_and(|host| {
            !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b))
        })
    };
    match origins.iter().find(|origin| !is_origin(origin)) {
        Some(origin) => Err(format!("cors_origins: {origin} is no origin such as https://app.example.vn")),
        None => Ok(origins),
    }
}

/// What the environment says. An empty variable is as good as none.
struct Environment {
    settings: Settings,
    file: Option<PathBuf>,
    password_cost: Cost,
}

impl Environment {
    fn read(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, String> {
        let mut environment = Environment { settings: Settings::default(), file: None, password_cost: Cost::Full };
        for (variable, value) in variables {
            if variable == CHEAP_PASSWORDS && value == "1" {
                environment.password_cost = Cost::Test;
            }
            let Some(name) = variable.strip_prefix(PREFIX) else { continue };
            if variable.starts_with(OF_TESTS) || value.is_empty() {
                continue;
            }
            if variable == CONFIG_FILE {
                environment.file = Some(value.into());
                continue;
            }
            let settings = &mut environment.settings;
            let slot = match name {
                "DATABASE_URL" => &mut settings.database_url,
                "LISTEN" => &mut settings.listen,
                "TRUSTED_PROXIES" => &mut settings.trusted_proxies,
                "CORS_ORIGINS" => &mut settings.cors_origins,
                "SYSTEM_CODE" => &mut settings.system_code,
                "LOG" => &mut settings.log,
                "LOG_FORMAT" => &mut settings.log_format,
                "ADMIN_PASSWORD" => &mut settings.admin_password,
                "MASTER_KEY" => &mut settings.master_key,
                "DATABASE_READABLE_BY_OTHERS" => {
                    let allowed = value.parse().map_err(|_| format!("{variable}: must be true or false"))?;
                    settings.database_readable_by_others = Some(allowed);
                    continue;
                }
                "WORKERS" => {
                    let workers = value.parse().map_err(|_| format!("{variable}: must be a whole number"))?;
                    settings.workers = Some(workers);
                    continue;
                }
                "MAX_CONNECTIONS" => {
                    let most = value.parse().map_err(|_| format!("{variable}: must be a whole number"))?;
                    settings.max_connections = Some(most);
                    continue;
                }
                _ => return Err(format!("unknown setting {variable}")),
            };
            *slot = Some(value);
        }
        Ok(environment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(variables: &[(&str, &str)], flags: Settings) -> Result<Config, String> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(&flags, None, variables)
    }

    #[test]
    fn a_flag_goes_before_a_variable() {
        let flags = Settings { listen: Some("127.0.0.1:2".into()), ..Settings::default() };
        let variables = [("CELL_RECORDS_LISTEN", "127.0.0.1:1"), ("CELL_RECORDS_SYSTEM_CODE", "ward-1")];
        let config = load(&variables, flags).map_err(|why| panic!("{why}")).unwrap();
        assert_eq!(config.http.listen.port(), 2);
        assert_eq!(config.accounts.system_code, "ward-1");
    }

    #[test]
    fn what_is_unknown_or_makes_no_sense_is_named_without_its_secrets() {
        for (variable, value, named) in [
            ("CELL_RECORDS_LISTN", "x", "CELL_RECORDS_LISTN"),
            ("CELL_RECORDS_LISTEN", "nowhere", "listen"),
            ("CELL_RECORDS_WORKERS", "many", "CELL_RECORDS_WORKERS"),
            ("CELL_RECORDS_WORKERS", "0", "workers"),
            ("CELL_RECORDS_DATABASE_READABLE_BY_OTHERS", "hunter2", "CELL_RECORDS_DATABASE_READABLE_BY_OTHERS"),
            ("CELL_RECORDS_DATABASE_URL", "mysql://u:hunter2@h/d", "database_url"),
            ("CELL_RECORDS_SYSTEM_CODE", "Not A Slug", "system_code"),
            ("CELL_RECORDS_ADMIN_PASSWORD", "hunter2", "admin_password"),
            ("CELL_RECORDS_MASTER_KEY", "hunter2", "master_key"),
            ("CELL_RECORDS_CORS_ORIGINS", "https://a.vn/path", "cors_origins"),
            ("CELL_RECORDS_LOG_FORMAT", "xml", "log_format"),
            ("CELL_RECORDS_MAX_CONNECTIONS", "0", "max_connections"),
            ("CELL_RECORDS_TRUSTED_PROXIES", "10.0.0.0/33", "trusted_proxies"),
        ] {
            let why = load(&[(variable, value)], Settings::default()).err().unwrap();
            assert!(why.contains(named) && !why.contains("hunter2"), "{why}");
        }
        assert!(load(&[("CELL_RECORDS_TEST_POSTGRES", "x"), ("OTHER", "y")], Settings::default()).is_ok());
    }

    #[test]
    fn an_unknown_name_in_the_file_is_named() {
        let file = std::env::temp_dir().join(format!("cell-records-config-{}.toml", uuid::Uuid::new_v4()));
        std::fs::write(&file, "listen = '127.0.0.1:3'\nlisten_on = 1\n").unwrap();
        let why = Config::load(&Settings::default(), Some(&file), []).err().unwrap();
        std::fs::remove_file(&file).unwrap();
        assert!(why.contains("listen_on"), "{why}");
    }
}
