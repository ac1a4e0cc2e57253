//! The first load: all visible records by (type, unit, id), resumable at any record. Whatever a table's index holds
//! after the unit, the records of a unit are sorted by id: of a record only its unit can change its place, and what
//! moves while a snapshot is read comes again in the tail.

use super::cursor::{Position, Walk};
use super::page::{BODIES_AT_ONCE, FeedPage};
use super::pull::Pull;
use crate::db::{Db, DbError, Id, Sql, Verbs, engine};
use crate::on;
use crate::store::record::{EnvelopeRow, EnvelopeSql, Stored, envelope_columns};
use crate::store::registry::{KINDS, Kind};
use crate::store::scope::Units;
use cell_records_types::Class;
use uuid::Uuid;

/// Units that one statement names at first, and at most: a type that is rare in them asks for more at once.
const UNITS_AT_ONCE: (usize, usize) = (64, 1_024);
/// Units that a page looks into at most, of all types together: about twenty statements. Then it ends, even if it is
/// empty.
const EXAMINED_UNITS: usize = 16_384;

/// Fills a page from the walk's position. Returns whether the walk reached its end.
///
/// # Errors
/// When the database fails.
pub async fn fill(db: &mut Db<'_>, pull: &Pull, walk: &mut Walk, page: &mut FeedPage) -> Result<bool, DbError> {
    let begun = walk.after;
    let mut examined = 0;
    page.expect(page.limit);
    for kind in &KINDS {
        let order = u16::try_from(kind.order).unwrap_or(u16::MAX);
        if begun.is_some_and(|after| after.kind > order) {
            continue;
        }
        let mut after =
            begun.filter(|after| after.kind == order).map_or((Uuid::nil(), Uuid::nil()), |at| (at.unit, at.id));
        let Some(class) = pull.scope.most(kind) else { continue };
        let mut source = Source::of(pull, kind, after.0);
        while let Some(units) = source.next() {
            let mut found = 0;
            loop {
                // One more than fits shows whether the walk continues.
                let left = page.limit.saturating_sub(page.len());
                let rows = (left + 1).min(BODIES_AT_ONCE);
                let records = read(db, kind, class, units.as_deref(), after, rows).await?;
                found += records.len();
                let whole = records.len() < rows;
                for record in records.into_iter().take(left) {
                    if pull.reaches(&record) {
                        if !page.upsert(&pull.scope, &record) {
                            return Ok(false);
                        }
                        walk.count(kind);
                    }
                    after = (record.unit_id, record.id);
                    walk.after = Some(Position { kind: order, unit: after.0, id: after.1 });
                }
                if whole {
                    break;
                }
                if page.len() >= page.limit {
                    return Ok(false);
                }
            }
            source.found(found);
            let Some(last) = units.as_ref().and_then(|units| units.last()) else { continue };
            examined += units.as_ref().map_or(0, Vec::len);
            if examined >= EXAMINED_UNITS {
                // Behind every record of this unit.
                walk.after = Some(Position { kind: order, unit: last.0, id: Uuid::max() });
                return Ok(false);
            }
        }
    }
    let counts = KINDS.iter().zip(walk.counts.iter().flatten()).filter(|(_, count)| **count > 0);
    page.snapshot_end(counts.map(|(kind, count)| (kind.name, *count)));
    Ok(true)
}

/// The units of a type, in portions that a statement can name; all at once where no unit need be named.
struct Source {
    units: Option<Vec<Uuid>>,
    at: usize,
    portion: usize,
    all: bool,
}

impl Source {
    fn of(pull: &Pull, kind: &Kind, from: Uuid) -> Self {
        let units = match pull.units(kind) {
            Units::All => None,
            Units::Few(units) => Some(units),
            Units::Under(roots, mut units) => {
                for root in roots {
                    units.extend(pull.scope.tree.subtree(root, usize::MAX).unwrap_or_default());
                }
                units.sort_unstable();
                units.dedup();
                Some(units)
            }
        };
        let at = units.as_ref().map_or(0, |units| units.partition_point(|unit| *unit < from));
        Source { all: units.is_none(), units, at, portion: UNITS_AT_ONCE.0 }
    }

    /// The next portion; inside, nothing: every unit.
    fn next(&mut self) -> Option<Option<Vec<Id>>> {
        let Some(units) = &self.units else { return std::mem::take(&mut self.all).then_some(None) };
        let rest = units.get(self.at..).filter(|rest| !rest.is_empty())?;
        let portion: Vec<Id> = rest.iter().take(self.portion).map(|unit| Id(*unit)).collect();
        self.at += portion.len();
        Some(Some(portion))
    }

    /// Notes how many records the portion had.
    fn found(&mut self, records: usize) {
        if records * 4 < self.portion {
            self.portion = (self.portion * 2).min(UNITS_AT_ONCE.1);
        }
    }
}

/// Live records after a place, in order.
async fn read(
    db: &mut Db<'_>,
    kind: &'static Kind,
    class: Class,
    units: Option<&[Id]>,
    (unit, id): (Uuid, Uuid),
    limit: usize,
) -> Result<Vec<Stored>, DbError> {
    // The ids first, in the index alone: the records of a unit are sorted without their bodies.
    let key = engine::row_key(db);
    let mut sql = Sql::<EnvelopeSql>::new(format!(
        "SELECT {} FROM (SELECT {key} AS row_key FROM {} WHERE deleted_at IS NULL AND unit_id >= ",
        envelope_columns(class, "m."),
        kind.plural
    ))
    .bind(unit)
    .text(" AND (unit_id > ")
    .bind(unit)
    .text(" OR id > ")
    .bind(id)
    .text(")");
    if let Some(units) = units {
        sql = sql.text(" AND ").any("unit_id", units.to_vec());
    }
    let sql = sql
        .text(" ORDER BY unit_id, id LIMIT ")
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .text(format!(") AS p CROSS JOIN {} AS m WHERE m.{key} = p.row_key", kind.plural));
    let rows: Vec<EnvelopeRow> = on!(db, c => sql.all(c))?;
    let mut records: Vec<Stored> = rows.into_iter().map(|row| Stored::from_row(kind, row)).collect();
    // PostgreSQL joins in an order of its own.
    records.sort_unstable_by_key(|record| (record.unit_id, record.id));
    Ok(records)
}
