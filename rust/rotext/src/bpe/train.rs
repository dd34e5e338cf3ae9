//! Training: from counted words to merge rules. The rules and their order are those of `BpeTrainer` of Hugging Face
//! `tokenizers`, ties included.
//!
//! ```text
//! ids: special tokens, then the 256 bytes in the order of their characters
//! repeat until the vocabulary is full:
//!     take the most frequent pair (of equals the one of lower ids)      queue
//!     merge it at its places; sum the neighbours                        corpus
//!     update the counts of the pairs beside it, queue the new pairs
//! ```
//! Two properties of `BpeTrainer` look like accidents, but they decide ties, so they are kept: the count of a merged pair
//! is never reset, and a pair that appears again (because a second rule makes the same token) is queued again beside its
//! first entry.

use hashbrown::HashMap;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::byte_level;
use super::corpus::{Corpus, Side, Symbol};
use super::count::Counts;
use super::lists::Lists;
use super::pattern::Pattern;
use super::pretokenize::words;
use super::queue::{Candidate, Queue};
use super::tokenizer::{AddedToken, Tokenizer};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// What to train.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainOptions {
    /// The number of tokens, special tokens and the 256 bytes included. A small corpus may give fewer.
    pub vocab_size: usize,
    /// Pairs that occur fewer times are not merged. 0, as in `BpeTrainer`: the vocabulary is filled.
    pub min_frequency: u64,
    /// The special tokens, with ids from 0. By default only `<|endoftext|>`: packs need it after every document. Padding
    /// is masked, so it needs no token.
    pub special_tokens: Vec<String>,
    /// How the words were cut.
    pub pattern: Pattern,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            vocab_size: 40_000,
            min_frequency: 0,
            special_tokens: vec!["<|endoftext|>".to_owned()],
            pattern: Pattern::Llama3,
        }
    }
}

/// Trains a tokenizer. Progress counts the tokens of the vocabulary.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) for invalid options (a vocabulary that is too small, a special
/// token that ordinary text could spell, another pattern than the one that cut the words);
/// [`ErrorKind::Io`](crate::error::ErrorKind::Io) when spilled words cannot be read back;
/// [`ErrorKind::Cancelled`](crate::error::ErrorKind::Cancelled).
pub fn train(counts: Counts, options: &TrainOptions, progress: &Progress) -> Result<Tokenizer> {
    check(&counts, options)?;
    progress.begin("train", options.vocab_size as u64);
    let vocabulary = Vocabulary::new(&options.special_tokens);
    if options.vocab_size <= u16::MAX_VOCAB {
        learn::<u16>(counts, options, vocabulary, progress)
    } else {
        learn::<u32>(counts, options, vocabulary, progress)
    }
}

fn check(counts: &Counts, options: &TrainOptions) -> Result<()> {
    let least = 256 + options.special_tokens.len();
    if options.vocab_size < least {
        let what = format!(
            "a vocabulary of {} has no room for 256 bytes and the special tokens",
            options.vocab_size
        );
        return Err(Error::usage(what).hint(format!("ask for at least {least}: --vocab-size 40000")));
    }
    if let Some(pattern) = counts.pattern().filter(|&pattern| pattern != options.pattern) {
        let (cut, asked) = (pattern.name(), options.pattern.name());
        return Err(Error::usage(format!(
            "the words were cut by {cut}, but the tokenizer is to cut by {asked}"
        )));
    }
    // Merges inside a word could spell the token, and then text could spell it too.
    match options.special_tokens.iter().find(|token| words(options.pattern, token).count() < 2) {
        Some(token) => Err(Error::usage(format!("special token {token:?} could be read from ordinary text"))
            .hint("write it as <|name|>: no pattern keeps that in one word")),
        None => Ok(()),
    }
}

/// The tokens so far.
struct Vocabulary {
    specials: Vec<AddedToken>,
    tokens: Vec<Vec<u8>>,
    ids: FxHashMap<Vec<u8>, u32>,
    byte_ids: [u32; 256],
}

impl Vocabulary {
    fn new(specials: &[String]) -> Self {
        let mut added: Vec<AddedToken> = Vec::new();
        let mut tokens = Vec::new();
        for content in specials {
            if added.iter().all(|token| token.content != *content) {
                added.push(AddedToken {
                    id: tokens.len() as u32,
                    content: content.clone(),
                    special: true,
                    in_vocab: true,
                });
                tokens.push(content.clone().into_bytes());
            }
        }
        let mut alphabet: Vec<u8> = (0..=255).collect();
        alphabet.sort_by_key(|&byte| byte_level::CHARS[usize::from(byte)]);
        let mut vocabulary = Self { specials: added, tokens, ids: FxHashMap::default(), byte_ids: [0; 256] };
        for byte in alphabet {
            vocabulary.byte_ids[usize::from(byte)] = vocabulary.id(vec![byte]).0;
        }
        vocabulary
    }

    /// The id of a token, and whether it is new.
    fn id(&mut self, token: Vec<u8>) -> (u32, bool) {
        let next = self.tokens.len() as u32;
        let id = *self.ids.entry(token.clone()).or_insert(next);
        if id == next {
            self.tokens.push(token);
        }
        (id, id == next)
    }
}

type PairCounts = HashMap<u64, i64, FxBuildHasher>;

fn key((a, b): (u32, u32)) -> u64 {
    u64::from(a) << 32 | u64::from(b)
}

fn learn<S: Symbol>(
    counts: Counts,
    options: &TrainOptions,
    mut vocabulary: Vocabulary,
    progress: &Progress,
) -> Result<Tokenizer> {
    let mut corpus = Corpus::<S>::new(counts, &vocabulary.byte_ids, progress)?;
    for (id, token) in (0u32..).zip(&vocabulary.tokens) {
        corpus.set_len(id, token.len() as u32);
    }
    progress.add(vocabulary.tokens.len() as u64, 0);
    let mut lists = Lists::new();
    let mut queue = Queue::new();
    let mut pair_counts = PairCounts::with_hasher(FxBuildHasher);
    corpus.byte_pairs(&mut lists, |pair, count, places| {
        pair_counts.insert(key(pair), count as i64);
        queue.push(Candidate { count, pair, places });
    });

    let mut rules: Vec<(u32, u32, u32)> = Vec::new();
    let (mut places, mut left, mut right) = (Vec::new(), Side::default(), Side::default());
    while vocabulary.tokens.len() < options.vocab_size {
        let Some(mut top) = queue.pop() else { break };
        let count = pair_counts[&key(top.pair)] as u64;
        if top.count != count {
            top.count = count;
            queue.push(top);
            continue;
        }
        if top.count < options.min_frequency.max(1) {
            break;
        }
        let (a, b) = top.pair;
        let token = [&*vocabulary.tokens[a as usize], &*vocabulary.tokens[b as usize]].concat();
        let len = token.len() as u32;
        let (merged, is_new) = vocabulary.id(token);
        corpus.set_len(merged, len);
        rules.push((a, b, merged));

        lists.take(top.places, &mut places);
        corpus.merge(top.pair, merged, &places, &mut left, &mut right);
        for &token in &left.tokens {
            let sum = left.sum(token).0 as i64;
            *pair_counts.entry(key((token, a))).or_default() -= sum;
            *pair_counts.entry(key((token, merged))).or_default() += sum;
        }
        for &token in &right.tokens {
            let sum = right.sum(token).0 as i64;
            *pair_counts.entry(key((b, token))).or_default() -= sum;
            *pair_counts.entry(key((merged, token))).or_default() += sum;
        }
        if is_new {
            queue_new(merged, &left, &right, &pair_counts, &mut lists, &mut queue);
        } else {
            queue_again(&corpus, merged, &left, &right, &pair_counts, &mut lists, &mut queue);
        }
        left.clear();
        right.clear();
        progress.check()?;
        progress.add(u64::from(is_new), 0);
    }
    Tokenizer::from_training(options.pattern, vocabulary, rules)
}

/// Queues the pairs of a new token. None of them existed before, so their places are those just met.
fn queue_new(
    merged: u32,
    left: &Side,
    right: &Side,
    counts: &PairCounts,
    lists: &mut Lists,
    queue: &mut Queue,
) {
    for (side, is_left) in [(left, true), (right, false)] {
        let (block, mut start) = lists.room(side.places.len(), side.tokens.len());
        let mut ends = FxHashMap::default();
        for &token in &side.tokens {
            let n = side.sum(token).1;
            let pair = if is_left { (token, merged) } else { (merged, token) };
            // A list that is not queued stays unread. That happens only when places overlap (`aaa`).
            let count = counts[&key(pair)];
            if count > 0 {
                queue.push(Candidate { count: count as u64, pair, places: Lists::list(block, start, n) });
            }
            ends.insert(token, start);
            start += n;
        }
        let entries = lists.block(block);
        for &(token, place) in &side.places {
            if let Some(end) = ends.get_mut(&token) {
                entries[*end as usize] = place;
                *end += 1;
            }
        }
    }
}

/// Queues the pairs of a token that an earlier rule made too. `BpeTrainer` keeps whole words and not places, so the new
/// entry has every place of the pair in the words just changed, old ones included.
fn queue_again<S: Symbol>(
    corpus: &Corpus<S>,
    merged: u32,
    left: &Side,
    right: &Side,
    counts: &PairCounts,
    lists: &mut Lists,
    queue: &mut Queue,
) {
    let pairs = left.places.iter().map(|&(token, place)| ((token, merged), place));
    let pairs = pairs.chain(right.places.iter().map(|&(token, place)| ((merged, token), place)));
    let mut words: Vec<((u32, u32), u32)> =
        pairs.map(|(pair, place)| (pair, corpus.word_start(place))).collect();
    words.sort_unstable();
    words.dedup();
    for group in words.chunk_by(|(a, _), (b, _)| a == b) {
        let pair = group[0].0;
        let mut places = Vec::new();
        for &(_, start) in group {
            corpus.places_in_word(pair, start, &mut places);
        }
        let count = counts[&key(pair)];
        if count > 0 {
            let (block, start) = lists.room(places.len(), 1);
            lists.block(block)[start as usize..][..places.len()].copy_from_slice(&places);
            let places = Lists::list(block, start, places.len() as u32);
            queue.push(Candidate { count: count as u64, pair, places });
        }
    }
}

impl Tokenizer {
    fn from_training(
        pattern: Pattern,
        vocabulary: Vocabulary,
        mut rules: Vec<(u32, u32, u32)>,
    ) -> Result<Self> {
        // A pair that was merged twice has its last rank, as in the map of `tokenizers`.
        let mut seen = std::collections::HashSet::new();
        rules.reverse();
        rules.retain(|&(a, b, _)| seen.insert((a, b)));
        rules.reverse();
        let Vocabulary { specials, tokens, .. } = vocabulary;
        let first = specials.len();
        let words = (0u32..).zip(tokens).skip(first).map(|(id, token)| (id, token, true));
        Self::new(pattern, words, rules, specials, false)
    }
}
