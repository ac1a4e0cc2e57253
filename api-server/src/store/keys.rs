//! Signing and sealing keys as they are stored: text that `auth/keys.rs` makes and opens. Written by the first start
//! and by the local operator only.

use crate::db::schema::keys as k;
use crate::db::{At, Db, DbError, Verbs};
use crate::on;
use cell_records_types::Timestamp;
use diesel::{ExpressionMethods, QueryDsl};

/// A key as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// `signing` or `sealing`.
    pub kind: String,
    /// Name of the key: `kid` of a signing key.
    pub id: String,
    /// The key, in base64, perhaps wrapped.
    pub material: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// All keys, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &mut Db<'_>) -> Result<Vec<StoredKey>, DbError> {
    let query = k::table.order((k::created_at, k::id)).select((k::kind, k::id, k::material, k::created_at));
    let rows: Vec<(String, String, String, At)> = on!(db, c => query.all(c))?;
    let key = |(kind, id, material, created): (String, String, String, At)| StoredKey {
        kind,
        id,
        material,
        created_at: created.into(),
    };
    Ok(rows.into_iter().map(key).collect())
}

/// Adds a key.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &mut Db<'_>, key: &StoredKey) -> Result<(), DbError> {
    let row = (
        k::id.eq(&key.id),
        k::kind.eq(&key.kind),
        k::material.eq(&key.material),
        k::created_at.eq(At::from(key.created_at)),
    );
    on!(db, c => diesel::insert_into(k::table).values(row).run(c))?;
    Ok(())
}

/// Stores a key's text again: the same key, wrapped another way.
///
/// # Errors
/// When the database fails.
pub async fn rewrap(db: &mut Db<'_>, key: &StoredKey) -> Result<(), DbError> {
    let update = diesel::update(k::table).filter(k::id.eq(&key.id)).set(k::material.eq(&key.material));
    on!(db, c => update.run(c))?;
    Ok(())
}

/// Takes a key out.
///
/// # Errors
/// When the database fails.
pub async fn delete(db: &mut Db<'_>, id: &str) -> Result<(), DbError> {
    on!(db, c => diesel::delete(k::table).filter(k::id.eq(id)).run(c))?;
    Ok(())
}
