//! What one pull reaches: the caller's grants cut with its filter, the ranges of the log that concern them, and the
//! revision that changes whenever they do.

use super::cursor::first_eight;
use crate::store::live::View;
use crate::store::record::Stored;
use crate::store::registry::{KINDS, Kind};
use crate::store::scope::{Scope, Units};
use aws_lc_rs::digest::{Context, SHA256};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Most units of a filter: they travel in the cursor.
pub const MAX_UNITS: usize = 8;

/// What a caller asks for on its first call; later calls take it from the cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Record types, one bit each by their order; none: all.
    pub types: u32,
    /// Roots of the units asked for, sorted; none: the whole scope.
    pub units: Vec<Uuid>,
    /// Whether the caller's own changes come briefly.
    pub brief: bool,
}

/// The bit of a type in [`Filter::types`].
pub fn bit(kind: &Kind) -> u32 {
    u32::try_from(kind.order).ok().and_then(|order| 1u32.checked_shl(order)).unwrap_or(0)
}

impl Filter {
    /// Whether a type is asked for.
    pub fn wants(&self, kind: &Kind) -> bool {
        self.types == 0 || self.types & bit(kind) != 0
    }
}

/// One stretch of `change_scope` that concerns a pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The unit whose rows it reads.
    pub unit: Uuid,
    /// 1: only what is readable from below the unit.
    pub downward: i64,
    /// The types whose rows count, one bit each.
    pub types: u32,
}

/// One pull: what is asked for, and what its caller may see of it now.
pub struct Pull {
    /// What is asked for.
    pub filter: Filter,
    /// The caller's whole scope: it masks.
    pub scope: Scope,
    /// The clock, the instant and the tree in which it is judged.
    pub view: View,
    /// The scope with its grants cut to the units asked for: the pull's roots. It tells what is inside.
    inside: Scope,
    rev: [u8; 8],
}

impl Pull {
    /// A pull by a caller with this scope.
    pub fn new(filter: Filter, scope: Scope, view: View) -> Self {
        let mut inside = scope.clone();
        if !filter.units.is_empty() {
            let tree = &scope.tree;
            inside.grants = scope
                .grants
                .iter()
                .flat_map(|grant| {
                    filter.units.iter().filter_map(|asked| {
                        let unit = if tree.covers(grant.unit, *asked) {
                            *asked
                        } else if tree.covers(*asked, grant.unit) {
                            grant.unit
                        } else {
                            return None;
                        };
                        Some(crate::store::scope::Grant { unit, ..grant.clone() })
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
        let mut ranges: BTreeMap<(Uuid, i64), u32> = BTreeMap::new();
        for root in roots {
            let read = |kind: &&'static Kind| {
                self.filter.wants(kind) && self.inside.readers(kind).any(|(grant, _)| tree.covers(grant.unit, root))
            };
            let own = KINDS.iter().filter(read).fold(0, |types, kind| types | bit(kind));
            let down = KINDS.iter().filter(read).filter(|kind| kind.downward).fold(0, |types, kind| types | bit(kind));
            *ranges.entry((root, 0)).or_default() |= own;
            for above in tree.ancestors(root).skip(1) {
                *ranges.entry((above, 1)).or_default() |= down;
            }
        }
        let counting = ranges.into_iter().filter(|(_, types)| *types != 0);
        counting.map(|((unit, downward), types)| Range { unit, downward, types }).collect()
    }

    /// The revision of the scope: another one means that what the caller sees changed without a change of records.
    /// It covers the grants that hold now, the policy, the known types, and for each root and grant the last re-parent
    /// that let units in or out below it.
    pub fn rev(&self) -> [u8; 8] {
        self.rev
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
        first_eight(hash.finish().as_ref())
    }
}

/// A revision as it stands on the wire.
pub fn rev_text(rev: [u8; 8]) -> String {
    format!("{:016x}", u64::from_be_bytes(rev))
}
