//! `cellsync whoami`: who the token belongs to, what it may do, and until when.

use crate::end::End;
use crate::output::{print, print_json};
use crate::settings::Profiled;
use anyhow::Result;

pub async fn run(settings: &Profiled) -> Result<End> {
    let me = settings.client()?.get_me().await?;
    if settings.json {
        print_json(&me)?;
    } else {
        print(format_args!("account  {} {} ({})", me.kind, me.name, me.display_name))?;
        print(format_args!("unit     {}", me.unit_id))?;
        for grant in &me.grants {
            let until = grant.until.map_or_else(String::new, |until| format!(", until {until}"));
            let fields =
                if grant.fields.is_empty() { String::new() } else { format!(", with {}", grant.fields.join(", ")) };
            print(format_args!("grant    {} of {} and all below it{until}{fields}", grant.role, grant.unit_id))?;
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
