//! Counts words: one counter for each thread, one sum for all, and sorted runs on disk when the sum grows too large.
//!
//! All counts are u64, and a sum does not depend on its order. So the merges do not either: any number of threads and any number of
//! spills give the same tokenizer.

use std::path::PathBuf;

use super::cache::hash;
use super::encode::BATCH;
use super::lane::Lane;
use super::pattern::Pattern;
use super::pretokenize::{Gpt2, Llama3, Qwen2, Words, word_end};
use super::spill::{Run, merge};
use super::word_table::WordTable;
use crate::error::{Error, Result};

/// Counts the words of a pattern; make one for each thread.
pub struct WordCounter {
    pattern: Pattern,
    table: WordTable,
}

impl WordCounter {
    /// A counter at zero.
    #[must_use]
    pub fn new(pattern: Pattern) -> Self {
        Self { pattern, table: WordTable::new() }
    }

    /// Counts the words of one document.
    pub fn add(&mut self, text: &str) {
        match self.pattern {
            Pattern::Gpt2 => self.add_as::<Gpt2>(text.as_bytes()),
            Pattern::Llama3 => self.add_as::<Llama3>(text.as_bytes()),
            Pattern::Qwen2 => self.add_as::<Qwen2>(text.as_bytes()),
        }
    }

    fn add_as<W: Words>(&mut self, text: &[u8]) {
        let mut batch = [(0u128, 0u64); BATCH];
        let (mut at, mut n) = (0, 0);
        while at < text.len() {
            let (end, lane) = word_end::<W>(text, at);
            if end - at < 16 {
                let word = lane.word(end - at);
                let hash = hash(word);
                self.table.prefetch(hash);
                batch[n] = (word, hash);
                n += 1;
                if n == BATCH {
                    batch.iter().for_each(|&(word, hash)| self.table.add(word, hash, 1));
                    n = 0;
                }
            } else {
                self.table.add_long(&text[at..end], 1);
            }
            at = end;
        }
        batch[..n].iter().for_each(|&(word, hash)| self.table.add(word, hash, 1));
    }

    /// The memory that the counter uses, in bytes. When it is large (64 MiB is a good bound), give the counter to
    /// [`Counts::absorb`].
    #[must_use]
    pub fn bytes_used(&self) -> usize {
        self.table.bytes_used()
    }
}

/// The words of a corpus and their counts: in memory up to a limit, then in sorted runs on disk.
pub struct Counts {
    pattern: Option<Pattern>,
    table: WordTable,
    cap: usize,
    folder: PathBuf,
    runs: Vec<Run>,
}

impl Counts {
    /// Counts without words. A table larger than `memory_cap` bytes is written to a file in `spill_dir`, which has no name and
    /// vanishes with the process.
    #[must_use]
    pub fn new(memory_cap: usize, spill_dir: impl Into<PathBuf>) -> Self {
        Self {
            pattern: None,
            table: WordTable::new(),
            cap: memory_cap,
            folder: spill_dir.into(),
            runs: Vec::new(),
        }
    }

    /// Moves the words out of `counter`, which is empty afterwards.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) when the counter has another pattern than the ones before; [`ErrorKind::Io`](crate::error::ErrorKind::Io) when a run cannot be written.
    pub fn absorb(&mut self, counter: &mut WordCounter) -> Result<()> {
        if *self.pattern.get_or_insert(counter.pattern) != counter.pattern {
            return Err(Error::usage("words of two patterns cannot be counted together"));
        }
        self.table.absorb(&counter.table);
        counter.table.clear();
        if self.table.bytes_used() > self.cap {
            self.spill()?;
        }
        Ok(())
    }

    /// Adds a word that `pattern` cut and another process counted.
    ///
    /// # Errors
    /// As [`Counts::absorb`].
    pub fn add(&mut self, pattern: Pattern, word: &[u8], count: u64) -> Result<()> {
        if *self.pattern.get_or_insert(pattern) != pattern {
            return Err(Error::usage("words of two patterns cannot be counted together"));
        }
        self.table.add_word(word, count);
        if self.table.bytes_used() > self.cap { self.spill() } else { Ok(()) }
    }

    /// Gives out every word and its count once, in the order of the words, for another process.
    ///
    /// # Errors
    /// A run cannot be written or read, or an error of `each`.
    pub fn drain(mut self, mut each: impl FnMut(&[u8], u64) -> Result<()>) -> Result<()> {
        // Sorted, because a table that receives words in the order of its own hashes probes past all of them.
        self.spill()?;
        let mut result = Ok(());
        merge(self.runs, |word, count| {
            if result.is_ok() {
                result = each(word, count);
            }
        })?;
        result
    }

    /// The pattern that cut the words; `None` before the first word.
    #[must_use]
    pub fn pattern(&self) -> Option<Pattern> {
        self.pattern
    }

    /// The number of runs on disk.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    fn spill(&mut self) -> Result<()> {
        if self.table.len() == 0 {
            return Ok(());
        }
        self.runs.push(Run::write(&self.table, &self.folder)?);
        self.table = WordTable::new();
        Ok(())
    }

    /// Calls `f` once with every word and its count.
    pub(super) fn for_each(mut self, mut f: impl FnMut(&[u8], u64)) -> Result<()> {
        if self.runs.is_empty() {
            self.table.for_each(f);
            return Ok(());
        }
        self.spill()?;
        merge(self.runs, |word, n| f(word, n))
    }
}
