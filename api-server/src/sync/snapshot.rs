//! The first load: all visible records by (type, unit, id), resumable at any record. Whatever a table's index holds
//! after the unit, the records of a unit are sorted by id: of a record only its unit can change its place, and what
//! moves while a snapshot is read comes again in the tail.

use super::cursor::{Position, Walk};
use super::page::{BODIES_AT_ONCE, FeedPage};
use super::pull::Pull;
use crate::db::{Db, DbError, Guid, Id, Sql, Verbs};
use crate::on;
use crate::store::load::find_records;
use crate::store::registry::{KINDS, Kind};
use crate::store::scope::Units;
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
            loop {
                // One more than fits shows whether the walk continues.
                let left = page.limit.saturating_sub(page.len());
                let mut ids = read(db, kind, units.as_deref(), after, left + 1).await?;
                source.found(ids.len());
                let whole = ids.len() <= left;
                ids.truncate(left);
                for some in ids.chunks(BODIES_AT_ONCE) {
                    let mut records = find_records(db, kind, some, class).await?;
                    records.sort_unstable_by_key(|record| (record.unit_id, record.id));
                    for record in records {
                        if pull.reaches(&record) {
                            if !page.upsert(&pull.scope, &record) {
                                return Ok(false);
                            }
                            walk.count(kind);
                        }
                        after = (record.unit_id, record.id);
                        walk.after = Some(Position { kind: order, unit: after.0, id: after.1 });
                    }
                }
                if whole {
                    break;
                }
                if page.len() >= page.limit {
                    return Ok(false);
                }
            }
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

/// The ids of live records after a place, in order. An index alone holds them: the records of a unit are sorted without
/// their bodies.
async fn read(
    db: &mut Db<'_>,
    kind: &'static Kind,
    units: Option<&[Id]>,
    (unit, id): (Uuid, Uuid),
    limit: usize,
) -> Result<Vec<Uuid>, DbError> {
    let mut sql = Sql::<Guid>::new(format!("SELECT id FROM {} WHERE deleted_at IS NULL AND unit_id >= ", kind.plural))
        .bind(unit)
        .text(" AND (unit_id > ")
        .bind(unit)
        .text(" OR id > ")
        .bind(id)
        .text(")");
    if let Some(units) = units {
        sql = sql.text(" AND ").any("unit_id", units.to_vec());
    }
    let sql = sql.text(" ORDER BY unit_id, id LIMIT ").bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let ids: Vec<Id> = on!(db, c => sql.all(c))?;
    Ok(ids.into_iter().map(|id| id.0).collect())
}
