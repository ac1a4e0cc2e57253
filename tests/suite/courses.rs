//! Courses: their dates, what never changes of them, and how they are found.

use crate::support::on_both_engines;
use cell_records_client::types::accounts::Role;
use serde_json::{Value, json};

fn course(unit: &str, name: &str, kind: &str, from: &str, to: Option<&str>) -> Value {
    json!({"unit_id": unit, "name": name, "kind": kind, "from": from, "to": to})
}

fn names(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["name"].as_str().unwrap()).collect()
}

on_both_engines! {
    async fn a_course_lasts_at_least_a_day_and_its_kind_and_unit_never_change(server: empty) {
        let ward = server.ward().await;
        let post = |body: Value| ward.office.post("/v1/courses", body);
        post(json!({"unit_id": ward.ward, "kind": "dancing", "to": "2014-04-08"})).await
            .faults(&[("/name", "required"), ("/from", "required"), ("/kind", "unknown_code")]);
        post(course(&ward.ward, "Lớp", "other", "2014-04-07", Some("2014-04-07"))).await.faults(&[("/to", "dates_out_of_order")]);
        // Courses are planned ahead.
        let made = post(course(&ward.ward, "Lớp", "other", "2199-04-07", Some("2199-04-08"))).await.is(201);
        let path = format!("/v1/courses/{}", made.id());
        ward.office.patch(&path, "*", json!({"kind": "awareness", "unit_id": ward.a})).await
            .faults(&[("/kind", "is_fixed"), ("/unit_id", "unit_fixed")]);
        ward.office.patch(&path, "*", json!({"to": null, "organiser": "Trường Chính trị tỉnh"})).await.is(200);
    }

    async fn courses_are_found_by_kind_day_beginning_and_name_also_from_the_cells_below(server: empty) {
        let ward = server.ward().await;
        for (name, kind, from, to) in [
            ("Bồi dưỡng nhận thức về Đảng", "awareness", "2014-09-08", Some("2014-09-13")),
            ("Trung cấp lý luận chính trị", "political_intermediate", "2013-10-01", None),
            ("Nghiệp vụ công tác đảng", "professional", "2014-04-07", Some("2014-04-08")),
        ] {
            ward.office.post("/v1/courses", course(&ward.ward, name, kind, from, to)).await.is(201);
        }
        let cell = server.acting(Role::CellSecretary, &ward.a).await;
        let (awareness, theory, party_work) = ("Bồi dưỡng nhận thức về Đảng", "Trung cấp lý luận chính trị", "Nghiệp vụ công tác đảng");
        for (query, found) in [
            ("sort=from", vec![theory, party_work, awareness]),
            ("sort=name", vec![awareness, party_work, theory]),
            ("kind=awareness,professional&sort=-from", vec![awareness, party_work]),
            ("at=2014-04-07", vec![theory, party_work]),
            ("at=2014-04-08&sort=from", vec![theory]),
            ("starts_from=2014&starts_to=2014-08", vec![party_work]),
            ("q=ly%20luan", vec![theory]),
        ] {
            let mut items = cell.all(&format!("/v1/courses?{query}")).await.0;
            if !query.contains("sort") {
                items.sort_by_key(|item| item["from"].as_str().unwrap().to_owned());
            }
            assert_eq!(names(&items), found, "{query}");
        }
    }
}
