//! The measures, each against its floor: both sides in turn, so many rounds, the medians compared.

use crate::data::{Members, World, ward};
use crate::databases::{Database, Engine};
use crate::floors;
use crate::load::{Connection, rate, request};
use crate::servers::{Server, used_here};
use anyhow::{Context, Result, ensure};
use std::borrow::Cow;
use std::path::Path;
use std::time::{Duration, Instant};

/// Connections that read.
const READERS: usize = 16;
/// Connections that create.
const CREATORS: usize = 32;
/// Records of a push, and records pushed in all.
const PUSHED: (usize, usize) = (500, 20_000);

/// What is run, and how long.
pub struct Plan {
    /// Rounds of each measure.
    pub rounds: usize,
    /// How long each side of a round takes, where it is not told by the work itself.
    pub time: Duration,
    /// The measures asked for, such as `P1`; none: all.
    pub only: Vec<String>,
    /// Where files go.
    pub folder: std::path::PathBuf,
}

impl Plan {
    fn wants(&self, measure: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|one| one.eq_ignore_ascii_case(measure))
    }
}

/// One side of a measure over all rounds.
#[derive(Default)]
pub struct Side {
    values: Vec<f64>,
    wall: f64,
    server: Option<f64>,
    generator: Option<f64>,
}

impl Side {
    async fn round(&mut self, server: Option<&Server>, work: impl Future<Output = Result<f64>>) -> Result<()> {
        let (began, here, there) = (Instant::now(), used_here(), server.and_then(Server::used));
        self.values.push(work.await?);
        self.wall += began.elapsed().as_secs_f64();
        let add = |to: &mut Option<f64>, before: Option<f64>, after: Option<f64>| {
            *to = before.zip(after).map(|(before, after)| to.unwrap_or(0.0) + after - before);
        };
        add(&mut self.generator, here, used_here());
        add(&mut self.server, there, server.and_then(Server::used));
        Ok(())
    }

    /// The median of the rounds.
    pub fn median(&self) -> f64 {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// How busy the server and this program were, in parts of a core.
    pub fn busy(&self) -> String {
        let part = |used: Option<f64>| used.map_or("–".into(), |used| format!("{:.0}", 100.0 * used / self.wall));
        format!("{}/{}", part(self.server), part(self.generator))
    }
}

/// A line of the table.
pub struct Line {
    /// `P1` and what it is.
    pub name: &'static str,
    /// On which engine.
    pub engine: Engine,
    /// The service.
    pub ours: Side,
    /// What it is compared with; nothing: the measure is absolute.
    pub floor: Option<Side>,
    /// The ratio that we mean to reach, or the seconds to stay under.
    pub goal: f64,
    /// What is counted.
    pub unit: &'static str,
}

/// Runs everything that the plan asks for on one engine.
pub async fn run(engine: Engine, plan: &Plan) -> Result<Vec<Line>> {
    let bench = Bench { engine, plan, world: World::make(engine, &plan.folder).await?, members: Members::default() };
    bench.run().await
}

struct Bench<'a> {
    engine: Engine,
    plan: &'a Plan,
    world: World,
    members: Members,
}

impl Bench<'_> {
    fn goal(&self, sqlite: f64, postgres: f64) -> f64 {
        if self.engine == Engine::Sqlite { sqlite } else { postgres }
    }

    fn line(&self, name: &'static str, goal: f64, unit: &'static str, (ours, floor): (Side, Side)) -> Line {
        Line { name, engine: self.engine, ours, floor: Some(floor), goal, unit }
    }

    fn get(&self, path: &str) -> Vec<u8> {
        request("GET", path, Some(&self.world.token), None)
    }

    async fn run(&self) -> Result<Vec<Line>> {
        let mut lines = Vec::new();
        let (database, pushed) = self.push().await?;
        lines.extend(pushed);
        database.analyze().await?;
        let (server, _) = Server::start(&database.url).await?;
        let list = self.text(&server, "/v1/members?status=official&sort=full_name&limit=50").await?;
        let first = list.split(r#"{"id":""#).nth(1).and_then(|rest| rest.get(..36)).context("an empty list")?;
        let point = format!("/v1/members/{first}");
        let (text_file, list_file) = (self.plan.folder.join("point.json"), self.plan.folder.join("list.json"));
        std::fs::write(&text_file, self.text(&server, &point).await?)?;
        std::fs::write(&list_file, &list)?;
        let floor = Server::floors(&[&path(&text_file)?, &path(&list_file)?, &database.url])?;
        if self.plan.wants("P1") && self.engine == Engine::Sqlite {
            let sides =
                self.rates((&server, &self.get(&point)), (&floor, &request("GET", "/static", None, None))).await?;
            lines.push(self.line("P1 point read", 0.4, "reads/s", sides));
        }
        if self.plan.wants("P2") && self.engine == Engine::Postgres {
            lines.push(self.line("P2 point read", 0.8, "reads/s", self.selects(&server, &point, &database).await?));
        }
        if self.plan.wants("P3") {
            let goal = self.goal(0.45, 0.15);
            let everywhere = self.get("/v1/members?status=official&sort=full_name&limit=50");
            let sides = self.rates((&server, &everywhere), (&floor, &request("GET", "/list", None, None))).await?;
            lines.push(self.line("P3 list of 50, everywhere", goal, "lists/s", sides));
            let of_ward = format!("/v1/members?unit={}&subtree=true&status=official&sort=full_name&limit=50", ward());
            let sides =
                self.rates((&server, &self.get(&of_ward)), (&floor, &request("GET", "/list", None, None))).await?;
            lines.push(self.line("P3 list of 50, one ward", goal, "lists/s", sides));
        }
        if self.plan.wants("P7") {
            let now = self.text(&server, "/v1/sync/changes?from=now").await?;
            let empty = self.get(&format!("/v1/sync/changes?cursor={}", part(&now, "cursor")?));
            let sides = self.rates((&server, &empty), (&server, &self.get(&point))).await?;
            lines.push(self.line("P7 empty pull, against a point read", 0.9, "pulls/s", sides));
        }
        if self.plan.wants("P6") {
            lines.push(self.line("P6 pull of everything", 0.6, "records/s", self.pulls(&server, &floor).await?));
        }
        if self.plan.wants("P4") {
            let goal = self.goal(2.0, 3.0);
            lines.push(self.line("P4 single creates", goal, "creates/s", self.creates(&server).await?));
        }
        drop((server, floor));
        if self.plan.wants("P10") {
            let mut ours = Side::default();
            for _ in 0..self.plan.rounds {
                ours.round(None, async { Ok(Server::start(&database.url).await?.1.as_secs_f64()) }).await?;
            }
            let name = "P10 start to ready";
            lines.push(Line { name, engine: self.engine, ours, floor: None, goal: 0.3, unit: "s" });
        }
        Ok(lines)
    }

    async fn text(&self, server: &Server, path: &str) -> Result<String> {
        let mut connection = Connection::open(server.address).await?;
        Ok(String::from_utf8_lossy(connection.call(&self.get(path)).await?).into_owned())
    }

    /// The rates of two requests.
    async fn rates(&self, (server, ours): (&Server, &[u8]), (other, floor): (&Server, &[u8])) -> Result<(Side, Side)> {
        let (mut first, mut second) = (Side::default(), Side::default());
        for _ in 0..self.plan.rounds {
            for (side, server, request) in [(&mut first, server, ours), (&mut second, other, floor)] {
                let request = request.to_vec();
                let work = rate(server.address, READERS, self.plan.time, || Cow::Owned(request.clone()));
                side.round(Some(server), work).await?;
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
            ours.round(Some(server), work).await?;
            floor.round(None, floors::selects(&database.url, id, READERS, self.plan.time)).await?;
        }
        Ok((ours, floor))
    }

    async fn creates(&self, server: &Server) -> Result<(Side, Side)> {
        let (mut ours, mut floor) = (Side::default(), Side::default());
        let make = || Cow::Owned(request("POST", "/v1/members", Some(&self.world.token), Some(&self.members.create())));
        let text = self.members.create();
        for _ in 0..self.plan.rounds {
            ours.round(Some(server), rate(server.address, CREATORS, self.plan.time, make)).await?;
            floor.round(None, floors::commits(self.engine, &self.plan.folder, &text, self.plan.time)).await?;
        }
        Ok((ours, floor))
    }

    /// Pushes into a copy of the empty world in each round; the last copy stays, for what is measured after.
    async fn push(&self) -> Result<(Database, Option<Line>)> {
        let wanted = self.plan.wants("P5");
        let (mut ours, mut floor) = (Side::default(), Side::default());
        let mut last = None;
        for _ in 0..if wanted { self.plan.rounds } else { 1 } {
            let database = self.world.database.copied(&self.plan.folder).await?;
            let (server, _) = Server::start(&database.url).await?;
            let mut requests = Vec::new();
            for _ in 0..PUSHED.1 / PUSHED.0 {
                requests.push(request(
                    "POST",
                    "/v1/sync/push",
                    Some(&self.world.token),
                    Some(&self.members.push(PUSHED.0)?),
                ));
            }
            ours.round(Some(&server), pushes(&server, &requests)).await?;
            drop(server);
            if wanted {
                floor.round(None, floors::inserts(self.engine, &self.plan.folder, &database, PUSHED.0)).await?;
            }
            last = Some(database);
        }
        let line = wanted.then(|| self.line("P5 push", 0.4, "records/s", (ours, floor)));
        Ok((last.context("no round")?, line))
    }

    /// Pulls everything, page by page, on one connection.
    async fn pulls(&self, server: &Server, rows: &Server) -> Result<(Side, Side)> {
        let (mut ours, mut floor) = (Side::default(), Side::default());
        for _ in 0..self.plan.rounds {
            ours.round(Some(server), self.pull(server)).await?;
            floor.round(Some(rows), read(rows)).await?;
        }
        Ok((ours, floor))
    }

    async fn pull(&self, server: &Server) -> Result<f64> {
        let mut connection = Connection::open(server.address).await?;
        let (mut path, mut records, begun) = ("/v1/sync/changes?limit=1000".to_owned(), 0u32, Instant::now());
        loop {
            let page = std::str::from_utf8(connection.call(&self.get(&path)).await?)?;
            records += u32::try_from(page.matches(r#""op":"upsert""#).count())?;
            if page.contains(r#""op":"snapshot_end""#) {
                return Ok(f64::from(records) / begun.elapsed().as_secs_f64());
            }
            path = format!("/v1/sync/changes?limit=1000&cursor={}", part(page, "cursor")?);
        }
    }
}

async fn read(rows: &Server) -> Result<f64> {
    let mut connection = Connection::open(rows.address).await?;
    let (get, mut records, begun) = (request("GET", "/rows", None, None), 0u32, Instant::now());
    loop {
        let page = std::str::from_utf8(connection.call(&get).await?)?;
        if page == "[]" {
            return Ok(f64::from(records) / begun.elapsed().as_secs_f64());
        }
        records += u32::try_from(page.matches(r#""type":"member""#).count())?;
    }
}

async fn pushes(server: &Server, requests: &[Vec<u8>]) -> Result<f64> {
    let mut connection = Connection::open(server.address).await?;
    let (mut created, begun) = (0u32, Instant::now());
    for request in requests {
        let answer = std::str::from_utf8(connection.call(request).await?)?;
        created += u32::try_from(answer.matches(r#""status":"created""#).count())?;
    }
    ensure!(usize::try_from(created)? == PUSHED.1, "only {created} records were created");
    Ok(f64::from(created) / begun.elapsed().as_secs_f64())
}

/// A text of an answer by its name.
fn part<'a>(answer: &'a str, name: &str) -> Result<&'a str> {
    let rest = answer.rsplit_once(&format!(r#""{name}":""#)).map(|(_, rest)| rest);
    rest.and_then(|rest| rest.split('"').next()).with_context(|| format!("no {name} in {answer}"))
}

fn path(file: &Path) -> Result<String> {
    Ok(file.to_str().context("a folder whose name is no text")?.to_owned())
}
