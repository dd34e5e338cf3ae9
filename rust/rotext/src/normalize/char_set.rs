//! A set of characters of the Basic Multilingual Plane. One look at a bit says what a table of pages would say after a search.

/// One bit for each character up to U+FFFF.
pub(super) struct CharSet(Box<[u64]>);

impl CharSet {
    #[inline]
    pub(super) fn contains(&self, c: char) -> bool {
        let code = c as usize;
        self.0.get(code >> 6).is_some_and(|bits| bits >> (code & 63) & 1 != 0)
    }
}

impl FromIterator<char> for CharSet {
    /// Characters above U+FFFF are not in the tables of code pages; they are left out.
    fn from_iter<I: IntoIterator<Item = char>>(chars: I) -> Self {
        let mut bits = vec![0u64; 0x1_0000 / 64];
        for code in chars.into_iter().map(|c| c as usize).filter(|&code| code < 0x1_0000) {
            bits[code >> 6] |= 1 << (code & 63);
        }
        Self(bits.into())
    }
}
