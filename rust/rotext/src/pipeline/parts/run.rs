//! The run that the steps belong to, and what decides whether a file belongs to it.

use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::super::decontaminate;
use super::super::near_dedup::{self, FirstPassInput, Phase, volume};
use super::super::pack::{self, Options};
use super::super::resume::{Shard, shards_folder};
use super::record_file::{DAMAGED, is_sound, is_whole};
use super::{Judged, Step};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::reader::Source;

/// One run of `pack`, as its steps see it.
pub(in crate::pipeline) struct Run<'a> {
    pub(super) options: &'a Options,
    pub(super) phases: Vec<Phase<'a>>,
    pub(super) near: &'a near_dedup::Options,
    /// The folder of all steps.
    pub(super) shards: PathBuf,
    /// The key of the journals of its shards.
    pub(super) key: u64,
}

impl<'a> Run<'a> {
    /// The run with these options. It reads the texts of evaluations, because they determine what the first pass finds.
    ///
    /// # Errors
    /// Invalid options; a source is a stream; there is no first pass to share.
    pub(in crate::pipeline) fn open(options: &'a Options, progress: &Progress) -> Result<Self> {
        pack::check(options)?;
        let near = pack::for_shards(options)?;
        let phases = options.first_pass_phases();
        Shard::check_sources(phases.iter().flat_map(|phase| phase.sources))?;
        let evaluation = decontaminate::read(&near.evaluation, &options.stream.fields, progress)?;
        let input = FirstPassInput { phases: &phases, stream: &options.stream, near };
        let key = xxh3_64(input.description(&evaluation).as_bytes());
        Ok(Self { options, near, shards: shards_folder(&options.out), key, phases })
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = &'a Source> + Clone {
        self.options.phases.iter().flat_map(|phase| &phase.sources)
    }

    /// The input of the first pass.
    pub(super) fn first_pass(&self) -> FirstPassInput<'_> {
        FirstPassInput { phases: &self.phases, stream: &self.options.stream, near: self.near }
    }

    /// Bytes that were read of the inputs so far.
    pub(super) fn volume(&self) -> u64 {
        volume(self.sources())
    }

    /// Bytes of all inputs.
    pub(super) fn input_bytes(&self) -> u64 {
        self.sources().map(|source| source.size).sum()
    }

    /// A hash of everything that determines the decisions about what the shards judged.
    pub(super) fn decisions_key(&self, judged: &[Judged]) -> u64 {
        let digests: Vec<u64> = judged.iter().map(|judged| judged.digest).collect();
        let (share, lines) = (self.options.valid_share, self.near.repeated_lines);
        xxh3_64(format!("decisions {digests:?} {share} {lines:?}").as_bytes())
    }

    /// The file of decisions.
    pub(super) fn decisions_path(&self) -> PathBuf {
        Self::decisions_in(self.options)
    }

    /// The file of decisions of a run with these options.
    pub(super) fn decisions_in(options: &Options) -> PathBuf {
        shards_folder(&options.out).join("decisions")
    }

    /// The notes of all shards of the step `judge`.
    ///
    /// # Errors
    /// Shards are missing; the parts of a source do not join.
    pub(super) fn judged(&self) -> Result<Vec<Judged>> {
        let judged = Judged::all(&self.shards, self.key, self.sources())?;
        Judged::check_seams(&judged, self.sources())?;
        Ok(judged)
    }

    /// The file of a shard of a step.
    pub(super) fn file(&self, step: Step, shard: Shard) -> PathBuf {
        self.shards.join(step.name()).join(shard.name())
    }

    /// As [`Run::lacking`], for the run that does what is missing: it reads all records, and takes a damaged file for a missing one.
    pub(super) fn unsound(&self, step: Step, of: u32, key: impl Fn(u32) -> u64) -> Result<Vec<u32>> {
        let shards = (1..=of).map(|number| Ok((number, self.file(step, Shard::new(number, of)?))));
        let shards = shards.collect::<Result<Vec<_>>>()?;
        let bad = shards.into_iter().filter(|(number, path)| !is_sound(path, key(*number)));
        Ok(bad.map(|(number, _)| number).collect())
    }

    /// The shards of a step that have no whole file. `key` returns the key of the file of a shard.
    pub(super) fn lacking(&self, step: Step, of: u32, key: impl Fn(u32) -> u64) -> Result<Vec<u32>> {
        let mut lacking = Vec::new();
        for number in 1..=of {
            if !is_whole(&self.file(step, Shard::new(number, of)?), key(number)) {
                lacking.push(number);
            }
        }
        Ok(lacking)
    }
}

/// The error of shards that a step lacks.
pub(super) fn missing(step: Step, lacking: &[u32], of: u32) -> Error {
    let name = step.name();
    let shown: Vec<String> = lacking.iter().take(5).map(|number| format!("{number}/{of}")).collect();
    let others = match lacking.len().saturating_sub(shown.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (noun, verb) = if lacking.len() == 1 { ("shard", "is") } else { ("shards", "are") };
    let what = format!("the step {name} is not complete: {noun} {}{others} {verb} missing", shown.join(", "));
    let first = lacking.first().copied().unwrap_or(1);
    Error::data(what).hint(format!("run the same command with --step {name} --shard {first}/{of}"))
}

/// The error of a file of a step that is damaged, with the command that writes it again. Other errors stay as they are.
pub(super) fn again(error: Error, step: Step, shard: Option<Shard>) -> Error {
    if error.kind != ErrorKind::Data || !error.what.starts_with(DAMAGED) {
        return error;
    }
    let shard = shard.map_or_else(String::new, |shard| format!(" --shard {}", shard.written()));
    error.hint(format!(
        "remove it, run the same command with --step {}{shard}, and then this step again",
        step.name()
    ))
}

/// The error of a step on one machine that was not run.
pub(super) fn not_done(step: Step, path: &Path) -> Error {
    let name = step.name();
    Error::data(format!("the step {name} is not done for these inputs and options"))
        .at(path)
        .hint(format!("run the same command with --step {name}"))
}
