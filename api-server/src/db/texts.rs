//! Which statement texts that callers' choices make are kept prepared. A connection forgets no text that it has kept,
//! and filters combine without end: so a text is kept only once it was used often, up to a limit.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

/// Most texts that are kept, by each connection of this process.
pub const KEPT: usize = 256;
/// Uses after which a text is kept.
const USES: u8 = 4;
/// Most texts whose uses are counted; then the count begins again.
const COUNTED: usize = 4_096;

static TEXTS: Mutex<Option<Texts>> = Mutex::new(None);

#[derive(Default)]
struct Texts {
    kept: HashSet<u64>,
    uses: HashMap<u64, u8>,
}

/// Counts a use of a text, by its hash. Returns whether it is kept.
pub fn is_kept(text: u64) -> bool {
    TEXTS.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().is_kept(text)
}

impl Texts {
    fn is_kept(&mut self, text: u64) -> bool {
        if self.kept.contains(&text) {
            return true;
        }
        if self.kept.len() >= KEPT {
            return false;
        }
        if self.uses.len() >= COUNTED {
            self.uses.clear();
        }
        let uses = self.uses.entry(text).or_insert(0);
        *uses += 1;
        let often = *uses >= USES;
        if often {
            self.uses.remove(&text);
            self.kept.insert(text);
        }
        often
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once_it_is_used_often_and_no_more_than_so_many_are() {
        let mut texts = Texts::default();
        assert_eq!([1, 2, 3, 4, 5].map(|_| texts.is_kept(7)), [false, false, false, true, true]);
        for text in 0..1_000_000 {
            texts.is_kept(text);
            assert!(texts.uses.len() <= COUNTED);
        }
        assert_eq!(texts.kept.len(), 1);
        for text in 0..10_000 {
            for _ in 0..5 {
                texts.is_kept(text);
            }
        }
        assert!(texts.kept.len() == KEPT && texts.is_kept(7) && !texts.is_kept(9_999));
    }
}
