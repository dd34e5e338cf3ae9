//! A share of the first pass, for array jobs.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::reader::Source;

/// Which chunks of the input are a shard's: those whose number leaves `rest` when divided by `of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    rest: u32,
    of: u32,
}

impl Shard {
    /// The shard of that number, from 1.
    ///
    /// # Errors
    /// The number is 0 or beyond the last.
    pub fn new(number: u32, of: u32) -> Result<Self> {
        if (1..=of).contains(&number) {
            return Ok(Self { rest: number - 1, of });
        }
        Err(Error::usage(format!("there is no shard {number} of {of}")).hint("shards are 1/N to N/N"))
    }

    /// That every shard can read the sources.
    ///
    /// # Errors
    /// One is a stream, which has no shards.
    pub(super) fn needs_files<'a>(self, sources: impl IntoIterator<Item = &'a Source>) -> Result<()> {
        if let Some(stream) = sources.into_iter().find(|source| source.stream) {
            let what = format!("{} is a stream, which has no shards", stream.name);
            return Err(Error::usage(what).hint("write it to a file that every shard can read"));
        }
        Ok(())
    }

    /// Whether the chunk of that number, counted over all phases, is in it.
    pub(super) fn has(self, chunk: u64) -> bool {
        chunk % u64::from(self.of) == u64::from(self.rest)
    }

    /// The name of its folder: `2-of-8` is the second.
    fn name(self) -> String {
        format!("{}-of-{}", self.rest + 1, self.of)
    }

    /// Its work folder in the folder of all shards.
    pub(super) fn folder(self, shards: &Path) -> PathBuf {
        shards.join(self.name())
    }

    /// The shard whose folder has that name.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let (number, of) = name.split_once("-of-")?;
        Self::new(number.parse().ok()?, of.parse().ok()?).ok()
    }
}

/// Where the shards of the run that makes `out` lie.
pub(super) fn shards_of(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".shards");
    name.into()
}
