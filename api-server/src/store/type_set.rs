//! Sets of record types: one bit for each type, by its place in the registry. A set grows with the registry.

use super::registry::Kind;

/// A set of record types.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct TypeSet {
    /// Eight types a byte; the last byte is never zero, so that equal sets have equal bytes.
    bytes: Vec<u8>,
}

impl TypeSet {
    /// Adds a type.
    pub fn insert(&mut self, kind: &Kind) {
        self.insert_place(kind.order);
    }

    /// Whether a type is in it.
    pub fn contains(&self, kind: &Kind) -> bool {
        self.bytes.get(kind.order / 8).is_some_and(|byte| byte & (1 << (kind.order % 8)) != 0)
    }

    /// Whether no type is in it.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Adds the types of another set.
    pub fn extend(&mut self, other: &TypeSet) {
        self.bytes.resize(self.bytes.len().max(other.bytes.len()), 0);
        for (byte, more) in self.bytes.iter_mut().zip(&other.bytes) {
            *byte |= more;
        }
    }

    /// Whether a type is in both sets.
    pub fn meets(&self, other: &TypeSet) -> bool {
        self.bytes.iter().zip(&other.bytes).any(|(one, other)| one & other != 0)
    }

    /// Its bytes, one for every eight types up to the last that is in it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The set with these bytes.
    pub fn from_bytes(mut bytes: Vec<u8>) -> Self {
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
        TypeSet { bytes }
    }

    fn insert_place(&mut self, place: usize) {
        let index = place / 8;
        self.bytes.resize(self.bytes.len().max(index + 1), 0);
        if let Some(byte) = self.bytes.get_mut(index) {
            *byte |= 1 << (place % 8);
        }
    }
}

impl<'a> FromIterator<&'a Kind> for TypeSet {
    fn from_iter<I: IntoIterator<Item = &'a Kind>>(kinds: I) -> Self {
        let mut types = TypeSet::default();
        for kind in kinds {
            types.insert(kind);
        }
        types
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn set(places: &BTreeSet<usize>) -> TypeSet {
        let mut types = TypeSet::default();
        for place in places {
            types.insert_place(*place);
        }
        types
    }

    proptest! {
        #[test]
        fn a_set_of_types_never_runs_out(
            one in proptest::collection::btree_set(0usize..300, 0..20),
            other in proptest::collection::btree_set(0usize..300, 0..20),
        ) {
            let (a, b) = (set(&one), set(&other));
            prop_assert_eq!(a.is_empty(), one.is_empty());
            prop_assert_eq!(a.meets(&b), !one.is_disjoint(&other));
            prop_assert_eq!(a == b, one == other);
            let mut both = a.clone();
            both.extend(&b);
            prop_assert_eq!(&both, &set(&one.union(&other).copied().collect()));
            let mut padded = a.as_bytes().to_vec();
            padded.extend([0, 0]);
            prop_assert_eq!(TypeSet::from_bytes(padded), a);
        }
    }
}
