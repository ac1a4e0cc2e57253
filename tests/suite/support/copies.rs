//! Copies and what they must equal: the records that a server shows a caller through its lists.

use cell_records_client::Client;
use cell_records_client::feed::ChangesQuery;
use cell_records_client::sync::{CopyStore, MemoryStore};
use cell_records_client::types::pages::ListQuery;
use cell_records_client::types::sync::{Change, ChangesPage};
use cell_records_client::types::{self, RECORD_TYPES, RecordType};
use futures_util::TryStreamExt;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Records by type and id.
pub type Records = BTreeMap<(&'static str, Uuid), Map<String, Value>>;

/// All records that a caller sees in the lists of every type.
pub async fn visible(client: &Client) -> Records {
    let mut records = Records::new();
    macro_rules! list_each {
        ($($name:ident,)+) => { $(list::<types::$name>(client, &mut records).await;)+ };
    }
    types::record_types!(list_each);
    records
}

async fn list<T: RecordType>(client: &Client, into: &mut Records) {
    let query = ListQuery { limit: Some(500), ..ListQuery::default() };
    let found: Vec<Map<String, Value>> = match client.records::<T>().raw().stream(query).try_collect().await {
        Ok(found) => found,
        // Nothing of the type is readable.
        Err(error) if error.status() == Some(403) => return,
        Err(error) => panic!("the list of {}: {error}", T::PLURAL),
    };
    for record in found {
        let id = Uuid::try_parse(record["id"].as_str().unwrap()).unwrap();
        assert!(into.insert((T::NAME, id), record).is_none(), "the list of {} has {id} twice", T::PLURAL);
    }
}

/// All records of a copy.
pub fn held(store: &impl CopyStore) -> Records {
    let mut records = Records::new();
    for kind in RECORD_TYPES.iter().map(|one| one.name) {
        for (id, version) in store.versions(kind).unwrap() {
            let held = store.get(kind, id).unwrap().unwrap();
            assert_eq!(held.version, version);
            assert_eq!(held.record["version"], version);
            records.insert((kind, id), held.record);
        }
    }
    records
}

/// Asserts that two sets of records are equal, and names what is not.
#[track_caller]
pub fn assert_same(copy: &Records, server: &Records, whose: &str) {
    let missing: Vec<_> = server.keys().filter(|key| !copy.contains_key(*key)).take(3).collect();
    let extra: Vec<_> = copy.keys().filter(|key| !server.contains_key(*key)).take(3).collect();
    let other = |(key, record): &(&(&'static str, Uuid), &Map<String, Value>)| {
        copy.get(*key).is_some_and(|held| held != *record)
    };
    let differing: Vec<_> = server.iter().filter(other).map(|(key, record)| (record, &copy[key])).take(1).collect();
    assert!(
        missing.is_empty() && extra.is_empty() && differing.is_empty(),
        "{whose}: missing {missing:?}, extra {extra:?}, differing {differing:?}; {} and {} records",
        copy.len(),
        server.len()
    );
}

/// Pulls page by page, as a client of another make would.
pub struct Puller {
    /// Who pulls.
    pub client: Client,
    /// The copy.
    pub store: MemoryStore,
    /// What each page is asked for with; the cursor is the store's.
    pub query: ChangesQuery,
    /// Why the server let cursors go, in order.
    pub gone: Vec<String>,
    /// Pages received.
    pub pages: usize,
    /// Largest number of changes of a page.
    pub most: usize,
}

impl Puller {
    /// An empty copy.
    pub fn new(client: Client) -> Self {
        Puller {
            client,
            store: MemoryStore::new(),
            query: ChangesQuery::default(),
            gone: Vec::new(),
            pages: 0,
            most: 0,
        }
    }

    /// The same with pages of this many changes.
    pub fn limit(mut self, limit: u32) -> Self {
        self.query.limit = Some(limit);
        self
    }

    /// Pulls one page. Answers whether there is more.
    pub async fn page(&mut self) -> bool {
        let state = self.store.state().unwrap();
        let query = match &state.cursor {
            None => self.query.clone(),
            Some(cursor) => ChangesQuery {
                cursor: Some(cursor.clone()),
                limit: self.query.limit,
                max_bytes: self.query.max_bytes,
                ..ChangesQuery::default()
            },
        };
        match self.client.changes(&query).await {
            Ok(page) => {
                self.pages += 1;
                let changes = page.changes.iter().filter(|change| !matches!(change, Change::SnapshotEnd { .. }));
                self.most = self.most.max(changes.count());
                self.check(&page);
                let applied = self.store.apply(&page, &state).unwrap();
                assert!(!applied.miscounted, "the snapshot's counts are not what it sent");
                page.has_more
            }
            Err(error) if error.status() == Some(410) => {
                assert_eq!(error.code(), Some("cursor_gone"), "{error}");
                let problem = error.problem().unwrap();
                assert_eq!(problem.more["resync"], "snapshot");
                self.gone.push(problem.more["reason"].as_str().unwrap().to_owned());
                self.store.restart(&state.filter).unwrap();
                true
            }
            Err(error) => panic!("a page: {error}"),
        }
    }

    /// What holds of every page.
    fn check(&self, page: &ChangesPage) {
        for change in &page.changes {
            if let Change::Upsert { kind, id, version, unit_id, record, .. } = change {
                assert_eq!(record["id"], id.to_string());
                assert_eq!(record["type"], *kind);
                assert_eq!(record["version"], *version);
                assert_eq!(record["unit_id"], unit_id.to_string());
            }
        }
    }

    /// Pulls until there is no more. Answers how many pages it took.
    pub async fn drain(&mut self) -> usize {
        let before = self.pages;
        while self.page().await {}
        self.pages - before
    }

    /// Pulls until there is no more, and asserts that the copy is what the server shows its caller.
    pub async fn assert_equal(&mut self, whose: &str) {
        self.drain().await;
        assert_same(&held(&self.store), &visible(&self.client).await, whose);
    }

    /// How many records of a type it holds.
    pub fn count(&self, kind: &str) -> usize {
        self.store.versions(kind).unwrap().len()
    }
}
