//! The tree: re-parenting, its rights, its cycles, and what it does to who sees what.

use crate::support::http::{over, reference};
use crate::support::items;
use crate::support::on_both_engines;
use crate::support::ward::{ROOT, unit};
use cell_records_client::types::accounts::Role;
use cell_records_client::types::sync::ItemStatus;
use serde_json::json;
use uuid::Uuid;

on_both_engines! {
    async fn a_unit_that_moves_takes_its_people_into_other_scopes(server: empty) {
        let ward = server.ward().await;
        let person = ward.member(&ward.a).await;
        let other = ward.office.post("/v1/units", unit("grassroots_committee", ROOT)).await.is(201).id();
        let (old, new) = (server.acting(Role::CommitteeOffice, &ward.ward).await, server.acting(Role::CommitteeOffice, &other).await);
        let path = format!("/v1/members/{person}");
        old.get(&path).await.is(200);
        new.get(&path).await.refused(404, "not_found");
        let before = ward.office.get(&format!("/v1/units/{}", ward.a)).await.is(200);
        let moved = ward.office.patch(&format!("/v1/units/{}", ward.a), before.etag(), json!({"parent_id": other, "parent_since": "2026-01-01"})).await;
        // Only from the previous date on.
        moved.faults(&[("/parent_since", "parent_since_out_of_range")]);
        let moved = ward.office.patch(&format!("/v1/units/{}", ward.a), before.etag(), json!({"parent_id": other})).await.is(200);
        assert_eq!(moved.body["version"], 2);
        old.get(&path).await.refused(404, "not_found");
        assert_eq!(new.get(&path).await.is(200).body["version"], 1);
        let chain = new.get(&format!("/v1/units?ancestors_of={}&fields=id", ward.a)).await.is(200);
        assert!(chain.text.contains(&other) && !chain.text.contains(&ward.ward));
        for (caller, expected) in [(&old, 0), (&new, 1), (&ward.office, 1)] {
            assert_eq!(caller.get("/v1/members?count=exact").await.is(200).body["total"], expected);
            assert_eq!(caller.feed().await.contains(&person), expected == 1);
        }
    }

    async fn a_re_parent_needs_the_right_at_both_parents(server: empty) {
        let ward = server.ward().await;
        let other = ward.office.post("/v1/units", unit("grassroots_committee", ROOT)).await.is(201).id();
        let path = format!("/v1/units/{}", ward.a);
        let patch = || json!({"parent_id": other});
        let here = vec![over(Role::CommitteeOffice, &ward.ward)];
        server.granted(here.clone()).await.patch(&path, "*", patch()).await.faults(&[("/parent_id", "reference_not_found")]);
        let reads = [here.clone(), vec![over(Role::FrontendReader, &other)]].concat();
        server.granted(reads).await.patch(&path, "*", patch()).await.refused(403, "forbidden");
        let there = vec![over(Role::CommitteeOffice, &ward.a), over(Role::CommitteeOffice, &other)];
        server.granted(there).await.patch(&path, "*", patch()).await.refused(403, "forbidden");
        let both = [here, vec![over(Role::CommitteeOffice, &other)]].concat();
        server.granted(both).await.patch(&path, "*", patch()).await.is(200);
    }

    async fn no_unit_is_ever_below_itself(server: empty) {
        let ward = server.ward().await;
        let group = ward.office.post("/v1/units", unit("party_group", &ward.a)).await.is(201).id();
        let patch = |id: &str, parent: &str| ward.office.patch(&format!("/v1/units/{id}"), "*", json!({"parent_id": parent}));
        for below in [&ward.ward, &ward.a, &group] {
            patch(&ward.ward, below).await.faults(&[("/parent_id", "unit_cycle")]);
        }
        patch(ROOT, &ward.ward).await.faults(&[("/parent_id", "unit_cycle")]);
        ward.office.patch(&format!("/v1/units/{}", ward.a), "*", json!({"parent_id": null})).await.faults(&[("/parent_id", "required")]);
        assert_eq!(ward.office.get(&format!("/v1/units/{}", ward.ward)).await.body["parent_id"], ROOT);
    }

    async fn the_first_start_makes_one_root_with_a_fixed_id(server: empty) {
        let root = server.administrator().await.get(&format!("/v1/units/{ROOT}")).await.is(200).body;
        assert_eq!((&root["kind"], &root["name"], &root["version"]), (&json!("central_committee"), &json!("Trung ương"), &json!(1)));
        assert_eq!((root.get("parent_id"), &root["unit_id"]), (None, &json!(ROOT)));
    }

    async fn the_tree_is_at_most_sixteen_levels_deep(server: empty) {
        let ward = server.ward().await;
        let peer = server.peer("city", &[(Role::CommitteeOffice, reference(ROOT))]).await;
        let ids: Vec<Uuid> = (0..1_000).map(|_| Uuid::now_v7()).collect();
        let parents = std::iter::once(ROOT.to_owned()).chain(ids.iter().map(Uuid::to_string));
        let chain = ids.iter().zip(parents).map(|(id, parent)| items::unit(*id, &parent, "grassroots_committee", &format!("Đảng ủy {id}")));
        let answer = peer.push(chain.collect()).await;
        // The root is the first level.
        let created = answer.items.iter().take_while(|item| item.status == ItemStatus::Created).count();
        assert_eq!((created, answer.summary["created"]), (15, 15));
        let refused = &answer.items[15];
        assert_eq!((refused.errors[0].pointer.as_str(), refused.errors[0].code.as_str()), ("/fields/parent_id", "unit_too_deep"));
        ward.office.post("/v1/units", unit("grassroots_committee", &ids[14].to_string())).await.faults(&[("/parent_id", "unit_too_deep")]);
        // A subtree of three levels goes below the 13th level and no further.
        let middle = ward.office.post("/v1/units", unit("grassroots_committee", &ward.ward)).await.is(201).id();
        ward.office.post("/v1/units", unit("cell", &middle)).await.is(201);
        let path = format!("/v1/units/{}", ward.ward);
        ward.office.patch(&path, "*", json!({"parent_id": ids[12]})).await.faults(&[("/parent_id", "unit_too_deep")]);
        ward.office.patch(&path, "*", json!({"parent_id": ids[11]})).await.is(200);
    }
}
