//! `cellsync whoami`: who the token belongs to, what it may do, and until when.

use crate::end::End;
use crate::output::{print, print_json};
use crate::settings::Profiled;
use anyhow::Result;
use cell_records_client::types::Timestamp;

/// From so many days before its end the token's expiry is a warning.
const WARNED: i64 = 30;
const DAY: i64 = 24 * 3_600_000_000;

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
    if let Some(warning) = me.token_expires_at.and_then(|at| warning(at, Timestamp::now())) {
        eprintln!("{warning}");
    }
    Ok(End::Done)
}

/// What is said of a token that ends soon.
fn warning(expires_at: Timestamp, now: Timestamp) -> Option<String> {
    let days = (expires_at.micros() - now.micros()).div_euclid(DAY);
    (days < WARNED)
        .then(|| format!("WARNING: the token expires in {days} days: ask the administrator for its successor"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warning_begins_thirty_days_before() {
        let at = |days: i64| Timestamp::from_micros(days * DAY);
        assert_eq!(warning(at(31), at(1)), None);
        assert!(warning(at(31), at(2)).is_some_and(|text| text.contains("in 29 days")));
    }
}
