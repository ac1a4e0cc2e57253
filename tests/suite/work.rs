//! Work lists: what is due or late with the records of a caller, in order, and nothing of others.

use crate::admissions::{admitted as admitted_here, candidate, class, proposal, roles, step};
use crate::exemptions::{advance, granted};
use crate::support::http::{Caller, over};
use crate::support::on_both_engines;
use crate::support::ward::{Ward, member, unit};
use crate::transfers::issued;
use cell_records_client::types::accounts::Role;
use cell_records_client::types::{Date, Timestamp};
use cell_records_server::store::reindex;
use serde_json::{Value, json};

fn today() -> Date {
    Timestamp::now().date_in_vietnam()
}

/// The rounds of badges: the last one before today, and the next.
fn rounds() -> [Date; 2] {
    let year = today().year();
    let days = (year - 1..=year + 1)
        .flat_map(|year| [(2, 3), (5, 19), (9, 2), (11, 7)].map(|(month, day)| Date::constant(year, month, day)));
    let days: Vec<Date> = days.collect();
    let next = days.iter().position(|day| *day >= today()).unwrap();
    [days[next - 1], days[next]]
}

/// A new member with a status and a date of admission.
async fn admitted(ward: &Ward, cell: &str, status: &str, on: Date) -> String {
    let mut body = member(cell);
    let fields = json!({"birth_date": "1935-05-19", "status": status, "admission_date": on});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    if status == "probationary" {
        body.as_object_mut().unwrap().remove("official_date");
    } else {
        body["official_date"] = json!(on.plus_years(1));
    }
    ward.office.post("/v1/members", body).await.is(201).id()
}

/// A probationary member whose probation ends so many days from now.
async fn probation(ward: &Ward, cell: &str, days: i64) -> String {
    admitted(ward, cell, "probationary", today().plus_days(days).plus_months(-12)).await
}

/// Days, ids and codes of a list.
async fn listed(caller: &Caller, query: &str) -> Vec<(String, String, String)> {
    let text = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
    let item = |item: &Value| (text(item, "due"), text(item, "id"), text(item, "what"));
    caller.all(&format!("/v1/work_items?{query}")).await.0.iter().map(item).collect()
}

fn ids(items: &[(String, String, String)]) -> Vec<&str> {
    items.iter().map(|(_, id, _)| id.as_str()).collect()
}

on_both_engines! {
    async fn what_is_due_comes_in_the_order_of_days_and_pages_of_any_size_lead_through_it(server: empty) {
        let ward = server.ward().await;
        let (late, soon) = (probation(&ward, &ward.b, -400).await, probation(&ward, &ward.a, 9).await);
        let (border, beyond) = (probation(&ward, &ward.a, 30).await, probation(&ward, &ward.b, 33).await);
        let same_day = [probation(&ward, &ward.b, 20).await, probation(&ward, &ward.a, 20).await, probation(&ward, &ward.b, 20).await];
        ward.member(&ward.a).await;
        let expected: Vec<&str> = [&late, &soon].into_iter().chain(&same_day).chain([&border]).map(String::as_str).collect();
        let of = |days: i64| today().plus_days(days);
        let all = listed(&ward.office, "what=probation_ends").await;
        assert_eq!(ids(&all), expected);
        let whole = [-400, 9, 20, 20, 20, 30].map(|days| of(days).plus_months(-12).plus_months(12).to_string());
        assert_eq!(all.iter().map(|(due, ..)| due.clone()).collect::<Vec<_>>(), whole);
        for limit in 1..=6 {
            assert_eq!(listed(&ward.office, &format!("what=probation_ends&limit={limit}")).await, all);
        }
        let until = async |days: i64| listed(&ward.office, &format!("what=probation_ends&due_to={}", of(days))).await.len();
        assert_eq!((until(-1).await, until(20).await, until(366).await), (1, 5, 7));
        let of_b = listed(&ward.office, &format!("what=probation_ends&due_to={}&unit={}", of(40), ward.b)).await;
        assert_eq!(ids(&of_b), [&late, &same_day[0], &same_day[2], &beyond]);
        assert!(listed(&ward.office, &format!("unit={}", ward.ward)).await.is_empty());
        assert_eq!(ids(&listed(&ward.office, &format!("what=probation_ends&unit={}&subtree=true", ward.ward)).await), expected);
        // Beside the record is what people call it, and its unit.
        let first = &ward.office.get("/v1/work_items?limit=1").await.is(200).body["items"][0];
        let named = ward.office.get(&format!("/v1/members/{late}?fields=full_name")).await.body["full_name"].clone();
        let cell = ward.office.get(&format!("/v1/units/{}?fields=name", ward.b)).await.body["name"].clone();
        let item = json!({
            "type": "member", "id": late, "unit_id": ward.b, "display": named, "unit_display": cell, "what": "probation_ends",
            "due": of(-400).plus_months(-12).plus_months(12),
        });
        assert_eq!(*first, item);
    }

    async fn a_badge_is_due_in_the_round_after_the_years_are_reached(server: empty) {
        let ward = server.ward().await;
        let [last, next] = rounds();
        let on = async |date: Date| admitted(&ward, &ward.a, "official", date).await;
        let (first, then) = (on(next.plus_years(-30)).await, on(last.plus_days(1).plus_years(-65)).await);
        let away = admitted(&ward, &ward.b, "temporary_out", next.plus_years(-40)).await;
        // Those of the last round, of a number of years without a badge, of a later round, and who have left.
        on(last.plus_years(-30)).await;
        on(next.plus_years(-35)).await;
        on(next.plus_days(1).plus_years(-30)).await;
        let gone = on(next.plus_years(-50)).await;
        ward.office.patch(&format!("/v1/members/{gone}"), "*", json!({"status": "deceased", "left_on": today()})).await.is(200);
        let (items, _) = ward.office.all(&format!("/v1/work_items?due_to={next}")).await;
        let found: Vec<_> = items.iter().map(|item| (item["id"].as_str().unwrap(), item["number"].as_i64().unwrap())).collect();
        assert_eq!(found, [(first.as_str(), 30), (&then, 65), (&away, 40)]);
        assert!(items.iter().all(|item| item["due"] == json!(next) && item["what"] == "party_badge"), "{items:?}");
        // A badge that was proposed is due no more, for those who read it; another one does not count.
        for (years, left) in [(40, 3), (30, 2)] {
            let award = json!({"member_id": first, "kind": "party_badge", "year": next.year(), "badge_years": years, "award_round": next});
            ward.office.post("/v1/awards", award).await.is(201);
            assert_eq!(listed(&ward.office, &format!("due_to={next}")).await.len(), left);
        }
        // Before the day of the round it is not due yet; a round later others are.
        if next > today() {
            assert!(listed(&ward.office, &format!("due_to={}", next.plus_days(-1))).await.is_empty());
        }
        assert_eq!(listed(&ward.office, &format!("due_to={}", next.plus_days(120))).await.len(), 3);
    }

    async fn what_is_no_longer_due_is_gone_and_records_of_an_older_program_become_due(server: empty) {
        let ward = server.ward().await;
        let member = probation(&ward, &ward.a, 5).await;
        let path = format!("/v1/members/{member}");
        let is_due = async || !listed(&ward.office, "").await.is_empty();
        assert!(is_due().await);
        ward.office.delete(&path, "*").await.is(204);
        assert!(!is_due().await);
        ward.office.verb(&format!("{path}/restore")).await.is(200);
        server.database.sql(&[
            "UPDATE members SET probation_ends_on = NULL".to_owned(),
            "UPDATE sync_clock SET registry = 'older:older'".to_owned(),
        ]);
        assert!(!is_due().await);
        reindex::run(&server.running.shared.writer, |_| {}).await.unwrap();
        assert!(is_due().await);
        ward.office.patch(&path, "*", json!({"status": "official", "official_date": today()})).await.is(200);
        assert!(!is_due().await);
    }

    async fn nobody_learns_of_records_that_they_do_not_see(server: empty) {
        let ward = server.ward().await;
        let [_, next] = rounds();
        let here = [probation(&ward, &ward.a, -3).await, admitted(&ward, &ward.a, "official", next.plus_years(-30)).await];
        let there = [probation(&ward, &ward.b, -3).await, admitted(&ward, &ward.b, "official", next.plus_years(-30)).await];
        let query = format!("due_to={next}");
        let secretary = server.acting(Role::CellSecretary, &ward.a).await;
        assert_eq!(ids(&listed(&secretary, &query).await), here);
        for unit in [&ward.b, &ward.ward] {
            let answer = secretary.get(&format!("/v1/work_items?{query}&unit={unit}")).await;
            assert!(there.iter().all(|id| !answer.text.contains(id.as_str())), "{}", answer.text);
        }
        for role in [Role::CommitteeOffice, Role::CommitteeLead, Role::InspectionCommission, Role::ExchangePeer] {
            let caller = server.acting(role, &ward.ward).await;
            assert_eq!(listed(&caller, &query).await.len(), 4);
        }
        for role in [Role::FrontendReader, Role::Administrator, Role::Auditor] {
            let caller = server.acting(role, &ward.ward).await;
            let note = "None of your grants lets you read what becomes due here.";
            assert_eq!(caller.get(&format!("/v1/work_items?{query}")).await.is(200).body, json!({"items": [], "note": note}));
        }
        server.nobody().get("/v1/work_items").await.refused(401, "unauthenticated");
        // A cursor holds the parameters, and is its caller's.
        let page = secretary.get(&format!("/v1/work_items?limit=1&{query}")).await.is(200);
        let cursor = page.body["next_cursor"].as_str().unwrap();
        ward.office.get(&format!("/v1/work_items?cursor={cursor}")).await.refused(403, "cursor_foreign");
        for (path, code) in [("/v1/members?", "cursor_filter_mismatch"), ("/v1/work_items?what=party_badge&", "cursor_filter_mismatch")] {
            secretary.get(&format!("{path}cursor={cursor}")).await.refused(400, code);
        }
        let other = server.granted(vec![over(Role::CellSecretary, &ward.b)]).await;
        assert_eq!(ids(&listed(&other, &query).await), there);
    }

    async fn the_probation_of_who_was_admitted_here_is_that_of_the_admission_for_those_who_read_it(server: empty) {
        let ward = server.ward().await;
        let roles = roles(server, &ward).await;
        let (admission, member) = admitted_here(&ward, &roles, json!({})).await;
        let peer = server.acting(Role::ExchangePeer, &ward.ward).await;
        let due = |id: &str| [("2014-05-19".to_owned(), id.to_owned(), "probation_ends".to_owned())];
        assert_eq!(listed(&roles.cell, "").await, due(&admission));
        assert_eq!(listed(&roles.office, "").await, due(&admission));
        assert_eq!(listed(&peer, "").await, due(&member));
        step(&roles.cell, &admission, json!({"to": "recognition_proposed", "on": "2014-05-20"})).await.is(200);
        assert_eq!(listed(&roles.office, "").await, due(&admission));
        step(&roles.office, &admission, json!({"to": "recognised", "on": "2014-06-01"})).await.is(200);
        assert!(listed(&roles.office, "").await.is_empty() && listed(&peer, "").await.is_empty());
    }

    async fn an_exemption_is_due_for_review_until_it_ends(server: empty) {
        let ward = server.ward().await;
        let member = ward.member(&ward.a).await;
        let exemption = granted(&ward, &member, "2013-01-01", json!({})).await.is(200).id();
        let due = [("2014-01-01".to_owned(), exemption.clone(), "exemption_review".to_owned())];
        let secretary = server.acting(Role::CellSecretary, &ward.a).await;
        for caller in [&ward.office, &secretary] {
            assert_eq!(listed(caller, "").await, due);
        }
        // Shown by the member; who reads no exemptions has none.
        let named = ward.office.get(&format!("/v1/members/{member}?fields=full_name")).await.body["full_name"].clone();
        let item = &secretary.get("/v1/work_items").await.is(200).body["items"][0];
        assert!(item["display"].as_str().unwrap().starts_with(named.as_str().unwrap()), "{item}");
        assert!(listed(&server.acting(Role::ExchangePeer, &ward.ward).await, "").await.is_empty());
        advance(&secretary, &exemption, json!({"to": "ended", "on": "2014-03-01"})).await.is(200);
        assert!(listed(&ward.office, "").await.is_empty());
    }

    async fn a_transfer_has_its_deadline_while_it_is_under_way(server: empty) {
        let ward = server.ward().await;
        let out = json!({"member_id": ward.member(&ward.a).await, "kind": "out", "reason_code": "job", "elsewhere": "Phường Lê Lợi"});
        let transfer = issued(&ward, out).await;
        // 30 working days after the letter of 5 January 2015.
        assert_eq!(listed(&ward.office, "").await, [("2015-02-16".to_owned(), transfer.clone(), "transfer_deadline".to_owned())]);
        let cancelled = json!({"to": "cancelled", "reason": "Ở lại"});
        ward.office.post(&format!("/v1/transfers/{transfer}/advance"), cancelled).header("if-match", "*").await.is(200);
        assert!(listed(&ward.office, "").await.is_empty());
    }

    async fn the_last_certificate_of_a_candidate_is_due_until_a_cell_proposes_the_candidate(server: empty) {
        let ward = server.ward().await;
        let candidate = ward.office.post("/v1/admissions", candidate(&ward.a, json!({}))).await.is(201).id();
        let member = ward.member(&ward.a).await;
        let passed = |on: &str| json!({"result": "passed", "certificate_on": on});
        class(&ward, "awareness", json!({"member_id": member}), passed("2012-05-18")).await;
        let first = class(&ward, "awareness", json!({"admission_id": candidate}), passed("2012-05-18")).await.id();
        let due = |on: &str, id: &str| [(on.to_owned(), id.to_owned(), "certificate_expires".to_owned())];
        assert_eq!(listed(&ward.office, "").await, due("2017-05-18", &first));
        let second = class(&ward, "awareness", json!({"admission_id": candidate}), passed("2013-02-01")).await.id();
        assert_eq!(listed(&ward.office, "").await, due("2018-02-01", &second));
        // A peer reads enrolments, and no candidates.
        assert!(listed(&server.acting(Role::ExchangePeer, &ward.ward).await, "").await.is_empty());
        step(&ward.office, &candidate, proposal()).await.is(200);
        assert!(listed(&ward.office, "").await.is_empty());
    }

    async fn a_work_list_is_of_few_units_and_says_so_beyond(server: empty) {
        let ward = server.ward().await;
        let member = probation(&ward, &ward.a, 3).await;
        for _ in 0..64 {
            ward.office.post("/v1/units", unit("cell", &ward.ward)).await.is(201);
        }
        for query in ["", &format!("?unit={}&subtree=true", ward.ward)] {
            let refused = ward.office.get(&format!("/v1/work_items{query}")).await.refused(400, "invalid_parameter");
            assert!(refused.body["errors"][0]["pointer"] == "unit" && refused.text.contains("64 units"), "{}", refused.text);
        }
        assert_eq!(ids(&listed(&ward.office, &format!("unit={}", ward.a)).await), [&member]);
        let vietnamese = ward.office.get("/v1/work_items?what=holidays").header("accept-language", "vi").await;
        assert!(vietnamese.text.contains("Hết thời gian dự bị (probation_ends)"), "{}", vietnamese.text);
        for (query, name) in [
            (format!("due_to={}", today().plus_days(400)), "due_to"), ("due_to=soon".into(), "due_to"), ("what=holidays".into(), "what"),
            ("subtree=true".into(), "subtree"), ("unit=ext:x:y".into(), "unit"), ("sort=due".into(), "sort"), ("limit=501".into(), "limit"),
        ] {
            let refused = ward.office.get(&format!("/v1/work_items?{query}")).await.refused(400, "invalid_parameter");
            assert_eq!(refused.body["errors"][0]["pointer"], name, "{query}: {}", refused.text);
        }
    }
}
