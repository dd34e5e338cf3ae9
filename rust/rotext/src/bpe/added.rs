//! Added tokens that are not special: text that is one token wherever it occurs, found before words are cut.
//!
//! `tokenizers` finds them with an automaton (leftmost, then longest). There are a handful at most, so one SIMD search
//! for each, which remembers its next match, is as fast and needs no automaton.

use memchr::memmem::Finder;

use super::tokenizer::AddedToken;

/// Finds added tokens in text.
pub(super) struct Splitter {
    /// The longest first, so that the longest of the tokens at one place matches.
    tokens: Vec<(Finder<'static>, u32)>,
}

impl Splitter {
    /// `None` when there is nothing to find: special tokens are never read from text.
    pub(super) fn new(added: &[AddedToken]) -> Option<Self> {
        let mut tokens: Vec<&AddedToken> = added.iter().filter(|token| !token.special).collect();
        tokens.sort_by_key(|token| std::cmp::Reverse(token.content.len()));
        let tokens: Vec<_> = tokens
            .iter()
            .map(|token| (Finder::new(token.content.as_bytes()).into_owned(), token.id))
            .collect();
        (!tokens.is_empty()).then_some(Self { tokens })
    }

    /// Start, end and id of each match, in order, without overlaps.
    pub(super) fn matches<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (usize, usize, u32)> + 'a {
        let text = text.as_bytes();
        let find = move |finder: &Finder, from: usize| finder.find(&text[from..]).map(|at| from + at);
        let mut next: Vec<Option<usize>> = self.tokens.iter().map(|(finder, _)| find(finder, 0)).collect();
        let mut from = 0;
        std::iter::from_fn(move || {
            for (place, (finder, _)) in next.iter_mut().zip(&self.tokens) {
                if place.is_some_and(|at| at < from) {
                    *place = find(finder, from);
                }
            }
            let first = (0..next.len()).filter(|&i| next[i].is_some()).min_by_key(|&i| (next[i], i))?;
            let (finder, id) = &self.tokens[first];
            let start = next[first]?;
            from = start + finder.needle().len();
            Some((start, from, *id))
        })
    }
}
