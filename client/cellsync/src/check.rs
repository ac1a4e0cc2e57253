//! `cellsync check`: is the copy what it should be? Everything that it should hold is loaded once more, of which only ids,
//! versions and units are kept, and compared record by record.

use crate::end::End;
use crate::output::{human, print, print_json, progress, whole};
use crate::settings::Profiled;
use anyhow::Result;
use cell_records_client::Client;
use cell_records_client::feed::ChangesQuery;
use cell_records_client::sync::{CopyStore, Filter, SqliteStore, SyncSession};
use cell_records_client::types::Uuid;
use cell_records_client::types::sync::Change;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Most differences that are printed for a person.
const SHOWN: usize = 50;

/// Type and id.
type Name = (String, Uuid);

/// A record on which both sides differ.
#[derive(Serialize, PartialEq)]
struct Difference {
    #[serde(rename = "type")]
    kind: String,
    id: Uuid,
    unit_id: Uuid,
    /// Absent: the copy does not hold it.
    held: Option<i64>,
    /// Absent: the server does not have it for this account.
    current: Option<i64>,
}

pub async fn run(settings: &Profiled, repair: bool) -> Result<End> {
    drop(settings.existing()?);
    let mut session = settings.session()?;
    session.pull_until_current(|_| ()).await?;
    let filter = session.store().state()?.filter;
    let mut server = Server::default();
    let client = settings.client()?;
    let found = differences(&mut session, &mut server, &client, &filter).await?;
    let summary = Summary::of(session.store(), &server, &found)?;
    if settings.json {
        print_json(&summary)?;
        found.iter().try_for_each(print_json)?;
    } else {
        summary.say()?;
        for one in found.iter().take(SHOWN) {
            let version = |side: Option<i64>| side.map_or("absent".to_owned(), |version| format!("version {version}"));
            print(format_args!(
                "{} {} of unit {}: the copy {}, the server {}",
                one.kind,
                one.id,
                one.unit_id,
                version(one.held),
                version(one.current)
            ))?;
        }
        if found.len() > SHOWN {
            print(format_args!("… {} more (--json names all)", human(found.len() - SHOWN)))?;
        }
    }
    if found.is_empty() || !repair {
        return Ok(if found.is_empty() { End::Done } else { End::Undecided });
    }
    session.store_mut().restart(&filter)?;
    session.pull_until_current(|_| ()).await?;
    let left = differences(&mut session, &mut server, &client, &filter).await?;
    if !settings.json {
        print(match left.len() {
            0 => "the copy was loaded again, and is what the server has".to_owned(),
            count => format!("the copy was loaded again, and still differs in {} records", human(count)),
        })?;
    }
    Ok(if left.is_empty() { End::Done } else { End::Undecided })
}

/// What differs, once both sides are current. What was written between the two pulls does not count: it is looked at again.
async fn differences(
    session: &mut SyncSession<SqliteStore>,
    server: &mut Server,
    client: &Client,
    filter: &Filter,
) -> Result<Vec<Difference>> {
    let mut before = None;
    loop {
        server.pull(client, filter).await?;
        session.pull_until_current(|_| ()).await?;
        let found = server.compare(session.store())?;
        if found.is_empty() || before.as_ref() == Some(&found) {
            return Ok(found);
        }
        before = Some(found);
    }
}

/// What the server has for this account: versions and units.
#[derive(Default)]
struct Server {
    records: BTreeMap<Name, (i64, Uuid)>,
    cursor: Option<String>,
}

impl Server {
    /// Loads what is new since the last time.
    async fn pull(&mut self, client: &Client, filter: &Filter) -> Result<()> {
        let bar = progress("{spinner} {human_pos} records compared {rate} [{elapsed}]", None)?;
        loop {
            let (types, units) = (filter.types.clone(), filter.units.clone());
            let query =
                ChangesQuery { cursor: self.cursor.clone(), types, units, limit: Some(2_000), ..Default::default() };
            let page = match client.changes(&query).await {
                Err(error) if error.code() == Some("cursor_gone") => {
                    *self = Server::default();
                    continue;
                }
                page => page?,
            };
            bar.inc(whole(page.changes.len()));
            for change in page.changes {
                match change {
                    Change::Upsert { kind, id, version, unit_id, .. } => {
                        self.records.insert((kind, id), (version, unit_id));
                    }
                    Change::Remove { kind, id, .. } => {
                        self.records.remove(&(kind, id));
                    }
                    _ => {}
                }
            }
            self.cursor = Some(page.cursor);
            if !page.has_more {
                bar.finish_and_clear();
                return Ok(());
            }
        }
    }

    fn compare(&self, copy: &SqliteStore) -> Result<Vec<Difference>> {
        let mut found = Vec::new();
        let kinds: BTreeSet<String> =
            self.records.keys().map(|(kind, _)| kind.clone()).chain(copy.counts()?.into_keys()).collect();
        for kind in kinds {
            let held = copy.versions(&kind)?;
            for (id, version) in &held {
                let current = self.records.get(&(kind.clone(), *id));
                if current.map(|(version, _)| version) != Some(version) {
                    let unit_id = match current {
                        Some((_, unit)) => *unit,
                        None => copy.get(&kind, *id)?.map_or(Uuid::nil(), |held| held.unit_id),
                    };
                    let current = current.map(|(version, _)| *version);
                    found.push(Difference { kind: kind.clone(), id: *id, unit_id, held: Some(*version), current });
                }
            }
            let missing = self.records.iter().filter(|((of, id), _)| *of == kind && !held.contains_key(id));
            found.extend(missing.map(|((_, id), (version, unit_id))| Difference {
                kind: kind.clone(),
                id: *id,
                unit_id: *unit_id,
                held: None,
                current: Some(*version),
            }));
        }
        Ok(found)
    }
}

/// How many records each side has, by type, and by unit where they differ.
#[derive(Serialize)]
struct Summary {
    equal: bool,
    types: BTreeMap<String, Count>,
    units: BTreeMap<Uuid, Count>,
}

#[derive(Default, Serialize)]
struct Count {
    held: i64,
    current: i64,
    differing: i64,
}

impl Summary {
    fn of(copy: &SqliteStore, server: &Server, found: &[Difference]) -> Result<Self> {
        let (mut types, mut units): (BTreeMap<String, Count>, BTreeMap<Uuid, Count>) = Default::default();
        for (kind, held) in copy.counts()? {
            types.entry(kind).or_default().held = held;
        }
        for one in found {
            types.entry(one.kind.clone()).or_default().differing += 1;
            units.entry(one.unit_id).or_default().differing += 1;
        }
        for ((kind, _), (_, unit)) in &server.records {
            types.entry(kind.clone()).or_default().current += 1;
            if let Some(count) = units.get_mut(unit) {
                count.current += 1;
            }
        }
        // What the copy holds of a unit is what the server has there, but for the differences.
        for (unit, count) in &mut units {
            let of_unit = || found.iter().filter(|one| one.unit_id == *unit);
            let missing = of_unit().filter(|one| one.held.is_none()).count();
            let surplus = of_unit().filter(|one| one.current.is_none()).count();
            count.held = count.current - i64::try_from(missing)? + i64::try_from(surplus)?;
        }
        Ok(Summary { equal: found.is_empty(), types, units })
    }

    fn say(&self) -> Result<()> {
        for (kind, count) in &self.types {
            print(format_args!(
                "{kind}: the copy holds {}, the server {}, {} differ",
                human(count.held),
                human(count.current),
                human(count.differing)
            ))?;
        }
        for (unit, count) in &self.units {
            print(format_args!(
                "unit {unit}: the copy holds {}, the server {}, {} differ",
                human(count.held),
                human(count.current),
                human(count.differing)
            ))?;
        }
        if self.equal {
            print("the copy is what the server has")?;
        }
        Ok(())
    }
}
