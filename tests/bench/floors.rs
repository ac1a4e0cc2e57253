//! The floors: the least that the same engine needs for the same work, without a service around it.

use crate::databases::{Database, Engine, connect};
use crate::side::Work;
use anyhow::{Context, Result, ensure};
use bytes::BytesMut;
use cell_records_client::types::Timestamp;
use rusqlite::types::Value;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

/// A cell of PostgreSQL as it travels: it is read from one table and written to another.
#[derive(Debug)]
struct Raw(Option<Vec<u8>>);

type Failed = Box<dyn std::error::Error + Sync + Send>;

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Failed> {
        Ok(Raw(Some(raw.to_vec())))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Failed> {
        Ok(Raw(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl ToSql for Raw {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Failed> {
        let Some(bytes) = &self.0 else { return Ok(IsNull::Yes) };
        out.extend_from_slice(bytes);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn open(file: &Path) -> Result<rusqlite::Connection> {
    let connection = rusqlite::Connection::open(file)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 16384;
         PRAGMA cache_size = -65536; PRAGMA mmap_size = 268435456; PRAGMA busy_timeout = 5000;",
    )?;
    Ok(connection)
}

/// Durable commits a second of one row of this text each, by one connection.
pub async fn commits(engine: Engine, folder: &Path, text: &str, time: Duration) -> Result<Work> {
    const TABLE: &str = "CREATE TABLE raw (id bigint PRIMARY KEY, body text NOT NULL)";
    let database = Database::migrated(engine, folder).await?;
    let mut done = 0u32;
    let begun;
    match database.file() {
        Some(file) => {
            let connection = open(file)?;
            connection.execute_batch(TABLE)?;
            let mut insert = connection.prepare("INSERT INTO raw VALUES (?1, ?2)")?;
            begun = Instant::now();
            while begun.elapsed() < time {
                insert.execute((done, text))?;
                done += 1;
            }
        }
        None => {
            let client = connect(&database.url).await?;
            client.batch_execute(TABLE).await?;
            let insert = client.prepare("INSERT INTO raw VALUES ($1, $2)").await?;
            begun = Instant::now();
            while begun.elapsed() < time {
                client.execute(&insert, &[&i64::from(done), &text]).await?;
                done += 1;
            }
        }
    }
    Ok(Work::new(f64::from(done), begun))
}

/// So many members of a database are inserted into an empty one, as many in each statement as there are in a batch, each
/// statement a durable commit. The table and its indexes are the service's own.
pub async fn inserts(engine: Engine, folder: &Path, from: &Database, (batch, all): (usize, usize)) -> Result<Work> {
    let into = Database::migrated(engine, folder).await?;
    match (from.file(), into.file()) {
        (Some(from), Some(into)) => inserts_sqlite(from, into, batch, all),
        _ => inserts_postgres(&from.url, &into.url, batch, all).await,
    }
}

/// `INSERT INTO members VALUES (…), (…)`
fn statement(rows: usize, columns: usize, mark: &str) -> String {
    let mut sql = String::from("INSERT INTO members VALUES ");
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            // Writing to a String cannot fail.
            let _ = write!(sql, "{}{mark}{}", if column == 0 { "" } else { ", " }, row * columns + column + 1);
        }
        sql.push(')');
    }
    sql
}

fn inserts_sqlite(from: &Path, into: &Path, batch: usize, all: usize) -> Result<Work> {
    let from = open(from)?;
    let mut select = from.prepare(&format!("SELECT * FROM members ORDER BY id LIMIT {all}"))?;
    let columns = select.column_count();
    let row = |row: &rusqlite::Row<'_>| (0..columns).map(|column| row.get(column)).collect::<Result<Vec<Value>, _>>();
    let rows = select.query_map([], row)?.collect::<Result<Vec<_>, _>>()?;
    let into = open(into)?;
    let mut insert = into.prepare(&statement(batch, columns, "?"))?;
    let (mut count, begun) = (0u32, Instant::now());
    for part in rows.chunks_exact(batch) {
        insert.execute(rusqlite::params_from_iter(part.iter().flatten()))?;
        count += u32::try_from(part.len())?;
    }
    Ok(Work::new(f64::from(count), begun))
}

async fn inserts_postgres(from: &str, into: &str, batch: usize, all: usize) -> Result<Work> {
    let select = format!("SELECT * FROM members ORDER BY id LIMIT {all}");
    let rows = connect(from).await?.query(&select, &[]).await?;
    let cells = |row: &tokio_postgres::Row| (0..row.len()).map(|column| row.try_get(column)).collect();
    let rows = rows.iter().map(cells).collect::<Result<Vec<Vec<Raw>>, _>>()?;
    let columns = rows.first().map_or(0, Vec::len);
    let into = connect(into).await?;
    let insert = into.prepare(&statement(batch, columns, "$")).await?;
    let (mut count, begun) = (0u32, Instant::now());
    for part in rows.chunks_exact(batch) {
        let cells: Vec<&(dyn ToSql + Sync)> = part.iter().flatten().map(|cell| cell as &(dyn ToSql + Sync)).collect();
        into.execute(&insert, &cells).await?;
        count += u32::try_from(part.len())?;
    }
    Ok(Work::new(f64::from(count), begun))
}

/// The columns of a row, in the order of [`Rows`].
const COLUMNS: &str = "unit_id, id, version, created_at, updated_at, external_ids, public_body, internal_body, \
                       personal_body";

/// Prepared selects of one member, on so many connections: by `pgbench`, or in its place by this program.
pub async fn selects(database: &str, id: &str, connections: usize, time: Duration) -> Result<Work> {
    let select = format!("SELECT {COLUMNS} FROM members WHERE id = '{id}'");
    let script = crate::servers::folder()?.join(format!("bench-{}.sql", std::process::id()));
    std::fs::write(&script, format!("{select};\n"))?;
    let mut command = Command::new("pgbench");
    let (connections_text, seconds) = (connections.to_string(), time.as_secs().max(1).to_string());
    command.args(["-n", "-M", "prepared", "-j", "1", "-c", &connections_text, "-T", &seconds, "-f"]).arg(&script);
    let ran = command.arg(database).stderr(Stdio::null()).output();
    std::fs::remove_file(&script)?;
    if let Ok(output) = ran {
        let text = String::from_utf8_lossy(&output.stdout);
        let figure =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.split([' ', '/']).next()?.parse().ok());
        let found = figure("tps = ").zip(figure("number of transactions actually processed: "));
        let (rate, count) = found.with_context(|| format!("pgbench: {text}"))?;
        return Ok(Work { rate, count });
    }
    let mut clients = Vec::new();
    for _ in 0..connections {
        let client = connect(database).await?;
        clients.push((client.prepare(&select).await?, client));
    }
    let (done, begun) = (std::cell::Cell::new(0u32), Instant::now());
    let drive = async |(select, client): &(tokio_postgres::Statement, tokio_postgres::Client)| {
        while begun.elapsed() < time {
            ensure!(client.query(select, &[]).await?.len() == 1, "no such member");
            done.set(done.get() + 1);
        }
        Ok(())
    };
    futures_util::future::try_join_all(clients.iter().map(drive)).await?;
    Ok(Work::new(f64::from(done.get()), begun))
}

/// Reads all members in pages and writes them as the service does, without scope, feed or log.
pub struct Rows {
    source: Source,
    after: (Uuid, Uuid),
}

enum Source {
    Sqlite(rusqlite::Connection),
    Postgres(tokio_postgres::Client, tokio_postgres::Statement),
}

/// PostgreSQL counts from 2000.
const EPOCH_2000: i64 = 946_684_800_000_000;

impl Rows {
    /// On a database.
    pub async fn open(url: &str) -> Result<Self> {
        let source = match url.strip_prefix("sqlite://") {
            Some(file) => Source::Sqlite(open(Path::new(file))?),
            None => {
                let client = connect(url).await?;
                let select = client.prepare(&Self::select("$")).await?;
                Source::Postgres(client, select)
            }
        };
        Ok(Rows { source, after: (Uuid::nil(), Uuid::nil()) })
    }

    fn select(mark: &str) -> String {
        // No index holds (unit, id) alone: in the one that leads with the unit, the ids of a unit are sorted without their
        // bodies. What leads to a row soonest is its number on SQLite.
        let key = if mark == "?" { "rowid" } else { "id" };
        format!(
            "SELECT {COLUMNS} FROM (SELECT {key} AS found FROM members WHERE deleted_at IS NULL AND unit_id >= {mark}1 \
             AND (unit_id > {mark}1 OR id > {mark}2) ORDER BY unit_id, id LIMIT {mark}3) AS p \
             CROSS JOIN members WHERE members.{key} = found ORDER BY unit_id, id"
        )
    }

    /// The next page as JSON; after the last an empty list, and then from the first again.
    pub async fn page(&mut self, size: i64) -> Result<String> {
        let mut out = String::from("[");
        let mut last = (Uuid::nil(), Uuid::nil());
        match &self.source {
            Source::Sqlite(connection) => {
                let mut select = connection.prepare_cached(&Self::select("?"))?;
                let mut rows = select.query((self.after.0.as_bytes(), self.after.1.as_bytes(), size))?;
                while let Some(row) = rows.next()? {
                    let text = |column| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
                    last = (Uuid::from_bytes(row.get(0)?), Uuid::from_bytes(row.get(1)?));
                    let texts = [text(5)?, text(6)?, text(7)?, text(8)?];
                    member(&mut out, last, row.get(2)?, [row.get(3)?, row.get(4)?], texts);
                }
            }
            Source::Postgres(client, select) => {
                let key = |id: Uuid| Raw(Some(id.as_bytes().to_vec()));
                for row in client.query(select, &[&key(self.after.0), &key(self.after.1), &size]).await? {
                    let id = |column| Ok::<_, anyhow::Error>(Uuid::from_slice(&raw(&row, column)?)?);
                    let at = |column| Ok::<_, anyhow::Error>(i64::from_be_bytes(array(&row, column)?) + EPOCH_2000);
                    last = (id(0)?, id(1)?);
                    let texts = [row.try_get(5)?, row.try_get(6)?, row.try_get(7)?, row.try_get(8)?];
                    member(&mut out, last, row.try_get(2)?, [at(3)?, at(4)?], texts);
                }
            }
        }
        self.after = last;
        out.push(']');
        Ok(out)
    }
}

fn raw(row: &tokio_postgres::Row, column: usize) -> Result<Vec<u8>> {
    row.try_get::<_, Raw>(column)?.0.context("a null")
}

fn array(row: &tokio_postgres::Row, column: usize) -> Result<[u8; 8]> {
    raw(row, column)?.try_into().map_err(|_| anyhow::anyhow!("no instant"))
}

/// One record, joined from its columns.
fn member(out: &mut String, (unit, id): (Uuid, Uuid), version: i64, at: [i64; 2], texts: [&str; 4]) {
    let [created, updated] = at.map(Timestamp::from_micros);
    let [external, bodies @ ..] = texts;
    if out.len() > 1 {
        out.push(',');
    }
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        r#"{{"id":"{id}","type":"member","version":{version},"unit_id":"{unit}","external_ids":{external},"created_at":"{created}","updated_at":"{updated}""#
    );
    for body in bodies.iter().filter(|body| !body.is_empty()) {
        out.push(',');
        out.push_str(body);
    }
    out.push('}');
}
