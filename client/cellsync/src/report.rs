//! What was done and what was refused, in words.

use crate::output::{counted, human, print};
use anyhow::Result;
use cell_records_client::sync::{Pulled, Refused, State};
use cell_records_client::types::sync::{ItemResult, PushItem};

/// A refused item, readable alone: what it was, and everything that is wrong with it.
pub fn words(refused: &Refused) -> String {
    judged(&refused.item, &refused.result)
}

/// An item and what became of it.
pub fn judged(item: &PushItem, result: &ItemResult) -> String {
    let name = match (&item.id, item.external_ids.as_deref()) {
        (Some(id), _) => id.to_string(),
        (None, Some([first, ..])) => format!("ext:{}:{}", first.system, first.value),
        _ => String::new(),
    };
    format!("{} {} {name}: {}", item.op, item.kind, outcome(result))
}

/// What became of an item, with everything that is wrong with it.
pub fn outcome(result: &ItemResult) -> String {
    let mut text = result.status.to_string();
    if let Some(conflict) = &result.conflict {
        text.push_str(&format!(" ({})", conflict.reason));
        if let Some(version) = conflict.current_version {
            text.push_str(&format!(", the server has version {version}"));
        }
        for field in &conflict.fields {
            text.push_str(&format!("; {}: the server has {}, {} was sent", field.field, field.current, field.incoming));
        }
    }
    for fault in result.errors.iter().chain(&result.warnings) {
        text.push_str(&format!("; {} {}: {}", fault.pointer, fault.code, fault.message));
    }
    for one in &result.candidates {
        text.push_str(&format!("; it may be {} (by {}, version {})", one.id, one.matched_by, one.version));
    }
    text
}

/// Names the units of the filter that the server did not find.
pub fn not_found(state: &State) -> Result<()> {
    missing(state).map_or(Ok(()), print)
}

/// The units of the filter that the server did not find, in words.
pub fn missing(state: &State) -> Option<String> {
    let names = (!state.unknown_units.is_empty()).then(|| state.unknown_units.join(", "))?;
    Some(format!("not found  {names}: nothing is held of these units"))
}

/// What a pull did, in words.
pub fn changes(pulled: &Pulled) -> String {
    let mut text = counted(pulled.changes, "change");
    if pulled.removed > 0 {
        text.push_str(&format!(", {} removed", human(pulled.removed)));
    }
    if pulled.swept > 0 {
        text.push_str(&format!(", {} swept", human(pulled.swept)));
    }
    if pulled.restarted {
        text.push_str(", the copy is loaded again");
    }
    if pulled.miscounted {
        text.push_str(", WARNING: the server counted other numbers in its snapshot");
    }
    text
}
