//! The feed and the push against the real engine, over HTTP: a server on a database of its own, played with at random.
//! `FEED_TRIALS` and `FEED_SEED` choose how many histories and from which on.

mod histories;
mod rules;

use crate::auth::keys::{self, KeySet};
use crate::auth::passwords::{Cost, Hasher};
use crate::db::engine;
use crate::db::migrate::migrate;
use crate::db::{At, Database, Id, Sql, Url, Value as Cell, Verbs};
use crate::on;
use crate::state::{App, Shared};
use crate::store::items::{Caller, Command, Expected, Item};
use crate::store::live::{Live, read_grants};
use crate::store::load::find_records;
use crate::store::record::{Stored, show};
use crate::store::registry::{KINDS, Kind};
use crate::store::scope::{Actor, Narrowing, ROOT, Scope};
use crate::store::writer::{Outcome, Writer};
use crate::store::{policy, secrets};
use actix_web::test::TestRequest;
use cell_records_types::accounts::Role;
use cell_records_types::sync::{ItemStatus, PushOp};
use cell_records_types::{Class, Reference, Timestamp};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use uuid::Uuid;

/// Numbers at random, the same for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n.max(1)).unwrap()).unwrap()
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    fn percent(&mut self, of_hundred: usize) -> bool {
        self.below(100) < of_hundred
    }
}

/// A server on a database of its own.
struct Server {
    app: App,
    _place: Place,
    days: i32,
}

/// Where a database lies, to take it away again.
enum Place {
    Folder(PathBuf),
    Postgres { server: String, name: String },
}

/// The engines to test on: those that the run of all tests names, or the one that needs nothing.
fn engines() -> Vec<String> {
    let named = std::env::var("CELL_RECORDS_TEST_ENGINES").unwrap_or_else(|_| "sqlite".into());
    named.split(',').map(str::to_owned).collect()
}

impl Place {
    async fn new(engine: &str) -> (Self, Database) {
        let name = format!("feed_{}", Uuid::new_v4().simple());
        if engine == "sqlite" {
            let folder = std::env::temp_dir().join(name);
            let database = Database::new(Url::Sqlite(folder.join("test.db")));
            return (Place::Folder(folder), database);
        }
        let server = std::env::var("CELL_RECORDS_TEST_POSTGRES").expect("a PostgreSQL to test on");
        let (host, _) = server.rsplit_once('/').unwrap();
        let database = Database::new(Url::parse(&format!("{host}/{name}")).unwrap());
        run_on(&server, &format!("CREATE DATABASE {name}")).await;
        (Place::Postgres { server, name }, database)
    }
}

async fn run_on(server: &str, statement: &str) {
    let mut own = Database::new(Url::parse(server).unwrap()).open().await.unwrap();
    engine::batch(&mut own.db(), statement).await.unwrap();
}

impl Drop for Place {
    fn drop(&mut self) {
        match self {
            Place::Folder(folder) => std::fs::remove_dir_all(folder).unwrap(),
            Place::Postgres { server, name } => {
                let (server, statement) = (server.clone(), format!("DROP DATABASE {name} WITH (FORCE)"));
                // A runtime of its own: this one is busy with the test.
                let end = std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    runtime.block_on(run_on(&server, &statement));
                });
                let _ = end.join();
            }
        }
    }
}

/// A system with a token.
#[derive(Clone)]
struct System {
    account: Uuid,
    token: String,
}

impl Server {
    /// A migrated database with the root of the tree.
    async fn start(engine: &str) -> Self {
        let (place, database) = Place::new(engine).await;
        migrate(&database).unwrap();
        let mut own = database.open().await.unwrap();
        let clock = Sql::<()>::new(
            "INSERT INTO sync_clock (id, seq, batch, epoch, floor_seq, tree_rev, auth_rev, policy_rev) VALUES (1, 0, ",
        )
        .bind(Uuid::new_v4())
        .text(", 'first-epoch', 0, 0, 0, 1)");
        on!(&mut own.db(), c => clock.run(c)).unwrap();
        let live = Arc::new(Live::default());
        let writer = Writer::start(&database, live.clone(), "here".into()).unwrap();
        let shared = Shared {
            database,
            live,
            writer,
            keys: KeySet::load(&keys::generate(None).unwrap(), None).unwrap(),
            hasher: Hasher::new(Cost::Test),
            throttle: Default::default(),
            trusted_proxies: Default::default(),
            tokens: Default::default(),
            server_code: "here".into(),
            cors: Vec::new(),
            ready: AtomicBool::new(true),
            ending: AtomicBool::new(false),
        };
        let server = Server { app: App::new(Arc::new(shared)), _place: place, days: 0 };
        let root = json!({"name": "Trung ương", "kind": "central_committee"});
        assert_eq!(server.write(PushOp::Create, "unit", ROOT, root).await, ItemStatus::Created);
        server
    }

    /// A write by the local operator.
    async fn write(&self, op: PushOp, kind: &str, id: Uuid, fields: Value) -> ItemStatus {
        let Value::Object(body) = fields else { panic!("fields are an object") };
        let kind = Kind::named(kind).unwrap();
        let item = Item::new(kind, op, Some(Reference::Id(id)), Expected::Any, body, "");
        let outcome = self.app.writer.submit(Command::one(Caller::operator(), item)).await.unwrap();
        let Outcome::Done(done) = outcome else { panic!("no key was given") };
        let [item] = done.items.as_slice() else { panic!("one item") };
        assert!(item.faults.is_empty(), "{:?}", item.faults);
        item.status.clone()
    }

    /// A statement on accounts, as the writer runs it.
    async fn accounts(&self, sql: &'static str, cells: Vec<Cell>) {
        let work = self.app.writer.accounts(move |tx| {
            tx.rights_changed();
            Box::pin(async move {
                let mut text = Sql::<()>::new("");
                let mut cells = cells.into_iter();
                for (index, part) in sql.split('?').enumerate() {
                    if index > 0 {
                        text.push_bind(cells.next().unwrap());
                    }
                    text.push(part);
                }
                on!(&mut tx.db(), c => text.run(c)).map(|_| ())
            })
        });
        work.await.unwrap();
    }

    /// Registers a system with a token.
    async fn system(&self, code: &str) -> System {
        let (account, token) = (Uuid::now_v7(), secrets::generate(secrets::ACCESS).unwrap());
        let now = At::from(Timestamp::now());
        self.accounts(
            "INSERT INTO accounts (id, kind, name, display_name, unit_id, disabled, created_at) VALUES (?, 'system', ?, 'S', ?, 0, ?)",
            vec![account.into(), code.into(), ROOT.into(), now.into()],
        )
        .await;
        self.accounts(
            "INSERT INTO tokens (id, account_id, name, prefix, digest, created_at, expires_at) VALUES (?, ?, 't', 'crt_', ?, ?, ?)",
            vec![
                Uuid::now_v7().into(),
                account.into(),
                secrets::digest(token.as_bytes()).into(),
                now.into(),
                At(now.0 + 3_600_000_000).into(),
            ],
        )
        .await;
        System { account, token }
    }

    /// Grants a role over a unit, for ever or for some milliseconds.
    async fn grant(&self, caller: &System, role: Role, unit: Uuid, milliseconds: Option<i64>) -> Uuid {
        let (id, now) = (Uuid::now_v7(), Timestamp::now().micros());
        let until = milliseconds.map(|milliseconds| At(now + milliseconds * 1_000));
        self.accounts(
            "INSERT INTO grants (id, account_id, role, unit_id, from_at, until_at, fields) VALUES (?, ?, ?, ?, ?, ?, '[]')",
            vec![id.into(), caller.account.into(), role.code().into(), unit.into(), At(now).into(), until.into()],
        )
        .await;
        id
    }

    async fn take_grant(&self, id: Uuid) {
        self.accounts("DELETE FROM grants WHERE id = ?", vec![id.into()]).await;
    }

    /// A day that no term has yet, and the next.
    fn day(&mut self) -> (String, String) {
        self.days += 1;
        let day = jiff::civil::date(1900, 1, 1) + jiff::Span::new().days(self.days);
        (day.to_string(), (day + jiff::Span::new().days(1)).to_string())
    }

    /// All records, deleted ones too.
    async fn records(&self) -> Vec<Stored> {
        let mut all = Vec::new();
        for kind in &KINDS {
            let ids: Vec<Id> = self
                .app
                .reads
                .single(async |db| {
                    on!(db, c => Sql::<crate::db::Guid>::new(format!("SELECT id FROM {}", kind.plural)).all(c))
                })
                .await
                .unwrap();
            let ids: Vec<Uuid> = ids.into_iter().map(|id| id.0).collect();
            let found = self.app.reads.single(async |db| find_records(db, kind, &ids, Class::Sensitive).await).await;
            all.extend(found.unwrap());
        }
        all
    }

    async fn scope(&self, caller: &System) -> Scope {
        let grants = self.app.reads.single(async |db| read_grants(db, caller.account).await).await.unwrap();
        let view = self.app.reads.single(async |db| self.app.live.confirm(db).await).await.unwrap();
        Scope::new(Actor::Account(caller.account, None), &grants, &Narrowing::All, view.now, view.tree)
    }

    /// What a copy of a caller's part must hold, as plainly as the rules say it: no ranges, no classes of units.
    async fn visible(&self, caller: &System, units: &[Uuid], types: &[&str]) -> HashMap<Uuid, Value> {
        let scope = self.scope(caller).await;
        let tree = &scope.tree;
        let mut roots: Vec<(Uuid, Role)> = Vec::new();
        for grant in &scope.grants {
            if units.is_empty() {
                roots.push((grant.unit, grant.role.clone()));
            }
            for unit in units {
                if tree.covers(grant.unit, *unit) {
                    roots.push((*unit, grant.role.clone()));
                } else if tree.covers(*unit, grant.unit) {
                    roots.push((grant.unit, grant.role.clone()));
                }
            }
        }
        let mut held = HashMap::new();
        for record in self.records().await {
            let inside = roots.iter().any(|(root, role)| {
                let reads =
                    policy::rights(role, record.kind.name).is_some_and(|rights| rights.reads >= record.kind.class);
                let near =
                    tree.covers(*root, record.unit_id) || record.kind.downward && tree.covers(record.unit_id, *root);
                reads && near
            });
            if inside && record.is_live() && (types.is_empty() || types.contains(&record.kind.name)) {
                let mut text = String::new();
                assert!(show(&scope, &record, &mut text));
                held.insert(record.id, serde_json::from_str(&text).unwrap());
            }
        }
        held
    }
}

/// What the service answered: status, entity tag, body.
type Answered = (u16, Option<String>, Value);

/// Calls the service as a caller.
async fn call(service: &impl AsyncFn(TestRequest) -> Answered, caller: &System, request: TestRequest) -> Answered {
    service(request.insert_header(("authorization", format!("Bearer {}", caller.token)))).await
}

async fn get(service: &impl AsyncFn(TestRequest) -> Answered, caller: &System, path: &str) -> (u16, Value) {
    let (status, _, body) = call(service, caller, TestRequest::get().uri(path)).await;
    (status, body)
}

async fn push(
    service: &impl AsyncFn(TestRequest) -> Answered,
    caller: &System,
    key: &str,
    body: &Value,
) -> (u16, Value) {
    let request = TestRequest::post().uri("/v1/sync/push").insert_header(("idempotency-key", key)).set_json(body);
    let (status, _, body) = call(service, caller, request).await;
    (status, body)
}

/// Runs each of these tests on every engine.
macro_rules! on_each_engine {
    ($($name:ident)*) => {
        mod on_each_engine {
            $(#[actix_web::test]
            async fn $name() {
                for engine in super::super::engines() {
                    super::$name(&engine).await;
                }
            })*
        }
    };
}
use on_each_engine;

/// The service of a server, as a function of requests.
macro_rules! service {
    ($server:expr) => {{
        let document = actix_web::web::Data::new(crate::document());
        let service = actix_web::test::init_service(crate::build_app($server.app.shared.clone(), document)).await;
        async move |request: actix_web::test::TestRequest| {
            let response = actix_web::test::call_service(&service, request.to_request()).await;
            let status = response.status().as_u16();
            let etag = response.headers().get("etag").map(|value| value.to_str().unwrap().to_owned());
            let body = actix_web::test::read_body(response).await;
            (status, etag, serde_json::from_slice(&body).unwrap_or_default())
        }
    }};
}
use service;
