//! More data by direct SQL: copies of the ward with its cells and members, and their rows in the log, as if all of them
//! had been pushed. Pushing half a million members would take longer than all that is measured.

use crate::data::ROOT;
use crate::databases::{Database, connect};
use anyhow::{Context, Result};
use uuid::Uuid;

/// Tables that are copied, and which rows: all but the root's. `change_scope` asks `changes`, so it comes first.
const TABLES: [(&str, &str); 8] = [
    ("change_scope", "seq IN (SELECT seq FROM changes WHERE record_id <> ROOT)"),
    ("changes", "record_id <> ROOT"),
    ("record_links", "from_id <> ROOT"),
    ("unit_tree", "unit_id <> ROOT"),
    ("unit_ancestors", "unit_id <> ROOT"),
    ("units", "id <> ROOT"),
    ("member_stays", "1 = 1"),
    ("members", "1 = 1"),
];
/// Columns that hold an id of a copied record, or the root's.
const IDS: [&str; 10] = [
    "id",
    "unit_id",
    "parent_id",
    "ancestor_id",
    "record_id",
    "unit_before",
    "unit_after",
    "member_id",
    "to_id",
    "from_id",
];

/// An id in copy `ward`: two of its bytes are the ward's number, which is zero in everything that is copied.
pub fn id_in(id: Uuid, ward: u16) -> Uuid {
    let mut bytes = id.into_bytes();
    let [high, low] = ward.to_be_bytes();
    bytes[10] = high;
    bytes[11] = low;
    Uuid::from_bytes(bytes)
}

/// How a value of a copied row is made, as SQL of an engine.
fn value(column: &str, table: &str, ward: u16, rows: i64, is_sqlite: bool) -> String {
    let root = literal(ROOT, is_sqlite);
    match column {
        "seq" => format!("seq + {}", i64::from(ward) * rows),
        _ if IDS.contains(&column) && is_sqlite => format!(
            "CASE WHEN {column} = {root} THEN {column} \
             ELSE CAST(substr({column}, 1, 10) || x'{ward:04x}' || substr({column}, 13) AS BLOB) END"
        ),
        _ if IDS.contains(&column) => format!(
            "CASE WHEN {column} = {root} THEN {column} \
             ELSE overlay({column}::text placing '{ward:04x}' from 25 for 4)::uuid END"
        ),
        // Only bodies of units name a unit: the one above.
        "public_body" if matches!(table, "units" | "changes") => {
            let (old, new) = (crate::data::ward(0), crate::data::ward(ward));
            format!("replace(public_body, '{old}', '{new}')")
        }
        _ => column.to_owned(),
    }
}

fn literal(id: Uuid, is_sqlite: bool) -> String {
    if is_sqlite { format!("x'{}'", id.simple()) } else { format!("'{id}'") }
}

/// The statements that copy the ward of a database into `wards - 1` more. `rows` are those of the log.
fn statements(tables: &[(&str, &str, Vec<String>)], wards: u16, rows: i64, is_sqlite: bool) -> String {
    let root = literal(ROOT, is_sqlite);
    let mut sql = String::from("BEGIN;\n");
    for (table, which, columns) in tables {
        let which = which.replace("ROOT", &root);
        sql.push_str(&format!("CREATE TEMP TABLE copied AS SELECT * FROM {table} WHERE {which};\n"));
        for ward in 1..wards {
            let values: Vec<String> = columns.iter().map(|one| value(one, table, ward, rows, is_sqlite)).collect();
            let names = columns.join(", ");
            sql.push_str(&format!("INSERT INTO {table} ({names}) SELECT {} FROM copied;\n", values.join(", ")));
        }
        sql.push_str("DROP TABLE copied;\n");
    }
    // The last row of the log belongs to the last batch, in the copies too.
    sql.push_str("UPDATE sync_clock SET seq = (SELECT max(seq) FROM changes), tree_rev = tree_rev + 1;\nCOMMIT;\n");
    sql
}

/// Makes so many wards of the one that a database has. No server may use it.
pub async fn multiply(database: &Database, wards: u16) -> Result<()> {
    const ROWS: &str = "SELECT max(seq) FROM changes";
    if let Some(file) = database.file() {
        let connection = rusqlite::Connection::open(file)?;
        // A copy that is cut off is made anew: nothing need be durable yet.
        connection
            .execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; PRAGMA temp_store = MEMORY;")?;
        let rows = connection.query_row(ROWS, [], |row| row.get(0))?;
        let mut tables = Vec::new();
        for (table, which) in TABLES {
            let select = connection.prepare(&format!("SELECT * FROM {table} LIMIT 0"))?;
            let columns = select.column_names().into_iter().map(str::to_owned).collect();
            tables.push((table, which, columns));
        }
        connection.execute_batch(&statements(&tables, wards, rows, true)).context("multiplying")?;
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA synchronous = FULL;")?;
        return Ok(());
    }
    let client = connect(&database.url).await?;
    let rows = client.query_one(ROWS, &[]).await?.get(0);
    let mut tables = Vec::new();
    for (table, which) in TABLES {
        let select = client.prepare(&format!("SELECT * FROM {table} LIMIT 0")).await?;
        let columns = select.columns().iter().map(|column| column.name().to_owned()).collect();
        tables.push((table, which, columns));
    }
    client.batch_execute("SET synchronous_commit = off").await?;
    client.batch_execute(&statements(&tables, wards, rows, false)).await.context("multiplying")?;
    drop(client);
    database.analyze().await
}
