//! What an answer shows of its records: the fields that were chosen, and the display texts of the records that they refer
//! to.

use super::expand::{Expandable, Expansion};
use super::view::RecordView;
use crate::http::params::Params;
use crate::phrases;
use crate::store::record::{Stored, show};
use crate::store::registry::Kind;
use crate::store::scope::Scope;
use cell_records_types::phrases::Words;
use serde_json::{Map, Value};

/// What an answer shows of its records.
#[derive(Default)]
pub struct Selection {
    /// Only these fields; empty: all.
    fields: Vec<String>,
    /// The references that are followed.
    expand: Vec<Expandable>,
}

/// The fields that a record always has: without them nothing can be done with it.
const ALWAYS: [&str; 3] = ["id", "type", "version"];

impl Selection {
    /// Takes `fields` and `expand`.
    pub fn take(params: &mut Params, kind: &'static Kind) -> Self {
        let mut fields = params.read_list("fields", |text| fields(kind, text)).unwrap_or_default();
        let expand = params.read_list("expand", |text| Expandable::list(kind, text)).unwrap_or_default();
        if !fields.is_empty() {
            // A reference that is followed is among what is shown: without it nobody knows what the display text is of.
            fields.extend(expand.iter().map(|one| one.name.to_owned()));
        }
        Selection { fields, expand }
    }

    /// Whether references are followed: then an answer has the member `expanded`.
    pub fn expands(&self) -> bool {
        !self.expand.is_empty()
    }

    /// Writes `{"items":[…` of the records that the scope sees, and notes what they refer to. Returns whether it sees
    /// them all.
    pub fn items(&self, scope: &Scope, records: &[Stored]) -> (String, Expansion, bool) {
        let mut body = String::with_capacity(64 + records.len() * 1_024);
        body.push_str(r#"{"items":["#);
        let (begin, mut whole, mut expansion) = (body.len(), true, Expansion::default());
        for record in records {
            let end = body.len();
            if end > begin {
                body.push(',');
            }
            let start = body.len();
            if self.item(scope, record, &mut body) {
                expansion.note(&self.expand, body.get(start..).unwrap_or_default());
            } else {
                body.truncate(end);
                whole = false;
            }
        }
        (body, expansion, whole)
    }

    fn item(&self, scope: &Scope, record: &Stored, out: &mut String) -> bool {
        if self.fields.is_empty() {
            return show(scope, record, out);
        }
        let text = RecordView::of(scope, record).map(|view| self.chosen(view.text(record)));
        out.push_str(text.as_deref().unwrap_or_default());
        text.is_some()
    }

    /// One record of this text, and what it refers to.
    pub fn one(&self, record: String) -> (String, Expansion) {
        let (text, mut expansion) = (self.chosen(record), Expansion::default());
        expansion.note(&self.expand, &text);
        (text, expansion)
    }

    /// The chosen fields of a record.
    fn chosen(&self, record: String) -> String {
        if self.fields.is_empty() {
            return record;
        }
        let mut record: Map<String, Value> = serde_json::from_str(&record).unwrap_or_default();
        record.retain(|name, _| self.fields.contains(name));
        Value::Object(record).to_string()
    }
}

/// The fields that were named, and those that a record always has.
fn fields(kind: &Kind, text: &str) -> Result<Vec<String>, Words> {
    let named = || text.split(',').map(str::trim);
    match named().find(|name| kind.any_field(name).is_none()) {
        None => Ok(ALWAYS.into_iter().chain(named()).map(str::to_owned).collect()),
        Some(name) => Err(phrases::NO_SUCH_FIELD.of(kind.label).with(name)),
    }
}
