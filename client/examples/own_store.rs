//! A store of one's own: a copy that is a folder with a JSON file for each record, for programs that read files.
//!
//! It only pulls, so it is a `CopyStore` and no `Outbox`. Whether it keeps the rules is tested below: `cargo test
//! --example own_store --features testing`.

use cell_records_client::sync::{Applied, CopyStore, Event, Filter, Held, State, SyncSession, helpers::replaces};
use cell_records_client::types::sync::{Change, ChangesPage, Phase};
use cell_records_client::{Client, Error, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{fs, io};
use uuid::Uuid;

/// `state.json`, and `TYPE/ID.json` for each record.
struct Folder(PathBuf);

#[tokio::main]
async fn main() -> Result<()> {
    let server = std::env::var("CELL_RECORDS_SERVER").unwrap_or("http://127.0.0.1:8080".into());
    let token = std::env::var("CELL_RECORDS_TOKEN").unwrap_or_default();
    let client = Client::builder(&server).access_token(token.trim()).build()?;
    let mut session = SyncSession::new(client, Folder("copy".into()));
    let pulled = session.pull_until_current(|_| ()).await?;
    println!("{} stored, {} removed, {} swept", pulled.stored, pulled.removed, pulled.swept);
    Ok(())
}

impl CopyStore for Folder {
    fn state(&self) -> Result<State> {
        Ok(self.read("state.json")?.unwrap_or_default())
    }

    fn restart(&mut self, filter: &Filter) -> Result<()> {
        self.write("state.json", &self.state()?.restarted(filter))
    }

    // Files have no transaction. The state is written last: a page that was cut off halfway is asked for and applied
    // again, and what it did already it does not undo.
    fn apply(&mut self, page: &ChangesPage, asked: &State) -> Result<Applied> {
        let before = self.state()?;
        if before.cursor != asked.cursor {
            return Err(failed("another process has moved the cursor"));
        }
        let (next, snapshot, mut applied) =
            (before.after(page, asked), page.phase == Phase::Snapshot, Applied::default());
        for change in &page.changes {
            match change {
                Change::Upsert { kind, id, version, record, .. } => {
                    let held = self.version(kind, *id)?;
                    let stored = replaces(held, *version, snapshot);
                    if stored {
                        applied.events.push(Event::Upserted { kind: kind.clone(), id: *id, version: *version });
                        self.write(&file(kind, *id), &json!({"seen": next.generation, "record": record}))?;
                    } else {
                        self.see(kind, *id, next.generation)?;
                    }
                }
                Change::Own { kind, id, .. } => {
                    if let Some(version) = self.see(kind, *id, next.generation)? {
                        applied.events.push(Event::Upserted { kind: kind.clone(), id: *id, version });
                    }
                }
                Change::Remove { kind, id, version, .. } => {
                    let held = self.version(kind, *id)?;
                    let goes = held.is_some() && replaces(held, *version, snapshot);
                    if goes {
                        applied.events.push(Event::Removed { kind: kind.clone(), id: *id, version: *version });
                        fs::remove_file(self.0.join(file(kind, *id))).map_err(failed)?;
                    }
                }
                Change::SnapshotEnd { counts } => {
                    applied.miscounted = next.miscounted(counts);
                    self.sweep(next.generation, &mut applied.events)?;
                }
                _ => {}
            }
        }
        self.write("state.json", &next)?;
        Ok(applied)
    }

    fn get(&self, kind: &str, id: Uuid) -> Result<Option<Held>> {
        let Some(entry) = self.read::<Value>(&file(kind, id))? else { return Ok(None) };
        let record = entry.get("record").and_then(Value::as_object).cloned().unwrap_or_default();
        let version = record.get("version").and_then(Value::as_i64).ok_or_else(|| failed("no version"))?;
        let unit = record.get("unit_id").and_then(Value::as_str).unwrap_or_default();
        Ok(Some(Held { version, unit_id: Uuid::try_parse(unit).map_err(failed)?, record }))
    }

    fn versions(&self, kind: &str) -> Result<BTreeMap<Uuid, i64>> {
        let ids = self.names(kind)?.into_iter().filter_map(|name| Uuid::try_parse(name.strip_suffix(".json")?).ok());
        ids.map(|id| Ok((id, self.version(kind, id)?.unwrap_or_default()))).collect()
    }

    fn counts(&self) -> Result<BTreeMap<String, i64>> {
        let mut counts = BTreeMap::new();
        for kind in self.names("")?.into_iter().filter(|name| !name.contains('.')) {
            let held = self.names(&kind)?.len();
            if held > 0 {
                counts.insert(kind, i64::try_from(held).map_err(failed)?);
            }
        }
        Ok(counts)
    }
}

impl Folder {
    /// Marks a held record as seen, and says its version.
    fn see(&self, kind: &str, id: Uuid, generation: i64) -> Result<Option<i64>> {
        if let Some(held) = self.get(kind, id)? {
            self.write(&file(kind, id), &json!({"seen": generation, "record": held.record}))?;
            return Ok(Some(held.version));
        }
        Ok(None)
    }

    /// Deletes what the snapshot did not name.
    fn sweep(&self, generation: i64, events: &mut Vec<Event>) -> Result<()> {
        for kind in self.counts()?.into_keys() {
            for (id, version) in self.versions(&kind)? {
                let entry: Value = self.read(&file(&kind, id))?.unwrap_or_default();
                if entry.get("seen").and_then(Value::as_i64) != Some(generation) {
                    fs::remove_file(self.0.join(file(&kind, id))).map_err(failed)?;
                    events.push(Event::Swept { kind: kind.clone(), id, version });
                }
            }
        }
        Ok(())
    }

    fn read<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        match fs::read(self.0.join(name)) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(failed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Writes a file whole or not at all: under another name first.
    fn write(&self, name: &str, value: &impl serde::Serialize) -> Result<()> {
        let (path, text) = (self.0.join(name), serde_json::to_vec(value).map_err(failed)?);
        fs::create_dir_all(path.parent().unwrap_or(&self.0)).map_err(failed)?;
        let fresh = path.with_extension("new");
        fs::write(&fresh, text).and_then(|()| fs::rename(&fresh, &path)).map_err(failed)
    }

    fn names(&self, folder: &str) -> Result<Vec<String>> {
        match fs::read_dir(self.0.join(folder)) {
            Ok(entries) => {
                entries.map(|entry| Ok(entry.map_err(failed)?.file_name().to_string_lossy().into_owned())).collect()
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(failed(error)),
        }
    }
}

fn file(kind: &str, id: Uuid) -> String {
    format!("{kind}/{id}.json")
}

fn failed(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Store(cause.into())
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::Folder;

    #[tokio::test]
    async fn the_folder_is_a_store() {
        let folder = tempfile::tempdir().unwrap();
        let mut made = 0;
        cell_records_client::sync::conformance::copy_store(|| {
            made += 1;
            Folder(folder.path().join(made.to_string()))
        })
        .await;
    }
}
