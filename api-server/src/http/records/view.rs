//! What of a record a caller reads: its class, and the fields that were named to it. The text of an answer and its
//! entity tag are made from the same view, so that a tag never means more or less than was read.

use crate::http::etag;
use crate::store::record::{Stored, shown};
use crate::store::scope::Scope;
use cell_records_types::Class;

/// What of a record a caller reads.
#[derive(Debug, Clone)]
pub struct RecordView<'a> {
    scope: &'a Scope,
    /// Fields up to this class.
    class: Class,
    /// Fields above the class, by name, sorted.
    named: Vec<&'a str>,
}

impl<'a> RecordView<'a> {
    /// The view that a scope has of a record; nothing when it does not see it.
    pub fn of(scope: &'a Scope, record: &Stored) -> Option<Self> {
        let class = scope.reads(record.kind, record.unit_id)?;
        let mut named = Vec::new();
        if scope.has_named_fields() {
            let above = |name: &&str| record.kind.field(name).is_some_and(|field| field.class > class);
            named = scope.named_fields(record.kind, record.unit_id).into_iter().filter(above).collect();
            named.sort_unstable();
            named.dedup();
        }
        Some(RecordView { scope, class, named })
    }

    /// The record as JSON text.
    pub fn text(&self, record: &Stored) -> String {
        let mut text = String::with_capacity(1024);
        shown(self.scope, record).render(self.class, &self.named, &mut text);
        text
    }

    /// The entity tag of the record in this view.
    pub fn tag(&self, record: &Stored, epoch: &str) -> String {
        etag::tag(record.version, epoch, self.class, &self.named)
    }
}
