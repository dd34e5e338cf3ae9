//! What the lists of function words say about a word, found with one look into a small table.

use rustc_hash::FxHashMap;

use super::word_key::WordKey;

/// Logarithms in units of 1/256 of a nat, one column for each language; the last of a whole vector counts Romanian function words.
pub(super) type Row = [i32; 16];

/// The rows of words, by their keys. Most words of a text have none, and one look into a table that the nearest cache holds says so.
pub(super) struct WordRows {
    /// For each slot the number of a row plus one, or 0. At most a sixth of the slots is taken.
    slots: Box<[u16; SLOTS]>,
    keys: Vec<WordKey>,
    rows: Vec<Row>,
}

const SLOTS: usize = 1 << 13;

impl WordRows {
    pub(super) fn new(words: &FxHashMap<WordKey, Row>) -> Self {
        let (mut slots, mut keys, mut rows) = (Box::new([0; SLOTS]), Vec::new(), Vec::new());
        for (&key, &row) in words {
            let mut slot = Self::slot(key);
            while slots[slot] > 0 {
                slot = (slot + 1) % SLOTS;
            }
            keys.push(key);
            rows.push(row);
            slots[slot] = keys.len() as u16;
        }
        Self { slots, keys, rows }
    }

    #[inline]
    fn slot(key: WordKey) -> usize {
        (key.hash() >> 32) as usize % SLOTS
    }

    /// The row of a word, if a list has it.
    #[inline]
    pub(super) fn get(&self, key: WordKey) -> Option<&Row> {
        let mut slot = Self::slot(key);
        loop {
            let index = usize::from(self.slots[slot]).checked_sub(1)?;
            if self.keys[index] == key {
                return Some(&self.rows[index]);
            }
            slot = (slot + 1) % SLOTS;
        }
    }
}
