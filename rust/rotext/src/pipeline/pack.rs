//! `rotools pack`: files in, a pack directory out.
//!
//! Everything is written under `OUT.partial`, which is renamed to `OUT` at the end, so `OUT` is never half a pack. A killed run
//! continues: the journal has what its first pass found, and the work folder has its tokenizer and its encoded tokens. It writes
//! the same bytes in the end, because nothing in a pack depends on time, machine or threads.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use xxhash_rust::xxh3::xxh3_64;

use super::duplicates::{self, Duplicates, removal};
use super::hold_out::{self, HoldOut, HoldOuts};
use super::near_dedup::{self, FirstPass, FirstPassInput, FirstPassReplay, Phase, ShardReport};
use super::output::{
    DecisionLog, lock_workdir, parent, release_workdir, remove_folder, replace_folder, write_atomic,
};
use super::parts;
use super::resume::{DocumentTokens, Encoded, Journal, Shard, remove_shards};
use super::stream::{DocumentStream, Options as StreamOptions, ProcessedChunk, StreamReport};
use super::vocabulary::Vocabulary;
use crate::dedup::Seen;
use crate::document::Reject;
use crate::document::TextKind;
use crate::error::{Error, Result};
use crate::fault::{guard, trip};
use crate::pack::{self, DocumentEntry, Manifest, Split, Writer};
use crate::progress::Progress;
use crate::reader::{self, Source};
use crate::{bpe, ledger};

/// A phase: a named group of sources that is trained on together.
#[derive(Debug, Clone)]
pub struct PhaseInput {
    /// The name, for example `web`: letters, digits, `-` and `_`.
    pub name: String,
    /// The files, in order.
    pub sources: Vec<Source>,
    /// How often the phase is trained on.
    pub epochs: u32,
    /// What the sources hold.
    pub kind: TextKind,
}

/// What to pack and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The phases, in the order of training.
    pub phases: Vec<PhaseInput>,
    /// How documents are read and cleaned. The kind of text is that of each phase.
    pub stream: StreamOptions,
    /// Which duplicates are removed; `None` keeps them all.
    pub dedup: Option<Duplicates>,
    /// The path of a tokenizer.json; `None` trains a tokenizer on the training documents.
    pub tokenizer: Option<PathBuf>,
    /// The vocabulary of a tokenizer that is trained.
    pub vocab_size: u32,
    /// The share of documents to hold out for validation, by the hash of their text: 0 to 0.5.
    pub valid_share: f64,
    /// The directory to write.
    pub out: PathBuf,
    /// Replace `out` if it exists.
    pub force: bool,
    /// Adds files to the pack before it has its name.
    pub describe: Option<Describe>,
}

/// Adds files to a finished pack, such as a dataset card: it gets the folder before that has its name, so a pack never lacks them.
#[derive(Clone)]
pub struct Describe(Arc<AddFiles>);

type AddFiles = dyn Fn(&Path) -> Result<()> + Send + Sync;

impl Describe {
    /// Calls `describe` with the folder.
    pub fn new(describe: impl Fn(&Path) -> Result<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(describe))
    }
}

impl std::fmt::Debug for Describe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Describe")
    }
}

impl Options {
    /// How near-duplicates are found, if they are.
    fn near(&self) -> Option<&near_dedup::Options> {
        self.dedup.as_ref().and_then(Duplicates::near)
    }

    /// How the documents of a phase are read and cleaned.
    pub(super) fn stream_of(&self, phase: &PhaseInput) -> StreamOptions {
        StreamOptions { kind: phase.kind, ..self.stream.clone() }
    }

    /// The phases as the first pass reads them.
    pub(super) fn first_pass_phases(&self) -> Vec<Phase<'_>> {
        let phase = |phase| {
            let PhaseInput { name, kind, sources, .. }: &PhaseInput = phase;
            Phase { name, kind: *kind, sources, reference: false }
        };
        self.phases.iter().map(phase).collect()
    }

    /// An empty table of keys, if the pass that writes is the one that finds equal texts.
    fn seen(&self) -> Result<Option<Seen>> {
        let sources = self.phases.iter().flat_map(|phase| &phase.sources);
        self.dedup.as_ref().map_or(Ok(None), |duplicates| duplicates.seen(self.stream.threads, sources))
    }
}

/// Memory of the word counts, in bytes, before they are spilled to disk.
pub(super) const COUNTS_BYTES: usize = 256 << 20;

/// Packs a corpus; returns the report, which `OUT/report.json` has too.
///
/// It reads the input once to sign documents, once to count words (if it trains a tokenizer), and once to encode. Near-duplicates
/// need memory as [`plan::estimate`](super::plan::estimate) says.
///
/// # Examples
///
/// ```
/// use rotext::document::TextKind;
/// use rotext::pack::{Manifest, verify};
/// use rotext::pipeline::pack::{Options, PhaseInput, pack};
/// use rotext::pipeline::{Duplicates, StreamOptions};
/// use rotext::progress::Progress;
/// use rotext::reader::expand;
///
/// # fn main() -> rotext::error::Result<()> {
/// let folder = tempfile::tempdir().expect("a folder for the example");
/// let input = folder.path().join("web.jsonl");
/// let line = |n| format!("{{\"text\": \"Documentul cu numărul {}.\"}}\n", n % 20);
/// std::fs::write(&input, (0..25).map(line).collect::<String>()).expect("a file");
/// let options = Options {
///     phases: vec![PhaseInput {
///         name: "web".into(),
///         sources: expand(&[input.display().to_string()])?,
///         epochs: 1,
///         kind: TextKind::Web,
///     }],
///     stream: StreamOptions { threads: 2, ..StreamOptions::default() },
///     dedup: Some(Duplicates::Exact { max_ram: 1 << 30 }),
///     tokenizer: None,
///     vocab_size: 300,
///     valid_share: 0.0,
///     out: folder.path().join("pack"),
///     force: false,
///     describe: None,
/// };
/// let report = pack(&options, &Progress::default())?;
/// assert_eq!(report["dedup"]["exact"], 5);
/// assert_eq!(Manifest::read(&options.out)?.phases[0].train.documents, 20);
/// assert_eq!(verify(&options.out, &Progress::default())?.documents, 20);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Invalid options, unreadable sources, a phase without documents, a tokenizer that does not fit, a full disk.
pub fn pack(options: &Options, progress: &Progress) -> Result<serde_json::Value> {
    check(options)?;
    in_workdir(options, |directory| match parts::finish_known(options, directory, progress)? {
        Some(finished) => Ok(finished),
        None => Ok((fill(directory, options, progress)?, Journal::key_in(directory))),
    })
}

/// Makes the pack in its work folder with `fill`, which returns the report and the key of the shards that it used, and gives it its
/// name.
pub(super) fn in_workdir(
    options: &Options,
    fill: impl FnOnce(&Path) -> Result<(serde_json::Value, Option<u64>)>,
) -> Result<serde_json::Value> {
    let partial = options
        .out
        .with_file_name(format!("{}.partial", options.out.file_name().unwrap_or_default().to_string_lossy()));
    let _lock = lock_workdir(&partial, Journal::FOLDER)?;
    let result = fill(&partial).and_then(|report| {
        options.describe.as_ref().map_or(Ok(()), |describe| (describe.0)(&partial))?;
        remove_folder(&partial.join(Journal::FOLDER))?;
        Ok(report)
    });
    if result.is_ok()
        && let Err(error) = replace_folder(&partial, &options.out)
    {
        let hint = format!("the pack is whole in {}: rename that directory", partial.display());
        return Err(error.hint(hint));
    }
    if let Ok((_, key)) = &result {
        remove_shards(&options.out, *key);
    }
    release_workdir(&partial, Journal::FOLDER, Journal::KEEP_BYTES, result.is_err());
    result.map(|(report, _)| report)
}

/// Reads, filters and signs the chunks of one shard, on any machine that sees the same files.
///
/// [`pack()`] with the same options uses what the shard found, and processes what no shard has. It writes the same bytes as a run
/// without shards.
///
/// # Errors
/// As [`pack()`]; near-duplicates are not removed, so there is no first pass to share.
pub fn shard(options: &Options, shard: Shard, progress: &Progress) -> Result<ShardReport> {
    check(options)?;
    let near = for_shards(options)?;
    let phases = options.first_pass_phases();
    let input = FirstPassInput { phases: &phases, stream: &options.stream, near };
    near_dedup::sign_shard(&input, (&options.out, shard), progress)
}

/// The options of the first pass that shards share.
///
/// # Errors
/// There is no first pass.
pub(super) fn for_shards(options: &Options) -> Result<&near_dedup::Options> {
    let Some(dedup) = &options.dedup else {
        return Err(Error::usage("shards need deduplication: it has the first pass that they share")
            .hint("run without --no-dedup, or without --step and --shard"));
    };
    dedup.for_shards()
}

pub(super) fn check(options: &Options) -> Result<()> {
    for (index, phase) in options.phases.iter().enumerate() {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if phase.name.is_empty() || !phase.name.chars().all(good) {
            return Err(Error::usage(format!("invalid name of a phase: `{}`", phase.name))
                .hint("use letters, digits, - and _"));
        }
        if options.phases[..index].iter().any(|other| other.name == phase.name) {
            return Err(Error::usage(format!("the phase `{}` is named twice", phase.name))
                .hint("give all its files to one --phase, separated by commas"));
        }
    }
    if !(0.0..=0.5).contains(&options.valid_share) {
        return Err(Error::usage(format!(
            "invalid held-out share {}: allowed is 0 to 0.5",
            options.valid_share
        ))
        .hint("for example --valid-share 0.005"));
    }
    if options.out.exists() && !options.force {
        return Err(Error::data("the output directory exists already")
            .at(&options.out)
            .hint("name another with --out, or replace it with --force"));
    }
    let manifest = options.out.join("manifest.json");
    let empty = || options.out.read_dir().is_ok_and(|mut entries| entries.next().is_none());
    if options.out.exists() && !manifest.exists() && !empty() {
        return Err(Error::data("the directory is not a pack, so --force does not replace it")
            .at(&options.out)
            .hint("name another directory with --out"));
    }
    if options.out.exists() && is_mount_point(&options.out) {
        return Err(Error::data("the directory is a mount point, so no pack can replace it")
            .at(&options.out)
            .hint("name a directory inside it with --out"));
    }
    Ok(())
}

/// A mounted folder is on another device than the folder that holds it. It cannot be renamed.
#[cfg(unix)]
fn is_mount_point(directory: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let device = |path: &Path| path.metadata().map(|metadata| metadata.dev()).ok();
    device(directory) != device(parent(directory))
}

#[cfg(not(unix))]
fn is_mount_point(_: &Path) -> bool {
    false
}

fn fill(directory: &Path, options: &Options, progress: &Progress) -> Result<serde_json::Value> {
    let mut options = options.clone();
    // The passes read a source more than once, and a stream can be read once.
    let sources = options.phases.iter_mut().flat_map(|phase| &mut phase.sources);
    let spooled = reader::spool(sources, directory, progress)?;
    let report = stages(directory, &options, progress)?;
    for path in spooled {
        std::fs::remove_file(&path).map_err(|e| Error::io(&path, &e))?;
    }
    Ok(report)
}

fn stages(directory: &Path, options: &Options, progress: &Progress) -> Result<serde_json::Value> {
    let (mut first_pass, hold_outs) = decide(directory, options, progress)?;
    let vocabulary = match &options.tokenizer {
        Some(path) => Vocabulary::read(path)?,
        None => Vocabulary::trained(train(directory, options, first_pass.as_ref(), &hold_outs, progress)?)?,
    };
    let found = first_pass.as_ref().map(|first_pass| first_pass.removals.report().clone());
    write_pack(directory, options, &vocabulary, |rejects, ledger| {
        let encode = if vocabulary.is_wide() { encode_phases::<u32> } else { encode_phases::<u16> };
        let decisions = (rejects, ledger);
        let (phases, reports, seen) =
            encode(directory, options, &mut first_pass, &hold_outs, &vocabulary, decisions, progress)?;
        let found = found.or_else(|| seen.then(|| duplicates::exact_report(&reports)));
        let found = serde_json::to_value(found).map_err(|e| Error::data(e.to_string()))?;
        Ok((phases, reports, found))
    })
}

/// Where the rejects of a pack are written.
pub(super) type RejectsWriter = zstd::Encoder<'static, BufWriter<File>>;

/// Writes a pack into `directory`. `encode` writes the tokens; it returns the phases, what was read of each, and the report of
/// deduplication.
pub(super) fn write_pack(
    directory: &Path,
    options: &Options,
    vocabulary: &Vocabulary,
    encode: impl FnOnce(
        &mut RejectsWriter,
        &mut ledger::Writer,
    ) -> Result<(Vec<pack::Phase>, Vec<StreamReport>, serde_json::Value)>,
) -> Result<serde_json::Value> {
    let Vocabulary { tokenizer, json, sha256, eos } = vocabulary;
    write_file(&directory.join("tokenizer.json"), json)?;
    let rejects_path = directory.join("rejects.jsonl.zst");
    let io = |e: std::io::Error| Error::io(&rejects_path, &e);
    let file = BufWriter::new(File::create(&rejects_path).map_err(io)?);
    let mut rejects = zstd::Encoder::new(file, 3).map_err(io)?;
    let mut ledger = ledger::Writer::create(&directory.join("ledger.parquet"))?;
    let (phases, reports, found) = encode(&mut rejects, &mut ledger)?;
    ledger.finish()?;
    rejects.finish().and_then(|out| out.into_inner()?.sync_all()).map_err(io)?;

    let config = json!({
        "text_field": options.stream.fields.text, "id_field": options.stream.fields.id,
        "normalize": options.stream.normalize.is_some(),
        "filter": options.stream.filter.as_ref().map(|filter| {
            let kinds = options.phases.iter().map(|phase| (phase.kind.name(), filter.describe(phase.kind)));
            kinds.collect::<std::collections::BTreeMap<_, _>>()
        }),
        "dedup": options.dedup.as_ref().map(Duplicates::name),
        "valid_share": options.valid_share,
        "vocab_size": options.tokenizer.is_none().then_some(options.vocab_size),
    });
    let sources = options.phases.iter().zip(&reports).flat_map(|(phase, report)| {
        let read =
            phase.sources.iter().zip(&report.sources).filter(|(s, _)| s.format != reader::Format::Unread);
        read.map(|(source, (documents, bytes, keys))| {
            json!({"phase": phase.name, "name": source.name, "documents": documents, "bytes": bytes,
                   "keys_xxh3_64": format!("{keys:016x}")})
        })
    });
    let manifest = Manifest {
        format: pack::FORMAT.into(),
        version: pack::VERSION,
        dtype: if vocabulary.is_wide() { "<u4" } else { "<u2" }.into(),
        block_tokens: pack::BLOCK_TOKENS,
        stride: pack::BLOCK_TOKENS,
        vocab_size: tokenizer.vocab_size() as u32,
        eos_id: *eos,
        tokenizer: pack::TokenizerFile { file: "tokenizer.json".into(), sha256: sha256.clone() },
        phases,
        config,
        provenance: json!({"version": env!("CARGO_PKG_VERSION"), "sources": sources.collect::<Vec<_>>()}),
    };
    let report = json!({
        "phases": options.phases.iter().zip(&reports).map(|(phase, report)| {
            json!({"name": phase.name, "read": report})
        }).collect::<Vec<_>>(),
        "dedup": found,
        "vocab_size": manifest.vocab_size,
        "tokens": manifest.phases.iter().map(|p| p.train.tokens + p.valid.tokens).sum::<u64>(),
        "bytes": manifest.phases.iter().map(|p| p.train.bytes + p.valid.bytes).sum::<u64>(),
        "blocks": manifest.phases.iter().map(|p| p.train.blocks).sum::<u64>(),
    });
    write_file(&directory.join("report.json"), pretty(&report).as_bytes())?;
    let value = serde_json::to_value(&manifest).map_err(|e| Error::data(e.to_string()))?;
    write_file(&directory.join("manifest.json"), pretty(&value).as_bytes())?;
    Ok(report)
}

/// Encodes all phases into token files of ids of one width. Returns the phases, what was read, and whether this pass
/// looked for equal texts.
fn encode_phases<I: bpe::Id>(
    directory: &Path,
    options: &Options,
    first_pass: &mut Option<FirstPass>,
    hold_outs: &[HoldOut],
    vocabulary: &Vocabulary,
    (rejects, ledger): (&mut RejectsWriter, &mut ledger::Writer),
    progress: &Progress,
) -> Result<(Vec<pack::Phase>, Vec<StreamReport>, bool)> {
    let (mut encoded, encoded_chunks) = match &first_pass {
        Some(first_pass) => {
            let decided = fingerprint(first_pass, options, hold_outs);
            let description = format!("{decided} {}", vocabulary.sha256);
            let names = options.phases.iter().map(|phase| phase.name.clone()).collect();
            let (encoded, chunks) =
                Encoded::<I>::open(&directory.join(Journal::FOLDER), &description, names)?;
            (Some(encoded), chunks)
        }
        None => (None, Vec::new()),
    };
    let mut seen = options.seen()?;
    let mut replay = first_pass.as_mut().map(FirstPass::replay_with_reasons).transpose()?;
    let encoder = PhaseEncoder { directory, tokenizer: &vocabulary.tokenizer, eos: I::new(vocabulary.eos) };
    let mut phases = Vec::new();
    let mut reports = Vec::new();
    for (number, (phase, hold_out)) in options.phases.iter().zip(hold_outs).enumerate() {
        progress.begin(&format!("encode {}", phase.name), size(&phase.sources));
        if let Some(replay) = &mut replay {
            replay.encoded = encoded_chunks[number];
        }
        let stream_options = options.stream_of(phase);
        let (replay, duplicates) = removal(replay.as_mut(), seen.as_mut());
        let stream = DocumentStream {
            replay,
            duplicates,
            decisions: DecisionLog { rejects: Some(&mut *rejects), ledger: Some(&mut *ledger) },
            ..DocumentStream::new(&phase.sources, &stream_options, progress)
        };
        let encoded = encoded.as_mut().map(|encoded| (encoded, number));
        let (done, report) = encoder.encode(phase, *hold_out, stream, encoded)?;
        phases.push(done);
        reports.push(report);
    }
    replay.map_or(Ok(()), FirstPassReplay::finish)?;
    encoded.map_or(Ok(()), |encoded| encoded.release(directory))?;
    Ok((phases, reports, seen.is_some()))
}

fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let run = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    run().map_err(|e| Error::io(path, &e))
}

fn size(sources: &[Source]) -> u64 {
    sources.iter().map(|source| source.size).sum()
}

/// Reads everything once to decide which documents are removed and which are held out.
fn decide(
    directory: &Path,
    options: &Options,
    progress: &Progress,
) -> Result<(Option<FirstPass>, Vec<HoldOut>)> {
    let share = options.valid_share;
    let Some(near) = options.near() else {
        let find = |phase: &PhaseInput| {
            hold_out::find(&phase.name, &phase.sources, &options.stream_of(phase), share, progress)
        };
        return Ok((None, options.phases.iter().map(find).collect::<Result<_>>()?));
    };
    let phases = options.first_pass_phases();
    let mut hold_outs = None;
    let first_pass = near_dedup::first_pass(
        &FirstPassInput { phases: &phases, stream: &options.stream, near },
        (directory, &options.out),
        |documents| {
            let names = phases.iter().map(|phase| phase.name);
            let hold_outs = hold_outs.insert(HoldOuts::new(share, names, documents)?);
            Ok(|key, phase| hold_outs.holds_out(key, phase))
        },
        progress,
    )?;
    Ok((Some(first_pass), hold_outs.map(HoldOuts::finish).unwrap_or_default()))
}

/// A fingerprint of everything that determines the training documents and their texts.
fn fingerprint(first_pass: &FirstPass, options: &Options, hold_outs: &[HoldOut]) -> String {
    let lines = options.near().and_then(|near| near.repeated_lines);
    format!("{:016x} {hold_outs:?} {lines:?}", first_pass.digest)
}

/// How the tokenizer is trained.
pub(super) fn train_options(options: &Options) -> bpe::TrainOptions {
    bpe::TrainOptions { vocab_size: options.vocab_size as usize, ..bpe::TrainOptions::default() }
}

fn train(
    directory: &Path,
    options: &Options,
    first_pass: Option<&FirstPass>,
    hold_outs: &[HoldOut],
    progress: &Progress,
) -> Result<bpe::Tokenizer> {
    let train = train_options(options);
    // The tokenizer of a killed run. Its name is a hash of everything that determines it.
    let saved = first_pass.map(|first_pass| {
        let description = format!("{} {}", fingerprint(first_pass, options, hold_outs), options.vocab_size);
        let name = format!("tokenizer-{:016x}.json", xxh3_64(description.as_bytes()));
        directory.join(Journal::FOLDER).join(name)
    });
    if let Some(path) = saved.as_ref().filter(|path| path.exists())
        && let Ok(tokenizer) = bpe::Tokenizer::from_file(path)
    {
        return Ok(tokenizer);
    }
    let mut counts = bpe::Counts::new(COUNTS_BYTES, directory);
    let mut replay = first_pass.map(FirstPass::replay).transpose()?;
    let mut seen = options.seen()?;
    for (phase, hold_out) in options.phases.iter().zip(hold_outs) {
        progress.begin(&format!("count {}", phase.name), size(&phase.sources));
        let stream_options = options.stream_of(phase);
        let (replay, duplicates) = removal(replay.as_mut(), seen.as_mut());
        let stream = DocumentStream {
            replay,
            duplicates,
            ..DocumentStream::new(&phase.sources, &stream_options, progress)
        };
        super::tokenizer::count(stream, &mut counts, train.pattern, |key| !hold_out.holds_out(key))?;
    }
    let tokenizer = bpe::train(counts, &train, progress)?;
    if let Some(path) = saved {
        write_atomic(&path, tokenizer.to_json().as_bytes())?;
    }
    Ok(tokenizer)
}

/// Encodes phases into token files.
struct PhaseEncoder<'a, I> {
    /// The directory of the pack.
    directory: &'a Path,
    tokenizer: &'a bpe::Tokenizer,
    eos: I,
}

/// The tokens of a chunk, on their way to the files.
struct EncodedChunk<I> {
    source: usize,
    /// The documents, and whether each is held out.
    entries: Vec<(DocumentEntry, bool)>,
    tokens: Vec<I>,
    /// An earlier run encoded it, and the tokens are in its files.
    known: bool,
    /// The documents that could not be encoded, and their bytes.
    failures: Vec<(Reject, u64)>,
}

impl<I: bpe::Id> PhaseEncoder<'_, I> {
    /// Encodes one phase. `encoded` has the tokens of a killed run and the number of the phase, after a first pass.
    fn encode(
        &self,
        phase: &PhaseInput,
        hold_out: HoldOut,
        stream: DocumentStream<'_, '_>,
        mut encoded: Option<(&mut Encoded<I>, usize)>,
    ) -> Result<(pack::Phase, StreamReport)> {
        let directory = encoded.as_ref().map_or(self.directory, |(encoded, _)| encoded.folder());
        let writer = |split| Writer::new(directory, &format!("{split}-{}", phase.name), pack::SHARD_TOKENS);
        let mut earlier = encoded.as_ref().map(|(encoded, number)| encoded.chunks(*number)).transpose()?;
        let (mut train, mut valid) = (writer("train"), writer("valid"));
        // The log has no failures, so it ends before the first one: a run that continues meets it again.
        let mut logs = true;
        let report = stream.run_to(
            || bpe::Encoder::<I, _>::new(self.tokenizer),
            |encoder, chunk: ProcessedChunk| {
                let encoder = encoder.as_mut().map_err(|e| e.clone())?;
                let source = &phase.sources[chunk.source].name;
                let mut tokens = Vec::new();
                let mut failures = Vec::new();
                let mut entries = Vec::with_capacity(chunk.documents.len());
                for kept in chunk.documents {
                    let before = tokens.len();
                    if !chunk.encoded {
                        match guard(|| {
                            trip("encode", &kept.document.text);
                            encoder.encode(&kept.document.text, &mut tokens);
                        }) {
                            Ok(()) => tokens.push(self.eos),
                            Err(panic) => {
                                *encoder = bpe::Encoder::new(self.tokenizer)?;
                                tokens.truncate(before);
                                failures.push((kept.document.into_internal(&panic), kept.bytes));
                                continue;
                            }
                        }
                    }
                    let entry = DocumentEntry {
                        id: kept.document.id,
                        source: source.clone(),
                        tokens: (tokens.len() - before) as u64,
                        bytes: kept.bytes,
                    };
                    entries.push((entry, hold_out.holds_out(kept.key)));
                }
                Ok(EncodedChunk { source: chunk.source, entries, tokens, known: chunk.encoded, failures })
            },
            |chunk, rejected| {
                let EncodedChunk { source, mut entries, mut tokens, known, failures } = chunk;
                logs &= failures.is_empty();
                for (reject, bytes) in failures {
                    rejected.push(source, reject, bytes);
                }
                if let (true, Some(earlier)) = (known, &mut earlier) {
                    let sizes = earlier.next(&mut tokens)?;
                    if sizes.len() != entries.len() {
                        return Err(Error::changed());
                    }
                    for ((entry, _), (size, _)) in entries.iter_mut().zip(sizes) {
                        entry.tokens = size.into();
                    }
                } else if let Some((encoded, number)) = encoded.as_mut().filter(|_| logs) {
                    let sizes: Vec<DocumentTokens> =
                        entries.iter().map(|(entry, held_out)| (entry.tokens as u32, *held_out)).collect();
                    encoded.add(*number, &sizes, &tokens)?;
                }
                let mut rest = tokens.as_slice();
                for (entry, held_out) in entries {
                    let (document, later) = rest.split_at(entry.tokens as usize);
                    rest = later;
                    if held_out { valid.push(entry, document)? } else { train.push(entry, document)? }
                }
                Ok(())
            },
        )?;
        let (train, valid): (Split, Split) = (train.finish()?, valid.finish()?);
        Ok((pack::Phase { name: phase.name.clone(), epochs: phase.epochs, train, valid }, report))
    }
}
