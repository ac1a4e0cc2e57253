//! What was done and what was refused, in words.

use crate::output::{human, print};
use anyhow::Result;
use cell_records_client::sync::{Pulled, Refused, State};

/// A refused item, readable alone: what it was, and everything that is wrong with it.
pub fn words(refused: &Refused) -> String {
    let Refused { item, result, .. } = refused;
    let name = match (&item.id, item.external_ids.as_deref()) {
        (Some(id), _) => id.to_string(),
        (None, Some([first, ..])) => format!("ext:{}:{}", first.system, first.value),
        _ => String::new(),
    };
    let mut text = format!("{} {} {name}: {}", item.op, item.kind, result.status);
    if let Some(conflict) = &result.conflict {
        text.push_str(&format!(" ({})", conflict.reason));
        if let Some(version) = conflict.current_version {
            text.push_str(&format!(", the server has version {version}"));
        }
        for field in &conflict.fields {
            text.push_str(&format!("; {}: the server has {}, {} was sent", field.field, field.current, field.incoming));
        }
    }
    for fault in &result.errors {
        text.push_str(&format!("; {} {}: {}", fault.pointer, fault.code, fault.message));
    }
    for one in &result.candidates {
        text.push_str(&format!("; it may be {} (by {}, version {})", one.id, one.matched_by, one.version));
    }
    text
}

/// Names the units of the filter that the server did not find.
pub fn not_found(state: &State) -> Result<()> {
    if state.unknown_units.is_empty() {
        return Ok(());
    }
    print(format_args!("not found  {}: nothing is held of these units", state.unknown_units.join(", ")))
}

/// What a pull did, in words.
pub fn changes(pulled: &Pulled) -> String {
    let mut text = format!("{} changes", human(pulled.changes));
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
