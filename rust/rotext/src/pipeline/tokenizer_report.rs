//! `rotools tokenizer report`: what one or more tokenizers do to the same documents.

use serde::Serialize;

use super::stream::{DocumentStream, Options, ProcessedChunk, StreamReport};
use crate::bpe::Tokenizer;
use crate::bpe::report::{Measure, Sums, Tally};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::reader::Source;

/// Examples of split words and clitic forms in a report.
const EXAMPLES: usize = 40;

/// What one tokenizer did to the documents.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The name of its pattern in llama.cpp.
    pub pattern: &'static str,
    /// The number of its ids.
    pub vocab_size: usize,
    /// Over all sources.
    #[serde(flatten)]
    pub total: Figures,
    /// For each source, in the order of the input.
    pub sources: Vec<(String, Figures)>,
    /// The words with diacritics that were split most often, with a bar between tokens, and their counts.
    pub split_words: Vec<(String, u64)>,
    /// The most frequent clitic forms, in lower case with a bar between tokens, and their counts.
    pub clitic_forms: Vec<(String, u64)>,
}

/// Sums, and ratios of them.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// The sums.
    #[serde(flatten)]
    pub sums: Sums,
    /// Tokens for each word.
    pub fertility: f64,
    /// Bytes in a token.
    pub bytes_per_token: f64,
    /// Share of the vocabulary that occurred.
    pub vocabulary_used: f64,
    /// Share of tokens that are one byte.
    pub single_byte_share: f64,
    /// Share of words that are one token.
    pub whole_word_share: f64,
    /// Share of words with diacritics that are one token.
    pub whole_diacritic_word_share: f64,
    /// Share of clitic forms that are split at the hyphen or not at all.
    pub clean_clitic_share: f64,
}

impl Figures {
    fn new(tally: &Tally, vocab_size: usize) -> Self {
        let share = |n: u64, of: u64| if of == 0 { 0.0 } else { n as f64 / of as f64 };
        let sums = tally.sums().clone();
        Self {
            fertility: share(sums.tokens, sums.words),
            bytes_per_token: share(sums.bytes, sums.tokens),
            vocabulary_used: share(tally.tokens_met() as u64, vocab_size as u64),
            single_byte_share: share(sums.single_byte_tokens, sums.tokens),
            whole_word_share: share(sums.whole_words.n, sums.whole_words.of),
            whole_diacritic_word_share: share(sums.whole_diacritic_words.n, sums.whole_diacritic_words.of),
            clean_clitic_share: share(sums.clean_clitics.n, sums.clean_clitics.of),
            sums,
        }
    }
}

/// Measures every tokenizer on every document of `sources`, in one pass. Returns one report for each tokenizer, in order.
///
/// # Errors
/// Unreadable sources, no document in them.
pub fn report(
    sources: &[Source],
    options: &Options,
    tokenizers: &[Tokenizer],
    progress: &Progress,
) -> Result<(Vec<Report>, StreamReport)> {
    progress.begin("measure", sources.iter().map(|s| s.size).sum());
    let options = &Options { keys: false, ..options.clone() };
    let empty = || tokenizers.iter().map(|t| Tally::new(t.vocab_size())).collect::<Vec<_>>();
    let mut by_source: Vec<Vec<Tally>> = sources.iter().map(|_| empty()).collect();
    let read = DocumentStream::new(sources, options, progress).run(
        || tokenizers.iter().map(Measure::new).collect::<Result<Vec<_>>>(),
        |measures, chunk: ProcessedChunk| {
            let measures = measures.as_mut().map_err(|e| e.clone())?;
            let mut tallies = empty();
            for (measure, tally) in measures.iter_mut().zip(&mut tallies) {
                for kept in &chunk.documents {
                    measure.add(&kept.document.text, tally);
                }
            }
            Ok((chunk.source, tallies))
        },
        |(source, tallies)| {
            // In the order of the input, so any number of threads keeps the same examples.
            for (sum, tally) in by_source[source].iter_mut().zip(&tallies) {
                sum.merge(tally);
            }
            Ok(())
        },
    )?;
    if read.documents == 0 {
        return Err(Error::data("there is no document to measure")
            .hint("each line is a JSON object with a text, for example {\"text\": \"...\"}"));
    }
    let reports = (0..).zip(tokenizers).map(|(i, tokenizer)| {
        let size = tokenizer.vocab_size();
        let mut total = Tally::new(size);
        for tallies in &by_source {
            total.merge(&tallies[i]);
        }
        let named = sources.iter().zip(&by_source);
        Report {
            pattern: tokenizer.pre_tokenizer_name(),
            vocab_size: size,
            total: Figures::new(&total, size),
            sources: named
                .map(|(source, tallies)| (source.name.clone(), Figures::new(&tallies[i], size)))
                .collect(),
            split_words: total.frequent_splits(EXAMPLES),
            clitic_forms: total.frequent_clitics(EXAMPLES),
        }
    });
    Ok((reports.collect(), read))
}
