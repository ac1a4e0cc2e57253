//! `expand`: the display texts of the records that an answer's records refer to, one level deep, each as its caller may read
//! it. They are beside the records, which stay as they are.

use super::view::RecordView;
use crate::db::engine::all_at_once;
use crate::error::ApiResult;
use crate::phrases;
use crate::state::App;
use crate::store::load::find_records;
use crate::store::record::Stored;
use crate::store::registry::Kind;
use crate::store::scope::Scope;
use cell_records_types::codes::Code;
use cell_records_types::fields::Shape;
use cell_records_types::pages::Expanded;
use cell_records_types::phrases::Words;
use cell_records_types::record::ENVELOPE;
use cell_records_types::{Class, FieldSpec};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A reference that `expand` may name: every field that is one, and `unit_id`.
#[derive(Clone, Copy)]
pub struct Expandable {
    /// The field.
    pub name: &'static str,
    target: &'static Kind,
}

impl Expandable {
    /// The references of a type.
    pub fn of(kind: &'static Kind) -> impl Iterator<Item = Expandable> {
        let fields = kind.fields.iter().chain(ENVELOPE);
        fields.filter_map(|field| Some(Expandable { name: field.name, target: target(field)? }))
    }

    /// Those that a parameter names.
    ///
    /// # Errors
    /// Which there are, where one is named that there is not.
    pub fn list(kind: &'static Kind, text: &str) -> Result<Vec<Expandable>, Words> {
        let named = |name: &str| Expandable::of(kind).find(|one| one.name == name.trim());
        let known =
            || Words::list(Expandable::of(kind).filter_map(|one| kind.any_field(one.name)).map(FieldSpec::words));
        text.split(',').map(|name| named(name).ok_or_else(|| phrases::SOME_OF.of(known()))).collect()
    }
}

/// The type that a field refers to, where it is a reference.
fn target(field: &FieldSpec) -> Option<&'static Kind> {
    match field.shape {
        Shape::Reference(target) => Kind::named(target),
        _ => None,
    }
}

/// The records that an answer's records refer to: their ids, by the position of their type.
#[derive(Default)]
pub struct Expansion(BTreeMap<usize, BTreeSet<Uuid>>);

impl Expansion {
    /// Notes what these references of a record lead to. The record is as its caller reads it: what it does not read, it
    /// does not follow.
    pub fn note(&mut self, references: &[Expandable], record: &str) {
        if references.is_empty() {
            return;
        }
        let fields: BTreeMap<&str, &RawValue> = serde_json::from_str(record).unwrap_or_default();
        for Expandable { name, target } in references {
            let id = fields.get(name).and_then(|value| serde_json::from_str::<Uuid>(value.get()).ok());
            if let Some(id) = id {
                self.0.entry(target.order).or_default().insert(id);
            }
        }
    }

    /// The member `expanded`, with its name: of each record that the caller sees its id, its type, and its display
    /// text. One statement a type.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn member(self, app: &App, scope: &Scope, vietnamese: bool) -> ApiResult<String> {
        let parts: Vec<(&'static Kind, Class, Vec<Uuid>)> = self
            .0
            .into_iter()
            .filter_map(|(order, ids)| {
                let kind = Kind::at(order)?;
                // No more is read than the display text needs, and of that no more than the caller reads anywhere.
                let class = kind.display.iter().filter_map(|name| kind.field(name)).map(|field| field.class).max();
                let most = scope.most(kind)?;
                // While bodies are cut by other classes, it may be in any part.
                let class = if scope.recut { most } else { class.unwrap_or(kind.class).min(most) };
                Some((kind, class, ids.into_iter().collect()))
            })
            .collect();
        let read = async |db: &mut crate::db::Db<'_>| {
            all_at_once(db, &parts, async |db, (kind, class, ids)| find_records(db, kind, ids, *class).await).await
        };
        let found = app.reads.single(read).await?;
        let live = found.iter().flatten().filter(|record| record.is_live());
        let shown = live.filter_map(|record| Some((record.id, expanded(scope, record, vietnamese)?)));
        let shown: BTreeMap<Uuid, Expanded> = shown.collect();
        Ok(format!(r#""expanded":{}"#, serde_json::to_string(&shown).unwrap_or_else(|_| "{}".into())))
    }
}

/// What an answer says of a record that it refers to.
fn expanded(scope: &Scope, record: &Stored, vietnamese: bool) -> Option<Expanded> {
    let fields: Map<String, Value> =
        serde_json::from_str(&RecordView::of(scope, record)?.text(record)).unwrap_or_default();
    let values = record
        .kind
        .display
        .iter()
        .filter_map(|name| displayed(record.kind.field(name)?, fields.get(*name)?, vietnamese));
    let display = values.collect::<Vec<String>>().join(", ");
    let display = Some(display).filter(|display| !display.is_empty());
    Some(Expanded { id: record.id, record_type: record.kind.name.into(), display })
}

/// A value as people read it; nothing of a reference, which would lead further.
fn displayed(field: &FieldSpec, value: &Value, vietnamese: bool) -> Option<String> {
    let label = |code: &Code| if vietnamese { code.label.vi } else { code.label.en }.to_owned();
    match (field.shape, value) {
        (Shape::Reference(_), _) => None,
        (Shape::Code(list), Value::String(code)) => {
            let known = list.codes.iter().find(|one| one.code == *code);
            Some(known.map_or_else(|| code.clone(), label))
        }
        (_, Value::String(text)) => Some(text.clone()),
        (_, Value::Number(number)) => Some(number.to_string()),
        _ => None,
    }
}
