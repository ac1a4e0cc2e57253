//! `cellsync match`: whom of a file the server has already.

use crate::apply;
use crate::end::End;
use crate::file;
use crate::output::{human, numbered, print, print_json, progress, whole};
use crate::pairs::{self, Found, Pair, YES};
use crate::report::outcome;
use crate::settings::Profiled;
use crate::table::plain;
use anyhow::{Context, Result, bail};
use cell_records_client::Client;
use cell_records_client::types::faults::Report;
use cell_records_client::types::pages::{Expanded, ListQuery};
use cell_records_client::types::sync::{
    ItemResult, ItemStatus, MatchBy, OnPossibleDuplicate, PushBatch, PushItem, PushOp, SyncLimits,
};
use cell_records_client::types::{ExternalId, Member, RecordType, Reference, Uuid};
use clap::Args;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct Arguments {
    /// The people: push items, one JSON object a line, each an upsert of a member under an external id; `-` reads standard
    /// input.
    file: PathBuf,
    /// The CSV file of pairs to write, for its owner only.
    #[arg(long, value_name = "PAIRS", required_unless_present = "apply", conflicts_with = "apply")]
    out: Option<PathBuf>,
    /// Write it although it is there already: what was confirmed in it is lost.
    #[arg(long, conflicts_with = "apply")]
    force: bool,
    /// The CSV file of pairs that somebody has confirmed: their records get the external ids.
    #[arg(long, value_name = "PAIRS")]
    apply: Option<PathBuf>,
}

/// By what people are found.
const MATCH: [MatchBy; 5] =
    [MatchBy::ExternalId, MatchBy::PersonalId, MatchBy::ProfileNumber, MatchBy::CardNumber, MatchBy::NameBirth];

/// Most people of one call: so many records are read by one call, too.
pub const MOST: usize = 200;

/// Bytes of a batch besides its items, generously.
const FRAME: usize = 1_024;

pub async fn run(settings: &Profiled, arguments: &Arguments) -> Result<End> {
    let (items, _) = file::read(&arguments.file)?;
    let mut names = BTreeSet::new();
    for item in &items {
        let name = external(item).context("`match` takes upserts of members, each under one external id")?;
        if let Some(name) = names.replace(name.to_string()) {
            bail!("{name} is in the file twice");
        }
    }
    match (&arguments.apply, &arguments.out) {
        (Some(pairs), _) => apply::run(settings, &pairs::confirmed(pairs, &names)?).await,
        (None, Some(out)) if out.exists() && !arguments.force => {
            bail!("{} is there already: --force writes it anew, without what was confirmed in it", out.display())
        }
        (None, Some(out)) => find(settings, items, out).await,
        (None, None) => bail!("name the file of pairs: --out or --apply"),
    }
}

/// The external id under which an item sends a member.
fn external(item: &PushItem) -> Option<Reference> {
    let name = match (&item.id, item.external_ids.as_deref()) {
        (Some(id), _) => id.clone(),
        (None, Some([one])) => format!("ext:{}:{}", one.system, one.value).parse().ok()?,
        _ => return None,
    };
    let is_fit = item.op == PushOp::Upsert && item.kind == Member::NAME;
    (is_fit && matches!(name, Reference::External { .. })).then_some(name)
}

async fn find(settings: &Profiled, items: Vec<PushItem>, out: &Path) -> Result<End> {
    let client = settings.client()?;
    let limits = client.sync_info().await?.limits;
    let bar = progress("{bar:40} {human_pos} of {human_len} people [{elapsed}]", Some(whole(items.len())))?;
    let (mut table, mut counts, mut taken) = (Vec::new(), BTreeMap::new(), HashSet::new());
    for items in batches(items, &limits)? {
        let mut batch = PushBatch::new(items);
        batch.dry_run = true;
        batch.on_possible_duplicate = OnPossibleDuplicate::Reject;
        let answer = client.push(&batch, &Uuid::now_v7().to_string()).await?;
        let ids = answer.items.iter().flat_map(|result| {
            // What a trial would create is no record to read.
            let own = result.id.filter(|_| result.status != ItemStatus::Created);
            own.into_iter().chain(result.candidates.iter().map(|one| one.id))
        });
        let records = Records::read(&client, ids.collect()).await?;
        for result in &answer.items {
            let item = batch.items.get(result.index).context("the server's answer names an item that was not sent")?;
            let pairs = of_person(item, result, &records, &mut taken);
            if let Some(first) = pairs.first() {
                *counts.entry(first.found).or_default() += 1;
            }
            table.extend(pairs);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    pairs::write(out, &table)?;
    say(settings.json, &counts, out)?;
    let is_open = [Found::Unclear, Found::Refused].iter().any(|found| counts.contains_key(found));
    Ok(if is_open { End::Undecided } else { End::Done })
}

fn say(json: bool, counts: &BTreeMap<Found, usize>, out: &Path) -> Result<()> {
    let count = |found: Found| counts.get(&found).copied().unwrap_or(0);
    let [known, exact, unclear, new, refused] =
        [Found::Known, Found::Exact, Found::Unclear, Found::New, Found::Refused].map(count);
    if json {
        return print_json(&json!({
            "known": known, "exact": exact, "unclear": unclear, "new": new, "refused": refused, "pairs": out,
        }));
    }
    print(format_args!(
        "matched {}: {} known, {} exact, {} unclear, {} new, {} refused",
        numbered(counts.values().sum::<usize>(), "person", "people"),
        human(known),
        human(exact),
        human(unclear),
        human(new),
        human(refused),
    ))?;
    let out = out.display();
    print(format_args!("look at {out}, write {YES} into `take` where two are one, then --apply {out}"))
}

/// The items in calls that the server takes, each to be found by everything that they have.
fn batches(items: Vec<PushItem>, limits: &SyncLimits) -> Result<Vec<Vec<PushItem>>> {
    let (most, room) = (limits.push_items.min(MOST), limits.push_bytes.saturating_sub(FRAME));
    let (mut batches, mut bytes) = (Vec::<Vec<PushItem>>::new(), 0);
    for mut item in items {
        item.match_by = MATCH.to_vec();
        let length = serde_json::to_vec(&item)?.len() + 1;
        bytes += length;
        match batches.last_mut().filter(|batch| batch.len() < most && bytes <= room) {
            Some(batch) => batch.push(item),
            None => {
                bytes = length;
                batches.push(vec![item]);
            }
        }
    }
    Ok(batches)
}

/// Records of the server, as the token reads them.
pub struct Records {
    records: HashMap<Uuid, Map<String, Value>>,
    units: BTreeMap<Uuid, Expanded>,
}

impl Records {
    /// Reads members by their ids. Whom the token does not see is absent.
    pub async fn read(client: &Client, ids: BTreeSet<Uuid>) -> Result<Self> {
        let mut read = Records { records: HashMap::new(), units: BTreeMap::new() };
        let ids: Vec<String> = ids.iter().map(Uuid::to_string).collect();
        for some in ids.chunks(MOST) {
            let query =
                ListQuery { ids: Some(some.join(",")), expand: Some("unit_id".to_owned()), ..Default::default() };
            let page = client.records::<Member>().raw().list(&query).await?;
            read.units.extend(page.expanded.unwrap_or_default());
            read.records.extend(page.items.into_iter().filter_map(|record| Some((id(&record, "id")?, record))));
        }
        Ok(read)
    }

    /// The external ids that a record has.
    pub fn external_ids(&self, id: Uuid) -> Vec<ExternalId> {
        let held = self.records.get(&id).and_then(|record| record.get("external_ids"));
        held.and_then(|held| serde_json::from_value(held.clone()).ok()).unwrap_or_default()
    }

    /// Whether a record has an external id.
    pub fn has(&self, id: Uuid, external: &Reference) -> bool {
        let Reference::External { system, value } = external else { return false };
        self.external_ids(id).iter().any(|one| *one.system == **system && *one.value == **value)
    }

    /// A person beside a record, or `None` where the record is not there: then another line of the file is meant, which the
    /// trial had made.
    fn beside(&self, person: &Pair, record_id: Uuid, matched_by: Option<MatchBy>) -> Option<Pair> {
        let record = self.records.get(&record_id)?;
        let unit = id(record, "unit_id");
        let name = unit.and_then(|unit| self.units.get(&unit)?.display.clone());
        Some(Pair {
            candidate_id: Some(record_id),
            candidate_version: record.get("version").and_then(Value::as_i64),
            matched_by,
            candidate_full_name: text(record, "full_name"),
            candidate_birth_date: text(record, "birth_date"),
            candidate_unit: name.map(|name| plain(&name).into_owned()).unwrap_or_default(),
            ..person.clone()
        })
    }
}

fn id(record: &Map<String, Value>, member: &str) -> Option<Uuid> {
    record.get(member)?.as_str()?.parse().ok()
}

fn text(fields: &Map<String, Value>, name: &str) -> String {
    fields.get(name).and_then(Value::as_str).map(|text| plain(text).into_owned()).unwrap_or_default()
}

/// The lines of one person. `taken` has the records that the lines before propose.
fn of_person(item: &PushItem, result: &ItemResult, records: &Records, taken: &mut HashSet<Uuid>) -> Vec<Pair> {
    let Some(external) = external(item) else { return Vec::new() };
    let person = Pair {
        take: "",
        found: Found::Unclear,
        external_id: external.to_string(),
        full_name: text(&item.fields, "full_name"),
        birth_date: text(&item.fields, "birth_date"),
        candidate_id: None,
        candidate_version: None,
        matched_by: None,
        candidate_full_name: String::new(),
        candidate_birth_date: String::new(),
        candidate_unit: String::new(),
        note: String::new(),
    };
    let within_file = |person: Pair| Pair { note: "it is like another line of the file".to_owned(), ..person };
    match (&result.status, result.id) {
        (ItemStatus::Created, _) => vec![Pair { found: Found::New, ..person }],
        (ItemStatus::Updated | ItemStatus::Unchanged, Some(id)) => {
            if records.has(id, &external) {
                return records
                    .beside(&person, id, Some(MatchBy::ExternalId))
                    .map(|pair| Pair { found: Found::Known, ..pair })
                    .into_iter()
                    .collect();
            }
            let by = number(item, records.records.get(&id));
            let pair = records.beside(&person, id, by);
            vec![match pair {
                Some(pair) if taken.insert(id) => Pair { take: YES, found: Found::Exact, ..pair },
                Some(pair) => within_file(pair),
                None => within_file(person),
            }]
        }
        (ItemStatus::DuplicateMatch, _) => {
            let all: Vec<Pair> = result
                .candidates
                .iter()
                .filter_map(|one| records.beside(&person, one.id, Some(one.matched_by.clone())))
                .map(|pair| Pair { note: reason(result), ..pair })
                .collect();
            if all.is_empty() { vec![within_file(person)] } else { all }
        }
        _ => vec![Pair { found: Found::Refused, note: plain(&outcome(result)).into_owned(), ..person }],
    }
}

/// Why a match is unclear, where it is more than a likeness.
fn reason(result: &ItemResult) -> String {
    let fault = result.errors.first().filter(|fault| fault.code != "duplicate_match");
    fault.map(|fault| plain(&fault.message).into_owned()).unwrap_or_default()
}

/// The number that an item and a record share.
fn number(item: &PushItem, record: Option<&Map<String, Value>>) -> Option<MatchBy> {
    let record = record?;
    MATCH.into_iter().filter(MatchBy::is_number).find(|by| {
        let field = Member::FIELDS.iter().find(|field| Some(field.name) == by.field());
        let Some((field, mut sent)) = field.and_then(|field| Some((field, item.fields.get(field.name)?.clone())))
        else {
            return false;
        };
        // As the server writes it.
        (field.check)(&mut sent, &mut Report::default());
        let held = record.get(field.name).map(numbers).unwrap_or_default();
        numbers(&sent).iter().any(|number| held.contains(number))
    })
}

/// The numbers of a field: itself, or those of its cards.
fn numbers(value: &Value) -> Vec<&str> {
    match value {
        Value::String(number) => vec![number],
        Value::Array(cards) => cards.iter().filter_map(|card| card.get("number")?.as_str()).collect(),
        _ => Vec::new(),
    }
}
