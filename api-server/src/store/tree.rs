//! The tree of units in memory.

use uuid::Uuid;

/// The id of the one root of every tree: `Trung ương`.
pub const ROOT: Uuid = Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001);

/// The most levels that the tree may have.
pub const DEEPEST_TREE: usize = 16;

/// The tree of units, in memory: a walk up is a few hash look-ups. A copy shares what was not changed in it since, so that
/// what a write of one unit costs does not grow with the number of units.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// Hashed fast, with a key of this process: ids may be made by callers.
    nodes: imbl::GenericHashMap<Uuid, Node, foldhash::fast::RandomState, imbl::shared_ptr::DefaultSharedPtr>,
}

#[derive(Debug, Clone, Default)]
struct Node {
    parent: Option<Uuid>,
    children: imbl::OrdSet<Uuid>,
    boundary_seq: i64,
}

impl Tree {
    /// Adds a unit, or sets its parent.
    pub fn set(&mut self, unit: Uuid, parent: Option<Uuid>, boundary_seq: i64) {
        self.detach(unit);
        let node = self.nodes.entry(unit).or_default();
        node.parent = parent;
        node.boundary_seq = boundary_seq;
        if let Some(parent) = parent {
            self.nodes.entry(parent).or_default().children.insert(unit);
        }
    }

    /// Moves the boundary of a unit.
    pub fn set_boundary(&mut self, unit: Uuid, seq: i64) {
        if let Some(node) = self.nodes.get_mut(&unit) {
            node.boundary_seq = seq;
        }
    }

    fn detach(&mut self, unit: Uuid) {
        if let Some(parent) = self.parent(unit).and_then(|parent| self.nodes.get_mut(&parent)) {
            parent.children.remove(&unit);
        }
    }

    /// Whether the unit is in the tree.
    pub fn contains(&self, unit: Uuid) -> bool {
        self.nodes.contains_key(&unit)
    }

    /// The unit's parent.
    pub fn parent(&self, unit: Uuid) -> Option<Uuid> {
        self.nodes.get(&unit).and_then(|node| node.parent)
    }

    /// The seq at which what is under a unit last entered or left it by a re-parent.
    pub fn boundary(&self, unit: Uuid) -> i64 {
        self.nodes.get(&unit).map_or(0, |node| node.boundary_seq)
    }

    /// The unit and all above it, upwards.
    pub fn ancestors(&self, unit: Uuid) -> impl Iterator<Item = Uuid> + '_ {
        std::iter::successors(self.contains(unit).then_some(unit), |unit| self.parent(*unit))
    }

    /// Whether `unit` is `root` or under it.
    pub fn covers(&self, root: Uuid, unit: Uuid) -> bool {
        self.ancestors(unit).any(|above| above == root)
    }

    /// The units of a subtree, sorted; stops after `limit`, when there are more.
    pub fn subtree(&self, root: Uuid, limit: usize) -> Option<Vec<Uuid>> {
        let mut units: Vec<Uuid> = Vec::new();
        let mut waiting: Vec<Uuid> = self.contains(root).then_some(root).into_iter().collect();
        while let Some(unit) = waiting.pop() {
            if units.len() == limit {
                return None;
            }
            units.push(unit);
            waiting.extend(self.nodes.get(&unit).into_iter().flat_map(|node| &node.children));
        }
        units.sort_unstable();
        Some(units)
    }

    /// How many units are above the unit, itself included.
    pub fn depth(&self, unit: Uuid) -> usize {
        self.ancestors(unit).count()
    }

    /// How many levels the subtree of a unit has: 1 without any below it, known or not.
    pub fn height(&self, unit: Uuid) -> usize {
        let mut level = vec![unit];
        let mut height = 0;
        while !level.is_empty() && height <= DEEPEST_TREE {
            height += 1;
            level =
                level.iter().filter_map(|unit| self.nodes.get(unit)).flat_map(|node| &node.children).copied().collect();
        }
        height
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_the_tree_shares_its_units_and_a_change_of_it_leaves_the_first_as_it_was() {
        let mut tree = Tree::default();
        tree.set(ROOT, None, 0);
        let units: Vec<Uuid> = (1..=5_000).map(Uuid::from_u128).collect();
        units.iter().for_each(|unit| tree.set(*unit, Some(ROOT), 0));
        let mut copy = tree.clone();
        // The nodes are those of the first: nothing was copied.
        assert!(copy.nodes.ptr_eq(&tree.nodes));
        let (new, above) = (Uuid::from_u128(9_000), Uuid::from_u128(7));
        copy.set(new, Some(above), 0);
        let children = |tree: &Tree, unit: Uuid| tree.nodes.get(&unit).unwrap().children.clone();
        assert!(children(&copy, ROOT).ptr_eq(&children(&tree, ROOT)), "the children of the root are copied");
        assert_eq!((copy.depth(new), tree.contains(new), children(&tree, above).len()), (3, false, 0));
    }
}
