//! The bytes of a word as a number, so that two words are compared with one instruction.

use xxhash_rust::xxh3::xxh3_64;

/// The longest word whose bytes fit into a key.
pub(super) const LONGEST: usize = 15;

/// The bytes of a word of at most 15 bytes, and its length in the highest byte: it distinguishes a word from one that ends with
/// zeros. All longer words have one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct WordKey(u128);

impl WordKey {
    /// Two loads that may overlap replace a copy of unknown length, which would be a call.
    #[inline]
    pub(super) fn of(word: &[u8]) -> Self {
        let length = word.len();
        let bytes = if let (Some(first), Some(last)) = (word.first_chunk::<8>(), word.last_chunk::<8>()) {
            if length > LONGEST {
                return Self(u128::MAX);
            }
            u128::from(u64::from_le_bytes(*first))
                | u128::from(u64::from_le_bytes(*last)) << (8 * (length - 8))
        } else if let (Some(first), Some(last)) = (word.first_chunk::<4>(), word.last_chunk::<4>()) {
            u128::from(u32::from_le_bytes(*first))
                | u128::from(u32::from_le_bytes(*last)) << (8 * (length - 4))
        } else {
            word.iter().rev().fold(0, |bytes, byte| bytes << 8 | u128::from(*byte))
        };
        Self(bytes | (length as u128) << 120)
    }

    /// The key of the `length` bytes of `window` from `start` on, at most [`LONGEST`].
    #[inline]
    pub(super) fn of_part(window: [u8; 16], start: usize, length: usize) -> Self {
        let bytes = u128::from_le_bytes(window) >> (8 * start);
        Self(bytes & ((1 << (8 * length)) - 1) | (length as u128) << 120)
    }

    /// A hash of the key: both halves are multiplied, and the halves of the product are mixed.
    #[inline]
    pub(super) fn hash(self) -> u64 {
        let (low, high) = (self.0 as u64, (self.0 >> 64) as u64);
        let product = u128::from(low ^ 0x9E37_79B9_7F4A_7C15) * u128::from(high ^ 0xE703_7ED1_A0B4_28DB);
        product as u64 ^ (product >> 64) as u64
    }
}

/// A hash of a word of any length.
#[inline]
pub(super) fn hash(word: &[u8]) -> u64 {
    if word.len() > LONGEST { xxh3_64(word) } else { WordKey::of(word).hash() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_key_is_the_bytes(word in prop::collection::vec(any::<u8>(), 0..=LONGEST), before in 0usize..4) {
            let mut number = [0; 16];
            number[..word.len()].copy_from_slice(&word);
            number[15] = word.len() as u8;
            prop_assert_eq!(WordKey::of(&word).0, u128::from_le_bytes(number));
            let start = before.min(LONGEST - word.len());
            let mut window = [b'x'; 16];
            window[start..start + word.len()].copy_from_slice(&word);
            prop_assert_eq!(WordKey::of_part(window, start, word.len()), WordKey::of(&word));
        }
    }

    #[test]
    fn longer_words_have_one_key_and_hashes_of_their_own() {
        let (one, other) = ([b'a'; 16], [b'b'; 16]);
        assert_eq!(WordKey::of(&one), WordKey::of(&other));
        assert_ne!(hash(&one), hash(&other));
    }
}
