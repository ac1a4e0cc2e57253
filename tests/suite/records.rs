//! The calls of records: what is read, written, refused.

use crate::support::on_both_engines;
use cell_records_client::types::Unit;
use cell_records_client::types::pages::ListQuery;

on_both_engines! {
    async fn an_administrator_lists_the_units_of_the_demo(server: demo) {
        let admin = server.admin();
        let page = admin.records::<Unit>().list(&ListQuery { count: true, ..ListQuery::default() }).await.unwrap();
        assert_eq!((page.items.len(), page.total), (28, Some(28)));
    }
}
