//! Migrations: the folders of both engines merged by name, run by the binary before it serves.

use super::connect::{Database, Own, Url};
use diesel::migration::{Migration, MigrationSource};

use diesel_async::AsyncMigrationHarness;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

const COMMON: EmbeddedMigrations = embed_migrations!("../migrations/common");
const SQLITE: EmbeddedMigrations = embed_migrations!("../migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../migrations/postgres");

/// The common migrations with one engine's own, by version.
struct Merged(EmbeddedMigrations);

impl<DB: diesel::backend::Backend> MigrationSource<DB> for Merged
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    fn migrations(&self) -> diesel::migration::Result<Vec<Box<dyn Migration<DB>>>> {
        let mut all = COMMON.migrations()?;
        all.extend(self.0.migrations()?);
        all.sort_unstable_by(|a, b| a.name().version().cmp(&b.name().version()));
        Ok(all)
    }
}

/// Brings the database to this program's schema. Returns how many migrations it ran. Several servers may
/// do so at once: the second waits for the first.
///
/// # Errors
/// A sentence for the operator.
pub fn migrate(database: &Database) -> Result<usize, String> {
    // The harness of PostgreSQL needs a runtime of several threads, whatever the caller runs on.
    let database = database.clone();
    let run = move || match database.url() {
        Url::Sqlite(path) => {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)
                    .map_err(|error| format!("cannot create the folder of the database: {error}"))?;
            }
            block_on(async {
                let mut own = database.open().await.map_err(|error| format!("cannot open the database: {error}"))?;
                let Own::Lite(connection) = &mut own else { return Ok(0) };
                connection
                    .exclusive_transaction(|c| Ok(c.run_pending_migrations(Merged(SQLITE)).map(|done| done.len())))
                    .map_err(|error: diesel::result::Error| format!("cannot migrate: {error}"))?
                    .map_err(|error| format!("cannot migrate: {error}"))
            })
        }
        Url::Postgres(_) => block_on(async {
            let mut guard = database.open().await.map_err(|error| format!("cannot reach the database: {error}"))?;
            let own = database.open().await.map_err(|error| format!("cannot reach the database: {error}"))?;
            // Two servers that start together migrate one after the other. The lock goes with its connection.
            super::engine::batch(
                &mut guard.db(),
                "SET lock_timeout = 0; SET statement_timeout = 0; SELECT pg_advisory_lock(7303014)",
            )
            .await
            .map_err(|error| format!("cannot lock for migration: {error}"))?;
            let Own::Pg(mut connection) = own else { return Ok(0) };
            diesel_async::SimpleAsyncConnection::batch_execute(&mut *connection, "SET statement_timeout = 0")
                .await
                .map_err(|error| format!("cannot migrate: {error}"))?;
            let mut harness = AsyncMigrationHarness::new(*connection);
            let done = harness.run_pending_migrations(Merged(POSTGRES)).map(|done| done.len());
            drop(guard);
            done.map_err(|error| format!("cannot migrate: {error}"))
        }),
    };
    std::thread::spawn(run).join().unwrap_or_else(|_| Err("the migration panicked".into()))
}

fn block_on<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;
    use diesel::{pg::Pg, sqlite::Sqlite};

    #[test]
    fn both_engines_have_the_same_migrations() {
        let names = |all: Vec<String>| all;
        let lite: Vec<Box<dyn Migration<Sqlite>>> = Merged(SQLITE).migrations().unwrap();
        let pg: Vec<Box<dyn Migration<Pg>>> = Merged(POSTGRES).migrations().unwrap();
        let lite = names(lite.iter().map(|m| m.name().to_string()).collect());
        assert_eq!(lite, names(pg.iter().map(|m| m.name().to_string()).collect()));
    }
}
