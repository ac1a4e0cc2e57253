//! The numbers of regulations: printed as they are, served to everyone, and used by the rules of records.

use crate::support::on_both_engines;
use cell_records_client::types::accounts::Role;
use cell_records_client::types::rules::RuleUnit;

#[test]
fn the_page_on_the_domain_has_the_table_that_the_program_prints() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/DOMAIN.md")).unwrap();
    let table = page.split("<!-- cell-records rules -->\n").nth(1).and_then(|rest| rest.split("<!-- end -->").next());
    let printed = cell_records_server::regulations::table();
    assert_eq!(table, Some(&*printed), "docs/DOMAIN.md is old: put the output of cell-records rules between its marks");
}

on_both_engines! {
    async fn whoever_is_logged_in_reads_the_numbers_of_regulations(server: empty) {
        let ward = server.ward().await;
        server.nobody().get("/v1/rules").await.refused(401, "unauthenticated");
        for role in Role::ALL {
            let caller = server.acting(role.clone(), &ward.ward).await;
            assert_eq!(caller.get("/v1/rules").await.is(200).body, server.administrator().await.get("/v1/rules").await.body);
        }
        let all = server.admin().rules().await.unwrap().items;
        let rule = |name: &str| all.iter().find(|rule| rule.name == name).unwrap();
        let letter = rule("transfer_letter");
        assert_eq!((&letter.unit, letter.values[0].number), (&RuleUnit::WorkingDay, Some(30)));
        assert_eq!(letter.values[0].valid_from.unwrap().to_string(), "2025-07-01");
        assert!(rule("vote_low").values[0].share.unwrap().is_reached(16, 30));
        assert!(!rule("badge_years").values[0].numbers.contains(&35));
        assert_eq!(rule("badge_rounds").values[0].days.len(), 4);
    }
}
