//! What came after a cursor. A row of the log only says *look at this record*: what is sent is the record as it stands,
//! under the caller's rights as they are, all read in one transaction.

use super::page::Page;
use super::pull::{Pull, Range, bit};
use crate::db::{Db, DbError, Guid, Id, Sql, Verbs};
use crate::on;
use crate::store::load::find_records;
use crate::store::record::Stored;
use crate::store::registry::{KINDS, Kind};
use crate::store::scope::Actor;
use cell_records_types::sync::RemoveReason;
use diesel::sql_types::{BigInt, Nullable, Text};
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// A page examines about so many rows of the log; then it ends, empty perhaps.
const EXAMINED: usize = 50_000;
/// `behind` counts so far.
const BEHIND: i64 = 10_000;
/// Ranges that one statement reads.
const RANGES_AT_ONCE: usize = 100;

/// Fills a page with what concerns the pull after `from`. Answers the last row that was examined.
///
/// # Errors
/// When the database fails.
pub async fn fill(db: &mut Db<'_>, pull: &Pull, from: i64, page: &mut Page) -> Result<i64, DbError> {
    let head = pull.view.clock.seq;
    let ranges = pull.ranges();
    let mut found = Found::new(from, head, page.limit);
    let most = (EXAMINED / ranges.len().max(1)).max(1);
    let mut rows = page.limit.min(most);
    let mut examined = 0;
    while !found.is_done() && examined < EXAMINED {
        let read = read(db, &ranges, found.until, head, rows).await?;
        examined += read.iter().map(Vec::len).sum::<usize>();
        found.add(&read, rows);
        // What counts is rare here: larger steps.
        rows = (rows * 2).min(most);
    }
    send(db, pull, found, page).await
}

/// The rows that count, and how far all ranges were read.
struct Found {
    counting: BTreeSet<i64>,
    until: i64,
    head: i64,
    limit: usize,
    full: bool,
}

impl Found {
    fn new(from: i64, head: i64, limit: usize) -> Self {
        Found { counting: BTreeSet::new(), until: from, head, limit, full: false }
    }

    fn is_done(&self) -> bool {
        self.full || self.until >= self.head
    }

    /// Takes what each range had after `until`, at most `rows`: (seq, whether it counts), by seq. A range that had as
    /// many may have more: beyond its last row nothing is known.
    fn add(&mut self, read: &[Vec<(i64, bool)>], rows: usize) {
        let cut = read.iter().filter(|range| range.len() >= rows).filter_map(|range| range.last());
        self.until = cut.map(|(seq, _)| *seq).min().unwrap_or(self.head);
        let known = read.iter().flatten().filter(|(seq, counts)| *counts && *seq <= self.until);
        self.counting.extend(known.map(|(seq, _)| *seq));
        if let Some(last) = self.counting.iter().nth(self.limit.saturating_sub(1)).copied() {
            self.full = true;
            self.until = last;
            self.counting.retain(|seq| *seq <= last);
        }
    }
}

type ScopeSql = (Guid, BigInt, BigInt, Text);

/// Reads each range from a seq on, at most `rows` of each.
async fn read(
    db: &mut Db<'_>,
    ranges: &[Range],
    from: i64,
    head: i64,
    rows: usize,
) -> Result<Vec<Vec<(i64, bool)>>, DbError> {
    let limit = i64::try_from(rows).unwrap_or(i64::MAX);
    let places: HashMap<(Uuid, i64), usize> =
        ranges.iter().enumerate().map(|(index, range)| ((range.unit, range.downward), index)).collect();
    let mut read: Vec<Vec<(i64, bool)>> = vec![Vec::new(); ranges.len()];
    for part in ranges.chunks(RANGES_AT_ONCE) {
        let mut sql = Sql::<ScopeSql>::new("");
        for (index, range) in part.iter().enumerate() {
            sql = sql
                .text(if index == 0 { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" })
                .text("SELECT unit_id, downward, seq, type FROM change_scope WHERE unit_id = ")
                .bind(range.unit)
                .text(" AND downward = ")
                .bind(range.downward)
                .text(" AND seq > ")
                .bind(from)
                .text(" AND seq <= ")
                .bind(head)
                .text(" ORDER BY seq LIMIT ")
                .bind(limit)
                .text(") AS r");
        }
        let found: Vec<(Id, i64, i64, String)> = on!(db, c => sql.all(c))?;
        for (unit, downward, seq, kind) in found {
            let Some(index) = places.get(&(unit.0, downward)) else { continue };
            let types = ranges.get(*index).map_or(0, |range| range.types);
            let counts = Kind::named(&kind).is_some_and(|kind| types & bit(kind) != 0);
            if let Some(rows) = read.get_mut(*index) {
                rows.push((seq, counts));
            }
        }
    }
    for rows in &mut read {
        rows.sort_unstable();
    }
    Ok(read)
}

/// How many rows still count after a seq, and whether counting was cut.
///
/// # Errors
/// When the database fails.
pub async fn behind(db: &mut Db<'_>, pull: &Pull, from: i64) -> Result<(i64, bool), DbError> {
    let ranges = pull.ranges();
    if from >= pull.view.clock.seq || ranges.is_empty() {
        return Ok((0, false));
    }
    let mut seqs = Sql::<BigInt>::new("SELECT count(*) FROM (");
    for (index, range) in ranges.iter().take(RANGES_AT_ONCE).enumerate() {
        let types: Vec<String> =
            KINDS.iter().filter(|kind| range.types & bit(kind) != 0).map(|kind| format!("'{}'", kind.name)).collect();
        seqs = seqs
            // A row that stands in several ranges counts once.
            .text(if index == 0 { "SELECT seq FROM (" } else { " UNION SELECT seq FROM (" })
            .text("SELECT seq FROM change_scope WHERE unit_id = ")
            .bind(range.unit)
            .text(" AND downward = ")
            .bind(range.downward)
            .text(" AND seq > ")
            .bind(from)
            .text(format!(" AND type IN ({}) ORDER BY seq LIMIT ", types.join(", ")))
            .bind(BEHIND + 1)
            .text(") AS r");
    }
    let seqs = seqs.text(") AS counted");
    let count: Option<i64> = on!(db, c => seqs.first_row(c))?;
    let count = count.unwrap_or(0);
    Ok((count.min(BEHIND), count > BEHIND))
}

/// The last row of a page that concerns a record.
struct Last {
    seq: i64,
    kind: &'static Kind,
    id: Uuid,
    version: i64,
    told_to: Option<Uuid>,
}

type RowSql = (BigInt, Text, Guid, BigInt, BigInt, Nullable<Guid>);

/// Looks at the records of the rows that count. Answers how far the page goes.
async fn send(db: &mut Db<'_>, pull: &Pull, found: Found, page: &mut Page) -> Result<i64, DbError> {
    if found.counting.is_empty() {
        return Ok(found.until);
    }
    let sql = Sql::<RowSql>::new("SELECT seq, type, record_id, version, told, actor FROM changes WHERE ")
        .any_int("seq", found.counting.into_iter().collect());
    let rows: Vec<(i64, String, Id, i64, i64, Option<Id>)> = on!(db, c => sql.all(c))?;
    let mut last: HashMap<Uuid, Last> = HashMap::new();
    for (seq, kind, id, version, told, actor) in rows {
        let Some(kind) = Kind::named(&kind) else { continue };
        if last.get(&id.0).is_none_or(|last| last.seq < seq) {
            let told_to = actor.filter(|_| told != 0).map(|actor| actor.0);
            last.insert(id.0, Last { seq, kind, id: id.0, version, told_to });
        }
    }
    let mut records: HashMap<Uuid, Stored> = HashMap::with_capacity(last.len());
    for kind in &KINDS {
        let ids: Vec<Uuid> = last.values().filter(|last| last.kind.order == kind.order).map(|last| last.id).collect();
        if let (false, Some(class)) = (ids.is_empty(), pull.scope.most(kind)) {
            records.extend(find_records(db, kind, &ids, class).await?.into_iter().map(|record| (record.id, record)));
        }
    }
    let mut last: Vec<Last> = last.into_values().collect();
    last.sort_unstable_by_key(|last| last.seq);
    let mut sent = None;
    for one in last {
        let fitted = match records.get(&one.id).filter(|record| pull.reaches(record)) {
            Some(record) if record.is_live() => {
                if is_own(pull, &one, record) {
                    page.own(record)
                } else {
                    page.upsert(&pull.scope, record)
                }
            }
            Some(_) => page.remove(one.kind, one.id, one.version, RemoveReason::Deleted),
            None => page.remove(one.kind, one.id, one.version, RemoveReason::OutOfScope),
        };
        if !fitted {
            // All that is left has its last row after what was sent.
            return Ok(sent.unwrap_or(found.until));
        }
        sent = Some(one.seq);
    }
    Ok(found.until)
}

/// Whether the caller itself wrote the version that stands and knows it.
fn is_own(pull: &Pull, last: &Last, record: &Stored) -> bool {
    let Actor::Account(me, _) = &pull.scope.actor else { return false };
    pull.filter.brief && last.version == record.version && last.told_to == Some(*me)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(ranges: &[&[(i64, bool)]], rows: usize, limit: usize) -> (Vec<i64>, i64) {
        let mut found = Found::new(0, 100, limit);
        found.add(&ranges.iter().map(|range| range.to_vec()).collect::<Vec<_>>(), rows);
        (found.counting.into_iter().collect(), found.until)
    }

    #[test]
    fn the_next_position_is_the_smallest_that_is_known_whole() {
        // Nothing was cut: the head.
        assert_eq!(found(&[&[(3, true), (5, false)], &[(4, true)]], 3, 10), (vec![3, 4], 100));
        // A cut range ends what is known, whatever counts.
        assert_eq!(found(&[&[(3, true), (5, false)], &[(4, true), (9, true)]], 2, 10), (vec![3, 4], 5));
        // A full page ends at its last row; a row in two ranges is one.
        assert_eq!(found(&[&[(3, true), (5, true)], &[(3, true), (9, true)]], 3, 2), (vec![3, 5], 5));
        // Nothing counts: the position moves all the same.
        assert_eq!(found(&[&[(3, false), (5, false)]], 2, 10), (vec![], 5));
    }
}
