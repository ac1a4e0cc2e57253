//! A small ward with two cells, and records of every type in them.

use super::http::{Caller, Reply, number};
use super::server::Server;
use cell_records_client::types::accounts::Role;
use cell_records_server::store::registry::Kind;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};

/// The root of every tree.
pub const ROOT: &str = "00000000-0000-7000-8000-000000000001";

/// A ward under the root, with two cells.
pub struct Ward {
    /// Writes everything, everywhere.
    pub office: Caller,
    /// The ward.
    pub ward: String,
    /// Its first cell.
    pub a: String,
    /// Its second cell.
    pub b: String,
    /// A scheme of the ward, for members.
    pub scheme: String,
    year: AtomicU32,
}

/// A unit that can be created.
pub fn unit(kind: &str, parent: &str) -> Value {
    json!({"name": format!("Đơn vị {}", number()), "kind": kind, "parent_id": parent})
}

/// A member that can be created.
pub fn member(cell: &str) -> Value {
    json!({
        "unit_id": cell, "full_name": format!("Nguyễn Văn Số {}", number()), "sex": "male", "birth_date": "1980-05-19",
        "admission_date": "2005-02-03", "status": "official", "official_date": "2006-02-03",
    })
}

/// A scheme that can be created.
pub fn scheme(unit: &str) -> Value {
    let level = |code: &str, rank: u32| json!({"code": code, "label_vi": code, "label_en": code, "rank": rank});
    json!({
        "unit_id": unit, "name": format!("Bộ tiêu chí {}", number()), "subject_kind": "member", "valid_from": "2012-01-01",
        "levels": [level("excellent", 1), level("good", 2), level("poor", 3)],
    })
}

/// A figure that can be created.
pub fn figure(unit: &str) -> Value {
    json!({
        "unit_id": unit, "indicator_code": "members.strength", "value": "45.1", "measure": "person",
        "period_from": "2014-01-01", "period_to": "2014-12-31",
    })
}

impl Server {
    /// A ward of the test's own.
    pub async fn ward(&self) -> Ward {
        let office = self.acting(Role::CommitteeOffice, ROOT).await;
        let ward = office.post("/v1/units", unit("grassroots_committee", ROOT)).await.is(201).id();
        let a = office.post("/v1/units", unit("cell", &ward)).await.is(201).id();
        let b = office.post("/v1/units", unit("cell", &ward)).await.is(201).id();
        let scheme = office.post("/v1/evaluation_schemes", scheme(&ward)).await.is(201).id();
        Ward { office, ward, a, b, scheme, year: AtomicU32::new(1900) }
    }
}

impl Ward {
    /// A year that nothing of this ward has used.
    pub fn year(&self) -> u32 {
        self.year.fetch_add(1, Ordering::Relaxed)
    }

    /// A new member of a cell.
    pub async fn member(&self, cell: &str) -> String {
        self.office.post("/v1/members", member(cell)).await.is(201).id()
    }

    /// A new round of the ward, in `draft`.
    pub async fn round(&self) -> String {
        let round = json!({"unit_id": self.ward, "scheme_id": self.scheme, "year": self.year()});
        self.office.post("/v1/evaluation_rounds", round).await.is(201).id()
    }

    /// A body of a type that can be created in a unit, with sensitive fields where the type has some.
    pub async fn body(&self, kind: &Kind, cell: &str) -> Value {
        // Members stand in cells only.
        let home = if cell == self.ward { self.a.as_str() } else { cell };
        match kind.name {
            "unit" => {
                let mut body = unit("party_group", cell);
                body["notes"] = json!("Ghi chú nội bộ");
                body
            }
            "member" => {
                let mut body = member(cell);
                body["ethnicity"] = json!("kinh");
                body["health_note"] = json!("Khỏe");
                body
            }
            "term" => {
                let year = self.year();
                json!({"unit_id": cell, "label": "Nhiệm kỳ", "from": format!("{year}-01-01"), "to": format!("{year}-12-31")})
            }
            "position" => json!({
                "unit_id": cell, "member_id": self.member(home).await, "position_code": "cell_committee_member",
                "from": "2010-01-01", "basis": "elected", "vote_result": {"for": 9, "total": 10},
            }),
            "evaluation_scheme" => scheme(cell),
            "evaluation_round" => json!({"unit_id": cell, "scheme_id": self.scheme, "year": self.year()}),
            "member_evaluation" => json!({
                "unit_id": cell, "member_id": self.member(home).await, "round_id": self.round().await,
                "self_level": "good", "reasons": "Lý do riêng",
            }),
            "unit_evaluation" => json!({
                "unit_id": cell, "round_id": self.round().await, "self_level": "good", "reasons": "Lý do riêng",
            }),
            "reported_figure" => figure(cell),
            other => panic!("say here what a {other} is made of"),
        }
    }

    /// A new record of a type in a unit.
    pub async fn record(&self, kind: &Kind, cell: &str) -> Reply {
        let body = self.body(kind, cell).await;
        self.office.post(&format!("/v1/{}", kind.plural), body).await.is(201)
    }
}

/// A field of each type that a patch can change, with two values for it.
pub fn change(kind: &Kind) -> (&'static str, Value, Value) {
    match kind.name {
        "unit" => ("address", json!("Số 1"), json!("Số 2")),
        "member" => ("current_residence", json!("Khối 1"), json!("Khối 2")),
        "term" => ("label", json!("Nhiệm kỳ 1"), json!("Nhiệm kỳ 2")),
        "position" => ("to", json!("2015-01-01"), json!("2016-01-01")),
        "evaluation_scheme" => ("legal_source", json!("HD 1"), json!("HD 2")),
        "evaluation_round" => ("opened_on", json!("2014-01-01"), json!("2014-02-01")),
        "member_evaluation" | "unit_evaluation" => ("self_level", json!("excellent"), json!("poor")),
        "reported_figure" => ("status", json!("confirmed"), json!("disputed")),
        other => panic!("say here what changes in a {other}"),
    }
}
