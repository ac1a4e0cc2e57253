//! `cellsync match --apply`: the records of confirmed pairs get the external ids.

use crate::end::End;
use crate::first_match::{MOST, Records};
use crate::output::{counted, human, print, print_json};
use crate::pairs::Confirmed;
use crate::report::outcome;
use crate::settings::Profiled;
use anyhow::{Context, Result};
use cell_records_client::Client;
use cell_records_client::types::sync::{ItemResult, ItemStatus, PushBatch, PushItem, PushOp};
use cell_records_client::types::{ExternalId, Member, RecordType, Reference, Uuid};
use serde_json::json;

#[derive(Default)]
struct Applied {
    written: usize,
    there: usize,
    refused: Vec<(Confirmed, ItemResult)>,
}

pub async fn run(settings: &Profiled, pairs: &[Confirmed]) -> Result<End> {
    let client = settings.client()?;
    let mut applied = Applied::default();
    for some in pairs.chunks(MOST) {
        let more = format!("written: {}; the same command continues", counted(applied.written, "external id"));
        write(&client, some, &mut applied).await.context(more)?;
    }
    let Applied { written, there, refused } = &applied;
    for (pair, result) in refused {
        if settings.json {
            print_json(&json!({"external_id": pair.external, "id": pair.record, "result": result}))?;
        } else {
            print(format_args!("refused: {} on {}: {}", pair.external, pair.record, outcome(result)))?;
        }
    }
    if settings.json {
        print_json(&json!({"written": written, "unchanged": there, "refused": refused.len()}))?;
    } else {
        print(format_args!(
            "applied {}: {} written, {} there already, {} refused",
            counted(pairs.len(), "pair"),
            human(*written),
            human(*there),
            human(refused.len())
        ))?;
        if !refused.is_empty() {
            print("match again: the records may have changed since")?;
        }
    }
    Ok(if refused.is_empty() { End::Done } else { End::Undecided })
}

/// Adds the external ids of one call. Those that are there already are left out, and each other names the version that was
/// looked at: a repeat, at any time, writes nothing twice. So each run has a key of its own, and a refusal whose cause has
/// gone is not repeated.
async fn write(client: &Client, pairs: &[Confirmed], applied: &mut Applied) -> Result<()> {
    let records = Records::read(client, pairs.iter().map(|pair| pair.record).collect()).await?;
    let (there, open): (Vec<_>, Vec<_>) = pairs.iter().partition(|pair| records.has(pair.record, &pair.external));
    applied.there += there.len();
    if open.is_empty() {
        return Ok(());
    }
    let batch = PushBatch::new(open.iter().map(|pair| item(pair, &records)).collect());
    let answer = client.push(&batch, &Uuid::now_v7().to_string()).await?;
    for result in answer.items {
        let pair = open.get(result.index).context("the server's answer names an item that was not sent")?;
        match result.status {
            ItemStatus::Updated => applied.written += 1,
            ItemStatus::Unchanged => applied.there += 1,
            _ => applied.refused.push(((*pair).clone(), result)),
        }
    }
    Ok(())
}

/// The update that adds an external id to those that the record has.
fn item(pair: &Confirmed, records: &Records) -> PushItem {
    let mut ids = records.external_ids(pair.record);
    if let Reference::External { system, value } = &pair.external {
        ids.push(ExternalId::new(system.as_str(), value.as_str()));
    }
    PushItem {
        id: Some(pair.record.into()),
        if_version: Some(pair.version),
        external_ids: Some(ids),
        ..PushItem::new(PushOp::Update, Member::NAME)
    }
}
