//! Collects what a pass over the documents finds, then decides which documents are removed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use super::bits::Bits;
use super::candidates::{self, BANDED, ENTRY};
use super::lines::{LINED, Repeated};
use super::memory::{BUCKET_TABLE_BYTES, DOCUMENT_TABLE_BYTES, check_tables};
use super::rank::{self, Document, KEYED, RANKED};
use super::removals::{REMOVED, Removals, has_rule, parties, removed};
use super::rule::Rule;
use super::runs::Sorter;
use super::store::StoreWriter;
use super::types::{Entry, Options, Report, SourceInfo};
use super::verify::Likeness;
use crate::error::{Error, Result};
use crate::progress::Progress;

/// A source or phase with fewer distinct documents may lose any share: one of three documents proves nothing.
const LOSS_COUNTS_FROM: u64 = 100;

/// A sorter gets a tenth of the memory, and the sorter of bands two tenths. Sorters that are used at the same time have half of
/// the memory together. The other half is for tables.
const SHARES: usize = 10;

/// Collects the documents of a first pass, then decides which of them are removed.
///
/// A document costs 8 bytes of memory, and 4 for each band hash that it shares with another document. Everything else is sorted
/// in files when it does not fit into the memory. Comparing costs O(n) comparisons for a group of n copies, because a document is
/// compared with kept documents only.
pub struct Deduplicator {
    options: Options,
    sources: Vec<SourceInfo>,
    keyed: Sorter<KEYED>,
    bands: Sorter<BANDED>,
    lines: Sorter<LINED>,
    contaminated: Vec<(u32, u32)>,
    store: StoreWriter,
    short: u64,
    /// Documents of references.
    references: u32,
}

impl Deduplicator {
    /// A deduplicator without documents.
    ///
    /// # Errors
    /// The folder for scratch files cannot be written to.
    pub fn new(options: Options, sources: Vec<SourceInfo>) -> Result<Self> {
        let folder: &Path = &options.folder;
        Ok(Self {
            keyed: Sorter::new(folder, "keys", options.memory / SHARES),
            bands: Sorter::new(folder, "bands", 2 * options.memory / SHARES),
            lines: Sorter::new(folder, "lines", options.memory / SHARES),
            contaminated: Vec::new(),
            store: StoreWriter::create(folder, options.words.as_deref())?,
            short: 0,
            references: 0,
            sources,
            options,
        })
    }

    /// Adds the next document of the pass.
    ///
    /// # Errors
    /// The disk is full; more than 2^32 documents.
    pub fn push(&mut self, entry: Entry<'_>) -> Result<()> {
        let Entry { key, text, worth, id, source, words, bands, lines, contaminated } = entry;
        let number = self.store.push(words, id, source)?;
        let SourceInfo { kind, reference, .. } = self.sources[source as usize];
        self.references += u32::from(reference);
        if contaminated > 0 && !reference {
            self.contaminated.push((number, contaminated));
            return Ok(());
        }
        for line in lines {
            self.lines.push(hashed(*line, number))?;
        }
        self.keyed.push(Document { key, kind, reference, worth, text, number, source }.keyed())?;
        self.short += u64::from(bands.is_empty());
        for band in bands {
            self.bands.push(hashed(*band, number))?;
        }
        Ok(())
    }

    /// Names the files of [`Hashes::In`](super::Hashes::In), in which the words of all documents are.
    ///
    /// # Errors
    /// A file cannot be opened.
    pub fn read_words_in(&mut self, files: Vec<PathBuf>) -> Result<()> {
        self.store.read_words_in(files)
    }

    /// Writes the buffered words to their file, and with `sync` to the disk. A journal may refer to them afterwards.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn flush(&mut self, sync: bool) -> Result<()> {
        self.store.flush(sync)
    }

    /// Decides about all documents. `held_out` says whether the document with a key and source is held out of training. It is
    /// called once for each distinct key, in ascending order.
    ///
    /// # Errors
    /// A source would lose too much, the tables do not fit into the memory, the scratch disk is full or fails.
    pub fn finish(self, held_out: impl FnMut(u128, u32) -> bool, progress: &Progress) -> Result<Removals> {
        let Self { options, sources, keyed, bands, lines, contaminated, store, short, references } = self;
        let documents = store.documents();
        let store = store.finish()?;
        let mut report = Report { documents: (documents - references).into(), short, ..Report::default() };
        let mut bits = Bits::new(documents);
        // Documents that represent exact duplicates. A representative may become a near-duplicate itself; then `replacements`
        // has the document that it is removed for.
        let mut representatives = Bits::new(documents);
        let mut replacements: FxHashMap<u32, (u32, Rule, Likeness)> = FxHashMap::default();
        let mut details: Sorter<REMOVED> = Sorter::new(&options.folder, "removed", options.memory / SHARES);
        check_tables(DOCUMENT_TABLE_BYTES * u64::from(documents), options.memory)?;
        for (document, shared) in contaminated {
            bits.set(document);
            details.push(removed(document, document, Rule::Contaminated, shared.into(), 0.0))?;
        }

        progress.begin("order", 0);
        let mut ranked: Sorter<RANKED> = Sorter::new(&options.folder, "ranks", options.memory / SHARES);
        rank::distinct(
            keyed.finish()?,
            &sources,
            &store,
            held_out,
            |document, best| {
                // References stand last.
                if document >= documents - references {
                    return Ok(());
                }
                bits.set(document);
                representatives.set(best);
                details.push(removed(document, best, Rule::Exact, 1.0, 1.0))
            },
            &mut ranked,
        )?;
        let mut unique = vec![0u64; sources.len()];
        let order = rank::order(ranked.finish()?, documents, &mut unique)?;

        progress.begin("find pairs", u64::from(documents).saturating_mul(options.preset.shape().0 as u64));
        let mut entries: Sorter<ENTRY> = Sorter::new(&options.folder, "entries", options.memory / SHARES);
        let buckets = candidates::buckets(bands.finish()?, &order, &mut entries, progress)?;
        let tables = DOCUMENT_TABLE_BYTES * u64::from(documents) + BUCKET_TABLE_BYTES * u64::from(buckets);
        check_tables(tables, options.memory)?;

        progress.begin("compare", 0);
        let mut lost = vec![0u64; sources.len()];
        let mut example: Vec<Option<(u32, u32)>> = vec![None; sources.len()];
        let compared = candidates::compare(
            entries.finish()?,
            buckets,
            (&order, &store),
            options.threads,
            |document, partner, rule, likeness| {
                if document >= documents - references {
                    return Ok(());
                }
                bits.set(document);
                if representatives.get(document) {
                    replacements.insert(document, (partner, rule, likeness));
                }
                let source = store.name(document)?.source as usize;
                lost[source] += 1;
                example[source].get_or_insert((document, partner));
                details.push(removed(document, partner, rule, likeness.containment, likeness.jaccard))
            },
            progress,
        )?;
        (report.candidates, report.compared, report.capped) =
            (compared.candidates, compared.pairs, compared.capped);
        for ((source, unique), lost) in sources.iter().zip(&unique).zip(&lost) {
            if *lost > 0 {
                report.sources.push((source.name.clone(), *unique, *lost));
            }
        }
        if let Some((what, source)) = too_much(&sources, &unique, &lost) {
            let pair = match example[source] {
                Some((a, b)) => format!(" (for example {}, like {})", store.name(a)?.id, store.name(b)?.id),
                None => String::new(),
            };
            if !options.accept_loss {
                return Err(Error::data(format!("{what}{pair}")).hint(ACCEPT_LOSS));
            }
            report.loss = Some(format!("{what}{pair}"));
        }
        // If the representative of an exact duplicate was itself removed, point the duplicate at the representative's
        // replacement. Their words are the same, so the comparison holds for both, and every partner is a kept document.
        let mut decided = details.finish()?;
        let mut details: Sorter<REMOVED> = Sorter::new(&options.folder, "decided", options.memory / SHARES);
        while let Some(record) = decided.next()? {
            let (document, partner) = parties(&record);
            let replacement = if has_rule(&record, Rule::Exact) { replacements.get(&partner) } else { None };
            let record = match replacement {
                Some((kept, rule, like)) => removed(document, *kept, *rule, like.containment, like.jaccard),
                None => record,
            };
            if has_rule(&record, Rule::Contaminated) {
                report.contaminated += 1;
            } else if has_rule(&record, Rule::Exact) {
                report.exact += 1;
            } else {
                report.near += 1;
            }
            details.push(record)?;
        }
        let repeated = match options.repeated_lines {
            Some(limit) => Repeated::count(lines.finish()?, limit, &bits, options.memory)?,
            None => Repeated::default(),
        };
        report.repeated_lines = repeated.len() as u64;
        Ok(Removals {
            removed: bits,
            details: Some(details.finish()?),
            store,
            repeated,
            documents,
            references,
            report,
        })
    }
}

/// The record of a hash and a document, which sorts by the hash.
fn hashed(hash: u64, document: u32) -> [u8; BANDED] {
    let mut record = [0; BANDED];
    record[..8].copy_from_slice(&hash.to_be_bytes());
    record[8..].copy_from_slice(&document.to_be_bytes());
    record
}

/// The share of its distinct documents that a source may lose.
const MAX_LOST: f64 = 0.5;

/// What to do about a greater loss.
pub(crate) const ACCEPT_LOSS: &str =
    "if these are copies, run again with --accept-loss; then the ledger names each pair";

/// The first source that loses more than [`MAX_LOST`], else the first such phase: the message, and the index of a source.
fn too_much(sources: &[SourceInfo], unique: &[u64], lost: &[u64]) -> Option<(String, usize)> {
    let over = |unique: u64, lost: u64| unique >= LOSS_COUNTS_FROM && lost as f64 > MAX_LOST * unique as f64;
    let what = |name: &str, unique: u64, lost: u64| {
        let share = 100.0 * lost as f64 / unique as f64;
        format!("near-duplicates would take {share:.0} % of {name}: {lost} of {unique} distinct documents")
    };
    for (index, source) in sources.iter().enumerate() {
        if over(unique[index], lost[index]) {
            return Some((what(&source.name, unique[index], lost[index]), index));
        }
    }
    // For each phase: distinct documents, lost documents, and the index of a source that lost some.
    let mut phases: BTreeMap<&str, (u64, u64, usize)> = BTreeMap::new();
    for (index, source) in sources.iter().enumerate() {
        let sums = phases.entry(&source.phase).or_default();
        (sums.0, sums.1) = (sums.0 + unique[index], sums.1 + lost[index]);
        if lost[index] > 0 {
            sums.2 = index;
        }
    }
    for (phase, (unique, lost, index)) in phases {
        if over(unique, lost) {
            return Some((what(&format!("the phase {phase}"), unique, lost), index));
        }
    }
    None
}
