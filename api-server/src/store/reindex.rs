//! Bringing what is derived from records up to the registry of this program: the fragments of their bodies, in the
//! tables and in the log, the columns, child tables and references. It is needed when a field's class, a column or a
//! reference changed since they were stored; the clock row names the registry that they were last brought up to.
//!
//! It runs in bounded steps, each a write of its own, and continues where it was cut off. Meanwhile the server answers:
//! readers cut the bodies that they show by today's classes, and deletes are refused with `503`, for a new reference
//! may not be known yet.

use super::cut;
use super::live::Clock;
use super::record::{CutBody, EnvelopeRow, EnvelopeSql, Stored};
use super::registry::{KINDS, Kind, RecordKey};
use super::secrets;
use super::writer::{WriteError, WriteTx, Writer};
use crate::db::{Cell, Column, Db, DbError, Rows, Sql, Type, Verbs, Write, engine};
use crate::on;
use cell_records_types::Class;
use diesel::sql_types::{BigInt, Nullable, Text};
use std::fmt::Write as _;
use std::sync::LazyLock;
use uuid::Uuid;

/// Records, or rows of the log, of one step.
const STEP: i64 = 500;

/// What distinguishes this program's registry from another: a hash of the fields' classes, and one of all that is
/// derived.
pub struct Fingerprint {
    /// As it is stored: both, with a colon between.
    pub text: String,
    classes: usize,
}

impl Fingerprint {
    /// Of this program's registry.
    pub fn current() -> &'static Fingerprint {
        static CURRENT: LazyLock<Fingerprint> = LazyLock::new(|| {
            let (mut classes, mut derived) = (String::new(), String::new());
            for kind in &KINDS {
                // Writing to a String cannot fail.
                let _ = write!(classes, "{}:{:?};", kind.name, kind.class);
                let _ = write!(derived, "{}:{};", kind.name, kind.revision);
                for field in kind.fields {
                    let _ = write!(classes, "{}:{:?};", field.name, field.class);
                }
                for column in kind.columns {
                    let _ = write!(derived, "{}:{:?};", column.name, column.kind);
                }
                for child in kind.child_tables {
                    let _ = write!(derived, "{}:{:?};", child.table, child.columns);
                }
                let _ = write!(derived, "{:?};", kind.fills);
            }
            let hash = |text: &str| secrets::digest(text.as_bytes()).chars().take(16).collect::<String>();
            let classes = hash(&classes);
            Fingerprint { text: format!("{classes}:{}", hash(&derived)), classes: classes.len() }
        });
        &CURRENT
    }

    /// Whether records were last brought up to this registry.
    pub fn is_of(&self, clock: &Clock) -> bool {
        clock.registry == self.text
    }

    fn has_classes_of(&self, other: &str) -> bool {
        self.text.get(..self.classes) == other.get(..self.classes)
    }
}

/// The result of a step.
pub enum Step {
    /// This number of records and rows was done; there are more.
    Done(usize),
    /// Everything is up to this registry.
    Finished,
}

/// Runs all steps that are left, and passes on the result of each.
///
/// # Errors
/// When a step has no outcome; what was done is kept.
pub async fn run(writer: &Writer, mut progress: impl FnMut(usize)) -> Result<(), WriteError> {
    loop {
        match writer.accounts(|tx| Box::pin(step(tx))).await? {
            Step::Done(rows) => progress(rows),
            Step::Finished => return Ok(()),
        }
    }
}

/// The part that the log is.
const LOG: &str = "changes";
/// Where a part is that is done.
const END: &str = "end";

/// One step: the next records of the first type that is not done, or the next rows of the log.
async fn step(tx: &mut WriteTx<'_>) -> Result<Step, DbError> {
    let fingerprint = Fingerprint::current();
    if tx.registry() == fingerprint.text {
        return Ok(Step::Finished);
    }
    let mut db = tx.db();
    // What another program began is begun again.
    let other = Sql::<()>::new("DELETE FROM reindex WHERE registry <> ").bind(fingerprint.text.as_str());
    on!(&mut db, c => other.run(c))?;
    let sql = Sql::<(Text, Text)>::new("SELECT part, after FROM reindex");
    let known: Vec<(String, String)> = on!(&mut db, c => sql.all(c))?;
    let after = |part: &str| known.iter().find(|(name, _)| name == part).map(|(_, after)| after.as_str());
    for kind in &KINDS {
        let begin = after(kind.name).unwrap_or_default();
        if begin != END {
            let (rows, next) = records(&mut db, kind, begin.parse().unwrap_or_else(|_| Uuid::nil())).await?;
            let next = next.map_or(END.to_owned(), |id| id.to_string());
            keep(&mut db, kind.name, &next).await?;
            return Ok(Step::Done(rows));
        }
    }
    let begin = after(LOG).unwrap_or_default();
    if begin != END {
        let (rows, next) = log(&mut db, begin.parse().unwrap_or(0)).await?;
        keep(&mut db, LOG, &next.map_or(END.to_owned(), |seq| seq.to_string())).await?;
        return Ok(Step::Done(rows));
    }
    let all = Sql::<()>::new("DELETE FROM reindex");
    on!(&mut db, c => all.run(c))?;
    // Whoever may read less now is sent a fresh snapshot, and so is whoever may read more.
    let classes_changed = !fingerprint.has_classes_of(tx.registry());
    tx.reindexed(fingerprint.text.clone(), classes_changed);
    Ok(Step::Finished)
}

async fn keep(db: &mut Db<'_>, part: &str, after: &str) -> Result<(), DbError> {
    let gone = Sql::<()>::new("DELETE FROM reindex WHERE part = ").bind(part);
    on!(db, c => gone.run(c))?;
    let new = Sql::<()>::new("INSERT INTO reindex (part, registry, after) VALUES (")
        .bind(part)
        .text(", ")
        .bind(Fingerprint::current().text.as_str())
        .text(", ")
        .bind(after)
        .text(")");
    on!(db, c => new.run(c)).map(|_| ())
}

const BODIES: [Column; 4] = [
    Column::new("public_body", Type::Text),
    Column::new("internal_body", Type::Text),
    Column::new("personal_body", Type::Text),
    Column::new("sensitive_body", Type::Text),
];

fn bodies(body: &CutBody) -> impl Iterator<Item = Cell<'_>> {
    body.0.iter().map(|fragment| Cell::from(fragment.as_str()))
}

/// The next records of a type. Returns how many there were, and the last one's id when there may be more.
async fn records(db: &mut Db<'_>, kind: &'static Kind, after: Uuid) -> Result<(usize, Option<Uuid>), DbError> {
    const LINKS: [Column; 4] = [
        Column::new("to_type", Type::Text),
        Column::new("to_id", Type::Id),
        Column::new("from_type", Type::Text),
        Column::new("from_id", Type::Id),
    ];
    let sql = Sql::<EnvelopeSql>::new(format!("{} WHERE id > ", kind.select(Class::Sensitive)))
        .bind(after)
        .text(" ORDER BY id LIMIT ")
        .bind(STEP);
    let found: Vec<EnvelopeRow> = on!(db, c => sql.all(c))?;
    let count = found.len();
    let found: Vec<Stored> = found.into_iter().map(|row| Stored::from_row(kind, row)).collect();
    let last = found.last().map(|record| record.id).filter(|_| i64::try_from(count).is_ok_and(|count| count == STEP));
    // One that does not read back is logged, and left as it is.
    let anew: Vec<Stored> = found.iter().filter_map(Stored::recut).filter(|record| record.any().is_some()).collect();
    let columns: Vec<Column> =
        [Column::new("id", Type::Id)].iter().chain(&BODIES).chain(kind.columns).copied().collect();
    let mut updates = Rows::new(Write::Update, kind.plural, columns);
    let mut links = Rows::new(Write::Fill, "record_links", &LINKS[..]);
    for record in &anew {
        let id: Cell<'_> = record.id.into();
        updates.push([id].into_iter().chain(bodies(&record.body)).chain(record.cells().iter().map(Cell::from)));
        for (order, to) in record.references().iter().filter(|_| record.is_live()) {
            let to: RecordKey = (*order, *to);
            let to_type = Kind::at(to.0).map(|kind| kind.name);
            let row: [Cell<'_>; 4] = [to_type.into(), to.1.into(), kind.name.into(), record.id.into()];
            links.push(row);
        }
    }
    let mut all = Vec::new();
    for (index, child) in kind.child_tables.iter().enumerate() {
        let mut gone = Rows::new(Write::Delete, child.table, vec![Column::new(child.owner, Type::Id)]);
        let mut new = Rows::new(Write::Insert, child.table, child.columns);
        for record in &anew {
            gone.push([record.id.into()]);
            let rows = record.child_rows().get(index).filter(|_| record.is_live());
            rows.into_iter().flatten().for_each(|row| new.push(row.iter().map(Cell::from)));
        }
        all.extend([gone, new]);
    }
    all.extend([updates, links]);
    engine::write_all(db, &all).await?;
    Ok((count, last))
}

/// The next rows of the log. Returns how many there were, and the last one's position when there may be more.
async fn log(db: &mut Db<'_>, after: i64) -> Result<(usize, Option<i64>), DbError> {
    type LogSql = (BigInt, Text, Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Text>);
    type LogRow = (i64, String, Option<String>, Option<String>, Option<String>, Option<String>);
    let sql = Sql::<LogSql>::new(
        "SELECT seq, type, public_body, internal_body, personal_body, sensitive_body FROM changes WHERE seq > ",
    )
    .bind(after)
    .text(" ORDER BY seq LIMIT ")
    .bind(STEP);
    let found: Vec<LogRow> = on!(db, c => sql.all(c))?;
    let count = found.len();
    let last = found.last().map(|row| row.0).filter(|_| i64::try_from(count).is_ok_and(|count| count == STEP));
    let cut = found.into_iter().filter_map(|(seq, kind, public, internal, personal, sensitive)| {
        let kind = Kind::named(&kind)?;
        // A delete has no body.
        let body = CutBody([public?, internal?, personal?, sensitive?]);
        let recut = cut::recut(&body, kind);
        if recut.is_err() {
            tracing::error!(seq, "a row of the log does not read back");
        }
        recut.ok().filter(|recut| *recut != body).map(|recut| (seq, recut))
    });
    let cut: Vec<(i64, CutBody)> = cut.collect();
    let columns: Vec<Column> = [Column::new("seq", Type::Int)].iter().chain(&BODIES).copied().collect();
    let mut updates = Rows::new(Write::Update, "changes", columns);
    for (seq, body) in &cut {
        updates.push([Cell::from(*seq)].into_iter().chain(bodies(body)));
    }
    engine::write_all(db, &[updates]).await?;
    Ok((count, last))
}
