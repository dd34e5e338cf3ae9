//! Part I of N of a first pass, for the array jobs of a cluster.

use std::path::{Path, PathBuf};

use super::super::output::with_suffix;
use super::super::stream::SourcePart;
use crate::error::{Error, Result};
use crate::reader::{self, Source};

/// One shard of a first pass: it reads the units of part `rest` of `of`, and no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    rest: u32,
    of: u32,
}

impl Shard {
    /// Shard `number` of `of`, counted from 1.
    ///
    /// # Errors
    /// `number` is 0 or greater than `of`.
    pub fn new(number: u32, of: u32) -> Result<Self> {
        if (1..=of).contains(&number) {
            return Ok(Self { rest: number - 1, of });
        }
        Err(Error::usage(format!("there is no shard {number} of {of}")).hint("shards are 1/N to N/N"))
    }

    /// Checks that every shard can read the sources.
    ///
    /// # Errors
    /// A source is a stream, which can be read only once.
    pub(in crate::pipeline) fn check_sources<'a>(
        sources: impl IntoIterator<Item = &'a Source>,
    ) -> Result<()> {
        if let Some(stream) = sources.into_iter().find(|source| source.stream) {
            let what = format!("{} is a stream, which has no shards", stream.name);
            return Err(Error::usage(what).hint("write it to a file that every shard can read"));
        }
        Ok(())
    }

    /// The part of each source that the shard reads.
    pub(in crate::pipeline) fn part<'a>(
        self,
        sources: impl IntoIterator<Item = &'a Source>,
    ) -> Vec<SourcePart> {
        let units = reader::parts(sources, self.rest, self.of);
        units.into_iter().map(|units| SourcePart { units, lines_before: 0 }).collect()
    }

    /// Its number, counted from 1.
    #[must_use]
    pub fn number(self) -> u32 {
        self.rest + 1
    }

    /// How many shards there are.
    #[must_use]
    pub fn of(self) -> u32 {
        self.of
    }

    /// As a user writes it: `2/8`.
    pub(in crate::pipeline) fn written(self) -> String {
        format!("{}/{}", self.rest + 1, self.of)
    }

    /// The name of its folder: `2-of-8` is the second.
    pub(in crate::pipeline) fn name(self) -> String {
        format!("{}-of-{}", self.rest + 1, self.of)
    }

    /// Its work folder in the folder of all shards.
    pub(in crate::pipeline) fn folder(self, shards: &Path) -> PathBuf {
        shards.join(self.name())
    }

    /// The shard whose folder has this name.
    pub(in crate::pipeline) fn from_name(name: &str) -> Option<Self> {
        let (number, of) = name.split_once("-of-")?;
        Self::new(number.parse().ok()?, of.parse().ok()?).ok()
    }
}

/// The folder of the shards of the run that writes `out`.
pub(in crate::pipeline) fn shards_folder(out: &Path) -> PathBuf {
    with_suffix(out, ".shards")
}
