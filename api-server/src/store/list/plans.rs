//! How SQLite runs the statements of lists: a page is a walk along an index, whatever it asks.

use super::*;
use crate::db::{Database, Url, connect::DedicatedConnection, migrate::migrate};
use crate::store::registry::KINDS;
use crate::store::tree::{ROOT, Tree};
use cell_records_types::Class;
use diesel::sqlite::Sqlite;
use std::sync::Arc;

fn list(kind: &str, sort: &str) -> List {
    let kind = Kind::named(kind).unwrap();
    List {
        kind,
        unit: None,
        conditions: Vec::new(),
        words: Vec::new(),
        updated_since: None,
        sort: kind.sort(sort),
        descending: false,
        after: None,
        limit: 50,
    }
}

fn with(mut list: List, filter: &str, value: Value) -> List {
    let filter = *list.kind.filters.iter().find(|one| one.name == filter).unwrap();
    list.conditions.push(Condition { filter, values: vec![value], negated: false });
    list
}

fn next(mut list: List) -> List {
    let values = list.sort().columns.iter().map(|column| match list.type_of(column) {
        Type::Int => 1.into(),
        Type::At => At(1).into(),
        _ => "a".into(),
    });
    list.after = Some((values.collect(), Uuid::nil()));
    list
}

fn cells(count: u128) -> Units {
    Units::Few((1..=count).map(Uuid::from_u128).collect())
}

/// The steps of a page's statement.
async fn plan(own: &mut DedicatedConnection, list: &List, units: &Units) -> String {
    let mut tree = Tree::default();
    tree.set(ROOT, None, 0);
    let scope = Scope::operator(Arc::new(tree));
    let until = list.examined(units).and_then(|_| next(list.clone()).after);
    let sql = list.page_sql(Class::Sensitive, units, &scope, until.as_ref(), true);
    let text = diesel::debug_query::<Sqlite, _>(&sql).to_string();
    let text = text.split(" -- binds").next().unwrap();
    let explained = Sql::<(BigInt, BigInt, BigInt, Text)>::new(format!("EXPLAIN QUERY PLAN {text}"));
    let steps: Vec<(i64, i64, i64, String)> = on!(&mut own.db(), c => explained.all(c)).unwrap();
    steps.into_iter().map(|(.., step)| step).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_list_walks_the_index_that_it_should() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::new(Url::Sqlite(folder.path().join("plans.db")));
    migrate(&database).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut own = database.open().await.unwrap();
        let status = || with(list("member", "full_name"), "status", "official".into());
        let mut search = list("member", "full_name");
        search.words = vec!["H[OP]".into()];
        let id = || Value::from(Uuid::nil());
        const BY_UNIT: &str = "t USING INDEX members_by_unit (unit_id=?";
        const BY_NAME: &str = "t USING INDEX members_by_name";
        // What is asked, over which units, which index is walked, whether the page's ids are sorted.
        let mut strength = with(list("member", "full_name"), "at", "2014-12-31".into());
        strength.unit = Some((ROOT, true));
        let mut by_holder = list("position", "id");
        by_holder.words = vec!["H[OP]".into()];
        let cases: [(&str, List, Units, &str, bool); 16] = [
            ("one cell by name", status(), cells(1), BY_UNIT, false),
            ("the next page", next(status()), cells(1), "(unit_id=? AND (name_key,birth_date,id)>(?,?,?))", false),
            ("a ward by name", status(), cells(24), BY_UNIT, false),
            ("a name in a ward", search.clone(), cells(24), BY_UNIT, false),
            ("a ward by birth", list("member", "birth_date"), cells(24), BY_UNIT, true),
            ("a ward by id", list("member", "id"), cells(24), BY_UNIT, true),
            ("everything by name", status(), Units::All, BY_NAME, false),
            ("a name in everything", search, Units::Under(vec![Uuid::nil()], vec![]), BY_NAME, false),
            ("everything by id", list("member", "id"), Units::All, "t USING INDEX sqlite_autoindex_members_1", false),
            (
                "the results of a member",
                with(list("member_evaluation", "id"), "member_id", id()),
                cells(24),
                "t USING INDEX member_evaluations_by_member (member_id=?)",
                true,
            ),
            (
                "the rounds of a scheme",
                with(list("evaluation_round", "id"), "scheme_id", id()),
                Units::All,
                "t USING INDEX evaluation_rounds_by_scheme (scheme_id=?",
                false,
            ),
            (
                "the results of a round",
                with(list("member_evaluation", "id"), "round_id", id()),
                Units::All,
                "t USING INDEX member_evaluations_by_round (round_id=?",
                false,
            ),
            ("those of a day, in everything", strength, Units::All, "SEARCH s USING PRIMARY KEY (member_id=?", false),
            (
                "who holds a number",
                with(list("member", "full_name"), "personal_id", "040155001234".into()),
                Units::All,
                "member_numbers USING PRIMARY KEY (number=? AND kind=?)",
                true,
            ),
            (
                "positions by their member",
                by_holder,
                cells(24),
                "SEARCH n USING INDEX sqlite_autoindex_members_1 (id=?)",
                true,
            ),
            (
                "results of a ward",
                list("member_evaluation", "id"),
                cells(24),
                "member_evaluations_by_unit (unit_id=?)",
                false,
            ),
        ];
        for (name, list, units, index, sorted) in cases {
            let plan = plan(&mut own, &list, &units).await;
            assert!(plan.contains(index), "{name}:\n{plan}");
            // The bodies of a page of several units are put in order in the end: 51 rows.
            let sorts = plan.matches("USE TEMP B-TREE FOR ORDER BY").count();
            let last = usize::from(plan.contains("SEARCH m USING"));
            assert_eq!(sorts, last + usize::from(sorted), "{name}:\n{plan}");
        }
        // Whatever is sorted and filtered, nothing is scanned without an index.
        for kind in &KINDS {
            for sort in kind.sorts.iter().chain(&COMMON_SORTS) {
                for units in [cells(1), cells(3), Units::All] {
                    let list = next(list(kind.name, sort.name));
                    if sort.indexed || units != Units::All {
                        let plan = plan(&mut own, &list, &units).await;
                        // The name of the table is that of the subquery too, which is scanned once it has found its few.
                        let scanned = plan.lines().any(|step| step == "SCAN t") && !plan.contains("CO-ROUTINE t");
                        assert!(!scanned, "{} by {}:\n{plan}", kind.name, sort.name);
                        assert!(plan.contains(" USING "), "{} by {}:\n{plan}", kind.name, sort.name);
                    }
                }
            }
        }
    });
}
