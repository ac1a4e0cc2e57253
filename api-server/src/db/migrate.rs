//! Migrations: the folders of both engines merged by name, run by the binary before it serves. Two words of their SQL
//! are the runner's: `ENVELOPE` becomes the columns that every record table begins with, and `WITHOUT ROWID`, which
//! keeps a child table of SQLite in its key alone, is left out on PostgreSQL.

use super::connect::{Database, DedicatedConnection, Url};
use super::{Db, DbError, Sql, Verbs, engine, file};
use crate::on;
use diesel::backend::Backend;
use diesel::connection::BoxableConnection;
use diesel::connection::Connection;
use diesel::migration::{self, Migration, MigrationMetadata, MigrationName, MigrationSource, MigrationVersion};
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;
use diesel_async::{AsyncMigrationHarness, SimpleAsyncConnection};
use diesel_migrations::MigrationHarness;
use include_dir::{Dir, include_dir};
use std::fmt;

static FOLDER: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../migrations");

/// What every record table begins with: the envelope, and the body cut by field class.
const ENVELOPE: &str = "id uuid NOT NULL PRIMARY KEY,
    unit_id uuid NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    origin text,
    external_ids text NOT NULL,
    public_body text NOT NULL,
    internal_body text NOT NULL,
    personal_body text NOT NULL,
    sensitive_body text NOT NULL";

/// The migrations of one engine, by version: the common ones and those in a folder of its own.
struct Merged {
    engine: &'static str,
}

const SQLITE: Merged = Merged { engine: "sqlite" };
const POSTGRES: Merged = Merged { engine: "postgres" };

impl Merged {
    fn scripts(&self) -> Vec<Script> {
        let folders = ["common", self.engine].into_iter().filter_map(|folder| FOLDER.get_dir(folder));
        let mut all: Vec<Script> = folders
            .flat_map(Dir::dirs)
            .filter_map(|folder| {
                let sql = folder.get_file(folder.path().join("up.sql"))?.contents_utf8()?;
                let mut up = sql.replace("ENVELOPE", ENVELOPE);
                if self.engine == POSTGRES.engine {
                    up = up.replace(" WITHOUT ROWID", "");
                }
                Some(Script { name: Name(folder.path().file_name()?.to_str()?), up })
            })
            .collect();
        all.sort_unstable_by_key(|script| script.name.0);
        all
    }
}

impl<DB: Backend> MigrationSource<DB> for Merged {
    fn migrations(&self) -> migration::Result<Vec<Box<dyn Migration<DB>>>> {
        Ok(self.scripts().into_iter().map(|script| Box::new(script) as Box<dyn Migration<DB>>).collect())
    }
}

/// One migration, as this engine runs it.
struct Script {
    name: Name,
    up: String,
}

/// The name of its folder: a version of 14 digits, `_`, what it makes.
struct Name(&'static str);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl MigrationName for Name {
    fn version(&self) -> MigrationVersion<'_> {
        self.0.split('_').next().unwrap_or_default().into()
    }
}

impl MigrationMetadata for Name {}

impl<DB: Backend> Migration<DB> for Script {
    fn run(&self, connection: &mut dyn BoxableConnection<DB>) -> migration::Result<()> {
        connection.batch_execute(&self.up).map_err(|error| format!("{}: {error}", self.name).into())
    }

    fn revert(&self, _: &mut dyn BoxableConnection<DB>) -> migration::Result<()> {
        Err("migrations are not reverted".into())
    }

    fn metadata(&self) -> &dyn MigrationMetadata {
        &self.name
    }

    fn name(&self) -> &dyn MigrationName {
        &self.name
    }
}

/// The table in which diesel notes which migrations ran.
const APPLIED: &str = "__diesel_schema_migrations";
/// A table that each of our databases has.
const OURS: &str = "sync_clock";

/// Brings the database to this program's schema. Returns how many migrations it ran. Several servers may
/// do so at once: the second waits for the first.
///
/// # Errors
/// A sentence for the operator: also when the database is something else's, of a newer program, not in UTF-8, or with
/// errors in another language than English. Nothing is changed then.
pub fn migrate(database: &Database) -> Result<usize, String> {
    // The harness of PostgreSQL needs a runtime of several threads, whatever the caller runs on.
    let database = database.clone();
    let run = move || match database.url() {
        Url::Sqlite(path) => {
            file::make(path)?;
            block_on(async {
                // First without our settings, which would change the file of another program. But a connection that is
                // just closing it is waited for.
                let plain = SqliteConnection::establish(&path.to_string_lossy());
                let mut plain = plain.map_err(|error| format!("cannot open the database: {error}"))?;
                diesel::connection::SimpleConnection::batch_execute(&mut plain, "PRAGMA busy_timeout = 5000")
                    .map_err(|error| format!("cannot open the database: {error}"))?;
                pending(&mut Db::Lite(&mut plain), &known(database.url())).await?;
                drop(plain);
                let mut own = database.open().await.map_err(|error| format!("cannot open the database: {error}"))?;
                let DedicatedConnection::Lite(connection) = &mut own else { return Ok(0) };
                connection
                    .exclusive_transaction(|c| Ok(c.run_pending_migrations(SQLITE).map(|done| done.len())))
                    .map_err(|error: diesel::result::Error| format!("cannot migrate: {error}"))?
                    .map_err(|error| format!("cannot migrate: {error}"))
            })
        }
        Url::Postgres(_) => block_on(async {
            let unreachable = |error| format!("cannot reach the database: {error}");
            let cannot_migrate = |error| format!("cannot migrate: {error}");
            let guard = database.open().await.map_err(unreachable)?;
            let own = database.open().await.map_err(unreachable)?;
            let (DedicatedConnection::Pg(mut guard), DedicatedConnection::Pg(mut connection)) = (guard, own) else {
                return Ok(0);
            };
            // Two servers that start together migrate one after the other, however long that takes. The lock goes with
            // its connection.
            let lock = "SET lock_timeout = 0; SET statement_timeout = 0; SELECT pg_advisory_lock(7303014)";
            guard.batch_execute(lock).await.map_err(|error| format!("cannot lock for migration: {error}"))?;
            pending(&mut Db::Pg(&connection), &known(database.url())).await?;
            connection.batch_execute("SET statement_timeout = 0").await.map_err(cannot_migrate)?;
            let mut harness = AsyncMigrationHarness::new(*connection);
            let done = harness.run_pending_migrations(POSTGRES).map(|done| done.len());
            drop(guard);
            done.map_err(|error| format!("cannot migrate: {error}"))
        }),
    };
    std::thread::spawn(run).join().unwrap_or_else(|_| Err("the migration panicked".into()))
}

/// Refuses a database that is not there or not up to date: for commands that work on what a server made.
///
/// # Errors
/// A sentence for the operator.
pub async fn must_be_current(database: &Database) -> Result<(), String> {
    let none = || format!("there is no database yet at {}: start `cell-records serve` first", database.url());
    if let Url::Sqlite(path) = database.url()
        && !path.exists()
    {
        return Err(none());
    }
    let mut own = database.open().await.map_err(|error| format!("cannot open the database: {error}"))?;
    let known = known(database.url());
    match pending(&mut own.db(), &known).await? {
        0 => Ok(()),
        all if all == known.len() => Err(none()),
        _ => Err("the database is of an older program: run `cell-records migrate` first".into()),
    }
}

/// The version of this program's schema: that of its last migration.
pub fn newest(database: &Database) -> String {
    known(database.url()).pop().unwrap_or_default()
}

fn known(url: &Url) -> Vec<String> {
    let source = match url {
        Url::Sqlite(_) => SQLITE,
        Url::Postgres(_) => POSTGRES,
    };
    source.scripts().iter().map(|script| script.name.version().to_string()).collect()
}

/// How many of the known migrations a database lacks.
///
/// # Errors
/// A sentence for the operator, when the database is something else's, of a newer program, not in UTF-8, or with errors in
/// another language than English.
async fn pending(db: &mut Db<'_>, known: &[String]) -> Result<usize, String> {
    let unreadable = |error: DbError| format!("cannot read the database: {error}");
    if let Some(encoding) = engine::narrow_encoding(db).await.map_err(unreadable)? {
        // It would be noticed at the first character that the encoding lacks, by who writes it.
        return Err(format!(
            "the database has the encoding {encoding}: give cell-records one that is made with ENCODING 'UTF8' TEMPLATE template0"
        ));
    }
    if let Some(locale) = engine::foreign_texts(db).await.map_err(unreadable)? {
        return Err(format!(
            "the database's errors are in the language of {locale}, and cell-records knows them in English: as a superuser \
             of PostgreSQL, run ALTER DATABASE … SET lc_messages = 'C'"
        ));
    }
    let mut tables = engine::tables(db).await.map_err(unreadable)?;
    let has_applied = tables.iter().any(|table| table == APPLIED);
    tables.retain(|table| table != APPLIED);
    let is_ours = tables.iter().any(|table| table == OURS);
    let applied: Vec<String> = if has_applied {
        let sql = Sql::<Text>::new("SELECT version FROM __diesel_schema_migrations ORDER BY version");
        on!(db, c => sql.all(c)).map_err(unreadable)?
    } else {
        Vec::new()
    };
    let newer = applied.iter().rfind(|version| !known.contains(version));
    match newer {
        Some(version) if is_ours => Err(format!(
            "the database is of a newer program: it has the migration {version}, and this one ({}) knows none after {}",
            env!("CARGO_PKG_VERSION"),
            known.last().map_or("", String::as_str)
        )),
        None if is_ours || tables.is_empty() => Ok(known.iter().filter(|one| !applied.contains(one)).count()),
        _ => Err("the database holds tables of something else: give cell-records a database of its own".into()),
    }
}

fn block_on<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_engines_have_the_same_migrations() {
        let names = |all: Vec<Script>| all.iter().map(|script| script.name.to_string()).collect::<Vec<_>>();
        let lite = names(SQLITE.scripts());
        assert_eq!(lite, names(POSTGRES.scripts()));
        assert!(lite.len() >= 10 && !lite.iter().any(|name| name.as_bytes()[14] != b'_'), "{lite:?}");
    }

    /// Of two with the same number, the runner would skip one in silence.
    #[test]
    fn every_migration_of_an_engine_has_a_number_of_its_own() {
        for engine in [SQLITE, POSTGRES] {
            let scripts = engine.scripts();
            for (one, next) in scripts.iter().zip(scripts.iter().skip(1)) {
                assert_ne!(one.name.version(), next.name.version(), "{} and {}", one.name, next.name);
            }
        }
    }
}
