//! Collects what a pass over the documents finds, then decides.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use super::candidates::{self, BANDED, ENTRY};
use super::lines::{LINED, Repeated};
use super::plan::{Bits, Plan, REMOVED, Rule, parties, removed, rule_is};
use super::rank::{self, Document, KEYED, RANKED};
use super::runs::Sorter;
use super::sign::Preset;
use super::store::{Filling, Hashes};
use super::verify::Likeness;
use crate::error::{Error, Result};
use crate::progress::Progress;

/// What a source holds, which decides who may remove whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Books: only a book removes a book.
    Books,
    /// Web pages and everything else.
    Web,
}

impl Kind {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Books => "books",
            Self::Web => "web",
        }
    }

    /// The kind of that name: `books` or `web`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "books" => Some(Self::Books),
            "web" => Some(Self::Web),
            _ => None,
        }
    }
}

/// A source as the planner knows it.
#[derive(Debug, Clone)]
pub struct SourceInfo {
    /// Its name in messages.
    pub name: String,
    /// The phase that it belongs to, whose loss is watched as well (a book of its own file loses all or nothing).
    pub phase: String,
    /// What it holds.
    pub kind: Kind,
}

/// How duplicates are looked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bands.
    pub preset: Preset,
    /// Bytes for sorting and tables. Sorting takes what is there; tables need 8 bytes a document and 4 a shared band.
    pub memory: usize,
    /// Where scratch files go.
    pub folder: PathBuf,
    /// A file that keeps the hashes of words beyond the process; else they are scratch.
    pub words: Option<PathBuf>,
    /// The share of its distinct documents that a source may lose to near-duplicates.
    pub most_lost: f64,
    /// Documents that a line may stand in before it is cut; `None` cuts none.
    pub repeated_lines: Option<u32>,
}

/// A document as the first pass saw it.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Of [`super::Key`].
    pub key: u128,
    /// XXH3-64 of the text as it stands.
    pub text: u64,
    /// Bytes of the text.
    pub bytes: u64,
    /// Its id.
    pub id: &'a str,
    /// Index of its source.
    pub source: u32,
    /// Of [`super::Words`], the exact hashes.
    pub words: Hashes<'a>,
    /// Of [`super::Signer`], none for a short text.
    pub bands: &'a [u64],
    /// Of [`super::line_hashes`], where lines are to be cut.
    pub lines: &'a [u64],
    /// Of [`super::Evaluation::shared`]; any makes the document go.
    pub contaminated: u32,
}

/// What was found.
#[derive(Debug, Default, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Documents looked at.
    pub documents: u64,
    /// Removed as equal to another.
    pub exact: u64,
    /// Removed as nearly equal to another, verified.
    pub near: u64,
    /// Removed for a run of words of an evaluation text.
    pub contaminated: u64,
    /// Different lines that are cut from web text.
    pub repeated_lines: u64,
    /// Too short for a shingle: only equal ones could be found.
    pub short: u64,
    /// Documents that share a band with another.
    pub candidates: u64,
    /// Comparisons made.
    pub compared: u64,
    /// Documents with more candidates than are compared; they may have stayed for that.
    pub capped: u64,
    /// Sources that lost any: name, distinct documents, lost to near-duplicates.
    pub sources: Vec<(String, u64, u64)>,
}

/// A source or phase with fewer distinct documents may lose any share: a third of three says nothing.
const LOSS_COUNTS_FROM: u64 = 100;

/// Sorting gets tenths of the memory, of which five are in use at a time (bands have two); the other half is for tables.
const SHARES: usize = 10;

/// Collects documents, then decides.
pub struct Planner {
    options: Options,
    sources: Vec<SourceInfo>,
    keyed: Sorter<KEYED>,
    bands: Sorter<BANDED>,
    lines: Sorter<LINED>,
    contaminated: Vec<(u32, u32)>,
    filling: Filling,
    short: u64,
}

impl Planner {
    /// An empty one.
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
            filling: Filling::create(folder, options.words.as_deref())?,
            short: 0,
            sources,
            options,
        })
    }

    /// Adds the next document of the pass.
    ///
    /// # Errors
    /// The disk is full; more than 2^32 documents.
    pub fn push(&mut self, entry: Entry<'_>) -> Result<()> {
        let Entry { key, text, bytes, id, source, words, bands, lines, contaminated } = entry;
        let number = self.filling.push(words, id, source)?;
        if contaminated > 0 {
            self.contaminated.push((number, contaminated));
            return Ok(());
        }
        let kind = self.sources[source as usize].kind;
        for line in lines {
            self.lines.push(hashed(*line, number))?;
        }
        self.keyed.push(Document { key, kind, bytes, text, number, source }.keyed())?;
        self.short += u64::from(bands.is_empty());
        for band in bands {
            self.bands.push(hashed(*band, number))?;
        }
        Ok(())
    }

    /// Hands the words so far to the system, and with `sync` to the disk, so that what is written down of them holds.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn flush(&mut self, sync: bool) -> Result<()> {
        self.filling.flush(sync)
    }

    /// Decides about all documents. `held_out` says of a document by key and source whether it is held out of
    /// training; it is asked once for each key that is left, in ascending order.
    ///
    /// # Errors
    /// A source would lose too much, the tables do not fit into the memory, the scratch disk is full or fails.
    pub fn finish(self, held_out: impl FnMut(u128, u32) -> bool, progress: &Progress) -> Result<Plan> {
        let Self { options, sources, keyed, bands, lines, contaminated, filling, short } = self;
        let documents = filling.documents();
        let store = filling.finish()?;
        let mut report = Report { documents: documents.into(), short, ..Report::default() };
        let mut bits = Bits::new(documents);
        // Documents of which equal ones went, and of those the ones that went themselves, with what they went for.
        let mut copied = Bits::new(documents);
        let mut heirs: FxHashMap<u32, (u32, Rule, Likeness)> = FxHashMap::default();
        let mut details: Sorter<REMOVED> = Sorter::new(&options.folder, "removed", options.memory / SHARES);
        needs(8 * u64::from(documents), options.memory)?;
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
                bits.set(document);
                copied.set(best);
                details.push(removed(document, best, Rule::Exact, 1.0, 1.0))
            },
            &mut ranked,
        )?;
        let mut unique = vec![0u64; sources.len()];
        let order = rank::order(ranked.finish()?, documents, &mut unique)?;

        progress.begin("find pairs", u64::from(documents).saturating_mul(options.preset.shape().0 as u64));
        let mut entries: Sorter<ENTRY> = Sorter::new(&options.folder, "entries", options.memory / SHARES);
        let buckets = candidates::buckets(bands.finish()?, &order, &mut entries, progress)?;
        needs(8 * u64::from(documents) + 4 * u64::from(buckets), options.memory)?;

        progress.begin("compare", 0);
        let mut lost = vec![0u64; sources.len()];
        let mut example: Vec<Option<(u32, u32)>> = vec![None; sources.len()];
        let compared = candidates::compare(
            entries.finish()?,
            buckets,
            &order,
            &store,
            |document, partner, rule, likeness| {
                bits.set(document);
                if copied.get(document) {
                    heirs.insert(document, (partner, rule, likeness));
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
        if let Some((what, source)) = too_much(&sources, &unique, &lost, options.most_lost) {
            let pair = match example[source] {
                Some((a, b)) => format!(" (for example {}, like {})", store.name(a)?.id, store.name(b)?.id),
                None => String::new(),
            };
            return Err(Error::data(format!("{what}{pair}"))
                .hint("if these are copies, run again with --accept-loss; the ledger then names each pair"));
        }
        // Who went for an equal document that went itself goes for what that one went for: its words are the same, so
        // the comparison holds for both, and every partner stays.
        let mut decided = details.finish()?;
        let mut details: Sorter<REMOVED> = Sorter::new(&options.folder, "decided", options.memory / SHARES);
        while let Some(record) = decided.next()? {
            let (document, partner) = parties(&record);
            let heir = if rule_is(&record, Rule::Exact) { heirs.get(&partner) } else { None };
            let record = match heir {
                Some((heir, rule, like)) => removed(document, *heir, *rule, like.containment, like.jaccard),
                None => record,
            };
            if rule_is(&record, Rule::Contaminated) {
                report.contaminated += 1;
            } else if rule_is(&record, Rule::Exact) {
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
        Ok(Plan { removed: bits, details: Some(details.finish()?), store, repeated, documents, report })
    }
}

/// A hash and a document, to be sorted by the hash.
fn hashed(hash: u64, document: u32) -> [u8; BANDED] {
    let mut record = [0; BANDED];
    record[..8].copy_from_slice(&hash.to_be_bytes());
    record[8..].copy_from_slice(&document.to_be_bytes());
    record
}

/// Err where tables of so many bytes do not fit into their half of the memory.
pub(super) fn needs(tables: u64, memory: usize) -> Result<()> {
    let half = memory as u64 / 2;
    if tables <= half {
        return Ok(());
    }
    let mb = |bytes: u64| bytes.div_ceil(1 << 20);
    Err(Error::data(format!(
        "the tables of this many documents take {} MB, the limit leaves {} MB",
        mb(tables),
        mb(half)
    ))
    .hint(format!("raise --max-ram by {} MB", mb(2 * (tables - half)))))
}

/// The first source, or else phase, that loses more than the share; what to say and a source of it.
fn too_much(sources: &[SourceInfo], unique: &[u64], lost: &[u64], most: f64) -> Option<(String, usize)> {
    let over = |unique: u64, lost: u64| unique >= LOSS_COUNTS_FROM && lost as f64 > most * unique as f64;
    let what = |name: &str, unique: u64, lost: u64| {
        let share = 100.0 * lost as f64 / unique as f64;
        format!("near-duplicates would take {share:.0} % of {name}: {lost} of {unique} distinct documents")
    };
    for (index, source) in sources.iter().enumerate() {
        if over(unique[index], lost[index]) {
            return Some((what(&source.name, unique[index], lost[index]), index));
        }
    }
    // Distinct documents, lost ones, and a source that lost any, by phase.
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
