//! What the service says about itself: types, codes, rules, roles, the audit log, its health, keys and document.

use crate::accounts::Paging;
use crate::client::Client;
use crate::error::Result;
use crate::records::pages;
use crate::transport::{Answer, Call};
use cell_records_types::accounts::{AuditEvent, RoleRights};
use cell_records_types::metadata::{CodeListInfo, RecordTypeInfo};
use cell_records_types::pages::Page;
use cell_records_types::rules::RuleInfo;
use cell_records_types::work::{WorkItem, WorkQuery};
use futures_util::Stream;
use serde_json::Value;

impl Client {
    /// The table of rights: what each role reads and writes.
    pub async fn roles(&self) -> Result<Page<RoleRights>> {
        self.fetch(Call::get(&["v1", "roles"])).await
    }

    /// The record types: what their tables and forms are drawn from, and the caller's rights.
    pub async fn record_types(&self) -> Result<Page<RecordTypeInfo>> {
        self.fetch(Call::get(&["v1", "record_types"])).await
    }

    /// Every enum of the contract with its English and Vietnamese labels.
    pub async fn code_lists(&self) -> Result<Page<CodeListInfo>> {
        self.fetch(Call::get(&["v1", "code_lists"])).await
    }

    /// The numbers of regulations that default dates and warnings are made of.
    pub async fn rules(&self) -> Result<Page<RuleInfo>> {
        self.fetch(Call::get(&["v1", "rules"])).await
    }

    /// The first page of what is due, or late, with the records that the caller reads.
    ///
    /// # Errors
    /// `400 invalid_parameter` also where the caller reads more than 64 units, or 10,000 records of a type: name a unit.
    pub async fn work_items(&self, query: &WorkQuery) -> Result<Page<WorkItem>> {
        self.work_items_from(query, None).await
    }

    /// The page that begins at `cursor`, a former page's `next_cursor` of the same query.
    pub async fn work_items_from(&self, query: &WorkQuery, cursor: Option<&str>) -> Result<Page<WorkItem>> {
        self.fetch(Call::get(&["v1", "work_items"]).query(query.pairs()).parameter("cursor", cursor)).await
    }

    /// All of it; each page is fetched when the one before is used up.
    pub fn work_items_stream(&self, query: WorkQuery) -> impl Stream<Item = Result<WorkItem>> + Send + use<> {
        let client = self.clone();
        pages(move |cursor| {
            let (client, query) = (client.clone(), query.clone());
            async move { client.work_items_from(&query, cursor.as_deref()).await }
        })
    }

    /// A page of the audit log.
    pub async fn audit_events(&self, paging: &Paging) -> Result<Page<AuditEvent>> {
        self.fetch(paging.mark(Call::get(&["v1", "audit_events"]))).await
    }

    /// Whether the server is alive. Asked once, without a login.
    pub async fn healthz(&self) -> Result<()> {
        self.probe("healthz").await.map(drop)
    }

    /// Whether the server can work: its database is reachable and migrated. Asked once, without a login.
    ///
    /// # Errors
    /// `503` while it is not.
    pub async fn readyz(&self) -> Result<()> {
        self.probe("readyz").await.map(drop)
    }

    /// The public keys of the access tokens, as a JSON Web Key Set.
    pub async fn jwks(&self) -> Result<Value> {
        self.inner.attempts(&Call::get(&[".well-known", "jwks.json"]), None).await?.json()
    }

    /// The OpenAPI document, as text.
    pub async fn openapi(&self) -> Result<String> {
        Ok(self.inner.attempts(&Call::get(&["openapi.json"]), None).await?.text())
    }

    async fn probe(&self, path: &str) -> Result<Answer> {
        // An answer of "not yet" is what the caller wants to know, so nothing is repeated.
        self.inner.once(&Call::get(&[path]), None).await
    }
}
