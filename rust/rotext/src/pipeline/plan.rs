//! The first pass of deduplication: documents in, a plan of who goes out.

use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use super::evaluation;
use super::feed::{self, Account, LeftOut, Parcel, Removal};
use crate::dedup::{self, Evaluation, Kind, Plan, Planner, Preset, Signer, SourceInfo, Words, line_hashes};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::reader::Source;

/// How duplicates are removed.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bands.
    pub preset: Preset,
    /// Memory of the whole process, in bytes.
    pub max_ram: u64,
    /// Let a source lose any share of its documents.
    pub accept_loss: bool,
    /// Documents of web text that a line may stand in before it is cut; `None` cuts none.
    pub repeated_lines: Option<u32>,
    /// Evaluation files: documents that share 13 words in a row with one go.
    pub evaluation: Vec<Source>,
}

/// What the process needs beside the tables and buffers of deduplication: chunks in flight, their texts and words,
/// the interpreter.
const RESERVED: u64 = 256 << 20;
/// The least that is left for those.
const LEAST: u64 = 32 << 20;
/// The share of its distinct documents that a source may lose.
const MOST_LOST: f64 = 0.5;

impl Options {
    /// Bytes for sorting and tables.
    ///
    /// # Errors
    /// The limit leaves nothing.
    pub(super) fn memory(&self) -> Result<usize> {
        if self.max_ram < RESERVED + LEAST {
            return Err(Error::usage(format!(
                "{} MB of memory are too few: the least is {} MB",
                self.max_ram >> 20,
                (RESERVED + LEAST) >> 20
            ))
            .hint("for example --max-ram 1G"));
        }
        Ok((self.max_ram - RESERVED) as usize)
    }
}

/// Sources of one phase.
pub(super) struct Group<'a> {
    pub(super) name: &'a str,
    pub(super) kind: Kind,
    pub(super) sources: &'a [Source],
}

/// Reads all groups and decides. `held_out` gets the accounts of the groups, then says of a document, by key and group
/// and in the order of the keys, whether it is held out.
///
/// # Errors
/// As [`feed::run`] and [`Planner::finish`].
pub(super) fn plan<H: FnMut(u128, usize) -> bool>(
    groups: &[Group<'_>],
    feed: &feed::Options,
    options: &Options,
    folder: &Path,
    held_out: impl FnOnce(&[Account]) -> Result<H>,
    progress: &Progress,
) -> Result<Plan> {
    let infos = groups.iter().flat_map(|group| {
        group.sources.iter().map(|source| SourceInfo {
            name: source.name.clone(),
            phase: group.name.to_owned(),
            kind: group.kind,
        })
    });
    let near = dedup::Options {
        preset: options.preset,
        memory: options.memory()?,
        folder: folder.to_owned(),
        most_lost: if options.accept_loss { 1.0 } else { MOST_LOST },
        repeated_lines: options.repeated_lines,
    };
    let evaluation = evaluation::read(&options.evaluation, &feed.fields, progress)?;
    let mut planner = Planner::new(near, infos.collect())?;
    let lines = options.repeated_lines.is_some();
    let mut accounts = Vec::new();
    // For each source its group.
    let mut group_of = Vec::new();
    for (number, group) in groups.iter().enumerate() {
        progress.begin(&format!("sign {}", group.name), group.sources.iter().map(|source| source.size).sum());
        let first = group_of.len();
        group_of.resize(first + group.sources.len(), number);
        let account = feed::run(
            group.sources,
            &feed::Options { keys: true, kind: group.kind, ..feed.clone() },
            Removal::Nothing,
            LeftOut::default(),
            progress,
            || (Words::default(), Signer::new(options.preset)),
            |(words, signer), parcel| {
                Ok(sign(words, signer, lines && group.kind == Kind::Web, &evaluation, parcel))
            },
            |signed: Signed| {
                let (mut words, mut bands) = (signed.words.as_slice(), signed.bands.as_slice());
                let mut lines = signed.lines.as_slice();
                for document in &signed.documents {
                    let (mine, more) = words.split_at(document.words);
                    let (hashes, others) = bands.split_at(document.bands);
                    let (cut, rest) = lines.split_at(document.lines);
                    (words, bands, lines) = (more, others, rest);
                    planner.push(dedup::Entry {
                        key: document.key,
                        text: document.text,
                        bytes: document.bytes,
                        id: &document.id,
                        source: (first + signed.source) as u32,
                        words: mine,
                        bands: hashes,
                        lines: cut,
                        contaminated: document.contaminated,
                    })?;
                }
                Ok(())
            },
        )?;
        accounts.push(account);
    }
    let mut held_out = held_out(&accounts)?;
    planner.finish(|key, source| held_out(key, group_of[source as usize]), progress)
}

/// A chunk's documents, signed; their words and bands one after another.
struct Signed {
    source: usize,
    documents: Vec<SignedDocument>,
    words: Vec<u32>,
    bands: Vec<u64>,
    lines: Vec<u64>,
}

struct SignedDocument {
    id: String,
    key: u128,
    text: u64,
    bytes: u64,
    words: usize,
    bands: usize,
    lines: usize,
    contaminated: u32,
}

fn sign(
    words: &mut Words,
    signer: &mut Signer,
    lines: bool,
    evaluation: &Evaluation,
    parcel: Parcel,
) -> Signed {
    let mut signed = Signed {
        source: parcel.source,
        documents: Vec::with_capacity(parcel.documents.len()),
        words: Vec::new(),
        bands: Vec::new(),
        lines: Vec::new(),
    };
    for passed in parcel.documents {
        let text = &passed.document.text;
        words.read(text);
        let (before, lines_before) = (signed.bands.len(), signed.lines.len());
        if lines {
            line_hashes(text, &mut signed.lines);
        }
        signer.sign(&words.folded, &mut signed.bands);
        signed.words.extend_from_slice(&words.exact);
        signed.documents.push(SignedDocument {
            key: passed.key,
            text: xxh3_64(text.as_bytes()),
            bytes: text.len() as u64,
            words: words.exact.len(),
            bands: signed.bands.len() - before,
            lines: signed.lines.len() - lines_before,
            contaminated: evaluation.shared(&words.folded),
            id: passed.document.id,
        });
    }
    signed
}
