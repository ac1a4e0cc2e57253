//! The file of items that a push takes.

use crate::output::counted;
use anyhow::{Context, Result, anyhow, bail};
use aws_lc_rs::digest;
use cell_records_client::types::sync::{MAX_PUSH_BYTES, PushItem};
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Reads and checks all lines before any is used; names every wrong one. Returns the digest of the whole, too.
pub fn read(file: &Path) -> Result<(Vec<PushItem>, String)> {
    let input: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(BufReader::new(std::fs::File::open(file).with_context(|| format!("opening {}", file.display()))?))
    };
    let (mut items, mut wrong, mut digest) = (Vec::new(), 0_usize, digest::Context::new(&digest::SHA256));
    for (number, text) in input.lines().enumerate() {
        let text = text.with_context(|| format!("reading {}", file.display()))?;
        if text.trim().is_empty() {
            continue;
        }
        digest.update(text.as_bytes());
        digest.update(b"\n");
        match item(&text) {
            Ok(item) => items.push(item),
            Err(error) => {
                wrong += 1;
                eprintln!("line {}: {error:#}", number + 1);
            }
        }
    }
    if wrong > 0 {
        bail!("nothing is sent: {} wrong", counted(wrong, "line"));
    }
    let digest = digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((items, digest))
}

fn item(line: &str) -> Result<PushItem> {
    if line.len() > MAX_PUSH_BYTES / 2 {
        bail!("longer than {} bytes", MAX_PUSH_BYTES / 2);
    }
    let item: PushItem = serde_json::from_str(line).map_err(|error| unread(&error))?;
    // An id made here would differ the next time the same file is pushed, and double the record.
    if item.id.is_none() && item.external_ids.as_ref().is_none_or(Vec::is_empty) {
        bail!("names its record neither by `id` nor by `external_ids`");
    }
    Ok(item)
}

/// Why a line is no item. The parser knows of one line only: its number would be wrong here.
fn unread(error: &serde_json::Error) -> anyhow::Error {
    let column = error.column();
    if !error.is_data() {
        return anyhow!("not JSON, from column {column} on");
    }
    let text = error.to_string();
    let text = text.strip_suffix(&format!(" at line {} column {column}", error.line())).unwrap_or(&text);
    anyhow!("{text}, at column {column}")
}
