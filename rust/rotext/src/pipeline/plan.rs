//! The first pass of deduplication: documents in, a plan of who goes out.

use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::evaluation;
use super::feed::{self, Account, Decided, Found, Parcel, Removal};
use super::files::{claim, lock_path};
use super::frame::{Frame, Signed};
use super::journal::{Journal, Known, Log, Recall};
use super::left_out::LeftOut;
use super::ordered::read_ahead;
use super::shard::{Shard, shards_of};
use crate::dedup::{
    self, Evaluation, Hashes, Kind, Plan, Planner, Preset, Signer, SourceInfo, WordFile, Words, hash_bytes,
    line_hashes,
};
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

/// The least that the process needs beside the tables and buffers of deduplication.
const RESERVED: u64 = 256 << 20;
/// The part of it that is neither chunks nor what is made of them: the interpreter, buffers of files.
const PROGRAM: u64 = 64 << 20;
/// Bytes in memory for a byte read ahead, where texts are a few words each.
const OF_A_BYTE: u64 = 12;
/// The least that is left for tables and buffers.
const LEAST: u64 = 32 << 20;
/// The share of its distinct documents that a source may lose.
const MOST_LOST: f64 = 0.5;

impl Options {
    /// See [`memory`].
    ///
    /// # Errors
    /// The limit leaves nothing.
    pub(super) fn memory(&self, threads: usize) -> Result<usize> {
        memory(self.max_ram, threads)
    }
}

/// Bytes for sorting and tables in a process of `max_ram` bytes that works on chunks with `threads` threads.
///
/// # Errors
/// The limit leaves nothing.
pub(super) fn memory(max_ram: u64, threads: usize) -> Result<usize> {
    let reserved = RESERVED.max(PROGRAM + OF_A_BYTE * read_ahead(threads) as u64);
    if max_ram < reserved + LEAST {
        let hint = if reserved > RESERVED {
            "for example --max-ram 1G, or fewer --threads"
        } else {
            "for example --max-ram 1G"
        };
        return Err(Error::usage(format!(
            "{} MB of memory are too few for {threads} threads: the least is {} MB",
            max_ram >> 20,
            (reserved + LEAST) >> 20
        ))
        .hint(hint));
    }
    Ok((max_ram - reserved) as usize)
}

/// Sources of one phase.
pub(super) struct Group<'a> {
    pub(super) name: &'a str,
    pub(super) kind: Kind,
    pub(super) sources: &'a [Source],
}

/// Reads all groups and decides. `held_out` gets the accounts of the groups, then says of a document, by key and group
/// and in the order of the keys, whether it is held out. What shards of `out` have found is taken from them.
///
/// # Errors
/// As [`feed::run`] and [`Planner::finish`].
pub(super) fn plan<H: FnMut(u128, usize) -> bool>(
    groups: &[Group<'_>],
    feed: &feed::Options,
    options: &Options,
    (folder, out): (&Path, &Path),
    held_out: impl FnOnce(&[Account]) -> Result<H>,
    progress: &Progress,
) -> Result<Planned> {
    let infos = groups.iter().flat_map(|group| {
        group.sources.iter().map(|source| SourceInfo {
            name: source.name.clone(),
            phase: group.name.to_owned(),
            kind: group.kind,
        })
    });
    let evaluation = evaluation::read(&options.evaluation, &feed.fields, progress)?;
    let journal = Journal::open(folder, &description(groups, feed, options, &evaluation))?;
    let (recall, mut log) = (journal.recall(&shards_of(out), None)?, journal.log()?);
    let near = dedup::Options {
        preset: options.preset,
        memory: options.memory(feed.threads)?,
        folder: folder.to_owned(),
        words: Some(journal.words()),
        most_lost: if options.accept_loss { 1.0 } else { MOST_LOST },
        repeated_lines: options.repeated_lines,
    };
    let mut planner = Planner::new(near, infos.collect())?;
    let accounts = first_pass(groups, feed, options, &evaluation, recall, progress, |sealed| match sealed {
        Sealed::Known(frame, Known::Here(stamp)) => {
            log.keep(stamp);
            push(&mut planner, &frame, None)
        }
        Sealed::Known(frame, Known::Shard(words)) | Sealed::New(frame, words) => {
            push(&mut planner, &frame, Some(&words))?;
            log.append(&frame, |sync| planner.flush(sync))
        }
    })?;
    let digest = log.finish()?;
    let mut held_out = held_out(&accounts)?;
    // For each source its group.
    let group_of: Vec<usize> =
        (0..).zip(groups).flat_map(|(number, group)| vec![number; group.sources.len()]).collect();
    let plan = planner.finish(|key, source| held_out(key, group_of[source as usize]), progress)?;
    Ok(Planned { plan, journal, digest })
}

/// What a shard came to.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Sharded {
    /// Records in it, good and bad.
    pub records: u64,
    /// Documents of it that passed the filter.
    pub documents: u64,
    /// UTF-8 bytes of their texts.
    pub bytes: u64,
    /// Where its journal lies.
    pub folder: PathBuf,
}

/// The first pass over the chunks of a shard, for the run that makes `out` and takes them from the shard's journal.
///
/// # Errors
/// As [`feed::run`]; a stream, which has no shards; another run of the same shard.
pub(super) fn shard(
    groups: &[Group<'_>],
    feed: &feed::Options,
    options: &Options,
    (out, shard): (&Path, Shard),
    progress: &Progress,
) -> Result<Sharded> {
    shard.needs_files(groups.iter().flat_map(|group| group.sources))?;
    let folder = shard.folder(&shards_of(out));
    let _lock = claim(&folder, Journal::FOLDER)?;
    let evaluation = evaluation::read(&options.evaluation, &feed.fields, progress)?;
    let journal = Journal::open(&folder, &description(groups, feed, options, &evaluation))?;
    let (recall, mut log): (Recall, Log) = (journal.recall(Path::new(""), Some(shard))?, journal.log()?);
    let mut file = WordFile::open(&journal.words())?;
    let accounts = first_pass(groups, feed, options, &evaluation, recall, progress, |sealed| match sealed {
        Sealed::Known(frame, Known::Here(stamp)) => {
            log.keep(stamp);
            frame.documents.iter().try_for_each(|signed| file.push(Hashes::Kept(signed.words)))
        }
        Sealed::Known(frame, Known::Shard(words)) | Sealed::New(frame, words) => {
            file.push(Hashes::New(&words))?;
            log.append(&frame, |sync| file.flush(sync))
        }
    })?;
    file.flush(true)?;
    log.finish()?;
    let _ = std::fs::remove_file(lock_path(&folder));
    let sum = |of: fn(&Account) -> u64| accounts.iter().map(of).sum();
    Ok(Sharded {
        records: sum(|a| a.records),
        documents: sum(|a| a.documents),
        bytes: sum(|a| a.bytes),
        folder,
    })
}

/// Reads, judges and signs all groups; hands each chunk on, in order.
fn first_pass(
    groups: &[Group<'_>],
    feed: &feed::Options,
    options: &Options,
    evaluation: &Evaluation,
    mut recall: Recall,
    progress: &Progress,
    mut sink: impl FnMut(Sealed) -> Result<()> + Send,
) -> Result<Vec<Account>> {
    let lines = options.repeated_lines.is_some();
    let mut accounts = Vec::new();
    let mut first = 0;
    for group in groups {
        progress.begin(&format!("sign {}", group.name), group.sources.iter().map(|source| source.size).sum());
        recall.first = first;
        accounts.push(feed::run(
            group.sources,
            &feed::Options { keys: true, kind: group.kind, ..feed.clone() },
            Removal::Recorded(&mut recall),
            LeftOut::default(),
            progress,
            || (Words::default(), Signer::new(options.preset)),
            |(words, signer), parcel| {
                let source = first + parcel.source as u32;
                let sealed = sign(words, signer, lines && group.kind == Kind::Web, evaluation, parcel);
                Ok(match sealed {
                    Sealed::New(frame, words) => Sealed::New(Frame { source, ..frame }, words),
                    known @ Sealed::Known(..) => known,
                })
            },
            &mut sink,
        )?);
        first += group.sources.len() as u32;
    }
    Ok(accounts)
}

/// What tells a run from every other that would find something else of the same input.
fn description(
    groups: &[Group<'_>],
    feed: &feed::Options,
    options: &Options,
    evaluation: &Evaluation,
) -> String {
    let names = |group: &Group<'_>| -> Vec<String> {
        group.sources.iter().map(|source| format!("{} {:?}", source.name, source.format)).collect()
    };
    let groups: Vec<_> = groups.iter().map(|group| (group.name, group.kind, names(group))).collect();
    let feed::Options { fields, strict, normalize, filter, .. } = feed;
    let (lines, evaluation) = (options.repeated_lines.is_some(), evaluation.digest());
    format!(
        "{} {groups:?} {fields:?} {strict} {normalize:?} {filter:?} {:?} {lines} {evaluation}",
        env!("CARGO_PKG_VERSION"),
        options.preset
    )
}

/// What was decided and what was found.
pub(super) struct Planned {
    pub(super) plan: Plan,
    journal: Journal,
    /// A number that is another one for other documents.
    pub(super) digest: u64,
}

impl Planned {
    /// For a pass that only has to know who goes.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub(super) fn decided(&self) -> Result<Decided<'_>> {
        Ok(Decided { judge: self.plan.judge(), frames: self.journal.read()?, encoded: 0 })
    }

    /// For a pass that also says why; once.
    ///
    /// # Errors
    /// The journal or the decisions cannot be read.
    pub(super) fn explained(&mut self) -> Result<Decided<'_>> {
        Ok(Decided { frames: self.journal.read()?, judge: self.plan.explain()?, encoded: 0 })
    }
}

/// A chunk, signed.
enum Sealed {
    /// Its frame, and the words of its documents one after another.
    New(Frame, Vec<u32>),
    /// An earlier run's.
    Known(Frame, Known),
}

fn sign(
    words: &mut Words,
    signer: &mut Signer,
    lines: bool,
    evaluation: &Evaluation,
    parcel: Parcel,
) -> Sealed {
    let mut frame = match parcel.found {
        Found::Known(frame, known) => return Sealed::Known(*frame, known),
        Found::New(frame) => *frame,
        Found::Unasked => Frame::default(),
    };
    let mut all = Vec::new();
    for passed in parcel.documents {
        let text = &passed.document.text;
        words.read(text);
        let (bands_before, lines_before) = (frame.bands.len(), frame.lines.len());
        if lines {
            line_hashes(text, &mut frame.lines);
        }
        signer.sign(&words.folded, &mut frame.bands);
        all.extend_from_slice(&words.exact);
        frame.documents.push(Signed {
            key: passed.key,
            text: xxh3_64(text.as_bytes()),
            bytes: text.len() as u64,
            words: words.exact.len() as u32,
            bands: (frame.bands.len() - bands_before) as u32,
            lines: (frame.lines.len() - lines_before) as u32,
            contaminated: evaluation.shared(&words.folded),
            id: passed.document.id,
        });
    }
    frame.words = xxh3_64(&hash_bytes(&all));
    Sealed::New(frame, all)
}

/// Hands the documents of a frame on, with their words where they are new.
fn push(planner: &mut Planner, frame: &Frame, mut words: Option<&[u32]>) -> Result<()> {
    let (mut bands, mut lines) = (frame.bands.as_slice(), frame.lines.as_slice());
    for signed in &frame.documents {
        let (mine, others) = bands.split_at(signed.bands as usize);
        let (cut, rest) = lines.split_at(signed.lines as usize);
        (bands, lines) = (others, rest);
        let hashes = match &mut words {
            None => Hashes::Kept(signed.words),
            Some(left) => {
                let (mine, more) = left.split_at(signed.words as usize);
                *left = more;
                Hashes::New(mine)
            }
        };
        planner.push(dedup::Entry {
            key: signed.key,
            text: signed.text,
            bytes: signed.bytes,
            id: &signed.id,
            source: frame.source,
            words: hashes,
            bands: mine,
            lines: cut,
            contaminated: signed.contaminated,
        })?;
    }
    Ok(())
}
