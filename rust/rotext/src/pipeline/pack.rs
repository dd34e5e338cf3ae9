//! `rotools pack`: files in, a pack directory out.
//!
//! Everything is written under `OUT.partial` and renamed to `OUT` when it is whole, so `OUT` is never half a
//! pack. A run that was killed goes on where it stopped in the first pass (the [journal](super::journal)), takes the tokenizer
//! if it had trained one, and the tokens that it had [encoded](super::encoded); being deterministic it ends in the same bytes.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_64;

use super::duplicates::{self, Duplicates, removal};
use super::encoded::{Encoded, Size};
use super::feed::{self, Account, Decided, Parcel, Removal};
use super::files::{claim, give_up, remove, write_whole};
use super::hold_out::{self, HoldOut};
use super::journal::Journal;
use super::left_out::LeftOut;
use super::plan::{self, Group, Planned, Sharded};
use super::shard::{Shard, shards_of};
use crate::dedup::{Kind, Seen};
use crate::error::{Error, Result};
use crate::pack::{self, Entry, Manifest, Split, Writer};
use crate::progress::Progress;
use crate::reader::{self, Source};
use crate::{bpe, ledger};

/// A named part of the curriculum.
#[derive(Debug, Clone)]
pub struct PhaseInput {
    /// For example `web`; letters, digits, `-` and `_`.
    pub name: String,
    /// Its files, in order.
    pub sources: Vec<Source>,
    /// Times it is trained on.
    pub epochs: u32,
    /// What its sources hold.
    pub kind: Kind,
}

/// What to pack and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The curriculum, in order.
    pub phases: Vec<PhaseInput>,
    /// Reading and cleaning.
    pub feed: feed::Options,
    /// Removal of duplicates; `None` keeps them.
    pub dedup: Option<Duplicates>,
    /// A tokenizer.json; `None` trains one on the training documents.
    pub tokenizer: Option<PathBuf>,
    /// Size of a tokenizer that is trained here.
    pub vocab_size: u32,
    /// Share of documents held out, by the hash of their text.
    pub valid_share: f64,
    /// The directory to make.
    pub out: PathBuf,
    /// Replace `out` when it exists.
    pub force: bool,
}

impl Options {
    /// How near-duplicates are looked for, where they are.
    fn near(&self) -> Option<&plan::Options> {
        self.dedup.as_ref().and_then(Duplicates::near)
    }

    /// Reading and cleaning of sources of that kind.
    fn feed(&self, kind: Kind) -> feed::Options {
        feed::Options { kind, ..self.feed.clone() }
    }
}

/// Memory of the word counts before they are spilled to disk.
const COUNTS_BYTES: usize = 256 << 20;

/// Packs; returns the report that also lies in `OUT/report.json`.
///
/// # Errors
/// Bad options, unreadable sources, no document at all, a foreign tokenizer, a full disk.
pub fn pack(options: &Options, progress: &Progress) -> Result<serde_json::Value> {
    check(options)?;
    let partial = options
        .out
        .with_file_name(format!("{}.partial", options.out.file_name().unwrap_or_default().to_string_lossy()));
    let _lock = claim(&partial, Journal::FOLDER)?;
    let result = fill(&partial, options, progress).and_then(|report| {
        remove(&partial.join(Journal::FOLDER))?;
        if options.out.exists() {
            std::fs::remove_dir_all(&options.out).map_err(|e| Error::io(&options.out, &e))?;
        }
        std::fs::rename(&partial, &options.out).map_err(|e| Error::io(&options.out, &e))?;
        sync_parent(&options.out);
        remove(&shards_of(&options.out))?;
        Ok(report)
    });
    give_up(&partial, Journal::FOLDER, Journal::WORTH_KEEPING, result.is_err());
    result
}

/// Reads, judges and signs the chunks of one shard. [`pack`] with the same options takes what it found, on any machine that
/// sees the same files, and finds what no shard did: the bytes are those of a run without shards.
///
/// # Errors
/// As [`pack`]; no removal of near-duplicates, which is what a shard prepares.
pub fn shard(options: &Options, shard: Shard, progress: &Progress) -> Result<Sharded> {
    check(options)?;
    let Some(dedup) = &options.dedup else {
        return Err(Error::usage("without deduplication there is nothing to do in shards")
            .hint("run without --no-dedup, or without --shard"));
    };
    plan::shard(&groups(options), &options.feed, dedup.for_shards()?, (&options.out, shard), progress)
}

fn groups(options: &Options) -> Vec<Group<'_>> {
    let group = |phase| {
        let PhaseInput { name, kind, sources, .. }: &PhaseInput = phase;
        Group { name, kind: *kind, sources }
    };
    options.phases.iter().map(group).collect()
}

fn check(options: &Options) -> Result<()> {
    for (index, phase) in options.phases.iter().enumerate() {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if phase.name.is_empty() || !phase.name.chars().all(good) {
            return Err(Error::usage(format!("`{}` cannot name a phase", phase.name))
                .hint("use letters, digits, - and _"));
        }
        if options.phases[..index].iter().any(|other| other.name == phase.name) {
            return Err(Error::usage(format!("the phase `{}` is named twice", phase.name))
                .hint("give all its files to one --phase, separated by commas"));
        }
    }
    if !(0.0..=0.5).contains(&options.valid_share) {
        return Err(Error::usage("the held-out share must lie between 0 and 0.5")
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
        return Err(Error::data("--force replaces only a pack, and this is none")
            .at(&options.out)
            .hint("name another directory with --out"));
    }
    Ok(())
}

fn sync_parent(path: &Path) {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(directory) = File::open(parent) {
        let _ = directory.sync_all();
    }
}

fn fill(directory: &Path, options: &Options, progress: &Progress) -> Result<serde_json::Value> {
    let mut options = options.clone();
    // The stages read a source more than once.
    let sources = options.phases.iter_mut().flat_map(|phase| &mut phase.sources);
    let spooled = reader::spool(sources, directory, progress)?;
    let report = stages(directory, &options, progress)?;
    for path in spooled {
        std::fs::remove_file(&path).map_err(|e| Error::io(&path, &e))?;
    }
    Ok(report)
}

fn stages(directory: &Path, options: &Options, progress: &Progress) -> Result<serde_json::Value> {
    let (mut planned, hold_outs) = decide(directory, options, progress)?;
    let tokenizer = match &options.tokenizer {
        Some(path) => bpe::Tokenizer::from_file(path)?,
        None => train(directory, options, planned.as_ref(), &hold_outs, progress)?,
    };
    let eos = tokenizer.eos().ok_or_else(|| {
        let error = Error::data("the tokenizer has no <|endoftext|> token");
        let error = match &options.tokenizer {
            Some(path) => error.at(path),
            None => error,
        };
        error.hint("train one with `rotools tokenizer train`, or add the token to it")
    })?;
    let json_bytes = match &options.tokenizer {
        Some(path) => std::fs::read(path).map_err(|e| Error::io(path, &e))?,
        None => tokenizer.to_json().into_bytes(),
    };
    write_file(&directory.join("tokenizer.json"), &json_bytes)?;

    let rejects_path = directory.join("rejects.jsonl.zst");
    let io = |e: std::io::Error| Error::io(&rejects_path, &e);
    let file = BufWriter::new(File::create(&rejects_path).map_err(io)?);
    let mut rejects = zstd::Encoder::new(file, 3).map_err(io)?;
    let mut ledger = ledger::Writer::create(&directory.join("ledger.parquet"))?;
    let found = planned.as_ref().map(|planned| planned.plan.report().clone());
    let (mut encoded, known) = match &planned {
        Some(planned) => {
            let of = format!(
                "{} {}",
                hangs_on(planned, options, &hold_outs),
                pack::hex(&Sha256::digest(&json_bytes))
            );
            let names = options.phases.iter().map(|phase| phase.name.clone()).collect();
            let (encoded, known) = Encoded::open(&directory.join(Journal::FOLDER), &of, names)?;
            (Some(encoded), known)
        }
        None => (None, Vec::new()),
    };
    let mut seen = seen(options)?;
    let mut decided = planned.as_mut().map(Planned::explained).transpose()?;
    let mut phases = Vec::new();
    let mut accounts = Vec::new();
    for (number, (phase, hold_out)) in options.phases.iter().zip(&hold_outs).enumerate() {
        progress.begin(&format!("encode {}", phase.name), size(&phase.sources));
        if let Some(decided) = &mut decided {
            decided.encoded = known[number];
        }
        let encoded = encoded.as_mut().map(|encoded| (encoded, number));
        let removal = removal(decided.as_mut(), seen.as_mut());
        let left_out = LeftOut { rejects: Some(&mut rejects), ledger: Some(&mut ledger) };
        let (done, account) = encode(
            directory, phase, *hold_out, options, &tokenizer, eos, removal, left_out, encoded, progress,
        )?;
        phases.push(done);
        accounts.push(account);
    }
    decided.map_or(Ok(()), Decided::finish)?;
    encoded.map_or(Ok(()), |encoded| encoded.release(directory))?;
    ledger.finish()?;
    rejects.finish().and_then(|out| out.into_inner()?.sync_all()).map_err(io)?;
    let found = found.or_else(|| seen.map(|_| duplicates::report(&accounts)));

    let config = json!({
        "text_field": options.feed.fields.text, "id_field": options.feed.fields.id,
        "normalize": options.feed.normalize.is_some(),
        "filter": options.feed.filter.as_ref().map(|filtering| {
            let kinds = options.phases.iter().map(|phase| (phase.kind.name(), filtering.describe(phase.kind)));
            kinds.collect::<std::collections::BTreeMap<_, _>>()
        }),
        "dedup": options.dedup.as_ref().map(Duplicates::name),
        "valid_share": options.valid_share,
        "vocab_size": options.tokenizer.is_none().then_some(options.vocab_size),
    });
    let sources = options.phases.iter().zip(&accounts).flat_map(|(phase, account)| {
        phase.sources.iter().zip(&account.sources).map(|(source, (documents, bytes, keys))| {
            json!({"phase": phase.name, "name": source.name, "documents": documents, "bytes": bytes,
                   "keys_xxh3_64": format!("{keys:016x}")})
        })
    });
    let manifest = Manifest {
        format: pack::FORMAT.into(),
        version: pack::VERSION,
        dtype: "<u2".into(),
        block_tokens: pack::BLOCK_TOKENS,
        stride: pack::BLOCK_TOKENS,
        vocab_size: tokenizer.vocab_size() as u32,
        eos_id: eos,
        tokenizer: pack::TokenizerFile {
            file: "tokenizer.json".into(),
            sha256: pack::hex(&Sha256::digest(&json_bytes)),
        },
        phases,
        config,
        provenance: json!({"version": env!("CARGO_PKG_VERSION"), "sources": sources.collect::<Vec<_>>()}),
    };
    let report = json!({
        "phases": options.phases.iter().zip(&accounts).map(|(phase, account)| {
            json!({"name": phase.name, "read": account})
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

/// Reads everything once to decide who goes for whom and who is held out.
fn decide(
    directory: &Path,
    options: &Options,
    progress: &Progress,
) -> Result<(Option<Planned>, Vec<HoldOut>)> {
    let share = options.valid_share;
    let Some(dedup) = options.near() else {
        let look = |phase: &PhaseInput| {
            hold_out::look(&phase.name, &phase.sources, &options.feed(phase.kind), share, progress)
        };
        return Ok((None, options.phases.iter().map(look).collect::<Result<_>>()?));
    };
    let groups = groups(options);
    // The keys come in ascending order, so a phase's first one is its smallest.
    let mut hold_outs: Vec<Option<HoldOut>> = vec![None; groups.len()];
    let planned = plan::plan(
        &groups,
        &options.feed,
        dedup,
        (directory, &options.out),
        |accounts| {
            if let Some((group, _)) = groups.iter().zip(accounts).find(|(_, account)| account.documents == 0)
            {
                return Err(hold_out::no_document(group.name));
            }
            let documents: Vec<u64> = accounts.iter().map(|account| account.documents).collect();
            let hold_outs = &mut hold_outs;
            Ok(move |key, phase: usize| {
                hold_outs[phase].get_or_insert_with(|| HoldOut::of(share, documents[phase], key)).takes(key)
            })
        },
        progress,
    )?;
    // A phase all of whose texts stand in an earlier one has no key of its own.
    Ok((Some(planned), hold_outs.into_iter().map(|found| found.unwrap_or(HoldOut::Share(share))).collect()))
}

/// An empty table of keys, where equal texts go in the pass that meets them.
fn seen(options: &Options) -> Result<Option<Seen>> {
    options.dedup.as_ref().map_or(Ok(None), |duplicates| duplicates.seen(options.feed.threads))
}

/// What the documents that are trained on, and their texts, hang on.
fn hangs_on(planned: &Planned, options: &Options, hold_outs: &[HoldOut]) -> String {
    let lines = options.near().and_then(|near| near.repeated_lines);
    format!("{:016x} {hold_outs:?} {lines:?}", planned.digest)
}

fn train(
    directory: &Path,
    options: &Options,
    planned: Option<&Planned>,
    hold_outs: &[HoldOut],
    progress: &Progress,
) -> Result<bpe::Tokenizer> {
    let train = bpe::TrainOptions { vocab_size: options.vocab_size as usize, ..bpe::TrainOptions::default() };
    // Where a killed run put its tokenizer: named by everything that it hangs on.
    let kept = planned.map(|planned| {
        let of = format!("{} {}", hangs_on(planned, options, hold_outs), options.vocab_size);
        let name = format!("tokenizer-{:016x}.json", xxh3_64(of.as_bytes()));
        directory.join(Journal::FOLDER).join(name)
    });
    if let Some(path) = kept.as_ref().filter(|path| path.exists())
        && let Ok(tokenizer) = bpe::Tokenizer::from_file(path)
    {
        return Ok(tokenizer);
    }
    let mut counts = bpe::Counts::new(COUNTS_BYTES, directory);
    let mut decided = planned.map(Planned::decided).transpose()?;
    let mut seen = seen(options)?;
    for (phase, hold_out) in options.phases.iter().zip(hold_outs) {
        progress.begin(&format!("count {}", phase.name), size(&phase.sources));
        super::tokenizer::count(
            &phase.sources,
            &options.feed(phase.kind),
            removal(decided.as_mut(), seen.as_mut()),
            &mut counts,
            train.pattern,
            |key| !hold_out.takes(key),
            progress,
        )?;
    }
    let tokenizer = bpe::train(counts, &train, progress)?;
    if let Some(path) = kept {
        write_whole(&path, tokenizer.to_json().as_bytes())?;
    }
    Ok(tokenizer)
}

#[allow(clippy::too_many_arguments)]
fn encode(
    directory: &Path,
    phase: &PhaseInput,
    hold_out: HoldOut,
    options: &Options,
    tokenizer: &bpe::Tokenizer,
    eos: u32,
    removal: Removal<'_, '_>,
    left_out: LeftOut<'_>,
    mut encoded: Option<(&mut Encoded, usize)>,
    progress: &Progress,
) -> Result<(pack::Phase, Account)> {
    let directory = encoded.as_ref().map_or(directory, |(encoded, _)| encoded.folder());
    let writer = |split| Writer::new(directory, &format!("{split}-{}", phase.name), pack::SHARD_TOKENS);
    let mut known = encoded.as_ref().map(|(encoded, number)| encoded.chunks(*number)).transpose()?;
    let (mut train, mut valid) = (writer("train"), writer("valid"));
    // One encoder checks, before any work, that the ids fit into 16 bits.
    drop(bpe::Encoder::<u16, _>::new(tokenizer)?);
    let eos = eos as u16;
    let account = feed::run(
        &phase.sources,
        &options.feed(phase.kind),
        removal,
        left_out,
        progress,
        || bpe::Encoder::<u16, _>::new(tokenizer),
        |encoder, parcel: Parcel| {
            let encoder = encoder.as_mut().map_err(|e| e.clone())?;
            let source = &phase.sources[parcel.source].name;
            let mut tokens = Vec::new();
            let mut entries = Vec::with_capacity(parcel.documents.len());
            for passed in parcel.documents {
                let before = tokens.len();
                if !parcel.encoded {
                    encoder.encode_u16(&passed.document.text, &mut tokens);
                    tokens.push(eos);
                }
                let entry = Entry {
                    id: passed.document.id,
                    source: source.clone(),
                    tokens: (tokens.len() - before) as u64,
                    bytes: passed.bytes,
                };
                entries.push((entry, hold_out.takes(passed.key)));
            }
            Ok((entries, tokens, parcel.encoded))
        },
        |(mut entries, mut tokens, already): (Vec<(Entry, bool)>, Vec<u16>, bool)| {
            if let (true, Some(known)) = (already, &mut known) {
                let sizes = known.next(&mut tokens)?;
                if sizes.len() != entries.len() {
                    return Err(Error::changed());
                }
                entries.iter_mut().zip(sizes).for_each(|((entry, _), (size, _))| entry.tokens = size.into());
            } else if let Some((encoded, number)) = &mut encoded {
                let sizes: Vec<Size> =
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
    Ok((pack::Phase { name: phase.name.clone(), epochs: phase.epochs, train, valid }, account))
}
