//! Awards: titles of units, commendations, Party badges with the Party age that they are for.

use crate::support::on_both_engines;
use crate::support::ward::{Ward, member, unit};
use cell_records_client::types::accounts::Role;
use serde_json::{Value, json};

fn with(mut body: Value, fields: &Value) -> Value {
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

/// A member of the first cell whose Party age counts from 3 February 1985.
async fn veteran(ward: &Ward) -> String {
    let fields = json!({"birth_date": "1960-05-19", "admission_date": "1985-02-03", "official_date": "1986-02-03"});
    ward.office.post("/v1/members", with(member(&ward.a), &fields)).await.is(201).id()
}

fn badge(member: &str, years: i32, round: &str) -> Value {
    json!({"member_id": member, "kind": "party_badge", "year": 2015, "badge_years": years, "award_round": round})
}

on_both_engines! {
    async fn an_award_is_of_the_unit_of_its_member_or_of_the_unit_that_it_names(server: empty) {
        let ward = server.ward().await;
        let post = |body: Value| ward.office.post("/v1/awards", body);
        let somebody = ward.member(&ward.a).await;
        let certificate = json!({"kind": "certificate", "year": 2014});
        post(certificate.clone()).await.faults(&[("/unit_id", "required")]);
        let of_member = post(with(certificate.clone(), &json!({"member_id": somebody}))).await.is(201);
        assert_eq!(of_member.body["unit_id"], ward.a.as_str());
        post(with(certificate.clone(), &json!({"member_id": somebody, "unit_id": ward.b}))).await.faults(&[("/unit_id", "subject_elsewhere")]);
        let youth_union = ward.office.post("/v1/units", unit("mass_organisation", &ward.ward)).await.is(201).id();
        let title = json!({"kind": "strong_excellent", "year": 2014, "unit_id": youth_union});
        post(title.clone()).await.is(201);
        post(with(title, &json!({"year": 2013, "member_id": somebody}))).await
            .faults(&[("/unit_id", "subject_elsewhere"), ("/member_id", "only_where")]);
        // When the member moves on, the award stays.
        ward.office.patch(&format!("/v1/members/{somebody}"), "*", json!({"unit_id": ward.b})).await.is(200);
        let path = format!("/v1/awards/{}", of_member.id());
        assert_eq!(ward.office.patch(&path, "*", json!({"title": "Giấy khen"})).await.is(200).body["unit_id"], ward.a.as_str());
        ward.office.patch(&path, "*", json!({"kind": "medal", "year": 2013})).await.faults(&[("/kind", "is_fixed"), ("/year", "is_fixed")]);
    }

    async fn a_badge_is_a_members_for_years_that_there_are_and_its_fields_are_of_badges_only(server: empty) {
        let ward = server.ward().await;
        let post = |body: Value| ward.office.post("/v1/awards", body);
        let somebody = veteran(&ward).await;
        post(json!({"unit_id": ward.a, "kind": "party_badge", "year": 2015})).await
            .faults(&[("/member_id", "required"), ("/badge_years", "required"), ("/award_round", "required")]);
        post(badge(&somebody, 20_000, "2020-02-03")).await.faults(&[("/badge_years", "out_of_range")]);
        let refused = post(badge(&somebody, 35, "2020-02-03")).header("accept-language", "vi").await.faults(&[("/badge_years", "out_of_range")]);
        assert_eq!(refused.body["errors"][0]["message"], "Phải là một trong: 30, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90.");
        let medal = with(badge(&somebody, 30, "2015-02-03"), &json!({"kind": "medal", "badge_number": "12345"}));
        let refused = post(medal).await.faults(&[("/badge_years", "only_where"), ("/award_round", "only_where"), ("/badge_number", "only_where")]);
        assert_eq!(refused.body["errors"][0]["message"], "Only where “Kind” is Party badge.");
        post(with(badge(&somebody, 30, "2199-02-03"), &json!({"proposed_on": "2015-01-10", "decided_on": "2015-01-09", "presented_on": "2199-01-01"}))).await
            .faults(&[("/decided_on", "dates_out_of_order"), ("/presented_on", "in_the_future")]);
        post(with(badge(&somebody, 30, "2015-02-03"), &json!({"proposed_on": "2015-01-10", "presented_on": "2015-01-09"}))).await
            .faults(&[("/presented_on", "dates_out_of_order")]);
    }

    async fn a_badge_before_its_party_age_is_a_warning_unless_illness_or_death_allow_it(server: empty) {
        let ward = server.ward().await;
        let (office, peer) = (&ward.office, server.acting(Role::ExchangePeer, &ward.a).await);
        let short = [("/award_round".to_owned(), "party_age_short".to_owned())];
        for (years, round, fields, is_short) in [
            (30, "2015-02-03", json!({}), false),
            (30, "2015-02-02", json!({}), true),
            (30, "2014-02-03", json!({"early": true}), false),
            (30, "2014-02-02", json!({"early": true}), true),
            (30, "2014-02-03", json!({"posthumous": true}), false),
            (70, "2053-02-03", json!({"early": true}), false),
            (70, "2053-02-03", json!({"posthumous": true}), true),
            (70, "2054-02-03", json!({"posthumous": true}), false),
        ] {
            let body = with(badge(&veteran(&ward).await, years, round), &fields);
            let warnings = office.post("/v1/awards", body.clone()).await.is(201).warnings();
            assert_eq!(warnings, short[..usize::from(is_short)], "{body}");
        }
        // Who does not read whether it is early learns nothing of it.
        for (early, round, is_short) in [(true, "2014-02-03", false), (false, "2014-02-03", false), (true, "2014-02-02", true), (false, "2014-02-02", true)] {
            let body = with(badge(&veteran(&ward).await, 30, round), &json!({"early": early}));
            let path = format!("/v1/awards/{}", office.post("/v1/awards", body).await.is(201).id());
            let changed = peer.patch(&path, "*", json!({"badge_number": "12345"})).await.is(200);
            assert_eq!((changed.warnings().as_slice(), changed.body.get("early")), (&short[..usize::from(is_short)], None));
        }
    }

    async fn a_unit_has_a_title_once_a_year_and_a_member_a_badge_once(server: empty) {
        let ward = server.ward().await;
        let post = |body: Value| ward.office.post("/v1/awards", body);
        let title = |year: i32, kind: &str| json!({"unit_id": ward.ward, "kind": kind, "year": year});
        let first = post(title(2014, "clean_strong_exemplary")).await.is(201).id();
        post(title(2014, "clean_strong_exemplary")).await.refused(409, "not_unique");
        for other in [title(2013, "clean_strong_exemplary"), title(2014, "clean_strong"), with(title(2014, "clean_strong_exemplary"), &json!({"unit_id": ward.a}))] {
            post(other).await.is(201);
        }
        for _ in 0..2 {
            post(title(2014, "certificate")).await.is(201);
        }
        let somebody = veteran(&ward).await;
        let badge_of_30 = post(badge(&somebody, 30, "2015-02-03")).await.is(201).id();
        // Not in another cell either.
        ward.office.patch(&format!("/v1/members/{somebody}"), "*", json!({"unit_id": ward.b})).await.is(200);
        post(badge(&somebody, 30, "2016-02-03")).await.refused(409, "not_unique");
        let next = post(badge(&somebody, 40, "2025-02-03")).await.is(201).id();
        ward.office.patch(&format!("/v1/awards/{next}"), "*", json!({"badge_years": 30})).await.refused(409, "not_unique");
        // What is deleted comes back only where nothing has taken its place.
        for (gone, again) in [(first, title(2014, "clean_strong_exemplary")), (badge_of_30, badge(&somebody, 30, "2015-05-19"))] {
            let path = format!("/v1/awards/{gone}");
            ward.office.delete(&path, "*").await.is(204);
            post(again).await.is(201);
            ward.office.verb(&format!("{path}/restore")).await.refused(409, "not_unique");
        }
    }

    async fn awards_are_found_by_kind_year_member_badge_and_decision(server: empty) {
        let ward = server.ward().await;
        let somebody = veteran(&ward).await;
        for body in [
            json!({"unit_id": ward.ward, "kind": "clean_strong_exemplary", "year": 2012, "decided_on": "2013-01-20"}),
            json!({"unit_id": ward.ward, "kind": "clean_strong_exemplary", "year": 2013, "decided_on": "2014-01-21"}),
            with(badge(&somebody, 30, "2015-02-03"), &json!({"decided_on": "2015-01-30"})),
        ] {
            ward.office.post("/v1/awards", body).await.is(201);
        }
        for (query, years) in [
            ("kind=clean_strong_exemplary&sort=-year".to_owned(), vec![2013, 2012]),
            ("sort=year".to_owned(), vec![2012, 2013, 2015]),
            ("year=2013".to_owned(), vec![2013]),
            (format!("member_id={somebody}"), vec![2015]),
            ("badge_years=30".to_owned(), vec![2015]),
            ("badge_years=null&sort=year".to_owned(), vec![2012, 2013]),
            ("decided_from=2014&decided_to=2014-12".to_owned(), vec![2013]),
        ] {
            let found = ward.office.all(&format!("/v1/awards?{query}")).await.0;
            assert_eq!(found.iter().map(|item| item["year"].as_i64().unwrap()).collect::<Vec<_>>(), years, "{query}");
        }
    }
}
