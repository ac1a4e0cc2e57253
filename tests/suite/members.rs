//! Moving members, their status, and which records refer to them.

use crate::support::on_both_engines;
use crate::support::ward::{member, unit};
use cell_records_client::types::accounts::Role;
use serde_json::{Value, json};

on_both_engines! {
    async fn a_move_keeps_the_old_stay_in_the_members_own_record(server: empty) {
        let ward = server.ward().await;
        let made = ward.office.post("/v1/members", member(&ward.a)).await.is(201);
        assert_eq!((&made.body["unit_since"], &made.body["unit_via"]), (&json!("2005-02-03"), &json!("admission")));
        let path = format!("/v1/members/{}", made.id());
        let moved = ward.office.patch(&path, made.etag(), json!({"unit_id": ward.b, "unit_since": "2012-07-01", "unit_via": "transfer"})).await.is(200);
        let first = json!({"unit_id": ward.a, "from": "2005-02-03", "to": "2012-07-01", "via": "admission"});
        assert_eq!((&moved.body["unit_history"], &moved.body["unit_via"]), (&json!([first]), &json!("transfer")));
        let back = ward.office.patch(&path, moved.etag(), json!({"unit_id": ward.a})).await.is(200);
        let since = back.body["unit_since"].clone();
        let second = json!({"unit_id": ward.b, "from": "2012-07-01", "to": since, "via": "transfer"});
        assert_eq!((&back.body["unit_history"], &back.body["unit_via"]), (&json!([first, second]), &json!("correction")));
        // What is sent of the past is set as it is.
        let set = ward.office.patch(&path, back.etag(), json!({"unit_id": ward.b, "unit_history": [first]})).await.is(200);
        assert_eq!(set.body["unit_history"], json!([first]));
        ward.office.patch(&path, set.etag(), json!({"unit_id": ward.ward})).await.faults(&[("/unit_id", "not_a_cell")]);
    }

    async fn a_move_needs_the_right_at_both_cells(server: empty) {
        let ward = server.ward().await;
        let path = format!("/v1/members/{}", ward.member(&ward.a).await);
        // The other cell is not seen from one of them: it is no unit.
        let one = server.acting(Role::CommitteeOffice, &ward.a).await;
        one.patch(&path, "*", json!({"unit_id": ward.b})).await.faults(&[("/unit_id", "reference_not_found")]);
        // It is seen, but not written.
        let grants = |role| vec![crate::support::http::over(Role::CommitteeOffice, &ward.a), crate::support::http::over(role, &ward.b)];
        let sees = server.granted(grants(Role::CellSecretary)).await;
        sees.patch(&path, "*", json!({"unit_id": ward.b})).await.refused(403, "forbidden");
        let both = server.granted(grants(Role::CommitteeOffice)).await;
        both.patch(&path, "*", json!({"unit_id": ward.b})).await.is(200);
        one.get(&path).await.refused(404, "not_found");
    }

    async fn the_status_moves_as_a_membership_does(server: empty) {
        let ward = server.ward().await;
        let mut body = member(&ward.a);
        for field in ["status", "official_date"] {
            body.as_object_mut().unwrap().remove(field);
        }
        let made = ward.office.post("/v1/members", body).await.is(201);
        assert_eq!((&made.body["status"], &made.body["education_level"], &made.body["party_age_start"]), (&json!("probationary"), &json!("unknown"), &json!("2005-02-03")));
        let path = format!("/v1/members/{}", made.id());
        let to = |status: &str| ward.office.patch(&path, "*", json!({"status": status, "left_on": "2014-01-01"}));
        for status in ["official", "suspended", "official", "temporary_out", "official", "abroad", "official"] {
            to(status).await.is(200);
        }
        to("probationary").await.faults(&[("/status", "status_move_not_allowed")]);
        to("expelled").await.is(200);
        for status in ["official", "abroad", "deceased"] {
            to(status).await.faults(&[("/status", "status_move_not_allowed")]);
        }
        // The last cell is kept.
        assert_eq!(ward.office.get(&path).await.body["unit_id"], ward.a.as_str());
    }

    async fn who_comes_back_has_no_number_that_another_member_has_by_then(server: empty) {
        let ward = server.ward().await;
        let numbers = json!({
            "profile_number": "113018NA", "personal_id": "040080123456", "card_numbers": [{"number": "12345678", "kind": "eight_digit"}],
        });
        for (field, number) in numbers.as_object().unwrap() {
            let body = |name: &str| {
                let mut body = member(&ward.a);
                (body["full_name"], body[field]) = (json!(name), number.clone());
                body
            };
            let gone = format!("/v1/members/{}", ward.office.post("/v1/members", body("Lê Hai")).await.is(201).id());
            ward.office.delete(&gone, "*").await.is(204);
            let holder = ward.office.post("/v1/members", body("Lê Khác")).await.is(201).id();
            ward.office.verb(&format!("{gone}/restore")).await.faults(&[(&format!("/{field}"), "number_taken")]);
            ward.office.delete(&format!("/v1/members/{holder}"), "*").await.is(204);
            ward.office.verb(&format!("{gone}/restore")).await.is(200);
        }
    }

    async fn what_is_referenced_is_not_deleted_and_only_what_the_caller_sees_is_named(server: empty) {
        let ward = server.ward().await;
        let (one, other) = (ward.member(&ward.a).await, ward.member(&ward.b).await);
        let path = format!("/v1/members/{one}");
        let of = |member: &str| json!({"introducers": [{"full_name": "Người giới thiệu", "member_id": member}]});
        ward.office.patch(&format!("/v1/members/{other}"), "*", of(&one)).await.is(200);
        let position = json!({"unit_id": ward.a, "member_id": one, "position_code": "other", "from": "2010-01-01", "basis": "elected"});
        let position = ward.office.post("/v1/positions", position).await.is(201).id();
        let named = |body: &Value| {
            let mut ids: Vec<String> = body["referenced_by"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
            ids.sort();
            ids
        };
        let mut both = vec![other.clone(), position.clone()];
        both.sort();
        let refused = ward.office.delete(&path, "*").await.refused(409, "still_referenced");
        assert_eq!(named(&refused.body), both);
        let cell = server.acting(Role::CommitteeOffice, &ward.a).await;
        assert_eq!(named(&cell.delete(&path, "*").await.refused(409, "still_referenced").body), [position.as_str()]);
        // Whoever is not seen cannot be referred to, and who is referred to already may stay.
        let mine = ward.member(&ward.a).await;
        cell.patch(&format!("/v1/members/{mine}"), "*", of(&other)).await.faults(&[("/introducers/0/member_id", "reference_not_found")]);
        cell.patch(&format!("/v1/members/{mine}"), "*", of(&uuid::Uuid::now_v7().to_string())).await.faults(&[("/introducers/0/member_id", "reference_not_found")]);
        ward.office.patch(&format!("/v1/members/{mine}"), "*", of(&other)).await.is(200);
        cell.patch(&format!("/v1/members/{mine}"), "*", json!({"introducers": [{"full_name": "Tên mới", "member_id": other}]})).await.is(200);
        // The last pointer gone, it goes.
        ward.office.delete(&format!("/v1/positions/{position}"), "*").await.is(204);
        ward.office.patch(&format!("/v1/members/{other}"), "*", json!({"introducers": null})).await.is(200);
        ward.office.delete(&path, "*").await.is(204);
        // What referred to it does not come back before it does.
        ward.office.verb(&format!("/v1/positions/{position}/restore")).await.faults(&[("/member_id", "reference_not_found")]);
        ward.office.verb(&format!("{path}/restore")).await.is(200);
        ward.office.verb(&format!("/v1/positions/{position}/restore")).await.is(200);
        for unit in [&ward.a, &ward.ward] {
            ward.office.delete(&format!("/v1/units/{unit}"), "*").await.refused(409, "still_referenced");
        }
        let term = ward.office.post("/v1/terms", json!({"unit_id": ward.b, "label": "Nhiệm kỳ", "from": "2010-01-01"})).await.is(201).id();
        ward.office.delete(&format!("/v1/terms/{term}"), "*").await.is(204);
        ward.office.patch(&format!("/v1/members/{mine}"), "*", json!({"introducers": null})).await.is(200);
        ward.office.delete(&format!("/v1/members/{other}"), "*").await.is(204);
        ward.office.delete(&format!("/v1/units/{}", ward.b), "*").await.is(204);
        ward.office.verb(&format!("/v1/terms/{term}/restore")).await.faults(&[("/unit_id", "reference_not_found")]);
        let group = ward.office.post("/v1/units", unit("party_group", &ward.a)).await.is(201).id();
        ward.office.delete(&format!("/v1/units/{group}"), "*").await.is(204);
    }

    async fn texts_are_stored_trimmed_composed_and_with_plain_spaces(server: empty) {
        let ward = server.ward().await;
        let mut body = member(&ward.a);
        body["full_name"] = json!("  Hoa\u{300}ng\u{a0}Thi\u{323} Lan ");
        let made = ward.office.post("/v1/members", body).await.is(201);
        assert_eq!(made.body["full_name"], "Hoàng Thị Lan");
    }
}
