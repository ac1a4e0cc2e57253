//! The client and `cellsync` of today before a server of a later year: nothing is lost, nothing is done twice, and what is not
//! known is kept.

use crate::cellsync::{at, ran};
use crate::push::ward;
use crate::support::actors::{demo, grant};
use crate::support::copies::{assert_same, held, visible};
use crate::support::http::reference;
use crate::support::items::{delete, item, member, update};
use crate::support::next_year::{FIELD, LATER, OATHS, oath};
use crate::support::on_both_engines;
use crate::support::server::PASSWORD;
use crate::support::ward::{ROOT, WRITERS};
use cell_records_client::sync::{CopyStore, Outbox, SqliteStore, SyncSession, Take};
use cell_records_client::testing::{Fault, TestServer};
use cell_records_client::types::accounts::{GrantCreate, RefreshToken, Role, Rotation, TokenCreate, UserUpdate};
use cell_records_client::types::pages::ListQuery;
use cell_records_client::types::sync::{ConflictReason, ItemStatus, PushBatch, PushMode, PushOp};
use cell_records_client::types::work::{WorkCode, WorkQuery};
use cell_records_client::types::{self, Member, MemberCreate, MemberUpdate, RecordType, Sex};
use cell_records_client::{Client, Error, Paging};
use futures_util::TryStreamExt;
use serde_json::{Map, Value, json};
use std::path::Path;
use uuid::Uuid;

fn client(server: &TestServer, token: &str) -> Client {
    server.client().access_token(token).build().unwrap()
}

/// What a typed record knows of a record.
fn known(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(known).collect(),
        Value::Object(map) => {
            let parts = map.iter().filter(|(name, _)| *name != FIELD);
            Value::Object(parts.map(|(name, value)| (name.clone(), known(value))).collect())
        }
        other => other.clone(),
    }
}

/// Reads all records of a type, typed and as they are, and compares the two. Returns how many there are.
async fn same<T: RecordType>(client: &Client) -> usize {
    let query = || ListQuery { limit: Some(500), ..ListQuery::default() };
    let typed: Vec<T> = client.records::<T>().stream(query()).try_collect().await.unwrap();
    let raw: Vec<Map<String, Value>> = client.records::<T>().raw().stream(query()).try_collect().await.unwrap();
    for (typed, raw) in typed.iter().zip(&raw) {
        assert!(raw.contains_key(FIELD), "{}", T::NAME);
        // A flag that is not there is `false`.
        let mut typed = serde_json::to_value(typed).unwrap();
        typed.as_object_mut().unwrap().retain(|name, value| raw.contains_key(name) || *value != json!(false));
        assert_eq!(typed, known(&Value::Object(raw.clone())), "{}", T::NAME);
    }
    assert_eq!(typed.len(), raw.len());
    typed.len()
}

on_both_engines! {
    async fn typed_calls_read_a_server_of_a_later_year_and_give_back_what_they_do_not_know(server: demo) {
        let later = server.next_year();
        let (_, plain) = server.user("office", &WRITERS.map(|role| (role, demo("ward")))).await;
        let office = later.client().login("office", PASSWORD).build().unwrap();
        let mut count = 0;
        macro_rules! same { ($($name:ident,)+) => { $(count += same::<types::$name>(&office).await;)+ } }
        types::record_types!(same);
        assert_eq!(count, visible(&plain).await.len());

        let members = office.records::<Member>();
        let query = ListQuery { limit: Some(1), expand: Some("unit_id".into()), count: true, ..ListQuery::default() };
        let page = members.list(&query).await.unwrap();
        let first = &page.items[0];
        assert_eq!((page.total, page.expanded.unwrap().len()), (Some(1168), 1));
        let before = members.get(first.id).await.unwrap();
        assert!(matches!(&before.record.sex, Sex::Unknown(code) if code.starts_with(LATER)));
        // A code that is not known is given back as it came, so this changes nothing.
        let patch = MemberUpdate { sex: Some(before.record.sex.clone()), ..MemberUpdate::default() };
        let unchanged = members.update(first.id, &before.etag, &patch).await.unwrap();
        assert_eq!((unchanged.record.version, &unchanged.etag), (before.record.version, &before.etag));
        let work = |text: &str| MemberUpdate { occupation_current: Some(Some(text.into())), ..MemberUpdate::default() };
        let changed = members.update(first.id, &before.etag, &work("Giáo viên")).await.unwrap();
        assert_eq!(changed.record.version, before.record.version + 1);
        let stale = members.update(first.id, &before.etag, &work("Nghỉ hưu")).await.unwrap_err();
        assert_eq!((stale.status(), stale.code(), stale.is_retryable()), (Some(412), Some("next_year_stale_version"), false));
        assert_eq!(stale.current::<Member>().unwrap().record, changed.record);
        assert!(stale.problem().unwrap().more.contains_key(FIELD));

        let made: MemberCreate = serde_json::from_value(json!({
            "unit_id": first.unit_id, "full_name": "Lê Văn Sau", "sex": before.record.sex, "birth_date": "1980-05-19",
            "admission_date": "2005-02-03",
        })).unwrap();
        let new = members.create(&made).await.unwrap();
        assert_eq!(new.record.sex, before.record.sex);
        let wrong = members.create(&MemberCreate { birth_date: "2199-01-01".parse().unwrap(), ..made }).await.unwrap_err();
        assert!(matches!(&wrong, Error::Problem { status: 422, problem, .. } if problem.errors[0].code.starts_with(LATER)), "{wrong}");
        let history: Vec<_> = members.history_stream(first.id).try_collect().await.unwrap();
        assert_eq!(history.len(), 2);
        members.delete(new.record.id, &new.etag).await.unwrap();
        assert_eq!(members.get(new.record.id).await.unwrap_err().status(), Some(410));
        members.restore(new.record.id, None).await.unwrap();
        let counts = members.counts("status", &ListQuery::default()).await.unwrap();
        assert_eq!((counts.total, counts.groups.iter().map(|group| group.count).sum::<i64>()), (1169, 1169));
        office.list_unit_grants(&first.unit_id.into(), &Paging::default()).await.unwrap();
        assert!(office.get_me().await.unwrap().grants.iter().all(|grant| matches!(grant.role, Role::Unknown(_))));
        office.list_my_sessions(&Paging::default()).await.unwrap();
        // The probation of the demo's last eight, and of the new one, ended long ago.
        let work = WorkQuery { what: vec![WorkCode::ProbationEnds], limit: Some(3), ..WorkQuery::default() };
        let due: Vec<_> = office.work_items_stream(work).try_collect().await.unwrap();
        assert_eq!((due.len(), due.iter().filter(|item| item.display.is_some()).count()), (9, 9));
    }

    async fn accounts_and_metadata_of_a_later_year_are_read(server: empty) {
        let later = server.next_year();
        let admin = later.client().login("admin", PASSWORD).build().unwrap();
        let (user, _) = server.user("office", &[(Role::CommitteeOffice, reference(ROOT))]).await;
        let users: Vec<_> = admin.users().stream().try_collect().await.unwrap();
        assert_eq!(users.len(), 2);
        let found = admin.users().get(user.id).await.unwrap();
        let named = UserUpdate { display_name: Some("Văn phòng".into()), ..UserUpdate::new() };
        assert_eq!(admin.users().update(user.id, &found.etag, &named).await.unwrap().record.version, 2);
        let grants = admin.users().list_grants(user.id, &Paging::default()).await.unwrap().items;
        assert_eq!(grants[0].role, Role::Unknown("next_year_committee_office".into()));
        // A role goes back as it came.
        let again = GrantCreate::new(grants[0].role.clone(), grants[0].unit_id);
        assert_eq!(admin.users().create_grant(user.id, &again).await.unwrap().record.id, grants[0].id);
        let peer = server.peer("city", &[]).await;
        let systems = admin.systems();
        assert_eq!(systems.list(&Paging::default()).await.unwrap().items.len(), 1);
        let issued = systems.create_token(peer.system.id, &TokenCreate::new("one")).await.unwrap();
        let rotated = systems.rotate_token(peer.system.id, issued.id, &Rotation::new()).await.unwrap();
        assert_eq!(systems.list_tokens(peer.system.id, &Paging::default()).await.unwrap().items.len(), 3);
        client(&later, &rotated.token).exchange_token().await.unwrap();
        server.user("auditor", &[(Role::Auditor, reference(ROOT))]).await;
        let auditor = later.client().login("auditor", PASSWORD).build().unwrap();
        assert!(!auditor.audit_events(&Paging::default()).await.unwrap().items.is_empty());
        assert!(admin.roles().await.unwrap().items.iter().all(|one| matches!(one.role, Role::Unknown(_))));
        let described = admin.record_types().await.unwrap().items;
        assert_eq!((described.len(), described[0].name.as_str()), (types::RECORD_TYPES.len() + 1, "oath"));
        assert!(!admin.code_lists().await.unwrap().items.is_empty());
        assert!(!admin.rules().await.unwrap().items.is_empty());
        let tokens = admin.login(&types::accounts::Login::new("office", PASSWORD)).await.unwrap();
        let tokens = admin.refresh_session(&RefreshToken::new(tokens.refresh_token.unwrap())).await.unwrap();
        admin.logout(&RefreshToken::new(tokens.refresh_token.unwrap())).await.unwrap();
        admin.readyz().await.unwrap();
    }

    async fn a_copy_of_a_server_of_a_later_year_is_whole(server: demo) {
        let later = server.next_year();
        let (city, province) = (server.peer("city", &ward()).await, server.peer("province", &ward()).await);
        let client = client(&later, &city.token.token);
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("copy.sqlite")).unwrap();
        let mut session = SyncSession::new(client.clone(), store);
        let pulled = session.pull_until_current(|_| ()).await.unwrap();
        assert!(pulled.current && !pulled.miscounted, "{pulled:?}");
        let whole = async |session: &SyncSession<SqliteStore>| {
            // With all that is not known: fields at every level, and codes.
            assert_same(&held(session.store()), &visible(&client).await, "the copy");
            let oaths = session.store().versions("oath").unwrap();
            assert_eq!(oaths.into_keys().collect::<Vec<_>>(), (1..=OATHS).map(oath).collect::<Vec<_>>());
        };
        whole(&session).await;
        assert!(session.store().get("oath", oath(1)).unwrap().unwrap().record.contains_key("words"));

        // Others write, and this side pushes: a change, one that changes nothing, a conflict, one that is wrong, a new record.
        let ids: Vec<Uuid> = session.store().versions("member").unwrap().into_keys().take(5).collect();
        let change = |index: usize, text: &str| update("member", ids[index], 1, json!({"occupation_current": text}));
        province.write(vec![change(0, "của tỉnh"), delete("reported_figure", session.store().versions("reported_figure").unwrap().into_keys().next().unwrap(), 1)]).await;
        let new = Uuid::now_v7();
        let same = session.store().get("member", ids[2]).unwrap().unwrap().record["full_name"].clone();
        let wrong = update("member", ids[3], 1, json!({"birth_date": "2199-01-01"}));
        let settled = update("member", ids[2], 1, json!({"full_name": same}));
        session.enqueue(&[change(0, "của phố"), change(1, "của phố"), settled, wrong, member(new, "ext:demo:cell-01", "Võ Văn Mới")]).unwrap();
        let mut warned = 0;
        let pushed = session.push_each(|_, result| warned += result.warnings.len()).await.unwrap();
        assert_eq!((pushed.accepted, pushed.conflicts, pushed.invalid, pushed.waiting), (2, 2, 1, 0));
        assert!(warned >= 5, "{warned}");
        let refused = session.store().refused().unwrap();
        let found: Vec<_> = refused.iter().map(|one| (one.number, one.result.status.clone(), one.is_conflict())).collect();
        assert_eq!(found, [
            (1, ItemStatus::Conflict, true), (2, ItemStatus::Unknown("next_year_unchanged".into()), true), (3, ItemStatus::Invalid, false),
        ]);
        let conflict = refused[0].result.conflict.as_ref().unwrap();
        assert_eq!((&conflict.reason, conflict.current_version), (&ConflictReason::Unknown("next_year_version".into()), Some(2)));
        let pulled = session.pull_until_current(|_| ()).await.unwrap();
        assert_eq!(pulled.removed, 1, "{pulled:?}");
        whole(&session).await;
        assert_eq!(session.store().version("member", new).unwrap(), Some(1));

        // Somebody decides: this side holds, upon the version that the server named.
        session.store_mut().resolve(1, Take::Mine).unwrap();
        assert_eq!(session.push().await.unwrap().accepted, 1);
        session.pull_until_current(|_| ()).await.unwrap();
        whole(&session).await;
        assert_eq!(session.store().get("member", ids[0]).unwrap().unwrap().record["occupation_current"], "của phố");

        // A push whose answer is lost is done once.
        let once = Uuid::now_v7();
        session.enqueue(&[member(once, "ext:demo:cell-01", "Võ Văn Một")]).unwrap();
        later.fault(Fault::Lost);
        assert_eq!(session.push().await.unwrap().accepted, 1);
        assert_eq!(client.records::<Member>().get(once).await.unwrap().record.version, 1);
        // A batch that must be whole says of each item what was wrong.
        let mut batch = PushBatch::new(vec![item(PushOp::Update, "member", ids[4], json!({"birth_date": "2199-01-01"}))]);
        batch.mode = PushMode::All;
        let refused = client.push(&batch, "all").await.unwrap_err();
        assert_eq!(refused.push_answer().unwrap().items.len(), 1, "{refused}");

        // The rights change: the reason is not known, and the copy begins anew.
        server.ungrant(&city, city.grants[0]).await;
        server.grant(&city, grant(Role::ExchangePeer, demo("cell-01"))).await;
        let pulled = session.pull_until_current(|_| ()).await.unwrap();
        assert!(pulled.restarted && pulled.swept > 1_000 && !pulled.miscounted, "{pulled:?}");
        whole(&session).await;
    }

    async fn cellsync_keeps_a_copy_of_a_server_of_a_later_year(server: demo) {
        let later = server.next_year();
        let city = server.peer("city", &ward()).await;
        let folder = tempfile::tempdir().unwrap();
        let (store, file) = (folder.path().join("copy.sqlite"), folder.path().join("change.ndjson"));
        let cellsync = async |arguments: &[&str]| ran(at(later.url(), &city.token.token, Path::new(&store)), arguments).await;
        let (status, out, err) = cellsync(&["pull"]).await;
        assert!(status == 0 && !out.contains("WARNING") && err.is_empty(), "{out}{err}");
        let (_, out, _) = cellsync(&["status", "--json"]).await;
        let held = serde_json::from_str::<Value>(&out).unwrap()["held"].clone();
        assert_eq!((&held["oath"], &held["member"]), (&json!(OATHS), &json!(1168)));
        let (_, out, _) = cellsync(&["whoami"]).await;
        assert!(out.contains("grant    next_year_exchange_peer of"), "{out}");

        let members: Vec<Uuid> = SqliteStore::open(&store).unwrap().versions("member").unwrap().into_keys().take(2).collect();
        let change = |index: usize, version| update("member", members[index], version, json!({"occupation_current": "Nghỉ hưu"}));
        let lines = [change(0, 1), change(1, 7)].map(|item| serde_json::to_string(&item).unwrap());
        std::fs::write(&file, lines.join("\n")).unwrap();
        let (status, out, _) = cellsync(&["push", file.to_str().unwrap()]).await;
        for part in ["1 accepted, 1 conflict,", "next_year_doubt: Somebody doubts it.", "conflict (next_year_version), the server has version 1"] {
            assert!(status == 1 && out.contains(part), "{part}: {out}");
        }
        let (_, out, _) = cellsync(&["conflicts"]).await;
        assert!(out.contains("/if_version next_year_stale_version"), "{out}");
        let (_, out, _) = cellsync(&["conflicts", "1"]).await;
        assert!(out.contains("mine was built on 7, current 1"), "{out}");
        assert_eq!(cellsync(&["conflicts", "1", "--take", "mine"]).await.0, 0);
        let (status, out, err) = cellsync(&["push"]).await;
        assert!(status == 0 && out.contains("1 accepted"), "{out}{err}");

        let (status, out, err) = cellsync(&["check"]).await;
        assert!(status == 0 && out.contains("oath: the copy holds 2, the server 2, 0 differ"), "{out}{err}");
        let db = rusqlite::Connection::open(&store).unwrap();
        db.execute("DELETE FROM records WHERE id IN (?1, ?2)", [oath(1).to_string(), members[0].to_string()]).unwrap();
        drop(db);
        let (status, out, err) = cellsync(&["check", "--repair"]).await;
        assert!(status == 0 && out.contains("the copy was repaired, and is what the server has"), "{out}{err}");
        let (status, out, err) = cellsync(&["export", "--types", "oath,member"]).await;
        let records: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(status == 0 && records.len() == 1170, "{err}");
        assert!(records.iter().filter(|record| record["type"] == "member").all(|record| record[FIELD]["since"] == 2027));
        assert_eq!(records[0]["words"], "…");
    }
}
