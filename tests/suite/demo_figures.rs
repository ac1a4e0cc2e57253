//! The figures of the article come out of the demo by plain list calls, beside what the article prints. Where it contradicts
//! itself, or prints a share that no whole number gives, both stand here.

use crate::support::http::Caller;
use crate::support::on_both_engines;
use cell_records_client::types::accounts::Role;
use serde_json::Value;

/// How many records a list finds.
async fn count(caller: &Caller, list: &str) -> i64 {
    let page = caller.get(&format!("/v1/{list}&limit=1&count=exact")).await.is(200).body;
    page["total"].as_i64().unwrap()
}

/// All records of a list.
async fn all(caller: &Caller, list: &str) -> Vec<Value> {
    caller.all(&format!("/v1/{list}&limit=500")).await.0
}

/// A share as a percentage with one decimal, rounded half up and cut off.
fn percent(part: i64, whole: i64) -> (String, String) {
    let tenths = |number: i64| format!("{}.{}", number / 10, number % 10);
    (tenths((part * 2_000 + whole) / (2 * whole)), tenths(part * 1_000 / whole))
}

on_both_engines! {
    async fn the_figures_of_the_article_come_out_of_plain_list_calls(server: demo) {
        let office = &server.acting(Role::CommitteeOffice, "ext:demo:ward").await;
        let course = |external: &str| format!("enrolments?course_id=ext:demo:{external}");

        // F-05: 1,493 members in touch with the cells of their residence; they are no members of the ward (1,168).
        assert_eq!(count(office, "residence_links?at=2014-12-31").await, 1_493);
        assert_eq!(count(office, "members?at=2014-12-31").await, 1_168);
        let by_category = office.get("/v1/residence_links/counts?group_by=category&at=2014-12-31").await.is(200).body;
        let groups: Vec<(&str, i64)> = by_category["groups"].as_array().unwrap().iter().map(|group| (group["category"].as_str().unwrap(), group["count"].as_i64().unwrap())).collect();
        assert_eq!(groups, [("introduced_exempt", 93), ("normal", 1_400)]);

        // F-09: of 1,168 members 920 and 937 were rated (the article prints 879 for 2012, and 937). 107 are exempt.
        assert_eq!(count(office, "member_evaluations?round_id=ext:demo:round-members-2012").await, 920);
        assert_eq!(count(office, "member_evaluations?round_id=ext:demo:round-members-2013").await, 937);
        assert_eq!(count(office, "members?exempt_at=2014-12-31").await, 107);
        assert_eq!(count(office, "exemptions?at=2014-12-31").await, 107);

        // F-10 to F-14: 31 entries of two plans, and the shares of women, of the young, of degrees, of theory.
        let mut parts = [0; 5];
        for (plan, on) in [("cadre-plan-1", "1983-07-01"), ("cadre-plan-2", "1984-07-01")] {
            let list = format!("cadre_plan_entries?plan_id=ext:demo:{plan}&removed=false");
            for (part, filter) in parts.iter_mut().zip([
                String::new(), "&sex=female".into(), format!("&birth_date_from={on}"),
                "&education_level=college,university,master,doctor".into(), "&political_theory_level=intermediate,advanced,bachelor".into(),
            ]) {
                *part += count(office, &format!("{list}{filter}")).await;
            }
        }
        assert_eq!(parts, [31, 14, 6, 26, 10]);
        let share = |part: usize| percent(parts[part], parts[0]);
        // Printed: 45.1, which is cut off and not rounded; 84, which is rounded; 18.2 and 31, which no number of 31 gives.
        assert_eq!(share(1), ("45.2".into(), "45.1".into()));
        assert_eq!(share(3), ("83.9".into(), "83.8".into()));
        assert_eq!(share(2), ("19.4".into(), "19.3".into()));
        assert_eq!(share(4), ("32.3".into(), "32.2".into()));
        assert!((0..=31).all(|part| ![percent(part, 31).0, percent(part, 31).1].contains(&"18.2".to_owned())));
        let entries = all(office, "cadre_plan_entries?removed=false").await;
        let persons: std::collections::BTreeSet<&str> = entries.iter().map(|entry| entry["member_id"].as_str().unwrap()).collect();
        assert_eq!((entries.len(), persons.len()), (31, 28));

        // F-15: in 2014 3 and 8 members, 23 candidates, 172 turns.
        assert_eq!(count(office, &course("course-intermediate-2014")).await, 3);
        assert_eq!(count(office, &course("course-elementary-2014")).await, 8);
        let (mut turns, mut of_2014, mut of_period) = (0, 0, 0);
        for one in all(office, "courses?kind=professional&starts_from=2014&starts_to=2014").await {
            turns += count(office, &format!("enrolments?course_id={}", one["id"].as_str().unwrap())).await;
        }
        assert_eq!(turns, 172);

        // F-16: 8 admitted in 2014, more than 30 in the period: 31. F-17: 23 and 74 in the classes; of these 3 and 25 were admitted.
        assert_eq!(count(office, "admissions?ceremony_from=2014-01-01&ceremony_to=2014-12-31").await, 8);
        assert_eq!(count(office, "admissions?ceremony_from=2012-03-13&ceremony_to=2014-12-31").await, 31);
        let admitted: std::collections::BTreeSet<String> = all(office, "admissions?state=admitted,recognised").await.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
        let mut came = [0; 2];
        for one in all(office, "courses?kind=awareness&starts_from=2012-03-13&starts_to=2014-12-31").await {
            let sent = all(office, &format!("enrolments?course_id={}", one["id"].as_str().unwrap())).await;
            let of_them = sent.iter().filter(|one| admitted.contains(one["admission_id"].as_str().unwrap())).count();
            of_period += sent.len();
            came[1] += of_them;
            if one["from"].as_str().unwrap().starts_with("2014") {
                of_2014 += sent.len();
                came[0] += of_them;
            }
        }
        assert_eq!((of_2014, of_period, came), (23, 74, [3, 25]));

        // F-20: three offices filled by by-election in 2014, each of an entry of the plan, after 92, 61 and 31 days.
        let filled = all(office, "cadre_plan_entries?plan_id=ext:demo:cadre-plan-1").await;
        let filled: Vec<&str> = filled.iter().filter_map(|entry| entry["position_id"].as_str()).collect();
        assert_eq!(filled.len(), 3);
        let mut vacant = Vec::new();
        for id in filled {
            let now = office.get(&format!("/v1/positions/{id}")).await.is(200).body;
            assert_eq!((&now["basis"], &now["from"]), (&"by_election".into(), &"2014-01-01".into()));
            let code = now["position_code"].as_str().unwrap();
            let former = all(office, &format!("positions?unit=ext:demo:ward&subtree=false&position_code={code}&at=2013-01-01")).await;
            let day = |text: &Value| text.as_str().unwrap().parse::<cell_records_client::types::Date>().unwrap();
            vacant.push((1..200).find(|days| day(&former[0]["to"]).plus_days(*days) == day(&now["from"])).unwrap());
        }
        vacant.sort_unstable();
        assert_eq!(vacant, [31, 61, 92]);

        // Leaders who pledged to be an example: 40.4, 54.1 and 70.2 %, a share that rises, as the article says.
        for (year, leaders, exemplars, share) in [(2012, 114, 46, "40.4"), (2013, 111, 60, "54.1"), (2014, 114, 80, "70.2")] {
            let list = format!("pledges?year={year}&kind=follow_example");
            let counted = (count(office, &list).await, count(office, &format!("{list}&is_exemplar=true")).await);
            assert_eq!(counted, (leaders, exemplars));
            assert_eq!(percent(exemplars, leaders).0, share);
            let targets = all(office, &format!("pledges?year={year}&kind=member_development")).await;
            assert_eq!(targets.iter().map(|one| one["target"].as_i64().unwrap()).sum::<i64>(), 12);
        }
        assert_eq!(count(office, "pledges?kind=ethical_standards").await, 24);
        assert_eq!(count(office, "assignments?primary=true&at=2014-12-31").await, 1_061);
    }
}
