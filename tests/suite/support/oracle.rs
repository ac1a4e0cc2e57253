//! What a caller may see, as plainly as the rules say it, worked out apart from the server: from all records, the tree, the
//! caller's grants and the published table of roles. No ranges, no classes of units, nothing of the server's own scope.

use super::copies::{Records, visible};
use super::peers::Peer;
use cell_records_client::Client;
use cell_records_client::types::accounts::{Grant, RoleRights};
use cell_records_client::types::{Class, Unit};
use cell_records_server::store::registry::Kind;
use serde_json::Value;
use std::collections::HashMap;
use uuid::Uuid;

/// All records, and what the rules need to know of them.
pub struct Oracle {
    records: Records,
    parents: HashMap<Uuid, Option<Uuid>>,
    roles: Vec<RoleRights>,
}

fn id(value: &Value) -> Option<Uuid> {
    value.as_str().map(|text| Uuid::try_parse(text).unwrap())
}

impl Oracle {
    /// The state of a server. `all` reads every record with every field. `gone` are the deleted units: a grant of one of
    /// them still reads what is above it.
    pub async fn ask(all: &Client, peer: &Peer, gone: &[Uuid]) -> Self {
        let records = visible(all).await;
        let units =
            records.iter().filter(|((kind, _), _)| *kind == <Unit as cell_records_client::types::RecordType>::NAME);
        let mut parents: HashMap<Uuid, Option<Uuid>> =
            units.map(|((_, unit), record)| (*unit, record.get("parent_id").and_then(id))).collect();
        for unit in gone {
            // The version before the deletion says where it was.
            let history = peer.get(&format!("/v1/units/{unit}/history?limit=2"), &[]).await;
            parents.insert(*unit, id(&history.body["items"][1]["record"]["parent_id"]));
        }
        let roles = peer.get("/v1/roles", &[]).await;
        Oracle { records, parents, roles: serde_json::from_value(roles.body["items"].clone()).unwrap() }
    }

    /// Whether a unit is another or below it.
    fn covers(&self, above: Uuid, unit: Uuid) -> bool {
        let mut at = Some(unit);
        while let Some(unit) = at {
            if unit == above {
                return true;
            }
            at = self.parents.get(&unit).copied().flatten();
        }
        false
    }

    /// Up to which class a grant, or the part of it below `root`, reads records of a type in a unit.
    fn reads(&self, grant: &Grant, root: Uuid, kind: &Kind, unit: Uuid) -> Option<Class> {
        let role = self.roles.iter().find(|role| role.role == grant.role)?;
        let rights = role.types.iter().find(|rights| rights.kind == kind.name)?;
        let class: Class = serde_json::from_value(Value::from(rights.reads.clone())).unwrap();
        if class < kind.class {
            None
        } else if self.covers(root, unit) {
            Some(class)
        } else {
            (kind.downward && self.covers(unit, root)).then_some(kind.class)
        }
    }

    /// The records that a copy must hold: those of these types (none: all), at or below these units (none: the whole
    /// scope) and what holds for them from above, each with the fields that the caller may read.
    pub fn expected(&self, grants: &[Grant], units: &[Uuid], types: &[String]) -> Records {
        let whole: Vec<(&Grant, Uuid)> = grants.iter().map(|grant| (grant, grant.unit_id)).collect();
        let unit_kind = Kind::named("unit").unwrap();
        let sees =
            |unit: &&Uuid| whole.iter().any(|(grant, root)| self.reads(grant, *root, unit_kind, **unit).is_some());
        let mut inside = whole.clone();
        if !units.is_empty() {
            let cut = |(grant, root): &(&Grant, Uuid)| -> Vec<Uuid> {
                let seen = units.iter().filter(sees).copied();
                seen.filter_map(|asked| match (self.covers(*root, asked), self.covers(asked, *root)) {
                    (true, _) => Some(asked),
                    (false, true) => Some(grant.unit_id),
                    (false, false) => None,
                })
                .collect()
            };
            inside = whole.iter().flat_map(|held| cut(held).into_iter().map(|root| (held.0, root))).collect();
        }
        let mut expected = Records::new();
        for ((name, record_id), record) in &self.records {
            let kind = Kind::named(name).unwrap();
            let unit = id(&record["unit_id"]).unwrap();
            let most = |roots: &[(&Grant, Uuid)]| {
                roots.iter().filter_map(|(grant, root)| self.reads(grant, *root, kind, unit)).max()
            };
            let wanted = types.is_empty() || types.iter().any(|wanted| wanted == name);
            let (true, Some(_), Some(class)) = (wanted, most(&inside), most(&whole)) else { continue };
            let mut shown = record.clone();
            for field in kind.fields.iter().filter(|field| field.class > class) {
                shown.remove(field.name);
            }
            expected.insert((name, *record_id), shown);
        }
        expected
    }
}
