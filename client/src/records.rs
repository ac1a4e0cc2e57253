//! The calls that every record type has: one generic core, and the verbs that single types add.

use crate::client::Client;
use crate::error::{Error, Result};
use crate::transport::{Answer, Call};
use cell_records_types::pages::{Counts, Expanded, HistoryEntry, ListQuery, Page};
use cell_records_types::states::{Advance, Stated};
use cell_records_types::{RecordType, Ref, Timestamp, Uuid};
use futures_util::{Stream, TryStreamExt, stream};
use reqwest::header;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

/// A record, an account or a grant with the tag of its version, for `If-Match` and `If-None-Match`.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq)]
pub struct Tagged<A> {
    /// The record, account or grant.
    pub record: A,
    /// The `ETag`, quotes included, such as `"3.5f2c91ab.personal"`. Empty only where a dry run's answer has none.
    pub etag: String,
    /// The id under which the server's log has the request; absent where a proxy takes it away.
    pub request_id: Option<String>,
}

impl<A: DeserializeOwned> Tagged<A> {
    /// What an answer has. Only that of a dry run may lack the tag.
    pub(crate) fn of(answer: &Answer, dry_run: bool) -> Result<Self> {
        let etag = match answer.etag() {
            None if dry_run => String::new(),
            found => found.ok_or_else(|| Error::Decode("an answer without an ETag".to_owned()))?,
        };
        Ok(Tagged { record: answer.json()?, etag, request_id: answer.request_id().map(str::to_owned) })
    }
}

/// The records of type `T`, answered as `A`: the type itself, or after [`Records::raw`] a JSON object.
///
/// A record's reference is a UUID, a [`Ref`], or [`Ref::external`].
pub struct Records<T, A = T> {
    client: Client,
    dry_run: bool,
    key: Option<String>,
    returns: PhantomData<fn() -> (T, A)>,
}

impl<T, A> Clone for Records<T, A> {
    fn clone(&self) -> Self {
        Records { client: self.client.clone(), dry_run: self.dry_run, key: self.key.clone(), returns: PhantomData }
    }
}

impl<T, A> fmt::Debug for Records<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").field("client", &self.client).field("dry_run", &self.dry_run).finish_non_exhaustive()
    }
}

impl Client {
    /// The records of one type: `client.records::<Member>()`.
    pub fn records<T: RecordType>(&self) -> Records<T> {
        Records { client: self.clone(), dry_run: false, key: None, returns: PhantomData }
    }
}

impl<T: RecordType, A: DeserializeOwned + Send + 'static> Records<T, A> {
    /// Returns JSON objects. Needed with `fields=`, and wherever the caller's grants do not cover all required
    /// fields: what a caller may not read is absent, and then the typed form does not parse.
    #[must_use]
    pub fn raw(self) -> Records<T, Map<String, Value>> {
        Records { client: self.client, dry_run: self.dry_run, key: self.key, returns: PhantomData }
    }

    /// Writes run whole, rights and rules included, and keep nothing.
    #[must_use]
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// The `Idempotency-Key` of the next create, restore or verb, at most 255 characters, instead of a random one:
    /// for callers who store it first, so that a repeat after a crash has no second effect. Good for one write.
    #[must_use]
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The first page of a list.
    ///
    /// # Errors
    /// `400 invalid_parameter` for a filter, sort or field that the type does not have; `403 field_not_readable`.
    pub async fn list(&self, query: &ListQuery) -> Result<Page<A>> {
        self.list_from(query, None).await
    }

    /// The page that begins at `cursor`, a former page's `next_cursor` of the same query.
    pub async fn list_from(&self, query: &ListQuery, cursor: Option<&str>) -> Result<Page<A>> {
        self.client.fetch(Self::page(query, cursor)).await
    }

    /// All records of a list; each page is fetched when the one before is used up. Ends after the first error.
    pub fn stream(&self, query: ListQuery) -> impl Stream<Item = Result<A>> + Send + use<T, A> {
        let client = self.client.clone();
        pages(move |cursor| {
            let (client, call) = (client.clone(), Self::page(&query, cursor.as_deref()));
            async move { client.fetch(call).await }
        })
    }

    /// How many records of a list there are, by one or two of its filters, or `unit_id`, comma separated.
    ///
    /// # Errors
    /// `422 too_many_groups` above 1,000; `400 invalid_parameter`, `403 field_not_readable` as of a list.
    pub async fn counts(&self, group_by: &str, query: &ListQuery) -> Result<Counts> {
        let call = Self::at(Call::get, &["counts"]).query(query.pairs());
        self.client.fetch(call.parameter("group_by", Some(group_by))).await
    }

    /// Makes a record.
    ///
    /// # Errors
    /// `422 invalid` with all faults; `409 not_unique` when the id or an external id is taken.
    pub async fn create(&self, new: &T::Create) -> Result<Tagged<A>> {
        self.tagged(self.post(&[])?.json(new)?).await
    }

    /// One record.
    ///
    /// # Errors
    /// `404 not_found`, `410 gone` when it is deleted.
    pub async fn get(&self, record: impl Into<Ref<T>>) -> Result<Tagged<A>> {
        self.tagged(Self::at(Call::get, &[&record.into().to_string()])).await
    }

    /// Some fields of one record, and the display texts of the records that it refers to: `fields` (empty: all) and `expand`
    /// are names, comma separated. With `fields` the records must be [`raw`](Records::raw).
    ///
    /// # Errors
    /// `404 not_found`, `410 gone` when it is deleted; `400 invalid_parameter` for a name that the type does not have.
    pub async fn get_expanded(
        &self,
        record: impl Into<Ref<T>>,
        fields: &str,
        expand: &str,
    ) -> Result<(Tagged<A>, BTreeMap<Uuid, Expanded>)> {
        #[derive(serde::Deserialize)]
        struct Beside {
            #[serde(default)]
            expanded: BTreeMap<Uuid, Expanded>,
        }
        let some = |names: &str| (!names.is_empty()).then(|| names.to_owned());
        let call = Self::at(Call::get, &[&record.into().to_string()]);
        let call = call.parameter("fields", some(fields)).parameter("expand", some(expand));
        let answer = self.client.send(call).await?;
        Ok((self.tag(&answer)?, answer.json::<Beside>()?.expanded))
    }

    /// One record, unless it still is the version of `etag`: then `None`.
    pub async fn get_if_none_match(&self, record: impl Into<Ref<T>>, etag: &str) -> Result<Option<Tagged<A>>> {
        let call = Self::at(Call::get, &[&record.into().to_string()]).header(header::IF_NONE_MATCH, etag)?;
        let answer = self.client.send(call).await?;
        if answer.status == 304 { Ok(None) } else { self.tag(&answer).map(Some) }
    }

    /// One record as it was at an instant.
    pub async fn as_of(&self, record: impl Into<Ref<T>>, at: Timestamp) -> Result<A> {
        let call = Self::at(Call::get, &[&record.into().to_string()]).parameter("as_of", Some(at));
        self.client.fetch(call).await
    }

    /// Changes the fields that the patch names. One that changes nothing returns the same version.
    ///
    /// # Errors
    /// `412 stale_version` with the current record ([`Error::current`]) when it has another version; `422 invalid`. After a broken
    /// connection the outcome is not known: read the record before trying again.
    pub async fn update(&self, record: impl Into<Ref<T>>, etag: &str, patch: &T::Update) -> Result<Tagged<A>> {
        let call = Self::at(Call::patch, &[&record.into().to_string()]).header(header::IF_MATCH, etag)?;
        self.tagged(self.marked(call).json(patch)?.merge_patch()).await
    }

    /// Deletes a record; it can be restored.
    ///
    /// # Errors
    /// `412 stale_version`; `409 still_referenced` while live records point to it.
    pub async fn delete(&self, record: impl Into<Ref<T>>, etag: &str) -> Result<()> {
        let call = Self::at(Call::delete, &[&record.into().to_string()]).header(header::IF_MATCH, etag)?;
        self.client.send(self.marked(call)).await.map(drop)
    }

    /// Brings a deleted record back, under the rules of a create; with an `etag`, only from that version.
    ///
    /// # Errors
    /// `409` when something else has taken its place meanwhile; `422 invalid`.
    pub async fn restore(&self, record: impl Into<Ref<T>>, etag: Option<&str>) -> Result<Tagged<A>> {
        self.verb(record, "restore", etag, None::<&()>).await
    }

    /// The first page of a record's versions, those that the caller may see.
    pub async fn history(&self, record: impl Into<Ref<T>>) -> Result<Page<HistoryEntry>> {
        self.client.fetch(Self::at(Call::get, &[&record.into().to_string(), "history"])).await
    }

    /// All versions of a record that the caller may see, page by page.
    pub fn history_stream<R: Into<Ref<T>>>(
        &self,
        record: R,
    ) -> impl Stream<Item = Result<HistoryEntry>> + Send + use<T, A, R> {
        let (client, first) = (self.client.clone(), Self::at(Call::get, &[&record.into().to_string(), "history"]));
        pages(move |cursor| {
            let (client, call) = (client.clone(), first.clone().parameter("cursor", cursor));
            async move { client.fetch(call).await }
        })
    }

    /// A call of the collection, or of what is below it.
    fn at<C>(call: impl FnOnce(&[&str]) -> C, below: &[&str]) -> C {
        call(&[&["v1", T::PLURAL], below].concat())
    }

    /// A page of a list.
    fn page(query: &ListQuery, cursor: Option<&str>) -> Call {
        Self::at(Call::get, &[]).query(query.pairs()).parameter("cursor", cursor)
    }

    /// `POST …/{id}/{verb}`: a change of state that is more than a field.
    async fn verb(
        &self,
        record: impl Into<Ref<T>>,
        verb: &str,
        etag: Option<&str>,
        body: Option<&impl serde::Serialize>,
    ) -> Result<Tagged<A>> {
        let mut call = self.post(&[&record.into().to_string(), verb])?;
        if let Some(etag) = etag {
            call = call.header(header::IF_MATCH, etag)?;
        }
        if let Some(body) = body {
            call = call.json(body)?;
        }
        self.tagged(call).await
    }

    fn post(&self, below: &[&str]) -> Result<Call> {
        let call = if self.dry_run {
            Self::at(Call::trial_post, below)
        } else {
            Self::at(|path| Call::keyed_post(path, self.key.as_deref()), below)?
        };
        Ok(self.marked(call))
    }

    fn marked(&self, call: Call) -> Call {
        call.parameter("dry_run", self.dry_run.then_some(true))
    }

    async fn tagged(&self, call: Call) -> Result<Tagged<A>> {
        let answer = self.client.send(call).await?;
        self.tag(&answer)
    }

    fn tag(&self, answer: &Answer) -> Result<Tagged<A>> {
        Tagged::of(answer, self.dry_run)
    }
}

impl<T: Stated, A: DeserializeOwned + Send + 'static> Records<T, A> {
    /// Moves a record to another state.
    ///
    /// # Errors
    /// `422 invalid` when its state does not lead there, or something is missing; `403` when the move is not the caller's;
    /// `412 stale_version`.
    pub async fn advance(&self, record: impl Into<Ref<T>>, etag: &str, step: &Advance<T>) -> Result<Tagged<A>> {
        self.verb(record, "advance", Some(etag), Some(step)).await
    }
}

/// The items of all pages, from the first.
pub(crate) fn pages<I, F>(page: impl FnMut(Option<String>) -> F + Send) -> impl Stream<Item = Result<I>> + Send
where
    I: Send,
    F: Future<Output = Result<Page<I>>> + Send,
{
    // What is left: the page behind a cursor (at first, behind none), or nothing.
    let pages = stream::try_unfold((page, Some(None)), |(mut page, left)| async move {
        let Some(cursor) = left else { return Ok(None) };
        let found = page(cursor).await?;
        let items = stream::iter(found.items.into_iter().map(Ok::<_, Error>));
        Ok::<_, Error>(Some((items, (page, found.next_cursor.map(Some)))))
    });
    pages.try_flatten()
}
