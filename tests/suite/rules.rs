//! The rules of each type: bad bodies with all their faults at once, by pointer and code; warnings.

use crate::support::on_both_engines;
use crate::support::ward::{ROOT, figure, member, scheme, unit};
use serde_json::{Value, json};

fn with(mut body: Value, fields: Value) -> Value {
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

fn codes(warnings: &[(String, String)]) -> Vec<(&str, &str)> {
    warnings.iter().map(|(pointer, code)| (pointer.as_str(), code.as_str())).collect()
}

on_both_engines! {
    async fn all_faults_of_a_members_body_are_reported_at_once(server: empty) {
        let ward = server.ward().await;
        let nobody = uuid::Uuid::now_v7();
        ward.office.post("/v1/members", json!({"unit_id": ward.a})).await.faults(&[
            ("/admission_date", "required"), ("/birth_date", "required"), ("/full_name", "required"), ("/sex", "required"),
        ]);
        let body = json!({
            "unit_id": ward.a, "full_name": "x".repeat(101), "birth_name": "a\u{7}b", "other_names": ["", 7], "sex": "woman", "birth_date": "1980-13",
            "birth_place": 5, "personal_id": "123", "old_id_number": "12345678a", "phone": "0912", "email": "nobody", "profile_number": "12AB",
            "card_numbers": [{"number": "1", "kind": "paper", "colour": "red"}, {"kind": "electronic"}, 3],
            "status": "candidate", "admission_date": "03/02/2005", "education_general": "ten", "education_level": "phd", "employment_status": "busy",
            "introducers": [{"member_id": nobody}], "readmission_of": "ext:x", "unit_via": "bus", "unit_history": [{"unit_id": nobody, "from": "2001-01-01"}],
            "ethnicity": ["01"], "religion": "stoic", "policy_category": "rich", "shoe_size": 42, "official_date": "2005-02-30",
        });
        ward.office.post("/v1/members", body).await.faults(&[
            ("/full_name", "too_long"), ("/birth_name", "control_character"), ("/other_names/0", "empty"), ("/other_names/1", "wrong_type"),
            ("/sex", "unknown_code"), ("/birth_date", "wrong_format"), ("/birth_place", "wrong_type"), ("/personal_id", "wrong_format"),
            ("/old_id_number", "wrong_format"), ("/phone", "wrong_format"), ("/email", "wrong_format"), ("/profile_number", "wrong_format"),
            ("/card_numbers/0/number", "wrong_format"), ("/card_numbers/0/kind", "unknown_code"), ("/card_numbers/0/colour", "unknown_field"),
            ("/card_numbers/1/number", "required"), ("/card_numbers/2", "wrong_type"), ("/status", "unknown_code"), ("/admission_date", "wrong_format"),
            ("/education_general", "wrong_format"), ("/education_level", "unknown_code"), ("/employment_status", "unknown_code"),
            ("/introducers/0/full_name", "required"), ("/introducers/0/member_id", "reference_not_found"), ("/readmission_of", "reference_invalid"),
            ("/unit_via", "unknown_code"), ("/unit_history/0/to", "required"), ("/unit_history/0/via", "required"),
            ("/unit_history/0/unit_id", "reference_not_found"), ("/ethnicity", "wrong_type"), ("/religion", "unknown_code"), ("/policy_category", "unknown_code"),
            ("/shoe_size", "unknown_field"), ("/official_date", "wrong_format"),
        ]);
        let stays = |stays: Value| json!({"unit_since": "2012-01-01", "unit_history": stays});
        let stay = |from: &str, to: &str| json!({"unit_id": ward.b, "from": from, "to": to, "via": "transfer"});
        for (fields, expected) in [
            (json!({"birth_date": "2999", "admission_date": "2999-01-01", "official_date": "2000-01-01"}),
             vec![("/birth_date", "in_the_future"), ("/admission_date", "in_the_future"), ("/official_date", "official_before_admission"), ("/unit_since", "unit_since_out_of_range")]),
            (json!({"birth_date": "1879"}), vec![("/birth_date", "out_of_range")]),
            (json!({"status": "deceased", "party_age_start": "2004-01-01"}), vec![("/left_on", "required"), ("/party_age_reason", "reason_required")]),
            (json!({"status": "deceased", "left_on": "2005-02-02"}), vec![("/left_on", "dates_out_of_order")]),
            (json!({"unit_since": "2999-01-01"}), vec![("/unit_since", "unit_since_out_of_range")]),
            (stays(json!([stay("2005-01-01", "2005-01-01")])), vec![("/unit_history", "stays_overlap")]),
            (stays(json!([stay("2005-01-01", "2008-01-01"), stay("2007-01-01", "2009-01-01")])), vec![("/unit_history", "stays_overlap")]),
            (stays(json!([stay("2005-01-01", "2012-01-02")])), vec![("/unit_history", "stays_overlap")]),
            (json!({"unit_id": ward.ward}), vec![("/unit_id", "not_a_cell")]),
            (json!({"unit_id": null}), vec![("/unit_id", "required")]),
            (json!({"unit_id": nobody}), vec![("/unit_id", "reference_not_found")]),
            (json!({"unit_id": "cell 7"}), vec![("/unit_id", "reference_invalid")]),
            (json!({"introducers": [{"full_name": "A"}, {"full_name": "B"}, {"full_name": "C"}]}), vec![("/introducers", "out_of_range")]),
            (json!({"full_name": "   "}), vec![("/full_name", "empty")]),
            (json!({"full_name": null, "sex": null}), vec![("/full_name", "required"), ("/sex", "required")]),
        ] {
            ward.office.post("/v1/members", with(member(&ward.a), fields)).await.faults(&expected);
        }
        assert_eq!(ward.office.get("/v1/members?count=exact").await.body["total"], 0);
    }

    async fn what_is_odd_about_a_member_is_stored_with_a_warning(server: empty) {
        let ward = server.ward().await;
        for (fields, expected) in [
            (json!({"birth_date": "1990-01-01"}), vec![("/admission_date", "under_age")]),
            (json!({"official_date": "2006-02-02"}), vec![("/official_date", "short_probation")]),
            (json!({"unit_since": "1990-01-01"}), vec![("/unit_since", "dates_out_of_order")]),
            (json!({"left_on": "2014-01-01"}), vec![("/left_on", "still_counted")]),
            (json!({"left_on": "2014-01-01", "status": "abroad"}), vec![]),
            (json!({"official_date": "2006-02-03", "personal_id": "040181000001"}), vec![("/personal_id", "id_mismatch"), ("/personal_id", "id_mismatch")]),
            (json!({"personal_id": "040080000009"}), vec![]),
        ] {
            let made = ward.office.post("/v1/members", with(member(&ward.a), fields)).await.is(201);
            assert_eq!(codes(&made.warnings()), expected, "{}", made.text);
        }
        let same = with(member(&ward.a), json!({"full_name": "Hồ Thị Một"}));
        assert!(ward.office.post("/v1/members", same.clone()).await.is(201).warnings().is_empty());
        let twin = ward.office.post("/v1/members", with(same, json!({"unit_id": ward.b, "full_name": "HỒ Thị  Một"}))).await;
        assert_eq!((twin.status, codes(&twin.warnings())), (201, vec![("/full_name", "possible_duplicate")]));
        let id = twin.id();
        ward.office.post("/v1/positions", json!({"unit_id": ward.b, "member_id": id, "position_code": "cell_secretary", "from": "2010-01-01", "basis": "elected"})).await.is(201);
        let left = ward.office.patch(&format!("/v1/members/{id}"), "*", json!({"status": "deceased", "left_on": "2014-01-01"})).await.is(200);
        assert_eq!(codes(&left.warnings()), [("/status", "open_positions")]);
    }

    async fn a_unit_is_placed_where_its_kind_is_allowed_and_moves_through_its_states(server: empty) {
        let ward = server.ward().await;
        let post = |body: Value| ward.office.post("/v1/units", body);
        for (body, expected) in [
            (unit("cell", &ward.a), vec![("/kind", "kind_not_allowed_here")]),
            (unit("grassroots_committee", &ward.a), vec![("/kind", "kind_not_allowed_here")]),
            (unit("provincial_committee", &ward.a), vec![("/kind", "kind_not_allowed_here")]),
            (unit("party_group", &ward.ward), vec![("/kind", "kind_not_allowed_here")]),
            (with(unit("cell", &ward.ward), json!({"state": "merged"})), vec![("/state", "state_move_not_allowed")]),
            (with(unit("cell", &ward.ward), json!({"parent_since": "2999-01-01"})), vec![("/parent_since", "parent_since_out_of_range")]),
            (with(unit("office", &ward.ward), json!({"cell_type": "school"})), vec![("/cell_type", "no_cell_type")]),
            (with(unit("cell", &ward.ward), json!({"state": "dissolved", "established_on": "2010-01-01"})), vec![("/dissolved_on", "required")]),
            (with(unit("cell", &ward.ward), json!({"established_on": "2010-01-01", "dissolved_on": "2009-01-01"})), vec![("/dissolved_on", "dates_out_of_order")]),
            (with(unit("cell", &ward.ward), json!({"name": "n".repeat(201), "code": "c".repeat(41), "notes": "x".repeat(2_001), "cell_type": "farm", "address": 1})),
             vec![("/name", "too_long"), ("/code", "too_long"), ("/notes", "too_long"), ("/cell_type", "unknown_code"), ("/address", "wrong_type")]),
            (json!({"parent_id": ward.ward}), vec![("/kind", "required"), ("/name", "required")]),
            (json!({"name": "Mồ côi", "kind": "cell"}), vec![("/parent_id", "required")]),
            (unit("cell", &uuid::Uuid::now_v7().to_string()), vec![("/parent_id", "reference_not_found")]),
            (with(unit("cell", &ward.ward), json!({"unit_id": ward.a})), vec![("/unit_id", "unit_fixed")]),
        ] {
            post(body).await.faults(&expected);
        }
        let made = post(with(unit("cell", &ward.ward), json!({"code": "K1", "state": "planned"}))).await.is(201);
        assert_eq!((&made.body["cell_type"], made.warnings().len()), (&json!("unclassified"), 0));
        post(with(unit("cell", &ward.ward), json!({"code": "K1"}))).await.faults(&[("/code", "code_taken")]);
        post(with(unit("cell", ROOT), json!({"code": "K1"}))).await.is(201);
        let path = format!("/v1/units/{}", made.id());
        let state = |state: &str| ward.office.patch(&path, "*", json!({"state": state, "dissolved_on": "2015-01-01"}));
        state("suspended").await.faults(&[("/state", "state_move_not_allowed")]);
        let active = state("active").await.is(200);
        assert_eq!(codes(&active.warnings()), [("/state", "few_official_members")]);
        for next in ["suspended", "active"] {
            state(next).await.is(200);
        }
        ward.office.post("/v1/members", member(&made.id())).await.is(201);
        state("dissolved").await.faults(&[("/state", "unit_not_empty")]);
        state("split").await.faults(&[("/state", "state_move_not_allowed")]);
        ward.office.patch(&format!("/v1/units/{}", ward.ward), "*", json!({"state": "dissolved", "dissolved_on": "2015-01-01"}))
            .await.faults(&[("/state", "unit_not_empty")]);
        let empty = format!("/v1/units/{}", ward.b);
        ward.office.patch(&empty, "*", json!({"state": "dissolved"})).await.faults(&[("/dissolved_on", "required")]);
        ward.office.patch(&empty, "*", json!({"state": "dissolved", "dissolved_on": "2015-01-01"})).await.is(200);
        ward.office.post("/v1/members", member(&ward.b)).await.faults(&[("/unit_id", "not_a_cell")]);
        ward.office.patch(&empty, "*", json!({"state": "active"})).await.faults(&[("/state", "state_move_not_allowed")]);
    }

    async fn the_kind_of_a_unit_changes_to_one_that_fits_what_the_unit_has(server: empty) {
        let ward = server.ward().await;
        let become_kind = |unit: &str, kind: &str| ward.office.patch(&format!("/v1/units/{unit}"), "*", json!({"kind": kind, "cell_type": null}));
        let person = ward.member(&ward.a).await;
        let refused = become_kind(&ward.a, "grassroots_committee").header("accept-language", "vi").await.faults(&[("/kind", "members_need_a_cell")]);
        assert_eq!(refused.body["errors"][0]["message"], "Tổ chức còn đảng viên thì phải là chi bộ.");
        become_kind(&ward.a, "grassroots_cell").await.is(200);
        become_kind(&ward.ward, "cell").await.faults(&[("/kind", "kind_not_allowed_here")]);
        ward.office.post("/v1/units", unit("party_group", &ward.b)).await.is(201);
        become_kind(&ward.b, "office").await.faults(&[("/kind", "kind_not_allowed_here")]);
        ward.office.patch(&format!("/v1/units/{}", ward.b), "*", json!({"kind": "office"})).await
            .faults(&[("/kind", "kind_not_allowed_here"), ("/cell_type", "no_cell_type")]);
        ward.office.delete(&format!("/v1/members/{person}"), "*").await.is(204);
        become_kind(&ward.a, "grassroots_committee").await.is(200);
        ward.office.post("/v1/units", unit("cell", &ward.a)).await.is(201);
        ward.office.verb(&format!("/v1/members/{person}/restore")).await.faults(&[("/unit_id", "not_a_cell")]);
    }

    async fn terms_positions_and_figures_keep_their_rules(server: empty) {
        let ward = server.ward().await;
        let (office, somebody) = (&ward.office, ward.member(&ward.a).await);
        let term = |from: &str, to: Value| office.post("/v1/terms", json!({"unit_id": ward.a, "label": "Nhiệm kỳ", "from": from, "to": to}));
        let first = term("2010-06-01", json!("2015-06-01")).await.is(201).id();
        term("2015-06-01", json!("2020-06-01")).await.is(201);
        term("2014-01-01", json!("2015-01-01")).await.faults(&[("/from", "terms_overlap")]);
        term("2000-01-01", Value::Null).await.faults(&[("/from", "terms_overlap")]);
        term("2005-01-01", json!("2005-01-01")).await.faults(&[("/to", "dates_out_of_order")]);
        office.post("/v1/terms", json!({"unit_id": ward.a, "ordinal": "7", "ordinal_basis": "guess", "to": 5})).await.faults(&[
            ("/label", "required"), ("/from", "required"), ("/ordinal", "wrong_type"), ("/ordinal_basis", "unknown_code"), ("/to", "wrong_type"),
        ]);

        let position = |fields: Value| office.post("/v1/positions", with(json!({
            "unit_id": ward.a, "member_id": somebody, "position_code": "cell_secretary", "from": "2010-06-01", "basis": "elected",
        }), fields));
        position(json!({"term_id": first, "body": "cell_committee", "vote_result": {"for": 9, "total": 10}})).await.is(201);
        position(json!({})).await.faults(&[("/position_code", "office_taken")]);
        position(json!({"to": "2011-01-01"})).await.is(201);
        position(json!({"position_code": "other", "to": "2009-01-01"})).await.faults(&[("/to", "dates_out_of_order")]);
        position(json!({"position_code": "king", "basis": "inherited", "body": "court", "end_reason": 1, "term_id": somebody, "member_id": first, "vote_result": {"for": -1, "against": 2}}))
            .await.faults(&[
                ("/position_code", "unknown_code"), ("/basis", "unknown_code"), ("/body", "unknown_code"), ("/end_reason", "wrong_type"),
                ("/term_id", "reference_not_found"), ("/member_id", "reference_not_found"),
                ("/vote_result/for", "out_of_range"), ("/vote_result/total", "required"), ("/vote_result/against", "unknown_field"),
            ]);
        let stranger = ward.member(&ward.b).await;
        let committee = json!({"position_code": "cell_committee_member", "body": "cell_committee", "member_id": stranger});
        let mut last = Vec::new();
        for _ in 0..7 {
            last = position(committee.clone()).await.is(201).warnings();
        }
        assert_eq!(codes(&last), [("/body", "committee_too_large"), ("/member_id", "not_a_member_here")]);

        let post = |fields: Value| office.post("/v1/reported_figures", with(figure(&ward.a), fields));
        for fields in [
            json!({"period_to": null}), json!({"period_from": null, "period_to": null}), json!({"as_of_precision": "day", "as_of_date": "2014-01-01"}),
            json!({"period_from": null, "period_to": null, "as_of_precision": "unknown", "as_of_date": "2014-01-01"}),
            json!({"period_from": null, "period_to": null, "as_of_precision": "year"}), json!({"as_of_date": "2014-01-01"}),
        ] {
            post(fields).await.faults(&[("/as_of_precision", "period_invalid")]);
        }
        post(json!({"period_to": "2013-01-01"})).await.faults(&[("/period_to", "dates_out_of_order")]);
        post(json!({"indicator_code": "Members!", "value": "1e3", "measure": "kilo", "qualifier": "roughly", "decimals_printed": 7, "base_value": 5, "dimensions": {"A": ["x"], "b": "y"}, "superseded_by_id": somebody}))
            .await.faults(&[
                ("/indicator_code", "wrong_format"), ("/value", "wrong_format"), ("/measure", "unknown_code"), ("/qualifier", "unknown_code"),
                ("/decimals_printed", "out_of_range"), ("/base_value", "wrong_type"), ("/dimensions/A", "wrong_format"), ("/dimensions/b", "wrong_type"),
                ("/superseded_by_id", "reference_not_found"),
            ]);
        let said = post(json!({"value": "45.10", "dimensions": {"sex": ["female"]}})).await.is(201);
        assert_eq!((&said.body["value"], &said.body["qualifier"], &said.body["status"]), (&json!("45.1"), &json!("exact"), &json!("recorded")));
        let path = format!("/v1/reported_figures/{}", said.id());
        office.patch(&path, "*", json!({"value": "46", "source": "Báo", "status": "corrected"})).await
            .faults(&[("/value", "is_fixed"), ("/source", "is_fixed")]);
        let next = post(json!({"value": "46"})).await.is(201).id();
        let superseded = office.patch(&path, "*", json!({"status": "superseded", "superseded_by_id": next})).await.is(200);
        assert_eq!(superseded.body["value"], "45.1");
    }

    async fn a_scheme_keeps_its_codes_apart_and_its_levels_once_it_is_used(server: empty) {
        let ward = server.ward().await;
        let level = |code: &str| json!({"code": code, "label_vi": "Mức", "label_en": "Level", "rank": 1});
        let post = |fields: Value| ward.office.post("/v1/evaluation_schemes", with(scheme(&ward.ward), fields));
        post(json!({
            "levels": [level("good"), level("good")], "valid_to": "1900-01-01", "thresholds": [{"level": "best", "min_points": "90"}],
            "criteria": [{"code": "c1", "text": "Một", "max_points": "5"}, {"code": "c1", "text": "Hai", "max_points": "5"}],
        })).await.faults(&[
            ("/levels/1/code", "duplicate_code"), ("/criteria/1/code", "duplicate_code"), ("/thresholds/0/level", "level_not_in_scheme"), ("/valid_to", "dates_out_of_order"),
        ]);
        post(json!({"levels": [{"code": "Good!", "rank": "1"}], "cap": {"percent": 101, "base": "all", "rounding": "floor"}, "subject_kind": "dog"})).await.faults(&[
            ("/levels/0/code", "wrong_format"), ("/levels/0/rank", "wrong_type"), ("/levels/0/label_vi", "required"), ("/levels/0/label_en", "required"),
            ("/cap/percent", "out_of_range"), ("/cap/base", "unknown_code"), ("/subject_kind", "unknown_code"),
        ]);
        let path = format!("/v1/evaluation_schemes/{}", ward.scheme);
        ward.office.patch(&path, "*", json!({"legal_source": "HD 07"})).await.is(200);
        let round = ward.round().await;
        ward.office.post(&format!("/v1/evaluation_rounds/{round}/advance"), json!({"to": "self_rating"})).header("if-match", "*").await.is(200);
        let levels = ward.office.get(&path).await.body["levels"].clone();
        ward.office.patch(&path, "*", json!({"legal_source": "HD 08", "name": "Tên khác", "levels": [level("good")]})).await
            .faults(&[("/legal_source", "scheme_in_use"), ("/name", "scheme_in_use"), ("/levels", "scheme_in_use")]);
        let mut renamed = levels.clone();
        renamed[0]["label_vi"] = json!("Hoàn thành xuất sắc");
        ward.office.patch(&path, "*", json!({"levels": renamed, "valid_to": "2020-01-01"})).await.is(200);
        ward.office.delete(&path, "*").await.refused(409, "still_referenced");
    }
}
