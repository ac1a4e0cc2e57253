//! The log of what is done to accounts: who, when, from where, which request. Rows are only added.

use super::writer::WriteTx;
use crate::db::schema::audit_events as e;
use crate::db::{At, Db, DbError, Guid, Id, Instant, Sql, Verbs};
use crate::on;
use cell_records_types::Timestamp;
use cell_records_types::accounts::AuditEvent;
use diesel::dsl::max;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{ExpressionMethods, QueryDsl};
use serde_json::Value;
use uuid::Uuid;

/// Who does something, and through which request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct By {
    /// The account; nothing: the local operator, or nobody who is known.
    pub actor: Option<Uuid>,
    /// Whether it is the local operator.
    pub operator: bool,
    /// The address that the request came from.
    pub address: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
}

impl By {
    /// The local operator.
    pub fn operator() -> Self {
        By { operator: true, ..By::default() }
    }
}

/// Adds an event. `detail` must hold no secret.
///
/// # Errors
/// When the database fails.
pub async fn record(
    tx: &mut WriteTx<'_>,
    by: &By,
    action: &str,
    subject: Option<Uuid>,
    unit: Uuid,
    detail: Value,
) -> Result<(), DbError> {
    let now = At::from(tx.now);
    let last: Option<Option<i64>> = on!(&mut tx.db(), c => e::table.select(max(e::seq)).first_row(c))?;
    let row = (
        e::seq.eq(last.flatten().unwrap_or(0) + 1),
        e::at.eq(now),
        e::action.eq(action),
        e::actor.eq(by.actor.map(Id)),
        e::operator.eq(i64::from(by.operator)),
        e::subject.eq(subject.map(Id)),
        e::unit_id.eq(Id(unit)),
        e::address.eq(&by.address),
        e::request_id.eq(&by.request_id),
        e::detail.eq(detail.to_string()),
    );
    on!(&mut tx.db(), c => diesel::insert_into(e::table).values(row).run(c))?;
    Ok(())
}

/// What narrows a list of events.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Only events before this position.
    pub before: Option<i64>,
    /// Only of this action.
    pub action: Option<String>,
    /// Only by this account.
    pub actor: Option<Uuid>,
    /// Only about this account, grant, token or session.
    pub subject: Option<Uuid>,
}

type EventSql =
    (BigInt, Instant, Text, Nullable<Guid>, BigInt, Nullable<Guid>, Guid, Nullable<Text>, Nullable<Text>, Text);
type EventRow = (i64, At, String, Option<Id>, i64, Option<Id>, Id, Option<String>, Option<String>, String);

/// Events of units at or below the roots, the latest first.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: &mut Db<'_>,
    roots: &[Uuid],
    wanted: &EventFilter,
    limit: i64,
) -> Result<Vec<AuditEvent>, DbError> {
    let mut sql = Sql::<EventSql>::new(
        "SELECT seq, at, action, actor, operator, subject, unit_id, address, request_id, detail FROM audit_events \
         WHERE unit_id IN (SELECT unit_id FROM unit_ancestors WHERE ",
    )
    .any("ancestor_id", roots.iter().copied().map(Id).collect())
    .text(")");
    if let Some(before) = wanted.before {
        sql = sql.text(" AND seq < ").bind(before);
    }
    if let Some(action) = &wanted.action {
        sql = sql.text(" AND action = ").bind(action.as_str());
    }
    if let Some(actor) = wanted.actor {
        sql = sql.text(" AND actor = ").bind(actor);
    }
    if let Some(subject) = wanted.subject {
        sql = sql.text(" AND subject = ").bind(subject);
    }
    sql = sql.text(" ORDER BY seq DESC LIMIT ").bind(limit);
    let rows: Vec<EventRow> = on!(db, c => sql.all(c))?;
    let event = |(seq, at, action, actor, operator, subject, unit, address, request_id, detail): EventRow| AuditEvent {
        seq,
        at: Timestamp::from(at),
        action,
        actor: actor.map(|id| id.0),
        operator: operator != 0,
        subject: subject.map(|id| id.0),
        unit_id: unit.0,
        address,
        request_id,
        detail: serde_json::from_str(&detail).unwrap_or_default(),
    };
    Ok(rows.into_iter().map(event).collect())
}

/// The users who logged in last, with the address that they came from: at most `limit`, the latest first.
///
/// # Errors
/// When the database fails.
pub async fn latest_logins(db: &mut Db<'_>, limit: i64) -> Result<Vec<(String, String)>, DbError> {
    // Bounded by the events that are read, not by the logins among them: there is no index on `action`.
    let sql = Sql::<(Text, Text)>::new(
        "SELECT a.name, e.address FROM (SELECT actor, address, action FROM audit_events ORDER BY seq DESC LIMIT ",
    )
    .bind(limit)
    .text(") AS e JOIN accounts AS a ON a.id = e.actor WHERE e.action = 'login' AND e.address IS NOT NULL");
    on!(db, c => sql.all(c))
}
