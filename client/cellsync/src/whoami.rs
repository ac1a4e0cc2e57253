//! `cellsync whoami`: who the token belongs to, what it may do, and until when.

use crate::end::End;
use crate::output::{print, print_json};
use crate::settings::Profiled;
use anyhow::Result;
use cell_records_client::Client;
use cell_records_client::types::accounts::Me;
use cell_records_client::types::pages::ListQuery;
use cell_records_client::types::{Unit, Uuid};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

pub async fn run(settings: &Profiled) -> Result<End> {
    let client = settings.client()?;
    let me = client.get_me().await?;
    if settings.json {
        print_json(&me)?;
    } else {
        let names = names(&client, &me).await;
        let unit = |id: &Uuid| names.get(id).map_or_else(|| id.to_string(), |name| format!("{name} ({id})"));
        print(format_args!("account  {} {} ({})", me.kind, me.name, me.display_name))?;
        print(format_args!("unit     {}", unit(&me.unit_id)))?;
        for grant in &me.grants {
            let until = grant.until.map_or_else(String::new, |until| format!(", until {until}"));
            let fields =
                if grant.fields.is_empty() { String::new() } else { format!(", with {}", grant.fields.join(", ")) };
            print(format_args!("grant    {} of {} and all below it{until}{fields}", grant.role, unit(&grant.unit_id)))?;
        }
        if me.grants.is_empty() {
            print("grant    none: it sees nothing")?;
        }
        if let Some(at) = me.token_expires_at {
            print(format_args!("token    expires at {at}"))?;
        }
    }
    Ok(End::Done)
}

/// Most units whose names one call brings.
const MOST: usize = 200;

/// The names of the account's units, so far as it reads them.
async fn names(client: &Client, me: &Me) -> BTreeMap<Uuid, String> {
    let units: BTreeSet<Uuid> = me.grants.iter().map(|grant| grant.unit_id).chain([me.unit_id]).collect();
    let ids: Vec<String> = units.iter().take(MOST).map(Uuid::to_string).collect();
    let query = ListQuery { ids: Some(ids.join(",")), fields: Some("name".into()), ..ListQuery::default() };
    // Who has no grant reads no units.
    let Ok(page) = client.records::<Unit>().raw().list(&query).await else { return BTreeMap::new() };
    let text = |unit: &Map<String, Value>, field: &str| unit.get(field)?.as_str().map(str::to_owned);
    page.items.iter().filter_map(|unit| Some((text(unit, "id")?.parse().ok()?, text(unit, "name")?))).collect()
}
