//! The history of a record: its versions, each with who wrote it.

use super::collection::Collection;
use super::view::RecordView;
use super::{find_as, resolve};
use crate::auth::caller::Who;
use crate::error::{self, ApiError, ApiResult};
use crate::http::pages;
use crate::http::params::Params;
use crate::state::App;
use crate::store::accounts::{self, Account};
use crate::store::history::{self, Version};
use crate::store::record::Stored;
use actix_web::http::header::LINK;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use cell_records_types::accounts::Role;
use cell_records_types::pages::{HistoryEntry, HistoryOp, Page};
use cell_records_types::{Class, Uuid};
use std::collections::{BTreeSet, HashMap};

/// Bytes of bodies after which a page of history ends.
const LARGE_PAGE: usize = 4 << 20;
/// Versions that are read at a time.
const VERSIONS_AT_ONCE: usize = 100;

/// `GET /v1/{types}/{id}/history`
pub async fn list(
    Collection { kind, mut who }: Collection,
    app: App,
    path: Path<String>,
    request: HttpRequest,
) -> ApiResult<HttpResponse> {
    let not_found = || ApiError::new(&error::NOT_FOUND);
    let id = resolve(&app, &mut who, kind, &path).await?.ok_or_else(not_found)?;
    let record = find_as(&app, &mut who, kind, id, Class::Public).await?.ok_or_else(not_found)?;
    let mut params = Params::of(&request)?;
    let query = format!("history {}", record.id);
    let wanted = pages::PageRequest::<i64>::of(&mut params, &app, &who, query)?;
    params.end()?;
    let limit = usize::try_from(wanted.limit).unwrap_or(usize::MAX);
    let (items, next) = versions(&app, &who, &record, wanted.after, limit).await?;
    let items = name_writers(&app, &who, items).await?;
    let next = next.and_then(|below| wanted.next(&app, &who, below));
    let mut response = HttpResponse::Ok();
    if let Some(cursor) = &next {
        response.insert_header((
            LINK,
            format!("</v1/{}/{}/history?cursor={cursor}>; rel=\"next\"", kind.plural, record.id),
        ));
    }
    Ok(response.json(Page::new(items, next)))
}

/// A page of versions, each with the unit of its record then, below a row of the log, and the row that the next page begins below, if there is one. It ends early
/// where its bodies are large.
async fn versions(
    app: &App,
    who: &Who,
    record: &Stored,
    mut below: Option<i64>,
    limit: usize,
) -> ApiResult<(Vec<(Uuid, HistoryEntry)>, Option<i64>)> {
    let (mut items, mut left, mut bytes) = (Vec::new(), limit, 0);
    loop {
        let size = left.min(VERSIONS_AT_ONCE);
        // One more: the version before the last shows what that one changed, and that more follow.
        let rows = i64::try_from(size + 1).unwrap_or(i64::MAX);
        let versions = app.reads.single(async |db| history::versions(db, record, below, rows).await).await?;
        for (index, version) in versions.iter().take(size).enumerate() {
            let before = versions.get(index + 1).map(|before| &before.record);
            items.extend(entry(who, version, before).map(|entry| (version.record.unit_id, entry)));
            (below, left) = (Some(version.seq), left - 1);
            bytes += version.record.body.0.iter().map(String::len).sum::<usize>();
            if before.is_none() {
                return Ok((items, None));
            }
            if left == 0 || bytes >= LARGE_PAGE {
                return Ok((items, below));
            }
        }
        if versions.is_empty() {
            return Ok((items, None));
        }
    }
}

/// A version as the caller may see it: filtered by its rights in the unit that the record belonged to then.
fn entry(who: &Who, version: &Version, before: Option<&Stored>) -> Option<HistoryEntry> {
    let record = &version.record;
    let view = RecordView::of(&who.scope, record)?;
    Some(HistoryEntry {
        version: record.version,
        op: HistoryOp::from_code(&version.op).unwrap_or_else(|| HistoryOp::Unknown(version.op.clone())),
        at: record.updated_at,
        actor: version.actor,
        actor_kind: None,
        actor_name: None,
        origin: record.origin.clone(),
        request_id: version.request_id.clone(),
        changed: history::changed(&who.scope, before, record),
        record: record.is_live().then(|| serde_json::from_str(&view.text(record)).unwrap_or_default()),
    })
}

/// Says of each writer what it is and what it is called, where the caller shares a unit with it: a grant of the caller
/// covers the unit of the writer's account, or the caller is office or lead over the unit that the record belonged to when it
/// was written (decision 9). To others who works above them or elsewhere is not said.
async fn name_writers(app: &App, who: &Who, items: Vec<(Uuid, HistoryEntry)>) -> ApiResult<Vec<HistoryEntry>> {
    let ids: BTreeSet<Uuid> = items.iter().filter_map(|(_, entry)| entry.actor).collect();
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let writers = match ids.is_empty() {
        true => Vec::new(),
        false => app.reads.single(async |db| accounts::by_ids(db, &ids).await).await?,
    };
    let writers: HashMap<Uuid, &Account> = writers.iter().map(|writer| (writer.id, writer)).collect();
    let leads = |unit| who.scope.holds(unit, |role| matches!(role, Role::CommitteeOffice | Role::CommitteeLead));
    let named = |(unit, mut entry): (Uuid, HistoryEntry)| {
        if let Some(writer) = entry.actor.and_then(|actor| writers.get(&actor))
            && (writer.id == who.identity.account || who.scope.holds(writer.unit, |_| true) || leads(unit))
        {
            entry.actor_kind = Some(writer.kind.clone());
            entry.actor_name = Some(writer.display_name.clone());
        }
        entry
    };
    Ok(items.into_iter().map(named).collect())
}
