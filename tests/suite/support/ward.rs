//! A small ward with two cells, and records of every type in them.

use super::http::{Caller, Reply, number, over};
use super::server::Server;
use cell_records_client::types::Sample;
use cell_records_client::types::accounts::Role;
use cell_records_client::types::faults::Report;
use cell_records_server::store::registry::Kind;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};

/// The root of every tree.
pub const ROOT: &str = "00000000-0000-7000-8000-000000000001";

/// Who has these roles writes every type.
pub const WRITERS: [Role; 2] = [Role::CommitteeOffice, Role::CommitteeLead];

/// A ward under the root, with two cells.
pub struct Ward {
    /// The committee's office, everywhere.
    pub office: Caller,
    /// Writes every type, everywhere.
    pub writer: Caller,
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
        "unit_id": unit, "name": format!("Bộ tiêu chí {}", number()), "subject_kind": "member", "valid_from": "1900-01-01",
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
    /// Who writes every type in a unit and below.
    pub async fn writer(&self, unit: &str) -> Caller {
        self.granted(WRITERS.map(|role| over(role, unit)).into()).await
    }

    /// A ward of the test's own.
    pub async fn ward(&self) -> Ward {
        let office = self.acting(Role::CommitteeOffice, ROOT).await;
        let writer = self.writer(ROOT).await;
        let ward = office.post("/v1/units", unit("grassroots_committee", ROOT)).await.is(201).id();
        let a = office.post("/v1/units", unit("cell", &ward)).await.is(201).id();
        let b = office.post("/v1/units", unit("cell", &ward)).await.is(201).id();
        let scheme = office.post("/v1/evaluation_schemes", scheme(&ward)).await.is(201).id();
        Ward { office, writer, ward, a, b, scheme, year: AtomicU32::new(1900) }
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

    /// A new round of the ward for its members, in `draft`.
    pub async fn round(&self) -> String {
        self.round_under(&self.scheme).await
    }

    /// A new round of the ward under a scheme, in `draft`.
    pub async fn round_under(&self, scheme: &str) -> String {
        let round = json!({"unit_id": self.ward, "scheme_id": scheme, "year": self.year()});
        self.office.post("/v1/evaluation_rounds", round).await.is(201).id()
    }

    /// A new round of the ward for its units, with a scheme of its own.
    pub async fn round_of_units(&self) -> String {
        let mut scheme = scheme(&self.ward);
        scheme["subject_kind"] = json!("committee_collective");
        let scheme = self.office.post("/v1/evaluation_schemes", scheme).await.is(201).id();
        self.round_under(&scheme).await
    }

    /// A body of a type that can be created in a unit: the type's sample, with references to records of this ward.
    pub async fn body(&self, kind: &Kind, cell: &str) -> Value {
        // Members belong to cells only, and with them what is of a member's cell.
        let home = if cell == self.ward { self.a.as_str() } else { cell };
        let Sample { create: mut body, distinct, .. } = kind.sample();
        if body.get("unit_id").is_some() {
            body["unit_id"] = json!(if in_cells(kind) { home } else { cell });
        }
        let mut report = Report::new("");
        for field in kind.fields {
            if let Some(value) = body.get_mut(field.name) {
                report.within(field.name, |report| (field.check)(value, report));
            }
        }
        assert!(report.faults.is_empty(), "{}: {:?}", kind.name, report.faults);
        for found in report.references {
            let to = match found.target {
                "unit" => cell.to_owned(),
                "evaluation_scheme" => self.scheme.clone(),
                "evaluation_round" if kind.name == "unit_evaluation" => self.round_of_units().await,
                other => {
                    let target = Kind::named(other).unwrap();
                    let unit = if target.downward { &self.ward } else { home };
                    Box::pin(self.record(target, unit)).await.id()
                }
            };
            *body.pointer_mut(&found.pointer).unwrap() = json!(to);
        }
        if let Some(name) = kind
            .search
            .filter(|search| search.other().is_none())
            .map(|search| search.field)
            .filter(|name| body.get(name).is_some())
        {
            body[name] = json!(format!("{} {}", body[name].as_str().unwrap(), number()));
        }
        // Years are few.
        let year = if distinct.is_empty() { 0 } else { self.year() };
        let mut first = None;
        for name in distinct {
            body[*name] = shifted(&body[*name], year, &mut first);
        }
        body
    }

    /// A new record of a type in a unit.
    pub async fn record(&self, kind: &Kind, cell: &str) -> Reply {
        let body = self.body(kind, cell).await;
        self.writer.post(&format!("/v1/{}", kind.plural), body).await.is(201)
    }
}

/// A date or a year, moved so that the first of them is in `year`.
fn shifted(value: &Value, year: u32, first: &mut Option<u32>) -> Value {
    let date = value.as_str().map(|text| text.split_at(4));
    let own = date.map_or_else(|| value.to_string(), |(own, _)| own.to_owned()).parse().unwrap();
    let moved = own - *first.get_or_insert(own) + year;
    date.map_or_else(|| json!(moved), |(_, day)| json!(format!("{moved}{day}")))
}

/// Whether a patch can change records of a type; of some nothing ever changes.
pub fn changes(kind: &Kind) -> bool {
    kind.sample().change != json!({})
}

/// A field of the type's sample that a patch can change, with another value for it. Where nothing can be changed, a field as
/// it is.
pub fn change(kind: &Kind) -> (&'static str, Value) {
    let Sample { create, change, .. } = kind.sample();
    let body = if changes(kind) { change } else { create };
    let patched = |name: &&str| body.get(*name).is_some();
    let name = kind.fields.iter().map(|field| field.name).find(patched).unwrap();
    (name, body[name].clone())
}

/// Whether the records of a type never leave their unit: those that are read from below, and figures.
pub fn stays(kind: &Kind) -> bool {
    kind.is_fixed("unit_id") && kind.name != "unit"
}

/// Whether the records of a type belong to cells only: members, links to a cell, admissions, and what belongs to the cell of its
/// member.
pub fn in_cells(kind: &Kind) -> bool {
    matches!(kind.name, "member" | "residence_link" | "admission") || kind.needs().is_none()
}
