//! What one pull reaches: the caller's grants cut with its filter, the ranges of the log that concern them, and the
//! revision that changes whenever they do.

use crate::store::live::View;
use crate::store::log_ranges::Range;
use crate::store::record::Stored;
use crate::store::registry::{KINDS, Kind, UNIT};
use crate::store::scope::{Grant, Scope, Units};
use crate::store::type_set::TypeSet;
use aws_lc_rs::digest::{Context, SHA256};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Most units of a filter: they travel in the cursor.
pub const MAX_UNITS: usize = 8;

/// What a caller asks for on its first call; later calls take it from the cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedFilter {
    /// Record types; none: all.
    pub types: TypeSet,
    /// Roots of the units asked for, sorted; none: the whole scope.
    pub units: Vec<Uuid>,
    /// Whether the caller's own changes come briefly.
    pub brief: bool,
}

impl FeedFilter {
    /// Whether a type is asked for.
    pub fn wants(&self, kind: &Kind) -> bool {
        self.types.is_empty() || self.types.contains(kind)
    }

    /// Whether a unit of a filter is one that the caller sees. Another one is empty, whether it exists or not.
    pub fn sees_unit(scope: &Scope, unit: Uuid) -> bool {
        scope.tree.contains(unit) && scope.reads(UNIT, unit).is_some()
    }
}

/// One pull: what is asked for, and what its caller may see of it now.
pub struct Pull {
    /// What is asked for.
    pub filter: FeedFilter,
    /// The caller's whole scope: it chooses the fields.
    pub scope: Scope,
    /// The clock, the instant and the tree in which it is judged.
    pub view: View,
    /// The scope with its grants cut to the units asked for: the pull's roots. It decides what is inside.
    inside: Scope,
    rev: [u8; 8],
}

impl Pull {
    /// A pull by a caller with this scope.
    pub fn new(filter: FeedFilter, scope: Scope, view: View) -> Self {
        let mut inside = scope.clone();
        if !filter.units.is_empty() {
            let tree = &scope.tree;
            let units: Vec<Uuid> =
                filter.units.iter().copied().filter(|unit| FeedFilter::sees_unit(&scope, *unit)).collect();
            inside.grants = scope
                .grants
                .iter()
                .flat_map(|grant| {
                    units.iter().filter_map(|asked| {
                        let unit = if tree.covers(grant.unit, *asked) {
                            *asked
                        } else if tree.covers(*asked, grant.unit) {
                            grant.unit
                        } else {
                            return None;
                        };
                        Some(Grant { unit, ..grant.clone() })
                    })
                })
                .collect();
        }
        let mut pull = Pull { filter, scope, view, inside, rev: [0; 8] };
        pull.rev = pull.hash();
        pull
    }

    /// Whether a record is inside the pull and visible, were it not deleted.
    pub fn reaches(&self, record: &Stored) -> bool {
        self.filter.wants(record.kind) && self.inside.reads(record.kind, record.unit_id).is_some()
    }

    /// The units in which records of a type are inside the pull.
    pub fn units(&self, kind: &Kind) -> Units {
        if self.filter.wants(kind) { self.inside.units(kind, &[]) } else { Units::Few(Vec::new()) }
    }

    /// The stretches of the log to read: each root's own rows, and from above it what is readable from below.
    pub fn ranges(&self) -> Vec<Range> {
        let tree = &self.scope.tree;
        let roots: BTreeSet<Uuid> = self.inside.grants.iter().map(|grant| grant.unit).collect();
        let mut ranges: BTreeMap<(Uuid, i64), TypeSet> = BTreeMap::new();
        for root in roots {
            let read = |kind: &&'static Kind| {
                self.filter.wants(kind) && self.inside.readers(kind).any(|(grant, _)| tree.covers(grant.unit, root))
            };
            let own: TypeSet = KINDS.iter().filter(read).collect();
            let down: TypeSet = KINDS.iter().filter(read).filter(|kind| kind.downward).collect();
            ranges.entry((root, 0)).or_default().extend(&own);
            for above in tree.ancestors(root).skip(1) {
                ranges.entry((above, 1)).or_default().extend(&down);
            }
        }
        let counting = ranges.into_iter().filter(|(_, types)| !types.is_empty());
        counting.map(|((unit, downward), types)| Range { unit, downward, types }).collect()
    }

    /// The revision of the scope: another one means that what the caller sees changed without a change of records.
    /// It covers the grants that hold now, the policy, the known types, and for each root and grant the last re-parent
    /// that let units in or out below it.
    pub fn rev(&self) -> [u8; 8] {
        self.rev
    }

    /// The entity tag of a page: any commit, and any change of the scope, makes another.
    pub fn tag(&self) -> String {
        format!("W/\"{}-{}-{}\"", self.view.clock.epoch, self.view.clock.seq, rev_text(self.rev))
    }

    fn hash(&self) -> [u8; 8] {
        let mut hash = Context::new(&SHA256);
        hash.update(&self.view.clock.policy_rev.to_be_bytes());
        for kind in &KINDS {
            hash.update(kind.name.as_bytes());
            hash.update(b",");
        }
        let mut grants: Vec<_> = self.scope.grants.iter().collect();
        grants.sort_unstable_by_key(|grant| grant.id);
        for grant in grants {
            hash.update(grant.id.as_bytes());
            hash.update(grant.unit.as_bytes());
            for text in std::iter::once(grant.role.code()).chain(grant.fields.iter().map(String::as_str)) {
                hash.update(text.as_bytes());
                hash.update(b",");
            }
        }
        let units: BTreeSet<Uuid> =
            self.scope.grants.iter().chain(&self.inside.grants).map(|grant| grant.unit).collect();
        for unit in units {
            hash.update(unit.as_bytes());
            hash.update(&self.scope.tree.boundary(unit).to_be_bytes());
        }
        hash.finish().as_ref().first_chunk().copied().unwrap_or_default()
    }
}

/// A revision as it is on the wire.
pub fn rev_text(rev: [u8; 8]) -> String {
    format!("{:016x}", u64::from_be_bytes(rev))
}
