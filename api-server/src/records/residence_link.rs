//! `residence_link`: columns, filters and rules (docs/DOMAIN.md, Residence links).

use super::unit;
use crate::db::{Column, Sql, Type, Value};
use crate::store::filter::{Filter, FilterInput, ON_A_DAY, Own, Takes};
use crate::store::registry::Sort;
use crate::store::rules::{Action, Change, Default, Slice, Verdict};
use crate::store::search::Search;
use crate::store::write_set::{Lookup, WriteSet};
use cell_records_types::faults::{IN_THE_FUTURE, POSSIBLE_DUPLICATE};
use cell_records_types::sync::MatchBy;
use cell_records_types::text::name_key;
use cell_records_types::{PartialDate, ResidenceCategory, ResidenceLink};
use uuid::Uuid;

/// `at`: the active ones. Who is not introduced is in touch with nobody.
static ACTIVE: Own = Own {
    takes: Takes::Day,
    description: "Active on this date: the `category` is not `not_introduced`, and the link holds.",
    finds_few: false,
    asks_unit: false,
    condition: active,
};

fn active(asked: &FilterInput<'_>) -> Sql {
    Sql::new("(t.category <> ")
        .bind(ResidenceCategory::NotIntroduced.code())
        .text(" AND t.from_date <= ")
        .bind(asked.value())
        .text(" AND (t.to_date IS NULL OR t.to_date > ")
        .bind(asked.value())
        .text("))")
}

impl Slice for ResidenceLink {
    const COLUMNS: &'static [Column] = &[
        Column::new("name_key", Type::Text),
        Column::new("category", Type::Text),
        Column::new("member_id", Type::Id),
        Column::new("from_date", Type::Text),
        Column::new("to_date", Type::Text),
    ];
    const FILTERS: &'static [Filter] = &[
        Filter::code("category", &ResidenceCategory::LIST),
        Filter::own("at", &ACTIVE).of("from").called(ON_A_DAY),
        Filter::reference("member_id", "member"),
    ];
    const SORTS: &'static [Sort] = &[Sort::narrow("full_name", &["name_key"]), Sort::narrow("from", &["from_date"])];
    const UNIT_INDEX: &'static [&'static str] = &["name_key"];
    const SEARCH: Option<Search> = Some(Search::own("full_name", &["name_key"], false));
    const DEFAULTS: &'static [Default] = &[("category", Some("\"normal\""))];

    fn columns(&self) -> Vec<Value> {
        vec![
            name_key(&self.full_name).into(),
            self.category.as_ref().unwrap_or(&ResidenceCategory::Normal).code().into(),
            self.member_id.as_ref().and_then(|member| member.id()).into(),
            self.from.to_string().into(),
            self.to.map(|to| to.to_string()).into(),
        ]
    }

    fn decide(change: &mut Change<'_, Self>, set: &WriteSet, verdict: &mut Verdict) {
        if change.action == Action::Delete {
            return;
        }
        change.after.category.get_or_insert(ResidenceCategory::Normal);
        let link = &change.after;
        let placed = change.action == Action::Create || change.changed(|link| link.unit_id);
        if placed {
            unit::must_be_a_cell(link.unit_id, set, verdict);
        }
        if link.birth_date.is_some_and(|birth| birth.earliest() > set.today) {
            verdict.fault("birth_date", &IN_THE_FUTURE);
        }
        verdict.not_after_today("letter_date", link.letter_date, set);
        verdict.ends_after::<ResidenceLink>(("to", link.to), ("from", link.from));
        comments(link, set, verdict);
        if !change.importing && change.changed(identity) {
            duplicates(link, set, verdict);
        }
    }
}

fn comments(link: &ResidenceLink, set: &WriteSet, verdict: &mut Verdict) {
    let comments = || link.comments.iter().flat_map(|comments| comments.iter());
    verdict.each_once(comments().map(|comment| comment.year.0), |index| format!("comments/{index}/year"));
    for (index, comment) in comments().enumerate() {
        verdict.not_after_today(&format!("comments/{index}/sent_on"), comment.sent_on, set);
    }
}

fn identity(link: &ResidenceLink) -> (Uuid, String, Option<PartialDate>) {
    (link.unit_id, name_key(&link.full_name), link.birth_date)
}

/// Warns of an open link of the cell that has this name and birth date or, where neither has a birth date, this name. Who
/// writes here reads both.
fn duplicates(link: &ResidenceLink, set: &WriteSet, verdict: &mut Verdict) {
    let namesakes =
        Lookup::of::<ResidenceLink>([("unit_id", link.unit_id.into()), ("name_key", name_key(&link.full_name).into())]);
    let others = set.others::<ResidenceLink>(namesakes.few(), link.id);
    let is_open = |other: &ResidenceLink| other.to.is_none_or(|to| to > set.today);
    let alike = others.filter(|other| other.birth_date == link.birth_date && is_open(other));
    if verdict.name(alike.map(|other| (other.id, other.version)), &MatchBy::NameBirth) {
        verdict.warn("full_name", &POSSIBLE_DUPLICATE);
    }
}
