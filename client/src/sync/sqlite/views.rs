//! Views for people and their programs: one for each record type that this version knows, named like its collection, with
//! a column for each field. Tables may change from version to version; views stay, and get more columns.

use super::Tried;
use cell_records_types::{RECORD_TYPES, TypeInfo};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

/// Makes the views that are missing, and makes those anew that another version made.
pub(super) fn update(db: &mut Connection) -> Tried<()> {
    let mut stale = Vec::new();
    for one in RECORD_TYPES {
        let find = "SELECT sql FROM sqlite_schema WHERE type = 'view' AND name = ?1";
        let made: Option<String> = db.query_row(find, [one.plural], |row| row.get(0)).optional()?;
        let wanted = definition(one);
        if made.as_ref() != Some(&wanted) {
            stale.push((one.plural, wanted));
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (name, wanted) in stale {
        tx.execute_batch(&format!("DROP VIEW IF EXISTS {name}; {wanted};"))?;
    }
    Ok(tx.commit()?)
}

/// A text, a number or a truth value (1 or 0) is a value of SQL; a list or an object is JSON.
fn definition(one: &TypeInfo) -> String {
    let names =
        ["created_at", "updated_at", "external_ids"].into_iter().chain(one.fields.iter().map(|field| field.name));
    let columns: Vec<String> = names.map(|name| format!("body ->> '{name}' AS \"{name}\"")).collect();
    let TypeInfo { name, plural, .. } = one;
    format!(
        "CREATE VIEW {plural} AS SELECT id, version, unit_id, {} FROM records WHERE type = '{name}'",
        columns.join(", ")
    )
}
