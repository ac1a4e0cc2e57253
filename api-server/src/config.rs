//! Configuration, one struct a topic, and how the settings are judged. `settings` reads them.

mod settings;

pub use settings::{Settings, Wrong};

use crate::auth::keys::MasterKey;
use crate::auth::passwords::Cost;
use crate::auth::proxies::TrustedProxies;
use crate::db::Url;
use crate::http::connection::ANSWER_TIMEOUT;
use crate::store::writer::RowLimits;
use cell_records_types::accounts::SystemCode;
use cell_records_types::faults::Report;
use cell_records_types::fields::Field;
use cell_records_types::text::clean;
use settings::Sources;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Most connections at a time where nothing is set.
const MAX_CONNECTIONS: u32 = 10_000;

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
    /// A sentence that names the setting and where it was made, and no secret.
    pub fn load(
        flags: &Settings,
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Config, String> {
        let sources = Sources::read(flags, file, variables)?;
        let mut config = Config::judge(sources.settings()?).map_err(|wrong| sources.explain(&wrong))?;
        config.accounts.password_cost = sources.password_cost;
        Ok(config)
    }

    /// Judges settings and fills in the defaults.
    ///
    /// # Errors
    /// The setting that makes no sense.
    pub fn judge(settings: Settings) -> Result<Config, Wrong> {
        let url = settings.database_url.as_deref().unwrap_or("sqlite://./data/cell-records.db");
        let listen = settings.listen.as_deref().unwrap_or("127.0.0.1:8080");
        let listen = listen.to_socket_addrs().ok().and_then(|mut found| found.next());
        if settings.workers.is_some_and(|workers| !(1..=256).contains(&workers)) {
            return Err(Wrong::not_accepted("workers"));
        }
        let max_connections = settings.max_connections.unwrap_or(MAX_CONNECTIONS);
        if !(1..=1_000_000).contains(&max_connections) {
            return Err(Wrong::not_accepted("max_connections"));
        }
        let system_code = settings.system_code.unwrap_or_else(|| "local".into());
        let mut report = Report::default();
        SystemCode::check(&mut system_code.as_str().into(), &mut report);
        if !report.faults.is_empty() {
            return Err(Wrong::not_accepted("system_code"));
        }
        // Cleaned as the text of a login is, or nobody could log in with it.
        let admin_password =
            settings.admin_password.map(|password| clean(&password, false).unwrap_or_default().into_owned());
        let log = Log {
            filter: settings.log.unwrap_or_else(|| "info,actix_server=warn".into()),
            json: match settings.log_format.as_deref() {
                None | Some("text") => false,
                Some("json") => true,
                Some(_) => return Err(Wrong::not_accepted("log_format")),
            },
        };
        if !is_filter(&log.filter) {
            return Err(Wrong::not_accepted("log"));
        }
        Ok(Config {
            database: Url::parse(url).map_err(|why| Wrong::new("database_url", why))?,
            database_readable_by_others: settings.database_readable_by_others.unwrap_or_default(),
            http: Http {
                listen: listen.ok_or(Wrong::not_accepted("listen"))?,
                workers: settings.workers.map(usize::from),
                max_connections: usize::try_from(max_connections).unwrap_or(usize::MAX),
                answer_timeout: ANSWER_TIMEOUT,
                trusted_proxies: TrustedProxies::parse(settings.trusted_proxies.as_deref().unwrap_or_default())
                    .map_err(|why| Wrong::new("trusted_proxies", why))?,
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
                    .map_err(|why| Wrong::new("master_key", why))?,
                password_cost: Cost::Full,
            },
            log,
            demo: false,
            row_limits: RowLimits::default(),
        })
    }
}

/// Whether a filter of the log says what it seems to. A word alone that is no level would be the name of a module, and
/// nothing else would be logged.
fn is_filter(filter: &str) -> bool {
    let is_level = |part: &str| part.contains(['=', '[']) || part.parse::<LevelFilter>().is_ok();
    EnvFilter::try_new(filter).is_ok() && filter.split(',').all(is_level)
}

fn origins(list: &str) -> Result<Vec<String>, Wrong> {
    let origins: Vec<String> = list.split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect();
    let is_origin = |origin: &String| {
        let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        rest.is_some_and(|host| {
            !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b))
        })
    };
    match origins.iter().find(|origin| !is_origin(origin)) {
        Some(origin) => {
            Err(Wrong::new("cors_origins", format!("{origin} is no origin such as https://app.example.vn")))
        }
        None => Ok(origins),
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
        for (variable, value, accepted) in [
            ("CELL_RECORDS_LISTN", "x", ", CELL_RECORDS_MASTER_KEY, "),
            ("CELL_RECORDS_LISTEN", "nowhere", "ADDRESS:PORT"),
            ("CELL_RECORDS_WORKERS", "many", "1 to 256"),
            ("CELL_RECORDS_WORKERS", "0", "1 to 256"),
            ("CELL_RECORDS_DATABASE_READABLE_BY_OTHERS", "hunter2", "true or false"),
            ("CELL_RECORDS_DATABASE_URL", "mysql://u:hunter2@h/d", "postgres://"),
            ("CELL_RECORDS_SYSTEM_CODE", "Not A Slug", "a–z"),
            ("CELL_RECORDS_MASTER_KEY", "hunter2", "base64"),
            ("CELL_RECORDS_CORS_ORIGINS", "https://a.vn/path", "https://app"),
            ("CELL_RECORDS_LOG_FORMAT", "xml", "text or json"),
            ("CELL_RECORDS_LOG", "loud", "trace"),
            ("CELL_RECORDS_LOG", "info,actix_server=loud", "trace"),
            ("CELL_RECORDS_MAX_CONNECTIONS", "0", "1 to 1000000"),
            ("CELL_RECORDS_TRUSTED_PROXIES", "10.0.0.0/33", "192.168.0.0/16"),
        ] {
            let why = load(&[(variable, value)], Settings::default()).err().unwrap();
            assert!(why.contains(variable) && why.contains(accepted) && !why.contains("hunter2"), "{why}");
        }
        assert!(load(&[("CELL_RECORDS_TEST_POSTGRES", "x"), ("OTHER", "y")], Settings::default()).is_ok());
    }

    #[test]
    fn a_filter_of_the_log_is_a_level_or_levels_by_module() {
        for filter in ["debug", "WARN", "info,actix_server=warn", "off,cell_records_server::sync=trace"] {
            assert!(load(&[("CELL_RECORDS_LOG", filter)], Settings::default()).is_ok(), "{filter}");
        }
    }

    #[test]
    fn a_file_with_secrets_is_its_owners_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ward.toml");
        for (text, is_refused) in [
            ("master_key = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='", true),
            ("database_url = 'postgres://u:hunter2@h/d'", true),
            ("database_url = 'postgres://u@h/d'", false),
            ("database_url = 'postgres://u:hunter2@h/d'\ndatabase_readable_by_others = true", false),
        ] {
            std::fs::write(&file, text).unwrap();
            for (mode, is_open) in [(0o644, true), (0o600, false)] {
                std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
                let why = Config::load(&Settings::default(), Some(&file), []).err().unwrap_or_default();
                assert_eq!(why.contains("chmod 600"), is_refused && is_open, "{text}: {why}");
                assert!(!why.contains("hunter2"), "{why}");
            }
        }
    }

    #[test]
    fn a_wrong_setting_is_named_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ward.toml");
        let of_file = |text: &str, flags: &Settings| {
            std::fs::write(&file, text).unwrap();
            Config::load(flags, Some(&file), []).err().unwrap()
        };
        let flags = Settings { log: Some("loud".into()), ..Settings::default() };
        let place = file.display();
        for (text, flags, expected) in [
            ("workers = 'two'", &Settings::default(), format!("workers in {place}: must be a whole number, 1 to 256")),
            ("workers = 300", &Settings::default(), format!("workers in {place}: must be a whole number, 1 to 256")),
            ("listen = 1", &Settings::default(), format!("listen in {place}: must be ADDRESS:PORT")),
            ("log_format = 'xml'", &Settings::default(), format!("log_format in {place}: must be text or json")),
            ("log = 'quiet'", &flags, "--log: must be".to_owned()),
            ("listen_on = 1", &Settings::default(), format!("unknown setting listen_on in {place}; known: ")),
            ("workers = ", &Settings::default(), format!("{place} cannot be read: ")),
        ] {
            let why = of_file(text, flags);
            assert!(why.starts_with(&expected), "{why}");
        }
    }
}
