//! The first start in a migrated database: the clock, the keys, the root of the tree, the user `admin`.
//! Each step does nothing where it is done already, and `admin` comes last: a start that was cut off is
//! completed by the next one, and several servers may start at once.

use crate::auth::keys::{self, KeySet, MasterKey, Material};
use crate::auth::{passwords::Hasher, tokens};
use crate::db::schema::keys as stored_keys;
use crate::db::{At, Database, Db, DbError, Sql, Verbs, engine};
use crate::on;
use crate::store::accounts::{self, NewAccount};
use crate::store::audit::By;
use crate::store::grants::{self, NewGrant};
use crate::store::items::{Caller, Command, Expected, Item};
use crate::store::live::Clock;
use crate::store::registry::UNIT;
use crate::store::scope::ROOT;
use crate::store::writer::{WriteError, Writer};
use cell_records_types::accounts::{CallerKind, Role};
use cell_records_types::sync::PushOp;
use diesel::sql_types::BigInt;
use diesel::{ExpressionMethods, QueryDsl};
use serde_json::json;
use uuid::Uuid;

/// Username of the first administrator.
pub const ADMIN: &str = "admin";

/// Makes the clock row and the keys where there are none, and opens the keys.
///
/// # Errors
/// A sentence for the operator.
pub async fn clock_and_keys(database: &Database, master: Option<&MasterKey>) -> Result<KeySet, String> {
    let made = keys::generate(master)?;
    let mut own = database.open().await.map_err(unreachable)?;
    let mut db = own.db();
    let stored = async {
        engine::begin_write(&mut db).await?;
        // The row that all writes wait for is not there yet: the unique key decides who makes it.
        let clock = Sql::<()>::new(
            "INSERT INTO sync_clock (id, seq, batch, epoch, floor_seq, tree_rev, auth_rev, policy_rev) VALUES (1, 0, ",
        )
        .bind(Uuid::nil())
        .text(", ")
        .bind(Clock::new_epoch())
        .text(", 0, 1, 1, 1) ON CONFLICT DO NOTHING");
        on!(&mut db, c => clock.run(c))?;
        Clock::read(&mut db, true).await?;
        let stored = read_keys(&mut db).await?;
        let stored = if stored.is_empty() { insert_keys(&mut db, made).await? } else { stored };
        engine::batch(&mut db, "COMMIT").await?;
        Ok::<_, DbError>(stored)
    };
    KeySet::load(&stored.await.map_err(unreachable)?, master)
}

fn unreachable(error: DbError) -> String {
    format!("the database does not answer: {error}")
}

async fn read_keys(db: &mut Db<'_>) -> Result<Vec<Material>, DbError> {
    use stored_keys as k;
    let rows: Vec<(String, String, String)> =
        on!(db, c => k::table.order((k::created_at, k::id)).select((k::kind, k::id, k::material)).all(c))?;
    Ok(rows.into_iter().map(|(kind, id, material)| Material { kind, id, material }).collect())
}

async fn insert_keys(db: &mut Db<'_>, made: Vec<Material>) -> Result<Vec<Material>, DbError> {
    use stored_keys as k;
    let now: At = engine::now(db).await?;
    for Material { kind, id, material } in &made {
        let row = (k::id.eq(id), k::kind.eq(kind), k::material.eq(material), k::created_at.eq(now));
        on!(db, c => diesel::insert_into(k::table).values(row).run(c))?;
    }
    Ok(made)
}

/// Makes the root and the user `admin` where they are not there yet. Answers the password that was made for
/// `admin` when `password` gives none: it is known to nobody else and shown once.
///
/// # Errors
/// A sentence for the operator.
pub async fn root_and_admin(
    database: &Database,
    writer: &Writer,
    hasher: &Hasher,
    password: Option<&str>,
) -> Result<Option<String>, String> {
    let mut own = database.open().await.map_err(unreachable)?;
    if !root_is_there(&mut own.db()).await.map_err(unreachable)? {
        let body = json!({"kind": "central_committee", "name": "Trung ương"});
        let body = body.as_object().cloned().unwrap_or_default();
        let item = Item::new(UNIT, PushOp::Create, Some(ROOT.into()), Expected::Any, body, "");
        writer.submit(Command::one(Caller::operator(), item)).await.map_err(cannot_write)?;
        // A refusal is fine where another server made it in between.
        if !root_is_there(&mut own.db()).await.map_err(unreachable)? {
            return Err("the root of the tree could not be made".into());
        }
    }
    let found = accounts::by_name(&mut own.db(), CallerKind::User, ADMIN).await.map_err(unreachable)?;
    if found.is_some() {
        return Ok(None);
    }
    let (secret, made) = match password {
        Some(given) => (given.to_owned(), false),
        None => (tokens::password().map_err(|_| "the machine has no random numbers".to_owned())?, true),
    };
    let hash = hasher.hash(secret.clone()).await.map_err(|_| "hashing the password of admin took too long")?;
    let admin = NewAccount {
        kind: CallerKind::User,
        name: ADMIN.into(),
        display_name: "Quản trị viên".into(),
        unit: ROOT,
        password_hash: Some(hash),
        contact: None,
        purpose: None,
    };
    let inserted = writer.accounts(|tx| {
        Box::pin(async move {
            let by = By::operator();
            let Some(account) = accounts::insert(tx, &by, admin).await? else { return Ok(false) };
            grants::add(tx, &by, &account, NewGrant::of(Role::Administrator, ROOT)).await?;
            Ok(true)
        })
    });
    // Another server may have been quicker: then its password counts.
    let inserted = inserted.await.map_err(cannot_write)?;
    Ok((inserted && made).then_some(secret))
}

/// Refuses a database whose first start is not complete.
///
/// # Errors
/// A sentence for the operator.
pub async fn must_be_complete(database: &Database) -> Result<(), String> {
    let mut connection = database.open().await.map_err(unreachable)?;
    let mut db = connection.db();
    let admin = accounts::by_name(&mut db, CallerKind::User, ADMIN).await.map_err(unreachable)?;
    if admin.is_none() {
        return Err("the first start of the database is not complete: start `cell-records serve` first".into());
    }
    Ok(())
}

async fn root_is_there(db: &mut Db<'_>) -> Result<bool, DbError> {
    let sql = Sql::<BigInt>::new("SELECT version FROM units WHERE id = ").bind(ROOT);
    let found: Option<i64> = on!(db, c => sql.first_row(c))?;
    Ok(found.is_some())
}

fn cannot_write(error: WriteError) -> String {
    match error {
        WriteError::Unavailable => "the database cannot be written to: it is locked, full or read-only".into(),
        _ => "the database refused the first start; the log says why".into(),
    }
}
