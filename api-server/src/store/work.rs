//! Work lists: what is due with records of all types, or late, as far as its caller may know. A slice says in `WORK` what
//! becomes due with its records; each type is one statement.
//!
//! A list is of few units with few records, which it reads and sorts: so nothing needs an index of its own.

use super::filter::in_units;
use super::list::{self, ListPosition, Sizes};
use super::registry::{KINDS, Kind};
use super::scope::{Scope, Units};
use crate::db::engine::all_at_once;
use crate::db::reads::Failure;
use crate::db::{Db, DbError, Guid, Id, Sql, Verbs};
use crate::on;
use cell_records_types::work::WorkCode;
use cell_records_types::{Date, FieldSpec, RecordType};
use diesel::sql_types::{BigInt, Nullable, Text};
use uuid::Uuid;

/// Something that becomes due with the records of a type.
pub struct Work {
    /// What it is.
    pub what: WorkCode,
    /// The fields that it follows from: who does not read them all in a unit learns nothing of it there.
    pub fields: &'static [&'static str],
    /// What else must be true of the row `t`, for a caller.
    pub when: Option<fn(&Scope) -> Sql>,
    /// When it is due.
    pub due: Due,
}

/// When something is due.
pub enum Due {
    /// On the date in this column; while nothing is due, it is empty.
    On(&'static str),
    /// On days that follow from the date in a column.
    From {
        /// The column.
        column: &'static str,
        /// The stretches of dates for which it is due from the first of these days to the second, both included.
        stretches: fn(Date, Date) -> Vec<Stretch>,
    },
}

/// Dates for which something is due on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The day before the first of them.
    pub after: Date,
    /// The last of them.
    pub to: Date,
    /// When it is due.
    pub due: Date,
    /// The number that belongs to it.
    pub number: i32,
}

impl Work {
    fn specs(&self, kind: &Kind) -> Vec<&'static FieldSpec> {
        self.fields.iter().filter_map(|name| kind.field(name)).collect()
    }
}

/// The place of a code: what is due with one record on one day is in the order of the codes.
fn order(what: &WorkCode) -> i64 {
    WorkCode::ALL.iter().zip(0..).find(|(code, _)| *code == what).map_or(i64::MAX, |(_, order)| order)
}

/// That there is a record of a type such as `condition` says, which names it `o` beside the row `t`: among those of which the
/// caller reads these fields, for of others a work list says nothing.
pub fn there_is<T: RecordType>(scope: &Scope, fields: &[&str], condition: &'static str) -> Sql {
    let Some(kind) = Kind::named(T::NAME) else { return Sql::new("FALSE") };
    let fields: Vec<_> = fields.iter().filter_map(|name| kind.field(name)).collect();
    let table = T::PLURAL;
    let mut sql = Sql::new(format!("EXISTS (SELECT 1 FROM {table} AS o WHERE {condition} AND o.deleted_at IS NULL"));
    in_units(&mut sql, "o.unit_id", &scope.units(kind, &fields));
    sql.text(")")
}

/// That there is none.
pub fn there_is_no<T: RecordType>(scope: &Scope, fields: &[&str], condition: &'static str) -> Sql {
    let mut sql = Sql::new("NOT ");
    sql.append(there_is::<T>(scope, fields, condition));
    sql
}

/// What a work list asks for.
#[derive(Debug, Clone)]
pub struct WorkList {
    /// A unit, and whether those below it are meant too.
    pub unit: Option<(Uuid, bool)>,
    /// Only this work; empty: all.
    pub what: Vec<WorkCode>,
    /// The day of the request: what is due before it is late.
    pub today: Date,
    /// The last day that is meant.
    pub due_to: Date,
    /// After which item it begins: the day and the place of the code, and the record.
    pub after: Option<ListPosition>,
    /// Items of a page.
    pub limit: i64,
}

/// Something that is due with a record.
#[derive(Debug, Clone)]
pub struct DueItem {
    /// The record's type.
    pub kind: &'static Kind,
    /// The record.
    pub id: Uuid,
    /// Its unit.
    pub unit: Uuid,
    /// When it is due.
    pub due: Date,
    /// What is due.
    pub what: WorkCode,
    /// The number that belongs to it.
    pub number: Option<i64>,
}

impl DueItem {
    fn place(&self) -> ListPosition {
        (vec![self.due.to_string().into(), order(&self.what).into()], self.id)
    }
}

/// Why a work list cannot be answered.
#[derive(Debug)]
pub enum WorkError {
    /// It is of more than [`FEW_UNITS`](super::scope::FEW_UNITS) units, or [`FEW_RECORDS`](list::FEW_RECORDS) records of a
    /// type.
    TooWide,
    /// The database failed.
    Database(DbError),
}

impl Failure for WorkError {
    fn database(&self) -> Option<&DbError> {
        match self {
            WorkError::Database(error) => Some(error),
            WorkError::TooWide => None,
        }
    }
}

impl From<DbError> for WorkError {
    fn from(error: DbError) -> Self {
        WorkError::Database(error)
    }
}

/// A row: the record, its unit, the day, the number, the place of the code.
type Row = (Guid, Guid, Text, Nullable<BigInt>, BigInt);

impl WorkList {
    /// One page in the order of days, and the place that the next page begins after, if there is one.
    ///
    /// # Errors
    /// A list of too many units or records; a failing database.
    pub async fn page(
        &self,
        db: &mut Db<'_>,
        scope: &Scope,
        sizes: &Sizes,
    ) -> Result<(Vec<DueItem>, Option<ListPosition>), WorkError> {
        let mut asked = Vec::new();
        for kind in &KINDS {
            let mut arms = Vec::new();
            for work in self.of(kind) {
                let units = self.units(scope, kind, work)?;
                if units.is_empty() {
                    continue;
                }
                if sizes.are_large(db, kind, &units).await? {
                    return Err(WorkError::TooWide);
                }
                arms.extend(self.arm(scope, kind, work, units));
            }
            if !arms.is_empty() {
                asked.push((kind, self.statement(arms)));
            }
        }
        let read = async |db: &mut Db<'_>, (_, sql): &(&Kind, Sql<Row>)| {
            let sql = sql.clone();
            let rows: Vec<(Id, Id, String, Option<i64>, i64)> = on!(db, c => sql.all(c))?;
            Ok(rows)
        };
        let found = all_at_once(db, &asked, read).await?;
        let item = |kind: &'static Kind, (id, unit, due, number, what): (Id, Id, String, Option<i64>, i64)| {
            let what = WorkCode::ALL.get(usize::try_from(what).ok()?)?.clone();
            Some(DueItem { kind, id: id.0, unit: unit.0, due: due.parse().ok()?, what, number })
        };
        let mut items: Vec<DueItem> = asked
            .iter()
            .zip(found)
            .flat_map(|((kind, _), rows)| rows.into_iter().filter_map(|row| item(kind, row)))
            .collect();
        items.sort_unstable_by_key(|item| (item.due, item.id, order(&item.what)));
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(DueItem::place);
        Ok((items, next))
    }

    /// Whether the caller's rights leave nothing to ask.
    pub fn is_out_of_rights(&self, scope: &Scope) -> bool {
        let has_units = |kind, work| self.units(scope, kind, work).is_ok_and(|units| !units.is_empty());
        !KINDS.iter().any(|kind| self.of(kind).any(|work| has_units(kind, work)))
    }

    /// The work of a type that is asked for.
    fn of<'a>(&'a self, kind: &Kind) -> impl Iterator<Item = &'static Work> + use<'a> {
        kind.work.iter().filter(|work| self.what.is_empty() || self.what.contains(&work.what))
    }

    /// The units of the list where the caller reads what the work follows from.
    fn units(&self, scope: &Scope, kind: &Kind, work: &Work) -> Result<Vec<Uuid>, WorkError> {
        let units = scope.units(kind, &work.specs(kind));
        let units = match self.unit {
            Some((unit, subtree)) => scope.within(units, unit, subtree),
            None => units,
        };
        scope.few(units).ok_or(WorkError::TooWide)
    }

    /// The rows of one work, if it can be due at all by then.
    fn arm(&self, scope: &Scope, kind: &Kind, work: &Work, units: Vec<Uuid>) -> Option<Sql> {
        let order = order(&work.what);
        let mut sql = match &work.due {
            Due::On(column) => Sql::new(format!(
                "SELECT t.id, t.unit_id, t.{column} AS due, CAST(NULL AS bigint) AS number, CAST({} AS bigint) AS what \
                 FROM {} AS t WHERE t.{column} IS NOT NULL",
                order, kind.plural
            )),
            Due::From { column, stretches } => {
                let mut sql = Sql::new(format!(
                    "SELECT t.id, t.unit_id, s.due, s.number, CAST({} AS bigint) AS what FROM {} AS t CROSS JOIN (",
                    order, kind.plural
                ));
                days(&mut sql, &stretches(self.today, self.due_to))?;
                sql.text(format!(") AS s WHERE t.{column} > s.day_before AND t.{column} <= s.last_day"))
            }
        };
        if let Some(when) = work.when {
            sql.push(" AND ");
            sql.append(when(scope));
        }
        in_units(&mut sql, "t.unit_id", &Units::Few(units));
        Some(sql.text(" AND t.deleted_at IS NULL"))
    }

    /// A page of all work of a type.
    fn statement(&self, arms: Vec<Sql>) -> Sql<Row> {
        let mut sql = Sql::new("SELECT id, unit_id, due, number, what FROM (");
        for (index, arm) in arms.into_iter().enumerate() {
            if index > 0 {
                sql.push(" UNION ALL ");
            }
            sql.append(arm);
        }
        sql = sql.text(") AS w WHERE due <= ").bind(self.due_to.to_string());
        if let Some((values, id)) = &self.after
            && let [due, what] = values.as_slice()
        {
            sql = sql.text(" AND (due, id, what) > (").bind(due.clone());
            sql = sql.text(", ").bind(*id).text(", ").bind(what.clone()).text(")");
        }
        sql.text(format!(" ORDER BY due, id, what LIMIT {}", list::rows(self.limit))).of_callers()
    }
}

/// The rows of stretches, if there are any.
fn days(sql: &mut Sql, stretches: &[Stretch]) -> Option<()> {
    for (index, Stretch { after, to, due, number }) in stretches.iter().enumerate() {
        let first = ["SELECT ", " AS day_before, ", " AS last_day, ", " AS due, "];
        let [begin, before, last, day] = if index == 0 { first } else { [" UNION ALL SELECT ", ", ", ", ", ", "] };
        for (text, value) in [(begin, after), (before, to), (last, due)] {
            sql.push(text);
            sql.push_bind(value.to_string());
        }
        sql.push(day);
        sql.push_bind(i64::from(*number));
        sql.push(if index == 0 { " AS number" } else { "" });
    }
    stretches.first().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scope::{Actor, Grant, Narrowing};
    use crate::store::tree::{ROOT, Tree};
    use cell_records_types::Timestamp;
    use cell_records_types::accounts::Role;
    use std::sync::Arc;

    #[test]
    fn what_becomes_due_follows_from_fields_and_columns_that_there_are_and_each_code_is_used() {
        let all: Vec<(&Kind, &Work)> =
            KINDS.iter().flat_map(|kind| kind.work.iter().map(move |work| (kind, work))).collect();
        for (kind, work) in &all {
            assert!(
                !work.fields.is_empty() && work.specs(kind).len() == work.fields.len(),
                "{}: {:?}",
                kind.name,
                work.fields
            );
            let (Due::On(column) | Due::From { column, .. }) = &work.due;
            assert!(kind.columns.iter().any(|one| one.name == *column), "{}.{column}", kind.name);
        }
        for code in WorkCode::ALL {
            assert!(all.iter().any(|(_, work)| work.what == *code), "{code}");
        }
    }

    #[test]
    fn what_follows_from_a_field_is_only_for_who_reads_that_field() {
        let (member, [a, b]) = (Kind::named("member").unwrap(), [1, 2].map(Uuid::from_u128));
        let mut tree = Tree::default();
        tree.set(ROOT, None, 0);
        tree.set(a, Some(ROOT), 0);
        tree.set(b, Some(ROOT), 0);
        let grant = |role, unit, fields: &[&str]| Grant {
            id: Uuid::now_v7(),
            role,
            unit,
            from: Timestamp::from_micros(0),
            until: None,
            fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        };
        let grants = [
            grant(Role::CellSecretary, a, &[]),
            grant(Role::ExchangePeer, b, &["member.religion"]),
            grant(Role::FrontendReader, ROOT, &[]),
        ];
        let now = Timestamp::from_micros(1);
        let scope = Scope::new(Actor::Account(Uuid::nil(), None), &grants, &Narrowing::All, now, Arc::new(tree));
        let day = Date::constant(2014, 12, 31);
        let list = WorkList { unit: None, what: Vec::new(), today: day, due_to: day, after: None, limit: 50 };
        let units = |fields| {
            let work = Work { what: WorkCode::PartyBadge, fields, when: None, due: Due::On("birth_date") };
            list.units(&scope, member, &work).unwrap()
        };
        assert_eq!(units(&["birth_date"]), [a, b]);
        assert_eq!(units(&["birth_date", "religion"]), [b]);
        assert_eq!(units(&["ethnicity"]), <[Uuid; 0]>::default());
    }
}
