//! A page of changes as JSON text: records are joined fragments, never parsed.

use crate::store::record::{Stored, show};
use crate::store::registry::Kind;
use crate::store::scope::Scope;
use cell_records_types::Timestamp;
use cell_records_types::sync::{Phase, RemoveReason, SCHEMA};
use std::fmt::Write;
use uuid::Uuid;

/// Records whose bodies are read at a time: a page of large ones is full long before its limit, and what was read beyond
/// its bytes is dropped.
pub const BODIES_AT_ONCE: usize = 200;

/// Bytes that a change takes, roughly: a member with a usual record has some 900.
const USUAL_BYTES: usize = 1_024;

/// A page, whose text grows with its changes.
pub struct FeedPage {
    /// Most changes.
    pub limit: usize,
    max_bytes: usize,
    text: String,
    count: usize,
}

impl FeedPage {
    /// A page without changes: of a snapshot, which it begins or not, or of the changes since.
    pub fn new(limit: usize, max_bytes: usize, snapshot: Option<Uuid>, begins: bool) -> Self {
        let mut text = String::with_capacity(1_024);
        // Writing to a String cannot fail.
        let _ = write!(text, r#"{{"phase":"{}","#, if snapshot.is_some() { Phase::Snapshot } else { Phase::Changes });
        if begins {
            text.push_str(r#""reset":true,"#);
        }
        if let Some(id) = snapshot {
            let _ = write!(text, r#""snapshot_id":"{id}","#);
        }
        text.push_str(r#""changes":["#);
        FeedPage { limit, max_bytes, text, count: 0 }
    }

    /// Makes room for so many changes, which saves copies while the text grows.
    pub fn expect(&mut self, changes: usize) {
        self.text.reserve((changes.min(self.limit) * USUAL_BYTES).min(self.max_bytes));
    }

    /// How many changes it has.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether it has no changes.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds a change unless it does not fit any more. The first always fits.
    fn add(&mut self, write: impl FnOnce(&mut String) -> std::fmt::Result) -> bool {
        let before = self.text.len();
        if self.count > 0 {
            self.text.push(',');
        }
        // Writing to a String cannot fail.
        let written = write(&mut self.text).is_ok();
        if !written || (self.count > 0 && self.text.len() > self.max_bytes) {
            self.text.truncate(before);
            return false;
        }
        self.count += 1;
        true
    }

    /// Adds a record as it is, with the fields that the scope reads. Returns whether it fitted.
    pub fn upsert(&mut self, scope: &Scope, record: &Stored) -> bool {
        self.add(|out| {
            let (kind, id, version) = (record.kind, record.id, record.version);
            let (unit_id, updated_at, origin) = (record.unit_id, record.updated_at, &record.origin);
            write!(
                out,
                r#"{{"op":"upsert","type":"{}","id":"{id}","version":{version},"unit_id":"{unit_id}","changed_at":"{updated_at}","#,
                kind.name
            )?;
            if let Some(origin) = origin {
                write!(out, r#""origin":{{"system":{}}},"#, serde_json::Value::from(origin.as_str()))?;
            }
            out.push_str(r#""record":"#);
            show(scope, record, out);
            out.push('}');
            Ok(())
        })
    }

    /// Adds a version that the caller itself wrote and knows. Returns whether it fitted.
    pub fn own(&mut self, record: &Stored) -> bool {
        let (kind, id, version) = (record.kind, record.id, record.version);
        self.add(|out| write!(out, r#"{{"op":"own","type":"{}","id":"{id}","version":{version}}}"#, kind.name))
    }

    /// Adds that a record is gone. Returns whether it fitted.
    pub fn remove(&mut self, kind: &Kind, id: Uuid, version: i64, reason: RemoveReason) -> bool {
        self.add(|out| {
            write!(
                out,
                r#"{{"op":"remove","type":"{}","id":"{id}","version":{version},"reason":"{reason}"}}"#,
                kind.name
            )
        })
    }

    /// Adds the mark that ends a snapshot; it always fits.
    pub fn snapshot_end<'a>(&mut self, counts: impl Iterator<Item = (&'a str, u32)>) {
        self.max_bytes = usize::MAX;
        self.add(|out| {
            out.push_str(r#"{"op":"snapshot_end","counts":{"#);
            for (index, (kind, count)) in counts.enumerate() {
                write!(out, "{}\"{kind}\":{count}", if index == 0 { "" } else { "," })?;
            }
            out.push_str("}}");
            Ok(())
        });
    }
}

/// What a page says after its changes.
pub struct Envelope<'a> {
    /// Where the next page begins.
    pub cursor: &'a str,
    /// Whether more can be fetched now.
    pub has_more: bool,
    /// Rows still to be examined, and whether that was cut.
    pub behind: Option<(i64, bool)>,
    /// The incarnation of the database.
    pub epoch: &'a str,
    /// The revision of the scope.
    pub scope_rev: &'a str,
    /// The database's clock.
    pub now: Timestamp,
    /// Units of the filter that the caller does not see, as it sent them.
    pub unknown_units: &'a [String],
}

impl FeedPage {
    /// The whole answer.
    pub fn finish(self, envelope: &Envelope<'_>) -> String {
        let Envelope { cursor, has_more, behind, epoch, scope_rev, now, unknown_units } = envelope;
        let mut out = self.text;
        // Writing to a String cannot fail.
        let _ = write!(out, r#"],"cursor":"{cursor}","has_more":{has_more},"#);
        if let Some((rows, capped)) = behind {
            let _ = write!(out, r#""behind":{rows},"#);
            if *capped {
                out.push_str(r#""behind_capped":true,"#);
            }
        }
        if !unknown_units.is_empty() {
            let units = serde_json::Value::from(unknown_units.to_vec());
            let _ = write!(out, r#""unknown_units":{units},"#);
        }
        let epoch = serde_json::Value::from(*epoch);
        let _ = write!(out, r#""epoch":{epoch},"schema":"{SCHEMA}","scope_rev":"{scope_rev}","server_time":"{now}"}}"#);
        out
    }
}
