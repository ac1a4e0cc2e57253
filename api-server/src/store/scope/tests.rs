//! What a copy of the tree costs.

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
