//! What the registry says of the tables, held against the tables that the migrations make.

use super::{COMMON_SORTS, KINDS};
use crate::db::connect::{Database, DedicatedConnection, Url};
use crate::db::migrate::migrate;
use crate::db::{Sql, Type, Verbs};
use crate::on;
use crate::store::filter::Test;
use crate::store::record;
use diesel::sql_types::Text;

/// The columns of a table in order, each with its type, and of each index its columns.
async fn table(own: &mut DedicatedConnection, name: &str) -> (Vec<(String, String)>, Vec<String>) {
    let columns = Sql::<(Text, Text)>::new("SELECT name, type FROM pragma_table_info(").bind(name).text(")");
    let indexes = Sql::<Text>::new(
        "SELECT (SELECT group_concat(c.name, ',') FROM pragma_index_info(i.name) AS c) FROM pragma_index_list(",
    )
    .bind(name)
    .text(") AS i");
    let columns = on!(&mut own.db(), c => columns.all(c)).unwrap();
    (columns, on!(&mut own.db(), c => indexes.all(c)).unwrap())
}

#[test]
fn every_table_has_the_columns_of_its_type_and_an_index_for_what_needs_one() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::new(Url::Sqlite(folder.path().join("columns.db")));
    migrate(&database).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut own = database.open().await.unwrap();
        for kind in &KINDS {
            let (columns, indexes) = table(&mut own, kind.plural).await;
            let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
            let own_names = kind.columns.iter().map(|column| column.name);
            assert_eq!(names, record::ENVELOPE.into_iter().chain(own_names).collect::<Vec<_>>(), "{}", kind.plural);
            for (column, (_, sql)) in kind.columns.iter().zip(columns.iter().skip(record::ENVELOPE.len())) {
                let expected = match column.kind {
                    Type::Id => "uuid",
                    // Compared and ordered by bytes.
                    Type::Text => "text_key",
                    Type::Int => "bigint",
                    Type::At => "timestamptz",
                };
                assert_eq!(sql, expected, "{}.{}", kind.plural, column.name);
            }
            let leads = |start: &str| indexes.iter().any(|index| index.starts_with(start));
            let by_unit =
                ["unit_id"].iter().chain(kind.unit_index).chain(&["id"]).copied().collect::<Vec<_>>().join(",");
            assert!(leads(&by_unit), "{}: {by_unit}: {indexes:?}", kind.plural);
            for sort in kind.sorts.iter().chain(&COMMON_SORTS) {
                let keys = sort.columns.iter().chain(&["id"]).copied().collect::<Vec<_>>().join(",");
                assert!(!sort.indexed || leads(&keys), "{} by {}: {keys}: {indexes:?}", kind.plural, sort.name);
            }
            for test in kind.filters.iter().map(|filter| filter.test) {
                let needed = match test {
                    Test::Reference(column, _) => format!("{column},"),
                    Test::SharedReference(column, _) => format!("{column},id"),
                    _ => continue,
                };
                assert!(leads(&needed), "{} found by {needed}: {indexes:?}", kind.plural);
            }
            for child in kind.child_tables {
                let (columns, _) = table(&mut own, child.table).await;
                let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
                assert_eq!(
                    names,
                    child.columns.iter().map(|column| column.name).collect::<Vec<_>>(),
                    "{}",
                    child.table
                );
            }
        }
    });
}
