//! What `q` searches: the words of names, by their beginnings, in the columns that hold the keys of names
//! ([`cell_records_types::text::word_pattern`]). A record may be found by the name of another that it refers to, among
//! those whose names the caller reads.

use super::filter::in_units;
use super::registry::Kind;
use super::scope::Scope;
use crate::db::Sql;

/// What `q` searches in the records of a type.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    /// The field that it asks about: it works only over the grants that may read it.
    pub field: &'static str,
    /// Where those names are.
    pub names: Names,
}

/// Where the names are that a search looks through.
#[derive(Debug, Clone, Copy)]
pub enum Names {
    /// In these columns of the type's own.
    Own {
        /// The columns.
        columns: &'static [&'static str],
        /// Whether the index of names holds them and the unit.
        in_index: bool,
    },
    /// In the name of the record that an id column leads to.
    Of {
        /// The column.
        column: &'static str,
        /// Name of the other type, whose words are its own.
        kind: &'static str,
        /// Where words may be besides: what it is, and its SQL on the row `t`.
        or: Option<(&'static str, &'static str)>,
    },
}

impl Search {
    /// The words of the record's own name.
    pub const fn own(field: &'static str, columns: &'static [&'static str], in_index: bool) -> Self {
        Search { field, names: Names::Own { columns, in_index } }
    }

    /// Whether the index of names alone answers.
    pub fn is_in_index(&self) -> bool {
        matches!(self.names, Names::Own { in_index: true, .. })
    }

    /// The other type whose names are searched, with its search.
    pub fn other(&self) -> Option<(&'static Kind, Search)> {
        let Names::Of { kind, .. } = self.names else { return None };
        let kind = Kind::named(kind)?;
        Some((kind, kind.search?))
    }

    /// Where words may be besides names.
    pub fn besides(&self) -> Option<&'static str> {
        match self.names {
            Names::Of { or: Some((what, _)), .. } => Some(what),
            Names::Of { or: None, .. } | Names::Own { .. } => None,
        }
    }

    /// Adds that the names of the row `t` have all these words.
    pub fn condition<Row>(&self, sql: &mut Sql<Row>, words: &[String], scope: &Scope) {
        match self.names {
            Names::Own { columns, .. } => own(sql, "t", columns, words),
            Names::Of { column, or, .. } => {
                let Some((kind, search)) = self.other() else { return sql.push(" AND FALSE") };
                // Where a word may be elsewhere, each is looked for by itself.
                let together = if or.is_some() { 1 } else { words.len().max(1) };
                for some in words.chunks(together) {
                    sql.push(" AND (");
                    if let (Some((_, key)), Some(word)) = (or, some.first()) {
                        sql.push_word(key, word);
                        sql.push(" OR ");
                    }
                    named(sql, column, (kind, search), some, scope);
                    sql.push(")");
                }
            }
        }
    }
}

fn own<Row>(sql: &mut Sql<Row>, row: &str, columns: &[&str], words: &[String]) {
    for word in words {
        for (index, column) in columns.iter().enumerate() {
            sql.push(if index == 0 { " AND (" } else { " OR " });
            sql.push_word(format!("{row}.{column}"), word);
        }
        sql.push(")");
    }
}

/// That the record that a column leads to has these words in its name, which the caller reads.
fn named<Row>(
    sql: &mut Sql<Row>,
    column: &'static str,
    (kind, search): (&'static Kind, Search),
    words: &[String],
    scope: &Scope,
) {
    let field: Vec<_> = kind.field(search.field).into_iter().collect();
    sql.push(format!("EXISTS (SELECT 1 FROM {} AS n WHERE n.id = t.{column} AND n.deleted_at IS NULL", kind.plural));
    if let Names::Own { columns, .. } = search.names {
        own(sql, "n", columns, words);
    }
    in_units(sql, "n.unit_id", &scope.units(kind, &field));
    // So PostgreSQL asks for each row that it examines, and does not read all names first.
    sql.push(" LIMIT 1 OFFSET 0)");
}
