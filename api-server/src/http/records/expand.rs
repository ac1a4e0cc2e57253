//! `expand`: the display texts of the records that an answer's records refer to, and of these themselves, each as its caller
//! may read it. They are beside the records, which stay as they are.

use super::view::RecordView;
use crate::db::engine::all_at_once;
use crate::error::ApiResult;
use crate::phrases;
use crate::state::App;
use crate::store::load::find_records;
use crate::store::registry::{Kind, RecordKey};
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

/// What `expand` may name: every field that is a reference, `unit_id`, and `id`, which leads to the record itself.
#[derive(Clone, Copy)]
pub struct Expandable {
    /// The field.
    pub name: &'static str,
    target: &'static Kind,
}

impl Expandable {
    /// Those of a type.
    pub fn of(kind: &'static Kind) -> impl Iterator<Item = Expandable> {
        let fields = ENVELOPE.iter().chain(kind.fields);
        fields.filter_map(move |field| Some(Expandable { name: field.name, target: target(kind, field)? }))
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

/// The type of the record that a field leads to.
fn target(kind: &'static Kind, field: &FieldSpec) -> Option<&'static Kind> {
    match field.shape {
        Shape::Reference(target) => Kind::named(target),
        _ => (field.name == "id").then_some(kind),
    }
}

/// Records by the position of their type: those that an answer's records lead to.
#[derive(Default)]
pub struct Expansion(BTreeMap<usize, BTreeSet<Uuid>>);

impl Expansion {
    /// Notes what these fields of a record lead to. The record is as its caller reads it: what it does not read, it
    /// does not follow.
    pub fn note(&mut self, fields: &[Expandable], record: &str) {
        if fields.is_empty() {
            return;
        }
        let values: BTreeMap<&str, &RawValue> = serde_json::from_str(record).unwrap_or_default();
        for Expandable { name, target } in fields {
            let id = values.get(name).and_then(|value| serde_json::from_str::<Uuid>(value.get()).ok());
            if let Some(id) = id {
                self.add(target, id);
            }
        }
    }

    /// Notes a record.
    pub fn add(&mut self, kind: &Kind, id: Uuid) {
        self.0.entry(kind.order).or_default().insert(id);
    }

    /// Of each record that the caller sees its id, its type, and its display text. One statement a type and step.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn texts(self, app: &App, scope: &Scope, vietnamese: bool) -> ApiResult<BTreeMap<RecordKey, Expanded>> {
        let mut seen = Seen::default();
        seen.read(app, scope, &self).await?;
        let keys = self.0.iter().flat_map(|(order, ids)| ids.iter().map(|id| (*order, *id)));
        Ok(keys.filter_map(|key| Some((key, seen.expanded(key, vietnamese)?))).collect())
    }

    /// The member `expanded` of these texts, with its name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn member(self, app: &App, scope: &Scope, vietnamese: bool) -> ApiResult<String> {
        let texts = self.texts(app, scope, vietnamese).await?;
        let shown: BTreeMap<Uuid, Expanded> = texts.into_values().map(|one| (one.id, one)).collect();
        Ok(format!(r#""expanded":{}"#, serde_json::to_string(&shown).unwrap_or_else(|_| "{}".into())))
    }
}

/// Records as their caller reads them.
#[derive(Default)]
struct Seen(BTreeMap<RecordKey, Map<String, Value>>);

impl Seen {
    /// Reads records, and then those by whose display texts they are shown: a result of an evaluation by its member and
    /// its round, the round by its scheme. No display text leads back to its own type, so that this ends.
    async fn read(&mut self, app: &App, scope: &Scope, wanted: &Expansion) -> ApiResult<()> {
        let part = |(order, ids): (&usize, &BTreeSet<Uuid>)| {
            let kind = Kind::at(*order)?;
            // No more is read than the display text needs, and of that no more than the caller reads anywhere.
            let class = kind.display.iter().filter_map(|name| kind.field(name)).map(|field| field.class).max();
            let most = scope.most(kind)?;
            // While bodies are cut by other classes, it may be in any part.
            let class = if scope.recut { most } else { class.unwrap_or(kind.class).min(most) };
            let ids: Vec<Uuid> = ids.iter().copied().filter(|id| !self.0.contains_key(&(*order, *id))).collect();
            (!ids.is_empty()).then_some((kind, class, ids))
        };
        let parts: Vec<(&'static Kind, Class, Vec<Uuid>)> = wanted.0.iter().filter_map(part).collect();
        if parts.is_empty() {
            return Ok(());
        }
        let read = async |db: &mut crate::db::Db<'_>| {
            all_at_once(db, &parts, async |db, (kind, class, ids)| find_records(db, kind, ids, *class).await).await
        };
        let found = app.reads.single(read).await?;
        let mut next = Expansion::default();
        for ((kind, ..), records) in parts.iter().zip(found) {
            let led_to: Vec<Expandable> = Expandable::of(kind).filter(|one| kind.display.contains(&one.name)).collect();
            for record in records.iter().filter(|record| record.is_live()) {
                let Some(view) = RecordView::of(scope, record) else { continue };
                let text = view.text(record);
                next.note(&led_to, &text);
                self.0.insert(record.key(), serde_json::from_str(&text).unwrap_or_default());
            }
        }
        Box::pin(self.read(app, scope, &next)).await
    }

    /// What an answer says of a record.
    fn expanded(&self, key: RecordKey, vietnamese: bool) -> Option<Expanded> {
        let (kind, fields) = (Kind::at(key.0)?, self.0.get(&key)?);
        let value = |name: &&'static str| {
            let value = fields.get(*name)?;
            match Expandable::of(kind).find(|one| one.name == *name) {
                Some(Expandable { target, .. }) => {
                    self.expanded((target.order, value.as_str()?.parse().ok()?), vietnamese)?.display
                }
                None => displayed(kind.field(name)?, value, vietnamese),
            }
        };
        let mut parts: Vec<String> = Vec::new();
        for part in kind.display.iter().filter_map(value) {
            // Who comes in is named by the letter, and then by the member's record.
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        let display = Some(parts.join(", ")).filter(|display| !display.is_empty());
        Some(Expanded { id: key.1, record_type: kind.name.into(), display })
    }
}

/// A value as people read it.
fn displayed(field: &FieldSpec, value: &Value, vietnamese: bool) -> Option<String> {
    let label = |code: &Code| if vietnamese { code.label.vi } else { code.label.en }.to_owned();
    match (field.shape, value) {
        (Shape::Code(list), Value::String(code)) => {
            let known = list.codes.iter().find(|one| one.code == *code);
            Some(known.map_or_else(|| code.clone(), label))
        }
        // 20/12/2014, or 12/2014.
        (Shape::Date | Shape::PartialDate, Value::String(date)) if vietnamese => {
            Some(date.rsplit('-').collect::<Vec<_>>().join("/"))
        }
        (_, Value::String(text)) => Some(text.clone()),
        // A bare number says nothing: `Quarter 4`.
        (_, Value::Number(number)) => {
            let label = if vietnamese { field.label.vi } else { field.label.en };
            Some(format!("{label} {number}"))
        }
        _ => None,
    }
}
