//! The record that an item means where no record has its external ids: the one that has an exact number of it.

use crate::store::items::Item;
use crate::store::record::Stored;
use crate::store::scope::Scope;
use crate::store::write_set::WriteSet;
use cell_records_types::faults::{self, FaultCode};
use cell_records_types::sync::{Candidate, MAX_CANDIDATES, MatchBy};
use std::sync::Arc;

/// What an item's numbers find.
pub enum Matched {
    /// No record that the caller may learn of.
    Nothing,
    /// This record.
    One(Arc<Stored>),
    /// What a person must look at, and why.
    Unclear(Vec<Candidate>, &'static FaultCode),
}

/// Looks for the records that have a number of an item, by what it asks to be matched by. Only where the caller reads that
/// number: to others nothing is said of it.
pub fn by_numbers(item: &Item, scope: &Scope, set: &WriteSet) -> Matched {
    let mut found: Vec<(&Arc<Stored>, &MatchBy)> = Vec::new();
    for by in item.match_by.iter().filter(|by| by.is_number()) {
        let Some(field) = by.field() else { continue };
        for record in item.kind.same(&item.fields, by).into_iter().flat_map(|lookup| set.found(lookup)) {
            let is_new = !found.iter().any(|(other, _)| other.id == record.id);
            if is_new && found.len() < MAX_CANDIDATES && scope.reads_field(item.kind, record.unit_id, field) {
                found.push((record, by));
            }
        }
    }
    match found.as_slice() {
        [] => Matched::Nothing,
        [(record, _)] if !has_another_id(item, record) && item.kind.fits(&item.fields, record) => {
            Matched::One(Arc::clone(record))
        }
        all => {
            let candidate = |(record, by): &(&Arc<Stored>, &MatchBy)| Candidate {
                id: record.id,
                version: record.version,
                matched_by: (*by).clone(),
            };
            let is_taken = matches!(all, [(record, _)] if has_another_id(item, record));
            let why = if is_taken { &faults::MATCH_TAKEN } else { &faults::DUPLICATE_MATCH };
            Matched::Unclear(all.iter().map(candidate).collect(), why)
        }
    }
}

/// Whether a record is known to a system of the item already, by another id: then the item means somebody else, or that
/// system has one person twice.
fn has_another_id(item: &Item, record: &Stored) -> bool {
    let held = record.external();
    item.systems().any(|system| held.iter().any(|one| *one.system == *system))
}
