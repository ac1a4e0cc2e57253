//! Servers under test, in this process: on a free port, with a database of their own and cheap password hashes.

use super::database::{Engine, TestDatabase};
use cell_records_client::{Client, ClientBuilder, RetryPolicy};
use cell_records_server::auth::passwords::Cost;
use cell_records_server::config::{Config, Settings};
use cell_records_server::db::Url;
use cell_records_server::server::{self, Running};
use futures_util::FutureExt;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, OnceLock};

/// The password of every person in the tests.
pub const PASSWORD: &str = "kim-đồng-xanh-2014";

/// What a server's database holds at first.
#[allow(non_camel_case_types, reason = "the words of the test macro")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Data {
    /// What the first start makes.
    empty,
    /// The demo ward.
    demo,
}

/// A server under test.
pub struct Server {
    /// Its base URL.
    pub url: String,
    /// The server.
    pub running: Running,
    /// Its engine.
    pub engine: Engine,
    /// Its database.
    pub database: Arc<TestDatabase>,
}

/// The configuration of a server under test on a database.
pub fn config(url: &Url) -> Config {
    let settings = Settings {
        listen: Some("127.0.0.1:0".into()),
        workers: Some(1),
        admin_password: Some(PASSWORD.into()),
        ..Settings::default()
    };
    let mut config = Config::judge(settings).unwrap();
    config.database = url.clone();
    config.accounts.password_cost = Cost::Test;
    config
}

/// The template of an engine and its data, made once.
fn template(engine: Engine, data: Data) -> Arc<TestDatabase> {
    type Templates = HashMap<(Engine, Data), Arc<OnceLock<Arc<TestDatabase>>>>;
    static TEMPLATES: OnceLock<Mutex<Templates>> = OnceLock::new();
    let slot = TEMPLATES.get_or_init(Mutex::default).lock().unwrap().entry((engine, data)).or_default().clone();
    let make = || {
        let database = TestDatabase::template(engine, &format!("{data:?}"));
        let url = database.url.clone();
        let make = move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            runtime.block_on(async {
                let opened = server::open(&config(&url)).await.unwrap();
                if data == Data::demo {
                    cell_records_server::demo::load(&opened.shared).await.unwrap();
                }
            });
        };
        std::thread::spawn(make).join().unwrap();
        Arc::new(database)
    };
    slot.get_or_init(make).clone()
}

/// A database of a test's own.
fn fresh(engine: Engine, data: Data) -> Arc<TestDatabase> {
    // Copies of one template are made one after another: PostgreSQL asks that nobody else uses it.
    static COPYING: Mutex<()> = Mutex::new(());
    let template = template(engine, data);
    let _one = COPYING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    Arc::new(TestDatabase::copy(&template))
}

/// Runs a test on a server of its own and stops the server, whatever becomes of the test.
pub fn run(engine: Engine, data: Data, test: impl AsyncFnOnce(&Server)) {
    let database = fresh(engine, data);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let server = Server::on(engine, database).await;
        let outcome = AssertUnwindSafe(test(&server)).catch_unwind().await;
        server.running.handle.stop(false).await;
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
}

impl Server {
    async fn on(engine: Engine, database: Arc<TestDatabase>) -> Self {
        Server::configured(engine, database, |_| ()).await
    }

    async fn configured(engine: Engine, database: Arc<TestDatabase>, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config(&database.url);
        change(&mut config);
        let running = server::start(&config).await.unwrap();
        Server { url: format!("http://{}", running.addr), running, engine, database }
    }

    /// Another server on the same database. The test stops it.
    pub async fn another(&self) -> Server {
        Server::on(self.engine, self.database.clone()).await
    }

    /// A server of another ward, on a database of its own and under its own code. The test stops it.
    pub async fn elsewhere(&self, data: Data, code: &str) -> Server {
        Server::configured(self.engine, fresh(self.engine, data), |config| config.accounts.system_code = code.into())
            .await
    }

    /// Stops this server and starts another on the same database, with settings of its own. The test stops it.
    pub async fn restarted_with(&self, change: impl FnOnce(&mut Config)) -> Server {
        self.running.handle.stop(false).await;
        Server::configured(self.engine, self.database.clone(), change).await
    }

    /// Another server on the same database, which it reaches by way of a port of this machine. The test stops it.
    pub async fn through(&self, port: u16) -> Server {
        Server::on(self.engine, Arc::new(self.database.through(port))).await
    }

    /// A server with the demo ward on an empty database of a PostgreSQL that somebody else looks after. The test stops it.
    pub async fn with_demo_at(url: &str) -> Server {
        let server = Server::on(Engine::Postgres, Arc::new(TestDatabase::at(url))).await;
        cell_records_server::demo::load(&server.running.shared).await.unwrap();
        server
    }

    /// Tries to start another server on the same database.
    pub async fn second(&self) -> Result<Running, String> {
        server::start(&config(&self.database.url)).await
    }

    /// Keeps the database as it is now, for a server that is [`put_back`](Server::put_back) later. Nobody may write.
    pub fn backup(&self) -> Arc<TestDatabase> {
        Arc::new(TestDatabase::copy(&self.database))
    }

    /// A server on a former state of this server's database. The test stops it.
    pub async fn put_back(&self, backup: Arc<TestDatabase>) -> Server {
        Server::on(self.engine, backup).await
    }

    /// A client of this server that repeats nothing, so that a test sees each answer.
    pub fn client(&self) -> ClientBuilder {
        Client::builder(&self.url).retry(RetryPolicy::never())
    }
}
