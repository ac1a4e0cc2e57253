//! What a push refuses: conflicts, clashes, faults and rules, and what the answer says of each.

use crate::push::{CELL, faults, get, statuses, ward};
use crate::support::actors::demo;
use crate::support::items::{delete, item, known_as, member, named, unit, update, without_id};
use crate::support::on_both_engines;
use cell_records_client::types::accounts::Role;
use cell_records_client::types::sync::{ConflictReason, ItemStatus, PushBatch, PushItem, PushOp};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;

on_both_engines! {
    async fn another_version_is_a_conflict_that_names_what_differs_and_may_be_read(server: demo) {
        let peer = server.peer("city", &ward()).await;
        let office = server.user("office", &[(Role::CommitteeOffice, demo("ward"))]).await.1;
        let id = Uuid::now_v7();
        peer.push(vec![member(id, CELL, "Ngô Văn K")]).await;
        let of = |version, fields| PushBatch::new(vec![update("member", id, version, fields)]);
        let sensitive = json!({"ethnicity": "01", "phone": "+84911111111"});
        office.push(&of(1, sensitive), "office").await.unwrap();

        let stale = peer.push_batch(&of(1, json!({"phone": "+84922222222", "full_name": "Ngô Văn K"}))).await;
        let one = &stale.items[0];
        assert_eq!((&one.status, one.version, one.id), (&ItemStatus::Conflict, Some(2), Some(id)));
        let conflict = one.conflict.as_ref().unwrap();
        assert_eq!((&conflict.reason, conflict.current_version), (&ConflictReason::Version, Some(2)));
        let named: Vec<_> = conflict.fields.iter().map(|field| (field.field.as_str(), &field.current, &field.incoming)).collect();
        assert_eq!(named, [("phone", &json!("+84911111111"), &json!("+84922222222"))]);
        assert_eq!(faults(&stale, 0), [("/if_version", "stale_version")]);

        // What the caller may not read is not shown, not even that it differs.
        let masked = peer.push_batch(&of(1, json!({"ethnicity": "04"}))).await;
        let text = serde_json::to_string(&masked).unwrap();
        assert!(!text.contains("\"01\""), "{text}");
        assert!(masked.items[0].conflict.as_ref().is_none_or(|conflict| conflict.fields.is_empty()), "{text}");
        let whole = office.push(&of(1, json!({"ethnicity": "04"})), "again").await.unwrap();
        assert_eq!(whole.items[0].conflict.as_ref().unwrap().fields[0].current, "01");
        // What equals what is stored is unchanged, whatever version it was built on.
        let same = peer.push_batch(&of(1, json!({"phone": "+84911111111"}))).await;
        assert_eq!(statuses(&same), [ItemStatus::Unchanged]);
        // An update must say what it was built on; an upsert takes what is there.
        let blind = PushItem { if_version: None, ..update("member", id, 1, json!({"phone": "+84933333333"})) };
        let answer = peer.push(vec![blind.clone()]).await;
        assert_eq!((statuses(&answer), faults(&answer, 0)), (vec![ItemStatus::Invalid], vec![("/if_version", "precondition_required")]));
        let answer = peer.push(vec![PushItem { op: PushOp::Upsert, ..blind }]).await;
        assert_eq!((&answer.items[0].status, answer.items[0].version), (&ItemStatus::Updated, Some(3)));
        // The second item of one call may name the version from before it, or the first's.
        let twice = peer.push(vec![
            update("member", id, 3, json!({"phone": "+84944444444"})),
            update("member", id, 3, json!({"email": "k@example.vn"})),
            update("member", id, 5, json!({"occupation_current": "Giáo viên"})),
        ]).await;
        assert_eq!(statuses(&twice), vec![ItemStatus::Updated; 3]);
        assert_eq!(get(&peer, "members", id).await.body["version"], 6);
    }

    async fn a_deleted_record_comes_back_by_restore_only(server: demo) {
        let peer = server.peer("city", &ward()).await;
        let id = Uuid::now_v7();
        peer.push(vec![known_as(member(id, CELL, "Dương Văn L"), "city", "L")]).await;
        assert_eq!(statuses(&peer.push(vec![delete("member", id, 7)]).await), [ItemStatus::Conflict]);
        let deleted = peer.push(vec![delete("member", id, 1)]).await;
        assert_eq!((&deleted.items[0].status, deleted.items[0].version), (&ItemStatus::Deleted, Some(2)));
        assert_eq!(get(&peer, "members", id).await.status, 410);
        let by_external = without_id(known_as(member(id, CELL, "Dương Văn L"), "city", "L"));
        for item in [
            update("member", id, 2, json!({"phone": "+84912345678"})),
            delete("member", id, 2),
            member(id, CELL, "Dương Văn L"),
            PushItem { op: PushOp::Upsert, ..by_external },
        ] {
            let answer = peer.push(vec![item.clone()]).await;
            assert_eq!(statuses(&answer), [ItemStatus::Conflict], "{item:?}");
            assert_eq!(answer.items[0].conflict.as_ref().unwrap().reason, ConflictReason::Deleted, "{item:?}");
        }
        let back = peer.push(vec![item(PushOp::Restore, "member", id, json!({}))]).await;
        assert_eq!((&back.items[0].status, back.items[0].version), (&ItemStatus::Restored, Some(3)));
        let again = peer.push(vec![item(PushOp::Restore, "member", id, json!({}))]).await;
        assert_eq!(statuses(&again), [ItemStatus::Unchanged]);
        assert_eq!(get(&peer, "members", id).await.body["full_name"], "Dương Văn L");
        // What others point to stays.
        let shown = peer.get("/v1/units?limit=1&q=khối 1", &[]).await;
        let cell = shown.body["items"][0].clone();
        let cell_id = Uuid::try_parse(cell["id"].as_str().unwrap()).unwrap();
        let held = peer.push(vec![delete("unit", cell_id, cell["version"].as_i64().unwrap())]).await;
        assert_eq!(held.items[0].conflict.as_ref().unwrap().reason, ConflictReason::Referenced);
    }

    async fn external_ids_of_different_records_match_none(server: demo) {
        let (peer, other) = (server.peer("city", &ward()).await, server.peer("province", &ward()).await);
        peer.push(vec![
            known_as(member(Uuid::now_v7(), CELL, "Đào Văn M"), "city", "M"),
            known_as(member(Uuid::now_v7(), CELL, "Đào Văn N"), "city", "N"),
        ]).await;
        let both = known_as(known_as(without_id(member(Uuid::nil(), CELL, "Đào Văn O")), "city", "M"), "city", "N");
        let answer = peer.push(vec![PushItem { op: PushOp::Upsert, ..both }]).await;
        assert_eq!((statuses(&answer), faults(&answer, 0)), (vec![ItemStatus::DuplicateMatch], vec![("/external_ids", "duplicate_match")]));
        // A taken one is a clash that tells nothing.
        let taken = peer.push(vec![known_as(member(Uuid::now_v7(), CELL, "Đào Văn P"), "city", "M")]).await;
        let one = &taken.items[0];
        assert_eq!((&one.status, one.id, one.version), (&ItemStatus::Conflict, None, None));
        assert_eq!(one.conflict.as_ref().unwrap().reason, ConflictReason::Unique);
        // Another system's ids are not one's own to give, nor those of nobody.
        for system in ["city", "unknown"] {
            let foreign = other.push(vec![known_as(member(Uuid::now_v7(), CELL, "Đào Văn Q"), system, "Q")]).await;
            assert_eq!(statuses(&foreign), [ItemStatus::Invalid]);
            assert_eq!(foreign.items[0].errors[0].pointer, "/external_ids/0/system");
        }
    }

    async fn a_clash_outside_the_scope_tells_only_that_it_clashes(server: demo) {
        let inside = server.peer("cell", &[(Role::ExchangePeer, demo("cell-01"))]).await;
        let outside = server.peer("city", &ward()).await;
        let hidden = Uuid::now_v7();
        outside.push(vec![member(hidden, "ext:demo:cell-02", "Lương Văn R")]).await;
        let answer = inside.push(vec![
            member(hidden, CELL, "Lương Văn R"),
            PushItem { op: PushOp::Upsert, ..member(hidden, CELL, "Lương Văn R") },
            update("member", hidden, 1, json!({"phone": "+84912345678"})),
            delete("member", hidden, 1),
            member(Uuid::now_v7(), "ext:demo:cell-02", "Lương Văn S"),
            update("member", Uuid::now_v7(), 1, json!({"phone": "+84912345678"})),
        ]).await;
        use ItemStatus::{Conflict, NotFound};
        assert_eq!(statuses(&answer)[..4], [Conflict, Conflict, NotFound, NotFound]);
        assert_eq!(statuses(&answer)[5], NotFound);
        assert!(!answer.items[4].status.is_success());
        for one in &answer.items {
            assert_eq!((one.id.filter(|id| *id == hidden), one.version, &one.record), (None, None, &None));
        }
        let conflict = answer.items[0].conflict.as_ref().unwrap();
        assert_eq!((&conflict.reason, conflict.current_version, conflict.fields.len()), (&ConflictReason::Unique, None, 0));
        assert_eq!(faults(&answer, 0), [("/id", "id_taken")]);
    }

    async fn an_external_id_that_a_hidden_record_has_is_taken_and_goes_with_no_id(server: demo) {
        let inside = server.peer("cell", &[(Role::ExchangePeer, demo("cell-01"))]).await;
        let wide = server.acting(Role::CommitteeOffice, "ext:demo:ward").await;
        let hidden = Uuid::now_v7();
        inside.push(vec![known_as(member(hidden, CELL, "Lương Văn T"), "cell", "T")]).await;
        wide.patch(&format!("/v1/members/{hidden}"), "*", json!({"unit_id": "ext:demo:cell-02"})).await.is(200);
        let (with_its_id, without) = (known_as(member(hidden, CELL, "Lương Văn U"), "cell", "T"), known_as(member(Uuid::now_v7(), CELL, "Lương Văn U"), "cell", "T"));
        let answer = inside.push(vec![with_its_id, member(hidden, CELL, "Lương Văn U"), without.clone(), without_id(without)]).await;
        assert!(answer.items.iter().all(|one| one.status == ItemStatus::Conflict && one.id.is_none() && one.conflict.as_ref().unwrap().fields.is_empty()));
        // Whether its external id goes with its id is not said.
        assert_eq!((faults(&answer, 0), faults(&answer, 1)), (vec![("/id", "id_taken")], vec![("/id", "id_taken")]));
        for index in [2, 3] {
            assert_eq!(faults(&answer, index), [("/external_ids/0/value", "external_id_taken")]);
        }
    }

    async fn every_fault_of_an_item_is_reported_with_its_place(server: demo) {
        let peer = server.peer("city", &ward()).await;
        let mut many = member(Uuid::now_v7(), "ext:demo:nowhere", "  ");
        many.fields.insert("sex".into(), json!("none"));
        many.fields.insert("shoe_size".into(), json!(43));
        many.fields.remove("admission_date");
        let answer = peer.push(vec![many, member(Uuid::now_v7(), CELL, "Kiều Văn U")]).await;
        assert_eq!(statuses(&answer), [ItemStatus::Invalid, ItemStatus::Created]);
        let reported: BTreeSet<_> = faults(&answer, 0).into_iter().collect();
        for fault in [
            ("/fields/full_name", "empty"), ("/fields/sex", "unknown_code"), ("/fields/shoe_size", "unknown_field"),
            ("/fields/admission_date", "required"), ("/fields/unit_id", "reference_not_found"),
        ] {
            assert!(reported.contains(&fault), "{fault:?} in {reported:?}");
        }
        let raw = json!({"items": [
            {"op": "erase", "type": "member", "id": Uuid::now_v7()},
            {"op": "create", "type": "person", "id": Uuid::now_v7()},
            {"op": "create", "type": "member", "fields": {}},
            7,
            {"op": "create", "type": "member", "id": "ref:a", "fields": []},
            {"op": "delete", "type": "member", "id": Uuid::now_v7(), "if_version": 0},
        ]});
        let reply = peer.push_raw(Some("raw"), raw.to_string()).await;
        assert_eq!(reply.status, 207);
        let pointers = |index: usize| -> Vec<String> {
            let errors = reply.body["items"][index]["errors"].as_array().cloned().unwrap_or_default();
            errors.iter().map(|error| format!("{} {}", error["pointer"].as_str().unwrap(), error["code"].as_str().unwrap())).collect()
        };
        assert_eq!(pointers(0), ["/op unknown_code"]);
        assert_eq!(pointers(1), ["/type unknown_code"]);
        assert!(pointers(2).contains(&"/id identity_required".to_owned()), "{:?}", pointers(2));
        assert_eq!(pointers(3), [" wrong_type"]);
        assert!(pointers(4).contains(&"/fields wrong_type".to_owned()), "{:?}", pointers(4));
        assert!(!pointers(5).is_empty());
    }

    async fn a_closed_round_takes_no_more_evaluations(server: demo) {
        let peer = server.peer("city", &ward()).await;
        let items = async |path: &str| peer.get(path, &[]).await.body["items"].as_array().unwrap().clone();
        let id = |record: &Value| Uuid::try_parse(record["id"].as_str().unwrap()).unwrap();
        let rounds = items("/v1/evaluation_rounds?limit=100").await;
        let closed = rounds.iter().find(|round| round["state"] == "locked").expect("the demo has a locked round");
        let one = items(&format!("/v1/member_evaluations?limit=1&round_id={}", closed["id"].as_str().unwrap())).await.remove(0);
        let version = one["version"].as_i64().unwrap();
        let created = |round: Uuid| item(PushOp::Create, "member_evaluation", Uuid::now_v7(), json!({
            "unit_id": one["unit_id"], "member_id": one["member_id"], "round_id": round}));
        let change = json!({"civil_servant_grade": "Sửa sau khi đã khóa"});
        let answer = peer.push(vec![
            update("member_evaluation", id(&one), version, change.clone()),
            delete("member_evaluation", id(&one), version),
        ]).await;
        for index in [0, 1] {
            assert_eq!(answer.items[index].status, ItemStatus::Conflict, "{answer:?}");
            assert_eq!(answer.items[index].conflict.as_ref().unwrap().reason, ConflictReason::State);
            assert_eq!(faults(&answer, index), [("", "round_closed")]);
        }
        // In a round that is not closed the same is done: it is the round that refuses it.
        let open = Uuid::now_v7();
        let answer = peer.push(vec![
            item(PushOp::Create, "evaluation_round", open, json!({
                "unit_id": one["unit_id"], "scheme_id": closed["scheme_id"], "year": closed["year"]})),
            created(open),
        ]).await;
        assert_eq!(statuses(&answer), [const { ItemStatus::Created }; 2], "{answer:?}");
        let made = answer.items[1].id.unwrap();
        let answer = peer.push(vec![
            update("member_evaluation", made, 1, change),
            delete("member_evaluation", made, 2),
        ]).await;
        assert_eq!(statuses(&answer), [ItemStatus::Updated, ItemStatus::Deleted], "{answer:?}");
    }

    async fn a_unit_that_was_filled_in_the_same_batch_cannot_be_deleted_in_it(server: demo) {
        let peer = server.peer("city", &ward()).await;
        let (cell, one) = (Uuid::now_v7(), Uuid::now_v7());
        let answer = peer.push(vec![
            unit(cell, "ext:demo:ward", "cell", "Chi bộ số 25"),
            member(one, &cell.to_string(), "Âu Văn A"),
            delete("unit", cell, 1),
        ]).await;
        use ItemStatus::{Conflict, Created};
        assert_eq!(statuses(&answer), [Created, Created, Conflict]);
        assert_eq!(answer.items[2].conflict.as_ref().unwrap().reason, ConflictReason::Referenced);
        // Emptied in the same batch it can.
        let (cell, one) = (Uuid::now_v7(), Uuid::now_v7());
        let answer = peer.push(vec![
            unit(cell, "ext:demo:ward", "cell", "Chi bộ số 26"),
            member(one, &cell.to_string(), "Âu Văn D"),
            delete("member", one, 1),
            delete("unit", cell, 1),
        ]).await;
        assert_eq!(statuses(&answer), [Created, Created, ItemStatus::Deleted, ItemStatus::Deleted]);
    }

    async fn a_rule_sees_what_lies_outside_the_batch_for_what_the_batch_made(server: demo) {
        let office = server.user("office", &[(Role::CommitteeOffice, demo("city"))]).await.1;
        let (ward, cell) = (Uuid::now_v7(), Uuid::now_v7());
        // The code is taken in the ward, which only the last item of the three makes a matter of this cell.
        let batch = PushBatch::new(vec![
            unit(ward, "ext:demo:city", "grassroots_committee", "Đảng bộ phường Hưng Phúc"),
            unit(cell, &ward.to_string(), "cell", "Chi bộ khối 1"),
            update("unit", cell, 1, json!({"code": "01"})),
            update("unit", cell, 2, json!({"parent_id": "ext:demo:ward"})),
        ]);
        let answer = office.push(&batch, "k").await.unwrap();
        use ItemStatus::{Created, Invalid, Updated};
        assert_eq!(statuses(&answer), [Created, Created, Updated, Invalid]);
        assert_eq!(answer.items[3].errors[0].code, "code_taken", "{answer:?}");
    }

    async fn what_refers_to_a_refused_item_is_blocked(server: demo) {
        let peer = server.peer("city", &ward()).await;
        let (cell, inner) = (Uuid::now_v7(), Uuid::now_v7());
        let answer = peer.push(vec![
            named(member(inner, "ref:bad", "Phan Văn H"), "h"),
            named(unit(cell, "ext:demo:ward", "no_such_kind", "Chi bộ"), "bad"),
            update("member", Uuid::now_v7(), 1, json!({"readmission_of": "ref:h"})),
            member(Uuid::now_v7(), CELL, "Phan Văn I"),
        ]).await;
        use ItemStatus::{Blocked, Created, Invalid};
        assert_eq!(statuses(&answer), [Blocked, Invalid, Blocked, Created]);
        assert_eq!(faults(&answer, 0), [("", "blocked")]);
        assert_eq!(answer.items[0].errors[0].message, "This item refers to an item of this call that was refused.");
        assert_eq!(faults(&answer, 1), [("/fields/kind", "unknown_code")]);
    }


    async fn another_epoch_refuses_a_push(server: demo) {
        let peer = server.peer("city", &ward()).await;
        let id = Uuid::now_v7();
        let mut batch = PushBatch::new(vec![member(id, CELL, "La Văn Y")]);
        batch.epoch = Some("lost".into());
        let error = peer.client.push(&batch, "k").await.unwrap_err();
        assert_eq!((error.status(), error.code()), (Some(409), Some("epoch_changed")));
        batch.epoch = Some(peer.client.sync_info().await.unwrap().epoch);
        assert_eq!(statuses(&peer.client.push(&batch, "k").await.unwrap()), [ItemStatus::Created]);
    }
}
