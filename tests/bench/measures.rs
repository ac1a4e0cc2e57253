//! The measures, each against its floor: both sides in turn, so many rounds, the medians compared.
//! Longer than other files: the measures share the ways to load a server, and are read from top to bottom as one table.

use crate::data::{Members, Units, World, ward};
use crate::databases::{Cluster, Database, Engine};
use crate::load::{Connection, rate, request};
use crate::servers::Server;
use crate::side::{Goal, Line, Side, Work};
use crate::{copies, floors};
use anyhow::{Context, Result, ensure};
use std::borrow::Cow;
use std::path::Path;
use std::time::{Duration, Instant};

/// Connections that read.
const READERS: usize = 16;
/// Connections that create.
const CREATORS: usize = 32;
/// Records of a push.
pub const BATCH: usize = 500;
/// Workers of a server that has several, and pullers at once.
const WORKERS: usize = 4;

/// What is run, and how long.
pub struct Plan {
    /// Rounds of each measure.
    pub rounds: usize,
    /// How long each side of a round takes, where the work itself does not say it.
    pub time: Duration,
    /// The measures asked for, such as `P1`; none: all.
    pub only: Vec<String>,
    /// The engine asked for; none: all that are there.
    pub engine: Option<Engine>,
    /// Members of the database that everything but growth is measured on.
    pub members: usize,
    /// Members of the two databases that growth is measured on. The smaller is one ward.
    pub growth: (usize, usize),
    /// Records that a round of a push pushes.
    pub pushed: usize,
    /// Where files go.
    pub folder: std::path::PathBuf,
}

impl Default for Plan {
    fn default() -> Self {
        Plan {
            rounds: 3,
            time: Duration::from_secs(2),
            only: Vec::new(),
            engine: None,
            members: 200_000,
            growth: (5_000, 500_000),
            pushed: 10_000,
            folder: "".into(),
        }
    }
}

impl Plan {
    fn wants(&self, measure: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|one| one.eq_ignore_ascii_case(measure))
    }

    /// How many wards of the smaller size hold so many members.
    pub fn wards(&self, members: usize) -> u16 {
        u16::try_from(members / self.growth.0).unwrap_or(u16::MAX).max(1)
    }
}

/// Runs everything that the plan asks for on one engine, and prints it.
pub async fn run(engine: Engine, plan: &Plan) -> Result<()> {
    let world = World::make(engine, &plan.folder).await?;
    let cluster = if engine == Engine::Postgres { Cluster::find().await? } else { None };
    let bench = Bench { engine, plan, cluster, token: world.token, members: Members::default() };
    // The first ward, through the service.
    let (server, _) = Server::start(&world.database.url, 1).await?;
    bench.push(&server, plan.growth.0, |_| Units::Ward(0)).await?;
    drop(server);
    let small = world.database;
    small.analyze().await?;
    if ["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P9", "P10"].into_iter().any(|measure| plan.wants(measure)) {
        bench.work(&small).await?;
    }
    if plan.wants("P8") {
        bench.growth(&small).await?;
    }
    Ok(())
}

pub struct Bench<'a> {
    pub engine: Engine,
    pub plan: &'a Plan,
    pub cluster: Option<Cluster>,
    pub token: String,
    pub members: Members,
}

impl Bench<'_> {
    fn goal(&self, sqlite: f64, postgres: f64) -> f64 {
        if self.engine == Engine::Sqlite { sqlite } else { postgres }
    }

    pub fn print(&self, name: &str, unit: &'static str, goal: Goal, ours: Side, floor: Option<Side>) {
        Line { name: name.to_owned(), engine: self.engine, ours, floor, unit, goal }.print();
    }

    /// A request without a body.
    pub fn get(&self, path: &str) -> Vec<u8> {
        request("GET", path, Some(&self.token), None)
    }

    /// A copy of the small database, with more wards.
    pub async fn multiplied(&self, small: &Database, wards: u16) -> Result<Database> {
        let database = small.copied(&self.plan.folder).await?;
        copies::multiply(&database, wards).await?;
        Ok(database)
    }

    /// All measures but growth.
    async fn work(&self, small: &Database) -> Result<()> {
        let wards = self.plan.wards(self.plan.members);
        let database = self.multiplied(small, wards).await?;
        if self.plan.wants("P9") {
            self.memory(&database).await?;
        }
        let (server, _) = Server::start(&database.url, 1).await?;
        let list = self.text(&server, EVERYWHERE).await?;
        let point = format!("/v1/members/{}", first_id(&list)?);
        let (text_file, list_file) = (self.plan.folder.join("point.json"), self.plan.folder.join("list.json"));
        std::fs::write(&text_file, self.text(&server, &point).await?)?;
        std::fs::write(&list_file, &list)?;
        let floor = Server::floors(&[&path(&text_file)?, &path(&list_file)?, &database.url])?;
        let fixed = |path| request("GET", path, None, None);
        if self.plan.wants("P1") && self.engine == Engine::Sqlite {
            let (ours, other) =
                self.rates(self.plan.time, (&server, &self.get(&point)), (&floor, &fixed("/static"))).await?;
            self.print("P1 point read", "reads/s", Goal::Ratio(0.4), ours, Some(other));
        }
        if self.plan.wants("P2") && self.engine == Engine::Postgres {
            let (ours, other) = self.selects(&server, &point, &database).await?;
            self.print("P2 point read", "reads/s", Goal::Ratio(0.8), ours, Some(other));
        }
        if self.plan.wants("P3") {
            let lists = [
                ("P3 list of 50, everything", EVERYWHERE.to_owned(), self.goal(0.7, 0.6)),
                ("P3 list of 50, one ward", list_of_ward(), self.goal(0.45, 0.4)),
            ];
            for (name, list, goal) in lists {
                let (ours, other) =
                    self.rates(self.plan.time, (&server, &self.get(&list)), (&floor, &fixed("/list"))).await?;
                self.print(name, "lists/s", Goal::Ratio(goal), ours, Some(other));
            }
        }
        if self.plan.wants("P6") {
            let (mut ours, mut other) = (Side::default(), Side::default());
            for _ in 0..self.plan.rounds {
                ours.round(Some(&server), self.cluster.as_ref(), self.pull(&server, PULL)).await?;
                other.round(Some(&floor), self.cluster.as_ref(), read(&floor)).await?;
            }
            self.print("P6 pull of everything", "records/s", Goal::Ratio(0.6), ours, Some(other));
        }
        if self.plan.wants("P7") {
            let empty = self.empty_pull(&server).await?;
            let (ours, other) = self.rates(self.plan.time, (&server, &empty), (&server, &self.get(&point))).await?;
            self.print("P7 empty pull, against a point read", "pulls/s", Goal::Ratio(0.9), ours, Some(other));
        }
        if self.plan.wants("P4") {
            self.creates(&server, &database, wards).await?;
        }
        if self.plan.wants("P5") {
            self.pushes(&server, &database, wards).await?;
        }
        drop((server, floor));
        if self.plan.wants("P10") {
            let mut ours = Side::default();
            for _ in 0..self.plan.rounds {
                ours.add(Server::start(&database.url, 1).await?.1.as_secs_f64());
            }
            self.print("P10 start to ready", "s", Goal::AtMost(0.3), ours, None);
        }
        Ok(())
    }

    pub async fn text(&self, server: &Server, path: &str) -> Result<String> {
        let mut connection = Connection::open(server.address).await?;
        Ok(String::from_utf8_lossy(connection.call(&self.get(path)).await?).into_owned())
    }

    /// A pull at the head of the log.
    pub async fn empty_pull(&self, server: &Server) -> Result<Vec<u8>> {
        let now = self.text(server, "/v1/sync/changes?from=now").await?;
        Ok(self.get(&format!("/v1/sync/changes?cursor={}", part(&now, "cursor")?)))
    }

    /// The rates of two requests.
    pub async fn rates(
        &self,
        time: Duration,
        (server, ours): (&Server, &[u8]),
        (other, floor): (&Server, &[u8]),
    ) -> Result<(Side, Side)> {
        let (mut first, mut second) = (Side::default(), Side::default());
        for _ in 0..self.plan.rounds {
            for (side, server, request) in [(&mut first, server, ours), (&mut second, other, floor)] {
                let request = request.to_vec();
                let work = rate(server.address, READERS, time, || Cow::Owned(request.clone()));
                side.round(Some(server), self.cluster.as_ref(), work).await?;
            }
        }
        Ok((first, second))
    }

    async fn selects(&self, server: &Server, point: &str, database: &Database) -> Result<(Side, Side)> {
        let (mut ours, mut floor) = (Side::default(), Side::default());
        let get = self.get(point);
        let id = point.rsplit('/').next().unwrap_or_default();
        for _ in 0..self.plan.rounds {
            let work = rate(server.address, READERS, self.plan.time, || Cow::Owned(get.clone()));
            ours.round(Some(server), self.cluster.as_ref(), work).await?;
            let work = floors::selects(&database.url, id, READERS, self.plan.time);
            floor.round(None, self.cluster.as_ref(), work).await?;
        }
        Ok((ours, floor))
    }

    /// Creates one by one, over many connections.
    pub async fn create(&self, server: &Server, wards: u16, time: Duration) -> Result<Work> {
        let make = || {
            let body = self.members.create(Units::Random(wards));
            Cow::Owned(request("POST", "/v1/members", Some(&self.token), Some(&body)))
        };
        rate(server.address, CREATORS, time, make).await
    }

    async fn creates(&self, server: &Server, database: &Database, wards: u16) -> Result<()> {
        let (mut ours, mut floor, mut sets) = (Side::default(), Side::default(), Side::default());
        let text = self.members.create(Units::Random(wards));
        for _ in 0..self.plan.rounds {
            let (before, mut created) = (database.commits().await?, 0.0);
            let work = async {
                let work = self.create(server, wards, self.plan.time).await?;
                created = work.count;
                Ok(work)
            };
            ours.round(Some(server), self.cluster.as_ref(), work).await?;
            let commits = u32::try_from(database.commits().await? - before)?;
            sets.add(created / f64::from(commits));
            let work = floors::commits(self.engine, &self.plan.folder, &text, self.plan.time);
            floor.round(None, self.cluster.as_ref(), work).await?;
        }
        let goal = Goal::Cost(self.goal(100.0, 70.0));
        self.print("P4 single creates, 32 connections", "creates/s", goal, ours, Some(floor));
        self.print("P4 callers in a set", "creates", Goal::AtLeast(28.0), sets, None);
        Ok(())
    }

    /// Pushes so many records. The units of each batch are those of its number.
    pub async fn push(&self, server: &Server, records: usize, units: impl Fn(usize) -> Units) -> Result<Work> {
        let mut requests = Vec::new();
        for batch in 0..records / BATCH {
            let body = self.members.push(BATCH, units(batch))?;
            requests.push(request("POST", "/v1/sync/push", Some(&self.token), Some(&body)));
        }
        let mut connection = Connection::open(server.address).await?;
        let (mut created, begun) = (0u32, Instant::now());
        for request in &requests {
            let answer = std::str::from_utf8(connection.call(request).await?)?;
            created += u32::try_from(answer.matches(r#""status":"created""#).count())?;
        }
        ensure!(usize::try_from(created)? == requests.len() * BATCH, "only {created} records were created");
        Ok(Work::new(f64::from(created), begun))
    }

    async fn pushes(&self, server: &Server, database: &Database, wards: u16) -> Result<()> {
        let (mut random, mut by_ward, mut floor) = (Side::default(), Side::default(), Side::default());
        let (cluster, records) = (self.cluster.as_ref(), self.plan.pushed);
        let mut ward = 0;
        for _ in 0..self.plan.rounds {
            random.round(Some(server), cluster, self.push(server, records, |_| Units::Random(wards))).await?;
            ward = (ward + 1) % wards;
            by_ward.round(Some(server), cluster, self.push(server, records, |_| Units::Ward(ward))).await?;
            let work = floors::inserts(self.engine, &self.plan.folder, database, (BATCH, records));
            floor.round(None, cluster, work).await?;
        }
        let (random_goal, ward_goal) = (self.goal(70.0, 45.0), self.goal(50.0, 40.0));
        self.print("P5 push, random units", "records/s", Goal::Cost(random_goal), random, Some(floor));
        self.print("P5 push, one ward at a time", "records/s", Goal::Cost(ward_goal), by_ward, None);
        Ok(())
    }

    /// Pulls page by page, on one connection, until the snapshot ends.
    pub async fn pull(&self, server: &Server, first: &str) -> Result<Work> {
        let mut connection = Connection::open(server.address).await?;
        let (mut path, mut records, begun) = (first.to_owned(), 0u32, Instant::now());
        loop {
            let page = std::str::from_utf8(connection.call(&self.get(&path)).await?)?;
            records += u32::try_from(page.matches(r#""op":"upsert""#).count())?;
            if page.contains(r#""op":"snapshot_end""#) {
                return Ok(Work::new(f64::from(records), begun));
            }
            path = format!("{PULL}&cursor={}", part(page, "cursor")?);
        }
    }

    /// Resident memory: of a server that does nothing, and at its most while everything is pulled and while much is pushed.
    async fn memory(&self, database: &Database) -> Result<()> {
        let (now, most) = (|memory: (f64, f64)| memory.0, |memory: (f64, f64)| memory.1);
        for (workers, label) in [(1, "1 worker"), (WORKERS, "4 workers")] {
            let (server, _) = Server::start(&database.url, workers).await?;
            let idle = server.memory().map(now);
            self.megabytes(&format!("P9 memory idle, {label}"), 35.0, idle);
            let pulls = (0..workers).map(|_| self.pull(&server, PULL));
            futures_util::future::try_join_all(pulls).await?;
            self.megabytes(&format!("P9 pulls of everything, {label}"), 100.0, server.memory().map(most));
        }
        let copy = database.copied(&self.plan.folder).await?;
        let (server, _) = Server::start(&copy.url, 1).await?;
        let wards = self.plan.wards(self.plan.members);
        self.push(&server, 2 * self.plan.pushed, |_| Units::Random(wards)).await?;
        self.megabytes("P9 push, 1 worker", 100.0, server.memory().map(most));
        Ok(())
    }

    fn megabytes(&self, name: &str, goal: f64, memory: Option<f64>) {
        let Some(memory) = memory else { return };
        let mut side = Side::default();
        side.add(memory);
        self.print(name, "MB", Goal::AtMost(goal), side, None);
    }
}

/// A pull from nothing.
pub const PULL: &str = "/v1/sync/changes?limit=1000";
/// A list over everything.
pub const EVERYWHERE: &str = "/v1/members?status=official&sort=full_name&limit=50";

/// The same list of a ward of 24 cells.
pub fn list_of_ward() -> String {
    format!("/v1/members?unit={}&subtree=true&status=official&sort=full_name&limit=50", ward(0))
}

/// The id of the first record of a list.
pub fn first_id(list: &str) -> Result<&str> {
    let rest = list.split_once(r#""id":""#).map(|(_, rest)| rest);
    rest.and_then(|rest| rest.get(..36)).context("an empty list")
}

async fn read(rows: &Server) -> Result<Work> {
    let mut connection = Connection::open(rows.address).await?;
    let (get, mut records, begun) = (request("GET", "/rows", None, None), 0u32, Instant::now());
    loop {
        let page = std::str::from_utf8(connection.call(&get).await?)?;
        if page == "[]" {
            return Ok(Work::new(f64::from(records), begun));
        }
        records += u32::try_from(page.matches(r#""type":"member""#).count())?;
    }
}

/// A text of an answer by its name.
fn part<'a>(answer: &'a str, name: &str) -> Result<&'a str> {
    let rest = answer.rsplit_once(&format!(r#""{name}":""#)).map(|(_, rest)| rest);
    rest.and_then(|rest| rest.split('"').next()).with_context(|| format!("no {name} in {answer}"))
}

fn path(file: &Path) -> Result<String> {
    Ok(file.to_str().context("a folder whose name is no text")?.to_owned())
}
