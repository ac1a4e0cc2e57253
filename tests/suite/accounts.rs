//! What an administrator may do: below its own unit, never to itself, never more than it has.

use crate::support::http::{Call, Caller, Reply, over};
use crate::support::server::PASSWORD;
use crate::support::ward::ROOT;
use crate::support::{Server, on_both_engines};
use cell_records_client::types::accounts::{CallerKind, Role};
use cell_records_server::db::DbError;
use cell_records_server::store::accounts::{self, Changes};
use cell_records_server::store::audit::By;
use cell_records_server::store::writer::WriteTx;
use cell_records_server::store::{grants, tokens};
use serde_json::{Value, json};
use std::pin::Pin;
use tokio::sync::oneshot;
use uuid::Uuid;

fn user(name: &str, unit: &str) -> Value {
    json!({"username": name, "display_name": "Cán bộ", "password": PASSWORD, "unit_id": unit})
}

fn items(body: &Value) -> &Vec<Value> {
    body["items"].as_array().unwrap()
}

/// A write that a caller sends.
type Write<'a> = Box<dyn Fn(&Caller) -> Call + 'a>;

/// What a request is answered that is let in first and reaches the writer after `change`, which is made meanwhile.
async fn overtaken(
    server: &Server,
    request: Call,
    change: impl for<'a> FnOnce(&'a mut WriteTx<'_>) -> Pin<Box<dyn Future<Output = Result<(), DbError>> + 'a>>
    + Send
    + 'static,
) -> Reply {
    let (begun, has_begun) = oneshot::channel();
    let (go, may_go) = oneshot::channel::<()>();
    let shared = server.running.shared.clone();
    let first = tokio::spawn(async move {
        let work = shared.writer.accounts(move |tx| {
            Box::pin(async move {
                begun.send(()).unwrap();
                may_go.await.unwrap();
                change(tx).await
            })
        });
        work.await.unwrap();
    });
    has_begun.await.unwrap();
    // The use of a token is noted when its bearer is let in.
    server.running.shared.tokens.take_used();
    let answer = tokio::spawn(request.into_future());
    while server.running.shared.tokens.take_used().is_empty() {
        tokio::task::yield_now().await;
    }
    go.send(()).unwrap();
    first.await.unwrap();
    answer.await.unwrap()
}

async fn disable(tx: &mut WriteTx<'_>, id: Uuid) -> Result<(), DbError> {
    let mut account = accounts::by_id(&mut tx.db(), CallerKind::System, id).await?.unwrap();
    accounts::change(tx, &By::operator(), &mut account, Changes { disabled: Some(true), ..Changes::default() }).await
}

async fn take_grants(tx: &mut WriteTx<'_>, id: Uuid) -> Result<(), DbError> {
    let account = accounts::by_id(&mut tx.db(), CallerKind::System, id).await?.unwrap();
    for grant in grants::list(&mut tx.db(), id).await? {
        assert!(grants::remove(tx, &By::operator(), &account, grant.id).await?);
    }
    Ok(())
}

async fn revoke_tokens(tx: &mut WriteTx<'_>, id: Uuid) -> Result<(), DbError> {
    tokens::revoke_all(tx, id).await
}

async fn made(admin: &Caller, name: &str, unit: &str) -> String {
    admin.post("/v1/users", user(name, unit)).await.is(201).id()
}

on_both_engines! {
    async fn an_administrator_of_a_ward_administers_that_ward_only(server: empty) {
        let ward = server.ward().await;
        let (root, mine) = (server.administrator().await, server.acting(Role::Administrator, &ward.ward).await);
        let (above, below) = (made(&root, "cap-tren", ROOT).await, made(&mine, "chi-bo", &ward.a).await);
        mine.post("/v1/users", user("ngoai", ROOT)).await.faults(&[("/unit_id", "outside_your_unit")]);
        mine.post("/v1/users", user("ngoai", &uuid::Uuid::now_v7().to_string())).await.faults(&[("/unit_id", "reference_not_found")]);
        mine.post("/v1/systems", json!({"name": "x", "contact": "y", "purpose": "z"})).await.faults(&[("/unit_id", "outside_your_unit")]);
        let listed = mine.all("/v1/users").await.0;
        assert_eq!(listed.iter().map(|user| user["username"].clone()).collect::<Vec<_>>(), ["chi-bo"]);
        for path in [format!("/v1/users/{above}"), format!("/v1/users/{above}/grants"), format!("/v1/users/{above}/sessions")] {
            mine.get(&path).await.refused(404, "not_found");
        }
        mine.patch(&format!("/v1/users/{above}"), "*", json!({"disabled": true})).await.refused(404, "not_found");
        let grants = format!("/v1/users/{below}/grants");
        let give = |unit: &str| mine.post(&grants, json!({"role": "committee_office", "unit_id": unit}));
        give(&ward.a).await.is(201);
        // Neither outside the account's unit nor above the administrator's.
        give(&ward.b).await.faults(&[("/unit_id", "outside_your_unit")]);
        give(ROOT).await.faults(&[("/unit_id", "outside_your_unit")]);
        mine.post(&grants, json!({"role": "king", "unit_id": "a", "until": "tomorrow", "fields": [1], "why": 2})).await.faults(&[
            ("/role", "unknown_code"), ("/unit_id", "reference_invalid"), ("/until", "wrong_format"), ("/fields/0", "wrong_type"), ("/why", "unknown_field"),
        ]);
        root.post(&grants, json!({"role": "cell_secretary", "unit_id": ward.ward})).await.faults(&[("/unit_id", "outside_your_unit")]);
        // An account whose grants reach further is not to be touched from below.
        let far = made(&root, "lien-cap", &ward.ward).await;
        root.post(&format!("/v1/users/{far}/grants"), json!({"role": "cell_secretary", "unit_id": ward.b})).await.is(201);
        let cell = server.acting(Role::Administrator, &ward.a).await;
        cell.get(&format!("/v1/users/{far}")).await.refused(404, "not_found");
    }

    async fn a_new_account_belongs_to_its_administrators_own_unit(server: empty) {
        let ward = server.ward().await;
        let root = server.administrator().await;
        let id = made(&root, "quan-tri", &ward.ward).await;
        root.post(&format!("/v1/users/{id}/grants"), json!({"role": "administrator", "unit_id": ward.ward})).await.is(201);
        let mine = server.logged_in("quan-tri", PASSWORD).await;
        let user = json!({"username": "chi-bo", "display_name": "Chi bộ", "password": PASSWORD});
        assert_eq!(mine.post("/v1/users", user).await.is(201).body["unit_id"], ward.ward);
        let system = json!({"name": "Phường", "contact": "a", "purpose": "b"});
        assert_eq!(mine.post("/v1/systems", system).await.is(201).body["unit_id"], ward.ward);
    }

    async fn an_account_with_wider_rights_than_its_administrator_is_not_taken_over(server: empty) {
        let ward = server.ward().await;
        let other = ward.office.post("/v1/units", crate::support::ward::unit("grassroots_committee", ROOT)).await.is(201).id();
        let (root, mine) = (server.administrator().await, server.acting(Role::Administrator, &ward.ward).await);
        let clerk = made(&mine, "thu-ky", &ward.ward).await;
        let path = format!("/v1/users/{clerk}");
        mine.post(&format!("{path}/grants"), json!({"role": "committee_office", "unit_id": ward.a})).await.is(201);
        let password = json!({"password": "con chó nằm dưới gốc cây"});
        mine.patch(&path, "*", password.clone()).await.is(200);
        // The cell leaves the ward, and the clerk's grant goes with it.
        ward.office.patch(&format!("/v1/units/{}", ward.a), "*", json!({"parent_id": other})).await.is(200);
        mine.get(&path).await.is(200);
        mine.patch(&path, "*", password.clone()).await.refused(403, "forbidden");
        mine.post(&format!("{path}/grants"), json!({"role": "committee_office", "unit_id": ward.b})).await.refused(403, "forbidden");
        root.patch(&path, "*", password).await.is(200);
    }

    async fn administrator_and_what_shows_personal_data_exclude_each_other(server: empty) {
        let root = server.administrator().await;
        let (user, system) = (made(&root, "thu-ky", ROOT).await, server.granted(Vec::new()).await.id);
        let give = |path: &str, grant: Value| {
            let mut body = json!({"unit_id": ROOT});
            body.as_object_mut().unwrap().extend(grant.as_object().unwrap().clone());
            root.post(&format!("/v1/{path}/grants"), body)
        };
        let administrator = || json!({"role": "administrator"});
        for account in [format!("users/{user}"), format!("systems/{system}")] {
            let first = give(&account, administrator()).await.is(201);
            for role in ["committee_office", "committee_lead", "cell_secretary", "inspection_commission", "exchange_peer"] {
                give(&account, json!({"role": role})).await.faults(&[("/role", "roles_conflict")]);
            }
            let named = json!({"role": "frontend_reader", "fields": ["unit_evaluation.reasons"]});
            give(&account, named).await.faults(&[("/role", "roles_conflict")]);
            for role in ["frontend_reader", "auditor"] {
                give(&account, json!({"role": role})).await.is(201);
            }
            root.delete(first.header("location"), "*").await.is(204);
            // One after the other, never at once.
            give(&account, json!({"role": "exchange_peer", "until": "2100-01-01T00:00:00Z"})).await.is(201);
            give(&account, administrator()).await.faults(&[("/role", "roles_conflict")]);
            give(&account, json!({"role": "administrator", "from": "2099-12-31T00:00:00Z"})).await.faults(&[("/role", "roles_conflict")]);
            give(&account, json!({"role": "administrator", "from": "2100-01-01T00:00:00Z"})).await.is(201);
        }
        let operator = server.operator();
        for (role, name) in [("committee_office", "admin"), ("administrator", "van-phong")] {
            if name != "admin" {
                operator.add_user(name, name, PASSWORD, None).await.unwrap();
                operator.grant(CallerKind::User, name, "committee_office", None, None, Vec::new()).await.unwrap();
            }
            let refused = operator.grant(CallerKind::User, name, role, None, None, Vec::new()).await.unwrap_err();
            assert!(refused.contains("administrator together with a role that reads personal data"), "{refused}");
        }
    }

    async fn the_office_and_the_lead_of_a_unit_see_who_sees_it_and_since_when(server: empty) {
        let ward = server.ward().await;
        let root = server.administrator().await;
        let clerk = made(&root, "thu-ky", &ward.ward).await;
        let grants = format!("/v1/users/{clerk}/grants");
        let give = |role: &str, unit: &str, until: &str| root.post(&grants, json!({"role": role, "unit_id": unit, "from": "2014-01-01T00:00:00Z", "until": until}));
        give("cell_secretary", &ward.a, "2015-01-01T00:00:00Z").await.is(201);
        let secretary = give("cell_secretary", &ward.a, "2100-01-01T00:00:00Z").await.is(201).body;
        let reader = server.acting(Role::FrontendReader, &ward.ward).await;
        let gone = server.acting(Role::FrontendReader, &ward.ward).await;
        server.acting(Role::FrontendReader, &ward.b).await;
        root.patch(&format!("/v1/systems/{}", gone.id), "*", json!({"disabled": true})).await.is(200);
        let lead = server.acting(Role::CommitteeLead, &ward.a).await;

        let path = format!("/v1/units/{}/grants", ward.a);
        let seen = lead.all(&format!("{path}?limit=2")).await.0;
        let of = |account: &str| seen.iter().filter(|grant| grant["account_id"] == account).collect::<Vec<_>>();
        let expected: std::collections::BTreeSet<&str> = [root.id.as_str(), &clerk, &reader.id, &lead.id, &ward.office.id, &ward.writer.id].into();
        assert_eq!(seen.iter().map(|grant| grant["account_id"].as_str().unwrap()).collect::<std::collections::BTreeSet<_>>(), expected);
        // The writer has two roles.
        assert_eq!(seen.len(), 7, "each once, and none that is over: {seen:?}");
        let shown = of(&clerk)[0];
        assert_eq!(
            (&shown["id"], &shown["account_kind"], &shown["account_name"], &shown["display_name"], &shown["role"], &shown["unit_id"], &shown["from"]),
            (&secretary["id"], &json!("user"), &json!("thu-ky"), &json!("Cán bộ"), &json!("cell_secretary"), &json!(ward.a), &json!("2014-01-01T00:00:00.000000Z")),
        );
        assert_eq!((&of(&ward.office.id)[0]["unit_id"], &of(&reader.id)[0]["unit_id"]), (&json!(ROOT), &json!(ward.ward)));
        assert_eq!(ward.office.all(&path).await.0, seen);

        reader.get(&path).await.refused(403, "forbidden");
        root.get(&path).await.refused(403, "forbidden");
        lead.get(&format!("/v1/units/{}/grants", ward.ward)).await.refused(403, "forbidden");
        lead.get(&format!("/v1/units/{}/grants", ward.b)).await.refused(404, "not_found");
        lead.get("/v1/units/nothing/grants").await.refused(404, "not_found");
        lead.get(&format!("{path}?colour=red")).await.refused(400, "invalid_parameter");
    }

    async fn the_last_administrator_of_the_root_stays(server: empty) {
        let (admin, system) = (server.administrator().await, server.acting(Role::Administrator, ROOT).await);
        let path = format!("/v1/users/{}", admin.id);
        let own = items(&admin.get(&format!("{path}/grants")).await.is(200).body)[0]["id"].as_str().unwrap().to_owned();
        let (disable, take) = (|| system.patch(&path, "*", json!({"disabled": true})), || system.delete(&format!("{path}/grants/{own}"), "*"));
        let operator = server.operator();
        disable().await.refused(409, "last_administrator");
        take().await.refused(409, "last_administrator");
        let refused = operator.set_disabled(CallerKind::User, "admin", true, false).await.unwrap_err();
        assert!(refused.contains("--yes"), "{refused}");
        // Neither one for a time, nor one of a unit below, nor one that is disabled takes its place.
        let other = made(&admin, "quan-tri", ROOT).await;
        let grants = format!("/v1/users/{other}/grants");
        admin.post(&grants, json!({"role": "administrator", "unit_id": ROOT, "until": "2100-01-01T00:00:00Z"})).await.is(201);
        disable().await.refused(409, "last_administrator");
        admin.post(&grants, json!({"role": "administrator", "unit_id": ROOT})).await.is(201);
        let switch = |disabled: bool| system.patch(&format!("/v1/users/{other}"), "*", json!({"disabled": disabled}));
        switch(true).await.is(200);
        disable().await.refused(409, "last_administrator");
        switch(false).await.is(200);
        disable().await.is(200);
        switch(true).await.refused(409, "last_administrator");
        operator.set_disabled(CallerKind::User, "quan-tri", true, true).await.unwrap();
        // Where there is none, others can be disabled.
        operator.add_user("thu-ky", "Thư ký", PASSWORD, None).await.unwrap();
        operator.set_disabled(CallerKind::User, "thu-ky", true, false).await.unwrap();
    }

    async fn a_write_whose_sender_was_disabled_or_whose_token_was_revoked_meanwhile_is_refused(server: empty) {
        let ward = server.ward().await;
        let member = || crate::support::ward::member(&ward.a);
        for number in 0..2 {
            let office = server.acting(Role::CommitteeOffice, &ward.ward).await;
            let id = office.id.parse().unwrap();
            let write = office.post("/v1/members", member());
            let answer = match number {
                0 => overtaken(server, write, move |tx| Box::pin(disable(tx, id))).await,
                _ => overtaken(server, write, move |tx| Box::pin(revoke_tokens(tx, id))).await,
            };
            answer.refused(401, "unauthenticated");
            let admin = server.acting(Role::Administrator, ROOT).await;
            let id = admin.id.parse().unwrap();
            let write = admin.post("/v1/users", user("thu-ky", ROOT));
            let answer = match number {
                0 => overtaken(server, write, move |tx| Box::pin(disable(tx, id))).await,
                _ => overtaken(server, write, move |tx| Box::pin(revoke_tokens(tx, id))).await,
            };
            answer.refused(401, "unauthenticated");
        }
        let push = json!({"items": [{"type": "member", "op": "create", "id": Uuid::now_v7(), "fields": member()}]});
        let office = server.acting(Role::CommitteeOffice, &ward.ward).await;
        let id = office.id.parse().unwrap();
        let write = office.post("/v1/sync/push", push).header("idempotency-key", "k");
        overtaken(server, write, move |tx| Box::pin(disable(tx, id))).await.refused(401, "unauthenticated");
        assert_eq!(ward.office.get("/v1/members?count=exact").await.body["total"], 0);
        let users = server.administrator().await.all("/v1/users").await.0;
        assert_eq!(users.iter().map(|user| user["username"].clone()).collect::<Vec<_>>(), ["admin"]);
    }

    async fn a_write_on_accounts_is_judged_by_the_rights_at_its_turn(server: empty) {
        let ward = server.ward().await;
        let root = server.administrator().await;
        let clerk = made(&root, "thu-ky", &ward.ward).await;
        let system = server.granted(vec![over(Role::FrontendReader, &ward.ward)]).await;
        let tokens = format!("/v1/systems/{}/tokens", system.id);
        let token = items(&root.get(&tokens).await.body)[0]["id"].as_str().unwrap().to_owned();
        let grant = items(&root.get(&format!("/v1/systems/{}/grants", system.id)).await.body)[0]["id"].as_str().unwrap().to_owned();
        let (user_path, system_path) = (format!("/v1/users/{clerk}"), format!("/v1/systems/{}", system.id));
        let writes: Vec<Write<'_>> = vec![
            Box::new(|mine| mine.post("/v1/users", user("moi", ROOT))),
            Box::new(|mine| mine.post("/v1/systems", json!({"name": "Tỉnh", "contact": "a", "purpose": "b", "unit_id": ROOT}))),
            Box::new(|mine| mine.patch(&user_path, "*", json!({"password": "con chó nằm dưới gốc cây"}))),
            Box::new(|mine| mine.patch(&system_path, "*", json!({"disabled": true}))),
            Box::new(|mine| mine.post(&format!("{user_path}/grants"), json!({"role": "committee_office", "unit_id": ward.ward}))),
            Box::new(|mine| mine.delete(&format!("{system_path}/grants/{grant}"), "*")),
            Box::new(|mine| mine.post(&tokens, json!({"name": "t", "expires_at": "2027-01-01T00:00:00Z"}))),
            Box::new(|mine| mine.verb(&format!("{tokens}/{token}/rotate"))),
            Box::new(|mine| mine.delete(&format!("{tokens}/{token}"), "*")),
            Box::new(|mine| mine.delete(&format!("{user_path}/sessions"), "*")),
        ];
        let before = root.all("/v1/users").await.0;
        for write in writes {
            let mine = server.acting(Role::Administrator, ROOT).await;
            let id = mine.id.parse().unwrap();
            let answer = overtaken(server, write(&mine), move |tx| Box::pin(take_grants(tx, id))).await;
            assert!(matches!((answer.status, answer.code()), (403, "forbidden") | (422, "invalid")), "{answer:?}");
        }
        assert_eq!(root.all("/v1/users").await.0, before);
        assert_eq!(items(&root.get(&tokens).await.body).len(), 1);
        server.logged_in("thu-ky", PASSWORD).await;
        system.get("/v1/me").await.is(200);
    }

    async fn nobody_changes_their_own_grants(server: empty) {
        let admin = server.administrator().await;
        let own = format!("/v1/users/{}/grants", admin.id);
        admin.post(&own, json!({"role": "committee_office", "unit_id": ROOT})).await.refused(403, "forbidden");
        let grant = items(&admin.get(&own).await.is(200).body)[0]["id"].as_str().unwrap().to_owned();
        admin.delete(&format!("{own}/{grant}"), "*").await.refused(403, "forbidden");
        admin.patch(&format!("/v1/users/{}", admin.id), "*", json!({"disabled": true})).await.refused(403, "forbidden");
        let system = server.acting(Role::Administrator, ROOT).await;
        system.post(&format!("/v1/systems/{}/grants", system.id), json!({"role": "committee_office", "unit_id": ROOT})).await.refused(403, "forbidden");
        system.post(&format!("/v1/systems/{}/tokens", system.id), json!({"name": "t", "expires_at": "2027-01-01T00:00:00Z"})).await.refused(403, "forbidden");
    }

    async fn a_disabled_account_is_out_within_a_second_and_comes_back(server: empty) {
        let admin = server.administrator().await;
        let id = made(&admin, "thu-ky", ROOT).await;
        let (person, system) = (server.logged_in("thu-ky", PASSWORD).await, server.acting(Role::CommitteeOffice, ROOT).await);
        system.get("/v1/me").await.is(200);
        for (path, caller) in [(format!("/v1/users/{id}"), &person), (format!("/v1/systems/{}", system.id), &system)] {
            assert_eq!(admin.patch(&path, "*", json!({"disabled": true})).await.is(200).body["disabled"], true);
            caller.becomes("/v1/me", 401).await;
        }
        server.login("thu-ky", PASSWORD).await.refused(401, "login_failed");
        admin.patch(&format!("/v1/users/{id}"), "*", json!({"disabled": false})).await.is(200);
        server.logged_in("thu-ky", PASSWORD).await;
        admin.patch(&format!("/v1/users/{id}"), "*", json!({"password": "một mật khẩu khác"})).await.is(200);
        server.login("thu-ky", PASSWORD).await.refused(401, "login_failed");
    }

    async fn a_removed_grant_ends_within_a_second(server: empty) {
        let ward = server.ward().await;
        let path = format!("/v1/members/{}", ward.member(&ward.a).await);
        let caller = server.granted(vec![over(Role::CellSecretary, &ward.a), over(Role::FrontendReader, &ward.ward)]).await;
        caller.get(&path).await.is(200);
        let admin = server.administrator().await;
        let grants = format!("/v1/systems/{}/grants", caller.id);
        let listed = admin.get(&grants).await.is(200).body;
        let grant = items(&listed).iter().find(|grant| grant["role"] == "cell_secretary").unwrap()["id"].as_str().unwrap().to_owned();
        admin.delete(&format!("{grants}/{grant}"), "*").await.is(204);
        caller.becomes(&path, 403).await.refused(403, "type_not_readable");
        admin.delete(&format!("{grants}/{grant}"), "*").await.refused(404, "not_found");
        admin.post(&grants, json!({"role": "cell_secretary", "unit_id": ward.a})).await.is(201);
        caller.becomes(&path, 200).await;
    }

    async fn accounts_have_names_that_nobody_else_has(server: empty) {
        let admin = server.administrator().await;
        made(&admin, "van-phong", ROOT).await;
        let taken = |answer: Reply| answer.refused(409, "not_unique").body["errors"][0].clone();
        let second = taken(admin.post("/v1/users", user("van-phong", ROOT)).await);
        assert_eq!((&second["pointer"], &second["code"]), (&json!("/username"), &json!("name_taken")));
        admin.post("/v1/users", json!({"username": "Văn phòng", "password": "ngắn"})).await.faults(&[("/username", "wrong_format"), ("/display_name", "required")]);
        admin.post("/v1/users", json!({"username": "ai-do", "display_name": "x", "password": "ngắn"})).await.faults(&[("/password", "invalid_password")]);
        let system = |code: Option<&str>| admin.post("/v1/systems", json!({"name": "Tỉnh Nghệ An", "contact": "a", "purpose": "b", "code": code}));
        assert_eq!(system(None).await.is(201).body["code"], "tinh-nghe-an");
        // Registered twice is a mistake, unless another code says that another system is meant.
        let second = taken(system(None).await);
        assert_eq!((&second["pointer"], &second["code"]), (&json!("/name"), &json!("system_exists")));
        assert_eq!(system(Some("tinh-nghe-an-2")).await.is(201).body["code"], "tinh-nghe-an-2");
        let second = taken(system(Some("tinh-nghe-an")).await);
        assert_eq!((&second["pointer"], &second["code"]), (&json!("/code"), &json!("name_taken")));
        system(Some("Tỉnh")).await.faults(&[("/code", "wrong_format")]);
        for number in 3..6 {
            system(Some(&format!("tinh-nghe-an-{number}"))).await.is(201);
        }
        assert_eq!(admin.all("/v1/systems?limit=2").await.0.len(), 5);
        let text = admin.all("/v1/users").await.1;
        assert!(!text.contains("password") && !text.contains("argon2"), "{text}");
    }
}
