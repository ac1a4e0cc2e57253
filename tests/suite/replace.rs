//! `replace`: what is absent is cleared, except for what the caller may not write, and what was computed is computed
//! again.

use crate::support::http::reference;
use crate::support::items::{known_as, update};
use crate::support::on_both_engines;
use crate::support::ward::member;
use cell_records_client::types::accounts::Role;
use cell_records_client::types::sync::{ItemStatus, PushItem};
use serde_json::{Value, json};
use uuid::Uuid;

/// A change that clears what it does not name.
fn replacing(kind: &str, id: &str, version: i64, fields: Value) -> PushItem {
    PushItem { replace: true, ..update(kind, Uuid::try_parse(id).unwrap(), version, fields) }
}

on_both_engines! {
    async fn a_replace_that_is_decided_again_elsewhere_clears_only_what_may_be_written_there(server: empty) {
        let ward = server.ward().await;
        let mut body = member(&ward.a);
        body["health_note"] = json!("Khỏe");
        body["phone"] = json!("+84912345678");
        let id = ward.office.post("/v1/members", body).await.is(201).id();
        // In the cell where the record would go it writes sensitive fields, in the one where the record is it only reads them.
        let here = [Role::ExchangePeer, Role::CommitteeLead].map(|role| (role, reference(&ward.a)));
        let grants = [&here[..], &[(Role::CommitteeOffice, reference(&ward.b))]].concat();
        let peer = server.peer("city", &grants).await;
        let taken = format!(
            "INSERT INTO external_ids (system, type, value, record_id) VALUES ('city', 'member', 'M-1', {})",
            server.database.uuid(Uuid::now_v7())
        );
        server.database.sql(&[taken]);
        // The database refuses the move, so that the replace is decided a second time, without it.
        let moved = update("member", Uuid::try_parse(&id).unwrap(), 1, json!({"unit_id": ward.b}));
        let answer = peer.push(vec![
            known_as(moved, "city", "M-1"),
            replacing("member", &id, 1, json!({"current_residence": "Khối 1"})),
        ]).await;
        use ItemStatus::{Conflict, Updated};
        assert_eq!(answer.items.iter().map(|item| item.status.clone()).collect::<Vec<_>>(), [Conflict, Updated]);
        let stored = ward.office.get(&format!("/v1/members/{id}")).await.is(200).body;
        assert_eq!((&stored["unit_id"], &stored["health_note"]), (&json!(ward.a), &json!("Khỏe")));
        assert_eq!((stored.get("phone"), &stored["current_residence"]), (None, &json!("Khối 1")));
    }

    async fn a_replace_that_was_refused_and_is_sent_again_keeps_what_its_sender_may_not_write(server: empty) {
        let ward = server.ward().await;
        let mut body = member(&ward.a);
        body["health_note"] = json!("Khỏe");
        let id = ward.office.post("/v1/members", body).await.is(201).id();
        let peer = server.peer("city", &[(Role::ExchangePeer, reference(&ward.ward))]).await;
        let fields = || json!({"current_residence": "Khối 1"});
        assert_eq!(peer.push(vec![replacing("member", &id, 7, fields())]).await.items[0].status, ItemStatus::Conflict);
        assert_eq!(peer.push(vec![replacing("member", &id, 1, fields())]).await.items[0].status, ItemStatus::Updated);
        assert_eq!(ward.office.get(&format!("/v1/members/{id}")).await.is(200).body["health_note"], "Khỏe");
    }

    async fn a_replace_computes_again_what_was_computed_and_keeps_what_was_sent(server: empty) {
        let ward = server.ward().await;
        let peer = server.peer("city", &[(Role::ExchangePeer, reference(&ward.ward))]).await;
        let mut body = member(&ward.a);
        body["admission_decision_date"] = json!("2005-01-20");
        let made = ward.office.post("/v1/members", body).await.is(201);
        let (id, path) = (made.id(), format!("/v1/members/{}", made.id()));
        assert_eq!(made.body["party_age_start"], "2005-01-20");
        peer.write(vec![replacing("member", &id, 1, json!({"current_residence": "Khối 1"}))]).await;
        let stored = ward.office.get(&path).await.is(200).body;
        assert_eq!((stored.get("admission_decision_date"), &stored["party_age_start"]), (None, &json!("2005-02-03")));
        let sent = json!({"party_age_start": "2004-01-01", "party_age_reason": "Quyết định số 7"});
        peer.write(vec![replacing("member", &id, 2, sent)]).await;
        assert_eq!(ward.office.get(&path).await.is(200).body["party_age_start"], "2004-01-01");
        ward.office.patch(&path, "*", json!({"admission_decision_date": "2005-01-20"})).await.is(200);
        assert_eq!(ward.office.get(&path).await.is(200).body["party_age_start"], "2004-01-01");
    }

    async fn a_score_that_was_computed_follows_its_sheet(server: empty) {
        let ward = server.ward().await;
        let (round, person) = (ward.round().await, ward.member(&ward.a).await);
        let sheet = |points: &str| json!([{"criterion": "c1", "points": points}, {"criterion": "c2", "points": "4"}]);
        let body = json!({"round_id": round, "member_id": person, "score_sheet": sheet("4.5")});
        let made = ward.office.post("/v1/member_evaluations", body).await.is(201);
        assert_eq!(made.body["score"], "8.5");
        let path = format!("/v1/member_evaluations/{}", made.id());
        let changed = ward.office.patch(&path, "*", json!({"score_sheet": sheet("5")})).await.is(200);
        assert_eq!(changed.body["score"], "9");
        ward.office.patch(&path, "*", json!({"score_sheet": sheet("5"), "score": "8"})).await.faults(&[("/score", "score_mismatch")]);
    }
}
