//! Accounts in the database. What is changed is changed inside the writer, and audited there.

use super::audit::{self, By};
use super::writer::WriteTx;
use super::{sessions, tokens};

use crate::db::schema::accounts as a;
use crate::db::{At, Db, DbError, Guid, Id, Instant, Sql, Verbs};
use crate::on;
use cell_records_types::accounts::{CallerKind, System, User};
use cell_records_types::text::fold;
use cell_records_types::{Reference, Timestamp};
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{ExpressionMethods, QueryDsl};
use serde_json::{Value, json};
use uuid::Uuid;

/// An account as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: Uuid,
    /// A person or a program.
    pub kind: CallerKind,
    /// Username, or the system's code.
    pub name: String,
    /// Name shown to others.
    pub display_name: String,
    /// The unit that it belongs to.
    pub unit: Uuid,
    /// Whether it is disabled.
    pub disabled: bool,
    /// Of a user.
    pub password_hash: Option<String>,
    /// Of a system.
    pub contact: Option<String>,
    /// Of a system.
    pub purpose: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From 1, plus 1 with each change.
    pub version: i64,
}

impl Account {
    /// As the API shows it.
    pub fn into_user(self) -> User {
        User {
            id: self.id,
            version: self.version,
            username: self.name,
            display_name: self.display_name,
            unit_id: self.unit,
            disabled: self.disabled,
            created_at: self.created_at,
        }
    }

    /// As the API shows it.
    pub fn into_system(self) -> System {
        System {
            id: self.id,
            version: self.version,
            code: self.name,
            name: self.display_name,
            contact: self.contact.unwrap_or_default(),
            purpose: self.purpose.unwrap_or_default(),
            unit_id: self.unit,
            disabled: self.disabled,
            created_at: self.created_at,
        }
    }
}

type AccountSql =
    (Guid, Text, Text, Text, Guid, BigInt, Nullable<Text>, Nullable<Text>, Nullable<Text>, Instant, BigInt);
type AccountRow = (Id, String, String, String, Id, i64, Option<String>, Option<String>, Option<String>, At, i64);

const SELECT: &str = "SELECT id, kind, name, display_name, unit_id, disabled, password_hash, contact, purpose, created_at, \
     version FROM accounts";

fn account(row: AccountRow) -> Account {
    let (id, kind, name, display_name, unit, disabled, password_hash, contact, purpose, created_at, version) = row;
    Account {
        id: id.0,
        kind: CallerKind::from_code(&kind).unwrap_or(CallerKind::User),
        name,
        display_name,
        unit: unit.0,
        disabled: disabled != 0,
        password_hash,
        contact,
        purpose,
        created_at: created_at.into(),
        version,
    }
}

/// An account by its name: username or code.
///
/// # Errors
/// When the database fails.
pub async fn by_name(db: &mut Db<'_>, kind: CallerKind, name: &str) -> Result<Option<Account>, DbError> {
    let query = a::table.filter(a::kind.eq(kind.code())).filter(a::name.eq(name));
    let row: Option<AccountRow> = on!(db, c => query.first_row(c))?;
    Ok(row.map(account))
}

/// An account by its id.
///
/// # Errors
/// When the database fails.
pub async fn by_id(db: &mut Db<'_>, kind: CallerKind, id: Uuid) -> Result<Option<Account>, DbError> {
    let query = a::table.filter(a::kind.eq(kind.code())).filter(a::id.eq(Id(id)));
    let row: Option<AccountRow> = on!(db, c => query.first_row(c))?;
    Ok(row.map(account))
}

/// Accounts of either kind by their ids, in no order.
///
/// # Errors
/// When the database fails.
pub async fn by_ids(db: &mut Db<'_>, ids: &[Uuid]) -> Result<Vec<Account>, DbError> {
    let sql = Sql::<AccountSql>::new(format!("{SELECT} WHERE ")).any("id", ids.iter().copied().map(Id).collect());
    let rows: Vec<AccountRow> = on!(db, c => sql.all(c))?;
    Ok(rows.into_iter().map(account).collect())
}

/// Accounts of units at or below the roots, by name, after a name.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: &mut Db<'_>,
    kind: CallerKind,
    roots: &[Uuid],
    after: &str,
    limit: i64,
) -> Result<Vec<Account>, DbError> {
    let sql = Sql::<AccountSql>::new(format!("{SELECT} WHERE kind = "))
        .bind(kind.code())
        .text(" AND name > ")
        .bind(after)
        .text(" AND unit_id IN (SELECT unit_id FROM unit_ancestors WHERE ")
        .any("ancestor_id", roots.iter().copied().map(Id).collect())
        .text(") ORDER BY name LIMIT ")
        .bind(limit);
    let rows: Vec<AccountRow> = on!(db, c => sql.all(c))?;
    Ok(rows.into_iter().map(account).collect())
}

/// Most accounts that a search examines.
const EXAMINED: i64 = 2_500;

/// The accounts of [`list`] whose names have words that begin with these folded words, and the last name that was examined
/// where there may be more. Nothing is kept for this: what is examined is read.
///
/// # Errors
/// When the database fails.
pub async fn search(
    db: &mut Db<'_>,
    kind: CallerKind,
    roots: &[Uuid],
    after: &str,
    words: &[String],
) -> Result<(Vec<Account>, Option<String>), DbError> {
    let mut examined = list(db, kind, roots, after, EXAMINED + 1).await?;
    let most = usize::try_from(EXAMINED).unwrap_or(usize::MAX);
    let more = examined.len() > most;
    examined.truncate(most);
    let last = examined.last().filter(|_| more).map(|account| account.name.clone());
    examined.retain(|account| {
        let names = fold(&format!("{} {}", account.name, account.display_name));
        let fits = |word: &String| names.split(' ').any(|name| name.starts_with(word));
        !words.iter().any(|word| !fits(word))
    });
    Ok((examined, last))
}

/// What a new account is made of.
pub struct NewAccount {
    /// A person or a program.
    pub kind: CallerKind,
    /// Username, or the system's code.
    pub name: String,
    /// Name shown to others.
    pub display_name: String,
    /// The unit that it belongs to.
    pub unit: Uuid,
    /// Of a user.
    pub password_hash: Option<String>,
    /// Of a system.
    pub contact: Option<String>,
    /// Of a system.
    pub purpose: Option<String>,
}

/// Makes an account; nothing when its name is taken.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut WriteTx<'_>, by: &By, new: NewAccount) -> Result<Option<Account>, DbError> {
    if by_name(&mut tx.db(), new.kind.clone(), &new.name).await?.is_some() {
        return Ok(None);
    }
    let made = Account {
        id: Uuid::now_v7(),
        kind: new.kind,
        name: new.name,
        display_name: new.display_name,
        unit: new.unit,
        disabled: false,
        password_hash: new.password_hash,
        contact: new.contact,
        purpose: new.purpose,
        created_at: tx.now,
        version: 1,
    };
    let row = (
        a::id.eq(Id(made.id)),
        a::kind.eq(made.kind.code()),
        a::name.eq(&made.name),
        a::display_name.eq(&made.display_name),
        a::unit_id.eq(Id(made.unit)),
        a::disabled.eq(0),
        a::password_hash.eq(&made.password_hash),
        a::contact.eq(&made.contact),
        a::purpose.eq(&made.purpose),
        a::created_at.eq(At::from(made.created_at)),
        a::version.eq(made.version),
    );
    on!(&mut tx.db(), c => diesel::insert_into(a::table).values(row).run(c))?;
    // The codes of systems are kept in memory wherever external ids are judged.
    tx.rights_changed();
    let action = if made.kind == CallerKind::User { "user_created" } else { "system_created" };
    audit::record(tx, by, action, Some(made.id), made.unit, json!({"name": made.name})).await?;
    Ok(Some(made))
}

/// A code from the name of a system: its words without diacritics, at most 30 characters.
pub fn code_of(name: &str) -> String {
    let folded: String = fold(name).chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let words: Vec<&str> = folded.split('-').filter(|word| !word.is_empty()).collect();
    let code: String = words.join("-").chars().take(30).collect();
    let code = code.trim_end_matches('-');
    if code.len() < 2 { "system".into() } else { code.to_owned() }
}

/// What changes on an account. Absent is untouched.
#[derive(Default)]
pub struct Changes {
    /// Name shown to others.
    pub display_name: Option<String>,
    /// Of a system.
    pub contact: Option<String>,
    /// Of a system.
    pub purpose: Option<String>,
    /// A new password's hash.
    pub password_hash: Option<String>,
    /// The session that a new password leaves alone: the one that it was changed in.
    pub keep_session: Option<Uuid>,
    /// Whether it is disabled.
    pub disabled: Option<bool>,
}

/// Changes an account; one that is so already keeps its version. A new password ends its sessions; disabling it also
/// revokes its tokens permanently.
///
/// # Errors
/// When the database fails.
pub async fn change(tx: &mut WriteTx<'_>, by: &By, account: &mut Account, changes: Changes) -> Result<(), DbError> {
    let Changes { display_name, contact, purpose, password_hash, keep_session, disabled } = changes;
    let new_password = password_hash.is_some();
    let detail = json!({"display_name": display_name, "contact": contact, "purpose": purpose, "disabled": disabled});
    let before = account.clone();
    account.display_name = display_name.unwrap_or_else(|| account.display_name.clone());
    account.contact = contact.or(account.contact.take());
    account.purpose = purpose.or(account.purpose.take());
    account.disabled = disabled.unwrap_or(account.disabled);
    let other = *account != before;
    account.password_hash = password_hash.or(account.password_hash.take());
    if !other && !new_password {
        return Ok(());
    }
    account.version += 1;
    let row = (
        a::display_name.eq(&account.display_name),
        a::contact.eq(&account.contact),
        a::purpose.eq(&account.purpose),
        a::disabled.eq(i64::from(account.disabled)),
        a::password_hash.eq(&account.password_hash),
        a::version.eq(account.version),
    );
    on!(&mut tx.db(), c => diesel::update(a::table).filter(a::id.eq(Id(account.id))).set(row).run(c))?;
    if new_password || account.disabled {
        sessions::end_all(tx, account.id, keep_session).await?;
    }
    if account.disabled {
        tokens::revoke_all(tx, account.id).await?;
    }
    tx.rights_changed();
    if new_password {
        audit::record(tx, by, "password_changed", Some(account.id), account.unit, json!({})).await?;
    }
    if other {
        let action = if account.kind == CallerKind::User { "user_changed" } else { "system_changed" };
        audit::record(tx, by, action, Some(account.id), account.unit, detail).await?;
    }
    Ok(())
}

/// The name of a unit.
///
/// # Errors
/// When the database fails.
pub async fn unit_name(db: &mut Db<'_>, unit: Uuid) -> Result<Option<String>, DbError> {
    let sql = Sql::<Text>::new("SELECT public_body FROM units WHERE id = ").bind(unit);
    let body: Option<String> = on!(db, c => sql.first_row(c))?;
    // What is stored of a class has no braces of its own.
    let body = body.and_then(|body| serde_json::from_str::<Value>(&format!("{{{body}}}")).ok());
    Ok(body.and_then(|body| Some(body.get("name")?.as_str()?.to_owned())))
}

/// A live unit by a reference to it.
///
/// # Errors
/// When the database fails.
pub async fn unit_of(db: &mut Db<'_>, reference: &Reference) -> Result<Option<Uuid>, DbError> {
    let sql = Sql::<Guid>::new("SELECT id FROM units WHERE deleted_at IS NULL AND id = ");
    let sql = match reference {
        Reference::Id(id) => sql.bind(*id),
        Reference::External { system, value } => sql
            .text("(SELECT record_id FROM external_ids WHERE type = 'unit' AND system = ")
            .bind(system.as_str())
            .text(" AND value = ")
            .bind(value.as_str())
            .text(")"),
        Reference::Item(_) => return Ok(None),
    };
    let found: Option<Id> = on!(db, c => sql.first_row(c))?;
    Ok(found.map(|id| id.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cell_records_types::accounts::SystemCode;
    use cell_records_types::faults::Report;
    use cell_records_types::fields::Field;

    #[test]
    fn a_code_made_from_a_name_is_a_code() {
        assert_eq!(code_of("Tỉnh Nghệ An"), "tinh-nghe-an");
        assert_eq!(code_of("Đảng bộ  TP. Vinh (2014)"), "dang-bo-tp-vinh-2014");
        for name in ["中文", "A", "…", &"rất dài ".repeat(20), "-a-"] {
            let mut report = Report::default();
            SystemCode::check(&mut format!("{}-999", code_of(name)).into(), &mut report);
            assert!(report.faults.is_empty(), "{name}");
        }
    }
}
