//! The first start in a migrated database: the clock, the keys, the root of the tree, the user `admin`.
//! Each step does nothing when it is done already, and `admin` comes last: a start that was cut off is
//! completed by the next one, and several servers may start at once.

use crate::auth::keys::{self, KeySet, MasterKey};
use crate::auth::passwords::Hasher;
use crate::db::{At, Database, Db, DbError, Sql, Verbs, engine};
use crate::on;
use crate::store::accounts::{self, NewAccount};
use crate::store::audit::By;
use crate::store::grants::{self, NewGrant};
use crate::store::items::{Caller, Command, Expected, Item};
use crate::store::keys::{self as stored_keys, StoredKey};
use crate::store::live::Clock;
use crate::store::registry::UNIT;
use crate::store::reindex::Fingerprint;
use crate::store::secrets;
use crate::store::tree::ROOT;
use crate::store::writer::{WriteError, Writer};
use cell_records_types::accounts::{CallerKind, Role};
use cell_records_types::sync::PushOp;
use diesel::sql_types::BigInt;
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
            "INSERT INTO sync_clock (id, seq, batch, epoch, floor_seq, tree_rev, auth_rev, policy_rev, registry) VALUES (1, 0, ",
        )
        .bind(Uuid::nil())
        .text(", ")
        .bind(Clock::new_epoch())
        .text(", 0, 1, 1, 1, ")
        .bind(Fingerprint::current().text.as_str())
        .text(") ON CONFLICT DO NOTHING");
        on!(&mut db, c => clock.run(c))?;
        Clock::read(&mut db, true).await?;
        if stored_keys::list(&mut db).await?.is_empty() {
            let now: At = engine::now(&mut db).await?;
            for key in made {
                stored_keys::insert(&mut db, &StoredKey { created_at: now.into(), ..key }).await?;
            }
        }
        let wrapped = keys::wrap_plain(&stored_keys::list(&mut db).await?, master);
        for key in wrapped.iter().flatten() {
            stored_keys::rewrap(&mut db, key).await?;
        }
        let stored = stored_keys::list(&mut db).await?;
        engine::batch(&mut db, "COMMIT").await?;
        Ok::<_, DbError>((stored, wrapped))
    };
    let (stored, wrapped) = stored.await.map_err(unreachable)?;
    let wrapped = wrapped?.len();
    if wrapped > 0 {
        tracing::warn!(
            "{wrapped} keys were stored plain and are wrapped with the master key now; older backups still hold them: \
             `cell-records keys rotate` replaces the signing key"
        );
    }
    KeySet::load(&stored, master)
}

fn unreachable(error: DbError) -> String {
    format!("the database does not answer: {error}")
}

/// Makes the root and the user `admin` where they are not there yet. Returns the password that was made for
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
    let busy = |_| "judging and hashing the password of admin took too long";
    let (secret, made) = match password {
        // Only here: what judges passwords keeps its dictionaries, about 6 MB, from its first use on.
        Some(given) if !hasher.accepts(given, ADMIN, "").await.map_err(busy)? => {
            return Err("admin_password: must be at least 12 characters long and not easy to guess".into());
        }
        Some(given) => (given.to_owned(), false),
        None => (secrets::password().map_err(|_| "the machine has no random numbers".to_owned())?, true),
    };
    let hash = hasher.hash(secret.clone()).await.map_err(busy)?;
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
