//! Tests that every store passes, for stores of one's own. A property that does not hold ends with a panic, after its
//! name has been printed on standard error.
//!
//! ```
//! use cell_records_client::sync::{MemoryStore, conformance};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! conformance::copy_store(MemoryStore::new).await;
//! conformance::outbox(MemoryStore::new).await;
//! # }
//! ```
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends with a panic")]

mod batches;
mod copy;
pub(crate) mod fixtures;
mod refused;

use super::{CopyStore, Outbox};

macro_rules! properties {
    ($make:ident: $($part:ident::{ $($property:ident),* $(,)? })*) => { $($(
        eprintln!("conformance: {}", stringify!($property));
        $part::$property($make()).await;
    )*)* };
}

/// Tests the copy. `make` gives a new, empty store each time.
///
/// # Panics
/// If a property does not hold.
pub async fn copy_store<S: CopyStore>(mut make: impl FnMut() -> S) {
    properties! { make:
        copy::{
            an_older_version_changes_nothing_and_a_snapshot_replaces,
            a_page_of_another_cursor_is_not_applied,
            a_cursor_that_is_gone_leads_to_a_snapshot_and_a_sweep,
            own_writes_that_the_copy_lacks_are_fetched,
            another_filter_begins_anew,
            a_unit_that_is_no_longer_found_empties_the_copy,
            what_a_page_did_is_told_record_by_record,
        }
    }
}

/// Tests the outbox, and the copy's part in it. `make` gives a new, empty store each time.
///
/// # Panics
/// If a property does not hold.
pub async fn outbox<S: Outbox>(mut make: impl FnMut() -> S) {
    properties! { make:
        batches::{
            a_snapshot_sweeps_what_it_did_not_name_but_spares_the_unsent,
            what_is_pushed_during_a_snapshot_is_judged_when_the_feed_is_current,
            a_batch_cut_off_after_it_was_stored_goes_out_again_to_the_byte,
            every_item_of_a_push_is_settled_by_its_result,
            a_batch_that_is_too_large_is_halved_until_the_culprit_stands_alone,
            versions_of_a_lost_log_become_conflicts,
            a_late_answer_does_not_undo_what_the_feed_has_brought,
            a_batch_whose_key_is_forgotten_is_not_sent_again,
            a_batch_refused_whole_is_halved_to_a_dead_letter,
            what_is_wrong_with_every_batch_keeps_the_outbox,
            items_are_taken_once_under_a_digest,
        }
        refused::{
            what_refers_to_a_refused_item_goes_again_together_with_it,
            a_name_becomes_a_reference_once_its_item_is_accepted,
            names_of_two_calls_never_share_a_batch,
            a_refused_item_is_dropped_or_sent_again_upon_the_servers_version,
            a_conflict_of_no_known_version_is_sent_again_upon_a_newer_one,
        }
    }
}
