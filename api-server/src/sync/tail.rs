//! What came after a cursor. A row of the log only says *look at this record*: what is sent is the record as it is now,
//! filtered by the caller's rights as they are, all read in one transaction.

use super::page::{BODIES_AT_ONCE, FeedPage};
use super::pull::Pull;
use crate::db::{Db, DbError, Guid, Id, Sql, Verbs};
use crate::on;
use crate::store::load::find_records;
use crate::store::log_ranges::Range;
use crate::store::record::Stored;
use crate::store::registry::{KINDS, Kind};
use crate::store::scope::Actor;
use cell_records_types::sync::{MAX_BEHIND, RemoveReason};
use diesel::sql_types::{BigInt, Nullable, Text};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// Most rows of the log that a page examines, in all ranges together; then it ends, even if it is empty.
const EXAMINED: usize = 10_000;
/// Ranges that one statement reads.
const RANGES_AT_ONCE: usize = 100;

/// Fills a page with what concerns the pull after `from`. Returns the last row that was examined.
///
/// # Errors
/// When the database fails.
pub async fn fill(db: &mut Db<'_>, pull: &Pull, from: i64, page: &mut FeedPage) -> Result<i64, DbError> {
    let head = pull.view.clock.seq;
    let ranges = pull.ranges();
    let mut found = FoundRows::new(from, head, page.limit);
    let most = |examined: usize| (EXAMINED.saturating_sub(examined) / ranges.len().max(1)).max(1);
    let mut examined = 0;
    let mut rows = page.limit.min(most(examined));
    while !found.is_done() && examined < EXAMINED {
        let read = read(db, &ranges, found.until, head, rows).await?;
        examined += read.iter().map(Vec::len).sum::<usize>();
        found.add(read, rows);
        // What counts is rare here: larger steps.
        rows = (rows * 2).min(most(examined));
    }
    send(db, pull, found, page).await
}

/// The rows that count, by seq, and how far all ranges were read.
struct FoundRows<T> {
    counting: BTreeMap<i64, T>,
    until: i64,
    head: i64,
    limit: usize,
    full: bool,
}

impl<T> FoundRows<T> {
    fn new(from: i64, head: i64, limit: usize) -> Self {
        FoundRows { counting: BTreeMap::new(), until: from, head, limit, full: false }
    }

    fn is_done(&self) -> bool {
        self.full || self.until >= self.head
    }

    /// Takes what each range had after `until`, at most `rows`, by seq; a row that does not count has nothing. A range
    /// that had as many may have more: beyond its last row nothing is known.
    fn add(&mut self, read: Vec<Vec<(i64, Option<T>)>>, rows: usize) {
        let cut = read.iter().filter(|range| range.len() >= rows).filter_map(|range| range.last());
        self.until = cut.map(|(seq, _)| *seq).min().unwrap_or(self.head);
        let known = read.into_iter().flatten().filter(|(seq, _)| *seq <= self.until);
        self.counting.extend(known.filter_map(|(seq, row)| Some((seq, row?))));
        if let Some(last) = self.counting.keys().nth(self.limit.saturating_sub(1)).copied() {
            self.full = true;
            self.until = last;
            self.counting.split_off(&(last + 1));
        }
    }
}

/// A row of the log.
struct LogRow {
    seq: i64,
    kind: &'static Kind,
    id: Uuid,
    version: i64,
    /// The account that wrote this version and knows it.
    known_to: Option<Uuid>,
}

type LogSql = (BigInt, BigInt, Text, Guid, BigInt, BigInt, Nullable<Guid>);
type LogColumns = (i64, i64, String, Id, i64, i64, Option<Id>);

/// Reads each range from a seq on, at most `rows` of each.
async fn read(
    db: &mut Db<'_>,
    ranges: &[Range],
    from: i64,
    head: i64,
    rows: usize,
) -> Result<Vec<Vec<(i64, Option<LogRow>)>>, DbError> {
    const COLUMNS: &str = " AS part, l.seq, l.type, l.record_id, l.version, l.known_to_writer, l.actor FROM ";
    let limit = i64::try_from(rows).unwrap_or(i64::MAX);
    let mut read = Vec::with_capacity(ranges.len());
    for part in ranges.chunks(RANGES_AT_ONCE) {
        let mut sql = Sql::<LogSql>::new("");
        for (index, range) in (0i64..).zip(part) {
            sql = sql
                .text(if index == 0 { "SELECT * FROM (SELECT " } else { " UNION ALL SELECT * FROM (SELECT " })
                .bind(index)
                .text(COLUMNS);
            sql = match range.is_whole_log() {
                true => seqs(sql.text("changes AS l WHERE "), range, from, head)
                    .text(" ORDER BY seq LIMIT ")
                    .bind(limit)
                    .text(") AS r"),
                false => seqs(sql.text("(SELECT seq FROM change_scope WHERE "), range, from, head)
                    .text(" ORDER BY seq LIMIT ")
                    .bind(limit)
                    .text(") AS s JOIN changes AS l ON l.seq = s.seq) AS r"),
            };
        }
        let found: Vec<LogColumns> = on!(db, c => sql.all(c))?;
        let mut of_part: Vec<Vec<(i64, Option<LogRow>)>> = part.iter().map(|_| Vec::new()).collect();
        for (index, seq, kind, id, version, known, actor) in found {
            let Ok(index) = usize::try_from(index) else { continue };
            let (Some(range), Some(rows)) = (part.get(index), of_part.get_mut(index)) else { continue };
            let kind = Kind::named(&kind).filter(|kind| range.types.contains(kind));
            let known_to = actor.filter(|_| known != 0).map(|actor| actor.0);
            rows.push((seq, kind.map(|kind| LogRow { seq, kind, id: id.0, version, known_to })));
        }
        read.append(&mut of_part);
    }
    for rows in &mut read {
        rows.sort_unstable_by_key(|(seq, _)| *seq);
    }
    Ok(read)
}

/// The condition that a row of `change_scope`, or of the log itself, is in a range and after `from`.
fn seqs<T>(sql: Sql<T>, range: &Range, from: i64, head: i64) -> Sql<T> {
    let sql = match range.is_whole_log() {
        true => sql,
        false => sql.text("unit_id = ").bind(range.unit).text(" AND downward = ").bind(range.downward).text(" AND "),
    };
    sql.text("seq > ").bind(from).text(" AND seq <= ").bind(head)
}

/// How many rows of the log the pull must still look at after a seq, of whatever type, and whether counting was cut. It
/// reads at most [`MAX_BEHIND`] narrow rows in all, and none at the end of the log, nor for who holds the whole tree.
/// (Of more than [`RANGES_AT_ONCE`] ranges a row may count twice.)
///
/// # Errors
/// When the database fails.
pub async fn behind(db: &mut Db<'_>, pull: &Pull, from: i64) -> Result<(i64, bool), DbError> {
    let head = pull.view.clock.seq;
    let ranges = pull.ranges();
    let mut count = 0;
    if from >= head || ranges.is_empty() {
        return Ok((0, false));
    }
    if ranges.iter().any(Range::is_whole_log) {
        count = head - from;
    }
    for part in ranges.chunks(RANGES_AT_ONCE) {
        let left = MAX_BEHIND + 1 - count;
        if left <= 0 || ranges.iter().any(Range::is_whole_log) {
            break;
        }
        let mut sql = Sql::<BigInt>::new("SELECT count(DISTINCT seq) FROM (");
        for (index, range) in part.iter().enumerate() {
            let arm = if index == 0 { "" } else { " UNION ALL " };
            sql = seqs(sql.text(arm).text("SELECT seq FROM change_scope WHERE "), range, from, head);
        }
        let sql = sql.text(" LIMIT ").bind(left).text(") AS r");
        let found: Option<i64> = on!(db, c => sql.first_row(c))?;
        count += found.unwrap_or(0);
    }
    Ok((count.min(MAX_BEHIND), count > MAX_BEHIND))
}

/// Looks at the records of the rows that count. Returns how far the page goes.
async fn send(db: &mut Db<'_>, pull: &Pull, found: FoundRows<LogRow>, page: &mut FeedPage) -> Result<i64, DbError> {
    if found.counting.is_empty() {
        return Ok(found.until);
    }
    // The last row of each record. Types may share an id: a record is named by both.
    let mut last: HashMap<(usize, Uuid), LogRow> = HashMap::new();
    last.extend(found.counting.into_values().map(|row| ((row.kind.order, row.id), row)));
    let mut last: Vec<LogRow> = last.into_values().collect();
    last.sort_unstable_by_key(|last| last.seq);
    let mut sent = None;
    page.expect(last.len());
    for some in last.chunks(BODIES_AT_ONCE) {
        let records = records_of(db, pull, some).await?;
        for one in some {
            let fitted = match records.get(&(one.kind.order, one.id)).filter(|record| pull.reaches(record)) {
                Some(record) if record.is_live() => {
                    if is_own(pull, one, record) {
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
    }
    Ok(found.until)
}

/// The records of some rows, as they are now, by type and id.
async fn records_of(db: &mut Db<'_>, pull: &Pull, rows: &[LogRow]) -> Result<HashMap<(usize, Uuid), Stored>, DbError> {
    let mut records = HashMap::with_capacity(rows.len());
    for kind in &KINDS {
        let ids: Vec<Uuid> = rows.iter().filter(|row| row.kind.order == kind.order).map(|row| row.id).collect();
        if let (false, Some(class)) = (ids.is_empty(), pull.scope.most(kind)) {
            let found = find_records(db, kind, &ids, class).await?;
            records.extend(found.into_iter().map(|record| ((kind.order, record.id), record)));
        }
    }
    Ok(records)
}

/// Whether the caller itself wrote the current version and knows it.
fn is_own(pull: &Pull, last: &LogRow, record: &Stored) -> bool {
    let Actor::Account(me, _) = &pull.scope.actor else { return false };
    pull.filter.brief && last.version == record.version && last.known_to == Some(*me)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(ranges: &[&[(i64, Option<()>)]], rows: usize, limit: usize) -> (Vec<i64>, i64) {
        let mut found = FoundRows::new(0, 100, limit);
        found.add(ranges.iter().map(|range| range.to_vec()).collect(), rows);
        (found.counting.into_keys().collect(), found.until)
    }

    #[test]
    fn the_next_position_is_the_smallest_that_is_known_whole() {
        let (yes, no) = (Some(()), None);
        // Nothing was cut: the head.
        assert_eq!(found(&[&[(3, yes), (5, no)], &[(4, yes)]], 3, 10), (vec![3, 4], 100));
        // A cut range ends what is known, whatever counts.
        assert_eq!(found(&[&[(3, yes), (5, no)], &[(4, yes), (9, yes)]], 2, 10), (vec![3, 4], 5));
        // A full page ends at its last row; a row in two ranges is one.
        assert_eq!(found(&[&[(3, yes), (5, yes)], &[(3, yes), (9, yes)]], 3, 2), (vec![3, 5], 5));
        // Nothing counts: the position moves anyway.
        assert_eq!(found(&[&[(3, no), (5, no)]], 2, 10), (vec![], 5));
    }
}
