//! What a measure comes to: a side's rounds with what they cost, the lines of the table, and how a line is printed.

use crate::databases::{Cluster, Engine};
use crate::servers::{Server, used_here};
use anyhow::Result;
use std::time::Instant;

/// The work of one round.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    /// Requests or records a second.
    pub rate: f64,
    /// All of them, with those that only warmed a connection up: what the processor time is shared out among.
    pub count: f64,
}

impl Work {
    /// So many in so many seconds.
    pub fn new(count: f64, begun: Instant) -> Self {
        Work { rate: count / begun.elapsed().as_secs_f64(), count }
    }
}

/// One side of a measure over all rounds.
#[derive(Default)]
pub struct Side {
    rates: Vec<f64>,
    /// Processor microseconds of the server for one request or record.
    server: Vec<f64>,
    /// The same of the database.
    database: Vec<f64>,
    wall: f64,
    server_busy: f64,
    generator_busy: f64,
}

impl Side {
    /// Runs one round.
    pub async fn round(
        &mut self,
        server: Option<&Server>,
        cluster: Option<&Cluster>,
        work: impl Future<Output = Result<Work>>,
    ) -> Result<()> {
        let used = || (server.and_then(Server::used), cluster.and_then(Cluster::used), used_here());
        let (began, before) = (Instant::now(), used());
        let done = work.await?;
        let after = used();
        let spent = |before: Option<f64>, after: Option<f64>| Some(after? - before?);
        self.rates.push(done.rate);
        self.wall += began.elapsed().as_secs_f64();
        if let Some(seconds) = spent(before.0, after.0) {
            self.server.push(seconds * 1e6 / done.count);
            self.server_busy += seconds;
        }
        self.database.extend(spent(before.1, after.1).map(|seconds| seconds * 1e6 / done.count));
        self.generator_busy += spent(before.2, after.2).unwrap_or(0.0);
        Ok(())
    }

    /// Adds a figure that has no cost.
    pub fn add(&mut self, value: f64) {
        self.rates.push(value);
    }

    /// The median of the rounds.
    pub fn median(&self) -> f64 {
        median(&self.rates).unwrap_or(f64::NAN)
    }

    /// The server's processor microseconds for one.
    fn server(&self) -> Option<f64> {
        median(&self.server)
    }

    /// The server's and the database's together.
    fn cost(&self) -> Option<f64> {
        Some(self.server()? + median(&self.database).unwrap_or(0.0))
    }

    /// `server+database`, each in microseconds.
    fn costs(&self) -> String {
        let parts = [self.server(), median(&self.database)];
        parts.into_iter().flatten().map(short).collect::<Vec<_>>().join("+")
    }

    /// How busy the server and this program were, in % of a core.
    fn busy(&self) -> String {
        if self.wall == 0.0 {
            return String::new();
        }
        format!("{:.0}/{:.0}", 100.0 * self.server_busy / self.wall, 100.0 * self.generator_busy / self.wall)
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// What a line has to reach.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    /// The rate, in parts of the floor's, at least.
    Ratio(f64),
    /// Processor microseconds of the server for one, at most.
    Cost(f64),
    /// Processor time of server and database for one, in parts of the floor's, at most.
    Growth(f64),
    /// The figure itself, at least.
    AtLeast(f64),
    /// The figure itself, at most.
    AtMost(f64),
}

/// A line of the table.
pub struct Line {
    /// `P1` and what it is.
    pub name: String,
    /// On which engine.
    pub engine: Engine,
    /// The service.
    pub ours: Side,
    /// What it is compared with; nothing: the figure stands alone.
    pub floor: Option<Side>,
    /// What is counted.
    pub unit: &'static str,
    /// What it should reach.
    pub goal: Goal,
}

impl Line {
    /// The figure that is judged, the goal as text, and whether it is met; nothing where it cannot be known.
    fn judge(&self) -> (Option<f64>, String, bool) {
        let (figure, text, most) = match self.goal {
            Goal::Ratio(least) => (self.ratio(), format!("≥ {least}"), -least),
            Goal::Cost(most) => (self.ours.server(), format!("≤ {most} µs"), most),
            Goal::Growth(most) => {
                let costs = self.ours.cost().zip(self.floor.as_ref().and_then(Side::cost));
                (costs.map(|(ours, floor)| ours / floor), format!("≤ {most}"), most)
            }
            Goal::AtLeast(least) => (Some(self.ours.median()), format!("≥ {least}"), -least),
            Goal::AtMost(most) => (Some(self.ours.median()), format!("≤ {most}"), most),
        };
        let met = figure.is_none_or(|figure| if most < 0.0 { figure >= -most } else { figure <= most });
        (figure, text, met)
    }

    fn ratio(&self) -> Option<f64> {
        Some(self.ours.median() / self.floor.as_ref()?.median())
    }

    /// Prints it under [`heading`].
    pub fn print(&self) {
        let (figure, goal, met) = self.judge();
        let floor = self.floor.as_ref();
        row(&[
            &self.name,
            if self.engine == Engine::Sqlite { "SQLite" } else { "PostgreSQL" },
            &short(self.ours.median()),
            &floor.map(|floor| short(floor.median())).unwrap_or_default(),
            self.unit,
            &self.ours.costs(),
            &floor.map(Side::costs).unwrap_or_default(),
            &figure.map_or("?".into(), short),
            &goal,
            &self.ours.busy(),
            &floor.map(Side::busy).unwrap_or_default(),
            if met { "" } else { "falls short" },
        ]);
    }
}

/// Prints what the columns are.
pub fn heading() {
    row(&["", "", "ours", "floor", "", "µs ours", "floor's", "judged", "goal", "busy", "floor's", ""]);
}

fn row(cells: &[&str; 12]) {
    let [name, engine, ours, floor, unit, cost, floor_cost, figure, goal, busy, floor_busy, note] = cells;
    println!(
        "{name:<36} {engine:<10} {ours:>9} {floor:>9} {unit:<10} {cost:>9} {floor_cost:>9} {figure:>7} {goal:>9}  \
         {busy:<8} {floor_busy:<8} {note}"
    );
}

fn short(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}
